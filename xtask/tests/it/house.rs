//! Holds ARCHITECTURE.md, the crates and their dependencies together.

use serde_json::Value;
use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::process::Command;

/// Third-party crates that only one of ours may use; the generator of stand-ins may write with what that one reads with,
/// and the load of the benchmarks may speak what that one speaks.
const OWNERS: &[(&str, &str)] = &[
    ("yara-x", "lazaret-detect"),
    ("object", "lazaret-detect"),
    ("rsa", "lazaret-detect"),
    ("p256", "lazaret-detect"),
    ("p384", "lazaret-detect"),
    ("cedar-policy", "lazaret-policy"),
    ("seccompiler", "lazaret-engine"),
    ("landlock", "lazaret-engine"),
    ("libc", "lazaret-engine"),
    ("zip", "lazaret-formats"),
    ("rars", "lazaret-formats"),
    ("sevenz-rust2", "lazaret-formats"),
    ("mail-parser", "lazaret-formats"),
    ("rqrr", "lazaret-formats"),
    ("png", "lazaret-formats"),
    ("zune-jpeg", "lazaret-formats"),
    ("gif", "lazaret-formats"),
    ("image-webp", "lazaret-formats"),
    ("hyper", "lazaret-gates"),
    ("rustls", "lazaret-gates"),
    ("rcgen", "lazaret-gates"),
    ("cryptoki", "lazaret-gates"),
    ("libloading", "lazaret-gates"),
    ("askama", "lazaret-console"),
    ("axum", "lazaret-console"),
    ("argon2", "lazaret-identity"),
    ("hmac", "lazaret-identity"),
    ("jsonwebtoken", "lazaret-identity"),
    ("qrcode", "lazaret-console"),
    ("sqlx", "lazaret-store"),
    ("ring", "lazaret-store"),
    ("serde_json_canonicalizer", "lazaret-attack"),
    ("tantivy", "lazaret-attack"),
    ("rust_xlsxwriter", "lazaret-attack"),
    ("jsonschema", "lazaret-attack"),
    ("pulldown-cmark", "lazaret-console"),
    ("clap", "lazaret"),
];

pub(super) fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..")
}

/// Every crate of ours with everything it depends on outside tests.
fn dependencies() -> BTreeMap<String, BTreeSet<String>> {
    let output = Command::new(env!("CARGO"))
        .args(["metadata", "--format-version=1", "--no-deps", "--offline", "--locked"])
        .current_dir(root())
        .output()
        .expect("cargo runs");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let metadata: Value = serde_json::from_slice(&output.stdout).expect("cargo metadata is JSON");
    let text = |value: &Value| value.as_str().expect("a string").to_owned();
    let packages = metadata["packages"].as_array().expect("packages");
    packages
        .iter()
        .map(|package| {
            let own = package["dependencies"].as_array().expect("dependencies").iter();
            let own = own.filter(|dependency| dependency["kind"].is_null()).map(|dependency| text(&dependency["name"]));
            (text(&package["name"]), own.collect())
        })
        .collect()
}

/// The arrows of ARCHITECTURE.md: rows of the form `| 2 | engine | … | model formats |`.
fn arrows() -> BTreeMap<String, BTreeSet<String>> {
    let text = std::fs::read_to_string(root().join("ARCHITECTURE.md")).expect("ARCHITECTURE.md is there");
    let rows =
        text.lines().filter(|line| line.starts_with("| ") && line.as_bytes().get(2).is_some_and(u8::is_ascii_digit));
    rows.map(|row| {
        let cells: Vec<_> = row.split('|').map(str::trim).collect();
        let name = |cell: &str| if cell == "lazaret" { cell.to_owned() } else { format!("lazaret-{cell}") };
        let to = cells[4].split_whitespace().filter(|cell| *cell != "–").map(name).collect();
        (name(cells[2].trim_matches('`')), to)
    })
    .collect()
}

#[test]
fn arrows_are_those_of_the_architecture() {
    let arrows = arrows();
    let ours = dependencies().into_iter().filter(|(name, _)| name.starts_with("lazaret"));
    for (name, dependencies) in ours {
        let allowed = arrows.get(&name).unwrap_or_else(|| panic!("`{name}` has no row in ARCHITECTURE.md"));
        for dependency in dependencies.iter().filter(|dependency| dependency.starts_with("lazaret")) {
            assert!(allowed.contains(dependency), "`{name}` -> `{dependency}` is not an arrow of ARCHITECTURE.md");
        }
    }
}

#[test]
fn every_row_of_the_architecture_is_a_crate() {
    let dependencies = dependencies();
    for name in arrows().keys() {
        assert!(dependencies.contains_key(name), "ARCHITECTURE.md names `{name}`, which does not exist");
    }
}

#[test]
fn third_party_crates_are_used_by_their_owners_only() {
    let dependencies = dependencies();
    for (krate, owner) in OWNERS {
        assert!(dependencies[*owner].contains(*krate), "`{owner}` owns `{krate}` and does not use it");
        for (name, own) in &dependencies {
            assert!(
                name == owner || ["corpus", "gate"].contains(&name.as_str()) || !own.contains(*krate),
                "`{name}` uses `{krate}`, which belongs to `{owner}`"
            );
        }
    }
}

/// Every Rust file of ours, with its text.
pub(super) fn sources() -> Vec<(PathBuf, String)> {
    let mut folders: Vec<_> = ["crates", "xtask", "fuzz"].map(|folder| root().join(folder)).into();
    let mut found = Vec::new();
    while let Some(folder) = folders.pop() {
        for path in std::fs::read_dir(&folder).expect("a folder").map(|entry| entry.expect("an entry").path()) {
            if path.is_dir() {
                folders.push(path);
            } else if path.extension().is_some_and(|extension| extension == "rs") {
                let text = std::fs::read_to_string(&path).expect("text");
                found.push((path, text));
            }
        }
    }
    assert!(found.len() > 300, "only {} files", found.len());
    found
}

/// nextest runs no examples of the documentation: one that nobody runs may be wrong.
#[test]
fn no_example_in_the_documentation_is_left_to_be_tested() {
    for (path, text) in sources() {
        let mut inside = false;
        for (number, line) in text.lines().enumerate() {
            let line = line.trim_start();
            let Some(comment) = line.strip_prefix("///").or_else(|| line.strip_prefix("//!")) else {
                inside = false;
                continue;
            };
            if let Some(language) = comment.trim_start().strip_prefix("```") {
                let tested = ["", "rust", "should_panic", "no_run", "compile_fail"].contains(&language.trim());
                assert!(inside || !tested, "{}:{}: give the block another language", path.display(), number + 1);
                inside = !inside;
            }
        }
    }
}

/// Each links the whole crate once more.
#[test]
fn a_crate_has_one_program_of_integration_tests() {
    for (path, _) in sources() {
        let folder = path.parent().and_then(Path::file_name).unwrap_or_default();
        let program =
            folder == "tests" && path.ancestors().nth(2).is_some_and(|package| package.join("Cargo.toml").is_file());
        assert!(!program, "`{}`: put it into `tests/it/`", path.display());
    }
}
