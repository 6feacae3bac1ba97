//! YARA rules, compiled once with YARA-X and applied to every part.
//!
//! A rule's `meta` may say `severity` (info, low, medium, high, critical), `technique` (one or several ATT&CK ids),
//! `description` (the sentence of the finding) and `kinds` (ids or classes of parts it applies to, default all). A rule
//! without a severity counts as `high`: a strong sign that needs a second one to be called malicious.

use crate::{DetectError, Detector, Findings, Reads};
use lazaret_model::{Family, Finding, Part, Severity, TechniqueId};
use std::borrow::Cow;
use std::cell::RefCell;
use yara_x::{Compiler, MetaValue, Rules, Scanner, SourceCode};

/// A file of rules.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RuleSource {
    /// Where it came from, for errors and findings.
    pub name: String,
    /// Its text.
    pub text: String,
}

/// A rule that does not compile. The other rules are kept.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RuleError {
    /// The file.
    pub source: String,
    /// Line, from 1.
    pub line: usize,
    /// Column, from 1.
    pub column: usize,
    /// What is wrong, in the compiler's words, one line.
    pub message: String,
}

impl std::fmt::Display for RuleError {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "`{}` line {}, column {}: {}", self.source, self.line, self.column, self.message)
    }
}

/// Compiled rules, ready to be stored, and what did not compile.
pub struct Compiled {
    /// The serialised rules with native code; [`Signatures::load`] reads them.
    pub bytes: Vec<u8>,
    /// How many rules there are.
    pub rules: usize,
    /// Rules that were left out.
    pub errors: Vec<RuleError>,
}

/// The rules that come with Lazaret.
pub fn built_in_rules() -> Vec<RuleSource> {
    const FILES: &[(&str, &str)] = include!(concat!(env!("OUT_DIR"), "/rules.rs"));
    FILES.iter().map(|(name, text)| RuleSource { name: (*name).to_owned(), text: (*text).to_owned() }).collect()
}

/// A text that changes when compiled rules of an earlier build can no longer be loaded.
pub fn rules_fingerprint() -> &'static str {
    concat!("lazaret ", env!("CARGO_PKG_VERSION"), ", rules format 1, yara-x 1.22")
}

/// Compiles rules. Each file is a namespace of its own, so two files may use one rule name.
///
/// `include` is not followed: a rule file stands alone.
///
/// # Errors
/// Only when the compiled rules cannot be serialised; rules with errors are listed in the answer.
pub fn compile(sources: &[RuleSource]) -> Result<Compiled, DetectError> {
    let mut compiler = Compiler::new();
    compiler.enable_includes(false);
    let mut errors = Vec::new();
    for source in sources {
        compiler.new_namespace(&source.name);
        let seen = compiler.errors().len();
        let code = SourceCode::from(source.text.as_str()).with_origin(&source.name);
        if compiler.add_source(code).is_err() {
            errors.extend(compiler.errors().iter().skip(seen).map(|error| rule_error(source, error)));
        }
    }
    let rules = compiler.build();
    let bytes = rules.serialize().map_err(|error| DetectError::Signatures(error.to_string()))?;
    Ok(Compiled { bytes, rules: rules.iter().count(), errors })
}

fn rule_error(source: &RuleSource, error: &yara_x::errors::CompileError) -> RuleError {
    let label = error.labels().next();
    let (line, column) = position(&source.text, label.as_ref().map_or(0, |label| label.span().start()));
    let mut message = error.title().to_owned();
    if let Some(text) = label.map(|label| label.text().to_owned()).filter(|text| !text.is_empty()) {
        message = format!("{message} ({text})");
    }
    RuleError { source: source.name.clone(), line, column, message }
}

/// Line and column, from 1, of a byte offset.
fn position(text: &str, offset: usize) -> (usize, usize) {
    let before = text.get(..text.floor_char_boundary(offset)).unwrap_or(text);
    let (_, line) = before.rsplit_once('\n').unwrap_or(("", before));
    (before.matches('\n').count() + 1, line.chars().count() + 1)
}

/// Compiled rules with a scanner that is used again for every part.
pub struct Signatures {
    scanner: RefCell<Scanner<'static>>,
    count: usize,
}

impl Signatures {
    /// Loads compiled rules. They live as long as the process: a worker is replaced when its rules change.
    ///
    /// # Errors
    /// When the bytes are not rules compiled by this build.
    pub fn load(bytes: &[u8]) -> Result<Self, DetectError> {
        let rules = Rules::deserialize(bytes).map_err(|error| DetectError::Signatures(error.to_string()))?;
        let rules: &'static Rules = Box::leak(Box::new(rules));
        Ok(Self { scanner: RefCell::new(Scanner::new(rules)), count: rules.iter().count() })
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

struct Meta {
    severity: Severity,
    description: Option<String>,
    techniques: Vec<TechniqueId>,
    kinds: Vec<String>,
}

impl Meta {
    fn read(rule: &yara_x::Rule<'_, '_>) -> Self {
        let mut meta = Self { severity: Severity::High, description: None, techniques: Vec::new(), kinds: Vec::new() };
        for (name, value) in rule.metadata() {
            let MetaValue::String(text) = value else { continue };
            match name {
                "severity" => meta.severity = severity(text).unwrap_or(meta.severity),
                "description" => meta.description = Some(text.to_owned()),
                "technique" | "techniques" | "mitre_attack" => {
                    let ids = text.split([',', ' ']).filter(|id| !id.is_empty());
                    let ids = ids.map(|id| TechniqueId(Cow::Owned(id.to_owned())));
                    meta.techniques.extend(ids.filter(TechniqueId::is_well_formed));
                }
                "kinds" => meta.kinds.extend(text.split([',', ' ']).filter(|k| !k.is_empty()).map(str::to_owned)),
                _ => {}
            }
        }
        meta
    }

    fn applies_to(&self, part: &Part) -> bool {
        self.kinds.is_empty() || part.kinds().any(|k| self.kinds.iter().any(|w| *w == k.id || w == k.class.name()))
    }
}

fn severity(text: &str) -> Option<Severity> {
    let all = [Severity::Info, Severity::Low, Severity::Medium, Severity::High, Severity::Critical];
    all.into_iter().find(|severity| severity.name().eq_ignore_ascii_case(text))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn source(name: &str, text: &str) -> RuleSource {
        RuleSource { name: name.into(), text: text.into() }
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
    fn other_bytes_are_not_rules() {
        assert!(Signatures::load(b"not rules").is_err());
    }
}
