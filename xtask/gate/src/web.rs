//! A client of web proxies: `CONNECT`, TLS inside, HTTP/1.1, one connection kept.

use crate::load::{Client, first_line};
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, ServerName};
use rustls::{ClientConfig, ClientConnection, RootCertStore, StreamOwned};
use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

/// How long a proxy may send nothing.
const PATIENCE: Duration = Duration::from_secs(600);
/// Bytes read at a time.
const CHUNK: usize = 64 << 10;

/// Downloads of `size` bytes from a site through a proxy.
pub(crate) struct Downloads {
    proxy: SocketAddr,
    site: SocketAddr,
    size: usize,
    config: Arc<ClientConfig>,
}

impl Downloads {
    /// `authority` is the file of the certificate that the proxy's are signed by.
    pub(crate) fn new(proxy: SocketAddr, authority: &Path, site: SocketAddr, size: usize) -> Result<Self, String> {
        let told = |error: &dyn std::fmt::Display| format!("`{}`: {error}", authority.display());
        let mut roots = RootCertStore::empty();
        let certificate = CertificateDer::from_pem_file(authority).map_err(|error| told(&error))?;
        roots.add(certificate).map_err(|error| told(&error))?;
        let config = ClientConfig::builder_with_provider(Arc::new(rustls::crypto::aws_lc_rs::default_provider()))
            .with_safe_default_protocol_versions()
            .map_err(|error| told(&error))?
            .with_root_certificates(roots)
            .with_no_client_auth();
        Ok(Self { proxy, site, size, config: Arc::new(config) })
    }

    /// A client with a connection of its own.
    pub(crate) fn client(&self) -> Result<Box<dyn Client>, String> {
        let stream = self.open().map_err(|error| format!("no tunnel through {}: {error}", self.proxy))?;
        Ok(Box::new(Downloader { stream, site: self.site, size: self.size, buffer: vec![0; CHUNK] }))
    }

    fn open(&self) -> std::io::Result<StreamOwned<ClientConnection, TcpStream>> {
        let mut tcp = TcpStream::connect(self.proxy)?;
        tcp.set_nodelay(true)?;
        tcp.set_read_timeout(Some(PATIENCE))?;
        let port = self.site.port();
        write!(tcp, "CONNECT localhost:{port} HTTP/1.1\r\nHost: localhost:{port}\r\n\r\n")?;
        let (mut head, mut byte) = (Vec::new(), [0]);
        while !head.ends_with(b"\r\n\r\n") {
            tcp.read_exact(&mut byte)?;
            head.push(byte[0]);
        }
        if !head.starts_with(b"HTTP/1.1 200") && !head.starts_with(b"HTTP/1.0 200") {
            return Err(std::io::Error::other(String::from_utf8_lossy(&head).into_owned()));
        }
        let name = ServerName::try_from("localhost").map_err(std::io::Error::other)?;
        let connection = ClientConnection::new(Arc::clone(&self.config), name).map_err(std::io::Error::other)?;
        Ok(StreamOwned::new(connection, tcp))
    }
}

struct Downloader {
    stream: StreamOwned<ClientConnection, TcpStream>,
    site: SocketAddr,
    size: usize,
    buffer: Vec<u8>,
}

impl Client for Downloader {
    fn ask(&mut self, number: u64) -> Result<usize, String> {
        self.fetch(number).map_err(|error| format!("a download failed: {error}"))?;
        Ok(self.size)
    }
}

impl Downloader {
    fn fetch(&mut self, number: u64) -> std::io::Result<()> {
        let request =
            format!("GET /{number}/{}.txt HTTP/1.1\r\nHost: localhost:{}\r\n\r\n", self.size, self.site.port());
        self.stream.write_all(request.as_bytes())?;
        let mut filled = 0;
        let end = loop {
            if let Some(end) = self.buffer[..filled].windows(4).position(|four| four == b"\r\n\r\n") {
                break end + 4;
            }
            match self.stream.read(&mut self.buffer[filled..])? {
                0 => return Err(std::io::Error::other("the proxy hung up before its answer")),
                n => filled += n,
            }
        };
        let head = String::from_utf8_lossy(&self.buffer[..end]).to_ascii_lowercase();
        if !head.starts_with("http/1.1 200") || !head.contains(&format!("content-length: {}\r\n", self.size)) {
            return Err(std::io::Error::other(head));
        }
        let mut got = filled - end;
        let first = first_line(number);
        let mut seen = self.buffer[end..filled].to_vec();
        while got < self.size {
            match self.stream.read(&mut self.buffer)? {
                0 => return Err(std::io::Error::other(format!("{got} bytes of {} came", self.size))),
                n => {
                    if seen.len() < first.len() {
                        seen.extend_from_slice(&self.buffer[..n]);
                    }
                    got += n;
                }
            }
        }
        if got != self.size || !seen.starts_with(&first) {
            return Err(std::io::Error::other("another file came than was asked for"));
        }
        Ok(())
    }
}
