//! Connections whose content nobody inspects: policy says which may be, and each is recorded before anything passes.

use super::{Proxy, Tunnel};
use crate::Exchange;
use crate::refusal::{Reason, Refusal, public_address};
use crate::settings::Outside;
use http::uri::{PathAndQuery, Scheme};
use http::{HeaderMap, Method, Uri};
use lazaret_model::{Class, Decision, Gate, Kind, reference};
use std::net::IpAddr;

/// A WebSocket (RFC 6455).
pub(super) const WEBSOCKET: Kind = Kind::new("websocket", Class::Connection, "application/octet-stream");
/// A stream of events for a page's script (HTML, 9.2).
pub(super) const EVENT_STREAM: Kind = Kind::new("event-stream", Class::Connection, "text/event-stream");
/// A TLS connection that is passed untouched.
const BYPASS: Kind = Kind::new("bypass", Class::Connection, "application/octet-stream");

/// A TLS connection to a host for which the authority may not vouch.
const OUTSIDE: Kind = Kind::new("outside-authority", Class::Connection, "application/octet-stream");
/// Why such a connection is refused, for the log and the event.
const WHY: &str = "the authority is not allowed to sign for this host (`proxy.authority_constraints`), so the \
    connection cannot be inspected; `proxy.bypass` or `proxy.authority_outside = \"pass\"` allows it uninspected";

impl Proxy {
    /// Whether the connection to a host is left alone: a setting or a list says so, and policy does not forbid it. What
    /// policy forbids is opened like any other, so that whoever asks is told why.
    pub(super) async fn bypasses(&self, client: IpAddr, person: Option<&str>, host: &str, port: u16) -> bool {
        let listed = || self.desk.sites().has_host(host, &self.settings.bypass_lists);
        if !self.settings.bypasses(host) && !self.desk.is_bypassed(host) && !listed() {
            return false;
        }
        let Some(exchange) = self.connecting(client, person, host, port) else { return false };
        self.desk.connect(&exchange, BYPASS).await.is_ok()
    }

    /// Whether the connection to a host is passed for which the authority may not vouch. Either way it is recorded.
    pub(super) async fn passes_outside(&self, client: IpAddr, person: Option<&str>, host: &str, port: u16) -> bool {
        let Some(exchange) = self.connecting(client, person, host, port) else { return false };
        let refused = match self.settings.authority_outside {
            Outside::Pass => self.desk.connect(&exchange, OUTSIDE).await.err(),
            Outside::Refuse => {
                let refusal = Refusal {
                    reference: reference(),
                    decision: Decision::Block,
                    reason: Reason::Failed(WHY.to_owned()),
                    address: public_address(&exchange.uri),
                    name: host.to_owned(),
                    kept: None,
                };
                tracing::info!(reference = %refusal.reference, %client, %host, port, why = WHY, "no tunnel");
                Some(Box::new(refusal))
            }
        };
        let Some(refusal) = refused else { return true };
        self.desk.settle(&exchange, &refusal).await;
        false
    }

    /// What policy and the record are told of a connection to a host.
    fn connecting(&self, client: IpAddr, person: Option<&str>, host: &str, port: u16) -> Option<Exchange> {
        let tunnel =
            Tunnel { scheme: Scheme::HTTPS, host: host.to_owned(), port, redirected: false, agent: String::new() };
        let address = Uri::builder().scheme("https").authority(tunnel.authority());
        let address = address.path_and_query(PathAndQuery::from_static("/")).build().ok()?;
        let mut exchange = Exchange::of(Gate::Proxy, Some(client), Method::CONNECT, address, &HeaderMap::new());
        exchange.person = person.map(str::to_owned);
        self.desk.directory().complete(&mut exchange);
        Some(exchange)
    }
}
