//! Maya ASCII ("File formats" of Maya's documentation): commands in MEL, which run one after the other when the file is opened. Script
//! nodes hold the source of scripts in attributes; `python`, `system`, `eval` and `exec` run what they are given at once.

use crate::{Content, Member, OpenError, Parts};
use lazaret_model::Role;

/// What scenes consist of, and that runs nothing.
const PLAIN: &[&str] = &[
    "requires",
    "currentUnit",
    "fileInfo",
    "file",
    "select",
    "connectAttr",
    "createNode",
    "setAttr",
    "addAttr",
    "parent",
    "rename",
];
/// Commands that run a string, and those of which the string is one for a shell.
const RUN: &[&str] =
    &["python", "eval", "evalEcho", "evalDeferred", "scriptJob", "exec", "system", "popen", "source", "loadPlugin"];

pub(super) fn open(text: &str, parts: &mut Parts<'_, '_>) -> Result<(), OpenError> {
    let mut in_script = false;
    let mut commands = String::new();
    let statements = Statements { rest: text };
    for statement in statements {
        parts.budget().check_time().map_err(OpenError::Limit)?;
        let statement = statement.trim_start();
        let word = statement.split(|c: char| !(c.is_ascii_alphanumeric() || c == '_')).next().unwrap_or_default();
        // A node and the attributes that are set behind it.
        if word == "createNode" {
            in_script = statement.split_whitespace().nth(1) == Some("script");
        }
        if word == "setAttr" && in_script {
            // The last string is the value; the others name the attribute and its type.
            let source = strings(statement).pop().filter(|source| source.contains(['(', ';', '\n', ' ']));
            if let Some(source) = source {
                let member = Member::unnamed(Role::Script, "script-node").of_kind("interpreted");
                parts.add_content(member, Content::from(source.into_bytes()))?;
            }
        }
        // A quote in a comment moves where statements end.
        let certain = PLAIN.contains(&word) && !statement.contains("//") && !statement.contains("/*");
        if !certain && (RUN.contains(&word) || RUN.iter().any(|run| calls(statement, run))) {
            commands.push_str(statement.trim_end());
            commands.push_str(";\n");
        }
    }
    if commands.is_empty() {
        return Ok(());
    }
    let member = Member::unnamed(Role::Script, "commands").of_kind("interpreted");
    parts.add_content(member, Content::from(commands.into_bytes()))
}

/// Whether a statement calls a command by name.
fn calls(statement: &str, command: &str) -> bool {
    memchr::memmem::find_iter(statement.as_bytes(), command).any(|at| {
        let before = at.checked_sub(1).and_then(|before| statement.as_bytes().get(before));
        let after = statement.get(at.saturating_add(command.len())..).unwrap_or_default().trim_start();
        !before.is_some_and(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'.' | b'$'))
            && after.starts_with(['(', '"', '`'])
    })
}

/// Statements, without the semicolons that end them; comments are left out where they stand before one.
struct Statements<'t> {
    rest: &'t str,
}

impl<'t> Iterator for Statements<'t> {
    type Item = &'t str;

    fn next(&mut self) -> Option<&'t str> {
        loop {
            self.rest = self.rest.trim_start();
            let Some(comment) = self.rest.strip_prefix("//") else { break };
            self.rest = comment.split_once('\n').map_or("", |(_, rest)| rest);
        }
        if self.rest.is_empty() {
            return None;
        }
        let (mut quoted, mut escaped) = (false, false);
        let end = self.rest.bytes().position(|byte| {
            let ends = byte == b';' && !quoted;
            quoted ^= byte == b'"' && !escaped;
            escaped = byte == b'\\' && !escaped && quoted;
            ends
        });
        let end = end.unwrap_or(self.rest.len());
        let (statement, rest) = self.rest.split_at(end);
        self.rest = rest.strip_prefix(';').unwrap_or(rest);
        Some(statement)
    }
}

/// The strings of a statement, those that a plus joins as one.
fn strings(statement: &str) -> Vec<String> {
    let mut found: Vec<String> = Vec::new();
    let mut joined = false;
    let mut rest = statement;
    while let Some((between, after)) = rest.split_once('"') {
        joined = !found.is_empty() && between.trim() == "+" || joined && between.trim().is_empty();
        let mut value = String::new();
        let mut characters = after.char_indices();
        let mut end = after.len();
        while let Some((at, character)) = characters.next() {
            match character {
                '"' => {
                    end = at.saturating_add(1);
                    break;
                }
                '\\' => match characters.next() {
                    Some((_, 'n')) => value.push('\n'),
                    Some((_, 'r')) => value.push('\r'),
                    Some((_, 't')) => value.push('\t'),
                    Some((_, other)) => value.push(other),
                    None => {}
                },
                other => value.push(other),
            }
        }
        match found.last_mut().filter(|_| joined) {
            Some(last) => last.push_str(&value),
            None => found.push(value),
        }
        rest = after.get(end..).unwrap_or_default();
    }
    found
}

#[cfg(test)]
mod tests {
    use crate::testing::walk_with;
    use lazaret_model::Limits;

    const HEAD: &str = "//Maya ASCII 2026 scene\nrequires maya \"2026\";\ncurrentUnit -l centimeter;\n";

    #[track_caller]
    fn check(text: &str, expected: &[(&str, &str)]) {
        let found = walk_with(format!("{HEAD}{text}").as_bytes(), "a.ma", Some("ma"), &[], Limits::default());
        assert_eq!(found.parts.len(), expected.len() + 1, "{text} {:?}", found.parts);
        for (end, bytes) in expected {
            assert_eq!(String::from_utf8_lossy(found.bytes(end)), *bytes, "{text}");
        }
        assert!(found.complete());
    }

    #[test]
    fn scripts_and_commands_are_parts() {
        check(
            "createNode script -n \"s\";\n\tsetAttr \".b\" -type \"string\" (\n\t\t\"python(\\\"import os\\\");\"\n\t\t+ \" // LAZARET\\n\");\n",
            &[
                ("//script-node", "python(\"import os\"); // LAZARET\n"),
                // What a comment may hide is shown as well.
                (
                    "//commands",
                    "setAttr \".b\" -type \"string\" (\n\t\t\"python(\\\"import os\\\");\"\n\t\t+ \" // LAZARET\\n\");\n",
                ),
            ],
        );
        check("python(\"import os; os.getcwd()\");", &[("//commands", "python(\"import os; os.getcwd()\");\n")]);
        check("string $x = `system \"echo LAZARET\"`;", &[("//commands", "string $x = `system \"echo LAZARET\"`;\n")]);
    }

    #[test]
    fn honest_scenes_have_nothing_in_them() {
        check(
            "createNode transform -n \"system\";\n\tsetAttr \".t\" -type \"double3\" 1 2 3;\nselect -ne :time1;\n",
            &[],
        );
        check("createNode script -n \"s\";\n\tsetAttr \".st\" 3;\nfileInfo \"application\" \"maya\";\n", &[]);
    }
}
