//! The ATT&CK library for programs: releases and bundles to the byte, entries with their history and relationships, comparisons,
//! search and layers.

use super::{Caller, Path, Route, Said, asked, said};
use crate::server::api::problem::Problem;
use crate::server::attack::{Where, fits};
use crate::server::rows::{Program, get, post};
use crate::server::session::may;
use crate::server::{Console, parts};
use axum::body::{Body, Bytes};
use axum::extract::rejection::QueryRejection;
use axum::extract::{FromRequestParts, Query, State};
use axum::http::header::{AUTHORIZATION, CACHE_CONTROL, CONTENT_LENGTH, CONTENT_TYPE, ETAG, HeaderName, IF_NONE_MATCH};
use axum::http::request::Parts;
use axum::http::{HeaderMap, HeaderValue, Method, StatusCode};
use axum::response::IntoResponse;
use lazaret_attack::{
    ATTRIBUTION, AttackError, Bundle, Catalog, Choice, Effective, Found, Question, SECTIONS, Words, changes_between,
    compare, domain_named, entry_layer, gaps, hex, history_json, kind_of, layer_upgraded, markdown, path_of,
    read_layers, related, relation_json, relations_csv, section_of, status, summary,
};
use lazaret_store::{Release, Version};
use serde::Deserialize;
use serde_json::{Value, json};
use std::sync::Arc;

/// Hits and objects of an answer, where nothing else is asked for, and at most.
const USUAL: usize = 50;
const MOST: usize = 1_000;

pub(super) fn routes() -> Vec<Route> {
    const RELEASE: &str = "/api/v1/attack/releases/{feed}/{domain}/{release}";
    const OBJECTS: &str = "/api/v1/attack/releases/{feed}/{domain}/{release}/objects";
    const OBJECT: &str = "/api/v1/attack/releases/{feed}/{domain}/{release}/objects/{stix_id}";
    const BUNDLE: &str = "/api/v1/attack/releases/{feed}/{domain}/{release}/bundle";
    vec![
        ("/api/v1/attack/releases", vec![Method::GET], get(releases)),
        (RELEASE, vec![Method::GET], get(release)),
        (BUNDLE, vec![Method::GET], get(bundle)),
        (OBJECTS, vec![Method::GET], get(objects)),
        (OBJECT, vec![Method::GET], get(raw)),
        ("/api/v1/attack/objects/{id}", vec![Method::GET], get(object)),
        ("/api/v1/attack/objects/{id}/history", vec![Method::GET], get(history)),
        ("/api/v1/attack/objects/{id}/difference", vec![Method::GET], get(difference)),
        ("/api/v1/attack/objects/{id}/relationships", vec![Method::GET], get(relationships)),
        ("/api/v1/attack/objects/{id}/layer", vec![Method::GET], get(layer)),
        ("/api/v1/attack/diff", vec![Method::GET], get(diff)),
        ("/api/v1/attack/search", vec![Method::GET], get(search)),
        ("/api/v1/attack/layers", vec![Method::POST], post(upgrade)),
    ]
}

/// Whoever asks the library: with a token, or anybody where it is open to all.
pub(in crate::server) struct Guest;

impl Program for Guest {}

impl FromRequestParts<Arc<Console>> for Guest {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, console: &Arc<Console>) -> Result<Self, Problem> {
        if console.settings.public_library && !parts.headers.contains_key(AUTHORIZATION) {
            return Ok(Self);
        }
        Caller::<may::View>::from_request_parts(parts, console).await?;
        Ok(Self)
    }
}

impl From<AttackError> for Problem {
    fn from(error: AttackError) -> Self {
        crate::server::Refused::from(error).into()
    }
}

async fn releases(State(console): State<parts::Library>, _: Guest) -> Said {
    let (_, releases) = console.catalog()?.releases().await?;
    said(&json!({ "releases": *releases, "attribution": ATTRIBUTION }))
}

type Named = Path<(String, String, String)>;

/// The release that an address names.
async fn release_at(catalog: &Catalog, feed: &str, domain: &str, name: &str) -> Result<Release, Problem> {
    let unknown = |what: &str| Problem::new(StatusCode::NOT_FOUND, format!("no {what}"));
    let choice = Choice {
        feed: Some(feed.parse().map_err(|_| unknown("such feed; it must be `stix-2.0` or `stix-2.1`"))?),
        domain: Some(domain_named(domain).ok_or_else(|| unknown("such domain"))?.to_owned()),
        release: Some(name.parse().map_err(|_| unknown("release with this name"))?),
    };
    Ok(catalog.release(&choice).await?)
}

async fn release(State(console): State<parts::Library>, _: Guest, Path((feed, domain, name)): Named) -> Said {
    let catalog = console.catalog()?;
    let release = release_at(catalog, &feed, &domain, &name).await?;
    let view = catalog.view(&release).await?;
    let counts: serde_json::Map<String, Value> =
        view.counts().into_iter().map(|(kind, (all, live))| (kind, json!({ "all": all, "live": live }))).collect();
    said(&json!({ "release": release, "types": counts, "attribution": ATTRIBUTION }))
}

/// The bundle as it was imported, piece by piece.
async fn bundle(
    State(console): State<parts::Library>,
    _: Guest,
    Path((feed, domain, name)): Named,
    headers: HeaderMap,
) -> Said {
    let catalog = console.catalog()?;
    let release = release_at(catalog, &feed, &domain, &name).await?;
    let etag = format!("\"{}\"", release.sha256);
    if is_known(&headers, &etag) {
        return Ok((StatusCode::NOT_MODIFIED, [(ETAG, etag)]).into_response());
    }
    let bundle = Bundle::open(catalog.library(), &release).await?;
    // When something is damaged the connection ends early: the length says that something is missing.
    let stream = futures_util::stream::unfold(bundle, |mut bundle| async move {
        let piece = bundle.next().await.inspect_err(|error| tracing::error!(%error, "a bundle is damaged"));
        piece.transpose().map(|piece| (piece, bundle))
    });
    let file = format!("attachment; filename=\"{}-{}.json\"", release.domain, release.name);
    let fields = [
        (CONTENT_TYPE, "application/json".to_owned()),
        (CONTENT_LENGTH, release.bytes.to_string()),
        (ETAG, etag),
        (axum::http::header::CONTENT_DISPOSITION, file),
        (HeaderName::from_static("repr-digest"), digest(&release.sha256)),
    ];
    Ok((fields, Body::from_stream(stream)).into_response())
}

/// A SHA-256 as `Repr-Digest` has it (RFC 9530, 3).
fn digest(hexadecimal: &str) -> String {
    let bytes = data_encoding::HEXLOWER.decode(hexadecimal.as_bytes()).unwrap_or_default();
    format!("sha-256=:{}:", data_encoding::BASE64.encode(&bytes))
}

/// Whether the client has it already (RFC 9110, 13.1.2).
fn is_known(headers: &HeaderMap, etag: &str) -> bool {
    let fields = headers.get_all(IF_NONE_MATCH).iter().filter_map(|field| field.to_str().ok());
    fields.flat_map(|field| field.split(',')).any(|one| {
        let one = one.trim();
        one == "*" || one.trim_start_matches("W/") == etag
    })
}

/// The exact bytes of an object in a release.
async fn raw(
    State(console): State<parts::Library>,
    _: Guest,
    Path((feed, domain, name, stix_id)): Path<(String, String, String, String)>,
    headers: HeaderMap,
) -> Said {
    let catalog = console.catalog()?;
    let release = release_at(catalog, &feed, &domain, &name).await?;
    let view = catalog.view(&release).await?;
    let missing = || Problem::new(StatusCode::NOT_FOUND, "no object with this STIX id in this release");
    let version = view.stix_id(&stix_id).or_else(|| view.stix_id(&stix_id.to_ascii_lowercase()));
    let version = version.ok_or_else(missing)?;
    let etag = format!("\"{}\"", hex(&version.raw));
    if is_known(&headers, &etag) {
        return Ok((StatusCode::NOT_MODIFIED, [(ETAG, etag)]).into_response());
    }
    let media = if release.feed == "stix-2.1" {
        "application/stix+json;version=2.1"
    } else {
        "application/stix+json;version=2.0"
    };
    let mut answer = catalog.raw(version).await?.into_response();
    for (name, value) in [
        (CONTENT_TYPE, media.to_owned()),
        (ETAG, etag),
        (CACHE_CONTROL, "no-cache".to_owned()),
        (HeaderName::from_static("repr-digest"), digest(&hex(&version.raw))),
        (HeaderName::from_static("x-raw-sha256"), hex(&version.raw)),
        (HeaderName::from_static("x-source-sha256"), hex(&version.source)),
        (HeaderName::from_static("x-canonical-sha256"), hex(&version.canonical)),
    ] {
        if let Ok(value) = HeaderValue::from_str(&value) {
            answer.headers_mut().insert(name, value);
        }
    }
    Ok(answer)
}

#[derive(Deserialize, Default)]
#[serde(default)]
struct Narrowed {
    #[serde(rename = "type")]
    kind: String,
    section: String,
    platform: String,
    tactic: String,
    status: String,
    after: usize,
    limit: Option<usize>,
}

async fn objects(
    State(console): State<parts::Library>,
    _: Guest,
    Path((feed, domain, name)): Named,
    query: Result<Query<Narrowed>, QueryRejection>,
) -> Said {
    let asked = asked(query)?;
    let limit = limit(asked.limit)?;
    narrowed(&asked.section)?;
    one_of("status", &asked.status, STATUSES.into_iter())?;
    let catalog = console.catalog()?;
    let release = release_at(catalog, &feed, &domain, &name).await?;
    let view = catalog.view(&release).await?;
    let has = |lines: &str, wanted: &str| wanted.is_empty() || lines.lines().any(|line| line == wanted);
    let fits = |entry: &&Version| {
        let kind = kind_of(&entry.stix_id);
        (asked.kind.is_empty() || asked.kind == kind)
            && (asked.section.is_empty() || asked.section == section_of(kind).path)
            && has(&entry.platforms, &asked.platform)
            && has(&entry.tactics, &asked.tactic)
            && (asked.status.is_empty() || asked.status == status(entry))
    };
    let found: Vec<_> = view.entries().filter(fits).collect();
    let rows: Vec<Value> = found.iter().skip(asked.after).take(limit).map(|entry| entry_json(entry)).collect();
    let end = asked.after + rows.len();
    let next = (end < found.len()).then_some(end);
    said(&json!({ "total": found.len(), "objects": rows, "next": next, "attribution": ATTRIBUTION }))
}

/// What MITRE says about an object in a release.
const STATUSES: [&str; 3] = ["live", "revoked", "deprecated"];

/// Refuses a section that there is not, rather than finding nothing.
fn narrowed(section: &str) -> Result<(), Problem> {
    one_of("section", section, SECTIONS.iter().map(|section| section.path))
}

fn one_of(name: &str, value: &str, mut all: impl Iterator<Item = &'static str> + Clone) -> Result<(), Problem> {
    if value.is_empty() || all.clone().any(|one| one == value) {
        return Ok(());
    }
    let mut list = all.next().unwrap_or_default().to_owned();
    all.for_each(|one| list.push_str(&format!(", {one}")));
    Err(Problem::new(StatusCode::BAD_REQUEST, format!("`{name}` must be one of {list}")))
}

fn entry_json(entry: &Version) -> Value {
    json!({
        "id": entry.stix_id,
        "attack_id": entry.attack_id,
        "name": entry.name,
        "type": kind_of(&entry.stix_id),
        "path": path_of(entry),
        "status": status(entry),
        "version": entry.version,
        "created": entry.created,
        "modified": entry.modified,
        "platforms": entry.platforms.lines().collect::<Vec<_>>(),
        "tactics": entry.tactics.lines().collect::<Vec<_>>(),
        "raw": hex(&entry.raw),
        "source": hex(&entry.source),
        "canonical": hex(&entry.canonical),
    })
}

fn limit(asked: Option<usize>) -> Result<usize, Problem> {
    match asked {
        None => Ok(USUAL),
        Some(limit @ 1..=MOST) => Ok(limit),
        Some(_) => Err(Problem::new(StatusCode::BAD_REQUEST, "`limit` must be a number from 1 to 1000")),
    }
}

type Placed = Result<Query<Where>, QueryRejection>;

/// The entry that an id means, in the release that was asked for.
async fn found(catalog: &Catalog, id: &str, place: Placed) -> Result<Found, Problem> {
    let choice = asked(place)?.choice()?;
    Ok(catalog.find(None, id, &choice).await?)
}

async fn object(State(console): State<parts::Library>, _: Guest, Path(id): Path<String>, place: Placed) -> Said {
    let catalog = console.catalog()?;
    let found = found(catalog, &id, place).await?;
    said(&summary(catalog, &found).await?)
}

async fn history(State(console): State<parts::Library>, _: Guest, Path(id): Path<String>, place: Placed) -> Said {
    let catalog = console.catalog()?;
    let found = found(catalog, &id, place).await?;
    said(&history_json(catalog, &found).await?)
}

#[derive(Deserialize)]
struct Two {
    from: String,
    to: String,
}

async fn difference(
    State(console): State<parts::Library>,
    _: Guest,
    Path(id): Path<String>,
    place: Placed,
    two: Result<Query<Two>, QueryRejection>,
) -> Said {
    let (catalog, two) = (console.catalog()?, asked(two)?);
    let place = asked(place)?;
    let mut both = Vec::new();
    for name in [&two.from, &two.to] {
        let choice = Choice { release: Some(name.parse()?), ..place.choice()? };
        let one = catalog.find(None, &id, &choice).await?;
        if one.missing_in.is_some() {
            return Err(Problem::new(StatusCode::NOT_FOUND, format!("release {name} does not have it")));
        }
        both.push(catalog.fields(&one.version).await?);
    }
    let changes = match both.as_slice() {
        [old, new] => compare(old, new),
        _ => Vec::new(),
    };
    said(&json!({ "from": two.from, "to": two.to, "changes": changes, "attribution": ATTRIBUTION }))
}

#[derive(Deserialize, Default)]
#[serde(default)]
struct Form {
    format: String,
    platform: String,
    tactic: String,
    status: String,
    #[serde(rename = "type")]
    kind: String,
}

async fn relationships(
    State(console): State<parts::Library>,
    _: Guest,
    Path(id): Path<String>,
    place: Placed,
    form: Result<Query<Form>, QueryRejection>,
) -> Said {
    let (catalog, form) = (console.catalog()?, asked(form)?);
    let found = found(catalog, &id, place).await?;
    one_of("status", &form.status, Effective::ALL.iter().map(|status| status.name()))?;
    let mut related = related(&found.view, &found.version);
    related.retain(|one| {
        fits(one, &form.platform, &form.tactic, &form.status)
            && (form.kind.is_empty() || one.relation.relation == form.kind)
    });
    let ids: Vec<i64> = related.iter().map(|one| one.relation.id).collect();
    let said_there = catalog.words(&ids).await?;
    let text = |version: &Version| said_there.get(&version.id).map(|words| Words::clone(words)).unwrap_or_default();
    let gaps = gaps(catalog, found.view.release.track).await?;
    if form.format == "csv" {
        let table = relations_csv(&related, &gaps, &|version| {
            let words = text(version);
            let names: Vec<_> = words.references.iter().map(|reference| reference.source_name.clone()).collect();
            (words.description, names.join("; "))
        });
        return Ok(([(CONTENT_TYPE, "text/csv; charset=utf-8")], table).into_response());
    }
    let rows: Vec<Value> = related
        .iter()
        .map(|one| {
            let missing = gaps.get(&one.relation.object).map_or(&[][..], Vec::as_slice);
            let mut row = relation_json(one, missing);
            let words = text(&one.relation);
            row["description"] = words.description.into();
            row["references"] = json!(words.references);
            row
        })
        .collect();
    said(&json!({
        "id": found.version.stix_id,
        "feed": found.view.release.feed,
        "domain": found.view.release.domain,
        "release": found.view.release.name,
        "relationships": rows,
        "attribution": ATTRIBUTION,
    }))
}

async fn layer(State(console): State<parts::Library>, _: Guest, Path(id): Path<String>, place: Placed) -> Said {
    let found = found(console.catalog()?, &id, place).await?;
    said(&entry_layer(&found))
}

async fn diff(
    State(console): State<parts::Library>,
    _: Guest,
    two: Result<Query<Two>, QueryRejection>,
    place: Placed,
    form: Result<Query<Form>, QueryRejection>,
) -> Said {
    let (two, choice, form) = (asked(two)?, asked(place)?.choice()?, asked(form)?);
    let domains: Vec<String> = choice.domain.into_iter().collect();
    let catalog = console.catalog()?;
    let changes = changes_between(catalog, two.from.parse()?, two.to.parse()?, &domains, choice.feed).await?;
    if form.format == "markdown" {
        return Ok(([(CONTENT_TYPE, "text/markdown; charset=utf-8")], markdown(&changes)).into_response());
    }
    said(&changes.json())
}

#[derive(Deserialize, Default)]
#[serde(default)]
struct Sought {
    q: String,
    section: String,
    domain: String,
    platform: String,
    tactic: String,
    status: String,
    skip: usize,
    limit: Option<usize>,
}

async fn search(State(console): State<parts::Library>, _: Guest, query: Result<Query<Sought>, QueryRejection>) -> Said {
    let sought = asked(query)?;
    narrowed(&sought.section)?;
    one_of("status", &sought.status, STATUSES.into_iter().chain(["gone"]))?;
    let wrong = || Problem::new(StatusCode::BAD_REQUEST, "`domain` must be one of enterprise, mobile, ics, pre");
    let domain = match sought.domain.as_str() {
        "" => String::new(),
        name => domain_named(name).ok_or_else(wrong)?.to_owned(),
    };
    let question = Question {
        words: sought.q,
        section: sought.section,
        domain,
        platform: sought.platform,
        tactic: sought.tactic,
        status: sought.status,
        begun: false,
        skip: sought.skip.min(100_000),
        limit: limit(sought.limit)?,
    };
    let found = console.finder()?.search(console.catalog()?, &question).await?;
    said(&json!({ "total": found.total, "loose": found.loose, "hits": found.hits, "attribution": ATTRIBUTION }))
}

async fn upgrade(State(console): State<parts::Library>, _: Guest, place: Placed, bytes: Bytes) -> Said {
    let (catalog, choice) = (console.catalog()?, asked(place)?.choice()?);
    let mut upgraded = Vec::new();
    for layer in read_layers(&bytes)? {
        let choice = Choice { domain: Some(layer.domain.clone()), ..choice.clone() };
        let view = catalog.view(&catalog.release(&choice).await?).await?;
        let (layer, notes) = layer_upgraded(&layer, &view);
        upgraded.push(json!({ "layer": layer.json(), "notes": notes, "release": view.release.name }));
    }
    said(&json!({ "layers": upgraded }))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_hash_is_sent_as_the_rfc_has_it() {
        let empty = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855";
        assert_eq!(digest(empty), "sha-256=:47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU=:");
    }

    #[test]
    fn what_a_client_has_is_not_sent_again() {
        let check = |field: &str| {
            let mut headers = HeaderMap::new();
            headers.insert(IF_NONE_MATCH, HeaderValue::from_str(field).unwrap());
            is_known(&headers, "\"a\"")
        };
        assert!(check("\"a\"") && check("\"b\", \"a\"") && check("W/\"a\"") && check("*"));
        assert!(!check("\"b\"") && !check("a"));
    }
}
