//! What a detector observed, in one sentence, with the evidence that supports it.

use serde::{Deserialize, Serialize};
use serde_json::Value;
use std::borrow::Cow;
use std::collections::BTreeMap;
use std::fmt;

/// The weight of a single finding.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Severity {
    /// Informational; not evidence against the file.
    Info,
    /// Unusual, but common enough in benign files.
    Low,
    /// Rare in benign files.
    Medium,
    /// Strong: almost never seen in benign files.
    High,
    /// Certain: enough for a malicious verdict by itself.
    Critical,
}

impl Severity {
    /// The name used in JSON.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Info => "info",
            Self::Low => "low",
            Self::Medium => "medium",
            Self::High => "high",
            Self::Critical => "critical",
        }
    }
}

impl fmt::Display for Severity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.name())
    }
}

/// The kind of evidence a finding is. Two findings support each other only when their families differ: ten
/// signatures that match one string are one piece of evidence.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Family {
    /// A signature of known-bad content: YARA, `clamd`.
    Signature,
    /// The hash itself is known.
    Reputation,
    /// The file pretends to be something else.
    Masquerade,
    /// How the file is built: sections, overlays, padding, disagreements between headers.
    Structure,
    /// What the content would do when opened.
    Behaviour,
    /// How the analysis went: limits reached, crashes, locked parts.
    Analysis,
}

/// An ATT&CK technique id, such as `T1036.007`.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(transparent)]
pub struct TechniqueId(pub Cow<'static, str>);

impl TechniqueId {
    /// Whether the text has the form of a technique id: `T` and four digits, optionally `.` and three.
    pub fn is_well_formed(&self) -> bool {
        let digits = |s: &str, n: usize| s.len() == n && s.bytes().all(|b| b.is_ascii_digit());
        let Some(rest) = self.0.strip_prefix('T') else { return false };
        match rest.split_once('.') {
            Some((main, sub)) => digits(main, 4) && digits(sub, 3),
            None => digits(rest, 4),
        }
    }

    /// The technique that a sub-technique belongs to; none for a technique.
    pub fn parent(&self) -> Option<Self> {
        self.0.split_once('.').map(|(main, _)| Self(Cow::Owned(main.to_owned())))
    }

    /// Whether it is the other one, or one of the two is a sub-technique of the other.
    pub fn is_kin(&self, other: &Self) -> bool {
        self == other || self.parent().as_ref() == Some(other) || other.parent().as_ref() == Some(self)
    }
}

impl From<&'static str> for TechniqueId {
    fn from(id: &'static str) -> Self {
        Self(Cow::Borrowed(id))
    }
}

impl fmt::Display for TechniqueId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&self.0)
    }
}

/// Evidence for a finding, by name: `offset`, `rule`, `value`, …
pub type Evidence = BTreeMap<Cow<'static, str>, Value>;

/// One detector's observation about one part.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Finding {
    /// Stable id, `<group>.<what>`, such as `masquerade.double-extension`.
    pub id: Cow<'static, str>,
    /// The detector that reported it.
    pub detector: Cow<'static, str>,
    /// Its weight.
    pub severity: Severity,
    /// What kind of evidence it is.
    pub family: Family,
    /// Path of the part it is about; filled in by the walk.
    pub part: String,
    /// ATT&CK techniques that it indicates.
    pub techniques: Vec<TechniqueId>,
    /// One sentence for people: what was seen and where.
    pub message: String,
    /// The evidence.
    pub evidence: Evidence,
}

impl Finding {
    /// A finding without techniques and evidence; add them with [`Finding::technique`] and [`Finding::with`].
    pub fn new(
        id: &'static str,
        detector: &'static str,
        severity: Severity,
        family: Family,
        message: impl Into<String>,
    ) -> Self {
        Self {
            id: Cow::Borrowed(id),
            detector: Cow::Borrowed(detector),
            severity,
            family,
            part: String::new(),
            techniques: Vec::new(),
            message: message.into(),
            evidence: Evidence::new(),
        }
    }

    /// What was found, by the name that its own authors gave it: the rule's, where one matched, else the finding's id.
    pub fn threat(&self) -> &str {
        self.evidence.get("rule").and_then(Value::as_str).unwrap_or(&self.id)
    }

    /// Adds a technique.
    #[must_use]
    pub fn technique(mut self, id: &'static str) -> Self {
        self.techniques.push(id.into());
        self
    }

    /// Adds a piece of evidence.
    #[must_use]
    pub fn with(mut self, name: &'static str, value: impl Into<Value>) -> Self {
        self.evidence.insert(Cow::Borrowed(name), value.into());
        self
    }
}

#[cfg(test)]
mod tests {
    use super::TechniqueId;

    #[test]
    fn technique_ids_have_a_form() {
        for (id, good) in
            [("T1204", true), ("T1036.007", true), ("T120", false), ("T1036.7", false), ("M1038", false), ("", false)]
        {
            assert_eq!(TechniqueId::from(id).is_well_formed(), good, "{id}");
        }
    }
}
