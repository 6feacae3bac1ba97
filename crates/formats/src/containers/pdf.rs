//! PDF (ISO 32000-1): attachments, JavaScript, actions that run or fetch, and XFA forms.
//!
//! Objects are found by searching for them, in every revision, so that no cross-reference table can hide one.
//! Pictures, fonts and the content of pages are not parts.

mod filters;
mod objects;

use super::links::Links;
use crate::{Content, Format, Member, OpenError, Parts};
use hayro_syntax::object::{MaybeRef, Object as Decrypted, ObjectIdentifier};
use lazaret_model::Role;
use objects::{Lexer, Object, Stream, Value};
use std::collections::{HashMap, HashSet};

/// Bytes of a document that are read.
const MOST: u64 = 128 << 20;
/// Objects that are looked at.
const MOST_OBJECTS: usize = 500_000;
/// References followed from one value.
const MOST_STEPS: u32 = 16;

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
        "attachments, JavaScript, launch and link actions and XFA forms of every revision; encrypted documents by password"
    }

    fn open(&self, input: &Content, parts: &mut Parts<'_, '_>) -> Result<(), OpenError> {
        let bytes = super::text_of(input, MOST, parts)?;
        let mut objects = find(&bytes, parts)?;
        if encrypted(&bytes, &objects) {
            match decrypt(&bytes, parts)? {
                Some(decrypted) => objects = decrypted,
                None => return Ok(()),
            }
        } else {
            unpack(&bytes, &mut objects, parts)?;
        }
        if objects.is_empty() {
            return Err(OpenError::malformed("it holds no objects", 0));
        }
        let mut document = Document {
            bytes: &bytes,
            objects: &objects,
            by_number: HashMap::new(),
            done: HashSet::new(),
            links: Links::default(),
        };
        for (index, object) in objects.iter().enumerate() {
            document.by_number.entry(object.number).or_default().push(index);
        }
        document.hand_over(parts)
    }
}

/// Every object in the file, in order.
fn find(bytes: &[u8], parts: &mut Parts<'_, '_>) -> Result<Vec<Object>, OpenError> {
    let mut found = Vec::new();
    for (index, at) in memchr::memmem::find_iter(bytes, b"obj").enumerate() {
        if index % 1024 == 0 {
            parts.budget().check_time().map_err(OpenError::Limit)?;
        }
        if bytes.get(at.wrapping_sub(3)..at) == Some(b"end") {
            continue;
        }
        if let Some(object) = objects::read_at(bytes, at) {
            if found.len() >= MOST_OBJECTS {
                parts.incomplete(format!("only its first {MOST_OBJECTS} objects were looked at"));
                break;
            }
            found.push(object);
        }
    }
    Ok(found)
}

/// Adds what object streams hold (7.5.7).
fn unpack(bytes: &[u8], objects: &mut Vec<Object>, parts: &mut Parts<'_, '_>) -> Result<(), OpenError> {
    let mut inner = Vec::new();
    for object in objects.iter() {
        let (Some(Stream::Range(range)), true) =
            (&object.stream, object.value.get("Type").is_some_and(|t| t.is_name("ObjStm")))
        else {
            continue;
        };
        parts.budget().check_time().map_err(OpenError::Limit)?;
        let decoded = filters::decode(&object.value, bytes.get(range.clone()).unwrap_or_default());
        let _ = parts.budget().charge_output(decoded.bytes.len() as u64);
        if let Some(problem) = decoded.problem {
            parts.incomplete(format!("object stream {}: {problem}", object.number));
        }
        let number = |key: &str| {
            object.value.get(key).and_then(Value::integer).and_then(|n| usize::try_from(n).ok()).unwrap_or(0)
        };
        let (count, first) = (number("N").min(MOST_OBJECTS), number("First"));
        let mut index = Lexer { bytes: &decoded.bytes, at: 0 };
        for _ in 0..count {
            let (Some(Value::Integer(id)), Some(Value::Integer(offset))) = (index.value(0), index.value(0)) else {
                break;
            };
            let Some(at) = usize::try_from(offset).ok().and_then(|offset| offset.checked_add(first)) else { continue };
            let value = Lexer { bytes: &decoded.bytes, at }.value(0);
            if let (Ok(number), Some(value)) = (u32::try_from(id), value)
                && inner.len() < MOST_OBJECTS
            {
                inner.push(Object { number, value, stream: None });
            }
        }
    }
    objects.extend(inner);
    Ok(())
}

/// Whether a trailer or cross-reference stream names an encryption dictionary (7.6.1).
fn encrypted(bytes: &[u8], objects: &[Object]) -> bool {
    let in_trailer = memchr::memmem::find_iter(bytes, b"trailer")
        .take(1000)
        .filter_map(|at| Lexer { bytes, at: at + 7 }.value(0))
        .any(|trailer| trailer.get("Encrypt").is_some_and(|e| *e != Value::Other));
    in_trailer
        || objects
            .iter()
            .any(|o| o.value.get("Type").is_some_and(|t| t.is_name("XRef")) && o.value.get("Encrypt").is_some())
}

/// The objects of an encrypted document, by the empty password or one of those to try; none when it stays locked.
fn decrypt(bytes: &[u8], parts: &mut Parts<'_, '_>) -> Result<Option<Vec<Object>>, OpenError> {
    use hayro_syntax::{DecryptionError, LoadPdfError, Pdf};
    let shared = std::sync::Arc::new(bytes.to_vec());
    let mut tried = 0;
    let mut opened = Pdf::new(shared.clone());
    let protected = |result: &Result<Pdf, LoadPdfError>| {
        matches!(result, Err(LoadPdfError::Decryption(DecryptionError::PasswordProtected)))
    };
    if protected(&opened) {
        for password in parts.passwords() {
            parts.budget().check_time().map_err(OpenError::Limit)?;
            tried += 1;
            opened = Pdf::new_with_password(shared.clone(), &password);
            if !protected(&opened) {
                parts.opened_with(&password);
                break;
            }
        }
    }
    match opened {
        Ok(document) => copy(&document, parts).map(Some),
        Err(LoadPdfError::Decryption(DecryptionError::PasswordProtected)) => Err(OpenError::Locked { tried }),
        Err(LoadPdfError::Decryption(_)) => {
            parts.lock("encrypted in a way that is not read");
            Ok(None)
        }
        Err(LoadPdfError::Invalid) => {
            parts.lock("encrypted, and too damaged to be decrypted");
            Ok(None)
        }
    }
}

/// Copies a decrypted document's objects, following references from those that are listed.
fn copy(document: &hayro_syntax::Pdf, parts: &mut Parts<'_, '_>) -> Result<Vec<Object>, OpenError> {
    let mut copied = Vec::new();
    let mut wanted: Vec<u32> = Vec::new();
    let mut seen = HashSet::new();
    for object in document.objects() {
        add(object, 0, &mut copied, &mut wanted, parts)?;
    }
    while let Some(number) = wanted.pop() {
        if !seen.insert(number) || copied.len() >= MOST_OBJECTS {
            continue;
        }
        let identifier = ObjectIdentifier::new(number, 0);
        if let Some(object) = document.xref().get::<Decrypted<'_>>(identifier) {
            add(object, number, &mut copied, &mut wanted, parts)?;
        }
    }
    Ok(copied)
}

fn add(
    object: Decrypted<'_>,
    number: u32,
    copied: &mut Vec<Object>,
    wanted: &mut Vec<u32>,
    parts: &mut Parts<'_, '_>,
) -> Result<(), OpenError> {
    parts.budget().check_time().map_err(OpenError::Limit)?;
    let mut stream = None;
    if let Decrypted::Stream(inner) = &object {
        let value = dictionary(inner.dict(), 0, wanted);
        if !value.get("Subtype").is_some_and(|s| s.is_name("Image")) {
            let bytes = inner.decoded().map(std::borrow::Cow::into_owned);
            stream = bytes.ok().map(Stream::Decoded);
        }
    }
    let value = value_of(object, 0, wanted);
    copied.push(Object { number, value, stream });
    Ok(())
}

fn value_of(object: Decrypted<'_>, depth: u32, wanted: &mut Vec<u32>) -> Value {
    if depth > MOST_STEPS * 3 {
        return Value::Other;
    }
    match object {
        Decrypted::String(text) => Value::Text(text.as_bytes().to_vec()),
        Decrypted::Name(name) => Value::Name(name.as_str().to_owned()),
        Decrypted::Dict(entries) => dictionary(&entries, depth, wanted),
        Decrypted::Stream(stream) => dictionary(stream.dict(), depth, wanted),
        Decrypted::Array(array) => {
            let values = array.raw_iter().map(|value| maybe(value, depth, wanted)).collect();
            Value::Array(values)
        }
        Decrypted::Null(_) | Decrypted::Boolean(_) | Decrypted::Number(_) => Value::Other,
    }
}

fn dictionary(entries: &hayro_syntax::object::Dict<'_>, depth: u32, wanted: &mut Vec<u32>) -> Value {
    let entries = entries.entries().map(|(key, value)| (key.as_str().to_owned(), maybe(value, depth, wanted)));
    Value::Dictionary(entries.collect())
}

fn maybe(value: MaybeRef<Decrypted<'_>>, depth: u32, wanted: &mut Vec<u32>) -> Value {
    match value {
        MaybeRef::Ref(reference) => {
            let number = reference.obj_number;
            wanted.push(number);
            Value::Reference(number)
        }
        MaybeRef::NotRef(value) => value_of(value, depth + 1, wanted),
    }
}

/// A document whose objects are at hand, and what was handed over of it.
struct Document<'d> {
    bytes: &'d [u8],
    objects: &'d [Object],
    by_number: HashMap<u32, Vec<usize>>,
    /// Streams and texts handed over, by object and by content.
    done: HashSet<Vec<u8>>,
    links: Links,
}

impl<'d> Document<'d> {
    fn hand_over(mut self, parts: &mut Parts<'_, '_>) -> Result<(), OpenError> {
        for (index, object) in self.objects.iter().enumerate() {
            if index % 256 == 0 {
                parts.budget().check_time().map_err(OpenError::Limit)?;
            }
            self.visit(&object.value, 0, parts)?;
        }
        // Attachments that no file specification names.
        for object in self.objects {
            if object.stream.is_some() && object.value.get("Type").is_some_and(|t| t.is_name("EmbeddedFile")) {
                self.add_stream(object, Member::unnamed(Role::Attachment, "attachment"), parts)?;
            }
        }
        std::mem::take(&mut self.links).hand_over(parts)
    }

    fn visit(&mut self, value: &'d Value, depth: u32, parts: &mut Parts<'_, '_>) -> Result<(), OpenError> {
        match value {
            Value::Array(values) if depth < 64 => values.iter().try_for_each(|v| self.visit(v, depth + 1, parts)),
            Value::Dictionary(entries) if depth < 64 => {
                self.dictionary(value, parts)?;
                entries.values().try_for_each(|v| self.visit(v, depth + 1, parts))
            }
            _ => Ok(()),
        }
    }

    fn dictionary(&mut self, value: &'d Value, parts: &mut Parts<'_, '_>) -> Result<(), OpenError> {
        if let Some(script) = value.get("JS") {
            for (bytes, problem) in self.content(script) {
                let mut member = Member::unnamed(Role::Script, "script").of_kind("js-embedded");
                if let Some(problem) = problem {
                    member = member.incomplete(problem);
                }
                self.add(text(&bytes).into_bytes(), member, parts)?;
            }
        }
        if let Some(uri) = value.get("URI") {
            self.content(uri).iter().for_each(|(place, _)| self.links.add(&text(place)));
        }
        for (key, name) in [("EF", "attachment"), ("RF", "attachment")] {
            if let Some(files) = value.get(key) {
                self.attachments(value, files, name, parts)?;
            }
        }
        if let Some(form) = value.get("XFA") {
            let whole: Vec<u8> = self.content(form).into_iter().flat_map(|(bytes, _)| bytes).collect();
            if !whole.is_empty() {
                self.add(whole, Member::unnamed(Role::Embedded, "form").of_kind("xml"), parts)?;
            }
        }
        match value.get("S") {
            Some(Value::Name(action)) if action == "Launch" => self.launch(value, parts),
            Some(Value::Name(action))
                if matches!(action.as_str(), "SubmitForm" | "ImportData" | "GoToR" | "GoToE" | "Thread") =>
            {
                let places: Vec<String> = value.get("F").map(|file| self.file_names(file)).unwrap_or_default();
                places.iter().for_each(|place| self.links.add(place));
                Ok(())
            }
            _ => Ok(()),
        }
    }

    /// 12.6.4.5: the file or the Windows parameters of a launch action.
    fn launch(&mut self, action: &'d Value, parts: &mut Parts<'_, '_>) -> Result<(), OpenError> {
        let mut commands = action.get("F").map(|file| self.file_names(file)).unwrap_or_default();
        for windows in action.get("Win").map(|w| self.resolve(w)).unwrap_or_default() {
            let field =
                |key: &str| windows.get(key).and_then(|v| self.content(v).into_iter().next()).map(|(b, _)| text(&b));
            let file = field("F").unwrap_or_default();
            let with = field("P").unwrap_or_default();
            commands.push(format!("{file} {with}").trim().to_owned());
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
    fn file_names(&self, file: &Value) -> Vec<String> {
        let mut names: Vec<String> = Vec::new();
        for value in self.resolve(file) {
            let texts: Vec<&Value> = match value {
                Value::Text(_) => vec![value],
                other => ["UF", "F", "DOS", "Unix"].iter().filter_map(|key| other.get(key)).collect(),
            };
            for (bytes, _) in texts.into_iter().flat_map(|t| self.content(t)) {
                let name = text(&bytes);
                if !name.is_empty() && !names.contains(&name) {
                    names.push(name);
                }
            }
        }
        names
    }

    /// The streams of an `EF` dictionary, under the name of the specification around it.
    fn attachments(
        &mut self,
        specification: &Value,
        files: &Value,
        fallback: &'static str,
        parts: &mut Parts<'_, '_>,
    ) -> Result<(), OpenError> {
        let name = self.file_names(specification).into_iter().next();
        let mut numbers = Vec::new();
        for value in self.resolve(files) {
            if let Value::Dictionary(entries) = value {
                numbers.extend(
                    entries
                        .values()
                        .filter_map(|v| if let Value::Reference(number) = v { Some(*number) } else { None }),
                );
            }
        }
        for number in numbers {
            for index in self.by_number.get(&number).cloned().unwrap_or_default() {
                let Some(object) = self.objects.get(index).filter(|o| o.stream.is_some()) else { continue };
                let member = match &name {
                    Some(name) => Member::named(Role::Attachment, name.clone()),
                    None => Member::unnamed(Role::Attachment, fallback),
                };
                self.add_stream(object, member, parts)?;
            }
        }
        Ok(())
    }

    fn add_stream(&mut self, object: &Object, mut member: Member, parts: &mut Parts<'_, '_>) -> Result<(), OpenError> {
        let decoded = self.stream(object);
        if let Some(problem) = decoded.problem {
            member = member.incomplete(problem);
        }
        self.add(decoded.bytes, member, parts)
    }

    fn add(&mut self, bytes: Vec<u8>, member: Member, parts: &mut Parts<'_, '_>) -> Result<(), OpenError> {
        // Every revision repeats what it keeps; the same bytes are one part.
        let key = <sha2::Sha256 as sha2::Digest>::digest(&bytes).to_vec();
        if !self.done.insert(key) {
            return Ok(());
        }
        parts.add_content(member, Content::from(bytes))
    }

    fn stream(&self, object: &Object) -> filters::Decoded {
        match &object.stream {
            Some(Stream::Range(range)) => {
                filters::decode(&object.value, self.bytes.get(range.clone()).unwrap_or_default())
            }
            Some(Stream::Decoded(bytes)) => filters::Decoded { bytes: bytes.clone(), problem: None },
            None => filters::Decoded { bytes: Vec::new(), problem: None },
        }
    }

    /// A value itself, or the values of the object it refers to, in every revision.
    fn resolve<'v>(&'v self, value: &'v Value) -> Vec<&'v Value> {
        match value {
            Value::Reference(number) => {
                let indexes = self.by_number.get(number).map(Vec::as_slice).unwrap_or_default();
                indexes
                    .iter()
                    .filter_map(|i| self.objects.get(*i))
                    .map(|o| &o.value)
                    .take(MOST_STEPS as usize)
                    .collect()
            }
            other => vec![other],
        }
    }

    /// The text or stream that a value is or refers to; the members of an array in their order.
    fn content(&self, value: &Value) -> Vec<(Vec<u8>, Option<String>)> {
        match value {
            Value::Text(bytes) => vec![(bytes.clone(), None)],
            Value::Array(values) => values
                .iter()
                .filter(|v| matches!(v, Value::Reference(_)))
                .take(100)
                .flat_map(|v| self.content(v))
                .collect(),
            Value::Reference(number) => {
                let indexes = self.by_number.get(number).map(Vec::as_slice).unwrap_or_default();
                let objects = indexes.iter().filter_map(|i| self.objects.get(*i)).take(MOST_STEPS as usize);
                objects
                    .filter_map(|object| match (&object.stream, &object.value) {
                        (Some(_), _) => {
                            let decoded = self.stream(object);
                            Some((decoded.bytes, decoded.problem))
                        }
                        (None, Value::Text(bytes)) => Some((bytes.clone(), None)),
                        _ => None,
                    })
                    .collect()
            }
            _ => Vec::new(),
        }
    }
}

/// A text string (7.9.2.2): UTF-16 with a mark, UTF-8, else single bytes.
fn text(bytes: &[u8]) -> String {
    match bytes {
        [0xfe, 0xff, rest @ ..] => encoding_rs::UTF_16BE.decode_without_bom_handling(rest).0.into_owned(),
        [0xff, 0xfe, rest @ ..] => encoding_rs::UTF_16LE.decode_without_bom_handling(rest).0.into_owned(),
        _ => crate::identify::decode_text(bytes).into_owned(),
    }
}

#[cfg(test)]
mod tests;
