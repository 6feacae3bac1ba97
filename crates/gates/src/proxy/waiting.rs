//! Downloads that a browser waits for: it is shown how far they are and asks again, until one is there.

use super::answer::Work;
use crate::Exchange;
use http::header::{AUTHORIZATION, COOKIE};
use http::{HeaderMap, Method};
use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

/// Downloads that wait at once; further ones are answered as for any other program.
const MOST: usize = 256;
/// How long nobody may ask for one.
pub(super) const FORGET_TIME: Duration = Duration::from_secs(120);

/// Downloads by who waits for what.
#[derive(Default)]
pub(super) struct Waiting(Mutex<HashMap<Key, (Instant, Work)>>);

/// Who waits for what: only the very same request may have the answer.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(super) struct Key {
    client: Option<std::net::IpAddr>,
    person: Option<String>,
    address: String,
    /// Who the site takes the client for.
    secrets: Vec<Vec<u8>>,
}

impl Key {
    /// The key of a request that a person waits for in a browser; none for all others.
    pub(super) fn of(exchange: &Exchange, headers: &HeaderMap) -> Option<Self> {
        if exchange.method != Method::GET || exchange.wants != crate::Wants::Page {
            return None;
        }
        let secrets = [AUTHORIZATION, COOKIE].iter().flat_map(|name| headers.get_all(name));
        Some(Self {
            client: exchange.client,
            person: exchange.person.clone(),
            address: exchange.uri.to_string(),
            secrets: secrets.map(|value| value.as_bytes().to_vec()).collect(),
        })
    }
}

impl Waiting {
    /// Takes out what was left under a key.
    pub(super) fn take(&self, key: &Key) -> Option<Work> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).remove(key).map(|(_, work)| work)
    }

    /// Forgets what nobody waits for any more; dropping it ends it.
    pub(super) fn forget(&self) {
        let mut waiting = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        waiting.retain(|_, (left, _)| left.elapsed() < FORGET_TIME);
    }

    /// Leaves a download for the next request; gives it back where there is no room.
    pub(super) fn leave(&self, key: Key, work: Work) -> Result<(), Box<Work>> {
        let mut waiting = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if waiting.len() >= MOST || waiting.contains_key(&key) {
            return Err(Box::new(work));
        }
        waiting.insert(key, (Instant::now(), work));
        Ok(())
    }
}
