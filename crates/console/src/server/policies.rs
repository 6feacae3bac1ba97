//! The policies of delivery: read, change, try against what was seen, and take back.

use super::session::{Allowed, May, Shown, Signed, may};
use super::{Answer, Refused, page, parts, shown_time};
use crate::texts::{texts, title};
use crate::{Language, Replayed, Simulation, Unsaved};
use askama::Template;
use axum::extract::{Path, State};
use axum::http::header::ACCEPT_LANGUAGE;
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse, Redirect};
use lazaret_model::plain;
use lazaret_policy::{PolicyDescription, PolicyProblem};
use lazaret_store::{NewPolicies, PolicyVersion};
use serde::Deserialize;
use std::sync::Arc;

/// Events that a change is tried against.
const REPLAYED: i64 = 1_000;
/// Of those that would be decided differently, how many are listed.
const LISTED: usize = 100;
/// Versions that the history lists.
const VERSIONS: i64 = 500;
/// Characters of a note.
const MOST_NOTE: usize = 500;
/// Lines around a change that a difference shows.
const AROUND: usize = 3;

#[derive(Template)]
#[template(path = "console/policies.html")]
struct List {
    user: Option<Shown>,
    list: Vec<PolicyRow>,
    /// The language of what policies do and say.
    language: Language,
    files: Vec<String>,
    built_in: bool,
    version: i64,
    may_change: bool,
}

/// A policy, with what it does and says in the language of whoever looks.
struct PolicyRow {
    policy: PolicyDescription,
    /// Empty where nothing asks for what it speaks of.
    does: &'static str,
    title: String,
}

impl PolicyRow {
    fn of(language: Language, policy: PolicyDescription) -> Self {
        let title = title(language, &policy.id, &policy.title).to_owned();
        let does = policy.decision.map_or("", |decision| texts(language).does(decision));
        Self { does, title, policy }
    }
}

#[derive(Template)]
#[template(path = "console/policy_edit.html")]
struct Edit {
    user: Option<Shown>,
    text: String,
    note: String,
    base: i64,
    problem: String,
    troubles: Vec<PolicyProblem>,
    valid: Option<usize>,
    simulation: Option<Tried>,
    lines: Vec<DiffLine>,
}

/// What trying a change showed.
struct Tried {
    simulation: Simulation,
    changes: Vec<Replayed>,
    more: usize,
}

#[derive(Template)]
#[template(path = "console/policy_history.html")]
struct History {
    user: Option<Shown>,
    versions: Vec<(PolicyVersion, String)>,
}

#[derive(Template)]
#[template(path = "console/policy_version.html")]
struct Version {
    user: Option<Shown>,
    version: PolicyVersion,
    time: String,
    text: String,
    lines: Vec<DiffLine>,
    in_force: bool,
    base: i64,
    may_change: bool,
}

/// One line of a difference: its class on the page, and its text.
struct DiffLine {
    class: &'static str,
    text: String,
}

#[derive(Deserialize)]
pub(super) struct EditForm {
    text: String,
    #[serde(default)]
    note: String,
    base: i64,
    #[serde(rename = "do")]
    wish: String,
}

#[derive(Deserialize)]
pub(super) struct RollBackForm {
    base: i64,
}

/// Why policies cannot be changed here.
const READ_ONLY: Refused = Refused::Because(
    StatusCode::CONFLICT,
    "the configuration names policy files; change those, or remove `policies` from `[policy]` in lazaret.toml",
);

pub(super) async fn list(
    State(console): State<parts::Policies>,
    who: Allowed<may::ReadPolicies>,
    headers: HeaderMap,
) -> Answer {
    let now = console.control.policies();
    let may_change = who.may(May::ChangePolicies) && now.files.is_empty();
    let files = now.files.iter().map(|file| plain(file)).collect();
    let accepted = headers.get(ACCEPT_LANGUAGE).and_then(|field| field.to_str().ok());
    let language = accepted.map(Language::accepted).unwrap_or_default();
    let list = now.list.into_iter().map(|policy| PolicyRow::of(language, policy)).collect();
    page(&List { user: who.shown(), list, language, files, built_in: now.built_in, version: now.version, may_change })
}

pub(super) async fn form(State(console): State<parts::Policies>, who: Allowed<may::ChangePolicies>) -> Answer {
    let now = console.control.policies();
    if !now.files.is_empty() {
        return Err(READ_ONLY);
    }
    page(&Edit {
        user: who.shown(),
        text: now.text,
        note: String::new(),
        base: now.version,
        problem: String::new(),
        troubles: Vec::new(),
        valid: None,
        simulation: None,
        lines: Vec::new(),
    })
}

pub(super) async fn change(
    State(console): State<parts::Policies>,
    who: Allowed<may::ChangePolicies>,
    Signed(form): Signed<EditForm>,
) -> Answer {
    let now = console.control.policies();
    if !now.files.is_empty() {
        return Err(READ_ONLY);
    }
    // Forms end lines with two characters (HTML, 4.10.21.3).
    let text = form.text.replace("\r\n", "\n");
    let note: String = form.note.trim().chars().take(MOST_NOTE).collect();
    let mut edit = Edit {
        user: who.shown(),
        lines: difference(&now.text, &text),
        text: text.clone(),
        note: note.clone(),
        base: form.base,
        problem: String::new(),
        troubles: Vec::new(),
        valid: None,
        simulation: None,
    };
    match console.control.check(&text) {
        Ok(list) => edit.valid = Some(list.len()),
        Err(troubles) => {
            edit.troubles = troubles;
            return Ok((StatusCode::UNPROCESSABLE_ENTITY, page(&edit)?).into_response());
        }
    }
    match form.wish.as_str() {
        "save" if note.is_empty() => {
            edit.problem = "Say what you changed and why; it is kept in the history.".to_owned();
            Ok((StatusCode::UNPROCESSABLE_ENTITY, page(&edit)?).into_response())
        }
        "save" => {
            let new = NewPolicies { base: form.base, who: who.user.name.clone(), note, text };
            saved(console.control.replace_policies(new).await)
        }
        "simulate" => {
            edit.simulation = Some(tried(&console, text).await?);
            page(&edit)
        }
        _ => page(&edit),
    }
}

/// Tries policies against the newest events.
async fn tried(console: &parts::Policies, text: String) -> Result<Tried, Refused> {
    let events = console.ledger.recent(REPLAYED).await?;
    let control = Arc::clone(&console.control);
    let simulated = tokio::task::spawn_blocking(move || control.simulate(&text, &events));
    let simulated = simulated.await.map_err(|error| Refused::Broken(error.to_string()))?;
    let mut simulation = simulated.map_err(|troubles| Refused::Broken(told(&troubles)))?;
    let mut changes = std::mem::take(&mut simulation.changes);
    let more = changes.len().saturating_sub(LISTED);
    changes.truncate(LISTED);
    Ok(Tried { simulation, changes, more })
}

fn told(troubles: &[PolicyProblem]) -> String {
    troubles.iter().map(|trouble| trouble.message.as_str()).collect::<Vec<_>>().join("; ")
}

fn saved(done: Result<i64, Unsaved>) -> Answer {
    match done {
        Ok(version) => Ok(Redirect::to(&format!("/policies/history/{version}")).into_response()),
        Err(Unsaved::ReadOnly) => Err(READ_ONLY),
        Err(Unsaved::Outdated) => Err(Refused::Because(
            StatusCode::CONFLICT,
            "someone else saved policies while you were editing; review them and make your change again",
        )),
        Err(Unsaved::Troubles(_)) => Err(Refused::Because(
            StatusCode::UNPROCESSABLE_ENTITY,
            "these policies are no longer valid; copy the text into the editor to see why",
        )),
        Err(Unsaved::Failed(why)) => Err(Refused::Broken(why)),
    }
}

pub(super) async fn history(State(console): State<parts::Policies>, who: Allowed<may::ReadPolicies>) -> Answer {
    let versions = console.ledger.policy_history(VERSIONS).await?;
    let versions = versions.into_iter().map(|version| (version.clone(), shown_time(version.at))).collect();
    page(&History { user: who.shown(), versions })
}

const NO_VERSION: Refused = Refused::Because(StatusCode::NOT_FOUND, "no such version of the policies");

pub(super) async fn version(
    State(console): State<parts::Policies>,
    who: Allowed<may::ReadPolicies>,
    Path(id): Path<i64>,
) -> Answer {
    let version = console.ledger.policies_of(id).await?.ok_or(NO_VERSION)?;
    let built_in = console.control.built_in();
    let or_built_in = |text: String| if text.is_empty() { built_in.clone() } else { text };
    let before = match version.base {
        0 => String::new(),
        base => console.ledger.policies_of(base).await?.map(|version| version.text).unwrap_or_default(),
    };
    let text = or_built_in(version.text.clone());
    let now = console.control.policies();
    let lines = difference(&or_built_in(before), &text);
    page(&Version {
        user: who.shown(),
        time: shown_time(version.at),
        text,
        lines,
        in_force: now.version == id && now.files.is_empty(),
        base: now.version,
        may_change: who.may(May::ChangePolicies) && now.files.is_empty(),
        version,
    })
}

/// Puts an older version in force, as a new version; number 0 stands for the policies that come with Lazaret.
pub(super) async fn roll_back(
    State(console): State<parts::Policies>,
    who: Allowed<may::ChangePolicies>,
    Path(id): Path<i64>,
    Signed(form): Signed<RollBackForm>,
) -> Answer {
    let (text, note) = match id {
        0 => (String::new(), "back to the built-in policies".to_owned()),
        id => (console.ledger.policies_of(id).await?.ok_or(NO_VERSION)?.text, format!("back to version {id}")),
    };
    let new = NewPolicies { base: form.base, who: who.user.name.clone(), note, text };
    saved(console.control.replace_policies(new).await)
}

/// Two texts line by line, as in `diff -u`.
fn difference(old: &str, new: &str) -> Vec<DiffLine> {
    let diff = similar::TextDiff::from_lines(old, new);
    let mut lines = Vec::new();
    for hunk in diff.unified_diff().context_radius(AROUND).iter_hunks() {
        lines.push(DiffLine { class: "place", text: hunk.header().to_string() });
        for change in hunk.iter_changes() {
            let (class, sign) = match change.tag() {
                similar::ChangeTag::Delete => ("removed", '-'),
                similar::ChangeTag::Insert => ("added", '+'),
                similar::ChangeTag::Equal => ("same", ' '),
            };
            lines.push(DiffLine { class, text: format!("{sign}{}", change.value().trim_end_matches('\n')) });
        }
    }
    lines
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_difference_shows_what_changed_and_little_else() {
        let old: String = (1..=20).map(|n| format!("line {n}\n")).collect();
        let new = old.replace("line 10\n", "line ten\nand more\n");
        let lines: Vec<_> = difference(&old, &new).into_iter().map(|line| (line.class, line.text)).collect();
        assert_eq!(lines.len(), 10);
        assert_eq!(lines[0].0, "place");
        assert_eq!(lines[4], ("removed", "-line 10".to_owned()));
        assert_eq!((lines[5].0, lines[6].1.as_str()), ("added", "+and more"));
        assert!(difference(&old, &old).is_empty());
    }
}
