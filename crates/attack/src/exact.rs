//! What was imported, to the byte: bundles put together again, and everything hashed anew.

use crate::{AttackError, object};
use lazaret_store::{Library, Release};
use sha2::{Digest, Sha256};

/// Objects that are unpacked at once.
const BATCH: usize = 1_000;

/// Hands over a release's bundle, piece by piece, as it was imported.
///
/// # Errors
/// When the database does not answer or is damaged.
pub async fn bundle(library: &Library, release: &Release, mut write: impl FnMut(&[u8])) -> Result<(), AttackError> {
    let skeleton = library.skeleton(release.id).await?;
    let members = library.members(release.id).await?;
    let mut between = skeleton.split(|byte| *byte == 0);
    write(between.next().unwrap_or_default());
    for ids in members.chunks(BATCH) {
        let texts = library.bodies(ids).await?;
        for id in ids {
            let text = texts.get(id).ok_or_else(|| damaged(format!("version {id} is missing")))?;
            write(text);
            write(between.next().ok_or_else(|| damaged("a bundle has more objects than places".to_owned()))?);
        }
    }
    if between.next().is_some() {
        return Err(damaged("a bundle has more places than objects".to_owned()));
    }
    Ok(())
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

/// Hashes everything again: every version three times, every bundle put together. `step` is told how much of all is done.
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
        let put = bundle(library, release, |piece| {
            hash.update(piece);
            length += piece.len() as u64;
            step(done + length, all);
        })
        .await;
        let place = format!("{} {} ({})", release.domain, release.name, release.feed);
        let sha256: String = hash.finalize().iter().map(|byte| format!("{byte:02x}")).collect();
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
