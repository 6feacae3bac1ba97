//! What other mail programs would read in a message whose headers say two things, or say them oddly.

use crate::containers::decode;
use crate::{Content, Member, OpenError, Parts};
use lazaret_model::{Bounded, Role};
use mail_parser::{Encoding, Header, Message, MessageParser, MessagePart, MimeHeaders as _, PartType};

/// Borders of one multipart that are tried.
const MOST_BORDERS: usize = 4;

/// The bytes of a part as they stand in the message.
pub(super) fn raw_body<'r>(part: &MessagePart<'_>, raw: &'r [u8]) -> &'r [u8] {
    raw.get(part.raw_body_offset() as usize..part.raw_end_offset() as usize).unwrap_or_default()
}

/// The name and kind of a body. Invitations and cards, which mail programs open by themselves, are bodies as well.
pub(super) fn kind_of_body(part: &MessagePart<'_>) -> (&'static str, &'static str) {
    if part.is_text_html() {
        return ("body.html", "html");
    }
    let declared = part.content_type().and_then(|declared| declared.subtype()).unwrap_or_default();
    let is = |names: &[&str]| names.iter().any(|name| declared.eq_ignore_ascii_case(name));
    // Pages of mails that fetch what they show ("AMP for Email"), that watches show, and what some programs call a page.
    if is(&["x-amp-html", "watch-html", "xhtml", "x-html", "html-sandboxed"]) {
        return ("body.html", "html");
    }
    let text = part.contents();
    let text = text.strip_prefix(b"\xef\xbb\xbf").unwrap_or(text).trim_ascii_start();
    let begins = |mark: &[u8]| text.get(..mark.len()).is_some_and(|start| start.eq_ignore_ascii_case(mark));
    let kind = match () {
        () if is(&["calendar", "x-vcalendar"]) && begins(b"BEGIN:VCALENDAR") => "ics",
        () if is(&["vcard", "x-vcard", "directory"]) && begins(b"BEGIN:VCARD") => "vcard",
        () => "mail-body",
    };
    ("body", kind)
}

/// The bytes of a text that is attached, which are saved as they were sent: a character set is for what is shown.
pub(super) fn as_sent(part: &MessagePart<'_>, raw: &[u8]) -> Option<Vec<u8>> {
    if !matches!(part.body, PartType::Text(_) | PartType::Html(_)) {
        return None;
    }
    let body = raw_body(part, raw);
    let bytes = match part.encoding {
        Encoding::None => return Some(body.to_vec()),
        Encoding::QuotedPrintable => decode::quoted_printable(body),
        Encoding::Base64 => decode::base64(body),
    };
    (!bytes.is_empty()).then_some(bytes)
}

/// What of a message belongs to none of its parts: what stands before the first border and behind the last.
pub(super) fn between<'r>(message: &Message<'_>, raw: &'r [u8]) -> Vec<&'r [u8]> {
    let range = |part: &MessagePart<'_>| {
        let several = matches!(part.body, PartType::Multipart(_));
        let end = if several { part.raw_body_offset() } else { part.raw_end_offset() };
        (part.raw_header_offset() as usize, end as usize)
    };
    let mut ranges: Vec<(usize, usize)> = message.parts.iter().map(range).collect();
    ranges.sort_unstable();
    let mut found = Vec::new();
    let mut at = 0;
    for (start, end) in ranges {
        found.extend(raw.get(at..start).filter(|bytes| !bytes.is_empty()));
        at = at.max(end);
    }
    found.extend(raw.get(at..));
    found
}

/// Reads a multipart by every border that its headers name, since programs differ in which of two they take.
pub(super) fn other_borders(message: &Message<'_>, raw: &[u8], parts: &mut Parts<'_, '_>) -> Result<bool, OpenError> {
    let mut any = false;
    for part in &message.parts {
        let mut borders: Bounded<String> = Bounded::new("borders for one of its parts", MOST_BORDERS);
        for border in values(part, "content-type", raw).flat_map(|value| parameters(value, "boundary")) {
            if !borders.contains(&border) {
                borders.push(border);
            }
        }
        let (borders, overflow) = borders.into_parts();
        if let Some(reason) = overflow {
            parts.incomplete(reason);
        }
        let body = raw.get(part.raw_body_offset() as usize..).unwrap_or_default();
        for border in &borders {
            parts.budget().check_time().map_err(OpenError::Limit)?;
            let border = border.replace('"', "");
            // One border alone is what the parser took.
            let body = if borders.len() < 2 { behind_the_end(body, &border) } else { Some(body) };
            let Some(body) = body else { continue };
            let head = format!("MIME-Version: 1.0\r\nContent-Type: multipart/mixed; boundary=\"{border}\"\r\n\r\n");
            let again = [head.as_bytes(), body].concat();
            // It is the rest of the message, however many parts name borders.
            parts.budget().charge_output(again.len() as u64).map_err(OpenError::Limit)?;
            let found = MessageParser::default().parse(&again).is_some_and(|message| message.parts.len() > 1);
            if found {
                let member = Member::unnamed(Role::Embedded, format!("read-by-border-{border}")).of_kind("eml");
                parts.add_content(member, Content::from(again))?;
                any = true;
            }
        }
    }
    Ok(any)
}

/// What stands behind the border that ends a multipart and has the same borders, at which some programs go on.
fn behind_the_end<'r>(body: &'r [u8], border: &str) -> Option<&'r [u8]> {
    let end = format!("--{border}--");
    let at = memchr::memmem::find(body, end.as_bytes())? + end.len();
    let rest = body.get(at..)?;
    memchr::memmem::find(rest, format!("\n--{border}").as_bytes()).map(|_| rest)
}

/// Two names that one header gives to one file: `filename` twice, or `filename` and `filename*` (RFC 6266, 4.3).
pub(super) fn two_file_names(part: &MessagePart<'_>, raw: &[u8]) -> Option<(String, String)> {
    values(part, "content-disposition", raw).find_map(|value| {
        let extended = parameters(value, "filename*").into_iter().map(|text| {
            let text = text.rsplit('\'').next().unwrap_or_default().to_owned();
            String::from_utf8_lossy(&decode::percent(text.as_bytes())).into_owned()
        });
        let mut names: Vec<String> = parameters(value, "filename").into_iter().chain(extended).collect();
        names.dedup();
        let mut names = names.into_iter();
        Some((names.next()?, names.next()?))
    })
}

/// Other readings of a part: by encodings that the parser did not take, and leniently where it found damage. Why they are
/// not all, if they are not.
pub(super) fn other_readings(part: &MessagePart<'_>, raw: &[u8], known: &[u8]) -> (Vec<Vec<u8>>, Option<String>) {
    let taken = match part.encoding {
        Encoding::None => "",
        Encoding::QuotedPrintable => "quoted-printable",
        Encoding::Base64 => "base64",
    };
    let mut found: Vec<Vec<u8>> = Vec::new();
    let mut overflow = None;
    for encoding in encodings(part, raw).into_iter().filter(|e| *e != taken || part.is_encoding_problem) {
        let body = raw_body(part, raw);
        if encoding == "uuencode" {
            let (files, more) = decode::uuencoded(body).into_parts();
            overflow = more;
            found.extend(files.into_iter().map(|(_, bytes)| bytes).filter(|bytes| bytes != known));
            continue;
        }
        let bytes = if encoding == "base64" { decode::base64(body) } else { decode::quoted_printable(body) };
        if !bytes.is_empty() && bytes != known && !found.contains(&bytes) {
            found.push(bytes);
        }
    }
    (found, overflow)
}

/// The raw text of every header of this name, however the name is written.
fn values<'p>(part: &'p MessagePart<'_>, name: &'static str, raw: &'p [u8]) -> impl Iterator<Item = &'p [u8]> {
    let own = move |header: &&Header<'_>| header.name.as_str().trim().eq_ignore_ascii_case(name);
    part.headers.iter().filter(own).filter_map(|h| raw.get(h.offset_start as usize..h.offset_end as usize))
}

/// Every value that a header gives to a parameter.
fn parameters(value: &[u8], name: &str) -> Vec<String> {
    let text = String::from_utf8_lossy(value).replace(['\r', '\n'], "");
    let pairs = text.split(';').skip(1).filter_map(|piece| piece.split_once('='));
    let own = pairs.filter(|(key, _)| key.trim().eq_ignore_ascii_case(name));
    own.map(|(_, value)| value.trim().trim_matches('"').to_owned()).collect()
}

/// A field's value without its comments, which may stand anywhere and hold each other (RFC 5322, 3.2.2).
fn without_comments(text: &str) -> String {
    let (mut out, mut depth, mut escaped) = (String::with_capacity(text.len()), 0_usize, false);
    for letter in text.chars() {
        match letter {
            _ if escaped => escaped = false,
            '\\' if depth > 0 => escaped = true,
            '(' => depth += 1,
            ')' if depth > 0 => depth -= 1,
            _ if depth > 0 => {}
            letter => out.push(letter),
        }
    }
    out
}

/// What a part says its transfer encoding is, read as widely as any program does: in quotes, with comments, in any
/// letters, and every one where there are several. Those that cannot be undone, or need not be, are left out.
fn encodings(part: &MessagePart<'_>, raw: &[u8]) -> Vec<&'static str> {
    let mut found: Vec<&'static str> = Vec::new();
    for value in values(part, "content-transfer-encoding", raw) {
        let text = String::from_utf8_lossy(value).to_ascii_lowercase();
        let text = without_comments(text.trim_start_matches(':'));
        let word = text.split(';').next().unwrap_or_default();
        let encoding = match word.trim().trim_matches(['"', '\'']).trim() {
            "base64" => "base64",
            "quoted-printable" => "quoted-printable",
            "x-uuencode" | "uuencode" | "x-uue" => "uuencode",
            _ => continue,
        };
        if !found.contains(&encoding) {
            found.push(encoding);
        }
    }
    found
}

#[cfg(test)]
mod tests {
    use crate::testing::walk;

    #[test]
    fn invitations_and_cards_in_a_mail_are_opened_as_what_they_are() {
        let calendar = "BEGIN:VCALENDAR\r\nVERSION:2.0\r\nBEGIN:VEVENT\r\nATTACH:file://host.invalid/s/a.exe\r\nEND:VEVENT\r\nEND:VCALENDAR\r\n";
        let card = "BEGIN:VCARD\r\nVERSION:3.0\r\nFN:A\r\nURL:file://host.invalid/s/a.exe\r\nEND:VCARD\r\n";
        for (declared, text, kind) in [
            ("text/calendar; method=REQUEST", calendar, "ics"),
            ("Text/Calendar; charset=utf-8", calendar, "ics"),
            ("text/vcard", card, "vcard"),
            ("text/plain", calendar, "mail-body"),
            ("text/calendar", "no calendar", "mail-body"),
        ] {
            let mail = format!(
                "From: a@host.invalid\r\nTo: b@host.invalid\r\nSubject: x\r\nMIME-Version: 1.0\r\nContent-Type: {declared}\r\n\r\n{text}"
            );
            let found = walk(mail.as_bytes(), "x.eml");
            let body = found.parts.iter().find(|part| part.path.ends_with("//body")).unwrap();
            assert_eq!(body.kind.id, kind, "{declared}");
            assert_eq!(found.parts.iter().any(|part| part.name == "target"), kind != "mail-body", "{declared}");
        }
    }

    #[test]
    fn pages_of_mails_are_pages_whatever_their_types_are_called() {
        let page = "<!-- a -->\n<a href=\"search-ms:query=LAZARET\">x</a>";
        for (subtype, is_page) in [
            ("html", true),
            ("x-amp-html", true),
            ("X-AMP-HTML; charset=utf-8", true),
            ("watch-html", true),
            ("plain", false),
        ] {
            let mail = format!(
                "From: a@host.invalid\r\nTo: b@host.invalid\r\nSubject: x\r\nMIME-Version: 1.0\r\nContent-Type: multipart/alternative; boundary=q\r\n\r\n--q\r\nContent-Type: text/plain\r\n\r\nhello\r\n--q\r\nContent-Type: text/{subtype}\r\n\r\n{page}\r\n--q--\r\n"
            );
            let found = walk(mail.as_bytes(), "x.eml");
            assert_eq!(found.parts.iter().any(|part| part.kind.id == "html"), is_page, "{subtype}");
            let links = found.parts.iter().any(|part| part.kind.id == "url-target");
            assert!(links || !is_page, "{subtype}");
        }
    }
}
