//! The answer about one sample: the contract of `lazaret scan --json` and of `POST /api/v1/scan`.

use crate::{Basis, Decision, Finding, Kind, Part, Ruling, TechniqueId, Verdict};
use serde::{Deserialize, Serialize};
use std::collections::BTreeSet;

/// The schema's name, in every report.
pub const SCAN_SCHEMA: &str = "lazaret.scan/1";

/// The result of scanning one sample.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ScanReport {
    /// Always [`SCAN_SCHEMA`].
    pub schema: String,
    /// The path or name it was given under.
    pub path: String,
    /// SHA-256, lower-case hexadecimal.
    pub sha256: String,
    /// Size in bytes.
    pub size: u64,
    /// What it is.
    pub kind: Kind,
    /// The verdict.
    pub verdict: Verdict,
    /// The policy decision.
    pub decision: Decision,
    /// Ids of the policies that decided.
    pub policies: Vec<String>,
    /// Everything in it was inspected.
    pub complete: bool,
    /// Wall-clock milliseconds.
    pub elapsed_ms: f64,
    /// The sample and everything in it, parents before children.
    pub parts: Vec<Part>,
    /// The findings of all detectors.
    pub findings: Vec<Finding>,
    /// The decision on each distinct part that is stricter than `deliver`.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub rulings: Vec<Ruling>,
    /// What the decision rested on beside that; no part of the contract, and none in a report that was read from somewhere.
    #[serde(skip)]
    pub basis: Option<Box<Basis>>,
}

impl ScanReport {
    /// The name of the part at a path, then the names of what holds it, up to the sample. Of a part that the report does not
    /// have, only the path.
    pub fn names<'a>(&'a self, path: &'a str) -> Vec<&'a str> {
        let mut names = Vec::new();
        let mut part = self.parts.iter().find(|part| part.path == path);
        while let Some(inner) = part {
            if !inner.name.is_empty() {
                names.push(inner.name.as_str());
            }
            // Parents come before children, so this ends, whatever a report says of them.
            let mut before = self.parts.iter().take_while(|part| part.id != inner.id);
            part = inner.parent.and_then(|id| before.find(|part| part.id == id));
        }
        if names.is_empty() {
            names.push(path);
        }
        names
    }

    /// What decided: of the strictest rulings the one about the deepest part, since what holds something shares its fate.
    pub fn cause(&self) -> Option<&Ruling> {
        let depth =
            |ruling: &Ruling| self.parts.iter().find(|part| part.path == ruling.part).map_or(0, |part| part.depth);
        let strictest = self.rulings.iter().filter(|ruling| ruling.decision == self.decision);
        // The first of those that are equally deep.
        strictest.rev().max_by_key(|ruling| depth(ruling))
    }

    /// Techniques of ATT&CK that something in it is a sign of, each once, by their ids.
    pub fn techniques(&self) -> BTreeSet<TechniqueId> {
        let all = self.findings.iter().flat_map(|finding| &finding.techniques);
        all.filter(|id| id.is_well_formed()).cloned().collect()
    }
}
