//! Events as they happen: server-sent events (HTML, 9.2) for a small script of our own, and a page that looks again by
//! itself for whoever has no scripts.

use super::events::Row;
use super::session::{Allowed, May, Shown, may};
use super::{Answer, page, parts};
use askama::Template;
use axum::body::Body;
use axum::extract::State;
use axum::http::HeaderValue;
use axum::http::header::{CACHE_CONTROL, CONTENT_SECURITY_POLICY, CONTENT_TYPE};
use axum::response::{IntoResponse, Response};
use lazaret_model::plain;
use lazaret_store::{Event, EventFilter};
use std::convert::Infallible;
use std::time::{Duration, Instant};
use tokio::sync::broadcast::error::RecvError;
use tokio::sync::{broadcast, watch};

/// Events that the page begins with.
const PAGE: i64 = 50;
/// A line that says nothing (HTML, 9.2.6).
const HERE: &str = ": here\n\n";
/// How often a quiet stream says that it is there, and whether whoever listens may still do so is looked up.
const HEARTBEAT: Duration = Duration::from_secs(15);
/// For how long what was looked up about a session counts.
const TRUSTED: Duration = Duration::from_secs(3);
/// What this one page may load: its script and its events as well.
const OWN_SCRIPT: &str = "default-src 'none'; style-src 'self'; img-src 'self'; script-src 'self'; connect-src 'self'; \
                          form-action 'self'; frame-ancestors 'none'; base-uri 'none'";

#[derive(Template)]
#[template(path = "console/live.html")]
struct Live {
    user: Option<Shown>,
    rows: Vec<Row>,
}

pub(super) async fn show(State(console): State<parts::Live>, who: Allowed<may::View>) -> Answer {
    let events = console.ledger.events(&EventFilter::default(), None, PAGE).await?;
    let mut answer = page(&Live { user: who.shown(), rows: events.into_iter().map(Row::of).collect() })?;
    answer.headers_mut().insert(CONTENT_SECURITY_POLICY, HeaderValue::from_static(OWN_SCRIPT));
    Ok(answer)
}

pub(super) async fn script() -> Response {
    let fields = [(CONTENT_TYPE, "text/javascript; charset=utf-8"), (CACHE_CONTROL, "max-age=3600")];
    (fields, include_str!("../../templates/console/live.js")).into_response()
}

pub(super) async fn stream(State(console): State<parts::Live>, who: Allowed<may::View>) -> Answer {
    let listener = Listener {
        news: console.ledger.watch(),
        closing: console.closing.subscribe(),
        console,
        token: who.token.clone(),
        looked_up: Instant::now(),
    };
    // The first piece makes the browser know that the stream is open.
    let hello = futures_util::stream::once(async { Ok::<_, Infallible>(HERE.to_owned()) });
    let stream = futures_util::stream::unfold(listener, |mut listener| async move {
        let piece = listener.next().await?;
        Some((Ok(piece), listener))
    });
    let stream = futures_util::StreamExt::chain(hello, stream);
    let fields = [(CONTENT_TYPE, "text/event-stream"), (CACHE_CONTROL, "no-store")];
    Ok((fields, Body::from_stream(stream)).into_response())
}

/// Somebody who watches.
struct Listener {
    news: broadcast::Receiver<Event>,
    closing: watch::Receiver<bool>,
    console: parts::Live,
    token: String,
    looked_up: Instant,
}

impl Listener {
    /// The next piece of the stream; `None` at its end.
    async fn next(&mut self) -> Option<String> {
        let piece = tokio::select! {
            _ = self.closing.wait_for(|closing| *closing) => return None,
            event = self.news.recv() => match event {
                Ok(event) => format!("data: {}\n\n", shown(&event)),
                // The page shows what it missed when it is loaded again.
                Err(RecvError::Lagged(_)) => "event: missed\ndata:\n\n".to_owned(),
                Err(RecvError::Closed) => return None,
            },
            () = tokio::time::sleep(HEARTBEAT) => HERE.to_owned(),
        };
        // Whoever signed out, was shut out or may not look any more hears no more.
        if self.looked_up.elapsed() > TRUSTED {
            let session = self.console.identity.session(&self.token).await.ok()??;
            if !self.console.control.permissions(&session.user.role).contains(May::View.name()) {
                return None;
            }
            self.looked_up = Instant::now();
        }
        Some(piece)
    }
}

/// An event in one line of JSON.
fn shown(event: &Event) -> String {
    let why: Vec<&str> =
        [event.policy.as_str(), event.reason.as_str()].into_iter().filter(|why| !why.is_empty()).collect();
    serde_json::json!({
        "time": super::shown_time(event.at),
        "decision": event.decision,
        "name": plain(&event.name),
        "address": plain(&event.address),
        "kind": event.kind,
        "policy": why.join(": "),
        "reference": event.reference,
    })
    .to_string()
}
