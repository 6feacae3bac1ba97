//! Bytes of an ICAP connection: heads and chunked bodies (RFC 3507, 4; RFC 9112, 7.1).

use bytes::{Buf, Bytes, BytesMut};
use lazaret_model::Pace;
use std::time::Duration;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};

/// Bytes of a message's head.
const MOST_HEAD: usize = 64 << 10;
/// Bytes of the line before a chunk, extensions included.
const MOST_CHUNK_LINE: usize = 8 << 10;
/// Bytes of the fields after the last chunk.
const MOST_TRAILERS: usize = 64 << 10;
/// How long an ended connection is read on.
const DRAIN: Duration = Duration::from_secs(2);
/// Bytes handed on at a time.
const PIECE: usize = 64 << 10;

/// What goes wrong on a connection.
#[derive(Debug)]
pub(super) enum Fault {
    /// The client broke the protocol: it is told so with this status, and the connection ends.
    Status(u16, &'static str),
    /// The connection is gone, or must be cut off.
    Gone(String),
}

/// A piece of a body.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Piece {
    /// Bytes.
    Data(Bytes),
    /// The end, with whether it is the end of the original body, too (RFC 3507, 4.5), and with the trailer fields as they came.
    End { whole: bool, trailers: Bytes },
}

/// The half of a connection that is read, message by message.
pub(super) struct Reader<S> {
    stream: S,
    buffer: BytesMut,
    silence: Duration,
    /// The pace at which the other side must send, where it must.
    pace: Option<Pace>,
    /// Bytes of the current chunk that are still to come; 0 when only the line end after it is.
    chunk: Option<u64>,
    /// The last chunk has come: whether it is the end of the original body, and the trailer fields so far. Whoever stops waiting for
    /// a piece loses nothing of it.
    ending: Option<(bool, BytesMut)>,
}

/// The half of a connection that is written.
pub(super) struct Writer<S> {
    stream: S,
    silence: Duration,
}

impl<S: AsyncRead + Unpin> Reader<S> {
    pub(super) fn new(stream: S, silence: Duration) -> Self {
        Self { stream, buffer: BytesMut::new(), silence, pace: None, chunk: None, ending: None }
    }

    /// From now on the other side must send at this pace, or at any.
    pub(super) fn paced(&mut self, pace: Option<Pace>) {
        self.pace = pace;
    }

    /// Whether bytes of a further message are there already.
    pub(super) fn has_more(&self) -> bool {
        !self.buffer.is_empty()
    }

    async fn fill(&mut self) -> Result<(), Fault> {
        self.buffer.reserve(PIECE);
        let began = tokio::time::Instant::now();
        match tokio::time::timeout(self.silence, self.stream.read_buf(&mut self.buffer)).await {
            Ok(Ok(0)) => Err(Fault::Gone("the client closed the connection".to_owned())),
            Ok(Ok(n)) => {
                let in_time = self.pace.as_mut().is_none_or(|pace| pace.came(began.elapsed(), n as u64));
                if in_time { Ok(()) } else { Err(Fault::Status(408, "Request Timeout")) }
            }
            Ok(Err(error)) => Err(Fault::Gone(error.to_string())),
            Err(_) => Err(Fault::Status(408, "Request Timeout")),
        }
    }

    /// Waits for the first byte of a message; false when the client is done or silent for too long.
    pub(super) async fn wait(&mut self) -> bool {
        self.has_more() || matches!(self.fill().await, Ok(()))
    }

    /// A message's head, with the empty line that ends it.
    pub(super) async fn head(&mut self) -> Result<Bytes, Fault> {
        loop {
            // RFC 9112, 2.2: empty lines before a request are ignored.
            while self.buffer.starts_with(b"\r\n") {
                self.buffer.advance(2);
            }
            if let Some(end) = find(&self.buffer, b"\r\n\r\n") {
                if end > MOST_HEAD {
                    return Err(Fault::Status(400, "Head Too Large"));
                }
                return Ok(self.buffer.split_to(end + 4).freeze());
            }
            if self.buffer.len() > MOST_HEAD {
                return Err(Fault::Status(400, "Head Too Large"));
            }
            self.fill().await?;
        }
    }

    /// Exactly that many bytes; the caller bounds them.
    pub(super) async fn exactly(&mut self, len: usize) -> Result<Bytes, Fault> {
        while self.buffer.len() < len {
            self.fill().await?;
        }
        Ok(self.buffer.split_to(len).freeze())
    }

    /// The next piece of a chunked body.
    pub(super) async fn piece(&mut self) -> Result<Piece, Fault> {
        loop {
            if self.ending.is_some() {
                return self.trailers().await;
            }
            match self.chunk {
                Some(0) => {
                    if self.exactly(2).await? != b"\r\n"[..] {
                        return Err(Fault::Status(400, "Bad Chunk"));
                    }
                    self.chunk = None;
                }
                Some(left) => {
                    if self.buffer.is_empty() {
                        self.fill().await?;
                    }
                    let len = usize::try_from(left).unwrap_or(usize::MAX).min(self.buffer.len()).min(PIECE);
                    self.chunk = Some(left - len as u64);
                    return Ok(Piece::Data(self.buffer.split_to(len).freeze()));
                }
                None => {
                    let line = self.line(MOST_CHUNK_LINE, "Chunk Line Too Long").await?;
                    let (len, whole) = chunk_line(&line).ok_or(Fault::Status(400, "Bad Chunk"))?;
                    if len == 0 {
                        self.ending = Some((whole, BytesMut::new()));
                    } else {
                        self.chunk = Some(len);
                    }
                }
            }
        }
    }

    async fn trailers(&mut self) -> Result<Piece, Fault> {
        loop {
            let line = self.line(MOST_TRAILERS, "Trailers Too Large").await?;
            let (whole, mut trailers) = self.ending.take().unwrap_or_default();
            if line.is_empty() {
                return Ok(Piece::End { whole, trailers: trailers.freeze() });
            }
            if trailers.len() + line.len() > MOST_TRAILERS {
                return Err(Fault::Status(400, "Trailers Too Large"));
            }
            trailers.extend_from_slice(&line);
            trailers.extend_from_slice(b"\r\n");
            self.ending = Some((whole, trailers));
        }
    }

    /// A line without its end.
    async fn line(&mut self, most: usize, too_long: &'static str) -> Result<Bytes, Fault> {
        loop {
            if let Some(end) = find(&self.buffer, b"\r\n").filter(|end| *end <= most) {
                let line = self.buffer.split_to(end).freeze();
                self.buffer.advance(2);
                return Ok(line);
            }
            if self.buffer.len() > most + 2 {
                return Err(Fault::Status(400, too_long));
            }
            self.fill().await?;
        }
    }

    /// Reads on for a moment and throws it away.
    async fn drain(&mut self) {
        let rest = async {
            loop {
                self.buffer.clear();
                if self.fill().await.is_err() {
                    return;
                }
            }
        };
        let _ = tokio::time::timeout(DRAIN, rest).await;
    }
}

impl<S: AsyncWrite + Unpin> Writer<S> {
    pub(super) fn new(stream: S, silence: Duration) -> Self {
        Self { stream, silence }
    }

    /// Sends bytes.
    pub(super) async fn send(&mut self, bytes: &[u8]) -> Result<(), Fault> {
        let sent = async {
            self.stream.write_all(bytes).await?;
            self.stream.flush().await
        };
        match tokio::time::timeout(self.silence, sent).await {
            Ok(Ok(())) => Ok(()),
            Ok(Err(error)) => Err(Fault::Gone(error.to_string())),
            Err(_) => Err(Fault::Gone("the client does not read its response".to_owned())),
        }
    }

    /// Sends one chunk.
    pub(super) async fn send_chunk(&mut self, bytes: &Bytes) -> Result<(), Fault> {
        if bytes.is_empty() {
            return Ok(());
        }
        let mut chunk = BytesMut::with_capacity(bytes.len() + 16);
        chunk.extend_from_slice(format!("{:x}\r\n", bytes.len()).as_bytes());
        chunk.extend_from_slice(bytes);
        chunk.extend_from_slice(b"\r\n");
        self.send(&chunk).await
    }

    /// Ends the connection so that what was sent still arrives: what the client goes on sending is read for a moment.
    pub(super) async fn close<R: AsyncRead + Unpin>(mut self, mut reader: Reader<R>) {
        let _ = tokio::time::timeout(DRAIN, self.stream.shutdown()).await;
        reader.drain().await;
    }
}

/// The length in the line before a chunk, and whether an extension says `ieof`.
fn chunk_line(line: &[u8]) -> Option<(u64, bool)> {
    let line = std::str::from_utf8(line).ok()?;
    let (digits, extensions) = line.split_once(';').unwrap_or((line, ""));
    let digits = digits.trim_matches([' ', '\t']);
    if digits.is_empty() || digits.len() > 15 || !digits.bytes().all(|byte| byte.is_ascii_hexdigit()) {
        return None;
    }
    let whole = extensions.split(';').any(|extension| extension.trim().eq_ignore_ascii_case("ieof"));
    Some((u64::from_str_radix(digits, 16).ok()?, whole))
}

fn find(bytes: &[u8], needle: &[u8]) -> Option<usize> {
    memchr::memmem::find(bytes, needle)
}

#[cfg(test)]
mod tests {
    use super::*;

    async fn pieces(text: &[u8]) -> Result<(Vec<u8>, bool, Vec<u8>), Fault> {
        let (mut ours, theirs) = tokio::io::duplex(7);
        let text = text.to_vec();
        tokio::spawn(async move { ours.write_all(&text).await });
        let mut wire = Reader::new(theirs, Duration::from_secs(1));
        let mut body = Vec::new();
        loop {
            match wire.piece().await? {
                Piece::Data(data) => body.extend_from_slice(&data),
                Piece::End { whole, trailers } => return Ok((body, whole, trailers.to_vec())),
            }
        }
    }

    #[tokio::test]
    async fn chunks_are_joined_whatever_their_extensions() {
        let (body, whole, trailers) =
            pieces(b"5\r\nhello\r\n1;name=\"a;b\"; x\r\n \r\n00005 ;q\r\nworld\r\n0\r\nA: b\r\nC: d\r\n\r\n")
                .await
                .unwrap();
        assert_eq!((&body[..], whole, &trailers[..]), (&b"hello world"[..], false, &b"A: b\r\nC: d\r\n"[..]));
        let (body, whole, _) = pieces(b"2\r\nhi\r\n0; IEOF\r\n\r\n").await.unwrap();
        assert_eq!((&body[..], whole), (&b"hi"[..], true));
    }

    #[tokio::test(start_paused = true)]
    async fn who_sends_a_head_byte_by_byte_is_not_borne_for_long() {
        for (every, paced, borne) in [(8, true, false), (8, false, true), (0, true, true)] {
            let (mut ours, theirs) = tokio::io::duplex(100);
            tokio::spawn(async move {
                for byte in [&[b'x'; 1_000][..], b"\r\n\r\n"].concat() {
                    tokio::time::sleep(Duration::from_secs(every)).await;
                    let _ = ours.write_all(&[byte]).await;
                }
            });
            let mut reader = Reader::new(theirs, Duration::from_secs(60));
            reader.paced(paced.then(crate::patient::pace));
            let head = reader.head().await;
            assert_eq!(head.is_ok(), borne, "{every} {paced}");
            assert!(borne || matches!(head, Err(Fault::Status(408, _))));
        }
    }

    #[tokio::test]
    async fn chunks_that_make_no_sense_are_refused() {
        for text in [
            &b"x\r\n"[..],
            b"\r\n",
            b"-1\r\n",
            b"+5\r\nhello\r\n0\r\n\r\n",
            b"10000000000000000\r\n",
            b"5\r\nhello, world\r\n0\r\n\r\n",
        ] {
            assert!(matches!(pieces(text).await, Err(Fault::Status(400, _))), "{text:?}");
        }
        assert!(matches!(pieces(b"5\r\nhel").await, Err(Fault::Gone(_))));
        let endless = [&b"5;"[..], &[b'x'; 20_000]].concat();
        assert!(matches!(pieces(&endless).await, Err(Fault::Status(400, _))));
    }
}
