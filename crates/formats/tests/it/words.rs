//! Why something was not inspected is said to people, whatever a file was cut to.

use lazaret_formats::{Content, Setup, Visitor, walk_as};
use lazaret_model::{Child, Finding, Limits, Part, PartId};
use std::path::Path;
use std::sync::Arc;
use std::time::Instant;

/// Bytes of a stand-in that is cut; larger ones say nothing more.
const MOST: usize = 64 << 10;

/// Keeps the reasons.
#[derive(Default)]
struct Reasons(Vec<String>);

impl Visitor for Reasons {
    fn begin(&mut self, _part: &Part) {}

    fn inspect(&mut self, _part: &Part, _content: &Content) -> Vec<String> {
        Vec::new()
    }

    fn finding(&mut self, _part: &Part, _finding: Finding) {}

    fn end(&mut self, part: &Part, _children: &[Child]) {
        self.0.extend(part.incomplete.iter().cloned());
    }

    fn withdraw_below(&mut self, _part: PartId) {}
}

fn reasons(name: &str, bytes: &[u8]) -> Vec<String> {
    let start = Instant::now();
    let setup = Setup {
        limits: Limits::default(),
        clock: Arc::new(move || start.elapsed()),
        spool: None,
        passwords: Vec::new(),
        legacy_hashes: false,
        declared_type: None,
        codings: Vec::new(),
    };
    let mut found = Reasons::default();
    walk_as(&Content::from(bytes), name, None, setup, &mut found);
    found.0
}

/// Whether a reason has what only programmers read: a value with its braces, or an error's name. Names of files stand in backticks.
fn is_code(reason: &str) -> bool {
    let own: String = reason.split('`').step_by(2).collect();
    let braces = own.as_bytes().windows(2).any(|pair| pair[0].is_ascii_alphabetic() && matches!(pair[1], b'(' | b'{'));
    let ends = ["Failed", "Eof", "Error", "Data", "Input", "Header", "Signature", "Mismatch"];
    let joined = |word: &str| {
        let humps =
            word.as_bytes().windows(2).filter(|pair| pair[0].is_ascii_lowercase() && pair[1].is_ascii_uppercase());
        humps.count() > 0 && ends.iter().any(|end| word.ends_with(end))
    };
    braces
        || own.contains("::")
        || own.contains("os error")
        || own.split(|c: char| !c.is_ascii_alphanumeric()).any(joined)
}

#[test]
fn no_reason_for_an_incomplete_file_is_a_value_of_a_program() {
    let corpus = Path::new(env!("CARGO_MANIFEST_DIR")).join("corpus");
    let mut seen = 0;
    for folder in std::fs::read_dir(&corpus).unwrap().flatten() {
        for (name, bytes) in corpus::stored(&folder.path()).unwrap_or_else(|error| panic!("{error}")) {
            if bytes.len() > MOST {
                continue;
            }
            for quarter in 1..=4 {
                let end = if quarter == 4 { bytes.len().saturating_sub(1) } else { bytes.len() * quarter / 4 };
                for reason in reasons(&name, &bytes[..end]) {
                    seen += 1;
                    assert!(!is_code(&reason), "{name} cut at {end}: {reason}");
                }
            }
        }
    }
    assert!(seen > 100, "only {seen} reasons were looked at");
}
