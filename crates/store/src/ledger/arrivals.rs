//! Machines at which people signed in to use the web proxy.

use super::Ledger;
use crate::{StoreError, now};
use sqlx::Row;

impl Ledger {
    /// Notes that a person uses a machine until then, and nobody else does any more; false where they are shut out.
    ///
    /// # Errors
    /// When the ledger does not answer.
    pub async fn arrive(&self, user: i64, client: &str, ends_at: i64) -> Result<bool, StoreError> {
        let mut transaction = self.write.begin().await?;
        sqlx::query("DELETE FROM arrivals WHERE ends_at <= $1").bind(now()).execute(&mut *transaction).await?;
        let done = sqlx::query(
            "INSERT INTO arrivals (client, user_id, at, ends_at) \
             SELECT $1, id, $2, $3 FROM users WHERE id = $4 AND disabled = 0 \
             ON CONFLICT (client) DO UPDATE SET user_id = excluded.user_id, at = excluded.at, ends_at = excluded.ends_at",
        )
        .bind(client.to_owned())
        .bind(now())
        .bind(ends_at)
        .bind(user)
        .execute(&mut *transaction)
        .await?;
        transaction.commit().await?;
        Ok(done.rows_affected() == 1)
    }

    /// Who uses a machine, by name, and until when.
    ///
    /// # Errors
    /// When the ledger does not answer.
    pub async fn arrived(&self, client: &str) -> Result<Option<(String, i64)>, StoreError> {
        let asked = sqlx::query(
            "SELECT users.name, arrivals.ends_at FROM arrivals JOIN users ON users.id = arrivals.user_id \
             WHERE client = $1 AND arrivals.ends_at > $2 AND disabled = 0",
        );
        // Every request at the proxy waits for this.
        let row = self.bounded(asked.bind(client.to_owned()).bind(now()).fetch_optional(&self.read)).await?;
        row.map(|row| Ok((row.try_get("name")?, row.try_get("ends_at")?))).transpose()
    }

    /// Ends a person's use of a machine; false where they do not use it.
    ///
    /// # Errors
    /// When the ledger does not answer.
    pub async fn leave(&self, user: i64, client: &str) -> Result<bool, StoreError> {
        let done = sqlx::query("DELETE FROM arrivals WHERE client = $1 AND user_id = $2")
            .bind(client.to_owned())
            .bind(user)
            .execute(&self.write)
            .await?;
        Ok(done.rows_affected() == 1)
    }
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;
    use crate::NewUser;
    use crate::ledger::people::User;

    /// What the suite of every backend asks of it.
    pub(in crate::ledger) async fn suite(ledger: &Ledger) {
        for name in ["arriving", "following"] {
            let new = NewUser { name: name.to_owned(), password: "hash".to_owned(), role: "person".to_owned() };
            assert!(ledger.add_user(&new).await.unwrap());
        }
        let id = |user: Option<User>| user.unwrap().id;
        let first = id(ledger.user("arriving").await.unwrap());
        let second = id(ledger.user("following").await.unwrap());
        let (here, there, later) = ("192.0.2.77", "192.0.2.78", now() + 60_000);
        let at = async |client| ledger.arrived(client).await.unwrap().map(|(name, _)| name);
        assert_eq!(at(here).await, None);
        assert!(ledger.arrive(first, here, later).await.unwrap());
        assert_eq!(ledger.arrived(here).await.unwrap(), Some(("arriving".to_owned(), later)));
        assert_eq!(at(there).await, None, "somebody is at another machine");
        // Whoever comes later has the machine, and whoever was there before ends nothing.
        assert!(ledger.arrive(second, here, later).await.unwrap());
        assert!(!ledger.leave(first, here).await.unwrap());
        assert_eq!(at(here).await.as_deref(), Some("following"));
        assert!(ledger.leave(second, here).await.unwrap());
        assert_eq!(at(here).await, None);
        assert!(ledger.arrive(first, here, now() - 1).await.unwrap());
        assert_eq!(at(here).await, None, "what is over is over");
        // Another password, or being shut out, ends it everywhere.
        for change in [|user: &mut User| user.password = "another".to_owned(), |user: &mut User| user.disabled = true] {
            for client in [here, there] {
                assert!(ledger.arrive(first, client, later).await.unwrap());
            }
            let changed = |user: &mut User| {
                change(user);
                true
            };
            ledger.change_user(first, changed).await.unwrap();
            assert_eq!((at(here).await, at(there).await), (None, None));
        }
        assert!(!ledger.arrive(first, here, later).await.unwrap(), "somebody who is shut out arrives");
        assert!(ledger.arrive(second, there, later).await.unwrap());
        ledger.put_out(second).await.unwrap();
        assert_eq!(at(there).await, None, "whom a provider put out stays");
    }
}
