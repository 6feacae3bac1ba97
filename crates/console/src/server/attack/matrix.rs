//! The matrix: tactics and the techniques that serve them, with a layer's marks where there is one.

use super::home::domains;
use super::pin::Pin;
use super::{Reader, Where, shelf_in, with};
use crate::server::extract::Query;
use crate::server::session::Shown;
use crate::server::{Answer, Refused, parts};
use askama::Template;
use axum::extract::State;
use axum::http::Uri;
use lazaret_attack::{Catalog, Found, Layer, Link, Mark, View, domain_title, is_live, kind_of, linked, path_of};
use lazaret_store::Version;
use serde::Deserialize;
use std::collections::{BTreeSet, HashMap};
use std::sync::Arc;

#[derive(Template)]
#[template(path = "attack/matrix.html")]
struct Page {
    user: Option<Shown>,
    pin: Option<Pin>,
    domain: String,
    release: String,
    domains: Vec<(String, String, bool)>,
    platforms: Vec<String>,
    platform: String,
    layouts: [(&'static str, &'static str); 2],
    /// The address that shows every sub-technique, or none.
    other: String,
    grid: Grid,
}

/// How a matrix is shown.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default)]
struct Wish {
    /// Only what concerns this platform.
    platform: String,
    /// Anything for every sub-technique at once.
    open: String,
    /// Where sub-techniques stand: one of [`LAYOUTS`].
    layout: String,
}

/// Where sub-techniques stand: what addresses call it, and what people do. Else they are folded below their technique.
const LAYOUTS: [(&str, &str); 2] = [("side", "next to their technique"), ("flat", "in one list with the techniques")];

/// The matrix of a release.
pub(super) async fn show(
    State(console): State<parts::Library>,
    reader: Reader,
    Query(asked): Query<Where>,
    uri: Uri,
) -> Answer {
    let catalog = console.catalog()?;
    let pin = Pin::of(&asked, &uri)?;
    let release = catalog.release(&asked.choice()?).await?;
    let view = catalog.view(&release).await?;
    let wish = axum::extract::Query::<Wish>::try_from_uri(&uri).map(|wish| wish.0).unwrap_or_default();
    let mut grid = of_release(catalog, &view, None).await?;
    let platforms: BTreeSet<String> =
        view.of_kind("attack-pattern").flat_map(|entry| entry.platforms.lines().map(str::to_owned)).collect();
    grid.narrow(&wish.platform);
    grid.open = !wish.open.is_empty();
    grid.layout = LAYOUTS.iter().find(|(name, _)| *name == wish.layout).map_or("", |(name, _)| *name);
    shelf_in(
        pin.as_ref(),
        &Page {
            user: reader.shown(),
            pin: pin.clone(),
            domain: domain_title(&release.domain).to_owned(),
            release: release.name.clone(),
            domains: domains(catalog, &release).await?,
            platforms: platforms.into_iter().collect(),
            other: with(&uri, &[("open", if grid.open { "" } else { "yes" })]),
            platform: wish.platform,
            layouts: LAYOUTS,
            grid,
        },
    )
}

/// The matrix of a release.
pub(super) struct Grid {
    /// Sub-techniques are shown at once.
    pub(super) open: bool,
    /// Where they stand: one of [`LAYOUTS`], or empty for below their technique.
    pub(super) layout: &'static str,
    pub(super) columns: Vec<Column>,
    pub(super) techniques: usize,
    pub(super) subtechniques: usize,
}

impl Grid {
    /// Leaves what concerns a platform; everything for none.
    fn narrow(&mut self, platform: &str) {
        if platform.is_empty() {
            return;
        }
        let has = |cell: &Cell| cell.platforms.lines().any(|line| line == platform);
        for column in &mut self.columns {
            column.cells.retain(has);
            column.cells.iter_mut().for_each(|cell| cell.subs.retain(has));
        }
        let cells = || self.columns.iter().flat_map(|column| &column.cells);
        (self.techniques, self.subtechniques) = (cells().count(), cells().map(|cell| cell.subs.len()).sum::<usize>());
    }
}

pub(super) struct Column {
    pub(super) name: String,
    pub(super) id: String,
    pub(super) path: String,
    pub(super) cells: Vec<Cell>,
}

pub(super) struct Cell {
    pub(super) id: String,
    pub(super) name: String,
    pub(super) path: String,
    /// A line each.
    platforms: String,
    pub(super) mark: Option<Marked>,
    pub(super) subs: Vec<Cell>,
    /// Sub-techniques that are marked.
    pub(super) marked_subs: usize,
}

/// What a layer says about a technique.
pub(super) struct Marked {
    pub(super) color: String,
    pub(super) score: String,
    pub(super) comment: String,
    pub(super) enabled: bool,
}

/// Marks of a layer by technique and tactic.
pub(super) struct Marks<'a> {
    layer: &'a Layer,
    by_id: HashMap<&'a str, Vec<&'a Mark>>,
}

impl<'a> Marks<'a> {
    pub(super) fn of(layer: &'a Layer) -> Self {
        let mut by_id: HashMap<&str, Vec<&Mark>> = HashMap::new();
        for mark in &layer.marks {
            by_id.entry(mark.id.as_str()).or_default().push(mark);
        }
        Self { layer, by_id }
    }

    fn find(&self, id: &str, tactic: &str) -> Option<Marked> {
        let marks = self.by_id.get(id)?;
        // What is said for one tactic counts before what is said for all.
        let own = marks.iter().find(|mark| mark.tactic == tactic);
        let mark = own.or_else(|| marks.iter().find(|mark| mark.tactic.is_empty()))?;
        Some(Marked {
            color: self.layer.color(mark).unwrap_or_default(),
            score: mark.score.map(|score| score.to_string()).unwrap_or_default(),
            comment: mark.comment.clone(),
            enabled: mark.enabled,
        })
    }
}

/// The matrix that an entry is, in its release.
pub(super) async fn grid(catalog: &Catalog, found: &Found, marks: Option<&Marks<'_>>) -> Result<Grid, Refused> {
    let tactics = linked(catalog, &found.view, &found.version).await?;
    let tactics: Vec<Arc<Version>> =
        tactics.into_iter().filter(|one| one.link == Link::Tactic && one.own).map(|one| one.other).collect();
    Ok(of_tactics(&found.view, &tactics, marks))
}

/// The matrix of a release, from its matrix objects, or from its techniques alone in releases that have none.
pub(super) async fn of_release(catalog: &Catalog, view: &View, marks: Option<&Marks<'_>>) -> Result<Grid, Refused> {
    let mut tactics: Vec<Arc<Version>> = Vec::new();
    let matrices: Vec<_> =
        view.nouns().filter(|entry| kind_of(&entry.stix_id) == "x-mitre-matrix" && is_live(entry)).collect();
    for matrix in matrices {
        for one in linked(catalog, view, matrix).await? {
            if one.link == Link::Tactic && one.own && !tactics.iter().any(|known| known.object == one.other.object) {
                tactics.push(one.other);
            }
        }
    }
    Ok(of_tactics(view, &tactics, marks))
}

fn of_tactics(view: &View, tactics: &[Arc<Version>], marks: Option<&Marks<'_>>) -> Grid {
    let mut heads: Vec<(String, String, String, String)> = tactics
        .iter()
        .filter(|tactic| is_live(tactic))
        .map(|tactic| (tactic.tactics.clone(), tactic.name.clone(), tactic.attack_id.clone(), path_of(tactic)))
        .collect();
    if heads.is_empty() {
        // Before 5.0 releases have no tactics of their own; techniques name them.
        let mut names: Vec<String> = view
            .entries()
            .filter(|entry| kind_of(&entry.stix_id) == "attack-pattern" && is_live(entry))
            .flat_map(|entry| entry.tactics.lines().map(str::to_owned).collect::<Vec<_>>())
            .collect();
        names.sort();
        names.dedup();
        heads = names
            .into_iter()
            .map(|name| (name.clone(), name.replace('-', " "), String::new(), String::new()))
            .collect();
    }
    let (mut techniques, mut subtechniques) = (0, 0);
    let mut columns = Vec::with_capacity(heads.len());
    for (short, name, id, path) in heads {
        let cells = of_tactic(view, &short, marks);
        techniques += cells.len();
        subtechniques += cells.iter().map(|cell| cell.subs.len()).sum::<usize>();
        columns.push(Column { name, id, path, cells });
    }
    Grid { open: false, layout: "", columns, techniques, subtechniques }
}

/// The live techniques that serve a tactic, by its short name, in a release, with their sub-techniques.
pub(super) fn of_tactic(view: &View, short: &str, marks: Option<&Marks<'_>>) -> Vec<Cell> {
    let mut cells: Vec<Cell> = Vec::new();
    let own = view.techniques_of(short).filter(|entry| is_live(entry));
    for entry in own.filter(|entry| entry.flags & Version::SUBTECHNIQUE == 0) {
        let subs = view.to(entry.object).filter(|one| one.relation == "subtechnique-of" && is_live(one));
        let subs = subs.filter_map(|one| view.object(one.from_object)).filter(|sub| is_live(sub));
        let mut subs: Vec<Cell> = subs.map(|sub| cell(sub, short, marks, Vec::new())).collect();
        subs.sort_by(|a, b| a.id.cmp(&b.id));
        cells.push(cell(entry, short, marks, subs));
    }
    cells.sort_by(|a, b| a.name.cmp(&b.name));
    cells
}

fn cell(entry: &Version, tactic: &str, marks: Option<&Marks<'_>>, subs: Vec<Cell>) -> Cell {
    Cell {
        id: entry.attack_id.clone(),
        name: entry.name.clone(),
        path: path_of(entry),
        platforms: entry.platforms.clone(),
        mark: marks.and_then(|marks| marks.find(&entry.attack_id, tactic)),
        marked_subs: subs.iter().filter(|sub| sub.mark.is_some()).count(),
        subs,
    }
}
