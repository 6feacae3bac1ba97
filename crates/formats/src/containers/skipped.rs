//! What streams carry beside their data and decoders pass over: skippable frames (RFC 8878, 3.1.2; LZ4 frame format, "Skippable
//! Frames") and fields of a gzip header (RFC 1952, 2.3.1.1).

mod beside;

pub(super) use beside::search;
use std::io::{self, Read};

/// Bytes from which it is kept: tables of blocks and lengths of frames are shorter.
const LEAST: u64 = 64;
/// Bytes that are kept of one sample.
const MOST: usize = if cfg!(test) { 1 << 20 } else { 16 << 20 };

/// What was passed over.
#[derive(Debug, Default)]
pub(crate) struct Skipped {
    kept: Vec<Vec<u8>>,
    bytes: usize,
    /// There was more than is kept.
    more: bool,
}

impl Skipped {
    /// Passes over so many bytes.
    ///
    /// # Errors
    /// `UnexpectedEof` where there are fewer, else whatever reading reports.
    pub(crate) fn pass(&mut self, input: &mut impl Read, length: u64) -> io::Result<()> {
        let room = if length < LEAST { 0 } else { MOST.saturating_sub(self.bytes) as u64 };
        let mut bytes = Vec::new();
        let read = input.by_ref().take(length.min(room)).read_to_end(&mut bytes)? as u64;
        self.keep(bytes);
        let rest = length.saturating_sub(read);
        self.more |= rest > 0 && length >= LEAST;
        if io::copy(&mut input.by_ref().take(rest), &mut io::sink())? < rest {
            return Err(io::Error::new(io::ErrorKind::UnexpectedEof, "a skippable frame ends early"));
        }
        Ok(())
    }

    /// Keeps what was read.
    pub(crate) fn keep(&mut self, bytes: Vec<u8>) {
        if (bytes.len() as u64) < LEAST {
            return;
        }
        if bytes.len() > MOST.saturating_sub(self.bytes) {
            self.more = true;
            return;
        }
        self.bytes += bytes.len();
        self.kept.push(bytes);
    }
}

#[cfg(test)]
mod tests {
    use crate::testing::{Recorded, build, walk_with};
    use lazaret_model::Limits;
    use std::io::Write as _;

    const TEXT: &[u8] = b"Depths in metres below the keel, taken every minute, for whoever sails here next. ";
    const SCRIPT: &[u8] =
        b"Set s = CreateObject(\"WScript.Shell\")\r\ns.Run \"cmd /c echo LAZARET-MARKER\", 0, False\r\n";

    fn check(bytes: Vec<u8>, kind: &'static str) -> Recorded {
        walk_with(bytes, "sample", Some(kind), &[], Limits::default())
    }

    fn frame(inner: &[u8]) -> Vec<u8> {
        [&b"\x50\x2a\x4d\x18"[..], &(inner.len() as u32).to_le_bytes(), inner].concat()
    }

    fn streams() -> [(&'static str, Vec<u8>); 2] {
        let mut lz4 = lz4_flex::frame::FrameEncoder::new(Vec::new());
        lz4.write_all(TEXT).unwrap();
        let zstd = ruzstd::encoding::compress_to_vec(TEXT, ruzstd::encoding::CompressionLevel::Fastest);
        [("lz4", lz4.finish().unwrap()), ("zstd", zstd)]
    }

    fn gzip(extra: &[u8], comment: &str) -> Vec<u8> {
        let builder = flate2::GzBuilder::new().extra(extra).comment(comment);
        let mut encoder = builder.write(Vec::new(), flate2::Compression::default());
        encoder.write_all(TEXT).unwrap();
        encoder.finish().unwrap()
    }

    #[test]
    fn a_program_or_a_script_in_a_skippable_frame_is_a_part() {
        let program = build::pe(true, 0x0022, 2, &[]);
        for (kind, stream) in streams() {
            for (inner, own) in [(&program[..], "pe64"), (SCRIPT, "vbs")] {
                for whole in [[&stream[..], &frame(inner)].concat(), [&frame(inner)[..], &stream].concat()] {
                    let found = check(whole, kind);
                    assert!(found.parts.iter().any(|part| &*part.kind.id == own), "{kind}: {:?}", found.parts);
                    assert!(found.contains(TEXT), "{kind}: {:?}", found.parts);
                }
            }
        }
    }

    #[test]
    fn a_program_in_the_header_of_gzip_is_a_part() {
        let program = build::pe(true, 0x0022, 2, &[]);
        let letters = data_encoding::BASE64.encode(&program);
        for whole in [gzip(&program, "a"), gzip(&[0; 4], &letters)] {
            let found = check(whole, "gzip");
            assert!(found.parts.iter().any(|part| &*part.kind.id == "pe64"), "{:?}", found.parts);
        }
    }

    #[test]
    fn tables_and_words_beside_the_data_are_no_parts() {
        let table: Vec<u8> = (0..400_u32).flat_map(|block| (block * 4099).to_le_bytes()).collect();
        for (kind, stream) in streams() {
            let found = check([&stream[..], &frame(&table), &frame(TEXT)].concat(), kind);
            assert!(found.complete() && found.parts.len() == 2, "{kind}: {:?}", found.parts);
        }
        let found = check(
            gzip(&table, "Packed on a Tuesday, by somebody who had the time for it, in the old harbour."),
            "gzip",
        );
        assert!(found.complete() && found.parts.len() == 2, "{:?}", found.parts);
    }

    #[test]
    fn more_than_is_looked_at_is_said() {
        for (kind, stream) in streams() {
            let found = check([&stream[..], &frame(&vec![0x81; super::MOST + 1])].concat(), kind);
            assert!(!found.complete() && found.contains(TEXT), "{kind}");
        }
    }
}
