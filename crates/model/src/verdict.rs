//! The verdict, and how findings fold into it.
//!
//! | what was found about one part and the parts around it | verdict |
//! |---|---|
//! | one critical finding (certain by itself) | malicious |
//! | two high findings of different families | malicious |
//! | one high and one medium finding of different families | malicious |
//! | one high finding | suspicious |
//! | two medium findings of different families | suspicious |
//! | none of these, but something was not inspected | unknown |
//! | none of these | benign |
//!
//! "Around" means along one line from the sample to a part: a masqueraded shortcut and the command line inside it
//! support each other, two neighbours in an archive do not. Findings of the family `analysis` never count against a
//! file; they say that the inspection was incomplete, which makes `unknown` out of `benign`.

use crate::{Family, Finding, Part, Severity};
use serde::{Deserialize, Serialize};
use std::collections::HashMap;
use std::fmt;

/// The verdict on a sample (STIX `malware-av-result-ov`).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Verdict {
    /// Completely inspected, with no evidence against it.
    Benign,
    /// Not completely inspected, and the findings so far are not decisive.
    Unknown,
    /// One strong finding, or two weaker independent ones.
    Suspicious,
    /// One certain finding, or two strong independent ones.
    Malicious,
}

impl Verdict {
    /// The name used in JSON and policies.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Benign => "benign",
            Self::Unknown => "unknown",
            Self::Suspicious => "suspicious",
            Self::Malicious => "malicious",
        }
    }
}

impl fmt::Display for Verdict {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.name())
    }
}

/// Folds findings into a verdict for every part, in the order of `parts`; the sample's own verdict is the first, and
/// is the worst of all.
///
/// `parts` lists every parent before its children, as the walk reports them. Cost is linear in parts and findings.
pub fn fold(parts: &[Part], findings: &[Finding]) -> Vec<Verdict> {
    let index: HashMap<_, usize> = parts.iter().enumerate().map(|(i, p)| (p.id, i)).collect();
    let mut weights = vec![Weights::default(); parts.len()];
    let by_path: HashMap<&str, usize> = parts.iter().enumerate().rev().map(|(i, p)| (p.path.as_str(), i)).collect();
    for finding in findings {
        let at = by_path.get(finding.part.as_str()).copied().unwrap_or(0);
        if let Some(own) = weights.get_mut(at) {
            own.add(finding);
        }
    }
    let parent_of = |i: usize| {
        parts.get(i).and_then(|p| p.parent).and_then(|id| index.get(&id).copied()).filter(|&parent| parent < i)
    };
    // Downwards: what was seen above a part supports what is seen in it.
    for i in 0..parts.len() {
        if let Some(parent) = parent_of(i) {
            let above = weights[parent].clone();
            weights[i].absorb(&above);
        }
    }
    let mut verdicts: Vec<_> = parts.iter().zip(&weights).map(|(part, weights)| weights.verdict(part)).collect();
    // Upwards: a container is as bad as the worst thing in it.
    for i in (1..parts.len()).rev() {
        if let Some(parent) = parent_of(i) {
            verdicts[parent] = verdicts[parent].max(verdicts[i]);
        }
    }
    verdicts
}

/// The worst severity seen per family.
#[derive(Debug, Clone, Default)]
struct Weights([Option<Severity>; 6]);

impl Weights {
    fn add(&mut self, finding: &Finding) {
        let slot = &mut self.0[finding.family as usize];
        *slot = (*slot).max(Some(finding.severity));
    }

    fn absorb(&mut self, other: &Self) {
        for (mine, theirs) in self.0.iter_mut().zip(&other.0) {
            *mine = (*mine).max(*theirs);
        }
    }

    fn verdict(&self, part: &Part) -> Verdict {
        let evidence = || {
            let counted = self.0.iter().enumerate().filter(|(family, _)| *family != Family::Analysis as usize);
            counted.filter_map(|(_, severity)| *severity)
        };
        let at_least = |floor| evidence().filter(|&s| s >= floor).count();
        let (critical, high, medium) =
            (at_least(Severity::Critical), at_least(Severity::High), at_least(Severity::Medium));
        if critical >= 1 || (high >= 1 && medium >= 2) {
            Verdict::Malicious
        } else if high >= 1 || medium >= 2 {
            Verdict::Suspicious
        } else if !part.complete || part.locked {
            Verdict::Unknown
        } else {
            Verdict::Benign
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{PartId, Role};

    fn part(id: u32, parent: Option<u32>) -> Part {
        Part { id: PartId(id), parent: parent.map(PartId), role: Role::Member, ..Part::sample(&format!("p{id}"), 0) }
    }

    fn finding(part: u32, severity: Severity, family: Family) -> Finding {
        let mut finding = Finding::new("a.b", "a", severity, family, "seen");
        finding.part = format!("p{part}");
        finding
    }

    #[track_caller]
    fn check(parts: &[Part], findings: &[Finding], expected: &[Verdict]) {
        assert_eq!(fold(parts, findings), expected);
    }

    #[test]
    fn the_table_holds() {
        use Family::*;
        use Severity::*;
        let one = [part(0, None)];
        for (findings, expected) in [
            (vec![], Verdict::Benign),
            (vec![(Low, Structure), (Low, Behaviour)], Verdict::Benign),
            (vec![(Medium, Structure)], Verdict::Benign),
            (vec![(Medium, Structure), (Medium, Structure)], Verdict::Benign),
            (vec![(Medium, Structure), (Medium, Behaviour)], Verdict::Suspicious),
            (vec![(High, Signature)], Verdict::Suspicious),
            (vec![(High, Signature), (High, Signature)], Verdict::Suspicious),
            (vec![(High, Signature), (Medium, Behaviour)], Verdict::Malicious),
            (vec![(High, Signature), (High, Behaviour)], Verdict::Malicious),
            (vec![(Critical, Reputation)], Verdict::Malicious),
            (vec![(Critical, Analysis)], Verdict::Benign),
        ] {
            let findings: Vec<_> = findings.into_iter().map(|(s, f)| finding(0, s, f)).collect();
            check(&one, &findings, &[expected]);
        }
    }

    #[test]
    fn what_was_not_inspected_is_unknown_and_never_benign() {
        let mut locked = part(1, Some(0));
        locked.locked = true;
        check(&[part(0, None), locked], &[], &[Verdict::Unknown, Verdict::Unknown]);
        let mut incomplete = part(0, None);
        incomplete.complete = false;
        check(&[incomplete], &[], &[Verdict::Unknown]);
    }

    #[test]
    fn evidence_adds_up_along_a_line_and_not_between_neighbours() {
        let parts = [part(0, None), part(1, Some(0)), part(2, Some(0)), part(3, Some(1))];
        let along = [finding(1, Severity::High, Family::Masquerade), finding(3, Severity::Medium, Family::Behaviour)];
        check(&parts, &along, &[Verdict::Malicious, Verdict::Malicious, Verdict::Benign, Verdict::Malicious]);
        let beside = [finding(1, Severity::High, Family::Masquerade), finding(2, Severity::Medium, Family::Behaviour)];
        check(&parts, &beside, &[Verdict::Suspicious, Verdict::Suspicious, Verdict::Benign, Verdict::Suspicious]);
    }
}
