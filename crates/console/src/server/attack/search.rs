//! Searching the library: a page with filters, and suggestions while somebody types.

use super::pin::Pin;
use super::{Reader, Where, encoded, shelf_in};
use crate::server::extract::Query;
use crate::server::session::Shown;
use crate::server::{Answer, Refused, parts};
use askama::Template;
use axum::extract::State;
use axum::http::Uri;
use axum::http::header::{CACHE_CONTROL, CONTENT_TYPE};
use axum::response::{IntoResponse, Redirect};
use lazaret_attack::{Answer as Found, AttackError, Choice, Question, SECTIONS, Section, domain_title, rank};
use lazaret_model::plain;
use serde::Deserialize;

/// Hits of a page.
const PAGE: usize = 25;
/// Pages that can be reached.
const MOST_PAGES: usize = 200;
/// Suggestions.
const SUGGESTIONS: usize = 8;

#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default)]
pub(super) struct Asked {
    q: String,
    section: String,
    domain: String,
    platform: String,
    tactic: String,
    status: String,
    page: usize,
    /// The release and feed that links lead to.
    release: String,
    feed: String,
    /// Anything for going to the only entry with this id at once.
    go: String,
}

#[derive(Template)]
#[template(path = "attack/search.html")]
struct Page {
    user: Option<Shown>,
    pin: Option<Pin>,
    asked: Asked,
    found: Option<Found>,
    sections: Vec<&'static Section>,
    domains: Vec<(String, String)>,
    platforms: Vec<String>,
    tactics: Vec<String>,
    before: String,
    after: String,
    first: usize,
}

impl Page {
    fn section_title(&self, path: &str) -> &'static str {
        lazaret_attack::section_at(path).map_or("", |section| section.one)
    }

    fn domain_titles(&self, ids: &[String]) -> String {
        ids.iter().map(|id| domain_title(id)).collect::<Vec<_>>().join(", ")
    }
}

impl Asked {
    /// The release in which what is found is read. The domain is a filter here, and goes with no link.
    fn pin(&self, uri: &Uri) -> Result<Option<Pin>, AttackError> {
        let chosen = Where { release: self.release.clone(), feed: self.feed.clone(), ..Where::default() };
        Pin::of(&chosen, uri)
    }
}

pub(super) async fn show(
    State(console): State<parts::Library>,
    reader: Reader,
    Query(asked): Query<Asked>,
    uri: Uri,
) -> Answer {
    let (catalog, finder) = (console.catalog()?, console.finder()?);
    let pin = asked.pin(&uri)?;
    let words = asked.q.trim().to_owned();
    let is_filtered = [&asked.section, &asked.domain, &asked.platform, &asked.tactic, &asked.status]
        .iter()
        .any(|value| !value.is_empty());
    if !asked.go.is_empty()
        && lazaret_attack::looks_like_an_id(&words)
        && let Ok(found) = catalog.find(None, &words, &Choice::default()).await
    {
        let path = lazaret_attack::path_of(&found.version);
        let target = pin.as_ref().map_or_else(|| path.clone(), |pin| pin.link(&path));
        return Ok(Redirect::to(&target).into_response());
    }
    let place = asked.page.min(MOST_PAGES);
    let question = Question {
        words: words.clone(),
        section: asked.section.clone(),
        domain: asked.domain.clone(),
        platform: asked.platform.clone(),
        tactic: asked.tactic.clone(),
        status: asked.status.clone(),
        begun: false,
        skip: place * PAGE,
        limit: PAGE,
    };
    let found = if words.is_empty() && !is_filtered { None } else { Some(finder.search(catalog, &question).await?) };
    let (platforms, tactics) = finder.choices(catalog).await?;
    let (_, releases) = catalog.releases().await?;
    let mut domains: Vec<(String, String)> =
        releases.iter().map(|release| (release.domain.clone(), domain_title(&release.domain).to_owned())).collect();
    domains.sort_by_key(|(id, _)| rank(id));
    domains.dedup();
    let more = found.as_ref().is_some_and(|found| found.total > (place + 1) * PAGE && place < MOST_PAGES);
    let address = |page: usize| {
        let mut pairs = vec![("q", words.as_str())];
        pairs.extend([("section", asked.section.as_str()), ("domain", &asked.domain), ("platform", &asked.platform)]);
        pairs.extend([("tactic", asked.tactic.as_str()), ("status", &asked.status)]);
        let pairs: Vec<String> = pairs
            .into_iter()
            .filter(|(_, value)| !value.is_empty())
            .map(|(name, value)| format!("{name}={}", encoded(value)))
            .collect();
        format!("/attack/search?{}&page={page}", pairs.join("&"))
    };
    shelf_in(
        pin.as_ref(),
        &Page {
            user: reader.shown(),
            pin: pin.clone(),
            before: if place > 0 { address(place - 1) } else { String::new() },
            after: if more { address(place + 1) } else { String::new() },
            first: place * PAGE + 1,
            sections: SECTIONS.iter().filter(|section| section.path != "relationships").collect(),
            found,
            domains,
            platforms,
            tactics,
            asked,
        },
    )
}

/// What somebody may mean, as JSON for the script.
pub(super) async fn suggest(
    State(console): State<parts::Library>,
    _: Reader,
    Query(asked): Query<Asked>,
    uri: Uri,
) -> Answer {
    let (catalog, finder) = (console.catalog()?, console.finder()?);
    let pin = asked.pin(&uri)?;
    let question =
        Question { words: asked.q.trim().to_owned(), begun: true, limit: SUGGESTIONS, ..Question::default() };
    let found = if question.words.is_empty() { Found::default() } else { finder.search(catalog, &question).await? };
    let rows: Vec<_> = found
        .hits
        .iter()
        .map(|hit| {
            serde_json::json!({
                "id": plain(&hit.attack_id),
                "name": plain(&hit.name),
                "path": pin.as_ref().map_or_else(|| hit.path.clone(), |pin| pin.link(&hit.path)),
                "domains": hit.domains.iter().map(|domain| domain_title(domain)).collect::<Vec<_>>().join(", "),
                "what": lazaret_attack::section_at(&hit.section).map_or("", |section| section.one),
                "status": hit.told(),
            })
        })
        .collect();
    let text = serde_json::to_string(&rows).map_err(|error| Refused::Broken(error.to_string()))?;
    let fields = [(CONTENT_TYPE, "application/json"), (CACHE_CONTROL, "private, max-age=60")];
    Ok((fields, text).into_response())
}
