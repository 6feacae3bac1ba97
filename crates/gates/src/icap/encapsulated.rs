//! What an ICAP message encapsulates (RFC 3507, 4.4): the heads of a web request and its answer, and whether a body follows.

use super::Icap;
use super::message::{Head, Section, Verb, WebRequest, WebResponse};
use super::wire::{Fault, Reader};
use crate::Exchange;
use crate::desk::Cargo;
use crate::framing;
use http::header::CONTENT_RANGE;
use http::{HeaderMap, Method, StatusCode};
use lazaret_model::{Direction, Gate};
use std::borrow::Cow;
use std::net::IpAddr;
use std::sync::atomic::Ordering;
use tokio::io::AsyncRead;

/// Bytes of encapsulated heads.
const MOST_ENCAPSULATED: usize = 512 << 10;

/// A request with its encapsulated heads; the body is still to come.
pub(super) struct Message {
    pub(super) head: Head,
    pub(super) request: Option<WebRequest>,
    pub(super) response: Option<WebResponse>,
    pub(super) has_body: bool,
    pub(super) preview: Option<u64>,
}

/// Reads the encapsulated heads.
pub(super) async fn read<R: AsyncRead + Unpin>(
    head: Head,
    sections: &[(Section, usize)],
    reader: &mut Reader<R>,
) -> Result<Message, Fault> {
    let (last, len) = sections.last().copied().unwrap_or((Section::NoBody, 0));
    if len > MOST_ENCAPSULATED {
        return Err(Fault::Status(400, "Encapsulated Heads Too Large"));
    }
    let preview = head.preview()?;
    let all = reader.exactly(len).await?;
    let mut message = Message { head, request: None, response: None, has_body: last == Section::Body, preview };
    for pair in sections.windows(2) {
        let &[(section, from), (_, to)] = pair else { continue };
        let raw = all.slice(from..to);
        match section {
            Section::RequestHead => message.request = Some(WebRequest::parse(raw)?),
            Section::ResponseHead => message.response = Some(WebResponse::parse(raw)?),
            Section::Body | Section::NoBody => {}
        }
    }
    Ok(message)
}

impl Message {
    /// The heads that are answered when nothing is changed, as they came.
    pub(super) fn raw(&self) -> &[u8] {
        match (self.head.verb, &self.request, &self.response) {
            (Verb::Request, Some(request), _) => &request.raw,
            (_, _, Some(response)) => &response.raw,
            _ => &[],
        }
    }

    /// The `Encapsulated` field, and the end of the head, for an answer with those heads.
    pub(super) fn encapsulated(&self, raw: &[u8], body: &str) -> String {
        match (raw.is_empty(), self.head.verb) {
            (true, _) => format!("Encapsulated: {body}=0\r\n\r\n"),
            (_, Verb::Request) => format!("Encapsulated: req-hdr=0, {body}={}\r\n\r\n", raw.len()),
            _ => format!("Encapsulated: res-hdr=0, {body}={}\r\n\r\n", raw.len()),
        }
    }

    pub(super) fn body_section(&self) -> &'static str {
        if self.head.verb == Verb::Request { "req-body" } else { "res-body" }
    }

    /// What is asked, and for whom: as the gateway says, where it is one that is believed; else it asks for itself.
    pub(super) fn exchange(&self, icap: &Icap, gateway: IpAddr) -> Exchange {
        let none = HeaderMap::new();
        let (method, uri, headers) = match &self.request {
            Some(request) => (request.method.clone(), request.uri.clone(), &request.headers),
            None => (Method::GET, http::Uri::default(), &none),
        };
        let believed = icap.gateways.has(gateway);
        let client = if believed { self.head.client() } else { Some(gateway.to_canonical()) };
        let mut exchange = Exchange::of(Gate::Icap, client, method, uri, headers);
        if believed {
            (exchange.person, exchange.groups) = (self.head.person(), self.head.groups());
            exchange.server = self.head.server();
        } else if self.head.client().is_some() && !icap.warned.swap(true, Ordering::Relaxed) {
            tracing::warn!(%gateway, "ignoring the client named by a gateway outside `icap.trusted_gateways`");
        }
        if self.head.verb == Verb::Request {
            exchange.direction = Direction::Upload;
        }
        icap.desk.directory().complete(&mut exchange);
        exchange
    }

    pub(super) fn cargo(&self, exchange: &Exchange) -> Cargo {
        let none = HeaderMap::new();
        match (self.head.verb, &self.request, &self.response) {
            (Verb::Request, Some(request), _) => Cargo::upload(exchange, &request.headers),
            (_, _, Some(response)) => Cargo::of(exchange, response.status, &response.headers),
            _ => Cargo::of(exchange, StatusCode::OK, &none),
        }
    }

    /// Whether the site sent only a piece of a file: that cannot be judged.
    pub(super) fn is_piece(&self) -> bool {
        self.response.as_ref().is_some_and(|response| {
            let partial = response.status == StatusCode::PARTIAL_CONTENT;
            framing::is_piece(&response.headers) || partial && !response.headers.contains_key(CONTENT_RANGE)
        })
    }

    /// What the heads that are answered say about the length of the body; nothing where they contradict themselves.
    pub(super) fn announced(&self) -> Option<u64> {
        framing::announced(self.fields()?).ok().flatten()
    }

    pub(super) fn fields(&self) -> Option<&HeaderMap> {
        match (self.head.verb, &self.request, &self.response) {
            (Verb::Request, Some(request), _) => Some(&request.headers),
            (_, _, Some(response)) => Some(&response.headers),
            _ => None,
        }
    }

    /// Whether the heads can go back as they came: they say nothing about the body's length that is not so. `length` is
    /// nothing as long as that is not known.
    pub(super) fn is_framed_well(&self, length: Option<u64>) -> bool {
        let odd = self.fields().is_some_and(framing::is_odd);
        !odd && (length.is_none() || self.announced().is_none_or(|announced| Some(announced) == length))
    }

    /// The heads that are answered when nothing is changed: as they came, where what they say of the body is so.
    pub(super) fn heads(&self, length: Option<u64>) -> Cow<'_, [u8]> {
        if self.raw().is_empty() || self.is_framed_well(length) {
            Cow::Borrowed(self.raw())
        } else {
            Cow::Owned(framing::reframed(self.raw(), length))
        }
    }
}
