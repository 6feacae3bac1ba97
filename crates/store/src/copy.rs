//! Copies of what is kept, with their hashes: what a backup is made of.

use crate::StoreError;
use data_encoding::HEXLOWER;
use sha2::{Digest, Sha256};
use sqlx::SqliteConnection;
use std::fs::{File, OpenOptions};
use std::io::{self, Read, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;

const CHUNK: usize = 128 << 10;

/// A file's size and digest.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Copied {
    /// Size in bytes.
    pub bytes: u64,
    /// SHA-256, in hexadecimal.
    pub sha256: String,
}

/// Copies a file into a new one that only its owner may read, durably, and says what was copied.
///
/// # Errors
/// When one cannot be read or the other cannot be written, or is there already.
pub fn copy_file(from: &Path, to: &Path) -> io::Result<Copied> {
    let mut to = OpenOptions::new().write(true).create_new(true).mode(0o600).open(to)?;
    let copied = read(&mut File::open(from)?, |piece| to.write_all(piece))?;
    to.sync_all()?;
    Ok(copied)
}

/// A file's size and digest.
///
/// # Errors
/// When it cannot be read.
pub fn digest_of(path: &Path) -> io::Result<Copied> {
    read(&mut File::open(path)?, |_| Ok(()))
}

/// What an open file holds, from where it is read on.
///
/// # Errors
/// When it cannot be read.
pub fn digest_of_open(file: &mut File) -> io::Result<Copied> {
    read(file, |_| Ok(()))
}

fn read(from: &mut File, mut take: impl FnMut(&[u8]) -> io::Result<()>) -> io::Result<Copied> {
    let (mut hash, mut bytes, mut buffer) = (Sha256::new(), 0, vec![0; CHUNK]);
    loop {
        let n = from.read(&mut buffer)?;
        let piece = buffer.get(..n).unwrap_or_default();
        if piece.is_empty() {
            return Ok(Copied { bytes, sha256: HEXLOWER.encode(&hash.finalize()) });
        }
        hash.update(piece);
        take(piece)?;
        bytes += n as u64;
    }
}

/// Writes an SQLite database into a new file, as it is at one moment, while others go on (SQLite, "VACUUM INTO").
pub(crate) async fn database(connection: &mut SqliteConnection, path: &Path) -> Result<(), StoreError> {
    let failed = |source: sqlx::Error| StoreError::Copy { path: path.to_owned(), source };
    let named = path.to_str().ok_or_else(|| failed(sqlx::Error::Configuration("its path is not UTF-8".into())))?;
    sqlx::query("VACUUM INTO $1").bind(named.to_owned()).execute(connection).await.map_err(failed)?;
    // SQLite does not wait for the disk here.
    File::open(path).and_then(|file| file.sync_all()).map_err(|error| failed(sqlx::Error::Io(error)))
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::fs::PermissionsExt;

    #[test]
    fn a_copy_is_its_owners_alone_and_its_hash_is_of_what_was_copied() {
        let folder = tempfile::tempdir().unwrap();
        let (from, to) = (folder.path().join("from"), folder.path().join("to"));
        let content = vec![7; 300_001];
        std::fs::write(&from, &content).unwrap();
        let copied = copy_file(&from, &to).unwrap();
        assert!(std::fs::read(&to).unwrap() == content);
        assert_eq!(std::fs::metadata(&to).unwrap().permissions().mode() & 0o777, 0o600);
        assert_eq!(copied, Copied { bytes: 300_001, sha256: HEXLOWER.encode(&Sha256::digest(&content)) });
        assert_eq!(digest_of(&to).unwrap(), copied);
        assert!(copy_file(&from, &to).is_err(), "it was overwritten");
    }
}
