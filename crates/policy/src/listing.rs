//! Policies as people read them.

use crate::Policies;
use cedar_policy::Effect;

/// One policy, described.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PolicyDescription {
    /// Its `@id`.
    pub id: String,
    /// Its `@title`.
    pub title: String,
    /// Whether it forbids; else it permits.
    pub forbids: bool,
    /// Its `@technique`, empty for none.
    pub technique: String,
    /// Its `@lesson`, empty for none.
    pub lesson: String,
    /// The policy in Cedar.
    pub text: String,
}

impl Policies {
    /// Every policy, described, by id.
    pub fn describe_all(&self) -> Vec<PolicyDescription> {
        let described = |policy: &cedar_policy::Policy| {
            let note = |key| policy.annotation(key).unwrap_or_default().to_owned();
            PolicyDescription {
                id: policy.id().to_string(),
                title: note("title"),
                forbids: policy.effect() == Effect::Forbid,
                technique: note("technique"),
                lesson: note("lesson"),
                text: policy.to_string(),
            }
        };
        let mut list: Vec<_> = self.set.policies().map(described).collect();
        list.sort_by(|a, b| a.id.cmp(&b.id));
        list
    }
}
