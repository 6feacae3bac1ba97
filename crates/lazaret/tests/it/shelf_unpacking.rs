//! Releases are unpacked in a process of their own: whatever they are packed in they are the same, and whatever becomes of that
//! process is told and costs nothing of what was there. That it is sandboxed `lazaret doctor` shows (`command.rs`).

use crate::gate::until;
use crate::isolation::sandboxed;
use crate::shelf::*;
use corpus::attack::*;
use corpus::build::archive::{gzip, tar, xz, zstd};
use rustix::process::{Pid, Signal, kill_process};
use serde_json::{Value, json};
use std::fs::{File, OpenOptions};
use std::io::Write;
use std::path::Path;
use std::process::{Child, Command, Stdio};

fn releases_in(folder: &Path) -> usize {
    json_of(folder, &["releases", "--json"]).as_array().unwrap().len()
}

#[test]
fn a_release_is_the_same_whatever_it_was_packed_in() {
    let bytes = bundle(&releases()[0].1);
    let name = "enterprise-attack-1.0.json";
    let archive = tar(&[(name, &bytes), ("README.md", b"no release")]);
    let mut told = Vec::new();
    for (file_name, packed) in [
        (name, bytes.clone()),
        ("enterprise-attack-1.0.json.zst", zstd(&bytes)),
        ("enterprise-attack-1.0.json.gz", gzip(name, &bytes)),
        ("enterprise-attack-1.0.json.xz", xz(&bytes)),
        ("all.tar", archive.clone()),
        ("all.tar.zst", zstd(&archive)),
        ("all.tgz", gzip("all.tar", &archive)),
        ("all.tar.xz", xz(&archive)),
    ] {
        let folder = tempfile::tempdir().unwrap();
        let folder = folder.path();
        file(folder, file_name, &packed);
        let (status, out, complaint) = said(folder, &["import", file_name]);
        assert_eq!(status, 0, "{file_name}: {complaint}");
        let skipped = format!("`{file_name}//README.md` was skipped");
        assert_eq!(complaint.contains(&skipped), file_name.starts_with("all"), "{complaint}");
        assert!(library(folder, &["export", "enterprise", "1.0"]).stdout == bytes, "{file_name}");
        assert_eq!(said(folder, &["verify"]).0, 0, "{file_name}");
        told.push(out);
    }
    assert!(told.iter().all(|one| *one == told[0]), "{told:?}");
}

/// A Zstandard frame (RFC 8878, 3.1.1) that begins with a text and goes on with one letter, in blocks of four bytes for 128 KiB each.
fn bomb(text: &[u8], blocks: usize) -> Vec<u8> {
    const RAW: u32 = 0;
    const REPEATED: u32 = 1;
    let header = |kind: u32, size: usize, last: bool| {
        let [a, b, c, _] = (u32::from(last) | (kind << 1) | (u32::try_from(size).unwrap() << 3)).to_le_bytes();
        [a, b, c]
    };
    // No checksum and no size; a window of 128 KiB.
    let mut frame = vec![0x28, 0xb5, 0x2f, 0xfd, 0x00, 7 << 3];
    frame.extend(header(RAW, text.len(), false));
    frame.extend(text);
    for block in 0..blocks {
        frame.extend(header(REPEATED, 128 << 10, block + 1 == blocks));
        frame.push(b'x');
    }
    frame
}

#[test]
fn a_bomb_is_refused_by_its_name_and_the_next_file_is_imported() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    std::fs::create_dir(folder.join("all")).unwrap();
    let object = b"{\"type\":\"bundle\",\"id\":\"bundle--1\",\"objects\":[{\"id\":\"tool--0a\",\"name\":\"";
    // 3 GiB out of 100 KB.
    let packed = bomb(object, 24_576);
    assert!(packed.len() < 100_000, "{}", packed.len());
    file(folder, "all/enterprise-attack-1.0.json.zst", &packed);
    file(folder, "all/enterprise-attack-2.0.json.gz", &gzip("", &bundle(&[technique()])));
    let (status, out, complaint) = said(folder, &["import", "all"]);
    assert!(status == 2 && out.contains("Enterprise 2.0"), "{status} {out} {complaint}");
    assert!(complaint.contains("`all/enterprise-attack-1.0.json.zst`: nothing was imported from it"), "{complaint}");
    assert!(complaint.contains("an object larger than 16 MiB begins here"), "{complaint}");
    assert_eq!(releases_in(folder), 1);
}

#[test]
fn an_archive_that_is_cut_is_told_and_the_library_is_as_it_was() {
    let folder = filled();
    let folder = folder.path();
    let noise = corpus::build::hex(&corpus::build::noise(200_000));
    let large = bundle(&[with(technique(), json!({ "description": noise }))]);
    let archive = gzip("", &tar(&[("enterprise-attack-4.0.json", &large)]));
    file(folder, "cut.tar.gz", &archive[..archive.len() / 2]);
    let (status, out, complaint) = said(folder, &["import", "--json", "cut.tar.gz"]);
    assert!(status == 2 && complaint.contains("`cut.tar.gz"), "{status} {complaint}");
    let told: Vec<Value> = out.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    assert!(!told.is_empty() && told.iter().all(|one| one["state"] == "refused"), "{out}");
    assert_eq!((releases_in(folder), said(folder, &["verify"]).0), (3, 0));
}

/// An import that waits for the rest of a file, and what ends the waiting.
fn waiting(folder: &Path, name: &str, bytes: &[u8]) -> (Child, File) {
    assert!(Command::new("mkfifo").arg(folder.join(name)).status().unwrap().success());
    let child = Command::new(env!("CARGO_BIN_EXE_lazaret"))
        .args(["library", "import", name])
        .current_dir(folder)
        .env("LAZARET_DATA", folder.join("data"))
        .env_remove("LAZARET_CONFIG")
        .stdout(Stdio::null())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    // Opens when it is opened on the other side.
    let mut rest = OpenOptions::new().write(true).open(folder.join(name)).unwrap();
    rest.write_all(bytes).unwrap();
    // The process and the one inside it.
    until("a file is being unpacked", || sandboxed(child.id()).len() == 2);
    (child, rest)
}

fn kill(process: u32) {
    kill_process(Pid::from_raw(i32::try_from(process).unwrap()).unwrap(), Signal::KILL).unwrap();
}

#[test]
fn a_process_that_is_killed_while_it_unpacks_is_told_and_the_library_is_as_it_was() {
    let folder = filled();
    let folder = folder.path();
    let bytes = bundle(&releases()[0].1);
    // The process itself, then the one inside.
    for (name, place) in [("enterprise-attack-4.0.json", 0), ("enterprise-attack-5.0.json", 1)] {
        let (child, _rest) = waiting(folder, name, &bytes[..bytes.len() / 2]);
        let below = sandboxed(child.id());
        kill(below.iter().nth(place).unwrap().0);
        let output = child.wait_with_output().unwrap();
        let complaint = String::from_utf8_lossy(&output.stderr);
        assert_eq!(output.status.code(), Some(2), "{complaint}");
        let told = format!("the process that unpacks `{name}` failed: it was killed (SIGKILL)");
        assert!(complaint.contains(&told) || complaint.contains("unpacks it failed: it was killed"), "{complaint}");
        assert!(complaint.contains(&format!("`{name}`")), "{complaint}");
        assert_eq!((releases_in(folder), said(folder, &["verify"]).0), (3, 0));
    }
}

#[test]
fn whoever_is_killed_takes_the_process_along() {
    let folder = filled();
    let folder = folder.path();
    let (mut child, _rest) = waiting(folder, "enterprise-attack-4.0.json", b"{");
    let below = sandboxed(child.id());
    child.kill().unwrap();
    child.wait().unwrap();
    // Whoever took its number since was started at another time.
    let is_there = |process: u32, started: &str| {
        let stat = std::fs::read_to_string(format!("/proc/{process}/stat")).unwrap_or_default();
        let mut fields = stat.rsplit(") ").next().unwrap_or_default().split(' ');
        !["Z", "X", ""].contains(&fields.next().unwrap_or_default()) && fields.nth(18) == Some(started)
    };
    until("nobody unpacks any more", || !below.iter().any(|(process, started)| is_there(*process, started)));
}
