//! The ATT&CK library's database: releases, objects and every version of them, each kept once.
//!
//! A **track** is one domain in one feed, such as `enterprise-attack` in `stix-2.1`: histories never leave their track. A
//! **version** is the exact text of an object; however many releases hold it, it is kept once, as what differs from an
//! earlier version of the same object. A **release** is the list of its versions and the text around them, so that the
//! file that was imported can be given back to the byte.

mod batch;
mod bodies;
mod counted;
mod import;
mod layers;
mod remove;
mod runs;
mod takes;
#[cfg(test)]
mod tests;
mod version;

pub use import::{Added, Import, NewRelease, Repeats};
pub use layers::{LayerVersion, NewLayer, StoredLayer};
pub use remove::Removed;
pub use takes::{NewTake, PublishedTake, Take, TakeChange, TakeState, TakeStep};
pub use version::{NewVersion, Relation};

use crate::reach::reach;
use crate::{StoreError, without_password};
use serde::Serialize;
use sqlx::any::{AnyPoolOptions, AnyRow};
use sqlx::migrate::{MigrateError, Migrator};
use sqlx::sqlite::SqliteConnectOptions;
use sqlx::{AnyPool, ConnectOptions, Connection, Row};
use std::collections::HashMap;
use std::path::Path;
use std::str::FromStr;
use std::sync::Arc;
use std::time::Duration;

/// How long a statement waits for a database that is locked: another import may be under way.
const PATIENCE: Duration = Duration::from_secs(30);
/// How long the start waits for a server.
const SERVER_PATIENCE: Duration = Duration::from_secs(5);
/// How SQLite is told to write: whole transactions or none after a power cut; the last ones may be gone, and can be imported
/// again.
const WRITING: [&str; 4] = [
    "PRAGMA journal_mode = WAL",
    "PRAGMA synchronous = NORMAL",
    "PRAGMA busy_timeout = 30000",
    "PRAGMA foreign_keys = ON",
];
/// And how to read: pages of the file are kept once, by the system, for all connections.
const READING: [&str; 3] = ["PRAGMA journal_mode = WAL", "PRAGMA busy_timeout = 30000", "PRAGMA mmap_size = 268435456"];
/// Rows from which on they are read over two connections at once.
const MANY: usize = 1_500;
/// Where the migrations that were run are noted: the ledger may be in the same database.
const MIGRATIONS: &str = "_library_migrations";

/// The library's database. Clones share one connection pool.
#[derive(Clone)]
pub struct Library {
    read: AnyPool,
    write: AnyPool,
    sqlite: bool,
}

/// An imported release.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Release {
    /// Its number here.
    #[serde(skip)]
    pub id: i64,
    /// Its track's number here.
    #[serde(skip)]
    pub track: i64,
    /// `stix-2.0` or `stix-2.1`.
    pub feed: String,
    /// Such as `enterprise-attack`.
    pub domain: String,
    /// Such as `17.1`.
    pub name: String,
    /// Its place among releases: later ones have greater numbers.
    #[serde(skip)]
    pub place: i64,
    /// SHA-256 of the bundle's bytes, in hexadecimal.
    pub sha256: String,
    /// The bundle's bytes.
    pub bytes: i64,
    /// The bundle's id.
    pub bundle: String,
    /// Where it came from: a file's name or an address.
    pub source: String,
    /// When it was imported, in milliseconds since 1970.
    pub imported_at: i64,
    /// Number of objects in it.
    pub objects: i64,
    /// Its anomalies, one per line.
    pub notes: String,
}

/// A version of an object, without its text.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Version {
    /// Its number.
    pub id: i64,
    /// Its object's number.
    pub object: i64,
    /// SHA-256 of the exact bytes.
    pub raw: [u8; 32],
    /// SHA-256 of the compact JSON in source key order.
    pub source: [u8; 32],
    /// SHA-256 of the canonical JSON (RFC 8785).
    pub canonical: [u8; 32],
    /// Its length.
    pub bytes: i64,
    /// The object's STIX ID.
    pub stix_id: String,
    /// Such as `T1204.002`; empty for none.
    pub attack_id: String,
    /// Its name; empty for none.
    pub name: String,
    /// `x_mitre_version`; empty for none.
    pub version: String,
    /// When the object was made, as it says; empty for unknown.
    pub created: String,
    /// When it was changed, as it says; empty for unknown.
    pub modified: String,
    /// Revoked, deprecated, sub-technique: the bits of [`Version::REVOKED`] and the like.
    pub flags: i64,
    /// Platforms, one per line.
    pub platforms: String,
    /// Short names of tactics, one per line.
    pub tactics: String,
    /// The relationship's type; empty for anything else.
    pub relation: String,
    /// The number of the object that a relationship starts at; 0 for none.
    pub from_object: i64,
    /// The number of the object that a relationship leads to; 0 for none.
    pub to_object: i64,
    /// Place of the first release that holds the object, in the track that was asked about; 0 for none.
    pub first: i64,
    /// Place of the last one.
    pub last: i64,
    /// Another object is what its ATT&CK ID leads to. The store does not know; whoever finds entries by their ids sets it.
    pub is_shadowed: bool,
}

impl Version {
    /// The bit of `flags` for a revoked object.
    pub const REVOKED: i64 = 1;
    /// The bit of `flags` for a deprecated object.
    pub const DEPRECATED: i64 = 2;
    /// The bit of `flags` for a sub-technique.
    pub const SUBTECHNIQUE: i64 = 4;
    /// The bit of `flags` for an object that says that it is STIX 2.1.
    pub const STIX_21: i64 = 8;
    /// The bit of `flags` for an object that should say when it was changed and does not.
    pub const UNDATED: i64 = 16;
    /// The bit of `flags` for an object that says `revoked` or `x_mitre_deprecated` otherwise than with true or false.
    pub const ODD_STATUS: i64 = 32;
    /// The bit of `flags` for an object of which a field that should be a text, or a list, is none.
    pub const ODD_FIELD: i64 = 64;
    /// The bit of `flags` for an object of which a date is none.
    pub const ODD_DATE: i64 = 128;
    /// The bit of `flags` for an object that was changed before it was made.
    pub const ODD_ORDER: i64 = 256;
    /// The bit of `flags` for an object that is a bundle.
    pub const ODD_BUNDLE: i64 = 512;
    /// The bits of `flags` that only say what is odd about an object, and mean nothing to those who read it. Objects that were
    /// imported before there were such bits have none of them.
    pub const ODD: i64 = 32 | 64 | 128 | 256 | 512;
}

/// A release that contains a version of an object.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Appearance {
    /// The release's number.
    pub release: i64,
    /// The version; its first and last place are left out.
    pub version: Arc<Version>,
}

/// A track in which an object stands, with the first and the last release that have it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Span {
    /// The track's number.
    #[serde(skip)]
    pub track: i64,
    /// `stix-2.0` or `stix-2.1`.
    pub feed: String,
    /// Such as `enterprise-attack`.
    pub domain: String,
    /// Place of the first release.
    pub first: i64,
    /// Place of the last one.
    pub last: i64,
}

impl Span {
    /// Whether a place lies between the first and the last release, both included.
    pub fn has(&self, place: i64) -> bool {
        (self.first..=self.last).contains(&place)
    }
}

/// An object's version in the last release of a track that has it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Standing {
    /// The track.
    pub span: Span,
    /// The version.
    pub version: Version,
}

/// What of a version is read for lists. `first` and `last` are added by each statement.
const COLUMNS: &str = "v.id, v.object, v.raw, v.source, v.canonical, v.bytes, o.stix_id, v.attack_id, v.name, v.version, \
                       v.created, v.modified, v.flags, v.platforms, v.tactics, v.relation, v.from_object, v.to_object";
const RELEASE: &str = "r.id, r.track, t.feed, t.domain, r.name, r.place, r.sha256, r.bytes, r.bundle, r.source, \
                       r.imported_at, r.objects, r.notes";

impl Library {
    /// Opens a library: `sqlite:PATH` or `postgres://…`. An SQLite file is made where there is none.
    ///
    /// # Errors
    /// When it cannot be opened or brought up to date, or was made by a newer version.
    pub async fn open(address: &str) -> Result<Self, StoreError> {
        sqlx::any::install_default_drivers();
        let shown = without_password(address);
        let opened = |source| StoreError::OpenLibrary { address: shown.clone(), source };
        let sqlite = address.starts_with("sqlite:");
        let options = |connections, pragmas: &'static [&'static str]| {
            let options = AnyPoolOptions::new().max_connections(connections).acquire_timeout(PATIENCE);
            // A file does not go away as a server does: nothing is asked before each use.
            options.test_before_acquire(!sqlite).after_connect(move |connection, _| {
                Box::pin(async move {
                    for pragma in pragmas.iter().filter(|_| sqlite) {
                        sqlx::query(*pragma).execute(&mut *connection).await?;
                    }
                    Ok(())
                })
            })
        };
        if !sqlite {
            reach(address, SERVER_PATIENCE).await.map_err(opened)?;
        }
        let address = if sqlite && !address.contains('?') { format!("{address}?mode=rwc") } else { address.to_owned() };
        let write = options(1, &WRITING).connect(&address).await.map_err(opened)?;
        let mut migrator: Migrator = if sqlite {
            sqlx::migrate!("migrations/library-sqlite")
        } else {
            sqlx::migrate!("migrations/library-postgres")
        };
        migrator.dangerous_set_table_name(MIGRATIONS);
        migrator.run(&write).await.map_err(|source| match source {
            MigrateError::VersionMissing(_) => StoreError::NewerLibrary { address: shown.clone() },
            source => StoreError::MigrateLibrary { address: shown.clone(), source },
        })?;
        let read = options(4, &READING).connect(&address).await.map_err(opened)?;
        Ok(Self { read, write, sqlite })
    }

    /// Writes everything as it is now into a new SQLite file, while others go on reading and writing. False where it is in
    /// the care of a server, which has means of its own for that.
    ///
    /// # Errors
    /// When there is no library, or the file cannot be written or is there already.
    pub async fn copy(address: &str, to: &Path) -> Result<bool, StoreError> {
        if !address.starts_with("sqlite:") {
            return Ok(false);
        }
        let failed = |source| StoreError::OpenLibrary { address: without_password(address), source };
        let options = SqliteConnectOptions::from_str(address).map_err(failed)?.create_if_missing(false);
        let mut connection = options.connect().await.map_err(failed)?;
        crate::copy::database(&mut connection, to).await?;
        let _ = connection.close().await;
        Ok(true)
    }

    /// A number that every import changes: what was kept in memory from another one is old.
    ///
    /// # Errors
    /// If the database is unavailable.
    pub async fn generation(&self) -> Result<i64, StoreError> {
        let row = sqlx::query("SELECT generation FROM attack_state WHERE id = 1").fetch_one(&self.read).await?;
        Ok(row.try_get("generation")?)
    }

    /// Every release, by feed, domain and place.
    ///
    /// # Errors
    /// If the database is unavailable.
    pub async fn releases(&self) -> Result<Vec<Release>, StoreError> {
        let statement = format!(
            "SELECT {RELEASE} FROM attack_releases r JOIN attack_tracks t ON t.id = r.track ORDER BY t.feed, t.domain, r.place"
        );
        let rows = sqlx::query(sqlx::AssertSqlSafe(statement)).fetch_all(&self.read).await?;
        rows.iter().map(release).collect()
    }

    /// The numbers of a release's versions, in the order of its bundle.
    ///
    /// # Errors
    /// If the database is unavailable.
    pub async fn members(&self, release: i64) -> Result<Vec<i64>, StoreError> {
        let row = sqlx::query("SELECT versions FROM attack_releases WHERE id = $1")
            .bind(release)
            .fetch_optional(&self.read)
            .await?;
        let Some(row) = row else { return Ok(Vec::new()) };
        bodies::unpack_numbers(&row.try_get::<Vec<u8>, _>("versions")?)
    }

    /// The text of a release's bundle, each object replaced by a byte 0.
    ///
    /// # Errors
    /// If the database is unavailable or the text is damaged.
    pub async fn skeleton(&self, release: i64) -> Result<Vec<u8>, StoreError> {
        let row = sqlx::query("SELECT skeleton FROM attack_releases WHERE id = $1")
            .bind(release)
            .fetch_optional(&self.read)
            .await?;
        let Some(row) = row else { return Ok(Vec::new()) };
        bodies::unpack(&row.try_get::<Vec<u8>, _>("skeleton")?, &[])
    }

    /// Versions by their numbers, in that order, with the first and last release of their objects in a track.
    ///
    /// # Errors
    /// If the database is unavailable.
    pub async fn versions(&self, ids: &[i64], track: i64) -> Result<Vec<Version>, StoreError> {
        if ids.len() < MANY {
            return self.some_versions(ids.to_vec(), track).await;
        }
        // Two connections, and two processors, for what is many.
        let (first, second) = ids.split_at(ids.len() / 2);
        let (library, second) = (self.clone(), second.to_vec());
        let second = tokio::spawn(async move { library.some_versions(second, track).await });
        let mut versions = self.some_versions(first.to_vec(), track).await?;
        versions.extend(second.await.map_err(|_| StoreError::Closed)??);
        Ok(versions)
    }

    async fn some_versions(&self, ids: Vec<i64>, track: i64) -> Result<Vec<Version>, StoreError> {
        let statement = format!(
            "SELECT {COLUMNS}, COALESCE(s.first, 0) AS first_place, COALESCE(s.last, 0) AS last_place \
             FROM {} AS asked JOIN attack_versions v ON v.id = asked.value \
             JOIN attack_objects o ON o.id = v.object \
             LEFT JOIN attack_spans s ON s.object = v.object AND s.track = $2 ORDER BY asked.place",
            self.numbers("$1")
        );
        let statement = sqlx::query(sqlx::AssertSqlSafe(statement)).bind(as_json(&ids)).bind(track);
        statement.fetch_all(&self.read).await?.iter().map(version).collect()
    }

    /// The greatest number of a version; 0 for none.
    ///
    /// # Errors
    /// If the database is unavailable.
    pub async fn last_version(&self) -> Result<i64, StoreError> {
        let row = sqlx::query("SELECT COALESCE(MAX(id), 0) FROM attack_versions").fetch_one(&self.read).await?;
        Ok(row.try_get(0)?)
    }

    /// Every version of an object with every release that holds it, by track and place; `stix_id` is the object's.
    ///
    /// # Errors
    /// If the database is unavailable.
    pub async fn appearances(&self, stix_id: &str) -> Result<Vec<Appearance>, StoreError> {
        // Few versions are in many releases: each is read once.
        let statement = format!(
            "SELECT {COLUMNS}, 0 AS first_place, 0 AS last_place FROM attack_objects o \
             JOIN attack_versions v ON v.object = o.id WHERE o.stix_id = $1"
        );
        let statement = sqlx::query(sqlx::AssertSqlSafe(statement)).bind(stix_id.to_owned());
        let mut versions: HashMap<i64, Arc<Version>> = HashMap::new();
        for row in statement.fetch_all(&self.read).await? {
            let version = version(&row)?;
            versions.insert(version.id, Arc::new(version));
        }
        let mut ids: Vec<i64> = versions.keys().copied().collect();
        ids.sort_unstable();
        let statement = format!(
            "SELECT m.version, m.release FROM {} AS asked JOIN attack_members m ON m.version = asked.value \
             JOIN attack_releases r ON r.id = m.release ORDER BY r.track, r.place",
            self.numbers("$1")
        );
        let rows = sqlx::query(sqlx::AssertSqlSafe(statement)).bind(as_json(&ids)).fetch_all(&self.read).await?;
        let mut found = Vec::with_capacity(rows.len());
        for row in rows {
            let id: i64 = row.try_get(0)?;
            if let Some(version) = versions.get(&id) {
                found.push(Appearance { release: row.try_get(1)?, version: Arc::clone(version) });
            }
        }
        Ok(found)
    }

    /// The newest version of every object but relationships in a track, dead ones included: what a search looks through.
    ///
    /// # Errors
    /// If the database is unavailable.
    pub async fn newest(&self, track: i64) -> Result<Vec<Version>, StoreError> {
        self.newest_of(track, "v.relation = ''").await
    }

    async fn newest_of(&self, track: i64, which: &str) -> Result<Vec<Version>, StoreError> {
        let statement = format!(
            "SELECT {COLUMNS}, s.first AS first_place, s.last AS last_place \
             FROM attack_spans s JOIN attack_releases r ON r.track = s.track AND r.place = s.last \
             JOIN attack_versions v ON v.object = s.object \
             JOIN attack_members m ON m.version = v.id AND m.release = r.id \
             JOIN attack_objects o ON o.id = s.object \
             WHERE s.track = $1 AND {which} ORDER BY v.id"
        );
        let rows = sqlx::query(sqlx::AssertSqlSafe(statement)).bind(track).fetch_all(&self.read).await?;
        rows.iter().map(version).collect()
    }

    /// Every object that ever had an ATT&CK ID, in any release; relationships have none.
    ///
    /// # Errors
    /// If the database is unavailable.
    pub async fn objects_with_attack_id(&self, attack_id: &str) -> Result<Vec<i64>, StoreError> {
        let statement = "SELECT DISTINCT object FROM attack_versions WHERE attack_id = $1 AND attack_id <> '' AND relation = '' ORDER BY object";
        let rows = sqlx::query(statement).bind(attack_id.to_owned()).fetch_all(&self.read).await?;
        rows.iter().map(|row| Ok(row.try_get(0)?)).collect()
    }

    /// ATT&CK IDs that more than one object ever had, each with those objects and their STIX IDs.
    ///
    /// # Errors
    /// If the database is unavailable.
    pub async fn shared_attack_ids(&self) -> Result<Vec<(String, i64, String)>, StoreError> {
        let statement = "SELECT DISTINCT v.attack_id, v.object, o.stix_id FROM attack_versions v \
             JOIN attack_objects o ON o.id = v.object WHERE v.attack_id <> '' AND v.relation = '' AND v.attack_id IN \
             (SELECT attack_id FROM attack_versions WHERE attack_id <> '' AND relation = '' GROUP BY attack_id \
             HAVING COUNT(DISTINCT object) > 1) ORDER BY v.attack_id, v.object";
        let rows = sqlx::query(statement).fetch_all(&self.read).await?;
        rows.iter().map(|row| Ok((row.try_get(0)?, row.try_get(1)?, row.try_get(2)?))).collect()
    }

    /// The number of the object with a STIX ID.
    ///
    /// # Errors
    /// If the database is unavailable.
    pub async fn object(&self, stix_id: &str) -> Result<Option<i64>, StoreError> {
        let statement = sqlx::query("SELECT id FROM attack_objects WHERE stix_id = $1").bind(stix_id.to_owned());
        let row = statement.fetch_optional(&self.read).await?;
        row.map(|row| Ok(row.try_get(0)?)).transpose()
    }

    /// Objects by their numbers, in each track that ever had them, as they stood there last.
    ///
    /// # Errors
    /// If the database is unavailable.
    pub async fn standings(&self, objects: &[i64]) -> Result<Vec<Standing>, StoreError> {
        let statement = format!(
            "SELECT {COLUMNS}, s.first AS first_place, s.last AS last_place, s.track, t.feed, t.domain \
             FROM {} AS asked JOIN attack_spans s ON s.object = asked.value JOIN attack_tracks t ON t.id = s.track \
             JOIN attack_releases r ON r.track = s.track AND r.place = s.last \
             JOIN attack_versions v ON v.object = s.object \
             JOIN attack_members m ON m.version = v.id AND m.release = r.id \
             JOIN attack_objects o ON o.id = s.object ORDER BY asked.place, s.track",
            self.numbers("$1")
        );
        let rows = sqlx::query(sqlx::AssertSqlSafe(statement)).bind(as_json(objects)).fetch_all(&self.read).await?;
        rows.iter()
            .map(|row| {
                let version = version(row)?;
                let span = Span {
                    track: row.try_get(20)?,
                    feed: row.try_get(21)?,
                    domain: row.try_get(22)?,
                    first: version.first,
                    last: version.last,
                };
                Ok(Standing { span, version })
            })
            .collect()
    }

    /// Every relationship that was ever in a track, in its newest version, with its first and last release.
    ///
    /// # Errors
    /// If the database is unavailable.
    pub async fn relations_ever(&self, track: i64) -> Result<Vec<Version>, StoreError> {
        self.newest_of(track, "v.relation <> ''").await
    }

    /// STIX IDs of objects by their numbers.
    ///
    /// # Errors
    /// If the database is unavailable.
    pub async fn stix_ids(&self, objects: &[i64]) -> Result<HashMap<i64, String>, StoreError> {
        let statement = format!(
            "SELECT o.id, o.stix_id FROM {} AS asked JOIN attack_objects o ON o.id = asked.value",
            self.numbers("$1")
        );
        let rows = sqlx::query(sqlx::AssertSqlSafe(statement)).bind(as_json(objects)).fetch_all(&self.read).await?;
        rows.iter().map(|row| Ok((row.try_get("id")?, row.try_get("stix_id")?))).collect()
    }

    /// The exact texts of versions.
    ///
    /// # Errors
    /// If the database is unavailable or a text is damaged.
    pub async fn bodies(&self, versions: &[i64]) -> Result<HashMap<i64, Vec<u8>>, StoreError> {
        if versions.len() < MANY {
            return bodies::read(self, versions).await;
        }
        let (first, second) = versions.split_at(versions.len() / 2);
        let (library, second) = (self.clone(), second.to_vec());
        let second = tokio::spawn(async move { bodies::read(&library, &second).await });
        let mut texts = bodies::read(self, first).await?;
        texts.extend(second.await.map_err(|_| StoreError::Closed)??);
        Ok(texts)
    }

    /// The text of one version; `None` where there is none.
    ///
    /// # Errors
    /// If the database is unavailable or the text is damaged.
    pub async fn body(&self, version: i64) -> Result<Option<Vec<u8>>, StoreError> {
        Ok(self.bodies(&[version]).await?.remove(&version))
    }

    /// A table of the numbers in a JSON array, with their places: both databases can do it, each in its own words.
    fn numbers(&self, parameter: &str) -> String {
        if self.sqlite {
            format!("(SELECT value, key AS place FROM json_each({parameter}))")
        } else {
            format!(
                "(SELECT value::bigint AS value, ordinality AS place \
                 FROM json_array_elements_text({parameter}::json) WITH ORDINALITY)"
            )
        }
    }
}

fn as_json(ids: &[i64]) -> String {
    let mut text = String::with_capacity(ids.len() * 8 + 2);
    text.push('[');
    for (place, id) in ids.iter().enumerate() {
        if place > 0 {
            text.push(',');
        }
        text.push_str(&id.to_string());
    }
    text.push(']');
    text
}

fn release(row: &AnyRow) -> Result<Release, StoreError> {
    Ok(Release {
        id: row.try_get(0)?,
        track: row.try_get(1)?,
        feed: row.try_get(2)?,
        domain: row.try_get(3)?,
        name: row.try_get(4)?,
        place: row.try_get(5)?,
        sha256: row.try_get(6)?,
        bytes: row.try_get(7)?,
        bundle: row.try_get(8)?,
        source: row.try_get(9)?,
        imported_at: row.try_get(10)?,
        objects: row.try_get(11)?,
        notes: row.try_get(12)?,
    })
}

/// Columns by their places: [`COLUMNS`], then the first and the last place.
fn version(row: &AnyRow) -> Result<Version, StoreError> {
    let hash = |place: usize| -> Result<[u8; 32], StoreError> {
        let bytes: Vec<u8> = row.try_get(place)?;
        bytes.try_into().map_err(|_| StoreError::DamagedLibrary("a hash has another length".to_owned()))
    };
    Ok(Version {
        id: row.try_get(0)?,
        object: row.try_get(1)?,
        raw: hash(2)?,
        source: hash(3)?,
        canonical: hash(4)?,
        bytes: row.try_get(5)?,
        stix_id: row.try_get(6)?,
        attack_id: row.try_get(7)?,
        name: row.try_get(8)?,
        version: row.try_get(9)?,
        created: row.try_get(10)?,
        modified: row.try_get(11)?,
        flags: row.try_get(12)?,
        platforms: row.try_get(13)?,
        tactics: row.try_get(14)?,
        relation: row.try_get(15)?,
        from_object: row.try_get(16)?,
        to_object: row.try_get(17)?,
        first: row.try_get(18)?,
        last: row.try_get(19)?,
        is_shadowed: false,
    })
}
