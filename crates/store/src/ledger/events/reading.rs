//! Events as they are asked for: by a filter, by their reference, by what they are about. Those in the table and those in segments
//! are one list, in the order of their numbers.

use super::filter::escaped;
use super::{COLUMNS, EventFilter, LoggedEvent, SiteHistory, Tally, WHOLE, logged, tally};
use crate::StoreError;
use crate::ledger::Ledger;
use crate::ledger::segments::{self, Detail, Scan};
use sqlx::{AnyConnection, AssertSqlSafe, Row};
use std::cmp::Reverse;

/// So many events about a SHA-256 are counted.
const COMMON: u64 = 1_000;

/// What a search for a text reads.
struct Window {
    /// The lowest number; none where everything is read.
    end: Option<i64>,
    /// Events of segments that have the text.
    packed: Vec<LoggedEvent>,
}

impl Ledger {
    /// Events that fit a filter, the newest first, before event number `before` where one is given. Of a text that is
    /// looked for, some thousand events are read at most; [`Ledger::searched`] says where to go on.
    ///
    /// # Errors
    /// When the ledger does not answer.
    pub async fn events(
        &self,
        filter: &EventFilter,
        before: Option<i64>,
        most: i64,
    ) -> Result<Vec<LoggedEvent>, StoreError> {
        let (before, most) = (before.unwrap_or(i64::MAX), most.clamp(1, 10_000));
        let wanted = usize::try_from(most).unwrap_or(1);
        let mut snapshot = self.snapshot().await?;
        let events = if filter.text.is_empty() {
            let rows = rows(&mut snapshot, filter, before, most, None).await?;
            let floor = if rows.len() < wanted { 0 } else { rows.last().map_or(0, |oldest| oldest.id) };
            let (segments, detail) = (usize::MAX, Detail::List);
            let scan = Scan { filter, before, floor, most: wanted, segments, detail };
            let packed = segments::newest(&mut snapshot, scan).await?;
            segments::merged(rows, packed.events, wanted)
        } else {
            let window = self.window(&mut snapshot, filter, before).await?;
            let rows = rows(&mut snapshot, filter, before, most, window.end).await?;
            segments::merged(rows, window.packed, wanted)
        };
        snapshot.commit().await?;
        Ok(events)
    }

    /// The number of the oldest event that a search for a text read; `None` when it read all of them.
    ///
    /// # Errors
    /// When the ledger does not answer.
    pub async fn searched(&self, filter: &EventFilter, before: Option<i64>) -> Result<Option<i64>, StoreError> {
        let mut snapshot = self.snapshot().await?;
        let window = self.window(&mut snapshot, filter, before.unwrap_or(i64::MAX)).await?;
        snapshot.commit().await?;
        Ok(window.end)
    }

    /// What a search for a text reads below a number.
    async fn window(
        &self,
        connection: &mut AnyConnection,
        filter: &EventFilter,
        before: i64,
    ) -> Result<Window, StoreError> {
        let most = filter.searched();
        let last = numbers(connection, filter, before, 0, &format!("1 OFFSET {}", most - 1)).await?.pop();
        let wanted = usize::try_from(most).unwrap_or(1);
        let (floor, segments, detail) = (last.unwrap_or(0), segments::SEARCHED, Detail::List);
        let scan = Scan { filter, before, floor, most: wanted, segments, detail };
        let found = segments::newest(connection, scan).await?;
        let (mut packed, mut end) = (found.events, found.end.max(last));
        if !packed.is_empty() {
            // No lower number is among so many.
            let lowest = packed.last().filter(|_| packed.len() == wanted).map(|logged| logged.id);
            let floor = end.max(lowest).unwrap_or(0);
            let mut all = numbers(connection, filter, before, floor, &most.to_string()).await?;
            all.extend(packed.iter().map(|logged| logged.id).filter(|id| *id >= floor));
            all.sort_by_key(|id| Reverse(*id));
            end = end.max(all.get(wanted - 1).copied());
        }
        let text = filter.text.to_lowercase();
        packed.retain(|logged| end.is_none_or(|end| logged.id >= end) && self.has(logged, &text));
        Ok(Window { end, packed })
    }

    /// Whether an event has a text in lower case, as the database tells it: some know the case of ASCII only.
    fn has(&self, logged: &LoggedEvent, text: &str) -> bool {
        let event = &logged.event;
        let lower = |field: &str| if self.folds { field.to_lowercase() } else { field.to_ascii_lowercase() };
        [&event.name, &event.address, &event.reference].into_iter().any(|field| lower(field).contains(text))
    }

    /// How many events below a number fit a filter; where a text is looked for, all of them are read.
    ///
    /// # Errors
    /// When the ledger does not answer.
    pub async fn count_events(&self, filter: &EventFilter, before: i64) -> Result<i64, StoreError> {
        let (mut condition, mut values) = filter.condition();
        if !filter.text.is_empty() {
            values.push(format!("%{}%", escaped(&filter.text.to_lowercase())));
            let n = values.len() + 1;
            condition += &format!(
                " AND (lower(name) LIKE ${n} ESCAPE '!' OR lower(address) LIKE ${n} ESCAPE '!' OR \
                 lower(reference) LIKE ${n} ESCAPE '!')"
            );
        }
        let (tables, _) = filter.from();
        let sql = format!("SELECT COUNT(*) AS number FROM {tables} WHERE {condition}");
        let mut query = sqlx::query(AssertSqlSafe(sql)).bind(before);
        for value in values {
            query = query.bind(value);
        }
        let mut snapshot = self.snapshot().await?;
        let number: i64 = query.fetch_one(&mut *snapshot).await?.try_get("number")?;
        let text = filter.text.to_lowercase();
        let all = usize::MAX;
        let scan = Scan { filter, before, floor: 0, most: all, segments: all, detail: Detail::List };
        let packed = segments::count(&mut snapshot, scan, |logged| self.has(logged, &text)).await?;
        snapshot.commit().await?;
        Ok(number + packed)
    }

    /// The event with a reference number, whole.
    ///
    /// # Errors
    /// When the ledger does not answer.
    pub async fn event(&self, reference: &str) -> Result<Option<LoggedEvent>, StoreError> {
        if let Some(row) = self.row(reference).await? {
            return Ok(Some(row));
        }
        // Events become part of a segment, and never a row again.
        let mut snapshot = self.snapshot().await?;
        let found = segments::quoted(&mut snapshot, reference).await?;
        snapshot.commit().await?;
        Ok(found)
    }

    /// The event with a reference number, whole, where something was stopped. Such events are never packed, so that nothing else is
    /// read, whoever asks for references that nobody was given.
    ///
    /// # Errors
    /// When the ledger does not answer.
    pub async fn stopped_event(&self, reference: &str) -> Result<Option<LoggedEvent>, StoreError> {
        Ok(self.row(reference).await?.filter(|logged| logged.event.decision != segments::DELIVERED))
    }

    /// The event with a reference number, whole, where it is a row.
    pub(crate) async fn row(&self, reference: &str) -> Result<Option<LoggedEvent>, StoreError> {
        let sql = format!("SELECT id, {COLUMNS}, {WHOLE} FROM events WHERE reference = $1");
        let row = sqlx::query(AssertSqlSafe(sql)).bind(reference.to_owned()).fetch_optional(&self.read).await?;
        row.map(|row| logged(&row)).transpose()
    }

    /// Counts since a day (days since 1970).
    ///
    /// # Errors
    /// When the ledger does not answer.
    pub async fn tallies(&self, since_day: i64) -> Result<Vec<Tally>, StoreError> {
        let rows =
            sqlx::query("SELECT day, topic, entry, number FROM tallies WHERE day >= $1 ORDER BY day, number DESC")
                .bind(since_day)
                .fetch_all(&self.read)
                .await?;
        rows.iter().map(tally).collect()
    }

    /// What is known about a registered domain.
    ///
    /// # Errors
    /// When the ledger does not answer.
    pub async fn site(&self, domain: &str) -> Result<Option<SiteHistory>, StoreError> {
        let asked = sqlx::query("SELECT first_seen, number FROM sites WHERE domain = $1").bind(domain.to_owned());
        let row = self.bounded(asked.fetch_optional(&self.read)).await?;
        row.map(|row| Ok(SiteHistory { first_seen: row.try_get("first_seen")?, number: row.try_get("number")? }))
            .transpose()
    }

    /// How many events are about a SHA-256; what was seen a thousand times is common however often it was seen. Of segments, those
    /// count that are kept in mind.
    ///
    /// # Errors
    /// When the ledger does not answer.
    pub async fn prevalence(&self, sha256: &str) -> Result<u64, StoreError> {
        // One statement, so that what is being packed counts once.
        let asked = sqlx::query(
            "SELECT (SELECT COUNT(*) FROM (SELECT 1 FROM events WHERE sha256 = $1 LIMIT 1000) AS seen) AS number, \
             COALESCE((SELECT MIN(id) FROM segments), 0) AS oldest, COALESCE((SELECT MAX(id) FROM segments), 0) AS newest",
        )
        .bind(sha256.to_owned());
        let row = self.bounded(asked.fetch_one(&self.read)).await?;
        let number = u64::try_from(row.try_get::<i64, _>("number")?).unwrap_or(0);
        if number >= COMMON {
            return Ok(COMMON);
        }
        let span = (row.try_get("oldest")?, row.try_get("newest")?);
        let packed = self.bounded(self.known.times(&self.read, sha256, span)).await?;
        Ok(number.saturating_add(packed).min(COMMON))
    }
}

/// Events of the table that fit, the newest first; where a text is looked for, those from a number on.
async fn rows(
    connection: &mut AnyConnection,
    filter: &EventFilter,
    before: i64,
    most: i64,
    end: Option<i64>,
) -> Result<Vec<LoggedEvent>, StoreError> {
    let (mut condition, mut values) = filter.condition();
    if let Some(end) = end {
        condition += &format!(" AND id >= {end}");
    }
    let (tables, number) = filter.from();
    let newest =
        |most| format!("SELECT id, {COLUMNS} FROM {tables} WHERE {condition} ORDER BY {number} DESC LIMIT {most}");
    let sql = if filter.text.is_empty() {
        format!("SELECT newest.*, '' AS report, '' AS judged FROM ({}) AS newest ORDER BY id DESC", newest(most))
    } else {
        values.push(format!("%{}%", escaped(&filter.text.to_lowercase())));
        let n = values.len() + 1;
        format!(
            "SELECT newest.*, '' AS report, '' AS judged FROM ({}) AS newest WHERE lower(name) LIKE ${n} ESCAPE '!' \
             OR lower(address) LIKE ${n} ESCAPE '!' OR lower(reference) LIKE ${n} ESCAPE '!' \
             ORDER BY id DESC LIMIT {most}",
            newest(filter.searched())
        )
    };
    let mut query = sqlx::query(AssertSqlSafe(sql)).bind(before);
    for value in values {
        query = query.bind(value);
    }
    query.fetch_all(&mut *connection).await?.iter().map(logged).collect()
}

/// Numbers of events of the table that fit but for the text, from a number on, the highest first.
async fn numbers(
    connection: &mut AnyConnection,
    filter: &EventFilter,
    before: i64,
    floor: i64,
    limit: &str,
) -> Result<Vec<i64>, StoreError> {
    let (condition, values) = filter.condition();
    let (tables, number) = filter.from();
    let from = if floor > 0 { format!(" AND id >= {floor}") } else { String::new() };
    let sql = format!("SELECT id FROM {tables} WHERE {condition}{from} ORDER BY {number} DESC LIMIT {limit}");
    let mut query = sqlx::query(AssertSqlSafe(sql)).bind(before);
    for value in values {
        query = query.bind(value);
    }
    query.fetch_all(&mut *connection).await?.iter().map(|row| Ok(row.try_get("id")?)).collect()
}
