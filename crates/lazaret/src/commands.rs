//! One file a command.

mod authority;
mod backup;
mod config;
mod demo;
mod doctor;
mod incident;
pub(crate) mod library;
mod lists;
mod policy;
mod restore;
mod scan;
mod serve;
mod site;

use crate::cli::{Cli, Command};
use crate::failure::Failure;
use clap::CommandFactory;
use std::process::ExitCode;

/// Runs the command that was asked for.
pub(crate) fn run(cli: Cli) -> Result<ExitCode, Failure> {
    crate::folder::close(&crate::folder::named(&cli.common));
    match cli.command {
        Command::Scan(options) => scan::run(&cli.common, &options),
        Command::Serve(options) => serve::run(&cli.common, &options),
        Command::Demo(options) => demo::run(&cli.common, &options),
        Command::Backup(options) => backup::run(&cli.common, &options),
        Command::Restore(options) => restore::run(&cli.common, &options),
        Command::Authority(command) => authority::run(&cli.common, &command),
        Command::Site(options) => site::run(&cli.common, &options),
        Command::Incident(command) => incident::run(&cli.common, &command),
        Command::Policy(command) => policy::run(&cli.common, &command),
        Command::Library(command) => library::run(&cli.common, &command),
        Command::Doctor(options) => doctor::run(&cli.common, &options),
        Command::Kinds(options) => lists::kinds(&options),
        Command::Formats(options) => lists::formats(&options),
        Command::Detectors(options) => lists::detectors(&options),
        Command::Config(command) => config::run(&cli.common, &command),
        Command::Completions { shell } => {
            let mut script = Vec::new();
            clap_complete::generate(shell, &mut Cli::command(), "lazaret", &mut script);
            print(&script)
        }
        Command::Man => {
            let mut page = Vec::new();
            manual(&mut page)?;
            print(&page)
        }
    }
}

/// Every command's page, one after the other.
fn manual(page: &mut Vec<u8>) -> std::io::Result<()> {
    fn render(command: clap::Command, page: &mut Vec<u8>) -> std::io::Result<()> {
        clap_mangen::Man::new(command.clone()).render(page)?;
        for sub in command.get_subcommands().filter(|sub| !sub.is_hide_set() && sub.get_name() != "help") {
            render(sub.clone().disable_help_subcommand(true), page)?;
        }
        Ok(())
    }
    let mut command = Cli::command();
    command.build();
    render(command, page)
}

fn print(bytes: &[u8]) -> Result<ExitCode, Failure> {
    crate::display::print(bytes)?;
    Ok(ExitCode::SUCCESS)
}
