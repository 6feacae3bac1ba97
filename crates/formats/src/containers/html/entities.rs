//! Entities that a document declares for itself (XML 1.0, 4.2.1 and 4.4): what stands in their place is part of it, in drawings as
//! in pages of XML.

use crate::{OpenError, Parts};
use std::borrow::Cow;
use std::collections::HashMap;

/// Bytes that a document may have more with its entities than without.
const MOST_ADDED: usize = if cfg!(test) { 64 << 10 } else { 8 << 20 };
/// Entities within each other that are replaced.
const MOST_PASSES: usize = 4;
/// Bytes of a name.
const MOST_NAME: usize = 256;
/// How a declaration begins.
const DECLARED: &str = "<!ENTITY";

/// A document with its own entities in their places.
///
/// # Errors
/// The limit that was reached.
pub(super) fn replaced<'t>(text: &'t str, parts: &mut Parts<'_, '_>) -> Result<Cow<'t, str>, OpenError> {
    if !text.contains(DECLARED) {
        return Ok(Cow::Borrowed(text));
    }
    let Declared { values: entities, left_out } = Declared::of(text);
    if let Some(reason) = left_out {
        parts.incomplete(reason.to_owned());
    }
    let mut whole = Cow::Borrowed(text);
    for pass in 0..=MOST_PASSES {
        parts.budget().step(2 * whole.len() as u64).map_err(OpenError::Limit)?;
        let Some(next) = once(&whole, &entities, text.len().saturating_add(MOST_ADDED)) else {
            parts.incomplete(format!("its entities come to more than {MOST_ADDED} bytes, and are not replaced"));
            return Ok(whole);
        };
        if next == *whole {
            return Ok(whole);
        }
        if pass == MOST_PASSES {
            parts.incomplete(format!("more than {MOST_PASSES} entities stand within each other"));
            return Ok(whole);
        }
        parts.budget().charge_output(next.len() as u64).map_err(OpenError::Limit)?;
        whole = Cow::Owned(next);
    }
    Ok(whole)
}

/// What is declared with a value: names and values. The first declaration of a name counts.
#[derive(Default)]
struct Declared {
    values: HashMap<String, String>,
    /// Why it is not all.
    left_out: Option<&'static str>,
}

impl Declared {
    fn of(text: &str) -> Self {
        let mut declared = Self::default();
        let mut hidden = declared.read(text);
        // LIMIT: what declares still more makes it incomplete, below.
        for _ in 0..MOST_PASSES {
            // Declarations that a parameter writes with numbers in the place of letters.
            hidden = std::mem::take(&mut hidden).iter().flat_map(|text| declared.read(text)).collect();
        }
        if !hidden.is_empty() {
            declared.left_out = Some("its entities declare each other");
        }
        declared
    }

    /// Reads declarations; gives the texts of parameters in which others appear only once their numbers are letters.
    fn read(&mut self, text: &str) -> Vec<String> {
        let (mut hidden, mut rest) = (Vec::new(), text);
        while let Some(at) = rest.find(DECLARED) {
            rest = rest.get(at + DECLARED.len()..).unwrap_or_default();
            let declaration = rest.trim_start();
            let (parameter, declaration) = match declaration.strip_prefix('%') {
                Some(declaration) => (true, declaration.trim_start()),
                None => (false, declaration),
            };
            // LIMIT: a longer name makes it incomplete, below.
            let head = declaration.bytes().take(MOST_NAME);
            let Some(end) = head.clone().position(|byte| byte.is_ascii_whitespace()) else {
                // LIMIT: this makes it incomplete.
                if head.len() == MOST_NAME {
                    self.left_out = Some("the name of one of its entities is too long");
                }
                continue;
            };
            let Some((name, value)) = declaration.split_at_checked(end) else { continue };
            let value = value.trim_start();
            // Another one's value, or a place elsewhere.
            let Some(quote) = value.chars().next().filter(|first| matches!(first, '"' | '\'')) else { continue };
            let Some((value, after)) = value.get(1..).and_then(|value| value.split_once(quote)) else { break };
            let lettered = lettered(value);
            if parameter {
                // What it declares as it stands is found on the way.
                if lettered.contains(DECLARED) && !value.contains(DECLARED) {
                    hidden.push(lettered.into_owned());
                }
                continue;
            }
            self.values.entry(name.to_owned()).or_insert_with(|| lettered.into_owned());
            rest = after;
        }
        hidden
    }
}

/// An entity's value with letters in the place of their numbers, which is done where it is declared (XML 1.0, 4.4.5 and appendix D):
/// what has become a bracket so begins an element.
fn lettered(value: &str) -> Cow<'_, str> {
    if !value.contains("&#") {
        return Cow::Borrowed(value);
    }
    let (mut out, mut rest) = (String::with_capacity(value.len()), value);
    while let Some((before, after)) = rest.split_once("&#") {
        out.push_str(before);
        // However many zeros it begins with.
        let end = after
            .bytes()
            .position(|byte| !byte.is_ascii_alphanumeric())
            .filter(|end| after.get(*end..).is_some_and(|rest| rest.starts_with(';')));
        let digits = end.and_then(|end| after.get(..end)).unwrap_or_default();
        let number = match digits.strip_prefix('x') {
            Some(digits) => u32::from_str_radix(digits, 16),
            None => digits.parse(),
        };
        match (number.ok().and_then(char::from_u32), end) {
            (Some(letter), Some(end)) => {
                out.push(letter);
                rest = after.get(end + 1..).unwrap_or_default();
            }
            _ => {
                out.push_str("&#");
                rest = after;
            }
        }
    }
    out.push_str(rest);
    Cow::Owned(out)
}

/// A text with each entity replaced by its value; none where that has more than so many bytes.
fn once(text: &str, entities: &HashMap<String, String>, most: usize) -> Option<String> {
    let mut out = String::with_capacity(text.len());
    let mut rest = text;
    while let Some((before, after)) = rest.split_once('&') {
        out.push_str(before);
        // LIMIT: what is declared under a longer name leaves the document incomplete.
        let end = after.bytes().take(MOST_NAME + 1).position(|byte| byte == b';');
        let named = end.and_then(|end| Some((entities.get(after.get(..end)?)?, after.get(end + 1..)?)));
        rest = match named {
            Some((value, behind)) => {
                out.push_str(value);
                behind
            }
            None => {
                out.push('&');
                after
            }
        };
        if out.len() > most {
            return None;
        }
    }
    out.push_str(rest);
    (out.len() <= most).then_some(out)
}

#[cfg(test)]
mod tests {
    use crate::testing::walk;

    #[test]
    fn what_a_drawing_writes_as_entities_is_read() {
        let letters = data_encoding::BASE64.encode(&crate::testing::build::pe(true, 0x0022, 2, &[]));
        let (first, second) = letters.split_at(700);
        let drawing = format!(
            "<?xml version=\"1.0\"?><!DOCTYPE svg [<!ENTITY a \"{first}\"><!ENTITY b '&a;{second}'>]>\
             <svg xmlns=\"http://www.w3.org/2000/svg\"><a href=\"data:application/octet-stream;base64,&b;\"><text>x</text></a></svg>"
        );
        let found = walk(drawing.as_bytes(), "a.svg");
        assert!(found.parts.iter().any(|part| part.kind.id == "pe64"), "{:?}", found.parts);
        let script = "<!DOCTYPE svg [<!ENTITY s '<script>LAZARET_SVG()</script>'>]><svg xmlns=\"http://www.w3.org/2000/svg\">&s;</svg>";
        assert!(walk(script.as_bytes(), "a.svg").contains(b"LAZARET_SVG()"));
    }

    #[test]
    fn letters_that_are_written_as_numbers_begin_elements() {
        for subset in [
            "<!ENTITY s '&#60;script>LAZARET_SVG()&#x3c;/script>'>",
            "<!ENTITY s '&#0000000000000000060;script>LAZARET_SVG()&#x3c;/script>'>",
            "<!ENTITY % d \"&#60;!ENTITY s '<script>LAZARET_SVG()</script>'>\"> %d;",
        ] {
            let drawing = format!("<!DOCTYPE svg [{subset}]><svg xmlns=\"http://www.w3.org/2000/svg\">&s;</svg>");
            let found = walk(drawing.as_bytes(), "a.svg");
            assert!(
                found.parts.iter().any(|part| part.is("js-embedded") || part.is("js")),
                "{subset}: {:?}",
                found.parts
            );
        }
        // Written so twice, it is a text.
        let text = "<!DOCTYPE svg [<!ENTITY s '&#38;#60;script>LAZARET_SVG()&#38;#60;/script>'>]><svg xmlns=\"http://www.w3.org/2000/svg\"><text>&s;</text></svg>";
        let found = walk(text.as_bytes(), "a.svg");
        assert!(found.complete() && found.parts.len() == 1, "{:?}", found.parts);
    }

    #[test]
    fn an_entity_whose_name_is_too_long_is_said() {
        let name = "n".repeat(super::MOST_NAME + 1);
        let drawing = format!(
            "<!DOCTYPE svg [<!ENTITY {name} '<script>LAZARET_SVG()</script>'>]><svg xmlns=\"http://www.w3.org/2000/svg\">&{name};</svg>"
        );
        assert!(!walk(drawing.as_bytes(), "a.svg").complete());
    }

    #[test]
    fn names_of_drawing_programs_are_honest() {
        let drawing = "<!DOCTYPE svg [<!ENTITY ns_svg \"http://www.w3.org/2000/svg\"><!ENTITY % x SYSTEM \"a.dtd\">]>\
                       <svg xmlns=\"&ns_svg;\"><text>A &amp; B &unknown; &</text></svg>";
        let found = walk(drawing.as_bytes(), "a.svg");
        assert!(found.complete() && found.parts.len() == 1 && found.findings.is_empty(), "{:?}", found.parts);
    }

    #[test]
    fn entities_that_grow_without_end_are_said() {
        let mut drawing = "<!DOCTYPE svg [<!ENTITY a0 \"lol lol lol lol lol\">".to_owned();
        for depth in 1..9 {
            let inner = format!("&a{};", depth - 1).repeat(12);
            drawing.push_str(&format!("<!ENTITY a{depth} \"{inner}\">"));
        }
        drawing.push_str("]><svg xmlns=\"http://www.w3.org/2000/svg\"><text>&a8;</text></svg>");
        let found = walk(drawing.as_bytes(), "a.svg");
        assert!(!found.complete(), "{:?}", found.parts);
    }
}
