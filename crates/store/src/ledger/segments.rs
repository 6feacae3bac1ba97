//! Segments: events about what was delivered, some hundred in one row, so that each takes a fraction of what it takes as a row of its
//! own. Whoever asks for events does not notice ([decision 18](../../../../docs/decisions/0018-compact-events.md)).
//!
//! INVARIANT: numbers of events in segments rise with the segments' own, and no two segments overlap; an event is either a row of
//! `events` or in one segment.

mod codec;
mod known;
mod pack;

pub(super) use known::Known;

use super::events::EventFilter;
use super::{Ledger, LoggedEvent, PATIENCE};
use crate::StoreError;
use codec::{Column, Damage, Keys, Texts};
use sqlx::any::AnyRow;
use sqlx::{Any, AnyConnection, AssertSqlSafe, Row, Transaction};
use std::collections::HashMap;
use std::ops::{Deref, DerefMut};
use std::sync::Arc;
use tokio::sync::OwnedSemaphorePermit;
use tokio::time::timeout;

/// The decision of what is in segments.
pub(super) const DELIVERED: &str = "deliver";
/// Milliseconds of a day.
const DAY: i64 = 86_400_000;
/// Segments that are listed at once, and those whose keys are read at once.
const LISTED: usize = 64;
const READ: usize = 16;
/// Segments that a search for a text reads at most; it says where to go on.
pub(super) const SEARCHED: usize = 64;

/// How much of an event is wanted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Detail {
    /// What lists show.
    List,
    /// What it was judged by as well.
    Whole,
}

/// Which events of segments are looked for.
#[derive(Debug, Clone, Copy)]
pub(super) struct Scan<'a> {
    /// The filter; its text is not looked at.
    pub(super) filter: &'a EventFilter,
    /// Below this number.
    pub(super) before: i64,
    /// From this number on.
    pub(super) floor: i64,
    /// So many at the most.
    pub(super) most: usize,
    /// Reading so many segments at the most.
    pub(super) segments: usize,
    pub(super) detail: Detail,
}

/// What was found.
#[derive(Debug, Default)]
pub(super) struct Found {
    /// The newest first.
    pub(super) events: Vec<LoggedEvent>,
    /// Where it ended because too much was read: the lowest number that was looked at.
    pub(super) end: Option<i64>,
}

/// A segment, without its events.
struct Segment {
    id: i64,
    first: i64,
    last: i64,
    from: i64,
    to: i64,
    number: i64,
}

/// How segments without a value are told from those that may have it: by a column with hashes, and those that must be in it.
enum Probe {
    /// Any may have it.
    None,
    Sample([u8; 8]),
    Quoted([u8; 4]),
    Entries(Vec<[u8; 4]>),
}

impl Probe {
    fn of(filter: &EventFilter) -> Self {
        if !filter.sha256.is_empty() {
            return Self::Sample(codec::sample(&filter.sha256));
        }
        let hashes: Vec<_> = wanted(filter).into_iter().map(|(column, value)| codec::entry(column, value)).collect();
        if hashes.is_empty() { Self::None } else { Self::Entries(hashes) }
    }

    fn column(&self) -> Option<&'static str> {
        match self {
            Self::None => None,
            Self::Sample(_) => Some("hashes"),
            Self::Quoted(_) => Some("quoted"),
            Self::Entries(_) => Some("entries"),
        }
    }

    /// Whether a segment with this list may have it.
    fn may_be_in(&self, list: &[u8]) -> bool {
        match self {
            Self::None => true,
            Self::Sample(hash) => codec::times(list, hash) > 0,
            Self::Quoted(hash) => codec::times(list, hash) > 0,
            Self::Entries(hashes) => hashes.iter().all(|hash| codec::times(list, hash) > 0),
        }
    }
}

/// The columns that a filter asks about, but for the SHA-256.
fn wanted(filter: &EventFilter) -> Vec<(Column, &str)> {
    let all = [
        (Column::Gate, &filter.gate),
        (Column::Person, &filter.person),
        (Column::Client, &filter.client),
        (Column::Host, &filter.host),
        (Column::Domain, &filter.domain),
        (Column::Kind, &filter.kind),
    ];
    all.into_iter().filter(|(_, value)| !value.is_empty()).map(|(column, value)| (column, value.as_str())).collect()
}

/// Whether anything in a segment could fit.
fn is_about_delivered(filter: &EventFilter) -> bool {
    (filter.decision.is_empty() || filter.decision == DELIVERED) && !filter.quarantined && filter.technique.is_empty()
}

impl EventFilter {
    fn has(&self, at: i64) -> bool {
        self.from.is_none_or(|from| at >= from.max(0)) && self.to.is_none_or(|to| at < to.max(0))
    }
}

fn damaged(id: i64) -> impl Fn(Damage) -> StoreError {
    move |damage| StoreError::DamagedSegment { id, found: damage.0 }
}

/// Events that fit, the newest first.
pub(super) async fn newest(connection: &mut AnyConnection, scan: Scan<'_>) -> Result<Found, StoreError> {
    let mut found = Found::default();
    if !is_about_delivered(scan.filter) || scan.most == 0 {
        return Ok(found);
    }
    let probe = Probe::of(scan.filter);
    let mut list = List::of(connection, scan.filter, scan.before, scan.floor).await?;
    let (mut opened, mut piece) = (0, 1);
    while let Some(segments) = list.next(connection, &probe).await? {
        let mut left = segments.as_slice();
        while !left.is_empty() {
            if found.events.len() >= scan.most {
                return Ok(found);
            }
            let (now, rest) = left.split_at_checked(piece).unwrap_or((left, &[]));
            (left, piece) = (rest, (piece * 2).min(READ));
            let mut keys = keys_of(connection, now).await?;
            for segment in now {
                if found.events.len() >= scan.most {
                    return Ok(found);
                }
                if opened == scan.segments {
                    found.end = Some(segment.last.saturating_add(1));
                    return Ok(found);
                }
                opened += 1;
                // It is there: everything is as at one moment.
                let Some(keys) = keys.remove(&segment.id) else { continue };
                open(connection, segment, &keys, scan, &mut found.events).await?;
            }
        }
    }
    Ok(found)
}

/// Adds the events of one segment that fit.
async fn open(
    connection: &mut AnyConnection,
    segment: &Segment,
    keys: &Keys,
    scan: Scan<'_>,
    events: &mut Vec<LoggedEvent>,
) -> Result<(), StoreError> {
    let rows = rows_of(keys, scan);
    if rows.is_empty() {
        return Ok(());
    }
    let failed = damaged(segment.id);
    let texts = texts_of(connection, segment.id, keys).await?;
    for row in rows {
        if events.len() >= scan.most {
            break;
        }
        if !scan.filter.sha256.is_empty() && texts.sha256(row).map_err(&failed)? != scan.filter.sha256 {
            continue;
        }
        let mut logged = texts.event(keys, row).map_err(&failed)?;
        if scan.detail == Detail::Whole {
            logged.event.judged = texts.judged(row, &logged.event).map_err(&failed)?;
        }
        events.push(logged);
    }
    Ok(())
}

/// Rows of a segment that fit but for the SHA-256, the newest first.
fn rows_of(keys: &Keys, scan: Scan<'_>) -> Vec<usize> {
    let having = keys.having(&wanted(scan.filter));
    let fits = |(row, id, at): (usize, i64, i64)| {
        let fit = id < scan.before && id >= scan.floor && scan.filter.has(at) && having.get(row) == Some(&true);
        fit.then_some(row)
    };
    keys.rows().rev().filter_map(fits).collect()
}

/// How many events fit that have numbers below `scan.before`, and whose texts are as they should be.
pub(super) async fn count(
    connection: &mut AnyConnection,
    scan: Scan<'_>,
    matches: impl Fn(&LoggedEvent) -> bool,
) -> Result<i64, StoreError> {
    if !is_about_delivered(scan.filter) {
        return Ok(0);
    }
    let (probe, mut number) = (Probe::of(scan.filter), 0_i64);
    let is_about_texts = !scan.filter.text.is_empty() || !scan.filter.sha256.is_empty();
    let mut list = List::of(connection, scan.filter, scan.before, scan.floor).await?;
    while let Some(segments) = list.next(connection, &probe).await? {
        for segments in segments.chunks(READ) {
            // Of some all fit, which needs no reading.
            let all_fit = |segment: &Segment| {
                let all = wanted(scan.filter).is_empty() && !is_about_texts;
                let times = scan.filter.has(segment.from) && scan.filter.has(segment.to);
                all && times && segment.last < scan.before && segment.first >= scan.floor
            };
            number += segments.iter().filter(|segment| all_fit(segment)).map(|segment| segment.number).sum::<i64>();
            let others: Vec<&Segment> = segments.iter().filter(|segment| !all_fit(segment)).collect();
            let mut keys = keys_of(connection, others.iter().copied()).await?;
            for segment in others {
                let Some(keys) = keys.remove(&segment.id) else { continue };
                if is_about_texts {
                    let mut events = Vec::new();
                    open(connection, segment, &keys, scan, &mut events).await?;
                    number += i64::try_from(events.iter().filter(|logged| matches(logged)).count()).unwrap_or(0);
                } else {
                    number += i64::try_from(rows_of(&keys, scan).len()).unwrap_or(0);
                }
            }
        }
    }
    Ok(number)
}

/// The event with a reference number, whole.
pub(super) async fn quoted(connection: &mut AnyConnection, reference: &str) -> Result<Option<LoggedEvent>, StoreError> {
    let any = EventFilter::default();
    let probe = Probe::Quoted(codec::hash("reference", reference));
    let mut list = List::of(connection, &any, i64::MAX, 0).await?;
    while let Some(segments) = list.next(connection, &probe).await? {
        for segment in &segments {
            let failed = damaged(segment.id);
            let Some(keys) = keys_of(connection, [segment]).await?.remove(&segment.id) else { continue };
            let texts = texts_of(connection, segment.id, &keys).await?;
            for (row, ..) in keys.rows() {
                if texts.reference(row).map_err(&failed)? == reference {
                    let mut logged = texts.event(&keys, row).map_err(&failed)?;
                    logged.event.judged = texts.judged(row, &logged.event).map_err(&failed)?;
                    return Ok(Some(logged));
                }
            }
        }
    }
    Ok(None)
}

/// Events behind a number, whole, the oldest first.
pub(super) async fn after(
    connection: &mut AnyConnection,
    after: i64,
    most: usize,
) -> Result<Vec<LoggedEvent>, StoreError> {
    let (mut events, mut cursor) = (Vec::new(), after);
    while events.len() < most {
        let sql = "SELECT id, last_id, keys, texts FROM segments WHERE last_id > $1 ORDER BY last_id LIMIT 1";
        let Some(row) = sqlx::query(sql).bind(cursor).fetch_optional(&mut *connection).await? else { break };
        let id: i64 = row.try_get("id")?;
        let failed = damaged(id);
        let keys = Keys::decode(row.try_get::<&[u8], _>("keys")?).map_err(&failed)?;
        let texts = Texts::decode(row.try_get::<&[u8], _>("texts")?, &keys).map_err(&failed)?;
        for (row, ..) in keys.rows().filter(|(_, number, _)| *number > after).take(most - events.len()) {
            let mut logged = texts.event(&keys, row).map_err(&failed)?;
            logged.event.judged = texts.judged(row, &logged.event).map_err(&failed)?;
            events.push(logged);
        }
        cursor = row.try_get("last_id")?;
    }
    Ok(events)
}

/// Segments from the newest to the oldest, some at a time.
struct List {
    /// Below this number of a last event.
    below: i64,
    before: i64,
    floor: i64,
    from: i64,
    to: i64,
    ended: bool,
}

impl List {
    /// Of what a filter may be about. Numbers of events rise with their times, but for differences of clocks: a day before and a day
    /// behind are looked at as well.
    async fn of(
        connection: &mut AnyConnection,
        filter: &EventFilter,
        before: i64,
        floor: i64,
    ) -> Result<Self, StoreError> {
        let (from, to) = (filter.from.unwrap_or(i64::MIN), filter.to.unwrap_or(i64::MAX));
        let mut list = Self { below: i64::MAX, before, floor, from, to, ended: false };
        if filter.to.is_some() {
            let sql = "SELECT last_id FROM segments WHERE day <= $1 ORDER BY day DESC, last_id DESC LIMIT 1";
            let day = to.div_euclid(DAY).saturating_add(1);
            let last = sqlx::query(sql).bind(day).fetch_optional(&mut *connection).await?;
            let Some(last) = last else { return Ok(Self { ended: true, ..list }) };
            list.below = last.try_get::<i64, _>("last_id")?.saturating_add(1);
        }
        if before < i64::MAX {
            // The only one that goes on beyond that number, so that none of those above it are looked at.
            let sql = "SELECT last_id FROM segments WHERE last_id >= $1 ORDER BY last_id LIMIT 1";
            let last = sqlx::query(sql).bind(before).fetch_optional(&mut *connection).await?;
            let last: Option<i64> = last.map(|row| row.try_get("last_id")).transpose()?;
            list.below = last.map_or(list.below, |last| list.below.min(last.saturating_add(1)));
        }
        if filter.from.is_some() {
            let sql = "SELECT first_id FROM segments WHERE day >= $1 ORDER BY day, last_id LIMIT 1";
            let day = from.div_euclid(DAY).saturating_sub(1);
            let first = sqlx::query(sql).bind(day).fetch_optional(&mut *connection).await?;
            let Some(first) = first else { return Ok(Self { ended: true, ..list }) };
            list.floor = floor.max(first.try_get("first_id")?);
        }
        Ok(list)
    }

    /// The next ones that may have what is looked for; `None` at the end.
    async fn next(
        &mut self,
        connection: &mut AnyConnection,
        probe: &Probe,
    ) -> Result<Option<Vec<Segment>>, StoreError> {
        if self.ended {
            return Ok(None);
        }
        let list = probe.column().map_or_else(String::new, |column| format!(", {column} AS list"));
        let sql = format!(
            "SELECT id, first_id, last_id, from_at, to_at, number{list} FROM segments \
             WHERE last_id < $1 AND last_id >= $2 AND first_id < $3 AND to_at >= $4 AND from_at < $5 \
             ORDER BY last_id DESC LIMIT {LISTED}"
        );
        let asked = sqlx::query(AssertSqlSafe(sql)).bind(self.below).bind(self.floor).bind(self.before);
        let rows = asked.bind(self.from).bind(self.to).fetch_all(&mut *connection).await?;
        self.ended = rows.len() < LISTED;
        let mut segments = Vec::new();
        for row in &rows {
            self.below = row.try_get("last_id")?;
            let may_have = probe.column().map(|_| row.try_get::<&[u8], _>("list")).transpose()?;
            if may_have.is_none_or(|list| probe.may_be_in(list)) {
                segments.push(Segment {
                    id: row.try_get("id")?,
                    first: row.try_get("first_id")?,
                    last: row.try_get("last_id")?,
                    from: row.try_get("from_at")?,
                    to: row.try_get("to_at")?,
                    number: row.try_get("number")?,
                });
            }
        }
        Ok(Some(segments))
    }
}

/// The keys of some segments, by their ids.
async fn keys_of<'a>(
    connection: &mut AnyConnection,
    segments: impl IntoIterator<Item = &'a Segment>,
) -> Result<HashMap<i64, Keys>, StoreError> {
    let ids: Vec<String> = segments.into_iter().map(|segment| segment.id.to_string()).collect();
    if ids.is_empty() {
        return Ok(HashMap::new());
    }
    let sql = format!("SELECT id, keys FROM segments WHERE id IN ({})", ids.join(", "));
    let rows = sqlx::query(AssertSqlSafe(sql)).persistent(false).fetch_all(&mut *connection).await?;
    let read = |row: &AnyRow| -> Result<(i64, Keys), StoreError> {
        let id = row.try_get("id")?;
        Ok((id, Keys::decode(row.try_get::<&[u8], _>("keys")?).map_err(damaged(id))?))
    };
    rows.iter().map(read).collect()
}

async fn texts_of(connection: &mut AnyConnection, id: i64, keys: &Keys) -> Result<Texts, StoreError> {
    let row = sqlx::query("SELECT texts FROM segments WHERE id = $1").bind(id).fetch_one(&mut *connection).await?;
    Texts::decode(row.try_get::<&[u8], _>("texts")?, keys).map_err(damaged(id))
}

/// Events of the table and of segments, the newest first, so many at the most.
pub(super) fn merged(rows: Vec<LoggedEvent>, packed: Vec<LoggedEvent>, most: usize) -> Vec<LoggedEvent> {
    if packed.is_empty() {
        return rows;
    }
    let mut events = rows;
    events.extend(packed);
    events.sort_by_key(|logged| std::cmp::Reverse(logged.id));
    events.truncate(most);
    events
}

/// A connection on which everything is as at one moment, so that no event is missed or seen twice that is being packed.
pub(super) struct Snapshot {
    transaction: Transaction<'static, Any>,
    _place: OwnedSemaphorePermit,
}

impl Snapshot {
    /// Ends it.
    pub(super) async fn commit(self) -> Result<(), StoreError> {
        Ok(self.transaction.commit().await?)
    }
}

impl Deref for Snapshot {
    type Target = AnyConnection;

    fn deref(&self) -> &AnyConnection {
        &self.transaction
    }
}

impl DerefMut for Snapshot {
    fn deref_mut(&mut self) -> &mut AnyConnection {
        &mut self.transaction
    }
}

impl Ledger {
    /// Begins to look at events, as soon as few enough others do.
    pub(super) async fn snapshot(&self) -> Result<Snapshot, StoreError> {
        let place = timeout(PATIENCE, Arc::clone(&self.snapshots).acquire_owned()).await;
        let place = place.map_err(|_| sqlx::Error::PoolTimedOut)?.map_err(|_| StoreError::Closed)?;
        let mut transaction = self.read.begin().await?;
        if !self.sqlite {
            let sql = "SET TRANSACTION ISOLATION LEVEL REPEATABLE READ READ ONLY";
            sqlx::query(sql).execute(&mut *transaction).await?;
        }
        Ok(Snapshot { transaction, _place: place })
    }
}

#[cfg(test)]
mod tests;
