//! Numbers, texts and compressed sections, written and read with every length checked.

use super::{Damage, MOST_BYTES};
use zstd::zstd_safe::{CCtx, CParameter, compress_bound, decompress};

/// Higher levels win little on some ten kilobytes.
const LEVEL: i32 = 12;
const CUT: Damage = Damage("it is cut off");

/// A number as LEB128.
pub(super) fn put_number(out: &mut Vec<u8>, number: u64) {
    let mut rest = number;
    while rest >= 0x80 {
        out.push((rest & 0x7f) as u8 | 0x80);
        rest >>= 7;
    }
    out.push(rest as u8);
}

/// A number that may be below zero: small ones are short whatever their sign.
pub(super) fn put_signed(out: &mut Vec<u8>, number: i64) {
    put_number(out, ((number << 1) ^ (number >> 63)).cast_unsigned());
}

/// Texts: the lengths of all of them, then the texts.
pub(super) fn put_strings(out: &mut Vec<u8>, texts: &[&str]) {
    for text in texts {
        put_number(out, text.len() as u64);
    }
    for text in texts {
        out.extend_from_slice(text.as_bytes());
    }
}

/// A section: how long it is compressed and how long it was, and a frame with a checksum.
pub(super) fn sealed(out: &mut Vec<u8>, plain: &[u8]) -> Result<(), Damage> {
    let failed = |_| Damage("it cannot be compressed");
    if plain.len() > MOST_BYTES {
        return Err(Damage("its texts are too long"));
    }
    let mut frame = vec![0; compress_bound(plain.len())];
    let mut context = CCtx::create();
    context.set_parameter(CParameter::CompressionLevel(LEVEL)).map_err(failed)?;
    context.set_parameter(CParameter::ChecksumFlag(true)).map_err(failed)?;
    let done = context.compress2(&mut frame[..], plain).map_err(failed)?;
    frame.truncate(done);
    put_number(out, frame.len() as u64);
    put_number(out, plain.len() as u64);
    out.extend_from_slice(&frame);
    Ok(())
}

/// What is in the next section.
pub(super) fn opened(sections: &mut Reader<'_>) -> Result<Vec<u8>, Damage> {
    let (packed, length) = (sections.size(MOST_BYTES * 2)?, sections.size(MOST_BYTES)?);
    let frame = sections.take(packed)?;
    let mut plain = vec![0; length];
    let done = decompress(&mut plain[..], frame).map_err(|_| Damage("it cannot be decompressed"))?;
    if done == length { Ok(plain) } else { Err(Damage("it has another length than noted")) }
}

/// Texts one after the other.
pub(super) struct Strings {
    text: String,
    ends: Vec<usize>,
}

impl Strings {
    pub(super) fn len(&self) -> usize {
        self.ends.len()
    }

    pub(super) fn get(&self, place: usize) -> Option<&str> {
        let end = *self.ends.get(place)?;
        let start = place.checked_sub(1).map_or(Some(&0), |before| self.ends.get(before))?;
        self.text.get(*start..end)
    }
}

/// What is still to be read.
pub(super) struct Reader<'a>(&'a [u8]);

impl<'a> Reader<'a> {
    pub(super) fn new(bytes: &'a [u8]) -> Self {
        Self(bytes)
    }

    pub(super) fn take(&mut self, bytes: usize) -> Result<&'a [u8], Damage> {
        let (taken, rest) = self.0.split_at_checked(bytes).ok_or(CUT)?;
        self.0 = rest;
        Ok(taken)
    }

    pub(super) fn version(&mut self, known: u8) -> Result<(), Damage> {
        if self.take(1)? == [known] { Ok(()) } else { Err(Damage("its form is unknown to this version")) }
    }

    pub(super) fn number(&mut self) -> Result<u64, Damage> {
        let (mut number, mut shift) = (0_u64, 0_u32);
        loop {
            let byte = *self.take(1)?.first().ok_or(CUT)?;
            if shift > 63 {
                return Err(Damage("a number is too large"));
            }
            number |= u64::from(byte & 0x7f) << shift;
            shift += 7;
            if byte & 0x80 == 0 {
                return Ok(number);
            }
        }
    }

    pub(super) fn signed(&mut self) -> Result<i64, Damage> {
        let number = self.number()?;
        Ok((number >> 1).cast_signed() ^ -((number & 1).cast_signed()))
    }

    /// A number of rows or bytes.
    pub(super) fn size(&mut self, most: usize) -> Result<usize, Damage> {
        let number = usize::try_from(self.number()?).unwrap_or(usize::MAX);
        if number <= most { Ok(number) } else { Err(Damage("a number is too large")) }
    }

    pub(super) fn strings(&mut self, number: usize) -> Result<Strings, Damage> {
        let (mut ends, mut end) = (Vec::new(), 0_usize);
        for _ in 0..number {
            end = end.saturating_add(self.size(MOST_BYTES)?);
            ends.push(end);
        }
        let text = std::str::from_utf8(self.take(end)?).map_err(|_| Damage("a text is not UTF-8"))?;
        Ok(Strings { text: text.to_owned(), ends })
    }

    /// Texts of which there are so many at the most, and one at least; their number comes first.
    pub(super) fn strings_at_most(&mut self, most: usize) -> Result<Strings, Damage> {
        match self.size(most)? {
            0 => Err(Damage("a column is empty")),
            number => self.strings(number),
        }
    }

    pub(super) fn end(&self) -> Result<(), Damage> {
        if self.0.is_empty() { Ok(()) } else { Err(Damage("something follows it")) }
    }
}
