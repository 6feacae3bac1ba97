//! Who may sign in, as what, and what they changed.

use super::account::withdrawn_tokens;
use super::attempts::{Attempts, Source};
use super::known::Here;
use super::session::{May, Role, Shown, Somebody};
use super::{Answer, Console, Refused, login, page, shown_time};
use argon2::password_hash::{PasswordHasher, PasswordVerifier};
use argon2::{Argon2, PasswordHash};
use askama::Template;
use axum::extract::{Form, Path, Query, State};
use axum::http::StatusCode;
use axum::response::{IntoResponse, Redirect};
use lazaret_store::{AuditEntry, Ledger, NewUser, StoreError, User, now};
use serde::Deserialize;
use std::net::IpAddr;
use std::sync::Arc;
use tokio::sync::Semaphore;

/// Characters that a password must have (NIST SP 800-63B, 3.1.1.2: at least 15 where it stands alone).
const LEAST_PASSWORD: usize = 15;

#[derive(Template)]
#[template(path = "console/setup.html")]
struct Setup {
    user: Option<Shown>,
    token: String,
    problem: &'static str,
}

#[derive(Template)]
#[template(path = "console/users.html")]
struct Users {
    user: Option<Shown>,
    users: Vec<(User, String)>,
    roles: Vec<&'static str>,
    problem: &'static str,
}

#[derive(Template)]
#[template(path = "console/audit.html")]
struct Audit {
    user: Option<Shown>,
    entries: Vec<(AuditEntry, String)>,
}

#[derive(Deserialize)]
pub(super) struct SetupLink {
    #[serde(default)]
    token: String,
}

#[derive(Deserialize)]
pub(super) struct SetupForm {
    token: String,
    name: String,
    password: String,
}

#[derive(Deserialize)]
pub(super) struct NewForm {
    csrf: String,
    name: String,
    password: String,
    role: String,
}

#[derive(Deserialize)]
pub(super) struct ChangeForm {
    csrf: String,
    role: String,
    #[serde(default)]
    disabled: String,
}

#[derive(Deserialize)]
pub(super) struct Bare {
    csrf: String,
}

const NO_SETUP: Refused = Refused::Because(
    StatusCode::FORBIDDEN,
    "this set-up link was used, or has expired; another one is printed when Lazaret starts, as long as nobody can sign in",
);

pub(super) async fn setup_form(State(console): State<Arc<Console>>, Query(link): Query<SetupLink>) -> Answer {
    if !console.ledger.is_setup_secret(&link.token, now()).await? {
        return Err(NO_SETUP);
    }
    page(&Setup { user: None, token: link.token, problem: "" })
}

pub(super) async fn setup(State(console): State<Arc<Console>>, here: Here, Form(form): Form<SetupForm>) -> Answer {
    if !console.ledger.is_setup_secret(&form.token, now()).await? {
        return Err(NO_SETUP);
    }
    if let Some(problem) = unfit(&form.name, &form.password) {
        return page(&Setup { user: None, token: form.token, problem });
    }
    let added = NewUser {
        name: form.name.clone(),
        password: hashed(form.password).await?,
        role: Role::Admin.name().to_owned(),
    };
    if !console.ledger.add_first_user(&added, &form.token, now()).await? {
        return Err(NO_SETUP);
    }
    console.ledger.note(&form.name, "set-up", "the first administrator").await?;
    let user = console.ledger.user(&form.name).await?.ok_or(Refused::SignIn)?;
    login::signed_in(&console, &user, &here).await
}

/// Whose turn it is to try a code: attempts at one name come one after the other, so that each finds counted what those
/// before it came to.
static TURNS: [tokio::sync::Mutex<()>; 64] = [const { tokio::sync::Mutex::const_new(()) }; 64];
/// Passwords hashed at once: each takes 19 MiB of memory and a processor.
static HASHING: Semaphore = Semaphore::const_new(2);

/// Waits for the turn to try one name.
pub(super) async fn turn(name: &str) -> tokio::sync::MutexGuard<'static, ()> {
    let at = name.bytes().fold(0_usize, |hash, byte| hash.wrapping_mul(31).wrapping_add(byte.into()));
    TURNS[at % TURNS.len()].lock().await
}

/// Writes a failed attempt down, where that has not been done enough. It was counted when it began.
pub(super) async fn failed(
    console: &Console,
    source: &Source,
    user: Option<&User>,
    name: &str,
    client: &str,
    what: &str,
) -> Result<(), StoreError> {
    let shown: String = name.chars().take(64).collect();
    tracing::info!(name = %shown, client, what, "an attempt to sign in failed");
    if console.attempts.is_told(source, name) {
        note_failure(&console.ledger, user, &format!("{what} was wrong; from {client}")).await?;
    }
    Ok(())
}

/// What was typed as a name that nobody has may be somebody's password.
async fn note_failure(ledger: &Ledger, user: Option<&User>, detail: &str) -> Result<(), StoreError> {
    ledger.note(user.map_or("nobody", |user| user.name.as_str()), "sign-in failed", detail).await
}

pub(super) async fn users(State(console): State<Arc<Console>>, who: Somebody) -> Answer {
    who.may(May::ManageUsers)?;
    users_page(&console, &who, "").await
}

async fn users_page(console: &Console, who: &Somebody, problem: &'static str) -> Answer {
    let users = console.ledger.users().await?;
    let users = users.into_iter().map(|user| (user.clone(), shown_time(user.created_at))).collect();
    page(&Users { user: who.shown(), users, roles: Role::ALL.map(Role::name).to_vec(), problem })
}

pub(super) async fn add(State(console): State<Arc<Console>>, who: Somebody, Form(form): Form<NewForm>) -> Answer {
    who.may(May::ManageUsers)?;
    who.sent(&form.csrf)?;
    let Some(role) = Role::of(&form.role) else {
        return users_page(&console, &who, "There is no such role.").await;
    };
    if let Some(problem) = unfit(&form.name, &form.password) {
        return users_page(&console, &who, problem).await;
    }
    let user =
        NewUser { name: form.name.clone(), password: hashed(form.password).await?, role: role.name().to_owned() };
    if !console.ledger.add_user(&user).await? {
        return users_page(&console, &who, "There is somebody of that name already.").await;
    }
    console.ledger.note(&who.user.name, "user added", &format!("{} as {}", form.name, role.name())).await?;
    Ok(Redirect::to("/users").into_response())
}

pub(super) async fn change(
    State(console): State<Arc<Console>>,
    who: Somebody,
    Path(name): Path<String>,
    Form(form): Form<ChangeForm>,
) -> Answer {
    who.may(May::ManageUsers)?;
    who.sent(&form.csrf)?;
    let (Some(mut user), Some(role)) = (console.ledger.user(&name).await?, Role::of(&form.role)) else {
        return Err(Refused::Because(StatusCode::NOT_FOUND, "there is nobody of that name, or no such role"));
    };
    if user.id == who.user.id {
        return users_page(
            &console,
            &who,
            "You cannot change your own role or shut yourself out; another administrator can.",
        )
        .await;
    }
    (user.role, user.disabled) = (role.name().to_owned(), !form.disabled.is_empty());
    let withdrawn = console.ledger.change_user(&user).await?;
    let state = if user.disabled { ", shut out" } else { "" };
    let tokens = if withdrawn > 0 { format!("; {}", withdrawn_tokens(withdrawn)) } else { String::new() };
    console.ledger.note(&who.user.name, "user changed", &format!("{name}: {}{state}{tokens}", role.name())).await?;
    Ok(Redirect::to("/users").into_response())
}

/// Switches off the one-time passwords of somebody who lost the device.
pub(super) async fn without_totp(
    State(console): State<Arc<Console>>,
    who: Somebody,
    Path(name): Path<String>,
    Form(form): Form<Bare>,
) -> Answer {
    who.may(May::ManageUsers)?;
    who.sent(&form.csrf)?;
    let missing = Refused::Because(StatusCode::NOT_FOUND, "there is nobody of that name");
    let user = console.ledger.user(&name).await?.ok_or(missing)?;
    console.ledger.set_totp(user.id, "", 0, &[]).await?;
    console.ledger.note(&who.user.name, "one-time passwords reset", &name).await?;
    Ok(Redirect::to("/users").into_response())
}

pub(super) async fn audit(State(console): State<Arc<Console>>, who: Somebody) -> Answer {
    who.may(May::ReadAudit)?;
    let entries = console.ledger.audit(500).await?;
    let entries = entries.into_iter().map(|entry| (entry.clone(), shown_time(entry.at))).collect();
    page(&Audit { user: who.shown(), entries })
}

pub(super) fn unfit(name: &str, password: &str) -> Option<&'static str> {
    let fine = |c: char| c.is_alphanumeric() || matches!(c, '.' | '-' | '_' | '@');
    if name.is_empty() || name.chars().count() > 64 || !name.chars().all(fine) {
        return Some("A name is made of letters, digits, and . - _ @, at most 64 of them.");
    }
    if password.chars().count() < LEAST_PASSWORD || password.len() > 1_000 {
        return Some("A password needs at least 15 characters; a few words in a row are fine.");
    }
    None
}

/// A hash that no password fits.
pub(super) static NOBODY: std::sync::LazyLock<String> = std::sync::LazyLock::new(|| {
    let unknown = lazaret_store::secret().unwrap_or_default();
    Argon2::default().hash_password(unknown.as_bytes()).map(|hash| hash.to_string()).unwrap_or_default()
});

/// Argon2id with the crate's defaults (RFC 9106), on a thread that may take its time.
pub(super) async fn hashed(password: String) -> Result<String, Refused> {
    let _place = HASHING.acquire().await.map_err(|error| Refused::Broken(error.to_string()))?;
    let hash = tokio::task::spawn_blocking(move || {
        Argon2::default().hash_password(password.as_bytes()).map(|hash| hash.to_string())
    });
    let hash = hash.await.map_err(|error| Refused::Broken(error.to_string()))?;
    hash.map_err(|error| Refused::Broken(error.to_string()))
}

pub(super) async fn verified(password: String, hash: String) -> Result<bool, Refused> {
    let _place = HASHING.acquire().await.map_err(|error| Refused::Broken(error.to_string()))?;
    let right = tokio::task::spawn_blocking(move || {
        PasswordHash::new(&hash).is_ok_and(|hash| Argon2::default().verify_password(password.as_bytes(), &hash).is_ok())
    });
    right.await.map_err(|error| Refused::Broken(error.to_string()))
}

/// What trying a name and password came to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fit {
    /// They fit together.
    Right,
    /// They do not.
    Wrong,
    /// Nobody looked: too many attempts from there failed.
    Later,
}

/// Whether somebody of this name may come in from a machine with this password alone. Failures are counted together with those
/// at the console; success does not forget them, since a second factor was not asked for. Takes its time.
///
/// # Errors
/// When there was no looking at it.
pub async fn password_fits(
    ledger: &Ledger,
    attempts: &Attempts,
    client: IpAddr,
    name: &str,
    password: String,
) -> Result<Fit, String> {
    let told = |error: StoreError| error.to_string();
    let source = Source::Machine(client);
    let Ok(attempt) = attempts.begin(&source, name) else { return Ok(Fit::Later) };
    let user = ledger.user(name).await.map_err(told)?;
    // Whoever does not exist takes as long as whoever does.
    let hash = user.as_ref().map_or_else(|| NOBODY.clone(), |user| user.password.clone());
    let fits = verified(password, hash).await.map_err(|_| "the password could not be looked at".to_owned())?;
    if fits && user.as_ref().is_some_and(|user| !user.disabled) {
        attempt.undecided();
        return Ok(Fit::Right);
    }
    if attempts.is_told(&source, name) {
        let detail = format!("the password was wrong; from {client}, at the proxy");
        note_failure(ledger, user.as_ref(), &detail).await.map_err(told)?;
    }
    Ok(Fit::Wrong)
}
