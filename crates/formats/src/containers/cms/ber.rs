//! The basic encoding rules of ASN.1 (X.690), as far as messages need them: lengths that are stated and lengths that only an
//! end mark tells, and octet strings whole or in pieces.

use crate::{Budget, Content, ContentReader, OpenError, Parts};
use std::io::{self, Read, Seek, SeekFrom};

/// The identifier of a sequence.
pub(super) const SEQUENCE: u8 = 0x30;
/// The identifier of an object identifier.
pub(super) const OBJECT_IDENTIFIER: u8 = 0x06;
/// The identifier of an octet string that is whole.
pub(super) const OCTETS: u8 = 0x04;
/// The bit that says that an element is made of others (8.1.2.5).
pub(super) const CONSTRUCTED: u8 = 0x20;
/// Octets of one tag; four tell more tags apart than anybody numbers.
const MOST_TAG_OCTETS: u32 = 4;
/// Levels of pieces in pieces.
const MOST_LEVELS: usize = 64;
/// Elements between two looks at the clock.
const STEPS: u64 = 4096;

/// One element: what it is and where its contents lie.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Element {
    /// The identifier's first octet; all tag numbers above 30 look alike in it.
    pub(super) tag: u8,
    /// Where it begins.
    pub(super) start: u64,
    /// Where its contents begin.
    pub(super) body: u64,
    /// Where its contents end; none where an end mark says so (8.1.3.6).
    pub(super) end: Option<u64>,
    /// Up to where its contents may go: its own end, or that of the nearest element around it that states one.
    limit: u64,
}

impl Element {
    /// Whether it is an octet string, whole or in pieces.
    pub(super) fn is_octets(&self) -> bool {
        self.tag & !CONSTRUCTED == OCTETS
    }
}

/// Reads elements anywhere in an input.
pub(super) struct Ber {
    reader: ContentReader,
    len: u64,
}

impl Ber {
    pub(super) fn new(input: &Content) -> Self {
        Self { reader: input.reader(), len: input.len() }
    }

    /// The element at a place before `limit`, none behind the last one. One that is longer than what is around it would be read
    /// again with what follows there.
    pub(super) fn element(&mut self, at: u64, limit: u64) -> Result<Option<Element>, OpenError> {
        if at >= limit.min(self.len) {
            return Ok(None);
        }
        let (tag, length) = self.header(at)?;
        // 8.1.5: two zeros are the end mark of what has no length.
        if (tag, length) == (0, Some(0)) {
            return Ok(None);
        }
        let body = self.reader.position();
        let end = length.map(|length| body.saturating_add(length));
        if end.is_some_and(|end| end > limit) {
            return Err(OpenError::malformed("an element is longer than the one around it", at));
        }
        Ok(Some(Element { tag, start: at, body, end, limit: end.unwrap_or(limit) }))
    }

    /// The element at a place within another one.
    pub(super) fn child(&mut self, parent: &Element, at: u64) -> Result<Option<Element>, OpenError> {
        let found = self.element(at, parent.limit)?;
        if parent.end.is_none() && at >= parent.limit {
            return Err(OpenError::malformed("an element without a length has no end", parent.start));
        }
        // Lenient readers pass over such a mark, and would see what stands behind it.
        if found.is_none() && parent.end.is_some_and(|end| at < end.min(self.len)) {
            return Err(OpenError::malformed("an end mark stands where the length is stated", at));
        }
        Ok(found)
    }

    /// Where the next element begins.
    pub(super) fn after(&mut self, element: &Element, parts: &mut Parts<'_, '_>) -> Result<u64, OpenError> {
        if let Some(end) = element.end {
            return Ok(end);
        }
        let (mut at, mut open, mut steps) = (element.body, 1_u64, 0_u64);
        while open > 0 {
            steps += 1;
            if steps.is_multiple_of(STEPS) {
                parts.budget().check_time().map_err(OpenError::Limit)?;
            }
            if at >= self.len.min(element.limit) {
                return Err(OpenError::malformed("an element without a length has no end", element.start));
            }
            let (tag, length) = self.header(at)?;
            let body = self.reader.position();
            at = body.saturating_add(length.unwrap_or(0));
            match (tag, length) {
                (0, Some(0)) => open -= 1,
                (_, None) => open += 1,
                _ => {}
            }
        }
        Ok(at)
    }

    /// The contents of a short element, at most `most` bytes.
    pub(super) fn contents(&mut self, element: &Element, most: u64) -> Result<Vec<u8>, OpenError> {
        let length = element.end.unwrap_or(self.len).saturating_sub(element.body).min(most);
        let mut bytes = Vec::new();
        self.reader.seek(SeekFrom::Start(element.body))?;
        self.reader.by_ref().take(length).read_to_end(&mut bytes)?;
        Ok(bytes)
    }

    fn header(&mut self, at: u64) -> Result<(u8, Option<u64>), OpenError> {
        self.reader.seek(SeekFrom::Start(at))?;
        header(&mut self.reader).map_err(|error| OpenError::malformed(error.to_string(), at))
    }
}

/// The identifier's first octet and the length, none where an end mark tells it (8.1.2 and 8.1.3).
fn header(reader: &mut ContentReader) -> io::Result<(u8, Option<u64>)> {
    let tag = byte(reader)?;
    if tag & 0x1f == 0x1f {
        // 8.1.2.4: the number follows, seven bits an octet.
        let mut octets = 1;
        while byte(reader)? & 0x80 != 0 {
            octets += 1;
            if octets > MOST_TAG_OCTETS {
                return Err(invalid("an element has a tag of more than 4 octets"));
            }
        }
    }
    let first = byte(reader)?;
    match first {
        0..=0x7f => return Ok((tag, Some(u64::from(first)))),
        0x80 if tag & CONSTRUCTED == 0 => return Err(invalid("an element that is not made of others has no length")),
        0x80 => return Ok((tag, None)),
        _ => {}
    }
    let mut length = 0_u64;
    for _ in 0..first & 0x7f {
        let octet = u64::from(byte(reader)?);
        let longer = length.checked_mul(256).and_then(|length| length.checked_add(octet));
        length = longer.ok_or_else(|| invalid("an element is longer than any file"))?;
    }
    Ok((tag, Some(length)))
}

fn byte(reader: &mut ContentReader) -> io::Result<u8> {
    let mut one = [0];
    let ended = |_| io::Error::new(io::ErrorKind::UnexpectedEof, "the message ends within an element");
    reader.read_exact(&mut one).map_err(ended)?;
    let [byte] = one;
    Ok(byte)
}

fn invalid(what: &'static str) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, what)
}

/// The octets of a string, which may be in pieces that are in pieces themselves (8.7.3).
pub(super) struct Octets {
    reader: ContentReader,
    budget: Budget,
    /// Ends of the strings around the place where reading stands; none where an end mark tells it.
    around: Vec<Option<u64>>,
    /// Octets left of the piece at hand.
    left: u64,
    pieces: u64,
}

impl Octets {
    pub(super) fn new(input: &Content, string: &Element, budget: Budget) -> Self {
        let mut reader = input.reader();
        // A place behind the end reads as the end.
        let _ = reader.seek(SeekFrom::Start(string.body));
        let in_pieces = string.tag & CONSTRUCTED != 0;
        let left = if in_pieces { 0 } else { string.end.unwrap_or(string.body).saturating_sub(string.body) };
        let around = if in_pieces { vec![string.end] } else { Vec::new() };
        Self { reader, budget, around, left, pieces: 0 }
    }

    /// Goes to the next piece; false where there is none.
    fn advance(&mut self) -> io::Result<bool> {
        while let Some(end) = self.around.last().copied() {
            if end.is_some_and(|end| self.reader.position() >= end) {
                self.around.pop();
                continue;
            }
            self.pieces += 1;
            if self.pieces.is_multiple_of(STEPS) && self.budget.check_time().is_err() {
                return Err(io::Error::other("there was no time to read all its pieces"));
            }
            let (tag, length) = header(&mut self.reader)?;
            match (tag, length) {
                (0, Some(0)) if end.is_none() => {
                    self.around.pop();
                }
                (OCTETS, Some(length)) => {
                    self.left = length;
                    return Ok(true);
                }
                (tag, length) if tag == OCTETS | CONSTRUCTED => {
                    if self.around.len() >= MOST_LEVELS {
                        return Err(invalid(
                            "its pieces are nested more than 64 deep, and only so many levels are read",
                        ));
                    }
                    let body = self.reader.position();
                    self.around.push(length.map(|length| body.saturating_add(length)));
                }
                _ => return Err(invalid("one of its pieces is no octet string")),
            }
        }
        Ok(false)
    }
}

impl Read for Octets {
    fn read(&mut self, out: &mut [u8]) -> io::Result<usize> {
        if out.is_empty() {
            return Ok(0);
        }
        while self.left == 0 {
            if !self.advance()? {
                return Ok(0);
            }
        }
        let most = usize::try_from(self.left).unwrap_or(usize::MAX).min(out.len());
        let n = self.reader.read(out.get_mut(..most).unwrap_or_default())?;
        if n == 0 {
            return Err(io::Error::new(io::ErrorKind::UnexpectedEof, "the message ends within it"));
        }
        self.left = self.left.saturating_sub(n as u64);
        Ok(n)
    }
}
