//! The executable: commands and configuration. Everything else lives in the crates below it.

mod accounts;
mod authority;
mod bypass;
mod cli;
mod commands;
mod config;
mod control;
mod display;
mod export;
mod failure;
mod folder;
mod lock;
mod manifest;
mod pages;
mod process;
mod record;
mod reload;
mod replay;
mod retention;
mod settings;
mod sources;
mod tree;

use clap::Parser;
use std::process::ExitCode;

/// Children that inspect one sample after the other forget each with it.
#[global_allocator]
static ALLOCATOR: lazaret_engine::Wiping = lazaret_engine::Wiping;

fn main() -> ExitCode {
    // The worker must not parse arguments, read configuration or allocate more than it needs.
    if std::env::args_os().nth(1).is_some_and(|argument| argument == lazaret_engine::WORKER_ARGUMENT) {
        return lazaret_engine::worker_main();
    }
    folder::mask();
    let cli = cli::Cli::parse();
    match commands::run(cli) {
        Ok(status) => status,
        Err(failure) => {
            display::complain(&failure.to_string());
            ExitCode::from(2)
        }
    }
}
