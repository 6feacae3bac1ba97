//! Watches whether the zygote still listens while somebody waits for it: one that was stopped, or hangs, is replaced.

use crate::pool::Current;
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

/// How often the zygote is asked while it has work.
const EVERY: Duration = Duration::from_millis(400);
/// How long it may take to answer, on a machine that is busy with other things, too.
const PATIENCE: Duration = Duration::from_millis(1_500);

/// How much work there is, shared by those who bring it and by the thread that watches.
#[derive(Default)]
pub(crate) struct Pulse {
    state: Mutex<State>,
    changed: Condvar,
}

#[derive(Default)]
struct State {
    working: usize,
    closing: bool,
}

/// Work that goes on until this is dropped.
pub(crate) struct Working<'a>(&'a Pulse);

impl Pulse {
    /// Work begins.
    pub(crate) fn work(&self) -> Working<'_> {
        let mut state = self.state();
        state.working += 1;
        if state.working == 1 {
            self.changed.notify_all();
        }
        Working(self)
    }

    /// Nobody watches any longer.
    pub(crate) fn close(&self) {
        self.state().closing = true;
        self.changed.notify_all();
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Waits until there was work for a while; false when it is time to end.
    fn wait(&self) -> bool {
        let mut state = self.state();
        loop {
            while state.working == 0 && !state.closing {
                state = self.changed.wait(state).unwrap_or_else(PoisonError::into_inner);
            }
            let began = Instant::now();
            while !state.closing {
                let left = EVERY.saturating_sub(began.elapsed());
                if left.is_zero() {
                    break;
                }
                (state, _) = self.changed.wait_timeout(state, left).unwrap_or_else(PoisonError::into_inner);
            }
            if state.closing {
                return false;
            }
            // What was done within that time needs nobody who watches.
            if state.working > 0 {
                return true;
            }
        }
    }
}

impl Drop for Working<'_> {
    fn drop(&mut self) {
        self.0.state().working -= 1;
    }
}

/// Asks the worker in place again and again, until the pool closes.
pub(crate) fn watch(pulse: &Pulse, current: &Current) {
    let mut number = 0;
    while pulse.wait() {
        let worker = current.worker();
        number += 1;
        if worker.answers(number, PATIENCE) {
            continue;
        }
        tracing::warn!(
            ms = PATIENCE.as_millis(),
            "a worker does not respond; it is replaced, and its inspections are retried once"
        );
        worker.lose();
        if let Err(error) = current.replace(&worker) {
            tracing::error!(%error, "cannot start another worker");
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn work_that_goes_on_is_watched_until_the_end() {
        let pulse = Pulse::default();
        let (told, heard) = std::sync::mpsc::channel();
        std::thread::scope(|scope| {
            scope.spawn(|| {
                while pulse.wait() {
                    told.send(()).unwrap();
                }
            });
            drop(pulse.work());
            let work = pulse.work();
            let watched = heard.recv_timeout(Duration::from_secs(60));
            drop(work);
            pulse.close();
            watched.expect("there is work");
        });
    }
}
