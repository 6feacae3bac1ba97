//! Which entry an ATT&CK id leads to where several have it. The others have the addresses of their STIX ids, so that every entry
//! has a page of its own.

use crate::choice::{Choice, rank};
use crate::gone::is_today;
use crate::{AttackError, Section, is_live, kind_of, section_of};
use lazaret_store::{Library, Release, Standing, Version};
use std::cmp::Reverse;
use std::collections::{BTreeMap, HashMap, HashSet};

/// Objects that share an ATT&CK id with another one of their section, which is what the id leads to.
#[derive(Debug, Default)]
pub(crate) struct Shadowed {
    ids: HashMap<i64, HashSet<String>>,
}

impl Shadowed {
    /// Looks who shares ids.
    ///
    /// # Errors
    /// When the database does not answer.
    pub(crate) async fn load(library: &Library) -> Result<Self, AttackError> {
        let mut owners: BTreeMap<(&str, String), Vec<i64>> = BTreeMap::new();
        for (attack_id, object, stix_id) in library.shared_attack_ids().await? {
            owners.entry((section_of(kind_of(&stix_id)).path, attack_id)).or_default().push(object);
        }
        let (mut shadowed, releases) = (Self::default(), library.releases().await?);
        for ((_, attack_id), objects) in owners.into_iter().filter(|(_, objects)| objects.len() > 1) {
            let standings = library.standings(&objects).await?;
            let owner = best(&standings, None, &attack_id, &Choice::default(), &releases);
            let owner = owner.map(|best| best.version.object);
            for object in objects.into_iter().filter(|object| Some(*object) != owner) {
                shadowed.ids.entry(object).or_default().insert(attack_id.clone());
            }
        }
        Ok(shadowed)
    }

    /// Whether the id that a version has leads to another object.
    pub(crate) fn has(&self, version: &Version) -> bool {
        self.ids.get(&version.object).is_some_and(|ids| ids.contains(&version.attack_id))
    }

    /// Says so in the version itself.
    pub(crate) fn mark(&self, version: &mut Version) {
        version.is_shadowed = self.has(version);
    }
}

/// What is meant by an id, of those that have it or had it, in the release, feed and domain that were asked for.
pub(crate) fn best<'a>(
    standings: &'a [Standing],
    section: Option<&Section>,
    wanted: &str,
    choice: &Choice,
    releases: &[Release],
) -> Option<&'a Standing> {
    standings
        .iter()
        .filter(|standing| {
            section.is_none_or(|section| section_of(kind_of(&standing.version.stix_id)).path == section.path)
        })
        .filter(|standing| choice.feed.is_none_or(|feed| feed.name() == standing.span.feed))
        .filter(|standing| choice.domain.as_ref().is_none_or(|domain| *domain == standing.span.domain))
        .max_by_key(|standing| {
            let span = &standing.span;
            (
                choice.release.is_some_and(|number| span.has(number.place())),
                // Who has the id today comes before who had it once, dead or alive.
                standing.version.attack_id == wanted,
                // What was taken out comes after what the newest release has, though that may be revoked.
                is_today(releases, span),
                is_live(&standing.version),
                span.last,
                &span.feed,
                Reverse(rank(&span.domain)),
            )
        })
}
