//! Messages written by the test.

use crate::testing::{Recorded, build, steps_of, walk, walk_with};
use data_encoding::BASE64;
use lazaret_model::Limits;
use std::io::Write as _;

const MARKER: &[u8] = b"LAZARET-MARKER in a message";
const PKCS7: &[u8] = b"\x2a\x86\x48\x86\xf7\x0d\x01\x07";
const SMIME: &[u8] = b"\x2a\x86\x48\x86\xf7\x0d\x01\x09\x10\x01";

#[track_caller]
fn check(bytes: impl AsRef<[u8]>, name: &str) -> Recorded {
    let recorded = walk(bytes.as_ref(), name);
    assert_eq!(recorded.parts[0].kind.id, "pkcs7", "{name}");
    recorded
}

fn der(tag: u8, pieces: &[&[u8]]) -> Vec<u8> {
    let value = pieces.concat();
    let mut out = vec![tag];
    match value.len() {
        length @ 0..0x80 => out.push(length as u8),
        length => out.extend([&[0x83][..], &(length as u32).to_be_bytes()[1..]].concat()),
    }
    out.extend(value);
    out
}

fn open_ended(tag: u8, pieces: &[&[u8]]) -> Vec<u8> {
    [&[tag, 0x80][..], &pieces.concat(), &[0, 0]].concat()
}

type Element = fn(u8, &[&[u8]]) -> Vec<u8>;

fn typed(element: Element, prefix: &[u8], number: u8, value: &[u8]) -> Vec<u8> {
    let identifier = der(6, &[prefix, &[number]]);
    let explicit = if value.is_empty() { Vec::new() } else { element(0xa0, &[value]) };
    element(0x30, &[&identifier, &explicit])
}

/// The value of a message that is signed, with or without its content.
fn signed_value(element: Element, encapsulated: &[u8]) -> Vec<u8> {
    let digests = element(0x31, &[&der(0x30, &[&der(6, &[b"\x60\x86\x48\x01\x65\x03\x04\x02\x01"])])]);
    let certificates = element(0xa0, &[&der(0x30, &[b"\x02\x01\x07"])]);
    element(0x30, &[&[2, 1, 1], &digests, encapsulated, &certificates, &der(0x31, &[])])
}

fn signed(element: Element, octets: &[u8]) -> Vec<u8> {
    typed(element, PKCS7, 2, &signed_value(element, &typed(element, PKCS7, 1, octets)))
}

fn wrapped(text: &[u8]) -> String {
    let encoded = BASE64.encode(text);
    let lines: Vec<_> = encoded.as_bytes().chunks(64).map(String::from_utf8_lossy).collect();
    lines.join("\r\n")
}

#[test]
fn what_is_signed_is_a_part() {
    let pieces = [der(4, &[&MARKER[..9]]), open_ended(0x24, &[&der(4, &[&MARKER[9..15]]), &der(4, &[])])];
    let in_pieces = open_ended(0x24, &[&pieces[0], &pieces[1], &der(4, &[&MARKER[15..]])]);
    for bytes in [signed(der, &der(4, &[MARKER])), signed(open_ended, &in_pieces), signed(der, &in_pieces)] {
        let recorded = check(&bytes, "fattura.xml.p7m");
        assert_eq!(recorded.bytes("//fattura.xml"), MARKER);
        assert!(recorded.complete() && recorded.parts.len() == 2, "{:#?}", recorded.parts);
        let twice = check(signed(der, &der(4, &[&bytes])), "a.txt.p7m.p7m");
        assert_eq!(twice.bytes("//a.txt.p7m//a.txt"), MARKER);
        let appended = check([&bytes[..], b"\r\n\0\0", MARKER, b"!"].concat(), "a.p7m");
        assert_eq!(appended.bytes("//after-the-end"), [MARKER, b"!"].concat());
    }
}

#[test]
fn an_archive_in_pieces_is_read_once() {
    let zip = build::crc_less_zip(&[("empty.txt", b"")]);
    let pieces: Vec<Vec<u8>> = zip.chunks(20).map(|piece| der(4, &[piece])).collect();
    let recorded = check(signed(open_ended, &open_ended(0x24, &[&pieces.concat()])), "a.zip.p7m");
    assert_eq!(recorded.bytes("//a.zip"), zip);
    assert!(recorded.complete() && recorded.parts[0].also.is_empty(), "{:#?}", recorded.parts);
}

#[test]
fn every_type_that_can_be_opened_is() {
    let content = typed(der, PKCS7, 1, &der(4, &[MARKER]));
    let algorithm = |oid: &[u8]| der(0x30, &[&der(6, &[oid])]);
    let mut zlib = flate2::write::ZlibEncoder::new(Vec::new(), flate2::Compression::default());
    zlib.write_all(MARKER).unwrap();
    let packed = typed(der, PKCS7, 1, &der(4, &[&zlib.finish().unwrap()]));
    let zlib = algorithm(b"\x2a\x86\x48\x86\xf7\x0d\x01\x09\x10\x03\x08");
    for message in [
        typed(der, PKCS7, 1, &der(4, &[MARKER])),
        typed(der, PKCS7, 5, &der(0x30, &[&[2, 1, 0], &algorithm(b"\x2a"), &content, &der(4, &[b"digest"])])),
        typed(der, SMIME, 2, &der(0x30, &[&[2, 1, 0], &der(0x31, &[]), &algorithm(b"\x2a"), &content])),
        typed(der, SMIME, 9, &der(0x30, &[&[2, 1, 0], &zlib, &packed])),
        typed(der, SMIME, 19, &der(0x30, &[&content])),
        typed(der, SMIME, 20, &der(0x30, &[&content, &der(0x31, &[])])),
        // RFC 2315: a message in a message without an octet string between them; RFC 5652: with one, and without its type.
        typed(der, PKCS7, 2, &signed_value(der, &signed(der, &der(4, &[MARKER])))),
        typed(der, PKCS7, 2, &signed_value(der, &typed(der, PKCS7, 2, &der(4, &[&signed_value(der, &content)])))),
    ] {
        let recorded = check(&message, "a.p7m");
        assert!(recorded.contains(MARKER) && recorded.complete(), "{:#?}", recorded.parts);
        for cut in 30..message.len() {
            let recorded = walk_with(&message[..cut], "a.p7m", Some("pkcs7"), &[], Limits::default());
            assert!(!recorded.complete(), "cut at {cut}");
        }
    }
    let unknown = check(typed(der, SMIME, 9, &der(0x30, &[&algorithm(b"\x2a"), &packed])), "a.p7z");
    assert!(!unknown.complete());
}

#[test]
fn what_is_encrypted_is_locked() {
    let value = der(0x30, &[&[2, 1, 0], &der(0x31, &[]), &typed(der, PKCS7, 1, b"")]);
    for (prefix, number) in [(PKCS7, 3), (PKCS7, 4), (PKCS7, 6), (SMIME, 23)] {
        for element in [der as Element, open_ended] {
            let message = typed(element, prefix, number, &value);
            let recorded = check(&message, "smime.p7m");
            assert!(recorded.parts[0].locked && !recorded.parts[0].complete, "{number}");
            let inner = typed(der, prefix, number, &der(4, &[&value]));
            let recorded = check(typed(der, PKCS7, 2, &signed_value(der, &inner)), "smime.p7m");
            assert!(recorded.parts[1].locked, "{number}: {:#?}", recorded.parts);
        }
    }
}

#[test]
fn signatures_certificates_and_catalogues_are_complete() {
    let list = der(0x30, &[&der(0x30, &[b"\x06\x01\x2a"]), &der(4, &[&[7; 300]])]);
    // Trusted hashes of Windows: 1.3.6.1.4.1.311.10.1.
    let catalogue = der(0x30, &[b"\x06\x09\x2b\x06\x01\x04\x01\x82\x37\x0a\x01", &der(0xa0, &[&list])]);
    let empty = open_ended(0x24, &[]);
    for (message, name) in [
        (signed(der, b""), "smime.p7s"),
        (signed(open_ended, b""), "chain.p7b"),
        (signed(open_ended, &empty), "chain.p7b"),
        (typed(der, PKCS7, 2, &signed_value(der, &catalogue)), "driver.cat"),
    ] {
        let recorded = check(&message, name);
        assert!(recorded.complete(), "{name}: {:#?}", recorded.parts);
        assert!(recorded.parts.iter().all(|part| !part.kind.is_unknown() && part.kind.id != "empty"), "{name}");
    }
}

#[test]
fn messages_as_text_are_read() {
    let encoded = wrapped(&signed(open_ended, &der(4, &[MARKER])));
    for text in [
        format!("-----BEGIN PKCS7-----\r\n{encoded}\r\n-----END PKCS7-----\r\n"),
        format!("-----BEGIN CMS-----\n{encoded}\n-----END CMS-----\n"),
        format!("-----BEGIN PKCS #7 SIGNED DATA-----\n{encoded}\n-----END PKCS #7 SIGNED DATA-----\n"),
        encoded.clone(),
        format!("\r\n{encoded}\r\n"),
    ] {
        let recorded = check(&text, "letter.txt.p7m");
        assert_eq!(recorded.bytes("//letter.txt"), MARKER, "{text}");
        assert!(recorded.complete(), "{:#?}", recorded.parts);
    }
    let letter = format!("See below.\n\n-----BEGIN PKCS7-----\n{encoded}\n-----END PKCS7-----\n");
    let recorded = walk(letter.as_bytes(), "letter.txt");
    assert!(recorded.contains(MARKER) && recorded.parts[0].kind.id == "text");
    let other = format!("-----BEGIN PKCS7-----\n{}\n-----END PKCS7-----\n", wrapped(MARKER));
    assert_eq!(check(other, "a.p7b").bytes("//decoded"), MARKER);
}

#[test]
fn a_text_that_is_signed_does_not_make_text_of_the_message() {
    let text = [b"a line that anybody can read\n".repeat(200), MARKER.to_vec()].concat();
    let recorded = check(signed(der, &der(4, &[&text])), "letter.txt.p7m");
    assert_eq!(recorded.bytes("//letter.txt"), text);
}

#[test]
fn a_mail_that_is_signed_as_a_whole_is_a_mail() {
    let zip = build::crc_less_zip(&[("inner.txt", b"LAZARET-INNER")]);
    let entity = format!(
        "Content-Type: multipart/mixed; boundary=q\r\n\r\n--q\r\nContent-Type: text/plain\r\n\r\nhello\r\n--q\r\n\
         Content-Type: application/zip; name=offer.zip\r\nContent-Transfer-Encoding: base64\r\n\r\n{}\r\n--q--\r\n",
        wrapped(&zip)
    );
    let message = wrapped(&signed(open_ended, &der(0x24, &[&der(4, &[entity.as_bytes()])])));
    for kind in ["pkcs7-mime", "x-pkcs7-mime"] {
        let mail = format!(
            "From: a@host.invalid\r\nTo: b@host.invalid\r\nSubject: x\r\nMIME-Version: 1.0\r\n\
             Content-Type: application/{kind}; smime-type=signed-data; name=smime.p7m\r\n\
             Content-Transfer-Encoding: base64\r\n\r\n{message}\r\n"
        );
        let recorded = walk(mail.as_bytes(), "x.eml");
        assert_eq!(recorded.bytes("//offer.zip//inner.txt"), b"LAZARET-INNER");
        assert_eq!(recorded.part("//smime.p7m//smime").kind.id, "eml");
    }
}

#[test]
fn elements_that_are_longer_than_what_is_around_them_are_not_read_over_and_over() {
    // A collection of collections, each of which claims all that follows.
    let identifier = der(6, &[SMIME, &[19]]);
    let claims: &[u8] = b"\xa0\x83\x0f\xff\xff\x30\x83\x0f\xff\xff";
    let item = der(0x30, &[&identifier, claims]);
    let message = typed(der, SMIME, 19, &der(0x30, &[&item.repeat(2_000)]));
    let (steps, recorded) = steps_of(&message, "a.p7m", Some("pkcs7"));
    assert!(steps <= 64 * message.len() as u64 && !recorded.complete(), "{steps} {:?}", recorded.parts);
}
