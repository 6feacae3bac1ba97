//! Undoes content codings (RFC 9110, 8.4) before a sample is looked at, charged to the same budget as everything in it.

use crate::containers::{Codec, GzipMembers, decoder};
use crate::parts::mark_incomplete;
use crate::state::State;
use crate::{Content, Member, OpenError};
use lazaret_model::{ContentCoding, Part, Role};
use std::io::BufRead;

/// Codings undone on one sample; nobody honest uses more than two.
const MOST_CODINGS: usize = 5;

impl State<'_> {
    /// The bytes under `codings`, the last one undone first. What cannot be undone leaves the part incomplete, with as
    /// much as could be read.
    pub(crate) fn unpacked(&mut self, part: &mut Part, sample: Content, codings: &[ContentCoding]) -> Content {
        if codings.len() > MOST_CODINGS {
            mark_incomplete(part, format!("it is packed {} times over, and {MOST_CODINGS} are undone", codings.len()));
            return sample;
        }
        let mut content = sample;
        for coding in codings.iter().rev() {
            // RFC 9110, 8.4.1: an answer without a body, such as one to HEAD, may name a coding all the same.
            if content.is_empty() {
                break;
            }
            let mut member = Member::unnamed(Role::Sample, "");
            // What is read stays at the bottom of the spool.
            let decoded = self.undo(&part.path, &mut member, &content, *coding);
            for reason in member.incomplete {
                mark_incomplete(part, format!("content coding {}: {reason}", coding.token()));
            }
            match decoded {
                Ok(decoded) => content = decoded,
                Err(error) => {
                    mark_incomplete(part, format!("content coding {}: {error}", coding.token()));
                    break;
                }
            }
        }
        content
    }

    fn undo(
        &mut self,
        path: &str,
        member: &mut Member,
        packed: &Content,
        coding: ContentCoding,
    ) -> Result<Content, OpenError> {
        let mut reader = packed.reader();
        if coding == ContentCoding::Gzip {
            let (mut members, _) = GzipMembers::new(reader, self.budget.for_decoder())?;
            let content = self.read(path, member, &mut members);
            if members.end() < packed.len() {
                member.incomplete.push("bytes follow the end of what is packed".to_owned());
            }
            return Ok(content);
        }
        let codec = match coding {
            ContentCoding::Gzip | ContentCoding::Deflate if zlib(reader.fill_buf()?) => Codec::Zlib,
            ContentCoding::Gzip | ContentCoding::Deflate => Codec::Deflate,
            ContentCoding::Brotli => Codec::Brotli,
            ContentCoding::Zstd => Codec::Zstd,
        };
        let mut data = decoder(codec, Box::new(&mut reader), None, &self.budget)?;
        let content = self.read(path, member, &mut data);
        drop(data);
        if reader.position() < packed.len() {
            member.incomplete.push("bytes follow the end of what is packed".to_owned());
        }
        Ok(content)
    }
}

/// Whether DEFLATE data comes in its zlib wrapping (RFC 1950, 2.2): the two header bytes are a multiple of 31.
fn zlib(head: &[u8]) -> bool {
    match head {
        [method, flags, ..] => method & 15 == 8 && (u32::from(*method) * 256 + u32::from(*flags)).is_multiple_of(31),
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use crate::testing::walk_packed;
    use flate2::Compression;
    use flate2::write::{DeflateEncoder, GzEncoder, ZlibEncoder};
    use lazaret_model::ContentCoding::{self, Brotli, Deflate, Gzip, Zstd};
    use std::io::Write;

    const TEXT: &[u8] = b"LAZARET, a text that travels well packed, well packed, well packed.";

    fn gzip(bytes: &[u8]) -> Vec<u8> {
        let mut encoder = GzEncoder::new(Vec::new(), Compression::default());
        encoder.write_all(bytes).unwrap();
        encoder.finish().unwrap()
    }

    /// Why the sample is incomplete.
    fn reasons(bytes: &[u8], codings: &[ContentCoding]) -> Vec<String> {
        walk_packed(bytes, codings).part("page").incomplete.clone()
    }

    #[test]
    fn the_sample_is_what_a_person_would_save() {
        let mut zlib = ZlibEncoder::new(Vec::new(), Compression::default());
        zlib.write_all(TEXT).unwrap();
        let mut raw = DeflateEncoder::new(Vec::new(), Compression::default());
        raw.write_all(TEXT).unwrap();
        // RFC 7932: an uncompressed meta-block of 67 bytes; RFC 8878: a frame with one raw block.
        let mut zstd = vec![0x28, 0xb5, 0x2f, 0xfd, 0x20, TEXT.len() as u8];
        zstd.extend([(TEXT.len() << 3 | 1) as u8, (TEXT.len() >> 5) as u8, 0]);
        zstd.extend(TEXT);
        for (bytes, codings) in [
            (TEXT.to_vec(), vec![]),
            (gzip(TEXT), vec![Gzip]),
            (zlib.finish().unwrap(), vec![Deflate]),
            (raw.finish().unwrap(), vec![Deflate]),
            (zstd, vec![Zstd]),
            (gzip(&gzip(TEXT)), vec![Gzip, Gzip]),
        ] {
            let recorded = walk_packed(&bytes, &codings);
            assert_eq!(recorded.bytes("page"), TEXT, "{codings:?}");
            assert!(recorded.complete() && recorded.parts.len() == 1, "{codings:?}");
        }
    }

    #[test]
    fn what_is_not_packed_as_declared_is_incomplete() {
        for coding in [Gzip, Deflate, Brotli, Zstd] {
            let incomplete = reasons(b"MZ this is no packed body \xff\xff\xff\xff", &[coding]);
            assert!(incomplete.iter().any(|why| why.contains(coding.token())), "{coding:?}: {incomplete:?}");
        }
        let mut tail = gzip(TEXT);
        tail.extend(b"MZ and what nobody unpacks");
        let incomplete = reasons(&tail, &[Gzip]);
        assert!(incomplete.iter().any(|why| why.contains("bytes follow")), "{incomplete:?}");
        let incomplete = reasons(TEXT, &[Gzip; 6]);
        assert!(incomplete.iter().any(|why| why.contains("6 times")), "{incomplete:?}");
    }
}
