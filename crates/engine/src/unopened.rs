//! Decisions about what nobody opens: what is refused before all of it has come, and connections that nobody looks into.

use crate::EngineError;
use crate::judged::Judged;
use crate::ruled::{basis, milliseconds, whole};
use lazaret_model::{Basis, Kind, Known, Origin, Part, Ruling, SCAN_SCHEMA, ScanReport, Verdict};
use lazaret_policy::{Facts, Outcome, Policies};
use std::time::Instant;

/// Whether policy forbids whatever is asked for there.
pub(crate) fn before(policies: &Policies, name: &str, origin: &Origin) -> Result<Option<ScanReport>, EngineError> {
    let why = "policy forbids it whatever it is, so none of it was fetched";
    forbidden(policies, beginning(name, &[], origin), why, origin, Known::Request)
}

/// Whether policy forbids a sample whatever follows its first bytes.
pub(crate) fn early(
    policies: &Policies,
    name: &str,
    head: &[u8],
    origin: &Origin,
) -> Result<Option<ScanReport>, EngineError> {
    let part = beginning(name, head, origin);
    // What is built on these shows further on.
    let open = part.kind.is_unknown() || matches!(&*part.kind.id, "zip" | "cfb" | "empty");
    let known = if open { Known::Head } else { Known::FirstBytes };
    let why = "policy forbids it whatever it contains, so only its first bytes were fetched";
    forbidden(policies, part, why, origin, known)
}

/// What policy says of a connection.
pub(crate) fn connection(
    policies: &Policies,
    kind: Kind,
    name: &str,
    origin: &Origin,
) -> Result<ScanReport, EngineError> {
    let start = Instant::now();
    let part = Part { kind, ..whole(name, 0, origin) };
    // Its kind is known, and of what is said in it nothing ever will be.
    let known = Known::FirstBytes;
    let outcome = policies.decide_by(&part.path, &unseen(&part, origin), known);
    let outcome = outcome.map_err(|source| EngineError::Policy { name: part.path.clone(), source })?;
    Ok(report(part, "its content is not inspected", outcome, basis(origin, 0, known), start))
}

fn forbidden(
    policies: &Policies,
    part: Part,
    why: &str,
    origin: &Origin,
    known: Known,
) -> Result<Option<ScanReport>, EngineError> {
    let start = Instant::now();
    let outcome = policies.forbids_early(&part.path, &unseen(&part, origin), known);
    let outcome = outcome.map_err(|source| EngineError::Policy { name: part.path.clone(), source })?;
    Ok(outcome.map(|outcome| report(part, why, outcome, basis(origin, 0, known), start)))
}

/// What its first bytes say of a sample. Nothing is allocated by what they say.
fn beginning(name: &str, head: &[u8], origin: &Origin) -> Part {
    // Texts are short: who waits for all of one waits for little.
    let identified = lazaret_formats::identify_head_by_structure(head);
    let mut part = whole(name, head.len() as u64, origin);
    (part.kind, part.also) = (identified.kind, identified.also);
    lazaret_formats::settle(&mut part);
    part
}

/// What policies are told about a part that nobody has opened: as if nothing bad were in it.
fn unseen(part: &Part, origin: &Origin) -> Facts {
    let judged = Judged::new(std::slice::from_ref(part), &[]);
    let facts = judged.facts(part, Verdict::Benign, origin);
    Facts { complete: true, ..facts }
}

/// The report about a part that nobody has opened.
fn report(mut part: Part, why: &str, outcome: Outcome, basis: Box<Basis>, start: Instant) -> ScanReport {
    part.complete = false;
    part.incomplete.push(why.to_owned());
    let name = part.path.clone();
    let mut policies: Vec<_> = outcome.policies.iter().map(|policy| policy.id.clone()).collect();
    policies.sort();
    ScanReport {
        schema: SCAN_SCHEMA.to_owned(),
        path: name.clone(),
        sha256: String::new(),
        size: part.size,
        kind: part.kind.clone(),
        verdict: Verdict::Unknown,
        decision: outcome.decision,
        policies,
        complete: false,
        elapsed_ms: milliseconds(start),
        rulings: vec![Ruling { part: name, decision: outcome.decision, policies: outcome.policies }],
        parts: vec![part],
        findings: Vec::new(),
        basis: Some(basis),
    }
}
