//! Tells other systems what happened. Each outlet has its own place in the journal, kept in the ledger: an outlet that was away
//! gets what it missed, and nothing is left out, however long it takes. What was handed over when the process died may come twice.

mod ocsf;
mod outlets;

use crate::config::Export;
use crate::failure::{Failure, told};
use lazaret_gates::ProxySettings;
use lazaret_model::Event;
use lazaret_store::{Cursor, Journal, Queue, Settled, StoreError, fingerprint, now, secret};
use outlets::Outlet;
use std::fs;
use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;
use tokio::sync::{Notify, watch};
use tokio::task::JoinSet;

/// The file in the data folder with the name that the process has for the others.
const HOLDER: &str = "export.id";
/// Events told at once.
const BATCH: i64 = 200;
/// How often the journal is looked at where nothing rings.
const INTERVAL: Duration = Duration::from_secs(1);
/// How long a process has an outlet to itself without saying so again, and how often the others look, in milliseconds.
const HELD: i64 = 180_000;
const ELSEWHERE: Duration = Duration::from_secs(5);
/// How long is waited for more when the bell rings.
const LINGER: Duration = Duration::from_millis(100);
/// The pause after the first time that an outlet took nothing, and the longest.
const PAUSE: Duration = Duration::from_secs(1);
const LONGEST_PAUSE: Duration = Duration::from_secs(60);

/// What tells the outlets.
pub(crate) struct Exporter {
    bell: Arc<Notify>,
    close: watch::Sender<bool>,
    outlets: Mutex<JoinSet<()>>,
}

impl Exporter {
    /// Starts to tell what happens.
    ///
    /// # Errors
    /// When an outlet cannot be opened.
    pub(crate) fn start(
        export: &Export,
        proxy: &ProxySettings,
        (journal, queue): (Arc<dyn Journal>, Arc<dyn Queue>),
        data: &Path,
    ) -> Result<Self, Failure> {
        let (bell, (close, closing)) = (Arc::new(Notify::new()), watch::channel(false));
        let mut outlets = JoinSet::new();
        let all = Outlet::of(export, proxy)?;
        let holder = if all.is_empty() { String::new() } else { holder(data)? };
        for outlet in all {
            let teller = Teller {
                outlet,
                journal: Arc::clone(&journal),
                queue: Arc::clone(&queue),
                holder: holder.clone(),
                settled: Settled::default(),
                told: None,
                bell: Arc::clone(&bell),
                closing: closing.clone(),
            };
            outlets.spawn(teller.run());
        }
        Ok(Self { bell, close, outlets: Mutex::new(outlets) })
    }

    /// Says that something new is in the ledger.
    pub(crate) fn ring(&self) {
        self.bell.notify_waiters();
    }

    /// Tells what there is once more, for so long at the most. The next start goes on with the rest.
    pub(crate) async fn close(&self, time: Duration) {
        let _ = self.close.send(true);
        let mut outlets = std::mem::take(&mut *self.outlets.lock().unwrap_or_else(PoisonError::into_inner));
        let _ = tokio::time::timeout(time, async { while outlets.join_next().await.is_some() {} }).await;
    }
}

/// Who the process with a data folder is among those at one ledger: the same after a restart, however it ended.
fn holder(data: &Path) -> Result<String, Failure> {
    let path = data.join(HOLDER);
    let known = fs::read_to_string(&path).unwrap_or_default();
    if !known.trim().is_empty() {
        return Ok(known.trim().to_owned());
    }
    let new = secret()?;
    fs::write(&path, format!("{new}\n")).map_err(|error| Failure::path(&path, error))?;
    Ok(new)
}

/// A name for what is told at once, by which whoever is told it again knows it.
fn id_of(events: &[Event]) -> String {
    let references: Vec<_> = events.iter().map(|event| event.reference.as_str()).collect();
    format!("lazaret-{}", fingerprint(&references.join(" ")))
}

/// What tells one outlet.
struct Teller {
    outlet: Outlet,
    journal: Arc<dyn Journal>,
    /// Which process tells it, and how far that is.
    queue: Arc<dyn Queue>,
    /// Who this is among the processes at one ledger.
    holder: String,
    /// Which numbers of the journal nobody will write any more.
    settled: Settled,
    /// How far it told.
    told: Option<Cursor>,
    bell: Arc<Notify>,
    closing: watch::Receiver<bool>,
}

impl Teller {
    async fn run(mut self) {
        let name = self.outlet.name.clone();
        let mut pause = PAUSE;
        loop {
            match self.tell().await {
                Ok(true) => break,
                Ok(false) => pause = PAUSE,
                Err(error) => {
                    tracing::warn!(outlet = %name, error = %told(&error), "cannot read from the ledger what to export");
                    pause = (pause * 2).min(LONGEST_PAUSE);
                }
            }
            if self.rests(if pause == PAUSE { ELSEWHERE } else { pause }).await {
                break;
            }
        }
        if let Err(error) = self.queue.give_back(&name, &self.holder).await {
            tracing::debug!(outlet = %name, error = %told(&error), "an outlet could not be removed");
        }
    }

    /// Tells what there is for as long as no other process does. True when the process closes.
    async fn tell(&mut self) -> Result<bool, StoreError> {
        let name = self.outlet.name.clone();
        let until = || now().saturating_add(HELD);
        let Some(mut cursor) = self.queue.take(&name, &self.holder, until()).await? else {
            return Ok(*self.closing.borrow());
        };
        // What the outlet has, and the ledger could not note.
        if let Some(told) = self.told.filter(|told| told.event >= cursor.event && told.entry >= cursor.entry) {
            cursor = told;
        }
        let (mut pause, mut held, mut batch, mut pending) = (PAUSE, now(), BATCH, None);
        loop {
            let bell = Arc::clone(&self.bell);
            // Before it is looked, so that what comes meanwhile is heard.
            let rung = bell.notified();
            let (events, next) = match pending.take() {
                Some(pending) => pending,
                None => self.journal.read(cursor, batch, &mut self.settled).await?,
            };
            if next == cursor {
                if *self.closing.borrow() {
                    return Ok(true);
                }
                tokio::select! {
                    // Those that come close behind it go together.
                    () = rung => tokio::time::sleep(LINGER).await,
                    () = tokio::time::sleep(INTERVAL) => {}
                    _ = self.closing.changed() => {}
                }
                if now().saturating_sub(held) < HELD / 3 {
                    continue;
                }
            } else {
                match self.outlet.tell(&events, &id_of(&events)).await {
                    Ok(()) => {
                        if pause > PAUSE {
                            tracing::info!(outlet = %name, "the outlet accepts events again");
                        }
                        (cursor, pause, batch) = (next, PAUSE, (batch * 2).min(BATCH));
                        self.told = Some(cursor);
                    }
                    Err(why) => {
                        if pause == PAUSE || pause == LONGEST_PAUSE {
                            tracing::error!(outlet = %name, %why, "events could not be exported; they are kept in the ledger");
                        }
                        if why.is_about_what_was_told() {
                            // It may be too much at once, or one of them.
                            batch = (batch / 2).max(1);
                        } else {
                            // The same again, under the same id: it may have been taken, and the answer lost.
                            pending = Some((events, next));
                        }
                        if self.rests(pause).await {
                            return Ok(true);
                        }
                        pause = (pause * 2).min(LONGEST_PAUSE);
                    }
                }
            }
            held = now();
            if !self.queue.done(&name, &self.holder, cursor, until()).await? {
                return Ok(*self.closing.borrow());
            }
        }
    }

    /// Waits, and says whether the process closes.
    async fn rests(&mut self, time: Duration) -> bool {
        if *self.closing.borrow() {
            return true;
        }
        tokio::select! {
            () = tokio::time::sleep(time) => false,
            _ = self.closing.changed() => true,
        }
    }
}

#[cfg(test)]
mod tests;
