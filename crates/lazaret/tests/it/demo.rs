//! `lazaret demo` through the gate, as a newcomer would try it.

use crate::gate::{PATIENT, Served, Site};
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::process::{Child, Command, Stdio};

struct Demo {
    process: Child,
    address: SocketAddr,
    /// What it says at its start.
    said: String,
}

impl Demo {
    fn start() -> Self {
        Self::with("")
    }

    /// Starts it with a configuration.
    fn with(configuration: &str) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("lazaret.toml");
        std::fs::write(&path, configuration).unwrap();
        let mut process = Command::new(env!("CARGO_BIN_EXE_lazaret"))
            .args(["demo", "--listen", "127.0.0.1:0"])
            .env("LAZARET_CONFIG", path)
            .stdin(Stdio::null())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let mut lines = BufReader::new(process.stderr.take().unwrap());
        let mut said = String::new();
        while !said.contains("Ctrl-C") {
            assert_ne!(lines.read_line(&mut said).unwrap(), 0, "it ended: {said}");
        }
        let address = said.split("http://").nth(1).and_then(|rest| rest.split('/').next()).unwrap().parse().unwrap();
        Self { process, address, said }
    }

    /// What each command that it prints gets.
    fn tried(&self) -> Vec<String> {
        let commands = self.said.lines().filter_map(|line| line.find("curl ").and_then(|at| line.get(at..)));
        commands
            .map(|command| {
                let mut shell = Command::new("sh");
                shell.args(["-c", command]).env_clear().env("PATH", std::env::var_os("PATH").unwrap());
                String::from_utf8_lossy(&shell.output().unwrap().stdout).into_owned()
            })
            .collect()
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
    let (served, demo) = (Served::with(PATIENT), Demo::start());
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

#[test]
fn what_the_demonstration_prints_can_be_copied_and_run() {
    let served = Served::with("");
    let demo = Demo::with(&format!("[proxy]\nlisten = \"{}\"\n", served.proxy));
    assert!(demo.said.contains(&format!("the proxy is at {}", served.proxy)), "{}", demo.said);
    let tried = demo.tried();
    let [letter, standin] = tried.as_slice() else { panic!("{tried:?} {}", demo.said) };
    assert_eq!(letter.as_bytes(), demo.fetch("/ordinary/letter.txt"), "{}", demo.said);
    assert!(standin.contains("masquerade") || standin.contains("Reference"), "{standin}");
}

#[test]
fn the_demonstration_says_how_to_start_a_proxy_that_is_not_there() {
    // A port on which nothing listens any more.
    let free = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let demo = Demo::with(&format!("[proxy]\nlisten = \"{free}\"\n"));
    assert!(demo.said.contains(&format!("no proxy is listening on {free}")), "{}", demo.said);
    assert!(
        demo.said.contains("start `lazaret serve`") && demo.said.contains(&format!("-x http://{free} ")),
        "{}",
        demo.said
    );
    let demo = Demo::with("[proxy]\nlisten = \"\"\n");
    assert!(demo.said.contains("runs no proxy") && demo.said.contains("-x PROXY "), "{}", demo.said);
}
