//! Bytes that a script keeps in its literals: Base64 strings, arrays of numbers, escapes, and pieces of them joined.
//!
//! This is no interpreter. It joins neighbouring literals, follows variables that are assigned once, and decodes what
//! then looks like encoded bytes: what HTML smuggling and droppers do nearly always.

mod methods;
mod scopes;
mod tokens;

use super::decode;
use crate::Budget;
use methods::{Pieces, Subject};
use scopes::Scopes;
use std::collections::HashMap;
use std::collections::hash_map::DefaultHasher;
use std::hash::{Hash as _, Hasher as _};
use std::rc::Rc;

/// Bytes that are copied while literals are joined and decoded, beyond so many times the script's own.
const MOST_BYTES: usize = 64 << 20;
/// Bytes of one value, of which some more are in memory at once; no text is longer that is there as often as it is written.
const MOST_VALUE: usize = 32 << 20;
/// Bytes of the windows in which long values are decoded, where the script itself is not longer.
const WINDOW: usize = 16 << 10;
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
        scopes: Scopes::default(),
        window: false,
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
    scopes: Scopes<'t>,
    /// What is decoded is a window of a longer value.
    window: bool,
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
            self.follow(&token);
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
                    if matches!(name, b"var" | b"let" | b"const") {
                        self.declared(name);
                    }
                    let (owner, method) = split_method(name);
                    let subject = match (&value, joining) {
                        (Some(value), true) => Some((Subject::Text(Rc::clone(value)), name)),
                        // The texts of an array are copied for a method alone, not wherever it is named: libraries name one all the time.
                        _ if is_method(method) => self.subject(owner).map(|subject| (subject, method)),
                        _ => None,
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
                Token::Mark(b'=') if self.arrow_begins() => {
                    self.finish(value.take(), target, appends, decodes);
                    (target, appends, joining, word) = (None, false, false, None);
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
                        b'{' => self.brace_opens(),
                        b'}' => self.brace_closes(),
                        _ => {}
                    }
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
        let mut named: Vec<(&[u8], Value)> = self.variables.drain().collect();
        named.sort_unstable_by_key(|(name, _)| *name);
        let mut values: Vec<Value> = named.into_iter().map(|(_, value)| value).collect();
        values.extend(self.hidden());
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

    /// Adds to a value, which others may hold as it was. One that has become longer than two windows is decoded as it is, and goes
    /// on as its last window.
    fn extend(&mut self, value: &mut Value, more: &[u8]) {
        let sum = value.len().saturating_add(more.len());
        if sum > MOST_VALUE {
            // LIMIT: more than any script may come to, so that the reader ends there and says so.
            self.kept = usize::MAX >> 1;
            return;
        }
        let copied = if Rc::strong_count(value) > 1 { value.len() } else { 0 };
        Rc::make_mut(value).extend_from_slice(more);
        self.kept += copied + more.len();
        // LIMIT: what a script writes down is no longer than the script, and windows overlap by that: each stretch of a value so long is
        // decoded whole. What is longer repeats what it has.
        let window = self.text.len().max(WINDOW);
        if sum > 2 * window {
            self.window = true;
            self.consider(value, false);
            self.window = false;
            *value = Rc::new(last_window(value, window).to_vec());
            self.kept += value.len();
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
        // What stands in the middle of a value begins there.
        let mut holds = || self.window && crate::extent::holds_a_file(&bytes, self.budget);
        if bytes.len() < 8 || !(asked || something || holds()) {
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
}

/// The end of a value from where whole groups of Base64 and of hexadecimal digits begin: of what is left out, a multiple of four
/// characters count, as line ends do not.
fn last_window(value: &[u8], window: usize) -> &[u8] {
    let most = value.len().saturating_sub(window);
    let counted = value.iter().take(most).filter(|b| !matches!(b, b'\r' | b'\n')).count();
    let mut more = counted % 4;
    let mut from = most;
    while let Some(byte) = from.checked_sub(1).and_then(|at| value.get(at)).filter(|_| more > 0) {
        more -= usize::from(!matches!(byte, b'\r' | b'\n'));
        from -= 1;
    }
    value.get(from..).unwrap_or_default()
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
