//! Analysts' takes: documents whose claims cite evidence, bound to the hash of the source and of the relationship set that they
//! were written about. What is published is checked again whenever it is shown.

use crate::catalog::Choice;
use crate::compare::{Change, Label, compare, greatest};
use crate::relations::{Related, hex, references, related, relationships_hash, text_of};
use crate::{AttackError, Catalog, Feed, Found, Number};
use lazaret_store::{NewTake, Release, Take, TakeChange, TakeState, TakeStep, Version};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use std::collections::{HashMap, HashSet};
use std::sync::OnceLock;

/// The schema that documents follow (JSON Schema 2020-12).
pub const TAKE_SCHEMA: &str = include_str!("../schema/take-1.json");
/// What people read in place of a take that is not published, or not any more.
pub const TAKE_PENDING: &str = "Analyst summary pending validation";
/// Bytes of a document.
const MOST_BYTES: usize = 256 << 10;
/// Things that are wrong that are told at once.
const MOST_TROUBLES: usize = 50;

/// A document.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Document {
    /// `lazaret.take/1`.
    pub schema: String,
    /// STIX id of the object.
    pub object: String,
    /// The feed that was read.
    pub feed: String,
    /// The domain that was read.
    pub domain: String,
    /// The release that was read.
    pub release: String,
    /// Hash of the source that was read.
    pub source_sha256: String,
    /// Hash of the relationship set that was read.
    pub relationships_sha256: String,
    /// A title.
    pub title: String,
    /// What a reader should take away.
    pub summary: String,
    /// What is claimed, with evidence.
    pub claims: Vec<Claim>,
    /// What this does not say.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub not_covered: String,
}

/// One claim.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Claim {
    /// What is claimed.
    pub text: String,
    /// `high`, `moderate` or `low`.
    pub confidence: String,
    /// What it rests on.
    pub evidence: Vec<Evidence>,
}

/// What a claim rests on.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "lowercase")]
pub enum Evidence {
    /// Words of the object's description.
    Quote {
        /// The words.
        text: String,
    },
    /// A relationship of the object.
    Relationship {
        /// Its STIX id.
        id: String,
    },
    /// A reference of the object.
    Citation {
        /// The name by which it is cited.
        source_name: String,
    },
    /// Something on the web.
    Link {
        /// Where.
        url: String,
        /// What.
        title: String,
        /// The day on which it was read.
        retrieved: String,
    },
}

/// Something that is wrong with a document.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Trouble {
    /// Where (RFC 6901): `/claims/0/evidence/1`; empty for all of it.
    pub place: String,
    /// What.
    pub message: String,
}

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

/// Why something cannot be done with a take.
#[derive(Debug, thiserror::Error)]
pub enum TakeError {
    /// The document is not what it should be.
    #[error("the document is not what it should be: {}", first(.0))]
    Troubles(Vec<Trouble>),
    /// It cannot be done, for this reason.
    #[error("{0}")]
    Refused(String),
    /// There is none with this number.
    #[error("there is no take with the number {0}")]
    Missing(i64),
    /// Somebody else changed it.
    #[error("somebody has changed this take in the meantime; look at it again")]
    Changed,
    /// The library.
    #[error(transparent)]
    Attack(#[from] AttackError),
}

fn first(troubles: &[Trouble]) -> String {
    let one = troubles.first().map(|one| format!("{} {}", one.place, one.message)).unwrap_or_default();
    if troubles.len() > 1 { format!("{} (and {} more)", one.trim(), troubles.len() - 1) } else { one.trim().to_owned() }
}

impl From<lazaret_store::StoreError> for TakeError {
    fn from(error: lazaret_store::StoreError) -> Self {
        Self::Attack(error.into())
    }
}

/// Reads a document and holds it against the schema.
///
/// # Errors
/// Everything that is wrong.
pub fn read_take(text: &str) -> Result<Document, Vec<Trouble>> {
    let lone = |message: String| vec![Trouble { place: String::new(), message }];
    if text.len() > MOST_BYTES {
        return Err(lone("it is larger than 256 KiB".to_owned()));
    }
    let value = crate::parse(text.as_bytes()).map_err(|error| lone(format!("it is no JSON: {error}")))?;
    let mut troubles: Vec<Trouble> = Vec::new();
    for error in validator().map_err(lone)?.iter_errors(&value).take(MOST_TROUBLES) {
        troubles.push(Trouble { place: error.instance_path().to_string(), message: error.to_string() });
    }
    if !troubles.is_empty() {
        return Err(troubles);
    }
    serde_json::from_value(value).map_err(|error| lone(error.to_string()))
}

fn validator() -> Result<&'static jsonschema::Validator, String> {
    static VALIDATOR: OnceLock<Result<jsonschema::Validator, String>> = OnceLock::new();
    let made = VALIDATOR.get_or_init(|| {
        let schema: Value = serde_json::from_str(TAKE_SCHEMA).map_err(|error| error.to_string())?;
        jsonschema::validator_for(&schema).map_err(|error| error.to_string())
    });
    made.as_ref().map_err(Clone::clone)
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
                trouble(
                    "/source_sha256".to_owned(),
                    format!("that is not the hash of the object in {}", document.release),
                );
            }
            if hex(&relationships_hash(&relations)) != document.relationships_sha256 {
                let message = format!("that is not the hash of its relationship set in {}", document.release);
                trouble("/relationships_sha256".to_owned(), message);
            }
            let description = text_of(&source, "description");
            let names: Vec<String> = references(&source).into_iter().map(|reference| reference.source_name).collect();
            for (claim, number) in document.claims.iter().zip(0..) {
                for (evidence, at) in claim.evidence.iter().zip(0..) {
                    let place = format!("/claims/{number}/evidence/{at}");
                    match evidence {
                        Evidence::Quote { text } if !description.contains(text.as_str()) => {
                            trouble(place, "these words do not stand in the object's description".to_owned());
                        }
                        Evidence::Relationship { id } if !relations.iter().any(|one| one.relation.stix_id == *id) => {
                            trouble(place, format!("the object has no such relationship in {}", document.release));
                        }
                        Evidence::Citation { source_name } if !names.contains(source_name) => {
                            trouble(place, "the object has no reference of this name".to_owned());
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

/// Begins a take as a draft.
///
/// # Errors
/// When the document is not what it should be.
pub async fn begin(catalog: &Catalog, author: &str, text: &str) -> Result<i64, TakeError> {
    let document = read_take(text).map_err(TakeError::Troubles)?;
    let checked = check(catalog, &document).await.map_err(unknown_object)?;
    if !checked.troubles.is_empty() {
        return Err(TakeError::Troubles(checked.troubles));
    }
    let new = NewTake {
        object: document.object,
        feed: document.feed,
        domain: document.domain,
        title: document.title,
        author: author.to_owned(),
        document: text.to_owned(),
    };
    Ok(catalog.library().add_take(&new).await?)
}

fn unknown_object(error: AttackError) -> TakeError {
    match error {
        AttackError::Unknown(message) => TakeError::Troubles(vec![Trouble { place: "/object".to_owned(), message }]),
        error => error.into(),
    }
}

/// What somebody does with a take.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Deed {
    /// Another document; the take is a draft again, and theirs.
    Edit(String),
    /// Hands it in.
    Submit,
    /// Sends it back to its author.
    Return,
    /// Publishes it.
    Publish,
    /// Binds it to the current release, where only bookkeeping has changed.
    Revalidate,
    /// Takes it back.
    Withdraw,
}

impl Deed {
    /// Its name.
    pub fn name(&self) -> &'static str {
        match self {
            Self::Edit(_) => "edit",
            Self::Submit => "submit",
            Self::Return => "return",
            Self::Publish => "publish",
            Self::Revalidate => "revalidate",
            Self::Withdraw => "withdraw",
        }
    }
}

/// Does something with a take. Whether somebody may do so at all is for whoever calls; that nobody reviews what they wrote
/// themselves is seen to here.
///
/// # Errors
/// Why it cannot be done.
pub async fn act(
    catalog: &Catalog,
    id: i64,
    revision: Option<i64>,
    who: &str,
    deed: Deed,
    note: &str,
) -> Result<Take, TakeError> {
    let library = catalog.library();
    let take = library.take(id).await?.ok_or(TakeError::Missing(id))?;
    if revision.is_some_and(|revision| revision != take.revision) {
        return Err(TakeError::Changed);
    }
    let refused = |reason: &str| Err(TakeError::Refused(reason.to_owned()));
    let others = take.author != who;
    let (what, state, reviewer, document) = match deed {
        Deed::Edit(text) => {
            if take.state == TakeState::Withdrawn {
                return refused("a take that was withdrawn stays as it is; begin another one");
            }
            let document = read_take(&text).map_err(TakeError::Troubles)?;
            if (&document.object, &document.feed, &document.domain) != (&take.object, &take.feed, &take.domain) {
                return refused("a take stays with its object, feed and domain; begin another one");
            }
            let checked = check(catalog, &document).await.map_err(unknown_object)?;
            if !checked.troubles.is_empty() {
                return Err(TakeError::Troubles(checked.troubles));
            }
            ("edited", TakeState::Draft, String::new(), Some((document.title, text)))
        }
        Deed::Submit => {
            if take.state != TakeState::Draft {
                return refused("only a draft can be handed in");
            }
            current(catalog, &take).await?;
            ("handed in", TakeState::Pending, String::new(), None)
        }
        Deed::Return => {
            if take.state != TakeState::Pending {
                return refused("only what was handed in can be sent back");
            }
            if note.trim().is_empty() {
                return refused("say what should change");
            }
            ("sent back", TakeState::Draft, String::new(), None)
        }
        Deed::Publish => {
            if take.state != TakeState::Pending {
                return refused("only what was handed in can be published");
            }
            if !others || wrote(catalog, &take, who).await? {
                return refused("nobody publishes what they wrote themselves; somebody else must read it");
            }
            current(catalog, &take).await?;
            ("published", TakeState::Published, who.to_owned(), None)
        }
        Deed::Revalidate => {
            if !matches!(take.state, TakeState::Stale | TakeState::Published) {
                return refused("only what was published can be bound to another release");
            }
            if !others || wrote(catalog, &take, who).await? {
                return refused("nobody publishes what they wrote themselves; somebody else must read it");
            }
            let checked = checked(catalog, &take).await?;
            let changed = match &checked.fit {
                Fit::Current => Vec::new(),
                Fit::Bookkeeping(changes) => changes.iter().map(|change| change.field.clone()).collect(),
                _ => return refused("more than bookkeeping has changed; it has to be written and read anew"),
            };
            let rebound = Document {
                release: checked.current.release,
                source_sha256: checked.current.source_sha256,
                relationships_sha256: checked.current.relationships_sha256,
                ..checked.document
            };
            let text = serde_json::to_string_pretty(&rebound).map_err(|error| TakeError::Refused(error.to_string()))?;
            let what = format!("bound to {} (changed: {})", rebound.release, changed.join(", "));
            return done(
                catalog,
                &take,
                TakeState::Published,
                who,
                &what,
                note,
                who.to_owned(),
                Some((rebound.title, text)),
            )
            .await;
        }
        Deed::Withdraw => {
            if take.state == TakeState::Withdrawn {
                return refused("it was withdrawn already");
            }
            if note.trim().is_empty() {
                return refused("say why it is withdrawn");
            }
            ("withdrawn", TakeState::Withdrawn, take.reviewer.clone(), None)
        }
    };
    done(catalog, &take, state, who, what, note, reviewer, document).await
}

#[allow(clippy::too_many_arguments, reason = "one step, and what it leaves")]
async fn done(
    catalog: &Catalog,
    take: &Take,
    state: TakeState,
    who: &str,
    what: &str,
    note: &str,
    reviewer: String,
    document: Option<(String, String)>,
) -> Result<Take, TakeError> {
    let library = catalog.library();
    let note: String = note.trim().chars().take(1_000).collect();
    let step = TakeStep { who: who.to_owned(), what: what.to_owned(), note, ..TakeStep::default() };
    let change = TakeChange { revision: take.revision, state, reviewer, document, step };
    if !library.change_take(take.id, &change).await? {
        return Err(TakeError::Changed);
    }
    library.take(take.id).await?.ok_or(TakeError::Missing(take.id))
}

/// Whether somebody wrote any of it: whoever edited is an author as well.
async fn wrote(catalog: &Catalog, take: &Take, who: &str) -> Result<bool, TakeError> {
    let steps = catalog.library().take_steps(take.id).await?;
    Ok(steps.iter().any(|step| step.who == who && matches!(step.what.as_str(), "begun" | "edited")))
}

async fn checked(catalog: &Catalog, take: &Take) -> Result<Checked, TakeError> {
    let document = read_take(&take.document).map_err(TakeError::Troubles)?;
    Ok(check(catalog, &document).await?)
}

/// Refuses whatever is not bound to what is current.
async fn current(catalog: &Catalog, take: &Take) -> Result<(), TakeError> {
    let checked = checked(catalog, take).await?;
    if !checked.troubles.is_empty() {
        return Err(TakeError::Troubles(checked.troubles));
    }
    match checked.fit {
        Fit::Current => Ok(()),
        Fit::Gone => Err(TakeError::Refused("the newest release does not have the object any more".to_owned())),
        _ => Err(TakeError::Refused(format!(
            "it is about {}, and {} says something else; read that, and edit the take",
            checked.document.release, checked.current.release
        ))),
    }
}

/// What readers of an object's page are shown.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Vouched {
    /// Takes that are published and still hold, the newest first.
    pub published: Vec<(Take, Document)>,
    /// There are others, which wait for somebody.
    pub pending: usize,
}

/// The takes about an object, checked now: what does not hold any more becomes stale, and is not shown.
///
/// # Errors
/// When the database does not answer.
pub async fn served(catalog: &Catalog, version: &Version, release: &Release) -> Result<Vouched, AttackError> {
    let mut served = Vouched::default();
    for take in catalog.library().takes(Some(&version.stix_id)).await? {
        if take.feed != release.feed || take.domain != release.domain {
            continue;
        }
        match take.state {
            TakeState::Pending | TakeState::Stale => served.pending += 1,
            TakeState::Published => match held(catalog, &take).await? {
                Ok(document) => served.published.push((take, document)),
                Err(why) => {
                    served.pending += 1;
                    let step = TakeStep {
                        who: "lazaret".to_owned(),
                        what: "stale".to_owned(),
                        note: why,
                        ..TakeStep::default()
                    };
                    let change = TakeChange {
                        revision: take.revision,
                        state: TakeState::Stale,
                        reviewer: take.reviewer.clone(),
                        document: None,
                        step,
                    };
                    // Somebody else may have noticed at the same time.
                    catalog.library().change_take(take.id, &change).await?;
                }
            },
            TakeState::Draft | TakeState::Withdrawn => {}
        }
    }
    Ok(served)
}

/// A published take's document, if it still holds; else why it does not.
async fn held(catalog: &Catalog, take: &Take) -> Result<Result<Document, String>, AttackError> {
    let document = match read_take(&take.document) {
        Ok(document) => document,
        Err(troubles) => return Ok(Err(format!("the schema does not hold: {}", first(&troubles)))),
    };
    let checked = match check(catalog, &document).await {
        Ok(checked) => checked,
        Err(AttackError::Unknown(why)) => return Ok(Err(why)),
        Err(error) => return Err(error),
    };
    Ok(match checked.fit {
        Fit::Current if checked.troubles.is_empty() => Ok(document),
        Fit::Current => Err(first(&checked.troubles)),
        Fit::Gone => Err("the newest release does not have the object".to_owned()),
        Fit::Bookkeeping(_) => Err(format!("only bookkeeping changed in {}", checked.current.release)),
        Fit::Outdated { relationships: true, .. } => {
            Err(format!("the relationship set is another one in {}", checked.current.release))
        }
        Fit::Outdated { .. } => Err(format!("the source is another one in {}", checked.current.release)),
    })
}

/// How a take fits what is current, for those who work on it.
///
/// # Errors
/// What is wrong with its document, or the library.
pub async fn look(catalog: &Catalog, id: i64) -> Result<(Take, Checked), TakeError> {
    let take = catalog.library().take(id).await?.ok_or(TakeError::Missing(id))?;
    let checked = checked(catalog, &take).await?;
    Ok((take, checked))
}
