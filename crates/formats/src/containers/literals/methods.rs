//! What scripts do to a literal before they decode it: `replace`, `split`, `reverse` and `join` with constants.

use super::{MOST_BYTES, Reader, Token, Value};
use std::rc::Rc;

/// Characters that a regular expression of a text or a class has: longer ones are neither.
const LONGEST: usize = 1 << 10;
/// Pieces of one text: a letter each of a large one.
const MOST_PIECES: usize = 8 << 20;

/// Texts of an array, in order, one behind the other: a letter is a text, too.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Pieces {
    bytes: Vec<u8>,
    /// Where each ends; texts of scripts are shorter than 4 GiB.
    ends: Vec<u32>,
}

impl Pieces {
    pub(super) fn push(&mut self, text: &[u8]) {
        self.bytes.extend_from_slice(text);
        self.ends.push(u32::try_from(self.bytes.len()).unwrap_or(u32::MAX));
    }

    pub(super) fn len(&self) -> usize {
        self.ends.len()
    }

    /// Bytes that they take.
    pub(super) fn size(&self) -> usize {
        self.bytes.len() + self.ends.len() * size_of::<u32>()
    }

    fn iter(&self) -> impl DoubleEndedIterator<Item = &[u8]> {
        (0..self.ends.len()).map(move |place| {
            let start = place.checked_sub(1).and_then(|before| self.ends.get(before)).copied().unwrap_or(0);
            let end = self.ends.get(place).copied().unwrap_or(0);
            self.bytes.get(start as usize..end as usize).unwrap_or_default()
        })
    }

    fn reversed(&self) -> Self {
        let mut turned = Self::default();
        self.iter().rev().for_each(|piece| turned.push(piece));
        turned
    }

    fn join(&self, between: &[u8]) -> Vec<u8> {
        let mut out = Vec::with_capacity(self.bytes.len() + between.len() * self.ends.len());
        for (place, piece) in self.iter().enumerate() {
            if place > 0 {
                out.extend_from_slice(between);
            }
            out.extend_from_slice(piece);
        }
        out
    }
}

/// What a method is called on.
pub(super) enum Subject {
    Text(Value),
    Pieces(Pieces),
}

/// What is replaced.
enum Pattern {
    Text(Vec<u8>),
    /// A class of bytes, as a regular expression of one character has it.
    Class(Box<[bool; 256]>),
}

impl Reader<'_, '_> {
    /// Applies the method whose name was just read, and those that are called on what it gives; none where what it would give is
    /// not known. Reads on behind the calls that were understood.
    pub(super) fn applied(&mut self, mut subject: Subject, first: &[u8]) -> Option<Value> {
        let mut method = first.to_ascii_lowercase();
        loop {
            subject = self.called(subject, &method)?;
            self.kept += match &subject {
                Subject::Text(text) => text.len(),
                Subject::Pieces(pieces) => pieces.size(),
            };
            let before = self.at;
            match (self.next_method(), subject) {
                (Some(next), left) => {
                    method = next;
                    subject = left;
                }
                (None, Subject::Text(text)) => {
                    self.at = before;
                    return Some(text);
                }
                (None, Subject::Pieces(_)) => {
                    self.at = before;
                    return None;
                }
            }
        }
    }

    /// The name behind a dot, in small letters.
    pub(super) fn next_method(&mut self) -> Option<Vec<u8>> {
        loop {
            match self.next() {
                Token::Mark(b'.') => break,
                Token::Mark(b'\n') => {}
                _ => return None,
            }
        }
        match self.next() {
            Token::Word(name) => Some(name.to_ascii_lowercase()),
            _ => None,
        }
    }

    fn called(&mut self, subject: Subject, method: &[u8]) -> Option<Subject> {
        match (method, subject) {
            (b"replace" | b"replaceall", Subject::Text(text)) => {
                self.expect(b'(')?;
                let pattern = self.pattern()?;
                self.expect(b',')?;
                let Token::Text(with) = self.next() else { return None };
                self.expect(b')')?;
                let pieces = self.split(&pattern, &text)?;
                self.room(pieces.len().saturating_mul(with.len()).saturating_add(pieces.size()))?;
                Some(Subject::Text(Rc::new(pieces.join(&with))))
            }
            (b"split", Subject::Text(text)) => {
                self.expect(b'(')?;
                let pattern = self.pattern()?;
                self.expect(b')')?;
                self.split(&pattern, &text).map(Subject::Pieces)
            }
            (b"reverse" | b"toreversed", Subject::Pieces(pieces)) => {
                self.expect(b'(')?;
                self.expect(b')')?;
                Some(Subject::Pieces(pieces.reversed()))
            }
            (b"join", Subject::Pieces(pieces)) => {
                self.expect(b'(')?;
                let between = match self.next() {
                    Token::Text(between) => {
                        self.expect(b')')?;
                        between
                    }
                    Token::Mark(b')') => b",".to_vec(),
                    _ => return None,
                };
                self.room(pieces.len().saturating_mul(between.len()).saturating_add(pieces.size()))?;
                Some(Subject::Text(Rc::new(pieces.join(&between))))
            }
            (b"trim" | b"tostring" | b"valueof", subject) => {
                self.expect(b'(')?;
                self.expect(b')')?;
                Some(subject)
            }
            _ => None,
        }
    }

    /// A text in pieces; none where they are more than is kept, which is said.
    fn split(&mut self, pattern: &Pattern, text: &[u8]) -> Option<Pieces> {
        self.room(text.len())?;
        let pieces = pattern.split(text);
        if pieces.is_none() {
            self.payloads.incomplete = Some("a text in it falls into more than 8,388,608 pieces");
        }
        pieces
    }

    /// Counts bytes that are to be copied; none where there is no room for them, which the reader says.
    fn room(&mut self, bytes: usize) -> Option<()> {
        self.kept = self.kept.saturating_add(bytes);
        // LIMIT: the reader says that its literals come to more.
        (self.kept <= MOST_BYTES + 8 * self.text.len()).then_some(())
    }

    fn expect(&mut self, mark: u8) -> Option<()> {
        matches!(self.next(), Token::Mark(found) if found == mark).then_some(())
    }

    /// A text or a regular expression as an argument.
    fn pattern(&mut self) -> Option<Pattern> {
        while self.text.get(self.at).is_some_and(u8::is_ascii_whitespace) {
            self.at += 1;
        }
        if self.text.get(self.at) != Some(&b'/') {
            let Token::Text(text) = self.next() else { return None };
            return Some(Pattern::Text(text));
        }
        let start = self.at + 1;
        let rest = self.text.get(start..)?;
        let (read, ended) = expression(rest);
        // An exhausted budget shows where tokens are read.
        let _ = self.budget.step(read as u64);
        let expression = rest.get(..read).filter(|_| ended)?;
        self.at = start + read + 1;
        while self.text.get(self.at).is_some_and(u8::is_ascii_alphabetic) {
            self.at += 1;
        }
        Pattern::of_expression(expression)
    }
}

/// How much of a regular expression was read, and whether it ends there.
fn expression(text: &[u8]) -> (usize, bool) {
    let (mut at, mut in_class) = (0, false);
    // LIMIT: one that is longer is neither a text nor a class, and what it gives is not known in any case.
    while at <= LONGEST {
        match text.get(at) {
            None | Some(b'\n') => break,
            Some(b'\\') => at += 1,
            Some(b'[') => in_class = true,
            Some(b']') => in_class = false,
            Some(b'/') if !in_class => return (at, true),
            Some(_) => {}
        }
        at += 1;
    }
    (at, false)
}

impl Pattern {
    /// A regular expression that is a text or a class, repeated or not; none where it is more than that.
    fn of_expression(expression: &[u8]) -> Option<Self> {
        let expression = expression.strip_suffix(b"+").unwrap_or(expression);
        if let Some(inner) = expression.strip_prefix(b"[").and_then(|rest| rest.strip_suffix(b"]")) {
            return class(inner);
        }
        if let [b'\\', letter @ (b's' | b'W' | b'D' | b'S' | b'w' | b'd')] = expression {
            return class(&[b'\\', *letter]);
        }
        let mut text = Vec::new();
        let mut rest = expression;
        while let Some((first, after)) = rest.split_first() {
            match first {
                b'\\' => {
                    let (escaped, after) = after.split_first()?;
                    text.push(match escaped {
                        b'n' => b'\n',
                        b'r' => b'\r',
                        b't' => b'\t',
                        mark if mark.is_ascii_alphanumeric() => return None,
                        mark => *mark,
                    });
                    rest = after;
                    continue;
                }
                b'.' | b'*' | b'+' | b'?' | b'(' | b')' | b'[' | b']' | b'{' | b'}' | b'|' | b'^' | b'$' => {
                    return None;
                }
                plain => text.push(*plain),
            }
            rest = after;
        }
        (!text.is_empty()).then_some(Self::Text(text))
    }

    /// What stands between the places that fit; none where that is too much to be kept.
    fn split(&self, text: &[u8]) -> Option<Pieces> {
        let mut pieces = Pieces::default();
        let mut add = |piece: &[u8]| {
            pieces.push(piece);
            // LIMIT: more are not kept, which the caller says.
            (pieces.len() <= MOST_PIECES).then_some(())
        };
        match self {
            Self::Text(mark) if mark.is_empty() => text.chunks(1).try_for_each(&mut add)?,
            Self::Text(mark) => {
                let mut from = 0;
                for at in memchr::memmem::find_iter(text, mark) {
                    add(text.get(from..at).unwrap_or_default())?;
                    from = at + mark.len();
                }
                add(text.get(from..).unwrap_or_default())?;
            }
            Self::Class(set) => {
                let fits = |byte: &u8| set.get(usize::from(*byte)).copied().unwrap_or(false);
                text.split(fits).try_for_each(&mut add)?;
            }
        }
        Some(pieces)
    }
}

/// A class of characters (ECMA-262, 22.2.1).
fn class(inner: &[u8]) -> Option<Pattern> {
    let (negated, mut rest) = match inner.strip_prefix(b"^") {
        Some(rest) => (true, rest),
        None => (false, inner),
    };
    let mut set = Box::new([false; 256]);
    let mut put = |test: &dyn Fn(u8) -> bool| {
        set.iter_mut().enumerate().for_each(|(byte, slot)| *slot |= u8::try_from(byte).is_ok_and(test));
    };
    while let Some((first, after)) = rest.split_first() {
        rest = after;
        let low = match first {
            b'\\' => {
                let (escaped, after) = rest.split_first()?;
                rest = after;
                match escaped {
                    b's' => put(&|byte| byte.is_ascii_whitespace()),
                    b'S' => put(&|byte| !byte.is_ascii_whitespace()),
                    b'd' => put(&|byte| byte.is_ascii_digit()),
                    b'D' => put(&|byte| !byte.is_ascii_digit()),
                    b'w' => put(&|byte| byte.is_ascii_alphanumeric() || byte == b'_'),
                    b'W' => put(&|byte| !(byte.is_ascii_alphanumeric() || byte == b'_')),
                    b'n' => put(&|byte| byte == b'\n'),
                    b'r' => put(&|byte| byte == b'\r'),
                    b't' => put(&|byte| byte == b'\t'),
                    mark if mark.is_ascii_alphanumeric() => return None,
                    mark => put(&|byte| byte == *mark),
                }
                continue;
            }
            plain => *plain,
        };
        match rest {
            [b'-', high, after @ ..] if *high != b'\\' => {
                let high = *high;
                put(&|byte| (low..=high).contains(&byte));
                rest = after;
            }
            _ => put(&|byte| byte == low),
        }
    }
    if negated {
        set.iter_mut().for_each(|slot| *slot = !*slot);
    }
    Some(Pattern::Class(set))
}

#[cfg(test)]
mod tests {
    use super::super::Payloads;
    use super::{Pattern, Pieces};

    fn payloads(script: &str) -> Payloads {
        super::super::payloads(script, &mut crate::testing::budget())
    }

    #[test]
    fn pieces_are_put_together_as_they_were_taken_apart() {
        for (mark, text, joined) in
            [("", "abc", "a-b-c"), ("b", "abc", "a-c"), ("x", "abc", "abc"), ("ab", "abab", "--")]
        {
            let pieces = Pattern::Text(mark.as_bytes().to_vec()).split(text.as_bytes()).unwrap();
            assert_eq!(pieces.join(b"-"), joined.as_bytes(), "{mark} in {text}");
            assert_eq!(pieces.reversed().reversed(), pieces);
        }
        assert_eq!(Pieces::default().join(b"-"), b"");
    }

    #[test]
    fn expressions_that_never_end_are_read_once() {
        let steps = |count: usize| {
            let mut budget = crate::testing::budget();
            super::super::payloads(&format!("a = 'x'; {}", "a.split(/[".repeat(count)), &mut budget);
            budget.steps()
        };
        assert!(steps(20_000) <= 3 * steps(10_000));
    }

    #[track_caller]
    fn check(script: &str) {
        let found = payloads(script).found;
        assert!(found.contains(&b"LAZARET-MARKER".to_vec()), "{script}: {found:?}");
    }

    #[test]
    fn what_is_done_to_a_literal_before_it_is_decoded_is_done_here() {
        // TEFaQVJFVC1NQVJLRVI= is LAZARET-MARKER.
        for script in [
            "x(atob('TEF@aQV@JFVC1NQVJ@LRVI='.replace(/@/g, '')))",
            "var a = 'TEF@aQV@JFVC1NQVJ@LRVI='; x(atob(a.replaceAll('@', \"\")))",
            "var a = 'TEF@aQV@JFVC1NQVJ@LRVI='; var b = a.split('@').join(''); x(atob(b))",
            "x(atob('TEF#aQV!JFVC1NQVJ LRVI='.replace(/[^A-Za-z0-9+\\/=]/g, '')))",
            "x(atob('TEF#aQV!JFVC1NQVJ-LRVI='.replace(/[#!-]+/g, '')))",
            "x(atob('TEFxxaQVxxJFVC1NQVJxxLRVI='.replace(/xx/g, '').trim()))",
            "x(atob('=IVRLJVQN1CVFJVQaFET'.split('').reverse().join('')))",
            "x(atob(['TEFaQ','VJFVC1N','QVJLRVI='].join('')))",
            "var p = ['QVJLRVI=', 'VJFVC1N', 'TEFaQ']; x(atob(p.reverse().join('')))",
            "const p = [\n'TEFaQ',\n'VJFVC1N',\n'QVJLRVI=',\n];\nx(atob(p.join(\"\")));",
            "x(unescape('%4cAZARET%2DMARKER'))",
            "x(decodeURIComponent(\"%4C%41%5A%41%52%45%54%2d%4d%41%52%4b%45%52\"))",
        ] {
            check(script);
        }
    }

    #[test]
    fn what_is_not_understood_is_left_alone() {
        for script in [
            "x('a'.replace(/(a|b)*/g, f))",
            "x('a'.split(/",
            "x(['a', 'b'",
            "x('a'.replace('b'",
            "[].join('')",
            "'a'.split('').reverse()",
            "x('nothing here to decode at all, only a sentence'.replace(/ /g, '-'))",
        ] {
            assert!(payloads(script).found.is_empty(), "{script}");
        }
    }
}
