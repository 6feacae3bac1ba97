//! What can go wrong with what is kept.

use std::path::PathBuf;
use thiserror::Error;

/// Why something could not be kept or found.
#[derive(Debug, Error)]
pub enum StoreError {
    /// The database could not be opened.
    #[error("the ledger `{address}` cannot be opened")]
    Open {
        /// Its address, without a password.
        address: String,
        /// Why.
        #[source]
        source: sqlx::Error,
    },
    /// The database was made by a newer version.
    #[error(
        "the ledger `{address}` was made by a newer version of Lazaret; run that one, or restore a backup made before"
    )]
    Newer {
        /// Its address, without a password.
        address: String,
    },
    /// The database's tables could not be made.
    #[error("the ledger `{address}` cannot be brought up to date")]
    Migrate {
        /// Its address, without a password.
        address: String,
        /// Why.
        #[source]
        source: sqlx::migrate::MigrateError,
    },
    /// The library's database could not be opened.
    #[error("the library `{address}` cannot be opened")]
    OpenLibrary {
        /// Its address, without a password.
        address: String,
        /// Why.
        #[source]
        source: sqlx::Error,
    },
    /// The library's database was made by a newer version.
    #[error("the library `{address}` was made by a newer version of Lazaret; run that one, or import again elsewhere")]
    NewerLibrary {
        /// Its address, without a password.
        address: String,
    },
    /// The library's tables could not be made.
    #[error("the library `{address}` cannot be brought up to date")]
    MigrateLibrary {
        /// Its address, without a password.
        address: String,
        /// Why.
        #[source]
        source: sqlx::migrate::MigrateError,
    },
    /// What the library keeps is not what was put in.
    #[error("the library is damaged: {0}")]
    DamagedLibrary(String),
    /// The database refused something.
    #[error("the database does not answer as it should")]
    Ledger(#[from] sqlx::Error),
    /// A batch of events could not be written.
    #[error("the ledger could not record it: {0}")]
    Record(String),
    /// The ledger was closed.
    #[error("the ledger is closed")]
    Closed,
    /// A file of the quarantine could not be read or written.
    #[error("the quarantine's `{path}` cannot be {step}")]
    Blob {
        /// The file or folder.
        path: PathBuf,
        /// What was being done.
        step: &'static str,
        /// Why it failed.
        #[source]
        source: std::io::Error,
    },
    /// A file of the quarantine does not hold what it was stored as.
    #[error("the quarantine's `{0}` is damaged: its content does not have the hash that it is named after")]
    Damaged(PathBuf),
    /// No random numbers.
    #[error("the system has no random numbers: {0}")]
    Random(String),
}
