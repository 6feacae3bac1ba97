//! Windows shortcuts (MS-SHLLINK): the command they run, where they lead, and what follows their end.

mod icon;

use super::bytes::utf16_le;
use super::links::Links;
use super::padding::only_zeros;
use crate::{Content, Format, Member, OpenError, Parts};
use lazaret_model::Role;
use std::collections::HashSet;

/// Bytes of a shortcut's own structures that are read; what follows is handed over by range.
const MOST: usize = 4 << 20;

/// Opens shortcuts.
pub(super) struct Lnk;

impl Format for Lnk {
    fn id(&self) -> &'static str {
        "lnk"
    }

    fn kinds(&self) -> &'static [&'static str] {
        &["lnk"]
    }

    fn summary(&self) -> &'static str {
        "target and arguments as a command line, network targets, data after the end"
    }

    fn open(&self, input: &Content, parts: &mut Parts<'_, '_>) -> Result<(), OpenError> {
        let bytes = input.window(0, MOST)?;
        let mut reader = Reader { bytes: &bytes, at: 0 };
        let mut link = Link::default();
        let read = link.read(&mut reader);
        if link.damaged {
            parts.incomplete("its list of items is damaged, and not read to its end");
        }
        let targets = link.targets();
        for target in targets.iter().copied().chain(targets.is_empty().then_some("")) {
            let command = format!("{target} {}", link.arguments).trim().to_owned();
            if !command.is_empty() {
                let member = Member::unnamed(Role::Command, "command").of_kind("command-line");
                parts.add_content(member, Content::from(command.into_bytes()))?;
            }
        }
        let mut links = Links::default();
        let leads_away = |p: &str| p.starts_with("\\\\") || p.contains("://") || p.starts_with("file:");
        let others = [&link.local, &link.network, &link.environment, &link.directory].map(String::as_str);
        for place in targets.iter().copied().chain(others) {
            if leads_away(place) {
                links.add_as("target", place);
            }
        }
        if leads_away(&link.icon) {
            links.add_as("icon", &link.icon);
        }
        if let Some(finding) = targets.iter().find_map(|target| icon::finding(target, &link.icon)) {
            parts.finding(finding);
        }
        links.hand_over(parts)?;
        if read.is_none() {
            return Err(OpenError::malformed("the shortcut ends early", reader.at as u64));
        }
        let rest = input.slice(reader.at as u64, u64::MAX);
        if !only_zeros(&rest, parts)? {
            parts.add_content(Member::unnamed(Role::Appended, "appended"), rest)?;
        }
        Ok(())
    }
}

/// What a shortcut says, in the order of its structures (MS-SHLLINK 2).
#[derive(Default)]
struct Link {
    items: String,
    local: String,
    network: String,
    relative: String,
    directory: String,
    arguments: String,
    icon: String,
    environment: String,
    /// What further blocks say that should be there once.
    further: Vec<String>,
    /// The list of items has one that is none.
    damaged: bool,
}

impl Link {
    fn read(&mut self, reader: &mut Reader<'_>) -> Option<()> {
        let header = reader.take(76)?;
        let flags = u32::from_le_bytes(header.get(20..24)?.try_into().ok()?);
        let has = |bit: u32| flags & (1 << bit) != 0;
        if has(0) {
            let size = usize::from(reader.u16()?);
            (self.items, self.damaged) = items(reader.take(size)?);
        }
        if has(1) {
            let size = reader.u32_ahead()? as usize;
            self.info(reader.take(size.max(4))?);
        }
        let wide = has(7);
        // 2.4, StringData: each is there when its flag is set, in this order.
        if has(2) {
            reader.string(wide)?;
        }
        for (bit, field) in
            [(3, &mut self.relative), (4, &mut self.directory), (5, &mut self.arguments), (6, &mut self.icon)]
        {
            if has(bit) {
                *field = reader.string(wide)?;
            }
        }
        // 2.5, ExtraData: blocks until one smaller than its own size field.
        loop {
            if reader.bytes.len() == reader.at {
                return Some(());
            }
            let size = reader.u32_ahead()? as usize;
            if size < 4 {
                reader.take(4)?;
                return Some(());
            }
            let block = reader.take(size)?;
            // 2.5.4, EnvironmentVariableDataBlock: 260 bytes, then 520 of UTF-16.
            if block.get(4..8) == Some(&[1, 0, 0, 0xa0]) {
                let unicode = utf16_le(block.get(268..788).unwrap_or_default());
                let ansi = narrow_text(block.get(8..268).unwrap_or_default());
                let environment = if unicode.is_empty() { ansi } else { unicode };
                // Windows takes the first one.
                if self.environment.is_empty() {
                    self.environment = environment;
                } else {
                    self.further.push(environment);
                }
            }
        }
    }

    /// 2.3, LinkInfo.
    fn info(&mut self, info: &[u8]) {
        let field =
            |at: usize| info.get(at..at + 4).and_then(|b| b.try_into().ok()).map_or(0, u32::from_le_bytes) as usize;
        let text = |at: usize| if at == 0 { String::new() } else { narrow_text(info.get(at..).unwrap_or_default()) };
        let flags = field(8);
        let suffix = text(field(24));
        if flags & 1 != 0 {
            self.local = text(field(16)) + &suffix;
            // The Unicode fields are there when the header is larger.
            if field(4) >= 0x24 && field(28) != 0 {
                let unicode = utf16_le(info.get(field(28)..).unwrap_or_default());
                if !unicode.is_empty() {
                    self.local = unicode + &utf16_le(info.get(field(32)..).unwrap_or_default());
                }
            }
        }
        if flags & 2 != 0 {
            // 2.3.2, CommonNetworkRelativeLink: the share's name at the offset kept at 8.
            let start = field(20);
            let offset = info.get(start + 8..start + 12).and_then(|b| b.try_into().ok()).map_or(0, u32::from_le_bytes);
            let share = text(start.saturating_add(offset as usize));
            if !share.is_empty() {
                self.network = if suffix.is_empty() { share } else { format!("{share}\\{suffix}") };
            }
        }
    }

    /// What it may run: first what Windows takes, then what else it names that is another program.
    fn targets(&self) -> Vec<&str> {
        let first = [&self.environment, &self.local, &self.network, &self.items, &self.relative];
        let mut known = HashSet::new();
        let mut targets = Vec::new();
        for target in first.into_iter().chain(&self.further).filter(|target| !target.is_empty()) {
            let program = icon::split(target);
            // What has no extension is a folder, or a name that was not read to its end.
            let named = targets.is_empty() || !program.1.is_empty();
            if known.insert(program) && named {
                targets.push(target.as_str());
            }
        }
        targets
    }
}

/// 2.2, LinkTargetIDList: the names that its items hold, joined as a path, and whether it has an item that is none.
fn items(list: &[u8]) -> (String, bool) {
    let mut names: Vec<String> = Vec::new();
    let mut damaged = false;
    let mut rest = list;
    while let Some(size) = rest.get(..2).and_then(|b| b.try_into().ok()).map(u16::from_le_bytes).map(usize::from) {
        if size == 0 {
            break;
        }
        let Some(item) = rest.get(2..size).filter(|_| size > 2) else {
            damaged = true;
            break;
        };
        rest = rest.get(size..).unwrap_or_default();
        let name = match item.first() {
            // A drive, then file entries: a long name in UTF-16 follows the short one in an extension block.
            Some(0x2f) => narrow_text(item.get(1..).unwrap_or_default()).trim_end_matches('\\').to_owned(),
            Some(kind) if kind & 0x70 == 0x30 => {
                let short = narrow_text(item.get(12..).unwrap_or_default());
                if kind & 4 != 0 {
                    utf16_le(item.get(12..).unwrap_or_default())
                } else {
                    longest_wide(item).unwrap_or(short)
                }
            }
            Some(kind) if kind & 0x70 == 0x40 => narrow_text(item.get(3..).unwrap_or_default()),
            Some(0x61) => longest_wide(item).unwrap_or_default(),
            _ => continue,
        };
        if !name.is_empty() {
            names.push(name);
        }
    }
    (names.join("\\"), damaged)
}

/// The long name of a file entry: the UTF-16 text in its extension block (signature 0xBEEF0004).
fn longest_wide(item: &[u8]) -> Option<String> {
    let block = memchr::memmem::find(item, &[4, 0, 0xef, 0xbe])?;
    (14..48)
        .step_by(2)
        .filter_map(|by| item.get(block + by..))
        .map(utf16_le)
        .filter(|text| text.len() > 1 && text.chars().all(|c| !c.is_control()))
        .max_by_key(String::len)
}

fn narrow_text(bytes: &[u8]) -> String {
    let end = memchr::memchr(0, bytes).unwrap_or(bytes.len());
    encoding_rs::WINDOWS_1252.decode_without_bom_handling(bytes.get(..end).unwrap_or_default()).0.into_owned()
}

struct Reader<'b> {
    bytes: &'b [u8],
    at: usize,
}

impl<'b> Reader<'b> {
    fn take(&mut self, len: usize) -> Option<&'b [u8]> {
        let end = self.at.checked_add(len)?;
        let taken = self.bytes.get(self.at..end)?;
        self.at = end;
        Some(taken)
    }

    fn u16(&mut self) -> Option<u16> {
        self.take(2)?.try_into().ok().map(u16::from_le_bytes)
    }

    fn u32_ahead(&self) -> Option<u32> {
        self.bytes.get(self.at..self.at.checked_add(4)?)?.try_into().ok().map(u32::from_le_bytes)
    }

    /// A counted string, in characters.
    fn string(&mut self, wide: bool) -> Option<String> {
        let count = usize::from(self.u16()?);
        if wide {
            let bytes = self.take(count * 2)?;
            let units = bytes.as_chunks::<2>().0.iter().map(|pair| u16::from_le_bytes(*pair));
            Some(char::decode_utf16(units).map(|c| c.unwrap_or('\u{fffd}')).collect())
        } else {
            Some(encoding_rs::WINDOWS_1252.decode_without_bom_handling(self.take(count)?).0.into_owned())
        }
    }
}

#[cfg(test)]
mod tests {
    use crate::testing::walk;

    /// A shortcut with a relative path, arguments, an icon, an environment block and an end.
    fn shortcut(relative: &str, arguments: &str, icon: &str, environment: &str) -> Vec<u8> {
        let mut out = b"L\0\0\0\x01\x14\x02\0\0\0\0\0\xc0\0\0\0\0\0\0\x46".to_vec();
        let flags = 1u32 << 3 | 1 << 5 | 1 << 6 | 1 << 7;
        out.extend(flags.to_le_bytes());
        out.resize(76, 0);
        for text in [relative, arguments, icon] {
            out.extend((text.encode_utf16().count() as u16).to_le_bytes());
            out.extend(text.encode_utf16().flat_map(u16::to_le_bytes));
        }
        if !environment.is_empty() {
            out.extend(788u32.to_le_bytes().iter().chain(&[1, 0, 0, 0xa0]));
            let mut block = vec![0; 780];
            block[..environment.len()].copy_from_slice(environment.as_bytes());
            out.extend(block);
        }
        out.extend([0; 4]);
        out
    }

    #[test]
    fn the_command_is_target_and_arguments() {
        let bytes = shortcut("..\\cmd.exe", "/c echo LAZARET", "", "");
        assert_eq!(walk(bytes, "x.lnk").bytes("//command"), b"..\\cmd.exe /c echo LAZARET");
        let found = walk(shortcut("a", "b", "\\\\host.invalid\\i.ico", "%comspec%"), "x.lnk");
        assert_eq!(found.bytes("//command"), b"%comspec% b");
        assert_eq!(found.bytes("//icon"), b"\\\\host.invalid\\i.ico");
        assert!(found.complete());
    }

    #[test]
    fn an_interpreter_with_the_icon_of_a_document_is_a_finding() {
        for (environment, icon, found) in [
            ("%windir%\\System32\\cmd.exe", "C:\\Program Files\\Adobe\\AcroRd32.exe", true),
            ("%comspec%", "invoice.pdf", true),
            ("C:\\Windows\\System32\\WindowsPowerShell\\v1.0\\powershell.exe", "%windir%\\..\\WINWORD.EXE", true),
            ("%comspec%", "%windir%\\System32\\cmd.exe", false),
            ("C:\\Program Files\\Adobe\\AcroRd32.exe", "C:\\Program Files\\Adobe\\AcroRd32.exe", false),
        ] {
            let walked = walk(shortcut("a", "b", icon, environment), "x.lnk");
            let ids: Vec<_> = walked.findings.iter().map(|finding| &*finding.id).collect();
            assert_eq!(ids, if found { vec!["shortcut.document-icon"] } else { vec![] }, "{environment} {icon}");
        }
    }

    #[test]
    fn what_follows_the_end_is_a_part() {
        let bytes = [shortcut("a", "", "", ""), b"@echo off\r\necho LAZARET\r\n".to_vec()].concat();
        assert_eq!(walk(bytes, "x.lnk").part("//appended").kind.id, "bat");
        assert_eq!(walk([shortcut("a", "", "", ""), vec![0; 9]].concat(), "x.lnk").parts.len(), 2);
    }

    #[test]
    fn a_damaged_shortcut_is_not_complete() {
        let bytes = shortcut("..\\cmd.exe", "/c echo LAZARET", "x", "%comspec%");
        for cut in 8..bytes.len() - 800 {
            let found = walk(&bytes[..cut], "x.lnk");
            assert!(cut == 76 || !found.parts[0].complete, "{cut}");
        }
    }

    #[test]
    fn zeros_hide_nothing_behind_the_end() {
        let padded = [shortcut("a", "", "", ""), vec![0; super::MOST + 1000]].concat();
        assert_eq!(walk(padded.clone(), "x.lnk").parts.len(), 2);
        let found = walk([padded, b"@echo off\r\necho LAZARET-MARKER\r\n".to_vec()].concat(), "x.lnk");
        assert!(found.bytes("//appended").ends_with(b"LAZARET-MARKER\r\n"));
    }

    #[test]
    fn every_program_that_is_named_is_a_command() {
        let found = walk(shortcut("..\\cmd.exe", "/c echo LAZARET", "", "C:\\Windows\\notepad.exe"), "x.lnk");
        assert_eq!(found.bytes("//command"), b"C:\\Windows\\notepad.exe /c echo LAZARET");
        assert_eq!(found.bytes("//command#2"), b"..\\cmd.exe /c echo LAZARET");
        assert_eq!(walk(shortcut("..\\CMD.EXE", "x", "", "%windir%\\cmd.exe"), "x.lnk").parts.len(), 2);
        // A second block of the environment.
        let [first, second] = ["notepad.exe", "cmd.exe"].map(|name| shortcut("", "", "", name));
        let bytes = [&first[..first.len() - 4], &second[second.len() - 792..]].concat();
        let found = walk(bytes, "x.lnk");
        assert_eq!((found.bytes("//command"), found.bytes("//command#2")), (&b"notepad.exe"[..], &b"cmd.exe"[..]));
    }

    #[test]
    fn all_items_are_read_or_said_to_be_damaged() {
        let item = |name: &str| {
            let mut item = vec![0x32, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0];
            item.extend(name.bytes().chain([0]));
            [(item.len() as u16 + 2).to_le_bytes().to_vec(), item].concat()
        };
        let many = [(0..300).flat_map(|_| item("folder")).collect::<Vec<u8>>(), item("LAZARET.exe")].concat();
        let (path, damaged) = super::items(&[&many[..], &[0, 0]].concat());
        assert!(path.ends_with("folder\\LAZARET.exe") && !damaged);
        for odd in [1u16, 2, 900] {
            let list = [&item("a")[..], &odd.to_le_bytes(), &item("b")].concat();
            assert!(super::items(&list).1, "{odd}");
        }
    }
}
