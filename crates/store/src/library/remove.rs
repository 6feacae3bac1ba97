//! Taking a release out again, with everything that nothing else holds.

use super::bodies::{Packer, read};
use super::{Library, Release, as_json};
use crate::StoreError;
use sqlx::any::Any;
use sqlx::{Row, Transaction};
use std::collections::{BTreeMap, HashSet};

/// Texts that are packed again at once.
const BATCH: usize = 500;
/// Numbers that go to the database at once.
const NUMBERS: usize = 10_000;

/// What was removed with a release.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Removed {
    /// Versions that no other release has.
    pub versions: usize,
    /// Objects that no other release has, and that no relationship of one names.
    pub objects: usize,
}

impl Library {
    /// Takes a release out, and every version and object that only it has; texts that were packed against one of those are
    /// packed anew. All of it happens or nothing. `None` when the release is not there (any more).
    ///
    /// # Errors
    /// If the database is unavailable, is damaged, or an import takes too long.
    pub async fn remove(&self, release: &Release) -> Result<Option<Removed>, StoreError> {
        let mut members = self.members(release.id).await?;
        // A bundle may hold the same bytes twice.
        members.sort_unstable();
        members.dedup();
        let mut transaction = self.write.begin().await?;
        // This locks imports out, and tells those that remember something that it is old.
        sqlx::query("UPDATE attack_state SET generation = generation + 1 WHERE id = 1")
            .execute(&mut *transaction)
            .await?;
        let gone = sqlx::query("DELETE FROM attack_releases WHERE id = $1 AND track = $2 AND sha256 = $3")
            .bind(release.id)
            .bind(release.track)
            .bind(release.sha256.clone())
            .execute(&mut *transaction)
            .await?;
        if gone.rows_affected() == 0 {
            transaction.rollback().await?;
            return Ok(None);
        }
        for statement in
            ["DELETE FROM attack_members WHERE release = $1", "DELETE FROM attack_superseded WHERE release = $1"]
        {
            sqlx::query(statement).bind(release.id).execute(&mut *transaction).await?;
        }
        let mut work = Work { library: self, transaction };
        let objects = work.spans_again(&members, release.track).await?;
        let doomed = work
            .asked(
                "SELECT asked.value, asked.value FROM {asked} AS asked \
                 WHERE NOT EXISTS (SELECT 1 FROM attack_members m WHERE m.version = asked.value) \
                 AND NOT EXISTS (SELECT 1 FROM attack_superseded s WHERE s.version = asked.value)",
                &members,
            )
            .await?;
        let doomed: Vec<i64> = doomed.into_iter().map(|(id, _)| id).collect();
        work.packed_again(&doomed).await?;
        let mut touched: HashSet<i64> = objects.into_iter().collect();
        let ends = "SELECT v.from_object, v.to_object FROM {asked} AS asked JOIN attack_versions v ON v.id = asked.value \
                    WHERE v.from_object <> 0";
        for (from, to) in work.asked(ends, &doomed).await? {
            touched.extend([from, to]);
        }
        for table in ["attack_bodies WHERE version", "attack_versions WHERE id"] {
            work.change(&format!("DELETE FROM {table} IN (SELECT value FROM {{asked}} AS asked)"), &doomed).await?;
        }
        let mut touched: Vec<i64> = touched.into_iter().collect();
        touched.sort_unstable();
        // What later versions are packed against, where that went.
        work.change(
            "UPDATE attack_objects SET root = COALESCE((SELECT MAX(b.version) FROM attack_versions v \
             JOIN attack_bodies b ON b.version = v.id WHERE v.object = attack_objects.id AND b.root = b.version), 0) \
             WHERE id IN (SELECT value FROM {asked} AS asked) AND root <> 0 \
             AND NOT EXISTS (SELECT 1 FROM attack_versions v WHERE v.id = attack_objects.root)",
            &touched,
        )
        .await?;
        let lonely = "DELETE FROM attack_objects WHERE id IN (SELECT value FROM {asked} AS asked) \
                      AND NOT EXISTS (SELECT 1 FROM attack_versions v WHERE v.object = attack_objects.id) \
                      AND NOT EXISTS (SELECT 1 FROM attack_versions v WHERE v.from_object = attack_objects.id AND v.from_object <> 0) \
                      AND NOT EXISTS (SELECT 1 FROM attack_versions v WHERE v.to_object = attack_objects.id AND v.to_object <> 0)";
        let objects = work.change(lonely, &touched).await?;
        let mut transaction = work.transaction;
        sqlx::query("DELETE FROM attack_tracks WHERE NOT EXISTS (SELECT 1 FROM attack_releases r WHERE r.track = attack_tracks.id)")
            .execute(&mut *transaction)
            .await?;
        transaction.commit().await?;
        if self.sqlite {
            sqlx::query("PRAGMA wal_checkpoint(TRUNCATE)").execute(&self.write).await?;
        }
        Ok(Some(Removed { versions: doomed.len(), objects: usize::try_from(objects).unwrap_or(usize::MAX) }))
    }
}

/// A removal under way.
struct Work<'a> {
    library: &'a Library,
    transaction: Transaction<'static, Any>,
}

impl Work<'_> {
    /// Pairs of numbers that a statement finds for some, which it calls `{asked}`.
    async fn asked(&mut self, statement: &str, ids: &[i64]) -> Result<Vec<(i64, i64)>, StoreError> {
        let statement = statement.replace("{asked}", &self.library.numbers("$1"));
        let mut found = Vec::new();
        for ids in ids.chunks(NUMBERS) {
            let query = sqlx::query(sqlx::AssertSqlSafe(statement.clone())).bind(as_json(ids));
            for row in query.fetch_all(&mut *self.transaction).await? {
                found.push((row.try_get(0)?, row.try_get(1)?));
            }
        }
        Ok(found)
    }

    /// Runs a statement for some numbers, which it calls `{asked}`. How many rows it changed.
    async fn change(&mut self, statement: &str, ids: &[i64]) -> Result<u64, StoreError> {
        let statement = statement.replace("{asked}", &self.library.numbers("$1"));
        let mut changed = 0;
        for ids in ids.chunks(NUMBERS) {
            let query = sqlx::query(sqlx::AssertSqlSafe(statement.clone())).bind(as_json(ids));
            changed += query.execute(&mut *self.transaction).await?.rows_affected();
        }
        Ok(changed)
    }

    /// First and last releases of the objects of these versions, from what is left of the track. Which objects those are.
    async fn spans_again(&mut self, members: &[i64], track: i64) -> Result<Vec<i64>, StoreError> {
        let statement = "SELECT v.object, v.id FROM {asked} AS asked JOIN attack_versions v ON v.id = asked.value";
        let objects: Vec<i64> = self.asked(statement, members).await?.into_iter().map(|(object, _)| object).collect();
        // The track is a number of ours.
        self.change(
            &format!(
                "DELETE FROM attack_spans WHERE track = {track} AND object IN (SELECT value FROM {{asked}} AS asked)"
            ),
            &objects,
        )
        .await?;
        self.change(
            &format!(
                "INSERT INTO attack_spans (object, track, first, last) SELECT v.object, {track}, MIN(r.place), MAX(r.place) \
                 FROM {{asked}} AS asked JOIN attack_versions v ON v.object = asked.value \
                 JOIN attack_members m ON m.version = v.id JOIN attack_releases r ON r.id = m.release \
                 WHERE r.track = {track} GROUP BY v.object"
            ),
            &objects,
        )
        .await?;
        Ok(objects)
    }

    /// Packs texts that rest on one that goes against the first of those that stay.
    async fn packed_again(&mut self, doomed: &[i64]) -> Result<(), StoreError> {
        // There is no index by roots: an object's versions are few.
        let statement = "SELECT b.root, b.version FROM {asked} AS asked JOIN attack_versions d ON d.id = asked.value \
                         JOIN attack_versions v ON v.object = d.object JOIN attack_bodies b ON b.version = v.id \
                         WHERE b.root = asked.value AND b.version <> asked.value";
        let going: HashSet<i64> = doomed.iter().copied().collect();
        let mut resting: BTreeMap<i64, Vec<i64>> = BTreeMap::new();
        for (root, version) in self.asked(statement, doomed).await? {
            if !going.contains(&version) {
                resting.entry(root).or_default().push(version);
            }
        }
        let mut packer = Packer::new();
        let groups: Vec<Vec<i64>> = resting.into_values().collect();
        for groups in groups.chunks(BATCH) {
            // What others see is what was there before: the lock on the state keeps it so.
            let ids: Vec<i64> = groups.iter().flatten().copied().collect();
            let texts = read(self.library, &ids).await?;
            let text = |id: i64| {
                texts.get(&id).ok_or_else(|| StoreError::DamagedLibrary(format!("the text of version {id} is missing")))
            };
            for group in groups {
                let Some(first) = group.iter().copied().min() else { continue };
                for id in group {
                    let mut body = (first, Vec::new());
                    if *id != first {
                        body.1 = packer.pack(text(*id)?, text(first)?)?;
                    }
                    if *id == first || body.1.len() > text(*id)?.len() / 4 {
                        body = (*id, packer.pack(text(*id)?, &[])?);
                    }
                    sqlx::query("UPDATE attack_bodies SET root = $1, body = $2 WHERE version = $3")
                        .bind(body.0)
                        .bind(body.1)
                        .bind(*id)
                        .execute(&mut *self.transaction)
                        .await?;
                }
            }
        }
        Ok(())
    }
}
