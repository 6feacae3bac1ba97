//! Children that wait for work: forked ahead for whoever comes next, and those that a site's pieces share for a while.
//!
//! What a person opens, saves or sends has a child of its own. What a page loads for itself may share one with other pieces
//! of the same site, and files of one `lazaret scan` with each other, for so long, so many samples and so many bytes; then,
//! and after anything odd, it ends.

use crate::pool::Worker;
use rustix::fd::OwnedFd;
use std::collections::{HashMap, VecDeque};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};
use std::time::{Duration, Instant};

/// How long a child that was forked ahead may wait for its first sample.
pub(crate) const WAITS: Duration = Duration::from_secs(240);
/// How long a child is shared at the most.
pub(crate) const SHARED: Duration = Duration::from_secs(4);
/// Samples that may share a child, and their bytes.
const MOST_SAMPLES: u32 = 250;
const MOST_BYTES: u64 = 64 << 20;
/// Bytes of the largest sample that shares a child: to start one costs little beside the inspection of a larger one.
pub(crate) const LARGEST: u64 = 2 << 20;
/// Shared children that wait for more, in all and of one group; the kernel keeps some hundred KiB for each.
const MOST_IDLE: usize = 48;
const MOST_IDLE_EACH: usize = 8;

/// Samples that may share a child, since they can harm only each other.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum Share {
    /// Pieces of pages, from this registered domain.
    Site(String),
    /// Files that one caller has scanned in one go.
    Caller,
}

/// A child with the engine's end of its socket.
pub(crate) struct Seat {
    pub(crate) number: u64,
    pub(crate) answers: OwnedFd,
    /// Not kept alive by it: a worker that was replaced ends.
    pub(crate) worker: Weak<Worker>,
    since: Instant,
    samples: u32,
    bytes: u64,
}

impl Seat {
    pub(crate) fn new(number: u64, answers: OwnedFd, worker: &Arc<Worker>) -> Self {
        Self { number, answers, worker: Arc::downgrade(worker), since: Instant::now(), samples: 0, bytes: 0 }
    }

    fn is_of(&self, worker: &Arc<Worker>) -> bool {
        std::ptr::eq(self.worker.as_ptr(), Arc::as_ptr(worker))
    }

    /// Counts a sample; the first one begins the time for which it may be shared.
    pub(crate) fn takes(&mut self, bytes: u64) {
        if self.samples == 0 {
            self.since = Instant::now();
        }
        self.samples += 1;
        self.bytes = self.bytes.saturating_add(bytes);
    }

    fn may_go_on(&self, now: Instant) -> bool {
        self.samples < MOST_SAMPLES && self.bytes < MOST_BYTES && now.saturating_duration_since(self.since) < SHARED
    }
}

/// Those that wait.
#[derive(Default)]
pub(crate) struct Seats {
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    /// In the order in which they were asked for: the first was forked by now, the last perhaps not yet.
    ready: VecDeque<Seat>,
    shared: HashMap<Share, Vec<Seat>>,
}

impl Seats {
    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// A child of this worker that has seen nothing yet, where there is one, and how many of them are left.
    pub(crate) fn ready(&self, worker: &Arc<Worker>) -> (Option<Seat>, usize) {
        let mut state = self.state();
        let now = Instant::now();
        state.ready.retain(|seat| seat.is_of(worker) && now.saturating_duration_since(seat.since) < WAITS);
        let seat = state.ready.pop_front();
        (seat, state.ready.len())
    }

    /// One more that has seen nothing yet.
    pub(crate) fn keep_ready(&self, seat: Seat) {
        self.state().ready.push_back(seat);
    }

    /// A child that such samples had before.
    pub(crate) fn shared(&self, share: &Share, worker: &Arc<Worker>) -> Option<Seat> {
        let mut state = self.state();
        let now = Instant::now();
        state.shared.retain(|_, seats| {
            seats.retain(|seat| seat.is_of(worker) && seat.may_go_on(now));
            !seats.is_empty()
        });
        state.shared.get_mut(share)?.pop()
    }

    /// Lets the next such sample have it; where there are too many, or it was shared enough, it ends.
    pub(crate) fn share(&self, share: &Share, seat: Seat) {
        let mut state = self.state();
        let all: usize = state.shared.values().map(Vec::len).sum();
        if all >= MOST_IDLE || !seat.may_go_on(Instant::now()) {
            return;
        }
        let seats = state.shared.entry(share.clone()).or_default();
        if seats.len() < MOST_IDLE_EACH {
            seats.push(seat);
        }
    }
}
