//! Takes up changes while the gates are open: at SIGHUP, when files change on the disk, and when another process at the
//! same ledger saved other policies.

use crate::control::{Process, Reread};
use crate::failure::Failure;
use std::sync::Arc;
use std::time::Duration;
use tokio::signal::unix::Signal;

/// How often files and the ledger are looked at.
const INTERVAL: Duration = Duration::from_secs(3);

/// Watches for as long as the process runs.
pub(crate) async fn watch(process: Arc<Process>, mut hangup: Signal) {
    let mut look = tokio::time::interval(INTERVAL);
    look.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
    let mut settled = stamp(&process).await;
    let mut seen = settled.clone();
    let mut tried = None;
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
                let now = stamp(&process).await;
                // What changed since the last look may still be half-written.
                let still = now == seen;
                seen.clone_from(&now);
                if still && now != settled {
                    settled = now;
                    tell("files changed", process.reload(Reread::Files).await);
                } else if let Some(version) = process.saved_elsewhere().await
                    && tried != Some(version)
                {
                    tried = Some(version);
                    tell("policies were saved elsewhere", process.reload(Reread::Files).await);
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
