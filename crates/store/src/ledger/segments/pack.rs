//! Moves events about what was delivered from the table into segments, in transactions so short that whoever records one meanwhile
//! hardly waits.

use super::codec::{self, MOST_EVENTS};
use super::{DAY, Ledger, LoggedEvent};
use crate::StoreError;
use crate::ledger::events::{COLUMNS, logged};
use crate::ledger::pace::{Pace, pause};
use sqlx::{AssertSqlSafe, Row};
use std::time::{Duration, Instant};

/// How long an event stays a row, in milliseconds: what pages show first and exports wait for is there.
const YOUNG: i64 = 3_600_000;
/// Events of a segment: where transactions are fast, and where they are not. Fewer wait for others to come.
const MOST: i64 = 512;
const FEWEST: i64 = 128;
/// Bytes of its events' texts.
const MOST_WEIGHT: usize = 4 << 20;
/// How long a transaction should take, and how much longer the pause behind it is.
const AIM: Duration = Duration::from_millis(40);
const PAUSES: u32 = 4;
const PACE: Pace = Pace { aim: AIM, fewest: FEWEST, most: MOST };
/// How long a round takes at the most: others wait for its end, and the next one goes on.
const ROUND: Duration = Duration::from_secs(45 * 60);

/// Events that a segment can hold: delivered, and without anything that few of these have. Those that somebody asked for are found
/// by their references with the requests.
const PLAIN: &str = "decision = 'deliver' AND report = '' AND content_blob = '' AND reason = '' \
    AND COALESCE(techniques, '') = '' \
    AND NOT EXISTS (SELECT 1 FROM requests WHERE requests.reference = events.reference)";

const _: () = assert!(MOST as usize <= MOST_EVENTS);

/// What is to be done with the events behind a place.
#[derive(Debug, PartialEq, Eq)]
enum Step {
    /// So many of them become a segment.
    Pack(usize),
    /// The first is too large for one.
    Skip,
    /// There are too few.
    Wait,
}

impl Ledger {
    /// Moves events that are an hour old into segments where they are about what was delivered, and says after each transaction how
    /// many it took. How many in all. The newest event of all stays a row, so that its number is found there.
    ///
    /// # Errors
    /// When the ledger does not answer.
    pub async fn pack(&self, now: i64, told: impl FnMut(u64) + Send) -> Result<u64, StoreError> {
        self.pack_with(now, PAUSES, told).await
    }

    /// The same with pauses that are so much longer than what is before them.
    pub(in crate::ledger) async fn pack_with(
        &self,
        now: i64,
        pauses: u32,
        mut told: impl FnMut(u64) + Send,
    ) -> Result<u64, StoreError> {
        let (old, begun) = (now.saturating_sub(YOUNG), Instant::now());
        let (mut rows, mut gone) = (MOST, 0_u64);
        while begun.elapsed() < ROUND {
            let place = self.packed_place().await?;
            let mut events = self.packable(place, old, rows).await?;
            match step(&events, rows) {
                Step::Wait => break,
                Step::Skip => {
                    let Some(first) = events.first() else { break };
                    if !self.pass(place, first.id).await? {
                        break;
                    }
                }
                Step::Pack(number) => {
                    events.truncate(number);
                    let Some(took) = self.pack_some(place, old, events).await? else { break };
                    let packed = number as u64;
                    told(packed);
                    gone += packed;
                    rows = PACE.next(rows, took);
                    pause(took, pauses).await;
                }
            }
        }
        Ok(gone)
    }

    /// The number of the last event that was looked at.
    async fn packed_place(&self) -> Result<i64, StoreError> {
        let row = sqlx::query("SELECT at FROM state WHERE name = 'packed'").fetch_one(&self.read).await?;
        Ok(row.try_get("at")?)
    }

    /// Events that may go into a segment, in the order of their numbers.
    async fn packable(&self, place: i64, old: i64, rows: i64) -> Result<Vec<LoggedEvent>, StoreError> {
        let sql = format!(
            "SELECT id, {COLUMNS}, report, COALESCE(judged, '') AS judged FROM events \
             WHERE id > $1 AND id < (SELECT MAX(id) FROM events) AND at < $2 AND {PLAIN} ORDER BY id LIMIT {rows}"
        );
        let rows = sqlx::query(AssertSqlSafe(sql)).bind(place).bind(old).fetch_all(&self.read).await?;
        rows.iter().map(logged).collect()
    }

    /// Leaves an event where it is, and goes on behind it; false where another process packs.
    async fn pass(&self, place: i64, event: i64) -> Result<bool, StoreError> {
        let done = sqlx::query("UPDATE state SET at = $1 WHERE name = 'packed' AND at = $2").bind(event).bind(place);
        Ok(done.execute(&self.write).await?.rows_affected() == 1)
    }

    /// Makes a segment of these events, which are all that there are between the first and the last; how long others waited for it.
    /// `None` where some of them are not there any more, or another process packs.
    async fn pack_some(&self, place: i64, old: i64, events: Vec<LoggedEvent>) -> Result<Option<Duration>, StoreError> {
        let (Some(first), Some(last)) = (events.first(), events.last()) else { return Ok(None) };
        let (first, last, day) = (first.id, last.id, first.event.at.div_euclid(DAY));
        let times = || events.iter().map(|logged| logged.event.at);
        let (from, to) = (times().min().unwrap_or(0), times().max().unwrap_or(0));
        let number = events.len();
        let encoded = tokio::task::spawn_blocking(move || codec::encode(&events)).await;
        let encoded = encoded.map_err(|_| StoreError::Closed)?;
        let encoded = encoded.map_err(|damage| StoreError::DamagedSegment { id: 0, found: damage.0 })?;
        let mut transaction = self.write.begin().await?;
        let start = Instant::now();
        // Whoever writes this row first is alone until the end of the transaction, in SQLite and PostgreSQL alike.
        let alone = sqlx::query("UPDATE state SET at = $1 WHERE name = 'packed' AND at = $2").bind(last).bind(place);
        if alone.execute(&mut *transaction).await?.rows_affected() != 1 {
            transaction.rollback().await?;
            return Ok(None);
        }
        let sql = format!("DELETE FROM events WHERE id >= $1 AND id <= $2 AND at < $3 AND {PLAIN}");
        let deleted = sqlx::query(AssertSqlSafe(sql)).bind(first).bind(last).bind(old);
        if deleted.execute(&mut *transaction).await?.rows_affected() != number as u64 {
            transaction.rollback().await?;
            return Ok(None);
        }
        sqlx::query(
            "INSERT INTO segments (day, first_id, last_id, from_at, to_at, number, entries, hashes, quoted, keys, texts) \
             VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11)",
        )
        .bind(day)
        .bind(first)
        .bind(last)
        .bind(from)
        .bind(to)
        .bind(number as i64)
        .bind(encoded.entries)
        .bind(encoded.hashes)
        .bind(encoded.quoted)
        .bind(encoded.keys)
        .bind(encoded.texts)
        .execute(&mut *transaction)
        .await?;
        transaction.commit().await?;
        Ok(Some(start.elapsed()))
    }
}

/// What is to be done with events of which so many were asked for. A segment is about one day.
fn step(events: &[LoggedEvent], asked: i64) -> Step {
    let Some(first) = events.first() else { return Step::Wait };
    let (day, mut weight) = (first.event.at.div_euclid(DAY), 0_usize);
    let fits = |logged: &&LoggedEvent| {
        weight = weight.saturating_add(codec::weight(&logged.event));
        weight <= MOST_WEIGHT && logged.event.at.div_euclid(DAY) == day
    };
    let number = events.iter().take_while(fits).count();
    let all = number == events.len() && (number as i64) < asked;
    match number {
        0 => Step::Skip,
        number if all && (number as i64) < FEWEST => Step::Wait,
        number => Step::Pack(number),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Event;

    fn events(number: usize, at: i64) -> Vec<LoggedEvent> {
        let event = |id| LoggedEvent { id, event: Event { at, ..Event::default() } };
        (1..).map(event).take(number).collect()
    }

    #[test]
    fn a_segment_is_of_one_day_and_of_a_size() {
        assert_eq!(step(&[], MOST), Step::Wait);
        assert_eq!(step(&events(127, 5), MOST), Step::Wait, "others will come");
        assert_eq!(step(&events(128, 5), MOST), Step::Pack(128));
        assert_eq!(step(&events(512, 5), MOST), Step::Pack(512));
        let two_days = [events(3, DAY - 1), events(300, DAY)].concat();
        assert_eq!(step(&two_days, MOST), Step::Pack(3), "its day is over");
        let mut large = events(200, 5);
        large[0].event.address = "x".repeat(MOST_WEIGHT + 1);
        assert_eq!(step(&large, MOST), Step::Skip);
        large.swap(0, 9);
        assert_eq!(step(&large, MOST), Step::Pack(9));
    }
}
