//! Parts made up for the tests of detectors.

use crate::{Detector, Findings};
use lazaret_model::{Class, Kind, Part, PartId, Role};

/// A named member of an archive.
pub(crate) fn part(name: &str, kind: &'static str, class: Class) -> Part {
    Part {
        id: PartId(1),
        parent: Some(PartId(0)),
        name: name.to_owned(),
        role: Role::Member,
        depth: 1,
        kind: Kind::new(kind, class, "application/octet-stream"),
        ..Part::sample(&format!("sample//{name}"), 0)
    }
}

/// The ids that a detector reports about a part, sorted; each must have a message, a technique and evidence.
pub(crate) fn ids(detector: &dyn Detector, part: &Part, bytes: &[u8]) -> Vec<String> {
    let mut findings = Findings::default();
    if detector.wants(part) {
        detector.inspect(part, bytes, 0, &mut findings).unwrap();
    }
    sorted(findings)
}

fn sorted(findings: Findings) -> Vec<String> {
    let mut ids = Vec::new();
    for finding in findings.into_parts().0 {
        assert!(!finding.message.is_empty() && !finding.evidence.is_empty(), "{finding:?}");
        assert!(!finding.techniques.is_empty() && finding.techniques.iter().all(|t| t.is_well_formed()), "{finding:?}");
        ids.push(finding.id.into_owned());
    }
    ids.sort();
    ids
}
