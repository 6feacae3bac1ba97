//! Events as the Open Cybersecurity Schema Framework has them (schema.ocsf.io, 1.8.0): a class for each kind of body.

use crate::rooms;
use lazaret_model::{
    Activity, Administration, AuditAct, Body, Decision, Event, EventKind, RoomEvent, TechniqueId, Transfer,
};
use serde_json::{Map, Value, json};

/// The version of the schema.
const VERSION: &str = "1.8.0";
/// What has no number of its own.
const OTHER: u32 = 99;
/// Numbers of `severity_id`.
const INFORMATIONAL: u32 = 1;
const LOW: u32 = 2;
const MEDIUM: u32 = 3;
const HIGH: u32 = 4;
/// Who does what nobody asked for.
const OURSELVES: &[&str] = &["lazaret", "lazaret authority"];

/// A class, with the category it is in.
struct Class {
    uid: u32,
    name: &'static str,
    category: &'static str,
}

const HTTP: Class = Class { uid: 4002, name: "HTTP Activity", category: "Network Activity" };
const NETWORK: Class = Class { uid: 4001, name: "Network Activity", category: "Network Activity" };
const ACCOUNT: Class = Class { uid: 3001, name: "Account Change", category: "Identity & Access Management" };
const AUTHENTICATION: Class = Class { uid: 3002, name: "Authentication", category: "Identity & Access Management" };
const INCIDENT: Class = Class { uid: 2005, name: "Incident Finding", category: "Findings" };
const ENTITY: Class = Class { uid: 3004, name: "Entity Management", category: "Identity & Access Management" };

/// What an act is in the schema.
enum Meaning {
    /// Somebody signs in or out: the activity, and whether it succeeded.
    Access(u32, bool),
    /// Something about a person's account changes: the activity, and whether it is the account of whoever does it.
    Account(u32, bool),
    /// An incident is opened, worked on or closed: the activity, and the state that it is in then (`status_id` of that class).
    Incident(u32, u32),
    /// Something else is made, read, changed or removed: the activity, and what it is.
    Entity(u32, &'static str),
}

fn meaning(act: AuditAct) -> Meaning {
    use Meaning::{Access, Account, Entity, Incident};
    const CREATE: u32 = 1;
    const READ: u32 = 2;
    const UPDATE: u32 = 3;
    const DELETE: u32 = 4;
    const ACTIVATE: u32 = 10;
    match act {
        AuditAct::SignedIn | AuditAct::TokenUsed => Access(1, true),
        AuditAct::SignInFailed => Access(1, false),
        AuditAct::SignedOut => Access(2, true),
        AuditAct::RecoveryCodeUsed => Access(OTHER, true),
        AuditAct::SetUp => Account(1, true),
        AuditAct::UserAdded => Account(1, false),
        AuditAct::UserChanged => Account(OTHER, false),
        AuditAct::PasswordChanged => Account(3, true),
        AuditAct::FactorLocked => Account(9, true),
        AuditAct::FactorOn => Account(10, true),
        AuditAct::FactorOff => Account(11, true),
        AuditAct::FactorReset => Account(11, false),
        AuditAct::TokenMade => Entity(CREATE, "API token"),
        AuditAct::TokenRevoked => Entity(DELETE, "API token"),
        AuditAct::PoliciesChanged => Entity(UPDATE, "Policies"),
        AuditAct::BypassAdded => Entity(CREATE, "Bypass"),
        AuditAct::BypassRemoved => Entity(DELETE, "Bypass"),
        AuditAct::RequestDecided => Entity(UPDATE, "Release request"),
        AuditAct::Released | AuditAct::ReleaseRefused => Entity(OTHER, "Quarantined file"),
        AuditAct::QuarantineDeleted => Entity(DELETE, "Quarantined file"),
        AuditAct::SampleViewed | AuditAct::SampleExported => Entity(READ, "Quarantined file"),
        AuditAct::EventsExported => Entity(READ, "Events"),
        AuditAct::AuthorityMade => Entity(CREATE, "Certificate authority"),
        AuditAct::AuthorityPutInUse | AuditAct::AuthorityInUse => Entity(ACTIVATE, "Certificate authority"),
        AuditAct::AuthorityRemoved => Entity(DELETE, "Certificate authority"),
        AuditAct::IncidentOpened => Incident(1, 1),
        AuditAct::IncidentScope | AuditAct::IncidentNoted | AuditAct::IncidentActed | AuditAct::IncidentUndone => {
            Incident(2, 2)
        }
        AuditAct::IncidentClosed => Incident(3, 5),
        AuditAct::IncidentExported => Entity(READ, "Incident"),
        AuditAct::IncidentReported => Entity(CREATE, "Incident report"),
        AuditAct::IncidentReportDecided => Entity(UPDATE, "Incident report"),
        AuditAct::TakeBegun => Entity(CREATE, "Analyst's take"),
        AuditAct::TakeChanged | AuditAct::TakeStale => Entity(UPDATE, "Analyst's take"),
        AuditAct::LayerSaved => Entity(UPDATE, "Navigator layer"),
        AuditAct::LayerRemoved => Entity(DELETE, "Navigator layer"),
    }
}

/// An event as the schema has it.
pub(super) fn ocsf(event: &Event) -> Value {
    match &event.body {
        Body::Transfer(transfer) => transferred(event, transfer),
        Body::Connection(transfer) => connected(event, transfer),
        Body::Administration(done) => administered(event, done),
        Body::Room(told) => from_room(event, told, rooms::event_kind(event.room.name(), &told.act)),
    }
}

/// How bad an event is: what syslog makes its severity of.
pub(super) fn is_notable(event: &Event) -> bool {
    match &event.body {
        Body::Transfer(_) | Body::Connection(_) => event.decision != Some(Decision::Deliver),
        Body::Administration(_) | Body::Room(_) => true,
    }
}

fn base(event: &Event, class: &Class, activity: u32, severity: u32, succeeded: bool) -> Map<String, Value> {
    let mut told = Map::new();
    let mut set = |name: &str, value: Value| {
        told.insert(name.to_owned(), value);
    };
    set("category_uid", (class.uid / 1_000).into());
    set("category_name", class.category.into());
    set("class_uid", class.uid.into());
    set("class_name", class.name.into());
    set("activity_id", activity.into());
    set("type_uid", (u64::from(class.uid) * 100 + u64::from(activity)).into());
    set("time", event.at.into());
    set("severity_id", severity.into());
    set("status_id", u32::from(!succeeded).saturating_add(1).into());
    let product = json!({ "name": "Lazaret", "vendor_name": "Lazaret", "version": env!("CARGO_PKG_VERSION") });
    let mut metadata = json!({ "version": VERSION, "uid": event.reference, "product": product });
    if event.decision.is_some() {
        metadata["profiles"] = json!(["security_control"]);
    }
    set("metadata", metadata);
    if !event.techniques.is_empty() {
        set("attacks", event.techniques.iter().map(attack).collect());
    }
    if !event.client.is_empty() {
        set("src_endpoint", json!({ "ip": event.client }));
    }
    told
}

/// A technique of ATT&CK as the schema has it: a sub-technique beside the technique that it belongs to.
fn attack(id: &TechniqueId) -> Value {
    match id.parent() {
        Some(parent) => json!({ "technique": { "uid": parent }, "sub_technique": { "uid": id } }),
        None => json!({ "technique": { "uid": id } }),
    }
}

/// What a control did: `action_id`, `disposition_id` and how severe it is.
fn outcome(event: &Event, transfer: &Transfer) -> (u32, u32, u32) {
    match event.decision {
        Some(Decision::Deliver) => (1, 1, INFORMATIONAL),
        Some(Decision::Hold) => (2, 3, MEDIUM),
        _ => (2, 2, if transfer.verdict == "malicious" { HIGH } else { MEDIUM }),
    }
}

fn transferred(event: &Event, transfer: &Transfer) -> Value {
    let uploads = transfer.direction == "upload";
    let (action, disposition, severity) = outcome(event, transfer);
    let mut told = base(event, &HTTP, if uploads { 6 } else { 3 }, severity, true);
    controlled(&mut told, event, transfer, action, disposition);
    let mut url = json!({ "hostname": transfer.host, "url_string": transfer.address });
    if !transfer.domain.is_empty() {
        url["domain"] = transfer.domain.as_str().into();
    }
    let request = json!({ "http_method": if uploads { "POST" } else { "GET" }, "url": url });
    told.insert("http_request".to_owned(), request);
    let mut file = json!({ "name": transfer.name, "size": transfer.size, "type_id": 1 });
    if !transfer.sha256.is_empty() {
        file["hashes"] = json!([{ "algorithm_id": 3, "algorithm": "SHA-256", "value": transfer.sha256 }]);
    }
    told.insert("file".to_owned(), file);
    Value::Object(told)
}

fn connected(event: &Event, transfer: &Transfer) -> Value {
    let (action, disposition, severity) = outcome(event, transfer);
    let opened = event.decision == Some(Decision::Deliver);
    let mut told = base(event, &NETWORK, if opened { 1 } else { 5 }, severity, opened);
    controlled(&mut told, event, transfer, action, disposition);
    Value::Object(told)
}

fn controlled(told: &mut Map<String, Value>, event: &Event, transfer: &Transfer, action: u32, disposition: u32) {
    told.insert("action_id".to_owned(), action.into());
    told.insert("disposition_id".to_owned(), disposition.into());
    // Where neither is known, the site has no name.
    let host = if transfer.host.is_empty() { "unknown" } else { &transfer.host };
    told.insert("dst_endpoint".to_owned(), json!({ "hostname": host }));
    if !event.person.is_empty() {
        told.insert("actor".to_owned(), json!({ "user": { "name": event.person } }));
    }
    if !transfer.policy.is_empty() {
        told.insert("policy".to_owned(), json!({ "uid": transfer.policy }));
    }
    let unmapped = json!({
        "gate": transfer.gate, "kind": transfer.file_kind, "class": transfer.class, "verdict": transfer.verdict,
        "decision": event.decision, "reason": transfer.reason, "quarantined": transfer.quarantined,
    });
    told.insert("unmapped".to_owned(), unmapped);
}

fn administered(event: &Event, done: &Administration) -> Value {
    // Acts of older versions that have no name any more are changes of something.
    let meaning = AuditAct::named(&done.act).map_or(Meaning::Entity(OTHER, "Other"), meaning);
    let person = if event.person.is_empty() { "unknown" } else { &event.person };
    let mut told = match &meaning {
        Meaning::Access(activity, succeeded) => {
            let severity = if *succeeded { INFORMATIONAL } else { LOW };
            let mut told = base(event, &AUTHENTICATION, *activity, severity, *succeeded);
            told.insert("user".to_owned(), json!({ "name": person }));
            told.insert("service".to_owned(), json!({ "name": "Lazaret" }));
            told
        }
        Meaning::Account(activity, own) => {
            let mut told = base(event, &ACCOUNT, *activity, INFORMATIONAL, true);
            // `bob as viewer`, `bob: viewer, disabled`
            let named = done.detail.split([' ', ':']).next().filter(|name| !name.is_empty() && !own);
            told.insert("user".to_owned(), json!({ "name": named.unwrap_or(person) }));
            told
        }
        Meaning::Incident(activity, status) => {
            let mut told = base(event, &INCIDENT, *activity, HIGH, true);
            told.insert("status_id".to_owned(), (*status).into());
            // The class has no place for where somebody sat.
            told.remove("src_endpoint");
            // `ABCD-2345: title`
            let uid = done.detail.split([' ', ':']).next().filter(|uid| !uid.is_empty()).unwrap_or("unknown");
            told.insert("finding_info_list".to_owned(), json!([{ "uid": uid, "title": done.detail }]));
            told.insert("assignee".to_owned(), json!({ "name": person }));
            told.insert("comment".to_owned(), message(person, done).into());
            told
        }
        Meaning::Entity(activity, what) => {
            let mut told = base(event, &ENTITY, *activity, INFORMATIONAL, true);
            let name = if done.detail.is_empty() { what } else { done.detail.as_str() };
            told.insert("entity".to_owned(), json!({ "name": name, "type": what }));
            told.insert("comment".to_owned(), done.act.as_str().into());
            told
        }
    };
    let actor = if OURSELVES.contains(&person) {
        json!({ "app_name": "Lazaret" })
    } else {
        json!({ "user": { "name": person } })
    };
    told.insert("actor".to_owned(), actor);
    told.insert("activity_name".to_owned(), done.act.as_str().into());
    told.insert("message".to_owned(), message(person, done).into());
    Value::Object(told)
}

/// What a room tells; of a kind that no room of this executable has, it is the room itself that something became of.
fn from_room(event: &Event, told: &RoomEvent, kind: Option<EventKind>) -> Value {
    let room = event.room.name();
    let (activity, what) = kind.map_or((Activity::Other, room), |kind| (kind.activity, kind.entity));
    let mut all = base(event, &ENTITY, activity.number(), INFORMATIONAL, true);
    let name = if told.detail.is_empty() { what } else { told.detail.as_str() };
    all.insert("entity".to_owned(), json!({ "name": name, "type": what }));
    all.insert("comment".to_owned(), told.act.as_str().into());
    let actor = if event.person.is_empty() {
        json!({ "app_name": "Lazaret" })
    } else {
        json!({ "user": { "name": event.person } })
    };
    all.insert("actor".to_owned(), actor);
    all.insert("activity_name".to_owned(), told.act.as_str().into());
    all.insert("message".to_owned(), said(room, &told.act, &told.detail).into());
    all.insert("unmapped".to_owned(), json!({ "room": room, "fields": told.fields }));
    Value::Object(all)
}

fn message(person: &str, done: &Administration) -> String {
    said(person, &done.act, &done.detail)
}

fn said(who: &str, act: &str, detail: &str) -> String {
    match detail {
        "" => format!("{who}: {act}"),
        detail => format!("{who}: {act}: {detail}"),
    }
}

#[cfg(test)]
mod tests;
