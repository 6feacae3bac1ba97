//! What an object has to do with others: relationships in a release with their effective status, those that vanished, and what
//! objects say about each other in their own fields.

use crate::{AttackError, Catalog, Ever, Link, View, is_live, kind_of, section_of};
use data_encoding::HEXLOWER;
use lazaret_store::{Release, Version};
use sha2::{Digest, Sha256};
use std::collections::HashMap;
use std::sync::Arc;

/// Whether a relationship holds, seen from both ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, serde::Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Effective {
    /// The relationship and both its ends are neither revoked nor deprecated.
    Live,
    /// The object that is looked at is revoked or deprecated.
    OwnEnd,
    /// The other one is.
    OtherEnd,
    /// The relationship itself is.
    Itself,
    /// The other end is not in the release.
    Missing,
}

impl Effective {
    /// Its name.
    pub fn name(self) -> &'static str {
        match self {
            Self::Live => "live",
            Self::OwnEnd => "own-end",
            Self::OtherEnd => "other-end",
            Self::Itself => "itself",
            Self::Missing => "missing",
        }
    }

    /// Every value.
    pub const ALL: [Self; 5] = [Self::Live, Self::OwnEnd, Self::OtherEnd, Self::Itself, Self::Missing];

    /// A sentence's piece for people.
    pub fn told(self) -> &'static str {
        match self {
            Self::Live => "live",
            Self::OwnEnd => "this object is revoked or deprecated",
            Self::OtherEnd => "the other object is revoked or deprecated",
            Self::Itself => "the relationship is revoked or deprecated",
            Self::Missing => "the other object is not in this release",
        }
    }
}

/// A relationship, seen from one of its ends.
#[derive(Debug, Clone)]
pub struct Related {
    /// The relationship.
    pub relation: Arc<Version>,
    /// Whether it starts at the object that is looked at.
    pub outward: bool,
    /// The other end; its STIX id alone where the release does not have it.
    pub other: Result<Arc<Version>, String>,
    /// Whether it holds.
    pub status: Effective,
}

/// A relationship that the release does not have, and earlier ones, or another track, had.
#[derive(Debug, Clone)]
pub struct Vanished {
    /// The relationship in its newest version.
    pub relation: Version,
    /// Whether it starts at the object that is looked at.
    pub outward: bool,
    /// The other end, in the last release that has it; its STIX id alone where none does.
    pub other: Result<Version, String>,
    /// The last release that has the relationship; for an earlier release, the last one before it.
    pub last: String,
    /// The first release after that, without it.
    pub gone: Option<String>,
    /// The first later release that has it again.
    pub back: Option<String>,
}

/// The relationships of an object in a release: first those that start at it, then those that lead to it.
pub fn related(view: &View, own: &Version) -> Vec<Related> {
    view.relations(own.object)
        .map(|(relation, outward)| {
            let number = if outward { relation.to_object } else { relation.from_object };
            let other = view.shared(number);
            let status = if !is_live(relation) {
                Effective::Itself
            } else if !is_live(own) {
                Effective::OwnEnd
            } else {
                match &other {
                    None => Effective::Missing,
                    Some(other) if !is_live(other) => Effective::OtherEnd,
                    Some(_) => Effective::Live,
                }
            };
            let other = other.ok_or_else(|| view.absent(number).to_owned());
            Related { relation: Arc::clone(relation), outward, other, status }
        })
        .collect()
}

/// The relationships that an object had in an earlier release of the feed and domain, and has not in this one: the last ones that
/// went first, `most` of them, and how many there are.
///
/// # Errors
/// When the database does not answer.
pub async fn vanished(
    catalog: &Catalog,
    view: &View,
    own: &Version,
    most: usize,
) -> Result<(Vec<Vanished>, usize), AttackError> {
    let place = view.release.place;
    gone(catalog, view.release.track, own.object, most, |ever, relation| {
        // What began later has not vanished yet.
        let is_absent = relation.first < place && view.object(relation.object).is_none();
        let runs = if is_absent { ever.runs(relation) } else { Vec::new() };
        runs.into_iter().rev().map(|(_, last)| last).find(|last| *last < place)
    })
    .await
}

/// Every relationship that an object ever had in another track than the one that it was found in, told in the same way.
///
/// # Errors
/// When the database does not answer.
pub async fn elsewhere(
    catalog: &Catalog,
    track: i64,
    own: &Version,
    most: usize,
) -> Result<(Vec<Vanished>, usize), AttackError> {
    gone(catalog, track, own.object, most, |_, relation| Some(relation.last)).await
}

/// Relationships of an object with the last release that counts, where `last` has one for them.
async fn gone(
    catalog: &Catalog,
    track: i64,
    own: i64,
    most: usize,
    last: impl Fn(&Ever, &Version) -> Option<i64>,
) -> Result<(Vec<Vanished>, usize), AttackError> {
    let ever = catalog.ever(track).await?;
    let found = ever.relations(own).filter_map(|relation| Some((relation, last(&ever, relation)?)));
    let mut found: Vec<(&Version, i64)> = found.collect();
    let all = found.len();
    found.sort_by(|(a, a_last), (b, b_last)| {
        let key = |one: &Version, last: i64| (std::cmp::Reverse(last), one.from_object != own);
        key(a, *a_last).cmp(&key(b, *b_last)).then_with(|| a.relation.cmp(&b.relation))
    });
    found.truncate(most);
    if found.is_empty() {
        return Ok((Vec::new(), 0));
    }
    let (_, releases) = catalog.releases().await?;
    let releases: Vec<&Release> = releases.iter().filter(|other| other.track == track).collect();
    let at = |place: i64| releases.iter().find(|release| release.place == place).map(|release| release.name.clone());
    let after = |place: i64| {
        let later = releases.iter().filter(|release| release.place > place);
        later.min_by_key(|release| release.place).map(|release| release.name.clone())
    };
    let other = |relation: &Version| {
        let outward = relation.from_object == own;
        (outward, if outward { relation.to_object } else { relation.from_object })
    };
    let unknown: Vec<i64> =
        found.iter().map(|(relation, _)| other(relation).1).filter(|number| ever.noun(*number).is_none()).collect();
    let names = if unknown.is_empty() { HashMap::new() } else { catalog.library().stix_ids(&unknown).await? };
    let vanished = found.into_iter().map(|(relation, last)| {
        let (outward, number) = other(relation);
        Vanished {
            relation: relation.clone(),
            outward,
            other: ever.noun(number).cloned().ok_or_else(|| names.get(&number).cloned().unwrap_or_default()),
            last: at(last).unwrap_or_default(),
            gone: after(last),
            back: ever.runs(relation).into_iter().find(|run| run.0 > last).and_then(|run| at(run.0)),
        }
    });
    Ok((vanished.collect(), all))
}

/// The releases of a track that have not a relationship, though earlier and later ones do: by the relationship's object.
///
/// # Errors
/// When the database does not answer.
pub async fn gaps(catalog: &Catalog, track: i64) -> Result<HashMap<i64, Vec<String>>, AttackError> {
    let ever = catalog.ever(track).await?;
    let (_, releases) = catalog.releases().await?;
    let missing = |runs: &[(i64, i64)]| {
        let is_between = |place: i64| runs.windows(2).any(|two| two[0].1 < place && place < two[1].0);
        let missing = releases.iter().filter(|release| release.track == track && is_between(release.place));
        missing.map(|release| release.name.clone()).collect()
    };
    Ok(ever.interrupted().map(|(object, runs)| (object, missing(runs))).collect())
}

/// What an object says about another in its own fields, or another about it.
#[derive(Debug, Clone)]
pub struct Linked {
    /// What is said, from the object that is looked at: `has`.
    pub what: &'static str,
    /// The field that says it.
    pub link: Link,
    /// Whether the object that is looked at says it.
    pub own: bool,
    /// The other one.
    pub other: Arc<Version>,
}

/// What an object and others say about each other without relationships.
///
/// # Errors
/// When the database does not answer.
pub async fn linked(catalog: &Catalog, view: &View, own: &Version) -> Result<Vec<Linked>, AttackError> {
    let links = view.links(catalog.library(), own.object).await?;
    let linked = links.into_iter().filter_map(|(link, said_here, other)| {
        let what = if said_here { link.forward() } else { link.backward() };
        Some(Linked { what, link, own: said_here, other: view.shared(other)? })
    });
    Ok(linked.collect())
}

/// The hash of an object's relationship set: SHA-256 of a line for each relationship that touches it in the release, revoked
/// and deprecated ones included, in the order of their ids: id, canonical hash, effective status, separated by spaces.
pub fn relationships_hash(related: &[Related]) -> [u8; 32] {
    let mut sorted: Vec<&Related> = related.iter().collect();
    let key = |one: &&Related| (one.relation.object, one.relation.id);
    sorted.sort_unstable_by(|a, b| a.relation.stix_id.cmp(&b.relation.stix_id));
    // A relationship from an object to itself is met twice.
    sorted.dedup_by_key(|one| key(one));
    let mut hash = Sha256::new();
    for one in sorted {
        hash.update(format!("{} {} {}\n", one.relation.stix_id, hex(&one.relation.canonical), one.status.name()));
    }
    hash.finalize().into()
}

/// A hash in hexadecimal.
pub fn hex(hash: &[u8]) -> String {
    HEXLOWER.encode(hash)
}

/// What takes the place of a revoked object: where a live `revoked-by` leads to. Of several, something live comes before what is
/// revoked or deprecated itself, and among those what is of the same section.
pub fn heir<'a>(view: &'a View, own: &Version) -> Option<&'a Version> {
    let section = section_of(kind_of(&own.stix_id)).path;
    // A deprecated relationship says nothing any more.
    let relations = view.from(own.object).filter(|relation| relation.relation == "revoked-by" && is_live(relation));
    let heirs = relations.filter_map(|relation| view.object(relation.to_object));
    heirs.min_by_key(|heir| (!is_live(heir), section_of(kind_of(&heir.stix_id)).path != section))
}

/// The chain of objects that replace a revoked one, the last one being what counts today; loops end it.
pub fn replacements<'a>(view: &'a View, own: &'a Version) -> Replacements<'a> {
    let (mut chain, mut seen, mut at) = (Vec::new(), vec![own.object], own);
    loop {
        let Some(next) = heir(view, at) else { return Replacements { chain, is_loop: false } };
        if seen.contains(&next.object) {
            return Replacements { chain, is_loop: true };
        }
        seen.push(next.object);
        at = next;
        chain.push(next);
    }
}

/// See [`replacements`].
pub struct Replacements<'a> {
    /// What replaces the object, what replaces that, and so on.
    pub chain: Vec<&'a Version>,
    /// The chain came back to where it was.
    pub is_loop: bool,
}
