//! Words, numbers, marks and texts of a script, one after the other (ECMA-262, 12; other languages are near enough).

use super::{LARGE, Reader, Token, decode};

impl<'t> Reader<'t, '_> {
    pub(super) fn next(&mut self) -> Token<'t> {
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
