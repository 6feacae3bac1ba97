//! A part's bytes, in memory or in a file that the caller lends.

use std::borrow::Cow;
use std::fmt;
use std::io::{self, BufRead, Read, Seek, SeekFrom};
use std::sync::Arc;

/// Bytes that can be read at any offset without a shared position.
pub trait ReadAt: Send + Sync {
    /// Reads into `buffer` from `offset`; 0 means the end.
    ///
    /// # Errors
    /// Whatever the medium reports.
    fn read_at(&self, buffer: &mut [u8], offset: u64) -> io::Result<usize>;
}

/// A place for parts that are too large for memory, such as an unlinked file.
///
/// The walk uses it as a stack: a part is written at the top and forgotten when its inspection ends.
pub trait Spool: ReadAt {
    /// Writes all of `bytes` at `offset`.
    ///
    /// # Errors
    /// Whatever the medium reports, such as a full disk.
    fn write_all_at(&self, bytes: &[u8], offset: u64) -> io::Result<()>;
}

/// A spool seen as something to read.
pub(crate) struct Spooled(pub(crate) Arc<dyn Spool>);

impl ReadAt for Spooled {
    fn read_at(&self, buffer: &mut [u8], offset: u64) -> io::Result<usize> {
        self.0.read_at(buffer, offset)
    }
}

/// A part's bytes. Cloning and slicing are cheap and share the bytes.
#[derive(Clone)]
pub struct Content {
    source: Source,
    offset: u64,
    len: u64,
}

#[derive(Clone)]
enum Source {
    Memory(Arc<[u8]>),
    Stored(Arc<dyn ReadAt>),
}

impl fmt::Debug for Content {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let place = if self.as_slice().is_some() { "memory" } else { "spool" };
        write!(f, "Content({} bytes in {place})", self.len)
    }
}

impl From<Vec<u8>> for Content {
    fn from(bytes: Vec<u8>) -> Self {
        let len = bytes.len() as u64;
        Self { source: Source::Memory(bytes.into()), offset: 0, len }
    }
}

impl From<&[u8]> for Content {
    fn from(bytes: &[u8]) -> Self {
        bytes.to_vec().into()
    }
}

impl Content {
    /// Bytes `offset .. offset + len` of something the caller keeps readable.
    pub fn stored(source: Arc<dyn ReadAt>, offset: u64, len: u64) -> Self {
        Self { source: Source::Stored(source), offset, len }
    }

    /// Bytes in it.
    pub fn len(&self) -> u64 {
        self.len
    }

    /// Whether it has no bytes.
    pub fn is_empty(&self) -> bool {
        self.len == 0
    }

    /// Tells the bytes that this is a range of from all others that are in use, and where in them it begins.
    pub(crate) fn origin(&self) -> (usize, u64) {
        let address = match &self.source {
            Source::Memory(bytes) => Arc::as_ptr(bytes).cast::<u8>().addr(),
            Source::Stored(source) => Arc::as_ptr(source).cast::<u8>().addr(),
        };
        (address, self.offset)
    }

    /// All bytes, if they are in memory.
    pub fn as_slice(&self) -> Option<&[u8]> {
        match &self.source {
            Source::Memory(bytes) => {
                let start = usize::try_from(self.offset).ok()?;
                let end = start.checked_add(usize::try_from(self.len).ok()?)?;
                bytes.get(start..end)
            }
            Source::Stored(_) => None,
        }
    }

    /// How many bytes from a place on are padding: zeros, blanks and line ends.
    pub(crate) fn blank(&self, from: u64) -> io::Result<u64> {
        let mut blank = 0;
        loop {
            let window = self.window(from + blank, 64 << 10)?;
            let run = window.iter().take_while(|byte| matches!(byte, 0 | b'\r' | b'\n' | b' ')).count();
            blank += run as u64;
            if run < window.len() || window.is_empty() {
                return Ok(blank);
            }
        }
    }

    /// The bytes `offset .. offset + len`, cut at the end of the content; borrowed where they are in memory.
    ///
    /// # Errors
    /// Whatever the medium reports.
    pub fn window(&self, offset: u64, len: usize) -> io::Result<Cow<'_, [u8]>> {
        let offset = offset.min(self.len);
        let len = usize::try_from(self.len - offset).unwrap_or(usize::MAX).min(len);
        let Source::Stored(source) = &self.source else {
            let start = usize::try_from(offset).unwrap_or(usize::MAX);
            let all = self.as_slice().unwrap_or_default();
            return Ok(Cow::Borrowed(all.get(start..start.saturating_add(len)).unwrap_or_default()));
        };
        // As much as was asked for and no more: walks from one piece to the next ask for a few bytes at a time.
        let mut buffer = vec![0; len];
        let mut at = self.offset.saturating_add(offset);
        let mut rest = buffer.as_mut_slice();
        while !rest.is_empty() {
            let n = match source.read_at(rest, at) {
                Ok(0) => return Err(io::ErrorKind::UnexpectedEof.into()),
                Ok(n) => n.min(rest.len()),
                Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
                Err(error) => return Err(error),
            };
            at = at.saturating_add(n as u64);
            rest = rest.get_mut(n..).unwrap_or_default();
        }
        Ok(Cow::Owned(buffer))
    }

    /// All bytes as one slice, for parsers that need them so; `None` when there are more than `most`.
    ///
    /// # Errors
    /// Whatever the medium reports.
    pub fn whole(&self, most: u64) -> io::Result<Option<Cow<'_, [u8]>>> {
        if self.len > most {
            return Ok(None);
        }
        self.window(0, usize::try_from(self.len).unwrap_or(usize::MAX)).map(Some)
    }

    /// The bytes `offset .. offset + len` as content of their own, cut at the end.
    #[must_use]
    pub fn slice(&self, offset: u64, len: u64) -> Self {
        let offset = offset.min(self.len);
        let len = len.min(self.len - offset);
        Self { source: self.source.clone(), offset: self.offset + offset, len }
    }

    /// A reader with a position of its own, at the start.
    pub fn reader(&self) -> ContentReader {
        ContentReader { content: self.clone(), position: 0, buffer: Vec::new(), buffered_at: 0 }
    }
}

/// How much a [`ContentReader`] fetches at a time from stored content.
const FETCH: usize = 64 << 10;

/// Reads a [`Content`] with a position of its own.
#[derive(Debug, Clone)]
pub struct ContentReader {
    content: Content,
    position: u64,
    /// Bytes of the content from `buffered_at`; unused for content in memory.
    buffer: Vec<u8>,
    buffered_at: u64,
}

impl ContentReader {
    /// Where the next read starts.
    pub fn position(&self) -> u64 {
        self.position
    }

    fn buffered(&self) -> Option<&[u8]> {
        let skip = usize::try_from(self.position.checked_sub(self.buffered_at)?).ok()?;
        self.buffer.get(skip..).filter(|rest| !rest.is_empty())
    }
}

impl Read for ContentReader {
    fn read(&mut self, out: &mut [u8]) -> io::Result<usize> {
        let mut available = self.fill_buf()?;
        let n = available.read(out)?;
        self.consume(n);
        Ok(n)
    }
}

impl BufRead for ContentReader {
    fn fill_buf(&mut self) -> io::Result<&[u8]> {
        if self.position >= self.content.len {
            return Ok(&[]);
        }
        if let Source::Stored(source) = &self.content.source {
            if self.buffered().is_none() {
                let left = usize::try_from(self.content.len - self.position).unwrap_or(usize::MAX);
                self.buffer.resize(FETCH.min(left), 0);
                let n = source.read_at(&mut self.buffer, self.content.offset + self.position)?;
                // LIMIT: a buffer to what was read into it.
                self.buffer.truncate(n);
                self.buffered_at = self.position;
            }
            return Ok(self.buffered().unwrap_or_default());
        }
        let all = self.content.as_slice().unwrap_or_default();
        Ok(usize::try_from(self.position).ok().and_then(|at| all.get(at..)).unwrap_or_default())
    }

    fn consume(&mut self, n: usize) {
        self.position = self.position.saturating_add(n as u64).min(self.content.len);
    }
}

impl Seek for ContentReader {
    fn seek(&mut self, to: SeekFrom) -> io::Result<u64> {
        let target = match to {
            SeekFrom::Start(at) => Some(at),
            SeekFrom::End(by) => self.content.len.checked_add_signed(by),
            SeekFrom::Current(by) => self.position.checked_add_signed(by),
        };
        self.position = target.ok_or_else(|| io::Error::new(io::ErrorKind::InvalidInput, "seek before the start"))?;
        Ok(self.position)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    impl ReadAt for Vec<u8> {
        fn read_at(&self, buffer: &mut [u8], offset: u64) -> io::Result<usize> {
            let rest = self.get(offset as usize..).unwrap_or_default();
            let n = rest.len().min(buffer.len());
            buffer[..n].copy_from_slice(&rest[..n]);
            Ok(n)
        }
    }

    #[test]
    fn memory_and_stored_content_read_alike() {
        let bytes: Vec<u8> = (0..200_000u32).map(|i| (i % 251) as u8).collect();
        let memory = Content::from(bytes.clone()).slice(10, 150_000);
        let stored = Content::stored(Arc::new(bytes.clone()), 0, bytes.len() as u64).slice(10, 150_000);
        assert_eq!(memory.as_slice(), Some(&bytes[10..150_010]));
        assert!(stored.as_slice().is_none());
        for content in [memory, stored] {
            let mut all = Vec::new();
            content.reader().read_to_end(&mut all).unwrap();
            assert_eq!(all, bytes[10..150_010]);
            assert_eq!(content.window(149_990, 100).unwrap(), &bytes[150_000..150_010]);
            assert_eq!(content.window(500_000, 100).unwrap(), &b""[..]);
            let mut reader = content.reader();
            reader.seek(SeekFrom::End(-5)).unwrap();
            let mut last = Vec::new();
            reader.read_to_end(&mut last).unwrap();
            assert_eq!(last, &bytes[150_005..150_010]);
            assert!(reader.seek(SeekFrom::Current(-1_000_000)).is_err());
        }
    }
}
