//! tar as its many writers write it, and as senders bend it.

use crate::testing::{Recorded, walk_with};
use lazaret_model::Limits;

const MARKER: &[u8] = b"LAZARET-MARKER in a tar";

fn check(bytes: Vec<u8>) -> Recorded {
    walk_with(bytes, "sample.tar", Some("tar"), &[], Limits::default())
}

fn header(name: &[u8], kind: u8, size: usize, edit: impl Fn(&mut [u8])) -> Vec<u8> {
    let mut block = vec![0; 512];
    block[..name.len()].copy_from_slice(name);
    block[100..107].copy_from_slice(b"0000644");
    block[124..135].copy_from_slice(format!("{size:011o}").as_bytes());
    block[156] = kind;
    block[257..265].copy_from_slice(b"ustar\x0000");
    edit(&mut block);
    block[148..156].copy_from_slice(b"        ");
    let sum: u32 = block.iter().map(|b| u32::from(*b)).sum();
    block[148..155].copy_from_slice(format!("{sum:06o}\0").as_bytes());
    block
}

fn member(name: &[u8], kind: u8, data: &[u8]) -> Vec<u8> {
    let mut out = header(name, kind, data.len(), |_| {});
    out.extend(data);
    out.resize(out.len().next_multiple_of(512), 0);
    out
}

fn ended(members: &[Vec<u8>]) -> Vec<u8> {
    [members.concat(), vec![0; 1024]].concat()
}

fn pax(key: &str, value: &str) -> String {
    let body = format!(" {key}={value}\n");
    let mut length = body.len() + 1;
    while format!("{length}{body}").len() != length {
        length += 1;
    }
    format!("{length}{body}")
}

#[test]
fn plain_members_are_read() {
    let recorded = check(ended(&[member(b"a/b.exe", b'0', MARKER), member(b"dir/", b'5', b"")]));
    assert_eq!(recorded.bytes("//a/b.exe"), MARKER);
    assert!(recorded.complete() && recorded.parts.len() == 2);
}

#[test]
fn the_signature_of_a_package_is_told_by_its_name_and_length() {
    let number = b"\xf1\x02\xe3\x99".repeat(64);
    for (name, bytes, told) in [
        (&b".SIGN.RSA.builder-5261cecb.rsa.pub"[..], &number[..], true),
        (b".SIGN.RSA.builder-5261cecb.rsa.pub", &number[..200], false),
        (b"a/.SIGN.RSA.builder-5261cecb.rsa.pub", &number[..], false),
        (b"a.bin", &number[..], false),
    ] {
        let recorded = check(ended(&[member(name, b'0', bytes)]));
        assert_eq!(recorded.parts[1].kind.id == "package-signature", told, "{:?}", recorded.parts[1]);
    }
}

// Vectors C 16.
#[test]
fn long_names_of_every_dialect_are_used() {
    let long = "long/".repeat(60) + "payload.exe";
    for extra in [member(b"././@LongLink", b'L', long.as_bytes()), member(b"p", b'x', pax("path", &long).as_bytes())] {
        let recorded = check(ended(&[extra, member(b"short", b'0', MARKER)]));
        assert_eq!(recorded.bytes(&format!("//{long}")), MARKER);
        assert!(recorded.complete());
    }
}

#[test]
fn the_pax_size_wins() {
    let mut data = header(b"a", b'0', 0, |_| {});
    data.extend(MARKER);
    data.resize(1024, 0);
    let size = MARKER.len().to_string();
    let recorded = check(ended(&[member(b"p", b'x', pax("size", &size).as_bytes()), data]));
    assert_eq!(recorded.bytes("//a"), MARKER);
}

#[test]
fn sizes_in_base_256_are_read() {
    let mut bytes = header(b"a", b'0', 0, |block| {
        block[124..136].fill(0);
        block[124] = 0x80;
        block[135] = MARKER.len() as u8;
    });
    bytes.extend(MARKER);
    bytes.resize(1024, 0);
    assert_eq!(check(ended(&[bytes])).bytes("//a"), MARKER);
}

#[test]
fn sparse_files_are_unfolded() {
    let holes = [&[0u8; 100][..], MARKER, &[0; 10]].concat();
    // The old GNU form.
    let mut old = header(b"s", b'S', MARKER.len(), |block| {
        block[257..265].copy_from_slice(b"ustar  \0");
        block[386..397].copy_from_slice(format!("{:011o}", 100).as_bytes());
        block[398..409].copy_from_slice(format!("{:011o}", MARKER.len()).as_bytes());
        block[483..494].copy_from_slice(format!("{:011o}", holes.len()).as_bytes());
    });
    old.extend(MARKER);
    old.resize(1024, 0);
    assert_eq!(check(ended(&[old])).bytes("//s"), holes);
    // pax 0.1 and 1.0.
    let common = pax("GNU.sparse.name", "s") + &pax("GNU.sparse.realsize", &holes.len().to_string());
    let one = common.clone() + &pax("GNU.sparse.map", &format!("100,{}", MARKER.len()));
    let recorded = check(ended(&[member(b"p", b'x', one.as_bytes()), member(b"x", b'0', MARKER)]));
    assert_eq!(recorded.bytes("//s"), holes);
    let two = common + &pax("GNU.sparse.major", "1") + &pax("GNU.sparse.minor", "0");
    let mut data = format!("1\n100\n{}\n", MARKER.len()).into_bytes();
    data.resize(512, 0);
    data.extend(MARKER);
    let recorded = check(ended(&[member(b"p", b'x', two.as_bytes()), member(b"x", b'0', &data)]));
    assert_eq!(recorded.bytes("//s"), holes);
}

/// A sparse file of the marker behind a hundred zeros, by a map.
fn sparse(map: &str) -> Recorded {
    let size = (100 + MARKER.len() + 10).to_string();
    let header = pax("GNU.sparse.name", "s") + &pax("GNU.sparse.realsize", &size) + &pax("GNU.sparse.map", map);
    check(ended(&[member(b"p", b'x', header.as_bytes()), member(b"x", b'0', MARKER)]))
}

#[test]
fn no_number_of_pieces_moves_what_a_sparse_file_holds() {
    let holes = [&[0u8; 100][..], MARKER, &[0; 10]].concat();
    let last = format!("100,{}", MARKER.len());
    let recorded = sparse(&format!("{}{last}", "0,0,".repeat(40_000)));
    assert!(recorded.bytes("//s") == holes && recorded.complete(), "{:#?}", recorded.parts);
    let header = pax("GNU.sparse.major", "1") + &pax("GNU.sparse.minor", "0");
    let many = member(b"x", b'0', format!("{}\n0\n0\n", super::MOST_NUMBERS).as_bytes());
    let recorded = check(ended(&[member(b"p", b'x', header.as_bytes()), many]));
    assert!(recorded.part("//x").incomplete.iter().any(|reason| reason.contains("524,288 pieces")));
    // Whoever does not know of maps sees all bytes.
    assert!(!sparse("100,3").complete());
}

#[test]
fn what_pax_headers_hide_is_said() {
    for (behind, complete) in [(&b""[..], true), (b"\0\0", true), (b"x", false)] {
        let header = [b"12 path=abc\n", behind].concat();
        let recorded = check(ended(&[member(b"p", b'x', &header), member(b"a", b'0', MARKER)]));
        assert_eq!((recorded.bytes("//abc"), recorded.complete()), (MARKER, complete));
    }
    let long = "n".repeat(super::MOST_META as usize + 1);
    let recorded = check(ended(&[member(b"././@LongLink", b'L', long.as_bytes()), member(b"a", b'0', MARKER)]));
    assert!(recorded.parts[0].incomplete.iter().any(|reason| reason.contains("a long name")));
}

#[test]
fn data_where_none_should_be_is_a_part() {
    for kind in *b"34567DV" {
        let recorded = check(ended(&[member(b"a", kind, MARKER), member(b"b", b'0', b"second")]));
        assert!(recorded.bytes("//a") == MARKER && recorded.bytes("//b") == b"second", "{}", char::from(kind));
    }
    let mut junk = MARKER.repeat(40);
    junk.resize(1024, b'.');
    let (first, second) = (ended(&[member(b"a", b'0', b"first")]), ended(&[member(b"b", b'0', b"second")]));
    let recorded = check([first, junk, second].concat());
    assert!(recorded.bytes("//between-members").starts_with(MARKER) && recorded.bytes("//b") == b"second");
}

#[test]
fn a_bad_checksum_is_tolerated_and_said() {
    let mut bytes = ended(&[member(b"a", b'0', b"first"), member(b"b", b'0', MARKER)]);
    bytes[1024 + 150] = b'7';
    let recorded = check(bytes.clone());
    assert_eq!(recorded.bytes("//b"), MARKER);
    assert!(!recorded.complete());
    // Without `ustar` it is no header at all, and the next one is searched for.
    bytes[257..262].fill(b'x');
    let recorded = check(bytes);
    assert!(recorded.contains(MARKER) && recorded.contains(b"first") && !recorded.complete());
}

#[test]
fn what_follows_the_zero_blocks_is_read() {
    let recorded = check([ended(&[member(b"a", b'0', b"first")]), ended(&[member(b"b", b'0', MARKER)])].concat());
    assert_eq!(recorded.bytes("//b"), MARKER);
    let recorded = check([ended(&[member(b"a", b'0', b"first")]), MARKER.repeat(40)].concat());
    assert!(recorded.contains(MARKER));
}

#[test]
fn one_name_twice_makes_two_parts() {
    let recorded = check(ended(&[member(b"a", b'0', b"first"), member(b"a", b'0', MARKER)]));
    assert_eq!(recorded.bytes("//a"), b"first");
    assert_eq!(recorded.bytes("//a#2"), MARKER);
}

#[test]
fn names_by_which_links_are_run_are_parts() {
    for kind in [b'1', b'2'] {
        for (name, target, is_part) in [
            ("Invoice.bat", "b.txt", true),
            ("d/Invoice.HTA", "page.html", true),
            ("COPYING", "LICENSE", false),
            ("a.exe", "b.EXE", false),
            ("liba.so", "liba.so.1", false),
            ("example.com", "sites/1", false),
        ] {
            let link = header(name.as_bytes(), kind, 0, |block| {
                block[157..157 + target.len()].copy_from_slice(target.as_bytes());
            });
            let recorded = check(ended(&[member(b"b.txt", b'0', MARKER), link]));
            assert_eq!(recorded.parts.iter().any(|part| part.name == name), is_part, "{name}");
        }
    }
}

#[test]
fn links_out_of_the_archive_are_reported() {
    for (kind, target, leaves) in
        [(b'2', "/etc/passwd", true), (b'2', "../x", false), (b'1', "../x", true), (b'1', "x", false)]
    {
        let link =
            header(b"d/link", kind, 0, |block| block[157..157 + target.len()].copy_from_slice(target.as_bytes()));
        let recorded = check(ended(&[link]));
        assert_eq!(recorded.findings.iter().any(|f| f.id == "archive.link-escapes"), leaves, "{target}");
    }
}

#[test]
fn an_archive_whose_last_member_is_its_end_is_whole() {
    let bare = [member(b"a", b'0', b"first"), member(b"b", b'0', MARKER)].concat();
    assert!(check(bare.clone()).complete());
    for end in [bare.len() - 1, bare.len() - 512, bare.len() - 600] {
        assert!(!check(bare[..end].to_vec()).complete(), "{end}");
    }
    // What describes a member that does not come.
    assert!(!check([bare, member(b"x", b'L', b"a-longer-name")].concat()).complete());
}

#[test]
fn truncation_and_noise_never_pass_for_whole() {
    let whole = ended(&[member(b"a", b'0', b"first"), member(b"b", b'0', MARKER)]);
    for sixteenth in 1..16 {
        let cut = whole[..whole.len() * sixteenth / 16].to_vec();
        let recorded = check(cut);
        assert!(recorded.contains(MARKER) || !recorded.complete(), "cut at {sixteenth}/16");
    }
    for at in 0..1536 {
        let mut bytes = whole.clone();
        bytes[at] ^= 0x41;
        let recorded = check(bytes);
        assert!(recorded.contains(MARKER) || !recorded.complete(), "flipped at {at}");
    }
}
