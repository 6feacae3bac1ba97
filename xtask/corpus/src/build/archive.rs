//! Compressed streams and archives other than ZIP.

use super::put;
use std::io::Write as _;

const WRITES: &str = "memory can be written";

/// Raw deflate (RFC 1951).
pub fn deflate(plain: &[u8]) -> Vec<u8> {
    let mut encoder = flate2::write::DeflateEncoder::new(Vec::new(), flate2::Compression::best());
    encoder.write_all(plain).expect(WRITES);
    encoder.finish().expect(WRITES)
}

/// A zlib stream (RFC 1950).
pub fn zlib(plain: &[u8]) -> Vec<u8> {
    let mut encoder = flate2::write::ZlibEncoder::new(Vec::new(), flate2::Compression::best());
    encoder.write_all(plain).expect(WRITES);
    encoder.finish().expect(WRITES)
}

/// A gzip member with a name (RFC 1952).
pub fn gzip(name: &str, plain: &[u8]) -> Vec<u8> {
    let mut encoder = flate2::GzBuilder::new().filename(name).write(Vec::new(), flate2::Compression::best());
    encoder.write_all(plain).expect(WRITES);
    encoder.finish().expect(WRITES)
}

/// A bzip2 stream.
pub fn bzip2(plain: &[u8]) -> Vec<u8> {
    let mut encoder = ::bzip2::write::BzEncoder::new(Vec::new(), ::bzip2::Compression::best());
    encoder.write_all(plain).expect(WRITES);
    encoder.finish().expect(WRITES)
}

/// An xz stream.
pub fn xz(plain: &[u8]) -> Vec<u8> {
    let mut encoder = lzma_rust2::XzWriter::new(Vec::new(), lzma_rust2::XzOptions::with_preset(6)).expect(WRITES);
    encoder.write_all(plain).expect(WRITES);
    encoder.finish().expect(WRITES)
}

/// A bare LZMA stream with its header of 13 bytes.
pub fn lzma(plain: &[u8]) -> Vec<u8> {
    let options = lzma_rust2::LzmaOptions::with_preset(6);
    let mut encoder = lzma_rust2::LzmaWriter::new_use_header(Vec::new(), &options, None).expect(WRITES);
    encoder.write_all(plain).expect(WRITES);
    encoder.finish().expect(WRITES)
}

/// An lzip member.
pub fn lzip(plain: &[u8]) -> Vec<u8> {
    let mut encoder = lzma_rust2::LzipWriter::new(Vec::new(), lzma_rust2::LzipOptions::with_preset(6));
    encoder.write_all(plain).expect(WRITES);
    encoder.finish().expect(WRITES)
}

/// A Zstandard frame (RFC 8878).
pub fn zstd(plain: &[u8]) -> Vec<u8> {
    ruzstd::encoding::compress_to_vec(plain, ruzstd::encoding::CompressionLevel::Fastest)
}

/// An LZ4 frame.
pub fn lz4(plain: &[u8]) -> Vec<u8> {
    let mut encoder = lz4_flex::frame::FrameEncoder::new(Vec::new());
    encoder.write_all(plain).expect(WRITES);
    encoder.finish().expect(WRITES)
}

/// A header of tar (POSIX.1-2017, ustar) for a member of this type.
pub fn tar_header(name: &str, size: usize, kind: u8, link: &str) -> Vec<u8> {
    let mut header = vec![0; 512];
    put(&mut header, 0, &name.as_bytes()[..name.len().min(100)]);
    put(&mut header, 100, b"0000644\0");
    put(&mut header, 108, b"0000000\0");
    put(&mut header, 116, b"0000000\0");
    put(&mut header, 124, format!("{size:011o}\0").as_bytes());
    put(&mut header, 136, b"00000000000\0");
    put(&mut header, 148, b"        ");
    header[156] = kind;
    put(&mut header, 157, link.as_bytes());
    put(&mut header, 257, b"ustar\x0000");
    let sum: u32 = header.iter().map(|byte| u32::from(*byte)).sum();
    put(&mut header, 148, format!("{sum:06o}\0 ").as_bytes());
    header
}

/// A member of tar: header, bytes, padding.
pub fn tar_member(name: &str, bytes: &[u8], kind: u8) -> Vec<u8> {
    let mut out = tar_header(name, bytes.len(), kind, "");
    out.extend(bytes);
    out.resize(out.len().next_multiple_of(512), 0);
    out
}

/// A tar archive of these files.
pub fn tar(files: &[(&str, &[u8])]) -> Vec<u8> {
    let members: Vec<u8> = files.iter().flat_map(|(name, bytes)| tar_member(name, bytes, b'0')).collect();
    [members, vec![0; 1024]].concat()
}

/// An archive of `ar` with these members.
pub fn ar(files: &[(&str, &[u8])]) -> Vec<u8> {
    let mut out = b"!<arch>\n".to_vec();
    for (name, bytes) in files {
        out.extend(format!("{name:<16}{:<12}{:<6}{:<6}{:<8}{:<10}`\n", 0, 0, 0, 100_644, bytes.len()).bytes());
        out.extend(*bytes);
        if bytes.len() % 2 == 1 {
            out.push(b'\n');
        }
    }
    out
}

/// A cpio archive in the portable format ("newc").
pub fn cpio(files: &[(&str, &[u8])]) -> Vec<u8> {
    let mut out = Vec::new();
    for (name, bytes) in files.iter().chain(&[("TRAILER!!!", &b""[..])]) {
        let mode = if bytes.is_empty() { 0 } else { 0o100_644 };
        let fields = [1, mode, 0, 0, 1, 0, bytes.len(), 0, 0, 0, 0, name.len() + 1, 0];
        out.extend(b"070701");
        out.extend(fields.iter().flat_map(|field| format!("{field:08x}").into_bytes()));
        out.extend(name.bytes().chain([0]));
        out.resize(out.len().next_multiple_of(4), 0);
        out.extend(*bytes);
        out.resize(out.len().next_multiple_of(4), 0);
    }
    out
}

/// A 7z archive of these files; what encrypts has a salt of its own every time.
pub fn seven_zip(
    files: &[(&str, &[u8])],
    methods: Vec<sevenz_rust2::EncoderConfiguration>,
    hide_names: bool,
) -> Vec<u8> {
    let mut writer = sevenz_rust2::ArchiveWriter::new(std::io::Cursor::new(Vec::new())).expect(WRITES);
    writer.set_content_methods(methods);
    writer.set_encrypt_header(hide_names);
    for (name, bytes) in files {
        writer.push_archive_entry(sevenz_rust2::ArchiveEntry::new_file(name), Some(*bytes)).expect(WRITES);
    }
    writer.finish().expect(WRITES).into_inner()
}

/// The method that encrypts a 7z archive with this password.
pub fn seven_zip_aes(password: &str) -> sevenz_rust2::EncoderConfiguration {
    sevenz_rust2::encoder_options::AesEncoderOptions::new(sevenz_rust2::Password::new(password)).into()
}

/// A RAR archive in the making with these files.
pub fn rar(version: rars::ArchiveVersion, files: &[(&str, &[u8])]) -> rars::Builder {
    let mut builder = rars::Builder::new(version);
    for (name, bytes) in files {
        builder.add_bytes(name.as_bytes().to_vec(), bytes.to_vec(), None, None).expect(WRITES);
    }
    builder
}

/// A cabinet (MS-CAB), one folder for each list of files.
pub fn cab(folders: &[&[(&str, &[u8])]]) -> Vec<u8> {
    let mut builder = ::cab::CabinetBuilder::new();
    for files in folders {
        let folder = builder.add_folder(::cab::CompressionType::MsZip);
        for (name, _) in *files {
            folder.add_file(*name);
        }
    }
    let mut writer = builder.build(std::io::Cursor::new(Vec::new())).expect(WRITES);
    while let Some(mut file) = writer.next_file().expect(WRITES) {
        let name = file.file_name().to_owned();
        let (_, bytes) = folders.iter().flat_map(|files| files.iter()).find(|(own, _)| *own == name).expect("a file");
        file.write_all(bytes).expect(WRITES);
    }
    let mut out = writer.finish().expect(WRITES).into_inner();
    // The time of writing stands before every name (MS-CAB 2.3, CFFILE), and would differ each time.
    for (name, _) in folders.iter().flat_map(|files| files.iter()) {
        let entry = [name.as_bytes(), b"\0"].concat();
        let at = out.windows(entry.len()).position(|window| window == entry).expect("a name");
        put(&mut out, at - 6, &[0x21, 0, 0, 0]);
    }
    out
}

/// A Debian package with these scripts of its maintainer.
pub fn deb(scripts: &[(&str, &[u8])]) -> Vec<u8> {
    let control = b"Package: stand-in\nVersion: 1\nArchitecture: all\nMaintainer: nobody\nDescription: nothing\n";
    let mut files: Vec<(&str, &[u8])> = vec![("./control", control)];
    files.extend(scripts);
    let control = gzip("", &tar(&files));
    let data = gzip("", &tar(&[("./usr/share/doc/stand-in/README", b"nothing\n")]));
    ar(&[("debian-binary", b"2.0\n"), ("control.tar.gz", &control), ("data.tar.gz", &data)])
}

/// An RPM package (RPM file format, v3) with a script that runs before installation.
pub fn rpm(script: &str) -> Vec<u8> {
    let header = |entries: &[(u32, u32, &[u8])]| {
        let (mut index, mut store) = (Vec::<u8>::new(), Vec::<u8>::new());
        for (tag, kind, bytes) in entries {
            for field in [*tag, *kind, store.len() as u32, 1] {
                index.extend(field.to_be_bytes());
            }
            store.extend(*bytes);
        }
        let mut out = b"\x8e\xad\xe8\x01\0\0\0\0".to_vec();
        out.extend((entries.len() as u32).to_be_bytes());
        out.extend((store.len() as u32).to_be_bytes());
        out.extend(index);
        out.extend(store);
        out
    };
    let mut out = b"\xed\xab\xee\xdb\x03\0\0\0\0\x01stand-in-1-1".to_vec();
    out.resize(76, 0);
    out.extend([0, 1, 0, 5]);
    out.resize(96, 0);
    out.extend(header(&[]));
    out.resize(out.len().next_multiple_of(8), 0);
    let script = [script.as_bytes(), b"\0"].concat();
    // Tags of RPM: name, version, %pre, payload format and compressor.
    out.extend(header(&[
        (1000, 6, b"stand-in\0"),
        (1001, 6, b"1\0"),
        (1023, 6, &script),
        (1085, 6, b"/bin/sh\0"),
        (1124, 6, b"cpio\0"),
        (1125, 6, b"gzip\0"),
    ]));
    out.extend(gzip("", &cpio(&[("./usr/share/doc/stand-in/README", b"nothing\n")])));
    out
}
