//! Settings that run something: of editors, agents, shells, Git and package managers, by one table
//! (`content/settings-that-run.txt`).
//!
//! Each row is a place, a name in it and what happens. The files are parsed, not searched: escapes, comments and names that come
//! twice hide nothing, and words in a comment are not settings.

use crate::text::{cut, decode};
use crate::{DetectError, Detector, Findings, Reads, flat};
use lazaret_model::{Class, Family, Finding, Part, Role, Severity};
use std::sync::LazyLock;

const ID: &str = "settings";
const TABLE: &str = include_str!("../../content/settings-that-run.txt");

/// Settings of editors, agents, shells, Git and package managers.
pub(crate) struct Settings;

impl Detector for Settings {
    fn id(&self) -> &'static str {
        ID
    }

    fn summary(&self) -> &'static str {
        "settings of editors, agents, shells, Git and package managers that run something by themselves"
    }

    fn reads(&self) -> Reads {
        Reads::Everything
    }

    fn wants(&self, part: &Part) -> bool {
        // Layers of images have no names of their own, and stand beside their settings.
        let held = matches!(part.kind.class, Class::Archive | Class::DiskImage);
        part.named && part.size > 0 && part.role != Role::Command && !held && rows(part).next().is_some()
    }

    fn inspect(&self, part: &Part, bytes: &[u8], _offset: u64, findings: &mut Findings) -> Result<(), DetectError> {
        let text = decode(bytes);
        let rows: Vec<&Row> = rows(part).collect();
        let mut found: Vec<(&Row, String)> = Vec::new();
        let mut meet = |row: &'static Row, path: &flat::Path, value: &str| {
            let known = found.iter().any(|(other, _)| other.what == row.what && other.finding == row.finding);
            if !known && row.value.fits(value) {
                let name = if path.is_empty() { String::new() } else { format!("{}: ", path.join(".")) };
                found.push((row, format!("{name}{value}")));
            }
        };
        for form in [Form::Json, Form::Yaml, Form::Toml, Form::Ini, Form::Lines, Form::Any] {
            let own: Vec<&'static Row> = rows.iter().copied().filter(|row| row.form == form).collect();
            if own.is_empty() {
                continue;
            }
            let mut each = |path: &flat::Path, value: &str| {
                own.iter().filter(|row| row.leads(path)).for_each(|row| meet(row, path, value));
            };
            let read = match form {
                Form::Json => {
                    flat::json(&text, &mut each);
                    Ok(())
                }
                Form::Yaml => flat::yaml(&text, &mut each),
                Form::Toml => flat::toml(&text, &mut each),
                Form::Ini => {
                    flat::sections(&text, &mut each);
                    Ok(())
                }
                Form::Lines => {
                    lines(&text, &mut each);
                    Ok(())
                }
                Form::Any => {
                    each(&[], "");
                    Ok(())
                }
            };
            // What is only a fact is no reason to stop a file that a template engine has yet to fill in.
            let facts = own.iter().all(|row| row.finding == "container");
            if let Err(problem) = read
                && !facts
            {
                findings
                    .incomplete(format!("it is called like settings that run programs, and cannot be read: {problem}"));
            }
        }
        for (row, value) in found {
            findings.add(row.tell(&value));
        }
        Ok(())
    }
}

/// Lines that are no comments, each as a value without a name.
fn lines(text: &str, each: &mut dyn FnMut(&flat::Path, &str)) {
    let comment = |line: &str| {
        line.starts_with('#') && !line.starts_with("#!")
            || line.starts_with(";;")
            || line.starts_with('"') && !line.contains(':')
    };
    let lines = text.lines().map(str::trim).filter(|line| !line.is_empty() && !comment(line));
    lines.for_each(|line| each(&[], line));
}

/// Rows whose place a part may be at.
fn rows(part: &Part) -> impl Iterator<Item = &'static Row> {
    let name = landed(&part.name);
    // Git runs no hook that is called so.
    let example = name.ends_with(".sample");
    ROWS.iter().filter(move |row| !example && row.place.fits(&name))
}

/// Where a name lands when it is unpacked, in small letters: systems leave out what ends a name in blanks or dots, steps that lead
/// nowhere, streams, and characters that nobody sees, and Windows has short names (`GIT~1`, which Git guards against as well).
fn landed(name: &str) -> String {
    let seen = |c: &char| !matches!(c, '\u{200b}'..='\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2060}'..='\u{206f}' | '\u{feff}');
    let name: String = name.replace('\\', "/").chars().filter(seen).collect::<String>().to_lowercase();
    let steps = name.split('/').map(|step| match step {
        ".." => step,
        "git~1" => ".git",
        step => step.split(':').next().unwrap_or_default().trim_end_matches(['.', ' ']),
    });
    steps.filter(|step| !step.is_empty()).collect::<Vec<_>>().join("/")
}

/// The form of a file of settings.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Form {
    Json,
    Yaml,
    Toml,
    Ini,
    Lines,
    Any,
}

/// One row of the table.
struct Row {
    place: Place,
    form: Form,
    key: Vec<&'static str>,
    value: Value,
    finding: &'static str,
    what: &'static str,
}

impl Row {
    fn read(line: &'static str) -> Option<Self> {
        let mut cells = line.split('|').map(str::trim);
        let place = cells.next()?;
        let form = match cells.next()? {
            "json" => Form::Json,
            "yaml" => Form::Yaml,
            "toml" => Form::Toml,
            "ini" => Form::Ini,
            "lines" => Form::Lines,
            "any" => Form::Any,
            _ => return None,
        };
        let key = cells.next()?.split('.').filter(|name| !name.is_empty()).collect();
        let value = Value::read(cells.next()?);
        let (finding, what) = (cells.next()?, cells.next()?);
        Some(Self { place: Place(place), form, key, value, finding, what })
    }

    /// Whether names lead to this row's setting. Programs that write `a.b` as one name mean the same by it.
    fn leads(&self, path: &flat::Path) -> bool {
        let parted: Vec<&str> = path.iter().flat_map(|name| name.split('.')).collect();
        // A name that somebody chose may have dots, and is still one.
        let whole: Vec<&str> = path.iter().map(String::as_str).collect();
        leads(&self.key, &parted) || leads(&self.key, &whole)
    }

    fn tell(&self, value: &str) -> Finding {
        // (id, severity, techniques): what is at once a project's own habit weighs less than what runs unasked.
        let (id, severity, techniques): (_, _, &[&'static str]) = match self.finding {
            "folder-open" => ("hooks.folder-open", Severity::Medium, &["T1204.002", "T1059"]),
            "agent" => ("hooks.agent", Severity::Medium, &["T1204.002", "T1059"]),
            "shell-entry" => ("hooks.shell-entry", Severity::Medium, &["T1546.004"]),
            "git" => ("hooks.git", Severity::Medium, &["T1204.002", "T1059"]),
            "installation" => ("hooks.installation", Severity::Medium, &["T1195.002", "T1059"]),
            "extension" => ("hooks.extension", Severity::Low, &["T1176.002"]),
            "browser-extension" => ("hooks.browser-extension", Severity::Low, &["T1176.001"]),
            "container" => ("hooks.container", Severity::Low, &["T1204.003"]),
            "build" => ("hooks.build", Severity::Medium, &["T1195.001", "T1059"]),
            _ => ("hooks.container-start", Severity::Medium, &["T1204.003"]),
        };
        let found = Finding::new(id, ID, severity, Family::Behaviour, self.what).with("value", cut(value));
        techniques.iter().fold(found, |found, technique| found.technique(technique))
    }
}

/// Whether the names of a row's key, some of which stand for any, are these.
fn leads(key: &[&str], names: &[&str]) -> bool {
    match (key, names) {
        ([], []) => true,
        (["**", rest @ ..], _) => (0..=names.len()).any(|by| leads(rest, names.get(by..).unwrap_or_default())),
        ([first, rest @ ..], [name, names @ ..]) => {
            (*first == "*" || first.eq_ignore_ascii_case(name)) && leads(rest, names)
        }
        _ => false,
    }
}

/// The end of a path, with `*` for any letters of a name.
struct Place(&'static str);

impl Place {
    /// Whether a name in lower case ends so; folders that it does not have are taken to fit.
    fn fits(&self, name: &str) -> bool {
        let mut names = name.rsplit('/');
        let mut own = self.0.rsplit('/');
        let (Some(last), Some(pattern)) = (names.next(), own.next()) else { return false };
        if !glob(&pattern.to_lowercase(), last) {
            return false;
        }
        // A file alone is known by its name, if that says anything.
        let alone =
            !name.contains('/') && !pattern.starts_with('*') && pattern != "config" && pattern != "settings.json";
        alone || own.all(|pattern| names.next().is_some_and(|name| glob(&pattern.to_lowercase(), name)))
    }
}

/// Whether a name is as the pattern says, in which one `*` stands for any letters.
fn glob(pattern: &str, name: &str) -> bool {
    match pattern.split_once('*') {
        Some((start, end)) => name.len() >= start.len() + end.len() && name.starts_with(start) && name.ends_with(end),
        None => name == pattern,
    }
}

/// Values that count.
enum Value {
    Any,
    Is(&'static str),
    /// So, and with none of these.
    Begins(&'static str, Vec<&'static str>),
    Contains(&'static str),
    OtherThan(Vec<&'static str>),
}

impl Value {
    fn read(cell: &'static str) -> Self {
        let rest = cell.get(1..).unwrap_or_default();
        match cell.chars().next() {
            Some('=') => Self::Is(rest),
            Some('^') => {
                let (start, others) = rest.split_once(" !").unwrap_or((rest, ""));
                Self::Begins(start, others.split(',').filter(|other| !other.is_empty()).collect())
            }
            Some('~') => Self::Contains(rest),
            Some('!') => Self::OtherThan(rest.split(',').collect()),
            _ => Self::Any,
        }
    }

    fn fits(&self, value: &str) -> bool {
        let value = value.trim();
        match self {
            Self::Any => true,
            Self::Is(wanted) => value.eq_ignore_ascii_case(wanted),
            Self::Begins(wanted, usual) => {
                value.starts_with(wanted) && !usual.iter().any(|known| value.starts_with(known))
            }
            Self::Contains(wanted) => value.to_lowercase().contains(&wanted.to_lowercase()),
            // The usual program, without a second one behind it.
            Self::OtherThan(usual) => {
                let is_usual = |known: &&str| {
                    value.strip_prefix(*known).is_some_and(|rest| {
                        !rest.starts_with(|c: char| c.is_alphanumeric()) && !rest.contains([';', '&', '|', '$', '`'])
                    })
                };
                !value.is_empty() && !usual.iter().any(is_usual)
            }
        }
    }
}

static ROWS: LazyLock<Vec<Row>> = LazyLock::new(|| table().filter_map(Row::read).collect());

fn table() -> impl Iterator<Item = &'static str> {
    TABLE.lines().filter(|line| !line.is_empty() && !line.starts_with('#'))
}

#[cfg(test)]
mod tests {
    use super::{ROWS, Settings, table};
    use crate::testing::{ids, part};
    use lazaret_model::Class;

    #[track_caller]
    fn check(name: &str, text: &str, expected: &[&str]) {
        let mut part = part(name, "text", Class::Text);
        part.size = text.len() as u64;
        assert_eq!(ids(&Settings, &part, text.as_bytes()), expected, "{name}: {text}");
    }

    #[test]
    fn every_row_of_the_table_is_read() {
        assert_eq!(ROWS.len(), table().count());
        for row in ROWS.iter() {
            let tells = row.tell("x");
            let known = [
                "folder-open",
                "agent",
                "shell-entry",
                "git",
                "installation",
                "extension",
                "browser-extension",
                "build",
                "container",
                "container-start",
            ];
            assert!(known.contains(&row.finding) && tells.id.ends_with(row.finding), "{}", row.finding);
            assert!(!row.what.is_empty() && !row.what.ends_with('.'), "{}", row.what);
        }
    }

    #[test]
    fn settings_that_run_something_are_found() {
        for (name, text, id) in [
            (
                "a/.vscode/tasks.json",
                r#"{"tasks": [{"command": "x", "runOptions": {"run\u004fn": "folderOpen"}}]}"#,
                "hooks.folder-open",
            ),
            ("tasks.json", "{// c\n'tasks': [{'runOptions': {'runOn': /**/ 'folderOpen',},},]}", "hooks.folder-open"),
            (
                "x.code-workspace",
                r#"{"tasks": {"tasks": [{"runOptions": {"runOn": "folderOpen"}}]}}"#,
                "hooks.folder-open",
            ),
            ("a/.vscode/settings.json", r#"{"chat.tools.autoApprove": true}"#, "hooks.agent"),
            ("a/.mcp.json", r#"{"mcpServers": {"x": {"command": "echo"}}}"#, "hooks.agent"),
            (
                ".claude/settings.local.json",
                r#"{"hooks": {"Stop": [{"hooks": [{"type": "command", "command": "echo"}]}]}}"#,
                "hooks.agent",
            ),
            (".devcontainer/devcontainer.json", r#"{"initializeCommand": ["echo"]}"#, "hooks.folder-open"),
            (".devcontainer/x/devcontainer.json", r#"{"postCreateCommand": "echo"}"#, "hooks.container-start"),
            ("a/.envrc", "# comment\necho\n", "hooks.shell-entry"),
            ("a/.git/hooks/post-checkout", "#!/bin/sh\necho\n", "hooks.git"),
            ("a/.git/config", "[core]\n\tfsmonitor = ./echo\n", "hooks.git"),
            ("a/.git/config", "[core]\n\thooksPath = .hidden\n", "hooks.git"),
            ("a/.git/config", "[filter \"lfs\"]\n\tclean = git-lfs clean; echo\n", "hooks.git"),
            ("a/.git/config", "[alias]\n\tst = !echo\n", "hooks.git"),
            (".gitmodules", "[submodule \"x\"]\n url = -u./echo\n", "hooks.git"),
            ("a/binding.gyp", "{'targets': [{'sources': ['<!(echo)']}]}", "hooks.installation"),
            ("pyproject.toml", "[build-system]\nbackend-path = ['.']\n", "hooks.installation"),
            ("composer.json", r#"{"scripts": {"post-install-cmd": ["echo"]}}"#, "hooks.installation"),
            ("composer.json", r#"{"type": "composer-plugin"}"#, "hooks.installation"),
            ("a.gemspec", "s.extensions = ['ext/extconf.rb']\n", "hooks.installation"),
            (".yarnrc.yml", "yarnPath: ./echo.cjs\n", "hooks.installation"),
            ("package.json", r#"{"activationEvents": ["*"]}"#, "hooks.extension"),
            (".cargo/config.toml", "[build]\nrustc-wrapper = './echo'\n", "hooks.build"),
            ("etc/wsl.conf", "[boot]\ncommand = echo\n", "hooks.container-start"),
            ("./etc/wsl.conf", "[boot]\r\ncommand=\"echo\"\r\n", "hooks.container-start"),
            ("./etc/wsl-distribution.conf", "[oobe]\ncommand = /etc/oobe.sh\n", "hooks.container-start"),
            ("Dockerfile", "FROM scratch\nENTRYPOINT [\"echo\"]\n", "hooks.container"),
            ("config.json", r#"{"config": {"Entrypoint": ["/bin/sh", "-c", "echo"]}}"#, "hooks.container"),
            ("blobs/sha256/00ff", r#"{"config": {"Cmd": ["echo"]}}"#, "hooks.container"),
            ("docker-compose.yml", "services:\n  a:\n    privileged: true\n", "hooks.container"),
            ("compose.yaml", "services: {a: {volumes: ['/:/host']}}\n", "hooks.container"),
            ("manifest.json", r#"{"server": {"mcp_config": {"command": "node"}}}"#, "hooks.agent"),
            ("extension/package.json", r#"{"activationEvents": ["onStartupFinished"]}"#, "hooks.extension"),
            ("extension/package.json", r#"{"extensionPack": ["a.b"]}"#, "hooks.extension"),
            ("manifest.json", r#"{"permissions": ["storage", "debugger"]}"#, "hooks.browser-extension"),
            ("manifest.json", r#"{"host_permissions": ["*://*/*"]}"#, "hooks.browser-extension"),
            ("a/manifest.json", r#"{"content_scripts": [{"matches": ["<all_urls>"]}]}"#, "hooks.browser-extension"),
            (".idea/startup.xml", "<x>\n<configuration name='a'/>\n</x>", "hooks.folder-open"),
        ] {
            check(name, text, &[id]);
        }
    }

    #[test]
    fn ordinary_settings_are_left_alone() {
        for (name, text) in [
            ("a/.vscode/tasks.json", r#"{"tasks": [{"command": "make", "runOptions": {"runOn": "default"}}]}"#),
            (
                "a/.vscode/tasks.json",
                r#"{// "runOn": "folderOpen"
                "tasks": [{"label": "runOn: folderOpen"}]}"#,
            ),
            ("a/.vscode/settings.json", r#"{"editor.tabSize": 4, "task.allowAutomaticTasks": "off"}"#),
            ("a/.claude/settings.json", r#"{"permissions": {"allow": ["Bash(ls)"]}}"#),
            ("a/.git/hooks/post-checkout.sample", "#!/bin/sh\necho\n"),
            (
                "a/.git/config",
                "[core]\n\tbare = false\n\tfsmonitor = true\n[filter \"lfs\"]\n\tclean = git-lfs clean -- %f\n[credential]\n\thelper = store\n",
            ),
            (".gitmodules", "[submodule \"x\"]\n url = https://host.invalid/x.git\n"),
            ("binding.gyp", "{'targets': [{'target_name': 'x', 'sources': ['a.cc']}]}"),
            ("pyproject.toml", "[build-system]\nrequires = ['setuptools']\nbuild-backend = 'setuptools.build_meta'\n"),
            ("composer.json", r#"{"scripts": {"test": "phpunit"}}"#),
            (".yarnrc.yml", "yarnPath: .yarn/releases/yarn-4.0.0.cjs\n"),
            ("package.json", r#"{"activationEvents": ["onLanguage:x"]}"#),
            ("config", "[core]\n\tfsmonitor = x\n"),
            ("etc/wsl.conf", "[boot]\nsystemd = true\n"),
            ("docker-compose.yml", "services:\n  a:\n    image: x\n    volumes: ['./data:/data']\n"),
            ("docker-compose.yml", "services: {{ services\n"),
            ("config.json", r#"{"model_type": "x", "config": {"name": "y"}}"#),
            ("manifest.json", r#"{"name": "App", "start_url": "/", "display": "standalone"}"#),
            ("manifest.json", r#"{"permissions": ["storage"], "host_permissions": ["https://host.invalid/*"]}"#),
            ("extension/package.json", r#"{"extensionDependencies": ["vscode.git"]}"#),
            ("docs/.envrc.md", "echo\n"),
            ("a/.envrc", "# nothing\n"),
        ] {
            check(name, text, &[]);
        }
    }

    #[test]
    fn programs_of_a_project_are_found_in_the_settings_of_its_tools() {
        for (name, text, id) in [
            (
                "a/.vscode/settings.json",
                r#"{"emeraldwalk.runonsave": {"commands": [{"cmd": "echo"}]}}"#,
                "hooks.folder-open",
            ),
            (
                "a/.vscode/settings.json",
                r#"{"terminal.integrated.profiles.linux": {"bash": {"path": "bash", "args": ["-c", "echo"]}}}"#,
                "hooks.folder-open",
            ),
            (
                "a/.vscode/settings.json",
                r#"{"terminal.integrated.env.linux": {"BASH_ENV": "./x"}}"#,
                "hooks.folder-open",
            ),
            ("a/.vscode/settings.json", r#"{"chat.tools.terminal.autoApprove": {"/.*/": true}}"#, "hooks.agent"),
            ("a/.idea/workspace.xml", "<component name=\"ProjectStartupSharedConfiguration\">", "hooks.folder-open"),
            ("a/.dir-locals-2.el", "((nil . ((eval . (echo)))))", "hooks.folder-open"),
            ("plan/acaddoc.lsp", "(echo)", "hooks.folder-open"),
            ("a/.Rprofile", "system(\"echo\")\n", "hooks.shell-entry"),
            ("a/mise.local.toml", "[env]\n_.source = './x.sh'\n", "hooks.shell-entry"),
            ("x.git/config", "[core]\n\tfsmonitor = echo\n", "hooks.git"),
            ("a/.git/modules/b/config", "[core]\n\tfsmonitor = echo\n", "hooks.git"),
            ("a/.git/config.worktree", "[core]\n\thooksPath = .x\n", "hooks.git"),
            ("a/.git/config", "[include]\n\tpath = ../x\n", "hooks.git"),
            ("a/.git/config", "[pager]\n\tlog = echo\n", "hooks.git"),
            ("a/.hg/hgrc", "[hooks]\nupdate = echo\n", "hooks.git"),
            ("package.json", r#"{"dependencies": {"x": "http://host.invalid/a.tgz"}}"#, "hooks.installation"),
            ("package.json", r#"{"overrides": {"x": {"y": "https://host.invalid/a.tgz"}}}"#, "hooks.installation"),
            ("pyproject.toml", "[build-system]\nrequires = ['x @ https://host.invalid/x.whl']\n", "hooks.installation"),
            ("requirements.txt", "https://host.invalid/x.whl\n", "hooks.installation"),
            ("rust-toolchain", "[toolchain]\npath = './x'\n", "hooks.build"),
            ("a/x.csproj", "<Exec Command=\"powershell -c echo\"/>", "hooks.build"),
            ("a/x.uplugin", r#"{"PreBuildSteps": {"Win64": ["echo"]}}"#, "hooks.build"),
            ("a/.claude-plugin/plugin.json", r#"{"mcpServers": {"x": {"command": "echo"}}}"#, "hooks.agent"),
            ("a/.claude/settings.json", r#"{"env": {"ANTHROPIC_BASE_URL": "https://host.invalid"}}"#, "hooks.agent"),
            ("a/.opencode/plugins/x.ts", "export const X = 1", "hooks.agent"),
            ("crush.json", r#"{"mcp": {"x": {"command": "echo"}}}"#, "hooks.agent"),
        ] {
            check(name, text, &[id]);
        }
    }

    #[test]
    fn neither_dots_in_names_nor_spellings_of_a_path_hide_settings() {
        let server = r#"{"mcpServers": {"a.b": {"command": "echo"}}}"#;
        let task = r#"{"tasks": [{"runOptions": {"runOn": "folderOpen"}}]}"#;
        for (name, text, id) in [
            ("a/.mcp.json", server, "hooks.agent"),
            ("a/.codex/config.toml", "[mcp_servers.\"a.b\"]\ncommand = 'echo'\n", "hooks.agent"),
            ("a/.git/config", "[filter \"a.b\"]\n\tclean = echo\n", "hooks.git"),
            ("package.json", r#"{"dependencies": {"a.b": "http://host.invalid/a.tgz"}}"#, "hooks.installation"),
            ("a/.vscode/tasks.json. ", task, "hooks.folder-open"),
            ("a/.vscode./tasks.json", task, "hooks.folder-open"),
            ("a/.vscode/.//tasks.json", task, "hooks.folder-open"),
            ("a\\.VSCode\\Tasks.json::$DATA", task, "hooks.folder-open"),
            ("a/.v\u{200c}scode/tasks.json", task, "hooks.folder-open"),
            ("a/GIT~1/config", "[core]\n\tfsmonitor = echo\n", "hooks.git"),
        ] {
            check(name, text, &[id]);
        }
    }

    #[test]
    fn habits_of_projects_are_left_alone() {
        for (name, text) in [
            (
                "a/.vscode/settings.json",
                r#"{"terminal.integrated.profiles.linux": {"zsh": {"path": "zsh", "args": ["-l"]}}}"#,
            ),
            ("a/.vscode/settings.json", r#"{"chat.tools.terminal.autoApprove": {"ls": true}}"#),
            ("a/.vscode/settings.json", r#"{"python.defaultInterpreterPath": "${workspaceFolder}/.venv/bin/python"}"#),
            ("a/.Rprofile", "source(\"renv/activate.R\")\n"),
            ("a/.git/config", "[pager]\n\tbranch = false\n[diff]\n\ttool = vimdiff\n"),
            ("a/.ssh/config", "Host *\n  ForwardAgent no\n"),
            (
                "package.json",
                r#"{"dependencies": {"xlsx": "https://cdn.sheetjs.com/xlsx-0.20.3/xlsx-0.20.3.tgz", "y": "^1.0.0"}}"#,
            ),
            ("package.json", r#"{"scripts": {"build": "tsc", "test": "vitest"}, "homepage": "http://host.invalid"}"#),
            ("requirements.txt", "flask==3.0\n# http://host.invalid\nx @ git+https://github.com/x/y\n"),
            ("rust-toolchain", "1.90.0\n"),
            ("rust-toolchain.toml", "[toolchain]\nchannel = 'stable'\n"),
            ("a/x.csproj", "<Exec Command=\"npm install\"/>"),
            ("a/.claude/settings.json", r#"{"permissions": {"allow": ["Bash(npm test)"]}, "env": {"X": "1"}}"#),
            ("mise.toml", "[tools]\nnode = '22'\n[env]\nA = 'b'\n"),
            ("pyproject.toml", "[tool.poetry]\nname = 'x'\n[tool.hatch.build.targets.wheel]\npackages = ['x']\n"),
        ] {
            check(name, text, &[]);
        }
    }

    #[test]
    fn settings_that_cannot_be_read_are_incomplete() {
        let mut findings = crate::Findings::default();
        let part = part(".yarnrc.yml", "text", Class::Text);
        crate::Detector::inspect(&Settings, &part, b"a: [", 0, &mut findings).unwrap();
        assert!(findings.into_parts().1.iter().any(|reason| reason.contains("cannot be read")));
    }
}
