//! Matroska and WebM (RFC 9559, EBML: RFC 8794): files attached to a film.
//!
//! Only what leads to attachments is followed; pictures and sound are passed over. An element of unknown size is gone into, since
//! what it holds says where it ends.

use crate::{Content, ContentReader, Format, Member, OpenError, Parts};
use lazaret_model::Role;
use std::io::{Read, Seek, SeekFrom};

/// Bytes of a name that are read.
const MOST_NAME: u64 = 4096;
/// Files of one element, which has one by the rules.
const MOST_DATA: usize = 64;
/// Bytes looked through at a time for attachments behind what is no element.
const CHUNK: u64 = 1 << 20;

/// RFC 9559, 5.1: the elements that matter.
const SEGMENT: u32 = 0x1853_8067;
const CLUSTER: u32 = 0x1f43_b675;
const ATTACHMENTS: u32 = 0x1941_a469;
const ATTACHED_FILE: u32 = 0x61a7;
const FILE_NAME: u32 = 0x466e;
const FILE_MEDIA_TYPE: u32 = 0x4660;
const FILE_DATA: u32 = 0x465c;
/// What else an attached file has: description, number, referral and its times; padding and checksums, which stand anywhere.
const BESIDE: &[u32] = &[0x467e, 0x46ae, 0x4675, 0x4661, 0x4662, 0xec, 0xbf];

/// Opens films.
pub(super) struct Matroska;

impl Format for Matroska {
    fn id(&self) -> &'static str {
        "matroska"
    }

    fn kinds(&self) -> &'static [&'static str] {
        &["matroska"]
    }

    fn summary(&self) -> &'static str {
        "files attached to Matroska and WebM films"
    }

    fn open(&self, input: &Content, parts: &mut Parts<'_, '_>) -> Result<(), OpenError> {
        let mut reader = input.reader();
        let mut file = File::default();
        let (mut at, mut steps) = (0_u64, 0_u32);
        while at < input.len() {
            steps = steps.wrapping_add(1);
            if steps.is_multiple_of(256) {
                parts.budget().check_time().map_err(OpenError::Limit)?;
            }
            let Some(element) = Element::read(&mut reader, at)? else {
                // No element: whoever repairs such films goes on at the next one that is known.
                let Some(next) = next_attachments(input, at.saturating_add(1), parts)? else { break };
                at = next;
                continue;
            };
            if !BESIDE.contains(&element.id) && ![FILE_NAME, FILE_MEDIA_TYPE, FILE_DATA].contains(&element.id) {
                file.hand_over(input, parts)?;
            }
            if matches!(element.id, ATTACHMENTS | ATTACHED_FILE)
                && element.size.is_some_and(|size| element.start.saturating_add(size) > input.len())
            {
                parts.incomplete("what is attached to it ends early");
            }
            at = match (element.id, element.size) {
                (SEGMENT | ATTACHMENTS | ATTACHED_FILE, _) | (CLUSTER, None) => element.start,
                (FILE_DATA, size) => {
                    let size = size.unwrap_or_else(|| {
                        parts.incomplete("an attached file does not say how long it is");
                        u64::MAX
                    });
                    if file.data.len() < MOST_DATA {
                        file.data.push((element.start, size));
                    } else {
                        parts.incomplete(format!(
                            "an attachment has more than {MOST_DATA} files, and only so many are looked at"
                        ));
                    }
                    element.start.saturating_add(size)
                }
                (FILE_NAME, Some(size)) => {
                    file.name = text(input, element.start, size, parts)?;
                    element.start.saturating_add(size)
                }
                (FILE_MEDIA_TYPE, Some(size)) => {
                    file.media_type = text(input, element.start, size, parts)?;
                    element.start.saturating_add(size)
                }
                (_, Some(size)) => element.start.saturating_add(size),
                // Others hold elements too, if they do not say how long they are.
                (_, None) => element.start,
            };
        }
        file.hand_over(input, parts)
    }
}

/// An element's head.
struct Element {
    id: u32,
    /// Where its content starts.
    start: u64,
    /// How long it is; none where that is unknown.
    size: Option<u64>,
}

impl Element {
    /// The element at a place; none where there is none.
    fn read(reader: &mut ContentReader, at: u64) -> Result<Option<Self>, OpenError> {
        reader.seek(SeekFrom::Start(at))?;
        let mut head = Vec::with_capacity(12);
        reader.by_ref().take(12).read_to_end(&mut head)?;
        // RFC 8794, 4: as many zero bits as there are further bytes, then a one, which belongs to the id.
        let Some(first) = head.first() else { return Ok(None) };
        let id_len = first.leading_zeros() as usize + 1;
        let Some(id) = head.get(..id_len).filter(|_| id_len <= 4) else { return Ok(None) };
        let id = id.iter().fold(0_u32, |id, byte| id << 8 | u32::from(*byte));
        let Some(second) = head.get(id_len) else { return Ok(None) };
        let size_len = second.leading_zeros() as usize + 1;
        let bytes = id_len.checked_add(size_len).and_then(|end| head.get(id_len..end)).filter(|_| size_len <= 8);
        let Some(bytes) = bytes else { return Ok(None) };
        let all = bytes.iter().fold(0_u64, |size, byte| size << 8 | u64::from(*byte));
        // The marker is bit 7 of each of so many bytes; the rest are all ones where the size is unknown.
        let mask = (1_u64 << (7 * size_len)) - 1;
        let size = all & mask;
        let start = at.saturating_add((id_len + size_len) as u64);
        Ok(Some(Self { id, start, size: (size != mask).then_some(size) }))
    }
}

/// Where the next attachments begin.
fn next_attachments(input: &Content, from: u64, parts: &mut Parts<'_, '_>) -> Result<Option<u64>, OpenError> {
    let finder = memchr::memmem::Finder::new(b"\x19\x41\xa4\x69");
    let mut at = from;
    // They may stand close to each other: little is read at first.
    let mut length = 4_u64 << 10;
    while at < input.len() {
        let window = input.window(at, length as usize + 3)?;
        parts.budget().step(64 + window.len() as u64).map_err(OpenError::Limit)?;
        if let Some(found) = finder.find(&window) {
            return Ok(Some(at.saturating_add(found as u64)));
        }
        at = at.saturating_add(length);
        // LIMIT: the next window.
        length = length.saturating_mul(2).min(CHUNK);
    }
    Ok(None)
}

fn text(input: &Content, at: u64, size: u64, parts: &mut Parts<'_, '_>) -> Result<String, OpenError> {
    if size > MOST_NAME {
        parts.incomplete(format!("the name of an attachment is longer than {MOST_NAME} bytes"));
    }
    let bytes = input.window(at, usize::try_from(size.min(MOST_NAME)).unwrap_or(0))?;
    if (bytes.len() as u64) < size.min(MOST_NAME) {
        parts.incomplete("what is attached to it ends early");
    }
    Ok(String::from_utf8_lossy(super::bytes::until_nul(&bytes)).into_owned())
}

/// A file as far as it was read.
#[derive(Default)]
struct File {
    name: String,
    media_type: String,
    /// Where its bytes start and how many there are.
    data: Vec<(u64, u64)>,
}

impl File {
    fn hand_over(&mut self, input: &Content, parts: &mut Parts<'_, '_>) -> Result<(), OpenError> {
        let file = std::mem::take(self);
        for (at, size) in file.data {
            let mut member = match &*file.name {
                "" => Member::unnamed(Role::Attachment, "attachment"),
                name => Member::named(Role::Attachment, name),
            };
            if file.media_type.contains('/') {
                member = member.declared(file.media_type.clone());
            }
            let content = input.slice(at, size);
            if content.len() < size {
                member = member.incomplete("it ends early");
            }
            parts.add_content(member, content)?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use crate::testing::{Recorded, walk_with};
    use lazaret_model::{Limits, Role};

    fn check(bytes: Vec<u8>) -> Recorded {
        walk_with(bytes, "film.mkv", Some("matroska"), &[], Limits::default())
    }

    fn element(id: u32, content: &[u8]) -> Vec<u8> {
        let id = id.to_be_bytes();
        let id = &id[id.iter().take_while(|byte| **byte == 0).count()..];
        [id, &(1 << 56 | content.len() as u64).to_be_bytes(), content].concat()
    }

    /// Elements of which the size is not said.
    fn open_ended(id: u32, content: &[u8]) -> Vec<u8> {
        [&id.to_be_bytes()[..], b"\x01\xff\xff\xff\xff\xff\xff\xff", content].concat()
    }

    fn attachments(name: &str, data: &[u8]) -> Vec<u8> {
        let fields = [
            element(super::FILE_DATA, data),
            element(super::FILE_NAME, name.as_bytes()),
            element(super::FILE_MEDIA_TYPE, b"text/plain"),
        ];
        element(super::ATTACHMENTS, &element(super::ATTACHED_FILE, &fields.concat()))
    }

    #[test]
    fn attached_files_are_parts() {
        let header = element(0x1a45_dfa3, b"");
        let block = element(0xa3, b"\x81\0\0\x80");
        let files = [attachments("a.txt", b"LAZARET"), attachments("b.txt", b"second")].concat();
        for segment in [
            element(super::SEGMENT, &files),
            open_ended(super::SEGMENT, &files),
            open_ended(super::SEGMENT, &[open_ended(super::CLUSTER, &block), files.clone()].concat()),
            element(
                super::SEGMENT,
                &[element(super::CLUSTER, &block), b"\0\0 no element ".to_vec(), files.clone()].concat(),
            ),
        ] {
            let found = check([header.clone(), segment].concat());
            assert_eq!(found.bytes("//a.txt"), b"LAZARET");
            assert_eq!(found.bytes("//b.txt"), b"second");
            let part = found.part("//a.txt");
            assert_eq!((part.role, part.declared_type.as_deref()), (Role::Attachment, Some("text/plain")));
            assert!(found.complete());
        }
    }

    #[test]
    fn films_without_attachments_are_complete_and_cut_attachments_are_not() {
        let film = element(super::SEGMENT, &element(super::CLUSTER, &element(0xa3, &[0; 100])));
        assert!(check(film[..80].to_vec()).complete());
        let whole = element(super::SEGMENT, &attachments("a.txt", b"LAZARET"));
        let cut = check(whole[..whole.len() / 2 + 8].to_vec());
        assert!(cut.parts.len() == 1 || !cut.complete());
    }
}
