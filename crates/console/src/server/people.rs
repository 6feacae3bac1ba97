//! Pages about who may sign in, and as what.

use super::known::Here;
use super::login::signed_in;
use super::session::{Allowed, Nothing, Role, Shown, Signed, Somebody, may};
use super::{Answer, Refused, page, parts, shown_time};
use askama::Template;
use axum::extract::{Form, Path, Query, State};
use axum::http::StatusCode;
use axum::response::{IntoResponse, Redirect};
use lazaret_identity::IdentityError;
use lazaret_store::User;
use serde::Deserialize;

#[derive(Template)]
#[template(path = "console/setup.html")]
struct Setup {
    user: Option<Shown>,
    token: String,
    problem: String,
}

#[derive(Template)]
#[template(path = "console/users.html")]
struct Users {
    user: Option<Shown>,
    users: Vec<(User, String)>,
    roles: Vec<&'static str>,
    /// Whether people may sign in through a provider.
    provided: bool,
    problem: String,
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
    name: String,
    password: String,
    role: String,
}

#[derive(Deserialize)]
pub(super) struct ChangeForm {
    role: String,
    #[serde(default)]
    disabled: String,
}

const NO_SETUP: Refused = Refused::Because(
    StatusCode::FORBIDDEN,
    "this set-up link was already used or has expired; a new one is printed when Lazaret starts, as long as nobody \
        can sign in",
);

pub(super) async fn setup_form(State(console): State<parts::People>, Query(link): Query<SetupLink>) -> Answer {
    if !console.identity.is_setup_secret(&link.token).await? {
        return Err(NO_SETUP);
    }
    page(&Setup { user: None, token: link.token, problem: String::new() })
}

pub(super) async fn setup(State(console): State<parts::People>, here: Here, Form(form): Form<SetupForm>) -> Answer {
    match console.identity.set_up(&form.token, &form.name, form.password).await {
        Ok(Some(admitted)) => signed_in(&console, &admitted, &here, "/").await,
        Ok(None) => Err(NO_SETUP),
        Err(IdentityError::Refused(why)) => page(&Setup { user: None, token: form.token, problem: why.to_string() }),
        Err(broken) => Err(broken.into()),
    }
}

pub(super) async fn users(State(console): State<parts::People>, who: Allowed<may::ManageUsers>) -> Answer {
    users_page(&console, &who, String::new()).await
}

async fn users_page(console: &parts::People, who: &Somebody, problem: String) -> Answer {
    let users = console.identity.people().await?;
    let users = users.into_iter().map(|user| (user.clone(), shown_time(user.created_at))).collect();
    let (roles, provided) = (Role::ALL.map(Role::name).to_vec(), console.identity.offer().is_some());
    page(&Users { user: who.shown(), users, roles, provided, problem })
}

pub(super) async fn add(
    State(console): State<parts::People>,
    who: Allowed<may::ManageUsers>,
    Signed(form): Signed<NewForm>,
) -> Answer {
    let Some(role) = Role::of(&form.role) else {
        return users_page(&console, &who, "No such role.".to_owned()).await;
    };
    match console.identity.add(&who.user, &form.name, form.password, role).await {
        Ok(()) => Ok(Redirect::to("/users").into_response()),
        Err(IdentityError::Refused(why)) => users_page(&console, &who, why.to_string()).await,
        Err(broken) => Err(broken.into()),
    }
}

pub(super) async fn change(
    State(console): State<parts::People>,
    who: Allowed<may::ManageUsers>,
    Path(name): Path<String>,
    Signed(form): Signed<ChangeForm>,
) -> Answer {
    let missing = Refused::Because(StatusCode::NOT_FOUND, "no such user or role");
    let Some(role) = Role::of(&form.role) else { return Err(missing) };
    match console.identity.change(&who.user, &name, role, !form.disabled.is_empty()).await {
        Ok(true) => Ok(Redirect::to("/users").into_response()),
        Ok(false) => Err(missing),
        Err(IdentityError::Refused(why)) => users_page(&console, &who, why.to_string()).await,
        Err(broken) => Err(broken.into()),
    }
}

/// Switches off the one-time passwords of somebody who lost the device.
pub(super) async fn without_totp(
    State(console): State<parts::People>,
    who: Allowed<may::ManageUsers>,
    Path(name): Path<String>,
    _: Signed<Nothing>,
) -> Answer {
    if !console.identity.reset_factor(&who.user, &name).await? {
        return Err(Refused::Because(StatusCode::NOT_FOUND, "no such user"));
    }
    Ok(Redirect::to("/users").into_response())
}

/// Takes somebody's password away, so that they sign in through the provider alone, or forgets their account there.
pub(super) async fn without_password(
    State(console): State<parts::People>,
    who: Allowed<may::ManageUsers>,
    Path(name): Path<String>,
    _: Signed<Nothing>,
) -> Answer {
    match console.identity.without_password(&who.user, &name).await {
        Ok(true) => Ok(Redirect::to("/users").into_response()),
        Ok(false) => {
            let missing = "no such user, or no sign-in through an organisation";
            Err(Refused::Because(StatusCode::NOT_FOUND, missing))
        }
        Err(IdentityError::Refused(why)) => users_page(&console, &who, why.to_string()).await,
        Err(broken) => Err(broken.into()),
    }
}
