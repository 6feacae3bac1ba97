//! What a detector is.

use lazaret_model::{Child, Finding, Part};
use thiserror::Error;

/// Findings of one detector about one part, of which the weakest give way to stronger ones where others say the same.
const MOST_PER_DETECTOR: usize = 64;
/// Findings of one id, and of one rule where there are rules, about one part.
const MOST_PER_ID: usize = 8;
/// Findings of one detector about one part that are never given up: more make the part incomplete.
const MOST_DIFFERENT: usize = 256;

/// Steps that are counted for one part, of about a nanosecond each.
const MOST_STEPS: u64 = 4_000_000_000;

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
    /// What it needs is at the beginning, or not in the bytes at all: 16 MiB at most, and that is all of it.
    Beginning,
    /// All at once, up to 32 MiB. A part that is longer is incomplete, since its end was not looked at.
    Whole,
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
        Reads::Whole
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

/// Collects the findings about one part. A flood of them is bounded: the strongest are kept, whatever came first, and say how
/// many more there were.
#[derive(Debug, Default)]
pub struct Findings {
    list: Vec<Finding>,
    incomplete: Vec<String>,
    from_here: usize,
    /// Work that was counted.
    steps: u64,
}

impl Findings {
    /// Adds one. Where there are enough of its kind, the weakest of them is left out and counted.
    pub fn add(&mut self, finding: Finding) {
        if self.counted(&finding) {
            return;
        }
        self.list.push(finding);
        let own = self.list.get(self.from_here..).unwrap_or_default();
        let Some(last) = own.last() else { return };
        let alike = own.iter().filter(|other| says_the_same(other, last)).count();
        self.steps = self.steps.saturating_add((own.len() * own.len()) as u64);
        if alike <= MOST_PER_ID && own.len() <= MOST_PER_DETECTOR {
            return;
        }
        let crowded = alike > MOST_PER_ID;
        // Of several that say the same, the weakest goes; of several as weak, the last.
        let weakest = own.iter().enumerate().filter(|(at, finding)| {
            let fits = if crowded { says_the_same(finding, last) } else { true };
            fits && own.iter().enumerate().any(|(other, stronger)| other != *at && covers(stronger, finding))
        });
        let Some((at, _)) = weakest.min_by_key(|(at, finding)| (finding.severity, std::cmp::Reverse(*at))) else {
            if own.len() > MOST_DIFFERENT {
                self.list.pop();
                self.incomplete(format!("more than {MOST_DIFFERENT} different things were found in it"));
            }
            return;
        };
        let gone = self.list.remove(self.from_here + at);
        let own = self.list.get_mut(self.from_here..).unwrap_or_default();
        if let Some(kept) = own.iter_mut().filter(|kept| covers(kept, &gone)).max_by_key(|kept| kept.severity) {
            let all = more(kept) + more(&gone) + 1;
            kept.evidence.insert("more".into(), all.into());
        }
    }

    /// Counts a finding beside those that say the same and are as strong, where there are enough of them; false where there are not.
    fn counted(&mut self, finding: &Finding) -> bool {
        let own = self.list.get_mut(self.from_here..).unwrap_or_default();
        self.steps = self.steps.saturating_add(own.len() as u64);
        let mut alike = 0;
        for kept in own.iter().filter(|kept| says_the_same(kept, finding)) {
            if !covers(kept, finding) {
                return false;
            }
            alike += 1;
        }
        if alike < MOST_PER_ID {
            return false;
        }
        let strongest = own.iter_mut().filter(|kept| covers(kept, finding)).max_by_key(|kept| kept.severity);
        let Some(strongest) = strongest else { return false };
        let all = more(strongest) + more(finding) + 1;
        strongest.evidence.insert("more".into(), all.into());
        true
    }

    /// Counts work whose amount a part chooses: bytes that are looked at again, turns of a loop. Says whether it may go on, and the
    /// part is incomplete where it may not.
    pub(crate) fn step(&mut self, steps: u64) -> bool {
        self.steps = self.steps.saturating_add(steps);
        let goes_on = self.steps <= MOST_STEPS;
        if !goes_on {
            self.incomplete(format!("it takes more than {MOST_STEPS} steps to judge it"));
        }
        goes_on
    }

    /// The steps that were counted.
    #[cfg(test)]
    pub(crate) fn steps(&self) -> u64 {
        self.steps
    }

    /// Says that not all of the part was looked at, and why: it is not to be taken for benign.
    pub fn incomplete(&mut self, reason: impl Into<String>) {
        let reason = reason.into();
        if !self.incomplete.contains(&reason) {
            self.incomplete.push(reason);
        }
    }

    /// What was found so far.
    pub fn list(&self) -> &[Finding] {
        &self.list
    }

    /// Why the part was not looked at completely, if it was not.
    pub fn reasons(&self) -> &[String] {
        &self.incomplete
    }

    /// Hands over what was found, and why the part was not looked at completely.
    pub fn into_parts(self) -> (Vec<Finding>, Vec<String>) {
        (self.list, self.incomplete)
    }

    pub(crate) fn next_detector(&mut self) {
        self.from_here = self.list.len();
    }
}

/// How many findings were left out beside one.
fn more(finding: &Finding) -> u64 {
    finding.evidence.get("more").and_then(serde_json::Value::as_u64).unwrap_or(0)
}

/// Whether two findings are of one id, and of one rule.
fn says_the_same(one: &Finding, other: &Finding) -> bool {
    one.id == other.id && one.evidence.get("rule") == other.evidence.get("rule")
}

/// Whether nothing is lost for verdict and policy when a finding is left out beside this one. Policies know findings by their ids.
fn covers(stronger: &Finding, finding: &Finding) -> bool {
    stronger.id == finding.id && stronger.family == finding.family && stronger.severity >= finding.severity
}

#[cfg(test)]
mod tests {
    use super::*;
    use lazaret_model::{Family, Severity};

    fn finding(id: &'static str, severity: Severity, rule: usize) -> Finding {
        Finding::new(id, "x", severity, Family::Signature, format!("{rule}")).with("rule", rule)
    }

    fn kept(findings: impl IntoIterator<Item = Finding>) -> (Vec<Finding>, Vec<String>) {
        let mut all = Findings::default();
        findings.into_iter().for_each(|finding| all.add(finding));
        all.into_parts()
    }

    #[test]
    fn the_strongest_is_kept_wherever_it_stands() {
        for flood in [8, 9, 100, 1_000] {
            for (before, same) in
                [(0, true), (flood, true), (flood / 2, true), (0, false), (flood, false), (flood / 2, false)]
            {
                let weak = |at: usize| finding("a", Severity::Low, if same { 0 } else { at + 1 });
                let all =
                    (0..before).map(weak).chain([finding("a", Severity::Critical, 0)]).chain((before..flood).map(weak));
                let (list, incomplete) = kept(all);
                assert!(list.iter().any(|kept| kept.severity == Severity::Critical), "{flood} {before} {same}");
                assert!(list.len() <= MOST_PER_DETECTOR && incomplete.is_empty());
                let more: u64 = list.iter().filter_map(|kept| kept.evidence.get("more")?.as_u64()).sum();
                assert_eq!(more as usize + list.len(), flood + 1, "nothing goes uncounted");
            }
        }
    }

    #[test]
    fn no_id_is_lost_in_a_flood_of_another() {
        const IDS: [&str; 3] = ["b", "c", "d"];
        let flood = (0..500).map(|at| finding("a", Severity::High, at));
        let (list, incomplete) = kept(flood.chain(IDS.map(|id| finding(id, Severity::Info, 0))));
        assert!(IDS.iter().all(|id| list.iter().any(|kept| kept.id == *id)) && incomplete.is_empty());
    }

    #[test]
    fn a_flood_costs_no_more_for_each_finding_the_longer_it_is() {
        for rules in [1, 7, usize::MAX] {
            let steps = |count: usize| {
                let mut all = Findings::default();
                (0..count).for_each(|at| all.add(finding("a", Severity::Low, at % rules)));
                all.steps()
            };
            let (before, after) = (steps(2_000), steps(4_000));
            assert!(after <= before / 10 * 26 && after <= 4_000 * 8_192, "{rules}: {before} steps, then {after}");
        }
    }

    #[test]
    fn more_steps_than_a_part_may_take_make_it_incomplete() {
        let mut all = Findings::default();
        assert!(all.step(MOST_STEPS) && all.reasons().is_empty());
        assert!(!all.step(1) && all.reasons().iter().any(|reason| reason.contains("steps")));
    }

    #[test]
    fn more_different_things_than_can_be_kept_make_a_part_incomplete() {
        let ids: Vec<&'static str> =
            (0..MOST_DIFFERENT + 9).map(|at| &*Box::leak(format!("id{at}").into_boxed_str())).collect();
        let (list, incomplete) = kept(ids.iter().map(|id| finding(id, Severity::Low, 0)));
        assert_eq!((list.len(), incomplete.len()), (MOST_DIFFERENT, 1));
    }
}
