//! What happened to an entry: a row for each release with unchanged runs folded, and what differs between any two.

use super::day;
use crate::server::{Refused, shown_time};
use lazaret_attack::{
    Catalog, Change, Choice, Detail, Found, Label, Number, Piece, Run, compare, compared_words, folded, hex, history,
};
use serde::Deserialize;
use serde_json::Value;

/// Letters of a value that is no prose.
const MOST_VALUE: usize = 2_000;

/// Which two releases are compared.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default)]
pub(super) struct Two {
    pub(super) from: String,
    pub(super) to: String,
}

/// A run of releases in which nothing changed.
pub(super) struct Row {
    /// `12.1`, or `11.0 to 12.1`.
    pub(super) releases: String,
    pub(super) length: usize,
    pub(super) imported: String,
    pub(super) version: String,
    pub(super) modified: String,
    pub(super) status: &'static str,
    pub(super) short: String,
    pub(super) raw: String,
    pub(super) label: &'static str,
    pub(super) fields: Vec<String>,
    /// The release before and the run's first one, for a comparison.
    pub(super) two: Option<(String, String)>,
}

/// A comparison of two releases.
pub(super) struct Difference {
    pub(super) from: String,
    pub(super) to: String,
    pub(super) rows: Vec<DifferenceRow>,
    /// The bytes are the same.
    pub(super) same: bool,
}

pub(super) struct DifferenceRow {
    pub(super) field: String,
    pub(super) label: &'static str,
    /// Pieces of prose with their classes; empty where values are shown.
    pub(super) words: Vec<(&'static str, String)>,
    pub(super) old: String,
    pub(super) new: String,
}

/// The history in another track, which never mixes with the entry's own.
pub(super) struct Other {
    pub(super) domain: String,
    pub(super) feed: String,
    pub(super) rows: Vec<Row>,
}

/// The histories in all other tracks that ever had the entry.
pub(super) async fn others(catalog: &Catalog, found: &Found) -> Result<Vec<Other>, Refused> {
    let mut others = Vec::new();
    for span in found.spans.iter().filter(|span| span.track != found.view.release.track) {
        let (rows, _) = rows(catalog, found, span.track, Detail::Hashes).await?;
        others.push(Other { domain: span.domain.clone(), feed: span.feed.clone(), rows });
    }
    Ok(others)
}

/// The history in a track, the newest first, and its releases for a choice.
pub(super) async fn rows(
    catalog: &Catalog,
    found: &Found,
    track: i64,
    detail: Detail,
) -> Result<(Vec<Row>, Vec<String>), Refused> {
    let rows = history(catalog, &found.version.stix_id, track, detail).await?;
    let releases = rows.iter().filter(|row| row.version.is_some()).map(|row| row.release.name.clone()).collect();
    let runs = folded(&rows);
    let mut out = Vec::with_capacity(runs.len());
    for (place, run) in runs.iter().enumerate() {
        // The newest first: what came before is the next one.
        let before = runs.get(place + 1).map(|run| run.last.as_ref().unwrap_or(&run.first.release).name.clone());
        out.push(row(run, before));
    }
    Ok((out, releases))
}

fn row(run: &Run, before: Option<String>) -> Row {
    let first = &run.first.release;
    let releases = match &run.last {
        Some(last) => format!("{} to {}", first.name, last.name),
        None => first.name.clone(),
    };
    let version = run.first.version.as_deref();
    let status = version.map_or("not in these releases", |version| lazaret_attack::status(version));
    let mut fields: Vec<String> = run.first.changes.iter().map(|change| change.field.clone()).collect();
    fields.dedup();
    Row {
        releases,
        length: run.length,
        imported: shown_time(first.imported_at),
        version: version.map(|version| version.version.clone()).unwrap_or_default(),
        modified: version.map(|version| day(&version.modified)).unwrap_or_default(),
        status,
        short: version.map(|version| hex(&version.raw[..6])).unwrap_or_default(),
        raw: version.map(|version| hex(&version.raw)).unwrap_or_default(),
        label: run.first.label.map_or("", Label::name),
        fields,
        two: before.filter(|_| version.is_some()).map(|before| (before, first.name.clone())),
    }
}

/// What differs between two releases; none where none were asked for.
pub(super) async fn difference(catalog: &Catalog, found: &Found, two: &Two) -> Result<Option<Difference>, Refused> {
    if two.from.trim().is_empty() || two.to.trim().is_empty() {
        return Ok(None);
    }
    let mut both = Vec::new();
    for name in [&two.from, &two.to] {
        let number: Number = name.trim().parse()?;
        let choice = Choice {
            feed: Some(found.view.release.feed.parse()?),
            domain: Some(found.view.release.domain.clone()),
            release: Some(number),
        };
        let version = catalog.find(None, &found.version.stix_id, &choice).await?;
        if version.missing_in.is_some() {
            let reason = format!(
                "{number} does not contain it; it cannot be compared with releases before its first or after its last"
            );
            return Err(Refused::Said(axum::http::StatusCode::NOT_FOUND, reason));
        }
        both.push(version);
    }
    let [old, new] = both.as_slice() else { return Ok(None) };
    let changes = compare(&catalog.fields(&old.version).await?, &catalog.fields(&new.version).await?);
    Ok(Some(Difference {
        from: old.view.release.name.clone(),
        to: new.view.release.name.clone(),
        same: old.version.raw == new.version.raw,
        rows: changes.iter().map(difference_row).collect(),
    }))
}

pub(super) fn difference_row(change: &Change) -> DifferenceRow {
    let mut words = Vec::new();
    let (mut old, mut new) = (String::new(), String::new());
    match (&change.old, &change.new) {
        (Some(Value::String(before)), Some(Value::String(after))) => {
            words = compared_words(before, after).into_iter().map(|(piece, text)| (class(piece), text)).collect();
        }
        (before, after) => {
            old = before.as_ref().map(value).unwrap_or_default();
            new = after.as_ref().map(value).unwrap_or_default();
        }
    }
    DifferenceRow { field: change.field.clone(), label: change.label.name(), words, old, new }
}

fn class(piece: Piece) -> &'static str {
    match piece {
        Piece::Same => "same",
        Piece::Removed => "removed",
        Piece::Added => "added",
    }
}

fn value(value: &Value) -> String {
    let text = match value {
        Value::String(text) => text.clone(),
        value => serde_json::to_string_pretty(value).unwrap_or_default(),
    };
    if text.chars().count() > MOST_VALUE { text.chars().take(MOST_VALUE).chain(['…']).collect() } else { text }
}
