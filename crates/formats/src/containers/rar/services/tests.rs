//! Archives of the writer, with service headers put in before the block that ends them.

use crate::testing::{Recorded, walk_with};
use lazaret_model::{Limits, Role};
use rars::{ArchiveVersion, Builder};

const MARKER: &[u8] = b"echo LAZARET-MARKER";

fn check(bytes: Vec<u8>, kind: &'static str) -> Recorded {
    walk_with(bytes, "sample.rar", Some(kind), &[], Limits::default())
}

fn crc(bytes: &[u8]) -> u32 {
    let mut crc = flate2::Crc::new();
    crc.update(bytes);
    crc.sum()
}

fn archive(version: ArchiveVersion) -> Vec<u8> {
    let mut builder = Builder::new(version).store(true);
    builder.add_bytes(b"file.txt".to_vec(), b"text".to_vec(), None, None).unwrap();
    builder.to_bytes().unwrap()
}

/// A service header of RAR 5 with its data; every number is below 128.
fn five(kind: &str, data_record: &[u8], method: u8, data: &[u8]) -> Vec<u8> {
    let extra = match data_record {
        [] => Vec::new(),
        record => [&[record.len() as u8 + 1, 7][..], record].concat(),
    };
    // Type 3, with data, and an extra area where there is one.
    let mut fields = vec![3, if extra.is_empty() { 2 } else { 3 }];
    if !extra.is_empty() {
        fields.push(extra.len() as u8);
    }
    // No file flags; size and attributes.
    fields.extend([data.len() as u8, 0, data.len() as u8, 0]);
    // The method stands in bits 7 to 9, so that a number of two bytes is needed for it.
    fields.extend(if method == 0 { vec![0] } else { vec![0x80, method] });
    // The system, and the name's length.
    fields.extend([0, kind.len() as u8]);
    let body = [&fields[..], kind.as_bytes(), &extra].concat();
    let sized = [&[body.len() as u8][..], &body].concat();
    [&crc(&sized).to_le_bytes()[..], &sized, data].concat()
}

/// Puts blocks before the last eight bytes, the block that ends an archive of RAR 5.
fn with_five(block: &[u8]) -> Vec<u8> {
    let whole = archive(ArchiveVersion::Rar50);
    let (front, end) = whole.split_at(whole.len() - 8);
    assert_eq!(end[5], 5, "the last block ends the archive");
    [front, block, end].concat()
}

/// A service header of RAR 4 with its data.
fn four(kind: &str, sub_data: &[u8], data: &[u8]) -> Vec<u8> {
    let size = (32 + kind.len() + sub_data.len()) as u16;
    let length = (data.len() as u32).to_le_bytes();
    let header = [
        &[0x7a, 0x00, 0x80][..],
        &size.to_le_bytes(),
        &length,
        &length,
        &[2],
        &crc(data).to_le_bytes(),
        &[0; 4],
        &[29, 0x30],
        &(kind.len() as u16).to_le_bytes(),
        &[0; 4],
        kind.as_bytes(),
        sub_data,
    ]
    .concat();
    [&(crc(&header) as u16).to_le_bytes()[..], &header, data].concat()
}

/// Puts a block before the one that ends an archive of RAR 4, or at the end where there is none.
fn with_four(block: &[u8]) -> Vec<u8> {
    let whole = archive(ArchiveVersion::Rar29);
    let mut at = 7;
    while at < whole.len() && whole[at + 2] != 0x7b {
        let small = |place: usize| usize::from(u16::from_le_bytes([whole[at + place], whole[at + place + 1]]));
        let long = small(3) & 0x8000 != 0;
        at += small(5) + if long { small(7) } else { 0 };
    }
    [&whole[..at], block, &whole[at..]].concat()
}

fn wide(text: &str) -> Vec<u8> {
    text.encode_utf16().flat_map(u16::to_le_bytes).collect()
}

#[test]
fn named_streams_are_members_under_the_name_of_their_file() {
    for (bytes, kind) in [
        (with_five(&five("STM", b":a.bat", 0, MARKER)), "rar5"),
        (with_four(&four("STM", &wide(":a.bat"), MARKER)), "rar4"),
    ] {
        let found = check(bytes, kind);
        assert_eq!(found.bytes("//file.txt:a.bat"), MARKER, "{kind}");
        let part = found.part("//file.txt:a.bat");
        assert!(part.named && part.role == Role::Member && found.complete(), "{:?}", found.parts);
    }
    let climbing = check(with_five(&five("STM", b":..\\..\\Startup\\a.bat", 0, MARKER)), "rar5");
    assert_eq!(climbing.bytes("//file.txt:..\\..\\Startup\\a.bat"), MARKER);
}

#[test]
fn a_stream_that_cannot_be_unpacked_is_incomplete() {
    let found = check(with_five(&five("STM", b":a.bat", 3, b"\0\0\0 no stream")), "rar5");
    assert!(!found.part("//file.txt:a.bat").complete);
}

#[test]
fn known_records_are_no_fault_and_unknown_ones_are_said() {
    for name in ["ACL", "UOW", "QO", "RR"] {
        let found = check(with_five(&five(name, b"", 0, b"\x01\x02")), "rar5");
        assert!(found.complete() && found.parts.len() == 2, "{name} {:?}", found.parts);
    }
    let found = check(with_five(&five("XYZ", b"", 0, MARKER)), "rar5");
    assert!(found.contains(MARKER) && !found.complete());
}

#[test]
fn more_streams_than_are_looked_at_are_said() {
    let block = five("STM", b":a.bat", 0, MARKER).repeat(super::MOST_STREAMS + 1);
    let found = check(with_five(&block), "rar5");
    assert!(found.parts[0].incomplete.iter().any(|reason| reason.contains("64 named streams")));
}

#[test]
fn comments_are_read_and_tell_passwords() {
    for version in [ArchiveVersion::Rar29, ArchiveVersion::Rar50] {
        let mut builder = Builder::new(version).comment(Some(b"Password: open-lazaret".to_vec()));
        builder.add_bytes(b"a.txt".to_vec(), MARKER.to_vec(), None, None).unwrap();
        let found = check(builder.to_bytes().unwrap(), "rar5");
        assert_eq!(found.bytes("//comment"), b"Password: open-lazaret", "{version:?}");
        assert!(found.complete());
    }
}

#[test]
fn archives_of_the_first_versions_are_told_and_opened() {
    let mut builder = Builder::new(ArchiveVersion::Rar14).store(true);
    builder.add_bytes(b"A.TXT".to_vec(), MARKER.to_vec(), None, None).unwrap();
    let found = crate::testing::walk(builder.to_bytes().unwrap(), "old.rar");
    assert_eq!(found.parts[0].kind.id, "rar14");
    assert_eq!(found.bytes("//A.TXT"), MARKER);
}
