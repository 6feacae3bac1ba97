//! PDF objects (ISO 32000-1, 7.3), read from anywhere: no cross-reference table is believed.

use crate::{Budget, OpenError};
use std::cell::{Cell, RefCell};
use std::collections::btree_map::Entry;
use std::collections::{BTreeMap, HashMap};
use std::ops::Range;

/// Arrays and dictionaries inside each other.
const MOST_DEPTH: u32 = 48;
/// Bytes that are read beyond four times a document's own: objects may overlap.
const MOST_AGAIN: usize = 64 << 20;
/// Revisions of one object that are followed from where it is referred to.
pub(super) const MOST_REVISIONS: usize = 1_000;
/// References followed from one to the next; what is not reached is no number, name or dictionary to whoever asks.
const MOST_STEPS: u32 = 16;
/// Bytes of a comment between an object's number and its keyword.
const LONGEST_COMMENT: usize = 4096;
/// Said where an object nests deeper than is followed.
pub(super) const TOO_DEEP: &str = "an object nests more than 48 arrays and dictionaries, and only so many are read";

/// An object's value.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Value {
    /// Null, a boolean or a real number: nothing that is needed here.
    Other,
    Integer(i64),
    Text(Vec<u8>),
    Name(String),
    Array(Vec<Value>),
    Dictionary(BTreeMap<String, Value>),
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
    /// It has none that can be looked at, and why.
    Undecoded(&'static str),
}

/// Objects by their numbers, in every revision.
pub(super) struct Index<'d> {
    pub(super) objects: &'d [Object],
    places: HashMap<u32, Vec<usize>>,
    /// Whether something has more revisions than are followed.
    more: Cell<bool>,
    /// Objects whose revisions were compared, and whether they differ.
    compared: RefCell<HashMap<u32, bool>>,
}

impl<'d> Index<'d> {
    pub(super) fn new(objects: &'d [Object]) -> Self {
        let mut places: HashMap<u32, Vec<usize>> = HashMap::new();
        for (place, object) in objects.iter().enumerate() {
            places.entry(object.number).or_default().push(place);
        }
        Self { objects, places, more: Cell::new(false), compared: RefCell::default() }
    }

    /// Every revision of an object, the oldest first, as far as they are followed.
    pub(super) fn revisions(&self, number: u32) -> impl Iterator<Item = &'d Object> {
        let objects = self.objects;
        let places = self.places.get(&number).map(Vec::as_slice).unwrap_or_default();
        let followed = places.get(..MOST_REVISIONS).unwrap_or(places);
        if followed.len() < places.len() {
            self.more.set(true);
        }
        followed.iter().filter_map(move |place| objects.get(*place))
    }

    /// Why not every revision was followed, if they were not.
    pub(super) fn overflow(&self) -> Option<String> {
        let reason = "an object has more than 1000 revisions, and only so many are looked at";
        self.more.get().then(|| reason.to_owned())
    }

    /// A value itself, or the newest object that it leads to; a reference where it leads nowhere.
    pub(super) fn direct(&self, mut value: &'d Value) -> &'d Value {
        // LIMIT: what is not reached stays a reference, and whoever needs a number, name or dictionary there says so.
        for _ in 0..MOST_STEPS {
            let Value::Reference(number) = value else { break };
            let newest = self.places.get(number).and_then(|places| places.last());
            let Some(object) = newest.and_then(|place| self.objects.get(*place)) else { break };
            value = &object.value;
        }
        value
    }

    /// Whether the revisions of what a value refers to differ, so that programs may differ in which they take.
    pub(super) fn differs(&self, value: &Value) -> bool {
        let Value::Reference(number) = value else { return false };
        if let Some(known) = self.compared.borrow().get(number) {
            return *known;
        }
        let mut revisions = self.revisions(*number).map(|object| &object.value);
        let first = revisions.next();
        let differs = revisions.any(|value| Some(value) != first);
        self.compared.borrow_mut().insert(*number, differs);
        differs
    }

    /// Whether a value, or a revision of what it refers to, is this name.
    pub(super) fn is_name(&self, value: &Value, name: &str) -> bool {
        match value {
            Value::Reference(number) => self.revisions(*number).any(|object| object.value.is_name(name)),
            value => value.is_name(name),
        }
    }
}

/// What reading objects may still cost, and whether some were not read to their end.
pub(super) struct Work {
    left: usize,
    /// Bytes that were read since the budget was told.
    read: u64,
    too_deep: bool,
}

impl Work {
    /// For a document of so many bytes.
    pub(super) fn new(bytes: usize) -> Self {
        let mut work = Self { left: MOST_AGAIN, read: 0, too_deep: false };
        work.allow(bytes);
        work
    }

    /// Allows for bytes that were unpacked.
    pub(super) fn allow(&mut self, bytes: usize) {
        self.left = self.left.saturating_add(bytes.saturating_mul(4));
    }

    /// Tells the budget what was read.
    pub(super) fn tell(&mut self, budget: &mut Budget) -> Result<(), OpenError> {
        budget.step(16 + 2 * std::mem::take(&mut self.read)).map_err(OpenError::Limit)
    }

    /// Whether nothing more may be read.
    pub(super) fn spent(&self) -> bool {
        self.left == 0
    }

    /// Why not everything was read, if it was not.
    pub(super) fn incomplete(&self) -> Vec<&'static str> {
        let spent = self.spent().then_some("its objects overlap, and come to more than four times its size");
        spent.into_iter().chain(self.too_deep.then_some(TOO_DEEP)).collect()
    }

    fn charge(&mut self, lexer: &Lexer<'_>, from: usize) {
        let read = lexer.at.saturating_sub(from);
        self.left = self.left.saturating_sub(read);
        self.read = self.read.saturating_add(read as u64);
        self.too_deep |= lexer.too_deep;
    }
}

/// The object whose `obj` keyword is at `keyword`, and other ways to read what is in it ([`Lexer::others`]).
pub(super) fn read_at(bytes: &[u8], keyword: usize, work: &mut Work) -> Option<(Object, Vec<Object>)> {
    let number = number_before(bytes.get(..keyword)?)?;
    let mut lexer = Lexer::new(bytes, keyword + 3);
    let value = lexer.value(0);
    let stream = match &value {
        Some(value @ Value::Dictionary(_)) => lexer.stream(value),
        _ => None,
    };
    work.charge(&lexer, keyword);
    let others = std::mem::take(&mut lexer.others).into_iter().map(|(depth, value)| {
        let stream = stream.clone().filter(|_| depth == 0);
        Object { number, value, stream: stream.map(Stream::Range) }
    });
    let others = others.collect();
    Some((Object { number, value: value?, stream: stream.map(Stream::Range) }, others))
}

/// The object in unpacked bytes at `at`, and other ways to read what is in it.
pub(super) fn packed_at(bytes: &[u8], at: usize, number: u32, work: &mut Work) -> Option<(Object, Vec<Object>)> {
    let mut lexer = Lexer::new(bytes, at);
    let value = lexer.value(0);
    work.charge(&lexer, at);
    let others = std::mem::take(&mut lexer.others).into_iter();
    let others = others.map(|(_, value)| Object { number, value, stream: None }).collect();
    Some((Object { number, value: value?, stream: None }, others))
}

/// A value alone, such as a trailer.
pub(super) fn value_at(bytes: &[u8], at: usize, work: &mut Work) -> Option<Value> {
    packed_at(bytes, at, 0, work).map(|(object, _)| object.value)
}

/// Whether a stream's data ends here.
pub(super) fn ends_at(bytes: &[u8], end: usize) -> bool {
    let rest = bytes.get(end..);
    rest.is_some_and(|rest| rest.get(..32).unwrap_or(rest).trim_ascii_start().starts_with(b"endstream"))
}

/// The object number of `N G ` right before the keyword, however much space there is and with comments between (7.2.3).
fn number_before(before: &[u8]) -> Option<u32> {
    let (before, generation) = digits_at_end(without_space(before))?;
    let trimmed = without_space(before);
    // Data right before the number, such as `endobj1 0 obj`, does not hide it.
    let (_, number) = digits_at_end(trimmed)?;
    if trimmed.len() == before.len() {
        return None;
    }
    std::str::from_utf8(generation).ok()?.parse::<u32>().ok()?;
    std::str::from_utf8(number).ok()?.parse().ok()
}

/// Without the space and the comments at the end. A comment is looked for only behind what is neither space nor a digit,
/// as hardly any `obj` has, so that long lines are not searched again and again.
fn without_space(mut bytes: &[u8]) -> &[u8] {
    loop {
        let end = bytes.iter().rposition(|byte| !is_space(*byte)).map_or(0, |last| last + 1);
        let ends_line = bytes.get(end..).is_some_and(|space| memchr::memchr2(b'\r', b'\n', space).is_some());
        bytes = bytes.get(..end).unwrap_or_default();
        if !ends_line {
            return bytes;
        }
        let start = bytes.len().saturating_sub(LONGEST_COMMENT);
        let line = bytes.get(start..).unwrap_or_default();
        let line = line.rsplit(|byte| matches!(byte, b'\r' | b'\n')).next().unwrap_or_default();
        let Some(mark) = memchr::memchr(b'%', line) else { return bytes };
        // A `%` behind something else may be data: what is right before the comment must be space or a number.
        let kept = bytes.len() - line.len() + mark;
        bytes = bytes.get(..kept).unwrap_or_default();
    }
}

/// What stands before the digits at the end, and the digits.
fn digits_at_end(bytes: &[u8]) -> Option<(&[u8], &[u8])> {
    let digits = bytes.iter().rev().take_while(|byte| byte.is_ascii_digit()).count();
    bytes.split_at_checked(bytes.len() - digits)
}

/// Reads values from bytes.
pub(super) struct Lexer<'b> {
    bytes: &'b [u8],
    at: usize,
    /// Arrays and dictionaries that are open.
    arrays: u32,
    dictionaries: u32,
    /// Whether something nests deeper than is followed.
    too_deep: bool,
    /// Dictionaries with several entries of one name as they are to a reader that takes the first, each with its depth.
    others: Vec<(u32, Value)>,
}

impl<'b> Lexer<'b> {
    pub(super) fn new(bytes: &'b [u8], at: usize) -> Self {
        Self { bytes, at, arrays: 0, dictionaries: 0, too_deep: false, others: Vec::new() }
    }
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
            self.too_deep = true;
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
        self.arrays += 1;
        let mut values = Vec::new();
        loop {
            self.skip_space();
            match self.peek() {
                None => break,
                Some(b']') => {
                    self.at += 1;
                    break;
                }
                // Marks that end nothing: skipped, as readers do.
                Some(b')' | b'{' | b'}') => self.at += 1,
                Some(b'>') if self.dictionaries == 0 => self.at += 1,
                _ => match self.value(depth + 1) {
                    Some(value) => values.push(value),
                    None => break,
                },
            }
        }
        self.arrays -= 1;
        Some(Value::Array(values))
    }

    fn dictionary(&mut self, depth: u32) -> Option<Value> {
        self.at += 2;
        self.dictionaries += 1;
        let mut entries = BTreeMap::new();
        // Of several entries of one name readers take the last, or the first.
        let mut first = BTreeMap::new();
        loop {
            self.skip_space();
            match self.peek() {
                None => break,
                Some(b'>') => {
                    self.at += 2;
                    break;
                }
                Some(b')' | b'{' | b'}') => self.at += 1,
                Some(b']') if self.arrays == 0 => self.at += 1,
                Some(b'/') => {
                    let key = self.name();
                    match self.value(depth + 1) {
                        Some(value) => enter(key, value, &mut entries, &mut first),
                        // A name without a value, and then an end or a mark.
                        None if matches!(self.peek(), Some(b'>' | b')' | b'{' | b'}')) => {}
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
        self.dictionaries -= 1;
        if !first.is_empty() {
            for (key, value) in &entries {
                let plain = matches!(value, Value::Name(_) | Value::Text(_) | Value::Reference(_) | Value::Integer(_));
                if plain && !first.contains_key(key) {
                    first.insert(key.clone(), value.clone());
                }
            }
            self.others.push((depth, Value::Dictionary(first)));
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
            && ends_at(self.bytes, end)
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

/// Adds an entry; the first of several of one name, where they differ, goes to `first`.
fn enter(key: String, value: Value, entries: &mut BTreeMap<String, Value>, first: &mut BTreeMap<String, Value>) {
    match entries.entry(key) {
        Entry::Vacant(slot) => {
            slot.insert(value);
        }
        Entry::Occupied(mut slot) if *slot.get() != value => {
            let earlier = slot.insert(value);
            first.entry(slot.key().clone()).or_insert(earlier);
        }
        Entry::Occupied(_) => {}
    }
}

fn is_space(byte: u8) -> bool {
    matches!(byte, 0 | 9 | 10 | 12 | 13 | 32)
}

fn is_delimiter(byte: u8) -> bool {
    matches!(byte, b'(' | b')' | b'<' | b'>' | b'[' | b']' | b'{' | b'}' | b'/' | b'%')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn objects_that_overlap_are_not_read_for_ever() {
        let bytes = "1 0 obj (".repeat(20);
        let mut work = Work { left: 500, read: 0, too_deep: false };
        let keywords: Vec<usize> = memchr::memmem::find_iter(bytes.as_bytes(), b"obj").collect();
        for keyword in &keywords {
            assert!(read_at(bytes.as_bytes(), *keyword, &mut work).is_some());
        }
        assert!(work.spent() && work.incomplete().iter().any(|reason| reason.contains("overlap")));
        let mut work = Work::new(bytes.len());
        keywords.iter().for_each(|keyword| assert!(read_at(bytes.as_bytes(), *keyword, &mut work).is_some()));
        assert!(!work.spent() && work.incomplete().is_empty());
    }

    #[test]
    fn marks_that_end_nothing_are_passed_over() {
        for text in ["<</A 1]/B(x)>>", "<</A}/B(x)>>", "<</A/X/B(x){>>", "<</A[1}2]/B(x)/C>>"] {
            let value = value_at(text.as_bytes(), 0, &mut Work::new(0));
            let found = value.as_ref().and_then(|value| value.get("B"));
            assert_eq!(found, Some(&Value::Text(b"x".to_vec())), "{text}");
        }
    }
}
