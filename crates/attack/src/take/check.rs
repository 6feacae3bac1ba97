//! Whether a document holds: its hashes, and every piece of evidence, against the library as it is now.

use super::{Document, Evidence, Trouble};
use crate::choice::Choice;
use crate::compare::{Change, Label, compare, greatest};
use crate::dates::day_of;
use crate::fields::{references, text_of};
use crate::relations::{Related, hex, related, relationships_hash};
use crate::{AttackError, Catalog, Ends, Feed, Found, Number, View, ends};
use lazaret_store::Release;
use serde::Serialize;
use serde_json::{Value, json};
use std::collections::{HashMap, HashSet};

/// What the STIX ids of relationships begin with.
const RELATIONSHIP: &str = "relationship--";
/// Fields that are named in a sentence.
const MOST_NAMED: usize = 8;
/// Relationships that came, went or changed which are told one by one, and those of them whose texts are compared.
const MOST_TOLD: usize = 200;
const MOST_COMPARED: usize = 20;

/// A day in milliseconds.
const DAY: i64 = 86_400_000;

/// How a document fits the newest release of its feed and domain.
#[derive(Debug, Clone, PartialEq)]
pub enum Fit {
    /// Source and relationship set are the current ones.
    Current,
    /// Only when, by whom and in which form it was published has changed.
    Bookkeeping(Vec<Change>),
    /// The source says something else now, or the relationship set is another one.
    Outdated {
        /// What changed: of the source, then of the relationships, each by its STIX id.
        changes: Vec<Change>,
        /// The source is another one.
        source: bool,
        /// The relationship set is another one.
        relationships: bool,
    },
    /// The newest release does not have the object.
    Gone,
}

impl Fit {
    /// Everything that changed.
    pub fn changes(&self) -> &[Change] {
        match self {
            Self::Bookkeeping(changes) | Self::Outdated { changes, .. } => changes,
            Self::Current | Self::Gone => &[],
        }
    }

    /// How it fits, in a sentence.
    pub fn sentence(&self) -> &'static str {
        match self {
            Self::Current => "The source and the relationship set are current.",
            Self::Bookkeeping(_) => {
                "Only metadata has changed since it was written: when, by whom and in which format the source was \
                    published."
            }
            Self::Outdated { source: true, relationships: true, .. } => {
                "The source text and the relationship set have changed."
            }
            Self::Outdated { relationships: true, .. } => "The relationship set has changed.",
            Self::Outdated { .. } => "The source text has changed.",
            Self::Gone => "The newest release no longer contains the object.",
        }
    }

    /// What changed, in few words: fields of the source, and how many relationships; empty for nothing.
    pub fn changed(&self) -> String {
        let (mut fields, mut added, mut removed): (Vec<&str>, usize, usize) = (Vec::new(), 0, 0);
        let mut others = HashSet::new();
        for change in self.changes() {
            let field = change.field.as_str();
            match (field.starts_with(RELATIONSHIP), field.split_once(": "), &change.old) {
                (true, Some((id, _)), _) => {
                    others.insert(id);
                }
                (true, None, None) => added += 1,
                (true, None, Some(_)) => removed += 1,
                (false, ..) if fields.contains(&field) => {}
                (false, ..) => fields.push(field),
            }
        }
        let more = fields.len().saturating_sub(MOST_NAMED);
        let mut told = fields.into_iter().take(MOST_NAMED).collect::<Vec<_>>().join(", ");
        if more > 0 {
            told.push_str(&format!(" and {more} more"));
        }
        let counts = [(added, "added"), (removed, "removed"), (others.len(), "changed")];
        let counts = counts.iter().filter(|(number, _)| *number > 0).map(|(number, what)| format!("{number} {what}"));
        let counts = counts.collect::<Vec<_>>().join(", ");
        match (told.is_empty(), counts.is_empty()) {
            (_, true) => told,
            (true, false) => format!("relationships: {counts}"),
            (false, false) => format!("{told}; relationships: {counts}"),
        }
    }
}

/// A document that was checked against the library.
#[derive(Debug, Clone, PartialEq)]
pub struct Checked {
    /// The document.
    pub document: Document,
    /// What is wrong with its evidence.
    pub troubles: Vec<Trouble>,
    /// How it fits what is current.
    pub fit: Fit,
    /// The newest release.
    pub current: Binding,
}

/// What a document is bound to.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct Binding {
    /// The release.
    pub release: String,
    /// Hash of the source.
    pub source_sha256: String,
    /// Hash of the relationship set.
    pub relationships_sha256: String,
}

/// Holds a document against the library: its hashes, and every piece of evidence.
///
/// # Errors
/// When the database does not answer. What is wrong with the document is in the answer.
pub async fn check(catalog: &Catalog, document: &Document) -> Result<Checked, AttackError> {
    let mut troubles = Vec::new();
    let mut trouble = |place: String, message: String| troubles.push(Trouble { place, message });
    let choice = choice(document)?;
    let newest = Choice { release: None, ..choice.clone() };
    let newest = catalog.find(None, &document.object, &newest).await?;
    let current = binding(&newest);
    let is_gone =
        newest_release(catalog, &newest).await?.is_some_and(|release| release.place > newest.view.release.place);
    let read = catalog.find(None, &document.object, &choice).await;
    let (mut changes, mut relation_changes) = (Vec::new(), None);
    match read {
        Ok(found) if found.missing_in.is_none() => {
            let source = catalog.fields(&found.version).await?;
            let relations = related(&found.view, &found.version);
            if hex(&found.version.source) != document.source_sha256 {
                trouble("/source_sha256".to_owned(), format!("not the hash of the object in {}", document.release));
            }
            if hex(&relationships_hash(&relations)) != document.relationships_sha256 {
                let message = format!("not the hash of its relationship set in {}", document.release);
                trouble("/relationships_sha256".to_owned(), message);
            }
            let description = text_of(&source, "description");
            // Where somebody is, it may be another day.
            let tomorrow = day_of(lazaret_store::now() + DAY);
            let names: Vec<String> = references(&source).into_iter().map(|reference| reference.source_name).collect();
            for (claim, number) in document.claims.iter().zip(0..) {
                for (evidence, at) in claim.evidence.iter().zip(0..) {
                    let place = format!("/claims/{number}/evidence/{at}");
                    match evidence {
                        Evidence::Quote { text } if !description.contains(text.as_str()) => {
                            trouble(place, "the quoted text is not in the object's description".to_owned());
                        }
                        Evidence::Relationship { id } if !relations.iter().any(|one| one.relation.stix_id == *id) => {
                            trouble(place, format!("the object has no such relationship in {}", document.release));
                        }
                        Evidence::Citation { source_name } if !names.contains(source_name) => {
                            trouble(place, "the object has no reference with this name".to_owned());
                        }
                        Evidence::Link { retrieved, .. } if *retrieved > tomorrow => {
                            trouble(format!("{place}/retrieved"), format!("`{retrieved}` is in the future"));
                        }
                        _ => {}
                    }
                }
            }
            if found.version.source != newest.version.source {
                changes = compare(&source, &catalog.fields(&newest.version).await?);
            }
            relation_changes = Some(relationship_changes(catalog, &found, &relations, &newest).await?);
        }
        Ok(_) | Err(AttackError::Unknown(_)) => {
            trouble("/release".to_owned(), format!("the library has no such object in {}", document.release));
        }
        Err(error) => return Err(error),
    }
    let same_source = current.source_sha256 == document.source_sha256;
    let same_relations = current.relationships_sha256 == document.relationships_sha256;
    let small = |changes: &[Change]| greatest(changes).is_none_or(|label| label < Label::Content);
    let small = small(&changes) && relation_changes.as_deref().is_some_and(small) && troubles.is_empty();
    changes.extend(relation_changes.unwrap_or_default());
    let fit = if is_gone {
        Fit::Gone
    } else if same_source && same_relations {
        Fit::Current
    } else if small {
        Fit::Bookkeeping(changes)
    } else {
        Fit::Outdated { changes, source: !same_source, relationships: !same_relations }
    };
    Ok(Checked { document: document.clone(), troubles, fit, current })
}

/// What differs between the relationships that were read and those of the newest release. What came, went or holds otherwise is
/// content, whatever it says; where nothing did, every text is compared.
async fn relationship_changes(
    catalog: &Catalog,
    read: &Found,
    old: &[Related],
    newest: &Found,
) -> Result<Vec<Change>, AttackError> {
    let new = related(&newest.view, &newest.version);
    let (before, after) = (by_object(old), by_object(&new));
    let mut changes = Vec::new();
    let change = |one: &Related, field: &str, old: Option<String>, new: Option<String>| Change {
        field: format!("{}{field}", one.relation.stix_id),
        label: Label::Content,
        old: old.map(Value::from),
        new: new.map(Value::from),
    };
    let mut differing = Vec::new();
    for (one, number) in unique(&new) {
        match before.get(&number) {
            None => changes.push(change(one, "", None, Some(told(&newest.view, one)))),
            Some(was) => {
                if was.status != one.status {
                    let (was, is) = (was.status.told().to_owned(), one.status.told().to_owned());
                    changes.push(change(one, ": status", Some(was), Some(is)));
                }
                if was.relation.canonical != one.relation.canonical {
                    differing.push((*was, one));
                }
            }
        }
    }
    for (one, _) in unique(old).filter(|(_, number)| !after.contains_key(number)) {
        changes.push(change(one, "", Some(told(&read.view, one)), None));
    }
    let most = if changes.is_empty() { differing.len() } else { MOST_COMPARED };
    let left_out = changes.len().saturating_sub(MOST_TOLD) + differing.len().saturating_sub(most);
    changes.truncate(MOST_TOLD);
    for (was, one) in differing.into_iter().take(most) {
        let (old, new) = (catalog.fields(&was.relation).await?, catalog.fields(&one.relation).await?);
        let stix_id = &one.relation.stix_id;
        changes.extend(
            compare(&old, &new)
                .into_iter()
                .map(|change| Change { field: format!("{stix_id}: {}", change.field), ..change }),
        );
    }
    if left_out > 0 {
        let field = format!("{left_out} more relationships");
        changes.push(Change { field, label: Label::Content, old: None, new: None });
    }
    Ok(changes)
}

/// Relationships by the number of their object.
fn by_object(related: &[Related]) -> HashMap<i64, &Related> {
    related.iter().map(|one| (one.relation.object, one)).collect()
}

/// Relationships with the number of their object, each once: one from an object to itself is met twice.
fn unique(related: &[Related]) -> impl Iterator<Item = (&Related, i64)> {
    let mut met = HashSet::new();
    related.iter().map(|one| (one, one.relation.object)).filter(move |(_, number)| met.insert(*number))
}

/// What a relationship says, by its two ends.
fn told(view: &View, one: &Related) -> String {
    let said = |ends: Ends| format!("{} {} {}", ends.source.told(), ends.kind.replace('-', " "), ends.target.told());
    ends(view, &one.relation).map_or_else(|| one.relation.stix_id.clone(), said)
}

fn choice(document: &Document) -> Result<Choice, AttackError> {
    let (feed, release): (Feed, Number) = (document.feed.parse()?, document.release.parse()?);
    Ok(Choice { feed: Some(feed), domain: Some(document.domain.clone()), release: Some(release) })
}

/// The newest release of the track that an object was found in.
async fn newest_release(catalog: &Catalog, found: &Found) -> Result<Option<Release>, AttackError> {
    let (_, releases) = catalog.releases().await?;
    let own = releases.iter().filter(|release| release.track == found.view.release.track);
    Ok(own.max_by_key(|release| release.place).cloned())
}

/// What a document about an object, as it was found, is bound to.
pub fn binding(found: &Found) -> Binding {
    let relations = related(&found.view, &found.version);
    Binding {
        release: found.view.release.name.clone(),
        source_sha256: hex(&found.version.source),
        relationships_sha256: hex(&relationships_hash(&relations)),
    }
}

/// A document to begin with: everything but what the analyst has to say.
pub fn template(found: &Found) -> Value {
    let binding = binding(found);
    json!({
        "schema": "lazaret.take/1",
        "object": found.version.stix_id,
        "feed": found.view.release.feed,
        "domain": found.view.release.domain,
        "release": binding.release,
        "source_sha256": binding.source_sha256,
        "relationships_sha256": binding.relationships_sha256,
        "title": "",
        "summary": "",
        "claims": [{ "text": "", "confidence": "moderate", "evidence": [{ "kind": "quote", "text": "" }] }],
        "not_covered": "",
    })
}
