//! Outlook messages ([MS-OXMSG]).

use super::{Compound, Entry};
use crate::containers::bytes::{u16_le, u32_le, utf8_or_cp437, utf16_le};
use crate::containers::{outlook, skipped, tnef};
use crate::{Content, Member, OpenError, Parts};
use lazaret_model::Role;
use std::collections::HashMap;

/// Bytes of a body in UTF-16 that are decoded.
const MOST_BODY: u64 = 16 << 20;
/// The subject: PidTagSubject ([MS-OXPROPS]).
const SUBJECT: &str = "__SUBSTG1.0_0037";
/// The body as packed rich text: PidTagRtfCompressed.
const RICH_TEXT: &str = "1009";
/// Bodies, by their tags: text, HTML, rich text.
const BODIES: [&str; 3] = ["1000", "1013", RICH_TEXT];
/// Bytes of a property below which no file is looked for: keys and identifiers are as short, and no file that runs is.
const LEAST: u64 = 20;
/// The stream of a message or an attachment that holds its numbers ([MS-OXMSG] 2.4).
const PROPERTIES: &str = "__PROPERTIES_VERSION1.0";
/// Bytes before the numbers of an attachment, and of each of them ([MS-OXMSG] 2.4.1.2 and 2.4.2.1).
const HEADER: usize = 8;
const NUMBER: usize = 16;
/// The numbers and texts by which named properties are known, eight bytes each ([MS-OXMSG] 2.2.3.1.2).
const NAMED: &str = "__SUBSTG1.0_00030102";
/// Where an OLE object that is attached is stored as a storage.
const OBJECT: &str = "__SUBSTG1.0_3701000D/";

/// Whether the stream is one of those that messages consist of.
pub(super) fn has(entry: &Entry) -> bool {
    let name = entry.name.to_ascii_uppercase();
    name.starts_with("__SUBSTG1.0_")
        || name.starts_with("__PROPERTIES")
        || entry.path.to_ascii_uppercase().contains(OBJECT)
}

/// Whether a stream belongs to the storage that gives properties their names ([MS-OXMSG] 2.2.3), whose streams are called alike.
fn names_properties(entry: &Entry) -> bool {
    entry.path.to_ascii_lowercase().split('/').any(|storage| storage == "__nameid_version1.0")
}

/// Whether a stream is handed over as it is, or looked through for files: bodies in HTML, what is attached, and properties of bytes,
/// such as the theme that a mail was written in, which is a package.
pub(super) fn hands_over(entry: &Entry) -> bool {
    let bytes = is_bytes(&entry.name.to_ascii_uppercase()) && body(entry) != Some(RICH_TEXT);
    is_object(entry) || bytes && !names_properties(entry)
}

/// Which body a stream is, if it is one, by its tag.
fn body(entry: &Entry) -> Option<&'static str> {
    let tag = entry.name.strip_prefix("__substg1.0_")?;
    BODIES.into_iter().find(|body| tag.starts_with(body))
}

/// Whether it is a property of bytes ([MS-OXMSG] 2.1.3: type PtypBinary).
fn is_bytes(upper: &str) -> bool {
    upper.starts_with("__SUBSTG1.0_") && upper.ends_with("0102")
}

/// Whether a stream is one of an OLE object stored as a storage.
fn is_object(entry: &Entry) -> bool {
    let upper = entry.name.to_ascii_uppercase();
    entry.path.to_ascii_uppercase().contains(OBJECT)
        && !upper.starts_with("__SUBSTG1.0_")
        && !upper.starts_with("__PROPERTIES")
        && entry.size > 0
}

/// Hands bodies and attachments over.
pub(super) fn add_all(compound: &Compound, parts: &mut Parts<'_, '_>) -> Result<(), OpenError> {
    // The subject and bodies first: they may tell the password of an attachment.
    for entry in compound.streams().filter(|entry| entry.name.to_ascii_uppercase().starts_with(SUBJECT)) {
        parts.hint(&text(compound, entry));
    }
    for entry in compound.streams().filter(|entry| !names_properties(entry)) {
        let body = match body(entry) {
            Some("1000") => "body.txt",
            Some("1013") => "body.html",
            Some(RICH_TEXT) => {
                let packed = compound.read(entry, MOST_BODY, parts);
                tnef::add_rich_text(&Content::from(packed), parts)?;
                continue;
            }
            _ => continue,
        };
        let member = Member::unnamed(Role::Body, body);
        if entry.name.to_ascii_uppercase().ends_with("001F") {
            let bytes = compound.read(entry, MOST_BODY, parts);
            // What follows a NUL is not shown, and looked at all the same.
            let whole = bytes.get(..bytes.len() & !1).unwrap_or_default();
            let (text, _) = encoding_rs::UTF_16LE.decode_without_bom_handling(whole);
            parts.add_content(member, Content::from(text.trim_end_matches('\0').as_bytes()))?;
        } else {
            parts.add(member, &mut compound.reader(entry))?;
        }
    }
    let storages = compound.by_storage();
    // What is beside each attachment, by its tag: the first of several counts.
    let mut beside: HashMap<(usize, String), &Entry> = HashMap::new();
    let mut numbers: HashMap<usize, &Entry> = HashMap::new();
    let known = known(compound, parts)?;
    for (storage, entries) in &storages {
        parts.budget().check_time().map_err(OpenError::Limit)?;
        for entry in entries {
            if let Some(tag) = tag(entry) {
                beside.entry((*storage, tag)).or_insert(entry);
            }
            if entry.name.eq_ignore_ascii_case(PROPERTIES) {
                numbers.entry(*storage).or_insert(entry);
            }
        }
    }
    for entry in compound.streams() {
        parts.budget().step(256).map_err(OpenError::Limit)?;
        // 3701: PidTagAttachDataBinary; its siblings 3707 and 3704 are the long and the short name.
        let upper = entry.name.to_ascii_uppercase();
        if upper.starts_with("__SUBSTG1.0_37010102") {
            let name = ["3707", "3704", "3001"].iter().find_map(|tag| sibling(compound, &beside, entry, tag));
            let member = match name {
                Some(name) => Member::named(Role::Attachment, name),
                None => Member::unnamed(Role::Attachment, "attachment"),
            };
            let member = match sibling(compound, &beside, entry, "370E") {
                Some(declared) => member.declared(declared),
                None => member,
            };
            parts.add(member, &mut compound.reader(entry))?;
        } else if is_object(entry) {
            parts.add(Member::named(Role::Embedded, entry.name.clone()), &mut compound.reader(entry))?;
        } else if is_bytes(&upper) && body(entry).is_none() && entry.size >= LEAST {
            let bytes = compound.read(entry, MOST_BODY, parts);
            if let Some(tag) = number(entry).filter(|_| !names_properties(entry)) {
                outlook::bytes(tag, known.get(&tag).copied(), &bytes, "cfb", parts)?;
            }
            skipped::search(&Content::from(bytes), "in its properties", parts)?;
        } else if is_text(&upper) && !names_properties(entry) {
            let Some(tag) = number(entry) else { continue };
            let value = text(compound, entry);
            if !outlook::ATTACH_PATHS.contains(&tag) {
                outlook::property(tag, known.get(&tag).copied(), &value, "cfb", parts)?;
                continue;
            }
            let numbers = numbers.get(&entry.parent);
            let method = numbers.and_then(|numbers| method(&compound.read(numbers, MOST_BODY, parts)));
            if outlook::is_referred(method, beside.contains_key(&(entry.parent, "3701".to_owned()))) {
                outlook::reference(&value, "cfb", parts)?;
            }
        }
    }
    Ok(())
}

/// Whether it is a property of text ([MS-OXMSG] 2.1.3: types PtypString8 and PtypString).
fn is_text(upper: &str) -> bool {
    upper.starts_with("__SUBSTG1.0_") && (upper.ends_with("001E") || upper.ends_with("001F"))
}

/// The tags under which the message has properties that mean something here: which they are, their names say.
fn known(compound: &Compound, parts: &mut Parts<'_, '_>) -> Result<HashMap<u16, u32>, OpenError> {
    let mut tags = HashMap::new();
    for entry in compound.streams().filter(|entry| names_properties(entry)) {
        parts.budget().step(256).map_err(OpenError::Limit)?;
        if !entry.name.eq_ignore_ascii_case(NAMED) {
            continue;
        }
        let bytes = compound.read(entry, MOST_BODY, parts);
        parts.budget().step(bytes.len() as u64).map_err(OpenError::Limit)?;
        for name in bytes.as_chunks::<8>().0 {
            // The last bit of the kind is set where the name is a text.
            let numbered = u16_le(name, 4).is_some_and(|kind| kind & 1 == 0);
            let Some(number) = u32_le(name, 0).filter(|number| numbered && outlook::NAMED.contains(number)) else {
                continue;
            };
            tags.extend(u16_le(name, 6).and_then(|index| index.checked_add(0x8000)).map(|tag| (tag, number)));
        }
    }
    Ok(tags)
}

/// How an attachment is attached, which is one of its numbers.
fn method(numbers: &[u8]) -> Option<u32> {
    let rows = numbers.get(HEADER..)?.as_chunks::<NUMBER>().0;
    let row = rows.iter().find(|row| u16_le(row.as_slice(), 2) == Some(outlook::ATTACH_METHOD))?;
    u32_le(row, 8)
}

/// The first half of a property's tag, which says what it is ([MS-OXMSG] 2.4.2).
fn tag(entry: &Entry) -> Option<String> {
    let upper = entry.name.to_ascii_uppercase();
    upper.strip_prefix("__SUBSTG1.0_").and_then(|tag| tag.get(..4)).map(str::to_owned)
}

/// The same as a number.
fn number(entry: &Entry) -> Option<u16> {
    tag(entry).and_then(|tag| u16::from_str_radix(&tag, 16).ok())
}

/// A text property beside this one.
fn sibling(compound: &Compound, beside: &HashMap<(usize, String), &Entry>, entry: &Entry, tag: &str) -> Option<String> {
    let found = beside.get(&(entry.parent, tag.to_owned()))?;
    let text = text(compound, found);
    (!text.is_empty()).then_some(text)
}

/// What a short text property says.
fn text(compound: &Compound, entry: &Entry) -> String {
    // Longer than any name that a file can have.
    let bytes = compound.head(entry, 4096);
    let text = if entry.name.to_ascii_uppercase().ends_with("001F") { utf16_le(&bytes) } else { utf8_or_cp437(&bytes) };
    text.trim_end_matches('\0').to_owned()
}
