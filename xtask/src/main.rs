//! `cargo xtask`: the checks that every change passes, locally and in CI alike, and the corpus.

use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode};

/// A check's name, the program and what it is called with, and variables set for it.
type Step = (&'static str, &'static str, &'static [&'static str], &'static [(&'static str, &'static str)]);

const HELP: &str = "\
cargo xtask ci                every check: formatting, spelling, dependencies, tests, lints, documentation
cargo xtask corpus            make the stand-ins of crates/*/corpus anew, where they are missing or differ
cargo xtask corpus --report   scan every stand-in and print what was made, expected and found, row by row
                              (--lazaret FILE: with this executable instead of a build of this tree)
cargo xtask corpus --unpack FOLDER
                              write the plain bytes of the stand-ins, by the fuzz target that they are seeds of
cargo xtask bench             the figures of docs/benchmarks.md, of a release build (needs 9 GB in target/)
cargo xtask bench gate [icap] [proxy] [memory] [ledger]
                              the gates beside c-icap with clamd and beside Squid, which `sh tools/servers.sh` installs
                              (needs 12 GB in the temporary folder)
cargo xtask bench library FILE-OR-FOLDER
                              the ATT&CK library beside mitreattack-python, which `sh tools/reference.sh all` installs; what is
                              named holds every Enterprise release in STIX 2.0 (a folder of bundles, or a .tar.zst)
";

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let words: Vec<&str> = arguments.iter().map(String::as_str).collect();
    match words.as_slice() {
        ["ci"] => ci(),
        ["corpus", ..] => corpus(&arguments[1..]),
        ["bench"] => bench(),
        ["bench", "gate", ..] => bench_gate(&arguments[2..]),
        ["bench", "library", releases] => {
            let python = target().join("tools/reference/bin/python").display().to_string();
            bench_gate(&["--python".to_owned(), python, "--library".to_owned(), (*releases).to_owned()])
        }
        ["help" | "--help" | "-h"] => {
            print!("{HELP}");
            ExitCode::SUCCESS
        }
        [] => {
            eprint!("xtask: a command is missing\n{HELP}");
            ExitCode::from(2)
        }
        _ => {
            eprint!("xtask: `{}` is not a command\n{HELP}", words.join(" "));
            ExitCode::from(2)
        }
    }
}

/// Everything is built together, since building parts of the workspace would build the rule engine another time.
fn corpus(arguments: &[String]) -> ExitCode {
    if !cargo(&["build", "--workspace", "--locked"]) {
        eprintln!("xtask: the workspace could not be built");
        return ExitCode::from(2);
    }
    run(&target().join("debug/corpus"), arguments)
}

fn run(program: &Path, arguments: &[String]) -> ExitCode {
    match Command::new(program).args(arguments).status() {
        Ok(status) => ExitCode::from(status.code().and_then(|code| u8::try_from(code).ok()).unwrap_or(2)),
        Err(error) => {
            eprintln!("xtask: `{}`: {error}", program.display());
            ExitCode::from(2)
        }
    }
}

fn bench() -> ExitCode {
    if !cargo(&["build", "--release", "--package", "lazaret", "--locked"]) {
        eprintln!("xtask: the release could not be built");
        return ExitCode::from(2);
    }
    let executable = target().join("release/lazaret").display().to_string();
    corpus(&["--bench".to_owned(), "--lazaret".to_owned(), executable])
}

fn bench_gate(scenes: &[String]) -> ExitCode {
    if !cargo(&["build", "--release", "--package", "lazaret", "--package", "gate", "--locked"]) {
        eprintln!("xtask: the release could not be built");
        return ExitCode::from(2);
    }
    let release = target().join("release");
    let arguments = [&["--lazaret".to_owned(), release.join("lazaret").display().to_string()], scenes].concat();
    run(&release.join("gate"), &arguments)
}

fn target() -> PathBuf {
    std::env::var_os("CARGO_TARGET_DIR").map_or_else(|| root().join("target"), PathBuf::from)
}

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..")
}

fn cargo(arguments: &[&str]) -> bool {
    let cargo = std::env::var("CARGO").unwrap_or_else(|_| "cargo".to_owned());
    let mut command = Command::new(cargo);
    // What cargo says about this program would be news to the build scripts of others, and have them built anew.
    for (name, _) in std::env::vars_os() {
        if ["CARGO_PKG_", "CARGO_MANIFEST_"].iter().any(|start| name.to_string_lossy().starts_with(start)) {
            command.env_remove(name);
        }
    }
    command.args(arguments).current_dir(root()).status().is_ok_and(|status| status.success())
}

fn ci() -> ExitCode {
    let steps: [Step; 8] = [
        ("formatting", "cargo", &["fmt", "--all", "--check"], &[]),
        ("spelling", "typos", &[], &[]),
        ("dependencies", "cargo-deny", &["--offline", "check", "bans", "licenses", "sources"], &[]),
        ("unused dependencies", "cargo-machete", &["crates", "xtask"], &[]),
        ("tests", "cargo", &["test", "--workspace", "--locked"], &[]),
        ("lints", "cargo", &["clippy", "--workspace", "--all-targets", "--locked", "--", "-D", "warnings"], &[]),
        // Only whether they compile: running them needs a nightly toolchain (`fuzz/run.sh`).
        (
            "fuzz targets",
            "cargo",
            &["check", "--manifest-path", "fuzz/Cargo.toml", "--target-dir", "target/fuzz", "--locked"],
            &[],
        ),
        (
            "documentation",
            "cargo",
            &["doc", "--workspace", "--no-deps", "--document-private-items", "--locked"],
            &[("RUSTDOCFLAGS", "-D warnings")],
        ),
    ];
    for (name, program, arguments, variables) in steps {
        eprintln!("== {name}: {program} {}", arguments.join(" "));
        let started = std::time::Instant::now();
        let mut command = Command::new(program);
        match command.args(arguments).envs(variables.iter().copied()).current_dir(root()).status() {
            Ok(status) if status.success() => eprintln!("== {name}: good after {} s", started.elapsed().as_secs()),
            Ok(_) => {
                eprintln!("xtask: {name} failed");
                return ExitCode::FAILURE;
            }
            Err(error) => {
                eprintln!("xtask: `{program}`: {error}; `sh tools/test.sh` installs what is missing");
                return ExitCode::FAILURE;
            }
        }
    }
    ExitCode::SUCCESS
}
