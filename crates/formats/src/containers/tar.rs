//! tar: V7, ustar, pax (POSIX.1-2001) and GNU, with the tolerance of GNU tar.

mod header;
#[cfg(test)]
mod tests;

use super::Format;
use super::bytes::{link_escapes, link_finding, link_renames, until_nul, utf8_or_cp437};
use crate::{Content, Member, OpenError, Parts};
use header::{BLOCK, Header, number};
use lazaret_model::Role;
use std::borrow::Cow;
use std::io::{self, Read};

/// The opener.
pub struct Tar;

/// Bytes of a long name or a pax header that are read.
const MOST_META: u64 = 1 << 20;
/// Bytes in front of a sparse file's data that are read for its map.
const MOST_MAP: usize = 16 << 20;
/// Bytes that are searched at a time for the next header after damage.
const WINDOW: u64 = 1 << 20;
/// Numbers in the map of a sparse file: an offset and a length for every piece.
const MOST_NUMBERS: usize = 1 << 20;
/// Said where a sparse file has more.
const MORE_PIECES: &str = "its map of holes has more than 524,288 pieces, and only so many are read";

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
        let (mut ended, mut pending) = (false, false);
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
                parts.add_content(Member::unnamed(Role::Appended, "between-members"), input.slice(at, rest))?;
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
            pending = matches!(header.kind, b'x' | b'X' | b'L' | b'K');
            match header.kind {
                b'x' | b'X' => next.read_pax(&data, parts)?,
                b'g' => global.read_pax(&data, parts)?,
                b'L' => next.path = Some(long_text(&data, parts)?),
                b'K' => next.link = Some(long_text(&data, parts)?),
                _ => {
                    // What is said for all members is copied for each.
                    let shared = global.path.as_ref().map_or(0, Vec::len) + global.link.as_ref().map_or(0, Vec::len);
                    parts.budget().step(shared as u64).map_err(OpenError::Limit)?;
                    let extended = std::mem::take(&mut next).over(&global);
                    at = member(input, &header, extended, data_at, size, at, parts)?;
                }
            }
        }
        // Programs read an archive whose last member is its end; what ends elsewhere was cut.
        if members > 0 && !ended && (pending || at != input.len()) {
            parts.incomplete("it ends without the zero blocks that close an archive");
        }
        Ok(())
    }
}

/// Finds the next block that is a header.
fn search(input: &Content, from: u64, parts: &mut Parts<'_, '_>) -> Result<Option<u64>, OpenError> {
    let mut at = from.saturating_add(BLOCK);
    while at < input.len() {
        parts.budget().check_time().map_err(OpenError::Limit)?;
        let window = input.window(at, WINDOW as usize)?;
        let is_header = |block: &[u8]| Header::parse(block).is_some_and(|header| header.exact);
        if let Some(place) = window.chunks(BLOCK as usize).position(is_header) {
            return Ok(Some(at + place as u64 * BLOCK));
        }
        at += WINDOW;
    }
    Ok(None)
}

/// The text in a header of GNU; what is longer than is read is said.
fn long_text(data: &Content, parts: &mut Parts<'_, '_>) -> Result<Vec<u8>, OpenError> {
    Ok(until_nul(&meta(data, "a long name", parts)?).to_vec())
}

/// The bytes of what describes a member.
fn meta<'d>(data: &'d Content, what: &str, parts: &mut Parts<'_, '_>) -> Result<Cow<'d, [u8]>, OpenError> {
    if data.len() > MOST_META {
        parts.incomplete(format!("{what} has more than {MOST_META} bytes, and only so many are read"));
    }
    Ok(data.window(0, MOST_META as usize)?)
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
    more_pieces: bool,
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
        let text = meta(data, "a pax header", parts)?;
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
                b"GNU.sparse.offset" | b"GNU.sparse.numbytes" => self.keep_pieces(decimal(value)),
                b"GNU.sparse.map" => {
                    (self.sparse_map, self.more_pieces) = (Vec::new(), false);
                    self.keep_pieces(value.split(|b| *b == b',').filter_map(decimal));
                }
                _ => {}
            }
        }
        if data.len() <= MOST_META && rest.iter().any(|byte| *byte != 0) {
            parts.incomplete("a pax header is damaged, and read only so far");
        }
        Ok(())
    }

    fn keep_pieces(&mut self, numbers: impl IntoIterator<Item = u64>) {
        for number in numbers {
            if self.sparse_map.len() >= MOST_NUMBERS {
                self.more_pieces = true;
                return;
            }
            self.sparse_map.push(number);
        }
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
            if size > 0 {
                parts.add_content(member, data)?;
            } else if link_renames(&name, &target) {
                parts.add(member, &mut target.as_bytes())?;
            }
            return Ok(next_at);
        }
        // By rule none has data, but for the names in a GNU dump directory; programs differ in what they make of some.
        b'3' | b'4' | b'5' | b'6' | b'D' | b'V' if size == 0 => return Ok(next_at),
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
            if block.len() < BLOCK as usize {
                member = member.incomplete("its map of holes is damaged");
                break;
            }
            if map.len() >= MOST_NUMBERS {
                member = member.incomplete(MORE_PIECES);
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
        let text = content.window(0, MOST_MAP)?;
        let mut lines = text.split(|byte| *byte == b'\n');
        let first = lines.next().unwrap_or_default();
        let count = decimal(first).and_then(|n| usize::try_from(n).ok()).unwrap_or(0).saturating_mul(2);
        if count > MOST_NUMBERS {
            member = member.incomplete(MORE_PIECES);
        }
        let count = count.min(MOST_NUMBERS);
        let mut used = first.len() + 1;
        let (known, mut read) = (map.len(), 0);
        for line in lines.take(count) {
            used += line.len() + 1;
            read += 1;
            map.extend(decimal(line));
        }
        if read < count || map.len() - known < read {
            member = member.incomplete("its map of holes is damaged");
        }
        let skip = (used as u64).div_ceil(BLOCK) * BLOCK;
        drop(text);
        content = content.slice(skip, u64::MAX);
    }
    if extended.more_pieces {
        member = member.incomplete(MORE_PIECES);
    }
    if map.is_empty() {
        parts.add_content(member, content)?;
    } else {
        let (pieces, _) = map.as_chunks::<2>();
        if pieces.iter().fold(0u64, |sum, [_, length]| sum.saturating_add(*length)) < content.len() {
            member = member.incomplete("its map of holes has no place for some of its data");
        }
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
