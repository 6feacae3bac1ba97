//! What stands in an archive where no reader of archives looks.

use super::check;
use crate::testing::build;

/// An archive of one text with bytes between it and the directory, as a comment of the archive, or as an extra field.
fn with(gap: &[u8], comment: &[u8], extra: &[u8]) -> Vec<u8> {
    let plain = build::crc_less_zip(&[("a.txt", b"A note.")]);
    let (central, end) = (30 + 5 + 7, plain.len() - 22);
    let mut out = plain[..28].to_vec();
    out.extend((extra.len() as u16).to_le_bytes());
    out.extend_from_slice(b"a.txt");
    out.extend_from_slice(extra);
    out.extend_from_slice(b"A note.");
    out.extend_from_slice(gap);
    let start = out.len() as u32;
    out.extend_from_slice(&plain[central..end + 16]);
    out.extend(start.to_le_bytes());
    out.extend((comment.len() as u16).to_le_bytes());
    out.extend_from_slice(comment);
    out
}

fn gzip(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::default());
    std::io::Write::write_all(&mut encoder, bytes).unwrap();
    encoder.finish().unwrap()
}

#[test]
fn a_program_in_gaps_comments_and_extra_fields_is_a_part() {
    let program = build::pe(true, 0x0022, 2, &[]);
    let packed = gzip(&program);
    let letters = data_encoding::BASE64.encode(&program);
    let field = |bytes: &[u8]| [&b"\x41\x41"[..], &(bytes.len() as u16).to_le_bytes(), bytes].concat();
    for (archive, place) in [
        (with(&program, b"", b""), "a gap"),
        (with(&packed, b"", b""), "a gap, packed"),
        (with(&[&[0; 200][..], &program].concat(), b"", b""), "a gap behind padding"),
        (with(b"", &program, b""), "a comment"),
        (with(b"", letters.as_bytes(), b""), "a comment, in Base64"),
        (with(b"", b"", &field(&program)), "an extra field"),
    ] {
        let found = check(archive, &[]);
        assert!(found.parts.iter().any(|part| &*part.kind.id == "pe64"), "{place}: {:?}", found.parts);
        assert!(found.parts.iter().any(|part| part.name == "a.txt"), "{place}: {:?}", found.parts);
    }
}

#[test]
fn words_and_padding_in_gaps_and_comments_are_no_parts() {
    let field = [&b"\x41\x41\xc8\0"[..], &[0; 200]].concat();
    for archive in [
        with(b"", b"Made by a program that leaves its name, its number and the day here, for whoever asks.", b""),
        with(&[0; 4096], b"", &field),
        with(&[0x9b; 300], b"", b""),
    ] {
        let found = check(archive, &[]);
        assert_eq!(found.parts.len(), 2, "{:?}", found.parts);
    }
}
