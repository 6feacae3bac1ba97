//! The configuration in force, to read.

use super::session::{May, Shown, Somebody};
use super::{Answer, Console, page};
use askama::Template;
use axum::extract::State;
use lazaret_model::plain;
use std::sync::Arc;

#[derive(Template)]
#[template(path = "console/settings.html")]
struct Settings {
    user: Option<Shown>,
    version: &'static str,
    tables: Vec<(String, Vec<(String, String)>)>,
}

pub(super) async fn show(State(console): State<Arc<Console>>, who: Somebody) -> Answer {
    who.may(May::ReadSettings)?;
    let mut tables = console.control.settings();
    for (_, value) in tables.iter_mut().flat_map(|(_, keys)| keys) {
        *value = plain(value);
    }
    page(&Settings { user: who.shown(), version: env!("CARGO_PKG_VERSION"), tables })
}
