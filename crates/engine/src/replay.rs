//! Decides again about what was inspected before, under other policies.

use crate::EngineError;
use crate::judged::Judged;
use crate::ruled::spoken;
use lazaret_model::{Basis, Decision, Finding, Known, Part};
use lazaret_policy::{Facts, Policies};
use std::collections::HashSet;

/// The strictest decision on any of these parts, and the ids of the policies that spoke for it. `name` is for errors.
///
/// # Errors
/// When a policy fails on these facts.
pub fn decide_again(
    policies: &Policies,
    name: &str,
    parts: &[Part],
    findings: &[Finding],
    basis: &Basis,
) -> Result<(Decision, Vec<String>), EngineError> {
    let judged = Judged::new(parts, findings);
    let facts = judged.parts().map(|(part, verdict)| {
        let facts = Facts { prevalence: basis.prevalence, ..judged.facts(part, verdict, &basis.origin) };
        (part.path.as_str(), facts)
    });
    strictest(policies, name, basis.known, facts)
}

/// The strictest decision on any of these facts, each with the path of its part, and who spoke for it; `known` is how much they tell.
pub(crate) fn strictest<'a>(
    policies: &Policies,
    name: &str,
    known: Known,
    facts: impl Iterator<Item = (&'a str, Facts)>,
) -> Result<(Decision, Vec<String>), EngineError> {
    let mut tried: HashSet<Facts> = HashSet::new();
    let (mut strictest, mut spoke) = (Decision::Deliver, Vec::new());
    for (path, facts) in facts {
        if tried.contains(&facts) {
            continue;
        }
        let outcome = policies.decide_by(path, &facts, known);
        let outcome = outcome.map_err(|source| EngineError::Policy { name: name.to_owned(), source })?;
        tried.insert(facts);
        if outcome.decision > strictest {
            (strictest, spoke) = (outcome.decision, Vec::new());
        }
        if outcome.decision == strictest {
            spoke.extend(spoken(&outcome).into_iter().map(|policy| policy.id));
        }
    }
    spoke.sort();
    spoke.dedup();
    Ok((strictest, spoke))
}
