//! Layers that are kept here: edited in a form, with their versions, and put together by an expression.

use super::layer_form::{Fields, draft};
use super::matrix::{Grid, Marks, of_release};
use super::{encoded, shelf, shelf_exact};
use crate::server::extract::{Path, Query};
use crate::server::session::{Allowed, May, Shown, Signed, Somebody, may};
use crate::server::{Answer, Refused, parts, shown_time};
use askama::Template;
use axum::extract::State;
use axum::http::StatusCode;
use axum::http::header::{CONTENT_DISPOSITION, CONTENT_TYPE};
use axum::response::{IntoResponse, Redirect};
use lazaret_attack::{
    AttackError, Catalog, Choice, Layer, LayerDraft, combined, domain_title, empty_layer, layer_edited, read_layers,
};
use lazaret_model::AuditAct;
use lazaret_store::{LayerVersion, NewLayer, StoredLayer};
use serde::Deserialize;
use serde_json::Value;

/// Why a change was not made.
const MEANWHILE: &str =
    "someone else has changed it in the meantime, or another layer has this name; reload the page and try again";
/// Layers that can be put together: as many as there are letters.
const LETTERS: usize = 26;

#[derive(Template)]
#[template(path = "attack/saved.html")]
struct List {
    user: Option<Shown>,
    rows: Vec<Row>,
    problem: String,
    expression: String,
    /// What the expression makes of the layers.
    made: Option<Made>,
}

struct Row {
    layer: StoredLayer,
    domain: String,
    changed: String,
    /// What expressions call it; empty for one beyond the letters.
    letter: String,
}

/// A layer that an expression makes, which is not kept yet.
struct Made {
    name: String,
    text: String,
    told: String,
    marked: usize,
    grid: Option<Grid>,
}

#[derive(Template)]
#[template(path = "attack/saved_one.html")]
struct One {
    user: Option<Shown>,
    stored: StoredLayer,
    domain: String,
    changed: String,
    /// The revision that is shown.
    shown: i64,
    versions: Vec<(LayerVersion, String)>,
    problem: String,
    fields: Fields,
    legend: Vec<(String, String)>,
    may_write: bool,
    grid: Option<Grid>,
    release: String,
}

#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default)]
pub(super) struct Asked {
    /// The expression.
    expression: String,
    /// The revision.
    version: i64,
    /// `json` for the file that the Navigator opens.
    form: String,
}

type Sent = Signed<Vec<(String, String)>>;

/// What was sent under a name; empty for nothing.
fn field<'a>(sent: &'a [(String, String)], name: &str) -> &'a str {
    sent.iter().find(|(known, _)| known == name).map_or("", |(_, value)| value)
}

fn gone() -> Refused {
    Refused::Because(StatusCode::NOT_FOUND, "layer not found")
}

/// The layers that are kept, and what an expression makes of them.
pub(super) async fn list(
    State(console): State<parts::Library>,
    who: Allowed<may::View>,
    Query(asked): Query<Asked>,
) -> Answer {
    let catalog = console.catalog()?;
    let (made, problem) = match asked.expression.trim() {
        "" => (None, String::new()),
        expression => match put_together(catalog, expression).await {
            Ok(layer) => (Some(made(catalog, &layer).await?), String::new()),
            Err(error @ AttackError::Layer(_)) => (None, error.to_string()),
            Err(error) => return Err(error.into()),
        },
    };
    let status = if problem.is_empty() { StatusCode::OK } else { StatusCode::UNPROCESSABLE_ENTITY };
    let page = List { user: who.shown(), rows: rows(catalog).await?, problem, expression: asked.expression, made };
    let mut answer = shelf(&page)?;
    *answer.status_mut() = status;
    Ok(answer)
}

async fn rows(catalog: &Catalog) -> Result<Vec<Row>, Refused> {
    let layers = catalog.library().layers().await?;
    let letters = ('a'..='z').map(String::from).chain(std::iter::repeat(String::new()));
    let row = |(layer, letter): (StoredLayer, String)| Row {
        domain: domain_title(&layer.domain).to_owned(),
        changed: shown_time(layer.changed_at),
        letter,
        layer,
    };
    Ok(layers.into_iter().zip(letters).map(row).collect())
}

/// What an expression says of the layers that are kept, each called by its letter.
async fn put_together(catalog: &Catalog, expression: &str) -> Result<Layer, AttackError> {
    let kept = catalog.library().layers().await?;
    let mut layers = Vec::new();
    // LIMIT: the list shows which layers have a letter.
    for (row, letter) in kept.iter().zip('a'..='z').take(LETTERS) {
        // Words such as `max` have more letters than one.
        if !expression.contains(letter) {
            continue;
        }
        let stored = catalog.library().layer(row.id).await?;
        layers.push((letter, read(&stored.map(|stored| stored.document).unwrap_or_default())?));
    }
    let named: Vec<(char, &Layer)> = layers.iter().map(|(letter, layer)| (*letter, layer)).collect();
    combined(expression, &named, expression)
}

fn read(document: &str) -> Result<Layer, AttackError> {
    let layers = read_layers(document.as_bytes())?;
    layers.into_iter().next().ok_or_else(|| AttackError::Layer("it contains no layer".to_owned()))
}

async fn made(catalog: &Catalog, layer: &Layer) -> Result<Made, Refused> {
    Ok(Made {
        name: layer.name.clone(),
        text: text(layer),
        told: layer.description.clone(),
        marked: layer.marks.len(),
        grid: drawn(catalog, layer).await?.map(|(grid, _)| grid),
    })
}

/// A layer on the newest release of its domain, and that release's name; none where there is none.
async fn drawn(catalog: &Catalog, layer: &Layer) -> Result<Option<(Grid, String)>, Refused> {
    let choice = Choice { domain: Some(layer.domain.clone()), ..Choice::default() };
    let release = match catalog.release(&choice).await {
        Ok(release) => release,
        Err(AttackError::Unknown(_)) => return Ok(None),
        Err(error) => return Err(error.into()),
    };
    let view = catalog.view(&release).await?;
    let grid = of_release(catalog, &view, Some(&Marks::of(layer))).await?;
    Ok(Some((grid, release.name)))
}

fn text(layer: &Layer) -> String {
    let value = Value::Object(layer.json().clone());
    serde_json::to_string_pretty(&value).unwrap_or_default()
}

/// Keeps a layer: one that was pasted, one that an expression made, or an empty one.
pub(super) async fn begin(
    State(console): State<parts::Library>,
    who: Allowed<may::WriteTakes>,
    Signed(sent): Sent,
) -> Answer {
    let catalog = console.catalog()?;
    let given = field(&sent, "layer");
    let layer = if given.trim().is_empty() {
        let domain = lazaret_attack::domain_named(field(&sent, "domain")).unwrap_or("enterprise-attack");
        let newest = catalog.release(&Choice { domain: Some(domain.to_owned()), ..Choice::default() }).await;
        let release = newest.map(|release| release.name).unwrap_or_default();
        empty_layer(field(&sent, "name"), domain, &release)?
    } else {
        let layer = read(given)?;
        match field(&sent, "name").trim() {
            "" => layer,
            name => layer_edited(&layer, LayerDraft { name: name.to_owned(), ..LayerDraft::of(&layer) })?,
        }
    };
    match catalog.library().add_layer(&new(&layer, &who)).await? {
        Some(id) => {
            let detail = format!("{id}: {}", layer.name);
            console.ledger.note(&who.user.name, AuditAct::LayerSaved, &detail).await?;
            Ok(Redirect::to(&format!("/attack/layers/saved/{id}")).into_response())
        }
        None => Err(Refused::Because(StatusCode::CONFLICT, "another layer has this name; choose a different one")),
    }
}

fn new(layer: &Layer, who: &Somebody) -> NewLayer {
    NewLayer {
        name: layer.name.clone(),
        domain: layer.domain.clone(),
        who: who.user.name.clone(),
        document: Value::Object(layer.json().clone()).to_string(),
    }
}

/// A layer, with the form that edits it.
pub(super) async fn one(
    State(console): State<parts::Library>,
    who: Allowed<may::View>,
    Path(id): Path<i64>,
    Query(asked): Query<Asked>,
) -> Answer {
    let catalog = console.catalog()?;
    let stored = catalog.library().layer(id).await?.ok_or_else(gone)?;
    let (shown, document) = match asked.version {
        0 => (stored.revision, stored.document.clone()),
        version => (version, catalog.library().layer_document(id, version).await?.ok_or_else(gone)?),
    };
    let layer = read(&document)?;
    if asked.form == "json" {
        let name = encoded(&layer.name.replace(|letter: char| !letter.is_ascii_alphanumeric(), "-"));
        let disposition = format!("attachment; filename=\"{name}.json\"");
        let fields = [(CONTENT_TYPE, "application/json".to_owned()), (CONTENT_DISPOSITION, disposition)];
        return Ok((fields, text(&layer)).into_response());
    }
    shelf_exact(&page(catalog, &who, stored, shown, &layer, String::new()).await?)
}

async fn page(
    catalog: &Catalog,
    who: &Somebody,
    stored: StoredLayer,
    shown: i64,
    layer: &Layer,
    problem: String,
) -> Result<One, Refused> {
    let versions = catalog.library().layer_versions(stored.id).await?;
    let versions = versions.into_iter().map(|version| {
        let at = shown_time(version.at);
        (version, at)
    });
    let (grid, release) = drawn(catalog, layer).await?.unzip();
    Ok(One {
        user: who.shown(),
        domain: domain_title(&stored.domain).to_owned(),
        changed: shown_time(stored.changed_at),
        versions: versions.collect(),
        fields: Fields::of(&LayerDraft::of(layer)),
        legend: layer.legend.clone(),
        may_write: who.may(May::WriteTakes),
        release: release.unwrap_or_default(),
        grid,
        shown,
        problem,
        stored,
    })
}

/// Saves or removes a layer.
pub(super) async fn act(
    State(console): State<parts::Library>,
    who: Allowed<may::WriteTakes>,
    Path(id): Path<i64>,
    Signed(sent): Sent,
) -> Answer {
    let catalog = console.catalog()?;
    let stored = catalog.library().layer(id).await?.ok_or_else(gone)?;
    let revision = field(&sent, "revision").parse::<i64>().unwrap_or(0);
    if field(&sent, "do") == "remove" {
        if !catalog.library().remove_layer(id, revision).await? {
            return Err(Refused::Because(StatusCode::CONFLICT, MEANWHILE));
        }
        let detail = format!("{id}: {}", stored.name);
        console.ledger.note(&who.user.name, AuditAct::LayerRemoved, &detail).await?;
        return Ok(Redirect::to("/attack/layers/saved").into_response());
    }
    let old = read(&stored.document)?;
    let edited = draft(&sent).and_then(|draft| layer_edited(&old, draft));
    let layer = match edited {
        Ok(layer) => layer,
        Err(error) => {
            let mut page = page(catalog, &who, stored, revision, &old, error.to_string()).await?;
            // What was typed is not lost.
            page.fields = Fields::sent(&sent);
            let mut answer = shelf_exact(&page)?;
            *answer.status_mut() = StatusCode::UNPROCESSABLE_ENTITY;
            return Ok(answer);
        }
    };
    if !catalog.library().change_layer(id, revision, &new(&layer, &who)).await? {
        return Err(Refused::Because(StatusCode::CONFLICT, MEANWHILE));
    }
    let detail = format!("{id}: {}", layer.name);
    console.ledger.note(&who.user.name, AuditAct::LayerSaved, &detail).await?;
    Ok(Redirect::to(&format!("/attack/layers/saved/{id}")).into_response())
}
