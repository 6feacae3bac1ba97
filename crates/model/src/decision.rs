//! What policy says to do, and what happened in the end.

use serde::{Deserialize, Serialize};
use std::fmt;

/// A policy decision. Ordered from lenient to strict: the strictest decision on any of a sample's parts counts.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Decision {
    /// Deliver it now.
    Deliver,
    /// Quarantine it; the user may request it.
    Hold,
    /// Quarantine it; only a user with the permission may release it.
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

/// A policy that contributed to a decision.
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
    /// The decision.
    pub decision: Decision,
    /// The policies that made it; empty if nothing permitted it (default deny).
    pub policies: Vec<PolicyMatch>,
}
