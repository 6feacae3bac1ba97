//! What was imported, to the byte: bundles put together again, and everything hashed anew.

use crate::{AttackError, object};
use lazaret_store::{Library, NewVersion, Relation, Release, Version};
use sha2::{Digest, Sha256};
use std::collections::HashMap;

/// Objects that are unpacked at once.
const BATCH: usize = 1_000;

/// A release's bundle, put together piece by piece, as it was imported.
pub struct Bundle {
    library: Library,
    /// The text between the objects, and where the next of it begins.
    skeleton: Vec<u8>,
    at: usize,
    members: Vec<i64>,
    next: usize,
    is_done: bool,
}

impl Bundle {
    /// Begins with a release.
    ///
    /// # Errors
    /// When the database does not answer or is damaged.
    pub async fn open(library: &Library, release: &Release) -> Result<Self, AttackError> {
        let (skeleton, members) = (library.skeleton(release.id).await?, library.members(release.id).await?);
        if skeleton.iter().filter(|byte| **byte == 0).count() != members.len() {
            return Err(damaged("a bundle has not as many places as objects".to_owned()));
        }
        Ok(Self { library: library.clone(), skeleton, at: 0, members, next: 0, is_done: false })
    }

    /// The next piece; `None` after the last one.
    ///
    /// # Errors
    /// When the database does not answer or is damaged.
    pub async fn next(&mut self) -> Result<Option<Vec<u8>>, AttackError> {
        if self.is_done {
            return Ok(None);
        }
        let end = (self.next + BATCH).min(self.members.len());
        let ids = self.members.get(self.next..end).unwrap_or_default().to_vec();
        let texts = self.library.bodies(&ids).await?;
        let mut piece = Vec::new();
        for id in ids {
            piece.extend_from_slice(self.between());
            piece.extend(texts.get(&id).ok_or_else(|| damaged(format!("version {id} is missing")))?);
        }
        self.next = end;
        if end == self.members.len() {
            piece.extend_from_slice(self.between());
            self.is_done = true;
        }
        Ok(Some(piece))
    }

    /// The text up to the next object.
    fn between(&mut self) -> &[u8] {
        let rest = self.skeleton.get(self.at..).unwrap_or_default();
        let text = rest.split(|byte| *byte == 0).next().unwrap_or_default();
        self.at += text.len() + 1;
        text
    }
}

/// What is kept beside a version's text and does not follow from it.
fn others(kept: &Version, read: &NewVersion, ends: &HashMap<i64, String>) -> Vec<&'static str> {
    let nothing = Relation { kind: String::new(), from: String::new(), to: String::new() };
    let relation = read.relation.as_ref().unwrap_or(&nothing);
    let end = |object: i64| ends.get(&object).map_or("", String::as_str);
    let pairs = [
        ("ATT&CK id", kept.attack_id == read.attack_id),
        ("name", kept.name == read.name),
        ("version", kept.version == read.version),
        ("`created`", kept.created == read.created),
        ("`modified`", kept.modified == read.modified),
        // What is only odd was not noted by earlier imports.
        ("status", kept.flags & !Version::ODD == read.flags & !Version::ODD),
        ("list of platforms", kept.platforms == read.platforms),
        ("list of tactics", kept.tactics == read.tactics),
        ("type of relationship", kept.relation == relation.kind),
        ("source of the relationship", end(kept.from_object) == relation.from),
        ("target of the relationship", end(kept.to_object) == relation.to),
        ("length", usize::try_from(kept.bytes) == Ok(read.text.len())),
    ];
    pairs.into_iter().filter(|(_, is_same)| !is_same).map(|(name, _)| name).collect()
}

fn damaged(reason: String) -> AttackError {
    AttackError::Store(lazaret_store::StoreError::DamagedLibrary(reason))
}

/// What [`verify`] looked at, and what is wrong.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Verified {
    /// Releases that were put together again.
    pub releases: usize,
    /// Versions of objects that were hashed again.
    pub versions: usize,
    /// What is wrong, a sentence each.
    pub wrong: Vec<String>,
}

/// Hashes everything again: every version three times, every bundle put together. What is kept beside a version's text for lists
/// and searches is read from the text again. `step` is told how much of all is done.
///
/// # Errors
/// When the database does not answer. What is wrong with what it holds is in the answer.
pub async fn verify(library: &Library, mut step: impl FnMut(u64, u64)) -> Result<Verified, AttackError> {
    let releases = library.releases().await?;
    let last = library.last_version().await?;
    let bytes: u64 = releases.iter().map(|release| release.bytes.unsigned_abs()).sum();
    let all = bytes + last.unsigned_abs();
    let mut verified = Verified::default();
    let ids: Vec<i64> = (1..=last).collect();
    for ids in ids.chunks(BATCH) {
        let versions = library.versions(ids, 0).await?;
        let texts = match library.bodies(ids).await {
            Ok(texts) => texts,
            Err(error) => {
                let (first, last) = (ids.first().copied().unwrap_or(0), ids.last().copied().unwrap_or(0));
                verified.wrong.push(format!("versions {first} to {last}: {error}"));
                continue;
            }
        };
        let ends = versions.iter().flat_map(|version| [version.from_object, version.to_object]);
        let ends = library.stix_ids(&ends.filter(|object| *object != 0).collect::<Vec<_>>()).await?;
        for version in versions {
            let place = format!("version {} of `{}`", version.id, version.stix_id);
            let Some(text) = texts.get(&version.id) else {
                verified.wrong.push(format!("{place}: its text is missing"));
                continue;
            };
            let raw: [u8; 32] = Sha256::digest(text).into();
            match object::read(text, raw) {
                Err((_, reason)) => verified.wrong.push(format!("{place}: {reason}")),
                Ok(read) => {
                    let found = [read.version.raw, read.version.source, read.version.canonical];
                    let noted = [version.raw, version.source, version.canonical];
                    for ((found, noted), name) in found.iter().zip(noted).zip(["raw", "source", "canonical"]) {
                        if *found != noted {
                            verified.wrong.push(format!("{place}: the {name} hash is another one"));
                        }
                    }
                    if read.version.stix_id != version.stix_id {
                        verified.wrong.push(format!("{place}: the text is that of `{}`", read.version.stix_id));
                    }
                    for name in others(&version, &read.version, &ends) {
                        verified.wrong.push(format!("{place}: the {name} kept beside its text is another one"));
                    }
                }
            }
            verified.versions += 1;
        }
        step(verified.versions as u64, all);
    }
    let mut done = last.unsigned_abs();
    for release in &releases {
        let mut hash = Sha256::new();
        let mut length = 0_u64;
        let mut put = Ok(());
        match Bundle::open(library, release).await {
            Err(error) => put = Err(error),
            Ok(mut bundle) => loop {
                match bundle.next().await {
                    Ok(Some(piece)) => {
                        hash.update(&piece);
                        length += piece.len() as u64;
                        step(done + length, all);
                    }
                    Ok(None) => break,
                    Err(error) => {
                        put = Err(error);
                        break;
                    }
                }
            },
        }
        let place = format!("{} {} ({})", release.domain, release.name, release.feed);
        let sha256 = crate::hex(&hash.finalize());
        if let Err(error) = put {
            verified.wrong.push(format!("{place}: {error}"));
        } else if sha256 != release.sha256 || length != release.bytes.unsigned_abs() {
            verified.wrong.push(format!("{place}: the bundle is not the one that was imported"));
        }
        done += release.bytes.unsigned_abs();
        verified.releases += 1;
    }
    Ok(verified)
}
