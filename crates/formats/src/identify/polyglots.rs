//! What the same bytes also open as: data before, after and beside the format that comes first.

use super::probe::{Found, Probe, has, has_any_case};
use super::programs::Pe;
use super::{magic, zips};
use crate::encoding::Encoding;
use crate::kinds;
use lazaret_model::Class;

/// Bytes after a program or picture that are searched for an archive.
const SEARCHED: usize = 256 << 10;

/// What stands near the end of a program that PyInstaller made (`pyi_archive.h`), before a signature if there is one.
const PYINSTALLER: &[u8] = b"MEI\x0c\x0b\x0a\x0b\x0e";
/// How a compound file begins.
const COMPOUND: &[u8] = b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1";
/// Bytes of a script in which it says what made it.
const PREFACE: usize = 4096;

pub(super) fn look(probe: &Probe<'_>, found: &mut Found) {
    let Some(first) = found.first() else {
        headless(probe, found);
        return;
    };
    let class = kinds::kind(first).map_or(Class::Unknown, |row| row.class);
    // A document's header may stand anywhere in the first 1024 bytes (ISO 32000-1, Annex H, note 13).
    if !found.has("pdf") && late_pdf(probe.head()) {
        found.add("pdf");
    }
    let zip_based = probe.head().starts_with(b"PK");
    let packed = matches!(class, Class::Archive | Class::DiskImage) && first != "tar";
    // Their content is opened, and what follows them; as it lies in them, it may be in pieces.
    let packed = packed || matches!(first, "pkcs7" | "pgp-binary");
    // Their own data holds archives, in pieces or whole: those are looked for one by one (`extent.rs`).
    let holds_archives = first == "sqlite" || probe.head().starts_with(COMPOUND);
    if !zip_based
        && !packed
        && !holds_archives
        && let Some(id) = zips::at_the_end(probe)
    {
        found.add(id);
    }
    match class {
        Class::Executable | Class::Library if probe.head().starts_with(b"MZ") => after_program(probe, found),
        Class::Image | Class::Audio | Class::Video => after_picture(probe, found),
        Class::Script | Class::Text => after_script(probe.head(), found),
        _ => {}
    }
    // A message whose every byte is a letter of some alphabet.
    if probe.encoding() == Some(Encoding::Utf8)
        && probe.head().first().is_some_and(|byte| *byte >= 0x80)
        && magic::pgp(probe)
    {
        found.add("pgp-binary");
    }
    if matches!(class, Class::Executable | Class::Library) && has(&probe.tail(SEARCHED).1, PYINSTALLER) {
        found.add("pyinstaller");
    }
    // `mshta` runs the page in whatever it is given. Drawings in markup are pages themselves.
    let binary = probe.encoding().is_none();
    let media = binary && matches!(class, Class::Image | Class::Audio | Class::Video | Class::Font);
    if media || matches!(first, "lnk" | "gif" | "bmp" | "jpeg" | "png" | "ico" | "cab" | "chm") {
        page_within(probe.head(), found);
    } else if binary && class == Class::Data || first == "pdf" {
        // Data and documents hold pages, but no applications.
        let application = |bytes: &[u8]| has_any_case(bytes, b"<hta:application");
        if application(probe.head()) || first == "pdf" && application(&probe.tail(SEARCHED).1) {
            found.add("hta");
        }
    }
    if matches!(first, "gif" | "bmp") {
        script_within(probe.head(), found);
    }
    if probe.sees_all()
        && !matches!(first, "iso9660" | "udf")
        && matches!(class, Class::Executable | Class::DiskImage | Class::Document)
    {
        super::disks::optical(probe, found);
    }
}

/// Bytes that nothing recognised: an archive or page may start further on.
fn headless(probe: &Probe<'_>, found: &mut Found) {
    if late_pdf(probe.head()) {
        found.add("pdf");
    }
    if let Some(id) = zips::at_the_end(probe) {
        found.add(id);
    }
    archive_in(probe.head(), found);
    page_within(probe.head(), found);
}

fn late_pdf(head: &[u8]) -> bool {
    // LIMIT: ISO 32000-1, annex H, note 13: readers look no further.
    let start = head.get(..1024).unwrap_or(head);
    let Some(at) = memchr::memmem::find(start, b"%PDF-") else { return false };
    let rest = head.get(at..).unwrap_or_default();
    matches!(rest.get(5..8), Some([b'0'..=b'9', b'.', b'0'..=b'9'])) && has(rest, b" obj")
}

/// The data after a program's last section: self-extractors, and whatever else was appended.
fn after_program(probe: &Probe<'_>, found: &mut Found) {
    let Some((start, end)) = Pe::of(probe).and_then(|pe| pe.overlay(probe.len())) else { return };
    // LIMIT: which installer it is; archives further on are found by their signatures (`extent.rs`).
    let wanted = usize::try_from(end - start).unwrap_or(usize::MAX).min(SEARCHED);
    let overlay = probe.at(start, wanted);
    archive_in(&overlay, found);
    // NSIS: flags, then this signature ("first header" of the exehead).
    if has(&overlay, b"\xef\xbe\xad\xdeNullsoftInst") {
        found.add("nsis");
    }
    if has(&overlay, b"Inno Setup Setup Data") || overlay.starts_with(b"zlb\x1a") || overlay.starts_with(b"idska32\x1a")
    {
        found.add("inno-setup");
    }
    page_within(&overlay, found);
}

/// Scripts for a shell that unpack what stands behind them, by what they say of themselves.
fn after_script(head: &[u8], found: &mut Found) {
    // LIMIT: these programs write their mark at the beginning; archives further on are found by their signatures.
    let preface = head.get(..PREFACE).unwrap_or(head);
    if has(preface, b"\n# This script was generated using Makeself") {
        found.add("makeself");
    }
    // GNU sharutils, and others before it.
    if preface.starts_with(b"#") && has(preface, b"\n# This is a shell archive") {
        found.add("shar");
    }
}

fn after_picture(probe: &Probe<'_>, found: &mut Found) {
    let (_, tail) = probe.tail(SEARCHED);
    let from = if tail.len() as u64 == probe.len() { 16 } else { 0 };
    archive_in(tail.get(from..).unwrap_or_default(), found);
    if probe.len() > tail.len() as u64 {
        archive_in(probe.head().get(16..).unwrap_or_default(), found);
    }
}

/// Signatures of archives that openers find by themselves; each is long enough not to occur by chance.
fn archive_in(bytes: &[u8], found: &mut Found) {
    const SIGNATURES: &[(&[u8], &str)] = &[
        (b"Rar!\x1a\x07\x01\x00", "rar5"),
        (b"Rar!\x1a\x07\x00", "rar4"),
        (b"7z\xbc\xaf\x27\x1c\x00", "7z"),
        (b"MSCF\0\0\0\0", "cab"),
    ];
    for (signature, id) in SIGNATURES {
        // A few letters occur in compressed data by chance: what must follow them is looked at as well.
        let mut places = memchr::memmem::find_iter(bytes, signature);
        let real = |at: usize| match *id {
            // The first header is that of an archive, or of a comment or a mark of old versions (RAR 4.x technical note).
            "rar4" => matches!(bytes.get(at.saturating_add(9)), Some(0x72..=0x7b)),
            // Version 0 (7zFormat.txt).
            "7z" => bytes.get(at.saturating_add(6)) == Some(&0),
            // Version 1.3 (MS-CAB, CFHEADER).
            "cab" => bytes.get(at.saturating_add(24)..at.saturating_add(26)) == Some(&[3, 1]),
            _ => true,
        };
        if places.any(real) {
            found.add(id);
        }
    }
}

/// A page that a browser or `mshta` would find among other bytes.
fn page_within(bytes: &[u8], found: &mut Found) {
    if has_any_case(bytes, b"<hta:application") {
        found.add("hta");
    } else if has_any_case(bytes, b"<script") && (has_any_case(bytes, b"</script") || has_any_case(bytes, b"<html")) {
        found.add("html");
    }
}

/// A picture whose header is also a script: `GIF89a=...` or `BM/*`.
fn script_within(head: &[u8], found: &mut Found) {
    let prefix = match head {
        [b'G', b'I', b'F', b'8', b'7' | b'9', b'a', rest @ ..] => rest,
        [b'B', b'M', rest @ ..] => rest,
        _ => return,
    };
    let opens = matches!(prefix, [b'=', ..] | [b'/', b'*', ..] | [_, _, b'=', ..])
        || prefix.get(..4).is_some_and(|p| p.contains(&b'='));
    let words: [&[u8]; 5] = [b"alert(", b"function", b"eval(", b"activexobject", b"document."];
    if opens && (has(head, b"*/") || prefix.first() == Some(&b'=')) && words.iter().any(|w| has_any_case(head, w)) {
        found.add("js");
    }
}
