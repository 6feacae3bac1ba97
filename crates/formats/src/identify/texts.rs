//! Text: which encoding, and whether it is markup, settings, a script, source code, data or prose.

use super::probe::{Found, Probe};
use super::{magic, markup, scripts, settings};
use crate::containers::{cms, openpgp};
use std::borrow::Cow;

/// Bytes of text that are judged.
const JUDGED: usize = 64 << 10;

/// How text is encoded.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Encoding {
    Utf8,
    Utf16Little,
    Utf16Big,
    EightBit,
}

pub(super) fn look(probe: &Probe<'_>, found: &mut Found) {
    let head = probe.head();
    let Some(encoding) = probe.encoding() else { return };
    // LIMIT: the same bytes as the head that identification is given.
    let text = decode_as(head.get(..JUDGED).unwrap_or(head), encoding);
    // A byte-order mark kept as a character would hide the first word.
    let text = text.trim_start_matches('\u{feff}');
    let id = markup::look(text, found)
        .or_else(|| settings::entry(text))
        .or_else(|| scripts::shebang(text))
        .or_else(|| settings::look(text, probe))
        .or_else(|| if encoding == Encoding::Utf8 { magic::in_text(head) } else { None })
        // Text that is signed in clear is called a message by others.
        .filter(|id| *id != "pgp-message" || !openpgp::is_clear(text));
    if let Some(id) = id {
        found.add(id);
        scripts::dangerous(text, found);
        messages(text, found);
        return;
    }
    scripts::look(text, probe.len(), found);
    if found.is_empty() {
        found.add("text");
    }
    messages(text, found);
}

/// Messages in armor that stand in a text, perhaps behind other lines, which their programs skip. Source code and pages have
/// them as examples.
fn messages(text: &str, found: &mut Found) {
    if openpgp::is_clear(text) {
        found.add("pgp-message");
    }
    if !matches!(found.first(), Some("text" | "markdown" | "csv" | "ini" | "yaml")) || !text.contains("-----BEGIN ") {
        return;
    }
    if openpgp::is_in_text(text) {
        found.add("pgp-message");
    }
    if cms::is_in_text(text) {
        found.add("pkcs7");
    }
}

/// How bytes are encoded if they are text, by their first bytes; `None` for binary data.
pub(super) fn encoding(head: &[u8]) -> Option<Encoding> {
    match head {
        [0xef, 0xbb, 0xbf, ..] => return Some(Encoding::Utf8),
        [0xff, 0xfe, 0, 0, ..] | [0xff, 0xfe] | [0xfe, 0xff] => {}
        [0xff, 0xfe, rest @ ..] if plausible_wide(rest, u16::from_le_bytes) => return Some(Encoding::Utf16Little),
        [0xfe, 0xff, rest @ ..] if plausible_wide(rest, u16::from_be_bytes) => return Some(Encoding::Utf16Big),
        _ => {}
    }
    // Enough to tell, and cheap for large files; the rest is looked at by whoever decodes.
    let sample = head.get(..16 << 10).unwrap_or(head);
    if memchr::memchr(0, sample).is_some() {
        return wide_without_mark(sample);
    }
    let (valid, utf8) = match std::str::from_utf8(sample) {
        Ok(_) => (sample.len(), true),
        // A character cut off at the end is no fault, unless it would be the only one.
        Err(error) => {
            let cut = error.error_len().is_none();
            let others = sample.get(..error.valid_up_to()).is_some_and(|valid| !valid.is_ascii());
            (error.valid_up_to(), cut && (others || sample.len() >= 4096))
        }
    };
    let control = count(sample, is_control);
    if utf8 && valid > 0 {
        return (control * 50 <= sample.len()).then_some(Encoding::Utf8);
    }
    let high = count(sample, |byte| byte >= 0x80);
    let letters = count(sample, |byte| {
        let letter = (byte | 0x20).wrapping_sub(b'a') < 26;
        letter | (byte.wrapping_sub(b'0') < 10) | (byte == b' ') | (byte == b'\n') | (byte == b'\r')
    });
    // Text of any alphabet has next to no control characters; compressed bytes have one in ten.
    let long = sample.len() >= 256 && control == 0 && sample.contains(&b'\n');
    (long || control * 200 <= sample.len() && high * 5 <= sample.len() * 2 && letters * 2 >= sample.len())
        .then_some(Encoding::EightBit)
}

/// How many bytes are of a sort. Sums of one byte each let the processor take many bytes at a time.
fn count(bytes: &[u8], sort: impl Fn(u8) -> bool) -> usize {
    bytes.chunks(255).map(|chunk| usize::from(chunk.iter().map(|b| u8::from(sort(*b))).sum::<u8>())).sum()
}

/// Control characters that text does not hold; backspace, escape, form feed and the old end-of-file mark it may.
/// Without branches, so that many bytes are judged at once.
fn is_control(byte: u8) -> bool {
    (byte < 8) | (byte.wrapping_sub(14) < 12) | (byte.wrapping_sub(28) < 4) | (byte == 0x7f)
}

/// Text as people would read it: UTF-8, or UTF-16 with or without a byte-order mark, else Windows-1252.
pub(crate) fn decode(bytes: &[u8]) -> Cow<'_, str> {
    decode_as(bytes, encoding(bytes).unwrap_or(Encoding::Utf8))
}

fn decode_as(bytes: &[u8], encoding: Encoding) -> Cow<'_, str> {
    let even = bytes.len() & !1;
    match encoding {
        Encoding::Utf16Little => {
            let (text, _) = encoding_rs::UTF_16LE.decode_with_bom_removal(bytes.get(..even).unwrap_or(bytes));
            text
        }
        Encoding::Utf16Big => {
            let (text, _) = encoding_rs::UTF_16BE.decode_with_bom_removal(bytes.get(..even).unwrap_or(bytes));
            text
        }
        Encoding::EightBit => encoding_rs::WINDOWS_1252.decode_without_bom_handling(bytes).0,
        Encoding::Utf8 => {
            let bytes = bytes.strip_prefix(b"\xef\xbb\xbf").unwrap_or(bytes);
            match std::str::from_utf8(bytes) {
                Ok(text) => Cow::Borrowed(text),
                Err(error) if error.error_len().is_none() => {
                    // Only the last character is cut off.
                    let valid = bytes.get(..error.valid_up_to()).unwrap_or_default();
                    String::from_utf8_lossy(valid)
                }
                Err(_) => encoding_rs::WINDOWS_1252.decode_without_bom_handling(bytes).0,
            }
        }
    }
}

/// Whether two-byte units look like text: mostly ASCII, or few kinds of control characters.
fn plausible_wide(bytes: &[u8], unit: fn([u8; 2]) -> u16) -> bool {
    // LIMIT: a proportion.
    let units = || bytes.as_chunks::<2>().0.iter().take(512).map(|pair| unit(*pair));
    let all = units().count();
    let odd = units().filter(|u| matches!(u, 0..=8 | 14..=31 | 0x80..=0x9f | 0xfffe | 0xffff)).count();
    let ascii = units().filter(|u| matches!(u, 9 | 10 | 13 | 32..=126)).count();
    all > 0 && odd * 50 <= all && (ascii * 5 >= all || all > 8)
}

/// UTF-16 without a mark: every second byte is zero and the others are ASCII text.
fn wide_without_mark(sample: &[u8]) -> Option<Encoding> {
    let mut little = 0usize;
    let mut big = 0usize;
    // LIMIT: a proportion.
    let pairs = sample.chunks_exact(2).take(2048);
    let all = pairs.len();
    for pair in pairs {
        match pair {
            [9 | 10 | 13 | 32..=126, 0] => little += 1,
            [0, 9 | 10 | 13 | 32..=126] => big += 1,
            [0, 0] => return None,
            _ => {}
        }
    }
    if all >= 4 && little * 10 >= all * 8 {
        Some(Encoding::Utf16Little)
    } else if all >= 4 && big * 10 >= all * 8 {
        Some(Encoding::Utf16Big)
    } else {
        None
    }
}
