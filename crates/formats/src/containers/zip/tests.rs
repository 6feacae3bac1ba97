//! Every way in which an archive is built to be read differently by scanner and victim.

use crate::testing::{Recorded, walk_with};
use lazaret_model::Limits;
use std::io::{Cursor, Write as _};
use zip::write::{SimpleFileOptions, ZipWriter};
use zip::{AesMode, CompressionMethod};

mod limits;
mod names;
mod unread;

const MARKER: &[u8] =
    b"LAZARET-MARKER payload of the test, long enough to be worth compressing compressing compressing";

fn check(bytes: Vec<u8>, passwords: &[&str]) -> Recorded {
    walk_with(bytes, "sample.zip", Some("zip"), passwords, Limits::default())
}

#[track_caller]
fn holds(recorded: &Recorded) {
    assert!(recorded.contains(MARKER) && recorded.parts.iter().skip(1).any(|p| p.size == MARKER.len() as u64));
}

/// A member as a test wants it written, truths and lies apart.
#[derive(Clone)]
struct Raw {
    name: Vec<u8>,
    local_name: Vec<u8>,
    data: Vec<u8>,
    method: u16,
    local_method: u16,
    flags: u16,
    local_flags: u16,
    crc: u32,
    size: u32,
    compressed: u32,
    local_compressed: u32,
    extra: Vec<u8>,
    descriptor: bool,
    listed: bool,
}

fn crc(bytes: &[u8]) -> u32 {
    let mut crc = flate2::Crc::new();
    crc.update(bytes);
    crc.sum()
}

fn raw(name: &str, plain: &[u8]) -> Raw {
    Raw {
        name: name.into(),
        local_name: name.into(),
        data: plain.to_vec(),
        method: 0,
        local_method: 0,
        flags: 0,
        local_flags: 0,
        crc: crc(plain),
        size: plain.len() as u32,
        compressed: plain.len() as u32,
        local_compressed: plain.len() as u32,
        extra: Vec::new(),
        descriptor: false,
        listed: true,
    }
}

fn deflated(name: &str, plain: &[u8]) -> Raw {
    let mut encoder = flate2::write::DeflateEncoder::new(Vec::new(), flate2::Compression::default());
    encoder.write_all(plain).unwrap();
    let data = encoder.finish().unwrap();
    let len = data.len() as u32;
    Raw { data, method: 8, local_method: 8, compressed: len, local_compressed: len, ..raw(name, plain) }
}

fn build(members: &[Raw]) -> Vec<u8> {
    let (mut out, mut central, mut count) = (Vec::new(), Vec::new(), 0u16);
    for m in members {
        let at = out.len() as u32;
        out.extend(b"PK\x03\x04\x14\0");
        out.extend(m.local_flags.to_le_bytes());
        out.extend(m.local_method.to_le_bytes());
        out.extend([0; 4]);
        out.extend(if m.descriptor { 0 } else { m.crc }.to_le_bytes());
        out.extend(if m.descriptor { 0 } else { m.local_compressed }.to_le_bytes());
        out.extend(if m.descriptor { 0 } else { m.size }.to_le_bytes());
        out.extend((m.local_name.len() as u16).to_le_bytes());
        out.extend([0; 2]);
        out.extend(&m.local_name);
        out.extend(&m.data);
        if m.descriptor {
            out.extend(b"PK\x07\x08");
            for field in [m.crc, m.compressed, m.size] {
                out.extend(field.to_le_bytes());
            }
        }
        if m.listed {
            count = count.wrapping_add(1);
            central.extend(b"PK\x01\x02\x14\0\x14\0");
            central.extend(m.flags.to_le_bytes());
            central.extend(m.method.to_le_bytes());
            central.extend([0; 4]);
            for field in [m.crc, m.compressed, m.size] {
                central.extend(field.to_le_bytes());
            }
            central.extend((m.name.len() as u16).to_le_bytes());
            central.extend((m.extra.len() as u16).to_le_bytes());
            central.extend([0; 10]);
            central.extend(at.to_le_bytes());
            central.extend(&m.name);
            central.extend(&m.extra);
        }
    }
    let at = out.len() as u32;
    out.extend(&central);
    out.extend(b"PK\x05\x06\0\0\0\0");
    out.extend(count.to_le_bytes());
    out.extend(count.to_le_bytes());
    out.extend((central.len() as u32).to_le_bytes());
    out.extend(at.to_le_bytes());
    out.extend([0; 2]);
    out
}

fn written(options: SimpleFileOptions) -> Vec<u8> {
    let mut writer = ZipWriter::new(Cursor::new(Vec::new()));
    writer.start_file("payload.exe", options).unwrap();
    writer.write_all(MARKER).unwrap();
    writer.finish().unwrap().into_inner()
}

#[test]
fn methods_are_decoded() {
    use CompressionMethod as M;
    for method in [M::Stored, M::Deflated, M::Bzip2, M::Xz, M::Ppmd] {
        let recorded = check(written(SimpleFileOptions::default().compression_method(method)), &[]);
        assert_eq!(recorded.bytes("//payload.exe"), MARKER, "{method}");
        assert!(recorded.complete(), "{method}: {:#?}", recorded.parts);
        assert!(recorded.findings.is_empty(), "{method}: {:?}", recorded.findings);
    }
    let mut lzma = Vec::from([9, 20, 5, 0]);
    let options = lzma_rust2::LzmaOptions::with_preset(1);
    lzma.push(options.get_props());
    lzma.extend(options.dict_size.to_le_bytes());
    let mut writer = lzma_rust2::LzmaWriter::new_no_header(&mut lzma, &options, false).unwrap();
    writer.write_all(MARKER).unwrap();
    writer.finish().unwrap();
    let len = lzma.len() as u32;
    let member =
        Raw { data: lzma, method: 14, local_method: 14, compressed: len, local_compressed: len, ..raw("a", MARKER) };
    let recorded = check(build(&[member]), &[]);
    assert!(recorded.complete(), "{:?}", recorded.parts);
    holds(&recorded);
    let zstd = ruzstd::encoding::compress_to_vec(MARKER, ruzstd::encoding::CompressionLevel::Fastest);
    let len = zstd.len() as u32;
    let member =
        Raw { data: zstd, method: 93, local_method: 93, compressed: len, local_compressed: len, ..raw("a", MARKER) };
    let recorded = check(build(&[member]), &[]);
    assert!(recorded.complete());
    holds(&recorded);
}

/// Bits, the least significant first, as the oldest methods pack them.
#[derive(Default)]
struct Bits(Vec<u8>, u32);

impl Bits {
    fn put(&mut self, value: u32, count: u32) {
        for bit in 0..count {
            if self.1.is_multiple_of(8) {
                self.0.push(0);
            }
            *self.0.last_mut().unwrap() |= ((value >> bit & 1) as u8) << (self.1 % 8);
            self.1 += 1;
        }
    }
}

/// The marker in the three methods that PKZIP had before DEFLATE, by their simplest codes (APPNOTE 5.1 to 5.3).
fn ancient() -> [(u16, Vec<u8>); 6] {
    let mut shrunk = Bits::default();
    MARKER.iter().for_each(|byte| shrunk.put(u32::from(*byte), 9));
    // No byte has followers, so every byte stands for itself.
    let mut reduced = Bits::default();
    (0..256).for_each(|_| reduced.put(0, 6));
    MARKER.iter().for_each(|byte| reduced.put(u32::from(*byte), 8));
    // Two trees of 64 codes of 6 bits each, which no code of this member uses.
    let mut imploded = Bits([3, 0xf5, 0xf5, 0xf5, 0xf5].repeat(2), 80);
    MARKER.iter().for_each(|byte| imploded.put(u32::from(*byte) << 1 | 1, 9));
    [
        (1, shrunk.0),
        (2, reduced.0.clone()),
        (3, reduced.0.clone()),
        (4, reduced.0.clone()),
        (5, reduced.0),
        (6, imploded.0),
    ]
}

// Vectors C 8.
#[test]
fn ancient_methods_are_decoded() {
    for (method, data) in ancient() {
        let compressed = data.len() as u32;
        let member = Raw {
            method,
            local_method: method,
            compressed,
            local_compressed: compressed,
            data,
            ..raw("payload.exe", MARKER)
        };
        let recorded = check(build(std::slice::from_ref(&member)), &[]);
        assert_eq!(recorded.bytes("//payload.exe"), MARKER, "{method}");
        assert!(recorded.complete(), "{method}: {:#?}", recorded.parts);
        let cut = Raw { data: member.data[..member.data.len() - 20].to_vec(), ..member };
        let cut = Raw { compressed: cut.data.len() as u32, local_compressed: cut.data.len() as u32, ..cut };
        assert!(!check(build(&[cut]), &[]).complete(), "{method}");
    }
}

/// Made with 7-Zip 25, `-mm=Deflate64`.
#[test]
fn deflate64_is_decoded() {
    let archive = "\
UEsDBBUAAAAJAAAAIQDR7sVJsAAAACsCAAALAAAAcGF5bG9hZC5leGU1xiEMAVEAgOEXBEVQBBt3myIQBEWwvdlNcDZ7IxBsCIILgiIogiIo\
giIogiIogiIogiIogmIjEASCgNn7v/TZsiSVlY9mpcpYyqxVHOciTCH+eRk6d3ImR7InW7ImSzInUzImQ9InXdImTVInZVIgNkmRBImRMDGI\
j3iIi7yDOg9yJSdyIDuyISuyIDMyISMyID3SIS3SIFVSJDmSJkkSJxESIn7iJW7yCeg8ye2XL1BLAQI/AxUAAAAJAAAAIQDR7sVJsAAAACsC\
AAALAAAAAAAAAAAAIICkgQAAAABwYXlsb2FkLmV4ZVBLBQYAAAAAAQABADkAAADZAAAAAAA=";
    let recorded = check(data_encoding::BASE64.decode(archive.as_bytes()).unwrap(), &[]);
    assert!(recorded.bytes("//payload.exe").starts_with(b"LAZARET-MARKER") && recorded.complete());
}

#[test]
fn methods_that_are_not_decoded_are_said_to_be_so() {
    for method in [7, 10, 96, 97, 1234] {
        let recorded = check(build(&[Raw { method, local_method: method, ..raw("song.wv", MARKER) }]), &[]);
        assert!(!recorded.complete(), "{method}");
        assert!(recorded.part("//song.wv").incomplete[0].contains("compression method"));
    }
}

#[test]
fn passwords_open_and_a_text_beside_the_archive_tells_them() {
    for aes in [AesMode::Aes128, AesMode::Aes256] {
        let bytes = written(SimpleFileOptions::default().with_aes_encryption(aes, "infected"));
        let recorded = check(bytes.clone(), &["wrong", "infected"]);
        assert_eq!(recorded.bytes("//payload.exe"), MARKER);
        assert_eq!(recorded.part("//payload.exe").password.as_deref(), Some("infected"));
        assert!(recorded.complete());
        let recorded = check(bytes, &["wrong"]);
        assert!(recorded.part("//payload.exe").locked && !recorded.complete());
    }
}

/// PKWARE's traditional encryption (APPNOTE 6.1).
fn zipcrypto(password: &[u8], plain: &[u8], crc: u32) -> Vec<u8> {
    fn step(crc: u32, byte: u8) -> u32 {
        let mut value = (crc ^ u32::from(byte)) & 0xff;
        for _ in 0..8 {
            value = if value & 1 == 1 { 0xedb8_8320 ^ (value >> 1) } else { value >> 1 };
        }
        value ^ (crc >> 8)
    }
    let mut keys = [0x1234_5678u32, 0x2345_6789, 0x3456_7890];
    let update = |keys: &mut [u32; 3], byte: u8| {
        keys[0] = step(keys[0], byte);
        keys[1] = keys[1].wrapping_add(keys[0] & 0xff).wrapping_mul(134_775_813).wrapping_add(1);
        keys[2] = step(keys[2], (keys[1] >> 24) as u8);
    };
    for byte in password {
        update(&mut keys, *byte);
    }
    let mut header = [7u8; 12];
    header[11] = (crc >> 24) as u8;
    let mut out = Vec::new();
    for byte in header.iter().chain(plain) {
        let temp = (keys[2] | 2) & 0xffff;
        out.push(byte ^ (temp.wrapping_mul(temp ^ 1) >> 8) as u8);
        update(&mut keys, *byte);
    }
    out
}

fn locked(member: Raw) -> Raw {
    let data = zipcrypto(b"infected", &member.data, member.crc);
    let len = data.len() as u32;
    Raw { data, compressed: len, local_compressed: len, flags: 1, local_flags: 1, ..member }
}

#[test]
fn traditional_encryption_opens_with_the_right_password_only() {
    for member in [raw("p.exe", MARKER), deflated("p.exe", MARKER)] {
        let bytes = build(&[locked(member)]);
        let recorded = check(bytes.clone(), &["a", "b", "infected"]);
        assert_eq!(recorded.bytes("//p.exe"), MARKER);
        assert!(recorded.complete());
        assert!(check(bytes, &["a", "b"]).part("//p.exe").locked);
    }
}

// Vectors C 1.
#[test]
fn headers_that_disagree_are_read_both_ways() {
    let honest = deflated("a.txt", MARKER);
    for (what, member) in [
        ("name", Raw { local_name: b"b.exe".into(), ..honest.clone() }),
        ("method", Raw { local_method: 0, ..honest.clone() }),
        ("method", Raw { method: 0, ..honest.clone() }),
        ("size", Raw { local_compressed: 3, ..honest.clone() }),
        ("size", Raw { compressed: 3, ..honest.clone() }),
        ("flags", Raw { local_flags: 1, ..honest.clone() }),
        ("flags", Raw { flags: 1, ..honest.clone() }),
    ] {
        let recorded = check(build(&[member]), &[]);
        let finding = recorded.findings.iter().find(|f| f.id == "zip.header-mismatch").expect(what);
        assert!(finding.message.contains(what), "{}", finding.message);
        holds(&recorded);
    }
}

// Vectors C 2, 3, 4.
#[test]
fn several_archives_in_one_file_are_all_read() {
    let decoy = build(&[raw("decoy.txt", b"harmless")]);
    let payload = build(&[deflated("payload.exe", MARKER)]);
    for bytes in [
        [decoy.clone(), payload.clone()].concat(),
        [payload.clone(), decoy.clone()].concat(),
        [b"\xff\xd8\xff image".to_vec(), payload.clone()].concat(),
        [payload.clone(), b"trailing".to_vec()].concat(),
        {
            // The payload archive as the comment of the decoy.
            let mut bytes = decoy.clone();
            let at = bytes.len() - 2;
            bytes[at..].copy_from_slice(&(payload.len() as u16).to_le_bytes());
            [bytes, payload.clone()].concat()
        },
    ] {
        holds(&check(bytes, &[]));
    }
    let recorded = check([payload, b"MARK-TRAILING".to_vec()].concat(), &[]);
    assert_eq!(recorded.bytes("//after-archive"), b"MARK-TRAILING");
}

#[test]
fn a_member_that_no_directory_lists_is_found() {
    let bytes = build(&[raw("decoy.txt", b"harmless"), Raw { listed: false, ..deflated("payload.exe", MARKER) }]);
    let recorded = check(bytes, &[]);
    holds(&recorded);
    assert!(recorded.findings.iter().any(|f| f.id == "zip.unlisted-member"));
}

// Vectors C 5.
#[test]
fn zip64_records_that_lie_hide_nothing() {
    let mut bytes = build(&[deflated("payload.exe", MARKER)]);
    let end = bytes.split_off(bytes.len() - 22);
    let at = bytes.len() as u64;
    bytes.extend(b"PK\x06\x06");
    bytes.extend(44u64.to_le_bytes());
    bytes.extend([45, 0, 45, 0, 0, 0, 0, 0, 0, 0, 0, 0]);
    bytes.extend([0; 16]);
    bytes.extend(0u64.to_le_bytes());
    bytes.extend(u64::MAX.to_le_bytes());
    bytes.extend(b"PK\x06\x07\0\0\0\0");
    bytes.extend(at.to_le_bytes());
    bytes.extend([1, 0, 0, 0]);
    bytes.extend(end);
    holds(&check(bytes, &[]));
}

// Vectors C 6.
#[test]
fn a_lie_about_encryption_is_seen_through() {
    let plain = Raw { flags: 1, local_flags: 1, ..deflated("p.exe", MARKER) };
    let recorded = check(build(&[plain]), &[]);
    holds(&recorded);
    assert!(recorded.findings.iter().any(|f| f.id == "zip.false-encryption"));
    let secret = Raw { flags: 0, local_flags: 0, ..locked(deflated("p.exe", MARKER)) };
    let recorded = check(build(std::slice::from_ref(&secret)), &["infected"]);
    holds(&recorded);
    assert!(recorded.findings.iter().any(|f| f.id == "zip.hidden-encryption"));
    assert!(!check(build(&[secret]), &[]).complete());
}

// Vectors C 7.
#[test]
fn data_descriptors_give_the_sizes_with_or_without_a_directory() {
    for member in [raw("p.exe", MARKER), deflated("p.exe", MARKER)] {
        let member = Raw { flags: 8, local_flags: 8, descriptor: true, ..member };
        let whole = build(&[member.clone(), raw("z", b"z")]);
        let recorded = check(whole.clone(), &[]);
        assert_eq!(recorded.bytes("//p.exe"), MARKER);
        assert!(recorded.complete() && recorded.findings.is_empty());
        let directory = whole.windows(4).position(|w| w == b"PK\x01\x02").unwrap();
        let recorded = check(whole[..directory].to_vec(), &[]);
        assert_eq!(recorded.bytes("//p.exe"), MARKER);
        assert!(!recorded.complete());
    }
}

#[test]
fn an_empty_member_with_a_descriptor_is_whole() {
    // What writers to a pipe leave: a deflated nothing is two bytes long, whose length and size look like one number of eight.
    let empty = Raw { flags: 8, local_flags: 8, descriptor: true, ..deflated("current.xml", b"") };
    for last in [raw("z", b"z"), Raw { flags: 8, local_flags: 8, descriptor: true, ..deflated("z", b"z") }] {
        let recorded = check(build(&[empty.clone(), last]), &[]);
        assert!(recorded.complete() && recorded.findings.is_empty(), "{:?}", recorded.findings);
    }
    assert!(check(build(&[empty]), &[]).complete());
}

#[test]
fn overlapping_members_are_reported_and_stopped_by_the_budget() {
    let mut bytes = build(&[deflated("0", &vec![b'a'; 4 << 20])]);
    let at = bytes.windows(4).position(|w| w == b"PK\x01\x02").unwrap();
    let end = bytes.split_off(bytes.len() - 22);
    let entry = bytes[at..].to_vec();
    for _ in 0..2000 {
        bytes.extend(&entry);
    }
    bytes.extend(end);
    let recorded = check(bytes, &[]);
    assert!(recorded.findings.iter().any(|f| f.id == "zip.overlapping-members"));
    assert!(recorded.findings.iter().any(|f| f.id == "limit.ratio"));
    assert!(!recorded.complete());
}

// Vectors C 9.
#[test]
fn damage_keeps_what_can_be_read() {
    let recorded = check(build(&[Raw { crc: 1, ..deflated("p.exe", MARKER) }]), &[]);
    holds(&recorded);
    assert!(!recorded.complete());
    let recorded = check(build(&[Raw { crc: 1, ..locked(deflated("p.exe", MARKER)) }]), &["infected"]);
    assert!(!recorded.complete());
    let recorded = check(build(&[Raw { size: 5, ..deflated("p.exe", MARKER) }]), &[]);
    holds(&recorded);
    assert!(!recorded.complete());
}

// Vectors C 25.
#[test]
fn a_flood_of_empty_members_does_not_hide_the_last_one() {
    let mut members = vec![raw("e", b""); 3000];
    members.push(deflated("payload.exe", MARKER));
    let limits = Limits { parts: 1000, ..Limits::default() };
    let recorded = walk_with(build(&members), "x.zip", Some("zip"), &[], limits);
    holds(&recorded);
    assert!(!recorded.complete());
}

#[test]
fn a_hundred_thousand_empty_members_do_not_hide_the_last_one() {
    // The count in the end record has 16 bits and overflows; readers follow the directory.
    let mut members = vec![raw("e", b""); 100_000];
    members.push(deflated("payload.exe", MARKER));
    let limits = Limits { parts: 500, ..Limits::default() };
    let recorded = walk_with(build(&members), "x.zip", Some("zip"), &[], limits);
    holds(&recorded);
    assert!(!recorded.complete());
}

// Vectors C 12.
#[test]
fn forty_levels_are_opened_or_said_to_be_too_deep() {
    let nest = |levels| (0..levels).fold(MARKER.to_vec(), |inner, _| build(&[raw("a.zip", &inner)]));
    let recorded = check(nest(30), &[]);
    assert!(recorded.contains(MARKER) && recorded.complete());
    let recorded = check(nest(40), &[]);
    assert!(!recorded.complete() && recorded.findings.iter().any(|f| f.id == "limit.depth"));
}

#[test]
fn truncation_and_noise_never_pass_for_whole() {
    let whole = build(&[raw("a.txt", b"first"), deflated("b.exe", MARKER)]);
    for sixteenth in 0..16 {
        let cut = whole[..whole.len() * sixteenth / 16].to_vec();
        if !cut.is_empty() {
            assert!(!check(cut, &[]).complete(), "cut at {sixteenth}/16");
        }
    }
    for at in 0..whole.len() {
        let mut bytes = whole.clone();
        bytes[at] ^= 0x41;
        let recorded = check(bytes, &["x"]);
        assert!(recorded.contains(MARKER) || !recorded.complete(), "flipped at {at}");
    }
}

/// A ZIP whose only member is itself, but for the checksum, which is left at zero.
///
/// The stream is a program of two commands: a stored block writes bytes, and a match as long as its distance writes the
/// last ones again. Every command has five bytes, so that commands can write commands; the last repetition has six.
fn quine() -> Vec<u8> {
    /// A symbol, how many bits it takes more, and which.
    type Code = (u32, u32, u32);
    fn repeat(matches: &[(Code, Code)], empty: bool) -> Vec<u8> {
        let mut bits = Bits::default();
        let code = |bits: &mut Bits, code: u32, count: u32| bits.put(code.reverse_bits() >> (32 - count), count);
        bits.put(2, 3);
        for ((length, more, value), (distance, more_distance, by)) in matches {
            code(&mut bits, length - 256, 7);
            bits.put(*value, *more);
            code(&mut bits, *distance, 5);
            bits.put(*by, *more_distance);
        }
        bits.put(0, 7);
        if empty {
            bits.put(2, 3);
            bits.put(0, 7);
        }
        assert_eq!(bits.1 % 8, 0);
        bits.0
    }
    let literal = |length: usize| {
        let length = length as u16;
        [&[0][..], &length.to_le_bytes(), &(!length).to_le_bytes()].concat()
    };
    let again_4 = repeat(&[((264, 0, 0), (8, 3, 3)); 2], false);
    let again_head = repeat(&[((276, 3, 7), (12, 5, 1))], true);
    let again_tail = repeat(&[((264, 0, 0), (13, 5, 11)), ((278, 4, 15), (13, 5, 11))], false);
    let make = |compressed: u32, size: u32| {
        let name = b"a-name-of-twenty-nine-letters";
        let sizes = [0, compressed, size].map(u32::to_le_bytes).concat();
        let head = [b"PK\x03\x04\x14\0\0\0\x08\0\0\0\0\0", &sizes[..], &[29, 0, 2, 0], name, &[0, 0]].concat();
        let directory = [b"PK\x01\x02\x14\0\x14\0\0\0\x08\0\0\0\0\0", &sizes[..], &[29, 0], &[0; 16], name].concat();
        let end = [&b"PK\x05\x06\0\0\0\0\x01\0\x01\0\x4b\0\0\0"[..], &(61 + compressed).to_le_bytes(), &[0, 0]];
        let tail = [&[1, 0, 0, 0xff, 0xff][..], &directory, &end.concat()].concat();
        assert_eq!((head.len() + 5, tail.len() + 6), (66, 108));
        let (one, four, none) = (&literal(5)[..], &literal(20)[..], &literal(0)[..]);
        let (head_and_one, tail_and_one) = (&literal(66)[..], &literal(108)[..]);
        let (again_4, again_head, again_tail) = (&again_4[..], &again_head[..], &again_tail[..]);
        [
            &[&head[..], head_and_one, &head, head_and_one, again_head, one, again_head, one, one][..],
            &[four, again_head, one, one, four, again_4, four, again_4, four, again_4, four, again_4, four, again_4],
            &[none, none, tail_and_one, again_4, none, none, tail_and_one, again_tail, &tail, again_tail, &tail],
        ]
        .concat()
        .concat()
    };
    let size = make(0, 0).len() as u32;
    make(size - 61 - 97, size)
}

// Vectors C 13.
#[test]
fn an_archive_that_holds_itself_is_opened_once() {
    let bytes = quine();
    let recorded = check(bytes.clone(), &[]);
    assert!(recorded.bytes("//a-name-of-twenty-nine-letters") == bytes);
    assert!(recorded.parts.len() < 6, "{}", recorded.parts.len());
    let inner = recorded.parts.iter().any(|p| p.incomplete.iter().any(|reason| reason.contains("contains itself")));
    assert!(inner && !recorded.complete(), "{:#?}", recorded.parts);
}

#[test]
fn links_out_of_the_archive_are_reported() {
    let mut writer = ZipWriter::new(Cursor::new(Vec::new()));
    writer.add_symlink("a/link", "../../etc/passwd", SimpleFileOptions::default()).unwrap();
    let recorded = check(writer.finish().unwrap().into_inner(), &[]);
    assert!(recorded.findings.iter().any(|f| f.id == "archive.link-escapes"));
}

#[test]
fn extensions_of_browsers_are_opened_behind_their_signatures() {
    let archive = crate::testing::build::crc_less_zip(&[("manifest.json", MARKER)]);
    // Version 2: the lengths of a key and a signature; version 3: the length of a header.
    let second = [&b"Cr24\x02\0\0\0\x04\0\0\0\x04\0\0\0keyssign"[..], &archive].concat();
    let third = [&b"Cr24\x03\0\0\0\x08\0\0\0\x12\x06header"[..], &archive].concat();
    for bytes in [second, third] {
        let found = crate::testing::walk(bytes, "x.crx");
        assert_eq!(found.parts[0].kind.id, "crx");
        assert_eq!(found.bytes("//manifest.json"), MARKER);
    }
}

#[test]
fn what_freecad_alone_reads_is_no_unknown_file_and_a_program_is_one() {
    let program = crate::testing::build::pe(true, 0x0022, 2, &[]);
    let numbers: &[u8] = &[0x9b, 0xfe, 0x13, 0x99, 0, 1, 0xe0, 0xbb];
    let members =
        [("Document.xml", &b"<Document SchemaVersion=\"4\"/>"[..]), ("Points", numbers), ("Points1", &program)];
    let found = crate::testing::walk(crate::testing::build::crc_less_zip(&members), "plate.FCStd");
    let kind = |name: &str| found.part(name).kind.id.to_string();
    assert_eq!(kind("//Points"), "document-part");
    assert!(found.part("//Points1").kind.class.runs(), "{}", kind("//Points1"));
}
