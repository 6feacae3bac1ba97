//! `fuzz/run.sh`, with programs that only say what a fuzzer says.

use super::house::root;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::process::{Command, Output};

/// A run that finds nothing, one that finds something each time, and a program that does not run.
const FUZZERS: [(&str, &str); 3] = [
    ("good", "echo '#12 NEW    cov: 34 ft: 56'; echo 'stat::number_of_executed_units: 12'; sleep 1"),
    (
        "bad",
        "sleep 0.3; echo \"artifact_prefix='x'; Test unit written to x/crash-1\"; echo '#3 NEW    cov: 9 ft: 9'; exit 77",
    ),
    ("dead", "exit 127"),
];

fn git(folder: &Path, arguments: &[&str]) {
    let command = Command::new("git")
        .args(["-c", "user.name=a", "-c", "user.email=a@example.invalid"])
        .args(arguments)
        .current_dir(folder)
        .output();
    assert!(command.is_ok_and(|output| output.status.success()), "git {arguments:?}");
}

fn run(folder: &Path, arguments: &[&str]) -> (Output, String) {
    let mut command = Command::new("sh");
    command.arg("fuzz/run.sh").args(["-c", "stable", "-j", "3"]).args(arguments);
    let output = command.current_dir(folder).env("BIN", folder.join("bin")).output().expect("sh runs");
    let table = String::from_utf8_lossy(&output.stdout).into_owned();
    (output, table)
}

#[test]
fn fuzzing_goes_on_where_it_ended_and_tells_crashes() {
    let folder = tempfile::tempdir().expect("a folder");
    let folder = folder.path();
    for sub in ["bin", "fuzz/fuzz_targets"] {
        std::fs::create_dir_all(folder.join(sub)).expect("a folder");
    }
    std::fs::copy(root().join("fuzz/run.sh"), folder.join("fuzz/run.sh")).expect("run.sh is there");
    std::fs::write(folder.join(".gitignore"), "/fuzz/*\n!/fuzz/run.sh\n").expect("a file");
    for (name, script) in FUZZERS {
        std::fs::write(folder.join(format!("fuzz/fuzz_targets/{name}.rs")), "").expect("a file");
        let program = folder.join("bin").join(name);
        std::fs::write(&program, format!("#!/bin/sh\n{script}\n")).expect("a file");
        std::fs::set_permissions(&program, PermissionsExt::from_mode(0o755)).expect("a mode");
    }
    git(folder, &["init", "--quiet"]);
    git(folder, &["add", "--all"]);
    git(folder, &["commit", "--quiet", "--message", "x"]);

    let (output, table) = run(folder, &["-t", "1"]);
    assert_eq!(output.status.code(), Some(1), "{table}");
    assert!(table.contains("| good | 12 |") && table.contains("| 34 | 0 | whole |"), "{table}");
    assert!(
        table.contains("| 9 |") && table.lines().any(|line| line.starts_with("| bad") && !line.contains("| 0 | whole")),
        "{table}"
    );
    assert!(table.lines().any(|line| line.starts_with("| dead") && line.ends_with("| 1 | failed |")), "{table}");

    let said = |output: &Output| String::from_utf8_lossy(&output.stderr).into_owned();
    let (output, table) = run(folder, &["-t", "1", "good"]);
    assert_eq!(output.status.code(), Some(0), "{table}");
    assert!(said(&output).contains("had its time") && table.contains("| good | 12 |"), "{}", said(&output));
    // More time, another compiler or another commit are reasons to run it again.
    std::fs::write(folder.join("new"), "").expect("a file");
    let (output, _) = run(folder, &["-t", "1", "good"]);
    assert!(!said(&output).contains("had its time"), "{}", said(&output));
    let (output, _) = run(folder, &["-t", "1", "-c", "nightly", "good"]);
    assert!(!said(&output).contains("had its time"), "{}", said(&output));
    let (output, _) = run(folder, &["nobody"]);
    assert_eq!(output.status.code(), Some(2));
}

#[test]
fn every_fuzz_target_is_built() {
    let manifest = std::fs::read_to_string(root().join("fuzz/Cargo.toml")).expect("a manifest");
    for entry in std::fs::read_dir(root().join("fuzz/fuzz_targets")).expect("a folder").flatten() {
        let line = format!("path = \"fuzz_targets/{}\"", entry.file_name().to_string_lossy());
        assert!(manifest.contains(&line), "`fuzz/Cargo.toml` lacks `{line}`");
    }
}
