//! A site's answer: gathered, inspected, and only then handed over as it came.

use super::body::{Body, BoxError, channel, full, measured, next};
use super::connection::EVENT_STREAM;
use super::waiting::{FORGET_TIME, Key};
use super::{Proxy, answer_with, fields};
use crate::desk::{Cargo, HEAD};
use crate::following::Following;
use crate::framing;
use crate::intake::{CHUNK, Intake, TRICKLE, TRICKLE_TIME, inert};
use crate::refusal::{RETRY_SECONDS, Reason, Refusal, Trouble, public_address};
use crate::spool::Spooled;
use crate::{Desk, Exchange};
use bytes::Bytes;
use http::header::{CONTENT_LENGTH, CONTENT_RANGE, RETRY_AFTER};
use http::{HeaderMap, Method, Response, StatusCode};
use hyper::body::{Body as HttpBody, Frame, Incoming};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, OnceLock};
use std::time::Duration;
use tokio::sync::mpsc;
use tokio::task::JoinHandle;

/// How an inspection ended.
enum Outcome {
    /// The whole body may pass, with what followed it.
    Deliver(Spooled, Option<HeaderMap>),
    /// The beginning may pass, and what follows need not be inspected.
    Stream(Spooled, Box<Rest>),
    /// It may not pass.
    Refuse(Box<Refusal>),
    /// The site did not send all of it.
    Broken(Trouble),
}

/// What is still to come of a film.
struct Rest {
    body: Incoming,
    following: Following,
    silence: Duration,
}

/// The answer for the client: the site's own, or why not. `key` says that a browser will ask again.
pub(super) async fn inspected(
    proxy: &Arc<Proxy>,
    exchange: Exchange,
    answer: Response<Incoming>,
    key: Option<Key>,
) -> Result<Response<Body>, Trouble> {
    let (mut head, body) = answer.into_parts();
    let announced =
        framing::announced(&head.headers).map_err(|what| Trouble::Protocol(format!("the site sent {what}")))?;
    fields::inbound(&mut head.headers, &proxy.via);
    head.extensions.clear();
    // Nobody was asked for a piece: whoever sends one has something to hide from inspection.
    let refuses_range = head.status == StatusCode::RANGE_NOT_SATISFIABLE;
    if !refuses_range && (framing::is_piece(&head.headers) || is_partial(&head)) {
        return Err(Trouble::Protocol("the site sent a piece of a file where all of it was asked for".to_owned()));
    }
    // A piece that is all of it is an answer like any other.
    if head.status == StatusCode::PARTIAL_CONTENT {
        head.status = StatusCode::OK;
    }
    head.headers.remove(CONTENT_RANGE);
    if head.status.is_informational() {
        return Err(Trouble::Protocol("the site changed the protocol unasked".to_owned()));
    }
    let events = is_event_stream(proxy, &exchange, &head.headers) && exchange.method != Method::HEAD;
    if events && let Err(refusal) = proxy.desk.connect(&exchange, EVENT_STREAM).await {
        return Ok(refused(&proxy.desk, &refusal, &exchange).await);
    }
    if events || exchange.method == Method::HEAD || body.is_end_stream() {
        // Of a body that is not sent, the length is a fact about the file (RFC 9110, 8.6).
        if exchange.method == Method::HEAD || head.status == StatusCode::NOT_MODIFIED {
            head.headers.extend(announced.map(|length| (CONTENT_LENGTH, length.into())));
        }
        return Ok(Response::from_parts(head, Body::new(http_body_util::BodyExt::map_err(body, BoxError::from))));
    }
    let mut cargo = Cargo::of(&exchange, head.status, &head.headers);
    proxy.desk.know(&exchange, &mut cargo).await;
    let exchange = Arc::new(exchange);
    let progress = Arc::new(Progress { whole: body.size_hint().exact(), ..Progress::default() });
    let work = Work {
        name: cargo.name.clone(),
        task: Task::start(proxy, &exchange, cargo, body, &progress),
        head,
        exchange,
        progress,
    };
    settled(proxy, work, key).await
}

/// Whether an answer calls itself a piece and does not say that it is all of the file.
fn is_partial(head: &http::response::Parts) -> bool {
    head.status == StatusCode::PARTIAL_CONTENT && !head.headers.contains_key(CONTENT_RANGE)
}

/// A stream of events, which has no end, for a page's own script that asked for one (HTML, 9.2).
fn is_event_stream(proxy: &Proxy, exchange: &Exchange, headers: &HeaderMap) -> bool {
    let declared = crate::exchange::text(headers, "content-type");
    proxy.settings.websockets
        && exchange.event_stream
        && declared.starts_with("text/event-stream")
        && !crate::exchange::is_attachment(headers)
}

/// An answer that is being gathered and judged.
pub(super) struct Work {
    head: http::response::Parts,
    exchange: Arc<Exchange>,
    name: String,
    progress: Arc<Progress>,
    task: Task,
}

/// How far it is.
#[derive(Default)]
struct Progress {
    beginning: OnceLock<Bytes>,
    taken: AtomicU64,
    whole: Option<u64>,
}

/// Ends with whoever waits for it.
struct Task(JoinHandle<Outcome>);

impl Task {
    fn start(proxy: &Proxy, exchange: &Arc<Exchange>, cargo: Cargo, body: Incoming, progress: &Arc<Progress>) -> Self {
        let (desk, exchange, progress) = (Arc::clone(&proxy.desk), Arc::clone(exchange), Arc::clone(progress));
        Self(tokio::spawn(gather(desk, exchange, cargo, body, proxy.settings.idle_time(), progress)))
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
                    Ok(Outcome::Deliver(body, trailers)) => Ok(Response::from_parts(head, stored(body, trailers))),
                    Ok(Outcome::Stream(body, rest)) => Ok(Response::from_parts(head, streamed(body, *rest))),
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
                let (sender, body) = channel();
                let Work { head, exchange, task, progress, .. } = work;
                tokio::spawn(trickle(Arc::clone(proxy), exchange, task, first, sender));
                return Ok(Response::from_parts(head, measured(body, progress.whole)));
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

/// Takes a body in and has it judged.
async fn gather(
    desk: Arc<Desk>,
    exchange: Arc<Exchange>,
    cargo: Cargo,
    mut body: Incoming,
    silence: Duration,
    progress: Arc<Progress>,
) -> Outcome {
    let mut intake = match Intake::new(desk, exchange, cargo, body.size_hint().lower()) {
        Ok(intake) => intake,
        Err(refusal) => return Outcome::Refuse(refusal),
    };
    let mut trailers = None;
    while !intake.is_enough()
        && let Some(frame) = next(&mut body, silence).await
    {
        let frame = match frame {
            Ok(frame) => frame,
            Err(why) => return Outcome::Broken(Trouble::Protocol(why)),
        };
        match frame.into_data() {
            Ok(data) => {
                progress.taken.fetch_add(data.len() as u64, Ordering::Relaxed);
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
    let outcome = if intake.is_enough() {
        let judged = intake.judge_beginning().await;
        judged.map(|(spooled, following)| Outcome::Stream(spooled, Box::new(Rest { body, following, silence })))
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
        if send(&body, 0, &sender).await
            && let Some(trailers) = trailers
        {
            let _ = sender.send(Ok(Frame::trailers(trailers))).await;
        }
    });
    measured(answer, length)
}

/// The inspected beginning of a film, then the rest of it as it comes.
fn streamed(body: Spooled, rest: Rest) -> Body {
    let length = rest.body.size_hint().exact().map(|left| left + body.len());
    let (sender, answer) = channel();
    tokio::spawn(async move {
        if send(&body, 0, &sender).await {
            let _memory = body.memory();
            drop(body);
            pass(rest, &sender).await;
        }
    });
    measured(answer, length)
}

/// Sends what is still to come; what may not pass breaks it off.
async fn pass(rest: Rest, sender: &mpsc::Sender<Result<Frame<Bytes>, BoxError>>) {
    let Rest { mut body, mut following, silence } = rest;
    let mut trailers = None;
    while let Some(frame) = next(&mut body, silence).await {
        let passing = match frame.map(Frame::into_data) {
            Ok(Ok(data)) => following.push(&data).await,
            Ok(Err(frame)) => {
                trailers = frame.into_trailers().ok();
                continue;
            }
            Err(why) => Err(why),
        };
        let ended = passing.is_err();
        let passing = passing.map(Frame::data).map_err(BoxError::from);
        if sender.send(passing).await.is_err() || ended {
            return;
        }
    }
    let last = following.end().await;
    let whole = last.is_ok();
    if sender.send(last.map(Frame::data).map_err(BoxError::from)).await.is_ok()
        && whole
        && let Some(trailers) = trailers
    {
        let _ = sender.send(Ok(Frame::trailers(trailers))).await;
    }
}

/// Sends what was gathered from `offset` on; false when nobody listens any more.
async fn send(body: &Spooled, mut offset: u64, sender: &mpsc::Sender<Result<Frame<Bytes>, BoxError>>) -> bool {
    let chunk = body.chunk(CHUNK);
    while offset < body.len() {
        match body.read(offset, chunk).await {
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

/// Keeps a client's connection alive with first bytes, until the judgement; then sends the rest or breaks it off.
async fn trickle(
    proxy: Arc<Proxy>,
    exchange: Arc<Exchange>,
    mut task: Task,
    first: Bytes,
    sender: mpsc::Sender<Result<Frame<Bytes>, BoxError>>,
) {
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
            if send(&body, sent as u64, &sender).await
                && let Some(trailers) = trailers
            {
                let _ = sender.send(Ok(Frame::trailers(trailers))).await;
            }
            return;
        }
        Ok(Outcome::Stream(body, rest)) => {
            if send(&body, sent as u64, &sender).await {
                let _memory = body.memory();
                drop(body);
                pass(*rest, &sender).await;
            }
            return;
        }
        Ok(Outcome::Refuse(refusal)) => {
            proxy.desk.settle(&exchange, &refusal).await;
            format!("refused, reference {}", refusal.reference).into()
        }
        Ok(Outcome::Broken(trouble)) => format!("{trouble:?}").into(),
        Err(error) => error.into(),
    };
    // The client sees a download that failed, never a file that looks whole.
    let _ = sender.send(Err(why)).await;
}
