//! Compiled hash lists on disk, so that starting means reading none of them.
//!
//! An entry belongs to a list's path, and is good for as long as that file is the one it was made from and nobody wrote to it
//! since. Entries are written under another name and renamed, so that a process that has one mapped keeps it whole.

use crate::system;
use data_encoding::HEXLOWER;
use lazaret_detect::{HashListError, compile_hash_list};
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};
use std::fs::{self, File};
use std::io::{self, BufReader, BufWriter, Read, Write};
use std::os::fd::OwnedFd;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

/// The form of compiled lists: another number for each change of it.
const FORM: u32 = 1;
/// Entries that are kept; older ones are deleted.
const MOST_ENTRIES: usize = 64;
/// How long ago a file must have changed at the least for its times to tell that nobody wrote to it since.
const SETTLED: Duration = Duration::from_secs(1);

/// A list of hashes that is configured.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HashListFile {
    /// What findings and notices call it.
    pub name: String,
    /// Where it is.
    pub path: PathBuf,
}

/// A list as a worker takes it.
pub(crate) struct CompiledList {
    pub(crate) name: String,
    pub(crate) file: OwnedFd,
    pub(crate) len: u64,
    /// SHA-256 of the list it was made from, lower-case hexadecimal.
    pub(crate) sha256: String,
    /// Why the cache could not be used, if so; the list is there all the same.
    pub(crate) trouble: Option<String>,
}

/// What an entry was made from.
#[derive(Serialize, Deserialize, PartialEq, Eq)]
struct Meta {
    form: u32,
    source: Stamp,
    /// The times of the source tell whether it was changed since.
    settled: bool,
    sha256: String,
    len: u64,
}

/// A file as the disk knows it. Whoever writes to it changes one of these.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
struct Stamp {
    device: u64,
    number: u64,
    size: u64,
    modified: (i64, i64),
    changed: (i64, i64),
}

impl Stamp {
    fn of(file: &File) -> io::Result<Self> {
        let meta = file.metadata()?;
        Ok(Self {
            device: meta.dev(),
            number: meta.ino(),
            size: meta.size(),
            modified: (meta.mtime(), meta.mtime_nsec()),
            changed: (meta.ctime(), meta.ctime_nsec()),
        })
    }

    fn is_settled(&self, now: SystemTime) -> bool {
        let (seconds, nanoseconds) = self.changed;
        let since = u64::try_from(seconds).unwrap_or(0);
        let changed = Duration::new(since, u32::try_from(nanoseconds).unwrap_or(0));
        let now = now.duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
        now.checked_sub(changed).is_some_and(|ago| ago >= SETTLED)
    }
}

/// A list from the cache, or compiled and put there.
pub(crate) fn compiled(list: &HashListFile, folder: Option<&Path>) -> Result<CompiledList, HashListError> {
    let failed = |error: io::Error| HashListError::Read { list: list.name.clone(), why: error.to_string() };
    let source = File::open(&list.path).map_err(failed)?;
    let stamp = Stamp::of(&source).map_err(failed)?;
    if let Some(found) = folder.and_then(|folder| read(list, folder, &stamp)) {
        return Ok(found);
    }
    let now = SystemTime::now();
    let mut hashing = Hashing { source, hash: Sha256::new() };
    let mut from = BufReader::with_capacity(1 << 20, &mut hashing);
    let temporary = folder.map(|folder| {
        let made = fs::create_dir_all(folder).and_then(|()| tempfile::NamedTempFile::new_in(folder));
        made.map(|file| (folder, file)).map_err(|error| format!("`{}`: {error}", folder.display()))
    });
    let mut trouble = None;
    let (file, len) = match temporary {
        Some(Ok((folder, file))) => {
            let mut to = BufWriter::with_capacity(1 << 20, file);
            compile_hash_list(&list.name, &mut from, &mut to)?;
            let written = to.into_inner().map_err(io::IntoInnerError::into_error);
            let write = |error: io::Error| HashListError::Write { list: list.name.clone(), why: error.to_string() };
            let file = written.map_err(write)?;
            let len = file.as_file().metadata().map_err(write)?.len();
            let kept = File::open(file.path()).map_err(write)?;
            let settled = stamp.is_settled(now) && Stamp::of(&hashing.source).is_ok_and(|after| after == stamp);
            let sha256 = HEXLOWER.encode(&hashing.hash.clone().finalize());
            let meta = Meta { form: FORM, source: stamp, settled, sha256, len };
            trouble = keep(list, folder, file, &meta).err().map(|error| format!("`{}`: {error}", folder.display()));
            (OwnedFd::from(kept), len)
        }
        other => {
            let mut bytes = Vec::new();
            compile_hash_list(&list.name, &mut from, &mut bytes)?;
            trouble = trouble.or(other.and_then(Result::err));
            (system::sealed(&bytes).map_err(failed)?, bytes.len() as u64)
        }
    };
    let sha256 = HEXLOWER.encode(&hashing.hash.finalize());
    let name = list.name.clone();
    let trouble = trouble.map(|why| {
        format!(
            "the compiled form of `{name}` could not be cached, so every start will compile it: \
            {why}"
        )
    });
    Ok(CompiledList { name, file, len, sha256, trouble })
}

/// What is read, hashed on the way.
struct Hashing {
    source: File,
    hash: Sha256,
}

impl Read for Hashing {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let n = self.source.read(buffer)?;
        self.hash.update(buffer.get(..n).unwrap_or_default());
        Ok(n)
    }
}

fn paths(list: &HashListFile, folder: &Path) -> (PathBuf, PathBuf) {
    let path = fs::canonicalize(&list.path).unwrap_or_else(|_| list.path.clone());
    let key = HEXLOWER.encode(&Sha256::digest(path.as_os_str().as_bytes()));
    (folder.join(format!("hashes-{key}.list")), folder.join(format!("hashes-{key}.json")))
}

fn read(list: &HashListFile, folder: &Path, stamp: &Stamp) -> Option<CompiledList> {
    let (path, meta) = paths(list, folder);
    let meta: Meta = serde_json::from_slice(&fs::read(meta).ok()?).ok()?;
    let file = File::open(path).ok()?;
    let good = meta.form == FORM && meta.settled && meta.source == *stamp && file.metadata().ok()?.len() == meta.len;
    let name = list.name.clone();
    good.then(|| CompiledList { name, file: file.into(), len: meta.len, sha256: meta.sha256, trouble: None })
}

fn keep(list: &HashListFile, folder: &Path, file: tempfile::NamedTempFile, meta: &Meta) -> io::Result<()> {
    let (path, meta_path) = paths(list, folder);
    // Without its description an entry is none: neither is ever beside one that it does not belong to.
    let _ = fs::remove_file(&meta_path);
    file.as_file().sync_all()?;
    file.persist(path).map_err(|error| error.error)?;
    let mut described = tempfile::NamedTempFile::new_in(folder)?;
    described.write_all(&serde_json::to_vec(meta)?)?;
    described.persist(meta_path).map_err(|error| error.error)?;
    crate::cache::trim(folder, "list", MOST_ENTRIES);
    Ok(())
}

#[cfg(test)]
mod tests;
