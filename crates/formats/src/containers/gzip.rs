//! gzip (RFC 1952).

use super::Format;
use super::padding::only_zeros;
use super::skipped::Skipped;
use crate::{Budget, Content, ContentReader, Member, OpenError, Parts};
use lazaret_model::Role;
use std::io::{self, Read};

/// The opener.
pub struct Gzip;

/// Bytes of a header field without a length that are read.
const MOST_TEXT: usize = 4096;
/// Steps that it takes to make a decoder.
const DECODER: u64 = 4 << 10;

impl Format for Gzip {
    fn id(&self) -> &'static str {
        "gzip"
    }

    fn kinds(&self) -> &'static [&'static str] {
        &["gzip"]
    }

    fn summary(&self) -> &'static str {
        "every member, with any header flags; wrong checksums and what follows the last member are reported"
    }

    fn open(&self, input: &Content, parts: &mut Parts<'_, '_>) -> Result<(), OpenError> {
        let (mut members, name) = Members::new(input.reader(), parts.budget().for_decoder())?;
        if members.name_is_cut {
            parts.incomplete(format!("the name in it has more than {MOST_TEXT} bytes"));
        }
        let member = match name {
            Some(name) => Member::named(Role::Stream, name),
            None => super::streams::member_of(parts.part(), &[".gz", ".z", ".gzip"]),
        };
        parts.add(member, &mut members)?;
        let end = members.end;
        std::mem::take(&mut members.skipped).hand_over(parts)?;
        if end > 0 && end < input.len() {
            let rest = input.slice(end, u64::MAX);
            // Tapes pad with zeros.
            if !only_zeros(&rest, parts)? {
                parts.add_content(Member::unnamed(Role::Appended, "after-stream"), rest)?;
            }
        }
        Ok(())
    }
}

/// What a member's header says (RFC 1952, 2.3).
struct Header {
    /// FNAME.
    name: Option<String>,
    /// The name is longer than what is read of it.
    name_is_cut: bool,
}

/// Reads a member's header; what its other fields hold goes to `skipped`. `None` when it is not one.
fn header(reader: &mut ContentReader, skipped: &mut Skipped) -> io::Result<Option<Header>> {
    let mut fixed = [0; 10];
    if reader.read_exact(&mut fixed).is_err() || !fixed.starts_with(&[0x1f, 0x8b, 8]) {
        return Ok(None);
    }
    let flags = fixed[3];
    if flags & 4 != 0 {
        let mut length = [0; 2];
        reader.read_exact(&mut length)?;
        skipped.pass(reader, u64::from(u16::from_le_bytes(length)))?;
    }
    let (name, name_is_cut) = if flags & 8 != 0 { text(reader)? } else { (Vec::new(), false) };
    if flags & 16 != 0 {
        // LIMIT: a program that is cut there is one all the same.
        skipped.keep(text(reader)?.0);
    }
    if flags & 2 != 0 {
        reader.read_exact(&mut [0; 2])?;
    }
    Ok(Some(Header { name: (!name.is_empty()).then(|| super::bytes::utf8_or_cp437(&name)), name_is_cut }))
}

/// A text that ends with a NUL, and whether it exceeds the bound: the rest is read and forgotten.
fn text(reader: &mut ContentReader) -> io::Result<(Vec<u8>, bool)> {
    let mut kept = Vec::new();
    let mut cut = false;
    for byte in reader.by_ref().bytes() {
        match byte? {
            0 => return Ok((kept, cut)),
            byte if kept.len() < MOST_TEXT => kept.push(byte),
            _ => cut = true,
        }
    }
    Err(io::Error::new(io::ErrorKind::UnexpectedEof, "the gzip header ends early"))
}

/// All members as one stream, as `gzip -d` writes them. A wrong checksum does not stop it and is reported at the end.
pub(crate) struct Members {
    body: Option<flate2::bufread::DeflateDecoder<ContentReader>>,
    budget: Budget,
    crc: flate2::Crc,
    len: u64,
    fault: Option<&'static str>,
    /// The first member's name is longer than what is read of it.
    name_is_cut: bool,
    skipped: Skipped,
    /// Where the last member ended.
    end: u64,
}

impl Members {
    /// The members and the name that the first one stores.
    pub(crate) fn new(mut reader: ContentReader, budget: Budget) -> Result<(Self, Option<String>), OpenError> {
        let mut skipped = Skipped::default();
        let Some(Header { name, name_is_cut }) = header(&mut reader, &mut skipped)? else {
            return Err(OpenError::malformed("the gzip header is broken", 0));
        };
        let body = Some(flate2::bufread::DeflateDecoder::new(reader));
        Ok((Self { body, budget, crc: flate2::Crc::new(), len: 0, fault: None, name_is_cut, skipped, end: 0 }, name))
    }

    /// Where the last whole member ended.
    pub(crate) fn end(&self) -> u64 {
        self.end
    }
}

impl Read for Members {
    fn read(&mut self, out: &mut [u8]) -> io::Result<usize> {
        loop {
            let Some(body) = &mut self.body else {
                return match self.fault.take() {
                    Some(fault) => Err(io::Error::new(io::ErrorKind::InvalidData, fault)),
                    None => Ok(0),
                };
            };
            let n = body.read(out)?;
            if n > 0 || out.is_empty() {
                self.crc.update(out.get(..n).unwrap_or_default());
                self.len = self.len.wrapping_add(n as u64);
                return Ok(n);
            }
            let Some(body) = self.body.take() else { continue };
            // A decoder for each member, of which many may be empty.
            self.budget.step(DECODER).map_err(|limit| super::streams::stopped(limit, &self.budget))?;
            let mut reader = body.into_inner();
            let mut trailer = [0; 8];
            reader.read_exact(&mut trailer)?;
            let (crc, size) = trailer.split_at(4);
            if crc != self.crc.sum().to_le_bytes() {
                self.fault = Some("the checksum is wrong");
            } else if size != (self.len as u32).to_le_bytes() {
                self.fault = Some("the length after the data is wrong");
            }
            self.end = reader.position();
            self.crc = flate2::Crc::new();
            self.len = 0;
            if header(&mut reader, &mut self.skipped)?.is_some() {
                self.body = Some(flate2::bufread::DeflateDecoder::new(reader));
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use crate::testing::{Recorded, walk_with};
    use std::io::Write as _;

    const MARKER: &[u8] = b"LAZARET-MARKER in a stream";

    fn check(bytes: Vec<u8>) -> Recorded {
        walk_with(bytes, "sample.txt.gz", Some("gzip"), &[], lazaret_model::Limits::default())
    }

    fn member(plain: &[u8]) -> Vec<u8> {
        let builder = flate2::GzBuilder::new().filename("inner.exe").comment("c").extra(vec![1, 2, 3]);
        let mut encoder = builder.write(Vec::new(), flate2::Compression::default());
        encoder.write_all(plain).unwrap();
        encoder.finish().unwrap()
    }

    // Vectors C 15.
    #[test]
    fn members_are_joined_and_header_fields_are_passed_over() {
        let recorded = check([member(b"first "), member(MARKER)].concat());
        assert_eq!(recorded.bytes("//inner.exe"), [b"first ", MARKER].concat());
        assert!(recorded.complete());
    }

    #[test]
    fn what_follows_the_stream_is_a_part() {
        let recorded = check([member(b"first"), MARKER.to_vec()].concat());
        assert_eq!(recorded.bytes("//after-stream"), MARKER);
        let recorded = check([member(b"first"), member(b" second"), MARKER.to_vec()].concat());
        assert_eq!(recorded.bytes("//inner.exe"), b"first second");
        assert_eq!(recorded.bytes("//after-stream"), MARKER);
        assert!(check([member(b"first"), vec![0; 1000]].concat()).complete());
    }

    #[test]
    fn a_wrong_length_or_checksum_keeps_the_bytes_and_the_members_behind() {
        for back in [1, 6] {
            let mut first = member(b"first ");
            let at = first.len() - back;
            first[at] ^= 1;
            let recorded = check([first, member(MARKER)].concat());
            assert!(recorded.contains(MARKER) && !recorded.complete());
        }
    }

    #[test]
    fn truncation_and_noise_never_pass_for_whole() {
        let whole = member(MARKER);
        for cut in 1..whole.len() {
            assert!(!check(whole[..cut].to_vec()).complete(), "cut at {cut}");
        }
        for at in 10..whole.len() {
            let mut bytes = whole.clone();
            bytes[at] ^= 0x11;
            let recorded = check(bytes);
            assert!(recorded.contains(MARKER) || !recorded.complete(), "flipped at {at}");
        }
    }

    #[test]
    fn a_name_that_is_cut_is_said() {
        for (letters, complete) in [(super::MOST_TEXT, true), (super::MOST_TEXT + 1, false)] {
            let builder = flate2::GzBuilder::new().filename("a".repeat(letters));
            let mut encoder = builder.write(Vec::new(), flate2::Compression::default());
            encoder.write_all(MARKER).unwrap();
            let recorded = check(encoder.finish().unwrap());
            assert!(recorded.contains(MARKER) && recorded.complete() == complete, "{letters}");
        }
    }
}
