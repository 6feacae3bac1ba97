//! Takes that were published and do not hold any more: which, and why; and what a take is about, as people name it.

use super::acts::look;
use super::{Fit, TakeError};
use crate::choice::Choice;
use crate::{AttackError, Catalog};
use lazaret_store::{Take, TakeState};
use std::fmt;

/// What a take is about.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TakeAbout {
    /// Its ATT&CK ID; its STIX ID where it has none.
    pub id: String,
    /// Its name; empty where it has none, or is in no release any more.
    pub name: String,
}

impl fmt::Display for TakeAbout {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.id)?;
        if self.name.is_empty() { Ok(()) } else { write!(f, " {}", self.name) }
    }
}

/// What a take is about, as the last release of its feed and domain that has it names it.
///
/// # Errors
/// When the library cannot be read.
pub async fn take_about(catalog: &Catalog, take: &Take) -> Result<TakeAbout, AttackError> {
    let choice = Choice { feed: take.feed.parse().ok(), domain: Some(take.domain.clone()), release: None };
    match catalog.find(None, &take.object, &choice).await {
        Ok(found) => {
            let id = [&found.version.attack_id, &take.object].into_iter().find(|id| !id.is_empty());
            Ok(TakeAbout { id: id.cloned().unwrap_or_default(), name: found.version.name.clone() })
        }
        Err(AttackError::Unknown(_) | AttackError::Named(_)) => {
            Ok(TakeAbout { id: take.object.clone(), name: String::new() })
        }
        Err(error) => Err(error),
    }
}

/// A published take that does not hold any more.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StaleTake {
    /// The take.
    pub take: Take,
    /// What it is about.
    pub about: TakeAbout,
    /// Why, in sentences.
    pub why: String,
}

/// Every published take that does not hold any more, by number.
///
/// # Errors
/// When the library cannot be read.
pub async fn stale_takes(catalog: &Catalog) -> Result<Vec<StaleTake>, TakeError> {
    let mut stale = Vec::new();
    for published in catalog.library().published_takes().await? {
        if !is_stale(catalog, published.id).await? {
            continue;
        }
        let Some(take) = catalog.library().take(published.id).await? else { continue };
        let (about, why) = (take_about(catalog, &take).await?, why_stale(catalog, take.id).await?);
        stale.push(StaleTake { take, about, why });
    }
    Ok(stale)
}

/// Whether a published take does not hold any more.
///
/// # Errors
/// When the library cannot be read.
pub async fn is_stale(catalog: &Catalog, id: i64) -> Result<bool, TakeError> {
    match look(catalog, id).await {
        Ok((take, _)) => Ok(take.state == TakeState::Stale),
        Err(TakeError::Troubles(_) | TakeError::Attack(AttackError::Unknown(_) | AttackError::Named(_))) => Ok(true),
        Err(TakeError::Missing(_)) => Ok(false),
        Err(error) => Err(error),
    }
}

/// Why a take that was published does not hold any more: in sentences, with the fields that changed.
///
/// # Errors
/// When the library cannot be read.
pub async fn why_stale(catalog: &Catalog, id: i64) -> Result<String, TakeError> {
    let checked = match look(catalog, id).await {
        Ok((_, checked)) => checked,
        Err(TakeError::Troubles(_)) => return Ok("Its document no longer matches the schema.".to_owned()),
        Err(TakeError::Attack(AttackError::Unknown(sentence) | AttackError::Named(sentence))) => return Ok(sentence),
        Err(error) => return Err(error),
    };
    let (mut why, changed) = (checked.fit.sentence().to_owned(), checked.fit.changed());
    if !changed.is_empty() {
        why.push_str(&format!(" Changed: {changed}."));
    }
    if let (Fit::Current, Some(trouble)) = (&checked.fit, checked.troubles.first()) {
        why = format!("Its evidence is no longer valid: {}", trouble.message);
    }
    Ok(why)
}
