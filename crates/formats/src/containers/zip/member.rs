//! The bytes of one ZIP member: decryption, decompression, checks.

use super::Entry;
use crate::containers::decoders::{self, Checked, Codec};
use crate::{Budget, Content, ContentReader, OpenError};
use std::io::{self, BufReader, Cursor, Read, Seek, SeekFrom};
use std::sync::Arc;
use zip::ZipReadOptions;
use zip::read::{ArchiveOffset, Config, ZipArchive};

/// Larger than any part; tells the `zip` crate that the size is not to bound the output.
const UNBOUNDED: u64 = 1 << 62;
/// Decrypted bytes of the three oldest methods that are held in memory.
const MOST_LEGACY: u64 = 16 << 20;

/// How a member is decrypted.
#[derive(Debug, Clone)]
pub(super) enum Cipher {
    /// It is not, whatever the flag says.
    Plain,
    /// With this password.
    Password(Arc<str>),
}

/// The name of a method that is recognised and not read.
pub(super) fn unsupported(method: u16) -> Option<String> {
    let name = match method {
        0..=6 | 8 | 9 | 12 | 14 | 20 | 93 | 95 | 98 => return None,
        7 => "Tokenize",
        10 => "PKWARE DCL implode",
        16 => "IBM z/OS CMPSC",
        18 => "IBM TERSE",
        19 => "IBM LZ77",
        94 => "MP3",
        96 => "JPEG variant",
        97 => "WavPack",
        _ => "unknown",
    };
    Some(format!("compression method {method} ({name}) is recognised and not opened"))
}

fn codec(method: u16) -> Option<Codec> {
    Some(match method {
        0 => Codec::Store,
        8 => Codec::Deflate,
        9 => Codec::Deflate64,
        12 => Codec::Bzip2,
        14 => Codec::ZipLzma,
        20 | 93 => Codec::Zstd,
        95 => Codec::Xz,
        98 => Codec::ZipPpmd,
        _ => return None,
    })
}

/// Hands the member's bytes to `consume`.
///
/// # Errors
/// When decoding cannot even begin: a wrong password, an unknown method, too much memory.
pub(super) fn with_reader<T>(
    input: &Content,
    entry: &Entry,
    cipher: &Cipher,
    budget: &Budget,
    consume: impl FnOnce(&mut dyn Read) -> T,
) -> Result<T, OpenError> {
    let method = match cipher {
        Cipher::Plain => entry.method,
        Cipher::Password(_) => entry.true_method(),
    };
    if let Some(what) = unsupported(method) {
        return Err(OpenError::Unsupported { what });
    }
    let raw = input.slice(entry.data_at, entry.compressed);
    // AE-2 stores no checksum; its HMAC is checked while decrypting.
    let ae2 = matches!(cipher, Cipher::Password(_)) && entry.method == 99 && entry.crc == 0;
    let crc = (!entry.streamed && !ae2).then_some(entry.crc);
    let size = (!entry.streamed).then_some(entry.size);
    match cipher {
        Cipher::Plain => {
            let missing = entry.data_at.saturating_add(entry.compressed) > input.len();
            let stored_size = if missing && method == 0 { None } else { size };
            match codec(method) {
                Some(codec) => decode(codec, Box::new(raw.reader()), entry, crc, stored_size, size, budget, consume),
                None => {
                    let reader = OneMember::new(&raw, entry, method, entry.flags & !1, None);
                    through_zip_crate(reader, None, |data| consume(&mut Checked::new(data, crc, size)))
                }
            }
        }
        Cipher::Password(password) => {
            let aes = (entry.method == 99).then_some(entry.aes).flatten();
            let reader = OneMember::new(&raw, entry, 0, entry.flags | 1, aes.map(|(version, bits, _)| (version, bits)));
            match codec(method) {
                Some(codec) => through_zip_crate(reader, Some(password), |data| {
                    let buffered = Box::new(BufReader::with_capacity(64 << 10, data));
                    decode(codec, buffered, entry, crc, size, size, budget, consume)
                })?,
                None => {
                    let plain = through_zip_crate(reader, Some(password), |data| {
                        let mut plain = Vec::new();
                        data.take(MOST_LEGACY + 1).read_to_end(&mut plain).map(|_| plain)
                    })??;
                    if plain.len() as u64 > MOST_LEGACY {
                        let what = "an encrypted member of more than 16 MiB in a method from before DEFLATE";
                        return Err(OpenError::unsupported(what));
                    }
                    let raw = Content::from(plain);
                    let reader = OneMember::new(&raw, entry, method, entry.flags & !1, None);
                    through_zip_crate(reader, None, |data| consume(&mut Checked::new(data, crc, size)))
                }
            }
        }
    }
}

#[allow(clippy::too_many_arguments)]
fn decode<T>(
    codec: Codec,
    raw: Box<dyn io::BufRead + '_>,
    entry: &Entry,
    crc: Option<u32>,
    checked_size: Option<u64>,
    size: Option<u64>,
    budget: &Budget,
    consume: impl FnOnce(&mut dyn Read) -> T,
) -> Result<T, OpenError> {
    // APPNOTE 4.4.4, bit 1: LZMA data ends with a marker, so the size is not needed.
    let needed = if codec == Codec::ZipLzma && entry.flags & 2 != 0 { None } else { size };
    let decoder = decoders::decoder(codec, raw, needed, budget)?;
    Ok(consume(&mut Checked::new(decoder, crc, checked_size)))
}

fn through_zip_crate<T>(
    reader: OneMember,
    password: Option<&str>,
    consume: impl FnOnce(&mut dyn Read) -> T,
) -> Result<T, OpenError> {
    let other = |error: zip::result::ZipError| io::Error::new(io::ErrorKind::InvalidData, error.to_string());
    let mut archive =
        ZipArchive::with_config(Config { archive_offset: ArchiveOffset::Known(0) }, reader).map_err(other)?;
    let options = ZipReadOptions::new().password(password.map(str::as_bytes)).ignore_crc32(true);
    let mut file = archive.by_index_with_options(0, options).map_err(other)?;
    Ok(consume(&mut file))
}

/// Takes bytes and knows how many they were.
pub(super) struct Counted(pub(super) u64);

impl io::Write for Counted {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0 = self.0.saturating_add(bytes.len() as u64);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// A ZIP file of one member made of a range of another, so that the `zip` crate can decode it: a central directory, a
/// local header, the borrowed data, an end record.
struct OneMember {
    head: Cursor<Vec<u8>>,
    data: ContentReader,
    data_len: u64,
    tail: Cursor<Vec<u8>>,
    position: u64,
}

impl OneMember {
    fn new(raw: &Content, entry: &Entry, method: u16, flags: u16, aes: Option<(u16, u8)>) -> Self {
        let method_field = if aes.is_some() { 99 } else { method };
        // The legacy methods need the true size; the others know their own end.
        let size = if (1..=6).contains(&method) { entry.size } else { UNBOUNDED };
        let mut extra = Vec::new();
        extra.extend_from_slice(&[1, 0, 16, 0]);
        extra.extend_from_slice(&size.to_le_bytes());
        extra.extend_from_slice(&raw.len().to_le_bytes());
        if let Some((version, strength)) = aes {
            extra.extend_from_slice(&[0x01, 0x99, 7, 0]);
            extra.extend_from_slice(&version.to_le_bytes());
            extra.extend_from_slice(b"AE");
            extra.push(strength);
            extra.extend_from_slice(&method.to_le_bytes());
        }
        let mut common = Vec::new();
        for field in [63, flags & !0x0800, method_field, entry.time, 0x21] {
            common.extend_from_slice(&u16::to_le_bytes(field));
        }
        common.extend_from_slice(&entry.crc.to_le_bytes());
        common.extend_from_slice(&[0xff; 8]);
        common.extend_from_slice(&[1, 0]);
        common.extend_from_slice(&(extra.len() as u16).to_le_bytes());
        let central_len = 46 + 1 + extra.len() as u32;
        let mut head = Vec::from(*b"PK\x01\x02\x3f\x00");
        head.extend_from_slice(&common);
        head.extend_from_slice(&[0; 10]);
        head.extend_from_slice(&central_len.to_le_bytes());
        head.push(b'm');
        head.extend_from_slice(&extra);
        head.extend_from_slice(b"PK\x03\x04");
        head.extend_from_slice(&common);
        head.push(b'm');
        head.extend_from_slice(&extra);
        let mut tail = Vec::from(*b"PK\x05\x06\0\0\0\0\x01\0\x01\0");
        tail.extend_from_slice(&central_len.to_le_bytes());
        tail.extend_from_slice(&[0; 6]);
        Self { head: Cursor::new(head), data: raw.reader(), data_len: raw.len(), tail: Cursor::new(tail), position: 0 }
    }
}

impl Read for OneMember {
    fn read(&mut self, out: &mut [u8]) -> io::Result<usize> {
        let head_len = self.head.get_ref().len() as u64;
        let n = if self.position < head_len {
            self.head.set_position(self.position);
            self.head.read(out)?
        } else if self.position < head_len.saturating_add(self.data_len) {
            let at = self.position - head_len;
            if self.data.position() != at {
                self.data.seek(SeekFrom::Start(at))?;
            }
            self.data.read(out)?
        } else {
            self.tail.set_position(self.position - head_len - self.data_len);
            self.tail.read(out)?
        };
        self.position = self.position.saturating_add(n as u64);
        Ok(n)
    }
}

impl Seek for OneMember {
    fn seek(&mut self, to: SeekFrom) -> io::Result<u64> {
        let len = self.head.get_ref().len() as u64 + self.data_len + self.tail.get_ref().len() as u64;
        let target = match to {
            SeekFrom::Start(at) => Some(at),
            SeekFrom::End(by) => len.checked_add_signed(by),
            SeekFrom::Current(by) => self.position.checked_add_signed(by),
        };
        self.position = target.ok_or_else(|| io::Error::new(io::ErrorKind::InvalidInput, "seek before the start"))?;
        Ok(self.position)
    }
}
