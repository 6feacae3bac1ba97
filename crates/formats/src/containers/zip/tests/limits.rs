//! What padding up to a limit would hide.

use super::{MARKER, Raw, build, check, deflated, holds, raw};
use crate::testing::walk_with;
use lazaret_model::Limits;
use std::io::{Cursor, Write as _};
use zip::AesMode;
use zip::write::{SimpleFileOptions, ZipWriter};

#[test]
fn no_number_of_end_records_hides_an_archive() {
    let decoy = build(&[raw("decoy.txt", b"harmless")]);
    let recorded = check([build(&[deflated("payload.exe", MARKER)]), decoy.repeat(70)].concat(), &[]);
    holds(&recorded);
    assert!(recorded.complete(), "{:#?}", recorded.parts[0].incomplete);
}

#[test]
fn no_number_of_signatures_hides_a_data_descriptor() {
    let junk = [&b"PK\x07\x08"[..], &[0xff; 12]].concat().repeat(1_100);
    let data = [&b"x"[..], &junk, MARKER].concat();
    let member = Raw { flags: 8, local_flags: 8, descriptor: true, listed: false, ..raw("p.exe", &data) };
    let recorded = check(build(&[member, raw("z", b"z")]), &[]);
    assert!(recorded.bytes("//p.exe") == data && recorded.complete(), "{:#?}", recorded.parts);
}

#[test]
fn findings_of_one_sort_leave_room_for_others() {
    let mut members = vec![Raw { local_name: b"b".into(), ..raw("a", b"x") }; 70];
    members.push(Raw { listed: false, ..raw("hidden", MARKER) });
    let recorded = check(build(&members), &[]);
    let count = |id: &str| recorded.findings.iter().filter(|finding| finding.id == id).count();
    assert_eq!((count("zip.header-mismatch"), count("zip.unlisted-member")), (64, 1));
}

#[test]
fn a_member_with_a_long_name_is_found_without_a_directory() {
    let member = Raw { local_name: vec![b'a'; 5_000], listed: false, ..deflated("", MARKER) };
    holds(&check(build(&[raw("decoy.txt", b"harmless"), member]), &[]));
}

#[test]
fn zeros_and_other_kinds_hide_nothing_behind_the_archive() {
    let archive = build(&[raw("a.txt", b"first")]);
    let behind = [archive.clone(), vec![0; 70_000], MARKER.to_vec()].concat();
    for kind in ["zip", "jar"] {
        let opened = |bytes: &[u8]| walk_with(bytes, "sample", Some(kind), &[], Limits::default());
        assert!(opened(&behind).bytes("//after-archive").ends_with(MARKER), "{kind}");
        assert_eq!(opened(&[&archive[..], &[0; 70_000]].concat()).parts.len(), 2, "{kind}");
    }
}

#[test]
fn comments_may_tell_the_password() {
    let options = || SimpleFileOptions::default().with_aes_encryption(AesMode::Aes256, "Offer2024!");
    let mut writer = ZipWriter::new(Cursor::new(Vec::new()));
    writer.start_file("offer.txt", options()).unwrap();
    writer.write_all(MARKER).unwrap();
    writer.set_comment("The password is Offer2024!").unwrap();
    holds(&check(writer.finish().unwrap().into_inner(), &[]));
    let comment = b"pw: Offer2024!";
    let mut writer = ZipWriter::new(Cursor::new(Vec::new()));
    writer.start_file("offer.txt", options()).unwrap();
    writer.write_all(MARKER).unwrap();
    let mut bytes = writer.finish().unwrap().into_inner();
    // The only member's comment stands behind its header, and the end record behind that.
    let end = bytes.len() - 22;
    let directory = u32::from_le_bytes(bytes[end + 16..end + 20].try_into().unwrap()) as usize;
    bytes[directory + 32..directory + 34].copy_from_slice(&(comment.len() as u16).to_le_bytes());
    let size = (end - directory + comment.len()) as u32;
    bytes[end + 12..end + 16].copy_from_slice(&size.to_le_bytes());
    bytes.splice(end..end, comment.iter().copied());
    holds(&check(bytes, &[]));
}
