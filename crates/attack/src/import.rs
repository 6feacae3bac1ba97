//! Importing releases: one thread reads, splits and hashes, the other writes. A release is there whole or not at all.

use crate::AttackError;
use crate::bundle::{Frame, Splitter};
use crate::inputs::{self, Sink};
use crate::names::{Feed, Number, domain_title, from_collection_name, from_file_name};
use crate::object;
use lazaret_store::{Added, Import, Library, NewRelease, NewVersion, Release, Version};
use sha2::{Digest, Sha256};
use std::collections::HashMap;
use std::io::Read;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::AtomicU64;
use tokio::sync::{mpsc, oneshot};

/// Objects that are handed over at once.
const BATCH: usize = 128;
/// Batches under way.
const BATCHES: usize = 8;

/// What is to be imported, and as what.
#[derive(Debug, Clone, Default)]
pub struct ImportOptions {
    /// Files and folders.
    pub paths: Vec<PathBuf>,
    /// The release, where names and bundles do not say.
    pub release: Option<Number>,
    /// The domain, where names and bundles do not say.
    pub domain: Option<String>,
    /// What to call the source; empty for the files' names.
    pub source: String,
}

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
    /// By its name it is no bundle.
    Skipped(String),
    /// It was refused; nothing of it is in the library.
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
    Objects(Vec<Item>),
    End { name: String, sha256: String, release: NewRelease, notes: Vec<String>, done: oneshot::Sender<()> },
    Skipped(String),
    Refused { name: String, error: AttackError },
}

struct Item {
    index: u64,
    offset: u64,
    raw: [u8; 32],
    /// `None` where a version with these bytes is there already.
    new: Option<NewVersion>,
}

/// Imports, and tells of each bundle as it is done. `read` counts the bytes that were read.
///
/// # Errors
/// When nothing can be imported at all: the database does not answer. What is wrong with a bundle is its outcome.
pub async fn import(
    library: &Library,
    options: ImportOptions,
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
        let mut reader = Reader { options, known, sender };
        for path in reader.options.paths.clone() {
            let name = path.display().to_string();
            if let Err(error) = inputs::read(&path, &read, &mut reader) {
                if matches!(error, AttackError::Stopped) {
                    return;
                }
                let _ = reader.sender.blocking_send(Message::Refused { name, error });
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
            Message::Objects(_) if refused => {}
            Message::Objects(items) => {
                for item in items {
                    let (index, offset) = (item.index, item.offset);
                    match add(&mut writer, item, &mut new).await? {
                        None => {}
                        Some((id, reason)) => {
                            refused = true;
                            writer.give_up().await?;
                            let error = AttackError::Object { index: index + 1, id, offset, reason: reason.to_owned() };
                            tell(Outcome::Refused { name: current.clone(), error });
                            break;
                        }
                    }
                }
            }
            Message::End { .. } if refused => {}
            Message::End { name, sha256, mut release, mut notes, done } => {
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
                    notes.push(format!("these are the bytes of {} as well", other.name));
                }
                let dangling = writer.dangling();
                if dangling > 0 {
                    notes.push(format!("relationships that begin or end outside of this release: {dangling}"));
                }
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
            Message::Skipped(name) => tell(Outcome::Skipped(name)),
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

/// Adds one object; what is wrong with it where it cannot be added.
async fn add(writer: &mut Import, item: Item, new: &mut usize) -> Result<Option<(String, &'static str)>, AttackError> {
    const TWICE: &str = "the bundle has two objects with this id";
    if writer.add_known(&item.raw) == Added::Yes {
        return Ok(None);
    }
    let Some(version) = item.new else { return Ok(Some((String::new(), TWICE))) };
    let id = version.stix_id.clone();
    *new += 1;
    Ok(match writer.add(version).await? {
        Added::Yes => None,
        _ => Some((id, TWICE)),
    })
}

/// Flags of versions that a bundle brought, by the hash of their bytes.
type Fresh = HashMap<[u8; 32], i64>;

/// Reads bundles and tells what is in them.
struct Reader {
    options: ImportOptions,
    /// Flags of versions that are there, by the hash of their bytes.
    known: Fresh,
    sender: mpsc::Sender<Message>,
}

/// What objects say about their bundle.
#[derive(Default)]
struct Heard {
    objects: usize,
    stix_21: usize,
    undated: usize,
    collection: Option<(String, String)>,
    /// How many objects name each domain.
    domains: HashMap<String, usize>,
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

    fn skipped(&mut self, name: &str) {
        let _ = self.send(Message::Skipped(name.to_owned()));
    }
}

impl Reader {
    fn send(&self, message: Message) -> Result<(), AttackError> {
        self.sender.blocking_send(message).map_err(|_| AttackError::Stopped)
    }

    fn split(&self, name: &str, reader: &mut dyn Read) -> Result<(Message, Fresh, oneshot::Receiver<()>), AttackError> {
        let mut splitter = Splitter::new(reader);
        let mut heard = Heard::default();
        let mut batch = Vec::with_capacity(BATCH);
        let mut fresh = Fresh::new();
        while let Some(piece) = splitter.next_object()? {
            let raw: [u8; 32] = Sha256::digest(piece.text).into();
            let flags = self.known.get(&raw).or_else(|| fresh.get(&raw)).copied();
            // A collection says which release this is: that is always read.
            let parsed = flags.is_none() || memchr::memmem::find(piece.text, b"x-mitre-collection").is_some();
            let mut new = None;
            let flags = if parsed {
                let read = object::read(piece.text, raw).map_err(|(id, reason)| AttackError::Object {
                    index: piece.index + 1,
                    id,
                    offset: piece.offset,
                    reason,
                })?;
                for domain in read.domains {
                    *heard.domains.entry(domain).or_default() += 1;
                }
                heard.collection = heard.collection.or(read.collection);
                let found = read.version.flags;
                if flags.is_none() {
                    fresh.insert(raw, found);
                    new = Some(read.version);
                }
                found
            } else {
                flags.unwrap_or(0)
            };
            heard.objects += 1;
            heard.stix_21 += usize::from(flags & Version::STIX_21 != 0);
            heard.undated += usize::from(flags & Version::UNDATED != 0);
            batch.push(Item { index: piece.index, offset: piece.offset, raw, new });
            if batch.len() == BATCH {
                self.send(Message::Objects(std::mem::take(&mut batch)))?;
            }
        }
        self.send(Message::Objects(batch))?;
        let frame = splitter.frame()?;
        let (sender, done) = oneshot::channel();
        Ok((self.judge(name, frame, &heard, sender)?, fresh, done))
    }

    /// Which release this is, from its name, from what is in it, and from what was asked for: they must agree.
    fn judge(
        &self,
        name: &str,
        frame: Frame,
        heard: &Heard,
        done: oneshot::Sender<()>,
    ) -> Result<Message, AttackError> {
        let named = |reason: String| AttackError::Named(reason);
        let mut notes = Vec::new();
        // What the bundle says counts: an object that says something else was put into it as it was.
        let feed = match (frame.spec_version.as_deref(), heard.stix_21) {
            (Some("2.0"), 0) => Feed::Stix20,
            (Some("2.0"), some) => {
                notes.push(format!("objects that say that they are STIX 2.1, in a bundle of STIX 2.0: {some}"));
                Feed::Stix20
            }
            (Some("2.1") | None, some) if some > 0 => Feed::Stix21,
            (None, _) => {
                return Err(named("neither the bundle nor its objects say which version of STIX they are".to_owned()));
            }
            (Some(other), _) => {
                let other = crate::bundle::shortened(other);
                return Err(named(format!(
                    "the bundle says that it is STIX `{other}`; ATT&CK is published as 2.0 and 2.1"
                )));
            }
        };
        if feed == Feed::Stix21 && heard.stix_21 < heard.objects {
            notes.push(format!(
                "objects that do not say which version of STIX they are: {}",
                heard.objects - heard.stix_21
            ));
        }
        if heard.undated > 0 {
            notes.push(format!("objects without `modified`: {}", heard.undated));
        }
        let (named_domain, named_release) = from_file_name(name);
        let collection = heard.collection.as_ref();
        let said_domain = collection.and_then(|(name, _)| from_collection_name(name));
        let said_release: Option<Number> = collection.and_then(|(_, release)| release.parse().ok());
        let domain = agreed(
            "domain",
            &[
                ("`--domain`", self.options.domain.clone()),
                ("its collection", said_domain.map(str::to_owned)),
                ("its name", named_domain.map(str::to_owned)),
            ],
        )?;
        let number = agreed(
            "release",
            &[("`--release`", self.options.release), ("its collection", said_release), ("its name", named_release)],
        )?;
        // Old releases name no domains, and a release whose objects are all known is as good as when they were new.
        if !heard.domains.is_empty() && !heard.domains.contains_key(&domain) {
            let mut others: Vec<_> = heard.domains.keys().map(String::as_str).collect();
            others.sort_unstable();
            return Err(named(format!("its name says `{domain}`, and its objects say {}", others.join(", "))));
        }
        let sha256 = crate::hex(&frame.sha256);
        let release = NewRelease {
            feed: feed.name().to_owned(),
            domain,
            name: number.to_string(),
            place: number.place(),
            sha256: sha256.clone(),
            bytes: i64::try_from(frame.bytes).unwrap_or(i64::MAX),
            bundle: frame.id,
            source: if self.options.source.is_empty() { shown_source(name) } else { self.options.source.clone() },
            notes: String::new(),
            skeleton: frame.skeleton,
        };
        Ok(Message::End { name: name.to_owned(), sha256, release, notes, done })
    }
}

/// What several sources say, if they agree.
fn agreed<T: PartialEq + Clone + std::fmt::Display>(what: &str, said: &[(&str, Option<T>)]) -> Result<T, AttackError> {
    let mut found: Option<(&str, &T)> = None;
    for (source, value) in said {
        let Some(value) = value else { continue };
        match found {
            Some((other, first)) if first != value => {
                return Err(AttackError::Named(format!(
                    "{other} says that the {what} is {first}, and {source} that it is {value}"
                )));
            }
            Some(_) => {}
            None => found = Some((source, value)),
        }
    }
    match found {
        Some((_, value)) => Ok(value.clone()),
        None => Err(AttackError::Named(format!(
            "neither its name, such as `enterprise-attack-17.1.json`, nor a collection in it says which {what} it is; say it with `--{what}`"
        ))),
    }
}

/// A file's name without the folders of this machine.
fn shown_source(name: &str) -> String {
    match name.split_once("//") {
        Some((archive, inner)) => format!("{}//{inner}", archive.rsplit('/').next().unwrap_or(archive)),
        None => name.rsplit('/').next().unwrap_or(name).to_owned(),
    }
}
