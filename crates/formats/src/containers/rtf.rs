//! Rich Text Format (RTF 1.9.1): embedded objects, templates and fields that fetch or run.
//!
//! Word reads much that the specification forbids, so the reader follows groups and control words and takes every
//! other hexadecimal digit of `\objdata`, whatever stands between them.

use super::links::Links;
use super::ooxml::fields::{HYPERLINK, asked, places, undoubled};
use super::shares::{is_remote, is_share, leaves_house};
use crate::{Content, Format, Member, OpenError, Parts};
use lazaret_model::{Bounded, Family, Finding, Role, Severity};

/// Bytes of a document that are read.
const MOST: u64 = 128 << 20;
/// Objects that are opened.
const MOST_OBJECTS: usize = 5000;
/// Fields that are read, of those that run something or name a place.
const MOST_FIELDS: usize = 100_000;
/// Words that begin fields which name a place.
const PLACES: [&str; 6] = ["HYPERLINK", "INCLUDE", "IMPORT", "LINK", "DATABASE", "RD"];

/// Opens RTF.
pub(super) struct Rtf;

impl Format for Rtf {
    fn id(&self) -> &'static str {
        "rtf"
    }

    fn kinds(&self) -> &'static [&'static str] {
        &["rtf"]
    }

    fn summary(&self) -> &'static str {
        "embedded and linked OLE objects, packages, templates and fields; pictures are not parts"
    }

    fn open(&self, input: &Content, parts: &mut Parts<'_, '_>) -> Result<(), OpenError> {
        let bytes = super::text_of(input, MOST, parts)?;
        let mut reader = Reader::new(&bytes);
        reader.read(parts)?;
        let Reader { objects, fields, places, sources, page, mut links, updates, end, open_groups, .. } = reader;
        if updates {
            let message = "the document asks for an embedded object to be run as soon as it is opened";
            let finding = Finding::new("rtf.automatic-object", "rtf", Severity::Medium, Family::Structure, message);
            parts.finding(finding.technique("T1203"));
        }
        for reason in
            [fields.overflow(), objects.overflow(), places.overflow(), sources.overflow()].into_iter().flatten()
        {
            parts.incomplete(reason);
        }
        sources.as_slice().iter().for_each(|place| links.add(place));
        places.as_slice().iter().for_each(|place| links.add_unusual(place));
        let shares = places.as_slice().iter().filter(|place| is_share(place));
        for place in sources.as_slice().iter().chain(shares) {
            let message = format!("the document is made of or shows something that lies on another machine: `{place}`");
            let finding = Finding::new("rtf.remote-place", "rtf", Severity::High, Family::Behaviour, message);
            parts.finding(finding.technique("T1187").with("target", place.clone()));
        }
        // A page that a mail program wrote down as Rich Text ([MS-OXRTFEX]): its tags stand in groups of their own.
        if page.contains('<') {
            let member = Member::unnamed(Role::Embedded, "page").of_kind("html");
            parts.add_content(member, Content::from(page.into_bytes()))?;
        }
        for field in fields.as_slice() {
            read_field(field, &mut links, parts)?;
        }
        for object in objects.as_slice() {
            parts.budget().check_time().map_err(OpenError::Limit)?;
            open_object(object, &mut links, parts)?;
        }
        links.hand_over(parts)?;
        let rest = bytes.get(end..).unwrap_or_default();
        if rest.iter().filter(|b| !b.is_ascii_whitespace() && **b != 0).count() >= 16 {
            let appended = input.slice(end as u64, u64::MAX);
            parts.add_content(Member::unnamed(Role::Appended, "appended"), appended)?;
        }
        if open_groups {
            parts.incomplete("the document ends inside a group");
        }
        Ok(())
    }
}

/// What text in a group is for.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Destination {
    Text,
    Object,
    Template,
    Field,
    Place,
    Tag,
    Skipped,
}

/// Words before the name of a file: the next one of a document, one of a table of files, data for letters, a style sheet, the source
/// of a link and values of a shape, of which some are places.
const NAMES: &[&[u8]] = &[
    b"nextfile",
    b"file",
    b"xform",
    b"mmdatasource",
    b"mmheadersource",
    b"mmodsosrc",
    b"mmodsoudl",
    b"hlsrc",
    b"hlloc",
    b"hlfr",
    b"sv",
    b"linkval",
    b"mmconnectstr",
    b"xsltransform",
];
/// Those of them that the program asks for, wherever they are: data for letters, and style sheets.
const SOURCES: &[&[u8]] = &[b"mmdatasource", b"mmheadersource", b"mmodsosrc", b"xform", b"xsltransform"];

struct Reader<'b> {
    bytes: &'b [u8],
    objects: Bounded<Vec<u8>>,
    /// Fields that run something or name a place.
    fields: Bounded<String>,
    /// Files that the document names outside of its text, where they are not on this machine or no files.
    places: Bounded<String>,
    /// Those elsewhere that the program asks for.
    sources: Bounded<String>,
    /// The tags of a page that was written down as Rich Text.
    page: String,
    /// Templates.
    links: Links,
    updates: bool,
    /// Where the document's outermost group ends.
    end: usize,
    open_groups: bool,
}

/// What was gathered for each destination that is not closed yet.
#[derive(Default)]
struct Gathered {
    data: Data,
    template: String,
    field: String,
    place: String,
    /// Whether the program asks for that place.
    source: bool,
    page: String,
}

impl Gathered {
    /// The text of a destination that has one.
    fn text(&mut self, destination: Destination) -> Option<&mut String> {
        match destination {
            Destination::Template => Some(&mut self.template),
            Destination::Field => Some(&mut self.field),
            Destination::Place => Some(&mut self.place),
            Destination::Tag => Some(&mut self.page),
            Destination::Text | Destination::Object | Destination::Skipped => None,
        }
    }
}

impl<'b> Reader<'b> {
    fn new(bytes: &'b [u8]) -> Self {
        Self {
            bytes,
            objects: Bounded::new("objects", MOST_OBJECTS),
            fields: Bounded::new("fields that lead somewhere", MOST_FIELDS),
            places: Bounded::new("names of files elsewhere", MOST_FIELDS),
            sources: Bounded::new("names of sources elsewhere", MOST_FIELDS),
            page: String::new(),
            links: Links::default(),
            updates: false,
            end: bytes.len(),
            open_groups: true,
        }
    }

    fn read(&mut self, parts: &mut Parts<'_, '_>) -> Result<(), OpenError> {
        let mut stack: Vec<Destination> = Vec::new();
        let mut now = Destination::Text;
        let mut gathered = Gathered::default();
        let mut at = 0;
        let mut steps = 0u32;
        while let Some(byte) = self.bytes.get(at).copied() {
            steps = steps.wrapping_add(1);
            if steps.is_multiple_of(1 << 16) {
                parts.budget().check_time().map_err(OpenError::Limit)?;
            }
            at += 1;
            match byte {
                b'{' => stack.push(now),
                b'}' => {
                    let outer = stack.pop().unwrap_or(Destination::Text);
                    if outer != now {
                        self.close(now, &mut gathered);
                    }
                    now = outer;
                    if stack.is_empty() {
                        self.end = at;
                        self.open_groups = false;
                        break;
                    }
                }
                b'\\' => {
                    let before = now;
                    at = self.control(at, &mut now, &mut gathered);
                    // A group that becomes something else has said all of what it was.
                    if now != before && stack.last() != Some(&before) {
                        self.close(before, &mut gathered);
                    }
                }
                _ if now == Destination::Object => gathered.data.digit(byte),
                b'\r' | b'\n' => {}
                _ => {
                    if let Some(text) = gathered.text(now) {
                        text.push(char::from(byte));
                    }
                }
            }
        }
        // What somebody wrote by hand closes a group too few: nothing was begun that does not end.
        let last = self.bytes.iter().rev().find(|byte| !byte.is_ascii_whitespace() && **byte != 0);
        if now == Destination::Text && last == Some(&b'}') {
            self.open_groups = false;
        }
        for destination in [Destination::Object, Destination::Template, Destination::Field, Destination::Place] {
            self.close(destination, &mut gathered);
        }
        self.page = gathered.page;
        Ok(())
    }

    /// A control word or symbol; returns where the text goes on.
    fn control(&mut self, at: usize, now: &mut Destination, gathered: &mut Gathered) -> usize {
        let rest = self.bytes.get(at..).unwrap_or_default();
        let len = rest.iter().take_while(|b| b.is_ascii_alphabetic()).count();
        if len == 0 {
            return match rest.first() {
                // `\'xx` is one character; in data its digits count as Word counts them: not at all.
                Some(b'\'') => {
                    let value = rest
                        .get(1..3)
                        .and_then(|d| std::str::from_utf8(d).ok())
                        .and_then(|d| u8::from_str_radix(d, 16).ok());
                    if let (Some(value), Some(text)) = (value, gathered.text(*now)) {
                        text.push(char::from(value));
                    }
                    at + 3
                }
                // A blank that keeps words together, and the end of a paragraph.
                Some(b'~' | b'\r' | b'\n') if *now == Destination::Field => {
                    gathered.field.push(' ');
                    at + 1
                }
                Some(symbol @ (b'\\' | b'{' | b'}')) => {
                    if let Some(text) = gathered.text(*now) {
                        text.push(char::from(*symbol));
                    }
                    at + 1
                }
                _ => at + 1,
            };
        }
        let word = rest.get(..len).unwrap_or_default();
        let digits = rest.get(len..).unwrap_or_default();
        let sign = usize::from(digits.first() == Some(&b'-'));
        let number_len = sign + digits.iter().skip(sign).take_while(|b| b.is_ascii_digit()).count();
        let number =
            std::str::from_utf8(digits.get(..number_len).unwrap_or_default()).ok().and_then(|n| n.parse::<i64>().ok());
        let mut next = at + len + number_len;
        next += usize::from(self.bytes.get(next) == Some(&b' '));
        match word {
            b"objdata" => *now = Destination::Object,
            b"template" => *now = Destination::Template,
            b"fldinst" => {
                // A field within a field is part of the outer one's code, and parted from its words.
                if *now == Destination::Field {
                    gathered.field.push(' ');
                }
                *now = Destination::Field;
            }
            b"htmltag" => *now = Destination::Tag,
            b"par" | b"line" | b"tab" if *now == Destination::Tag => gathered.page.push('\n'),
            b"par" | b"line" | b"tab" if *now == Destination::Field => gathered.field.push(' '),
            word if matches!(*now, Destination::Text | Destination::Place) && NAMES.contains(&word) => {
                if *now == Destination::Place {
                    self.close(Destination::Place, gathered);
                }
                gathered.source = SOURCES.contains(&word);
                *now = Destination::Place;
            }
            // Packages and objects in digits, as Word keeps them.
            b"themedata" | b"datastore" | b"colorschememapping"
                if matches!(*now, Destination::Text | Destination::Place) =>
            {
                *now = Destination::Object;
            }
            b"pict" | b"blipuid" if matches!(*now, Destination::Text | Destination::Place) => {
                *now = Destination::Skipped;
            }
            b"objupdate" | b"objautlink" => self.updates = true,
            // 2.2: `\binN` is followed by N bytes as they are.
            b"bin" => {
                let count = number
                    .and_then(|n| usize::try_from(n).ok())
                    .unwrap_or(0)
                    .min(self.bytes.len().saturating_sub(next));
                if *now == Destination::Object {
                    gathered.data.raw(self.bytes.get(next..next + count).unwrap_or_default());
                }
                next += count;
            }
            b"u" => {
                if let (Some(number), Some(text)) = (number, gathered.text(*now)) {
                    text.extend(u16::try_from(number & 0xffff).ok().and_then(|unit| char::from_u32(u32::from(unit))));
                }
            }
            _ => {}
        }
        next
    }

    fn close(&mut self, destination: Destination, gathered: &mut Gathered) {
        match destination {
            Destination::Object => {
                let bytes = std::mem::take(&mut gathered.data).bytes;
                if !bytes.is_empty() {
                    self.objects.push(bytes);
                }
            }
            Destination::Template => self.links.add(&std::mem::take(&mut gathered.template)),
            Destination::Field => {
                let field = std::mem::take(&mut gathered.field);
                if asked(&field).is_some() || PLACES.iter().any(|word| begins(&field, word)) {
                    self.fields.push(field);
                }
            }
            Destination::Place => {
                let (place, source) = (std::mem::take(&mut gathered.place), std::mem::take(&mut gathered.source));
                let place = place.trim();
                if source && is_remote(place) {
                    self.sources.push(place.to_owned());
                    return;
                }
                // How data is reached, as `Data Source=…;…`.
                let values = place.split([';', '=']).map(|value| value.trim_matches(['"', '\'', ' ']));
                for value in values.skip(1).filter(|value| leaves_house(value)) {
                    self.sources.push(value.to_owned());
                }
                let scheme = place.split_once(':').is_some_and(|(scheme, rest)| {
                    !rest.starts_with(' ')
                        && (2..40).contains(&scheme.len())
                        && scheme.bytes().all(|b| b.is_ascii_alphanumeric() || b"+-.".contains(&b))
                });
                if is_remote(place) || scheme {
                    self.places.push(place.to_owned());
                }
            }
            Destination::Text | Destination::Tag | Destination::Skipped => {}
        }
    }
}

/// Whether a field begins with a word, in letters of any size.
fn begins(field: &str, word: &str) -> bool {
    field.trim_start().get(..word.len()).is_some_and(|start| start.eq_ignore_ascii_case(word))
}

/// Bytes from hexadecimal digits with anything between them.
#[derive(Default)]
struct Data {
    bytes: Vec<u8>,
    high: Option<u8>,
}

impl Data {
    fn digit(&mut self, byte: u8) {
        let Some(value) = char::from(byte).to_digit(16) else { return };
        match self.high.take() {
            None => self.high = Some(value as u8),
            Some(high) => self.bytes.push(high << 4 | value as u8),
        }
    }

    fn raw(&mut self, bytes: &[u8]) {
        self.high = None;
        self.bytes.extend(bytes);
    }
}

/// A field's instruction: places to fetch, and DDE, which runs a program.
fn read_field(field: &str, links: &mut Links, parts: &mut Parts<'_, '_>) -> Result<(), OpenError> {
    if let Some(command) = asked(field) {
        let member = Member::unnamed(Role::Command, "dde").of_kind("command-line");
        return parts.add_content(member, Content::from(command.as_bytes()));
    }
    if PLACES.iter().any(|word| begins(field, word)) {
        for place in field.split('"').skip(1).step_by(2) {
            links.add(&undoubled(place));
        }
        // Those without quotes, or in printers' ones.
        for (kind, place) in places(field) {
            if kind == HYPERLINK {
                links.add_unusual(&place);
            } else if is_remote(&place) {
                links.add(&place);
            }
        }
    }
    Ok(())
}

/// An OLE 1 object (MS-OLEDS 2.2.4 and 2.2.5).
fn open_object(object: &[u8], links: &mut Links, parts: &mut Parts<'_, '_>) -> Result<(), OpenError> {
    let mut reader = Ole { bytes: object };
    let header = (|| {
        let _version = reader.number()?;
        let format = reader.number()?;
        let class = reader.string()?;
        let topic = reader.string()?;
        reader.string()?;
        Some((format, class, topic))
    })();
    let Some((format, class, topic)) = header.filter(|(format, ..)| matches!(format, 1 | 2)) else {
        return raw_object(object, parts);
    };
    if format == 1 {
        links.add(&topic);
        return Ok(());
    }
    let size = reader.number().unwrap_or(0) as usize;
    let native = reader.bytes.get(..size).unwrap_or(reader.bytes);
    if native.starts_with(b"\xd0\xcf\x11\xe0") {
        return parts.add_content(Member::unnamed(Role::Embedded, "object"), Content::from(native));
    }
    if class.eq_ignore_ascii_case("package")
        && let Some((name, data)) = package(native)
    {
        return parts.add_content(Member::named(Role::Embedded, name), Content::from(data));
    }
    raw_object(native, parts)
}

/// Data that is no object by the rules: whatever compound file is in it, and what stands before that; else as it is.
fn raw_object(data: &[u8], parts: &mut Parts<'_, '_>) -> Result<(), OpenError> {
    let start = memchr::memmem::find(data, b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1").unwrap_or(0);
    let (before, object) = data.split_at(start);
    parts.add_content(Member::unnamed(Role::Embedded, "object"), Content::from(object))?;
    if !before.is_empty() {
        parts.add_content(Member::unnamed(Role::Embedded, "before-object"), Content::from(before))?;
    }
    Ok(())
}

/// A package's name and file: OLE10Native without its first length.
fn package(native: &[u8]) -> Option<(String, &[u8])> {
    let mut reader = Ole { bytes: native.get(2..)? };
    let label = reader.zero_ended()?;
    let path = reader.zero_ended()?;
    reader.bytes = reader.bytes.get(4..)?;
    let len = reader.number()? as usize;
    reader.bytes = reader.bytes.get(len..)?;
    let size = reader.number()? as usize;
    let name = if label.is_empty() { path } else { label };
    Some((name, reader.bytes.get(..size).unwrap_or(reader.bytes)))
}

struct Ole<'b> {
    bytes: &'b [u8],
}

impl Ole<'_> {
    fn number(&mut self) -> Option<u32> {
        let value = self.bytes.get(..4)?.try_into().ok().map(u32::from_le_bytes)?;
        self.bytes = self.bytes.get(4..)?;
        Some(value)
    }

    fn string(&mut self) -> Option<String> {
        let len = self.number()? as usize;
        let text = self.bytes.get(..len)?;
        let text = String::from_utf8_lossy(text).trim_end_matches('\0').to_owned();
        self.bytes = self.bytes.get(len..)?;
        Some(text)
    }

    fn zero_ended(&mut self) -> Option<String> {
        let end = memchr::memchr(0, self.bytes)?;
        let text = encoding_rs::WINDOWS_1252.decode_without_bom_handling(self.bytes.get(..end)?).0.into_owned();
        self.bytes = self.bytes.get(end + 1..)?;
        Some(text)
    }
}

#[cfg(test)]
mod tests;
