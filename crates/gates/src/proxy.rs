//! The web proxy (RFC 9110, RFC 9112, RFC 9113): HTTP forwarded, `CONNECT` opened up with certificates of its own, every
//! answer inspected before it is handed over.
//!
//! There is no way around: what a client sends into a tunnel is TLS or HTTP and is inspected, or the host is one that
//! the administrator bypasses, or the tunnel is closed.

mod answer;
mod authority;
mod body;
mod connection;
mod connector;
mod destinations;
mod fields;
mod helper;
mod negotiate;
mod pac;
mod passing;
mod place;
mod prefixed;
mod ranged;
mod requests;
mod tunnel;
mod upload;
mod upstream;
mod waiting;
mod who;

pub use authority::{
    Authority, AuthorityCertificate, AuthorityFolder, AuthorityRole, KeyKind, KeyProbe, SIGNER_ARGUMENT, signer_main,
};
pub(crate) use body::{Body, full};
pub use negotiate::{NEGOTIATE_ARGUMENT, negotiate_main};
pub(crate) use upstream::{Asker, Upstream, tls};

use crate::accept::{self, Bounds, Held, closed};
use crate::exchange::{normal_host, text};
use crate::network::Networks;
use crate::patient::Patient;
use crate::refusal::{Page, Trouble, public_address};
use crate::settings::{ProxySettings, of_one_address};
use crate::{Accounts, Desk, Exchange, GateError, Wants};
use destinations::Ports;
use fields::Via;
use http::header::{ACCEPT_ENCODING, CONNECTION, TE, UPGRADE};
use http::{HeaderMap, HeaderValue, Method, Request, Response, StatusCode, Uri};
use hyper::body::Incoming;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use lazaret_model::{Crowd, Gate, Introduction};
use negotiate::Negotiator;
use place::{Place, Tunnel, absolute, same_origin};
use ranged::Wish;
use requests::Requests;
use std::convert::Infallible;
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;
use upload::Sent;
use waiting::Waiting;

/// How long a client may take to send a request's head.
const HEAD_TIME: Duration = Duration::from_secs(30);
/// Header fields of one message.
pub(crate) const MOST_FIELDS: usize = 500;
/// Bytes of the fields of a request or an answer, as HTTP/2 counts them (RFC 9113, 6.5.2).
pub(crate) const MOST_FIELD_BYTES: u32 = 64 << 10;
/// What an address that holds as many connections as it may is told.
const FULL: &str = "HTTP/1.1 503 Service Unavailable\r\nRetry-After: 10\r\nConnection: close\r\nContent-Type: text/plain\r\n\
                    Content-Length: 65\r\n\r\ntoo many connections from your address; close some and try again\n";
/// Bytes of a connection that are read ahead where an address has many of them.
const FEW_BYTES: usize = 64 << 10;
/// Requests of one HTTP/2 connection at once (RFC 9113, 6.5.2: not fewer than 100).
const STREAMS: u32 = 100;
/// Bytes that may be on the way to us on an HTTP/2 connection, and on one where an address has many of them (RFC 9113, 6.9.2:
/// the smaller is the smallest there is).
const WINDOW: u32 = 1 << 20;
const SMALL_WINDOW: u32 = 65_535;
/// How many times `proxy.idle_seconds` an HTTP/2 connection may have no request.
const IDLE_TIMES: u32 = 5;
/// What is said to whoever asks for a port that is not the web's.
const PORT: Trouble = Trouble::Request("this port is not allowed; the administrator can add it to `proxy.ports`");

/// The proxy.
pub struct Proxy {
    desk: Arc<Desk>,
    authority: Arc<Authority>,
    settings: ProxySettings,
    upstream: Upstream,
    /// The console, whose answers are ours.
    own: Option<Own>,
    accounts: Arc<dyn Accounts>,
    negotiator: Option<Negotiator>,
    waiting: Waiting,
    via: Via,
    ports: Ports,
    clients: Networks,
    balancers: Networks,
    crowd: Arc<Crowd>,
}

/// Where the console is, and what it is shown so that it believes for whom the proxy asks.
#[derive(Debug, Clone)]
pub struct Own {
    /// Its address, of which scheme, host and port count.
    pub address: Uri,
    /// What only the two of them know.
    pub secret: String,
}

impl Proxy {
    /// A proxy that asks `desk` about every answer, but for those of its own console, which hands over what somebody
    /// approved; and `accounts` about people, where it is set to. Blocks until what opens Kerberos tickets is ready.
    ///
    /// # Errors
    /// When a setting cannot be used.
    pub fn new(
        desk: Arc<Desk>,
        authority: Arc<Authority>,
        settings: ProxySettings,
        own: Option<Own>,
        accounts: Arc<dyn Accounts>,
    ) -> Result<Self, GateError> {
        let mut direct = settings.clone();
        let host = own.as_ref().map(|own| &own.address);
        let host = host.and_then(|own| Some((normal_host(own.host()?), connector::port_of(own))));
        direct.upstream_except.extend(host.map(|(host, port)| format!("{host}:{port}")));
        let upstream = Upstream::new(&direct)?;
        let ports = Ports::of(&settings)?;
        let clients = Networks::parse("proxy.allowed_clients", &settings.allowed_clients)?;
        let balancers = Networks::parse("proxy.balancers", &settings.balancers)?;
        let negotiator = Negotiator::of(&settings)?;
        negotiator.as_ref().map_or(Ok(()), Negotiator::start)?;
        let (waiting, via) = (Waiting::default(), Via::new());
        let crowd = Crowd::new(of_one_address(settings.connections_an_address, settings.connections));
        Ok(Self {
            desk,
            authority,
            settings,
            upstream,
            own,
            accounts,
            negotiator,
            waiting,
            via,
            ports,
            clients,
            balancers,
            crowd,
        })
    }

    /// Looks at settings.
    ///
    /// # Errors
    /// When one cannot be used.
    pub fn check(settings: &ProxySettings) -> Result<(), GateError> {
        Ports::of(settings)?;
        Networks::parse("proxy.allowed_clients", &settings.allowed_clients)?;
        settings.constraints()?;
        settings.next_from()?;
        authority::check(settings)?;
        Negotiator::of(settings)?;
        Networks::parse("proxy.balancers", &settings.balancers)?;
        Upstream::new(settings).map(drop)
    }

    /// Serves until `closing` turns true; then no new connection is taken, and this returns when the last one is done.
    pub async fn serve(self: Arc<Self>, listener: TcpListener, closing: watch::Receiver<bool>) {
        let bounds = self.bounds(FULL, self.balancers.clone());
        accept::serve(listener, bounds, closing.clone(), move |stream, client, held| {
            let (proxy, closing) = (Arc::clone(&self), closing.clone());
            async move { proxy.client(stream, client, held, closing).await }
        })
        .await;
    }

    fn bounds(&self, full: &'static str, balancers: Networks) -> Bounds {
        Bounds {
            most: self.settings.connections,
            crowd: Arc::clone(&self.crowd),
            exempt: Networks::default(),
            balancers,
            full,
            key: "proxy.connections_an_address",
        }
    }

    /// Serves connections that the kernel redirected here, until `closing` turns true.
    pub async fn serve_redirected(self: Arc<Self>, listener: TcpListener, closing: watch::Receiver<bool>) {
        // They do not know that anybody but the site could answer. The kernel says whom they meant, and no balancer is between.
        let bounds = self.bounds("", Networks::default());
        accept::serve(listener, bounds, closing.clone(), move |stream, client, held| {
            let (proxy, closing) = (Arc::clone(&self), closing.clone());
            async move { proxy.redirected(stream, client, held, closing).await }
        })
        .await;
    }

    /// Whether a machine may ask at all.
    fn takes(&self, client: SocketAddr) -> bool {
        let taken = self.clients.has(client.ip());
        if !taken {
            tracing::info!(%client, "rejected a client outside `proxy.allowed_clients`");
        }
        taken
    }

    async fn client(
        self: Arc<Self>,
        stream: TcpStream,
        client: SocketAddr,
        held: Arc<Held>,
        closing: watch::Receiver<bool>,
    ) {
        if !self.takes(client) {
            return;
        }
        let place = Place::of(client, held);
        let stream = Patient::new(stream, self.settings.idle_time());
        self.http1(stream, place, closing).await;
    }

    /// Serves HTTP/1.1 on a stream.
    async fn http1<S>(self: Arc<Self>, stream: S, place: Place, closing: watch::Receiver<bool>)
    where
        S: tokio::io::AsyncRead + tokio::io::AsyncWrite + Unpin + Send + 'static,
    {
        let service = service_fn(|request| {
            let handled = Arc::clone(&self).handle(request, place.clone(), closing.clone());
            async move {
                // The version is that of this connection, whatever the site speaks: only so does a body say where it ends
                // (RFC 9110, 7.6.3; RFC 9112, 7.1).
                handled.await.map(|mut answer| {
                    *answer.version_mut() = http::Version::HTTP_11;
                    answer
                })
            }
        });
        let mut builder = hyper::server::conn::http1::Builder::new();
        builder.timer(TokioTimer::new()).header_read_timeout(HEAD_TIME).max_headers(MOST_FIELDS);
        if !place.held.is_roomy() {
            builder.max_buf_size(FEW_BYTES);
        }
        let connection = builder.serve_connection(TokioIo::new(stream), service).with_upgrades();
        tokio::pin!(connection);
        let result = tokio::select! {
            result = connection.as_mut() => result,
            () = closed(closing.clone()) => {
                connection.as_mut().graceful_shutdown();
                connection.await
            }
        };
        if let Err(error) = result {
            tracing::debug!(client = %place.client, error = %crate::desk::describe(&error), "a connection ended");
        }
    }

    /// Serves HTTP/2 on a stream that negotiated it.
    async fn http2<S>(self: Arc<Self>, stream: S, place: Place, closing: watch::Receiver<bool>)
    where
        S: tokio::io::AsyncRead + tokio::io::AsyncWrite + Unpin + Send + 'static,
    {
        let requests = Requests::default();
        let service = service_fn(|request| {
            let under_way = requests.begin();
            let handled = Arc::clone(&self).handle(request, place.clone(), closing.clone());
            async move {
                let answer = handled.await;
                drop(under_way);
                answer
            }
        });
        let window = if place.held.is_roomy() { WINDOW } else { SMALL_WINDOW };
        let connection = hyper::server::conn::http2::Builder::new(hyper_util::rt::TokioExecutor::new())
            .timer(TokioTimer::new())
            .keep_alive_interval(self.settings.idle_time())
            .max_concurrent_streams(STREAMS)
            .initial_stream_window_size(window)
            .initial_connection_window_size(window)
            .max_header_list_size(MOST_FIELD_BYTES)
            .serve_connection(TokioIo::new(stream), service);
        tokio::pin!(connection);
        let result = tokio::select! {
            result = connection.as_mut() => result,
            () = closed(closing.clone()) => {
                connection.as_mut().graceful_shutdown();
                connection.await
            }
            // A tunnel that nobody uses keeps no place: whoever comes back opens another.
            () = requests.cease(self.settings.idle_time() * IDLE_TIMES) => {
                connection.as_mut().graceful_shutdown();
                connection.await
            }
        };
        if let Err(error) = result {
            tracing::debug!(client = %place.client, error = %crate::desk::describe(&error), "a connection ended");
        }
    }

    async fn handle(
        self: Arc<Self>,
        request: Request<Incoming>,
        place: Place,
        closing: watch::Receiver<bool>,
    ) -> Result<Response<Body>, Infallible> {
        let mut place = place;
        if let Some(file) = pac::answer(&request).filter(|_| place.tunnel.is_none()) {
            return Ok(file);
        }
        if let Err(unknown) = self.known(&request, &mut place).await {
            return Ok(unknown);
        }
        if request.method() == Method::CONNECT {
            return Ok(self.connect(request, place, closing));
        }
        let (wants, languages) = (wanted(&request, place.client.ip()), text(request.headers(), "accept-language"));
        let address = absolute(&request, &place);
        let answer = match address {
            Ok(uri) => {
                let answer = self.forward(request, uri.clone(), &place, closing).await;
                answer.map_err(|trouble| (trouble, public_address(&uri)))
            }
            Err(trouble) => Err((trouble, request.uri().path().to_owned())),
        };
        Ok(answer.unwrap_or_else(|(trouble, address)| {
            tracing::info!(client = %place.client, %address, ?trouble, "no answer");
            let page = self.desk.pages().trouble(&trouble, &address, wants, &languages);
            answer_with(StatusCode::from_u16(trouble.status()).unwrap_or(StatusCode::BAD_GATEWAY), page)
        }))
    }

    async fn forward(
        self: &Arc<Self>,
        request: Request<Incoming>,
        uri: Uri,
        place: &Place,
        closing: watch::Receiver<bool>,
    ) -> Result<Response<Body>, Trouble> {
        if self.via.loops(request.headers()) {
            return Err(Trouble::Loop);
        }
        let own = self.own.as_ref().filter(|own| same_origin(&own.address, &uri));
        if own.is_none() && !self.ports.has(connector::port_of(&uri)) {
            return Err(PORT);
        }
        let asker = match place.asker() {
            Asker::Elsewhere if own.is_some() => Asker::Console,
            asker => asker,
        };
        let websocket = upgrade_of(request.headers()).is_some_and(|token| token.eq_ignore_ascii_case("websocket"));
        let (client, method) = (place.client.ip(), request.method().clone());
        let mut exchange = Exchange::of(Gate::Proxy, Some(client), method, uri.clone(), request.headers());
        exchange.person.clone_from(&place.person);
        self.desk.directory().complete(&mut exchange);
        // Whom an incident holds can still ask the console.
        let refusal = if own.is_some() { self.desk.site_forbids(&exchange) } else { self.desk.forbids(&exchange) };
        if let Some(refusal) = refusal {
            return Ok(answer::refused(&self.desk, &refusal, &exchange).await);
        }
        if websocket {
            return tunnel::websocket(self, request, exchange, asker, (Arc::clone(&place.held), closing)).await;
        }
        let mut wish = Wish::of(&exchange, request.headers());
        let left = wish.key.as_ref().and_then(|key| self.waiting.take(key));
        if let Some(work) = left.filter(|work| work.is_current(&self.desk)) {
            return answer::settled(self, work, wish.key).await;
        }
        let streams = fields::wants_stream(request.headers());
        let speaks_grpc = fields::is_grpc(request.headers());
        let (mut head, body) = request.into_parts();
        let body = if own.is_some() {
            body::idle_bounded(body, self.settings.idle_time())
        } else {
            match upload::inspected(self, &exchange, &head.headers, body).await? {
                Sent::Body(body) => body,
                Sent::Refused(refusal, exchange) => return Ok(answer::refused(&self.desk, &refusal, &exchange).await),
            }
        };
        fields::outbound(&mut head.headers, &self.via);
        if streams {
            // A stream that is packed could only be looked at when it ends.
            head.headers.insert(ACCEPT_ENCODING, HeaderValue::from_static("identity"));
        }
        if speaks_grpc {
            // gRPC over HTTP/2, "Requests": by this it is seen that nothing between loses the fields at the end.
            head.headers.insert(TE, HeaderValue::from_static("trailers"));
        }
        if let Some(own) = own {
            own.introduce(&exchange, &mut head.headers);
        }
        wish.remember(&uri, &head.headers, asker);
        let found = if own.is_none() { wish.copy(self, &exchange) } else { None };
        let copy = match found {
            Some(fresh) if fresh.1.is_fresh_for(&exchange) && wish.means(&fresh.1) => {
                wish.with_conditions(&head.headers);
                return ranged::from_copy(self, exchange, fresh, wish).await;
            }
            Some(copy) => {
                wish.ask_about(&copy.1, &mut head.headers);
                Some(copy)
            }
            None => None,
        };
        let mut outbound = Request::new(body);
        *outbound.method_mut() = head.method;
        *outbound.uri_mut() = uri;
        *outbound.headers_mut() = head.headers;
        let answer = self.upstream.send(outbound, asker, false).await?;
        if own.is_some() {
            return Ok(answer::passed(self, answer));
        }
        match copy {
            Some((key, copy)) if answer.status() == StatusCode::NOT_MODIFIED => {
                self.desk.copies().confirm(&key);
                ranged::from_copy(self, exchange, (key, copy), wish).await
            }
            _ => answer::inspected(self, exchange, answer, wish).await,
        }
    }
}

impl Own {
    /// Says for whom the proxy asks.
    fn introduce(&self, exchange: &Exchange, headers: &mut HeaderMap) {
        let Some(client) = exchange.client else { return };
        let who = Introduction { client, person: exchange.person.clone() };
        // Whatever the client said about it is gone.
        headers.remove(Introduction::FIELD);
        // RFC 9110, 9.3.8: what stands before the console may send all of it back, and the secret is nobody's to read.
        if exchange.method == Method::TRACE {
            return;
        }
        if let Ok(mut told) = HeaderValue::from_bytes(who.told(&self.secret).as_bytes()) {
            told.set_sensitive(true);
            headers.insert(Introduction::FIELD, told);
        }
    }
}

/// The protocol that a request wants to change to.
fn upgrade_of(headers: &HeaderMap) -> Option<String> {
    let asked = text(headers, CONNECTION.as_str()).split(',').any(|token| token.trim() == "upgrade");
    asked.then(|| text(headers, UPGRADE.as_str())).filter(|token| !token.is_empty())
}

fn wanted(request: &Request<Incoming>, client: IpAddr) -> Wants {
    Exchange::of(Gate::Proxy, Some(client), Method::GET, Uri::default(), request.headers()).wants
}

/// An answer of our own.
fn answer_with(status: StatusCode, page: Page) -> Response<Body> {
    let headers = page.headers();
    let mut answer = Response::new(full(page.body));
    *answer.status_mut() = status;
    *answer.headers_mut() = headers;
    answer
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_proxy_introduces_and_the_secret_is_not_where_it_could_come_back() {
        let own = Own { address: Uri::from_static("http://console.example/"), secret: "secret".to_owned() };
        let client = IpAddr::from([192, 0, 2, 7]);
        let forged = Introduction { client: IpAddr::from([192, 0, 2, 9]), person: Some("ada".to_owned()) };
        for method in [Method::GET, Method::POST, Method::TRACE] {
            let mut headers = HeaderMap::new();
            for said in [forged.told("secret"), forged.told("guess")] {
                headers.append(Introduction::FIELD, said.parse().unwrap());
            }
            let exchange =
                Exchange::of(Gate::Proxy, Some(client), method.clone(), own.address.clone(), &HeaderMap::new());
            own.introduce(&exchange, &mut headers);
            let told: Vec<_> = headers.get_all(Introduction::FIELD).iter().collect();
            let heard = told.first().and_then(|told| Introduction::heard(told.as_bytes(), "secret"));
            let expected = (method != Method::TRACE).then_some(Introduction { client, person: None });
            assert_eq!((told.len(), &heard), (usize::from(expected.is_some()), &expected), "{method}");
        }
    }
}
