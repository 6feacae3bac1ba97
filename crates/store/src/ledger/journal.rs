//! The journal: what happened, in the order in which it was written down, for those who must hear of all of it. The gates' events
//! are in a table with a column for each of their fields, everything else is in one with an envelope and a body.

use super::events::{COLUMNS, logged};
use super::{Event, Ledger, LoggedEvent, segments};
use crate::{StoreError, now};
use lazaret_model::{Administration, AuditAct, Body, EVENT_SCHEMA, RoomEvent, RoomName, Transfer, reference};
use serde::Serialize;
use serde_json::Value;
use sqlx::any::AnyRow;
use sqlx::{AssertSqlSafe, Row};
use std::time::{Duration, Instant};

/// How long a number that is missing may still be written: with PostgreSQL, who began later may be done first.
const SETTLED: Duration = Duration::from_secs(10);
/// The class of events about connections that nobody looks into.
const CONNECTION: &str = "connection";

/// One change that somebody made.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct AuditEntry {
    /// Number.
    pub id: i64,
    /// When.
    pub at: i64,
    /// Who.
    pub who: String,
    /// What they did.
    pub what: String,
    /// To what, and how.
    pub detail: String,
}

/// Which changes are wanted. Empty texts stand for any.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct AuditFilter {
    /// Who.
    pub who: String,
    /// Not before this time, in milliseconds since 1970.
    pub from: Option<i64>,
    /// Before this time, in milliseconds since 1970.
    pub to: Option<i64>,
}

/// How far a subscriber is: the numbers of the last event of the gates and of the last row of the journal that it has.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Cursor {
    /// Of the gates.
    pub event: i64,
    /// Of everybody else.
    pub entry: i64,
}

/// Up to which numbers everything was given out long ago, by the clock of whoever reads: times of events are those of others, and
/// say nothing about when they were written.
#[derive(Debug, Clone, Default)]
pub struct Settled {
    event: Number,
    entry: Number,
}

#[derive(Debug, Clone, Copy, Default)]
struct Number {
    safe: i64,
    newest: i64,
    since: Option<Instant>,
}

impl Number {
    /// Notes the newest number that there is now.
    fn saw(&mut self, newest: i64, now: Instant) {
        if self.since.is_none_or(|since| now.duration_since(since) >= SETTLED) {
            if self.since.is_some() {
                self.safe = self.newest;
            }
            (self.newest, self.since) = (newest, Some(now));
        }
    }
}

/// Something that a room tells, to be written down.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RoomNews {
    /// The room.
    pub room: RoomName,
    /// Who did it or for whom it was done; empty for nobody known.
    pub person: String,
    /// Address of the machine it was done from; empty where it is not known.
    pub client: String,
    /// What happened.
    pub event: RoomEvent,
}

impl Ledger {
    /// Writes down what a room tells; the reference under which it is found.
    ///
    /// # Errors
    /// When the ledger does not answer.
    pub async fn tell(&self, news: RoomNews) -> Result<String, StoreError> {
        let reference = reference();
        let RoomNews { room, person, client, event } = news;
        let envelope = Envelope { reference: &reference, room: &room, person: &person, client: &client };
        written(&self.write, envelope, &Body::Room(event)).await?;
        Ok(reference)
    }

    /// Writes down what somebody did.
    ///
    /// # Errors
    /// When the ledger does not answer.
    pub async fn note(&self, who: &str, act: AuditAct, detail: &str) -> Result<(), StoreError> {
        Ok(noted(&self.write, who, act, detail).await?)
    }

    /// What people did, the newest first, before row `before` where one is given.
    ///
    /// # Errors
    /// When the ledger does not answer.
    pub async fn audit(
        &self,
        filter: &AuditFilter,
        before: Option<i64>,
        most: i64,
    ) -> Result<Vec<AuditEntry>, StoreError> {
        let mut sql = format!("{ENTRIES} WHERE kind = 'administration' AND id < $1");
        if let Some(from) = filter.from {
            sql += &format!(" AND at >= {from}");
        }
        if let Some(to) = filter.to {
            sql += &format!(" AND at < {to}");
        }
        if !filter.who.is_empty() {
            sql += " AND person = $2";
        }
        sql += &format!(" ORDER BY id DESC LIMIT {}", most.clamp(1, 10_000));
        let mut query = sqlx::query(AssertSqlSafe(sql)).bind(before.unwrap_or(i64::MAX));
        if !filter.who.is_empty() {
            query = query.bind(filter.who.clone());
        }
        let rows = query.fetch_all(&self.read).await?;
        let entry = |row: &AnyRow| {
            let Ok((id, event)) = told(row) else { return Ok(None) };
            let Body::Administration(done) = event.body else { return Ok(None) };
            Ok(Some(AuditEntry { id, at: event.at, who: event.person, what: done.act, detail: done.detail }))
        };
        rows.iter().filter_map(|row| entry(row).transpose()).collect()
    }

    /// Takes it on to tell a subscriber what it has not heard, until a time; how far it is, or `None` where another process does
    /// that. One that is new hears of what happens from now on.
    ///
    /// # Errors
    /// When the ledger does not answer.
    pub async fn hold_subscriber(
        &self,
        name: &str,
        holder: &str,
        held_until: i64,
    ) -> Result<Option<Cursor>, StoreError> {
        let held = sqlx::query(
            "INSERT INTO subscribers (name, event, entry, holder, held_until) VALUES ($1, \
             (SELECT COALESCE(MAX(id), 0) FROM events), (SELECT COALESCE(MAX(id), 0) FROM journal), $2, $3) \
             ON CONFLICT (name) DO UPDATE SET holder = excluded.holder, held_until = excluded.held_until \
             WHERE subscribers.holder = excluded.holder OR subscribers.held_until < $4 \
             RETURNING event, entry",
        )
        .bind(name.to_owned())
        .bind(holder.to_owned())
        .bind(held_until)
        .bind(now())
        .fetch_optional(&self.write)
        .await?;
        held.map(|row| Ok(Cursor { event: row.try_get("event")?, entry: row.try_get("entry")? })).transpose()
    }

    /// Notes how far a subscriber is; false where another process tells it by now.
    ///
    /// # Errors
    /// When the ledger does not answer.
    pub async fn advance_subscriber(
        &self,
        name: &str,
        holder: &str,
        to: Cursor,
        held_until: i64,
    ) -> Result<bool, StoreError> {
        let done = sqlx::query(
            "UPDATE subscribers SET event = $3, entry = $4, held_until = $5 WHERE name = $1 AND holder = $2",
        )
        .bind(name.to_owned())
        .bind(holder.to_owned())
        .bind(to.event)
        .bind(to.entry)
        .bind(held_until)
        .execute(&self.write)
        .await?;
        Ok(done.rows_affected() == 1)
    }

    /// Lets go of a subscriber, so that another process need not wait.
    ///
    /// # Errors
    /// When the ledger does not answer.
    pub async fn release_subscriber(&self, name: &str, holder: &str) -> Result<(), StoreError> {
        sqlx::query("UPDATE subscribers SET held_until = 0 WHERE name = $1 AND holder = $2")
            .bind(name.to_owned())
            .bind(holder.to_owned())
            .execute(&self.write)
            .await?;
        Ok(())
    }

    /// What was written down after a place, the oldest first of each table, and the place where to go on. Scan reports are left
    /// out, which may be large.
    ///
    /// # Errors
    /// When the ledger does not answer.
    pub async fn journal(
        &self,
        after: Cursor,
        most: i64,
        settled: &mut Settled,
    ) -> Result<(Vec<lazaret_model::Event>, Cursor), StoreError> {
        let most = most.clamp(1, 10_000);
        if !self.sqlite {
            let newest = sqlx::query(
                "SELECT COALESCE((SELECT MAX(id) FROM events), 0) AS event, COALESCE((SELECT MAX(id) FROM journal), 0) AS entry",
            )
            .fetch_one(&self.read)
            .await?;
            let at = Instant::now();
            settled.event.saw(newest.try_get("event")?, at);
            settled.entry.saw(newest.try_get("entry")?, at);
        }
        let mut cursor = after;
        let sql = format!(
            "SELECT id, {COLUMNS}, '' AS report, COALESCE(judged, '') AS judged FROM events WHERE id > $1 ORDER BY id \
             LIMIT {most}"
        );
        let mut snapshot = self.snapshot().await?;
        let rows = sqlx::query(AssertSqlSafe(sql)).bind(after.event).fetch_all(&mut *snapshot).await?;
        let mut events: Vec<LoggedEvent> = rows.iter().map(logged).collect::<Result<_, _>>()?;
        // Who is far behind finds some of them in segments.
        let wanted = usize::try_from(most).unwrap_or(0);
        let packed = segments::after(&mut snapshot, after.event, wanted).await?;
        snapshot.commit().await?;
        if !packed.is_empty() {
            events.extend(packed);
            events.sort_by_key(|logged| logged.id);
            events.truncate(wanted);
        }
        let sound = self.unbroken(after.event, events.iter().map(|logged| logged.id), settled.event.safe);
        let mut told_all = Vec::with_capacity(sound);
        for LoggedEvent { id, event } in events.into_iter().take(sound) {
            cursor.event = id;
            told_all.push(transferred(event));
        }
        let sql = format!("{ENTRIES} WHERE id > $1 ORDER BY id LIMIT {most}");
        let rows = sqlx::query(AssertSqlSafe(sql)).bind(after.entry).fetch_all(&self.read).await?;
        let ids: Vec<i64> = rows.iter().map(|row| row.try_get("id")).collect::<Result<_, _>>()?;
        let sound = self.unbroken(after.entry, ids.iter().copied(), settled.entry.safe);
        for (id, row) in ids.into_iter().zip(&rows).take(sound) {
            cursor.entry = id;
            // Rooms and kinds of a newer version, which shares the ledger, are told by its own processes.
            match told(row) {
                Ok((_, event)) => told_all.push(event),
                Err(error) => {
                    tracing::error!(id, %error, "a journal entry is unknown to this version and is not exported")
                }
            }
        }
        Ok((told_all, cursor))
    }

    /// How many rows there are before a number that is missing and may still be written.
    fn unbroken(&self, after: i64, ids: impl Iterator<Item = i64>, safe: i64) -> usize {
        let (mut last, mut sound) = (after, 0);
        for id in ids {
            // SQLite has one writer: what is missing was forgotten, or never was.
            if !self.sqlite && id != last + 1 && id > safe {
                break;
            }
            (last, sound) = (id, sound + 1);
        }
        sound
    }
}

const ENTRIES: &str = "SELECT id, at, reference, room, kind, person, client, body FROM journal";

/// Writes down what somebody did, in a transaction with the change itself or alone.
pub(super) async fn noted(
    executor: impl sqlx::Executor<'_, Database = sqlx::Any>,
    who: &str,
    act: AuditAct,
    detail: &str,
) -> Result<(), sqlx::Error> {
    let body = Administration { act: act.name().to_owned(), detail: detail.to_owned() };
    let reference = reference();
    let envelope = Envelope { reference: &reference, room: &RoomName::CONSOLE, person: who, client: "" };
    written(executor, envelope, &Body::Administration(body)).await
}

/// What is written down of an event beside its body.
struct Envelope<'a> {
    reference: &'a str,
    room: &'a RoomName,
    person: &'a str,
    client: &'a str,
}

async fn written(
    executor: impl sqlx::Executor<'_, Database = sqlx::Any>,
    envelope: Envelope<'_>,
    body: &Body,
) -> Result<(), sqlx::Error> {
    let text = match body {
        Body::Transfer(transfer) | Body::Connection(transfer) => serde_json::to_string(transfer),
        Body::Administration(done) => serde_json::to_string(done),
        Body::Room(event) => serde_json::to_string(event),
    };
    let text = text.map_err(|error| sqlx::Error::Encode(error.into()))?;
    sqlx::query(
        "INSERT INTO journal (at, reference, room, kind, person, client, body) VALUES ($1, $2, $3, $4, $5, $6, $7)",
    )
    .bind(now())
    .bind(envelope.reference.to_owned())
    .bind(envelope.room.name().to_owned())
    .bind(body.kind().to_owned())
    .bind(envelope.person.to_owned())
    .bind(envelope.client.to_owned())
    .bind(text)
    .execute(executor)
    .await?;
    Ok(())
}

/// A row of the journal.
fn told(row: &AnyRow) -> Result<(i64, lazaret_model::Event), StoreError> {
    let text = |column: &str| row.try_get::<String, _>(column);
    let (room, kind, body) = (text("room")?, text("kind")?, text("body")?);
    let wrong = |error: serde_json::Error| {
        StoreError::from(sqlx::Error::ColumnDecode { index: "body".to_owned(), source: error.into() })
    };
    let body: Value = serde_json::from_str(&body).map_err(wrong)?;
    let id: i64 = row.try_get("id")?;
    let event = serde_json::json!({
        "schema": EVENT_SCHEMA, "reference": text("reference")?, "at": row.try_get::<i64, _>("at")?, "room": room,
        "person": text("person")?, "client": text("client")?, "kind": kind, "body": body,
    });
    Ok((id, serde_json::from_value(event).map_err(wrong)?))
}

/// An event of the gates as everybody else tells theirs.
pub(crate) fn transferred(event: Event) -> lazaret_model::Event {
    let judged: Value = serde_json::from_str(&event.judged).unwrap_or_default();
    let groups = judged.pointer("/origin/groups").and_then(Value::as_array).into_iter().flatten();
    let groups = groups.filter_map(|group| group.as_str().map(str::to_owned)).collect();
    let decision = serde_json::from_value(Value::String(event.decision)).ok();
    let is_connection = event.class == CONNECTION;
    let transfer = Box::new(Transfer {
        gate: event.gate,
        direction: event.direction,
        host: event.host,
        domain: event.domain,
        address: event.address,
        name: event.name,
        sha256: event.sha256,
        size: event.size,
        file_kind: event.kind,
        class: event.class,
        verdict: event.verdict,
        policy: event.policy,
        reason: event.reason,
        quarantined: !event.content_blob.is_empty(),
        judged,
    });
    lazaret_model::Event {
        schema: EVENT_SCHEMA.into(),
        reference: event.reference,
        at: event.at,
        room: RoomName::GATES,
        person: event.person,
        groups,
        client: event.client,
        decision,
        techniques: event.techniques,
        body: if is_connection { Body::Connection(transfer) } else { Body::Transfer(transfer) },
    }
}

#[cfg(test)]
pub(super) mod tests;
