//! A body on its way: in memory while it is small and there is room, then in a file without a name.

use crate::budget::Share;
use bytes::{Bytes, BytesMut};
use lazaret_engine::SampleBytes;
use std::fs::File;
use std::io;
use std::os::fd::AsRawFd;
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;
use thiserror::Error;

/// Bytes that are gathered for one write, once there is a file.
const WRITE: usize = 256 << 10;
/// Bytes of memory that a body in a file takes: while it is gathered and while it is handed over.
const ROOMY: u64 = 2 * WRITE as u64;
/// The same where memory is short.
pub(crate) const TIGHT: u64 = 128 << 10;
/// Bytes of the smallest share of memory.
const SMALLEST: u64 = 4 << 10;
/// Bytes by which the share of the spool grows.
const STEP: u64 = 1 << 20;

/// Why a body cannot be kept.
#[derive(Debug, Error)]
pub(crate) enum SpoolError {
    /// The disk does not take it.
    #[error("cannot write to the spool")]
    Disk(#[from] io::Error),
    /// So much is under way that there was no room for it in time.
    #[error("no space for it within {} s: bodies in transit use all that `{}` allows", .1.as_secs(), .0)]
    NoRoom(&'static str, Duration),
}

/// What a body may take, and how long it waits for that.
pub(crate) struct Room {
    pub(crate) memory: Share,
    pub(crate) disk: Share,
    pub(crate) patience: Duration,
}

/// Collects a body.
pub(crate) struct Spool {
    folder: PathBuf,
    in_memory: usize,
    memory: BytesMut,
    file: Option<File>,
    len: u64,
    room: Room,
    /// Bytes of the share of memory; a copy, so that pieces that fit ask nobody.
    granted: u64,
    /// Bytes of the share of the spool, as well.
    spooled: u64,
}

impl Spool {
    pub(crate) fn new(folder: &Path, in_memory: u64, room: Room) -> Self {
        let in_memory = usize::try_from(in_memory).unwrap_or(usize::MAX);
        let (memory, folder) = (BytesMut::new(), folder.to_owned());
        Self { folder, in_memory, memory, file: None, len: 0, room, granted: 0, spooled: 0 }
    }

    /// Appends bytes. Waits where there is no room, for so long that nobody takes more in than can be kept.
    ///
    /// # Errors
    /// When the spool cannot take them, such as a full disk.
    pub(crate) async fn push(&mut self, bytes: &[u8]) -> Result<(), SpoolError> {
        let after = self.memory.len() + bytes.len();
        if self.file.is_some() || after > self.in_memory || !self.fits(after as u64) {
            self.make_room(self.len + bytes.len() as u64).await?;
        }
        self.len += bytes.len() as u64;
        self.memory.extend_from_slice(bytes);
        if self.file.is_some() && self.memory.len() > self.gathered() {
            self.flush()?;
        }
        Ok(())
    }

    /// Whether so many bytes fit into the share of memory, which grows as the memory itself does.
    fn fits(&mut self, bytes: u64) -> bool {
        if bytes > self.granted {
            let wanted = bytes.checked_next_power_of_two().unwrap_or(bytes).max(SMALLEST);
            if !self.room.memory.try_hold(wanted) {
                return false;
            }
            self.granted = wanted;
        }
        true
    }

    /// Bytes that are gathered before they are written.
    fn gathered(&self) -> usize {
        if self.granted < ROOMY { 0 } else { self.in_memory.min(WRITE) }
    }

    /// Room for a body of so many bytes in a file.
    async fn make_room(&mut self, len: u64) -> Result<(), SpoolError> {
        let patience = self.room.patience;
        if len > self.spooled {
            let wanted = len.checked_next_multiple_of(STEP).unwrap_or(len);
            if !self.room.disk.hold(wanted, patience).await {
                return Err(SpoolError::NoRoom("bodies.spool_bytes", patience));
            }
            self.spooled = wanted;
        }
        if self.file.is_some() {
            return Ok(());
        }
        // INVARIANT: from here on the share of memory stays as it is, until the body was handed over.
        self.granted = if self.room.memory.try_hold(ROOMY) {
            ROOMY
        } else if self.room.memory.hold(TIGHT, patience).await {
            TIGHT
        } else {
            return Err(SpoolError::NoRoom("bodies.memory_bytes", patience));
        };
        self.file = Some(tempfile::tempfile_in(&self.folder)?);
        Ok(())
    }

    fn flush(&mut self) -> io::Result<()> {
        let Some(file) = &self.file else { return Ok(()) };
        // The page cache takes these without waiting for the disk, a chunk of memory at a time.
        file.write_all_at(&self.memory, self.len - self.memory.len() as u64)?;
        // A hundred bodies at once must not each keep what the first bytes took.
        if self.memory.capacity() as u64 > self.granted {
            self.memory = BytesMut::new();
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
        if !self.memory.is_empty() {
            self.flush()?;
        }
        let Room { memory, disk, .. } = self.room;
        Ok(match self.file {
            Some(file) => Spooled::File {
                stored: Arc::new(Stored { file, _disk: disk }),
                memory: Some(Arc::new(memory)),
                len: self.len,
            },
            None => Spooled::Memory(Bytes::from_owner(Owned { bytes: self.memory, _share: memory })),
        })
    }
}

/// Bytes with the share of memory that is theirs until nobody holds any of them.
struct Owned {
    bytes: BytesMut,
    _share: Share,
}

impl AsRef<[u8]> for Owned {
    fn as_ref(&self) -> &[u8] {
        &self.bytes
    }
}

/// A file without a name, with what it takes of the spool.
pub(crate) struct Stored {
    file: File,
    _disk: Share,
}

/// A whole body.
#[derive(Clone)]
pub(crate) enum Spooled {
    /// In memory.
    Memory(Bytes),
    /// In a file without a name.
    File {
        stored: Arc<Stored>,
        /// What it takes of memory while it is handed over; none of a copy that is only kept.
        memory: Option<Arc<Share>>,
        len: u64,
    },
}

impl Spooled {
    pub(crate) fn len(&self) -> u64 {
        match self {
            Self::Memory(bytes) => bytes.len() as u64,
            Self::File { len, .. } => *len,
        }
    }

    /// Bytes that are handed over at a time, at most `most`: fewer where memory is short.
    pub(crate) fn chunk(&self, most: usize) -> usize {
        match self {
            Self::File { memory, .. } if memory.as_ref().is_none_or(|share| share.bytes() < ROOMY) => {
                most.min(TIGHT as usize / 8)
            }
            _ => most,
        }
    }

    /// The share of memory for what is handed over after the file is gone.
    pub(crate) fn memory(&self) -> Option<Arc<Share>> {
        match self {
            Self::Memory(_) => None,
            Self::File { memory, .. } => memory.clone(),
        }
    }

    /// The same bytes without a share of memory: a copy that is kept in case it is asked for again.
    pub(crate) fn at_rest(&self) -> Self {
        match self {
            Self::Memory(bytes) => Self::Memory(bytes.clone()),
            Self::File { stored, len, .. } => Self::File { stored: Arc::clone(stored), memory: None, len: *len },
        }
    }

    /// The bytes for the engine. A file is opened again for reading only: whoever parses it must not be able to change
    /// what is delivered afterwards.
    pub(crate) fn sample(&self) -> io::Result<SampleBytes> {
        Ok(match self {
            Self::Memory(bytes) => SampleBytes::Memory(bytes.to_vec()),
            Self::File { stored, .. } => {
                SampleBytes::File(File::open(format!("/proc/self/fd/{}", stored.file.as_raw_fd()))?)
            }
        })
    }

    /// A copy that was at rest, with the share of memory that handing it over takes.
    pub(crate) fn with_memory(self, share: Share) -> Self {
        match self {
            Self::File { stored, len, .. } => Self::File { stored, memory: Some(Arc::new(share)), len },
            memory @ Self::Memory(_) => memory,
        }
    }

    /// At most `most` bytes from `offset`; none at the end.
    pub(crate) async fn read(&self, offset: u64, most: usize) -> io::Result<Bytes> {
        match self {
            Self::Memory(bytes) => {
                let start = usize::try_from(offset).unwrap_or(usize::MAX).min(bytes.len());
                let end = start.saturating_add(most).min(bytes.len());
                Ok(bytes.slice(start..end))
            }
            Self::File { stored, len, .. } => {
                let most = usize::try_from(len.saturating_sub(offset)).unwrap_or(usize::MAX).min(most);
                if most == 0 {
                    return Ok(Bytes::new());
                }
                let stored = Arc::clone(stored);
                let read = tokio::task::spawn_blocking(move || {
                    let mut buffer = BytesMut::zeroed(most);
                    stored.file.read_exact_at(&mut buffer, offset)?;
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
    use crate::budget::Budget;
    use crate::intake::CHUNK;
    use lazaret_engine::Client;

    fn room(memory: u64, disk: u64) -> Room {
        let share = |bytes| Arc::new(Budget::new(bytes, bytes, 0)).share(Client::Unknown);
        Room { memory: share(memory), disk: share(disk), patience: Duration::from_secs(5) }
    }

    #[tokio::test]
    async fn a_body_is_the_same_in_memory_and_in_a_file() {
        let folder = tempfile::tempdir().unwrap();
        let whole: Vec<u8> = (0..100_000u32).flat_map(u32::to_le_bytes).collect();
        for (in_memory, memory) in [(0, 1 << 30), (1_000, 1 << 30), (1 << 20, 1 << 30), (1 << 20, TIGHT)] {
            let mut spool = Spool::new(folder.path(), in_memory, room(memory, 1 << 30));
            for chunk in whole.chunks(777) {
                spool.push(chunk).await.unwrap();
            }
            assert_eq!(spool.len(), whole.len() as u64);
            let spooled = spool.finish().unwrap();
            assert_eq!(matches!(spooled, Spooled::Memory(_)), (in_memory, memory) == (1 << 20, 1 << 30));
            assert_eq!(spooled.chunk(CHUNK) < CHUNK, memory == TIGHT);
            let mut read = Vec::new();
            loop {
                let chunk = spooled.read(read.len() as u64, 10_001).await.unwrap();
                if chunk.is_empty() {
                    break;
                }
                read.extend_from_slice(&chunk);
            }
            assert!(read == whole, "{in_memory} {memory}");
            if let SampleBytes::File(file) = spooled.sample().unwrap() {
                assert!(file.write_at(b"x", 0).is_err(), "whoever parses it can change it");
            }
        }
        assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 0);
    }

    #[tokio::test(start_paused = true)]
    async fn a_body_that_there_is_no_room_for_says_which_setting_bounds_it() {
        let folder = tempfile::tempdir().unwrap();
        for (memory, disk, key) in [(1 << 30, STEP, "bodies.spool_bytes"), (TIGHT - 1, 1 << 30, "bodies.memory_bytes")]
        {
            let mut spool = Spool::new(folder.path(), 1 << 20, room(memory, disk));
            let mut pushed = Ok(());
            for _ in 0..300 {
                pushed = spool.push(&[7; 10_000]).await;
                if pushed.is_err() {
                    break;
                }
            }
            let error = pushed.unwrap_err().to_string();
            assert!(error.contains(key) && error.contains("within 5 s"), "{error}");
        }
    }

    #[tokio::test]
    async fn what_a_body_takes_is_free_when_nobody_holds_any_of_it() {
        let folder = tempfile::tempdir().unwrap();
        let budget = Arc::new(Budget::new(1 << 20, 1 << 20, 0));
        let mut other = budget.share(Client::Unknown);
        let (memory, disk) = (budget.share(Client::Unknown), budget.share(Client::Unknown));
        let mut spool = Spool::new(folder.path(), 1 << 20, Room { memory, disk, patience: Duration::ZERO });
        spool.push(&[7; 300_000]).await.unwrap();
        let Spooled::Memory(bytes) = spool.finish().unwrap() else { panic!("it is small") };
        let piece = bytes.slice(5..10);
        drop(bytes);
        assert!(!other.try_hold(1 << 20), "somebody still has a piece of it");
        drop(piece);
        assert!(other.try_hold(1 << 20));
    }
}
