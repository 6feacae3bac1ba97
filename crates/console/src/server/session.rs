//! Who is signed in, and what they may do.

use super::{Console, Refused};
use axum::extract::FromRequestParts;
use axum::http::header::COOKIE;
use axum::http::request::Parts;
use axum::http::{HeaderMap, StatusCode};
use lazaret_store::{User, now};
use std::collections::BTreeSet;
use std::sync::Arc;

/// The session's cookie.
pub(super) const NAME: &str = "lazaret";
/// Milliseconds after which an unused session ends, and after which any does.
pub(super) const IDLE: i64 = 2 * 3_600_000;
pub(super) const LONGEST: i64 = 12 * 3_600_000;

/// Something that somebody may do or not: an action of `policies/console.cedarschema`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum May {
    View,
    Export,
    Inspect,
    Forget,
    Decide,
    ReadPolicies,
    ChangePolicies,
    ReadSettings,
    ManageUsers,
    ReadAudit,
    MakeTokens,
    WriteTakes,
    ReviewTakes,
}

impl May {
    pub(super) const fn name(self) -> &'static str {
        match self {
            Self::View => "view",
            Self::Export => "export",
            Self::Inspect => "inspect",
            Self::Forget => "forget",
            Self::Decide => "decide",
            Self::ReadPolicies => "read-policies",
            Self::ChangePolicies => "change-policies",
            Self::ReadSettings => "read-settings",
            Self::ManageUsers => "manage-users",
            Self::ReadAudit => "read-audit",
            Self::MakeTokens => "make-tokens",
            Self::WriteTakes => "write-takes",
            Self::ReviewTakes => "review-takes",
        }
    }
}

/// A role. What it may do, policies say; the order is only for who may hand out which.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Role {
    Person,
    Viewer,
    Analyst,
    Approver,
    Admin,
}

impl Role {
    pub(super) const ALL: [Self; 5] = [Self::Person, Self::Viewer, Self::Analyst, Self::Approver, Self::Admin];

    pub(super) const fn name(self) -> &'static str {
        match self {
            Self::Person => "person",
            Self::Viewer => "viewer",
            Self::Analyst => "analyst",
            Self::Approver => "approver",
            Self::Admin => "admin",
        }
    }

    pub(super) fn of(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|role| role.name() == name)
    }
}

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

/// Who is signed in.
#[derive(Debug, Clone)]
pub(super) struct Somebody {
    pub(super) user: User,
    pub(super) role: Role,
    csrf: String,
    pub(super) token: String,
    may: BTreeSet<String>,
}

impl Somebody {
    /// Refuses whoever may not do this.
    pub(super) fn may(&self, what: May) -> Result<(), Refused> {
        if self.may.contains(what.name()) {
            Ok(())
        } else {
            Err(Refused::Because(StatusCode::FORBIDDEN, "your role does not allow this; ask an administrator"))
        }
    }

    /// Refuses a form that does not come from a page of this session.
    pub(super) fn sent(&self, csrf: &str) -> Result<(), Refused> {
        // Equal or not is all that can be learnt: the secret is as long as its hash is compared.
        if lazaret_store::fingerprint(csrf) == lazaret_store::fingerprint(&self.csrf) {
            Ok(())
        } else {
            Err(Refused::Because(
                StatusCode::FORBIDDEN,
                "this form is out of date; go back, reload the page and try again",
            ))
        }
    }

    pub(super) fn shown(&self) -> Option<Shown> {
        Some(Shown { name: self.user.name.clone(), csrf: self.csrf.clone(), may: self.may.clone() })
    }
}

impl FromRequestParts<Arc<Console>> for Somebody {
    type Rejection = Refused;

    async fn from_request_parts(parts: &mut Parts, console: &Arc<Console>) -> Result<Self, Refused> {
        let token = cookie(&parts.headers, NAME).ok_or(Refused::SignIn)?;
        let session = console.ledger.session(&token, now() - IDLE, now() - LONGEST).await?.ok_or(Refused::SignIn)?;
        let role = Role::of(&session.user.role).ok_or(Refused::SignIn)?;
        let may = console.control.permissions(role.name());
        Ok(Self { user: session.user, role, csrf: session.csrf, token, may })
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
