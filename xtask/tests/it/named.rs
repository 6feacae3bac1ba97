//! What the documentation says that a test holds, a test holds: each that it names is there.

use super::house::{root, sources};
use std::collections::BTreeSet;

/// The functions of all our sources.
fn functions() -> BTreeSet<String> {
    let name = |rest: &str| {
        let end = rest.find(|c: char| !c.is_ascii_alphanumeric() && c != '_').unwrap_or(rest.len());
        rest.get(..end).unwrap_or_default().to_owned()
    };
    let of = |text: String| text.split("fn ").skip(1).map(name).collect::<Vec<_>>();
    sources().into_iter().flat_map(|(_, text)| of(text)).collect()
}

/// Whether a word in a document is the name of a test: a sentence of lower-case words, and no metric's.
fn is_sentence(word: &str) -> bool {
    !word.starts_with("lazaret_")
        && word.matches('_').count() >= 3
        && word.chars().all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '_')
}

#[test]
fn every_test_that_the_documentation_names_is_there() {
    let functions = functions();
    let (mut named, mut missing) = (0, Vec::new());
    for entry in std::fs::read_dir(root().join("docs")).expect("a folder").flatten() {
        let path = entry.path();
        if path.extension().is_none_or(|extension| extension != "md") {
            continue;
        }
        let text = std::fs::read_to_string(&path).expect("text");
        for word in text.split('`').skip(1).step_by(2).filter(|word| is_sentence(word)) {
            named += 1;
            if !functions.contains(word) {
                missing.push(format!("{}: `{word}`", path.display()));
            }
        }
    }
    assert!(named > 50, "only {named} are named");
    assert!(missing.is_empty(), "{}", missing.join("\n"));
}
