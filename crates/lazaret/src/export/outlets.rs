//! Where events go: a file, syslog, a web hook.

use super::ocsf::{is_notable, ocsf};
use crate::config::{Export, ExportForm};
use crate::failure::Failure;
use data_encoding::BASE64;
use lazaret_gates::{PostError, Poster, ProxySettings, SyslogStream};
use lazaret_model::Event;
use lazaret_store::{authenticated, fingerprint, now};
use serde_json::Value;
use std::fs::OpenOptions;
use std::io::{self, Write};
use std::net::UdpSocket;
use std::os::unix::net::UnixDatagram;
use std::path::PathBuf;
use std::time::Duration;
use thiserror::Error;

/// How long a server may take.
const PATIENCE: Duration = Duration::from_secs(30);
/// Facility local0, severity notice and informational (RFC 5424, 6.2.1).
const NOTICE: u8 = 16 * 8 + 5;
const INFORMATIONAL: u8 = 16 * 8 + 6;
/// `EMSGSIZE` of Linux.
const TOO_LARGE: i32 = 90;
/// What a secret begins with (Standard Webhooks 1.0, "Symmetric").
const SECRET: &str = "whsec_";

/// Why events were not taken.
#[derive(Debug, Error)]
pub(super) enum Untaken {
    #[error("{0}")]
    Written(#[from] io::Error),
    #[error("{0}")]
    Posted(#[from] PostError),
    #[error("no response in time")]
    Late,
}

impl Untaken {
    /// Whether whoever was told takes no exception to anything but what it was told.
    pub(super) fn is_about_what_was_told(&self) -> bool {
        matches!(self, Self::Posted(PostError::Refused(400 | 413 | 415 | 422)))
    }
}

/// One place that events go to.
pub(super) struct Outlet {
    /// Its name in the ledger: what it is, and where.
    pub(super) name: String,
    form: ExportForm,
    to: To,
}

enum To {
    File(PathBuf),
    Socket(UnixDatagram, PathBuf),
    Udp(UdpSocket, String),
    Stream(SyslogStream),
    Hook { poster: Box<Poster>, address: String, secret: Option<Vec<u8>> },
}

impl Outlet {
    /// Those that are configured.
    ///
    /// # Errors
    /// When one of them cannot be opened.
    pub(super) fn of(export: &Export, proxy: &ProxySettings) -> Result<Vec<Self>, Failure> {
        let mut outlets = Vec::new();
        let mut add = |name: String, to: To| outlets.push(Self { name, form: export.format, to });
        if !export.file.as_os_str().is_empty() {
            let path = export.file.clone();
            OpenOptions::new().create(true).append(true).open(&path).map_err(|error| Failure::path(&path, error))?;
            add(format!("file {}", path.display()), To::File(path));
        }
        if !export.syslog.is_empty() {
            add(format!("syslog {}", export.syslog), syslog(&export.syslog, proxy)?);
        }
        if !export.webhook.is_empty() {
            let secret = match export.webhook_secret.as_str() {
                "" => None,
                secret => Some(key(secret)?),
            };
            let (poster, address) = (Box::new(Poster::new(proxy)?), export.webhook.clone());
            // An address may hold a secret, and the name is in the ledger and the log.
            let host =
                address.split("://").nth(1).and_then(|rest| rest.split(['/', '?', '#']).next()).unwrap_or_default();
            let host = host.rsplit('@').next().unwrap_or_default();
            let mark = fingerprint(&address);
            add(format!("webhook {host} {}", mark.get(..12).unwrap_or(&mark)), To::Hook { poster, address, secret });
        }
        Ok(outlets)
    }

    /// Hands events over; `id` is the same when they are handed over again.
    ///
    /// # Errors
    /// When they were not taken, or perhaps not all of them.
    pub(super) async fn tell(&mut self, events: &[Event], id: &str) -> Result<(), Untaken> {
        let told: Vec<(bool, Value)> = events.iter().map(|event| (is_notable(event), self.form.of(event))).collect();
        let messages = || told.iter().map(|(notable, event)| message(*notable, event)).collect::<Vec<_>>();
        match &mut self.to {
            To::File(path) => {
                let lines: String = told.iter().map(|(_, event)| format!("{event}\n")).collect();
                let path = path.clone();
                let written = tokio::task::spawn_blocking(move || {
                    let mut file = OpenOptions::new().create(true).append(true).open(path)?;
                    let before = file.metadata()?.len();
                    let written = file.write_all(lines.as_bytes()).and_then(|()| file.sync_data());
                    if written.is_err() && file.metadata().is_ok_and(|now| now.len() > before) {
                        // Half a line would make two of the next one.
                        let _ = file.set_len(before);
                    }
                    written
                });
                Ok(written.await.map_err(io::Error::other)??)
            }
            To::Socket(socket, path) => {
                let send = |message: &String| datagram(socket.send_to(message.as_bytes(), &*path));
                Ok(tokio::task::block_in_place(|| messages().iter().try_for_each(send))?)
            }
            To::Udp(socket, address) => {
                let send = |message: &String| datagram(socket.send_to(message.as_bytes(), &*address));
                Ok(tokio::task::block_in_place(|| messages().iter().try_for_each(send))?)
            }
            To::Stream(stream) => Ok(stream.send(&messages()).await?),
            To::Hook { poster, address, secret } => {
                let list: Vec<_> = told.iter().map(|(_, event)| event).collect();
                let body = serde_json::to_vec(&list).map_err(io::Error::other)?;
                let fields = signed(secret.as_deref(), id, now() / 1_000, &body);
                let posted = poster.json(address, &fields, body);
                Ok(tokio::time::timeout(PATIENCE, posted).await.map_err(|_| Untaken::Late)??)
            }
        }
    }
}

impl ExportForm {
    fn of(self, event: &Event) -> Value {
        match self {
            Self::Ocsf => ocsf(event),
            Self::Lazaret => serde_json::to_value(event).unwrap_or_default(),
        }
    }
}

/// What became of a datagram. One that is too large for any is left out, and does not keep the others from being sent.
fn datagram(sent: io::Result<usize>) -> io::Result<()> {
    match sent {
        Err(error) if error.raw_os_error() == Some(TOO_LARGE) => {
            tracing::error!(%error, "an event was dropped: too large for a syslog datagram; tcp:// has no such limit");
            Ok(())
        }
        sent => sent.map(drop),
    }
}

/// The fields of a web hook's request (Standard Webhooks 1.0): by the first, who gets it twice knows that it is the same.
fn signed(secret: Option<&[u8]>, id: &str, seconds: i64, body: &[u8]) -> Vec<(&'static str, String)> {
    let mut fields = vec![("webhook-id", id.to_owned()), ("webhook-timestamp", seconds.to_string())];
    if let Some(secret) = secret {
        let mut message = format!("{id}.{seconds}.").into_bytes();
        message.extend_from_slice(body);
        fields.push(("webhook-signature", format!("v1,{}", BASE64.encode(&authenticated(secret, &message)))));
    }
    fields
}

/// The key in a secret.
fn key(secret: &str) -> Result<Vec<u8>, Failure> {
    let bytes = BASE64.decode(secret.strip_prefix(SECRET).unwrap_or(secret).as_bytes()).ok();
    bytes.filter(|bytes| (24..=64).contains(&bytes.len())).ok_or_else(|| {
        Failure::new(
            "`export.webhook_secret`: it must be `whsec_` followed by 24 to 64 random bytes in Base64, such \
            as from `openssl rand -base64 32`",
        )
    })
}

fn syslog(address: &str, proxy: &ProxySettings) -> Result<To, Failure> {
    let wrong = |why: &dyn std::fmt::Display| Failure::new(format!("`export.syslog`: `{address}`: {why}"));
    if address.starts_with('/') {
        std::os::unix::net::SocketAddr::from_pathname(address).map_err(|error| wrong(&error))?;
        let socket = UnixDatagram::unbound().map_err(|error| wrong(&error))?;
        socket.set_write_timeout(Some(PATIENCE)).map_err(|error| wrong(&error))?;
        return Ok(To::Socket(socket, address.into()));
    }
    if let Some(stream) = SyslogStream::new(proxy, address)? {
        return Ok(To::Stream(stream));
    }
    let plain = address.strip_prefix("udp://").unwrap_or(address);
    let port = plain.rsplit_once(':').and_then(|(_, port)| port.parse::<u16>().ok());
    if port.is_none() || plain.contains("://") {
        return Err(wrong(&"it must be a socket such as /dev/log, HOST:PORT, or tcp:// or tls:// followed by a host"));
    }
    let socket = UdpSocket::bind("[::]:0").or_else(|_| UdpSocket::bind("0.0.0.0:0")).map_err(|error| wrong(&error))?;
    Ok(To::Udp(socket, plain.to_owned()))
}

/// A message of RFC 5424, 6.
fn message(notable: bool, event: &Value) -> String {
    let priority = if notable { NOTICE } else { INFORMATIONAL };
    let at = event["time"].as_i64().or_else(|| event["at"].as_i64()).unwrap_or(0);
    let time = time::OffsetDateTime::from_unix_timestamp_nanos(i128::from(at) * 1_000_000);
    let time = time.unwrap_or(time::OffsetDateTime::UNIX_EPOCH);
    let stamp = time.format(&time::format_description::well_known::Rfc3339).unwrap_or_else(|_| "-".to_owned());
    format!("<{priority}>1 {stamp} - lazaret {} event - {event}", std::process::id())
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn syslog_messages_have_the_form_of_rfc_5424() {
        let message = message(true, &json!({ "time": 1_767_225_600_123_i64 }));
        assert!(message.starts_with("<133>1 2026-01-01T00:00:00.123Z - lazaret "), "{message}");
        assert!(message.contains(" event - {") && !message.contains('\n'));
    }

    /// The example of Standard Webhooks 1.0, of its own libraries' tests.
    #[test]
    fn web_hooks_are_signed_as_their_standard_says() {
        let secret = key("whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw").unwrap();
        let fields = signed(Some(&secret), "msg_p5jXN8AQM9LWM0D4loKWxJek", 1_614_265_330, br#"{"test": 2432232314}"#);
        assert_eq!(fields[2], ("webhook-signature", "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=".to_owned()));
        assert_eq!(signed(None, "a", 1, b"").len(), 2);
        for wrong in ["hunter2", "whsec_c2hvcnQ=", ""] {
            assert!(key(wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn addresses_of_syslog_are_told_apart() {
        let proxy = ProxySettings::default();
        for (address, is) in [
            ("/dev/log", "socket"),
            ("127.0.0.1:514", "udp"),
            ("udp://127.0.0.1:514", "udp"),
            ("tcp://127.0.0.1", "stream"),
            ("tls://logs.example:6514", "stream"),
        ] {
            let found = match syslog(address, &proxy).unwrap() {
                To::Socket(..) => "socket",
                To::Udp(..) => "udp",
                To::Stream(_) => "stream",
                _ => "something else",
            };
            assert_eq!(found, is, "{address}");
        }
        let long = format!("/{}", "x".repeat(200));
        for address in
            ["logs.example", "logs.example:5l4", "logs.example:syslog", "https://logs.example:514", "tls://", &long]
        {
            assert!(syslog(address, &proxy).err().unwrap().to_string().contains("export.syslog"), "{address}");
        }
    }
}
