//! One entry of the library: what it says, what it relates to, what happened to it, and where all that comes from.

use super::explorer::{Explorer, Filter, explorer};
use super::facts::{Fact, Section as Prose, Table, days, facts, guidance, named, official, sections, tables};
use super::graph::{Graph, draw};
use super::here::{Here, here};
use super::history::{Difference, Other, Row as HistoryRow, Two, difference, others, rows};
use super::matrix::{Cell, Grid, grid, of_tactic};
use super::pin::Pin;
use super::takes::{Shown as TakeShown, shown as take_shown};
use super::{Reader, Where, prose, shelf_in, with};
use crate::prose::{Citations, Listed};
use crate::server::extract::Query;
use crate::server::session::Shown;
use crate::server::{Answer, Refused, parts, shown_time};
use askama::Template;
use axum::extract::State;
use axum::http::Uri;
use axum::response::{IntoResponse, Redirect};
use lazaret_attack::{
    AttackError, Catalog, Choice, Detail, Found, Gone, Section, domain_title, ends, hex, kind_of, linked, path_of,
    references, related, relationships_hash, replacements, section_at, section_of, text_of,
};
use lazaret_store::Version;
use serde_json::Value;
use std::sync::Arc;

/// Letters of the source that a page shows.
const MOST_SOURCE: usize = 200_000;

#[derive(Template)]
#[template(path = "attack/object.html")]
struct Page {
    user: Option<Shown>,
    pin: Option<Pin>,
    section: &'static Section,
    what: String,
    version: Arc<Version>,
    name: String,
    domain: String,
    domain_id: String,
    feed: String,
    release: String,
    imported: String,
    status: &'static str,
    created: String,
    modified: String,
    official: String,
    path: String,
    /// Releases of this track that have it, the newest first, and whether each is the one shown.
    releases: Vec<(String, bool)>,
    /// The release that is shown is the last one that has it.
    is_newest: bool,
    tracks: Vec<Track>,
    missing_in: String,
    gone: Option<Gone>,
    namesakes: Vec<(String, String, &'static str)>,
    banner: Option<Banner>,
    definition: String,
    cut: bool,
    sections: Vec<Prose>,
    facts: Vec<Fact>,
    tables: Vec<Table>,
    guidance: Vec<String>,
    /// What this installation saw of a technique.
    here: Option<Here>,
    takes: TakeShown,
    grid: Option<Grid>,
    /// For a tactic, the techniques that serve it.
    techniques: Vec<Cell>,
    explorer: Explorer,
    graph: Option<Graph>,
    other_hops: String,
    history: Vec<HistoryRow>,
    other_histories: Vec<Other>,
    difference: Option<Difference>,
    two: Two,
    raw: Raw,
    references: Vec<Listed>,
    statement: String,
    api: String,
    layer: bool,
}

impl Page {
    /// The domain's id, for forms.
    fn version_domain(&self) -> &str {
        &self.domain_id
    }
}

/// Another domain or feed that has the entry.
struct Track {
    label: String,
    path: String,
    is_own: bool,
}

/// What a dead entry's page says first.
struct Banner {
    is_revoked: bool,
    chain: Vec<(String, String, &'static str)>,
    is_loop: bool,
    reason: String,
}

/// The source and its hashes.
struct Raw {
    raw: String,
    source: String,
    canonical: String,
    relationships: String,
    bytes: i64,
    text: String,
    cut: bool,
}

pub(super) async fn show(
    section: &'static str,
    rest: String,
    State(console): State<parts::Library>,
    reader: Reader,
    Query(asked): Query<Where>,
    uri: Uri,
) -> Answer {
    let catalog = console.catalog()?;
    let own = section_at(section).ok_or_else(super::nothing)?;
    let id = lazaret_attack::id_in(own, &rest).ok_or_else(super::nothing)?;
    // `/techniques/enterprise/` is a list on the official site.
    if let Some(list) = super::list_of(uri.path()).filter(|list| list != uri.path()) {
        return Ok(Redirect::permanent(&list).into_response());
    }
    let (choice, pin) = (asked.choice()?, Pin::of(&asked, &uri)?);
    let mut found = find_as_asked(catalog, own, &id, &choice).await?;
    // Whoever came by the entry's own id need not be asked where that leads.
    if path_of(&found.version) != uri.path() {
        let path = only_address(catalog, own, &found, &choice).await?;
        if path != uri.path() {
            return Ok(super::moved(&path, &uri));
        }
    }
    if found.version.is_shadowed
        && let Ok(owner) = catalog.find(Some(own), &found.version.attack_id, &Choice::default()).await
    {
        found.namesakes.push((*owner.version).clone());
    }
    // Not as extractors of their own: they have defaults for everything, and more would be too many.
    let (filter, two) = (asked_in::<Filter>(&uri)?, asked_in::<Two>(&uri)?);
    let mut page = gather(catalog, own, found, filter, two, pin, &uri, &reader).await?;
    page.here = here(&console, &page.version, &reader).await?;
    shelf_in(page.pin.as_ref(), &page)
}

/// An entry in the release that was asked for. Links carry the release, feed and domain that somebody chose, also to entries that
/// were never there: those are shown as they stand where they are, and their page says so.
async fn find_as_asked(catalog: &Catalog, section: &Section, id: &str, choice: &Choice) -> Result<Found, AttackError> {
    let asked = catalog.find(Some(section), id, choice).await;
    let Some(number) = choice.release else { return asked };
    let (_, releases) = catalog.releases().await?;
    let is_known = releases.iter().any(|release| release.place == number.place());
    if !is_known || !matches!(asked, Err(AttackError::Unknown(_))) {
        return asked;
    }
    let anywhere = Choice { release: choice.release, ..Choice::default() };
    match catalog.find(Some(section), id, &anywhere).await {
        Err(AttackError::Unknown(_)) => {
            let found = catalog.find(Some(section), id, &Choice::default()).await?;
            Ok(Found { missing_in: Some(number.to_string()), ..found })
        }
        other => other,
    }
}

/// The one address of an entry: that of its own id, in its own spelling, where that leads to this very entry; else that of its
/// STIX id.
async fn only_address(
    catalog: &Catalog,
    section: &Section,
    found: &Found,
    choice: &Choice,
) -> Result<String, AttackError> {
    let path = path_of(&found.version);
    let id = path.split_once('/').and_then(|(_, path)| path.split_once('/'));
    let id = id.and_then(|(_, rest)| lazaret_attack::id_in(section, rest)).unwrap_or_default();
    match find_as_asked(catalog, section, &id, choice).await {
        Ok(there) if there.version.object == found.version.object => Ok(path),
        Ok(_) | Err(AttackError::Unknown(_)) => Ok(path_by_stix_id(&found.version)),
        Err(error) => Err(error),
    }
}

fn asked_in<T: serde::de::DeserializeOwned>(uri: &Uri) -> Result<T, Refused> {
    let wrong = |_| Refused::Because(axum::http::StatusCode::BAD_REQUEST, "the address has an invalid parameter");
    axum::extract::Query::try_from_uri(uri).map(|asked| asked.0).map_err(wrong)
}

#[allow(clippy::too_many_arguments, reason = "everything that a page is made of")]
async fn gather(
    catalog: &Catalog,
    section: &'static Section,
    found: Found,
    filter: Filter,
    two: Two,
    pin: Option<Pin>,
    uri: &Uri,
    reader: &Reader,
) -> Result<Page, Refused> {
    let (version, release) = (found.version.clone(), found.view.release.clone());
    let raw = catalog.raw(&version).await?;
    let fields = catalog.fields(&version).await?;
    let own_references = references(&fields);
    let mut citations = Citations::default();
    citations.learn(&own_references);
    let related = related(&found.view, &version);
    let linked = linked(catalog, &found.view, &version).await?;
    let description = text_of(&fields, "description");
    let cut = description.len() > super::MOST_PROSE;
    let definition = prose(&description, &mut citations);
    let sections = sections(&fields, &mut citations);
    let hops = if filter.hops == "2" { 2 } else { 1 };
    let graph = draw(&found.view, &version, hops);
    let relationships = hex(&relationships_hash(&related));
    let explorer = explorer(catalog, &found, &related, &linked, filter, &mut citations, uri).await?;
    let (history, releases) = rows(catalog, &found, release.track, Detail::Fields).await?;
    let other_histories = others(catalog, &found).await?;
    let difference = difference(catalog, &found, &two).await?;
    let two = usual(two, &releases);
    let takes = take_shown(catalog, &found, &mut citations).await?;
    let grid = if section.path == "matrices" { Some(grid(catalog, &found, None).await?) } else { None };
    let is_tactic = section.path == "tactics" && !version.tactics.is_empty();
    let techniques = if is_tactic { of_tactic(&found.view, &version.tactics, None) } else { Vec::new() };
    let (created, modified) = days(&version);
    let text = pretty(&raw);
    let layer = ["mitigations", "groups", "software", "campaigns", "datacomponents", "detectionstrategies", "tactics"]
        .contains(&section.path);
    Ok(Page {
        user: reader.shown(),
        pin,
        what: what(&version, section),
        name: called(&found),
        domain: domain_title(&release.domain).to_owned(),
        domain_id: release.domain.clone(),
        feed: release.feed.clone(),
        release: release.name.clone(),
        imported: shown_time(release.imported_at),
        status: found.standing(),
        created,
        modified,
        official: official(&version, &fields),
        path: lasting(&found),
        is_newest: releases.first().is_some_and(|name| *name == release.name),
        releases: releases.into_iter().map(|name| (name.clone(), name == release.name)).collect(),
        tracks: tracks(&found),
        missing_in: found.missing_in.clone().unwrap_or_default(),
        gone: found.gone.clone(),
        namesakes: found
            .namesakes
            .iter()
            .map(|other| (named(other), path_by_stix_id(other), section_of(kind_of(&other.stix_id)).one))
            .collect(),
        banner: banner(&found, &text_of(&fields, "x_mitre_deprecation_reason")),
        definition,
        cut,
        sections,
        facts: facts(&found, &fields, &linked),
        tables: tables(&found.view, &fields),
        guidance: guidance(&found, explorer.live),
        here: None,
        takes,
        grid,
        techniques,
        graph,
        other_hops: format!("{}#graph", with(uri, &[("hops", if hops == 2 { "1" } else { "2" })])),
        history,
        other_histories,
        difference,
        two,
        raw: Raw {
            raw: hex(&version.raw),
            source: hex(&version.source),
            canonical: hex(&version.canonical),
            relationships,
            bytes: version.bytes,
            cut: text.len() > MOST_SOURCE,
            text: crate::prose::start_of(&text, MOST_SOURCE).to_owned(),
        },
        references: citations.listed(&own_references),
        statement: statement(catalog, &found).await?,
        api: format!("/api/v1/attack/releases/{}/{}/{}", release.feed, release.domain, release.name),
        layer,
        explorer,
        section,
        version,
    })
}

/// What an entry is called: a relationship by its two ends.
fn called(found: &Found) -> String {
    let version = &found.version;
    match ends(&found.view, version) {
        Some(ends) => format!("{} {} {}", ends.source.told(), ends.kind.replace('-', " "), ends.target.told()),
        None if version.name.is_empty() => version.stix_id.clone(),
        None => version.name.clone(),
    }
}

/// Two releases to compare, where none were asked for: the last two that have the entry.
fn usual(two: Two, releases: &[String]) -> Two {
    match releases {
        [newest, before, ..] if two.from.is_empty() && two.to.is_empty() => {
            Two { from: before.clone(), to: newest.clone() }
        }
        _ => two,
    }
}

fn what(version: &Version, section: &Section) -> String {
    match kind_of(&version.stix_id) {
        "attack-pattern" if version.flags & Version::SUBTECHNIQUE != 0 => "Sub-technique".to_owned(),
        "malware" => "Malware".to_owned(),
        "tool" => "Tool".to_owned(),
        "relationship" => format!("Relationship “{}”", version.relation),
        _ => section.one.to_owned(),
    }
}

/// Where an entry is in whatever release is asked for: in some another one may have its id.
fn lasting(found: &Found) -> String {
    if found.namesakes.is_empty() { path_of(&found.version) } else { path_by_stix_id(&found.version) }
}

/// Where an entry is when another one has its id as well.
fn path_by_stix_id(version: &Version) -> String {
    format!("/{}/{}", section_of(kind_of(&version.stix_id)).path, version.stix_id)
}

fn banner(found: &Found, reason: &str) -> Option<Banner> {
    let version = &found.version;
    let is_revoked = version.flags & Version::REVOKED != 0;
    if lazaret_attack::is_live(version) {
        return None;
    }
    let chain = replacements(&found.view, version);
    Some(Banner {
        is_revoked,
        chain: chain.chain.iter().map(|heir| (named(heir), path_of(heir), lazaret_attack::status(heir))).collect(),
        is_loop: chain.is_loop,
        reason: reason.to_owned(),
    })
}

fn tracks(found: &Found) -> Vec<Track> {
    let mut tracks: Vec<Track> = found
        .spans
        .iter()
        .map(|span| {
            let (first, last) = (lazaret_attack::Number::at(span.first), lazaret_attack::Number::at(span.last));
            let releases = if first == last { first.to_string() } else { format!("{first} to {last}") };
            Track {
                label: format!("{}, {}: {releases}", domain_title(&span.domain), span.feed),
                path: format!("{}?domain={}&feed={}", lasting(found), span.domain, span.feed),
                is_own: span.track == found.view.release.track,
            }
        })
        .collect();
    tracks.sort_by(|a, b| a.label.cmp(&b.label));
    tracks
}

/// The source with line ends, its names in their order.
fn pretty(raw: &[u8]) -> String {
    match serde_json::from_slice::<Value>(raw) {
        Ok(value) => serde_json::to_string_pretty(&value).unwrap_or_default(),
        Err(_) => String::from_utf8_lossy(raw).into_owned(),
    }
}

/// What the release itself says about its copyright.
async fn statement(catalog: &Catalog, found: &Found) -> Result<String, Refused> {
    let marking = found.view.of_kind("marking-definition").next();
    let Some(marking) = marking else { return Ok(String::new()) };
    let fields = catalog.fields(marking).await?;
    let statement = fields.get("definition").and_then(|definition| definition.get("statement")).and_then(Value::as_str);
    Ok(statement.unwrap_or_default().to_owned())
}
