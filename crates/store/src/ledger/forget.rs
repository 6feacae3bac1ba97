//! Forgets events for their age, in pieces so small that whoever records one meanwhile hardly waits.
//!
//! How old an event is, is not left to its own time alone, since clocks jump. Each day a **mark** notes which event was the
//! newest: whatever has a smaller number was there by then. What came after the mark is never forgotten, even where its time
//! says 1970, and what came before is, even where its time lies ahead. Segments go as a whole, once everything in them may.

use super::Ledger;
use super::pace::{Pace, pause};
use crate::StoreError;
use sqlx::{AssertSqlSafe, Row};
use std::time::{Duration, Instant};

/// Milliseconds of a day.
const DAY: i64 = 86_400_000;
/// How long a transaction should take, and how much longer the pause behind it is.
const AIM: Duration = Duration::from_millis(20);
const PAUSES: u32 = 4;
/// Events in one transaction: at first, and between which numbers that is settled by how long they take.
const FIRST: i64 = 32;
const FEWEST: i64 = 4;
const MOST: i64 = 256;
const PACE: Pace = Pace { aim: AIM, fewest: FEWEST, most: MOST };
/// Segments in one transaction at first.
const FIRST_SEGMENTS: i64 = 8;
/// Pieces in a row without anything old, after which a round ends where no mark is old enough to say what is.
const FRUITLESS: usize = 40;

/// Which events are to be forgotten.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Old {
    /// The number of the last one that may be.
    last: i64,
    /// Those from before this time.
    before: i64,
    /// And those from after this one, which lies ahead.
    ahead: i64,
    /// The time of the mark that says so; none where there is none that is old enough.
    mark: Option<i64>,
}

impl Ledger {
    /// Notes which event is the newest, once a day. To be called while the clock is believed.
    ///
    /// # Errors
    /// When the ledger does not answer.
    pub async fn mark(&self, now: i64) -> Result<(), StoreError> {
        // A mark that lies ahead was made by a clock that was wrong.
        sqlx::query("DELETE FROM marks WHERE at > $1").bind(now.saturating_add(DAY)).execute(&self.write).await?;
        if self.last_mark().await?.is_some_and(|last| now.saturating_sub(last) < DAY) {
            return Ok(());
        }
        let newest = sqlx::query("SELECT id FROM events ORDER BY id DESC LIMIT 1").fetch_optional(&self.write).await?;
        let newest: i64 = newest.map_or(Ok(0), |row| row.try_get("id"))?;
        sqlx::query("INSERT INTO marks (at, event) VALUES ($1, $2) ON CONFLICT (at) DO NOTHING")
            .bind(now)
            .bind(newest)
            .execute(&self.write)
            .await?;
        Ok(())
    }

    /// When the newest mark was made, in milliseconds since 1970.
    ///
    /// # Errors
    /// When the ledger does not answer.
    pub async fn last_mark(&self) -> Result<Option<i64>, StoreError> {
        let row = sqlx::query("SELECT at FROM marks ORDER BY at DESC LIMIT 1").fetch_optional(&self.write).await?;
        row.map(|row| Ok(row.try_get("at")?)).transpose()
    }

    /// Forgets events that are older than some days, and says after each transaction how many it took. How many in all; none
    /// before there is a mark.
    ///
    /// # Errors
    /// When the ledger does not answer.
    pub async fn forget_events(
        &self,
        now: i64,
        days: u32,
        mut told: impl FnMut(u64) + Send,
    ) -> Result<u64, StoreError> {
        let before = now.saturating_sub(i64::from(days).saturating_mul(DAY));
        let Some(old) = self.old(now, before).await? else { return Ok(0) };
        let mut gone = self.forget_segments(old, &mut told).await?;
        let (mut after, mut rows, mut fruitless) = (0_i64, FIRST, 0_usize);
        loop {
            let sql = format!(
                "SELECT id FROM events WHERE id > $1 AND id <= $2 ORDER BY id LIMIT 1 OFFSET {}",
                rows.saturating_sub(1)
            );
            let end = sqlx::query(AssertSqlSafe(sql)).bind(after).bind(old.last).fetch_optional(&self.read).await?;
            let end: Option<i64> = end.map(|row| row.try_get("id")).transpose()?;
            let start = Instant::now();
            let deleted = sqlx::query("DELETE FROM events WHERE id > $1 AND id <= $2 AND (at < $3 OR at > $4)")
                .bind(after)
                .bind(end.unwrap_or(old.last))
                .bind(old.before)
                .bind(old.ahead)
                .execute(&self.write)
                .await?
                .rows_affected();
            let took = start.elapsed();
            if deleted > 0 {
                told(deleted);
                gone += deleted;
            }
            fruitless = if deleted > 0 { 0 } else { fruitless + 1 };
            let Some(end) = end.filter(|_| old.mark.is_some() || fruitless < FRUITLESS) else { break };
            after = end;
            rows = PACE.next(rows, took);
            pause(took, PAUSES).await;
        }
        if let Some(mark) = old.mark {
            // Older ones say nothing that this one does not.
            sqlx::query("DELETE FROM marks WHERE at < $1").bind(mark).execute(&self.write).await?;
        }
        Ok(gone)
    }

    /// Forgets segments in which everything may be forgotten; how many events that were.
    async fn forget_segments(&self, old: Old, told: &mut (impl FnMut(u64) + Send)) -> Result<u64, StoreError> {
        let (mut rows, mut gone) = (FIRST_SEGMENTS, 0_u64);
        loop {
            let start = Instant::now();
            let deleted = sqlx::query(AssertSqlSafe(forgetting(rows))).bind(old.last).bind(old.before).bind(old.ahead);
            let deleted = deleted.fetch_all(&self.write).await?;
            let took = start.elapsed();
            let (mut ids, mut events) = (Vec::with_capacity(deleted.len()), 0_u64);
            for row in &deleted {
                ids.push(row.try_get::<i64, _>("id")?);
                events += u64::try_from(row.try_get::<i64, _>("number")?).unwrap_or(0);
            }
            if ids.is_empty() {
                return Ok(gone);
            }
            self.known.forget(&ids).await;
            told(events);
            gone += events;
            rows = PACE.next(rows, took);
            pause(took, PAUSES).await;
        }
    }

    /// Which events are from before a time; none where nothing is known.
    async fn old(&self, now: i64, before: i64) -> Result<Option<Old>, StoreError> {
        let mark = sqlx::query("SELECT at, event FROM marks WHERE at <= $1 ORDER BY at DESC LIMIT 1").bind(before);
        if let Some(row) = mark.fetch_optional(&self.write).await? {
            let (mark, last) = (Some(row.try_get("at")?), row.try_get("event")?);
            return Ok(Some(Old { last, before, ahead: now.saturating_add(DAY), mark }));
        }
        // What was there before the first mark has nothing but its own time.
        let first = sqlx::query("SELECT event FROM marks ORDER BY at LIMIT 1").fetch_optional(&self.write).await?;
        first.map(|row| Ok(Old { last: row.try_get("event")?, before, ahead: i64::MAX, mark: None })).transpose()
    }
}

/// Deletes so many segments. In the order of their events' numbers, so that an index tells where to end: whoever records waits meanwhile.
fn forgetting(rows: i64) -> String {
    format!(
        "DELETE FROM segments WHERE id IN (SELECT id FROM segments WHERE last_id <= $1 AND (to_at < $2 OR from_at > $3) \
         ORDER BY last_id LIMIT {rows}) RETURNING id, number"
    )
}

#[cfg(test)]
mod tests;
