//! What every report says of who decided, however little was inspected.

use lazaret_model::{Basis, Known, Origin, Part, PolicyMatch};
use lazaret_policy::Outcome;
use std::time::Instant;

/// The policy id of a block that no policy spoke for.
const DEFAULT_DENY: &str = "default-deny";

/// How long it has taken, to a tenth.
pub(crate) fn milliseconds(start: Instant) -> f64 {
    (start.elapsed().as_secs_f64() * 1e4).round() / 10.0
}

/// The policies that decided, with a name for deciding by default.
pub(crate) fn spoken(outcome: &Outcome) -> Vec<PolicyMatch> {
    if !outcome.policies.is_empty() {
        return outcome.policies.clone();
    }
    vec![PolicyMatch { id: DEFAULT_DENY.to_owned(), title: "Nothing permits it".to_owned() }]
}

/// What a report's decision rests on.
pub(crate) fn basis(origin: &Origin, prevalence: u64, known: Known) -> Box<Basis> {
    Box::new(Basis { origin: origin.clone(), prevalence, known })
}

/// The sample as a part, for when the worker could not say anything about it.
pub(crate) fn whole(name: &str, size: u64, origin: &Origin) -> Part {
    Part { declared_type: origin.declared_type.clone(), complete: false, ..Part::sample(name, size) }
}
