//! Why a container could not be opened, or not to its end.

use lazaret_model::Limit;
use thiserror::Error;

/// Why an opener stopped.
///
/// Parts added before the error stay in the answer. The walk turns the error into `complete: false` (or
/// `locked: true`) on the part that was being opened, with the error's text as the reason.
#[derive(Debug, Error)]
pub enum OpenError {
    /// The bytes break the format's rules so badly that nothing more can be read.
    #[error("{what}")]
    Malformed {
        /// What is wrong and where, such as `the central directory ends early at offset 4711`.
        what: String,
        /// Where, in bytes from the start of the part.
        offset: u64,
    },
    /// The format allows it and this opener does not read it.
    #[error("{what} is recognised and not opened")]
    Unsupported {
        /// What is not read, such as `compression method 97 (WavPack)`.
        what: String,
    },
    /// Encrypted, and no password fits.
    #[error("encrypted, and none of the {tried} passwords tried opens it")]
    Locked {
        /// How many passwords were tried.
        tried: usize,
    },
    /// A limit of the budget was reached; the walk is unwinding.
    #[error("stopped at the limit of the analysis: {0}")]
    Limit(Limit),
    /// Reading the bytes failed.
    #[error("the bytes could not be read")]
    Read(#[from] std::io::Error),
}

impl OpenError {
    /// Shorthand for [`OpenError::Malformed`].
    pub fn malformed(what: impl Into<String>, offset: u64) -> Self {
        let what = what.into();
        // What is wrong with the whole has no place.
        let what = if offset == 0 { what } else { format!("{what} at offset {offset}") };
        Self::Malformed { what, offset }
    }

    /// Shorthand for [`OpenError::Unsupported`].
    pub fn unsupported(what: impl Into<String>) -> Self {
        Self::Unsupported { what: what.into() }
    }
}
