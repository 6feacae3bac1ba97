//! Processes of our own in which C code from elsewhere runs, apart from the one that speaks to everybody: they answer one question
//! after the other, each a JSON object on a line.

use serde::Serialize;
use serde::de::DeserializeOwned;
use std::io::{self, BufRead, BufReader, ErrorKind, Read, Write};
use std::os::fd::{AsFd, OwnedFd};
use std::os::unix::net::UnixStream;
use std::os::unix::process::CommandExt;
use std::process::{Child, Command, ExitCode, Stdio};
use std::time::Duration;

/// Bytes of an answer: many times what a signature, a public key or a name takes.
const MOST_ANSWER: u64 = 1 << 16;

/// Such a process, as whoever asks has it.
pub(super) struct Helper {
    process: Child,
    stream: BufReader<UnixStream>,
}

impl Helper {
    /// Starts this executable with `argument` as its first one, and with variables beside its environment, by which libraries
    /// find their configuration.
    pub(super) fn spawn(argument: &str, variables: &[(&str, &str)]) -> io::Result<Self> {
        let (ours, theirs) = UnixStream::pair()?;
        let process = Command::new("/proc/self/exe")
            .arg0("lazaret")
            .arg(argument)
            .envs(variables.iter().copied())
            .current_dir("/")
            // Ctrl-C is for whoever asks, who may still need it.
            .process_group(0)
            .stdin(Stdio::from(OwnedFd::from(theirs)))
            .stdout(Stdio::null())
            .spawn()?;
        Ok(Self { process, stream: BufReader::new(ours) })
    }

    /// Asks, and waits as long for the answer. After an error, what comes later could belong to any question: it is to be dropped.
    pub(super) fn ask<A: DeserializeOwned>(&mut self, question: &impl Serialize, patience: Duration) -> io::Result<A> {
        let mut text = serde_json::to_vec(question)?;
        text.push(b'\n');
        let stream = self.stream.get_mut();
        stream.set_write_timeout(Some(patience))?;
        stream.set_read_timeout(Some(patience))?;
        stream.write_all(&text)?;
        let mut line = String::new();
        Read::by_ref(&mut self.stream).take(MOST_ANSWER).read_line(&mut line)?;
        if !line.ends_with('\n') {
            return Err(ErrorKind::UnexpectedEof.into());
        }
        Ok(serde_json::from_str(&line)?)
    }
}

impl Drop for Helper {
    fn drop(&mut self) {
        // It may hang in its library, and then does not notice that nobody asks any more.
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

/// Whether it was patience that came to its end.
pub(super) fn took_too_long(error: &io::Error) -> bool {
    matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::TimedOut)
}

/// The process itself: answers what is asked on standard input, the socket of whoever asks, until that is closed.
pub(super) fn serve<Q: DeserializeOwned, A: Serialize>(mut answer: impl FnMut(Q) -> A) -> ExitCode {
    let stream = io::stdin().as_fd().try_clone_to_owned().map(UnixStream::from);
    let Ok((mut answers, questions)) = stream.and_then(|stream| Ok((stream.try_clone()?, stream))) else {
        return ExitCode::from(2);
    };
    let mut questions = BufReader::new(questions);
    loop {
        let mut line = String::new();
        if !matches!(questions.read_line(&mut line), Ok(1..)) {
            return ExitCode::SUCCESS;
        }
        let Ok(question) = serde_json::from_str(&line) else { return ExitCode::from(2) };
        let Ok(mut text) = serde_json::to_vec(&answer(question)) else { return ExitCode::from(2) };
        text.push(b'\n');
        if answers.write_all(&text).is_err() {
            return ExitCode::SUCCESS;
        }
    }
}
