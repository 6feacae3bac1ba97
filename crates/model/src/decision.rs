//! What policy says to do, and what happened in the end.

use serde::{Deserialize, Serialize};
use std::fmt;

/// What policy says to do. Ordered from lenient to strict: the strictest of a sample's parts counts.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Decision {
    /// Hand it over now.
    Deliver,
    /// Keep it; the person may ask for it.
    Hold,
    /// Keep it; only somebody with the right to may release it.
    Block,
}

impl Decision {
    /// The name used in JSON and policies.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Deliver => "deliver",
            Self::Hold => "hold",
            Self::Block => "block",
        }
    }
}

impl fmt::Display for Decision {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.name())
    }
}

/// What happened to a sample in the end (OCSF `disposition_id`).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Disposition {
    /// Handed over.
    Delivered,
    /// Kept, may be asked for.
    Held,
    /// Kept.
    Blocked,
    /// Handed over after somebody approved.
    Released,
    /// Deleted at the end of its retention.
    Expired,
}

/// A policy that took part in a decision, with its human side.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct PolicyMatch {
    /// The policy's `@id`.
    pub id: String,
    /// The policy's `@title`: one plain sentence.
    pub title: String,
}

/// The decision about one part, and what decided it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Ruling {
    /// Path of the part.
    pub part: String,
    /// What to do.
    pub decision: Decision,
    /// The policies that said so; empty when nothing permitted it, which is how default deny looks.
    pub policies: Vec<PolicyMatch>,
}
