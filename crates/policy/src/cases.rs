//! Test cases for policies, in TOML:
//!
//! ```toml
//! [[case]]
//! name = "a program is blocked"
//! expect = "block"
//! policies = ["programs-from-the-web"]   # optional: exactly these decide
//! part = { kind = "pe32", class = "executable" }   # any of the facts; what is left out is clean and complete
//! ```

use crate::{Facts, Policies, PolicyError};
use lazaret_model::Decision;
use serde::Deserialize;

/// A file of cases.
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
    #[serde(default)]
    part: Facts,
}

/// How one case went.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CaseOutcome {
    /// The case's name.
    pub name: String,
    /// What was expected and what came instead; `None` when they agree.
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
        if cases.cases.is_empty() { Err(wrong("it holds no `[[case]]`".to_owned())) } else { Ok(cases) }
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
