//! AppleSingle (RFC 1740, appendix A): one file with what macOS keeps of it, both forks and its name.

use super::bytes::utf8_or_cp437;
use super::{Format, padding};
use crate::{Content, Member, OpenError, Parts};
use lazaret_model::Role;
use std::collections::HashSet;

/// The opener.
pub(super) struct AppleSingle;

/// Bytes of the header: a mark, a version, sixteen without a meaning, and how many entries there are.
const HEADER: u64 = 26;
/// Bytes that describe an entry: what it is, where it begins and how long it is.
const ENTRY: u64 = 12;
/// Entry ids: the file as other systems know it, what only a Mac knows of it, and what it is called.
const DATA_FORK: u32 = 1;
const RESOURCE_FORK: u32 = 2;
const NAME: u32 = 3;

impl Format for AppleSingle {
    fn id(&self) -> &'static str {
        "applesingle"
    }

    fn kinds(&self) -> &'static [&'static str] {
        &["applesingle"]
    }

    fn summary(&self) -> &'static str {
        "the file, and its resource fork as data"
    }

    fn open(&self, input: &Content, parts: &mut Parts<'_, '_>) -> Result<(), OpenError> {
        let number = |at: u64| -> Result<Option<u32>, OpenError> {
            let bytes = input.window(at, 4)?;
            Ok(<[u8; 4]>::try_from(&*bytes).ok().map(u32::from_be_bytes))
        };
        let count = match *input.window(24, 2)? {
            [high, low] => u16::from_be_bytes([high, low]),
            _ => return Err(OpenError::malformed("its list of entries is missing", 24)),
        };
        let (mut entries, mut known, mut name) = (Vec::new(), HashSet::new(), String::new());
        let mut end = HEADER + ENTRY * u64::from(count);
        for index in 0..u64::from(count) {
            parts.budget().check_time().map_err(OpenError::Limit)?;
            let at = HEADER + ENTRY * index;
            let (Some(id), Some(offset), Some(length)) = (number(at)?, number(at + 4)?, number(at + 8)?) else {
                parts.incomplete("its list of entries ends early");
                break;
            };
            let (offset, length) = (u64::from(offset), u64::from(length));
            let data = input.slice(offset, length);
            if data.len() < length {
                parts.incomplete("it ends before its entries do");
            }
            end = end.max(offset.saturating_add(length));
            match id {
                NAME => name = utf8_or_cp437(&data.window(0, 1024)?),
                // Entries of one place are one.
                DATA_FORK | RESOURCE_FORK if known.insert((id, offset, length)) => entries.push((id, data)),
                // Dates, comments, icons and what the Finder knows.
                _ => {}
            }
        }
        for (id, data) in entries {
            let member = match (id, name.is_empty()) {
                (RESOURCE_FORK, _) => Member::unnamed(Role::Member, "resource-fork").of_kind("resource-fork"),
                (_, true) => Member::unnamed(Role::Member, "data-fork"),
                (_, false) => Member::named(Role::Member, name.clone()),
            };
            parts.add_content(member, data)?;
        }
        let rest = input.slice(end, u64::MAX);
        if !rest.is_empty() && !padding::only_zeros(&rest, parts)? {
            parts.add_content(Member::unnamed(Role::Appended, "after-the-entries"), rest)?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use crate::testing::walk;
    use lazaret_model::Role;

    fn file(entries: &[(u32, &[u8])]) -> Vec<u8> {
        let mut out = b"\0\x05\x16\0\0\x02\0\0".to_vec();
        out.extend([0; 16]);
        out.extend((entries.len() as u16).to_be_bytes());
        let mut at = out.len() + 12 * entries.len();
        for (id, bytes) in entries {
            for value in [*id, at as u32, bytes.len() as u32] {
                out.extend(value.to_be_bytes());
            }
            at += bytes.len();
        }
        entries.iter().for_each(|(_, bytes)| out.extend(*bytes));
        out
    }

    #[test]
    fn the_file_comes_out_under_its_name_and_its_resources_are_data() {
        let whole = file(&[(3, b"letter.txt"), (9, &[0; 32]), (2, b"\0\0\x01\0"), (1, b"See you on Monday.\n")]);
        let recorded = walk(whole.clone(), "letter.as");
        assert_eq!(recorded.parts[0].kind.id, "applesingle");
        assert_eq!(recorded.part("//letter.txt").kind.id, "text");
        assert_eq!(recorded.part("//resource-fork").kind.id, "resource-fork");
        assert!(recorded.complete(), "{:?}", recorded.parts);
        for end in [whole.len() - 1, whole.len() - 20, 60, 30, 25] {
            assert!(!walk(whole[..end].to_vec(), "letter.as").complete(), "{end}");
        }
    }

    #[test]
    fn a_program_in_it_is_told_and_so_is_what_hangs_behind_it() {
        let recorded = walk([&file(&[(1, b"#!/bin/sh\necho LAZARET\n")])[..], b"MZ more"].concat(), "a");
        assert_eq!(recorded.part("//data-fork").kind.id, "sh");
        assert_eq!(recorded.part("//after-the-entries").role, Role::Appended);
    }
}
