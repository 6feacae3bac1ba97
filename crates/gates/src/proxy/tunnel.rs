//! What happens inside `CONNECT` and after a change of protocol.

use super::body::{Body, full};
use super::connection::WEBSOCKET;
use super::prefixed::Prefixed;
use super::ranged::Wish;
use super::upstream::Asker;
use super::{Place, Proxy, Tunnel, answer_with, fields};
use crate::accept::{Held, closed};
use crate::distrust::alert_of;
use crate::exchange::{normal_host, text};
use crate::patient::Patient;
use crate::refusal::Trouble;
use crate::{Exchange, Wants};
use bytes::{Bytes, BytesMut};
use data_encoding::BASE64;
use http::header::{CONNECTION, SEC_WEBSOCKET_ACCEPT, SEC_WEBSOCKET_KEY, SEC_WEBSOCKET_VERSION, UPGRADE, USER_AGENT};
use http::uri::Scheme;
use http::{HeaderValue, Method, Request, Response, StatusCode, Version};
use hyper::body::Incoming;
use hyper_util::rt::TokioIo;
use sha1::{Digest as _, Sha1};
use std::future::Future;
use std::io;
use std::net::SocketAddr;
use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::sync::watch;
use tokio_rustls::LazyConfigAcceptor;

/// How long a client may take to say what it speaks inside a tunnel, and to agree on TLS.
const GREETING_TIME: Duration = Duration::from_secs(20);
/// Bytes of a greeting that are looked at together, so that one that is no HTTP is seen to be none at once.
const GREETING: usize = 1 << 10;
/// Bytes of a TLS greeting.
const MOST_GREETING: usize = 32 << 10;
/// A fatal alert: the name is not one of ours (RFC 8446, 5.1 and 6.2; RFC 6066, 3).
const UNRECOGNIZED_NAME: [u8; 7] = [21, 3, 3, 0, 2, 2, 112];
/// Characters of what a program calls itself.
const MOST_AGENT: usize = 200;
/// Bytes copied at a time through what is not inspected.
const CHUNK: usize = 32 << 10;

impl Proxy {
    /// Answers `CONNECT` (RFC 9110, 9.3.6): the tunnel leads to us.
    pub(super) fn connect(
        self: Arc<Self>,
        request: Request<Incoming>,
        place: Place,
        closing: watch::Receiver<bool>,
    ) -> Response<Body> {
        let refuse = |trouble: &Trouble| {
            let address = request.uri().to_string();
            tracing::info!(client = %place.client, %address, ?trouble, "no tunnel");
            let languages = text(request.headers(), "accept-language");
            let page = self.desk.pages().trouble(trouble, &address, Wants::Text, &languages);
            answer_with(StatusCode::from_u16(trouble.status()).unwrap_or(StatusCode::BAD_REQUEST), page)
        };
        if place.tunnel.is_some() {
            return refuse(&Trouble::Request("a tunnel is already open"));
        }
        let authority = request.uri().authority();
        let Some((host, port)) = authority.and_then(|a| Some((normal_host(a.host()), a.port_u16()?))) else {
            return refuse(&Trouble::Request("CONNECT needs a host and a port"));
        };
        if host.is_empty() || port == 0 {
            return refuse(&Trouble::Request("CONNECT needs a host and a port"));
        }
        let agent = request.headers().get(USER_AGENT).map(|agent| agent_text(agent.as_bytes())).unwrap_or_default();
        let tunnel = Tunnel { scheme: Scheme::HTTPS, host, port, redirected: false, agent };
        // Boxed, since what is inside comes back here.
        let inside: Pin<Box<dyn Future<Output = ()> + Send>> = Box::pin(async move {
            match hyper::upgrade::on(request).await {
                Ok(upgraded) => self.inside(TokioIo::new(upgraded), place, tunnel, closing).await,
                Err(error) => tracing::debug!(client = %place.client, %error, "no tunnel"),
            }
        });
        tokio::spawn(inside);
        Response::new(full(Bytes::new()))
    }

    /// A connection that the kernel redirected here, which was meant for another address.
    pub(super) async fn redirected(
        self: Arc<Self>,
        stream: TcpStream,
        client: SocketAddr,
        held: Arc<Held>,
        closing: watch::Receiver<bool>,
    ) {
        if !self.takes(client) {
            return;
        }
        let Some(meant) = meant(&stream) else {
            return tracing::warn!(
                %client,
                "a connection to `proxy.transparent` was not redirected by the kernel and is closed"
            );
        };
        let place = Place::of(client, held);
        let host = normal_host(&meant.ip().to_canonical().to_string());
        let agent = String::new();
        let tunnel = Tunnel { scheme: Scheme::HTTPS, host, port: meant.port(), redirected: true, agent };
        let stream = Patient::new(stream, self.settings.idle_time());
        self.inside(stream, place, tunnel, closing).await;
    }

    async fn inside<S>(self: Arc<Self>, mut stream: S, place: Place, tunnel: Tunnel, closing: watch::Receiver<bool>)
    where
        S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
    {
        let address = format!("{}:{}", tunnel.host, tunnel.port);
        let (client, person) = (place.client.ip(), place.person.as_deref());
        if self.bypasses(client, person, &tunnel.host, tunnel.port).await {
            return self.pass(stream, &place, &tunnel.host, tunnel.port, closing).await;
        }
        let mut first = BytesMut::with_capacity(GREETING);
        // One byte tells TLS from HTTP; whoever sends nothing waits for a server that speaks first, and is not one of ours.
        match tokio::time::timeout(GREETING_TIME, stream.read_buf(&mut first)).await {
            Ok(Ok(n)) if n > 0 => {}
            _ => return tracing::info!(client = %place.client, %address, "an idle tunnel was closed"),
        }
        if first.first() == Some(&22) {
            let mut host = tunnel.host.clone();
            // A bare address says nothing; the name in the greeting does. Whoever is passed reaches the site of that name, and
            // not whatever is at the address.
            if host.parse::<std::net::IpAddr>().is_ok()
                && let Some(name) = server_name(&mut stream, &mut first).await
            {
                if self.bypasses(client, person, &name, tunnel.port).await {
                    return self.pass(Prefixed::new(first.freeze(), stream), &place, &name, tunnel.port, closing).await;
                }
                host = name;
            }
            if !self.authority.vouches(&host) {
                return self.outside(stream, first, &place, (&host, tunnel.port), closing).await;
            }
        }
        let opening = first.first().copied().unwrap_or_default();
        let stream = Prefixed::new(first.freeze(), stream);
        match opening {
            // RFC 8446, 5.1: a handshake record.
            22 => self.tls(stream, place, tunnel, closing).await,
            // RFC 9110, 9.1: methods are upper-case letters.
            b'A'..=b'Z' => {
                let tunnel = Tunnel { scheme: Scheme::HTTP, ..tunnel };
                self.http1(stream, Place { tunnel: Some(tunnel), ..place }, closing).await;
            }
            _ => tracing::warn!(
                client = %place.client, %address, byte = opening,
                "a tunnel carried neither TLS nor HTTP and was closed; to allow a host uninspected, use `proxy.bypass`"
            ),
        }
    }

    /// Passes what a site and a client say to each other, unseen.
    async fn pass<S>(&self, stream: S, place: &Place, host: &str, port: u16, closing: watch::Receiver<bool>)
    where
        S: AsyncRead + AsyncWrite + Unpin,
    {
        if !self.ports.has(port) {
            return tracing::info!(client = %place.client, %host, port, trouble = ?super::PORT, "no tunnel");
        }
        match self.upstream.tunnel(host, port, place.asker()).await {
            Ok(site) => {
                tracing::info!(client = %place.client, %host, port, "bypassed: passed without inspection");
                both_ways(stream, site, self.settings.idle_time(), closing).await;
            }
            Err(trouble) => tracing::info!(client = %place.client, %host, port, ?trouble, "no tunnel"),
        }
    }

    /// A TLS connection to a host for which the authority may not vouch: nobody would take the certificate.
    async fn outside<S>(
        &self,
        mut stream: S,
        mut first: BytesMut,
        place: &Place,
        (host, port): (&str, u16),
        closing: watch::Receiver<bool>,
    ) where
        S: AsyncRead + AsyncWrite + Unpin,
    {
        if self.passes_outside(place.client.ip(), place.person.as_deref(), host, port).await {
            return self.pass(Prefixed::new(first.freeze(), stream), place, host, port, closing).await;
        }
        // Whoever has not said everything might not hear the answer.
        let _ = server_name(&mut stream, &mut first).await;
        let _ = stream.write_all(&UNRECOGNIZED_NAME).await;
        let _ = stream.shutdown().await;
    }

    async fn tls<S>(self: Arc<Self>, stream: S, place: Place, mut tunnel: Tunnel, closing: watch::Receiver<bool>)
    where
        S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
    {
        let client = place.client;
        let mut greeted = false;
        let greeting = async {
            let start = LazyConfigAcceptor::new(rustls::server::Acceptor::default(), stream).await?;
            // A tunnel to a bare address: the name inside says which site is meant, and the certificate will be checked
            // against that name.
            if let Some(name) = start.client_hello().server_name()
                && tunnel.host.parse::<std::net::IpAddr>().is_ok()
            {
                tunnel.host = normal_host(name);
            }
            let config = self.authority.serve_as(&tunnel.host).await.map_err(io::Error::other)?;
            greeted = true;
            start.into_stream(config).await
        };
        let stream = match tokio::time::timeout(GREETING_TIME, greeting).await {
            Ok(Ok(stream)) => stream,
            Ok(Err(error)) => {
                let Some(alert) = alert_of(&error).filter(|_| greeted) else {
                    return tracing::info!(%client, host = %tunnel.host, %error, "TLS with the client failed");
                };
                if self.desk.distrusted(&tunnel.host, client.ip().to_canonical(), &tunnel.agent, alert) {
                    tracing::warn!(
                        %client, host = %tunnel.host, agent = %tunnel.agent, alert,
                        "a client rejects the certificate issued for a host; have it trust this proxy's certificate \
                            authority, or bypass the host (the console's page /sites/refusals, or `proxy.bypass`)"
                    );
                }
                return;
            }
            Err(_) => {
                return tracing::info!(%client, host = %tunnel.host, "the client did not finish its TLS handshake");
            }
        };
        let http2 = stream.get_ref().1.alpn_protocol() == Some(b"h2");
        let place = Place { tunnel: Some(tunnel), ..place };
        if http2 {
            self.http2(stream, place, closing).await;
        } else {
            self.http1(stream, place, closing).await;
        }
    }
}

/// What a program calls itself, its beginning, for people.
fn agent_text(field: &[u8]) -> String {
    lazaret_model::plain(&String::from_utf8_lossy(field).chars().take(MOST_AGENT).collect::<String>())
}

/// The name in a TLS greeting (RFC 6066, 3), of which `first` has the beginning; what is read is added to it.
async fn server_name<S: AsyncRead + Unpin>(stream: &mut S, first: &mut BytesMut) -> Option<String> {
    tokio::time::timeout(GREETING_TIME, read_name(stream, first)).await.ok().flatten()
}

/// A greeting with a post-quantum key share is larger than a packet: it comes in pieces, of which each is looked at once.
async fn read_name<S: AsyncRead + Unpin>(stream: &mut S, first: &mut BytesMut) -> Option<String> {
    let mut acceptor = rustls::server::Acceptor::default();
    let mut looked_at = 0;
    loop {
        let mut unread = first.get(looked_at..).unwrap_or_default();
        while !unread.is_empty() {
            acceptor.read_tls(&mut unread).ok()?;
            match acceptor.accept() {
                Ok(Some(accepted)) => return accepted.client_hello().server_name().map(normal_host),
                Ok(None) => {}
                Err(_) => return None,
            }
        }
        looked_at = first.len();
        if looked_at > MOST_GREETING || stream.read_buf(first).await.ok()? == 0 {
            return None;
        }
    }
}

/// The address that a redirected connection was meant for.
fn meant(stream: &TcpStream) -> Option<SocketAddr> {
    let socket = socket2::SockRef::from(stream);
    let own = stream.local_addr().ok()?;
    let original = if own.ip().to_canonical().is_ipv4() { socket.original_dst_v4() } else { socket.original_dst_v6() };
    original.ok()?.as_socket().filter(|meant| *meant != own)
}

/// Passes a WebSocket connection (RFC 6455, 4): the handshake is HTTP, the messages are not inspected. It keeps the place of the
/// connection that it came by until it is time to close.
pub(super) async fn websocket(
    proxy: &Arc<Proxy>,
    mut request: Request<Incoming>,
    exchange: Exchange,
    asker: Asker,
    (held, closing): (Arc<Held>, watch::Receiver<bool>),
) -> Result<Response<Body>, Trouble> {
    if !proxy.settings.websockets {
        return Err(Trouble::WebSocket);
    }
    // The opening of RFC 6455, 4.1: whoever cannot speak that far wants a tunnel for something else.
    let headers = request.headers();
    let key = text(headers, SEC_WEBSOCKET_KEY.as_str());
    let opens = request.method() == Method::GET
        && text(headers, SEC_WEBSOCKET_VERSION.as_str()) == "13"
        && key.len() == 24
        && key.ends_with("==");
    if !opens {
        return Err(Trouble::Request("not a WebSocket handshake"));
    }
    let accept = headers.get(SEC_WEBSOCKET_KEY).map(|key| accepted(key.as_bytes()));
    if let Err(refusal) = proxy.desk.connect(&exchange, WEBSOCKET).await {
        return Ok(super::answer::refused(&proxy.desk, &refusal, &exchange).await);
    }
    let token = headers.get(UPGRADE).cloned();
    let mut outbound = Request::new(full(Bytes::new()));
    *outbound.method_mut() = request.method().clone();
    *outbound.uri_mut() = exchange.uri.clone();
    *outbound.version_mut() = Version::HTTP_11;
    *outbound.headers_mut() = request.headers().clone();
    fields::outbound(outbound.headers_mut(), &proxy.via);
    outbound.headers_mut().insert(CONNECTION, HeaderValue::from_static("upgrade"));
    if let Some(token) = token.clone() {
        outbound.headers_mut().insert(UPGRADE, token);
    }
    let mut answer = proxy.upstream.send(outbound, asker, true).await?;
    if answer.status() != StatusCode::SWITCHING_PROTOCOLS {
        return super::answer::inspected(proxy, exchange, answer, Wish::default()).await;
    }
    if !text(answer.headers(), UPGRADE.as_str()).eq_ignore_ascii_case("websocket")
        || answer.headers().get(SEC_WEBSOCKET_ACCEPT).map(HeaderValue::as_bytes) != accept.as_deref().map(str::as_bytes)
    {
        return Err(Trouble::Protocol("the site switched to a protocol other than WebSocket".to_owned()));
    }
    let site = hyper::upgrade::on(&mut answer);
    let client = hyper::upgrade::on(&mut request);
    let idle = proxy.settings.idle_time();
    tokio::spawn(async move {
        if let (Ok(client), Ok(site)) = (client.await, site.await) {
            both_ways(TokioIo::new(client), TokioIo::new(site), idle, closing).await;
        }
        drop(held);
    });
    let (mut head, _) = answer.into_parts();
    fields::inbound(&mut head.headers, &proxy.via);
    head.headers.insert(CONNECTION, HeaderValue::from_static("upgrade"));
    if let Some(token) = token {
        head.headers.insert(UPGRADE, token);
    }
    head.extensions.clear();
    Ok(Response::from_parts(head, full(Bytes::new())))
}

/// What a site shows that it read the key of an opening (RFC 6455, 4.2.2).
fn accepted(key: &[u8]) -> String {
    let hash = Sha1::new().chain_update(key).chain_update("258EAFA5-E914-47DA-95CA-C5AB0DC85B11").finalize();
    BASE64.encode(&hash)
}

/// Copies both ways until both sides are done, neither has said anything for a while, or it is time to close.
async fn both_ways<A, B>(one: A, other: B, idle: Duration, closing: watch::Receiver<bool>)
where
    A: AsyncRead + AsyncWrite + Unpin,
    B: AsyncRead + AsyncWrite + Unpin,
{
    let (mut one_in, mut one_out) = tokio::io::split(one);
    let (mut other_in, mut other_out) = tokio::io::split(other);
    let alive = tokio::sync::Notify::new();
    let there = copy(&mut one_in, &mut other_out, &alive);
    let back = copy(&mut other_in, &mut one_out, &alive);
    let silence = async { while tokio::time::timeout(idle, alive.notified()).await.is_ok() {} };
    tokio::select! {
        _ = async { tokio::join!(there, back) } => {}
        () = silence => {}
        () = closed(closing) => {}
    }
}

async fn copy<R: AsyncRead + Unpin, W: AsyncWrite + Unpin>(from: &mut R, to: &mut W, alive: &tokio::sync::Notify) {
    let mut buffer = vec![0; CHUNK];
    while let Ok(n @ 1..) = from.read(&mut buffer).await {
        alive.notify_one();
        if to.write_all(buffer.get(..n).unwrap_or_default()).await.is_err() {
            return;
        }
    }
    let _ = to.shutdown().await;
}

#[cfg(test)]
mod tests {
    use super::*;
    use rustls::crypto::aws_lc_rs::kx_group::X25519MLKEM768;
    use rustls::crypto::{CryptoProvider, aws_lc_rs};

    /// What a client that only does the post-quantum exchange says first.
    fn greeting(name: &str) -> Vec<u8> {
        let provider = CryptoProvider { kx_groups: vec![X25519MLKEM768], ..aws_lc_rs::default_provider() };
        let config = rustls::ClientConfig::builder_with_provider(Arc::new(provider))
            .with_safe_default_protocol_versions()
            .unwrap()
            .with_root_certificates(rustls::RootCertStore::empty())
            .with_no_client_auth();
        let name = rustls_pki_types::ServerName::try_from(name.to_owned()).unwrap();
        let mut connection = rustls::ClientConnection::new(Arc::new(config), name).unwrap();
        let mut greeting = Vec::new();
        connection.write_tls(&mut greeting).unwrap();
        assert!(greeting.len() > 1_216, "it has a key share of 1,216 bytes");
        greeting
    }

    #[tokio::test]
    async fn the_name_in_a_greeting_is_read_however_it_is_cut() {
        let greeting = greeting("bank.example");
        // The last comes byte by byte.
        for at_once in [greeting.len(), 1_400, 700, 100, 1] {
            let (mut client, mut ours) = tokio::io::duplex(at_once);
            let said = greeting.clone();
            let client = tokio::spawn(async move {
                client.write_all(&said).await.unwrap();
                client
            });
            let mut first = BytesMut::with_capacity(GREETING);
            ours.read_buf(&mut first).await.unwrap();
            let name = server_name(&mut ours, &mut first).await;
            assert_eq!(name.as_deref(), Some("bank.example"), "{at_once} bytes at once");
            assert_eq!(first, greeting, "what was read ahead is still to be passed on");
            drop(client.await.unwrap());
        }
    }

    #[tokio::test]
    async fn a_greeting_that_breaks_off_or_is_none_has_no_name() {
        let whole = greeting("bank.example");
        for said in [&whole[..whole.len() - 1], b"\x16\x03\x01\x00\x05hello"] {
            let mut first = BytesMut::from(said);
            assert_eq!(server_name(&mut tokio::io::empty(), &mut first).await, None);
        }
    }
}
