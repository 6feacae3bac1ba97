//! What is inside a message: how it is called, what it is, and how it is handed over.

use super::ber::{OBJECT_IDENTIFIER, SEQUENCE};
use super::{ContentType, EXPLICIT, is_message};
use crate::containers::streams;
use crate::{Member, OpenError, Parts};
use lazaret_model::Role;
use std::io::Read;

/// Bytes of content by which it is told what it is.
pub(super) const HEAD: usize = 64 << 10;
/// The end marks of the elements that `wrapped` begins.
const END_MARKS: [u8; 4] = [0; 4];

/// Hands over content that has to be gathered or decoded.
pub(super) fn hand_over(identifier: &[u8], data: &mut dyn Read, parts: &mut Parts<'_, '_>) -> Result<(), OpenError> {
    let mut head = Vec::new();
    let mut member = member(parts);
    let kind = ContentType::of(identifier);
    if let Err(error) = (&mut *data).take(HEAD as u64).read_to_end(&mut head) {
        member = member.incomplete(format!("it ends early or is damaged: {error}"));
        return parts.add(described(member, &head, kind), &mut head.as_slice());
    }
    if head.is_empty() {
        return Ok(());
    }
    if kind.is_message() && !is_message(&head) {
        // 5.2: the content is the value alone; a message is the value with its type.
        let before = wrapped(identifier);
        let whole = before.as_slice().chain(head.as_slice()).chain(data);
        return parts.add(member.of_kind("pkcs7"), &mut whole.chain(END_MARKS.as_slice()));
    }
    parts.add(described(member, &head, kind), &mut head.as_slice().chain(data))
}

/// The beginning of a message whose value follows, in lengths that end marks tell.
fn wrapped(identifier: &[u8]) -> Vec<u8> {
    let length = u8::try_from(identifier.len()).unwrap_or_default();
    [&[SEQUENCE, 0x80, OBJECT_IDENTIFIER, length][..], identifier, &[EXPLICIT, 0x80]].concat()
}

/// What is inside is called as the message without what says that it is one: `invoice.xml.p7m` holds `invoice.xml`.
pub(super) fn member(parts: &Parts<'_, '_>) -> Member {
    let name = streams::stem(&parts.part().name, &[".p7m", ".p7s", ".p7z", ".p7c", ".p7b", ".p7", ".cms", ".tsd"]);
    Member::unnamed(Role::Stream, name)
}

/// Says what content is where its own bytes do not.
pub(super) fn described(member: Member, head: &[u8], kind: ContentType) -> Member {
    if is_entity(head) {
        return member.of_kind("eml");
    }
    // Trusted hashes, times, receipts: a structure that only whoever checks the signature reads.
    let structure = kind == ContentType::Other && head.first() == Some(&SEQUENCE);
    if structure && crate::identify_head(head).kind.is_unknown() { member.of_kind("der") } else { member }
}

/// Whether content is a MIME entity, which S/MIME signs (RFC 8551, 3.1): a header that has a field of such entities and may have
/// no other, so that it does not look like a mail.
fn is_entity(head: &[u8]) -> bool {
    let mut told = false;
    for line in head.trim_ascii_start().split(|byte| *byte == b'\n') {
        if line.trim_ascii().is_empty() {
            break;
        }
        if line.first().is_some_and(|byte| matches!(byte, b' ' | b'\t')) {
            continue;
        }
        let colon = memchr::memchr(b':', line).unwrap_or(0);
        let name = line.get(..colon).unwrap_or_default().trim_ascii_end();
        if !name.is_empty() && name.iter().all(u8::is_ascii_graphic) {
            told |= name.get(..8).is_some_and(|start| start.eq_ignore_ascii_case(b"content-"));
            told |= name.eq_ignore_ascii_case(b"mime-version");
        }
    }
    told
}
