//! Who people are at the proxy: by the names and passwords of the console's users, and by where they signed in there.

use crate::failure::told;
use lazaret_gates::{Accounts, Memberships, Pending, RecordError};
use lazaret_identity::{Fit, Groups, Identity, IdentityError};
use lazaret_store::{fingerprint, now, secret};
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
/// How long nobody looks whether the account is still as it was when the password was tried: whoever is shut out or gets another
/// password, here or in another process, is told by this, and so is whoever is let in again.
const AS_IT_WAS: Duration = Duration::from_secs(1);
/// Passwords looked at at once.
const MOST_LOOKS: usize = 2;
/// Right passwords, and wrong ones, that are remembered; beyond them the oldest are forgotten.
const MOST_KNOWN: usize = 10_000;

/// How often it is looked up which groups people are in: another process may have let somebody in.
const GROUPS_EVERY: Duration = Duration::from_secs(30);

/// Groups that a provider said people are in, for policies.
#[derive(Debug)]
pub(crate) struct Provided(pub(crate) Arc<Groups>);

impl Memberships for Provided {
    fn groups(&self, person: &str) -> Vec<String> {
        self.0.of(person)
    }
}

/// Keeps them as the ledger has them.
pub(crate) async fn follow_groups(identity: Arc<Identity>) {
    let mut ticks = tokio::time::interval(GROUPS_EVERY);
    loop {
        ticks.tick().await;
        if let Err(error) = identity.read_groups().await {
            tracing::warn!(error = %told(&error), "cannot look up people's groups; keeping those last known");
        }
    }
}

/// What a name and a password came to when they were tried.
#[derive(Debug, Clone)]
struct Tried {
    at: Instant,
    /// What stood for the account's password then; none where nobody could come in with one.
    credential: Option<String>,
    /// When it was looked up last whether it still does.
    looked: Instant,
}

/// Somebody who signed in from a machine.
#[derive(Debug, Clone)]
struct Present {
    person: String,
    /// Until when, in milliseconds since 1970.
    until: i64,
    looked: Instant,
}

/// By fingerprints of names with passwords, which nobody can use elsewhere: a secret of this process is in them.
type Table = Mutex<HashMap<String, Tried>>;

/// The users of the console.
pub(crate) struct Users {
    identity: Arc<Identity>,
    known: Table,
    wrong: Table,
    /// Who signed in from which machine, as it was looked up.
    arrived: Mutex<HashMap<IpAddr, Present>>,
    salt: String,
    looks: Semaphore,
}

impl Users {
    pub(crate) fn new(identity: Arc<Identity>) -> Result<Self, lazaret_store::StoreError> {
        let (known, wrong, arrived) = Default::default();
        Ok(Self { identity, known, wrong, arrived, salt: secret()?, looks: Semaphore::new(MOST_LOOKS) })
    }

    /// What was found out about a name and password a short while ago, where the account is still as it was then.
    async fn remembered(&self, name: &str, key: &str) -> Option<bool> {
        for (table, time, right) in [(&self.known, TRUST_TIME, true), (&self.wrong, WRONG_TIME, false)] {
            let Some((credential, is_due)) = recalled(table, key, time) else { continue };
            if !is_due {
                return Some(right);
            }
            match self.identity.credential(name).await {
                Ok(present) if present == credential => return Some(right),
                Ok(_) => {
                    table.lock().unwrap_or_else(PoisonError::into_inner).remove(key);
                }
                // While the ledger is away nobody who is in is put out; it is looked up again soon, and what was found out ends.
                Err(error) => {
                    tracing::warn!(error = %told(&error), "cannot look up an account; using its last known state");
                    return Some(right);
                }
            }
        }
        None
    }
}

/// What stood for the account's password when these were tried, where that is no longer ago than this; and whether it is to be looked
/// up again, which one of those who ask at the same time does.
fn recalled(table: &Table, key: &str, time: Duration) -> Option<(Option<String>, bool)> {
    let mut table = table.lock().unwrap_or_else(PoisonError::into_inner);
    let tried = table.get_mut(key).filter(|tried| tried.at.elapsed() < time)?;
    let is_due = tried.looked.elapsed() >= AS_IT_WAS;
    if is_due {
        tried.looked = Instant::now();
    }
    Some((tried.credential.clone(), is_due))
}

fn remember(table: &Table, key: String, credential: Option<String>, at: Instant) {
    let mut table = table.lock().unwrap_or_else(PoisonError::into_inner);
    // LIMIT: what was tried longest ago is tried again when it comes.
    if table.len() >= MOST_KNOWN
        && let Some(oldest) = table.iter().min_by_key(|(_, tried)| tried.at).map(|(key, _)| key.clone())
    {
        table.remove(&oldest);
    }
    table.insert(key, Tried { at, credential, looked: at });
}

impl Accounts for Users {
    fn knows<'a>(&'a self, client: IpAddr, name: &'a str, password: &'a str) -> Pending<'a, bool> {
        Box::pin(async move {
            let key = fingerprint(&format!("{}\n{name}\n{password}", self.salt));
            if let Some(known) = self.remembered(name, &key).await {
                return Ok(known);
            }
            let _look = self.looks.acquire().await.map_err(|_| RecordError::Ending)?;
            // Somebody else may have looked meanwhile.
            if let Some(known) = self.remembered(name, &key).await {
                return Ok(known);
            }
            let at = Instant::now();
            // Before the password is tried: what changes meanwhile is seen at the next look.
            let credential = self.identity.credential(name).await.map_err(failed)?;
            match self.identity.password_fits(client, name, password.to_owned()).await.map_err(failed)? {
                Fit::Right => {
                    if credential.is_some() {
                        remember(&self.known, key, credential, at);
                    }
                    Ok(true)
                }
                Fit::Wrong => {
                    remember(&self.wrong, key, credential, at);
                    Ok(false)
                }
                Fit::Later => {
                    tracing::info!(%client, "too many wrong names and passwords; further attempts are refused for a \
                        while");
                    Ok(false)
                }
            }
        })
    }

    fn at(&self, client: IpAddr) -> Pending<'_, Option<String>> {
        Box::pin(async move {
            let client = client.to_canonical();
            let known = self.present(client, AS_IT_WAS);
            if known.is_some() {
                return Ok(known);
            }
            // Whoever is not there yet is looked for each time, so that nobody who signs in is led there once more.
            let found = self.identity.arrived(client).await;
            self.noted(client, found)
        })
    }
}

impl Users {
    /// Who was at a machine when that was looked up, no longer ago than this.
    fn present(&self, client: IpAddr, time: Duration) -> Option<String> {
        let arrived = self.arrived.lock().unwrap_or_else(PoisonError::into_inner);
        let present = arrived.get(&client).filter(|present| present.looked.elapsed() < time && present.until > now());
        present.map(|present| present.person.clone())
    }

    /// Who is at a machine, by what the ledger says, which is remembered; while it is away nobody who is in is put out, as with passwords.
    fn noted(
        &self,
        client: IpAddr,
        found: Result<Option<(String, i64)>, IdentityError>,
    ) -> Result<Option<String>, RecordError> {
        let found = match found {
            Ok(found) => found,
            Err(error) => {
                let Some(person) = self.present(client, TRUST_TIME) else { return Err(failed(error)) };
                tracing::warn!(error = %told(&error), "it cannot be looked up who is at a machine; it counts as it was");
                return Ok(Some(person));
            }
        };
        let mut arrived = self.arrived.lock().unwrap_or_else(PoisonError::into_inner);
        let Some((person, until)) = found else {
            arrived.remove(&client);
            return Ok(None);
        };
        // LIMIT: beyond so many, those who are out of date are forgotten, and looked up again when they ask.
        if arrived.len() >= MOST_KNOWN {
            arrived.retain(|_, present| present.looked.elapsed() < AS_IT_WAS);
        }
        arrived.insert(client, Present { person: person.clone(), until, looked: Instant::now() });
        Ok(Some(person))
    }
}

fn failed(error: IdentityError) -> RecordError {
    RecordError::Failed(told(&error))
}

#[cfg(test)]
mod tests {
    use super::*;
    use lazaret_store::{Ledger, NewUser, User};

    const RIGHT: &str = "correct horse battery";
    /// Argon2id of that.
    const HASH: &str =
        "$argon2id$v=19$m=19456,t=2,p=1$T6frcYa7dyZeD+/U9aL5VA$tzqgq3Q37R9pUoKVVIXcOF7Q7bwzq0vFGDCkeQh1+RA";

    /// Ada and Bob, with the same password.
    async fn people(folder: &tempfile::TempDir) -> Ledger {
        let ledger = Ledger::open(&format!("sqlite:{}", folder.path().join("ledger").display())).await.unwrap();
        for name in ["ada", "bob"] {
            let (name, password) = (name.to_owned(), HASH.to_owned());
            ledger.add_user(&NewUser { name, password, role: "viewer".to_owned() }).await.unwrap();
        }
        ledger
    }

    #[tokio::test(flavor = "multi_thread")]
    async fn whoever_is_disabled_or_gets_another_password_in_any_process_is_out_at_once_and_in_again_as_soon() {
        const NEW: &str = "another horse battery";
        let folder = tempfile::tempdir().unwrap();
        let ledger = people(&folder).await;
        let users = Users::new(Arc::new(Identity::new(ledger.clone()))).unwrap();
        let here = IpAddr::from([192, 0, 2, 7]);
        // As if what is remembered had been looked up long ago.
        let later = || {
            for table in [&users.known, &users.wrong] {
                table.lock().unwrap().values_mut().for_each(|tried| tried.looked -= AS_IT_WAS);
            }
        };
        let tried = || users.known.lock().unwrap().values().map(|tried| tried.at).max();
        assert!(users.knows(here, "ada", RIGHT).await.unwrap());
        let first = tried();
        assert!(!users.knows(here, "ada", NEW).await.unwrap());
        later();
        assert!(users.knows(here, "ada", RIGHT).await.unwrap(), "nothing changed");
        assert!(first.is_some() && tried() == first, "it was tried again all the same");
        let ada = ledger.user("ada").await.unwrap().unwrap();
        for (disabled, password) in [(true, HASH), (false, HASH), (false, ""), (false, HASH)] {
            let change = |ada: &mut User| {
                (ada.disabled, ada.password) = (disabled, password.to_owned());
                true
            };
            ledger.change_user(ada.id, change).await.unwrap();
            later();
            let is_in = users.knows(here, "ada", RIGHT).await.unwrap();
            assert_eq!(is_in, !disabled && !password.is_empty(), "disabled: {disabled}, password: `{password}`");
        }
        let elsewhere = Identity::new(ledger.clone());
        elsewhere.change_password(&here, &ada, RIGHT.to_owned(), NEW.to_owned()).await.unwrap();
        later();
        assert!(!users.knows(here, "ada", RIGHT).await.unwrap(), "the old password is still one");
        assert!(users.knows(here, "ada", NEW).await.unwrap(), "the new password is none since it was tried before");
    }

    #[test]
    fn beyond_the_most_that_are_remembered_the_oldest_is_forgotten_and_no_other() {
        let (table, start) = (Table::default(), Instant::now());
        for number in 0..=MOST_KNOWN {
            let at = start + Duration::from_millis(number as u64);
            remember(&table, number.to_string(), None, at);
        }
        let table = table.lock().unwrap();
        assert_eq!(table.len(), MOST_KNOWN);
        assert!(!table.contains_key("0") && table.contains_key("1"));
    }

    #[tokio::test(flavor = "multi_thread")]
    async fn guessing_helps_nobody_and_locks_nobody_else_out() {
        let folder = tempfile::tempdir().unwrap();
        let ledger = people(&folder).await;
        let users = Arc::new(Users::new(Arc::new(Identity::new(ledger.clone()))).unwrap());
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
        let audit = ledger.audit(&lazaret_store::AuditFilter::default(), None, 100).await.unwrap();
        let failures = audit.iter().filter(|entry| entry.what == "sign-in failed" && entry.who == "bob");
        assert_eq!(failures.count(), 2, "one a minute for each machine: {audit:?}");
    }

    #[tokio::test(flavor = "multi_thread")]
    async fn whoever_is_at_a_machine_stays_while_the_ledger_is_away_and_no_longer_than_their_time() {
        let folder = tempfile::tempdir().unwrap();
        let ledger = people(&folder).await;
        let users = Users::new(Arc::new(Identity::new(ledger.clone()))).unwrap();
        let (here, mapped) = (IpAddr::from([192, 0, 2, 7]), "::ffff:192.0.2.7".parse::<IpAddr>().unwrap());
        let away = || Err(IdentityError::Hashing("the ledger is away".to_owned()));
        assert_eq!(users.at(here).await.unwrap(), None);
        assert!(users.noted(here, away()).is_err(), "somebody is there whom nobody ever saw");
        let ada = ledger.user("ada").await.unwrap().unwrap();
        assert!(ledger.arrive(ada.id, "192.0.2.7", now() + 3_600_000).await.unwrap());
        // A machine is the same by whichever kind of socket it comes.
        for client in [mapped, here] {
            assert_eq!(users.at(client).await.unwrap().as_deref(), Some("ada"));
        }
        assert_eq!(users.arrived.lock().unwrap().len(), 1);
        let earlier =
            |time: Duration| users.arrived.lock().unwrap().values_mut().for_each(|present| present.looked -= time);
        earlier(AS_IT_WAS);
        assert_eq!(users.noted(here, away()).unwrap().as_deref(), Some("ada"), "she is put out by an outage");
        earlier(TRUST_TIME);
        assert!(users.noted(here, away()).is_err(), "she is believed for as long as the ledger is away");
        assert!(users.noted(here, Ok(Some(("ada".to_owned(), now() - 1)))).is_ok());
        assert!(users.noted(here, away()).is_err(), "she stays beyond her time");
        // Whoever has signed out is out as soon as that is looked up.
        assert!(ledger.leave(ada.id, "192.0.2.7").await.unwrap());
        assert_eq!(users.at(here).await.unwrap(), None);
    }
}
