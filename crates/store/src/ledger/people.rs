//! People who use the console, their sessions, and the record of what they changed.

use super::Ledger;
use crate::{StoreError, fingerprint, now, secret};
use serde::Serialize;
use sqlx::any::AnyRow;
use sqlx::{AnyConnection, Row};

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

/// What changing a person came to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Changed {
    /// It was done.
    Done {
        /// Tokens that were withdrawn with it.
        tokens: u64,
    },
    /// There is no such person, or they are not as they should be for that any more. Nothing was changed.
    Not,
    /// Nobody with a password could change policies and people after that. Nothing was changed.
    LastAdministrator,
}

/// The role of those who must not run out.
const ADMINISTRATOR: &str = "admin";

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

    /// Changes what may change about a person: password, role and whether they are shut out. `change` gets them as they are by then,
    /// and says whether to go on: nobody's role or state is written back as it was a while ago. Whoever is shut out or gets another
    /// password or role is signed out everywhere; with another password, and when they are shut out, their tokens are withdrawn.
    ///
    /// # Errors
    /// When the ledger does not answer.
    pub async fn change_user(
        &self,
        user: i64,
        change: impl FnOnce(&mut User) -> bool + Send,
    ) -> Result<Changed, StoreError> {
        let mut transaction = self.write.begin().await?;
        alone(&mut transaction).await?;
        let changed = changed_in(&mut transaction, user, change).await?;
        if matches!(changed, Changed::Done { .. }) {
            transaction.commit().await?;
        }
        Ok(changed)
    }

    /// Signs a person out everywhere, withdraws their tokens and takes them out of the groups that a provider said; how many sessions
    /// and tokens, and groups, that were.
    ///
    /// # Errors
    /// When the ledger does not answer.
    pub async fn put_out(&self, user: i64) -> Result<u64, StoreError> {
        let mut transaction = self.write.begin().await?;
        alone(&mut transaction).await?;
        let mut ended = 0;
        for sql in [
            "DELETE FROM sessions WHERE user_id = $1",
            "DELETE FROM tokens WHERE user_id = $1",
            "DELETE FROM memberships WHERE user_id = $1",
            "DELETE FROM arrivals WHERE user_id = $1",
        ] {
            ended += sqlx::query(sql).bind(user).execute(&mut *transaction).await?.rows_affected();
        }
        transaction.commit().await?;
        Ok(ended)
    }

    /// Signs a person in who is as they were when they proved who they are: the session's secret and what forms must bring back. None
    /// when they have another password by now or are shut out. The session ends at `expires_at` at the latest; 0 for no such time.
    ///
    /// # Errors
    /// When the ledger does not answer.
    pub async fn open_session(&self, user: &User, expires_at: i64) -> Result<Option<(String, String)>, StoreError> {
        let (token, csrf) = (secret()?, secret()?);
        let mut transaction = self.write.begin().await?;
        alone(&mut transaction).await?;
        let present = present(&mut transaction, user.id).await?;
        if !present.is_some_and(|present| !present.disabled && present.password == user.password) {
            return Ok(None);
        }
        sqlx::query(
            "INSERT INTO sessions (token, user_id, csrf, created_at, seen_at, expires_at) VALUES ($1, $2, $3, $4, $4, $5)",
        )
        .bind(fingerprint(&token))
        .bind(user.id)
        .bind(csrf.clone())
        .bind(now())
        .bind(expires_at)
        .execute(&mut *transaction)
        .await?;
        transaction.commit().await?;
        Ok(Some((token, csrf)))
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
             WHERE token = $1 AND seen_at > $2 AND sessions.created_at > $3 AND disabled = 0 \
             AND (expires_at = 0 OR expires_at > $4)"
        );
        let row = sqlx::query(sqlx::AssertSqlSafe(sql))
            .bind(fingerprint(token))
            .bind(seen_after)
            .bind(created_after)
            .bind(now())
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
}

/// Whoever writes this row first is alone until the end of the transaction, in SQLite and PostgreSQL alike.
pub(super) async fn alone(connection: &mut AnyConnection) -> Result<(), StoreError> {
    sqlx::query("UPDATE state SET at = at WHERE name = 'setup'").execute(connection).await?;
    Ok(())
}

/// A person as they are within a transaction.
async fn present(connection: &mut AnyConnection, id: i64) -> Result<Option<User>, StoreError> {
    let sql = format!("SELECT {COLUMNS} FROM users WHERE users.id = $1");
    let row = sqlx::query(sqlx::AssertSqlSafe(sql)).bind(id).fetch_optional(connection).await?;
    row.as_ref().map(user).transpose()
}

/// Changes a person within a transaction that is alone.
pub(super) async fn changed_in(
    connection: &mut AnyConnection,
    id: i64,
    change: impl FnOnce(&mut User) -> bool + Send,
) -> Result<Changed, StoreError> {
    let Some(before) = present(&mut *connection, id).await? else { return Ok(Changed::Not) };
    let mut after = before.clone();
    if !change(&mut after) {
        return Ok(Changed::Not);
    }
    let is_way_in = |user: &User| user.role == ADMINISTRATOR && !user.disabled && !user.password.is_empty();
    if is_way_in(&before) && !is_way_in(&after) {
        let others = sqlx::query(
            "SELECT COUNT(*) AS number FROM users WHERE id <> $1 AND role = $2 AND disabled = 0 AND password <> ''",
        )
        .bind(id)
        .bind(ADMINISTRATOR)
        .fetch_one(&mut *connection)
        .await?;
        if others.try_get::<i64, _>("number")? == 0 {
            return Ok(Changed::LastAdministrator);
        }
    }
    let other_password = before.password != after.password;
    if other_password || before.role != after.role || before.disabled != after.disabled {
        sqlx::query("DELETE FROM sessions WHERE user_id = $1").bind(id).execute(&mut *connection).await?;
        sqlx::query("DELETE FROM arrivals WHERE user_id = $1").bind(id).execute(&mut *connection).await?;
    }
    let mut tokens = 0;
    if other_password || after.disabled {
        let done = sqlx::query("DELETE FROM tokens WHERE user_id = $1").bind(id).execute(&mut *connection).await?;
        tokens = done.rows_affected();
    }
    sqlx::query("UPDATE users SET password = $1, role = $2, disabled = $3 WHERE id = $4")
        .bind(after.password)
        .bind(after.role)
        .bind(i64::from(after.disabled))
        .bind(id)
        .execute(connection)
        .await?;
    Ok(Changed::Done { tokens })
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
