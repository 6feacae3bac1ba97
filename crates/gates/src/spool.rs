//! A body on its way: in memory while it is small, then in a file without a name.

use bytes::{Bytes, BytesMut};
use lazaret_engine::SampleBytes;
use std::fs::File;
use std::io;
use std::os::fd::AsRawFd;
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// Bytes that are gathered for one write, once there is a file.
const WRITE: usize = 256 << 10;

/// Collects a body.
pub(crate) struct Spool {
    folder: PathBuf,
    in_memory: usize,
    memory: BytesMut,
    file: Option<File>,
    len: u64,
}

impl Spool {
    pub(crate) fn new(folder: &Path, in_memory: u64) -> Self {
        let in_memory = usize::try_from(in_memory).unwrap_or(usize::MAX);
        Self { folder: folder.to_owned(), in_memory, memory: BytesMut::new(), file: None, len: 0 }
    }

    /// Appends bytes.
    ///
    /// # Errors
    /// When the spool cannot take them, such as a full disk.
    pub(crate) fn push(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.len += bytes.len() as u64;
        self.memory.extend_from_slice(bytes);
        let most = if self.file.is_some() { self.in_memory.min(WRITE) } else { self.in_memory };
        if self.memory.len() > most {
            self.flush()?;
        }
        Ok(())
    }

    fn flush(&mut self) -> io::Result<()> {
        let file = match &self.file {
            Some(file) => file,
            None => self.file.insert(tempfile::tempfile_in(&self.folder)?),
        };
        // The page cache takes these without waiting for the disk, a chunk of memory at a time.
        file.write_all_at(&self.memory, self.len - self.memory.len() as u64)?;
        // A hundred bodies at once must not each keep what the first bytes took.
        if self.memory.capacity() > 2 * WRITE {
            self.memory = BytesMut::with_capacity(2 * WRITE);
        }
        self.memory.clear();
        Ok(())
    }

    /// Bytes so far.
    pub(crate) fn len(&self) -> u64 {
        self.len
    }

    /// No more comes.
    ///
    /// # Errors
    /// As [`Spool::push`].
    pub(crate) fn finish(mut self) -> io::Result<Spooled> {
        if self.file.is_some() && !self.memory.is_empty() {
            self.flush()?;
        }
        Ok(match self.file {
            Some(file) => Spooled::File(Arc::new(file), self.len),
            None => Spooled::Memory(self.memory.freeze()),
        })
    }
}

/// A whole body.
#[derive(Clone, Debug)]
pub(crate) enum Spooled {
    /// In memory.
    Memory(Bytes),
    /// In a file without a name; and its length.
    File(Arc<File>, u64),
}

impl Spooled {
    pub(crate) fn len(&self) -> u64 {
        match self {
            Self::Memory(bytes) => bytes.len() as u64,
            Self::File(_, len) => *len,
        }
    }

    /// The bytes for the engine. A file is opened again for reading only: whoever parses it must not be able to change
    /// what is delivered afterwards.
    pub(crate) fn sample(&self) -> io::Result<SampleBytes> {
        Ok(match self {
            Self::Memory(bytes) => SampleBytes::Memory(bytes.to_vec()),
            Self::File(file, _) => SampleBytes::File(File::open(format!("/proc/self/fd/{}", file.as_raw_fd()))?),
        })
    }

    /// At most `most` bytes from `offset`; none at the end.
    pub(crate) async fn read(&self, offset: u64, most: usize) -> io::Result<Bytes> {
        match self {
            Self::Memory(bytes) => {
                let start = usize::try_from(offset).unwrap_or(usize::MAX).min(bytes.len());
                let end = start.saturating_add(most).min(bytes.len());
                Ok(bytes.slice(start..end))
            }
            Self::File(file, len) => {
                let most = usize::try_from(len.saturating_sub(offset)).unwrap_or(usize::MAX).min(most);
                if most == 0 {
                    return Ok(Bytes::new());
                }
                let file = Arc::clone(file);
                let read = tokio::task::spawn_blocking(move || {
                    let mut buffer = BytesMut::zeroed(most);
                    file.read_exact_at(&mut buffer, offset)?;
                    Ok(buffer.freeze())
                });
                read.await.map_err(io::Error::other)?
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_body_is_the_same_in_memory_and_in_a_file() {
        let folder = tempfile::tempdir().unwrap();
        let whole: Vec<u8> = (0..100_000u32).flat_map(u32::to_le_bytes).collect();
        for in_memory in [0, 1_000, 1 << 20] {
            let mut spool = Spool::new(folder.path(), in_memory);
            for chunk in whole.chunks(777) {
                spool.push(chunk).unwrap();
            }
            assert_eq!(spool.len(), whole.len() as u64);
            let spooled = spool.finish().unwrap();
            let mut read = Vec::new();
            loop {
                let chunk = spooled.read(read.len() as u64, 10_001).await.unwrap();
                if chunk.is_empty() {
                    break;
                }
                read.extend_from_slice(&chunk);
            }
            assert_eq!(read, whole);
            if let SampleBytes::File(file) = spooled.sample().unwrap() {
                assert!(file.write_at(b"x", 0).is_err(), "whoever parses it can change it");
            }
        }
        assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 0);
    }
}
