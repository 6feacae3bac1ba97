//! What changed between two releases, as a page.

use super::history::{DifferenceRow, difference_row};
use super::home::domains;
use super::pin::Pin;
use super::{Reader, Where, shelf_in};
use crate::server::extract::Query;
use crate::server::session::Shown;
use crate::server::{Answer, parts};
use askama::Template;
use axum::extract::State;
use axum::http::Uri;
use lazaret_attack::{Changed, Choice, DomainChanges, Kind, Number, Section, changes, domain_title, order};
use serde::Deserialize;

/// Objects of one kind that a page lists.
const MOST_LISTED: usize = 250;

#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default)]
pub(super) struct Asked {
    from: String,
    to: String,
    /// A section whose changes are shown field by field.
    section: String,
}

#[derive(Template)]
#[template(path = "attack/changes.html")]
struct Page {
    user: Option<Shown>,
    pin: Option<Pin>,
    from: String,
    to: String,
    feed: String,
    domain: String,
    domain_title: String,
    releases: Vec<String>,
    feeds: Vec<(String, bool)>,
    domains: Vec<(String, String, bool)>,
    counts: Vec<Counts>,
    kinds: Vec<&'static str>,
    lists: Vec<List>,
    contributors: Vec<String>,
    section: String,
    api: String,
}

struct Counts {
    section: &'static Section,
    numbers: Vec<usize>,
    unlisted: usize,
    rewritten: usize,
    live: (usize, usize),
}

struct List {
    section: &'static Section,
    kind: &'static str,
    entries: Vec<Entry>,
    more: usize,
}

struct Entry {
    told: String,
    path: String,
    versions: String,
    revoked_by: Option<(String, String)>,
    fields: Vec<DifferenceRow>,
    summary: String,
}

pub(super) async fn show(
    State(console): State<parts::Library>,
    reader: Reader,
    Query(place): Query<Where>,
    uri: Uri,
) -> Answer {
    let asked = axum::extract::Query::<Asked>::try_from_uri(&uri).map(|asked| asked.0).unwrap_or_default();
    let catalog = console.catalog()?;
    let choice = place.choice()?;
    // The newest release that fits, and the one before it.
    let newest = catalog.release(&Choice { release: None, ..choice }).await?;
    let (_, releases) = catalog.releases().await?;
    let own: Vec<_> = releases.iter().filter(|release| release.track == newest.track).collect();
    let at = |text: &str, usual: Option<&str>| -> Result<Number, lazaret_attack::AttackError> {
        match text.trim() {
            "" => usual.unwrap_or(&newest.name).parse(),
            text => text.parse(),
        }
    };
    let before = own.len().checked_sub(2).and_then(|place| own.get(place)).map(|release| release.name.as_str());
    let (from, to) = (at(&asked.from, before)?, at(&asked.to, None)?);
    let find = |number: Number| {
        let choice =
            Choice { feed: newest.feed.parse().ok(), domain: Some(newest.domain.clone()), release: Some(number) };
        async move { catalog.release(&choice).await }
    };
    let (old, new) = (find(from).await?, find(to).await?);
    let found = changes(catalog, &old, &new).await?;
    let feeds = ["stix-2.0", "stix-2.1"].map(str::to_owned);
    let has = |feed: &str| releases.iter().any(|release| release.feed == feed && release.domain == newest.domain);
    // What is compared is what links lead to, unless that is what is newest anyway.
    let leave = format!("/attack/changes?domain={}&feed={}", new.domain, new.feed);
    let (release, feed, domain) = (new.name.clone(), new.feed.clone(), new.domain.clone());
    let pin = (new.id != newest.id).then_some(Pin { release, feed, domain, leave });
    shelf_in(
        pin.as_ref(),
        &Page {
            user: reader.shown(),
            pin: pin.clone(),
            from: old.name.clone(),
            to: new.name.clone(),
            feed: new.feed.clone(),
            domain: new.domain.clone(),
            domain_title: domain_title(&new.domain).to_owned(),
            releases: own.iter().rev().map(|release| release.name.clone()).collect(),
            feeds: feeds.into_iter().filter(|feed| has(feed)).map(|feed| (feed.clone(), feed == new.feed)).collect(),
            domains: domains(catalog, &new).await?,
            counts: counts(&found),
            kinds: Kind::COUNTED.iter().map(|kind| kind.title()).collect(),
            lists: lists(&found, &asked.section),
            contributors: found.contributors.iter().cloned().collect(),
            api: format!(
                "/api/v1/attack/diff?from={}&to={}&domain={}&feed={}",
                old.name, new.name, new.domain, new.feed
            ),
            section: asked.section,
        },
    )
}

fn counts(found: &DomainChanges) -> Vec<Counts> {
    let rows = order().map(|section| Counts {
        section,
        numbers: Kind::COUNTED.iter().map(|kind| found.count(section.path, *kind)).collect(),
        unlisted: found.count(section.path, Kind::Unlisted),
        rewritten: found.rewritten.get(section.path).copied().unwrap_or_default(),
        live: found.live.get(section.path).copied().unwrap_or_default(),
    });
    rows.filter(|row| row.live != (0, 0) || row.numbers.iter().any(|number| *number > 0) || row.unlisted > 0).collect()
}

fn lists(found: &DomainChanges, detailed: &str) -> Vec<List> {
    let mut lists = Vec::new();
    for section in order() {
        // Thousands of relationships only where they are asked for.
        if section.path == "relationships" && detailed != "relationships" {
            continue;
        }
        if !detailed.is_empty() && section.path != detailed {
            continue;
        }
        for (kind, entries) in found.changes.get(section.path).into_iter().flatten() {
            let is_detailed = section.path == detailed;
            lists.push(List {
                section,
                kind: kind.title(),
                more: entries.len().saturating_sub(MOST_LISTED),
                entries: entries.iter().take(MOST_LISTED).map(|changed| entry(changed, is_detailed)).collect(),
            });
        }
    }
    lists
}

fn entry(changed: &Changed, is_detailed: bool) -> Entry {
    let versions = match (changed.old_version.as_str(), changed.new_version.as_str()) {
        (old, new) if old == new || old.is_empty() => new.to_owned(),
        (old, "") => old.to_owned(),
        (old, new) => format!("{old} → {new}"),
    };
    let told = match &changed.relation {
        Some(ends) => format!("{} {} {}", ends.source.told(), ends.kind.replace('-', " "), ends.target.told()),
        None => changed.named.told(),
    };
    let mut names: Vec<&str> =
        changed.fields.iter().map(|change| change.field.split(['[', '.']).next().unwrap_or_default()).collect();
    names.dedup();
    Entry {
        told,
        path: changed.named.path.clone(),
        versions,
        revoked_by: changed.revoked_by.as_ref().map(|heir| (heir.told(), heir.path.clone())),
        summary: names.join(", "),
        fields: if is_detailed { changed.fields.iter().map(difference_row).collect() } else { Vec::new() },
    }
}
