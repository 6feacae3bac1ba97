//! Requests for files that were held or blocked, and what became of them.

use super::Ledger;
use crate::{StoreError, fingerprint, now, secret};
use serde::Serialize;
use sqlx::Row;
use sqlx::any::AnyRow;

/// Somebody asks for a file.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Ask {
    /// The event's reference number.
    pub reference: String,
    /// Who asks, as they say or as they were authenticated.
    pub asker: String,
    /// Who asks, where that is known and not only said; empty for nobody.
    pub person: String,
    /// Address of their machine.
    pub client: String,
    /// Why they need it.
    pub reason: String,
}

/// Where a request stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum RequestState {
    /// Nobody has decided yet.
    Open,
    /// It may be fetched once.
    Approved,
    /// It may not.
    Denied,
    /// It was fetched.
    Fetched,
    /// It was approved and not fetched in time.
    Expired,
}

impl RequestState {
    /// The name used in the ledger, in JSON and on pages.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Open => "open",
            Self::Approved => "approved",
            Self::Denied => "denied",
            Self::Fetched => "fetched",
            Self::Expired => "expired",
        }
    }

    fn of(name: &str) -> Self {
        match name {
            "open" => Self::Open,
            "approved" => Self::Approved,
            "fetched" => Self::Fetched,
            "expired" => Self::Expired,
            // What is not known gives nothing away.
            _ => Self::Denied,
        }
    }
}

/// A request in the ledger.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct ReleaseRequest {
    /// Its number.
    pub id: i64,
    /// When it was asked.
    pub at: i64,
    /// The event's reference number.
    pub reference: String,
    /// Who asks.
    pub asker: String,
    /// Who asks, where that is known and not only said; empty for nobody.
    #[serde(skip)]
    pub person: String,
    /// From which machine.
    pub client: String,
    /// Why.
    pub reason: String,
    /// Where it stands.
    pub state: RequestState,
    /// When it was decided; 0 for not yet.
    pub decided_at: i64,
    /// By whom.
    pub decided_by: String,
    /// What they said about it.
    pub answer: String,
    /// Until when it may be fetched.
    pub expires_at: i64,
}

pub(super) const COLUMNS: &str =
    "id, at, reference, asker, person, client, reason, state, decided_at, decided_by, answer, expires_at";

impl ReleaseRequest {
    /// Whether somebody asks for themselves here, as they are known or as they say.
    pub fn is_by(&self, who: &str) -> bool {
        [&self.asker, &self.person].into_iter().any(|asker| is_same(asker, who))
    }
}

/// Whether two names are one person's, however they write them.
fn is_same(one: &str, other: &str) -> bool {
    let plain = |name: &str| name.trim().to_lowercase();
    !one.trim().is_empty() && plain(one) == plain(other)
}

impl Ledger {
    /// Keeps a request. Returns a secret by which whoever asked can look at it again; only its hash is kept.
    ///
    /// # Errors
    /// When it cannot be kept.
    pub async fn ask(&self, ask: &Ask) -> Result<String, StoreError> {
        let token = secret()?;
        sqlx::query(
            "INSERT INTO requests (at, reference, asker, person, client, reason, state, token, decided_at, decided_by, answer, \
             expires_at) VALUES ($1, $2, $3, $4, $5, $6, 'open', $7, 0, '', '', 0)",
        )
        .bind(now())
        .bind(ask.reference.clone())
        .bind(ask.asker.clone())
        .bind(ask.person.clone())
        .bind(ask.client.clone())
        .bind(ask.reason.clone())
        .bind(fingerprint(&token))
        .execute(&self.write)
        .await?;
        Ok(token)
    }

    /// Requests from a machine since a time, and requests for one event that are open.
    ///
    /// # Errors
    /// When the ledger does not answer.
    pub async fn asked(&self, client: &str, since: i64, reference: &str) -> Result<(i64, i64), StoreError> {
        let row = sqlx::query(
            "SELECT (SELECT COUNT(*) FROM requests WHERE client = $1 AND at >= $2) AS lately, \
             (SELECT COUNT(*) FROM requests WHERE reference = $3 AND state = 'open') AS waiting",
        )
        .bind(client.to_owned())
        .bind(since)
        .bind(reference.to_owned())
        .fetch_one(&self.read)
        .await?;
        Ok((row.try_get("lately")?, row.try_get("waiting")?))
    }

    /// The request that a secret belongs to.
    ///
    /// # Errors
    /// When the ledger does not answer.
    pub async fn request_by_token(&self, token: &str) -> Result<Option<ReleaseRequest>, StoreError> {
        let sql = format!("SELECT {COLUMNS} FROM requests WHERE token = $1");
        let row = sqlx::query(sqlx::AssertSqlSafe(sql)).bind(fingerprint(token)).fetch_optional(&self.read).await?;
        row.as_ref().map(request).transpose()
    }

    /// A request by its number.
    ///
    /// # Errors
    /// When the ledger does not answer.
    pub async fn request(&self, id: i64) -> Result<Option<ReleaseRequest>, StoreError> {
        let sql = format!("SELECT {COLUMNS} FROM requests WHERE id = $1");
        let row = sqlx::query(sqlx::AssertSqlSafe(sql)).bind(id).fetch_optional(&self.read).await?;
        row.as_ref().map(request).transpose()
    }

    /// Requests, the open ones first, then the newest.
    ///
    /// # Errors
    /// When the ledger does not answer.
    pub async fn requests(&self, most: i64) -> Result<Vec<ReleaseRequest>, StoreError> {
        let sql = format!(
            "SELECT {COLUMNS} FROM requests ORDER BY CASE WHEN state = 'open' THEN 0 ELSE 1 END, id DESC LIMIT $1"
        );
        let rows = sqlx::query(sqlx::AssertSqlSafe(sql)).bind(most).fetch_all(&self.read).await?;
        rows.iter().map(request).collect()
    }

    /// Decides an open request; false when it is open no more.
    ///
    /// # Errors
    /// When the ledger does not answer.
    pub async fn decide(
        &self,
        id: i64,
        state: RequestState,
        who: &str,
        answer: &str,
        expires_at: i64,
    ) -> Result<bool, StoreError> {
        let done = sqlx::query(
            "UPDATE requests SET state = $1, decided_at = $2, decided_by = $3, answer = $4, expires_at = $5 \
             WHERE id = $6 AND state = 'open'",
        )
        .bind(state.name())
        .bind(now())
        .bind(who.to_owned())
        .bind(answer.to_owned())
        .bind(expires_at)
        .bind(id)
        .execute(&self.write)
        .await?;
        Ok(done.rows_affected() == 1)
    }

    /// Uses up an approved request; false when it is not approved, was used already, or has expired.
    ///
    /// # Errors
    /// When the ledger does not answer.
    pub async fn fetch_once(&self, id: i64) -> Result<bool, StoreError> {
        let done = sqlx::query(
            "UPDATE requests SET state = 'fetched' WHERE id = $1 AND state = 'approved' AND expires_at > $2",
        )
        .bind(id)
        .bind(now())
        .execute(&self.write)
        .await?;
        Ok(done.rows_affected() == 1)
    }

    /// Takes that back: what was to be fetched did not arrive whole.
    ///
    /// # Errors
    /// When the ledger does not answer.
    pub async fn fetch_again(&self, id: i64) -> Result<(), StoreError> {
        sqlx::query("UPDATE requests SET state = 'approved' WHERE id = $1 AND state = 'fetched'")
            .bind(id)
            .execute(&self.write)
            .await?;
        Ok(())
    }
}

pub(super) fn request(row: &AnyRow) -> Result<ReleaseRequest, StoreError> {
    let text = |column: &str| row.try_get::<String, _>(column);
    let expires_at: i64 = row.try_get("expires_at")?;
    let mut state = RequestState::of(&text("state")?);
    if state == RequestState::Approved && expires_at <= now() {
        state = RequestState::Expired;
    }
    Ok(ReleaseRequest {
        id: row.try_get("id")?,
        at: row.try_get("at")?,
        reference: text("reference")?,
        asker: text("asker")?,
        person: text("person")?,
        client: text("client")?,
        reason: text("reason")?,
        state,
        decided_at: row.try_get("decided_at")?,
        decided_by: text("decided_by")?,
        answer: text("answer")?,
        expires_at,
    })
}
