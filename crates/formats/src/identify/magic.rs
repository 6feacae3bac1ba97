//! Magic numbers. Ours first; then those of the `file-format` crate, mapped to our rows by media type.

use super::probe::{Found, Probe, be32_at, has, u16_at, u32_at, u64_at};
use super::{instruments, marks, measured, numbers};
use crate::containers::{cms, encoder, openpgp};
use crate::encoding::Encoding;
use crate::kinds::KINDS;
use file_format::FileFormat;
use std::collections::HashMap;
use std::sync::LazyLock;

/// Offset, bytes, kind. Each is too long or too odd for text.
const MAGIC: &[(usize, &[u8], &str)] = &[
    (0, b"Rar!\x1a\x07\x01\x00", "rar5"),
    (0, b"Rar!\x1a\x07\x00", "rar4"),
    (0, b"RE\x7e\x5e", "rar14"),
    (0, b"7z\xbc\xaf\x27\x1c", "7z"),
    (0, b"L\0\0\0\x01\x14\x02\0", "lnk"),
    // MS-ONESTORE 2.3.1: {7B5C52E4-D88C-4DA7-AEB1-5378D02996D3} and {43FF2FA1-EFD9-4C76-9EE2-10EA5722765F}.
    (0, b"\xe4\x52\x5c\x7b\x8c\xd8\xa7\x4d\xae\xb1\x53\x78\xd0\x29\x96\xd3", "one"),
    (0, b"\xa1\x2f\xff\x43\xd9\xef\x76\x4c\x9e\xe2\x10\xea\x57\x22\x76\x5f", "onetoc2"),
    (0, b"\x3f\x5f\x03\x00", "hlp"),
    // MS-OXTNEF 2.1.3.1.
    (0, b"\x78\x9f\x3e\x22", "tnef"),
    (0, b"!BDN", "pst"),
    (0, b"\xcf\xad\x12\xfe", "dbx"),
    (0, b"ITSF\x03\0\0\0", "chm"),
    (0x171, b"MICROSOFT PIFEX\0", "pif"),
    (0, b"MSCF\0\0\0\0", "cab"),
    (0, b"ISc(", "installshield-cab"),
    (0, b"SZDD\x88\xf0\x27\x33", "ms-compress"),
    (0, b"KWAJ\x88\xf0\x27\xd1", "ms-compress"),
    (0, b"EGGA\0\x01", "egg"),
    (0, b"ArC\x01", "arc"),
    (0, b"MSWIM\0\0\0", "wim"),
    (0, b"hsqs", "squashfs"),
    (0, b"sqsh", "squashfs"),
    (0, b"\x45\x3d\xcd\x28", "cramfs"),
    (0, b"vhdxfile", "vhdx"),
    (0, b"conectix", "vhd"),
    // VirtualBox: `VDI_IMAGE_SIGNATURE`, behind a text of 64 bytes.
    (0x40, b"\x7f\x10\xda\xbe", "vdi"),
    (0, b"KDMV", "vmdk"),
    (0, b"COWD\x01\0\0\0", "vmdk"),
    (0, b"QFI\xfb", "qcow2"),
    (0, b"xar!\0\x1c", "pkg"),
    (0, b"\xed\xab\xee\xdb", "rpm"),
    (0, b"!<arch>\ndebian-binary", "deb"),
    (0, b"!<arch>\n", "ar"),
    (0, b"!<thin>\n", "ar"),
    (0, b"Cr24", "crx"),
    (0, b"WARC/0.", "warc"),
    (0, b"WARC/1.", "warc"),
    (0, b"filedesc://", "arc-web"),
    (0, b"\x1a\x45\xdf\xa3", "matroska"),
    (257, b"ustar", "tar"),
    (0, b"\x1f\x8b\x08", "gzip"),
    (0, b"\x1f\x9d", "compress"),
    (0, b"\xfd7zXZ\0", "xz"),
    (0, b"\x28\xb5\x2f\xfd", "zstd"),
    (0, b"\x04\x22\x4d\x18", "lz4"),
    (0, b"\x02\x21\x4c\x18", "lz4"),
    (0, b"\x37\xe4\x53\x96\xc9\xdb\xd6\x07", "zisofs"),
    (0, b"\xef\x22\x55\xa1\xbc\x1b\x95\xa0", "zisofs"),
    (0, b"LZIP\x01", "lzip"),
    (0, b"\x89LZO\0\r\n\x1a\n", "lzop"),
    (0, b"dex\n03", "dex"),
    (0, b"\0asm", "wasm"),
    (0, b"FasdUAS", "applescript-compiled"),
    (0, b"CWS", "swf"),
    (0, b"ZWS", "swf"),
    (0, b"bplist00", "plist-binary"),
    (0, b"ElfFile\0", "evtx"),
    (0, b"regf", "registry-hive"),
    (0, b"Microsoft C/C++ MSF 7.00\r\n", "pdb"),
    (0, b"MDMP\x93\xa7", "minidump"),
    (0, b"\0\0\0\0\x20\0\0\0\xff\xff\0\0\xff\xff\0\0", "compiled-resource"),
    (0, b"\x93NUMPY", "numpy"),
    (0, b"\x89HDF\r\n\x1a\n", "hdf5"),
    // Block type and byte order; the number in between would also be one of compiled Python.
    (0, b"\x0a\x0d\x0d\x0a", "pcapng"),
    (0, b"PACK\0\0\0", "git-pack"),
    (0, b"\xfftOc\0\0\0", "git-pack"),
    (0, b"TZif", "timezone"),
    (0, b"\x1a\x01", "terminfo"),
    (0, b"\x1e\x02", "terminfo"),
    (12, b"\x62\x31\x05\0", "berkeley-db"),
    (12, b"\x61\x15\x06\0", "berkeley-db"),
    (0, b"\xce\x9a\x57\x13", "gdbm"),
    (0, b"GOBJ\nMETADATA\r\n\x1a", "typelib"),
    (0, b"GVariant", "gvariant"),
    (0, b"rust\0\0\0", "rmeta"),
    (0, b"\x01fcp", "pcf"),
    (0, b"\x72\xb5\x4a\x86", "psf"),
    (0, b"\x36\x04", "psf"),
    (6, b"%!PS-AdobeFont", "type1"),
    (6, b"%!FontType1", "type1"),
    (0, b"\x80\x02]", "pickle"),
    // What PyTorch began its files with before it took to ZIP.
    (0, b"\x80\x02\x8a\x0al\xfc\x9cF\xf9 j\xa8P\x19.", "pickle"),
    (0, b"\xde\x12\x04\x95", "mo"),
    (0, b"\x95\x04\x12\xde", "mo"),
    (0, b"Xcur\x10\0\0\0", "xcursor"),
    (0, b"\xc5\xd0\xd3\xc6", "eps"),
    // RFC 1740, appendix A.
    (0, b"\0\x05\x16\x07\0", "appledouble"),
    (0, b"\0\x05\x16\0\0", "applesingle"),
    (0, b"\0\0\0\x01Bud1", "ds-store"),
    // Qt Linguist: `.qm` of version 4.
    (0, b"\x3c\xb8\x64\x18\xca\xef\x9c\x95\xcd\x21\x1c\xbf\x60\xa1\xbd\xdd", "qm"),
    (0, b"\x0e\x03\x13\x01", "hdf4"),
    (0, b"\0\0\0\0\0\0\0\0\0\0\0\0\xc2\xea\x81\x60\xb3\x14\x11\xcf\xbd\x92\x08\0", "sas7bdat"),
    (0, b"<stata_dta><header><release>", "dta"),
];

/// Formats of `file-format` whose media type is not that of our row, by its variant's name.
const RENAMED: &[(&str, &str)] = &[
    ("text/xml", "xml"),
    ("application/x-appimage", "appimage"),
    ("application/x-abiword-template", "abw"),
    ("application/feed+json", "json"),
    ("application/x-google-chrome-extension", "crx"),
    ("application/x-iso9660-image", "iso9660"),
    ("application/x-shockwave-flash", "swf"),
    ("application/x-squashfs", "squashfs"),
    ("application/x-tsx+xml", "tiled-map"),
    ("application/x-gettext-translation", "mo"),
    ("text/x-msdos-batch", "bat"),
    ("application/vnd.ms-outlook", "pst"),
    ("application/vnd.rar", "rar5"),
];

/// What the crate says on text, where its magic is long enough to be believed there.
const BELIEVED_IN_TEXT: &[&str] = &[
    "pem",
    "pgp-message",
    "pgp-key",
    "pgp-signature",
    "dxf",
    "stl",
    "ply",
    "a3d",
    "iges",
    "step",
    "wrl",
    "usd",
    "wat",
    "vtt",
    "flf",
    "ma",
    "m3u",
    "pls",
    "fnt",
    "xpm",
    "iqe",
    "hdr",
    "ms-developer",
    "visual-studio-solution",
    "vmdk",
    "srt",
    "subtitles",
    "abw",
    "clojure-script",
    "miff",
    "glyphs",
    "ics",
    "vcard",
    "age",
    "fits",
    "postscript",
    "eps",
];

/// Skippable frames that are passed over to tell what they precede.
const MOST_SKIPPED: usize = 64;

/// Magic numbers that no other kind shares.
pub(super) fn strong(probe: &Probe<'_>, found: &mut Found) {
    let head = probe.head();
    if head.starts_with(b"%PDF-") {
        found.add("pdf");
        return;
    }
    // Word reads anything that starts so.
    if head.trim_ascii_start().starts_with(b"{\\rt") {
        found.add("rtf");
        return;
    }
    if head.starts_with(b"bplist00") && probe.len() < 4096 && has(head, b"SURL") {
        found.add("webloc");
        return;
    }
    // Its trailer alone takes 32 bytes.
    if head.starts_with(b"bplist00") && probe.len() >= 40 && has(head, b"WebMainResource") {
        found.add("webarchive");
        return;
    }
    // An encoded character may be one that text does not have.
    if let Some(basic) = encoder::is_basic(head) {
        found.add(if basic { "vbe" } else { "jse" });
        return;
    }
    // A text may begin with the word.
    if head.starts_with(b"ActiveMime") && (head.get(10) == Some(&0) || probe.encoding().is_none()) {
        found.add("activemime");
        return;
    }
    for (offset, magic, id) in MAGIC {
        if head.get(*offset..).is_some_and(|rest| rest.starts_with(magic)) && confirmed(id, probe) {
            found.add(id);
            return;
        }
    }
    if let Some(id) = skippable(probe) {
        found.add(id);
        return;
    }
    if let Some(id) = python_code(head).or_else(|| object(head)).or_else(|| old_tar(head)) {
        found.add(id);
        return;
    }
    // A text that is signed as it is would make text of the whole message.
    if cms::is_message(head) {
        found.add("pkcs7");
        return;
    }
    if probe.encoding() != Some(Encoding::Utf8) && pgp(probe) {
        found.add("pgp-binary");
        return;
    }
    if probe.encoding().is_some() {
        return;
    }
    if head.starts_with(b"ID3") {
        found.add("mp3");
    } else if let Some(id) = der(probe)
        .or_else(|| marks::kind(probe))
        .or_else(|| by_crate(head).filter(|id| plausible(id, head) && confirmed(id, probe)))
        .or_else(|| measured::kind(probe))
        .or_else(|| numbers::kind(probe))
        .or_else(|| instruments::kind(probe))
    {
        found.add(id);
    }
}

/// Whether what follows a short mark is what must follow it: two bytes occur anywhere, and a text may begin with four letters.
fn confirmed(id: &str, probe: &Probe<'_>) -> bool {
    let head = probe.head();
    let zeros = |from: usize, to: usize| head.get(from..to).is_some_and(|bytes| bytes.iter().all(|byte| *byte == 0));
    match id {
        // RFC 1952, 2.3.1.2: reserved flags are zero.
        "gzip" => head.get(3).is_none_or(|flags| flags & 0xe0 == 0),
        // compress(1): nine to sixteen bits, and two flags that nobody uses.
        "compress" => head.get(2).is_some_and(|flags| flags & 0x60 == 0 && (9..=16).contains(&(flags & 0x1f))),
        // term(5): sizes in shorts, then the terminal's names as a text that ends in NUL.
        "terminfo" => {
            let names = usize::from(u16_at(head, 2).unwrap_or(0));
            let text = head.get(12..12 + names).unwrap_or_default();
            let readable = |byte: &u8| matches!(byte, b' '..=b'~');
            text.split_last().is_some_and(|(end, text)| *end == 0 && !text.is_empty() && text.iter().all(readable))
        }
        // PC Screen Font 1: 256 or 512 glyphs of so many bytes.
        "psf" if head.starts_with(b"\x36\x04") => {
            let (Some(mode), Some(size)) = (head.get(2), head.get(3)) else { return false };
            let glyphs: u64 = if mode & 1 == 0 { 256 } else { 512 };
            *mode <= 5 && *size > 0 && (!probe.sees_all() || 4 + glyphs * u64::from(*size) <= probe.len())
        }
        // SWF 19, chapter 2: a version, and the length of what is packed.
        "swf" => {
            head.get(3).is_some_and(|version| (1..=60).contains(version))
                && u32_at(head, 4).is_some_and(|len| (8..1 << 29).contains(&len))
        }
        "pcapng" => matches!(head.get(8..12), Some(b"\x1a\x2b\x3c\x4d" | b"\x4d\x3c\x2b\x1a")),
        // RFC 8536, 3.1.
        "timezone" => matches!(head.get(4), Some(0 | b'2'..=b'4')) && zeros(5, 20),
        // Adobe TN 5040, 3.3: the mark of a segment and its length stand before the words, and no letters.
        "type1" => head.starts_with(b"\x80\x01"),
        // Four letters of text; a number follows each.
        "crx" | "squashfs" | "registry-hive" | "vmdk" | "pst" | "installshield-cab" => {
            head.iter().take(64).any(|byte| *byte < 9)
        }
        _ => true,
    }
}

/// What stands behind skippable frames, which begin alike in Zstandard and LZ4 (RFC 8878, 3.1.2).
fn skippable(probe: &Probe<'_>) -> Option<&'static str> {
    let mut at = 0u64;
    // LIMIT: what is skipped so often is unknown, and held as that.
    for _ in 0..MOST_SKIPPED {
        let frame = probe.at(at, 8);
        match (u32_at(&frame, 0), u32_at(&frame, 4)) {
            (Some(0x184d_2a50..=0x184d_2a5f), Some(length)) => {
                at = at.saturating_add(8).saturating_add(u64::from(length));
            }
            (Some(0x184d_2204 | 0x184c_2102), _) if at > 0 => return Some("lz4"),
            // What is nothing but skipped, cut, or goes on behind the head at hand, is read by these two only.
            _ => return (at > 0).then_some("zstd"),
        }
    }
    Some("zstd")
}

/// Magic numbers so short that everything else goes first.
pub(super) fn weak(probe: &Probe<'_>, found: &mut Found) {
    let head = probe.head();
    let id = match head {
        [0x78, 0x01 | 0x5e | 0x9c | 0xda, ..] if inflates(head) => "zlib",
        [0x5d, 0, 0, ..] if lzma(head) => "lzma",
        [_, 0 | 1, 1 | 2 | 3 | 9 | 10 | 11, ..] if targa(head) => "tga",
        [0xe9 | 0xeb | 0xb4 | 0xb8 | 0xba | 0xbe | 0xbf, ..] if probe.len() <= 0xff00 && dos_command(head) => "com",
        [0x80, 2..=5, ..] if probe.tail(1).1.last() == Some(&b'.') => "pickle",
        // A frame that fits (PEP 3154); anything may follow the end.
        [0x80, 4 | 5, 0x95, ..] if u64_at(head, 3).is_some_and(|len| len <= probe.len()) => "pickle",
        [0xff, 0xfb | 0xfa | 0xf3 | 0xf2, ..] => "mp3",
        _ => return,
    };
    found.add(id);
}

/// Whether a zlib stream begins to unpack.
fn inflates(head: &[u8]) -> bool {
    // LIMIT: the first block alone tells.
    let mut reader = flate2::bufread::ZlibDecoder::new(head.get(..4096).unwrap_or(head));
    std::io::Read::read(&mut reader, &mut [0; 64]).is_ok()
}

/// Whether bytes are a program as `.com` files are, which have no header: a jump into the file or a register that is filled, and a
/// call of DOS with its number before it.
fn dos_command(head: &[u8]) -> bool {
    let jumps = match head {
        [0xe9, low, high, ..] => usize::from(u16::from_le_bytes([*low, *high])).saturating_add(3) < head.len(),
        [0xeb, by @ 0..=0x7f, ..] => usize::from(*by) + 2 < head.len(),
        [0xe9 | 0xeb, ..] => false,
        // Without a jump it calls soon.
        _ => return calls(head.get(..64).unwrap_or(head)),
    };
    jumps && calls(head)
}

/// `mov ah, n` or `mov ax, n`, perhaps `mov dx, n`, and `int 21h`.
fn calls(code: &[u8]) -> bool {
    memchr::memmem::find_iter(code, b"\xcd\x21").any(|at| {
        let before = code.get(at.saturating_sub(5)..at).unwrap_or_default();
        matches!(before, [.., 0xb4, _] | [.., 0xb8, _, _] | [0xb4, _, 0xba, _, _])
    })
}

/// What `file-format` says, as an id of ours.
pub(super) fn by_crate(head: &[u8]) -> Option<&'static str> {
    static BY_MEDIA_TYPE: LazyLock<HashMap<&'static str, &'static str>> = LazyLock::new(|| {
        let rows = KINDS.iter().rev().map(|row| (row.media_type, row.id));
        rows.chain(RENAMED.iter().copied()).collect()
    });
    // It needs no more than 36,870 bytes, for the rare signature that lies so deep.
    let format = FileFormat::from_bytes(head.get(..36_870).unwrap_or(head));
    BY_MEDIA_TYPE.get(format.media_type()).copied().filter(|id| *id != "unknown" && *id != "empty")
}

/// How what is believed in text begins. Few texts do, and asking the crate about all others would cost more than
/// everything else that is looked at.
const OPENINGS: &[&[u8]] = &[
    b"-----BEGIN",
    b"SIMPLE  =",
    b"BEGIN:V",
    b"#!",
    b"# Inter-Quake",
    b"age-encryption",
    b"AutoCAD",
    b"{\r",
    b"{\n",
    b"%!",
    b"ply",
    b"#VRML",
    b"id=ImageMagick",
    b"ISO-10303",
    b"  0",
    b"//Maya",
    b"[playlist]",
    b"info face=",
    b"#usda",
    b"\xef\xbb\xbfWEBVTT",
    b"WEBVTT",
    b"/* XPM */",
    b"3dmodel",
    b"#EXTM3U",
    b"(module",
    b"solid ",
    b"flf2a",
];

/// What `file-format` says about text, where it can be believed.
pub(super) fn in_text(head: &[u8]) -> Option<&'static str> {
    // IGES has its mark at the end of the first card, after 72 columns.
    if head.get(72) != Some(&b'S') && !OPENINGS.iter().any(|opening| head.starts_with(opening)) {
        return None;
    }
    by_crate(head).filter(|id| BELIEVED_IN_TEXT.contains(id))
}

/// Short magic numbers are believed only where a field or two make sense.
fn plausible(id: &str, head: &[u8]) -> bool {
    match id {
        // Programs were looked for, and two letters make none.
        _ if head.starts_with(b"MZ") || head.starts_with(b"ZM") => false,
        "bmp" => u32_at(head, 14).is_some_and(|size| matches!(size, 12 | 16 | 40 | 52 | 56 | 64 | 108 | 124)),
        "ico" | "cur" => u16_at(head, 4).is_some_and(|n| (1..=512).contains(&n)) && head.get(9) == Some(&0),
        "coff-object" => {
            let sections = u16_at(head, 2).unwrap_or(0);
            (1..=96).contains(&sections) && u16_at(head, 16) == Some(0) && head.len() > 20 + 40 * usize::from(sections)
        }
        "mpeg-ts" => head.get(376) == Some(&0x47) || head.get(388) == Some(&0x47),
        "fli" | "flc" => u16_at(head, 12) == Some(8),
        "sgi" => matches!(head.get(2..4), Some([0 | 1, 1 | 2])),
        // Two bytes alone mark the old binary form: the name's length and its end have to fit (`cpio(5)`).
        "cpio" if matches!(head, [0xc7, 0x71, ..] | [0x71, 0xc7, ..]) => {
            let pair = head.get(20..22).unwrap_or_default();
            let length = match (head.first(), pair) {
                (Some(0xc7), [low, high]) | (_, [high, low]) => usize::from(*high) << 8 | usize::from(*low),
                _ => 0,
            };
            let name = head.get(26..(26 + length).min(head.len())).unwrap_or_default();
            let ends = length <= 1024 && name.last() == Some(&0);
            ends && length > 1 && name.iter().take(length - 1).all(|byte| *byte >= b' ')
        }
        // Two bytes of a zlib stream.
        "dmg" => false,
        // Looked at by themselves (`compound`).
        "cfb" | "doc" | "xls" | "ppt" | "msi" | "msg" => false,
        "bat" | "html" | "xml" | "prg" => false,
        _ => true,
    }
}

/// CPython's magic number changes with every version and ends in CR LF; then come flags or a time.
fn python_code(head: &[u8]) -> Option<&'static str> {
    if head.get(2..4) != Some(b"\r\n") {
        return None;
    }
    let version = u16_at(head, 0)?;
    let known = (3000..=3999).contains(&version) || (20_000..=63_000).contains(&version) && head.get(8) == Some(&b'c');
    (known && (u32_at(head, 4)? <= 3 || version < 3390)).then_some("pyc")
}

/// `JS` objects, archives of Electron: a pickle of a JSON string.
fn object(head: &[u8]) -> Option<&'static str> {
    (head.starts_with(b"\x04\0\0\0") && head.get(16..26) == Some(b"{\"files\":{")).then_some("asar")
}

/// A tar from before POSIX has only its checksum (V7 `tar(5)`).
fn old_tar(head: &[u8]) -> Option<&'static str> {
    let header = head.get(..512)?;
    if header.first().is_none_or(|b| *b < b' ') || header.get(99).is_none_or(|b| *b >= 0x80) {
        return None;
    }
    let field = header.get(148..156)?;
    let digits: Vec<u8> = field.iter().copied().filter(u8::is_ascii_digit).collect();
    if digits.len() < 3 || field.iter().any(|b| !matches!(b, b'0'..=b'7' | b' ' | 0)) {
        return None;
    }
    let stated = u32::from_str_radix(std::str::from_utf8(&digits).ok()?, 8).ok()?;
    let sum: u32 =
        header.iter().enumerate().map(|(at, b)| if (148..156).contains(&at) { 32 } else { u32::from(*b) }).sum();
    (sum == stated).then_some("tar")
}

/// LZMA alone: properties 5D, a dictionary that is a power of two or 1.5 of one, and a size that is unknown or sane.
fn lzma(head: &[u8]) -> bool {
    let dictionary = u32_at(head, 1).unwrap_or(0);
    let size = u64_at(head, 5).unwrap_or(0);
    let sane =
        dictionary.is_power_of_two() || dictionary.checked_mul(2).is_some_and(|d| d % 3 == 0) || dictionary == u32::MAX;
    sane && (size == u64::MAX || size < 1 << 40)
}

/// DER (X.690): one sequence that fills the file, told apart by what comes first in it.
fn der(probe: &Probe<'_>) -> Option<&'static str> {
    let head = probe.head();
    let (skip, len) = match head {
        [0x30, 0x82, high, low, ..] => (4, u64::from(u16::from_be_bytes([*high, *low]))),
        [0x30, 0x83, a, b, c, ..] => (5, u64::from(u32::from_be_bytes([0, *a, *b, *c]))),
        [0x30, 0x84, ..] => (6, u64::from(be32_at(head, 2)?)),
        [0x30, 0x80, ..] => (2, probe.len().checked_sub(2)?),
        [0x30, 0x81, low, ..] => (3, u64::from(*low)),
        [0x30, low @ 1..=0x7f, ..] => (2, u64::from(*low)),
        _ => return None,
    };
    let end = len + skip as u64;
    if probe.sees_all() && end > probe.len() {
        return None;
    }
    let body = head.get(skip..)?;
    let long = skip > 2;
    match body {
        [2, 1, 3, 0x30, ..] if long => Some("pkcs12"),
        [0x30, 0x81..=0x84, ..] | [2, 1, 0 | 1, ..] | [0x30, ..] if long => Some("der"),
        // Answers of OCSP (RFC 6960, 4.2.1), keys and everything else that is nothing but values.
        _ if probe.sees_all() && end == probe.len() && measured::values(body, len) => Some("der"),
        _ => None,
    }
}

/// OpenPGP (RFC 9580, 4.2 and 5): a packet whose fields make sense, and behind it another one or the end.
pub(super) fn pgp(probe: &Probe<'_>) -> bool {
    let Some(first) = openpgp::first_packet(probe.head()) else { return false };
    let Some(end) = first.end else { return !first.only_by_end };
    if end == probe.len() {
        return true;
    }
    if first.only_by_end || probe.sees_all() && end > probe.len() {
        return false;
    }
    let unseen = !probe.sees_all() && end >= probe.len();
    unseen || first.may_precede(&probe.at(end, 6))
}

fn targa(head: &[u8]) -> bool {
    head.len() > 18
        && matches!(head.get(16), Some(8 | 15 | 16 | 24 | 32))
        && head.get(17).is_some_and(|d| d & 0xc0 == 0)
        && u16_at(head, 12).is_some_and(|w| w > 0)
        && u16_at(head, 14).is_some_and(|h| h > 0)
        && u16_at(head, 8).is_some_and(|x| x < 4096)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::kinds::kind;

    #[test]
    fn a_short_mark_counts_where_what_follows_it_fits() {
        let id = |bytes: &[u8]| crate::identify(&crate::Content::from(bytes)).unwrap().kind.id.to_string();
        let font = [&b"\x36\x04\0\x08"[..], &[7; 2048]].concat();
        let names = b"\x1a\x01\x05\0\0\0\0\0\0\0\0\0xtty\0";
        for (bytes, kind) in [
            (&b"\x1f\x9d\x90ab\x80"[..], "compress"),
            (&font, "psf"),
            (names, "terminfo"),
            (b"\x78\x9c\x03\0\0\0\0\x01", "zlib"),
            (b"\x0a\x0d\x0d\x0a\x1c\0\0\0\x4d\x3c\x2b\x1a\x01\0\0\0", "pcapng"),
            (b"\xb4\x09\xba\x0c\x01\xcd\x21\xb8\0\x4c\xcd\x21LAZARET$", "com"),
            (b"\xeb\x08LAZARET$\xb4\x09\xba\x02\x01\xcd\x21\xc3", "com"),
        ] {
            assert_eq!(id(bytes), kind, "{}", bytes.escape_ascii());
        }
        for bytes in [
            &b"\x1f\x9d\x21ab\x80"[..],
            b"\x36\x04\x91\x08ab\x80",
            b"\x1a\x01\x91\x88ab\x80\xff",
            b"\x78\x9c\xff\0\x01\x80\xf1",
            b"\xe9\xf0\xf0\x01\x02\xcd\x21\x03",
            b"\xeb\x02\x01\x02\xf0\xcd\x21\x03",
        ] {
            assert_eq!(id(bytes), "unknown", "{}", bytes.escape_ascii());
        }
        for text in ["CWS is a league.\n", "regf, hsqs and KDMV are marks of files.\n", "TZif files hold time zones.\n"]
        {
            assert_eq!(id(text.as_bytes()), "text", "{text}");
        }
        let remark = |mark: &str| id(format!("<!--  {mark} is a mark of a font. --><plist></plist>").as_bytes());
        assert_eq!((remark("%!PS-AdobeFont"), remark("%!FontType1")), ("plist".to_owned(), "plist".to_owned()));
    }

    #[test]
    fn every_id_has_a_row() {
        let ids = MAGIC.iter().map(|m| m.2).chain(RENAMED.iter().map(|r| r.1));
        for id in ids {
            assert!(kind(id).is_some(), "{id}");
        }
    }
}
