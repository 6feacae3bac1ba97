//! Names and passwords at the proxy: those of the console's users.

use lazaret_console::{Attempts, Fit, password_fits};
use lazaret_gates::{Accounts, Pending};
use lazaret_store::{Ledger, fingerprint, secret};
use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};
use tokio::sync::Semaphore;

/// How long a password that was right need not be looked at again: every request brings it, and looking takes time on
/// purpose.
const TRUST_TIME: Duration = Duration::from_secs(300);
/// How long the same wrong one is wrong without looking: a browser that has an old one sends it with every request, and guesses
/// nothing by that.
const WRONG_TIME: Duration = Duration::from_secs(60);
/// Passwords looked at at once.
const MOST_LOOKS: usize = 2;
/// Right passwords, and wrong ones, that are remembered.
const MOST_KNOWN: usize = 10_000;

/// The users of the console.
pub(crate) struct Users {
    ledger: Ledger,
    attempts: Arc<Attempts>,
    /// Fingerprints of names with passwords, which nobody can use elsewhere: a secret of this process is in them.
    known: Mutex<HashMap<String, Instant>>,
    wrong: Mutex<HashMap<String, Instant>>,
    salt: String,
    looks: Semaphore,
}

impl Users {
    pub(crate) fn new(ledger: Ledger, attempts: Arc<Attempts>) -> Result<Self, lazaret_store::StoreError> {
        let (known, wrong) = Default::default();
        Ok(Self { ledger, attempts, known, wrong, salt: secret()?, looks: Semaphore::new(MOST_LOOKS) })
    }

    /// What was found out about a name and password a short while ago.
    fn remembered(&self, key: &str) -> Option<bool> {
        let is_in = |table: &Mutex<HashMap<String, Instant>>, time: Duration| {
            let table = table.lock().unwrap_or_else(PoisonError::into_inner);
            table.get(key).is_some_and(|at| at.elapsed() < time)
        };
        if is_in(&self.known, TRUST_TIME) {
            return Some(true);
        }
        is_in(&self.wrong, WRONG_TIME).then_some(false)
    }
}

fn remember(table: &Mutex<HashMap<String, Instant>>, key: String) {
    let mut table = table.lock().unwrap_or_else(PoisonError::into_inner);
    if table.len() >= MOST_KNOWN {
        table.clear();
    }
    table.insert(key, Instant::now());
}

impl Accounts for Users {
    fn knows<'a>(&'a self, client: IpAddr, name: &'a str, password: &'a str) -> Pending<'a, bool> {
        Box::pin(async move {
            let key = fingerprint(&format!("{}\n{name}\n{password}", self.salt));
            if let Some(known) = self.remembered(&key) {
                return Ok(known);
            }
            let _look = self.looks.acquire().await.map_err(|error| error.to_string())?;
            // Somebody else may have looked meanwhile.
            if let Some(known) = self.remembered(&key) {
                return Ok(known);
            }
            match password_fits(&self.ledger, &self.attempts, client, name, password.to_owned()).await? {
                Fit::Right => {
                    remember(&self.known, key);
                    Ok(true)
                }
                Fit::Wrong => {
                    remember(&self.wrong, key);
                    Ok(false)
                }
                Fit::Later => {
                    tracing::info!(%client, "too many wrong names and passwords; nobody looks at more for a while");
                    Ok(false)
                }
            }
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
    async fn guessing_helps_nobody_and_locks_nobody_else_out() {
        let folder = tempfile::tempdir().unwrap();
        let ledger = Ledger::open(&format!("sqlite:{}", folder.path().join("ledger").display())).await.unwrap();
        for name in ["ada", "bob"] {
            let (name, password) = (name.to_owned(), HASH.to_owned());
            ledger.add_user(&NewUser { name, password, role: "viewer".to_owned() }).await.unwrap();
        }
        let users = Arc::new(Users::new(ledger.clone(), Arc::new(Attempts::new())).unwrap());
        let (here, there) = (IpAddr::from([192, 0, 2, 7]), IpAddr::from([192, 0, 2, 8]));
        assert!(users.knows(here, "ada", RIGHT).await.unwrap());
        assert!(!users.knows(here, "nobody", RIGHT).await.unwrap());
        // The same wrong one over and over is no guessing.
        for _ in 0..20 {
            assert!(!users.knows(there, "bob", "an old one").await.unwrap());
        }
        assert!(users.knows(there, "bob", RIGHT).await.unwrap());
        users.known.lock().unwrap().clear();
        let guesses = (0..12).map(|number| {
            let users = Arc::clone(&users);
            tokio::spawn(async move { users.knows(here, "bob", &format!("guess {number}")).await.unwrap() })
        });
        for guess in guesses.collect::<Vec<_>>() {
            assert!(!guess.await.unwrap());
        }
        assert!(!users.knows(here, "bob", RIGHT).await.unwrap(), "whoever guesses has to wait");
        assert!(users.knows(there, "bob", RIGHT).await.unwrap(), "somebody else is locked out");
        let audit = ledger.audit(100).await.unwrap();
        let failures = audit.iter().filter(|entry| entry.what == "sign-in failed" && entry.who == "bob");
        assert_eq!(failures.count(), 2, "one a minute for each machine: {audit:?}");
    }
}
