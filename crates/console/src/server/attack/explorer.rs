//! The relationships of an entry: by direction, type and the other's section, with what they say and whether they hold.

use super::facts::named;
use super::{day, encoded, prose};
use crate::prose::Citations;
use crate::server::Refused;
use axum::http::Uri;
use lazaret_attack::{
    Catalog, Effective, Found, Linked, Number, Related, Vanished, domain_title, elsewhere, gaps, kind_of, path_of,
    section_of, vanished,
};
use lazaret_store::Version;
use serde::Deserialize;
use std::collections::{BTreeMap, BTreeSet};

/// Relationships of a group that a page begins with.
const FIRST: usize = 10;
/// Entries that are linked to without relationships, likewise.
const FIRST_LINKED: usize = 30;
/// Relationships of a group that a page has at most.
const MOST: usize = 5_000;
/// Relationships that earlier releases or another feed had, on a page.
const MOST_VANISHED: usize = 100;

/// How relationships are narrowed.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default)]
pub(super) struct Filter {
    /// A platform of the other entry.
    pub(super) platform: String,
    /// A tactic of the other entry, by its short name.
    pub(super) tactic: String,
    /// An [`Effective`] status.
    pub(super) status: String,
    /// Anything for every relationship of each group.
    pub(super) all: String,
    /// How many steps the drawing goes.
    pub(super) hops: String,
}

/// Everything about an entry's relationships.
pub(super) struct Explorer {
    pub(super) filter: Filter,
    pub(super) total: usize,
    pub(super) shown: usize,
    pub(super) live: usize,
    pub(super) groups: Vec<Group>,
    pub(super) linked: Vec<LinkedGroup>,
    pub(super) vanished: Vec<VanishedRow>,
    pub(super) more_vanished: usize,
    /// What can be chosen.
    pub(super) platforms: Vec<String>,
    pub(super) tactics: Vec<String>,
    pub(super) statuses: Vec<(&'static str, &'static str)>,
    pub(super) domains: Vec<(String, String, bool)>,
    /// The address that shows every row.
    pub(super) all: String,
    /// Where programs get what is shown.
    pub(super) data: String,
}

pub(super) struct Group {
    pub(super) title: String,
    pub(super) count: usize,
    pub(super) rows: Vec<Row>,
    pub(super) more: usize,
}

pub(super) struct Row {
    pub(super) name: String,
    pub(super) path: String,
    pub(super) html: String,
    pub(super) created: String,
    pub(super) modified: String,
    pub(super) first: String,
    pub(super) last: String,
    /// Releases in between that do not have it.
    pub(super) missing: String,
    pub(super) status: &'static str,
    pub(super) told: &'static str,
    pub(super) relation: String,
}

pub(super) struct LinkedGroup {
    pub(super) title: String,
    pub(super) count: usize,
    pub(super) entries: Vec<(String, String)>,
}

pub(super) struct VanishedRow {
    /// `mitigates`, or `mitigated by`.
    pub(super) what: String,
    pub(super) name: String,
    pub(super) path: String,
    pub(super) last: String,
    pub(super) gone: String,
    /// The first later release that has it again.
    pub(super) back: String,
    pub(super) relation: String,
    pub(super) feed: String,
}

/// What a relationship's type is called from the other end.
fn passive(kind: &str) -> String {
    match kind {
        "uses" => "Used by".to_owned(),
        "mitigates" => "Mitigated by".to_owned(),
        "detects" => "Detected by".to_owned(),
        "subtechnique-of" => "Has".to_owned(),
        "revoked-by" => "Replaces".to_owned(),
        "attributed-to" => "Attributed to it".to_owned(),
        "targets" => "Targeted by".to_owned(),
        "related-to" => "Related to".to_owned(),
        other => format!("“{}” from", other.replace('-', " ")),
    }
}

fn active(kind: &str) -> String {
    match kind {
        "subtechnique-of" => "Sub-technique of".to_owned(),
        other => {
            let words = other.replace('-', " ");
            let mut letters = words.chars();
            letters.next().map_or_else(String::new, |first| first.to_uppercase().chain(letters).collect())
        }
    }
}

fn title(relation: &Version, outward: bool, own: &str, other: &str) -> String {
    // How groups, software and campaigns use a technique is one table, as on the official site.
    if relation.relation == "uses" && !outward && kind_of(own) == "attack-pattern" {
        return "Procedure examples".to_owned();
    }
    let what = if outward { active(&relation.relation) } else { passive(&relation.relation) };
    let section = if kind_of(other) == "attack-pattern" && relation.relation == "subtechnique-of" && !outward {
        "Sub-techniques"
    } else {
        section_of(kind_of(other)).title
    };
    format!("{what}: {section}")
}

/// Whether a relationship has this effective status, and its other end this platform and tactic; what is empty does not matter.
pub(in crate::server) fn fits(one: &Related, platform: &str, tactic: &str, status: &str) -> bool {
    let has = |lines: &str, wanted: &str| wanted.is_empty() || lines.lines().any(|line| line == wanted);
    if !status.is_empty() && one.status.name() != status {
        return false;
    }
    match &one.other {
        Ok(other) => has(&other.platforms, platform) && has(&other.tactics, tactic),
        Err(_) => platform.is_empty() && tactic.is_empty(),
    }
}

/// Where programs get the relationships that the page shows.
fn data(found: &Found, filter: &Filter) -> String {
    let release = &found.view.release;
    let pairs = [
        ("feed", release.feed.as_str()),
        ("domain", &release.domain),
        ("release", &release.name),
        ("platform", &filter.platform),
        ("tactic", &filter.tactic),
        ("status", &filter.status),
    ];
    let pairs = pairs.iter().filter(|(_, value)| !value.is_empty());
    let pairs: Vec<String> = pairs.map(|(name, value)| format!("{name}={}", encoded(value))).collect();
    format!("/api/v1/attack/objects/{}/relationships?{}", found.version.stix_id, pairs.join("&"))
}

/// The domains whose relationships can be looked at, in the feed that is shown: those that ever had the entry.
fn domains(found: &Found) -> Vec<(String, String, bool)> {
    let own = &found.view.release;
    let spans = found.spans.iter().filter(|span| span.feed == own.feed);
    spans.map(|span| (span.domain.clone(), domain_title(&span.domain).to_owned(), span.track == own.track)).collect()
}

/// Lays out relationships.
pub(super) async fn explorer(
    catalog: &Catalog,
    found: &Found,
    related: &[Related],
    linked: &[Linked],
    filter: Filter,
    citations: &mut Citations,
    uri: &Uri,
) -> Result<Explorer, Refused> {
    let (mut platforms, mut tactics) = (BTreeSet::new(), BTreeSet::new());
    for other in related.iter().filter_map(|one| one.other.as_ref().ok()) {
        platforms.extend(other.platforms.lines().map(str::to_owned));
        if kind_of(&other.stix_id) == "attack-pattern" {
            tactics.extend(other.tactics.lines().map(str::to_owned));
        }
    }
    let statuses: BTreeSet<Effective> = related.iter().map(|one| one.status).collect();
    let mut by_title: BTreeMap<(bool, String), Vec<&Related>> = BTreeMap::new();
    for one in related.iter().filter(|one| fits(one, &filter.platform, &filter.tactic, &filter.status)) {
        let other = one.other.as_ref().map_or_else(Clone::clone, |other| other.stix_id.clone());
        by_title
            .entry((!one.outward, title(&one.relation, one.outward, &found.version.stix_id, &other)))
            .or_default()
            .push(one);
    }
    let most = if filter.all.is_empty() { FIRST } else { MOST };
    let mut chosen: Vec<(String, usize, Vec<&Related>)> = Vec::new();
    for ((_, title), mut list) in by_title {
        fn key(one: &Related) -> (Effective, Option<(&str, &str)>) {
            (one.status, one.other.as_ref().ok().map(|other| (other.attack_id.as_str(), other.name.as_str())))
        }
        list.sort_by(|a, b| key(a).cmp(&key(b)));
        let count = list.len();
        list.truncate(most);
        chosen.push((title, count, list));
    }
    let ids: Vec<i64> = chosen.iter().flat_map(|(.., list)| list.iter().map(|one| one.relation.id)).collect();
    let said = catalog.words(&ids).await?;
    let gaps = gaps(catalog, found.view.release.track).await?;
    let mut groups = Vec::with_capacity(chosen.len());
    for (title, count, list) in chosen {
        let mut rows = Vec::with_capacity(list.len());
        for one in &list {
            let html = said.get(&one.relation.id).map_or_else(String::new, |words| {
                citations.learn(&words.references);
                prose(&words.description, citations)
            });
            let missing = gaps.get(&one.relation.object).map_or_else(String::new, |names| names.join(", "));
            rows.push(row(one, html, missing));
        }
        groups.push(Group { title, count, more: count - rows.len(), rows });
    }
    let (vanished, more_vanished) = gone(catalog, found).await?;
    Ok(Explorer {
        total: related.len(),
        shown: groups.iter().map(|group| group.count).sum(),
        live: related.iter().filter(|one| one.status == Effective::Live).count(),
        groups,
        linked: links(linked, if filter.all.is_empty() { FIRST_LINKED } else { MOST }),
        vanished,
        more_vanished,
        platforms: platforms.into_iter().collect(),
        tactics: tactics.into_iter().collect(),
        statuses: statuses.into_iter().map(|status| (status.name(), status.told())).collect(),
        domains: domains(found),
        all: format!("{}#relationships", super::with(uri, &[("all", "yes")])),
        data: data(found, &filter),
        filter,
    })
}

fn row(one: &Related, html: String, missing: String) -> Row {
    let (name, path) = match &one.other {
        Ok(other) => (named(other), path_of(other)),
        Err(id) => (id.clone(), lazaret_attack::path(id, "")),
    };
    Row {
        name,
        path,
        html,
        created: day(&one.relation.created),
        modified: day(&one.relation.modified),
        first: Number::at(one.relation.first).to_string(),
        last: Number::at(one.relation.last).to_string(),
        missing,
        status: one.status.name(),
        told: one.status.told(),
        relation: one.relation.stix_id.clone(),
    }
}

fn links(linked: &[Linked], most: usize) -> Vec<LinkedGroup> {
    let mut groups: BTreeMap<(bool, String), Vec<(String, String)>> = BTreeMap::new();
    for one in linked {
        let section = section_of(kind_of(&one.other.stix_id)).title;
        let mut what = one.what.to_owned();
        if let Some(first) = what.get_mut(..1) {
            first.make_ascii_uppercase();
        }
        let entry = (named(&one.other), path_of(&one.other));
        groups.entry((!one.own, format!("{what}: {section}"))).or_default().push(entry);
    }
    groups
        .into_iter()
        .map(|((_, title), mut entries)| {
            entries.sort();
            let count = entries.len();
            entries.truncate(most);
            LinkedGroup { title, count, entries }
        })
        .collect()
}

/// What releases of the same feed had, and, where the entry has no relationships at all, those of another feed.
async fn gone(catalog: &Catalog, found: &Found) -> Result<(Vec<VanishedRow>, usize), Refused> {
    let (version, view) = (&found.version, &found.view);
    let (own, mut all) = vanished(catalog, view, version, MOST_VANISHED).await?;
    let mut rows: Vec<VanishedRow> = own.iter().map(|one| vanished_row(one, &view.release.feed)).collect();
    // Where the entry stands alone, another feed of the domain may say what it once had to do with.
    let stands_alone = view.from(version.object).chain(view.to(version.object)).next().is_none();
    let others = found.spans.iter().filter(|span| span.track != view.release.track);
    for span in others.filter(|span| stands_alone && span.domain == view.release.domain) {
        let (other, number) = elsewhere(catalog, span.track, version, MOST_VANISHED).await?;
        rows.extend(other.iter().map(|one| vanished_row(one, &span.feed)));
        all += number;
    }
    rows.truncate(MOST_VANISHED);
    let more = all - rows.len();
    Ok((rows, more))
}

fn vanished_row(one: &Vanished, feed: &str) -> VanishedRow {
    let (name, path) = match &one.other {
        Ok(other) => (named(other), path_of(other)),
        Err(id) => (id.clone(), lazaret_attack::path(id, "")),
    };
    let what = if one.outward {
        one.relation.relation.replace('-', " ")
    } else {
        passive(&one.relation.relation).to_lowercase()
    };
    VanishedRow {
        what,
        name,
        path,
        last: one.last.clone(),
        gone: one.gone.clone().unwrap_or_default(),
        back: one.back.clone().unwrap_or_default(),
        relation: one.relation.stix_id.clone(),
        feed: feed.to_owned(),
    }
}
