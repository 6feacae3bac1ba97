//! Tells the ledger what the gates did.

use crate::config::Config;
use crate::export::Exporter;
use crate::failure::told;
use crate::pages::Words;
use lazaret_engine::Grounds;
use lazaret_gates::{Exchange, Pending, Reason, Record, RecordError, Refusal, public_address};
use lazaret_model::{DAY, Decision, INCIDENT_POLICY, ScanReport, reference};
use lazaret_store::{Blobs, Event, Examined, Journal, Ledger, StoreError, now};
use std::collections::{HashMap, VecDeque};
use std::io::Read;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;
use tokio::sync::Notify;

/// The ledger's file in the data folder.
pub(crate) const LEDGER: &str = "ledger.sqlite";
/// The file of the key that one-time passwords' secrets are kept under, in the data folder.
pub(crate) const KEY: &str = "ledger.key";
/// Techniques of ATT&CK that are noted with an event.
const MOST_TECHNIQUES: usize = 64;
/// Parts and findings of a report that are kept.
const MOST_KEPT: usize = 500;
/// Sites whose age is remembered between questions.
const MOST_SITES: usize = 20_000;
/// Refusals that wait for the ledger to come back, and bytes of their reports.
const MOST_LATE: usize = 10_000;
const MOST_LATE_BYTES: usize = 64 << 20;
/// How long to wait before the ledger is tried again.
const TRY_AGAIN: Duration = Duration::from_secs(2);

/// Where the ledger is that is configured, or the usual one in the data folder.
pub(crate) fn address(config: &Config, data: &Path) -> String {
    match config.ledger.address.as_str() {
        "" => format!("sqlite:{}", data.join(LEDGER).display()),
        address => address.to_owned(),
    }
}

/// Opens it.
pub(crate) async fn open(config: &Config, data: &Path) -> Result<Ledger, StoreError> {
    Ledger::open(&address(config, data)).await
}

/// Looks at it without changing it, for so long at the most.
pub(crate) async fn examine(config: &Config, data: &Path, time: Option<Duration>) -> Result<Examined, StoreError> {
    Ledger::examine(&address(config, data), time).await
}

/// The same for whoever signs people in: with the key that one-time passwords' secrets are kept under. It is in a file beside
/// an SQLite ledger, else in the data folder.
pub(crate) async fn open_with_key(config: &Config, data: &Path) -> Result<Ledger, StoreError> {
    open(config, data).await?.with_key(&key_path(&config.ledger.address, data)).await
}

/// The file of the key of a ledger at an address.
pub(crate) fn key_path(address: &str, data: &Path) -> PathBuf {
    let file = address.strip_prefix("sqlite:").map(|path| path.strip_prefix("//").unwrap_or(path));
    match file.and_then(|path| path.split('?').next()).filter(|path| !path.is_empty() && !path.starts_with(':')) {
        Some(path) => Path::new(path).with_extension("key"),
        None => data.join(KEY),
    }
}

/// The record of the gates.
pub(crate) struct Recorder {
    ledger: Ledger,
    journal: Arc<dyn Journal>,
    blobs: Arc<dyn Blobs>,
    /// When a site was first seen.
    sites: Mutex<HashMap<String, i64>>,
    exporter: Exporter,
    /// The policies in force, which name techniques.
    words: Arc<Words>,
    /// Rung when something new is kept.
    kept: Arc<Notify>,
    /// Refusals that the ledger could not take, the oldest first, with a bell that is rung when there is one.
    late: Mutex<VecDeque<Event>>,
    late_came: Notify,
    /// Rung when one of them is written.
    late_went: Notify,
}

impl Recorder {
    /// The record of gates whose events go to a journal and whose bytes are kept somewhere; the ledger answers questions.
    pub(crate) fn new(
        ledger: Ledger,
        (journal, blobs): (Arc<dyn Journal>, Arc<dyn Blobs>),
        exporter: Exporter,
        words: Arc<Words>,
        kept: Arc<Notify>,
    ) -> Self {
        let (sites, late, late_came, late_went) = Default::default();
        Self { ledger, journal, blobs, sites, exporter, words, kept, late, late_came, late_went }
    }

    /// Writes what could not be written before, as soon as the ledger takes it. Never ends.
    pub(crate) async fn catch_up(self: Arc<Self>) {
        loop {
            self.late_came.notified().await;
            while let Some(event) = self.first_late() {
                let reference = event.reference.clone();
                // The answer to the first try may have been lost, and not the event.
                let written = match self.journal.has(&reference).await {
                    Ok(true) => Ok(()),
                    Ok(false) => self.put(event).await,
                    Err(error) => Err(failed(&error)),
                };
                match written {
                    Ok(()) => {
                        self.late.lock().unwrap_or_else(PoisonError::into_inner).pop_front();
                        self.late_went.notify_one();
                        tracing::info!(%reference, "a refusal was recorded late");
                    }
                    Err(_) => tokio::time::sleep(TRY_AGAIN).await,
                }
            }
        }
    }

    /// Gives what waits for the ledger a last chance, for so long at the most, and says of each that is lost with the process what
    /// it was.
    pub(crate) async fn close(&self, time: Duration) {
        let written = async {
            while self.first_late().is_some() {
                self.late_went.notified().await;
            }
        };
        let all = tokio::time::timeout(time, written).await.is_ok();
        self.exporter.close(time).await;
        if all {
            return;
        }
        for event in self.late.lock().unwrap_or_else(PoisonError::into_inner).iter() {
            let (reference, client, address) = (&event.reference, &event.client, &event.address);
            tracing::error!(%reference, %client, %address, decision = %event.decision, "a refusal was never recorded");
        }
    }

    fn first_late(&self) -> Option<Event> {
        self.late.lock().unwrap_or_else(PoisonError::into_inner).front().cloned()
    }

    /// Keeps an event until the ledger takes it; false where too many wait already.
    fn put_later(&self, event: Event) -> bool {
        let mut late = self.late.lock().unwrap_or_else(PoisonError::into_inner);
        let held = |event: &Event| event.report.len().saturating_add(event.judged.len());
        let bytes: usize = late.iter().map(held).sum();
        if late.len() >= MOST_LATE || bytes.saturating_add(held(&event)) > MOST_LATE_BYTES {
            return false;
        }
        late.push_back(event);
        self.late_came.notify_one();
        true
    }

    /// Says in an event what a report says, and which techniques that is about: those that what was found is a sign of, and the
    /// one that the policy names that decided.
    fn describe(&self, event: &mut Event, report: &ScanReport) {
        describe(event, report);
        let mut techniques = report.techniques();
        techniques.extend(self.words.technique(&event.policy));
        // LIMIT: the report has all of them; no two dozen are about one file.
        event.techniques = techniques.into_iter().take(MOST_TECHNIQUES).collect();
    }

    async fn put(&self, event: Event) -> Result<(), RecordError> {
        self.journal.record(event).await.map_err(|error| failed(&error))?;
        self.exporter.ring();
        Ok(())
    }
}

impl Record for Recorder {
    fn site_age<'a>(&'a self, domain: &'a str) -> Pending<'a, Option<u64>> {
        let known = self.sites.lock().unwrap_or_else(PoisonError::into_inner).get(domain).copied();
        Box::pin(async move {
            let first = match known {
                Some(first) => Some(first),
                None => self.ledger.site(domain).await.map_err(|error| failed(&error))?.map(|site| site.first_seen),
            };
            if let (Some(first), None) = (first, known) {
                let mut sites = self.sites.lock().unwrap_or_else(PoisonError::into_inner);
                if sites.len() >= MOST_SITES {
                    sites.clear();
                }
                sites.insert(domain.to_owned(), first);
            }
            Ok(first.map(|first| u64::try_from((now() - first) / DAY).unwrap_or(0)))
        })
    }

    fn prevalence<'a>(&'a self, sha256: &'a str) -> Pending<'a, u64> {
        Box::pin(async move { self.ledger.prevalence(sha256).await.map_err(|error| failed(&error)) })
    }

    fn delivered<'a>(&'a self, exchange: &'a Exchange, report: &'a ScanReport) -> Pending<'a, ()> {
        let mut event = about(exchange);
        self.describe(&mut event, report);
        event.reference = reference();
        event.name.clone_from(&report.path);
        Box::pin(self.put(event))
    }

    fn refused<'a>(&'a self, exchange: &'a Exchange, refusal: &'a Refusal) -> Pending<'a, ()> {
        let mut event = about(exchange);
        match &refusal.reason {
            Reason::Policy(report) => {
                self.describe(&mut event, report);
                event.report = kept(report);
            }
            Reason::Failed(why) | Reason::Busy(why) => event.reason.clone_from(why),
            Reason::TooLarge(most) => event.reason = format!("larger than {most} bytes"),
            Reason::Contained(contained) => {
                if let Some(report) = &contained.report {
                    self.describe(&mut event, report);
                    event.report = kept(report);
                }
                INCIDENT_POLICY.clone_into(&mut event.policy);
                event.reason = contained.measure.told();
            }
        }
        event.decision = refusal.decision.to_string();
        event.reference.clone_from(&refusal.reference);
        event.name.clone_from(&refusal.name);
        if let Some(kept) = &refusal.kept {
            event.content_blob.clone_from(&kept.content_blob);
            event.codings.clone_from(&kept.codings);
        }
        Box::pin(async move {
            let Err(why) = self.put(event.clone()).await else { return Ok(()) };
            let why = why.to_string();
            Err(if self.put_later(event) { RecordError::Later(why) } else { RecordError::Lost(why) })
        })
    }

    fn keep(&self, content: &mut dyn Read) -> Result<String, RecordError> {
        let content = self.blobs.keep(content).map_err(|error| failed(&error));
        self.kept.notify_one();
        content
    }
}

/// What the gates hear of an error of what is kept.
fn failed(error: &StoreError) -> RecordError {
    RecordError::Failed(told(error))
}

fn about(exchange: &Exchange) -> Event {
    Event {
        at: now(),
        gate: exchange.gate.to_string(),
        direction: exchange.direction.name().to_owned(),
        person: exchange.person.clone().unwrap_or_default(),
        client: exchange.client.map(|client| client.to_string()).unwrap_or_default(),
        host: exchange.host(),
        domain: exchange.domain().unwrap_or_else(|| exchange.host()),
        address: public_address(&exchange.uri),
        verdict: "unknown".to_owned(),
        ..Event::default()
    }
}

fn describe(event: &mut Event, report: &ScanReport) {
    event.sha256.clone_from(&report.sha256);
    event.size = i64::try_from(report.size).unwrap_or(i64::MAX);
    event.kind = report.kind.id.to_string();
    event.class = report.kind.class.name().to_owned();
    event.verdict = report.verdict.to_string();
    event.decision = report.decision.to_string();
    if report.decision != Decision::Deliver {
        let cause = report.cause().and_then(|ruling| ruling.policies.first());
        event.policy = cause.map(|policy| policy.id.clone()).unwrap_or_default();
    }
    event.judged = Grounds::of(report).map(|grounds| grounds.text()).unwrap_or_default();
}

/// The report as it is kept: a bomb's thousands of parts do not fill the ledger.
fn kept(report: &ScanReport) -> String {
    let mut report = report.clone();
    report.parts.truncate(MOST_KEPT);
    report.findings.truncate(MOST_KEPT);
    serde_json::to_string(&report).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_key_is_beside_the_ledger_or_in_the_data_folder() {
        for (address, path) in [
            ("", "/data/ledger.key"),
            ("sqlite:/var/ours.sqlite", "/var/ours.key"),
            ("sqlite:///var/ours.sqlite?mode=rwc", "/var/ours.key"),
            ("sqlite::memory:", "/data/ledger.key"),
            ("postgres://lazaret:secret@db.example/lazaret", "/data/ledger.key"),
        ] {
            assert_eq!(key_path(address, Path::new("/data")), Path::new(path), "{address}");
        }
    }
}
