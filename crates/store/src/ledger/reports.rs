//! What anybody says that they saw, until somebody opens an incident for it or dismisses it.

use super::Ledger;
use super::journal::noted;
use crate::{StoreError, now};
use lazaret_model::AuditAct;
use serde::Serialize;
use sqlx::Row;
use sqlx::any::AnyRow;
use std::net::IpAddr;

/// Reports that wait for somebody at once.
const MOST_WAITING: i64 = 500;

/// Somebody saw something.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct NewReport {
    /// The reference of what was stopped for them; empty for none.
    pub reference: String,
    /// Who they are, where that is known and not only said; empty for nobody.
    pub person: String,
    /// Address of their machine.
    pub client: String,
    /// What they saw.
    pub text: String,
}

/// What became of a report.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum ReportState {
    /// Nobody has looked at it yet.
    Waiting,
    /// An incident was opened for it, or it was added to one.
    Opened,
    /// Somebody looked, and it is none.
    Dismissed,
}

impl ReportState {
    /// The name used in the ledger, in JSON and on pages.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Waiting => "waiting",
            Self::Opened => "opened",
            Self::Dismissed => "dismissed",
        }
    }

    fn of(name: &str) -> Self {
        match name {
            "opened" => Self::Opened,
            "dismissed" => Self::Dismissed,
            // What is not known is looked at.
            _ => Self::Waiting,
        }
    }
}

/// A report in the ledger.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct IncidentReport {
    /// Its number.
    pub id: i64,
    /// When it came, in milliseconds since 1970.
    pub at: i64,
    /// The reference of what was stopped for them; empty for none.
    pub reference: String,
    /// Who they are, where that is known; empty for nobody.
    pub person: String,
    /// Address of their machine.
    pub client: String,
    /// What they saw.
    pub text: String,
    /// What became of it.
    pub state: ReportState,
    /// Who decided that.
    pub decided_by: String,
    /// The incident that it belongs to; empty for none.
    pub incident: String,
}

/// Whose reports are counted together: an address, of IPv6 the 64 bits that one subscriber has at the least (RFC 6177).
fn network(client: &str) -> String {
    match client.parse::<IpAddr>().map(|address| address.to_canonical()) {
        Ok(IpAddr::V6(address)) => format!("{:x}::/64", u128::from(address) >> 64),
        Ok(address) => address.to_string(),
        Err(_) => client.to_owned(),
    }
}

const COLUMNS: &str = "id, at, reference, person, client, text, state, decided_by, incident";

impl Ledger {
    /// Keeps a report, where one machine, or one network of IPv6, has made fewer than so many since a time, and not too many wait. Whether it is kept.
    ///
    /// # Errors
    /// When the ledger does not answer.
    pub async fn report(&self, new: &NewReport, since: i64, most: i64) -> Result<bool, StoreError> {
        let mut transaction = self.write.begin().await?;
        // In one statement, so that nobody writes between the count and the row.
        let kept = sqlx::query(
            "INSERT INTO incident_reports (at, reference, person, client, network, text, state, decided_at, decided_by, incident) \
             SELECT CAST($1 AS BIGINT), CAST($2 AS TEXT), CAST($3 AS TEXT), CAST($4 AS TEXT), CAST($5 AS TEXT), CAST($6 AS TEXT), \
             'waiting', 0, '', '' \
             WHERE (SELECT COUNT(*) FROM incident_reports WHERE network = $5 AND at >= $7) < $8 \
             AND (SELECT COUNT(*) FROM incident_reports WHERE state = 'waiting') < $9",
        )
        .bind(now())
        .bind(new.reference.clone())
        .bind(new.person.clone())
        .bind(new.client.clone())
        .bind(network(&new.client))
        .bind(new.text.clone())
        .bind(since)
        .bind(most)
        .bind(MOST_WAITING)
        .execute(&mut *transaction)
        .await?;
        if kept.rows_affected() == 0 {
            return Ok(false);
        }
        noted(&mut *transaction, "somebody", AuditAct::IncidentReported, &format!("from {}", new.client)).await?;
        transaction.commit().await?;
        Ok(true)
    }

    /// Reports that nobody has looked at yet, the newest first.
    ///
    /// # Errors
    /// When the ledger does not answer.
    pub async fn reports(&self, most: i64) -> Result<Vec<IncidentReport>, StoreError> {
        let sql = format!("SELECT {COLUMNS} FROM incident_reports WHERE state = 'waiting' ORDER BY id DESC LIMIT $1");
        let rows = sqlx::query(sqlx::AssertSqlSafe(sql)).bind(most).fetch_all(&self.read).await?;
        rows.iter().map(report).collect()
    }

    /// A report by its number.
    ///
    /// # Errors
    /// When the ledger does not answer.
    pub async fn report_of(&self, id: i64) -> Result<Option<IncidentReport>, StoreError> {
        let sql = format!("SELECT {COLUMNS} FROM incident_reports WHERE id = $1");
        let row = sqlx::query(sqlx::AssertSqlSafe(sql)).bind(id).fetch_optional(&self.read).await?;
        row.as_ref().map(report).transpose()
    }

    /// Decides about a report that waits, and notes that in the audit: with the incident that it belongs to, or without one.
    /// Whether it waited.
    ///
    /// # Errors
    /// When the ledger does not answer.
    pub async fn decide_report(&self, id: i64, incident: Option<&str>, who: &str) -> Result<bool, StoreError> {
        let state = if incident.is_some() { ReportState::Opened } else { ReportState::Dismissed };
        let mut transaction = self.write.begin().await?;
        let done = sqlx::query(
            "UPDATE incident_reports SET state = $1, decided_at = $2, decided_by = $3, incident = $4 \
             WHERE id = $5 AND state = 'waiting'",
        )
        .bind(state.name().to_owned())
        .bind(now())
        .bind(who.to_owned())
        .bind(incident.unwrap_or_default().to_owned())
        .bind(id)
        .execute(&mut *transaction)
        .await?;
        if done.rows_affected() == 0 {
            return Ok(false);
        }
        let detail = format!("{id}: {} {}", state.name(), incident.unwrap_or_default());
        noted(&mut *transaction, who, AuditAct::IncidentReportDecided, detail.trim_end()).await?;
        transaction.commit().await?;
        Ok(true)
    }
}

fn report(row: &AnyRow) -> Result<IncidentReport, StoreError> {
    let text = |column: &str| row.try_get::<String, _>(column);
    Ok(IncidentReport {
        id: row.try_get("id")?,
        at: row.try_get("at")?,
        reference: text("reference")?,
        person: text("person")?,
        client: text("client")?,
        text: text("text")?,
        state: ReportState::of(&text("state")?),
        decided_by: text("decided_by")?,
        incident: text("incident")?,
    })
}
