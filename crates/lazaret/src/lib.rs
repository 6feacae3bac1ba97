//! Commands, configuration, and the list of rooms that `lazaret serve` walks. Everything else lives in the crates below.
//!
//! It is a library so that a room of another crate is one line: in the list of `rooms.rs`, or in an executable of one's own, whose
//! `main` calls [`main_with`] with the rooms of [`rooms()`] and one more.

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
mod packing;
mod pages;
mod process;
mod provider;
mod record;
mod reload;
mod replay;
mod retention;
mod rooms;
mod rule_files;
mod settings;
mod sources;
mod tree;
mod unpacking;

pub use rooms::rooms;

use clap::Parser;
use lazaret_frame::Room;
use std::process::ExitCode;
use std::sync::Arc;

/// Children that inspect one sample after the other forget each with it.
#[global_allocator]
static ALLOCATOR: lazaret_engine::Wiping = lazaret_engine::Wiping;

/// Runs the command that was asked for, with these rooms, which are asked for once it is known that this is no worker.
pub fn main_with(rooms: impl FnOnce() -> Vec<Arc<dyn Room>>) -> ExitCode {
    // The worker must not parse arguments, read configuration or allocate more than it needs.
    if std::env::args_os().nth(1).is_some_and(|argument| argument == lazaret_engine::WORKER_ARGUMENT) {
        return lazaret_engine::worker_main();
    }
    if std::env::args_os().nth(1).is_some_and(|argument| argument == unpacking::UNPACKER_ARGUMENT) {
        return unpacking::unpacker_main();
    }
    if std::env::args_os().nth(1).is_some_and(|argument| argument == lazaret_gates::SIGNER_ARGUMENT) {
        return lazaret_gates::signer_main();
    }
    if std::env::args_os().nth(1).is_some_and(|argument| argument == lazaret_gates::NEGOTIATE_ARGUMENT) {
        let configuration = std::env::var_os("KRB5_CONFIG").unwrap_or_default();
        return lazaret_gates::negotiate_main(&configuration);
    }
    folder::mask();
    if let Err(failure) = rooms::put_up(rooms()) {
        display::complain(&failure.to_string());
        return ExitCode::from(2);
    }
    let cli = cli::Cli::parse();
    match commands::run(cli) {
        Ok(status) => status,
        Err(failure) => {
            display::complain(&failure.to_string());
            ExitCode::from(2)
        }
    }
}
