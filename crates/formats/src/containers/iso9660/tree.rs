//! One directory tree of an ISO 9660 volume.

use crate::containers::bytes::{u32_le, utf8_or_cp437};
use crate::{Content, OpenError, Parts};
use std::collections::HashMap;

/// Bytes of a logical sector.
pub(super) const SECTOR: u64 = 2048;
/// Bytes of one folder that are read.
const MOST_FOLDER: u64 = 16 << 20;
/// Files of one tree that are read.
const MOST_FILES: usize = 200_000;
/// Bytes of the paths of folders that are yet to be read.
const MOST_WAITING: usize = 32 << 20;
/// Bytes of a path beyond which it begins anew.
const MOST_PATH: usize = 4096;
/// Continuations of system use fields that are followed for one file; Linux follows 32.
const MOST_CONTINUATIONS: usize = 64;

/// A file as one tree shows it.
#[derive(Debug, Clone)]
pub(super) struct File {
    pub(super) path: String,
    pub(super) at: u64,
    pub(super) size: u64,
    pub(super) joliet: bool,
    pub(super) rock_ridge: bool,
    pub(super) link: Option<String>,
    /// Not shown in folders, ISO 9660 9.1.6, bit 0.
    pub(super) hidden: bool,
    /// Words of the header and logarithm of the blocks, where the image says that the file is compressed (zisofs, ZF).
    pub(super) compressed: Option<(u8, u8)>,
    /// One of several extents that do not follow each other.
    pub(super) pieces: bool,
}

/// All files of one tree.
#[derive(Debug, Default)]
pub(super) struct Tree {
    pub(super) files: Vec<File>,
    pub(super) damaged: bool,
}

impl Tree {
    /// Walks from a root directory record; lists `room` files at most.
    pub(super) fn read(
        input: &Content,
        root: &[u8],
        joliet: bool,
        room: usize,
        parts: &mut Parts<'_, '_>,
    ) -> Result<Self, OpenError> {
        let most = room.min(MOST_FILES);
        let mut tree = Self::default();
        // Bytes that were read of the folder that begins there.
        let mut seen: HashMap<u64, u64> = HashMap::new();
        let Some((at, size)) = extent(root) else { return Ok(tree) };
        let mut work = vec![(at, size, String::new())];
        // Bytes of the paths of folders that wait.
        let mut waiting = 0_usize;
        while let Some((at, size, prefix)) = work.pop() {
            waiting = waiting.saturating_sub(prefix.len());
            parts.budget().check_time().map_err(OpenError::Limit)?;
            // A folder that contains itself is read once; one that is named again as a longer one, to its end.
            let known = seen.get(&at).copied();
            if known.is_some_and(|known| size <= known) {
                continue;
            }
            seen.insert(at, size);
            let from = known.unwrap_or(0) / SECTOR * SECTOR;
            // A chain of folders must not make paths that grow with its square.
            let prefix = if prefix.len() > MOST_PATH { "…/".to_owned() } else { prefix };
            if at.saturating_add(size) > input.len() || size > MOST_FOLDER {
                tree.damaged = true;
            }
            let length = usize::try_from(size.min(MOST_FOLDER).saturating_sub(from)).unwrap_or(0);
            let folder = input.window(at.saturating_add(from), length)?.into_owned();
            let mut first = true;
            for sector in folder.chunks(SECTOR as usize) {
                let mut at = 0;
                // ECMA-119, 9.1: a length of zero ends the sector's records.
                while let Some(length) = sector.get(at).copied().filter(|length| *length > 0) {
                    let Some(record) = sector.get(at..at + usize::from(length)) else {
                        tree.damaged = true;
                        break;
                    };
                    at += usize::from(length);
                    let self_or_parent = matches!((record.get(32), record.get(33)), (Some(1), Some(0 | 1)));
                    if self_or_parent {
                        first = false;
                        continue;
                    }
                    if tree.files.len() >= most {
                        parts.incomplete(format!("a tree has more than {most} files, and only so many are listed"));
                        return Ok(tree);
                    }
                    let before = work.len();
                    let (cut, read) = tree.record(input, record, joliet, &prefix, &mut work)?;
                    parts.budget().step(64 + read).map_err(OpenError::Limit)?;
                    // What is read already need not wait: many folders may name the same ones.
                    let last = if work.len() > before { work.pop() } else { None };
                    if let Some(last) = last.filter(|(at, size, _)| seen.get(at) < Some(size)) {
                        waiting = waiting.saturating_add(last.2.len());
                        work.push(last);
                    }
                    if work.len() > MOST_FILES || waiting > MOST_WAITING {
                        parts.incomplete(format!(
                            "a tree has more folders than are listed: {MOST_FILES}, or {MOST_WAITING} bytes of their paths"
                        ));
                        return Ok(tree);
                    }
                    if cut {
                        parts.incomplete(format!(
                            "a file has Rock Ridge fields in more than {MOST_CONTINUATIONS} places, or in a large one"
                        ));
                    }
                }
            }
            // Every folder begins with itself.
            tree.damaged |= first && from == 0;
        }
        Ok(tree)
    }

    /// Adds what a record describes; says whether not all of its Rock Ridge fields were read, and how many bytes of them were.
    fn record(
        &mut self,
        input: &Content,
        record: &[u8],
        joliet: bool,
        prefix: &str,
        work: &mut Vec<(u64, u64, String)>,
    ) -> Result<(bool, u64), OpenError> {
        let (Some((at, size)), Some(flags), Some(name_len)) = (extent(record), record.get(25), record.get(32)) else {
            self.damaged = true;
            return Ok((false, 0));
        };
        let name_end = 33 + usize::from(*name_len);
        let raw = record.get(33..name_end).unwrap_or_default();
        let stored = if joliet {
            let units = raw.as_chunks::<2>().0.iter().map(|pair| u16::from_be_bytes(*pair));
            char::decode_utf16(units).map(|c| c.unwrap_or(char::REPLACEMENT_CHARACTER)).collect()
        } else {
            utf8_or_cp437(raw)
        };
        // A version follows a semicolon, and a lone dot a name without extension.
        let stored = stored.rsplit_once(';').map_or(&*stored, |(name, _)| name);
        let stored = stored.strip_suffix('.').unwrap_or(stored);
        let rock = if joliet { RockRidge::default() } else { rock_ridge(input, record, name_end)? };
        let done = (rock.cut, rock.read);
        let path = format!("{prefix}{}", rock.name.as_deref().unwrap_or(stored));
        let is_folder = flags & 2 != 0;
        if let Some(relocated) = rock.child {
            // RRIP, CL: the folder stands elsewhere, since levels were limited.
            let own = input.window(relocated, 34)?;
            match extent(&own) {
                Some((at, size)) => work.push((at, size, format!("{path}/"))),
                None => self.damaged = true,
            }
        } else if is_folder {
            work.push((at, size, format!("{path}/")));
        } else {
            // 9.1.6, bit 7: another extent of the same file follows.
            let continues = self.files.last_mut().filter(|last| last.path == path && last.pieces);
            match continues {
                Some(last) if last.at + last.size == at => {
                    last.size += size;
                    last.pieces = flags & 0x80 != 0;
                    return Ok(done);
                }
                _ => {}
            }
            let rock_ridge = rock.name.is_some();
            let RockRidge { link, compressed, .. } = rock;
            let (hidden, pieces) = (flags & 1 != 0, flags & 0x80 != 0);
            self.files.push(File { path, at, size, joliet, rock_ridge, link, hidden, compressed, pieces });
        }
        Ok(done)
    }
}

/// Offset and length of a record's extent, in bytes.
fn extent(record: &[u8]) -> Option<(u64, u64)> {
    let attributes = u64::from(*record.get(1)?);
    let at = (u64::from(u32_le(record, 2)?) + attributes) * SECTOR;
    Some((at, u64::from(u32_le(record, 10)?)))
}

#[derive(Debug, Default)]
struct RockRidge {
    name: Option<String>,
    link: Option<String>,
    child: Option<u64>,
    compressed: Option<(u8, u8)>,
    /// There are more fields than were read.
    cut: bool,
    /// Bytes of fields that were read.
    read: u64,
}

/// System use fields (SUSP 1.12, RRIP 1.12).
fn rock_ridge(input: &Content, record: &[u8], name_end: usize) -> Result<RockRidge, OpenError> {
    let mut out = RockRidge::default();
    // A byte of padding makes the name's end even.
    let mut area = record.get(name_end + usize::from(name_end % 2 == 1)..).unwrap_or_default().to_vec();
    let mut name: Vec<u8> = Vec::new();
    let mut link = String::new();
    for continuation in 0..=MOST_CONTINUATIONS {
        out.read = out.read.saturating_add(area.len() as u64);
        let mut next = None;
        let mut at = 0;
        while let (Some(id), Some(length)) = (area.get(at..at + 2), area.get(at + 2)) {
            let length = usize::from(*length);
            let Some(field) = area.get(at..at + length).filter(|_| length >= 4) else { break };
            at += length;
            match id {
                b"NM" => name.extend_from_slice(field.get(5..).unwrap_or_default()),
                b"SL" => link_text(field.get(5..).unwrap_or_default(), &mut link),
                b"CL" => out.child = u32_le(field, 4).map(|sector| u64::from(sector) * SECTOR),
                // zisofs, ZF: name of the compressor, words of the header, logarithm of a block's size.
                b"ZF" => out.compressed = field.get(6).copied().zip(field.get(7).copied()),
                b"CE" => {
                    if let (Some(sector), Some(offset), Some(length)) =
                        (u32_le(field, 4), u32_le(field, 12), u32_le(field, 20))
                    {
                        let start = u64::from(sector) * SECTOR + u64::from(offset);
                        out.cut |= u64::from(length) > SECTOR;
                        next = Some(input.window(start, (length as usize).min(SECTOR as usize))?.into_owned());
                    }
                }
                _ => {}
            }
        }
        match next {
            Some(continued) => area = continued,
            None => break,
        }
        out.cut |= continuation == MOST_CONTINUATIONS;
    }
    out.name = (!name.is_empty()).then(|| utf8_or_cp437(&name));
    out.link = (!link.is_empty()).then_some(link);
    Ok(out)
}

/// Components of a symbolic link (RRIP 4.1.3.1).
fn link_text(mut components: &[u8], out: &mut String) {
    while let [flags, length, rest @ ..] = components {
        let (text, after) = rest.split_at(usize::from(*length).min(rest.len()));
        components = after;
        if !out.is_empty() && !out.ends_with('/') {
            out.push('/');
        }
        match flags & 0x0e {
            2 => out.push('.'),
            4 => out.push_str(".."),
            8 => out.push('/'),
            _ => out.push_str(&utf8_or_cp437(text)),
        }
    }
}
