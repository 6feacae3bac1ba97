//! Limits speak: a cap in an opener or a detector says that it was reached, or a comment says why it need not.

use super::house::{root, sources};

/// Words by which a function says that it did not look at everything.
const SPEAKING: &[&str] = &[
    "incomplete",
    "Bounded",
    "doubt(",
    "damage",
    "more",
    "problem",
    "OpenError",
    "Err(",
    "overflow",
    "spent",
    "too_deep",
    "malformed",
    "endless",
];

/// What a comment begins with that says why a cap hides nothing.
const REASON: &str = "LIMIT:";

/// Whether a line of code cuts something off at a number of its own: `.take(16)`, `.take(MOST)`, `.truncate(…)`,
/// `get(..4096)`, `0..MOST`, `.min(MOST)`, or a constant that is called after a cap.
fn cuts(line: &str) -> bool {
    let constant = |text: &str| {
        let word: String = text.chars().take_while(|c| c.is_ascii_alphanumeric() || *c == '_').collect();
        let number = word.len() > 2 && word.chars().all(|c| c.is_ascii_digit() || c == '_');
        let name = word.len() > 2 && word.chars().all(|c| c.is_ascii_uppercase() || c == '_');
        number || name
    };
    let after = |mark: &str, test: &dyn Fn(&str) -> bool| {
        line.match_indices(mark).any(|(at, _)| line.get(at + mark.len()..).is_some_and(test))
    };
    let named = line.match_indices("MOST").any(|(at, _)| {
        let before = line.get(..at).and_then(|text| text.chars().next_back());
        !before.is_some_and(|c| c.is_ascii_alphanumeric() || c == '_')
    });
    let compared = ["len() < ", "len() >= ", "len() > ", "len() <= "]
        .iter()
        .any(|mark| after(mark, &|rest| rest.starts_with("LINES") || rest.starts_with("MOST")));
    after(".take(", &|rest| constant(rest) && !rest.starts_with("u"))
        || line.contains(".truncate(")
        || after("get(..", &|rest| {
            constant(rest) && !rest.starts_with(|c: char| c.is_ascii_digit()) || rest.starts_with("4096")
        })
        || after(" 0..", &|rest| {
            rest.starts_with("MOST") || rest.starts_with(|c: char| c.is_ascii_digit()) && constant(rest)
        })
        || after(".min(", &|rest| constant(rest) && rest.starts_with(|c: char| c.is_ascii_uppercase()))
        || named
        || compared
}

/// Lines of `text` that cut in silence, with their numbers.
fn silent(text: &str) -> Vec<(usize, &str)> {
    let lines: Vec<&str> = text.lines().take_while(|line| !line.contains("#[cfg(test)]")).collect();
    let is_start = |line: &&str| {
        let line = line.trim_start();
        !line.starts_with("//") && (line.starts_with("fn ") || line.contains(" fn ") && line.contains('('))
    };
    let mut starts: Vec<usize> =
        lines.iter().enumerate().filter(|(_, line)| is_start(line)).map(|(at, _)| at).collect();
    starts.push(lines.len());
    let mut found = Vec::new();
    for pair in starts.windows(2) {
        let body = &lines[pair[0]..pair[1]];
        let code = |line: &str| line.split("// ").next().unwrap_or_default().to_owned();
        if body.iter().any(|line| SPEAKING.iter().any(|word| code(line).contains(word))) {
            continue;
        }
        for (by, line) in body.iter().enumerate() {
            let at = pair[0] + by;
            let trimmed = line.trim_start();
            let declared = ["const ", "pub const ", "pub(crate) const ", "pub(super) const ", "use ", "static "];
            if trimmed.starts_with("//") || declared.iter().any(|word| trimmed.starts_with(word)) || !cuts(&code(line))
            {
                continue;
            }
            let explained = (at.saturating_sub(4)..=at).any(|near| lines[near].contains(REASON));
            if !explained {
                found.push((at + 1, *line));
            }
        }
    }
    found
}

#[test]
fn no_cap_of_an_opener_or_a_detector_is_silent() {
    let mut found = Vec::new();
    let mut seen = 0;
    for (path, text) in sources() {
        let name = path.strip_prefix(root()).expect("below the root").to_string_lossy().replace('\\', "/");
        let ours = ["crates/formats/src/", "crates/detect/src/"].iter().any(|folder| name.starts_with(folder));
        let of_tests = name.ends_with("tests.rs")
            || name.ends_with("testing.rs")
            || name.ends_with("test_part.rs")
            || name.contains("/tests/");
        if !ours || of_tests {
            continue;
        }
        seen += 1;
        found.extend(silent(&text).into_iter().map(|(line, text)| format!("{name}:{line}: {}", text.trim())));
    }
    assert!(seen > 100, "only {seen} files");
    assert!(
        found.is_empty(),
        "these cut something off in silence. Make the part incomplete (`Bounded`, `Parts::incomplete`, `Findings::incomplete`, \
         `Probe::doubt`), or say in a comment `// {REASON} …` why nothing can hide behind it:\n{}",
        found.join("\n")
    );
}

#[test]
fn a_silent_cap_is_told_from_one_that_speaks() {
    for (body, expected) in [
        ("for line in lines.take(MOST) {}", 1),
        ("for line in lines.take(16_000) {}", 1),
        ("let head = text.get(..LINES);", 1),
        ("for _ in 0..MOST_STEPS {}", 1),
        ("list.truncate(most);", 1),
        ("if list.len() < MOST_NAMES { list.push(name); }", 1),
        ("let n = count.min(MOST_NAMES);", 1),
        ("// LIMIT: names are for people only.\n    let n = count.min(MOST_NAMES);", 0),
        ("if list.len() < MOST_NAMES { list.push(name); } else { parts.incomplete(\"more\"); }", 0),
        ("let inner = reader.take(length);", 0),
        ("let last = self.last.take();", 0),
    ] {
        let text = format!("/// Does it.\nfn does_it() {{\n    {body}\n}}\n");
        assert_eq!(silent(&text).len(), expected, "{body}");
    }
}
