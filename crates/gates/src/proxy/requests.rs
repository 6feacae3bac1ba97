//! Requests of one connection, counted, so that one without any can be closed.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

/// The requests so far, and those that are not answered yet.
#[derive(Default)]
pub(super) struct Requests {
    begun: AtomicU64,
    open: Arc<()>,
}

/// A request that is not answered until this is dropped.
pub(super) struct UnderWay {
    _counted: Arc<()>,
}

impl Requests {
    /// One more.
    pub(super) fn begin(&self) -> UnderWay {
        self.begun.fetch_add(1, Ordering::Relaxed);
        UnderWay { _counted: Arc::clone(&self.open) }
    }

    /// Comes to an end when there was none for so long, or up to twice as long.
    pub(super) async fn cease(&self, time: Duration) {
        loop {
            let before = self.begun.load(Ordering::Relaxed);
            tokio::time::sleep(time).await;
            if Arc::strong_count(&self.open) == 1 && self.begun.load(Ordering::Relaxed) == before {
                return;
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use tokio::time::{Instant, sleep, timeout};

    #[tokio::test(start_paused = true)]
    async fn only_a_connection_without_requests_is_closed() {
        let (requests, time) = (Requests::default(), Duration::from_secs(10));
        let long = requests.begin();
        assert!(timeout(Duration::from_secs(1_000), requests.cease(time)).await.is_err(), "one is not answered");
        drop(long);
        let quick = async {
            for _ in 0..20 {
                drop(requests.begin());
                sleep(Duration::from_secs(5)).await;
            }
            std::future::pending::<()>().await;
        };
        let began = Instant::now();
        tokio::select! {
            () = requests.cease(time) => {}
            () = quick => {}
        }
        let (from, to) = (Duration::from_secs(100), Duration::from_secs(120));
        assert!((from..=to).contains(&began.elapsed()), "{:?}", began.elapsed());
    }
}
