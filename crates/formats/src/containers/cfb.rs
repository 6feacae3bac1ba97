//! Compound files ([MS-CFB]): Office 97 documents, Outlook messages, installers and embedded objects.

mod biff;
mod encrypted;
mod handed;
mod hangul;
mod installer;
mod message;
mod rc4;
mod reader;
mod slides;
#[cfg(test)]
pub(super) mod tests;

use super::bytes::{u16_le, u32_le, until_nul, utf8_or_cp437};
use super::{Format, vba};
use crate::{Content, Member, OpenError, Parts, kinds};
use flate2::read::ZlibDecoder;
pub(crate) use handed::HandedOver;
use lazaret_model::{Class, Part, Role};
pub(super) use reader::{Compound, Entry};
use std::collections::{HashMap, HashSet};
use std::io::Read;

/// The opener.
pub struct Cfb;

/// Bytes of a stream that is parsed here, such as a workbook.
const MOST_PARSED: u64 = 64 << 20;
/// The storage that says how an encrypted document is encrypted ([MS-OFFCRYPTO] 2.2).
const DATA_SPACES: &str = "\u{6}DataSpaces/";
/// Class of the equation editor, 0002ce02-0000-0000-c000-000000000046.
const EQUATION: [u8; 16] = [2, 0xce, 2, 0, 0, 0, 0, 0, 0xc0, 0, 0, 0, 0, 0, 0, 0x46];
/// Class of MathType's equations, 0002ce03-0000-0000-c000-000000000046, which it draws itself.
const MATH_TYPE: [u8; 16] = [3, 0xce, 2, 0, 0, 0, 0, 0, 0xc0, 0, 0, 0, 0, 0, 0, 0x46];
/// Class of the Object Packager, 0003000c-0000-0000-c000-000000000046: what is in it, a person opens.
const PACKAGER: [u8; 16] = [0xc, 0, 3, 0, 0, 0, 0, 0, 0xc0, 0, 0, 0, 0, 0, 0, 0x46];
/// Streams of documents that hold no code and no file.
const PLAIN: &[&str] = &[
    "worddocument",
    "0table",
    "1table",
    "data",
    "workbook",
    "book",
    "powerpoint document",
    "current user",
    "pictures",
    "\u{1}compobj",
    "\u{1}ole",
    "\u{3}objinfo",
    "\u{3}linkinfo",
    "\u{2}olepres000",
    "\u{3}print",
    "\u{5}summaryinformation",
    "\u{5}documentsummaryinformation",
    "dir",
    "_vba_project",
    "project",
    "projectwm",
    "encryptedpackage",
    "encryptioninfo",
    "encryptedsummary",
    "msodatastore",
    "\u{1}ole10native",
    "\u{1}compobjstream",
    "props",
    "version",
    "primary",
    "strongencryptiondataspace",
    "dataspacemap",
    "strongencryptiontransform",
    "\u{6}primary",
    "\u{6}dataspaces",
];

impl Format for Cfb {
    fn id(&self) -> &'static str {
        "cfb"
    }

    fn kinds(&self) -> &'static [&'static str] {
        &[
            "cfb",
            "doc",
            "xls",
            "ppt",
            "msi",
            "msg",
            "pub",
            "vsd",
            "mpp",
            "ooxml-encrypted",
            "thumbs-db",
            "hwp",
            "staroffice",
            "works-ole",
            "perfectoffice",
            "solidworks",
        ]
    }

    fn summary(&self) -> &'static str {
        "Office 97, Outlook messages, Hangul documents, installers: macros, embedded files, attachments; what is encrypted, where a password fits"
    }

    fn open(&self, input: &Content, parts: &mut Parts<'_, '_>) -> Result<(), OpenError> {
        let compound = Compound::open(input, parts.budget())?;
        if let Some(damage) = compound.damage {
            parts.incomplete(damage);
        }
        // One file may be several of these: every program looks only for what is its own.
        let encrypted = compound.stream("EncryptedPackage").is_some();
        let locked = match encrypted::add_package(&compound, parts) {
            Err(error @ OpenError::Locked { .. }) => Some(error),
            other => other.map(|()| None)?,
        };
        let message = compound.streams().any(|entry| entry.name == "__properties_version1.0");
        if message {
            message::add_all(&compound, parts)?;
        }
        let installer = !message && installer::is_one(&compound);
        if installer {
            installer::add_all(&compound, parts)?;
        }
        let hangul = hangul::properties(&compound);
        if let Some(properties) = hangul {
            hangul::add_all(&compound, properties, parts)?;
        }
        unread(&compound, parts);
        let modules = vba::add_projects(&compound, parts)?;
        if modules.found {
            parts.has_macros();
        }
        // Streams of VBA projects were handed over already, as modules.
        let projects: HashSet<usize> = compound
            .streams()
            .filter(|entry| entry.name.eq_ignore_ascii_case("_VBA_PROJECT"))
            .map(|entry| entry.parent)
            .collect();
        let role = role_of_streams(parts.part());
        // What is beside a presentation; the first of several counts.
        let mut beside: HashMap<(usize, &str), &Entry> = HashMap::new();
        for entry in compound.streams() {
            let known =
                ["current user", "encryptedsummary"].into_iter().find(|name| entry.name.eq_ignore_ascii_case(name));
            if let Some(name) = known {
                beside.entry((entry.parent, name)).or_insert(entry);
            }
        }
        for entry in compound.streams() {
            parts.budget().check_time().map_err(OpenError::Limit)?;
            let name = entry.name.to_ascii_lowercase();
            match &*name {
                "\u{1}ole10native" => add_package(&compound, entry, role, parts)?,
                "equation native" if compound.class_of(entry) != MATH_TYPE => {
                    let member = Member::named(Role::Member, entry.path.clone()).of_kind("equation");
                    parts.add(member, &mut compound.reader(entry))?;
                }
                "workbook" | "book" => {
                    let workbook = compound.read(entry, MOST_PARSED, parts);
                    biff::add_macros(&workbook, parts)?;
                }
                "powerpoint document" => {
                    let slides = compound.read(entry, MOST_PARSED, parts);
                    let beside = |name: &'static str| beside.get(&(entry.parent, name));
                    let user = beside("current user").map(|user| compound.head(user, 64)).unwrap_or_default();
                    // [MS-PPT] 2.1.4: what takes the place of the summary in an encrypted presentation.
                    let sealed = beside("encryptedsummary").is_some();
                    slides::add_all(&slides, &user, sealed, parts)?;
                }
                "worddocument" => {
                    // [MS-DOC] 2.5.2: bit 8 of the flags says that the text is encrypted or, with bit 15, obfuscated.
                    let head = compound.head(entry, 32);
                    if u16_le(&head, 10).is_some_and(|flags| flags & 0x100 != 0) {
                        parts.lock("the document is encrypted, and encrypted Office documents are not opened");
                    }
                }
                // [MS-OFFCRYPTO] 2.2: rights that a server grants.
                "\u{9}drmcontent" | "\u{9}drmviewercontent" => {
                    parts.lock("the document is protected by rights management, and is not opened");
                }
                name if PLAIN.contains(&name) || name.starts_with("__srp_") || entry.size == 0 => {}
                _ if projects.contains(&entry.parent) && modules.modules.contains(&std::ptr::from_ref(entry)) => {}
                // What Outlook keeps beside an object in a body of rich text ([MS-OXRTFEX] and TNEF).
                "mailstream" | "richeditflags" if entry.size <= 64 => {}
                // What these have of their own was handed over already.
                _ if installer || message && message::has(entry) => {}
                _ if hangul.is_some() && hangul::has(entry) => {}
                _ if encrypted && entry.path.starts_with(DATA_SPACES) => {}
                _ => add_stream(&compound, entry, role, parts)?,
            }
        }
        locked.map_or(Ok(()), Err)
    }
}

/// Hands over a stream that nothing here knows. Office keeps the objects of documents that are one text in such streams: each a
/// compound file, packed by zlib behind its length.
fn add_stream(compound: &Compound, entry: &Entry, role: Role, parts: &mut Parts<'_, '_>) -> Result<(), OpenError> {
    let member = Member::named(role, entry.path.clone());
    let packed = || {
        let mut reader = compound.reader(entry);
        std::io::copy(&mut reader.by_ref().take(4), &mut std::io::sink()).map(|_| ZlibDecoder::new(reader))
    };
    let mut start = [0; 8];
    // RFC 1950, 2.2: the method is Deflate. Making a decoder costs more than reading one byte.
    let may_be = compound.head(entry, 5).get(4).is_some_and(|method| method & 0xf == 8);
    if may_be && packed()?.read_exact(&mut start).is_ok() && start == [0xd0, 0xcf, 0x11, 0xe0, 0xa1, 0xb1, 0x1a, 0xe1] {
        return parts.add(member, &mut packed()?);
    }
    parts.add(member, &mut compound.reader(entry))
}

/// Says which programs of a document are not read.
fn unread(compound: &Compound, parts: &mut Parts<'_, '_>) {
    if parts.part().is("staroffice") && compound.streams().any(|entry| entry.path.starts_with("StarBASIC")) {
        parts.has_macros();
        parts.incomplete("macros of StarOffice 5 are recognised and not read");
    }
    if parts.part().is("perfectoffice") {
        parts.incomplete("macros of WordPerfect Office stand in its text and its cells, and are not read");
    }
    if parts.part().is("solidworks") {
        parts.incomplete("macros in the features of a SolidWorks part are not read");
    }
}

/// What streams are that nothing here knows. Those of a known document, and of an object in a document, are read by its own
/// program alone; those of a file of which nothing else is known may be anything.
fn role_of_streams(part: &Part) -> Role {
    let known = part.kind.class == Class::Document && part.kind.id != "cfb";
    let within = part.within.iter().filter_map(|id| kinds::kind(id)).any(|row| row.class == Class::Document);
    if known || within { Role::Member } else { Role::Embedded }
}

/// A file packed by the Object Packager ([MS-OLEDS] 2.3.6 and OLE 1.0 packages), or the data of another program's object.
fn add_package(compound: &Compound, entry: &Entry, role: Role, parts: &mut Parts<'_, '_>) -> Result<(), OpenError> {
    let head = compound.head(entry, 8192);
    let named = (|| {
        // Total size, type 2, label, file name, two words, length and text of the temporary path, length of the data.
        (u16_le(&head, 4)? == 2).then_some(())?;
        let label = until_nul(head.get(6..)?);
        let mut at = 6 + label.len() + 1;
        let file = until_nul(head.get(at..)?);
        at += file.len() + 1 + 4;
        at += 4 + u32_le(&head, at)? as usize;
        let size = u32_le(&head, at)?;
        let name = if file.is_empty() { label } else { file };
        Some((utf8_or_cp437(name), at as u64 + 4, u64::from(size)))
    })();
    let mut reader = compound.reader(entry);
    let class = compound.class_of(entry);
    if class == EQUATION {
        // The length of what follows comes first.
        std::io::copy(&mut reader.by_ref().take(4), &mut std::io::sink())?;
        let member = Member::named(Role::Member, entry.path.clone()).of_kind("equation");
        return parts.add(member, &mut reader);
    }
    let Some((name, skip, size)) = named else {
        let role = if class == PACKAGER { Role::Embedded } else { role };
        return parts.add(Member::named(role, entry.path.clone()), &mut reader);
    };
    std::io::copy(&mut reader.by_ref().take(skip), &mut std::io::sink())?;
    let mut member = Member::named(Role::Embedded, name);
    if skip.saturating_add(size) > entry.size {
        member = member.incomplete("the package is shorter than it says");
    }
    parts.add(member, &mut reader.take(size))
}
