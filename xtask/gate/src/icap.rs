//! A client of ICAP servers (RFC 3507): RESPMOD with a preview as the server wants it, `Allow: 204`, one connection kept.

use crate::load::{Client, first_line, words};
use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::sync::Arc;
use std::time::Duration;

/// Bytes of a chunk.
const CHUNK: usize = 16 << 10;
/// Bytes of text that are repeated where a body is longer.
const BLOCK: usize = 1 << 20;
/// How long an answer may take.
const PATIENCE: Duration = Duration::from_secs(300);

/// What a browser says that fetches something for a page (Fetch Metadata).
const PIECE: &str = "Referer: http://files.example/\r\nSec-Fetch-Dest: empty\r\nSec-Fetch-Mode: cors\r\nSec-Fetch-Site: same-origin\r\n";

/// For whom something is fetched.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Asks {
    Page,
    Person,
}

/// What is sent, but for the first line of the body.
pub(crate) struct Load {
    address: SocketAddr,
    service: String,
    /// Bytes of the body.
    size: usize,
    /// Fields of the web request.
    asker: &'static str,
    /// Bytes of the body that belong to the preview.
    preview: usize,
    text: Vec<u8>,
    /// Chunks, encoded, sent as often as it takes.
    block: Vec<u8>,
}

impl Load {
    /// Bodies of `size` bytes for a service, which is asked first how much it wants to see of them.
    pub(crate) fn new(address: SocketAddr, service: &str, size: usize, asks: Asks) -> Result<Arc<Self>, String> {
        let mut connection = Connection::open(address)?;
        let options = format!("OPTIONS icap://{address}/{service} ICAP/1.0\r\nHost: {address}\r\n\r\n");
        connection.send(options.as_bytes())?;
        let head = connection.head()?;
        let field = head.lines().find_map(|line| line.strip_prefix("Preview: "));
        let wanted: usize = field.and_then(|field| field.trim().parse().ok()).ok_or("there is no Preview field")?;
        let text = words(BLOCK);
        let mut block = Vec::new();
        for piece in text.chunks(CHUNK) {
            chunk(&mut block, &[piece]);
        }
        let preview = wanted.min(size);
        let asker = match asks {
            Asks::Page => PIECE,
            Asks::Person => "",
        };
        Ok(Arc::new(Self { address, service: service.to_owned(), size, asker, preview, text, block }))
    }

    /// A client with a connection of its own.
    pub(crate) fn client(self: &Arc<Self>) -> Result<Box<dyn Client>, String> {
        let connection = Connection::open(self.address)?;
        Ok(Box::new(Asker { load: Arc::clone(self), connection, first: Vec::new() }))
    }
}

fn chunk(out: &mut Vec<u8>, pieces: &[&[u8]]) {
    let len: usize = pieces.iter().map(|piece| piece.len()).sum();
    out.extend_from_slice(format!("{len:x}\r\n").as_bytes());
    for piece in pieces {
        out.extend_from_slice(piece);
    }
    out.extend_from_slice(b"\r\n");
}

struct Asker {
    load: Arc<Load>,
    connection: Connection,
    first: Vec<u8>,
}

impl Client for Asker {
    fn ask(&mut self, number: u64) -> Result<(), String> {
        let load = &*self.load;
        let web_request = format!(
            "GET http://files.example/{number}/letter.txt HTTP/1.1\r\nHost: files.example\r\n{}\r\n",
            load.asker
        );
        let web_answer =
            format!("HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nContent-Length: {}\r\n\r\n", load.size);
        self.first.clear();
        let head = format!(
            "RESPMOD icap://{}/{} ICAP/1.0\r\nHost: {}\r\nAllow: 204\r\nPreview: {}\r\n\
             Encapsulated: req-hdr=0, res-hdr={}, res-body={}\r\n\r\n{web_request}{web_answer}",
            load.address,
            load.service,
            load.address,
            load.preview,
            web_request.len(),
            web_request.len() + web_answer.len()
        );
        self.first.extend_from_slice(head.as_bytes());
        let line = first_line(number);
        let from_text = load.preview - line.len();
        chunk(&mut self.first, &[&line, load.text.get(..from_text).unwrap_or_default()]);
        let whole = load.preview == load.size;
        self.first.extend_from_slice(if whole { b"0; ieof\r\n\r\n" } else { b"0\r\n\r\n" });
        self.connection.send(&self.first)?;
        let mut answer = self.connection.head()?;
        if !whole {
            if !answer.starts_with("ICAP/1.0 100") {
                return Err(format!("no 100 after the preview: {answer}"));
            }
            let mut left = load.size - load.preview;
            while left >= BLOCK {
                self.connection.send(&load.block)?;
                left -= BLOCK;
            }
            self.first.clear();
            for piece in load.text.get(..left).unwrap_or_default().chunks(CHUNK) {
                chunk(&mut self.first, &[piece]);
            }
            self.first.extend_from_slice(b"0\r\n\r\n");
            self.connection.send(&self.first)?;
            answer = self.connection.head()?;
        }
        if !answer.starts_with("ICAP/1.0 204") {
            return Err(format!("no 204 for an ordinary text: {answer}"));
        }
        if answer.to_ascii_lowercase().contains("connection: close") {
            self.connection = Connection::open(load.address)?;
        }
        Ok(())
    }
}

struct Connection {
    stream: TcpStream,
    /// What came and was not asked for yet.
    rest: Vec<u8>,
}

impl Connection {
    fn open(address: SocketAddr) -> Result<Self, String> {
        let stream = TcpStream::connect(address).map_err(|error| format!("{address}: {error}"))?;
        let set = stream.set_nodelay(true).and_then(|()| stream.set_read_timeout(Some(PATIENCE)));
        set.map_err(|error| format!("{address}: {error}"))?;
        Ok(Self { stream, rest: Vec::new() })
    }

    fn send(&mut self, bytes: &[u8]) -> Result<(), String> {
        self.stream.write_all(bytes).map_err(|error| format!("the ICAP server takes no more: {error}"))
    }

    /// The next head. No answer that is awaited here has a body.
    fn head(&mut self) -> Result<String, String> {
        let mut buffer = [0; 4096];
        loop {
            if let Some(end) = self.rest.windows(4).position(|four| four == b"\r\n\r\n") {
                let head = self.rest.drain(..end + 4).collect::<Vec<_>>();
                return Ok(String::from_utf8_lossy(&head).into_owned());
            }
            match self.stream.read(&mut buffer) {
                Ok(0) => return Err("the ICAP server hung up".to_owned()),
                Ok(n) => self.rest.extend_from_slice(buffer.get(..n).unwrap_or_default()),
                Err(error) => return Err(format!("the ICAP server does not answer: {error}")),
            }
        }
    }
}
