//! Looks at parts and says what it sees: signatures, known hashes, structure and behaviour.
//!
//! Everything here is synchronous and pure, and runs inside a sandboxed worker: a part's bytes in, findings out. Opening
//! containers is not done here; `formats` digs out whatever can run, and detectors only ever look at parts.
#![deny(clippy::indexing_slicing)]
#![cfg_attr(test, allow(clippy::disallowed_methods, reason = "tests read files and clocks"))]
#![cfg_attr(not(feature = "signatures"), allow(dead_code, rustdoc::broken_intra_doc_links))]

mod commands;
mod detector;
mod detectors;
mod flat;
mod hashes;
#[cfg(feature = "signatures")]
mod inspector;
#[cfg(feature = "signatures")]
mod signatures;
mod spotter;
#[cfg(test)]
mod testing;
mod text;

/// Builds the patterns that most files need and that are compiled on first use, so that processes that are forked later share them.
/// What they learn while they look is learnt by looking: have this thread inspect some ordinary files afterwards.
pub fn warm_up() {
    detectors::warm_up();
}

pub use detector::{DetectError, Detector, Findings, Reads};
pub use detectors::DETECTORS;
pub use hashes::{HashList, HashListError, compile_hash_list};
#[cfg(feature = "signatures")]
pub use inspector::{Inspector, Observed};
#[cfg(feature = "signatures")]
pub use signatures::{Compiled, RuleError, RuleSource, Signatures, built_in_rules, compile, rules_fingerprint};
pub use text::patterns_compiled;
