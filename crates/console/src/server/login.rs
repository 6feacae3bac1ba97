//! Signing in, with a second factor where there is one.

use super::attempts::Source;
use super::known::{Here, remembered};
use super::people::{failed, turn, verified};
use super::session::{NAME, Shown, Somebody};
use super::{Answer, Console, page, totp};
use askama::Template;
use axum::extract::{Form, State};
use axum::http::header::{RETRY_AFTER, SET_COOKIE};
use axum::http::{HeaderValue, StatusCode};
use axum::response::{IntoResponse, Redirect};
use lazaret_store::{User, now};
use serde::Deserialize;
use std::sync::{Arc, PoisonError};
use std::time::Duration;

/// Milliseconds for which somebody whose password was right may be asked for a code.
const ASKED_FOR: i64 = 5 * 60_000;
/// People who are being asked at once; the oldest must begin again.
const MOST_ASKED: usize = 1_000;
/// What is said to whoever fails, whatever it was.
const NO_FIT: &str = "Wrong name or password.";
/// Wrong codes after which no code is taken for a name for a while, and for how long (milliseconds).
const MOST_CODES: i64 = 5;
const LOCK: i64 = 15 * 60_000;

#[derive(Template)]
#[template(path = "console/login.html")]
struct Login {
    user: Option<Shown>,
    problem: String,
}

#[derive(Template)]
#[template(path = "console/code.html")]
struct Code {
    user: Option<Shown>,
    problem: &'static str,
    ticket: String,
}

#[derive(Deserialize)]
pub(super) struct LoginForm {
    name: String,
    password: String,
}

#[derive(Deserialize)]
pub(super) struct CodeForm {
    ticket: String,
    code: String,
}

#[derive(Deserialize)]
pub(super) struct Bare {
    csrf: String,
}

pub(super) async fn form() -> Answer {
    page(&Login { user: None, problem: String::new() })
}

pub(super) async fn login(State(console): State<Arc<Console>>, here: Here, Form(form): Form<LoginForm>) -> Answer {
    let user = console.ledger.user(&form.name).await?;
    let source = here.source(&console, user.as_ref());
    let attempt = match console.attempts.begin(&source, &form.name) {
        Ok(attempt) => attempt,
        Err(wait) => return too_many(wait),
    };
    // Whoever does not exist takes as long as whoever does.
    let hash = user.as_ref().map_or_else(|| super::people::NOBODY.clone(), |user| user.password.clone());
    let right = verified(form.password, hash).await?;
    let Some(user) = user.clone().filter(|user| right && !user.disabled) else {
        failed(&console, &source, user.as_ref(), &form.name, &here.client(), "the password").await?;
        let answer = page(&Login { user: None, problem: NO_FIT.to_owned() })?;
        return Ok((StatusCode::FORBIDDEN, answer).into_response());
    };
    if user.totp.is_empty() {
        attempt.right();
        return signed_in(&console, &user, &here).await;
    }
    // The password alone is no success: attempts at codes keep adding up.
    attempt.undecided();
    let ticket = lazaret_store::secret()?;
    let mut asked = console.asked.lock().unwrap_or_else(PoisonError::into_inner);
    asked.retain(|_, (_, until)| *until > now());
    if asked.len() >= MOST_ASKED {
        asked.clear();
    }
    asked.insert(lazaret_store::fingerprint(&ticket), (user.name.clone(), now() + ASKED_FOR));
    drop(asked);
    page(&Code { user: None, problem: "", ticket })
}

/// Refuses whoever failed too often.
fn too_many(wait: Duration) -> Answer {
    let answer = page(&Login { user: None, problem: later(wait) })?;
    Ok((StatusCode::TOO_MANY_REQUESTS, [(RETRY_AFTER, seconds(wait).to_string())], answer).into_response())
}

/// What is said to whoever failed too often.
pub(super) fn later(wait: Duration) -> String {
    format!("There were too many attempts that failed; try again in {} seconds.", seconds(wait))
}

fn seconds(wait: Duration) -> u64 {
    wait.as_secs() + 1
}

/// Takes the second factor of somebody whose password was right.
pub(super) async fn code(State(console): State<Arc<Console>>, here: Here, Form(form): Form<CodeForm>) -> Answer {
    let ticket = lazaret_store::fingerprint(&form.ticket);
    let asked = console.asked.lock().unwrap_or_else(PoisonError::into_inner).get(&ticket).cloned();
    let name = asked.filter(|(_, until)| *until > now()).map(|(name, _)| name);
    let _turn = turn(name.as_deref().unwrap_or_default()).await;
    let user = match name {
        Some(name) => console.ledger.user(&name).await?,
        None => None,
    };
    let is_open =
        |user: &User| user.locked_until <= now() || matches!(here.source(&console, Some(user)), Source::Browser(_));
    let Some(user) = user.filter(|user| !user.disabled && !user.totp.is_empty() && is_open(user)) else {
        let problem =
            "That took too long, or there were too many attempts; begin again, if need be in a quarter of an hour.";
        let answer = page(&Login { user: None, problem: problem.to_owned() })?;
        return Ok((StatusCode::FORBIDDEN, answer).into_response());
    };
    let source = here.source(&console, Some(&user));
    let attempt = match console.attempts.begin(&source, &user.name) {
        Ok(attempt) => attempt,
        Err(wait) => return too_many(wait),
    };
    let secret = console.ledger.totp_secret(&user)?;
    let right = match totp::step_of(&secret, &form.code, now()) {
        Some(step) => console.ledger.use_totp_step(user.id, step).await?,
        None => match totp::recovery_code(&form.code) {
            Some(code) => recovered(&console, &user, &code).await?,
            None => false,
        },
    };
    if !right {
        failed(&console, &source, Some(&user), &user.name, &here.client(), "the one-time password").await?;
        // Whoever is asked for a code knows the password: no stranger can lock a name by guessing at codes, from however many
        // machines.
        if console.ledger.count_failure(user.id, MOST_CODES, LOCK).await? {
            console.ledger.note(&user.name, "one-time passwords locked", "too many of them were wrong").await?;
        }
        let problem = "This code does not fit, or was used before; wait for the next one.";
        let answer = page(&Code { user: None, problem, ticket: form.ticket })?;
        return Ok((StatusCode::FORBIDDEN, answer).into_response());
    }
    console.asked.lock().unwrap_or_else(PoisonError::into_inner).remove(&ticket);
    attempt.right();
    console.ledger.forget_failures(user.id).await?;
    signed_in(&console, &user, &here).await
}

async fn recovered(console: &Console, user: &User, code: &str) -> Result<bool, super::Refused> {
    let right = console.ledger.use_recovery_code(user.id, code).await?;
    if right {
        console.ledger.note(&user.name, "recovery code used", "").await?;
    }
    Ok(right)
}

/// Opens a session, and remembers the browser.
pub(super) async fn signed_in(console: &Console, user: &User, here: &Here) -> Answer {
    let (token, _) = console.ledger.open_session(user.id).await?;
    console.ledger.note(&user.name, "signed in", &format!("from {}", here.client())).await?;
    let cookie = format!("{NAME}={token}; Path=/; HttpOnly; SameSite=Strict{}", console.secure());
    let mut answer = ([(SET_COOKIE, cookie)], Redirect::to("/")).into_response();
    if let Ok(known) = HeaderValue::from_str(&remembered(console, user)?)
        && !known.is_empty()
    {
        answer.headers_mut().append(SET_COOKIE, known);
    }
    Ok(answer)
}

pub(super) async fn logout(State(console): State<Arc<Console>>, who: Somebody, Form(form): Form<Bare>) -> Answer {
    who.sent(&form.csrf)?;
    console.ledger.close_session(&who.token).await?;
    console.ledger.note(&who.user.name, "signed out", "").await?;
    let cookie = format!("{NAME}=; Path=/; HttpOnly; SameSite=Strict; Max-Age=0");
    Ok(([(SET_COOKIE, cookie)], Redirect::to("/login")).into_response())
}
