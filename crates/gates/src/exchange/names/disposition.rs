//! `Content-Disposition` (RFC 6266) as browsers read it, which take more for a file's name than the specification has. Where they
//! differ, the reading counts by which the file would run.

use super::runs;
use crate::exchange::text;
use data_encoding::BASE64_MIME_PERMISSIVE;
use http::HeaderMap;
use http::header::CONTENT_DISPOSITION;
use percent_encoding::percent_decode_str;

/// One parameter: its name in lower case, and its value in every reading.
type Parameter = (String, Vec<String>);

/// The file name that an answer with these headers gives itself.
pub(super) fn stated_name(headers: &HeaderMap) -> Option<String> {
    let readings = headers.get_all(CONTENT_DISPOSITION).iter().flat_map(|value| readings(value.as_bytes())).collect();
    chosen(readings)
}

/// Whether an answer with these headers asks to be saved as a file, whoever fetched it (RFC 6266, 4.2: what is neither
/// `inline` nor empty is treated as `attachment`).
pub(crate) fn is_attachment(headers: &HeaderMap) -> bool {
    headers.get_all(CONTENT_DISPOSITION).iter().any(|value| {
        let value = String::from_utf8_lossy(value.as_bytes());
        // A blank ends the word as well: some browsers forgive a semicolon that is missing.
        let kind = value.trim_start().split([';', ' ', '\t']).next().unwrap_or_default();
        !kind.is_empty() && !kind.contains('=') && !kind.eq_ignore_ascii_case("inline")
    })
}

/// The media type that an answer declares, in lower case and without parameters: of several the last that is one counts (Fetch,
/// "extract a MIME type").
pub(crate) fn declared_type(headers: &HeaderMap) -> String {
    let all = text(headers, "content-type");
    let mut quoted = false;
    let types = all.split(|c: char| {
        quoted ^= c == '"';
        c == ',' && !quoted
    });
    let mut last = "";
    for one in types {
        let essence = one.trim_start().split([';', ' ', '\t', '(']).next().unwrap_or_default();
        if is_type(essence) || last.is_empty() {
            last = essence;
        }
    }
    last.to_owned()
}

/// Whether a text is a media type (RFC 9110, 8.3.1), and not any at all.
fn is_type(essence: &str) -> bool {
    let token = |text: &str| {
        !text.is_empty() && text.chars().all(|c| c.is_ascii_alphanumeric() || "!#$%&'*+-.^_`|~".contains(c))
    };
    essence != "*/*" && essence.split_once('/').is_some_and(|(major, minor)| token(major) && token(minor))
}

/// The names that a field may give, the likeliest first.
fn readings(field: &[u8]) -> Vec<String> {
    let field = match std::str::from_utf8(field) {
        Ok(text) => text.to_owned(),
        // ISO 8859-1, as HTTP once had it.
        Err(_) => latin(field),
    };
    let (mut extended, mut doubtful, mut plain, mut pieces) = (None, Vec::new(), Vec::new(), Vec::new());
    for (name, values) in parameters(&field) {
        match name.strip_prefix("filename") {
            // The extended form is preferred (RFC 6266, 4.3), where its character set is known.
            Some("*") => {
                let Some((name, known)) = values.first().and_then(|value| extended_value(value)) else { continue };
                if known {
                    extended = extended.or(Some(name));
                } else {
                    doubtful.push(name);
                }
            }
            Some("") if plain.iter().all(String::is_empty) => {
                plain.extend(values.iter().map(|value| plain_value(value)));
            }
            // A value in pieces (RFC 2231, 3), as mails have it.
            Some(place) if place.starts_with('*') => {
                let coded = place.ends_with('*');
                let number = place.trim_matches('*').parse::<u32>();
                let Some((number, value)) = number.ok().zip(values.into_iter().next()) else { continue };
                pieces.push((number, coded, value));
            }
            _ => {}
        }
    }
    pieces.sort_by_key(|(number, ..)| *number);
    let joined = pieces.into_iter().map(|(number, coded, value)| match (coded, number) {
        (false, _) => value,
        // The first one says the character set.
        (true, 0) => extended_value(&value).map_or(value, |(name, _)| name),
        (true, _) => percent_decode_str(&value).decode_utf8_lossy().into_owned(),
    });
    let joined: String = joined.collect();
    let joined = Some(joined).filter(|name| !name.is_empty());
    match extended {
        Some(name) => std::iter::once(name).chain(joined).collect(),
        None => joined.into_iter().chain(plain).chain(doubtful).collect(),
    }
}

/// Of several readings the one by which the file would run, or else the first that has an extension.
fn chosen(readings: Vec<String>) -> Option<String> {
    let extension = |name: &String| lazaret_model::extension(name);
    let readings: Vec<_> = readings.into_iter().filter(|name| !name.trim().is_empty()).collect();
    let worst = readings.iter().find(|name| runs(&extension(name)));
    worst.or_else(|| readings.iter().find(|name| !extension(name).is_empty())).or(readings.first()).cloned()
}

/// RFC 8187, 3.2: charset'language'value. Whether the character set is one that every browser knows is told beside it.
fn extended_value(value: &str) -> Option<(String, bool)> {
    let mut pieces = value.splitn(3, '\'');
    let (Some(charset), Some(_), Some(encoded)) = (pieces.next(), pieces.next(), pieces.next()) else { return None };
    let bytes: Vec<u8> = percent_decode_str(encoded).collect();
    let known = ["utf-8", "iso-8859-1", "us-ascii"].iter().any(|one| charset.eq_ignore_ascii_case(one));
    Some((decoded(&bytes, charset), known))
}

/// A name as it is written. Browsers undo percent signs here too, although the RFC has none, and words as mails encode them.
fn plain_value(value: &str) -> String {
    let value = encoded_words(value);
    percent_decode_str(&value).decode_utf8_lossy().into_owned()
}

/// Undoes encoded words (RFC 2047, 2).
fn encoded_words(value: &str) -> String {
    let (mut out, mut rest, mut after_word) = (String::new(), value, false);
    while let Some((before, after)) = rest.split_once("=?") {
        let mut fields = after.splitn(3, '?');
        let (Some(charset), Some(coding), Some(tail)) = (fields.next(), fields.next(), fields.next()) else { break };
        let Some((text, behind)) = tail.split_once("?=") else { break };
        let bytes = if coding.eq_ignore_ascii_case("b") {
            let text = text.trim_end_matches('=');
            let padding = "=".repeat((4 - text.len() % 4) % 4);
            BASE64_MIME_PERMISSIVE.decode(format!("{text}{padding}").as_bytes()).ok()
        } else if coding.eq_ignore_ascii_case("q") {
            let text = text.replace('%', "%25").replace('_', " ").replace('=', "%");
            Some(percent_decode_str(&text).collect())
        } else {
            None
        };
        let Some(bytes) = bytes else { break };
        // Blanks between two words are none (RFC 2047, 6.2).
        if !(after_word && before.trim().is_empty()) {
            out.push_str(before);
        }
        // What stands in the word after the charset is its language (RFC 2231, 5).
        out.push_str(&decoded(&bytes, charset.split('*').next().unwrap_or_default()));
        (rest, after_word) = (behind, true);
    }
    out.push_str(rest);
    out
}

/// Bytes of a character set. Of those that are neither UTF-8 nor ISO 8859-1 the letters of extensions are read, which stand alone or
/// beside zeros in all that browsers know.
fn decoded(bytes: &[u8], charset: &str) -> String {
    if charset.eq_ignore_ascii_case("iso-8859-1") {
        return latin(bytes);
    }
    String::from_utf8_lossy(bytes).replace('\0', "")
}

fn latin(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| char::from(*byte)).collect()
}

/// The parameters of a field, quoted strings undone (RFC 9110, 5.6.6).
fn parameters(field: &str) -> Vec<Parameter> {
    let mut found = Vec::new();
    let mut rest = field;
    while let Some((name, after)) = rest.split_once('=') {
        // What stands before it is the type, or has no value.
        let name = name.rsplit(';').next().unwrap_or_default();
        let name = name.split_whitespace().next_back().unwrap_or_default().to_ascii_lowercase();
        let after = after.trim_start();
        let mut value = String::new();
        let mut end = after.len();
        let mut other = None;
        if let Some(quoted) = after.strip_prefix('"') {
            let mut escaped = false;
            for (at, c) in quoted.char_indices() {
                match c {
                    '\\' if !escaped => escaped = true,
                    '"' if !escaped => {
                        end = at + 2;
                        break;
                    }
                    c => {
                        value.push(c);
                        escaped = false;
                    }
                }
            }
            // Some browsers take what follows the second quote for a part of the value.
            let behind = after.get(end..).unwrap_or_default().split(';').next().unwrap_or_default();
            let behind = behind.trim().trim_end_matches('"');
            other = (!behind.is_empty()).then(|| format!("{value}_{behind}"));
        } else {
            end = after.find(';').unwrap_or(after.len());
            value.push_str(after.get(..end).unwrap_or_default().trim());
        }
        found.push((name, std::iter::once(value).chain(other).collect()));
        rest = after.get(end..).unwrap_or_default().trim_start().trim_start_matches(';');
    }
    found
}

#[cfg(test)]
mod tests {
    use super::super::super::tests::headers;
    use super::*;

    #[test]
    fn a_name_is_found_however_browsers_find_it() {
        for (field, name) in [
            ("attachment; filename=a.txt", "a.txt"),
            // No type, and no semicolon behind it.
            ("filename=a.hta", "a.hta"),
            ("attachment filename=a.hta", "a.hta"),
            // Words of mails, with blanks between them.
            ("attachment; filename=\"=?utf-8?B?eC5odGE=?=\"", "x.hta"),
            ("attachment; filename=\"=?UTF-8?Q?x=2Eh?= =?utf-8?b?dGE?=\"", "x.hta"),
            ("attachment; filename=\"=?x?=.txt\"", "=?x?=.txt"),
            // In pieces.
            ("attachment; filename=a.txt; filename*1=ta; filename*0=\"b.h\"", "b.hta"),
            ("attachment; filename*0*=utf-8''b%2E; filename*1=hta", "b.hta"),
            // Of a character set that not every browser knows.
            ("attachment; filename=b.hta; filename*=bogus''a.txt", "b.hta"),
            ("attachment; filename*=utf-16le''a%00.%00h%00t%00a%00", "a.hta"),
            ("attachment; filename=b.hta; filename*=utf-8''a.txt", "a.txt"),
            // Letters behind the second quote.
            ("attachment; filename=\"a.txt\"b.hta", "a.txt_b.hta"),
            ("attachment; filename=\"a.hta\".txt", "a.hta"),
            ("attachment; filename=\"a \"b\" c.pdf\"; size=1", "a _b\" c.pdf"),
            ("attachment; filename=\"\"; filename=a.txt", "a.txt"),
        ] {
            let fields = headers(&[("content-disposition", field)]);
            assert_eq!(stated_name(&fields).as_deref(), Some(name), "{field}");
        }
        for (field, saved) in
            [("attachment filename=a", true), ("inline filename=a", false), (" inline", false), ("filename=a", false)]
        {
            assert_eq!(is_attachment(&headers(&[("content-disposition", field)])), saved, "{field}");
        }
    }

    #[test]
    fn of_several_types_the_last_counts() {
        for (field, declared) in [
            ("Text/HTML; charset=utf-8", "text/html"),
            ("text/html, application/octet-stream", "application/octet-stream"),
            ("application/octet-stream (+json", "application/octet-stream"),
            ("text/html, */*, nonsense", "text/html"),
            ("multipart/mixed; boundary=\"a,b/c\"", "multipart/mixed"),
            ("nonsense", "nonsense"),
            ("", ""),
        ] {
            assert_eq!(declared_type(&headers(&[("content-type", field)])), declared, "{field}");
        }
    }
}
