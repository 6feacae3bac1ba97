//! RPM packages (RPM file format, versions 3 and 4): the headers' scripts and the compressed payload.

use super::Format;
use super::bytes::{array, until_nul};
use crate::{Content, Member, OpenError, Parts};
use lazaret_model::Role;
use std::collections::HashMap;

/// The opener.
pub struct Rpm;

/// Bytes of one header structure that are read.
const MOST_HEADER: u64 = if cfg!(test) { 1 << 20 } else { 64 << 20 };
/// Tags of scripts that run when a package is installed or removed.
/// The second tag names the program that runs it.
const SCRIPTS: &[(u32, u32, &str)] = &[
    (1023, 1085, "pre-install"),
    (1024, 1086, "post-install"),
    (1025, 1087, "pre-uninstall"),
    (1026, 1088, "post-uninstall"),
    (1079, 1091, "verify"),
    (1151, 1153, "pre-transaction"),
    (1152, 1154, "post-transaction"),
];

impl Format for Rpm {
    fn id(&self) -> &'static str {
        "rpm"
    }

    fn kinds(&self) -> &'static [&'static str] {
        &["rpm"]
    }

    fn summary(&self) -> &'static str {
        "scripts and payload; triggers are not told apart"
    }

    fn open(&self, input: &Content, parts: &mut Parts<'_, '_>) -> Result<(), OpenError> {
        // The lead has 96 bytes; the signature header is padded to 8.
        let signature = header_length(input, 96)?;
        let main_at = 96 + signature.next_multiple_of(8);
        let main_len = header_length(input, main_at)?;
        if main_len > MOST_HEADER {
            parts.incomplete(format!(
                "its header has more than {MOST_HEADER} bytes, and the scripts in it are not read"
            ));
        } else {
            let header = input.window(main_at, usize::try_from(main_len).unwrap_or(0))?.into_owned();
            scripts(&header, parts)?;
        }
        let payload_at = main_at + main_len;
        if payload_at >= input.len() {
            return Err(OpenError::malformed("the payload is missing", payload_at));
        }
        parts.add_content(Member::unnamed(Role::Stream, "payload"), input.slice(payload_at, u64::MAX))
    }
}

/// The scripts in the main header.
fn scripts(header: &[u8], parts: &mut Parts<'_, '_>) -> Result<(), OpenError> {
    let count = array(header, 8).map_or(0, u32::from_be_bytes) as usize;
    let data_at = 16 + count * 16;
    let entry = |at: usize, n: usize| array(header, 16 + at * 16 + n * 4).map_or(0, u32::from_be_bytes);
    let data = |at: usize| header.get(data_at.saturating_add(entry(at, 2) as usize)..).unwrap_or_default();
    let mut programs: HashMap<u32, usize> = HashMap::new();
    for at in (0..count).filter(|at| SCRIPTS.iter().any(|(_, program, _)| *program == entry(*at, 0))) {
        programs.entry(entry(at, 0)).or_insert(at);
    }
    for at in 0..count {
        let Some((_, program, name)) = SCRIPTS.iter().find(|(tag, ..)| *tag == entry(at, 0)) else { continue };
        let program = programs.get(program).map(|at| until_nul(data(*at)));
        // Without a program named, rpm runs `/bin/sh`.
        let shell = program.is_none_or(|program| program.is_empty() || program.ends_with(b"sh"));
        // A type of 8 or 9 is a list of texts.
        let texts = if matches!(entry(at, 1), 8 | 9) { entry(at, 3).max(1) as usize } else { 1 };
        for text in data(at).split(|byte| *byte == 0).take(texts) {
            let member = Member::unnamed(Role::Script, *name);
            parts.add_content(if shell { member.of_kind("sh") } else { member }, Content::from(text))?;
        }
    }
    Ok(())
}

fn header_length(input: &Content, at: u64) -> Result<u64, OpenError> {
    let head = input.window(at, 16)?;
    let (Some([0x8e, 0xad, 0xe8, _]), Some(count), Some(bytes)) =
        (array::<4>(&head, 0), array(&head, 8).map(u32::from_be_bytes), array(&head, 12).map(u32::from_be_bytes))
    else {
        return Err(OpenError::malformed("a header structure is missing", at));
    };
    let length = 16 + u64::from(count) * 16 + u64::from(bytes);
    if at + length > input.len() {
        return Err(OpenError::malformed("a header structure has an impossible length", at));
    }
    Ok(length)
}

#[cfg(test)]
mod tests {
    use crate::testing::walk_with;
    use lazaret_model::Limits;

    /// A package whose main header has these tags, of a type, with an offset and a count, and this data.
    fn package(entries: &[[u32; 4]], data: &[u8]) -> Vec<u8> {
        let head = |entries: &[[u32; 4]], data: &[u8]| {
            let mut out = vec![0x8e, 0xad, 0xe8, 1, 0, 0, 0, 0];
            out.extend((entries.len() as u32).to_be_bytes());
            out.extend((data.len() as u32).to_be_bytes());
            out.extend(entries.iter().flatten().flat_map(|field| field.to_be_bytes()));
            out.extend(data);
            out
        };
        let mut bytes = vec![0xed, 0xab, 0xee, 0xdb];
        bytes.resize(96, 0);
        bytes.extend(head(&[], b"sig"));
        bytes.resize(bytes.len().next_multiple_of(8), 0);
        bytes.extend(head(entries, data));
        bytes.extend(b"PAYLOAD");
        bytes
    }

    #[test]
    fn scripts_and_payload_are_parts() {
        let bytes = package(&[[1000, 6, 0, 1], [1024, 6, 5, 1]], b"name\0echo LAZARET-MARKER\0");
        let recorded = walk_with(bytes.clone(), "x.rpm", Some("rpm"), &[], Limits::default());
        assert_eq!(recorded.bytes("//post-install"), b"echo LAZARET-MARKER");
        assert_eq!(recorded.bytes("//payload"), b"PAYLOAD");
        for cut in 0..bytes.len() - 7 {
            assert!(!walk_with(bytes[..cut].to_vec(), "x", Some("rpm"), &[], Limits::default()).complete());
        }
    }

    #[test]
    fn every_text_of_a_list_is_read_and_a_large_header_is_said() {
        let bytes = package(&[[1086, 8, 0, 1], [1024, 8, 8, 2]], b"/bin/sh\0true\0echo LAZARET\0");
        let recorded = walk_with(bytes, "x.rpm", Some("rpm"), &[], Limits::default());
        assert_eq!(recorded.bytes("//post-install#2"), b"echo LAZARET");
        assert_eq!(recorded.part("//post-install#2").kind.id, "sh");
        let bytes = package(&[[1024, 6, 0, 1]], &b"x".repeat(super::MOST_HEADER as usize));
        let recorded = walk_with(bytes, "x.rpm", Some("rpm"), &[], Limits::default());
        assert!(recorded.parts[0].incomplete[0].contains("1048576 bytes"));
        assert_eq!(recorded.bytes("//payload"), b"PAYLOAD");
    }
}
