//! What is hidden anywhere in bytes, told by a signature and by what else must then be so.

use super::MOST_HIDDEN;
use crate::marks::Marks;
use crate::{Budget, Content};
use std::io;
use std::sync::LazyLock;

/// Bytes that are searched at a time.
pub(super) const WINDOW: usize = 4 << 20;
/// Bytes by which windows overlap: what a signature is verified by stands that near.
pub(super) const OVERLAP: usize = 8 << 10;

/// Steps that it takes to ask whether something counts, which is to identify it.
const ASKING: u64 = 4 << 10;

/// Signatures of streams and tapes, which hold one thing each or say little of what they hold.
const STREAMS: std::ops::RangeInclusive<usize> = 9..=11;

/// Where something begins that is a file of another kind, verified by more than its signature, and that `counts` by its place; and
/// whether there were more. Without `streams`, what is packed as one, which some data is made of, is left to those who unpack it.
///
/// Where the budget is exhausted, only what was found before.
pub(super) fn hidden(
    content: &Content,
    streams: bool,
    counts: impl Fn(u64) -> io::Result<bool>,
    budget: &mut Budget,
) -> io::Result<(Vec<u64>, bool)> {
    let mut found = Vec::new();
    let mut at = 0;
    while at < content.len() {
        let window = content.window(at, WINDOW + OVERLAP)?;
        if budget.step(window.len() as u64).is_err() {
            return Ok((found, false));
        }
        // Two letters would make every search for longer marks slower.
        let programs = memchr::memmem::find_iter(&window, PATTERNS[0]).map(|start| (0, start));
        let others = SIGNATURES.find(&window).map(|hit| (hit.pattern().as_usize() + 1, hit.start()));
        for (signature, place) in programs.chain(others) {
            if !streams && STREAMS.contains(&signature) {
                continue;
            }
            if budget.step(cost(signature)).is_err() {
                return Ok((found, false));
            }
            // What lies in the overlap is met twice: here with what stands before it, in the next window with what follows.
            let Some(start) = begins(signature, &window, place) else { continue };
            let start = at + start as u64;
            if start > 0 && !found.contains(&start) {
                if budget.step(ASKING).is_err() {
                    return Ok((found, false));
                }
                if !counts(start)? {
                    continue;
                }
                // LIMIT: `hung_on` hands on that there was more, and the walk says so.
                if found.len() >= MOST_HIDDEN {
                    return Ok((found, true));
                }
                found.push(start);
            }
        }
        at += WINDOW as u64;
    }
    found.sort_unstable();
    Ok((found, false))
}

/// Signatures by which something hidden is found, each with what else must be so (`begins`).
pub(super) const PATTERNS: [&[u8]; 15] = [
    b"MZ",
    b"\x7fELF",
    b"Rar!\x1a\x07\x00",
    b"Rar!\x1a\x07\x01\x00",
    b"7z\xbc\xaf\x27\x1c",
    b"MSCF\0\0\0\0",
    b"PK\x03\x04",
    b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1",
    b"L\0\0\0\x01\x14\x02\0\0\0\0\0\xc0\0\0\0\0\0\0F",
    b"ustar",
    b"\xfd7zXZ\0",
    b"\x1f\x8b\x08",
    b"\xcf\xfa\xed\xfe",
    b"\xce\xfa\xed\xfe",
    b"\xca\xfe\xba\xbe\0\0\0",
];

/// Steps that it takes to verify a signature.
const fn cost(signature: usize) -> u64 {
    match signature {
        // A checksum over a block, and a decoder that has to be made.
        9 => 512,
        11 => 16 << 10,
        _ => 32,
    }
}

/// All of them but the first.
pub(super) static SIGNATURES: LazyLock<Marks> = LazyLock::new(|| Marks::new(PATTERNS.into_iter().skip(1)));

/// Whether bytes begin as a program or a shortcut does, by more than its signature.
pub(super) fn runs(bytes: &[u8]) -> bool {
    [0, 1, 8, 12, 13, 14].iter().any(|signature| is(*signature, bytes))
}

/// Whether bytes begin as what begins as a program may.
pub(super) fn may_run(bytes: &[u8]) -> bool {
    [0, 1, 8, 12, 13, 14].iter().any(|signature| PATTERNS.get(*signature).is_some_and(|mark| bytes.starts_with(mark)))
}

/// Whether bytes begin as an archive or a compound file does, by more than its signature.
pub(super) fn carries(bytes: &[u8]) -> bool {
    [2, 3, 4, 5, 6, 7].iter().any(|signature| is(*signature, bytes))
}

/// Whether bytes begin as any file that is found by a signature.
pub(super) fn begins_a_file(bytes: &[u8]) -> bool {
    (0..PATTERNS.len()).any(|signature| is(signature, bytes))
}

fn is(signature: usize, bytes: &[u8]) -> bool {
    PATTERNS.get(signature).is_some_and(|mark| bytes.starts_with(mark)) && begins(signature, bytes, 0) == Some(0)
}

/// Where the file begins of which this signature is a part, if it really is one.
fn begins(signature: usize, bytes: &[u8], at: usize) -> Option<usize> {
    let from = bytes.get(at..)?;
    let small = |place: usize| from.get(place..place + 2)?.try_into().ok().map(u16::from_le_bytes);
    let number = |place: usize| from.get(place..place + 4)?.try_into().ok().map(u32::from_le_bytes);
    match signature {
        // The DOS header says where the program's own stands, of a machine that Windows runs on (PE format, "MS-DOS Stub").
        0 => {
            let place = usize::try_from(number(0x3c)?).ok().filter(|place| *place <= 4096)?;
            let &[b'P', b'E', 0, 0, low, high, few, many] = from.get(place..place + 8)? else { return None };
            let machine = matches!((low, high), (0x4c, 0x01) | (0x64, 0x86 | 0xaa));
            (machine && (1..=96).contains(&u16::from_le_bytes([few, many]))).then_some(at)
        }
        // Class, byte order, version; type and machine of a program (ELF, "ELF header").
        1 => {
            let &[class @ (1 | 2), order @ (1 | 2), 1] = from.get(4..7)? else { return None };
            let read = |place: usize| {
                let pair = from.get(place..place + 2)?.try_into().ok()?;
                Some(if order == 1 { u16::from_le_bytes(pair) } else { u16::from_be_bytes(pair) })
            };
            let header = read(if class == 1 { 40 } else { 52 })?;
            ((1..=4).contains(&read(16)?) && read(18)? > 0 && header == if class == 1 { 52 } else { 64 }).then_some(at)
        }
        // The header's size is that of an archive header, and its type (RAR 4.x technical note).
        2 => (from.get(9) == Some(&0x73) && small(12)? >= 13).then_some(at),
        // A first block of the type that begins an archive, or that says it is encrypted.
        3 => (1..8).any(|place| matches!(from.get(12 + place), Some(1 | 4))).then_some(at),
        // The start header's checksum (7zFormat.txt).
        4 => {
            let mut crc = flate2::Crc::new();
            crc.update(from.get(12..32)?);
            (number(8)? == crc.sum()).then_some(at)
        }
        // Version 1.3 (MS-CAB, CFHEADER).
        5 => (from.get(24..26) == Some(&[3, 1])).then_some(at),
        // A version that exists, a known method, and a name (APPNOTE, 4.3.7).
        6 => {
            let (version, method, name) = (small(4)? & 0xff, small(8)?, usize::from(small(26)?));
            let text = from.get(30..30 + name)?;
            let fits = (10..=63).contains(&version)
                && matches!(method, 0 | 1..=6 | 8 | 9 | 10 | 12 | 14 | 93..=99)
                && (1..=1024).contains(&name)
                && !text.iter().any(|byte| *byte < 0x20);
            fits.then_some(at)
        }
        // Byte order and sector size (MS-CFB, 2.2).
        7 => (from.get(28..30) == Some(&[0xfe, 0xff]) && matches!(small(30)?, 9 | 12)).then_some(at),
        8 => Some(at),
        // The header block's checksum, with its own field as blanks (POSIX, pax, "ustar Interchange Format").
        9 => {
            let start = at.checked_sub(257)?;
            let block = bytes.get(start..start + 512)?;
            let field = block.get(148..156)?;
            let digits: String = field.iter().map(|byte| char::from(*byte)).collect();
            let said = u32::from_str_radix(digits.trim_matches(['\0', ' ']), 8).ok()?;
            let sum: u32 = block.iter().map(|byte| u32::from(*byte)).sum();
            let own: u32 = field.iter().map(|byte| u32::from(*byte)).sum();
            (sum - own + 8 * 0x20 == said).then_some(start)
        }
        // The stream flags' checksum (xz file format, 2.1.1).
        10 => {
            let mut crc = flate2::Crc::new();
            crc.update(from.get(6..8)?);
            (number(8)? == crc.sum()).then_some(at)
        }
        // Flags that exist, usual values of the rest (RFC 1952, 2.3.1), and a beginning that can be inflated.
        11 => {
            let &[flags, _, _, _, _, extra, system] = from.get(3..10)? else { return None };
            let usual = flags & 0xe0 == 0 && matches!(extra, 0 | 2 | 4) && (system <= 13 || system == 255);
            let mut out = [0; 64];
            // LIMIT: enough for names and the first block; what cannot be inflated so far is none.
            let mut decoder = flate2::bufread::GzDecoder::new(from.get(..from.len().min(OVERLAP))?);
            (usual && io::Read::read(&mut decoder, &mut out).is_ok_and(|read| read > 0)).then_some(at)
        }
        // A processor that Macs have, a type of file, and commands that fit their length (`mach-o/loader.h`).
        12 | 13 => {
            let (commands, length) = (number(16)?, number(20)?);
            let known = matches!(number(4)?, 7 | 0x0100_0007 | 12 | 0x0100_000c) && (1..=12).contains(&number(12)?);
            let fits = (1..=512).contains(&commands) && (commands * 8..1 << 20).contains(&length);
            (known && fits).then_some(at)
        }
        // A few of them, each for such a processor (`mach-o/fat.h`); Java's classes have a version there.
        14 => {
            let big = |place: usize| from.get(place..place + 4)?.try_into().ok().map(u32::from_be_bytes);
            let known = matches!(big(8)?, 7 | 0x0100_0007 | 12 | 0x0100_000c);
            let (offset, size, align) = (big(16)?, big(20)?, big(24)?);
            ((1..=8).contains(&big(4)?) && known && offset >= 28 && size > 0 && align <= 16).then_some(at)
        }
        _ => None,
    }
}
