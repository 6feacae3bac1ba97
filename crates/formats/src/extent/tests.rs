use super::hidden::{PATTERNS, SIGNATURES};
use crate::Content;
use crate::testing::budget;

/// A program's headers, as far as they are looked at.
fn program() -> Vec<u8> {
    let mut bytes = vec![0; 0x200];
    bytes[..2].copy_from_slice(b"MZ");
    bytes[0x3c] = 0x80;
    bytes[0x80..0x88].copy_from_slice(b"PE\0\0\x4c\x01\x01\0");
    bytes
}

fn seven_zip() -> Vec<u8> {
    let mut start = vec![0; 20];
    start[8] = 4;
    let mut crc = flate2::Crc::new();
    crc.update(&start);
    [&b"7z\xbc\xaf\x27\x1c\0\x04"[..], &crc.sum().to_le_bytes(), &start, b"last"].concat()
}

fn gzip() -> Vec<u8> {
    let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::default());
    std::io::Write::write_all(&mut encoder, b"LAZARET-MARKER, packed").unwrap();
    encoder.finish().unwrap()
}

#[track_caller]
fn found(bytes: Vec<u8>) -> Vec<u64> {
    super::hidden(&Content::from(bytes), true, |_| Ok(true), &mut budget()).unwrap().0
}

fn end(kind: &str, content: &Content) -> std::io::Result<(Option<u64>, bool)> {
    super::end(kind, content, &mut budget())
}

#[test]
fn what_is_hidden_is_found_at_any_place() {
    assert!(SIGNATURES.work() && PATTERNS.iter().skip(1).all(|mark| SIGNATURES.find(mark).count() == 1));
    let zip = [&b"PK\x03\x04\x14\0\0\0\x08\0"[..], &[0; 16], b"\x05\0\0\0a.txt"].concat();
    for (what, bytes) in [
        ("program", program()),
        ("7z", seven_zip()),
        ("gzip", gzip()),
        ("zip", zip),
        ("rar4", [&b"Rar!\x1a\x07\0"[..], b"\xcf\x90\x73\0\0\x0d"].concat()),
        ("cab", [&b"MSCF\0\0\0\0"[..], &[0; 16], &[3, 1, 1, 0]].concat()),
        ("mach-o", [&b"\xcf\xfa\xed\xfe\x07\0\0\x01\x03\0\0\0\x02\0\0\0\x02\0\0\0\x60\0\0\0"[..], &[0; 104]].concat()),
        ("lnk", b"L\0\0\0\x01\x14\x02\0\0\0\0\0\xc0\0\0\0\0\0\0F".to_vec()),
    ] {
        for before in [1, 7, 500, (4 << 20) - 300, (4 << 20) - 1, (4 << 20) + 9_000] {
            let whole = [vec![b'.'; before], bytes.clone(), vec![b'.'; 9_000]].concat();
            assert_eq!(found(whole), [before as u64], "{what} behind {before}");
        }
    }
}

#[test]
fn a_signature_alone_is_nothing() {
    for signature in PATTERNS.iter().filter(|signature| signature.len() < 20) {
        for around in [b'.', 0, 0xff] {
            let whole = [vec![around; 600], signature.to_vec(), vec![around; 600]].concat();
            assert_eq!(found(whole), [0; 0], "{signature:?} among {around}");
        }
    }
    // What a text may say of them.
    let text = "7z\u{bc} Rar! MSCF PK PE ELF ustar ".repeat(1_000);
    assert_eq!(found(text.into_bytes()), [0; 0]);
}

#[track_caller]
fn check(kind: &str, bytes: &[u8]) {
    let length = bytes.len() as u64;
    for behind in [&b""[..], b"x", b"PK\x03\x04 and more", &[0; 100]] {
        let whole = [bytes, behind].concat();
        assert_eq!(end(kind, &Content::from(whole)).unwrap().0, Some(length), "{kind}");
    }
}

/// A program of Linux with one segment of so many bytes and no sections.
fn elf(length: u64) -> Vec<u8> {
    let mut head = vec![0; 64 + 56];
    head[..20].copy_from_slice(b"\x7fELF\x02\x01\x01\0\0\0\0\0\0\0\0\0\x02\0\x3e\0");
    head[32] = 64;
    head[52] = 64;
    head[54] = 56;
    head[56] = 1;
    head[64 + 32..64 + 40].copy_from_slice(&length.to_le_bytes());
    head.resize(length as usize, 0x90);
    head
}

#[test]
fn what_stands_behind_a_program_is_a_part_where_it_is_known() {
    let dos = [&b"MZ\0\0\x01\0"[..], &[0; 506]].concat();
    for program in [elf(600), dos] {
        let settings = [&b";!@Install@!UTF-8!\n"[..], &seven_zip()].concat();
        for (behind, parts) in [(&gzip()[..], 2), (&settings[..], 2), (&b"data of its own"[..], 1)] {
            let found = crate::testing::walk([&program[..], behind].concat(), "setup");
            let own = found.parts.iter().filter(|part| part.depth <= 1).count();
            assert_eq!(own, parts, "{behind:?} {:?}", found.parts);
        }
    }
}

#[test]
fn what_stands_behind_a_program_of_windows_or_a_compound_file_is_found_at_any_distance() {
    let program = crate::testing::build::pe(true, 0x0022, 2, &[]);
    let document = crate::testing::build::compound(&[("WordDocument", b"x")]);
    for own in [program, document] {
        for between in [0, 600_000] {
            let filler = vec![b'.'; between];
            let found = crate::testing::walk([&own[..], &filler, &seven_zip()].concat(), "setup");
            let seen = found.parts.iter().filter(|part| part.is("7z")).count();
            assert_eq!(seen, 1, "{} {between}: {:?}", found.parts[0].kind.id, found.parts);
        }
        assert_eq!(crate::testing::walk([&own[..], b"data of its own"].concat(), "setup").parts.len(), 1);
    }
}

#[test]
fn an_archive_in_a_compound_file_is_found_behind_its_end_and_within() {
    use crate::testing::{build, walk};
    let jar = build::crc_less_zip(&[("META-INF/MANIFEST.MF", b"x")]);
    // What was signed stays signed with an archive behind it (CVE-2020-1464).
    let installer = build::compound(&[("\u{4840}\u{3f3f}", b"x")]);
    for between in [&b""[..], &[b'.'; 5000]] {
        let found = walk([&installer[..], between, &jar].concat(), "setup.msi");
        assert_eq!(found.parts.iter().filter(|part| part.is("jar")).count(), 1, "{:?}", found.parts);
    }
    // In a stream, where readers of archives find it and nothing says that it is one.
    let stream = [&b"\x0f\x00drawing"[..], &jar, b"behind"].concat();
    let found = walk(build::compound(&[("PowerPoint Document", &stream)]), "talk.ppt");
    assert_eq!(found.parts.iter().filter(|part| part.is("jar")).count(), 1, "{:?}", found.parts);
    // Pieces of archives that lead nowhere are what drawings of presentations are made of.
    let mut piece = jar.clone();
    piece.iter_mut().filter(|byte| **byte == 3).for_each(|byte| *byte = 9);
    let found = walk(build::compound(&[("PowerPoint Document", &piece)]), "talk.ppt");
    assert!(found.complete() && found.findings.is_empty(), "{:?}", found.findings);
}

#[test]
fn no_package_of_xml_hides_an_archive_in_a_compound_file() {
    use crate::testing::{build, walk};
    let holds = |file: Vec<u8>, what: &str| {
        let found = walk(file, "talk.ppt");
        assert!(found.parts.iter().any(|part| part.name == "META-INF/MANIFEST.MF"), "{what}: {:?}", found.parts);
    };
    let decoy = build::crc_less_zip(&[("a.xml", b"<a/>")]);
    // The package is the archive's comment, and its end record is the last.
    let mut jar = build::crc_less_zip(&[("META-INF/MANIFEST.MF", b"x")]);
    jar.truncate(jar.len() - 2);
    let stream = [&b"drawing"[..], &jar, &(decoy.len() as u16).to_le_bytes(), &decoy].concat();
    holds(build::compound(&[("PowerPoint Document", &stream)]), "an end record behind it");
    // The directory is as short as its last entry by its length, and whole by its place.
    let jar = build::crc_less_zip(&[("META-INF/MANIFEST.MF", b"x"), ("a.xml", b"<a/>")]);
    let mut file = build::compound(&[("PowerPoint Document", &[&b"drawing"[..], &jar].concat())]);
    let base = memchr::memmem::find(&file, b"PK\x03\x04").unwrap();
    let first = memchr::memmem::find(&file, b"PK\x01\x02").unwrap();
    let second = memchr::memmem::rfind(&file, b"PK\x01\x02").unwrap();
    let end = memchr::memmem::rfind(&file, b"PK\x05\x06").unwrap();
    let next = memchr::memmem::rfind(&file, b"PK\x03\x04").unwrap();
    for (at, number) in [(first + 42, base), (second + 42, next), (end + 12, end - second), (end + 16, first)] {
        file[at..at + 4].copy_from_slice(&(number as u32).to_le_bytes());
    }
    holds(file, "a length that is too small");
}

#[test]
fn a_program_in_a_document_that_nothing_opens_is_a_part() {
    let book = [&b"\xf7\x02\x01\x83\x92\xc0\x1c\x3b\0\0\0\0\x03\xe8"[..], &[0x9b; 400]].concat();
    let alone = crate::testing::walk(book.clone(), "a.dvi");
    assert_eq!((alone.parts[0].kind.id.as_ref(), alone.parts.len()), ("dvi", 1));
    let program = crate::testing::build::pe(true, 0x0022, 2, &[]);
    let found = crate::testing::walk([&book[..], &program, &[0; 400]].concat(), "a.dvi");
    assert!(found.parts.iter().any(|part| part.name.starts_with("hidden-at-414")), "{:?}", found.parts);
}

#[test]
fn formats_say_where_they_end() {
    check("elf-executable", &elf(600));
    check("7z", &seven_zip());
    let chunk = |kind: &[u8; 4], data: &[u8]| [&(data.len() as u32).to_be_bytes()[..], kind, data, &[0; 4]].concat();
    check(
        "png",
        &[b"\x89PNG\r\n\x1a\n", &chunk(b"IHDR", &[0; 13])[..], &chunk(b"IDAT", b"xx"), &chunk(b"IEND", b"")].concat(),
    );
    check(
        "gif",
        b"GIF89a\x01\0\x01\0\x80\0\0abcdef\x21\xf9\x04\0\0\0\0\0\x2c\0\0\0\0\x01\0\x01\0\0\x02\x02\x44\x01\0\x3b",
    );
    check("jpeg", b"\xff\xd8\xff\xe0\0\x04ab\xff\xda\0\x03a\x12\xff\0\x34\xff\xd0\x56\xff\xd9");
    check("wav", b"RIFF\x05\0\0\0WAVEx\0");
    check("mp4", b"\0\0\0\x10ftypisom\0\0\0\0\0\0\0\x0amdatxx");
    let rar = [
        &b"Rar!\x1a\x07\x01\0"[..],
        b"\0\0\0\0\x03\x01\0\0",
        b"\0\0\0\0\x05\x02\x02\x03ab",
        b"xyz",
        b"\0\0\0\0\x03\x05\0\0",
    ];
    check("rar5", &rar.concat());
}

#[test]
fn what_leads_nowhere_has_no_end() {
    for (kind, bytes) in [
        ("png", &b"\x89PNG\r\n\x1a\n\xff\xff\xff\xffIDAT"[..]),
        ("gif", b"GIF89a\x01\0\x01\0\0\0\0\x99"),
        ("jpeg", b"\xff\xd8\x00\x00"),
        ("rar5", b"Rar!\x1a\x07\x01\0"),
        ("7z", b"7z\xbc\xaf\x27\x1c"),
        ("wav", b"RIFF\0\0\0\0WAVE"),
        ("text", b"hello"),
    ] {
        assert_eq!(end(kind, &Content::from(bytes.to_vec())).unwrap().0, None, "{kind}");
    }
}

#[test]
fn a_program_in_a_gap_of_7z_is_a_part() {
    use sevenz_rust2::{ArchiveEntry, ArchiveWriter};
    let mut writer = ArchiveWriter::new(std::io::Cursor::new(Vec::new())).unwrap();
    writer.push_archive_entry(ArchiveEntry::new_file("a.txt"), Some(&b"A note."[..])).unwrap();
    let plain = writer.finish().unwrap().into_inner();
    let alone = crate::testing::walk(plain.clone(), "a.7z");
    assert_eq!(alone.parts.len(), 2, "{:?}", alone.parts);
    let at = 32 + u64::from_le_bytes(plain[12..20].try_into().unwrap()) as usize;
    let program = crate::testing::build::pe(true, 0x0022, 2, &[]);
    let mut start = plain[12..32].to_vec();
    start[..8].copy_from_slice(&((at - 32 + program.len()) as u64).to_le_bytes());
    let mut crc = flate2::Crc::new();
    crc.update(&start);
    let head = [&plain[..8], &crc.sum().to_le_bytes(), &start].concat();
    let found = crate::testing::walk([&head[..], &plain[32..at], &program, &plain[at..]].concat(), "a.7z");
    assert!(found.parts.iter().any(|part| part.name == "a.txt"), "{:?}", found.parts);
    assert!(found.parts.iter().any(|part| part.kind.id == "pe64"), "{:?}", found.parts);
}

#[test]
fn a_packed_glyph_of_a_font_is_no_hidden_file_and_a_packed_program_is_one() {
    let font = [&b"\0\x01\0\0\0\x01\0\0\0\0\0\0SVG \0\0\0\0\0\0\0\x1c\0\0\x40\0"[..], &[0x81; 600]].concat();
    let packed = |bytes: &[u8]| {
        let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::default());
        std::io::Write::write_all(&mut encoder, bytes).unwrap();
        encoder.finish().unwrap()
    };
    let of = |inner: &[u8]| {
        let found = crate::testing::walk([&font[..], &packed(inner), &[0x9b; 9000]].concat(), "a.ttf");
        assert_eq!(found.parts[0].kind.id, "ttf");
        found.parts.into_iter().skip(1).map(|part| part.kind.id.to_string()).collect::<Vec<_>>()
    };
    assert_eq!(of(b"<svg xmlns='http://www.w3.org/2000/svg'><path d='M0 0'/></svg>"), [""; 0]);
    let program = crate::testing::build::pe(true, 0x0022, 2, &[]);
    assert_ne!(of(&program), [""; 0]);
}
