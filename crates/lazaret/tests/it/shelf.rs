//! For the tests of the ATT&CK library: releases in a data folder, and the command that reads them.

mod taxii;

use corpus::attack::*;
use serde_json::{Value, json};
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

/// The command, with a data folder in `folder`.
pub fn library(folder: &Path, arguments: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_lazaret"))
        .args(["library"])
        .args(arguments)
        .current_dir(folder)
        .env("LAZARET_DATA", folder.join("data"))
        .env_remove("LAZARET_CONFIG")
        .output()
        .unwrap()
}

/// The same; its status, what it prints, and what it complains about.
pub fn said(folder: &Path, arguments: &[&str]) -> (i32, String, String) {
    let output = library(folder, arguments);
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    (output.status.code().unwrap_or(-1), text(&output.stdout), text(&output.stderr))
}

pub fn json_of(folder: &Path, arguments: &[&str]) -> Value {
    let (status, out, complaint) = said(folder, arguments);
    assert!(status == 0, "{arguments:?}: {status} {complaint}");
    serde_json::from_str(&out).unwrap_or_else(|error| panic!("{arguments:?}: {error}: {out}"))
}

pub fn file(folder: &Path, name: &str, bytes: &[u8]) -> PathBuf {
    let path = folder.join(name);
    std::fs::write(&path, bytes).unwrap();
    path
}

/// A mitigation that was given up, with everything in it that a page could break on.
pub fn advice() -> Value {
    with(
        object(ADVICE, "T9001", "Opening Things Mitigation", "2020-01-01"),
        json!({
            "description": "Do not open <username>'s [things](https://attack.mitre.org/techniques/T9001), nor \
                            <code>C:\\\\*.scr</code>.(Citation: A report)\n\n<script>alert(1)</script> [x](javascript:alert(1)) \
                            <img src=x onerror=alert(1)>(Citation: Nobody knows)",
            "x_mitre_deprecated": true,
        }),
    )
}

/// Releases of Enterprise, the last one being 3.0: in 2.0 the mitigation was given up, in 3.0 its relationship vanished.
pub fn releases() -> Vec<(&'static str, Vec<Value>)> {
    let marking = json!({
        "type": "marking-definition",
        "id": "marking-definition--0a000000-0000-4000-8000-000000000001",
        "created": "2020-01-01T00:00:00.000Z",
        "definition_type": "statement",
        "definition": { "statement": "Copyright of a test" },
    });
    let tactic = with(object(TACTIC, "TA9001", "Execution", "2020-01-01"), json!({ "x_mitre_shortname": "execution" }));
    let matrix =
        with(object(MATRIX, "enterprise-attack", "Enterprise", "2020-01-01"), json!({ "tactic_refs": [TACTIC] }));
    let group = with(
        object(GROUP, "G9001", "Quiet Weasel", "2020-01-01"),
        json!({ "aliases": ["Quiet Weasel", "Crooked Pine"] }),
    );
    let live = with(advice(), json!({ "x_mitre_deprecated": false, "description": "Do not open things." }));
    let old = with(object(OLD, "T8002", "Opening Mail", "2020-01-01"), json!({ "revoked": true }));
    let ends = [
        relation(1, "mitigates", MITIGATION, TECHNIQUE),
        relation(2, "uses", GROUP, TECHNIQUE),
        relation(3, "revoked-by", OLD, TECHNIQUE),
    ];
    let common = [vec![technique(), mitigation(), group, tactic, matrix, old, marking], ends.to_vec()].concat();
    let vanishing = relation(9, "mitigates", ADVICE, TECHNIQUE);
    let plus = |more: Vec<Value>| [common.clone(), more].concat();
    vec![
        ("1.0", plus(vec![live.clone(), vanishing.clone()])),
        ("2.0", plus(vec![advice(), vanishing])),
        ("3.0", plus(vec![advice()])),
    ]
}

/// Imports them; the folder in which everything is.
pub fn filled() -> tempfile::TempDir {
    filled_with(&releases())
}

/// The same with other releases of Enterprise.
pub fn filled_with(releases: &[(&str, Vec<Value>)]) -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    let bundles = folder.path().join("bundles");
    std::fs::create_dir(&bundles).unwrap();
    for (name, objects) in releases {
        file(&bundles, &format!("enterprise-attack-{name}.json"), &bundle(objects));
    }
    let (status, out, complaint) = said(folder.path(), &["import", "bundles"]);
    assert!(status == 0 && out.lines().count() == releases.len(), "{out} {complaint}");
    folder
}
