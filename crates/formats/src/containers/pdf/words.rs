//! What the pages of a document say (9.4), where that is short and names a command: whoever reads it may be talked into running it.
//!
//! Codes of characters are letters, unless the font says which letters they are (9.10.3). Fonts are known by the names that pages
//! have for them.

use super::objects::Value;
use super::{Document, Source};
use crate::containers::decode;
use crate::{Content, Member, OpenError, Parts};
use lazaret_model::Role;
use std::collections::{BTreeMap, HashMap, HashSet};

/// Bytes of text that are kept.
const MOST_TEXT: usize = 256 << 10;
/// Fonts, codes of one of them, and letters of a code that are kept.
const MOST_FONTS: usize = 4096;
const MOST_CODES: usize = 1 << 16;
const MOST_LETTERS: usize = 16;
/// Operands of an operator.
const MOST_OPERANDS: usize = 6;
/// Thousandths of a letter's size by which the next one is moved where there is a blank between them (9.4.3).
const BLANK: f64 = -180.0;
/// Pieces of commands, without one of which nothing is handed over.
const COMMANDS: &[&str] = &[
    "mshta",
    "powershell",
    "pwsh",
    "msiexec",
    "rundll32",
    "regsvr32",
    "certutil",
    "bitsadmin",
    "conhost",
    "osascript",
    "base64",
    "curl",
    "wget",
    "iwr",
    "irm",
    "iex",
    "finger",
    "nslookup",
    "net use",
    "forfiles",
    "pcalua",
    "\\\\",
];

/// The letters of a font's codes.
type Letters = HashMap<u32, String>;

/// What pages say.
pub(super) struct Said {
    fonts: BTreeMap<String, Letters>,
    text: String,
}

impl<'d> Document<'d> {
    /// Nothing said yet, in the fonts of the document.
    pub(super) fn nothing_said(&self, parts: &mut Parts<'_, '_>) -> Result<Said, OpenError> {
        let mut fonts: BTreeMap<String, Letters> = BTreeMap::new();
        let mut seen = HashSet::new();
        for object in self.index.objects {
            let own = object.value.get("Font");
            let resources = object.value.get("Resources").map(|resources| self.index.direct(resources));
            let lists = own.into_iter().chain(resources.and_then(|resources| resources.get("Font")));
            for list in lists.map(|list| self.index.direct(list)) {
                let Value::Dictionary(entries) = list else { continue };
                if !seen.insert(std::ptr::from_ref(list)) {
                    continue;
                }
                parts.budget().step(entries.len() as u64).map_err(OpenError::Limit)?;
                for (name, font) in entries {
                    if fonts.contains_key(name) {
                        continue;
                    }
                    if fonts.len() >= MOST_FONTS {
                        parts.incomplete(format!(
                            "it has more than {MOST_FONTS} fonts, and the words in others are not read"
                        ));
                        return Ok(Said { fonts, text: String::new() });
                    }
                    let letters = match self.index.direct(font).get("ToUnicode") {
                        Some(map) => self.letters(map, parts)?,
                        None => Letters::new(),
                    };
                    fonts.insert(name.clone(), letters);
                }
            }
        }
        Ok(Said { fonts, text: String::new() })
    }

    fn letters(&self, map: &'d Value, parts: &mut Parts<'_, '_>) -> Result<Letters, OpenError> {
        let mut letters = Letters::new();
        for source in self.sources(map, parts)? {
            let Source::Stream(_) = source else { continue };
            let map = self.read(source, parts)?.bytes;
            parts.budget().step(map.len() as u64).map_err(OpenError::Limit)?;
            gather(&String::from_utf8_lossy(&map), &mut letters);
        }
        Ok(letters)
    }
}

/// Adds what a map says of codes (9.10.3, "ToUnicode CMaps").
fn gather(map: &str, letters: &mut Letters) {
    // LIMIT: fonts have fewer codes than two bytes have.
    let mut left = MOST_CODES;
    for piece in map.split("beginbf").skip(1) {
        let body = piece.split("endbf").next().unwrap_or_default();
        let mut words = body.split(['<', '>', ' ', '\t', '\r', '\n']).flat_map(apart).filter(|word| !word.is_empty());
        let ranges = piece.starts_with("range");
        // The word that says which of the two it is.
        words.next();
        while let Some(first) = words.next().and_then(number) {
            let last = if ranges { words.next().and_then(number).unwrap_or(first) } else { first };
            let Some(word) = words.next() else { break };
            let mut add = |code: u32, to: String| {
                // LIMIT: a code is a letter, or a few that are written as one.
                left = left.saturating_sub(1);
                if left > 0 && to.len() <= MOST_LETTERS {
                    letters.insert(code, to);
                }
                left > 0
            };
            if word == "[" {
                let mut code = first;
                for word in words.by_ref().take_while(|word| *word != "]") {
                    add(code, wide(word));
                    code = code.saturating_add(1);
                }
                continue;
            }
            let to = wide(word);
            let mut code = first;
            let mut end = to.chars().next_back().map_or(0, u32::from);
            while code <= last {
                // Only the last letter counts up.
                let mut own = to.clone();
                own.pop();
                own.extend(char::from_u32(end));
                if !add(code, own) {
                    return;
                }
                (code, end) = (code.saturating_add(1), end.saturating_add(1));
            }
        }
    }
}

/// A word of a map, and the brackets at its ends, each on its own.
fn apart(word: &str) -> impl Iterator<Item = &str> {
    let opens = word.starts_with('[');
    let closes = word.ends_with(']') && word.len() > usize::from(opens);
    let inner = word.trim_start_matches('[').trim_end_matches(']');
    opens.then_some("[").into_iter().chain([inner]).chain(closes.then_some("]"))
}

fn number(digits: &str) -> Option<u32> {
    u32::from_str_radix(digits, 16).ok()
}

/// Letters in UTF-16, most significant byte first, as digits.
fn wide(digits: &str) -> String {
    let bytes = decode::hex(digits.as_bytes());
    let units: Vec<u16> =
        bytes.chunks_exact(2).map(|pair| pair.iter().fold(0_u16, |unit, byte| unit << 8 | u16::from(*byte))).collect();
    String::from_utf16_lossy(&units)
}

impl Said {
    /// Adds what a content stream says.
    pub(super) fn add(&mut self, content: &[u8]) {
        let Self { fonts, text } = self;
        let (mut name, mut font, mut line) = (String::new(), None, None);
        let mut numbers: Vec<f64> = Vec::new();
        let mut array = false;
        let mut rest = content;
        while let Some((&first, after)) = rest.split_first() {
            // LIMIT: what says more is a book, and is not handed over.
            if text.len() > MOST_TEXT {
                return;
            }
            rest = match first {
                b'(' => {
                    let (bytes, behind) = literal(after);
                    show(&bytes, font, text);
                    behind
                }
                b'<' if after.first() == Some(&b'<') => after.get(1..).unwrap_or_default(),
                b'<' => {
                    let end = memchr::memchr(b'>', after).unwrap_or(after.len());
                    show(&decode::hex(after.get(..end).unwrap_or_default()), font, text);
                    after.get(end + 1..).unwrap_or_default()
                }
                b'[' | b']' => {
                    array = first == b'[';
                    after
                }
                b'/' => {
                    let length = after.iter().take_while(|byte| is_of_word(**byte)).count();
                    name = String::from_utf8_lossy(after.get(..length).unwrap_or_default()).into_owned();
                    after.get(length..).unwrap_or_default()
                }
                byte if is_of_word(byte) => {
                    let length = rest.iter().take_while(|byte| is_of_word(**byte)).count();
                    let word = rest.get(..length).unwrap_or_default();
                    let behind = rest.get(length..).unwrap_or_default();
                    if let Some(number) = std::str::from_utf8(word).ok().and_then(|word| word.parse::<f64>().ok()) {
                        if array && number < BLANK {
                            text.push(' ');
                        } else if !array {
                            // LIMIT: no operator takes more.
                            if numbers.len() >= MOST_OPERANDS {
                                numbers.remove(0);
                            }
                            numbers.push(number);
                        }
                        rest = behind;
                        continue;
                    }
                    match word {
                        b"Tf" => font = fonts.get(&name).filter(|letters| !letters.is_empty()),
                        b"Td" | b"TD" if numbers.last().is_some_and(|down| *down != 0.0) => text.push('\n'),
                        b"T*" | b"'" | b"\"" => text.push('\n'),
                        b"Tm" if line != numbers.last().copied() => {
                            line = numbers.last().copied();
                            text.push('\n');
                        }
                        _ => {}
                    }
                    numbers.clear();
                    behind
                }
                _ => after,
            };
        }
    }

    /// Hands over what was said, if it is about a command.
    pub(super) fn hand_over(self, parts: &mut Parts<'_, '_>) -> Result<(), OpenError> {
        let lower = self.text.to_ascii_lowercase();
        // LIMIT: what says more is a book.
        if self.text.len() > MOST_TEXT || !COMMANDS.iter().any(|command| lower.contains(command)) {
            return Ok(());
        }
        let member = Member::unnamed(Role::Body, "text").of_kind("text");
        parts.add_content(member, Content::from(self.text.into_bytes()))
    }
}

/// 7.2.2: what is neither white space nor a delimiter.
fn is_of_word(byte: u8) -> bool {
    !byte.is_ascii_whitespace()
        && !matches!(byte, 0 | b'(' | b')' | b'<' | b'>' | b'[' | b']' | b'{' | b'}' | b'/' | b'%')
}

/// Adds the letters of codes of one or two bytes.
fn show(bytes: &[u8], font: Option<&Letters>, text: &mut String) {
    let Some(letters) = font else {
        text.extend(bytes.iter().map(|byte| char::from(*byte)));
        return;
    };
    let code = |pair: &[u8]| pair.iter().fold(0_u32, |code, byte| code << 8 | u32::from(*byte));
    let paired = bytes.len().is_multiple_of(2) && bytes.chunks_exact(2).all(|pair| letters.contains_key(&code(pair)));
    for codes in bytes.chunks(if paired { 2 } else { 1 }) {
        // LIMIT: what says more is a book.
        if text.len() > MOST_TEXT {
            return;
        }
        match letters.get(&code(codes)) {
            Some(own) => text.push_str(own),
            None => text.extend(codes.iter().map(|byte| char::from(*byte))),
        }
    }
}

/// A text up to the bracket that closes it (7.3.4.2), and what is behind it.
fn literal(mut rest: &[u8]) -> (Vec<u8>, &[u8]) {
    let (mut out, mut depth) = (Vec::new(), 0_usize);
    while let Some((&byte, after)) = rest.split_first() {
        rest = after;
        match byte {
            b'\\' => {
                let Some((&escaped, behind)) = after.split_first() else { break };
                rest = behind;
                match escaped {
                    b'n' => out.push(b'\n'),
                    b'r' => out.push(b'\r'),
                    b't' => out.push(b'\t'),
                    b'b' => out.push(8),
                    b'f' => out.push(12),
                    b'\r' | b'\n' => {}
                    b'0'..=b'7' => {
                        let digits = after.get(..3).unwrap_or(after);
                        let digits = digits.split(|digit| !matches!(*digit, b'0'..=b'7')).next().unwrap_or_default();
                        let code = digits.iter().fold(0_u32, |code, digit| code << 3 | u32::from(*digit - b'0'));
                        out.push(u8::try_from(code & 0xff).unwrap_or_default());
                        rest = after.get(digits.len()..).unwrap_or_default();
                    }
                    other => out.push(other),
                }
            }
            b')' if depth == 0 => break,
            b'(' | b')' => {
                depth = if byte == b'(' { depth.saturating_add(1) } else { depth.saturating_sub(1) };
                out.push(byte);
            }
            byte => out.push(byte),
        }
    }
    (out, rest)
}

#[cfg(test)]
mod tests {
    use crate::testing::{Recorded, walk};

    fn pdf(objects: &[&str]) -> Recorded {
        let mut out = b"%PDF-1.7\n".to_vec();
        for (index, object) in objects.iter().enumerate() {
            out.extend(format!("{} 0 obj\n{object}\nendobj\n", index + 1).bytes());
        }
        out.extend(b"trailer\n<</Root 1 0 R>>\n%%EOF\n");
        walk(out, "x.pdf")
    }

    #[track_caller]
    fn check(objects: &[&str], expected: &str) {
        let found = pdf(objects);
        assert_eq!(
            String::from_utf8_lossy(found.bytes("//text")).split_whitespace().collect::<Vec<_>>().join(" "),
            expected
        );
    }

    #[test]
    fn pages_that_name_a_command_are_texts() {
        check(
            &[
                "<</Type/Page/Contents 2 0 R>>",
                "<</Length 99>>stream\nBT /F1 12 Tf 10 100 Td (Press Win+R \\(\\127in\\)) Tj 0 -12 Td [(ms)-3(hta)-250<68>] TJ ET\nendstream",
            ],
            "Press Win+R (Win) mshta h",
        );
        check(
            &[
                "<</Type/Page/Contents 2 0 R/Resources<</Font<</F1 3 0 R>>>>>>",
                "<</Length 99>>stream\nBT /F1 9 Tf 1 0 0 1 9 9 Tm <00010002> Tj 5 0 Td [<0003>-3<0004>] TJ (\\000\\005\\000\\006) Tj ET\nendstream",
                "<</Type/Font/Subtype/Type0/ToUnicode 4 0 R>>",
                "<</Length 99>>stream\n2 beginbfchar\n<0001> <006D>\n<0002> <0073>\nendbfchar\n2 beginbfrange\n<0003><0004>[<0068> <00740061>]\n<0005> <0006> <0078>\nendbfrange\nendstream",
            ],
            "mshtaxy",
        );
    }

    #[test]
    fn fonts_beyond_those_that_are_read_are_told() {
        let names: String = (0..=super::MOST_FONTS).map(|number| format!("/F{number} 3 0 R")).collect();
        let page = format!("<</Type/Page/Contents 2 0 R/Resources<</Font<<{names}>>>>>>");
        let found = pdf(&[&page, "<</Length 9>>stream\nBT ET\nendstream", "<</Type/Font/Subtype/Type1>>"]);
        assert!(found.parts[0].incomplete.iter().any(|why| why.contains("fonts")), "{:?}", found.parts[0].incomplete);
    }

    #[test]
    fn pages_that_name_none_are_not() {
        let found = pdf(&[
            "<</Type/Page/Contents 2 0 R>>",
            "<</Length 99>>stream\nBT /F1 12 Tf 10 100 Td (Press any key) Tj ET\nendstream",
        ]);
        assert_eq!(found.parts.len(), 1);
    }
}
