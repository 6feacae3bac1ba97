//! What an address says, for pages: what is not understood is answered with a page, and not with a bare line.

use super::Refused;
use axum::extract::{FromRequestParts, Path as AnyPath, Query as AnyQuery};
use axum::http::StatusCode;
use axum::http::request::Parts;
use serde::de::DeserializeOwned;

/// The values of an address's query.
pub(super) struct Query<T>(pub(super) T);

impl<T: DeserializeOwned, S: Send + Sync> FromRequestParts<S> for Query<T> {
    type Rejection = Refused;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Refused> {
        let wrong = |_| Refused::Because(StatusCode::BAD_REQUEST, "the address has an invalid parameter");
        AnyQuery::from_request_parts(parts, state).await.map(|AnyQuery(asked)| Self(asked)).map_err(wrong)
    }
}

/// What stands in an address's path.
pub(super) struct Path<T>(pub(super) T);

impl<T: DeserializeOwned + Send, S: Send + Sync> FromRequestParts<S> for Path<T> {
    type Rejection = Refused;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Refused> {
        let nothing = |_| Refused::Because(StatusCode::NOT_FOUND, "page not found");
        AnyPath::from_request_parts(parts, state).await.map(|AnyPath(asked)| Self(asked)).map_err(nothing)
    }
}
