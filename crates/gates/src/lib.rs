//! Bytes in transit: the web [`Proxy`] and, for proxies that are there already, the ICAP server.
//!
//! A gate carries the protocol, gathers a body, and asks the [`Desk`] whether it may pass. It parses nothing that is
//! hostile beyond the protocol itself: bodies go to the engine's sandboxed workers as they came, content codings and
//! all. What people read when something is stopped comes from whoever starts the gates, through [`Pages`].

mod accept;
mod ask;
mod balancer;
mod budget;
mod bypass;
mod containment;
mod copies;
mod desk;
mod directory;
mod distrust;
mod error;
mod exchange;
mod fetch;
mod following;
mod framing;
mod icap;
mod intake;
mod live;
mod metrics;
mod network;
mod patient;
mod post;
mod proxy;
mod range;
mod record;
mod refusal;
mod settings;
mod sites;
mod spool;
mod syslog;
mod tls;
mod transfer;

pub use ask::{Answered, AskError, Client};
pub use containment::Contained;
pub use desk::{Desk, Means};
pub use directory::{Accounts, Directory, Memberships};
pub use distrust::TlsRefusal;
pub use error::GateError;
pub use exchange::{Exchange, Wants};
pub use fetch::{FetchError, Fetcher};
pub use icap::Icap;
pub use metrics::Metrics;
pub use post::{PostError, Poster};
pub use proxy::{
    Authority, AuthorityCertificate, AuthorityFolder, AuthorityRole, KeyKind, KeyProbe, NEGOTIATE_ARGUMENT, Own, Proxy,
    SIGNER_ARGUMENT, negotiate_main, signer_main,
};
pub use record::{Pending, Record, RecordError};
pub use refusal::{Kept, Page, Pages, Reason, Refusal, Trouble, public_address};
pub use settings::{
    BodySettings, IcapSettings, ListFormat, NetworkSettings, Outside, PeopleSettings, ProxySettings, SiteList,
    SiteSettings, names_host,
};
pub use sites::{HostError, ListState, Sites, Standing};
pub use syslog::SyslogStream;
