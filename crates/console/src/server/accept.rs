//! Takes the console's connections: a bounded number at once, and none that keeps silent for long.

use axum::serve::Listener;
use lazaret_model::Pace;
use std::future::Future;
use std::io;
use std::net::SocketAddr;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::time::{Instant, Sleep, sleep};

/// Connections at once; more wait in the system's queue.
pub(super) const MOST: usize = 256;
/// How long a connection may go without a byte in either direction: longer than any inspection that an answer waits for.
pub(super) const SILENCE: Duration = Duration::from_secs(240);
/// How long a request may take to come at any pace, and bytes a second at which it must come after that.
const GRACE: Duration = Duration::from_secs(30);
const PACE: u64 = 512;
/// How long to wait after the system refused to accept a connection, such as for want of descriptors.
const PAUSE: Duration = Duration::from_millis(50);

/// A listener that bounds what it accepts.
pub(super) struct Bounded {
    listener: TcpListener,
    slots: Arc<Semaphore>,
    silence: Duration,
    grace: Duration,
}

impl Bounded {
    pub(super) fn new(listener: TcpListener, most: usize, silence: Duration) -> Self {
        Self { listener, slots: Arc::new(Semaphore::new(most)), silence, grace: GRACE }
    }
}

impl Listener for Bounded {
    type Io = Talking<TcpStream>;
    type Addr = SocketAddr;

    async fn accept(&mut self) -> (Self::Io, Self::Addr) {
        loop {
            let Ok(slot) = Arc::clone(&self.slots).acquire_owned().await else { std::future::pending().await };
            match self.listener.accept().await {
                Ok((stream, client)) => {
                    let _ = stream.set_nodelay(true);
                    return (Talking::new(stream, self.silence, self.grace, Some(slot)), client);
                }
                Err(error) => {
                    tracing::warn!(%error, "a connection to the console could not be accepted");
                    sleep(PAUSE).await;
                }
            }
        }
    }

    fn local_addr(&self) -> io::Result<Self::Addr> {
        self.listener.local_addr()
    }
}

/// A stream that fails with [`io::ErrorKind::TimedOut`] when nothing went in or out for a while, or what comes in comes too
/// slowly.
pub(super) struct Talking<S> {
    stream: S,
    silence: Duration,
    end: Pin<Box<Sleep>>,
    grace: Duration,
    /// When something came in last without an answer, and at what pace it comes.
    coming: Option<(Instant, Pace)>,
    _slot: Option<OwnedSemaphorePermit>,
}

impl<S> Talking<S> {
    fn new(stream: S, silence: Duration, grace: Duration, slot: Option<OwnedSemaphorePermit>) -> Self {
        Self { stream, silence, end: Box::pin(sleep(silence)), grace, coming: None, _slot: slot }
    }

    /// What a read or a write came to, or the end of patience.
    fn bounded<T>(&mut self, polled: Poll<io::Result<T>>, cx: &mut Context<'_>) -> Poll<io::Result<T>> {
        if polled.is_ready() {
            self.end.as_mut().reset(Instant::now() + self.silence);
            return polled;
        }
        if self.end.as_mut().poll(cx).is_pending() {
            return Poll::Pending;
        }
        let why = format!("the other side was silent for {} s", self.silence.as_secs());
        Poll::Ready(Err(io::Error::new(io::ErrorKind::TimedOut, why)))
    }
}

impl<S: AsyncRead + Unpin> AsyncRead for Talking<S> {
    fn poll_read(self: Pin<&mut Self>, cx: &mut Context<'_>, buffer: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        let this = self.get_mut();
        let before = buffer.filled().len();
        let polled = Pin::new(&mut this.stream).poll_read(cx, buffer);
        if let (Poll::Ready(Ok(())), more @ 1..) = (&polled, buffer.filled().len() - before) {
            let grace = this.grace;
            let (last, pace) = this.coming.get_or_insert_with(|| (Instant::now(), Pace::new(grace, PACE)));
            let waited = std::mem::replace(last, Instant::now()).elapsed();
            if !pace.came(waited, more as u64) {
                let why = "the other side sends too slowly";
                return Poll::Ready(Err(io::Error::new(io::ErrorKind::TimedOut, why)));
            }
        }
        this.bounded(polled, cx)
    }
}

impl<S: AsyncWrite + Unpin> AsyncWrite for Talking<S> {
    fn poll_write(self: Pin<&mut Self>, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        let this = self.get_mut();
        this.coming = None;
        let polled = Pin::new(&mut this.stream).poll_write(cx, bytes);
        this.bounded(polled, cx)
    }

    fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.get_mut().stream).poll_flush(cx)
    }

    fn poll_shutdown(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.get_mut().stream).poll_shutdown(cx)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use axum::Router;
    use axum::routing::get;
    use axum::serve::ListenerExt;
    use tokio::io::{AsyncReadExt, AsyncWriteExt};

    /// A server with two places and little patience.
    async fn serve() -> SocketAddr {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let bounded =
            Bounded { grace: Duration::ZERO, ..Bounded::new(listener, 2, Duration::from_millis(700)) }.tap_io(|_| {});
        let app = Router::new().route("/", get(|| async { "here" }));
        tokio::spawn(async move { axum::serve(bounded, app).await });
        address
    }

    #[tokio::test]
    async fn who_keeps_silent_makes_room_for_others() {
        let address = serve().await;
        let mut silent = Vec::new();
        for _ in 0..2 {
            let mut stream = TcpStream::connect(address).await.unwrap();
            stream.write_all(b"GET / HTTP/1.1\r\nHo").await.unwrap();
            silent.push(stream);
        }
        let mut third = TcpStream::connect(address).await.unwrap();
        third.write_all(b"GET / HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n").await.unwrap();
        let mut answer = String::new();
        let early = tokio::time::timeout(Duration::from_millis(200), third.read_to_string(&mut answer)).await;
        assert!(early.is_err(), "there was no place for it yet: {answer}");
        tokio::time::timeout(Duration::from_secs(10), third.read_to_string(&mut answer)).await.unwrap().unwrap();
        assert!(answer.ends_with("here"), "{answer}");
        // Closed or reset, without an answer to what was never asked.
        assert!(matches!(silent[0].read(&mut [0; 100]).await, Ok(0) | Err(_)));
    }
    #[tokio::test]
    async fn who_sends_byte_by_byte_makes_room_too() {
        let mut stream = TcpStream::connect(serve().await).await.unwrap();
        stream.write_all(b"GET / HTTP/1.1\r\nHost: x\r\nX: ").await.unwrap();
        let slowly = async {
            loop {
                tokio::time::sleep(Duration::from_millis(200)).await;
                if stream.write_all(b"x").await.is_err() {
                    return;
                }
            }
        };
        tokio::time::timeout(Duration::from_secs(10), slowly).await.expect("it is cut off");
    }
}
