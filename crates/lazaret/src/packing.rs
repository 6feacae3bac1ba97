//! Samples locked up, and archives of several files, on the disk that the quarantine is on.

use lazaret_console::Packer;
use std::fs::File;
use std::io::{self, Seek};
use std::path::{Path, PathBuf};

/// Packs into files that are gone when nobody has them open any more.
pub(crate) struct SpoolPacker {
    /// The spool, on the same disk as the quarantine, which has room for such files; none where there is no data folder.
    spool: Option<PathBuf>,
}

impl SpoolPacker {
    /// Packs in the spool of a data folder.
    pub(crate) fn new(data: Option<&Path>) -> Self {
        Self { spool: data.map(|data| data.join("spool")) }
    }
}

impl Packer for SpoolPacker {
    fn file(&self) -> io::Result<File> {
        match &self.spool {
            Some(spool) => tempfile::tempfile_in(spool),
            None => tempfile::tempfile(),
        }
    }

    fn pack(&self, name: &str, mut content: File) -> io::Result<File> {
        let mut archive = self.file()?;
        lazaret_formats::pack(name, &mut content, &mut archive)?;
        archive.rewind()?;
        Ok(archive)
    }

    fn bundle(&self, members: Vec<(String, File)>) -> io::Result<File> {
        let mut archive = self.file()?;
        lazaret_formats::bundle(members, &mut archive)?;
        archive.rewind()?;
        Ok(archive)
    }
}
