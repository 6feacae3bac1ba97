//! Takes connections, a bounded number at once; more wait in the system's queue.

use std::future::Future;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{Semaphore, watch};

/// How long to wait after the system refused to accept a connection, such as for want of descriptors.
const PAUSE: Duration = Duration::from_millis(50);

/// Serves until `closing` turns true; then no new connection is taken, and this returns when the last one is done.
pub(crate) async fn serve<F, Fut>(listener: TcpListener, most: usize, closing: watch::Receiver<bool>, serve: F)
where
    F: Fn(TcpStream, SocketAddr) -> Fut,
    Fut: Future<Output = ()> + Send + 'static,
{
    let most = most.clamp(1, Semaphore::MAX_PERMITS);
    let slots = Arc::new(Semaphore::new(most));
    loop {
        let Ok(slot) = Arc::clone(&slots).acquire_owned().await else { break };
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
        let work = serve(stream, client);
        tokio::spawn(async move {
            let _slot = slot;
            work.await;
        });
    }
    drop(listener);
    let _ = slots.acquire_many(u32::try_from(most).unwrap_or(u32::MAX)).await;
}

/// Waits until it is time to close.
pub(crate) async fn closed(mut closing: watch::Receiver<bool>) {
    // Whoever holds the other end and lets go of it wants it closed, too.
    let _ = closing.wait_for(|closing| *closing).await;
}
