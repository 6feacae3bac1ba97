//! How the first administrator is made: by a secret that whichever process printed, and once for all of them.

use super::{Ledger, NewUser};
use crate::{StoreError, fingerprint, secret};
use sqlx::Row;

impl Ledger {
    /// A secret by which the first administrator may be made until a time, in milliseconds since 1970; `None` when there is
    /// somebody already.
    ///
    /// # Errors
    /// When the ledger does not answer.
    pub async fn setup_secret(&self, now: i64, until: i64) -> Result<Option<String>, StoreError> {
        if !self.users().await?.is_empty() {
            return Ok(None);
        }
        let secret = secret()?;
        sqlx::query("DELETE FROM setup_links WHERE expires_at <= $1").bind(now).execute(&self.write).await?;
        sqlx::query("INSERT INTO setup_links (token, expires_at) VALUES ($1, $2)")
            .bind(fingerprint(&secret))
            .bind(until)
            .execute(&self.write)
            .await?;
        Ok(Some(secret))
    }

    /// Whether the first administrator may still be made by a secret.
    ///
    /// # Errors
    /// When the ledger does not answer.
    pub async fn is_setup_secret(&self, secret: &str, now: i64) -> Result<bool, StoreError> {
        let row = sqlx::query(
            "SELECT token FROM setup_links WHERE token = $1 AND expires_at > $2 AND NOT EXISTS (SELECT 1 FROM users)",
        )
        .bind(fingerprint(secret))
        .bind(now)
        .fetch_optional(&self.write)
        .await?;
        Ok(row.is_some())
    }

    /// Makes the first administrator; false when the secret is wrong, has expired or was used, or there is somebody already.
    /// With it all such secrets end, those that other processes printed as well.
    ///
    /// # Errors
    /// When the ledger does not answer.
    pub async fn add_first_user(&self, user: &NewUser, secret: &str, now: i64) -> Result<bool, StoreError> {
        let mut transaction = self.write.begin().await?;
        // Whoever writes this row first is alone until the end of the transaction, in SQLite and PostgreSQL alike.
        sqlx::query("UPDATE state SET at = $1 WHERE name = 'setup'").bind(now).execute(&mut *transaction).await?;
        let known = sqlx::query("DELETE FROM setup_links WHERE token = $1 AND expires_at > $2")
            .bind(fingerprint(secret))
            .bind(now)
            .execute(&mut *transaction)
            .await?
            .rows_affected();
        let users = sqlx::query("SELECT COUNT(*) AS number FROM users").fetch_one(&mut *transaction).await?;
        if known == 0 || users.try_get::<i64, _>("number")? > 0 {
            return Ok(false);
        }
        sqlx::query("DELETE FROM setup_links").execute(&mut *transaction).await?;
        sqlx::query(
            "INSERT INTO users (name, password, totp, totp_used, role, created_at, failures, locked_until, disabled) \
             VALUES ($1, $2, '', 0, $3, $4, 0, 0, 0)",
        )
        .bind(user.name.clone())
        .bind(user.password.clone())
        .bind(user.role.clone())
        .bind(now)
        .execute(&mut *transaction)
        .await?;
        transaction.commit().await?;
        Ok(true)
    }
}
