//! ActiveMime: what Office keeps macros and objects in where a document is one text (Word 2003 XML, web pages that Office saved).

use super::bytes::u16_le;
use super::{Format, padding};
use crate::{Content, Member, OpenError, Parts};
use flate2::bufread::ZlibDecoder;
use lazaret_model::Role;

/// The opener.
pub(super) struct ActiveMime;

/// Where the packed data begin in what Office writes, beside what the header says.
const PLACES: [u64; 2] = [0x32, 0x22a];

impl Format for ActiveMime {
    fn id(&self) -> &'static str {
        "activemime"
    }

    fn kinds(&self) -> &'static [&'static str] {
        &["activemime"]
    }

    fn summary(&self) -> &'static str {
        "the compound file with macros or objects in it"
    }

    fn open(&self, input: &Content, parts: &mut Parts<'_, '_>) -> Result<(), OpenError> {
        // The length of the header's second half, at 30.
        let stated = u16_le(&input.window(0x1e, 2)?, 0).map(|length| u64::from(length) + 46);
        let mut found = None;
        for at in stated.into_iter().chain(PLACES) {
            // RFC 1950, 2.2: Deflate, and a check of two bytes together.
            if let [method, flags] = *input.window(at, 2)?
                && method & 0xf == 8
                && u16::from_be_bytes([method, flags]) % 31 == 0
            {
                found = Some(at);
                break;
            }
        }
        let Some(at) = found else {
            return Err(OpenError::malformed("its packed data are not where they should be", 0x32));
        };
        let packed = input.slice(at, u64::MAX);
        let mut decoder = ZlibDecoder::new(packed.reader());
        parts.add(Member::unnamed(Role::Member, "object"), &mut decoder)?;
        let rest = packed.slice(decoder.total_in(), u64::MAX);
        if !rest.is_empty() && !padding::only_zeros(&rest, parts)? {
            parts.add_content(Member::unnamed(Role::Appended, "after-the-object"), rest)?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use crate::testing::{build, walk};
    use std::io::Write as _;

    fn object(gap: usize, inner: &[u8]) -> Vec<u8> {
        let mut head = b"ActiveMime\0\0\x01\xf0\x04\0\0\0\xff\xff\xff\xff\0\0\x07\xf0".to_vec();
        head.resize(0x32 + gap, 0);
        let mut packed = flate2::write::ZlibEncoder::new(head, flate2::Compression::default());
        packed.write_all(inner).unwrap();
        packed.finish().unwrap()
    }

    #[test]
    fn the_object_is_found_at_each_place_and_nothing_cut_passes_for_whole() {
        let inner = build::compound(&[("LAZARET", b"marker")]);
        for gap in [0, 0x22a - 0x32] {
            let whole = object(gap, &inner);
            let recorded = walk(whole.clone(), "editdata.mso");
            assert_eq!(recorded.parts[0].kind.id, "activemime");
            assert_eq!(recorded.bytes("//object"), inner);
            assert!(recorded.parts[1].complete, "{:?}", recorded.parts);
            for end in [12, 0x33, whole.len() / 2 + 0x20, whole.len() - 1] {
                assert!(!walk(whole[..end].to_vec(), "editdata.mso").complete(), "{gap} {end}");
            }
        }
        let mut stated = object(8, &inner);
        stated[0x1e] = 12;
        assert_eq!(walk(stated, "a.mso").bytes("//object"), inner);
    }

    #[test]
    fn bytes_behind_the_object_are_a_part_and_a_text_about_it_is_a_text() {
        let more = [object(0, b"x"), b"MZ and more".to_vec()].concat();
        assert_eq!(walk(more, "a.mso").bytes("//after-the-object"), b"MZ and more");
        assert_eq!(walk(&b"ActiveMime is a format of Office.\n"[..], "a.txt").parts[0].kind.id, "text");
    }
}
