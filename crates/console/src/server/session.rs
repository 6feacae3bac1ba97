//! Who is signed in, and what they may do. A handler has it from [`Allowed`], [`SignedIn`] or [`Visitor`] and what a page of ours sent from
//! [`Signed`]; nothing else makes any of them, so that nobody gets further without having been asked.

use super::{Console, Refused};
use axum::body::Body;
use axum::extract::{Form, FromRequest, FromRequestParts, RawForm, Request};
use axum::http::header::COOKIE;
use axum::http::request::Parts;
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse, Response};
pub(super) use lazaret_identity::{May, Role};
use lazaret_store::User;
use serde::Deserialize;
use serde::de::DeserializeOwned;
use std::collections::BTreeSet;
use std::marker::PhantomData;
use std::ops::Deref;
use std::sync::Arc;

/// The session's cookie.
pub(super) const NAME: &str = "lazaret";

const NOT_ALLOWED: Refused =
    Refused::Because(StatusCode::FORBIDDEN, "your role does not allow this; ask an administrator");

/// Who is signed in, for the head of a page.
#[derive(Debug, Clone)]
pub(super) struct Shown {
    pub(super) name: String,
    pub(super) csrf: String,
    may: BTreeSet<String>,
}

impl Shown {
    /// Whether they may do something, by the name of the action.
    pub(super) fn may(&self, action: &str) -> bool {
        self.may.contains(action)
    }
}

/// Somebody with a session.
#[derive(Debug, Clone)]
pub(super) struct Somebody {
    pub(super) user: User,
    pub(super) role: Role,
    csrf: String,
    pub(super) token: String,
    may: BTreeSet<String>,
}

impl Somebody {
    /// Whether they may do something.
    pub(super) fn may(&self, what: May) -> bool {
        self.may.contains(what.name())
    }

    /// Refuses whoever may not do what only the handler can tell that it is.
    pub(super) fn needs(&self, what: May) -> Result<(), Refused> {
        self.needs_one_of(&[what.name()])
    }

    /// The same for a room's page, which names what is needed; nobody may what is no action.
    pub(super) fn needs_one_of(&self, actions: &[&str]) -> Result<(), Refused> {
        if actions.iter().any(|action| self.may.contains(*action)) { Ok(()) } else { Err(NOT_ALLOWED) }
    }

    /// Refuses a form that does not come from a page of this session.
    fn sent(&self, csrf: &str) -> Result<(), Refused> {
        // Equal or not is all that can be learnt: the secret is as long as its hash is compared.
        if lazaret_store::fingerprint(csrf) == lazaret_store::fingerprint(&self.csrf) {
            Ok(())
        } else {
            Err(Refused::Because(
                StatusCode::FORBIDDEN,
                "this form has expired; go back, reload the page and try again",
            ))
        }
    }

    pub(super) fn shown(&self) -> Option<Shown> {
        Some(Shown { name: self.user.name.clone(), csrf: self.csrf.clone(), may: self.may.clone() })
    }
}

/// Who sent a request, looked up once for all who ask.
async fn somebody(parts: &mut Parts, console: &Console) -> Result<Somebody, Refused> {
    if let Some(known) = parts.extensions.get::<Somebody>() {
        return Ok(known.clone());
    }
    let token = cookie(&parts.headers, &console.settings.cookie_name(NAME)).ok_or(Refused::SignIn)?;
    let session = console.identity.session(&token).await?.ok_or(Refused::SignIn)?;
    let role = Role::of(&session.user.role).ok_or(Refused::SignIn)?;
    let may = console.control.permissions(role.name());
    let somebody = Somebody { user: session.user, role, csrf: session.csrf, token, may };
    parts.extensions.insert(somebody.clone());
    Ok(somebody)
}

/// An action, or some of which one is enough, as a type: what a handler asks for.
pub(super) trait Permission {
    /// Their names in policies.
    const ANY: &'static [&'static str];
}

/// The actions that handlers ask for.
pub(super) mod may {
    use super::{May, Permission};

    macro_rules! permissions {
        ($($name:ident: $($action:ident)|+;)+) => {$(
            #[derive(Debug)]
            pub(in crate::server) enum $name {}

            impl Permission for $name {
                const ANY: &'static [&'static str] = &[$(May::$action.name()),+];
            }
        )+};
    }

    permissions! {
        View: View;
        Export: Export;
        Inspect: Inspect;
        Forget: Forget;
        ManageIncidents: ManageIncidents;
        Decide: Decide;
        ReadPolicies: ReadPolicies;
        ChangePolicies: ChangePolicies;
        ReadSettings: ReadSettings;
        ManageUsers: ManageUsers;
        ReadAudit: ReadAudit;
        MakeTokens: MakeTokens;
        WriteTakes: WriteTakes;
        // Which of them, what is to be done with the take says.
        WorkOnTakes: WriteTakes | ReviewTakes;
    }
}

/// Somebody who is signed in and may do something.
#[derive(Debug)]
pub(super) struct Allowed<P> {
    who: Somebody,
    to: PhantomData<fn() -> P>,
}

impl<P> Deref for Allowed<P> {
    type Target = Somebody;

    fn deref(&self) -> &Somebody {
        &self.who
    }
}

impl<P: Permission> FromRequestParts<Arc<Console>> for Allowed<P> {
    type Rejection = Refused;

    async fn from_request_parts(parts: &mut Parts, console: &Arc<Console>) -> Result<Self, Refused> {
        let who = somebody(parts, console).await?;
        who.needs_one_of(P::ANY)?;
        Ok(Self { who, to: PhantomData })
    }
}

/// Somebody who is signed in, for what is their own, or where the handler itself asks what they may.
#[derive(Debug)]
pub(super) struct SignedIn(Somebody);

impl Deref for SignedIn {
    type Target = Somebody;

    fn deref(&self) -> &Somebody {
        &self.0
    }
}

impl FromRequestParts<Arc<Console>> for SignedIn {
    type Rejection = Refused;

    async fn from_request_parts(parts: &mut Parts, console: &Arc<Console>) -> Result<Self, Refused> {
        Ok(Self(somebody(parts, console).await?))
    }
}

/// Who is signed in, where somebody is.
pub(super) struct Visitor(pub(super) Option<Somebody>);

impl FromRequestParts<Arc<Console>> for Visitor {
    type Rejection = Refused;

    async fn from_request_parts(parts: &mut Parts, console: &Arc<Console>) -> Result<Self, Refused> {
        match somebody(parts, console).await {
            Ok(somebody) => Ok(Self(Some(somebody))),
            Err(Refused::SignIn) => Ok(Self(None)),
            Err(broken) => Err(broken),
        }
    }
}

/// What was sent by a form on a page of this session. It is understood only once the session's secret was found in it: another site
/// can make a browser send anything but that.
pub(super) struct Signed<F>(pub(super) F);

/// A form that says nothing but that it was sent.
#[derive(Deserialize)]
pub(super) struct Nothing {}

#[derive(Deserialize)]
struct Secret {
    #[serde(default)]
    csrf: String,
}

impl<F: DeserializeOwned> FromRequest<Arc<Console>> for Signed<F> {
    type Rejection = Response;

    async fn from_request(request: Request, console: &Arc<Console>) -> Result<Self, Response> {
        let (mut parts, body) = request.into_parts();
        let who = somebody(&mut parts, console).await.map_err(IntoResponse::into_response)?;
        let raw = RawForm::from_request(Request::from_parts(parts.clone(), body), console).await;
        let RawForm(bytes) = raw.map_err(IntoResponse::into_response)?;
        let again = || Request::from_parts(parts.clone(), Body::from(bytes.clone()));
        let secret = Form::<Secret>::from_request(again(), console).await;
        let Form(Secret { csrf }) = secret.map_err(IntoResponse::into_response)?;
        who.sent(&csrf).map_err(IntoResponse::into_response)?;
        let form = Form::<F>::from_request(again(), console).await;
        let Form(form) = form.map_err(IntoResponse::into_response)?;
        Ok(Self(form))
    }
}

/// The value of a cookie (RFC 6265, 4.2).
pub(super) fn cookie(headers: &HeaderMap, wanted: &str) -> Option<String> {
    let fields = headers.get_all(COOKIE).iter().filter_map(|field| field.to_str().ok());
    fields.flat_map(|field| field.split(';')).find_map(|pair| {
        let (name, value) = pair.trim().split_once('=')?;
        (name == wanted).then(|| value.to_owned())
    })
}
