//! Messages written by the test, as `gpg` writes them.

use crate::testing::{Recorded, walk, walk_with};
use crate::{Content, identify};
use data_encoding::BASE64;
use lazaret_model::{Class, Limits};
use std::io::Write as _;

const MARKER: &[u8] = b"LAZARET-MARKER in a message";

/// A packet in the new form, with a length of five octets.
fn packet(tag: u8, body: &[u8]) -> Vec<u8> {
    [&[0xc0 | tag, 255][..], &(body.len() as u32).to_be_bytes(), body].concat()
}

/// A packet whose body comes in pieces of this power of two.
fn in_pieces(tag: u8, power: u8, body: &[u8]) -> Vec<u8> {
    let mut out = vec![0xc0 | tag];
    let mut pieces = body.chunks(1 << power).peekable();
    while let Some(piece) = pieces.next() {
        if pieces.peek().is_some() {
            out.push(224 + power);
        } else {
            out.push(255);
            out.extend((piece.len() as u32).to_be_bytes());
        }
        out.extend(piece);
    }
    out
}

fn literal(name: &str, content: &[u8]) -> Vec<u8> {
    [&[b'b', name.len() as u8][..], name.as_bytes(), &[0x65, 0, 0, 1], content].concat()
}

fn deflated(packets: &[u8]) -> Vec<u8> {
    let mut encoder = flate2::write::DeflateEncoder::new(vec![1], flate2::Compression::default());
    encoder.write_all(packets).unwrap();
    encoder.finish().unwrap()
}

/// A key, and a signature by it.
fn key() -> Vec<u8> {
    let key = [&[4, 0x65, 0, 0, 1, 1, 0, 8, 0xc1][..], &[7; 40]].concat();
    [packet(6, &key), packet(13, b"a <a@host.invalid>"), signature(0x13)].concat()
}

fn signature(kind: u8) -> Vec<u8> {
    packet(2, &[&[4, kind, 1, 8, 0, 0, 0, 0, 0xab, 0xcd, 0, 8, 0xff][..], &[7; 20]].concat())
}

/// A key that is encrypted for somebody's key, one that a password gives, and what is encrypted with them.
fn encrypted() -> [Vec<u8>; 2] {
    let data = packet(18, &[&[1][..], &[0xa5; 90]].concat());
    let public = packet(1, &[&[3, 1, 2, 3, 4, 5, 6, 7, 8, 1, 4, 0][..], &[0x5a; 128]].concat());
    let password = packet(3, &[4, 9, 3, 8, 1, 2, 3, 4, 5, 6, 7, 8, 0x60]);
    [[public, data.clone()].concat(), [password, data].concat()]
}

fn armored(label: &str, bytes: &[u8]) -> String {
    let encoded = BASE64.encode(bytes);
    let lines: Vec<_> = encoded.as_bytes().chunks(64).map(String::from_utf8_lossy).collect();
    format!(
        "-----BEGIN PGP {label}-----\nComment: made by a test\n\n{}\n=AbCd\n-----END PGP {label}-----\n",
        lines.join("\n")
    )
}

#[track_caller]
fn check(bytes: impl AsRef<[u8]>, kind: &str, name: &str) -> Recorded {
    let recorded = walk(bytes.as_ref(), name);
    assert_eq!(recorded.parts[0].kind.id, kind, "{name}");
    recorded
}

#[test]
fn literal_data_is_a_part() {
    let long = [MARKER, &[b'x'; 3000]].concat();
    let body = literal("note.txt", &long);
    let old = [&[0xaf_u8][..], &body].concat();
    let signed = [packet(4, &[3, 0, 8, 1, 1, 2, 3, 4, 5, 6, 7, 8, 1]), packet(11, &body), signature(0)].concat();
    for bytes in [packet(11, &body), in_pieces(11, 9, &body), old, signed] {
        let recorded = check(&bytes, "pgp-binary", "a.gpg");
        assert_eq!(recorded.bytes("//note.txt"), long);
        assert!(recorded.complete() && recorded.parts.len() == 2, "{:#?}", recorded.parts);
        let text = armored("MESSAGE", &bytes);
        assert_eq!(check(&text, "pgp-message", "a.asc").bytes("//note.txt"), long);
        let twice = check([&text[..], &text].concat(), "pgp-message", "a.asc");
        assert_eq!(twice.bytes("//note.txt#2"), long);
    }
    let unnamed = check(packet(11, &literal("", MARKER)), "pgp-binary", "a.txt.gpg");
    assert_eq!(unnamed.bytes("//a.txt"), MARKER);
    let appended = check(
        [packet(11, &literal("a", MARKER)), packet(19, &[7; 20]), MARKER.to_vec()].concat(),
        "pgp-binary",
        "a.gpg",
    );
    assert_eq!(appended.bytes("//after-the-end"), MARKER);
}

#[test]
fn packed_packets_are_opened_in_turn() {
    let inner = packet(11, &literal("note.txt", MARKER));
    let mut zlib = flate2::write::ZlibEncoder::new(vec![2], flate2::Compression::default());
    zlib.write_all(&inner).unwrap();
    let mut bzip2 = bzip2::write::BzEncoder::new(vec![3], bzip2::Compression::fast());
    bzip2.write_all(&inner).unwrap();
    let stored = [&[0_u8][..], &inner].concat();
    let twice = deflated(&packet(8, &deflated(&inner)));
    for body in [deflated(&inner), zlib.finish().unwrap(), bzip2.finish().unwrap(), stored, twice] {
        for bytes in [packet(8, &body), [&[0xa3_u8][..], &body].concat()] {
            let recorded = check(&bytes, "pgp-binary", "a.gpg");
            assert_eq!(recorded.bytes("//note.txt"), MARKER);
            assert!(recorded.complete(), "{:#?}", recorded.parts);
        }
    }
    let bomb = packet(8, &deflated(&packet(11, &literal("zeros", &vec![0; 4 << 20]))));
    let limits = Limits { part_bytes: 1 << 20, ..Limits::default() };
    assert!(!walk_with(bomb, "a.gpg", Some("pgp-binary"), &[], limits).complete());
}

#[test]
fn what_is_encrypted_is_locked() {
    for bytes in encrypted() {
        let recorded = check(&bytes, "pgp-binary", "a.gpg");
        assert!(recorded.parts[0].locked && recorded.parts.len() == 1, "{:#?}", recorded.parts);
        let text = armored("MESSAGE", &bytes);
        assert!(check(&text, "pgp-message", "a.asc").parts[0].locked);
        assert!(check(format!("A letter.\n\n{text}"), "text", "a.txt").parts[0].locked);
        let mail = format!(
            "From: a@host.invalid\r\nTo: b@host.invalid\r\nMIME-Version: 1.0\r\nContent-Type: multipart/encrypted; \
             protocol=\"application/pgp-encrypted\"; boundary=q\r\n\r\n--q\r\nContent-Type: application/pgp-encrypted\r\n\r\n\
             Version: 1\r\n\r\n--q\r\nContent-Type: application/octet-stream; name=encrypted.asc\r\n\r\n{text}\r\n--q--\r\n"
        );
        assert!(walk(mail.as_bytes(), "x.eml").part("//encrypted.asc").locked);
        let inline =
            format!("From: a@host.invalid\r\nTo: b@host.invalid\r\nSubject: x\r\n\r\nHello,\r\n\r\n{text}\r\n");
        assert!(walk(inline.as_bytes(), "x.eml").parts.iter().any(|part| part.locked));
    }
}

#[test]
fn keys_and_signatures_are_complete() {
    for (bytes, label, kind) in [(key(), "PUBLIC KEY BLOCK", "pgp-key"), (signature(0), "SIGNATURE", "pgp-signature")] {
        for recorded in [check(&bytes, "pgp-binary", "a.gpg"), check(armored(label, &bytes), kind, "a.asc")] {
            assert!(recorded.complete() && recorded.parts.len() == 1, "{label}: {:#?}", recorded.parts);
        }
    }
    let hidden = armored("PUBLIC KEY BLOCK", &packet(11, &literal("a.txt", MARKER)));
    assert_eq!(check(hidden, "pgp-key", "a.asc").bytes("//a.txt"), MARKER);
}

#[test]
fn text_that_is_signed_in_clear_is_text() {
    let text = format!(
        "-----BEGIN PGP SIGNED MESSAGE-----\nHash: SHA256\n\nDear reader,\n- - see below\nLAZARET-MARKER\n{}",
        armored("SIGNATURE", &signature(1))
    );
    let recorded = walk(text.as_bytes(), "letter.txt.asc");
    assert_eq!(recorded.parts[0].kind.class, Class::Text);
    assert_eq!(recorded.bytes("//letter.txt"), b"Dear reader,\n- see below\nLAZARET-MARKER\n");
    assert!(recorded.complete(), "{:#?}", recorded.parts);
}

#[test]
fn other_bytes_are_no_messages() {
    let kind = |bytes: &[u8]| identify(&Content::from(bytes)).unwrap().kind.id.into_owned();
    for first in 0x80..=0xff_u8 {
        let mut state = u32::from(first);
        let noise: Vec<u8> = std::iter::repeat_with(|| {
            state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            (state >> 24) as u8
        })
        .take(5000)
        .collect();
        for next in (0..=0xff_u8).step_by(16) {
            let bytes = [&[first, next, noise[0]][..], &noise].concat();
            assert_ne!(kind(&bytes), "pgp-binary", "{:x?}", &bytes[..8]);
        }
    }
    for start in [&b"\x85\x01\x0c\x03"[..], b"\x8c\x0d\x04\x09", b"\x99\x01\x0d\x04", b"\xd2\xff\x01", b"\xc6\x33\x04"]
    {
        assert_ne!(kind(&[start, &[0x3f; 500]].concat()), "pgp-binary", "{start:x?}");
    }
}

#[test]
fn truncation_never_passes_for_whole() {
    let whole = [packet(11, &literal("note.txt", MARKER)), signature(0)].concat();
    for cut in 1..whole.len() {
        let recorded = walk_with(&whole[..cut], "a.gpg", Some("pgp-binary"), &[], Limits::default());
        // Between two packets nothing shows that another one is missing.
        let between = recorded.contains(MARKER) && recorded.parts[1].complete;
        assert!(between || !recorded.complete(), "cut at {cut}");
    }
}
