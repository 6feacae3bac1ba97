//! cpio: newc, with and without checksums, odc, and the old binary form of either byte order.

use super::Format;
use super::bytes::{link_escapes, link_finding, link_renames, until_nul, utf8_or_cp437};
use crate::{Content, Member, OpenError, Parts};
use lazaret_model::Role;

/// The opener.
pub struct Cpio;

/// Bytes of a name that are read.
const MOST_NAME: u64 = 64 << 10;
/// Bytes of what a link points to; no system takes more.
const MOST_TARGET: usize = 4096;

struct Header {
    mode: u64,
    /// Names of the same file; its data stands with one of them.
    links: u64,
    size: u64,
    name_len: u64,
    length: u64,
    align: u64,
}

impl Format for Cpio {
    fn id(&self) -> &'static str {
        "cpio"
    }

    fn kinds(&self) -> &'static [&'static str] {
        &["cpio"]
    }

    fn summary(&self) -> &'static str {
        "newc, crc, odc and binary"
    }

    fn open(&self, input: &Content, parts: &mut Parts<'_, '_>) -> Result<(), OpenError> {
        let mut at = 0u64;
        let mut ended = false;
        while at < input.len() {
            parts.budget().check_time().map_err(OpenError::Limit)?;
            let block = input.window(at, 110)?.into_owned();
            let Some(header) = header(&block) else {
                let zeros = block.iter().take_while(|byte| **byte == 0).count();
                if ended && zeros > 0 {
                    // Archives are padded, and an initramfs is several in a row.
                    at += zeros as u64;
                    continue;
                }
                let rest = input.slice(at, u64::MAX);
                parts.add_content(Member::unnamed(Role::Appended, "after-archive"), rest)?;
                return if ended { Ok(()) } else { Err(OpenError::malformed("a header is damaged", at)) };
            };
            let name_at = at.saturating_add(header.length);
            let name = input.window(name_at, usize::try_from(header.name_len.min(MOST_NAME)).unwrap_or(0))?;
            let name = utf8_or_cp437(until_nul(&name));
            let aligned = |n: u64| n.checked_next_multiple_of(header.align).unwrap_or(u64::MAX);
            // Alignment counts from the member's header.
            let data_at = at.saturating_add(aligned(header.length.saturating_add(header.name_len)));
            at = data_at.saturating_add(aligned(header.size));
            ended = name == "TRAILER!!!";
            if ended {
                continue;
            }
            let data = input.slice(data_at, header.size);
            let mut member = Member::named(Role::Member, name.clone());
            if data.len() < header.size {
                member = member.incomplete("the archive ends before it does");
            }
            if header.name_len > MOST_NAME {
                member = member.incomplete(format!("its name has more than {MOST_NAME} bytes"));
            }
            match header.mode & 0o170_000 {
                0o120_000 => {
                    let target = utf8_or_cp437(&data.window(0, MOST_TARGET)?);
                    if link_escapes(&name, &target) {
                        parts.finding(link_finding("cpio", &name, &target));
                    }
                    // What is too long to be a link's target is something else.
                    if data.len() > MOST_TARGET as u64 || link_renames(&name, &target) {
                        parts.add_content(member, data)?;
                    }
                }
                0o040_000 if header.size == 0 => {}
                // What it is called like here may be a name by which it is run.
                0o100_000 if header.size == 0 && header.links > 1 && link_renames(&name, "") => {
                    parts.add(member, &mut &b"another name of a file of this archive"[..])?;
                }
                _ => parts.add_content(member, data)?,
            }
        }
        if !ended {
            parts.incomplete("it ends without the member that closes an archive");
        }
        Ok(())
    }
}

fn header(block: &[u8]) -> Option<Header> {
    let digits = |at: usize, len: usize, radix: u32| {
        let text = std::str::from_utf8(block.get(at..at + len)?).ok()?;
        u64::from_str_radix(text, radix).ok()
    };
    match block.get(..6)? {
        b"070701" | b"070702" => Some(Header {
            mode: digits(14, 8, 16)?,
            links: digits(38, 8, 16)?,
            size: digits(54, 8, 16)?,
            name_len: digits(94, 8, 16)?,
            length: 110,
            align: 4,
        }),
        b"070707" => Some(Header {
            mode: digits(18, 6, 8)?,
            links: digits(36, 6, 8)?,
            size: digits(65, 11, 8)?,
            name_len: digits(59, 6, 8)?,
            length: 76,
            align: 1,
        }),
        [0xc7, 0x71, ..] | [0x71, 0xc7, ..] => {
            let swap = block.first() == Some(&0x71);
            let half = |at: usize| {
                let pair = super::bytes::array::<2>(block, at)?;
                Some(u64::from(if swap { u16::from_be_bytes(pair) } else { u16::from_le_bytes(pair) }))
            };
            Some(Header {
                mode: half(6)?,
                links: half(12)?,
                size: half(22)? << 16 | half(24)?,
                name_len: half(20)?,
                length: 26,
                align: 2,
            })
        }
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use crate::testing::walk_with;
    use lazaret_model::Limits;

    const MARKER: &[u8] = b"LAZARET-MARKER in cpio";

    fn newc(name: &str, mode: u32, data: &[u8]) -> Vec<u8> {
        linked(name, mode, 1, data)
    }

    fn linked(name: &str, mode: u32, links: u32, data: &[u8]) -> Vec<u8> {
        let mut out = format!("070701{:08x}{mode:08x}", 1).into_bytes();
        out.extend(format!("{:08x}{:08x}{:08x}{:08x}{:08x}", 0, 0, links, 0, data.len()).bytes());
        out.extend(format!("{:08x}{:08x}{:08x}{:08x}{:08x}{:08x}", 0, 0, 0, 0, name.len() + 1, 0).bytes());
        out.extend(name.bytes());
        out.push(0);
        out.resize(out.len().next_multiple_of(4), 0);
        out.extend(data);
        out.resize(out.len().next_multiple_of(4), 0);
        out
    }

    fn odc(name: &str, data: &[u8]) -> Vec<u8> {
        let mut out =
            format!("070707{:06o}{:06o}{:06o}{:06o}{:06o}{:06o}{:06o}", 0, 1, 0o100_644, 0, 0, 1, 0).into_bytes();
        out.extend(format!("{:011o}{:06o}{:011o}", 0, name.len() + 1, data.len()).bytes());
        out.extend(name.bytes());
        out.push(0);
        out.extend(data);
        out
    }

    #[test]
    fn members_of_each_form_are_read() {
        for bytes in [
            [newc("dir", 0o040_755, b""), newc("a.exe", 0o100_755, MARKER), newc("TRAILER!!!", 0, b"")].concat(),
            [odc("a.exe", MARKER), odc("TRAILER!!!", b"")].concat(),
        ] {
            let recorded = walk_with(bytes.clone(), "x.cpio", Some("cpio"), &[], Limits::default());
            assert_eq!(recorded.bytes("//a.exe"), MARKER);
            assert!(recorded.complete());
            for sixteenth in 1..16 {
                let cut = bytes[..bytes.len() * sixteenth / 16].to_vec();
                assert!(!walk_with(cut, "x.cpio", Some("cpio"), &[], Limits::default()).complete());
            }
        }
    }

    #[test]
    fn several_archives_in_a_row_are_read_and_links_are_judged() {
        let first = [newc("a", 0o100_644, b"1"), newc("TRAILER!!!", 0, b""), vec![0; 100]].concat();
        let second = [newc("l", 0o120_777, b"/etc"), newc("b", 0o100_644, MARKER), newc("TRAILER!!!", 0, b"")].concat();
        let recorded = walk_with([first, second].concat(), "x", Some("cpio"), &[], Limits::default());
        assert_eq!(recorded.bytes("//b"), MARKER);
        assert!(recorded.findings.iter().any(|f| f.id == "archive.link-escapes"));
    }

    #[test]
    fn names_by_which_links_are_run_are_parts() {
        let end = newc("TRAILER!!!", 0, b"");
        for (member, is_part) in [
            (linked("a.bat", 0o100_644, 2, b""), true),
            (newc("a.hta", 0o120_777, b"a.html"), true),
            (linked("LICENSE", 0o100_644, 2, b""), false),
            (newc("a.hta", 0o120_777, b"b.hta"), false),
            (newc("liba.so", 0o120_777, b"liba.so.1"), false),
        ] {
            let whole = [member, linked("b.txt", 0o100_644, 2, MARKER), end.clone()].concat();
            let recorded = walk_with(whole, "x", Some("cpio"), &[], Limits::default());
            let named = |part: &lazaret_model::Part| part.name == "a.bat" || part.name == "a.hta";
            assert_eq!(recorded.parts.iter().any(named), is_part);
        }
    }

    #[test]
    fn nothing_hides_in_padding_names_or_links() {
        let end = newc("TRAILER!!!", 0, b"");
        // Every fourth byte is zero, as in text of two bytes a character.
        let wide: Vec<u8> = "LAZARET-MARKER".encode_utf16().flat_map(u16::to_be_bytes).collect();
        let recorded = walk_with([&end[..], &[0; 8], &wide].concat(), "x", Some("cpio"), &[], Limits::default());
        assert!(recorded.bytes("//after-archive").ends_with(&wide[1..]));
        let link = newc("l", 0o120_777, &[&[b'a'; 5000][..], MARKER].concat());
        let recorded = walk_with([link, end.clone()].concat(), "x", Some("cpio"), &[], Limits::default());
        assert!(recorded.bytes("//l").ends_with(MARKER));
        let named = newc(&"n".repeat(70_000), 0o100_644, MARKER);
        let recorded = walk_with([named, end].concat(), "x", Some("cpio"), &[], Limits::default());
        assert!(recorded.contains(MARKER) && recorded.parts[1].incomplete[0].contains("65536 bytes"));
    }
}
