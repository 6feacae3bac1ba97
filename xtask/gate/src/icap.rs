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

/// A service of an ICAP server.
pub(crate) struct Service {
    address: SocketAddr,
    name: String,
    /// Bytes of a body that it wants to see first.
    wanted: usize,
}

impl Service {
    /// A service, which is asked how much it wants to see of a body.
    pub(crate) fn new(address: SocketAddr, name: &str) -> Result<Self, String> {
        let mut connection = Connection::open(address)?;
        let options = format!("OPTIONS icap://{address}/{name} ICAP/1.0\r\nHost: {address}\r\n\r\n");
        connection.send(options.as_bytes())?;
        let head = connection.head()?;
        let field = head.lines().find_map(|line| line.strip_prefix("Preview: "));
        let wanted: usize = field.and_then(|field| field.trim().parse().ok()).ok_or("there is no Preview field")?;
        Ok(Self { address, name: name.to_owned(), wanted })
    }

    /// A connection to it.
    pub(crate) fn connection(&self) -> Result<Connection, String> {
        Connection::open(self.address)
    }

    /// Writes what stands before the body, of which `preview` bytes are shown first.
    fn begin(&self, out: &mut Vec<u8>, preview: usize, web_request: &str, web_answer: &str) {
        let (address, name) = (self.address, &self.name);
        let head = format!(
            "RESPMOD icap://{address}/{name} ICAP/1.0\r\nHost: {address}\r\nAllow: 204\r\nPreview: {preview}\r\n\
             Encapsulated: req-hdr=0, res-hdr={}, res-body={}\r\n\r\n{web_request}{web_answer}",
            web_request.len(),
            web_request.len() + web_answer.len()
        );
        out.clear();
        out.extend_from_slice(head.as_bytes());
    }

    /// Has a body judged that is all in memory. `out` is room for what is sent.
    ///
    /// # Errors
    /// When the answer is not that it may pass as it is.
    pub(crate) fn judge(
        &self,
        connection: &mut Connection,
        out: &mut Vec<u8>,
        (web_request, web_answer): (&str, &str),
        body: &[u8],
    ) -> Result<(), String> {
        let (shown, rest) = body.split_at(self.wanted.min(body.len()));
        self.begin(out, shown.len(), web_request, web_answer);
        if !shown.is_empty() {
            chunk(out, &[shown]);
        }
        out.extend_from_slice(end_of_preview(rest.is_empty()));
        connection.send(out)?;
        let mut answer = connection.head()?;
        // RFC 3507, 4.5: a server that has seen enough says so instead.
        if !rest.is_empty() && answer.starts_with("ICAP/1.0 100") {
            out.clear();
            for piece in rest.chunks(CHUNK) {
                chunk(out, &[piece]);
            }
            out.extend_from_slice(b"0\r\n\r\n");
            connection.send(out)?;
            answer = connection.head()?;
        }
        self.passed(connection, &answer)
    }

    /// Whether an answer says that the body may pass; a connection that ends with it is opened again.
    fn passed(&self, connection: &mut Connection, answer: &str) -> Result<(), String> {
        if !answer.starts_with("ICAP/1.0 204") {
            return Err(format!("no 204 for an ordinary file: {answer}"));
        }
        if answer.to_ascii_lowercase().contains("connection: close") {
            *connection = self.connection()?;
        }
        Ok(())
    }
}

/// What ends a preview, of all of a body or of its beginning.
fn end_of_preview(whole: bool) -> &'static [u8] {
    if whole { b"0; ieof\r\n\r\n" } else { b"0\r\n\r\n" }
}

/// What is sent, but for the first line of the body.
pub(crate) struct Load {
    service: Service,
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
    /// Bodies of `size` bytes for a service.
    pub(crate) fn new(address: SocketAddr, service: &str, size: usize, asks: Asks) -> Result<Arc<Self>, String> {
        let service = Service::new(address, service)?;
        let text = words(BLOCK);
        let mut block = Vec::new();
        for piece in text.chunks(CHUNK) {
            chunk(&mut block, &[piece]);
        }
        let preview = service.wanted.min(size);
        let asker = match asks {
            Asks::Page => PIECE,
            Asks::Person => "",
        };
        Ok(Arc::new(Self { service, size, asker, preview, text, block }))
    }

    /// A client with a connection of its own.
    pub(crate) fn client(self: &Arc<Self>) -> Result<Box<dyn Client>, String> {
        let connection = self.service.connection()?;
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
    fn ask(&mut self, number: u64) -> Result<usize, String> {
        let load = &*self.load;
        let web_request = format!(
            "GET http://files.example/{number}/letter.txt HTTP/1.1\r\nHost: files.example\r\n{}\r\n",
            load.asker
        );
        let web_answer =
            format!("HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nContent-Length: {}\r\n\r\n", load.size);
        load.service.begin(&mut self.first, load.preview, &web_request, &web_answer);
        let line = first_line(number);
        let from_text = load.preview - line.len();
        chunk(&mut self.first, &[&line, load.text.get(..from_text).unwrap_or_default()]);
        let whole = load.preview == load.size;
        self.first.extend_from_slice(end_of_preview(whole));
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
        load.service.passed(&mut self.connection, &answer)?;
        Ok(load.size)
    }
}

/// A connection to an ICAP server.
pub(crate) struct Connection {
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
