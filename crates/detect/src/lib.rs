//! Looks at parts and says what it sees: signatures, known hashes, structure and behaviour.
//!
//! Everything here is synchronous and pure, and runs inside a sandboxed worker: a part's bytes in, findings out. Opening
//! containers is not done here; `formats` digs out whatever can run, and detectors only ever look at parts.

mod detector;
mod detectors;
mod hashes;
mod inspector;
mod signatures;
#[cfg(test)]
mod testing;
mod text;

pub use detector::{DetectError, Detector, Findings, Reads};
pub use detectors::DETECTORS;
pub use hashes::{HashListError, HashLists};
pub use inspector::Inspector;
pub use signatures::{Compiled, RuleError, RuleSource, Signatures, built_in_rules, compile, rules_fingerprint};
