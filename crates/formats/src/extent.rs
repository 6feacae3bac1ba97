//! Where a file's own content ends, and what lies in it that no reader of its format would look at.
//!
//! What follows the end is a part of its own: whoever hangs an archive behind a picture, or behind another archive, relies on one
//! program reading the first and another the second. Formats that say where they end are asked; in those that do not, what is
//! hidden must begin with a signature, and is found by it wherever it stands.

mod disguised;
mod ends;
mod hidden;
mod inside;

use crate::containers::cfb::HandedOver;
use crate::{Budget, Content, identify, kinds};
use disguised::{Wanted, disguised};
use hidden::hidden;
pub(crate) use inside::{holds_a_file, unread};
use lazaret_model::{Class, Kind, Part};
use std::cell::{Cell, RefCell};
use std::io;

/// Steps from one block, chunk or page to the next, until an end is given up.
pub(crate) const MOST_STEPS: usize = 1 << 20;
/// How a compound file begins.
const COMPOUND: &[u8] = b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1";
/// Bytes by which a file is told that begins somewhere.
const SIGNATURE: u64 = 16;
/// From here on numbers are not sectors (MS-CFB, 2.1).
const FREE: u32 = 0xffff_fffa;

/// Things hidden in one part that are handed over.
pub(crate) const MOST_HIDDEN: usize = 64;

/// What hangs behind a part's end or is hidden in it.
#[derive(Debug, Default)]
pub(crate) struct HungOn {
    /// Each with what it is called.
    pub(crate) parts: Vec<(String, Content)>,
    /// Whether there was more.
    pub(crate) more: bool,
    /// Whether the way to the end was longer than is followed.
    pub(crate) endless: bool,
}

/// Looks for it where the kind leaves room for it: behind what says where it ends, and anywhere in what is opened by nothing here.
///
/// Where the budget is exhausted, not all was looked at. `opened` says that something which runs was found in it already.
pub(crate) fn hung_on(part: &Part, content: &Content, opened: bool, budget: &mut Budget) -> io::Result<HungOn> {
    let mut found = HungOn::default();
    let (end, endless) = end(&part.kind.id, content, budget)?;
    found.endless = endless;
    let start = content.window(0, 8)?;
    let compound = start.as_ref() == COMPOUND;
    let end = match end {
        Some(end) => end,
        None if start.starts_with(b"MZ") => identify::overlay(content)?.unwrap_or(content.len()),
        None if compound => {
            let walk = Walk::new(content, budget);
            let end = walk.compound()?.unwrap_or(content.len());
            found.endless |= walk.endless.get();
            end
        }
        None => content.len(),
    };
    // What is attached to a message of Outlook stands in it as it is, or in pieces, and is a part already.
    let message = compound && part.kind.class == Class::Mail;
    let mut handed = if message { HandedOver::of(content, budget) } else { None };
    if searched(part) {
        let from = |at: u64| content.slice(at, content.len() - at);
        let attached = |at: u64| handed.as_ref().is_some_and(|handed| handed.covers(at, at + SIGNATURE));
        // What the part itself also opens as is found by that opener.
        let counts = |at: u64| {
            // Glyphs of fonts are packed so (OpenType, table `SVG `); a program there is found as one that is packed.
            let glyphs = |inner: &Kind| part.kind.class == Class::Font && inner.id == "gzip";
            let other = |inner: Kind| wanted(part, &inner) && !part.is(&inner.id) && !glyphs(&inner);
            if attached(at) { Ok(false) } else { identify(&from(at)).map(|inner| other(inner.kind)) }
        };
        let (places, more) = hidden(&content.slice(0, end), !only_programs(part), counts, budget)?;
        found.more = more;
        found.parts.extend(places.into_iter().map(|at| (format!("hidden-at-{at}"), from(at))));
        if let Some(wanted) = disguises(part, opened) {
            let (programs, more) = disguised(&content.slice(0, end), wanted, budget)?;
            found.more |= more;
            found.parts.extend(programs.into_iter().map(|(at, inner)| (format!("disguised-at-{at}"), inner)));
        }
    }
    if (compound || part.is("sqlite"))
        && let Some((from, to)) = identify::zip_at_the_end(content)?
        && from > 0
        && from < end
    {
        if handed.is_none() {
            handed = HandedOver::of(content, budget);
        }
        // A reader of archives would open it, wherever in the file it lies.
        if !handed.is_some_and(|handed| handed.covers(from, to)) {
            found.parts.push((format!("hidden-at-{from}"), content.slice(from, to - from)));
        }
    }
    let at = end.saturating_add(content.blank(end)?);
    if at < content.len() {
        let rest = content.slice(at, content.len() - at);
        if compound || matches!(part.kind.class, Class::Executable | Class::Library | Class::Installer) {
            behind_program(part, &rest, at, &mut found, budget)?;
        } else if !part.is(&identify(&rest)?.kind.id) || part.kind.class == Class::Archive {
            found.parts.push(("after-the-end".to_owned(), rest));
        }
    }
    Ok(found)
}

/// What stands behind a program or a compound file that is known: a self-extractor's archive, often behind settings for the extractor.
/// The program itself may read anything there, so that what is not known is no file.
fn behind_program(part: &Part, rest: &Content, at: u64, found: &mut HungOn, budget: &mut Budget) -> io::Result<()> {
    let kind = identify(rest)?.kind;
    if kinds::kind(&kind.id).is_some_and(|row| row.container) && !part.is(&kind.id) {
        found.parts.push(("after-the-end".to_owned(), rest.clone()));
        return Ok(());
    }
    let (places, more) = hidden(rest, true, |_| Ok(true), budget)?;
    found.more |= more;
    for place in places {
        let inner = rest.slice(place, rest.len() - place);
        let kind = identify(&inner)?.kind;
        if !kind.is_unknown() && !part.is(&kind.id) {
            found.parts.push((format!("hidden-at-{}", at + place), inner));
        }
    }
    Ok(())
}

/// Whether a part is searched from its beginning.
fn searched(part: &Part) -> bool {
    match part.kind.class {
        // Their content is opened; as it lies in them, it may be in pieces.
        Class::Data if matches!(&*part.kind.id, "pkcs7" | "pgp-binary") => false,
        Class::Image
        | Class::Audio
        | Class::Video
        | Class::Font
        | Class::Text
        | Class::Web
        | Class::Mail
        | Class::Script
        | Class::Data
        | Class::Unknown => true,
        Class::Document => part.is("pdf") || part.is("rtf") || unopened(part),
        _ => false,
    }
}

/// In which disguises programs are looked for. What is opened shows its own streams, and what scripts, pages and mails write in
/// letters is decoded by those who open them.
fn disguises(part: &Part, opened: bool) -> Option<Wanted> {
    let texts = !opened;
    match part.kind.class {
        Class::Image | Class::Audio | Class::Video | Class::Font if part.is("svg") => None,
        Class::Image | Class::Audio | Class::Video | Class::Font => {
            Some(Wanted { streams: true, archives: true, texts })
        }
        // Every file of a project is packed there, programs as well.
        Class::Data if part.is("git-pack") || part.is("git-fetch") => None,
        Class::Data | Class::Unknown => Some(Wanted { streams: true, archives: false, texts }),
        Class::Text => Some(Wanted { streams: false, archives: false, texts }),
        Class::Document if part.is("rtf") => Some(Wanted { streams: false, archives: false, texts }),
        // Its own streams begin as text, pictures or fonts.
        Class::Document if part.is("pdf") => Some(Wanted { streams: !opened, archives: false, texts }),
        Class::Document => Some(Wanted { streams: true, archives: false, texts }),
        _ => None,
    }
}

/// Whether nothing here opens a part of this kind.
fn unopened(part: &Part) -> bool {
    kinds::kind(&part.kind.id).is_some_and(|row| !row.container)
}

/// Whether something that was found counts. Data of programs holds files of its own, packed or not, but no programs.
fn wanted(part: &Part, kind: &Kind) -> bool {
    let runs = matches!(kind.class, Class::Executable | Class::Library | Class::Shortcut | Class::Installer);
    if only_programs(part) { runs || matches!(&*kind.id, "rar4" | "rar5" | "7z") } else { !kind.is_unknown() }
}

/// Whether a part is of a kind in which files of other kinds are its own.
fn only_programs(part: &Part) -> bool {
    match part.kind.class {
        Class::Data | Class::Unknown => true,
        Class::Document => unopened(part),
        _ => false,
    }
}

/// Where the content of this kind ends, and whether the way there was longer than is followed; nothing where the format does not
/// say, or what it says leads nowhere.
pub(crate) fn end(kind: &str, content: &Content, budget: &mut Budget) -> io::Result<(Option<u64>, bool)> {
    let walk = Walk::new(content, budget);
    let end = match kind {
        "7z" => walk.seven_zip()?,
        "rar5" => walk.rar5()?,
        "png" | "apng" => walk.png()?,
        "gif" => walk.gif()?,
        "jpeg" => walk.jpeg()?,
        "wav" | "avi" | "webp" => walk.riff()?,
        "mp4" | "mov" | "m4a" | "m4v" | "heic" | "heif" | "avif" | "3gp" => walk.boxes()?,
        "ttf" | "otf" => walk.font()?,
        "elf-executable" | "elf-shared-object" => walk.elf()?,
        "dos-exe" => walk.dos()?,
        "woff" | "woff2" => walk.big(8)?.map(u64::from),
        "bmp" => walk.bmp()?,
        "ico" | "cur" => walk.icon()?,
        "mid" => walk.midi()?,
        "ogg" | "opus" => walk.ogg()?,
        "icc" => walk.big(0)?.map(u64::from),
        "hdf5" => walk.hdf5()?,
        "safetensors" => walk.safetensors()?,
        "mat" => walk.mat()?,
        "sqlite" => walk.sqlite()?,
        "pcapng" => walk.pcapng()?,
        _ => None,
    };
    Ok((end.filter(|end| *end > 0 && *end <= content.len()), walk.endless.get()))
}

/// Follows a format's own lengths.
struct Walk<'c> {
    content: &'c Content,
    budget: RefCell<&'c mut Budget>,
    /// Whether it gave up.
    endless: Cell<bool>,
}

impl<'c> Walk<'c> {
    fn new(content: &'c Content, budget: &'c mut Budget) -> Self {
        Self { content, budget: RefCell::new(budget), endless: Cell::new(false) }
    }

    /// Counts work; false where there may be no more, which is giving up.
    fn step(&self, steps: u64) -> bool {
        let goes_on = self.budget.borrow_mut().step(steps).is_ok();
        self.endless.set(self.endless.get() || !goes_on);
        goes_on
    }

    /// The steps that are taken from one piece to the next; whoever takes them all has given up.
    fn steps(&self) -> impl Iterator<Item = ()> {
        (0..=MOST_STEPS).map_while(|step| {
            self.endless.set(self.endless.get() || step == MOST_STEPS);
            (step < MOST_STEPS).then_some(())
        })
    }

    /// MS-CFB, 2.2 to 2.5: behind the last sector that the allocation table has in use.
    fn compound(&self) -> io::Result<Option<u64>> {
        let header = self.content.window(0, 512)?.into_owned();
        let field = |at: usize| header.get(at..at + 4)?.try_into().ok().map(u32::from_le_bytes);
        let shift = header.get(30..32).and_then(|b| b.try_into().ok()).map_or(9, u16::from_le_bytes);
        if !matches!(shift, 9 | 12) {
            return Ok(None);
        }
        let size = 1_u64 << shift;
        // LIMIT: the header's own list; the sectors that continue it follow.
        let mut tables: Vec<u32> = (0..109).filter_map(|place| field(76 + 4 * place)).collect();
        let mut next = field(68).unwrap_or(FREE);
        // Tables have sectors of their own: a list of more goes round in a circle.
        let most = self.content.len() / size + 109;
        for () in self.steps() {
            if next >= FREE || tables.len() as u64 > most {
                break;
            }
            let mut words = self.words((u64::from(next) + 1) * size, size)?;
            let Some(last) = words.pop() else { break };
            tables.extend(words);
            next = last;
        }
        let mut last = None;
        for (place, table) in tables.into_iter().filter(|table| *table < FREE).enumerate() {
            let words = self.words((u64::from(table) + 1) * size, size)?;
            if let Some(used) = words.iter().rposition(|word| *word != u32::MAX) {
                last = Some(place as u64 * (size / 4) + used as u64);
            }
        }
        Ok(last.map(|sector| (sector + 2) * size))
    }

    fn words(&self, at: u64, size: u64) -> io::Result<Vec<u32>> {
        if !self.step(size) {
            return Ok(Vec::new());
        }
        let bytes = self.content.window(at, size as usize)?;
        Ok(bytes.as_chunks::<4>().0.iter().map(|word| u32::from_le_bytes(*word)).collect())
    }

    fn bytes<const N: usize>(&self, at: u64) -> io::Result<Option<[u8; N]>> {
        if !self.step(16) {
            return Ok(None);
        }
        Ok(self.content.window(at, N)?.as_ref().try_into().ok())
    }

    fn big(&self, at: u64) -> io::Result<Option<u32>> {
        Ok(self.bytes(at)?.map(u32::from_be_bytes))
    }

    /// 7zFormat.txt: the start header says where the last header lies and how long it is.
    fn seven_zip(&self) -> io::Result<Option<u64>> {
        let (Some(offset), Some(size)) = (self.bytes(12)?, self.bytes(20)?) else { return Ok(None) };
        let (offset, size) = (u64::from_le_bytes(offset), u64::from_le_bytes(size));
        Ok(offset.checked_add(size).and_then(|end| end.checked_add(32)))
    }

    /// RAR 5.0 archive format: blocks up to the one that ends the archive.
    fn rar5(&self) -> io::Result<Option<u64>> {
        let mut at = 8_u64;
        for () in self.steps() {
            if !self.step(64) {
                return Ok(None);
            }
            let head = self.content.window(at, 64)?;
            let mut rest = head.get(4..).unwrap_or_default();
            let Some((size, width)) = vint(&mut rest) else { return Ok(None) };
            let Some((kind, _)) = vint(&mut rest) else { return Ok(None) };
            let Some((flags, _)) = vint(&mut rest) else { return Ok(None) };
            let extra = if flags & 1 != 0 { vint(&mut rest).map(|(extra, _)| extra) } else { Some(0) };
            let data = if flags & 2 != 0 { vint(&mut rest).map(|(data, _)| data) } else { Some(0) };
            // Behind an encryption header everything is encrypted, the lengths as well.
            let (Some(_), Some(data), false) = (extra, data, kind == 4) else { return Ok(None) };
            let next = at.checked_add(4 + width as u64).and_then(|at| at.checked_add(size)?.checked_add(data));
            let Some(next) = next.filter(|next| *next > at) else { return Ok(None) };
            if kind == 5 {
                return Ok(Some(next));
            }
            at = next;
        }
        Ok(None)
    }

    /// PNG, 5.3: chunks up to `IEND`.
    fn png(&self) -> io::Result<Option<u64>> {
        let mut at = 8_u64;
        for () in self.steps() {
            let (Some(length), Some(kind)) = (self.big(at)?, self.bytes::<4>(at + 4)?) else { return Ok(None) };
            at += 12 + u64::from(length);
            if &kind == b"IEND" {
                return Ok(Some(at));
            }
        }
        Ok(None)
    }

    /// GIF89a, appendix B: blocks up to the trailer.
    fn gif(&self) -> io::Result<Option<u64>> {
        let colours = |flags: u8| if flags & 0x80 != 0 { 3_u64 << ((flags & 7) + 1) } else { 0 };
        let Some([flags]) = self.bytes(10)? else { return Ok(None) };
        let mut at = 13 + colours(flags);
        for () in self.steps() {
            let Some([kind]) = self.bytes(at)? else { return Ok(None) };
            at += match kind {
                0x3b => return Ok(Some(at + 1)),
                0x21 => 2,
                0x2c => {
                    let Some([flags]) = self.bytes(at + 9)? else { return Ok(None) };
                    11 + colours(flags)
                }
                _ => return Ok(None),
            };
            loop {
                let Some([length]) = self.bytes(at)? else { return Ok(None) };
                at += 1 + u64::from(length);
                if length == 0 {
                    break;
                }
            }
        }
        Ok(None)
    }

    /// ITU-T T.81, B.1: segments, and coded data in which every 0xff is followed by 0 or a restart marker, up to `EOI`.
    fn jpeg(&self) -> io::Result<Option<u64>> {
        let mut at = 2_u64;
        for () in self.steps() {
            let Some([0xff, marker]) = self.bytes(at)? else { return Ok(None) };
            at += match marker {
                0xd9 => return Ok(Some(at + 2)),
                0xff => 1,
                0x01 | 0xd0..=0xd7 => 2,
                _ => {
                    let Some(length) = self.bytes(at + 2)? else { return Ok(None) };
                    2 + u64::from(u16::from_be_bytes(length).max(2))
                }
            };
            if marker == 0xda {
                let Some(next) = self.coded(at)? else { return Ok(None) };
                at = next;
            }
        }
        Ok(None)
    }

    /// The next marker behind coded data.
    fn coded(&self, mut at: u64) -> io::Result<Option<u64>> {
        // Markers may stand close to each other: little is read at first.
        let mut length = 512_usize;
        while at < self.content.len() {
            let window = self.content.window(at, length)?;
            if !self.step(window.len() as u64) {
                return Ok(None);
            }
            length = length.saturating_mul(2).min(64 << 10);
            let marker = memchr::memchr_iter(0xff, &window)
                .find(|place| window.get(place + 1).is_some_and(|next| !matches!(next, 0 | 0xd0..=0xd7 | 0xff)));
            if let Some(place) = marker {
                return Ok(Some(at + place as u64));
            }
            // A marker may lie across the border.
            at += (window.len() as u64).saturating_sub(1).max(1);
        }
        Ok(None)
    }

    /// RIFF: the length of all chunks stands behind the signature, and is padded to an even one.
    fn riff(&self) -> io::Result<Option<u64>> {
        let Some(length) = self.bytes(4)?.map(u32::from_le_bytes) else { return Ok(None) };
        // Recorders that were cut off write 0 or as much as fits.
        if length == 0 || length >= u32::MAX - 8 {
            return Ok(None);
        }
        // A file beyond 4 GiB goes on in further RIFF chunks (OpenDML AVI).
        let mut at = 8 + u64::from(length) + u64::from(length & 1);
        while self.bytes(at)? == Some(*b"RIFF") {
            let Some(length) = self.bytes(at + 4)?.map(u32::from_le_bytes) else { return Ok(None) };
            at += 8 + u64::from(length) + u64::from(length & 1);
        }
        Ok(Some(at))
    }

    /// ISO/IEC 14496-12, 4.2: boxes, as long as what stands there can be one.
    fn boxes(&self) -> io::Result<Option<u64>> {
        let mut at = 0_u64;
        for () in self.steps() {
            let (Some(length), Some(kind)) = (self.big(at)?, self.bytes::<4>(at + 4)?) else { break };
            let is_box = kind.iter().all(|byte| byte.is_ascii_graphic() || matches!(byte, b' ' | 0xa9));
            if !is_box {
                break;
            }
            let length = match length {
                0 => return Ok(None),
                1 => match self.bytes(at + 8)? {
                    Some(length) => u64::from_be_bytes(length),
                    None => break,
                },
                length => u64::from(length),
            };
            let next = at.checked_add(length).filter(|next| *next <= self.content.len());
            match next {
                Some(next) if length >= 8 => at = next,
                _ => break,
            }
        }
        Ok((at > 0).then_some(at))
    }

    /// System V ABI, "ELF header": the end of the last segment, section or table, whichever is last.
    fn elf(&self) -> io::Result<Option<u64>> {
        let head = self.content.window(0, 64)?;
        let wide = head.get(4) == Some(&2);
        let little = head.get(5) == Some(&1);
        let number = |bytes: Option<&[u8]>| {
            let join = |number: u64, byte: &u8| number << 8 | u64::from(*byte);
            bytes.map(|bytes| if little { bytes.iter().rev().fold(0, join) } else { bytes.iter().fold(0, join) })
        };
        // Where each table stands, how long an entry is and how many there are; then its usual length, and offset and size in it.
        let (tables, fields) = if wide {
            (
                [(32_usize..40, 54_usize..56, 56_usize..58), (40..48, 58..60, 60..62)],
                [(56_u64, 8_usize..16, 32_usize..40), (64, 24..32, 32..40)],
            )
        } else {
            ([(28..32, 42..44, 44..46), (32..36, 46..48, 48..50)], [(32, 4..8, 16..20), (40, 16..20, 20..24)])
        };
        let mut end = 0_u64;
        for (index, ((place, size, count), (usual, offset, length))) in tables.into_iter().zip(fields).enumerate() {
            let read = (number(head.get(place)), number(head.get(size)), number(head.get(count)));
            let (Some(place), Some(size), Some(count)) = read else { return Ok(None) };
            if size != usual || count == 0 {
                continue;
            }
            // Both are numbers of two bytes.
            let table = self.content.window(place, usize::try_from(size * count).unwrap_or(0))?;
            end = end.max(place.saturating_add(size * count));
            for entry in table.chunks(usize::try_from(size).unwrap_or(64)) {
                // SHT_NOBITS has a size and no bytes.
                if index == 1 && number(entry.get(4..8)) == Some(8) {
                    continue;
                }
                let (from, bytes) = (number(entry.get(offset.clone())), number(entry.get(length.clone())));
                end = end.max(from.unwrap_or(0).saturating_add(bytes.unwrap_or(0)));
            }
        }
        Ok(Some(end))
    }

    /// The header of a DOS program: bytes in the last page of 512, and pages.
    fn dos(&self) -> io::Result<Option<u64>> {
        let Some([last_low, last_high, pages_low, pages_high]) = self.bytes(2)? else { return Ok(None) };
        let last = u64::from(u16::from_le_bytes([last_low, last_high]));
        let pages = u64::from(u16::from_le_bytes([pages_low, pages_high]));
        let all = pages * 512;
        Ok(Some(if last == 0 { all } else { all.saturating_sub(512) + last }))
    }

    /// OpenType, "Table Directory": the end of the last table.
    fn font(&self) -> io::Result<Option<u64>> {
        let Some(tables) = self.bytes(4)?.map(u16::from_be_bytes) else { return Ok(None) };
        let mut end = 0;
        for table in 0..u64::from(tables) {
            let (Some(offset), Some(length)) = (self.big(20 + 16 * table)?, self.big(24 + 16 * table)?) else {
                return Ok(None);
            };
            end = end.max((u64::from(offset) + u64::from(length)).next_multiple_of(4));
        }
        Ok(Some(end.min(self.content.len())).filter(|end| *end > 0))
    }
}

/// A number of RAR 5: seven bits a byte, the lowest first, and how many bytes it takes.
fn vint(bytes: &mut &[u8]) -> Option<(u64, usize)> {
    let mut value = 0_u64;
    for place in 0..9 {
        let (byte, rest) = bytes.split_first()?;
        *bytes = rest;
        value |= u64::from(byte & 0x7f) << (7 * place);
        if byte & 0x80 == 0 {
            return Some((value, place + 1));
        }
    }
    None
}

#[cfg(test)]
mod tests;
