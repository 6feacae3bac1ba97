//! A sandboxed process for one file: our own executable, started again, which has the file as its standard input, writes what it
//! makes of it to its standard output, and gets at nothing else. It is locked up as the worker's children are.

use crate::Probe;
use crate::pool::wait;
use crate::sandbox::{self, Filters};
use crate::system::{self, Forked};
use crate::worker::{baseline, end_with_parent, signalled};
use rustix::fd::AsFd;
use rustix::io::Errno;
use rustix::process::{Pid, WaitOptions, waitpid};
use std::ffi::OsStr;
use std::fs::File;
use std::io::{self, ErrorKind, Read, Write};
use std::os::unix::process::{CommandExt, ExitStatusExt};
use std::path::Path;
use std::process::{Child, ChildStdout, Command, ExitCode, ExitStatus, Stdio};
use std::time::{Duration, Instant};

/// Exit status of one that could not be locked up; it has read nothing.
const UNLOCKED: u8 = 2;
/// Exit status of one whose work could not be done: nobody listens any more.
const UNDONE: u8 = 1;
/// Added to the number of the signal that ended the process inside, as shells do it.
const SIGNALLED: u8 = 128;
/// Bytes that may wait to be read; fewer where the kernel does not grant as many.
const PIPE: usize = 1 << 20;
/// Bytes of what a probe says.
const MOST_SAID: u64 = 4_096;

/// What such a process may use up.
#[derive(Debug, Clone, Copy)]
pub struct Allowance {
    /// Bytes of memory.
    pub memory_bytes: u64,
    /// Seconds of processor time.
    pub processor_seconds: u64,
    /// How long it may say nothing to whoever waits for it.
    pub silence: Duration,
    /// How long it may be waited for in all; what the reader does in between does not count.
    pub wait: Duration,
}

/// Such a process, as whoever started it has it. Reading gives what it writes; it ends when this is dropped.
pub struct Apart {
    process: Child,
    output: ChildStdout,
    allowance: Allowance,
    /// How long it was waited for so far.
    waited: Duration,
}

impl Apart {
    /// Starts an executable with these arguments, of which the first one leads it to [`apart_main`]. The process ends with the thread
    /// that calls this.
    ///
    /// # Errors
    /// When it cannot be started.
    pub fn start(executable: &Path, arguments: &[&str], file: File, allowance: Allowance) -> io::Result<Self> {
        let mut process = Command::new(executable)
            .arg0("lazaret")
            .args(arguments)
            .env_clear()
            .current_dir("/")
            .stdin(Stdio::from(file))
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()?;
        let output = process.stdout.take().ok_or_else(|| io::Error::other("it has no standard output"))?;
        let _ = rustix::pipe::fcntl_setpipe_size(&output, PIPE);
        Ok(Self { process, output, allowance, waited: Duration::ZERO })
    }

    /// How it ended, where nothing more comes from it.
    pub fn ended(&mut self) -> String {
        match self.process.wait() {
            Ok(status) => described(status),
            Err(error) => error.to_string(),
        }
    }

    /// Tries something forbidden inside such a process: how it was refused, or `Err` when it succeeded.
    ///
    /// # Errors
    /// When there is no such process.
    pub fn probe(
        executable: &Path,
        argument: &str,
        probe: Probe,
        allowance: Allowance,
    ) -> io::Result<Result<String, String>> {
        let name = serde_json::to_string(&probe)?;
        let mut apart = Self::start(executable, &[argument, &name], File::open(executable)?, allowance)?;
        let mut said = Vec::new();
        if let Err(error) = Read::by_ref(&mut apart).take(MOST_SAID).read_to_end(&mut said) {
            return Ok(Ok(format!("stopped: {error}")));
        }
        match serde_json::from_slice::<Option<String>>(&said) {
            Ok(Some(error)) => Ok(Ok(format!("refused: {error}"))),
            Ok(None) => Ok(Err("it succeeded".to_owned())),
            Err(_) => match apart.process.wait()? {
                status if status.code() == Some(i32::from(UNLOCKED)) => Err(io::Error::other(described(status))),
                status => Ok(Ok(described(status))),
            },
        }
    }
}

impl Read for Apart {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let begun = Instant::now();
        let patience = self.allowance.silence.min(self.allowance.wait.saturating_sub(self.waited));
        let heard = wait(self.output.as_fd(), begun + patience)?;
        self.waited += begun.elapsed();
        if heard {
            return self.output.read(buffer);
        }
        let _ = self.process.kill();
        Err(io::Error::new(ErrorKind::TimedOut, "it took too long and was stopped"))
    }
}

impl Drop for Apart {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

fn described(status: ExitStatus) -> String {
    match (status.code(), status.signal()) {
        (Some(0), _) => "it ended too early".to_owned(),
        (Some(code), _) if code == i32::from(UNLOCKED) => "it could not be sandboxed, and read nothing".to_owned(),
        (Some(code), _) if code > i32::from(SIGNALLED) => signalled(code - i32::from(SIGNALLED)),
        (Some(code), _) => format!("exit status {code}"),
        (None, Some(signal)) => signalled(signal),
        (None, None) => "it ended for an unknown reason".to_owned(),
    }
}

/// The process itself: call this first thing in `main`. `work` gets standard input and output when everything else is out of reach,
/// and writes with [`Write::write_all`] only: other ways to write need system calls that are forbidden by then. With a probe,
/// what that names is tried instead.
pub fn apart_main(
    allowance: &Allowance,
    probe: Option<&OsStr>,
    work: impl FnOnce(File, File) -> io::Result<()>,
) -> ExitCode {
    let _ = rustix::thread::set_name(c"lazaret-apart");
    // What the kernel does not grant of this is what `lazaret doctor` tells; without seccomp nothing is read.
    let _ = sandbox::separate();
    match system::fork() {
        Ok(Forked::Child) => {}
        Ok(Forked::Parent(inside)) => {
            let _ = end_with_parent();
            return outcome(inside);
        }
        Err(_) => return ExitCode::from(UNLOCKED),
    }
    let Ok((input, mut output)) = lock(allowance) else { system::exit_now(i32::from(UNLOCKED)) };
    let probe = probe.and_then(OsStr::to_str).map(serde_json::from_str::<Probe>);
    let done = match probe {
        None => work(input, output),
        Some(Err(error)) => Err(error.into()),
        Some(Ok(probe)) => {
            let outcome = probe.attempt(input.as_fd()).err();
            serde_json::to_vec(&outcome).map_err(io::Error::from).and_then(|said| output.write_all(&said))
        }
    };
    system::exit_now(if done.is_ok() { 0 } else { i32::from(UNDONE) })
}

/// Closes every door; standard input and output are what is left.
fn lock(allowance: &Allowance) -> Result<(File, File), String> {
    let told = |error: io::Error| error.to_string();
    end_with_parent().map_err(|error| error.to_string())?;
    let input = io::stdin().as_fd().try_clone_to_owned().map_err(told)?;
    let output = io::stdout().as_fd().try_clone_to_owned().map_err(told)?;
    let (filters, baseline) = (Filters::compile()?, baseline());
    sandbox::lock_zygote(&filters)?;
    sandbox::limit_child(allowance.memory_bytes, baseline, allowance.processor_seconds, 0)?;
    filters.lock_child()?;
    Ok((File::from(input), File::from(output)))
}

/// Waits for the process inside, and ends as it did.
fn outcome(inside: Pid) -> ExitCode {
    loop {
        let status = match waitpid(Some(inside), WaitOptions::empty()) {
            Err(Errno::INTR) => continue,
            Ok(Some((_, status))) => status,
            Ok(None) | Err(_) => return ExitCode::from(UNDONE),
        };
        let signal = status.terminating_signal().map(|signal| i32::from(SIGNALLED) + signal);
        let code = status.exit_status().or(signal).and_then(|code| u8::try_from(code).ok());
        return ExitCode::from(code.unwrap_or(UNDONE));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A program of the system in the place of such a process: what is tested is who waits for it.
    fn started(program: &str, arguments: &[&str], silence: Duration) -> Apart {
        let wait = Duration::from_secs(60);
        let allowance = Allowance { memory_bytes: 1 << 30, processor_seconds: 60, silence, wait };
        Apart::start(Path::new(program), arguments, File::open("/dev/null").unwrap(), allowance).unwrap()
    }

    #[test]
    fn one_that_says_nothing_is_stopped() {
        let mut apart = started("/bin/sh", &["-c", "exec sleep 600"], Duration::from_millis(50));
        let error = apart.read(&mut [0; 16]).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::TimedOut);
        assert_eq!(apart.ended(), "it was killed (SIGKILL)");
    }

    #[test]
    fn how_it_ended_is_told_also_of_the_process_inside() {
        for (script, told) in [
            ("exit 0", "it ended too early"),
            ("exit 2", "it could not be sandboxed, and read nothing"),
            ("exit 137", "it was killed (SIGKILL)"),
            ("kill -KILL $$", "it was killed (SIGKILL)"),
            ("exit 159", "it made a system call that the sandbox forbids (SIGSYS)"),
            ("exit 7", "exit status 7"),
        ] {
            let mut apart = started("/bin/sh", &["-c", script], Duration::from_secs(60));
            assert_eq!(apart.read(&mut [0; 16]).unwrap(), 0, "{script}");
            assert_eq!(apart.ended(), told, "{script}");
        }
    }
}
