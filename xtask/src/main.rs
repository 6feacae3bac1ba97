//! `cargo xtask`: the checks that every change passes, locally and in CI alike, and the corpus.

#![allow(
    clippy::expect_used,
    clippy::panic,
    clippy::unwrap_used,
    reason = "a tool for maintainers: where it fails, it says so and ends"
)]

mod advisories;
mod cache;
mod ci;
mod meter;
mod package;
mod table;

use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode};

const HELP: &str = "\
cargo xtask ci                every check: formatting, spelling, dependencies, tests, lints, documentation;
                              prints what each took and writes the table to target/ci/table.md
                              (--runs N: the tests N times in a row)
cargo xtask tests             the integration and unit tests alone, with the configuration of `ci`
cargo xtask package           what people install, into target/package: a .deb, an .rpm where `rpmbuild` is there, a .tar.gz
                              (--lazaret FILE: with this executable instead of a release build; --out FOLDER;
                              --quick: compressed for speed)
cargo xtask cache restore|keep debug|release
                              take compiled third-party crates from the user's cache, or put them there
cargo xtask corpus            make the stand-ins of crates/*/corpus anew, where they are missing or differ
cargo xtask corpus --report   scan every stand-in and print what was made, expected and found, row by row
                              (--lazaret FILE: with this executable instead of a build of this tree)
cargo xtask corpus --unpack FOLDER
                              write the plain bytes of the stand-ins, by the fuzz target that they are seeds of
cargo xtask honest FOLDER…    scan folders of honest files and print the table of docs/false-positives.md: what is delivered, and
                              each stopped file with its reasons (--lazaret FILE; --keep FILE writes the decisions down,
                              --baseline FILE compares with them and fails when something is delivered no more;
                              --registry FOLDER fetches a fixed list of packages of npm, PyPI and Debian there first)
cargo xtask honest --browser  open pages with each library of tools/libraries.txt in Chromium behind the proxy, see a film,
                              hear a station, download much (fetches 1.2 GB from npm into the cache first)
cargo xtask bench             the figures of docs/benchmarks.md, of a release build (needs 9 GB in target/)
cargo xtask bench gate [icap] [mixed] [rules] [proxy] [memory] [ledger]
                              the gates beside c-icap with clamd and beside Squid, which `sh tools/servers.sh` installs
                              (needs 12 GB in the temporary folder; --seed N: another sequence of mixed bodies;
                              --hashes N: a list of another size beside the many rules)
cargo xtask bench library FILE-OR-FOLDER
                              the ATT&CK library beside mitreattack-python, which `sh tools/reference.sh all` installs; what is
                              named holds every Enterprise release in STIX 2.0 (a folder of bundles, or a .tar.zst)
";

fn main() -> ExitCode {
    if let Some(role) = meter::Role::of_this_program() {
        return meter::run(role);
    }
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let words: Vec<&str> = arguments.iter().map(String::as_str).collect();
    match words.as_slice() {
        ["ci"] => ci::run(1),
        ["ci", "--runs", runs] => match runs.parse() {
            Ok(runs) if runs > 0 => ci::run(runs),
            _ => {
                eprintln!("xtask: `--runs {runs}` is not a number of runs");
                ExitCode::from(2)
            }
        },
        ["tests", ..] => ci::tests(&words[1..]),
        ["package", ..] => package::run(&words[1..]),
        ["cache", act @ ("restore" | "keep"), profile @ ("debug" | "release")] => cache_of(act, profile),
        ["corpus", ..] => corpus(&arguments[1..]),
        ["honest", "--browser"] => ci::browser(),
        ["honest", ..] => corpus(&[&["--honest".to_owned()], &arguments[1..]].concat()),
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

fn cache_of(act: &str, profile: &str) -> ExitCode {
    let Some(cache) = cache::Cache::of_the_user(&root(), &target(), profile) else { return ExitCode::SUCCESS };
    let done = if act == "restore" { cache.restore() } else { cache.keep() };
    match done {
        Ok(said) => {
            eprintln!("xtask: {said}");
            ExitCode::SUCCESS
        }
        Err(error) => {
            eprintln!("xtask: the cache of third-party crates: {error}");
            ExitCode::FAILURE
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
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().expect("this crate has a folder above it").to_owned()
}

/// `cargo` as it was before it started this program.
fn cargo_command() -> Command {
    command(std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into()))
}

/// A program that is run in the repository's root.
fn command(program: impl AsRef<std::ffi::OsStr>) -> Command {
    let mut command = Command::new(program);
    // What cargo says about this program would be news to the build scripts of others, and have them built anew.
    for (name, _) in std::env::vars_os() {
        if ["CARGO_PKG_", "CARGO_MANIFEST_"].iter().any(|start| name.to_string_lossy().starts_with(start)) {
            command.env_remove(name);
        }
    }
    command.current_dir(root());
    command
}

fn cargo(arguments: &[&str]) -> bool {
    cargo_command().args(arguments).status().is_ok_and(|status| status.success())
}
