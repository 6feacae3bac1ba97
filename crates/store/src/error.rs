//! What can go wrong with what is kept.

use lazaret_model::IncidentError;
use std::path::PathBuf;
use thiserror::Error;

/// Why something could not be stored or found.
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
        "the ledger `{address}` was created by a newer version of Lazaret; run that version, or restore an older backup"
    )]
    Newer {
        /// Its address, without a password.
        address: String,
    },
    /// The database belongs to another program.
    #[error("`{address}` is the database of another program; choose another file in `[ledger] address`")]
    Foreign {
        /// Its address, without a password.
        address: String,
    },
    /// The file of the database is damaged.
    #[error(
        "the ledger `{address}` is damaged ({found}); stop everything that uses it, move the file and its companion \
            files aside, and restore a backup with `lazaret restore`, or recover what is readable with `sqlite3 FILE \
            .recover`"
    )]
    DamagedLedger {
        /// Its address, without a password.
        address: String,
        /// What is wrong with it.
        found: String,
    },
    /// Some of the events that the ledger keeps together cannot be read.
    #[error("segment {id} of the ledger is damaged ({found}); restore a backup with `lazaret restore`")]
    DamagedSegment {
        /// Its number in the table `segments`.
        id: i64,
        /// What is wrong with it.
        found: &'static str,
    },
    /// The database's tables could not be created.
    #[error("the ledger `{address}` cannot be upgraded")]
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
    #[error(
        "the library `{address}` was created by a newer version of Lazaret; run that version, or import again \
        elsewhere"
    )]
    NewerLibrary {
        /// Its address, without a password.
        address: String,
    },
    /// The library's tables could not be created.
    #[error("the library `{address}` cannot be upgraded")]
    MigrateLibrary {
        /// Its address, without a password.
        address: String,
        /// Why.
        #[source]
        source: sqlx::migrate::MigrateError,
    },
    /// The library's data is damaged.
    #[error("the library is damaged: {0}")]
    DamagedLibrary(String),
    /// A database query failed.
    #[error("the database gave an unexpected response")]
    Ledger(#[from] sqlx::Error),
    /// A batch of events could not be written.
    #[error("the ledger could not be written: {0}")]
    Record(String),
    /// No such incident.
    #[error("there is no incident `{reference}`")]
    NoIncident {
        /// Its reference.
        reference: String,
    },
    /// A change to an incident was refused.
    #[error(transparent)]
    Incident(#[from] IncidentError),
    /// The ledger was closed.
    #[error("the ledger is closed")]
    Closed,
    /// The ledger's key could not be read or created.
    #[error("the ledger's key `{path}` cannot be {step}")]
    KeyFile {
        /// Its file.
        path: PathBuf,
        /// What was being done.
        step: &'static str,
        /// Why it failed.
        #[source]
        source: std::io::Error,
    },
    /// The ledger's key is readable by other users.
    #[error("the ledger's key `{path}` is readable by others (mode {mode:o}); run `chmod 600` on it")]
    KeyMode {
        /// Its file.
        path: PathBuf,
        /// Its permission bits.
        mode: u32,
    },
    /// The key file contains no valid key.
    #[error("`{path}` does not contain a key; restore it from a backup")]
    KeyText {
        /// The file.
        path: PathBuf,
    },
    /// The ledger's key is not there.
    #[error(
        "the secrets of one-time passwords in the ledger are encrypted, and their key `{path}` is missing; restore it from a backup, or copy it from another machine that uses this ledger"
    )]
    KeyMissing {
        /// The file that it should be in.
        path: PathBuf,
    },
    /// The key is another ledger's.
    #[error(
        "the secrets of one-time passwords in the ledger are encrypted with a key other than `{path}`; restore the right one from a backup, or copy it from another machine that uses this ledger"
    )]
    KeyWrong {
        /// The file of the key.
        path: PathBuf,
    },
    /// A secret could not be decrypted.
    #[error("a secret in the ledger cannot be decrypted: it belongs to someone else or is encrypted with another key")]
    Sealed,
    /// A copy of a database could not be written.
    #[error("the database cannot be copied to `{path}`")]
    Copy {
        /// The file that was to be made.
        path: PathBuf,
        /// Why.
        #[source]
        source: sqlx::Error,
    },
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
    /// A quarantined file does not match its hash.
    #[error("the quarantined file `{0}` is damaged: its content does not match its hash")]
    Damaged(PathBuf),
    /// No random numbers are available.
    #[error("the system has no random numbers: {0}")]
    Random(String),
}
