//! One reading of one member of a ZIP, as a header describes it, and its extra fields (APPNOTE 6.3.10, 4.5).

use crate::containers::bytes::{u16_le, u32_le, u64_le};
use lazaret_model::extension;

/// One way to read one member.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Entry {
    pub(crate) raw_name: Vec<u8>,
    pub(crate) name: String,
    pub(crate) flags: u16,
    pub(crate) method: u16,
    pub(crate) time: u16,
    pub(crate) crc: u32,
    pub(crate) compressed: u64,
    pub(crate) size: u64,
    /// Where its local header stands.
    pub(crate) header_at: u64,
    /// Where its data begins.
    pub(crate) data_at: u64,
    /// AES extra field: vendor version, strength, true method (APPNOTE 7.2 and WinZip AE).
    pub(crate) aes: Option<(u16, u8, u16)>,
    /// Unicode path extra field (4.6.9).
    pub(crate) unicode_name: Option<String>,
    /// Unix mode, 0 where there is none.
    pub(crate) mode: u32,
    /// Its CRC and size are not known ahead of the data.
    pub(crate) streamed: bool,
    /// It begins on another disk.
    pub(crate) elsewhere: bool,
}

/// A member and how its headers describe it.
#[derive(Debug)]
pub(crate) struct Listed {
    pub(crate) entry: Entry,
    /// The local header's description, where it differs in what matters.
    pub(crate) other: Option<Entry>,
    /// What differs, such as `name`.
    pub(crate) differs: Vec<&'static str>,
    /// No central directory lists it.
    pub(crate) unlisted: bool,
    /// No local header stands where the directory says.
    pub(crate) headless: bool,
}

impl Entry {
    pub(crate) fn encrypted(&self) -> bool {
        self.flags & 1 != 0
    }

    /// The method once decrypted.
    pub(crate) fn true_method(&self) -> u16 {
        match (self.method, self.aes) {
            (99, Some((_, _, method))) => method,
            _ => self.method,
        }
    }

    pub(super) fn end(&self) -> u64 {
        self.data_at.saturating_add(self.compressed)
    }

    /// Bytes of names that it keeps.
    pub(super) fn name_bytes(&self) -> usize {
        2 * self.raw_name.len() + self.unicode_name.as_ref().map_or(0, String::len)
    }

    /// Bytes of its local header.
    pub(super) fn header_bytes(&self) -> u64 {
        self.data_at.saturating_sub(self.header_at)
    }
}

/// A name without what code pages spell differently: separators and everything beyond ASCII, with its stand-ins.
pub(super) fn spelled(entry: &Entry) -> String {
    if entry.raw_name.is_ascii() && !entry.raw_name.contains(&b'?') {
        return entry.name.replace('\\', "/");
    }
    entry.name.chars().filter(|c| c.is_ascii() && *c != '?').map(|c| if c == '\\' { '/' } else { c }).collect()
}

/// Whether a signature in the middle of nowhere is truly a local header.
pub(super) fn plausible(entry: &Entry) -> bool {
    let known = matches!(entry.method, 0..=10 | 12 | 14 | 16 | 18..=20 | 93..=99);
    known && !entry.raw_name.is_empty() && !entry.raw_name.contains(&0)
}

/// Extra fields (4.5): ZIP64 sizes, AES, Unicode path.
pub(super) fn apply_extra(entry: &mut Entry, extra: &[u8], central: bool) {
    let mut at = 0;
    while let (Some(id), Some(len)) = (u16_le(extra, at), u16_le(extra, at + 2)) {
        let end = (at + 4 + usize::from(len)).min(extra.len());
        let data = extra.get(at + 4..end).unwrap_or_default();
        at = end;
        match id {
            1 => {
                // 4.5.3: only fields that are saturated are here, in this order.
                let mut at = 0;
                for field in [&mut entry.size, &mut entry.compressed] {
                    if *field == u64::from(u32::MAX)
                        && let Some(value) = u64_le(data, at)
                    {
                        *field = value;
                        at += 8;
                    }
                }
                if central
                    && entry.header_at == u64::from(u32::MAX)
                    && let Some(value) = u64_le(data, at)
                {
                    entry.header_at = value;
                }
            }
            0x9901 => {
                if let (Some(version), Some(strength), Some(method)) = (u16_le(data, 0), data.get(4), u16_le(data, 5)) {
                    entry.aes = Some((version, *strength, method));
                }
            }
            // 4.6.9: whoever renamed the member without knowing the field left it behind, and its checksum tells.
            0x7075 if data.len() > 5 => {
                let mut crc = flate2::Crc::new();
                crc.update(&entry.raw_name);
                let own = u32_le(data, 1) == Some(crc.sum());
                let name = data.get(5..).and_then(|name| std::str::from_utf8(name).ok());
                // Not every program checks it: what would be opened as something else is looked at in any case.
                // Nor may one that is left behind lead anywhere.
                let leads = |name: &str| {
                    name.starts_with(['/', '\\']) || name.split(['/', '\\', ':']).any(|step| step.trim_end() == "..")
                };
                let counts = |name: &&str| own || leads(name) || extension(name) != extension(&entry.name);
                entry.unicode_name = name.filter(counts).map(str::to_owned);
            }
            _ => {}
        }
    }
}
