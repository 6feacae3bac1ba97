//! The grounds of a decision, as the ledger keeps them with an event: where the sample came from, and what policies were told
//! about its parts. Whoever explains the decision later, or tries other policies, reads them and invents nothing.

use crate::EngineError;
use crate::judged::Judged;
use crate::replay::strictest;
use lazaret_model::{Basis, Decision, Known, Origin, ScanReport, Verdict};
use lazaret_policy::{Change, Facts, Policies, explain};
use serde::Serialize;
use serde_json::{Map, Value, json};
use std::cmp::Reverse;
use std::collections::{HashMap, HashSet};

/// Parts whose facts the ledger keeps; those that were stopped come first.
const MOST_KEPT: usize = 32;
/// The field that names a part, beside its facts.
const PART: &str = "part";
/// The field that says how much was known, where that was not what an inspection tells.
const KNOWN: &str = "known";

/// What a sample was judged by.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Grounds {
    basis: Basis,
    /// Paths of parts with their facts.
    parts: Vec<(String, Facts)>,
    /// Parts whose facts were left out.
    left_out: usize,
}

impl Grounds {
    /// What a report's decision rests on, in the size that is kept; none where the report does not say.
    pub fn of(report: &ScanReport) -> Option<Self> {
        // LIMIT: parts beyond it are counted in `left_out`, which trials and explanations tell.
        Self::gathered(report, MOST_KEPT)
    }

    /// The same with every part.
    pub fn whole(report: &ScanReport) -> Option<Self> {
        Self::gathered(report, usize::MAX)
    }

    fn gathered(report: &ScanReport, most: usize) -> Option<Self> {
        let basis = report.basis.as_deref()?.clone();
        let judged = Judged::new(&report.parts, &report.findings);
        let mut decisions: HashMap<&str, Decision> = HashMap::new();
        for ruling in &report.rulings {
            decisions.insert(&ruling.part, ruling.decision);
        }
        let mut found: Vec<_> = judged.parts().collect();
        // What was delivered has no ruling, and is less than any.
        found.sort_by_key(|(part, _)| Reverse(decisions.get(part.path.as_str()).copied()));
        let mut grounds = Self { basis, ..Self::default() };
        let mut known = HashSet::new();
        for (part, verdict) in found {
            if grounds.parts.len() == most {
                grounds.left_out += 1;
                continue;
            }
            let mut facts = judged.facts(part, verdict, &grounds.basis.origin);
            facts.prevalence = grounds.basis.prevalence;
            if report.sha256.is_empty() {
                // Only its beginning was seen, and decided about as if the rest were clean.
                facts.complete = true;
                facts.verdict = Verdict::Benign.name().to_owned();
            }
            // Equal facts are decided about alike; what was stopped is kept under each of its names.
            if known.insert(facts.clone()) || decisions.contains_key(part.path.as_str()) {
                grounds.parts.push((part.path.clone(), facts));
            }
        }
        Some(grounds)
    }

    /// Where the sample came from.
    pub fn origin(&self) -> &Origin {
        &self.basis.origin
    }

    /// The same with what was known of the sample from elsewhere.
    pub fn basis(&self) -> &Basis {
        &self.basis
    }

    /// Parts whose facts were not kept.
    pub fn left_out(&self) -> usize {
        self.left_out
    }

    /// What policies were told about a part.
    pub fn facts(&self, path: &str) -> Option<&Facts> {
        self.parts.iter().find(|(part, _)| part == path).map(|(_, facts)| facts)
    }

    /// What policies decide about these facts: the strictest decision, and the ids of the policies that speak for it. `name` is
    /// for errors.
    ///
    /// # Errors
    /// When a policy fails on these facts.
    pub fn decide(&self, policies: &Policies, name: &str) -> Result<(Decision, Vec<String>), EngineError> {
        let parts = self.parts.iter().map(|(path, facts)| (path.as_str(), facts.clone()));
        strictest(policies, name, self.basis.known, parts)
    }

    /// What policies decide about a part, and under which changes of what was known of it they would decide otherwise; nothing where
    /// that was not kept. `name` is for errors.
    ///
    /// # Errors
    /// When a policy fails on these facts.
    pub fn explain(
        &self,
        policies: &Policies,
        name: &str,
        path: &str,
    ) -> Result<Option<(Decision, Vec<Change>)>, EngineError> {
        let Some(facts) = self.facts(path) else { return Ok(None) };
        let explained = explain(policies, path, facts, self.basis.known);
        let (outcome, changes) = explained.map_err(|source| EngineError::Policy { name: name.to_owned(), source })?;
        Ok(Some((outcome.decision, changes)))
    }

    /// As one line of JSON; what is as usual is not written.
    pub fn text(&self) -> String {
        let usual = object(&self.usual());
        let parts = self.parts.iter().map(|(path, facts)| {
            let mut fields = difference(object(facts), &usual);
            fields.insert(PART.to_owned(), path.as_str().into());
            Value::Object(fields)
        });
        let parts: Vec<_> = parts.collect();
        let origin = difference(object(&self.basis.origin), &object(&Origin::default()));
        let mut text = json!({ "origin": origin, "parts": parts });
        for (name, number) in [("prevalence", self.basis.prevalence), ("left_out", self.left_out as u64)] {
            if number > 0
                && let Some(fields) = text.as_object_mut()
            {
                fields.insert(name.to_owned(), number.into());
            }
        }
        if self.basis.known != Known::Inspection
            && let Some(fields) = text.as_object_mut()
        {
            fields.insert(KNOWN.to_owned(), self.basis.known.name().into());
        }
        text.to_string()
    }

    /// Reads what [`Grounds::text`] wrote; none where it did not, as of an event of an older version.
    pub fn parse(text: &str) -> Option<Self> {
        let Ok(Value::Object(mut fields)) = serde_json::from_str(text) else { return None };
        let origin = serde_json::from_value(fields.remove("origin")?).ok()?;
        let number = |name: &str| fields.get(name).and_then(Value::as_u64).unwrap_or(0);
        let (prevalence, left_out) = (number("prevalence"), usize::try_from(number("left_out")).unwrap_or(usize::MAX));
        let known: Option<Known> = fields.remove(KNOWN).map(serde_json::from_value).transpose().ok()?;
        // An older version kept no more than the number.
        let known = known.unwrap_or(if prevalence > 0 { Known::Ledger } else { Known::Inspection });
        let mut grounds = Self { basis: Basis { origin, prevalence, known }, parts: Vec::new(), left_out };
        let usual = object(&grounds.usual());
        for part in fields.get("parts")?.as_array()? {
            let mut all = usual.clone();
            all.extend(part.as_object()?.clone());
            let path = all.remove(PART)?.as_str()?.to_owned();
            let facts = serde_json::from_value(Value::Object(all)).ok()?;
            grounds.parts.push((path, facts));
        }
        Some(grounds)
    }

    /// The facts that every part has alike, unless it says otherwise.
    fn usual(&self) -> Facts {
        Facts { prevalence: self.basis.prevalence, ..Facts::about(&self.basis.origin) }
    }
}

/// The fields of a structure.
fn object(value: &impl Serialize) -> Map<String, Value> {
    match serde_json::to_value(value) {
        Ok(Value::Object(fields)) => fields,
        _ => Map::new(),
    }
}

/// The fields that are not as usual.
fn difference(mut fields: Map<String, Value>, usual: &Map<String, Value>) -> Map<String, Value> {
    fields.retain(|name, value| usual.get(name) != Some(value));
    fields
}

#[cfg(test)]
mod cases;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ruled::whole;
    use lazaret_model::{Class, Direction, Gate, Kind, Part, PartId, PolicyMatch, Ruling, SCAN_SCHEMA};
    use lazaret_policy::{PolicyFile, built_in_policies};

    fn upload() -> Origin {
        Origin {
            gate: Gate::Proxy,
            direction: Direction::Upload,
            person: Some("ada".to_owned()),
            groups: vec!["staff".to_owned()],
            host: Some("www.site.example".to_owned()),
            domain: Some("site.example".to_owned()),
            lists: vec!["urlhaus".to_owned()],
            suspicious: true,
            declared_type: Some("text/plain".to_owned()),
            navigation: true,
            ..Origin::default()
        }
    }

    fn report(parts: usize, stopped: &str) -> ScanReport {
        let origin = upload();
        let part = |number: usize| Part {
            id: PartId(u32::try_from(number).unwrap()),
            kind: Kind::new("text", Class::Text, "text/plain"),
            complete: true,
            size: number as u64,
            ..whole(&format!("part{number}"), 0, &origin)
        };
        ScanReport {
            schema: SCAN_SCHEMA.to_owned(),
            path: "part0".to_owned(),
            sha256: "aa".to_owned(),
            size: 0,
            kind: Kind::UNKNOWN,
            verdict: Verdict::Benign,
            decision: Decision::Block,
            policies: Vec::new(),
            complete: true,
            elapsed_ms: 0.0,
            parts: (0..parts).map(part).collect(),
            findings: Vec::new(),
            rulings: vec![Ruling {
                part: stopped.to_owned(),
                decision: Decision::Block,
                policies: vec![PolicyMatch { id: "suspicious-sites".to_owned(), title: "A site".to_owned() }],
            }],
            basis: Some(Box::new(Basis { origin, prevalence: 7, known: Known::Ledger })),
        }
    }

    #[test]
    fn what_was_told_to_policies_comes_back_from_the_ledger_word_for_word() {
        let grounds = Grounds::of(&report(3, "part1")).unwrap();
        let text = grounds.text();
        assert_eq!(Grounds::parse(&text).as_ref(), Some(&grounds), "{text}");
        let facts = grounds.facts("part1").unwrap();
        assert_eq!((facts.direction.as_str(), facts.prevalence, facts.person.as_str()), ("upload", 7, "ada"));
        assert!(facts.site.as_ref().is_some_and(|site| site.suspicious));
        // The site is written once, and nothing that is as usual.
        assert_eq!((text.matches("www.site.example").count(), text.matches("masquerade").count()), (1, 0), "{text}");
        assert_eq!(Grounds::of(&ScanReport { basis: None, ..report(1, "part0") }), None);
        for other in ["", "{}", "[]", "{\"origin\":{}}", "{\"origin\":{},\"parts\":[{}]}", "null"] {
            assert_eq!(Grounds::parse(other), None, "{other}");
        }
    }

    #[test]
    fn of_many_parts_those_that_were_stopped_are_kept_and_the_rest_is_counted() {
        let grounds = Grounds::of(&report(100, "part99")).unwrap();
        assert_eq!((grounds.parts.len(), grounds.left_out()), (MOST_KEPT, 100 - MOST_KEPT));
        assert!(grounds.facts("part99").is_some());
        assert_eq!(Grounds::parse(&grounds.text()), Some(grounds));
        assert_eq!(Grounds::whole(&report(100, "part99")).unwrap().left_out(), 0);
    }

    #[test]
    fn other_policies_are_tried_on_what_was_known_then() {
        let grounds = Grounds::of(&report(2, "part0")).unwrap();
        let decide = |text: String| {
            let policies = Policies::parse(&[PolicyFile { name: "x".to_owned(), text }]);
            grounds.decide(&policies.unwrap_or_else(|error| panic!("{error}")), "part0").unwrap()
        };
        assert_eq!(decide(built_in_policies().text), (Decision::Block, vec!["suspicious-sites".to_owned()]));
        let permits = |condition: &str| {
            decide(format!("@id(\"own\") @title(\"Own\") permit (principal, action, resource) when {{ {condition} }};"))
                .0
        };
        for known in [
            "context.direction == \"upload\"",
            "context has site && context.site.lists.contains(\"urlhaus\")",
            "principal in Lazaret::Group::\"staff\"",
            "resource.prevalence == 7",
        ] {
            assert_eq!(permits(known), Decision::Deliver, "{known}");
        }
        assert_eq!(permits("context.direction == \"download\""), Decision::Block);
    }
}
