//! Codes of fields and formulas: the places and commands in them.

use super::is_remote;

/// What a link is to a document, which somebody has to click.
pub(super) const HYPERLINK: &str = "hyperlink";
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

/// Places in a field's code, each with what it is to the document: all words that may be one.
pub(super) fn places(code: &str) -> Vec<(&'static str, String)> {
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
        let undone = word.replace("\\\\", "\\");
        // Backslashes are doubled in fields; programs take single ones as well.
        let place = if is_remote(&undone) || !is_remote(word) { undone } else { word.to_owned() };
        places.push((kind_of_place, place));
    }
    places
}

/// Words of a field's code, without the quotes around them.
fn words(code: &str) -> impl Iterator<Item = &str> {
    const QUOTES: [char; 3] = ['"', '\u{201c}', '\u{201d}'];
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

/// The program and the topic of a DDE link in a formula: `program|'topic'!item`.
pub(super) fn dde(formula: &str) -> Option<(&str, &str)> {
    let name = |c: char| c.is_ascii_alphanumeric() || matches!(c, '_' | '.');
    formula.match_indices('|').find_map(|(at, _)| {
        let (before, after) = (formula.get(..at)?, formula.get(at + 1..)?);
        let (topic, rest) = after.trim_start().strip_prefix('\'')?.split_once('\'')?;
        let program = before.rsplit(|c: char| !name(c)).next()?;
        (!program.is_empty() && rest.trim_start().starts_with('!')).then_some((program, topic))
    })
}

#[cfg(test)]
mod tests {
    use super::{dde, places};

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
        for formula in ["A1|B1", "SUM('a'!A1)", "\"x|y\"", "|'a'!b", ""] {
            assert_eq!(dde(formula), None, "{formula}");
        }
    }
}
