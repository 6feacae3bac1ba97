//! Takes up changes while the gates are open: at SIGHUP, when files change on the disk, and when another process at the
//! same ledger saved other policies or hosts that are passed uninspected.

use crate::control::{Process, Reread};
use crate::failure::Failure;
use std::sync::Arc;
use std::time::{Duration, Instant};
use tokio::signal::unix::Signal;

/// How often files and the ledger are looked at.
const INTERVAL: Duration = Duration::from_secs(3);

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

/// Watches for as long as the process runs.
pub(crate) async fn watch(process: Arc<Process>, mut hangup: Signal) {
    let mut look = tokio::time::interval(INTERVAL);
    look.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
    let mut settled = stamp(&process).await;
    let mut seen = settled.clone();
    let mut refused = None;
    loop {
        tokio::select! {
            received = hangup.recv() => {
                if received.is_none() {
                    return;
                }
                tell("SIGHUP", process.reload(Reread::Everything).await);
                settled = stamp(&process).await;
                seen.clone_from(&settled);
            }
            _ = look.tick() => {
                if let Err(error) = process.follow_bypasses().await {
                    tracing::debug!(%error, "hosts that are passed uninspected could not be looked up; those that are stay so");
                }
                let now = stamp(&process).await;
                // What changed since the last look may still be half-written.
                let still = now == seen;
                seen.clone_from(&now);
                if still && now != settled {
                    settled = now;
                    tell("files changed", process.reload(Reread::Files).await);
                } else if let Some(version) = process.saved_elsewhere().await
                    && Refused::is_due(refused, version, Instant::now())
                {
                    let done = process.reload(Reread::Files).await;
                    if done.is_err() {
                        process.note_behind();
                    }
                    refused = done.is_err().then(|| Refused::again(refused, version, Instant::now()));
                    tell("policies were saved elsewhere", done);
                }
            }
        }
    }
}

async fn stamp(process: &Arc<Process>) -> Vec<(std::path::PathBuf, Option<std::time::SystemTime>, u64)> {
    let process = Arc::clone(process);
    tokio::task::spawn_blocking(move || process.stamp()).await.unwrap_or_default()
}

fn tell(because: &str, done: Result<(), Failure>) {
    match done {
        Ok(()) => tracing::info!(%because, "rules, hash lists and policies were read again and are in force"),
        Err(why) => tracing::error!(%because, %why, "nothing was taken up; what was in force stays in force"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

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
