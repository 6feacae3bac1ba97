//! The data folder: for nobody's eyes but ours, whichever command makes it first.
//!
//! Passwords' hashes, the authority's key and hostile files are in it. What is made from now on is kept from others by the
//! process's mask of modes; what an older version or another program made open to others is closed, and that is said.

use crate::cli::Common;
use crate::display;
use crate::failure::Failure;
use crate::record::LEDGER;
use crate::sources::DEFAULT_DATA;
use rustix::fs::Mode;
use std::fs::{self, DirBuilder, Metadata, Permissions};
use std::os::unix::fs::{DirBuilderExt, MetadataExt, PermissionsExt};
use std::path::{Path, PathBuf};

/// The library's file in the data folder.
pub(crate) const LIBRARY: &str = "library.sqlite";
/// The folder of the search's index in the data folder.
pub(crate) const INDEX: &str = "library-search";
/// Permission bits of everybody but the owner.
const OTHERS: u32 = 0o077;
/// The sticky bit: many write to such a folder (`/tmp`).
const STICKY: u32 = 0o1000;
/// By which a folder is known to be one of ours.
const MARKS: [&str; 5] = [LEDGER, LIBRARY, "quarantine", "authority", INDEX];
/// What is in it beside those.
const PARTS: [&str; 6] = ["spool", "lists", "cache", "clock", crate::lock::LOCK, crate::record::KEY];

/// Keeps from others whatever this process makes from now on. To be called before there are threads.
pub(crate) fn mask() {
    rustix::process::umask(Mode::RWXG | Mode::RWXO);
}

/// The data folder that was named, or the usual one.
pub(crate) fn named(common: &Common) -> PathBuf {
    common.data.clone().unwrap_or_else(|| PathBuf::from(DEFAULT_DATA))
}

/// Makes a folder that only we may read, where there is none.
///
/// # Errors
/// When it cannot be made.
pub(crate) fn make(folder: &Path) -> Result<(), Failure> {
    let made = DirBuilder::new().recursive(true).mode(0o700).create(folder);
    made.map_err(|error| Failure::path(folder, error))
}

/// Closes a data folder, and what of ours is in it, that others may look into. A folder that is not one of ours is left
/// alone: a mistyped `--data` must not shut people out of theirs.
pub(crate) fn close(folder: &Path) {
    let Ok(meta) = fs::metadata(folder) else { return };
    if !meta.is_dir() || meta.mode() & STICKY != 0 || !is_ours(folder) {
        return;
    }
    close_one(folder, &meta, 0o700);
    for name in MARKS.iter().chain(&PARTS) {
        // SQLite keeps two files beside each database (its documentation, "Temporary Files").
        for suffix in ["", "-wal", "-shm"] {
            let path = folder.join(format!("{name}{suffix}"));
            // A link may lead anywhere.
            match fs::symlink_metadata(&path) {
                Ok(meta) if meta.is_dir() => close_one(&path, &meta, 0o700),
                Ok(meta) if meta.is_file() => close_one(&path, &meta, 0o600),
                _ => {}
            }
        }
    }
}

/// Whether a folder holds what we keep, or nothing at all.
fn is_ours(folder: &Path) -> bool {
    let empty = || fs::read_dir(folder).is_ok_and(|mut entries| entries.next().is_none());
    MARKS.iter().any(|mark| folder.join(mark).exists()) || empty()
}

fn close_one(path: &Path, meta: &Metadata, mode: u32) {
    let user = rustix::process::geteuid();
    if meta.mode() & OTHERS == 0 || !(user.is_root() || meta.uid() == user.as_raw()) {
        return;
    }
    let shown = display::path(path);
    match fs::set_permissions(path, Permissions::from_mode(mode)) {
        Ok(()) => display::remark(&format!(
            "`{shown}` was readable by others (mode {:o}); its mode is now {mode:o}",
            meta.mode() & 0o777
        )),
        Err(error) => display::complain(&format!(
            "`{shown}` is readable by others, and its mode cannot be changed: \
            {error}"
        )),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn mode(path: &Path) -> u32 {
        fs::metadata(path).unwrap().mode() & 0o777
    }

    fn open(path: &Path, mode: u32) {
        fs::set_permissions(path, Permissions::from_mode(mode)).unwrap();
    }

    #[test]
    fn what_is_ours_is_closed_and_nothing_else() {
        let folder = tempfile::tempdir().unwrap();
        let file = |name: &str| {
            let path = folder.path().join(name);
            fs::write(&path, "x").unwrap();
            open(&path, 0o644);
            path
        };
        let letter = file("letter.txt");
        open(folder.path(), 0o755);
        close(folder.path());
        assert_eq!(mode(folder.path()), 0o755, "somebody else's folder was shut");
        let (ledger, log) = (file(LEDGER), file("ledger.sqlite-wal"));
        close(folder.path());
        assert_eq!((mode(folder.path()), mode(&ledger), mode(&log), mode(&letter)), (0o700, 0o600, 0o600, 0o644));
        open(folder.path(), 0o1777);
        close(folder.path());
        assert_eq!(mode(folder.path()), 0o777, "a folder that many write to was shut");
    }
}
