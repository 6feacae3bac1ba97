//! PDF objects (ISO 32000-1, 7.3), read from anywhere: no cross-reference table is believed.

use std::collections::HashMap;
use std::ops::Range;

/// Arrays and dictionaries inside each other.
const MOST_DEPTH: u32 = 48;
/// Entries of one array or dictionary.
const MOST_ENTRIES: usize = 200_000;

/// An object's value.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Value {
    /// Null, a boolean or a real number: nothing that is needed here.
    Other,
    Integer(i64),
    Text(Vec<u8>),
    Name(String),
    Array(Vec<Value>),
    Dictionary(HashMap<String, Value>),
    Reference(u32),
}

impl Value {
    pub(super) fn get(&self, key: &str) -> Option<&Self> {
        match self {
            Self::Dictionary(entries) => entries.get(key),
            _ => None,
        }
    }

    pub(super) fn is_name(&self, name: &str) -> bool {
        matches!(self, Self::Name(own) if own == name)
    }

    pub(super) fn integer(&self) -> Option<i64> {
        match self {
            Self::Integer(value) => Some(*value),
            _ => None,
        }
    }
}

/// One numbered object of one revision.
pub(super) struct Object {
    pub(super) number: u32,
    pub(super) value: Value,
    pub(super) stream: Option<Stream>,
}

/// A stream's bytes: in the file and encoded, or decoded already.
pub(super) enum Stream {
    Range(Range<usize>),
    Decoded(Vec<u8>),
}

/// The object whose `obj` keyword is at `keyword`.
pub(super) fn read_at(bytes: &[u8], keyword: usize) -> Option<Object> {
    let number = number_before(bytes.get(..keyword)?)?;
    let mut lexer = Lexer { bytes, at: keyword + 3 };
    let value = lexer.value(0)?;
    let stream = match value {
        Value::Dictionary(_) => lexer.stream(&value),
        _ => None,
    };
    Some(Object { number, value, stream: stream.map(Stream::Range) })
}

/// The object number of `N G ` right before the keyword.
fn number_before(before: &[u8]) -> Option<u32> {
    let mut words =
        before.get(before.len().saturating_sub(32)..)?.trim_ascii_end().rsplit(|b| b.is_ascii_whitespace() || *b == 0);
    let generation = words.next()?;
    let number = words.find(|word| !word.is_empty())?;
    // Data right before the number, such as `endobj1 0 obj`, does not hide it.
    let digits = number.iter().rev().take_while(|b| b.is_ascii_digit()).count();
    let number = number.get(number.len() - digits..)?;
    std::str::from_utf8(generation).ok()?.parse::<u32>().ok()?;
    std::str::from_utf8(number).ok()?.parse().ok()
}

/// Reads values from bytes.
pub(super) struct Lexer<'b> {
    pub(super) bytes: &'b [u8],
    pub(super) at: usize,
}

impl Lexer<'_> {
    fn peek(&self) -> Option<u8> {
        self.bytes.get(self.at).copied()
    }

    /// 7.2.3: white space and comments.
    fn skip_space(&mut self) {
        while let Some(byte) = self.peek() {
            match byte {
                b'%' => {
                    let rest = self.bytes.get(self.at..).unwrap_or_default();
                    self.at += memchr::memchr2(b'\r', b'\n', rest).unwrap_or(rest.len());
                }
                b if is_space(b) => self.at += 1,
                _ => break,
            }
        }
    }

    pub(super) fn value(&mut self, depth: u32) -> Option<Value> {
        if depth > MOST_DEPTH {
            return None;
        }
        self.skip_space();
        match self.peek()? {
            b'/' => Some(Value::Name(self.name())),
            b'(' => Some(Value::Text(self.literal())),
            b'<' if self.bytes.get(self.at + 1) == Some(&b'<') => self.dictionary(depth),
            b'<' => {
                let rest = self.bytes.get(self.at + 1..)?;
                let end = memchr::memchr(b'>', rest).unwrap_or(rest.len());
                self.at += end + 2;
                let mut digits: Vec<u8> = rest.get(..end)?.iter().copied().filter(u8::is_ascii_hexdigit).collect();
                if !digits.len().is_multiple_of(2) {
                    digits.push(b'0');
                }
                Some(Value::Text(crate::containers::decode::hex(&digits)))
            }
            b'[' => self.array(depth),
            b'+' | b'-' | b'.' | b'0'..=b'9' => Some(self.number()),
            b')' | b'>' | b']' | b'}' | b'{' => None,
            _ => {
                let word = self.word();
                (!word.is_empty() && !matches!(word, b"endobj" | b"stream" | b"endstream" | b"obj"))
                    .then_some(Value::Other)
            }
        }
    }

    fn word(&mut self) -> &[u8] {
        let rest = self.bytes.get(self.at..).unwrap_or_default();
        let len = rest.iter().take_while(|b| !is_space(**b) && !is_delimiter(**b)).count();
        self.at += len;
        rest.get(..len).unwrap_or_default()
    }

    /// 7.3.5, with `#xx` for any byte.
    fn name(&mut self) -> String {
        self.at += 1;
        let mut rest = self.word();
        let mut out = Vec::with_capacity(rest.len());
        while let Some((byte, tail)) = rest.split_first() {
            let code =
                tail.get(..2).and_then(|d| std::str::from_utf8(d).ok()).and_then(|d| u8::from_str_radix(d, 16).ok());
            match code.filter(|_| *byte == b'#') {
                Some(code) => {
                    out.push(code);
                    rest = tail.get(2..).unwrap_or_default();
                }
                None => {
                    out.push(*byte);
                    rest = tail;
                }
            }
        }
        String::from_utf8_lossy(&out).into_owned()
    }

    /// 7.3.4.2.
    fn literal(&mut self) -> Vec<u8> {
        self.at += 1;
        let mut out = Vec::new();
        let mut open = 1;
        while let Some(byte) = self.peek() {
            self.at += 1;
            match byte {
                b'(' => open += 1,
                b')' => {
                    open -= 1;
                    if open == 0 {
                        break;
                    }
                }
                b'\\' => {
                    let Some(next) = self.peek() else { break };
                    self.at += 1;
                    match next {
                        b'n' => out.push(b'\n'),
                        b'r' => out.push(b'\r'),
                        b't' => out.push(b'\t'),
                        b'b' => out.push(8),
                        b'f' => out.push(12),
                        b'0'..=b'7' => {
                            let mut code = u32::from(next - b'0');
                            for _ in 0..2 {
                                let Some(digit @ b'0'..=b'7') = self.peek() else { break };
                                code = code * 8 + u32::from(digit - b'0');
                                self.at += 1;
                            }
                            out.push(code as u8);
                        }
                        b'\r' => self.at += usize::from(self.peek() == Some(b'\n')),
                        b'\n' => {}
                        other => out.push(other),
                    }
                    continue;
                }
                _ => {}
            }
            out.push(byte);
        }
        out
    }

    /// A number, or the reference `N G R`.
    fn number(&mut self) -> Value {
        let word = self.word();
        let whole = std::str::from_utf8(word).ok().and_then(|w| w.trim_start_matches('+').parse::<i64>().ok());
        let Some(value) = whole else { return Value::Other };
        let back = self.at;
        self.skip_space();
        if self.word().iter().all(u8::is_ascii_digit) {
            self.skip_space();
            if self.word() == b"R" {
                return u32::try_from(value).map_or(Value::Other, Value::Reference);
            }
        }
        self.at = back;
        Value::Integer(value)
    }

    fn array(&mut self, depth: u32) -> Option<Value> {
        self.at += 1;
        let mut values = Vec::new();
        loop {
            self.skip_space();
            match self.peek() {
                None => break,
                Some(b']') => {
                    self.at += 1;
                    break;
                }
                _ => match self.value(depth + 1) {
                    Some(value) if values.len() < MOST_ENTRIES => values.push(value),
                    _ => break,
                },
            }
        }
        Some(Value::Array(values))
    }

    fn dictionary(&mut self, depth: u32) -> Option<Value> {
        self.at += 2;
        let mut entries = HashMap::new();
        loop {
            self.skip_space();
            match self.peek() {
                None => break,
                Some(b'>') => {
                    self.at += 2;
                    break;
                }
                Some(b'/') if entries.len() < MOST_ENTRIES => {
                    let key = self.name();
                    match self.value(depth + 1) {
                        Some(value) => {
                            entries.insert(key, value);
                        }
                        None => break,
                    }
                }
                // Something without a key: skipped, as readers do.
                Some(_) => {
                    if self.value(depth + 1).is_none() {
                        break;
                    }
                }
            }
        }
        Some(Value::Dictionary(entries))
    }

    /// 7.3.8: the bytes after `stream`, by `/Length` where `endstream` follows it, else up to `endstream`.
    fn stream(&mut self, dictionary: &Value) -> Option<Range<usize>> {
        self.skip_space();
        if !self.bytes.get(self.at..)?.starts_with(b"stream") {
            return None;
        }
        let mut start = self.at + 6;
        start += usize::from(self.bytes.get(start) == Some(&b'\r'));
        start += usize::from(self.bytes.get(start) == Some(&b'\n'));
        let stated = dictionary.get("Length").and_then(Value::integer).and_then(|n| usize::try_from(n).ok());
        if let Some(end) = stated.and_then(|len| start.checked_add(len))
            && self
                .bytes
                .get(end..)
                .is_some_and(|rest| rest.get(..32).unwrap_or(rest).trim_ascii_start().starts_with(b"endstream"))
        {
            self.at = end;
            return Some(start..end);
        }
        let rest = self.bytes.get(start..)?;
        let end = memchr::memmem::find(rest, b"endstream").or_else(|| memchr::memmem::find(rest, b"endobj"));
        let end = start + end.unwrap_or(rest.len());
        self.at = end;
        Some(start..end)
    }
}

fn is_space(byte: u8) -> bool {
    matches!(byte, 0 | 9 | 10 | 12 | 13 | 32)
}

fn is_delimiter(byte: u8) -> bool {
    matches!(byte, b'(' | b')' | b'<' | b'>' | b'[' | b']' | b'{' | b'}' | b'/' | b'%')
}
