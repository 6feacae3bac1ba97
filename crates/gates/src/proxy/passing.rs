//! Bodies that are passed on while they come: read from the site, looked at, and sent; what may not pass breaks them off.

use super::body::{Body, BoxError, Sender, channel, next};
use crate::live::{Gone, Live, TICK};
use crate::range::{Cut, Piece};
use bytes::Bytes;
use http::HeaderMap;
use hyper::body::{Frame, Incoming};
use std::time::Duration;
use tokio::time::{MissedTickBehavior, interval};

/// Such a body under way.
pub(super) struct Passing {
    /// What may go on of what came so far.
    pub(super) first: Bytes,
    pub(super) live: Live,
    pub(super) body: Incoming,
    /// How long nothing may come.
    pub(super) silence: Duration,
}

/// The body for the client, without a length.
pub(super) fn body(passing: Passing) -> Body {
    let (sender, answer) = channel();
    tokio::spawn(async move { pass(passing, 0, &sender).await });
    answer
}

/// Sends it all, but for the first bytes that were sent already.
pub(super) async fn pass(passing: Passing, sent: u64, sender: &Sender) {
    let Passing { first, mut live, mut body, silence } = passing;
    let mut cut = Cut::new(0, Piece::all(u64::MAX).from(sent));
    if !hand_over(Ok(first), &live, &mut cut, sender).await {
        return;
    }
    let mut trailers: Option<HeaderMap> = None;
    let mut pace = interval(TICK);
    pace.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        let coming = next(&mut body, silence);
        tokio::pin!(coming);
        let came = loop {
            tokio::select! {
                came = &mut coming => break came,
                _ = pace.tick() => {
                    // Nobody asks a site to go on for a client that is gone.
                    let passed = live.tick().await;
                    if sender.is_closed() || !hand_over(passed, &live, &mut cut, sender).await {
                        return;
                    }
                }
            }
        };
        let passed = match came.map(|frame| frame.map(Frame::into_data)) {
            Some(Ok(Ok(data))) => live.came(&data).await,
            Some(Ok(Err(frame))) => {
                trailers = frame.into_trailers().ok();
                continue;
            }
            Some(Err(why)) => {
                let _ = sender.send(Err(why.into())).await;
                return;
            }
            None => break,
        };
        if !hand_over(passed, &live, &mut cut, sender).await {
            return;
        }
    }
    let passed = live.end().await;
    if hand_over(passed, &live, &mut cut, sender).await
        && let Some(trailers) = trailers
    {
        let _ = sender.send(Ok(Frame::trailers(trailers))).await;
    }
}

/// Sends what may go on, or breaks it off, which is recorded; false when nothing more is to be sent.
async fn hand_over(passed: Result<Bytes, Gone>, live: &Live, cut: &mut Cut, sender: &Sender) -> bool {
    let refusal = match passed {
        Ok(bytes) => {
            let bytes = cut.of(&bytes);
            return bytes.is_empty() || sender.send(Ok(Frame::data(bytes))).await.is_ok();
        }
        Err(Gone::Refused(refusal)) => refusal,
        Err(Gone::Leave) => live.left(),
    };
    let why: BoxError = live.settle(&refusal).await.into();
    let _ = sender.send(Err(why)).await;
    false
}
