//! A TAXII 2.1 server (OASIS, 10 June 2021) for the ATT&CK library: a collection for every release of every domain, and one for
//! the newest release of each domain. Nothing can be written.

use super::Console;
use super::api::attack::Guest;
use super::api::problem::Problem;
use axum::Router;
use axum::extract::{FromRequestParts, Path, Query, State};
use axum::http::header::{ACCEPT, CONTENT_TYPE, HOST, HeaderName};
use axum::http::request::Parts;
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use lazaret_attack::{ATTRIBUTION, AttackError, Choice, View, domain_title, kind_of};
use lazaret_store::{Release, Version};
use serde::Deserialize;
use serde_json::{Value, json};
use std::sync::Arc;
use time::format_description::well_known::Rfc3339;
use time::{OffsetDateTime, UtcOffset};

/// 1.6.8.
const MEDIA: &str = "application/taxii+json;version=2.1";
const ROOT: &str = "/taxii2/attack/";
/// Objects of an answer.
const MOST: usize = 1_000;
/// The namespace of collections' ids (RFC 9562, 5.5): the one for addresses.
const NAMESPACE: [u8; 16] =
    [0x6b, 0xa7, 0xb8, 0x11, 0x9d, 0xad, 0x11, 0xd1, 0x80, 0xb4, 0x00, 0xc0, 0x4f, 0xd4, 0x30, 0xc8];

pub(super) fn router() -> Router<Arc<Console>> {
    let read_only = || get(nothing).post(forbidden).delete(forbidden);
    Router::new()
        .route("/taxii2/", get(discovery))
        .route("/taxii2", get(discovery))
        .route("/taxii2/attack/", get(root))
        .route("/taxii2/attack/collections/", get(collections))
        .route("/taxii2/attack/collections/{id}/", get(collection))
        .route("/taxii2/attack/collections/{id}/manifest/", get(manifest))
        .route("/taxii2/attack/collections/{id}/objects/", get(objects).post(forbidden))
        .route("/taxii2/attack/collections/{id}/objects/{object}/", get(object).delete(forbidden))
        .route("/taxii2/attack/collections/{id}/objects/{object}/versions/", get(versions))
        .route("/taxii2/{*rest}", read_only())
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

impl FromRequestParts<Arc<Console>> for Client {
    type Rejection = Wrong;

    async fn from_request_parts(parts: &mut Parts, console: &Arc<Console>) -> Result<Self, Wrong> {
        if !understands(&parts.headers) {
            let sentence = format!("this server speaks `{MEDIA}`");
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
    fields.flat_map(|field| field.split(',')).any(|one| {
        let plain = one.replace([' ', '"'], "").to_ascii_lowercase();
        let mut words = plain.split(';');
        let media = words.next().unwrap_or_default();
        let version = words.find_map(|word| word.strip_prefix("version=").map(str::to_owned));
        matches!(media, "application/taxii+json" | "*/*" | "application/*")
            && version.is_none_or(|version| version == "2.1")
    })
}

fn told(value: &Value) -> Response {
    ([(CONTENT_TYPE, MEDIA)], value.to_string()).into_response()
}

/// 4.1.
async fn discovery(State(console): State<Arc<Console>>, _: Client, headers: HeaderMap) -> Told {
    let public = console.settings.public_url.trim_end_matches('/');
    let host = headers.get(HOST).and_then(|host| host.to_str().ok()).unwrap_or("localhost");
    let base = if public.is_empty() { format!("http://{host}") } else { public.to_owned() };
    let root = format!("{base}{ROOT}");
    Ok(told(&json!({
        "title": "Lazaret",
        "description": format!("Every release of ATT&CK that was imported here, as it was published. {ATTRIBUTION}"),
        "default": root,
        "api_roots": [root],
    })))
}

/// 4.2.
async fn root(State(_): State<Arc<Console>>, _: Client) -> Told {
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

async fn all(console: &Console) -> Result<Vec<Collection>, Wrong> {
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
        let alias = format!("{}-{}-{}", release.domain, release.name, release.feed);
        found.push(Collection {
            id: uuid(&format!("urn:lazaret:attack:{alias}")),
            title: format!("{} ATT&CK {} ({})", domain_title(&release.domain), release.name, release.feed),
            alias,
            release: release.clone(),
        });
    }
    Ok(found)
}

/// A UUID of a name (RFC 9562, 5.5).
fn uuid(name: &str) -> String {
    use sha1::{Digest, Sha1};
    let hash = Sha1::new().chain_update(NAMESPACE).chain_update(name).finalize();
    let mut bytes: [u8; 16] = [0; 16];
    bytes.copy_from_slice(&hash[..16]);
    bytes[6] = bytes[6] & 0x0f | 0x50;
    bytes[8] = bytes[8] & 0x3f | 0x80;
    let digits = data_encoding::HEXLOWER.encode(&bytes);
    let parts = [(0, 8), (8, 12), (12, 16), (16, 20), (20, 32)];
    parts.map(|(from, to)| digits[from..to].to_owned()).join("-")
}

/// 5.1.
async fn collections(State(console): State<Arc<Console>>, _: Client) -> Told {
    let list: Vec<Value> = all(&console).await?.iter().map(Collection::json).collect();
    Ok(told(&json!({ "collections": list })))
}

/// A collection by its id or alias.
async fn named(console: &Console, id: &str) -> Result<Collection, Wrong> {
    let found = all(console).await?.into_iter().find(|collection| collection.id == id || collection.alias == id);
    found.ok_or_else(|| Wrong(StatusCode::NOT_FOUND, "there is no collection with this id".to_owned()))
}

/// 5.2.
async fn collection(State(console): State<Arc<Console>>, _: Client, Path(id): Path<String>) -> Told {
    Ok(told(&named(&console, &id).await?.json()))
}

/// 3.4: what can be asked for.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default)]
struct Asked {
    added_after: String,
    limit: String,
    next: String,
    #[serde(rename = "match[id]")]
    id: String,
    #[serde(rename = "match[type]")]
    kind: String,
    #[serde(rename = "match[version]")]
    version: String,
    #[serde(rename = "match[spec_version]")]
    spec_version: String,
}

/// A page of a collection.
struct Page<'a> {
    entries: Vec<&'a Version>,
    next: Option<usize>,
    added: String,
}

/// The objects that were asked for, of those that a release has.
fn page<'a>(view: &'a View, asked: &Asked, only: Option<&str>) -> Result<Page<'a>, Wrong> {
    let wrong = |sentence: &str| Wrong(StatusCode::BAD_REQUEST, sentence.to_owned());
    let limit = match asked.limit.as_str() {
        "" => MOST,
        text => match text.parse::<usize>() {
            // Clients ask for 0 when they have no wish.
            Ok(0) => MOST,
            Ok(limit) => limit.min(MOST),
            Err(_) => return Err(wrong("`limit` is a whole number")),
        },
    };
    let from = match asked.next.as_str() {
        "" => 0,
        text => text.parse::<usize>().map_err(|_| wrong("`next` is what an earlier answer said"))?,
    };
    let added = view.release.imported_at;
    let is_new = match asked.added_after.as_str() {
        "" => true,
        text => {
            let after = OffsetDateTime::parse(text, &Rfc3339);
            let after = after.map_err(|_| wrong("`added_after` is a time stamp, such as 2026-01-31T12:00:00Z"))?;
            i128::from(added) * 1_000_000 > after.unix_timestamp_nanos()
        }
    };
    let list = |text: &str| text.split(',').filter(|one| !one.is_empty()).map(str::to_owned).collect::<Vec<_>>();
    let (ids, kinds, versions) = (list(&asked.id), list(&asked.kind), list(&asked.version));
    let own = if view.release.feed == "stix-2.1" { "2.1" } else { "2.0" };
    let spoken = list(&asked.spec_version);
    let is_spoken = spoken.is_empty() || spoken.iter().any(|one| one == own);
    let fits = |entry: &&Version| {
        let is_version = |one: &String| matches!(one.as_str(), "first" | "last" | "all") || one == stamp(entry);
        only.is_none_or(|id| id == entry.stix_id)
            && (ids.is_empty() || ids.contains(&entry.stix_id))
            && (kinds.is_empty() || kinds.iter().any(|kind| kind == kind_of(&entry.stix_id)))
            && (versions.is_empty() || versions.iter().any(is_version))
    };
    let mut entries: Vec<&Version> = Vec::new();
    let mut next = None;
    if is_new && is_spoken {
        let mut found = view.entries().filter(fits).skip(from);
        entries.extend(found.by_ref().take(limit));
        next = found.next().map(|_| from + entries.len());
    }
    Ok(Page { entries, next, added: date(added) })
}

/// What tells an object's versions apart: when it was changed, or made (3.4.1).
fn stamp(entry: &Version) -> &str {
    if entry.modified.is_empty() { &entry.created } else { &entry.modified }
}

/// A time with six digits of a second, as collections give it (2.1, timestamp).
fn date(milliseconds: i64) -> String {
    let time = OffsetDateTime::from_unix_timestamp_nanos(i128::from(milliseconds) * 1_000_000);
    let time = time.unwrap_or(OffsetDateTime::UNIX_EPOCH).to_offset(UtcOffset::UTC);
    let (day, clock) = (time.date(), time.time());
    let (hour, minute, second) = (clock.hour(), clock.minute(), clock.second());
    format!("{day}T{hour:02}:{minute:02}:{second:02}.{:06}Z", clock.microsecond())
}

impl Page<'_> {
    /// 3.5 and 3.7: an envelope around `list`, with when its objects were added.
    fn answer(&self, name: &str, list: &str) -> Response {
        let next = self.next.map(|next| format!(",\"next\":\"{next}\"")).unwrap_or_default();
        let members = if self.entries.is_empty() && name == "objects" {
            // An envelope without objects has no list of them.
            String::new()
        } else {
            format!(",\"{name}\":[{list}]")
        };
        let text = format!("{{\"more\":{}{next}{members}}}", self.next.is_some());
        let mut answer = ([(CONTENT_TYPE, MEDIA)], text).into_response();
        if let (false, Ok(value)) = (self.entries.is_empty(), axum::http::HeaderValue::from_str(&self.added)) {
            for name in ["x-taxii-date-added-first", "x-taxii-date-added-last"] {
                answer.headers_mut().insert(HeaderName::from_static(name), value.clone());
            }
        }
        answer
    }
}

fn asked(query: Result<Query<Asked>, axum::extract::rejection::QueryRejection>) -> Result<Asked, Wrong> {
    query.map(|Query(asked)| asked).map_err(|error| Wrong(StatusCode::BAD_REQUEST, error.body_text()))
}

type Questions = Result<Query<Asked>, axum::extract::rejection::QueryRejection>;

/// 5.3.
async fn manifest(State(console): State<Arc<Console>>, _: Client, Path(id): Path<String>, query: Questions) -> Told {
    let asked = asked(query)?;
    let release = named(&console, &id).await?.release;
    let view = console.catalog()?.view(&release).await?;
    let page = page(&view, &asked, None)?;
    let rows: Vec<String> = page
        .entries
        .iter()
        .map(|entry| {
            let row = json!({
                "id": entry.stix_id, "date_added": page.added, "version": stamp(entry), "media_type": media(&release),
            });
            row.to_string()
        })
        .collect();
    Ok(page.answer("objects", &rows.join(",")))
}

/// 5.4.
async fn objects(State(console): State<Arc<Console>>, _: Client, Path(id): Path<String>, query: Questions) -> Told {
    answer_objects(&console, &id, &asked(query)?, None).await
}

/// 5.6.
async fn object(
    State(console): State<Arc<Console>>,
    _: Client,
    Path((id, object)): Path<(String, String)>,
    query: Questions,
) -> Told {
    answer_objects(&console, &id, &asked(query)?, Some(&object)).await
}

async fn answer_objects(console: &Console, id: &str, asked: &Asked, only: Option<&str>) -> Told {
    let release = named(console, id).await?.release;
    let catalog = console.catalog()?;
    let view = catalog.view(&release).await?;
    if let Some(object) = only.filter(|object| view.stix_id(object).is_none()) {
        return Err(missing(object));
    }
    let page = page(&view, asked, only)?;
    let ids: Vec<i64> = page.entries.iter().map(|entry| entry.id).collect();
    let texts = catalog.library().bodies(&ids).await.map_err(AttackError::from)?;
    // The bytes of each object go out as they were imported.
    let list: Vec<&str> =
        ids.iter().filter_map(|id| texts.get(id)).filter_map(|text| std::str::from_utf8(text).ok()).collect();
    Ok(page.answer("objects", &list.join(",")))
}

fn missing(object: &str) -> Wrong {
    let object: String = object.chars().take(200).collect();
    Wrong(StatusCode::NOT_FOUND, format!("the collection has no object `{object}`"))
}

/// 5.8.
async fn versions(
    State(console): State<Arc<Console>>,
    _: Client,
    Path((id, object)): Path<(String, String)>,
    query: Questions,
) -> Told {
    let asked = asked(query)?;
    let release = named(&console, &id).await?.release;
    let view = console.catalog()?.view(&release).await?;
    if view.stix_id(&object).is_none() {
        return Err(missing(&object));
    }
    let page = page(&view, &asked, Some(&object))?;
    let stamps: Vec<String> = page.entries.iter().map(|entry| json!(stamp(entry)).to_string()).collect();
    Ok(page.answer("versions", &stamps.join(",")))
}

async fn forbidden() -> Wrong {
    Wrong(StatusCode::FORBIDDEN, "collections of this server can only be read".to_owned())
}

async fn nothing() -> Wrong {
    Wrong(StatusCode::NOT_FOUND, "there is nothing at this address; /taxii2/ says what there is".to_owned())
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
    }

    #[test]
    fn collections_have_ids_of_their_own() {
        // RFC 9562, 5.5: version and variant; the same name has the same id.
        let id = uuid("urn:lazaret:attack:enterprise-attack");
        assert_eq!((id.len(), &id[14..15], id == uuid("urn:lazaret:attack:mobile-attack")), (36, "5", false));
        assert_eq!(uuid("http://www.example.com"), "2d32a3f1-fac2-52a6-ac52-fe9e87e628ea");
        assert_eq!(date(1_760_000_000_123), "2025-10-09T08:53:20.123000Z");
    }
}
