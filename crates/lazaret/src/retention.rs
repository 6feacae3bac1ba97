//! Forgets what was kept for long enough, or has no room: hourly, and soon after something new is kept. What is kept for long takes
//! less space then: events about what was delivered are packed.
//!
//! Age is told by the clock, and clocks jump. What looks old because the clock leapt is kept until the clock has been
//! steady for a day; what has no room goes all the same, the oldest first.

use crate::config::Quarantine;
use crate::failure::told;
use lazaret_model::DAY;
use lazaret_store::{Blobs, Ledger, StoreError, now};
use std::path::PathBuf;
use std::sync::Arc;
use std::time::{Duration, Instant};
use tokio::sync::Notify;
use tokio::task::JoinHandle;

const HOUR: Duration = Duration::from_secs(3_600);
/// How long something new may be there before its size counts.
pub(crate) const SOON: Duration = Duration::from_secs(2);
/// A step of the clock that needs an explanation, forth and back, in milliseconds.
const LEAP: i64 = 2 * DAY;
const STEP_BACK: i64 = 3_600_000;
/// How long a clock that leapt must be steady before it is believed.
const STEADY: Duration = Duration::from_secs(86_400);

/// What is forgotten when.
pub(crate) struct Retention {
    pub(crate) ledger: Ledger,
    pub(crate) blobs: Arc<dyn Blobs>,
    pub(crate) quarantine: Quarantine,
    /// Days that events are kept; 0 for ever.
    pub(crate) event_days: u32,
    /// Rung when something new is kept.
    pub(crate) kept: Arc<Notify>,
    /// How long something new may be there before its size counts: [`SOON`].
    pub(crate) soon: Duration,
    /// Where it stands for how many seconds more the clock must be steady, so that no restart makes it believed.
    pub(crate) doubt: PathBuf,
}

/// Whether the clock can be believed.
#[derive(Debug, Default)]
struct Clock {
    /// The last time known, in milliseconds since 1970.
    last: Option<i64>,
    /// Since when it must be steady, and for how long.
    doubted: Option<(Instant, Duration)>,
}

impl Clock {
    /// Looks at the clock: whether age may be told by it.
    fn look(&mut self, now: i64, at: Instant) -> bool {
        if let Some(last) = self.last
            && (now - last > LEAP || last - now > STEP_BACK)
        {
            tracing::warn!(
                days = (now - last) / DAY,
                "the system clock jumped; expiry by age is paused until the clock has been steady for a day"
            );
            self.doubted = Some((at, STEADY));
        }
        self.last = Some(now);
        self.doubted = self.left(at).map(|left| (at, left));
        self.doubted.is_none()
    }

    /// How long it must still be steady.
    fn left(&self, at: Instant) -> Option<Duration> {
        let (since, steady) = self.doubted?;
        steady.checked_sub(at.duration_since(since)).filter(|left| !left.is_zero())
    }
}

impl Retention {
    /// Runs as long as the process.
    pub(crate) async fn run(self) {
        let mut clock = self.clock().await;
        let mut hourly = tokio::time::interval(HOUR);
        // It takes its time, and the quarantine's room cannot wait for it.
        let mut forgetting: Option<JoinHandle<()>> = None;
        loop {
            let hour = tokio::select! {
                _ = hourly.tick() => true,
                () = self.kept.notified() => {
                    tokio::time::sleep(self.soon).await;
                    false
                }
            };
            let believed = self.round(&mut clock, now(), Instant::now()).await;
            if hour && believed && forgetting.as_ref().is_none_or(JoinHandle::is_finished) {
                forgetting = Some(tokio::spawn(forget(self.ledger.clone(), self.event_days, now())));
            }
        }
    }

    /// What is known of the clock at the start.
    async fn clock(&self) -> Clock {
        let mut clock = Clock::default();
        match self.newest().await {
            Ok(newest) => clock.last = newest,
            Err(error) => tracing::error!(error = %told(&error), "cannot determine when something was last stored"),
        }
        clock.doubted = self.doubted_before();
        clock
    }

    /// Looks at the clock and tidies the quarantine once. Whether the clock can be believed.
    async fn round(&self, clock: &mut Clock, now: i64, at: Instant) -> bool {
        let believed = clock.look(now, at);
        self.note_doubt(clock.left(at));
        self.tidy(believed, now).await;
        believed
    }

    /// What is left of a doubt of an earlier run.
    fn doubted_before(&self) -> Option<(Instant, Duration)> {
        let seconds = std::fs::read_to_string(&self.doubt).ok()?.trim().parse().ok()?;
        Some((Instant::now(), Duration::from_secs(seconds).min(STEADY)))
    }

    fn note_doubt(&self, left: Option<Duration>) {
        let noted = match left {
            Some(left) => std::fs::write(&self.doubt, format!("{}\n", left.as_secs().max(1))),
            None => std::fs::remove_file(&self.doubt).or_else(|error| match error.kind() {
                std::io::ErrorKind::NotFound => Ok(()),
                _ => Err(error),
            }),
        };
        if let Err(error) = noted {
            tracing::error!(%error, "cannot record the state of the clock");
        }
    }

    /// The last time that is known. A mark of the ledger was made by a clock that was believed; where there is none, that is
    /// when an event was recorded or bytes were kept last.
    async fn newest(&self) -> Result<Option<i64>, StoreError> {
        if let Some(mark) = self.ledger.last_mark().await? {
            return Ok(Some(mark));
        }
        let event = self.ledger.recent(1).await?.first().map(|logged| logged.event.at);
        let blobs = Arc::clone(&self.blobs);
        let blob = tokio::task::spawn_blocking(move || blobs.list());
        let blob = blob.await.unwrap_or_else(|_| Ok(Vec::new()))?.last().map(|(_, _, at)| *at);
        Ok(event.max(blob))
    }

    async fn tidy(&self, by_age: bool, now: i64) {
        let (blobs, limits) = (Arc::clone(&self.blobs), self.quarantine.clone());
        let tidied = tokio::task::spawn_blocking(move || {
            let list = blobs.list()?;
            let oldest = if by_age { now.saturating_sub(i64::from(limits.days) * DAY) } else { i64::MIN };
            let mut total: u64 = list.iter().map(|(_, bytes, _)| bytes).sum();
            let mut gone = 0;
            for (blob, bytes, at) in list {
                if at < oldest || total > limits.most_bytes {
                    blobs.forget(&blob)?;
                    total -= bytes;
                    gone += 1;
                }
            }
            Ok::<_, StoreError>(gone)
        });
        match tidied.await {
            Ok(Ok(0)) => {}
            Ok(Ok(files)) => {
                tracing::info!(files, "deleted expired or excess files from the quarantine")
            }
            Ok(Err(error)) => tracing::error!(%error, "quarantine cleanup failed"),
            Err(error) => tracing::error!(%error, "quarantine cleanup failed"),
        }
    }
}

/// Forgets events that were kept for so many days; 0 stands for ever. Those that stay are packed where they can be. The clock is
/// believed.
async fn forget(ledger: Ledger, days: u32, now: i64) {
    let done = async {
        ledger.mark(now).await?;
        if days == 0 { Ok(0) } else { ledger.forget_events(now, days, |_| {}).await }
    };
    match done.await {
        Ok(0) => {}
        Ok(events) => tracing::info!(events, "deleted expired events from the ledger"),
        Err(error) => tracing::error!(error = %told(&error), "ledger cleanup failed"),
    }
    match ledger.pack(now, |_| {}).await {
        Ok(0) => {}
        Ok(events) => tracing::info!(events, "packed events about delivered files in the ledger"),
        Err(error) => tracing::error!(error = %told(&error), "events in the ledger cannot be packed"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use lazaret_store::{Event, MemoryBlobs};

    #[test]
    fn a_clock_that_leapt_is_not_believed_for_a_day() {
        let start = Instant::now();
        let hours = |n: u64| start + HOUR * u32::try_from(n).unwrap();
        let mut clock = Clock { last: Some(1_000 * DAY), ..Clock::default() };
        assert!(clock.look(1_000 * DAY + STEP_BACK, hours(0)), "an hour later");
        assert!(!clock.look(1_400 * DAY, hours(1)), "a year later");
        assert!(!clock.look(1_400 * DAY + 22 * STEP_BACK, hours(23)), "not a day since then");
        assert!(clock.look(1_401 * DAY, hours(25)), "steady for a day");
        assert!(!clock.look(1_000 * DAY, hours(26)), "set back");
        assert!(Clock::default().look(1_000 * DAY, start), "nothing to hold it against");
    }

    #[tokio::test]
    async fn what_only_looks_old_is_kept_and_what_has_no_room_goes() {
        let folder = tempfile::tempdir().unwrap();
        let ledger = Ledger::open(&format!("sqlite:{}", folder.path().join("ledger").display())).await.unwrap();
        // As if everything had been kept 400 days ago.
        let then = now() - 400 * DAY;
        ledger.record(Event { at: then, reference: "then".into(), ..Event::default() }).await.unwrap();
        let blobs = MemoryBlobs::default();
        for byte in 0..3_u8 {
            let sha256 = blobs.keep(&mut &[byte; 1_000][..]).unwrap();
            blobs.date(&sha256, then);
        }
        let kept = Arc::new(Notify::new());
        let retention = |most_bytes| Retention {
            ledger: ledger.clone(),
            blobs: Arc::new(blobs.clone()),
            quarantine: Quarantine { days: 90, most_bytes },
            event_days: 90,
            kept: Arc::clone(&kept),
            soon: Duration::ZERO,
            doubt: folder.path().join("doubt"),
        };
        let roomy = retention(1 << 30);
        assert!(!roomy.round(&mut roomy.clock().await, now(), Instant::now()).await, "the clock leapt by 400 days");
        assert_eq!((blobs.list().unwrap().len(), ledger.recent(9).await.unwrap().len()), (3, 1));
        // Neither does something new make the clock right, nor a restart.
        ledger.record(Event { at: now(), reference: "new".into(), ..Event::default() }).await.unwrap();
        let again = retention(1 << 30);
        assert!(!again.round(&mut again.clock().await, now(), Instant::now()).await, "a restart made it believed");
        assert_eq!((blobs.list().unwrap().len(), ledger.recent(9).await.unwrap().len()), (3, 2));
        let narrow = tokio::spawn(retention(2_500).run());
        let two_are_left = async |what: &str| {
            for _ in 0..1_000 {
                if blobs.list().unwrap().len() == 2 {
                    return;
                }
                tokio::time::sleep(Duration::from_millis(10)).await;
            }
            panic!("{what}: {} are left", blobs.list().unwrap().len());
        };
        two_are_left("at the start").await;
        blobs.keep(&mut &[9; 1_000][..]).unwrap();
        kept.notify_one();
        two_are_left("long before the hour is over").await;
        narrow.abort();
    }

    #[tokio::test]
    async fn one_event_that_is_dated_ahead_does_not_put_the_clock_in_doubt_at_each_start() {
        let folder = tempfile::tempdir().unwrap();
        let ledger = Ledger::open(&format!("sqlite:{}", folder.path().join("ledger").display())).await.unwrap();
        let retention = Retention {
            ledger: ledger.clone(),
            blobs: Arc::new(MemoryBlobs::default()),
            quarantine: Quarantine::default(),
            event_days: 90,
            kept: Arc::default(),
            soon: Duration::ZERO,
            doubt: folder.path().join("doubt"),
        };
        let (today, start) = (20_000 * DAY, Instant::now());
        let ahead = today + 400 * DAY;
        ledger.record(Event { at: ahead, reference: "ahead".into(), ..Event::default() }).await.unwrap();
        // The first start has nothing else to go by.
        let mut clock = retention.clock().await;
        assert!(!retention.round(&mut clock, today, start).await);
        let steady = start + STEADY;
        assert!(retention.round(&mut clock, today + DAY, steady).await);
        forget(ledger.clone(), 90, today + DAY).await;
        for _ in 0..3 {
            let mut clock = retention.clock().await;
            assert!(retention.round(&mut clock, today + DAY, steady).await, "it is doubted again");
        }
    }
}
