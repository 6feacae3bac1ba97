//! One's own account: password, one-time passwords, tokens of the API.

use super::known::Here;
use super::login::later;
use super::people::{failed, hashed, unfit, verified};
use super::session::{May, Role, Shown, Somebody};
use super::{Answer, Console, Refused, page, shown_time, totp};
use askama::Template;
use axum::extract::{Form, Path, State};
use axum::response::{IntoResponse, Redirect};
use lazaret_store::{ApiToken, now};
use serde::Deserialize;
use std::sync::{Arc, PoisonError};

/// Milliseconds within which a new secret must be confirmed.
const CONFIRMED_WITHIN: i64 = 15 * 60_000;
/// Tokens that one person may have, and characters of a token's name.
const MOST_TOKENS: usize = 50;
const MOST_NAME: usize = 60;
/// Days for which a token is good, where nothing else is asked for, and at most.
const USUAL_DAYS: i64 = 90;
const MOST_DAYS: i64 = 365;
/// Milliseconds of a day.
const DAY: i64 = 86_400_000;

#[derive(Template)]
#[template(path = "console/account.html")]
struct Account {
    user: Option<Shown>,
    problem: String,
    /// Whether one-time passwords are asked for, and how many recovery codes are left.
    totp: bool,
    codes: i64,
    /// Each with when it was made, was used, and expires.
    tokens: Vec<(ApiToken, String, String, String)>,
    roles: Vec<&'static str>,
    may_make_tokens: bool,
}

#[derive(Template)]
#[template(path = "console/enrol.html")]
struct Enrol {
    user: Option<Shown>,
    problem: &'static str,
    secret: String,
    address: String,
    path: String,
    side: usize,
}

/// Something that is shown once.
#[derive(Template)]
#[template(path = "console/once.html")]
struct Once {
    user: Option<Shown>,
    title: &'static str,
    words: &'static str,
    lines: Vec<String>,
}

#[derive(Deserialize)]
pub(super) struct PasswordForm {
    csrf: String,
    old: String,
    new: String,
}

#[derive(Deserialize)]
pub(super) struct Vouched {
    csrf: String,
    password: String,
}

#[derive(Deserialize)]
pub(super) struct CodeForm {
    csrf: String,
    code: String,
}

#[derive(Deserialize)]
pub(super) struct TokenForm {
    csrf: String,
    name: String,
    role: String,
    #[serde(default)]
    days: String,
}

#[derive(Deserialize)]
pub(super) struct Bare {
    csrf: String,
}

pub(super) async fn show(State(console): State<Arc<Console>>, who: Somebody) -> Answer {
    show_with(&console, &who, "").await
}

async fn show_with(console: &Console, who: &Somebody, problem: &str) -> Answer {
    let tokens = console.ledger.tokens(who.user.id).await?;
    let shown = |token: ApiToken| {
        let used = if token.used_at == 0 { "never".to_owned() } else { shown_time(token.used_at) };
        let (made, expires) = (shown_time(token.created_at), shown_time(token.expires_at));
        (token, made, used, expires)
    };
    page(&Account {
        user: who.shown(),
        problem: problem.to_owned(),
        totp: !who.user.totp.is_empty(),
        codes: console.ledger.recovery_codes(who.user.id).await?,
        tokens: tokens.into_iter().map(shown).collect(),
        roles: Role::ALL.into_iter().filter(|role| *role <= who.role).map(Role::name).collect(),
        may_make_tokens: who.may(May::MakeTokens).is_ok(),
    })
}

pub(super) async fn password(
    State(console): State<Arc<Console>>,
    who: Somebody,
    here: Here,
    Form(form): Form<PasswordForm>,
) -> Answer {
    who.sent(&form.csrf)?;
    if let Some(problem) = vouched(&console, &who, &here, form.old).await? {
        return show_with(&console, &who, &problem).await;
    }
    if let Some(problem) = unfit(&who.user.name, &form.new) {
        return show_with(&console, &who, problem).await;
    }
    let mut user = who.user.clone();
    user.password = hashed(form.new).await?;
    let withdrawn = console.ledger.change_user(&user).await?;
    console.ledger.note(&user.name, "password changed", &withdrawn_tokens(withdrawn)).await?;
    Ok(Redirect::to("/login").into_response())
}

/// What is wrong with one's own password; nothing where it is right. Whoever found somebody's session open must not guess here
/// as often as they like.
async fn vouched(console: &Console, who: &Somebody, here: &Here, password: String) -> Result<Option<String>, Refused> {
    let source = here.source(console, Some(&who.user));
    let attempt = match console.attempts.begin(&source, &who.user.name) {
        Ok(attempt) => attempt,
        Err(wait) => return Ok(Some(later(wait))),
    };
    if verified(password, who.user.password.clone()).await? {
        attempt.right();
        return Ok(None);
    }
    let name = &who.user.name;
    failed(console, &source, Some(&who.user), name, &here.client(), "the password, on the account page,").await?;
    Ok(Some("The password is not right.".to_owned()))
}

/// What the audit says about tokens that went together with something else.
pub(super) fn withdrawn_tokens(number: u64) -> String {
    match number {
        0 => String::new(),
        1 => "1 token withdrawn".to_owned(),
        number => format!("{number} tokens withdrawn"),
    }
}

/// Begins an enrolment: a new secret, to be confirmed.
pub(super) async fn enrol(
    State(console): State<Arc<Console>>,
    who: Somebody,
    here: Here,
    Form(form): Form<Vouched>,
) -> Answer {
    who.sent(&form.csrf)?;
    if !who.user.totp.is_empty() {
        return show_with(&console, &who, "One-time passwords are asked for already; switch them off first.").await;
    }
    if let Some(problem) = vouched(&console, &who, &here, form.password).await? {
        return show_with(&console, &who, &problem).await;
    }
    let secret = totp::new_secret()?;
    let mut enrolling = console.enrolling.lock().unwrap_or_else(PoisonError::into_inner);
    enrolling.retain(|_, (_, until)| *until > now());
    enrolling.insert(who.user.id, (secret.clone(), now() + CONFIRMED_WITHIN));
    drop(enrolling);
    enrol_page(&who, secret, "")
}

fn enrol_page(who: &Somebody, secret: String, problem: &'static str) -> Answer {
    let address = totp::address(&who.user.name, &secret);
    let (path, side) = totp::picture(&address).unwrap_or_default();
    page(&Enrol { user: who.shown(), problem, secret, address, path, side })
}

pub(super) async fn confirm(State(console): State<Arc<Console>>, who: Somebody, Form(form): Form<CodeForm>) -> Answer {
    who.sent(&form.csrf)?;
    let enrolling = console.enrolling.lock().unwrap_or_else(PoisonError::into_inner).get(&who.user.id).cloned();
    let Some((secret, _)) = enrolling.filter(|(_, until)| *until > now()) else {
        return show_with(&console, &who, "That took too long; begin again.").await;
    };
    let Some(step) = totp::step_of(&secret, &form.code, now()) else {
        return enrol_page(&who, secret, "This code does not fit; is the clock of your device right?");
    };
    let codes = totp::new_codes()?;
    let kept: Vec<_> = codes.iter().filter_map(|code| totp::recovery_code(code)).collect();
    console.ledger.set_totp(who.user.id, &secret, step, &kept).await?;
    console.enrolling.lock().unwrap_or_else(PoisonError::into_inner).remove(&who.user.id);
    console.ledger.note(&who.user.name, "one-time passwords on", "").await?;
    page(&Once {
        user: who.shown(),
        title: "Recovery codes",
        words: "From now on you are asked for a one-time password when you sign in. Each of these codes stands for one when \
                your device is not at hand, and works once. Keep them apart from it; they are not shown again.",
        lines: codes,
    })
}

pub(super) async fn without(
    State(console): State<Arc<Console>>,
    who: Somebody,
    here: Here,
    Form(form): Form<Vouched>,
) -> Answer {
    who.sent(&form.csrf)?;
    if let Some(problem) = vouched(&console, &who, &here, form.password).await? {
        return show_with(&console, &who, &problem).await;
    }
    console.ledger.set_totp(who.user.id, "", 0, &[]).await?;
    console.ledger.note(&who.user.name, "one-time passwords off", "").await?;
    Ok(Redirect::to("/account").into_response())
}

pub(super) async fn make_token(
    State(console): State<Arc<Console>>,
    who: Somebody,
    Form(form): Form<TokenForm>,
) -> Answer {
    who.may(May::MakeTokens)?;
    who.sent(&form.csrf)?;
    let name = form.name.trim();
    if name.is_empty() || name.chars().count() > MOST_NAME {
        return show_with(&console, &who, "A token needs a name, of at most 60 characters.").await;
    }
    let Some(role) = Role::of(&form.role).filter(|role| *role <= who.role) else {
        return show_with(&console, &who, "A token cannot have a role above your own.").await;
    };
    if console.ledger.tokens(who.user.id).await?.len() >= MOST_TOKENS {
        return show_with(&console, &who, "You have too many tokens; revoke some first.").await;
    }
    let days = if form.days.trim().is_empty() { Some(USUAL_DAYS) } else { form.days.trim().parse().ok() };
    let Some(days) = days.filter(|days| (1..=MOST_DAYS).contains(days)) else {
        return show_with(&console, &who, "A token is good for 1 to 365 days.").await;
    };
    let secret = console.ledger.add_token(who.user.id, name, role.name(), now() + days * DAY).await?;
    let detail = format!("{name} as {}, for {days} days", role.name());
    console.ledger.note(&who.user.name, "token made", &detail).await?;
    page(&Once {
        user: who.shown(),
        title: "Your new token",
        words: "Send it as `Authorization: Bearer …` to /api/v1. It is not shown again; whoever has it may do what its role may.",
        lines: vec![secret],
    })
}

pub(super) async fn revoke_token(
    State(console): State<Arc<Console>>,
    who: Somebody,
    Path(id): Path<i64>,
    Form(form): Form<Bare>,
) -> Answer {
    who.sent(&form.csrf)?;
    if !console.ledger.revoke_token(who.user.id, id).await? {
        return Err(Refused::Because(axum::http::StatusCode::NOT_FOUND, "you have no such token"));
    }
    console.ledger.note(&who.user.name, "token revoked", &id.to_string()).await?;
    Ok(Redirect::to("/account").into_response())
}
