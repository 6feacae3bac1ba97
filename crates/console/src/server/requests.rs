//! Asking for what was stopped, deciding about it, and fetching it once.

use super::asker::Asker;
use super::contained;
use super::session::{Allowed, May, Shown, Signed, may};
use super::{Answer, Refused, page, parts, shown_time};
use askama::Template;
use axum::body::Body;
use axum::extract::{Form, Path, State};
use axum::http::StatusCode;
use axum::http::header::{CONTENT_DISPOSITION, CONTENT_ENCODING, CONTENT_LENGTH, CONTENT_TYPE};
use axum::response::{IntoResponse, Redirect, Response};
use lazaret_engine::{Client, Grounds, Request, SampleBytes};
use lazaret_model::{AuditAct, ContentCoding, Decision, Direction, Gate, Origin, ScanReport, Verdict, plain};
use lazaret_store::{Ask, Event, Ledger, LoggedEvent, ReleaseRequest, RequestState, now};
use serde::Deserialize;
use std::fs::File;
use std::io::Read;
use std::time::Duration;

/// Characters of a reason, and of a name.
const MOST_REASON: usize = 2_000;
const MOST_NAME: usize = 120;
/// Requests for one event that may wait at once.
const MOST_WAITING: i64 = 5;
const HOUR: i64 = 3_600_000;
/// Bytes handed over at a time.
const CHUNK: usize = 64 << 10;
/// How long whoever wants a file inspected waits for a turn.
const TURN_TIME: Duration = Duration::from_secs(60);

#[derive(Template)]
#[template(path = "console/ask.html")]
struct AskPage {
    user: Option<Shown>,
    event: Event,
    name: String,
    address: String,
    problem: &'static str,
}

#[derive(Template)]
#[template(path = "console/asked.html")]
struct AskedPage {
    user: Option<Shown>,
    request: ReleaseRequest,
    name: String,
    until: String,
    open: bool,
    approved: bool,
}

#[derive(Template)]
#[template(path = "console/requests.html")]
struct RequestsPage {
    user: Option<Shown>,
    may_decide: bool,
    /// Each with its time, the file's name, and whether it is one's own.
    rows: Vec<(ReleaseRequest, String, String, bool)>,
}

#[derive(Deserialize)]
pub(super) struct AskForm {
    name: String,
    reason: String,
}

#[derive(Deserialize)]
pub(super) struct DecideForm {
    decision: String,
    #[serde(default)]
    answer: String,
}

pub(super) async fn asked_for(console: &parts::Releases, reference: &str) -> Result<LoggedEvent, Refused> {
    let event = console.ledger.stopped_event(&reference.to_uppercase()).await?;
    // What was not kept cannot be given, and who guesses numbers learns nothing from the difference.
    event
        .filter(|event| !event.event.content_blob.is_empty())
        .ok_or(Refused::Because(StatusCode::NOT_FOUND, "there is no file with this reference that can be requested"))
}

/// Refuses what was stopped on its way out: whoever sent it has it, and nothing here sends it on.
fn is_for_somebody(event: &Event, sentence: &'static str) -> Result<(), Refused> {
    if event.direction == Direction::Upload.name() {
        return Err(Refused::Because(StatusCode::CONFLICT, sentence));
    }
    Ok(())
}

/// Why nobody asks for what was stopped on its way out.
const SENT: &str = "this was an upload, so there is nothing to release, and it cannot be sent from here; give your IT \
    department the reference, and send it again once it is allowed";
/// Why nobody releases it.
const SENDS_NOTHING: &str = "this was an upload: releasing it would not send anything, and the sender still has it; \
    deny the request and say what they can do instead";

pub(super) async fn form(
    State(console): State<parts::Releases>,
    asker: Asker,
    Path(reference): Path<String>,
) -> Answer {
    let event = asked_for(&console, &reference).await?.event;
    asker.concerns(&event)?;
    is_for_somebody(&event, SENT)?;
    ask_page(event, "")
}

fn ask_page(event: Event, problem: &'static str) -> Answer {
    let (name, address) = (plain(&event.name), plain(&event.address));
    page(&AskPage { user: None, event, name, address, problem })
}

pub(super) async fn ask(
    State(console): State<parts::Releases>,
    asker: Asker,
    Path(reference): Path<String>,
    Form(form): Form<AskForm>,
) -> Answer {
    let event = asked_for(&console, &reference).await?.event;
    asker.concerns(&event)?;
    is_for_somebody(&event, SENT)?;
    // Whom the proxy knows need not say, and cannot say otherwise.
    let known = asker.person.clone().or(asker.signed_in).unwrap_or_default();
    let name = asker.person.unwrap_or_else(|| form.name.trim().to_owned());
    let (client, reason) = (asker.client, form.reason.trim().to_owned());
    if name.is_empty() || reason.is_empty() {
        return ask_page(event, "Please enter your name and why you need the file.");
    }
    if name.chars().count() > MOST_NAME || reason.chars().count() > MOST_REASON {
        return ask_page(event, "That is too long; please be brief.");
    }
    let (lately, waiting) = console.ledger.asked(&client, now() - HOUR, &event.reference).await?;
    if lately >= i64::from(console.settings.requests_an_hour) || waiting >= MOST_WAITING {
        let answer =
            ask_page(event, "Too many requests from this computer or for this file; please wait for an answer.")?;
        return Ok((StatusCode::TOO_MANY_REQUESTS, answer).into_response());
    }
    let ask = Ask { reference: event.reference.clone(), asker: name, person: known, client, reason };
    let token = console.ledger.ask(&ask).await?;
    tracing::info!(reference = %event.reference, "a file was requested");
    Ok(Redirect::to(&format!("/asked/{token}")).into_response())
}

async fn request_of(console: &parts::Releases, token: &str) -> Result<(ReleaseRequest, Event), Refused> {
    let missing = Refused::Because(StatusCode::NOT_FOUND, "no such request");
    let Some(request) = console.ledger.request_by_token(token).await? else { return Err(missing) };
    let Some(event) = console.ledger.stopped_event(&request.reference).await? else { return Err(missing) };
    Ok((request, event.event))
}

pub(super) async fn asked(State(console): State<parts::Releases>, asker: Asker, Path(token): Path<String>) -> Answer {
    let (request, event) = request_of(&console, &token).await?;
    asker.concerns(&event)?;
    let asked = AskedPage {
        user: None,
        name: plain(&event.name),
        until: shown_time(request.expires_at),
        open: request.state == RequestState::Open,
        approved: request.state == RequestState::Approved,
        request,
    };
    page(&asked)
}

pub(super) async fn list(State(console): State<parts::Releases>, who: Allowed<may::View>) -> Answer {
    let requests = console.ledger.named_requests(200).await?;
    let may_decide = who.may(May::Decide);
    let mut rows = Vec::with_capacity(requests.len());
    for (request, name) in requests {
        // Asked only where it decides what is shown.
        let open = may_decide && request.state == RequestState::Open;
        let own = open && is_own(&console, &who.user.name, &request).await?;
        rows.push((request.clone(), shown_time(request.at), plain(&name), own));
    }
    page(&RequestsPage { user: who.shown(), may_decide, rows })
}

pub(super) async fn decide(
    State(console): State<parts::Releases>,
    who: Allowed<may::Decide>,
    Path(id): Path<i64>,
    Signed(form): Signed<DecideForm>,
) -> Answer {
    let state = match form.decision.as_str() {
        "approve" => RequestState::Approved,
        "deny" => RequestState::Denied,
        _ => return Err(Refused::Because(StatusCode::BAD_REQUEST, "approve or deny")),
    };
    decided(&console, &who.user.name, id, state, &form.answer).await?;
    Ok(Redirect::to("/requests").into_response())
}

/// Whether somebody asked themselves, or what is asked for was stopped for them: then the file is theirs, whoever asks.
async fn is_own(console: &parts::Releases, who: &str, request: &ReleaseRequest) -> Result<bool, Refused> {
    if request.is_by(who) {
        return Ok(true);
    }
    let event = console.ledger.event(&request.reference).await?;
    Ok(event.is_some_and(|event| event.event.person.eq_ignore_ascii_case(who)))
}

/// Decides an open request for somebody who may.
pub(super) async fn decided(
    console: &parts::Releases,
    who: &str,
    id: i64,
    state: RequestState,
    answer: &str,
) -> Result<(), Refused> {
    let answer: String = answer.trim().chars().take(MOST_REASON).collect();
    if let Some(request) = console.ledger.request(id).await?
        && is_own(console, who, &request).await?
    {
        return Err(Refused::Because(
            StatusCode::FORBIDDEN,
            "you cannot decide about a file that you requested or that was stopped on its way to you; someone else \
                must",
        ));
    }
    // Older versions took requests for uploads.
    if state == RequestState::Approved
        && let Some(request) = console.ledger.request(id).await?
        && let Some(logged) = console.ledger.event(&request.reference).await?
    {
        is_for_somebody(&logged.event, SENDS_NOTHING)?;
        contained::release(console, &logged.event, None, &[&request.person, &request.asker]).await?;
    }
    if state == RequestState::Denied && answer.is_empty() {
        return Err(Refused::Because(StatusCode::BAD_REQUEST, "say why it is denied; the requester will read it"));
    }
    let expires = now() + i64::from(console.settings.release_hours) * HOUR;
    if !console.ledger.decide(id, state, who, &answer, expires).await? {
        return Err(Refused::Because(StatusCode::CONFLICT, "this request has already been decided"));
    }
    console.ledger.note(who, AuditAct::RequestDecided, &format!("{id}: {}", state.name())).await?;
    Ok(())
}

/// Hands an approved file over, once, if what is known by now does not speak against it.
pub(super) async fn fetch(State(console): State<parts::Releases>, asker: Asker, Path(token): Path<String>) -> Answer {
    let (request, event) = request_of(&console, &token).await?;
    asker.concerns(&event)?;
    is_for_somebody(&event, SENT)?;
    if request.state != RequestState::Approved {
        return Err(Refused::Because(StatusCode::CONFLICT, "this file is not, or no longer, available"));
    }
    let file = content_of(&console, &event).await?;
    let report = inspect_again(&console, &event, &file).await?;
    contained::release(&console, &event, Some(&report), &[&request.person, &request.asker]).await?;
    let known = event.verdict == Verdict::Malicious.name();
    if report.verdict == Verdict::Malicious && report.decision != Decision::Deliver && !known {
        console
            .ledger
            .note("lazaret", AuditAct::ReleaseRefused, &format!("{}: it is now known to be malicious", event.reference))
            .await?;
        return Err(Refused::Because(
            StatusCode::FORBIDDEN,
            "since it was approved, this file has turned out to be malicious; it is not released",
        ));
    }
    if !console.ledger.fetch_once(request.id).await? {
        return Err(Refused::Because(StatusCode::CONFLICT, "this file is not, or no longer, available"));
    }
    let unless_whole = Release { ledger: console.ledger.clone(), id: request.id, whole: false };
    console.ledger.note("lazaret", AuditAct::Released, &format!("{} to {}", event.reference, request.asker)).await?;
    handed_over(&event, file, Some(unless_whole))
}

/// Gives a release back whose download breaks off before its last byte was handed to the connection.
pub(super) struct Release {
    ledger: Ledger,
    id: i64,
    whole: bool,
}

impl Drop for Release {
    fn drop(&mut self) {
        if self.whole {
            return;
        }
        let (ledger, id) = (self.ledger.clone(), self.id);
        tokio::spawn(async move {
            if let Err(error) = ledger.fetch_again(id).await {
                tracing::error!(%error, "an interrupted download cannot be repeated");
            }
        });
    }
}

/// The bytes that were kept of an event.
pub(super) async fn content_of(console: &parts::Releases, event: &Event) -> Result<File, Refused> {
    let blob = event.content_blob.clone();
    let file = parts::ask(&console.blobs, move |blobs| blobs.fetch(&blob)).await?;
    file.ok_or(Refused::Because(
        StatusCode::GONE,
        "the file is no longer in the quarantine; download it again and make a new request",
    ))
}

/// Where an event's sample came from, as it was judged then. Of an event of an older version only what its own columns say is
/// known; whoever asks for it now is a person, who gets it as a file.
pub(super) fn origin_of(event: &Event) -> Origin {
    let origin = match Grounds::parse(&event.judged) {
        Some(grounds) => grounds.origin().clone(),
        None => {
            let known = |text: &str| Some(text.to_owned()).filter(|text| !text.is_empty());
            Origin {
                gate: serde_json::from_value(event.gate.clone().into()).unwrap_or(Gate::Api),
                direction: serde_json::from_value(event.direction.clone().into()).unwrap_or_default(),
                person: known(&event.person),
                host: known(&event.host),
                domain: known(&event.domain),
                ..Origin::default()
            }
        }
    };
    // A person gets it, as a file and not for a page. It is no part of what a site did to a client: an inspection here is not to be put
    // together with what the gates see.
    Origin { navigation: true, saves: true, attached: true, page: None, client: None, ..origin }
}

async fn inspect_again(console: &parts::Releases, event: &Event, file: &File) -> Result<ScanReport, Refused> {
    inspect_as(console, event, file, origin_of(event), Vec::new()).await
}

/// Inspects what was kept of an event, as if it came from somewhere, with passwords.
pub(super) async fn inspect_as(
    console: &parts::Releases,
    event: &Event,
    file: &File,
    origin: Origin,
    passwords: Vec<String>,
) -> Result<ScanReport, Refused> {
    let engine = (console.engine)();
    let broken =
        |error: &dyn std::fmt::Display| Refused::Broken(format!("the file could not be inspected again: {error}"));
    let bytes = SampleBytes::File(file.try_clone().map_err(|error| broken(&error))?);
    let codings = ContentCoding::parse_list(&event.codings).map_err(|error| broken(&error))?;
    let name = event.name.clone();
    // Whoever had it stopped again and again takes no turns from others.
    let waiting = console.turns.wait(&Client::Console(event.client.clone()));
    let busy = "too many files are being inspected at the moment; please try again shortly";
    let busy = || Refused::Because(StatusCode::SERVICE_UNAVAILABLE, busy);
    let waiting = waiting.map_err(|_| busy())?;
    let turn = tokio::time::timeout(TURN_TIME, waiting).await.map_err(|_| busy())?;
    let (ledger, runtime) = (console.ledger.clone(), tokio::runtime::Handle::current());
    let report = tokio::task::spawn_blocking(move || {
        let _turn = turn;
        // By now it may have been seen more often. Whoever cannot be asked has never seen it, as at the gates.
        let seen = |sha256: &str| {
            runtime.block_on(ledger.prevalence(sha256)).unwrap_or_else(|error| {
                tracing::warn!(%sha256, %error, "nothing could be learnt about a file");
                0
            })
        };
        engine.scan(Request {
            name: &name,
            bytes,
            origin: &origin,
            passwords: &passwords,
            codings: &codings,
            prevalence: Some(&seen),
        })
    });
    report.await.map_err(|error| broken(&error))?.map_err(|error| broken(&error))
}

pub(super) fn handed_over(event: &Event, file: File, release: Option<Release>) -> Answer {
    let coding = Some(event.codings.as_str()).filter(|codings| !codings.is_empty());
    attachment(&event.name, "application/octet-stream", coding, file, release)
}

/// A file to save under a name. `release` is told when all of it was handed over.
pub(super) fn attachment(
    name: &str,
    media_type: &'static str,
    coding: Option<&str>,
    mut file: File,
    release: Option<Release>,
) -> Answer {
    let broken = |error: std::io::Error| Refused::Broken(format!("the file could not be read: {error}"));
    // Whoever inspected it may have moved the place to read from.
    std::io::Seek::rewind(&mut file).map_err(broken)?;
    let size = file.metadata().map_err(broken)?.len();
    // RFC 6266, 4.3: the name in full, as UTF-8 with percent signs (RFC 8187).
    let name: String = name
        .bytes()
        .map(|byte| if byte.is_ascii_alphanumeric() { char::from(byte).to_string() } else { format!("%{byte:02X}") })
        .collect();
    let (sender, receiver) = tokio::sync::mpsc::channel(4);
    tokio::task::spawn_blocking(move || {
        loop {
            let mut buffer = vec![0; CHUNK];
            match file.read(&mut buffer) {
                Ok(0) => return,
                Ok(n) => {
                    buffer.truncate(n);
                    if sender.blocking_send(Ok(buffer)).is_err() {
                        return;
                    }
                }
                Err(error) => {
                    let _ = sender.blocking_send(Err(error));
                    return;
                }
            }
        }
    });
    let state = (receiver, release, size);
    let stream = futures_util::stream::unfold(state, |(mut receiver, mut release, left)| async move {
        let next: Option<Result<Vec<u8>, std::io::Error>> = receiver.recv().await;
        let left = left.saturating_sub(next.as_ref().and_then(|piece| piece.as_ref().ok()).map_or(0, Vec::len) as u64);
        // Nobody asks for more than was announced.
        if let (0, Some(release)) = (left, &mut release) {
            release.whole = true;
        }
        next.map(|piece| (piece, (receiver, release, left)))
    });
    let mut answer = Response::builder()
        .header(CONTENT_TYPE, media_type)
        .header(CONTENT_LENGTH, size)
        .header(CONTENT_DISPOSITION, format!("attachment; filename*=UTF-8''{name}"));
    if let Some(coding) = coding {
        answer = answer.header(CONTENT_ENCODING, coding);
    }
    answer.body(Body::from_stream(stream)).map_err(|error| Refused::Broken(error.to_string()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_handed_over_is_judged_by_where_it_came_from_and_as_a_file_that_a_person_saves() {
        let judged = r#"{"origin":{"gate":"icap","person":"ada","groups":["staff"],"page":"site.example","host":"www.site.example",
            "domain":"site.example","lists":["ours"],"suspicious":true,"first_seen_days":3,"declared_type":"application/zip",
            "client":"127.0.0.1"},"parts":[]}"#;
        let origin = origin_of(&Event { judged: judged.to_owned(), gate: "proxy".to_owned(), ..Event::default() });
        assert_eq!((origin.gate, origin.direction), (Gate::Icap, Direction::Download));
        assert_eq!((origin.person.as_deref(), origin.groups.as_slice()), (Some("ada"), &["staff".to_owned()][..]));
        assert_eq!((origin.lists.as_slice(), origin.suspicious), (&["ours".to_owned()][..], true));
        assert_eq!((origin.first_seen_days, origin.declared_type.as_deref()), (Some(3), Some("application/zip")));
        assert!(origin.navigation && origin.saves && origin.attached, "a page gets it");
        assert_eq!((origin.page, origin.client), (None, None));
        // Of an event of an older version only its columns are known.
        let old = Event { gate: "icap".to_owned(), direction: "upload".to_owned(), ..Event::default() };
        let old = origin_of(&old);
        assert_eq!((old.gate, old.direction, old.person), (Gate::Icap, Direction::Upload, None));
    }
}
