//! Pieces of files for gateways: a request for some is answered out of the copy that was inspected before (RFC 3507, 4.8.2: a
//! request may be answered in place of the site), as long as that is the version that the client means.

use super::Icap;
use super::answer::{Next, start};
use super::encapsulated::Message;
use super::session::{finish, refuse, send};
use super::wire::{Fault, Writer};
use crate::Exchange;
use crate::copies::{KeptCopy, Place, lasting};
use crate::desk::Cargo;
use crate::range::{Asked, Segment, condition, has_validator};
use crate::spool::{Spooled, TIGHT};
use http::{Method, StatusCode};
use lazaret_model::Origin;
use std::time::Instant;
use tokio::io::AsyncWrite;

/// Keeps what may pass, where somebody may resume it.
pub(super) fn keep(
    icap: &Icap,
    message: &Message,
    exchange: &Exchange,
    (body, trailers): (&Spooled, &[u8]),
    (origin, judged_by): (Origin, String),
) {
    let (Some(request), Some(response)) = (&message.request, &message.response) else { return };
    let resumable = matches!(body, Spooled::File { .. }) && has_validator(&response.headers);
    if !resumable || response.status != StatusCode::OK || request.method != Method::GET || !trailers.is_empty() {
        return;
    }
    let Some(place) = Place::of(exchange, &request.headers) else { return };
    let copy = KeptCopy {
        headers: lasting(&response.headers),
        body: body.clone(),
        whole: body.len(),
        has_pieces: false,
        origin,
        judged_by,
        checked: Instant::now(),
    };
    icap.desk.keep_copy(&place, copy);
}

/// Answers a request for pieces out of a copy; false where there is none that will do.
pub(super) async fn answer<W: AsyncWrite + Unpin>(
    icap: &Icap,
    writer: &mut Writer<W>,
    message: &Message,
    exchange: &Exchange,
    next: Next,
) -> Result<bool, Fault> {
    let desk = &icap.desk;
    let Some(request) = message.request.as_ref().filter(|request| request.method == Method::GET) else {
        return Ok(false);
    };
    // What is sent here is a download, though it answers a request on its way out.
    let exchange = Exchange { direction: lazaret_model::Direction::Download, ..exchange.clone() };
    let (Some(asked), Some(place)) = (Asked::of(&request.headers), Place::of(&exchange, &request.headers)) else {
        return Ok(false);
    };
    let Some((key, copy)) = desk.copies().find(&place).filter(|(_, copy)| copy.is_all()) else { return Ok(false) };
    // The site cannot be asked here whether the copy is still good; a client that names its version is given that one.
    let means_it = asked.names_a_version() && asked.applies_to(&copy.headers);
    let readable = crate::exchange::codings(&copy.headers)
        .is_ok_and(|codings| codings.iter().all(|coding| exchange.undoes.contains(coding)));
    let Some(plan) = asked.plan(&copy.headers, copy.whole) else { return Ok(false) };
    if !readable || !(means_it || copy.is_fresh_for(&exchange)) || condition(&request.headers, &copy.headers).is_some()
    {
        return Ok(false);
    }
    if let Some(refusal) = desk.forbids(&exchange) {
        refuse(icap, writer, &refusal, &exchange, next).await?;
        return Ok(true);
    }
    let mut cargo = Cargo::of(&exchange, StatusCode::OK, &copy.headers);
    desk.know(&exchange, &mut cargo).await;
    let judged_by = desk.judged_by();
    if copy.origin != cargo.origin || copy.judged_by != judged_by {
        if let Err(refusal) = desk.judge(&exchange, &cargo, &copy.body).await {
            refuse(icap, writer, &refusal, &exchange, next).await?;
            return Ok(true);
        }
        desk.copies().judged(&key, cargo.origin, judged_by);
    }
    let mut share = desk.memory(&exchange);
    if !share.hold(TIGHT, desk.settings().wait()).await {
        return Ok(false);
    }
    let body = copy.body.with_memory(share);
    let mut headers = copy.headers;
    for (name, value) in plan.fields {
        headers.insert(name, value);
    }
    let length: u64 = plan.segments.iter().map(Segment::len).sum();
    let mut web =
        format!("HTTP/1.1 {}\r\nContent-Length: {length}\r\nAccept-Ranges: bytes\r\n", plan.status).into_bytes();
    for (name, value) in &headers {
        web.extend([name.as_str().as_bytes(), b": ", value.as_bytes(), b"\r\n"].concat());
    }
    web.extend(b"\r\n");
    let section = if plan.segments.is_empty() { "null-body" } else { "res-body" };
    let fields = format!("Encapsulated: res-hdr=0, {section}={}\r\n\r\n", web.len());
    writer.send(&[start(icap, 200, "OK", next).as_bytes(), fields.as_bytes(), &web].concat()).await?;
    if plan.segments.is_empty() {
        return Ok(true);
    }
    for segment in plan.segments {
        match segment {
            Segment::Between(bytes) => writer.send_chunk(&bytes).await?,
            Segment::Piece(piece) => send(writer, &body, piece).await?,
        }
    }
    finish(writer, b"").await?;
    Ok(true)
}
