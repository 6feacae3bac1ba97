//! Where the streams lie that an opener hands over as they are: a file that is attached is no hidden one.

use super::{Compound, DATA_SPACES, installer, message};
use crate::{Budget, Content};
use std::collections::HashSet;

/// Where streams lie that are parts of their own.
pub(crate) struct HandedOver {
    compound: Compound,
    /// From, to, which stream, and which of its pieces; by where they begin.
    pieces: Vec<(u64, u64, usize, usize)>,
}

impl HandedOver {
    /// Finds them; nothing where there are none, or the file cannot be read.
    pub(crate) fn of(content: &Content, budget: &mut Budget) -> Option<Self> {
        let compound = Compound::open(content, budget).ok()?;
        let message = compound.streams().any(|entry| entry.name == "__properties_version1.0");
        // Neither streams of installers, of what says how a document is encrypted, nor of macros are handed over as they are.
        let document = !message && !installer::is_one(&compound);
        let projects: HashSet<usize> = compound
            .streams()
            .filter(|entry| entry.name.eq_ignore_ascii_case("_VBA_PROJECT"))
            .map(|entry| entry.parent)
            .collect();
        let (mut pieces, mut bytes) = (Vec::new(), 0_u64);
        for (stream, entry) in compound.streams().enumerate() {
            let package = document
                && entry.name.eq_ignore_ascii_case("package")
                && !entry.path.starts_with(DATA_SPACES)
                && !projects.contains(&entry.parent);
            if !(package || message && message::hands_over(entry)) {
                continue;
            }
            bytes = bytes.saturating_add(entry.size);
            // LIMIT: streams that share sectors are no reason to pass over anything; all of the file is searched then.
            if bytes > content.len() || budget.step(entry.size / 64 + 16).is_err() {
                return None;
            }
            let places = compound.places(entry).into_iter().enumerate();
            pieces.extend(places.map(|(piece, (from, to))| (from, to, stream, piece)));
        }
        pieces.sort_unstable();
        (!pieces.is_empty()).then_some(Self { compound, pieces })
    }

    /// Whether all of it is of one such stream and in its order, with nothing in between but tables of sectors.
    pub(crate) fn covers(&self, from: u64, to: u64) -> bool {
        let (mut at, mut last) = (from, None);
        while at < to {
            let before = self.pieces.partition_point(|(start, ..)| *start <= at).checked_sub(1);
            let piece = before.and_then(|index| self.pieces.get(index)).filter(|(_, end, ..)| *end > at);
            at = match (piece, last) {
                (Some((_, end, stream, piece)), None) => {
                    last = Some((*stream, *piece));
                    *end
                }
                (Some((_, end, stream, piece)), Some((own, before))) if *stream == own && *piece == before + 1 => {
                    last = Some((*stream, *piece));
                    *end
                }
                (Some(_), Some(_)) => return false,
                (None, _) => match self.compound.table(at) {
                    Some(end) if last.is_some() => end,
                    _ => return false,
                },
            };
        }
        true
    }
}

#[cfg(test)]
mod tests {
    use super::HandedOver;
    use crate::Content;
    use crate::containers::cfb::tests::build;
    use crate::testing::{self, Recorded, walk_with};
    use lazaret_model::{Limits, Role};
    use std::io::{Cursor, Seek as _, SeekFrom, Write as _};
    use zip::write::{SimpleFileOptions, ZipWriter};

    const ATTACHED: &str = "/__attach_version1.0_#00000000/__substg1.0_37010102";

    fn archive(members: &[(&str, &[u8])]) -> Vec<u8> {
        let mut writer = ZipWriter::new(Cursor::new(Vec::new()));
        let stored = SimpleFileOptions::default().compression_method(zip::CompressionMethod::Stored);
        for (name, bytes) in members {
            writer.start_file(*name, stored).unwrap();
            writer.write_all(bytes).unwrap();
        }
        writer.finish().unwrap().into_inner()
    }

    /// A workbook of several sectors, and the theme that Outlook keeps beside a mail's body.
    fn packages() -> (Vec<u8>, Vec<u8>) {
        let content: &[u8] = br#"<Types xmlns="http://schemas.openxmlformats.org/package/2006/content-types"/>"#;
        let text = "a line of numbers, ".repeat(1000);
        let sheet = format!("<worksheet>{text}</worksheet>");
        let workbook = archive(&[
            ("[Content_Types].xml", content),
            ("_rels/.rels", b"<Relationships/>"),
            ("xl/workbook.xml", b"<workbook/>"),
            ("xl/worksheets/sheet1.xml", sheet.as_bytes()),
            ("xl/notes.txt", text.as_bytes()),
        ]);
        let theme = archive(&[
            ("[Content_Types].xml", content),
            ("_rels/.rels", b"<Relationships/>"),
            ("theme/theme/themeManager.xml", b"<a/>"),
            ("theme/theme/theme1.xml", b"<a/>"),
        ]);
        (workbook, theme)
    }

    #[track_caller]
    fn check(bytes: Vec<u8>) -> Recorded {
        walk_with(bytes, "report.msg", Some("msg"), &[], Limits::default())
    }

    #[test]
    fn office_files_attached_to_an_outlook_message_are_no_hidden_ones() {
        let (workbook, theme) = packages();
        let recorded = check(build(&[
            ("/__properties_version1.0", b"p"),
            (ATTACHED, &workbook),
            ("/__substg1.0_80090102", &theme),
            ("/__attach_version1.0_#00000001/__substg1.0_80090102", &theme),
        ]));
        assert!(recorded.complete() && recorded.findings.is_empty(), "{:?} {:?}", recorded.parts, recorded.findings);
        let attached: Vec<_> = recorded.parts.iter().filter(|part| part.depth == 1).collect();
        assert_eq!(attached.len(), 3, "the workbook and two themes: {attached:?}");
        assert_eq!(attached.iter().filter(|part| part.role == Role::Attachment).count(), 1);
    }

    #[test]
    fn an_attachment_in_pieces_is_no_hidden_one() {
        let (workbook, _) = packages();
        let mut file = cfb::CompoundFile::create(Cursor::new(Vec::new())).unwrap();
        file.create_storage_all("/__attach_version1.0_#00000000").unwrap();
        file.create_stream("/__properties_version1.0").unwrap().write_all(b"p").unwrap();
        let (first, rest) = workbook.split_at(8192);
        file.create_stream(ATTACHED).unwrap().write_all(first).unwrap();
        file.create_stream("/__substg1.0_10130102").unwrap().write_all(&[b'a'; 9000]).unwrap();
        let mut stream = file.open_stream(ATTACHED).unwrap();
        stream.seek(SeekFrom::End(0)).unwrap();
        stream.write_all(rest).unwrap();
        drop(stream);
        file.flush().unwrap();
        let recorded = check(file.into_inner().into_inner());
        assert!(recorded.complete(), "{:?}", recorded.parts);
        assert!(recorded.parts.iter().all(|part| part.role != Role::Appended), "{:?}", recorded.parts);
    }

    #[test]
    fn what_no_program_shows_of_an_outlook_message_is_still_found() {
        let program = testing::build::pe(true, 0x0022, 2, &[]);
        let jar = archive(&[("META-INF/MANIFEST.MF", b"x")]);
        for (what, kind, name) in [
            (&program, "pe-exe", "/__substg1.0_80090102"),
            (&program, "pe-exe", "/__substg1.0_8009001E"),
            (&jar, "jar", "/__substg1.0_80090102"),
            (&jar, "jar", "/__substg1.0_8009001E"),
        ] {
            let before = [&b"some bytes of its own, "[..], what].concat();
            let recorded = check(build(&[("/__properties_version1.0", b"p"), (name, &before)]));
            let hidden = recorded.parts.iter().filter(|part| part.role == Role::Appended);
            assert!(hidden.clone().count() > 0, "{kind} in {name}: {:?}", recorded.parts);
        }
        // Of an installer, streams are tables.
        let installer = build(&[("/\u{4840}\u{3f3f}", b"x"), ("/Package", &[&[b'.'; 5000][..], &jar].concat())]);
        let recorded = walk_with(installer, "setup.msi", Some("msi"), &[], Limits::default());
        assert!(recorded.parts.iter().any(|part| part.is("jar")), "{:?}", recorded.parts);
        // Behind the message.
        let message = build(&[("/__properties_version1.0", b"p"), (ATTACHED, b"a note")]);
        let recorded = check([&message[..], &jar].concat());
        assert!(recorded.parts.iter().any(|part| part.is("jar")), "{:?}", recorded.parts);
    }

    #[test]
    fn an_archive_that_stands_in_a_message_in_another_order_than_in_its_attachment_is_a_hidden_one() {
        let jar = archive(&[("META-INF/MANIFEST.MF", b"x"), ("a.class", &[b'.'; 9000])]);
        let mut file = build(&[("/__properties_version1.0", b"p"), (ATTACHED, &jar)]);
        let start = memchr::memmem::find(&file, &jar[..64]).unwrap() as u64;
        let to = start + jar.len() as u64;
        let covers = |file: &[u8]| {
            let handed = HandedOver::of(&Content::from(file), &mut testing::budget());
            handed.is_some_and(|handed| handed.covers(start, to))
        };
        assert!(covers(&file));
        // The attachment begins with its second sector, goes on with the first, and then with the third.
        let word = |file: &[u8], at: usize| u32::from_le_bytes(file[at..at + 4].try_into().unwrap());
        let size = 1_usize << u16::from_le_bytes([file[30], file[31]]);
        let table = (word(&file, 76) as usize + 1) * size;
        let first = start as u32 / size as u32 - 1;
        let name: Vec<u8> = "__substg1.0_37010102".encode_utf16().flat_map(u16::to_le_bytes).collect();
        let entry = memchr::memmem::find(&file, &name).unwrap();
        assert_eq!(word(&file, entry + 116), first);
        let mut put = |at: usize, number: u32| file[at..at + 4].copy_from_slice(&number.to_le_bytes());
        put(entry + 116, first + 1);
        put(table + 4 * (first as usize + 1), first);
        put(table + 4 * first as usize, first + 2);
        assert!(!covers(&file));
    }
}
