//! Puts a child's answers together, and believes none of them.
//!
//! A child may have been taken over by the sample it reads. The worst it can do is to lie about that sample; it cannot
//! make the engine allocate without bound, loop, or refer to what does not exist.

use crate::protocol::Answer;
use lazaret_model::{Family, Finding, Limits, Part, PartId, Severity};
use std::collections::HashMap;

/// Findings kept per sample.
const MOST_FINDINGS: usize = 20_000;
/// Nesting that is believed; the budget's own depth limit is lower.
const MOST_DEPTH: u32 = 1_024;

/// What is known of one sample so far.
#[derive(Debug)]
pub(crate) struct Assembly {
    parts: Vec<Part>,
    findings: Vec<Finding>,
    index: HashMap<PartId, usize>,
    open: Vec<PartId>,
    most_parts: usize,
    finished: bool,
}

/// What one sample turned out to hold.
#[derive(Debug)]
pub(crate) struct Analysis {
    pub(crate) parts: Vec<Part>,
    pub(crate) findings: Vec<Finding>,
}

impl Assembly {
    pub(crate) fn new(limits: &Limits) -> Self {
        // Locked containers that are opened again number their members anew.
        let most_parts = (limits.parts as usize).saturating_mul(2).saturating_add(16);
        Self { parts: vec![], findings: vec![], index: HashMap::new(), open: vec![], most_parts, finished: false }
    }

    /// Takes one answer.
    ///
    /// # Errors
    /// When it breaks the protocol; the child is then not to be listened to any more.
    pub(crate) fn take(&mut self, answer: Answer) -> Result<(), &'static str> {
        if self.finished {
            return Err("it went on after its end");
        }
        match answer {
            Answer::Begin(part) => self.begin(part),
            Answer::Finding(finding) => {
                let well_formed = finding.techniques.iter().all(lazaret_model::TechniqueId::is_well_formed);
                if !well_formed {
                    return Err("a finding names a technique that cannot exist");
                }
                if self.findings.len() < MOST_FINDINGS {
                    self.findings.push(finding);
                }
                Ok(())
            }
            Answer::End { id, locked, incomplete, password, macros } => {
                let at = *self.index.get(&id).ok_or("a part ends that never began")?;
                let part = self.parts.get_mut(at).ok_or("a part ends that never began")?;
                part.locked = locked;
                part.complete = incomplete.is_empty() && !locked;
                part.incomplete = incomplete;
                part.password = password;
                part.macros = macros;
                self.open.retain(|open| *open != id);
                Ok(())
            }
            Answer::WithdrawBelow(id) => {
                self.withdraw_below(id);
                Ok(())
            }
            Answer::Done => {
                if self.parts.is_empty() || !self.open.is_empty() {
                    return Err("it ended before its parts did");
                }
                self.finished = true;
                Ok(())
            }
            Answer::Panic(_) | Answer::Gone(_) | Answer::Probed(_) => Ok(()),
        }
    }

    /// Whether the child reached its end.
    pub(crate) fn finished(&self) -> bool {
        self.finished
    }

    /// What came of it. `failure` says why the analysis did not reach its end; then every part that was still being
    /// worked on is incomplete, and nothing of what was found is lost.
    pub(crate) fn conclude(mut self, failure: Option<&str>, whole: Part) -> Analysis {
        if self.parts.is_empty() {
            self.parts.push(whole);
        }
        if let Some(why) = failure {
            let reason = format!("the analysis failed: {why}");
            let culprit = self.open.last().and_then(|id| self.index.get(id)).copied().unwrap_or(0);
            let open: Vec<_> = self.open.iter().filter_map(|id| self.index.get(id)).copied().chain([0]).collect();
            for at in open {
                if let Some(part) = self.parts.get_mut(at) {
                    part.complete = false;
                    if !part.incomplete.contains(&reason) {
                        part.incomplete.push(reason.clone());
                    }
                }
            }
            let mut finding = Finding::new("analysis-failed", "engine", Severity::Info, Family::Analysis, reason);
            finding.part = self.parts.get(culprit).map(|part| part.path.clone()).unwrap_or_default();
            self.findings.push(finding);
        }
        Analysis { parts: self.parts, findings: self.findings }
    }

    fn begin(&mut self, part: Part) -> Result<(), &'static str> {
        if self.parts.len() >= self.most_parts {
            return Err("it reports more parts than the limit allows");
        }
        if self.index.contains_key(&part.id) {
            return Err("two parts have one number");
        }
        match part.parent {
            None if !self.parts.is_empty() => return Err("there are two samples"),
            None => {}
            Some(parent) if !self.index.contains_key(&parent) => return Err("a part's parent does not exist"),
            Some(_) if part.depth == 0 || part.depth > MOST_DEPTH => return Err("a part's depth cannot be"),
            Some(_) => {}
        }
        self.index.insert(part.id, self.parts.len());
        self.open.push(part.id);
        self.parts.push(part);
        Ok(())
    }

    fn withdraw_below(&mut self, id: PartId) {
        let mut gone = std::collections::HashSet::from([id]);
        let mut paths = std::collections::HashSet::new();
        // Parents come before children, so one pass finds all descendants.
        self.parts.retain(|part| {
            let below = part.parent.is_some_and(|parent| gone.contains(&parent));
            if below {
                gone.insert(part.id);
                paths.insert(part.path.clone());
            }
            !below
        });
        self.findings.retain(|finding| !paths.contains(&finding.part));
        self.open.retain(|open| !gone.contains(open) || *open == id);
        self.index = self.parts.iter().enumerate().map(|(at, part)| (part.id, at)).collect();
        if self.index.contains_key(&id) && !self.open.contains(&id) {
            self.open.push(id);
        }
    }
}
