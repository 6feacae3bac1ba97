//! Takes up changes while the gates are open: at SIGHUP, when files change on the disk (certificates of the ICAP server among
//! them), and when another process at the same ledger saved other policies, hosts that are passed uninspected, or acts of incidents.

use crate::control::{Process, Reread};
use crate::failure::Failure;
use lazaret_frame::{Rooms, Started};
use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::{Duration, Instant, SystemTime};
use tokio::signal::unix::Signal;

/// How often files and the ledger are looked at.
const INTERVAL: Duration = Duration::from_secs(3);

/// How often it is looked up what is in force for incidents: that counts within a second, whichever process was told.
const AT_ONCE: Duration = Duration::from_millis(300);

/// How soon policies that could not be taken up are tried again, and how late at the most; each time it is twice as long.
const SOON: Duration = Duration::from_secs(5);
const LATE: Duration = Duration::from_secs(300);

/// Policies that were saved elsewhere and could not be taken up.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Refused {
    version: i64,
    /// Since when, and how long until they are tried again.
    at: Instant,
    pause: Duration,
}

impl Refused {
    /// Another version was refused, or the same one again.
    fn again(before: Option<Self>, version: i64, at: Instant) -> Self {
        let same = before.filter(|before| before.version == version);
        let pause = same.map_or(SOON, |before| (before.pause * 2).min(LATE));
        Self { version, at, pause }
    }

    /// Whether a version should be tried: another one at once.
    fn is_due(before: Option<Self>, version: i64, now: Instant) -> bool {
        before.is_none_or(|before| before.version != version || now.duration_since(before.at) >= before.pause)
    }
}

/// Files, and how they look on the disk.
type Stamp = Vec<(PathBuf, Option<SystemTime>, u64)>;

/// Tells when files changed.
struct Look {
    /// As they were when they were last taken up.
    settled: Stamp,
    seen: Stamp,
}

impl Look {
    fn new(now: Stamp) -> Self {
        Self { settled: now.clone(), seen: now }
    }

    /// Whether they changed, and not since the last look: what did may still be half-written. Then they count as taken up.
    fn is_due(&mut self, now: Stamp) -> bool {
        let still = now == self.seen;
        self.seen = now;
        let due = still && self.seen != self.settled;
        if due {
            self.settled.clone_from(&self.seen);
        }
        due
    }
}

/// Watches for as long as the process runs; `own` are the files of rooms as they were taken up at the start.
pub(crate) async fn watch(process: Arc<Process>, rooms: Arc<Rooms>, mut own: RoomFiles, mut hangup: Signal) {
    let mut look = tokio::time::interval(INTERVAL);
    look.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
    let mut files = Look::new(stamp(&process).await);
    let mut refused = None;
    loop {
        tokio::select! {
            received = hangup.recv() => {
                if received.is_none() {
                    return;
                }
                // What changes while it is read is read again.
                files = Look::new(stamp(&process).await);
                own = RoomFiles::of(&rooms);
                tell("SIGHUP", process.reload(Reread::Everything).await);
                rooms.all().iter().for_each(|started| started.reload("SIGHUP"));
            }
            _ = look.tick() => {
                if let Err(error) = process.follow_bypasses().await {
                    tracing::debug!(%error, "cannot look up the hosts that bypass inspection; keeping the current \
                        ones");
                }
                own.changed(&rooms).iter().for_each(|started| started.reload("files changed"));
                if files.is_due(stamp(&process).await) {
                    tell("files changed", process.reload(Reread::Files).await);
                } else if let Some(version) = process.saved_elsewhere().await
                    && Refused::is_due(refused, version, Instant::now())
                {
                    let done = process.reload(Reread::Files).await;
                    if done.is_err() {
                        process.note_behind();
                    }
                    refused = done.is_err().then(|| Refused::again(refused, version, Instant::now()));
                    tell("policies were saved by another process", done);
                }
            }
        }
    }
}

/// Follows what is in force for incidents for as long as the process runs.
pub(crate) async fn watch_measures(process: Arc<Process>) {
    let mut look = tokio::time::interval(AT_ONCE);
    look.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
    let mut was_told = false;
    loop {
        look.tick().await;
        let followed = process.follow_measures().await;
        // Once is enough for as long as it lasts.
        if let (Err(error), false) = (&followed, was_told) {
            tracing::warn!(%error, "cannot look up containment measures; keeping the current ones");
        }
        was_told = followed.is_err();
    }
}

async fn stamp(process: &Arc<Process>) -> Stamp {
    let process = Arc::clone(process);
    tokio::task::spawn_blocking(move || process.stamp()).await.unwrap_or_default()
}

/// The files that rooms read beside the configuration, each room's by itself.
#[derive(Default)]
pub(crate) struct RoomFiles(BTreeMap<&'static str, Look>);

impl RoomFiles {
    /// As they are now.
    pub(crate) fn of(rooms: &Rooms) -> Self {
        let mut files = Self::default();
        files.changed(rooms);
        files
    }

    /// The rooms whose files changed. Those of a room that was not known before are as they should be.
    fn changed(&mut self, rooms: &Rooms) -> Vec<Started> {
        let mut changed = rooms.all();
        changed.retain(|started| {
            let now = stamp_of(started.files());
            match self.0.get_mut(started.room.name()) {
                Some(look) => look.is_due(now),
                None => {
                    self.0.insert(started.room.name(), Look::new(now));
                    false
                }
            }
        });
        changed
    }
}

/// How files look now.
fn stamp_of(files: Vec<PathBuf>) -> Stamp {
    let look = |path: PathBuf| {
        let meta = std::fs::metadata(&path).ok();
        let modified = meta.as_ref().and_then(|meta| meta.modified().ok());
        (path, modified, meta.map_or(0, |meta| meta.len()))
    };
    files.into_iter().map(look).collect()
}

fn tell(because: &str, done: Result<(), Failure>) {
    match done {
        Ok(()) => tracing::info!(%because, "reloaded rules, hash lists and policies"),
        Err(why) => tracing::error!(%because, %why, "reload failed; keeping the current rules, hash lists and \
            policies"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn files_are_taken_up_once_they_stay_as_they_are() {
        let stamp = |len| vec![(PathBuf::from("a"), None, len)];
        let mut look = Look::new(stamp(1));
        assert!(!look.is_due(stamp(1)));
        assert!(!look.is_due(stamp(2)), "it may be half-written");
        assert!(!look.is_due(stamp(3)));
        assert!(look.is_due(stamp(3)));
        assert!(!look.is_due(stamp(3)), "once is enough");
    }

    #[test]
    fn what_could_not_be_taken_up_is_tried_again_ever_more_seldom_and_another_version_at_once() {
        let start = Instant::now();
        let after = |seconds| start + Duration::from_secs(seconds);
        assert!(Refused::is_due(None, 7, start));
        let mut refused = Some(Refused::again(None, 7, start));
        assert!(!Refused::is_due(refused, 7, after(4)) && Refused::is_due(refused, 7, after(5)));
        assert!(Refused::is_due(refused, 8, start), "somebody mended it");
        for _ in 0..20 {
            refused = Some(Refused::again(refused, 7, start));
        }
        assert!(!Refused::is_due(refused, 7, after(299)) && Refused::is_due(refused, 7, after(300)));
        assert_eq!(Refused::again(refused, 8, start).pause, SOON);
    }
}
