//! Programs: PE/COFF (Microsoft PE specification), ELF (System V ABI), Mach-O, Java classes.

use super::probe::{Found, Probe, be32_at, u16_at, u32_at};

/// Sections of a PE file that are read: Windows loads no program with more.
const MOST_SECTIONS: usize = 96;
/// Exported names that are read, at most: ordinals have 16 bits (section 6.3.3).
const MOST_EXPORTS: usize = 65_536;

pub(super) fn look(probe: &Probe<'_>, found: &mut Found) {
    let head = probe.head();
    let id = match head {
        [b'M', b'Z', ..] | [b'Z', b'M', ..] => mz(probe),
        [0x7f, b'E', b'L', b'F', ..] => Some(elf(head)),
        [0xca, 0xfe, 0xba, 0xbe, ..] => Some(cafebabe(head)),
        [0xfe, 0xed, 0xfa, 0xce | 0xcf, ..] => Some(macho(be32_at(head, 12))),
        [0xce | 0xcf, 0xfa, 0xed, 0xfe, ..] => Some(macho(u32_at(head, 12))),
        _ => None,
    };
    if let Some(id) = id {
        found.add(id);
    }
}

/// A DOS header and what it leads to.
fn mz(probe: &Probe<'_>) -> Option<&'static str> {
    let head = probe.head();
    // "MZ" also starts sentences: a DOS header is 28 bytes, and no text has its zeros.
    if head.len() < 28 || !head.iter().take(64).any(|b| *b == 0) {
        return None;
    }
    let loads = loads(probe, head);
    let Some(offset) = u32_at(head, 0x3c) else { return loads.then_some("dos-exe") };
    let header = probe.at(u64::from(offset), 4096);
    match header.get(..2) {
        Some(b"PE") if header.get(2..4) == Some(b"\0\0") => Some(pe(probe, &header, u64::from(offset))),
        Some(b"NE" | b"LE" | b"LX") => Some("ne-exe"),
        _ => loads.then_some("dos-exe"),
    }
}

/// Whether a DOS header adds up: what DOS loads has pages, and begins to run at a place that is in the file. Two letters before
/// anything else, such as settings of a printer, do not.
fn loads(probe: &Probe<'_>, head: &[u8]) -> bool {
    let field = |at: usize| u16_at(head, at).map_or(0, u64::from);
    // What is only seen in part goes on.
    let len = if probe.sees_all() { probe.len() } else { u64::MAX };
    let (last_page, pages, header) = (field(2), field(4), 16 * field(8));
    let (relocations, table) = (field(6), field(0x18));
    // Addresses go round at the end of the first megabyte.
    let entry = header + ((16 * field(0x16) + field(0x14)) & 0xf_ffff);
    last_page <= 512
        && pages > 0
        && 512 * pages >= header
        && entry < len
        && (relocations == 0 || table + 4 * relocations <= len)
}

/// A PE file's headers, as far as identification needs them.
pub(super) struct Pe {
    sections: Vec<[u32; 4]>,
    export_directory: u32,
    characteristics: u16,
    subsystem: u16,
    wide: bool,
    /// Offset and size of the certificate table, which lies in the overlay of a signed program.
    certificates: (u32, u32),
}

impl Pe {
    /// Reads the headers at `PE\0\0` (sections 3.3 and 3.4 of the specification).
    pub(super) fn read(header: &[u8]) -> Option<Self> {
        // LIMIT: Windows loads no program with more.
        let count = usize::from(u16_at(header, 6)?).min(MOST_SECTIONS);
        let optional_size = usize::from(u16_at(header, 20)?);
        let characteristics = u16_at(header, 22)?;
        let wide = u16_at(header, 24) == Some(0x20b);
        let directories = if wide { 24 + 112 } else { 24 + 96 };
        let section_table = 24usize.saturating_add(optional_size);
        let sections = (0..count).map_while(|index| {
            let at = section_table.checked_add(index.checked_mul(40)?)?;
            // VirtualSize, VirtualAddress, SizeOfRawData, PointerToRawData.
            let field = |by: usize| u32_at(header, at.checked_add(by)?);
            Some([field(8)?, field(12)?, field(16)?, field(20)?])
        });
        let has_directory = |index: usize| optional_size >= directories - 24 + 8 * (index + 1);
        let directory = |index: usize| {
            let at = directories + 8 * index;
            if has_directory(index) { u32_at(header, at).zip(u32_at(header, at + 4)) } else { None }
        };
        Some(Self {
            sections: sections.collect(),
            export_directory: directory(0).map_or(0, |d| d.0),
            characteristics,
            subsystem: u16_at(header, 24 + 68).filter(|_| optional_size >= 70).unwrap_or(0),
            wide,
            certificates: directory(4).unwrap_or((0, 0)),
        })
    }

    /// The PE headers of a part, if it has any.
    pub(super) fn of(probe: &Probe<'_>) -> Option<Self> {
        let offset = u32_at(probe.head(), 0x3c)?;
        Self::read(&probe.at(u64::from(offset), 4096))
    }

    /// Where the data after the last section starts, and where it ends before a signature at the very end.
    pub(super) fn overlay(&self, len: u64) -> Option<(u64, u64)> {
        let end = self.sections.iter().map(|[_, _, size, at]| u64::from(*at) + u64::from(*size)).max()?;
        let mut last = len;
        let (at, size) = self.certificates;
        if at != 0 && u64::from(at) + u64::from(size) >= len.saturating_sub(8) {
            last = u64::from(at);
        }
        (end < last).then_some((end, last))
    }

    fn offset_of(&self, address: u32) -> Option<u64> {
        let [_, start, _, raw] = self.sections.iter().find(|[size, start, raw_size, _]| {
            address.checked_sub(*start).is_some_and(|by| by < (*size).max(*raw_size))
        })?;
        Some(u64::from(address - start) + u64::from(*raw))
    }

    /// Calls `each` with the exported names (section 6.3).
    fn exports(&self, probe: &Probe<'_>, mut each: impl FnMut(&[u8])) -> Option<()> {
        if self.export_directory == 0 {
            return None;
        }
        let directory = probe.at(self.offset_of(self.export_directory)?, 40);
        // LIMIT: only tells one sort of library from another, and all are treated alike.
        let count = usize::try_from(u32_at(&directory, 24)?).ok()?.min(MOST_EXPORTS);
        let pointers = probe.at(self.offset_of(u32_at(&directory, 32)?)?, count.checked_mul(4)?);
        for index in 0..count {
            let Some(offset) = u32_at(&pointers, index * 4).and_then(|rva| self.offset_of(rva)) else { break };
            let name = probe.at(offset, 64);
            each(name.split(|b| *b == 0).next().unwrap_or_default());
        }
        Some(())
    }
}

fn pe(probe: &Probe<'_>, header: &[u8], _offset: u64) -> &'static str {
    const DLL: u16 = 0x2000;
    let Some(pe) = Pe::read(header) else { return "dos-exe" };
    match pe.subsystem {
        1 => return "sys",
        10..=13 => return "efi",
        _ => {}
    }
    if pe.characteristics & DLL != 0 {
        let mut special = None;
        pe.exports(probe, |name| match name {
            b"CPlApplet" => special = Some("cpl"),
            b"xlAutoOpen" => special = special.or(Some("xll")),
            _ => {}
        });
        return special.unwrap_or(if pe.wide { "pe64-dll" } else { "pe32-dll" });
    }
    if pe.wide { "pe64" } else { "pe32" }
}

/// ELF: `e_ident[EI_DATA]` at 5, `e_type` at 16; an AppImage has `AI` and its type at 8 (AppImage specification, 1.1).
fn elf(head: &[u8]) -> &'static str {
    if matches!(head.get(8..11), Some([b'A', b'I', 1 | 2])) {
        return "appimage";
    }
    let kind = match head.get(5) {
        Some(2) => head.get(16..18).and_then(|b| b.try_into().ok()).map(u16::from_be_bytes),
        _ => u16_at(head, 16),
    };
    match kind {
        Some(1) => "elf-object",
        Some(3) => elf_dynamic(head),
        _ => "elf-executable",
    }
}

/// A position-independent program and a library both have type 3; only a program asks for an interpreter (PT_INTERP)
/// or says so in DT_FLAGS_1, and a library of the C runtime that also runs counts as a library.
fn elf_dynamic(head: &[u8]) -> &'static str {
    let wide = head.get(4) == Some(&2);
    if head.get(5) == Some(&2) {
        return "elf-shared-object";
    }
    let (table, size, count) = if wide {
        (super::probe::u64_at(head, 32), u16_at(head, 54), u16_at(head, 56))
    } else {
        (u32_at(head, 28).map(u64::from), u16_at(head, 42), u16_at(head, 44))
    };
    let (Some(table), Some(size), Some(count)) = (table, size, count) else { return "elf-shared-object" };
    let entry = u64::from(u32_at(head, 24).unwrap_or(0));
    for index in 0..u64::from(count.min(64)) {
        let at = index.checked_mul(u64::from(size)).and_then(|by| by.checked_add(table));
        let Some(at) = at.and_then(|at| usize::try_from(at).ok()) else { break };
        // PT_INTERP is 3.
        if u32_at(head, at) == Some(3) && entry != 0 {
            return "elf-executable";
        }
    }
    "elf-shared-object"
}

/// A universal binary counts its architectures where a class has its version, which starts at 45.
fn cafebabe(head: &[u8]) -> &'static str {
    match be32_at(head, 4) {
        Some(count) if count < 40 => "macho-universal",
        _ => "java-class",
    }
}

/// `filetype` of the Mach-O header.
fn macho(filetype: Option<u32>) -> &'static str {
    match filetype {
        Some(1) => "macho-object",
        Some(6 | 8) => "macho-dylib",
        _ => "macho",
    }
}
