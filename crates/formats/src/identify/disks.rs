//! Disk images, told by structures far from the start: ISO 9660 (ECMA-119), UDF (ECMA-167), partition tables, file
//! systems, and the trailers of VHD and DMG.

use super::probe::{Found, Probe, be32_at, has, u16_at, u32_at};

pub(super) fn look(probe: &Probe<'_>, found: &mut Found) {
    optical(probe, found);
    trailers(probe, found);
    if found.is_empty()
        && let Some(id) = file_system(probe).or_else(|| partitioned(probe))
    {
        found.add(id);
    }
}

/// ECMA-167 2/8: volume recognition starts at byte 32768, in structures of 2048 bytes.
pub(super) fn optical(probe: &Probe<'_>, found: &mut Found) {
    if probe.len() < 32_768 + 6 {
        return;
    }
    let area = probe.at(32_768, 16 * 2048);
    let mut udf = false;
    for structure in area.chunks(2048) {
        match structure.get(1..6) {
            Some(b"CD001") => found.add("iso9660"),
            Some(b"NSR02" | b"NSR03") => udf = true,
            _ => {}
        }
    }
    if udf {
        found.add("udf");
    }
    // Raw images keep 2352 bytes a sector, with 16 or 24 of them before the data.
    for offset in [37_648u64, 37_656] {
        if probe.at(offset + 1, 5).as_ref() == b"CD001" {
            found.add("iso9660");
        }
    }
}

fn trailers(probe: &Probe<'_>, found: &mut Found) {
    if probe.len() < 512 {
        return;
    }
    let (_, tail) = probe.tail(512);
    if tail.starts_with(b"koly\0\0\0\x04") {
        found.add("dmg");
    } else if tail.starts_with(b"conectix") || has(&tail, b"\0conectix\0") {
        found.add("vhd");
    }
}

fn file_system(probe: &Probe<'_>) -> Option<&'static str> {
    let boot = probe.at(0, 2048);
    let signed = boot.get(510..512) == Some(b"\x55\xaa");
    if signed && boot.get(3..11) == Some(b"NTFS    ") {
        return Some("ntfs");
    }
    if signed && boot.get(3..11) == Some(b"EXFAT   ") {
        return Some("exfat");
    }
    // Microsoft's FAT specification, 3.1: a jump, bytes per sector, one or two tables.
    let jump = matches!(boot.get(..3), Some([0xeb, _, 0x90] | [0xe9, ..]));
    let sector = matches!(u16_at(&boot, 11), Some(512 | 1024 | 2048 | 4096));
    if jump && sector && matches!(boot.get(16), Some(1 | 2)) && boot.get(13).is_some_and(|n| n.is_power_of_two()) {
        return Some("fat");
    }
    if boot.get(1080..1082) == Some(b"\x53\xef") && u32_at(&boot, 1048).is_some_and(|log| log < 7) {
        return Some("ext");
    }
    if boot.get(32..36) == Some(b"NXSB") {
        return Some("apfs");
    }
    // Apple TN1150, "Volume Header": a version, and blocks of a power of two; two letters stand anywhere in numbers.
    let plus = matches!(boot.get(1024..1028), Some(b"H+\0\x04" | b"HX\0\x05"));
    let blocks = be32_at(&boot, 1064).is_some_and(|size| size >= 512 && size.is_power_of_two());
    if plus && blocks || boot.get(1024..1028) == Some(b"BD\0\0") {
        return Some("hfs");
    }
    if boot.get(1024..1028) == Some(b"\xe2\xe1\xf5\xe0") {
        return Some("erofs");
    }
    None
}

/// A partition table (UEFI 2.10, 5.2 and 5.3).
fn partitioned(probe: &Probe<'_>) -> Option<&'static str> {
    let boot = probe.at(0, 1024);
    if boot.get(512..520) == Some(b"EFI PART") {
        return Some("gpt");
    }
    if be32_at(&boot, 508).is_none_or(|last| last & 0xffff != 0x55aa) {
        return None;
    }
    let mut used = 0;
    for entry in boot.get(446..510)?.chunks_exact(16) {
        if !matches!(entry.first(), Some(0 | 0x80)) {
            return (probe.len() == 512).then_some("boot-sector");
        }
        if entry.get(4).is_some_and(|kind| *kind != 0) && u32_at(entry, 12).is_some_and(|sectors| sectors != 0) {
            used += 1;
        }
    }
    if used > 0 { Some("mbr") } else { Some("boot-sector") }
}
