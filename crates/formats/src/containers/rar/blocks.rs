//! The chain of RAR blocks, followed without decoding, to save what can be saved of a cut archive.

use crate::containers::bytes::{u16_le, u32_le};
use crate::{Content, ContentReader, OpenError, Parts};
use std::io::{self, Read, Seek, SeekFrom};

/// Bytes that a cut archive may be lengthened by, with zeros.
const MOST_MISSING: u64 = 8 << 30;

/// An archive of a chosen length: shorter than its bytes, or longer and filled up with zeros.
#[derive(Debug)]
pub(super) struct View {
    pub(super) reader: ContentReader,
    pub(super) len: u64,
}

impl Read for View {
    fn read(&mut self, out: &mut [u8]) -> io::Result<usize> {
        let at = self.reader.position();
        let most = usize::try_from(self.len.saturating_sub(at)).unwrap_or(usize::MAX).min(out.len());
        let Some(out) = out.get_mut(..most) else { return Ok(0) };
        let n = self.reader.read(out)?;
        if n == 0 && most > 0 {
            out.fill(0);
            self.reader.seek(SeekFrom::Current(most as i64))?;
            return Ok(most);
        }
        Ok(n)
    }
}

impl Seek for View {
    fn seek(&mut self, to: SeekFrom) -> io::Result<u64> {
        let to = match to {
            SeekFrom::End(by) => {
                let target = self.len.checked_add_signed(by);
                SeekFrom::Start(target.ok_or_else(|| io::Error::from(io::ErrorKind::InvalidInput))?)
            }
            other => other,
        };
        self.reader.seek(to)
    }
}

/// What following the blocks shows.
#[derive(Debug, Clone, Copy)]
pub(super) struct Chain {
    /// Where the last block ends that can be followed; its data may have to be filled up.
    pub(super) length: u64,
    /// Blocks followed.
    pub(super) blocks: u32,
    /// The last one is the block that closes an archive.
    pub(super) closed: bool,
}

/// Follows the blocks, at most as many as are `left` for all that is tried in one file: chains that begin everywhere and run together
/// are not followed over and over. One that is given up is not closed.
pub(super) fn follow(input: &Content, left: &mut u64, parts: &mut Parts<'_, '_>) -> Result<Chain, OpenError> {
    let signature = input.window(0, 8)?.into_owned();
    let five = signature.ends_with(b"\x07\x01\x00");
    let mut at = if five { 8 } else { 7 };
    let mut blocks = 0;
    let mut closed = false;
    while at < input.len() && !closed && *left > 0 {
        *left -= 1;
        parts.budget().step(256).map_err(OpenError::Limit)?;
        let block = input.window(at, 64)?.into_owned();
        let end = if five { block5(&block) } else { block4(&block) };
        let Some((kind, header, data)) = end else { break };
        let Some(header_end) = at.checked_add(header).filter(|end| *end <= input.len()) else { break };
        let Some(end) = header_end.checked_add(data) else { break };
        if end > input.len().saturating_add(MOST_MISSING) {
            break;
        }
        blocks += 1;
        at = end;
        closed = kind == if five { 5 } else { 0x7b };
    }
    Ok(Chain { length: at, blocks, closed })
}

/// RAR 5 block: CRC, header size, type, flags, extra size, data size; numbers of variable length.
fn block5(block: &[u8]) -> Option<(u64, u64, u64)> {
    let mut at = 4;
    let mut number = || {
        let mut value = 0u64;
        for shift in (0..63).step_by(7) {
            let byte = *block.get(at)?;
            at += 1;
            value |= u64::from(byte & 0x7f) << shift;
            if byte & 0x80 == 0 {
                return Some((value, at));
            }
        }
        None
    };
    let (size, after_size) = number()?;
    let (kind, _) = number()?;
    let (flags, _) = number()?;
    if flags & 1 != 0 {
        number()?;
    }
    let data = if flags & 2 != 0 { number()?.0 } else { 0 };
    (size > 0 && size <= 2 << 20).then_some((kind, after_size as u64 + size, data))
}

/// RAR 1.5 to 4 block: CRC, type, flags, size, and the data's size where there is data.
fn block4(block: &[u8]) -> Option<(u64, u64, u64)> {
    let kind = *block.get(2)?;
    let flags = u16_le(block, 3)?;
    let size = u64::from(u16_le(block, 5)?);
    let mut data = 0;
    if flags & 0x8000 != 0 || kind == 0x74 || kind == 0x7a {
        data = u64::from(u32_le(block, 7)?);
        if flags & 0x100 != 0 && (kind == 0x74 || kind == 0x7a) {
            data |= u64::from(u32_le(block, 32)?) << 32;
        }
    }
    ((0x72..=0x7b).contains(&kind) && size >= 7).then_some((u64::from(kind), size, data))
}
