//! One ICAP connection: request after request, each answered before the next is read.

use super::answer::{Next, described, options, services, start};
use super::encapsulated::{self, Message};
use super::message::{Head, Section, Verb, WebRequest};
use super::wire::{Fault, Piece, Reader, Writer};
use super::{Icap, copies, live};
use crate::accept::closed;
use crate::desk::Cargo;
use crate::following::Following;
use crate::intake::{CHUNK, Intake, TRICKLE, TRICKLE_TIME, inert};
use crate::live::{Due, Gone, Live, Watch};
use crate::patient::pace;
use crate::range::Piece as Range;
use crate::refusal::{RETRY_SECONDS, Reason, Refusal};
use crate::spool::Spooled;
use crate::transfer::Mode;
use crate::{Desk, Exchange};
use bytes::Bytes;
use http::{HeaderMap, Method};
use std::net::{IpAddr, SocketAddr};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, OnceLock};
use std::time::Duration;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::sync::{Notify, watch};
use tokio::time::Instant;

/// How long a client that cannot keep the whole body may send nothing until it gets the beginning of its answer.
const STUCK_TIME: Duration = Duration::from_millis(400);
/// Bytes that such a client may be sent for that, one by one.
const MOST_NUDGES: usize = 16;
/// Stands for the length of a body whose end has come.
const ALL: u64 = u64::MAX;

/// How taking in and judging a body ended.
enum Outcome {
    /// All of it may pass, with the trailer fields that followed.
    Deliver(Spooled, Bytes),
    /// What came so far may pass, and so may what follows.
    Stream(Spooled, Box<Following>),
    /// It is passed on while it comes; these bytes may go on already.
    Live(Bytes, Box<Live>),
    /// It may not pass. Whether the client has sent all that it is going to send.
    Refuse(Box<Refusal>, Sent),
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Sent {
    All,
    Part,
}

/// What is known about a body while it is taken in.
#[derive(Default)]
struct State {
    /// Its first bytes.
    beginning: OnceLock<Bytes>,
    /// Bytes taken after the preview; [`ALL`] once the end has come.
    taken: AtomicU64,
    /// So much was taken that the answer must begin.
    filled: Notify,
}

/// What the client was told.
struct Progress {
    /// `100 Continue` was sent.
    continued: bool,
}

pub(super) async fn serve<S>(icap: &Icap, stream: S, client: SocketAddr, closing: watch::Receiver<bool>)
where
    S: AsyncRead + AsyncWrite + Unpin,
{
    let (reading, writing) = tokio::io::split(stream);
    let (mut reader, mut writer) = (Reader::new(reading, icap.silence()), Writer::new(writing, icap.silence()));
    loop {
        reader.paced(None);
        let there = tokio::select! {
            there = reader.wait() => there,
            () = closed(closing.clone()) => reader.has_more(),
        };
        if !there {
            return;
        }
        let next = one(icap, &mut reader, &mut writer, client.ip()).await;
        match next {
            Ok(Next::Keep) => {}
            Ok(Next::Close) => return writer.close(reader).await,
            Err(Fault::Status(status, reason)) => {
                tracing::info!(%client, status, reason, "rejected an ICAP request");
                let head = start(icap, status, reason, Next::Close) + "Encapsulated: null-body=0\r\n\r\n";
                let _ = writer.send(head.as_bytes()).await;
                return writer.close(reader).await;
            }
            Err(Fault::Gone(why)) => return tracing::debug!(%client, why, "an ICAP connection ended"),
        }
    }
}

async fn one<R, W>(icap: &Icap, reader: &mut Reader<R>, writer: &mut Writer<W>, gateway: IpAddr) -> Result<Next, Fault>
where
    R: AsyncRead + Unpin,
    W: AsyncWrite + Unpin,
{
    reader.paced(Some(pace()));
    let head = Head::parse(&reader.head().await?)?;
    let sections = head.sections()?;
    let serves = services(&head.service).ok_or(Fault::Status(404, "ICAP Service Not Found"))?;
    let next = if head.closes() { Next::Close } else { Next::Keep };
    if head.verb == Verb::Options {
        if sections.iter().any(|(section, _)| *section == Section::Body) {
            while let Piece::Data(_) = reader.piece().await? {}
        }
        writer.send(options(icap, serves, next).as_bytes()).await?;
        return Ok(next);
    }
    if !serves.contains(&head.verb) {
        return Err(Fault::Status(405, "Method Not Allowed For Service"));
    }
    let message = encapsulated::read(head, &sections, reader).await?;
    // What a site answers comes as the site sends it.
    reader.paced((message.head.verb == Verb::Request).then(pace));
    if message.has_body {
        let exchange = message.exchange(icap, gateway);
        return with_body(icap, reader, writer, message, exchange, next).await;
    }
    // A request without a body asks a site for something: whether it may be asked at all is all there is to say.
    let exchange = message.exchange(icap, gateway);
    if message.head.verb == Verb::Request && copies::answer(icap, writer, &message, &exchange, next).await? {
        return Ok(next);
    }
    if message.head.verb == Verb::Request
        && let Some(refusal) = icap.desk.forbids(&exchange)
    {
        refuse(icap, writer, &refusal, &exchange, next).await?;
        return Ok(next);
    }
    let changed = message.request.as_ref().filter(|_| message.head.verb == Verb::Request);
    match changed.and_then(WebRequest::without_range) {
        Some(request) => {
            let fields = format!("Encapsulated: req-hdr=0, null-body={}\r\n\r\n", request.len());
            writer.send(&[start(icap, 200, "OK", next).as_bytes(), fields.as_bytes(), &request].concat()).await?;
        }
        None if message.head.allows("204") || message.preview.is_some() => unmodified(icap, writer, next).await?,
        None => {
            let answer = start(icap, 200, "OK", next) + &message.encapsulated(message.raw(), "null-body");
            writer.send(&[answer.as_bytes(), message.raw()].concat()).await?;
        }
    }
    Ok(next)
}

async fn unmodified<W: AsyncWrite + Unpin>(icap: &Icap, writer: &mut Writer<W>, next: Next) -> Result<(), Fault> {
    let answer = start(icap, 204, "No Modifications Needed", next) + "Encapsulated: null-body=0\r\n\r\n";
    writer.send(answer.as_bytes()).await
}

async fn with_body<R, W>(
    icap: &Icap,
    reader: &mut Reader<R>,
    writer: &mut Writer<W>,
    message: Message,
    exchange: Exchange,
    next: Next,
) -> Result<Next, Fault>
where
    R: AsyncRead + Unpin,
    W: AsyncWrite + Unpin,
{
    let exchange = Arc::new(exchange);
    let mut cargo = message.cargo(&exchange);
    icap.desk.know(&exchange, &mut cargo).await;
    let answered = message.response.as_ref().filter(|_| message.head.verb == Verb::Response);
    let mut watch = answered
        .filter(|answer| exchange.method != Method::HEAD && !answer.status.is_informational())
        .and_then(|answer| Watch::of(&exchange, &cargo, &answer.headers, message.announced()));
    if message.is_piece() {
        let why = Reason::Failed("the site sent part of a file, which cannot be judged".to_owned());
        let refusal = icap.desk.refuse(&exchange, &cargo, why);
        refuse(icap, writer, &refusal, &exchange, Next::Close).await?;
        return Ok(Next::Close);
    }
    let mut progress = Progress { continued: false };
    let judged = (cargo.origin.clone(), icap.desk.judged_by());
    let mut intake = match Intake::new(Arc::clone(&icap.desk), Arc::clone(&exchange), cargo.clone(), 0) {
        Ok(intake) => intake,
        Err(refusal) => return refuse(icap, writer, &refusal, &exchange, Next::Close).await.map(|()| Next::Close),
    };
    let mut whole = None;
    if let Some(limit) = message.preview {
        match preview(reader, (&mut intake, &mut watch), limit).await? {
            // The client waits for an answer and has sent nothing else.
            Preview::Refused(refusal) => {
                return refuse(icap, writer, &refusal, &exchange, next).await.map(|()| next);
            }
            Preview::Whole(trailers) => whole = Some(trailers),
            Preview::Beginning => {
                writer.send(b"ICAP/1.0 100 Continue\r\n\r\n").await?;
                progress.continued = true;
            }
        }
    }
    let state = State::default();
    let spared = message.head.allows("204") || message.preview.is_some() && !progress.continued;
    let patience = Duration::from_secs(icap.settings.patience_seconds.max(1));
    // Bytes of the body that the client has been sent already, once its answer was begun.
    let mut sent = None;
    let outcome = {
        let watched = Watched {
            watch,
            desk: &icap.desk,
            exchange: &exchange,
            cargo: &cargo,
            headers: answered.map(|answer| &answer.headers),
        };
        let work = gather(reader, (intake, watched), whole, &state, icap.settings.begin_after_bytes);
        tokio::pin!(work);
        let early = tokio::select! {
            outcome = &mut work => Some(outcome?),
            // Whoever can be told in one line that all is well needs nothing before.
            () = impatience(patience, &state, icap.settings.begin_after_bytes > 0), if !spared => None,
        };
        match early {
            Some(outcome) => outcome,
            None => {
                begin(icap, writer, &message, None, next).await?;
                let mut at = 0;
                sent = Some(at);
                let mut pace = tokio::time::interval_at(Instant::now() + patience, TRICKLE_TIME);
                let mut stuck = tokio::time::interval_at(Instant::now() + STUCK_TIME, STUCK_TIME);
                let mut before = 0;
                loop {
                    let more = tokio::select! {
                        outcome = &mut work => break outcome?,
                        _ = pace.tick() => if state.beginning.get().is_some_and(|first| inert(first)) { TRICKLE } else { 0 },
                        // Squid up to 5 may stop once more shortly before the end, until a byte of the body comes back.
                        _ = stuck.tick() => {
                            let taken = state.taken.load(Ordering::Relaxed);
                            usize::from(taken == std::mem::replace(&mut before, taken) && taken != ALL && at < MOST_NUDGES)
                        }
                    };
                    let first = state.beginning.get().cloned().unwrap_or_default();
                    let end = (at + more).min(first.len());
                    writer.send_chunk(&first.slice(at..end)).await?;
                    at = end;
                    sent = Some(at);
                }
            }
        }
    };
    match (outcome, sent) {
        (Outcome::Refuse(refusal, sent), None) => {
            let next = if sent == Sent::All { next } else { Next::Close };
            refuse(icap, writer, &refusal, &exchange, next).await?;
            return Ok(next);
        }
        // The client sees a download that failed, never a file that looks whole.
        (Outcome::Refuse(refusal, _), Some(_)) => {
            icap.desk.settle(&exchange, &refusal).await;
            return Err(Fault::Gone(format!("refused, reference {}", refusal.reference)));
        }
        (Outcome::Live(first, live), sent) => {
            if sent.is_none() {
                begin(icap, writer, &message, None, next).await?;
            }
            live::pass(reader, writer, first, *live, sent.unwrap_or(0) as u64).await?;
        }
        (Outcome::Deliver(body, trailers), None) => {
            copies::keep(icap, &message, &exchange, (&body, &trailers), judged);
            deliver(icap, writer, &message, &progress, body, trailers, next).await?;
        }
        (Outcome::Deliver(body, trailers), Some(sent)) => {
            if !message.is_framed_well(Some(body.len())) && message.announced().is_some() {
                return Err(Fault::Gone("the body's length differs from the announced one".to_owned()));
            }
            send(writer, &body, Range::all(body.len()).from(sent as u64)).await?;
            finish(writer, &trailers).await?;
        }
        (Outcome::Stream(body, following), sent) => {
            if sent.is_none() {
                begin(icap, writer, &message, None, next).await?;
            }
            send(writer, &body, Range::all(body.len()).from(sent.unwrap_or(0) as u64)).await?;
            let left = message.announced().map(|announced| announced.checked_sub(body.len()));
            let _memory = body.memory();
            drop(body);
            stream(reader, writer, *following, left).await?;
        }
    }
    Ok(next)
}

/// Begins an answer that has the whole body, of a length that may be known.
async fn begin<W: AsyncWrite + Unpin>(
    icap: &Icap,
    writer: &mut Writer<W>,
    message: &Message,
    length: Option<u64>,
    next: Next,
) -> Result<(), Fault> {
    let heads = message.heads(length);
    let answer = start(icap, 200, "OK", next) + &message.encapsulated(&heads, message.body_section());
    writer.send(&[answer.as_bytes(), &heads].concat()).await
}

enum Preview {
    /// The preview is all there is.
    Whole(Bytes),
    /// There is more.
    Beginning,
    /// What came is enough to say no.
    Refused(Box<Refusal>),
}

/// Reads a preview to its end (RFC 3507, 4.5).
async fn preview<R: AsyncRead + Unpin>(
    reader: &mut Reader<R>,
    (intake, watch): (&mut Intake, &mut Option<Watch>),
    limit: u64,
) -> Result<Preview, Fault> {
    let mut refused = None;
    let mut taken = 0;
    loop {
        match reader.piece().await? {
            Piece::Data(data) => {
                taken += data.len() as u64;
                if taken > limit {
                    return Err(Fault::Status(400, "Preview Too Long"));
                }
                watch.take_if(|watch| !watch.came(&data));
                if refused.is_none() {
                    refused = intake.push(&data).await.err();
                }
            }
            Piece::End { whole, trailers } => {
                return Ok(match refused.or_else(|| if taken > 0 { intake.early().err() } else { None }) {
                    Some(refusal) => Preview::Refused(refusal),
                    None if whole => Preview::Whole(trailers),
                    None => Preview::Beginning,
                });
            }
        }
    }
}

/// What watches for bodies without end.
struct Watched<'a> {
    watch: Option<Watch>,
    desk: &'a Arc<Desk>,
    exchange: &'a Arc<Exchange>,
    cargo: &'a Cargo,
    headers: Option<&'a HeaderMap>,
}

impl Watched<'_> {
    /// Begins to pass a body on, once it is clear that it is one without end.
    async fn decide(&mut self) -> Option<Outcome> {
        self.watch.as_ref()?.due().filter(|due| *due <= Instant::now())?;
        let mut watch = self.watch.take()?;
        let mode = match watch.decide(self.desk, self.cargo) {
            Due::Begin(mode) => mode,
            Due::Later => {
                self.watch = Some(watch);
                return None;
            }
            Due::Never => return None,
        };
        let (desk, exchange, cargo) = (Arc::clone(self.desk), Arc::clone(self.exchange), self.cargo.clone());
        let mut live = Live::new(desk, exchange, cargo, mode, self.headers?);
        match live.came(&watch.so_far()).await {
            Ok(first) => Some(Outcome::Live(first, Box::new(live))),
            Err(Gone::Refused(refusal)) => Some(Outcome::Refuse(refusal, Sent::Part)),
            Err(Gone::Leave) => None,
        }
    }
}

impl Watched<'_> {
    /// Looks at the messages of a body that has come whole, one by one.
    async fn all(&mut self) -> Option<Box<Refusal>> {
        let mut watch = self.watch.take()?;
        let Due::Begin(mode @ Mode::Messages) = watch.decide(self.desk, self.cargo) else { return None };
        let (desk, exchange, cargo) = (Arc::clone(self.desk), Arc::clone(self.exchange), self.cargo.clone());
        let mut live = Live::new(desk, exchange, cargo, mode, self.headers?);
        let looked = match live.came(&watch.so_far()).await {
            Ok(_) => live.end().await,
            Err(gone) => Err(gone),
        };
        match looked {
            Err(Gone::Refused(refusal)) => Some(refusal),
            _ => None,
        }
    }
}

/// Takes in the rest of a body and has it judged. `whole` has the trailers of a body that came already.
async fn gather<R: AsyncRead + Unpin>(
    reader: &mut Reader<R>,
    (mut intake, mut watched): (Intake, Watched<'_>),
    whole: Option<Bytes>,
    state: &State,
    begin_after: u64,
) -> Result<Outcome, Fault> {
    let mut ended = whole;
    while !intake.is_enough() {
        if ended.is_some() {
            match watched.all().await {
                Some(refusal) => return Ok(Outcome::Refuse(refusal, Sent::All)),
                None => break,
            }
        }
        if let Some(outcome) = watched.decide().await {
            return Ok(outcome);
        }
        let due = watched.watch.as_ref().and_then(Watch::due);
        let piece = tokio::select! {
            piece = reader.piece() => piece?,
            () = tokio::time::sleep_until(due.unwrap_or_else(Instant::now)), if due.is_some() => continue,
        };
        match piece {
            Piece::Data(data) => {
                watched.watch.take_if(|watch| !watch.came(&data));
                if let Err(refusal) = intake.push(&data).await {
                    return Ok(Outcome::Refuse(refusal, Sent::Part));
                }
                let taken = state.taken.fetch_add(data.len() as u64, Ordering::Relaxed) + data.len() as u64;
                if begin_after > 0 && taken >= begin_after {
                    state.filled.notify_one();
                }
            }
            Piece::End { trailers, .. } => {
                ended = Some(trailers);
                state.taken.store(ALL, Ordering::Relaxed);
            }
        }
        if let Some(first) = intake.beginning()
            && state.beginning.get().is_none()
        {
            let _ = state.beginning.set(first.clone());
        }
    }
    let sent = if ended.is_some() { Sent::All } else { Sent::Part };
    let outcome = match ended {
        Some(trailers) => intake.judge().await.map(|body| Outcome::Deliver(body, trailers)),
        None => intake.judge_beginning().await.map(|(body, following)| Outcome::Stream(body, Box::new(following))),
    };
    Ok(outcome.unwrap_or_else(|refusal| Outcome::Refuse(refusal, sent)))
}

/// Comes to an end when a client must be sent the beginning of its answer: it has waited long enough and there is
/// something harmless to send, or it holds as much as it can.
async fn impatience(patience: Duration, state: &State, can_stick: bool) {
    let waited = async {
        loop {
            tokio::time::sleep(patience).await;
            if state.beginning.get().is_some_and(|first| inert(first)) {
                return;
            }
        }
    };
    // Squid up to 5 keeps what it has sent for a second try until it sees an answer, and its buffer of 64 KiB is taken for
    // full some way before it is: then it neither sends nor reads on.
    let stuck = async {
        let mut before = 0;
        loop {
            tokio::time::sleep(STUCK_TIME).await;
            let taken = state.taken.load(Ordering::Relaxed);
            if taken > 0 && taken == before && taken != ALL {
                return tracing::debug!(taken, "an ICAP client is waiting for the beginning of its response");
            }
            before = taken;
        }
    };
    tokio::select! {
        () = waited => {}
        () = state.filled.notified() => {}
        () = stuck, if can_stick => {}
    }
}

/// Hands over what may pass, in the shortest way that the client understands.
async fn deliver<W: AsyncWrite + Unpin>(
    icap: &Icap,
    writer: &mut Writer<W>,
    message: &Message,
    progress: &Progress,
    body: Spooled,
    trailers: Bytes,
    next: Next,
) -> Result<(), Fault> {
    // A gateway that takes its own copy back would send it under a length that is not its own.
    if !message.is_framed_well(Some(body.len())) {
        begin(icap, writer, message, Some(body.len()), next).await?;
        send(writer, &body, Range::all(body.len())).await?;
        return finish(writer, &trailers).await;
    }
    // RFC 3507, 4.6: inside a preview 204 is always understood, outside only where it is allowed.
    if message.head.allows("204") || message.preview.is_some() && !progress.continued {
        return unmodified(icap, writer, next).await;
    }
    if message.head.allows("206") {
        let answer =
            start(icap, 206, "Partial Content", next) + &message.encapsulated(message.raw(), message.body_section());
        return writer.send(&[answer.as_bytes(), message.raw(), b"0; use-original-body=0\r\n\r\n"].concat()).await;
    }
    begin(icap, writer, message, Some(body.len()), next).await?;
    send(writer, &body, Range::all(body.len())).await?;
    finish(writer, &trailers).await
}

pub(super) async fn finish<W: AsyncWrite + Unpin>(writer: &mut Writer<W>, trailers: &[u8]) -> Result<(), Fault> {
    writer.send(&[b"0\r\n", trailers, b"\r\n"].concat()).await
}

/// Sends a piece of what was gathered, as far as it goes.
pub(super) async fn send<W: AsyncWrite + Unpin>(
    writer: &mut Writer<W>,
    body: &Spooled,
    piece: Range,
) -> Result<(), Fault> {
    let (chunk, end) = (body.chunk(CHUNK), piece.end.min(body.len()));
    let mut offset = piece.start;
    while offset < end {
        let most = usize::try_from(end - offset).unwrap_or(usize::MAX).min(chunk);
        let piece = body.read(offset, most).await.map_err(|error| Fault::Gone(format!("the spool: {error}")))?;
        offset += piece.len() as u64;
        writer.send_chunk(&piece).await?;
    }
    Ok(())
}

/// Passes on what is still to come. `left` has what was announced of it, or that less was announced than came already.
async fn stream<R, W>(
    reader: &mut Reader<R>,
    writer: &mut Writer<W>,
    mut following: Following,
    mut left: Option<Option<u64>>,
) -> Result<(), Fault>
where
    R: AsyncRead + Unpin,
    W: AsyncWrite + Unpin,
{
    let other = || Fault::Gone("the body's length differs from the announced one".to_owned());
    loop {
        match reader.piece().await? {
            Piece::Data(data) => {
                left = left.map(|left| left?.checked_sub(data.len() as u64));
                if left == Some(None) {
                    return Err(other());
                }
                let passing = following.push(&data).await.map_err(Fault::Gone)?;
                writer.send_chunk(&passing).await?;
            }
            Piece::End { trailers, .. } => {
                if left.is_some_and(|left| left != Some(0)) {
                    return Err(other());
                }
                let last = following.end().await.map_err(Fault::Gone)?;
                writer.send_chunk(&last).await?;
                return finish(writer, &trailers).await;
            }
        }
    }
}

/// Answers with a page in place of what may not pass, or that there is no time to look at it now.
pub(super) async fn refuse<W: AsyncWrite + Unpin>(
    icap: &Icap,
    writer: &mut Writer<W>,
    refusal: &Refusal,
    exchange: &Exchange,
    next: Next,
) -> Result<(), Fault> {
    icap.desk.settle(exchange, refusal).await;
    if let Reason::Busy(_) = &refusal.reason {
        // RFC 3507, 4.3.3: too much is under way.
        let fields = format!("Retry-After: {RETRY_SECONDS}\r\nEncapsulated: null-body=0\r\n\r\n");
        return writer.send((start(icap, 503, "Service Overloaded", next) + &fields).as_bytes()).await;
    }
    let page = icap.desk.pages().refusal(refusal, exchange);
    let mut web = format!("HTTP/1.1 403 Forbidden\r\nContent-Length: {}\r\n", page.body.len());
    for (name, value) in &page.headers() {
        web += &format!("{name}: {}\r\n", String::from_utf8_lossy(value.as_bytes()));
    }
    web += &format!("x-lazaret-reference: {}\r\n\r\n", refusal.reference);
    let (body, encapsulated) = if page.body.is_empty() {
        (Vec::new(), format!("Encapsulated: res-hdr=0, null-body={}\r\n\r\n", web.len()))
    } else {
        let chunk = [format!("{:x}\r\n", page.body.len()).as_bytes(), &page.body, b"\r\n0\r\n\r\n"].concat();
        (chunk, format!("Encapsulated: res-hdr=0, res-body={}\r\n\r\n", web.len()))
    };
    let head = start(icap, 200, "OK", next) + &described(refusal) + &encapsulated;
    writer.send(&[head.as_bytes(), web.as_bytes(), &body].concat()).await
}
