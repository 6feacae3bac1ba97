//! What is written from the table of facts: the schema that policies are validated against, and `docs/facts.md`.

use super::{Fact, Place, all_facts};
use crate::actions::ACTIONS;
use lazaret_model::Known;
use std::fmt::Write as _;

/// Characters of a line of the schema.
const WIDTH: usize = 118;

/// The schema in Cedar, which is also `policies/lazaret.cedarschema`.
pub(crate) fn schema_text() -> String {
    let mut text = String::from(
        "// What policies can refer to. One request is about one part of one sample: may it be delivered, may it be held?\n\
         // This file is generated from the table of facts, crates/policy/src/facts.rs; docs/facts.md says more about each.\n\
         namespace Lazaret {\n",
    );
    comment(
        &mut text,
        1,
        "People, by the name they authenticated with, and their groups. Unauthenticated: Person::\"anonymous\".",
    );
    text.push_str("  entity Group;\n  entity Person in [Group];\n");
    for (about, head, place) in [
        ("The sample or something inside it.", "entity Part = {", Place::Resource),
        ("What is known about a site.", "type Site = {", Place::Site),
        ("How it is transferred.", "type Request = {", Place::Context),
    ] {
        text.push('\n');
        comment(&mut text, 1, about);
        let _ = writeln!(text, "  {head}");
        for fact in all_facts().filter(|fact| fact.place == place) {
            comment(&mut text, 2, fact.meaning());
            let mark = if fact.optional { "?" } else { "" };
            let _ = writeln!(text, "    \"{}\"{mark}: {},", fact.name, fact.kind.cedar());
        }
        text.push_str("  };\n");
    }
    text.push('\n');
    comment(&mut text, 1, "If neither delivering nor holding is permitted, a file is blocked.");
    for action in ACTIONS {
        let unasked = if action.asked { "" } else { " Not used yet." };
        comment(&mut text, 1, &format!("{}: {}{unasked}", action.name, action.meaning));
    }
    let names: Vec<_> = ACTIONS.iter().map(|action| action.name).collect();
    let _ = writeln!(
        text,
        "  action {}\n  appliesTo {{ principal: Person, resource: Part, context: Request }};\n}}",
        names.join(", ")
    );
    text
}

/// A comment in lines.
fn comment(text: &mut String, level: usize, words: &str) {
    let start = format!("{}//", "  ".repeat(level));
    let mut line = start.clone();
    for word in words.split(' ') {
        if line.chars().count() + 1 + word.chars().count() > WIDTH && line != start {
            let _ = writeln!(text, "{line}");
            line.clone_from(&start);
        }
        let _ = write!(line, " {word}");
    }
    let _ = writeln!(text, "{line}");
}

/// From when on a fact is known, for people.
fn since(known: Known) -> &'static str {
    match known {
        Known::Request => "at the request",
        Known::Head => "with the message header",
        Known::FirstBytes => "after the first bytes",
        Known::Inspection => "after the inspection",
        Known::Ledger => "after the ledger lookup",
    }
}

impl Fact {
    /// From when on it is known, for people.
    pub fn since(&self) -> &'static str {
        since(self.known)
    }
}

/// The page of the documentation about facts and actions, in Markdown, which is `docs/facts.md`.
#[cfg(test)]
fn facts_page() -> String {
    let mut text = String::from(
        "# What policies can ask about\n\
         \n\
         Policies are written in [Cedar](https://www.cedarpolicy.com). Each request is about one part of one file: may it be delivered to this person and, if\n\
         not, may it be held for them? The strictest answer for any part decides about the file. These are the facts that a policy can use;\n\
         `lazaret policy facts` prints them, with `--json` for programs. A policy that uses anything else is rejected when it is loaded, with its\n\
         line and column. Lazaret's built-in policies are in `policies/default.cedar`; `policies/default.test.toml` shows how to set facts in cases\n\
         for `lazaret policy test`. This page is generated from the table in `crates/policy/src/facts.rs`; a test keeps the two in line, and\n\
         regenerates the page with `LAZARET_BLESS=1` in its environment.\n\
         \n\
         **Known** says when a fact becomes reliable. Gates ask before the last byte has arrived, so that whatever will be forbidden in any case is\n\
         refused early: then only policies all of whose facts are already known count. What the first bytes look like is not known early if the file\n\
         can still turn out to be something else, as with ZIP archives and compound files. **Else** is the value that policies see if the fact is\n\
         unknown, and the default in a case of `lazaret policy test`.\n",
    );
    for (place, title, about) in [
        (Place::Principal, "The person", "A person is someone who authenticated at a gate, or whom a gateway names."),
        (Place::Resource, "The file", "Each part is decided separately: the file itself, and everything in it."),
        (Place::Context, "The transfer", "These are the same for all parts of a file."),
        (Place::Site, "The site", "Ask for the site first: `context has site && context.site.suspicious`."),
    ] {
        let _ = write!(
            text,
            "\n## {title}\n\n{about}\n\n| fact | type | known | else | meaning |\n|---|---|---|---|---|\n"
        );
        for fact in all_facts().filter(|fact| fact.place == place) {
            let unit = fact.unit.map(|unit| format!(", in {unit}")).unwrap_or_default();
            let kind = format!("`{}`{unit}{}", fact.kind.cedar(), if fact.optional { "; may be absent" } else { "" });
            let (path, since, usual, meaning) = (fact.path(), fact.since(), fact.usual(), fact.meaning());
            let _ = writeln!(text, "| `{path}` | {kind} | {since} | `{usual}` | {meaning} |");
        }
    }
    text.push_str(
        "\n## Actions\n\
         \n\
         If neither `deliver` nor `hold` is permitted, a file is blocked. A policy may refer to any of these actions; those marked “not used yet”\n\
         have no effect, and `lazaret policy check` says so.\n\
         \n| action | used | meaning |\n|---|---|---|\n",
    );
    for action in ACTIONS {
        let asked = if action.asked { "by every gate" } else { "not used yet" };
        let _ = writeln!(text, "| `{}` | {asked} | {} |", action.name, action.meaning);
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Facts;
    use std::collections::HashSet;
    use std::path::Path;

    #[expect(clippy::disallowed_methods, reason = "whoever changed the table asks this test to write what it holds")]
    #[track_caller]
    fn check_written(path: &str, expected: &str) {
        let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..").join(path);
        if std::env::var_os("LAZARET_BLESS").is_some() {
            std::fs::write(&path, expected).unwrap();
        }
        let written = std::fs::read_to_string(&path).unwrap();
        let differs = written.lines().zip(expected.lines()).find(|(own, other)| own != other);
        assert!(differs.is_none() && written == expected, "run this test with LAZARET_BLESS=1: {differs:?}");
    }

    #[test]
    fn the_schema_that_people_read_is_the_one_that_policies_are_validated_by() {
        check_written("policies/lazaret.cedarschema", &schema_text());
    }

    #[test]
    fn the_page_about_facts_is_what_the_table_says() {
        check_written("docs/facts.md", &facts_page());
    }

    #[test]
    fn every_fact_has_a_name_of_its_own_a_meaning_and_a_unit_where_it_is_a_number() {
        let mut names = HashSet::new();
        for fact in all_facts() {
            // Policies are looked through for names, wherever they stand: no two facts may share one.
            assert!(names.insert(fact.name), "{} is there twice", fact.name);
            let meaning = fact.meaning();
            assert!(meaning.ends_with('.') && !meaning.contains('|') && meaning.len() > 10, "{}: {meaning}", fact.name);
            assert_eq!(fact.kind.cedar() == "Long", fact.unit.is_some(), "{}", fact.name);
            assert_eq!(fact.optional, fact.usual() == "absent", "{}", fact.name);
            if fact.place != Place::Site {
                assert_eq!(Facts::default().value(fact), fact.usual(), "{}", fact.name);
            }
        }
    }
}
