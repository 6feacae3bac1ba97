//! How often samples are in segments, kept in memory: gates ask for every file where policies look at its prevalence.

use super::codec;
use sqlx::{AnyPool, Row};
use std::collections::BTreeMap;
use std::sync::Arc;
use tokio::sync::RwLock;

/// Segments that are remembered, the newest: 4 KiB each. What is only in older ones counts as not seen.
const MOST: usize = 16_384;
/// Segments that are read at once.
const READ: i64 = 256;

/// Hashes of the samples in segments. Clones share them.
#[derive(Clone, Default)]
pub(in crate::ledger) struct Known(Arc<RwLock<BTreeMap<i64, Vec<u8>>>>);

impl Known {
    /// How many events in segments are about a SHA-256, where the oldest segment and the newest have these numbers; 0 stands for
    /// none. Those that are not known yet are read first.
    pub(in crate::ledger) async fn times(
        &self,
        read: &AnyPool,
        sha256: &str,
        (oldest, newest): (i64, i64),
    ) -> Result<u64, sqlx::Error> {
        if newest == 0 {
            return Ok(0);
        }
        let is_current = {
            let known = self.0.read().await;
            known.keys().next_back().is_some_and(|last| *last >= newest)
                && known.keys().next().is_none_or(|first| *first >= oldest)
        };
        if !is_current {
            self.catch_up(read, oldest, newest).await?;
        }
        let hash = codec::sample(sha256);
        let known = self.0.read().await;
        Ok(known.range(oldest..=newest).map(|(_, list)| codec::times(list, &hash) as u64).sum())
    }

    async fn catch_up(&self, read: &AnyPool, oldest: i64, newest: i64) -> Result<(), sqlx::Error> {
        let mut known = self.0.write().await;
        // What was forgotten is known no more.
        *known = known.split_off(&oldest);
        let first = newest.saturating_sub(MOST as i64);
        let mut last = known.keys().next_back().copied().unwrap_or(0).max(first);
        while last < newest {
            let sql = "SELECT id, hashes FROM segments WHERE id > $1 AND id <= $2 ORDER BY id LIMIT $3";
            let rows = sqlx::query(sql).bind(last).bind(newest).bind(READ).fetch_all(read).await?;
            for row in &rows {
                known.insert(row.try_get("id")?, row.try_get("hashes")?);
            }
            last = match rows.last() {
                Some(row) => row.try_get("id")?,
                None => newest,
            };
        }
        while known.len() > MOST {
            known.pop_first();
        }
        Ok(())
    }

    /// Takes segments out that were forgotten.
    pub(in crate::ledger) async fn forget(&self, ids: &[i64]) {
        let mut known = self.0.write().await;
        for id in ids {
            known.remove(id);
        }
    }
}
