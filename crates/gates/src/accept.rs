//! Takes connections, a bounded number at once and of one address; more wait in the system's queue, or are told to come later.

use crate::network::Networks;
use lazaret_model::{Crowd, Seat};
use std::future::Future;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::{Duration, Instant};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{OwnedSemaphorePermit, Semaphore, watch};

/// How long to wait after the system refused to accept a connection, such as for want of descriptors.
const PAUSE: Duration = Duration::from_millis(50);
/// How often it is said at the most that an address holds as many places as it may.
const SAY_AGAIN: Duration = Duration::from_secs(10);
/// Connections of one address that may each have much on the way; further ones have little.
const FIRST: usize = 32;

/// What bounds connections.
pub(crate) struct Bounds {
    /// Connections at once.
    pub(crate) most: usize,
    /// Those of one address, counted for everything that listens together.
    pub(crate) crowd: Arc<Crowd>,
    /// Addresses that are not counted: many stand behind each.
    pub(crate) exempt: Networks,
    /// What an address that holds as many as it may is told before it is hung up on.
    pub(crate) full: &'static str,
    /// The setting that says how many.
    pub(crate) key: &'static str,
}

/// The place of a connection. It is free again when nobody holds this any more: whoever goes on with a connection in a task of
/// its own takes it along.
#[derive(Debug)]
pub(crate) struct Held {
    _place: OwnedSemaphorePermit,
    seat: Option<Seat>,
}

impl Held {
    /// Whether this is one of few connections of its address, which may have much on the way.
    pub(crate) fn is_roomy(&self) -> bool {
        self.seat.as_ref().is_none_or(|seat| seat.number() <= FIRST)
    }
}

/// Serves until `closing` turns true; then no new connection is taken, and this returns when the last one is done.
pub(crate) async fn serve<F, Fut>(listener: TcpListener, bounds: Bounds, closing: watch::Receiver<bool>, serve: F)
where
    F: Fn(TcpStream, SocketAddr, Arc<Held>) -> Fut,
    Fut: Future<Output = ()> + Send + 'static,
{
    let most = bounds.most.clamp(1, Semaphore::MAX_PERMITS);
    let places = Arc::new(Semaphore::new(most));
    let mut said: Option<Instant> = None;
    loop {
        let Ok(place) = Arc::clone(&places).acquire_owned().await else { break };
        let accepted = tokio::select! {
            accepted = listener.accept() => accepted,
            () = closed(closing.clone()) => break,
        };
        let (stream, client) = match accepted {
            Ok(accepted) => accepted,
            Err(error) => {
                tracing::warn!(%error, "a connection could not be accepted");
                tokio::time::sleep(PAUSE).await;
                continue;
            }
        };
        let _ = stream.set_nodelay(true);
        let address = client.ip();
        let seat = if bounds.exempt.has(address) { None } else { bounds.crowd.enter(address) };
        if seat.is_none() && !bounds.exempt.has(address) {
            if said.is_none_or(|said| said.elapsed() > SAY_AGAIN) {
                said = Some(Instant::now());
                tracing::warn!(client = %address, key = bounds.key, "an address holds as many connections as it may");
            }
            // What does not fit at once is not worth a place either.
            let _ = stream.try_write(bounds.full.as_bytes());
            continue;
        }
        let work = serve(stream, client, Arc::new(Held { _place: place, seat }));
        tokio::spawn(work);
    }
    drop(listener);
    let _ = places.acquire_many(u32::try_from(most).unwrap_or(u32::MAX)).await;
}

/// Waits until it is time to close.
pub(crate) async fn closed(mut closing: watch::Receiver<bool>) {
    // Whoever holds the other end and lets go of it wants it closed, too.
    let _ = closing.wait_for(|closing| *closing).await;
}

#[cfg(test)]
mod tests {
    use super::*;
    use tokio::io::AsyncReadExt;

    #[tokio::test]
    async fn an_address_has_its_places_and_is_told_when_they_are_taken() {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let server = listener.local_addr().unwrap();
        let (close, closing) = watch::channel(false);
        let bounds = Bounds {
            most: 10,
            crowd: Crowd::new(2),
            exempt: Networks::parse("x", &["127.0.0.3"]).unwrap(),
            full: "later",
            key: "x",
        };
        let (sender, mut taken) = tokio::sync::mpsc::unbounded_channel();
        let serving = tokio::spawn(serve(listener, bounds, closing, move |stream, client, held| {
            sender.send((stream, client, held)).unwrap();
            std::future::ready(())
        }));
        let connect = async |from: &str| {
            let socket = tokio::net::TcpSocket::new_v4().unwrap();
            socket.bind(format!("{from}:0").parse().unwrap()).unwrap();
            socket.connect(server).await.unwrap()
        };
        let mut held = Vec::new();
        for from in ["127.0.0.2", "127.0.0.2", "127.0.0.3", "127.0.0.3", "127.0.0.3", "127.0.0.4"] {
            let stream = connect(from).await;
            held.push((stream, taken.recv().await.unwrap()));
        }
        let mut answer = String::new();
        connect("127.0.0.2").await.read_to_string(&mut answer).await.unwrap();
        assert_eq!(answer, "later");
        // The task that serves it is long over: the place is free when nobody holds it any more.
        drop(held.remove(0));
        let stream = connect("127.0.0.2").await;
        held.push((stream, taken.recv().await.unwrap()));
        close.send(true).unwrap();
        assert!(!serving.is_finished());
        drop(held);
        serving.await.unwrap();
    }
}
