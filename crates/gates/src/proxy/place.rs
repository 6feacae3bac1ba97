//! Where a request stands, and which address it is for.

use super::{Asker, connector};
use crate::accept::Held;
use crate::exchange::normal_host;
use crate::refusal::Trouble;
use http::header::HOST;
use http::uri::{Authority, PathAndQuery, Scheme};
use http::{Request, Uri, Version};
use hyper::body::Incoming;
use std::net::{IpAddr, SocketAddr};
use std::sync::{Arc, OnceLock};

/// Where a request stands: who sent it, and in which tunnel.
#[derive(Debug, Clone)]
pub(super) struct Place {
    pub(super) client: SocketAddr,
    /// Its place among the connections, which a tunnel keeps.
    pub(super) held: Arc<Held>,
    /// Who opened the tunnel, or came by it unasked.
    pub(super) person: Option<String>,
    /// Whether they gave their name and password, or showed a ticket, with the tunnel.
    pub(super) vouched: bool,
    /// Who showed a Kerberos ticket on this connection.
    pub(super) shown: Arc<OnceLock<String>>,
    pub(super) tunnel: Option<Tunnel>,
}

/// What a `CONNECT` request asked for.
#[derive(Debug, Clone)]
pub(super) struct Tunnel {
    pub(super) scheme: Scheme,
    pub(super) host: String,
    pub(super) port: u16,
    /// Nobody asked for it: the kernel led the connection here.
    pub(super) redirected: bool,
    /// Which program asked for it, as it says; empty where it does not.
    pub(super) agent: String,
}

impl Place {
    pub(super) fn of(client: SocketAddr, held: Arc<Held>) -> Self {
        Self { client, held, person: None, vouched: false, shown: Arc::default(), tunnel: None }
    }

    pub(super) fn asker(&self) -> Asker {
        if self.client.ip().to_canonical().is_loopback() { Asker::Here } else { Asker::Elsewhere }
    }
}

/// Whether two addresses have one scheme, host and port (RFC 6454, 5).
pub(super) fn same_origin(one: &Uri, other: &Uri) -> bool {
    let host = |uri: &Uri| normal_host(uri.host().unwrap_or_default());
    let port = connector::port_of;
    one.scheme() == other.scheme() && host(one) == host(other) && port(one) == port(other)
}

/// The absolute address that a request is for.
pub(super) fn absolute(request: &Request<Incoming>, place: &Place) -> Result<Uri, Trouble> {
    let uri = request.uri();
    let path = uri.path_and_query().cloned().unwrap_or_else(|| PathAndQuery::from_static("/"));
    let Some(tunnel) = &place.tunnel else {
        return match uri.scheme_str() {
            Some("http" | "https") if uri.host().is_some_and(|host| !host.is_empty()) => without_credentials(uri),
            Some(_) => Err(Trouble::Request("only http and https are supported")),
            None => Err(Trouble::Request("this is a proxy: configure it as such in the browser or program")),
        };
    };
    if tunnel.redirected && tunnel.host.parse::<IpAddr>().is_ok() {
        return redirected(request, tunnel, path);
    }
    // RFC 9110, 7.4: what is meant for another host does not belong into this tunnel.
    let mut named = request.headers().get_all(HOST).iter();
    let field = named.next().map(|host| String::from_utf8_lossy(host.as_bytes()).into_owned());
    if named.next().is_some() {
        return Err(Trouble::Request("there is more than one Host field"));
    }
    let inner = uri.authority().map(ToString::to_string).or(field.clone());
    for inner in inner.iter().chain(&field) {
        let inner: Authority = inner.parse().map_err(|_| Trouble::Request("the Host field does not name a host"))?;
        if normal_host(inner.host()) != tunnel.host || inner.port_u16().unwrap_or(tunnel.default_port()) != tunnel.port
        {
            return Err(Trouble::Misdirected);
        }
    }
    if inner.is_none() && request.version() >= Version::HTTP_11 {
        return Err(Trouble::Request("there is no Host field"));
    }
    let built = Uri::builder().scheme(tunnel.scheme.clone()).authority(tunnel.authority()).path_and_query(path).build();
    built.map_err(|_| Trouble::Request("the URL is invalid"))
}

/// The address that a redirected request is for: its `Host` field says which site, the connection only which machine.
fn redirected(request: &Request<Incoming>, tunnel: &Tunnel, path: PathAndQuery) -> Result<Uri, Trouble> {
    let mut named = request.headers().get_all(HOST).iter();
    let (Some(field), None) = (named.next(), named.next()) else {
        return Err(Trouble::Request("there is not exactly one Host field"));
    };
    let wrong = Trouble::Request("the Host field does not name a host");
    let site: Authority = field.to_str().ok().and_then(|field| field.parse().ok()).ok_or(wrong.clone())?;
    let site = Tunnel {
        host: normal_host(site.host()),
        port: site.port_u16().unwrap_or(tunnel.default_port()),
        ..tunnel.clone()
    };
    if site.host.is_empty() || site.port != tunnel.port {
        return Err(Trouble::Misdirected);
    }
    let built = Uri::builder().scheme(site.scheme.clone()).authority(site.authority()).path_and_query(path).build();
    built.map_err(|_| wrong)
}

impl Tunnel {
    pub(super) fn default_port(&self) -> u16 {
        if self.scheme == Scheme::HTTPS { 443 } else { 80 }
    }

    pub(super) fn authority(&self) -> String {
        let host = if self.host.contains(':') { format!("[{}]", self.host) } else { self.host.clone() };
        if self.port == self.default_port() { host } else { format!("{host}:{}", self.port) }
    }
}

/// An address without user and password, which are not for the site's eyes in this form.
fn without_credentials(uri: &Uri) -> Result<Uri, Trouble> {
    let Some((_, authority)) = uri.authority().and_then(|authority| authority.as_str().rsplit_once('@')) else {
        return Ok(uri.clone());
    };
    let mut parts = uri.clone().into_parts();
    parts.authority = Some(authority.parse().map_err(|_| Trouble::Request("the URL is invalid"))?);
    Uri::from_parts(parts).map_err(|_| Trouble::Request("the URL is invalid"))
}
