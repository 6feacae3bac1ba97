//! What a detector is.

use lazaret_model::{Child, Finding, Part};
use std::collections::HashMap;
use thiserror::Error;

/// Findings that one detector may report about one part; more say nothing new.
const MOST_PER_DETECTOR: usize = 32;
/// Findings of one id about one part.
const MOST_PER_ID: usize = 8;

/// Why a detector could not look at a part. It becomes a finding of the family `analysis`, never silence.
#[derive(Debug, Error)]
pub enum DetectError {
    /// The part's bytes break the rules of its format.
    #[error("{what} at offset {offset}")]
    Malformed {
        /// What is wrong.
        what: String,
        /// Where, in bytes from the start of the part.
        offset: u64,
    },
    /// The rule engine failed.
    #[error("the signatures could not be applied: {0}")]
    Signatures(String),
}

/// How much of a part a detector is shown.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Reads {
    /// The first 16 MiB at most.
    Head,
    /// Everything; a part too large for memory comes in overlapping windows, one call each.
    Everything,
}

/// Observes one part at a time.
pub trait Detector {
    /// Stable id; the name of its file and of its corpus folder.
    fn id(&self) -> &'static str;

    /// One line for `lazaret detectors`: what it looks for.
    fn summary(&self) -> &'static str;

    /// How much of the part it needs.
    fn reads(&self) -> Reads {
        Reads::Head
    }

    /// Whether it has anything to say about such a part.
    fn wants(&self, part: &Part) -> bool;

    /// Looks at a part. `offset` is where `bytes` starts in the part; 0 unless [`Reads::Everything`].
    ///
    /// # Errors
    /// When the bytes could not be judged.
    fn inspect(&self, part: &Part, bytes: &[u8], offset: u64, findings: &mut Findings) -> Result<(), DetectError>;

    /// Looks at a part once everything in it is known, with its direct members.
    fn conclude(&self, _part: &Part, _children: &[Child], _findings: &mut Findings) {}
}

/// Collects the findings about one part, and keeps a flood of them bounded.
#[derive(Debug, Default)]
pub struct Findings {
    list: Vec<Finding>,
    per_id: HashMap<String, usize>,
    from_here: usize,
}

impl Findings {
    /// Adds one; findings past the bounds are dropped, since the first ones have said it.
    pub fn add(&mut self, finding: Finding) {
        let count = self.per_id.entry(finding.id.to_string()).or_insert(0);
        *count += 1;
        if *count <= MOST_PER_ID && self.list.len() - self.from_here < MOST_PER_DETECTOR {
            self.list.push(finding);
        }
    }

    /// What was found so far.
    pub fn list(&self) -> &[Finding] {
        &self.list
    }

    /// Hands over what was found.
    pub fn into_vec(self) -> Vec<Finding> {
        self.list
    }

    pub(crate) fn next_detector(&mut self) {
        self.from_here = self.list.len();
    }
}
