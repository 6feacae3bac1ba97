//! What the fuzz targets share: each feeds one parser, and states what must hold whatever the bytes are.
//!
//! A panic, a time-out and memory beyond the limit are found by the fuzzer itself. Checked here: the walk keeps its
//! budget, what it refers to exists, and whatever it did not open is marked.

#![allow(clippy::expect_used, clippy::panic, clippy::unwrap_used, reason = "a fuzzer learns by panics")]

use lazaret_detect::{DETECTORS, Findings};
use lazaret_formats::{Content, FORMATS, KINDS, Setup, Visitor, walk_as};
use lazaret_model::{Child, Class, Finding, Limits, Part, PartId, Role};
use std::collections::HashMap;
use std::sync::Arc;
use std::time::{Duration, Instant};

/// Bytes of output that one walk may make.
const OUTPUT: u64 = 32 << 20;
/// Milliseconds that one walk may take. Half of what the fuzzer calls a time-out, since sanitizers are slow.
const TIME_MS: u64 = 4_000;

/// Walks `data` as one of the kinds that the format opens: what it is found to be where it fits, any of them otherwise.
///
/// # Panics
/// When there is no such format, or the walk breaks a promise.
pub fn open(format: &str, data: &[u8]) {
    let format = FORMATS.iter().find(|f| f.id() == format).expect("the target is named after a format");
    let content = Content::from(data);
    let identified = lazaret_formats::identify(&content).expect("memory can be read");
    let kinds = format.kinds();
    let fitting = kinds.iter().find(|kind| identified.kind.id == **kind);
    let kind = fitting.copied().unwrap_or(kinds[data.len() % kinds.len()]);
    let start = Instant::now();
    let setup = Setup {
        limits: Limits {
            output_bytes: OUTPUT,
            part_bytes: OUTPUT,
            parts: 64,
            depth: 4,
            time_ms: TIME_MS,
            passwords: 4,
            ..Limits::default()
        },
        clock: Arc::new(move || start.elapsed()),
        spool: None,
        passwords: vec!["infected".to_owned()],
        legacy_hashes: false,
        declared_type: None,
        codings: Vec::new(),
    };
    let mut promises = Promises::default();
    walk_as(&content, "sample", Some(kind), setup, &mut promises);
    promises.check(start.elapsed());
}

/// Identifies `data` whole; what comes out is in the table of kinds.
///
/// # Panics
/// When a promise is broken.
pub fn identify(data: &[u8]) {
    let found = lazaret_formats::identify(&Content::from(data)).expect("memory can be read");
    assert!(lazaret_formats::kind(&found.kind.id).is_some() || found.kind.id == "unknown");
    assert!(found.also.iter().all(|kind| *kind != found.kind), "a kind is not also itself");
}

/// Identifies `data` as the head of something longer, which a gate does outside the sandbox.
///
/// # Panics
/// When a promise is broken.
pub fn identify_head(data: &[u8]) {
    let found = lazaret_formats::identify_head(data);
    assert!(lazaret_formats::kind(&found.kind.id).is_some() || found.kind.id == "unknown");
}

/// Shows `data` to a detector as a part of a kind that it wants. The first line is also the part's name.
///
/// # Panics
/// When there is no such detector, or a finding says nothing.
pub fn detect(detector: &str, data: &[u8]) {
    let detector = DETECTORS.iter().find(|d| d.id() == detector).expect("the target is named after a detector");
    let line = data.split(|byte| *byte == b'\n').next().unwrap_or_default();
    let name = String::from_utf8_lossy(&line[..line.len().min(256)]).into_owned();
    let roles = [Role::Member, Role::Command, Role::Sample, Role::Attachment];
    let mut part = Part {
        id: PartId(1),
        parent: Some(PartId(0)),
        path: format!("a.pdf//{name}"),
        name,
        named: true,
        role: roles[data.len() % roles.len()],
        depth: 1,
        kind: lazaret_model::Kind::UNKNOWN,
        also: Vec::new(),
        size: data.len() as u64,
        sha256: String::new(),
        sha1: None,
        md5: None,
        declared_type: data
            .len()
            .is_multiple_of(3)
            .then(|| String::from_utf8_lossy(data.get(..40).unwrap_or(data)).into()),
        locked: false,
        complete: true,
        incomplete: Vec::new(),
        password: None,
        macros: false,
        // The parents that detectors ask for, by turns.
        within: ["pdf", "html", "lnk", "json"].get(data.len() % 5).map(|kind| (*kind).into()).into_iter().collect(),
    };
    let mut wanted = Vec::new();
    for row in KINDS {
        part.kind = row.kind();
        if detector.wants(&part) {
            wanted.push(row.kind());
        }
    }
    let Some(kind) = wanted.get(data.len() % wanted.len().max(1)) else { return };
    part.kind = kind.clone();
    let mut findings = Findings::default();
    let _ = detector.inspect(&part, data, 0, &mut findings);
    detector.conclude(&part, &[Child::of(&part)], &mut findings);
    for finding in findings.list() {
        assert!(!finding.message.is_empty() && finding.techniques.iter().all(|t| t.is_well_formed()), "{finding:?}");
    }
}

/// The hashes in a list of hashes that have a line of their own, in lower case; none of a list in JSON.
pub fn hashes_on_lines(list: &[u8]) -> impl Iterator<Item = String> {
    let beginning = list.strip_prefix(b"\xef\xbb\xbf").unwrap_or(list).trim_ascii_start();
    let is_json = matches!(beginning.first(), Some(b'{' | b'['));
    let lines = list.split(|byte| *byte == b'\n').map(<[u8]>::trim_ascii).filter(move |_| !is_json);
    let hashes = lines.filter(|line| matches!(line.len(), 64 | 40 | 32) && line.iter().all(u8::is_ascii_hexdigit));
    hashes.map(|hash| String::from_utf8_lossy(hash).to_ascii_lowercase())
}

/// What a walk said, as far as promises are concerned.
#[derive(Default)]
struct Promises {
    parts: HashMap<PartId, Part>,
    ended: HashMap<PartId, Vec<Child>>,
    paths: Vec<String>,
    output: u64,
    limits: bool,
}

impl Promises {
    fn check(self, elapsed: Duration) {
        assert!(elapsed < Duration::from_millis(TIME_MS * 2), "the walk took {elapsed:?}");
        assert!(self.output <= OUTPUT * 2, "{} bytes were handed over", self.output);
        assert!(self.parts.len() <= 64, "{} parts", self.parts.len());
        for (id, part) in &self.parts {
            let children = self.ended.get(id).unwrap_or_else(|| panic!("{} never ended", part.path));
            for child in children {
                let inner = self.parts.get(&child.id).unwrap_or_else(|| panic!("{} has no {child:?}", part.path));
                assert_eq!(inner.parent, Some(*id));
            }
            assert!(part.depth <= 4, "{} is too deep", part.path);
            assert!(!part.locked || !part.complete, "{} is locked and complete", part.path);
            assert_eq!(part.complete, part.incomplete.is_empty(), "{}: {:?}", part.path, part.incomplete);
            if part.kind.class == Class::Unknown {
                assert!(children.is_empty() || !part.also.is_empty(), "{} is unknown and has members", part.path);
            }
        }
        let marked = self.parts.values().any(|part| !part.complete);
        assert!(!self.limits || marked, "a limit was reached and nothing is marked incomplete");
    }
}

impl Visitor for Promises {
    fn begin(&mut self, part: &Part) {
        assert!(part.parent.is_none_or(|parent| self.parts.contains_key(&parent)), "{} has no parent", part.path);
        self.paths.push(part.path.clone());
        assert!(self.parts.insert(part.id, part.clone()).is_none(), "{} begins twice", part.path);
    }

    fn inspect(&mut self, part: &Part, content: &Content) -> Vec<String> {
        assert_eq!(part.size, content.len());
        if part.parent.is_some() {
            self.output += content.len();
        }
        Vec::new()
    }

    fn finding(&mut self, part: &Part, finding: Finding) {
        self.limits |= finding.id.starts_with("limit.");
        assert!(self.parts.contains_key(&part.id), "a finding about {} before it began", part.path);
        assert!(self.paths.contains(&finding.part), "a finding about `{}`, which is no part", finding.part);
    }

    fn end(&mut self, part: &Part, children: &[Child]) {
        assert!(self.parts.insert(part.id, part.clone()).is_some(), "{} ends before it began", part.path);
        self.ended.insert(part.id, children.to_vec());
    }

    fn withdraw_below(&mut self, part: PartId) {
        let mut gone = vec![part];
        while let Some(parent) = gone.pop() {
            let below: Vec<_> = self.parts.values().filter(|p| p.parent == Some(parent)).map(|p| p.id).collect();
            for id in below {
                self.parts.remove(&id);
                gone.push(id);
            }
        }
    }
}
