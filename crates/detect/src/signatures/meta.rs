//! What a rule says of itself.
//!
//! | metadata | read as |
//! |---|---|
//! | `severity` as a word | `info` or `informational`, `low`, `medium` or `moderate`, `high`, `critical` |
//! | `severity` or `score` as a number | below 60 low, below 80 medium, from there on high; never critical |
//! | `confidence` low, or a number up to 39 | one level less than it would be; never less than low |
//!
//! A word counts before a number, and a severity before a score. Numbers are those of public sets, which count to 100.

use lazaret_model::{Part, Severity, TechniqueId};
use std::borrow::Cow;
use yara_x::MetaValue;

pub(super) struct Meta {
    pub(super) severity: Severity,
    pub(super) description: Option<String>,
    pub(super) techniques: Vec<TechniqueId>,
    kinds: Vec<String>,
}

impl Meta {
    pub(super) fn read(rule: &yara_x::Rule<'_, '_>) -> Self {
        let mut meta =
            Self { severity: Severity::Medium, description: None, techniques: Vec::new(), kinds: Vec::new() };
        let (mut word, mut number, mut score, mut doubtful) = (None, None, None, false);
        for (name, value) in rule.metadata() {
            match (name, Value::of(&value)) {
                ("severity", Value::Number(given)) => number = level(given).or(number),
                ("severity", Value::Text(text)) => word = severity(text).or(word),
                ("score", Value::Number(given)) => score = level(given).or(score),
                ("confidence", Value::Number(given)) => doubtful = given < 40,
                ("confidence", Value::Text(text)) => doubtful = text.trim().eq_ignore_ascii_case("low"),
                ("description", Value::Text(text)) => meta.description = Some(text.to_owned()),
                ("technique" | "techniques" | "mitre_attack", Value::Text(text)) => {
                    let ids = text.split([',', ' ']).filter(|id| !id.is_empty());
                    let ids = ids.map(|id| TechniqueId(Cow::Owned(id.to_owned())));
                    meta.techniques.extend(ids.filter(TechniqueId::is_well_formed));
                }
                ("kinds", Value::Text(text)) => {
                    meta.kinds.extend(text.split([',', ' ']).filter(|kind| !kind.is_empty()).map(str::to_owned));
                }
                _ => {}
            }
        }
        meta.severity = word.or(number).or(score).unwrap_or(meta.severity);
        if doubtful {
            meta.severity = lower(meta.severity);
        }
        meta
    }

    pub(super) fn applies_to(&self, part: &Part) -> bool {
        self.kinds.is_empty() || part.kinds().any(|k| self.kinds.iter().any(|w| *w == k.id || w == k.class.name()))
    }
}

/// What stands in metadata; numbers may be written as texts.
enum Value<'r> {
    Text(&'r str),
    Number(i64),
    Other,
}

impl<'r> Value<'r> {
    fn of(value: &MetaValue<'r>) -> Self {
        match value {
            MetaValue::Integer(number) => Self::Number(*number),
            MetaValue::String(text) => text.trim().parse().map_or(Self::Text(text), Self::Number),
            _ => Self::Other,
        }
    }
}

fn severity(text: &str) -> Option<Severity> {
    Some(match text.trim().to_ascii_lowercase().as_str() {
        "info" | "informational" | "information" => Severity::Info,
        "low" => Severity::Low,
        "medium" | "moderate" => Severity::Medium,
        "high" => Severity::High,
        "critical" => Severity::Critical,
        _ => return None,
    })
}

/// A number up to 100. Only whoever writes rules for Lazaret calls one certain by itself.
fn level(number: i64) -> Option<Severity> {
    Some(match number {
        ..0 => return None,
        0..60 => Severity::Low,
        60..80 => Severity::Medium,
        _ => Severity::High,
    })
}

fn lower(severity: Severity) -> Severity {
    match severity {
        Severity::Critical => Severity::High,
        Severity::High => Severity::Medium,
        Severity::Medium => Severity::Low,
        other => other,
    }
}
