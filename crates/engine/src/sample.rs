//! A sample's bytes on their way to the worker.

use crate::EngineError;
use crate::pool::Handed;
use crate::system;
use data_encoding::HEXLOWER;
use sha2::{Digest, Sha256};
use std::fs::File;
use std::io::{self, Read};
use std::os::fd::{AsRawFd, OwnedFd};
use std::os::unix::fs::{FileExt, MetadataExt};

/// Files up to this size are copied, so that nobody can change them during the analysis. Larger ones are lent
/// read-only, whoever lends them to us, and compared before and after.
pub(crate) const COPIED: u64 = 16 << 20;

/// Where a sample's bytes are.
#[derive(Debug)]
pub enum SampleBytes {
    /// An open regular file.
    File(File),
    /// Bytes in memory.
    Memory(Vec<u8>),
}

/// A file's identity and state, to see that it did not change.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct State {
    size: u64,
    modified: (i64, i64),
    changed: (i64, i64),
}

/// A sample handed over, with what is needed to check it afterwards.
pub(crate) struct Prepared {
    pub(crate) handed: Handed,
    file: Option<(File, State)>,
    /// SHA-256 of bytes that were copied.
    sha256: Option<String>,
}

impl SampleBytes {
    pub(crate) fn prepare(self, name: &str) -> Result<Prepared, EngineError> {
        let hand = |step| move |source| EngineError::Hand { name: name.to_owned(), step, source };
        match self {
            Self::Memory(bytes) => {
                let descriptor = system::sealed(&bytes).map_err(hand("a copy in memory"))?;
                Ok(Prepared::copied(descriptor, &bytes))
            }
            Self::File(file) => {
                let before = State::of(&file).map_err(hand("reading its size"))?;
                if before.size > COPIED {
                    // A second description, not a second descriptor: nobody can write through it, and reading through it moves
                    // nobody else's place.
                    let again = File::open(format!("/proc/self/fd/{}", file.as_raw_fd()));
                    let descriptor = OwnedFd::from(again.map_err(hand("opening it again, only to read"))?);
                    return Ok(Prepared {
                        handed: Handed { descriptor, size: before.size },
                        file: Some((file, before)),
                        sha256: None,
                    });
                }
                let mut bytes = Vec::with_capacity(usize::try_from(before.size).unwrap_or(0));
                (&file).take(COPIED + 1).read_to_end(&mut bytes).map_err(hand("reading it"))?;
                let after = State::of(&file).map_err(hand("reading its size"))?;
                if after != before || bytes.len() as u64 != before.size {
                    return Err(EngineError::Changed(name.to_owned()));
                }
                let descriptor = system::sealed(&bytes).map_err(hand("a copy in memory"))?;
                Ok(Prepared::copied(descriptor, &bytes))
            }
        }
    }
}

impl Prepared {
    fn copied(descriptor: OwnedFd, bytes: &[u8]) -> Self {
        let handed = Handed { descriptor, size: bytes.len() as u64 };
        Self { handed, file: None, sha256: Some(HEXLOWER.encode(&Sha256::digest(bytes))) }
    }

    /// Whether the bytes are in a file that is lent, so that hashing them takes as long as reading it.
    pub(crate) fn is_lent(&self) -> bool {
        self.file.is_some()
    }

    /// A reader over the bytes for somebody else, such as `clamd`.
    pub(crate) fn reader(&self) -> io::Result<impl Read + use<>> {
        Ok(Positioned { file: File::from(self.handed.descriptor.try_clone()?), at: 0, end: self.handed.size })
    }

    /// SHA-256 of the bytes, lower-case hexadecimal, by our own reckoning.
    pub(crate) fn sha256(&self) -> io::Result<String> {
        if let Some(known) = &self.sha256 {
            return Ok(known.clone());
        }
        let mut hash = Sha256::new();
        let mut reader = self.reader()?;
        let mut chunk = vec![0; 64 << 10];
        loop {
            match reader.read(&mut chunk)? {
                0 => break,
                n => hash.update(chunk.get(..n).unwrap_or_default()),
            }
        }
        Ok(HEXLOWER.encode(&hash.finalize()))
    }

    /// Whether a lent file is still what it was.
    pub(crate) fn check_unchanged(&self, name: &str) -> Result<(), EngineError> {
        let Some((file, before)) = &self.file else { return Ok(()) };
        let hand = |source| EngineError::Hand { name: name.to_owned(), step: "reading its size", source };
        if State::of(file).map_err(hand)? == *before { Ok(()) } else { Err(EngineError::Changed(name.to_owned())) }
    }
}

impl State {
    fn of(file: &File) -> io::Result<Self> {
        let meta = file.metadata()?;
        Ok(Self {
            size: meta.len(),
            modified: (meta.mtime(), meta.mtime_nsec()),
            changed: (meta.ctime(), meta.ctime_nsec()),
        })
    }
}

/// Reads with a position of its own: the descriptor's is shared with the worker.
struct Positioned {
    file: File,
    at: u64,
    end: u64,
}

impl Read for Positioned {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let left = usize::try_from(self.end - self.at).unwrap_or(usize::MAX).min(buffer.len());
        let n = self.file.read_at(buffer.get_mut(..left).unwrap_or_default(), self.at)?;
        self.at += n as u64;
        Ok(n)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::Write;

    #[test]
    fn a_large_file_that_changes_while_it_is_inspected_is_named() {
        let mut file = tempfile::NamedTempFile::new().unwrap();
        file.as_file().set_len(COPIED + 1).unwrap();
        let prepared = SampleBytes::File(file.reopen().unwrap()).prepare("large.bin").unwrap();
        prepared.check_unchanged("large.bin").unwrap();
        let lent = &prepared.handed.descriptor;
        assert!(rustix::io::pwrite(lent, b"x", 0).is_err(), "whoever parses it can change it");
        assert_eq!(prepared.sha256().unwrap(), HEXLOWER.encode(&Sha256::digest(vec![0_u8; COPIED as usize + 1])));
        file.write_all(b"x").unwrap();
        let error = prepared.check_unchanged("large.bin").unwrap_err();
        assert!(matches!(&error, EngineError::Changed(name) if name == "large.bin"), "{error}");
    }

    #[test]
    fn a_small_file_is_copied_and_what_happens_to_it_later_changes_nothing() {
        let mut file = tempfile::NamedTempFile::new().unwrap();
        file.write_all(b"first").unwrap();
        let prepared = SampleBytes::File(file.reopen().unwrap()).prepare("small").unwrap();
        file.write_all(b"second").unwrap();
        prepared.check_unchanged("small").unwrap();
        let mut text = String::new();
        prepared.reader().unwrap().read_to_string(&mut text).unwrap();
        assert_eq!(text, "first");
        assert_eq!(prepared.sha256().unwrap(), HEXLOWER.encode(&Sha256::digest(b"first")));
        assert!(rustix::io::pwrite(&prepared.handed.descriptor, b"x", 0).is_err(), "whoever parses it can change it");
    }
}
