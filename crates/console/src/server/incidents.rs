//! Incidents: what they are about, what is done about them at the gates, who met it, and what came of it.

use super::dossier::{Dossier, Samples};
use super::events::Row;
use super::extract::{Path, Query};
use super::requests::attachment;
use super::session::{Allowed, May, Nothing, Shown, Signed, may};
use super::{Answer, Refused, page, parts, shown_time};
use askama::Template;
use axum::extract::State;
use axum::http::StatusCode;
use axum::response::{IntoResponse, Redirect};
use lazaret_model::{
    Act, ActKind, ActOffer, AuditAct, Deed, Incident, IncidentState, Measure, Note, ScopeEntry, Subject, SubjectKind,
    plain,
};
use lazaret_store::{IncidentFile, IncidentReport, Met, NewIncident, now};
use serde::Deserialize;

/// Incidents of a list, reports, and events and people of a page.
const MOST_LISTED: i64 = 200;
const MOST_REPORTS: i64 = 100;
const MOST_EVENTS: usize = 100;
const MOST_PEOPLE: usize = 200;
/// Events about one thing that a page looks back at.
const MOST_BACK: i64 = 2_000;

#[derive(Template)]
#[template(path = "console/incidents.html")]
struct List {
    user: Option<Shown>,
    state: String,
    rows: Vec<ListRow>,
    more: bool,
    reports: Vec<(IncidentReport, String)>,
    more_reports: bool,
}

struct ListRow {
    incident: Incident,
    opened: String,
    /// Acts of it that are in force.
    in_force: usize,
}

#[derive(Template)]
#[template(path = "console/incident_one.html")]
struct One {
    user: Option<Shown>,
    incident: Incident,
    title: String,
    opened: String,
    closed: String,
    in_force: usize,
    scope: Vec<ScopeRow>,
    acts: Vec<ActRow>,
    people: Vec<(Met, String, String)>,
    more_people: bool,
    rows: Vec<Row>,
    more: bool,
    notes: Vec<(Note, String)>,
    /// Whoever looks may respond to incidents; and this one is open.
    may_manage: bool,
    may_change: bool,
    may_inspect: bool,
    subject_kinds: Vec<(&'static str, &'static str)>,
    act_kinds: Vec<(String, &'static str)>,
}

struct ScopeRow {
    what: &'static str,
    /// As forms send it back, and as people see it.
    value: String,
    shown: String,
    /// Where more is known about it; empty if there is no such page.
    path: String,
    time: String,
    who: String,
    /// What can be done about it that is not in force: names and titles.
    acts: Vec<(String, &'static str)>,
}

struct ActRow {
    deed: Deed,
    value: String,
    time: String,
    undone: String,
}

#[derive(Deserialize, Default)]
#[serde(default)]
pub(super) struct Asked {
    state: String,
}

#[derive(Deserialize, Default)]
#[serde(default)]
pub(super) struct OpenForm {
    into: String,
    title: String,
    hashes: String,
    sites: String,
    people: String,
    clients: String,
    techniques: String,
    contain: String,
    report: String,
}

#[derive(Deserialize, Default)]
#[serde(default)]
pub(super) struct KindForm {
    kind: String,
    value: String,
}

#[derive(Deserialize, Default)]
#[serde(default)]
pub(super) struct TextForm {
    text: String,
}

impl OpenForm {
    /// What it is about, each line by itself.
    fn scope(&self) -> Result<Vec<Subject>, Refused> {
        let fields = [
            (SubjectKind::Hash, &self.hashes),
            (SubjectKind::Site, &self.sites),
            (SubjectKind::Person, &self.people),
            (SubjectKind::Client, &self.clients),
            (SubjectKind::Technique, &self.techniques),
        ];
        let mut scope = Vec::new();
        for (kind, text) in fields {
            for line in text.lines().filter(|line| !line.trim().is_empty()) {
                scope.push(Subject::parse(kind, line)?);
            }
        }
        Ok(scope)
    }
}

pub(super) async fn list(
    State(console): State<parts::Incidents>,
    who: Allowed<may::View>,
    Query(asked): Query<Asked>,
) -> Answer {
    let state = IncidentState::of(&asked.state);
    // One more says whether there are more.
    let mut incidents = console.ledger.incidents(state, MOST_LISTED + 1).await?;
    let mut reports = console.ledger.reports(MOST_REPORTS + 1).await?;
    let (most, most_reports) = (MOST_LISTED as usize, MOST_REPORTS as usize);
    let (more, more_reports) = (incidents.len() > most, reports.len() > most_reports);
    incidents.truncate(most);
    reports.truncate(most_reports);
    let measures = console.ledger.measures().await?;
    let in_force = |incident: &Incident| measures.iter().filter(|one| one.incident == incident.reference).count();
    page(&List {
        user: who.shown(),
        state: state.map(IncidentState::name).unwrap_or_default().to_owned(),
        rows: incidents
            .into_iter()
            .map(|incident| ListRow {
                opened: shown_time(incident.opened_at),
                in_force: in_force(&incident),
                incident: Incident { title: plain(&incident.title), ..incident },
            })
            .collect(),
        more,
        reports: reports
            .into_iter()
            .map(|report| (IncidentReport { text: plain(&report.text), ..report.clone() }, shown_time(report.at)))
            .collect(),
        more_reports,
    })
}

pub(super) async fn one(
    State(console): State<parts::Incidents>,
    who: Allowed<may::View>,
    Path(reference): Path<String>,
) -> Answer {
    let IncidentFile { incident, scope, acts, notes } = console.ledger.incident(&reference).await?;
    let subjects: Vec<_> = scope.iter().map(|entry| entry.subject.clone()).collect();
    let found = console.ledger.look_back(&subjects, MOST_BACK).await?;
    let more = found.more || found.events.len() > MOST_EVENTS;
    let more_people = found.met.len() > MOST_PEOPLE;
    let may_manage = who.may(May::ManageIncidents);
    let offers = console.offers();
    let in_force: Vec<_> = acts.iter().filter(|deed| deed.is_in_force()).map(|deed| deed.act.clone()).collect();
    page(&One {
        user: who.shown(),
        title: plain(&incident.title),
        opened: shown_time(incident.opened_at),
        closed: if incident.state == IncidentState::Closed { shown_time(incident.closed_at) } else { String::new() },
        scope: scope.into_iter().map(|entry| scope_row(entry, &in_force, &offers)).collect(),
        in_force: in_force.len(),
        acts: acts.into_iter().map(act_row).collect(),
        people: found.met.into_iter().take(MOST_PEOPLE).map(met_row).collect(),
        more_people,
        rows: found.events.into_iter().take(MOST_EVENTS).map(Row::of).collect(),
        more,
        notes: notes.into_iter().map(|note| (note.clone(), shown_time(note.at))).collect(),
        may_manage,
        may_change: may_manage && incident.state == IncidentState::Open,
        may_inspect: who.may(May::Inspect),
        subject_kinds: SubjectKind::ALL.map(|kind| (kind.name(), kind.title())).into(),
        act_kinds: offers.iter().map(named).collect(),
        incident,
    })
}

impl parts::Incidents {
    /// Everything that can be done about an incident here: by the gates, by the console, and by rooms that run.
    fn offers(&self) -> Vec<ActOffer> {
        ActKind::OWN.iter().filter_map(ActKind::offer).chain(self.rooms.acts()).collect()
    }
}

/// What an act is called in forms, and by people.
fn named(offer: &ActOffer) -> (String, &'static str) {
    (offer.kind.name().to_owned(), offer.title)
}

fn scope_row(entry: ScopeEntry, in_force: &[Act], offers: &[ActOffer]) -> ScopeRow {
    let ScopeEntry { subject: Subject { kind, value }, at, who } = entry;
    let possible = offers.iter().filter(|offer| offer.subject == kind);
    let left = possible.filter(|offer| !in_force.iter().any(|act| act.kind == offer.kind && act.value == value));
    ScopeRow {
        what: kind.title(),
        path: path_of(kind, &value),
        acts: left.map(named).collect(),
        shown: plain(&value),
        value,
        time: shown_time(at),
        who,
    }
}

/// Where more is known about something.
fn path_of(kind: SubjectKind, value: &str) -> String {
    let asked = match kind {
        SubjectKind::Hash => "sha256",
        SubjectKind::Site => "domain",
        SubjectKind::Person => "person",
        SubjectKind::Client => "client",
        SubjectKind::Technique => return format!("/techniques/{}", value.replace('.', "/")),
        SubjectKind::Group => return String::new(),
    };
    let coded: String = value
        .bytes()
        .map(|byte| if byte.is_ascii_alphanumeric() { char::from(byte).to_string() } else { format!("%{byte:02X}") })
        .collect();
    format!("/events?{asked}={coded}")
}

fn act_row(deed: Deed) -> ActRow {
    ActRow {
        value: plain(&deed.act.value),
        time: shown_time(deed.at),
        undone: if deed.is_in_force() { String::new() } else { shown_time(deed.undone_at) },
        deed,
    }
}

fn met_row(met: Met) -> (Met, String, String) {
    let (first, last) = (shown_time(met.first), shown_time(met.last));
    (Met { person: plain(&met.person), ..met }, first, last)
}

/// Opens an incident, or adds to one, and blocks at once what it is about where that was asked for.
pub(super) async fn open(
    State(console): State<parts::Incidents>,
    who: Allowed<may::ManageIncidents>,
    Signed(form): Signed<OpenForm>,
) -> Answer {
    let (name, scope) = (&who.user.name, form.scope()?);
    let reference = if form.into.is_empty() {
        let title = match form.title.trim() {
            "" => format!("Incident of {}", shown_time(now())),
            title => title.to_owned(),
        };
        let new = NewIncident { title, scope: scope.clone(), who: name.clone() };
        console.ledger.open_incident(&new).await?.reference
    } else {
        console.ledger.widen_incident(&form.into, &scope, name).await?;
        form.into.trim().to_uppercase()
    };
    if let Ok(report) = form.report.parse::<i64>() {
        // Somebody else may have decided about it meanwhile; it is in both then.
        console.ledger.decide_report(report, Some(&reference), name).await?;
    }
    if !form.contain.is_empty() {
        for subject in scope {
            let kind = match subject.kind {
                SubjectKind::Hash => ActKind::BlockHash,
                SubjectKind::Site => ActKind::BlockSite,
                _ => continue,
            };
            console.ledger.act(&reference, &Act { kind, value: subject.value }, name).await?;
        }
        in_force(&console).await;
    }
    tracing::warn!(%reference, who = %name, "an incident was opened or added to");
    Ok(shown_at(&reference))
}

/// Has this process take up at once what was written down. Where that fails it is done all the same, and is taken up as other processes do.
async fn in_force(console: &parts::Incidents) {
    if let Err(error) = console.control.take_up_measures().await {
        tracing::error!(%error, "an incident's response action is not in force yet; retrying within a second");
    }
}

pub(super) async fn widen(
    State(console): State<parts::Incidents>,
    who: Allowed<may::ManageIncidents>,
    Path(reference): Path<String>,
    Signed(form): Signed<KindForm>,
) -> Answer {
    let kind = SubjectKind::of(&form.kind).ok_or(NO_KIND)?;
    let subject = Subject::parse(kind, &form.value)?;
    console.ledger.widen_incident(&reference, &[subject], &who.user.name).await?;
    Ok(shown_at(&reference))
}

pub(super) async fn note(
    State(console): State<parts::Incidents>,
    who: Allowed<may::ManageIncidents>,
    Path(reference): Path<String>,
    Signed(form): Signed<TextForm>,
) -> Answer {
    console.ledger.note_incident(&reference, &form.text, &who.user.name).await?;
    Ok(shown_at(&reference))
}

/// Does something at the gates, or in a room.
pub(super) async fn act(
    State(console): State<parts::Incidents>,
    who: Allowed<may::ManageIncidents>,
    Path(reference): Path<String>,
    Signed(form): Signed<KindForm>,
) -> Answer {
    let offers = console.offers();
    let offer = offers.iter().find(|offer| offer.kind.name() == form.kind).ok_or(NO_KIND)?;
    let measure = Measure { incident: reference.clone(), act: Act::offered(offer, &form.value)? };
    console.ledger.act(&reference, &measure.act, &who.user.name).await?;
    in_force(&console).await;
    tracing::warn!(who = %who.user.name, what = %plain(&measure.told()), "response action applied");
    Ok(shown_at(&reference))
}

/// Undoes it.
pub(super) async fn undo(
    State(console): State<parts::Incidents>,
    who: Allowed<may::ManageIncidents>,
    Path((reference, id)): Path<(String, i64)>,
    _: Signed<Nothing>,
) -> Answer {
    console.ledger.undo_act(&reference, id, &who.user.name).await?;
    in_force(&console).await;
    tracing::warn!(who = %who.user.name, id, "response action undone");
    Ok(shown_at(&reference))
}

pub(super) async fn close(
    State(console): State<parts::Incidents>,
    who: Allowed<may::ManageIncidents>,
    Path(reference): Path<String>,
    Signed(form): Signed<TextForm>,
) -> Answer {
    console.ledger.close_incident(&reference, &form.text, &who.user.name).await?;
    Ok(shown_at(&reference))
}

/// Everything about an incident in one archive; its samples for whoever may take them away.
pub(super) async fn export(
    State(console): State<parts::Incidents>,
    who: Allowed<may::ManageIncidents>,
    Path(reference): Path<String>,
    _: Signed<Nothing>,
) -> Answer {
    let samples = if who.may(May::Inspect) { Samples::Locked } else { Samples::LeftOut };
    let dossier = Dossier::gather(&console.ledger, &reference, samples).await?;
    let name = dossier.reference().to_owned();
    let (blobs, packer) = (console.blobs.clone(), console.control.packer());
    let written = tokio::task::spawn_blocking(move || dossier.write(&*blobs, &*packer));
    let (archive, _) = written.await.map_err(|error| Refused::Broken(error.to_string()))??;
    console.ledger.note(&who.user.name, AuditAct::IncidentExported, &name).await?;
    attachment(&format!("{name}.zip"), "application/zip", None, archive, None)
}

const NO_KIND: Refused = Refused::Because(StatusCode::BAD_REQUEST, "choose one of the types in the form");

/// Back to the incident. References have letters, digits and dashes; what has not is shown by nobody.
fn shown_at(reference: &str) -> axum::response::Response {
    let reference: String =
        reference.chars().filter(|c| c.is_ascii_alphanumeric() || *c == '-').collect::<String>().to_uppercase();
    Redirect::to(&format!("/incidents/{reference}")).into_response()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_line_of_a_form_is_something_that_an_incident_is_about() {
        let form = OpenForm {
            hashes: format!("{}\r\n\r\n{}\r\n", "AB".repeat(32), "cd".repeat(32)),
            sites: " evil.example \n https://other.example/a ".to_owned(),
            people: "Ada L.\n".to_owned(),
            techniques: "T1204.002".to_owned(),
            ..OpenForm::default()
        };
        let scope = form.scope().unwrap_or_default();
        let values: Vec<_> = scope.iter().map(|subject| subject.value.as_str()).collect();
        let hashes = ["ab".repeat(32), "cd".repeat(32)];
        assert_eq!(
            values,
            [hashes[0].as_str(), hashes[1].as_str(), "evil.example", "other.example", "Ada L.", "T1204.002"]
        );
        let wrong = OpenForm { clients: "192.0.2.0/24".to_owned(), ..OpenForm::default() };
        assert!(
            matches!(wrong.scope(), Err(Refused::Said(StatusCode::BAD_REQUEST, why)) if why.contains("192.0.2.0/24"))
        );
    }

    #[test]
    fn what_can_be_done_is_offered_until_it_is_in_force() {
        let entry = || ScopeEntry {
            subject: Subject::parse(SubjectKind::Site, "evil.example").unwrap(),
            at: 0,
            who: "anna".to_owned(),
        };
        let block = Act::parse(ActKind::BlockSite, "evil.example").unwrap();
        let kind = ActKind::Room(lazaret_model::RoomAct::new("bell.ring"));
        let mut offers: Vec<_> = ActKind::OWN.iter().filter_map(ActKind::offer).collect();
        assert_eq!(scope_row(entry(), &[], &offers).acts, [("block-site".to_owned(), "block a site")]);
        assert!(scope_row(entry(), std::slice::from_ref(&block), &offers).acts.is_empty());
        offers.push(ActOffer { kind, title: "ring about a site", subject: SubjectKind::Site });
        assert_eq!(scope_row(entry(), &[block], &offers).acts, [("bell.ring".to_owned(), "ring about a site")]);
        assert_eq!(path_of(SubjectKind::Person, "Ada L."), "/events?person=Ada%20L%2E");
        assert_eq!(path_of(SubjectKind::Technique, "T1204.002"), "/techniques/T1204/002");
    }
}
