//! What an object has to do with others: relationships in a release with their effective status, those that vanished, and what
//! objects say about each other in their own fields.

use crate::{AttackError, Catalog, Link, View, is_live};
use data_encoding::HEXLOWER;
use lazaret_store::{Release, Version};
use serde_json::{Map, Value};
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

/// A relationship that the release does not have, and others had.
#[derive(Debug, Clone)]
pub struct Vanished {
    /// The relationship in its last version.
    pub relation: Version,
    /// Whether it starts at the object that is looked at.
    pub outward: bool,
    /// The other end, in the last release that has it; its STIX id alone where none does.
    pub other: Result<Version, String>,
    /// The last release that has the relationship.
    pub last: String,
    /// The first release after that, without it.
    pub gone: Option<String>,
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

/// The relationships that an object had in the release's feed and domain, and has not in this release: the last ones that went
/// first, `most` of them, and how many there are.
///
/// # Errors
/// When the database does not answer.
pub async fn vanished(
    catalog: &Catalog,
    view: &View,
    own: &Version,
    most: usize,
) -> Result<(Vec<Vanished>, usize), AttackError> {
    gone(catalog, view.release.track, own.object, most, |relation| view.object(relation).is_none()).await
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
    gone(catalog, track, own.object, most, |_| true).await
}

async fn gone(
    catalog: &Catalog,
    track: i64,
    own: i64,
    most: usize,
    is_wanted: impl Fn(i64) -> bool,
) -> Result<(Vec<Vanished>, usize), AttackError> {
    let ever = catalog.ever(track).await?;
    let mut found: Vec<&Version> = ever.relations(own).filter(|relation| is_wanted(relation.object)).collect();
    let all = found.len();
    found.sort_by(|a, b| {
        let key = |one: &Version| (std::cmp::Reverse(one.last), one.from_object != own);
        key(a).cmp(&key(b)).then_with(|| a.relation.cmp(&b.relation))
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
        found.iter().map(|relation| other(relation).1).filter(|number| ever.noun(*number).is_none()).collect();
    let names = if unknown.is_empty() { HashMap::new() } else { catalog.library().stix_ids(&unknown).await? };
    let vanished = found.into_iter().map(|relation| {
        let (outward, number) = other(relation);
        Vanished {
            relation: relation.clone(),
            outward,
            other: ever.noun(number).cloned().ok_or_else(|| names.get(&number).cloned().unwrap_or_default()),
            last: at(relation.last).unwrap_or_default(),
            gone: after(relation.last),
        }
    });
    Ok((vanished.collect(), all))
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

/// What a relationship's text says.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Words {
    /// The description, empty for none.
    pub description: String,
    /// The references of its citations.
    pub references: Vec<Reference>,
}

/// An entry of `external_references` (STIX 2.1, 2.5).
#[derive(Debug, Clone, Default, PartialEq, Eq, serde::Serialize)]
pub struct Reference {
    /// The name by which it is cited.
    pub source_name: String,
    /// The id at that source, empty for none.
    pub external_id: String,
    /// What it is.
    pub description: String,
    /// Where it is, empty for none.
    pub url: String,
}

impl Words {
    /// What an object's fields say.
    pub(crate) fn of(fields: &Map<String, Value>) -> Self {
        Self { description: text_of(fields, "description"), references: references(fields) }
    }
}

/// A text field; empty for none.
pub fn text_of(fields: &Map<String, Value>, name: &str) -> String {
    fields.get(name).and_then(Value::as_str).unwrap_or_default().to_owned()
}

/// The references of an object, in their order.
pub fn references(fields: &Map<String, Value>) -> Vec<Reference> {
    let list = fields.get("external_references").and_then(Value::as_array);
    let read = |reference: &Value| {
        let fields = reference.as_object()?;
        Some(Reference {
            source_name: text_of(fields, "source_name"),
            external_id: text_of(fields, "external_id"),
            description: text_of(fields, "description"),
            url: text_of(fields, "url"),
        })
    };
    list.map_or_else(Vec::new, |list| list.iter().filter_map(read).collect())
}

/// The chain of objects that replace a revoked one, the last one being what counts today; loops end it.
pub fn replacements<'a>(view: &'a View, own: &Version) -> Replacements<'a> {
    let (mut chain, mut seen, mut at) = (Vec::new(), vec![own.object], own.object);
    loop {
        let next = view.from(at).filter(|relation| relation.relation == "revoked-by").find_map(|relation| {
            // A deprecated relationship says nothing any more.
            is_live(relation).then(|| view.object(relation.to_object)).flatten()
        });
        let Some(next) = next else { return Replacements { chain, is_loop: false } };
        if seen.contains(&next.object) {
            return Replacements { chain, is_loop: true };
        }
        seen.push(next.object);
        at = next.object;
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
