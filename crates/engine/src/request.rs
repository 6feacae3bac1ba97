//! What an engine is asked.

use crate::SampleBytes;
use lazaret_model::{ContentCoding, Origin};

/// How many samples an engine is started for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Expected {
    /// A few: what takes long to build is built when a sample needs it.
    Few,
    /// Any number: all of it is built before the first one comes.
    #[default]
    Many,
}

/// One sample to judge.
pub struct Request<'a> {
    /// What it is called, for people and as a source of passwords.
    pub name: &'a str,
    /// Its bytes.
    pub bytes: SampleBytes,
    /// Where it came from.
    pub origin: &'a Origin,
    /// Passwords for this sample, tried before the configured ones.
    pub passwords: &'a [String],
    /// How the bytes are packed, in the order in which that was done. The sample is what is under it.
    pub codings: &'a [ContentCoding],
    /// Tells how often a SHA-256 was seen here before, where somebody knows. It is asked only when a policy depends on it.
    pub prevalence: Option<&'a dyn Fn(&str) -> u64>,
}
