//! What becomes of takes: written, handed in, read by somebody else, published, and shown while they hold.

use super::check::{Checked, Fit, check};
use super::{Document, TakeError, Trouble, read_take};
use crate::{AttackError, Catalog};
use lazaret_store::{NewTake, Release, Take, TakeChange, TakeState, TakeStep, Version};

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
    // A form that lay open while another release came is about what nobody reads any more.
    is_current(&checked)?;
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
    let refused = |reason: &str| Err(TakeError::Refused(reason.to_owned()));
    match revision {
        Some(revision) if revision != take.revision => return Err(TakeError::Changed),
        // Whoever vouches for a take vouches for what they read.
        None if matches!(deed, Deed::Publish | Deed::Revalidate) => {
            return refused("state which revision you read: someone may have changed it since");
        }
        _ => {}
    }
    let others = take.author != who;
    let by = By {
        who,
        note,
        wrote: matches!(deed, Deed::Edit(_)),
        published: matches!(deed, Deed::Publish | Deed::Revalidate),
    };
    let (what, state, reviewer, document) = match deed {
        Deed::Edit(text) => {
            if take.state == TakeState::Withdrawn {
                return refused("a withdrawn take cannot be changed; write a new one");
            }
            let document = read_take(&text).map_err(TakeError::Troubles)?;
            if (&document.object, &document.feed, &document.domain) != (&take.object, &take.feed, &take.domain) {
                return refused("a take's object, feed and domain cannot be changed; write a new one");
            }
            let checked = check(catalog, &document).await.map_err(unknown_object)?;
            if !checked.troubles.is_empty() {
                return Err(TakeError::Troubles(checked.troubles));
            }
            ("edited", TakeState::Draft, String::new(), Some((document.title, text)))
        }
        Deed::Submit => {
            if take.state != TakeState::Draft {
                return refused("only a draft can be submitted");
            }
            current(catalog, &take).await?;
            ("handed in", TakeState::Pending, String::new(), None)
        }
        Deed::Return => {
            if take.state != TakeState::Pending {
                return refused("only a submitted take can be returned");
            }
            if note.trim().is_empty() {
                return refused("say what needs to change");
            }
            ("sent back", TakeState::Draft, String::new(), None)
        }
        Deed::Publish => {
            if take.state != TakeState::Pending {
                return refused("only a submitted take can be published");
            }
            if !others || wrote(catalog, &take, who).await? {
                return refused("authors cannot publish their own takes; someone else must review it");
            }
            current(catalog, &take).await?;
            ("published", TakeState::Published, who.to_owned(), None)
        }
        Deed::Revalidate => {
            if !matches!(take.state, TakeState::Stale | TakeState::Published) {
                return refused("only a published take can be bound to another release");
            }
            if !others || wrote(catalog, &take, who).await? {
                return refused("authors cannot publish their own takes; someone else must review it");
            }
            let checked = checked(catalog, &take).await?;
            if !checked.troubles.is_empty() {
                return Err(TakeError::Troubles(checked.troubles));
            }
            let changed = match &checked.fit {
                Fit::Current => Vec::new(),
                Fit::Bookkeeping(changes) => changes.iter().map(|change| change.field.clone()).collect(),
                _ => return refused("more than metadata has changed; it must be rewritten and reviewed again"),
            };
            let rebound = Document {
                release: checked.current.release,
                source_sha256: checked.current.source_sha256,
                relationships_sha256: checked.current.relationships_sha256,
                ..checked.document
            };
            // What is published was checked as it stands.
            let again = check(catalog, &rebound).await?;
            if !again.troubles.is_empty() {
                return Err(TakeError::Troubles(again.troubles));
            }
            let text = serde_json::to_string_pretty(&rebound).map_err(|error| TakeError::Refused(error.to_string()))?;
            let what = format!("bound to {} (changed: {})", rebound.release, changed.join(", "));
            let document = Some((rebound.title, text));
            return done(catalog, &take, TakeState::Published, &by, &what, who.to_owned(), document).await;
        }
        Deed::Withdraw => {
            if take.state == TakeState::Withdrawn {
                return refused("it has already been withdrawn");
            }
            if note.trim().is_empty() {
                return refused("say why you withdraw it");
            }
            ("withdrawn", TakeState::Withdrawn, take.reviewer.clone(), None)
        }
    };
    done(catalog, &take, state, &by, what, reviewer, document).await
}

/// Who does something, and what that makes of them: an author, or somebody who vouches.
struct By<'a> {
    who: &'a str,
    note: &'a str,
    wrote: bool,
    published: bool,
}

async fn done(
    catalog: &Catalog,
    take: &Take,
    state: TakeState,
    by: &By<'_>,
    what: &str,
    reviewer: String,
    document: Option<(String, String)>,
) -> Result<Take, TakeError> {
    let library = catalog.library();
    let note: String = by.note.trim().chars().take(1_000).collect();
    let step = TakeStep {
        who: by.who.to_owned(),
        what: what.to_owned(),
        note,
        wrote: by.wrote,
        published: by.published,
        ..TakeStep::default()
    };
    let change = TakeChange { revision: take.revision, state, reviewer, document, step };
    if !library.change_take(take.id, &change).await? {
        return Err(TakeError::Changed);
    }
    library.take(take.id).await?.ok_or(TakeError::Missing(take.id))
}

/// Whether somebody wrote any of it: whoever edited is an author as well.
async fn wrote(catalog: &Catalog, take: &Take, who: &str) -> Result<bool, TakeError> {
    Ok(authors(catalog, take).await?.iter().any(|author| author == who))
}

/// Everybody who wrote any of a take: whoever began it, then whoever edited it.
///
/// # Errors
/// When the database does not answer.
pub async fn authors(catalog: &Catalog, take: &Take) -> Result<Vec<String>, AttackError> {
    let mut authors = vec![take.author.clone()];
    for step in catalog.library().take_steps(take.id).await? {
        if step.wrote && !authors.contains(&step.who) {
            authors.push(step.who);
        }
    }
    Ok(authors)
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
    is_current(&checked)
}

/// Refuses what is bound to something else than the newest release says.
fn is_current(checked: &Checked) -> Result<(), TakeError> {
    match checked.fit {
        Fit::Current => Ok(()),
        Fit::Gone => Err(TakeError::Refused("the newest release no longer contains the object".to_owned())),
        _ => Err(TakeError::Refused(format!(
            "it is about {}, and {} says something else; read the new text and edit the take",
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

/// The takes about an object, checked now: what does not hold any more is stale, and is not shown.
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
                Some(document) => served.published.push((take, document)),
                None => served.pending += 1,
            },
            TakeState::Draft | TakeState::Withdrawn => {}
        }
    }
    Ok(served)
}

/// Takes with the states that they have now: one that was published and does not hold any more is stale.
///
/// # Errors
/// When the database does not answer.
pub async fn takes_now(catalog: &Catalog, object: Option<&str>) -> Result<Vec<Take>, AttackError> {
    let mut takes = catalog.library().takes(object).await?;
    for take in takes.iter_mut().filter(|take| take.state == TakeState::Published) {
        if held(catalog, take).await?.is_none() {
            take.state = TakeState::Stale;
        }
    }
    Ok(takes)
}

/// A published take's document, if it still holds.
async fn held(catalog: &Catalog, take: &Take) -> Result<Option<Document>, AttackError> {
    match checked(catalog, take).await {
        Ok(checked) => Ok(holds(&checked).then_some(checked.document)),
        Err(TakeError::Attack(AttackError::Unknown(_) | AttackError::Named(_)) | TakeError::Troubles(_)) => Ok(None),
        Err(TakeError::Attack(error)) => Err(error),
        Err(error) => Err(AttackError::Named(error.to_string())),
    }
}

fn holds(checked: &Checked) -> bool {
    checked.fit == Fit::Current && checked.troubles.is_empty()
}

/// How a take fits what is current, for those who work on it, with the state that it has now.
///
/// # Errors
/// What is wrong with its document, or the library.
pub async fn look(catalog: &Catalog, id: i64) -> Result<(Take, Checked), TakeError> {
    let mut take = catalog.library().take(id).await?.ok_or(TakeError::Missing(id))?;
    let checked = checked(catalog, &take).await?;
    if take.state == TakeState::Published && !holds(&checked) {
        take.state = TakeState::Stale;
    }
    Ok((take, checked))
}
