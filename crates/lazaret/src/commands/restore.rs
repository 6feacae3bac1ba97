//! `lazaret restore`: a backup becomes a data folder, once all of it is known to be as it was copied.

use crate::cli::{Common, Restore};
use crate::failure::Failure;
use crate::lock::{LOCK, Lock};
use crate::manifest::{DATA, Manifest, SETTINGS};
use crate::record::LEDGER;
use crate::{display, folder};
use lazaret_store::{Ledger, copy_file};
use std::fs;
use std::path::Path;
use std::process::ExitCode;

/// Where settings are put in the data folder: whoever restores it decides which are to count.
const RESTORED: &str = "restored-settings";

pub(crate) fn run(common: &Common, options: &Restore) -> Result<ExitCode, Failure> {
    let (from, data) = (&options.folder, folder::named(common));
    let manifest = Manifest::read(from)?;
    folder::make(&data)?;
    let _lock = alone(&data)?;
    // Nothing has its name before all of it is there.
    let partial = tempfile::Builder::new().prefix(".restored-").tempdir_in(&data);
    let partial = partial.map_err(|error| Failure::path(&data, error))?;
    for entry in &manifest.files {
        let Some(below) = entry.place() else { continue };
        let (source, place) = (from.join(&below), partial.path().join(&below));
        if let Some(parent) = place.parent() {
            folder::make(parent)?;
        }
        let copied = copy_file(&source, &place).map_err(|error| Failure::path(&source, error))?;
        if !entry.is(&copied) {
            return Err(Failure::path(&source, "the backup is damaged: its content has changed; nothing was restored"));
        }
    }
    let inside = partial.path().join(DATA);
    let ledger = inside.join(LEDGER);
    if ledger.exists() {
        let address = format!("sqlite:{}", ledger.display());
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
        runtime.block_on(Ledger::examine(&address, None))?;
    }
    move_all(&inside, &data)?;
    let settings = partial.path().join(SETTINGS);
    if settings.is_dir() {
        let place = data.join(RESTORED);
        fs::rename(&settings, &place).map_err(|error| Failure::path(&place, error))?;
        display::remark(&format!("the backed-up configuration is in `{}`; it is not in use", display::path(&place)));
    }
    if !manifest.ledger {
        display::remark(
            "the ledger was in PostgreSQL and is not in the backup: restore it with `pg_restore` or `psql`",
        );
    }
    display::remark(&format!("`{}`: {} files", display::path(&data), manifest.files.len()));
    Ok(ExitCode::SUCCESS)
}

/// Takes a data folder in which there is nothing.
fn alone(data: &Path) -> Result<Lock, Failure> {
    let mut names = Vec::new();
    for entry in fs::read_dir(data).map_err(|error| Failure::path(data, error))? {
        names.push(entry.map_err(|error| Failure::path(data, error))?.file_name());
    }
    let full = || {
        let why = "it is not empty; restore to a new folder and replace this one with it";
        Failure::path(data, why)
    };
    // Where no process ever was, nothing is left behind either.
    if !names.is_empty() && !names.iter().any(|name| name == LOCK) {
        return Err(full());
    }
    let lock = Lock::take(data)?;
    if names.len() > 1 { Err(full()) } else { Ok(lock) }
}

fn move_all(from: &Path, to: &Path) -> Result<(), Failure> {
    for entry in fs::read_dir(from).map_err(|error| Failure::path(from, error))? {
        let entry = entry.map_err(|error| Failure::path(from, error))?;
        let place = to.join(entry.file_name());
        fs::rename(entry.path(), &place).map_err(|error| Failure::path(&place, error))?;
    }
    Ok(())
}
