//! ZIP (APPNOTE 6.3.10), field by field, so that a record can lie.

/// A member: what the local header says, what the central directory says, and the bytes.
#[derive(Clone)]
pub struct Entry {
    /// Name in the central directory.
    pub name: Vec<u8>,
    /// Name in the local header.
    pub local_name: Vec<u8>,
    /// Bytes as stored.
    pub data: Vec<u8>,
    /// Method in the central directory.
    pub method: u16,
    /// Method in the local header.
    pub local_method: u16,
    /// General purpose flags in the central directory.
    pub flags: u16,
    /// General purpose flags in the local header.
    pub local_flags: u16,
    /// CRC-32 of the plain bytes.
    pub crc: u32,
    /// Plain size.
    pub size: u32,
    /// Stored size in the central directory.
    pub compressed: u32,
    /// Stored size in the local header.
    pub local_compressed: u32,
    /// Extra field of the central directory.
    pub extra: Vec<u8>,
    /// Sizes follow the data instead of standing in the local header.
    pub descriptor: bool,
    /// Whether the central directory lists it.
    pub listed: bool,
    /// External attributes; the upper half is the mode of Unix.
    pub attributes: u32,
}

/// CRC-32 (ITU-T V.42).
pub fn crc32(bytes: &[u8]) -> u32 {
    let mut crc = flate2::Crc::new();
    crc.update(bytes);
    crc.sum()
}

/// A member that is stored as it is.
pub fn stored(name: &str, plain: &[u8]) -> Entry {
    with_method(name, plain, 0, plain.to_vec())
}

/// A member that is deflated.
pub fn deflated(name: &str, plain: &[u8]) -> Entry {
    with_method(name, plain, 8, super::archive::deflate(plain))
}

/// A member whose bytes were compressed by the caller.
pub fn with_method(name: &str, plain: &[u8], method: u16, data: Vec<u8>) -> Entry {
    let compressed = data.len() as u32;
    Entry {
        name: name.into(),
        local_name: name.into(),
        data,
        method,
        local_method: method,
        flags: 0,
        local_flags: 0,
        crc: crc32(plain),
        size: plain.len() as u32,
        compressed,
        local_compressed: compressed,
        extra: Vec::new(),
        descriptor: false,
        listed: true,
        attributes: 0,
    }
}

impl Entry {
    /// The local header and the data.
    pub fn local(&self) -> Vec<u8> {
        let mut out = b"PK\x03\x04\x14\0".to_vec();
        out.extend(self.local_flags.to_le_bytes());
        out.extend(self.local_method.to_le_bytes());
        // 1980-01-01, midnight.
        out.extend([0, 0, 0x21, 0]);
        let fields = if self.descriptor { [0; 3] } else { [self.crc, self.local_compressed, self.size] };
        out.extend(fields.into_iter().flat_map(u32::to_le_bytes));
        out.extend((self.local_name.len() as u16).to_le_bytes());
        out.extend([0; 2]);
        out.extend(&self.local_name);
        out.extend(&self.data);
        if self.descriptor {
            out.extend(b"PK\x07\x08");
            out.extend([self.crc, self.compressed, self.size].into_iter().flat_map(u32::to_le_bytes));
        }
        out
    }

    /// The record of the central directory for a local header at this place.
    pub fn central(&self, at: u32) -> Vec<u8> {
        let mut out = b"PK\x01\x02\x14\x03\x14\0".to_vec();
        out.extend(self.flags.to_le_bytes());
        out.extend(self.method.to_le_bytes());
        out.extend([0, 0, 0x21, 0]);
        out.extend([self.crc, self.compressed, self.size].into_iter().flat_map(u32::to_le_bytes));
        out.extend((self.name.len() as u16).to_le_bytes());
        out.extend((self.extra.len() as u16).to_le_bytes());
        out.extend([0; 6]);
        out.extend(self.attributes.to_le_bytes());
        out.extend(at.to_le_bytes());
        out.extend(&self.name);
        out.extend(&self.extra);
        out
    }
}

/// The end of the central directory.
pub fn end(count: u16, size: u32, at: u32, comment: &[u8]) -> Vec<u8> {
    let mut out = b"PK\x05\x06\0\0\0\0".to_vec();
    out.extend(count.to_le_bytes());
    out.extend(count.to_le_bytes());
    out.extend(size.to_le_bytes());
    out.extend(at.to_le_bytes());
    out.extend((comment.len() as u16).to_le_bytes());
    out.extend(comment);
    out
}

/// An archive of these members.
pub fn archive(members: &[Entry]) -> Vec<u8> {
    with_comment(members, b"")
}

/// An archive of these members with a comment.
pub fn with_comment(members: &[Entry], comment: &[u8]) -> Vec<u8> {
    let (mut out, mut directory, mut count) = (Vec::new(), Vec::new(), 0);
    for member in members {
        let at = out.len() as u32;
        out.extend(member.local());
        if member.listed {
            count += 1;
            directory.extend(member.central(at));
        }
    }
    let at = out.len() as u32;
    out.extend(&directory);
    out.extend(end(count, directory.len() as u32, at, comment));
    out
}

/// An archive of deflated files.
pub fn of(files: &[(&str, &[u8])]) -> Vec<u8> {
    archive(&files.iter().map(|(name, bytes)| deflated(name, bytes)).collect::<Vec<_>>())
}

/// An archive with one file, encrypted with the traditional cipher of PKWARE (APPNOTE 6.1), the same every time.
pub fn zip_crypto(name: &str, plain: &[u8], password: &str) -> Vec<u8> {
    let mut keys = [0x1234_5678u32, 0x2345_6789, 0x3456_7890];
    let step = |crc: u32, byte: u8| {
        (0..8).fold(crc ^ u32::from(byte), |crc, _| if crc & 1 == 1 { crc >> 1 ^ 0xedb8_8320 } else { crc >> 1 })
    };
    let update = |keys: &mut [u32; 3], byte: u8| {
        keys[0] = step(keys[0], byte);
        keys[1] = keys[1].wrapping_add(keys[0] & 0xff).wrapping_mul(134_775_813).wrapping_add(1);
        keys[2] = step(keys[2], (keys[1] >> 24) as u8);
    };
    password.bytes().for_each(|byte| update(&mut keys, byte));
    let crc = crc32(plain);
    let head = [&[7; 11][..], &[(crc >> 24) as u8]].concat();
    let encrypt = |byte: &u8| {
        let temporary = (keys[2] | 2) & 0xffff;
        let cipher = byte ^ (temporary.wrapping_mul(temporary ^ 1) >> 8) as u8;
        update(&mut keys, *byte);
        cipher
    };
    let data: Vec<u8> = head.iter().chain(plain).map(encrypt).collect();
    let entry = with_method(name, plain, 0, data);
    archive(&[Entry { flags: 1, local_flags: 1, ..entry }])
}

/// An archive with one file, encrypted with AES-256 (APPNOTE 7, WinZip AE-2). The salt differs every time.
pub fn aes(name: &str, plain: &[u8], password: &str) -> Vec<u8> {
    use std::io::Write as _;
    let mut writer = ::zip::write::ZipWriter::new(std::io::Cursor::new(Vec::new()));
    let options = ::zip::write::SimpleFileOptions::default().with_aes_encryption(::zip::AesMode::Aes256, password);
    writer.start_file(name, options).expect("memory can be written");
    writer.write_all(plain).expect("memory can be written");
    writer.finish().expect("memory can be written").into_inner()
}

/// An archive with one file, compressed by a method that the writer knows.
pub fn written(name: &str, plain: &[u8], method: ::zip::CompressionMethod) -> Vec<u8> {
    use std::io::Write as _;
    let mut writer = ::zip::write::ZipWriter::new(std::io::Cursor::new(Vec::new()));
    let options = ::zip::write::SimpleFileOptions::default().compression_method(method);
    writer.start_file(name, options).expect("memory can be written");
    writer.write_all(plain).expect("memory can be written");
    writer.finish().expect("memory can be written").into_inner()
}

/// An archive with one file in LZMA: a version, the length of the properties, the properties, the data (APPNOTE 5.8).
pub fn lzma(name: &str, plain: &[u8]) -> Vec<u8> {
    use std::io::Write as _;
    let options = lzma_rust2::LzmaOptions::with_preset(1);
    let mut data = vec![9, 20, 5, 0, options.get_props()];
    data.extend(options.dict_size.to_le_bytes());
    let mut encoder = lzma_rust2::LzmaWriter::new_no_header(data, &options, false).expect("memory can be written");
    encoder.write_all(plain).expect("memory can be written");
    let data = encoder.finish().expect("memory can be written");
    archive(&[with_method(name, plain, 14, data)])
}
