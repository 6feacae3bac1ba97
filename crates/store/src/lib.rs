//! What is kept: events, requests and people in an SQL database, the ATT&CK library in another, quarantined bytes in a folder.
//!
//! Only this crate knows SQL. Times are milliseconds since 1970 (UTC).

mod blobs;
mod copy;
mod error;
mod key;
mod ledger;
mod library;
mod memory;
mod reach;
mod seams;

use data_encoding::HEXLOWER;

pub use blobs::BlobFolder;
pub use copy::{Copied, copy_file, digest_of, digest_of_open};
pub use error::StoreError;
pub use ledger::{
    ApiToken, Ask, AuditEntry, AuditFilter, Bypass, Changed, Cursor, Event, EventFilter, Examined, IncidentFile,
    IncidentReport, Ledger, LoggedEvent, Met, NewIncident, NewPolicies, NewReport, NewUser, PolicyVersion,
    ReleaseRequest, ReportState, RequestState, Retrospect, RoomNews, Session, Settled, Sightings, SiteHistory, Tally,
    TechniqueControl, User, Vouched,
};
pub use library::{
    Added, Appearance, Import, LayerVersion, Library, NewLayer, NewRelease, NewTake, NewVersion, PublishedTake,
    Relation, Release, Removed, Repeats, Span, Standing, StoredLayer, Take, TakeChange, TakeState, TakeStep, Version,
};
pub use memory::{MemoryBlobs, MemoryJournal};
pub use seams::{Blobs, Journal, Pending, Queue};

/// The current time in milliseconds since 1970.
pub fn now() -> i64 {
    let since = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap_or_default();
    i64::try_from(since.as_millis()).unwrap_or(i64::MAX)
}

/// A secret of 128 bits from the system's random numbers, in hexadecimal.
///
/// # Errors
/// When the system has no random numbers.
pub fn secret() -> Result<String, StoreError> {
    let mut bytes = [0; 16];
    random(&mut bytes)?;
    Ok(HEXLOWER.encode(&bytes))
}

/// Fills bytes with the system's random numbers.
///
/// # Errors
/// When the system has none.
pub fn random(bytes: &mut [u8]) -> Result<(), StoreError> {
    getrandom::fill(bytes).map_err(|error| StoreError::Random(error.to_string()))
}

/// SHA-256 of a text, in hexadecimal: how secrets are kept.
pub fn fingerprint(text: &str) -> String {
    use sha2::Digest;
    HEXLOWER.encode(&sha2::Sha256::digest(text.as_bytes()))
}

/// HMAC-SHA-256 of a message (RFC 2104), by which whoever has the key knows who sent it.
pub fn authenticated(key: &[u8], message: &[u8]) -> Vec<u8> {
    let key = ring::hmac::Key::new(ring::hmac::HMAC_SHA256, key);
    ring::hmac::sign(&key, message).as_ref().to_vec()
}

/// A database URL without its credentials.
fn without_password(address: &str) -> String {
    match (address.split_once("://"), address.rsplit_once('@')) {
        (Some((scheme, _)), Some((_, rest))) => format!("{scheme}://…@{rest}"),
        _ => address.to_owned(),
    }
}
