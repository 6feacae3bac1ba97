//! Bytes that a script keeps in its literals: Base64 strings, arrays of numbers, escapes, and pieces of them joined.
//!
//! This is no interpreter. It joins neighbouring literals, follows variables that are assigned once, and decodes what
//! then looks like encoded bytes: what HTML smuggling and droppers do nearly always.

use super::decode;
use std::collections::HashMap;

/// Bytes of joined literals that are kept, in all.
const MOST_BYTES: usize = 64 << 20;
/// Characters from which a literal is decoded without being asked for.
const LARGE: usize = 48;
/// Payloads that are handed over, at most.
const MOST_PAYLOADS: usize = 200;

/// Bytes decoded from a script's literals, in order of appearance, each once.
pub(super) fn payloads(text: &str) -> Vec<Vec<u8>> {
    let mut reader = Reader { text: text.as_bytes(), at: 0, variables: HashMap::new(), found: Vec::new(), kept: 0 };
    reader.read();
    reader.found
}

enum Token<'t> {
    Text(Vec<u8>),
    Word(&'t [u8]),
    Number(u32),
    Mark(u8),
    End,
}

struct Reader<'t> {
    text: &'t [u8],
    at: usize,
    /// Values of variables; none for those assigned anything else since.
    variables: HashMap<&'t [u8], Vec<u8>>,
    found: Vec<Vec<u8>>,
    kept: usize,
}

impl<'t> Reader<'t> {
    fn read(&mut self) {
        // What the joined literals so far are, whether another may follow, and what they are for.
        let mut value: Option<Vec<u8>> = None;
        let mut joining = false;
        let mut target: Option<&'t [u8]> = None;
        let mut appends = false;
        let mut decodes = false;
        let mut numbers: Vec<u8> = Vec::new();
        let mut in_numbers = false;
        let mut word: Option<&'t [u8]> = None;
        loop {
            if self.kept > MOST_BYTES || self.found.len() >= MOST_PAYLOADS {
                return;
            }
            let token = self.next();
            // Arrays of numbers: `[77, 90, ...]`, `Array(77, 90)`, `@(0x4d, 0x5a)`.
            match &token {
                Token::Number(number) if in_numbers => {
                    if let Ok(byte) = u8::try_from(*number) {
                        numbers.push(byte);
                        self.kept += 1;
                    } else {
                        in_numbers = false;
                        numbers.clear();
                    }
                    continue;
                }
                Token::Mark(b',') if in_numbers && !numbers.is_empty() => continue,
                Token::Mark(b'[' | b'(' | b',' | b'=') if numbers.len() < 8 => {
                    numbers.clear();
                    in_numbers = true;
                }
                _ => {
                    if numbers.len() >= 8 {
                        self.keep_numbers(std::mem::take(&mut numbers));
                    }
                    numbers.clear();
                    in_numbers = false;
                }
            }
            match token {
                Token::Text(text) => {
                    self.kept += text.len();
                    match (&mut value, joining) {
                        (Some(value), true) => value.extend(text),
                        _ => {
                            self.finish(value.take(), target, appends, decodes);
                            value = Some(text);
                        }
                    }
                    joining = false;
                    word = None;
                }
                Token::Mark(b'+' | b'&' | b'.') if value.is_some() && !joining => joining = true,
                Token::Word(name) => {
                    let known = self.variables.get(name).cloned();
                    match (known, &mut value, joining) {
                        (Some(text), Some(value), true) => {
                            self.kept += text.len();
                            value.extend(text);
                            joining = false;
                        }
                        (Some(text), None, _) if decodes || target.is_some() => value = Some(text),
                        _ => {
                            self.finish(value.take(), target, appends, decodes);
                            joining = false;
                        }
                    }
                    word = Some(name);
                }
                Token::Mark(b'=') => {
                    // `+=` leaves `joining` set on the left side's own value.
                    appends = self.text.get(self.at.wrapping_sub(2)) == Some(&b'+');
                    value = None;
                    joining = false;
                    target = word.take();
                    decodes = false;
                }
                Token::Mark(b'(') => {
                    decodes |= word.is_some_and(is_decoder);
                    if decodes {
                        value = None;
                    }
                    joining = false;
                }
                Token::Mark(mark) => {
                    self.finish(value.take(), target, appends, decodes);
                    joining = false;
                    if matches!(mark, b';' | b'\n' | b'}') {
                        (target, appends) = (None, false);
                    }
                    if mark != b'\n' {
                        decodes = false;
                    }
                    if !matches!(mark, b'+' | b'&') {
                        word = None;
                    }
                }
                Token::Number(_) => joining = false,
                Token::End => {
                    if numbers.len() >= 8 {
                        self.keep_numbers(numbers);
                    }
                    self.finish(value, target, appends, decodes);
                    break;
                }
            }
        }
        // What was put together piece by piece shows only at the end.
        let values: Vec<Vec<u8>> = self.variables.drain().map(|v| v.1).collect();
        for value in values {
            self.consider(&value, false);
        }
    }

    fn finish(&mut self, value: Option<Vec<u8>>, target: Option<&'t [u8]>, appends: bool, decodes: bool) {
        let Some(value) = value else { return };
        self.consider(&value, decodes);
        if let Some(name) = target
            && self.variables.len() < 10_000
        {
            let slot = self.variables.entry(name).or_default();
            if !appends {
                slot.clear();
            }
            slot.extend(value);
        }
    }

    fn consider(&mut self, value: &[u8], asked: bool) {
        let trimmed = value.trim_ascii();
        if decode::data_address(trimmed).is_some_and(|(_, bytes)| bytes.len() >= 8) {
            self.keep(decode::data_address(trimmed).unwrap_or_default().1, true);
        } else if trimmed.len() >= if asked { 8 } else { LARGE } && decode::is_base64(trimmed) {
            let all_hex = trimmed.len().is_multiple_of(2) && trimmed.iter().all(u8::is_ascii_hexdigit);
            self.keep(if all_hex { decode::hex(trimmed) } else { decode::base64(trimmed) }, asked);
        } else if trimmed.iter().any(|b| !matches!(b, 9 | 10 | 13 | 32..=126)) && trimmed.len() >= 8 {
            // Escapes: the literal itself is the bytes.
            self.keep(value.to_vec(), false);
        } else if trimmed.len() >= 2 * LARGE {
            // Base64 or a program turned around.
            let reversed: Vec<u8> = trimmed.iter().rev().copied().collect();
            if decode::is_base64(&reversed) {
                self.keep(decode::base64(&reversed), false);
            }
        }
    }

    /// Keeps an array of numbers that is a file, a text, or long enough to be code.
    fn keep_numbers(&mut self, numbers: Vec<u8>) {
        let text = numbers.iter().all(|b| matches!(b, 9 | 10 | 13 | 32..=126));
        let long = numbers.len() >= 256;
        self.keep(numbers, text || long);
    }

    /// Keeps decoded bytes; those nobody asked to decode only if they are something.
    fn keep(&mut self, bytes: Vec<u8>, asked: bool) {
        let found = crate::identify_head(&bytes);
        let something = !found.kind.is_unknown() && (found.kind.id != "text" || asked);
        if bytes.len() >= 8 && (asked || something) && !self.found.contains(&bytes) {
            self.kept += bytes.len();
            self.found.push(bytes);
        }
    }

    fn next(&mut self) -> Token<'t> {
        loop {
            let rest = self.text.get(self.at..).unwrap_or_default();
            let Some(first) = rest.first().copied() else { return Token::End };
            match first {
                b' ' | b'\t' | b'\r' => self.at += 1,
                b'_' if rest.get(1..3).is_some_and(|r| r.trim_ascii().is_empty()) => self.at += 2,
                b'/' if rest.starts_with(b"//") => {
                    self.at += memchr::memchr(b'\n', rest).unwrap_or(rest.len()).max(1);
                }
                b'/' if rest.starts_with(b"/*") => {
                    self.at += memchr::memmem::find(rest, b"*/").map_or(rest.len(), |end| end + 2);
                }
                b'"' | b'\'' | b'`' => return self.string(first),
                b'0'..=b'9' => return self.number(rest),
                b if b.is_ascii_alphabetic() || matches!(b, b'_' | b'$') || b >= 0x80 => {
                    let len = rest
                        .iter()
                        .take_while(|b| b.is_ascii_alphanumeric() || matches!(b, b'_' | b'$' | b'.') || **b >= 0x80)
                        .count();
                    self.at += len;
                    return Token::Word(rest.get(..len).unwrap_or_default());
                }
                mark => {
                    self.at += 1;
                    return Token::Mark(mark);
                }
            }
        }
    }

    fn number(&mut self, rest: &[u8]) -> Token<'t> {
        let len = rest.iter().take_while(|b| b.is_ascii_alphanumeric()).count();
        self.at += len.max(1);
        let text = std::str::from_utf8(rest.get(..len).unwrap_or_default()).unwrap_or_default();
        let value = match text.strip_prefix("0x").or_else(|| text.strip_prefix("0X")) {
            Some(digits) => u32::from_str_radix(digits, 16),
            None => text.parse(),
        };
        Token::Number(value.unwrap_or(u32::MAX))
    }

    /// A string with its escapes (ECMA-262, 12.9.4). An apostrophe that is not closed on its line is no string.
    fn string(&mut self, quote: u8) -> Token<'t> {
        let start = self.at;
        let mut out = Vec::new();
        let mut at = start + 1;
        while let Some(byte) = self.text.get(at).copied() {
            at += 1;
            match byte {
                b if b == quote => {
                    self.at = at;
                    return Token::Text(out);
                }
                b'\n' if quote != b'`' => break,
                b'\\' => at = self.escape(at, &mut out),
                b => out.push(b),
            }
        }
        self.at = start + 1;
        Token::Mark(b'\n')
    }

    fn escape(&self, at: usize, out: &mut Vec<u8>) -> usize {
        let code = |from: usize, len: usize| {
            let digits = self.text.get(from..from + len).and_then(|d| std::str::from_utf8(d).ok());
            digits.and_then(|d| u32::from_str_radix(d, 16).ok())
        };
        match self.text.get(at) {
            Some(b'x') => match code(at + 1, 2) {
                Some(value) => {
                    out.push(value as u8);
                    at + 3
                }
                None => at,
            },
            Some(b'u') => match code(at + 1, 4) {
                Some(value) if value < 256 => {
                    out.push(value as u8);
                    at + 5
                }
                Some(value) => {
                    let character = char::from_u32(value).unwrap_or('\u{fffd}');
                    out.extend(character.encode_utf8(&mut [0; 4]).as_bytes());
                    at + 5
                }
                None => at,
            },
            Some(b'n') => push(out, b'\n', at),
            Some(b'r') => push(out, b'\r', at),
            Some(b't') => push(out, b'\t', at),
            Some(b'0') => push(out, 0, at),
            Some(b'\n') => at + 1,
            // In other languages a backslash is a backslash: paths keep theirs.
            Some(other @ (b'\\' | b'"' | b'\'' | b'`' | b'/')) => push(out, *other, at),
            _ => {
                out.push(b'\\');
                at
            }
        }
    }
}

fn push(out: &mut Vec<u8>, byte: u8, at: usize) -> usize {
    out.push(byte);
    at + 1
}

/// Functions that are given encoded bytes.
fn is_decoder(word: &[u8]) -> bool {
    let word = word.to_ascii_lowercase();
    [&b"atob"[..], b"frombase64string", b"b64decode", b"base64todata", b"base64_decode", b"decodebase64", b"b64toblob"]
        .iter()
        .any(|name| word.ends_with(name))
}

#[cfg(test)]
mod tests {
    use super::payloads;

    #[track_caller]
    fn check(script: &str, expected: &[&[u8]]) {
        let found = payloads(script);
        assert_eq!(found.iter().map(Vec::as_slice).collect::<Vec<_>>(), expected, "{script}");
    }

    #[test]
    fn literals_are_joined_and_decoded() {
        // TEFaQVJFVC1NQVJLRVI= is LAZARET-MARKER.
        let marker: &[u8] = b"LAZARET-MARKER";
        check("x(atob('TEFaQVJFVC1NQVJLRVI='))", &[marker]);
        check("atob(\"TEFaQVJF\" + \"VC1NQVJLRVI=\")", &[marker]);
        check("var a = 'TEFaQVJF'; var b = 'VC1NQVJLRVI='; go(atob(a + b));", &[marker]);
        check("var a = 'TEFaQVJF'; a += 'VC1NQVJLRVI='; go(atob(a));", &[marker]);
        check("$x = [Convert]::FromBase64String('TEFaQVJFVC1NQVJLRVI=')", &[marker]);
        check("var b = new Uint8Array([76,65,90,65,82,69,84,45,77]);", &[b"LAZARET-M"]);
        check("[Byte[]] $b = 0x4c,0x41,0x5a,0x41,0x52,0x45,0x54,0x2d,0x4d", &[b"LAZARET-M"]);
        check("f('data:text/plain;base64,TEFaQVJFVC1NQVJLRVI=')", &[marker]);
        check("var s = '\\x50\\x4b\\x05\\x06\\x00\\x00\\x00\\x00\\x00\\x00';", &[b"PK\x05\x06\0\0\0\0\0\0"]);
        check("var words = 'nothing here to decode at all, only a sentence of some length'; f([1,2,3]);", &[]);
        check("it's \\ broken 'a\n", &[]);
    }
}
