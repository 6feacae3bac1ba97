//! tar: V7, ustar, pax (POSIX.1-2001) and GNU, with the tolerance of GNU tar.

mod header;
#[cfg(test)]
mod tests;

use super::Format;
use super::bytes::{link_escapes, link_finding, until_nul, utf8_or_cp437};
use crate::{Content, Member, OpenError, Parts};
use header::{BLOCK, Header, number};
use lazaret_model::Role;
use std::io::{self, Read};

/// The opener.
pub struct Tar;

/// Bytes of a long name or a pax header that are read.
const MOST_META: u64 = 1 << 20;
/// Blocks that are searched for the next header after damage.
const MOST_SEARCHED: u64 = 1 << 16;
/// Pieces of a sparse file.
const MOST_PIECES: usize = 1 << 16;

impl Format for Tar {
    fn id(&self) -> &'static str {
        "tar"
    }

    fn kinds(&self) -> &'static [&'static str] {
        &["tar"]
    }

    fn summary(&self) -> &'static str {
        "V7, ustar, pax and GNU, sparse files included; volumes that continue another are incomplete"
    }

    fn open(&self, input: &Content, parts: &mut Parts<'_, '_>) -> Result<(), OpenError> {
        let mut at = 0;
        let mut members = 0u64;
        let mut next = Extended::default();
        let mut global = Extended::default();
        let mut ended = false;
        while at < input.len() {
            parts.budget().check_time().map_err(OpenError::Limit)?;
            let block = input.window(at, BLOCK as usize)?.into_owned();
            if block.len() < BLOCK as usize {
                if block.iter().any(|byte| *byte != 0) {
                    parts.add_content(Member::unnamed(Role::Appended, "after-archive"), input.slice(at, u64::MAX))?;
                    parts.incomplete("it ends within a header");
                }
                break;
            }
            if block.iter().all(|byte| *byte == 0) {
                // The end; GNU tar with --ignore-zeros reads on, and so do archives joined with `cat`.
                ended = true;
                at += BLOCK;
                continue;
            }
            let Some(header) = Header::parse(&block) else {
                let found = search(input, at, parts)?;
                let rest = found.unwrap_or(input.len()) - at;
                if members == 0 && found.is_none() {
                    return Err(OpenError::malformed("there is no tar header", at));
                }
                if !ended || found.is_none() {
                    parts.add_content(Member::unnamed(Role::Appended, "between-members"), input.slice(at, rest))?;
                }
                if !ended {
                    parts.incomplete("a header is damaged, so what follows it was searched for");
                }
                at += rest;
                continue;
            };
            members += 1;
            ended = false;
            let data_at = at + BLOCK;
            let size = next.size.or(global.size).unwrap_or(header.size);
            let data = input.slice(data_at, size);
            at = data_at.saturating_add(size.div_ceil(BLOCK).saturating_mul(BLOCK));
            match header.kind {
                b'x' | b'X' => next.read_pax(&data, parts)?,
                b'g' => global.read_pax(&data, parts)?,
                b'L' => next.path = Some(long_text(&data)?),
                b'K' => next.link = Some(long_text(&data)?),
                _ => {
                    let extended = std::mem::take(&mut next).over(&global);
                    at = member(input, &header, extended, data_at, size, at, parts)?;
                }
            }
        }
        if members > 0 && !ended {
            parts.incomplete("it ends without the zero blocks that close an archive");
        }
        Ok(())
    }
}

/// Finds the next block that is a header.
fn search(input: &Content, from: u64, parts: &mut Parts<'_, '_>) -> Result<Option<u64>, OpenError> {
    for n in 1..MOST_SEARCHED {
        let at = from.saturating_add(n * BLOCK);
        if at >= input.len() {
            return Ok(None);
        }
        if n % 256 == 0 {
            parts.budget().check_time().map_err(OpenError::Limit)?;
        }
        if Header::parse(&input.window(at, BLOCK as usize)?).is_some_and(|header| header.exact) {
            return Ok(Some(at));
        }
    }
    Ok(None)
}

fn long_text(data: &Content) -> io::Result<Vec<u8>> {
    let text = data.window(0, usize::try_from(data.len().min(MOST_META)).unwrap_or(0))?;
    Ok(until_nul(&text).to_vec())
}

/// What pax and GNU headers say about the member that follows.
#[derive(Debug, Clone, Default)]
struct Extended {
    path: Option<Vec<u8>>,
    link: Option<Vec<u8>>,
    size: Option<u64>,
    /// GNU.sparse.*: version, true name, true size, map of offsets and lengths.
    sparse_major: Option<u64>,
    sparse_name: Option<Vec<u8>>,
    sparse_size: Option<u64>,
    sparse_map: Vec<u64>,
}

impl Extended {
    fn over(self, global: &Self) -> Self {
        Self {
            path: self.path.or_else(|| global.path.clone()),
            link: self.link.or_else(|| global.link.clone()),
            ..self
        }
    }

    /// `length key=value\n`, over and over (pax, extended header).
    fn read_pax(&mut self, data: &Content, parts: &mut Parts<'_, '_>) -> Result<(), OpenError> {
        if data.len() > MOST_META {
            parts.incomplete("a pax header is longer than is read");
        }
        let text = data.window(0, usize::try_from(data.len().min(MOST_META)).unwrap_or(0))?;
        let mut rest: &[u8] = &text;
        while let Some(space) = rest.iter().take(20).position(|byte| *byte == b' ') {
            let digits = rest.get(..space).unwrap_or_default();
            let Some(length) = decimal(digits).and_then(|n| usize::try_from(n).ok()) else { break };
            let Some(record) = rest.get(space + 1..length.min(rest.len())) else { break };
            rest = rest.get(length..).unwrap_or_default();
            let record = record.strip_suffix(b"\n").unwrap_or(record);
            let Some(equals) = record.iter().position(|byte| *byte == b'=') else { continue };
            let (key, value) = (record.get(..equals).unwrap_or_default(), record.get(equals + 1..).unwrap_or_default());
            match key {
                b"path" => self.path = Some(value.to_vec()),
                b"linkpath" => self.link = Some(value.to_vec()),
                b"size" => self.size = decimal(value),
                b"GNU.sparse.major" => self.sparse_major = decimal(value),
                b"GNU.sparse.name" => self.sparse_name = Some(value.to_vec()),
                b"GNU.sparse.size" | b"GNU.sparse.realsize" => self.sparse_size = decimal(value),
                b"GNU.sparse.offset" | b"GNU.sparse.numbytes" if self.sparse_map.len() < MOST_PIECES => {
                    self.sparse_map.extend(decimal(value));
                }
                b"GNU.sparse.map" => {
                    self.sparse_map = value.split(|b| *b == b',').take(MOST_PIECES).filter_map(decimal).collect();
                }
                _ => {}
            }
        }
        Ok(())
    }
}

fn decimal(digits: &[u8]) -> Option<u64> {
    std::str::from_utf8(digits).ok()?.trim().parse().ok()
}

/// Hands one member over; answers where the next header stands.
fn member(
    input: &Content,
    header: &Header,
    extended: Extended,
    data_at: u64,
    size: u64,
    mut next_at: u64,
    parts: &mut Parts<'_, '_>,
) -> Result<u64, OpenError> {
    let raw_name = extended.sparse_name.as_ref().or(extended.path.as_ref()).unwrap_or(&header.name);
    let name = utf8_or_cp437(raw_name);
    let mut member = Member::named(Role::Member, name.clone());
    if !header.exact {
        member = member.incomplete("the header's checksum is wrong");
    }
    let data = input.slice(data_at, size);
    if data.len() < size {
        member = member.incomplete("the archive ends before it does");
    }
    match header.kind {
        b'1' | b'2' => {
            let target = utf8_or_cp437(extended.link.as_ref().unwrap_or(&header.link));
            // A hard link counts from the top, a symbolic one from its own folder.
            let from = if header.kind == b'1' { "x" } else { &name };
            if link_escapes(from, &target) {
                parts.finding(link_finding("tar", &name, &target));
            }
            // pax allows data with a hard link.
            return if size > 0 { parts.add_content(member, data).map(|()| next_at) } else { Ok(next_at) };
        }
        b'3' | b'4' | b'6' | b'V' => return Ok(next_at),
        // GNU dump directories hold names only.
        b'5' | b'D' if size == 0 || header.kind == b'D' => return Ok(next_at),
        b'M' => member = member.incomplete("it begins in another volume, which was not given"),
        _ => {}
    }
    let mut map: Vec<u64> = extended.sparse_map.clone();
    let mut real_size = extended.sparse_size.unwrap_or(size);
    let mut content = data;
    if header.kind == b'S' {
        // GNU 1.x sparse header: four pieces, and more in blocks before the data.
        real_size = header.sparse_size;
        map.clone_from(&header.sparse_map);
        let mut more = header.sparse_more;
        let mut at = data_at;
        while more {
            parts.budget().check_time().map_err(OpenError::Limit)?;
            let block = input.window(at, BLOCK as usize)?.into_owned();
            if block.len() < BLOCK as usize || map.len() >= MOST_PIECES {
                member = member.incomplete("its map of holes is damaged");
                break;
            }
            map.extend(block.as_chunks::<12>().0.iter().take(42).filter(|f| f[0] != 0).filter_map(|f| number(f)));
            more = block.get(504).is_some_and(|byte| *byte != 0);
            at += BLOCK;
        }
        next_at = at.saturating_add(size.div_ceil(BLOCK).saturating_mul(BLOCK));
        content = input.slice(at, size);
    } else if extended.sparse_major == Some(1) {
        // Sparse format 1.0: the map is text at the start of the data, padded to a block.
        let text = content.window(0, 1 << 20)?;
        let mut lines = text.split(|byte| *byte == b'\n');
        let count = lines.next().and_then(decimal).and_then(|n| usize::try_from(n).ok()).unwrap_or(0);
        let mut used = 0usize;
        let count = count.saturating_mul(2).min(MOST_PIECES) + 1;
        for (n, line) in text.split(|byte| *byte == b'\n').take(count).enumerate() {
            used += line.len() + 1;
            if n > 0 {
                map.extend(decimal(line));
            }
        }
        let skip = (used as u64).div_ceil(BLOCK) * BLOCK;
        drop(text);
        content = content.slice(skip, u64::MAX);
    }
    if map.is_empty() {
        parts.add_content(member, content)?;
    } else {
        let mut sparse = Sparse { data: content, map, piece: 0, at: 0, used: 0, size: real_size };
        parts.add(member, &mut sparse)?;
    }
    Ok(next_at)
}

/// A file with holes, as it is once unpacked. Holes longer than a piece of evidence needs are what the budget is for.
struct Sparse {
    data: Content,
    map: Vec<u64>,
    piece: usize,
    at: u64,
    used: u64,
    size: u64,
}

impl Read for Sparse {
    fn read(&mut self, out: &mut [u8]) -> io::Result<usize> {
        loop {
            let left = self.size.saturating_sub(self.at);
            let (Some(offset), Some(length)) =
                (self.map.get(self.piece).copied(), self.map.get(self.piece + 1).copied())
            else {
                return Ok(zeros(out, left, &mut self.at));
            };
            if self.at < offset {
                return Ok(zeros(out, left.min(offset - self.at), &mut self.at));
            }
            let done = self.at - offset;
            if done >= length {
                self.piece += 2;
                self.used = self.used.saturating_add(length);
                continue;
            }
            let most = usize::try_from((length - done).min(out.len() as u64)).unwrap_or(out.len());
            let bytes = self.data.window(self.used.saturating_add(done), most)?;
            if bytes.is_empty() {
                return Err(io::Error::new(io::ErrorKind::UnexpectedEof, "the data of a sparse file ends early"));
            }
            if let Some(slot) = out.get_mut(..bytes.len()) {
                slot.copy_from_slice(&bytes);
            }
            self.at += bytes.len() as u64;
            return Ok(bytes.len());
        }
    }
}

fn zeros(out: &mut [u8], most: u64, at: &mut u64) -> usize {
    let n = usize::try_from(most).unwrap_or(usize::MAX).min(out.len());
    out.iter_mut().take(n).for_each(|byte| *byte = 0);
    *at = at.saturating_add(n as u64);
    n
}
