//! Programs whose signature does not show: packed as one stream, in Base64, in digits, backwards, or in two of these.
//!
//! Data holds streams, and texts hold Base64, by the thousand: only what begins as a program counts, and of what is written as text
//! only what is longer than an example.

use super::MOST_HIDDEN;
use super::hidden::{OVERLAP, WINDOW, carries, may_run, runs};
use crate::containers::{Codec, decoder};
use crate::marks::Marks;
use crate::{Budget, Content};
use aho_corasick::Match;
use std::io::{self, Read};
use std::sync::LazyLock;

/// Bytes of what is packed that are read to see how it begins: a block of bzip2.
const MOST_READ: u64 = 1 << 20;
/// Bytes that are unpacked of a program.
const MOST_UNPACKED: usize = 2 << 20;
/// Bytes from which a program in a text is more than an example of how programs begin.
const LEAST: usize = 512;
/// Bytes in which the header of a program of DOS stands.
const DOS_HEADER: usize = 64;

/// How something may be written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Form {
    Packed(Codec),
    Base64,
    Digits,
    /// Digits with something between each two, as in dumps and the literals of programs.
    Spaced,
    /// Numbers below 256.
    Decimal,
    /// Base64 of Base64.
    Twice,
    /// Base64 and digits whose last letter comes first: this is how they end.
    Base64Back,
    DigitsBack,
    /// A stream in Base64.
    PackedBase64(Codec),
}

impl Form {
    /// Whether it is a text.
    fn is_text(self) -> bool {
        !matches!(self, Self::Packed(_))
    }
}

/// How streams begin.
#[rustfmt::skip]
const STREAMS: [(&[u8], Form); 9] = [
    // RFC 1950, 2.2: the usual window, and a check of the header for each level.
    (b"\x78\x01", Form::Packed(Codec::Zlib)),
    (b"\x78\x5e", Form::Packed(Codec::Zlib)),
    (b"\x78\x9c", Form::Packed(Codec::Zlib)),
    (b"\x78\xda", Form::Packed(Codec::Zlib)),
    (b"1AY&SY", Form::Packed(Codec::Bzip2)),
    (b"\x28\xb5\x2f\xfd", Form::Packed(Codec::Zstd)),
    (b"\x04\x22\x4d\x18", Form::Packed(Codec::Lz4)),
    (b"\xfd7zXZ\0", Form::Packed(Codec::Xz)),
    // gzip (RFC 1952), behind whose header DEFLATE stands.
    (b"\x1f\x8b\x08", Form::Packed(Codec::Deflate)),
];

/// How each form of text begins, or ends.
#[rustfmt::skip]
const TEXTS: [(&[u8], Form); 46] = [
    // `MZ` and any third byte.
    (b"TVo", Form::Base64), (b"TVp", Form::Base64), (b"TVq", Form::Base64), (b"TVr", Form::Base64),
    (b"oVT", Form::Base64Back), (b"pVT", Form::Base64Back), (b"qVT", Form::Base64Back), (b"rVT", Form::Base64Back),
    (b"VFZv", Form::Twice), (b"VFZw", Form::Twice), (b"VFZx", Form::Twice), (b"VFZy", Form::Twice),
    (b"4d5a", Form::Digits), (b"4D5A", Form::Digits), (b"a5d4", Form::DigitsBack), (b"A5D4", Form::DigitsBack),
    (b"4d 5a", Form::Spaced), (b"4D 5A", Form::Spaced), (b"4d-5a", Form::Spaced), (b"4D-5A", Form::Spaced),
    (b"4d:5a", Form::Spaced), (b"4D:5A", Form::Spaced), (b"4d,5a", Form::Spaced), (b"4D,5A", Form::Spaced),
    (b"4d,0x5a", Form::Spaced), (b"4D,0x5A", Form::Spaced), (b"4d, 0x5a", Form::Spaced), (b"4D, 0x5A", Form::Spaced),
    (b"4d\\x5a", Form::Spaced), (b"4D\\x5A", Form::Spaced), (b"4d 0x5a", Form::Spaced), (b"4D 0x5A", Form::Spaced),
    (b"4D,&H5A", Form::Spaced), (b"4D, &H5A", Form::Spaced), (b"4D,$5A", Form::Spaced), (b"4D, $5A", Form::Spaced),
    (b"77,90,", Form::Decimal), (b"77, 90,", Form::Decimal), (b"77 90 ", Form::Decimal),
    // gzip and zlib.
    (b"H4sI", Form::PackedBase64(Codec::Deflate)),
    (b"eJw", Form::PackedBase64(Codec::Zlib)), (b"eJx", Form::PackedBase64(Codec::Zlib)), (b"eJy", Form::PackedBase64(Codec::Zlib)),
    (b"eJz", Form::PackedBase64(Codec::Zlib)), (b"eNp", Form::PackedBase64(Codec::Zlib)), (b"eNq", Form::PackedBase64(Codec::Zlib)),
];

static OF_STREAMS: LazyLock<Marks> = LazyLock::new(|| Marks::new(STREAMS.map(|(mark, _)| mark)));
static OF_TEXTS: LazyLock<Marks> = LazyLock::new(|| Marks::new(TEXTS.map(|(mark, _)| mark)));

/// Marks of what is wanted, in order.
fn marks(bytes: &[u8], wanted: Wanted) -> impl Iterator<Item = (Match, Form)> {
    let of = |list: &'static [(&[u8], Form)], marks: &'static Marks| {
        marks.find(bytes).filter_map(|hit| Some((hit, list.get(hit.pattern().as_usize())?.1)))
    };
    let mut streams = wanted.streams.then(|| of(&STREAMS, &OF_STREAMS)).into_iter().flatten().peekable();
    let mut texts = wanted.texts.then(|| of(&TEXTS, &OF_TEXTS)).into_iter().flatten().peekable();
    std::iter::from_fn(move || match (streams.peek(), texts.peek()) {
        (Some((stream, _)), Some((text, _))) if text.start() < stream.start() => texts.next(),
        (Some(_), _) => streams.next(),
        (None, _) => texts.next(),
    })
}

/// What is looked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Wanted {
    /// Programs that are packed.
    pub(super) streams: bool,
    /// Archives that are packed, as well.
    pub(super) archives: bool,
    /// Programs in Base64 and hexadecimal digits.
    pub(super) texts: bool,
}

/// Where such programs begin, and their bytes; and whether there were more.
///
/// Where the budget is exhausted, only what was found before.
pub(super) fn disguised(
    content: &Content,
    wanted: Wanted,
    budget: &mut Budget,
) -> io::Result<(Vec<(u64, Content)>, bool)> {
    let mut found = Vec::new();
    let mut at = 0;
    while at < content.len() {
        let window = content.window(at, WINDOW + OVERLAP)?;
        if budget.step(window.len() as u64).is_err() {
            return Ok((found, false));
        }
        for (hit, form) in marks(&window, wanted) {
            // What lies in the overlap is met again in the next window.
            if hit.start() >= WINDOW {
                break;
            }
            let from = window.get(hit.start()..).unwrap_or_default();
            let start = at + hit.start() as u64;
            let bytes = match form {
                Form::Packed(codec) => {
                    let Some((start, cost)) = stream(codec, &window, hit.start(), at) else { continue };
                    if budget.step(cost).is_err() {
                        return Ok((found, false));
                    }
                    unpacked(codec, content, start, wanted, budget)
                }
                Form::PackedBase64(codec) => {
                    if budget.step(8 << 10).is_err() {
                        return Ok((found, false));
                    }
                    let head = Content::from(written(Form::Base64, from, OVERLAP));
                    let streams = Wanted { archives: false, ..wanted };
                    if unpacked(codec, &head, 0, streams, budget).is_empty() {
                        continue;
                    }
                    // LIMIT: a program that is cut is a program.
                    let whole = written(Form::Base64, &content.window(start, 2 * MOST_UNPACKED)?, MOST_UNPACKED);
                    unpacked(codec, &Content::from(whole), 0, streams, budget)
                }
                Form::Base64Back | Form::DigitsBack => {
                    if budget.step(128).is_err() {
                        return Ok((found, false));
                    }
                    let end = hit.end();
                    let before = window.get(end.saturating_sub(2 * OVERLAP)..end).unwrap_or_default();
                    if !is_program_in_text(form, before) {
                        continue;
                    }
                    // LIMIT: a program that is cut is a program.
                    let end = at + end as u64;
                    let from = end.saturating_sub(2 * MOST_UNPACKED as u64);
                    let length = usize::try_from(end - from).unwrap_or(0);
                    written(form, &content.window(from, length)?, MOST_UNPACKED)
                }
                _ => {
                    if budget.step(128).is_err() {
                        return Ok((found, false));
                    }
                    if !is_program_in_text(form, from) {
                        continue;
                    }
                    // LIMIT: a program that is cut is a program.
                    written(form, &content.window(start, 2 * MOST_UNPACKED)?, MOST_UNPACKED)
                }
            };
            // LIMIT: what is shorter is an example, as prose has it.
            if bytes.is_empty() || form.is_text() && bytes.len() < LEAST {
                continue;
            }
            // LIMIT: `hung_on` hands on that there was more, and the walk says so.
            if found.len() >= MOST_HIDDEN {
                return Ok((found, true));
            }
            // An exhausted budget shows at the next step.
            let _ = budget.charge_output(bytes.len() as u64);
            found.push((start, Content::from(bytes)));
        }
        at += WINDOW as u64;
    }
    Ok((found, false))
}

/// Where a stream begins of which this is a mark, and the steps that it takes to make a decoder for it.
fn stream(codec: Codec, window: &[u8], hit: usize, at: u64) -> Option<(u64, u64)> {
    let after = |by: usize| window.get(hit + by).copied();
    match codec {
        // RFC 1951, 3.2.3: no block is of type 3.
        Codec::Zlib => after(2).filter(|first| first & 6 != 6).map(|_| (at + hit as u64, 4 << 10)),
        // The mark of a block stands behind `BZh` and a digit.
        Codec::Bzip2 => {
            let start = hit.checked_sub(4)?;
            let head = window.get(start..hit)?;
            (head.starts_with(b"BZh") && matches!(head.last(), Some(b'1'..=b'9')))
                .then_some((at + start as u64, 32 << 10))
        }
        // RFC 1952, 2.3.1: flags that exist.
        Codec::Deflate => after(3).filter(|flags| flags & 0xe0 == 0).map(|_| (at + hit as u64, 16 << 10)),
        _ => Some((at + hit as u64, 16 << 10)),
    }
}

/// The beginning of what a stream holds, if that is wanted; else nothing.
fn unpacked(codec: Codec, content: &Content, start: u64, wanted: Wanted, budget: &Budget) -> Vec<u8> {
    // LIMIT: a stream that shows nothing within so many bytes is given up; what begins as a program needs a block of them.
    let packed = || content.slice(start, MOST_READ).reader();
    let read = |reader: &mut dyn Read, most: usize| {
        let mut out = Vec::new();
        // What is damaged further on begins all the same.
        let _ = reader.take(most as u64).read_to_end(&mut out);
        out
    };
    let counts = |out: &[u8]| runs(out) || wanted.archives && carries(out);
    let all = |most: usize| match codec {
        Codec::Deflate => read(&mut flate2::bufread::GzDecoder::new(packed()), most),
        codec => decoder(codec, Box::new(packed()), None, budget)
            .map_or_else(|_| Vec::new(), |mut data| read(&mut data, most)),
    };
    // Most streams tell in their first bytes that they are none.
    if !wanted.archives && !may_run(&all(DOS_HEADER)) {
        return Vec::new();
    }
    // LIMIT: headers stand in the first bytes.
    if counts(&all(OVERLAP)) { all(MOST_UNPACKED) } else { Vec::new() }
}

/// Whether a program of Windows begins here, written in letters.
fn is_program_in_text(form: Form, text: &[u8]) -> bool {
    let head = written(form, text, DOS_HEADER);
    let place = head.get(0x3c..0x40).and_then(|place| place.try_into().ok()).map(u32::from_le_bytes);
    let Some(place) = place.and_then(|place| usize::try_from(place).ok()).filter(|place| *place <= 4096) else {
        return false;
    };
    runs(&written(form, text, place + 8))
}

/// Up to so many bytes that stand in a text, from its beginning, or from its end on where it is written backwards.
fn written(form: Form, text: &[u8], most: usize) -> Vec<u8> {
    // Line ends and escapes between them included.
    let turned = || text.iter().rev().take(most.saturating_mul(4).saturating_add(64)).copied().collect::<Vec<u8>>();
    match form {
        Form::Spaced => numbers(text, most, 16),
        Form::Decimal => numbers(text, most, 10),
        // LIMIT: four letters are three bytes, of whichever code.
        Form::Twice => letters(Form::Base64, &letters(Form::Base64, text, most.saturating_mul(2)), most),
        Form::Base64Back => letters(Form::Base64, &turned(), most),
        Form::DigitsBack => letters(Form::Digits, &turned(), most),
        form => letters(form, text, most),
    }
}

/// Bytes as numbers, with whatever dumps and programs write between and before them.
fn numbers(text: &[u8], most: usize, radix: u32) -> Vec<u8> {
    let mut out = Vec::new();
    let mut rest = text;
    while out.len() < most {
        let apart = |byte: &u8| byte.is_ascii_whitespace() || b"-:,;_\"'+&".contains(byte);
        let skipped = rest.iter().position(|byte| !apart(byte)).unwrap_or(rest.len());
        rest = rest.get(skipped..).unwrap_or_default();
        let mark = match rest {
            [b'0', b'x' | b'X', ..] | [b'\\', b'x' | b'n' | b'r', ..] => 2,
            // Behind `&`, which parts numbers as well.
            [b'H' | b'h' | b'$' | b'\\', ..] => 1,
            _ => 0,
        };
        rest = rest.get(mark..).unwrap_or_default();
        let longest = if radix == 16 { 2 } else { 3 };
        // LIMIT: no byte has more digits.
        let digits = rest.iter().take(longest).take_while(|byte| char::from(**byte).is_digit(radix)).count();
        let number = rest.get(..digits).and_then(|digits| std::str::from_utf8(digits).ok());
        match number.and_then(|number| u8::from_str_radix(number, radix).ok()) {
            Some(byte) => out.push(byte),
            // A line that ends in a mark of its own.
            None if mark > 0 => continue,
            None => break,
        }
        rest = rest.get(digits..).unwrap_or_default();
    }
    out
}

/// Bytes in Base64 or digits, across line ends, also those that are written as escapes.
fn letters(form: Form, text: &[u8], most: usize) -> Vec<u8> {
    let (bits, of): (u32, fn(u8) -> Option<u8>) = match form {
        Form::Digits => (4, digit),
        _ => (6, letter),
    };
    let mut out = Vec::new();
    let (mut held, mut filled) = (0_u32, 0_u32);
    let mut bytes = text.iter().copied().peekable();
    while let Some(byte) = bytes.next() {
        if out.len() >= most {
            break;
        }
        if byte.is_ascii_whitespace() {
            continue;
        }
        if byte == b'\\' && matches!(bytes.peek(), Some(b'n' | b'r')) {
            bytes.next();
            continue;
        }
        let Some(value) = of(byte) else { break };
        held = held << bits | u32::from(value);
        filled += bits;
        if filled >= 8 {
            filled -= 8;
            out.push((held >> filled) as u8);
            held &= (1 << filled) - 1;
        }
    }
    out
}

/// RFC 4648, 4.
fn letter(byte: u8) -> Option<u8> {
    Some(match byte {
        b'A'..=b'Z' => byte - b'A',
        b'a'..=b'z' => byte - b'a' + 26,
        b'0'..=b'9' => byte - b'0' + 52,
        b'+' => 62,
        b'/' => 63,
        _ => return None,
    })
}

fn digit(byte: u8) -> Option<u8> {
    char::from(byte).to_digit(16).and_then(|digit| u8::try_from(digit).ok())
}

#[cfg(test)]
mod tests {
    use super::{OF_STREAMS, OF_TEXTS, STREAMS, TEXTS, Wanted, marks};
    use crate::testing::{build, walk};
    use std::io::Write as _;

    fn program() -> Vec<u8> {
        let mut program = build::pe(true, 0x0022, 2, &[]);
        program.resize(program.len().max(2048), 0);
        program
    }

    fn zlib(bytes: &[u8]) -> Vec<u8> {
        let mut encoder = flate2::write::ZlibEncoder::new(Vec::new(), flate2::Compression::default());
        encoder.write_all(bytes).unwrap();
        encoder.finish().unwrap()
    }

    fn gzip(bytes: &[u8]) -> Vec<u8> {
        let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::default());
        encoder.write_all(bytes).unwrap();
        encoder.finish().unwrap()
    }

    fn bzip2(bytes: &[u8]) -> Vec<u8> {
        let mut encoder = bzip2::write::BzEncoder::new(Vec::new(), bzip2::Compression::fast());
        encoder.write_all(bytes).unwrap();
        encoder.finish().unwrap()
    }

    /// Measurements (`numpy`, `hdf5` and the like hold bytes as they are), told by their mark.
    fn data(inner: &[u8]) -> Vec<u8> {
        [&b"GGUF\x03\0\0\0\0\0\0\0\0\0\0\0"[..], &[0x81; 64], inner, &[0x9b; 64]].concat()
    }

    fn runs(bytes: Vec<u8>, name: &str) -> bool {
        let found = walk(bytes, name);
        found.parts.iter().any(|part| part.kind.id.starts_with("pe"))
    }

    #[test]
    fn marks_of_both_sorts_are_met_in_order_and_only_where_they_are_wanted() {
        assert!(OF_STREAMS.work() && OF_TEXTS.work());
        let both: Vec<_> = STREAMS.iter().zip(&TEXTS).flat_map(|(stream, text)| [*stream, *text]).collect();
        let mut bytes = Vec::new();
        for (mark, _) in &both {
            bytes.extend_from_slice(mark);
            bytes.extend_from_slice(b"........");
        }
        let met = |streams, texts| {
            let wanted = Wanted { streams, archives: false, texts };
            let met = marks(&bytes, wanted).map(|(hit, form)| (hit.start(), form)).collect::<Vec<_>>();
            assert!(met.is_sorted_by_key(|(start, _)| *start));
            met.into_iter().map(|(_, form)| form).collect::<Vec<_>>()
        };
        let forms = |text: Option<bool>| {
            let forms = both.iter().map(|(_, form)| *form);
            forms.filter(|form| text.is_none_or(|text| form.is_text() == text)).collect::<Vec<_>>()
        };
        assert_eq!(met(true, true), forms(None));
        assert_eq!(met(true, false), forms(Some(false)));
        assert_eq!(met(false, true), forms(Some(true)));
    }

    #[test]
    fn a_program_that_is_packed_in_data_is_a_part() {
        let program = program();
        for (packed, how) in [(zlib(&program), "zlib"), (gzip(&program), "gzip"), (bzip2(&program), "bzip2")] {
            assert!(runs(data(&packed), "a.gguf"), "{how}");
        }
    }

    #[test]
    fn what_is_packed_in_data_and_no_program_is_none() {
        let text = b"Depths in metres below the keel, taken every minute. ".repeat(40);
        for packed in [zlib(&text), gzip(&text), bzip2(&text)] {
            let found = walk(data(&packed), "a.gguf");
            assert!(found.complete() && found.parts.len() == 1, "{:?}", found.parts);
        }
        // More streams than are handed over of what is hidden.
        let tiles = gzip(&text).repeat(200);
        let found = walk(data(&tiles), "a.gguf");
        assert!(found.complete() && found.parts.len() == 1, "{:?}", found.parts);
    }

    #[test]
    fn a_program_in_letters_of_a_text_is_a_part() {
        let letters = data_encoding::BASE64.encode(&program());
        let digits = data_encoding::HEXLOWER.encode(&program());
        let folded: Vec<_> = letters.as_bytes().chunks(76).map(String::from_utf8_lossy).collect();
        for (text, name) in [
            (format!("{{\"name\":\"a\",\"data\":\"{letters}\"}}\n"), "a.json"),
            (format!("{{\"data\":\"{}\"}}\n", folded.join("\\n")), "a.json"),
            (format!("name,data\nfirst,{letters}\nsecond,x\n"), "a.csv"),
            (format!("# Notes\n\nSome words.\n\n```\n{}\n```\n", folded.join("\n")), "a.md"),
            (format!("CREATE TABLE t (b BLOB);\nINSERT INTO t VALUES (x'{digits}');\n"), "a.sql"),
        ] {
            assert!(runs(text.into_bytes(), name), "{name}");
        }
    }

    #[test]
    fn a_program_that_is_written_backwards_in_pieces_or_twice_is_a_part() {
        let bytes = program();
        let letters = data_encoding::BASE64.encode(&bytes);
        let each =
            |form: &dyn Fn(&u8) -> String, between: &str| bytes.iter().map(form).collect::<Vec<_>>().join(between);
        let turned = |text: &str| text.chars().rev().collect::<String>();
        let upper = |byte: &u8| format!("{byte:02X}");
        let lower = |byte: &u8| format!("{byte:02x}");
        for (text, name) in [
            (format!("{{\"data\":\"{}\"}}\n", turned(&letters)), "a.json"),
            (format!("data = {}\n", turned(&data_encoding::HEXLOWER.encode(&bytes))), "a.txt"),
            (format!("$b = \"{}\"\n", each(&upper, "-")), "a.txt"),
            (format!("{}\n", each(&lower, " ")), "a.txt"),
            (format!("char a[] = {{ {} }};\n", each(&|byte| format!("0x{byte:02x}"), ", ")), "a.txt"),
            (format!("b'{}'\n", each(&|byte| format!("\\x{byte:02x}"), "")), "a.txt"),
            (format!("a = Array({})\n", each(&|byte| format!("&H{byte:02X}"), ",")), "a.txt"),
            (format!("[{}]\n", each(&u8::to_string, ",")), "a.json"),
            (format!("{}\n", data_encoding::BASE64.encode(letters.as_bytes())), "a.txt"),
            (format!("{{\"a\":\"{}\"}}\n", data_encoding::BASE64.encode(&gzip(&bytes))), "a.json"),
            (format!("{{\"a\":\"{}\"}}\n", data_encoding::BASE64.encode(&zlib(&bytes))), "a.json"),
        ] {
            assert!(runs(text.clone().into_bytes(), name), "{}", text.chars().take(80).collect::<String>());
        }
    }

    #[test]
    fn numbers_and_streams_that_are_no_program_are_none() {
        let text = b"Depths in metres below the keel, taken every minute. ".repeat(40);
        let numbers = (0..4000_u32).map(|n| (n * 7 % 256).to_string()).collect::<Vec<_>>().join(",");
        for (text, name) in [
            (format!("{{\"a\":\"{}\"}}\n", data_encoding::BASE64.encode(&gzip(&text))), "a.json"),
            (format!("{{\"a\":\"{}\"}}\n", data_encoding::BASE64.encode(&zlib(&text))), "a.json"),
            (format!("[77,90,{numbers}]\n"), "a.json"),
            (format!("4D 5A is how they begin; 77, 90, 144 in numbers. {}\n", "qVT a5d4 ".repeat(100)), "a.txt"),
        ] {
            let found = walk(text.as_bytes(), name);
            assert!(found.complete() && !found.parts.iter().any(|part| part.kind.class.runs()), "{:?}", found.parts);
        }
    }

    #[test]
    fn an_example_of_how_programs_begin_is_no_program() {
        let letters = data_encoding::BASE64.encode(&program());
        for text in [
            format!("Programs in Base64 begin with `{}`.\n", &letters[..300]),
            "TVqQAAMAAAAEAAAA is how they begin, TVpQ and TVoA as well; 4d5a in digits.\n".repeat(40),
        ] {
            let found = walk(text.as_bytes(), "notes.txt");
            assert!(found.complete() && found.parts.len() == 1, "{:?}", found.parts);
        }
    }
}
