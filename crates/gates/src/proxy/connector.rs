//! How connections to sites are made: directly, or through another proxy (RFC 9110, 9.3.6 and 3.7).

use super::body::BoxError;
use super::upstream::Resolver;
use crate::GateError;
use crate::exchange::normal_host;
use crate::settings::{ProxySettings, names_host};
use data_encoding::BASE64;
use http::{HeaderValue, Uri};
use hyper::rt::{Read, ReadBuf, ReadBufCursor, Write};
use hyper_util::client::legacy::connect::{Connected, Connection, HttpConnector};
use hyper_util::rt::TokioIo;
use percent_encoding::percent_decode_str;
use std::future::Future;
use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};
use std::time::Duration;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tower_service::Service;

/// Bytes of the other proxy's answer to `CONNECT`.
const MOST_ANSWER: usize = 16 << 10;

/// Another proxy, through which sites are reached.
#[derive(Debug)]
pub(super) struct Parent {
    host: String,
    port: u16,
    credentials: Option<HeaderValue>,
    except: Vec<String>,
}

impl Parent {
    /// The proxy that is configured, if one is.
    ///
    /// # Errors
    /// When the setting is no address of a proxy.
    pub(super) fn of(settings: &ProxySettings) -> Result<Option<Self>, GateError> {
        if settings.upstream.is_empty() {
            return Ok(None);
        }
        let wrong = |why: &str| GateError::Setting { key: "proxy.upstream", why: why.to_owned() };
        let uri: Uri = settings.upstream.parse().map_err(|_| wrong("not a URL such as http://proxy.example:8080"))?;
        if uri.scheme_str() != Some("http") {
            return Err(wrong("only proxies at http:// URLs are supported"));
        }
        let host = uri.host().filter(|host| !host.is_empty()).ok_or_else(|| wrong("it does not name a host"))?;
        let authority = uri.authority().map_or("", |authority| authority.as_str());
        let credentials = match authority.rsplit_once('@') {
            Some((credentials, _)) => {
                let plain: Vec<u8> = percent_decode_str(credentials).collect();
                let field = HeaderValue::from_str(&format!("Basic {}", BASE64.encode(&plain)));
                let mut field = field.map_err(|_| wrong("its name and password cannot be sent"))?;
                field.set_sensitive(true);
                Some(field)
            }
            None => None,
        };
        let host = host.trim_start_matches('[').trim_end_matches(']').to_owned();
        Ok(Some(Self {
            host,
            port: uri.port_u16().unwrap_or(80),
            credentials,
            except: settings.upstream_except.clone(),
        }))
    }

    /// Whether a host is reached through it at a port.
    pub(super) fn serves(&self, host: &str, port: u16) -> bool {
        !names_host(&self.except, host) && !names_host(&self.except, &format!("{host}:{port}"))
    }

    /// What it must be shown.
    pub(super) fn credentials(&self) -> Option<HeaderValue> {
        self.credentials.clone()
    }

    async fn connect(&self) -> io::Result<TcpStream> {
        let stream = TcpStream::connect((self.host.as_str(), self.port)).await;
        let stream =
            stream.map_err(|error| io::Error::other(format!("the upstream proxy `{}`: {error}", self.host)))?;
        stream.set_nodelay(true)?;
        Ok(stream)
    }

    /// A connection to a host, through the proxy.
    pub(super) async fn tunnel(&self, host: &str, port: u16) -> io::Result<TcpStream> {
        let mut stream = self.connect().await?;
        let host = if host.contains(':') { format!("[{host}]") } else { host.to_owned() };
        let mut request = format!("CONNECT {host}:{port} HTTP/1.1\r\nHost: {host}:{port}\r\n").into_bytes();
        if let Some(credentials) = &self.credentials {
            request.extend_from_slice(b"Proxy-Authorization: ");
            request.extend_from_slice(credentials.as_bytes());
            request.extend_from_slice(b"\r\n");
        }
        request.extend_from_slice(b"\r\n");
        stream.write_all(&request).await?;
        let refused = |why: &str| io::Error::other(format!("the upstream proxy `{}` {why}", self.host));
        let mut answer = Vec::new();
        loop {
            if answer.len() >= MOST_ANSWER || stream.read_buf(&mut answer).await? == 0 {
                return Err(refused("gave no response"));
            }
            let mut fields = [httparse::EMPTY_HEADER; 64];
            let mut parsed = httparse::Response::new(&mut fields);
            match parsed.parse(&answer) {
                Ok(httparse::Status::Partial) => {}
                Ok(httparse::Status::Complete(len)) => match parsed.code {
                    // The site speaks only after the client did.
                    Some(200..=299) if len == answer.len() => return Ok(stream),
                    Some(200..=299) => return Err(refused("sent more than was requested")),
                    Some(407) => return Err(refused("requires a name and password (`proxy.upstream`)")),
                    code => return Err(refused(&format!("answered {}", code.unwrap_or_default()))),
                },
                Err(error) => return Err(refused(&format!("does not speak HTTP: {error}"))),
            }
        }
    }
}

/// Makes connections.
#[derive(Clone)]
pub(super) struct Connector {
    pub(super) direct: HttpConnector<Resolver>,
    pub(super) parent: Option<Arc<Parent>>,
    /// How long the other proxy may take.
    pub(super) time: Duration,
}

impl Service<Uri> for Connector {
    type Response = Link;
    type Error = BoxError;
    type Future = Pin<Box<dyn Future<Output = Result<Link, BoxError>> + Send>>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), BoxError>> {
        self.direct.poll_ready(cx).map_err(BoxError::from)
    }

    fn call(&mut self, uri: Uri) -> Self::Future {
        let host = normal_host(uri.host().unwrap_or_default());
        let secure = uri.scheme_str() == Some("https");
        let port = port_of(&uri);
        let parent = self.parent.clone().filter(|parent| parent.serves(&host, port));
        let Some(parent) = parent else {
            let connecting = self.direct.call(uri);
            return Box::pin(async move { Ok(Link::new(connecting.await?, false)) });
        };
        let time = self.time;
        Box::pin(async move {
            let connecting = async { if secure { parent.tunnel(&host, port).await } else { parent.connect().await } };
            let stream = tokio::time::timeout(time, connecting).await;
            let stream = stream.unwrap_or_else(|_| Err(io::ErrorKind::TimedOut.into()))?;
            Ok(Link::new(TokioIo::new(stream), !secure))
        })
    }
}

/// The port of an address, the usual one where it has none.
pub(super) fn port_of(uri: &Uri) -> u16 {
    uri.port_u16().unwrap_or(if uri.scheme_str() == Some("https") { 443 } else { 80 })
}

/// A connection to a site or to another proxy.
pub(super) struct Link {
    stream: TokioIo<TcpStream>,
    /// What is at the other end is a proxy, which is told whole addresses.
    absolute: bool,
    opening: Opening,
}

/// The first bytes from the other end. Old stations (SHOUTcast) begin their answer with `ICY 200 OK`, and are HTTP/1.0 otherwise.
enum Opening {
    /// So many first bytes are those of such an answer.
    Unsure(Vec<u8>),
    /// These are to be given first.
    Told(Vec<u8>),
    Over,
}

/// What such an answer begins with, and what stands for it.
const ICY: &[u8] = b"ICY ";
const ICY_MEANS: &[u8] = b"HTTP/1.0 ";

impl Link {
    fn new(stream: TokioIo<TcpStream>, absolute: bool) -> Self {
        Self { stream, absolute, opening: Opening::Unsure(Vec::new()) }
    }

    /// Reads the first bytes one by one, until it is clear what they begin.
    fn open(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        while let Opening::Unsure(read) = &mut self.opening {
            let mut byte = [0];
            let mut buffer = ReadBuf::new(&mut byte);
            ready!(Pin::new(&mut self.stream).poll_read(cx, buffer.unfilled()))?;
            let is_end = buffer.filled().is_empty();
            read.extend_from_slice(buffer.filled());
            self.opening = if read.as_slice() == ICY {
                Opening::Told(ICY_MEANS.to_vec())
            } else if is_end || !ICY.starts_with(read.as_slice()) {
                Opening::Told(std::mem::take(read))
            } else {
                continue;
            };
        }
        Poll::Ready(Ok(()))
    }
}

impl Connection for Link {
    fn connected(&self) -> Connected {
        self.stream.connected().proxy(self.absolute)
    }
}

impl Read for Link {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        mut buffer: ReadBufCursor<'_>,
    ) -> Poll<io::Result<()>> {
        ready!(self.open(cx))?;
        if let Opening::Told(bytes) = &mut self.opening {
            let (first, rest) = bytes.split_at(bytes.len().min(buffer.remaining()));
            buffer.put_slice(first);
            let rest = rest.to_vec();
            self.opening = if rest.is_empty() { Opening::Over } else { Opening::Told(rest) };
            return Poll::Ready(Ok(()));
        }
        Pin::new(&mut self.stream).poll_read(cx, buffer)
    }
}

impl Write for Link {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.stream).poll_write(cx, bytes)
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(cx)
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bytes: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.stream).poll_write_vectored(cx, bytes)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use tokio::net::TcpListener;

    #[tokio::test]
    async fn an_old_station_is_understood_and_nothing_else_is_changed() {
        for (sent, expected) in [
            (&["ICY 200 OK\r\nicy-metaint: 16000\r\n\r\n"][..], "HTTP/1.0 200 OK\r\nicy-metaint: 16000\r\n\r\n"),
            (&["I", "C", "Y ", "401 No\r\n\r\n"], "HTTP/1.0 401 No\r\n\r\n"),
            (&["HTTP/1.1 200 OK\r\n\r\nICY 200"], "HTTP/1.1 200 OK\r\n\r\nICY 200"),
            (&["IC"], "IC"),
            (&["ICE 200 OK"], "ICE 200 OK"),
            (&[""], ""),
        ] {
            let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
            let address = listener.local_addr().unwrap();
            let sent: Vec<_> = sent.iter().map(|text| (*text).to_owned()).collect();
            let told = tokio::spawn(async move {
                let (mut stream, _) = listener.accept().await.unwrap();
                for text in sent {
                    stream.write_all(text.as_bytes()).await.unwrap();
                    stream.flush().await.unwrap();
                }
            });
            let link = Link::new(TokioIo::new(TcpStream::connect(address).await.unwrap()), false);
            let mut got = String::new();
            TokioIo::new(link).read_to_string(&mut got).await.unwrap();
            told.await.unwrap();
            assert_eq!(got, expected);
        }
    }
}
