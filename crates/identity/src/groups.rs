//! Groups that a provider said people are in, for policies at the gates: in memory, read again from the ledger now and then, since
//! another process may have let somebody in.

use crate::{Identity, IdentityError};
use std::collections::HashMap;
use std::sync::{Arc, PoisonError, RwLock};

/// The groups of all users.
#[derive(Debug, Default)]
pub struct Groups(RwLock<HashMap<String, Vec<String>>>);

impl Groups {
    /// The groups of a user, by their name here.
    pub fn of(&self, person: &str) -> Vec<String> {
        self.0.read().unwrap_or_else(PoisonError::into_inner).get(person).cloned().unwrap_or_default()
    }

    /// Notes the groups of one person.
    pub(crate) fn set(&self, person: &str, groups: &[String]) {
        self.0.write().unwrap_or_else(PoisonError::into_inner).insert(person.to_owned(), groups.to_vec());
    }
}

impl Identity {
    /// The groups, shared: what is learnt later is seen by whoever has them.
    pub fn groups(&self) -> Arc<Groups> {
        Arc::clone(&self.groups)
    }

    /// Loads all groups from the ledger.
    ///
    /// # Errors
    /// If the ledger is unavailable; the previous groups are kept.
    pub async fn read_groups(&self) -> Result<(), IdentityError> {
        let mut groups: HashMap<String, Vec<String>> = HashMap::new();
        for (person, group) in self.ledger.memberships().await? {
            groups.entry(person).or_default().push(group);
        }
        *self.groups.0.write().unwrap_or_else(PoisonError::into_inner) = groups;
        Ok(())
    }
}
