//! Parts with what was found in them, as policies are asked about them.

use lazaret_model::{Finding, Origin, Part, PartId, Verdict, fold};
use lazaret_policy::Facts;
use std::collections::HashMap;

/// Parts with their verdicts and the findings about each.
pub(crate) struct Judged<'a> {
    parts: &'a [Part],
    verdicts: Vec<Verdict>,
    findings: HashMap<&'a str, Vec<&'a Finding>>,
    /// For each part that holds others, the ids of kinds from the sample down to it.
    inside: HashMap<PartId, Vec<&'a str>>,
}

impl<'a> Judged<'a> {
    pub(crate) fn new(parts: &'a [Part], all: &'a [Finding]) -> Self {
        let mut findings: HashMap<&str, Vec<&Finding>> = HashMap::new();
        for finding in all {
            findings.entry(&finding.part).or_default().push(finding);
        }
        Self { parts, verdicts: fold(parts, all), findings, inside: inside(parts) }
    }

    /// Every part with its verdict, the sample first.
    pub(crate) fn parts(&self) -> impl Iterator<Item = (&'a Part, Verdict)> {
        self.parts.iter().zip(self.verdicts.iter().copied())
    }

    /// What policies are told about one of the parts.
    pub(crate) fn facts(&self, part: &Part, verdict: Verdict, origin: &Origin) -> Facts {
        let parents = part.parent.and_then(|id| self.inside.get(&id)).map_or(&[][..], Vec::as_slice);
        let findings = self.findings.get(part.path.as_str()).map_or(&[][..], Vec::as_slice);
        Facts::of(part, verdict, findings, parents, origin)
    }
}

/// For each part that holds others, the ids of kinds from the sample down to it, each once. Parents come before children, so
/// one pass does, whatever the parts say of each other.
fn inside(parts: &[Part]) -> HashMap<PartId, Vec<&str>> {
    let index: HashMap<PartId, &Part> = parts.iter().map(|part| (part.id, part)).collect();
    let mut inside: HashMap<PartId, Vec<&str>> = HashMap::new();
    for part in parts {
        let Some(parent) = part.parent.and_then(|id| index.get(&id)) else { continue };
        if inside.contains_key(&parent.id) {
            continue;
        }
        let mut kinds = parent.parent.and_then(|id| inside.get(&id)).cloned().unwrap_or_default();
        let kind = parent.kind.id.as_ref();
        if !kinds.contains(&kind) {
            kinds.push(kind);
        }
        inside.insert(parent.id, kinds);
    }
    inside
}
