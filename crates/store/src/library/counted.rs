//! Which versions count in a release: a bundle may hold an object in several of them, or twice (STIX 2.1, 3.6).

use super::{Library, as_json};
use crate::StoreError;
use sqlx::{AnyConnection, Row};
use std::collections::{HashMap, HashSet};

impl Library {
    /// The numbers of the versions that count in a release, in the order of its bundle: of an object that the bundle holds in
    /// several versions the newest one.
    ///
    /// # Errors
    /// If the database is unavailable.
    pub async fn counted(&self, release: i64) -> Result<Vec<i64>, StoreError> {
        let rows = sqlx::query("SELECT version FROM attack_superseded WHERE release = $1")
            .bind(release)
            .fetch_all(&self.read)
            .await?;
        let mut passed: HashSet<i64> = HashSet::with_capacity(rows.len());
        for row in rows {
            passed.insert(row.try_get(0)?);
        }
        let members = self.members(release).await?;
        // What was met once is passed the next time.
        Ok(members.into_iter().filter(|id| passed.insert(*id)).collect())
    }
}

/// Of objects that a bundle holds in several versions those that do not count: every one but the newest (STIX 2.1, 3.6), and of
/// those of one date every one but the last.
pub(super) async fn superseded(
    repeated: &HashMap<i64, Vec<i64>>,
    library: &Library,
    connection: &mut AnyConnection,
) -> Result<HashSet<i64>, StoreError> {
    let mut ids: Vec<i64> = repeated.values().flatten().copied().collect();
    ids.sort_unstable();
    ids.dedup();
    if ids.is_empty() {
        return Ok(HashSet::new());
    }
    let statement = format!(
        "SELECT v.id, v.modified FROM {} AS asked JOIN attack_versions v ON v.id = asked.value",
        library.numbers("$1")
    );
    let mut dates: HashMap<i64, String> = HashMap::new();
    let rows = sqlx::query(sqlx::AssertSqlSafe(statement)).bind(as_json(&ids)).fetch_all(connection).await?;
    for row in rows {
        dates.insert(row.try_get(0)?, row.try_get(1)?);
    }
    // Time stamps of STIX end in `Z`, with or without parts of a second before it (STIX 2.1, 2.16).
    let date = |id: i64| dates.get(&id).map_or("", |date| date.trim_end_matches('Z'));
    let mut superseded = HashSet::new();
    for versions in repeated.values() {
        let newest = versions.iter().zip(0_usize..).max_by_key(|(id, place)| (date(**id), *place)).map(|(id, _)| *id);
        superseded.extend(versions.iter().copied().filter(|id| Some(*id) != newest));
    }
    Ok(superseded)
}
