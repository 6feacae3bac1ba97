//! Whether a document holds: its hashes, and every piece of evidence, against the library as it is now.

use super::{Document, Evidence, Trouble};
use crate::catalog::Choice;
use crate::compare::{Change, Label, compare, greatest};
use crate::relations::{Related, hex, references, related, relationships_hash, text_of};
use crate::{AttackError, Catalog, Feed, Found, Number};
use lazaret_store::Release;
use serde::Serialize;
use serde_json::{Value, json};
use std::collections::{HashMap, HashSet};

/// How a document fits the newest release of its feed and domain.
#[derive(Debug, Clone, PartialEq)]
pub enum Fit {
    /// Source and relationship set are the current ones.
    Current,
    /// Only when, by whom and in which form it was published has changed.
    Bookkeeping(Vec<Change>),
    /// The source says something else now, or the relationship set is another one.
    Outdated {
        /// What of the source changed.
        changes: Vec<Change>,
        /// The relationship set is another one.
        relationships: bool,
    },
    /// The newest release does not have the object.
    Gone,
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
                        _ => {}
                    }
                }
            }
            if found.version.source != newest.version.source {
                changes = compare(&source, &catalog.fields(&newest.version).await?);
            }
            relation_changes = relationship_changes(catalog, &relations, &newest).await?;
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
    let fit = if is_gone {
        Fit::Gone
    } else if same_source && same_relations {
        Fit::Current
    } else if small {
        changes.extend(relation_changes.unwrap_or_default());
        Fit::Bookkeeping(changes)
    } else {
        Fit::Outdated { changes, relationships: !same_relations }
    };
    Ok(Checked { document: document.clone(), troubles, fit, current })
}

/// What differs between the relationships that were read and those of the newest release; none when they are other ones, or
/// hold otherwise.
async fn relationship_changes(
    catalog: &Catalog,
    old: &[Related],
    newest: &Found,
) -> Result<Option<Vec<Change>>, AttackError> {
    let new = related(&newest.view, &newest.version);
    let known: HashMap<i64, &Related> = old.iter().map(|one| (one.relation.object, one)).collect();
    if known.len() != new.iter().map(|one| one.relation.object).collect::<HashSet<_>>().len() {
        return Ok(None);
    }
    let mut changes = Vec::new();
    for one in &new {
        let Some(before) = known.get(&one.relation.object).filter(|before| before.status == one.status) else {
            return Ok(None);
        };
        if before.relation.canonical != one.relation.canonical {
            let (was, is) = (catalog.fields(&before.relation).await?, catalog.fields(&one.relation).await?);
            let stix_id = &one.relation.stix_id;
            changes.extend(
                compare(&was, &is)
                    .into_iter()
                    .map(|change| Change { field: format!("{stix_id}: {}", change.field), ..change }),
            );
        }
    }
    Ok(Some(changes))
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
