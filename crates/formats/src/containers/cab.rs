//! Cabinets ([MS-CAB]), with MSZIP ([MS-MCI]) and LZX ([MS-PATCH]).

mod folder;

use super::bytes::{cp437, u16_le, u32_le, until_nul};
use super::{Format, signature};
use crate::{Content, Member, OpenError, Parts};
use folder::{Folder, FolderReader};
use lazaret_model::Role;
use std::io::{self, Read};

/// The opener.
pub struct Cab;

/// Signatures that are tried.
const MOST_STARTS: usize = 64;
/// Times a folder is decoded again because its files overlap.
const MOST_RESTARTS: u32 = 32;

impl Format for Cab {
    fn id(&self) -> &'static str {
        "cab"
    }

    fn kinds(&self) -> &'static [&'static str] {
        &["cab"]
    }

    fn summary(&self) -> &'static str {
        "stored, MSZIP and LZX folders, behind a self-extractor too; Quantum is not read; one cabinet of a set at a time"
    }

    fn open(&self, input: &Content, parts: &mut Parts<'_, '_>) -> Result<(), OpenError> {
        let mut opened = false;
        let mut error = None;
        let mut end = 0;
        for start in signature::find_all(input, b"MSCF", MOST_STARTS, parts)? {
            // What stands inside a cabinet is one of its files.
            if start < end {
                continue;
            }
            let slice = input.slice(start, u64::MAX);
            match Cabinet::read(&slice, parts) {
                Ok(cabinet) => {
                    opened = true;
                    end = start.saturating_add(cabinet.length);
                    cabinet.add_all(&slice, parts)?;
                    if start == 0 && end < input.len() && parts.part().kind.id == "cab" {
                        parts.add_content(
                            Member::unnamed(Role::Appended, "after-cabinet"),
                            input.slice(end, u64::MAX),
                        )?;
                    }
                }
                Err(found) => error = error.or(Some(found)),
            }
        }
        if opened { Ok(()) } else { Err(error.unwrap_or_else(|| OpenError::malformed("there is no cabinet", 0))) }
    }
}

struct File {
    name: String,
    size: u32,
    offset: u32,
    folder: u16,
}

struct Cabinet {
    length: u64,
    folders: Vec<Folder>,
    files: Vec<File>,
    /// Files or folders are missing from the header's lists.
    cut: bool,
}

impl Cabinet {
    /// CFHEADER, CFFOLDER and CFFILE ([MS-CAB] 2.1 to 2.3).
    fn read(input: &Content, parts: &mut Parts<'_, '_>) -> Result<Self, OpenError> {
        let header = input.window(0, 40)?.into_owned();
        let field = |at| u16_le(&header, at);
        let (Some(3), Some(1)) = (header.get(24), header.get(25)) else {
            return Err(OpenError::malformed("the cabinet's version is unknown", 24));
        };
        let (Some(folder_count), Some(file_count), Some(flags), Some(files_at), Some(length)) =
            (field(26), field(28), field(30), u32_le(&header, 16), u32_le(&header, 8))
        else {
            return Err(OpenError::malformed("the header ends early", 0));
        };
        let mut at = 36u64;
        let (mut folder_reserve, mut data_reserve) = (0u64, 0u64);
        if flags & 4 != 0 {
            let header_reserve = field(36).unwrap_or_default();
            folder_reserve = header.get(38).copied().unwrap_or_default().into();
            data_reserve = header.get(39).copied().unwrap_or_default().into();
            at += 4 + u64::from(header_reserve);
        }
        // Names of the cabinet and the disk before and after this one.
        for _ in 0..2 * u32::from(flags & 1 != 0) + 2 * u32::from(flags & 2 != 0) {
            let text = input.window(at, 256)?;
            at += until_nul(&text).len() as u64 + 1;
        }
        let mut cabinet = Self { length: length.into(), folders: Vec::new(), files: Vec::new(), cut: false };
        for _ in 0..folder_count {
            let record = input.window(at, 8)?;
            let (Some(start), Some(blocks), Some(method)) =
                (u32_le(&record, 0), u16_le(&record, 4), u16_le(&record, 6))
            else {
                cabinet.cut = true;
                break;
            };
            cabinet.folders.push(Folder { start: start.into(), blocks, method, reserve: data_reserve });
            at += 8 + folder_reserve;
        }
        let mut at = u64::from(files_at);
        for _ in 0..file_count {
            parts.budget().check_time().map_err(OpenError::Limit)?;
            let record = input.window(at, 16 + 1024)?;
            let (Some(size), Some(offset), Some(folder), Some(attributes), Some(name)) = (
                u32_le(&record, 0),
                u32_le(&record, 4),
                u16_le(&record, 8),
                u16_le(&record, 14),
                record.get(16..).map(until_nul),
            ) else {
                cabinet.cut = true;
                break;
            };
            at += 16 + name.len() as u64 + 1;
            // Bit 7: the name is UTF-8; else it is of some code page.
            let name = if attributes & 0x80 != 0 { String::from_utf8_lossy(name).into_owned() } else { cp437(name) };
            cabinet.files.push(File { name, size, offset, folder });
        }
        Ok(cabinet)
    }

    fn add_all(mut self, input: &Content, parts: &mut Parts<'_, '_>) -> Result<(), OpenError> {
        if self.cut {
            parts.incomplete("the lists of folders and files end early");
        }
        self.files.sort_by_key(|file| (file.folder, file.offset));
        let mut current: Option<(u16, FolderReader)> = None;
        let mut restarts = 0;
        for file in &self.files {
            let mut member = Member::named(Role::Member, file.name.clone());
            // 0xFFFD to 0xFFFF: continued from the cabinet before, to the one after, or both.
            let index = match file.folder {
                0xfffd | 0xffff => 0,
                0xfffe => u16::try_from(self.folders.len().saturating_sub(1)).unwrap_or(0),
                index => index,
            };
            let elsewhere = file.folder >= 0xfffd;
            if elsewhere {
                parts.incomplete("it continues in other cabinets, which were not given");
                member = member.incomplete("it continues in another cabinet, which was not given");
            }
            let Some(folder) = self.folders.get(usize::from(index)) else {
                parts.add_content(member.incomplete("its folder is missing"), Content::from(&b""[..]))?;
                continue;
            };
            if matches!(file.folder, 0xfffd | 0xffff) {
                parts.add_content(member, Content::from(&b""[..]))?;
                continue;
            }
            if let Some(what) = folder.unsupported() {
                parts.add_content(member.incomplete(what), Content::from(&b""[..]))?;
                continue;
            }
            let fits =
                current.as_ref().is_some_and(|(of, reader)| *of == index && reader.position <= file.offset.into());
            if !fits {
                if current.as_ref().is_some_and(|(of, _)| *of == index) {
                    restarts += 1;
                }
                if restarts > MOST_RESTARTS {
                    parts.incomplete("too many of its files overlap");
                    parts.add_content(member.incomplete("it overlaps too many others"), Content::from(&b""[..]))?;
                    continue;
                }
                current = Some((index, folder.reader(input)));
            }
            let Some((_, reader)) = current.as_mut() else { continue };
            let skip = u64::from(file.offset).saturating_sub(reader.position);
            // An error while skipping shows again when the file is read.
            let _ = io::copy(&mut reader.take(skip), &mut io::sink());
            parts.add(member, &mut OneFile { reader, left: file.size.into() })?;
        }
        Ok(())
    }
}

/// A file's stretch of its folder.
struct OneFile<'r> {
    reader: &'r mut FolderReader,
    left: u64,
}

impl Read for OneFile<'_> {
    fn read(&mut self, out: &mut [u8]) -> io::Result<usize> {
        if self.left == 0 {
            return match self.reader.fault {
                Some(fault) => Err(io::Error::new(io::ErrorKind::InvalidData, fault)),
                None => Ok(0),
            };
        }
        let most = usize::try_from(self.left).unwrap_or(usize::MAX).min(out.len());
        let n = self.reader.read(out.get_mut(..most).unwrap_or_default())?;
        if n == 0 && most > 0 {
            return Err(io::Error::new(io::ErrorKind::UnexpectedEof, "its folder ends early"));
        }
        self.left -= n as u64;
        Ok(n)
    }
}

#[cfg(test)]
mod tests {
    use crate::testing::{Recorded, walk_with};
    use lazaret_model::Limits;
    use std::io::{Cursor, Write as _};

    const MARKER: &[u8] = b"LAZARET-MARKER in a cabinet, in a cabinet, in a cabinet, in a cabinet";

    fn check(bytes: Vec<u8>) -> Recorded {
        walk_with(bytes, "sample.cab", Some("cab"), &[], Limits::default())
    }

    fn build(method: cab::CompressionType, files: &[(&str, &[u8])]) -> Vec<u8> {
        let mut builder = cab::CabinetBuilder::new();
        let folder = builder.add_folder(method);
        for (name, _) in files {
            folder.add_file(*name);
        }
        let mut writer = builder.build(Cursor::new(Vec::new())).unwrap();
        let mut all = files.iter();
        while let Some(mut file) = writer.next_file().unwrap() {
            file.write_all(all.next().unwrap().1).unwrap();
        }
        writer.finish().unwrap().into_inner()
    }

    // Vectors C 17.
    #[test]
    fn folders_of_several_blocks_are_decoded() {
        let large: Vec<u8> = (0..40_000u32).flat_map(|i| (i / 7).to_le_bytes()).collect();
        for method in [cab::CompressionType::None, cab::CompressionType::MsZip] {
            let recorded = check(build(method, &[("large", &large), ("payload.exe", MARKER), ("payload.exe", b"two")]));
            assert!(recorded.bytes("//large") == large, "{method:?}");
            assert_eq!(recorded.bytes("//payload.exe"), MARKER);
            assert_eq!(recorded.bytes("//payload.exe#2"), b"two");
            assert!(recorded.complete(), "{:?}", recorded.parts);
        }
    }

    /// A block of LZX as it is: one bit for no translation, three for the kind, 24 for the length, the last three
    /// offsets ([MS-PATCH] 2.6).
    #[test]
    fn lzx_is_decoded() {
        let plain = [MARKER, b"."].concat();
        let plain = if plain.len() % 2 == 1 { MARKER.to_vec() } else { plain };
        let bits = 3 << 28 | (plain.len() as u32) << 4;
        let words = [(bits >> 16) as u16, bits as u16].map(u16::to_le_bytes).concat();
        let offsets = [1u32; 3].map(u32::to_le_bytes).concat();
        let data = [words, offsets, plain.clone()].concat();
        let stored = build(cab::CompressionType::None, &[("payload.exe", &plain)]);
        let block = stored.len() - plain.len() - 8;
        let mut bytes = [&stored[..block], &[0; 4], &(data.len() as u16).to_le_bytes()].concat();
        bytes.extend((plain.len() as u16).to_le_bytes());
        bytes.extend(&data);
        // [MS-CAB] 2.2: LZX with a window of 2^16 bytes.
        bytes[42..44].copy_from_slice(&(16u16 << 8 | 3).to_le_bytes());
        let size = bytes.len() as u32;
        bytes[8..12].copy_from_slice(&size.to_le_bytes());
        let recorded = check(bytes);
        assert_eq!(recorded.bytes("//payload.exe"), plain, "{:#?}", recorded.parts);
        assert!(recorded.complete(), "{:#?}", recorded.parts);
    }

    #[test]
    fn quantum_is_recognised_and_said_to_be_unread() {
        let mut bytes = build(cab::CompressionType::None, &[("payload.exe", MARKER)]);
        bytes[42] = 2;
        let recorded = check(bytes);
        assert!(recorded.part("//payload.exe").incomplete[0].contains("Quantum"));
    }

    // Vectors C 4.
    #[test]
    fn a_self_extractor_is_looked_behind() {
        let cabinet = build(cab::CompressionType::MsZip, &[("payload.exe", MARKER)]);
        let recorded = check([b"MZ MSCF stub".to_vec(), vec![0; 600], cabinet].concat());
        assert_eq!(recorded.bytes("//payload.exe"), MARKER);
    }

    #[test]
    fn truncation_and_noise_never_pass_for_whole() {
        let whole = build(cab::CompressionType::MsZip, &[("a", b"first"), ("payload.exe", MARKER)]);
        for sixteenth in 1..16 {
            assert!(!check(whole[..whole.len() * sixteenth / 16].to_vec()).complete(), "{sixteenth}/16");
        }
        for at in 0..whole.len() {
            let mut bytes = whole.clone();
            bytes[at] ^= 0x41;
            let recorded = check(bytes);
            let honest = recorded.contains(MARKER) || !recorded.complete();
            // Counts of files and offsets have no checksum.
            assert!(honest || at < 120, "flipped at {at}");
        }
    }
}
