//! Members that have several names.

use super::{MARKER, Raw, build, check, deflated, holds, raw};

// Vectors C 10, 11.
#[test]
fn names_repeat_and_have_second_forms() {
    let recorded = check(build(&[raw("a", b"first"), deflated("a", MARKER)]), &[]);
    assert_eq!(recorded.bytes("//a"), b"first");
    holds(&recorded);
    let field = |crc: u32, name: &[u8]| {
        let mut extra = vec![0x75, 0x70, 5 + name.len() as u8, 0, 1];
        extra.extend(crc.to_le_bytes());
        extra.extend(name);
        extra
    };
    let mut own = flate2::Crc::new();
    own.update(b"note.txt");
    // Left behind by a renaming, or an honest second spelling.
    for (crc, second, found) in [(1, "older.txt", &[][..]), (own.sum(), "nöte.txt", &["zip.unicode-name low"])] {
        let extra = field(crc, second.as_bytes());
        let recorded = check(build(&[Raw { extra, ..deflated("note.txt", MARKER) }]), &[]);
        let told: Vec<_> = recorded.findings.iter().map(|f| format!("{} {}", f.id, f.severity)).collect();
        assert_eq!(told, found, "{second}");
    }
    // What does not fit leads out all the same where nobody looks whether it fits.
    let extra = field(1, b"..\\Startup\\note.txt");
    let recorded = check(build(&[Raw { extra, ..deflated("note.txt", MARKER) }]), &[]);
    assert!(recorded.parts.iter().any(|part| part.name == "..\\Startup\\note.txt"), "{:?}", recorded.parts);
    let extra = field(own.sum(), b"invoice.exe");
    let recorded = check(build(&[Raw { extra, ..deflated("note.txt", MARKER) }]), &[]);
    assert!(recorded.findings.iter().any(|f| f.id == "zip.unicode-name"));
    assert_eq!(recorded.bytes("//invoice.exe"), MARKER);
    assert_eq!(recorded.bytes("//note.txt"), MARKER);
    let recorded = check(build(&[Raw { name: b"\x81.exe".into(), ..raw("", MARKER) }]), &[]);
    assert_eq!(recorded.bytes("//ü.exe"), MARKER);
}

#[test]
fn names_are_read_in_the_code_page_of_whoever_packed_them() {
    for (raws, names) in [
        (
            [&b"\x8c\x8f\x90\x94\x95\xf1\x8d\x90.txt"[..], b"\x93\xfa\x96\x7b\x8c\xea\x83\x65\x83\x58\x83\x67.txt"],
            ["件数報告.txt", "日本語テスト.txt"],
        ),
        (
            [&b"\x8e\xe2\xe7\xa5\xe2 \xa7\xa0 \xac\xa0\xe0\xe2.txt"[..], b"\x84\xae\xa3\xae\xa2\xae\xe0.txt"],
            ["Отчет за март.txt", "Договор.txt"],
        ),
        ([&b"Gr\x81\xe1e.txt"[..], b"\x99sterreich.txt"], ["Grüße.txt", "Österreich.txt"]),
    ] {
        let members: Vec<_> =
            raws.iter().map(|name| Raw { name: name.to_vec(), local_name: name.to_vec(), ..raw("", b"x") }).collect();
        let recorded = check(build(&members), &[]);
        let found: Vec<_> = recorded.parts.iter().skip(1).map(|part| part.name.clone()).collect();
        assert_eq!(found, names);
    }
}
