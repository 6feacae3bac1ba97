//! How text is encoded, and what it says: identification, openers and the walk all read it alike.

use std::borrow::Cow;

/// How text is encoded.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Encoding {
    Utf8,
    Utf16Little,
    Utf16Big,
    Utf32Little,
    Utf32Big,
    EightBit,
}

/// How bytes are encoded if they are text, by their first bytes; `None` for binary data.
pub(crate) fn of(head: &[u8]) -> Option<Encoding> {
    match head {
        [0xef, 0xbb, 0xbf, ..] => return Some(Encoding::Utf8),
        [0xff, 0xfe, 0, 0, ..] | [0, 0, 0xfe, 0xff, ..] => return four_bytes(head.get(4..).unwrap_or_default()),
        [0xff, 0xfe] | [0xfe, 0xff] => {}
        [0xff, 0xfe, rest @ ..] if plausible_wide(rest, u16::from_le_bytes) => return Some(Encoding::Utf16Little),
        [0xfe, 0xff, rest @ ..] if plausible_wide(rest, u16::from_be_bytes) => return Some(Encoding::Utf16Big),
        _ => {}
    }
    // Enough to tell, and cheap for large files; the rest is looked at by whoever decodes.
    let sample = head.get(..16 << 10).unwrap_or(head);
    if memchr::memchr(0, sample).is_some() {
        return wide_without_mark(sample).or_else(|| four_bytes(sample));
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
    let western = control * 200 <= sample.len() && high * 5 <= sample.len() * 2 && letters * 2 >= sample.len();
    (long || western || control == 0 && sample.len() < 256 && short(sample)).then_some(Encoding::EightBit)
}

/// Whether a few bytes are words of another alphabet in one of the encodings that were usual before UTF-8 (WHATWG Encoding, 4.2).
fn short(sample: &[u8]) -> bool {
    let pairs = [encoding_rs::SHIFT_JIS, encoding_rs::EUC_JP, encoding_rs::EUC_KR, encoding_rs::GBK, encoding_rs::BIG5];
    let single = [
        encoding_rs::WINDOWS_1251,
        encoding_rs::KOI8_R,
        encoding_rs::IBM866,
        encoding_rs::WINDOWS_1253,
        encoding_rs::WINDOWS_1255,
        encoding_rs::WINDOWS_1256,
        encoding_rs::WINDOWS_874,
        encoding_rs::WINDOWS_1250,
        encoding_rs::WINDOWS_1254,
    ];
    pairs.into_iter().chain(single).any(|encoding| {
        encoding.decode_without_bom_handling_and_without_replacement(sample).is_some_and(|text| is_words(&text))
    })
}

/// Whether a text is made of words as people write them: of one alphabet each, with capitals where they belong.
fn is_words(text: &str) -> bool {
    let mut words = text.split(|c: char| !c.is_alphanumeric()).filter(|word| !word.is_empty()).peekable();
    let marks = text.chars().filter(|c| !c.is_alphanumeric() && !c.is_whitespace()).count();
    let sound = |word: &str| {
        let foreign = word.chars().filter(|c| !c.is_ascii()).count();
        let all = word.chars().count();
        // Latin letters stand beside each other only; accents make no alphabet.
        let mixed =
            word.chars().any(|c| c.is_ascii_alphabetic()) && word.chars().any(|c| !c.is_ascii() && (c as u32) > 0x24f);
        let late = word.chars().skip(1).any(char::is_uppercase);
        let shouted = word.chars().all(|c| !c.is_lowercase());
        !mixed && (!late || shouted) && (foreign == 0 || foreign == all || (word.chars().all(|c| (c as u32) <= 0x24f)))
    };
    let varied = text.chars().any(|c| !text.starts_with(c));
    varied && words.peek().is_some() && words.all(sound) && marks * 4 <= text.chars().count()
}

/// UTF-32: every unit is a character, and most of them are letters of some alphabet.
fn four_bytes(units: &[u8]) -> Option<Encoding> {
    // LIMIT: a proportion.
    let units = units.as_chunks::<4>().0.get(..256).unwrap_or(units.as_chunks::<4>().0);
    let text = |unit: fn([u8; 4]) -> u32| {
        let letter = |c: char| c.is_alphanumeric() || c.is_whitespace() || c.is_ascii_punctuation();
        let letters = units.iter().filter(|four| char::from_u32(unit(**four)).is_some_and(letter)).count();
        let all = units.iter().all(|four| char::from_u32(unit(*four)).is_some_and(|c| c != '\0'));
        all && letters * 10 >= units.len() * 8
    };
    match () {
        () if units.len() < 2 => None,
        () if text(u32::from_le_bytes) => Some(Encoding::Utf32Little),
        () if text(u32::from_be_bytes) => Some(Encoding::Utf32Big),
        () => None,
    }
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
    decode_as(bytes, of(bytes).unwrap_or(Encoding::Utf8))
}

pub(crate) fn decode_as(bytes: &[u8], encoding: Encoding) -> Cow<'_, str> {
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
        Encoding::Utf32Little => characters(bytes, u32::from_le_bytes).into(),
        Encoding::Utf32Big => characters(bytes, u32::from_be_bytes).into(),
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

fn characters(bytes: &[u8], unit: fn([u8; 4]) -> u32) -> String {
    let units = bytes.as_chunks::<4>().0.iter();
    let characters = units.map(|four| char::from_u32(unit(*four)).unwrap_or(char::REPLACEMENT_CHARACTER));
    characters.filter(|c| *c != '\u{feff}').collect()
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

#[cfg(test)]
mod tests {
    use super::{Encoding, decode, of};

    #[test]
    fn a_few_words_of_any_alphabet_are_text() {
        for (bytes, name) in [
            (&b"\x83\x65\x83\x58\x83\x67"[..], "Shift_JIS"),
            (b"\xcf\xf0\xe8\xe2\xe5\xf2, \xec\xe8\xf0", "windows-1251"),
            (b"\xf0\xd2\xc9\xd7\xc5\xd4", "KOI8-R"),
            (b"\xc7\xd1\xb1\xdb", "EUC-KR"),
            (b"\xd6\xd0\xce\xc4", "GBK"),
            (b"\xc3\xe5\xe9\xdc", "windows-1253"),
        ] {
            assert_eq!(of(bytes), Some(Encoding::EightBit), "{name}");
        }
        for odd in [&b"\x80a\x9fb\xffc\x80"[..], b"\xe8\x01\x02\x03", b"\xff\xff\xff\xff"] {
            assert_eq!(of(odd), None, "{odd:x?}");
        }
    }

    #[test]
    fn units_of_four_bytes_are_characters() {
        let text = "Lazaret: Grüße aus dem Hafen";
        let little: Vec<u8> = text.chars().flat_map(|c| u32::from(c).to_le_bytes()).collect();
        let big: Vec<u8> = text.chars().flat_map(|c| u32::from(c).to_be_bytes()).collect();
        assert_eq!((of(&little), of(&big)), (Some(Encoding::Utf32Little), Some(Encoding::Utf32Big)));
        let marked = [&[0xff, 0xfe, 0, 0][..], &little].concat();
        assert_eq!(of(&marked), Some(Encoding::Utf32Little));
        assert_eq!((&*decode(&little), &*decode(&marked)), (text, text));
        // Numbers of four bytes are no text.
        let numbers: Vec<u8> = (0..64_u32).flat_map(|n| (n * 3).to_le_bytes()).collect();
        assert_eq!(of(&numbers), None);
    }
}
