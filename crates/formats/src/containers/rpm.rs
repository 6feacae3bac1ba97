//! RPM packages (RPM file format, versions 3 and 4): the headers' scripts and the compressed payload.

use super::Format;
use super::bytes::{array, until_nul};
use crate::{Content, Member, OpenError, Parts};
use lazaret_model::Role;

/// The opener.
pub struct Rpm;

/// Bytes of one header structure that are read.
const MOST_HEADER: u64 = 32 << 20;
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
        let header = input.window(main_at, usize::try_from(main_len).unwrap_or(0))?.into_owned();
        let count = array(&header, 8).map_or(0, u32::from_be_bytes) as usize;
        let data_at = 16 + count * 16;
        for index in 0..count {
            let field = |n: usize| array(&header, 16 + index * 16 + n * 4).map_or(0, u32::from_be_bytes);
            let Some((_, program, name)) = SCRIPTS.iter().find(|(tag, ..)| *tag == field(0)) else { continue };
            let text_of = |place: u32| header.get(data_at.saturating_add(place as usize)..).map(until_nul);
            let text = text_of(field(2)).unwrap_or_default();
            let entry = |at: usize, n: usize| array(&header, 16 + at * 16 + n * 4).map_or(0, u32::from_be_bytes);
            let program = (0..count).find(|at| entry(*at, 0) == *program).and_then(|at| text_of(entry(at, 2)));
            // Without a program named, rpm runs `/bin/sh`.
            let shell = program.is_none_or(|program| program.is_empty() || program.ends_with(b"sh"));
            let member = Member::unnamed(Role::Script, *name);
            parts.add_content(if shell { member.of_kind("sh") } else { member }, Content::from(text))?;
        }
        let payload_at = main_at + main_len;
        if payload_at >= input.len() {
            return Err(OpenError::malformed("the payload is missing", payload_at));
        }
        parts.add_content(Member::unnamed(Role::Stream, "payload"), input.slice(payload_at, u64::MAX))
    }
}

fn header_length(input: &Content, at: u64) -> Result<u64, OpenError> {
    let head = input.window(at, 16)?;
    let (Some([0x8e, 0xad, 0xe8, _]), Some(count), Some(bytes)) =
        (array::<4>(&head, 0), array(&head, 8).map(u32::from_be_bytes), array(&head, 12).map(u32::from_be_bytes))
    else {
        return Err(OpenError::malformed("a header structure is missing", at));
    };
    let length = 16 + u64::from(count) * 16 + u64::from(bytes);
    if length > MOST_HEADER || at + length > input.len() {
        return Err(OpenError::malformed("a header structure has an impossible length", at));
    }
    Ok(length)
}

#[cfg(test)]
mod tests {
    use crate::testing::walk_with;
    use lazaret_model::Limits;

    #[test]
    fn scripts_and_payload_are_parts() {
        let head = |entries: &[(u32, u32)], data: &[u8]| {
            let mut out = vec![0x8e, 0xad, 0xe8, 1, 0, 0, 0, 0];
            out.extend((entries.len() as u32).to_be_bytes());
            out.extend((data.len() as u32).to_be_bytes());
            for (tag, offset) in entries {
                for field in [*tag, 6, *offset, 1] {
                    out.extend(field.to_be_bytes());
                }
            }
            out.extend(data);
            out
        };
        let mut bytes = vec![0xed, 0xab, 0xee, 0xdb];
        bytes.resize(96, 0);
        bytes.extend(head(&[], b"sig"));
        bytes.resize(bytes.len().next_multiple_of(8), 0);
        bytes.extend(head(&[(1000, 0), (1024, 5)], b"name\0echo LAZARET-MARKER\0"));
        bytes.extend(b"PAYLOAD");
        let recorded = walk_with(bytes.clone(), "x.rpm", Some("rpm"), &[], Limits::default());
        assert_eq!(recorded.bytes("//post-install"), b"echo LAZARET-MARKER");
        assert_eq!(recorded.bytes("//payload"), b"PAYLOAD");
        for cut in 0..bytes.len() - 7 {
            assert!(!walk_with(bytes[..cut].to_vec(), "x", Some("rpm"), &[], Limits::default()).complete());
        }
    }
}
