//! From where somebody signs in: a machine, or a browser in which they signed in before. That one has a cookie for each name, which
//! only says that strangers' failed attempts are not to be held against it; it opens no door.

use super::asker::client_of;
use super::session::cookie;
use super::{Console, ConsoleSettings, Refused};
use axum::extract::FromRequestParts;
use axum::http::HeaderMap;
use axum::http::request::Parts;
use lazaret_identity::{KNOWN_FOR, Place};
use lazaret_store::User;
use std::net::IpAddr;
use std::sync::Arc;

/// Where a request comes from.
pub(super) struct Here {
    client: Option<IpAddr>,
    headers: HeaderMap,
}

impl Place for Here {
    fn client(&self) -> Option<IpAddr> {
        self.client
    }

    fn mark(&self, user: &User) -> Option<String> {
        cookie(&self.headers, &name(user))
    }
}

impl FromRequestParts<Arc<Console>> for Here {
    type Rejection = Refused;

    async fn from_request_parts(parts: &mut Parts, console: &Arc<Console>) -> Result<Self, Refused> {
        Ok(Self { client: client_of(parts, console), headers: parts.headers.clone() })
    }
}

/// The cookie by which the browser is known in which somebody has just signed in.
pub(super) fn remembered(settings: &ConsoleSettings, user: &User, mark: &str) -> String {
    let seconds = KNOWN_FOR / 1_000;
    let (name, secure) = (name(user), settings.secure());
    format!("{name}={mark}; Path=/; HttpOnly; SameSite=Strict; Max-Age={seconds}{secure}")
}

/// A cookie of its own for each person.
fn name(user: &User) -> String {
    format!("lazaret-known-{}", user.id)
}
