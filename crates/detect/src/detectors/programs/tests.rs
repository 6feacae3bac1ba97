//! What is reported about programs, and what is not.

use super::Programs;
use super::samples::{BOTH, CODE, DATA, Pe};
use crate::detectors::test_part::{check_part, part};
use crate::{Detector, Findings};
use corpus::build::signed::{Flaw, Hash, Key, sign};

#[track_caller]
fn check_kind(kind: &'static str, bytes: &[u8], expected: &[&str]) {
    let mut part = part(kind);
    part.size = bytes.len() as u64;
    check_part(&Programs, &part, bytes, expected);
}

/// Checks a program of Windows without signature, which is always said.
#[track_caller]
fn check(pe: Pe, expected: &[&str]) {
    let mut expected = expected.to_vec();
    expected.push("program.unsigned info");
    expected.sort_unstable();
    check_kind(if pe.wide { "pe64" } else { "pe32" }, &pe.bytes(), &expected);
}

fn noise(length: usize) -> Vec<u8> {
    let mut state = 9_u64;
    let mut next = || {
        state = state.wrapping_mul(6364136223846793005).wrapping_add(1442695040888963407);
        (state >> 56) as u8
    };
    (0..length).map(|_| next()).collect()
}

#[test]
fn packed_programs_are_found() {
    let code = |name, bytes| Pe { sections: vec![(name, bytes, CODE)], ..Pe::plain() };
    check(Pe::plain(), &[]);
    check(code(".text", noise(100_000)), &["program.packed medium"]);
    check(Pe { wide: false, ..code(".text", noise(100_000)) }, &["program.packed medium"]);
    check(Pe { imports: vec!["CreateFileW"; 40], ..code(".text", noise(100_000)) }, &[]);
    check(Pe { managed: true, ..code(".text", noise(100_000)) }, &[]);
    check(code(".text", noise(1000)), &[]);
    check(code("UPX1", noise(100_000)), &["program.packer low"]);
    check(code(".vmp0", vec![0x90; 1000]), &["program.packer medium"]);
    let mostly_plain = vec![(".text", vec![0x90; 100_000], CODE), (".more", noise(50_000), CODE)];
    check(Pe { sections: mostly_plain, ..Pe::plain() }, &[]);
    let data = vec![(".text", vec![0x90; 100_000], CODE), (".rsrc", noise(500_000), DATA)];
    check(Pe { sections: data, ..Pe::plain() }, &[]);
}

#[test]
fn odd_sections_and_entries_are_found() {
    check(Pe { entry: 0x900_0000, ..Pe::plain() }, &["program.odd-entry medium"]);
    check(Pe { entry: 0, ..Pe::plain() }, &[]);
    check(Pe { sections: vec![], entry: 0, ..Pe::plain() }, &["program.no-sections low"]);
    let two = |flags| vec![(".text", vec![0x90; 64], CODE), (".x", vec![0x90; 64], flags)];
    let start = |entry, flags| Pe { sections: two(flags), entry, ..Pe::plain() };
    check(start(0x20_0000, BOTH), &["program.odd-entry low", "program.writable-code low"]);
    check(start(0x10_0000, BOTH), &["program.writable-code low"]);
    check(start(0x20_0000, CODE), &[]);
}

#[test]
fn imports_that_belong_together_are_found() {
    for (imports, expected) in [
        (vec!["VirtualAllocEx", "WriteProcessMemory", "CreateRemoteThread"], &["program.injects medium"][..]),
        (vec!["VirtualAllocEx", "WriteProcessMemory", "ReadProcessMemory"], &[]),
        (vec!["URLDownloadToFileW", "ShellExecuteW"], &["program.download-and-run medium"]),
        (vec!["URLDownloadToFileW", "CloseHandle"], &[]),
        (vec!["InternetOpenA", "CreateProcessW", "CreateFileW", "WriteFile"], &[]),
    ] {
        for wide in [true, false] {
            check(Pe { wide, imports: imports.clone(), ..Pe::plain() }, expected);
        }
    }
}

#[test]
fn libraries_that_other_programs_run_are_found() {
    for (export, expected) in [
        ("CPlApplet", &["program.add-in low"][..]),
        ("xlAutoOpen", &["program.add-in low"]),
        ("DllRegisterServer", &[]),
    ] {
        check(Pe { exports: vec!["DllMain", export], ..Pe::plain() }, expected);
    }
}

/// An ELF program with one segment of code and another of this kind.
fn elf(flags: u32, code: Vec<u8>, kind: u32) -> Vec<u8> {
    let mut out = b"\x7fELF\x02\x01\x01".to_vec();
    out.resize(16, 0);
    out.extend([2_u16, 0x3e].into_iter().flat_map(u16::to_le_bytes));
    out.extend(1_u32.to_le_bytes());
    out.extend([0x40_0000_u64, 64, 0].into_iter().flat_map(u64::to_le_bytes));
    out.extend(0_u32.to_le_bytes());
    out.extend([64_u16, 56, 2, 0, 0, 0].into_iter().flat_map(u16::to_le_bytes));
    for (kind, flags, start, size) in [(1, flags, 4096_u64, code.len() as u64), (kind, 4, 0, 0)] {
        out.extend([kind, flags].into_iter().flat_map(u32::to_le_bytes));
        out.extend([start, 0x40_0000, 0, size, size, 4096].into_iter().flat_map(u64::to_le_bytes));
    }
    out.resize(4096, 0);
    out.extend(code);
    out
}

/// A Mach-O program with one segment of noise.
fn macho(protection: u32) -> Vec<u8> {
    let mut out: Vec<u8> = [0xfeed_facf_u32, 0x0100_0007, 3, 2, 1, 72, 0, 0].map(u32::to_le_bytes).concat();
    out.extend([0x19_u32, 72].map(u32::to_le_bytes).concat());
    out.extend(b"__TEXT\0\0\0\0\0\0\0\0\0\0");
    out.extend([0_u64, 8192, 4096, 8192].map(u64::to_le_bytes).concat());
    out.extend([protection, protection, 0, 0].map(u32::to_le_bytes).concat());
    out.resize(4096, 0);
    out.extend(noise(8192));
    out
}

#[test]
fn programs_of_other_systems_are_looked_at() {
    check_kind("elf-executable", &elf(5, noise(100_000), 4), &["program.packed medium"]);
    check_kind("elf-executable", &elf(5, noise(100_000), 3), &[]);
    check_kind("elf-executable", &elf(5, vec![0x90; 100_000], 4), &[]);
    check_kind("elf-executable", &elf(7, vec![0x90; 100_000], 4), &["program.writable-code low"]);
    let mut packed = elf(5, noise(100_000), 4);
    packed[300..304].copy_from_slice(b"UPX!");
    check_kind("elf-executable", &packed, &["program.packer low"]);

    check_kind("macho", &macho(5), &["program.packed medium"]);
    check_kind("macho", &macho(7), &["program.packed medium", "program.writable-code low"]);
    let fat = |slice: &[u8]| {
        let header = [0xcafe_babe_u32, 1, 0x0100_0007, 3, 4096, slice.len() as u32, 12];
        let mut out = header.map(u32::to_be_bytes).concat();
        out.resize(4096, 0);
        out.extend(slice);
        out
    };
    check_kind("macho-universal", &fat(&macho(5)), &["program.packed medium"]);
    check_kind("macho-universal", &fat(&fat(&macho(5))), &[]);
}

#[test]
fn padding_is_found_once_and_in_any_window() {
    let mut program = part("pe64");
    program.size = 64 << 20;
    let zeros = vec![0; 16 << 20];
    let mut findings = Findings::default();
    for (offset, bytes) in [(0, &Pe::plain().bytes()), (16 << 20, &zeros), (32 << 20, &zeros)] {
        Programs.inspect(&program, bytes, offset, &mut findings).unwrap();
    }
    let found: Vec<_> = findings.list().iter().map(|finding| &*finding.id).collect();
    assert_eq!(found, ["program.unsigned", "program.padded"]);
    for (size, expected) in [(9 << 20, "program.padded medium"), (20 << 20, "program.padded high")] {
        check_kind("pe64", &[Pe::plain().bytes(), vec![0; size]].concat(), &[expected, "program.unsigned info"]);
    }
}

#[test]
fn signatures_that_fit_are_told_from_those_that_do_not() {
    const SIGNED: &str = "program.signed info";
    const INVALID: &str = "program.signature-invalid high";
    let rsa = Key::Rsa(Hash::Sha256);
    for (key, flaw, expected) in [
        (rsa, Flaw::None, SIGNED),
        (Key::Rsa(Hash::Sha1), Flaw::None, SIGNED),
        (Key::Rsa(Hash::Sha384), Flaw::None, SIGNED),
        (Key::Rsa(Hash::Sha512), Flaw::None, SIGNED),
        (Key::P256, Flaw::None, SIGNED),
        (Key::P384, Flaw::None, SIGNED),
        (Key::Pss, Flaw::None, "program.signature-unchecked info"),
        (rsa, Flaw::SelfSigned, "program.self-signed medium"),
        (rsa, Flaw::Signature, INVALID),
        (Key::P256, Flaw::Signature, INVALID),
        (Key::P384, Flaw::Signature, INVALID),
        (rsa, Flaw::Attribute, INVALID),
        (rsa, Flaw::Certificate, "program.signature-malformed medium"),
    ] {
        for wide in [true, false] {
            let signed = sign(Pe { wide, ..Pe::plain() }.bytes(), key, flaw);
            check_kind("pe64", &signed, &[expected]);
        }
    }
    let hides = sign(Pe::plain().bytes(), rsa, Flaw::Behind);
    check_kind("pe64", &hides, &["program.data-in-signature medium", SIGNED]);
}

#[test]
fn a_program_changed_after_signing_is_found_wherever_it_was_changed() {
    let signed = sign(Pe::plain().bytes(), Key::Rsa(Hash::Sha256), Flaw::None);
    let table = u32::from_le_bytes(signed[0xe8..0xec].try_into().unwrap()) as usize;
    // The stub, the header's time stamp, the code, its end.
    for at in [0x10, 0x48, 0x1000, 0x1234, table - 1] {
        let mut changed = signed.clone();
        changed[at] ^= 1;
        check_kind("pe64", &changed, &["program.changed-after-signing high"]);
    }
    // The checksum is not signed.
    let mut changed = signed.clone();
    changed[0x98] ^= 1;
    check_kind("pe64", &changed, &["program.signed info"]);
    let longer = [&signed[..], b"appended"].concat();
    check_kind("pe64", &longer, &["program.changed-after-signing high", "program.data-in-signature medium"]);
    // Of what was not shown whole, nothing is said that might be wrong.
    let mut cut = part("pe64");
    cut.size = signed.len() as u64 + 1;
    check_part(&Programs, &cut, &signed, &["program.signature-unchecked info"]);
    cut.complete = false;
    check_part(&Programs, &cut, &signed, &[]);
}

#[test]
fn damaged_programs_and_signatures_are_survived() {
    let signed = sign(Pe::plain().bytes(), Key::P256, Flaw::None);
    let mut findings = Findings::default();
    for length in (0..0x600).chain((0x3000..signed.len()).step_by(3)) {
        let cut = &signed[..length.min(signed.len())];
        let mut program = part("pe64");
        program.size = cut.len() as u64;
        Programs.inspect(&program, cut, 0, &mut findings).unwrap();
    }
    for at in (0x3c..0x200).chain(0x3000..signed.len()) {
        for value in [0, 0x7f, 0x80, 0xff] {
            let mut damaged = signed.clone();
            damaged[at] = value;
            let mut program = part("pe64");
            program.size = damaged.len() as u64;
            Programs.inspect(&program, &damaged, 0, &mut findings).unwrap();
        }
    }
    for whole in [elf(5, noise(5000), 4), macho(5)] {
        for at in 0..0x200 {
            Programs.inspect(&part("macho"), &whole[..at], 0, &mut findings).unwrap();
            for value in [0, 0x7f, 0x80, 0xff] {
                let mut damaged = whole.clone();
                damaged[at] = value;
                Programs.inspect(&part("macho"), &damaged, 0, &mut findings).unwrap();
            }
        }
    }
}
