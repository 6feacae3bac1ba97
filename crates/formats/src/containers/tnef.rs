//! `winmail.dat`: what Outlook sends where a mail's own parts do not hold what it has to say ([MS-OXTNEF]).

use super::bytes::{array, u16_le, u32_le, until_nul, utf8_or_cp437, utf16_le};
use super::{lzfu, outlook};
use crate::{Content, Format, Member, OpenError, Parts};
use lazaret_model::Role;

/// The opener.
pub(super) struct Tnef;

/// How a file begins ([MS-OXTNEF] 2.1.3.1.5), and an embedded message with it.
const SIGNATURE: u32 = 0x223e_9f78;
/// Bytes of an attribute that is read as a list of properties; more is in none that Outlook writes.
const MOST_PROPERTIES: u64 = 64 << 20;
/// Properties of a list.
const MOST_IN_LIST: u32 = 10_000;

/// Attributes ([MS-OXTNEF] 2.1.3.3), without their types.
const SUBJECT: u16 = 0x8004;
const BODY: u16 = 0x800c;
const ATTACH_TITLE: u16 = 0x8010;
const ATTACH_DATA: u16 = 0x800f;
const RENDERING: u16 = 0x9002;
const MESSAGE_PROPERTIES: u16 = 0x9003;
const ATTACH_PROPERTIES: u16 = 0x9005;

/// The interface of a message in a message, 00020307-0000-0000-c000-000000000046.
const MESSAGE: [u8; 16] = [7, 3, 2, 0, 0, 0, 0, 0, 0xc0, 0, 0, 0, 0, 0, 0, 0x46];

impl Format for Tnef {
    fn id(&self) -> &'static str {
        "tnef"
    }

    fn kinds(&self) -> &'static [&'static str] {
        &["tnef"]
    }

    fn summary(&self) -> &'static str {
        "winmail.dat: bodies, attachments, messages and objects in them"
    }

    fn open(&self, input: &Content, parts: &mut Parts<'_, '_>) -> Result<(), OpenError> {
        if u32_le(&input.window(0, 4)?, 0) != Some(SIGNATURE) {
            return Err(OpenError::malformed("there is no signature", 0));
        }
        let mut attachment = Attachment::default();
        let mut at = 6;
        // A level, an attribute, a length, the data and its sum.
        while at < input.len() {
            parts.budget().check_time().map_err(OpenError::Limit)?;
            let head = input.window(at, 9)?.into_owned();
            // Mail programs leave a line's end behind it.
            if head.len() < 9 && head.iter().all(|byte| matches!(byte, 0 | b'\r' | b'\n')) {
                break;
            }
            let (Some(id), Some(length)) = (u16_le(&head, 1), u32_le(&head, 5)) else {
                parts.incomplete("it ends in the head of an attribute");
                break;
            };
            if !matches!(head.first(), Some(1 | 2)) {
                let rest = input.slice(at, input.len() - at);
                parts.add_content(Member::unnamed(Role::Appended, "after-the-last-attribute"), rest)?;
                break;
            }
            let data = input.slice(at + 9, u64::from(length));
            if data.len() < u64::from(length) {
                parts.incomplete("it ends in an attribute");
            }
            at = at.saturating_add(11).saturating_add(u64::from(length));
            match id {
                SUBJECT => parts.hint(&text_of(&data)?),
                BODY => parts.add_content(Member::unnamed(Role::Body, "body.txt"), data)?,
                RENDERING => std::mem::take(&mut attachment).hand_over(parts)?,
                ATTACH_TITLE => attachment.title = text_of(&data)?,
                ATTACH_DATA => attachment.data.push(data),
                MESSAGE_PROPERTIES => message(&list(&data, parts)?, parts)?,
                ATTACH_PROPERTIES => attachment.properties(list(&data, parts)?),
                // Dates, addresses and flags.
                _ => {}
            }
        }
        attachment.hand_over(parts)
    }
}

/// One attachment, whose attributes follow each other.
#[derive(Default)]
struct Attachment {
    title: String,
    long_name: String,
    declared: String,
    data: Vec<Content>,
    objects: Vec<Content>,
    /// Where it lies, if it is elsewhere.
    places: Vec<String>,
    method: Option<u32>,
}

impl Attachment {
    fn properties(&mut self, properties: Vec<Property>) {
        for property in properties {
            match property.tag {
                0x3707 => self.long_name = property.text(),
                0x3704 | 0x3001 if self.title.is_empty() => self.title = property.text(),
                0x370e => self.declared = property.text(),
                0x3701 => self.objects.push(property.value),
                outlook::ATTACH_METHOD => self.method = property.number(),
                tag if outlook::ATTACH_PATHS.contains(&tag) => self.places.push(property.text()),
                _ => {}
            }
        }
    }

    /// Data may stand twice, once for old readers: both are looked at.
    fn hand_over(self, parts: &mut Parts<'_, '_>) -> Result<(), OpenError> {
        let Self { title, long_name, declared, data, objects, places, method } = self;
        if outlook::is_referred(method, !data.is_empty() || !objects.is_empty()) {
            for place in places {
                outlook::reference(&place, "tnef", parts)?;
            }
        }
        let name = if long_name.is_empty() { title } else { long_name };
        let member = |role| {
            let member =
                if name.is_empty() { Member::unnamed(role, "attachment") } else { Member::named(role, &*name) };
            if declared.is_empty() { member } else { member.declared(&*declared) }
        };
        for data in data {
            parts.add_content(member(Role::Attachment), data)?;
        }
        for object in objects {
            // The interface that reads it comes first.
            let interface: Option<[u8; 16]> = array(&object.window(0, 16)?, 0);
            let inner = object.slice(16, object.len().saturating_sub(16));
            let (role, content) = match interface {
                Some(MESSAGE) => (Role::Attachment, inner),
                Some([.., 0xc0, 0, 0, 0, 0, 0, 0, 0x46]) => (Role::Embedded, inner),
                // Data of a file has none.
                _ => (Role::Attachment, object),
            };
            parts.add_content(member(role), content)?;
        }
        Ok(())
    }
}

/// What a message says in its properties ([MS-OXPROPS]).
fn message(properties: &[Property], parts: &mut Parts<'_, '_>) -> Result<(), OpenError> {
    for property in properties {
        match property.tag {
            0x0037 => parts.hint(&property.text()),
            0x1000 => {
                let text = property.long_text();
                parts.add_content(Member::unnamed(Role::Body, "body.txt"), Content::from(text.into_bytes()))?;
            }
            0x1013 => {
                parts.add_content(Member::unnamed(Role::Body, "body.html"), property.value.clone())?;
            }
            0x1009 => add_rich_text(&property.value, parts)?,
            tag if property.is_text() => {
                outlook::property(tag, property.named, &property.text(), "tnef", parts)?;
            }
            tag if property.kind & 0xfff == 0x102 => {
                // LIMIT: the list it stands in has no more bytes, or says so.
                let bytes = property.value.window(0, usize::try_from(MOST_PROPERTIES).unwrap_or(usize::MAX))?;
                outlook::bytes(tag, property.named, &bytes, "tnef", parts)?;
            }
            _ => {}
        }
    }
    Ok(())
}

/// Hands over a body in compressed Rich Text, which Outlook shows before any other.
pub(super) fn add_rich_text(packed: &Content, parts: &mut Parts<'_, '_>) -> Result<(), OpenError> {
    let bytes = packed.window(0, usize::try_from(MOST_PROPERTIES).unwrap_or(usize::MAX))?;
    let (text, whole) = lzfu::unpack(&bytes);
    let mut member = Member::unnamed(Role::Body, "body.rtf");
    if !whole || (bytes.len() as u64) < packed.len() {
        member = member.incomplete("its compressed Rich Text is damaged or ends early");
    }
    parts.add(member, &mut text.as_slice())
}

/// A value of a property.
struct Property {
    tag: u16,
    /// Its number among the named properties, where it has one.
    named: Option<u32>,
    kind: u16,
    value: Content,
}

impl Property {
    fn is_text(&self) -> bool {
        matches!(self.kind & 0xfff, 0x1e | 0x1f)
    }

    fn number(&self) -> Option<u32> {
        u32_le(&self.value.window(0, 4).ok()?, 0)
    }

    fn long_text(&self) -> String {
        // LIMIT: the list it stands in has no more bytes, or says so.
        let bytes = self.value.window(0, usize::try_from(MOST_PROPERTIES).unwrap_or(usize::MAX)).unwrap_or_default();
        let text = if self.kind & 0xfff == 0x1f { utf16_le(&bytes) } else { utf8_or_cp437(&bytes) };
        text.trim_end_matches('\0').to_owned()
    }

    fn text(&self) -> String {
        let mut text = self.long_text();
        // LIMIT: a name, a type or a subject, for people and for guesses of passwords; what it names is read whole.
        text.truncate(text.floor_char_boundary(4096));
        text
    }
}

/// Reads a list of properties ([MS-OXTNEF] 2.1.3.4).
fn list(data: &Content, parts: &mut Parts<'_, '_>) -> Result<Vec<Property>, OpenError> {
    let bytes = data.window(0, usize::try_from(MOST_PROPERTIES).unwrap_or(usize::MAX))?;
    if (bytes.len() as u64) < data.len() {
        parts.incomplete("a list of properties has more than 64 MiB, and only so many are read");
    }
    let mut out = Vec::new();
    let mut reader = Reader { bytes: &bytes, at: 0 };
    let count = reader.number().unwrap_or_default();
    for index in 0..count {
        parts.budget().check_time().map_err(OpenError::Limit)?;
        if index >= MOST_IN_LIST {
            parts.incomplete("it has more than 10,000 properties in a list, and only so many are read");
            break;
        }
        if reader.property(data, &mut out).is_none() {
            parts.incomplete("a list of properties is damaged or ends early");
            break;
        }
    }
    Ok(out)
}

struct Reader<'b> {
    bytes: &'b [u8],
    at: usize,
}

impl Reader<'_> {
    fn number(&mut self) -> Option<u32> {
        let number = u32_le(self.bytes, self.at)?;
        self.at += 4;
        Some(number)
    }

    fn skip(&mut self, count: usize) -> Option<()> {
        self.at = self.at.checked_add(count).filter(|at| *at <= self.bytes.len())?;
        Some(())
    }

    /// Data with its length before it, filled up to four bytes.
    fn counted(&mut self) -> Option<(usize, usize)> {
        let length = self.number()? as usize;
        let start = self.at;
        self.skip(length)?;
        // The last one's filling may be missing.
        self.at = self.at.next_multiple_of(4).min(self.bytes.len());
        Some((start, length))
    }

    fn property(&mut self, data: &Content, out: &mut Vec<Property>) -> Option<()> {
        let (kind, tag) = (u16_le(self.bytes, self.at)?, u16_le(self.bytes, self.at + 2)?);
        self.at += 4;
        let mut named = None;
        if tag >= 0x8000 {
            // A name in place of a number: a set, and a number or a text in it.
            self.skip(16)?;
            if self.number()? == 0 { named = Some(self.number()?) } else { self.counted().map(drop)? }
        }
        let many = kind & 0x1000 != 0;
        let fixed = match kind & 0xfff {
            0x0d | 0x1e | 0x1f | 0x102 => None,
            2 | 3 | 4 | 0x0a | 0x0b => Some(4),
            5 | 6 | 7 | 0x14 | 0x40 => Some(8),
            0x48 => Some(16),
            0 | 1 => Some(0),
            _ => return None,
        };
        let values = if many || fixed.is_none() { self.number()? } else { 1 };
        for _ in 0..values {
            match fixed {
                // Nothing that moves on would be repeated for nothing.
                Some(0) => break,
                Some(length) => {
                    if tag == outlook::ATTACH_METHOD {
                        let value = data.slice(self.at as u64, length as u64);
                        out.push(Property { tag, named, kind, value });
                    }
                    self.skip(length)?;
                }
                None => {
                    let (start, length) = self.counted()?;
                    let value = data.slice(start as u64, length as u64);
                    out.push(Property { tag, named, kind, value });
                }
            }
        }
        Some(())
    }
}

/// A short text of an attribute.
fn text_of(data: &Content) -> Result<String, OpenError> {
    // LIMIT: longer than any name that a file can have; the rest of a subject is only a guess less at a password.
    Ok(utf8_or_cp437(until_nul(&data.window(0, 4096)?)))
}

#[cfg(test)]
mod tests {
    use super::super::lzfu::tests::pack;
    use crate::testing::{Recorded, walk_with};
    use lazaret_model::{Limits, Role};

    const MARKER: &[u8] = b"LAZARET-MARKER attached";

    fn attribute(level: u8, id: u32, data: &[u8]) -> Vec<u8> {
        let sum = data.iter().fold(0u16, |sum, byte| sum.wrapping_add(u16::from(*byte)));
        let mut out = vec![level];
        out.extend(id.to_le_bytes());
        out.extend((data.len() as u32).to_le_bytes());
        out.extend(data);
        out.extend(sum.to_le_bytes());
        out
    }

    fn property(kind: u16, tag: u16, data: &[u8]) -> Vec<u8> {
        let mut out = kind.to_le_bytes().to_vec();
        out.extend(tag.to_le_bytes());
        out.extend(1u32.to_le_bytes());
        out.extend((data.len() as u32).to_le_bytes());
        out.extend(data);
        out.resize(out.len().next_multiple_of(4), 0);
        out
    }

    fn properties(all: &[Vec<u8>]) -> Vec<u8> {
        [&(all.len() as u32).to_le_bytes()[..], &all.concat()].concat()
    }

    fn wide(text: &str) -> Vec<u8> {
        text.encode_utf16().chain([0]).flat_map(u16::to_le_bytes).collect()
    }

    fn file(attributes: &[Vec<u8>]) -> Vec<u8> {
        [&0x223e_9f78u32.to_le_bytes()[..], &[1, 0], &attributes.concat()].concat()
    }

    fn check(bytes: Vec<u8>) -> Recorded {
        walk_with(bytes, "winmail.dat", None, &[], Limits::default())
    }

    const RENDERING: u32 = 0x0006_9002;

    #[test]
    fn bodies_and_attachments_come_out_with_their_names() {
        let rich = pack(b"{\\rtf1 LAZARET rich}");
        let named = [
            &0x0003u16.to_le_bytes()[..],
            &0x8001u16.to_le_bytes(),
            &[7; 16],
            &0u32.to_le_bytes(),
            &[1, 0, 0, 0, 9, 9, 9, 9],
        ]
        .concat();
        let whole = file(&[
            attribute(1, 0x0001_8004, b"about it\0"),
            attribute(
                1,
                0x0006_9003,
                &properties(&[named, property(0x102, 0x1009, &rich), property(0x1f, 0x1000, &wide("plain words"))]),
            ),
            attribute(2, RENDERING, &[0; 14]),
            attribute(2, 0x0001_8010, b"SHORT~1.TXT\0"),
            attribute(2, 0x0006_800f, MARKER),
            attribute(2, 0x0006_9005, &properties(&[property(0x1f, 0x3707, &wide("a longer name.txt"))])),
            attribute(2, RENDERING, &[0; 14]),
            attribute(2, 0x0001_8010, b"second.txt\0"),
            attribute(2, 0x0006_800f, b"LAZARET second"),
        ]);
        let recorded = check(whole.clone());
        assert_eq!(recorded.bytes("//a longer name.txt"), MARKER);
        assert_eq!(recorded.part("//a longer name.txt").role, Role::Attachment);
        assert_eq!(recorded.bytes("//second.txt"), b"LAZARET second");
        assert_eq!(recorded.bytes("//body.rtf"), b"{\\rtf1 LAZARET rich}");
        assert_eq!(recorded.bytes("//body.txt"), b"plain words");
        assert!(recorded.complete(), "{:?}", recorded.parts);
        assert!(check([&whole[..], b"\r\n"].concat()).complete());
        for cut in [whole.len() - 3, whole.len() / 2, 20] {
            assert!(!check(whole[..cut].to_vec()).complete(), "{cut}");
        }
    }

    #[test]
    fn messages_and_objects_in_attachments_are_opened() {
        let inner = file(&[
            attribute(2, RENDERING, &[0; 14]),
            attribute(2, 0x0001_8010, b"deep.txt\0"),
            attribute(2, 0x0006_800f, MARKER),
        ]);
        let object = [&super::MESSAGE[..], &inner].concat();
        let recorded = check(file(&[
            attribute(2, RENDERING, &[0; 14]),
            attribute(2, 0x0006_9005, &properties(&[property(0x0d, 0x3701, &object)])),
        ]));
        assert_eq!(recorded.bytes("//deep.txt"), MARKER);
    }

    /// What is found of a file, and the places that are parts of it.
    fn judged(attributes: &[Vec<u8>]) -> (Vec<String>, Vec<String>) {
        let recorded = check(file(attributes));
        assert!(recorded.complete(), "{:?}", recorded.parts);
        let links = recorded.parts.iter().filter(|part| part.role == Role::Link);
        (
            recorded.findings.iter().map(|finding| finding.id.to_string()).collect(),
            links.map(|part| String::from_utf8_lossy(&recorded.bytes[&part.id]).into_owned()).collect(),
        )
    }

    #[test]
    fn the_sound_of_a_reminder_on_a_share_is_told_and_one_of_this_machine_is_not() {
        let named = |lid: u32, kind: u16, value: &[u8]| {
            let text = property(kind, 0x8001, value);
            [&text[..4], &[7; 16], &0u32.to_le_bytes(), &lid.to_le_bytes(), &text[4..]].concat()
        };
        let message = |all: &[Vec<u8>]| judged(&[attribute(1, 0x0006_9003, &properties(all))]);
        for (lid, place, told) in [
            (0x851f, r"\\203.0.113.5\s\a.wav", true),
            (0x851f, r"\\server\s\a.wav", true),
            (0x8520, r"\\host.invalid\s\a.wav", true),
            (0x8520, r"\\server\s\a.docx", false),
            (0x851f, "reminder.wav", false),
            (0x851f, r"C:\Windows\Media\a.wav", false),
        ] {
            let (findings, links) = message(&[named(lid, 0x1f, &wide(place))]);
            assert_eq!(!findings.is_empty(), told, "{lid:x} {place}: {findings:?}");
            assert_eq!(links.iter().any(|link| link == place), place.starts_with(r"\\"), "{place}");
        }
        let (findings, _) = message(&[property(0x1f, 0x0037, &wide(r"\\host.invalid\s\a"))]);
        assert!(findings.is_empty(), "a subject is no file");
        let narrow = message(&[named(0x851f, 0x1e, b"\\\\host.invalid@80\\s\\a.wav\0")]);
        assert_eq!(narrow.0, ["mail.remote-property"]);
    }

    #[test]
    fn scripts_of_forms_pages_of_folders_and_rules_are_told() {
        let named = |lid: u32, value: &[u8]| {
            let bytes = property(0x102, 0x8001, value);
            [&bytes[..4], &[7; 16], &0u32.to_le_bytes(), &lid.to_le_bytes(), &bytes[4..]].concat()
        };
        let message = |all: &[Vec<u8>]| judged(&[attribute(1, 0x0006_9003, &properties(all))]).0;
        let script = [&[4, 0, 0, 0][..], &wide("Function Item_Open()\r\nEnd Function")].concat();
        assert_eq!(message(&[named(0x8541, &script)]), ["mail.form-script"]);
        assert_eq!(message(&[named(0x850f, &script)]), ["mail.form"]);
        assert!(message(&[named(0x8540, &script)]).is_empty() && message(&[named(0x8541, &[0; 40])]).is_empty());
        let page = [&[2, 0, 0, 0, 1, 0, 0, 0][..], &wide("https://host.invalid/a")].concat();
        assert_eq!(message(&[property(0x102, 0x36df, &page)]), ["mail.home-page"]);
        assert!(message(&[property(0x102, 0x36e0, &page)]).is_empty());
        for (class, told) in [("IPM.Rule.Version2.Message", true), ("IPM.Note", false), ("IPM.Note.Rules", false)] {
            assert_eq!(!message(&[property(0x1f, 0x001a, &wide(class))]).is_empty(), told, "{class}");
        }
    }

    #[test]
    fn attachments_that_are_elsewhere_are_told_where_they_are_shares_or_programs() {
        for (method, place, told) in [
            (4, r"\\host.invalid\s\invoice.pdf", true),
            (7, "https://host.invalid/invoice.exe", true),
            (7, "https://house.sharepoint.invalid/sites/a/Shared%20Documents/Plan.docx?web=1", false),
            (1, r"\\server\team\plan.docx", false),
        ] {
            let number = [&3u16.to_le_bytes()[..], &0x3705u16.to_le_bytes(), &u32::to_le_bytes(method)].concat();
            let all = [number, property(0x1f, 0x370d, &wide(place)), property(0x1f, 0x3707, &wide("invoice.pdf"))];
            let (findings, links) =
                judged(&[attribute(2, RENDERING, &[0; 14]), attribute(2, 0x0006_9005, &properties(&all))]);
            assert_eq!(findings.iter().any(|id| id == "mail.external-body"), told, "{place}: {findings:?}");
            assert_eq!(links.iter().any(|link| link == place), method != 1, "{place}");
        }
    }

    #[test]
    fn damage_is_told_and_what_follows_is_looked_at() {
        let body = attribute(1, 0x0002_800c, b"words");
        let recorded = check([&file(std::slice::from_ref(&body))[..], b"MZ behind the last"].concat());
        assert!(recorded.parts.iter().any(|part| part.role == Role::Appended));
        let list = [&3u32.to_le_bytes()[..], &property(0x1f, 0x1000, &wide("x"))].concat();
        assert!(!check(file(&[attribute(1, 0x0006_9003, &list)])).complete());
        let odd = [&1u32.to_le_bytes()[..], &0x0077u16.to_le_bytes(), &[1, 0]].concat();
        assert!(!check(file(&[attribute(1, 0x0006_9003, &odd)])).complete());
    }
}
