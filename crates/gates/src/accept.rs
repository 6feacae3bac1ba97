//! Takes connections, a bounded number at once and of one address; more wait in the system's queue, or are told to come later.

use crate::balancer;
use crate::network::Networks;
use lazaret_model::{Crowd, Seat};
use std::future::Future;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex, PoisonError};
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
    /// Addresses whose connections begin with a PROXY header, which says whose they are.
    pub(crate) balancers: Networks,
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

/// Where connections come in.
struct Door {
    bounds: Bounds,
    /// When it was last said that an address holds as many places as it may, or that a balancer's connection is none.
    said: Mutex<Option<Instant>>,
}

impl Door {
    /// A place for a connection; nothing where its address holds as many as it may, which it is told.
    fn admit(&self, stream: &TcpStream, client: SocketAddr, place: OwnedSemaphorePermit) -> Option<Arc<Held>> {
        let address = client.ip();
        if self.bounds.exempt.has(address) {
            return Some(Arc::new(Held { _place: place, seat: None }));
        }
        let seat = self.bounds.crowd.enter(address);
        if seat.is_none() {
            if self.may_say() {
                tracing::warn!(client = %address, key = self.bounds.key, "an address has reached its connection limit");
            }
            // What does not fit at once is not worth a place either.
            let _ = stream.try_write(self.bounds.full.as_bytes());
        }
        seat.map(|seat| Arc::new(Held { _place: place, seat: Some(seat) }))
    }

    /// Whose connection a balancer's is; nothing where it does not say so as it must.
    async fn behind(&self, stream: &mut TcpStream, balancer: SocketAddr) -> Option<SocketAddr> {
        match balancer::client(stream, balancer).await {
            Ok(client) => Some(client),
            Err(why) => {
                if self.may_say() {
                    tracing::warn!(%balancer, %why, "a connection from a load balancer was closed");
                }
                None
            }
        }
    }

    fn may_say(&self) -> bool {
        let mut said = self.said.lock().unwrap_or_else(PoisonError::into_inner);
        let may = said.is_none_or(|said| said.elapsed() > SAY_AGAIN);
        if may {
            *said = Some(Instant::now());
        }
        may
    }
}

/// Serves until `closing` turns true; then no new connection is taken, and this returns when the last one is done.
pub(crate) async fn serve<F, Fut>(listener: TcpListener, bounds: Bounds, closing: watch::Receiver<bool>, serve: F)
where
    F: Fn(TcpStream, SocketAddr, Arc<Held>) -> Fut + Send + Sync + 'static,
    Fut: Future<Output = ()> + Send + 'static,
{
    let most = bounds.most.clamp(1, Semaphore::MAX_PERMITS);
    let places = Arc::new(Semaphore::new(most));
    let (door, serve) = (Arc::new(Door { bounds, said: Mutex::default() }), Arc::new(serve));
    loop {
        let Ok(place) = Arc::clone(&places).acquire_owned().await else { break };
        let accepted = tokio::select! {
            accepted = listener.accept() => accepted,
            () = closed(closing.clone()) => break,
        };
        let (mut stream, client) = match accepted {
            Ok(accepted) => accepted,
            Err(error) => {
                tracing::warn!(%error, "a connection could not be accepted");
                tokio::time::sleep(PAUSE).await;
                continue;
            }
        };
        let _ = stream.set_nodelay(true);
        if !door.bounds.balancers.has(client.ip()) {
            if let Some(held) = door.admit(&stream, client, place) {
                tokio::spawn(serve(stream, client, held));
            }
            continue;
        }
        let (door, serve) = (Arc::clone(&door), Arc::clone(&serve));
        tokio::spawn(async move {
            let Some(client) = door.behind(&mut stream, client).await else { return };
            let Some(held) = door.admit(&stream, client, place) else { return };
            serve(stream, client, held).await;
        });
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
    use tokio::io::{AsyncReadExt, AsyncWriteExt};
    use tokio::sync::mpsc::{UnboundedReceiver, unbounded_channel};
    use tokio::task::JoinHandle;

    /// A server that gives every connection to the test.
    struct Serving {
        address: SocketAddr,
        taken: UnboundedReceiver<(TcpStream, SocketAddr, Arc<Held>)>,
        close: watch::Sender<bool>,
        task: JoinHandle<()>,
    }

    impl Serving {
        /// So many places for an address; these addresses are not counted, those are balancers.
        async fn with(each: usize, exempt: &[&str], balancers: &[&str]) -> Self {
            let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
            let address = listener.local_addr().unwrap();
            let (close, closing) = watch::channel(false);
            let bounds = Bounds {
                most: 10,
                crowd: Crowd::new(each),
                exempt: Networks::parse("x", exempt).unwrap(),
                balancers: Networks::parse("x", balancers).unwrap(),
                full: "later",
                key: "x",
            };
            let (sender, taken) = unbounded_channel();
            let task = tokio::spawn(serve(listener, bounds, closing, move |stream, client, held| {
                sender.send((stream, client, held)).unwrap();
                std::future::ready(())
            }));
            Self { address, taken, close, task }
        }

        /// A connection from an address, which begins with these words.
        async fn connect(&self, from: &str, says: &str) -> TcpStream {
            let socket = tokio::net::TcpSocket::new_v4().unwrap();
            socket.bind(format!("{from}:0").parse().unwrap()).unwrap();
            let mut stream = socket.connect(self.address).await.unwrap();
            stream.write_all(says.as_bytes()).await.unwrap();
            stream
        }
    }

    #[tokio::test]
    async fn an_address_has_its_places_and_is_told_when_they_are_taken() {
        let mut served = Serving::with(2, &["127.0.0.3"], &[]).await;
        let mut held = Vec::new();
        for from in ["127.0.0.2", "127.0.0.2", "127.0.0.3", "127.0.0.3", "127.0.0.3", "127.0.0.4"] {
            let stream = served.connect(from, "").await;
            held.push((stream, served.taken.recv().await.unwrap()));
        }
        let mut answer = String::new();
        served.connect("127.0.0.2", "").await.read_to_string(&mut answer).await.unwrap();
        assert_eq!(answer, "later");
        // The task that serves it is long over: the place is free when nobody holds it any more.
        drop(held.remove(0));
        let stream = served.connect("127.0.0.2", "").await;
        held.push((stream, served.taken.recv().await.unwrap()));
        served.close.send(true).unwrap();
        assert!(!served.task.is_finished());
        drop(held);
        served.task.await.unwrap();
    }

    #[tokio::test]
    async fn whoever_a_balancer_names_is_served_and_counted_and_others_name_nobody() {
        const NAMED: &str = "PROXY TCP4 198.51.100.7 192.0.2.1 51000 443\r\n";
        let mut served = Serving::with(1, &[], &["127.0.0.5"]).await;
        for (from, says, client, left) in [
            ("127.0.0.5", format!("{NAMED}hello"), "198.51.100.7", "hello"),
            ("127.0.0.5", "PROXY UNKNOWN\r\nhello".to_owned(), "127.0.0.5", "hello"),
            // From anybody else it is no header, but what they say.
            ("127.0.0.6", format!("{NAMED}hello"), "127.0.0.6", "PROXY"),
        ] {
            let _ours = served.connect(from, &says).await;
            let (mut stream, found, _held) = served.taken.recv().await.unwrap();
            assert_eq!(found.ip().to_string(), client);
            let mut first = vec![0; left.len()];
            stream.read_exact(&mut first).await.unwrap();
            assert_eq!(String::from_utf8_lossy(&first), left);
        }
        // Each of those behind the balancer has places of their own.
        let mut held = Vec::new();
        for says in [NAMED, "PROXY TCP4 198.51.100.8 192.0.2.1 51000 443\r\n"] {
            let ours = served.connect("127.0.0.5", says).await;
            held.push((ours, served.taken.recv().await.unwrap()));
        }
        let mut answer = String::new();
        served.connect("127.0.0.5", NAMED).await.read_to_string(&mut answer).await.unwrap();
        assert_eq!(answer, "later");
        // Without a header nobody is served.
        let mut answer = Vec::new();
        let _ = served.connect("127.0.0.5", "GET / HTTP/1.1\r\n\r\n").await.read_to_end(&mut answer).await;
        assert!(answer.is_empty() && served.taken.try_recv().is_err());
        served.close.send(true).unwrap();
        drop(held);
        served.task.await.unwrap();
    }
}
