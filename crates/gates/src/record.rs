//! Who keeps the record of what the gates did. The gates know no database.

use crate::{Exchange, Refusal};
use lazaret_model::ScanReport;
use std::future::Future;
use std::io::Read;
use std::pin::Pin;
use thiserror::Error;

/// Something that takes a while.
pub type Pending<'a, T> = Pin<Box<dyn Future<Output = Result<T, RecordError>> + Send + 'a>>;

/// Why something could not be kept, or learnt from what is kept.
#[derive(Debug, Error)]
pub enum RecordError {
    /// What keeps it did not do it: a sentence with every cause.
    #[error("{0}")]
    Failed(String),
    /// That was so, and it is written when it passes.
    #[error("{0}; it will be written once that is resolved")]
    Later(String),
    /// That was so, and too much waits already.
    #[error("{0}; it is lost")]
    Lost(String),
    /// Nobody looks any more: the process ends.
    #[error("the process is shutting down")]
    Ending,
}

/// Keeps the record. What it acknowledged must survive a crash.
pub trait Record: Send + Sync {
    /// Days since something first came from a registered domain; none for never before.
    fn site_age<'a>(&'a self, domain: &'a str) -> Pending<'a, Option<u64>>;

    /// How often something with this SHA-256 was seen before.
    fn prevalence<'a>(&'a self, sha256: &'a str) -> Pending<'a, u64>;

    /// Something may pass. It does so only when this has come back well.
    fn delivered<'a>(&'a self, exchange: &'a Exchange, report: &'a ScanReport) -> Pending<'a, ()>;

    /// Something was refused.
    fn refused<'a>(&'a self, exchange: &'a Exchange, refusal: &'a Refusal) -> Pending<'a, ()>;

    /// Keeps refused bytes and says by which SHA-256 they are found again. Blocks.
    ///
    /// # Errors
    /// When it cannot be written; then nothing is kept.
    fn keep(&self, content: &mut dyn Read) -> Result<String, RecordError>;
}
