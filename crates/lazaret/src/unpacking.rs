//! The process in which releases of ATT&CK are unpacked: this executable, started again and locked up (`lazaret_engine::Apart`).

use lazaret_attack::{Unpacker, Unpacking, unpack_into};
use lazaret_engine::{Allowance, Apart, Probe, apart_main};
use std::fs::File;
use std::io::{self, Read};
use std::path::Path;
use std::process::ExitCode;
use std::time::Duration;

/// The first argument that makes the executable unpack its standard input.
pub(crate) const UNPACKER_ARGUMENT: &str = "sandboxed-unpacker";
/// Not its path: what lies there may have been replaced since (proc(5)).
const EXECUTABLE: &str = "/proc/self/exe";
/// For one file, of up to 2 GiB. Two packings in each other may ask for 256 MiB each; what comes slowly, through a pipe, is waited for.
const ALLOWANCE: Allowance = Allowance {
    memory_bytes: 640 << 20,
    processor_seconds: 900,
    silence: Duration::from_secs(300),
    wait: Duration::from_secs(3_600),
};

/// The process itself.
pub(crate) fn unpacker_main() -> ExitCode {
    apart_main(&ALLOWANCE, std::env::args_os().nth(2).as_deref(), unpack_into)
}

/// Tries something forbidden inside such a process: how it was refused, or `Err` when it succeeded.
pub(crate) fn probe(probe: Probe) -> io::Result<Result<String, String>> {
    Apart::probe(Path::new(EXECUTABLE), UNPACKER_ARGUMENT, probe, ALLOWANCE)
}

/// Starts such processes.
pub(crate) struct Sandboxed;

impl Unpacker for Sandboxed {
    fn start(&self, file: File) -> io::Result<Box<dyn Unpacking>> {
        let apart = Apart::start(Path::new(EXECUTABLE), &[UNPACKER_ARGUMENT], file, ALLOWANCE)?;
        Ok(Box::new(Process(apart)))
    }
}

struct Process(Apart);

impl Read for Process {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        self.0.read(buffer)
    }
}

impl Unpacking for Process {
    fn ended(&mut self) -> String {
        self.0.ended()
    }
}
