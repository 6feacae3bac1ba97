//! Signed, compressed and encrypted messages: CMS (RFC 5652, 3274, 5083 and 4073) and PKCS #7 (RFC 2315) before it, as files and as
//! S/MIME sends them (RFC 8551).
//!
//! What a signature covers is a part. A signature alone, a list of certificates and a catalogue have nothing inside, or only what
//! is read by whoever checks them.

mod ber;
mod content;
#[cfg(test)]
mod tests;
mod text;

use super::Format;
use crate::{Content, Member, OpenError, Parts};
use ber::{Ber, Element, OBJECT_IDENTIFIER, Octets, SEQUENCE};
use content::{HEAD, described, hand_over, member};
use lazaret_model::Role;
use std::io::{BufRead, BufReader, Read};
pub(crate) use text::{is_encoded, is_in_text};

/// The opener.
pub struct Cms;

/// Identifiers of PKCS #7 without their last octet: 1.2.840.113549.1.7.
const PKCS7: &[u8] = b"\x2a\x86\x48\x86\xf7\x0d\x01\x07";
/// Identifiers of S/MIME without their last octet: 1.2.840.113549.1.9.16.1.
const SMIME: &[u8] = b"\x2a\x86\x48\x86\xf7\x0d\x01\x09\x10\x01";
/// RFC 3274, 2: zlib, 1.2.840.113549.1.9.16.3.8.
const ZLIB: &[u8] = b"\x2a\x86\x48\x86\xf7\x0d\x01\x09\x10\x03\x08";
/// The identifier of the content, which is tagged explicitly with 0 (RFC 5652, 3).
const EXPLICIT: u8 = 0xa0;
/// Octets of an object identifier.
const MOST_IDENTIFIER: u64 = 32;
/// Messages in messages that one part may have without octet strings between them (RFC 2315, 7; RFC 4073).
const MOST_DEPTH: usize = 16;

impl Format for Cms {
    fn id(&self) -> &'static str {
        "cms"
    }

    fn kinds(&self) -> &'static [&'static str] {
        &["pkcs7"]
    }

    fn summary(&self) -> &'static str {
        "content that is signed, digested, authenticated or compressed, as DER, BER, PEM or Base64; encrypted content stays locked"
    }

    fn open(&self, input: &Content, parts: &mut Parts<'_, '_>) -> Result<(), OpenError> {
        if is_message(&input.window(0, 64)?) { open_message(input, parts) } else { text::open(input, parts) }
    }
}

/// Whether bytes begin as a message: a sequence whose first element is the identifier of a type of content.
pub(crate) fn is_message(head: &[u8]) -> bool {
    let Some((SEQUENCE, rest)) = past_header(head) else { return false };
    let Some((OBJECT_IDENTIFIER, rest)) = past_header(rest) else { return false };
    [PKCS7.len() + 1, SMIME.len() + 1].into_iter().any(|length| {
        let kind = rest.get(..length).map(ContentType::of);
        kind.is_some_and(|kind| kind != ContentType::Other)
    })
}

/// An identifier's octet, and what stands behind the octets of its length.
fn past_header(bytes: &[u8]) -> Option<(u8, &[u8])> {
    let (tag, rest) = bytes.split_first()?;
    let (length, rest) = rest.split_first()?;
    let octets = if *length > 0x80 { usize::from(length & 0x7f) } else { 0 };
    Some((*tag, rest.get(octets..)?))
}

/// What a message holds, by its object identifier.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum ContentType {
    Data,
    Signed,
    Digested,
    Authenticated,
    Compressed,
    /// RFC 4073, 2: several messages.
    Collection,
    /// RFC 4073, 3: a message and what is said about it.
    WithAttributes,
    /// Enveloped, signed and enveloped, encrypted, authenticated and enveloped.
    Encrypted,
    Other,
}

impl ContentType {
    fn of(identifier: &[u8]) -> Self {
        if let Some([number]) = identifier.strip_prefix(PKCS7) {
            return match number {
                1 => Self::Data,
                2 => Self::Signed,
                5 => Self::Digested,
                3 | 4 | 6 => Self::Encrypted,
                _ => Self::Other,
            };
        }
        match identifier.strip_prefix(SMIME) {
            Some([2]) => Self::Authenticated,
            Some([9]) => Self::Compressed,
            Some([19]) => Self::Collection,
            Some([20]) => Self::WithAttributes,
            Some([23]) => Self::Encrypted,
            _ => Self::Other,
        }
    }

    /// Whether content of this type is a message in turn.
    fn is_message(self) -> bool {
        !matches!(self, Self::Data | Self::Other)
    }
}

/// Opens a message in its binary form, and hands over what follows it.
fn open_message(input: &Content, parts: &mut Parts<'_, '_>) -> Result<(), OpenError> {
    let mut opener = Opener { ber: Ber::new(input), input };
    let Some(message) = opener.ber.element(0, u64::MAX)? else {
        return Err(OpenError::malformed("there is no message", 0));
    };
    opener.message(&message, 0, parts)?;
    let end = opener.ber.after(&message, parts)?;
    if end > input.len() {
        parts.incomplete("the message ends early");
        return Ok(());
    }
    let end = end.saturating_add(input.blank(end)?);
    if end < input.len() {
        parts.add_content(Member::unnamed(Role::Appended, "after-the-end"), input.slice(end, u64::MAX))?;
    }
    Ok(())
}

struct Opener<'i> {
    ber: Ber,
    input: &'i Content,
}

impl Opener<'_> {
    /// `ContentInfo` (RFC 5652, 3).
    fn message(&mut self, message: &Element, depth: usize, parts: &mut Parts<'_, '_>) -> Result<(), OpenError> {
        let (identifier, value) = self.typed(message, parts)?;
        match value {
            Some(value) => self.value(&identifier, &value, depth, parts),
            None => Ok(()),
        }
    }

    /// The type and the content of a `ContentInfo` or an `EncapsulatedContentInfo` (5.2): none where it is kept elsewhere.
    fn typed(&mut self, element: &Element, parts: &mut Parts<'_, '_>) -> Result<(Vec<u8>, Option<Element>), OpenError> {
        let missing = || OpenError::malformed("the type of the content is missing", element.start);
        let identifier = self.ber.child(element, element.body)?;
        let identifier = identifier.filter(|found| found.tag == OBJECT_IDENTIFIER).ok_or_else(missing)?;
        let octets = self.ber.contents(&identifier, MOST_IDENTIFIER)?;
        let at = self.ber.after(&identifier, parts)?;
        let Some(explicit) = self.ber.child(element, at)? else { return Ok((octets, None)) };
        if explicit.tag != EXPLICIT {
            return Err(OpenError::malformed("something else stands where the content should be", at));
        }
        let value = self.ber.child(&explicit, explicit.body)?;
        Ok((octets, value))
    }

    fn value(
        &mut self,
        identifier: &[u8],
        value: &Element,
        depth: usize,
        parts: &mut Parts<'_, '_>,
    ) -> Result<(), OpenError> {
        if value.is_octets() {
            return self.octets(identifier, value, parts);
        }
        if depth >= MOST_DEPTH {
            parts.incomplete(format!(
                "its messages are nested more than {MOST_DEPTH} deep, and only so many are opened"
            ));
            return Ok(());
        }
        let kind = ContentType::of(identifier);
        match kind {
            // 5.1: a set of digest algorithms stands before the content; RFC 2315, 9.1 as well.
            ContentType::Signed => self.encapsulated(value, 0, depth, parts),
            // 7 and 9.1: the first sequence is an algorithm.
            ContentType::Digested | ContentType::Authenticated => self.encapsulated(value, 1, depth, parts),
            ContentType::Compressed => self.compressed(value, parts),
            ContentType::WithAttributes => match self.sequence(value, 0, parts)? {
                Some(message) => self.message(&message, depth + 1, parts),
                None => Err(OpenError::malformed("there is no message in it", value.start)),
            },
            ContentType::Collection => {
                let mut at = value.body;
                while let Some(message) = self.ber.child(value, at)? {
                    parts.budget().check_time().map_err(OpenError::Limit)?;
                    self.message(&message, depth + 1, parts)?;
                    at = self.ber.after(&message, parts)?;
                }
                Ok(())
            }
            ContentType::Encrypted => {
                parts.lock("its content is encrypted for those who have a key, and is not opened");
                Ok(())
            }
            // RFC 2315, 7: any structure, such as a list of trusted hashes or what is signed of a program.
            ContentType::Data | ContentType::Other => {
                let end = self.ber.after(value, parts)?;
                let content = self.input.slice(value.start, end.saturating_sub(value.start));
                let mut member = member(parts);
                if end > self.input.len() {
                    member = member.incomplete("the message ends before it does");
                }
                let head = content.window(0, HEAD)?.into_owned();
                parts.add_content(described(member, &head, ContentType::Other), content)
            }
        }
    }

    /// The content of the sequence that has so many sequences before it.
    fn encapsulated(
        &mut self,
        value: &Element,
        before: usize,
        depth: usize,
        parts: &mut Parts<'_, '_>,
    ) -> Result<(), OpenError> {
        match self.sequence(value, before, parts)? {
            Some(content) => self.message(&content, depth + 1, parts),
            None => Err(OpenError::malformed("the content that it is about is missing", value.start)),
        }
    }

    /// The sequence among the elements of another one that has so many before it.
    fn sequence(
        &mut self,
        parent: &Element,
        mut before: usize,
        parts: &mut Parts<'_, '_>,
    ) -> Result<Option<Element>, OpenError> {
        let mut at = parent.body;
        while let Some(child) = self.ber.child(parent, at)? {
            parts.budget().check_time().map_err(OpenError::Limit)?;
            if child.tag == SEQUENCE {
                match before.checked_sub(1) {
                    Some(fewer) => before = fewer,
                    None => return Ok(Some(child)),
                }
            }
            at = self.ber.after(&child, parts)?;
        }
        Ok(None)
    }

    /// `CompressedData` (RFC 3274, 1.1).
    fn compressed(&mut self, value: &Element, parts: &mut Parts<'_, '_>) -> Result<(), OpenError> {
        let missing = |what: &str| OpenError::malformed(what, value.start);
        let algorithm = self.sequence(value, 0, parts)?.ok_or_else(|| missing("the algorithm is missing"))?;
        let named = self.ber.child(&algorithm, algorithm.body)?.ok_or_else(|| missing("the algorithm is missing"))?;
        if self.ber.contents(&named, MOST_IDENTIFIER)? != ZLIB {
            return Err(OpenError::unsupported("a message that is compressed with something else than zlib"));
        }
        let content = self.sequence(value, 1, parts)?.ok_or_else(|| missing("the compressed content is missing"))?;
        let (identifier, octets) = self.typed(&content, parts)?;
        let Some(octets) = octets else { return Ok(()) };
        if !octets.is_octets() {
            return Err(OpenError::malformed("the compressed content is no octet string", octets.start));
        }
        let octets = Octets::new(self.input, &octets, parts.budget().for_decoder());
        let mut stream = flate2::bufread::ZlibDecoder::new(BufReader::new(octets));
        hand_over(&identifier, &mut stream, parts)?;
        // What follows the stream is known only once it was read to its end.
        if matches!(stream.read(&mut [0]), Ok(0)) {
            let mut rest = stream.into_inner();
            if !rest.fill_buf()?.is_empty() {
                parts.add(Member::unnamed(Role::Appended, "after-stream"), &mut rest)?;
            }
        }
        Ok(())
    }

    /// Content in an octet string, which needs no copy where it is whole.
    fn octets(&mut self, identifier: &[u8], value: &Element, parts: &mut Parts<'_, '_>) -> Result<(), OpenError> {
        let whole = value.end.filter(|_| value.tag == ber::OCTETS);
        let content = whole.map(|end| (self.input.slice(value.body, end.saturating_sub(value.body)), end));
        let kind = ContentType::of(identifier);
        if let Some((content, end)) = content.filter(|_| !kind.is_message()) {
            if content.is_empty() && end <= self.input.len() {
                return Ok(());
            }
            let mut member = member(parts);
            if end > self.input.len() {
                member = member.incomplete("the message ends before it does");
            }
            let head = content.window(0, HEAD)?.into_owned();
            return parts.add_content(described(member, &head, kind), content);
        }
        hand_over(identifier, &mut Octets::new(self.input, value, parts.budget().for_decoder()), parts)
    }
}
