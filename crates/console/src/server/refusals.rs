//! Programs that do not take the certificates of the proxy's authority, and the hosts that are passed uninspected for them.

use super::session::{Allowed, May, Shown, Signed, may};
use super::{Answer, Refused, page, parts, shown_time};
use crate::{CertificateRefusal, PassedHosts};
use askama::Template;
use axum::extract::State;
use axum::http::StatusCode;
use axum::response::{IntoResponse, Redirect};
use lazaret_model::plain;
use lazaret_store::Bypass;
use serde::Deserialize;

/// Rows of refusals that are shown.
const MOST_SHOWN: usize = 200;

#[derive(Template)]
#[template(path = "console/refusals.html")]
struct Refusals {
    user: Option<Shown>,
    rows: Vec<Row>,
    /// Refusals that are not shown.
    more: usize,
    /// Hosts that are passed by what somebody said here, each with when.
    bypasses: Vec<(Bypass, String)>,
    passed: Vec<PassedHosts>,
    may_change: bool,
}

struct Row {
    refusal: CertificateRefusal,
    /// The host in a form that steers nothing.
    host: String,
    said: &'static str,
    time: String,
}

impl Row {
    fn of(refusal: CertificateRefusal) -> Self {
        let said = said(refusal.alert);
        Self { host: plain(&refusal.host), said, time: shown_time(refusal.last), refusal }
    }
}

#[derive(Deserialize)]
pub(super) struct BypassForm {
    host: String,
    #[serde(rename = "do")]
    wish: String,
}

/// What a client said of a certificate, in words.
fn said(alert: &str) -> &'static str {
    match alert {
        "unknown_ca" => "unknown certificate authority",
        "none" => "nothing; it closed the connection",
        "certificate_expired" => "the certificate has expired",
        "certificate_revoked" => "the certificate was revoked",
        "unsupported_certificate" => "unsupported certificate",
        "access_denied" => "access denied",
        _ => "bad certificate",
    }
}

pub(super) async fn show(State(console): State<parts::Sites>, who: Allowed<may::View>) -> Answer {
    let mut refusals = console.control.refusals();
    let more = refusals.len().saturating_sub(MOST_SHOWN);
    refusals.truncate(MOST_SHOWN);
    let bypasses = console.ledger.bypasses().await?;
    page(&Refusals {
        user: who.shown(),
        rows: refusals.into_iter().map(Row::of).collect(),
        more,
        bypasses: bypasses.into_iter().map(|bypass| (bypass.clone(), shown_time(bypass.at))).collect(),
        passed: console.control.passed(),
        may_change: who.may(May::ChangePolicies),
    })
}

/// Passes a host uninspected from now on, or inspects it again.
pub(super) async fn change(
    State(console): State<parts::Sites>,
    who: Allowed<may::ChangePolicies>,
    Signed(form): Signed<BypassForm>,
) -> Answer {
    let name = &who.user.name;
    match form.wish.as_str() {
        "pass" => {
            // What nobody wanted is named in the configuration, by whoever knows why.
            if !console.control.refusals().iter().any(|refusal| refusal.host == form.host) {
                return Err(Refused::Because(
                    StatusCode::NOT_FOUND,
                    "no program has rejected this host's certificate since Lazaret started; to bypass any other host, \
                        use `proxy.bypass`",
                ));
            }
            if !console.ledger.add_bypass(&form.host, name).await? {
                return Err(Refused::Because(
                    StatusCode::CONFLICT,
                    "a thousand hosts already bypass inspection; use a list (`proxy.bypass_lists`) instead",
                ));
            }
        }
        "inspect" => {
            if !console.ledger.remove_bypass(&form.host, name).await? {
                return Err(Refused::Because(StatusCode::NOT_FOUND, "this host was not added here"));
            }
        }
        _ => {
            return Err(Refused::Because(
                StatusCode::BAD_REQUEST,
                "the action must be to bypass inspection or to resume it",
            ));
        }
    }
    console.control.take_up_bypasses().await?;
    tracing::info!(host = %plain(&form.host), who = %name, wish = %plain(&form.wish), "hosts that bypass inspection \
        changed");
    Ok(Redirect::to("/sites/refusals").into_response())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_program_said_is_told_in_words() {
        for alert in ["unknown_ca", "none", "bad_certificate", "certificate_unknown", "access_denied"] {
            assert!(!said(alert).contains('_') && !said(alert).is_empty(), "{alert}");
        }
    }
}
