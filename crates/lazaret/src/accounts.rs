//! Names and passwords at the proxy: those of the console's users.

use lazaret_console::password_fits;
use lazaret_gates::{Accounts, Pending};
use lazaret_store::{Ledger, fingerprint, secret};
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
            let fits = password_fits(&self.ledger, name, password.to_owned()).await?;
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

#[cfg(test)]
mod tests {
    use super::*;
    use lazaret_store::NewUser;

    const RIGHT: &str = "correct horse battery";
    /// Argon2id of that.
    const HASH: &str =
        "$argon2id$v=19$m=19456,t=2,p=1$T6frcYa7dyZeD+/U9aL5VA$tzqgq3Q37R9pUoKVVIXcOF7Q7bwzq0vFGDCkeQh1+RA";

    #[tokio::test(flavor = "multi_thread")]
    async fn guessing_locks_the_name_however_many_guess_at_once() {
        let folder = tempfile::tempdir().unwrap();
        let ledger = Ledger::open(&format!("sqlite:{}", folder.path().join("ledger").display())).await.unwrap();
        for name in ["ada", "bob"] {
            let (name, password) = (name.to_owned(), HASH.to_owned());
            ledger.add_user(&NewUser { name, password, role: "viewer".to_owned() }).await.unwrap();
        }
        let users = std::sync::Arc::new(Users::new(ledger.clone()).unwrap());
        assert!(users.knows("ada", RIGHT).await.unwrap());
        assert!(!users.knows("nobody", RIGHT).await.unwrap());
        let guesses = (0..12).map(|number| {
            let users = std::sync::Arc::clone(&users);
            tokio::spawn(async move { users.knows("bob", &format!("guess {number}")).await.unwrap() })
        });
        for guess in guesses.collect::<Vec<_>>() {
            assert!(!guess.await.unwrap());
        }
        assert!(!users.knows("bob", RIGHT).await.unwrap(), "the name is locked now");
        assert!(users.knows("ada", RIGHT).await.unwrap());
        assert!(ledger.user("bob").await.unwrap().unwrap().locked_until > lazaret_store::now());
    }
}
