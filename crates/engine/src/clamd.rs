//! Asks a running `clamd` about a sample (clamd(8): `zINSTREAM`); its verdicts become findings.

use lazaret_model::{Family, Finding, Severity};
use std::io::{self, Read, Write};
use std::net::{TcpStream, ToSocketAddrs};
use std::os::unix::net::UnixStream;
use std::path::PathBuf;
use std::time::Duration;
use thiserror::Error;

/// Bytes sent at a time.
const CHUNK: usize = 64 << 10;
/// Bytes of an answer that are read.
const MOST_ANSWER: u64 = 4_096;

/// Where `clamd` listens.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Clamd {
    /// A socket in the file system.
    Unix(PathBuf),
    /// `host:port`.
    Tcp(String),
}

/// A text says nowhere that `clamd` could listen.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[error("`{0}` is neither the path of a socket nor `host:port`")]
pub struct ClamdError(String);

impl std::str::FromStr for Clamd {
    type Err = ClamdError;

    fn from_str(text: &str) -> Result<Self, ClamdError> {
        if let Some(path) = text.strip_prefix("unix:") {
            Ok(Self::Unix(path.into()))
        } else if text.starts_with('/') {
            Ok(Self::Unix(text.into()))
        } else if text.strip_prefix("tcp://").unwrap_or(text).contains(':') {
            Ok(Self::Tcp(text.strip_prefix("tcp://").unwrap_or(text).to_owned()))
        } else {
            Err(ClamdError(text.to_owned()))
        }
    }
}

impl std::fmt::Display for Clamd {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Unix(path) => write!(f, "{}", path.display()),
            Self::Tcp(address) => f.write_str(address),
        }
    }
}

trait Stream: Read + Write {}
impl<T: Read + Write> Stream for T {}

impl Clamd {
    /// What `clamd` says about the bytes of `sample`: a finding where it knows them, a finding of the family
    /// `analysis` where it could not be asked, nothing where it finds nothing.
    pub(crate) fn ask(&self, sample: &mut dyn Read, timeout: Duration) -> Option<Finding> {
        match self.answer(sample, timeout) {
            Ok(answer) => finding(&answer),
            Err(error) => Some(self.failed(&error)),
        }
    }

    /// The finding that says why there is no answer.
    pub(crate) fn failed(&self, error: &io::Error) -> Finding {
        failed(&format!("clamd at `{self}` could not be queried: {error}"))
    }

    fn answer(&self, sample: &mut dyn Read, timeout: Duration) -> io::Result<String> {
        let mut stream = self.connect(timeout)?;
        stream.write_all(b"zINSTREAM\0")?;
        let mut chunk = vec![0; CHUNK];
        loop {
            let n = sample.read(&mut chunk)?;
            let len = u32::try_from(n).unwrap_or(0).to_be_bytes();
            // A closed pipe means that clamd has its answer ready, such as a size limit.
            if stream.write_all(&len).and_then(|()| stream.write_all(chunk.get(..n).unwrap_or_default())).is_err()
                || n == 0
            {
                break;
            }
        }
        let mut answer = Vec::new();
        stream.take(MOST_ANSWER).read_to_end(&mut answer)?;
        let text = String::from_utf8_lossy(&answer).trim_matches(['\0', '\n', ' ']).to_owned();
        if text.is_empty() {
            Err(io::Error::new(io::ErrorKind::UnexpectedEof, "it closed the connection without a response"))
        } else {
            Ok(text)
        }
    }

    fn connect(&self, timeout: Duration) -> io::Result<Box<dyn Stream>> {
        match self {
            Self::Unix(path) => {
                let stream = UnixStream::connect(path)?;
                stream.set_read_timeout(Some(timeout))?;
                stream.set_write_timeout(Some(timeout))?;
                Ok(Box::new(stream))
            }
            Self::Tcp(address) => {
                let mut last = io::Error::new(io::ErrorKind::NotFound, "the name has no address");
                for address in address.to_socket_addrs()? {
                    match TcpStream::connect_timeout(&address, timeout) {
                        Ok(stream) => {
                            stream.set_read_timeout(Some(timeout))?;
                            stream.set_write_timeout(Some(timeout))?;
                            return Ok(Box::new(stream));
                        }
                        Err(error) => last = error,
                    }
                }
                Err(last)
            }
        }
    }
}

/// Turns `stream: Eicar-Signature FOUND` into a finding.
fn finding(answer: &str) -> Option<Finding> {
    if let Some(name) = answer.strip_prefix("stream: ").and_then(|rest| rest.strip_suffix(" FOUND")) {
        // Heuristics and unwanted programs are strong signs; signatures of malware are certain.
        let certain = !["Heuristics.", "PUA."].iter().any(|prefix| name.starts_with(prefix));
        let severity = if certain { Severity::Critical } else { Severity::High };
        let message = format!("ClamAV detects it as `{name}`");
        let finding = Finding::new("signature.clamav", "clamd", severity, Family::Signature, message);
        return Some(finding.technique("T1204.002").with("name", name));
    }
    if answer.ends_with(": OK") { None } else { Some(failed(&format!("clamd answered `{answer}`"))) }
}

fn failed(why: &str) -> Finding {
    Finding::new("analysis.clamd-failed", "clamd", Severity::Info, Family::Analysis, why)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::BufRead;

    /// Answers one INSTREAM request as clamd does, and gives back the bytes it was sent.
    fn serve(answer: &'static str) -> (Clamd, std::thread::JoinHandle<Vec<u8>>) {
        let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        let clamd = format!("tcp://{}", listener.local_addr().unwrap()).parse().unwrap();
        let thread = std::thread::spawn(move || {
            let (stream, _) = listener.accept().unwrap();
            let mut reader = io::BufReader::new(stream);
            let mut command = Vec::new();
            reader.read_until(0, &mut command).unwrap();
            assert_eq!(command, b"zINSTREAM\0");
            let mut all = Vec::new();
            loop {
                let mut len = [0; 4];
                reader.read_exact(&mut len).unwrap();
                match u32::from_be_bytes(len) {
                    0 => break,
                    n => {
                        let mut chunk = vec![0; n as usize];
                        reader.read_exact(&mut chunk).unwrap();
                        all.extend(chunk);
                    }
                }
            }
            reader.into_inner().write_all(answer.as_bytes()).unwrap();
            all
        });
        (clamd, thread)
    }

    #[track_caller]
    fn check(answer: &'static str, expected: Option<(&str, Severity)>) {
        let (clamd, thread) = serve(answer);
        let sample = vec![7; 200_000];
        let finding = clamd.ask(&mut sample.as_slice(), Duration::from_secs(5));
        assert_eq!(thread.join().unwrap(), sample);
        assert_eq!(finding.as_ref().map(|f| (&*f.id, f.severity)), expected);
    }

    #[test]
    fn answers_become_findings() {
        check("stream: OK\0", None);
        check("stream: Eicar-Signature FOUND\0", Some(("signature.clamav", Severity::Critical)));
        check("stream: PUA.Win.Tool FOUND\0", Some(("signature.clamav", Severity::High)));
        check("INSTREAM size limit exceeded. ERROR\0", Some(("analysis.clamd-failed", Severity::Info)));
        check("\0", Some(("analysis.clamd-failed", Severity::Info)));
    }

    #[test]
    fn a_clamd_that_is_not_there_is_named() {
        let clamd: Clamd = "/nowhere/clamd.sock".parse().unwrap();
        let finding = clamd.ask(&mut &b"x"[..], Duration::from_secs(1)).unwrap();
        assert!(finding.message.contains("`/nowhere/clamd.sock`"), "{}", finding.message);
    }
}
