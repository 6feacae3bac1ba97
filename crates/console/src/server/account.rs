//! One's own account: password, one-time passwords, tokens of the API.

use super::known::Here;
use super::session::{Allowed, May, Nothing, Role, Shown, Signed, SignedIn, Somebody, may};
use super::{Answer, Refused, page, parts, qr, shown_time};
use askama::Template;
use axum::extract::{Path, State};
use axum::response::{IntoResponse, Redirect};
use lazaret_identity::{Enrolment, Identity, IdentityError};
use lazaret_store::ApiToken;
use serde::Deserialize;

/// Days for which a token is good, where nothing else is asked for.
const USUAL_DAYS: i64 = 90;

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
    old: String,
    new: String,
}

#[derive(Deserialize)]
pub(super) struct Vouched {
    password: String,
}

#[derive(Deserialize)]
pub(super) struct CodeForm {
    code: String,
}

#[derive(Deserialize)]
pub(super) struct TokenForm {
    name: String,
    role: String,
    #[serde(default)]
    days: String,
}

pub(super) async fn show(State(console): State<parts::People>, who: SignedIn) -> Answer {
    show_with(&console, &who, "").await
}

async fn show_with(console: &parts::People, who: &Somebody, problem: &str) -> Answer {
    let tokens = console.identity.tokens(&who.user).await?;
    let shown = |token: ApiToken| {
        let used = if token.used_at == 0 { "never".to_owned() } else { shown_time(token.used_at) };
        let (made, expires) = (shown_time(token.created_at), shown_time(token.expires_at));
        (token, made, used, expires)
    };
    page(&Account {
        user: who.shown(),
        problem: problem.to_owned(),
        totp: !who.user.totp.is_empty(),
        codes: console.identity.recovery_codes(&who.user).await?,
        tokens: tokens.into_iter().map(shown).collect(),
        roles: Role::ALL.into_iter().filter(|role| *role <= who.role).map(Role::name).collect(),
        may_make_tokens: who.may(May::MakeTokens),
    })
}

/// The account page again where something is refused.
async fn refused(console: &parts::People, who: &Somebody, error: IdentityError) -> Answer {
    match error {
        IdentityError::Refused(why) => show_with(console, who, &why.to_string()).await,
        broken => Err(broken.into()),
    }
}

pub(super) async fn password(
    State(console): State<parts::People>,
    who: SignedIn,
    here: Here,
    Signed(form): Signed<PasswordForm>,
) -> Answer {
    match console.identity.change_password(&here, &who.user, form.old, form.new).await {
        Ok(()) => Ok(Redirect::to("/login").into_response()),
        Err(error) => refused(&console, &who, error).await,
    }
}

/// Begins an enrolment: a new secret, to be confirmed.
pub(super) async fn enrol(
    State(console): State<parts::People>,
    who: SignedIn,
    here: Here,
    Signed(form): Signed<Vouched>,
) -> Answer {
    match console.identity.enrol(&here, &who.user, form.password).await {
        Ok(secret) => enrol_page(&who, secret, ""),
        Err(error) => refused(&console, &who, error).await,
    }
}

fn enrol_page(who: &Somebody, secret: String, problem: &'static str) -> Answer {
    let address = Identity::factor_address(&who.user, &secret);
    let (path, side) = qr::picture(&address).unwrap_or_default();
    page(&Enrol { user: who.shown(), problem, secret, address, path, side })
}

pub(super) async fn confirm(
    State(console): State<parts::People>,
    who: SignedIn,
    Signed(form): Signed<CodeForm>,
) -> Answer {
    match console.identity.confirm(&who.user, &form.code).await {
        Ok(Enrolment::On(lines)) => page(&Once {
            user: who.shown(),
            title: "Recovery codes",
            words: "From now on, signing in asks for a one-time password. Each of these codes replaces one, once, \
                when you do not have your device with you. Keep them separate from the device; they are not shown \
                again.",
            lines,
        }),
        Ok(Enrolment::Wrong { secret }) => enrol_page(&who, secret, "Wrong code. Is the clock of your device correct?"),
        Err(error) => refused(&console, &who, error).await,
    }
}

pub(super) async fn without(
    State(console): State<parts::People>,
    who: SignedIn,
    here: Here,
    Signed(form): Signed<Vouched>,
) -> Answer {
    match console.identity.factor_off(&here, &who.user, form.password).await {
        Ok(()) => Ok(Redirect::to("/account").into_response()),
        Err(error) => refused(&console, &who, error).await,
    }
}

pub(super) async fn make_token(
    State(console): State<parts::People>,
    who: Allowed<may::MakeTokens>,
    Signed(form): Signed<TokenForm>,
) -> Answer {
    let days = if form.days.trim().is_empty() { Some(USUAL_DAYS) } else { form.days.trim().parse().ok() };
    match console.identity.make_token(&who.user, form.name.trim(), Role::of(&form.role), days).await {
        Ok(secret) => page(&Once {
            user: who.shown(),
            title: "Your new token",
            words: "Send it as `Authorization: Bearer …` to /api/v1. It is not shown again. Anyone who has it can do \
                whatever its role allows.",
            lines: vec![secret],
        }),
        Err(error) => refused(&console, &who, error).await,
    }
}

pub(super) async fn revoke_token(
    State(console): State<parts::People>,
    who: SignedIn,
    Path(id): Path<i64>,
    _: Signed<Nothing>,
) -> Answer {
    if !console.identity.revoke_token(&who.user, id).await? {
        return Err(Refused::Because(axum::http::StatusCode::NOT_FOUND, "token not found"));
    }
    Ok(Redirect::to("/account").into_response())
}
