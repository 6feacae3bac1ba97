//! How many rows a transaction in the background takes, and the pause behind it: whoever records an event meanwhile hardly waits.

use std::time::Duration;

const LEAST_PAUSE: Duration = Duration::from_millis(2);
const LONGEST_PAUSE: Duration = Duration::from_secs(2);

/// What transactions of one kind are to be like.
#[derive(Debug, Clone, Copy)]
pub(super) struct Pace {
    /// How long one should take.
    pub(super) aim: Duration,
    /// Between which numbers of rows that is settled.
    pub(super) fewest: i64,
    pub(super) most: i64,
}

impl Pace {
    /// How many rows the next transaction takes, when one of so many took so long.
    pub(super) fn next(self, rows: i64, took: Duration) -> i64 {
        let next = if took > self.aim {
            rows / 2
        } else if took < self.aim / 2 {
            rows.saturating_mul(2)
        } else {
            rows
        };
        next.clamp(self.fewest, self.most)
    }
}

/// Waits so many times as long as a transaction took.
pub(super) async fn pause(took: Duration, times: u32) {
    tokio::time::sleep((took * times).clamp(LEAST_PAUSE, LONGEST_PAUSE)).await;
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn how_many_rows_are_next_follows_from_how_long_the_last_took() {
        let aim = Duration::from_millis(20);
        let pace = Pace { aim, fewest: 4, most: 256 };
        for (rows, took, expected) in
            [(32, aim, 32), (32, aim * 2, 16), (32, Duration::ZERO, 64), (256, Duration::ZERO, 256), (4, aim * 9, 4)]
        {
            assert_eq!(pace.next(rows, took), expected, "{rows} {took:?}");
        }
    }
}
