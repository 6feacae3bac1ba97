//! Small parts for the tests of detectors.

use crate::{Detector, Findings};
use lazaret_model::{Child, Class, Kind, Part, PartId};

/// A part of a kind; the class is what the detectors expect of it.
pub(crate) fn part(kind: &'static str) -> Part {
    let class = match kind {
        "html" | "mht" => Class::Web,
        "svg" => Class::Image,
        "xml" => Class::Data,
        "pdf" | "rtf" | "one" | "docx" => Class::Document,
        _ => Class::Script,
    };
    Part { kind: Kind::new(kind, class, "application/octet-stream"), ..Part::sample("sample", 0) }
}

/// Asserts which findings a detector makes about a text, as `id severity`, in alphabetical order.
#[track_caller]
pub(crate) fn check(detector: &dyn Detector, kind: &'static str, text: &str, expected: &[&str]) {
    let part = part(kind);
    let mut findings = Findings::default();
    if detector.wants(&part) {
        detector.inspect(&part, text.as_bytes(), 0, &mut findings).unwrap();
    }
    let shown = text.chars().take(300).collect::<String>();
    assert_eq!(ids(&findings), expected, "{kind}: {shown}");
}

/// Asserts which findings a detector makes about a part.
#[track_caller]
pub(crate) fn check_part(detector: &dyn Detector, part: &Part, bytes: &[u8], expected: &[&str]) {
    let mut findings = Findings::default();
    if detector.wants(part) {
        detector.inspect(part, bytes, 0, &mut findings).unwrap();
    }
    let shown = String::from_utf8_lossy(bytes.get(..300).unwrap_or(bytes)).into_owned();
    assert_eq!(ids(&findings), expected, "{} {}: {shown}", part.kind, part.name);
}

/// Asserts which findings a detector makes about a container with these members: name, kind and size.
#[track_caller]
pub(crate) fn check_container(
    detector: &dyn Detector,
    container: &Part,
    members: &[(&str, Kind, u64)],
    expected: &[&str],
) {
    let child = |(at, (name, kind, size)): (usize, &(&str, Kind, u64))| Child {
        id: PartId(at as u32 + 1),
        name: (*name).to_owned(),
        kind: kind.clone(),
        size: *size,
        locked: false,
    };
    let children: Vec<_> = members.iter().enumerate().map(child).collect();
    let mut findings = Findings::default();
    detector.conclude(container, &children, &mut findings);
    let names: Vec<_> = members.iter().take(8).map(|(name, kind, _)| format!("{name} ({kind})")).collect();
    assert_eq!(ids(&findings), expected, "{} with {}", container.kind, names.join(", "));
}

/// Asserts which findings a detector makes about a container with one member.
#[track_caller]
pub(crate) fn check_member(detector: &dyn Detector, kind: &'static str, member: Kind, expected: &[&str]) {
    let child = Child { id: PartId(1), name: "member".into(), kind: member, size: 1, locked: false };
    let mut findings = Findings::default();
    detector.conclude(&part(kind), std::slice::from_ref(&child), &mut findings);
    assert_eq!(ids(&findings), expected, "{kind} with {}", child.kind);
}

fn ids(findings: &Findings) -> Vec<String> {
    use super::clipboard::{COMMAND_TEXT, LURE_WORDS, WRITES_CLIPBOARD};
    // What says nothing by itself has a test of its own.
    let facts = [LURE_WORDS, WRITES_CLIPBOARD, COMMAND_TEXT];
    let counted = || findings.list().iter().filter(|finding| !facts.contains(&&*finding.id));
    let mut ids: Vec<_> = counted().map(|f| format!("{} {}", f.id, f.severity)).collect();
    for finding in counted() {
        assert!(!finding.techniques.is_empty() && finding.techniques.iter().all(|t| t.is_well_formed()));
        assert!(finding.evidence.values().all(|v| v.as_str().is_none_or(|s| s.chars().count() <= 200)));
    }
    ids.sort();
    ids
}
