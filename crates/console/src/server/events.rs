//! What was seen, and what was stopped.

use super::session::{May, Shown, Somebody};
use super::{Answer, Console, page, shown_time};
use askama::Template;
use axum::extract::{Query, State};
use axum::response::{IntoResponse, Redirect};
use lazaret_model::plain;
use lazaret_store::{Event, EventFilter, LoggedEvent, Tally, now};
use serde::Deserialize;
use std::sync::Arc;

/// Events on a page.
const PAGE: i64 = 50;
/// Days that the overview shows.
const DAYS: i64 = 14;
const DAY: i64 = 86_400_000;
/// Entries of a ranking.
const RANKS: i64 = 8;

/// One day of the chart: label, numbers delivered, held and blocked, and the bar in the chart's units.
struct Day {
    label: String,
    delivered: i64,
    held: i64,
    blocked: i64,
    x: i64,
    held_y: i64,
    held_height: i64,
    blocked_y: i64,
    blocked_height: i64,
}

#[derive(Template)]
#[template(path = "console/overview.html")]
struct Overview {
    user: Option<Shown>,
    delivered: i64,
    held: i64,
    blocked: i64,
    days: Vec<Day>,
    policies: Vec<(String, i64)>,
    sites: Vec<(String, i64)>,
    waiting: i64,
    newest: Vec<Row>,
}

/// An event as a row of a table.
pub(super) struct Row {
    pub(super) event: Event,
    pub(super) time: String,
    pub(super) name: String,
    pub(super) address: String,
}

impl Row {
    pub(super) fn of(logged: LoggedEvent) -> Self {
        let event = logged.event;
        Self { time: shown_time(event.at), name: plain(&event.name), address: plain(&event.address), event }
    }
}

#[derive(Template)]
#[template(path = "console/events.html")]
struct Events {
    user: Option<Shown>,
    filter: EventFilter,
    rows: Vec<Row>,
    /// The query of an address that asks for the same.
    query: String,
    next: String,
    /// The page is full; else a search ended where it had read enough.
    full: bool,
}

#[derive(Deserialize, Default)]
#[serde(default)]
pub(super) struct Asked {
    decision: String,
    domain: String,
    person: String,
    sha256: String,
    kind: String,
    gate: String,
    client: String,
    text: String,
    quarantined: String,
    pub(super) before: Option<i64>,
    /// Events that are wanted, through the API.
    pub(super) limit: Option<i64>,
}

impl Asked {
    pub(super) fn filter(&self) -> EventFilter {
        EventFilter {
            decision: self.decision.clone(),
            domain: self.domain.trim().to_lowercase(),
            person: self.person.trim().to_owned(),
            sha256: self.sha256.trim().to_lowercase(),
            kind: self.kind.trim().to_lowercase(),
            gate: self.gate.trim().to_lowercase(),
            client: self.client.trim().to_owned(),
            text: self.text.trim().to_owned(),
            quarantined: !self.quarantined.is_empty(),
            ..EventFilter::default()
        }
    }

    /// The same question as the query of an address.
    fn query(&self) -> String {
        let pairs = [
            ("decision", &self.decision),
            ("domain", &self.domain),
            ("person", &self.person),
            ("sha256", &self.sha256),
            ("kind", &self.kind),
            ("gate", &self.gate),
            ("client", &self.client),
            ("text", &self.text),
            ("quarantined", &self.quarantined),
        ];
        let pairs = pairs.iter().filter(|(_, value)| !value.is_empty());
        let encoded = |value: &str| -> String {
            value
                .bytes()
                .map(|b| if b.is_ascii_alphanumeric() { char::from(b).to_string() } else { format!("%{b:02X}") })
                .collect()
        };
        pairs.map(|(name, value)| format!("{name}={}", encoded(value))).collect::<Vec<_>>().join("&")
    }
}

pub(super) async fn overview(State(console): State<Arc<Console>>, who: Somebody) -> Answer {
    // Whoever only goes through the proxy has nothing to see here but their own password.
    if who.may(May::View).is_err() {
        return Ok(Redirect::to("/account").into_response());
    }
    let today = now().div_euclid(DAY);
    let since = today - DAYS + 1;
    let tallies = console.ledger.decisions(since).await?;
    let sum = |entry: &str| {
        tallies.iter().filter(|tally| tally.topic == "decision" && tally.entry == entry).map(|tally| tally.number).sum()
    };
    let stopped = EventFilter { decision: "stopped".to_owned(), ..Default::default() };
    let newest = console.ledger.events(&stopped, None, 10).await?;
    let overview = Overview {
        user: who.shown(),
        delivered: sum("deliver"),
        held: sum("hold"),
        blocked: sum("block"),
        days: days(&tallies, today),
        policies: named(console.ledger.ranking("policy", since, RANKS).await?, "no policy permits it"),
        sites: named(console.ledger.ranking("domain", since, RANKS).await?, "unknown"),
        waiting: console.ledger.waiting().await?,
        newest: newest.into_iter().map(Row::of).collect(),
    };
    page(&overview)
}

/// A ranking with a name for what has none.
fn named(ranking: Vec<(String, i64)>, unnamed: &str) -> Vec<(String, i64)> {
    let name = |entry: String| if entry.is_empty() { unnamed.to_owned() } else { plain(&entry) };
    ranking.into_iter().map(|(entry, number)| (name(entry), number)).collect()
}

/// The chart: a bar for each day, 100 units high for the day on which most was stopped.
fn days(tallies: &[Tally], today: i64) -> Vec<Day> {
    let count = |day: i64, entry: &str| -> i64 {
        let fits = |tally: &&Tally| tally.day == day && tally.topic == "decision" && tally.entry == entry;
        tallies.iter().filter(fits).map(|tally| tally.number).sum()
    };
    let numbers: Vec<_> = (today - DAYS + 1..=today)
        .map(|day| (day, count(day, "deliver"), count(day, "hold"), count(day, "block")))
        .collect();
    let most = numbers.iter().map(|(_, _, held, blocked)| held + blocked).max().unwrap_or(0).max(1);
    let bars = numbers.into_iter().zip(0..);
    bars.map(|((day, delivered, held, blocked), at): (_, i64)| {
        let (held_height, blocked_height) = (held * 100 / most, blocked * 100 / most);
        Day {
            label: shown_time(day * DAY).split(' ').next().unwrap_or_default().to_owned(),
            delivered,
            held,
            blocked,
            x: at * 20,
            held_y: 100 - held_height,
            held_height,
            blocked_y: 100 - held_height - blocked_height,
            blocked_height,
        }
    })
    .collect()
}

pub(super) async fn list(State(console): State<Arc<Console>>, who: Somebody, Query(asked): Query<Asked>) -> Answer {
    who.may(May::View)?;
    let filter = asked.filter();
    let mut events = console.ledger.events(&filter, asked.before, PAGE).await?;
    let mut last = events.last().map(|event| event.id).filter(|_| events.len() as i64 == PAGE);
    let full = last.is_some();
    if !filter.text.is_empty() && last.is_none() {
        last = console.ledger.searched(&filter, asked.before).await?;
        // Somebody quotes the number of an event, however old.
        if events.is_empty() {
            events.extend(console.ledger.event(&filter.text.to_uppercase()).await?);
        }
    }
    let query = asked.query();
    let next = last.map(|id| format!("/events?{query}&before={id}")).unwrap_or_default();
    let rows = events.into_iter().map(Row::of).collect();
    page(&Events { user: who.shown(), filter, rows, query, next, full })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_chart_has_every_day_and_its_highest_bar_is_full() {
        let tally = |day, entry: &str, number| Tally { day, topic: "decision".into(), entry: entry.into(), number };
        let days = days(&[tally(100, "block", 30), tally(100, "hold", 10), tally(98, "block", 4)], 100);
        assert_eq!(days.len(), DAYS as usize);
        let last = days.last().unwrap();
        assert_eq!((last.held_height, last.blocked_height, last.blocked_y), (25, 75, 0));
        assert_eq!((days[0].blocked_height, days[11].blocked), (0, 4));
    }
}
