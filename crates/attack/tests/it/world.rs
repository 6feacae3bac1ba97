//! A small world of releases for tests: written here, in the form of ATT&CK.

pub use corpus::attack::*;
use lazaret_attack::{Catalog, Choice, Found, ImportOptions, Outcome, Unpacker, Unpacking, import, unpack_into};
use lazaret_store::Library;
use serde_json::Value;
use std::fs::File;
use std::io::{PipeReader, Read};
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// Unpacks in this process. The executable has a sandboxed one for it.
pub struct Here;

impl Unpacker for Here {
    fn start(&self, file: File) -> std::io::Result<Box<dyn Unpacking>> {
        let (reader, writer) = std::io::pipe()?;
        std::thread::spawn(move || unpack_into(file, writer));
        Ok(Box::new(Piped(reader)))
    }
}

struct Piped(PipeReader);

impl Read for Piped {
    fn read(&mut self, buffer: &mut [u8]) -> std::io::Result<usize> {
        self.0.read(buffer)
    }
}

impl Unpacking for Piped {
    fn ended(&mut self) -> String {
        "it ended too early".to_owned()
    }
}

/// A library in a folder of its own.
pub struct World {
    pub folder: tempfile::TempDir,
    pub catalog: Catalog,
}

impl World {
    pub async fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let address = format!("sqlite:{}", folder.path().join("library.sqlite").display());
        let catalog = Catalog::new(Library::open(&address).await.unwrap());
        Self { folder, catalog }
    }

    /// A file in the world's folder.
    pub fn file(&self, name: &str, bytes: &[u8]) -> PathBuf {
        let path = self.folder.path().join(name);
        std::fs::write(&path, bytes).unwrap();
        path
    }

    /// Imports a path; what became of it, in words.
    pub async fn import(&self, path: &Path) -> Vec<String> {
        self.import_as(ImportOptions { paths: vec![path.to_owned()], ..ImportOptions::default() }).await
    }

    pub async fn import_as(&self, options: ImportOptions) -> Vec<String> {
        let mut told = Vec::new();
        import(self.catalog.library(), options, Arc::new(Here), Arc::default(), |outcome| {
            told.push(match outcome {
                Outcome::Imported { release, new } => {
                    format!("{} {} {}: {new} new; {}", release.feed, release.domain, release.name, release.notes)
                }
                Outcome::There(release) => format!("there: {}", release.name),
                Outcome::Skipped { name, reason } => {
                    format!("skipped: {}: {reason}", name.rsplit('/').next().unwrap_or_default())
                }
                Outcome::Refused { error, .. } => format!("refused: {error}"),
            });
        })
        .await
        .unwrap();
        self.catalog.look_again();
        told
    }

    /// Imports a release of Enterprise.
    pub async fn release(&self, name: &str, objects: &[Value]) {
        let path = self.file(&format!("enterprise-attack-{name}.json"), &bundle(objects));
        let told = self.import(&path).await;
        assert!(told.len() == 1 && told[0].starts_with("stix-2.0 enterprise-attack"), "{told:?}");
    }

    pub async fn find(&self, id: &str) -> Found {
        self.catalog.find(None, id, &Choice::default()).await.unwrap()
    }

    pub async fn find_in(&self, id: &str, release: &str) -> Found {
        let choice = Choice { release: Some(release.parse().unwrap()), ..Choice::default() };
        self.catalog.find(None, id, &choice).await.unwrap()
    }
}
