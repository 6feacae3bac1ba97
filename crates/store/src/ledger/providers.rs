//! People who sign in through a provider: their accounts there, and the groups that it said they are in.

use super::people::{self, COLUMNS, Changed, User, alone, changed_in};
use super::{Ledger, NewUser};
use crate::{StoreError, now};
use sqlx::Row;

/// What a provider said of somebody at a time.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Vouched<'a> {
    /// Who said it.
    pub issuer: &'a str,
    /// Whose account there it is.
    pub subject: &'a str,
    /// When, in milliseconds since 1970.
    pub at: i64,
    /// The role that they have; none where the provider says nothing about that.
    pub role: Option<&'a str>,
    /// The groups that they are in.
    pub groups: &'a [String],
}

impl Ledger {
    /// Whose account this is at a provider.
    ///
    /// # Errors
    /// When the ledger does not answer.
    pub async fn provided_user(&self, issuer: &str, subject: &str) -> Result<Option<User>, StoreError> {
        let sql = format!(
            "SELECT {COLUMNS} FROM provider_accounts JOIN users ON users.id = provider_accounts.user_id \
             WHERE issuer = $1 AND subject = $2"
        );
        let row = sqlx::query(sqlx::AssertSqlSafe(sql))
            .bind(issuer.to_owned())
            .bind(subject.to_owned())
            .fetch_optional(&self.write)
            .await?;
        row.as_ref().map(people::user).transpose()
    }

    /// Binds a person to an account at a provider that vouched for them at a time; false when the account or the person is bound already.
    ///
    /// # Errors
    /// When the ledger does not answer.
    pub async fn bind_account(&self, user: i64, issuer: &str, subject: &str, at: i64) -> Result<bool, StoreError> {
        let done = sqlx::query(
            "INSERT INTO provider_accounts (issuer, subject, user_id, at) VALUES ($1, $2, $3, $4) ON CONFLICT DO NOTHING",
        )
        .bind(issuer.to_owned())
        .bind(subject.to_owned())
        .bind(user)
        .bind(at)
        .execute(&self.write)
        .await?;
        Ok(done.rows_affected() == 1)
    }

    /// Whether a person is bound to an account at a provider.
    ///
    /// # Errors
    /// When the ledger does not answer.
    pub async fn is_bound(&self, user: i64) -> Result<bool, StoreError> {
        let row = sqlx::query("SELECT user_id FROM provider_accounts WHERE user_id = $1")
            .bind(user)
            .fetch_optional(&self.write)
            .await?;
        Ok(row.is_some())
    }

    /// Forgets a person's account at a provider, so that they may be bound to another; false when they have none.
    ///
    /// # Errors
    /// When the ledger does not answer.
    pub async fn forget_account(&self, user: i64) -> Result<bool, StoreError> {
        let done =
            sqlx::query("DELETE FROM provider_accounts WHERE user_id = $1").bind(user).execute(&self.write).await?;
        Ok(done.rows_affected() > 0)
    }

    /// Gives a person who is bound to an account the role and the groups that the provider said, and no others that one said. Nothing
    /// is changed ([`Changed::Not`]) when they are not bound to it, are shut out, or it said something later already.
    ///
    /// # Errors
    /// When the ledger does not answer.
    pub async fn vouched(&self, user: i64, said: &Vouched<'_>) -> Result<Changed, StoreError> {
        let mut transaction = self.write.begin().await?;
        alone(&mut transaction).await?;
        // What is noted from a time to come was noted by a clock that was wrong.
        let newest = sqlx::query(
            "UPDATE provider_accounts SET at = $1 WHERE issuer = $2 AND subject = $3 AND user_id = $4 \
             AND (at <= $1 OR at > $5)",
        )
        .bind(said.at)
        .bind(said.issuer.to_owned())
        .bind(said.subject.to_owned())
        .bind(user)
        .bind(now())
        .execute(&mut *transaction)
        .await?;
        if newest.rows_affected() == 0 {
            return Ok(Changed::Not);
        }
        let change = |user: &mut User| {
            if let Some(role) = said.role {
                role.clone_into(&mut user.role);
            }
            !user.disabled
        };
        let changed = changed_in(&mut transaction, user, change).await?;
        if !matches!(changed, Changed::Done { .. }) {
            return Ok(changed);
        }
        sqlx::query("DELETE FROM memberships WHERE user_id = $1").bind(user).execute(&mut *transaction).await?;
        for group in said.groups {
            sqlx::query("INSERT INTO memberships (user_id, name) VALUES ($1, $2) ON CONFLICT DO NOTHING")
                .bind(user)
                .bind(group.clone())
                .execute(&mut *transaction)
                .await?;
        }
        transaction.commit().await?;
        Ok(changed)
    }

    /// Adds a person with their account at a provider that vouched for them at a time; false when the name or the account is somebody's
    /// already.
    ///
    /// # Errors
    /// When the ledger does not answer.
    pub async fn add_provided_user(
        &self,
        user: &NewUser,
        issuer: &str,
        subject: &str,
        at: i64,
    ) -> Result<bool, StoreError> {
        let mut transaction = self.write.begin().await?;
        let added = sqlx::query(
            "INSERT INTO users (name, password, totp, totp_used, role, created_at, failures, locked_until, disabled) \
             VALUES ($1, $2, '', 0, $3, $4, 0, 0, 0) ON CONFLICT (name) DO NOTHING",
        )
        .bind(user.name.clone())
        .bind(user.password.clone())
        .bind(user.role.clone())
        .bind(now())
        .execute(&mut *transaction)
        .await?
        .rows_affected();
        // Whoever has the name without having been added just now is somebody else.
        if added == 0 {
            return Ok(false);
        }
        let row = sqlx::query("SELECT id FROM users WHERE name = $1")
            .bind(user.name.clone())
            .fetch_one(&mut *transaction)
            .await?;
        let bound = sqlx::query(
            "INSERT INTO provider_accounts (issuer, subject, user_id, at) VALUES ($1, $2, $3, $4) ON CONFLICT DO NOTHING",
        )
        .bind(issuer.to_owned())
        .bind(subject.to_owned())
        .bind(row.try_get::<i64, _>("id")?)
        .bind(at)
        .execute(&mut *transaction)
        .await?;
        if bound.rows_affected() == 0 {
            return Ok(false);
        }
        transaction.commit().await?;
        Ok(true)
    }

    /// Everybody whom a provider said to be in a group, by name, each with one; without those who are shut out.
    ///
    /// # Errors
    /// When the ledger does not answer.
    pub async fn memberships(&self) -> Result<Vec<(String, String)>, StoreError> {
        let rows = sqlx::query(
            "SELECT users.name AS person, memberships.name AS membership FROM memberships \
             JOIN users ON users.id = memberships.user_id WHERE disabled = 0 ORDER BY users.name, memberships.name",
        )
        .fetch_all(&self.read)
        .await?;
        rows.iter().map(|row| Ok((row.try_get("person")?, row.try_get("membership")?))).collect()
    }
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;

    /// The same for every database.
    pub(in crate::ledger) async fn suite(ledger: &Ledger) {
        let new = |name: &str| NewUser { name: name.to_owned(), password: String::new(), role: "viewer".to_owned() };
        let (issuer, other, at) = ("https://login.example", "https://other.example", now() - 1_000);
        assert!(ledger.add_provided_user(&new("lisa"), issuer, "1", at).await.unwrap());
        assert!(!ledger.add_provided_user(&new("lisa"), issuer, "2", at).await.unwrap(), "a second lisa");
        assert!(!ledger.add_provided_user(&new("otto"), issuer, "1", at).await.unwrap(), "lisa's account");
        assert!(ledger.user("otto").await.unwrap().is_none(), "half a person was added");
        let lisa = ledger.provided_user(issuer, "1").await.unwrap().unwrap();
        assert_eq!(lisa.name, "lisa");
        assert!(ledger.provided_user(other, "1").await.unwrap().is_none());
        assert!(!ledger.bind_account(lisa.id, issuer, "3", at).await.unwrap(), "lisa has two accounts");
        let groups = ["finance".to_owned(), "finance".to_owned(), "office".to_owned()];
        let said = Vouched { issuer, subject: "1", at, role: None, groups: &groups };
        let done = Changed::Done { tokens: 0 };
        assert_eq!(ledger.vouched(lisa.id, &said).await.unwrap(), done);
        let told = |group: &str| ("lisa".to_owned(), group.to_owned());
        assert_eq!(ledger.memberships().await.unwrap(), [told("finance"), told("office")]);
        let later = Vouched { at: at + 1, role: Some("analyst"), groups: &groups[2..], ..said };
        assert_eq!(ledger.vouched(lisa.id, &later).await.unwrap(), done);
        assert_eq!(ledger.memberships().await.unwrap(), [told("office")]);
        // Of two sign-ins at once, what was said later counts, whichever is done first.
        let old = Vouched { role: Some("admin"), ..said };
        assert_eq!(ledger.vouched(lisa.id, &old).await.unwrap(), Changed::Not);
        assert_eq!(ledger.user("lisa").await.unwrap().unwrap().role, "analyst", "what was said before counts again");
        assert_eq!(ledger.memberships().await.unwrap(), [told("office")]);
        let foreign = Vouched { subject: "2", at: at + 2, ..old };
        assert_eq!(ledger.vouched(lisa.id, &foreign).await.unwrap(), Changed::Not, "another's account");
        // A clock that was ahead for a while keeps nobody out.
        let ahead = Vouched { at: now() + 3_600_000, ..later };
        assert_eq!(ledger.vouched(lisa.id, &ahead).await.unwrap(), done);
        assert_eq!(ledger.vouched(lisa.id, &Vouched { at: now(), ..later }).await.unwrap(), done);
        for (until, open) in [(0, true), (now() + 60_000, true), (now() - 1, false)] {
            let (token, _) = ledger.open_session(&lisa, until).await.unwrap().unwrap();
            assert_eq!(ledger.session(&token, 0, 0).await.unwrap().is_some(), open, "a session until {until}");
        }
        let (token, _) = ledger.open_session(&lisa, 0).await.unwrap().unwrap();
        let bearer = ledger.add_token(lisa.id, "script", "viewer", now() + 60_000).await.unwrap();
        assert!(ledger.put_out(lisa.id).await.unwrap() >= 3);
        assert!(
            ledger.session(&token, 0, 0).await.unwrap().is_none() && ledger.bearer(&bearer).await.unwrap().is_none()
        );
        assert!(ledger.memberships().await.unwrap().is_empty());
        ledger.vouched(lisa.id, &Vouched { at: now(), ..later }).await.unwrap();
        let shut = |lisa: &mut User| {
            lisa.disabled = true;
            true
        };
        assert_eq!(ledger.change_user(lisa.id, shut).await.unwrap(), done);
        assert!(ledger.memberships().await.unwrap().is_empty(), "whoever is shut out is in a group");
        assert!(ledger.open_session(&lisa, 0).await.unwrap().is_none(), "whoever is shut out comes in");
        // What was read before does not let her in again.
        let said = Vouched { at: now(), role: Some("admin"), ..later };
        assert_eq!(ledger.vouched(lisa.id, &said).await.unwrap(), Changed::Not);
        let present = ledger.user("lisa").await.unwrap().unwrap();
        assert_eq!((present.disabled, present.role.as_str()), (true, "analyst"));
        assert!(ledger.is_bound(lisa.id).await.unwrap());
        assert!(ledger.forget_account(lisa.id).await.unwrap() && !ledger.is_bound(lisa.id).await.unwrap());
        assert!(ledger.bind_account(lisa.id, other, "9", now()).await.unwrap(), "she cannot have another account");
    }

    #[tokio::test]
    async fn an_account_at_a_provider_is_one_persons_and_a_person_has_one() {
        let folder = tempfile::tempdir().unwrap();
        let ledger = Ledger::open(&format!("sqlite:{}", folder.path().join("ledger").display())).await.unwrap();
        suite(&ledger).await;
    }
}
