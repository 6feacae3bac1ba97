//! Bytes that bodies under way may take, in all and for one client: of memory, and of the spool.
//!
//! Who wants more than there is waits, and reads nothing meanwhile; who waits for long is refused.

use lazaret_engine::Client;
use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;
use tokio::sync::Notify;
use tokio::time::timeout;

/// Bytes at the peak from which it is worth giving memory back to the system, once most of them are free again.
const WORTH_IT: u64 = 32 << 20;

/// A number of bytes that clients share.
pub(crate) struct Budget {
    /// Bytes in all, of one client, and of one client in any case.
    most: u64,
    each: u64,
    sure: u64,
    held: Mutex<Held>,
    freed: Notify,
    /// Called when most of what was held at the peak is free.
    after_peak: Option<fn()>,
}

#[derive(Default)]
struct Held {
    all: u64,
    peak: u64,
    by: HashMap<Client, u64>,
}

/// What one body holds of a budget, until this is dropped.
pub(crate) struct Share {
    budget: Arc<Budget>,
    client: Client,
    bytes: u64,
}

impl Budget {
    /// A budget of `most` bytes, of which one client has at most `each`, and may always have `sure`.
    pub(crate) fn new(most: u64, each: u64, sure: u64) -> Self {
        Self { most, each: each.max(sure), sure, held: Mutex::default(), freed: Notify::new(), after_peak: None }
    }

    /// The same with something to do after each peak.
    pub(crate) fn with_after_peak(mut self, call: fn()) -> Self {
        self.after_peak = Some(call);
        self
    }

    /// An empty share for a body of this client.
    pub(crate) fn share(self: &Arc<Self>, client: Client) -> Share {
        Share { budget: Arc::clone(self), client, bytes: 0 }
    }

    fn held(&self) -> MutexGuard<'_, Held> {
        self.held.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Share {
    /// Bytes that it holds.
    pub(crate) fn bytes(&self) -> u64 {
        self.bytes
    }

    /// Whether it holds so many bytes now; it holds what it held where there are not enough.
    pub(crate) fn try_hold(&mut self, bytes: u64) -> bool {
        let Some(more) = bytes.checked_sub(self.bytes) else { return self.lower(bytes) };
        if more == 0 {
            return true;
        }
        let budget = &self.budget;
        let mut held = budget.held();
        let own = held.by.get(&self.client).copied().unwrap_or(0).saturating_add(more);
        let all = held.all.saturating_add(more);
        if own > budget.each || all > budget.most && own > budget.sure {
            return false;
        }
        held.by.insert(self.client.clone(), own);
        (held.all, held.peak) = (all, held.peak.max(all));
        self.bytes = bytes;
        true
    }

    /// Waits until it holds so many bytes; false when that takes too long.
    pub(crate) async fn hold(&mut self, bytes: u64, patience: Duration) -> bool {
        if self.try_hold(bytes) {
            return true;
        }
        let budget = Arc::clone(&self.budget);
        let waiting = async {
            loop {
                // Before looking, so that what is freed in between is heard of.
                let freed = budget.freed.notified();
                tokio::pin!(freed);
                freed.as_mut().enable();
                if self.try_hold(bytes) {
                    return;
                }
                freed.await;
            }
        };
        timeout(patience, waiting).await.is_ok()
    }

    fn lower(&mut self, bytes: u64) -> bool {
        let less = self.bytes.saturating_sub(bytes);
        self.bytes = bytes;
        let mut held = self.budget.held();
        held.all = held.all.saturating_sub(less);
        match held.by.get_mut(&self.client) {
            Some(own) if *own > less => *own -= less,
            _ => drop(held.by.remove(&self.client)),
        }
        let is_over = held.peak >= WORTH_IT && held.all <= held.peak / 4;
        if is_over {
            held.peak = held.all;
        }
        drop(held);
        self.budget.freed.notify_waiters();
        if let Some(call) = self.budget.after_peak.filter(|_| is_over) {
            // It takes some milliseconds, which nobody here has.
            let _ = std::thread::Builder::new().name("lazaret-trim".to_owned()).spawn(call);
        }
        true
    }
}

impl Drop for Share {
    fn drop(&mut self) {
        if self.bytes > 0 {
            self.lower(0);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::net::IpAddr;

    fn client(number: u8) -> Client {
        Client::Address(IpAddr::from([192, 0, 2, number]))
    }

    #[test]
    fn nobody_takes_what_is_there_for_all() {
        let budget = Arc::new(Budget::new(100, 40, 5));
        let (mut one, mut other) = (budget.share(client(1)), budget.share(client(1)));
        assert!(one.try_hold(30) && other.try_hold(10));
        assert!(!other.try_hold(11), "a client has its part and no more");
        let mut more: Vec<_> = (2..4).map(|number| budget.share(client(number))).collect();
        assert!(more.iter_mut().all(|share| share.try_hold(30)));
        let mut late = budget.share(client(9));
        assert!(!late.try_hold(6));
        assert!(late.try_hold(5), "a little is there for everybody");
        assert!(one.try_hold(0) && late.try_hold(6));
        drop((one, other, more, late));
        let held = budget.held();
        assert!(held.all == 0 && held.by.is_empty(), "who holds nothing is forgotten");
    }

    #[tokio::test(start_paused = true)]
    async fn who_waits_is_served_when_something_is_freed_and_not_for_ever() {
        let budget = Arc::new(Budget::new(10, 10, 0));
        let (mut first, mut second) = (budget.share(client(1)), budget.share(client(2)));
        assert!(first.try_hold(10));
        assert!(!second.hold(5, Duration::from_secs(5)).await);
        let waiting = tokio::spawn(async move { second.hold(5, Duration::from_secs(5)).await });
        tokio::task::yield_now().await;
        assert!(first.try_hold(6) && !waiting.is_finished());
        drop(first);
        assert!(waiting.await.unwrap());
        assert_eq!(budget.held().all, 0);
    }

    #[test]
    fn memory_is_given_back_after_a_peak() {
        static CALLED: std::sync::Mutex<u32> = std::sync::Mutex::new(0);
        static CALL: std::sync::Condvar = std::sync::Condvar::new();
        let called = || {
            *CALLED.lock().unwrap() += 1;
            CALL.notify_all();
        };
        let budget = Arc::new(Budget::new(1 << 30, 1 << 30, 0).with_after_peak(called));
        let mut share = budget.share(client(1));
        assert!(share.try_hold(WORTH_IT - 1));
        drop(share);
        let mut shares: Vec<_> = (0..4).map(|_| budget.share(client(1))).collect();
        assert!(shares.iter_mut().all(|share| share.try_hold(WORTH_IT)));
        drop(shares);
        let long = Duration::from_secs(60);
        let (called, _) = CALL.wait_timeout_while(CALLED.lock().unwrap(), long, |called| *called == 0).unwrap();
        assert_ne!(*called, 0);
    }
}
