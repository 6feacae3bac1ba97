//! Makes one set of rules of many files.

use super::VARIABLES;
use crate::DetectError;
use std::collections::HashSet;
use yara_x::{Compiler, SourceCode};

/// A file of rules.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RuleSource {
    /// Where it came from, for errors and findings.
    pub name: String,
    /// Its text.
    pub text: String,
    /// Files that it includes, in order; they stand in one namespace with it.
    pub included: Vec<RuleSource>,
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
    /// The serialised rules with native code; [`crate::Signatures::load`] reads them.
    pub bytes: Vec<u8>,
    /// How many rules there are.
    pub rules: usize,
    /// Rules that were left out.
    pub errors: Vec<RuleError>,
}

/// The rules that come with Lazaret.
pub fn built_in_rules() -> Vec<RuleSource> {
    const FILES: &[(&str, &str)] = include!(concat!(env!("OUT_DIR"), "/rules.rs"));
    FILES
        .iter()
        .map(|(name, text)| RuleSource { name: (*name).to_owned(), text: (*text).to_owned(), included: Vec::new() })
        .collect()
}

/// A text that changes when compiled rules of an earlier build can no longer be loaded.
pub fn rules_fingerprint() -> &'static str {
    concat!("lazaret ", env!("CARGO_PKG_VERSION"), ", rules format 2, yara-x 1.22")
}

/// Compiles rules. Each file is a namespace of its own, with what it includes, so two files may use one rule name.
///
/// # Errors
/// Only when the compiled rules cannot be serialised; rules with errors are listed in the answer.
pub fn compile(sources: &[RuleSource]) -> Result<Compiled, DetectError> {
    let failed = |error: &dyn std::fmt::Display| DetectError::Signatures(error.to_string());
    let mut compiler = Compiler::new();
    // They are there already: a compiler that reads files might read any.
    compiler.enable_includes(false);
    for variable in VARIABLES {
        compiler.define_global(variable, "").map_err(|error| failed(&error))?;
    }
    let mut errors = Vec::new();
    for source in sources {
        compiler.new_namespace(&source.name);
        add(source, &mut compiler, &mut HashSet::new(), &mut errors);
    }
    let rules = compiler.build();
    let bytes = rules.serialize().map_err(|error| failed(&error))?;
    Ok(Compiled { bytes, rules: rules.iter().count(), errors })
}

/// Adds a file to the namespace, after those that it includes, each once.
fn add<'s>(
    source: &'s RuleSource,
    compiler: &mut Compiler<'_>,
    known: &mut HashSet<&'s str>,
    errors: &mut Vec<RuleError>,
) {
    if !known.insert(&source.name) {
        return;
    }
    for included in &source.included {
        add(included, compiler, known, errors);
    }
    let seen = compiler.errors().len();
    let code = SourceCode::from(source.text.as_str()).with_origin(&source.name);
    if compiler.add_source(code).is_err() {
        errors.extend(compiler.errors().iter().skip(seen).map(|error| rule_error(source, error)));
    }
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
