//! The corpus: one harmless stand-in or more for every row of `docs/vectors.md`, with what a scan must say about it.
//!
//! A stand-in lies in the folder of the format or detector that it proves: `crates/formats/corpus/<format>/` or
//! `crates/detect/corpus/<detector>/`. It is stored encoded, so that no scanner, indexer or double click meets it.

#![allow(
    clippy::expect_used,
    clippy::panic,
    clippy::unwrap_used,
    reason = "a tool for maintainers: where it fails, it says so and ends"
)]

pub mod attack;
pub mod build;
mod rows;
mod seeds;
mod standin;
mod table;
mod vectors;

pub use seeds::unpack;
pub use standin::{Expect, Standin};
pub use table::{Line, check, report};
pub use vectors::{Covered, ROWS, Row};

use std::io::{Read as _, Write as _};
use std::path::{Path, PathBuf};

/// What a stored stand-in begins with.
const MARK: &[u8] = b"LAZARET STAND-IN 1\n";
/// What every byte of the deflated stand-in is turned with.
const TURN: u8 = 0xa5;
/// What the names of stored stand-ins end in.
pub const EXTENSION: &str = "standin";

/// Every stand-in, in the order of the rows.
pub fn all() -> Vec<Standin> {
    let mut all = rows::all();
    let place = |standin: &Standin| ROWS.iter().position(|row| row.id == standin.row).unwrap_or(ROWS.len());
    all.sort_by_key(place);
    all
}

/// The stand-ins of one row, without making the others.
pub fn of_row(row: &str) -> Vec<Standin> {
    rows::of(row)
}

/// The stored form: a mark, then the name and the bytes, deflated and turned.
pub fn encode(name: &str, bytes: &[u8]) -> Vec<u8> {
    let plain = [&(name.len() as u32).to_le_bytes(), name.as_bytes(), bytes].concat();
    let mut encoder = flate2::write::DeflateEncoder::new(Vec::new(), flate2::Compression::best());
    encoder.write_all(&plain).expect("memory can be written");
    let deflated = encoder.finish().expect("memory can be written");
    [MARK, &deflated.iter().map(|byte| byte ^ TURN).collect::<Vec<_>>()].concat()
}

/// Name and bytes of a stored stand-in; none if it is not one.
pub fn decode(stored: &[u8]) -> Option<(String, Vec<u8>)> {
    let turned: Vec<u8> = stored.strip_prefix(MARK)?.iter().map(|byte| byte ^ TURN).collect();
    let mut plain = Vec::new();
    flate2::read::DeflateDecoder::new(turned.as_slice()).read_to_end(&mut plain).ok()?;
    let (length, rest) = plain.split_at_checked(4)?;
    let length = u32::from_le_bytes(length.try_into().ok()?);
    let (name, bytes) = rest.split_at_checked(usize::try_from(length).ok()?)?;
    Some((String::from_utf8(name.to_vec()).ok()?, bytes.to_vec()))
}

/// The repository's root.
pub fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..")
}

/// The stand-ins stored in a folder: name and bytes, in the order of their file names.
///
/// # Errors
/// When the folder or a file cannot be read, or a file is not a stand-in; the text names it.
pub fn stored(folder: &Path) -> Result<Vec<(String, Vec<u8>)>, String> {
    let named = |error: std::io::Error| format!("`{}`: {error}", folder.display());
    let mut paths = Vec::new();
    for entry in std::fs::read_dir(folder).map_err(named)? {
        let path = entry.map_err(named)?.path();
        if path.extension().is_some_and(|extension| extension == EXTENSION) {
            paths.push(path);
        }
    }
    paths.sort();
    let read = |path: &PathBuf| {
        let bytes = std::fs::read(path).map_err(|error| format!("`{}`: {error}", path.display()))?;
        decode(&bytes).ok_or_else(|| format!("`{}` is not a stand-in", path.display()))
    };
    paths.iter().map(read).collect()
}

/// Writes every stand-in that is missing or differs, removes those that no row makes any more, and says how many
/// of each.
///
/// # Errors
/// When a file cannot be written; the text names it.
pub fn write(root: &Path) -> Result<(usize, usize), String> {
    let (mut written, mut removed) = (0, 0);
    let all = all();
    for standin in &all {
        let path = root.join(standin.path());
        let now = std::fs::read(&path).ok().and_then(|bytes| decode(&bytes));
        let same = now.is_some_and(|(name, bytes)| name == standin.name && (standin.salted || bytes == standin.bytes));
        if !same {
            let folder = path.parent().unwrap_or(root);
            std::fs::create_dir_all(folder)
                .and_then(|()| std::fs::write(&path, encode(&standin.name, &standin.bytes)))
                .map_err(|error| format!("`{}`: {error}", path.display()))?;
            written += 1;
        }
    }
    let wanted: Vec<PathBuf> = all.iter().map(|standin| root.join(standin.path())).collect();
    for path in stored_paths(root) {
        if !wanted.contains(&path) {
            std::fs::remove_file(&path).map_err(|error| format!("`{}`: {error}", path.display()))?;
            removed += 1;
        }
    }
    Ok((written, removed))
}

/// Every stored stand-in of the repository.
pub fn stored_paths(root: &Path) -> Vec<PathBuf> {
    let mut paths = Vec::new();
    let mut folders = vec![root.join("crates/formats/corpus"), root.join("crates/detect/corpus")];
    while let Some(folder) = folders.pop() {
        for path in std::fs::read_dir(folder).into_iter().flatten().flatten().map(|entry| entry.path()) {
            if path.is_dir() {
                folders.push(path);
            } else if path.extension().is_some_and(|extension| extension == EXTENSION) {
                paths.push(path);
            }
        }
    }
    paths.sort();
    paths
}

#[cfg(test)]
mod tests {
    use super::{decode, encode};

    #[test]
    fn a_stored_stand_in_cannot_be_mistaken_and_comes_back() {
        let eicar = crate::build::eicar();
        let stored = encode("a\u{202e}b.com", &eicar);
        assert!(!stored.windows(8).any(|window| eicar.windows(8).any(|own| own == window)));
        assert_eq!(decode(&stored), Some(("a\u{202e}b.com".to_owned(), eicar)));
        assert_eq!(decode(&stored[1..]), None);
        assert_eq!(decode(b"LAZARET STAND-IN 1\n"), None);
    }
}
