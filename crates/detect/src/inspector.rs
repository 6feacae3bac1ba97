//! Shows one part to every detector that wants it.

use crate::{DETECTORS, Detector, Findings, HashLists, Reads, Signatures};
use lazaret_model::{Child, Family, Finding, Part, Severity};

/// Bytes shown to a detector that reads the head.
const HEAD: usize = 16 << 20;
/// Bytes of one window for a detector that reads everything.
const WINDOW: usize = 16 << 20;
/// Bytes by which windows overlap, so that a pattern on a border is seen.
const OVERLAP: u64 = 64 << 10;

/// All detectors, with the rules and lists they were given.
#[derive(Default)]
pub struct Inspector {
    signatures: Option<Signatures>,
    hashes: Option<HashLists>,
}

impl Inspector {
    /// All detectors; signatures and hash lists where there are any.
    pub fn new(signatures: Option<Signatures>, hashes: Option<HashLists>) -> Self {
        Self { signatures, hashes: hashes.filter(|lists| !lists.is_empty()) }
    }

    /// Whether parts need SHA-1 and MD5 beside SHA-256.
    pub fn wants_legacy_hashes(&self) -> bool {
        self.hashes.as_ref().is_some_and(HashLists::has_legacy)
    }

    /// Shows a part to the detectors. `window(offset, len)` lends bytes of it, fewer at the end.
    pub fn inspect<'b, W>(&self, part: &Part, mut window: W) -> Vec<Finding>
    where
        W: FnMut(u64, usize) -> std::io::Result<std::borrow::Cow<'b, [u8]>>,
    {
        let mut findings = Findings::default();
        if let Some(hashes) = &self.hashes {
            hashes.inspect(part, &mut findings);
        }
        let mut offset = 0;
        loop {
            let bytes = match window(offset, if offset == 0 { HEAD } else { WINDOW }) {
                Ok(bytes) => bytes,
                Err(error) => {
                    findings.add(failed("spool", &format!("the bytes could not be read: {error}")));
                    break;
                }
            };
            for detector in self.detectors() {
                if (offset == 0 || detector.reads() == Reads::Everything) && detector.wants(part) {
                    findings.next_detector();
                    if let Err(error) = detector.inspect(part, &bytes, offset, &mut findings) {
                        findings.add(failed(detector.id(), &error.to_string()));
                    }
                }
            }
            let end = offset + bytes.len() as u64;
            if end >= part.size || bytes.is_empty() {
                break;
            }
            offset = end - OVERLAP.min(bytes.len() as u64 / 2);
        }
        self.finish(part, findings)
    }

    /// Shows a part with its members to the detectors, once everything in it is known.
    pub fn conclude(&self, part: &Part, children: &[Child]) -> Vec<Finding> {
        let mut findings = Findings::default();
        for detector in self.detectors() {
            findings.next_detector();
            detector.conclude(part, children, &mut findings);
        }
        self.finish(part, findings)
    }

    fn detectors(&self) -> impl Iterator<Item = &dyn Detector> {
        let signatures = self.signatures.as_ref().map(|s| s as &dyn Detector);
        signatures.into_iter().chain(DETECTORS.iter().map(|detector| *detector as &dyn Detector))
    }

    fn finish(&self, part: &Part, findings: Findings) -> Vec<Finding> {
        let mut list = findings.into_vec();
        for finding in &mut list {
            finding.part.clone_from(&part.path);
        }
        list
    }
}

fn failed(detector: &'static str, why: &str) -> Finding {
    Finding::new(
        "analysis.detector-failed",
        detector,
        Severity::Info,
        Family::Analysis,
        format!("the detector `{detector}` could not judge this part: {why}"),
    )
}
