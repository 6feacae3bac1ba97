//! Film and sound that go on after an inspected beginning: what is looked for in them is what programs find anywhere in a file, or
//! from its end, and what is plainly something else.

use super::{Step, Transfer};
use bytes::Bytes;
use memchr::memmem;

/// Beginnings of files that programs look for anywhere, or that show that a stream has changed. Each is so long that film has it by
/// chance once in hundreds of terabytes.
pub(crate) const BEGINNINGS: [(&[u8], &str); 9] = [
    (b"Rar!\x1a\x07\x00", "a RAR archive"),
    (b"Rar!\x1a\x07\x01\x00", "a RAR archive"),
    (b"7z\xbc\xaf\x27\x1c", "a 7z archive"),
    (b"MSCF\0\0\0\0", "a cabinet"),
    (b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1", "an Office file"),
    (b"\x7fELF\x02\x01\x01\0", "a program"),
    (b"This program cannot be run in DOS mode", "a program"),
    (b"koly\0\0\0\x04\0\0\x02\0", "a macOS disk image"),
    (b"conectix\0\0\0\x02", "a virtual disk"),
];
/// Bytes that are held back so that what is looked for is seen before any of it went on: a ZIP archive's last record without its
/// comment (APPNOTE, 4.3.16), and the longest of the others, but one.
const HELD: usize = 40;
/// Bytes of plain text on end that film or sound never has: words of songs and pictures in letters are shorter.
const MOST_ASCII: usize = 256 << 10;

impl Transfer {
    pub(super) fn media(&mut self, skip: usize) -> Step {
        if !self.passed_some {
            // The beginning, as much as there is, from where the first frame begins.
            let window = self.pending.get(skip..).unwrap_or_default();
            if let Some(why) = foreign(&[], self.pending.get(..skip).unwrap_or_default()) {
                return Step::Reset(why);
            }
            let (window, count) = (Bytes::copy_from_slice(window), self.pending.len());
            self.seen.extend_from_slice(self.pending.get(count.saturating_sub(HELD)..).unwrap_or_default());
            return self.inspect(window, count);
        }
        if let Some(why) = foreign(&self.seen, &self.pending) {
            return Step::Reset(why);
        }
        let count = if self.ended { self.pending.len() } else { self.pending.len().saturating_sub(HELD) };
        if count == 0 {
            return Step::Wait;
        }
        let passing = self.pending.get(..count).unwrap_or_default();
        let ascii = passing.iter().rev().take_while(|byte| matches!(byte, b'\t' | b'\n' | b'\r' | 0x20..=0x7e)).count();
        self.ascii = if ascii == count { self.ascii + count } else { ascii };
        if self.ascii > MOST_ASCII {
            return Step::Reset("it continued with text");
        }
        self.seen.extend_from_slice(passing);
        let from = self.seen.len().saturating_sub(HELD);
        self.seen = self.seen.split_off(from);
        self.pass(count)
    }
}

/// What further bytes of film or sound show to be none.
fn foreign(before: &[u8], new: &[u8]) -> Option<&'static str> {
    let mut all = Vec::with_capacity(before.len() + new.len());
    all.extend_from_slice(before);
    all.extend_from_slice(new);
    if marked(&all).is_some() {
        return Some("it continued with an archive, a program or a disk");
    }
    zip_ends_in(&all).then_some("it continued with a ZIP archive")
}

/// What begins in these bytes.
pub(crate) fn marked(bytes: &[u8]) -> Option<&'static str> {
    BEGINNINGS.iter().find(|(beginning, _)| memmem::find(bytes, beginning).is_some()).map(|(_, what)| *what)
}

/// Whether the last record of a ZIP archive stands there (APPNOTE, 4.3.16): of the only disk, its entries twice the same.
fn zip_ends_in(bytes: &[u8]) -> bool {
    memmem::find_iter(bytes, b"PK\x05\x06").any(|at| {
        let record = bytes.get(at..).unwrap_or_default();
        record.len() >= 22
            && record.get(4..).is_some_and(|disks| disks.starts_with(&[0; 4]))
            && record.get(8..10) == record.get(10..12)
            && record.get(8..).is_some_and(|entries| !entries.starts_with(&[0; 2]))
    })
}

/// What the last bytes of a file belong to, where it is found from its end.
pub(crate) fn hung_behind(tail: &[u8]) -> Option<&'static str> {
    // APPNOTE, 4.3.16: the only disk, its entries twice the same, and a comment that fits.
    let zip = memmem::rfind_iter(tail, b"PK\x05\x06").any(|at| {
        let record = tail.get(at..).unwrap_or_default();
        let number = |at: usize| match record.get(at..at + 2) {
            Some(&[low, high]) => Some(usize::from(u16::from_le_bytes([low, high]))),
            _ => None,
        };
        number(8) == number(10)
            && number(4) == number(6)
            && number(20).is_some_and(|comment| 22 + comment <= record.len())
    });
    let last = tail.get(tail.len().saturating_sub(512)..).unwrap_or_default();
    if zip {
        Some("a ZIP archive")
    } else if last.starts_with(b"koly\0\0\0\x04\0\0\x02\0") {
        Some("a macOS disk image")
    } else if last.starts_with(b"conectix") {
        Some("a virtual disk")
    } else {
        None
    }
}
