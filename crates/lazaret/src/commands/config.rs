//! `lazaret config`: every key with its default; whether a file is right.

use crate::cli::{Common, Config as Command};
use crate::config::{Config, DEFAULTS};
use crate::failure::Failure;
use std::process::ExitCode;

pub(crate) fn run(common: &Common, command: &Command) -> Result<ExitCode, Failure> {
    match command {
        Command::Defaults => super::print(DEFAULTS.as_bytes()),
        Command::Check => {
            Config::load(common.config.as_deref())?;
            println!("the configuration is right");
            Ok(ExitCode::SUCCESS)
        }
    }
}
