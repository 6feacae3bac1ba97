//! `cargo xtask bench gate`: what inspecting bytes in transit costs, beside others that do it or do not, in one run.
//!
//! Everything runs on this machine: the load comes from here, and so does the site that is fetched from. The load is the
//! same for everybody, its bodies are made before the clock starts, and its own use of the processors is printed.

#![allow(
    clippy::expect_used,
    clippy::panic,
    clippy::unwrap_used,
    reason = "a tool for maintainers: where it fails, it says so and ends"
)]

mod bodies;
mod icap;
mod library;
mod load;
mod mixed;
mod peers;
mod rules;
mod scenes;
mod site;
mod table;
mod web;

use std::path::PathBuf;
use std::process::ExitCode;

const HELP: &str = "\
gate --lazaret FILE [--seed NUMBER] [--hashes NUMBER] [SCENE...]
gate --lazaret FILE --python FILE --library FILE-OR-FOLDER
                             the ATT&CK library beside mitreattack-python; the file or folder has every Enterprise release

Scenes, all where none is named:
  icap     our ICAP server beside c-icap with virus_scan and clamd
  mixed    the same with what real pages are made of: many sites, kinds and sizes, most of it seen before;
           --seed makes another sequence
  rules    the same with 8,000 rules and a list of 10,000,000 hashes, beside ours without them and beside clamd with 10,000
           signatures; --hashes makes the list another size
  proxy    our proxy, inspecting, beside Squid with ssl-bump, which does not
  memory   100 downloads of 100 MB at once
  ledger   what it costs to have every event on the disk
";

/// What scenes may be asked for besides.
struct Options {
    /// What the sequence of mixed bodies is made from.
    seed: u64,
    /// Hashes on the list that is loaded with many rules.
    hashes: u64,
}

fn main() -> ExitCode {
    let mut arguments = std::env::args().skip(1);
    let (mut lazaret, mut names) = (None, Vec::new());
    let (mut releases, mut python) = (None, PathBuf::from("python3"));
    let mut options = Options { seed: 1_204, hashes: 10_000_000 };
    while let Some(argument) = arguments.next() {
        match argument.as_str() {
            "--lazaret" => lazaret = arguments.next().map(PathBuf::from),
            "--library" => releases = arguments.next().map(PathBuf::from),
            "--python" => python = arguments.next().map_or(python, PathBuf::from),
            "--seed" | "--hashes" => {
                let Some(number) = arguments.next().and_then(|number| number.parse().ok()) else {
                    eprint!("gate: `{argument}` wants a number\n{HELP}");
                    return ExitCode::from(2);
                };
                *(if argument == "--seed" { &mut options.seed } else { &mut options.hashes }) = number;
            }
            "icap" | "mixed" | "rules" | "proxy" | "memory" | "ledger" => names.push(argument),
            _ => {
                eprint!("gate: `{argument}` is not known here\n{HELP}");
                return ExitCode::from(2);
            }
        }
    }
    let Some(lazaret) = lazaret else {
        eprint!("gate: the executable to measure is missing\n{HELP}");
        return ExitCode::from(2);
    };
    let ran = match releases {
        Some(releases) => library::run(&lazaret, &releases, &python),
        None => scenes::run(&lazaret, &names, &options),
    };
    match ran {
        Ok(()) => ExitCode::SUCCESS,
        Err(why) => {
            eprintln!("gate: {why}");
            ExitCode::FAILURE
        }
    }
}
