//! Importing releases: one thread reads, splits and hashes, the other writes. A release is there whole or not at all.

use crate::AttackError;
use crate::bundle::Splitter;
use crate::identity::Heard;
use crate::inputs::{self, Sink};
use crate::names::domain_title;
use crate::object;
use crate::options::ImportOptions;
use crate::unpack::Unpacker;
use lazaret_store::{Added, Import, Library, NewRelease, NewVersion, Release};
use memchr::memmem::Finder;
use sha2::{Digest, Sha256};
use std::collections::{HashMap, HashSet};
use std::io::Read;
use std::sync::Arc;
use std::sync::atomic::AtomicU64;
use tokio::runtime::Handle;
use tokio::sync::{OwnedSemaphorePermit, Semaphore, mpsc, oneshot};

/// Objects that are handed over at once, at most.
const BATCH: usize = 128;
/// Bytes of objects from which on they are handed over.
const BATCH_BYTES: usize = 1 << 20;
/// Batches under way.
const BATCHES: usize = 8;
/// Bytes of objects that were read and are not with the database yet, in all batches; a single object may be larger.
const BYTES_UNDER_WAY: usize = 32 << 20;
/// Objects of a bundle that are read for what they say about its domain, though they are in the library already.
const WITNESSES: usize = 64;

/// What became of one bundle.
#[derive(Debug)]
pub enum Outcome {
    /// It is a release now.
    Imported {
        /// The release.
        release: Release,
        /// Versions that were not there before.
        new: usize,
    },
    /// The same bytes are there already, as this release.
    There(Release),
    /// It was not read.
    Skipped {
        /// Its name.
        name: String,
        /// Why.
        reason: &'static str,
    },
    /// It was refused; nothing of it is in the library, unless it is an archive that was [cut](AttackError::Cut), or
    /// whose [process](AttackError::Unpacker) failed.
    Refused {
        /// Its name.
        name: String,
        /// Why.
        error: AttackError,
    },
}

/// What the reader tells the writer.
enum Message {
    Begin(String),
    Objects {
        items: Vec<Item>,
        room: OwnedSemaphorePermit,
    },
    End {
        name: String,
        sha256: String,
        release: NewRelease,
        notes: Vec<String>,
        /// STIX ids of the objects that the bundle's collection lists.
        contents: Vec<String>,
        done: oneshot::Sender<()>,
    },
    Skipped {
        name: String,
        reason: &'static str,
    },
    /// The bundle that was begun.
    Refused {
        name: String,
        error: AttackError,
    },
    /// Something else: a file that cannot be unpacked, a folder with nothing in it.
    Unreadable {
        name: String,
        error: AttackError,
    },
}

struct Item {
    index: u64,
    offset: u64,
    raw: [u8; 32],
    /// `None` where a version with these bytes is there already.
    new: Option<NewVersion>,
}

/// Imports, and tells of each bundle as it is done. `unpacker` starts the processes that unpack files, `read` counts the bytes that
/// were read.
///
/// # Errors
/// When nothing can be imported at all: the database does not answer. What is wrong with a bundle is its outcome.
pub async fn import(
    library: &Library,
    options: ImportOptions,
    unpacker: Arc<dyn Unpacker>,
    read: Arc<AtomicU64>,
    mut tell: impl FnMut(Outcome),
) -> Result<(), AttackError> {
    let mut writer = library.import().await?;
    // What is known is loaded with the first transaction.
    writer.begin().await?;
    let known = writer.known();
    writer.give_up_nothing().await?;
    let (sender, mut messages) = mpsc::channel(BATCHES);
    let reading = tokio::task::spawn_blocking(move || {
        let mut reader = Reader { options, known, sender, room: Arc::new(Semaphore::new(BYTES_UNDER_WAY)) };
        for path in reader.options.paths.clone() {
            // What is wrong with a source was told; an error says that nobody listens any more.
            if inputs::read(&path, &*unpacker, &read, &mut reader).is_err() {
                return;
            }
        }
    });
    // A bundle that was refused is read to its end nevertheless, for the sake of the next one.
    let (mut refused, mut new, mut current) = (false, 0, String::new());
    while let Some(message) = messages.recv().await {
        match message {
            Message::Begin(name) => {
                (refused, new, current) = (false, 0, name);
                writer.begin().await?;
            }
            Message::Objects { .. } if refused => {}
            Message::Objects { items, room } => {
                for item in items {
                    let (index, offset) = (item.index, item.offset);
                    match add(&mut writer, item, &mut new).await? {
                        None => {}
                        Some(reason) => {
                            refused = true;
                            writer.give_up().await?;
                            let (id, reason) = (String::new(), reason.to_owned());
                            let error = AttackError::Object { index: index + 1, id, offset, reason };
                            tell(Outcome::Refused { name: current.clone(), error });
                            break;
                        }
                    }
                }
                drop(room);
            }
            Message::End { .. } if refused => {}
            Message::End { name, sha256, mut release, mut notes, contents, done } => {
                let there = library.releases().await?;
                let same = |other: &&Release| other.feed == release.feed && other.domain == release.domain;
                if let Some(there) = there.iter().filter(same).find(|other| other.name == release.name) {
                    writer.give_up().await?;
                    tell(if there.sha256 == sha256 {
                        Outcome::There(there.clone())
                    } else {
                        let error = AttackError::Other {
                            feed: release.feed,
                            domain: domain_title(&release.domain).to_owned(),
                            release: release.name,
                            there: there.sha256.clone(),
                            new: sha256,
                        };
                        Outcome::Refused { name, error }
                    });
                    continue;
                }
                if let Some(other) = there.iter().filter(same).find(|other| other.sha256 == sha256) {
                    notes.push(format!(
                        "it is identical to {}, so one of the two has the wrong name; `lazaret library remove` \
                            removes a release",
                        other.name
                    ));
                }
                notes.extend(remarks(&writer, &contents));
                release.notes = notes.join("\n");
                if !writer.finish(&release).await? {
                    return Err(AttackError::Stopped);
                }
                let _ = done.send(());
                let found = library.releases().await?;
                let mut found =
                    found.into_iter().filter(|other| other.feed == release.feed && other.domain == release.domain);
                if let Some(release) = found.find(|other| other.name == release.name) {
                    tell(Outcome::Imported { release, new });
                }
            }
            Message::Skipped { name, reason } => tell(Outcome::Skipped { name, reason }),
            Message::Unreadable { name, error } => tell(Outcome::Refused { name, error }),
            Message::Refused { name, error } => {
                if !refused {
                    writer.give_up().await?;
                    tell(Outcome::Refused { name, error });
                }
                refused = true;
            }
        }
    }
    reading.await.map_err(|_| AttackError::Stopped)
}

/// Adds one object; why it cannot be added, where it cannot.
async fn add(writer: &mut Import, item: Item, new: &mut usize) -> Result<Option<&'static str>, AttackError> {
    const GONE: &str =
        "a release that contained it was removed from the library while this one was being read; import this one again";
    if writer.add_known(&item.raw) == Added::Yes {
        return Ok(None);
    }
    let Some(version) = item.new else { return Ok(Some(GONE)) };
    *new += 1;
    writer.add(version).await?;
    Ok(None)
}

/// What is odd about a release as a whole, when all its objects are there.
fn remarks(writer: &Import, contents: &[String]) -> Vec<String> {
    let repeats = writer.repeats();
    let listed: HashSet<&str> = contents.iter().map(String::as_str).collect();
    // Official collections list neither themselves nor markings.
    let is_listed =
        |id: &str| listed.contains(id) || ["x-mitre-collection", "marking-definition"].contains(&crate::kind_of(id));
    let unlisted = if listed.is_empty() { 0 } else { writer.beside(is_listed) };
    let absent = listed.len() - writer.has(listed.iter().copied());
    [
        (writer.dangling(), "relationships with an end outside this release"),
        (writer.said_again(), "duplicate relationships: same type, same two objects"),
        (absent, "objects listed in its collection but missing"),
        (unlisted, "objects not listed in its collection"),
        (repeats.alike, "objects contained more than once with identical bytes"),
        (repeats.versions, "objects contained in several versions; the newest counts"),
    ]
    .into_iter()
    .filter(|(count, _)| *count > 0)
    .map(|(count, what)| format!("{what}: {count}"))
    .collect()
}

/// Flags of versions that a bundle brought, by the hash of their bytes.
type Fresh = HashMap<[u8; 32], i64>;

/// Reads bundles and tells what is in them.
struct Reader {
    options: ImportOptions,
    /// Flags of versions that are there, by the hash of their bytes.
    known: Fresh,
    sender: mpsc::Sender<Message>,
    /// Bytes that may be handed over now.
    room: Arc<Semaphore>,
}

impl Sink for Reader {
    fn bundle(&mut self, name: &str, reader: &mut dyn Read) -> Result<(), AttackError> {
        self.send(Message::Begin(name.to_owned()))?;
        match self.split(name, reader) {
            Ok((end, fresh, done)) => {
                self.send(end)?;
                // Later bundles may leave out what this one brought only when it is really there.
                if done.blocking_recv().is_ok() {
                    self.known.extend(fresh);
                }
                Ok(())
            }
            Err(AttackError::Stopped) => Err(AttackError::Stopped),
            Err(error) => self.send(Message::Refused { name: name.to_owned(), error }),
        }
    }

    fn skipped(&mut self, name: &str, reason: &'static str) -> Result<(), AttackError> {
        self.send(Message::Skipped { name: name.to_owned(), reason })
    }

    fn refused(&mut self, name: &str, error: AttackError) -> Result<(), AttackError> {
        self.send(Message::Unreadable { name: name.to_owned(), error })
    }
}

impl Reader {
    fn send(&self, message: Message) -> Result<(), AttackError> {
        self.sender.blocking_send(message).map_err(|_| AttackError::Stopped)
    }

    /// Hands objects over as soon as there is room for their bytes.
    fn hand_over(&self, items: Vec<Item>, bytes: usize) -> Result<(), AttackError> {
        let bytes = u32::try_from(bytes.min(BYTES_UNDER_WAY)).unwrap_or(u32::MAX);
        let room = Handle::current().block_on(Arc::clone(&self.room).acquire_many_owned(bytes));
        self.send(Message::Objects { items, room: room.map_err(|_| AttackError::Stopped)? })
    }

    fn split(&self, name: &str, reader: &mut dyn Read) -> Result<(Message, Fresh, oneshot::Receiver<()>), AttackError> {
        let mut splitter = Splitter::new(reader);
        let mut heard = Heard::default();
        let (mut batch, mut bytes) = (Vec::with_capacity(BATCH), 0);
        let tells = ["x-mitre-collection", "x-mitre-matrix"].map(Finder::new);
        let (serves, mut witnesses) = (Finder::new("kill_chain_phases"), 0);
        let mut fresh = Fresh::new();
        while let Some(piece) = splitter.next_object()? {
            let raw: [u8; 32] = Sha256::digest(piece.text).into();
            let flags = self.known.get(&raw).or_else(|| fresh.get(&raw)).copied();
            // A collection says which release this is, a matrix which domain: those are always read, and some techniques.
            let tells = flags.is_some() && tells.iter().any(|kind| kind.find(piece.text).is_some());
            let serves = flags.is_some() && witnesses < WITNESSES && serves.find(piece.text).is_some();
            witnesses += usize::from(serves);
            let parsed = flags.is_none() || tells || serves;
            let mut new = None;
            let flags = if parsed {
                let read = object::read(piece.text, raw).map_err(|(id, reason)| AttackError::Object {
                    index: piece.index + 1,
                    id,
                    offset: piece.offset,
                    reason,
                })?;
                heard.hear(&read);
                let found = read.version.flags;
                if flags.is_none() {
                    fresh.insert(raw, found);
                    new = Some(read.version);
                }
                found
            } else {
                flags.unwrap_or(0)
            };
            heard.count(flags);
            bytes += new.as_ref().map_or(0, NewVersion::weight);
            batch.push(Item { index: piece.index, offset: piece.offset, raw, new });
            if batch.len() == BATCH || bytes >= BATCH_BYTES {
                self.hand_over(std::mem::take(&mut batch), std::mem::take(&mut bytes))?;
            }
        }
        self.hand_over(batch, bytes)?;
        let frame = splitter.frame()?;
        let (release, notes) = heard.judge(name, frame, &self.options)?;
        let (sender, done) = oneshot::channel();
        let (name, sha256, contents) = (name.to_owned(), release.sha256.clone(), heard.contents());
        let end = Message::End { name, sha256, release, notes, contents, done: sender };
        Ok((end, fresh, done))
    }
}
