//! Why a gate could not be opened.

use std::path::PathBuf;
use thiserror::Error;

/// What keeps a gate shut. What goes wrong on one connection is not among it: that is answered and logged.
#[derive(Debug, Error)]
pub enum GateError {
    /// A file of the authority could not be read or written.
    #[error("`{path}` could not be {step}")]
    File {
        /// The file.
        path: PathBuf,
        /// What was being done.
        step: &'static str,
        /// Why it failed.
        #[source]
        source: std::io::Error,
    },
    /// The authority's key is readable by others.
    #[error("`{path}` contains the authority's key and is readable by others (mode {mode:o}); run `chmod 600` on it")]
    KeyMode {
        /// The file.
        path: PathBuf,
        /// Its permission bits.
        mode: u32,
    },
    /// A file of the authority does not hold what it should.
    #[error("`{path}` cannot be used: {why}; move it and its counterpart away to have new ones created")]
    Authority {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        why: String,
    },
    /// A key of the authority that is in a token cannot be used.
    #[error("the key `{key}` cannot be used: {why}")]
    Token {
        /// Its PKCS #11 URI, without what leads to the PIN.
        key: String,
        /// What is wrong, and what to do where that is known.
        why: String,
    },
    /// The authority cannot be changed so.
    #[error("`{path}`: {why}")]
    Rotation {
        /// The file that it is about.
        path: PathBuf,
        /// What is in the way, and what to do.
        why: &'static str,
    },
    /// A setting does not make sense.
    #[error("`{key}`: {why}")]
    Setting {
        /// The key in the configuration.
        key: &'static str,
        /// What is wrong with it.
        why: String,
    },
    /// A list of sites cannot be used.
    #[error("the list of sites `{name}`: {why}")]
    List {
        /// The list.
        name: String,
        /// What is wrong with it.
        why: String,
    },
    /// Certificates could not be made or used.
    #[error("TLS cannot be set up: {0}")]
    Tls(String),
}
