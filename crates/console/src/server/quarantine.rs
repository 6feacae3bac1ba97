//! What is kept of what was stopped: how much, for how long, and clearing it out.

use super::events::Row;
use super::session::{Allowed, May, Shown, Signed, may};
use super::{Answer, Refused, page, parts};
use crate::Language;
use askama::Template;
use axum::extract::{Path, Query, State};
use axum::http::StatusCode;
use axum::response::{IntoResponse, Redirect};
use lazaret_model::{AuditAct, DAY};
use lazaret_store::{EventFilter, now};
use serde::Deserialize;
use std::sync::PoisonError;

/// Events on a page.
const PAGE: i64 = 50;
/// Milliseconds for which the totals are not counted again.
const COUNTED_FOR: i64 = 60_000;

#[derive(Template)]
#[template(path = "console/quarantine.html")]
struct Kept {
    user: Option<Shown>,
    rows: Vec<KeptRow>,
    files: usize,
    bytes: String,
    most: String,
    days: u32,
    next: Option<i64>,
    may_inspect: bool,
    may_forget: bool,
}

/// An event with what is kept of it: bytes and days left, where it still is.
struct KeptRow {
    row: Row,
    kept: Option<(String, i64)>,
}

#[derive(Deserialize)]
pub(super) struct Place {
    before: Option<i64>,
}

#[derive(Deserialize)]
pub(super) struct ForgetForm {
    /// Where to go on: the page of an event, else the quarantine.
    #[serde(default)]
    reference: String,
}

pub(super) async fn list(
    State(console): State<parts::Quarantine>,
    who: Allowed<may::View>,
    Query(place): Query<Place>,
) -> Answer {
    let filter = EventFilter { quarantined: true, ..Default::default() };
    let events = console.ledger.events(&filter, place.before, PAGE).await?;
    let next = events.last().map(|event| event.id).filter(|_| events.len() as i64 == PAGE);
    let (days, most) = console.control.quarantine();
    let names: Vec<String> = events.iter().map(|event| event.event.content_blob.clone()).collect();
    let kept = parts::ask(&console.blobs, move |blobs| {
        names.iter().map(|name| blobs.about(name)).collect::<Result<Vec<_>, _>>()
    });
    let kept = kept.await?;
    let rows = events.into_iter().zip(kept).map(|(event, kept)| {
        let kept = kept.map(|(bytes, at)| (size(bytes), (at + i64::from(days) * DAY - now()).div_euclid(DAY).max(0)));
        KeptRow { row: Row::of(event), kept }
    });
    let rows = rows.collect();
    let (files, bytes) = totals(&console).await?;
    page(&Kept {
        user: who.shown(),
        rows,
        files,
        bytes: size(bytes),
        most: size(most),
        days,
        next,
        may_inspect: who.may(May::Inspect),
        may_forget: who.may(May::Forget),
    })
}

/// Files and bytes in the quarantine, at most a minute old.
async fn totals(console: &parts::Quarantine) -> Result<(usize, u64), Refused> {
    let (at, files, bytes) = *console.kept.lock().unwrap_or_else(PoisonError::into_inner);
    if at + COUNTED_FOR > now() {
        return Ok((files, bytes));
    }
    let list = parts::ask(&console.blobs, |blobs| blobs.list()).await?;
    let totals = (list.len(), list.iter().map(|(_, bytes, _)| bytes).sum());
    *console.kept.lock().unwrap_or_else(PoisonError::into_inner) = (now(), totals.0, totals.1);
    Ok(totals)
}

pub(super) async fn forget(
    State(console): State<parts::Quarantine>,
    who: Allowed<may::Forget>,
    Path(blob): Path<String>,
    Signed(form): Signed<ForgetForm>,
) -> Answer {
    let asked = blob.clone();
    if parts::ask(&console.blobs, move |blobs| blobs.about(&asked)).await?.is_none() {
        return Err(Refused::Because(StatusCode::NOT_FOUND, "this file is not, or no longer, in the quarantine"));
    }
    // Written down first: a deletion that nobody knows of is worse than a note about one that failed.
    console.ledger.note(&who.user.name, AuditAct::QuarantineDeleted, &blob).await?;
    parts::ask(&console.blobs, move |blobs| blobs.forget(&blob)).await?;
    console.kept.lock().unwrap_or_else(PoisonError::into_inner).0 = 0;
    let fine = !form.reference.is_empty() && form.reference.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-');
    let next = if fine { format!("/events/{}", form.reference) } else { "/quarantine".to_owned() };
    Ok(Redirect::to(&next).into_response())
}

/// A number of bytes in the console's language.
fn size(bytes: u64) -> String {
    crate::words::size(Language::English, bytes)
}
