//! `cargo xtask`: the checks that every change passes, locally and in CI alike.

use std::process::{Command, ExitCode};

/// A check's name, what cargo is called with, and variables set for it.
type Step = (&'static str, &'static [&'static str], &'static [(&'static str, &'static str)]);

const HELP: &str = "cargo xtask ci    every check: formatting, lints, tests, documentation\n";

fn main() -> ExitCode {
    match std::env::args().nth(1).as_deref() {
        Some("ci") => ci(),
        Some("help" | "--help" | "-h") => {
            print!("{HELP}");
            ExitCode::SUCCESS
        }
        other => {
            eprintln!("xtask: `{}` is not a command\n{HELP}", other.unwrap_or(""));
            ExitCode::from(2)
        }
    }
}

fn ci() -> ExitCode {
    let steps: [Step; 4] = [
        ("formatting", &["fmt", "--all", "--check"], &[]),
        ("tests", &["test", "--workspace", "--locked"], &[]),
        ("lints", &["clippy", "--workspace", "--all-targets", "--locked", "--", "-D", "warnings"], &[]),
        (
            "documentation",
            &["doc", "--workspace", "--no-deps", "--document-private-items", "--locked"],
            &[("RUSTDOCFLAGS", "-D warnings")],
        ),
    ];
    let cargo = std::env::var("CARGO").unwrap_or_else(|_| "cargo".to_owned());
    for (name, arguments, variables) in steps {
        eprintln!("== {name}: cargo {}", arguments.join(" "));
        let status = Command::new(&cargo).args(arguments).envs(variables.iter().copied()).status();
        if !status.is_ok_and(|status| status.success()) {
            eprintln!("xtask: {name} failed");
            return ExitCode::FAILURE;
        }
    }
    ExitCode::SUCCESS
}
