//! What padding up to a limit would hide.

use super::{MARKER, Raw, build, check, deflated, holds, raw};
use crate::testing::{Recorded, steps_of, walk_with};
use crate::{Content, Setup};
use lazaret_model::Limits;
use std::io::{Cursor, Write as _};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;
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

/// An archive whose directory names its only member so many times, each time by another name.
fn named_often(member: &Raw, times: usize) -> Vec<u8> {
    let whole = build(std::slice::from_ref(member));
    let end = whole.len() - 22;
    let number = |at: usize| u32::from_le_bytes(whole[at..at + 4].try_into().unwrap()) as usize;
    let directory = number(end + 16);
    let mut out = whole[..end].to_vec();
    for at in 1..times {
        let mut entry = whole[directory..end].to_vec();
        entry[46..50].copy_from_slice(format!("{at:04}").as_bytes());
        out.extend(entry);
    }
    let size = (out.len() - directory) as u32;
    let mut record = whole[end..].to_vec();
    record[8..10].copy_from_slice(&(times as u16).to_le_bytes());
    record[10..12].copy_from_slice(&(times as u16).to_le_bytes());
    record[12..16].copy_from_slice(&size.to_le_bytes());
    out.extend(record);
    out
}

#[test]
fn a_member_that_is_named_often_is_not_opened_as_often() {
    let inner: Vec<Raw> = (0..20).map(|at| raw(&format!("{at}"), format!("member {at}").as_bytes())).collect();
    let archive = |times: usize| named_often(&raw("0000", &build(&inner)), times);
    let (before, _) = steps_of(&archive(250), "a.zip", Some("zip"));
    let (after, recorded) = steps_of(&archive(500), "a.zip", Some("zip"));
    assert!(after <= before / 10 * 26, "{before} steps, then {after}");
    assert!((0..500).all(|at| recorded.parts.iter().any(|part| part.name == format!("{at:04}"))));
    let inside = recorded.parts.iter().filter(|part| part.depth > 1).count();
    assert!((20..=400).contains(&inside), "{inside}");
}

#[test]
fn a_member_that_is_named_often_is_measured_once() {
    // Where something like headers is in it, it is unpacked up to them to see whether they are its own.
    let steps = |mark: &[u8]| {
        let plain = [MARKER, mark].concat().repeat(100);
        let mut encoder = flate2::write::DeflateEncoder::new(Vec::new(), flate2::Compression::none());
        encoder.write_all(&plain).unwrap();
        let data = encoder.finish().unwrap();
        let length = data.len() as u32;
        let member = Raw { data, compressed: length, local_compressed: length, ..deflated("0000", &plain) };
        steps_of(&named_often(&member, 500), "a.zip", Some("zip")).0
    };
    let (with, without) = (steps(b"PK\x03\x04"), steps(b"XY\x03\x04"));
    assert!(with <= 2 * without, "{with} steps, and {without} without headers");
}

#[test]
fn names_that_members_share_are_not_kept_for_each_of_them() {
    let long = Raw { local_name: vec![b'b'; 60_000], ..raw("0000", b"x") };
    let archive = named_often(&long, 2_000);
    let recorded = check(archive, &[]);
    assert!(recorded.parts[0].incomplete.iter().any(|reason| reason.contains("32 MiB")), "{:?}", recorded.parts[0]);
    assert!(recorded.parts.len() < 1_000, "{}", recorded.parts.len());
}

#[test]
fn passwords_are_not_tried_for_ever_and_what_stays_locked_says_so() {
    let mut writer = ZipWriter::new(Cursor::new(Vec::new()));
    for at in 0..60 {
        let options = SimpleFileOptions::default().with_aes_encryption(AesMode::Aes256, "nobody knows it");
        writer.start_file(format!("{at}.bin"), options).unwrap();
        writer.write_all(MARKER).unwrap();
    }
    let archive = writer.finish().unwrap().into_inner();
    // Each look at the clock is 50 ms after the one before.
    let looks = Arc::new(AtomicU64::new(0));
    let own = Arc::clone(&looks);
    let setup = Setup {
        limits: Limits { time_ms: u64::MAX, ..Limits::default() },
        clock: Arc::new(move || Duration::from_millis(50 * own.fetch_add(1, Ordering::Relaxed))),
        spool: None,
        passwords: (0..200).map(|at| format!("wrong {at}")).collect(),
        legacy_hashes: false,
        declared_type: None,
        codings: Vec::new(),
    };
    let mut recorded = Recorded::default();
    crate::walk::walk(&Content::from(archive), "a.zip", setup, &mut recorded);
    let locked = recorded.parts.iter().filter(|part| part.depth == 1 && part.locked).count();
    assert_eq!(locked, 60);
    let looks = looks.load(Ordering::Relaxed);
    assert!(looks < 6_000, "{looks} looks at the clock");
}
