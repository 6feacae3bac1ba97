//! Signing in: with a password, a second factor where there is one, and at the proxy with a password alone.

use crate::attempts::Source;
use crate::oidc::Account;
use crate::{Identity, IdentityError, Place, Refusal, factor, told};
use lazaret_model::AuditAct;
use lazaret_store::{User, fingerprint, now, secret};
use std::net::IpAddr;
use std::sync::PoisonError;
use std::time::Duration;

/// Milliseconds for which somebody whose password was right may be asked for a code.
const ASKED_FOR: i64 = 5 * 60_000;
/// People who are being asked at once; the oldest must begin again.
pub(crate) const MOST_ASKED: usize = 1_000;
/// Wrong codes after which no code is taken for a name for a while, and for how long (milliseconds).
const MOST_CODES: i64 = 5;
const LOCK: i64 = 15 * 60_000;

/// A user who may sign in.
#[derive(Debug)]
pub struct Admitted {
    /// Who.
    pub user: User,
    /// When their session ends at the latest; 0 where that is not said.
    pub(crate) until: i64,
    /// Whether a provider vouched for them.
    pub(crate) provided: bool,
}

/// Somebody who is asked for a code.
#[derive(Debug, Clone)]
pub(crate) struct Asked {
    name: String,
    until: i64,
    /// The password that they had, as it is kept.
    password: String,
    /// For whom a provider vouched: nothing of that counts before the code is right.
    account: Option<Account>,
}

/// The result of a sign-in with name and password.
#[derive(Debug)]
pub enum SignIn {
    /// Signed in.
    In(Admitted),
    /// A second factor is required; it must be sent with this ticket.
    Asked(String),
    /// Wrong name or password, or the user is disabled.
    Wrong,
    /// Not checked: too many failed attempts from there.
    Later {
        /// How long to wait.
        seconds: u64,
    },
}

/// The result of a code.
#[derive(Debug)]
pub enum Code {
    /// Signed in.
    In(Admitted),
    /// Wrong code, or already used.
    Wrong,
    /// No code is expected, or codes are temporarily locked.
    Over,
    /// Not checked: too many failed attempts from there.
    Later {
        /// How long to wait.
        seconds: u64,
    },
}

/// The result of checking name and password where no second factor is possible.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fit {
    /// Correct.
    Right,
    /// Wrong.
    Wrong,
    /// Not checked: too many failed attempts from there.
    Later,
}

/// A new session.
#[derive(Debug)]
pub struct Opened {
    /// Its secret.
    pub token: String,
    /// By what the browser is known from now on, for [`KNOWN_FOR`](crate::KNOWN_FOR); none where nothing can be signed.
    pub mark: Option<String>,
}

impl Identity {
    /// Tries a name and a password.
    ///
    /// # Errors
    /// If the ledger is unavailable or there was no hashing.
    pub async fn sign_in(&self, place: &impl Place, name: &str, password: String) -> Result<SignIn, IdentityError> {
        let user = self.ledger.user(name).await?;
        let source = self.source(place, user.as_ref());
        let attempt = match self.attempts.begin(&source, name) {
            Ok(attempt) => attempt,
            Err(wait) => return Ok(SignIn::Later { seconds: seconds(wait) }),
        };
        let right = self.passwords.fits(password, kept(user.as_ref())).await?;
        let Some(user) = user.clone().filter(|user| right && !user.disabled) else {
            self.failed(place, &source, user.as_ref(), name, "the password").await?;
            return Ok(SignIn::Wrong);
        };
        let admitted = Admitted::with_password(user);
        if admitted.user.totp.is_empty() {
            attempt.right();
            return Ok(SignIn::In(admitted));
        }
        // The password alone is no success: attempts at codes keep adding up.
        attempt.undecided();
        Ok(SignIn::Asked(self.ask(&admitted.user, None)?))
    }

    /// Begins to ask somebody for a code, for whom a provider vouched or whose password was right; what it must come with.
    pub(crate) fn ask(&self, user: &User, account: Option<Account>) -> Result<String, IdentityError> {
        let ticket = secret()?;
        let mut asked = self.asked.lock().unwrap_or_else(PoisonError::into_inner);
        asked.retain(|_, asked| asked.until > now());
        // LIMIT: whoever was asked longest ago must begin again.
        if asked.len() >= MOST_ASKED
            && let Some(oldest) = asked.iter().min_by_key(|(_, asked)| asked.until).map(|(ticket, _)| ticket.clone())
        {
            asked.remove(&oldest);
        }
        let (name, password) = (user.name.clone(), user.password.clone());
        asked.insert(fingerprint(&ticket), Asked { name, until: now() + ASKED_FOR, password, account });
        Ok(ticket)
    }

    /// Tries a one-time password, or a recovery code, of somebody who was asked for one.
    ///
    /// # Errors
    /// When they may not come in any more, or the ledger is unavailable.
    pub async fn code(&self, place: &impl Place, ticket: &str, typed: &str) -> Result<Code, IdentityError> {
        let ticket = fingerprint(ticket);
        let asked = self.asked.lock().unwrap_or_else(PoisonError::into_inner).get(&ticket).cloned();
        let asked = asked.filter(|asked| asked.until > now());
        let _turn = self.turn(asked.as_ref().map_or("", |asked| asked.name.as_str())).await;
        let Some(asked) = asked else { return Ok(Code::Over) };
        let user = self.ledger.user(&asked.name).await?;
        let is_open =
            |user: &User| user.locked_until <= now() || matches!(self.source(place, Some(user)), Source::Browser(_));
        let is_same = |user: &User| !user.disabled && !user.totp.is_empty() && user.password == asked.password;
        let Some(user) = user.filter(|user| is_same(user) && is_open(user)) else {
            return Ok(Code::Over);
        };
        let source = self.source(place, Some(&user));
        let attempt = match self.attempts.begin(&source, &user.name) {
            Ok(attempt) => attempt,
            Err(wait) => return Ok(Code::Later { seconds: seconds(wait) }),
        };
        if !self.fits(&user, typed).await? {
            self.failed(place, &source, Some(&user), &user.name, "the one-time password").await?;
            // Whoever is asked for a code knows the password: no stranger can lock a name by guessing at codes, from however
            // many machines.
            if self.ledger.count_failure(user.id, MOST_CODES, LOCK).await? {
                self.ledger.note(&user.name, AuditAct::FactorLocked, "too many of them were wrong").await?;
            }
            return Ok(Code::Wrong);
        }
        self.asked.lock().unwrap_or_else(PoisonError::into_inner).remove(&ticket);
        attempt.right();
        self.ledger.forget_failures(user.id).await?;
        match asked.account {
            Some(account) => {
                let admitted = self.admitted(place, &account).await?;
                if admitted.user.id == user.id { Ok(Code::In(admitted)) } else { Ok(Code::Over) }
            }
            None => Ok(Code::In(Admitted::with_password(user))),
        }
    }

    /// Whether this is a person's one-time password or recovery code, which is used up with that.
    async fn fits(&self, user: &User, typed: &str) -> Result<bool, IdentityError> {
        let secret = self.ledger.totp_secret(user)?;
        if let Some(step) = factor::step_of(&secret, typed, now()) {
            return Ok(self.ledger.use_totp_step(user.id, step).await?);
        }
        let Some(code) = factor::recovery_code(typed) else { return Ok(false) };
        let right = self.ledger.use_recovery_code(user.id, &code).await?;
        if right {
            self.ledger.note(&user.name, AuditAct::RecoveryCodeUsed, "").await?;
        }
        Ok(right)
    }

    /// Opens a session for a user who has signed in.
    ///
    /// # Errors
    /// When they were disabled or got another password meanwhile, or the ledger is unavailable.
    pub async fn open(&self, place: &impl Place, admitted: &Admitted) -> Result<Opened, IdentityError> {
        let user = &admitted.user;
        let (token, _) = self.ledger.open_session(user, admitted.until).await?.ok_or(Refusal::Over)?;
        let how = if admitted.provided { ", through the provider" } else { "" };
        self.ledger.note(&user.name, AuditAct::SignedIn, &format!("from {}{how}", told(place))).await?;
        Ok(Opened { token, mark: self.new_mark(user)? })
    }

    /// Ends a session, and with it the use of the web from there.
    ///
    /// # Errors
    /// If the ledger is unavailable.
    pub async fn close(&self, place: &impl Place, user: &User, token: &str) -> Result<(), IdentityError> {
        self.ledger.close_session(token).await?;
        self.leave(place, user).await?;
        Ok(self.ledger.note(&user.name, AuditAct::SignedOut, "").await?)
    }

    /// Whether somebody of this name may come in from a machine with this password alone. Failures are counted together with
    /// those at the console; success does not forget them, since a second factor was not asked for. Takes its time.
    ///
    /// # Errors
    /// If the ledger is unavailable or there was no hashing.
    pub async fn password_fits(&self, client: IpAddr, name: &str, password: String) -> Result<Fit, IdentityError> {
        let source = Source::Machine(client);
        let Ok(attempt) = self.attempts.begin(&source, name) else { return Ok(Fit::Later) };
        let user = self.ledger.user(name).await?;
        let fits = self.passwords.fits(password, kept(user.as_ref())).await?;
        if fits && user.as_ref().is_some_and(|user| !user.disabled) {
            attempt.undecided();
            return Ok(Fit::Right);
        }
        if self.attempts.is_told(&source, name) {
            let detail = format!("the password was wrong; from {client}, at the proxy");
            self.note_failure(user.as_ref(), &detail).await?;
        }
        Ok(Fit::Wrong)
    }

    /// What stands for the password that somebody of this name has now: something else once they have another one, and none while
    /// nobody may come in with a password under that name. What a password came to counts for as long as this stays the same.
    ///
    /// # Errors
    /// If the ledger is unavailable.
    pub async fn credential(&self, name: &str) -> Result<Option<String>, IdentityError> {
        let user = self.ledger.user(name).await?.filter(|user| !user.disabled && !user.password.is_empty());
        Ok(user.map(|user| fingerprint(&format!("{} {}", user.id, user.password))))
    }

    /// What is wrong with one's own password; nothing where it is right. Whoever found somebody's session open must not guess
    /// here as often as they like.
    pub(crate) async fn vouched(&self, place: &impl Place, user: &User, password: String) -> Result<(), IdentityError> {
        if user.password.is_empty() {
            return Err(Refusal::NoPassword.into());
        }
        let source = self.source(place, Some(user));
        let attempt = match self.attempts.begin(&source, &user.name) {
            Ok(attempt) => attempt,
            Err(wait) => return Err(Refusal::Later { seconds: seconds(wait) }.into()),
        };
        if self.passwords.fits(password, kept(Some(user))).await? {
            attempt.right();
            return Ok(());
        }
        self.failed(place, &source, Some(user), &user.name, "the password, on the account page,").await?;
        Err(Refusal::Vouching.into())
    }

    /// Writes a failed attempt down, where that has not been done enough. It was counted when it began.
    async fn failed(
        &self,
        place: &impl Place,
        source: &Source,
        user: Option<&User>,
        name: &str,
        what: &str,
    ) -> Result<(), IdentityError> {
        let (client, shown) = (told(place), name.chars().take(64).collect::<String>());
        tracing::info!(name = %shown, client, what, "a sign-in attempt failed");
        if self.attempts.is_told(source, name) {
            self.note_failure(user, &format!("{what} was wrong; from {client}")).await?;
        }
        Ok(())
    }

    /// What was typed as a name that nobody has may be somebody's password.
    pub(crate) async fn note_failure(&self, user: Option<&User>, detail: &str) -> Result<(), IdentityError> {
        let name = user.map_or("nobody", |user| user.name.as_str());
        Ok(self.ledger.note(name, AuditAct::SignInFailed, detail).await?)
    }
}

impl Admitted {
    /// Somebody whose password was right, or who has just chosen it.
    pub(crate) const fn with_password(user: User) -> Self {
        Self { user, until: 0, provided: false }
    }
}

/// A person's password as it is kept; none where there is nobody, or nobody with a password.
fn kept(user: Option<&User>) -> Option<String> {
    user.map(|user| user.password.clone()).filter(|kept| !kept.is_empty())
}

/// Whole seconds to wait, of which the last is begun.
fn seconds(wait: Duration) -> u64 {
    wait.as_secs() + 1
}
