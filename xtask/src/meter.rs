//! Measures what a step is made of: this program under another name stands between cargo and the compiler, between the
//! compiler and the linker, and between nextest and each test, and writes down what they took.

use std::ffi::OsString;
use std::fs::OpenOptions;
use std::io::Write as _;
use std::os::unix::process::ExitStatusExt as _;
use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode};
use std::time::{Duration, Instant};

/// Where records go: one line each, as [`Record`] writes them.
const LOG: &str = "LAZARET_METER";

/// What this program stands in front of.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Role {
    /// `RUSTC_WRAPPER` of cargo: the first argument is the compiler.
    Compiler,
    /// The compiler's `-C linker`. Not called `cc`, which would have the compiler choose another linker behind it.
    Linker,
    /// cargo's runner: the first argument is the test program.
    Runner,
}

impl Role {
    const ALL: [Self; 3] = [Self::Compiler, Self::Linker, Self::Runner];

    const fn name(self) -> &'static str {
        match self {
            Self::Compiler => "meter-compiler",
            Self::Linker => "meter-linker",
            Self::Runner => "meter-runner",
        }
    }

    /// The role that the name of this program says; none for `xtask` itself.
    pub fn of_this_program() -> Option<Self> {
        let program = PathBuf::from(std::env::args_os().next()?);
        Self::ALL.into_iter().find(|role| program.file_name().is_some_and(|name| name == role.name()))
    }
}

/// One program that ran.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Record {
    /// `own` and `third-party` crates, `link`, `test`.
    pub kind: String,
    /// The crate, or the test with the program that it is in.
    pub name: String,
    pub wall: Duration,
    /// Processor time, of children as well, in steps of 10 ms.
    pub cpu: Duration,
}

impl Record {
    fn line(&self) -> String {
        format!("{}\t{}\t{}\t{}\n", self.kind, self.name, self.wall.as_millis(), self.cpu.as_millis())
    }

    fn of(line: &str) -> Option<Self> {
        let [kind, name, wall, cpu] = line.split('\t').collect::<Vec<_>>().try_into().ok()?;
        let time = |text: &str| text.parse().ok().map(Duration::from_millis);
        Some(Self { kind: kind.to_owned(), name: name.to_owned(), wall: time(wall)?, cpu: time(cpu)? })
    }
}

/// Puts this program under the names of all roles into a folder, and says which variables make cargo use them.
pub fn install(folder: &Path, log: &Path) -> std::io::Result<Vec<(&'static str, OsString)>> {
    std::fs::create_dir_all(folder)?;
    let own = std::env::current_exe()?;
    for role in Role::ALL {
        // A copy, since building the workspace replaces the original.
        let path = folder.join(role.name());
        let fresh = folder.join(format!("{}.new", role.name()));
        std::fs::copy(&own, &fresh)?;
        std::fs::rename(&fresh, &path)?;
    }
    std::fs::write(log, "")?;
    let at = |role: Role| folder.join(role.name()).into_os_string();
    let mut variables =
        vec![(LOG, log.as_os_str().to_owned()), ("CARGO_TARGET_X86_64_UNKNOWN_LINUX_GNU_RUNNER", at(Role::Runner))];
    // Somebody's own wrapper does more than measure.
    if std::env::var_os("RUSTC_WRAPPER").is_none() {
        variables.push(("RUSTC_WRAPPER", at(Role::Compiler)));
    }
    Ok(variables)
}

/// What was written down so far.
pub fn records(log: &Path) -> Vec<Record> {
    std::fs::read_to_string(log).unwrap_or_default().lines().filter_map(Record::of).collect()
}

/// Processor time of all children that ended and were waited for, theirs included: `cutime` and `cstime` of proc_pid_stat(5), in
/// hundredths of a second on every Linux that Rust supports.
pub fn children_cpu() -> Duration {
    let text = std::fs::read_to_string("/proc/self/stat").unwrap_or_default();
    // The name in parentheses may hold spaces; `cutime` is the 16th field, and the 3rd is the first one behind it.
    let fields = text.rsplit(')').next().unwrap_or_default().split_whitespace().skip(13).take(2);
    Duration::from_millis(fields.filter_map(|ticks| ticks.parse::<u64>().ok()).sum::<u64>() * 10)
}

/// Runs what this program stands in front of, and writes down what it took.
pub fn run(role: Role) -> ExitCode {
    let mut arguments: Vec<OsString> = std::env::args_os().skip(1).collect();
    let program = match role {
        Role::Linker => "cc".into(),
        Role::Compiler | Role::Runner if arguments.is_empty() => return ExitCode::from(2),
        Role::Compiler | Role::Runner => arguments.remove(0),
    };
    let log = std::env::var_os(LOG);
    if role == Role::Compiler
        && log.is_some()
        && let Ok(own) = std::env::current_exe()
    {
        let mut linker = OsString::from("-Clinker=");
        linker.push(own.with_file_name(Role::Linker.name()));
        arguments.push(linker);
    }
    let what = what(role, &arguments);
    let start = Instant::now();
    let status = match Command::new(&program).args(&arguments).status() {
        Ok(status) => status,
        Err(error) => {
            eprintln!("{}: `{}`: {error}", role.name(), program.display());
            return ExitCode::from(127);
        }
    };
    if let (Some(log), Some((kind, name))) = (log, what) {
        let record = Record { kind, name, wall: start.elapsed(), cpu: children_cpu() };
        // One short write each, so that lines of several programs do not mix.
        let written =
            OpenOptions::new().append(true).open(log).and_then(|mut log| log.write_all(record.line().as_bytes()));
        if let Err(error) = written {
            eprintln!("{}: nothing was written down: {error}", role.name());
        }
    }
    let code = status.code().unwrap_or_else(|| 128 + status.signal().unwrap_or_default());
    ExitCode::from(u8::try_from(code).unwrap_or(1))
}

/// Kind and name of what is run; none where it is no work worth a record.
fn what(role: Role, arguments: &[OsString]) -> Option<(String, String)> {
    let variable = |name: &str| std::env::var(name).ok().filter(|text| !text.is_empty());
    match role {
        // Questions about the compiler itself come without a package.
        Role::Compiler => {
            let kind = if variable("CARGO_PRIMARY_PACKAGE").is_some() { "own" } else { "third-party" };
            Some((kind.to_owned(), variable("CARGO_CRATE_NAME").or_else(|| variable("CARGO_PKG_NAME"))?))
        }
        Role::Linker => {
            let kind = if variable("CARGO_PRIMARY_PACKAGE").is_some() { "link" } else { "third-party link" };
            Some((kind.to_owned(), variable("CARGO_CRATE_NAME").or_else(|| variable("CARGO_PKG_NAME"))?))
        }
        Role::Runner => {
            if arguments.iter().any(|argument| argument == "--list") {
                return None;
            }
            let test =
                arguments.iter().map(|argument| argument.to_string_lossy()).find(|text| !text.starts_with('-'))?;
            Some(("test".to_owned(), format!("{} {test}", variable("NEXTEST_BINARY_ID").unwrap_or_default())))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_record_is_read_as_it_was_written() {
        let record = Record {
            kind: "own".into(),
            name: "lazaret::it a::b".into(),
            wall: Duration::from_millis(1_234),
            cpu: Duration::from_millis(50),
        };
        assert_eq!(Record::of(record.line().trim_end()), Some(record));
        assert_eq!(Record::of("own\tx\t1"), None);
        assert_eq!(Record::of("own\tx\t1\tmuch"), None);
    }

    #[test]
    fn the_time_of_children_is_seen() {
        let before = children_cpu();
        let script = "i=0; while [ $i -lt 300000 ]; do i=$((i+1)); done";
        assert!(Command::new("sh").args(["-c", script]).status().unwrap().success());
        assert!(children_cpu() > before);
    }
}
