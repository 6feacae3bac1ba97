//! Calendars (RFC 5545, iCalendar), address cards (RFC 6350, vCard; vCard 2.1) and contacts of Windows: pictures, sounds,
//! pages and files that they carry, places that they lead to, and what an alarm would run or fetch from another machine.

mod contact;
mod places;

use super::decode;
use super::links::Links;
use crate::{Content, Format, Member, OpenError, Parts, encoding};
use lazaret_model::{Family, Finding, Role, Severity, on_this_machine};
use std::borrow::Cow;

/// Bytes that are read.
const MOST: u64 = 64 << 20;
/// Properties that hold an address and no text (RFC 5545, 3.8; RFC 7986, 5; RFC 6350, 6; vCard 3.0 and 2.1).
const ADDRESSES: &[&str] = &[
    "ATTACH",
    "URL",
    "SOURCE",
    "PHOTO",
    "LOGO",
    "SOUND",
    "KEY",
    "IMAGE",
    "CONFERENCE",
    "LINK",
    "FBURL",
    "CALURI",
    "CALADRURI",
    "TZURL",
    "IMPP",
    "RELATED",
    "MEMBER",
    "AGENT",
    "X-SOCIALPROFILE",
    "SOCIALPROFILE",
];
/// Properties that hold a page (Outlook; RFC 9073, 6.5).
const PAGES: &[&str] = &["X-ALT-DESC", "STYLED-DESCRIPTION"];

/// Opens calendars and address cards.
pub(super) struct Calendar;

impl Format for Calendar {
    fn id(&self) -> &'static str {
        "calendar"
    }

    fn kinds(&self) -> &'static [&'static str] {
        &["ics", "vcard", "contact"]
    }

    fn summary(&self) -> &'static str {
        "attachments, pictures, keys and pages within; programs that alarms run; places that are no web sites"
    }

    fn open(&self, input: &Content, parts: &mut Parts<'_, '_>) -> Result<(), OpenError> {
        let bytes = super::text_of(input, MOST, parts)?;
        let text = encoding::decode(&bytes);
        let mut links = Links::default();
        if parts.part().is("contact") {
            contact::open(&text, &mut links, parts)?;
            return links.hand_over(parts);
        }
        let (mut alarm, mut runs) = (false, false);
        // What an alarm holds is looked at at its end: what it does may stand behind what it does it with.
        let mut waiting: Vec<Property> = Vec::new();
        for line in unfold(&text) {
            parts.budget().check_time().map_err(OpenError::Limit)?;
            let Some(property) = Property::parse(&line) else { continue };
            let is =
                |name: &str, value: &str| property.name == name && property.value.trim().eq_ignore_ascii_case(value);
            let begins = is("BEGIN", "VALARM");
            // RFC 2445, 4.8.6.1: an alarm that starts a program. RFC 5545 dropped it; old readers have it.
            if begins || is("END", "VALARM") {
                open_all(std::mem::take(&mut waiting), runs, &mut links, parts)?;
                alarm = begins;
                runs &= !begins;
            } else if property.name == "ACTION" {
                runs = is("ACTION", "PROCEDURE") || alarm && runs;
            } else if alarm {
                waiting.push(property);
            } else {
                property.open(runs, &mut links, parts)?;
            }
        }
        open_all(waiting, runs, &mut links, parts)?;
        links.hand_over(parts)
    }
}

fn open_all(
    properties: Vec<Property>,
    runs: bool,
    links: &mut Links,
    parts: &mut Parts<'_, '_>,
) -> Result<(), OpenError> {
    properties.into_iter().try_for_each(|property| property.open(runs, links, parts))
}

/// How names of programs and shortcuts end.
const PROGRAMS: &[&str] =
    &[".exe", ".cpl", ".scr", ".com", ".pif", ".lnk", ".url", ".bat", ".cmd", ".hta", ".js", ".vbs", ".msi"];

/// Says that something of the file runs a program.
fn runs_program(message: &str, program: &str, parts: &mut Parts<'_, '_>) {
    let finding = Finding::new("calendar.runs-program", "calendar", Severity::High, Family::Behaviour, message);
    parts.finding(finding.technique("T1204.002").with("value", program.to_owned()));
}

/// One content line: `NAME;PARAMETER=VALUE:VALUE`.
struct Property {
    /// Upper-case, without a group before it.
    name: String,
    /// Upper-case names with values; vCard 2.1 has values without names.
    parameters: Vec<(String, String)>,
    value: String,
}

impl Property {
    fn parse(line: &str) -> Option<Self> {
        // A colon or semicolon between quotes belongs to a parameter's value (RFC 5545, 3.1).
        let mut quoted = false;
        let mut ends = Vec::new();
        let colon = line.char_indices().find_map(|(at, c)| {
            quoted ^= c == '"';
            if c == ';' && !quoted {
                ends.push(at);
            }
            (c == ':' && !quoted).then_some(at)
        })?;
        let (head, value) = (line.get(..colon)?, line.get(colon + 1..)?);
        ends.push(colon);
        let mut start = 0;
        let mut pieces = ends.into_iter().map(|end| {
            let piece = head.get(start..end).unwrap_or_default();
            start = end + 1;
            piece
        });
        let name = pieces.next()?.trim();
        let name = name.rsplit('.').next().unwrap_or(name).to_ascii_uppercase();
        let parameters = pieces.map(|piece| {
            let (name, value) = piece.split_once('=').unwrap_or(("", piece));
            (name.trim().to_ascii_uppercase(), value.trim().trim_matches('"').to_owned())
        });
        Some(Self { parameters: parameters.collect(), name, value: value.to_owned() })
    }

    fn parameter(&self, names: &[&str]) -> Option<&str> {
        self.parameters.iter().find(|(name, _)| names.contains(&name.as_str())).map(|(_, value)| value.as_str())
    }

    /// RFC 5545, 3.2.7 (`ENCODING=BASE64`), vCard 3.0 (`ENCODING=b`), vCard 2.1 (`BASE64` alone).
    fn encoded(&self) -> bool {
        let bare = self.parameters.iter().any(|(name, value)| name.is_empty() && value.eq_ignore_ascii_case("BASE64"));
        // Where there are several, programs differ in which they heed.
        let mut encodings = self.parameters.iter().filter(|(name, _)| name == "ENCODING");
        let binary =
            || self.parameters.iter().any(|(name, value)| name == "VALUE" && value.eq_ignore_ascii_case("BINARY"));
        bare || encodings.any(|(_, value)| value.eq_ignore_ascii_case("BASE64") || value.eq_ignore_ascii_case("B"))
            || binary()
    }

    /// vCard 2.1 and vCalendar 1.0: `ENCODING=QUOTED-PRINTABLE`, or the value alone.
    fn quoted_printable(&self) -> bool {
        self.parameters.iter().any(|(name, value)| {
            (name.is_empty() || name == "ENCODING")
                && (value.eq_ignore_ascii_case("QUOTED-PRINTABLE") || value.eq_ignore_ascii_case("Q"))
        })
    }

    /// The value as a reader takes it.
    fn text(&self) -> Cow<'_, str> {
        if self.quoted_printable() {
            let bytes = decode::quoted_printable(self.value.as_bytes());
            return Cow::Owned(String::from_utf8_lossy(&bytes).trim().to_owned());
        }
        Cow::Borrowed(self.value.trim())
    }

    fn open(&self, runs: bool, links: &mut Links, parts: &mut Parts<'_, '_>) -> Result<(), OpenError> {
        for (name, parameter) in &self.parameters {
            // RFC 5545, 3.2.1: another form of the text, at an address that may hold it.
            match decode::data_address(parameter.as_bytes()) {
                Some((media_type, bytes)) if !bytes.is_empty() => {
                    let member = Member::unnamed(Role::Embedded, name.to_lowercase()).declared(media_type);
                    parts.add_content(member, Content::from(bytes))?;
                }
                _ if matches!(name.as_str(), "ALTREP" | "DIR" | "SENT-BY") => places::add(parameter, links),
                _ => {}
            }
        }
        let value = self.text();
        let value = &*value;
        let carried = if self.encoded() {
            let bytes = decode::base64(value.as_bytes());
            if bytes.is_empty() && !value.is_empty() {
                parts.incomplete(format!("the value of {} is said to be Base64 and is not", self.name));
            }
            Some((self.parameter(&["FMTTYPE", "MEDIATYPE"]).unwrap_or_default().to_owned(), bytes))
        } else {
            decode::data_address(value.as_bytes())
        };
        if let Some((media_type, bytes)) = carried {
            let mut member = match self.parameter(&["FILENAME", "X-FILENAME", "X-APPLE-FILENAME", "X-ORACLE-FILENAME"])
            {
                Some(name) => Member::named(Role::Attachment, name),
                None => Member::unnamed(Role::Attachment, self.name.to_lowercase()),
            };
            if media_type.contains('/') {
                member = member.declared(media_type);
            }
            return if bytes.is_empty() { Ok(()) } else { parts.add_content(member, Content::from(bytes)) };
        }
        // vCalendar 1.0 has the program of an alarm behind its time, what it repeats and how often; a sound stands there, too.
        let last = value.rsplit(';').next().unwrap_or_default();
        if self.name == "AALARM" {
            places::add(last, links);
            return Ok(());
        }
        let program = if self.name == "PALARM" { last } else { value };
        if (runs && self.name == "ATTACH" || self.name == "PALARM") && !program.is_empty() {
            let message = "an alarm of the calendar runs a program";
            runs_program(message, program, parts);
            let member = Member::unnamed(Role::Command, "command").of_kind("command-line");
            return parts.add_content(member, Content::from(program.as_bytes().to_vec()));
        }
        if ADDRESSES.contains(&self.name.as_str()) {
            let lower = value.to_ascii_lowercase();
            // A path that only looks like an address: whoever clicks it starts a program beside the card.
            let path = value.contains('\\') && !value.starts_with("\\\\") && !lower.contains("://");
            if path && !on_this_machine(value) && PROGRAMS.iter().any(|end| lower.ends_with(end)) {
                runs_program("an address of the card or calendar is the path of a program", value, parts);
            }
            // An address is not to be escaped; many programs do so all the same, and a share has two of these in front.
            places::add(value, links);
            if value.contains("\\:") {
                places::add(&places::unescape(value), links);
            }
            return Ok(());
        }
        let text = places::unescape(value);
        let declared = self.parameter(&["FMTTYPE", "MEDIATYPE"]).unwrap_or_default();
        let page = PAGES.contains(&self.name.as_str()) || declared.eq_ignore_ascii_case("text/html");
        if text.contains('<') && (page || text.contains("</")) {
            let member = Member::unnamed(Role::Embedded, self.name.to_lowercase()).of_kind("html");
            return parts.add_content(member, Content::from(text.into_bytes()));
        }
        places::add_from_text(&text, links);
        Ok(())
    }
}

/// Content lines: one that begins with a blank goes on from the one before (RFC 5545, 3.1). In vCard 2.1 the lines of
/// Base64 need not begin with one, and an empty line ends them.
fn unfold(text: &str) -> Vec<String> {
    let mut lines: Vec<String> = Vec::new();
    let (mut encoded, mut quoted) = (false, false);
    // Only the old versions know it, and what follows is a line of its own to others.
    let old = ["VERSION:1.0", "VERSION:2.1"].iter().any(|version| text.contains(version));
    // Readers take a carriage return alone for the end of a line as well.
    for line in text.split('\n').flat_map(|line| line.trim_end_matches('\r').split('\r')) {
        // Quoted-printable has line ends of its own (RFC 2045, 6.7).
        if quoted && let Some(mut last) = lines.pop_if(|last| last.ends_with('=')) {
            last.pop();
            last.push_str(line);
            if Property::parse(line).is_some() {
                lines.push(line.to_owned());
            }
            lines.push(last);
            continue;
        }
        let folded = line.strip_prefix([' ', '\t']);
        let more = folded.or_else(|| (encoded && !line.contains([':', ';'])).then_some(line));
        match (more, lines.last_mut()) {
            (Some(rest), Some(last)) => last.push_str(rest),
            _ => {
                let property = Property::parse(line);
                encoded = property.as_ref().is_some_and(Property::encoded);
                quoted = old && property.as_ref().is_some_and(Property::quoted_printable);
                lines.push(line.to_owned());
            }
        }
        encoded &= !line.is_empty();
    }
    lines
}

#[cfg(test)]
mod tests {
    use crate::testing::{Recorded, walk};
    use lazaret_model::Role;

    #[test]
    fn lines_may_end_as_they_like() {
        for end in ["\n", "\r\n", "\r", "\r\r\n"] {
            let text = ["BEGIN:VCARD", "VERSION:3.0", "FN:A", "URL:file://host.invalid/s/a", " .exe", "END:VCARD"];
            let found = walk(text.join(end).as_bytes(), "a.vcf");
            assert!(found.contains(b"file://host.invalid/s/a.exe"), "{end:?} {:?}", found.parts);
        }
    }

    fn check(lines: &[&str]) -> Recorded {
        let text = format!("BEGIN:VCALENDAR\r\nVERSION:2.0\r\n{}\r\nEND:VCALENDAR\r\n", lines.join("\r\n"));
        walk(text.as_bytes(), "a.ics")
    }

    #[test]
    fn what_a_calendar_carries_is_decoded() {
        for line in [
            "ATTACH;FMTTYPE=text/plain;ENCODING=BASE64;VALUE=BINARY;FILENAME=\"a;b:c.txt\":TEFaQVJFVA==",
            "ATTACH;FMTTYPE=text/plain;ENCODING=BASE64;FILENAME=\"a;b:c.txt\":TEFa\r\n QVJF\r\n\tVA==",
            "attach;filename=\"a;b:c.txt\";encoding=base64:TEFaQVJFVA==",
            "ATTACH;X-FILENAME=\"a;b:c.txt\":data:text/plain;base64,TEFaQVJFVA==",
        ] {
            let found = check(&[line]);
            assert_eq!(found.bytes("//a;b:c.txt"), b"LAZARET", "{line}");
            assert!(found.complete());
        }
        assert!(!check(&["ATTACH;ENCODING=BASE64:!!!"]).complete());
    }

    #[test]
    fn alarms_that_run_something_and_files_elsewhere_are_parts() {
        let alarm = |action: &str| {
            let action = format!("ACTION:{action}");
            check(&["BEGIN:VALARM", &action, "ATTACH;FMTTYPE=x/y:C:\\Windows\\System32\\calc.exe", "END:VALARM"])
        };
        assert_eq!(alarm("PROCEDURE").bytes("//command"), b"C:\\Windows\\System32\\calc.exe");
        assert!(alarm("PROCEDURE").findings.iter().any(|found| found.id == "calendar.runs-program"));
        assert!(alarm("DISPLAY").findings.is_empty());
        assert_eq!(alarm("DISPLAY").parts.len(), 1);
        let old = check(&[
            "PALARM:20260101T000000Z;PT5M;2;C:\\Windows\\calc.exe",
            "AALARM:20260101T000000Z;;;\\\\host.invalid\\a.wav",
        ]);
        assert_eq!(
            (old.bytes("//command"), old.bytes("//target")),
            (&b"C:\\Windows\\calc.exe"[..], &b"\\\\host.invalid\\a.wav"[..])
        );
        for (line, reported) in [
            ("URL:http.\\www.host.cpl", true),
            ("URL:https://host.invalid/a.exe", false),
            ("URL:www.host.invalid", false),
            ("URL:folder\\notes.txt", false),
        ] {
            assert_eq!(
                check(&[line]).findings.iter().any(|found| found.id == "calendar.runs-program"),
                reported,
                "{line}"
            );
        }
        let found = check(&["ATTACH:\\\\host.invalid\\share\\a.wav", "ATTACH:https://host.invalid/a.pdf"]);
        assert_eq!(found.bytes("//target"), b"\\\\host.invalid\\share\\a.wav");
        assert_eq!((found.parts.len(), found.parts[1].role), (2, Role::Link));
    }

    #[test]
    fn what_an_address_card_carries_is_decoded() {
        for photo in [
            "PHOTO;ENCODING=b;TYPE=JPEG:TEFaQVJFVA==",
            "item1.PHOTO;BASE64;JPEG:\r\n  TEFaQVJF\r\n  VA==\r\n",
            "PHOTO;JPEG;ENCODING=BASE64:TEFaQVJF\r\nVA==\r\n",
            "PHOTO:data:image/jpeg;base64,TEFaQVJFVA==",
        ] {
            let card = format!("BEGIN:VCARD\r\nVERSION:3.0\r\nFN:Ada\r\n{photo}\r\nEND:VCARD\r\n");
            let found = walk(card.as_bytes(), "a.vcf");
            assert_eq!(found.bytes("//photo"), b"LAZARET", "{photo}");
            assert_eq!(found.parts.len(), 2, "{photo}");
        }
    }

    #[test]
    fn places_that_are_no_web_sites_are_parts() {
        for (line, path, place) in [
            ("URL:search-ms:query=a&crumb=location:x", "//link", "search-ms:query=a&crumb=location:x"),
            ("URL;VALUE=URI:file://host.invalid/share/a", "//target", "file://host.invalid/share/a"),
            ("PHOTO;VALUE=uri:\\\\host.invalid\\share\\a.png", "//target", "\\\\host.invalid\\share\\a.png"),
            ("URL:ms-word\\:ofe|u|https\\://host.invalid/a", "//link", "ms-word:ofe|u|https://host.invalid/a"),
            ("DESCRIPTION:see <ms-appinstaller:?source=x>\\, please", "//link", "ms-appinstaller:?source=x"),
            ("DESCRIPTION:see \\\\\\\\host.invalid\\\\share", "//link", "\\\\host.invalid\\share"),
            ("DESCRIPTION;ALTREP=\"vscode://x\":see", "//link", "vscode://x"),
            ("VERSION:1.0\r\nNOTE;ENCODING=QUOTED-PRINTABLE:see ms-=\r\nword:ofe=7Cu", "//link", "ms-word:ofe|u"),
        ] {
            assert_eq!(check(&[line]).bytes(path), place.as_bytes(), "{line}");
        }
        for line in [
            "URL:https://host.invalid/",
            "URL:http\\://host.invalid/",
            "URL:mailto:a@host.invalid",
            "URL:webcal://host.invalid/a.ics",
            "IMPP:xmpp:a@host.invalid",
            "DESCRIPTION:Note: at 10:30. Agenda:one\\, see https://host.invalid/",
            "ORGANIZER;CN=\"Ada: x\":mailto:a@host.invalid",
            "DTSTART;TZID=Europe/Berlin:20250101T100000",
        ] {
            let found = check(&[line]);
            assert!(found.parts.len() == 1 && found.complete(), "{line}: {:?}", found.parts);
        }
    }

    #[test]
    fn descriptions_that_are_pages_are_parts() {
        for (line, path) in [
            ("X-ALT-DESC;FMTTYPE=text/html:<html><body><script>LAZARET()\\;</script></body></html>", "//x-alt-desc"),
            ("X-ALT-DESC:<b>LAZARET();</b>", "//x-alt-desc"),
            ("DESCRIPTION:see <a href=\"https://host.invalid\">LAZARET();</a>", "//description"),
            ("DESCRIPTION;ALTREP=\"data:text/html,%3Cb%3ELAZARET();%3C/b%3E\":see", "//altrep"),
            ("VERSION:2.1\r\nDESCRIPTION;ENCODING=QUOTED-PRINTABLE:=3Cb=3ELAZA=\r\nRET();=3C/b=3E", "//description"),
        ] {
            let found = check(&[line]);
            assert_eq!(found.part(path).kind.id, "html", "{line}");
            assert!(memchr::memmem::find(found.bytes(path), b"LAZARET();").is_some(), "{line}");
        }
    }

    #[test]
    fn contacts_of_windows_are_opened() {
        let picture = data_encoding::BASE64.encode(&[b"LAZARET-MARKER ".as_slice(); 10].concat());
        let text = format!(
            "<?xml version=\"1.0\"?><c:contact xmlns:c=\"http://schemas.microsoft.com/Contact\"><c:CreationDate>2025-01-01T10:00:00Z</c:CreationDate>\
             <c:UrlCollection><c:Url><c:Value>\\\\host.invalid\\share\\a.cpl</c:Value></c:Url><c:Url><c:Value>https://host.invalid</c:Value></c:Url>\
             <c:Url><c:Value>search-ms:query=a&amp;b</c:Value></c:Url></c:UrlCollection>\
             <c:PhotoCollection><c:Photo><c:Value c:ContentType=\"image/png\">{picture}</c:Value></c:Photo></c:PhotoCollection></c:contact>"
        );
        let found = walk(text.as_bytes(), "a.contact");
        assert_eq!(found.part("a.contact").kind.id, "contact");
        assert_eq!(found.bytes("//target"), b"\\\\host.invalid\\share\\a.cpl");
        assert_eq!(found.bytes("//link"), b"search-ms:query=a&b");
        assert!(found.bytes("//value").starts_with(b"LAZARET-MARKER"));
        assert!(found.complete());
    }

    #[test]
    fn neither_order_nor_repetition_hides_anything() {
        for lines in [
            ["ATTACH:calc.exe", "ACTION:PROCEDURE"],
            ["ACTION:PROCEDURE", "ATTACH:calc.exe\r\nACTION:DISPLAY"],
            ["ACTION:DISPLAY", "ACTION:PROCEDURE\r\nATTACH:calc.exe"],
        ] {
            for end in ["END:VALARM", "BEGIN:VALARM", "X-CUT:"] {
                let found = check(&["BEGIN:VALARM", lines[0], lines[1], end]);
                assert_eq!(found.bytes("//command"), b"calc.exe", "{lines:?} {end}");
            }
        }
        let found = check(&["ATTACH;ENCODING=8BIT;ENCODING=BASE64:TEFaQVJFVA=="]);
        assert_eq!(found.bytes("//attach"), b"LAZARET");
    }
}
