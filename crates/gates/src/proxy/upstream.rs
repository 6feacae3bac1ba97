//! Connections to sites: names resolved, certificates verified, connections shared and bounded in time.

use super::Body;
use super::connector::{Connector, Parent, port_of};
use super::destinations::Destinations;
use crate::exchange::normal_host;
use crate::refusal::Trouble;
use crate::settings::ProxySettings;
use crate::tls::provider;
use crate::{GateError, desk};
use http::header::PROXY_AUTHORIZATION;
use hyper::body::Incoming;
use hyper::{Request, Response};
use hyper_rustls::HttpsConnector;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::client::legacy::connect::dns::Name;
use hyper_util::client::legacy::{Client, Error};
use hyper_util::rt::{TokioExecutor, TokioTimer};
use rustls::{ClientConfig, RootCertStore};
use rustls_pki_types::CertificateDer;
use rustls_pki_types::pem::PemObject;
use std::fmt;
use std::future::Future;
use std::io;
use std::net::{IpAddr, SocketAddr};
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;
use tower_service::Service;

type Connections = Client<HttpsConnector<Connector>, Body>;

/// Who asks, and for what: this machine may reach itself through the proxy; others may not reach it, but for the console.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Asker {
    Here,
    Elsewhere,
    /// Whoever it is asks for our own console.
    Console,
}

/// Connections to sites, apart for those that may reach this machine and those that may not.
pub(crate) struct Upstream {
    here: Pair,
    elsewhere: Pair,
    console: Pair,
    destinations: Arc<Destinations>,
    parent: Option<Arc<Parent>>,
    connect_time: Duration,
    answer_time: Duration,
}

struct Pair {
    any: Connections,
    /// For connections that change their protocol, which HTTP/2 does another way.
    http1: Connections,
}

impl Upstream {
    pub(crate) fn new(settings: &ProxySettings) -> Result<Self, GateError> {
        let tls = tls(settings)?;
        let parent = Parent::of(settings)?.map(Arc::new);
        let destinations = Arc::new(Destinations::of(settings)?);
        let pair = |asker| {
            let resolver = || Resolver { asker, destinations: Arc::clone(&destinations) };
            Pair {
                any: connections(settings, &tls, parent.as_ref(), resolver(), Versions::Both),
                http1: connections(settings, &tls, parent.as_ref(), resolver(), Versions::Http1),
            }
        };
        Ok(Self {
            here: pair(Asker::Here),
            elsewhere: pair(Asker::Elsewhere),
            console: pair(Asker::Console),
            destinations,
            connect_time: settings.connect_time(),
            answer_time: settings.answer_time(),
            parent,
        })
    }

    /// Sends a request with an absolute address; the answer's head is there when this returns.
    ///
    /// # Errors
    /// Why there is no answer.
    pub(crate) async fn send(
        &self,
        mut request: Request<Body>,
        asker: Asker,
        upgrade: bool,
    ) -> Result<Response<Incoming>, Trouble> {
        let host = normal_host(request.uri().host().unwrap_or_default());
        if self.forbids(asker, &host) {
            return Err(Trouble::Private);
        }
        if let Some(parent) = self.parent.as_ref().filter(|parent| parent.serves(&host, port_of(request.uri())))
            && request.uri().scheme_str() == Some("http")
            && let Some(credentials) = parent.credentials()
        {
            request.headers_mut().insert(PROXY_AUTHORIZATION, credentials);
        }
        let pair = match asker {
            Asker::Here => &self.here,
            Asker::Elsewhere => &self.elsewhere,
            Asker::Console => &self.console,
        };
        let connections = if upgrade { &pair.http1 } else { &pair.any };
        match tokio::time::timeout(self.answer_time, connections.request(request)).await {
            Ok(answer) => answer.map_err(|error| trouble(&error)),
            Err(_) => Err(Trouble::Silent),
        }
    }

    /// A bare connection to a site, for tunnels that policy leaves alone.
    ///
    /// # Errors
    /// Why there is none.
    pub(super) async fn tunnel(&self, host: &str, port: u16, asker: Asker) -> Result<tokio::net::TcpStream, Trouble> {
        let connecting = async {
            if self.forbids(asker, host) {
                return Err(Trouble::Private);
            }
            if let Some(parent) = self.parent.as_ref().filter(|parent| parent.serves(host, port)) {
                return parent.tunnel(host, port).await.map_err(|error| Trouble::Unreachable(error.to_string()));
            }
            let addresses = match literal(host) {
                Some(address) => vec![SocketAddr::new(address, port)],
                None => resolve(host, port, asker, &self.destinations).await.map_err(|error| match error {
                    ResolveError::Unknown(error) => Trouble::Name(error.to_string()),
                    ResolveError::Private => Trouble::Private,
                })?,
            };
            let stream = tokio::net::TcpStream::connect(&addresses[..]).await;
            stream.map_err(|error| Trouble::Unreachable(error.to_string()))
        };
        tokio::time::timeout(self.connect_time, connecting).await.unwrap_or(Err(Trouble::Silent))
    }

    /// Whether a host may not be reached by its very name or address; other names are looked at once they are resolved.
    fn forbids(&self, asker: Asker, host: &str) -> bool {
        let is_own_name = host == "localhost" || host.ends_with(".localhost");
        asker != Asker::Here && is_own_name
            || literal(host).is_some_and(|address| self.destinations.forbids(asker, address))
    }
}

enum Versions {
    Both,
    Http1,
}

fn connections(
    settings: &ProxySettings,
    tls: &ClientConfig,
    parent: Option<&Arc<Parent>>,
    resolver: Resolver,
    versions: Versions,
) -> Connections {
    let mut http = HttpConnector::new_with_resolver(resolver);
    http.enforce_http(false);
    http.set_nodelay(true);
    http.set_connect_timeout(Some(settings.connect_time()));
    let link = Connector { direct: http, parent: parent.cloned(), time: settings.connect_time() };
    let connector = hyper_rustls::HttpsConnectorBuilder::new().with_tls_config(tls.clone()).https_or_http();
    let connector = match versions {
        Versions::Both => connector.enable_all_versions().wrap_connector(link),
        Versions::Http1 => connector.enable_http1().wrap_connector(link),
    };
    Client::builder(TokioExecutor::new())
        .timer(TokioTimer::new())
        .pool_timer(TokioTimer::new())
        .pool_idle_timeout(settings.idle_time())
        .pool_max_idle_per_host(16)
        .http1_max_headers(super::MOST_FIELDS)
        .http2_max_header_list_size(super::MOST_FIELD_BYTES)
        .http2_keep_alive_interval(settings.idle_time())
        .build(connector)
}

/// TLS to others, with the trust that the system has and that is configured.
pub(crate) fn tls(settings: &ProxySettings) -> Result<ClientConfig, GateError> {
    let mut roots = RootCertStore::empty();
    let found = rustls_native_certs::load_native_certs();
    let (added, _) = roots.add_parsable_certificates(found.certs);
    for error in &found.errors {
        tracing::warn!(%error, "some of the system's certificate authorities could not be read");
    }
    for path in &settings.trust {
        let wrong =
            |why: String| GateError::Setting { key: "proxy.trust", why: format!("`{}`: {why}", path.display()) };
        let certificates = CertificateDer::pem_file_iter(path).map_err(|error| wrong(error.to_string()))?;
        for certificate in certificates {
            let certificate = certificate.map_err(|error| wrong(error.to_string()))?;
            roots.add(certificate).map_err(|error| wrong(error.to_string()))?;
        }
    }
    if added == 0 && settings.trust.is_empty() {
        tracing::warn!(
            "this system trusts no certificate authority, so no site can be reached over TLS; install `ca-certificates` or set `proxy.trust`"
        );
    }
    let config = ClientConfig::builder_with_provider(provider())
        .with_safe_default_protocol_versions()
        .map_err(|error| GateError::Tls(error.to_string()))?;
    Ok(config.with_root_certificates(roots).with_no_client_auth())
}

/// The address in a host that is one.
fn literal(host: &str) -> Option<IpAddr> {
    host.trim_start_matches('[').trim_end_matches(']').parse().ok()
}

/// Resolves names, and forgets addresses that the asker may not reach: after resolving, so that no name can lead there.
#[derive(Clone)]
pub(super) struct Resolver {
    asker: Asker,
    destinations: Arc<Destinations>,
}

#[derive(Debug)]
enum ResolveError {
    Unknown(io::Error),
    Private,
}

impl fmt::Display for ResolveError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Unknown(error) => write!(f, "{error}"),
            Self::Private => f.write_str("the name resolves to a forbidden address"),
        }
    }
}

impl std::error::Error for ResolveError {}

impl Service<Name> for Resolver {
    type Response = std::vec::IntoIter<SocketAddr>;
    type Error = Box<dyn std::error::Error + Send + Sync>;
    type Future = Pin<Box<dyn Future<Output = Result<Self::Response, Self::Error>> + Send>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Self::Error>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, name: Name) -> Self::Future {
        let Self { asker, destinations } = self.clone();
        Box::pin(async move { Ok(resolve(name.as_str(), 0, asker, &destinations).await?.into_iter()) })
    }
}

async fn resolve(
    host: &str,
    port: u16,
    asker: Asker,
    destinations: &Destinations,
) -> Result<Vec<SocketAddr>, ResolveError> {
    let found: Vec<_> = tokio::net::lookup_host((host, port)).await.map_err(ResolveError::Unknown)?.collect();
    let allowed: Vec<_> = found.iter().copied().filter(|found| !destinations.forbids(asker, found.ip())).collect();
    if allowed.is_empty() && !found.is_empty() { Err(ResolveError::Private) } else { Ok(allowed) }
}

/// What to tell about a request without an answer.
fn trouble(error: &Error) -> Trouble {
    let mut cause: Option<&(dyn std::error::Error + 'static)> = Some(error);
    while let Some(here) = cause {
        if let Some(resolve) = here.downcast_ref::<ResolveError>() {
            return match resolve {
                ResolveError::Private => Trouble::Private,
                ResolveError::Unknown(error) => Trouble::Name(error.to_string()),
            };
        }
        if let Some(tls) = here.downcast_ref::<rustls::Error>() {
            return match tls {
                rustls::Error::InvalidCertificate(why) => Trouble::Certificate(certificate(why)),
                other => Trouble::Protocol(other.to_string()),
            };
        }
        let io = here.downcast_ref::<io::Error>();
        if io.is_some_and(|error| error.kind() == io::ErrorKind::TimedOut) {
            return Trouble::Silent;
        }
        // An I/O error passes over the error that it wraps when asked for its source.
        cause = match io.and_then(io::Error::get_ref) {
            Some(wrapped) => Some(wrapped),
            None => here.source(),
        };
    }
    let text = desk::describe(error);
    if error.is_connect() { Trouble::Unreachable(text) } else { Trouble::Protocol(text) }
}

/// What is wrong with a certificate, for people.
fn certificate(why: &rustls::CertificateError) -> String {
    use rustls::CertificateError as Wrong;
    match why {
        Wrong::Expired | Wrong::ExpiredContext { .. } => "it has expired".to_owned(),
        Wrong::NotValidYet | Wrong::NotValidYetContext { .. } => "it is not valid yet".to_owned(),
        Wrong::NotValidForName | Wrong::NotValidForNameContext { .. } => "it was issued for another name".to_owned(),
        Wrong::UnknownIssuer => "its issuer is not trusted".to_owned(),
        Wrong::Revoked => "it was revoked".to_owned(),
        other => other.to_string(),
    }
}
