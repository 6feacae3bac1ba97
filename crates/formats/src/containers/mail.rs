//! Mail messages, mailboxes and saved pages (RFC 5322, RFC 2045 to 2049, RFC 4155, RFC 2557).
//!
//! `mail-parser` reads the message; what it takes for text is searched for what older programs put there (uuencode,
//! yEnc, BinHex), and a message that hides parts behind broken boundaries is searched for Base64 as it stands.

pub(super) mod external;
mod rereading;

use super::{decode, openpgp};
use crate::{Content, Format, Member, OpenError, Parts, encoding};
use lazaret_model::{Family, Finding, Role, Severity};
use mail_parser::{HeaderName, Message, MessageParser, MessagePart, MimeHeaders, PartType};
use std::borrow::Cow;

/// Bytes of a message that are read; attachments of more than this are not sent by mail.
const MOST: u64 = 128 << 20;
/// Messages of a mailbox that are opened.
const MOST_MESSAGES: usize = 20_000;
/// Lines of Base64 from which raw text is decoded.
const BASE64_LINES: usize = 4;

/// Opens mail.
pub(super) struct Mail;

impl Format for Mail {
    fn id(&self) -> &'static str {
        "mail"
    }

    fn kinds(&self) -> &'static [&'static str] {
        &["eml", "mbox", "mht"]
    }

    fn summary(&self) -> &'static str {
        "bodies, attachments and nested messages; uuencode, yEnc, BinHex and Base64 behind broken boundaries"
    }

    fn open(&self, input: &Content, parts: &mut Parts<'_, '_>) -> Result<(), OpenError> {
        let bytes = super::text_of(input, MOST, parts)?;
        let divided =
            bytes.trim_ascii_start().starts_with(b"From ") || memchr::memmem::find(&bytes, b"\nFrom ").is_some();
        if parts.part().is("mbox") && divided {
            return mailbox(&bytes, parts);
        }
        let bytes = readable(&bytes);
        // RFC 5322, 2.1: an empty line ends the header.
        if [&b"\n\n"[..], b"\n\r\n"].iter().all(|end| memchr::memmem::find(&bytes, end).is_none()) {
            parts.incomplete("it ends within its header");
        }
        let Some(message) = MessageParser::default().parse(bytes.as_ref()) else {
            return Err(OpenError::malformed("the message has no header", 0));
        };
        open_message(&message, &bytes, parts)
    }
}

/// A message as readers take it: without lines in its header that are no fields (a length before it, `>From `, stray text), and
/// without blanks between a field's name and the colon (RFC 5322, 4.5.3).
fn readable(bytes: &[u8]) -> Cow<'_, [u8]> {
    let start = bytes.trim_ascii_start();
    let (mut header, mut changed, mut fields) = (Vec::new(), start.len() < bytes.len(), false);
    let mut rest = start;
    while !rest.is_empty() {
        let end = memchr::memchr(b'\n', rest).map_or(rest.len(), |at| at + 1);
        let (line, after) = rest.split_at_checked(end).unwrap_or((rest, &[]));
        if line.trim_ascii().is_empty() {
            break;
        }
        rest = after;
        let continues = line.first().is_some_and(|byte| matches!(byte, b' ' | b'\t'));
        let colon = memchr::memchr(b':', line).unwrap_or(0);
        let name = line.get(..colon).unwrap_or_default();
        let trimmed = name.trim_ascii_end();
        if continues && fields {
            header.extend_from_slice(line);
        } else if !trimmed.is_empty() && trimmed.iter().all(u8::is_ascii_graphic) {
            changed |= trimmed.len() < name.len();
            header.extend_from_slice(trimmed);
            header.extend_from_slice(line.get(colon..).unwrap_or_default());
            fields = true;
        } else {
            changed = true;
        }
    }
    if !changed || !fields {
        return Cow::Borrowed(bytes);
    }
    header.extend_from_slice(rest);
    Cow::Owned(header)
}

/// Splits a mailbox at the lines that start with `From ` after an empty one (RFC 4155).
fn mailbox(bytes: &[u8], parts: &mut Parts<'_, '_>) -> Result<(), OpenError> {
    let mut starts: Vec<usize> = memchr::memmem::find_iter(bytes, b"\nFrom ").map(|at| at + 1).collect();
    starts.retain(|at| {
        let before = bytes.get(..*at).unwrap_or_default();
        before.ends_with(b"\n\n") || before.ends_with(b"\n\r\n")
    });
    // Empty lines before the first one do not matter.
    let first = bytes.len() - bytes.trim_ascii_start().len();
    if bytes.get(first..).is_some_and(|rest| rest.starts_with(b"From ")) && starts.first() != Some(&first) {
        starts.insert(0, first);
    }
    // What stands before it belongs to no message for some programs, and is one for others.
    let before = bytes.get(first..starts.first().copied().unwrap_or(bytes.len())).unwrap_or_default();
    if !before.is_empty() {
        let member = Member::unnamed(Role::Member, "before-messages").of_kind("eml");
        parts.add_content(member, Content::from(before))?;
    }
    if starts.len() > MOST_MESSAGES {
        parts.incomplete(format!("only the first {MOST_MESSAGES} of {} messages were opened", starts.len()));
        starts.truncate(MOST_MESSAGES + 1);
    }
    starts.push(bytes.len());
    for (index, range) in starts.windows(2).take(MOST_MESSAGES).enumerate() {
        let [start, end] = range else { continue };
        let message = bytes.get(*start..*end).unwrap_or_default();
        let body = memchr::memchr(b'\n', message).and_then(|line| message.get(line + 1..)).unwrap_or_default();
        let member = Member::unnamed(Role::Member, format!("message-{}", index + 1)).of_kind("eml");
        parts.add_content(member, Content::from(body))?;
    }
    Ok(())
}

fn open_message(message: &Message<'_>, raw: &[u8], parts: &mut Parts<'_, '_>) -> Result<(), OpenError> {
    for part in &message.parts {
        conflicts(part, raw, parts);
        external::place(part, parts)?;
    }
    hints(message, parts);
    // Bodies first: they may hold the password of what is attached.
    let is_body = |part: &MessagePart<'_>| {
        part.is_text()
            && part.attachment_name().is_none()
            && !part.content_disposition().is_some_and(|d| d.is_attachment())
    };
    let mut any = false;
    for part in message.parts.iter().filter(|p| is_body(p)) {
        parts.budget().check_time().map_err(OpenError::Limit)?;
        any |= body(part, message, raw, parts)?;
    }
    for (index, part) in message.parts.iter().enumerate().filter(|(_, p)| !is_body(p)) {
        parts.budget().check_time().map_err(OpenError::Limit)?;
        any |= attachment(part, index, raw, parts)?;
    }
    any |= rereading::other_borders(message, raw, parts)?;
    if any {
        // Programs that see other borders find parts there.
        for bytes in rereading::between(message, raw) {
            raw_base64(bytes, parts)?;
        }
    } else {
        raw_base64(raw, parts)?;
    }
    if message.parts.len() > 1 {
        for bytes in rereading::between(message, raw) {
            let (files, overflow) = decode::uuencoded(bytes).into_parts();
            overflow.into_iter().for_each(|reason| parts.incomplete(reason));
            for (name, bytes) in files {
                parts.add_content(Member::named(Role::Attachment, name), Content::from(bytes))?;
            }
        }
    }
    let multipart =
        |part: &MessagePart<'_>| part.content_type().is_some_and(|t| t.ctype().eq_ignore_ascii_case("multipart"));
    let found = |part: &MessagePart<'_>| matches!(&part.body, PartType::Multipart(inner) if !inner.is_empty());
    let blank = |part: &MessagePart<'_>| rereading::raw_body(part, raw).trim_ascii().is_empty();
    if message.parts.iter().any(|part| multipart(part) && !found(part) && !blank(part)) {
        parts.incomplete("it claims to have several parts and none was found");
    }
    Ok(())
}

/// What a message says in its header may be the password of what is attached (RFC 5322, 3.6.5).
fn hints(message: &Message<'_>, parts: &mut Parts<'_, '_>) {
    let told =
        |name: &HeaderName<'_>| matches!(name, HeaderName::Subject | HeaderName::Comments | HeaderName::Keywords);
    let headers = message.parts.first().map(|first| first.headers.as_slice()).unwrap_or_default();
    for header in headers.iter().filter(|header| told(&header.name)) {
        for text in header.value.as_text_list().unwrap_or_default() {
            parts.hint(text);
        }
    }
}

/// Whether a transfer encoding breaks off where the message does. Where it is damaged and a border follows, programs show what it
/// says as it stands, or what can be decoded of it, and each reading is a part.
fn is_cut(part: &MessagePart<'_>, raw: &[u8]) -> bool {
    part.is_encoding_problem && part.raw_end_offset() as usize >= raw.len()
}

/// A body and the files encoded in its text; whether there were any.
fn body(
    part: &MessagePart<'_>,
    message: &Message<'_>,
    raw: &[u8],
    parts: &mut Parts<'_, '_>,
) -> Result<bool, OpenError> {
    let text = part.contents();
    let (name, kind) = rereading::kind_of_body(part);
    let mut member = Member::unnamed(Role::Body, name).of_kind(kind);
    if let Some(declared) = declared_type(part) {
        member = member.declared(declared);
    }
    // Text alone has no other end than that of the message.
    if message.parts.len() > 1 && is_cut(part, raw) {
        member = member.incomplete("its transfer encoding breaks off");
    }
    parts.add_content(member, Content::from(text))?;
    let mut encoded = vec![decode::uuencoded(text), decode::begin_base64(text)];
    if memchr::memmem::find(text, b"=ybegin ").is_some() {
        // Its bytes are no text, which a character set would change.
        encoded.push(decode::yencoded(rereading::raw_body(part, raw)));
    }
    let (binhexed, cut) = decode::binhexed(text);
    encoded.push(binhexed);
    // A message in armor, perhaps below a greeting.
    if !part.is_text_html() && openpgp::is_in_text(&encoding::decode(text)) {
        let member = Member::unnamed(Role::Embedded, "pgp-message").of_kind("pgp-message");
        parts.add_content(member, Content::from(text))?;
    }
    let (readings, overflow) = rereading::other_readings(part, raw, text);
    let mut reasons = vec![cut, overflow];
    let mut files = Vec::new();
    for list in encoded {
        let (some, overflow) = list.into_parts();
        files.extend(some);
        reasons.push(overflow);
    }
    reasons.into_iter().flatten().for_each(|reason| parts.incomplete(reason));
    let found = !files.is_empty() || !readings.is_empty();
    for bytes in readings {
        parts.add_content(Member::unnamed(Role::Body, "body-decoded-otherwise"), Content::from(bytes))?;
    }
    for (name, bytes) in files {
        parts.add_content(Member::named(Role::Attachment, name), Content::from(bytes))?;
    }
    Ok(raw_base64(text, parts)? || found)
}

/// Anything that is no body; whether it was something.
fn attachment(part: &MessagePart<'_>, index: usize, raw: &[u8], parts: &mut Parts<'_, '_>) -> Result<bool, OpenError> {
    let bytes = match &part.body {
        PartType::Multipart(_) => return Ok(false),
        PartType::Message(inner) => {
            // A nested message that is cut in its head has no parts, and the parser's own accessors take one for granted.
            let whole = inner.parts.first().map(|first| first.offset_header as usize..first.offset_end as usize);
            let decoded = whole.and_then(|range| inner.raw_message.get(range)).filter(|bytes| !bytes.is_empty());
            decoded.unwrap_or_else(|| rereading::raw_body(part, raw))
        }
        _ => part.contents(),
    };
    let sent = rereading::as_sent(part, raw);
    let bytes = sent.as_deref().unwrap_or(bytes);
    let mut member = match part.attachment_name() {
        // A script of a page that somebody saved belongs to the page, and is judged by what it does.
        None if parts.part().is("mht") && crate::identify_head(bytes).kind.id == "js" => {
            Member::unnamed(Role::Script, "script")
        }
        Some(name) => Member::named(Role::Attachment, name),
        None => match part.content_location() {
            Some(location) => Member::named(Role::Attachment, location),
            None => Member::unnamed(Role::Attachment, format!("attachment-{index}")),
        },
    };
    if part.is_message() {
        member = member.of_kind("eml");
    }
    if let Some(declared) = declared_type(part) {
        member = member.declared(declared);
    }
    if is_cut(part, raw) {
        member = member.incomplete("its transfer encoding breaks off");
    }
    let other = Member::named(Role::Attachment, member.name.clone());
    parts.add_content(member, Content::from(bytes))?;
    let (readings, overflow) = rereading::other_readings(part, raw, bytes);
    if let Some(reason) = overflow {
        parts.incomplete(reason);
    }
    let any = !bytes.is_empty() || !readings.is_empty();
    for bytes in readings {
        parts.add_content(other.clone(), Content::from(bytes))?;
    }
    Ok(any)
}

fn declared_type(part: &MessagePart<'_>) -> Option<String> {
    let declared = part.content_type()?;
    Some(format!("{}/{}", declared.ctype(), declared.subtype().unwrap_or("*")).to_ascii_lowercase())
}

/// Headers that programs read differently: twice the same, or two names for one file.
fn conflicts(part: &MessagePart<'_>, raw: &[u8], parts: &mut Parts<'_, '_>) {
    let report = |parts: &mut Parts<'_, '_>, what: String| {
        let message = format!("the mail says two things about one part: {what}");
        let finding = Finding::new("mail.conflicting-headers", "mail", Severity::Medium, Family::Structure, message)
            .technique("T1027");
        parts.finding(finding);
    };
    for (name, text) in [
        (HeaderName::ContentType, "Content-Type"),
        (HeaderName::ContentDisposition, "Content-Disposition"),
        (HeaderName::ContentTransferEncoding, "Content-Transfer-Encoding"),
    ] {
        let mut values: Vec<&[u8]> = part
            .headers
            .iter()
            .filter(|h| h.name == name)
            .filter_map(|h| raw.get(h.offset_start as usize..h.offset_end as usize))
            .map(<[u8]>::trim_ascii)
            .collect();
        values.dedup();
        if values.len() > 1 {
            report(parts, format!("`{text}` is there {} times", values.len()));
        }
    }
    if let Some((first, second)) = rereading::two_file_names(part, raw) {
        report(parts, format!("`filename` is `{first}` and also `{second}`"));
    }
    let filename = part.content_disposition().and_then(|d| d.attribute("filename"));
    let name = part.content_type().and_then(|t| t.attribute("name"));
    if let (Some(filename), Some(name)) = (filename, name)
        && filename != name
    {
        report(parts, format!("`filename` is `{filename}` and `name` is `{name}`"));
    }
}

/// Blocks of Base64 lines in text that nothing declared; whether any was a file.
fn raw_base64(text: &[u8], parts: &mut Parts<'_, '_>) -> Result<bool, OpenError> {
    let mut block: Vec<u8> = Vec::new();
    let mut lines = 0usize;
    let mut any = false;
    for line in text.split(|b| *b == b'\n').chain([&b"."[..]]) {
        let line = line.trim_ascii();
        let full = line.len() >= 40 && decode::is_base64(line);
        let last = lines >= 1 && !full && !line.is_empty() && decode::is_base64(line);
        if full || last {
            block.extend(line);
            lines += 1;
        }
        if full {
            continue;
        }
        if lines >= BASE64_LINES {
            let bytes = decode::base64(&block);
            let found = crate::identify_head(&bytes);
            if !found.kind.is_unknown() {
                parts.add_content(Member::unnamed(Role::Payload, "base64"), Content::from(bytes))?;
                any = true;
            }
        }
        block.clear();
        lines = 0;
    }
    Ok(any)
}

#[cfg(test)]
mod tests {
    use crate::testing::{walk, walk_with};
    use lazaret_model::Limits;

    const HEAD: &str = "From: a@host.invalid\r\nTo: b@host.invalid\r\nSubject: x\r\nMIME-Version: 1.0\r\n";

    #[test]
    fn bodies_come_first_and_attachments_keep_their_names() {
        let mail = format!(
            "{HEAD}Content-Type: multipart/mixed; boundary=q\r\n\r\n--q\r\nContent-Type: application/octet-stream\r\n\
             Content-Disposition: attachment; filename*0*=utf-8''caf%C3%A9; filename*1=.exe\r\n\
             Content-Transfer-Encoding: base64\r\n\r\nTEFaQVJFVC1NQVJLRVI=\r\n--q\r\nContent-Type: text/plain\r\n\r\nLAZARET-BODY\r\n\
             --q\r\nContent-Type: message/rfc822\r\n\r\nFrom: c@host.invalid\r\nSubject: inner\r\nMIME-Version: 1.0\r\n\r\nLAZARET-INNER\r\n--q--\r\n"
        );
        let found = walk(mail.as_bytes(), "x.eml");
        assert!(found.parts[1].path.ends_with("//body") && found.contains(b"LAZARET-BODY"));
        assert_eq!(found.bytes("caf\u{e9}.exe"), b"LAZARET-MARKER");
        assert_eq!(found.part("caf\u{e9}.exe").declared_type.as_deref(), Some("application/octet-stream"));
        assert!(found.parts.iter().any(|p| p.depth == 2 && found.bytes[&p.id].starts_with(b"LAZARET-INNER")));
    }

    #[test]
    fn the_subject_may_tell_the_password() {
        let mut archive = std::io::Cursor::new(Vec::new());
        crate::pack("offer.txt", &mut &b"LAZARET-MARKER"[..], &mut archive).unwrap();
        let encoded = data_encoding::BASE64.encode(&archive.into_inner());
        let lines: Vec<_> = encoded.as_bytes().chunks(60).map(String::from_utf8_lossy).collect();
        for subject in ["Offer, password: infected", "=?utf-8?B?T2ZmZXIsIHBhc3N3b3JkOiBpbmZlY3RlZA==?="] {
            let mail = format!(
                "From: a@host.invalid\r\nTo: b@host.invalid\r\nSubject: {subject}\r\nMIME-Version: 1.0\r\n\
                 Content-Type: application/zip; name=a.zip\r\nContent-Transfer-Encoding: base64\r\n\r\n{}\r\n",
                lines.join("\r\n")
            );
            let found = walk(mail.as_bytes(), "x.eml");
            assert_eq!(found.bytes("//a.zip//offer.txt"), b"LAZARET-MARKER", "{subject}");
        }
    }

    #[test]
    fn conflicting_headers_are_a_finding() {
        let mail = format!(
            "{HEAD}Content-Type: multipart/mixed; boundary=q\r\n\r\n--q\r\nContent-Type: text/plain; name=a.txt\r\n\
             Content-Disposition: attachment; filename=a.exe\r\nContent-Type: application/zip\r\n\r\nLAZARET\r\n--q--\r\n"
        );
        let found = walk(mail.as_bytes(), "x.eml");
        assert!(found.findings.iter().any(|f| f.id == "mail.conflicting-headers"), "{:?}", found.findings);
        let honest = format!("{HEAD}Content-Type: text/plain\r\n\r\nhello\r\n");
        assert!(walk(honest.as_bytes(), "x.eml").findings.is_empty());
    }

    #[test]
    fn old_encodings_and_broken_boundaries_hide_nothing() {
        let uu = format!("{HEAD}\r\nsee below\r\nbegin 644 a.exe\r\n'3$%:05)%5\r\n`\r\nend\r\n");
        assert_eq!(walk(uu.as_bytes(), "x.eml").bytes("a.exe"), b"LAZARET");
        let zip = crate::testing::build::crc_less_zip(&[("LAZARET.txt", &[b'x'; 150])]);
        let mut encoded = data_encoding::BASE64.encode(&zip);
        for at in (1..=encoded.len() / 60).rev() {
            encoded.insert_str(at * 60, "\r\n");
        }
        let broken = format!(
            "{HEAD}Content-Type: multipart/mixed; boundary=q\r\n\r\n--other\r\nContent-Type: application/zip\r\nContent-Transfer-Encoding: base64\r\n\r\n{encoded}\r\n--other--\r\n"
        );
        let found = walk(broken.as_bytes(), "x.eml");
        assert!(found.parts.iter().any(|p| p.kind.id == "zip"), "{:#?}", found.parts);
    }

    #[test]
    fn a_mailbox_is_its_messages() {
        let one = "From a@host.invalid Mon Jan  1 00:00:00 2024\nFrom: a\nTo: b\nSubject: x\n\nLAZARET-ONE\n\n";
        let found = walk([one, &one.replace("ONE", "TWO")].concat().as_bytes(), "x.mbox");
        assert_eq!(found.parts.iter().filter(|p| p.kind.id == "eml").count(), 2);
        assert!(found.contains(b"LAZARET-ONE") && found.contains(b"LAZARET-TWO"));
    }

    #[test]
    fn a_nested_message_cut_in_its_head_is_survived() {
        let mail = "From: a@host.invalid\r\nTo: b@host.invalid\r\nContent-Type: multipart/mixed; boundary=q\r\n\r\n--q\r\nContent-Type: message/rfc822\r\n\r\nFrom: c@host.invalid\r\nMIME-Version: ";
        for cut in 0..mail.len() {
            walk_with(mail.as_bytes()[..cut].to_vec(), "a.eml", Some("eml"), &[], Limits::default());
        }
        let found = walk_with(mail.as_bytes(), "a.eml", Some("eml"), &[], Limits::default());
        assert!(!found.complete(), "{:#?}", found.parts);
    }

    #[test]
    fn truncated_mail_does_not_panic() {
        let mail = format!(
            "{HEAD}Content-Type: multipart/mixed; boundary=q\r\n\r\n--q\r\nContent-Transfer-Encoding: base64\r\n\r\nTEFa\r\n--q--\r\n"
        );
        for cut in 0..mail.len() {
            crate::testing::walk_with(&mail.as_bytes()[..cut], "x", Some("eml"), &[], lazaret_model::Limits::default());
        }
    }

    #[test]
    fn attachments_are_found_whatever_the_header_looks_like() {
        let mail = "From: a@example.org\nTo: b@example.org\nSubject: Offer\nMIME-Version: 1.0\n\
                    Content-Type: multipart/mixed; boundary=x\n\n--x\nContent-Type: text/plain\n\nhello\n--x\n\
                    Content-Type: application/octet-stream; name=a.bin\nContent-Transfer-Encoding: base64\n\
                    Content-Disposition: attachment; filename=a.bin\n\nTEFaQVJFVC1NQVJLRVI=\n--x--\n";
        let recipients = "somebody@example.org,\n ".repeat(4_500);
        for mail in [
            mail.to_owned(),
            mail.replace("Content-Type: multipart", "Content-Type : multipart"),
            format!("1234      \n{mail}"),
            format!(">From somebody\n{mail}"),
            format!("\n\n{mail}"),
            format!("a stray line\n{mail}"),
            mail.replacen("MIME-Version", "a stray line\nMIME-Version", 1),
            mail.replacen("b@example.org", &format!("{recipients}b@example.org"), 1),
            mail.replace("Transfer-Encoding: base64", "Transfer-Encoding: (x) base64"),
        ] {
            let found = walk_with(mail.as_bytes(), "a.eml", None, &[], Limits::default());
            let attached = found.bytes.values().any(|bytes| bytes == b"LAZARET-MARKER");
            assert!(attached, "{}", &mail[..mail.len().min(300)]);
        }
    }

    #[test]
    fn no_message_hides_before_the_first_border_of_a_mailbox() {
        let one = "From a@host.invalid Mon Jan  1 00:00:00 2024\nFrom: a\nTo: b\nSubject: x\n\nLAZARET-ONE\n\n";
        let first = "From: a\nTo: b\nSubject: x\nMIME-Version: 1.0\n\nLAZARET-FIRST\n\n";
        for (mailbox, messages) in
            [(format!("\n{one}"), 1), (format!("\n\n{one}"), 1), (format!("{first}{one}"), 2), (first.to_owned(), 0)]
        {
            let found = walk_with(mailbox.as_bytes(), "x.mbox", Some("mbox"), &[], Limits::default());
            assert_eq!(found.parts.iter().filter(|p| p.kind.id == "eml").count(), messages, "{mailbox}");
            for text in ["LAZARET-FIRST", "LAZARET-ONE"].into_iter().filter(|text| mailbox.contains(text)) {
                let read = |p: &lazaret_model::Part| found.bytes[&p.id].starts_with(text.as_bytes());
                assert!(found.parts.iter().any(read), "{mailbox}");
            }
        }
    }

    #[test]
    fn what_stands_behind_the_last_border_is_searched() {
        let zip = crate::testing::build::crc_less_zip(&[("LAZARET.txt", &[b'x'; 200])]);
        let encoded = data_encoding::BASE64.encode(&zip);
        let lines: Vec<_> = encoded.as_bytes().chunks(60).map(String::from_utf8_lossy).collect();
        let mail = format!(
            "{HEAD}Content-Type: multipart/mixed; boundary=q\r\n\r\n--q\r\nContent-Type: text/plain\r\n\
             Content-Disposition: attachment; filename=a.txt\r\n\r\nhello\r\n--q--\r\n\
             --q\r\nContent-Type: application/zip\r\nContent-Transfer-Encoding: base64\r\n\r\n{}\r\n--q--\r\n",
            lines.join("\r\n")
        );
        let found = walk(mail.as_bytes(), "x.eml");
        assert_eq!(found.bytes("//a.txt"), b"hello");
        assert_eq!(found.part("//base64").kind.id, "zip");
    }

    #[test]
    fn small_files_before_the_first_border_and_behind_the_last_are_read() {
        let text = "--q\r\nContent-Type: text/plain\r\n\r\nhello\r\n";
        let attached = "--q\r\nContent-Type: application/octet-stream; name=a.bin\r\nContent-Transfer-Encoding: base64\r\n\r\nTEFaQVJFVC1NQVJLRVI=\r\n--q--\r\n";
        let head = format!("{HEAD}Content-Type: multipart/mixed; boundary=q\r\n\r\n");
        let behind = walk(format!("{head}{text}--q--\r\n\r\n{attached}").as_bytes(), "x.eml");
        assert!(behind.contains(b"LAZARET-MARKER"), "{:?}", behind.parts);
        let before =
            walk(format!("{head}begin 644 a.bin\r\n'3$%:05)%5\r\n`\r\nend\r\n{text}--q--\r\n").as_bytes(), "x.eml");
        assert_eq!(before.bytes("//a.bin"), b"LAZARET");
        let honest = format!(
            "{head}This is a message in several parts.\r\n\r\n{text}--q--\r\n\r\n-- \r\nThe list of the harbour\r\n"
        );
        let found = walk(honest.as_bytes(), "x.eml");
        assert!(found.complete() && found.parts.len() == 2, "{:?}", found.parts);
    }

    #[test]
    fn a_message_in_two_forms_is_complete() {
        let part = |kind: &str, text: &str| format!("--q\r\nContent-Type: text/{kind}\r\n\r\n{text}\r\n");
        let parts = [part("plain", "hello"), part("html", "<p>hello</p>")].concat();
        let mail = format!("{HEAD}Content-Type: multipart/alternative; boundary=q\r\n\r\n{parts}--q--\r\n");
        let found = walk(mail.as_bytes(), "x.eml");
        assert!(found.complete() && found.parts.len() == 3, "{:?}", found.parts);
        let broken = mail.replace("boundary=q", "boundary=other");
        assert!(!walk(broken.as_bytes(), "x.eml").complete());
    }

    #[test]
    fn a_damaged_encoding_before_a_border_is_read_both_ways_and_whole() {
        let part = "--q\r\nContent-Type: text/html\r\nContent-Transfer-Encoding: quoted-printable\r\n\r\n<a title=\"h=C3=B6\">LAZARET</a>\r\n";
        let mail = format!("{HEAD}Content-Type: multipart/related; boundary=q\r\n\r\n{part}");
        let whole = format!("{mail}--q\r\nContent-Type: text/plain\r\n\r\nhello\r\n--q--\r\n");
        let found = walk(whole.as_bytes(), "x.eml");
        assert!(found.complete(), "{:?}", found.parts);
        assert!(found.contains("h\u{f6}".as_bytes()) && found.contains(b"h=C3=B6"), "{:?}", found.parts);
    }

    #[test]
    fn a_message_without_anything_is_whole_and_one_that_ends_in_its_header_is_not() {
        let empty = format!("{HEAD}Content-Type: multipart/related; boundary=q\r\n\r\n");
        for (end, complete) in [(empty.len(), true), (empty.len() - 2, false), (empty.len() - 9, false)] {
            let found = walk_with(&empty.as_bytes()[..end], "x.eml", Some("eml"), &[], Limits::default());
            assert_eq!(found.complete(), complete, "{end}: {:?}", found.parts);
        }
    }

    #[test]
    fn a_script_of_a_saved_page_belongs_to_it_and_an_attached_one_does_not() {
        let script = "function a(b) { return document.getElementById(b); }\nvar c = a('d');\n";
        let saved = |disposition: &str| {
            format!(
                "From: <Saved by a browser>\r\nSubject: x\r\nMIME-Version: 1.0\r\nContent-Type: multipart/related; type=\"text/html\"; boundary=q\r\n\r\n\
                 --q\r\nContent-Type: text/html\r\nContent-Location: http://host.invalid/\r\n\r\n<html><p>hello</p></html>\r\n\
                 --q\r\nContent-Type: application/octet-stream\r\n{disposition}Content-Location: http://host.invalid/a.js\r\n\r\n{script}\r\n--q--\r\n"
            )
        };
        let role = |disposition: &str| {
            let found = walk_with(saved(disposition).as_bytes(), "x.mht", Some("mht"), &[], Limits::default());
            found.parts.iter().find(|part| part.kind.id == "js").map(|part| part.role)
        };
        assert_eq!(role(""), Some(lazaret_model::Role::Script));
        assert_eq!(role("Content-Disposition: attachment; filename=a.js\r\n"), Some(lazaret_model::Role::Attachment));
    }

    #[test]
    fn limits_on_borders_and_files_are_said() {
        let borders: String = ["a", "b", "c", "d", "q"].map(|border| format!("; boundary={border}")).concat();
        let mail = format!(
            "{HEAD}Content-Type: multipart/mixed{borders}\r\n\r\n--q\r\nContent-Type: text/plain\r\n\r\nLAZARET\r\n--q--\r\n"
        );
        let found = walk(mail.as_bytes(), "x.eml");
        let said = |text: &str| found.parts[0].incomplete.iter().any(|given| given.contains(text));
        assert!(said("more than 4 borders"), "{:?}", found.parts[0].incomplete);
        let files = "begin 644 a\r\n#3$%:\r\nend\r\n".repeat(5001);
        let limits = Limits { parts: 20, ..Limits::default() };
        let found = walk_with(format!("{HEAD}\r\n{files}").as_bytes(), "x.eml", Some("eml"), &[], limits);
        let said = |text: &str| found.parts[0].incomplete.iter().any(|given| given.contains(text));
        assert!(said("more than 5000 uuencoded files"), "{:?}", found.parts[0].incomplete);
    }

    #[test]
    fn every_file_of_an_encoding_is_a_reading() {
        let mail = format!(
            "{HEAD}Content-Type: application/octet-stream; name=a\r\nContent-Transfer-Encoding: x-uuencode\r\n\r\n\
             begin 644 a\r\n#3$%:\r\nend\r\nbegin 644 b\r\n'3$%:05)%5\r\n`\r\nend\r\n"
        );
        assert!(walk(mail.as_bytes(), "x.eml").parts.iter().any(|part| part.size == 7));
    }
}
