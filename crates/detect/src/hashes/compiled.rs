//! One list in a form that is looked up where it lies, whatever its size: nothing of it is loaded.
//!
//! All numbers are little-endian. [`MAGIC`]; for SHA-256, SHA-1 and MD5 each the bits of its index, its number of hashes and where
//! it begins, then the number of labels, where their ends and where their texts begin, and the length of all: 13 × 8 bytes.
//! A table of hashes is an index by their first bits, of which each entry of 4 bytes says how many hashes come before, with one
//! entry more; behind it the hashes in ascending order, each followed by the number of its label in 4 bytes. The ends of labels
//! are 8 bytes each.

use super::Hashes;
use std::io::{self, Write};

const MAGIC: &[u8; 8] = b"LZHASH\x00\x01";
/// Bytes before the first table.
const HEADER: usize = 8 + 13 * 8;
/// Bits of the largest index.
const MOST_BITS: u32 = 16;
/// Hashes of one kind in one list.
const MOST_HASHES: usize = u32::MAX as usize;
/// Bytes of hashes, in the order of their tables.
const WIDTHS: [usize; 3] = [32, 20, 16];

/// Where things are in a compiled list.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Layout {
    tables: [Table; 3],
    labels: usize,
    ends: usize,
    texts: usize,
}

#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
struct Table {
    bits: u32,
    hashes: usize,
    start: usize,
}

impl Table {
    fn index_bytes(&self) -> usize {
        if self.hashes == 0 { 0 } else { ((1 << self.bits) + 1) * 4 }
    }

    fn end(&self, width: usize) -> Option<usize> {
        self.hashes.checked_mul(width + 4)?.checked_add(self.start)?.checked_add(self.index_bytes())
    }
}

impl Layout {
    /// Reads the header of a list; nothing where it is not one, or not all of it.
    pub(super) fn of(bytes: &[u8]) -> Option<Self> {
        // LIMIT: what is shorter is no list.
        let numbers = bytes.strip_prefix(MAGIC)?.get(..HEADER - MAGIC.len())?;
        let mut numbers = numbers.chunks_exact(8).map(|number| {
            number.try_into().ok().map(u64::from_le_bytes).and_then(|number| usize::try_from(number).ok())
        });
        let mut number = || numbers.next().flatten();
        let mut layout = Self::default();
        let mut at = HEADER;
        for (table, width) in layout.tables.iter_mut().zip(WIDTHS) {
            // LIMIT: what has more is no list.
            let bits = u32::try_from(number()?).ok().filter(|bits| *bits <= MOST_BITS)?;
            *table = Table { bits, hashes: number()?, start: number()? };
            if table.start != at {
                return None;
            }
            at = table.end(width)?;
        }
        (layout.labels, layout.ends, layout.texts) = (number()?, number()?, number()?);
        let texts = layout.labels.checked_mul(8)?.checked_add(layout.ends)?;
        let whole = layout.ends == at && layout.texts == texts && number()? == bytes.len() && texts <= bytes.len();
        whole.then_some(layout)
    }

    /// How many hashes there are of each kind: SHA-256, SHA-1, MD5.
    pub(super) fn numbers(&self) -> [usize; 3] {
        self.tables.map(|table| table.hashes)
    }

    /// The label of a hash that is in the list.
    pub(super) fn look_up<'b>(&self, bytes: &'b [u8], hash: &[u8]) -> Option<&'b str> {
        let (table, width) = self.tables.iter().zip(WIDTHS).find(|(_, width)| *width == hash.len())?;
        if table.hashes == 0 {
            return None;
        }
        let index = bytes.get(table.start..)?.get(..table.index_bytes())?;
        let before = |entry: usize| {
            let bytes = index.get(entry.checked_mul(4)?..)?.first_chunk()?;
            usize::try_from(u32::from_le_bytes(*bytes)).ok()
        };
        let entry = first_bits(hash, table.bits);
        let (from, to) = (before(entry)?, before(entry + 1)?);
        let row = width + 4;
        let rows = bytes.get(table.start + table.index_bytes()..)?;
        let rows = rows.get(from.checked_mul(row)?..to.checked_mul(row)?)?;
        let (mut low, mut high) = (0, rows.len() / row);
        while low < high {
            let middle = low + (high - low) / 2;
            let found = rows.get(middle * row..)?.get(..row)?;
            let (known, label) = found.split_at_checked(width)?;
            match known.cmp(hash) {
                std::cmp::Ordering::Less => low = middle + 1,
                std::cmp::Ordering::Greater => high = middle,
                std::cmp::Ordering::Equal => return self.label(bytes, u32::from_le_bytes(*label.first_chunk()?)),
            }
        }
        None
    }

    /// A label by its number.
    fn label<'b>(&self, bytes: &'b [u8], number: u32) -> Option<&'b str> {
        let ends = bytes.get(self.ends..self.texts)?;
        let end = |at: usize| usize::try_from(u64::from_le_bytes(*ends.get(at * 8..)?.first_chunk()?)).ok();
        let number = usize::try_from(number).ok()?;
        let from = if number == 0 { 0 } else { end(number - 1)? };
        // What is no text any more is a hash that is known all the same.
        Some(bytes.get(self.texts..)?.get(from..end(number)?).and_then(|text| str::from_utf8(text).ok()).unwrap_or(""))
    }
}

/// The number that a hash's first bits make.
fn first_bits(hash: &[u8], bits: u32) -> usize {
    let first = hash.first_chunk().map_or(0, |first| u32::from_be_bytes(*first));
    first.checked_shr(32 - bits).map_or(0, |first| first as usize)
}

/// Writes a list.
pub(super) fn write(hashes: Hashes, out: &mut dyn Write) -> io::Result<()> {
    let Hashes { sha256, sha1, md5, labels, ends } = hashes;
    let (sha256, sha1, md5) = (sorted(sha256), sorted(sha1), sorted(md5));
    let mut header = MAGIC.to_vec();
    let mut number = |number: usize| header.extend((number as u64).to_le_bytes());
    let mut at = HEADER;
    let mut bits_of = [0; 3];
    for ((hashes, width), bits) in [sha256.len(), sha1.len(), md5.len()].into_iter().zip(WIDTHS).zip(&mut bits_of) {
        if hashes > MOST_HASHES {
            return Err(io::Error::other(format!("it holds more than {MOST_HASHES} hashes of one kind")));
        }
        // An entry of the index for each 64 hashes.
        *bits = (hashes / 64).checked_ilog2().unwrap_or(0).min(MOST_BITS);
        let table = Table { bits: *bits, hashes, start: at };
        number(*bits as usize);
        number(hashes);
        number(at);
        at = table.end(width).ok_or_else(|| io::Error::other("it is too large"))?;
    }
    number(ends.len());
    number(at);
    number(at + ends.len() * 8);
    number(at + ends.len() * 8 + labels.len());
    out.write_all(&header)?;
    let [bits256, bits1, bits5] = bits_of;
    write_table(&sha256, bits256, out)?;
    write_table(&sha1, bits1, out)?;
    write_table(&md5, bits5, out)?;
    for end in ends {
        out.write_all(&(end as u64).to_le_bytes())?;
    }
    out.write_all(labels.as_bytes())
}

/// In ascending order, each hash once, with the label that came first.
fn sorted<const N: usize>(mut hashes: Vec<([u8; N], u32)>) -> Vec<([u8; N], u32)> {
    hashes.sort_unstable();
    hashes.dedup_by_key(|(hash, _)| *hash);
    hashes
}

fn write_table<const N: usize>(hashes: &[([u8; N], u32)], bits: u32, out: &mut dyn Write) -> io::Result<()> {
    if hashes.is_empty() {
        return Ok(());
    }
    let mut before = 0_u32;
    let mut rest = hashes.iter().peekable();
    for entry in 0..=(1_usize << bits) {
        while rest.next_if(|(hash, _)| first_bits(hash, bits) < entry).is_some() {
            before += 1;
        }
        out.write_all(&before.to_le_bytes())?;
    }
    for (hash, label) in hashes {
        out.write_all(hash)?;
        out.write_all(&label.to_le_bytes())?;
    }
    Ok(())
}
