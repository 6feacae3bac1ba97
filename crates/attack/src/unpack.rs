//! Files are unpacked in a process of their own, which gets at nothing: it has the file as standard input and writes what is in it
//! to whoever imports, in frames of a kind, a length and as many bytes. Whoever imports believes none of it: lengths and numbers
//! have bounds, and what ends without saying so is an error.

use crate::AttackError;
use crate::bundle::MOST_BUNDLE;
use crate::inputs::{REASONS, Sink, member};
use std::cell::Cell;
use std::fs::File;
use std::io::{self, BufReader, BufWriter, ErrorKind, Read, Write};
use std::rc::Rc;
use std::sync::atomic::{AtomicU64, Ordering};

/// A member of an archive, or the file itself, begins: its name behind that of the file.
const BEGIN: u8 = b'B';
/// Bytes of what was begun.
const DATA: u8 = b'D';
/// What was begun is there.
const END: u8 = b'E';
/// What was begun cannot be read any further, and why.
const BROKEN: u8 = b'X';
/// Something is not read: the place of the reason in [`REASONS`], and the name.
const SKIPPED: u8 = b'S';
/// Something cannot be read: how, the bytes of the name, the name, and why.
const REFUSED: u8 = b'R';
/// So many bytes of the file were read.
const READ: u8 = b'P';
/// That was all.
const DONE: u8 = b'.';

/// How something cannot be read: [`AttackError::File`], [`AttackError::Cut`], [`AttackError::Named`].
const FILE: u8 = 0;
const CUT: u8 = 1;
const NAMED: u8 = 2;

/// Bytes of a frame's kind and length.
const HEAD: usize = 5;
/// Bytes of a bundle in one frame.
const CHUNK: usize = 64 << 10;
/// Bytes of any other frame.
const MOST_TEXT: usize = 8 << 10;
/// Bytes of a member's name; Linux has no path of more (`PATH_MAX`).
const MOST_NAME: usize = 4_096;
/// Letters of a reason.
const MOST_REASON: usize = 400;
/// Bytes that come out of one file: many times what all official releases together have.
const MOST_UNPACKED: u64 = 16 << 30;
/// Members of a file.
const MOST_MEMBERS: u32 = 1_000_000;

/// Starts processes that unpack.
pub trait Unpacker: Send + Sync {
    /// A process that does [`unpack_into`] from this file, and gets at nothing else.
    ///
    /// # Errors
    /// When it cannot be started.
    fn start(&self, file: File) -> io::Result<Box<dyn Unpacking>>;
}

/// A process that unpacks: what it writes is read from it, and it ends when it is dropped.
pub trait Unpacking: Read {
    /// How it ended, where nothing more comes from it.
    fn ended(&mut self) -> String;
}

/// Unpacks a file, inside the process that does so.
///
/// # Errors
/// When nobody reads what is written. What is wrong with the file is written.
pub fn unpack_into(input: impl Read, output: impl Write) -> io::Result<()> {
    let read = Rc::new(Cell::new(0));
    let mut input = BufReader::with_capacity(CHUNK, Counted { input, read: Rc::clone(&read) });
    let mut sender = Sender { output: BufWriter::with_capacity(2 * CHUNK, output), read };
    let gone = |_| io::Error::from(ErrorKind::BrokenPipe);
    member("", &mut input, &mut sender, 0).map_err(gone)?;
    sender.frame(DONE, &[]).map_err(gone)?;
    sender.output.flush()
}

struct Counted<R> {
    input: R,
    read: Rc<Cell<u64>>,
}

impl<R: Read> Read for Counted<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let some = self.input.read(buffer)?;
        self.read.set(self.read.get() + some as u64);
        Ok(some)
    }
}

/// Writes frames. An error says that nobody reads them.
struct Sender<W: Write> {
    output: BufWriter<W>,
    /// Bytes of the file that were read and not told.
    read: Rc<Cell<u64>>,
}

impl<W: Write> Sender<W> {
    fn frame(&mut self, kind: u8, payload: &[u8]) -> Result<(), AttackError> {
        let length = u32::try_from(payload.len()).map_err(|_| AttackError::Stopped)?;
        let [a, b, c, d] = length.to_le_bytes();
        self.output.write_all(&[kind, a, b, c, d]).map_err(|_| AttackError::Stopped)?;
        self.output.write_all(payload).map_err(|_| AttackError::Stopped)
    }

    fn data(&mut self, bytes: &[u8]) -> Result<(), AttackError> {
        let read = self.read.take();
        if read > 0 {
            self.frame(READ, &read.to_le_bytes())?;
        }
        self.frame(DATA, bytes)
    }
}

impl<W: Write> Sink for Sender<W> {
    fn bundle(&mut self, name: &str, reader: &mut dyn Read) -> Result<(), AttackError> {
        self.frame(BEGIN, short_name(name).as_bytes())?;
        let mut buffer = vec![0; CHUNK];
        // Whoever reads it refuses it by then.
        let mut left = MOST_BUNDLE + 1;
        while left > 0 {
            match reader.read(&mut buffer) {
                Ok(0) => break,
                Ok(some) => {
                    self.data(buffer.get(..some).unwrap_or_default())?;
                    left = left.saturating_sub(some as u64);
                }
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                Err(error) => return self.frame(BROKEN, short_reason(&error.to_string()).as_bytes()),
            }
        }
        self.frame(END, &[])
    }

    fn skipped(&mut self, name: &str, reason: &'static str) -> Result<(), AttackError> {
        let place = REASONS.iter().position(|known| *known == reason).unwrap_or_default();
        let mut payload = vec![u8::try_from(place).unwrap_or_default()];
        payload.extend_from_slice(short_name(name).as_bytes());
        self.frame(SKIPPED, &payload)
    }

    fn refused(&mut self, name: &str, error: AttackError) -> Result<(), AttackError> {
        let (how, why) = match &error {
            AttackError::File { source, .. } => (FILE, source.to_string()),
            AttackError::Cut { source, .. } => (CUT, source.to_string()),
            error => (NAMED, error.to_string()),
        };
        let name = short_name(name);
        let mut payload = vec![how];
        payload.extend_from_slice(&u16::try_from(name.len()).unwrap_or_default().to_le_bytes());
        payload.extend_from_slice(name.as_bytes());
        payload.extend_from_slice(short_reason(&why).as_bytes());
        self.frame(REFUSED, &payload)
    }
}

/// The end of a name, which says what it is; a name behind that of a file begins with two slashes.
fn short_name(name: &str) -> String {
    let mut from = name.len().saturating_sub(MOST_NAME);
    if from == 0 {
        return name.to_owned();
    }
    while !name.is_char_boundary(from) {
        from += 1;
    }
    format!("//{}", name.get(from..).unwrap_or_default())
}

fn short_reason(why: &str) -> String {
    why.chars().take(MOST_REASON).collect()
}

/// Hands on what a process unpacks, and what it says of the rest. What it says wrongly, or leaves unsaid, is told of the file.
///
/// # Errors
/// Those of the sink.
pub(crate) fn receive(
    name: &str,
    process: &mut dyn Unpacking,
    read: &AtomicU64,
    sink: &mut dyn Sink,
) -> Result<(), AttackError> {
    let mut stream = Stream {
        process: BufReader::with_capacity(2 * CHUNK, process),
        read,
        bytes: MOST_UNPACKED,
        members: MOST_MEMBERS,
        failure: None,
    };
    let failed = |why| AttackError::Unpacker { path: name.to_owned(), why };
    loop {
        match stream.next() {
            Ok(Frame::Done) => return Ok(()),
            Ok(Frame::Begin(inner)) => {
                let mut bundle = Bundle { stream: &mut stream, chunk: 0, is_over: false };
                sink.bundle(&format!("{name}{inner}"), &mut bundle)?;
                bundle.drain();
                match stream.failure.take() {
                    // What was begun was refused for it, and there is nothing else in the file.
                    Some(_) if inner.is_empty() => return Ok(()),
                    Some(why) => return sink.refused(name, failed(why)),
                    None => {}
                }
            }
            Ok(Frame::Skipped { inner, reason }) => sink.skipped(&format!("{name}{inner}"), reason)?,
            Ok(Frame::Refused { inner, how, why }) => {
                let path = format!("{name}{inner}");
                let source = io::Error::other(why.clone());
                let error = match how {
                    FILE => AttackError::File { path: path.clone(), source },
                    CUT => AttackError::Cut { path: path.clone(), source },
                    _ => AttackError::Named(why),
                };
                sink.refused(&path, error)?;
            }
            Ok(Frame::Data(_) | Frame::End | Frame::Broken(_)) => return sink.refused(name, failed(nonsense())),
            Err(why) => return sink.refused(name, failed(why)),
        }
    }
}

/// What is said of a process that does not keep to the form: something took it over.
fn nonsense() -> String {
    "it wrote what it should not have".to_owned()
}

enum Frame {
    Begin(String),
    /// So many bytes come.
    Data(usize),
    End,
    Broken(String),
    Skipped {
        inner: String,
        reason: &'static str,
    },
    Refused {
        inner: String,
        how: u8,
        why: String,
    },
    Done,
}

struct Stream<'a> {
    process: BufReader<&'a mut dyn Unpacking>,
    read: &'a AtomicU64,
    /// Bytes that may still come.
    bytes: u64,
    /// Members that may still come.
    members: u32,
    /// Why what was begun is not there, nor anything behind it.
    failure: Option<String>,
}

impl Stream<'_> {
    fn next(&mut self) -> Result<Frame, String> {
        loop {
            let mut head = [0; HEAD];
            self.fill(&mut head)?;
            let [kind, a, b, c, d] = head;
            let length = u32::from_le_bytes([a, b, c, d]);
            let left = self.bytes.checked_sub(u64::from(length) + HEAD as u64);
            self.bytes = left.ok_or("more than 16 GiB came out of it")?;
            let length = usize::try_from(length).map_err(|_| nonsense())?;
            if kind == DATA {
                return if (1..=CHUNK).contains(&length) { Ok(Frame::Data(length)) } else { Err(nonsense()) };
            }
            if length > MOST_TEXT {
                return Err(nonsense());
            }
            let mut payload = vec![0; length];
            self.fill(&mut payload)?;
            if [BEGIN, SKIPPED, REFUSED].contains(&kind) {
                self.members = self.members.checked_sub(1).ok_or("it has more than a million members")?;
            }
            return match (kind, payload.as_slice()) {
                (READ, bytes) => {
                    let read = <[u8; 8]>::try_from(bytes).map_err(|_| nonsense())?;
                    self.read.fetch_add(u64::from_le_bytes(read), Ordering::Relaxed);
                    continue;
                }
                (BEGIN, name) => Ok(Frame::Begin(inner(name)?)),
                (END, []) => Ok(Frame::End),
                (DONE, []) => Ok(Frame::Done),
                (BROKEN, why) => Ok(Frame::Broken(text(why)?)),
                (SKIPPED, [reason, name @ ..]) => {
                    let reason = REASONS.get(usize::from(*reason)).copied().ok_or_else(nonsense)?;
                    Ok(Frame::Skipped { inner: inner(name)?, reason })
                }
                (REFUSED, [how, low, high, rest @ ..]) => {
                    let length = usize::from(u16::from_le_bytes([*low, *high]));
                    let (name, why) = rest.split_at_checked(length).ok_or_else(nonsense)?;
                    Ok(Frame::Refused { inner: inner(name)?, how: *how, why: text(why)? })
                }
                _ => Err(nonsense()),
            };
        }
    }

    fn fill(&mut self, buffer: &mut [u8]) -> Result<(), String> {
        self.process.read_exact(buffer).map_err(|error| self.why(&error))
    }

    /// Why nothing more comes.
    fn why(&mut self, error: &io::Error) -> String {
        match error.kind() {
            ErrorKind::UnexpectedEof => self.process.get_mut().ended(),
            _ => error.to_string(),
        }
    }
}

fn text(bytes: &[u8]) -> Result<String, String> {
    String::from_utf8(bytes.to_vec()).map_err(|_| nonsense())
}

/// A name behind that of the file; empty for the file itself.
fn inner(bytes: &[u8]) -> Result<String, String> {
    let name = text(bytes)?;
    if name.is_empty() || name.starts_with("//") { Ok(name) } else { Err(nonsense()) }
}

/// What was begun, to its end.
struct Bundle<'s, 'p> {
    stream: &'s mut Stream<'p>,
    /// Bytes of the frame that are still to come.
    chunk: usize,
    is_over: bool,
}

impl Bundle<'_, '_> {
    /// Passes over what nobody read.
    fn drain(&mut self) {
        let mut waste = vec![0; CHUNK];
        while !self.is_over {
            let _ = self.read(&mut waste);
        }
    }

    /// Nothing more comes of anything.
    fn fail(&mut self, why: String) -> io::Error {
        self.is_over = true;
        let error = io::Error::other(format!("the process that unpacks it failed: {why}"));
        self.stream.failure = Some(why);
        error
    }
}

impl Read for Bundle<'_, '_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        if self.is_over || buffer.is_empty() {
            return Ok(0);
        }
        if self.chunk == 0 {
            match self.stream.next() {
                Ok(Frame::Data(length)) => self.chunk = length,
                Ok(Frame::End) => {
                    self.is_over = true;
                    return Ok(0);
                }
                Ok(Frame::Broken(why)) => {
                    self.is_over = true;
                    return Err(io::Error::other(why));
                }
                Ok(_) => return Err(self.fail(nonsense())),
                Err(why) => return Err(self.fail(why)),
            }
        }
        let most = self.chunk.min(buffer.len());
        match self.stream.process.read(buffer.get_mut(..most).unwrap_or_default()) {
            Ok(0) => {
                let why = self.stream.process.get_mut().ended();
                Err(self.fail(why))
            }
            Ok(some) => {
                self.chunk -= some;
                Ok(some)
            }
            Err(error) if error.kind() == ErrorKind::Interrupted => Err(error),
            Err(error) => Err(self.fail(error.to_string())),
        }
    }
}

#[cfg(test)]
mod tests;
