//! Shows one part to every detector that wants it.

use crate::{DETECTORS, Detector, Findings, HashList, Reads, Signatures, hashes};
use lazaret_model::{Child, Family, Finding, Part, Severity};

/// Bytes shown to a detector that wants all at once, at most.
const WHOLE: usize = 32 << 20;
/// Bytes of one window for a detector that reads everything.
const WINDOW: usize = 16 << 20;
/// Bytes by which windows overlap, so that a pattern on a border is seen.
const OVERLAP: u64 = 64 << 10;

/// What detectors saw in a part, and why they did not see all of it, if they did not.
#[derive(Debug, Default)]
pub struct Observed {
    /// What was found.
    pub findings: Vec<Finding>,
    /// Reasons for which the part is incomplete.
    pub incomplete: Vec<String>,
}

/// All detectors, with the rules and lists they were given.
#[derive(Default)]
pub struct Inspector {
    signatures: Option<Signatures>,
    hashes: Vec<HashList>,
}

impl Inspector {
    /// All detectors; signatures and hash lists where there are any.
    pub fn new(signatures: Option<Signatures>, hashes: Vec<HashList>) -> Self {
        Self { signatures, hashes }
    }

    /// Whether parts need SHA-1 and MD5 beside SHA-256.
    pub fn wants_legacy_hashes(&self) -> bool {
        self.hashes.iter().any(HashList::has_legacy)
    }

    /// Drops what is kept of the last part until the next one comes.
    pub fn forget(&self) {
        if let Some(signatures) = &self.signatures {
            signatures.forget();
        }
    }

    /// Shows a part to the detectors. `window(offset, len)` lends bytes of it, fewer at the end.
    pub fn inspect<'b, W>(&self, part: &Part, mut window: W) -> Observed
    where
        W: FnMut(u64, usize) -> std::io::Result<std::borrow::Cow<'b, [u8]>>,
    {
        let mut findings = Findings::default();
        hashes::inspect(&self.hashes, part, &mut findings);
        let wanted: Vec<_> = self.detectors().filter(|detector| detector.wants(part)).collect();
        let mut offset = 0;
        // What the largest reader of all at once needs; the others are shown the beginning of that.
        let all = wanted.iter().any(|detector| detector.reads() == Reads::Whole) && part.size > WINDOW as u64;
        if all {
            self.show(part, &wanted, Reads::Whole, 0, window(0, WHOLE), &mut findings);
        }
        loop {
            let bytes = window(offset, WINDOW);
            let end = offset + bytes.as_ref().map_or(0, |bytes| bytes.len() as u64);
            if offset == 0 {
                self.show(part, &wanted, Reads::Beginning, 0, borrowed(&bytes), &mut findings);
                if !all {
                    self.show(part, &wanted, Reads::Whole, 0, borrowed(&bytes), &mut findings);
                }
            }
            let length = end - offset;
            let failed = bytes.is_err();
            self.show(part, &wanted, Reads::Everything, offset, bytes, &mut findings);
            if failed || end >= part.size || length == 0 {
                break;
            }
            offset = end - OVERLAP.min(length / 2);
        }
        self.finish(part, findings)
    }

    /// Shows bytes of a part to the detectors that read so.
    fn show(
        &self,
        part: &Part,
        wanted: &[&dyn Detector],
        reads: Reads,
        offset: u64,
        bytes: std::io::Result<std::borrow::Cow<'_, [u8]>>,
        findings: &mut Findings,
    ) {
        for detector in wanted.iter().filter(|detector| detector.reads() == reads) {
            let bytes = match &bytes {
                Ok(bytes) => bytes,
                Err(error) => {
                    failed(detector.id(), &format!("the bytes could not be read: {error}"), findings);
                    continue;
                }
            };
            findings.next_detector();
            if let Err(error) = detector.inspect(part, bytes, offset, findings) {
                failed(detector.id(), &error.to_string(), findings);
            }
            if reads == Reads::Whole && (bytes.len() as u64) < part.size {
                let limit = WHOLE >> 20;
                findings.incomplete(format!("`{}` looked at its first {limit} MiB only", detector.id()));
            }
        }
    }

    /// Shows a part with its members to the detectors, once everything in it is known.
    pub fn conclude(&self, part: &Part, children: &[Child]) -> Observed {
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

    fn finish(&self, part: &Part, findings: Findings) -> Observed {
        let (mut findings, incomplete) = findings.into_parts();
        for finding in &mut findings {
            finding.part.clone_from(&part.path);
        }
        Observed { findings, incomplete }
    }
}

/// The same bytes for several, or the same error.
fn borrowed<'b>(bytes: &'b std::io::Result<std::borrow::Cow<'_, [u8]>>) -> std::io::Result<std::borrow::Cow<'b, [u8]>> {
    match bytes {
        Ok(bytes) => Ok(std::borrow::Cow::Borrowed(bytes)),
        Err(error) => Err(std::io::Error::new(error.kind(), error.to_string())),
    }
}

/// A detector that could not judge a part leaves it incomplete, and says so.
fn failed(detector: &'static str, why: &str, findings: &mut Findings) {
    let message = format!("the detector `{detector}` could not judge this part: {why}");
    findings.incomplete(message.clone());
    findings.add(Finding::new("analysis.detector-failed", detector, Severity::Info, Family::Analysis, message));
}
