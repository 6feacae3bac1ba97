//! The sectors and the directory of a compound file ([MS-CFB]), read whatever the tree says.

use crate::containers::bytes::{array, u16_le, u32_le, u64_le, utf16_le};
use crate::{Budget, Content, OpenError, Parts};
use std::collections::BTreeMap;
use std::io::{self, Read};

/// Directory entries that are read.
const MOST_ENTRIES: usize = 100_000;
/// Bytes of a path beyond which it begins anew.
const MOST_PATH: usize = 4096;
const FREE: u32 = 0xffff_fffa;

/// A directory entry ([MS-CFB] 2.6.1).
#[derive(Debug, Clone)]
pub(crate) struct Entry {
    pub(crate) name: String,
    /// Names from the root down, joined by `/`.
    pub(crate) path: String,
    /// Index of the storage it is in; the root for those that no storage claims.
    pub(crate) parent: usize,
    pub(crate) stream: bool,
    pub(crate) size: u64,
    /// Of a storage: the class of the object in it.
    pub(crate) class: [u8; 16],
    start: u32,
    links: [u32; 3],
}

/// A compound file.
pub(crate) struct Compound {
    input: Content,
    sector: u64,
    fat: Vec<u32>,
    mini_fat: Vec<u32>,
    mini: Vec<u64>,
    mini_cutoff: u64,
    entries: Vec<Entry>,
    /// Class of the root storage.
    pub(crate) class: [u8; 16],
    /// What is wrong with the file as a whole.
    pub(crate) damage: Option<&'static str>,
}

impl Compound {
    /// Reads the tables and the directory.
    pub(crate) fn open(input: &Content, budget: &mut Budget) -> Result<Self, OpenError> {
        let header = input.window(0, 512)?.into_owned();
        if !header.starts_with(&[0xd0, 0xcf, 0x11, 0xe0, 0xa1, 0xb1, 0x1a, 0xe1]) || header.len() < 512 {
            return Err(OpenError::malformed("there is no compound file header", 0));
        }
        let shift = u16_le(&header, 30).filter(|shift| (7..=16).contains(shift)).unwrap_or(9);
        let sector = 1u64 << shift;
        let field = |at: usize| u32_le(&header, at).unwrap_or(u32::MAX);
        let mut file = Self {
            input: input.clone(),
            sector,
            fat: Vec::new(),
            mini_fat: Vec::new(),
            mini: Vec::new(),
            mini_cutoff: u64::from(field(56)).clamp(64, 1 << 20),
            entries: Vec::new(),
            class: [0; 16],
            damage: None,
        };
        let sectors = input.len() / sector + 1;
        budget.check_memory(sectors * 8).map_err(OpenError::Limit)?;
        file.read_fat(&header, field(68), sectors, budget)?;
        let mini_fat = file.chain(field(60), u64::MAX);
        for at in mini_fat {
            let words = file.words(at)?;
            file.mini_fat.extend(words);
        }
        let directory = file.chain(field(48), u64::MAX);
        for at in directory {
            budget.check_time().map_err(OpenError::Limit)?;
            let bytes = input.window(at, sector as usize)?.into_owned();
            file.entries.extend(bytes.as_chunks::<128>().0.iter().map(entry));
            if file.entries.len() > MOST_ENTRIES {
                file.damage = Some("it has more than 100,000 directory entries, and only so many are looked at");
                break;
            }
        }
        let Some(root) = file.entries.first() else {
            return Err(OpenError::malformed("the directory is missing", u64::from(field(48))));
        };
        let (start, size) = (root.start, root.size);
        let first = input.window(file.offset(field(48)), 128)?;
        file.class = array(&first, 80).unwrap_or_default();
        drop(first);
        file.mini = file.chain(start, size.div_ceil(sector));
        file.name_paths();
        Ok(file)
    }

    /// The table of sectors, by the header's list and the sectors that continue it (2.5).
    fn read_fat(&mut self, header: &[u8], mut next: u32, sectors: u64, budget: &mut Budget) -> Result<(), OpenError> {
        let mut tables: Vec<u32> = (0..109).filter_map(|i| u32_le(header, 76 + i * 4)).collect();
        let mut left = sectors;
        while next < FREE && left > 0 {
            budget.check_time().map_err(OpenError::Limit)?;
            left -= 1;
            let mut words = self.words(self.offset(next))?;
            let Some(last) = words.pop() else { break };
            tables.extend(words);
            next = last;
        }
        for table in tables.into_iter().filter(|table| *table < FREE) {
            if self.fat.len() as u64 > sectors {
                break;
            }
            budget.check_time().map_err(OpenError::Limit)?;
            let words = self.words(self.offset(table))?;
            if words.is_empty() {
                self.damage = Some("a table of sectors is missing");
            }
            // Entries keep their place even where a table is cut.
            let full = self.fat.len() + self.sector as usize / 4;
            self.fat.extend(words);
            self.fat.resize(full, u32::MAX);
        }
        Ok(())
    }

    fn offset(&self, sector: u32) -> u64 {
        (u64::from(sector) + 1) * self.sector
    }

    fn words(&self, at: u64) -> io::Result<Vec<u32>> {
        let bytes = self.input.window(at, self.sector as usize)?;
        Ok(bytes.as_chunks::<4>().0.iter().map(|word| u32::from_le_bytes(*word)).collect())
    }

    /// Offsets of a chain's sectors, at most as many as there are sectors.
    fn chain(&self, start: u32, most: u64) -> Vec<u64> {
        let most = most.min(self.fat.len() as u64 + 1);
        let mut out = Vec::new();
        let mut next = start;
        while next < FREE && (out.len() as u64) < most {
            out.push(self.offset(next));
            next = self.fat.get(next as usize).copied().unwrap_or(u32::MAX);
        }
        out
    }

    /// Paths by the tree of each storage; entries that no tree reaches stay under the root.
    fn name_paths(&mut self) {
        let mut seen = vec![false; self.entries.len()];
        let mut work = vec![(0usize, 0usize)];
        if let Some(first) = seen.first_mut() {
            *first = true;
        }
        let mut order = Vec::new();
        while let Some((node, parent)) = work.pop() {
            let Some([left, right, inside]) = self.entries.get(node).map(|entry| entry.links) else { continue };
            for (link, under) in [(left, parent), (right, parent), (inside, node)] {
                let child = link as usize;
                if let (Some(known), Some(entry)) = (seen.get_mut(child), self.entries.get_mut(child))
                    && !std::mem::replace(known, true)
                {
                    entry.parent = under;
                    order.push((child, under));
                    work.push((child, under));
                }
            }
        }
        for (index, parent) in order {
            // A chain of storages must not make paths that grow with its square.
            // LIMIT: a longer path begins anew; nothing is opened by it.
            let above = self.entries.get(parent).filter(|above| parent != 0 && above.path.len() <= MOST_PATH);
            let base = above.map(|above| format!("{}/", above.path)).unwrap_or_default();
            if let Some(entry) = self.entries.get_mut(index) {
                entry.path = format!("{base}{}", entry.name);
            }
        }
    }

    /// Every stream.
    pub(crate) fn streams(&self) -> impl Iterator<Item = &Entry> {
        self.entries.iter().skip(1).filter(|entry| entry.stream)
    }

    /// A stream by path, case ignored.
    pub(crate) fn stream(&self, path: &str) -> Option<&Entry> {
        self.streams().find(|entry| entry.path.eq_ignore_ascii_case(path))
    }

    /// The class of the object whose storage an entry is in.
    pub(crate) fn class_of(&self, entry: &Entry) -> [u8; 16] {
        self.entries.get(entry.parent).map(|storage| storage.class).unwrap_or_default()
    }

    /// The streams of every storage, by its index.
    pub(crate) fn by_storage(&self) -> BTreeMap<usize, Vec<&Entry>> {
        let mut storages: BTreeMap<usize, Vec<&Entry>> = BTreeMap::new();
        self.streams().for_each(|entry| storages.entry(entry.parent).or_default().push(entry));
        storages
    }

    /// A reader of a stream; a chain that ends early is a reading error after the last byte.
    pub(crate) fn reader(&self, entry: &Entry) -> impl Read + use<> {
        self.beginning(entry, entry.size)
    }

    /// A reader of the first `size` bytes of a stream, whose chain is followed as far as they go.
    fn beginning(&self, entry: &Entry, size: u64) -> StreamReader {
        let size = size.min(entry.size);
        let (offsets, unit) = if entry.size < self.mini_cutoff && !self.mini.is_empty() {
            let mut offsets = Vec::new();
            let (mut next, per_sector) = (entry.start, self.sector / 64);
            let most = size.div_ceil(64).min(self.mini_fat.len() as u64);
            while next < FREE && (offsets.len() as u64) < most {
                let index = u64::from(next);
                let Some(sector) = usize::try_from(index / per_sector).ok().and_then(|i| self.mini.get(i)) else {
                    break;
                };
                offsets.push(sector + index % per_sector * 64);
                next = self.mini_fat.get(next as usize).copied().unwrap_or(u32::MAX);
            }
            (offsets, 64)
        } else {
            (self.chain(entry.start, size.div_ceil(self.sector)), self.sector)
        };
        StreamReader { input: self.input.clone(), offsets, unit, at: 0, size }
    }

    /// Where the bytes of a stream lie, from and to, in its order: what lies in one piece is one place.
    pub(super) fn places(&self, entry: &Entry) -> Vec<(u64, u64)> {
        let StreamReader { offsets, unit, .. } = self.beginning(entry, entry.size);
        let mut places: Vec<(u64, u64)> = Vec::new();
        for at in offsets {
            match places.last_mut() {
                Some((_, end)) if *end == at => *end += unit,
                _ => places.push((at, at + unit)),
            }
        }
        places
    }

    /// The end of the sector at a place, if it is one of the tables of sectors, which stand between those of any stream (2.1).
    pub(super) fn table(&self, at: u64) -> Option<u64> {
        let sector = at / self.sector;
        let next = self.fat.get(usize::try_from(sector.checked_sub(1)?).ok()?)?;
        matches!(next, 0xffff_fffc | 0xffff_fffd).then_some((sector + 1) * self.sector)
    }

    /// A stream that is parsed here; the part is incomplete where it has more than `most` bytes, or its chain has fewer
    /// than it should have.
    pub(crate) fn read(&self, entry: &Entry, most: u64, parts: &mut Parts<'_, '_>) -> Vec<u8> {
        let mut bytes = Vec::new();
        if parts.budget().exhausted().is_some() {
            return bytes;
        }
        // Many streams may have the same sectors. An exhausted budget ends the walk after this part.
        let result = self.beginning(entry, most).read_to_end(&mut bytes);
        let _ = parts.budget().charge_output(bytes.len() as u64);
        if let Err(error) = result {
            parts.incomplete(format!("the stream `{}` ends early or is damaged: {error}", entry.name));
        } else if entry.size > most {
            let name = &entry.name;
            parts.incomplete(format!("the stream `{name}` has more than {most} bytes, and only so many are read"));
        }
        bytes
    }

    /// How a stream begins: its first `most` bytes, or as many as its chain has.
    pub(crate) fn head(&self, entry: &Entry, most: u64) -> Vec<u8> {
        let mut bytes = Vec::new();
        let _ = self.beginning(entry, most).read_to_end(&mut bytes);
        bytes
    }
}

fn entry(raw: &[u8; 128]) -> Entry {
    let name_len = usize::from(u16_le(raw, 64).unwrap_or_default()).saturating_sub(2).min(62);
    let name = utf16_le(raw.get(..name_len).unwrap_or_default());
    let link = |at| u32_le(raw, at).unwrap_or(u32::MAX);
    Entry {
        path: name.clone(),
        name,
        parent: 0,
        stream: raw.get(66) == Some(&2),
        class: array(raw, 80).unwrap_or_default(),
        // Version 3 writers leave rubbish in the upper half.
        size: u64_le(raw, 120).map_or(0, |size| if size >> 40 != 0 { size & 0xffff_ffff } else { size }),
        start: link(116),
        links: [link(68), link(72), link(76)],
    }
}

struct StreamReader {
    input: Content,
    offsets: Vec<u64>,
    unit: u64,
    at: u64,
    size: u64,
}

impl Read for StreamReader {
    fn read(&mut self, out: &mut [u8]) -> io::Result<usize> {
        let left = self.size.saturating_sub(self.at);
        if left == 0 || out.is_empty() {
            return Ok(0);
        }
        let early = || io::Error::new(io::ErrorKind::UnexpectedEof, "its chain of sectors ends early");
        let index = usize::try_from(self.at / self.unit).map_err(|_| early())?;
        let within = self.at % self.unit;
        let start = *self.offsets.get(index).ok_or_else(early)?;
        let most = (self.unit - within).min(left).min(out.len() as u64) as usize;
        let bytes = self.input.window(start + within, most)?;
        if bytes.is_empty() {
            return Err(early());
        }
        if let Some(slot) = out.get_mut(..bytes.len()) {
            slot.copy_from_slice(&bytes);
        }
        self.at += bytes.len() as u64;
        Ok(bytes.len())
    }
}
