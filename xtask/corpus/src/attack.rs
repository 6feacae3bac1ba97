//! Small releases for tests of the ATT&CK library: written here, in the form of ATT&CK.

use serde_json::{Value, json};

/// A technique, T9001.
pub const TECHNIQUE: &str = "attack-pattern--0a000000-0000-4000-8000-000000000001";
/// One that it replaced, T8002.
pub const OLD: &str = "attack-pattern--0a000000-0000-4000-8000-000000000002";
/// One that that one replaced, T8003.
pub const OLDER: &str = "attack-pattern--0a000000-0000-4000-8000-000000000003";
/// A mitigation, M9001.
pub const MITIGATION: &str = "course-of-action--0b000000-0000-4000-8000-000000000001";
/// A mitigation with the id of a technique.
pub const ADVICE: &str = "course-of-action--0b000000-0000-4000-8000-000000000002";
/// A group, G9001.
pub const GROUP: &str = "intrusion-set--0c000000-0000-4000-8000-000000000001";
/// A tactic, TA9001.
pub const TACTIC: &str = "x-mitre-tactic--0d000000-0000-4000-8000-000000000001";
/// The matrix.
pub const MATRIX: &str = "x-mitre-matrix--0e000000-0000-4000-8000-000000000001";

/// A bundle of STIX 2.0, as compact JSON.
pub fn bundle(objects: &[Value]) -> Vec<u8> {
    let bundle = json!({ "type": "bundle", "id": "bundle--0f", "spec_version": "2.0", "objects": objects });
    serde_json::to_vec(&bundle).expect("JSON can be written")
}

/// An object with these ids and name, version 1.0, last changed on this day.
pub fn object(stix_id: &str, attack_id: &str, name: &str, modified: &str) -> Value {
    let kind = stix_id.split("--").next().unwrap_or_default();
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
    for (name, value) in fields.as_object().into_iter().flatten() {
        object[name] = value.clone();
    }
    object
}

/// A relationship, numbered, with a text that cites.
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

/// The technique as it first was.
pub fn technique() -> Value {
    with(
        object(TECHNIQUE, "T9001", "Opening Things", "2020-01-01"),
        json!({
            "kill_chain_phases": [{ "kill_chain_name": "mitre-attack", "phase_name": "execution" }],
            "x_mitre_platforms": ["Linux", "Windows"],
        }),
    )
}

/// The mitigation as it first was.
pub fn mitigation() -> Value {
    object(MITIGATION, "M9001", "Teach People", "2020-01-01")
}
