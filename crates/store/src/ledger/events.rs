//! Events: what was seen, thought and decided about one body. Never changed, only forgotten by age.

mod filter;
mod reading;

pub use filter::EventFilter;

use super::examine::is_damage;
use super::techniques::{self, Seen};
use super::{Ledger, SERVER_PATIENCE};
use crate::StoreError;
use crate::reach::{Away, told};
use lazaret_model::TechniqueId;
use serde::{Deserialize, Serialize};
use sqlx::any::AnyRow;
use sqlx::error::ErrorKind;
use sqlx::{AnyPool, Row};
use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use tokio::sync::{broadcast, mpsc, oneshot};

/// Milliseconds of a day.
const DAY: i64 = 86_400_000;
/// Events written in one transaction.
const BATCH: usize = 256;

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

pub(super) struct Append {
    event: Event,
    done: oneshot::Sender<Result<(), StoreError>>,
}

impl Ledger {
    /// Records an event. When this returns, it is on the disk.
    ///
    /// # Errors
    /// When it could not be recorded.
    pub async fn record(&self, event: Event) -> Result<(), StoreError> {
        let (done, recorded) = oneshot::channel();
        self.appends.send(Append { event, done }).await.map_err(|_| StoreError::Closed)?;
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

/// Where events are written to, and what was learnt about it.
pub(super) struct Writer {
    pub(super) pool: AnyPool,
    pub(super) away: Option<Away>,
    pub(super) damaged: Arc<AtomicBool>,
}

impl Writer {
    async fn write(&self, events: &[&Event]) -> Result<(), sqlx::Error> {
        let asked = write(&self.pool, events);
        let written = match &self.away {
            Some(away) => away.bounded(SERVER_PATIENCE * 2, asked).await,
            None => asked.await,
        };
        if written.as_ref().is_err_and(is_damage) {
            self.damaged.store(true, Ordering::Relaxed);
        }
        written
    }
}

/// Writes events as they come, those that wait together in one transaction.
pub(super) async fn append(writer: Writer, mut queue: mpsc::Receiver<Append>, news: broadcast::Sender<Event>) {
    let mut waiting = Vec::with_capacity(BATCH);
    while queue.recv_many(&mut waiting, BATCH).await > 0 {
        let mut written = {
            let events: Vec<&Event> = waiting.iter().map(|append: &Append| &append.event).collect();
            writer.write(&events).await
        };
        if written.as_ref().is_err_and(is_about_an_event) && waiting.len() > 1 {
            // One that cannot be written must not take the others with it.
            for append in waiting.drain(..) {
                let written = writer.write(&[&append.event]).await;
                if written.is_ok() {
                    publish(&news, &append.event);
                }
                let _ = append.done.send(written.map_err(|error| StoreError::Record(told(&error))));
            }
            continue;
        }
        if written.is_err() {
            // Where the database is to blame, such as one that another process has locked, those who came meanwhile
            // have waited as well, and would only do so again.
            while let Ok(append) = queue.try_recv() {
                waiting.push(append);
            }
        }
        for append in waiting.drain(..) {
            let result = match &mut written {
                Ok(()) => {
                    publish(&news, &append.event);
                    Ok(())
                }
                Err(error) => Err(StoreError::Record(told(error))),
            };
            let _ = append.done.send(result);
        }
    }
}

/// Whether what was to be written is to blame, and not the database.
fn is_about_an_event(error: &sqlx::Error) -> bool {
    let Some(error) = error.as_database_error() else { return matches!(error, sqlx::Error::Encode(_)) };
    // SQLSTATE: the classes 22, data exception, and 23, integrity constraint violation.
    let state = error.code().filter(|code| code.len() == 5);
    error.kind() != ErrorKind::Other || state.is_some_and(|state| state.starts_with("22") || state.starts_with("23"))
}

/// Tells whoever watches. The report, and what it was judged by, stay in the ledger.
fn publish(news: &broadcast::Sender<Event>, event: &Event) {
    if news.receiver_count() > 0 {
        let _ = news.send(Event { report: String::new(), judged: String::new(), ..event.clone() });
    }
}

async fn write(pool: &AnyPool, events: &[&Event]) -> Result<(), sqlx::Error> {
    let mut transaction = pool.begin().await?;
    let mut tallies: BTreeMap<(i64, &str, &str), i64> = BTreeMap::new();
    let mut sites: BTreeMap<&str, (i64, i64)> = BTreeMap::new();
    let mut seen = Seen::default();
    for event in events.iter().copied() {
        let id = insert(&mut transaction, event).await?;
        seen.add(id, event);
        let day = event.at.div_euclid(DAY);
        *tallies.entry((day, "decision", &event.decision)).or_default() += 1;
        if event.decision != "deliver" {
            *tallies.entry((day, "domain", &event.domain)).or_default() += 1;
            *tallies.entry((day, "policy", &event.policy)).or_default() += 1;
        }
        if !event.domain.is_empty() {
            let site = sites.entry(&event.domain).or_insert((event.at, 0));
            site.1 += 1;
        }
    }
    for ((day, topic, entry), number) in tallies {
        sqlx::query(
            "INSERT INTO tallies (day, topic, entry, number) VALUES ($1, $2, $3, $4) \
             ON CONFLICT (day, topic, entry) DO UPDATE SET number = tallies.number + excluded.number",
        )
        .bind(day)
        .bind(topic.to_owned())
        .bind(entry.to_owned())
        .bind(number)
        .execute(&mut *transaction)
        .await?;
    }
    for (domain, (at, number)) in sites {
        sqlx::query(
            "INSERT INTO sites (domain, first_seen, number) VALUES ($1, $2, $3) \
             ON CONFLICT (domain) DO UPDATE SET number = sites.number + excluded.number",
        )
        .bind(domain.to_owned())
        .bind(at)
        .bind(number)
        .execute(&mut *transaction)
        .await?;
    }
    seen.write(&mut transaction).await?;
    transaction.commit().await
}

async fn insert(transaction: &mut sqlx::Transaction<'_, sqlx::Any>, event: &Event) -> Result<i64, sqlx::Error> {
    let event = event.clone();
    let Event { at, reference, gate, direction, person, client, host, domain, address, name, .. } = event;
    let Event { sha256, size, kind, class, verdict, decision, policy, reason, report, content_blob, .. } = event;
    let (codings, judged, techniques) = (event.codings, event.judged, techniques::written(&event.techniques));
    sqlx::query(
        "INSERT INTO events (at, reference, gate, direction, person, client, host, domain, address, name, sha256, size, \
         kind, class, verdict, decision, policy, reason, report, content_blob, codings, judged, techniques) \
         VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, $17, $18, $19, $20, $21, $22, $23) RETURNING id",
    )
    .bind(at)
    .bind(reference)
    .bind(gate)
    .bind(direction)
    .bind(person)
    .bind(client)
    .bind(host)
    .bind(domain)
    .bind(address)
    .bind(name)
    .bind(sha256)
    .bind(size)
    .bind(kind)
    .bind(class)
    .bind(verdict)
    .bind(decision)
    .bind(policy)
    .bind(reason)
    .bind(report)
    .bind(content_blob)
    .bind(codings)
    .bind(judged)
    .bind(techniques)
    .fetch_one(&mut **transaction)
    .await?
    .try_get("id")
}
