//! The least pace at which somebody must send what they announced, so that nobody keeps a place by sending next to nothing.

use std::time::Duration;

/// The shortest stretch of waiting that is judged.
const SHORTEST: Duration = Duration::from_secs(1);

/// Watches how fast something comes. Only the time that is spent waiting for the other side counts, as whoever watches tells it.
#[derive(Debug, Clone)]
pub struct Pace {
    /// How long it may come at any pace, and the stretches of waiting that are judged after that.
    grace: Duration,
    /// Bytes a second that are enough.
    least: u64,
    /// Whether the grace is over.
    due: bool,
    waited: Duration,
    bytes: u64,
}

impl Pace {
    /// A pace of `least` bytes a second, on the average of stretches as long as `grace`, after the first of them.
    pub fn new(grace: Duration, least: u64) -> Self {
        Self { grace, least, due: grace.is_zero(), waited: Duration::ZERO, bytes: 0 }
    }

    /// Notes what came after waiting for it. False when the other side is too slow.
    pub fn came(&mut self, after: Duration, bytes: u64) -> bool {
        self.waited = self.waited.saturating_add(after);
        self.bytes = self.bytes.saturating_add(bytes);
        if self.waited < self.grace.max(SHORTEST) {
            return true;
        }
        let enough = !self.due || self.bytes >= self.least.saturating_mul(self.waited.as_secs());
        (self.due, self.waited, self.bytes) = (true, Duration::ZERO, 0);
        enough
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// After how many pieces, of so many bytes after so many seconds each, somebody is too slow.
    fn stopped(bytes: u64, seconds: u64) -> Option<usize> {
        let mut pace = Pace::new(Duration::from_secs(30), 1_024);
        (1..=10_000).find(|_| !pace.came(Duration::from_secs(seconds), bytes))
    }

    #[test]
    fn who_sends_next_to_nothing_is_stopped_and_who_is_slow_is_not() {
        assert_eq!(stopped(1, 8), Some(8), "a byte every eight seconds");
        assert_eq!(stopped(1, 59), Some(2));
        assert_eq!(stopped(10_000, 20), Some(4));
        assert_eq!(stopped(1_024, 1), None);
        assert_eq!(stopped(60_000, 50), None, "in bursts");
    }

    #[test]
    fn a_quick_beginning_buys_no_slow_rest() {
        let mut pace = Pace::new(Duration::from_secs(30), 1_024);
        assert!(pace.came(Duration::from_secs(1), 1 << 30));
        let slow = (1..=100).find(|_| !pace.came(Duration::from_secs(10), 1));
        assert_eq!(slow, Some(6));
    }

    #[test]
    fn what_comes_at_once_is_never_too_slow() {
        let mut pace = Pace::new(Duration::ZERO, 1_024);
        for _ in 0..100_000 {
            assert!(pace.came(Duration::from_micros(5), 1), "nobody waited for it");
        }
    }
}
