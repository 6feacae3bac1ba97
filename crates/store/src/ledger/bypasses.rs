//! Hosts that administrators pass uninspected, by name.

use super::Ledger;
use super::journal::noted;
use crate::{StoreError, now};
use lazaret_model::AuditAct;
use serde::Serialize;
use sqlx::Row;

/// Hosts that there may be; more of them is a list of sites.
const MOST: i64 = 1_000;

/// A host whose TLS connections are passed uninspected.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Bypass {
    /// Its name.
    pub host: String,
    /// Since when, in milliseconds since 1970.
    pub at: i64,
    /// Who said so.
    pub who: String,
}

impl Ledger {
    /// Passes a host uninspected from now on, and notes that in the audit. Whether it is passed: not where there are a thousand
    /// already.
    ///
    /// # Errors
    /// When the ledger does not answer.
    pub async fn add_bypass(&self, host: &str, who: &str) -> Result<bool, StoreError> {
        let mut transaction = self.write.begin().await?;
        let number: i64 = sqlx::query("SELECT COUNT(*) AS number FROM bypasses")
            .fetch_one(&mut *transaction)
            .await?
            .try_get("number")?;
        if number >= MOST {
            return Ok(false);
        }
        let added =
            sqlx::query("INSERT INTO bypasses (host, at, who) VALUES ($1, $2, $3) ON CONFLICT (host) DO NOTHING")
                .bind(host.to_owned())
                .bind(now())
                .bind(who.to_owned())
                .execute(&mut *transaction)
                .await?;
        // Who says what holds already changes nothing.
        if added.rows_affected() > 0 {
            noted(&mut *transaction, who, AuditAct::BypassAdded, host).await?;
        }
        transaction.commit().await?;
        Ok(true)
    }

    /// Inspects a host again, and notes that in the audit. Whether it was passed.
    ///
    /// # Errors
    /// When the ledger does not answer.
    pub async fn remove_bypass(&self, host: &str, who: &str) -> Result<bool, StoreError> {
        let mut transaction = self.write.begin().await?;
        let removed = sqlx::query("DELETE FROM bypasses WHERE host = $1")
            .bind(host.to_owned())
            .execute(&mut *transaction)
            .await?;
        if removed.rows_affected() == 0 {
            return Ok(false);
        }
        noted(&mut *transaction, who, AuditAct::BypassRemoved, host).await?;
        transaction.commit().await?;
        Ok(true)
    }

    /// Every host that is passed, the latest first.
    ///
    /// # Errors
    /// When the ledger does not answer.
    pub async fn bypasses(&self) -> Result<Vec<Bypass>, StoreError> {
        let rows =
            sqlx::query("SELECT host, at, who FROM bypasses ORDER BY at DESC, host").fetch_all(&self.read).await?;
        rows.iter()
            .map(|row| Ok(Bypass { host: row.try_get("host")?, at: row.try_get("at")?, who: row.try_get("who")? }))
            .collect()
    }
}
