//! PDF (ISO 32000-1): attachments, JavaScript, actions that run or fetch, and XFA forms.
//!
//! Objects are found by searching for them, in every revision, so that no cross-reference table can hide one.
//! Pictures, fonts and the content of pages are not parts; the QR codes in them are looked for, and what short ones say of commands is one.

mod actions;
pub(super) mod connections;
mod encrypted;
mod filters;
mod objects;
mod pictures;
mod words;

use super::links::Links;
use crate::{Content, Format, Member, OpenError, Parts};
use actions::Trigger;
pub(super) use actions::each_script;
use lazaret_model::Role;
use objects::{Index, Lexer, Object, Stream, Value, Work};
use std::collections::HashSet;

/// Bytes of a document that are read.
const MOST: u64 = 128 << 20;
/// Objects that are looked at.
const MOST_OBJECTS: usize = 500_000;

/// Opens PDF.
pub(super) struct Pdf;

impl Format for Pdf {
    fn id(&self) -> &'static str {
        "pdf"
    }

    fn kinds(&self) -> &'static [&'static str] {
        &["pdf"]
    }

    fn summary(&self) -> &'static str {
        "attachments, JavaScript, launch and link actions, XFA forms and QR codes of every revision; encrypted documents by password"
    }

    fn open(&self, input: &Content, parts: &mut Parts<'_, '_>) -> Result<(), OpenError> {
        let bytes = super::text_of(input, MOST, parts)?;
        let mut work = Work::new(bytes.len());
        let mut objects = find(&bytes, &mut work, parts)?;
        match encrypted::is_so(&bytes, &objects, parts)? {
            encrypted::Claim::None => unpack(&bytes, &mut objects, &mut work, parts)?,
            encrypted::Claim::All => match encrypted::decrypt(&bytes, parts)? {
                Some(decrypted) => objects = decrypted,
                None => return Ok(()),
            },
            // A reader that believes the other trailer sees another document: both count.
            encrypted::Claim::Some => {
                parts.incomplete("its trailers disagree on whether it is encrypted");
                unpack(&bytes, &mut objects, &mut work, parts)?;
                match encrypted::decrypt(&bytes, parts) {
                    Ok(decrypted) => objects.extend(decrypted.into_iter().flatten()),
                    Err(error @ OpenError::Locked { .. }) => parts.lock(error.to_string()),
                    Err(error) => return Err(error),
                }
            }
        }
        for reason in work.incomplete() {
            parts.incomplete(reason);
        }
        if objects.is_empty() {
            return Err(OpenError::malformed("it holds no objects", 0));
        }
        let document = Document {
            bytes: &bytes,
            index: Index::new(&objects),
            done: HashSet::new(),
            scripts: HashSet::new(),
            attached: HashSet::new(),
            acted: HashSet::new(),
            asked: HashSet::new(),
            named: HashSet::new(),
            links: Links::default(),
            base: None,
            relative: false,
        };
        document.hand_over(parts)
    }
}

/// Every object in the file, in order.
fn find(bytes: &[u8], work: &mut Work, parts: &mut Parts<'_, '_>) -> Result<Vec<Object>, OpenError> {
    let mut found = Vec::new();
    for (index, at) in memchr::memmem::find_iter(bytes, b"obj").enumerate() {
        if index % 1024 == 0 {
            parts.budget().check_time().map_err(OpenError::Limit)?;
        }
        if work.spent() {
            break;
        }
        if bytes.get(at.wrapping_sub(3)..at) == Some(b"end") {
            continue;
        }
        let read = objects::read_at(bytes, at, work);
        work.tell(parts.budget())?;
        if let Some((object, others)) = read {
            if found.len() >= MOST_OBJECTS {
                parts.incomplete(format!("only its first {MOST_OBJECTS} objects were looked at"));
                break;
            }
            // The usual reading counts as the newest.
            found.extend(others);
            found.push(object);
        }
    }
    lengthen(bytes, &mut found, parts)?;
    Ok(found)
}

/// Gives streams whose length is an object of its own (7.3.8.2) all their bytes: the word that ends one may stand in
/// its data as well.
fn lengthen(bytes: &[u8], objects: &mut [Object], parts: &mut Parts<'_, '_>) -> Result<(), OpenError> {
    let index = Index::new(objects);
    let mut longer = Vec::new();
    for (place, object) in objects.iter().enumerate() {
        let (Some(Stream::Range(range)), Some(Value::Reference(number))) = (&object.stream, object.value.get("Length"))
        else {
            continue;
        };
        let lengths: Vec<i64> = index.revisions(*number).filter_map(|object| object.value.integer()).collect();
        parts.budget().step(16 * (1 + lengths.len()) as u64).map_err(OpenError::Limit)?;
        let lengths = lengths.into_iter();
        let ends = lengths.filter_map(|length| range.start.checked_add(usize::try_from(length).ok()?));
        let end = ends.filter(|end| *end > range.end && objects::ends_at(bytes, *end)).max();
        longer.extend(end.map(|end| (place, range.start..end)));
    }
    for (place, range) in longer {
        if let Some(object) = objects.get_mut(place) {
            object.stream = Some(Stream::Range(range));
        }
    }
    Ok(())
}

/// Adds what object streams hold (7.5.7).
fn unpack(
    bytes: &[u8],
    objects: &mut Vec<Object>,
    work: &mut Work,
    parts: &mut Parts<'_, '_>,
) -> Result<(), OpenError> {
    let mut inner = Vec::new();
    let index = Index::new(objects);
    'streams: for object in index.objects {
        let (Some(Stream::Range(range)), true) =
            (&object.stream, object.value.get("Type").is_some_and(|t| index.is_name(t, "ObjStm")))
        else {
            continue;
        };
        parts.budget().check_time().map_err(OpenError::Limit)?;
        let decoded = filters::decode(&object.value, bytes.get(range.clone()).unwrap_or_default(), &index);
        let _ = parts.budget().charge_output(decoded.bytes.len() as u64);
        let _ = parts.budget().step(decoded.unpacked.saturating_mul(4));
        if let Some(problem) = &decoded.problem {
            parts.incomplete(format!("object stream {}: {problem}", object.number));
        }
        work.allow(decoded.bytes.len());
        let number = |key: &str| {
            let value = object.value.get(key).map(|value| index.direct(value));
            value.and_then(Value::integer).and_then(|n| usize::try_from(n).ok())
        };
        let Some(count) = number("N") else {
            parts.incomplete(format!("object stream {}: it does not say how many objects it has", object.number));
            continue;
        };
        let first = number("First").unwrap_or(0);
        if ["N", "First"].iter().filter_map(|key| object.value.get(key)).any(|value| index.differs(value)) {
            parts.incomplete(format!("object stream {}: revisions differ in what it holds", object.number));
        }
        let mut head = Lexer::new(&decoded.bytes, 0);
        for place in 0..count {
            if place % 1024 == 0 {
                parts.budget().check_time().map_err(OpenError::Limit)?;
            }
            if work.spent() {
                break 'streams;
            }
            if inner.len() >= MOST_OBJECTS {
                parts.incomplete(format!("only the first {MOST_OBJECTS} objects in its object streams were looked at"));
                break 'streams;
            }
            let (Some(Value::Integer(id)), Some(Value::Integer(offset))) = (head.value(0), head.value(0)) else {
                parts.incomplete(format!("object stream {}: its list of objects ends early", object.number));
                break;
            };
            let Some(at) = usize::try_from(offset).ok().and_then(|offset| offset.checked_add(first)) else { continue };
            work.tell(parts.budget())?;
            if let Ok(number) = u32::try_from(id)
                && let Some((object, others)) = objects::packed_at(&decoded.bytes, at, number, work)
            {
                inner.extend(others);
                inner.push(object);
            }
        }
    }
    objects.extend(inner);
    lengthen(bytes, objects, parts)
}

/// A document whose objects are at hand, and what was handed over of it.
struct Document<'d> {
    bytes: &'d [u8],
    index: Index<'d>,
    /// Streams and texts handed over, by what they were said to be and by content.
    done: HashSet<(Option<&'static str>, Vec<u8>)>,
    /// Streams that were decoded already, as scripts and as attachments.
    scripts: HashSet<*const Object>,
    attached: HashSet<*const Object>,
    /// Objects whose actions were followed, by what sets them off.
    acted: HashSet<(u32, Trigger)>,
    /// Objects whose scripts and places were handed over, by what for.
    asked: HashSet<(u32, For)>,
    /// Nodes of name trees that were followed.
    named: HashSet<u32>,
    links: Links,
    /// The share that addresses begin from which say no more than a name (12.6.4.7), and whether there are such.
    base: Option<String>,
    relative: bool,
}

/// What texts and streams are asked for, where asking once is enough.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
enum For {
    Script(Trigger),
    Link,
}

/// Where content comes from in the end.
#[derive(Clone, Copy)]
enum Source<'d> {
    Text(&'d [u8]),
    Stream(&'d Object),
}

impl<'d> Document<'d> {
    fn hand_over(mut self, parts: &mut Parts<'_, '_>) -> Result<(), OpenError> {
        // What nobody has to ask for comes first: the same script is handed over once.
        for visit in [Self::triggers, Self::dictionary] {
            for (index, object) in self.index.objects.iter().enumerate() {
                if index % 256 == 0 {
                    parts.budget().check_time().map_err(OpenError::Limit)?;
                }
                self.visit(&object.value, 0, visit, parts)?;
            }
        }
        // 7.3.8.2: the data of a stream may lie in another file.
        for object in self.index.objects.iter().filter(|object| object.stream.is_some()) {
            // So may a page that is shown (8.10.4), and the picture that a printer takes instead (14.11.7).
            let versions = object.value.get("OPI").into_iter().flat_map(|opi| [opi.get("1.3"), opi.get("2.0")]);
            let others = [object.value.get("Ref")].into_iter().chain(versions).flatten().filter_map(|one| one.get("F"));
            for file in object.value.get("F").into_iter().chain(others) {
                self.file_names(file, parts)?.iter().for_each(|place| self.links.add(place));
            }
        }
        // Attachments that no file specification names.
        for object in self.index.objects {
            let kind = object.value.get("Type");
            if object.stream.is_some() && kind.is_some_and(|kind| self.index.is_name(kind, "EmbeddedFile")) {
                self.add_stream(object, Member::unnamed(Role::Attachment, "attachment"), parts)?;
            }
        }
        self.codes(parts)?;
        if let Some(reason) = self.index.overflow() {
            parts.incomplete(reason);
        }
        if let Some(base) = self.base.take().filter(|_| self.relative) {
            self.links.add(&base);
        }
        std::mem::take(&mut self.links).hand_over(parts)
    }

    fn visit(
        &mut self,
        value: &'d Value,
        depth: u32,
        each: fn(&mut Self, &'d Value, &mut Parts<'_, '_>) -> Result<(), OpenError>,
        parts: &mut Parts<'_, '_>,
    ) -> Result<(), OpenError> {
        match value {
            // What was read nests less deep ([`objects::TOO_DEEP`]).
            Value::Array(values) if depth < 64 => values.iter().try_for_each(|v| self.visit(v, depth + 1, each, parts)),
            Value::Dictionary(entries) if depth < 64 => {
                each(self, value, parts)?;
                entries.values().try_for_each(|v| self.visit(v, depth + 1, each, parts))
            }
            _ => Ok(()),
        }
    }

    fn dictionary(&mut self, value: &'d Value, parts: &mut Parts<'_, '_>) -> Result<(), OpenError> {
        if let Some(script) = value.get("JS") {
            self.scripts_of(script, Trigger::Click, parts)?;
        }
        if let Some(uri) = value.get("URI") {
            for source in self.new_sources(uri, For::Link, parts)? {
                let place = text(&self.read(source, parts)?.bytes);
                self.relative |= !place.contains(':') && !place.trim_start().starts_with(['#', '/', '\\']);
                self.links.add(&place);
            }
        }
        self.shares(value, parts)?;
        for key in ["EF", "RF"] {
            if let Some(files) = value.get(key) {
                self.attachments(value, files, parts)?;
            }
        }
        if let Some(form) = value.get("XFA") {
            self.form(form, parts)?;
        }
        for action in value.get("S").map(|action| self.resolve(action)).unwrap_or_default() {
            let Value::Name(action) = action else { continue };
            if action == "Launch" {
                self.launch(value, parts)?;
            } else if matches!(action.as_str(), "SubmitForm" | "ImportData" | "GoToR" | "GoToE" | "Thread")
                && let Some(file) = value.get("F")
            {
                self.file_names(file, parts)?.iter().for_each(|place| self.links.add(place));
            }
        }
        Ok(())
    }

    /// Hands over the scripts that a value is or leads to, those that were not before.
    fn scripts_of(&mut self, value: &'d Value, trigger: Trigger, parts: &mut Parts<'_, '_>) -> Result<(), OpenError> {
        for source in self.new_sources(value, For::Script(trigger), parts)? {
            self.script(source, trigger, parts)?;
        }
        Ok(())
    }

    fn script(&mut self, source: Source<'d>, trigger: Trigger, parts: &mut Parts<'_, '_>) -> Result<(), OpenError> {
        if let Source::Stream(object) = source
            && !self.scripts.insert(object)
        {
            return Ok(());
        }
        let read = self.read(source, parts)?;
        let mut member = Member::unnamed(Role::Script, trigger.script()).of_kind("js-embedded");
        if let Some(problem) = read.problem {
            member = member.incomplete(problem);
        }
        self.add(text(&read.bytes).into_bytes(), member, parts)
    }

    /// 12.7.8: a form, whole or in pieces.
    fn form(&mut self, form: &'d Value, parts: &mut Parts<'_, '_>) -> Result<(), OpenError> {
        let (mut whole, mut problem) = (Vec::new(), None);
        for source in self.sources(form, parts)? {
            if whole.len() > filters::MOST {
                problem = Some("it is larger than 64 MiB, and only so much is looked at".to_owned());
                break;
            }
            let read = self.read(source, parts)?;
            whole.extend(read.bytes);
            problem = problem.or(read.problem);
        }
        if whole.is_empty() && problem.is_none() {
            return Ok(());
        }
        self.scripts_of_form(&whole, parts)?;
        connections::gather(&text(&whole), &mut self.links, parts)?;
        let mut member = Member::unnamed(Role::Embedded, "form").of_kind("xml");
        if let Some(problem) = problem {
            member = member.incomplete(problem);
        }
        self.add(whole, member, parts)
    }

    /// 12.6.4.5: the file or the Windows parameters of a launch action; `Mac` and `Unix` are left open by the standard.
    fn launch(&mut self, action: &'d Value, parts: &mut Parts<'_, '_>) -> Result<(), OpenError> {
        let mut commands = match action.get("F") {
            Some(file) => self.file_names(file, parts)?,
            None => Vec::new(),
        };
        for key in ["Mac", "Unix"] {
            if let Some(file) = action.get(key) {
                commands.extend(self.file_names(file, parts)?);
            }
        }
        for windows in action.get("Win").map(|w| self.resolve(w)).unwrap_or_default() {
            let mut field = |key: &str| windows.get(key).map_or(Ok(Vec::new()), |value| self.texts(value, parts));
            let (files, with) = (field("F")?, field("P")?);
            // Revisions of either go together as far as there are some.
            for place in 0..files.len().max(with.len()) {
                let of = |texts: &[String]| texts.get(place).or(texts.last()).cloned().unwrap_or_default();
                commands.push(format!("{} {}", of(&files), of(&with)).trim().to_owned());
            }
        }
        for command in commands.into_iter().filter(|c| !c.is_empty()) {
            if command.starts_with("\\\\") || command.contains("://") {
                self.links.add(&command);
            }
            self.add(command.into_bytes(), Member::unnamed(Role::Command, "launch").of_kind("command-line"), parts)?;
        }
        Ok(())
    }

    /// The file names of a file specification (7.11).
    fn file_names(&self, file: &'d Value, parts: &mut Parts<'_, '_>) -> Result<Vec<String>, OpenError> {
        let (mut names, mut known) = (Vec::new(), HashSet::new());
        for value in self.resolve(file) {
            let texts: Vec<&'d Value> = match value {
                Value::Text(_) => vec![value],
                other => ["UF", "F", "DOS", "Unix"].iter().filter_map(|key| other.get(key)).collect(),
            };
            for value in texts {
                for name in self.texts(value, parts)? {
                    if !name.is_empty() && known.insert(name.clone()) {
                        names.push(name);
                    }
                }
            }
        }
        Ok(names)
    }

    /// The streams of an `EF` dictionary, or of the arrays of an `RF` dictionary (7.11.4.3), under the name of the
    /// specification around it.
    fn attachments(
        &mut self,
        specification: &'d Value,
        files: &'d Value,
        parts: &mut Parts<'_, '_>,
    ) -> Result<(), OpenError> {
        let name = self.file_names(specification, parts)?.into_iter().next();
        for value in self.resolve(files) {
            let Value::Dictionary(entries) = value else { continue };
            for value in entries.values() {
                for source in self.sources(value, parts)? {
                    let Source::Stream(object) = source else { continue };
                    let member = match &name {
                        Some(name) => Member::named(Role::Attachment, name.clone()),
                        None => Member::unnamed(Role::Attachment, "attachment"),
                    };
                    self.add_stream(object, member, parts)?;
                }
            }
        }
        Ok(())
    }

    fn add_stream(
        &mut self,
        object: &'d Object,
        mut member: Member,
        parts: &mut Parts<'_, '_>,
    ) -> Result<(), OpenError> {
        if !self.attached.insert(object) {
            return Ok(());
        }
        let decoded = self.read(Source::Stream(object), parts)?;
        if let Some(problem) = decoded.problem {
            member = member.incomplete(problem);
        }
        self.add(decoded.bytes, member, parts)
    }

    fn add(&mut self, bytes: Vec<u8>, member: Member, parts: &mut Parts<'_, '_>) -> Result<(), OpenError> {
        // Every revision repeats what it keeps; the same bytes are one part.
        let digest = <sha2::Sha256 as sha2::Digest>::digest(&bytes).to_vec();
        if !self.done.insert((member.kind, digest)) {
            return Ok(());
        }
        parts.add_content(member, Content::from(bytes))
    }

    /// The bytes of a text, or of a stream after its filters.
    fn read(&self, source: Source<'d>, parts: &mut Parts<'_, '_>) -> Result<filters::Decoded, OpenError> {
        parts.budget().check_time().map_err(OpenError::Limit)?;
        let whole = |bytes: &[u8]| {
            let unpacked = bytes.len() as u64;
            filters::Decoded { bytes: bytes.to_vec(), problem: None, unpacked }
        };
        let decoded = match source {
            Source::Text(bytes) => whole(bytes),
            Source::Stream(object) => match &object.stream {
                Some(Stream::Range(range)) => {
                    filters::decode(&object.value, self.bytes.get(range.clone()).unwrap_or_default(), &self.index)
                }
                Some(Stream::Decoded(bytes)) => whole(bytes),
                Some(Stream::Undecoded(problem)) => {
                    filters::Decoded { bytes: Vec::new(), problem: Some((*problem).to_owned()), unpacked: 0 }
                }
                None => whole(b""),
            },
        };
        // What is handed over is charged then. An exhausted budget shows when the next one is read.
        let _ = parts.budget().step(decoded.unpacked.saturating_mul(4));
        Ok(decoded)
    }

    /// The texts that a value is or refers to.
    fn texts(&self, value: &'d Value, parts: &mut Parts<'_, '_>) -> Result<Vec<String>, OpenError> {
        let sources = self.sources(value, parts)?;
        sources.into_iter().map(|source| Ok(text(&self.read(source, parts)?.bytes))).collect()
    }

    /// A value itself, or the values of the object it refers to, in every revision.
    fn resolve(&self, value: &'d Value) -> Vec<&'d Value> {
        match value {
            Value::Reference(number) => self.index.revisions(*number).map(|object| &object.value).collect(),
            other => vec![other],
        }
    }

    /// The texts and streams that a value is or leads to; the members of an array in their order.
    fn sources(&self, value: &'d Value, parts: &mut Parts<'_, '_>) -> Result<Vec<Source<'d>>, OpenError> {
        let mut followed = HashSet::new();
        self.followed(value, &mut |number| followed.insert(number), parts)
    }

    /// The same, without those of objects that were asked for the same before.
    fn new_sources(
        &mut self,
        value: &'d Value,
        what: For,
        parts: &mut Parts<'_, '_>,
    ) -> Result<Vec<Source<'d>>, OpenError> {
        let mut asked = std::mem::take(&mut self.asked);
        let found = self.followed(value, &mut |number| asked.insert((number, what)), parts);
        self.asked = asked;
        found
    }

    /// The texts and streams that a value leads to by way of objects that are `new`.
    fn followed(
        &self,
        value: &'d Value,
        new: &mut dyn FnMut(u32) -> bool,
        parts: &mut Parts<'_, '_>,
    ) -> Result<Vec<Source<'d>>, OpenError> {
        let (mut found, mut left) = (Vec::new(), vec![value]);
        while let Some(value) = left.pop() {
            match value {
                Value::Text(bytes) => found.push(Source::Text(bytes)),
                Value::Array(values) => {
                    parts.budget().step(16 * (1 + values.len()) as u64).map_err(OpenError::Limit)?;
                    left.extend(values.iter().rev().filter(|value| matches!(value, Value::Reference(_))));
                }
                Value::Reference(number) if new(*number) => {
                    parts.budget().step(64).map_err(OpenError::Limit)?;
                    let mut further = Vec::new();
                    for object in self.index.revisions(*number) {
                        parts.budget().step(64).map_err(OpenError::Limit)?;
                        match (&object.stream, &object.value) {
                            (Some(_), _) => found.push(Source::Stream(object)),
                            (None, Value::Text(bytes)) => found.push(Source::Text(bytes)),
                            (None, value @ (Value::Array(_) | Value::Reference(_))) => further.push(value),
                            _ => {}
                        }
                    }
                    left.extend(further.into_iter().rev());
                }
                _ => {}
            }
        }
        Ok(found)
    }
}

/// A text string (7.9.2.2): UTF-16 with a mark, UTF-8, else single bytes.
fn text(bytes: &[u8]) -> String {
    match bytes {
        [0xfe, 0xff, rest @ ..] => encoding_rs::UTF_16BE.decode_without_bom_handling(rest).0.into_owned(),
        [0xff, 0xfe, rest @ ..] => encoding_rs::UTF_16LE.decode_without_bom_handling(rest).0.into_owned(),
        _ => crate::encoding::decode(bytes).into_owned(),
    }
}

#[cfg(test)]
mod tests;
