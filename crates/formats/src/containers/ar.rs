//! ar, of System V, GNU and BSD; Debian packages are ar (deb(5)).

use super::Format;
use super::bytes::utf8_or_cp437;
use crate::{Content, Member, OpenError, Parts};
use lazaret_model::Role;

/// The opener.
pub struct Ar;

/// Bytes of the table of long names that are read.
const MOST_NAMES: u64 = 16 << 20;
/// Bytes of a name that are read; no system takes more.
const MOST_NAME: usize = 4096;

impl Format for Ar {
    fn id(&self) -> &'static str {
        "ar"
    }

    fn kinds(&self) -> &'static [&'static str] {
        &["ar", "deb"]
    }

    fn summary(&self) -> &'static str {
        "every member, with the long names of GNU and BSD"
    }

    fn open(&self, input: &Content, parts: &mut Parts<'_, '_>) -> Result<(), OpenError> {
        if *input.window(0, 8)? != *b"!<arch>\n" {
            return Err(OpenError::malformed("the ar signature is missing", 0));
        }
        let mut at = 8;
        let mut names = Vec::new();
        while at < input.len() {
            parts.budget().check_time().map_err(OpenError::Limit)?;
            let header = input.window(at, 60)?.into_owned();
            let text = |from: usize, to: usize| {
                String::from_utf8_lossy(header.get(from..to).unwrap_or_default()).trim_end().to_owned()
            };
            let (Some(size), true) = (text(48, 58).parse::<u64>().ok(), header.get(58..60) == Some(b"`\n")) else {
                parts.add_content(Member::unnamed(Role::Appended, "after-archive"), input.slice(at, u64::MAX))?;
                return Err(OpenError::malformed("a member's header is damaged", at));
            };
            let mut data = input.slice(at + 60, size);
            let missing = data.len() < size;
            let raw = text(0, 16);
            at = (at + 60).saturating_add(size).saturating_add(size % 2);
            let mut name = raw.strip_suffix('/').unwrap_or(&raw).to_owned();
            if raw == "//" {
                names = data.window(0, usize::try_from(size.min(MOST_NAMES)).unwrap_or(0))?.into_owned();
                if size > MOST_NAMES {
                    parts.incomplete(format!("its table of names has more than {MOST_NAMES} bytes"));
                }
                continue;
            }
            if raw == "/" || raw == "/SYM64/" {
                // The symbol table.
                continue;
            }
            let mut name_cut = false;
            if let Some(offset) = raw.strip_prefix('/').and_then(|digits| digits.parse::<usize>().ok()) {
                // Where it stands beyond the table, or has no end there, it is not known.
                let rest = names.get(offset..).unwrap_or_default();
                // GNU ends a name with a line feed, Windows with a NUL.
                let end = rest.iter().take(MOST_NAME + 1).position(|byte| matches!(byte, b'\n' | 0));
                name_cut = end.is_none() && !(1..=MOST_NAME).contains(&rest.len());
                let long = rest.get(..end.unwrap_or(rest.len().min(MOST_NAME))).unwrap_or_default();
                name = utf8_or_cp437(long.strip_suffix(b"/").unwrap_or(long));
            } else if let Some(length) = raw.strip_prefix("#1/").and_then(|digits| digits.parse::<u64>().ok()) {
                let long = data.window(0, usize::try_from(length).unwrap_or(usize::MAX).min(MOST_NAME))?;
                name_cut = length > MOST_NAME as u64;
                name = utf8_or_cp437(super::bytes::until_nul(&long));
                drop(long);
                data = data.slice(length, u64::MAX);
            }
            let mut member = Member::named(Role::Member, name);
            if name_cut {
                member = member.incomplete(format!("its name is not there or has more than {MOST_NAME} bytes"));
            }
            if missing {
                member = member.incomplete("the archive ends before it does");
            }
            parts.add_content(member, data)?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use crate::testing::walk_with;
    use lazaret_model::Limits;

    const MARKER: &[u8] = b"LAZARET-MARKER!";

    fn member(name: &str, data: &[u8]) -> Vec<u8> {
        let mut out = format!("{name:<16}{:<12}{:<6}{:<6}{:<8}{:<10}`\n", 0, 0, 0, 644, data.len()).into_bytes();
        out.extend(data);
        if data.len() % 2 == 1 {
            out.push(b'\n');
        }
        out
    }

    #[test]
    fn members_have_short_and_long_names() {
        let bsd = [b"a very long name of BSD", MARKER].concat();
        let bytes = [
            b"!<arch>\n".to_vec(),
            member("//", b"a very long name of GNU/\n"),
            member("short/", MARKER),
            member("/0", MARKER),
            member("#1/23", &bsd),
        ]
        .concat();
        let recorded = walk_with(bytes.clone(), "x.deb", Some("ar"), &[], Limits::default());
        for name in ["short", "a very long name of GNU", "a very long name of BSD"] {
            assert_eq!(recorded.bytes(&format!("//{name}")), MARKER);
        }
        assert!(recorded.complete());
        // A cut between members leaves a valid archive; any other shows.
        for back in [1, 20, 40] {
            let cut = bytes[..bytes.len() - back].to_vec();
            assert!(!walk_with(cut, "x.deb", Some("ar"), &[], Limits::default()).complete());
        }
    }

    #[test]
    fn names_that_are_not_read_are_said() {
        let long = "n".repeat(5000);
        let bsd = [long.as_bytes(), MARKER].concat();
        let bytes =
            [b"!<arch>\n".to_vec(), member("//", format!("{long}\n").as_bytes()), member("/0", MARKER)].concat();
        for bytes in [
            bytes.clone(),
            [bytes.clone(), member("/9000", MARKER)].concat(),
            [b"!<arch>\n".to_vec(), member("#1/5000", &bsd)].concat(),
        ] {
            let recorded = walk_with(bytes, "x.a", Some("ar"), &[], Limits::default());
            let said = |part: &lazaret_model::Part| part.incomplete.iter().any(|given| given.contains("4096 bytes"));
            assert!(recorded.parts.len() > 1 && recorded.parts[1..].iter().all(said), "{:?}", recorded.parts);
            assert!(recorded.contains(MARKER));
        }
        // A library of Windows ends names with NULs.
        let bytes = [b"!<arch>\n".to_vec(), member("//", b"first.obj\0second.obj\0"), member("/10", MARKER)].concat();
        let recorded = walk_with(bytes, "x.lib", Some("ar"), &[], Limits::default());
        assert!(recorded.complete());
        assert_eq!(recorded.bytes("//second.obj"), MARKER);
    }
}
