//! Forms as browsers send them with files (`multipart/form-data`, RFC 7578).

use super::Format;
use crate::{Content, Member, OpenError, Parts};
use lazaret_model::Role;
use mail_parser::{Message, MessageParser, MimeHeaders};

/// Bytes of the head of one field.
const MOST_HEAD: usize = 64 << 10;
/// Bytes searched at a time.
const WINDOW: usize = 1 << 20;
/// Bytes of a field in a transfer encoding. Browsers use none (RFC 7578, 4.7), servers may undo it all the same.
const MOST_ENCODED: u64 = 32 << 20;
/// Characters of a border (RFC 2046, 5.1.1).
const MOST_BORDER: usize = 70;

/// Undoes a transfer encoding.
type Decode = fn(&[u8]) -> Vec<u8>;

/// Opens forms.
pub(super) struct Form;

impl Format for Form {
    fn id(&self) -> &'static str {
        "form"
    }

    fn kinds(&self) -> &'static [&'static str] {
        &["form-data"]
    }

    fn summary(&self) -> &'static str {
        "the fields and files of a form that a browser sends"
    }

    fn open(&self, input: &Content, parts: &mut Parts<'_, '_>) -> Result<(), OpenError> {
        let first = input.window(0, 2 + MOST_BORDER + 2)?;
        let border = border(&first).ok_or_else(|| OpenError::malformed("it does not begin with a border", 0))?;
        let border = [b"\n--", border].concat();
        // The first border stands at the beginning, without the line feed.
        let mut at = border.len() as u64 - 1;
        loop {
            parts.budget().check_time().map_err(OpenError::Limit)?;
            let after = input.window(at, 2)?;
            if after.starts_with(b"--") {
                return appended(input, at + 2, parts);
            }
            let Some((fields_at, head)) = head(input, at)? else {
                parts.incomplete("the head of a field has no end");
                return appended(input, at, parts);
            };
            let start = fields_at + head.len() as u64;
            let (end, next) = match find(input, start.saturating_sub(1), &border, parts)? {
                Some(found) => {
                    // The line end before a border belongs to the border.
                    let carriage = found > start && *input.window(found - 1, 1)? == *b"\r";
                    (if carriage { found - 1 } else { found.max(start) }, Some(found + border.len() as u64))
                }
                None => (input.len(), None),
            };
            let data = input.slice(start, end.saturating_sub(start));
            match encoding(&head) {
                None => parts.add_content(member(&head), data)?,
                Some(decode) if data.len() <= MOST_ENCODED => {
                    let decoded = decode(&data.window(0, usize::try_from(data.len()).unwrap_or(0))?);
                    parts.add(member(&head), &mut decoded.as_slice())?;
                }
                Some(_) => {
                    parts.incomplete("a field is encoded and too large to be decoded");
                    parts.add_content(member(&head), data)?;
                }
            }
            match next {
                Some(next) => at = next,
                None => {
                    parts.incomplete("its last border is missing");
                    return Ok(());
                }
            }
        }
    }
}

/// The border that a form begins with.
pub(crate) fn border(head: &[u8]) -> Option<&[u8]> {
    let line = head.strip_prefix(b"--")?;
    // LIMIT: RFC 2046, 5.1.1 allows 70 characters; what has a longer border is no form, and policy holds what is declared as one.
    let end = memchr::memchr(b'\n', line.get(..line.len().min(MOST_BORDER + 2))?)?;
    let border = line.get(..end)?;
    let border = border.strip_suffix(b"\r").unwrap_or(border);
    let allowed = |byte: &u8| byte.is_ascii_alphanumeric() || b"'()+_,-./:=? ".contains(byte);
    (!border.is_empty() && border.iter().all(allowed)).then_some(border)
}

/// Where the head of a field begins, and the head with its empty line.
fn head(input: &Content, at: u64) -> Result<Option<(u64, Vec<u8>)>, OpenError> {
    // Most heads are short: little is read at first.
    let short = head_within(input, at, MOST_HEAD / 32)?;
    if short.is_some() { Ok(short) } else { head_within(input, at, MOST_HEAD) }
}

fn head_within(input: &Content, at: u64, most: usize) -> Result<Option<(u64, Vec<u8>)>, OpenError> {
    let window = input.window(at, most)?;
    // Spaces may follow a border (RFC 2046, 5.1.1).
    let Some(line) = memchr::memchr(b'\n', &window) else { return Ok(None) };
    let rest = window.get(line + 1..).unwrap_or_default();
    let from = at + line as u64 + 1;
    // A field without a head begins with the empty line.
    for empty in [&b"\r\n"[..], b"\n"] {
        if rest.starts_with(empty) {
            return Ok(Some((from, empty.to_vec())));
        }
    }
    let end = memchr::memchr_iter(b'\n', rest).find_map(|at| match rest.get(at + 1..) {
        Some([b'\n', ..]) => Some(at + 2),
        Some([b'\r', b'\n', ..]) => Some(at + 3),
        _ => None,
    });
    Ok(end.and_then(|end| rest.get(..end)).map(|head| (from, head.to_vec())))
}

/// Where `needle` begins next, from `at` on.
fn find(input: &Content, mut at: u64, needle: &[u8], parts: &mut Parts<'_, '_>) -> Result<Option<u64>, OpenError> {
    // Borders may stand close to each other: little is read at first.
    let mut length = 4 << 10;
    loop {
        let window = input.window(at, length)?;
        parts.budget().step(64 + window.len() as u64).map_err(OpenError::Limit)?;
        if let Some(found) = memchr::memmem::find(&window, needle) {
            return Ok(Some(at + found as u64));
        }
        if window.len() < length {
            return Ok(None);
        }
        at += (length - needle.len()) as u64;
        // LIMIT: the next window.
        length = length.saturating_mul(2).min(WINDOW);
    }
}

/// How a field's bytes are had, where they do not stand there as they are (RFC 2045, 6.1).
fn encoding(head: &[u8]) -> Option<Decode> {
    let parsed = MessageParser::default().parse(head)?;
    let encoding = parsed.content_transfer_encoding()?.trim();
    if encoding.eq_ignore_ascii_case("base64") {
        Some(super::decode::base64)
    } else if encoding.eq_ignore_ascii_case("quoted-printable") {
        Some(super::decode::quoted_printable)
    } else {
        None
    }
}

/// What a field is called, by its head.
fn member(head: &[u8]) -> Member {
    let parsed = MessageParser::default().parse(head);
    let field = parsed.as_ref().and_then(Message::content_disposition);
    let name = field.and_then(|field| field.attribute("name")).unwrap_or_default();
    let member = match parsed.as_ref().and_then(MimeHeaders::attachment_name) {
        // Browsers write these three characters so (RFC 7578, 2).
        Some(file) => {
            let file = file.replace("%22", "\"").replace("%0D", "\r").replace("%0A", "\n");
            Member::named(Role::Attachment, file)
        }
        None => Member::unnamed(Role::Body, if name.is_empty() { "field" } else { name }),
    };
    match parsed.as_ref().and_then(|message| message.content_type()) {
        Some(declared) => {
            let declared = format!("{}/{}", declared.ctype(), declared.subtype().unwrap_or("*"));
            member.declared(declared.to_ascii_lowercase())
        }
        None => member,
    }
}

/// What follows the last border, if it is more than a line end.
fn appended(input: &Content, at: u64, parts: &mut Parts<'_, '_>) -> Result<(), OpenError> {
    let rest = input.slice(at, u64::MAX);
    if rest.len() <= 2 && rest.window(0, 2)?.iter().all(|byte| b"\r\n".contains(byte)) {
        return Ok(());
    }
    parts.add_content(Member::unnamed(Role::Appended, "after-form"), rest)
}

#[cfg(test)]
mod tests {
    use crate::testing::{Recorded, walk_with};
    use lazaret_model::Limits;

    fn check(bytes: impl Into<Vec<u8>>) -> Recorded {
        walk_with(bytes.into(), "form", None, &[], Limits::default())
    }

    const FILE: &[u8] = b"MZ\x90\0 LAZARET-MARKER\r\n--other\r\nin a form\r\n";

    fn form(newline: &str, end: &str) -> Vec<u8> {
        let field = |disposition: &str, body: &[u8]| {
            let head = format!("--X0{newline}Content-Disposition: form-data; {disposition}{newline}{newline}");
            [head.as_bytes(), body, newline.as_bytes()].concat()
        };
        [
            field("name=\"comment\"", b"hello"),
            field(&format!("name=\"f\"; filename=\"offer %22a%22.exe\"{newline}Content-Type: image/png"), FILE),
            field("name=\"g\"; filename=\"\"", b""),
            end.as_bytes().to_vec(),
        ]
        .concat()
    }

    #[test]
    fn every_field_and_file_is_a_part() {
        for newline in ["\r\n", "\n"] {
            let recorded = check(form(newline, &format!("--X0--{newline}")));
            assert_eq!(recorded.bytes("//offer \"a\".exe"), FILE, "{newline:?}");
            assert_eq!(recorded.bytes("//comment"), b"hello");
            let file = recorded.parts.iter().find(|part| part.path.ends_with(".exe")).unwrap();
            assert_eq!((file.declared_type.as_deref(), file.named), (Some("image/png"), true));
            assert!(recorded.complete() && recorded.parts.len() == 4, "{:?}", recorded.parts);
        }
    }

    #[test]
    fn what_is_cut_or_hidden_behind_the_end_is_seen() {
        let cut = form("\r\n", "");
        let cut = check(&cut[..cut.len() - 60]);
        assert!(!cut.complete() && cut.bytes("//offer \"a\".exe").starts_with(b"MZ"));
        let behind = check(form("\r\n", "--X0--\r\nMZ hidden"));
        assert_eq!(behind.bytes("//after-form"), b"\r\nMZ hidden");
        let endless = check("--X0\r\nContent-Disposition: form-data; name=\"a\"");
        assert!(!endless.complete());
    }

    #[test]
    fn a_transfer_encoding_is_undone() {
        for (encoding, body) in [("Base64", "TVqQ\r\nAEg="), ("quoted-printable", "MZ=90=00=\r\nH"), ("binary", "")] {
            let head = format!(
                "Content-Disposition: form-data; name=\"f\"; filename=\"a.bin\"\r\nContent-Transfer-Encoding: {encoding}"
            );
            let recorded = check(format!("--X0\r\n{head}\r\n\r\n{body}\r\n--X0--\r\n"));
            let expected: &[u8] = if body.is_empty() { b"" } else { b"MZ\x90\0H" };
            assert_eq!(recorded.bytes("//a.bin"), expected, "{encoding}");
            assert!(recorded.complete());
        }
    }

    #[test]
    fn a_border_across_two_windows_is_found() {
        for extra in 0..12 {
            let long = vec![b'a'; super::WINDOW - 60 + extra];
            let head = b"--X0\r\nContent-Disposition: form-data; name=\"f\"; filename=\"a.txt\"\r\n\r\n";
            let two = [&head[..], &long, b"\r\n", head, b"second\r\n--X0--\r\n"].concat();
            let recorded = check(two);
            assert_eq!(recorded.parts.len(), 3, "{extra}");
            assert!(recorded.parts.iter().any(|part| part.size == 6));
        }
    }

    #[test]
    fn a_rule_of_dashes_in_a_text_is_no_form() {
        for text in ["--\r\nKarl\r\n", "---- a table ----\nname: x\n\nbody\n", "--X0\r\nDear all,\r\n\r\nhello\r\n"] {
            assert_eq!(check(text).parts[0].kind.id, "text", "{text}");
        }
    }
}
