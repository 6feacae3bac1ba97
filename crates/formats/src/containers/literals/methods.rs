//! What scripts do to a literal before they decode it: `replace`, `split`, `reverse` and `join` with constants.

use super::{Reader, Token, Value};
use std::rc::Rc;

/// Texts of an array, in order.
pub(super) type Pieces = Vec<Vec<u8>>;

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

impl Reader<'_> {
    /// Applies the method whose name was just read, and those that are called on what it gives; none where what it would give is
    /// not known. Reads on behind the calls that were understood.
    pub(super) fn applied(&mut self, mut subject: Subject, first: &[u8]) -> Option<Value> {
        let mut method = first.to_ascii_lowercase();
        loop {
            subject = self.called(subject, &method)?;
            self.kept += match &subject {
                Subject::Text(text) => text.len(),
                Subject::Pieces(pieces) => pieces.iter().map(Vec::len).sum::<usize>() + pieces.len(),
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
                Some(Subject::Text(Rc::new(pattern.replace(&text, &with))))
            }
            (b"split", Subject::Text(text)) => {
                self.expect(b'(')?;
                let pattern = self.pattern()?;
                self.expect(b')')?;
                Some(Subject::Pieces(pattern.split(&text)))
            }
            (b"reverse" | b"toreversed", Subject::Pieces(mut pieces)) => {
                self.expect(b'(')?;
                self.expect(b')')?;
                pieces.reverse();
                Some(Subject::Pieces(pieces))
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
                Some(Subject::Text(Rc::new(pieces.join(&*between))))
            }
            (b"trim" | b"tostring" | b"valueof", subject) => {
                self.expect(b'(')?;
                self.expect(b')')?;
                Some(subject)
            }
            _ => None,
        }
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
        let (mut at, mut in_class) = (start, false);
        loop {
            match self.text.get(at)? {
                b'\n' => return None,
                b'\\' => at += 1,
                b'[' => in_class = true,
                b']' => in_class = false,
                b'/' if !in_class => break,
                _ => {}
            }
            at += 1;
        }
        let expression = self.text.get(start..at)?;
        self.at = at + 1;
        while self.text.get(self.at).is_some_and(u8::is_ascii_alphabetic) {
            self.at += 1;
        }
        Pattern::of_expression(expression)
    }
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

    fn replace(&self, text: &[u8], with: &[u8]) -> Vec<u8> {
        self.split(text).join(with)
    }

    fn split(&self, text: &[u8]) -> Pieces {
        match self {
            Self::Text(mark) if mark.is_empty() => text.iter().map(|byte| vec![*byte]).collect(),
            Self::Text(mark) => {
                let (mut pieces, mut from) = (Vec::new(), 0);
                for at in memchr::memmem::find_iter(text, mark) {
                    pieces.push(text.get(from..at).unwrap_or_default().to_vec());
                    from = at + mark.len();
                }
                pieces.push(text.get(from..).unwrap_or_default().to_vec());
                pieces
            }
            Self::Class(set) => {
                text.split(|byte| set.get(usize::from(*byte)).copied().unwrap_or(false)).map(<[u8]>::to_vec).collect()
            }
        }
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
    use super::super::payloads;

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
