//! What the console knows, for programs: `/api/v1`, with bearer tokens (RFC 6750) and problem documents (RFC 9457).
//! `api/openapi.json` describes it; a test holds the two together.

pub(super) mod attack;
pub(super) mod problem;
mod takes;

use super::events::Asked;
use super::requests::decided;
use super::rows::{Program, get, open_get, post, put};
use super::session::{May, Permission, may};
use super::{Console, Refused, parts};
use crate::Unsaved;
use axum::Router;
use axum::body::Bytes;
use axum::extract::rejection::QueryRejection;
use axum::extract::{DefaultBodyLimit, FromRequestParts, Path as AnyPath, Query, State};
use axum::http::header::{AUTHORIZATION, CONTENT_TYPE};
use axum::http::request::Parts;
use axum::http::{Method, StatusCode};
use axum::response::{IntoResponse, Response};
use axum::routing::{MethodRouter, any};
use lazaret_store::{NewPolicies, RequestState, now};
use problem::Problem;
use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::{Value, json};
use std::collections::BTreeSet;
use std::marker::PhantomData;
use std::sync::Arc;

const OPENAPI: &str = include_str!("api/openapi.json");
/// Events and requests of an answer, where nothing else is asked for, and at most.
const USUAL: i64 = 50;
const MOST: i64 = 1_000;
/// Bytes of a body.
const MOST_BODY: usize = 1 << 20;
/// Bytes of a layer.
const MOST_LAYER: usize = 16 << 20;

type Said = Result<Response, Problem>;

/// Whoever sent a token, whose role allows something.
struct Caller<P> {
    name: String,
    may: BTreeSet<String>,
    to: PhantomData<fn() -> P>,
}

impl<P> Caller<P> {
    /// Refuses whoever may not do what only the handler can tell that it is.
    fn needs(&self, what: May) -> Result<(), Problem> {
        self.needs_one_of(&[what.name()])
    }

    fn needs_one_of(&self, actions: &[&str]) -> Result<(), Problem> {
        if actions.iter().any(|action| self.may.contains(*action)) {
            Ok(())
        } else {
            Err(Problem::new(StatusCode::FORBIDDEN, "this token's role does not allow this"))
        }
    }
}

impl<P: Permission> Program for Caller<P> {}

impl<P: Permission> FromRequestParts<Arc<Console>> for Caller<P> {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, console: &Arc<Console>) -> Result<Self, Problem> {
        let nobody = || {
            Problem::new(StatusCode::UNAUTHORIZED, "send an API token from the console as `Authorization: Bearer …`")
        };
        let field = parts.headers.get(AUTHORIZATION).and_then(|field| field.to_str().ok()).ok_or_else(nobody)?;
        let (scheme, token) = field.split_once(' ').ok_or_else(nobody)?;
        if !scheme.eq_ignore_ascii_case("bearer") {
            return Err(nobody());
        }
        let (user, role) = console.identity.bearer(token.trim()).await.map_err(Refused::from)?.ok_or_else(nobody)?;
        let caller = Self { name: user.name, may: console.control.permissions(role.name()), to: PhantomData };
        caller.needs_one_of(P::ANY)?;
        Ok(caller)
    }
}

/// What stands in an address's path.
struct Path<T>(T);

impl<T: DeserializeOwned + Send, S: Send + Sync> FromRequestParts<S> for Path<T> {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Problem> {
        let nowhere = |_| Problem::new(StatusCode::NOT_FOUND, "no such address");
        AnyPath::from_request_parts(parts, state).await.map(|AnyPath(path)| Self(path)).map_err(nowhere)
    }
}

/// An address, its methods, and who answers.
type Route = (&'static str, Vec<Method>, MethodRouter<Arc<Console>>);

/// Every address.
fn routes() -> Vec<Route> {
    let mut routes = vec![
        ("/api/v1/openapi.json", vec![Method::GET], open_get(openapi)),
        ("/api/v1/events", vec![Method::GET], get(events)),
        ("/api/v1/events/{reference}", vec![Method::GET], get(event)),
        ("/api/v1/requests", vec![Method::GET], get(requests)),
        ("/api/v1/requests/{id}/approve", vec![Method::POST], post(approve)),
        ("/api/v1/requests/{id}/deny", vec![Method::POST], post(deny)),
        ("/api/v1/policies", vec![Method::GET, Method::PUT], get(policies).merge(put(put_policies))),
        ("/api/v1/sites/{domain}", vec![Method::GET], get(site)),
        ("/api/v1/authorities", vec![Method::GET], get(authorities)),
    ];
    routes.extend(attack::routes());
    routes.extend(takes::routes());
    routes
}

pub(super) fn router() -> Router<Arc<Console>> {
    // A layer may be larger than anything else that is sent.
    const LAYERS: &str = "/api/v1/attack/layers";
    let routed = routes()
        .into_iter()
        .map(|(path, names, methods)| {
            (path, names, if path == LAYERS { methods.layer(DefaultBodyLimit::max(MOST_LAYER)) } else { methods })
        })
        .fold(Router::new(), |router, (path, _, methods)| router.route(path, methods.fallback(wrong_method)));
    routed.route("/api/{*rest}", any(nothing)).layer(DefaultBodyLimit::max(MOST_BODY))
}

fn said(value: &impl serde::Serialize) -> Said {
    let text = serde_json::to_string(value).map_err(|error| Problem::from(Refused::Broken(error.to_string())))?;
    Ok(([(CONTENT_TYPE, "application/json")], text).into_response())
}

async fn openapi() -> Response {
    ([(CONTENT_TYPE, "application/json")], OPENAPI).into_response()
}

async fn nothing() -> Problem {
    Problem::new(StatusCode::NOT_FOUND, "no such address; /api/v1/openapi.json lists those that exist")
}

async fn wrong_method() -> Problem {
    Problem::new(StatusCode::METHOD_NOT_ALLOWED, "method not allowed at this address")
}

fn limit(asked: Option<i64>) -> Result<i64, Problem> {
    match asked {
        None => Ok(USUAL),
        Some(limit @ 1..=MOST) => Ok(limit),
        Some(_) => Err(Problem::new(StatusCode::BAD_REQUEST, "`limit` must be a number from 1 to 1000")),
    }
}

fn asked<T>(query: Result<Query<T>, QueryRejection>) -> Result<T, Problem> {
    query.map(|Query(asked)| asked).map_err(|error| Problem::new(StatusCode::BAD_REQUEST, error.body_text()))
}

fn body<T: DeserializeOwned>(bytes: &Bytes) -> Result<T, Problem> {
    serde_json::from_slice(bytes)
        .map_err(|error| Problem::new(StatusCode::BAD_REQUEST, format!("the body is not the expected JSON: {error}")))
}

async fn events(
    State(console): State<parts::Events>,
    _: Caller<may::View>,
    query: Result<Query<Asked>, QueryRejection>,
) -> Said {
    let asked = asked(query)?.at(now())?;
    let (filter, limit) = (asked.filter()?, limit(asked.limit)?);
    let events = console.ledger.events(&filter, asked.before, limit).await?;
    let mut next = events.last().map(|event| event.id).filter(|_| events.len() as i64 == limit);
    if next.is_none() && !filter.text.is_empty() {
        next = console.ledger.searched(&filter, asked.before).await?;
    }
    let events: Result<Vec<Value>, _> = events.iter().map(shown).collect();
    said(&json!({ "events": events?, "next": next }))
}

/// An event as JSON, its report as an object.
fn shown(logged: &lazaret_store::LoggedEvent) -> Result<Value, Problem> {
    let mut value = serde_json::to_value(logged).map_err(|error| Problem::from(Refused::Broken(error.to_string())))?;
    let report = serde_json::from_str(&logged.event.report).unwrap_or(Value::Null);
    if let Some(fields) = value.as_object_mut() {
        if let Ok(judged) = serde_json::from_str(&logged.event.judged) {
            fields.insert("judged".to_owned(), judged);
        }
        if report.is_null() {
            fields.remove("report");
        } else {
            fields.insert("report".to_owned(), report);
        }
    }
    Ok(value)
}

async fn event(State(console): State<parts::Events>, _: Caller<may::View>, Path(reference): Path<String>) -> Said {
    let missing = || Problem::new(StatusCode::NOT_FOUND, "no event with this reference");
    let event = console.ledger.event(&reference.to_uppercase()).await?.ok_or_else(missing)?;
    said(&shown(&event)?)
}

#[derive(Deserialize)]
struct Page {
    limit: Option<i64>,
}

async fn requests(
    State(console): State<parts::Events>,
    _: Caller<may::View>,
    query: Result<Query<Page>, QueryRejection>,
) -> Said {
    let requests = console.ledger.requests(limit(asked(query)?.limit)?).await?;
    said(&json!({ "requests": requests }))
}

#[derive(Deserialize, Default)]
#[serde(deny_unknown_fields)]
struct Reply {
    #[serde(default)]
    answer: String,
}

async fn approve(console: State<parts::Releases>, caller: Caller<may::Decide>, id: Path<String>, bytes: Bytes) -> Said {
    decide(console, caller, id, &bytes, RequestState::Approved).await
}

async fn deny(console: State<parts::Releases>, caller: Caller<may::Decide>, id: Path<String>, bytes: Bytes) -> Said {
    decide(console, caller, id, &bytes, RequestState::Denied).await
}

async fn decide(
    State(console): State<parts::Releases>,
    caller: Caller<may::Decide>,
    Path(id): Path<String>,
    bytes: &Bytes,
    state: RequestState,
) -> Said {
    let reply: Reply = if bytes.is_empty() { Reply::default() } else { body(bytes)? };
    let missing = || Problem::new(StatusCode::NOT_FOUND, "no such request");
    let id: i64 = id.parse().map_err(|_| missing())?;
    console.ledger.request(id).await?.ok_or_else(missing)?;
    decided(&console, &caller.name, id, state, &reply.answer).await?;
    said(&console.ledger.request(id).await?.ok_or_else(missing)?)
}

async fn policies(State(console): State<parts::Policies>, _: Caller<may::ReadPolicies>) -> Said {
    let now = console.control.policies();
    said(&json!({
        "version": now.version,
        "built_in": now.built_in,
        "files": now.files,
        "text": now.text,
        "policies": now.list,
    }))
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Change {
    version: i64,
    text: String,
    note: String,
}

async fn put_policies(
    State(console): State<parts::Policies>,
    caller: Caller<may::ChangePolicies>,
    bytes: Bytes,
) -> Said {
    let change: Change = body(&bytes)?;
    if change.note.trim().is_empty() {
        return Err(Problem::new(
            StatusCode::BAD_REQUEST,
            "`note` must say what was changed and why; it is kept in the history",
        ));
    }
    if let Err(troubles) = console.control.check(&change.text) {
        return Err(Problem::troubles(&troubles));
    }
    let new = NewPolicies {
        base: change.version,
        who: caller.name,
        note: change.note.trim().chars().take(500).collect(),
        text: change.text,
    };
    match console.control.replace_policies(new).await {
        Ok(version) => said(&json!({ "version": version })),
        Err(Unsaved::Troubles(troubles)) => Err(Problem::troubles(&troubles)),
        Err(Unsaved::ReadOnly) => {
            Err(Problem::new(StatusCode::CONFLICT, "the configuration names policy files; change those"))
        }
        Err(Unsaved::Outdated) => Err(Problem::new(
            StatusCode::CONFLICT,
            "`version` is not the one in force: the policies were changed in the meantime",
        )),
        Err(Unsaved::Failed(why)) => Err(Refused::Broken(why).into()),
    }
}

async fn site(State(console): State<parts::Sites>, _: Caller<may::View>, Path(domain): Path<String>) -> Said {
    let missing = || Problem::new(StatusCode::NOT_FOUND, "nothing from this registered domain has ever been seen");
    let domain = domain.to_lowercase();
    let history = console.ledger.site(&domain).await?.ok_or_else(missing)?;
    said(&json!({ "domain": domain, "first_seen": history.first_seen, "number": history.number }))
}

async fn authorities(State(console): State<parts::Sites>, _: Caller<may::View>) -> Said {
    said(&json!({ "authorities": console.control.authorities() }))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_description_and_the_addresses_are_the_same() {
        let document: Value = serde_json::from_str(OPENAPI).unwrap();
        assert_eq!(document["openapi"], "3.1.0");
        let mut described = BTreeSet::new();
        for (path, item) in document["paths"].as_object().unwrap() {
            for (method, operation) in item.as_object().unwrap() {
                if method == "parameters" {
                    continue;
                }
                described.insert(format!("{} {path}", method.to_uppercase()));
                assert!(operation["operationId"].is_string() && operation["responses"].is_object(), "{method} {path}");
                // Every parameter of the path is declared.
                for name in path.split('{').skip(1).filter_map(|rest| rest.split('}').next()) {
                    let declared = item["parameters"].as_array().unwrap();
                    assert!(declared.iter().any(|one| one["name"] == name && one["in"] == "path"), "{path}: {name}");
                }
            }
        }
        let answered: BTreeSet<_> = routes()
            .into_iter()
            .flat_map(|(path, methods, _)| methods.into_iter().map(move |method| format!("{method} {path}")))
            .collect();
        assert_eq!(described, answered);
    }

    #[test]
    fn every_reference_in_the_description_leads_somewhere() {
        let document: Value = serde_json::from_str(OPENAPI).unwrap();
        for piece in OPENAPI.split("\"$ref\": \"#").skip(1) {
            let pointer = piece.split('"').next().unwrap();
            assert!(document.pointer(pointer).is_some(), "{pointer}");
        }
    }
}
