//! The ledger: SQLite by default, PostgreSQL at scale, the same statements for both.

mod arrivals;
mod bypasses;
mod events;
mod examine;
mod factors;
mod forget;
mod incidents;
mod journal;
mod lookups;
mod pace;
mod people;
mod policies;
mod providers;
mod reports;
mod requests;
mod retrospect;
mod sealed;
mod segments;
mod setup;
mod techniques;
mod tokens;

pub use bypasses::Bypass;
pub use events::{Event, EventFilter, LoggedEvent, SiteHistory, Tally};
pub use examine::Examined;
pub use incidents::{IncidentFile, NewIncident};
pub(crate) use journal::transferred;
pub use journal::{AuditEntry, AuditFilter, Cursor, RoomNews, Settled};
pub use people::{Changed, NewUser, Session, User};
pub use policies::{NewPolicies, PolicyVersion};
pub use providers::Vouched;
pub use reports::{IncidentReport, NewReport, ReportState};
pub use requests::{Ask, ReleaseRequest, RequestState};
pub use retrospect::{Met, Retrospect};
pub use techniques::{Sightings, TechniqueControl};
pub use tokens::ApiToken;

use crate::key::Key;
use crate::reach::{Away, reach};
use crate::{StoreError, now, without_password};
use events::Append;
use sqlx::any::AnyPoolOptions;
use sqlx::migrate::{MigrateError, Migrator};
use sqlx::{AnyPool, AssertSqlSafe, Connection, Row};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;
use tokio::sync::{Semaphore, broadcast, mpsc};

/// How long a statement waits for a database that is locked, and the start for a server.
const PATIENCE: Duration = Duration::from_secs(5);
/// How long whoever has a download waits for a server that is away.
const SERVER_PATIENCE: Duration = Duration::from_secs(2);
/// How often the tables are brought up to date, where another process may be doing the same, and the pause between.
const TRIES: usize = 4;
const PAUSE: Duration = Duration::from_millis(250);
/// Connections that read, and how many of them may look at events at once, which may take long: whoever waits for a download needs one.
const READERS: u32 = 4;
const SNAPSHOTS: usize = 3;
/// Events waiting to be written; whoever brings more waits.
const QUEUE: usize = 1_024;
/// Events kept for a watcher that is behind; it misses older ones.
const NEWS: usize = 256;

/// The ledger. Clones share it.
#[derive(Clone)]
pub struct Ledger {
    read: AnyPool,
    write: AnyPool,
    appends: mpsc::Sender<Append>,
    news: broadcast::Sender<Event>,
    sqlite: bool,
    /// Whether the database knows upper and lower case beyond ASCII.
    folds: bool,
    key: Option<Arc<Key>>,
    /// Its address, without a password.
    shown: Arc<str>,
    /// Whether a server does not answer; none where there is no server.
    away: Option<Away>,
    /// The file was found to be damaged.
    damaged: Arc<AtomicBool>,
    /// How often samples are in segments.
    known: segments::Known,
    /// Places for those who look at events.
    snapshots: Arc<Semaphore>,
}

impl Ledger {
    /// Opens a ledger: `sqlite:PATH` or `postgres://…`. An SQLite file is made where there is none.
    ///
    /// # Errors
    /// When it cannot be opened or brought up to date, is another program's, or was made by a newer version.
    pub async fn open(address: &str) -> Result<Self, StoreError> {
        sqlx::any::install_default_drivers();
        let shown = without_password(address);
        let opened = |source| examine::opened(&shown, source);
        let sqlite = address.starts_with("sqlite:");
        if sqlite {
            // What is another program's, or a newer version's, is left as it is.
            if let Some(connection) = examine::look(address).await? {
                connection.close().await.map_err(opened)?;
            }
        } else {
            reach(address, PATIENCE).await.map_err(opened)?;
        }
        let patience = if sqlite { PATIENCE } else { SERVER_PATIENCE };
        let options = |connections| {
            let options = AnyPoolOptions::new().max_connections(connections).acquire_timeout(patience);
            // A file does not go away as a server does: nothing is asked before each use.
            let options = options.test_before_acquire(!sqlite);
            // After some failures, such as a full disk, SQLite and sqlx do not agree whether a transaction is open. What is
            // committed next would be part of it, and never be on the disk: such a connection is not used again.
            let options = options.after_release(|connection, _| {
                let sound = !connection.is_in_transaction();
                Box::pin(async move { Ok(sound) })
            });
            options.after_connect(move |connection, _| {
                Box::pin(async move {
                    if sqlite {
                        // One writer and many readers at once; what is committed is on the disk.
                        for pragma in [
                            "PRAGMA journal_mode = WAL",
                            "PRAGMA synchronous = FULL",
                            "PRAGMA busy_timeout = 5000",
                            "PRAGMA foreign_keys = ON",
                        ] {
                            sqlx::query(pragma).execute(&mut *connection).await?;
                        }
                    }
                    Ok(())
                })
            })
        };
        let address = if sqlite && !address.contains('?') { format!("{address}?mode=rwc") } else { address.to_owned() };
        let write = options(if sqlite { 1 } else { 4 }).connect(&address).await.map_err(opened)?;
        bring_up_to_date(&write, sqlite, &shown).await?;
        let read = options(READERS).connect(&address).await.map_err(opened)?;
        let folded = sqlx::query("SELECT lower('Ü') AS folded").fetch_one(&read).await.map_err(opened)?;
        let folds = folded.try_get::<String, _>("folded").is_ok_and(|folded| folded == "ü");
        let (appends, queue) = mpsc::channel(QUEUE);
        let (news, _) = broadcast::channel(NEWS);
        let (away, damaged) = ((!sqlite).then(Away::default), Arc::new(AtomicBool::new(false)));
        let writer = events::Writer { pool: write.clone(), away: away.clone(), damaged: Arc::clone(&damaged) };
        tokio::spawn(events::append(writer, queue, news.clone()));
        let known = segments::Known::default();
        let (shown, snapshots) = (shown.into(), Arc::new(Semaphore::new(SNAPSHOTS)));
        Ok(Self { read, write, appends, news, sqlite, folds, key: None, shown, away, damaged, known, snapshots })
    }

    /// Events as they are recorded by this process from now on, without their reports.
    pub fn watch(&self) -> broadcast::Receiver<Event> {
        self.news.subscribe()
    }

    /// Whether the database answers and takes what is written, and was not found to be damaged.
    ///
    /// # Errors
    /// When it does not.
    pub async fn check(&self) -> Result<(), StoreError> {
        let asked = sqlx::query("UPDATE state SET at = $1 WHERE name = 'written'").bind(now()).execute(&self.write);
        let written = self.bounded(asked).await;
        if self.damaged.load(Ordering::Relaxed) || written.as_ref().is_err_and(examine::is_damage) {
            self.damaged.store(true, Ordering::Relaxed);
            let found = written.err().map_or_else(|| "a statement found it so".to_owned(), |error| error.to_string());
            return Err(StoreError::DamagedLedger { address: self.shown.to_string(), found });
        }
        Ok(written.map(drop)?)
    }

    /// Asks a server for what a download waits for: not for long, and not again and again while it is away.
    async fn bounded<T>(&self, asked: impl Future<Output = Result<T, sqlx::Error>>) -> Result<T, sqlx::Error> {
        match &self.away {
            Some(away) => away.bounded(SERVER_PATIENCE * 2, asked).await,
            None => asked.await,
        }
    }
}

/// Every step of the tables so far.
fn migrator(sqlite: bool) -> Migrator {
    if sqlite { sqlx::migrate!("migrations/sqlite") } else { sqlx::migrate!("migrations/postgres") }
}

async fn bring_up_to_date(pool: &AnyPool, sqlite: bool, shown: &str) -> Result<(), StoreError> {
    let migrator = migrator(sqlite);
    let mut tries = 1;
    loop {
        match migrator.run(pool).await {
            Ok(()) => break,
            Err(MigrateError::VersionMissing(_)) => return Err(StoreError::Newer { address: shown.to_owned() }),
            Err(MigrateError::Execute(source)) if examine::is_damage(&source) => {
                return Err(examine::opened(shown, source));
            }
            // SQLite has no lock for it: another process that began at the same moment may have been quicker.
            Err(MigrateError::Execute(_) | MigrateError::ExecuteMigration(..)) if sqlite && tries < TRIES => {
                tries += 1;
                tokio::time::sleep(PAUSE).await;
            }
            Err(source) => return Err(StoreError::Migrate { address: shown.to_owned(), source }),
        }
    }
    if sqlite {
        let failed = |source| examine::opened(shown, source);
        let row = sqlx::query("PRAGMA application_id").fetch_one(pool).await.map_err(failed)?;
        if row.try_get::<i64, _>(0).map_err(failed)? != examine::APPLICATION {
            let mark = format!("PRAGMA application_id = {}", examine::APPLICATION);
            sqlx::query(AssertSqlSafe(mark)).execute(pool).await.map_err(failed)?;
        }
    }
    Ok(())
}

#[cfg(test)]
mod million;
#[cfg(test)]
pub(crate) mod tests;
#[cfg(test)]
mod upgrade;
