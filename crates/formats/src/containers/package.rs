//! `package.json` of npm: the commands that run when the package is installed (npm documentation, "scripts").

use crate::{Content, Format, Member, OpenError, Parts};
use lazaret_model::Role;
use serde_json::Value;

/// Bytes of a description that are read; npm's own registry refuses far smaller ones.
const MOST: u64 = 4 << 20;
/// What runs without being asked for: when the package itself, or one that depends on it, is installed.
const HOOKS: &[&str] = &["preinstall", "install", "postinstall", "prepublish", "preprepare", "prepare", "postprepare"];

/// Opens descriptions of packages; other JSON has nothing in it.
pub(super) struct Package;

impl Format for Package {
    fn id(&self) -> &'static str {
        "package"
    }

    fn kinds(&self) -> &'static [&'static str] {
        &["json"]
    }

    fn summary(&self) -> &'static str {
        "commands that an npm package runs when it is installed"
    }

    fn open(&self, input: &Content, parts: &mut Parts<'_, '_>) -> Result<(), OpenError> {
        if input.len() > MOST {
            return Ok(());
        }
        let bytes = input.window(0, usize::try_from(MOST).unwrap_or(usize::MAX))?;
        if memchr::memmem::find(&bytes, b"\"scripts\"").is_none() {
            return Ok(());
        }
        let bytes = bytes.strip_prefix(b"\xef\xbb\xbf").unwrap_or(&bytes);
        let Ok(description) = serde_json::from_slice::<Value>(bytes) else { return Ok(()) };
        // A package has a name; other programs have settings called "scripts" too.
        let (Some(Value::String(_)), Some(scripts)) = (description.get("name"), description.get("scripts")) else {
            return Ok(());
        };
        for hook in HOOKS {
            let command = scripts.get(hook).and_then(Value::as_str);
            if let Some(command) = command.filter(|command| !command.trim().is_empty()) {
                let member = Member::unnamed(Role::Command, *hook).of_kind("command-line");
                parts.add_content(member, Content::from(command.as_bytes().to_vec()))?;
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use crate::testing::walk;

    #[test]
    fn only_what_runs_at_installation_is_a_part() {
        let json = r#"{"name": "a", "version": "1.0.0", "scripts": {"test": "true", "postinstall": "echo LAZARET"}}"#;
        let found = walk(json.as_bytes(), "package.json");
        assert_eq!(found.bytes("//postinstall"), b"echo LAZARET");
        assert_eq!(found.parts.len(), 2);
        for honest in [
            r#"{"name": "a", "scripts": {"test": "true", "postinstall": " "}}"#,
            r#"{"scripts": {"postinstall": "echo"}}"#,
            r#"{"name": "a", "scripts": ["postinstall"]}"#,
            r#"{"name": "a", "scripts": {"postinstall": 1}, "more": [1, 2, 3]}"#,
        ] {
            assert_eq!(walk(honest.as_bytes(), "package.json").parts.len(), 1, "{honest}");
        }
    }
}
