//! Writes events, many in one transaction, and the numbers that are kept about them.

use super::Event;
use crate::StoreError;
use crate::ledger::SERVER_PATIENCE;
use crate::ledger::examine::is_damage;
use crate::ledger::techniques::{ROWS, Seen, places, written};
use crate::reach::{Away, told};
use sqlx::any::AnyArguments;
use sqlx::error::ErrorKind;
use sqlx::query::Query;
use sqlx::{Any, AnyPool, AssertSqlSafe, Row, Transaction};
use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, LazyLock};
use tokio::sync::{broadcast, mpsc, oneshot};

/// Milliseconds of a day.
const DAY: i64 = 86_400_000;
/// Events written in one transaction.
const BATCH: usize = 256;
/// Columns of an event, in the order in which [`bound`] gives their values.
const COLUMNS: &str = "at, reference, gate, direction, person, client, host, domain, address, name, sha256, size, kind, class, \
    verdict, decision, policy, reason, report, content_blob, codings, judged, techniques";
const WIDTH: usize = 23;

/// Statements that insert so many events, the largest first. There are few of them, since connections keep each text prepared.
static SEVERAL: LazyLock<[(usize, Arc<str>); 3]> =
    LazyLock::new(|| [32, 8, 1].map(|rows| (rows, inserting(rows).into())));
/// The one for an event whose number is needed.
static NUMBERED: LazyLock<Arc<str>> = LazyLock::new(|| format!("{} RETURNING id", inserting(1)).into());

fn inserting(rows: usize) -> String {
    format!("INSERT INTO events ({COLUMNS}) VALUES {}", places(rows, WIDTH))
}

/// An event that waits to be written, and who waits for that.
pub(in crate::ledger) struct Append {
    event: Event,
    done: oneshot::Sender<Result<(), StoreError>>,
}

impl Append {
    /// An event, and who is told what became of it.
    pub(super) fn new(event: Event, done: oneshot::Sender<Result<(), StoreError>>) -> Self {
        Self { event, done }
    }
}

/// Where events are written to, and what was learnt about it.
pub(in crate::ledger) struct Writer {
    pub(in crate::ledger) pool: AnyPool,
    pub(in crate::ledger) away: Option<Away>,
    pub(in crate::ledger) damaged: Arc<AtomicBool>,
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
pub(in crate::ledger) async fn append(
    writer: Writer,
    mut queue: mpsc::Receiver<Append>,
    news: broadcast::Sender<Event>,
) {
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

/// Writes events in their order: they are numbered by it.
pub(super) async fn write(pool: &AnyPool, events: &[&Event]) -> Result<(), sqlx::Error> {
    let mut transaction = pool.begin().await?;
    let mut seen = Seen::default();
    // Only those about techniques are referred to by their numbers; those between them go together.
    let together = |one: &&Event, next: &&Event| one.techniques.is_empty() && next.techniques.is_empty();
    let runs: Vec<&[&Event]> = events.chunk_by(together).collect();
    for run in runs {
        match run {
            [event] if !event.techniques.is_empty() => {
                let query = bound(sqlx::query(AssertSqlSafe(NUMBERED.clone())), event);
                let row = query.fetch_one(&mut *transaction).await?;
                seen.add(row.try_get("id")?, event);
            }
            run => insert(&mut transaction, run).await?,
        }
    }
    Counts::of(events).write(&mut transaction).await?;
    seen.write(&mut transaction).await?;
    transaction.commit().await
}

/// Inserts events whose numbers nobody needs.
async fn insert(transaction: &mut Transaction<'_, Any>, events: &[&Event]) -> Result<(), sqlx::Error> {
    let mut rest = events;
    for (rows, sql) in SEVERAL.iter() {
        let several = rest.chunks_exact(*rows);
        rest = several.remainder();
        for events in several {
            let query = sqlx::query(AssertSqlSafe(Arc::clone(sql)));
            let query = events.iter().fold(query, |query, event| bound(query, event));
            query.execute(&mut **transaction).await?;
        }
    }
    Ok(())
}

/// A statement with the values of one more event.
fn bound<'q>(query: Query<'q, Any, AnyArguments>, event: &Event) -> Query<'q, Any, AnyArguments> {
    query
        .bind(event.at)
        .bind(event.reference.as_str())
        .bind(event.gate.as_str())
        .bind(event.direction.as_str())
        .bind(event.person.as_str())
        .bind(event.client.as_str())
        .bind(event.host.as_str())
        .bind(event.domain.as_str())
        .bind(event.address.as_str())
        .bind(event.name.as_str())
        .bind(event.sha256.as_str())
        .bind(event.size)
        .bind(event.kind.as_str())
        .bind(event.class.as_str())
        .bind(event.verdict.as_str())
        .bind(event.decision.as_str())
        .bind(event.policy.as_str())
        .bind(event.reason.as_str())
        .bind(event.report.as_str())
        .bind(event.content_blob.as_str())
        .bind(event.codings.as_str())
        .bind(event.judged.as_str())
        .bind(written(&event.techniques))
}

/// What is counted of the events of one transaction.
#[derive(Default)]
struct Counts<'a> {
    /// By day, topic and entry. In order, so that no two transactions wait for each other's rows.
    tallies: BTreeMap<(i64, &'static str, &'a str), i64>,
    /// By registered domain: when the first came from there, and how many.
    sites: BTreeMap<&'a str, (i64, i64)>,
}

impl<'a> Counts<'a> {
    fn of(events: &[&'a Event]) -> Self {
        let mut counts = Self::default();
        for event in events.iter().copied() {
            let day = event.at.div_euclid(DAY);
            let mut count = |topic, entry| *counts.tallies.entry((day, topic, entry)).or_default() += 1;
            count("decision", &*event.decision);
            if event.decision != "deliver" {
                count("domain", &*event.domain);
                count("policy", &*event.policy);
            }
            if !event.domain.is_empty() {
                let site = counts.sites.entry(&event.domain).or_insert((event.at, 0));
                site.1 += 1;
            }
        }
        counts
    }

    /// Adds them to those of other transactions.
    async fn write(self, transaction: &mut Transaction<'_, Any>) -> Result<(), sqlx::Error> {
        let tallies: Vec<_> = self.tallies.into_iter().collect();
        for tallies in tallies.chunks(ROWS) {
            let sql = format!(
                "INSERT INTO tallies (day, topic, entry, number) VALUES {} \
                 ON CONFLICT (day, topic, entry) DO UPDATE SET number = tallies.number + excluded.number",
                places(tallies.len(), 4)
            );
            let mut query = sqlx::query(AssertSqlSafe(sql));
            for ((day, topic, entry), number) in tallies {
                query = query.bind(*day).bind(*topic).bind(*entry).bind(*number);
            }
            query.execute(&mut **transaction).await?;
        }
        let sites: Vec<_> = self.sites.into_iter().collect();
        for sites in sites.chunks(ROWS) {
            let sql = format!(
                "INSERT INTO sites (domain, first_seen, number) VALUES {} \
                 ON CONFLICT (domain) DO UPDATE SET number = sites.number + excluded.number",
                places(sites.len(), 3)
            );
            let mut query = sqlx::query(AssertSqlSafe(sql));
            for (domain, (at, number)) in sites {
                query = query.bind(*domain).bind(*at).bind(*number);
            }
            query.execute(&mut **transaction).await?;
        }
        Ok(())
    }
}
