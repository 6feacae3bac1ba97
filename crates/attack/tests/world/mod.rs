//! A small world of releases for tests: written here, in the form of ATT&CK.
#![allow(dead_code, reason = "each test program uses a part of it")]

use lazaret_attack::{Catalog, Choice, Found, ImportOptions, Outcome, import};
use lazaret_store::Library;
use serde_json::{Value, json};
use std::path::{Path, PathBuf};
use std::sync::Arc;

pub const TECHNIQUE: &str = "attack-pattern--0a000000-0000-4000-8000-000000000001";
pub const OLD: &str = "attack-pattern--0a000000-0000-4000-8000-000000000002";
pub const OLDER: &str = "attack-pattern--0a000000-0000-4000-8000-000000000003";
pub const MITIGATION: &str = "course-of-action--0b000000-0000-4000-8000-000000000001";
pub const ADVICE: &str = "course-of-action--0b000000-0000-4000-8000-000000000002";
pub const GROUP: &str = "intrusion-set--0c000000-0000-4000-8000-000000000001";
pub const TACTIC: &str = "x-mitre-tactic--0d000000-0000-4000-8000-000000000001";
pub const MATRIX: &str = "x-mitre-matrix--0e000000-0000-4000-8000-000000000001";

/// A library in a folder of its own.
pub struct World {
    pub folder: tempfile::TempDir,
    pub catalog: Catalog,
}

impl World {
    pub async fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let address = format!("sqlite:{}", folder.path().join("library.sqlite").display());
        let catalog = Catalog::new(Library::open(&address).await.unwrap());
        Self { folder, catalog }
    }

    /// A file in the world's folder.
    pub fn file(&self, name: &str, bytes: &[u8]) -> PathBuf {
        let path = self.folder.path().join(name);
        std::fs::write(&path, bytes).unwrap();
        path
    }

    /// Imports a path; what became of it, in words.
    pub async fn import(&self, path: &Path) -> Vec<String> {
        self.import_as(ImportOptions { paths: vec![path.to_owned()], ..ImportOptions::default() }).await
    }

    pub async fn import_as(&self, options: ImportOptions) -> Vec<String> {
        let mut told = Vec::new();
        import(self.catalog.library(), options, Arc::default(), |outcome| {
            told.push(match outcome {
                Outcome::Imported { release, new } => {
                    format!("{} {} {}: {new} new; {}", release.feed, release.domain, release.name, release.notes)
                }
                Outcome::There(release) => format!("there: {}", release.name),
                Outcome::Skipped(name) => format!("skipped: {}", name.rsplit('/').next().unwrap_or_default()),
                Outcome::Refused { error, .. } => format!("refused: {error}"),
            });
        })
        .await
        .unwrap();
        self.catalog.look_again();
        told
    }

    /// Imports a release of Enterprise.
    pub async fn release(&self, name: &str, objects: &[Value]) {
        let path = self.file(&format!("enterprise-attack-{name}.json"), &bundle(objects));
        let told = self.import(&path).await;
        assert!(told.len() == 1 && told[0].starts_with("stix-2.0 enterprise-attack"), "{told:?}");
    }

    pub async fn find(&self, id: &str) -> Found {
        self.catalog.find(None, id, &Choice::default()).await.unwrap()
    }

    pub async fn find_in(&self, id: &str, release: &str) -> Found {
        let choice = Choice { release: Some(release.parse().unwrap()), ..Choice::default() };
        self.catalog.find(None, id, &choice).await.unwrap()
    }
}

/// A bundle of STIX 2.0, as compact JSON.
pub fn bundle(objects: &[Value]) -> Vec<u8> {
    let bundle = json!({ "type": "bundle", "id": "bundle--0f", "spec_version": "2.0", "objects": objects });
    serde_json::to_vec(&bundle).unwrap()
}

/// An object with these ids and name, version 1.0, last changed on this day.
pub fn object(stix_id: &str, attack_id: &str, name: &str, modified: &str) -> Value {
    let kind = stix_id.split("--").next().unwrap();
    json!({
        "type": kind,
        "id": stix_id,
        "created": "2020-01-01T00:00:00.000Z",
        "modified": format!("{modified}T00:00:00.000Z"),
        "name": name,
        "description": format!("What {name} is."),
        "external_references": [
            { "source_name": "mitre-attack", "external_id": attack_id, "url": format!("https://attack.mitre.org/x/{attack_id}") },
            { "source_name": "A report", "description": "A report. (2020).", "url": "https://report.invalid/" },
        ],
        "x_mitre_version": "1.0",
    })
}

/// The same with other fields.
pub fn with(mut object: Value, fields: Value) -> Value {
    for (name, value) in fields.as_object().unwrap() {
        object[name] = value.clone();
    }
    object
}

pub fn relation(number: u8, kind: &str, from: &str, to: &str) -> Value {
    json!({
        "type": "relationship",
        "id": format!("relationship--00000000-0000-4000-8000-0000000000{number:02x}"),
        "created": "2020-01-01T00:00:00.000Z",
        "modified": "2020-01-01T00:00:00.000Z",
        "relationship_type": kind,
        "source_ref": from,
        "target_ref": to,
        "description": format!("It {kind}.(Citation: A report)"),
        "external_references": [{ "source_name": "A report", "description": "A report. (2020)." }],
    })
}

pub fn technique() -> Value {
    with(
        object(TECHNIQUE, "T9001", "Opening Things", "2020-01-01"),
        json!({
            "kill_chain_phases": [{ "kill_chain_name": "mitre-attack", "phase_name": "execution" }],
            "x_mitre_platforms": ["Linux", "Windows"],
        }),
    )
}

pub fn mitigation() -> Value {
    object(MITIGATION, "M9001", "Teach People", "2020-01-01")
}
