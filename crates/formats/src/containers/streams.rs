//! bzip2, xz, LZMA, lzip, Zstandard, LZ4 and Brotli: formats that hold one stream.

use super::Format;
use super::decoders::{Codec, ZstdFrames, decoder, lzma_alone};
use super::padding::only_zeros;
use super::skipped::Skipped;
use crate::{Budget, Content, ContentReader, Member, OpenError, Parts};
use lazaret_model::{Limit, Part, Role};
use std::io::{self, BufRead, Read};

/// Bytes at the end of an LZMA stream that a decoder may leave unread: an end marker behind a size that was stated, and
/// what the range coder flushes.
const LZMA_TAIL: u64 = 32;
/// Steps that it takes to make a decoder.
const DECODER: u64 = 16 << 10;

/// An opener of one such format.
pub struct Stream {
    id: &'static str,
    kinds: &'static [&'static str],
    codec: Codec,
    suffixes: &'static [&'static str],
    summary: &'static str,
}

/// bzip2.
pub static BZIP2: Stream = Stream {
    id: "bzip2",
    kinds: &["bzip2"],
    codec: Codec::Bzip2,
    suffixes: &[".bz2", ".bz"],
    summary: "every stream; what follows the last one is a part",
};
/// xz 1.1.
pub static XZ: Stream = Stream {
    id: "xz",
    kinds: &["xz"],
    codec: Codec::Xz,
    suffixes: &[".xz"],
    summary: "every stream and filter; dictionaries up to half the memory limit",
};
/// The form of LZMA that came before xz.
pub static LZMA: Stream = Stream {
    id: "lzma",
    kinds: &["lzma"],
    codec: Codec::LzmaAlone,
    suffixes: &[".lzma"],
    summary: "dictionaries up to half the memory limit",
};
/// Lzip.
pub static LZIP: Stream =
    Stream { id: "lzip", kinds: &["lzip"], codec: Codec::Lzip, suffixes: &[".lz"], summary: "every member" };
/// Zstandard (RFC 8878).
pub static ZSTD: Stream = Stream {
    id: "zstd",
    kinds: &["zstd"],
    codec: Codec::Zstd,
    suffixes: &[".zst", ".zstd"],
    summary: "every frame, files in skippable ones; windows up to half the memory limit; dictionaries are not known",
};
/// LZ4 frames.
pub static LZ4: Stream = Stream {
    id: "lz4",
    kinds: &["lz4"],
    codec: Codec::Lz4,
    suffixes: &[".lz4"],
    summary: "every frame; files in skippable ones",
};
/// zlib (RFC 1950).
pub static ZLIB: Stream = Stream {
    id: "zlib",
    kinds: &["zlib"],
    codec: Codec::Zlib,
    suffixes: &[".zlib", ".zz"],
    summary: "one stream; what follows it is a part",
};
/// Brotli (RFC 7932), which has no signature: only where the kind is told.
pub static BROTLI: Stream = Stream {
    id: "brotli",
    kinds: &["brotli"],
    codec: Codec::Brotli,
    suffixes: &[".br"],
    summary: "only where something says that it is Brotli, since it has no signature",
};

/// What is in a stream whose name says nothing.
const NAMELESS: &str = "stream";

/// What a stream holds, under the name that unpacking it gives: the stream's own without its suffix.
pub(super) fn member_of(part: &Part, suffixes: &[&str]) -> Member {
    let name = stem(&part.name, suffixes);
    let named = part.named && name != NAMELESS && part.name.starts_with(&name);
    if named { Member::named(Role::Stream, name) } else { Member::unnamed(Role::Stream, name) }
}

/// The name of what a stream holds: the stream's own without its suffix.
pub(super) fn stem(name: &str, suffixes: &[&str]) -> String {
    let lower = name.to_ascii_lowercase();
    for (short, long) in [(".tgz", ".tar"), (".tbz2", ".tar"), (".tbz", ".tar"), (".txz", ".tar"), (".tzst", ".tar")] {
        if let Some(stem) = lower.strip_suffix(short).and_then(|stem| name.get(..stem.len())).filter(|s| !s.is_empty())
        {
            return format!("{stem}{long}");
        }
    }
    let cut = suffixes.iter().find_map(|suffix| lower.strip_suffix(suffix)).and_then(|stem| name.get(..stem.len()));
    cut.filter(|stem| !stem.is_empty()).unwrap_or(NAMELESS).to_owned()
}

impl Format for Stream {
    fn id(&self) -> &'static str {
        self.id
    }

    fn kinds(&self) -> &'static [&'static str] {
        self.kinds
    }

    fn summary(&self) -> &'static str {
        self.summary
    }

    fn open(&self, input: &Content, parts: &mut Parts<'_, '_>) -> Result<(), OpenError> {
        let member = member_of(parts.part(), self.suffixes);
        match self.codec {
            Codec::Bzip2 => {
                let budget = parts.budget().for_decoder();
                let mut streams = Bzip2Streams { current: None, next: Some(input.reader()), end: 0, budget };
                parts.add(member, &mut streams)?;
                let rest = input.slice(streams.end, u64::MAX);
                if streams.end > 0 && !rest.is_empty() && !only_zeros(&rest, parts)? {
                    parts.add_content(Member::unnamed(Role::Appended, "after-stream"), rest)?;
                }
                Ok(())
            }
            Codec::Zlib => {
                let mut stream = flate2::bufread::ZlibDecoder::new(input.reader());
                parts.add(member, &mut stream)?;
                let rest = input.slice(stream.into_inner().position(), u64::MAX);
                if !rest.is_empty() && !only_zeros(&rest, parts)? {
                    parts.add_content(Member::unnamed(Role::Appended, "after-stream"), rest)?;
                }
                Ok(())
            }
            Codec::LzmaAlone => {
                let mut stream = lzma_alone(input.reader(), parts.budget())?;
                parts.add(member, &mut stream)?;
                let ended = matches!(stream.read(&mut [0]), Ok(0));
                let (reader, unused) = stream.into_parts();
                let rest = input.slice(reader.position().saturating_sub(unused.len() as u64), u64::MAX);
                if ended && rest.len() > LZMA_TAIL && !only_zeros(&rest, parts)? {
                    parts.add_content(Member::unnamed(Role::Appended, "after-stream"), rest)?;
                }
                Ok(())
            }
            Codec::Lz4 => {
                let budget = parts.budget().for_decoder();
                let mut frames = Lz4Frames::new(input.reader(), budget);
                parts.add(member, &mut frames)?;
                frames.skipped.hand_over(parts)
            }
            Codec::Zstd => {
                let metered = Metered { reader: input.reader(), budget: parts.budget().for_decoder() };
                let mut frames = ZstdFrames::new(metered, parts.budget().limits().memory_bytes / 2);
                parts.add(member, &mut frames)?;
                frames.into_skipped().hand_over(parts)
            }
            codec => {
                let budget = parts.budget().for_decoder();
                let metered = Metered { reader: input.reader(), budget: parts.budget().for_decoder() };
                let mut data = decoder(codec, Box::new(metered), None, &budget)?;
                parts.add(member, &mut data)
            }
        }
    }
}

/// What a reader says that may not go on.
pub(super) fn stopped(limit: Limit, budget: &Budget) -> io::Error {
    io::Error::other(format!("stopped at the limit of {}", limit.describe(budget.limits())))
}

/// Counts what a decoder reads, which may be much before it has anything to give.
struct Metered {
    reader: ContentReader,
    budget: Budget,
}

impl Read for Metered {
    fn read(&mut self, out: &mut [u8]) -> io::Result<usize> {
        let mut available = self.fill_buf()?;
        let n = available.read(out)?;
        self.consume(n);
        Ok(n)
    }
}

impl BufRead for Metered {
    fn fill_buf(&mut self) -> io::Result<&[u8]> {
        self.budget.step(16).map_err(|limit| stopped(limit, &self.budget))?;
        self.reader.fill_buf()
    }

    fn consume(&mut self, n: usize) {
        // An exhausted budget shows when more is asked for.
        let _ = self.budget.step(n as u64);
        self.reader.consume(n);
    }
}

/// How a stream without content looks behind the size of its blocks: the mark of the end, and a checksum of nothing.
const EMPTY: &[u8; 10] = b"\x17\x72\x45\x38\x50\x90\0\0\0\0";

/// bzip2 streams one after another.
struct Bzip2Streams {
    current: Option<bzip2::bufread::BzDecoder<ContentReader>>,
    next: Option<ContentReader>,
    end: u64,
    budget: Budget,
}

impl Read for Bzip2Streams {
    fn read(&mut self, out: &mut [u8]) -> io::Result<usize> {
        loop {
            if let Some(decoder) = &mut self.current {
                let n = decoder.read(out)?;
                if n > 0 || out.is_empty() {
                    return Ok(n);
                }
                self.next = self.current.take().map(bzip2::bufread::BzDecoder::into_inner);
                self.end = self.next.as_ref().map_or(0, ContentReader::position);
            }
            let Some(mut reader) = self.next.take() else { return Ok(0) };
            // Streams without content need no decoder.
            loop {
                let at = reader.position();
                let mut head = [0; 14];
                let empty = reader.read_exact(&mut head).is_ok()
                    && head.starts_with(b"BZh")
                    && matches!(head.get(3), Some(b'1'..=b'9'))
                    && head.ends_with(EMPTY);
                if !empty {
                    io::Seek::seek(&mut reader, io::SeekFrom::Start(at))?;
                    break;
                }
                self.budget.step(64).map_err(|limit| stopped(limit, &self.budget))?;
                self.end = reader.position();
            }
            self.budget.step(DECODER).map_err(|limit| stopped(limit, &self.budget))?;
            let at = reader.position();
            let mut magic = [0; 3];
            let starts = reader.read_exact(&mut magic).is_ok() && &magic == b"BZh";
            if !starts {
                return if at == 0 {
                    Err(io::Error::new(io::ErrorKind::InvalidData, "there is no bzip2 stream"))
                } else {
                    Ok(0)
                };
            }
            io::Seek::seek(&mut reader, io::SeekFrom::Start(at))?;
            self.current = Some(bzip2::bufread::BzDecoder::new(reader));
        }
    }
}

/// LZ4 frames one after another, skippable frames passed over (LZ4 frame format 1.6.4).
struct Lz4Frames {
    input: Option<ContentReader>,
    frame: Option<Box<lz4_flex::frame::FrameDecoder<ContentReader>>>,
    frames: u32,
    /// Bytes after the end mark of the current frame; none for the old form, which has no end mark.
    after_end_mark: Option<u64>,
    skipped: Skipped,
    budget: Budget,
}

impl Lz4Frames {
    fn new(input: ContentReader, budget: Budget) -> Self {
        Self { input: Some(input), frame: None, frames: 0, after_end_mark: None, skipped: Skipped::default(), budget }
    }

    /// The decoder takes the end of the input for the end of a frame; the end mark tells whether it was.
    fn check_end(&self, input: &mut ContentReader) -> io::Result<()> {
        let Some(after) = self.after_end_mark else { return Ok(()) };
        let end = input.position();
        let mut mark = [1; 4];
        if let Some(at) = end.checked_sub(after + 4) {
            io::Seek::seek(input, io::SeekFrom::Start(at))?;
            input.read_exact(&mut mark)?;
            io::Seek::seek(input, io::SeekFrom::Start(end))?;
        }
        if mark == [0; 4] { Ok(()) } else { Err(io::Error::new(io::ErrorKind::UnexpectedEof, "the frame ends early")) }
    }
}

impl Read for Lz4Frames {
    fn read(&mut self, out: &mut [u8]) -> io::Result<usize> {
        loop {
            if let Some(frame) = &mut self.frame {
                let n = frame.read(out)?;
                if n > 0 || out.is_empty() {
                    return Ok(n);
                }
                if let Some(frame) = self.frame.take() {
                    let mut input = frame.into_inner();
                    self.check_end(&mut input)?;
                    self.input = Some(input);
                }
            }
            let Some(mut input) = self.input.take() else { return Ok(0) };
            self.budget.step(1 << 10).map_err(|limit| stopped(limit, &self.budget))?;
            if input.fill_buf()?.is_empty() && self.frames > 0 {
                return Ok(0);
            }
            let at = input.position();
            let mut magic = [0; 4];
            input.read_exact(&mut magic)?;
            match u32::from_le_bytes(magic) {
                0x184d_2a50..=0x184d_2a5f => {
                    let mut length = [0; 4];
                    input.read_exact(&mut length)?;
                    let length = u64::from(u32::from_le_bytes(length));
                    self.skipped.pass(&mut input, length)?;
                    self.frames += 1;
                    self.input = Some(input);
                }
                magic @ (0x184d_2204 | 0x184c_2102) => {
                    // Bit 2 of the flags: a checksum of the content follows the end mark.
                    let flags = input.fill_buf()?.first().copied().unwrap_or_default();
                    self.after_end_mark = (magic == 0x184d_2204).then_some(u64::from(flags & 4));
                    io::Seek::seek(&mut input, io::SeekFrom::Start(at))?;
                    self.frames += 1;
                    self.frame = Some(Box::new(lz4_flex::frame::FrameDecoder::new(input)));
                }
                _ => {
                    let what = if self.frames > 0 { "bytes follow the last frame" } else { "there is no LZ4 frame" };
                    return Err(io::Error::new(io::ErrorKind::InvalidData, what));
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::{Recorded, walk_with};
    use lazaret_model::Limits;
    use std::io::Write as _;

    const MARKER: &[u8] = b"LAZARET-MARKER in a stream, in a stream, in a stream, in a stream, in a stream";

    fn check(bytes: Vec<u8>, kind: &'static str) -> Recorded {
        walk_with(bytes, "sample", Some(kind), &[], Limits::default())
    }

    fn samples() -> Vec<(&'static str, Vec<u8>)> {
        let mut bz = bzip2::write::BzEncoder::new(Vec::new(), bzip2::Compression::fast());
        bz.write_all(MARKER).unwrap();
        let mut xz = lzma_rust2::XzWriter::new(Vec::new(), lzma_rust2::XzOptions::with_preset(1)).unwrap();
        xz.write_all(MARKER).unwrap();
        let mut lzip = lzma_rust2::LzipWriter::new(Vec::new(), lzma_rust2::LzipOptions::with_preset(1));
        lzip.write_all(MARKER).unwrap();
        let options = lzma_rust2::LzmaOptions::with_preset(1);
        let mut lzma = lzma_rust2::LzmaWriter::new_use_header(Vec::new(), &options, None).unwrap();
        lzma.write_all(MARKER).unwrap();
        let mut lz4 = lz4_flex::frame::FrameEncoder::new(Vec::new());
        lz4.write_all(MARKER).unwrap();
        let zstd = ruzstd::encoding::compress_to_vec(MARKER, ruzstd::encoding::CompressionLevel::Fastest);
        let mut zlib = flate2::write::ZlibEncoder::new(Vec::new(), flate2::Compression::fast());
        zlib.write_all(MARKER).unwrap();
        // Made with the `brotli` package of Python.
        let brotli = data_encoding::BASE64.decode(b"G00A+EVXR7rzEhhEleyiLHz5coaiaqCSKi4V401lCO/jkDY=").unwrap();
        vec![
            ("zlib", zlib.finish().unwrap()),
            ("brotli", brotli),
            ("bzip2", bz.finish().unwrap()),
            ("xz", xz.finish().unwrap()),
            ("lzip", lzip.finish().unwrap()),
            ("lzma", lzma.finish().unwrap()),
            ("lz4", lz4.finish().unwrap()),
            ("zstd", zstd),
        ]
    }

    #[test]
    fn each_stream_is_read() {
        for (kind, bytes) in samples() {
            let recorded = check(bytes, kind);
            assert_eq!(recorded.bytes("//stream"), MARKER, "{kind}");
            assert!(recorded.complete(), "{kind}: {:?}", recorded.parts);
        }
    }

    #[test]
    fn streams_that_follow_each_other_are_joined() {
        for (kind, bytes) in samples() {
            if !matches!(kind, "lzma" | "zlib" | "brotli") {
                let recorded = check([bytes.clone(), bytes].concat(), kind);
                assert_eq!(recorded.bytes("//stream"), [MARKER, MARKER].concat(), "{kind}");
                assert!(recorded.complete(), "{kind}: {:?}", recorded.parts);
            }
        }
    }

    #[test]
    fn what_follows_is_a_part_or_makes_it_incomplete() {
        for (kind, bytes) in samples() {
            let recorded = check([bytes, b"TRAILING-".repeat(8)].concat(), kind);
            assert!(recorded.contains(MARKER), "{kind}");
            let appended = recorded.parts.iter().any(|p| p.role == Role::Appended);
            assert!(appended || !recorded.complete(), "{kind}");
        }
    }

    #[test]
    fn skippable_frames_are_passed_over() {
        let skip = [0x53, 0x2a, 0x4d, 0x18, 3, 0, 0, 0, 1, 2, 3];
        for (kind, bytes) in samples() {
            if matches!(kind, "zstd" | "lz4") {
                let recorded = check([&skip[..], &bytes, &skip].concat(), kind);
                assert_eq!(recorded.bytes("//stream"), MARKER, "{kind}");
                assert!(recorded.complete(), "{kind}: {:?}", recorded.parts);
            }
        }
    }

    #[test]
    fn truncation_and_noise_never_pass_for_whole() {
        for (kind, bytes) in samples() {
            for sixteenth in 1..16 {
                let recorded = check(bytes[..bytes.len() * sixteenth / 16].to_vec(), kind);
                assert!(recorded.contains(MARKER) || !recorded.complete(), "{kind} cut at {sixteenth}/16");
            }
            // These samples have no checksum, so noise shows only in what is decoded.
            if matches!(kind, "lzma" | "lz4" | "zstd" | "brotli") {
                continue;
            }
            for at in 0..bytes.len() {
                let mut noisy = bytes.clone();
                noisy[at] ^= 0x24;
                let recorded = check(noisy, kind);
                let untouched = recorded.contains(MARKER);
                assert!(untouched || !recorded.complete(), "{kind} flipped at {at}");
            }
        }
    }

    #[test]
    fn a_dictionary_beyond_the_memory_limit_is_refused() {
        let mut bytes = vec![0x5d];
        bytes.extend(u32::MAX.to_le_bytes());
        bytes.extend([0xff; 8]);
        bytes.extend([0; 32]);
        assert!(!check(bytes, "lzma").complete());
        // A Zstandard frame with a window of 2 GiB.
        let recorded = check(vec![0x28, 0xb5, 0x2f, 0xfd, 0, 21 << 3, 1, 0, 0], "zstd");
        assert!(!recorded.complete());
    }

    #[test]
    fn names_lose_their_suffix() {
        for (name, stem_of) in [("a.tar.gz", "a.tar"), ("a.TGZ", "a.tar"), ("a", "stream"), (".gz", "stream")] {
            assert_eq!(stem(name, &[".gz"]), stem_of);
        }
    }
}
