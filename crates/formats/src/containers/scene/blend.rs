//! Blender files (`doc/blender_file_format` and `BLO_core_bhead.hh` of Blender): blocks, each with a code. A text is a block `TX`, and
//! its lines are blocks `DATA` behind it, those of the first structure, which is none.

use crate::{Content, Member, OpenError, Parts};
use lazaret_model::Role;
use std::io::{Read, Seek, SeekFrom};

/// Bytes of a line; what is longer is no line of a text.
const MOST_LINE: u64 = 1 << 20;

/// How numbers are written in blocks.
#[derive(Clone, Copy)]
struct Layout {
    little: bool,
    form: Form,
}

/// The order of a block's fields.
#[derive(Clone, Copy)]
enum Form {
    /// Code, length, address of four bytes, structure, count.
    Narrow,
    /// The same with an address of eight bytes.
    Wide,
    /// Since Blender 5: code, structure, address, length and count of eight bytes.
    Large,
}

impl Layout {
    /// The layout, and where the first block stands.
    fn of(head: &[u8]) -> Option<(Self, u64)> {
        match head.strip_prefix(b"BLENDER")? {
            [pointer @ (b'_' | b'-'), order @ (b'v' | b'V'), ..] => {
                let form = if *pointer == b'_' { Form::Narrow } else { Form::Wide };
                Some((Self { little: *order == b'v', form }, 12))
            }
            // The header's own length in two digits; the order is always the same.
            [tens @ b'0'..=b'9', ones @ b'0'..=b'9', b'-', ..] => {
                let length = u64::from(tens - b'0') * 10 + u64::from(ones - b'0');
                Some((Self { little: true, form: Form::Large }, length))
            }
            _ => None,
        }
    }

    const fn size(self) -> u64 {
        match self.form {
            Form::Narrow => 20,
            Form::Wide => 24,
            Form::Large => 32,
        }
    }

    fn number(self, bytes: Option<&[u8]>) -> Option<u64> {
        let bytes = bytes?;
        let join = |number: u64, byte: &u8| number << 8 | u64::from(*byte);
        Some(if self.little { bytes.iter().rev().fold(0, join) } else { bytes.iter().fold(0, join) })
    }

    /// Length and structure of a block.
    fn fields(self, head: &[u8]) -> Option<(u64, u64)> {
        let (length, structure) = match self.form {
            Form::Narrow => (head.get(4..8), head.get(12..16)),
            Form::Wide => (head.get(4..8), head.get(16..20)),
            Form::Large => (head.get(16..24), head.get(4..8)),
        };
        Some((self.number(length)?, self.number(structure)?))
    }
}

pub(super) fn open(input: &Content, parts: &mut Parts<'_, '_>) -> Result<(), OpenError> {
    let head = input.window(0, 32)?.into_owned();
    let Some((layout, mut at)) = Layout::of(&head) else {
        return Err(OpenError::malformed("its header is of no version that is known", 0));
    };
    let mut reader = input.reader();
    let mut text: Option<String> = None;
    loop {
        parts.budget().check_time().map_err(OpenError::Limit)?;
        reader.seek(SeekFrom::Start(at))?;
        let mut head = Vec::new();
        reader.by_ref().take(layout.size()).read_to_end(&mut head)?;
        let code = head.get(..4).unwrap_or_default();
        // Lines belong to the text before them.
        if code != b"DATA" {
            hand_over(text.take(), parts)?;
        }
        if code == b"ENDB" {
            return Ok(());
        }
        let Some((length, structure)) = layout.fields(&head) else {
            return Err(OpenError::malformed("its blocks end early", at));
        };
        let start = at.saturating_add(layout.size());
        let Some(next) = start.checked_add(length).filter(|next| *next <= input.len()) else {
            return Err(OpenError::malformed("a block ends behind the end", at));
        };
        if code == b"TX\0\0" {
            text = Some(String::new());
        } else if let Some(text) = text.as_mut().filter(|_| structure == 0) {
            if length > MOST_LINE {
                parts.incomplete(format!("a line of a text in it is longer than {MOST_LINE} bytes"));
            }
            let line = input.window(start, usize::try_from(length.min(MOST_LINE)).unwrap_or(0))?;
            text.push_str(&String::from_utf8_lossy(crate::containers::bytes::until_nul(&line)));
            text.push('\n');
        }
        at = next;
    }
}

fn hand_over(text: Option<String>, parts: &mut Parts<'_, '_>) -> Result<(), OpenError> {
    match text.filter(|text| !text.trim().is_empty()) {
        Some(text) => {
            let member = Member::unnamed(Role::Script, "text").of_kind("py");
            parts.add_content(member, Content::from(text.into_bytes()))
        }
        None => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use crate::testing::{Recorded, walk_with};
    use lazaret_model::{Limits, Role};

    fn check(bytes: Vec<u8>) -> Recorded {
        walk_with(bytes, "scene.blend", Some("blend"), &[], Limits::default())
    }

    /// Blocks of the wide form: code, structure, content.
    fn wide(blocks: &[(&[u8; 4], u32, &[u8])]) -> Vec<u8> {
        let mut out = b"BLENDER-v402".to_vec();
        for (code, structure, content) in blocks {
            out.extend(*code);
            out.extend((content.len() as u32).to_le_bytes());
            out.extend([1; 8]);
            out.extend(structure.to_le_bytes());
            out.extend(1_u32.to_le_bytes());
            out.extend(*content);
        }
        out
    }

    fn large(blocks: &[(&[u8; 4], u32, &[u8])]) -> Vec<u8> {
        let mut out = b"BLENDER17-01v0500".to_vec();
        for (code, structure, content) in blocks {
            out.extend(*code);
            out.extend(structure.to_le_bytes());
            out.extend([1; 8]);
            out.extend((content.len() as u64).to_le_bytes());
            out.extend(1_u64.to_le_bytes());
            out.extend(*content);
        }
        out
    }

    #[test]
    fn texts_are_scripts() {
        let blocks: &[(&[u8; 4], u32, &[u8])] = &[
            (b"OB\0\0", 7, b"an object"),
            (b"DATA", 0, b"no line\0"),
            (b"TX\0\0", 9, b"ID"),
            (b"DATA", 8, b"a structure"),
            (b"DATA", 0, b"import os\0"),
            (b"DATA", 0, b"print('LAZARET')\0"),
            (b"ENDB", 0, b""),
        ];
        for bytes in [wide(blocks), large(blocks)] {
            let found = check(bytes);
            assert_eq!(found.bytes("//text"), b"import os\nprint('LAZARET')\n");
            assert!(found.complete() && found.part("//text").role == Role::Script);
        }
    }

    #[test]
    fn scenes_without_texts_are_complete_and_cut_ones_are_not() {
        let blocks: &[(&[u8; 4], u32, &[u8])] = &[(b"OB\0\0", 7, b"an object"), (b"ENDB", 0, b"")];
        let whole = wide(blocks);
        let found = check(whole.clone());
        assert!(found.parts.len() == 1 && found.complete());
        assert!(!check(whole[..30].to_vec()).complete());
        assert!(!check(b"BLENDER?".to_vec()).complete());
    }
}
