//! OpenPGP packets (RFC 9580, 4): where each begins and ends, and its body, which may come in pieces.

use crate::{ContentReader, OpenError, Parts};
use std::io::{self, Read, Seek, SeekFrom};

/// Octets of the longest header: a tag and a length of five octets.
const HEADER: usize = 6;
/// Pieces between two looks at the clock.
const STEPS: u64 = 4096;

/// How long a body is, or its first piece.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Length {
    /// So many bytes.
    Whole(u64),
    /// So many bytes, then another length (4.2.1.4).
    Piece(u64),
    /// All that follows, in the old form of headers (4.2.2).
    Rest,
}

/// The tag, the length, and how many octets say so; none where no packet begins.
pub(super) fn header(bytes: &[u8]) -> Option<(u8, Length, usize)> {
    let (first, rest) = bytes.split_first()?;
    let (tag, length, octets) = match first {
        0xc0.. => {
            let (length, octets) = new_length(rest)?;
            (first & 0x3f, length, octets)
        }
        0x80.. => {
            let big = |octets: usize| {
                let bytes = rest.get(..octets)?;
                Some((Length::Whole(bytes.iter().fold(0, |all, byte| all << 8 | u64::from(*byte))), octets))
            };
            let (length, octets) = match first & 3 {
                0 => big(1)?,
                1 => big(2)?,
                2 => big(4)?,
                _ => (Length::Rest, 0),
            };
            (first >> 2 & 0x0f, length, octets)
        }
        _ => return None,
    };
    // 5: this tag must not be used.
    (tag != 0).then_some((tag, length, octets + 1))
}

/// A length of the new form (4.2.1), and how many octets it takes.
fn new_length(bytes: &[u8]) -> Option<(Length, usize)> {
    let first = *bytes.first()?;
    Some(match first {
        0..=191 => (Length::Whole(u64::from(first)), 1),
        192..=223 => {
            let second = *bytes.get(1)?;
            (Length::Whole((u64::from(first) - 192) * 256 + u64::from(second) + 192), 2)
        }
        224..=254 => (Length::Piece(1 << (first & 0x1f)), 1),
        255 => {
            let bytes = bytes.get(1..5)?;
            (Length::Whole(bytes.iter().fold(0, |all, byte| all << 8 | u64::from(*byte))), 5)
        }
    })
}

/// One packet of a part.
#[derive(Debug, Clone, Copy)]
pub(super) struct Packet {
    pub(super) tag: u8,
    /// Where its body begins.
    pub(super) body: u64,
    pub(super) length: Length,
    /// Where it ends, beyond the part's end where it is cut.
    pub(super) end: u64,
}

impl Packet {
    /// The packet at a place; none where none begins.
    pub(super) fn read(
        reader: &mut ContentReader,
        at: u64,
        len: u64,
        parts: &mut Parts<'_, '_>,
    ) -> Result<Option<Self>, OpenError> {
        let Some((tag, length, octets)) = header(&peek(reader, at)?) else { return Ok(None) };
        let body = at.saturating_add(octets as u64);
        let mut end = match length {
            Length::Rest => len,
            Length::Whole(length) | Length::Piece(length) => body.saturating_add(length),
        };
        let (mut more, mut steps) = (matches!(length, Length::Piece(_)), 0_u64);
        while more {
            steps += 1;
            if steps.is_multiple_of(STEPS) {
                parts.budget().check_time().map_err(OpenError::Limit)?;
            }
            let Some((piece, octets)) = new_length(&peek(reader, end)?) else {
                // The length of a piece is missing, so the packet is cut.
                end = end.max(len).saturating_add(1);
                break;
            };
            let (Length::Whole(length) | Length::Piece(length)) = piece else { break };
            more = matches!(piece, Length::Piece(_));
            end = end.saturating_add(octets as u64).saturating_add(length);
        }
        Ok(Some(Self { tag, body, length, end }))
    }
}

/// The octets of a header at a place, fewer at the end.
fn peek(reader: &mut ContentReader, at: u64) -> io::Result<Vec<u8>> {
    let mut bytes = Vec::with_capacity(HEADER);
    reader.seek(SeekFrom::Start(at))?;
    reader.by_ref().take(HEADER as u64).read_to_end(&mut bytes)?;
    Ok(bytes)
}

/// Reads the body of a packet, whose pieces it joins.
pub(super) struct Body {
    reader: ContentReader,
    /// Bytes left of the piece at hand.
    left: u64,
    /// Whether the length of another piece follows it.
    more: bool,
}

impl Body {
    pub(super) fn new(mut reader: ContentReader, packet: &Packet) -> Self {
        // A place behind the end reads as the end.
        let _ = reader.seek(SeekFrom::Start(packet.body));
        let (left, more) = match packet.length {
            Length::Whole(length) => (length, false),
            Length::Piece(length) => (length, true),
            Length::Rest => (packet.end.saturating_sub(packet.body), false),
        };
        Self { reader, left, more }
    }

    /// Where reading stands in the part.
    pub(super) fn position(&self) -> u64 {
        self.reader.position()
    }
}

impl Read for Body {
    fn read(&mut self, out: &mut [u8]) -> io::Result<usize> {
        let ended = || io::Error::new(io::ErrorKind::UnexpectedEof, "the message ends within the packet");
        if out.is_empty() {
            return Ok(0);
        }
        while self.left == 0 {
            if !self.more {
                return Ok(0);
            }
            let at = self.reader.position();
            let (piece, octets) = new_length(&peek(&mut self.reader, at)?).ok_or_else(ended)?;
            self.reader.seek(SeekFrom::Start(at.saturating_add(octets as u64)))?;
            (self.left, self.more) = match piece {
                Length::Whole(length) => (length, false),
                Length::Piece(length) => (length, true),
                Length::Rest => (0, false),
            };
        }
        let most = usize::try_from(self.left).unwrap_or(usize::MAX).min(out.len());
        let n = self.reader.read(out.get_mut(..most).unwrap_or_default())?;
        if n == 0 {
            return Err(ended());
        }
        self.left = self.left.saturating_sub(n as u64);
        Ok(n)
    }
}
