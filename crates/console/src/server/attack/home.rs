//! The library's first page, its sections as lists, and the licence.

use super::facts::named;
use super::pin::Pin;
use super::{Reader, Where, shelf, shelf_in};
use crate::Language;
use crate::server::extract::Query;
use crate::server::session::Shown;
use crate::server::{Answer, Refused, parts, shown_time};
use crate::words::size;
use askama::Template;
use axum::extract::State;
use axum::http::Uri;
use lazaret_attack::{
    Catalog, Choice, SECTIONS, Section, domain_title, is_live, kind_of, path_of, rank, section_at, section_of, status,
};
use lazaret_store::Release;
use std::collections::BTreeMap;

#[derive(Template)]
#[template(path = "attack/home.html")]
struct Home {
    user: Option<Shown>,
    tracks: Vec<Track>,
    sections: Vec<(&'static Section, usize, usize)>,
    newest: Option<Release>,
    newest_domain: String,
}

/// A domain in one feed.
struct Track {
    domain: String,
    id: String,
    feed: String,
    newest: String,
    /// It has the newest release of its domain.
    is_first: bool,
    releases: Vec<Row>,
}

struct Row {
    release: Release,
    imported: String,
    size: String,
    /// The release before, for a comparison.
    before: String,
    api: String,
}

pub(super) async fn show(State(console): State<parts::Library>, reader: Reader) -> Answer {
    let catalog = console.catalog()?;
    let (_, releases) = catalog.releases().await?;
    let mut tracks: Vec<Track> = Vec::new();
    for release in releases.iter() {
        let is_same = tracks.last().is_some_and(|track| track.id == release.domain && track.feed == release.feed);
        if !is_same {
            tracks.push(Track {
                domain: domain_title(&release.domain).to_owned(),
                id: release.domain.clone(),
                feed: release.feed.clone(),
                newest: String::new(),
                is_first: false,
                releases: Vec::new(),
            });
        }
        if let Some(track) = tracks.last_mut() {
            let before = track.releases.last().map(|row| row.release.name.clone()).unwrap_or_default();
            track.newest.clone_from(&release.name);
            track.releases.push(Row {
                release: release.clone(),
                imported: shown_time(release.imported_at),
                size: size(Language::English, release.bytes.unsigned_abs()),
                before,
                api: format!("/api/v1/attack/releases/{}/{}/{}/bundle", release.feed, release.domain, release.name),
            });
        }
    }
    // The order in which people look for them: Enterprise first, and of two feeds the newer form.
    tracks.sort_by_key(|track| (rank(&track.id), std::cmp::Reverse(track.feed.clone())));
    for track in &mut tracks {
        let choice = Choice { domain: Some(track.id.clone()), ..Choice::default() };
        track.is_first = catalog.release(&choice).await?.feed == track.feed;
        track.releases.reverse();
    }
    let newest = if releases.is_empty() { None } else { Some(catalog.release(&Choice::default()).await?) };
    let mut sections = Vec::new();
    if let Some(newest) = &newest {
        let counts = catalog.view(newest).await?.counts();
        for section in SECTIONS.iter().filter(|section| !["relationships", "objects"].contains(&section.path)) {
            let sum = |pick: fn(&(usize, usize)) -> usize| -> usize {
                section.types.iter().filter_map(|kind| counts.get(*kind)).map(pick).sum()
            };
            sections.push((section, sum(|count| count.1), sum(|count| count.0)));
        }
    }
    shelf(&Home {
        user: reader.shown(),
        tracks,
        sections,
        newest_domain: newest.as_ref().map(|newest| domain_title(&newest.domain).to_owned()).unwrap_or_default(),
        newest,
    })
}

#[derive(Template)]
#[template(path = "attack/licence.html")]
struct Licence {
    user: Option<Shown>,
    terms: &'static str,
}

pub(super) async fn licence(State(_): State<parts::Library>, reader: Reader) -> Answer {
    shelf(&Licence { user: reader.shown(), terms: lazaret_attack::TERMS })
}

#[derive(Template)]
#[template(path = "attack/section.html")]
struct List {
    user: Option<Shown>,
    pin: Option<Pin>,
    section: &'static Section,
    domain: String,
    feed: String,
    release: String,
    rows: Vec<Entry>,
    dead: usize,
    is_long: bool,
    domains: Vec<(String, String, bool)>,
}

struct Entry {
    id: String,
    name: String,
    path: String,
    parent: String,
    version: String,
    status: &'static str,
    tactics: String,
    platforms: String,
}

/// Every entry of a section in one release.
pub(super) async fn section(
    path: &'static str,
    State(console): State<parts::Library>,
    reader: Reader,
    Query(asked): Query<Where>,
    uri: Uri,
) -> Answer {
    let catalog = console.catalog()?;
    let pin = Pin::of(&asked, &uri)?;
    let section = section_at(path).ok_or_else(super::nothing)?;
    let release = catalog.release(&asked.choice()?).await?;
    let view = catalog.view(&release).await?;
    let mut rows: Vec<Entry> = Vec::new();
    // Twenty thousand relationships are no list for people.
    let is_long = section.path == "relationships";
    let of_section = |kind: &str| section_of(kind).path == section.path;
    for entry in view.entries().filter(|entry| !is_long && of_section(kind_of(&entry.stix_id))) {
        let parent = view.from(entry.object).find(|relation| relation.relation == "subtechnique-of");
        let parent = parent.and_then(|relation| view.object(relation.to_object)).map(named).unwrap_or_default();
        rows.push(Entry {
            id: entry.attack_id.clone(),
            name: if entry.name.is_empty() { entry.stix_id.clone() } else { entry.name.clone() },
            path: path_of(entry),
            parent,
            version: entry.version.clone(),
            status: status(entry),
            tactics: entry.tactics.replace('\n', ", "),
            platforms: entry.platforms.replace('\n', ", "),
        });
    }
    let dead = view.entries().filter(|entry| of_section(kind_of(&entry.stix_id)) && !is_live(entry)).count();
    rows.sort_by(|a, b| (a.status != "live", &a.id, &a.name).cmp(&(b.status != "live", &b.id, &b.name)));
    shelf_in(
        pin.as_ref(),
        &List {
            user: reader.shown(),
            pin: pin.clone(),
            section,
            domain: domain_title(&release.domain).to_owned(),
            feed: release.feed.clone(),
            release: release.name.clone(),
            rows,
            dead,
            is_long,
            domains: domains(catalog, &release).await?,
        },
    )
}

/// Domains that can be chosen: id, title, and whether it is the one that is shown.
pub(super) async fn domains(catalog: &Catalog, own: &Release) -> Result<Vec<(String, String, bool)>, Refused> {
    let (_, releases) = catalog.releases().await?;
    let mut domains: BTreeMap<(usize, String), String> = BTreeMap::new();
    for release in releases.iter() {
        domains.insert((rank(&release.domain), release.domain.clone()), domain_title(&release.domain).to_owned());
    }
    Ok(domains.into_iter().map(|((_, id), title)| (id.clone(), title, id == own.domain)).collect())
}

/// Old pages that went by a name: `wiki/Initial_Access` is the tactic, `wiki/Main_Page` the library, and `mobile/index.php` the wiki
/// of one domain.
pub(super) async fn named_page(console: &parts::Library, path: &str) -> Result<Option<String>, Refused> {
    let domain = match path.split('/').next().unwrap_or_default() {
        "mobile" => "mobile-attack",
        "pre-attack" => "pre-attack",
        "attackics" => "ics-attack",
        _ => "",
    };
    let Some(name) = decoded(path.trim_end_matches('/').rsplit('/').next().unwrap_or_default()) else {
        return Ok(None);
    };
    let name = name.replace('_', " ").to_lowercase();
    let name = name.trim_start_matches("all ");
    let catalog = console.catalog()?;
    let (_, releases) = catalog.releases().await?;
    // A domain that was never imported cannot be asked for.
    let domain = releases.iter().map(|release| release.domain.as_str()).find(|known| *known == domain);
    let place = domain.map(|domain| format!("?domain={domain}")).unwrap_or_default();
    let is_section = |section: &&Section| {
        [section.title, section.one, section.path].iter().any(|known| known.to_lowercase() == name)
    };
    if ["main page", "wiki", "index.php"].contains(&name) {
        return Ok(Some("/attack".to_owned()));
    }
    if name.ends_with("matrix") {
        return Ok(Some(format!("/attack/matrix{place}")));
    }
    if let Some(section) = SECTIONS.iter().find(is_section).filter(|_| !name.is_empty()) {
        return Ok(Some(format!("/{}{place}", section.path)));
    }
    let mut newest: BTreeMap<(bool, i64), &Release> = BTreeMap::new();
    for release in releases.iter() {
        newest.insert((domain.is_some_and(|domain| domain != release.domain), release.track), release);
    }
    for release in newest.values() {
        let view = catalog.view(release).await?;
        let found = view.of_kind("x-mitre-tactic").find(|tactic| is_live(tactic) && tactic.name.to_lowercase() == name);
        if let Some(tactic) = found {
            return Ok(Some(path_of(tactic)));
        }
    }
    Ok(None)
}

/// A part of an address as it was meant (RFC 3986, 2.1).
fn decoded(text: &str) -> Option<String> {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.bytes();
    while let Some(byte) = rest.next() {
        bytes.push(match byte {
            b'%' => {
                let mut digit = || rest.next().and_then(|digit| char::from(digit).to_digit(16));
                let (high, low) = (digit()?, digit()?);
                u8::try_from(high * 16 + low).ok()?
            }
            byte => byte,
        });
    }
    String::from_utf8(bytes).ok()
}
