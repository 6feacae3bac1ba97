//! A site's answer: gathered, inspected, and only then handed over as it came.

use super::body::{Body, BoxError, Sender, channel, full, measured, next};
use super::connection::EVENT_STREAM;
use super::passing::{self, Passing};
use super::ranged::{self, About, Wish};
use super::waiting::{FORGET_TIME, Key};
use super::{Proxy, answer_with, fields};
use crate::copies::gives_pieces;
use crate::desk::{Cargo, HEAD};
use crate::following::Following;
use crate::framing;
use crate::intake::{CHUNK, Intake, TRICKLE, TRICKLE_TIME, inert};
use crate::live::{Due, Gone, Live, Watch};
use crate::range::{Cut, Piece};
use crate::refusal::{RETRY_SECONDS, Reason, Refusal, Trouble, public_address};
use crate::spool::Spooled;
use crate::{Desk, Exchange};
use bytes::{Bytes, BytesMut};
use http::header::{ACCEPT_RANGES, CONTENT_LENGTH, CONTENT_RANGE, RETRY_AFTER};
use http::{HeaderMap, HeaderValue, Method, Response, StatusCode};
use hyper::body::{Body as HttpBody, Frame, Incoming};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, OnceLock};
use std::time::Duration;
use tokio::task::JoinHandle;
use tokio::time::{Instant, sleep_until};

/// How an inspection ended.
enum Outcome {
    /// The whole body may pass, with what followed it.
    Deliver(Spooled, Option<HeaderMap>),
    /// The beginning may pass, and what follows need not be inspected.
    Stream(Spooled, Box<Rest>),
    /// It is passed on while it comes.
    Live(Box<Passing>),
    /// It may not pass.
    Refuse(Box<Refusal>),
    /// The site did not send all of it.
    Broken(Trouble),
}

/// What is still to come of a film.
pub(super) struct Rest {
    /// What came of it already.
    pub(super) ahead: Bytes,
    pub(super) body: Incoming,
    pub(super) following: Following,
    pub(super) silence: Duration,
}

/// The answer for the client: the site's own, or why not.
pub(super) async fn inspected(
    proxy: &Arc<Proxy>,
    exchange: Exchange,
    answer: Response<Incoming>,
    mut wish: Wish,
) -> Result<Response<Body>, Trouble> {
    let (mut head, body) = answer.into_parts();
    let announced =
        framing::announced(&head.headers).map_err(|what| Trouble::Protocol(format!("the site sent {what}")))?;
    let has_pieces = gives_pieces(&head.headers);
    fields::inbound(&mut head.headers, &proxy.via);
    head.extensions.clear();
    // Nobody was asked for a piece: whoever sends one has something to hide from inspection.
    let refuses_range = head.status == StatusCode::RANGE_NOT_SATISFIABLE;
    if !refuses_range && (framing::is_piece(&head.headers) || is_partial(&head)) {
        return Err(Trouble::Protocol("the site sent part of a file although all of it was requested".to_owned()));
    }
    // A piece that is all of it is an answer like any other.
    if head.status == StatusCode::PARTIAL_CONTENT {
        head.status = StatusCode::OK;
    }
    head.headers.remove(CONTENT_RANGE);
    if head.status.is_informational() {
        return Err(Trouble::Protocol("the site switched protocols without being asked".to_owned()));
    }
    let events = is_event_stream(&exchange, &head.headers) && exchange.method != Method::HEAD;
    if events && let Err(refusal) = proxy.desk.connect(&exchange, EVENT_STREAM).await {
        return Ok(refused(&proxy.desk, &refusal, &exchange).await);
    }
    if exchange.method == Method::HEAD || body.is_end_stream() {
        // Of a body that is not sent, the length is a fact about the file (RFC 9110, 8.6).
        if exchange.method == Method::HEAD || head.status == StatusCode::NOT_MODIFIED {
            head.headers.extend(announced.map(|length| (CONTENT_LENGTH, length.into())));
        }
        // Pieces are cut here, whether the site gives any or not.
        if exchange.method == Method::HEAD && head.status == StatusCode::OK && announced.is_some() {
            head.headers.insert(ACCEPT_RANGES, HeaderValue::from_static("bytes"));
        }
        return Ok(Response::from_parts(head, Body::new(http_body_util::BodyExt::map_err(body, BoxError::from))));
    }
    let mut cargo = Cargo::of(&exchange, head.status, &head.headers);
    proxy.desk.know(&exchange, &mut cargo).await;
    let exchange = Arc::new(exchange);
    let wanted = wish.asked.as_ref().and_then(crate::range::Asked::start);
    let progress = Arc::new(Progress { whole: body.size_hint().exact(), wanted, ..Progress::default() });
    let key = wish.key.take();
    let (judged_by, since) = (proxy.desk.judged_by(), proxy.desk.contained_files());
    let about = About { wish, origin: cargo.origin.clone(), judged_by, has_pieces };
    let watch = Watch::of(&exchange, &cargo, &head.headers, body.size_hint().exact());
    let work = Work {
        name: cargo.name.clone(),
        task: Task::start(proxy, &exchange, cargo, (body, watch, head.headers.clone()), &progress),
        head,
        exchange,
        progress,
        about,
        since,
    };
    settled(proxy, work, key).await
}

/// Whether an answer calls itself a piece and does not say that it is all of the file.
fn is_partial(head: &http::response::Parts) -> bool {
    head.status == StatusCode::PARTIAL_CONTENT && !head.headers.contains_key(CONTENT_RANGE)
}

/// A stream of events, which has no end (HTML, 9.2), for a script or a program.
fn is_event_stream(exchange: &Exchange, headers: &HeaderMap) -> bool {
    let declared = crate::exchange::text(headers, "content-type");
    declared.starts_with("text/event-stream") && !exchange.saves && !crate::exchange::is_attachment(headers)
}

/// An answer that is being gathered and judged.
pub(super) struct Work {
    head: http::response::Parts,
    exchange: Arc<Exchange>,
    name: String,
    progress: Arc<Progress>,
    task: Task,
    about: About,
    /// The acts of incidents that were in force when it began.
    since: u64,
}

impl Work {
    /// Whether incidents keep back the same files as when it began.
    pub(super) fn is_current(&self, desk: &Desk) -> bool {
        self.since == desk.contained_files()
    }
}

/// How far it is.
#[derive(Default)]
struct Progress {
    beginning: OnceLock<Bytes>,
    taken: AtomicU64,
    whole: Option<u64>,
    /// Where the piece begins that the client wants, and its first bytes.
    wanted: Option<u64>,
    slice: OnceLock<Bytes>,
}

impl Progress {
    /// Keeps what belongs to the wanted piece of bytes that came `at` a place.
    fn note(&self, slice: &mut BytesMut, at: u64, data: &Bytes) {
        let Some(wanted) = self.wanted.filter(|_| self.slice.get().is_none()) else { return };
        let mut cut = Cut::new(at, Piece { start: wanted, end: wanted.saturating_add(HEAD as u64) });
        slice.extend_from_slice(&cut.of(data));
        if cut.is_over() {
            let _ = self.slice.set(slice.split().freeze());
        }
    }
}

/// Ends with whoever waits for it.
struct Task(JoinHandle<Outcome>);

impl Task {
    fn start(
        proxy: &Proxy,
        exchange: &Arc<Exchange>,
        cargo: Cargo,
        answer: (Incoming, Option<Watch>, HeaderMap),
        progress: &Arc<Progress>,
    ) -> Self {
        let (desk, exchange, progress) = (Arc::clone(&proxy.desk), Arc::clone(exchange), Arc::clone(progress));
        let times = (proxy.settings.idle_time(), proxy.settings.answer_time());
        Self(tokio::spawn(gather(desk, exchange, cargo, answer, times, progress)))
    }
}

impl Drop for Task {
    fn drop(&mut self) {
        self.0.abort();
    }
}

/// Waits for the judgement. Who waits for long is sent the first bytes, or shown how far it is where `key` says that
/// they will ask again.
pub(super) async fn settled(
    proxy: &Arc<Proxy>,
    mut work: Work,
    mut key: Option<Key>,
) -> Result<Response<Body>, Trouble> {
    let mut waiting = tokio::time::interval(proxy.settings.patience());
    waiting.tick().await;
    loop {
        tokio::select! {
            outcome = &mut work.task.0 => {
                let head = work.head;
                return match outcome {
                    Ok(Outcome::Deliver(body, trailers)) => Ok(ranged::whole(proxy, head, body, trailers, &work.about)),
                    Ok(Outcome::Stream(body, rest)) => {
                        ranged::film(proxy, head, body, *rest, (&work.exchange, &work.about)).await
                    }
                    Ok(Outcome::Live(passing)) => Ok(Response::from_parts(head, passing::body(*passing))),
                    Ok(Outcome::Refuse(refusal)) => Ok(refused(&proxy.desk, &refusal, &work.exchange).await),
                    Ok(Outcome::Broken(trouble)) => Err(trouble),
                    Err(error) => Err(Trouble::Protocol(error.to_string())),
                };
            }
            _ = waiting.tick() => {
                if let Some(key) = key.take() {
                    let page = proxy.desk.pages().progress(
                        &work.name,
                        &public_address(&work.exchange.uri),
                        work.progress.taken.load(Ordering::Relaxed),
                        work.progress.whole,
                        &work.exchange.languages,
                    );
                    match proxy.waiting.leave(key, work) {
                        Ok(()) => {
                            let proxy = Arc::clone(proxy);
                            tokio::spawn(async move {
                                tokio::time::sleep(FORGET_TIME).await;
                                proxy.waiting.forget();
                            });
                            return Ok(answer_with(StatusCode::ACCEPTED, page));
                        }
                        Err(back) => work = *back,
                    }
                }
                // A program on the other side may act on a text line by line; it gets all of it or nothing.
                let first = work.progress.beginning.get();
                let Some(first) = first.filter(|first| first.len() == HEAD && inert(first)).cloned() else { continue };
                let Some(piece) = ranged::ahead(&work.head, &work.about.wish, work.progress.whole) else { continue };
                // Of a piece, its own first bytes are sent.
                let first = match piece {
                    Some(piece) => work.progress.slice.get().map(|slice| {
                        let most = usize::try_from(piece.len()).unwrap_or(usize::MAX);
                        slice.slice(..slice.len().min(most))
                    }),
                    None => Some(first),
                };
                let Some(first) = first else { continue };
                let (sender, body) = channel();
                let Work { mut head, exchange, task, progress, about, .. } = work;
                let length = match piece {
                    Some(piece) => {
                        ranged::mark(&mut head, piece, progress.whole.unwrap_or(piece.end));
                        Some(piece.len())
                    }
                    None => progress.whole,
                };
                let begun = Begun { first, piece: piece.unwrap_or(Piece::all(u64::MAX)), status: head.status, headers: head.headers.clone(), about };
                tokio::spawn(trickle(Arc::clone(proxy), exchange, task, begun, sender));
                return Ok(Response::from_parts(head, measured(body, length)));
            }
        }
    }
}

/// An answer of our own console, as it is.
pub(super) fn passed(proxy: &Proxy, answer: Response<Incoming>) -> Response<Body> {
    let (mut head, body) = answer.into_parts();
    fields::inbound(&mut head.headers, &proxy.via);
    head.extensions.clear();
    Response::from_parts(head, Body::new(http_body_util::BodyExt::map_err(body, BoxError::from)))
}

/// The answer in place of what may not pass.
pub(super) async fn refused(desk: &Desk, refusal: &Refusal, exchange: &Exchange) -> Response<Body> {
    desk.settle(exchange, refusal).await;
    let is_busy = matches!(refusal.reason, Reason::Busy(_));
    let status = if is_busy { StatusCode::SERVICE_UNAVAILABLE } else { StatusCode::FORBIDDEN };
    let mut answer = answer_with(status, desk.pages().refusal(refusal, exchange));
    if is_busy {
        answer.headers_mut().insert(RETRY_AFTER, RETRY_SECONDS.into());
    }
    if let Ok(reference) = refusal.reference.parse() {
        answer.headers_mut().insert("x-lazaret-reference", reference);
    }
    answer
}

/// Takes a body in and has it judged, unless it turns out to be one that is passed on while it comes.
async fn gather(
    desk: Arc<Desk>,
    exchange: Arc<Exchange>,
    cargo: Cargo,
    (mut body, mut watch, headers): (Incoming, Option<Watch>, HeaderMap),
    (silence, patience): (Duration, Duration),
    progress: Arc<Progress>,
) -> Outcome {
    let announced = body.size_hint().lower();
    let intake = Intake::new(Arc::clone(&desk), Arc::clone(&exchange), cargo.clone(), announced);
    let mut intake = match intake {
        Ok(intake) => intake,
        Err(refusal) => return Outcome::Refuse(refusal),
    };
    let (mut trailers, mut slice) = (None, BytesMut::new());
    while !intake.is_enough() {
        if watch.as_ref().and_then(Watch::due).is_some_and(|due| due <= Instant::now())
            && let Some(mut watched) = watch.take()
        {
            match watched.decide(&desk, &cargo) {
                Due::Later => watch = Some(watched),
                Due::Never => {}
                Due::Begin(mode) => {
                    let mut live = Live::new(Arc::clone(&desk), Arc::clone(&exchange), cargo.clone(), mode, &headers);
                    match live.came(&watched.so_far()).await {
                        Ok(first) => return Outcome::Live(Box::new(Passing { first, live, body, silence: patience })),
                        Err(Gone::Refused(refusal)) => return Outcome::Refuse(refusal),
                        Err(Gone::Leave) => {}
                    }
                }
            }
        }
        let due = watch.as_ref().and_then(Watch::due);
        let frame = tokio::select! {
            frame = next(&mut body, if watch.is_some() { patience } else { silence }) => frame,
            () = sleep_until(due.unwrap_or_else(Instant::now)), if due.is_some() => continue,
        };
        let Some(frame) = frame else { break };
        let frame = match frame {
            Ok(frame) => frame,
            Err(why) => return Outcome::Broken(Trouble::Protocol(why)),
        };
        match frame.into_data() {
            Ok(data) => {
                let at = progress.taken.fetch_add(data.len() as u64, Ordering::Relaxed);
                progress.note(&mut slice, at, &data);
                if watch.as_mut().is_some_and(|watch| !watch.came(&data)) {
                    watch = None;
                }
                if let Err(refusal) = intake.push(&data).await {
                    return Outcome::Refuse(refusal);
                }
            }
            Err(frame) => trailers = frame.into_trailers().ok(),
        }
        if let Some(first) = intake.beginning()
            && progress.beginning.get().is_none()
        {
            let _ = progress.beginning.set(first.clone());
        }
    }
    if !slice.is_empty() {
        let _ = progress.slice.set(slice.freeze());
    }
    let outcome = if intake.is_enough() {
        let judged = intake.judge_beginning().await;
        let rest = |following| Box::new(Rest { ahead: Bytes::new(), body, following, silence });
        judged.map(|(spooled, following)| Outcome::Stream(spooled, rest(following)))
    } else {
        intake.judge().await.map(|spooled| Outcome::Deliver(spooled, trailers))
    };
    outcome.unwrap_or_else(Outcome::Refuse)
}

/// A whole body, as it came.
pub(super) fn stored(body: Spooled, trailers: Option<HeaderMap>) -> Body {
    if let (Spooled::Memory(bytes), None) = (&body, &trailers) {
        return full(bytes.clone());
    }
    // Trailers need a body without a length (RFC 9112, 7.1.2).
    let length = trailers.is_none().then(|| body.len());
    let (sender, answer) = channel();
    tokio::spawn(async move {
        if send(&body, Piece::all(body.len()), &sender).await
            && let Some(trailers) = trailers
        {
            let _ = sender.send(Ok(Frame::trailers(trailers))).await;
        }
    });
    measured(answer, length)
}

/// The inspected beginning of a film, then the rest of it as it comes; of all that, a piece.
pub(super) fn streamed(body: Spooled, rest: Rest, piece: Option<Piece>) -> Body {
    let whole = rest.body.size_hint().exact().map(|left| left + body.len());
    let length = piece.map(Piece::len).or(whole);
    let piece = piece.unwrap_or(Piece::all(u64::MAX));
    let (sender, answer) = channel();
    tokio::spawn(async move {
        let beginning = body.len();
        if send(&body, piece, &sender).await {
            let _memory = body.memory();
            drop(body);
            pass(rest, Cut::new(beginning, piece), &sender).await;
        }
    });
    measured(answer, length)
}

/// Sends what is still to come, or what is cut out of it; what may not pass breaks it off.
pub(super) async fn pass(rest: Rest, mut cut: Cut, sender: &Sender) {
    let Rest { ahead, mut body, mut following, silence } = rest;
    let (mut trailers, mut ahead) = (None, Some(ahead).filter(|ahead| !ahead.is_empty()));
    while !cut.is_over() {
        let frame = match ahead.take() {
            Some(ahead) => Some(Ok(Frame::data(ahead))),
            None => next(&mut body, silence).await,
        };
        let Some(frame) = frame else { break };
        let passing = match frame.map(Frame::into_data) {
            Ok(Ok(data)) => following.push(&data).await,
            Ok(Err(frame)) => {
                trailers = frame.into_trailers().ok();
                continue;
            }
            Err(why) => Err(why),
        };
        let ended = passing.is_err();
        let passing = passing.map(|bytes| Frame::data(cut.of(&bytes))).map_err(BoxError::from);
        if sender.send(passing).await.is_err() || ended {
            return;
        }
    }
    if cut.is_over() {
        return;
    }
    let last = following.end().await;
    let whole = last.is_ok();
    let last = last.map(|bytes| Frame::data(cut.of(&bytes))).map_err(BoxError::from);
    if sender.send(last).await.is_ok()
        && whole
        && let Some(trailers) = trailers
    {
        let _ = sender.send(Ok(Frame::trailers(trailers))).await;
    }
}

/// Sends a piece of what was gathered, as far as it goes; false when nobody listens any more.
pub(super) async fn send(body: &Spooled, piece: Piece, sender: &Sender) -> bool {
    let (chunk, end) = (body.chunk(CHUNK), piece.end.min(body.len()));
    let mut offset = piece.start;
    while offset < end {
        let most = usize::try_from(end - offset).unwrap_or(usize::MAX).min(chunk);
        match body.read(offset, most).await {
            Ok(bytes) => {
                offset += bytes.len() as u64;
                if sender.send(Ok(Frame::data(bytes))).await.is_err() {
                    return false;
                }
            }
            Err(error) => {
                let _ = sender.send(Err(error.into())).await;
                return false;
            }
        }
    }
    true
}

/// An answer that has begun before the judgement.
struct Begun {
    /// The first bytes of what is sent, which is a piece or all of the body.
    first: Bytes,
    piece: Piece,
    status: StatusCode,
    headers: HeaderMap,
    about: About,
}

/// Keeps a client's connection alive with first bytes, until the judgement; then sends the rest or breaks it off.
async fn trickle(proxy: Arc<Proxy>, exchange: Arc<Exchange>, mut task: Task, begun: Begun, sender: Sender) {
    let Begun { first, piece, status, headers, about } = begun;
    let mut sent = 0;
    let mut pace = tokio::time::interval(TRICKLE_TIME);
    let outcome = loop {
        tokio::select! {
            outcome = &mut task.0 => break outcome,
            _ = pace.tick() => {
                let end = (sent + TRICKLE).min(first.len());
                let piece = first.slice(sent..end);
                sent = end;
                if !piece.is_empty() && sender.send(Ok(Frame::data(piece))).await.is_err() {
                    return;
                }
            }
        }
    };
    let why: BoxError = match outcome {
        Ok(Outcome::Deliver(body, trailers)) => {
            // An error page is no copy of the file.
            let all = trailers.is_none() && matches!(status, StatusCode::OK | StatusCode::PARTIAL_CONTENT);
            ranged::keep(&proxy.desk, &headers, &body, all, &about);
            if send(&body, piece.from(sent as u64), &sender).await
                && let Some(trailers) = trailers
            {
                let _ = sender.send(Ok(Frame::trailers(trailers))).await;
            }
            return;
        }
        Ok(Outcome::Stream(body, rest)) => {
            let (left, beginning) = (piece.from(sent as u64), body.len());
            if send(&body, left, &sender).await {
                let _memory = body.memory();
                drop(body);
                pass(*rest, Cut::new(beginning, left), &sender).await;
            }
            return;
        }
        Ok(Outcome::Live(passing)) => return passing::pass(*passing, sent as u64, &sender).await,
        Ok(Outcome::Refuse(refusal)) => {
            proxy.desk.settle(&exchange, &refusal).await;
            format!("refused, reference {}", refusal.reference).into()
        }
        Ok(Outcome::Broken(trouble)) => format!("{trouble}").into(),
        Err(error) => error.into(),
    };
    // The client sees a download that failed, never a file that looks whole.
    let _ = sender.send(Err(why)).await;
}
