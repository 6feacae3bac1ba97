//! Turns: a bounded number of inspections at once, shared fairly by those for whom they are.
//!
//! Whoever used the least time so far is next; nobody holds all turns as long as there may be somebody else. [`Queue`] decides and
//! knows no clock; [`Turns`] tells it the time and wakes who waits.

use std::collections::{BTreeSet, HashMap};
use std::fmt;
use std::future::Future;
use std::net::IpAddr;
use std::pin::Pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, Waker};
use std::time::{Duration, Instant};

/// For whom something is inspected.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum Client {
    /// A machine.
    Address(IpAddr),
    /// A person whom a gateway names without an address.
    Person(String),
    /// Somebody who has it inspected again in the console.
    Console(String),
    /// Nobody knows.
    Unknown,
}

/// Number of somebody who waits.
type Ticket = u64;

/// What is known about somebody who has a turn or waits for one.
#[derive(Debug, Default)]
struct Line {
    /// Turns that they have.
    running: usize,
    /// The sum of the times at which those began.
    began: Duration,
    /// Time that they used, in turns that are over.
    used: Duration,
    waiting: BTreeSet<Ticket>,
}

impl Line {
    /// Time that they used, in turns that go on as well.
    fn owes(&self, now: Duration) -> Duration {
        let running = now.saturating_mul(u32::try_from(self.running).unwrap_or(u32::MAX));
        self.used.saturating_add(running.saturating_sub(self.began))
    }
}

/// What came of asking for a turn.
#[derive(Debug, PartialEq, Eq)]
enum Asked {
    Now,
    Waits(Ticket),
    Full,
}

/// Who has turns and who waits, as pure bookkeeping. Times count from any one moment.
#[derive(Debug)]
struct Queue {
    /// Turns at once.
    most: usize,
    /// Turns of one client at once.
    each: usize,
    /// Those who wait of one client.
    waiting: usize,
    running: usize,
    next: Ticket,
    lines: HashMap<Client, Line>,
}

impl Queue {
    fn new(most: usize, each: usize, waiting: usize) -> Self {
        let most = most.max(1);
        Self { most, each: each.clamp(1, most), waiting, running: 0, next: 0, lines: HashMap::new() }
    }

    fn ask(&mut self, client: &Client, now: Duration) -> Asked {
        if !self.lines.contains_key(client) {
            // Who comes anew has used as little as who used least: being away earns nothing.
            let used = self.lines.values().map(|line| line.owes(now)).min().unwrap_or_default();
            self.lines.insert(client.clone(), Line { used, ..Line::default() });
        }
        let Some(line) = self.lines.get_mut(client) else { return Asked::Full };
        if self.running < self.most && line.running < self.each {
            line.running += 1;
            line.began = line.began.saturating_add(now);
            self.running += 1;
            return Asked::Now;
        }
        if line.waiting.len() >= self.waiting {
            return Asked::Full;
        }
        self.next += 1;
        line.waiting.insert(self.next);
        Asked::Waits(self.next)
    }

    /// Gives the next turn to whoever is next, if there is one to give.
    fn give(&mut self, now: Duration) -> Option<Ticket> {
        if self.running >= self.most {
            return None;
        }
        let each = self.each;
        let ready = self.lines.values_mut().filter(|line| line.running < each);
        let ready = ready.filter_map(|line| Some((*line.waiting.first()?, line)));
        let (ticket, line) = ready.min_by_key(|(ticket, line)| (line.owes(now), line.running, *ticket))?;
        line.waiting.remove(&ticket);
        line.running += 1;
        line.began = line.began.saturating_add(now);
        self.running += 1;
        Some(ticket)
    }

    /// A turn that began at some time is over.
    fn done(&mut self, client: &Client, began: Duration, now: Duration) {
        let Some(line) = self.lines.get_mut(client) else { return };
        line.running = line.running.saturating_sub(1);
        line.began = line.began.saturating_sub(began);
        line.used = line.used.saturating_add(now.saturating_sub(began));
        self.running = self.running.saturating_sub(1);
        self.forget(client);
    }

    /// Somebody does not wait any longer.
    fn leave(&mut self, client: &Client, ticket: Ticket) {
        if let Some(line) = self.lines.get_mut(client) {
            line.waiting.remove(&ticket);
        }
        self.forget(client);
    }

    /// Whether somebody who has a turn has another one as well, or waits for one.
    fn wants_more(&self, client: &Client) -> bool {
        self.lines.get(client).is_some_and(|line| line.running > 1 || !line.waiting.is_empty())
    }

    fn forget(&mut self, client: &Client) {
        if self.lines.get(client).is_some_and(|line| line.running == 0 && line.waiting.is_empty()) {
            self.lines.remove(client);
        }
    }
}

/// Turns at the inspection, shared by everybody in the process.
pub struct Turns {
    state: Mutex<State>,
    start: Instant,
}

struct State {
    queue: Queue,
    /// Those who wait: how they are woken, or since when they have their turn.
    calls: HashMap<Ticket, Call>,
}

enum Call {
    Waiting(Option<Waker>),
    Called(Duration),
}

/// So many of one client wait that no more may.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct QueueFull(pub usize);

impl fmt::Display for QueueFull {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} inspections for the same client are already waiting", self.0)
    }
}

impl std::error::Error for QueueFull {}

impl Turns {
    /// So many turns at once, of which one client has at most `each`; of one client, at most `waiting` wait.
    pub fn new(most: usize, each: usize, waiting: usize) -> Arc<Self> {
        let state = State { queue: Queue::new(most, each, waiting), calls: HashMap::new() };
        Arc::new(Self { state: Mutex::new(state), start: Instant::now() })
    }

    /// Gets in line. Whoever drops what this gives has left it.
    ///
    /// # Errors
    /// When too many of this client wait already.
    pub fn wait(self: &Arc<Self>, client: &Client) -> Result<Waiting, QueueFull> {
        let mut state = self.state();
        let now = self.now();
        let place = match state.queue.ask(client, now) {
            Asked::Now => Place::Has(now),
            Asked::Waits(ticket) => {
                state.calls.insert(ticket, Call::Waiting(None));
                Place::Waits(ticket)
            }
            Asked::Full => {
                let most = state.queue.waiting;
                state.queue.forget(client);
                return Err(QueueFull(most));
            }
        };
        drop(state);
        Ok(Waiting { turns: Arc::clone(self), client: client.clone(), place })
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn now(&self) -> Duration {
        self.start.elapsed()
    }

    /// A turn is over: the next ones are called.
    fn done(&self, client: &Client, began: Duration) {
        let mut state = self.state();
        let now = self.now();
        state.queue.done(client, began, now);
        let mut wakers = Vec::new();
        while let Some(ticket) = state.queue.give(now) {
            if let Some(Call::Waiting(waker)) = state.calls.insert(ticket, Call::Called(now)) {
                wakers.extend(waker);
            }
        }
        drop(state);
        wakers.into_iter().for_each(Waker::wake);
    }
}

enum Place {
    Waits(Ticket),
    Has(Duration),
    Gone,
}

/// Somebody who waits for a turn.
pub struct Waiting {
    turns: Arc<Turns>,
    client: Client,
    place: Place,
}

impl Future for Waiting {
    type Output = Turn;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Turn> {
        let this = self.get_mut();
        let began = match this.place {
            Place::Has(began) => began,
            Place::Waits(ticket) => {
                let mut state = this.turns.state();
                match state.calls.get_mut(&ticket) {
                    Some(Call::Called(began)) => {
                        let began = *began;
                        state.calls.remove(&ticket);
                        began
                    }
                    Some(Call::Waiting(waker)) => {
                        *waker = Some(cx.waker().clone());
                        return Poll::Pending;
                    }
                    None => return Poll::Pending,
                }
            }
            // It was given already, and nobody asks again.
            Place::Gone => return Poll::Pending,
        };
        this.place = Place::Gone;
        let pace = if this.turns.state().queue.wants_more(&this.client) { Pace::Behind } else { Pace::First };
        Poll::Ready(Turn { turns: Arc::clone(&this.turns), client: this.client.clone(), began, pace })
    }
}

impl Drop for Waiting {
    fn drop(&mut self) {
        let began = match self.place {
            Place::Gone => return,
            Place::Has(began) => began,
            Place::Waits(ticket) => {
                let mut state = self.turns.state();
                match state.calls.remove(&ticket) {
                    Some(Call::Called(began)) => began,
                    _ => return state.queue.leave(&self.client, ticket),
                }
            }
        };
        self.turns.done(&self.client, began);
    }
}

/// Whose inspections the processor does first, where there are more than it can do at once.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Pace {
    /// The only one of a client, until it takes long.
    #[default]
    First,
    /// One of several of a client.
    Behind,
}

/// A turn, until this is dropped.
pub struct Turn {
    turns: Arc<Turns>,
    client: Client,
    began: Duration,
    pace: Pace,
}

impl Turn {
    /// How its inspection goes beside those of others.
    pub const fn pace(&self) -> Pace {
        self.pace
    }
}

impl Drop for Turn {
    fn drop(&mut self) {
        self.turns.done(&self.client, self.began);
    }
}

#[cfg(test)]
mod tests;
