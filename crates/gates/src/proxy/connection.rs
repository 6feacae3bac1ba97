//! Connections whose content nobody inspects: policy says which may be, and each is recorded before anything passes.

use super::{Proxy, Tunnel};
use crate::Exchange;
use http::uri::{PathAndQuery, Scheme};
use http::{HeaderMap, Method, Uri};
use lazaret_model::{Class, Gate, Kind};
use std::net::IpAddr;

/// A WebSocket (RFC 6455).
pub(super) const WEBSOCKET: Kind = Kind::new("websocket", Class::Connection, "application/octet-stream");
/// A stream of events for a page's script (HTML, 9.2).
pub(super) const EVENT_STREAM: Kind = Kind::new("event-stream", Class::Connection, "text/event-stream");
/// A TLS connection that is passed untouched.
const BYPASS: Kind = Kind::new("bypass", Class::Connection, "application/octet-stream");

impl Proxy {
    /// Whether the connection to a host is left alone: a setting or a list says so, and policy does not forbid it. What
    /// policy forbids is opened like any other, so that whoever asks is told why.
    pub(super) async fn bypasses(&self, client: IpAddr, person: Option<&str>, host: &str, port: u16) -> bool {
        let listed = || self.desk.sites().has_host(host, &self.settings.bypass_lists);
        if !self.settings.bypasses(host) && !self.desk.is_bypassed(host) && !listed() {
            return false;
        }
        let tunnel =
            Tunnel { scheme: Scheme::HTTPS, host: host.to_owned(), port, redirected: false, agent: String::new() };
        let address = Uri::builder().scheme("https").authority(tunnel.authority());
        let Ok(address) = address.path_and_query(PathAndQuery::from_static("/")).build() else { return false };
        let mut exchange = Exchange::of(Gate::Proxy, Some(client), Method::CONNECT, address, &HeaderMap::new());
        exchange.person = person.map(str::to_owned);
        self.desk.directory().complete(&mut exchange);
        self.desk.connect(&exchange, BYPASS).await.is_ok()
    }
}
