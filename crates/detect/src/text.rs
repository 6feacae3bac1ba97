//! Bytes as text: decoded whatever the encoding, and normalised so that cheap disguises fall away.

use encoding_rs::{Encoding, UTF_8, UTF_16BE, UTF_16LE};
use regex::{Captures, Regex};
use std::borrow::Cow;

/// Characters of evidence that a finding keeps.
const EXCERPT: usize = 200;
/// Bytes looked at to tell UTF-16 without a byte order mark.
const SNIFF: usize = 4096;

/// Declares patterns, each of which is compiled once, on first use, and a test that compiles them all.
macro_rules! patterns {
    ($($name:ident = $pattern:expr;)*) => {
        $(static $name: std::sync::LazyLock<regex::Regex> =
            std::sync::LazyLock::new(|| $crate::text::compiled($pattern));)*

        /// Compiles every pattern here, so that children that are forked later need not. None is asked anything: what a pattern
        /// learns while it looks is kept for the thread that asked first.
        #[allow(dead_code, reason = "only what most files need is built before any is looked at")]
        pub(crate) fn build() {
            $(std::sync::LazyLock::force(&$name);)*
        }

        #[test]
        fn every_pattern_compiles() {
            $(std::sync::LazyLock::force(&$name);)*
        }
    };
}
pub(crate) use patterns;

thread_local! {
    /// Patterns that this thread compiled.
    static COMPILED: std::cell::Cell<usize> = const { std::cell::Cell::new(0) };
}

/// How many patterns this thread compiled so far: none while files are looked at, if [`crate::warm_up`] knows its work.
#[doc(hidden)]
pub fn patterns_compiled() -> usize {
    COMPILED.get()
}

/// For `patterns!` alone: every text that comes here is a constant.
#[expect(clippy::expect_used, reason = "a constant pattern; `patterns!` makes a test that compiles it")]
pub(crate) fn compiled(pattern: &str) -> Regex {
    COMPILED.set(COMPILED.get() + 1);
    Regex::new(&small(pattern)).expect("a constant pattern")
}

/// The same pattern with classes that take little memory, of which each process has its own: `\w` is every letter of every script,
/// with some hundred ranges, and `\b` has to look at whole characters. Here what is not ASCII counts as a letter for `\w`, and as none
/// for `\b`, so that whatever the pattern finds is found still.
fn small(pattern: &str) -> String {
    const WORD: &str = r"0-9A-Za-z_\x{80}-\x{10ffff}";
    let (mut small, mut in_class) = (String::with_capacity(pattern.len() + 64), false);
    let mut rest = pattern.chars();
    while let Some(c) = rest.next() {
        match c {
            '\\' => match rest.next() {
                Some('w') if in_class => small.push_str(WORD),
                Some('w') => small.extend(["[", WORD, "]"]),
                Some('d') if in_class => small.push_str("0-9"),
                Some('d') => small.push_str("[0-9]"),
                Some('b') if !in_class => small.push_str(r"(?-u:\b)"),
                Some(escaped) => small.extend(['\\', escaped]),
                None => small.push('\\'),
            },
            '[' => {
                in_class = true;
                small.push('[');
                // A bracket that stands first is a member.
                let mut ahead = rest.clone();
                let mut first = ahead.next();
                if first == Some('^') {
                    small.push('^');
                    rest = ahead.clone();
                    first = ahead.next();
                }
                if first == Some(']') {
                    small.push(']');
                    rest = ahead;
                }
            }
            ']' => {
                in_class = false;
                small.push(']');
            }
            c => small.push(c),
        }
    }
    small
}

patterns! {
    CODE = r#"(?:\bchr[wb]?\$?\s*\(\s*|\[char\]\s*\(?)(?:(?P<hex>&h|0x)(?P<h>[0-9a-f]{1,6})|(?P<d>[0-9]{1,7}))&?\s*\)?|\\x(?P<x>[0-9a-f]{2})|\\u00(?P<u>[0-9a-f]{2})"#;
    CODES = r"string\.fromcharcode\(\s*((?:(?:0x[0-9a-f]{1,4}|[0-9]{1,5})\s*,?\s*)+)\)";
    JOIN_DOUBLE = "\"[ \\t\\r\\n]*[+&][ \\t\\r\\n]*\"";
    JOIN_SINGLE = r"'[ \t\r\n]*\+[ \t\r\n]*'";
    // Between two words a comment parts them as a space does; elsewhere it is nothing.
    INNER_COMMENT = r"(?:(\b)/\*[^*\r\n]{0,200}\*/\b)|/\*[^*\r\n]{0,200}\*/";
    ENTITY = r"(?i)&(?:#x(?P<x>[0-9a-f]{1,6})|#(?P<d>[0-9]{1,7})|(?P<n>quot|apos|lt|gt|amp|colon|lpar|rpar|tab|newline|nbsp|plus));";
    CONTINUED = r"[ \t]_[ \t]*\r?\n";
}

/// The bytes as text: by byte order mark, else UTF-16 where every other byte is zero, else UTF-8; never fails.
pub(crate) fn decode(bytes: &[u8]) -> Cow<'_, str> {
    if let Some((encoding, mark)) = Encoding::for_bom(bytes) {
        return encoding.decode_without_bom_handling(bytes.get(mark..).unwrap_or_default()).0;
    }
    // LIMIT: a proportion.
    let head = bytes.get(..SNIFF.min(bytes.len())).unwrap_or_default();
    let (mut even, mut odd) = (0, 0);
    for pair in head.chunks_exact(2) {
        match pair {
            [0, second] if *second != 0 => even += 1,
            [first, 0] if *first != 0 => odd += 1,
            _ => {}
        }
    }
    let most = head.len() / 2 * 7 / 10;
    let encoding = match () {
        () if head.len() >= 8 && odd > most => UTF_16LE,
        () if head.len() >= 8 && even > most => UTF_16BE,
        () => UTF_8,
    };
    encoding.decode_without_bom_handling(bytes).0
}

/// Lower case, without escape characters, with character codes replaced by their characters and with literals that are
/// added up joined.
pub(crate) fn normalise(text: &str) -> String {
    let dropped = |c: char| matches!(c, '^' | '`' | '\0' | '\u{ad}' | '\u{200b}');
    let mut plain = String::with_capacity(text.len());
    // Piece by piece: most texts have few of these or none.
    text.split(dropped).for_each(|piece| plain.push_str(piece));
    plain.make_ascii_lowercase();
    let plain = replace(&CONTINUED, plain, |_| " ".into());
    let plain = replace(&CODES, plain, |found| {
        let numbers = found.get(1).map_or("", |m| m.as_str());
        quoted(&numbers.split(',').filter_map(|n| number(n.trim())).collect::<String>())
    });
    let plain = replace(&CODE, plain, |found| {
        let group = |name: &str, radix: u32| found.name(name).and_then(|m| u32::from_str_radix(m.as_str(), radix).ok());
        if let Some(code) = group("x", 16).or_else(|| group("u", 16)) {
            return char::from_u32(code).map(|c| c.to_ascii_lowercase().to_string()).unwrap_or_default();
        }
        let code = group("h", 16).or_else(|| group("d", 10)).and_then(char::from_u32);
        quoted(&code.map(|c| c.to_ascii_lowercase().to_string()).unwrap_or_default())
    });
    let plain = replace(&JOIN_DOUBLE, plain, |_| String::new());
    replace(&JOIN_SINGLE, plain, |_| String::new())
}

/// With the character references of HTML (WHATWG HTML, 13.5) that disguise code or stand in ordinary text replaced.
pub(crate) fn without_entities(text: &str) -> String {
    let replaced = ENTITY.replace_all(text, |found: &Captures<'_>| {
        let code = |name, radix| found.name(name).and_then(|m| u32::from_str_radix(m.as_str(), radix).ok());
        if let Some(code) = code("x", 16).or_else(|| code("d", 10)) {
            return char::from_u32(code).map(String::from).unwrap_or_default();
        }
        let name = found.name("n").map(|m| m.as_str().to_ascii_lowercase());
        match name.as_deref() {
            Some("quot") => "\"",
            Some("apos") => "'",
            Some("lt") => "<",
            Some("gt") => ">",
            Some("amp") => "&",
            Some("colon") => ":",
            Some("lpar") => "(",
            Some("rpar") => ")",
            Some("nbsp") => " ",
            Some("plus") => "+",
            _ => "",
        }
        .to_owned()
    });
    replaced.into_owned()
}

/// Leaves out the lines that are comments in this kind of script, so that prose is not taken for code.
pub(crate) fn without_comments(kind: &str, text: &str) -> String {
    let is_comment = |line: &str| {
        let line = line.trim_start();
        let word = line.get(..4).unwrap_or(line).to_ascii_lowercase();
        match kind {
            "vbs" | "vba" => line.starts_with('\'') || word == "rem ",
            "bat" => line.starts_with("::") || word == "rem " || word == "rem",
            "ps1" => line.starts_with('#') && !line.contains("#>"),
            "sh" => line.starts_with('#'),
            "js" | "js-embedded" => line.starts_with("//") && !line.contains("*/"),
            _ => false,
        }
    };
    text.split_inclusive('\n').filter(|line| !is_comment(line)).collect()
}

/// Leaves out short comments between the words of a line of JavaScript, which break up what patterns look for.
pub(crate) fn without_inner_comments(text: &str) -> String {
    replace(&INNER_COMMENT, text.to_owned(), |found| if found.get(1).is_some() { " ".into() } else { String::new() })
}

/// The first match as evidence, cut to a length people read.
pub(crate) fn excerpt(pattern: &Regex, text: &str) -> Option<String> {
    pattern.find(text).map(|found| cut(found.as_str()))
}

/// [`excerpt`] up to the end of the line: patterns need not spell the rest out.
pub(crate) fn excerpt_line(pattern: &Regex, text: &str) -> Option<String> {
    pattern.find(text).map(|found| cut(up_to(text, found.start(), |c| matches!(c, '\r' | '\n'))))
}

/// What stands from a place on, up to the first character that ends it.
pub(crate) fn up_to(text: &str, from: usize, ends: impl Fn(char) -> bool) -> &str {
    let rest = text.get(from..).unwrap_or_default();
    rest.get(..rest.find(ends).unwrap_or(rest.len())).unwrap_or_default()
}

/// At most 200 characters of a text.
pub(crate) fn cut(text: &str) -> String {
    // LIMIT: evidence for people.
    text.trim().chars().map(|c| if c.is_control() { ' ' } else { c }).take(EXCERPT).collect()
}

fn replace(pattern: &Regex, text: String, with: impl Fn(&Captures<'_>) -> String) -> String {
    match pattern.replace_all(&text, with) {
        Cow::Borrowed(_) => text,
        Cow::Owned(changed) => changed,
    }
}

fn number(text: &str) -> Option<char> {
    let code = match text.strip_prefix("0x") {
        Some(hex) => u32::from_str_radix(hex, 16).ok()?,
        None => text.parse().ok()?,
    };
    char::from_u32(code).map(|c| c.to_ascii_lowercase())
}

fn quoted(text: &str) -> String {
    format!("\"{text}\"")
}

#[cfg(test)]
mod tests {
    use super::{decode, normalise, small, without_comments};
    use regex::Regex;

    #[test]
    fn a_small_pattern_finds_whatever_the_same_pattern_found() {
        for (pattern, smaller) in [
            (r"\bIEX\b", r"(?-u:\b)IEX(?-u:\b)"),
            (r"[\w$]+\s\d", r"[0-9A-Za-z_\x{80}-\x{10ffff}$]+\s[0-9]"),
            (r"\w", r"[0-9A-Za-z_\x{80}-\x{10ffff}]"),
            (r"[^]\d]\\b[]\w]", r"[^]0-9]\\b[]0-9A-Za-z_\x{80}-\x{10ffff}]"),
            (r"\[\b\]\S\x41", r"\[(?-u:\b)\]\S\x41"),
        ] {
            assert_eq!(small(pattern), smaller, "{pattern}");
        }
        for (pattern, text) in [
            (r"(?i)\biex\b", "é IEX"),
            (r"(?i)\biex\b", "éIEX(1)"),
            (r"^\w+ = \w", "größe_ж = й"),
            (r"(?i)[\w$]{3}\(", "Straße("),
        ] {
            assert!(Regex::new(&small(pattern)).unwrap().is_match(text), "{pattern} in {text}");
        }
    }

    #[test]
    fn text_is_decoded_whatever_its_encoding() {
        let wide = |mark: &[u16], swap: bool| -> Vec<u8> {
            let units = mark.iter().copied().chain("powershell".encode_utf16());
            units.flat_map(|u| if swap { u.to_be_bytes() } else { u.to_le_bytes() }).collect()
        };
        for bytes in [
            b"powershell".to_vec(),
            b"\xef\xbb\xbfpowershell".to_vec(),
            wide(&[], false),
            wide(&[], true),
            wide(&[0xfeff], false),
            wide(&[0xfeff], true),
        ] {
            assert_eq!(decode(&bytes), "powershell");
        }
        assert_eq!(decode(b"a\xffb"), "a\u{fffd}b");
    }

    #[test]
    fn disguises_fall_away() {
        for (disguised, plain) in [
            ("P^o^wer^Shell", "powershell"),
            ("\"WScr\" & \"ipt.Sh\" + \"ell\"", "\"wscript.shell\""),
            ("Chr(87) & Chr(&H53) & ChrW(99)", "\"wsc\""),
            ("String.fromCharCode(65, 0x42)", "\"ab\""),
            ("'\\x57Script' + '.Shell'", "'wscript.shell'"),
            ("[char]73+[char]69", "\"ie\""),
        ] {
            assert_eq!(normalise(disguised), plain);
        }
    }

    #[test]
    fn only_comment_lines_are_left_out() {
        assert_eq!(without_comments("vbs", "' run it\nx = 1\n"), "x = 1\n");
        assert_eq!(without_comments("js", "//*/evil()"), "//*/evil()");
        assert_eq!(without_comments("bat", "REM curl\r\n:: x\r\necho remark"), "echo remark");
    }
}
