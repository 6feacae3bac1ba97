//! The password of a held archive, from the person who was sent it: tried, and what it opens judged.

use super::asker::Asker;
use super::contained;
use super::requests::{asked_for, content_of, handed_over, inspect_as, origin_of};
use super::session::Shown;
use super::{Answer, Refused, page, parts};
use askama::Template;
use axum::extract::{Form, Path, State};
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use lazaret_engine::Grounds;
use lazaret_model::{Decision, ScanReport, plain};
use lazaret_store::{Event, now};
use serde::Deserialize;
use std::sync::PoisonError;

/// Passwords that one machine may try in an hour.
const MOST_TRIES: usize = 20;
const HOUR: i64 = 3_600_000;
/// Characters of a password.
const MOST_PASSWORD: usize = 1_000;

#[derive(Template)]
#[template(path = "console/unlock.html")]
struct UnlockPage {
    user: Option<Shown>,
    reference: String,
    name: String,
    address: String,
    problem: &'static str,
    /// Why it stays where it is although it was opened.
    reasons: Vec<String>,
}

#[derive(Deserialize)]
pub(super) struct UnlockForm {
    password: String,
}

/// An event about something locked that was held on its way to a person, with its report.
async fn locked(console: &parts::Releases, reference: &str) -> Result<(Event, ScanReport), Refused> {
    let event = asked_for(console, reference).await?.event;
    let report: Option<ScanReport> = serde_json::from_str(&event.report).ok();
    let report = report.filter(|report| report.parts.iter().any(|part| part.locked));
    match report {
        Some(report) if event.decision == Decision::Hold.name() && event.direction == "download" => Ok((event, report)),
        _ => Err(Refused::Because(StatusCode::NOT_FOUND, "there is no password-protected file with this reference")),
    }
}

fn unlock_page(event: &Event, problem: &'static str, reasons: Vec<String>) -> Answer {
    let (name, address) = (plain(&event.name), plain(&event.address));
    page(&UnlockPage { user: None, reference: event.reference.clone(), name, address, problem, reasons })
}

pub(super) async fn form(
    State(console): State<parts::Releases>,
    asker: Asker,
    Path(reference): Path<String>,
) -> Answer {
    let (event, _) = locked(&console, &reference).await?;
    asker.concerns(&event)?;
    unlock_page(&event, "", Vec::new())
}

pub(super) async fn open(
    State(console): State<parts::Releases>,
    asker: Asker,
    Path(reference): Path<String>,
    Form(form): Form<UnlockForm>,
) -> Answer {
    let (event, _) = locked(&console, &reference).await?;
    asker.concerns(&event)?;
    if form.password.is_empty() || form.password.chars().count() > MOST_PASSWORD {
        return unlock_page(&event, "Please enter the password.", Vec::new());
    }
    if !console.may_try(&asker.client) {
        let answer =
            unlock_page(&event, "Too many passwords were tried from this computer; please wait a while.", Vec::new())?;
        return Ok((StatusCode::TOO_MANY_REQUESTS, answer).into_response());
    }
    let file = content_of(&console, &event).await?;
    let report = inspect_as(&console, &event, &file, origin_of(&event), vec![form.password]).await?;
    let told = Event {
        at: now(),
        reference: lazaret_model::reference(),
        client: asker.client,
        verdict: report.verdict.to_string(),
        decision: report.decision.to_string(),
        policy: report
            .cause()
            .and_then(|ruling| ruling.policies.first())
            .map(|policy| policy.id.clone())
            .unwrap_or_default(),
        report: if report.decision == Decision::Deliver {
            String::new()
        } else {
            serde_json::to_string(&report).unwrap_or_default()
        },
        judged: Grounds::of(&report).map(|grounds| grounds.text()).unwrap_or_default(),
        techniques: report.techniques().into_iter().collect(),
        ..event.clone()
    };
    if report.decision == Decision::Deliver {
        let [person, signed_in] = [asker.person, asker.signed_in].map(Option::unwrap_or_default);
        contained::unlocking(&console, &event, &report, &[&person, &signed_in], &told.client).await?;
        // It is on record before anybody has it.
        let policy = String::new();
        console.ledger.record(Event { policy, content_blob: String::new(), ..told }).await?;
        return handed_over(&event, file, None);
    }
    if report.parts.iter().any(|part| part.locked) {
        return Ok(refused(unlock_page(&event, "Wrong password.", Vec::new())?));
    }
    console.ledger.record(told).await?;
    let reasons = report.cause().map(|ruling| ruling.policies.iter().map(|policy| plain(&policy.title)).collect());
    Ok(refused(unlock_page(
        &event,
        "The file was opened and inspected, and cannot be released:",
        reasons.unwrap_or_default(),
    )?))
}

fn refused(answer: Response) -> Response {
    (StatusCode::FORBIDDEN, answer).into_response()
}

impl parts::Releases {
    /// Whether a machine may try another password now; counts the try.
    fn may_try(&self, client: &str) -> bool {
        let mut tries = self.tries.lock().unwrap_or_else(PoisonError::into_inner);
        let now = now();
        tries.retain(|_, times| {
            times.retain(|at| *at > now - HOUR);
            !times.is_empty()
        });
        let times = tries.entry(client.to_owned()).or_default();
        times.push(now);
        times.len() <= MOST_TRIES
    }
}
