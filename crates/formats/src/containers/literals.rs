//! Bytes that a script keeps in its literals: Base64 strings, arrays of numbers, escapes, and pieces of them joined.
//!
//! This is no interpreter. It joins neighbouring literals, follows variables that are assigned once, and decodes what
//! then looks like encoded bytes: what HTML smuggling and droppers do nearly always.

mod methods;

use super::decode;
use crate::Budget;
use methods::{Pieces, Subject};
use std::collections::HashMap;
use std::collections::hash_map::DefaultHasher;
use std::hash::{Hash as _, Hasher as _};
use std::rc::Rc;

/// Bytes that are copied while literals are joined and decoded, beyond so many times the script's own.
const MOST_BYTES: usize = 64 << 20;
/// Bytes of one value, of which some more are in memory at once; no text is longer that is there as often as it is written.
const MOST_VALUE: usize = 32 << 20;
/// Bytes from which a value that is longer than its script begins anew.
const MUCH: usize = 4 << 10;
/// Characters from which a literal is decoded without being asked for.
const LARGE: usize = 48;
/// Percent codes from which a literal is decoded without being asked for.
const MANY_CODES: usize = 6;

/// What was decoded from a script's literals, in order of appearance, each once.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Payloads {
    pub(super) found: Vec<Vec<u8>>,
    /// Why the rest of the script was not read, if it was not.
    pub(super) incomplete: Option<&'static str>,
}

/// Decodes what a script's literals hold.
///
/// Where the budget is exhausted, the rest is not read.
pub(super) fn payloads(text: &str, budget: &mut Budget) -> Payloads {
    let mut reader = Reader {
        text: text.as_bytes(),
        at: 0,
        variables: HashMap::new(),
        arrays: HashMap::new(),
        considered: HashMap::new(),
        known: HashMap::new(),
        payloads: Payloads::default(),
        budget,
        kept: 0,
        unclosed: [0; 3],
        operand: false,
        endless: 0,
    };
    reader.read();
    reader.payloads
}

/// A variable's value, or what is being joined; variables that hold the same share it.
type Value = Rc<Vec<u8>>;

enum Token<'t> {
    Text(Vec<u8>),
    Word(&'t [u8]),
    Number(u32),
    Mark(u8),
    End,
}

struct Reader<'t, 'b> {
    text: &'t [u8],
    at: usize,
    /// Values of variables; none for those assigned anything else since.
    variables: HashMap<&'t [u8], Value>,
    /// Texts of variables that are arrays.
    arrays: HashMap<&'t [u8], Rc<Pieces>>,
    /// Values that were decoded already, and whether they had been asked for. They are kept, so that no address comes back.
    considered: HashMap<(*const Vec<u8>, bool), Value>,
    /// Places in `payloads`, by the hash of what stands there.
    known: HashMap<u64, Vec<usize>>,
    payloads: Payloads,
    budget: &'b mut Budget,
    /// Bytes copied so far.
    kept: usize,
    /// Up to where there is no end for each sort of quote: those in between are escaped, and begin no literal either.
    unclosed: [usize; 3],
    /// Whether the last token is one that a sign of division may follow.
    operand: bool,
    /// Up to where no regular expression ends.
    endless: usize,
}

impl<'t> Reader<'t, '_> {
    fn read(&mut self) {
        // What the joined literals so far are, whether another may follow, and what they are for.
        let mut value: Option<Value> = None;
        let mut joining = false;
        let mut target: Option<&'t [u8]> = None;
        let mut appends = false;
        let mut decodes = false;
        let mut numbers: Vec<u8> = Vec::new();
        let mut in_numbers = false;
        let mut word: Option<&'t [u8]> = None;
        // Texts of the array that is being read.
        let mut pieces: Option<Pieces> = None;
        // Bytes of those copied that the budget was told of.
        let mut told = self.kept;
        loop {
            if self.kept > MOST_BYTES + 8 * self.text.len() {
                self.payloads.incomplete = Some("its literals come to more than 64 MiB when they are joined");
                return;
            }
            if self.budget.step(16).is_err() {
                self.payloads.incomplete = Some("there was no time to look at all its literals");
                return;
            }
            let before = self.at;
            let token = self.next();
            // An exhausted budget shows above.
            let _ = self.budget.step((self.at.abs_diff(before) + self.kept.abs_diff(told)) as u64);
            told = self.kept;
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
                    if let Some(pieces) = &mut pieces {
                        self.kept += text.len();
                        pieces.push(&text);
                    }
                    match (&mut value, joining) {
                        (Some(value), true) => self.extend(value, &text),
                        _ => {
                            self.finish(value.take(), target, appends, decodes);
                            self.kept += text.len();
                            value = Some(Rc::new(text));
                        }
                    }
                    joining = false;
                    word = None;
                }
                Token::Mark(b'+' | b'&' | b'.') if value.is_some() && !joining => joining = true,
                Token::Word(name) => {
                    let (owner, method) = split_method(name);
                    let subject = match (&value, joining) {
                        (Some(value), true) => Some((Subject::Text(Rc::clone(value)), name)),
                        _ => self.subject(owner).map(|subject| (subject, method)),
                    };
                    if let Some((subject, method)) = subject.filter(|(_, method)| is_method(method)) {
                        let back = self.at;
                        let changed = self.applied(subject, method);
                        if changed.is_none() {
                            self.at = back;
                        } else if !joining {
                            self.finish(value.take(), target, appends, decodes);
                        }
                        if changed.is_some() {
                            (value, joining, word) = (changed, false, None);
                            continue;
                        }
                    }
                    let known = self.variables.get(name).cloned();
                    match (known, &mut value, joining) {
                        (Some(text), Some(value), true) => {
                            self.extend(value, &text);
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
                Token::Mark(b']') if pieces.as_ref().is_some_and(|pieces| pieces.len() > 1) => {
                    if let Some(last) = value.take() {
                        self.consider(&last, decodes);
                    }
                    joining = false;
                    word = None;
                    let read = pieces.take().unwrap_or_default();
                    let back = self.at;
                    let first = self.next_method();
                    if let Some(name) = target
                        && first.is_none()
                    {
                        self.arrays.insert(name, Rc::new(read));
                        self.at = back;
                    } else if let Some(first) = first {
                        value = self.applied(Subject::Pieces(read), &first);
                        if value.is_none() {
                            self.at = back;
                        }
                    } else {
                        self.at = back;
                    }
                }
                Token::Mark(mark) => {
                    self.finish(value.take(), target, appends, decodes);
                    joining = false;
                    match mark {
                        b'[' => pieces = Some(Pieces::default()),
                        b',' | b'\n' => {}
                        _ => pieces = None,
                    }
                    if matches!(mark, b';' | b'}') || mark == b'\n' && pieces.is_none() {
                        (target, appends) = (None, false);
                    }
                    if mark != b'\n' && !(pieces.is_some() && matches!(mark, b'[' | b',')) {
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
        let values: Vec<Value> = self.variables.drain().map(|v| v.1).collect();
        for value in values {
            self.consider(&value, false);
        }
    }

    /// What a variable holds that a method may be called on.
    fn subject(&mut self, name: &[u8]) -> Option<Subject> {
        if let Some(pieces) = self.arrays.get(name) {
            self.kept += pieces.size();
            return Some(Subject::Pieces(Pieces::clone(pieces)));
        }
        self.variables.get(name).map(|value| Subject::Text(Rc::clone(value)))
    }

    fn finish(&mut self, value: Option<Value>, target: Option<&'t [u8]>, appends: bool, decodes: bool) {
        let Some(value) = value else { return };
        self.consider(&value, decodes);
        let Some(name) = target else { return };
        let value = match self.variables.remove(name) {
            Some(mut before) if appends => {
                self.extend(&mut before, &value);
                before
            }
            _ => value,
        };
        self.variables.insert(name, value);
    }

    /// Adds to a value, which others may hold as it was. One that would become longer than the script itself repeats what it
    /// has: it is decoded as it is, and begins anew.
    fn extend(&mut self, value: &mut Value, more: &[u8]) {
        let sum = value.len().saturating_add(more.len());
        if sum > self.text.len().max(MUCH) {
            self.consider(value, false);
            *value = Rc::new(if more.len() < MUCH { more.to_vec() } else { Vec::new() });
            self.kept += value.len();
        } else if sum > MOST_VALUE {
            // LIMIT: more than any script may come to, so that the reader ends there and says so.
            self.kept = usize::MAX >> 1;
        } else {
            let copied = if Rc::strong_count(value) > 1 { value.len() } else { 0 };
            Rc::make_mut(value).extend_from_slice(more);
            self.kept += copied + more.len();
        }
    }

    /// Decodes a value, unless that very value was decoded already.
    fn consider(&mut self, value: &Value, asked: bool) {
        if Rc::strong_count(value) > 1 {
            if self.considered.contains_key(&(Rc::as_ptr(value), asked)) {
                return;
            }
            self.considered.insert((Rc::as_ptr(value), asked), Rc::clone(value));
        }
        self.decode(value, asked);
    }

    fn decode(&mut self, value: &[u8], asked: bool) {
        if self.budget.step(4 * value.len() as u64).is_err() {
            return;
        }
        let trimmed = value.trim_ascii();
        if decode::data_address(trimmed).is_some_and(|(_, bytes)| bytes.len() >= 8) {
            self.keep(decode::data_address(trimmed).unwrap_or_default().1, true);
        } else if trimmed.len() >= if asked { 8 } else { LARGE } && decode::is_base64(trimmed) {
            let all_hex = trimmed.len().is_multiple_of(2) && trimmed.iter().all(u8::is_ascii_hexdigit);
            self.keep(if all_hex { decode::hex(trimmed) } else { decode::base64(trimmed) }, asked);
        } else if let Some(bytes) = percent_codes(trimmed, asked) {
            self.keep(bytes, asked);
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
        if bytes.len() < 8 || !(asked || something) {
            return;
        }
        let mut hasher = DefaultHasher::new();
        bytes.hash(&mut hasher);
        let places = self.known.entry(hasher.finish()).or_default();
        if places.iter().any(|place| self.payloads.found.get(*place) == Some(&bytes)) {
            return;
        }
        places.push(self.payloads.found.len());
        self.kept += bytes.len();
        self.payloads.found.push(bytes);
    }

    fn next(&mut self) -> Token<'t> {
        let token = self.read_token();
        self.operand = match &token {
            Token::Text(_) | Token::Number(_) => true,
            Token::Word(word) => !expression_follows(word),
            Token::Mark(mark) => matches!(mark, b')' | b']' | b'}' | b'/'),
            Token::End => false,
        };
        token
    }

    fn read_token(&mut self) -> Token<'t> {
        loop {
            let rest = self.text.get(self.at..).unwrap_or_default();
            let Some(first) = rest.first().copied() else { return Token::End };
            match first {
                b' ' | b'\t' | b'\r' => self.at += 1,
                b'_' if rest.get(1..3).is_some_and(|r| r.trim_ascii().is_empty()) => self.at += 2,
                b'/' if rest.starts_with(b"//") => {
                    let end = memchr::memchr(b'\n', rest).unwrap_or(rest.len()).max(1);
                    self.comment(rest.get(2..end).unwrap_or_default());
                    self.at += end;
                }
                b'/' if rest.starts_with(b"/*") => {
                    let end = memchr::memmem::find(rest, b"*/").map_or(rest.len(), |end| end + 2);
                    self.comment(rest.get(2..end.saturating_sub(2)).unwrap_or_default());
                    self.at += end;
                }
                b'/' if let Some(len) = self.expression(rest) => {
                    // Its quotes begin no literal, and its own text is one (`source`).
                    self.comment(rest.get(1..len).unwrap_or_default());
                    self.at += len + 1;
                    return Token::Mark(b'/');
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

    /// Where a regular expression ends that begins here (ECMA-262, 12.9.5), if one may and does on this line.
    fn expression(&mut self, rest: &[u8]) -> Option<usize> {
        if self.operand || self.at < self.endless {
            return None;
        }
        let (mut escaped, mut in_class) = (false, false);
        for (at, byte) in rest.iter().enumerate().skip(1) {
            match byte {
                b'\n' => break,
                _ if escaped => escaped = false,
                b'\\' => escaped = true,
                b'[' => in_class = true,
                b']' => in_class = false,
                b'/' if !in_class => return Some(at),
                _ => {}
            }
        }
        self.endless = self.at + memchr::memchr(b'\n', rest).unwrap_or(rest.len());
        None
    }

    /// A function's own text has its comments, and so they may hold what it decodes.
    fn comment(&mut self, text: &[u8]) {
        let text = text.trim_ascii();
        if text.len() >= LARGE && decode::is_base64(text) {
            self.keep(decode::base64(text), false);
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
        let [double, single, template] = &mut self.unclosed;
        let unclosed = match quote {
            b'"' => double,
            b'\'' => single,
            _ => template,
        };
        if start < *unclosed {
            self.at = start + 1;
            return Token::Mark(b'\n');
        }
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
                b'\\' => at = escape(self.text, at, &mut out),
                b => out.push(b),
            }
        }
        *unclosed = at;
        // An exhausted budget shows where tokens are read.
        let _ = self.budget.step((at - start) as u64);
        self.at = start + 1;
        Token::Mark(b'\n')
    }
}

/// Words of JavaScript that no sign of division follows.
fn expression_follows(word: &[u8]) -> bool {
    [&b"return"[..], b"typeof", b"case", b"in", b"of", b"delete", b"void", b"throw", b"new", b"do", b"else", b"yield"]
        .contains(&word)
}

/// What follows a backslash at `at`; returns where the text goes on.
fn escape(text: &[u8], at: usize, out: &mut Vec<u8>) -> usize {
    let code = |from: usize, len: usize| {
        let digits = text.get(from..from + len).and_then(|d| std::str::from_utf8(d).ok());
        digits.and_then(|d| u32::from_str_radix(d, 16).ok())
    };
    match text.get(at) {
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

fn push(out: &mut Vec<u8>, byte: u8, at: usize) -> usize {
    out.push(byte);
    at + 1
}

/// What percent codes stand for (RFC 3986, 2.1), where there are enough of them.
fn percent_codes(text: &[u8], asked: bool) -> Option<Vec<u8>> {
    let code = |at: usize| text.get(at + 1..at + 3).is_some_and(|digits| digits.iter().all(u8::is_ascii_hexdigit));
    let codes = memchr::memchr_iter(b'%', text).filter(|at| code(*at)).count();
    (codes >= if asked { 1 } else { MANY_CODES }).then(|| decode::percent(text))
}

/// A name and the method behind its last dot.
fn split_method(name: &[u8]) -> (&[u8], &[u8]) {
    match memchr::memrchr(b'.', name) {
        Some(at) => (name.get(..at).unwrap_or_default(), name.get(at + 1..).unwrap_or_default()),
        None => (name, b""),
    }
}

/// Methods that change a text in a way that is followed.
fn is_method(name: &[u8]) -> bool {
    [&b"replace"[..], b"replaceall", b"split", b"reverse", b"toreversed", b"join", b"trim"]
        .iter()
        .any(|method| name.eq_ignore_ascii_case(method))
}

/// Functions that are given encoded bytes.
fn is_decoder(word: &[u8]) -> bool {
    let word = word.to_ascii_lowercase();
    [
        &b"atob"[..],
        b"unescape",
        b"decodeuricomponent",
        b"decodeuri",
        b"frombase64string",
        b"frombase64",
        b"b64decode",
        b"base64todata",
        b"base64_decode",
        b"decodebase64",
        b"b64toblob",
    ]
    .iter()
    .any(|name| word.ends_with(name))
}

#[cfg(test)]
mod tests;
