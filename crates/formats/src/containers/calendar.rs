//! Calendars (RFC 5545, iCalendar) and address cards (RFC 6350, vCard; vCard 2.1): pictures, sounds and files that they
//! carry, and what an alarm would run or fetch from another machine.

use super::decode;
use crate::{Content, Format, Member, OpenError, Parts, identify};
use lazaret_model::Role;

/// Bytes that are read.
const MOST: u64 = 64 << 20;

/// Opens calendars and address cards.
pub(super) struct Calendar;

impl Format for Calendar {
    fn id(&self) -> &'static str {
        "calendar"
    }

    fn kinds(&self) -> &'static [&'static str] {
        &["ics", "vcard"]
    }

    fn summary(&self) -> &'static str {
        "attachments, pictures and keys within; programs that alarms run; files on other machines"
    }

    fn open(&self, input: &Content, parts: &mut Parts<'_, '_>) -> Result<(), OpenError> {
        let bytes = super::text_of(input, MOST, parts)?;
        let text = identify::decode_text(&bytes);
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
                open_all(std::mem::take(&mut waiting), runs, parts)?;
                alarm = begins;
                runs &= !begins;
            } else if property.name == "ACTION" {
                runs = is("ACTION", "PROCEDURE") || alarm && runs;
            } else if alarm {
                waiting.push(property);
            } else {
                property.open(runs, parts)?;
            }
        }
        open_all(waiting, runs, parts)
    }
}

fn open_all(properties: Vec<Property>, runs: bool, parts: &mut Parts<'_, '_>) -> Result<(), OpenError> {
    properties.into_iter().try_for_each(|property| property.open(runs, parts))
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
        bare || encodings.any(|(_, value)| value.eq_ignore_ascii_case("BASE64") || value.eq_ignore_ascii_case("B"))
    }

    fn open(&self, runs: bool, parts: &mut Parts<'_, '_>) -> Result<(), OpenError> {
        let value = self.value.trim();
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
        if self.name != "ATTACH" {
            return Ok(());
        }
        if runs {
            let member = Member::unnamed(Role::Command, "command").of_kind("command-line");
            return parts.add_content(member, Content::from(value.as_bytes().to_vec()));
        }
        let lower = value.to_ascii_lowercase();
        if lower.starts_with("file:") || lower.starts_with("\\\\") {
            let member = Member::unnamed(Role::Link, "target").of_kind("url-target");
            return parts.add_content(member, Content::from(value.as_bytes().to_vec()));
        }
        Ok(())
    }
}

/// Content lines: one that begins with a blank goes on from the one before (RFC 5545, 3.1). In vCard 2.1 the lines of
/// Base64 need not begin with one, and an empty line ends them.
fn unfold(text: &str) -> Vec<String> {
    let mut lines: Vec<String> = Vec::new();
    let mut encoded = false;
    for line in text.split('\n').map(|line| line.strip_suffix('\r').unwrap_or(line)) {
        let folded = line.strip_prefix([' ', '\t']);
        let more = folded.or_else(|| (encoded && !line.contains([':', ';'])).then_some(line));
        match (more, lines.last_mut()) {
            (Some(rest), Some(last)) => last.push_str(rest),
            _ => {
                encoded = Property::parse(line).is_some_and(|property| property.encoded());
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
        assert_eq!(alarm("DISPLAY").parts.len(), 1);
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
