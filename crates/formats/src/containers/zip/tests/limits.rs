//! What padding up to a limit would hide.

use super::{MARKER, Raw, build, check, deflated, holds, raw};
use crate::testing::walk_with;
use lazaret_model::Limits;

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
