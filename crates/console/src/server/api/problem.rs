//! Problem documents (RFC 9457).

use super::super::Refused;
use axum::http::StatusCode;
use axum::http::header::{CONTENT_TYPE, HeaderValue, WWW_AUTHENTICATE};
use axum::response::{IntoResponse, Response};
use lazaret_policy::PolicyProblem;
use lazaret_store::StoreError;
use serde_json::{Value, json};

/// What a program is told when it does not get what it asked for.
#[derive(Debug)]
pub(in crate::server) struct Problem {
    status: StatusCode,
    detail: String,
    /// What is wrong in a text of policies.
    errors: Vec<Value>,
}

impl Problem {
    pub(super) fn new(status: StatusCode, detail: impl Into<String>) -> Self {
        Self { status, detail: detail.into(), errors: Vec::new() }
    }

    pub(super) fn troubles(troubles: &[PolicyProblem]) -> Self {
        let error = |trouble: &PolicyProblem| {
            // The file is none: it is the text that was sent.
            json!({ "line": trouble.line, "column": trouble.column, "message": trouble.message })
        };
        let errors = troubles.iter().map(error).collect();
        Self { status: StatusCode::UNPROCESSABLE_ENTITY, detail: "the policies are not valid".to_owned(), errors }
    }
}

impl Problem {
    /// What is wrong with a document, piece by piece.
    pub(super) fn errors(detail: &str, errors: Vec<Value>) -> Self {
        Self { status: StatusCode::UNPROCESSABLE_ENTITY, detail: detail.to_owned(), errors }
    }

    pub(in crate::server) fn parts(&self) -> (StatusCode, &str) {
        (self.status, &self.detail)
    }
}

impl From<Refused> for Problem {
    fn from(refused: Refused) -> Self {
        match refused {
            Refused::SignIn => Self::new(StatusCode::UNAUTHORIZED, "sign in first"),
            Refused::Because(status, sentence) => Self::new(status, sentence),
            Refused::Said(status, sentence) => Self::new(status, sentence),
            Refused::Broken(why) => {
                tracing::error!(%why, "a program could not be answered");
                Self::new(StatusCode::INTERNAL_SERVER_ERROR, "internal error; see the log")
            }
        }
    }
}

impl From<StoreError> for Problem {
    fn from(error: StoreError) -> Self {
        Refused::from(error).into()
    }
}

impl IntoResponse for Problem {
    fn into_response(self) -> Response {
        // RFC 9457, 4.2.1: `about:blank` stands for what the status says.
        let mut document = json!({
            "type": "about:blank",
            "title": self.status.canonical_reason().unwrap_or_default(),
            "status": self.status.as_u16(),
            "detail": self.detail,
        });
        if let (false, Some(fields)) = (self.errors.is_empty(), document.as_object_mut()) {
            fields.insert("errors".to_owned(), Value::Array(self.errors));
        }
        let mut answer =
            (self.status, [(CONTENT_TYPE, "application/problem+json")], document.to_string()).into_response();
        if self.status == StatusCode::UNAUTHORIZED {
            // RFC 6750, 3.
            answer.headers_mut().insert(WWW_AUTHENTICATE, HeaderValue::from_static("Bearer realm=\"lazaret\""));
        }
        answer
    }
}
