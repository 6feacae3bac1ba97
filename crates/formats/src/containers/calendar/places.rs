//! Places that calendars and address cards lead to, and the texts in which they stand.

use crate::containers::links::Links;

/// Schemes of people, places and messages, which lead to nothing that runs: address books hold thousands.
const USUAL: &[&str] = &[
    "webcal", "webcals", "xmpp", "skype", "aim", "ymsgr", "msnim", "gtalk", "icq", "irc", "sip", "sips", "im",
    "facetime", "sms", "geo", "uuid", "x-apple", "matrix", "threema", "tg", "whatsapp", "message", "callto", "fax",
    "modem", "ni",
];

/// Adds a place that a property is for: a share or a local file as a shortcut's target, others where following them leaves
/// the web.
pub(super) fn add(place: &str, links: &mut Links) {
    let place = place.trim();
    let lower = place.to_ascii_lowercase();
    if lower.starts_with("file:") || place.starts_with("\\\\") {
        links.add_as("target", place);
    } else if scheme(&lower).is_some_and(|scheme| !USUAL.contains(&scheme)) {
        links.add_unusual(place);
    }
}

/// Adds the places that stand in a text for people, who name folders of their company there and mean no harm.
pub(super) fn add_from_text(text: &str, links: &mut Links) {
    let ends = |c: char| c.is_whitespace() || matches!(c, '<' | '>' | '"' | '(' | ')' | '[' | ']');
    for word in text.split(ends) {
        let word = word.trim_matches([',', ';', '.', '\'']);
        let lower = word.to_ascii_lowercase();
        let place = scheme(&lower).is_some_and(|scheme| {
            // What else has a colon after a word is prose.
            !USUAL.contains(&scheme) && (scheme.contains('-') || scheme == "file" || lower.contains("://"))
        });
        if place || word.starts_with("\\\\") {
            links.add_unusual(word);
        }
    }
}

/// The scheme of an address in lower case (RFC 3986, 3.1). A single letter is a drive.
fn scheme(address: &str) -> Option<&str> {
    let (scheme, rest) = address.split_once(':')?;
    let formed = scheme.len() > 1
        && scheme.starts_with(|c: char| c.is_ascii_lowercase())
        && scheme.chars().all(|c| c.is_ascii_alphanumeric() || matches!(c, '+' | '-' | '.'));
    (formed && !rest.is_empty()).then_some(scheme)
}

/// A text with its escapes undone (RFC 5545, 3.3.11; vCard 3.0 escapes colons, too).
pub(super) fn unescape(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    let mut characters = text.chars();
    while let Some(c) = characters.next() {
        match c {
            '\\' => match characters.next() {
                Some('n' | 'N') => out.push('\n'),
                Some(escaped @ ('\\' | ',' | ';' | ':' | '"')) => out.push(escaped),
                Some(other) => out.extend(['\\', other]),
                None => out.push('\\'),
            },
            c => out.push(c),
        }
    }
    out
}
