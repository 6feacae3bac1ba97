//! Who shares a sandboxed process with whom, and what is left of a sample in one that goes on.

use crate::gate::{Served, Site, until};
use serde_json::Value;
use sha1::{Digest, Sha1};
use std::collections::{BTreeMap, BTreeSet};
use std::io::{Read, Seek, SeekFrom};
use std::process::Command;

/// Processes of the sandbox below a process, with the time at which each was started (proc(5), `stat`).
pub fn sandboxed(below: u32) -> BTreeSet<(u32, String)> {
    let mut parents = BTreeMap::new();
    for entry in std::fs::read_dir("/proc").unwrap().flatten() {
        let Ok(pid) = entry.file_name().to_string_lossy().parse::<u32>() else { continue };
        let Ok(stat) = std::fs::read_to_string(format!("/proc/{pid}/stat")) else { continue };
        let fields: Vec<&str> = stat.rsplit(") ").next().unwrap().split(' ').collect();
        parents.insert(pid, (fields[1].parse::<u32>().unwrap(), fields[19].to_owned()));
    }
    let mut found = BTreeSet::new();
    let mut waiting = vec![below];
    while let Some(parent) = waiting.pop() {
        for (pid, (_, started)) in parents.iter().filter(|(_, (of, _))| *of == parent) {
            found.insert((*pid, started.clone()));
            waiting.push(*pid);
        }
    }
    found
}

/// Whether a text is anywhere in the memory that a process may write to.
fn remembers(pid: u32, text: &[u8]) -> bool {
    let Ok(maps) = std::fs::read_to_string(format!("/proc/{pid}/maps")) else { return false };
    let mut memory = std::fs::File::open(format!("/proc/{pid}/mem")).unwrap();
    for line in maps.lines().filter(|line| line.split(' ').nth(1).is_some_and(|rights| rights.starts_with("rw"))) {
        let (from, to) = line.split(' ').next().unwrap().split_once('-').unwrap();
        let (from, to) = (u64::from_str_radix(from, 16).unwrap(), u64::from_str_radix(to, 16).unwrap());
        let mut bytes = vec![0; usize::try_from(to - from).unwrap()];
        let read = memory.seek(SeekFrom::Start(from)).and_then(|_| memory.read_exact(&mut bytes));
        if read.is_ok() && memchr::memmem::find(&bytes, text).is_some() {
            return true;
        }
    }
    false
}

/// Waits until a process that was asked has wiped a text, or has ended: what took long is killed, and on a busy machine it takes a
/// while to go. One that goes on with others' samples lives longer than this waits.
fn forgets_or_ends(pid: u32, text: &str) {
    until(&format!("process {pid} forgets {text}"), || !remembers(pid, text.as_bytes()));
}

/// What a browser says of itself that fetches a script for a page.
const PIECE: [&str; 8] = [
    "-H",
    "Sec-Fetch-Dest: script",
    "-H",
    "Sec-Fetch-Mode: no-cors",
    "-H",
    "Sec-Fetch-Site: same-origin",
    "-H",
    "Referer: http://127.0.0.1/",
];

#[test]
fn pieces_of_a_page_share_a_process_in_which_nothing_of_them_stays() {
    if !rustix::process::geteuid().is_root() {
        eprintln!("SKIPPED: only root reads the memory of others");
        return;
    }
    let served = Served::with("");
    let site = Site::plain();
    // In names, in what is decoded, in what is joined, in what is told: each its own.
    let marker = |number: usize| format!("Marker{number}OfAPiece");
    for number in 0..6 {
        let marker = marker(number);
        let encoded = data_encoding::BASE64.encode(format!("{{\"name\": \"{marker}\", \"size\": 12}}").as_bytes());
        let script = format!(
            "/* {marker} */ function f() {{ var a = '{marker}'; a += '{marker}'; return atob('{encoded}') + a; }}\n"
        );
        site.page(&format!("/{marker}.js"), "Content-Type: text/javascript\r\n", script.repeat(40));
    }
    let fetch = |number: usize, as_what: &[&str]| {
        let url = site.url(&format!("/{}.js", marker(number)));
        let arguments = [as_what, &[&*url]].concat();
        let fetched = served.curl(&arguments);
        assert_eq!(fetched.status, 200, "{number}: {fetched:?}");
    };
    // The first takes so long that its process is not shared any more, on a slow machine.
    fetch(0, &PIECE);
    fetch(1, &PIECE);
    let before = sandboxed(served.id());
    for number in 2..6 {
        fetch(number, &PIECE);
        for (pid, _) in sandboxed(served.id()) {
            for seen in 0..=number {
                forgets_or_ends(pid, &marker(seen));
            }
        }
    }
    // One that read a piece is still there, and read more: not each had another one, however slow the machine is.
    let after = sandboxed(served.id());
    assert!(after.difference(&before).count() < 4, "{before:?} {after:?} {}", served.log());
    // What is opened by a person is alone: each uses up a process that was forked ahead for whoever comes next.
    site.page("/page.html", "Content-Type: text/html\r\n", "<!doctype html><p>Hello</p>");
    site.page("/other.html", "Content-Type: text/html\r\n", "<!doctype html><p>Goodbye</p>");
    let open = |path: &str| {
        let opened = ["-H", "Sec-Fetch-Dest: document", "-H", "Sec-Fetch-Mode: navigate"];
        assert_eq!(served.curl(&[&opened[..], &[&*site.url(path)]].concat()).status, 200);
    };
    open("/page.html");
    let before = sandboxed(served.id());
    open("/other.html");
    until("its process ends", || before.difference(&sandboxed(served.id())).count() > 0);
    // And where nothing is shared, each piece is.
    let apart = Served::with("[engine]\nisolation = \"sample\"\n[proxy]\n");
    let fetch = |number: usize| apart.curl(&[&PIECE[..], &[&*site.url(&format!("/{}.js", marker(number)))]].concat());
    assert!(fetch(0).status == 200 && fetch(1).status == 200);
    let before = sandboxed(apart.id());
    assert_eq!(fetch(2).status, 200);
    until("its process ends", || before.difference(&sandboxed(apart.id())).count() > 0);
}

#[test]
fn what_modules_of_rules_made_of_a_piece_does_not_stay_either() {
    if !rustix::process::geteuid().is_root() {
        eprintln!("SKIPPED: only root reads the memory of others");
        return;
    }
    let script = |number: usize| format!("function piece{number}() {{ return {number}; }}\n").repeat(40);
    let hash = |number: usize| {
        let digest: [u8; 20] = Sha1::digest(script(number)).into();
        data_encoding::HEXLOWER.encode(&digest)
    };
    // Whoever asks the module for a hash has it kept.
    let rules = format!(
        "import \"hash\"\nrule third {{ meta: severity = \"critical\" condition: hash.sha1(0, filesize) == \"{}\" }}\n",
        hash(3)
    );
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("own.yar"), rules).unwrap();
    let served = Served::in_folder(folder, "[detect]\nrules = [\"own.yar\"]\n[proxy]\n");
    let site = Site::plain();
    let fetch = |number: usize| {
        let path = format!("/piece{number}.js");
        site.page(&path, "Content-Type: text/javascript\r\n", script(number));
        served.curl(&[&PIECE[..], &[&*site.url(&path)]].concat()).status
    };
    for number in 0..3 {
        assert_eq!(fetch(number), 200, "{}", served.log());
        for (pid, _) in sandboxed(served.id()) {
            forgets_or_ends(pid, &hash(number));
        }
    }
    // The module was asked: the rule finds what it looks for.
    assert_ne!(fetch(3), 200);
}

/// A report without how many passwords were tried.
fn without_numbers_of_passwords(report: &str) -> String {
    let mut pieces = report.split("none of the ");
    let mut out = pieces.next().unwrap_or_default().to_owned();
    for piece in pieces {
        out.push_str("none of the ");
        out.push_str(piece.trim_start_matches(|digit: char| digit.is_ascii_digit()));
    }
    out
}

#[test]
fn what_is_found_does_not_depend_on_who_shares_a_process() {
    let folder = tempfile::tempdir().unwrap();
    for (number, standin) in corpus::all().iter().enumerate() {
        // What becomes large takes its time, alone and together.
        if standin.folder.ends_with("/bombs") || standin.bytes.len() > 1 << 20 {
            continue;
        }
        let path = folder.path().join(number.to_string());
        std::fs::create_dir(&path).unwrap();
        let name = standin.name.rsplit(['/', '\\']).next().unwrap();
        std::fs::write(path.join(name), &standin.bytes).unwrap();
    }
    let data = tempfile::tempdir().unwrap();
    let scan = |isolation: &str| {
        let output = Command::new(env!("CARGO_BIN_EXE_lazaret"))
            .args([
                "scan",
                "--recursive",
                "--json",
                "--jobs",
                "2",
                "--time-limit",
                "600000",
                "--isolation",
                isolation,
                ".",
            ])
            .current_dir(folder.path())
            .env("LAZARET_DATA", data.path())
            .output()
            .unwrap();
        let text = String::from_utf8(output.stdout).unwrap();
        let reports = text.lines().map(|line| {
            let mut report: Value = serde_json::from_str(line).unwrap();
            report.as_object_mut().unwrap().remove("elapsed_ms");
            // How many passwords there is time for is the machine's matter.
            let line = without_numbers_of_passwords(&report.to_string());
            let report: Value = serde_json::from_str(&line).unwrap();
            (report["path"].as_str().unwrap().to_owned(), report)
        });
        reports.collect::<BTreeMap<_, _>>()
    };
    let (alone, together) = (scan("sample"), scan("site"));
    assert!(alone.len() > 400 && alone.len() == together.len(), "{} {}", alone.len(), together.len());
    // That both fail alike would be equal, too.
    let findings = |report: &Value| report["findings"].as_array().unwrap().clone();
    let with_findings = alone.values().filter(|report| !findings(report).is_empty()).count();
    assert!(with_findings > alone.len() / 4, "something is found in {with_findings} of {}", alone.len());
    for (path, report) in &alone {
        let failed = findings(report).into_iter().find(|finding| finding["id"] == "analysis-failed");
        assert_eq!(failed, None, "{path}");
        assert_eq!(report, &together[path], "{path}");
    }
}
