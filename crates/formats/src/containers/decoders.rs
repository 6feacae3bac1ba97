//! Single decompressors behind one face, each bounded in the memory that its input may ask for.

use super::skipped::Skipped;
use crate::{Budget, OpenError};
use lazaret_model::Limit;
use std::io::{self, BufRead, Read};

/// What compressed the bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Codec {
    /// Not compressed.
    Store,
    /// Raw DEFLATE (RFC 1951).
    Deflate,
    /// zlib (RFC 1950).
    Zlib,
    /// DEFLATE with a 64 KiB window.
    Deflate64,
    /// bzip2; only the first stream.
    Bzip2,
    /// LZMA as in ZIP: version, properties' length, properties, data (APPNOTE 5.8.8).
    ZipLzma,
    /// The .lzma file form.
    LzmaAlone,
    /// The .xz file form.
    Xz,
    /// Lzip.
    Lzip,
    /// Zstandard; every frame.
    Zstd,
    /// PPMd version I, revision 1, as in ZIP (APPNOTE 5.10).
    ZipPpmd,
    /// LZ4 frames.
    Lz4,
    /// Brotli (RFC 7932).
    Brotli,
}

/// Kibibytes that one decoder may have.
pub(crate) fn memory_kib(budget: &Budget) -> u32 {
    u32::try_from(budget.limits().memory_bytes / 2 / 1024).unwrap_or(u32::MAX - 1)
}

/// Puts a decoder on `input`. `size` is the declared size of the output, which only codecs without an end of their own
/// heed.
///
/// # Errors
/// [`OpenError::Limit`] with [`Limit::Memory`] when the input asks for too much memory; a reading error when its header
/// is broken.
pub(crate) fn decoder<'r>(
    codec: Codec,
    mut input: Box<dyn BufRead + 'r>,
    size: Option<u64>,
    budget: &Budget,
) -> Result<Box<dyn Read + 'r>, OpenError> {
    Ok(match codec {
        Codec::Store => input,
        Codec::Deflate => Box::new(flate2::bufread::DeflateDecoder::new(input)),
        Codec::Zlib => Box::new(flate2::bufread::ZlibDecoder::new(input)),
        Codec::Deflate64 => Box::new(deflate64::Deflate64Decoder::with_buffer(input)),
        Codec::Bzip2 => Box::new(bzip2::bufread::BzDecoder::new(input)),
        Codec::ZipLzma => {
            let mut header = [0; 9];
            input.read_exact(&mut header)?;
            let [_, _, 5, 0, properties, d0, d1, d2, d3] = header else {
                return Err(OpenError::malformed("the LZMA properties have an unknown length", 2));
            };
            let dictionary = u32::from_le_bytes([d0, d1, d2, d3]);
            budget.check_memory(u64::from(dictionary)).map_err(OpenError::Limit)?;
            let size = size.unwrap_or(u64::MAX);
            Box::new(lzma_rust2::LzmaReader::new_with_props(input, size, properties, dictionary, None)?)
        }
        Codec::LzmaAlone => Box::new(lzma_alone(input, budget)?),
        Codec::Xz => Box::new(lzma_rust2::XzReader::new_mem_limit(input, true, memory_kib(budget))),
        Codec::Lzip => {
            // Lzip 2, member header: the sixth byte codes a dictionary of up to 512 MiB.
            let coded = input.fill_buf()?.get(5).copied().unwrap_or_default();
            let base = 1u64 << (coded & 31);
            let dictionary = base - base / 16 * u64::from(coded >> 5);
            budget.check_memory(dictionary).map_err(OpenError::Limit)?;
            Box::new(lzma_rust2::LzipReader::new(input))
        }
        Codec::Zstd => Box::new(ZstdFrames::new(input, budget.limits().memory_bytes / 2)),
        Codec::ZipPpmd => {
            let mut header = [0; 2];
            input.read_exact(&mut header)?;
            let header = u32::from(u16::from_le_bytes(header));
            let (order, memory) = ((header & 15) + 1, (((header >> 4) & 255) + 1) << 20);
            budget.check_memory(u64::from(memory)).map_err(OpenError::Limit)?;
            let restore =
                if header >> 12 == 0 { ppmd_rust::RestoreMethod::Restart } else { ppmd_rust::RestoreMethod::CutOff };
            let decoder = ppmd_rust::Ppmd8Decoder::new(input, order, memory, restore)
                .map_err(|error| io::Error::new(io::ErrorKind::InvalidData, error.to_string()))?;
            Box::new(decoder.take(size.unwrap_or(u64::MAX)))
        }
        Codec::Lz4 => Box::new(lz4_flex::frame::FrameDecoder::new(input)),
        Codec::Brotli => Box::new(Brotli(brotli_decompressor::Decompressor::new(input, 64 << 10))),
    })
}

/// A decoder of the .lzma file form, which can tell where it ended.
pub(super) fn lzma_alone<R: Read>(input: R, budget: &Budget) -> Result<lzma_rust2::LzmaReader<R>, OpenError> {
    lzma_rust2::LzmaReader::new_mem_limit(input, memory_kib(budget), None).map_err(memory)
}

/// Brotli, whose decoder tells of bytes behind the end only when it is asked once more.
struct Brotli<R: Read>(brotli_decompressor::Decompressor<R>);

impl<R: BufRead> Read for Brotli<R> {
    fn read(&mut self, out: &mut [u8]) -> io::Result<usize> {
        let n = self.0.read(out)?;
        if n > 0 || out.is_empty() {
            return Ok(n);
        }
        let nothing_held = matches!(self.0.read(out), Ok(0));
        if nothing_held && self.0.get_mut().fill_buf()?.is_empty() {
            Ok(0)
        } else {
            Err(invalid("bytes follow the end of the stream"))
        }
    }
}

fn memory(error: io::Error) -> OpenError {
    if error.kind() == io::ErrorKind::OutOfMemory { OpenError::Limit(Limit::Memory) } else { OpenError::Read(error) }
}

/// Zstandard frames one after another, skippable frames passed over (RFC 8878, 3.1).
pub(crate) struct ZstdFrames<R> {
    input: R,
    decoder: ruzstd::decoding::FrameDecoder,
    active: bool,
    frames: u64,
    skipped: Skipped,
}

impl<R: BufRead> ZstdFrames<R> {
    pub(crate) fn new(input: R, most_window: u64) -> Self {
        let mut decoder = ruzstd::decoding::FrameDecoder::new();
        decoder.set_max_window_size(most_window);
        Self { input, decoder, active: false, frames: 0, skipped: Skipped::default() }
    }

    /// What stood in skippable frames.
    pub(crate) fn into_skipped(self) -> Skipped {
        self.skipped
    }

    /// Starts the next frame; false at the end of the input or of what is Zstandard.
    fn next_frame(&mut self) -> io::Result<bool> {
        loop {
            let mut magic = [0; 4];
            let mut have = 0;
            while let Some(rest) = magic.get_mut(have..).filter(|rest| !rest.is_empty()) {
                match self.input.read(rest)? {
                    0 => break,
                    n => have += n,
                }
            }
            if have == 0 {
                return Ok(false);
            }
            if have == 4 && (magic[0] & 0xf0, magic[1], magic[2], magic[3]) == (0x50, 0x2a, 0x4d, 0x18) {
                let mut length = [0; 4];
                self.input.read_exact(&mut length)?;
                let length = u64::from(u32::from_le_bytes(length));
                self.skipped.pass(&mut self.input, length)?;
                continue;
            }
            if have < 4 || magic != [0x28, 0xb5, 0x2f, 0xfd] {
                let what = if self.frames > 0 { "bytes follow the last frame" } else { "no Zstandard frame" };
                return Err(io::Error::new(io::ErrorKind::InvalidData, what));
            }
            let source = (&magic[..]).chain(&mut self.input);
            self.decoder.reset(source).map_err(invalid)?;
            self.frames += 1;
            return Ok(true);
        }
    }
}

fn invalid(error: impl std::fmt::Display) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, error.to_string())
}

impl<R: BufRead> Read for ZstdFrames<R> {
    fn read(&mut self, out: &mut [u8]) -> io::Result<usize> {
        if out.is_empty() {
            return Ok(0);
        }
        loop {
            if !self.active {
                if !self.next_frame()? {
                    return Ok(0);
                }
                self.active = true;
            }
            let n = self.decoder.read(out)?;
            if n > 0 {
                return Ok(n);
            }
            if self.decoder.is_finished() {
                self.active = false;
                if let (Some(stated), Some(found)) =
                    (self.decoder.get_checksum_from_data(), self.decoder.get_calculated_checksum())
                    && stated != found
                {
                    return Err(invalid("the checksum is wrong"));
                }
                continue;
            }
            self.decoder
                .decode_blocks(&mut self.input, ruzstd::decoding::BlockDecodingStrategy::UptoBytes(out.len().max(1)))
                .map_err(invalid)?;
        }
    }
}

/// Checks CRC-32 and length when the data ends, and says so as a reading error after the last byte.
pub(crate) struct Checked<R> {
    inner: R,
    crc: flate2::Crc,
    bytes: u64,
    expected_crc: Option<u32>,
    expected_bytes: Option<u64>,
    done: bool,
}

impl<R: Read> Checked<R> {
    pub(crate) fn new(inner: R, expected_crc: Option<u32>, expected_bytes: Option<u64>) -> Self {
        Self { inner, crc: flate2::Crc::new(), bytes: 0, expected_crc, expected_bytes, done: false }
    }
}

impl<R: Read> Read for Checked<R> {
    fn read(&mut self, out: &mut [u8]) -> io::Result<usize> {
        if self.done || out.is_empty() {
            return Ok(0);
        }
        let n = self.inner.read(out)?;
        if n > 0 {
            self.crc.update(out.get(..n).unwrap_or_default());
            self.bytes = self.bytes.saturating_add(n as u64);
            return Ok(n);
        }
        self.done = true;
        if self.expected_bytes.is_some_and(|bytes| bytes != self.bytes) {
            return Err(invalid(format_args!(
                "it has {} bytes and the header says {}",
                self.bytes,
                self.expected_bytes.unwrap_or_default()
            )));
        }
        if self.expected_crc.is_some_and(|crc| crc != self.crc.sum()) {
            return Err(invalid("the checksum is wrong"));
        }
        Ok(0)
    }
}
