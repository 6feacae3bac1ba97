//! Disk images and pictures.

use super::put;

const SECTOR: usize = 2048;

fn record(name: &[u8], sector: u32, size: u32, flags: u8) -> Vec<u8> {
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
    out[0] = out.len() as u8;
    out
}

fn folder(sector: u32, files: &[(Vec<u8>, u32, u32)]) -> Vec<u8> {
    let mut out = [record(&[0], sector, SECTOR as u32, 2), record(&[1], sector, SECTOR as u32, 2)].concat();
    for (name, at, size) in files {
        out.extend(record(name, *at, *size, 0));
    }
    out.resize(SECTOR, 0);
    out
}

/// An image of ISO 9660 (ECMA-119). Every file has a name in the primary tree, one in the Joliet tree, or both.
pub fn iso(files: &[(Option<&str>, Option<&str>, &[u8])]) -> Vec<u8> {
    let mut out = vec![0; 22 * SECTOR];
    let (mut primary, mut joliet) = (Vec::new(), Vec::new());
    for (plain, wide, bytes) in files {
        let (at, size) = ((out.len() / SECTOR) as u32, bytes.len() as u32);
        if let Some(name) = plain {
            primary.push((format!("{name};1").into_bytes(), at, size));
        }
        if let Some(name) = wide {
            joliet.push((name.encode_utf16().flat_map(u16::to_be_bytes).collect(), at, size));
        }
        out.extend(*bytes);
        out.resize(out.len().next_multiple_of(SECTOR), 0);
    }
    let sectors = (out.len() / SECTOR) as u32;
    for (sector, kind, root) in [(16, 1u8, 20u32), (17, 2, 21), (18, 255, 0)] {
        let at = sector * SECTOR;
        put(&mut out, at, &[kind]);
        put(&mut out, at + 1, b"CD001\x01");
        if root > 0 {
            put(&mut out, at + 80, &sectors.to_le_bytes());
            put(&mut out, at + 84, &sectors.to_be_bytes());
            put(&mut out, at + 128, &[0, 8, 8, 0]);
            put(&mut out, at + 156, &record(&[0], root, SECTOR as u32, 2));
        }
        if kind == 2 {
            put(&mut out, at + 88, b"%/E");
        }
    }
    put(&mut out, 20 * SECTOR, &folder(20, &primary));
    put(&mut out, 21 * SECTOR, &folder(21, &joliet));
    out
}

/// An image with these files under one name in both trees.
pub fn iso_of(files: &[(&str, &[u8])]) -> Vec<u8> {
    iso(&files.iter().map(|(name, bytes)| (Some(*name), Some(*name), *bytes)).collect::<Vec<_>>())
}

/// The recognition sequence of UDF (ECMA-167, part 2) with some bytes behind it.
pub fn udf(content: &[u8]) -> Vec<u8> {
    let mut out = vec![0; 16 * SECTOR];
    for mark in [b"BEA01", b"NSR03", b"TEA01"] {
        let at = out.len();
        out.resize(at + SECTOR, 0);
        put(&mut out, at + 1, mark);
        out[at + 6] = 1;
    }
    out.resize(256 * SECTOR, 0);
    // The anchor volume descriptor pointer: tag 2, version 3 (ECMA-167, 3/10.2).
    out.extend([2, 0, 3, 0]);
    out.resize(257 * SECTOR, 0);
    out.extend(content);
    out.resize(out.len().next_multiple_of(SECTOR), 0);
    out
}

/// A virtual disk of fixed size (VHD): the content and a footer.
pub fn vhd(content: &[u8]) -> Vec<u8> {
    let mut out = content.to_vec();
    out.resize(out.len().next_multiple_of(512), 0);
    let size = out.len() as u64;
    let mut footer = b"conectix\0\0\0\x02\0\x01\0\0\xff\xff\xff\xff\xff\xff\xff\xff".to_vec();
    footer.resize(40, 0);
    footer.extend(size.to_be_bytes());
    footer.extend(size.to_be_bytes());
    footer.resize(60, 0);
    footer.extend([0, 0, 0, 2]);
    let sum = !footer.iter().map(|byte| u32::from(*byte)).sum::<u32>();
    footer.extend(sum.to_be_bytes());
    footer.resize(512, 0);
    [out, footer].concat()
}

/// The head of a VHDX file (MS-VHDX 2.2).
pub fn vhdx() -> Vec<u8> {
    let mut out = b"vhdxfile".to_vec();
    out.resize(64 << 10, 0);
    out.extend(b"head");
    out.resize(192 << 10, 0);
    out.extend(b"regi");
    out.resize(1 << 20, 0);
    out
}

/// A disk image of macOS: content and the trailer.
pub fn dmg(content: &[u8]) -> Vec<u8> {
    let mut out = content.to_vec();
    out.resize(out.len().next_multiple_of(512), 0);
    let mut trailer = b"koly\0\0\0\x04\0\0\x02\0".to_vec();
    trailer.resize(32, 0);
    trailer.extend((out.len() as u64).to_be_bytes());
    trailer.resize(512, 0);
    [out, trailer].concat()
}

/// The head of a Windows image (WIM).
pub fn wim() -> Vec<u8> {
    let mut out = b"MSWIM\0\0\0\xd0\0\0\0\0\x0d\x01\0".to_vec();
    out.resize(4096, 0);
    out
}

/// A disk with a FAT12 file system (FAT specification 1.03) and one file in its root.
pub fn fat(name: &[u8; 11], bytes: &[u8]) -> Vec<u8> {
    let mut out = vec![0; 64 * 512];
    put(&mut out, 0, b"\xeb\x3c\x90MSDOS5.0\0\x02\x01\x01\0\x01\x10\0\x40\0\xf8\x01\0");
    put(&mut out, 36, b"\x80\0\x29\x01\0\0\0STAND-IN   FAT12   ");
    put(&mut out, 510, b"\x55\xaa");
    put(&mut out, 512, &[0xf8, 0xff, 0xff, 0xff, 0x0f]);
    put(&mut out, 1024, name);
    put(&mut out, 1024 + 26, &2u16.to_le_bytes());
    put(&mut out, 1024 + 28, &(bytes.len() as u32).to_le_bytes());
    put(&mut out, 1536, bytes);
    out
}

/// The head of a disk of QEMU, version 3.
pub fn qcow2() -> Vec<u8> {
    let mut out = b"QFI\xfb\0\0\0\x03".to_vec();
    out.resize(64 << 10, 0);
    out
}

/// A GIF of one pixel.
pub fn gif() -> Vec<u8> {
    b"GIF89a\x01\0\x01\0\x80\0\0\0\0\0\xff\xff\xff!\xf9\x04\x01\0\0\0\0,\0\0\0\0\x01\0\x01\0\0\x02\x02D\x01\0;".to_vec()
}

/// A JPEG picture's first and last segments.
pub fn jpeg() -> Vec<u8> {
    let mut out = b"\xff\xd8\xff\xe0\0\x10JFIF\0\x01\x01\0\0\x01\0\x01\0\0".to_vec();
    out.extend(b"\xff\xdb\0\x43\0");
    out.extend([16; 64]);
    out.extend(b"\xff\xc0\0\x0b\x08\0\x08\0\x08\x01\x01\x11\0\xff\xda\0\x08\x01\x01\0\0\x3f\0\x7f\xff\xd9");
    out
}

/// A file as zisofs stores it: a header, where each block of 32 KiB begins, and the blocks in zlib (zisofs, version 1).
pub fn zisofs(plain: &[u8]) -> Vec<u8> {
    let blocks: Vec<Vec<u8>> = plain.chunks(32 << 10).map(super::archive::zlib).collect();
    let mut out = b"\x37\xe4\x53\x96\xc9\xdb\xd6\x07".to_vec();
    out.extend((plain.len() as u32).to_le_bytes());
    out.extend([4, 15, 0, 0]);
    let mut at = (out.len() + 4 * (blocks.len() + 1)) as u32;
    out.extend(at.to_le_bytes());
    for block in &blocks {
        at += block.len() as u32;
        out.extend(at.to_le_bytes());
    }
    out.extend(blocks.concat());
    out
}
