//! Finds the includes in the text of a file of YARA rules.

/// A text without its includes, of which each line is left empty so that all others keep their numbers; and those with their lines.
pub(super) fn split(text: &str) -> (String, Vec<(usize, String)>) {
    let (mut rules, mut includes, mut comment) = (String::with_capacity(text.len()), Vec::new(), false);
    for (number, line) in text.split_inclusive('\n').enumerate() {
        let mut rest = line.trim_start();
        let mut own = false;
        // Several may stand on one line.
        while !comment && let Some((name, after)) = include(rest) {
            includes.push((number + 1, name.to_owned()));
            (rest, own) = (after.trim_start(), true);
        }
        if own {
            rules.push_str(rest);
            if rest.is_empty() {
                rules.push('\n');
            }
        } else {
            rules.push_str(line);
        }
        comment = in_comment(rest, comment);
    }
    (rules, includes)
}

/// The name in an include that a text begins with, and what follows it.
fn include(text: &str) -> Option<(&str, &str)> {
    let rest = text.strip_prefix("include")?;
    let name = rest.trim_start().strip_prefix('"')?;
    name.split_once('"').filter(|(name, _)| !name.is_empty())
}

/// Whether a comment of several lines goes on behind this one.
fn in_comment(line: &str, before: bool) -> bool {
    let mut within = before;
    let mut rest = line;
    loop {
        let mark = if within { "*/" } else { "/*" };
        let Some((head, after)) = rest.split_once(mark) else { return within };
        // What follows `//` or stands in a text opens none.
        if !within && (head.contains("//") || head.matches('"').count() % 2 == 1) {
            return false;
        }
        (within, rest) = (!within, after);
    }
}
