//! compress (.Z): LZW with codes of up to 16 bits, as by `compress` 4.

use super::Format;
use crate::{Content, ContentReader, OpenError, Parts};
use std::io::{self, Read};

/// The opener.
pub struct Compress;

impl Format for Compress {
    fn id(&self) -> &'static str {
        "compress"
    }

    fn kinds(&self) -> &'static [&'static str] {
        &["compress"]
    }

    fn summary(&self) -> &'static str {
        "LZW of 9 to 16 bits, with and without block mode"
    }

    fn open(&self, input: &Content, parts: &mut Parts<'_, '_>) -> Result<(), OpenError> {
        let member = super::streams::member_of(parts.part(), &[".z"]);
        let mut reader = input.reader();
        let mut header = [0; 3];
        reader.read_exact(&mut header)?;
        let [0x1f, 0x9d, flags] = header else { return Err(OpenError::malformed("this is not a .Z file", 0)) };
        let most_bits = u32::from(flags & 31);
        if !(9..=16).contains(&most_bits) {
            return Err(OpenError::malformed("codes of this width do not exist", 2));
        }
        parts.add(member, &mut Lzw::new(reader, most_bits, flags & 0x80 != 0))
    }
}

/// Resets the table in block mode.
const CLEAR: u32 = 256;

struct Lzw {
    input: ContentReader,
    most_bits: u32,
    block_mode: bool,
    bits: u32,
    /// Codes are read in groups of eight, so that a change of width begins at a multiple of `bits` bytes.
    group: Vec<u8>,
    group_at: u32,
    prefix: Vec<u16>,
    suffix: Vec<u8>,
    previous: Option<u32>,
    first: u8,
    ready: Vec<u8>,
}

impl Lzw {
    fn new(input: ContentReader, most_bits: u32, block_mode: bool) -> Self {
        Self {
            input,
            most_bits,
            block_mode,
            bits: 9,
            group: Vec::new(),
            group_at: 0,
            prefix: Vec::new(),
            suffix: Vec::new(),
            previous: None,
            first: 0,
            ready: Vec::new(),
        }
    }

    /// Codes below this one exist without a table.
    fn base(&self) -> u32 {
        if self.block_mode { 257 } else { 256 }
    }

    fn next_code(&mut self) -> io::Result<Option<u32>> {
        if (self.group.len() as u32 * 8).saturating_sub(self.group_at) < self.bits {
            self.group.clear();
            self.group_at = 0;
            let bits = u64::from(self.bits);
            self.input.by_ref().take(bits).read_to_end(&mut self.group)?;
            if (self.group.len() as u32 * 8) < self.bits {
                return Ok(None);
            }
        }
        let at = (self.group_at / 8) as usize;
        let byte = |i: usize| u32::from(self.group.get(at + i).copied().unwrap_or_default());
        let word = byte(0) | byte(1) << 8 | byte(2) << 16;
        let code = (word >> (self.group_at % 8)) & ((1 << self.bits) - 1);
        self.group_at += self.bits;
        Ok(Some(code))
    }

    fn widen(&mut self, bits: u32) {
        self.bits = bits;
        self.group.clear();
        self.group_at = 0;
    }

    /// Decodes one code into `ready`, in reverse; false at the end.
    fn step(&mut self) -> io::Result<bool> {
        let Some(code) = self.next_code()? else { return Ok(false) };
        if self.block_mode && code == CLEAR {
            self.prefix.clear();
            self.suffix.clear();
            self.previous = None;
            self.widen(9);
            return Ok(true);
        }
        let next = self.base() + self.prefix.len() as u32;
        let broken = || io::Error::new(io::ErrorKind::InvalidData, "a code that does not exist yet");
        let Some(previous) = self.previous else {
            // The first code is a byte.
            self.first = u8::try_from(code).map_err(|_| broken())?;
            self.previous = Some(code);
            self.ready.push(self.first);
            return Ok(true);
        };
        let mut walk = code;
        if code >= next {
            if code > next {
                return Err(broken());
            }
            self.ready.push(self.first);
            walk = previous;
        }
        while walk >= self.base() {
            let index = (walk - self.base()) as usize;
            self.ready.push(*self.suffix.get(index).ok_or_else(broken)?);
            walk = u32::from(*self.prefix.get(index).ok_or_else(broken)?);
        }
        self.first = u8::try_from(walk).map_err(|_| broken())?;
        self.ready.push(self.first);
        if next < 1 << self.most_bits {
            self.prefix.push(previous as u16);
            self.suffix.push(self.first);
            if next + 1 == 1 << self.bits && self.bits < self.most_bits {
                self.widen(self.bits + 1);
            }
        }
        self.previous = Some(code);
        Ok(true)
    }
}

impl Read for Lzw {
    fn read(&mut self, out: &mut [u8]) -> io::Result<usize> {
        let mut n = 0;
        while n < out.len() {
            if let Some(byte) = self.ready.pop() {
                if let Some(slot) = out.get_mut(n) {
                    *slot = byte;
                }
                n += 1;
            } else if !self.step()? {
                break;
            }
        }
        Ok(n)
    }
}

#[cfg(test)]
mod tests {
    use crate::testing::walk_with;
    use std::collections::HashMap;

    /// `compress -b 16`, block mode, with the same change of width and padding as the decoder expects.
    fn compress(plain: &[u8]) -> Vec<u8> {
        let mut out = vec![0x1f, 0x9d, 0x90];
        let (mut group, mut used, mut bits) = (Vec::new(), 0u32, 9u32);
        let mut put = |code: u32, bits: u32, widens: bool, last: bool, out: &mut Vec<u8>| {
            group.resize(bits as usize, 0u8);
            for i in 0..bits {
                if code >> i & 1 == 1 {
                    group[((used + i) / 8) as usize] |= 1 << ((used + i) % 8);
                }
            }
            used += bits;
            if used == bits * 8 || widens || last {
                let kept = if last { used.div_ceil(8) as usize } else { group.len() };
                out.extend(&group[..kept]);
                group.clear();
                used = 0;
            }
        };
        let mut table: HashMap<Vec<u8>, u32> = (0..256).map(|b| (vec![b as u8], b)).collect();
        let (mut current, mut next) = (Vec::new(), 257u32);
        let mut emitted = 0;
        for (i, byte) in plain.iter().enumerate() {
            let mut longer = current.clone();
            longer.push(*byte);
            if table.contains_key(&longer) {
                current = longer;
            } else {
                // The decoder's table is one entry behind.
                let widens = emitted > 0 && next == 1 << bits && bits < 16;
                put(table[&current], bits, widens, false, &mut out);
                if widens {
                    bits += 1;
                }
                emitted += 1;
                if next < 1 << 16 {
                    table.insert(longer, next);
                    next += 1;
                }
                current = vec![*byte];
            }
            if i + 1 == plain.len() {
                put(table[&current], bits, false, true, &mut out);
            }
        }
        out
    }

    #[test]
    fn codes_of_growing_width_are_read() {
        for plain in [
            b"LAZARET-MARKER aaaaaaaaaaaaaaaaaaaaaaaaa".to_vec(),
            (0..60_000u32).map(|i| (i.wrapping_mul(2_654_435_761) >> 25) as u8).collect(),
        ] {
            let recorded = walk_with(compress(&plain), "a.Z", Some("compress"), &[], lazaret_model::Limits::default());
            let found = recorded.bytes("//a");
            assert_eq!(found.len(), plain.len());
            assert!(found == plain);
        }
    }

    #[test]
    fn a_code_from_nowhere_makes_it_incomplete() {
        let recorded =
            walk_with(vec![0x1f, 0x9d, 0x90, 0xff, 0xff, 0xff], "a.Z", Some("compress"), &[], Default::default());
        assert!(!recorded.complete());
    }
}
