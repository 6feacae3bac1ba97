//! YARA rules, compiled once with YARA-X and applied to every part.
//!
//! A rule's `meta` may say `severity` (info, low, medium, high, critical, or a number up to 100), `technique` (one or several ATT&CK
//! ids), `description` (the sentence of the finding) and `kinds` (ids or classes of parts it applies to, default all). Public sets say
//! `score` or `confidence` as well ([`meta`]). A rule without any of these counts as `medium`: a sign that needs others.
//!
//! Rules may ask for the variables `filename`, `filepath`, `extension` (with its dot), `filetype` and `owner`, as public sets do: the
//! first four in lower case, of the part; the fifth in capitals; nobody owns what is downloaded, so that `owner` is empty.

mod compile;
mod meta;

pub use compile::{Compiled, RuleError, RuleSource, built_in_rules, compile, rules_fingerprint};

use crate::{DetectError, Detector, Findings, Reads};
use lazaret_model::{Class, Family, Finding, Part};
use meta::Meta;
use std::cell::RefCell;
use yara_x::{Rules, Scanner};

/// Variables that rules may ask for, all of them texts.
const VARIABLES: [&str; 5] = ["filename", "filepath", "extension", "filetype", "owner"];

/// Compiled rules with a scanner that is used again for every part.
pub struct Signatures {
    scanner: RefCell<Scanner<'static>>,
    count: usize,
    /// Rules import modules, which make something of what they are shown and keep it until the next scan.
    modules: bool,
}

impl Signatures {
    /// Loads compiled rules. They live as long as the process: a worker is replaced when its rules change.
    ///
    /// # Errors
    /// When the bytes are not rules compiled by this build.
    pub fn load(bytes: &[u8]) -> Result<Self, DetectError> {
        let rules = Rules::deserialize(bytes).map_err(|error| DetectError::Signatures(error.to_string()))?;
        let rules: &'static Rules = Box::leak(Box::new(rules));
        let modules = rules.imports().next().is_some();
        Ok(Self { scanner: RefCell::new(Scanner::new(rules)), count: rules.iter().count(), modules })
    }

    /// Drops what modules made of the last bytes that were scanned: names, strings, hashes.
    pub(crate) fn forget(&self) {
        if self.modules {
            // Each module begins by dropping what it made before, and makes nothing of nothing.
            let _ = self.scanner.borrow_mut().scan(b"");
        }
    }

    /// How many rules there are.
    pub fn len(&self) -> usize {
        self.count
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.count == 0
    }
}

impl Detector for Signatures {
    fn id(&self) -> &'static str {
        "signatures"
    }

    fn summary(&self) -> &'static str {
        "YARA rules: the built-in ones and those in the configured directories"
    }

    fn reads(&self) -> Reads {
        Reads::Everything
    }

    fn wants(&self, part: &Part) -> bool {
        part.size > 0
    }

    fn inspect(&self, part: &Part, bytes: &[u8], offset: u64, findings: &mut Findings) -> Result<(), DetectError> {
        let mut scanner = self.scanner.borrow_mut();
        let scanner = &mut *scanner;
        for (name, value) in VARIABLES.iter().zip(variables(part)) {
            let set = scanner.set_global(name, value.as_str());
            set.map_err(|error| DetectError::Signatures(error.to_string()))?;
        }
        let results = scanner.scan(bytes).map_err(|error| DetectError::Signatures(error.to_string()))?;
        for rule in results.matching_rules() {
            let meta = Meta::read(&rule);
            if !meta.applies_to(part) {
                continue;
            }
            let first = rule.patterns().flat_map(|pattern| pattern.matches().map(|m| m.range().start)).min();
            let mut finding = Finding::new(
                "signature.yara",
                "signatures",
                meta.severity,
                Family::Signature,
                meta.description.unwrap_or_else(|| format!("it matches the rule `{}`", rule.identifier())),
            )
            .with("rule", rule.identifier())
            .with("source", rule.namespace());
            if let Some(first) = first {
                finding = finding.with("offset", offset + first as u64);
            }
            finding.techniques = meta.techniques;
            findings.add(finding);
        }
        Ok(())
    }
}

/// What the variables are for a part.
fn variables(part: &Part) -> [String; 5] {
    let extension = part.extension();
    let extension = if extension.is_empty() { extension } else { format!(".{extension}") };
    let kind = match part.kind.class {
        Class::Executable | Class::Library if part.kind.id.starts_with("pe") => "EXE".to_owned(),
        _ => part.kind.id.to_uppercase(),
    };
    [part.name.to_lowercase(), part.path.to_lowercase(), extension, kind, String::new()]
}

#[cfg(test)]
mod tests {
    use super::*;
    use lazaret_model::Severity;

    fn source(name: &str, text: &str) -> RuleSource {
        RuleSource { name: name.into(), text: text.into(), included: Vec::new() }
    }

    fn part(name: &str, kind: &'static str, class: Class) -> Part {
        Part { size: 3, ..crate::testing::part(name, kind, class) }
    }

    /// The rules that match, with their severities.
    fn matching(sources: &[RuleSource], part: &Part) -> Vec<(String, Severity)> {
        let compiled = compile(sources).unwrap();
        assert_eq!(compiled.errors, []);
        let signatures = Signatures::load(&compiled.bytes).unwrap();
        let mut findings = Findings::default();
        signatures.inspect(part, b"abc", 0, &mut findings).unwrap();
        let (findings, _) = findings.into_parts();
        let rule = |finding: &Finding| {
            finding.evidence.iter().find(|e| e.0 == "rule").and_then(|e| e.1.as_str().map(str::to_owned))
        };
        findings.iter().map(|finding| (rule(finding).unwrap_or_default(), finding.severity)).collect()
    }

    #[test]
    fn a_broken_rule_is_named_and_the_others_kept() {
        let compiled = compile(&[
            source("good.yar", "rule a { strings: $s = \"abc\" condition: $s }"),
            source(
                "mixed.yar",
                "rule b { condition: true }\n\nrule broken {\n  condition: nonsense\n}\nrule c { condition: true }",
            ),
            source("unparsable.yar", "rule d {"),
        ])
        .unwrap();
        let errors: Vec<_> = compiled.errors.iter().map(ToString::to_string).collect();
        assert_eq!(errors.len(), 2, "{errors:?}");
        assert!(errors[0].starts_with("`mixed.yar` line 4, column 14: "), "{errors:?}");
        assert!(errors[1].starts_with("`unparsable.yar` line 1, column "), "{errors:?}");
        assert_eq!(compiled.rules, 3, "a, b and c");
    }

    #[test]
    fn the_built_in_rules_compile() {
        let compiled = compile(&built_in_rules()).unwrap();
        assert_eq!(compiled.errors, []);
        assert!(compiled.rules > 0);
        assert_eq!(Signatures::load(&compiled.bytes).unwrap().len(), compiled.rules);
    }

    #[test]
    fn variables_of_public_sets_are_those_of_the_part() {
        let rules = |conditions: &[(&str, &str)]| {
            let rule = |(name, condition): &(&str, &str)| format!("rule {name} {{ condition: {condition} }}\n");
            vec![source("a.yar", &conditions.iter().map(rule).collect::<String>())]
        };
        let rules = rules(&[
            ("name", "filename == \"setup.exe\""),
            ("path", "filepath matches /^sample.*setup/"),
            ("ends", "extension == \".exe\""),
            ("kind", "filetype == \"EXE\""),
            ("nobody", "owner == \"\""),
            ("other", "filetype == \"PDF\" and extension == \"\""),
        ]);
        let found = |part: &Part| matching(&rules, part).into_iter().map(|(rule, _)| rule).collect::<Vec<_>>();
        let exe = part("Setup.EXE", "pe32", Class::Executable);
        assert_eq!(found(&exe), ["name", "path", "ends", "kind", "nobody"]);
        assert_eq!(found(&part("README", "pdf", Class::Document)), ["nobody", "other"]);
    }

    #[test]
    fn severities_scores_and_confidence_are_read_as_public_sets_mean_them() {
        for (meta, expected) in [
            ("", Severity::Medium),
            ("severity = \"critical\"", Severity::Critical),
            ("severity = \"Informational\"", Severity::Info),
            ("severity = \"moderate\"", Severity::Medium),
            ("severity = \"nonsense\"", Severity::Medium),
            ("severity = 100", Severity::High),
            ("severity = \"50\"", Severity::Low),
            ("score = 75", Severity::Medium),
            ("score = 80", Severity::High),
            ("score = -1", Severity::Medium),
            ("score = 40 severity = \"high\"", Severity::High),
            ("severity = \"high\" score = 40", Severity::High),
            ("score = 90 confidence = \"low\"", Severity::Medium),
            ("score = 90 confidence = 20", Severity::Medium),
            ("score = 90 confidence = \"high\"", Severity::High),
            ("severity = \"low\" confidence = \"low\"", Severity::Low),
            ("confidence = \"medium\"", Severity::Medium),
        ] {
            let meta_block = if meta.is_empty() { String::new() } else { format!("meta: {meta}") };
            let rules = [source("a.yar", &format!("rule a {{ {meta_block} condition: true }}"))];
            let found = matching(&rules, &part("x", "text", Class::Text));
            assert_eq!(found, [("a".to_owned(), expected)], "{meta}");
        }
    }

    #[test]
    fn what_is_included_stands_in_one_namespace_and_keeps_its_own_name_for_errors() {
        let common =
            source("common.yar", "private rule common { condition: true }\nrule wrong { condition: nonsense }");
        let middle =
            RuleSource { included: vec![common.clone()], ..source("middle.yar", "rule m { condition: common }") };
        let top =
            RuleSource { included: vec![common, middle], ..source("top.yar", "rule t { condition: common and m }") };
        let compiled = compile(&[top]).unwrap();
        let errors: Vec<_> = compiled.errors.iter().map(ToString::to_string).collect();
        assert!(matches!(errors.as_slice(), [error] if error.starts_with("`common.yar` line 2, ")), "{errors:?}");
        assert_eq!(compiled.rules, 3, "common, m and t");
    }

    #[test]
    fn other_bytes_are_not_rules() {
        assert!(Signatures::load(b"not rules").is_err());
    }
}
