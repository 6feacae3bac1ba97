//! For the tests of faults: what is done to a process from outside, and what is seen of it there.

use super::Served;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdin, Command, Stdio};
use std::time::Duration;

impl Served {
    /// Kills it without a word (SIGKILL) and gives back its folder, to be used again.
    pub fn killed(mut self) -> tempfile::TempDir {
        self.process.kill().unwrap();
        self.process.wait().unwrap();
        std::mem::replace(&mut self.folder, tempfile::tempdir().unwrap())
    }

    /// Whether the process is still the one that was started.
    pub fn lives(&mut self) -> bool {
        self.process.try_wait().unwrap().is_none()
    }

    /// It and every process below it.
    pub fn processes(&self) -> Vec<u32> {
        let (mut all, mut at) = (vec![self.process.id()], 0);
        while let Some(id) = all.get(at) {
            for thread in std::fs::read_dir(format!("/proc/{id}/task")).into_iter().flatten().flatten() {
                let children = std::fs::read_to_string(thread.path().join("children")).unwrap_or_default();
                all.extend(children.split_whitespace().filter_map(|child| child.parse::<u32>().ok()));
            }
            at += 1;
        }
        all
    }

    /// Bytes that they occupy, shared pages counted once (`Pss` of `smaps_rollup`, proc(5)).
    pub fn memory(&self) -> u64 {
        let of = |id| {
            let text = std::fs::read_to_string(format!("/proc/{id}/smaps_rollup")).unwrap_or_default();
            let line = text.lines().find_map(|line| line.strip_prefix("Pss:")).unwrap_or_default().to_owned();
            line.trim().trim_end_matches("kB").trim().parse::<u64>().unwrap_or(0) * 1024
        };
        self.processes().into_iter().map(of).sum()
    }

    /// Waits until it has said this.
    pub fn says(&self, text: &str) {
        let end = std::time::Instant::now() + super::PATIENCE;
        while !self.log().contains(text) {
            assert!(std::time::Instant::now() < end, "it never says `{text}`: {}", self.log());
            std::thread::sleep(Duration::from_millis(20));
        }
    }

    /// A GET through the proxy on a connection of its own. Nothing where the connection fails before a whole head.
    pub fn get(&self, url: &str) -> Option<Got> {
        get(self.proxy, url).ok().flatten()
    }

    /// Asks the ICAP server about a text; the ICAP status, 0 where there is none.
    pub fn icap_status(&self, name: &str, body: &str) -> u16 {
        icap_status(self.icap, name, body).unwrap_or(0)
    }
}

/// What came of a GET.
#[derive(Debug)]
pub struct Got {
    pub status: u16,
    /// The answer's header, lower case.
    pub headers: String,
    pub body: Vec<u8>,
    /// Whether all came that was announced.
    pub whole: bool,
}

impl Got {
    /// A field's value.
    pub fn field(&self, name: &str) -> Option<&str> {
        self.headers.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(": "))
    }
}

/// A GET through a proxy.
pub fn get(proxy: SocketAddr, url: &str) -> std::io::Result<Option<Got>> {
    let mut stream = TcpStream::connect(proxy)?;
    stream.set_read_timeout(Some(super::PATIENCE))?;
    let host = url.trim_start_matches("http://").split('/').next().unwrap_or_default();
    write!(stream, "GET {url} HTTP/1.1\r\nHost: {host}\r\nAccept: text/html\r\nConnection: close\r\n\r\n")?;
    let mut all = Vec::new();
    // What came before the connection broke still counts.
    let _ = stream.read_to_end(&mut all);
    let Some(end) = all.windows(4).position(|four| four == b"\r\n\r\n") else { return Ok(None) };
    let headers = String::from_utf8_lossy(&all[..end]).to_lowercase();
    let body = all.split_off(end + 4);
    let status = headers.split_whitespace().nth(1).and_then(|status| status.parse().ok()).unwrap_or(0);
    let mut got = Got { status, headers, body, whole: false };
    let announced = got.field("content-length").and_then(|length| length.parse::<usize>().ok());
    got.whole = announced == Some(got.body.len());
    Ok(Some(got))
}

fn icap_status(address: SocketAddr, name: &str, body: &str) -> std::io::Result<u16> {
    let mut stream = TcpStream::connect(address)?;
    stream.set_read_timeout(Some(super::PATIENCE))?;
    let request = format!("GET http://files.example/{name} HTTP/1.1\r\nHost: files.example\r\n\r\n");
    let response = "HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\n\r\n";
    let (at, end) = (request.len(), request.len() + response.len());
    write!(
        stream,
        "RESPMOD icap://gate.example/respmod ICAP/1.0\r\nHost: gate.example\r\nAllow: 204\r\nConnection: close\r\n\
         Encapsulated: req-hdr=0, res-hdr={at}, res-body={end}\r\n\r\n{request}{response}{:x}\r\n{body}\r\n0\r\n\r\n",
        body.len()
    )?;
    let head = super::read_head(&mut stream);
    Ok(head.split_whitespace().nth(1).and_then(|status| status.parse().ok()).unwrap_or(0))
}

/// Another process that holds the ledger for itself until this is dropped.
pub struct Locked {
    process: Child,
    input: Option<ChildStdin>,
}

impl Locked {
    pub fn new(ledger: &Path) -> Self {
        let mut process = Command::new("sqlite3")
            .arg(ledger)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .expect("sqlite3 runs; the test command installs it");
        let mut input = process.stdin.take().unwrap();
        input.write_all(b".timeout 10000\nBEGIN EXCLUSIVE;\nSELECT 'locked';\n").unwrap();
        let mut line = String::new();
        BufReader::new(process.stdout.take().unwrap()).read_line(&mut line).unwrap();
        assert_eq!(line, "locked\n");
        Self { process, input: Some(input) }
    }
}

impl Drop for Locked {
    fn drop(&mut self) {
        // The end of its input is the end of its transaction.
        drop(self.input.take());
        let _ = self.process.wait();
    }
}

/// A small file system in memory, mounted on a folder until this is dropped.
pub struct Small(PathBuf);

impl Small {
    pub fn new(folder: &Path, bytes: u64) -> Self {
        std::fs::create_dir_all(folder).unwrap();
        let mounted = Command::new("mount")
            .args(["-t", "tmpfs", "-o", &format!("size={bytes},mode=0700"), "tmpfs"])
            .arg(folder)
            .output()
            .unwrap();
        // Never passed over in silence: whoever runs this as somebody else sees why it fails.
        assert!(mounted.status.success(), "this test mounts a small file system, which only root may: {mounted:?}");
        Self(folder.to_owned())
    }
}

impl Drop for Small {
    fn drop(&mut self) {
        let _ = Command::new("umount").arg("--lazy").arg(&self.0).status();
    }
}
