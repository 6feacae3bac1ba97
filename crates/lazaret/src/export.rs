//! Tells other systems what happened: events as OCSF HTTP Activity (schema.ocsf.io, class 4002) to a file, to syslog
//! (RFC 5424), to a web hook.

use crate::config::Export;
use crate::failure::Failure;
use lazaret_gates::Poster;
use lazaret_store::Event;
use serde_json::{Value, json};
use std::fs::OpenOptions;
use std::io::Write;
use std::net::UdpSocket;
use std::os::unix::net::UnixDatagram;
use std::path::PathBuf;
use std::time::Duration;
use tokio::sync::mpsc;

/// Events that wait to be told; what comes on top is left out, and that is said.
const QUEUE: usize = 10_000;
/// Events told at once.
const BATCH: usize = 200;
/// Attempts to reach a web hook, and the pause after the first.
const ATTEMPTS: u32 = 4;
const PAUSE: Duration = Duration::from_secs(1);
/// Facility local0, severity notice and informational (RFC 5424, 6.2.1).
const NOTICE: u8 = 16 * 8 + 5;
const INFORMATIONAL: u8 = 16 * 8 + 6;

/// Where events are handed in.
#[derive(Clone)]
pub(crate) struct Exporter(Option<mpsc::Sender<Event>>);

enum Syslog {
    Unix(UnixDatagram, PathBuf),
    Udp(UdpSocket, String),
}

struct Outlets {
    file: Option<PathBuf>,
    syslog: Option<Syslog>,
    webhook: Option<(Poster, String)>,
}

impl Exporter {
    /// Starts to tell what is handed in.
    ///
    /// # Errors
    /// When an outlet cannot be opened.
    pub(crate) fn start(export: &Export, poster: impl FnOnce() -> Result<Poster, Failure>) -> Result<Self, Failure> {
        if *export == Export::default() {
            return Ok(Self(None));
        }
        let file = Some(export.file.clone()).filter(|file| !file.as_os_str().is_empty());
        if let Some(path) = &file {
            OpenOptions::new().create(true).append(true).open(path).map_err(|error| Failure::path(path, error))?;
        }
        let syslog = match export.syslog.as_str() {
            "" => None,
            address => Some(syslog(address)?),
        };
        let webhook = match export.webhook.as_str() {
            "" => None,
            address => Some((poster()?, address.to_owned())),
        };
        let (sender, queue) = mpsc::channel(QUEUE);
        tokio::spawn(tell(Outlets { file, syslog, webhook }, queue));
        Ok(Self(Some(sender)))
    }

    /// What is told of an event, where anybody is told.
    pub(crate) fn copy_of(&self, event: &Event) -> Option<Event> {
        self.0.as_ref().map(|_| Event { report: String::new(), judged: String::new(), ..event.clone() })
    }

    /// Hands an event in, once it is recorded.
    pub(crate) fn hand(&self, event: Option<Event>) {
        let (Some(sender), Some(event)) = (&self.0, event) else { return };
        if sender.try_send(event).is_err() {
            tracing::warn!("an event was left out of the export: its outlets are too slow");
        }
    }
}

fn syslog(address: &str) -> Result<Syslog, Failure> {
    let wrong = |why: &dyn std::fmt::Display| Failure::new(format!("`export.syslog`: `{address}`: {why}"));
    if address.starts_with('/') {
        let socket = UnixDatagram::unbound().map_err(|error| wrong(&error))?;
        socket.set_write_timeout(Some(PAUSE)).map_err(|error| wrong(&error))?;
        return Ok(Syslog::Unix(socket, address.into()));
    }
    if !address.contains(':') {
        return Err(wrong(&"this is neither a socket such as /dev/log nor an address with a port"));
    }
    let socket = UdpSocket::bind("[::]:0").or_else(|_| UdpSocket::bind("0.0.0.0:0")).map_err(|error| wrong(&error))?;
    Ok(Syslog::Udp(socket, address.to_owned()))
}

async fn tell(outlets: Outlets, mut queue: mpsc::Receiver<Event>) {
    let mut waiting = Vec::with_capacity(BATCH);
    let outlets = std::sync::Arc::new(outlets);
    while queue.recv_many(&mut waiting, BATCH).await > 0 {
        let events: Vec<_> = waiting.drain(..).map(|event| (event.decision != "deliver", ocsf(&event))).collect();
        if let Some((poster, address)) = &outlets.webhook {
            let list: Vec<_> = events.iter().map(|(_, event)| event).collect();
            post(poster, address, &serde_json::to_vec(&list).unwrap_or_default()).await;
        }
        let outlets = std::sync::Arc::clone(&outlets);
        let written = tokio::task::spawn_blocking(move || {
            if let Some(path) = &outlets.file {
                let lines: String = events.iter().map(|(_, event)| format!("{event}\n")).collect();
                let file = OpenOptions::new().create(true).append(true).open(path);
                if let Err(error) = file.and_then(|mut file| file.write_all(lines.as_bytes())) {
                    tracing::error!(path = %path.display(), %error, "events could not be exported");
                }
            }
            if let Some(syslog) = &outlets.syslog {
                for (stopped, event) in &events {
                    if let Err(error) = send(syslog, &message(*stopped, event)) {
                        tracing::error!(%error, "an event could not be sent to syslog");
                    }
                }
            }
        });
        if let Err(error) = written.await {
            tracing::error!(%error, "events could not be exported");
        }
    }
}

async fn post(poster: &Poster, address: &str, body: &[u8]) {
    let mut pause = PAUSE;
    for attempt in 1..=ATTEMPTS {
        match poster.json(address, body.to_vec()).await {
            Ok(()) => return,
            Err(why) if attempt == ATTEMPTS => tracing::error!(%why, "events could not be sent to the web hook"),
            Err(why) => {
                tracing::debug!(%why, attempt, "the web hook did not take events");
                tokio::time::sleep(pause).await;
                pause *= 2;
            }
        }
    }
}

fn send(syslog: &Syslog, message: &str) -> std::io::Result<()> {
    match syslog {
        Syslog::Unix(socket, path) => socket.send_to(message.as_bytes(), path).map(drop),
        Syslog::Udp(socket, address) => socket.send_to(message.as_bytes(), address).map(drop),
    }
}

/// A message of RFC 5424, 6.
fn message(stopped: bool, event: &Value) -> String {
    let priority = if stopped { NOTICE } else { INFORMATIONAL };
    let at = event["time"].as_i64().unwrap_or(0);
    let time = time::OffsetDateTime::from_unix_timestamp_nanos(i128::from(at) * 1_000_000);
    let time = time.unwrap_or(time::OffsetDateTime::UNIX_EPOCH);
    let stamp = time.format(&time::format_description::well_known::Rfc3339).unwrap_or_else(|_| "-".to_owned());
    format!("<{priority}>1 {stamp} - lazaret {} event - {event}", std::process::id())
}

/// An event as OCSF 1.3 has it.
fn ocsf(event: &Event) -> Value {
    let activity = if event.direction == "upload" { 6 } else { 3 };
    let (action, disposition, severity) = match event.decision.as_str() {
        "deliver" => (1, 1, 1),
        "hold" => (2, 3, 3),
        _ => (2, 2, if event.verdict == "malicious" { 4 } else { 3 }),
    };
    let mut told = json!({
        "class_uid": 4002, "class_name": "HTTP Activity", "category_uid": 4, "category_name": "Network Activity",
        "activity_id": activity, "type_uid": 400_200 + activity,
        "time": event.at, "severity_id": severity, "status_id": 1,
        "action_id": action, "disposition_id": disposition,
        "metadata": {
            "version": "1.3.0", "uid": event.reference, "profiles": ["security_control"],
            "product": { "name": "Lazaret", "vendor_name": "Lazaret", "version": env!("CARGO_PKG_VERSION") },
        },
        "http_request": {
            "http_method": if activity == 6 { "POST" } else { "GET" },
            "url": { "hostname": event.host, "domain": event.domain, "url_string": event.address },
        },
        "dst_endpoint": { "hostname": event.host },
        "file": { "name": event.name, "size": event.size, "type_id": 1, "mime_type": event.kind },
        "unmapped": {
            "gate": event.gate, "kind": event.kind, "class": event.class, "verdict": event.verdict,
            "decision": event.decision, "reason": event.reason,
        },
    });
    if !event.sha256.is_empty() {
        told["file"]["hashes"] = json!([{ "algorithm_id": 3, "algorithm": "SHA-256", "value": event.sha256 }]);
    }
    if !event.client.is_empty() {
        told["src_endpoint"] = json!({ "ip": event.client });
    }
    if !event.person.is_empty() {
        told["actor"] = json!({ "user": { "name": event.person } });
    }
    if !event.policy.is_empty() {
        told["policy"] = json!({ "uid": event.policy });
    }
    told
}

#[cfg(test)]
mod tests {
    use super::*;

    fn event(decision: &str) -> Event {
        Event {
            at: 1_767_225_600_123,
            reference: "ABCD-EFGH".into(),
            decision: decision.into(),
            verdict: "malicious".into(),
            direction: "download".into(),
            policy: "malicious".into(),
            client: "192.0.2.1".into(),
            ..Event::default()
        }
    }

    #[test]
    fn what_was_stopped_is_told_as_denied() {
        for (decision, action, disposition, severity) in [("deliver", 1, 1, 1), ("hold", 2, 3, 3), ("block", 2, 2, 4)] {
            let told = ocsf(&event(decision));
            assert_eq!(
                (&told["action_id"], &told["disposition_id"], &told["severity_id"], &told["type_uid"]),
                (&json!(action), &json!(disposition), &json!(severity), &json!(400_203)),
                "{decision}"
            );
            assert_eq!((&told["policy"]["uid"], told["file"].get("hashes")), (&json!("malicious"), None));
        }
    }

    #[test]
    fn syslog_messages_have_the_form_of_rfc_5424() {
        let message = message(true, &ocsf(&event("block")));
        assert!(message.starts_with("<133>1 2026-01-01T00:00:00.123Z - lazaret "), "{message}");
        assert!(message.contains(" event - {") && !message.contains('\n'));
    }
}
