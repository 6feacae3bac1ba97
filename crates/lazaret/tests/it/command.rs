//! The command as people and scripts meet it.

use serde_json::Value;
use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::{Command, Output, Stdio};

/// The industry's test file, in two halves so that this source is not taken for it.
const EICAR: &str = concat!("X5O!P%@AP[4\\PZX54(P^)7CC)7}$EICAR-STANDARD", "-ANTIVIRUS-TEST-FILE!$H+H*");

fn lazaret(folder: &Path, arguments: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_lazaret"))
        .args(arguments)
        .current_dir(folder)
        .env_remove("LAZARET_CONFIG")
        .env("LAZARET_DATA", folder.join("data"))
        .output()
        .expect("the executable runs")
}

fn reports(output: &Output) -> Vec<Value> {
    let text = String::from_utf8_lossy(&output.stdout);
    text.lines().map(|line| serde_json::from_str(line).expect("a line is a JSON object")).collect()
}

#[test]
fn nothing_forbidden_succeeds_inside_a_worker_and_no_failure_costs_more_than_one_file() {
    let folder = tempfile::tempdir().unwrap();
    // Started by somebody who leaves it two descriptors that are nobody's business.
    let script = format!("exec 7</etc/passwd 8<&7; exec '{}' doctor --json", env!("CARGO_BIN_EXE_lazaret"));
    let output = Command::new("sh")
        .args(["-c", &script])
        .current_dir(folder.path())
        .env_remove("LAZARET_CONFIG")
        .env("LAZARET_DATA", folder.path().join("data"))
        .output()
        .expect("sh runs");
    let report: Value = serde_json::from_slice(&output.stdout).expect("JSON");
    let around: Vec<_> =
        report["process"].as_array().expect("what is around").iter().map(|found| &found["what"]).collect();
    assert_eq!(around, ["runs as", "open files", "data folder"]);
    let probes = report["probes"].as_array().expect("probes");
    assert!(probes.len() >= 21, "{report}");
    for probe in probes {
        assert_eq!(probe["contained"], true, "{probe}");
    }
    // The process that unpacks releases of ATT&CK is kept from the same.
    let unpacker = report["unpacker"].as_array().expect("probes");
    assert_eq!(unpacker.len(), lazaret_engine::Probe::FORBIDDEN.len(), "{report}");
    for probe in unpacker {
        assert_eq!(probe["contained"], true, "{probe}");
    }
    for attempt in [
        "open a file",
        "connect to a server",
        "run a program",
        "inspect another process",
        "outlive its inspection",
        "write to the sample",
        "reopen the sample",
        "map shared memory",
        "map another stack",
        "map page zero",
        "become root",
        "hold a capability",
        "see other processes",
        "use others' descriptors",
    ] {
        assert!(probes.iter().any(|probe| probe["attempt"] == attempt), "`{attempt}` was not tried");
    }
}

#[test]
fn a_clean_file_is_delivered_and_a_bad_one_blocked() {
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("letter.txt"), "Dear customer,\nthe meeting is on Monday.\n").unwrap();
    std::fs::write(folder.path().join("eicar.com"), EICAR).unwrap();
    let clean = lazaret(folder.path(), &["scan", "--json", "letter.txt"]);
    assert_eq!(clean.status.code(), Some(0), "{clean:?}");
    let report = &reports(&clean)[0];
    assert_eq!(
        (&report["decision"], &report["verdict"], &report["schema"]),
        (&"deliver".into(), &"benign".into(), &"lazaret.scan/1".into())
    );
    let bad = lazaret(folder.path(), &["scan", "--json", "eicar.com"]);
    assert_eq!(bad.status.code(), Some(1), "{bad:?}");
    let report = &reports(&bad)[0];
    assert_eq!((&report["decision"], &report["verdict"]), (&"block".into(), &"malicious".into()));
    assert_eq!(report["sha256"], "275a021bbfb6489e54d471899f7db9d1663fc695ec2fe2a2c4538aabf651fd0f");
}

#[test]
fn quiet_leaves_out_what_is_delivered_in_every_form() {
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("letter.txt"), "Dear customer,\nthe meeting is on Monday.\n").unwrap();
    std::fs::write(folder.path().join("eicar.com"), EICAR).unwrap();
    let json = lazaret(folder.path(), &["scan", "--quiet", "--json", "letter.txt", "eicar.com"]);
    assert_eq!(reports(&json).iter().map(|report| &report["path"]).collect::<Vec<_>>(), ["eicar.com"]);
    let tree = lazaret(folder.path(), &["scan", "--quiet", "--explain", "letter.txt"]);
    assert_eq!((tree.status.code(), tree.stdout.len()), (Some(0), 0), "{tree:?}");
}

#[test]
fn the_facts_that_policies_can_ask_for_are_listed_and_named_in_explanations() {
    let folder = tempfile::tempdir().unwrap();
    let listed = lazaret(folder.path(), &["policy", "facts", "--json"]);
    let facts: Vec<Value> = serde_json::from_slice(&listed.stdout).expect("a list");
    let of = |name: &str| facts.iter().find(|fact| fact["name"] == name).unwrap_or_else(|| panic!("{name}"));
    assert_eq!(of("prevalence")["known"], "ledger");
    assert_eq!(of("prevalence")["unit"], "times");
    assert_eq!(of("first_seen_days")["path"], "context.site.first_seen_days");
    let table = lazaret(folder.path(), &["policy", "facts"]);
    assert_eq!(String::from_utf8_lossy(&table.stdout).lines().count(), facts.len() + 1, "{table:?}");
    std::fs::write(folder.path().join("eicar.com"), EICAR).unwrap();
    let told = lazaret(folder.path(), &["policy", "explain", "eicar.com"]);
    let told = String::from_utf8_lossy(&told.stdout).into_owned();
    assert!(told.contains("facts used: ") && told.contains("resource.verdict is \"malicious\""), "{told}");
    let own = "@id(\"own\") @title(\"Own\") permit (principal, action == Lazaret::Action::\"execute\", resource);";
    std::fs::write(folder.path().join("own.cedar"), own).unwrap();
    let checked = lazaret(folder.path(), &["policy", "check", "own.cedar"]);
    let said = String::from_utf8_lossy(&checked.stdout).into_owned();
    assert!(said.contains("`own` has no effect: it is about `execute`"), "{said}");
}

#[test]
fn what_cannot_be_read_is_named_and_the_rest_is_scanned() {
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("a.txt"), "one\n").unwrap();
    std::fs::write(folder.path().join("empty"), "").unwrap();
    let output = lazaret(folder.path(), &["scan", "--json", "missing.zip", "/dev/null", "empty", "a.txt"]);
    assert_eq!(output.status.code(), Some(2), "{output:?}");
    let complaints = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(complaints.contains("`missing.zip`: No such file"), "{complaints}");
    assert!(complaints.contains("`/dev/null`: it is a device"), "{complaints}");
    let paths: Vec<_> = reports(&output).iter().map(|report| report["path"].clone()).collect();
    assert_eq!(paths, ["empty", "a.txt"]);
}

#[test]
fn a_name_that_is_not_utf_8_is_scanned_and_shown_without_loss() {
    use std::os::unix::ffi::OsStrExt;
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join(std::ffi::OsStr::from_bytes(b"a\xff.txt")), "one\n").unwrap();
    let output = lazaret(folder.path(), &["scan", "--json", "."]);
    assert_eq!(output.status.code(), Some(0), "{output:?}");
    assert_eq!(reports(&output)[0]["path"], "./a\\xff.txt");
}

#[test]
fn a_link_that_leads_back_is_named() {
    let folder = tempfile::tempdir().unwrap();
    std::fs::create_dir(folder.path().join("in")).unwrap();
    std::fs::write(folder.path().join("in/a.txt"), "one\n").unwrap();
    std::os::unix::fs::symlink(".", folder.path().join("in/back")).unwrap();
    let output = lazaret(folder.path(), &["scan", "--json", "--recursive", "--follow-links", "in"]);
    assert_eq!(output.status.code(), Some(2), "{output:?}");
    assert!(String::from_utf8_lossy(&output.stderr).contains("leads back to"), "{output:?}");
    assert_eq!(reports(&output).len(), 1);
}

#[test]
fn a_broken_rule_and_a_broken_policy_are_named_with_their_place() {
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("a.txt"), "needle\n").unwrap();
    std::fs::write(
        folder.path().join("own.yar"),
        "rule found { meta: severity = \"critical\" strings: $a = \"needle\" condition: $a }\nrule broken { condition: nonsense }\n",
    )
    .unwrap();
    let output = lazaret(folder.path(), &["scan", "--json", "--rules", "own.yar", "a.txt"]);
    assert_eq!(output.status.code(), Some(2), "{output:?}");
    assert!(String::from_utf8_lossy(&output.stderr).contains("`own.yar` line 2, column 26"), "{output:?}");
    assert_eq!(reports(&output)[0]["findings"][0]["evidence"]["rule"], "found");

    std::fs::write(folder.path().join("own.cedar"), "permit (principal, action, resource\n").unwrap();
    let output = lazaret(folder.path(), &["policy", "check", "own.cedar"]);
    assert_eq!(output.status.code(), Some(2), "{output:?}");
    assert!(String::from_utf8_lossy(&output.stderr).contains("`own.cedar` line "), "{output:?}");
}

#[test]
fn the_lists_and_the_manual_are_there() {
    let folder = tempfile::tempdir().unwrap();
    let kinds = lazaret(folder.path(), &["kinds", "--json"]);
    let kinds: Value = serde_json::from_slice(&kinds.stdout).unwrap();
    assert!(kinds.as_array().unwrap().len() >= 200);
    for arguments in [
        &["formats"][..],
        &["detectors"],
        &["completions", "bash"],
        &["man"],
        &["policy", "test"],
        &["config", "defaults"],
    ] {
        let output = lazaret(folder.path(), arguments);
        assert!(output.status.success() && output.stdout.len() > 100, "{arguments:?}: {output:?}");
    }
}

#[test]
fn a_scan_that_cannot_be_written_down_is_no_success() {
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("a.txt"), "one\n").unwrap();
    let full = std::fs::OpenOptions::new().write(true).open("/dev/full").unwrap();
    let output = Command::new(env!("CARGO_BIN_EXE_lazaret"))
        .args(["scan", "a.txt"])
        .current_dir(folder.path())
        .env("LAZARET_DATA", folder.path().join("data"))
        .stdout(full)
        .output()
        .expect("the executable runs");
    assert_eq!(output.status.code(), Some(2), "{output:?}");
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(said.contains("cannot write to standard output: No space left on device"), "{said}");
}

#[test]
fn a_clamd_that_was_asked_for_and_is_not_there_holds_files_back() {
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("a.txt"), "one\n").unwrap();
    let output = lazaret(folder.path(), &["scan", "--json", "--clamd", "/nowhere/clamd.sock", "a.txt"]);
    assert_eq!(output.status.code(), Some(1), "{output:?}");
    let report = &reports(&output)[0];
    assert_eq!((&report["verdict"], &report["decision"]), (&"unknown".into(), &"hold".into()));
    assert_eq!(report["findings"][0]["id"], "analysis.clamd-failed");
}

#[test]
fn a_worker_starts_where_fewer_files_may_be_open() {
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("a.txt"), "one\n").unwrap();
    let script = format!("ulimit -n 64; exec '{}' scan a.txt", env!("CARGO_BIN_EXE_lazaret"));
    let output = Command::new("sh").args(["-c", &script]).current_dir(folder.path()).output().expect("sh runs");
    assert_eq!(output.status.code(), Some(0), "{output:?}");
}

#[test]
fn an_executable_that_was_replaced_since_still_starts_its_own_workers() {
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("a.txt"), "one\n").unwrap();
    std::fs::copy(env!("CARGO_BIN_EXE_lazaret"), folder.path().join("lazaret")).unwrap();
    // What lies at its path when it starts a worker is something else.
    let script = "exec 7<lazaret; rm lazaret; printf '#!/bin/sh\nexit 1\n' >lazaret; chmod +x lazaret
        exec /proc/self/fd/7 scan --json a.txt";
    let output = Command::new("sh").args(["-c", script]).current_dir(folder.path()).output().expect("sh runs");
    assert_eq!(output.status.code(), Some(0), "{output:?}");
    assert_eq!(reports(&output)[0]["decision"], "deliver");
}

#[test]
fn a_wrong_call_ends_with_2() {
    let folder = tempfile::tempdir().unwrap();
    for arguments in [&["scan"][..], &["scna", "x"], &["scan", "--jobs", "0", "x"]] {
        assert_eq!(lazaret(folder.path(), arguments).status.code(), Some(2), "{arguments:?}");
    }
}

#[test]
fn an_interrupted_run_reports_what_was_done_and_ends() {
    for (signal, status) in [("INT", 130), ("TERM", 143)] {
        let folder = tempfile::tempdir().unwrap();
        std::fs::write(folder.path().join("a.txt"), "one\n").unwrap();
        // Standard input that never ends keeps the run busy after the first file.
        let mut child = Command::new(env!("CARGO_BIN_EXE_lazaret"))
            .args(["scan", "--json", "a.txt", "-"])
            .current_dir(folder.path())
            .env("LAZARET_DATA", folder.path().join("data"))
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .expect("the executable runs");
        let mut first = String::new();
        BufReader::new(child.stdout.as_mut().expect("a pipe")).read_line(&mut first).expect("a report");
        assert!(first.contains("\"path\":\"a.txt\""), "{first}");
        let sent = Command::new("kill").args([&format!("-{signal}"), &child.id().to_string()]).status();
        assert!(sent.expect("kill runs").success());
        let input = child.stdin.take();
        let output = child.wait_with_output().expect("the run ends");
        drop(input);
        assert_eq!(output.status.code(), Some(status), "{signal}: {output:?}");
        let said = String::from_utf8_lossy(&output.stderr).into_owned();
        assert!(said.contains("interrupted: 1 delivered, 0 held, 0 blocked"), "{signal}: {said}");
    }
}

#[test]
fn a_configuration_is_checked_with_everything_that_it_names() {
    let folder = tempfile::tempdir().unwrap();
    let check = |text: &str| {
        std::fs::write(folder.path().join("lazaret.toml"), text).unwrap();
        let mut command = Command::new(env!("CARGO_BIN_EXE_lazaret"));
        let output = command.args(["config", "check"]).current_dir(folder.path()).output().unwrap();
        (output.status.code(), String::from_utf8(output.stderr).unwrap())
    };
    assert_eq!(check("[limits]\nparts = 10\n"), (Some(0), String::new()));
    for (text, culprit) in [
        ("[proxy]\nlisten = \"nowhere\"\n", "`proxy.listen`: `nowhere`"),
        ("[proxy]\nupstream = \"socks://a:1\"\n", "`proxy.upstream`"),
        ("[icap]\ncertificate = \"none.pem\"\nkey = \"none.pem\"\n", "none.pem"),
        ("[people]\nnetworks = [{ network = \"10.0.0.0/99\" }]\n", "`10.0.0.0/99`"),
        ("[sites]\nlists = [{ name = \"mine\", source = \"mine.txt\" }]\n", "`mine`"),
        ("[detect]\nrules = [\"mine.yar\"]\n", "mine.yar"),
        ("[policy]\npolicies = [\"mine.cedar\"]\n", "mine.cedar"),
    ] {
        let (status, said) = check(text);
        assert!(status == Some(2) && said.contains(culprit), "{text}: {said}");
    }
}
