//! Names and passwords at the proxy: those of the console's users.

use lazaret_console::password_fits;
use lazaret_gates::{Accounts, Pending};
use lazaret_store::{Ledger, fingerprint, now, secret};
use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};
use tokio::sync::Semaphore;

/// How long a password that was right need not be looked at again: every request brings it, and looking takes time on
/// purpose.
const TRUST_TIME: Duration = Duration::from_secs(300);
/// Passwords looked at at once.
const MOST_LOOKS: usize = 2;
/// Right passwords that are remembered.
const MOST_KNOWN: usize = 10_000;

/// The users of the console.
pub(crate) struct Users {
    ledger: Ledger,
    /// Fingerprints of names with passwords, which nobody can use elsewhere: a secret of this process is in them.
    known: Mutex<HashMap<String, Instant>>,
    salt: String,
    looks: Semaphore,
}

impl Users {
    pub(crate) fn new(ledger: Ledger) -> Result<Self, lazaret_store::StoreError> {
        Ok(Self { ledger, known: Mutex::default(), salt: secret()?, looks: Semaphore::new(MOST_LOOKS) })
    }

    fn is_known(&self, key: &str) -> bool {
        let known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        known.get(key).is_some_and(|at| at.elapsed() < TRUST_TIME)
    }
}

impl Accounts for Users {
    fn knows<'a>(&'a self, name: &'a str, password: &'a str) -> Pending<'a, bool> {
        Box::pin(async move {
            let key = fingerprint(&format!("{}\n{name}\n{password}", self.salt));
            if self.is_known(&key) {
                return Ok(true);
            }
            let _look = self.looks.acquire().await.map_err(|error| error.to_string())?;
            // Somebody else may have looked meanwhile.
            if self.is_known(&key) {
                return Ok(true);
            }
            let user = self.ledger.user(name).await.map_err(|error| error.to_string())?;
            let Some(user) = user.filter(|user| !user.disabled && user.locked_until < now()) else {
                return Ok(false);
            };
            let fits = password_fits(password.to_owned(), user.password).await?;
            if fits {
                let mut known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
                if known.len() >= MOST_KNOWN {
                    known.clear();
                }
                known.insert(key, Instant::now());
            }
            Ok(fits)
        })
    }
}
