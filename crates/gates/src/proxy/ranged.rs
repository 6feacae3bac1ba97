//! Answers to requests for pieces of files (RFC 9110, 14): cut out of what was inspected, or out of a copy of it; of film that is too
//! long for that, fetched from the site behind its inspected beginning.

use super::answer::{Rest, pass, refused, send, stored, streamed};
use super::body::{Body, channel, full, measured, next};
use super::waiting;
use super::{Asker, Proxy};
use crate::copies::{KeptCopy, Key, Place, lasting};
use crate::desk::{Cargo, HEAD};
use crate::following::Following;
use crate::framing;
use crate::range::{Asked, Cut, Piece, Plan, Segment, condition, has_validator, is_that, strong};
use crate::refusal::{Reason, Trouble};
use crate::spool::{Spooled, TIGHT};
use crate::{Desk, Exchange};
use bytes::{Bytes, BytesMut};
use http::header::{
    ACCEPT_ENCODING, ACCEPT_RANGES, CONTENT_RANGE, ETAG, IF_MATCH, IF_MODIFIED_SINCE, IF_NONE_MATCH, IF_RANGE,
    IF_UNMODIFIED_SINCE, LAST_MODIFIED, RANGE,
};
use http::response::Parts;
use http::{HeaderMap, HeaderValue, Method, Request, Response, StatusCode, Uri};
use hyper::body::Frame;
use lazaret_engine::Engine;
use lazaret_model::{Class, Origin};
use std::sync::Arc;
use std::time::Instant;

/// Bytes of film that are fetched and thrown away rather than asking the site for a piece.
const NEAR: u64 = 4 << 20;

/// What a request wants, beside an answer.
#[derive(Default)]
pub(super) struct Wish {
    /// A browser will ask again for what is not there yet.
    pub(super) key: Option<waiting::Key>,
    /// The pieces that are asked for.
    pub(super) asked: Option<Asked>,
    /// Where copies of the answer are kept.
    pub(super) place: Option<Place>,
    /// The conditions that the site was not told, since it was asked about a copy.
    conditions: HeaderMap,
    /// How the site is asked for a piece.
    again: Option<Again>,
}

/// A request that can be sent again.
struct Again {
    uri: Uri,
    headers: HeaderMap,
    asker: Asker,
}

/// What is known about an answer that may be cut or kept.
pub(super) struct About {
    pub(super) wish: Wish,
    /// What it is judged by.
    pub(super) origin: Origin,
    pub(super) judged_by: String,
    /// The site gives pieces.
    pub(super) has_pieces: bool,
}

impl Wish {
    /// What a request wants.
    pub(super) fn of(exchange: &Exchange, headers: &HeaderMap) -> Self {
        let asked = if exchange.method == Method::GET { Asked::of(headers) } else { None };
        // A page that shows how far a download is would be taken for a piece of it.
        let key = if asked.is_some() { None } else { waiting::Key::of(exchange, headers) };
        Self { key, asked, place: Place::of(exchange, headers), ..Self::default() }
    }

    /// The copy out of which it may be answered.
    pub(super) fn copy(&self, proxy: &Proxy, exchange: &Exchange) -> Option<(Key, KeptCopy)> {
        let (asked, place) = (self.asked.as_ref()?, self.place.as_ref()?);
        let (key, copy) = proxy.desk.copies().find(place)?;
        // Whoever cannot undo how it is packed is given it in another way by the site.
        let packed = crate::exchange::codings(&copy.headers).ok()?;
        let readable = packed.iter().all(|coding| exchange.undoes.contains(coding));
        Some((key, copy)).filter(|(_, copy)| readable && copy.serves(asked))
    }

    /// Whether the client does not mean another version than a copy is.
    pub(super) fn means(&self, copy: &KeptCopy) -> bool {
        self.asked.as_ref().is_none_or(|asked| asked.applies_to(&copy.headers))
    }

    /// Asks the site whether a copy is still good, in place of what the client asked about its own.
    pub(super) fn ask_about(&mut self, copy: &KeptCopy, outbound: &mut HeaderMap) {
        self.with_conditions(outbound);
        copy.ask_whether_changed(outbound);
    }

    /// Keeps the conditions of a request that the site is not asked at all.
    pub(super) fn with_conditions(&mut self, request: &HeaderMap) {
        for name in [IF_MATCH, IF_NONE_MATCH, IF_MODIFIED_SINCE, IF_UNMODIFIED_SINCE] {
            self.conditions.extend(request.get(&name).cloned().map(|value| (name, value)));
        }
    }

    /// Remembers how the site was asked.
    pub(super) fn remember(&mut self, uri: &Uri, headers: &HeaderMap, asker: Asker) {
        if self.asked.is_some() {
            self.again = Some(Again { uri: uri.clone(), headers: headers.clone(), asker });
        }
    }
}

/// Answers out of a copy.
///
/// # Errors
/// Why the site does not give the piece of film that is asked for.
pub(super) async fn from_copy(
    proxy: &Arc<Proxy>,
    exchange: Exchange,
    (key, copy): (Key, KeptCopy),
    wish: Wish,
) -> Result<Response<Body>, Trouble> {
    let desk = &proxy.desk;
    let mut cargo = Cargo::of(&exchange, StatusCode::OK, &copy.headers);
    desk.know(&exchange, &mut cargo).await;
    let judged_by = desk.judged_by();
    // For somebody else, or under other policies, it may not be what may pass.
    if copy.origin != cargo.origin || copy.judged_by != judged_by {
        if let Err(refusal) = desk.judge(&exchange, &cargo, &copy.body).await {
            return Ok(refused(desk, &refusal, &exchange).await);
        }
        desk.copies().judged(&key, cargo.origin.clone(), judged_by.clone());
    }
    let mut share = desk.memory(&exchange);
    if !share.hold(TIGHT, desk.settings().wait()).await {
        let why = "no memory left for it: bodies in transit use all that `bodies.memory_bytes` allows";
        let refusal = desk.refuse(&exchange, &cargo, Reason::Busy(why.to_owned()));
        return Ok(refused(desk, &refusal, &exchange).await);
    }
    let body = copy.body.clone().with_memory(share);
    let mut head = Response::new(()).into_parts().0;
    head.headers = copy.headers.clone();
    head.headers.insert(ACCEPT_RANGES, HeaderValue::from_static("bytes"));
    let about = About { wish, origin: cargo.origin, judged_by, has_pieces: copy.has_pieces };
    if copy.is_all() {
        return Ok(cut(head, body, &about.wish));
    }
    let exchange = Arc::new(exchange);
    of_beginning(proxy, head, body, copy.whole, (&exchange, &about)).await
}

/// Answers with a whole that may pass, or with the pieces of it that are asked for.
pub(super) fn whole(
    proxy: &Proxy,
    mut head: Parts,
    body: Spooled,
    trailers: Option<HeaderMap>,
    about: &About,
) -> Response<Body> {
    // Fields behind the body belong to all of it.
    if head.status != StatusCode::OK || trailers.is_some() || about.wish.place.is_none() {
        return Response::from_parts(head, stored(body, trailers));
    }
    keep(&proxy.desk, &head.headers, &body, true, about);
    head.headers.insert(ACCEPT_RANGES, HeaderValue::from_static("bytes"));
    cut(head, body, &about.wish)
}

/// Keeps what may pass where somebody may ask for pieces of it: who asked for one, or may resume a large download.
pub(super) fn keep(desk: &Arc<Desk>, headers: &HeaderMap, body: &Spooled, all: bool, about: &About) {
    let resumable = matches!(body, Spooled::File { .. }) && has_validator(headers);
    if all && (about.wish.asked.is_some() || resumable) {
        keep_beginning(desk, headers, body, body.len(), about);
    }
}

fn keep_beginning(desk: &Arc<Desk>, headers: &HeaderMap, body: &Spooled, whole: u64, about: &About) {
    let Some(place) = &about.wish.place else { return };
    let copy = KeptCopy {
        headers: lasting(headers),
        body: body.clone(),
        whole,
        has_pieces: about.has_pieces,
        origin: about.origin.clone(),
        judged_by: about.judged_by.clone(),
        checked: Instant::now(),
    };
    desk.keep_copy(place, copy);
}

/// Answers with film whose beginning may pass, or with the piece of it that is asked for.
///
/// # Errors
/// Why the site does not give the piece.
pub(super) async fn film(
    proxy: &Arc<Proxy>,
    mut head: Parts,
    body: Spooled,
    rest: Rest,
    (exchange, about): (&Arc<Exchange>, &About),
) -> Result<Response<Body>, Trouble> {
    let left = hyper::body::Body::size_hint(&rest.body).exact();
    let (Some(left), Some(asked), StatusCode::OK) = (left, &about.wish.asked, head.status) else {
        return Ok(Response::from_parts(head, streamed(body, rest, None)));
    };
    let whole = left + body.len();
    keep_beginning(&proxy.desk, &head.headers, &body, whole, about);
    head.headers.insert(ACCEPT_RANGES, HeaderValue::from_static("bytes"));
    let piece = asked.one(whole).filter(|_| asked.applies_to(&head.headers));
    let Some(piece) = piece.filter(|piece| piece.end > body.len()) else {
        if asked.applies_to(&head.headers) && asked.pieces(whole).len() != 1 {
            // Several, or none: of such a long film all is sent, or that there is nothing.
            let none = asked.pieces(whole).is_empty();
            let plan = asked.plan(&head.headers, whole).filter(|_| none);
            return Ok(match plan {
                Some(plan) => planned(head, body, plan),
                None => Response::from_parts(head, streamed(body, rest, None)),
            });
        }
        return Ok(match piece {
            Some(piece) => {
                mark(&mut head, piece, whole);
                Response::from_parts(head, pieces(body, vec![Segment::Piece(piece)]))
            }
            None => Response::from_parts(head, streamed(body, rest, None)),
        });
    };
    if piece.start <= body.len() + NEAR || !about.has_pieces || about.wish.again.is_none() {
        mark(&mut head, piece, whole);
        return Ok(Response::from_parts(head, streamed(body, rest, Some(piece))));
    }
    drop(rest);
    of_film(proxy, head, (piece, whole), exchange, about).await
}

/// Answers out of the beginning of a film, or behind it.
async fn of_beginning(
    proxy: &Arc<Proxy>,
    mut head: Parts,
    body: Spooled,
    whole: u64,
    (exchange, about): (&Arc<Exchange>, &About),
) -> Result<Response<Body>, Trouble> {
    if let Some(status) = condition(&about.wish.conditions, &head.headers) {
        head.status = status;
        return Ok(Response::from_parts(head, full(Bytes::new())));
    }
    // INVARIANT: only copies that serve what is asked for are used.
    let asked = about.wish.asked.as_ref().and_then(|asked| asked.one(whole));
    let Some(piece) = asked else { return Err(Trouble::Request("the range is invalid")) };
    if piece.end > body.len() {
        return of_film(proxy, head, (piece, whole), exchange, about).await;
    }
    mark(&mut head, piece, whole);
    Ok(Response::from_parts(head, pieces(body, vec![Segment::Piece(piece)])))
}

/// Fetches a piece of a film whose beginning may pass, and passes it on while it is looked at.
async fn of_film(
    proxy: &Arc<Proxy>,
    mut head: Parts,
    (piece, whole): (Piece, u64),
    exchange: &Arc<Exchange>,
    about: &About,
) -> Result<Response<Body>, Trouble> {
    const OTHER: &str = "the site sent a different range of a video than requested";
    let other = || Trouble::Protocol(OTHER.to_owned());
    let again = about.wish.again.as_ref().ok_or_else(other)?;
    let mut request = Request::new(full(Bytes::new()));
    *request.uri_mut() = again.uri.clone();
    *request.headers_mut() = again.headers.clone();
    for name in [IF_MATCH, IF_NONE_MATCH, IF_MODIFIED_SINCE, IF_UNMODIFIED_SINCE] {
        request.headers_mut().remove(name);
    }
    let range = HeaderValue::try_from(format!("bytes={}-{}", piece.start, piece.end.saturating_sub(1)));
    request.headers_mut().insert(RANGE, range.map_err(|_| other())?);
    request.headers_mut().insert(ACCEPT_ENCODING, HeaderValue::from_static("identity"));
    if let Some(tag) = strong(&head.headers) {
        request.headers_mut().insert(IF_RANGE, tag.clone());
    }
    let (answer, mut body) = proxy.upstream.send(request, again.asker, false).await?.into_parts();
    let same = [ETAG, LAST_MODIFIED].iter().all(|name| match (answer.headers.get(name), head.headers.get(name)) {
        (Some(one), Some(other)) => one == other,
        _ => true,
    });
    let length = framing::announced(&answer.headers).map_err(|_| other())?;
    let plain = matches!(crate::exchange::codings(&answer.headers), Ok(codings) if codings.is_empty());
    if !same
        || !plain
        || !is_that(piece, whole, answer.status, &answer.headers)
        || length.is_some_and(|length| length != piece.len())
    {
        return Err(other());
    }
    let silence = proxy.settings.idle_time();
    let mut ahead = BytesMut::new();
    while (ahead.len() as u64) < piece.len().min(HEAD as u64)
        && let Some(frame) = next(&mut body, silence).await
    {
        if let Ok(data) = frame.map_err(Trouble::Protocol)?.into_data() {
            ahead.extend_from_slice(&data);
        }
    }
    let mut cargo = Cargo::of(exchange, StatusCode::OK, &head.headers);
    proxy.desk.know(exchange, &mut cargo).await;
    let kind = Engine::kind_of(ahead.get(..HEAD).unwrap_or(&ahead));
    if !matches!(kind.class, Class::Unknown | Class::Audio | Class::Video | Class::Image | Class::Data | Class::Text) {
        let why = format!("a range of video or audio is something else: {}", kind.id);
        let refusal = proxy.desk.refuse(exchange, &cargo, Reason::Failed(why));
        return Ok(refused(&proxy.desk, &refusal, exchange).await);
    }
    let following = Following::piece(Arc::clone(&proxy.desk), Arc::clone(exchange), cargo);
    let rest = Rest { ahead: ahead.freeze(), body, following, silence };
    mark(&mut head, piece, whole);
    let (sender, answer) = channel();
    tokio::spawn(async move { pass(rest, Cut::new(piece.start, piece), &sender).await });
    Ok(Response::from_parts(head, measured(answer, Some(piece.len()))))
}

/// What can be sent before a file has come whole: all of it, or the one piece that is asked for. Nothing, where that is not known.
pub(super) fn ahead(head: &Parts, wish: &Wish, whole: Option<u64>) -> Option<Option<Piece>> {
    let (Some(asked), StatusCode::OK, Some(whole)) = (&wish.asked, head.status, whole) else { return Some(None) };
    if condition(&wish.conditions, &head.headers).is_some() {
        return None;
    }
    if asked.applies_to(&head.headers) { asked.one(whole).map(Some) } else { Some(None) }
}

/// Makes an answer one with a piece.
pub(super) fn mark(head: &mut Parts, piece: Piece, whole: u64) {
    if let Some(field) = piece.field(whole) {
        head.status = StatusCode::PARTIAL_CONTENT;
        head.headers.insert(CONTENT_RANGE, field);
        head.headers.insert(ACCEPT_RANGES, HeaderValue::from_static("bytes"));
    }
}

/// Cuts what is asked for out of a whole.
fn cut(mut head: Parts, body: Spooled, wish: &Wish) -> Response<Body> {
    let Some(asked) = &wish.asked else { return Response::from_parts(head, stored(body, None)) };
    if let Some(status) = condition(&wish.conditions, &head.headers) {
        head.status = status;
        return Response::from_parts(head, full(Bytes::new()));
    }
    match asked.plan(&head.headers, body.len()) {
        Some(plan) => planned(head, body, plan),
        None => Response::from_parts(head, stored(body, None)),
    }
}

fn planned(mut head: Parts, body: Spooled, plan: Plan) -> Response<Body> {
    head.status = plan.status;
    for (name, value) in plan.fields {
        head.headers.insert(name, value);
    }
    Response::from_parts(head, pieces(body, plan.segments))
}

/// A body made of pieces.
fn pieces(body: Spooled, segments: Vec<Segment>) -> Body {
    if segments.is_empty() {
        return full(Bytes::new());
    }
    let length = segments.iter().map(Segment::len).sum();
    let (sender, answer) = channel();
    tokio::spawn(async move {
        for segment in segments {
            let sent = match segment {
                Segment::Between(bytes) => sender.send(Ok(Frame::data(bytes))).await.is_ok(),
                Segment::Piece(piece) => send(&body, piece, &sender).await,
            };
            if !sent {
                return;
            }
        }
    });
    measured(answer, Some(length))
}
