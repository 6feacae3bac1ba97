//! Signing in, with a second factor where there is one.

use super::people::{failed, turn, verified};
use super::session::{NAME, Shown, Somebody};
use super::{Answer, Console, page, totp};
use askama::Template;
use axum::extract::{Form, State};
use axum::http::StatusCode;
use axum::http::header::SET_COOKIE;
use axum::response::{IntoResponse, Redirect};
use lazaret_store::{User, now};
use serde::Deserialize;
use std::sync::{Arc, PoisonError};

/// Milliseconds for which somebody whose password was right may be asked for a code.
const ASKED_FOR: i64 = 5 * 60_000;
/// People who are being asked at once; the oldest must begin again.
const MOST_ASKED: usize = 1_000;
/// What is said to whoever fails, whatever it was.
const NO_FIT: &str =
    "This name and password do not fit together, or there were too many attempts; then wait a quarter of an hour.";

#[derive(Template)]
#[template(path = "console/login.html")]
struct Login {
    user: Option<Shown>,
    problem: &'static str,
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
    page(&Login { user: None, problem: "" })
}

pub(super) async fn login(State(console): State<Arc<Console>>, Form(form): Form<LoginForm>) -> Answer {
    let _turn = turn(&form.name).await;
    let user = console.ledger.user(&form.name).await?;
    let locked = user.as_ref().is_some_and(|user| user.locked_until > now());
    // Whoever does not exist takes as long as whoever does.
    let hash = match &user {
        Some(user) if !locked => user.password.clone(),
        _ => super::people::NOBODY.clone(),
    };
    let right = verified(form.password, hash).await?;
    let Some(user) = user.filter(|user| right && !locked && !user.disabled) else {
        if let Some(user) = console.ledger.user(&form.name).await?.filter(|_| !locked) {
            failed(&console.ledger, &user).await?;
        }
        tracing::info!(name = %form.name.chars().take(64).collect::<String>(), "an attempt to sign in failed");
        let answer = page(&Login { user: None, problem: NO_FIT })?;
        return Ok((StatusCode::FORBIDDEN, answer).into_response());
    };
    if user.totp.is_empty() {
        console.ledger.forget_failures(user.id).await?;
        return signed_in(&console, &user).await;
    }
    // The password alone is no success: attempts at codes keep adding up.
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

/// Takes the second factor of somebody whose password was right.
pub(super) async fn code(State(console): State<Arc<Console>>, Form(form): Form<CodeForm>) -> Answer {
    let ticket = lazaret_store::fingerprint(&form.ticket);
    let asked = console.asked.lock().unwrap_or_else(PoisonError::into_inner).get(&ticket).cloned();
    let name = asked.filter(|(_, until)| *until > now()).map(|(name, _)| name);
    let _turn = turn(name.as_deref().unwrap_or_default()).await;
    let user = match name {
        Some(name) => console.ledger.user(&name).await?,
        None => None,
    };
    let Some(user) = user.filter(|user| !user.disabled && user.locked_until <= now() && !user.totp.is_empty()) else {
        let problem =
            "That took too long, or there were too many attempts; begin again, if need be in a quarter of an hour.";
        return Ok((StatusCode::FORBIDDEN, page(&Login { user: None, problem })?).into_response());
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
        failed(&console.ledger, &user).await?;
        tracing::info!(name = %user.name, "a one-time password did not fit");
        let problem = "This code does not fit, or was used before; wait for the next one.";
        let answer = page(&Code { user: None, problem, ticket: form.ticket })?;
        return Ok((StatusCode::FORBIDDEN, answer).into_response());
    }
    console.asked.lock().unwrap_or_else(PoisonError::into_inner).remove(&ticket);
    console.ledger.forget_failures(user.id).await?;
    signed_in(&console, &user).await
}

async fn recovered(console: &Console, user: &User, code: &str) -> Result<bool, super::Refused> {
    let right = console.ledger.use_recovery_code(user.id, code).await?;
    if right {
        console.ledger.note(&user.name, "recovery code used", "").await?;
    }
    Ok(right)
}

/// Opens a session.
pub(super) async fn signed_in(console: &Console, user: &User) -> Answer {
    let (token, _) = console.ledger.open_session(user.id).await?;
    let secure = if console.settings.public_url.starts_with("https:") { "; Secure" } else { "" };
    let cookie = format!("{NAME}={token}; Path=/; HttpOnly; SameSite=Strict{secure}");
    Ok(([(SET_COOKIE, cookie)], Redirect::to("/")).into_response())
}

pub(super) async fn logout(State(console): State<Arc<Console>>, who: Somebody, Form(form): Form<Bare>) -> Answer {
    who.sent(&form.csrf)?;
    console.ledger.close_session(&who.token).await?;
    let cookie = format!("{NAME}=; Path=/; HttpOnly; SameSite=Strict; Max-Age=0");
    Ok(([(SET_COOKIE, cookie)], Redirect::to("/login")).into_response())
}
