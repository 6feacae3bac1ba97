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
    let extra = field(own.sum(), b"invoice.exe");
    let recorded = check(build(&[Raw { extra, ..deflated("note.txt", MARKER) }]), &[]);
    assert!(recorded.findings.iter().any(|f| f.id == "zip.unicode-name"));
    assert_eq!(recorded.bytes("//invoice.exe"), MARKER);
    assert_eq!(recorded.bytes("//note.txt"), MARKER);
    let recorded = check(build(&[Raw { name: b"\x81.exe".into(), ..raw("", MARKER) }]), &[]);
    assert_eq!(recorded.bytes("//ü.exe"), MARKER);
}
