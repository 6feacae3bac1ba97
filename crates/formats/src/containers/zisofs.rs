//! zisofs: files of an ISO image that Linux inflates when they are read ("zisofs2 format", libisofs).

use super::Format;
use super::bytes::{u16_le, u32_le};
use super::padding::only_zeros;
use crate::{Budget, Content, Member, OpenError, Parts};
use lazaret_model::Role;
use std::io::{self, Read};

/// The opener.
pub struct Zisofs;

/// How a compressed file begins.
pub(super) const MAGIC: &[u8] = b"\x37\xe4\x53\x96\xc9\xdb\xd6\x07";
/// How one of the second version begins, with 64 bits and other compressors.
pub(super) const MAGIC_2: &[u8] = b"\xef\x22\x55\xa1\xbc\x1b\x95\xa0";

impl Format for Zisofs {
    fn id(&self) -> &'static str {
        "zisofs"
    }

    fn kinds(&self) -> &'static [&'static str] {
        &["zisofs"]
    }

    fn summary(&self) -> &'static str {
        "zlib blocks of version 1; version 2 is recognised and not read"
    }

    fn open(&self, input: &Content, parts: &mut Parts<'_, '_>) -> Result<(), OpenError> {
        let head = input.window(0, 16)?.into_owned();
        if head.starts_with(MAGIC_2) {
            return Err(OpenError::unsupported("zisofs version 2"));
        }
        // Magic, size of the content, size of this header in words, logarithm of a block's size, two reserved bytes.
        let (true, Some(size), Some(header), Some(shift)) =
            (head.starts_with(MAGIC), u32_le(&head, 8), head.get(12), head.get(13))
        else {
            return Err(OpenError::malformed("there is no zisofs header", 0));
        };
        if *header < 4 || !(15..=17).contains(shift) {
            return Err(OpenError::malformed("the header or the blocks have an impossible size", 12));
        }
        let table = u64::from(*header) * 4;
        let count = u64::from(size).div_ceil(1 << shift);
        let end = u32_le(&input.window(table + count * 4, 4)?, 0);
        let mut blocks = Blocks {
            input: input.clone(),
            budget: parts.budget().for_decoder(),
            table,
            block: 1 << shift,
            next: 0,
            left: u64::from(size),
            ready: io::Cursor::new(Vec::new()),
        };
        let name = parts.part().name.clone();
        parts.add(Member::unnamed(Role::Stream, name), &mut blocks)?;
        let rest = input.slice(end.map_or(u64::MAX, u64::from), u64::MAX);
        if !rest.is_empty() && !only_zeros(&rest, parts)? {
            parts.add_content(Member::unnamed(Role::Appended, "after-stream"), rest)?;
        }
        Ok(())
    }
}

/// What is wrong with a file that its image lists as compressed: Linux believes the image and not the file's header.
pub(super) fn disagreement(head: &[u8], header_words: u8, shift: u8) -> Option<&'static str> {
    if !head.starts_with(MAGIC) && !head.starts_with(MAGIC_2) {
        Some("the image says that it is compressed, and it has no such header")
    } else if head.starts_with(MAGIC) && u16_le(head, 12) != Some(u16::from_le_bytes([header_words, shift])) {
        Some("the image and its header disagree about how it is compressed")
    } else {
        None
    }
}

/// Inflates block after block.
struct Blocks {
    input: Content,
    budget: Budget,
    table: u64,
    block: u64,
    next: u64,
    left: u64,
    ready: io::Cursor<Vec<u8>>,
}

impl Blocks {
    /// Inflates the next block; one without bytes is all zeros.
    fn advance(&mut self) -> io::Result<()> {
        let invalid = |what: &str| io::Error::new(io::ErrorKind::InvalidData, what.to_owned());
        self.budget.check_time().map_err(|limit| io::Error::other(limit.to_string()))?;
        let pointers = self.input.window(self.table + self.next * 4, 8)?.into_owned();
        let (Some(start), Some(end)) = (u32_le(&pointers, 0), u32_le(&pointers, 4)) else {
            return Err(invalid("the table of blocks ends early"));
        };
        let length = end.checked_sub(start).ok_or_else(|| invalid("the table of blocks runs backwards"))?;
        let wanted = self.left.min(self.block);
        let mut out = std::mem::take(&mut self.ready).into_inner();
        out.clear();
        if length == 0 {
            out.resize(wanted as usize, 0);
        } else {
            let data = self.input.slice(u64::from(start), u64::from(length));
            // One byte more than fits tells a block that hides some.
            flate2::read::ZlibDecoder::new(data.reader()).take(wanted + 1).read_to_end(&mut out)?;
            if out.len() as u64 != wanted {
                return Err(invalid("a block has not the size it should have"));
            }
        }
        self.ready = io::Cursor::new(out);
        self.next += 1;
        self.left -= wanted;
        Ok(())
    }
}

impl Read for Blocks {
    fn read(&mut self, out: &mut [u8]) -> io::Result<usize> {
        loop {
            let n = self.ready.read(out)?;
            if n > 0 || out.is_empty() || self.left == 0 {
                return Ok(n);
            }
            self.advance()?;
        }
    }
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;
    use crate::testing::{Recorded, walk, walk_with};
    use lazaret_model::Limits;
    use std::io::Write as _;

    /// Blocks of 32 KiB; those of zeros have no bytes.
    pub(crate) fn compress(plain: &[u8]) -> Vec<u8> {
        let blocks = plain.chunks(1 << 15).map(|block| {
            let mut zlib = flate2::write::ZlibEncoder::new(Vec::new(), flate2::Compression::fast());
            zlib.write_all(block).unwrap();
            if block.iter().all(|b| *b == 0) { Vec::new() } else { zlib.finish().unwrap() }
        });
        let blocks: Vec<_> = blocks.collect();
        let mut out = [MAGIC, &(plain.len() as u32).to_le_bytes(), &[4, 15, 0, 0]].concat();
        let mut at = out.len() + 4 * (blocks.len() + 1);
        out.extend((at as u32).to_le_bytes());
        for block in &blocks {
            at += block.len();
            out.extend((at as u32).to_le_bytes());
        }
        out.extend(blocks.concat());
        out
    }

    fn check(bytes: Vec<u8>) -> Recorded {
        walk_with(bytes, "payload", Some("zisofs"), &[], Limits::default())
    }

    #[test]
    fn blocks_are_joined_and_zeros_filled_in() {
        let plain = [&b"LAZARET-MARKER"[..], &[7; 40_000], &[0; 80_000], b"end"].concat();
        let recorded = walk(compress(&plain), "payload");
        assert_eq!(recorded.parts[0].kind.id, "zisofs");
        assert!(recorded.bytes("//payload") == plain && recorded.complete());
        let recorded = check([compress(&plain), b"more".to_vec()].concat());
        assert_eq!(recorded.bytes("//after-stream"), b"more");
    }

    #[test]
    fn truncation_and_noise_never_pass_for_whole() {
        let plain: Vec<u8> = (0..9_000u32).flat_map(|i| (i * i).to_le_bytes()).collect();
        let whole = compress(&plain);
        for sixteenth in 1..16 {
            assert!(!check(whole[..whole.len() * sixteenth / 16].to_vec()).complete(), "cut at {sixteenth}/16");
        }
        for at in 0..32 {
            let mut bytes = whole.clone();
            bytes[at] ^= 0x41;
            let recorded = check(bytes);
            let untouched = recorded.bytes.values().any(|bytes| *bytes == plain);
            assert!(!recorded.complete() || untouched, "flipped at {at}");
        }
        assert!(!check([MAGIC_2, &[0; 40]].concat()).complete());
    }
}
