//! Which of several releases that have an entry is meant.

use crate::names::{DOMAINS, Feed, Number};

/// Which release somebody asks about; what is left out is chosen.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Choice {
    /// The feed; else the one with the newest release that has the object, STIX 2.1 where both have it.
    pub feed: Option<Feed>,
    /// The domain.
    pub domain: Option<String>,
    /// The release; else the last one that has the object.
    pub release: Option<Number>,
}

/// A domain's place in the order in which people look for them: Enterprise, Mobile, ICS, PRE-ATT&CK, any other.
pub fn rank(domain: &str) -> usize {
    DOMAINS.iter().position(|(id, _)| *id == domain).unwrap_or(DOMAINS.len())
}
