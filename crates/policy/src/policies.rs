//! A validated set of policies, and the decision it takes.

mod alike;
mod early;
mod unasked;

use crate::facts::schema_text;
use crate::{Fact, Facts, Place, PolicyError, PolicyProblem, all_facts};
use alike::Alike;
use cedar_policy::{
    Authorizer, Context, Decision as CedarDecision, Entities, Entity, EntityId, EntityTypeName, EntityUid, Policy,
    PolicyId, PolicySet, Request, Schema, ValidationMode, Validator,
};
use early::Moments;
use lazaret_model::{Class, Decision, Known, PolicyMatch};
use miette::Diagnostic;
use std::collections::{HashMap, HashSet};
use std::hash::Hash;
use std::str::FromStr;
use std::sync::{Mutex, PoisonError};

/// Outcomes that are remembered.
const MOST_KNOWN: usize = 4_096;
/// The class of what nobody ever looks into.
const CONNECTION: &str = Class::Connection.name();
/// Bytes and times that are more than a policy asks for, and small enough to be calculated with.
const HUGE: u64 = 1 << 40;
const OFTEN: u64 = 1_000;
/// The policies that carry T1204, as shipped.
const DEFAULT: &str = include_str!("../../../policies/default.cedar");

/// A file of policies.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PolicyFile {
    /// Its name, for errors.
    pub name: String,
    /// Its text.
    pub text: String,
}

/// The policies that come with Lazaret.
pub fn built_in_policies() -> PolicyFile {
    PolicyFile { name: "default.cedar".to_owned(), text: DEFAULT.to_owned() }
}

/// A validated policy set.
#[derive(Debug)]
pub struct Policies {
    pub(crate) set: PolicySet,
    authorizer: Authorizer,
    /// To deliver, and to hold.
    pub(crate) actions: [EntityUid; 2],
    person: EntityTypeName,
    group: EntityTypeName,
    part: EntityTypeName,
    /// What counts while not everything is known.
    moments: Moments,
    /// A policy here speaks of what the ledger is asked for.
    asks_ledger: bool,
    /// Facts that differ from file to file, by their names, of which these policies speak.
    spoken_of: HashSet<&'static str>,
    /// What they tell apart by the facts of which they speak.
    alike: Alike,
    /// What was decided on facts that were known by a moment, those left out that no policy here speaks of, and those
    /// that come to the same.
    known: Mutex<HashMap<(Facts, Known), Outcome>>,
    /// The same of early decisions.
    known_early: Mutex<HashMap<(Facts, Known), Option<Outcome>>>,
}

/// The decision about one part, and the policies that made it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Outcome {
    /// The decision.
    pub decision: Decision,
    /// The policies that decided, by id; empty when nothing permitted anything.
    pub policies: Vec<PolicyMatch>,
}

impl Policies {
    /// Parses and validates policies.
    ///
    /// # Errors
    /// Every problem in every file, with its place. A policy needs an `@id` of its own and a `@title`.
    pub fn parse(files: &[PolicyFile]) -> Result<Self, PolicyError> {
        let schema = schema();
        let mut problems = Vec::new();
        let mut set = PolicySet::new();
        let mut home: HashMap<PolicyId, &PolicyFile> = HashMap::new();
        for file in files {
            let parsed = match PolicySet::from_str(&file.text) {
                Ok(parsed) => parsed,
                Err(errors) => {
                    problems.extend(errors.iter().map(|error| problem(file, error)));
                    continue;
                }
            };
            for policy in parsed.policies() {
                match named(policy) {
                    Ok(policy) => {
                        let id = policy.id().clone();
                        if let Some(other) = home.insert(id.clone(), file) {
                            problems.push(missing(
                                file,
                                &policy,
                                format!("the id `{id}` is used twice, also in `{}`", other.name),
                            ));
                        } else if let Err(error) = set.add(policy.clone()) {
                            problems.push(missing(file, &policy, error.to_string()));
                        }
                    }
                    Err(what) => problems.push(missing(file, policy, what.to_owned())),
                }
            }
        }
        let validation = Validator::new(schema).validate(&set, ValidationMode::Strict);
        for error in validation.validation_errors() {
            let fallback = files.first();
            if let Some(file) = home.get(error.policy_id()).copied().or(fallback) {
                problems.push(problem(file, error));
            }
        }
        if problems.is_empty() { Ok(Self::new(set)) } else { Err(PolicyError::Refused(problems)) }
    }

    fn new(set: PolicySet) -> Self {
        let forms = Form::all(&set);
        let spoken_of = all_facts().filter(|fact| fact.varies).map(|fact| fact.name);
        let spoken_of = spoken_of.filter(|name| forms.iter().any(|form| form.mentions(name))).collect();
        let asks_ledger = forms.iter().any(|form| form.needs() == Known::Ledger);
        let (moments, alike) = (Moments::of(&forms), Alike::of(&forms));
        Self {
            spoken_of,
            alike,
            asks_ledger,
            known: Mutex::default(),
            known_early: Mutex::default(),
            moments,
            set,
            authorizer: Authorizer::new(),
            actions: ["deliver", "hold"].map(|name| uid(&type_name("Lazaret::Action"), name)),
            person: type_name("Lazaret::Person"),
            group: type_name("Lazaret::Group"),
            part: type_name("Lazaret::Part"),
        }
    }

    /// Every policy: id and title, by id.
    pub fn list(&self) -> Vec<PolicyMatch> {
        let mut list: Vec<_> = self.set.policies().map(|policy| self.describe(policy.id())).collect();
        list.sort_by(|a, b| a.id.cmp(&b.id));
        list
    }

    /// Every policy as text, in the order of their ids: equal for equal sets.
    pub fn text(&self) -> String {
        let mut texts: Vec<_> = self.set.policies().map(|policy| (policy.id().clone(), policy.to_string())).collect();
        texts.sort_by(|a, b| a.0.cmp(&b.0));
        texts.into_iter().map(|(_, text)| text).collect::<Vec<_>>().join("\n")
    }

    /// One annotation of a policy, such as `lesson` or `technique`.
    pub fn annotation(&self, id: &str, key: &str) -> Option<&str> {
        self.set.annotation(&PolicyId::new(id), key)
    }

    /// Whether a policy depends on what the ledger is asked for.
    pub const fn ask_ledger(&self) -> bool {
        self.asks_ledger
    }

    /// The facts that a policy asks for; none where there is no such policy.
    pub fn asked_for(&self, id: &str) -> Vec<&'static Fact> {
        let Some(policy) = self.set.policy(&PolicyId::new(id)) else { return Vec::new() };
        let form = Form::of(policy);
        all_facts().filter(|fact| form.speaks_of(fact.name)).collect()
    }

    /// Decides about one part with all facts known. `part` is its path, for errors.
    ///
    /// # Errors
    /// If evaluating a policy fails: an error never results in a delivery.
    pub fn decide(&self, part: &str, facts: &Facts) -> Result<Outcome, PolicyError> {
        self.decide_by(part, facts, Known::Ledger)
    }

    /// The same while not everything is known: what is not counts as harmless, and nothing is forbidden for it. A connection is
    /// decided about for good, and so by everything that forbids.
    ///
    /// # Errors
    /// As [`Policies::decide`].
    pub fn decide_by(&self, part: &str, facts: &Facts, known: Known) -> Result<Outcome, PolicyError> {
        once(&self.known, (self.essence(facts), known), || {
            if facts.class == CONNECTION && known < Known::Inspection {
                return self.decide_unmeasured(part, facts);
            }
            self.evaluate(self.moments.all(known).unwrap_or(&self.set), part, facts)
        })
    }

    /// Decides about what nobody measures or counts: for its size, and for how often it was seen, nothing is forbidden, but whatever is
    /// forbidden with either is.
    fn decide_unmeasured(&self, part: &str, facts: &Facts) -> Result<Outcome, PolicyError> {
        let numbers = |name: &str, own: u64, other: u64| {
            [Some(own), Some(other).filter(|_| self.spoken_of.contains(name))].into_iter().flatten()
        };
        let mut mildest: Option<Outcome> = None;
        for size in numbers("size", facts.size, HUGE) {
            for prevalence in numbers("prevalence", facts.prevalence, OFTEN) {
                let outcome = self.evaluate(&self.set, part, &Facts { size, prevalence, ..facts.clone() })?;
                if mildest.as_ref().is_none_or(|mildest| outcome.decision < mildest.decision) {
                    mildest = Some(outcome);
                }
            }
        }
        Ok(mildest.unwrap_or(Outcome { decision: Decision::Block, policies: Vec::new() }))
    }

    /// Facts without those that no policy here speaks of, and with the same in the place of those that come to the same.
    fn essence(&self, facts: &Facts) -> Facts {
        let silent = |name: &str| !self.spoken_of.contains(name);
        let mut facts = facts.clone();
        facts.forget(&silent);
        self.alike.level(&mut facts);
        if let Some(site) = &mut facts.site {
            site.forget(&silent);
        }
        facts
    }

    fn evaluate(&self, set: &PolicySet, part: &str, facts: &Facts) -> Result<Outcome, PolicyError> {
        let entities = self.entities(part, facts)?;
        let mut denied = None;
        for (action, decision) in self.actions.iter().zip([Decision::Deliver, Decision::Hold]) {
            let (allowed, reasons) = self.ask(set, part, facts, action, &entities)?;
            if allowed {
                // A held part names what kept it from being delivered, and else what permits holding it.
                let reasons = denied.take().filter(|forbids: &Vec<_>| !forbids.is_empty()).unwrap_or(reasons);
                return Ok(Outcome { decision, policies: reasons });
            }
            denied = Some(reasons);
        }
        Ok(Outcome { decision: Decision::Block, policies: denied.unwrap_or_default() })
    }

    fn ask(
        &self,
        set: &PolicySet,
        part: &str,
        facts: &Facts,
        action: &EntityUid,
        entities: &Entities,
    ) -> Result<(bool, Vec<PolicyMatch>), PolicyError> {
        let wrong = |why: String| PolicyError::Request { part: part.to_owned(), why };
        let principal = uid(&self.person, person_name(facts));
        let resource = uid(&self.part, "part");
        let mut context = Vec::with_capacity(Facts::FACTS.len());
        facts.tell(Place::Context, &mut |name, value| context.push((name.to_owned(), value)));
        let context = Context::from_pairs(context).map_err(|error| wrong(error.to_string()))?;
        let request = Request::new(principal, action.clone(), resource, context, Some(schema_ref()))
            .map_err(|error| wrong(error.to_string()))?;
        let response = self.authorizer.is_authorized(&request, set, entities);
        if let Some(cedar_policy::AuthorizationError::PolicyEvaluationError(error)) =
            response.diagnostics().errors().next()
        {
            return Err(PolicyError::Evaluation {
                policy: error.policy_id().to_string(),
                part: part.to_owned(),
                why: error.inner().to_string(),
            });
        }
        let mut reasons: Vec<_> = response.diagnostics().reason().map(|id| self.describe(id)).collect();
        reasons.sort_by(|a, b| a.id.cmp(&b.id));
        Ok((response.decision() == CedarDecision::Allow, reasons))
    }

    fn entities(&self, part: &str, facts: &Facts) -> Result<Entities, PolicyError> {
        let wrong = |why: String| PolicyError::Request { part: part.to_owned(), why };
        let groups: HashSet<_> = facts.groups.iter().map(|group| uid(&self.group, group)).collect();
        let mut entities: Vec<_> = groups.iter().map(|group| Entity::with_uid(group.clone())).collect();
        entities.push(Entity::new_no_attrs(uid(&self.person, person_name(facts)), groups));
        let mut attributes = HashMap::with_capacity(Facts::FACTS.len());
        facts.tell(Place::Resource, &mut |name, value| {
            attributes.insert(name.to_owned(), value);
        });
        let resource = Entity::new(uid(&self.part, "part"), attributes, HashSet::new());
        entities.push(resource.map_err(|error| wrong(error.to_string()))?);
        Entities::from_entities(entities, Some(schema_ref())).map_err(|error| wrong(error.to_string()))
    }

    fn describe(&self, id: &PolicyId) -> PolicyMatch {
        PolicyMatch { id: id.to_string(), title: self.set.annotation(id, "title").unwrap_or_default().to_owned() }
    }
}

/// What is known of `key`, or else what is found out, which is known from then on.
fn once<K: Eq + Hash, V: Clone>(
    known: &Mutex<HashMap<K, V>>,
    key: K,
    find: impl FnOnce() -> Result<V, PolicyError>,
) -> Result<V, PolicyError> {
    if let Some(found) = known.lock().unwrap_or_else(PoisonError::into_inner).get(&key) {
        return Ok(found.clone());
    }
    let found = find()?;
    let mut known = known.lock().unwrap_or_else(PoisonError::into_inner);
    if known.len() >= MOST_KNOWN {
        known.clear();
    }
    known.insert(key, found.clone());
    Ok(found)
}

fn person_name(facts: &Facts) -> &str {
    if facts.person.is_empty() { "anonymous" } else { &facts.person }
}

/// The policy under the id of its `@id` annotation.
fn named(policy: &Policy) -> Result<Policy, &'static str> {
    let id = policy.annotation("id").filter(|id| !id.is_empty()).ok_or("the policy needs its own `@id(\"…\")`")?;
    policy
        .annotation("title")
        .filter(|t| !t.is_empty())
        .ok_or("the policy needs a `@title(\"…\")` to show to people")?;
    Ok(policy.new_id(PolicyId::new(id)))
}

/// A policy with its condition in Cedar's JSON form, which takes long to make; none where it cannot be looked into.
struct Form<'s> {
    policy: &'s Policy,
    json: Option<String>,
}

impl<'s> Form<'s> {
    /// Of every policy.
    fn all(set: &'s PolicySet) -> Vec<Self> {
        set.policies().map(Self::of).collect()
    }

    fn of(policy: &'s Policy) -> Self {
        let json = policy.to_json().ok().map(|mut json| {
            if let Some(policy) = json.as_object_mut() {
                policy.remove("annotations");
            }
            json.to_string()
        });
        Self { policy, json }
    }

    /// From when on all facts are known that the policy asks for.
    fn needs(&self) -> Known {
        all_facts().filter(|fact| self.speaks_of(fact.name)).map(|fact| fact.known).max().unwrap_or(Known::Request)
    }

    /// Whether the policy may depend on an attribute: its name stands, as an attribute or as text, outside of annotations.
    /// A policy that cannot be looked into may depend on anything.
    fn mentions(&self, attribute: &str) -> bool {
        self.json.as_ref().is_none_or(|json| json.contains(&format!("\"{attribute}\"")))
    }

    /// Whether the policy asks for an attribute; one that cannot be looked into may ask for any.
    fn speaks_of(&self, attribute: &str) -> bool {
        self.json.as_ref().is_none_or(|json| json.contains(&format!("\"attr\":\"{attribute}\"")))
    }
}

fn problem(file: &PolicyFile, error: &(impl Diagnostic + ?Sized)) -> PolicyProblem {
    let offset = error.labels().and_then(|mut labels| labels.next()).map_or(0, |label| label.offset());
    let (line, column) = position(&file.text, offset);
    let mut message = error.to_string();
    if let Some(help) = error.help() {
        message = format!("{message}; {help}");
    }
    PolicyProblem { file: file.name.clone(), line, column, message }
}

fn missing(file: &PolicyFile, policy: &Policy, what: String) -> PolicyProblem {
    let text = policy.to_string();
    let head: String = text.lines().next().unwrap_or_default().to_owned();
    let (line, column) = position(&file.text, file.text.find(&head).unwrap_or(0));
    PolicyProblem { file: file.name.clone(), line, column, message: what }
}

/// Line and column, from 1, of a byte offset.
fn position(text: &str, offset: usize) -> (usize, usize) {
    let before = &text[..text.floor_char_boundary(offset)];
    let line_start = before.rfind('\n').map_or(0, |newline| newline + 1);
    (before.matches('\n').count() + 1, before[line_start..].chars().count() + 1)
}

/// For constants of this crate alone.
#[expect(clippy::expect_used, reason = "every name is a constant of this crate, and tests need each of them")]
pub(crate) fn type_name(name: &str) -> EntityTypeName {
    EntityTypeName::from_str(name).expect("the names in this crate are valid")
}

pub(crate) fn uid(of: &EntityTypeName, name: &str) -> EntityUid {
    EntityUid::from_type_name_and_id(of.clone(), EntityId::new(name))
}

fn schema() -> Schema {
    schema_ref().clone()
}

fn schema_ref() -> &'static Schema {
    #[expect(
        clippy::expect_used,
        reason = "the schema is made of constants, and every test that loads policies needs it"
    )]
    static SHIPPED: std::sync::LazyLock<Schema> = std::sync::LazyLock::new(|| {
        Schema::from_cedarschema_str(&schema_text()).expect("the shipped schema is valid; a test holds it").0
    });
    &SHIPPED
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Cases, explain, run_cases};

    fn file(name: &str, text: &str) -> PolicyFile {
        PolicyFile { name: name.into(), text: text.into() }
    }

    fn default() -> Policies {
        Policies::parse(&[built_in_policies()]).unwrap_or_else(|error| panic!("{error}"))
    }

    #[track_caller]
    fn check_refused(text: &str, expected: &str) {
        let error = Policies::parse(&[built_in_policies(), file("site.cedar", text)]).unwrap_err().to_string();
        assert!(error.contains(expected), "expected `{expected}` in:\n{error}");
    }

    #[test]
    fn the_default_policies_keep_their_promises() {
        let cases = Cases::parse("default.test.toml", include_str!("../../../policies/default.test.toml")).unwrap();
        let outcomes = run_cases(&default(), &cases).unwrap();
        assert!(outcomes.len() >= 20);
        for case in outcomes {
            assert_eq!(case.difference, None, "{}", case.name);
        }
    }

    #[test]
    fn what_no_policy_permits_is_blocked() {
        let outcome = Policies::parse(&[]).unwrap().decide("x", &Facts::default()).unwrap();
        assert_eq!(outcome, Outcome { decision: Decision::Block, policies: vec![] });
    }

    #[test]
    fn a_file_with_a_mistake_is_refused_with_its_place() {
        check_refused(
            "@id(\"a\") @title(\"t\")\npermit (principal, action, resource)\nwhen { resource.colour == \"red\" };",
            "`site.cedar` line 3, column ",
        );
        check_refused("permit (principal, action, resource", "`site.cedar` line 1, column ");
        check_refused("\n\npermit (principal, action, resource);", "needs its own `@id(\"…\")`");
        check_refused(
            "@id(\"malicious\") @title(\"t\") permit (principal, action, resource);",
            "used twice, also in `default.cedar`",
        );
        check_refused("@id(\"b\") permit (principal, action, resource);", "needs a `@title(\"…\")`");
    }

    #[test]
    fn a_group_can_be_permitted_what_others_are_not() {
        let permit = "@id(\"administrators\") @title(\"Administrators get installers\")\n\
            permit (principal in Lazaret::Group::\"administrators\", action == Lazaret::Action::\"deliver\", resource)\n\
            when { resource.class == \"installer\" && resource.verdict == \"benign\" };";
        let policies = Policies::parse(&[file("site.cedar", permit)]).unwrap();
        let mut facts = Facts { class: "installer".into(), person: "ada".into(), ..Facts::default() }.completed();
        assert_eq!(policies.decide("x", &facts).unwrap().decision, Decision::Block);
        facts.groups.insert("administrators".into());
        assert_eq!(policies.decide("x", &facts).unwrap().decision, Decision::Deliver);
    }

    #[test]
    fn a_remembered_decision_does_not_stand_for_files_that_a_policy_tells_apart() {
        for (condition, other) in [
            ("resource.name == \"a.txt\"", Facts { name: "b.txt".into(), ..Facts::default() }),
            ("resource.size < 10", Facts { name: "a.txt".into(), size: 10, ..Facts::default() }),
            ("resource.prevalence == 0", Facts { name: "a.txt".into(), prevalence: 1, ..Facts::default() }),
        ] {
            let permit = format!(
                "@id(\"one\") @title(\"One is permitted\")\n\
                 permit (principal, action == Lazaret::Action::\"deliver\", resource) when {{ {condition} }};"
            );
            let policies = Policies::parse(&[file("one.cedar", &permit)]).unwrap();
            let one = Facts { name: "a.txt".into(), ..Facts::default() };
            for _ in 0..2 {
                assert_eq!(policies.decide("x", &one).unwrap().decision, Decision::Deliver, "{condition}");
                assert_eq!(policies.decide("x", &other).unwrap().decision, Decision::Block, "{condition}");
            }
        }
    }

    #[test]
    fn an_explanation_names_what_would_change_the_decision() {
        let facts = Facts {
            kind: "zip".into(),
            class: "archive".into(),
            locked: true,
            complete: false,
            verdict: "unknown".into(),
            ..Facts::default()
        };
        let (outcome, changes) = explain(&default(), "a.zip", &facts.completed(), Known::Ledger).unwrap();
        assert_eq!(outcome.decision, Decision::Hold);
        assert!(
            changes.iter().any(|c| c.condition == "if a password opened it and its contents were clean and ordinary"
                && c.decision == Decision::Deliver),
            "{changes:?}"
        );
        // What is not locked needs no password.
        let facts = Facts { kind: "rar5".into(), class: "archive".into(), complete: false, ..Facts::default() };
        let facts = Facts { verdict: "unknown".into(), ..facts };
        let (_, changes) = explain(&default(), "a.rar", &facts.completed(), Known::Ledger).unwrap();
        let conditions: Vec<_> = changes.iter().map(|change| change.condition).collect();
        assert_eq!(conditions, ["if it could be inspected completely and were clean"]);
    }

    #[test]
    fn every_default_policy_has_its_human_side() {
        let policies = default();
        for policy in policies.list() {
            assert!(!policy.title.is_empty() && !policy.title.ends_with('.'), "{policy:?}");
            if let Some(technique) = policies.annotation(&policy.id, "technique") {
                assert!(lazaret_model::TechniqueId(technique.to_owned().into()).is_well_formed(), "{policy:?}");
            }
        }
    }
}
