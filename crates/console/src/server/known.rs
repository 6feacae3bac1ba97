//! From where somebody signs in: a machine, or a browser in which they signed in before. That one has a cookie for each name, which
//! only says that strangers' failed attempts are not to be held against it; it opens no door.

use super::asker::client_of;
use super::attempts::Source;
use super::session::cookie;
use super::{Console, Refused};
use axum::extract::FromRequestParts;
use axum::http::HeaderMap;
use axum::http::request::Parts;
use lazaret_store::{User, fingerprint, now};
use std::net::{IpAddr, Ipv4Addr};
use std::sync::Arc;

/// Milliseconds for which a browser is known.
const KNOWN_FOR: i64 = 180 * 86_400_000;

/// Where a request comes from.
pub(super) struct Here {
    client: Option<IpAddr>,
    headers: HeaderMap,
}

impl Here {
    /// The machine's address, for people.
    pub(super) fn client(&self) -> String {
        self.client.map(|client| client.to_string()).unwrap_or_default()
    }

    /// From where attempts at a person's name are counted here.
    pub(super) fn source(&self, console: &Console, user: Option<&User>) -> Source {
        match user.and_then(|user| known(console, &self.headers, user)) {
            Some(browser) => Source::Browser(browser),
            None => Source::Machine(self.client.unwrap_or(IpAddr::V4(Ipv4Addr::UNSPECIFIED))),
        }
    }
}

impl FromRequestParts<Arc<Console>> for Here {
    type Rejection = Refused;

    async fn from_request_parts(parts: &mut Parts, console: &Arc<Console>) -> Result<Self, Refused> {
        Ok(Self { client: client_of(parts, console), headers: parts.headers.clone() })
    }
}

/// The cookie by which the browser is known in which somebody has just signed in; empty where nothing can be signed.
pub(super) fn remembered(console: &Console, user: &User) -> Result<String, Refused> {
    let (made, browser) = (now(), lazaret_store::secret()?);
    let signature = console.ledger.sign(&text(user, made, &browser));
    if signature.is_empty() {
        return Ok(String::new());
    }
    let seconds = KNOWN_FOR / 1_000;
    Ok(format!(
        "{}={made}.{browser}.{signature}; Path=/; HttpOnly; SameSite=Strict; Max-Age={seconds}{}",
        name(user),
        console.secure()
    ))
}

/// The browser that sent these fields, where the person signed in with it, with the password that they still have.
fn known(console: &Console, headers: &HeaderMap, user: &User) -> Option<String> {
    let cookie = cookie(headers, &name(user))?;
    let mut words = cookie.splitn(3, '.');
    let (made, browser, signature) = (words.next()?, words.next()?, words.next()?);
    let made: i64 = made.parse().ok()?;
    let fresh = made <= now() && now().saturating_sub(made) < KNOWN_FOR;
    (fresh && console.ledger.is_signed(&text(user, made, browser), signature)).then(|| browser.to_owned())
}

/// A cookie of its own for each person.
fn name(user: &User) -> String {
    format!("lazaret-known-{}", user.id)
}

fn text(user: &User, made: i64, browser: &str) -> String {
    format!("known browser of {}: {made} {browser} {}", user.id, fingerprint(&user.password))
}
