//! Analysts' takes for programs: written, handed in, read by somebody else, published. Who vouches says which revision they read.

use super::problem::Problem;
use super::{Caller, Path, Route, Said, asked, body, said};
use crate::server::attack::needed;
use crate::server::parts;
use crate::server::rows::{get, post, put};
use crate::server::session::may;
use axum::body::Bytes;
use axum::extract::rejection::QueryRejection;
use axum::extract::{Query, State};
use axum::http::header::{ETAG, IF_MATCH};
use axum::http::{HeaderMap, HeaderValue, Method, StatusCode};
use lazaret_attack::{Deed, Fit, TakeError, act, authors, begin, check, look, read_take, takes_now};
use lazaret_model::AuditAct;
use serde::Deserialize;
use serde_json::json;

pub(super) fn routes() -> Vec<Route> {
    vec![
        ("/api/v1/attack/takes", vec![Method::GET, Method::POST], get(takes).merge(post(new_take))),
        ("/api/v1/attack/takes/check", vec![Method::POST], post(check_take)),
        ("/api/v1/attack/takes/{id}", vec![Method::GET, Method::PUT], get(take).merge(put(put_take))),
        ("/api/v1/attack/takes/{id}/{deed}", vec![Method::POST], post(act_on_take)),
    ]
}

impl From<TakeError> for Problem {
    fn from(error: TakeError) -> Self {
        match error {
            TakeError::Troubles(troubles) => {
                let errors = troubles.iter().map(|trouble| json!(trouble)).collect();
                Self::errors("the document is not valid", errors)
            }
            error => crate::server::Refused::from(error).into(),
        }
    }
}

#[derive(Deserialize, Default)]
#[serde(default)]
struct About {
    object: String,
}

async fn takes(
    State(console): State<parts::Library>,
    _: Caller<may::View>,
    about: Result<Query<About>, QueryRejection>,
) -> Said {
    let about = asked(about)?;
    let object = Some(about.object.as_str()).filter(|object| !object.is_empty());
    said(&json!({ "takes": takes_now(console.catalog()?, object).await? }))
}

async fn take(State(console): State<parts::Library>, _: Caller<may::View>, Path(id): Path<i64>) -> Said {
    let (take, checked) = look(console.catalog()?, id).await?;
    let authors = authors(console.catalog()?, &take).await?;
    let steps = console.catalog()?.library().take_steps(id).await?;
    let etag = HeaderValue::from_str(&format!("\"{}\"", take.revision));
    let mut answer = said(&json!({
        "take": take,
        "authors": authors,
        "document": checked.document,
        "holds": checked.troubles.is_empty() && checked.fit == Fit::Current,
        "current": checked.current,
        "changes": checked.fit.changes(),
        "troubles": checked.troubles,
        "steps": steps,
    }))?;
    if let Ok(etag) = etag {
        answer.headers_mut().insert(ETAG, etag);
    }
    Ok(answer)
}

/// The revision of a take that a client read, where it says so (RFC 9110, 13.1.1).
fn read_revision(headers: &HeaderMap) -> Result<Option<i64>, Problem> {
    let Some(field) = headers.get(IF_MATCH) else { return Ok(None) };
    let revision =
        field.to_str().ok().and_then(|field| field.trim().strip_prefix('"')?.strip_suffix('"')?.parse().ok());
    let wrong = || Problem::new(StatusCode::BAD_REQUEST, "`If-Match` must be the `ETag` of the take as you read it");
    revision.map(Some).ok_or_else(wrong)
}

fn text(bytes: &Bytes) -> Result<String, Problem> {
    let wrong = |_| Problem::new(StatusCode::BAD_REQUEST, "the body is not UTF-8 text");
    String::from_utf8(bytes.to_vec()).map_err(wrong)
}

async fn new_take(State(console): State<parts::Library>, caller: Caller<may::WriteTakes>, bytes: Bytes) -> Said {
    let catalog = console.catalog()?;
    let id = begin(catalog, &caller.name, &text(&bytes)?).await?;
    console.ledger.note(&caller.name, AuditAct::TakeBegun, &id.to_string()).await?;
    let mut answer = said(&json!({ "take": catalog.library().take(id).await? }))?;
    *answer.status_mut() = StatusCode::CREATED;
    Ok(answer)
}

/// Whether a document would be taken, and how it fits.
async fn check_take(State(console): State<parts::Library>, _: Caller<may::WriteTakes>, bytes: Bytes) -> Said {
    let document = read_take(&text(&bytes)?).map_err(TakeError::Troubles)?;
    let checked = check(console.catalog()?, &document).await?;
    if !checked.troubles.is_empty() {
        return Err(TakeError::Troubles(checked.troubles).into());
    }
    said(&json!({ "holds": checked.fit == Fit::Current, "current": checked.current }))
}

async fn put_take(
    State(console): State<parts::Library>,
    caller: Caller<may::WriteTakes>,
    Path(id): Path<i64>,
    headers: HeaderMap,
    bytes: Bytes,
) -> Said {
    let deed = Deed::Edit(text(&bytes)?);
    done(&console, &caller, id, read_revision(&headers)?, deed, "").await
}

#[derive(Deserialize, Default)]
#[serde(deny_unknown_fields)]
struct Step {
    revision: Option<i64>,
    #[serde(default)]
    note: String,
}

async fn act_on_take(
    State(console): State<parts::Library>,
    caller: Caller<may::WorkOnTakes>,
    Path((id, deed)): Path<(i64, String)>,
    headers: HeaderMap,
    bytes: Bytes,
) -> Said {
    let deed = match deed.as_str() {
        "submit" => Deed::Submit,
        "return" => Deed::Return,
        "publish" => Deed::Publish,
        "revalidate" => Deed::Revalidate,
        "withdraw" => Deed::Withdraw,
        _ => {
            let sentence = "the action must be one of submit, return, publish, revalidate, withdraw";
            return Err(Problem::new(StatusCode::NOT_FOUND, sentence));
        }
    };
    let step: Step = if bytes.is_empty() { Step::default() } else { body(&bytes)? };
    let revision = match step.revision {
        None => read_revision(&headers)?,
        revision => revision,
    };
    done(&console, &caller, id, revision, deed, &step.note).await
}

async fn done<P>(
    console: &parts::Library,
    caller: &Caller<P>,
    id: i64,
    revision: Option<i64>,
    deed: Deed,
    note: &str,
) -> Said {
    caller.needs(needed(&deed))?;
    let what = deed.name();
    let take = act(console.catalog()?, id, revision, &caller.name, deed, note).await?;
    console.ledger.note(&caller.name, AuditAct::TakeChanged, &format!("{what}: {id}")).await?;
    said(&json!({ "take": take }))
}
