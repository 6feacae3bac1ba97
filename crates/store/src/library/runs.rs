//! Releases in a row that have an object: between its first and its last one there can be some without it.

use super::{Library, bodies};
use crate::StoreError;
use sqlx::Row;
use std::collections::HashMap;

impl Library {
    /// For each relationship of a track that some release between its first and its last one has not: the places of the first and
    /// the last release of each row of releases that have it, in their order. Relationships without gaps are left out.
    ///
    /// # Errors
    /// If the database is unavailable or is damaged.
    pub async fn interrupted(&self, track: i64) -> Result<HashMap<i64, Vec<(i64, i64)>>, StoreError> {
        let rows = sqlx::query("SELECT place, versions FROM attack_releases WHERE track = $1 ORDER BY place")
            .bind(track)
            .fetch_all(&self.read)
            .await?;
        let mut releases: Vec<(i64, Vec<i64>)> = Vec::with_capacity(rows.len());
        for row in rows {
            releases.push((row.try_get(0)?, bodies::unpack_numbers(&row.try_get::<Vec<u8>, _>(1)?)?));
        }
        let mut objects: HashMap<i64, i64> = HashMap::new();
        let statement = "SELECT id, object FROM attack_versions WHERE relation <> ''";
        for row in sqlx::query(statement).fetch_all(&self.read).await? {
            objects.insert(row.try_get(0)?, row.try_get(1)?);
        }
        // By object: its rows of releases, and the last release among all of them that has it.
        let mut runs: HashMap<i64, (Vec<(i64, i64)>, usize)> = HashMap::new();
        for (at, (place, members)) in releases.iter().enumerate() {
            for object in members.iter().filter_map(|version| objects.get(version)) {
                let (runs, last) = runs.entry(*object).or_default();
                match runs.last_mut() {
                    // The same release once more: its bundle holds several versions.
                    Some(_) if *last == at => {}
                    Some(run) if *last + 1 == at => run.1 = *place,
                    _ => runs.push((*place, *place)),
                }
                *last = at;
            }
        }
        Ok(runs.into_iter().filter(|(_, (runs, _))| runs.len() > 1).map(|(object, (runs, _))| (object, runs)).collect())
    }
}
