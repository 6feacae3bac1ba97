//! Every check, one after another, with a table of what each took.

use crate::advisories;
use crate::cache::Cache;
use crate::meter::{self, Record};
use crate::table::{Table, slowest};
use crate::{cargo_command, command, root, target};
use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::time::{Duration, Instant, SystemTime};

/// A check's name, the program and what it is called with, and variables set for it.
struct Step {
    name: &'static str,
    program: &'static str,
    arguments: &'static [&'static str],
    variables: &'static [(&'static str, &'static str)],
}

const fn step(name: &'static str, program: &'static str, arguments: &'static [&'static str]) -> Step {
    Step { name, program, arguments, variables: &[] }
}

/// What is quick goes first, and what needs no build of ours.
const BEFORE: [Step; 9] = [
    step("install: checkers", "sh", &["tools/checkers.sh"]),
    step("install: servers for tests", "sh", &["tools/servers.sh"]),
    step("install: references for tests", "sh", &["tools/reference.sh"]),
    step("install: libraries of pages", "sh", &["tools/libraries.sh"]),
    // The licence check looks at the dependencies of every system, without the network.
    step("install: sources of crates", "cargo", &["fetch", "--locked"]),
    step("formatting", "cargo", &["fmt", "--all", "--check"]),
    step("spelling", "typos", &[]),
    step("dependencies", "cargo-deny", &["--offline", "check", "bans", "licenses", "sources"]),
    step("unused dependencies", "cargo-shear", &["--deny-warnings"]),
];
/// What is known about holes in dependencies: without the network, by the copy that there is.
const ADVISORIES: Step = step("advisories", "cargo-deny", &["--offline", "check", "advisories"]);
const BUILD: Step = step("build of tests", "cargo", &["test", "--no-run", "--workspace", "--locked"]);
const TESTS: Step = step("tests", "cargo-nextest", &["nextest", "run", "--workspace", "--locked", "--profile", "ci"]);
/// Lints look at the fuzz targets as well: whether they compile. `fuzz/run.sh` runs them.
const AFTER: [Step; 2] = [
    step(
        "lints",
        "cargo",
        &["clippy", "--workspace", "--all-targets", "--features", "fuzz/targets", "--locked", "--", "-D", "warnings"],
    ),
    Step {
        name: "documentation",
        program: "cargo",
        arguments: &["doc", "--workspace", "--no-deps", "--document-private-items", "--locked"],
        variables: &[("RUSTDOCFLAGS", "-D warnings")],
    },
];

/// Runs steps, and knows what each took.
struct Runner {
    table: Table,
    log: PathBuf,
    variables: Vec<(&'static str, OsString)>,
    /// Records that belong to steps that ended.
    told: usize,
}

impl Runner {
    fn new() -> std::io::Result<Self> {
        let folder = target().join("ci");
        let log = folder.join("meter.tsv");
        let variables = meter::install(&folder.join("bin"), &log)?;
        Ok(Self { table: Table::default(), log, variables, told: 0 })
    }

    fn step(&mut self, step: &Step) -> bool {
        eprintln!("== {}: {} {}", step.name, step.program, step.arguments.join(" "));
        let mut command = if step.program == "cargo" { cargo_command() } else { command(checker(step.program)) };
        command.args(step.arguments);
        command.envs(step.variables.iter().copied());
        command.envs(self.variables.iter().map(|(name, value)| (name, value)));
        let (start, before) = (Instant::now(), meter::children_cpu());
        let status = command.status();
        let (wall, cpu) = (start.elapsed(), meter::children_cpu().saturating_sub(before));
        self.took(step.name, wall, cpu);
        match status {
            Ok(status) if status.success() => {
                eprintln!("== {}: good after {:.1} s", step.name, wall.as_secs_f64());
                true
            }
            Ok(_) => {
                eprintln!("xtask: {} failed", step.name);
                false
            }
            Err(error) => {
                eprintln!("xtask: `{}`: {error}; `sh tools/test.sh` installs what is missing", step.program);
                false
            }
        }
    }

    /// Looks for holes that are known in dependencies; good where nobody can tell, which is said.
    fn advisories(&mut self) -> bool {
        let age = || advisories::age(&advisories::folder()?, SystemTime::now());
        if age().is_none_or(|age| age > advisories::FRESH) {
            let mut fetch = command("timeout");
            let fetched =
                fetch.arg(advisories::FETCHING).arg(checker(ADVISORIES.program)).args(["fetch", "db"]).output();
            if !fetched.is_ok_and(|output| output.status.success()) {
                eprintln!("== {}: another copy of the RustSec database could not be fetched", ADVISORIES.name);
            }
        }
        let age = age();
        eprintln!("== {}: {}", ADVISORIES.name, advisories::said(age));
        age.is_none() || self.step(&ADVISORIES)
    }

    fn took(&mut self, name: &str, wall: Duration, cpu: Duration) {
        let records = meter::records(&self.log);
        self.table.step(name, wall, cpu, records.get(self.told..).unwrap_or_default());
        self.told = records.len();
    }

    fn cache(&mut self, name: &str, act: impl Fn(&Cache) -> std::io::Result<String>) {
        let Some(cache) = Cache::of_the_user(&root(), &target(), "debug") else { return };
        let start = Instant::now();
        // Without it everything is only slower.
        match act(&cache) {
            Ok(said) => eprintln!("== {name}: {said}"),
            Err(error) => eprintln!("== {name}: {error}"),
        }
        self.took(name, start.elapsed(), Duration::ZERO);
    }

    /// Prints the table, and leaves it in `target/ci/table.md`.
    fn end(self, good: bool) -> ExitCode {
        let records: Vec<Record> = meter::records(&self.log);
        let text = format!("{}\n{}", self.table.markdown(), slowest(&records, 12));
        eprintln!("\n{text}");
        let path = target().join("ci/table.md");
        if let Err(error) = std::fs::write(&path, text) {
            eprintln!("xtask: `{}`: {error}", path.display());
        }
        if good { ExitCode::SUCCESS } else { ExitCode::FAILURE }
    }
}

/// Megabytes that a run in a clean clone takes, its own files and what it adds to the cache.
const ROOM: u64 = 12_000;

/// Megabytes that are free at a place.
fn free(place: &Path) -> Option<u64> {
    let output = command("df").args(["-P", "-m"]).arg(place).output().ok()?;
    let text = String::from_utf8(output.stdout).ok()?;
    text.lines().nth(1)?.split_whitespace().nth(3)?.parse().ok()
}

/// Every check; the tests as often as asked for.
pub fn run(runs: usize) -> ExitCode {
    let mut runner = match Runner::new() {
        Ok(runner) => runner,
        Err(error) => {
            eprintln!("xtask: `{}`: {error}", target().join("ci").display());
            return ExitCode::FAILURE;
        }
    };
    if let Some(free) = free(&root()) {
        eprintln!("== room: {free} MB are free; a run in a clean clone takes up to {ROOM} MB");
    }
    if !(BEFORE.iter().all(|step| runner.step(step)) && runner.advisories()) {
        return runner.end(false);
    }
    runner.cache("third-party crates from the cache", Cache::restore);
    let good =
        runner.step(&BUILD) && (0..runs).all(|_| runner.step(&TESTS)) && AFTER.iter().all(|step| runner.step(step));
    runner.cache("third-party crates to the cache", Cache::keep);
    runner.end(good)
}

/// The tests alone, with what nextest is given besides.
pub fn tests(arguments: &[&str]) -> ExitCode {
    tests_with(arguments, &[])
}

/// The morning of an office, with every library of `tools/libraries.txt`, which are fetched first.
pub fn browser() -> ExitCode {
    match command("sh").args(["tools/libraries.sh", "all"]).status() {
        Ok(status) if status.success() => {
            tests_with(&["--no-capture", "morning"], &[("LAZARET_TEST_LIBRARIES", "1000")])
        }
        _ => {
            eprintln!("xtask: the libraries could not be fetched");
            ExitCode::FAILURE
        }
    }
}

fn tests_with(arguments: &[&str], variables: &[(&str, &str)]) -> ExitCode {
    let mut command = command(checker(TESTS.program));
    command.args(TESTS.arguments).args(arguments).envs(variables.iter().copied());
    match command.status() {
        Ok(status) if status.success() => ExitCode::SUCCESS,
        Ok(_) => ExitCode::FAILURE,
        Err(error) => {
            eprintln!("xtask: `{}`: {error}; `sh tools/checkers.sh` installs it", TESTS.program);
            ExitCode::FAILURE
        }
    }
}

/// A checker as `tools/checkers.sh` installed it, in the version that is written there; else whatever the path has.
fn checker(program: &str) -> PathBuf {
    let installed = target().join("tools/checkers/bin").join(program);
    if installed.is_file() { installed } else { PathBuf::from(program) }
}
