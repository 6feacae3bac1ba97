//! Bytes that bodies under way may take, in all and for one client: of memory, and of the spool.
//!
//! Who wants more than there is waits, and reads nothing meanwhile; who waits for long is refused.

use lazaret_engine::Client;
use std::collections::HashMap;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;
use tokio::sync::Notify;
use tokio::time::timeout;

/// Bytes from which it is worth giving memory back to the system, once they are free again.
const WORTH_IT: u64 = 32 << 20;
/// How often that is done while so much goes on; the last time when it has been quiet for so long, since connections and their buffers
/// go after the bodies.
const PAUSE: Duration = Duration::from_secs(5);
/// Bytes that become free in a pause that still counts as quiet.
const QUIET: u64 = 1 << 20;

/// A number of bytes that clients share.
pub(crate) struct Budget {
    /// Bytes in all, of one client, and of one client in any case.
    most: u64,
    each: u64,
    sure: u64,
    held: Mutex<Held>,
    freed: Notify,
    trimmer: Option<Trimmer>,
}

/// Gives memory back to the system, beside everything else: it takes some milliseconds, which nobody here has.
struct Trimmer {
    trim: fn(),
    pause: Duration,
    /// Bytes that became free since it looked.
    released: AtomicU64,
    /// Whether its thread runs.
    runs: AtomicBool,
}

impl Trimmer {
    /// Trims in each pause until one was quiet.
    fn run(&self) {
        loop {
            std::thread::sleep(self.pause);
            let released = self.released.swap(0, Ordering::Relaxed);
            (self.trim)();
            if released < QUIET {
                self.runs.store(false, Ordering::Release);
                return;
            }
        }
    }
}

#[derive(Default)]
struct Held {
    all: u64,
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
        Self { most, each: each.max(sure), sure, held: Mutex::default(), freed: Notify::new(), trimmer: None }
    }

    /// The same for bytes of memory, with what gives freed memory back to the system.
    pub(crate) fn of_memory(mut self, trim: fn()) -> Self {
        let (released, runs) = (AtomicU64::new(0), AtomicBool::new(false));
        self.trimmer = Some(Trimmer { trim, pause: PAUSE, released, runs });
        self
    }

    /// So many bytes are free again.
    fn released(self: &Arc<Self>, bytes: u64) {
        let Some(trimmer) = &self.trimmer else { return };
        let released = trimmer.released.fetch_add(bytes, Ordering::Relaxed).saturating_add(bytes);
        if released < WORTH_IT || trimmer.runs.swap(true, Ordering::Acquire) {
            return;
        }
        let budget = Arc::clone(self);
        let run = move || budget.trimmer.iter().for_each(Trimmer::run);
        if std::thread::Builder::new().name("lazaret-trim".to_owned()).spawn(run).is_err() {
            trimmer.runs.store(false, Ordering::Release);
        }
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
        held.all = all;
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
        drop(held);
        self.budget.freed.notify_waiters();
        self.budget.released(less);
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
    fn memory_is_given_back_when_it_is_quiet_again_and_by_one_thread() {
        static TRIMS: AtomicU64 = AtomicU64::new(0);
        static AT_ONCE: AtomicU64 = AtomicU64::new(0);
        fn trim() {
            assert_eq!(AT_ONCE.fetch_add(1, Ordering::SeqCst), 0, "two trim at once");
            TRIMS.fetch_add(1, Ordering::SeqCst);
            std::thread::yield_now();
            AT_ONCE.fetch_sub(1, Ordering::SeqCst);
        }
        let mut budget = Budget::new(1 << 30, 1 << 30, 0).of_memory(trim);
        budget.trimmer.as_mut().unwrap().pause = Duration::from_millis(50);
        let budget = Arc::new(budget);
        let hold = |bytes| assert!(budget.share(client(1)).try_hold(bytes));
        hold(WORTH_IT - 1);
        let trimmer = budget.trimmer.as_ref().unwrap();
        assert!(!trimmer.runs.load(Ordering::SeqCst), "so little is not worth it");
        // One after the other, none of them large, while it trims and after.
        (0..200).for_each(|_| hold(QUIET));
        assert!(trimmer.runs.load(Ordering::SeqCst));
        let end = std::time::Instant::now() + Duration::from_secs(60);
        while trimmer.runs.load(Ordering::SeqCst) {
            assert!(std::time::Instant::now() < end, "it never ends");
            std::thread::yield_now();
        }
        // The pause in which all of that became free, and the quiet one after it.
        assert!(TRIMS.load(Ordering::SeqCst) >= 2, "what became free before the last trim is not all");
        assert_eq!(trimmer.released.load(Ordering::SeqCst), 0);
    }
}
