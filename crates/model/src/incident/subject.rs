//! What an incident is about, in the spelling by which gates and the ledger know it.

use super::IncidentError;
use serde::{Deserialize, Serialize};
use std::net::IpAddr;

/// Characters of a name.
const MOST_NAME: usize = 200;
/// Characters of a host name (RFC 1035, 2.3.4).
const MOST_HOST: usize = 253;
/// Characters of what is wrong that an error repeats.
const MOST_REPEATED: usize = 80;

/// The kind of an entry in an incident's scope.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum SubjectKind {
    /// The SHA-256 of a file.
    Hash,
    /// A registered domain, a host, or an address.
    Site,
    /// A person.
    Person,
    /// The users of a group.
    Group,
    /// The IP address of a client.
    Client,
    /// An ATT&CK technique, for context.
    Technique,
}

impl SubjectKind {
    /// All kinds.
    pub const ALL: [Self; 6] = [Self::Hash, Self::Site, Self::Person, Self::Group, Self::Client, Self::Technique];

    /// The name used in the ledger, in JSON and in addresses.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Hash => "hash",
            Self::Site => "site",
            Self::Person => "person",
            Self::Group => "group",
            Self::Client => "client",
            Self::Technique => "technique",
        }
    }

    /// The label in the console.
    pub const fn title(self) -> &'static str {
        match self {
            Self::Hash => "SHA-256",
            Self::Site => "site",
            Self::Person => "person",
            Self::Group => "group",
            Self::Client => "machine",
            Self::Technique => "technique",
        }
    }

    /// The kind with a name.
    pub fn of(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|kind| kind.name() == name)
    }
}

/// An entry of an incident's scope.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Subject {
    /// What it is.
    pub kind: SubjectKind,
    /// Its value, normalised.
    pub value: String,
}

impl Subject {
    /// Parses and normalises what a user entered.
    ///
    /// # Errors
    /// If it is not valid for this kind.
    pub fn parse(kind: SubjectKind, text: &str) -> Result<Self, IncidentError> {
        let text = text.trim();
        let (value, expected) = match kind {
            SubjectKind::Hash => (hash(text), "64 hexadecimal digits"),
            SubjectKind::Site => (site(text), "a host name such as `files.example`, or an IP address"),
            SubjectKind::Person | SubjectKind::Group => (name(text), "a name without control characters"),
            SubjectKind::Client => (client(text), "an IP address"),
            SubjectKind::Technique => (technique(text), "an id such as `T1204.002`"),
        };
        let repeated = || crate::plain(text).chars().take(MOST_REPEATED).collect();
        let value = value.ok_or_else(|| IncidentError::Subject { kind, value: repeated(), expected })?;
        Ok(Self { kind, value })
    }
}

fn hash(text: &str) -> Option<String> {
    let is_hash = text.len() == 64 && text.bytes().all(|byte| byte.is_ascii_hexdigit());
    is_hash.then(|| text.to_ascii_lowercase())
}

/// A host, also out of the address of a file.
fn site(text: &str) -> Option<String> {
    let after = text.split_once("://").map_or(text, |(_, rest)| rest);
    let authority = after.split(['/', '?', '#']).next()?;
    let authority = authority.rsplit('@').next()?;
    if let Ok(address) = authority.parse::<IpAddr>() {
        return Some(address.to_canonical().to_string());
    }
    let host = match authority.strip_prefix('[') {
        Some(rest) => rest.split(']').next()?,
        None => authority.rsplit_once(':').map_or(authority, |(host, _)| host),
    };
    if let Ok(address) = host.parse::<IpAddr>() {
        return Some(address.to_canonical().to_string());
    }
    let host = host.trim_start_matches("*.").trim_matches('.').to_ascii_lowercase();
    let is_label = |label: &str| {
        !label.is_empty()
            && label.len() < 64
            && label.bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_'))
    };
    (host.len() <= MOST_HOST && host.split('.').all(is_label)).then_some(host)
}

fn name(text: &str) -> Option<String> {
    let fits = !text.is_empty() && text.chars().count() <= MOST_NAME && !text.chars().any(char::is_control);
    fits.then(|| text.to_owned())
}

fn client(text: &str) -> Option<String> {
    text.parse::<IpAddr>().ok().map(|address| address.to_canonical().to_string())
}

/// ATT&CK's ids: `T1204`, `T1204.002`.
fn technique(text: &str) -> Option<String> {
    let text = text.to_ascii_uppercase();
    let (whole, sub) = text.split_once('.').map_or((text.as_str(), None), |(whole, sub)| (whole, Some(sub)));
    let digits = |text: &str, number: usize| text.len() == number && text.bytes().all(|byte| byte.is_ascii_digit());
    let fits =
        whole.strip_prefix('T').is_some_and(|number| digits(number, 4)) && sub.is_none_or(|number| digits(number, 3));
    fits.then_some(text)
}
