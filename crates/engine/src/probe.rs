//! Tries from inside a locked child what must not succeed. `lazaret doctor` and a test run it: protection is shown,
//! not assumed.

use crate::system;
use rustix::fd::{AsRawFd, BorrowedFd};
use rustix::mm::MapFlags;
use serde::{Deserialize, Serialize};
use std::os::unix::process::CommandExt;

/// Something a sample might make a taken-over decoder do.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum Probe {
    /// Read a file.
    OpenFile,
    /// Create a file.
    CreateFile,
    /// Connect to a server.
    Connect,
    /// Run a program.
    Execute,
    /// Look into another process.
    Trace,
    /// Start another process.
    Fork,
    /// Kill the process that started it.
    KillParent,
    /// Write to the sample it was lent.
    WriteSample,
    /// Open the sample again, to write to it.
    ReopenSample,
    /// Take memory that its limit does not count, since it could be shared.
    MapShared,
    /// Take memory that its limit does not count, since it grows like a stack.
    MapStack,
    /// Have something at address zero, where programs with errors look.
    MapPageZero,
    /// Be root.
    BeRoot,
    /// Have a capability.
    Capability,
    /// Live among the processes of the machine.
    SeeProcesses,
    /// Have descriptors that are not its own.
    Descriptors,
    /// Crash.
    Crash,
    /// Never end.
    Hang,
    /// Take all memory.
    Memory,
    /// Nest calls without end.
    Stack,
    /// Say that it is done, and stay.
    Stay,
}

impl Probe {
    /// Attempts that must be refused.
    pub const FORBIDDEN: [Self; 16] = [
        Self::OpenFile,
        Self::CreateFile,
        Self::Connect,
        Self::Execute,
        Self::Trace,
        Self::Fork,
        Self::KillParent,
        Self::WriteSample,
        Self::ReopenSample,
        Self::MapShared,
        Self::MapStack,
        Self::MapPageZero,
        Self::BeRoot,
        Self::Capability,
        Self::SeeProcesses,
        Self::Descriptors,
    ];
    /// Standard input, output and error, the sample, the socket for answers and the spool.
    const DESCRIPTORS: usize = 6;

    /// For people: what is tried.
    pub const fn name(self) -> &'static str {
        match self {
            Self::OpenFile => "open a file",
            Self::CreateFile => "create a file",
            Self::Connect => "connect to a server",
            Self::Execute => "run a program",
            Self::Trace => "inspect another process",
            Self::Fork => "start another process",
            Self::KillParent => "kill its parent",
            Self::WriteSample => "write to the sample",
            Self::ReopenSample => "reopen the sample",
            Self::MapShared => "map shared memory",
            Self::MapStack => "map another stack",
            Self::MapPageZero => "map page zero",
            Self::BeRoot => "become root",
            Self::Capability => "hold a capability",
            Self::SeeProcesses => "see other processes",
            Self::Descriptors => "use others' descriptors",
            Self::Crash => "crash",
            Self::Hang => "run forever",
            Self::Memory => "take all memory",
            Self::Stack => "nest endlessly",
            Self::Stay => "outlive its inspection",
        }
    }

    /// Does it. `Ok` means that it succeeded, which for [`Probe::FORBIDDEN`] is a hole in the sandbox.
    pub(crate) fn attempt(self, sample: BorrowedFd<'_>) -> Result<(), String> {
        let refused = |error: std::io::Error| error.to_string();
        match self {
            Self::OpenFile => std::fs::File::open("/etc/passwd").map(drop).map_err(refused),
            Self::CreateFile => std::fs::File::create("/tmp/lazaret-probe").map(drop).map_err(refused),
            Self::Connect => std::net::TcpStream::connect("127.0.0.1:1").map(drop).map_err(refused),
            Self::Execute => Err(std::process::Command::new("/bin/true").exec().to_string()),
            Self::Trace => system::trace_parent().map_err(refused),
            Self::Fork => match system::fork() {
                Ok(system::Forked::Child) => system::exit_now(0),
                Ok(system::Forked::Parent(_)) => Ok(()),
                Err(error) => Err(error.to_string()),
            },
            Self::KillParent => {
                let parent = rustix::process::getppid().ok_or("it has no parent")?;
                rustix::process::kill_process(parent, rustix::process::Signal::TERM).map_err(|error| error.to_string())
            }
            Self::WriteSample => rustix::io::pwrite(sample, b"x", 0).map(drop).map_err(|error| error.to_string()),
            Self::ReopenSample => {
                let path = format!("/proc/self/fd/{}", sample.as_raw_fd());
                std::fs::OpenOptions::new().write(true).open(path).map(drop).map_err(refused)
            }
            Self::MapShared => system::map(0, 1 << 20, MapFlags::SHARED).map_err(refused),
            Self::MapStack => system::map(0, 1 << 20, MapFlags::PRIVATE | MapFlags::GROWSDOWN).map_err(refused),
            Self::MapPageZero => system::map(0, 1 << 12, MapFlags::PRIVATE | MapFlags::FIXED).map_err(refused),
            Self::BeRoot => match rustix::process::geteuid() {
                user if user.is_root() => Ok(()),
                user => Err(format!("it is user {}", user.as_raw())),
            },
            Self::Capability => {
                let sets = rustix::thread::capabilities(None).map_err(|error| error.to_string())?;
                let any = sets.effective | sets.permitted | sets.inheritable;
                if any.is_empty() { Err("it has none".to_owned()) } else { Ok(()) }
            }
            // The first process of a namespace started it, and it can name nobody outside.
            Self::SeeProcesses => match rustix::process::getppid() {
                Some(parent) if parent.is_init() => Err("it is in its own process namespace".to_owned()),
                // That is its own first process, whose parent has no number there (pid_namespaces(7)).
                None => Err("it is alone in its own process namespace".to_owned()),
                _ => Ok(()),
            },
            Self::Descriptors => match system::descriptors() {
                few if few <= Self::DESCRIPTORS => Err(format!("it has {few}, all of them its own")),
                _ => Ok(()),
            },
            Self::Crash => std::process::abort(),
            Self::Hang => loop {
                std::hint::spin_loop();
            },
            Self::Memory => {
                let mut hoard: Vec<Vec<u8>> = Vec::new();
                loop {
                    hoard.push(vec![1; 1 << 20]);
                    std::hint::black_box(&hoard);
                }
            }
            Self::Stack => {
                std::hint::black_box(nest(0));
                Ok(())
            }
            Self::Stay => loop {
                std::thread::park();
            },
        }
    }
}

#[allow(unconditional_recursion, reason = "that is what is being tried")]
fn nest(depth: u64) -> u64 {
    let here = std::hint::black_box([depth; 512]);
    nest(depth + 1) + here[0]
}
