//! What ICAP answers say before any body: status lines, what a service is for, what was found.

use super::Icap;
use super::message::Verb;
use crate::refusal::{Reason, Refusal};
use lazaret_model::{INCIDENT_POLICY, Severity, Verdict};

/// Seconds for which clients may keep what `OPTIONS` says.
const OPTIONS_TTL: u32 = 600;

/// Whether the connection goes on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Next {
    Keep,
    Close,
}

/// What a service is for. Names that other servers made usual are understood, too.
pub(super) fn services(name: &str) -> Option<&'static [Verb]> {
    match name {
        "reqmod" | "request" => Some(&[Verb::Request]),
        "respmod" | "response" => Some(&[Verb::Response]),
        "" | "lazaret" | "avscan" | "scan" | "virus_scan" | "srv_clamav" | "squidclamav" => {
            Some(&[Verb::Response, Verb::Request])
        }
        _ => None,
    }
}

/// The answer to `OPTIONS` (RFC 3507, 4.10).
pub(super) fn options(icap: &Icap, serves: &[Verb], next: Next) -> String {
    let methods: Vec<_> = serves.iter().map(|verb| if *verb == Verb::Request { "REQMOD" } else { "RESPMOD" }).collect();
    start(icap, 200, "OK", next)
        + &format!(
            "Methods: {}\r\nService: Lazaret {}\r\nService-ID: lazaret\r\nMax-Connections: {}\r\n\
             Options-TTL: {OPTIONS_TTL}\r\nAllow: 204, 206\r\nPreview: {}\r\nTransfer-Preview: *\r\n\
             X-Include: X-Client-IP, X-Server-IP, X-Authenticated-User, X-Authenticated-Groups\r\n\
             Encapsulated: null-body=0\r\n\r\n",
            methods.join(", "),
            env!("CARGO_PKG_VERSION"),
            icap.settings.connections,
            icap.settings.preview_bytes,
        )
}

/// The first lines of every answer.
pub(super) fn start(icap: &Icap, status: u16, reason: &str, next: Next) -> String {
    let date = httpdate::fmt_http_date(std::time::SystemTime::now());
    let connection = if next == Next::Keep { "keep-alive" } else { "close" };
    format!(
        "ICAP/1.0 {status} {reason}\r\nISTag: \"{}\"\r\nDate: {date}\r\nServer: Lazaret/{}\r\nConnection: {connection}\r\n",
        icap.tag(),
        env!("CARGO_PKG_VERSION")
    )
}

/// The fields by which gateways tell what was found (draft-stecher-icap-subid-00, 3; Symantec's and Trend Micro's).
pub(super) fn described(refusal: &Refusal) -> String {
    let (class, threat, sentence) = match &refusal.reason {
        Reason::Policy(report) => {
            let worst = report.findings.iter().max_by_key(|finding| finding.severity);
            let found = worst.filter(|_| matches!(report.verdict, Verdict::Malicious | Verdict::Suspicious));
            match found.filter(|finding| finding.severity > Severity::Low) {
                Some(finding) => (0, finding.threat().to_owned(), finding.message.clone()),
                None => {
                    let ruling = report.cause();
                    match ruling.and_then(|ruling| ruling.policies.first()) {
                        Some(policy) => (1, policy.id.clone(), policy.title.clone()),
                        None => (1, "default-deny".to_owned(), "no policy permits this".to_owned()),
                    }
                }
            }
        }
        Reason::Failed(_) | Reason::Busy(_) => (2, "not-inspected".to_owned(), "it could not be inspected".to_owned()),
        Reason::TooLarge(_) => (2, "too-large".to_owned(), "it is too large to be inspected".to_owned()),
        Reason::Contained(contained) => (1, INCIDENT_POLICY.to_owned(), contained.measure.told()),
    };
    let (threat, sentence, name) = (plain(&threat), plain(&sentence), plain(&refusal.name));
    // Resolution 2: the request or answer was blocked.
    format!(
        "X-Infection-Found: Type={class}; Resolution=2; Threat={threat};\r\nX-Virus-ID: {threat}\r\n\
         X-Violations-Found: 1\r\n\t{name}\r\n\t{sentence}\r\n\t{class}\r\n\t2\r\n\
         X-Response-Info: {}\r\nX-Response-Desc: {sentence}\r\nX-Lazaret-Reference: {}\r\n",
        refusal.decision, refusal.reference
    )
}

/// Text that cannot end a field or be taken for another.
fn plain(text: &str) -> String {
    let plain: String =
        text.chars().map(|c| if c.is_ascii_graphic() && c != ';' || c == ' ' { c } else { '_' }).take(200).collect();
    if plain.trim().is_empty() { "-".to_owned() } else { plain }
}
