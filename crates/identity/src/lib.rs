//! People: passwords, second factors, sign-in through a provider, sessions, tokens, roles, groups, and who tries too often.
//! Whoever lets somebody in asks here: the console with its pages, the proxy with names and passwords, programs with tokens.
//!
//! It knows no HTTP: forms, cookies and pages are the console's, challenges are the proxy's.

mod account;
mod arrivals;
mod attempts;
mod browser;
mod error;
mod factor;
mod groups;
mod oidc;
mod passwords;
mod people;
mod provided;
mod role;
mod sign_in;
#[cfg(test)]
mod tests;

pub use account::Enrolment;
pub use browser::KNOWN_FOR;
pub use error::{IdentityError, Refusal};
pub use groups::Groups;
pub use oidc::{
    Begun, Fetch, FetchError, OidcError, OidcSettings, Pending, Provider, Returned, SettingError, TokenFlaw, own_path,
};
pub use provided::{Arrived, Offer};
pub use role::{May, Role};
pub use sign_in::{Admitted, Code, Fit, Opened, SignIn};

use attempts::{Attempts, Source};
use lazaret_store::{Ledger, Session, User, now};
use passwords::Passwords;
use sign_in::Asked;
use std::collections::HashMap;
use std::net::{IpAddr, Ipv4Addr};
use std::sync::{Arc, Mutex};

/// Milliseconds after which an unused session ends, and after which any does.
const IDLE: i64 = 2 * 3_600_000;
const LONGEST: i64 = 12 * 3_600_000;

/// Who people are and what they may do: one for the whole process, so that failures at one door count at all.
pub struct Identity {
    ledger: Ledger,
    attempts: Attempts,
    passwords: Passwords,
    /// Through whom people may sign in without a password here.
    provider: Option<Provider>,
    groups: Arc<Groups>,
    /// Whose password was right and who is asked for a code, by the fingerprint of what they bring back.
    asked: Mutex<HashMap<String, Asked>>,
    /// Secrets of one-time passwords that were not confirmed yet, with until when, by person.
    enrolling: Mutex<HashMap<i64, (String, i64)>>,
    /// Whose turn it is to try a code: attempts at one name come one after the other, so that each finds counted what those
    /// before it came to.
    turns: [tokio::sync::Mutex<()>; 64],
}

/// Where an attempt comes from.
pub trait Place: Send + Sync {
    /// The IP address.
    fn client(&self) -> Option<IpAddr>;

    /// What the browser brought back of a person's [`Opened::mark`].
    fn mark(&self, user: &User) -> Option<String>;
}

impl Place for IpAddr {
    fn client(&self) -> Option<IpAddr> {
        Some(*self)
    }

    fn mark(&self, _: &User) -> Option<String> {
        None
    }
}

impl Identity {
    /// The users in a ledger.
    pub fn new(ledger: Ledger) -> Self {
        Self {
            ledger,
            attempts: Attempts::new(),
            passwords: Passwords::new(),
            provider: None,
            groups: Arc::default(),
            asked: Mutex::default(),
            enrolling: Mutex::default(),
            turns: [const { tokio::sync::Mutex::const_new(()) }; 64],
        }
    }

    /// The same, with a provider for single sign-on.
    #[must_use]
    pub fn with_provider(mut self, provider: Option<Provider>) -> Self {
        self.provider = provider;
        self
    }

    /// The user of a session, by its secret.
    ///
    /// # Errors
    /// If the ledger is unavailable.
    pub async fn session(&self, token: &str) -> Result<Option<Session>, IdentityError> {
        Ok(self.ledger.session(token, now() - IDLE, now() - LONGEST).await?)
    }

    /// A token's owner, and its role: never more than its owner has now.
    ///
    /// # Errors
    /// If the ledger is unavailable.
    pub async fn bearer(&self, token: &str) -> Result<Option<(User, Role)>, IdentityError> {
        let Some((owner, token)) = self.ledger.bearer(token).await? else { return Ok(None) };
        let role = match (Role::of(&owner.role), Role::of(&token.role)) {
            (Some(own), Some(role)) => own.min(role),
            _ => return Ok(None),
        };
        Ok(Some((owner, role)))
    }

    /// Waits for the turn to try one name.
    async fn turn(&self, name: &str) -> tokio::sync::MutexGuard<'_, ()> {
        let at = name.bytes().fold(0_usize, |hash, byte| hash.wrapping_mul(31).wrapping_add(byte.into()));
        self.turns[at % self.turns.len()].lock().await
    }

    /// From where attempts at a person's name are counted.
    fn source(&self, place: &impl Place, user: Option<&User>) -> Source {
        match user.and_then(|user| self.known(place, user)) {
            Some(browser) => Source::Browser(browser),
            None => Source::Machine(place.client().unwrap_or(IpAddr::V4(Ipv4Addr::UNSPECIFIED))),
        }
    }
}

/// A place as people are told it.
fn told(place: &impl Place) -> String {
    place.client().map(|client| client.to_string()).unwrap_or_default()
}
