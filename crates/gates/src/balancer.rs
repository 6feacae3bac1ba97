//! The PROXY protocol (HAProxy, "The PROXY protocol", versions 1 and 2): what a balancer says about whom it connects for.
//!
//! Whether somebody is a balancer is the administrator's word. A balancer's connection that begins otherwise is not served, so
//! that nobody is ever taken for the balancer by chance.

mod header;

use header::{For, HeaderError, Step, TIME, step};
use std::net::SocketAddr;
use tokio::io::{AsyncRead, AsyncReadExt};

/// Reads the header that a balancer's connection begins with, and not a byte more: the address of whoever is served.
///
/// # Errors
/// When there is none, or it is malformed or slow. Then nothing on this connection may be believed.
pub(crate) async fn client<S>(stream: &mut S, balancer: SocketAddr) -> Result<SocketAddr, HeaderError>
where
    S: AsyncRead + Unpin,
{
    let header = async {
        let mut bytes = Vec::new();
        loop {
            match step(&bytes)? {
                Step::All(whom) => return Ok(whom),
                Step::More(count) => match (&mut *stream).take(count as u64).read_buf(&mut bytes).await {
                    Ok(1..) => {}
                    _ => return Err(HeaderError::Cut),
                },
            }
        }
    };
    let whom = tokio::time::timeout(TIME, header).await.map_err(|_| HeaderError::Slow)??;
    Ok(match whom {
        // What the balancer calls itself is not this machine.
        For::Client(client) if is_loopback(client) && !is_loopback(balancer) => balancer,
        For::Client(client) => SocketAddr::new(client.ip().to_canonical(), client.port()),
        For::Itself => balancer,
    })
}

fn is_loopback(address: SocketAddr) -> bool {
    address.ip().to_canonical().is_loopback()
}

#[cfg(test)]
mod tests;
