//! What is in a ZIP file: every central directory and every local header, however they disagree (APPNOTE 6.3.10).

use super::entry::{Entry, Listed, apply_extra, plausible, spelled};
use super::member::{Cipher, Counted, with_reader};
use crate::containers::bytes::{u16_le, u32_le, u64_le, utf8_or_cp437};
use crate::{Budget, Content, OpenError, Parts};
use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};
use std::io::Read as _;

/// Bytes looked through at a time for signatures.
const CHUNK: u64 = 1 << 20;
/// Signatures of each sort that are remembered.
const MOST_HITS: usize = 250_000;
/// Bytes of names that are kept.
const MOST_NAME_BYTES: usize = 32 << 20;
/// Plain bytes of a member that are decoded to see whether headers belong to it.
const MOST_DECODED: u64 = 64 << 20;
/// Headers in one member's data for which that is tried; all others count as headers of this archive.
const MOST_TRIES: usize = 4;
/// Bytes of comments that are searched for passwords.
const MOST_COMMENTS: usize = 256 << 10;
/// Said where one of these limits is reached.
const MORE_HEADERS: &str = "it has more than 250,000 headers of one sort, and only so many are looked at";
const MORE_MEMBERS: &str = "it has more than 250,000 members, and only so many are looked at";
const MORE_NAMES: &str = "the names of its members come to more than 32 MiB, and only so many are looked at";

/// Everything found.
#[derive(Debug, Default)]
pub(crate) struct Structure {
    pub(crate) members: Vec<Listed>,
    pub(crate) directories: usize,
    pub(crate) end_records: usize,
    pub(crate) multi_volume: bool,
    /// Comments of the archive and of members (4.4.26 and 4.4.18), which may tell the password.
    pub(crate) comments: Vec<u8>,
    /// Why something was not looked at.
    pub(crate) left_out: BTreeSet<&'static str>,
    /// Bytes before the first local header and after the last record.
    pub(crate) first: u64,
    pub(crate) last: u64,
}

impl Structure {
    /// Keeps a comment. What has no room is no more than a guess less: what stays locked says so.
    fn keep_comment(&mut self, input: &Content, at: u64, length: usize) -> Result<(), OpenError> {
        let room = MOST_COMMENTS.saturating_sub(self.comments.len());
        if length > 0 && room > 0 {
            self.comments.extend_from_slice(&input.window(at, length.min(room))?);
            self.comments.push(b'\n');
        }
        Ok(())
    }
}

#[derive(Default)]
struct Hits {
    local: Vec<u64>,
    central: Vec<u64>,
    end: Vec<u64>,
    /// Data descriptors (4.3.9), by where the data would have to begin whose length they state.
    descriptor: HashMap<u64, u64>,
    overflow: bool,
}

/// Reads the structure of a whole file.
pub(crate) fn read(input: &Content, parts: &mut Parts<'_, '_>) -> Result<Structure, OpenError> {
    let hits = signatures(input, parts)?;
    let mut out = Structure { first: input.len(), ..Structure::default() };
    out.left_out.extend(hits.overflow.then_some(MORE_HEADERS));
    // More than may become parts: which of them deserve it is known only once all are.
    let most = MOST_HITS;
    let (covered, measured) = (BTreeMap::new(), HashMap::new());
    let mut reader = Reader { input, hits: &hits, covered, measured, seen: HashSet::new(), name_bytes: 0 };
    let mut walked = HashSet::new();
    // The last end record is the one that everything reads; those inside a stored member's data are that member's.
    for end_at in hits.end.iter().rev() {
        if reader.covers(*end_at) {
            continue;
        }
        parts.budget().check_time().map_err(OpenError::Limit)?;
        reader.end_record(*end_at, &mut walked, most, &mut out, parts)?;
    }
    // Directory entries that no end record leads to. What stands in one of them is part of its name.
    let mut behind = 0;
    for at in &hits.central {
        if *at >= behind && !walked.contains(at) && !reader.covers(*at) {
            let before = out.members.len();
            behind = reader.directory(*at, 0, &mut walked, most, &mut out, parts)?;
            out.directories += usize::from(out.members.len() > before);
        }
    }
    // Local headers that no directory lists: hidden members, or a directory that is missing.
    for at in &hits.local {
        if out.members.len() >= most {
            out.left_out.insert(MORE_MEMBERS);
            break;
        }
        if reader.seen.contains(at) || reader.covers(*at) {
            continue;
        }
        parts.budget().check_time().map_err(OpenError::Limit)?;
        let Some(entry) = reader.local(*at)?.filter(plausible) else { continue };
        parts.budget().step(entry.header_bytes()).map_err(OpenError::Limit)?;
        reader.name_bytes += entry.name_bytes();
        if reader.name_bytes > MOST_NAME_BYTES {
            out.left_out.insert(MORE_NAMES);
            break;
        }
        reader.cover(&entry, parts.budget());
        reader.seen.insert(*at);
        out.first = out.first.min(*at);
        out.last = out.last.max(entry.end());
        out.members.push(Listed { entry, other: None, differs: Vec::new(), unlisted: true, headless: false });
    }
    super::names::read(&mut out.members);
    Ok(out)
}

fn signatures(input: &Content, parts: &mut Parts<'_, '_>) -> Result<Hits, OpenError> {
    let (mut hits, mut descriptors) = (Hits::default(), Vec::new());
    let finder = memchr::memmem::Finder::new(b"PK");
    let mut at = 0;
    while at < input.len() {
        parts.budget().check_time().map_err(OpenError::Limit)?;
        // Three bytes more, so that a signature across the border is seen once.
        let window = input.window(at, CHUNK as usize + 3)?;
        for found in finder.find_iter(&window) {
            if found as u64 >= CHUNK {
                break;
            }
            let list = match window.get(found + 2..found + 4) {
                Some([1, 2]) => &mut hits.central,
                Some([3, 4]) => &mut hits.local,
                Some([5, 6]) => &mut hits.end,
                Some([7, 8]) => &mut descriptors,
                _ => continue,
            };
            if list.len() < MOST_HITS {
                list.push(at + found as u64);
            } else {
                hits.overflow = true;
            }
        }
        at += CHUNK;
    }
    for (index, at) in descriptors.into_iter().enumerate() {
        if index % 1024 == 0 {
            parts.budget().check_time().map_err(OpenError::Limit)?;
        }
        let record = input.window(at, 24)?;
        // Lengths of four bytes, or of eight (ZIP64). The first descriptor that fits is the one.
        for length in [u32_le(&record, 8).map(u64::from), u64_le(&record, 8)].into_iter().flatten() {
            if let Some(from) = at.checked_sub(length) {
                hits.descriptor.entry(from).or_insert(at);
            }
        }
    }
    Ok(hits)
}

struct Reader<'c> {
    input: &'c Content,
    hits: &'c Hits,
    /// Stored data of listed members, start to end: what stands there belongs to the member.
    covered: BTreeMap<u64, u64>,
    /// How much of packed data is read, by where it begins, how long it is and how it is packed: many members may name one.
    measured: HashMap<(u64, u64, u16), u64>,
    /// Local headers already read.
    seen: HashSet<u64>,
    name_bytes: usize,
}

impl Reader<'_> {
    fn covers(&self, at: u64) -> bool {
        self.covered.range(..=at).next_back().is_some_and(|(_, end)| at < *end)
    }

    /// Remembers the data of a member, so that headers in it are not taken for this archive's own.
    fn cover(&mut self, entry: &Entry, budget: &mut Budget) {
        if entry.streamed || entry.compressed == 0 {
            return;
        }
        let place = (entry.data_at, entry.compressed, entry.method);
        let length = match self.measured.get(&place) {
            _ if entry.method == 0 => entry.compressed,
            Some(known) => *known,
            None => {
                let length = self.decoded_length(entry, budget);
                self.measured.insert(place, length);
                length
            }
        };
        if length > 0 {
            let end = self.covered.entry(entry.data_at).or_insert(0);
            *end = entry.data_at.saturating_add(length).max(*end);
        }
    }

    /// Bytes of compressed data, up to the last header in it, that the member's decoder truly reads.
    ///
    /// An archive in an archive shows its headers through blocks that the compressor stored as they were. But a header
    /// may also stand behind the end of a stream that claims to be longer, where no decoder of this member gets to it.
    fn decoded_length(&self, entry: &Entry, budget: &mut Budget) -> u64 {
        let end = entry.data_at.saturating_add(entry.compressed);
        let within = |list: &[u64]| {
            let range = list.partition_point(|at| *at < entry.data_at)..list.partition_point(|at| *at < end);
            list.get(range).unwrap_or_default().to_vec()
        };
        let mut hits: Vec<u64> =
            [&self.hits.local, &self.hits.central, &self.hits.end].into_iter().flat_map(|list| within(list)).collect();
        hits.sort_unstable();
        let mut decodes = |compressed: u64| {
            if budget.exhausted().is_some() {
                return false;
            }
            let entry = Entry { compressed, ..entry.clone() };
            let mut counted = Counted(0);
            let copied = with_reader(self.input, &entry, &Cipher::Plain, budget, |data| {
                // LIMIT: a member that decodes to so much counts as not decoding: its headers stay suspicious, which is the safe side.
                std::io::copy(&mut data.take(MOST_DECODED), &mut counted)
            });
            // Nothing is kept of it. An exhausted budget shows when the next header is read.
            let _ = budget.step(compressed.saturating_add(counted.0.saturating_mul(4)));
            // LIMIT: as above.
            matches!(copied, Ok(Ok(length)) if length < MOST_DECODED)
        };
        // LIMIT: as above.
        if hits.is_empty() || entry.encrypted() || entry.size >= MOST_DECODED || !decodes(entry.compressed) {
            return 0;
        }
        let read = |hit: &&u64| !decodes(hit.saturating_sub(entry.data_at));
        // LIMIT: where none of the last ones is read, all headers stay suspicious, which is the safe side.
        hits.iter().rev().take(MOST_TRIES).find(read).map_or(0, |hit| hit + 4 - entry.data_at)
    }

    fn is_central(&self, at: u64) -> bool {
        self.hits.central.binary_search(&at).is_ok()
    }

    /// Follows one end record, with its ZIP64 companion (4.3.14 to 4.3.16), to every directory that it may mean.
    fn end_record(
        &mut self,
        end_at: u64,
        walked: &mut HashSet<u64>,
        most: usize,
        out: &mut Structure,
        parts: &mut Parts<'_, '_>,
    ) -> Result<(), OpenError> {
        let record = self.input.window(end_at, 22)?.into_owned();
        let (Some(disk), Some(size), Some(offset), Some(comment)) =
            (u16_le(&record, 4), u32_le(&record, 12), u32_le(&record, 16), u16_le(&record, 20))
        else {
            return Ok(());
        };
        out.end_records += 1;
        out.keep_comment(self.input, end_at.saturating_add(22), usize::from(comment))?;
        out.last = out.last.max((end_at + 22 + u64::from(comment)).min(self.input.len()));
        if disk != 0 && disk != u16::MAX {
            out.multi_volume = true;
        }
        let (size, offset) = (u64::from(size), u64::from(offset));
        let mut starts = vec![(end_at.wrapping_sub(size), end_at.wrapping_sub(size).wrapping_sub(offset)), (offset, 0)];
        if let Some(locator_at) = end_at.checked_sub(20) {
            let locator = self.input.window(locator_at, 20)?.into_owned();
            if locator.starts_with(b"PK\x06\x07") {
                let stated = u64_le(&locator, 8).unwrap_or_default();
                if u32_le(&locator, 16).is_some_and(|disks| disks > 1) {
                    out.multi_volume = true;
                }
                for at in [stated, locator_at.saturating_sub(56)] {
                    let record = self.input.window(at, 56)?.into_owned();
                    if record.starts_with(b"PK\x06\x06") {
                        let size = u64_le(&record, 40).unwrap_or_default();
                        let offset = u64_le(&record, 48).unwrap_or_default();
                        starts.push((at.wrapping_sub(size), at.wrapping_sub(size).wrapping_sub(offset)));
                        starts.push((offset, 0));
                    }
                }
            }
        }
        for (start, shift) in starts {
            if self.is_central(start) && !walked.contains(&start) {
                // A shift that wrapped means the record lies; the entries' own offsets may still be right.
                let shift = if shift > start { 0 } else { shift };
                out.directories += 1;
                self.directory(start, shift, walked, most, out, parts)?;
            }
        }
        Ok(())
    }

    /// Walks central headers from `at` for as long as they follow each other, whatever the count says; returns where they end.
    fn directory(
        &mut self,
        mut at: u64,
        shift: u64,
        walked: &mut HashSet<u64>,
        most: usize,
        out: &mut Structure,
        parts: &mut Parts<'_, '_>,
    ) -> Result<u64, OpenError> {
        while self.is_central(at) && walked.insert(at) {
            if out.members.len() >= most {
                out.left_out.insert(MORE_MEMBERS);
                return Ok(at);
            }
            let Some((entry, next, comment)) = self.central(at)? else { break };
            out.keep_comment(self.input, next.saturating_sub(comment as u64), comment)?;
            parts.budget().step(next.saturating_sub(at)).map_err(OpenError::Limit)?;
            at = next;
            out.last = out.last.max(at);
            out.multi_volume |= entry.elsewhere;
            self.name_bytes += entry.name_bytes();
            if self.name_bytes > MOST_NAME_BYTES {
                out.left_out.insert(MORE_NAMES);
                return Ok(at);
            }
            let listed = self.join(entry, shift, parts.budget())?;
            out.first = out.first.min(listed.entry.header_at);
            out.last = out.last.max(listed.entry.end().min(self.input.len()));
            out.members.push(listed);
        }
        Ok(at)
    }

    /// Finds the local header of a central one and compares the two.
    fn join(&mut self, mut entry: Entry, shift: u64, budget: &mut Budget) -> Result<Listed, OpenError> {
        let stated = entry.header_at;
        let mut local = None;
        for at in [stated.saturating_add(shift), stated] {
            if let Some(found) = self.local(at)? {
                local = Some(found);
                break;
            }
        }
        let Some(local) = local else {
            // The name's length is the best guess of the missing header's.
            entry.header_at = stated.saturating_add(shift);
            entry.data_at = entry.header_at.saturating_add(30 + entry.raw_name.len() as u64);
            return Ok(Listed { entry, other: None, differs: Vec::new(), unlisted: false, headless: true });
        };
        entry.header_at = local.header_at;
        entry.data_at = local.data_at;
        self.seen.insert(local.header_at);
        self.cover(&entry, budget);
        // Many may share a header; an exhausted budget shows at the next.
        let _ = budget.step(local.header_bytes());
        let mut differs = Vec::new();
        if local.raw_name != entry.raw_name && spelled(&local) != spelled(&entry) {
            differs.push("name");
        }
        if local.method != entry.method {
            differs.push("method");
        }
        if local.encrypted() != entry.encrypted() {
            differs.push("flags");
        }
        // With a data descriptor the local sizes are zero or not yet known (4.4.4, bit 3): an honest difference.
        let unknown = local.streamed || (local.flags & 8 != 0 && local.compressed == 0);
        if !unknown && (local.compressed != entry.compressed || local.size != entry.size) {
            differs.push("size");
        }
        let mut other = (!differs.is_empty()).then_some(local);
        self.name_bytes += other.as_ref().map_or(0, Entry::name_bytes);
        if let Some(other) = &mut other
            && unknown
        {
            other.compressed = entry.compressed;
            other.size = entry.size;
            other.crc = entry.crc;
            other.streamed = false;
        }
        Ok(Listed { entry, other, differs, unlisted: false, headless: false })
    }

    /// Central header (4.3.12), where the next one stands, and how long the comment before that is.
    fn central(&self, at: u64) -> Result<Option<(Entry, u64, usize)>, OpenError> {
        let header = self.input.window(at, 46)?.into_owned();
        let lengths = (|| {
            Some((
                usize::from(u16_le(&header, 28)?),
                usize::from(u16_le(&header, 30)?),
                usize::from(u16_le(&header, 32)?),
            ))
        })();
        let Some((name_len, extra_len, comment_len)) = lengths else { return Ok(None) };
        // What is cut in its name is no entry to any reader; its local header tells of the member.
        if at.saturating_add(46 + name_len as u64) > self.input.len() {
            return Ok(None);
        }
        let rest = self.input.window(at + 46, name_len + extra_len)?;
        let raw_name = rest.get(..name_len).unwrap_or(&rest).to_vec();
        let extra = rest.get(name_len..).unwrap_or_default();
        let entry = (|| {
            let attributes = u32_le(&header, 38)?;
            let made_on_unix = header.get(5) == Some(&3) || header.get(5) == Some(&19);
            let mut entry = Entry {
                name: utf8_or_cp437(&raw_name),
                raw_name,
                flags: u16_le(&header, 8)?,
                method: u16_le(&header, 10)?,
                time: u16_le(&header, 12)?,
                crc: u32_le(&header, 16)?,
                compressed: u64::from(u32_le(&header, 20)?),
                size: u64::from(u32_le(&header, 24)?),
                header_at: u64::from(u32_le(&header, 42)?),
                data_at: 0,
                aes: None,
                unicode_name: None,
                mode: if made_on_unix { attributes >> 16 } else { 0 },
                streamed: false,
                elsewhere: !matches!(u16_le(&header, 34)?, 0 | u16::MAX),
            };
            apply_extra(&mut entry, extra, true);
            Some(entry)
        })();
        let next = at.saturating_add(46 + (name_len + extra_len + comment_len) as u64);
        Ok(entry.map(|entry| (entry, next, comment_len)))
    }

    /// Local header (4.3.7).
    fn local(&self, at: u64) -> Result<Option<Entry>, OpenError> {
        if self.hits.local.binary_search(&at).is_err() {
            return Ok(None);
        }
        let header = self.input.window(at, 30)?.into_owned();
        let (Some(name_len), Some(extra_len)) = (u16_le(&header, 26), u16_le(&header, 28)) else { return Ok(None) };
        let (name_len, extra_len) = (usize::from(name_len), usize::from(extra_len));
        let rest = self.input.window(at + 30, name_len + extra_len)?;
        let raw_name = rest.get(..name_len).unwrap_or(&rest).to_vec();
        let extra = rest.get(name_len..).unwrap_or_default();
        let entry = (|| {
            let mut entry = Entry {
                name: utf8_or_cp437(&raw_name),
                raw_name,
                flags: u16_le(&header, 6)?,
                method: u16_le(&header, 8)?,
                time: u16_le(&header, 10)?,
                crc: u32_le(&header, 14)?,
                compressed: u64::from(u32_le(&header, 18)?),
                size: u64::from(u32_le(&header, 22)?),
                header_at: at,
                data_at: at + 30 + (name_len + extra_len) as u64,
                aes: None,
                unicode_name: None,
                mode: 0,
                streamed: false,
                elsewhere: false,
            };
            apply_extra(&mut entry, extra, false);
            Some(entry)
        })();
        let Some(mut entry) = entry else { return Ok(None) };
        if entry.flags & 8 != 0 && entry.compressed == 0 {
            self.measure(&mut entry)?;
        }
        Ok(Some(entry))
    }

    /// The extent of data whose length follows it in a data descriptor (4.3.9).
    fn measure(&self, entry: &mut Entry) -> Result<(), OpenError> {
        entry.streamed = true;
        let from = entry.data_at;
        if let Some(at) = self.hits.descriptor.get(&from) {
            let record = self.input.window(*at, 24)?;
            let length = at - from;
            entry.compressed = length;
            entry.crc = u32_le(&record, 4).unwrap_or_default();
            // With a plain length of zero the short form looks like the long one: what stands behind it tells them apart.
            let long = u64_le(&record, 8) == Some(length) && record.get(16..18) != Some(b"PK");
            entry.size = match u64_le(&record, 16) {
                Some(size) if long => size,
                _ => u64::from(u32_le(&record, 12).unwrap_or_default()),
            };
            entry.streamed = false;
            return Ok(());
        }
        // No descriptor fits: up to the next header; the decoder knows its own end.
        let after = |list: &[u64]| list.get(list.partition_point(|at| *at < from)).copied();
        let next = [after(&self.hits.local), after(&self.hits.central), after(&self.hits.end)];
        let end = next.into_iter().flatten().min().unwrap_or(self.input.len());
        entry.compressed = end - from.min(end);
        Ok(())
    }
}
