//! Policies about what nothing asks for.

use super::Policies;
use crate::actions::ACTIONS;
use cedar_policy::{ActionConstraint, EntityUid, Policy};

impl Policies {
    /// Policies that speak of no action that anything asks for, by id, each with those of which it speaks.
    pub fn unasked(&self) -> Vec<(String, Vec<&'static str>)> {
        let asked = |name: &str| ACTIONS.iter().any(|action| action.asked && action.name == name);
        let unasked = self.set.policies().filter_map(|policy| {
            let spoken: Vec<_> =
                ACTIONS.iter().map(|action| action.name).filter(|name| concerns(policy, name)).collect();
            (!spoken.iter().any(|name| asked(name))).then(|| (policy.id().to_string(), spoken))
        });
        let mut unasked: Vec<_> = unasked.collect();
        unasked.sort();
        unasked
    }
}

/// Whether a policy speaks of the action of a name.
fn concerns(policy: &Policy, name: &str) -> bool {
    let is = |action: &EntityUid| action.id().unescaped() == name;
    match policy.action_constraint() {
        ActionConstraint::Any => true,
        ActionConstraint::In(some) => some.iter().any(is),
        ActionConstraint::Eq(one) => is(&one),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Facts, PolicyFile, built_in_policies};
    use lazaret_model::Decision;

    fn policies(text: &str) -> Result<Policies, String> {
        let own = PolicyFile { name: "own.cedar".into(), text: text.into() };
        Policies::parse(&[built_in_policies(), own]).map_err(|error| error.to_string())
    }

    #[test]
    fn every_action_may_stand_in_policies_and_no_other() {
        for action in ACTIONS {
            let text = format!(
                "@id(\"own\") @title(\"Own\")\n\
                 permit (principal in Lazaret::Group::\"staff\", action == Lazaret::Action::\"{}\", resource)\n\
                 when {{ resource.class == \"document\" && context.gate == \"guard\" }};",
                action.name
            );
            policies(&text).unwrap_or_else(|error| panic!("{}: {error}", action.name));
        }
        for wrong in ["ask", "run", "Deliver"] {
            let text = format!(
                "@id(\"own\") @title(\"Own\") permit (principal, action == Lazaret::Action::\"{wrong}\", resource);"
            );
            let error = policies(&text).err().unwrap_or_default();
            assert!(error.contains("`own.cedar` line 1"), "{wrong}: {error}");
        }
    }

    #[test]
    fn what_nothing_asks_for_changes_no_decision_and_is_told() {
        let plain = policies("").unwrap();
        assert!(plain.unasked().is_empty());
        let text = "@id(\"own\") @title(\"Own\")\n\
            forbid (principal, action in [Lazaret::Action::\"execute\", Lazaret::Action::\"connect\"], resource);\n\
            @id(\"both\") @title(\"Both\")\n\
            forbid (principal, action in [Lazaret::Action::\"execute\", Lazaret::Action::\"hold\"], resource)\n\
            when { resource.kind == \"zip\" };";
        let own = policies(text).unwrap();
        assert_eq!(own.unasked(), [("own".to_owned(), vec!["execute", "connect"])]);
        let facts = Facts { kind: "pdf".into(), class: "document".into(), ..Facts::default() }.completed();
        for policies in [plain, own] {
            assert_eq!(policies.decide("x", &facts).unwrap().decision, Decision::Deliver);
        }
    }
}
