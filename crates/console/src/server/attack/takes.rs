//! Analysts' takes: written against an exact source, read by somebody else, published, and shown only while they hold.

use super::take_cited::{Entry, Subject, bound_to_newest, object_path};
use super::take_form::{Fields, document};
use super::{Reader, Where, day, shelf, shelf_exact};
use crate::prose::Citations;
use crate::server::extract::{Path, Query};
use crate::server::session::{Allowed, May, Shown as User, Signed, Somebody, may};
use crate::server::{Answer, Refused, parts, shown_time};
use askama::Template;
use axum::extract::State;
use axum::http::StatusCode;
use axum::response::{IntoResponse, Redirect, Response};
use lazaret_attack::{
    Catalog, Choice, Deed, Document, Evidence, Fit, Found, TAKE_PENDING, TakeError, Trouble, Vouched, act as do_it,
    authors, begin as begin_it, look, references, served, take_about, takes_now, template, why_stale,
};
use lazaret_model::AuditAct;
use lazaret_store::{Take, TakeState, TakeStep};
use serde::Deserialize;

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
    let mut takes: Vec<TakeShown> = Vec::with_capacity(published.len());
    for (take, document) in &published {
        takes.push(take_shown(take, document, &authors(catalog, take).await?));
    }
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

fn take_shown(take: &Take, document: &Document, authors: &[String]) -> TakeShown {
    TakeShown {
        id: take.id,
        title: document.title.clone(),
        summary: document.summary.clone(),
        author: listed(authors),
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

/// Names as people list them: `karl, eve and anna`.
fn listed(names: &[String]) -> String {
    match names {
        [most @ .., last] if !most.is_empty() => format!("{} and {last}", most.join(", ")),
        names => names.join(""),
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
    /// The state that was asked for; empty for any.
    state: String,
    states: [&'static str; 5],
    rows: Vec<Row>,
}

struct Row {
    take: Take,
    changed: String,
    path: String,
    /// What it is about: ID and name.
    about: String,
    /// Who wrote it, everybody.
    by: String,
    /// What changed since a stale one was written; empty for any other.
    why: String,
}

/// Which takes somebody asks for.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default)]
pub(super) struct Sought {
    /// The name of a state; empty for any.
    state: String,
}

pub(super) async fn list(
    State(console): State<parts::Library>,
    who: Allowed<may::View>,
    Query(asked): Query<Sought>,
) -> Answer {
    let catalog = console.catalog()?;
    let mut rows = Vec::new();
    for take in takes_now(catalog, None)
        .await?
        .into_iter()
        .filter(|take| asked.state.is_empty() || take.state.name() == asked.state)
    {
        let why = if take.state == TakeState::Stale { why_stale(catalog, take.id).await? } else { String::new() };
        let by = listed(&authors(catalog, &take).await?);
        let (about, path) = (take_about(catalog, &take).await?.to_string(), object_path(&take.object));
        rows.push(Row { changed: shown_time(take.changed_at), path, about, by, why, take });
    }
    shelf(&List { user: who.shown(), state: asked.state, states: TakeState::ALL.map(TakeState::name), rows })
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
    /// What it is about; none where the document does not say.
    about: Option<Subject>,
}

#[derive(Debug, Deserialize)]
pub(super) struct About {
    object: String,
}

pub(super) async fn blank(
    State(console): State<parts::Library>,
    who: Allowed<may::WriteTakes>,
    Query(about): Query<About>,
    Query(place): Query<Where>,
) -> Answer {
    let catalog = console.catalog()?;
    let choice = Choice { release: None, ..place.choice()? };
    let found = catalog.find(None, &about.object, &choice).await?;
    let document = template(&found);
    let text = serde_json::to_string_pretty(&document).map_err(|error| Refused::Broken(error.to_string()))?;
    let form = Written { text, ..Written::default() };
    shelf_exact(&edit(catalog, &who, form, Vec::new(), String::new()).await?)
}

/// A document in a form.
#[derive(Default)]
struct Written {
    text: String,
    /// The take and the revision of it; none for a new one.
    take: Option<(i64, i64)>,
    /// Words that narrow what can be picked.
    sought: String,
}

async fn edit(
    catalog: &Catalog,
    who: &Somebody,
    written: Written,
    troubles: Vec<Trouble>,
    problem: String,
) -> Result<Edit, Refused> {
    let Written { text, take, sought } = written;
    let entry = Entry::read(catalog, &text).await?;
    let citable = entry.as_ref().map(Entry::citable).unwrap_or_default();
    let fields = Fields::of(&text, |kind, value| citable.contains(&(kind, value)));
    let about = match (&entry, &fields) {
        (Some(entry), Some(fields)) => Some(entry.shown(&fields.claims, &sought)),
        _ => None,
    };
    let action = take.map_or_else(|| "/attack/takes/new".to_owned(), |(id, _)| format!("/attack/takes/{id}"));
    let (revision, schema) = (take.map_or(0, |(_, revision)| revision), lazaret_attack::TAKE_SCHEMA);
    Ok(Edit { user: who.shown(), fields, text, troubles, problem, action, revision, schema, about })
}

/// The form again with everything that was sent, where somebody only wants to see other things to pick, or the newest release;
/// `None` where it is to be saved.
async fn look_around(
    catalog: &Catalog,
    who: &Somebody,
    sent: &[(String, String)],
    take: Option<(i64, i64)>,
) -> Result<Option<Response>, Refused> {
    let (text, sought) = (document(sent), field(sent, "sought").to_owned());
    let text = match field(sent, "look") {
        "" => return Ok(None),
        "newest" => bound_to_newest(catalog, text).await?,
        _ => text,
    };
    let form = Written { text, take, sought };
    shelf_exact(&edit(catalog, who, form, Vec::new(), String::new()).await?).map(Some)
}

/// The fields of a form, in their order.
type Sent = Signed<Vec<(String, String)>>;

/// One of them; empty for none.
fn field<'a>(sent: &'a [(String, String)], name: &str) -> &'a str {
    sent.iter().find(|(known, _)| known == name).map_or("", |(_, value)| value)
}

pub(super) async fn begin(
    State(console): State<parts::Library>,
    who: Allowed<may::WriteTakes>,
    Signed(sent): Sent,
) -> Answer {
    let catalog = console.catalog()?;
    if let Some(form) = look_around(catalog, &who, &sent, None).await? {
        return Ok(form);
    }
    let document = document(&sent);
    match begin_it(catalog, &who.user.name, &document).await {
        Ok(id) => {
            console.ledger.note(&who.user.name, AuditAct::TakeBegun, &id.to_string()).await?;
            Ok(Redirect::to(&format!("/attack/takes/{id}")).into_response())
        }
        Err(error) => {
            let form = Written { text: document, take: None, sought: field(&sent, "sought").to_owned() };
            again(catalog, &who, error, form).await
        }
    }
}

/// The form again, with what is wrong.
async fn again(catalog: &Catalog, who: &Somebody, error: TakeError, form: Written) -> Answer {
    let (troubles, problem) = match error {
        TakeError::Troubles(troubles) => (troubles, String::new()),
        error @ (TakeError::Refused(_) | TakeError::Changed) => (Vec::new(), error.to_string()),
        error => return Err(error.into()),
    };
    let page = edit(catalog, who, form, troubles, problem).await?;
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
    authors: String,
    path: String,
    about: String,
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

pub(super) async fn show(State(console): State<parts::Library>, reader: Reader, Path(id): Path<i64>) -> Answer {
    let catalog = console.catalog()?;
    let mut take = catalog.library().take(id).await?.ok_or(TakeError::Missing(id))?;
    // Whoever is not signed in sees what is published, on the entry's page.
    let Some(who) = reader.who else {
        return match take.state {
            TakeState::Published => Ok(Redirect::to(&format!("{}#take", object_path(&take.object))).into_response()),
            _ => Err(Refused::SignIn),
        };
    };
    who.needs(May::View)?;
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
    let changes = checked.as_ref().map(|checked| checked.fit.changes().to_vec()).unwrap_or_default();
    let authors = authors(catalog, &take).await?;
    shelf(&One {
        path: object_path(&take.object),
        about: take_about(catalog, &take).await?.to_string(),
        created: shown_time(take.created_at),
        changed: shown_time(take.changed_at),
        fit: checked.as_ref().map_or("Its document no longer matches the schema.", |checked| checked.fit.sentence()),
        holds: checked.as_ref().is_some_and(|checked| checked.fit == Fit::Current && checked.troubles.is_empty()),
        can_rebind: checked
            .as_ref()
            .is_some_and(|checked| matches!(checked.fit, Fit::Bookkeeping(_)) && checked.troubles.is_empty())
            && matches!(take.state, TakeState::Stale | TakeState::Published),
        changes: changes.iter().map(super::history::difference_row).collect(),
        shown: checked.as_ref().map(|checked| take_shown(&take, &checked.document, &authors)),
        authors: listed(&authors),
        current: checked.map(|checked| checked.current.release).unwrap_or_default(),
        troubles,
        steps: steps.into_iter().map(|step| (step.clone(), shown_time(step.at))).collect(),
        may_write: who.may(May::WriteTakes),
        may_review: who.may(May::ReviewTakes) && !is_author,
        is_author,
        user: who.shown(),
        take,
    })
}

pub(super) async fn act(
    State(console): State<parts::Library>,
    who: Allowed<may::WorkOnTakes>,
    Path(id): Path<i64>,
    Signed(sent): Sent,
) -> Answer {
    let catalog = console.catalog()?;
    let (wish, written) = (field(&sent, "do"), document(&sent));
    let wrong =
        |_| Refused::Because(StatusCode::BAD_REQUEST, "`revision` must be the revision of the take as you read it");
    let revision: i64 = field(&sent, "revision").parse().map_err(wrong)?;
    let deed = match wish {
        "form" => {
            who.needs(May::WriteTakes)?;
            let take = catalog.library().take(id).await?.ok_or(TakeError::Missing(id))?;
            if take.state == TakeState::Withdrawn {
                let sentence = "a withdrawn take cannot be changed; write a new one".to_owned();
                return Err(TakeError::Refused(sentence).into());
            }
            let form = Written { text: take.document, take: Some((id, take.revision)), sought: String::new() };
            return shelf_exact(&edit(catalog, &who, form, Vec::new(), String::new()).await?);
        }
        "edit" => {
            who.needs(May::WriteTakes)?;
            if let Some(form) = look_around(catalog, &who, &sent, Some((id, revision))).await? {
                return Ok(form);
            }
            Deed::Edit(written.clone())
        }
        "submit" => Deed::Submit,
        "return" => Deed::Return,
        "publish" => Deed::Publish,
        "revalidate" => Deed::Revalidate,
        "withdraw" => Deed::Withdraw,
        _ => return Err(Refused::Because(StatusCode::BAD_REQUEST, "no such action for a take")),
    };
    who.needs(needed(&deed))?;
    let is_edit = matches!(deed, Deed::Edit(_));
    match do_it(catalog, id, Some(revision), &who.user.name, deed, field(&sent, "note")).await {
        Ok(take) => {
            console.ledger.note(&who.user.name, AuditAct::TakeChanged, &format!("{wish}: {}", take.id)).await?;
            Ok(Redirect::to(&format!("/attack/takes/{id}")).into_response())
        }
        Err(error) if is_edit => {
            let sought = field(&sent, "sought").to_owned();
            let form = Written { text: written, take: Some((id, revision)), sought };
            again(catalog, &who, error, form).await
        }
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
