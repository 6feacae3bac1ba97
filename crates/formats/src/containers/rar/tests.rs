//! RAR archives written by the test, since samples may not be copied here.

use crate::testing::{Recorded, walk_with};
use lazaret_model::Limits;
use rars::{ArchiveVersion, Builder};

const MARKER: &[u8] = b"LAZARET-MARKER in rar, in rar, in rar, in rar, in rar, in rar, in rar, in rar, in rar";

fn check(bytes: Vec<u8>, passwords: &[&str]) -> Recorded {
    walk_with(bytes, "sample.rar", Some("rar5"), passwords, Limits::default())
}

fn builder(version: ArchiveVersion) -> Builder {
    let mut builder = Builder::new(version);
    builder.add_bytes(b"payload.exe".to_vec(), MARKER.to_vec(), None, None).unwrap();
    builder.add_bytes(b"second.txt".to_vec(), b"second".to_vec(), None, None).unwrap();
    builder
}

const VERSIONS: [ArchiveVersion; 5] =
    [ArchiveVersion::Rar15, ArchiveVersion::Rar20, ArchiveVersion::Rar29, ArchiveVersion::Rar50, ArchiveVersion::Rar70];

// Vectors C 14.
#[test]
fn every_generation_is_read_solid_or_not() {
    for version in VERSIONS {
        for solid in [false, true] {
            let recorded = check(builder(version).solid(solid).to_bytes().unwrap(), &[]);
            assert_eq!(recorded.bytes("//payload.exe"), MARKER, "{version:?}");
            assert_eq!(recorded.bytes("//second.txt"), b"second", "{version:?}");
            assert!(recorded.complete(), "{version:?} {:?}", recorded.parts);
        }
    }
}

#[test]
fn passwords_open_data_and_headers() {
    for version in [ArchiveVersion::Rar29, ArchiveVersion::Rar50] {
        for headers in [false, true] {
            // The writer encrypts headers of RAR 5 only.
            if headers && version == ArchiveVersion::Rar29 {
                continue;
            }
            let built = builder(version).password(Some(b"infected".to_vec())).header_encryption(headers);
            let bytes = built.to_bytes().unwrap();
            let recorded = check(bytes.clone(), &["wrong", "infected"]);
            assert_eq!(recorded.bytes("//payload.exe"), MARKER, "{version:?}");
            assert!(recorded.complete(), "{:?}", recorded.parts);
            let recorded = check(bytes, &["wrong"]);
            assert!(!recorded.complete() && recorded.parts.iter().any(|p| p.locked), "{version:?}");
        }
    }
}

#[test]
fn a_volume_of_several_is_incomplete() {
    for version in [ArchiveVersion::Rar29, ArchiveVersion::Rar50] {
        let mut builder = Builder::new(version).store(true).volume_size(Some(1500));
        // The writer takes one member only where it writes old volumes.
        if version == ArchiveVersion::Rar50 {
            builder.add_bytes(b"first.txt".to_vec(), MARKER.to_vec(), None, None).unwrap();
        }
        builder.add_bytes(b"big".to_vec(), vec![7; 5000], None, None).unwrap();
        let volumes = builder.build_volumes(None).unwrap();
        assert!(volumes.len() > 1);
        let recorded = check(volumes[0].clone(), &[]);
        assert_eq!(recorded.contains(MARKER), version == ArchiveVersion::Rar50);
        assert!(!recorded.part("//big").complete);
        for volume in volumes {
            assert!(!check(volume, &[]).complete());
        }
    }
}

// Vectors C 4.
#[test]
fn a_self_extractor_is_looked_behind() {
    let stub = [b"MZ a stub that names Rar!\x1a\x07 itself".to_vec(), vec![0; 3000]].concat();
    let bytes = builder(ArchiveVersion::Rar50).to_bytes().unwrap();
    assert_eq!(check([stub, bytes].concat(), &[]).bytes("//payload.exe"), MARKER);
}

#[test]
fn no_number_of_signatures_hides_an_archive() {
    let bytes = builder(ArchiveVersion::Rar50).to_bytes().unwrap();
    for decoy in [&b"Rar!\x1a\x07\0 and "[..], b"Rar!\x1a\x07\x01\0 and ", b"Rar!\x1a\x07 and "] {
        let found = check([decoy.repeat(100), bytes.clone()].concat(), &[]);
        assert_eq!(found.bytes("//payload.exe"), MARKER);
    }
    let decoys = b"Rar!\x1a\x07\x01\0 and ".repeat(super::MOST_STARTS);
    let found = check([decoys, bytes].concat(), &[]);
    assert!(found.parts[0].incomplete.iter().any(|reason| reason.contains("1000 RAR signatures")));
}

// Vectors C 9.
#[test]
fn truncation_and_noise_never_pass_for_whole() {
    for version in [ArchiveVersion::Rar29, ArchiveVersion::Rar50] {
        let whole = builder(version).to_bytes().unwrap();
        for sixteenth in 1..16 {
            let recorded = check(whole[..whole.len() * sixteenth / 16].to_vec(), &[]);
            let both = recorded.contains(MARKER) && recorded.contains(b"second");
            assert!(both || !recorded.complete(), "{version:?} {sixteenth}/16");
        }
        for at in 0..whole.len() {
            let mut bytes = whole.clone();
            bytes[at] ^= 0x41;
            let recorded = check(bytes, &[]);
            assert!(recorded.contains(MARKER) || !recorded.complete(), "{version:?} flipped at {at}");
        }
    }
}

#[test]
fn the_last_member_of_a_cut_archive_is_read_as_far_as_it_goes() {
    let mut builder = Builder::new(ArchiveVersion::Rar50).store(true);
    let long = [MARKER, &[b'x'; 3000]].concat();
    builder.add_bytes(b"payload.exe".to_vec(), long, None, None).unwrap();
    let whole = builder.to_bytes().unwrap();
    let recorded = check(whole[..1500].to_vec(), &[]);
    assert!(recorded.contains(MARKER) && !recorded.complete());
}

#[test]
fn a_comment_may_tell_the_password() {
    for version in [ArchiveVersion::Rar29, ArchiveVersion::Rar50] {
        let built = builder(version).password(Some(b"Offer2024!".to_vec()));
        let built = built.comment(Some(b"The password is Offer2024!".to_vec()));
        let recorded = check(built.to_bytes().unwrap(), &[]);
        assert_eq!(recorded.bytes("//payload.exe"), MARKER, "{version:?}");
    }
}
