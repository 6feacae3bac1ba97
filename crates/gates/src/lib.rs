//! Bytes in transit: the web [`Proxy`] and, for proxies that are there already, the ICAP server.
//!
//! A gate carries the protocol, gathers a body, and asks the [`Desk`] whether it may pass. It parses nothing that is
//! hostile beyond the protocol itself: bodies go to the engine's sandboxed workers as they came, content codings and
//! all. What people read when something is stopped comes from whoever starts the gates, through [`Pages`].

mod accept;
mod desk;
mod error;
mod exchange;
mod icap;
mod intake;
mod proxy;
mod refusal;
mod settings;
mod spool;

pub use desk::Desk;
pub use error::GateError;
pub use exchange::{Exchange, Wants};
pub use icap::Icap;
pub use proxy::{Authority, Proxy};
pub use refusal::{Page, Pages, Reason, Refusal, Trouble};
pub use settings::{BodySettings, IcapSettings, ProxySettings};
