//! OneNote sections (MS-ONESTORE): the files embedded in them.

use crate::{Content, Format, Member, OpenError, Parts};
use lazaret_model::Role;
use std::collections::HashSet;

/// Bytes of a section that are searched.
const MOST: u64 = 256 << 20;
/// MS-ONESTORE 2.6.13, FileDataStoreObject: {BDE316E7-2665-4511-A4C4-8D4D0B7A9EAC}.
const HEADER: &[u8; 16] = b"\xe7\x16\xe3\xbd\x65\x26\x11\x45\xa4\xc4\x8d\x4d\x0b\x7a\x9e\xac";
/// Bytes from the header to the data: the header, a length, four unused and eight reserved.
const BEFORE_DATA: u64 = 36;

/// Opens OneNote sections.
pub(super) struct OneNote;

impl Format for OneNote {
    fn id(&self) -> &'static str {
        "onenote"
    }

    fn kinds(&self) -> &'static [&'static str] {
        &["one", "onetoc2"]
    }

    fn summary(&self) -> &'static str {
        "embedded files, with the names that stand in the section in the same order"
    }

    fn open(&self, input: &Content, parts: &mut Parts<'_, '_>) -> Result<(), OpenError> {
        let bytes = super::text_of(input, MOST, parts)?;
        let found: Vec<usize> = memchr::memmem::find_iter(&bytes, HEADER).collect();
        let names = names(&bytes);
        for (index, at) in found.iter().enumerate() {
            parts.budget().check_time().map_err(OpenError::Limit)?;
            let Some(len) = super::u64_at(&bytes, at + 16) else {
                parts.incomplete("an embedded file ends early");
                break;
            };
            let start = *at as u64 + BEFORE_DATA;
            let data = input.slice(start, len);
            // Pictures of the page are embedded like files; only files have names, so names match only when they are as many.
            let mut member = match names.get(index).filter(|_| names.len() == found.len()) {
                Some(name) => Member::named(Role::Embedded, name.clone()),
                None => Member::unnamed(Role::Embedded, format!("file-{}", index + 1)),
            };
            if data.len() < len {
                member = member.incomplete("the section ends inside it");
            }
            parts.add_content(member, data)?;
        }
        Ok(())
    }
}

/// File names kept beside embedded files: `EmbeddedFileName`, as UTF-16 with its length before it.
fn names(bytes: &[u8]) -> Vec<String> {
    let mut names: Vec<String> = Vec::new();
    let mut known: HashSet<String> = HashSet::new();
    let mut run: Vec<u16> = Vec::new();
    for pair in bytes.as_chunks::<2>().0 {
        let unit = u16::from_le_bytes(*pair);
        if (32..0xd800).contains(&unit) && run.len() < 260 {
            run.push(unit);
            continue;
        }
        if run.len() > 3 {
            let text = String::from_utf16_lossy(&run);
            let extension = text.rsplit_once('.').map(|(_, e)| e.len());
            if extension.is_some_and(|len| (1..=5).contains(&len))
                && !text.contains(['\\', '/', ':'])
                && known.insert(text.clone())
            {
                names.push(text);
            }
        }
        run.clear();
    }
    names
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::walk;

    fn section(files: &[&[u8]]) -> Vec<u8> {
        let mut out = b"\xe4\x52\x5c\x7b\x8c\xd8\xa7\x4d\xae\xb1\x53\x78\xd0\x29\x96\xd3".to_vec();
        out.extend([0; 64]);
        for file in files {
            out.extend(HEADER.iter().chain(&(file.len() as u64).to_le_bytes()).chain(&[0; 12]).chain(*file));
            out.extend([0; 16]);
        }
        out
    }

    #[test]
    fn embedded_files_are_parts() {
        let found = walk(section(&[b"@echo off\r\necho LAZARET\r\n", b"LAZARET-TWO"]), "x.one");
        assert_eq!(found.part("//file-1").kind.id, "bat");
        assert_eq!(found.bytes("//file-2"), b"LAZARET-TWO");
        assert!(found.complete());
    }

    #[test]
    fn lengths_that_lie_are_seen() {
        let mut bytes = section(&[b"LAZARET"]);
        let at = memchr::memmem::find(&bytes, HEADER).unwrap();
        bytes[at + 16..at + 24].copy_from_slice(&u64::MAX.to_le_bytes());
        let found = walk(bytes, "x.one");
        assert!(found.contains(b"LAZARET") && !found.complete());
        let cut = section(&[b"LAZARET"]);
        assert!(!walk(&cut[..at + 18], "x.one").complete());
    }
}
