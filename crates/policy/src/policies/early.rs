//! Decisions before the last byte has come, by what is known by then and by nothing else.

use super::{Outcome, Policies};
use crate::{Facts, PolicyError};
use cedar_policy::{Effect, Policy, PolicyId, PolicySet};
use lazaret_model::Decision;

/// Facts that nobody knows before the last byte has come, by their names in the schema.
const UNKNOWN_EARLY: [&str; 10] = [
    "size",
    "prevalence",
    "masquerade",
    "locked",
    "opened_with_password",
    "complete",
    "macros",
    "verdict",
    "findings",
    "techniques",
];
/// Facts that are not known either where what the first bytes look like may turn out to be something else.
const OF_THE_KIND: [&str; 4] = ["kind", "kinds", "class", "classes"];

impl Policies {
    /// Whether policy forbids a part whatever else will be known of it: only what forbids by facts that are known already counts.
    /// `kind_may_change` says that its kind is not one of them. Nothing where there is no such policy, or it does not forbid
    /// holding as well.
    ///
    /// # Errors
    /// As [`Policies::decide`].
    pub fn forbids_early(
        &self,
        part: &str,
        facts: &Facts,
        kind_may_change: KindMayChange,
    ) -> Result<Option<Outcome>, PolicyError> {
        let [with_kind, without] = &self.early;
        let set = if kind_may_change == KindMayChange::Yes { without } else { with_kind };
        let entities = self.entities(part, facts)?;
        let mut policies = Vec::new();
        for action in &self.actions {
            let (allowed, reasons) = self.ask_of(set, part, facts, action, &entities)?;
            if allowed {
                return Ok(None);
            }
            policies = reasons;
        }
        Ok(Some(Outcome { decision: Decision::Block, policies }))
    }
}

/// Whether the kind of a part may turn out to be another once all of it is there.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum KindMayChange {
    /// What is built on it is told by what stands behind: a ZIP archive, a compound file, and what is not known at all.
    Yes,
    /// The beginning decides.
    No,
}

/// What forbids by facts that are known early: with the kind, and without.
pub(super) fn sets(set: &PolicySet) -> [PolicySet; 2] {
    [forbids_by(set, &UNKNOWN_EARLY), forbids_by(set, &[&UNKNOWN_EARLY[..], &OF_THE_KIND].concat())]
}

/// Whether a policy asks for an attribute, in Cedar's JSON form; one that cannot be looked into may ask for any.
fn speaks_of(policy: &Policy, attribute: &str) -> bool {
    policy.to_json().map_or(true, |json| json.to_string().contains(&format!("\"attr\":\"{attribute}\"")))
}

/// What forbids without speaking of `unknown` facts, and a permit for everything.
fn forbids_by(set: &PolicySet, unknown: &[&str]) -> PolicySet {
    let mut own = PolicySet::new();
    let sure = |policy: &&Policy| {
        policy.effect() == Effect::Forbid && !unknown.iter().any(|attribute| speaks_of(policy, attribute))
    };
    for policy in set.policies().filter(sure) {
        // The ids are those of one set, and so distinct.
        let _ = own.add(policy.clone());
    }
    if let Ok(everything) = Policy::parse(Some(PolicyId::new("everything")), "permit (principal, action, resource);") {
        let _ = own.add(everything);
    }
    own
}

#[cfg(test)]
mod tests {
    use super::KindMayChange;
    use crate::{Facts, Policies, PolicyFile, built_in_policies};

    fn facts(kind: &str, class: &str) -> Facts {
        let site = Some(crate::SiteFacts { suspicious: class == "suspicious", ..Default::default() });
        Facts { kind: kind.into(), class: class.into(), gate: "proxy".into(), site, ..Facts::default() }.completed()
    }

    #[track_caller]
    fn check(condition: &str, facts: &Facts, kind: KindMayChange, expected: bool) {
        let text = format!("@id(\"own\") @title(\"Own\") forbid (principal, action, resource) when {{ {condition} }};");
        let files = [built_in_policies(), PolicyFile { name: "own.cedar".into(), text }];
        let policies = Policies::parse(&files).unwrap_or_else(|error| panic!("{error}"));
        let found = policies.forbids_early("a", facts, kind).unwrap();
        assert_eq!(found.is_some(), expected, "{condition}: {found:?}");
        assert!(found.is_none_or(|outcome| outcome.policies.iter().all(|policy| policy.id != "everything")));
    }

    #[test]
    fn only_what_is_known_forbids_early() {
        use KindMayChange::{No, Yes};
        let text = facts("text", "text");
        // What the built-in policies forbid whatever follows, and what they only do not permit.
        check("false", &facts("pe32", "executable"), No, true);
        check("false", &facts("pe32", "executable"), Yes, false);
        check("false", &facts("unknown", "unknown"), No, false);
        check("false", &facts("text", "suspicious"), Yes, true);
        check("false", &text, No, false);
        // Nobody knows these yet: 64 KiB are not the size, and nobody was asked how often it was seen.
        for condition in [
            "resource.size < 100000",
            "resource.prevalence < 5",
            "!resource.complete",
            "resource.verdict == \"benign\"",
            "!resource.findings.contains(\"a\")",
            "resource.kind == \"text\" && resource.size < 100000",
        ] {
            check(condition, &text, No, false);
        }
        check("resource.kind == \"text\"", &text, No, true);
        check("resource.kind == \"zip\"", &facts("zip", "archive"), Yes, false);
        check("context.gate == \"proxy\"", &text, Yes, true);
    }
}
