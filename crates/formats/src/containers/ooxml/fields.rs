//! Codes of fields and formulas: the places and commands in them.

use super::Found;
use crate::containers::shares::is_remote;
use crate::containers::xml::{Token, attribute, tokens, unescape, values};

/// What a link is to a document, which somebody has to click.
pub(in crate::containers) const HYPERLINK: &str = "hyperlink";
/// Words of fields that lead somewhere, each with what that is to the document.
const FIELDS: &[(&str, &str)] = &[
    ("INCLUDEPICTURE", "image"),
    ("IMPORT", "image"),
    ("INCLUDETEXT", "included text"),
    ("INCLUDE", "included text"),
    ("RD", "included text"),
    ("LINK", "oleLink"),
    ("DATABASE", "data source"),
    ("HYPERLINK", HYPERLINK),
];

/// Stands in a code where another field begins within it. It parts words as a blank does.
const NESTED: char = '\u{b}';
/// Quotes that Word takes around words.
const QUOTES: [char; 3] = ['"', '\u{201c}', '\u{201d}'];

impl Found {
    /// Field codes, whose letters may be spread over runs (ECMA-376-1, 17.16).
    pub(super) fn fields(&mut self, name: &str, text: &str) {
        let (mut inside, mut code) = (false, String::new());
        for token in tokens(text) {
            match token {
                Token::Open("instrText", _) => inside = true,
                Token::Close("instrText") => inside = false,
                Token::Text(text) if inside => code.push_str(&unescape(text)),
                Token::Open("fldSimple", attributes) => {
                    for simple in values(attributes, "instr") {
                        if !code.is_empty() {
                            code.push(NESTED);
                            code.push_str(&simple);
                        }
                        self.field(name, &simple);
                    }
                }
                Token::Open("fldChar", attributes) => {
                    let kind = attribute(attributes, "fldCharType").unwrap_or_default();
                    match &*kind {
                        // A field within a field is part of the outer one's code.
                        "begin" if !code.is_empty() => code.push(NESTED),
                        // The code ends where the field's result begins, or the field does.
                        "separate" | "end" => self.field(name, &std::mem::take(&mut code)),
                        _ => {}
                    }
                }
                // What has a place is a tab stop of the paragraph, and no character.
                Token::Open("tab" | "br" | "cr", attributes) if !code.is_empty() && !attributes.contains("pos") => {
                    code.push(' ');
                }
                Token::Close("p") if !code.is_empty() => code.push(' '),
                _ => {}
            }
        }
        self.field(name, &code);
    }

    fn field(&mut self, name: &str, code: &str) {
        self.fetches(name, code);
        if let Some(command) = asked(code) {
            self.command(unquoted(command));
        }
    }

    /// Places that a field shows or leads to (ECMA-376-1, 17.16.5), wherever in the code its word stands.
    fn fetches(&mut self, name: &str, code: &str) {
        for (kind, place) in places(code) {
            if kind == HYPERLINK {
                self.clicked.add_unusual(&place);
            } else if is_remote(&place) {
                self.outside(kind, place, name);
            }
        }
    }
}

/// What a DDE field asks another program for: all that follows its word, or the word alone. Word takes any blank behind it, a quote, or
/// another field; a word that stands in quotes is a text.
pub(in crate::containers) fn asked(code: &str) -> Option<&str> {
    const WORD: &str = "DDE";
    const AUTOMATIC: &str = "DDEAUTO";
    let upper = code.to_ascii_uppercase();
    let (mut quotes, mut last) = (0, 0);
    upper.match_indices(WORD).find_map(|(at, _)| {
        let between = upper.get(last..at).unwrap_or_default();
        // The quotes of an outer field say nothing about the inner one.
        quotes = match between.rsplit_once(NESTED) {
            Some((_, own)) => own.matches(QUOTES).count(),
            None => quotes + between.matches(QUOTES).count(),
        };
        last = at;
        let rest = upper.get(at..)?;
        let length = if rest.starts_with(AUTOMATIC) { AUTOMATIC.len() } else { WORD.len() };
        let before = upper.get(..at)?.chars().next_back();
        let after = rest.get(length..)?.chars().next();
        let begins = before.is_none_or(|c| !c.is_alphanumeric() && !matches!(c, '_' | '.' | '-' | '\\' | '/'));
        let ends = after.is_none_or(|c| c.is_whitespace() || QUOTES.contains(&c));
        let arguments = code.get(at + length..)?.trim();
        (begins && ends && quotes % 2 == 0).then(|| if arguments.is_empty() { code.trim() } else { arguments })
    })
}

/// A field's arguments as a command line: quotes and doubled backslashes undone.
fn unquoted(text: &str) -> String {
    text.replace(QUOTES, "").replace("\\\\", "\\").replace(NESTED, " ")
}

/// A place as a field has it, without the doubling of its backslashes, where it is a place elsewhere with or without.
pub(in crate::containers) fn undoubled(word: &str) -> String {
    let undone = word.replace("\\\\", "\\");
    // Backslashes are doubled in fields; programs take single ones as well.
    if is_remote(&undone) || !is_remote(word) { undone } else { word.to_owned() }
}

/// Places in a field's code, each with what it is to the document: all words that may be one.
pub(in crate::containers) fn places(code: &str) -> Vec<(&'static str, String)> {
    let mut places = Vec::new();
    let (mut kind, mut skipped) = (None, false);
    for word in words(code) {
        if std::mem::take(&mut skipped) {
            continue;
        }
        if let Some((_, known)) = FIELDS.iter().find(|(known, _)| word.eq_ignore_ascii_case(known)) {
            kind = Some(*known);
            continue;
        }
        let Some(kind_of_place) = kind else { continue };
        if kind_of_place == HYPERLINK {
            let switch = word.strip_prefix('\\').filter(|letter| letter.len() == 1);
            if let Some(letter) = switch {
                // A bookmark, a tip and the name of a frame are no places.
                skipped = matches!(letter, "l" | "o" | "t" | "s");
                continue;
            }
            kind = None;
        }
        places.push((kind_of_place, undoubled(word)));
    }
    places
}

/// Words of a field's code, without the quotes around them.
fn words(code: &str) -> impl Iterator<Item = &str> {
    let mut rest = code;
    std::iter::from_fn(move || {
        rest = rest.trim_start();
        if rest.is_empty() {
            return None;
        }
        let (word, after) = match rest.strip_prefix(QUOTES) {
            Some(quoted) => quoted.split_once(QUOTES).unwrap_or((quoted, "")),
            None => rest.split_at(rest.find(|c: char| c.is_whitespace() || QUOTES.contains(&c)).unwrap_or(rest.len())),
        };
        rest = after;
        Some(word)
    })
}

/// The program and the topic of a DDE link in a formula: `program|'topic'!item`, either of them in quotes or not.
pub(in crate::containers) fn dde(formula: &str) -> Option<(&str, &str)> {
    let (mut text, mut name) = (false, false);
    formula.char_indices().find_map(|(at, c)| {
        match c {
            '"' if !name => text = !text,
            '\'' if !text => name = !name,
            '|' => {
                let (before, after) = (formula.get(..at)?, formula.get(at + 1..)?);
                let topic = quoted_topic(after).or_else(|| bare_topic(after).filter(|_| !text && !name))?;
                return Some((program(before)?, topic));
            }
            _ => {}
        }
        None
    })
}

/// The program before the bar of a DDE link.
fn program(before: &str) -> Option<&str> {
    let named = |c: char| c.is_ascii_alphanumeric() || matches!(c, '_' | '.');
    let before = before.trim_end();
    let program = match before.strip_suffix('\'') {
        Some(quoted) => quoted.rsplit('\'').next(),
        None => before.rsplit(|c: char| !named(c)).next(),
    };
    program.filter(|program| !program.is_empty())
}

fn quoted_topic(after: &str) -> Option<&str> {
    let (topic, rest) = after.trim_start().strip_prefix('\'')?.split_once('\'')?;
    rest.trim_start().starts_with('!').then_some(topic)
}

/// A topic without quotes, before the name of an item. Arrays of OpenDocument have a bar as well, between numbers and texts.
fn bare_topic(after: &str) -> Option<&str> {
    let part = |c: char| c.is_ascii_alphanumeric() || matches!(c, '_' | '.' | '\\' | '/' | ':' | '-');
    let (topic, rest) = after.split_at(after.find(|c: char| !part(c))?);
    let item = rest.strip_prefix('!')?.trim_start_matches(['\'', '$']).chars().next()?;
    (!topic.is_empty() && item.is_alphabetic()).then_some(topic)
}

#[cfg(test)]
mod tests {
    use super::{asked, dde, places};

    #[test]
    fn a_dde_field_is_told_by_its_word_whatever_follows_it() {
        for (code, command) in [
            (" DDEAUTO c:\\\\a.exe \"/c calc\" ", Some("c:\\\\a.exe \"/c calc\"")),
            ("DDE\tcmd \"/c calc\"", Some("cmd \"/c calc\"")),
            ("dde\ncmd", Some("cmd")),
            ("DDE\"cmd.exe\" \"/c calc\"", Some("\"cmd.exe\" \"/c calc\"")),
            ("DDE\u{a0}cmd", Some("cmd")),
            ("DDE\u{b}REF c", Some("REF c")),
            ("QUOTE \"\u{b}DDE cmd", Some("cmd")),
            ("IF 1 = 1 DDE cmd", Some("cmd")),
            ("XE \"DDE links\"", None),
            ("XE \"About DDE links\"", None),
            ("HYPERLINK \"https://host.invalid/dde x\"", None),
            ("ADDED x", None),
            ("DDEX x", None),
            ("PAGE", None),
        ] {
            assert_eq!(asked(code), command, "{code:?}");
        }
    }

    #[test]
    fn places_in_fields_are_told_from_their_other_words() {
        for (code, expected) in [
            (r#" INCLUDEPICTURE "\\\\host.invalid\\a.png" \d "#, &[("image", r"\\host.invalid\a.png")][..]),
            (r#"IF 1 = 1 INCLUDETEXT "https://host.invalid/a""#, &[("included text", "https://host.invalid/a")]),
            (r#"LINK Word.Document "\\host.invalid\a" \a"#, &[("oleLink", r"\\host.invalid\a")]),
            (r#"HYPERLINK "ms-x:y" \o "a tip: search:z""#, &[("hyperlink", "ms-x:y")]),
            (r#"HYPERLINK \l "_Toc1""#, &[]),
            (r#"TC "Link to https://host.invalid/" \f C"#, &[]),
        ] {
            let found = places(code);
            let remote = found.iter().filter(|(kind, place)| *kind == "hyperlink" || super::is_remote(place));
            let found: Vec<(&str, &str)> = remote.map(|(kind, place)| (*kind, place.as_str())).collect();
            assert_eq!(found, expected, "{code}");
        }
    }

    #[test]
    fn formulas_that_ask_another_program_are_told() {
        assert_eq!(dde("1+cmd|'/c calc'!A0"), Some(("cmd", "/c calc")));
        assert_eq!(dde("\"a|b\"&cmd|'/c calc'!A0"), Some(("cmd", "/c calc")));
        assert_eq!(dde(r"'C:\Windows\cmd.exe'|'/c calc'!A0"), Some((r"C:\Windows\cmd.exe", "/c calc")));
        assert_eq!(dde("cmd|calc!A0"), Some(("cmd", "calc")));
        assert_eq!(dde("'a\"'!A1+cmd|calc!A0"), Some(("cmd", "calc")));
        for formula in [
            "A1|B1",
            "SUM('a'!A1)",
            "\"x|y\"",
            "|'a'!b",
            "\"yes|no!a\"",
            "{1;2|3;4}",
            "{\"a\"|\"b\"}",
            "SUM(1|2!3)",
            "",
        ] {
            assert_eq!(dde(formula), None, "{formula}");
        }
    }
}
