//! Test cases for policies, in TOML:
//!
//! ```toml
//! [[case]]
//! name = "a program is blocked"
//! expect = "block"
//! policies = ["programs-from-the-web"]   # optional: exactly these decide
//! part = { kind = "pe32", class = "executable" }   # any of the facts; what is left out is clean and complete
//! ```

use crate::{Facts, Place, Policies, PolicyError, SiteFacts, all_facts};
use lazaret_model::{Decision, Gate, nearest};
use serde::de::Error;
use serde::{Deserialize, Deserializer};

/// A file of test cases.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Cases {
    /// The cases in order.
    #[serde(default, rename = "case")]
    cases: Vec<Case>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Case {
    name: String,
    expect: Decision,
    policies: Option<Vec<String>>,
    #[serde(default, deserialize_with = "facts")]
    part: Facts,
}

/// Facts by their names in the table; those that follow from others are taken by what they follow from.
fn facts<'de, D: Deserializer<'de>>(part: D) -> Result<Facts, D::Error> {
    let mut set = toml::Table::deserialize(part)?;
    for (name, value) in &set {
        check_name::<D::Error>(name, |place| place != Place::Site)?;
        for name in value.as_table().into_iter().flat_map(toml::Table::keys) {
            check_name::<D::Error>(name, |place| place == Place::Site)?;
        }
    }
    let from_web = set.remove("from_web");
    let gate_is_set = set.contains_key("gate");
    let mut facts: Facts = set.try_into().map_err(D::Error::custom)?;
    if let Some(from_web) = from_web {
        let from_web = from_web.as_bool().ok_or_else(|| D::Error::custom("`from_web` must be true or false"))?;
        if !gate_is_set {
            let gate = if from_web { Gate::Proxy } else { Gate::Scan };
            gate.name().clone_into(&mut facts.gate);
        } else if facts.from_web() != from_web {
            let wrong = format!("`from_web` follows from `gate`, and is {} for `{}`", facts.from_web(), facts.gate);
            return Err(D::Error::custom(wrong));
        }
    }
    Ok(facts)
}

/// Refuses what is no name of a fact, with the one that was probably meant.
fn check_name<E: Error>(name: &str, stands: impl Fn(Place) -> bool) -> Result<(), E> {
    let names = || all_facts().filter(|fact| stands(fact.place)).map(|fact| fact.name);
    if names().any(|known| known == name) {
        return Ok(());
    }
    // Somebody may have looked for it in the wrong place.
    if SiteFacts::FACTS.iter().any(|fact| fact.name == name) {
        return Err(E::custom(format!("`{name}` is a fact about the site: write `site = {{ {name} = … }}`")));
    }
    let meant = nearest(name, names()).map_or_else(
        || "`lazaret policy facts` lists them all".to_owned(),
        |nearest| format!("did you mean `{nearest}`?"),
    );
    Err(E::custom(format!("there is no fact `{name}`; {meant}")))
}

/// The result of one case.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CaseOutcome {
    /// The case's name.
    pub name: String,
    /// The expected and the actual result; `None` if they agree.
    pub difference: Option<String>,
}

impl Cases {
    /// Reads cases.
    ///
    /// # Errors
    /// When the text is not TOML of this form; the message has line and column. A file without cases is an error too.
    pub fn parse(file: &str, text: &str) -> Result<Self, PolicyError> {
        let wrong = |why: String| PolicyError::Cases { file: file.to_owned(), why };
        let cases: Self = toml::from_str(text).map_err(|error| wrong(error.to_string()))?;
        if cases.cases.is_empty() { Err(wrong("it contains no `[[case]]`".to_owned())) } else { Ok(cases) }
    }
}

/// Runs every case.
///
/// # Errors
/// As [`Policies::decide`].
pub fn run_cases(policies: &Policies, cases: &Cases) -> Result<Vec<CaseOutcome>, PolicyError> {
    let run = |case: &Case| {
        let outcome = policies.decide(&case.name, &case.part.clone().completed())?;
        let ids: Vec<_> = outcome.policies.iter().map(|policy| policy.id.clone()).collect();
        let mut expected = case.policies.clone();
        if let Some(expected) = &mut expected {
            expected.sort();
        }
        let agree = outcome.decision == case.expect && expected.as_ref().is_none_or(|expected| *expected == ids);
        let difference = (!agree).then(|| {
            let expected = expected.map_or_else(String::new, |ids| format!(" by {}", list(&ids)));
            format!("expected {}{expected}, got {} by {}", case.expect, outcome.decision, list(&ids))
        });
        Ok(CaseOutcome { name: case.name.clone(), difference })
    };
    cases.cases.iter().map(run).collect()
}

fn list(ids: &[String]) -> String {
    if ids.is_empty() { "nothing (no policy permits it)".to_owned() } else { ids.join(", ") }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Fact, FactType, PolicyFile};

    fn cases(part: &str) -> Result<Cases, String> {
        let text = format!("[[case]]\nname = \"one\"\nexpect = \"deliver\"\npart = {{ {part} }}\n");
        Cases::parse("own.toml", &text).map_err(|error| error.to_string())
    }

    /// A value that no fact has where it is left out, for a case and for a policy.
    fn unusual(fact: &Fact) -> (String, String) {
        match fact.kind {
            FactType::Text => ("\"x\"".to_owned(), "== \"x\"".to_owned()),
            FactType::Number => ("7".to_owned(), "== 7".to_owned()),
            FactType::Truth => {
                let other = fact.usual() != "true";
                (other.to_string(), format!("== {other}"))
            }
            FactType::Texts => ("[\"x\"]".to_owned(), ".contains(\"x\")".to_owned()),
            FactType::Site => ("{}".to_owned(), String::new()),
        }
    }

    #[test]
    fn a_case_can_set_every_fact_and_a_policy_is_told_it() {
        for fact in all_facts() {
            let (value, is) = unusual(fact);
            let (name, path) = (fact.name, fact.path());
            let (part, condition) = match (fact.place, fact.kind) {
                (Place::Principal, FactType::Texts) => {
                    (format!("{name} = {value}"), "principal in Lazaret::Group::\"x\"".to_owned())
                }
                (Place::Principal, _) => {
                    (format!("{name} = {value}"), "principal == Lazaret::Person::\"x\"".to_owned())
                }
                (_, FactType::Site) => (format!("{name} = {value}"), "context has site".to_owned()),
                (Place::Site, _) if fact.optional => (
                    format!("site = {{ {name} = {value} }}"),
                    format!("context has site && context.site has {name} && {path} {is}"),
                ),
                (Place::Site, _) if fact.kind == FactType::Texts => {
                    (format!("site = {{ {name} = {value} }}"), format!("context has site && {path}{is}"))
                }
                (Place::Site, _) => {
                    (format!("site = {{ {name} = {value} }}"), format!("context has site && {path} {is}"))
                }
                (_, FactType::Texts) => (format!("{name} = {value}"), format!("{path}{is}")),
                _ => (format!("{name} = {value}"), format!("{path} {is}")),
            };
            let text =
                format!("@id(\"own\") @title(\"Own\") permit (principal, action, resource) when {{ {condition} }};");
            let policies = Policies::parse(&[PolicyFile { name: "x".into(), text }]);
            let policies = policies.unwrap_or_else(|error| panic!("{name}: {error}"));
            let told = |part: &str| {
                let cases = cases(part).unwrap_or_else(|error| panic!("{name}: {error}"));
                run_cases(&policies, &cases).unwrap().remove(0).difference
            };
            assert_eq!(told(&part), None, "{name} is set, and policies are not told");
            assert!(told("").is_some(), "{name} is told without being set");
        }
    }

    #[test]
    fn a_fact_that_there_is_not_is_refused_with_the_one_that_was_meant() {
        for (part, expected) in [
            ("prevalences = 3", "there is no fact `prevalences`; did you mean `prevalence`?"),
            ("site = { hosts = \"a.example\" }", "there is no fact `hosts`; did you mean `host`?"),
            ("suspicious = true", "`suspicious` is a fact about the site: write `site = { suspicious = … }`"),
            ("colour_of_the_icon = \"red\"", "there is no fact `colour_of_the_icon`; `lazaret policy facts` lists"),
            ("gate = \"scan\", from_web = true", "`from_web` follows from `gate`, and is false for `scan`"),
            ("from_web = 1", "`from_web` must be true or false"),
            ("size = \"large\"", "expected u64"),
        ] {
            let error = cases(part).err().unwrap_or_default();
            assert!(error.contains(expected) && error.contains("line 4"), "{part}: {error}");
        }
        cases("gate = \"icap\", from_web = true").unwrap();
    }
}
