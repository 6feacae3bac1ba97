//! For the tests of gates: `lazaret serve` as a process, and a site to fetch from.

pub mod people;
pub mod trouble;

use std::collections::HashMap;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};
use std::sync::{Arc, LazyLock, Mutex};
use std::time::{Duration, Instant};

/// An ordinary text.
pub const LETTER: &str = "Dear customer,\nthe meeting is on Monday.\n";

/// How long anything in these tests may take.
const PATIENCE: Duration = Duration::from_secs(120);
/// A configuration under which an inspection has time on a slow machine.
pub const PATIENT: &str = "[bodies]\ntime_ms = 170000\n[limits]\ntime_ms = 170000\n";

/// Waits until something is so: what happens in another process cannot be waited for otherwise.
#[track_caller]
pub fn until(what: &str, mut done: impl FnMut() -> bool) {
    let end = Instant::now() + PATIENCE;
    while !done() {
        assert!(Instant::now() < end, "it never happens: {what}");
        std::thread::sleep(Duration::from_millis(20));
    }
}

/// What is served with: the executable of this build, or another one that is to be measured.
pub fn executable() -> PathBuf {
    std::env::var_os("LAZARET_TEST_EXECUTABLE").map_or_else(|| env!("CARGO_BIN_EXE_lazaret").into(), PathBuf::from)
}

/// `lazaret serve` with a data folder of its own.
pub struct Served {
    process: Child,
    pub folder: tempfile::TempDir,
    pub proxy: SocketAddr,
    pub icap: SocketAddr,
    pub console: SocketAddr,
    log: Arc<Mutex<String>>,
    environment: Vec<(String, PathBuf)>,
    program: Program,
}

/// What is started, and what `serve` is called with.
#[derive(Clone)]
pub struct Program {
    pub executable: PathBuf,
    pub arguments: Vec<String>,
}

impl Program {
    /// The usual one.
    fn usual() -> Self {
        Self { executable: executable(), arguments: Vec::new() }
    }
}

impl Served {
    /// Starts it with these lines added to its configuration.
    pub fn with(configuration: &str) -> Self {
        Self::in_folder(tempfile::tempdir().unwrap(), configuration)
    }

    /// The same in a folder that may have been used before.
    pub fn in_folder(folder: tempfile::TempDir, configuration: &str) -> Self {
        Self::in_environment(folder, configuration, &[])
    }

    /// The same with variables in its environment.
    pub fn in_environment(folder: tempfile::TempDir, configuration: &str, environment: &[(&str, &Path)]) -> Self {
        configured(&folder, configuration);
        let environment = environment.iter().map(|(name, value)| ((*name).to_owned(), value.to_path_buf()));
        Self::start(folder, environment.collect(), Program::usual())
    }

    /// Another executable, or one that is called with something more.
    pub fn of(program: Program, configuration: &str) -> Self {
        let folder = tempfile::tempdir().unwrap();
        configured(&folder, configuration);
        Self::start(folder, Vec::new(), program)
    }

    /// Starts it again, after its end, with the same configuration and data.
    pub fn again(mut self) -> Self {
        self.ended();
        let environment = std::mem::take(&mut self.environment);
        let program = self.program.clone();
        Self::start(std::mem::replace(&mut self.folder, tempfile::tempdir().unwrap()), environment, program)
    }

    fn start(folder: tempfile::TempDir, environment: Vec<(String, PathBuf)>, program: Program) -> Self {
        let config = folder.path().join("lazaret.toml");
        let mut command = Command::new("setpriv");
        command
            .args(["--pdeathsig", "KILL"])
            .arg(&program.executable)
            .args(["serve", "-v"])
            .args(&program.arguments)
            .current_dir(folder.path())
            .env("LAZARET_CONFIG", &config)
            .env("LAZARET_DATA", folder.path().join("data"))
            .envs(environment.iter().map(|(name, value)| (name, value)))
            .stdin(Stdio::null())
            .stderr(Stdio::piped());
        let mut process = keep(command);
        let (log, lines) = (Arc::new(Mutex::new(String::new())), process.stderr.take().unwrap());
        let (sender, ready) = std::sync::mpsc::channel();
        let kept = Arc::clone(&log);
        std::thread::spawn(move || {
            for line in BufReader::new(lines).lines().map_while(Result::ok) {
                let said = line.replace("gateways at icaps://", "gateways at icap://");
                for (at, (before, after)) in [
                    ("at the proxy ", ";"),
                    ("gateways at icap://", "/"),
                    ("of the console at http://", "/"),
                    ("the console is at http://", "/"),
                ]
                .into_iter()
                .enumerate()
                {
                    if let Some((_, rest)) = said.split_once(before) {
                        let address = rest.split(after).next().unwrap();
                        // A name of the test's own leads here, too.
                        let port = || address.rsplit(':').next().unwrap().parse().unwrap();
                        let address = address.parse().unwrap_or_else(|_| SocketAddr::from(([127, 0, 0, 1], port())));
                        let _ = sender.send((at.min(2), address));
                    }
                }
                let mut log = kept.lock().unwrap();
                log.push_str(&line);
                log.push('\n');
            }
        });
        let mut found = [None; 3];
        while found.contains(&None) {
            let (at, address) =
                ready.recv_timeout(PATIENCE).unwrap_or_else(|_| panic!("it did not start: {}", log.lock().unwrap()));
            found[at] = Some(address);
        }
        let [proxy, icap, console] = found.map(Option::unwrap);
        Self { process, folder, proxy, icap, console, log, environment, program }
    }

    /// Its process.
    pub fn id(&self) -> u32 {
        self.process.id()
    }

    /// What it said so far.
    pub fn log(&self) -> String {
        self.log.lock().unwrap().clone()
    }

    pub fn authority(&self) -> PathBuf {
        self.folder.path().join("data/authority/ca.pem")
    }

    /// curl through the proxy: status, header lines and body.
    pub fn curl(&self, arguments: &[&str]) -> Fetched {
        self.curl_through(self.proxy, arguments)
    }

    /// curl through any proxy that uses this one's certificates.
    pub fn curl_through(&self, proxy: SocketAddr, arguments: &[&str]) -> Fetched {
        let headers = tempfile::NamedTempFile::new().unwrap();
        let output = Command::new("curl")
            .args(["--silent", "--show-error", "--max-time", "180", "--proxy"])
            .arg(format!("http://{proxy}"))
            .arg("--cacert")
            .arg(self.authority())
            .arg("--dump-header")
            .arg(headers.path())
            .args(arguments)
            .env_clear()
            .env("PATH", std::env::var_os("PATH").unwrap())
            .output()
            .expect("curl runs; the test command installs it");
        Fetched::of(output, &std::fs::read_to_string(headers.path()).unwrap())
    }

    /// A bare connection to the ICAP server.
    pub fn icap(&self) -> TcpStream {
        let stream = TcpStream::connect(self.icap).unwrap();
        stream.set_read_timeout(Some(PATIENCE)).unwrap();
        stream
    }

    /// A bare connection to the proxy.
    pub fn connect(&self) -> TcpStream {
        let stream = TcpStream::connect(self.proxy).unwrap();
        stream.set_read_timeout(Some(PATIENCE)).unwrap();
        stream
    }

    /// A connection inside a tunnel.
    pub fn tunnel(&self, address: &str) -> TcpStream {
        let mut stream = self.connect();
        write!(stream, "CONNECT {address} HTTP/1.1\r\nHost: {address}\r\n\r\n").unwrap();
        let head = read_head(&mut stream);
        assert!(head.starts_with("HTTP/1.1 200"), "{head}");
        stream
    }

    /// Sends a signal.
    pub fn signal(&self, name: &str) {
        let sent = Command::new("kill").args(["-s", name, &self.process.id().to_string()]).status().unwrap();
        assert!(sent.success());
    }

    /// Waits for its end.
    pub fn ended(&mut self) -> i32 {
        let end = Instant::now() + PATIENCE;
        loop {
            if let Some(status) = self.process.try_wait().unwrap() {
                return status.code().unwrap_or(-1);
            }
            assert!(Instant::now() < end, "it does not end: {}", self.log());
            std::thread::sleep(Duration::from_millis(20));
        }
    }
}

/// Writes a configuration with these lines, and with ports of nobody's for what listens.
fn configured(folder: &tempfile::TempDir, configuration: &str) {
    let config = folder.path().join("lazaret.toml");
    let proxy = if configuration.contains("[proxy]") { "" } else { "[proxy]\n" };
    let icap = if configuration.contains("[icap]") { "" } else { "\n[icap]\n" };
    let console = if configuration.contains("[console]") { "" } else { "\n[console]\n" };
    let mut text = format!("{proxy}{configuration}{icap}{console}");
    for gate in ["[proxy]\n", "[icap]\n", "[console]\n"] {
        text = text.replacen(gate, &format!("{gate}listen = \"127.0.0.1:0\"\n"), 1);
    }
    std::fs::write(&config, text).unwrap();
}

/// Starts a process that ends with this one, however this one ends: what is kept for all tests is never dropped.
pub fn keep(command: Command) -> Child {
    type Wish = (Command, std::sync::mpsc::Sender<Child>);
    // The kernel watches the thread that starts a process (prctl(2), PR_SET_PDEATHSIG), so that one must stay.
    static STARTER: LazyLock<Mutex<std::sync::mpsc::Sender<Wish>>> = LazyLock::new(|| {
        let (sender, wishes) = std::sync::mpsc::channel::<Wish>();
        std::thread::spawn(move || {
            for (mut command, answer) in wishes {
                let _ = answer.send(command.spawn().expect("setpriv runs; util-linux has it"));
            }
        });
        Mutex::new(sender)
    });
    let (sender, child) = std::sync::mpsc::channel();
    STARTER.lock().unwrap().send((command, sender)).unwrap();
    child.recv().unwrap()
}

impl Drop for Served {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

/// What curl got.
#[derive(Debug)]
pub struct Fetched {
    pub exit: i32,
    /// The last status, 0 for none.
    pub status: u16,
    /// The last answer's header, lower case.
    pub headers: String,
    pub body: Vec<u8>,
    pub complaint: String,
}

impl Fetched {
    fn of(output: Output, headers: &str) -> Self {
        let last = headers.trim_end().rsplit("\r\n\r\n").next().unwrap_or_default().to_lowercase();
        let status = last.split_whitespace().nth(1).and_then(|status| status.parse().ok()).unwrap_or(0);
        Self {
            exit: output.status.code().unwrap_or(-1),
            status,
            headers: last,
            body: output.stdout,
            complaint: String::from_utf8_lossy(&output.stderr).into_owned(),
        }
    }

    pub fn text(&self) -> String {
        String::from_utf8_lossy(&self.body).into_owned()
    }
}

/// Every stand-in of the corpus fares through a proxy as it does in a scan of the same file.
pub fn every_vector(served: &Served, proxy: SocketAddr) {
    let folder = tempfile::tempdir().unwrap();
    let site = Site::plain();
    let mut standins = corpus::all();
    // Some are hundreds of megabytes, or become that, to be inspected twice here.
    standins.retain(|standin| !standin.folder.ends_with("/bombs") && standin.bytes.len() < 32 << 20);
    // One site has them all: what is honest comes before there were lures from it.
    standins.sort_by_key(|standin| standin.row != "H");
    for (number, standin) in standins.iter().enumerate() {
        let path = folder.path().join(number.to_string());
        std::fs::create_dir(&path).unwrap();
        let name = standin.name.rsplit(['/', '\\']).next().unwrap();
        std::fs::write(path.join(name), &standin.bytes).unwrap();
        let encoded: String = name.bytes().map(|byte| format!("%{byte:02X}")).collect();
        let header = format!("Content-Disposition: attachment; filename*=UTF-8''{encoded}\r\n");
        site.page(&format!("/{number}"), &header, standin.bytes.clone());
    }
    let output = Command::new(env!("CARGO_BIN_EXE_lazaret"))
        .args(["scan", "--recursive", "--json", "--time-limit", "600000", "."])
        .current_dir(folder.path())
        .env("LAZARET_DATA", served.folder.path().join("data"))
        .output()
        .unwrap();
    let mut wrong = Vec::new();
    let mut judged = 0;
    let text = String::from_utf8(output.stdout).unwrap();
    let mut reports: Vec<(usize, String, serde_json::Value)> = text
        .lines()
        .map(|line| {
            let report: serde_json::Value = serde_json::from_str(line).unwrap();
            let path = report["path"].as_str().unwrap().trim_start_matches("./").to_owned();
            (path.split('/').next().unwrap().parse().unwrap(), path, report)
        })
        .collect();
    reports.sort_by_key(|(number, ..)| *number);
    for (number, path, report) in reports {
        let standin = &standins[number];
        let fetched = served.curl_through(proxy, &[&site.url(&format!("/{number}"))]);
        // Words for a lure alone are delivered, and stopped beside the code and the command of the same site.
        let together = standin.row == "A17" && fetched.exit == 0 && fetched.status == 403;
        let good = if report["decision"] == "deliver" {
            together || fetched.exit == 0 && fetched.status == 200 && fetched.body == standin.bytes
        } else {
            // What Squid had begun to pass on ends as a failed download, with at most a few bytes that do nothing.
            fetched.exit == 0 && fetched.status == 403 || fetched.exit == 18 && fetched.body.len() < 1_000
        };
        judged += 1;
        if !good {
            let (status, exit, length) = (fetched.status, fetched.exit, fetched.body.len());
            wrong.push(format!(
                "{path}: {} {}, here {status}, {length} bytes, exit {exit}: {}",
                standin.row, report["decision"], fetched.complaint
            ));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    assert!(judged > 300, "only {judged} were judged");
}

/// The password of locked archives, which nobody will guess.
pub const PASSWORD: &str = "nobody will guess this one";

/// A ZIP archive with one member, encrypted.
pub fn locked_archive(name: &str, content: &[u8]) -> Vec<u8> {
    let mut writer = zip::ZipWriter::new(std::io::Cursor::new(Vec::new()));
    let options = zip::write::SimpleFileOptions::default().with_aes_encryption(zip::AesMode::Aes256, PASSWORD);
    writer.start_file(name, options).unwrap();
    writer.write_all(content).unwrap();
    writer.finish().unwrap().into_inner()
}

/// A message's head, up to the empty line.
pub fn read_head(stream: &mut impl Read) -> String {
    let mut head = Vec::new();
    let mut byte = [0];
    while !head.ends_with(b"\r\n\r\n") && stream.read(&mut byte).unwrap_or(0) == 1 {
        head.push(byte[0]);
    }
    String::from_utf8_lossy(&head).into_owned()
}

/// Where something waits until a test has seen what it wanted to see. Clones are the same one.
#[derive(Clone)]
pub struct Gate(Arc<(Mutex<bool>, std::sync::Condvar)>);

impl Gate {
    pub fn closed() -> Self {
        Self(Arc::default())
    }

    pub fn close(&self) {
        *self.0.0.lock().unwrap() = false;
    }

    pub fn open(&self) {
        *self.0.0.lock().unwrap() = true;
        self.0.1.notify_all();
    }

    /// Waits until it is open.
    pub fn pass(&self) {
        let (open, changed) = &*self.0;
        let (open, _) = changed.wait_timeout_while(open.lock().unwrap(), PATIENCE, |open| !*open).unwrap();
        assert!(*open, "nobody opens the gate");
    }
}

/// What a site does with a connection after it has read a request's head.
pub type Act = Arc<dyn Fn(&str, &mut dyn Talk) + Send + Sync>;

/// A connection, plain or not.
pub trait Talk: Read + Write {}
impl<T: Read + Write> Talk for T {}

/// A site that answers by path, one request a connection, and remembers what it was asked.
pub struct Site {
    pub address: SocketAddr,
    asked: Arc<Mutex<Vec<String>>>,
    connections: Arc<Mutex<usize>>,
    pages: Arc<Mutex<HashMap<String, Act>>>,
}

impl Site {
    /// Over bare TCP.
    pub fn plain() -> Self {
        Self::start(None)
    }

    /// Over TLS.
    pub fn secure(config: Arc<rustls::ServerConfig>) -> Self {
        Self::start(Some(config))
    }

    fn start(config: Option<Arc<rustls::ServerConfig>>) -> Self {
        Self::at("127.0.0.1:0", config)
    }

    /// At an address, with or without TLS.
    pub fn at(address: &str, config: Option<Arc<rustls::ServerConfig>>) -> Self {
        let listener = TcpListener::bind(address).unwrap();
        let address = listener.local_addr().unwrap();
        let site = Self { address, asked: Arc::default(), connections: Arc::default(), pages: Arc::default() };
        let (asked, connections, pages) = (site.asked.clone(), site.connections.clone(), site.pages.clone());
        std::thread::spawn(move || {
            for stream in listener.incoming().map_while(Result::ok) {
                let (config, asked, connections, pages) =
                    (config.clone(), asked.clone(), connections.clone(), pages.clone());
                *connections.lock().unwrap() += 1;
                std::thread::spawn(move || {
                    let _ = stream.set_read_timeout(Some(PATIENCE));
                    match config {
                        None => serve(stream, &asked, &pages),
                        Some(config) => {
                            let connection = rustls::ServerConnection::new(config).unwrap();
                            serve(rustls::StreamOwned::new(connection, stream), &asked, &pages);
                        }
                    }
                });
            }
        });
        site
    }

    /// Answers a path so; `*` stands for every path that has no answer of its own.
    pub fn on(&self, path: &str, act: impl Fn(&str, &mut dyn Talk) + Send + Sync + 'static) {
        self.pages.lock().unwrap().insert(path.to_owned(), Arc::new(act));
    }

    /// Answers a path with these header fields and this body.
    pub fn page(&self, path: &str, headers: &str, body: impl Into<Vec<u8>>) {
        let (headers, body) = (headers.to_owned(), body.into());
        self.on(path, move |_, stream| {
            let length = body.len();
            let _ = write!(stream, "HTTP/1.1 200 OK\r\nContent-Length: {length}\r\nConnection: close\r\n{headers}\r\n");
            let _ = stream.write_all(&body);
        });
    }

    /// Heads of the requests so far, in order.
    pub fn asked(&self) -> Vec<String> {
        self.asked.lock().unwrap().clone()
    }

    /// Connections so far.
    pub fn connections(&self) -> usize {
        *self.connections.lock().unwrap()
    }

    pub fn url(&self, path: &str) -> String {
        format!("http://{}{path}", self.address)
    }
}

fn serve(mut stream: impl Talk, asked: &Mutex<Vec<String>>, pages: &Mutex<HashMap<String, Act>>) {
    let head = read_head(&mut stream);
    if head.is_empty() {
        return;
    }
    asked.lock().unwrap().push(head.clone());
    let path = head.split_whitespace().nth(1).unwrap_or_default().to_owned();
    let act = {
        let pages = pages.lock().unwrap();
        pages.get(&path).or_else(|| pages.get("*")).cloned()
    };
    match act {
        Some(act) => act(&head, &mut stream),
        None => {
            let _ = stream.write_all(b"HTTP/1.1 404 Not Found\r\nContent-Length: 5\r\nConnection: close\r\n\r\nnone\n");
        }
    }
    let _ = stream.flush();
}

/// A certificate of its own for a name, and the authority that vouches for it, as a file.
pub fn certificate(folder: &Path, name: &str) -> (Arc<rustls::ServerConfig>, PathBuf) {
    certificate_of(folder, &[name.to_owned()])
}

/// The same for several names.
pub fn certificate_of(folder: &Path, names: &[String]) -> (Arc<rustls::ServerConfig>, PathBuf) {
    certificate_with(folder, names, rustls::crypto::aws_lc_rs::default_provider())
}

/// The same for a site that knows only some cryptography.
pub fn certificate_with(
    folder: &Path,
    names: &[String],
    provider: rustls::crypto::CryptoProvider,
) -> (Arc<rustls::ServerConfig>, PathBuf) {
    let authority_key = rcgen::KeyPair::generate().unwrap();
    let mut params = rcgen::CertificateParams::new(Vec::new()).unwrap();
    params.is_ca = rcgen::IsCa::Ca(rcgen::BasicConstraints::Unconstrained);
    params.distinguished_name.push(rcgen::DnType::CommonName, "Authority of a test");
    let authority = params.self_signed(&authority_key).unwrap();
    let path = folder.join("site-authority.pem");
    std::fs::write(&path, authority.pem()).unwrap();
    let issuer = rcgen::Issuer::new(params, authority_key);
    let key = rcgen::KeyPair::generate().unwrap();
    let leaf = rcgen::CertificateParams::new(names.to_vec()).unwrap().signed_by(&key, &issuer).unwrap();
    let config = rustls::ServerConfig::builder_with_provider(Arc::new(provider))
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_no_client_auth()
        .with_single_cert(vec![leaf.der().clone()], rustls::pki_types::PrivateKeyDer::Pkcs8(key.serialize_der().into()))
        .unwrap();
    (Arc::new(config), path)
}
