//! Where bundles come from: files and folders, packed (zstd, gzip, xz) or in tar archives. Folders are read here; files are opened
//! here and unpacked in a process of its own (`unpack.rs`), which calls [`member`].

use crate::AttackError;
use crate::names::from_file_name;
use crate::unpack::{Unpacker, receive};
use std::fs::File;
use std::io::{Cursor, Read};
use std::path::{Path, PathBuf};
use std::sync::atomic::AtomicU64;

/// Packings within packings.
const MOST_LAYERS: usize = 4;
/// zstd's window, as a power of two: what `zstd --long=27` writes.
const WINDOW: u32 = 27;
/// Bytes of a packing's own buffers: xz asks for as much as its header says (the xz file format, 5.3.1).
const XZ_MEMORY_KB: u32 = 256 << 10;

/// What is told while bundles are read. An error from any of these ends reading.
pub(crate) trait Sink {
    /// A bundle.
    fn bundle(&mut self, name: &str, reader: &mut dyn Read) -> Result<(), AttackError>;
    /// Something that is not read, and why.
    fn skipped(&mut self, name: &str, reason: &'static str) -> Result<(), AttackError>;
    /// Something that should have been read and cannot be.
    fn refused(&mut self, name: &str, error: AttackError) -> Result<(), AttackError>;
}

const OTHER_NAME: &str = "its name is not that of a bundle";
const LINK: &str = "it is a link to a folder or a broken link";
const SPECIAL: &str = "it is not a file";
/// Why members of archives are not read.
pub(crate) const REASONS: [&str; 2] = [OTHER_NAME, SPECIAL];

/// Reads every bundle below a path: a file is one, or an archive of several; a folder has them by their names. What cannot be
/// read is told, and what follows it is read nevertheless.
///
/// # Errors
/// Those of the sink.
pub(crate) fn read(
    path: &Path,
    unpacker: &dyn Unpacker,
    read: &AtomicU64,
    sink: &mut dyn Sink,
) -> Result<(), AttackError> {
    let name = path.display().to_string();
    match std::fs::metadata(path) {
        Err(source) => return sink.refused(&name, file(path, source)),
        Ok(meta) if !meta.is_dir() => return open(path, unpacker, read, sink),
        Ok(_) => {}
    }
    let listing = files(path);
    for (path, reason) in &listing.passed {
        sink.skipped(&path.display().to_string(), reason)?;
    }
    let mut met = listing.unreadable.len();
    for (path, source) in listing.unreadable {
        sink.refused(&path.display().to_string(), file(&path, source))?;
    }
    for path in listing.files {
        let name = path.display().to_string();
        if is_wanted(&name) {
            met += 1;
            open(&path, unpacker, read, sink)?;
        } else {
            sink.skipped(&name, OTHER_NAME)?;
        }
    }
    if met == 0 { sink.refused(&name, nothing("folder")) } else { Ok(()) }
}

fn nothing(what: &str) -> AttackError {
    AttackError::Named(format!("nothing in this {what} is named like a bundle, such as `enterprise-attack-17.1.json`"))
}

/// Bytes of everything that would be read.
pub fn size(path: &Path) -> u64 {
    let length = |path: &Path| std::fs::metadata(path).map_or(0, |meta| meta.len());
    if path.is_dir() {
        let files = files(path).files;
        files.iter().filter(|path| is_wanted(&path.display().to_string())).map(|path| length(path)).sum()
    } else {
        length(path)
    }
}

/// What is in a folder and the folders in it.
#[derive(Default)]
struct Listing {
    /// Files, and links to files, by name.
    files: Vec<PathBuf>,
    /// What is not read, and why.
    passed: Vec<(PathBuf, &'static str)>,
    unreadable: Vec<(PathBuf, std::io::Error)>,
}

fn files(folder: &Path) -> Listing {
    let mut found = Listing::default();
    let mut folders = vec![folder.to_owned()];
    while let Some(folder) = folders.pop() {
        let entries = match std::fs::read_dir(&folder) {
            Ok(entries) => entries,
            Err(error) => {
                found.unreadable.push((folder, error));
                continue;
            }
        };
        for entry in entries {
            let kind = entry.and_then(|entry| Ok((entry.path(), entry.file_type()?)));
            match kind {
                Err(error) => found.unreadable.push((folder.clone(), error)),
                Ok((path, kind)) if kind.is_dir() => folders.push(path),
                Ok((path, kind)) if kind.is_file() => found.files.push(path),
                // Links to folders could lead in circles.
                Ok((path, kind)) if kind.is_symlink() => match std::fs::metadata(&path) {
                    Ok(meta) if meta.is_file() => found.files.push(path),
                    _ => found.passed.push((path, LINK)),
                },
                Ok((path, _)) => found.passed.push((path, SPECIAL)),
            }
        }
    }
    found.files.sort();
    found.passed.sort();
    found
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

fn open(path: &Path, unpacker: &dyn Unpacker, read: &AtomicU64, sink: &mut dyn Sink) -> Result<(), AttackError> {
    let name = path.display().to_string();
    let file = match File::open(path) {
        Ok(file) => file,
        Err(source) => return sink.refused(&name, self::file(path, source)),
    };
    match unpacker.start(file) {
        Ok(mut process) => receive(&name, &mut *process, read, sink),
        Err(error) => {
            let why = format!("it cannot be started: {error}");
            sink.refused(&name, AttackError::Unpacker { path: name.clone(), why })
        }
    }
}

/// Reads what a file or an archive's member holds; what is wrong with it alone is told.
pub(crate) fn member(name: &str, reader: &mut dyn Read, sink: &mut dyn Sink, layers: usize) -> Result<(), AttackError> {
    match unpack(name, reader, sink, layers) {
        Err(error @ (AttackError::File { .. } | AttackError::Cut { .. })) => sink.refused(name, error),
        other => other,
    }
}

/// Peels packings off by what they begin with, not by their names.
fn unpack(name: &str, reader: &mut dyn Read, sink: &mut dyn Sink, layers: usize) -> Result<(), AttackError> {
    let broken = |source| AttackError::File { path: name.to_owned(), source };
    if layers > MOST_LAYERS {
        return Err(broken(std::io::Error::other("nested compression")));
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
        let cut = |source| AttackError::Cut { path: name.to_owned(), source };
        let mut met = 0;
        for entry in archive.entries().map_err(broken)? {
            let mut entry = entry.map_err(cut)?;
            let inner = format!("{name}//{}", String::from_utf8_lossy(&entry.path_bytes()));
            let kind = entry.header().entry_type();
            if kind.is_dir() || kind.is_pax_global_extensions() {
                continue;
            }
            if !(kind.is_file() || kind.is_contiguous()) {
                sink.skipped(&inner, SPECIAL)?;
            } else if is_wanted(&inner) {
                met += 1;
                member(&inner, &mut entry, sink, layers + 1)?;
            } else {
                sink.skipped(&inner, OTHER_NAME)?;
            }
        }
        if met == 0 { sink.refused(name, nothing("archive")) } else { Ok(()) }
    } else {
        sink.bundle(name, &mut whole)
    }
}

fn file(path: &Path, source: std::io::Error) -> AttackError {
    AttackError::File { path: path.display().to_string(), source }
}
