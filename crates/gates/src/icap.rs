//! The ICAP server (RFC 3507): for Squid and other gateways that carry the traffic themselves and ask here.
//!
//! A blocked file is never handed over as a whole one that is too short: before anything was sent, the answer is a page
//! that says why; afterwards, the connection breaks.

mod answer;
mod copies;
mod encapsulated;
mod live;
mod message;
mod session;
mod tls;
mod wire;

use crate::accept::{self, Bounds};
use crate::network::Networks;
use crate::settings::{IcapSettings, of_one_address};
use crate::{Desk, GateError};
use lazaret_model::Crowd;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;
use std::time::Duration;
use tls::Tls;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;

/// How long a client may take to agree on TLS.
const GREETING_TIME: Duration = Duration::from_secs(20);
/// What an address that holds as many connections as it may is told (RFC 3507, 4.3.3).
const FULL: &str =
    "ICAP/1.0 503 Service Overloaded\r\nRetry-After: 10\r\nConnection: close\r\nEncapsulated: null-body=0\r\n\r\n";

/// The ICAP server.
pub struct Icap {
    desk: Arc<Desk>,
    settings: IcapSettings,
    tls: Option<Tls>,
    clients: Networks,
    gateways: Networks,
    balancers: Networks,
    /// It was said that a gateway is not believed.
    warned: AtomicBool,
}

impl Icap {
    /// A server that asks `desk` about every body.
    ///
    /// # Errors
    /// When certificates or their key cannot be used, or a network is none.
    pub fn new(desk: Arc<Desk>, settings: IcapSettings) -> Result<Self, GateError> {
        let tls = Tls::of(&settings)?;
        let [clients, gateways, balancers] = networks(&settings)?;
        Ok(Self { desk, settings, tls, clients, gateways, balancers, warned: AtomicBool::new(false) })
    }

    /// Looks at settings.
    ///
    /// # Errors
    /// When certificates or their key cannot be used, or a network is none.
    pub fn check(settings: &IcapSettings) -> Result<(), GateError> {
        networks(settings)?;
        Tls::of(settings).map(drop)
    }

    /// The files of certificates and their key; none without TLS.
    pub fn certificate_files(&self) -> Vec<PathBuf> {
        self.tls.as_ref().map(Tls::files).unwrap_or_default()
    }

    /// Reads the files of certificates and their key again. Connections that are there already stay as they are.
    ///
    /// # Errors
    /// When one of them cannot be used; then everything stays as it was.
    pub fn renew_certificates(&self) -> Result<(), GateError> {
        self.tls.as_ref().map_or(Ok(()), Tls::renew)
    }

    /// Serves until `closing` turns true; then no new connection is taken, and this returns when the last one is done.
    pub async fn serve(self: Arc<Self>, listener: TcpListener, closing: watch::Receiver<bool>) {
        let bounds = Bounds {
            most: self.settings.connections,
            crowd: Crowd::new(of_one_address(self.settings.connections_an_address, self.settings.connections)),
            exempt: self.gateways.clone(),
            balancers: self.balancers.clone(),
            full: FULL,
            key: "icap.connections_an_address",
        };
        accept::serve(listener, bounds, closing.clone(), move |stream, client, held| {
            let (icap, closing) = (Arc::clone(&self), closing.clone());
            async move {
                icap.client(stream, client, closing).await;
                drop(held);
            }
        })
        .await;
    }

    async fn client(self: Arc<Self>, stream: TcpStream, client: SocketAddr, closing: watch::Receiver<bool>) {
        if !self.clients.has(client.ip()) {
            return tracing::info!(%client, "rejected a client outside `icap.allowed_clients`");
        }
        let Some(tls) = &self.tls else { return session::serve(&self, stream, client, closing).await };
        match tokio::time::timeout(GREETING_TIME, tls.acceptor().accept(stream)).await {
            Ok(Ok(stream)) => session::serve(&self, stream, client, closing).await,
            Ok(Err(error)) => tracing::info!(%client, %error, "TLS with the ICAP client failed"),
            Err(_) => tracing::info!(%client, "the ICAP client did not finish its TLS handshake"),
        }
    }

    fn silence(&self) -> Duration {
        Duration::from_secs(self.settings.idle_seconds.max(1))
    }

    /// The `ISTag` (RFC 3507, 4.7): changes with everything that could change an answer.
    fn tag(&self) -> String {
        let engine = self.desk.engine();
        let judged_by: String = engine.fingerprint().chars().take(20).collect();
        // At most 32 bytes; the last hexadecimal digits are the ones that change.
        format!("{judged_by}-{:08x}", self.desk.measures_state() & 0xffff_ffff)
    }
}

/// Who may ask, who is believed for whom they ask, and who speaks for others on every connection.
fn networks(settings: &IcapSettings) -> Result<[Networks; 3], GateError> {
    Ok([
        Networks::parse("icap.allowed_clients", &settings.allowed_clients)?,
        Networks::parse("icap.trusted_gateways", &settings.trusted_gateways)?,
        Networks::parse("icap.balancers", &settings.balancers)?,
    ])
}
