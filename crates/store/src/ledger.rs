//! The ledger: SQLite by default, PostgreSQL at scale, the same statements for both.

mod events;
mod factors;
mod lookups;
mod people;
mod policies;
mod requests;
mod sealed;
mod tokens;

pub use events::{Event, EventFilter, LoggedEvent, SiteHistory, Tally};
pub use people::{AuditEntry, NewUser, Session, User};
pub use policies::{NewPolicies, PolicyVersion};
pub use requests::{Ask, ReleaseRequest, RequestState};
pub use tokens::ApiToken;

use crate::key::Key;
use crate::{StoreError, without_password};
use events::Append;
use sqlx::any::AnyPoolOptions;
use sqlx::migrate::MigrateError;
use sqlx::{AnyPool, Connection};
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::{broadcast, mpsc};

/// How long a statement waits for a database that is locked.
const PATIENCE: Duration = Duration::from_secs(5);
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
    key: Option<Arc<Key>>,
}

impl Ledger {
    /// Opens a ledger: `sqlite:PATH` or `postgres://…`. An SQLite file is made where there is none.
    ///
    /// # Errors
    /// When it cannot be opened or brought up to date, or was made by a newer version.
    pub async fn open(address: &str) -> Result<Self, StoreError> {
        sqlx::any::install_default_drivers();
        let shown = without_password(address);
        let opened = |source| StoreError::Open { address: shown.clone(), source };
        let sqlite = address.starts_with("sqlite:");
        let options = |connections| {
            let options = AnyPoolOptions::new().max_connections(connections).acquire_timeout(PATIENCE);
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
        let migrator = if sqlite { sqlx::migrate!("migrations/sqlite") } else { sqlx::migrate!("migrations/postgres") };
        migrator.run(&write).await.map_err(|source| match source {
            MigrateError::VersionMissing(_) => StoreError::Newer { address: shown.clone() },
            source => StoreError::Migrate { address: shown.clone(), source },
        })?;
        let read = options(4).connect(&address).await.map_err(opened)?;
        let (appends, queue) = mpsc::channel(QUEUE);
        let (news, _) = broadcast::channel(NEWS);
        tokio::spawn(events::append(write.clone(), queue, news.clone()));
        Ok(Self { read, write, appends, news, sqlite, key: None })
    }

    /// Events as they are recorded by this process from now on, without their reports.
    pub fn watch(&self) -> broadcast::Receiver<Event> {
        self.news.subscribe()
    }

    /// Whether the database answers.
    ///
    /// # Errors
    /// When it does not.
    pub async fn check(&self) -> Result<(), StoreError> {
        sqlx::query("SELECT 1").fetch_one(&self.write).await?;
        Ok(())
    }
}

#[cfg(test)]
mod million;
#[cfg(test)]
pub(crate) mod tests;
