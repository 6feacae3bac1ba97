//! Decisions before everything is known, by what is known by then and by nothing else. From when on a fact is known is said by the
//! table of facts.

use super::{Form, Outcome, Policies, once};
use crate::{Facts, PolicyError};
use cedar_policy::{Effect, Policy, PolicyId, PolicySet};
use lazaret_model::{Decision, Known};

impl Policies {
    /// Whether policy forbids a part whatever else will be known of it: only what forbids by facts that are `known` already counts.
    /// Nothing where there is no such policy, or it does not forbid holding as well.
    ///
    /// # Errors
    /// As [`Policies::decide`].
    pub fn forbids_early(&self, part: &str, facts: &Facts, known: Known) -> Result<Option<Outcome>, PolicyError> {
        let key = (self.essence(facts), known);
        once(&self.known_early, key, || self.ask_early(part, facts, known))
    }

    fn ask_early(&self, part: &str, facts: &Facts, known: Known) -> Result<Option<Outcome>, PolicyError> {
        // Once everything is known it is not early any more.
        let Some(set) = self.moments.forbids(known) else { return Ok(None) };
        let entities = self.entities(part, facts)?;
        let mut policies = Vec::new();
        for action in &self.actions {
            let (allowed, reasons) = self.ask(set, part, facts, action, &entities)?;
            if allowed {
                return Ok(None);
            }
            policies = reasons;
        }
        Ok(Some(Outcome { decision: Decision::Block, policies }))
    }
}

/// What counts while not everything is known, by how much is.
#[derive(Debug)]
pub(super) struct Moments(Vec<Moment>);

#[derive(Debug)]
struct Moment {
    known: Known,
    /// What forbids by what is known, beside a permit for everything.
    forbids: PolicySet,
    /// The same beside all that permits.
    all: PolicySet,
}

impl Moments {
    pub(super) fn of(forms: &[Form<'_>]) -> Self {
        let everything = "permit (principal, action, resource);";
        // Nobody's policy has an empty id.
        let everything = Policy::parse(Some(PolicyId::new("")), everything).ok();
        let permits: Vec<_> = forms.iter().map(|form| form.policy).filter(|policy| is_permit(policy)).collect();
        let forbids = forms.iter().filter(|form| !is_permit(form.policy));
        let forbids: Vec<_> = forbids.map(|form| (form.needs(), form.policy)).collect();
        let moments = Known::ALL.into_iter().filter(|known| *known != Known::Ledger).map(|known| {
            let sure = forbids.iter().filter(|(needs, _)| *needs <= known).map(|(_, policy)| *policy);
            let all = sure.clone().chain(permits.iter().copied());
            Moment { known, forbids: set(sure.chain(&everything)), all: set(all) }
        });
        Self(moments.collect())
    }

    /// What forbids whatever else will be known, beside a permit for everything; none when everything is known.
    fn forbids(&self, known: Known) -> Option<&PolicySet> {
        self.at(known).map(|moment| &moment.forbids)
    }

    /// All that permits, and what forbids by what is known; none when everything is known.
    pub(super) fn all(&self, known: Known) -> Option<&PolicySet> {
        self.at(known).map(|moment| &moment.all)
    }

    fn at(&self, known: Known) -> Option<&Moment> {
        self.0.iter().find(|moment| moment.known == known)
    }
}

fn is_permit(policy: &Policy) -> bool {
    policy.effect() == Effect::Permit
}

fn set<'p>(policies: impl Iterator<Item = &'p Policy>) -> PolicySet {
    let mut set = PolicySet::new();
    for policy in policies {
        // The ids are those of one set, and so distinct.
        let _ = set.add(policy.clone());
    }
    set
}

#[cfg(test)]
mod tests {
    use crate::{FactType, Facts, Place, Policies, PolicyFile, all_facts, built_in_policies};
    use lazaret_model::{Decision, Known};

    fn facts(kind: &str, class: &str) -> Facts {
        let site = Some(crate::SiteFacts { suspicious: class == "suspicious", ..Default::default() });
        Facts { kind: kind.into(), class: class.into(), gate: "proxy".into(), site, ..Facts::default() }.completed()
    }

    fn policies(condition: &str) -> Policies {
        let text = format!("@id(\"own\") @title(\"Own\") forbid (principal, action, resource) when {{ {condition} }};");
        let files = [built_in_policies(), PolicyFile { name: "own.cedar".into(), text }];
        Policies::parse(&files).unwrap_or_else(|error| panic!("{condition}: {error}"))
    }

    #[track_caller]
    fn check(condition: &str, facts: &Facts, known: Known, expected: bool) {
        let found = policies(condition).forbids_early("a", facts, known).unwrap();
        assert_eq!(found.is_some(), expected, "{condition}: {found:?}");
        assert!(found.is_none_or(|outcome| outcome.policies.iter().all(|policy| !policy.id.is_empty())));
    }

    #[test]
    fn no_id_of_a_policy_has_everything_refused_early() {
        for id in ["everything", "all", "deliver"] {
            let text =
                format!("@id(\"{id}\") @title(\"Own\") forbid (principal, action, resource) when {{ context.saves }};");
            let files = [built_in_policies(), PolicyFile { name: "own.cedar".into(), text }];
            let policies = Policies::parse(&files).unwrap_or_else(|error| panic!("{id}: {error}"));
            let found = policies.forbids_early("a", &facts("text", "text"), Known::FirstBytes).unwrap();
            assert_eq!(found, None, "{id}");
        }
    }

    #[test]
    fn only_what_is_known_forbids_early() {
        use Known::{FirstBytes, Head, Request};
        let text = facts("text", "text");
        // What the built-in policies forbid whatever follows, and what they only do not permit.
        check("false", &facts("pe32", "executable"), FirstBytes, true);
        check("false", &facts("pe32", "executable"), Head, false);
        check("false", &facts("unknown", "unknown"), FirstBytes, false);
        check("false", &facts("text", "suspicious"), Head, true);
        check("false", &text, FirstBytes, false);
        // Nobody knows these yet: 64 KiB are not the size, and nobody was asked how often it was seen.
        for condition in [
            "resource.size < 100000",
            "resource.prevalence < 5",
            "!resource.complete",
            "resource.verdict == \"benign\"",
            "!resource.findings.contains(\"a\")",
            "resource.kind == \"text\" && resource.size < 100000",
        ] {
            check(condition, &text, FirstBytes, false);
        }
        check("resource.kind == \"text\"", &text, FirstBytes, true);
        check("resource.kind == \"zip\"", &facts("zip", "archive"), Head, false);
        check("context.gate == \"proxy\"", &text, Head, true);
        // Before a site is asked nobody knows what it will call its answer.
        check("context.declared_type == \"\"", &text, Head, true);
        check("context.declared_type == \"\"", &text, Request, false);
        check("!context.saves", &text, Request, false);
        check("!(context has site && context.site has first_seen_days)", &text, Request, false);
        check("context.gate == \"proxy\"", &text, Request, true);
        check("false", &facts("text", "suspicious"), Request, true);
    }

    /// A condition that holds for what facts are where nobody knows them.
    fn usual(fact: &crate::Fact) -> String {
        let (path, usual) = (fact.path(), fact.usual());
        let unusual = match (fact.kind, fact.optional) {
            (_, true) => format!("{} has {}", fact.place.name(), fact.name),
            (FactType::Texts, _) => format!("{path}.contains(\"x\")"),
            _ => format!("{path} != {usual}"),
        };
        let site = if fact.place == Place::Site { "context has site && " } else { "" };
        format!("!({site}{unusual})")
    }

    #[test]
    fn no_policy_forbids_by_a_fact_before_the_moment_that_the_table_names() {
        for fact in all_facts().filter(|fact| fact.place != Place::Principal) {
            let policies = policies(&usual(fact));
            for known in Known::ALL.into_iter().filter(|known| *known < Known::Inspection) {
                let found = policies.forbids_early("a", &Facts::default(), known).unwrap();
                assert_eq!(found.is_some(), fact.known <= known, "{} at {known:?}", fact.name);
            }
            for known in Known::ALL {
                let facts = Facts { kind: "pdf".into(), class: "document".into(), ..Facts::default() }.completed();
                let decided = policies.decide_by("a", &facts, known).unwrap();
                let forbidden = decided.policies.iter().any(|policy| policy.id == "own");
                let holds = policies.decide("a", &facts).unwrap().decision == Decision::Block;
                assert_eq!(forbidden, holds && fact.known <= known, "{} at {known:?}: {decided:?}", fact.name);
            }
            assert_eq!(policies.ask_ledger(), fact.known == Known::Ledger, "{}", fact.name);
        }
    }
}
