//! Names without the mark of UTF-8: written in whatever code page the packer's system had (APPNOTE, appendix D, asks for CP437).

use super::{Entry, Listed};
use chardetng::EncodingDetector;
use encoding_rs::Encoding;

/// Reads names as the people see them who packed the archive, where all of them together tell the code page.
pub(super) fn read(members: &mut [Listed]) {
    let Some(encoding) = guess(members) else { return };
    for listed in members {
        for entry in std::iter::once(&mut listed.entry).chain(&mut listed.other) {
            if !is_foreign(entry) {
                continue;
            }
            if let Some(name) = encoding.decode_without_bom_handling_and_without_replacement(&entry.raw_name) {
                entry.name = name.into_owned();
            }
        }
    }
}

fn is_foreign(entry: &Entry) -> bool {
    std::str::from_utf8(&entry.raw_name).is_err()
}

/// The encoding of all such names, unless it is one of western Europe: those are read as the format says.
fn guess(members: &[Listed]) -> Option<&'static Encoding> {
    let mut detector = EncodingDetector::new();
    let mut letters = 0;
    for listed in members.iter().filter(|listed| is_foreign(&listed.entry)) {
        detector.feed(&listed.entry.raw_name, false);
        detector.feed(b"\n", false);
        letters += listed.entry.raw_name.iter().filter(|byte| **byte >= 0x80).count();
    }
    // A letter or two say nothing.
    if letters < 4 {
        return None;
    }
    detector.feed(b"", true);
    let guess = detector.guess(None, false);
    let western =
        ["windows-1252", "windows-1250", "windows-1254", "windows-1257", "windows-1258", "ISO-8859-2", "ISO-8859-4"];
    (!western.contains(&guess.name())).then_some(guess)
}
