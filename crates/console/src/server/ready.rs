//! Whether this process should be given work, for whoever shares work out, and if not, why not.

use super::parts;
use crate::control::Unready;
use axum::extract::State;
use axum::http::header::{ACCEPT, CONTENT_TYPE};
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse, Response};
use lazaret_model::plain;
use lazaret_store::StoreError;
use serde_json::json;
use std::time::{Duration, Instant};

/// For how long what was found counts: anybody may ask, as often as they like.
const FRESH: Duration = Duration::from_secs(2);

pub(super) async fn show(State(console): State<parts::Readiness>, headers: HeaderMap) -> Response {
    let causes = console.causes().await;
    let wanted = headers.get(ACCEPT).and_then(|field| field.to_str().ok()).unwrap_or_default();
    answer(&causes, wanted.contains("application/json"))
}

fn answer(causes: &[Unready], as_json: bool) -> Response {
    let status = if causes.is_empty() { StatusCode::OK } else { StatusCode::SERVICE_UNAVAILABLE };
    if as_json {
        let told = json!({ "ready": causes.is_empty(), "causes": causes }).to_string();
        return (status, [(CONTENT_TYPE, "application/json")], told).into_response();
    }
    let lines: String = causes.iter().map(|cause| format!("{}: {}\n", cause.what, cause.why)).collect();
    (status, if causes.is_empty() { "ready\n".to_owned() } else { lines }).into_response()
}

impl parts::Readiness {
    /// Why the process should be given no work. One looks for all who ask at the same time.
    async fn causes(&self) -> Vec<Unready> {
        let mut looked = self.looked.lock().await;
        if let Some((at, causes)) = &*looked
            && at.elapsed() < FRESH
        {
            return causes.clone();
        }
        let mut causes = Vec::new();
        if let Err(error) = self.ledger.check().await {
            tracing::debug!(%error, "the ledger is not ready");
            let why = match error {
                StoreError::DamagedLedger { .. } => "it is damaged; the log says what to do",
                _ => "it does not respond, or cannot be written to",
            };
            causes.push(Unready { what: "ledger".into(), why: why.into() });
        }
        causes.extend(self.control.unready().await);
        let rooms = self.rooms.unready().into_iter();
        causes.extend(rooms.map(|(room, why)| Unready { what: room.into(), why: plain(&why).into() }));
        let before = looked.replace((Instant::now(), causes.clone())).map(|(_, causes)| causes).unwrap_or_default();
        for cause in causes.iter().filter(|cause| !before.contains(cause)) {
            tracing::warn!(what = %cause.what, why = %cause.why, "this process is not ready");
        }
        causes
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn what_keeps_a_process_from_being_ready_is_said_as_text_and_as_json() {
        let said = async |causes: &[Unready], as_json| {
            let answer = answer(causes, as_json);
            let status = answer.status().as_u16();
            let body = axum::body::to_bytes(answer.into_body(), 10_000).await.unwrap();
            (status, String::from_utf8(body.to_vec()).unwrap())
        };
        assert_eq!(said(&[], false).await, (200, "ready\n".to_owned()));
        assert_eq!(said(&[], true).await, (200, "{\"ready\":true,\"causes\":[]}".to_owned()));
        let cause = |what: &'static str, why: &'static str| Unready { what: what.into(), why: why.into() };
        let causes = [cause("ledger", "away"), cause("policies", "old")];
        assert_eq!(said(&causes, false).await, (503, "ledger: away\npolicies: old\n".to_owned()));
        let (status, text) = said(&causes, true).await;
        assert!(status == 503 && text.contains("{\"what\":\"policies\",\"why\":\"old\"}"), "{text}");
    }
}
