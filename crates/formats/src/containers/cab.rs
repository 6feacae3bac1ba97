//! Cabinets ([MS-CAB]), with MSZIP ([MS-MCI]) and LZX ([MS-PATCH]).

mod folder;

use super::Format;
use super::bytes::{cp437, u16_le, u32_le, until_nul};
use crate::{Content, Member, OpenError, Parts};
use folder::{Folder, FolderReader};
use lazaret_model::Role;
use std::collections::BTreeMap;
use std::io::{self, Read};

/// The opener.
pub struct Cab;

/// What every cabinet begins with.
const SIGNATURE: &[u8] = b"MSCF";
/// Cabinets that are opened, one behind another.
const MOST_CABINETS: usize = 1000;
/// Bytes looked through at a time.
const CHUNK: usize = 1 << 20;
/// Bytes of a name; Windows takes 256.
const MOST_NAME: usize = 1024;
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
        let mut opened = 0;
        let mut error = None;
        // Where what was read for files stands, start to end: a cabinet in there is one of those files.
        let mut read: BTreeMap<u64, u64> = BTreeMap::new();
        let finder = memchr::memmem::Finder::new(SIGNATURE);
        let mut at = 0;
        'chunks: while at < input.len() {
            parts.budget().check_time().map_err(OpenError::Limit)?;
            let window = input.window(at, CHUNK + SIGNATURE.len() - 1)?;
            for start in finder.find_iter(&window).map(|found| at + found as u64) {
                if read.range(..=start).next_back().is_some_and(|(_, end)| start < *end) {
                    continue;
                }
                let slice = input.slice(start, u64::MAX);
                match Cabinet::read(&slice, parts) {
                    Ok(_) if opened >= MOST_CABINETS => {
                        parts.incomplete(format!("it has more than {MOST_CABINETS} cabinets"));
                        break 'chunks;
                    }
                    Ok(cabinet) => {
                        opened += 1;
                        let end = start.saturating_add(cabinet.length);
                        for (from, to) in cabinet.add_all(&slice, parts)? {
                            let known = read.entry(start.saturating_add(from)).or_default();
                            *known = start.saturating_add(to).max(*known);
                        }
                        if end > input.len() {
                            parts.incomplete("it ends before the end of a cabinet");
                        } else if start == 0 && end < input.len() && parts.part().kind.id == "cab" {
                            let rest = input.slice(end, u64::MAX);
                            parts.add_content(Member::unnamed(Role::Appended, "after-cabinet"), rest)?;
                        }
                    }
                    Err(OpenError::Limit(limit)) => return Err(OpenError::Limit(limit)),
                    Err(found) => error = error.or(Some(found)),
                }
            }
            at += CHUNK as u64;
        }
        if opened > 0 { Ok(()) } else { Err(error.unwrap_or_else(|| OpenError::malformed("there is no cabinet", 0))) }
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
    /// Files or folders are missing from the header's lists, or a name has no end.
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
        let mut cabinet = Self { length: length.into(), folders: Vec::new(), files: Vec::new(), cut: false };
        // Names of the cabinet and the disk before and after this one.
        for _ in 0..2 * u32::from(flags & 1 != 0) + 2 * u32::from(flags & 2 != 0) {
            let text = input.window(at, MOST_NAME)?;
            let name = until_nul(&text);
            cabinet.cut |= name.len() == text.len();
            at += name.len() as u64 + 1;
        }
        for _ in 0..folder_count {
            parts.budget().step(64).map_err(OpenError::Limit)?;
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
            parts.budget().step(128).map_err(OpenError::Limit)?;
            let record = input.window(at, 16 + MOST_NAME)?;
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
            let ended = 16 + name.len() < record.len();
            at += 16 + name.len() as u64 + 1;
            // Bit 7: the name is UTF-8; else it is of some code page.
            let name = if attributes & 0x80 != 0 { String::from_utf8_lossy(name).into_owned() } else { cp437(name) };
            cabinet.files.push(File { name, size, offset, folder });
            if !ended {
                cabinet.cut = true;
                break;
            }
        }
        Ok(cabinet)
    }

    /// Hands every file over; answers where what was read for them stands.
    fn add_all(mut self, input: &Content, parts: &mut Parts<'_, '_>) -> Result<Vec<(u64, u64)>, OpenError> {
        if self.cut {
            parts.incomplete("the lists of folders and files end early, or a name in them has no end");
        }
        let mut read = Vec::new();
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
                read.extend(current.replace((index, folder.reader(input))).map(|(_, reader)| reader.range()));
            }
            let Some((_, reader)) = current.as_mut() else { continue };
            let mut skip = u64::from(file.offset).saturating_sub(reader.position);
            // What is passed over is unpacked as well.
            let mut chunk = vec![0; 32 << 10];
            while skip > 0 {
                let most = usize::try_from(skip).unwrap_or(usize::MAX).min(chunk.len());
                // An error while skipping shows again when the file is read.
                let Ok(read @ 1..) = reader.read(chunk.get_mut(..most).unwrap_or_default()) else { break };
                skip = skip.saturating_sub(read as u64);
                parts.budget().charge_output(read as u64).map_err(OpenError::Limit)?;
            }
            parts.add(member, &mut OneFile { reader, left: file.size.into() })?;
        }
        read.extend(current.map(|(_, reader)| reader.range()));
        Ok(read)
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
    fn no_number_of_signatures_and_no_length_hides_a_cabinet() {
        let cabinet = build(cab::CompressionType::MsZip, &[("payload.exe", MARKER)]);
        let recorded = check([b"MZ".to_vec(), b"MSCF".repeat(500), cabinet.clone()].concat());
        assert_eq!(recorded.bytes("//payload.exe"), MARKER);
        // An empty cabinet that says it holds everything that follows.
        let mut empty = cabinet[..36].to_vec();
        empty[8..12].copy_from_slice(&1_000_000u32.to_le_bytes());
        empty[26..30].fill(0);
        let recorded = check([empty.clone(), cabinet.clone()].concat());
        assert!(recorded.bytes("//payload.exe") == MARKER && !recorded.parts[0].complete);
        // More than are opened.
        let recorded = check(empty.repeat(super::MOST_CABINETS + 1));
        assert!(recorded.parts[0].incomplete.iter().any(|given| given.contains("more than 1000 cabinets")));
        // A cabinet in a cabinet is a file.
        let recorded = check(build(cab::CompressionType::None, &[("inner.cab", &cabinet)]));
        assert_eq!(recorded.parts.len(), 3, "{:?}", recorded.parts);
    }

    #[test]
    fn names_without_an_end_and_blocks_that_are_too_large_are_said() {
        let whole = build(cab::CompressionType::None, &[("a".repeat(200).as_str(), MARKER)]);
        let name = memchr::memmem::find(&whole, b"aaaa").unwrap();
        let mut long = [&whole[..name], &[b'a'; 2000], &whole[name..]].concat();
        // The cabinet's length, and where the folder's data begins.
        for at in [8, 36] {
            let value = u32::from_le_bytes(long[at..at + 4].try_into().unwrap()) + 2000;
            long[at..at + 4].copy_from_slice(&value.to_le_bytes());
        }
        let recorded = check(long);
        assert!(
            recorded.contains(MARKER) && recorded.parts[0].incomplete[0].contains("no end"),
            "{:?}",
            recorded.parts
        );
        // [MS-MCI] 2.1: a block unpacks to 32 KiB at most.
        let plain = [&[0; 32 << 10][..], MARKER].concat();
        let mut deflated = flate2::write::DeflateEncoder::new(b"CK".to_vec(), flate2::Compression::default());
        deflated.write_all(&plain).unwrap();
        let data = deflated.finish().unwrap();
        let stored = build(cab::CompressionType::None, &[("payload.exe", &plain[..32 << 10])]);
        let block = stored.len() - (32 << 10) - 8;
        let mut bytes = [&stored[..block], &[0; 4], &(data.len() as u16).to_le_bytes(), &[0, 0x80], &data].concat();
        bytes[42..44].copy_from_slice(&1u16.to_le_bytes());
        let size = bytes.len() as u32;
        bytes[8..12].copy_from_slice(&size.to_le_bytes());
        let recorded = check(bytes);
        assert!(recorded.part("//payload.exe").incomplete[0].contains("32 KiB"), "{:?}", recorded.parts);
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
