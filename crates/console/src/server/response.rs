//! `/incident`: immediate response. Whoever may opens an incident about what they are looking at; everybody else is told whom to
//! call, and can say what they saw.

use super::asker::Asker;
use super::extract::Query;
use super::session::{Allowed, May, Nothing, Shown, Signed, Somebody, Visitor, may};
use super::{Answer, Refused, page, parts};
use crate::Language;
use crate::texts::{Response as Texts, texts};
use askama::Template;
use axum::extract::{Form, Path, State};
use axum::http::header::ACCEPT_LANGUAGE;
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse, Redirect};
use lazaret_model::{Incident, IncidentState, Subject, SubjectKind, plain};
use lazaret_store::{Event, NewReport, now};
use serde::Deserialize;

/// Characters of a report, and of the reference that it may name.
const MOST_REPORT: usize = 2_000;
const MOST_REFERENCE: usize = 20;
/// Open incidents that what one is looking at can be added to.
const MOST_OFFERED: i64 = 50;
const HOUR: i64 = 3_600_000;

#[derive(Template)]
#[template(path = "console/incident.html")]
struct ResponsePage {
    user: Option<Shown>,
    language: Language,
    texts: Texts,
    /// Whom to call, and where that leads.
    responder: String,
    address: String,
    reference: String,
    text: String,
    problem: &'static str,
    sent: bool,
    /// The address that the page loads by itself, once; empty: none.
    onward: String,
}

#[derive(Template)]
#[template(path = "console/incident_open.html")]
struct OpenPage {
    user: Option<Shown>,
    title: String,
    hashes: String,
    sites: String,
    people: String,
    clients: String,
    techniques: String,
    /// The report that led here; empty for none.
    report: String,
    said: String,
    /// What of what was asked for makes no sense, or is not known here.
    problems: Vec<String>,
    /// Incidents that it can be added to.
    offered: Vec<Incident>,
}

/// What somebody is looking at.
#[derive(Deserialize, Default)]
#[serde(default)]
pub(super) struct About {
    reference: String,
    hash: String,
    site: String,
    person: String,
    client: String,
    technique: String,
    report: String,
    /// It was asked for by this page itself.
    here: String,
}

#[derive(Deserialize, Default)]
#[serde(default)]
pub(super) struct ReportForm {
    reference: String,
    text: String,
}

impl About {
    /// What of it an incident can be about, and what of it makes no sense. Whoever is in a hurry is not stopped by that.
    fn scope(&self) -> (Vec<Subject>, Vec<String>) {
        let named = [
            (SubjectKind::Hash, &self.hash),
            (SubjectKind::Site, &self.site),
            (SubjectKind::Person, &self.person),
            (SubjectKind::Client, &self.client),
            (SubjectKind::Technique, &self.technique),
        ];
        let (mut scope, mut problems) = (Vec::new(), Vec::new());
        for (kind, value) in named.into_iter().filter(|(_, value)| !value.trim().is_empty()) {
            match Subject::parse(kind, value) {
                Ok(subject) => scope.push(subject),
                Err(error) => problems.push(error.to_string()),
            }
        }
        (scope, problems)
    }
}

/// A reference as people quote it; none where it cannot be one.
fn reference_of(text: &str) -> Option<String> {
    let text = text.trim().to_uppercase();
    let fits = text.len() <= MOST_REFERENCE && text.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-');
    fits.then_some(text)
}

pub(super) async fn show(
    State(console): State<parts::Incidents>,
    Visitor(visitor): Visitor,
    headers: HeaderMap,
    Query(about): Query<About>,
) -> Answer {
    let reference = reference_of(&about.reference).unwrap_or_default();
    match visitor {
        Some(who) if who.may(May::ManageIncidents) => opening(&console, &who, &about, reference).await,
        visitor => {
            // Whoever comes from a page that stopped something comes from its site, and browsers keep a session's cookie back
            // (`SameSite=Strict`): asked for once more from here, they send it.
            let comes = visitor.is_none() && !reference.is_empty() && about.here.is_empty();
            let onward = if comes { format!("/incident?reference={reference}&here=yes") } else { String::new() };
            let form = ReportForm { reference, text: String::new() };
            page(&ResponsePage { onward, ..response_page(&console, visitor.as_ref(), &headers, form) })
        }
    }
}

/// The page for whoever opens no incident.
fn response_page(
    console: &parts::Incidents,
    who: Option<&Somebody>,
    headers: &HeaderMap,
    form: ReportForm,
) -> ResponsePage {
    let accepted = headers.get(ACCEPT_LANGUAGE).and_then(|field| field.to_str().ok()).unwrap_or_default();
    let language = Language::accepted(accepted);
    ResponsePage {
        user: who.and_then(Somebody::shown),
        language,
        texts: texts(language).response,
        responder: console.house.responder().to_owned(),
        address: console.house.responder_address(),
        reference: form.reference,
        text: form.text,
        problem: "",
        sent: false,
        onward: String::new(),
    }
}

/// The page on which an incident is opened, with what is known filled in.
async fn opening(console: &parts::Incidents, who: &Somebody, about: &About, mut reference: String) -> Answer {
    let ((mut scope, mut problems), mut title, mut said) = (about.scope(), String::new(), String::new());
    let report = match about.report.trim().parse::<i64>() {
        Ok(id) => console.ledger.report_of(id).await?,
        Err(_) => None,
    };
    if let Some(report) = &report {
        title = format!("Reported from {}", report.client);
        said.clone_from(&report.text);
        for (kind, value) in [(SubjectKind::Person, &report.person), (SubjectKind::Client, &report.client)] {
            scope.extend(Subject::parse(kind, value));
        }
        if reference.is_empty() {
            reference.clone_from(&report.reference);
        }
    }
    if !reference.is_empty() {
        match console.ledger.event(&reference).await? {
            Some(logged) => {
                scope.extend(subjects_of(&logged.event));
                title = titled(&logged.event);
            }
            None => problems.push(format!("no event has the reference {reference}")),
        }
    }
    if title.is_empty() {
        title = scope.first().map(|subject| subject.value.clone()).unwrap_or_default();
    }
    let of = |kind: SubjectKind| {
        let mut values: Vec<&str> = Vec::new();
        for subject in scope.iter().filter(|subject| subject.kind == kind) {
            if !values.contains(&subject.value.as_str()) {
                values.push(&subject.value);
            }
        }
        values.join("\n")
    };
    page(&OpenPage {
        user: who.shown(),
        title,
        hashes: of(SubjectKind::Hash),
        sites: of(SubjectKind::Site),
        people: of(SubjectKind::Person),
        clients: of(SubjectKind::Client),
        techniques: of(SubjectKind::Technique),
        report: report.as_ref().map(|report| report.id.to_string()).unwrap_or_default(),
        said: plain(&said),
        problems,
        offered: console.ledger.incidents(Some(IncidentState::Open), MOST_OFFERED).await?,
    })
}

/// What an incident about an event is about.
fn subjects_of(event: &Event) -> Vec<Subject> {
    let site = if event.domain.is_empty() { &event.host } else { &event.domain };
    let named = [
        (SubjectKind::Hash, &event.sha256),
        (SubjectKind::Site, site),
        (SubjectKind::Person, &event.person),
        (SubjectKind::Client, &event.client),
    ];
    // What an event lacks is no part of it.
    named.into_iter().filter_map(|(kind, value)| Subject::parse(kind, value).ok()).collect()
}

fn titled(event: &Event) -> String {
    let site = if event.host.is_empty() { &event.domain } else { &event.host };
    let title = if event.name.is_empty() || event.name == *site {
        format!("A file from {site}")
    } else {
        format!("{} from {site}", event.name)
    };
    plain(&title).chars().take(120).collect()
}

/// Takes what somebody saw.
pub(super) async fn report(
    State(console): State<parts::Incidents>,
    asker: Asker,
    Visitor(visitor): Visitor,
    headers: HeaderMap,
    Form(form): Form<ReportForm>,
) -> Answer {
    // A reference that is none is no reason to lose a report.
    let reference = reference_of(&form.reference).unwrap_or_default();
    let text = form.text.replace('\0', "").trim().to_owned();
    let mut answer = response_page(&console, visitor.as_ref(), &headers, ReportForm { reference, ..form });
    let texts = answer.texts;
    if text.is_empty() {
        answer.problem = texts.empty;
        return Ok((StatusCode::BAD_REQUEST, page(&answer)?).into_response());
    }
    if text.chars().count() > MOST_REPORT {
        answer.problem = texts.long;
        return Ok((StatusCode::PAYLOAD_TOO_LARGE, page(&answer)?).into_response());
    }
    let person = asker.person.or(asker.signed_in).unwrap_or_default();
    let new = NewReport { reference: answer.reference.clone(), person, client: asker.client, text };
    let most = i64::from(console.settings.requests_an_hour);
    if !console.ledger.report(&new, now() - HOUR, most).await? {
        answer.problem = texts.many;
        return Ok((StatusCode::TOO_MANY_REQUESTS, page(&answer)?).into_response());
    }
    tracing::warn!(client = %new.client, reference = %plain(&new.reference), "an incident was reported");
    (answer.sent, answer.text, answer.reference) = (true, String::new(), String::new());
    page(&answer)
}

/// Dismisses a report.
pub(super) async fn dismiss(
    State(console): State<parts::Incidents>,
    who: Allowed<may::ManageIncidents>,
    Path(id): Path<i64>,
    _: Signed<Nothing>,
) -> Answer {
    if !console.ledger.decide_report(id, None, &who.user.name).await? {
        return Err(Refused::Because(StatusCode::CONFLICT, "no open report with this number"));
    }
    Ok(Redirect::to("/incidents").into_response())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_an_event_knows_is_what_an_incident_about_it_is_about() {
        let event = Event {
            sha256: "ab".repeat(32),
            domain: "evil.example".to_owned(),
            host: "cdn.evil.example".to_owned(),
            client: "192.0.2.7".to_owned(),
            name: "a\u{202e}fdp.exe".to_owned(),
            ..Event::default()
        };
        let values: Vec<_> = subjects_of(&event).into_iter().map(|subject| subject.value).collect();
        assert_eq!(values, ["ab".repeat(32).as_str(), "evil.example", "192.0.2.7"]);
        assert!(titled(&event).ends_with(" from cdn.evil.example") && !titled(&event).contains('\u{202e}'));
    }

    #[test]
    fn what_makes_no_sense_is_told_and_stops_nobody() {
        let about = About { site: "evil.example".into(), technique: "enterprise".into(), ..About::default() };
        let (scope, problems) = about.scope();
        assert_eq!((scope.len(), problems.len()), (1, 1));
        assert!(problems[0].contains("`enterprise`"), "{problems:?}");
    }

    #[test]
    fn a_reference_is_one_that_a_page_shows() {
        for (text, reference) in [
            (" abcd-2345 ", Some("ABCD-2345")),
            ("", Some("")),
            ("ABCD/2345", None),
            ("<b>", None),
            ("AAAAAAAAAAAAAAAAAAAAA", None),
        ] {
            assert_eq!(reference_of(text).as_deref(), reference, "{text}");
        }
    }
}
