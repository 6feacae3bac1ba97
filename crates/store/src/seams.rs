//! What many processes on several machines would share through something else than one database and one folder: the journal, what
//! waits to be done, and quarantined bytes. Everything else is questions to the [`Ledger`], in SQL.
//!
//! Whatever implements one of these passes its suite in `seams/tests.rs`.

use crate::{Cursor, Event, Ledger, RoomNews, Settled, StoreError};
use std::fs::File;
use std::io::Read;
use std::pin::Pin;

/// Something that takes a while.
pub type Pending<'a, T> = Pin<Box<dyn Future<Output = Result<T, StoreError>> + Send + 'a>>;

/// What happened, in the order in which it was written down, for those who must hear of all of it.
pub trait Journal: Send + Sync {
    /// Records an event of the gates. When this is done, it survives a crash. A reference is taken once, but for what was delivered
    /// long ago.
    fn record(&self, event: Event) -> Pending<'_, ()>;

    /// Whether an event of the gates was recorded under a reference: the answer to whoever recorded it may have been lost. What was
    /// delivered long ago need not be found.
    fn has<'a>(&'a self, reference: &'a str) -> Pending<'a, bool>;

    /// Writes down what a room tells, as durably; the reference under which it is found.
    fn tell(&self, news: RoomNews) -> Pending<'_, String>;

    /// What was written down after a place, the oldest first of each kind and at most so many of each, and the place where to go on.
    /// Scan reports are left out. Nothing is left out that is written later under an earlier place: a reader brings what it noted
    /// about that at its earlier readings.
    fn read<'a>(
        &'a self,
        after: Cursor,
        most: i64,
        settled: &'a mut Settled,
    ) -> Pending<'a, (Vec<lazaret_model::Event>, Cursor)>;
}

/// What is to be done about everything in the journal by one process at a time. Work has a name, a holder until a time (in
/// milliseconds since 1970), and the place in the journal up to which it is done. What was done and not noted is done again.
pub trait Queue: Send + Sync {
    /// Takes work on until a time, or for longer; up to which place it is done, or `None` where another process has it. Work that is
    /// new begins with what happens from now on.
    fn take<'a>(&'a self, work: &'a str, holder: &'a str, until: i64) -> Pending<'a, Option<Cursor>>;

    /// Notes up to which place work is done, and keeps it until a time; false where another process has it by now.
    fn done<'a>(&'a self, work: &'a str, holder: &'a str, to: Cursor, until: i64) -> Pending<'a, bool>;

    /// Gives work back, so that another process need not wait. Changes nothing where another has it.
    fn give_back<'a>(&'a self, work: &'a str, holder: &'a str) -> Pending<'a, ()>;
}

/// Quarantined bytes, by the SHA-256 of the content. All of it blocks.
pub trait Blobs: Send + Sync {
    /// Keeps everything that `content` yields, durably, and returns its SHA-256. The same content is kept once.
    ///
    /// # Errors
    /// When reading or writing fails; then nothing is kept.
    fn keep(&self, content: &mut dyn Read) -> Result<String, StoreError>;

    /// The content kept under a hash, checked against it, to be read only: whoever it is lent to cannot change what somebody
    /// else is given. `None` when there is none.
    ///
    /// # Errors
    /// When it cannot be read, or is damaged.
    fn fetch(&self, sha256: &str) -> Result<Option<File>, StoreError>;

    /// How many bytes are kept under a hash, and since when (milliseconds since 1970); `None` when there are none.
    ///
    /// # Errors
    /// When nobody can tell.
    fn about(&self, sha256: &str) -> Result<Option<(u64, i64)>, StoreError>;

    /// At most `most` bytes from a place in what is kept under a hash; `None` when there is nothing. What is read is not
    /// checked against the hash, which would mean to read all of it.
    ///
    /// # Errors
    /// When it cannot be read.
    fn piece(&self, sha256: &str, from: u64, most: usize) -> Result<Option<Vec<u8>>, StoreError>;

    /// Forgets a content, if it is there.
    ///
    /// # Errors
    /// When it is there and cannot be removed.
    fn forget(&self, sha256: &str) -> Result<(), StoreError>;

    /// Every content: hash, bytes that it takes, and when it was last kept (milliseconds since 1970), the oldest first.
    ///
    /// # Errors
    /// When they cannot be listed.
    fn list(&self) -> Result<Vec<(String, u64, i64)>, StoreError>;
}

impl Journal for Ledger {
    fn record(&self, event: Event) -> Pending<'_, ()> {
        Box::pin(self.record(event))
    }

    fn has<'a>(&'a self, reference: &'a str) -> Pending<'a, bool> {
        Box::pin(async move { Ok(self.row(reference).await?.is_some()) })
    }

    fn tell(&self, news: RoomNews) -> Pending<'_, String> {
        Box::pin(self.tell(news))
    }

    fn read<'a>(
        &'a self,
        after: Cursor,
        most: i64,
        settled: &'a mut Settled,
    ) -> Pending<'a, (Vec<lazaret_model::Event>, Cursor)> {
        Box::pin(self.journal(after, most, settled))
    }
}

impl Queue for Ledger {
    fn take<'a>(&'a self, work: &'a str, holder: &'a str, until: i64) -> Pending<'a, Option<Cursor>> {
        Box::pin(self.hold_subscriber(work, holder, until))
    }

    fn done<'a>(&'a self, work: &'a str, holder: &'a str, to: Cursor, until: i64) -> Pending<'a, bool> {
        Box::pin(self.advance_subscriber(work, holder, to, until))
    }

    fn give_back<'a>(&'a self, work: &'a str, holder: &'a str) -> Pending<'a, ()> {
        Box::pin(self.release_subscriber(work, holder))
    }
}

#[cfg(test)]
mod tests;
