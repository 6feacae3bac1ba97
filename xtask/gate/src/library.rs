//! The ATT&CK library beside mitreattack-python: importing, comparing, and pages with everything imported.

use crate::table::{Aim, bound, milliseconds, row};
use std::fs;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

/// Runs of what takes seconds; the median counts.
const RUNS: usize = 3;
/// Entries whose pages are fetched, and searches that are made.
const PAGES: usize = 3_000;
const SEARCHES: usize = 1_000;
/// How long the server may take to be ready.
const PATIENCE: Duration = Duration::from_secs(120);

/// What the reference does, with the bundles that it is given.
const LOAD: &str = "
import sys, time
from mitreattack.stix20 import MitreAttackData
start = time.time()
MitreAttackData(sys.argv[1])
print(time.time() - start)
";
const DIFF: &str = "
import sys, time
from loguru import logger
logger.remove()
from mitreattack import release_info
# It asks which release a bundle is by its hash, and knows those that MITRE published alone.
release_info.get_attack_version = lambda **given: None
from mitreattack.diffStix.changelog_helper import DiffStix
start = time.time()
DiffStix(domains=['enterprise-attack'], old=sys.argv[1], new=sys.argv[2])
print(time.time() - start)
";

/// Runs the scene. `releases` is what holds every release of Enterprise in STIX 2.0, `python` an interpreter that has
/// mitreattack-python.
///
/// # Errors
/// When something cannot be run; the text says what.
pub(crate) fn run(lazaret: &Path, releases: &Path, python: &Path) -> Result<(), String> {
    let folder = tempfile::tempdir().map_err(|error| format!("no temporary folder: {error}"))?;
    let data = folder.path().join("data");
    crate::table::head();
    import_all(lazaret, releases, &data)?;
    let bundles = [("17.1", "old"), ("18.1", "new")].map(|(release, name)| {
        let place = folder.path().join(name);
        let file = place.join("enterprise-attack.json");
        fs::create_dir_all(&place).map_err(|error| error.to_string())?;
        let target = fs::File::create(&file).map_err(|error| error.to_string())?;
        let export = ["library", "export", "enterprise", release, "--feed", "stix-2.0"];
        let status = Command::new(lazaret).arg("--data").arg(&data).args(export).stdout(target).status();
        match status {
            Ok(status) if status.success() => Ok((place, file)),
            _ => Err(format!("release {release} cannot be exported")),
        }
    });
    let [old, new] = bundles;
    let (old, new) = (old?, new?);
    one_release(lazaret, &new.1, python, folder.path())?;
    changelog(lazaret, &data, (&old.0, &new.0), python)?;
    pages(lazaret, &data)
}

/// Runs a program to its end; seconds, and its greatest memory in bytes.
fn timed(command: &mut Command) -> Result<(f64, u64), String> {
    let start = Instant::now();
    let shown = format!("{:?}", command.get_program());
    let mut child =
        command.stdout(Stdio::null()).stderr(Stdio::null()).spawn().map_err(|error| format!("{shown}: {error}"))?;
    let mut most = 0;
    let status = loop {
        let text = fs::read_to_string(format!("/proc/{}/status", child.id())).unwrap_or_default();
        let line = text.lines().find_map(|line| line.strip_prefix("VmHWM:")).unwrap_or_default();
        let kilobytes: u64 = line.trim().trim_end_matches("kB").trim().parse().unwrap_or(0);
        most = most.max(kilobytes * 1024);
        if let Some(status) = child.try_wait().map_err(|error| error.to_string())? {
            break status;
        }
        std::thread::sleep(Duration::from_millis(5));
    };
    if status.success() { Ok((start.elapsed().as_secs_f64(), most)) } else { Err(format!("{shown} failed: {status}")) }
}

fn median(mut values: Vec<f64>) -> f64 {
    values.sort_by(f64::total_cmp);
    values.get(values.len() / 2).copied().unwrap_or(f64::NAN)
}

fn import_all(lazaret: &Path, releases: &Path, data: &Path) -> Result<(), String> {
    let (seconds, memory) =
        timed(Command::new(lazaret).arg("--data").arg(data).args(["library", "import"]).arg(releases))?;
    let size = fs::metadata(data.join("library.sqlite")).map_err(|error| error.to_string())?.len();
    let output = Command::new(lazaret)
        .arg("--data")
        .arg(data)
        .args(["library", "releases"])
        .output()
        .map_err(|error| error.to_string())?;
    let list = String::from_utf8_lossy(&output.stdout).into_owned();
    let number = list.lines().filter(|line| line.starts_with("stix-2.0   Enterprise")).count();
    // The same bytes, hashed: what anything that reads them costs at least.
    let hashed = Instant::now();
    let mut hash = Command::new("sh")
        .args([
            "-c",
            "if [ -d \"$1\" ]; then cat \"$1\"/*; else zstd -dc --long=27 \"$1\"; fi | sha256sum >/dev/null",
            "sh",
        ])
        .arg(releases)
        .spawn()
        .map_err(|error| error.to_string())?;
    hash.wait().map_err(|error| error.to_string())?;
    let hashed = hashed.elapsed().as_secs_f64();
    let (mb, what) =
        (|bytes: u64| format!("{:.0} MB", bytes as f64 / 1e6), format!("import of {number} Enterprise releases"));
    let reference = format!("the same bytes through sha256sum: {hashed:.1} s");
    bound(
        &format!("{what}: time"),
        "≤ 60 s",
        &format!("{seconds:.1} s"),
        &reference,
        seconds / hashed,
        seconds <= 60.0,
    );
    bound(
        &format!("{what}: peak memory"),
        "≤ 300 MB",
        &mb(memory),
        "the aim",
        memory as f64 / 300e6,
        memory <= 300_000_000,
    );
    bound("the store on disk", "≤ 120 MB", &mb(size), "the aim", size as f64 / 120e6, size <= 120_000_000);
    Ok(())
}

fn python_seconds(python: &Path, script: &str, arguments: &[&Path]) -> Result<f64, String> {
    let mut values = Vec::new();
    for _ in 0..RUNS {
        let output = Command::new(python)
            .args(["-c", script])
            .args(arguments)
            .output()
            .map_err(|error| format!("`{}`: {error}", python.display()))?;
        let text = String::from_utf8_lossy(&output.stdout);
        let last = text.lines().last().and_then(|line| line.trim().parse().ok());
        values.push(last.ok_or_else(|| format!("the reference fails: {}", String::from_utf8_lossy(&output.stderr)))?);
    }
    Ok(median(values))
}

fn one_release(lazaret: &Path, bundle: &Path, python: &Path, folder: &Path) -> Result<(), String> {
    let mut values = Vec::new();
    for run in 0..RUNS {
        let data = folder.join(format!("one-{run}"));
        let mut command = Command::new(lazaret);
        command.arg("--data").arg(&data).args(["library", "import", "--release", "18.1", "--domain", "enterprise"]);
        values.push(timed(command.arg(bundle))?.0);
    }
    let (ours, theirs) = (median(values), python_seconds(python, LOAD, &[bundle])?);
    bound(
        "import of Enterprise 18.1 into an empty library",
        "≤ 2.5 s",
        &format!("{ours:.2} s"),
        &format!("mitreattack-python loads it: {theirs:.1} s"),
        theirs / ours,
        ours <= 2.5,
    );
    row(
        "the same, against the reference",
        Aim::AtLeast(5.0),
        &format!("{ours:.2} s"),
        &format!("{theirs:.1} s"),
        theirs / ours,
    );
    Ok(())
}

fn changelog(lazaret: &Path, data: &Path, (old, new): (&Path, &Path), python: &Path) -> Result<(), String> {
    let mut values = Vec::new();
    for _ in 0..RUNS {
        let mut command = Command::new(lazaret);
        command.arg("--data").arg(data).args(["library", "diff", "17.1", "18.1", "--domain", "enterprise"]);
        values.push(timed(command.args(["--feed", "stix-2.0", "--json"]))?.0);
    }
    let (ours, theirs) = (median(values), python_seconds(python, DIFF, &[old, new])?);
    let (shown, reference) = (format!("{ours:.2} s"), format!("diff_stix: {theirs:.1} s"));
    bound("changelog 17.1 → 18.1, started from nothing", "≤ 1 s", &shown, &reference, theirs / ours, ours <= 1.0);
    row("the same, against the reference", Aim::AtLeast(40.0), &shown, &reference, theirs / ours);
    Ok(())
}

/// A server with this data, until it is dropped.
struct Server(Child);

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

fn pages(lazaret: &Path, data: &Path) -> Result<(), String> {
    let port = TcpListener::bind("127.0.0.1:0").and_then(|listener| listener.local_addr());
    let address = port.map_err(|error| error.to_string())?;
    let config = data.join("lazaret.toml");
    let text = format!("[proxy]\nlisten = \"\"\n[icap]\nlisten = \"127.0.0.1:0\"\n[console]\nlisten = \"{address}\"\n");
    fs::write(&config, text).map_err(|error| error.to_string())?;
    let child = Command::new(lazaret)
        .args(["serve", "--config"])
        .arg(&config)
        .arg("--data")
        .arg(data)
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .map_err(|error| error.to_string())?;
    let server = Server(child);
    let end = Instant::now() + PATIENCE;
    while TcpStream::connect(address).is_err() {
        if Instant::now() > end {
            return Err("lazaret does not start".to_owned());
        }
        std::thread::sleep(Duration::from_millis(100));
    }
    let mut client = Client::open(address)?;
    // The first search makes the index.
    client.get("/attack/search?q=phishing")?;
    let paths = paths(&mut client)?;
    // Pages of every kind, far apart, each for the first time.
    let step = (paths.len() / PAGES).max(1);
    let chosen: Vec<&String> = paths.iter().step_by(step).take(PAGES).collect();
    let mut seconds = Vec::with_capacity(chosen.len());
    for path in &chosen {
        seconds.push(client.get(path)?.0);
    }
    let quiet = fetched_style(&mut client)?;
    figures(&format!("pages of {} entries, each fetched once", chosen.len()), "≤ 5 ms", 0.005, &seconds, quiet);
    let names = names(&chosen);
    let mut seconds = Vec::with_capacity(SEARCHES);
    for name in names.iter().cycle().take(SEARCHES) {
        seconds.push(client.get(&format!("/api/v1/attack/search?q={name}"))?.0);
    }
    figures(&format!("{SEARCHES} searches, every third with a mistake"), "≤ 10 ms", 0.010, &seconds, quiet);
    drop(server);
    Ok(())
}

/// What fetching anything costs here: a file that is answered from memory.
fn fetched_style(client: &mut Client) -> Result<f64, String> {
    let mut seconds = Vec::new();
    for _ in 0..500 {
        seconds.push(client.get("/style.css")?.0);
    }
    Ok(quantile(&seconds, 0.99))
}

fn quantile(seconds: &[f64], share: f64) -> f64 {
    let mut sorted = seconds.to_vec();
    sorted.sort_by(f64::total_cmp);
    let at = ((sorted.len() as f64 * share).ceil() as usize).clamp(1, sorted.len().max(1));
    sorted.get(at - 1).copied().unwrap_or(f64::NAN)
}

fn figures(what: &str, aim: &str, most: f64, seconds: &[f64], quiet: f64) {
    let (half, tail) = (quantile(seconds, 0.5), quantile(seconds, 0.99));
    let reference = format!("a file from memory, p99: {}", milliseconds(quiet));
    row(&format!("{what}: p50"), Aim::None, &milliseconds(half), &reference, half / quiet);
    bound(&format!("{what}: p99"), aim, &milliseconds(tail), &reference, tail / quiet, tail <= most);
}

/// Addresses of every entry of the newest Enterprise release.
fn paths(client: &mut Client) -> Result<Vec<String>, String> {
    let mut paths = Vec::new();
    for section in [
        "techniques",
        "software",
        "groups",
        "campaigns",
        "mitigations",
        "datacomponents",
        "detectionstrategies",
        "analytics",
        "tactics",
    ] {
        let text = client.get(&format!("/{section}?domain=enterprise-attack"))?.1;
        let mut own: Vec<String> = text
            .split("<tr class=")
            .skip(1)
            .filter_map(|piece| piece.split("href=\"").nth(1)?.split('"').next().map(str::to_owned))
            .collect();
        own.dedup();
        paths.extend(own);
    }
    if paths.len() < 100 { Err("the lists have no entries".to_owned()) } else { Ok(paths) }
}

/// Words to search for: ids and pieces of them, every third with two letters changed about.
fn names(paths: &[&String]) -> Vec<String> {
    const WORDS: [&str; 12] = [
        "phishing",
        "credential",
        "powershell",
        "ransomware",
        "persistence",
        "registry",
        "exfiltration",
        "lateral",
        "container",
        "bootkit",
        "spearphishing",
        "execution",
    ];
    let mut names = Vec::new();
    for (place, path) in paths.iter().enumerate() {
        let word = WORDS[place % WORDS.len()];
        names.push(match place % 3 {
            0 => path.rsplit('/').next().unwrap_or_default().to_owned(),
            1 => format!("{word}%20{}", WORDS[(place / 3) % WORDS.len()]),
            _ => {
                let mut letters: Vec<char> = word.chars().collect();
                letters.swap(2, 3);
                letters.into_iter().collect()
            }
        });
    }
    names
}

/// One connection that is kept.
struct Client {
    reader: BufReader<TcpStream>,
    address: SocketAddr,
}

impl Client {
    fn open(address: SocketAddr) -> Result<Self, String> {
        let stream = TcpStream::connect(address).map_err(|error| error.to_string())?;
        stream.set_nodelay(true).map_err(|error| error.to_string())?;
        stream.set_read_timeout(Some(PATIENCE)).map_err(|error| error.to_string())?;
        Ok(Self { reader: BufReader::new(stream), address })
    }

    /// Fetches a page; how long that took, and what it says.
    fn get(&mut self, path: &str) -> Result<(f64, String), String> {
        let told = |error: std::io::Error| format!("`{path}`: {error}");
        let start = Instant::now();
        let request = format!("GET {path} HTTP/1.1\r\nHost: {}\r\n\r\n", self.address);
        self.reader.get_mut().write_all(request.as_bytes()).map_err(told)?;
        let (mut line, mut length, mut first) = (String::new(), 0_usize, String::new());
        loop {
            line.clear();
            self.reader.read_line(&mut line).map_err(told)?;
            if first.is_empty() {
                first.clone_from(&line);
            }
            if let Some(value) = line.to_ascii_lowercase().strip_prefix("content-length:") {
                length = value.trim().parse().unwrap_or(0);
            }
            if line.trim().is_empty() {
                break;
            }
        }
        let mut body = vec![0; length];
        self.reader.read_exact(&mut body).map_err(told)?;
        let seconds = start.elapsed().as_secs_f64();
        if !first.starts_with("HTTP/1.1 200") {
            return Err(format!("`{path}` answered {}", first.trim()));
        }
        Ok((seconds, String::from_utf8_lossy(&body).into_owned()))
    }
}
