//! What differs between two versions of an object, field by field, with a label for what kind of difference it is.

use serde_json::{Map, Value};
use similar::{ChangeTag, TextDiff};
use std::collections::{HashMap, VecDeque};

/// What kind of difference it is; the greatest of several counts.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, serde::Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Label {
    /// Only how it is written: white space and escapes.
    Form,
    /// Only the order of names inside an object.
    KeyOrder,
    /// Only the order of a list.
    ArrayOrder,
    /// When, by whom and in which form it was published.
    Bookkeeping,
    /// What it says.
    Content,
}

impl Label {
    /// Its name.
    pub fn name(self) -> &'static str {
        match self {
            Self::Form => "form",
            Self::KeyOrder => "key order",
            Self::ArrayOrder => "array order",
            Self::Bookkeeping => "bookkeeping",
            Self::Content => "content",
        }
    }
}

/// Fields that say when, by whom and in which form an object was published, and nothing about what it describes.
const BOOKKEEPING: [&str; 9] = [
    "created",
    "created_by_ref",
    "modified",
    "object_marking_refs",
    "spec_version",
    "x_mitre_attack_spec_version",
    "x_mitre_modified_by_ref",
    "x_mitre_version",
    "x_mitre_old_attack_id",
];
/// Fields whose absence means `false` (STIX 2.1, 3.2; the ATT&CK specification).
const USUALLY_FALSE: [&str; 3] = ["revoked", "x_mitre_deprecated", "x_mitre_is_subtechnique"];
/// Names by which the members of a list are told apart, the first that they all have.
const NAMES: [&str; 5] = ["external_id", "source_name", "name", "field", "object_ref"];

/// One difference.
#[derive(Debug, Clone, PartialEq, serde::Serialize)]
pub struct Change {
    /// The field, or where in it: `external_references[Cybereason Kimsuky].url`.
    pub field: String,
    /// What kind of difference it is.
    pub label: Label,
    /// What was there; none where nothing was.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub old: Option<Value>,
    /// What is there now.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub new: Option<Value>,
}

/// Every difference between two versions, in the order of the new one's fields.
pub fn compare(old: &Map<String, Value>, new: &Map<String, Value>) -> Vec<Change> {
    let mut changes = Vec::new();
    for (name, value) in new {
        let label = if BOOKKEEPING.contains(&name.as_str()) { Label::Bookkeeping } else { Label::Content };
        match old.get(name) {
            Some(before) => value_changes(name, label, before, value, &mut changes),
            None => changes.push(lone(name, label, None, Some(value))),
        }
    }
    for (name, value) in old.iter().filter(|(name, _)| !new.contains_key(*name)) {
        let label = if BOOKKEEPING.contains(&name.as_str()) { Label::Bookkeeping } else { Label::Content };
        changes.push(lone(name, label, Some(value), None));
    }
    if shared_order(old, new) {
        changes.push(Change { field: "(order of names)".to_owned(), label: Label::KeyOrder, old: None, new: None });
    }
    changes
}

/// The greatest label of some differences; none for none.
pub fn greatest(changes: &[Change]) -> Option<Label> {
    changes.iter().map(|change| change.label).max()
}

/// A field that only one of the versions has. Saying `false` or an empty list where nothing was said changes nothing.
fn lone(name: &str, label: Label, old: Option<&Value>, new: Option<&Value>) -> Change {
    let value = old.or(new);
    let silent = match value {
        Some(Value::Bool(false)) => USUALLY_FALSE.contains(&name),
        Some(Value::String(text)) => text.is_empty(),
        Some(Value::Array(list)) => list.is_empty(),
        _ => false,
    };
    let label = if silent { Label::Bookkeeping } else { label };
    Change { field: name.to_owned(), label, old: old.cloned(), new: new.cloned() }
}

/// Whether the names that both have stand in another order.
fn shared_order(old: &Map<String, Value>, new: &Map<String, Value>) -> bool {
    let before = old.keys().filter(|name| new.contains_key(*name));
    let after = new.keys().filter(|name| old.contains_key(*name));
    !before.eq(after)
}

fn value_changes(place: &str, label: Label, old: &Value, new: &Value, changes: &mut Vec<Change>) {
    match (old, new) {
        (old, new) if old == new => {
            // Equal whatever the order of names; that order is a difference as well.
            if is_reordered(old, new) {
                changes.push(Change { field: place.to_owned(), label: Label::KeyOrder, old: None, new: None });
            }
        }
        (Value::Array(before), Value::Array(after)) => list_changes(place, label, before, after, changes),
        (Value::Object(before), Value::Object(after)) => {
            for (name, value) in after {
                let inner = format!("{place}.{name}");
                match before.get(name) {
                    Some(old) => value_changes(&inner, label, old, value, changes),
                    None => changes.push(Change { field: inner, label, old: None, new: Some(value.clone()) }),
                }
            }
            for (name, value) in before.iter().filter(|(name, _)| !after.contains_key(*name)) {
                changes.push(Change { field: format!("{place}.{name}"), label, old: Some(value.clone()), new: None });
            }
            if shared_order(before, after) {
                changes.push(Change { field: place.to_owned(), label: Label::KeyOrder, old: None, new: None });
            }
        }
        (old, new) => {
            changes.push(Change { field: place.to_owned(), label, old: Some(old.clone()), new: Some(new.clone()) });
        }
    }
}

fn list_changes(place: &str, label: Label, old: &[Value], new: &[Value], changes: &mut Vec<Change>) {
    let mut equal: HashMap<String, VecDeque<usize>> = HashMap::new();
    for (at, value) in new.iter().enumerate() {
        equal.entry(key(value)).or_default().push_back(at);
    }
    let (mut gone, mut kept): (Vec<&Value>, Vec<(usize, usize)>) = (Vec::new(), Vec::new());
    let mut taken = vec![false; new.len()];
    for (at, value) in old.iter().enumerate() {
        match equal.get_mut(&key(value)).and_then(VecDeque::pop_front) {
            Some(other) => {
                taken[other] = true;
                kept.push((at, other));
            }
            None => gone.push(value),
        }
    }
    let mut named: HashMap<String, VecDeque<usize>> = HashMap::new();
    for (at, value) in new.iter().enumerate().filter(|(at, _)| !taken[*at]) {
        if let Some(name) = name_of(value) {
            named.entry(name).or_default().push_back(at);
        }
    }
    // A member that goes by the same name is the same one, changed.
    for value in gone {
        let name = name_of(value);
        let found = name.as_ref().and_then(|name| named.get_mut(name)?.pop_front());
        match (found, name) {
            (Some(other), Some(name)) => {
                taken[other] = true;
                value_changes(&format!("{place}[{name}]"), label, value, &new[other], changes);
            }
            (_, name) => {
                changes.push(Change { field: member(place, name), label, old: Some(value.clone()), new: None })
            }
        }
    }
    for (value, _) in new.iter().zip(&taken).filter(|(_, taken)| !**taken) {
        changes.push(Change { field: member(place, name_of(value)), label, old: None, new: Some(value.clone()) });
    }
    if kept.windows(2).any(|pair| matches!(pair, [before, after] if before.1 > after.1)) {
        changes.push(Change { field: place.to_owned(), label: Label::ArrayOrder, old: None, new: None });
    }
    // Members that are equal may still be written in another order.
    if kept.iter().any(|(at, other)| is_reordered(&old[*at], &new[*other])) {
        changes.push(Change { field: place.to_owned(), label: Label::KeyOrder, old: None, new: None });
    }
}

/// Equal for what is equal, whatever the order of names (RFC 8785).
fn key(value: &Value) -> String {
    serde_json_canonicalizer::to_string(value).unwrap_or_else(|_| value.to_string())
}

fn is_reordered(old: &Value, new: &Value) -> bool {
    match (old, new) {
        (Value::Object(old), Value::Object(new)) => {
            shared_order(old, new)
                || old.iter().any(|(name, value)| new.get(name).is_some_and(|new| is_reordered(value, new)))
        }
        (Value::Array(old), Value::Array(new)) => old.iter().zip(new).any(|(old, new)| is_reordered(old, new)),
        _ => false,
    }
}

fn member(place: &str, name: Option<String>) -> String {
    name.map_or_else(|| format!("{place}[]"), |name| format!("{place}[{name}]"))
}

fn name_of(value: &Value) -> Option<String> {
    let fields = value.as_object()?;
    NAMES.iter().find_map(|name| fields.get(*name)?.as_str()).map(str::to_owned)
}

/// A piece of a text that two versions share or do not.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Piece {
    /// In both.
    Same,
    /// Only in the old one.
    Removed,
    /// Only in the new one.
    Added,
}

/// Bytes of a text up to which words are compared; of longer ones, lines.
const MOST_WORDS: usize = 200_000;

/// Two texts word by word; of very long ones, line by line.
pub fn compared_words(old: &str, new: &str) -> Vec<(Piece, String)> {
    let long = old.len() + new.len() > MOST_WORDS;
    let mut configured = TextDiff::configure();
    configured.timeout(std::time::Duration::from_millis(500));
    let diff = if long { configured.diff_lines(old, new) } else { configured.diff_words(old, new) };
    let mut pieces: Vec<(Piece, String)> = Vec::new();
    for change in diff.iter_all_changes() {
        let piece = match change.tag() {
            ChangeTag::Equal => Piece::Same,
            ChangeTag::Delete => Piece::Removed,
            ChangeTag::Insert => Piece::Added,
        };
        match pieces.last_mut() {
            Some((last, text)) if *last == piece => text.push_str(change.value()),
            _ => pieces.push((piece, change.value().to_owned())),
        }
    }
    pieces
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(old: &str, new: &str) -> Vec<String> {
        let read = |text: &str| serde_json::from_str::<Map<String, Value>>(text).unwrap();
        let changes = compare(&read(old), &read(new));
        changes.iter().map(|change| format!("{} {}", change.field, change.label.name())).collect()
    }

    #[test]
    fn every_difference_has_its_label() {
        let old = r#"{"name":"a","modified":"2020","x_mitre_platforms":["Linux","macOS"],"revoked":false,
            "external_references":[{"source_name":"one","url":"u"},{"source_name":"two","url":"v"}]}"#;
        let check = |new: &str| check(old, new);
        assert_eq!(check(old), Vec::<String>::new());
        // An order alone.
        assert_eq!(
            check(&old.replace(r#""name":"a","modified":"2020""#, r#""modified":"2020","name":"a""#)),
            ["(order of names) key order"]
        );
        assert_eq!(check(&old.replace(r#""Linux","macOS""#, r#""macOS","Linux""#)), ["x_mitre_platforms array order"]);
        assert_eq!(
            check(&old.replace(r#"{"source_name":"one","url":"u"}"#, r#"{"url":"u","source_name":"one"}"#)),
            ["external_references key order"]
        );
        // Bookkeeping.
        assert_eq!(check(&old.replace("2020", "2021")), ["modified bookkeeping"]);
        assert_eq!(check(&old.replace(r#""revoked":false,"#, "")), ["revoked bookkeeping"]);
        // Content.
        assert_eq!(check(&old.replace(r#""revoked":false"#, r#""revoked":true"#)), ["revoked content"]);
        assert_eq!(
            check(&old.replace(r#""Linux","macOS""#, r#""Linux","ESXi""#)),
            ["x_mitre_platforms[] content", "x_mitre_platforms[] content"]
        );
        assert_eq!(check(&old.replace(r#""url":"v""#, r#""url":"w""#)), ["external_references[two].url content"]);
        assert_eq!(
            check(&old.replace(r#""source_name":"two""#, r#""source_name":"three""#)),
            ["external_references[two] content", "external_references[three] content"]
        );
    }

    #[test]
    fn both_values_of_a_change_are_kept() {
        let read = |text: &str| serde_json::from_str::<Map<String, Value>>(text).unwrap();
        let changes = compare(&read(r#"{"name":"a"}"#), &read(r#"{"name":"b","description":"x"}"#));
        assert_eq!((changes[0].old.clone(), changes[0].new.clone()), (Some("a".into()), Some("b".into())));
        assert_eq!((changes[1].old.clone(), changes[1].new.clone()), (None, Some("x".into())));
        assert_eq!(greatest(&changes), Some(Label::Content));
        assert_eq!(greatest(&[]), None);
    }

    #[test]
    fn prose_is_compared_word_by_word() {
        let pieces = compared_words("such as .scr, .exe, .pif, etc.", "such as .scr, .exe, .lnk, .pif, etc.");
        assert_eq!(
            pieces,
            [
                (Piece::Same, "such as .scr, .exe, ".to_owned()),
                (Piece::Added, ".lnk, ".to_owned()),
                (Piece::Same, ".pif, etc.".to_owned())
            ]
        );
        let all: String =
            pieces.iter().filter(|(piece, _)| *piece != Piece::Removed).map(|(_, text)| text.as_str()).collect();
        assert_eq!(all, "such as .scr, .exe, .lnk, .pif, etc.");
    }
}
