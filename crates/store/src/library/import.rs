//! Importing: one transaction a release, so that a release is there whole or not at all.

use super::batch::{Batch, VersionRow};
use super::bodies::{Packer, pack_numbers, read};
use super::counted::superseded;
use super::{Library, NewVersion, as_json};
use crate::{StoreError, now};
use sqlx::any::Any;
use sqlx::{Row, Transaction};
use std::collections::{HashMap, HashSet};
use tokio::task::JoinHandle;

/// Rows that are written at once, at most.
const BATCH: usize = 256;
/// Bytes of versions from which on they are written.
const BATCH_BYTES: usize = 4 << 20;
/// Bytes of a text that others are packed against. The largest official one has 60 KB.
const MOST_ROOT: usize = 256 << 10;
/// Bytes of such texts that are kept in memory.
const MOST_ROOTS: usize = 64 << 20;

/// What is said about a release when all its objects are there.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct NewRelease {
    /// See [`super::Release`].
    pub feed: String,
    /// See [`super::Release`].
    pub domain: String,
    /// See [`super::Release`].
    pub name: String,
    /// See [`super::Release`].
    pub place: i64,
    /// See [`super::Release`].
    pub sha256: String,
    /// See [`super::Release`].
    pub bytes: i64,
    /// See [`super::Release`].
    pub bundle: String,
    /// See [`super::Release`].
    pub source: String,
    /// See [`super::Release`].
    pub notes: String,
    /// The bundle's text, each object replaced by a byte 0.
    pub skeleton: Vec<u8>,
}

/// The result of adding a version.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Added {
    /// It is the release's next one.
    Yes,
    /// No version with these bytes is there.
    Unknown,
}

/// Objects that a release's bundle holds more than once.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Repeats {
    /// With the same bytes each time.
    pub alike: usize,
    /// In several versions (STIX 2.1, 3.6), of which the newest counts.
    pub versions: usize,
}

/// An import in progress. It can import several releases, and caches what it has read between them.
pub struct Import {
    library: Library,
    transaction: Option<Transaction<'static, Any>>,
    /// The transaction while a batch is being written in it.
    writing: Option<JoinHandle<Result<Transaction<'static, Any>, StoreError>>>,
    /// The generation that what follows belongs to.
    generation: i64,
    /// Versions by the hash of their bytes.
    known: HashMap<[u8; 32], Known>,
    /// Objects by their STIX IDs, with the version that later ones are packed against; 0 for none.
    objects: HashMap<String, (i64, i64)>,
    /// Texts of those versions, as far as they were needed, and their bytes.
    roots: HashMap<i64, Vec<u8>>,
    roots_bytes: usize,
    next_version: i64,
    next_object: i64,
    /// Versions that are not handed to the database yet, and their bytes.
    waiting: Vec<(i64, NewVersion)>,
    waiting_bytes: usize,
    /// Objects that nobody had met, relationships' ends included: those may come later in the file, or never.
    fresh: Vec<(i64, String)>,
    members: Vec<i64>,
    /// Objects of the release, each with the version that was met first.
    present: HashMap<i64, i64>,
    /// Objects that were met again, with every version of them in the order of the bundle.
    repeated: HashMap<i64, Vec<i64>>,
    /// Numbers of the types of relationships.
    kinds: HashMap<String, i64>,
    /// The release's relationships, each with its ends and the number of its type.
    ends: HashMap<i64, (i64, i64, i64)>,
    packer: Packer,
}

/// A version that is there.
#[derive(Debug, Clone, Copy)]
struct Known {
    version: i64,
    object: i64,
    flags: i64,
    from: i64,
    to: i64,
    /// The number of a relationship's type.
    kind: i64,
}

impl Library {
    /// Begins an import.
    ///
    /// # Errors
    /// If the database is unavailable.
    pub async fn import(&self) -> Result<Import, StoreError> {
        Ok(Import {
            library: self.clone(),
            transaction: None,
            writing: None,
            generation: -1,
            known: HashMap::new(),
            objects: HashMap::new(),
            roots: HashMap::new(),
            roots_bytes: 0,
            next_version: 1,
            next_object: 1,
            waiting: Vec::new(),
            waiting_bytes: 0,
            fresh: Vec::new(),
            members: Vec::new(),
            present: HashMap::new(),
            repeated: HashMap::new(),
            kinds: HashMap::new(),
            ends: HashMap::new(),
            packer: Packer::new(),
        })
    }
}

impl Import {
    /// Begins a release. Whoever else imports waits until it is finished or dropped.
    ///
    /// # Errors
    /// If the database is unavailable, or another import takes too long.
    pub async fn begin(&mut self) -> Result<(), StoreError> {
        let mut transaction = self.library.write.begin().await?;
        let row = sqlx::query("UPDATE attack_state SET generation = generation + 1 WHERE id = 1 RETURNING generation")
            .fetch_one(&mut *transaction)
            .await?;
        let generation: i64 = row.try_get(0)?;
        if generation != self.generation + 1 {
            self.known.clear();
            self.objects.clear();
            self.roots.clear();
            self.roots_bytes = 0;
            let statement = "SELECT raw, id, object, flags, from_object, to_object, relation FROM attack_versions";
            for row in sqlx::query(statement).fetch_all(&mut *transaction).await? {
                let raw: Vec<u8> = row.try_get(0)?;
                if let Ok(raw) = raw.try_into() {
                    let kind = numbered(&mut self.kinds, row.try_get::<String, _>(6)?.as_str());
                    let known = Known {
                        version: row.try_get(1)?,
                        object: row.try_get(2)?,
                        flags: row.try_get(3)?,
                        from: row.try_get(4)?,
                        to: row.try_get(5)?,
                        kind,
                    };
                    self.known.insert(raw, known);
                }
            }
            for row in sqlx::query("SELECT stix_id, id, root FROM attack_objects").fetch_all(&mut *transaction).await? {
                self.objects.insert(row.try_get(0)?, (row.try_get(1)?, row.try_get(2)?));
            }
            self.next_version = self.known.values().map(|known| known.version).max().map_or(1, |most| most + 1);
            self.next_object = self.objects.values().map(|(id, _)| *id).max().map_or(1, |most| most + 1);
        }
        self.generation = generation;
        self.transaction = Some(transaction);
        self.members.clear();
        self.present.clear();
        self.repeated.clear();
        self.ends.clear();
        self.waiting.clear();
        self.waiting_bytes = 0;
        self.fresh.clear();
        Ok(())
    }

    /// Adds the version with these bytes as the release's next one, where it is there. Its flags say what it is.
    pub fn add_known(&mut self, raw: &[u8; 32]) -> Added {
        let Some(known) = self.known.get(raw).copied() else { return Added::Unknown };
        self.meet(known);
        Added::Yes
    }

    /// The next version of the bundle.
    fn meet(&mut self, known: Known) {
        self.members.push(known.version);
        if known.from != 0 {
            self.ends.insert(known.object, (known.from, known.to, known.kind));
        }
        if let Some(first) = self.present.get(&known.object).copied() {
            self.repeated.entry(known.object).or_insert_with(|| vec![first]).push(known.version);
        } else {
            self.present.insert(known.object, known.version);
        }
    }

    /// The flags of every version that is there, by the hash of its bytes.
    pub fn known(&self) -> HashMap<[u8; 32], i64> {
        self.known.iter().map(|(raw, known)| (*raw, known.flags)).collect()
    }

    /// Adds a version as the release's next one.
    ///
    /// # Errors
    /// If the database is unavailable.
    pub async fn add(&mut self, new: NewVersion) -> Result<(), StoreError> {
        let object = self.object(&new.stix_id);
        let (from, to, kind) = match &new.relation {
            Some(relation) => {
                let kind = numbered(&mut self.kinds, &relation.kind);
                (self.object(&relation.from), self.object(&relation.to), kind)
            }
            None => (0, 0, 0),
        };
        let version = self.next_version;
        self.next_version += 1;
        let known = Known { version, object, flags: new.flags, from, to, kind };
        self.known.insert(new.raw, known);
        self.meet(known);
        self.waiting_bytes += new.weight();
        self.waiting.push((version, new));
        if self.waiting.len() >= BATCH || self.waiting_bytes >= BATCH_BYTES {
            self.write().await?;
        }
        Ok(())
    }

    /// The number of an object, which gets one where it has none.
    fn object(&mut self, stix_id: &str) -> i64 {
        if let Some((id, _)) = self.objects.get(stix_id) {
            return *id;
        }
        let id = self.next_object;
        self.next_object += 1;
        self.objects.insert(stix_id.to_owned(), (id, 0));
        self.fresh.push((id, stix_id.to_owned()));
        id
    }

    /// Relationships of the release that begin or end at something that is not in it.
    pub fn dangling(&self) -> usize {
        let has = |object: &i64| self.present.contains_key(object);
        self.ends.values().filter(|(from, to, _)| !has(from) || !has(to)).count()
    }

    /// Relationships of the release that say what another one of it says: of the same type, between the same two objects.
    pub fn said_again(&self) -> usize {
        let different: HashSet<&(i64, i64, i64)> = self.ends.values().collect();
        self.ends.len() - different.len()
    }

    /// Objects that the bundle holds more than once.
    pub fn repeats(&self) -> Repeats {
        let is_alike = |versions: &Vec<i64>| versions.iter().all(|version| Some(version) == versions.first());
        let alike = self.repeated.values().filter(|versions| is_alike(versions)).count();
        Repeats { alike, versions: self.repeated.len() - alike }
    }

    /// How many of these objects, by their STIX IDs, the release has.
    pub fn has<'a>(&self, stix_ids: impl Iterator<Item = &'a str>) -> usize {
        let number = |id: &str| self.objects.get(id).map(|(number, _)| *number);
        let found: HashSet<i64> =
            stix_ids.filter_map(number).filter(|number| self.present.contains_key(number)).collect();
        found.len()
    }

    /// How many objects the release has that are none of those that are known, by their STIX IDs.
    pub fn beside(&self, is_known: impl Fn(&str) -> bool) -> usize {
        let own = self.objects.iter().filter(|(_, (number, _))| self.present.contains_key(number));
        own.filter(|(id, _)| !is_known(id)).count()
    }

    /// Gives up a release to which nothing was added: what is known stays in memory.
    ///
    /// # Errors
    /// If the database is unavailable.
    pub async fn give_up_nothing(&mut self) -> Result<(), StoreError> {
        self.generation -= 1;
        self.settle().await?;
        match self.transaction.take() {
            Some(transaction) => Ok(transaction.rollback().await?),
            None => Ok(()),
        }
    }

    /// Gives the release up: nothing of it stays.
    ///
    /// # Errors
    /// If the database is unavailable.
    pub async fn give_up(&mut self) -> Result<(), StoreError> {
        // What is in memory has versions that are not there.
        self.generation = -1;
        self.settle().await?;
        match self.transaction.take() {
            Some(transaction) => Ok(transaction.rollback().await?),
            None => Ok(()),
        }
    }

    /// Ends a release: from here on it is there. `false` when one of this name is in the library already, with other bytes
    /// or the same; nothing is changed then.
    ///
    /// # Errors
    /// If the database is unavailable.
    pub async fn finish(&mut self, new: &NewRelease) -> Result<bool, StoreError> {
        self.write().await?;
        self.settle().await?;
        let library = self.library.clone();
        let skeleton = self.packer.pack(&new.skeleton, &[])?;
        let members = pack_numbers(&self.members)?;
        let Some(mut transaction) = self.transaction.take() else { return Ok(false) };
        let connection = &mut *transaction;
        let superseded = superseded(&self.repeated, &library, connection).await?;
        let mut counted: Vec<i64> = self.members.iter().copied().filter(|id| !superseded.contains(id)).collect();
        counted.sort_unstable();
        counted.dedup();
        sqlx::query(
            "INSERT INTO attack_tracks (id, feed, domain) SELECT COALESCE(MAX(id), 0) + 1, $1, $2 FROM attack_tracks \
             HAVING NOT EXISTS (SELECT 1 FROM attack_tracks WHERE feed = $1 AND domain = $2)",
        )
        .bind(new.feed.clone())
        .bind(new.domain.clone())
        .execute(&mut *connection)
        .await?;
        let row = sqlx::query("SELECT id FROM attack_tracks WHERE feed = $1 AND domain = $2")
            .bind(new.feed.clone())
            .bind(new.domain.clone())
            .fetch_one(&mut *connection)
            .await?;
        let track: i64 = row.try_get(0)?;
        let row = sqlx::query(
            "INSERT INTO attack_releases (id, track, name, place, sha256, bytes, bundle, source, imported_at, objects, notes, \
             skeleton, versions) SELECT COALESCE(MAX(id), 0) + 1, $1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12 \
             FROM attack_releases HAVING NOT EXISTS (SELECT 1 FROM attack_releases WHERE track = $1 AND name = $2) RETURNING id",
        )
        .bind(track)
        .bind(new.name.clone())
        .bind(new.place)
        .bind(new.sha256.clone())
        .bind(new.bytes)
        .bind(new.bundle.clone())
        .bind(new.source.clone())
        .bind(now())
        .bind(i64::try_from(counted.len()).unwrap_or(i64::MAX))
        .bind(new.notes.clone())
        .bind(skeleton)
        .bind(members)
        .fetch_optional(&mut *connection)
        .await?;
        let Some(row) = row else {
            transaction.rollback().await?;
            self.generation = -1;
            return Ok(false);
        };
        let release: i64 = row.try_get(0)?;
        let asked = library.numbers("$1");
        if !superseded.is_empty() {
            let statement = format!(
                "INSERT INTO attack_superseded (version, release) SELECT asked.value, $2 FROM {asked} AS asked"
            );
            let superseded: Vec<i64> = superseded.into_iter().collect();
            sqlx::query(sqlx::AssertSqlSafe(statement))
                .bind(as_json(&superseded))
                .bind(release)
                .execute(&mut *connection)
                .await?;
        }
        let ids = as_json(&counted);
        // `WHERE true` tells SQLite's parser where the conflict clause begins.
        for (statement, number, place) in [
            (
                format!(
                    "INSERT INTO attack_members (version, release) SELECT asked.value, $2 FROM {asked} AS asked WHERE $3 = $3"
                ),
                release,
                new.place,
            ),
            (
                format!(
                    "INSERT INTO attack_spans (object, track, first, last) SELECT v.object, $2, $3, $3 FROM {asked} AS asked \
                     JOIN attack_versions v ON v.id = asked.value WHERE true ON CONFLICT (object, track) DO UPDATE SET \
                     first = CASE WHEN excluded.first < attack_spans.first THEN excluded.first ELSE attack_spans.first END, \
                     last = CASE WHEN excluded.last > attack_spans.last THEN excluded.last ELSE attack_spans.last END"
                ),
                track,
                new.place,
            ),
        ] {
            sqlx::query(sqlx::AssertSqlSafe(statement))
                .bind(ids.clone())
                .bind(number)
                .bind(place)
                .execute(&mut *connection)
                .await?;
        }
        transaction.commit().await?;
        if library.sqlite {
            // Else the log of a large import stays as long as it was at its longest.
            sqlx::query("PRAGMA wal_checkpoint(TRUNCATE)").execute(&library.write).await?;
        }
        Ok(true)
    }

    /// Waits until what was handed over is written.
    async fn settle(&mut self) -> Result<(), StoreError> {
        if let Some(writing) = self.writing.take() {
            self.transaction = Some(writing.await.map_err(|_| StoreError::Closed)??);
        }
        Ok(())
    }

    /// Writes what waits, while the next objects are already being packed.
    async fn write(&mut self) -> Result<(), StoreError> {
        let waiting = std::mem::take(&mut self.waiting);
        self.waiting_bytes = 0;
        let fresh = std::mem::take(&mut self.fresh);
        if self.roots_bytes > MOST_ROOTS {
            // A release has most objects once: what was written in this transaction is hardly needed in it again, and a version
            // whose root is not at hand is packed by itself.
            self.roots.clear();
            self.roots_bytes = 0;
        }
        // Texts of roots that an earlier import wrote.
        let mut missing: Vec<i64> = Vec::new();
        for (_, new) in &waiting {
            let root = self.objects.get(&new.stix_id).map_or(0, |(_, root)| *root);
            if root != 0 && !self.roots.contains_key(&root) {
                missing.push(root);
            }
        }
        if !missing.is_empty() {
            let read = read(&self.library, &missing).await?;
            self.roots_bytes += read.values().map(Vec::len).sum::<usize>();
            self.roots.extend(read);
        }
        let mut batch = Batch::default();
        let mut rooted: HashMap<i64, i64> = HashMap::new();
        for (id, mut new) in waiting {
            let ends = match &new.relation {
                Some(relation) => (self.number(&relation.from), self.number(&relation.to)),
                None => (0, 0),
            };
            let Some((object, root)) = self.objects.get_mut(&new.stix_id) else { continue };
            let mut body = match self.roots.get(root) {
                Some(text) if *root != 0 => (*root, self.packer.pack(&new.text, text)?),
                _ => (0, Vec::new()),
            };
            if body.0 == 0 || body.1.len() > new.text.len() / 4 {
                // So much is new that it is worth another root.
                body = (id, self.packer.pack(&new.text, &[])?);
            }
            let (text, is_root) = (std::mem::take(&mut new.text), body.0 == id);
            let bytes = i64::try_from(text.len()).unwrap_or(i64::MAX);
            if is_root && text.len() <= MOST_ROOT {
                *root = id;
                self.roots_bytes += text.len();
                self.roots.insert(id, text);
                rooted.insert(*object, id);
            }
            batch.bodies.push((id, body.0, body.1));
            batch.versions.push(VersionRow { id, object: *object, ends, bytes, new });
        }
        for (id, stix_id) in fresh {
            batch.objects.push((id, stix_id, rooted.remove(&id).unwrap_or(0)));
        }
        batch.rooted = rooted.into_iter().collect();
        self.settle().await?;
        let Some(transaction) = self.transaction.take() else { return Ok(()) };
        self.writing = Some(tokio::spawn(batch.write(transaction, self.library.sqlite)));
        Ok(())
    }

    /// The number of an object that has one.
    fn number(&self, stix_id: &str) -> i64 {
        self.objects.get(stix_id).map_or(0, |(id, _)| *id)
    }
}

/// The number of a type of relationship; 0 for none.
fn numbered(kinds: &mut HashMap<String, i64>, kind: &str) -> i64 {
    if kind.is_empty() {
        return 0;
    }
    if let Some(number) = kinds.get(kind) {
        return *number;
    }
    let number = i64::try_from(kinds.len()).unwrap_or(i64::MAX).saturating_add(1);
    kinds.insert(kind.to_owned(), number);
    number
}
