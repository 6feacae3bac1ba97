//! What would change a decision.

use crate::{Facts, Outcome, Policies, PolicyError};
use lazaret_model::Decision;

/// One fact that, changed alone, changes the decision.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Change {
    /// The change in words: `if it were not locked`.
    pub condition: &'static str,
    /// The decision then.
    pub decision: Decision,
}

/// Findings that say that something runs without being started.
const BY_ITSELF: &[&str] = &[
    "macros.auto-run",
    "pdf.runs-by-itself",
    "pdf.opens-address",
    "page.script-in-image",
    "page.active-image",
    "hooks.installation",
    "hooks.python-start",
    "hooks.folder-open",
    "hooks.agent",
    "hooks.shell-entry",
    "hooks.git",
    "hooks.build",
    "hooks.container-start",
    "hooks.model-code",
    "link.starts-program",
    "page.sign-in-lure",
    "shortcut.remote-target",
];

/// A condition in words, and how facts look under it.
type Variation = (&'static str, fn(&mut Facts));

/// Tries every single change of what a person could influence or vouch for.
///
/// # Errors
/// As [`Policies::decide`].
pub fn explain(policies: &Policies, part: &str, facts: &Facts) -> Result<(Outcome, Vec<Change>), PolicyError> {
    let outcome = policies.decide(part, facts)?;
    let variations: [Variation; 9] = [
        ("if a password opened it, and what is in it were clean and ordinary", |facts| {
            if facts.locked {
                facts.locked = false;
                facts.complete = true;
                facts.verdict = "benign".to_owned();
                if facts.class == "unknown" {
                    ordinary(facts);
                }
            }
        }),
        ("if everything in it could be inspected and were clean", |facts| {
            if facts.verdict == "unknown" && facts.complete && !facts.locked {
                facts.verdict = "benign".to_owned();
            }
        }),
        ("if it could be inspected completely and were clean", |facts| {
            if !facts.complete && !facts.locked {
                facts.complete = true;
                facts.verdict = "benign".to_owned();
            }
        }),
        ("if nothing spoke against its content", |facts| {
            if facts.verdict == "unknown" {
                return;
            }
            facts.verdict = "benign".to_owned();
            facts.findings.clear();
            facts.techniques.clear();
            facts.masquerade = false;
        }),
        ("if it did not pretend to be something else", |facts| facts.masquerade = false),
        ("if nothing in it ran by itself", |facts| {
            for finding in BY_ITSELF {
                facts.findings.remove(*finding);
            }
        }),
        ("if it were an ordinary document", ordinary),
        ("if a page fetched it instead of a person", |facts| (facts.navigation, facts.saves) = (false, false)),
        ("if the site were on no list", |facts| {
            if let Some(site) = &mut facts.site {
                site.lists.clear();
                site.suspicious = false;
            }
        }),
    ];
    let mut changes = Vec::new();
    for (condition, vary) in variations {
        let mut other = facts.clone();
        vary(&mut other);
        if other == *facts {
            continue;
        }
        let decision = policies.decide(part, &other)?.decision;
        if decision < outcome.decision {
            changes.push(Change { condition, decision });
        }
    }
    Ok((outcome, changes))
}

fn ordinary(facts: &mut Facts) {
    facts.class = "document".to_owned();
    facts.classes = ["document".to_owned()].into();
    facts.kind = "pdf".to_owned();
    facts.kinds = ["pdf".to_owned()].into();
}
