//! The certificate authorities that programs which use the proxy must trust: the present one, and in time the next one.

use super::{Answer, Refused, page, parts, session, shown_time};
use crate::AuthoritySummary;
use axum::extract::State;
use axum::http::StatusCode;
use axum::http::header::{CONTENT_DISPOSITION, CONTENT_TYPE};
use axum::response::IntoResponse;
use lazaret_model::DAY;

/// Days before an authority's end from which on the page says so.
const SOON: i64 = 60;

#[derive(askama::Template)]
#[template(path = "console/certificate.html")]
struct Certificate {
    user: Option<session::Shown>,
    list: Vec<Shown>,
    /// Whether one is there that will take over.
    has_next: bool,
    /// When the present one ends, in words, where that is soon; else empty.
    ends: String,
}

struct Shown {
    what: &'static str,
    /// Where it is downloaded; empty where nobody needs it any more.
    file: &'static str,
    authority: AuthoritySummary,
    until: String,
    names: String,
}

pub(super) async fn show(State(console): State<parts::Sites>) -> Answer {
    let list = console.control.authorities();
    let present = list.iter().find(|authority| authority.role == "present");
    let ends = match present.map(|present| present.not_after.saturating_sub(lazaret_store::now()).div_euclid(DAY)) {
        Some(days) if days < 0 => "has expired".to_owned(),
        Some(days) if days <= SOON => format!("expires in {days} days"),
        _ => String::new(),
    };
    let has_next = list.iter().any(|authority| authority.role == "next");
    let list = list.into_iter().map(shown).collect();
    page(&Certificate { user: None, list, has_next, ends })
}

fn shown(authority: AuthoritySummary) -> Shown {
    let (what, file) = match authority.role {
        "present" => ("The current authority", "/certificate.pem"),
        "next" => ("The next authority", "/certificate-next.pem"),
        _ => ("The previous authority", ""),
    };
    let until = shown_time(authority.not_after);
    let until = until.split(' ').next().unwrap_or_default().to_owned();
    Shown { what, file, until, names: authority.names.join(", "), authority }
}

pub(super) async fn present(State(console): State<parts::Sites>) -> Answer {
    file(&console, "present", "attachment; filename=\"lazaret-ca.pem\"")
}

pub(super) async fn next(State(console): State<parts::Sites>) -> Answer {
    file(&console, "next", "attachment; filename=\"lazaret-ca-next.pem\"")
}

fn file(console: &parts::Sites, role: &str, disposition: &'static str) -> Answer {
    let missing = if role == "next" {
        "there is no next authority yet"
    } else {
        "the proxy is not running here, so there is no authority"
    };
    let found = console.control.authorities().into_iter().find(|authority| authority.role == role);
    let found = found.ok_or(Refused::Because(StatusCode::NOT_FOUND, missing))?;
    let fields = [(CONTENT_TYPE, "application/x-x509-ca-cert"), (CONTENT_DISPOSITION, disposition)];
    Ok((fields, found.pem).into_response())
}
