//! Quarantined bytes: one file each, named after the SHA-256 of the content and stored encoded, so that no scanner,
//! indexer or double click meets them as they were.
//!
//! A file is: `LAZQ1\n`, 32 random bytes, then the content, each byte combined (exclusive or) with a byte of the key
//! in turn. This hides nothing from anybody who wants to look; it keeps accidents away.

use crate::{Blobs, StoreError};
use data_encoding::HEXLOWER;
use sha2::{Digest, Sha256};
use std::fs::{self, File};
use std::io::{self, Read, Seek, SeekFrom, Write};
use std::os::fd::AsRawFd;
use std::path::{Path, PathBuf};

const MAGIC: &[u8; 6] = b"LAZQ1\n";
const KEY: usize = 32;
const CHUNK: usize = 128 << 10;
/// What names of files that are not whole yet begin with.
const HALF_WRITTEN: &str = ".new-";
/// Bytes before the content.
const HEADER: u64 = (MAGIC.len() + KEY) as u64;

/// A folder of quarantined bytes.
#[derive(Debug, Clone)]
pub struct BlobFolder {
    folder: PathBuf,
}

impl BlobFolder {
    /// Opens a folder, which must exist.
    ///
    /// # Errors
    /// When the folder cannot be read.
    pub fn open(folder: &Path) -> Result<Self, StoreError> {
        fs::read_dir(folder).map_err(failed(folder, "read"))?;
        Ok(Self { folder: folder.to_owned() })
    }

    /// Removes what a crash left half-written. Only for the only process that uses the folder: somebody else's would be in the making.
    ///
    /// # Errors
    /// When the folder cannot be read.
    pub fn sweep(&self) -> Result<(), StoreError> {
        for entry in fs::read_dir(&self.folder).map_err(failed(&self.folder, "read"))?.flatten() {
            if entry.file_name().to_string_lossy().starts_with(HALF_WRITTEN) {
                let _ = fs::remove_file(entry.path());
            }
        }
        Ok(())
    }

    fn path(&self, sha256: &str) -> PathBuf {
        self.folder.join(sha256.get(..2).unwrap_or("__")).join(sha256)
    }
}

impl Blobs for BlobFolder {
    fn keep(&self, content: &mut dyn Read) -> Result<String, StoreError> {
        let new = tempfile::Builder::new().prefix(HALF_WRITTEN).tempfile_in(&self.folder);
        let mut new = new.map_err(failed(&self.folder, "written"))?;
        let mut key = [0; KEY];
        getrandom::fill(&mut key).map_err(|error| StoreError::Random(error.to_string()))?;
        let mut hash = Sha256::new();
        let mut written = || -> io::Result<()> {
            let file = new.as_file_mut();
            file.write_all(MAGIC)?;
            file.write_all(&key)?;
            let mut buffer = vec![0; CHUNK];
            let mut at = 0;
            loop {
                let n = content.read(&mut buffer)?;
                if n == 0 {
                    break;
                }
                let piece = buffer.get_mut(..n).unwrap_or_default();
                hash.update(&*piece);
                veil(piece, &key, at);
                at += n;
                file.write_all(piece)?;
            }
            file.sync_all()
        };
        written().map_err(failed(&self.folder, "written"))?;
        let sha256 = HEXLOWER.encode(&hash.finalize());
        let path = self.path(&sha256);
        let folder = path.parent().unwrap_or(&self.folder).to_owned();
        fs::create_dir_all(&folder).map_err(failed(&folder, "made"))?;
        new.persist(&path).map_err(|error| StoreError::Blob {
            path: path.clone(),
            step: "written",
            source: error.error,
        })?;
        // The name must be as durable as what it names.
        for folder in [&folder, &self.folder] {
            File::open(folder).and_then(|folder| folder.sync_all()).map_err(failed(folder, "written"))?;
        }
        Ok(sha256)
    }

    fn fetch(&self, sha256: &str) -> Result<Option<File>, StoreError> {
        if !is_hash(sha256) {
            return Ok(None);
        }
        let path = self.path(sha256);
        let mut kept = match File::open(&path) {
            Ok(file) => file,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
            Err(source) => return Err(StoreError::Blob { path, step: "read", source }),
        };
        let mut plain = tempfile::tempfile_in(&self.folder).map_err(failed(&self.folder, "written"))?;
        let mut hash = Sha256::new();
        let mut copied = || -> io::Result<bool> {
            let mut magic = [0; MAGIC.len()];
            let mut key = [0; KEY];
            kept.read_exact(&mut magic)?;
            kept.read_exact(&mut key)?;
            let mut buffer = vec![0; CHUNK];
            let mut at = 0;
            loop {
                let n = kept.read(&mut buffer)?;
                if n == 0 {
                    break;
                }
                let piece = buffer.get_mut(..n).unwrap_or_default();
                veil(piece, &key, at);
                at += n;
                hash.update(&*piece);
                plain.write_all(piece)?;
            }
            Ok(magic == *MAGIC)
        };
        let whole = copied().map_err(failed(&path, "read"))?;
        if !whole || HEXLOWER.encode(&hash.finalize()) != sha256 {
            return Err(StoreError::Damaged(path));
        }
        read_only(&plain).map(Some).map_err(failed(&self.folder, "read"))
    }

    fn about(&self, sha256: &str) -> Result<Option<(u64, i64)>, StoreError> {
        if !is_hash(sha256) {
            return Ok(None);
        }
        let path = self.path(sha256);
        match fs::metadata(&path) {
            Ok(meta) => Ok(Some((meta.len().saturating_sub(HEADER), kept_at(&meta)))),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
            Err(source) => Err(StoreError::Blob { path, step: "read", source }),
        }
    }

    fn piece(&self, sha256: &str, from: u64, most: usize) -> Result<Option<Vec<u8>>, StoreError> {
        if !is_hash(sha256) {
            return Ok(None);
        }
        let path = self.path(sha256);
        let mut kept = match File::open(&path) {
            Ok(file) => file,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
            Err(source) => return Err(StoreError::Blob { path, step: "read", source }),
        };
        let read = || -> io::Result<Vec<u8>> {
            let mut key = [0; KEY];
            kept.seek(SeekFrom::Start(MAGIC.len() as u64))?;
            kept.read_exact(&mut key)?;
            kept.seek(SeekFrom::Start(HEADER.saturating_add(from)))?;
            let mut piece = Vec::new();
            kept.take(most as u64).read_to_end(&mut piece)?;
            veil(&mut piece, &key, usize::try_from(from % KEY as u64).unwrap_or(0));
            Ok(piece)
        };
        read().map(Some).map_err(failed(&path, "read"))
    }

    fn forget(&self, sha256: &str) -> Result<(), StoreError> {
        if !is_hash(sha256) {
            return Ok(());
        }
        let path = self.path(sha256);
        match fs::remove_file(&path) {
            Err(source) if source.kind() != io::ErrorKind::NotFound => {
                Err(StoreError::Blob { path, step: "removed", source })
            }
            _ => Ok(()),
        }
    }

    fn list(&self) -> Result<Vec<(String, u64, i64)>, StoreError> {
        let mut list = Vec::new();
        for folder in fs::read_dir(&self.folder).map_err(failed(&self.folder, "read"))?.flatten() {
            let Ok(files) = fs::read_dir(folder.path()) else { continue };
            for file in files.flatten() {
                let name = file.file_name().to_string_lossy().into_owned();
                let Ok(meta) = file.metadata() else { continue };
                if is_hash(&name) {
                    list.push((name, meta.len(), kept_at(&meta)));
                }
            }
        }
        list.sort_by_key(|(_, _, at)| *at);
        Ok(list)
    }
}

/// A file that has no name, opened again to be read only, from its beginning. The one descriptor that could write is the caller's.
pub(crate) fn read_only(file: &File) -> io::Result<File> {
    File::open(format!("/proc/self/fd/{}", file.as_raw_fd()))
}

/// When a file was kept last, in milliseconds since 1970.
fn kept_at(meta: &fs::Metadata) -> i64 {
    let since = meta.modified().ok().and_then(|at| at.duration_since(std::time::UNIX_EPOCH).ok());
    since.and_then(|since| i64::try_from(since.as_millis()).ok()).unwrap_or(0)
}

fn is_hash(text: &str) -> bool {
    text.len() == 64 && text.bytes().all(|byte| byte.is_ascii_digit() || (b'a'..=b'f').contains(&byte))
}

fn veil(bytes: &mut [u8], key: &[u8; KEY], at: usize) {
    for (byte, key) in bytes.iter_mut().zip(key.iter().cycle().skip(at % KEY)) {
        *byte ^= key;
    }
}

fn failed(path: &Path, step: &'static str) -> impl FnOnce(io::Error) -> StoreError + use<> {
    let path = path.to_owned();
    move |source| StoreError::Blob { path, step, source }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_kept_is_not_to_be_seen_in_the_folder() {
        let folder = tempfile::tempdir().unwrap();
        let blobs = BlobFolder::open(folder.path()).unwrap();
        for content in [b"MZ something to run".to_vec(), vec![7; 300_001]] {
            let sha256 = blobs.keep(&mut content.as_slice()).unwrap();
            let stored = fs::read(blobs.path(&sha256)).unwrap();
            assert!(!stored.windows(content.len().min(12)).any(|w| content.starts_with(w)));
        }
        // What is no name of a content leads nowhere.
        fs::write(folder.path().join("other"), b"other").unwrap();
        for name in ["../other", "other", ""] {
            assert!(blobs.fetch(name).unwrap().is_none() && blobs.about(name).unwrap().is_none(), "{name}");
            blobs.forget(name).unwrap();
        }
        assert!(folder.path().join("other").exists());
    }

    #[test]
    fn damage_is_noticed_and_half_a_file_is_swept_away() {
        let folder = tempfile::tempdir().unwrap();
        let blobs = BlobFolder::open(folder.path()).unwrap();
        let sha256 = blobs.keep(&mut &b"content"[..]).unwrap();
        let path = blobs.path(&sha256);
        let mut stored = fs::read(&path).unwrap();
        *stored.last_mut().unwrap() ^= 1;
        fs::write(&path, &stored).unwrap();
        assert!(matches!(blobs.fetch(&sha256), Err(StoreError::Damaged(_))));
        fs::write(folder.path().join(".new-abc"), b"LAZ").unwrap();
        BlobFolder::open(folder.path()).unwrap();
        assert!(folder.path().join(".new-abc").exists(), "whoever only reads took it from whoever writes it");
        blobs.sweep().unwrap();
        assert!(!folder.path().join(".new-abc").exists());
        blobs.forget(&sha256).unwrap();
        assert!(blobs.fetch(&sha256).unwrap().is_none());
    }
}
