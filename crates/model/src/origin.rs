//! Where a sample came from.

use serde::{Deserialize, Serialize};
use std::fmt;

/// The door a sample came through.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Gate {
    /// `lazaret scan`.
    #[default]
    Scan,
    /// The web proxy.
    Proxy,
    /// The ICAP server.
    Icap,
    /// The HTTP API.
    Api,
    /// The endpoint guard.
    Guard,
}

impl Gate {
    /// The name used in JSON and policies.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Scan => "scan",
            Self::Proxy => "proxy",
            Self::Icap => "icap",
            Self::Api => "api",
            Self::Guard => "guard",
        }
    }
}

impl fmt::Display for Gate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.name())
    }
}

/// Who asked, from which site, through which gate, with what headers (RFC 3507, 4.4: the encapsulated request).
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct Origin {
    /// The door it came through.
    pub gate: Gate,
    /// The authenticated person, where there is one.
    pub person: Option<String>,
    /// The groups of that person.
    pub groups: Vec<String>,
    /// Host name of the site the bytes came from.
    pub host: Option<String>,
    /// Names of the lists the site is on.
    pub lists: Vec<String>,
    /// Days since this installation first saw the site.
    pub first_seen_days: Option<u64>,
    /// The media type the site declared.
    pub declared_type: Option<String>,
    /// Whether a person navigated to it, as opposed to a page's own sub-request.
    pub navigation: bool,
}

/// Bytes, by their SHA-256, plus where they came from.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Sample {
    /// SHA-256, lower-case hexadecimal.
    pub sha256: String,
    /// Bytes.
    pub size: u64,
    /// File name, as the origin gave it.
    pub name: String,
    /// Where it came from.
    pub origin: Origin,
}
