//! Policies as people read them.

use crate::Policies;
use cedar_policy::{ActionConstraint, Effect, EntityUid};
use lazaret_model::Decision;

/// One policy, described.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize)]
pub struct PolicyDescription {
    /// Its `@id`.
    pub id: String,
    /// Its `@title`.
    pub title: String,
    /// Whether it forbids; else it permits.
    pub forbids: bool,
    /// What it leads to by itself: a permit of holding holds, and so does what forbids nothing but delivering. None for what speaks
    /// of neither.
    pub decision: Option<Decision>,
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
                decision: self.decision_of(policy),
                technique: note("technique"),
                lesson: note("lesson"),
                text: policy.to_string(),
            }
        };
        let mut list: Vec<_> = self.set.policies().map(described).collect();
        list.sort_by(|a, b| a.id.cmp(&b.id));
        list
    }

    fn decision_of(&self, policy: &cedar_policy::Policy) -> Option<Decision> {
        let [deliver, hold] = &self.actions;
        let actions = policy.action_constraint();
        let speaks_of = |action: &EntityUid| match &actions {
            ActionConstraint::Any => true,
            ActionConstraint::In(some) => some.contains(action),
            ActionConstraint::Eq(one) => one == action,
        };
        match policy.effect() {
            Effect::Permit if speaks_of(deliver) => Some(Decision::Deliver),
            Effect::Forbid if speaks_of(hold) => Some(Decision::Block),
            Effect::Permit | Effect::Forbid if speaks_of(deliver) || speaks_of(hold) => Some(Decision::Hold),
            Effect::Permit | Effect::Forbid => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{PolicyFile, built_in_policies};

    #[test]
    fn what_a_policy_does_is_told_by_the_actions_that_it_speaks_of() {
        let all = Policies::parse(&[built_in_policies()]).unwrap().describe_all();
        let decision = |id: &str| all.iter().find(|policy| policy.id == id).and_then(|policy| policy.decision);
        for (id, does) in [
            ("ordinary-content", Decision::Deliver),
            ("uploads", Decision::Deliver),
            ("programs-from-the-web", Decision::Block),
            ("malicious", Decision::Block),
            ("macros-that-run-by-themselves", Decision::Hold),
            ("hold-what-is-locked", Decision::Hold),
        ] {
            assert_eq!(decision(id), Some(does), "{id}");
        }
        // Nothing that is called so does anything else.
        let holds: Vec<_> = all.iter().filter(|policy| policy.id.starts_with("hold-")).collect();
        assert!(holds.len() > 4 && holds.iter().all(|policy| policy.decision == Some(Decision::Hold)), "{holds:?}");
        for (scope, does) in [
            ("permit (principal, action, resource);", Some(Decision::Deliver)),
            ("forbid (principal, action, resource);", Some(Decision::Block)),
            ("permit (principal, action in [Lazaret::Action::\"hold\"], resource);", Some(Decision::Hold)),
            ("forbid (principal, action == Lazaret::Action::\"deliver\", resource);", Some(Decision::Hold)),
            ("forbid (principal, action == Lazaret::Action::\"execute\", resource);", None),
        ] {
            let text = format!("@id(\"one\") @title(\"One\")\n{scope}");
            let policies = Policies::parse(&[PolicyFile { name: "one.cedar".into(), text }]).unwrap();
            assert_eq!(policies.describe_all()[0].decision, does, "{scope}");
        }
    }
}
