//! Entries that the newest release of their domain does not have any more: neither revoked nor deprecated, they are just missing.

use crate::choice::Choice;
use crate::fields::{is_live, status};
use crate::{Feed, Number, domain_title};
use lazaret_store::{Release, Span, Version};
use serde::{Deserialize, Serialize};

/// An entry is gone: the newest release does not have it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Gone {
    /// The domain, such as `enterprise-attack`.
    pub domain: String,
    /// The newest release of that domain, which does not have it.
    pub newest: String,
    /// The last release that has it.
    pub last: String,
}

impl Gone {
    /// A sentence's piece for people: `not in 18.1; last in 8.0`.
    pub fn told(&self) -> String {
        format!("not in {}; last in {}", self.newest, self.last)
    }

    /// What people call the domain.
    pub fn domain_title(&self) -> &str {
        domain_title(&self.domain)
    }
}

/// What there is to know of a version's status in one word: `live`, `revoked`, `deprecated`, or `gone` for what would be live if
/// the newest release had it.
pub fn standing(version: &Version, gone: Option<&Gone>) -> &'static str {
    if gone.is_some() && is_live(version) { "gone" } else { status(version) }
}

/// Place of the newest release of a domain, in one feed or in either.
fn newest<'a>(releases: &'a [Release], domain: &str, feed: Option<Feed>) -> Option<&'a Release> {
    let own = releases.iter().filter(|release| release.domain == domain);
    own.filter(|release| feed.is_none_or(|feed| feed.name() == release.feed)).max_by_key(|release| release.place)
}

/// Whether a span reaches the newest release of its domain. PRE-ATT&CK was given up with 8.0: nothing stands there today.
pub(crate) fn is_today(releases: &[Release], span: &Span) -> bool {
    span.domain != "pre-attack" && newest(releases, &span.domain, None).is_some_and(|newest| newest.place <= span.last)
}

/// Whether the newest release of a domain has an object that was in these spans of releases; none when it has it.
pub(crate) fn gone(releases: &[Release], spans: &[Span], domain: &str, choice: &Choice) -> Option<Gone> {
    let newest = newest(releases, domain, choice.feed)?;
    let own = spans.iter().filter(|span| span.domain == domain);
    let last =
        own.filter(|span| choice.feed.is_none_or(|feed| feed.name() == span.feed)).map(|span| span.last).max()?;
    (last < newest.place).then(|| Gone {
        domain: domain.to_owned(),
        newest: newest.name.clone(),
        last: Number::at(last).to_string(),
    })
}
