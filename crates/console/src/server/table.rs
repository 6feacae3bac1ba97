//! Every event that fits a filter, to take along: a table (CSV, RFC 4180) or a JSON object a line. However many there are, they
//! are sent as they are read, and how many they are is said at the beginning.

use super::events::Asked;
use super::session::{Allowed, may};
use super::{Answer, parts, shown_time};
use axum::body::Body;
use axum::extract::{Query, State};
use axum::http::header::{CONTENT_DISPOSITION, CONTENT_TYPE, HeaderName};
use axum::response::IntoResponse;
use lazaret_model::{AuditAct, plain};
use lazaret_store::{Event, EventFilter, Ledger, LoggedEvent, StoreError, now};

/// Events that are read at once, and so kept in memory.
const PIECE: i64 = 500;
/// The field that says how many events follow.
const NUMBER: &str = "x-lazaret-events";
const HEAD: &str =
    "time,reference,decision,verdict,policy,gate,direction,person,client,address,name,kind,size,sha256\r\n";

/// How events are written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Form {
    Table,
    Lines,
}

impl Form {
    const fn head(self) -> &'static str {
        match self {
            Self::Table => HEAD,
            Self::Lines => "",
        }
    }

    fn row(self, logged: &LoggedEvent) -> String {
        match self {
            Self::Table => row(&logged.event),
            Self::Lines => line(logged),
        }
    }
}

pub(super) async fn csv(
    State(console): State<parts::Events>,
    who: Allowed<may::Export>,
    Query(asked): Query<Asked>,
) -> Answer {
    export(console, &who, asked, Form::Table).await
}

pub(super) async fn lines(
    State(console): State<parts::Events>,
    who: Allowed<may::Export>,
    Query(asked): Query<Asked>,
) -> Answer {
    export(console, &who, asked, Form::Lines).await
}

async fn export(console: parts::Events, who: &Allowed<may::Export>, asked: Asked, form: Form) -> Answer {
    let asked = asked.at(now())?;
    let filter = asked.filter()?;
    // What comes from now on is no part of it, so that the number holds.
    let newest = console.ledger.events(&EventFilter::default(), None, 1).await?;
    let end = newest.first().map_or(0, |newest| newest.id.saturating_add(1));
    let before = asked.before.map_or(end, |before| before.min(end));
    let number = console.ledger.count_events(&filter, before).await?;
    let (media_type, ending, name) = match form {
        Form::Table => ("text/csv; charset=utf-8", "csv", "as a table"),
        Form::Lines => ("application/jsonl; charset=utf-8", "jsonl", "as JSON lines"),
    };
    console.ledger.note(&who.user.name, AuditAct::EventsExported, &format!("{number} {name}")).await?;
    let fields = [
        (CONTENT_TYPE, media_type.to_owned()),
        (CONTENT_DISPOSITION, format!("attachment; filename=\"lazaret-{number}-events.{ending}\"")),
        (HeaderName::from_static(NUMBER), number.to_string()),
    ];
    let pieces = Pieces { ledger: console.ledger, filter, before: Some(before), form, begun: false };
    let stream = futures_util::stream::unfold(pieces, |mut pieces| async move {
        let piece = pieces.next().await?;
        Some((piece, pieces))
    });
    Ok((fields, Body::from_stream(stream)).into_response())
}

/// What is still to be sent.
struct Pieces {
    ledger: Ledger,
    filter: EventFilter,
    /// The number to stay below; none at the end.
    before: Option<i64>,
    form: Form,
    begun: bool,
}

impl Pieces {
    /// The next piece; `None` at the end. An error breaks the download off, so that nobody takes a part for the whole.
    async fn next(&mut self) -> Option<Result<String, std::io::Error>> {
        let mut text = String::new();
        if !std::mem::replace(&mut self.begun, true) {
            text += self.form.head();
        }
        while text.is_empty() {
            let before = self.before?;
            match self.read(before).await {
                Ok(events) => text.extend(events.iter().map(|logged| self.form.row(logged))),
                Err(error) => {
                    tracing::error!(%error, "an export of events was interrupted");
                    self.before = None;
                    return Some(Err(std::io::Error::other("the ledger does not respond")));
                }
            }
        }
        Some(Ok(text))
    }

    /// Events below a number; where to go on is noted.
    async fn read(&mut self, before: i64) -> Result<Vec<LoggedEvent>, StoreError> {
        let ledger = &self.ledger;
        let events = ledger.events(&self.filter, Some(before), PIECE).await?;
        let full = i64::try_from(events.len()).is_ok_and(|number| number == PIECE);
        self.before = match events.last() {
            Some(last) if full => Some(last.id),
            // Of a search for a text, one question reads only so many events.
            _ if !self.filter.text.is_empty() => ledger.searched(&self.filter, Some(before)).await?,
            _ => None,
        };
        Ok(events)
    }
}

/// An event as a row of a table.
fn row(event: &Event) -> String {
    let (size, time) = (event.size.to_string(), shown_time(event.at));
    let cells = [
        &time,
        &event.reference,
        &event.decision,
        &event.verdict,
        &event.policy,
        &event.gate,
        &event.direction,
        &event.person,
        &event.client,
        &event.address,
        &event.name,
        &event.kind,
        &size,
        &event.sha256,
    ];
    let cells: Vec<_> = cells.into_iter().map(|cell| quoted(cell)).collect();
    format!("{}\r\n", cells.join(","))
}

/// An event as a line of JSON, with the names that the API has for its fields.
pub(super) fn line(logged: &LoggedEvent) -> String {
    let mut value = serde_json::to_value(logged).unwrap_or_default();
    // Lists have no reports.
    if let Some(fields) = value.as_object_mut() {
        fields.remove("report");
    }
    format!("{value}\n")
}

/// A cell (RFC 4180, 2). What a spreadsheet would take for a formula gets a sign before it that makes it text.
fn quoted(cell: &str) -> String {
    let cell = plain(cell);
    let guard = if cell.starts_with(['=', '+', '-', '@', '\t']) { "'" } else { "" };
    format!("\"{guard}{}\"", cell.replace('"', "\"\""))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_table_holds_nothing_that_a_spreadsheet_would_run() {
        assert_eq!(quoted("=cmd|' /C calc'!A0"), "\"'=cmd|' /C calc'!A0\"");
        assert_eq!(quoted("a \"b\", c"), "\"a \"\"b\"\", c\"");
    }

    #[test]
    fn an_event_is_one_row_and_one_line() {
        let event = Event { at: 0, reference: "ABCD".into(), name: "a\r\nb".into(), ..Event::default() };
        let logged = LoggedEvent { id: 7, event };
        let row = Form::Table.row(&logged);
        assert!(row.ends_with("\r\n") && row.trim_end().lines().count() == 1, "{row}");
        assert_eq!(row.matches("\",\"").count() + 1, HEAD.split(',').count());
        let line = Form::Lines.row(&logged);
        assert!(line.starts_with("{\"id\":7,\"at\":0,\"reference\":\"ABCD\"") && line.lines().count() == 1, "{line}");
    }
}
