//! What can go wrong with the library.

use lazaret_store::StoreError;
use thiserror::Error;

/// Why something of the library could not be done.
#[derive(Debug, Error)]
pub enum AttackError {
    /// A bundle's bytes cannot be read: the file ends early, or its packing is damaged.
    #[error("byte {offset} of the bundle cannot be read")]
    Read {
        /// Where that was, in the unpacked bundle.
        offset: u64,
        /// Why.
        #[source]
        source: std::io::Error,
    },
    /// Something is no bundle.
    #[error("byte {offset}, after {objects} objects: {reason}")]
    Bundle {
        /// Where that was, in the unpacked bundle.
        offset: u64,
        /// Objects that came before.
        objects: u64,
        /// What is wrong.
        reason: String,
    },
    /// An object of a bundle is not what it should be.
    #[error("object {index}{}, which begins at byte {offset}: {reason}", in_brackets(id))]
    Object {
        /// Objects that came before, and one.
        index: u64,
        /// Its id, as far as it has one.
        id: String,
        /// Where it begins in the unpacked bundle.
        offset: u64,
        /// What is wrong.
        reason: String,
    },
    /// Which release a bundle is does not become clear, or it says something else than its name.
    #[error("{0}")]
    Named(String),
    /// A release of this name is there with other bytes.
    #[error(
        "{domain} {release} ({feed}) is already in the library with different bytes: SHA-256 `{there}`, this one has `{new}`; releases are never replaced, so import it with another `--release`, or into another data folder"
    )]
    Other {
        /// The feed.
        feed: String,
        /// The domain.
        domain: String,
        /// The release.
        release: String,
        /// The hash of what is there.
        there: String,
        /// The hash of what was to be imported.
        new: String,
    },
    /// A file or folder cannot be read.
    #[error("`{path}` cannot be read")]
    File {
        /// Which.
        path: String,
        /// Why.
        #[source]
        source: std::io::Error,
    },
    /// An archive ends early, or is damaged behind some of its members.
    #[error("the archive `{path}` cannot be read any further; everything before that point was processed")]
    Cut {
        /// Which.
        path: String,
        /// Why.
        #[source]
        source: std::io::Error,
    },
    /// The process that unpacks a file ended early, or wrote what it should not have.
    #[error("the process that unpacks `{path}` failed: {why}")]
    Unpacker {
        /// The file.
        path: String,
        /// Why.
        why: String,
    },
    /// What was asked for is not in the library.
    #[error("{0}")]
    Unknown(String),
    /// A layer of the Navigator is none, or not what it should be.
    #[error("the layer cannot be read: {0}")]
    Layer(String),
    /// Tables cannot be written as a workbook.
    #[error("the spreadsheet cannot be written: {0}")]
    Sheet(String),
    /// The search's index cannot be made or read.
    #[error("the search index in `{path}`: {reason}")]
    Search {
        /// Its folder.
        path: String,
        /// What is wrong.
        reason: String,
    },
    /// The database.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// The part that reads ended without saying why.
    #[error("reading stopped without saying why")]
    Stopped,
}

/// An id behind what it names; nothing where there is none.
fn in_brackets(id: &str) -> String {
    if id.is_empty() { String::new() } else { format!(" (`{id}`)") }
}
