//! What other mail programs would read in a message whose headers say two things, or say them oddly.

use crate::containers::decode;
use crate::{Content, Member, OpenError, Parts};
use lazaret_model::Role;
use mail_parser::{Encoding, Header, Message, MessageParser, MessagePart, PartType};

/// Borders of one multipart that are tried.
const MOST_BORDERS: usize = 4;

/// The bytes of a part as they stand in the message.
pub(super) fn raw_body<'r>(part: &MessagePart<'_>, raw: &'r [u8]) -> &'r [u8] {
    raw.get(part.raw_body_offset() as usize..part.raw_end_offset() as usize).unwrap_or_default()
}

/// The bytes of a text that is attached, which are saved as they were sent: a character set is for what is shown.
pub(super) fn as_sent(part: &MessagePart<'_>, raw: &[u8]) -> Option<Vec<u8>> {
    if !matches!(part.body, PartType::Text(_) | PartType::Html(_)) {
        return None;
    }
    let body = raw_body(part, raw);
    match part.encoding {
        Encoding::None => Some(body.to_vec()),
        Encoding::QuotedPrintable => decoded("quoted-printable", body),
        Encoding::Base64 => decoded("base64", body),
    }
}

/// Reads a multipart by every border that its headers name, since programs differ in which of two they take.
pub(super) fn other_borders(message: &Message<'_>, raw: &[u8], parts: &mut Parts<'_, '_>) -> Result<bool, OpenError> {
    let mut any = false;
    for part in &message.parts {
        let mut borders: Vec<String> = Vec::new();
        for border in values(part, "content-type", raw).flat_map(|value| parameters(value, "boundary")) {
            if !borders.contains(&border) {
                borders.push(border);
            }
        }
        if borders.len() < 2 {
            continue;
        }
        let body = raw.get(part.raw_body_offset() as usize..).unwrap_or_default();
        for border in borders.iter().take(MOST_BORDERS) {
            parts.budget().check_time().map_err(OpenError::Limit)?;
            let border = border.replace('"', "");
            let head = format!("MIME-Version: 1.0\r\nContent-Type: multipart/mixed; boundary=\"{border}\"\r\n\r\n");
            let again = [head.as_bytes(), body].concat();
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

/// Other readings of a part: by encodings that the parser did not take, and leniently where it found damage.
pub(super) fn other_readings(part: &MessagePart<'_>, raw: &[u8], known: &[u8]) -> Vec<Vec<u8>> {
    let taken = match part.encoding {
        Encoding::None => "",
        Encoding::QuotedPrintable => "quoted-printable",
        Encoding::Base64 => "base64",
    };
    let mut found: Vec<Vec<u8>> = Vec::new();
    for encoding in encodings(part, raw).iter().filter(|e| *e != taken || part.is_encoding_problem) {
        let bytes = decoded(encoding, raw_body(part, raw)).filter(|bytes| bytes != known && !found.contains(bytes));
        found.extend(bytes);
    }
    found
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

/// What a part says its transfer encoding is, read as widely as any program does: in quotes, with comments, in any
/// letters, and every one where there are several.
fn encodings(part: &MessagePart<'_>, raw: &[u8]) -> Vec<String> {
    let mut found: Vec<String> = Vec::new();
    for value in values(part, "content-transfer-encoding", raw) {
        let text = String::from_utf8_lossy(value).to_ascii_lowercase();
        let word = text.trim_start_matches([':', ' ', '\t']).split(['(', ';']).next().unwrap_or_default();
        let word = word.trim().trim_matches(['"', '\'']).trim().to_owned();
        if !word.is_empty() && !found.contains(&word) {
            found.push(word);
        }
    }
    found
}

/// The bytes of a part by one transfer encoding, decoded as leniently as any program does.
fn decoded(encoding: &str, body: &[u8]) -> Option<Vec<u8>> {
    let bytes = match encoding {
        "base64" => decode::base64(body),
        "quoted-printable" => decode::quoted_printable(body),
        "x-uuencode" | "uuencode" | "x-uue" => decode::uuencoded(body).into_iter().next()?.1,
        _ => return None,
    };
    (!bytes.is_empty()).then_some(bytes)
}
