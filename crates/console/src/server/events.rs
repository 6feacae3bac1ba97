//! What was seen, and what was stopped.

use super::session::{Allowed, May, Shown, SignedIn, may};
use super::{Answer, Refused, page, parts, shown_time};
use askama::Template;
use axum::extract::{Query, State};
use axum::http::StatusCode;
use axum::response::{IntoResponse, Redirect};
use lazaret_model::{DAY, plain};
use lazaret_store::{Event, EventFilter, LoggedEvent, Tally, now};
use serde::Deserialize;
use time::{Date, OffsetDateTime, PrimitiveDateTime, Time};

/// Events on a page.
const PAGE: i64 = 50;
/// Days that the overview shows.
const DAYS: i64 = 14;
/// Spans that are chosen with one click: what addresses call them, what people do, and milliseconds.
pub(super) const SPANS: [(&str, &str, i64); 3] =
    [("hour", "Last hour", 3_600_000), ("day", "Last day", DAY), ("week", "Last week", 7 * DAY)];
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

/// A line of the chart's scale: its number, and where it is in the chart's units.
pub(super) struct Tick {
    pub(super) number: i64,
    pub(super) y: i64,
}

#[derive(Template)]
#[template(path = "console/overview.html")]
struct Overview {
    user: Option<Shown>,
    delivered: i64,
    held: i64,
    blocked: i64,
    days: Vec<Day>,
    ticks: Vec<Tick>,
    /// What the chart shows, in words.
    said: String,
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
    /// From when on and up to when, as a form has them.
    from: String,
    to: String,
    spans: [(&'static str, &'static str, i64); 3],
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
    /// The id of a technique of ATT&CK.
    technique: String,
    /// A day, minute or second (UTC) from which on, and one up to which, that one included.
    pub(super) from: String,
    pub(super) to: String,
    /// One of the [`SPANS`], in place of both.
    last: String,
    pub(super) before: Option<i64>,
    /// Events that are wanted, through the API.
    pub(super) limit: Option<i64>,
}

impl Asked {
    /// The same question with times in place of the span that was chosen, so that every page of an answer is about the same time.
    ///
    /// # Errors
    /// When there is no such span.
    pub(super) fn at(mut self, now: i64) -> Result<Self, Refused> {
        if !self.last.is_empty() {
            let span = SPANS.iter().find(|(name, ..)| *name == self.last);
            let (_, _, length) = span.ok_or(Refused::Because(
                StatusCode::BAD_REQUEST,
                "`last` must be `hour`, `day` or `week`; use `from` and `to` for other times",
            ))?;
            (self.from, self.to) = (form_time(now - length), String::new());
            self.last.clear();
        }
        Ok(self)
    }

    /// Which events are asked for.
    ///
    /// # Errors
    /// When a time is none: an answer about all times would not be one to what was asked.
    pub(super) fn filter(&self) -> Result<EventFilter, Refused> {
        let time = |text: &str| match text.trim() {
            "" => Ok(None),
            text => parsed_time(text).map(Some).ok_or(Refused::Because(
                StatusCode::BAD_REQUEST,
                "a time must be a date such as 2026-03-01, or a date and time (UTC) such as 2026-03-01T12:30",
            )),
        };
        Ok(EventFilter {
            decision: self.decision.clone(),
            domain: self.domain.trim().to_lowercase(),
            host: String::new(),
            person: self.person.trim().to_owned(),
            sha256: self.sha256.trim().to_lowercase(),
            kind: self.kind.trim().to_lowercase(),
            gate: self.gate.trim().to_lowercase(),
            client: self.client.trim().to_owned(),
            from: time(&self.from)?.map(|(from, _)| from),
            to: time(&self.to)?.map(|(_, end)| end),
            text: self.text.trim().to_owned(),
            quarantined: !self.quarantined.is_empty(),
            technique: self.technique.trim().to_uppercase(),
        })
    }

    /// The same question as the query of an address.
    pub(super) fn query(&self) -> String {
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
            ("technique", &self.technique),
            ("from", &self.from),
            ("to", &self.to),
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

pub(super) async fn overview(State(console): State<parts::Events>, who: SignedIn) -> Answer {
    // Whoever only goes through the proxy has nothing to see here but their own password.
    if !who.may(May::View) {
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
    let (days, ticks) = chart(&tallies, today);
    let overview = Overview {
        user: who.shown(),
        delivered: sum("deliver"),
        held: sum("hold"),
        blocked: sum("block"),
        said: told(&days),
        days,
        ticks,
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

/// The chart: a bar for each day, and the scale, whose top is 100 units high.
fn chart(tallies: &[Tally], today: i64) -> (Vec<Day>, Vec<Tick>) {
    let count = |day: i64, entry: &str| -> i64 {
        let fits = |tally: &&Tally| tally.day == day && tally.topic == "decision" && tally.entry == entry;
        tallies.iter().filter(fits).map(|tally| tally.number).sum()
    };
    let numbers: Vec<_> = (today - DAYS + 1..=today)
        .map(|day| (day, count(day, "deliver"), count(day, "hold"), count(day, "block")))
        .collect();
    let top = scale(numbers.iter().map(|(_, _, held, blocked)| held + blocked).max().unwrap_or(0));
    // What there was is seen, however much more there was on another day.
    let height = |number: i64| if number > 0 { (number * 100 / top).max(1) } else { 0 };
    let bars = numbers.into_iter().zip(0..);
    let days = bars.map(|((day, delivered, held, blocked), at): (_, i64)| {
        let (held_height, blocked_height) = (height(held), height(blocked));
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
    });
    let ticks = [(0, 100), (top / 2, 50), (top, 0)].map(|(number, y)| Tick { number, y });
    (days.collect(), ticks.into())
}

/// The top of a scale for numbers up to `most`: 2, 4 or 10 times a power of ten, so that its half is a whole number.
pub(super) fn scale(most: i64) -> i64 {
    let mut power = 1_i64;
    loop {
        for step in [2, 4, 10] {
            let top = power.saturating_mul(step);
            if top >= most {
                return top;
            }
        }
        power = power.saturating_mul(10);
    }
}

/// What the chart shows, in words.
fn told(days: &[Day]) -> String {
    let stopped = |day: &Day| day.held + day.blocked;
    let all: i64 = days.iter().map(stopped).sum();
    // Of equal days the newest.
    match days.iter().max_by_key(|day| stopped(day)) {
        Some(day) if all > 0 => format!(
            "{all} in the last {DAYS} days; most on {}: {} ({} blocked, {} held).",
            day.label,
            stopped(day),
            day.blocked,
            day.held
        ),
        _ => format!("Nothing was stopped in the last {DAYS} days."),
    }
}

/// When a day, minute or second (UTC) of a form or a query begins, and when it is over, in milliseconds since 1970.
fn parsed_time(text: &str) -> Option<(i64, i64)> {
    fn numbers<const N: usize>(text: &str, separator: char) -> Option<[u8; N]> {
        let mut numbers = [0; N];
        let mut pieces = text.split(separator);
        for number in &mut numbers {
            let piece = pieces.next()?;
            *number = Some(piece).filter(|piece| piece.bytes().all(|b| b.is_ascii_digit()))?.parse().ok()?;
        }
        pieces.next().is_none().then_some(numbers)
    }
    let text = text.strip_suffix(['Z', 'z']).unwrap_or(text);
    let (date, clock) = text.split_once(['T', 't', ' ']).map_or((text, None), |(date, clock)| (date, Some(clock)));
    let (year, rest) = date.split_once('-').filter(|(year, _)| year.len() == 4)?;
    let year = Some(year).filter(|year| year.bytes().all(|b| b.is_ascii_digit()))?.parse().ok()?;
    let [month, day] = numbers(rest, '-')?;
    let ([hour, minute, second], length) = match clock {
        None => ([0; 3], DAY),
        Some(clock) => match numbers(clock, ':') {
            Some(whole) => (whole, 1_000),
            None => numbers(clock, ':').map(|[hour, minute]| ([hour, minute, 0], 60_000))?,
        },
    };
    let date = Date::from_calendar_date(year, month.try_into().ok()?, day).ok()?;
    let time = PrimitiveDateTime::new(date, Time::from_hms(hour, minute, second).ok()?);
    let begin = time.assume_utc().unix_timestamp().saturating_mul(1_000);
    Some((begin, begin.saturating_add(length)))
}

/// A time as forms have it (HTML, 2.3.5.5), to the second.
fn form_time(at: i64) -> String {
    let time = OffsetDateTime::from_unix_timestamp(at.div_euclid(1_000)).unwrap_or(OffsetDateTime::UNIX_EPOCH);
    format!("{}T{:02}:{:02}:{:02}", time.date(), time.hour(), time.minute(), time.second())
}

pub(super) async fn list(
    State(console): State<parts::Events>,
    who: Allowed<may::View>,
    Query(asked): Query<Asked>,
) -> Answer {
    let asked = asked.at(now())?;
    let filter = asked.filter()?;
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
    let from = filter.from.map(form_time).unwrap_or_default();
    // The last second, since that one is included.
    let to = filter.to.map(|end| form_time(end - 1)).unwrap_or_default();
    page(&Events { user: who.shown(), filter, from, to, spans: SPANS, rows, query, next, full })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_chart_has_every_day_and_a_scale_that_its_highest_bar_fits() {
        let tally = |day, entry: &str, number| Tally { day, topic: "decision".into(), entry: entry.into(), number };
        let (days, ticks) = chart(&[tally(100, "block", 24), tally(100, "hold", 8), tally(98, "block", 4)], 100);
        assert_eq!(days.len(), DAYS as usize);
        let last = days.last().unwrap();
        assert_eq!((last.held_height, last.blocked_height, last.blocked_y), (20, 60, 20));
        assert_eq!((days[0].blocked_height, days[11].blocked), (0, 4));
        assert_eq!(ticks.iter().map(|tick| (tick.number, tick.y)).collect::<Vec<_>>(), [(0, 100), (20, 50), (40, 0)]);
        assert_eq!(told(&days), format!("36 in the last 14 days; most on {}: 32 (24 blocked, 8 held).", last.label));
        assert_eq!(told(&chart(&[], 100).0), "Nothing was stopped in the last 14 days.");
        // One of many thousands is seen.
        let (days, _) = chart(&[tally(100, "block", 90_000), tally(99, "hold", 1)], 100);
        assert_eq!(days[12].held_height, 1);
        for (most, top) in [(0, 2), (1, 2), (3, 4), (5, 10), (10, 10), (11, 20), (401, 1_000), (i64::MAX, i64::MAX)] {
            assert_eq!(scale(most), top, "{most}");
        }
    }

    #[test]
    fn a_time_is_read_as_forms_and_people_write_it_and_what_is_none_is_refused() {
        for (text, at) in [
            ("1970-01-02", Some((DAY, 2 * DAY))),
            ("1970-01-01T00:01", Some((60_000, 120_000))),
            ("1970-01-01 00:00:07", Some((7_000, 8_000))),
            ("1970-01-01T00:00:07Z", Some((7_000, 8_000))),
            ("2026-02-29", None),
            ("2026-13-01", None),
            ("2026-01-01T25:00", None),
            ("2026-01-01T10", None),
            ("2026-01-01T+1:00", None),
            ("yesterday", None),
            ("1767225600000", None),
        ] {
            assert_eq!(parsed_time(text), at, "{text}");
        }
        let asked = Asked { from: "1970-01-02".to_owned(), to: "1970-01-02".to_owned(), ..Asked::default() };
        let filter = asked.filter().unwrap();
        assert_eq!((filter.from, filter.to), (Some(DAY), Some(2 * DAY)), "one whole day");
        // What the form shows asks for the same again.
        let shown = form_time(2 * DAY - 1);
        assert_eq!(parsed_time(&shown).map(|(_, end)| end), Some(2 * DAY), "{shown}");
        let asked = Asked { from: "yesterday".to_owned(), ..Asked::default() };
        assert!(asked.filter().is_err(), "all times are no answer");
    }

    #[test]
    fn a_span_is_the_same_time_on_every_page_of_an_answer_and_in_its_export() {
        let asked =
            Asked { last: "hour".to_owned(), to: "2020-01-01".to_owned(), gate: "icap".to_owned(), ..Asked::default() };
        let asked = asked.at(10 * 3_600_000).unwrap();
        assert_eq!(asked.query(), "gate=icap&from=1970%2D01%2D01T09%3A00%3A00");
        let filter = asked.filter().unwrap();
        assert_eq!((filter.from, filter.to, filter.gate.as_str()), (Some(9 * 3_600_000), None, "icap"));
        assert!(Asked { last: "year".to_owned(), ..Asked::default() }.at(0).is_err());
    }
}
