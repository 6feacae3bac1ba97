//! Where bundles come from: files and folders, packed (zstd, gzip, xz) or in tar archives.

use crate::AttackError;
use crate::names::from_file_name;
use std::fs::File;
use std::io::{Cursor, Read};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

/// Packings within packings.
const MOST_LAYERS: usize = 4;
/// zstd's window, as a power of two: what `zstd --long=27` writes.
const WINDOW: u32 = 27;
/// Bytes of a packing's own buffers: xz asks for as much as its header says (the xz file format, 5.3.1).
const XZ_MEMORY_KB: u32 = 256 << 10;

/// What is told while bundles are read.
pub(crate) trait Sink {
    /// A bundle. What it returns ends reading, where it is an error.
    fn bundle(&mut self, name: &str, reader: &mut dyn Read) -> Result<(), AttackError>;
    /// A file that is no bundle by its name.
    fn skipped(&mut self, name: &str);
}

/// Reads every bundle below a path: a file is one, or an archive of several; a folder has them by their names.
pub(crate) fn read(path: &Path, read: &Arc<AtomicU64>, sink: &mut dyn Sink) -> Result<(), AttackError> {
    let meta = std::fs::metadata(path).map_err(|source| file(path, source))?;
    if !meta.is_dir() {
        return open(path, read, sink);
    }
    for path in files(path)? {
        let name = path.display().to_string();
        if is_wanted(&name) { open(&path, read, sink)? } else { sink.skipped(&name) }
    }
    Ok(())
}

/// Bytes of everything that would be read.
pub fn size(path: &Path) -> u64 {
    let length = |path: &Path| std::fs::metadata(path).map_or(0, |meta| meta.len());
    if path.is_dir() {
        files(path).map_or(0, |files| {
            files.iter().filter(|path| is_wanted(&path.display().to_string())).map(|path| length(path)).sum()
        })
    } else {
        length(path)
    }
}

/// Files in a folder and the folders in it, by name.
fn files(folder: &Path) -> Result<Vec<PathBuf>, AttackError> {
    let mut found = Vec::new();
    let mut folders = vec![folder.to_owned()];
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(&folder).map_err(|source| file(&folder, source))? {
            let entry = entry.map_err(|source| file(&folder, source))?;
            match entry.file_type().map_err(|source| file(&entry.path(), source))? {
                kind if kind.is_dir() => folders.push(entry.path()),
                kind if kind.is_file() => found.push(entry.path()),
                _ => {}
            }
        }
    }
    found.sort();
    Ok(found)
}

/// In folders and archives only what is named as a bundle, or as an archive of them, is one.
fn is_wanted(name: &str) -> bool {
    let base = name.rsplit('/').next().unwrap_or(name);
    let mut stem = base;
    for ending in [".zst", ".gz", ".xz"] {
        stem = stem.strip_suffix(ending).unwrap_or(stem);
    }
    let archive = stem.ends_with(".tar") || stem.ends_with(".tgz") || stem.ends_with(".txz");
    archive || (stem.ends_with(".json") && from_file_name(stem).0.is_some())
}

fn open(path: &Path, read: &Arc<AtomicU64>, sink: &mut dyn Sink) -> Result<(), AttackError> {
    let handle = File::open(path).map_err(|source| file(path, source))?;
    let mut counted = Counted { reader: handle, read: Arc::clone(read) };
    unpack(&path.display().to_string(), &mut counted, sink, 0)
}

/// Peels packings off by what they begin with, not by their names.
fn unpack(name: &str, reader: &mut dyn Read, sink: &mut dyn Sink, layers: usize) -> Result<(), AttackError> {
    let broken = |source| AttackError::File { path: name.to_owned(), source };
    if layers > MOST_LAYERS {
        return Err(broken(std::io::Error::other("packings within packings")));
    }
    let mut head = [0; 512];
    let mut filled = 0;
    while filled < head.len() {
        match reader.read(&mut head[filled..]).map_err(broken)? {
            0 => break,
            some => filled += some,
        }
    }
    let head = &head[..filled];
    let mut whole = Cursor::new(head.to_vec()).chain(reader);
    if head.starts_with(&[0x28, 0xb5, 0x2f, 0xfd]) {
        let mut decoder = zstd::stream::read::Decoder::new(whole).map_err(broken)?;
        decoder.window_log_max(WINDOW).map_err(broken)?;
        unpack(name, &mut decoder, sink, layers + 1)
    } else if head.starts_with(&[0x1f, 0x8b]) {
        unpack(name, &mut flate2::read::MultiGzDecoder::new(whole), sink, layers + 1)
    } else if head.starts_with(&[0xfd, b'7', b'z', b'X', b'Z', 0]) {
        unpack(name, &mut lzma_rust2::XzReader::new_mem_limit(whole, true, XZ_MEMORY_KB), sink, layers + 1)
    } else if head.get(257..262) == Some(b"ustar") {
        let mut archive = tar::Archive::new(whole);
        for entry in archive.entries().map_err(broken)? {
            let mut entry = entry.map_err(broken)?;
            let inner = format!("{name}//{}", String::from_utf8_lossy(&entry.path_bytes()));
            if !entry.header().entry_type().is_file() {
                continue;
            }
            if is_wanted(&inner) { unpack(&inner, &mut entry, sink, layers + 1)? } else { sink.skipped(&inner) }
        }
        Ok(())
    } else {
        sink.bundle(name, &mut whole)
    }
}

fn file(path: &Path, source: std::io::Error) -> AttackError {
    AttackError::File { path: path.display().to_string(), source }
}

struct Counted {
    reader: File,
    read: Arc<AtomicU64>,
}

impl Read for Counted {
    fn read(&mut self, buffer: &mut [u8]) -> std::io::Result<usize> {
        let some = self.reader.read(buffer)?;
        self.read.fetch_add(some as u64, Ordering::Relaxed);
        Ok(some)
    }
}
