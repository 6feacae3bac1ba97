//! The seams of the store in memory, for tests: nothing of it outlives the process.

use crate::blobs::read_only;
use crate::ledger::transferred;
use crate::{Blobs, Cursor, Event, Journal, Pending, Queue, RoomNews, Settled, StoreError, now};
use data_encoding::HEXLOWER;
use lazaret_model::{Body, EVENT_SCHEMA, reference};
use sha2::{Digest, Sha256};
use std::collections::{BTreeMap, HashMap};
use std::fs::File;
use std::io::{self, Read, Write};
use std::path::PathBuf;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// A journal with its queue. Clones share it, as processes share a ledger.
#[derive(Debug, Clone, Default)]
pub struct MemoryJournal(Arc<Mutex<Written>>);

#[derive(Debug, Default)]
struct Written {
    /// Events of the gates; the number of each is one more than its index.
    events: Vec<Event>,
    /// Events of everybody else, likewise.
    entries: Vec<lazaret_model::Event>,
    work: HashMap<String, Work>,
}

#[derive(Debug)]
struct Work {
    done: Cursor,
    holder: String,
    until: i64,
}

impl MemoryJournal {
    fn written(&self) -> MutexGuard<'_, Written> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Written {
    fn end(&self) -> Cursor {
        Cursor { event: number(self.events.len()), entry: number(self.entries.len()) }
    }
}

fn number(length: usize) -> i64 {
    i64::try_from(length).unwrap_or(i64::MAX)
}

fn index(number: i64) -> usize {
    usize::try_from(number).unwrap_or(0)
}

impl Journal for MemoryJournal {
    fn record(&self, event: Event) -> Pending<'_, ()> {
        Box::pin(async move {
            let mut written = self.written();
            if written.events.iter().any(|known| known.reference == event.reference) {
                return Err(StoreError::Record(format!("there is an event `{}` already", event.reference)));
            }
            written.events.push(event);
            Ok(())
        })
    }

    fn has<'a>(&'a self, reference: &'a str) -> Pending<'a, bool> {
        Box::pin(async move { Ok(self.written().events.iter().any(|event| event.reference == reference)) })
    }

    fn tell(&self, news: RoomNews) -> Pending<'_, String> {
        Box::pin(async move {
            let reference = reference();
            let RoomNews { room, person, client, event } = news;
            self.written().entries.push(lazaret_model::Event {
                schema: EVENT_SCHEMA.into(),
                reference: reference.clone(),
                at: now(),
                room,
                person,
                groups: Vec::new(),
                client,
                decision: None,
                techniques: Vec::new(),
                body: Body::Room(event),
            });
            Ok(reference)
        })
    }

    fn read<'a>(
        &'a self,
        after: Cursor,
        most: i64,
        _: &'a mut Settled,
    ) -> Pending<'a, (Vec<lazaret_model::Event>, Cursor)> {
        Box::pin(async move {
            let (written, most) = (self.written(), index(most).max(1));
            let events = written.events.iter().skip(index(after.event)).take(most);
            let mut told: Vec<_> = events.cloned().map(transferred).collect();
            let event = after.event.saturating_add(number(told.len()));
            let entries = written.entries.iter().skip(index(after.entry)).take(most);
            let entry = after.entry.saturating_add(number(entries.len()));
            told.extend(entries.cloned());
            Ok((told, Cursor { event, entry }))
        })
    }
}

impl Queue for MemoryJournal {
    fn take<'a>(&'a self, work: &'a str, holder: &'a str, until: i64) -> Pending<'a, Option<Cursor>> {
        Box::pin(async move {
            let mut written = self.written();
            let new = Work { done: written.end(), holder: String::new(), until: 0 };
            let work = written.work.entry(work.to_owned()).or_insert(new);
            if work.holder != holder && work.until >= now() {
                return Ok(None);
            }
            (work.holder, work.until) = (holder.to_owned(), until);
            Ok(Some(work.done))
        })
    }

    fn done<'a>(&'a self, work: &'a str, holder: &'a str, to: Cursor, until: i64) -> Pending<'a, bool> {
        Box::pin(async move {
            let mut written = self.written();
            let Some(work) = written.work.get_mut(work).filter(|work| work.holder == holder) else { return Ok(false) };
            (work.done, work.until) = (to, until);
            Ok(true)
        })
    }

    fn give_back<'a>(&'a self, work: &'a str, holder: &'a str) -> Pending<'a, ()> {
        Box::pin(async move {
            if let Some(work) = self.written().work.get_mut(work).filter(|work| work.holder == holder) {
                work.until = 0;
            }
            Ok(())
        })
    }
}

/// Quarantined bytes. Clones share them, as processes share a store.
#[derive(Debug, Clone, Default)]
pub struct MemoryBlobs(Arc<Mutex<BTreeMap<String, Content>>>);

#[derive(Debug)]
struct Content {
    bytes: Vec<u8>,
    kept_at: i64,
}

impl MemoryBlobs {
    /// As if something had been kept at another time, in milliseconds since 1970.
    pub fn date(&self, sha256: &str, kept_at: i64) {
        if let Some(content) = self.contents().get_mut(sha256) {
            content.kept_at = kept_at;
        }
    }

    fn contents(&self) -> MutexGuard<'_, BTreeMap<String, Content>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Blobs for MemoryBlobs {
    fn keep(&self, content: &mut dyn Read) -> Result<String, StoreError> {
        let mut bytes = Vec::new();
        content.read_to_end(&mut bytes).map_err(failed)?;
        let sha256 = HEXLOWER.encode(&Sha256::digest(&bytes));
        self.contents().insert(sha256.clone(), Content { bytes, kept_at: now() });
        Ok(sha256)
    }

    fn fetch(&self, sha256: &str) -> Result<Option<File>, StoreError> {
        let contents = self.contents();
        let Some(content) = contents.get(sha256) else { return Ok(None) };
        let lent = || -> io::Result<File> {
            let mut plain = tempfile::tempfile()?;
            plain.write_all(&content.bytes)?;
            read_only(&plain)
        };
        lent().map(Some).map_err(failed)
    }

    fn about(&self, sha256: &str) -> Result<Option<(u64, i64)>, StoreError> {
        Ok(self.contents().get(sha256).map(|content| (content.bytes.len() as u64, content.kept_at)))
    }

    fn piece(&self, sha256: &str, from: u64, most: usize) -> Result<Option<Vec<u8>>, StoreError> {
        let from = usize::try_from(from).unwrap_or(usize::MAX);
        let piece = |content: &Content| content.bytes.iter().skip(from).take(most).copied().collect();
        Ok(self.contents().get(sha256).map(piece))
    }

    fn forget(&self, sha256: &str) -> Result<(), StoreError> {
        self.contents().remove(sha256);
        Ok(())
    }

    fn list(&self) -> Result<Vec<(String, u64, i64)>, StoreError> {
        let entry =
            |(sha256, content): (&String, &Content)| (sha256.clone(), content.bytes.len() as u64, content.kept_at);
        let mut list: Vec<_> = self.contents().iter().map(entry).collect();
        list.sort_by_key(|(_, _, at)| *at);
        Ok(list)
    }
}

fn failed(source: io::Error) -> StoreError {
    StoreError::Blob { path: PathBuf::from("memory"), step: "read or written", source }
}
