//! A site over TLS that sends bodies of any length: `/NUMBER/BYTES.txt`, each with a first line of its own.

use crate::load::{first_line, words};
use rustls::ServerConfig;
use rustls::pki_types::PrivateKeyDer;
use std::io::{Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// Bytes of text that are repeated.
const BLOCK: usize = 1 << 20;

/// An authority made for this run.
pub(crate) struct Authority {
    issuer: rcgen::Issuer<'static, rcgen::KeyPair>,
    /// Its certificate.
    pub(crate) certificate: PathBuf,
    /// Its certificate and key in one file.
    pub(crate) both: PathBuf,
}

impl Authority {
    pub(crate) fn new(folder: &Path) -> Result<Self, String> {
        let told = |error: rcgen::Error| error.to_string();
        let key = rcgen::KeyPair::generate().map_err(told)?;
        let mut params = rcgen::CertificateParams::new(Vec::new()).map_err(told)?;
        params.is_ca = rcgen::IsCa::Ca(rcgen::BasicConstraints::Unconstrained);
        params.distinguished_name.push(rcgen::DnType::CommonName, "Authority of a benchmark");
        let certificate = params.self_signed(&key).map_err(told)?.pem();
        let (path, both) = (folder.join("authority.pem"), folder.join("authority-and-key.pem"));
        let write = |path: &Path, text: &str| {
            std::fs::write(path, text).map_err(|error| format!("`{}`: {error}", path.display()))
        };
        write(&path, &certificate)?;
        write(&both, &format!("{certificate}{}", key.serialize_pem()))?;
        Ok(Self { issuer: rcgen::Issuer::new(params, key), certificate: path, both })
    }
}

/// Serves until this process ends; the address is where.
pub(crate) fn serve(authority: &Authority) -> Result<SocketAddr, String> {
    let told = |error: &dyn std::fmt::Display| format!("the site: {error}");
    let key = rcgen::KeyPair::generate().map_err(|error| told(&error))?;
    let params = rcgen::CertificateParams::new(vec!["localhost".to_owned()]).map_err(|error| told(&error))?;
    let leaf = params.signed_by(&key, &authority.issuer).map_err(|error| told(&error))?;
    let config = ServerConfig::builder_with_provider(Arc::new(rustls::crypto::aws_lc_rs::default_provider()))
        .with_safe_default_protocol_versions()
        .map_err(|error| told(&error))?
        .with_no_client_auth()
        .with_single_cert(vec![leaf.der().clone()], PrivateKeyDer::Pkcs8(key.serialize_der().into()))
        .map_err(|error| told(&error))?;
    let listener = TcpListener::bind("127.0.0.1:0").map_err(|error| told(&error))?;
    let address = listener.local_addr().map_err(|error| told(&error))?;
    let (config, text) = (Arc::new(config), Arc::new(words(BLOCK)));
    std::thread::spawn(move || {
        for stream in listener.incoming().map_while(Result::ok) {
            let (config, text) = (Arc::clone(&config), Arc::clone(&text));
            std::thread::spawn(move || {
                let _ = stream.set_nodelay(true);
                // Whoever hangs up has what it wanted.
                let _ = converse(stream, config, &text);
            });
        }
    });
    Ok(address)
}

fn converse(stream: TcpStream, config: Arc<ServerConfig>, text: &[u8]) -> std::io::Result<()> {
    let connection = rustls::ServerConnection::new(config).map_err(std::io::Error::other)?;
    let mut stream = rustls::StreamOwned::new(connection, stream);
    let mut asked = Vec::new();
    let mut buffer = [0; 4096];
    loop {
        let end = loop {
            if let Some(end) = asked.windows(4).position(|four| four == b"\r\n\r\n") {
                break end + 4;
            }
            match stream.read(&mut buffer)? {
                0 => return Ok(()),
                n => asked.extend_from_slice(&buffer[..n]),
            }
        };
        let head = String::from_utf8_lossy(&asked[..end]).into_owned();
        asked.drain(..end);
        let mut pieces = head.split_whitespace().nth(1).unwrap_or_default().trim_start_matches('/').split('/');
        let number = pieces.next().and_then(|number| number.parse().ok()).unwrap_or(0);
        let size = pieces.next().and_then(|name| name.trim_end_matches(".txt").parse().ok()).unwrap_or(0usize);
        let answer = format!("HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nContent-Length: {size}\r\n\r\n");
        let line = first_line(number);
        let mut left = size.saturating_sub(line.len());
        let first = left.min(text.len());
        stream.write_all(&[answer.as_bytes(), &line, &text[..first]].concat())?;
        left -= first;
        while left > 0 {
            let n = left.min(text.len());
            stream.write_all(&text[..n])?;
            left -= n;
        }
        stream.flush()?;
    }
}
