//! Policies that people wrote in the console, with their history.

use super::Ledger;
use super::journal::noted;
use crate::{StoreError, now};
use lazaret_model::AuditAct;
use serde::Serialize;
use sqlx::Row;
use sqlx::any::AnyRow;

/// One version of the policies. The newest is in force.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct PolicyVersion {
    /// Its number.
    pub id: i64,
    /// The version that it followed; 0 for none.
    pub base: i64,
    /// When it was saved.
    pub at: i64,
    /// By whom.
    pub who: String,
    /// What they said about it.
    pub note: String,
    /// The policies; empty for the built-in ones, and in lists.
    pub text: String,
}

/// A version to save.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct NewPolicies {
    /// The version that was changed; 0 for none.
    pub base: i64,
    /// Who saves it.
    pub who: String,
    /// What they say about it.
    pub note: String,
    /// The policies; empty for the built-in ones.
    pub text: String,
}

impl Ledger {
    /// Saves a version and notes it in the audit. Returns its number; `None` when somebody has saved another one since
    /// the version that was changed.
    ///
    /// # Errors
    /// When the ledger does not answer.
    pub async fn save_policies(&self, new: &NewPolicies) -> Result<Option<i64>, StoreError> {
        let mut transaction = self.write.begin().await?;
        let row = sqlx::query(
            "INSERT INTO policy_versions (base, at, who, note, text) VALUES ($1, $2, $3, $4, $5) \
             ON CONFLICT (base) DO NOTHING RETURNING id",
        )
        .bind(new.base)
        .bind(now())
        .bind(new.who.clone())
        .bind(new.note.clone())
        .bind(new.text.clone())
        .fetch_optional(&mut *transaction)
        .await?;
        let Some(row) = row else { return Ok(None) };
        let id: i64 = row.try_get("id")?;
        noted(&mut *transaction, &new.who, AuditAct::PoliciesChanged, &format!("version {id}: {}", new.note)).await?;
        transaction.commit().await?;
        Ok(Some(id))
    }

    /// The version in force; `None` when none was ever saved.
    ///
    /// # Errors
    /// When the ledger does not answer.
    pub async fn newest_policies(&self) -> Result<Option<PolicyVersion>, StoreError> {
        let row = sqlx::query("SELECT id, base, at, who, note, text FROM policy_versions ORDER BY id DESC LIMIT 1")
            .fetch_optional(&self.read)
            .await?;
        row.as_ref().map(version).transpose()
    }

    /// A version by its number.
    ///
    /// # Errors
    /// When the ledger does not answer.
    pub async fn policies_of(&self, id: i64) -> Result<Option<PolicyVersion>, StoreError> {
        let row = sqlx::query("SELECT id, base, at, who, note, text FROM policy_versions WHERE id = $1")
            .bind(id)
            .fetch_optional(&self.read)
            .await?;
        row.as_ref().map(version).transpose()
    }

    /// Versions without their texts, the newest first.
    ///
    /// # Errors
    /// When the ledger does not answer.
    pub async fn policy_history(&self, most: i64) -> Result<Vec<PolicyVersion>, StoreError> {
        let rows =
            sqlx::query("SELECT id, base, at, who, note, '' AS text FROM policy_versions ORDER BY id DESC LIMIT $1")
                .bind(most)
                .fetch_all(&self.read)
                .await?;
        rows.iter().map(version).collect()
    }
}

fn version(row: &AnyRow) -> Result<PolicyVersion, StoreError> {
    Ok(PolicyVersion {
        id: row.try_get("id")?,
        base: row.try_get("base")?,
        at: row.try_get("at")?,
        who: row.try_get("who")?,
        note: row.try_get("note")?,
        text: row.try_get("text")?,
    })
}
