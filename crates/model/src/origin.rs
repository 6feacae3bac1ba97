//! Where a sample came from.

use serde::{Deserialize, Serialize};
use std::fmt;
use std::net::IpAddr;

/// The gate a sample came through.
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
    /// All of them.
    pub const ALL: [Self; 5] = [Self::Scan, Self::Proxy, Self::Icap, Self::Api, Self::Guard];

    /// Whether it stands between users and the web, so that a sample may be a subresource of a page.
    pub const fn is_of_the_web(self) -> bool {
        match self {
            Self::Proxy | Self::Icap => true,
            Self::Scan | Self::Api | Self::Guard => false,
        }
    }

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

/// The direction of a transfer.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Direction {
    /// To a user.
    #[default]
    Download,
    /// From a user to a site.
    Upload,
}

impl Direction {
    /// The name used in JSON and policies.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Download => "download",
            Self::Upload => "upload",
        }
    }
}

/// Who asked, from which site, through which gate, with what headers (RFC 3507, 4.4: the encapsulated request).
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct Origin {
    /// The gate it came through.
    pub gate: Gate,
    /// Its direction.
    pub direction: Direction,
    /// The authenticated user, if any.
    pub person: Option<String>,
    /// The groups of that user.
    pub groups: Vec<String>,
    /// IP address of the client, if known.
    pub client: Option<IpAddr>,
    /// Registered domain of the page for which it is fetched, or its host where that has none; none for what is no piece of a page.
    pub page: Option<String>,
    /// Host name of the site the bytes came from.
    pub host: Option<String>,
    /// Registered domain of that host, by the Public Suffix List; the host itself where it has none.
    pub domain: Option<String>,
    /// Names of the lists the site is on.
    pub lists: Vec<String>,
    /// One of them lists suspicious sites.
    pub suspicious: bool,
    /// Days since this installation first saw the site.
    pub first_seen_days: Option<u64>,
    /// The media type the site declared.
    pub declared_type: Option<String>,
    /// Whether a user navigated to it, as opposed to a subresource of a page.
    pub navigation: bool,
    /// Whether it ends as a page or a file of a person: a browser navigates to it, or it asks to be saved.
    pub saves: bool,
    /// Whether it is saved as a file and not shown: an attachment, a link that downloads, or by its type.
    pub attached: bool,
}

/// When a fact is known, and so how much is known by then: each of them means everything before it as well.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Default, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Known {
    /// It is asked for: by whom, of which site, through which gate. Nothing has come yet.
    Request,
    /// The head of the message that carries it is there.
    Head,
    /// Its first bytes are there, and what they begin cannot turn out to be something else.
    FirstBytes,
    /// All of it is there and was inspected.
    Inspection,
    /// The ledger was asked about it.
    #[default]
    Ledger,
}

impl Known {
    /// All of them, in the order of time.
    pub const ALL: [Self; 5] = [Self::Request, Self::Head, Self::FirstBytes, Self::Inspection, Self::Ledger];

    /// The name used in JSON.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Request => "request",
            Self::Head => "head",
            Self::FirstBytes => "first-bytes",
            Self::Inspection => "inspection",
            Self::Ledger => "ledger",
        }
    }
}

/// What a decision is based on besides the inspection's findings.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Basis {
    /// Where it came from.
    pub origin: Origin,
    /// How many times the sample had been seen here before; 0 if the ledger was not queried.
    pub prevalence: u64,
    /// How much was known at the time.
    pub known: Known,
}
