//! Sends messages of syslog over TCP (RFC 6587, 3.4.1) and TLS (RFC 5425), each with its length before it.

use crate::GateError;
use crate::proxy::tls;
use crate::settings::ProxySettings;
use rustls_pki_types::ServerName;
use std::io;
use std::sync::Arc;
use std::time::Duration;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;

/// How long a connection, or sending what waits, may take.
const PATIENCE: Duration = Duration::from_secs(20);
/// The port of syslog over TLS (RFC 5425, 4.1); over TCP, RFC 6587 names the same number as UDP's.
const TLS_PORT: u16 = 6514;
const TCP_PORT: u16 = 514;

trait Wire: AsyncRead + AsyncWrite + Send + Sync + Unpin {}

impl<T: AsyncRead + AsyncWrite + Send + Sync + Unpin> Wire for T {}

/// A connection to a syslog server, made when there is something to send, and again when it broke.
pub struct SyslogStream {
    host: String,
    port: u16,
    tls: Option<(TlsConnector, ServerName<'static>)>,
    open: Option<Box<dyn Wire>>,
}

impl SyslogStream {
    /// One for `tcp://HOST[:PORT]` or `tls://HOST[:PORT]`; `None` for any other address. TLS trusts what the proxy trusts.
    ///
    /// # Errors
    /// When the address names no host, or TLS cannot be set up.
    pub fn new(settings: &ProxySettings, address: &str) -> Result<Option<Self>, GateError> {
        let (secure, rest) = match address.split_once("://") {
            Some(("tcp", rest)) => (false, rest),
            Some(("tls", rest)) => (true, rest),
            _ => return Ok(None),
        };
        let wrong = |why: &str| GateError::Setting { key: "export.syslog", why: format!("`{address}`: {why}") };
        let rest = rest.trim_end_matches('/');
        let (host, port) = match rest.rsplit_once(':') {
            // A colon in brackets is one of an IPv6 address.
            Some((host, port)) if !port.contains(']') => {
                (host, port.parse().map_err(|_| wrong("the part after the colon is not a port"))?)
            }
            _ => (rest, if secure { TLS_PORT } else { TCP_PORT }),
        };
        let host = host.trim_start_matches('[').trim_end_matches(']').to_owned();
        if host.is_empty() {
            return Err(wrong("it does not name a host"));
        }
        let tls = match secure {
            false => None,
            true => {
                let name = ServerName::try_from(host.clone()).map_err(|_| {
                    wrong(
                        "no certificate can be issued for such a \
                        name",
                    )
                })?;
                Some((TlsConnector::from(Arc::new(tls(settings)?)), name))
            }
        };
        Ok(Some(Self { host, port, tls, open: None }))
    }

    /// Sends messages. When this returns well, the system has taken them; the server acknowledges nothing.
    ///
    /// # Errors
    /// When the server cannot be reached or takes nothing; then none of them counts as sent.
    pub async fn send(&mut self, messages: &[String]) -> io::Result<()> {
        let mut open = match self.open.take() {
            Some(mut open) => {
                if is_open(&mut open).await {
                    open
                } else {
                    in_time(self.connect()).await?
                }
            }
            None => in_time(self.connect()).await?,
        };
        let mut text = Vec::new();
        for message in messages {
            text.extend_from_slice(format!("{} {message}", message.len()).as_bytes());
        }
        let sent = async {
            open.write_all(&text).await?;
            open.flush().await
        };
        in_time(sent).await?;
        self.open = Some(open);
        Ok(())
    }

    async fn connect(&self) -> io::Result<Box<dyn Wire>> {
        let stream = TcpStream::connect((self.host.as_str(), self.port)).await?;
        stream.set_nodelay(true)?;
        Ok(match &self.tls {
            None => Box::new(stream),
            Some((connector, name)) => Box::new(connector.connect(name.clone(), stream).await?),
        })
    }
}

async fn in_time<T>(asked: impl Future<Output = io::Result<T>>) -> io::Result<T> {
    tokio::time::timeout(PATIENCE, asked).await.unwrap_or_else(|_| Err(io::ErrorKind::TimedOut.into()))
}

/// Whether the server still listens. It has nothing to say, so that what comes is its end.
async fn is_open(open: &mut Box<dyn Wire>) -> bool {
    let mut byte = [0; 64];
    tokio::time::timeout(Duration::ZERO, open.read(&mut byte)).await.is_err()
}

#[cfg(test)]
mod tests {
    use super::*;
    use tokio::net::TcpListener;

    #[test]
    fn addresses_have_a_scheme_a_host_and_perhaps_a_port() {
        let settings = ProxySettings::default();
        for (address, wanted) in [
            ("tcp://logs.example:1514", Some(("logs.example", 1514))),
            ("tcp://logs.example", Some(("logs.example", TCP_PORT))),
            ("tls://[2001:db8::1]/", Some(("2001:db8::1", TLS_PORT))),
            ("tls://[2001:db8::1]:10514", Some(("2001:db8::1", 10514))),
            ("/dev/log", None),
            ("127.0.0.1:514", None),
        ] {
            let stream = SyslogStream::new(&settings, address).unwrap();
            let found = stream.as_ref().map(|stream| (stream.host.as_str(), stream.port));
            assert_eq!(found, wanted, "{address}");
        }
        for address in ["tcp://", "tcp://logs.example:port", "tls://:6514"] {
            let error = SyslogStream::new(&settings, address).err().unwrap().to_string();
            assert!(error.contains("export.syslog") && error.contains(address), "{error}");
        }
    }

    #[tokio::test]
    async fn a_server_that_went_away_and_came_back_gets_every_message_whole() {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let mut stream = SyslogStream::new(&ProxySettings::default(), &format!("tcp://{address}")).unwrap().unwrap();
        for message in ["one", "two: äöü"] {
            let messages = [message.to_owned(), "again".to_owned()];
            let sent = stream.send(&messages);
            let taken = async {
                let (mut peer, _) = listener.accept().await.unwrap();
                let mut got = vec![0; format!("{} {message}5 again", message.len()).len()];
                peer.read_exact(&mut got).await.unwrap();
                // It is closed here: what is sent next goes over a new connection.
                String::from_utf8(got).unwrap()
            };
            let (sent, got) = tokio::join!(sent, taken);
            sent.unwrap();
            assert_eq!(got, format!("{} {message}5 again", message.len()));
        }
        drop(listener);
        tokio::time::timeout(PATIENCE, async {
            while stream.send(&["lost".to_owned()]).await.is_ok() {
                tokio::task::yield_now().await;
            }
        })
        .await
        .unwrap();
    }
}
