//! Which facts come to the same, whatever they are: a policy that compares a size with a number, or a name with a pattern, tells apart
//! only on which side of the number the size lies and which patterns the name fits. So one decision stands for many files.

use super::Form;
use crate::Facts;
use serde_json::Value;
use std::collections::BTreeSet;

/// What stands for any run of characters in a pattern.
const ANY: &str = "Wildcard";

/// What policies ask of sizes and names; none where one of them asks for something else than a comparison with what it says itself.
#[derive(Debug, Default)]
pub(super) struct Alike {
    sizes: Option<BTreeSet<u64>>,
    names: Option<BTreeSet<Pattern>>,
}

/// A piece of a pattern: a character, or any run of them.
type Pattern = Vec<Option<char>>;

/// What a walk through conditions has found, and how often one was looked at that it does not understand.
#[derive(Default)]
struct Walk {
    sizes: BTreeSet<u64>,
    names: BTreeSet<Pattern>,
    other_size: bool,
    other_name: bool,
}

impl Alike {
    /// Of policies, in Cedar's JSON form.
    pub(super) fn of(forms: &[Form<'_>]) -> Self {
        let mut walk = Walk::default();
        for form in forms {
            let parsed = form.json.as_deref().and_then(|json| serde_json::from_str::<Value>(json).ok());
            let Some(json) = parsed else { return Self::default() };
            walk.through(&json);
        }
        Self {
            sizes: Some(walk.sizes).filter(|_| !walk.other_size),
            names: Some(walk.names).filter(|_| !walk.other_name),
        }
    }

    /// Puts in the place of a size and a name what is the same for all that come to the same.
    pub(super) fn level(&self, facts: &mut Facts) {
        if let Some(sizes) = &self.sizes {
            let below = sizes.range(..facts.size).count() as u64;
            facts.size = below * 2 + u64::from(sizes.contains(&facts.size));
        }
        if let Some(names) = &self.names {
            let name: Vec<char> = facts.name.chars().collect();
            facts.name = names.iter().map(|pattern| if fits(pattern, &name) { '1' } else { '0' }).collect();
        }
    }
}

impl Walk {
    fn through(&mut self, value: &Value) {
        match value {
            Value::Array(values) => values.iter().for_each(|value| self.through(value)),
            Value::Object(fields) => {
                for (operator, operands) in fields {
                    if !self.understood(operator, operands) {
                        self.through(operands);
                    }
                }
                let is = |name: &str| fields.get("attr").and_then(Value::as_str) == Some(name);
                self.other_size |= is("size");
                self.other_name |= is("name");
            }
            _ => {}
        }
    }

    /// Takes a comparison of a size or name with what the policy says itself; false where it is something else.
    fn understood(&mut self, operator: &str, operands: &Value) -> bool {
        let side = |side: &str| operands.get(side);
        let (Some(left), right) = (side("left"), side("right")) else { return false };
        match operator {
            "<" | "<=" | ">" | ">=" | "==" | "!=" => {
                let Some(right) = right else { return false };
                let (asked, said) = if attribute(left).is_some() { (left, right) } else { (right, left) };
                match (attribute(asked), said.get("Value")) {
                    (Some("size"), Some(number)) => self.size(number),
                    (Some("name"), Some(text)) => self.name(text),
                    _ => false,
                }
            }
            "like" if attribute(left) == Some("name") => {
                let pattern = side("pattern").and_then(pattern);
                pattern.is_some_and(|pattern| {
                    self.names.insert(pattern);
                    true
                })
            }
            "contains" => {
                let (Some(set), Some(right)) = (left.get("Set").and_then(Value::as_array), right) else { return false };
                let said: Option<Vec<_>> = set.iter().map(|one| one.get("Value")).collect();
                match (attribute(right), said) {
                    (Some("size"), Some(said)) => said.into_iter().all(|number| self.size(number)),
                    (Some("name"), Some(said)) => said.into_iter().all(|text| self.name(text)),
                    _ => false,
                }
            }
            _ => false,
        }
    }

    fn size(&mut self, number: &Value) -> bool {
        // Below nothing there is no size.
        let Some(number) = number.as_i64() else { return false };
        self.sizes.extend(u64::try_from(number));
        true
    }

    fn name(&mut self, text: &Value) -> bool {
        text.as_str().is_some_and(|text| {
            self.names.insert(text.chars().map(Some).collect());
            true
        })
    }
}

/// The attribute of the file that an expression is.
fn attribute(expression: &Value) -> Option<&str> {
    let access = expression.get(".")?;
    let of_the_file = access.pointer("/left/Var").and_then(Value::as_str) == Some("resource");
    access.get("attr").and_then(Value::as_str).filter(|_| of_the_file)
}

/// A pattern of `like`.
fn pattern(pieces: &Value) -> Option<Pattern> {
    let mut pattern = Pattern::new();
    for piece in pieces.as_array()? {
        match piece {
            Value::String(any) if any == ANY => pattern.push(None),
            piece => pattern.extend(piece.get("Literal")?.as_str()?.chars().map(Some)),
        }
    }
    Some(pattern)
}

/// Whether a name fits a pattern. Where a run of anything is open, what follows is tried at the next character.
fn fits(pattern: &[Option<char>], name: &[char]) -> bool {
    let (mut at, mut from, mut open) = (0, 0, None);
    while let Some(character) = name.get(from) {
        match pattern.get(at) {
            Some(None) => {
                open = Some((at + 1, from));
                at += 1;
            }
            Some(Some(expected)) if expected == character => {
                at += 1;
                from += 1;
            }
            _ => match open {
                Some((behind, tried)) => {
                    (at, from) = (behind, tried + 1);
                    open = Some((behind, tried + 1));
                }
                None => return false,
            },
        }
    }
    pattern.iter().skip(at).all(Option::is_none)
}

#[cfg(test)]
mod tests {
    use super::super::{Policies, PolicyFile, built_in_policies};
    use super::*;

    fn policies(conditions: &[&str]) -> Policies {
        let text: Vec<_> = conditions
            .iter()
            .enumerate()
            .map(|(number, condition)| {
                format!(
                    "@id(\"{number}\") @title(\"t\") permit (principal, action == Lazaret::Action::\"deliver\", resource) when {{ {condition} }};"
                )
            })
            .collect();
        Policies::parse(&[PolicyFile { name: "t".into(), text: text.join("\n") }]).unwrap()
    }

    /// What is decided about files of these sizes and names, in this order; remembered, and by a set that knows nothing yet.
    fn agree(conditions: &[&str], most_known: usize) {
        let (kept, sizes) = (policies(conditions), [0, 1, 9, 10, 11, 4_096, 4_097, 1 << 40]);
        let names = ["", "a", "index.theme", "x.index.theme", "index.themes", "a*b", "aXb", "ab", "äb", "A"];
        for size in sizes {
            for name in names {
                let mut facts = Facts { size, name: name.into(), ..Facts::default() }.completed();
                // It follows from the name, and is told apart whatever policies say.
                facts.extension.clear();
                let fresh = policies(conditions).decide("x", &facts).unwrap();
                assert_eq!(kept.decide("x", &facts).unwrap(), fresh, "{size} bytes of `{name}`: {conditions:?}");
            }
        }
        let known = kept.known.lock().unwrap().len();
        assert!(known <= most_known, "{known} decisions: {conditions:?}");
    }

    #[test]
    fn one_decision_stands_for_all_that_come_to_the_same_and_for_no_other() {
        agree(&["resource.kind == \"zip\""], 1);
        agree(&["resource.size <= 4096"], 3);
        agree(&["resource.size < 10 || resource.size == 4096", "10 < resource.size"], 5);
        agree(&["[9, 11].contains(resource.size)"], 5);
        agree(&["resource.name like \"*index.theme\""], 2);
        agree(&["resource.name like \"a\\*b\"", "resource.name like \"a*b\""], 3);
        agree(&["[\"a\", \"ab\"].contains(resource.name) || resource.name != \"A\""], 4);
        agree(&["resource.size > 10 && resource.name like \"*b\""], 6);
        agree(&["resource[\"size\"] < 10"], 3);
        agree(&["resource.size > -10 && -1 != resource.size", "[-9, 9].contains(resource.size)"], 3);
        agree(
            &["!(10 >= resource.size) || (if resource.size == 1 then true else 9223372036854775807 == resource.size)"],
            5,
        );
        agree(&["resource.name like \"\" || resource.name like \"*\\u{e4}b\" || resource.name == \"a*b\""], 4);
        agree(&["resource.name like \"**\" && resource.name like \"a**b\""], 2);
        agree(&["resource.name like \"\\*\" || resource.name like \"Wildcard\""], 1);
    }

    #[test]
    fn what_fails_for_one_size_fails_whatever_was_decided_before() {
        // Of what is too large for Cedar's numbers the largest is told, and one more is an error: never a remembered decision.
        let own = policies(&["resource.size + 1 > 0 && resource.name like \"a*\""]);
        let decided = |size: u64, name: &str| {
            own.decide("x", &Facts { size, name: name.into(), ..Facts::default() }.completed()).is_ok()
        };
        assert_eq!(
            [decided(9, "a"), decided(u64::MAX, "a"), decided(9, "ab"), decided(u64::MAX, "ab")],
            [true, false, true, false]
        );
        let compared = ["resource.size == 9223372036854775807"];
        for size in [u64::MAX, 1 << 63, (1 << 63) - 1, (1 << 63) - 2] {
            let facts = Facts { size, ..Facts::default() }.completed();
            let fresh = policies(&compared).decide("x", &facts).unwrap();
            let kept = policies(&compared);
            for earlier in [u64::MAX, 1 << 63, (1 << 63) - 1, (1 << 63) - 2, 0] {
                kept.decide("x", &Facts { size: earlier, ..Facts::default() }.completed()).unwrap();
            }
            assert_eq!(kept.decide("x", &facts).unwrap(), fresh, "{size}");
        }
    }

    #[test]
    fn what_is_no_comparison_with_what_the_policy_says_is_decided_for_each() {
        agree(&["resource.size * 2 <= 20"], 8);
        agree(&["resource.size <= resource.depth"], 8);
        agree(&["resource.name == resource.extension"], 10);
        agree(&["if resource.size < 10 then resource.name == resource.kind else false"], 30);
        for condition in [
            "-resource.size < -9",
            "resource[\"size\"] + 1 == 11",
            "(if resource.depth == 0 then resource else resource).size == 10",
            "{ size: resource.size } == { size: 10 }",
            "{ \"<\": { left: resource.size, right: 10 } }[\"<\"].left == 10",
            "[resource.size].contains(10)",
            "[resource.size, 9].containsAll([9, 10])",
            "[9, 10].containsAny([resource.size])",
            "[10, resource.depth].contains(resource.size)",
            "[resource.size].isEmpty() || [resource.size] == [10]",
        ] {
            agree(&[condition], 8);
        }
        for condition in [
            "{ attr: resource.name } == { attr: \"ab\" }",
            "(if resource.depth == 0 then resource else resource).name like \"a*\"",
            "[resource.name].containsAny([\"ab\", \"A\"])",
            "[resource.kind, \"ab\"].contains(resource.name)",
            "resource.kinds.contains(resource.name)",
            "resource.name == resource.kind || \"ab\" == resource.name",
        ] {
            agree(&[condition], 10);
        }
        agree(&["resource.size < 10 && resource has size && resource has name"], 80);
        let raw = policies(&["resource.size * 2 <= 20"]);
        for size in [10, 11] {
            raw.decide("x", &Facts { size, ..Facts::default() }.completed()).unwrap();
        }
        assert_eq!(raw.known.lock().unwrap().len(), 2);
    }

    #[test]
    fn files_that_differ_in_name_and_size_alone_are_decided_once_by_the_policies_that_are_shipped() {
        let shipped = Policies::parse(&[built_in_policies()]).unwrap();
        for number in 0..100 {
            let name = format!("{number}.txt");
            let facts =
                Facts { size: 10 + number, name, kind: "text".into(), class: "text".into(), ..Facts::default() };
            shipped.decide("x", &facts.completed()).unwrap();
        }
        assert_eq!(shipped.known.lock().unwrap().len(), 1);
    }
}
