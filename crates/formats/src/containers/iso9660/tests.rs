//! Small images, honest and with trees that disagree.

use crate::testing::{Recorded, walk_with};
use lazaret_model::Limits;

const MARKER: &[u8] = b"LAZARET-MARKER in an image";

fn check(bytes: Vec<u8>) -> Recorded {
    walk_with(bytes, "sample.iso", Some("iso9660"), &[], Limits::default())
}

fn record(name: &[u8], sector: u32, size: u32, flags: u8, system_use: &[u8]) -> Vec<u8> {
    let mut out = vec![0, 0];
    out.extend(sector.to_le_bytes());
    out.extend(sector.to_be_bytes());
    out.extend(size.to_le_bytes());
    out.extend(size.to_be_bytes());
    out.extend([0; 7]);
    out.extend([flags, 0, 0, 1, 0, 0, 1]);
    out.push(name.len() as u8);
    out.extend(name);
    if out.len() % 2 == 1 {
        out.push(0);
    }
    out.extend(system_use);
    if out.len() % 2 == 1 {
        out.push(0);
    }
    out[0] = out.len() as u8;
    out
}

fn folder(sector: u32, records: &[Vec<u8>]) -> Vec<u8> {
    let own = record(&[0], sector, 2048, 2, &[]);
    let parent = record(&[1], sector, 2048, 2, &[]);
    let mut out = [own, parent, records.concat()].concat();
    out.resize(2048, 0);
    out
}

fn utf16(name: &str) -> Vec<u8> {
    name.encode_utf16().flat_map(u16::to_be_bytes).collect()
}

/// An image of 24 sectors: primary tree at 20, Joliet tree at 21, a file's data at 22, another's at 23.
fn image(primary: &[Vec<u8>], joliet: Option<&[Vec<u8>]>) -> Vec<u8> {
    let mut out = vec![0; 24 * 2048];
    let mut descriptor = |sector: usize, kind: u8, root: u32| {
        let at = sector * 2048;
        out[at] = kind;
        out[at + 1..at + 7].copy_from_slice(b"CD001\x01");
        out[at + 80..at + 84].copy_from_slice(&24u32.to_le_bytes());
        if kind == 2 {
            out[at + 88..at + 91].copy_from_slice(b"%/E");
        }
        if root > 0 {
            out[at + 156..at + 190].copy_from_slice(&record(&[0], root, 2048, 2, &[]));
        }
    };
    descriptor(16, 1, 20);
    if joliet.is_some() {
        descriptor(17, 2, 21);
    }
    descriptor(18, 255, 0);
    out[20 * 2048..21 * 2048].copy_from_slice(&folder(20, primary));
    if let Some(joliet) = joliet {
        out[21 * 2048..22 * 2048].copy_from_slice(&folder(21, joliet));
    }
    out[22 * 2048..22 * 2048 + MARKER.len()].copy_from_slice(MARKER);
    out[23 * 2048..23 * 2048 + 5].copy_from_slice(b"decoy");
    out
}

fn payload(name: &[u8], system_use: &[u8]) -> Vec<u8> {
    record(name, 22, MARKER.len() as u32, 0, system_use)
}

#[test]
fn names_come_from_joliet_and_rock_ridge_before_the_short_form() {
    let recorded = check(image(&[payload(b"PAYLOAD.EXE;1", &[])], None));
    assert_eq!(recorded.bytes("//PAYLOAD.EXE"), MARKER);
    assert!(recorded.complete() && recorded.findings.is_empty());
    let rock = [&b"NM"[..], &[5 + 11, 1, 0], b"payload.exe"].concat();
    assert_eq!(check(image(&[payload(b"PAYLOAD.EXE;1", &rock)], None)).bytes("//payload.exe"), MARKER);
    let joliet = [payload(&utf16("Payload ü.exe"), &[])];
    let recorded = check(image(&[payload(b"PAYLOAD.EXE;1", &[])], Some(&joliet)));
    assert_eq!(recorded.bytes("//Payload ü.exe"), MARKER);
    assert_eq!(recorded.parts.len(), 2);
    assert!(recorded.findings.is_empty());
}

// Vectors C 18.
#[test]
fn a_file_that_only_one_tree_shows_is_read_and_reported() {
    let decoy = || record(b"DECOY.TXT;1", 23, 5, 0, &[]);
    let joliet = [record(&utf16("decoy.txt"), 23, 5, 0, &[])];
    for recorded in [
        check(image(&[decoy(), payload(b"PAYLOAD.EXE;1", &[])], Some(&joliet))),
        check(image(&[decoy()], Some(&[joliet[0].clone(), payload(&utf16("payload.exe"), &[])]))),
    ] {
        assert!(recorded.contains(MARKER));
        assert!(recorded.findings.iter().any(|f| f.id == "iso.hidden-tree"));
    }
}

#[test]
fn files_marked_as_hidden_are_read_and_reported() {
    for (flags, found) in [(0, false), (1, true)] {
        let recorded = check(image(&[record(b"DECOY.TXT;1", 23, 5, flags, &[])], None));
        assert_eq!(recorded.findings.iter().any(|f| f.id == "iso.hidden-files"), found);
    }
}

#[test]
fn a_second_session_and_files_beyond_the_volume_are_read() {
    let mut bytes = image(&[record(b"DECOY.TXT;1", 23, 5, 0, &[])], None);
    // A later session: descriptor at 24, folder at 25, data at 26, all beyond the first volume's size.
    let mut descriptor = bytes[16 * 2048..17 * 2048].to_vec();
    descriptor[156..190].copy_from_slice(&record(&[0], 25, 2048, 2, &[]));
    bytes.extend(descriptor);
    bytes.extend(folder(25, &[record(b"PAYLOAD.EXE;1", 26, MARKER.len() as u32, 0, &[])]));
    bytes.extend(MARKER);
    let recorded = check(bytes);
    assert_eq!(recorded.bytes("//PAYLOAD.EXE"), MARKER);
    assert!(recorded.findings.iter().any(|f| f.id == "iso.beyond-volume"));
}

#[test]
fn links_that_leave_and_folders_that_loop_are_survived() {
    let link = [&b"SL"[..], &[5 + 2 + 2 + 3, 1, 0, 8, 0, 0, 3], b"etc"].concat();
    let link = [&b"NM"[..], &[6, 1, 0, b'l'], &link].concat();
    let recorded =
        check(image(&[record(b"L;1", 0, 0, 0, &link), record(b"LOOP", 20, 2048, 2, &[]), payload(b"P;1", &[])], None));
    assert!(recorded.findings.iter().any(|f| f.id == "archive.link-escapes"));
    assert_eq!(recorded.bytes("//P"), MARKER);
}

#[test]
fn compressed_files_are_inflated_and_must_be_what_the_image_says() {
    let zf = |words, shift| [&b"ZF"[..], &[16, 1], b"pz", &[words, shift, 9, 0, 0, 0, 0, 0, 0, 9]].concat();
    let stored = crate::containers::zisofs::tests::compress(MARKER);
    let size = stored.len() as u32;
    let put = |system_use: &[u8]| {
        let mut bytes = image(&[record(b"P.EXE;1", 22, size, 0, system_use)], None);
        bytes[22 * 2048..22 * 2048 + stored.len()].copy_from_slice(&stored);
        bytes
    };
    for (system_use, complete) in [(zf(4, 15), true), (zf(4, 16), false), (Vec::new(), true)] {
        let recorded = check(put(&system_use));
        assert_eq!(recorded.bytes("//P.EXE//P.EXE"), MARKER);
        assert_eq!(recorded.complete(), complete, "{system_use:?}");
    }
    // Linux inflates whatever the header says.
    let mut bytes = put(&zf(4, 15));
    bytes[22 * 2048] = 0;
    assert!(!check(bytes).complete());
}

#[test]
fn no_number_of_descriptors_hides_a_tree() {
    // Decoys that look like descriptors, then a session of its own.
    let mut bytes = image(&[record(b"DECOY.TXT;1", 23, 5, 0, &[])], None);
    let primary = bytes[16 * 2048..17 * 2048].to_vec();
    let mut decoy = vec![0; 2048];
    decoy[..6].copy_from_slice(b"\xffCD001");
    bytes.extend(decoy.repeat(300));
    let at = (bytes.len() / 2048) as u32;
    bytes.extend(&primary);
    let end = bytes.len();
    bytes[end - 2048 + 156..end - 2048 + 190].copy_from_slice(&record(&[0], at + 1, 2048, 2, &[]));
    bytes.extend(folder(at + 1, &[payload(b"PAYLOAD.EXE;1", &[])]));
    assert_eq!(check(bytes.clone()).bytes("//PAYLOAD.EXE"), MARKER);
    // More trees than are read.
    for root in 0..super::MOST_TREES as u32 {
        bytes.extend(&primary);
        let end = bytes.len();
        bytes[end - 2048 + 156..end - 2048 + 190].copy_from_slice(&record(&[0], 20, 2048 + root, 2, &[]));
    }
    assert!(check(bytes).parts[0].incomplete.iter().any(|given| given.contains("more than 256 trees")));
}

#[test]
fn supplementary_trees_without_joliet_are_read() {
    let mut bytes = image(&[record(b"DECOY.TXT;1", 23, 5, 0, &[])], Some(&[payload(b"PAYLOAD.EXE;1", &[])]));
    bytes[17 * 2048 + 88..17 * 2048 + 91].fill(0);
    assert_eq!(check(bytes).bytes("//PAYLOAD.EXE"), MARKER);
}

#[test]
fn a_long_sequence_of_descriptors_does_not_hide_udf() {
    let mut bytes = image(&[payload(b"PAYLOAD.EXE;1", &[])], None);
    let mut boot = vec![0; 2048];
    boot[1..6].copy_from_slice(b"BOOT2");
    let mut udf = boot.clone();
    udf[1..6].copy_from_slice(b"NSR03");
    bytes[17 * 2048 + 1..17 * 2048 + 6].copy_from_slice(b"BEA01");
    let mut long = [&bytes[..18 * 2048], &boot.repeat(300), &udf].concat();
    let end = long.len() as u32 / 2048;
    long.extend(folder(end, &[record(b"PAYLOAD.EXE;1", end + 1, MARKER.len() as u32, 0, &[])]));
    long.extend(MARKER);
    long[16 * 2048 + 156..16 * 2048 + 190].copy_from_slice(&record(&[0], end, 2048, 2, &[]));
    let recorded = check(long);
    assert_eq!(recorded.bytes("//PAYLOAD.EXE"), MARKER);
    assert!(recorded.parts[0].incomplete.iter().any(|given| given.contains("UDF")));
    assert!(check(bytes).complete());
}

#[test]
fn a_folder_named_again_with_a_greater_length_is_read_to_its_end() {
    let root = [record(b"LONG", 24, 4096, 2, &[]), record(b"SHORT", 24, 2048, 2, &[])];
    let mut bytes = image(&root, None);
    bytes.extend(folder(24, &[record(b"DECOY.TXT;1", 23, 5, 0, &[])]));
    bytes.extend(payload(b"PAYLOAD.EXE;1", &[]));
    bytes.resize(26 * 2048, 0);
    let recorded = check(bytes);
    assert_eq!(recorded.bytes("//LONG/PAYLOAD.EXE"), MARKER);
    assert_eq!(recorded.parts.len(), 3);
}

#[test]
fn continued_fields_are_read_or_said_to_be_more() {
    let place = |offset: usize| {
        let number = |n: u32| [n.to_le_bytes(), n.to_be_bytes()].concat();
        [&b"CE"[..], &[28, 1], &number(24), &number(offset as u32), &number(28)].concat()
    };
    let name = [&b"NM"[..], &[5 + 11, 1, 0], b"payload.exe"].concat();
    for (continuations, complete) in [(1, true), (60, true), (70, false)] {
        let mut bytes = image(&[payload(b"PAYLOAD.EXE;1", &place(0))], None);
        for at in 1..continuations {
            bytes.extend(place(28 * at));
        }
        bytes.extend(&name);
        bytes.resize(25 * 2048, 0);
        let recorded = check(bytes);
        assert!(recorded.contains(MARKER));
        assert_eq!(recorded.complete(), complete, "{continuations}");
        assert_eq!(recorded.parts[1].name == "payload.exe", complete, "{continuations}");
    }
}

#[test]
fn truncation_and_noise_never_pass_for_whole() {
    let whole = image(&[payload(b"PAYLOAD.EXE;1", &[])], None);
    for sixteenth in 1..16 {
        let recorded = check(whole[..whole.len() * sixteenth / 16].to_vec());
        assert!(recorded.contains(MARKER) || !recorded.complete(), "{sixteenth}/16");
    }
    // Noise in the descriptor and the folder.
    for at in (16 * 2048..16 * 2048 + 200).chain(20 * 2048..20 * 2048 + 68) {
        let mut bytes = whole.clone();
        bytes[at] ^= 0x41;
        check(bytes);
    }
}
