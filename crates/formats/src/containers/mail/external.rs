//! Bodies that are elsewhere: a part that names a file which the reader's program fetches (RFC 2046, 5.2.3, and RFC 2017), and a piece
//! of a message whose other pieces are messages of their own (RFC 2046, 5.2.2).

use crate::containers::bytes::RUNS;
use crate::containers::shares::is_share;
use crate::{Content, Member, OpenError, Parts};
use lazaret_model::{Family, Finding, Role, Severity, extension};
use mail_parser::{MessagePart, MimeHeaders as _};

/// Files beside [`RUNS`] that run when they are opened from a mail, by their extensions.
const RUN_AS_WELL: &[&str] = &["com", "js", "jar", "iso", "img", "vhd", "vhdx", "sh", "app", "dmg", "pkg"];

/// Hands the place over at which a part has its body, and says where it is a share's or a program's.
pub(super) fn place(part: &MessagePart<'_>, parts: &mut Parts<'_, '_>) -> Result<(), OpenError> {
    let Some(declared) = part.content_type().filter(|declared| declared.ctype().eq_ignore_ascii_case("message")) else {
        return Ok(());
    };
    let is = |name: &str| declared.subtype().is_some_and(|subtype| subtype.eq_ignore_ascii_case(name));
    if is("partial") {
        parts.incomplete("it is one piece of a message, whose others arrive on their own");
    }
    if !is("external-body") {
        return Ok(());
    }
    let of = |name: &str| declared.attribute(name).unwrap_or_default().trim();
    let place = match of("access-type").to_ascii_lowercase().as_str() {
        "local-file" | "afs" => of("name").to_owned(),
        "ftp" | "anon-ftp" | "tftp" => {
            let folder = of("directory").trim_matches('/');
            let path = if folder.is_empty() { of("name").to_owned() } else { format!("{folder}/{}", of("name")) };
            format!("ftp://{}/{path}", of("site"))
        }
        // RFC 2017, 3: an address may be broken over lines.
        "url" | "x-url" | "uri" => of("url").split_whitespace().collect(),
        _ => return Ok(()),
    };
    if place.is_empty() {
        return Ok(());
    }
    let runs = runs(&place);
    // Where somebody forgot to double them, one backslash is left of two.
    if is_share(&place) || place.starts_with('\\') || runs {
        let what = if runs { "a program" } else { "a file on another machine" };
        let message = format!("the mail has its reader fetch a part of it, which is {what}");
        let finding = Finding::new("mail.external-body", "mail", Severity::High, Family::Behaviour, message);
        parts.finding(finding.technique("T1204.002").technique("T1187").with("place", place.clone()));
    }
    let member = Member::unnamed(Role::Link, "link").of_kind("url-target");
    parts.add_content(member, Content::from(place.into_bytes()))
}

/// Whether a place is that of a file which runs when it is opened, by its name.
pub(in crate::containers) fn runs(place: &str) -> bool {
    // The name of a site is none of a file.
    let file = match place.split_once("://") {
        Some((_, behind)) => behind.split_once('/').map_or("", |(_, path)| path),
        None => place,
    };
    let file = file.split(['?', '#']).next().unwrap_or_default();
    let ending = extension(file);
    RUNS.contains(&&*ending) || RUN_AS_WELL.contains(&&*ending)
}

#[cfg(test)]
mod tests {
    use crate::testing::walk;

    #[test]
    fn a_piece_of_a_message_is_incomplete() {
        for (declared, complete) in [
            ("message/partial; id=\"a\"; number=1; total=2", false),
            ("Message/Partial; id=\"a\"; number=2", false),
            ("message/rfc822", true),
        ] {
            let head = "From: a@host.invalid\r\nTo: b@host.invalid\r\nSubject: x\r\nMIME-Version: 1.0\r\n";
            let whole = format!("{head}Content-Type: {declared}\r\n\r\n{head}\r\nhello\r\n");
            let part = format!(
                "{head}Content-Type: multipart/mixed; boundary=q\r\n\r\n--q\r\nContent-Type: {declared}\r\n\r\n{head}\r\nhello\r\n--q--\r\n"
            );
            assert_eq!(walk(part.as_bytes(), "x.eml").complete(), complete, "{declared}");
            assert!(complete || !walk(whole.as_bytes(), "x.eml").complete(), "{declared}");
        }
    }

    #[test]
    fn a_body_that_is_elsewhere_is_a_link_and_told_where_it_is_a_share_or_a_program() {
        for (declared, place, told) in [
            ("access-type=local-file; name=\"file://host.invalid/a/b.txt\"", "file://host.invalid/a/b.txt", true),
            ("access-type=URL; url=\"https://host.invalid/a.exe?b\"", "https://host.invalid/a.exe?b", true),
            (
                "access-type=anon-ftp; site=host.invalid; directory=a; name=\"b.hta\"",
                "ftp://host.invalid/a/b.hta",
                true,
            ),
            (
                "access-type=anon-ftp; site=host.invalid; directory=a; name=\"b.txt\"",
                "ftp://host.invalid/a/b.txt",
                false,
            ),
            ("access-type=url; url=\"https://host.invalid/a\"", "https://host.invalid/a", false),
        ] {
            let mail = format!(
                "From: a@host.invalid\r\nTo: b@host.invalid\r\nSubject: x\r\nMIME-Version: 1.0\r\n\
                 Content-Type: multipart/mixed; boundary=q\r\n\r\n--q\r\nContent-Type: text/plain\r\n\r\nhello\r\n\
                 --q\r\nContent-Type: message/external-body; {declared}\r\n\r\nContent-Type: text/plain\r\n\r\n--q--\r\n"
            );
            let found = walk(mail.as_bytes(), "x.eml");
            assert!(found.contains(place.as_bytes()), "{declared}: {:?}", found.parts);
            let finding = found.findings.iter().any(|finding| finding.id == "mail.external-body");
            assert_eq!(finding, told, "{declared}");
        }
    }
}
