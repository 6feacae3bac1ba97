//! Pages for signing in, with a second factor where there is one.

use super::extract::Query;
use super::known::{Here, remembered};
use super::session::{NAME, Nothing, Shown, Signed, SignedIn};
use super::{Answer, page, parts};
use askama::Template;
use axum::extract::{Form, State};
use axum::http::header::{RETRY_AFTER, SET_COOKIE};
use axum::http::{HeaderValue, StatusCode};
use axum::response::{AppendHeaders, IntoResponse, Redirect, Response};
use lazaret_identity::{Admitted, Code as Tried, Offer, Refusal, SignIn, own_path};
use serde::Deserialize;

/// What is said to whoever fails, whatever it was.
const NO_FIT: &str = "Wrong name or password.";

#[derive(Template)]
#[template(path = "console/login.html")]
struct Login {
    user: Option<Shown>,
    problem: String,
    /// The way in through a provider.
    offer: Option<Offer>,
    /// The path where they want to go.
    to: String,
}

#[derive(Template)]
#[template(path = "console/code.html")]
struct Code {
    user: Option<Shown>,
    problem: &'static str,
    ticket: String,
    to: String,
}

#[derive(Deserialize)]
pub(super) struct LoginForm {
    name: String,
    password: String,
    #[serde(default)]
    to: String,
}

#[derive(Deserialize)]
pub(super) struct Wanted {
    #[serde(default)]
    to: String,
}

#[derive(Deserialize)]
pub(super) struct CodeForm {
    ticket: String,
    code: String,
    #[serde(default)]
    to: String,
}

pub(super) async fn form(State(console): State<parts::People>, Query(wanted): Query<Wanted>) -> Answer {
    let to = own_path(&wanted.to).to_owned();
    page(&Login { user: None, problem: String::new(), offer: console.identity.offer(), to })
}

pub(super) async fn login(State(console): State<parts::People>, here: Here, Form(form): Form<LoginForm>) -> Answer {
    match console.identity.sign_in(&here, &form.name, form.password).await? {
        SignIn::In(admitted) => signed_in(&console, &admitted, &here, &form.to).await,
        SignIn::Asked(ticket) => asked(ticket, &form.to),
        SignIn::Wrong => refused(&console, StatusCode::FORBIDDEN, NO_FIT.to_owned(), &form.to),
        SignIn::Later { seconds } => too_many(&console, seconds, &form.to),
    }
}

/// Asks for the second factor.
pub(super) fn asked(ticket: String, to: &str) -> Answer {
    page(&Code { user: None, problem: "", ticket, to: own_path(to).to_owned() })
}

/// The form again, with what was wrong.
pub(super) fn refused(console: &parts::People, status: StatusCode, problem: String, to: &str) -> Answer {
    let to = own_path(to).to_owned();
    let answer = page(&Login { user: None, problem, offer: console.identity.offer(), to })?;
    Ok((status, answer).into_response())
}

/// Refuses whoever failed too often.
fn too_many(console: &parts::People, seconds: u64, to: &str) -> Answer {
    let answer = refused(console, StatusCode::TOO_MANY_REQUESTS, Refusal::Later { seconds }.to_string(), to)?;
    Ok(([(RETRY_AFTER, seconds.to_string())], answer).into_response())
}

/// Takes the second factor of somebody whose password was right.
pub(super) async fn code(State(console): State<parts::People>, here: Here, Form(form): Form<CodeForm>) -> Answer {
    match console.identity.code(&here, &form.ticket, &form.code).await? {
        Tried::In(admitted) => signed_in(&console, &admitted, &here, &form.to).await,
        Tried::Wrong => {
            let problem = "Wrong code, or it was already used; wait for the next one.";
            let to = own_path(&form.to).to_owned();
            let answer = page(&Code { user: None, problem, ticket: form.ticket, to })?;
            Ok((StatusCode::FORBIDDEN, answer).into_response())
        }
        Tried::Over => {
            let problem =
                "That took too long, or there were too many attempts. Start again; if that fails, wait 15 minutes.";
            refused(&console, StatusCode::FORBIDDEN, problem.to_owned(), &form.to)
        }
        Tried::Later { seconds } => too_many(&console, seconds, &form.to),
    }
}

/// Opens a session of somebody who is in, remembers the browser, and leads to a path of our own.
pub(super) async fn signed_in(console: &parts::People, admitted: &Admitted, here: &Here, to: &str) -> Answer {
    signed_in_with(console, admitted, here, Redirect::to(own_path(to)).into_response()).await
}

/// The same with another answer than the way there.
pub(super) async fn signed_in_with(
    console: &parts::People,
    admitted: &Admitted,
    here: &Here,
    answer: Response,
) -> Answer {
    let opened = console.identity.open(here, admitted).await?;
    let cookie = console.settings.cookie(NAME, &opened.token, "SameSite=Strict");
    let mut answer = (AppendHeaders([(SET_COOKIE, cookie)]), answer).into_response();
    let user = &admitted.user;
    let known = opened.mark.and_then(|mark| HeaderValue::from_str(&remembered(&console.settings, user, &mark)).ok());
    if let Some(known) = known {
        answer.headers_mut().append(SET_COOKIE, known);
    }
    Ok(answer)
}

pub(super) async fn logout(
    State(console): State<parts::People>,
    who: SignedIn,
    here: Here,
    _: Signed<Nothing>,
) -> Answer {
    console.identity.close(&here, &who.user, &who.token).await?;
    let cookie = console.settings.cookie(NAME, "", "SameSite=Strict; Max-Age=0");
    Ok(([(SET_COOKIE, cookie)], Redirect::to("/login")).into_response())
}
