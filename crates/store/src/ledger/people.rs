//! People who use the console, their sessions, and the record of what they changed.

use super::Ledger;
use crate::{StoreError, fingerprint, now, secret};
use serde::Serialize;
use sqlx::Row;
use sqlx::any::AnyRow;

/// A person to add.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NewUser {
    /// Name to sign in with.
    pub name: String,
    /// The password's hash, in the PHC string format.
    pub password: String,
    /// Role name.
    pub role: String,
}

/// A person.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct User {
    /// Number.
    pub id: i64,
    /// Name to sign in with.
    pub name: String,
    /// The password's hash, in the PHC string format.
    #[serde(skip)]
    pub password: String,
    /// The secret of one-time passwords as it is kept, see [`Ledger::totp_secret`]; empty for none.
    #[serde(skip)]
    pub totp: String,
    /// The time step of the last one-time password that was used.
    #[serde(skip)]
    pub totp_used: i64,
    /// Role name.
    pub role: String,
    /// When they were added.
    pub created_at: i64,
    /// Failed attempts to sign in since the last success.
    pub failures: i64,
    /// Until when nobody can sign in under this name.
    pub locked_until: i64,
    /// Whether they were shut out.
    pub disabled: bool,
}

/// Somebody who is signed in.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Session {
    /// Who.
    pub user: User,
    /// What forms must bring back.
    pub csrf: String,
}

/// One change that somebody made.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct AuditEntry {
    /// Number.
    pub id: i64,
    /// When.
    pub at: i64,
    /// Who.
    pub who: String,
    /// What they did.
    pub what: String,
    /// To what, and how.
    pub detail: String,
}

pub(super) const COLUMNS: &str =
    "users.id, users.name, password, totp, totp_used, users.role, users.created_at, failures, locked_until, disabled";

impl Ledger {
    /// Adds a person; false when there is one of that name.
    ///
    /// # Errors
    /// When the ledger does not answer.
    pub async fn add_user(&self, user: &NewUser) -> Result<bool, StoreError> {
        let done = sqlx::query(
            "INSERT INTO users (name, password, totp, totp_used, role, created_at, failures, locked_until, disabled) \
             VALUES ($1, $2, '', 0, $3, $4, 0, 0, 0) ON CONFLICT (name) DO NOTHING",
        )
        .bind(user.name.clone())
        .bind(user.password.clone())
        .bind(user.role.clone())
        .bind(now())
        .execute(&self.write)
        .await?;
        Ok(done.rows_affected() == 1)
    }

    /// Everybody, by name.
    ///
    /// # Errors
    /// When the ledger does not answer.
    pub async fn users(&self) -> Result<Vec<User>, StoreError> {
        let sql = format!("SELECT {COLUMNS} FROM users ORDER BY name");
        let rows = sqlx::query(sqlx::AssertSqlSafe(sql)).fetch_all(&self.read).await?;
        rows.iter().map(user).collect()
    }

    /// The person of a name.
    ///
    /// # Errors
    /// When the ledger does not answer.
    pub async fn user(&self, name: &str) -> Result<Option<User>, StoreError> {
        let sql = format!("SELECT {COLUMNS} FROM users WHERE name = $1");
        let row = sqlx::query(sqlx::AssertSqlSafe(sql)).bind(name.to_owned()).fetch_optional(&self.write).await?;
        row.as_ref().map(user).transpose()
    }

    /// Writes back what may change about a person: password, role and whether they are shut out. Whoever is shut out or
    /// gets another password or role is signed out everywhere; with another password, and when they are shut out, their tokens
    /// are withdrawn. How many that were.
    ///
    /// # Errors
    /// When the ledger does not answer.
    pub async fn change_user(&self, changed: &User) -> Result<u64, StoreError> {
        let mut transaction = self.write.begin().await?;
        sqlx::query(
            "DELETE FROM sessions WHERE user_id = $1 AND EXISTS (SELECT 1 FROM users WHERE users.id = $1 \
             AND (password <> $2 OR role <> $3 OR disabled <> $4))",
        )
        .bind(changed.id)
        .bind(changed.password.clone())
        .bind(changed.role.clone())
        .bind(i64::from(changed.disabled))
        .execute(&mut *transaction)
        .await?;
        let withdrawn = sqlx::query(
            "DELETE FROM tokens WHERE user_id = $1 AND ($3 = 1 OR EXISTS (SELECT 1 FROM users WHERE users.id = $1 \
             AND password <> $2))",
        )
        .bind(changed.id)
        .bind(changed.password.clone())
        .bind(i64::from(changed.disabled))
        .execute(&mut *transaction)
        .await?;
        sqlx::query("UPDATE users SET password = $1, role = $2, disabled = $3 WHERE id = $4")
            .bind(changed.password.clone())
            .bind(changed.role.clone())
            .bind(i64::from(changed.disabled))
            .bind(changed.id)
            .execute(&mut *transaction)
            .await?;
        transaction.commit().await?;
        Ok(withdrawn.rows_affected())
    }

    /// Signs a person in: the session's secret and what forms must bring back.
    ///
    /// # Errors
    /// When the ledger does not answer.
    pub async fn open_session(&self, user: i64) -> Result<(String, String), StoreError> {
        let (token, csrf) = (secret()?, secret()?);
        sqlx::query("INSERT INTO sessions (token, user_id, csrf, created_at, seen_at) VALUES ($1, $2, $3, $4, $4)")
            .bind(fingerprint(&token))
            .bind(user)
            .bind(csrf.clone())
            .bind(now())
            .execute(&self.write)
            .await?;
        Ok((token, csrf))
    }

    /// Who is signed in with a secret, if it was used after `seen_after` and made after `created_after`.
    ///
    /// # Errors
    /// When the ledger does not answer.
    pub async fn session(
        &self,
        token: &str,
        seen_after: i64,
        created_after: i64,
    ) -> Result<Option<Session>, StoreError> {
        let sql = format!(
            "SELECT {COLUMNS}, csrf, seen_at FROM sessions JOIN users ON users.id = sessions.user_id \
             WHERE token = $1 AND seen_at > $2 AND sessions.created_at > $3 AND disabled = 0"
        );
        let row = sqlx::query(sqlx::AssertSqlSafe(sql))
            .bind(fingerprint(token))
            .bind(seen_after)
            .bind(created_after)
            .fetch_optional(&self.read)
            .await?;
        let Some(row) = row else { return Ok(None) };
        // Once a minute is enough to know that it is in use.
        let seen: i64 = row.try_get("seen_at")?;
        if seen + 60_000 < now() {
            sqlx::query("UPDATE sessions SET seen_at = $1 WHERE token = $2")
                .bind(now())
                .bind(fingerprint(token))
                .execute(&self.write)
                .await?;
        }
        Ok(Some(Session { user: user(&row)?, csrf: row.try_get("csrf")? }))
    }

    /// Signs a session out.
    ///
    /// # Errors
    /// When the ledger does not answer.
    pub async fn close_session(&self, token: &str) -> Result<(), StoreError> {
        sqlx::query("DELETE FROM sessions WHERE token = $1").bind(fingerprint(token)).execute(&self.write).await?;
        Ok(())
    }

    /// Writes down a change.
    ///
    /// # Errors
    /// When the ledger does not answer.
    pub async fn note(&self, who: &str, what: &str, detail: &str) -> Result<(), StoreError> {
        sqlx::query("INSERT INTO audit (at, who, what, detail) VALUES ($1, $2, $3, $4)")
            .bind(now())
            .bind(who.to_owned())
            .bind(what.to_owned())
            .bind(detail.to_owned())
            .execute(&self.write)
            .await?;
        Ok(())
    }

    /// The newest changes.
    ///
    /// # Errors
    /// When the ledger does not answer.
    pub async fn audit(&self, most: i64) -> Result<Vec<AuditEntry>, StoreError> {
        let rows = sqlx::query("SELECT id, at, who, what, detail FROM audit ORDER BY id DESC LIMIT $1")
            .bind(most)
            .fetch_all(&self.read)
            .await?;
        let entry = |row: &AnyRow| {
            Ok(AuditEntry {
                id: row.try_get("id")?,
                at: row.try_get("at")?,
                who: row.try_get("who")?,
                what: row.try_get("what")?,
                detail: row.try_get("detail")?,
            })
        };
        rows.iter().map(entry).collect()
    }
}

pub(super) fn user(row: &AnyRow) -> Result<User, StoreError> {
    Ok(User {
        id: row.try_get("id")?,
        name: row.try_get("name")?,
        password: row.try_get("password")?,
        totp: row.try_get("totp")?,
        totp_used: row.try_get("totp_used")?,
        role: row.try_get("role")?,
        created_at: row.try_get("created_at")?,
        failures: row.try_get("failures")?,
        locked_until: row.try_get("locked_until")?,
        disabled: row.try_get::<i64, _>("disabled")? != 0,
    })
}
