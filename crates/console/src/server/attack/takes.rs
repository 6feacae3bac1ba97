//! Analysts' takes: written against an exact source, read by somebody else, published, and shown only while they hold.

use super::take_form::{Fields, document};
use super::{Reader, Where, day, shelf, shelf_exact};
use crate::prose::Citations;
use crate::server::extract::{Path, Query};
use crate::server::session::{May, Shown as User, Somebody};
use crate::server::{Answer, Console, Refused, shown_time};
use askama::Template;
use axum::extract::{Form, State};
use axum::http::StatusCode;
use axum::response::{IntoResponse, Redirect};
use lazaret_attack::{
    Catalog, Change, Choice, Deed, Document, Evidence, Fit, Found, TAKE_PENDING, TakeError, Trouble, Vouched,
    act as do_it, begin as begin_it, kind_of, look, references, section_of, served, takes_now, template,
};
use lazaret_store::{Take, TakeState, TakeStep};
use serde::Deserialize;
use std::sync::Arc;

/// What a page of an entry shows of its takes.
pub(super) struct Shown {
    pub(super) takes: Vec<TakeShown>,
    /// What stands there where nothing is published; empty for nothing at all.
    pub(super) pending: &'static str,
    pub(super) waiting: usize,
    /// Where one is begun.
    pub(super) begin: String,
}

pub(super) struct TakeShown {
    pub(super) id: i64,
    pub(super) title: String,
    pub(super) summary: String,
    pub(super) author: String,
    pub(super) reviewer: String,
    pub(super) changed: String,
    pub(super) release: String,
    pub(super) short: String,
    pub(super) not_covered: String,
    pub(super) claims: Vec<ClaimShown>,
}

pub(super) struct ClaimShown {
    pub(super) text: String,
    pub(super) confidence: String,
    pub(super) evidence: Vec<EvidenceShown>,
}

pub(super) struct EvidenceShown {
    pub(super) kind: &'static str,
    pub(super) text: String,
    pub(super) path: String,
    pub(super) is_outside: bool,
}

/// The takes about an entry that hold now.
pub(super) async fn shown(catalog: &Catalog, found: &Found, citations: &mut Citations) -> Result<Shown, Refused> {
    let Vouched { published, pending } = served(catalog, &found.version, &found.view.release).await?;
    let fields = catalog.fields(&found.version).await?;
    citations.learn(&references(&fields));
    let takes: Vec<TakeShown> = published.iter().map(|(take, document)| take_shown(take, document)).collect();
    let release = &found.view.release;
    Ok(Shown {
        pending: if takes.is_empty() { TAKE_PENDING } else { "" },
        waiting: pending,
        begin: format!(
            "/attack/takes/new?object={}&feed={}&domain={}",
            found.version.stix_id, release.feed, release.domain
        ),
        takes,
    })
}

pub(super) fn take_shown(take: &Take, document: &Document) -> TakeShown {
    TakeShown {
        id: take.id,
        title: document.title.clone(),
        summary: document.summary.clone(),
        author: take.author.clone(),
        reviewer: take.reviewer.clone(),
        changed: shown_time(take.changed_at),
        release: document.release.clone(),
        short: document.source_sha256.chars().take(12).collect(),
        not_covered: document.not_covered.clone(),
        claims: document
            .claims
            .iter()
            .map(|claim| ClaimShown {
                text: claim.text.clone(),
                confidence: claim.confidence.clone(),
                evidence: claim.evidence.iter().map(evidence).collect(),
            })
            .collect(),
    }
}

fn evidence(evidence: &Evidence) -> EvidenceShown {
    let shown = |kind, text: String, path: String, is_outside| EvidenceShown { kind, text, path, is_outside };
    match evidence {
        Evidence::Quote { text } => shown("The official definition", format!("“{text}”"), String::new(), false),
        Evidence::Relationship { id } => shown("Relationship", id.clone(), format!("/relationships/{id}"), false),
        Evidence::Citation { source_name } => shown("Reference", source_name.clone(), "#references".to_owned(), false),
        Evidence::Link { url, title, retrieved } => {
            shown("Link", format!("{title} (read {})", day(retrieved)), url.clone(), true)
        }
    }
}

#[derive(Template)]
#[template(path = "attack/takes.html")]
struct List {
    user: Option<User>,
    rows: Vec<Row>,
}

struct Row {
    take: Take,
    changed: String,
    path: String,
}

fn object_path(stix_id: &str) -> String {
    format!("/{}/{stix_id}", section_of(kind_of(stix_id)).path)
}

pub(super) async fn list(State(console): State<Arc<Console>>, who: Somebody) -> Answer {
    who.may(May::View)?;
    let takes = takes_now(console.catalog()?, None).await?;
    let rows = takes.into_iter().map(|take| Row {
        changed: shown_time(take.changed_at),
        path: object_path(&take.object),
        take,
    });
    shelf(&List { user: who.shown(), rows: rows.collect() })
}

#[derive(Template)]
#[template(path = "attack/take_edit.html")]
struct Edit {
    user: Option<User>,
    /// The document field by field; none for one that is no JSON.
    fields: Option<Fields>,
    text: String,
    troubles: Vec<Trouble>,
    problem: String,
    action: String,
    revision: i64,
    schema: &'static str,
}

#[derive(Debug, Deserialize)]
pub(super) struct About {
    object: String,
}

pub(super) async fn blank(
    State(console): State<Arc<Console>>,
    who: Somebody,
    Query(about): Query<About>,
    Query(place): Query<Where>,
) -> Answer {
    who.may(May::WriteTakes)?;
    let catalog = console.catalog()?;
    let choice = Choice { release: None, ..place.choice()? };
    let found = catalog.find(None, &about.object, &choice).await?;
    let document = template(&found);
    let text = serde_json::to_string_pretty(&document).map_err(|error| Refused::Broken(error.to_string()))?;
    shelf_exact(&edit(&who, text, Vec::new(), String::new(), "/attack/takes/new".to_owned(), 0))
}

fn edit(who: &Somebody, text: String, troubles: Vec<Trouble>, problem: String, action: String, revision: i64) -> Edit {
    let fields = Fields::of(&text);
    Edit { user: who.shown(), fields, text, troubles, problem, action, revision, schema: lazaret_attack::TAKE_SCHEMA }
}

/// The fields of a form, in their order.
type Sent = Form<Vec<(String, String)>>;

/// One of them; empty for none.
fn field<'a>(sent: &'a [(String, String)], name: &str) -> &'a str {
    sent.iter().find(|(known, _)| known == name).map_or("", |(_, value)| value)
}

pub(super) async fn begin(State(console): State<Arc<Console>>, who: Somebody, Form(sent): Sent) -> Answer {
    who.may(May::WriteTakes)?;
    who.sent(field(&sent, "csrf"))?;
    let document = document(&sent);
    match begin_it(console.catalog()?, &who.user.name, &document).await {
        Ok(id) => {
            console.ledger.note(&who.user.name, "take begun", &id.to_string()).await?;
            Ok(Redirect::to(&format!("/attack/takes/{id}")).into_response())
        }
        Err(error) => again(&who, error, document, "/attack/takes/new".to_owned(), 0),
    }
}

/// The form again, with what is wrong.
fn again(who: &Somebody, error: TakeError, text: String, action: String, revision: i64) -> Answer {
    let page = match error {
        TakeError::Troubles(troubles) => edit(who, text, troubles, String::new(), action, revision),
        error @ (TakeError::Refused(_) | TakeError::Changed) => {
            edit(who, text, Vec::new(), error.to_string(), action, revision)
        }
        error => return Err(error.into()),
    };
    let mut answer = shelf_exact(&page)?;
    *answer.status_mut() = StatusCode::UNPROCESSABLE_ENTITY;
    Ok(answer)
}

impl From<TakeError> for Refused {
    fn from(error: TakeError) -> Self {
        match error {
            TakeError::Attack(error) => error.into(),
            TakeError::Missing(_) => Self::Said(StatusCode::NOT_FOUND, error.to_string()),
            TakeError::Changed | TakeError::Refused(_) => Self::Said(StatusCode::CONFLICT, error.to_string()),
            TakeError::Troubles(_) => Self::Said(StatusCode::UNPROCESSABLE_ENTITY, error.to_string()),
        }
    }
}

#[derive(Template)]
#[template(path = "attack/take.html")]
struct One {
    user: Option<User>,
    take: Take,
    shown: Option<TakeShown>,
    path: String,
    created: String,
    changed: String,
    fit: &'static str,
    holds: bool,
    can_rebind: bool,
    changes: Vec<super::history::DifferenceRow>,
    troubles: Vec<Trouble>,
    current: String,
    steps: Vec<(TakeStep, String)>,
    may_write: bool,
    may_review: bool,
    is_author: bool,
}

pub(super) async fn show(State(console): State<Arc<Console>>, reader: Reader, Path(id): Path<i64>) -> Answer {
    let catalog = console.catalog()?;
    let mut take = catalog.library().take(id).await?.ok_or(TakeError::Missing(id))?;
    // Whoever is not signed in sees what is published, on the entry's page.
    let Some(who) = reader.who else {
        return match take.state {
            TakeState::Published => Ok(Redirect::to(&format!("{}#take", object_path(&take.object))).into_response()),
            _ => Err(Refused::SignIn),
        };
    };
    who.may(May::View)?;
    let looked = look(catalog, id).await;
    let steps = catalog.library().take_steps(id).await?;
    let is_author = take.author == who.user.name || steps.iter().any(|step| step.wrote && step.who == who.user.name);
    let (checked, troubles) = match looked {
        Ok((now, checked)) => {
            take = now;
            let troubles = checked.troubles.clone();
            (Some(checked), troubles)
        }
        Err(TakeError::Troubles(troubles)) => {
            if take.state == TakeState::Published {
                take.state = TakeState::Stale;
            }
            (None, troubles)
        }
        Err(error) => return Err(error.into()),
    };
    let changes = checked.as_ref().map(|checked| changed(&checked.fit)).unwrap_or_default();
    shelf(&One {
        path: object_path(&take.object),
        created: shown_time(take.created_at),
        changed: shown_time(take.changed_at),
        fit: checked.as_ref().map_or("Its document does not follow the schema any more.", |checked| told(&checked.fit)),
        holds: checked.as_ref().is_some_and(|checked| checked.fit == Fit::Current && checked.troubles.is_empty()),
        can_rebind: checked
            .as_ref()
            .is_some_and(|checked| matches!(checked.fit, Fit::Bookkeeping(_)) && checked.troubles.is_empty())
            && matches!(take.state, TakeState::Stale | TakeState::Published),
        changes: changes.iter().map(super::history::difference_row).collect(),
        shown: checked.as_ref().map(|checked| take_shown(&take, &checked.document)),
        current: checked.map(|checked| checked.current.release).unwrap_or_default(),
        troubles,
        steps: steps.into_iter().map(|step| (step.clone(), shown_time(step.at))).collect(),
        may_write: who.may(May::WriteTakes).is_ok(),
        may_review: who.may(May::ReviewTakes).is_ok() && !is_author,
        is_author,
        user: who.shown(),
        take,
    })
}

fn changed(fit: &Fit) -> Vec<Change> {
    match fit {
        Fit::Bookkeeping(changes) | Fit::Outdated { changes, .. } => changes.clone(),
        Fit::Current | Fit::Gone => Vec::new(),
    }
}

fn told(fit: &Fit) -> &'static str {
    match fit {
        Fit::Current => "Source and relationship set are the current ones.",
        Fit::Bookkeeping(_) => {
            "Only bookkeeping has changed since it was written: when, by whom and in which form it was published."
        }
        Fit::Outdated { relationships: true, .. } => "The relationship set is another one now.",
        Fit::Outdated { .. } => "The source says something else now.",
        Fit::Gone => "The newest release does not have the object any more.",
    }
}

pub(super) async fn act(
    State(console): State<Arc<Console>>,
    who: Somebody,
    Path(id): Path<i64>,
    Form(sent): Sent,
) -> Answer {
    let catalog = console.catalog()?;
    let (wish, written) = (field(&sent, "do"), document(&sent));
    let wrong = |_| Refused::Because(StatusCode::BAD_REQUEST, "`revision` is the number of the take that was read");
    let revision: i64 = field(&sent, "revision").parse().map_err(wrong)?;
    let deed = match wish {
        "form" => {
            who.may(May::WriteTakes)?;
            let take = catalog.library().take(id).await?.ok_or(TakeError::Missing(id))?;
            let action = format!("/attack/takes/{id}");
            return shelf_exact(&edit(&who, take.document, Vec::new(), String::new(), action, take.revision));
        }
        "edit" => Deed::Edit(written.clone()),
        "submit" => Deed::Submit,
        "return" => Deed::Return,
        "publish" => Deed::Publish,
        "revalidate" => Deed::Revalidate,
        "withdraw" => Deed::Withdraw,
        _ => return Err(Refused::Because(StatusCode::BAD_REQUEST, "nothing of this name can be done with a take")),
    };
    who.may(needed(&deed))?;
    who.sent(field(&sent, "csrf"))?;
    let is_edit = matches!(deed, Deed::Edit(_));
    match do_it(catalog, id, Some(revision), &who.user.name, deed, field(&sent, "note")).await {
        Ok(take) => {
            console.ledger.note(&who.user.name, &format!("take: {wish}"), &take.id.to_string()).await?;
            Ok(Redirect::to(&format!("/attack/takes/{id}")).into_response())
        }
        Err(error) if is_edit => again(&who, error, written, format!("/attack/takes/{id}"), revision),
        Err(error) => Err(error.into()),
    }
}

/// What somebody must be allowed to for a deed.
pub(in crate::server) fn needed(deed: &Deed) -> May {
    match deed {
        Deed::Edit(_) | Deed::Submit | Deed::Withdraw => May::WriteTakes,
        Deed::Return | Deed::Publish | Deed::Revalidate => May::ReviewTakes,
    }
}
