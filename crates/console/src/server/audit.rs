//! What people did with the product itself, and what it did on its own.

use super::events::{Asked, SPANS};
use super::session::{Allowed, Shown, may};
use super::{Answer, page, parts, shown_time};
use askama::Template;
use axum::extract::{Query, State};
use lazaret_store::{AuditEntry, AuditFilter, now};

/// Entries on a page.
const PAGE: i64 = 100;

#[derive(Template)]
#[template(path = "console/audit.html")]
struct Audit {
    user: Option<Shown>,
    entries: Vec<(AuditEntry, String)>,
    person: String,
    /// From when on and up to when, as a form has them.
    from: String,
    to: String,
    spans: [(&'static str, &'static str, i64); 3],
    /// The address of older ones; empty where there are none.
    next: String,
}

pub(super) async fn audit(
    State(console): State<parts::Events>,
    who: Allowed<may::ReadAudit>,
    Query(asked): Query<Asked>,
) -> Answer {
    let asked = asked.at(now())?;
    let wanted = asked.filter()?;
    let filter = AuditFilter { who: wanted.person.clone(), from: wanted.from, to: wanted.to };
    let entries = console.ledger.audit(&filter, asked.before, PAGE + 1).await?;
    let more = entries.len() > PAGE as usize;
    let entries: Vec<_> =
        entries.into_iter().take(PAGE as usize).map(|entry| (entry.clone(), shown_time(entry.at))).collect();
    let next = match entries.last() {
        Some((last, _)) if more => format!("/audit?{}&before={}", asked.query(), last.id),
        _ => String::new(),
    };
    page(&Audit {
        user: who.shown(),
        entries,
        person: wanted.person,
        from: asked.from,
        to: asked.to,
        spans: SPANS,
        next: next.replace("?&", "?"),
    })
}
