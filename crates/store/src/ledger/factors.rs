//! The second factor of people who sign in: one-time passwords and recovery codes, and failed attempts. Everything here
//! is one statement or transaction, so that attempts made at once are all counted and nothing is used twice.

use super::Ledger;
use crate::{StoreError, fingerprint, now};
use sqlx::Row;

impl Ledger {
    /// Gives a person a secret for one-time passwords (RFC 6238, in Base32), whose time steps up to `step` are used, and
    /// recovery codes in place of any they had.
    ///
    /// # Errors
    /// When the ledger does not answer.
    pub async fn set_totp(&self, user: i64, secret: &str, step: i64, codes: &[String]) -> Result<(), StoreError> {
        let secret = self.sealed(user, secret)?;
        let mut transaction = self.write.begin().await?;
        sqlx::query("UPDATE users SET totp = $1, totp_used = $2 WHERE id = $3")
            .bind(secret)
            .bind(step)
            .bind(user)
            .execute(&mut *transaction)
            .await?;
        sqlx::query("DELETE FROM recovery_codes WHERE user_id = $1").bind(user).execute(&mut *transaction).await?;
        for code in codes {
            sqlx::query("INSERT INTO recovery_codes (user_id, code) VALUES ($1, $2)")
                .bind(user)
                .bind(fingerprint(code))
                .execute(&mut *transaction)
                .await?;
        }
        transaction.commit().await?;
        Ok(())
    }

    /// Uses up a time step of a person's one-time passwords; false when it or a later one was used before.
    ///
    /// # Errors
    /// When the ledger does not answer.
    pub async fn use_totp_step(&self, user: i64, step: i64) -> Result<bool, StoreError> {
        let done = sqlx::query("UPDATE users SET totp_used = $1 WHERE id = $2 AND totp_used < $1 AND totp <> ''")
            .bind(step)
            .bind(user)
            .execute(&self.write)
            .await?;
        Ok(done.rows_affected() == 1)
    }

    /// Uses up a recovery code; false when there is none such.
    ///
    /// # Errors
    /// When the ledger does not answer.
    pub async fn use_recovery_code(&self, user: i64, code: &str) -> Result<bool, StoreError> {
        let done = sqlx::query("DELETE FROM recovery_codes WHERE user_id = $1 AND code = $2")
            .bind(user)
            .bind(fingerprint(code))
            .execute(&self.write)
            .await?;
        Ok(done.rows_affected() == 1)
    }

    /// How many recovery codes a person has left.
    ///
    /// # Errors
    /// When the ledger does not answer.
    pub async fn recovery_codes(&self, user: i64) -> Result<i64, StoreError> {
        let row = sqlx::query("SELECT COUNT(*) AS number FROM recovery_codes WHERE user_id = $1")
            .bind(user)
            .fetch_one(&self.read)
            .await?;
        Ok(row.try_get("number")?)
    }

    /// Counts a failed attempt to sign in. The `most`th locks the name for `lock` milliseconds; then the answer is true.
    ///
    /// # Errors
    /// When the ledger does not answer.
    pub async fn count_failure(&self, user: i64, most: i64, lock: i64) -> Result<bool, StoreError> {
        let done = sqlx::query(
            "UPDATE users SET locked_until = CASE WHEN failures + 1 >= $1 THEN $2 ELSE locked_until END, \
             failures = CASE WHEN failures + 1 >= $1 THEN 0 ELSE failures + 1 END WHERE id = $3 RETURNING failures",
        )
        .bind(most)
        .bind(now() + lock)
        .bind(user)
        .fetch_optional(&self.write)
        .await?;
        Ok(done.map(|row| row.try_get::<i64, _>("failures")).transpose()? == Some(0))
    }

    /// Forgets the failed attempts of somebody who signed in.
    ///
    /// # Errors
    /// When the ledger does not answer.
    pub async fn forget_failures(&self, user: i64) -> Result<(), StoreError> {
        sqlx::query("UPDATE users SET failures = 0 WHERE id = $1 AND failures > 0")
            .bind(user)
            .execute(&self.write)
            .await?;
        Ok(())
    }
}
