//! What would change a decision.

use crate::{Facts, Outcome, Policies, PolicyError, SiteFacts};
use lazaret_model::{Decision, Known};

/// A single fact that would change the decision.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Change {
    /// The change in words: `if it were not locked`.
    pub condition: &'static str,
    /// The decision with that change.
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
    "hooks.connection",
    "hooks.system",
    "hooks.editor",
    "hooks.git",
    "hooks.build",
    "hooks.container-start",
    "hooks.model-code",
    "link.starts-program",
    "page.sign-in-lure",
    "shortcut.remote-target",
    "document.shell-escape",
    "document.active-cell",
];

/// Roles of pieces that no file of its own could stand in for.
const PIECES: &[&str] = &["script", "command", "link", "macro", "body"];

/// A condition in words, and how facts look under it. What is not possible for a part leaves its facts as they are.
type Variation = (&'static str, fn(&mut Facts));

/// Tries every single change of what a person could influence or vouch for, on facts that were known by a moment. What one fact alone
/// may be otherwise stands in its row of the table of facts.
///
/// # Errors
/// As [`Policies::decide`].
pub fn explain(
    policies: &Policies,
    part: &str,
    facts: &Facts,
    known: Known,
) -> Result<(Outcome, Vec<Change>), PolicyError> {
    let outcome = policies.decide_by(part, facts, known)?;
    let mut changes = Vec::new();
    let mut consider = |condition: &'static str, other: Facts| -> Result<(), PolicyError> {
        if other == *facts {
            return Ok(());
        }
        let decision = policies.decide_by(part, &other, known)?.decision;
        if decision < outcome.decision {
            changes.push(Change { condition, decision });
        }
        Ok(())
    };
    for (condition, vary) in VARIATIONS.iter().chain(Facts::OTHERWISE) {
        let mut other = facts.clone();
        vary(&mut other);
        consider(condition, other)?;
    }
    for (condition, vary) in SiteFacts::OTHERWISE {
        let mut other = facts.clone();
        if let Some(site) = &mut other.site {
            vary(site);
        }
        consider(condition, other)?;
    }
    Ok((outcome, changes))
}

/// Changes of several facts at once.
const VARIATIONS: &[Variation] = &[
    ("if a password opened it and its contents were clean and ordinary", |facts| {
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
    ("if nothing suspicious had been found in its content", |facts| {
        if facts.verdict == "unknown" {
            return;
        }
        facts.verdict = "benign".to_owned();
        facts.findings.clear();
        facts.techniques.clear();
        facts.masquerade = false;
    }),
    ("if nothing in it ran automatically", |facts| {
        for finding in BY_ITSELF {
            facts.findings.remove(*finding);
        }
    }),
    ("if it were an ordinary document", ordinary),
    ("if a page loaded it instead of a person", |facts| {
        // Only what comes by a gate to a browser comes to a page.
        if facts.direction == "download" && facts.from_web() {
            (facts.navigation, facts.saves, facts.attached) = (false, false, false);
        }
    }),
    ("if the site were on no list", |facts| {
        if let Some(site) = &mut facts.site {
            site.lists.clear();
            site.suspicious = false;
        }
    }),
];

fn ordinary(facts: &mut Facts) {
    // A connection, a form and a link could not be a document.
    if facts.class == "connection" || facts.kind == "form-data" || PIECES.contains(&&*facts.role) {
        return;
    }
    facts.class = "document".to_owned();
    facts.classes = ["document".to_owned()].into();
    facts.kind = "pdf".to_owned();
    facts.kinds = ["pdf".to_owned()].into();
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{PolicyFile, built_in_policies};

    const PAGE: &str = "if a page loaded it instead of a person";
    const DOCUMENT: &str = "if it were an ordinary document";

    fn conditions(policies: &Policies, facts: Facts) -> Vec<&'static str> {
        let (_, changes) = explain(policies, "x", &facts.completed(), Known::Ledger).unwrap();
        changes.into_iter().map(|change| change.condition).collect()
    }

    /// Policies under which every change of facts would matter: whatever is what it is now is blocked.
    fn all_matter() -> Policies {
        let text = "@id(\"page\") @title(\"A page gets it\")\n\
            permit (principal, action == Lazaret::Action::\"deliver\", resource) when { !context.navigation && !context.saves };\n\
            @id(\"document\") @title(\"Documents are delivered\")\n\
            permit (principal, action == Lazaret::Action::\"deliver\", resource) when { resource.class == \"document\" };";
        Policies::parse(&[PolicyFile { name: "all.cedar".into(), text: text.into() }]).unwrap()
    }

    #[test]
    fn a_page_is_spoken_of_only_where_one_could_have_fetched_it() {
        let policies = all_matter();
        for gate in ["scan", "proxy", "icap", "api", "guard"] {
            for direction in ["download", "upload"] {
                for (navigation, saves) in [(true, true), (true, false), (false, true)] {
                    let facts = Facts {
                        gate: gate.into(),
                        direction: direction.into(),
                        navigation,
                        saves,
                        class: "archive".into(),
                        kind: "zip".into(),
                        ..Facts::default()
                    };
                    let told = conditions(&policies, facts).contains(&PAGE);
                    let possible = direction == "download" && ["proxy", "icap"].contains(&gate);
                    assert_eq!(told, possible, "{gate}, {direction}");
                }
            }
        }
    }

    #[test]
    fn nothing_is_compared_with_a_document_that_could_not_be_one() {
        let policies = all_matter();
        for (class, kind, role, possible) in [
            ("executable", "pe32", "sample", true),
            ("unknown", "unknown", "member", true),
            ("script", "js", "attachment", true),
            ("connection", "websocket", "sample", false),
            ("data", "form-data", "sample", false),
            ("shortcut", "link", "link", false),
            ("script", "command-line", "command", false),
            ("script", "vba", "macro", false),
        ] {
            let facts = Facts {
                class: class.into(),
                kind: kind.into(),
                role: role.into(),
                navigation: true,
                ..Facts::default()
            };
            assert_eq!(conditions(&policies, facts).contains(&DOCUMENT), possible, "{class}, {role}");
        }
    }

    #[test]
    fn what_the_table_of_facts_says_may_be_otherwise_is_told_where_it_alone_decides() {
        let site = Some(SiteFacts { first_seen_days: Some(2), ..SiteFacts::default() });
        for (condition, told) in [
            ("resource.masquerade", "if it did not pretend to be something else"),
            ("resource.opened_with_password", "if it needed no password"),
            ("resource.macros", "if it contained no macros"),
            ("resource.prevalence < 3", "if the file had been seen here 1,000 times"),
            (
                "context has site && context.site has first_seen_days && context.site.first_seen_days < 30",
                "if the site had been known here for a year",
            ),
        ] {
            let text = format!(
                "@id(\"all\") @title(\"All\") permit (principal, action, resource);\n\
                 @id(\"own\") @title(\"Own\") forbid (principal, action, resource) when {{ {condition} }};"
            );
            let policies = Policies::parse(&[PolicyFile { name: "x".into(), text }]).unwrap();
            let facts = Facts {
                masquerade: true,
                opened_with_password: true,
                macros: true,
                prevalence: 2,
                site: site.clone(),
                verdict: "unknown".into(),
                ..Facts::default()
            };
            assert_eq!(conditions(&policies, facts), [told], "{condition}");
        }
        assert_eq!(Facts::OTHERWISE.len() + SiteFacts::OTHERWISE.len(), 5, "each has a line here");
    }

    #[test]
    fn a_fact_that_was_not_known_then_changes_nothing_and_is_not_held_against_it() {
        let text = "@id(\"all\") @title(\"All\") permit (principal, action, resource) when { resource.class != \"executable\" };\n\
            @id(\"rare\") @title(\"Rare\") forbid (principal, action, resource) when { resource.prevalence < 3 };\n\
            @id(\"small\") @title(\"Small\") forbid (principal, action, resource) when { resource.size < 100000 };";
        let policies = Policies::parse(&[PolicyFile { name: "x".into(), text: text.into() }]).unwrap();
        let facts = Facts { class: "executable".into(), kind: "pe32".into(), size: 16_384, ..Facts::default() };
        let told = |known| {
            let (outcome, changes) = explain(&policies, "x", &facts.clone().completed(), known).unwrap();
            (outcome.policies.len(), changes.iter().map(|change| change.condition).collect::<Vec<_>>())
        };
        assert_eq!(told(Known::FirstBytes), (0, vec![DOCUMENT]));
        // Of a whole file both speak.
        assert_eq!(told(Known::Ledger), (2, vec![]));
    }

    #[test]
    fn what_is_said_of_an_upload_by_default_speaks_of_what_is_sent() {
        let policies = Policies::parse(&[built_in_policies()]).unwrap();
        let facts = Facts {
            gate: "proxy".into(),
            direction: "upload".into(),
            navigation: true,
            class: "executable".into(),
            kind: "pe32".into(),
            verdict: "malicious".into(),
            findings: ["reputation.known-bad".to_owned()].into(),
            ..Facts::default()
        };
        assert_eq!(conditions(&policies, facts), ["if nothing suspicious had been found in its content"]);
    }
}
