//! What identification may look at, and what it found.

use crate::Content;
use crate::encoding::{self, Encoding};
use std::borrow::Cow;
use std::cell::{OnceCell, RefCell};
use std::io;

/// Bounded access to a part: the head at hand, the rest where there is one.
pub(super) struct Probe<'a> {
    head: &'a [u8],
    content: Option<&'a Content>,
    error: RefCell<Option<io::Error>>,
    doubts: RefCell<Vec<&'static str>>,
    encoding: OnceCell<Option<Encoding>>,
}

impl<'a> Probe<'a> {
    pub(super) fn of_head(head: &'a [u8]) -> Self {
        Self { content: None, ..Self::new(head) }
    }

    pub(super) fn over(head: &'a [u8], content: &'a Content) -> Self {
        Self { content: Some(content), ..Self::new(head) }
    }

    fn new(head: &'a [u8]) -> Self {
        Self { head, content: None, error: RefCell::default(), doubts: RefCell::default(), encoding: OnceCell::new() }
    }

    /// Notes that not all was looked at that says what this is, and why.
    pub(super) fn doubt(&self, reason: &'static str) {
        let mut doubts = self.doubts.borrow_mut();
        if !doubts.contains(&reason) {
            doubts.push(reason);
        }
    }

    /// What was noted so.
    pub(super) fn doubts(&self) -> Vec<&'static str> {
        self.doubts.borrow().clone()
    }

    /// The first bytes.
    pub(super) fn head(&self) -> &'a [u8] {
        self.head
    }

    /// How the head is encoded if it is text; several looks ask, and finding out reads all of it.
    pub(super) fn encoding(&self) -> Option<Encoding> {
        *self.encoding.get_or_init(|| encoding::of(self.head))
    }

    /// Whether there is more than the head to look at.
    pub(super) fn sees_all(&self) -> bool {
        self.content.is_some()
    }

    /// Bytes in all, as far as is known.
    pub(super) fn len(&self) -> u64 {
        self.content.map_or(self.head.len() as u64, Content::len)
    }

    /// Up to `len` bytes from `offset`; fewer at the end.
    pub(super) fn at(&self, offset: u64, len: usize) -> Cow<'a, [u8]> {
        let start = usize::try_from(offset).unwrap_or(usize::MAX);
        if let Some(bytes) = start.checked_add(len).and_then(|end| self.head.get(start..end)) {
            return Cow::Borrowed(bytes);
        }
        match self.content {
            None => Cow::Borrowed(self.head.get(start..).unwrap_or_default()),
            Some(content) => content.window(offset, len).unwrap_or_else(|error| {
                self.error.borrow_mut().get_or_insert(error);
                Cow::Borrowed(&[])
            }),
        }
    }

    /// The last bytes, at most `len`, and where they start.
    pub(super) fn tail(&self, len: usize) -> (u64, Cow<'a, [u8]>) {
        let start = self.len().saturating_sub(len as u64);
        (start, self.at(start, len))
    }

    /// The first error that reading met.
    pub(super) fn finish(self) -> io::Result<()> {
        self.error.into_inner().map_or(Ok(()), Err)
    }
}

/// Ids of kinds, the best first, each once.
#[derive(Debug, Default)]
pub(super) struct Found(Vec<&'static str>);

impl Found {
    pub(super) fn add(&mut self, id: &'static str) {
        if !self.0.contains(&id) {
            self.0.push(id);
        }
    }

    pub(super) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    pub(super) fn first(&self) -> Option<&'static str> {
        self.0.first().copied()
    }

    pub(super) fn has(&self, id: &str) -> bool {
        self.0.contains(&id)
    }

    pub(super) fn ids(&self) -> impl Iterator<Item = &'static str> + '_ {
        self.0.iter().copied()
    }
}

/// A little-endian number of two bytes.
pub(super) fn u16_at(bytes: &[u8], at: usize) -> Option<u16> {
    bytes.get(at..at.checked_add(2)?)?.try_into().ok().map(u16::from_le_bytes)
}

/// A little-endian number of four bytes.
pub(super) fn u32_at(bytes: &[u8], at: usize) -> Option<u32> {
    bytes.get(at..at.checked_add(4)?)?.try_into().ok().map(u32::from_le_bytes)
}

/// A little-endian number of eight bytes.
pub(super) fn u64_at(bytes: &[u8], at: usize) -> Option<u64> {
    bytes.get(at..at.checked_add(8)?)?.try_into().ok().map(u64::from_le_bytes)
}

/// A big-endian number of four bytes.
pub(super) fn be32_at(bytes: &[u8], at: usize) -> Option<u32> {
    bytes.get(at..at.checked_add(4)?)?.try_into().ok().map(u32::from_be_bytes)
}

/// Whether `needle` is in `bytes`.
pub(super) fn has(bytes: &[u8], needle: &[u8]) -> bool {
    memchr::memmem::find(bytes, needle).is_some()
}

/// Whether `needle`, in lower case, is in `bytes` in any case.
pub(super) fn has_any_case(bytes: &[u8], needle: &[u8]) -> bool {
    let Some(first) = needle.first() else { return true };
    memchr::memchr2_iter(*first, first.to_ascii_uppercase(), bytes).any(|at| {
        bytes.get(at..at.saturating_add(needle.len())).is_some_and(|found| found.eq_ignore_ascii_case(needle))
    })
}
