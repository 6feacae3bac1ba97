//! Events: what was seen, thought and decided about one body. Never changed, only forgotten by age.

mod filter;
mod reading;
mod writing;

pub use filter::EventFilter;
pub(super) use writing::{Append, Writer, append};

use super::{Ledger, techniques};
use crate::StoreError;
use lazaret_model::TechniqueId;
use serde::{Deserialize, Serialize};
use sqlx::Row;
use sqlx::any::AnyRow;
use tokio::sync::oneshot;

/// One event, as it is recorded.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Event {
    /// When, in milliseconds since 1970.
    pub at: i64,
    /// The number that people quote.
    pub reference: String,
    /// The gate it came through.
    pub gate: String,
    /// `download` or `upload`.
    pub direction: String,
    /// The authenticated person, empty for nobody.
    pub person: String,
    /// Address of the asking machine, empty when unknown.
    pub client: String,
    /// Host name of the site.
    pub host: String,
    /// Registered domain of the site.
    pub domain: String,
    /// Address, without its query.
    pub address: String,
    /// File name.
    pub name: String,
    /// SHA-256 of the sample; empty where only its beginning was seen.
    pub sha256: String,
    /// Bytes.
    pub size: i64,
    /// Kind id, empty where it was not told.
    pub kind: String,
    /// Class name.
    pub class: String,
    /// Verdict name.
    pub verdict: String,
    /// Decision name.
    pub decision: String,
    /// The policy that decided, empty for none.
    pub policy: String,
    /// Why it was refused without a policy, empty otherwise.
    pub reason: String,
    /// The scan's report as JSON; empty for what was delivered.
    pub report: String,
    /// SHA-256 under which the bytes are in quarantine, as they came; empty for none.
    pub content_blob: String,
    /// Content codings of those bytes, as in `Content-Encoding`.
    pub codings: String,
    /// What it was judged by, as JSON; empty where no policy decided, and for events of older versions.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub judged: String,
    /// Techniques of ATT&CK that it is about; none for events of older versions.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub techniques: Vec<TechniqueId>,
}

/// An event with its place in the ledger.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct LoggedEvent {
    /// Its number in the ledger.
    pub id: i64,
    /// The event. In lists its report and what it was judged by are empty.
    #[serde(flatten)]
    pub event: Event,
}

/// How many of something on one day.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Tally {
    /// Days since 1970.
    pub day: i64,
    /// What is counted: `decision`, `policy` (of what was stopped), `domain` (of what was stopped).
    pub topic: String,
    /// Which of them.
    pub entry: String,
    /// How many.
    pub number: i64,
}

/// What the ledger knows about a registered domain.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct SiteHistory {
    /// When something first came from there.
    pub first_seen: i64,
    /// Events about it.
    pub number: i64,
}

impl Ledger {
    /// Records an event. When this returns, it is on the disk.
    ///
    /// # Errors
    /// When it could not be recorded.
    pub async fn record(&self, event: Event) -> Result<(), StoreError> {
        let (done, recorded) = oneshot::channel();
        self.appends.send(Append::new(event, done)).await.map_err(|_| StoreError::Closed)?;
        recorded.await.map_err(|_| StoreError::Closed)?
    }
}

pub(super) const COLUMNS: &str = "at, reference, gate, direction, person, client, host, domain, address, name, sha256, size, kind, \
                       class, verdict, decision, policy, reason, content_blob, codings, COALESCE(techniques, '') AS techniques";

/// What lists leave out.
pub(super) const WHOLE: &str = "report, COALESCE(judged, '') AS judged";

pub(super) fn tally(row: &AnyRow) -> Result<Tally, StoreError> {
    Ok(Tally {
        day: row.try_get("day")?,
        topic: row.try_get("topic")?,
        entry: row.try_get("entry")?,
        number: row.try_get("number")?,
    })
}

pub(super) fn logged(row: &AnyRow) -> Result<LoggedEvent, StoreError> {
    let text = |column: &str| row.try_get::<String, _>(column);
    Ok(LoggedEvent {
        id: row.try_get("id")?,
        event: Event {
            at: row.try_get("at")?,
            reference: text("reference")?,
            gate: text("gate")?,
            direction: text("direction")?,
            person: text("person")?,
            client: text("client")?,
            host: text("host")?,
            domain: text("domain")?,
            address: text("address")?,
            name: text("name")?,
            sha256: text("sha256")?,
            size: row.try_get("size")?,
            kind: text("kind")?,
            class: text("class")?,
            verdict: text("verdict")?,
            decision: text("decision")?,
            policy: text("policy")?,
            reason: text("reason")?,
            report: text("report")?,
            content_blob: text("content_blob")?,
            codings: text("codings")?,
            techniques: techniques::read(&text("techniques")?),
            judged: text("judged")?,
        },
    })
}

#[cfg(test)]
pub(super) mod tests;
