//! Layers of the ATT&CK Navigator: brought up to a release, drawn on its matrix, and given back.

use super::matrix::{Grid, Marks, of_release};
use super::pin::Pin;
use super::{Reader, Where, shelf, shelf_in};
use crate::server::extract::Query;
use crate::server::session::Shown;
use crate::server::{Answer, Refused, parts};
use askama::Template;
use axum::extract::{Form, State};
use axum::http::header::{CONTENT_DISPOSITION, CONTENT_TYPE};
use axum::http::{StatusCode, Uri};
use axum::response::IntoResponse;
use lazaret_attack::{AttackError, Choice, Layer, Note, domain_title, layer_upgraded, read_layers};
use serde::Deserialize;

#[derive(Template)]
#[template(path = "attack/layers.html")]
struct Page {
    user: Option<Shown>,
    problem: String,
    text: String,
    shown: Vec<LayerShown>,
    release: String,
}

struct LayerShown {
    layer: Layer,
    domain: String,
    release: String,
    made_for: String,
    notes: Vec<Note>,
    grid: Grid,
    marked: usize,
}

#[derive(Deserialize)]
pub(super) struct Given {
    layer: String,
    #[serde(default)]
    release: String,
    #[serde(rename = "do", default)]
    wish: String,
}

pub(super) async fn form(State(_): State<parts::Library>, reader: Reader, Query(asked): Query<Where>) -> Answer {
    shelf(&Page {
        user: reader.shown(),
        problem: String::new(),
        text: String::new(),
        shown: Vec::new(),
        release: asked.release,
    })
}

pub(super) async fn look(
    State(console): State<parts::Library>,
    reader: Reader,
    uri: Uri,
    Form(given): Form<Given>,
) -> Answer {
    let catalog = console.catalog()?;
    let wrong = |problem: String, given: &Given| {
        let mut answer = shelf(&Page {
            user: reader.shown(),
            problem,
            text: given.layer.clone(),
            shown: Vec::new(),
            release: given.release.clone(),
        })?;
        *answer.status_mut() = StatusCode::UNPROCESSABLE_ENTITY;
        Ok(answer)
    };
    let layers = match read_layers(given.layer.as_bytes()) {
        Ok(layers) => layers,
        Err(error) => return wrong(error.to_string(), &given),
    };
    let release = match given.release.trim() {
        "" => None,
        text => match text.parse() {
            Ok(number) => Some(number),
            Err(error) => return wrong(AttackError::to_string(&error), &given),
        },
    };
    let mut upgraded = Vec::new();
    for layer in layers {
        let choice = Choice { feed: None, domain: Some(layer.domain.clone()), release };
        let view = match catalog.release(&choice).await {
            Ok(release) => catalog.view(&release).await?,
            Err(AttackError::Unknown(sentence)) => return wrong(sentence, &given),
            Err(error) => return Err(error.into()),
        };
        let made_for = layer.attack.map(|number| number.to_string()).unwrap_or_default();
        let (layer, notes) = layer_upgraded(&layer, &view);
        upgraded.push((layer, notes, view, made_for));
    }
    if given.wish == "download" {
        let layers: Vec<_> = upgraded.iter().map(|(layer, ..)| layer.json()).collect();
        let text = match layers.as_slice() {
            [one] => serde_json::to_string_pretty(one),
            layers => serde_json::to_string_pretty(layers),
        };
        let text = text.map_err(|error| Refused::Broken(error.to_string()))?;
        let fields = [(CONTENT_TYPE, "application/json"), (CONTENT_DISPOSITION, "attachment; filename=\"layer.json\"")];
        return Ok((fields, text).into_response());
    }
    let mut shown = Vec::new();
    for (layer, notes, view, made_for) in upgraded {
        let grid = of_release(catalog, &view, Some(&Marks::of(&layer))).await?;
        shown.push(LayerShown {
            domain: domain_title(&layer.domain).to_owned(),
            release: view.release.name.clone(),
            made_for,
            notes,
            grid,
            marked: layer.marks.len(),
            layer,
        });
    }
    // A layer on an older release leads to what that release says.
    let chosen = Where { release: given.release.clone(), ..Where::default() };
    let pin = Pin::of(&chosen, &uri)?;
    let (problem, text, release) = (String::new(), given.layer, given.release);
    shelf_in(pin.as_ref(), &Page { user: reader.shown(), problem, text, shown, release })
}
