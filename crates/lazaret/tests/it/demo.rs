//! `lazaret demo` through the gate, as a newcomer would try it.

use crate::gate::{Served, Site};
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::process::{Child, Command, Stdio};

struct Demo {
    process: Child,
    address: SocketAddr,
}

impl Demo {
    fn start() -> Self {
        let mut process = Command::new(env!("CARGO_BIN_EXE_lazaret"))
            .args(["demo", "--listen", "127.0.0.1:0"])
            .stdin(Stdio::null())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let mut first = String::new();
        BufReader::new(process.stderr.take().unwrap()).read_line(&mut first).unwrap();
        let address = first.split("http://").nth(1).and_then(|rest| rest.split('/').next()).unwrap().parse().unwrap();
        Self { process, address }
    }

    /// What it gives to whoever asks without a proxy.
    fn fetch(&self, path: &str) -> Vec<u8> {
        let mut stream = TcpStream::connect(self.address).unwrap();
        write!(stream, "GET {path} HTTP/1.1\r\nHost: demo\r\n\r\n").unwrap();
        let mut answer = Vec::new();
        stream.read_to_end(&mut answer).unwrap();
        let head = answer.windows(4).position(|four| four == b"\r\n\r\n").unwrap() + 4;
        assert!(answer.starts_with(b"HTTP/1.1 200"), "{path}");
        answer.split_off(head)
    }
}

impl Drop for Demo {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

#[test]
fn every_stand_in_is_stopped_and_every_ordinary_file_arrives_as_it_is() {
    let (served, demo) = (Served::with("[bodies]\ntime_ms = 120000\n"), Demo::start());
    let page = String::from_utf8(demo.fetch("/")).unwrap();
    let (mut stopped, mut arrived, mut wrong) = (0, 0, Vec::new());
    for path in page.split("href=\"").skip(1).filter_map(|rest| rest.split('"').next()) {
        let got = served.curl(&[&format!("http://{}{path}", demo.address)]);
        if path.starts_with("/ordinary/") {
            arrived += 1;
            if got.status != 200 || got.body != demo.fetch(path) {
                wrong.push(format!("{path}: {} and {} bytes", got.status, got.body.len()));
            }
        } else {
            stopped += 1;
            // One whose inspection takes long is begun, and breaks off: at most a few bytes that do nothing have arrived.
            let broken = got.exit == 18 && got.body.len() < 1_000;
            if !broken && (got.status != 403 || !got.text().contains("Reference")) {
                wrong.push(format!("{path}: {} {}", got.status, got.text()));
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    assert!(stopped > 300 && arrived > 15, "{stopped} stopped, {arrived} arrived");
}

#[test]
fn the_demonstration_says_when_its_port_is_taken() {
    let site = Site::plain();
    let taken = site.address.to_string();
    let output = Command::new(env!("CARGO_BIN_EXE_lazaret")).args(["demo", "--listen", &taken]).output().unwrap();
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(!output.status.success() && said.contains(&taken) && said.contains("--listen"), "{said}");
}
