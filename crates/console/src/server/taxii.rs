//! A TAXII 2.1 server (OASIS, 10 June 2021) for the ATT&CK library: a collection for every release of every domain, and one for
//! the newest release of each domain. Nothing can be written.

mod filters;

use super::api::attack::Guest;
use super::api::problem::Problem;
use super::rows::{Program, get};
use super::{Console, parts};
use axum::Router;
use axum::extract::rejection::PathRejection;
use axum::extract::{FromRequestParts, Path, State};
use axum::http::header::{ACCEPT, ALLOW, CONTENT_TYPE, HOST, HeaderName};
use axum::http::request::Parts;
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse, Response};
use axum::routing::{any, delete, post};
use filters::{Asked, Page, Questions, stamp};
use lazaret_attack::{ATTRIBUTION, AttackError, Choice, domain_title};
use lazaret_store::{Release, Version};
use serde_json::{Value, json};
use std::sync::Arc;
use time::{OffsetDateTime, UtcOffset};

/// 1.6.8.
const MEDIA: &str = "application/taxii+json;version=2.1";
const ROOT: &str = "/taxii2/attack/";
/// The namespace of collections' ids (RFC 9562, 5.5): the one for addresses.
const NAMESPACE: [u8; 16] =
    [0x6b, 0xa7, 0xb8, 0x11, 0x9d, 0xad, 0x11, 0xd1, 0x80, 0xb4, 0x00, 0xc0, 0x4f, 0xd4, 0x30, 0xc8];

pub(super) fn router() -> Router<Arc<Console>> {
    let routes = [
        ("/taxii2/", get(discovery)),
        ("/taxii2", get(discovery)),
        ("/taxii2/attack/", get(root)),
        ("/taxii2/attack/collections/", get(collections)),
        ("/taxii2/attack/collections/{id}/", get(collection)),
        ("/taxii2/attack/collections/{id}/manifest/", get(manifest)),
        ("/taxii2/attack/collections/{id}/objects/", get(objects).merge(post(forbidden))),
        ("/taxii2/attack/collections/{id}/objects/{object}/", get(object).merge(delete(forbidden))),
        ("/taxii2/attack/collections/{id}/objects/{object}/versions/", get(versions)),
    ];
    let routed = routes
        .into_iter()
        .fold(Router::new(), |router, (path, methods)| router.route(path, methods.fallback(wrong_method)));
    routed.route("/taxii2/{*rest}", any(nothing))
}

/// An answer, or an error message (3.6.1).
type Told = Result<Response, Wrong>;

struct Wrong(StatusCode, String);

impl From<Problem> for Wrong {
    fn from(problem: Problem) -> Self {
        let (status, detail) = problem.parts();
        Self(status, detail.to_owned())
    }
}

impl From<AttackError> for Wrong {
    fn from(error: AttackError) -> Self {
        Problem::from(error).into()
    }
}

impl From<super::Refused> for Wrong {
    fn from(refused: super::Refused) -> Self {
        Problem::from(refused).into()
    }
}

impl IntoResponse for Wrong {
    fn into_response(self) -> Response {
        let Self(status, description) = self;
        let title = status.canonical_reason().unwrap_or_default();
        let message = json!({ "title": title, "description": description, "http_status": status.as_u16().to_string() });
        let mut answer = (status, [(CONTENT_TYPE, MEDIA)], message.to_string()).into_response();
        if status == StatusCode::UNAUTHORIZED {
            let realm = axum::http::HeaderValue::from_static("Basic realm=\"lazaret\", Bearer realm=\"lazaret\"");
            answer.headers_mut().insert(axum::http::header::WWW_AUTHENTICATE, realm);
        }
        answer
    }
}

/// Somebody who may read, and understands the answers (1.6.8).
struct Client;

impl Program for Client {}

impl FromRequestParts<Arc<Console>> for Client {
    type Rejection = Wrong;

    async fn from_request_parts(parts: &mut Parts, console: &Arc<Console>) -> Result<Self, Wrong> {
        if !understands(&parts.headers) {
            let sentence = format!("this server only supports `{MEDIA}`");
            return Err(Wrong(StatusCode::NOT_ACCEPTABLE, sentence));
        }
        Guest::from_request_parts(parts, console).await?;
        Ok(Self)
    }
}

fn understands(headers: &HeaderMap) -> bool {
    let mut fields = headers.get_all(ACCEPT).iter().filter_map(|field| field.to_str().ok()).peekable();
    if fields.peek().is_none() {
        return true;
    }
    // RFC 9110, 12.5.1: of the ranges that fit, the most exact one counts, and with the weight 0 it is refused.
    let mut best: Option<(u8, f32)> = None;
    for one in fields.flat_map(|field| field.split(',')) {
        let plain = one.replace([' ', '\t', '"'], "").to_ascii_lowercase();
        let mut words = plain.split(';');
        let media = words.next().unwrap_or_default();
        let (mut version, mut weight) = ("", 1.0);
        for word in words {
            match word.split_once('=') {
                Some(("version", text)) => version = text,
                Some(("q", text)) => weight = text.parse().unwrap_or(0.0),
                _ => {}
            }
        }
        let exact = match (media, version) {
            ("application/taxii+json", "2.1") => 3,
            ("application/taxii+json", "") => 2,
            ("application/*", "") => 1,
            ("*/*", "") => 0,
            _ => continue,
        };
        if best.is_none_or(|best| (exact, weight) > best) {
            best = Some((exact, weight));
        }
    }
    best.is_some_and(|(_, weight)| weight > 0.0)
}

fn told(value: &Value) -> Response {
    ([(CONTENT_TYPE, MEDIA)], value.to_string()).into_response()
}

/// 4.1.
async fn discovery(State(console): State<parts::Library>, _: Client, headers: HeaderMap) -> Told {
    let public = console.settings.public_url.trim_end_matches('/');
    let host = headers.get(HOST).and_then(|host| host.to_str().ok()).unwrap_or("localhost");
    let base = if public.is_empty() { format!("http://{host}") } else { public.to_owned() };
    let root = format!("{base}{ROOT}");
    Ok(told(&json!({
        "title": "Lazaret",
        "description": format!("Every release of ATT&CK imported here, exactly as published. {ATTRIBUTION}"),
        "default": root,
        "api_roots": [root],
    })))
}

/// 4.2.
async fn root(State(_): State<parts::Library>, _: Client) -> Told {
    Ok(told(&json!({
        "title": "ATT&CK",
        "description": ATTRIBUTION,
        "versions": [MEDIA],
        "max_content_length": 1_048_576,
    })))
}

/// A collection: a release, by its own id or as the newest one of its domain.
struct Collection {
    id: String,
    title: String,
    alias: String,
    release: Release,
}

impl Collection {
    fn json(&self) -> Value {
        json!({
            "id": self.id,
            "title": self.title,
            "description": ATTRIBUTION,
            "alias": self.alias,
            "can_read": true,
            "can_write": false,
            "media_types": [media(&self.release)],
        })
    }
}

fn media(release: &Release) -> &'static str {
    if release.feed == "stix-2.1" { "application/stix+json;version=2.1" } else { "application/stix+json;version=2.0" }
}

async fn all(console: &parts::Library) -> Result<Vec<Collection>, Wrong> {
    let catalog = console.catalog()?;
    let (_, releases) = catalog.releases().await?;
    let mut found: Vec<Collection> = Vec::new();
    let mut domains: Vec<&str> = releases.iter().map(|release| release.domain.as_str()).collect();
    domains.sort_unstable();
    domains.dedup();
    for domain in domains {
        let choice = Choice { domain: Some(domain.to_owned()), ..Choice::default() };
        let release = catalog.release(&choice).await?;
        found.push(Collection {
            id: uuid(&format!("urn:lazaret:attack:{domain}")),
            title: format!("{} ATT&CK, the newest release", domain_title(domain)),
            alias: domain.to_owned(),
            release,
        });
    }
    for release in releases.iter().rev() {
        let alias = alias(release);
        found.push(Collection {
            id: uuid(&format!("urn:lazaret:attack:{alias}")),
            title: format!("{} ATT&CK {} ({})", domain_title(&release.domain), release.name, release.feed),
            alias,
            release: release.clone(),
        });
    }
    Ok(found)
}

/// The hash of a name in our namespace.
fn hash(name: &str) -> [u8; 20] {
    use sha1::{Digest, Sha1};
    Sha1::new().chain_update(NAMESPACE).chain_update(name).finalize().into()
}

/// A UUID of a name (RFC 9562, 5.5).
fn uuid(name: &str) -> String {
    let mut bytes: [u8; 16] = [0; 16];
    bytes.copy_from_slice(&hash(name)[..16]);
    bytes[6] = bytes[6] & 0x0f | 0x50;
    bytes[8] = bytes[8] & 0x3f | 0x80;
    let digits = data_encoding::HEXLOWER.encode(&bytes);
    let parts = [(0, 8), (8, 12), (12, 16), (16, 20), (20, 32)];
    parts.map(|(from, to)| digits[from..to].to_owned()).join("-")
}

/// 5.1.
async fn collections(State(console): State<parts::Library>, _: Client) -> Told {
    let list: Vec<Value> = all(&console).await?.iter().map(Collection::json).collect();
    Ok(told(&json!({ "collections": list })))
}

/// A collection by its id or alias, or by the STIX id that MITRE's own server gives it: that of the `x-mitre-collection` in the
/// newest release of its domain.
async fn named(console: &parts::Library, id: &str) -> Result<Collection, Wrong> {
    let all = all(console).await?;
    if id.starts_with("x-mitre-collection--") {
        for collection in all.into_iter().filter(|collection| collection.alias == collection.release.domain) {
            if console.catalog()?.view(&collection.release).await?.stix_id(id).is_some() {
                return Ok(Collection { id: id.to_owned(), ..collection });
            }
        }
        return Err(no_collection());
    }
    all.into_iter().find(|collection| collection.id == id || collection.alias == id).ok_or_else(no_collection)
}

fn no_collection() -> Wrong {
    Wrong(StatusCode::NOT_FOUND, "no collection with this ID".to_owned())
}

/// 5.2.
async fn collection(State(console): State<parts::Library>, _: Client, id: Place<String>) -> Told {
    Ok(told(&named(&console, &place(id)?).await?.json()))
}

/// When an object was added to a collection, in microseconds: each a microsecond after the one before it, so that clients who ask
/// for what was added after the last one that they saw get the next ones (3.4).
fn added(release: &Release, place: usize) -> i128 {
    i128::from(release.imported_at) * 1_000 + i128::try_from(place).unwrap_or(0)
}

/// A time with six digits of a second, as collections give it (2.1, timestamp).
fn date(microseconds: i128) -> String {
    let time = OffsetDateTime::from_unix_timestamp_nanos(microseconds * 1_000);
    let time = time.unwrap_or(OffsetDateTime::UNIX_EPOCH).to_offset(UtcOffset::UTC);
    let (day, clock) = (time.date(), time.time());
    let (hour, minute, second) = (clock.hour(), clock.minute(), clock.second());
    format!("{day}T{hour:02}:{minute:02}:{second:02}.{:06}Z", clock.microsecond())
}

/// 3.5 and 3.7: an envelope around `list`, with when its objects were added.
fn enveloped(page: &Page<'_>, release: &Release, name: &str, list: &str) -> Response {
    let next = page.next.as_ref().map(|next| format!(",\"next\":\"{next}\"")).unwrap_or_default();
    let members = if page.entries.is_empty() && name == "objects" {
        // An envelope without objects has no list of them.
        String::new()
    } else {
        format!(",\"{name}\":[{list}]")
    };
    let text = format!("{{\"more\":{}{next}{members}}}", page.next.is_some());
    let mut answer = ([(CONTENT_TYPE, MEDIA)], text).into_response();
    let ends = [("x-taxii-date-added-first", page.entries.first()), ("x-taxii-date-added-last", page.entries.last())];
    for (name, entry) in ends {
        let value = entry.map(|(place, _)| axum::http::HeaderValue::from_str(&date(added(release, *place))));
        if let Some(Ok(value)) = value {
            answer.headers_mut().insert(HeaderName::from_static(name), value);
        }
    }
    answer
}

/// What stands in an address.
type Place<T> = Result<Path<T>, PathRejection>;

fn place<T>(place: Place<T>) -> Result<T, Wrong> {
    place.map(|Path(place)| place).map_err(|_| nowhere())
}

/// 5.3.
async fn manifest(State(console): State<parts::Library>, _: Client, id: Place<String>, query: Questions) -> Told {
    let (id, asked) = (place(id)?, Asked::read(query)?);
    let release = named(&console, &id).await?.release;
    let view = console.catalog()?.view(&release).await?;
    let page = asked.page(&view, None)?;
    let row = |(place, entry): &(usize, &Version)| {
        let row = json!({
            "id": entry.stix_id, "date_added": date(added(&release, *place)), "version": stamp(entry), "media_type": media(&release),
        });
        row.to_string()
    };
    let rows: Vec<String> = page.entries.iter().map(row).collect();
    Ok(enveloped(&page, &release, "objects", &rows.join(",")))
}

/// 5.4.
async fn objects(State(console): State<parts::Library>, _: Client, id: Place<String>, query: Questions) -> Told {
    answer_objects(&console, &place(id)?, &Asked::read(query)?, None).await
}

/// 5.6.
async fn object(
    State(console): State<parts::Library>,
    _: Client,
    ids: Place<(String, String)>,
    query: Questions,
) -> Told {
    let (id, object) = place(ids)?;
    answer_objects(&console, &id, &Asked::read(query)?, Some(&object)).await
}

async fn answer_objects(console: &parts::Library, id: &str, asked: &Asked, only: Option<&str>) -> Told {
    let release = named(console, id).await?.release;
    let catalog = console.catalog()?;
    let view = catalog.view(&release).await?;
    if let Some(object) = only.filter(|object| view.stix_id(object).is_none()) {
        return Err(missing(console, object).await);
    }
    let page = asked.page(&view, only)?;
    let ids: Vec<i64> = page.entries.iter().map(|(_, entry)| entry.id).collect();
    let texts = catalog.library().bodies(&ids).await.map_err(AttackError::from)?;
    // The bytes of each object go out as they were imported.
    let list: Vec<&str> =
        ids.iter().filter_map(|id| texts.get(id)).filter_map(|text| std::str::from_utf8(text).ok()).collect();
    Ok(enveloped(&page, &release, "objects", &list.join(",")))
}

/// A collection does not have an object; where another one does, that is said.
async fn missing(console: &parts::Library, object: &str) -> Wrong {
    let shown: String = object.chars().take(200).collect();
    let mut sentence = format!("no object `{shown}` in this collection");
    if let Ok(catalog) = console.catalog()
        && let Ok(found) = catalog.find(None, object, &Choice::default()).await
        && found.version.stix_id == object
    {
        let release = &found.view.release;
        sentence.push_str(&format!("; the last one that contains it is `{}`", alias(release)));
    }
    Wrong(StatusCode::NOT_FOUND, sentence)
}

/// The alias of a release's collection.
fn alias(release: &Release) -> String {
    format!("{}-{}-{}", release.domain, release.name, release.feed)
}

/// 5.8.
async fn versions(
    State(console): State<parts::Library>,
    _: Client,
    ids: Place<(String, String)>,
    query: Questions,
) -> Told {
    let ((id, object), asked) = (place(ids)?, Asked::read(query)?);
    let release = named(&console, &id).await?.release;
    let view = console.catalog()?.view(&release).await?;
    if view.stix_id(&object).is_none() {
        return Err(missing(&console, &object).await);
    }
    let page = asked.page(&view, Some(&object))?;
    let stamps: Vec<String> = page.entries.iter().map(|(_, entry)| json!(stamp(entry)).to_string()).collect();
    Ok(enveloped(&page, &release, "versions", &stamps.join(",")))
}

async fn forbidden() -> Wrong {
    Wrong(StatusCode::FORBIDDEN, "collections on this server are read-only".to_owned())
}

async fn wrong_method() -> Response {
    let wrong = Wrong(StatusCode::METHOD_NOT_ALLOWED, "this address is read-only".to_owned());
    ([(ALLOW, "GET, HEAD")], wrong).into_response()
}

async fn nothing() -> Wrong {
    nowhere()
}

fn nowhere() -> Wrong {
    Wrong(StatusCode::NOT_FOUND, "no such address; /taxii2/ lists what exists".to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;
    use axum::http::HeaderValue;

    #[test]
    fn clients_of_this_version_are_answered() {
        let check = |accept: &str| {
            let mut headers = HeaderMap::new();
            if !accept.is_empty() {
                headers.insert(ACCEPT, HeaderValue::from_str(accept).unwrap());
            }
            understands(&headers)
        };
        assert!(check("") && check("*/*") && check("application/taxii+json"));
        assert!(
            check("application/taxii+json;version=2.1") && check("text/html, application/taxii+json; version=\"2.1\"")
        );
        assert!(
            !check("application/taxii+json;version=2.0") && !check("application/vnd.oasis.taxii+json; version=2.0")
        );
        assert!(!check("text/html"));
        // What a client refuses it is not sent, also where it takes anything else.
        assert!(!check("application/taxii+json;version=2.1;q=0") && !check("*/*;q=0.0"));
        assert!(!check("*/*, application/taxii+json;q=0") && check("*/*;q=0, application/taxii+json; q=0.1"));
    }

    #[test]
    fn collections_have_ids_of_their_own() {
        // RFC 9562, 5.5: version and variant; the same name has the same id.
        let id = uuid("urn:lazaret:attack:enterprise-attack");
        assert_eq!((id.len(), &id[14..15], id == uuid("urn:lazaret:attack:mobile-attack")), (36, "5", false));
        assert_eq!(uuid("http://www.example.com"), "2d32a3f1-fac2-52a6-ac52-fe9e87e628ea");
        assert_eq!(date(1_760_000_000_123_004), "2025-10-09T08:53:20.123004Z");
    }
}
