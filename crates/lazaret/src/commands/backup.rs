//! `lazaret backup`: everything that is kept, as it is at one moment, in a new folder; `lazaret serve` may go on meanwhile.

use super::library;
use crate::cli::{Backup, Common};
use crate::config::Config;
use crate::failure::Failure;
use crate::manifest::{DATA, Entry, MANIFEST, Manifest, SETTINGS};
use crate::record::{self, KEY, LEDGER};
use crate::{display, folder};
use lazaret_store::{Copied, Ledger, Library, copy_file, digest_of};
use std::collections::HashSet;
use std::fs::{self, File};
use std::io::ErrorKind;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

pub(crate) fn run(common: &Common, options: &Backup) -> Result<ExitCode, Failure> {
    let config = Config::load(common.config.as_deref())?;
    let data = folder::named(common);
    let to = &options.folder;
    if !data.is_dir() {
        return Err(Failure::path(&data, "data folder not found; name it with `--data`"));
    }
    if fs::symlink_metadata(to).is_ok() {
        return Err(Failure::path(to, "it already exists; a backup is written to a new folder"));
    }
    let beside = to.parent().filter(|parent| !parent.as_os_str().is_empty()).unwrap_or(Path::new("."));
    // Under another name until it is whole.
    let partial = tempfile::Builder::new().prefix(".lazaret-backup-").tempdir_in(beside);
    let partial = partial.map_err(|error| Failure::path(beside, error))?;
    let mut copying = Copying {
        root: partial.path().to_owned(),
        manifest: Manifest::new(lazaret_store::now()),
        done: HashSet::new(),
    };
    let quarantine = data.join("quarantine");
    // Bytes are kept before the event that names them is recorded: what the ledger names when it is copied is in the first or
    // in the second round.
    copying.tree(&quarantine, "quarantine")?;
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    runtime.block_on(copying.databases(&config, &data, options.library))?;
    copying.tree(&quarantine, "quarantine")?;
    copying.tree(&data.join("authority"), "authority")?;
    copying.file(&record::key_path(&config.ledger.address, &data), &format!("{DATA}/{KEY}"))?;
    copying.settings(&config, common)?;
    let (files, bytes) = copying.end()?;
    fs::rename(partial.path(), to).map_err(|error| Failure::path(to, error))?;
    // There is nothing left that could be removed.
    let _ = partial.keep();
    File::open(beside).and_then(|folder| folder.sync_all()).map_err(|error| Failure::path(beside, error))?;
    display::remark(&format!("`{}`: {files} files, {}", display::path(to), display::size(bytes)));
    Ok(ExitCode::SUCCESS)
}

/// A backup in the making.
struct Copying {
    root: PathBuf,
    manifest: Manifest,
    /// Paths in the backup that are there.
    done: HashSet<String>,
}

impl Copying {
    /// The databases that are files, each as it is at one moment.
    async fn databases(&mut self, config: &Config, data: &Path, with_library: bool) -> Result<(), Failure> {
        if config.ledger.address.is_empty() && !data.join(LEDGER).exists() {
            return Err(Failure::path(data, "it contains no ledger: nothing has been recorded here yet"));
        }
        let to = format!("{DATA}/{LEDGER}");
        let place = self.place(&to)?;
        self.manifest.ledger = Ledger::copy(&record::address(config, data), &place).await?;
        if self.manifest.ledger {
            self.note(to, digest_of(&place).map_err(|error| Failure::path(&place, error))?);
        } else {
            display::remark(
                "the ledger is in PostgreSQL: back it up with `pg_dump`; everything else is in this backup",
            );
        }
        if with_library {
            let to = format!("{DATA}/{}", folder::LIBRARY);
            let place = self.place(&to)?;
            self.manifest.library = Library::copy(&library::address(config, data), &place).await?;
            if self.manifest.library {
                self.note(to, digest_of(&place).map_err(|error| Failure::path(&place, error))?);
            } else {
                display::remark("the library is in PostgreSQL: back it up with `pg_dump`");
            }
        }
        Ok(())
    }

    /// The configuration, and what it names and people wrote themselves: policies, rules, lists of hashes.
    fn settings(&mut self, config: &Config, common: &Common) -> Result<(), Failure> {
        if let Some(path) = Config::path(common.config.as_deref()) {
            self.file(path, &format!("{SETTINGS}/lazaret.toml"))?;
        }
        let lists = [
            ("policies", &config.policy.policies),
            ("rules", &config.detect.rules),
            ("hash-lists", &config.detect.hash_lists),
        ];
        for (kind, paths) in lists {
            for (number, path) in paths.iter().enumerate() {
                let name = path.file_name().unwrap_or_default().to_string_lossy();
                self.any(path, &format!("{SETTINGS}/{kind}/{number}-{name}"))?;
            }
        }
        Ok(())
    }

    /// Everything below a folder of the data folder that is whole, and was not copied before.
    fn tree(&mut self, from: &Path, to: &str) -> Result<(), Failure> {
        self.any(from, &format!("{DATA}/{to}"))
    }

    /// A file, or everything below a folder. What is gone in the meantime is left out.
    fn any(&mut self, from: &Path, to: &str) -> Result<(), Failure> {
        for entry in walkdir::WalkDir::new(from).sort_by_file_name() {
            let entry = match entry {
                Ok(entry) => entry,
                Err(error) if error.io_error().is_some_and(|error| error.kind() == ErrorKind::NotFound) => continue,
                Err(error) => return Err(error.into()),
            };
            let hidden = entry.file_name().to_string_lossy().starts_with('.');
            if !entry.file_type().is_file() || hidden {
                continue;
            }
            let below = entry.path().strip_prefix(from).unwrap_or(Path::new(""));
            let path = if below.as_os_str().is_empty() { to.to_owned() } else { format!("{to}/{}", below.display()) };
            self.file(entry.path(), &path)?;
        }
        Ok(())
    }

    /// One file. What is gone in the meantime is left out.
    fn file(&mut self, from: &Path, to: &str) -> Result<(), Failure> {
        if self.done.contains(to) || !from.exists() {
            return Ok(());
        }
        let place = self.place(to)?;
        match copy_file(from, &place) {
            Ok(copied) => {
                self.note(to.to_owned(), copied);
                Ok(())
            }
            Err(error) if error.kind() == ErrorKind::NotFound && !from.exists() => {
                // What was begun for it is no part of the backup.
                let _ = fs::remove_file(&place);
                Ok(())
            }
            Err(error) => Err(Failure::path(from, error)),
        }
    }

    /// Where something is to be, in a folder that is there.
    fn place(&self, to: &str) -> Result<PathBuf, Failure> {
        let place = self.root.join(to);
        if let Some(parent) = place.parent() {
            folder::make(parent)?;
        }
        Ok(place)
    }

    fn note(&mut self, path: String, copied: Copied) {
        self.done.insert(path.clone());
        self.manifest.files.push(Entry { path, bytes: copied.bytes, sha256: copied.sha256 });
    }

    /// Writes the manifest. How many files there are, and how many bytes.
    fn end(&self) -> Result<(usize, u64), Failure> {
        let path = self.root.join(MANIFEST);
        let written = fs::write(&path, self.manifest.text()?).and_then(|()| File::open(&path)?.sync_all());
        written.map_err(|error| Failure::path(&path, error))?;
        Ok((self.manifest.files.len(), self.manifest.files.iter().map(|entry| entry.bytes).sum()))
    }
}
