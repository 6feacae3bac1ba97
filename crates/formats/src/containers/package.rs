//! `package.json` of npm: the commands that run when the package is installed (npm documentation, "scripts").

use super::json::{Json, text};
use crate::{Content, Format, Member, OpenError, Parts};
use lazaret_model::Role;
use memchr::memmem;

/// Bytes of a description that are read; npm's own registry refuses far smaller ones.
const MOST: u64 = if cfg!(test) { 1 << 20 } else { 64 << 20 };
/// Bytes looked through at a time.
const CHUNK: u64 = 1 << 20;
/// What the commands stand under.
const SCRIPTS: &str = "scripts";
/// What runs without being asked for: when the package itself, or one that depends on it, is installed.
const HOOKS: &[&str] = &["preinstall", "install", "postinstall", "prepublish", "preprepare", "prepare", "postprepare"];
/// Small letters written as numbers, which no encoder does: any word may be meant.
const HIDDEN: [&str; 2] = ["\\u006", "\\u007"];

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
        if !may_describe(input, parts)? {
            return Ok(());
        }
        if input.len() > MOST {
            parts.incomplete(format!("it may describe a package, and more than {MOST} bytes are not read"));
            return Ok(());
        }
        let bytes = input.window(0, usize::try_from(MOST).unwrap_or(usize::MAX))?;
        let bytes = bytes.strip_prefix(b"\xef\xbb\xbf").unwrap_or(&bytes);
        // A package has a name; other programs have settings called "scripts" too.
        let Some(Description { named: true, commands }) = Description::read(bytes) else { return Ok(()) };
        for hook in HOOKS {
            for (_, command) in commands.iter().filter(|(name, command)| name == hook && !command.trim().is_empty()) {
                let member = Member::unnamed(Role::Command, *hook).of_kind("command-line");
                parts.add_content(member, Content::from(command.as_bytes()))?;
            }
        }
        Ok(())
    }
}

/// Whether there may be commands that run at installation, by the words in it.
fn may_describe(input: &Content, parts: &mut Parts<'_, '_>) -> Result<bool, OpenError> {
    let quoted = |word: &str| format!("\"{word}\"").into_bytes();
    let (scripts, hooks) = (quoted(SCRIPTS), HOOKS.iter().map(|hook| quoted(hook)).collect::<Vec<_>>());
    let (mut has_scripts, mut has_hooks) = (false, false);
    let mut at = 0;
    while at < input.len() && !(has_scripts && has_hooks) {
        parts.budget().check_time().map_err(OpenError::Limit)?;
        // A little more, so that a word across the border is seen.
        let window = input.window(at, CHUNK as usize + 16)?;
        let has = |word: &[u8]| memmem::find(&window, word).is_some();
        let hidden = HIDDEN.iter().any(|start| has(start.as_bytes()));
        has_scripts |= hidden || has(&scripts);
        has_hooks |= hidden || hooks.iter().any(|hook| has(hook));
        at += CHUNK;
    }
    Ok(has_scripts && has_hooks)
}

/// What the description of a package says, as far as it matters here.
#[derive(Default)]
struct Description {
    named: bool,
    /// Hooks and what they run; where one is there twice, programs differ in which they take.
    commands: Vec<(String, String)>,
}

impl Description {
    /// Reads a description; none where it is no object, or something follows it.
    fn read(bytes: &[u8]) -> Option<Self> {
        let mut description = Self::default();
        let mut json = Json::new(bytes);
        json.object(&mut |json, name| {
            let first = json.peek()?;
            match &*name {
                "name" => description.named |= first == b'"',
                SCRIPTS if first == b'{' => return description.scripts(json),
                _ => {}
            }
            json.skip()
        })?;
        json.peek().is_none().then_some(description)
    }

    fn scripts(&mut self, json: &mut Json<'_>) -> Option<()> {
        json.object(&mut |json, name| {
            if json.peek()? != b'"' || !HOOKS.contains(&&*name) {
                return json.skip();
            }
            self.commands.push((name, text(json.string()?)));
            Some(())
        })
    }
}

#[cfg(test)]
mod tests {
    use crate::testing::{walk, walk_with};
    use lazaret_model::Limits;

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

    #[test]
    fn neither_depth_nor_letters_nor_repetition_hides_a_command() {
        for json in [
            format!(
                r#"{{"x": {}1{}, "name": "a", "scripts": {{"postinstall": "LAZARET"}}}}"#,
                "[".repeat(500),
                "]".repeat(500)
            ),
            r#"{"name": "a", "\u0073cripts": {"post\u0069nstall": "LAZARE\u0054"}}"#.to_owned(),
            r#"{"name": "a", "scripts": {"preinstall": 1, "postinstall": "LAZARET"}, "x": "\ud800"}"#.to_owned(),
            r#"{"name": "a", "scripts": {"postinstall": "LAZARET"}, "scripts": {}, "y": [-1.5e+3, true, null]}"#
                .to_owned(),
            r#"{"scripts": {"a": "\"}", "postinstall": "LAZARET", "b": {"c": ["}"]}}, "name": "a"}"#.to_owned(),
        ] {
            let found = walk_with(json.as_bytes(), "package.json", Some("json"), &[], Limits::default());
            assert_eq!(found.bytes("//postinstall"), b"LAZARET", "{json}");
            assert!(found.parts.len() == 2 && found.complete(), "{json}");
        }
        let odd = [&br#"{"name": "a", "scripts": {"postinstall": "\u004cAZARET \ud800 "#[..], b"\xff\"}}"].concat();
        let found = walk_with(odd, "package.json", Some("json"), &[], Limits::default());
        assert_eq!(found.bytes("//postinstall"), "LAZARET \u{fffd} \u{fffd}".as_bytes());
        for other in [r#"{"name": "a", "scripts": {"install": "x"}} {}"#, r#"["name", "scripts", "install"]"#] {
            let found = walk_with(other.as_bytes(), "x", Some("json"), &[], Limits::default());
            assert_eq!(found.parts.len(), 1, "{other}");
        }
    }

    #[test]
    fn a_large_description_is_said_to_be_unread_and_other_large_files_are_complete() {
        let padding = " ".repeat(super::MOST as usize);
        for (json, complete) in [
            (format!(r#"{{"name": "a", {padding} "scripts": {{"postinstall": "LAZARET"}}}}"#), false),
            (format!(r#"{{"name": "a", {padding} "\u0073cripts": {{}}}}"#), false),
            (format!(r#"{{"name": "a", {padding} "scripts": ["caf\u00e9"]}}"#), true),
        ] {
            let found = walk_with(json.as_bytes(), "package.json", Some("json"), &[], Limits::default());
            assert_eq!(found.complete(), complete);
        }
    }
}
