//! What a backup holds: a folder with `manifest.json`, in which every other file stands with its length and hash.

use crate::failure::Failure;
use lazaret_store::Copied;
use serde::{Deserialize, Serialize};
use std::path::{Component, Path, PathBuf};

/// The manifest's file.
pub(crate) const MANIFEST: &str = "manifest.json";
/// The folder of what belongs into the data folder, and of the settings, which do not.
pub(crate) const DATA: &str = "data";
pub(crate) const SETTINGS: &str = "settings";
/// What the form of a backup is called.
const SCHEMA: &str = "lazaret.backup/1";

/// What a backup holds.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Manifest {
    schema: String,
    /// The version of Lazaret that made it.
    pub(crate) version: String,
    /// When, in milliseconds since 1970.
    pub(crate) made_at: i64,
    /// Whether the ledger is in it; else a server has it.
    pub(crate) ledger: bool,
    /// Whether the ATT&CK library is in it.
    pub(crate) library: bool,
    pub(crate) files: Vec<Entry>,
}

/// A file of a backup.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Entry {
    /// Below the backup's folder, with `/` between names.
    pub(crate) path: String,
    pub(crate) bytes: u64,
    pub(crate) sha256: String,
}

impl Manifest {
    pub(crate) fn new(made_at: i64) -> Self {
        Self {
            schema: SCHEMA.to_owned(),
            version: env!("CARGO_PKG_VERSION").to_owned(),
            made_at,
            ledger: false,
            library: false,
            files: Vec::new(),
        }
    }

    /// Reads the manifest of a backup.
    ///
    /// # Errors
    /// When there is none, or it is of another form.
    pub(crate) fn read(folder: &Path) -> Result<Self, Failure> {
        let path = folder.join(MANIFEST);
        let text = std::fs::read_to_string(&path).map_err(|error| Failure::path(&path, error))?;
        let manifest: Self = serde_json::from_str(&text)
            .map_err(|error| Failure::path(&path, format!("not a backup manifest: {error}")))?;
        if manifest.schema != SCHEMA {
            let why = format!("the backup has the format `{}`; this version reads `{SCHEMA}`", manifest.schema);
            return Err(Failure::path(&path, why));
        }
        for entry in &manifest.files {
            if entry.place().is_none() {
                return Err(Failure::path(&path, format!("`{}` leads outside the backup", entry.path.escape_debug())));
            }
        }
        Ok(manifest)
    }

    pub(crate) fn text(&self) -> Result<String, Failure> {
        Ok(format!("{}\n", serde_json::to_string_pretty(self)?))
    }
}

impl Entry {
    /// Its place below a folder; none where it would lead elsewhere.
    pub(crate) fn place(&self) -> Option<PathBuf> {
        let path = Path::new(&self.path);
        let mut parts = path.components();
        let first = parts.next()?;
        let ours = [DATA, SETTINGS].iter().any(|name| first == Component::Normal(name.as_ref()));
        let plain = parts.clone().next().is_some() && parts.all(|part| matches!(part, Component::Normal(_)));
        (ours && plain).then(|| path.to_owned())
    }

    /// Whether this is what was copied.
    pub(crate) fn is(&self, copied: &Copied) -> bool {
        self.bytes == copied.bytes && self.sha256 == copied.sha256
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_in_a_manifest_leads_out_of_the_folder() {
        for (path, fine) in [
            ("data/ledger.sqlite", true),
            ("data/quarantine/ab/abcd", true),
            ("settings/lazaret.toml", true),
            ("data", false),
            ("data/../../etc/passwd", false),
            ("/etc/passwd", false),
            ("elsewhere/x", false),
            ("", false),
        ] {
            let entry = Entry { path: path.to_owned(), bytes: 0, sha256: String::new() };
            assert_eq!(entry.place().is_some(), fine, "{path}");
        }
    }

    #[test]
    fn a_manifest_of_another_form_is_refused() {
        let folder = tempfile::tempdir().unwrap();
        assert!(Manifest::read(folder.path()).is_err(), "there is none");
        let write = |text: &str| std::fs::write(folder.path().join(MANIFEST), text).unwrap();
        let manifest = Manifest::new(7);
        write(&manifest.text().unwrap());
        assert_eq!(Manifest::read(folder.path()).unwrap(), manifest);
        write(&manifest.text().unwrap().replace("backup/1", "backup/2"));
        let refused = Manifest::read(folder.path()).unwrap_err().to_string();
        assert!(refused.contains("lazaret.backup/2") && refused.contains("lazaret.backup/1"), "{refused}");
        write("[]");
        assert!(Manifest::read(folder.path()).is_err());
    }
}
