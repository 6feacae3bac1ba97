//! Many uploads over one HTTP/2 connection, by a client that waits where it is held up. curl 7.88 asks again and again instead, and takes
//! the processors that are measured here.

use super::HOSTILE;
use crate::gate::Served;
use bytes::Bytes;
use h2::client::SendRequest;
use http::Request;
use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, ServerName};
use std::future::poll_fn;
use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpSocket;
use tokio_rustls::TlsConnector;

/// Requests at once.
const AT_ONCE: usize = 100;
/// How long all of them may take.
const PATIENCE: Duration = Duration::from_secs(20);

/// Uploads the same a hundred times at once to a site behind the proxy; whether the connection came about.
pub(super) fn at_once(served: &Served, port: u16, body: &Bytes) -> bool {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    runtime.block_on(async {
        let Ok(mut requests) = connect(served, port).await else { return false };
        let mut sent = Vec::new();
        let all = async {
            for number in 0..AT_ONCE {
                let Ok(ready) = requests.ready().await else { break };
                requests = ready;
                let request = Request::put(format!("https://localhost:{port}/take/{number}"));
                let Ok((answer, stream)) = requests.send_request(request.body(()).unwrap(), false) else { break };
                let body = body.clone();
                sent.push(tokio::spawn(async move {
                    send(stream, body).await;
                    if let Ok(answer) = answer.await {
                        let mut body = answer.into_body();
                        while let Some(Ok(chunk)) = body.data().await {
                            let _ = body.flow_control().release_capacity(chunk.len());
                        }
                    }
                }));
            }
            for each in &mut sent {
                let _ = each.await;
            }
        };
        let _ = tokio::time::timeout(PATIENCE, all).await;
        true
    })
}

/// Sends as much as the other side takes, and waits for it to take more.
async fn send(mut stream: h2::SendStream<Bytes>, mut body: Bytes) {
    while !body.is_empty() {
        stream.reserve_capacity(body.len());
        let Some(Ok(room)) = poll_fn(|context| stream.poll_capacity(context)).await else { return };
        let chunk = body.split_to(room.min(body.len()));
        if stream.send_data(chunk, body.is_empty()).is_err() {
            return;
        }
    }
}

/// An HTTP/2 connection to a site on this machine, through a tunnel of the proxy.
async fn connect(served: &Served, port: u16) -> io::Result<SendRequest<Bytes>> {
    let socket = TcpSocket::new_v4()?;
    socket.bind(SocketAddr::new(HOSTILE.parse().unwrap(), 0))?;
    let mut stream = socket.connect(served.proxy).await?;
    let head = format!("CONNECT localhost:{port} HTTP/1.1\r\nHost: localhost:{port}\r\n\r\n");
    stream.write_all(head.as_bytes()).await?;
    let mut answer = Vec::new();
    while !answer.ends_with(b"\r\n\r\n") {
        answer.push(stream.read_u8().await?);
    }
    if !answer.starts_with(b"HTTP/1.1 200") {
        return Err(io::Error::other(String::from_utf8_lossy(&answer).into_owned()));
    }
    let mut roots = rustls::RootCertStore::empty();
    for certificate in CertificateDer::pem_file_iter(served.authority()).unwrap() {
        roots.add(certificate.unwrap()).unwrap();
    }
    let mut config = rustls::ClientConfig::builder().with_root_certificates(roots).with_no_client_auth();
    config.alpn_protocols = vec![b"h2".to_vec()];
    let name = ServerName::try_from("localhost").unwrap();
    let stream = TlsConnector::from(Arc::new(config)).connect(name, stream).await?;
    let (requests, connection) = h2::client::handshake(stream).await.map_err(io::Error::other)?;
    tokio::spawn(connection);
    Ok(requests)
}
