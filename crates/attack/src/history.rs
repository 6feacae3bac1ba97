//! What happened to an object from release to release.

use crate::catalog::fields;
use crate::compare::{Change, Label, compare, greatest};
use crate::{AttackError, Catalog};
use lazaret_store::{Release, Version};
use std::collections::{HashMap, HashSet};
use std::sync::Arc;

/// One release, as an object's history has it.
#[derive(Debug, Clone)]
pub struct Row {
    /// The release.
    pub release: Release,
    /// The object's version in it; none where the release does not have the object.
    pub version: Option<Arc<Version>>,
    /// What differs from the release before, in kind; none for nothing, and for the first one.
    pub label: Option<Label>,
    /// The fields that differ from the release before.
    pub changes: Vec<Change>,
}

impl Row {
    /// Whether nothing differs from the release before.
    pub fn is_unchanged(&self, before: Option<&Self>) -> bool {
        let raw = |row: &Self| row.version.as_ref().map(|version| version.raw);
        before.is_some_and(|before| raw(before) == raw(self))
    }
}

/// How much a history tells.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Detail {
    /// Which releases differ.
    Hashes,
    /// And in which fields.
    Fields,
}

/// The history of an object in one track: a row for each release from the first that has it, the newest first. Releases
/// without it have rows as well: it may have been taken out and brought back. What changed is told where `detail` asks for it.
///
/// # Errors
/// When the database does not answer.
pub async fn history(catalog: &Catalog, stix_id: &str, track: i64, detail: Detail) -> Result<Vec<Row>, AttackError> {
    let (_, releases) = catalog.releases().await?;
    let appearances = catalog.library().appearances(stix_id).await?;
    let mut versions: HashMap<i64, Arc<Version>> = HashMap::new();
    let mut texts: Vec<i64> = Vec::new();
    let own: HashSet<i64> = releases.iter().filter(|other| other.track == track).map(|release| release.id).collect();
    for appearance in appearances.into_iter().filter(|appearance| own.contains(&appearance.release)) {
        if detail == Detail::Fields {
            texts.push(appearance.version.id);
        }
        versions.insert(appearance.release, appearance.version);
    }
    texts.sort_unstable();
    texts.dedup();
    let mut parsed = HashMap::with_capacity(texts.len());
    for (id, text) in catalog.library().bodies(&texts).await? {
        parsed.insert(id, fields(&text)?);
    }
    let mut rows: Vec<Row> = Vec::new();
    // The last version that was met, for what was taken out and brought back.
    let mut before: Option<Arc<Version>> = None;
    for release in releases.iter().filter(|release| release.track == track) {
        let version = versions.remove(&release.id);
        if version.is_none() && rows.is_empty() {
            continue;
        }
        let mut changes = Vec::new();
        let mut label = None;
        if let (Some(old), Some(new)) = (&before, &version)
            && old.raw != new.raw
            && let (Some(old), Some(new)) = (parsed.get(&old.id), parsed.get(&new.id))
        {
            changes = compare(old, new);
            label = greatest(&changes).or(Some(Label::Form));
        }
        before = version.clone().or(before);
        rows.push(Row { release: release.clone(), version, label, changes });
    }
    rows.reverse();
    Ok(rows)
}

/// A run of releases in which an object stayed as it was.
#[derive(Debug, Clone)]
pub struct Run {
    /// The release with which the run began, and what it changed.
    pub first: Row,
    /// The last release of the run, where it is another one.
    pub last: Option<Release>,
    /// Releases of the run.
    pub length: usize,
}

/// A history with unchanged runs folded, the newest first.
pub fn folded(rows: &[Row]) -> Vec<Run> {
    let mut runs: Vec<Run> = Vec::new();
    let mut before: Option<&Row> = None;
    for row in rows.iter().rev() {
        match runs.last_mut() {
            Some(run) if row.is_unchanged(before) => {
                run.last = Some(row.release.clone());
                run.length += 1;
            }
            _ => runs.push(Run { first: row.clone(), last: None, length: 1 }),
        }
        before = Some(row);
    }
    runs.reverse();
    runs
}
