//! What pages ask for in one go.

use super::Ledger;
use super::events::{self, EventFilter, LoggedEvent, Tally};
use super::requests::{self, ReleaseRequest};
use super::segments::{self, Detail, Scan};
use crate::StoreError;
use sqlx::{AssertSqlSafe, Row};

impl Ledger {
    /// The newest events, whole.
    ///
    /// # Errors
    /// When the ledger does not answer.
    pub async fn recent(&self, most: i64) -> Result<Vec<LoggedEvent>, StoreError> {
        let sql = format!("SELECT id, {}, {} FROM events ORDER BY id DESC LIMIT $1", events::COLUMNS, events::WHOLE);
        let mut snapshot = self.snapshot().await?;
        let rows = sqlx::query(AssertSqlSafe(sql)).bind(most).fetch_all(&mut *snapshot).await?;
        let rows: Vec<LoggedEvent> = rows.iter().map(events::logged).collect::<Result<_, _>>()?;
        let (any, most) = (EventFilter::default(), usize::try_from(most).unwrap_or(0));
        let floor = if rows.len() < most { 0 } else { rows.last().map_or(0, |oldest| oldest.id) };
        let scan = Scan { filter: &any, before: i64::MAX, floor, most, segments: usize::MAX, detail: Detail::Whole };
        let packed = segments::newest(&mut snapshot, scan).await?;
        snapshot.commit().await?;
        Ok(segments::merged(rows, packed.events, most))
    }

    /// Requests as [`Ledger::requests`] lists them, each with the name of the file that was asked for.
    ///
    /// # Errors
    /// When the ledger does not answer.
    pub async fn named_requests(&self, most: i64) -> Result<Vec<(ReleaseRequest, String)>, StoreError> {
        let sql = format!(
            "SELECT {}, COALESCE((SELECT name FROM events WHERE events.reference = requests.reference), '') AS file \
             FROM requests ORDER BY CASE WHEN state = 'open' THEN 0 ELSE 1 END, id DESC LIMIT $1",
            requests::COLUMNS
        );
        let rows = sqlx::query(AssertSqlSafe(sql)).bind(most).fetch_all(&self.read).await?;
        rows.iter().map(|row| Ok((requests::request(row)?, row.try_get("file")?))).collect()
    }

    /// Requests for one event, the newest first.
    ///
    /// # Errors
    /// When the ledger does not answer.
    pub async fn requests_for(&self, reference: &str) -> Result<Vec<ReleaseRequest>, StoreError> {
        let sql = format!("SELECT {} FROM requests WHERE reference = $1 ORDER BY id DESC LIMIT 100", requests::COLUMNS);
        let rows = sqlx::query(AssertSqlSafe(sql)).bind(reference.to_owned()).fetch_all(&self.read).await?;
        rows.iter().map(requests::request).collect()
    }

    /// How many requests nobody has decided yet.
    ///
    /// # Errors
    /// When the ledger does not answer.
    pub async fn waiting(&self) -> Result<i64, StoreError> {
        let row =
            sqlx::query("SELECT COUNT(*) AS number FROM requests WHERE state = 'open'").fetch_one(&self.read).await?;
        Ok(row.try_get("number")?)
    }

    /// How often what was decided, for every day since one (days since 1970).
    ///
    /// # Errors
    /// When the ledger does not answer.
    pub async fn decisions(&self, since_day: i64) -> Result<Vec<Tally>, StoreError> {
        let rows = sqlx::query(
            "SELECT day, topic, entry, number FROM tallies WHERE day >= $1 AND topic = 'decision' ORDER BY day",
        )
        .bind(since_day)
        .fetch_all(&self.read)
        .await?;
        rows.iter().map(events::tally).collect()
    }

    /// What was stopped most since a day, by `domain` or by `policy`.
    ///
    /// # Errors
    /// When the ledger does not answer.
    pub async fn ranking(&self, topic: &str, since_day: i64, most: i64) -> Result<Vec<(String, i64)>, StoreError> {
        let rows = sqlx::query(
            "SELECT entry, CAST(SUM(number) AS BIGINT) AS number FROM tallies WHERE day >= $1 AND topic = $2 \
             GROUP BY entry ORDER BY 2 DESC, entry LIMIT $3",
        )
        .bind(since_day)
        .bind(topic.to_owned())
        .bind(most)
        .fetch_all(&self.read)
        .await?;
        rows.iter().map(|row| Ok((row.try_get("entry")?, row.try_get("number")?))).collect()
    }
}
