//! Bearer tokens of the API (RFC 6750). They are shown once; only their hashes are kept.

use super::Ledger;
use super::people::{self, User};
use crate::{StoreError, fingerprint, now, secret};
use lazaret_model::AuditAct;
use serde::Serialize;
use sqlx::Row;
use sqlx::any::AnyRow;

/// What tokens begin with, so that scanners for leaked secrets know them.
const PREFIX: &str = "lazaret_";
/// Milliseconds for which a use is not written down again.
const MINUTE: i64 = 60_000;
/// Milliseconds of a day.
const DAY: i64 = 86_400_000;

/// A token in the ledger, without its secret.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct ApiToken {
    /// Its number.
    pub id: i64,
    /// What its owner calls it.
    pub name: String,
    /// The role that it speaks with; never more than its owner may by then.
    pub role: String,
    /// When it was made.
    pub created_at: i64,
    /// When it was last used, to the minute; 0 for never.
    pub used_at: i64,
    /// From when on it is worth nothing.
    pub expires_at: i64,
}

impl Ledger {
    /// Makes a token that is good until then, and returns its secret.
    ///
    /// # Errors
    /// When the ledger does not answer.
    pub async fn add_token(&self, user: i64, name: &str, role: &str, expires_at: i64) -> Result<String, StoreError> {
        let token = format!("{PREFIX}{}", secret()?);
        sqlx::query(
            "INSERT INTO tokens (user_id, name, token, role, created_at, used_at, expires_at) \
             VALUES ($1, $2, $3, $4, $5, 0, $6)",
        )
        .bind(user)
        .bind(name.to_owned())
        .bind(fingerprint(&token))
        .bind(role.to_owned())
        .bind(now())
        .bind(expires_at)
        .execute(&self.write)
        .await?;
        Ok(token)
    }

    /// The tokens of a person, the newest first.
    ///
    /// # Errors
    /// When the ledger does not answer.
    pub async fn tokens(&self, user: i64) -> Result<Vec<ApiToken>, StoreError> {
        let rows = sqlx::query(
            "SELECT id AS token_id, name AS token_name, role AS token_role, created_at AS token_created, used_at, \
             expires_at AS token_expires FROM tokens WHERE user_id = $1 ORDER BY id DESC",
        )
        .bind(user)
        .fetch_all(&self.read)
        .await?;
        rows.iter().map(token).collect()
    }

    /// Revokes a token of a person; false when they have none of that number.
    ///
    /// # Errors
    /// When the ledger does not answer.
    pub async fn revoke_token(&self, user: i64, id: i64) -> Result<bool, StoreError> {
        let done = sqlx::query("DELETE FROM tokens WHERE id = $1 AND user_id = $2")
            .bind(id)
            .bind(user)
            .execute(&self.write)
            .await?;
        Ok(done.rows_affected() == 1)
    }

    /// Whose token this is; `None` when there is none, it has expired, or its owner was shut out. The first use of a day is
    /// noted in the audit.
    ///
    /// # Errors
    /// When the ledger does not answer.
    pub async fn bearer(&self, bearer: &str) -> Result<Option<(User, ApiToken)>, StoreError> {
        let sql = format!(
            "SELECT {}, tokens.id AS token_id, tokens.name AS token_name, tokens.role AS token_role, \
             tokens.created_at AS token_created, used_at, expires_at AS token_expires FROM tokens \
             JOIN users ON users.id = tokens.user_id WHERE token = $1 AND expires_at > $2 AND disabled = 0",
            people::COLUMNS
        );
        let asked = sqlx::query(sqlx::AssertSqlSafe(sql)).bind(fingerprint(bearer)).bind(now());
        let Some(row) = asked.fetch_optional(&self.write).await? else { return Ok(None) };
        let (owner, found) = (people::user(&row)?, token(&row)?);
        if found.used_at + MINUTE < now() {
            // Of several who use it at once, one writes it down.
            let done = sqlx::query("UPDATE tokens SET used_at = $1 WHERE id = $2 AND used_at = $3")
                .bind(now())
                .bind(found.id)
                .bind(found.used_at)
                .execute(&self.write)
                .await?;
            if done.rows_affected() == 1 && found.used_at / DAY != now() / DAY {
                let detail = format!("{} ({}), for the first time today", found.name, found.id);
                self.note(&owner.name, AuditAct::TokenUsed, &detail).await?;
            }
        }
        Ok(Some((owner, found)))
    }
}

fn token(row: &AnyRow) -> Result<ApiToken, StoreError> {
    Ok(ApiToken {
        id: row.try_get("token_id")?,
        name: row.try_get("token_name")?,
        role: row.try_get("token_role")?,
        created_at: row.try_get("token_created")?,
        used_at: row.try_get("used_at")?,
        expires_at: row.try_get("token_expires")?,
    })
}
