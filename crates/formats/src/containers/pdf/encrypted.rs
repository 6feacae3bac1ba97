//! Encrypted documents (ISO 32000-1, 7.6), by the `hayro-syntax` crate.

use super::MOST_OBJECTS;
use super::objects::{self, Object, Stream, Value, Work};
use crate::{OpenError, Parts};
use hayro_syntax::object::{Dict, MaybeRef, Object as Decrypted, ObjectIdentifier};
use std::collections::{BTreeMap, HashSet};

/// Arrays and dictionaries inside each other.
const MOST_DEPTH: u32 = 48;

/// What a document's trailers say about encryption.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Claim {
    /// None names an encryption dictionary.
    None,
    /// Each of those that name a catalogue does.
    All,
    /// Some do and others do not, which no honest program writes.
    Some,
}

/// Whether trailers or cross-reference streams name an encryption dictionary (7.6.1), as every one with a catalogue must.
pub(super) fn is_so(bytes: &[u8], objects: &[Object], parts: &mut Parts<'_, '_>) -> Result<Claim, OpenError> {
    let (mut with, mut without) = (false, false);
    let mut note = |trailer: &Value| {
        let named = trailer.get("Encrypt").is_some_and(|entry| *entry != Value::Other);
        with |= named;
        without |= !named && trailer.get("Root").is_some();
    };
    let mut work = Work::new(bytes.len());
    for (index, at) in memchr::memmem::find_iter(bytes, b"trailer").enumerate() {
        if index % 1024 == 0 {
            parts.budget().check_time().map_err(OpenError::Limit)?;
        }
        if work.spent() {
            parts.incomplete("its trailers overlap, and come to more than four times its size");
            break;
        }
        if let Some(trailer) = objects::value_at(bytes, at + 7, &mut work) {
            note(&trailer);
        }
        work.tell(parts.budget())?;
    }
    let table = |object: &&Object| object.value.get("Type").is_some_and(|kind| kind.is_name("XRef"));
    objects.iter().filter(table).for_each(|object| note(&object.value));
    Ok(match (with, without) {
        (false, _) => Claim::None,
        (true, false) => Claim::All,
        (true, true) => Claim::Some,
    })
}

/// The objects of an encrypted document, by the empty password or one of those to try; none when it stays locked.
pub(super) fn decrypt(bytes: &[u8], parts: &mut Parts<'_, '_>) -> Result<Option<Vec<Object>>, OpenError> {
    use hayro_syntax::{DecryptionError, LoadPdfError, Pdf};
    let mut shared = std::sync::Arc::new(bytes.to_vec());
    let mut tried = 0;
    let mut opened = Pdf::new(shared.clone());
    // Where the table of objects is not to the letter, the crate says the same of a wrong password as of damage.
    if matches!(opened, Err(LoadPdfError::Invalid))
        && let Some(mended) = with_new_table(bytes, parts)?
    {
        shared = std::sync::Arc::new(mended);
        opened = Pdf::new(shared.clone());
    }
    let protected = |result: &Result<Pdf, LoadPdfError>| {
        matches!(result, Err(LoadPdfError::Decryption(DecryptionError::PasswordProtected)))
    };
    if protected(&opened) {
        for password in parts.passwords() {
            // The document is read again each time.
            if !parts.may_try(&password, (1 << 16) + bytes.len() as u64)? {
                break;
            }
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

/// The document with a table of its objects behind it (7.5.4) and the trailer that names the encryption dictionary.
fn with_new_table(bytes: &[u8], parts: &mut Parts<'_, '_>) -> Result<Option<Vec<u8>>, OpenError> {
    parts.budget().step(2 * bytes.len() as u64).map_err(OpenError::Limit)?;
    let trailers = memchr::memmem::rfind_iter(bytes, b"trailer").filter_map(|at| {
        let rest = bytes.get(at..)?;
        rest.get(..memchr::memmem::find(rest, b"startxref").unwrap_or(rest.len()))
    });
    let mut places = BTreeMap::new();
    for at in memchr::memmem::find_iter(bytes, b" obj") {
        parts.budget().step(16).map_err(OpenError::Limit)?;
        let Some((start, generation)) = number_before(bytes, at) else { continue };
        let apart = start.checked_sub(1).filter(|before| bytes.get(*before).is_some_and(u8::is_ascii_whitespace));
        if let Some((start, number)) = apart.and_then(|end| number_before(bytes, end)) {
            // The newest comes last.
            places.insert(number, (start, generation));
        }
    }
    let last = places.last_key_value().map_or(0, |(number, _)| *number);
    // LIMIT: it stays locked, and says so.
    if places.is_empty() || last as usize > MOST_OBJECTS {
        return Ok(None);
    }
    let mut table = format!("\nxref\n0 {}\n", u64::from(last) + 1);
    for number in 0..=last {
        match places.get(&number) {
            Some((at, generation)) => table.push_str(&format!("{at:010} {generation:05} n \n")),
            None => table.push_str("0000000000 65535 f \n"),
        }
    }
    parts.budget().step(20 * u64::from(last)).map_err(OpenError::Limit)?;
    // LIMIT: revisions of a document name the same dictionary.
    for trailer in trailers.take(16) {
        if memchr::memmem::find(trailer, b"/Encrypt").is_some() && memchr::memmem::find(trailer, b"/Root").is_some() {
            // Tables before it are not to be read.
            let trailer = without_previous(trailer);
            let end = format!("\nstartxref\n{}\n%%EOF\n", bytes.len() + 1);
            return Ok(Some([bytes, table.as_bytes(), &trailer, end.as_bytes()].concat()));
        }
    }
    Ok(None)
}

/// A trailer that leads to no other table.
fn without_previous(trailer: &[u8]) -> Vec<u8> {
    let mut out = trailer.to_vec();
    for name in [&b"/Prev"[..], b"/XRefStm"] {
        for at in memchr::memmem::find_iter(trailer, name) {
            if let Some(letter) = out.get_mut(at + 1) {
                *letter = b'-';
            }
        }
    }
    out
}

/// The decimal number that ends before `end`, and where it begins.
fn number_before(bytes: &[u8], end: usize) -> Option<(usize, u32)> {
    let digits = bytes.get(..end)?.iter().rev().take(10).take_while(|byte| byte.is_ascii_digit()).count();
    let start = end.checked_sub(digits).filter(|_| digits > 0)?;
    Some((start, std::str::from_utf8(bytes.get(start..end)?).ok()?.parse().ok()?))
}

/// Copies a decrypted document's objects, following references from those that are listed.
fn copy(document: &hayro_syntax::Pdf, parts: &mut Parts<'_, '_>) -> Result<Vec<Object>, OpenError> {
    let mut copied = Copied { objects: Vec::new(), wanted: Vec::new(), too_deep: false };
    for object in document.objects() {
        copied.add(object, 0, parts)?;
    }
    let mut seen = HashSet::new();
    while let Some((number, generation)) = copied.wanted.pop() {
        if !seen.insert((number, generation)) {
            continue;
        }
        if copied.objects.len() >= MOST_OBJECTS {
            parts.incomplete(format!("only its first {MOST_OBJECTS} objects were looked at"));
            break;
        }
        let identifier = ObjectIdentifier::new(number, generation);
        if let Some(object) = document.xref().get::<Decrypted<'_>>(identifier) {
            copied.add(object, number, parts)?;
        }
    }
    if copied.too_deep {
        parts.incomplete(objects::TOO_DEEP);
    }
    Ok(copied.objects)
}

/// Objects that were copied, and what they refer to.
struct Copied {
    objects: Vec<Object>,
    wanted: Vec<(u32, i32)>,
    too_deep: bool,
}

impl Copied {
    fn add(&mut self, object: Decrypted<'_>, number: u32, parts: &mut Parts<'_, '_>) -> Result<(), OpenError> {
        parts.budget().check_time().map_err(OpenError::Limit)?;
        let mut stream = None;
        if let Decrypted::Stream(inner) = &object {
            let value = self.dictionary(inner.dict(), 0);
            stream = Some(if value.get("Subtype").is_some_and(|s| s.is_name("Image")) {
                Stream::Undecoded("it says that it is a picture, and was not decoded")
            } else {
                match inner.decoded() {
                    Ok(bytes) => {
                        // An exhausted budget ends the copying at the next object.
                        let _ = parts.budget().charge_output(bytes.len() as u64);
                        Stream::Decoded(bytes.into_owned())
                    }
                    Err(_) => Stream::Undecoded("its filters could not be undone"),
                }
            });
        }
        let value = self.value(object, 0);
        self.objects.push(Object { number, value, stream });
        Ok(())
    }

    fn value(&mut self, object: Decrypted<'_>, depth: u32) -> Value {
        if depth > MOST_DEPTH {
            self.too_deep = true;
            return Value::Other;
        }
        match object {
            Decrypted::String(text) => Value::Text(text.as_bytes().to_vec()),
            Decrypted::Name(name) => Value::Name(name.as_str().to_owned()),
            Decrypted::Dict(entries) => self.dictionary(&entries, depth),
            Decrypted::Stream(stream) => self.dictionary(stream.dict(), depth),
            Decrypted::Array(array) => Value::Array(array.raw_iter().map(|value| self.entry(value, depth)).collect()),
            Decrypted::Null(_) | Decrypted::Boolean(_) | Decrypted::Number(_) => Value::Other,
        }
    }

    fn dictionary(&mut self, entries: &Dict<'_>, depth: u32) -> Value {
        let entries = entries.entries().map(|(key, value)| (key.as_str().to_owned(), self.entry(value, depth)));
        Value::Dictionary(entries.collect())
    }

    fn entry(&mut self, value: MaybeRef<Decrypted<'_>>, depth: u32) -> Value {
        match value {
            MaybeRef::Ref(reference) => {
                self.wanted.push((reference.obj_number, reference.gen_number));
                Value::Reference(reference.obj_number)
            }
            MaybeRef::NotRef(value) => self.value(value, depth + 1),
        }
    }
}
