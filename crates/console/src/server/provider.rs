//! Signing in through a provider: the way there, and the way back.

use super::extract::Query;
use super::known::Here;
use super::session::{Shown, cookie};
use super::{Answer, Refused, login, page, parts};
use askama::Template;
use axum::extract::State;
use axum::http::header::SET_COOKIE;
use axum::http::{HeaderMap, StatusCode};
use axum::response::{AppendHeaders, IntoResponse, Redirect};
use lazaret_identity::{IdentityError, OidcError, Returned, SignIn};
use serde::Deserialize;

/// The cookie of a browser in which a sign-in was begun. Browsers must send it when the provider leads
/// back here, which `SameSite=Strict` forbids.
const NAME: &str = "lazaret-provider";
/// Seconds for which it is kept.
const KEPT: u32 = 600;
/// Where people come back to.
pub(super) const CALLBACK: &str = "/login/oidc/callback";

/// Leads from here to where somebody wanted to go. A redirection would not do: browsers count it to the provider's site, and send
/// no cookie that is `SameSite=Strict` along.
#[derive(Template)]
#[template(path = "console/arrived.html")]
pub(super) struct ArrivedPage {
    pub(super) user: Option<Shown>,
    pub(super) to: String,
}

#[derive(Deserialize)]
pub(super) struct Begin {
    #[serde(default)]
    to: String,
}

/// What stands in the address of the way back (RFC 6749, 4.1.2; RFC 9207, 2).
#[derive(Deserialize)]
pub(super) struct Back {
    #[serde(default)]
    state: String,
    #[serde(default)]
    code: String,
    #[serde(default)]
    iss: String,
    #[serde(default)]
    error: String,
}

/// Leads to the provider.
pub(super) async fn begin(State(console): State<parts::People>, Query(asked): Query<Begin>) -> Answer {
    let begun = match console.identity.begin_at_provider(&asked.to).await {
        Ok(begun) => begun,
        Err(error) => return refused(&console, error, &asked.to),
    };
    let cookie = kept(&console, &begun.browser, KEPT);
    Ok((AppendHeaders([(SET_COOKIE, cookie)]), Redirect::to(&begun.address)).into_response())
}

/// Takes whoever comes back from there.
pub(super) async fn back(
    State(console): State<parts::People>,
    here: Here,
    headers: HeaderMap,
    Query(back): Query<Back>,
) -> Answer {
    let browser = cookie(&headers, &console.settings.cookie_name(NAME)).unwrap_or_default();
    let returned =
        Returned { state: &back.state, code: &back.code, iss: &back.iss, error: &back.error, browser: &browser };
    let arrived = match console.identity.finish_at_provider(&here, &returned).await {
        Ok(arrived) => arrived,
        Err(error) => return refused(&console, error, "/"),
    };
    let answer = match arrived.signed {
        SignIn::In(admitted) => {
            let answer = page(&ArrivedPage { user: None, to: arrived.to })?;
            login::signed_in_with(&console, &admitted, &here, answer).await?
        }
        SignIn::Asked(ticket) => login::asked(ticket, &arrived.to)?,
        SignIn::Wrong | SignIn::Later { .. } => return Err(Refused::SignIn),
    };
    Ok((AppendHeaders([(SET_COOKIE, kept(&console, "", 0))]), answer).into_response())
}

fn kept(console: &parts::People, value: &str, seconds: u32) -> String {
    console.settings.cookie(NAME, value, &format!("SameSite=Lax; Max-Age={seconds}"))
}

/// The form for signing in, with a sentence that says why not this way.
fn refused(console: &parts::People, error: IdentityError, to: &str) -> Answer {
    match error {
        IdentityError::Refused(why) => login::refused(console, StatusCode::FORBIDDEN, why.to_string(), to),
        IdentityError::Provider(error) => {
            let status = match error {
                OidcError::Away(_) | OidcError::Metadata(_) | OidcError::Random(_) => StatusCode::SERVICE_UNAVAILABLE,
                _ => StatusCode::FORBIDDEN,
            };
            login::refused(console, status, error.sentence(), to)
        }
        broken => Err(broken.into()),
    }
}
