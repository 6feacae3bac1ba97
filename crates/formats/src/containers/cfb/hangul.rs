//! Hangul documents of version 5 ("한글 문서 파일 형식 5.0", 3.2): what is embedded and scripts, which are deflated without a header.

use super::{Compound, Entry, MOST_PARSED};
use crate::containers::bytes::{u32_le, utf16_le};
use crate::{Content, Member, OpenError, Parts, identify_head};
use flate2::read::DeflateDecoder;
use lazaret_model::Role;
use std::io::Read;

/// Bits of the header's properties.
const COMPRESSED: u32 = 1;
const PASSWORD: u32 = 1 << 1;
const DISTRIBUTION: u32 = 1 << 2;
const RIGHTS: u32 = 1 << 4;
/// How a compound file begins; that of an object has its length before it.
const OBJECT: &[u8] = &[0xd0, 0xcf, 0x11, 0xe0, 0xa1, 0xb1, 0x1a, 0xe1];

/// The properties of a Hangul document, if the file is one.
pub(super) fn properties(compound: &Compound) -> Option<u32> {
    let header = compound.head(compound.stream("FileHeader")?, 40);
    u32_le(&header, 36).filter(|_| header.starts_with(b"HWP Document File"))
}

/// Whether a stream is one that [`add_all`] hands over, or text that only the document's program reads.
pub(super) fn has(entry: &Entry) -> bool {
    let within = |storage: &str| entry.path.get(..storage.len()).is_some_and(|path| path.eq_ignore_ascii_case(storage));
    ["BinData/", "Scripts/", "BodyText/", "ViewText/"].into_iter().any(within)
        || ["FileHeader", "DocInfo"].contains(&&*entry.path)
}

/// Hands over what is in the document.
pub(super) fn add_all(compound: &Compound, properties: u32, parts: &mut Parts<'_, '_>) -> Result<(), OpenError> {
    if properties & (PASSWORD | RIGHTS) != 0 {
        parts.lock("the document is encrypted, and encrypted Hangul documents are not opened");
        return Ok(());
    }
    if properties & DISTRIBUTION != 0 {
        parts.incomplete("it is for distribution only, so that its text and its scripts are encrypted and not read");
    }
    for entry in compound.streams().filter(|entry| has(entry) && entry.size > 0) {
        parts.budget().check_time().map_err(OpenError::Limit)?;
        let lower = entry.path.to_ascii_lowercase();
        let packed = properties & COMPRESSED != 0;
        if lower.starts_with("bindata/") {
            let raw = compound.read(entry, MOST_PARSED, parts);
            embedded(entry, raw, packed, parts)?;
        } else if lower == "scripts/defaultjscript" && properties & DISTRIBUTION == 0 {
            let raw = compound.read(entry, MOST_PARSED, parts);
            script(&raw, packed, parts)?;
        } else {
            let member = Member::named(Role::Member, entry.path.clone()).of_kind("document-part");
            parts.add(member, &mut compound.reader(entry))?;
        }
    }
    Ok(())
}

/// A picture or an object. Each says for itself whether it is compressed, and its bytes tell as well.
fn embedded(entry: &Entry, raw: Vec<u8>, packed: bool, parts: &mut Parts<'_, '_>) -> Result<(), OpenError> {
    let member = || Member::named(Role::Member, entry.path.clone());
    let known = !identify_head(&raw).kind.is_unknown();
    let unpacked = if packed { Some(inflate(&raw, parts)?) } else { None };
    if unpacked.is_none() || known {
        parts.add_content(member(), Content::from(raw))?;
    }
    let Some(Inflated { bytes, problem }) = unpacked.filter(|unpacked| !known || unpacked.problem.is_none()) else {
        return Ok(());
    };
    let bytes = Content::from(bytes);
    let object = *bytes.window(4, OBJECT.len())? == *OBJECT;
    let bytes = if object { bytes.slice(4, u64::MAX) } else { bytes };
    parts.add_content(problem.map_or_else(member, |problem| member().incomplete(problem)), bytes)
}

/// The script of a document: texts with their lengths before them, of which the first declares what the second uses.
fn script(raw: &[u8], packed: bool, parts: &mut Parts<'_, '_>) -> Result<(), OpenError> {
    let unpacked = if packed { inflate(raw, parts)? } else { Inflated { bytes: raw.to_vec(), problem: None } };
    let (mut text, mut at, mut damaged) = (String::new(), 0usize, false);
    // It ends with a length that none has.
    while let Some(length) = u32_le(&unpacked.bytes, at).filter(|length| *length != u32::MAX) {
        parts.budget().step(64).map_err(OpenError::Limit)?;
        let end = (length as usize).saturating_mul(2).saturating_add(at + 4);
        let piece = unpacked.bytes.get(at + 4..end.min(unpacked.bytes.len())).unwrap_or_default();
        damaged |= end > unpacked.bytes.len();
        text.push_str(&utf16_le(piece));
        text.push('\n');
        at = end;
    }
    if text.trim().is_empty() && unpacked.problem.is_none() {
        return Ok(());
    }
    let mut member = Member::unnamed(Role::Script, "script").of_kind("js-embedded");
    if let Some(problem) = unpacked.problem.or_else(|| damaged.then_some("the script ends early")) {
        member = member.incomplete(problem);
    }
    parts.add_content(member, Content::from(text.into_bytes()))
}

struct Inflated {
    bytes: Vec<u8>,
    /// Why they are not all, if they are not.
    problem: Option<&'static str>,
}

fn inflate(raw: &[u8], parts: &mut Parts<'_, '_>) -> Result<Inflated, OpenError> {
    let mut bytes = Vec::new();
    let result = DeflateDecoder::new(raw).take(MOST_PARSED + 1).read_to_end(&mut bytes);
    parts.budget().step((raw.len() + bytes.len()) as u64 * 4).map_err(OpenError::Limit)?;
    let problem = match result {
        Err(_) => Some("its compressed data are damaged or end early"),
        Ok(_) if bytes.len() as u64 > MOST_PARSED => Some("it has more than 64 MiB, and only so many are read"),
        Ok(_) => None,
    };
    Ok(Inflated { bytes, problem })
}

#[cfg(test)]
mod tests {
    use crate::testing::{Recorded, walk};
    use lazaret_model::Role;
    use std::io::{Cursor, Write as _};

    fn deflated(plain: &[u8]) -> Vec<u8> {
        let mut encoder = flate2::write::DeflateEncoder::new(Vec::new(), flate2::Compression::default());
        encoder.write_all(plain).unwrap();
        encoder.finish().unwrap()
    }

    fn document(properties: u32, streams: &[(&str, &[u8])]) -> Recorded {
        let mut header = b"HWP Document File".to_vec();
        header.resize(36, 0);
        header.extend(properties.to_le_bytes());
        header.resize(256, 0);
        let mut file = cfb::CompoundFile::create(Cursor::new(Vec::new())).unwrap();
        for storage in ["/BinData", "/Scripts", "/BodyText"] {
            file.create_storage(storage).unwrap();
        }
        let own: [(&str, &[u8]); 3] =
            [("/FileHeader", &header), ("/\u{5}HwpSummaryInformation", b"x"), ("/BodyText/Section0", b"\x03\x8e\x99")];
        for (path, bytes) in own.iter().chain(streams) {
            file.create_stream(path).and_then(|mut stream| stream.write_all(bytes)).unwrap();
        }
        walk(file.into_inner().into_inner(), "letter.hwp")
    }

    fn texts(all: &[&str]) -> Vec<u8> {
        let text = |text: &&str| {
            let units: Vec<u8> = text.encode_utf16().flat_map(u16::to_le_bytes).collect();
            [&(text.encode_utf16().count() as u32).to_le_bytes()[..], &units].concat()
        };
        [all.iter().flat_map(text).collect::<Vec<u8>>(), vec![0xff; 4]].concat()
    }

    #[test]
    fn what_is_embedded_and_the_script_come_out_unpacked() {
        let picture = b"GIF89a\x01\0\x01\0\0\0\0,\0\0\0\0\x01\0\x01\0\0\x02\x02D\x01\0;";
        let object = [&[9, 9, 9, 9][..], &crate::testing::build::compound(&[("LAZARET", b"x")])].concat();
        let recorded = document(
            1,
            &[
                ("/BinData/BIN0001.gif", &deflated(picture)),
                ("/BinData/BIN0002.OLE", &deflated(&object)),
                ("/BinData/BIN0003.gif", picture),
                ("/Scripts/DefaultJScript", &deflated(&texts(&["var a;", "a = 'LAZARET';"]))),
            ],
        );
        assert_eq!(recorded.parts[0].kind.id, "hwp");
        assert_eq!(recorded.part("//BinData/BIN0001.gif").kind.id, "gif");
        assert_eq!(recorded.part("//BinData/BIN0002.OLE").kind.id, "cfb");
        assert_eq!(recorded.part("//BinData/BIN0003.gif").kind.id, "gif");
        assert_eq!(recorded.part("//BodyText/Section0").kind.id, "document-part");
        assert_eq!(recorded.bytes("//script"), b"var a;\na = 'LAZARET';\n");
        assert_eq!(recorded.part("//script").role, Role::Script);
        assert!(recorded.complete(), "{:?}", recorded.parts);
    }

    #[test]
    fn what_is_cut_or_encrypted_is_not_whole() {
        let packed = deflated(b"LAZARET-MARKER, LAZARET-MARKER and nothing else");
        assert!(!document(1, &[("/BinData/BIN0001.bin", &packed[..packed.len() - 4])]).complete());
        let script = texts(&["var a;"]);
        assert!(!document(0, &[("/Scripts/DefaultJScript", &script[..script.len() - 8])]).complete());
        assert!(document(2, &[]).parts[0].locked);
        assert!(!document(4, &[]).complete());
    }
}
