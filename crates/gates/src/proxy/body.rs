//! Bodies of messages, and how long their silence is borne.

use bytes::Bytes;
use http_body_util::combinators::UnsyncBoxBody;
use http_body_util::{BodyExt, Full, StreamBody};
use hyper::body::{Body as HttpBody, Frame, Incoming};
use std::time::Duration;
use tokio::sync::mpsc;

pub(crate) type BoxError = Box<dyn std::error::Error + Send + Sync>;
/// A message's body.
pub(crate) type Body = UnsyncBoxBody<Bytes, BoxError>;

/// Feeds a body; an error makes the receiver's connection fail visibly.
pub(super) type Sender = mpsc::Sender<Result<Frame<Bytes>, BoxError>>;

/// A body that is at hand.
pub(crate) fn full(bytes: impl Into<Bytes>) -> Body {
    Full::new(bytes.into()).map_err(|never| match never {}).boxed_unsync()
}

/// A body that is fed piece by piece; an error makes the receiver's connection fail visibly.
pub(super) fn channel() -> (Sender, Body) {
    let (sender, mut receiver) = mpsc::channel(4);
    let stream = futures_util::stream::poll_fn(move |cx| receiver.poll_recv(cx));
    (sender, BodyExt::boxed_unsync(StreamBody::new(stream)))
}

/// The next frame of a body, or the reason why there is none.
pub(crate) async fn next<B>(body: &mut B, silence: Duration) -> Option<Result<Frame<Bytes>, String>>
where
    B: HttpBody<Data = Bytes> + Unpin,
    B::Error: std::fmt::Display,
{
    match tokio::time::timeout(silence, body.frame()).await {
        Ok(frame) => frame.map(|frame| frame.map_err(|error| error.to_string())),
        Err(_) => Some(Err(format!("no data for {} s", silence.as_secs()))),
    }
}

/// A client's body on its way to the site, which fails when nothing comes for too long.
pub(crate) fn idle_bounded(body: Incoming, silence: Duration) -> Body {
    if body.is_end_stream() {
        return full(Bytes::new());
    }
    let exact = body.size_hint().exact();
    let state = (body, silence);
    let stream = futures_util::stream::unfold(Some(state), |state| async {
        let (mut body, silence) = state?;
        let frame = next(&mut body, silence).await?;
        let failed = frame.is_err();
        Some((frame.map_err(BoxError::from), (!failed).then_some((body, silence))))
    });
    measured(BodyExt::boxed_unsync(StreamBody::new(Box::pin(stream))), exact)
}

/// A body whose length is known, so that the other side is told it; without a length it goes out as it is.
pub(crate) fn measured(inner: Body, length: Option<u64>) -> Body {
    match length {
        Some(left) => Measured { inner, left }.boxed_unsync(),
        None => inner,
    }
}

/// A body that fails where it is longer than was announced; hyper itself fails where it is shorter.
struct Measured {
    inner: Body,
    left: u64,
}

impl HttpBody for Measured {
    type Data = Bytes;
    type Error = BoxError;

    fn poll_frame(
        mut self: std::pin::Pin<&mut Self>,
        cx: &mut std::task::Context<'_>,
    ) -> std::task::Poll<Option<Result<Frame<Bytes>, BoxError>>> {
        let polled = std::pin::Pin::new(&mut self.inner).poll_frame(cx);
        if let std::task::Poll::Ready(Some(Ok(frame))) = &polled
            && let Some(data) = frame.data_ref()
        {
            match self.left.checked_sub(data.len() as u64) {
                Some(left) => self.left = left,
                None => return std::task::Poll::Ready(Some(Err("the body is longer than was announced".into()))),
            }
        }
        polled
    }

    fn size_hint(&self) -> hyper::body::SizeHint {
        hyper::body::SizeHint::with_exact(self.left)
    }
}
