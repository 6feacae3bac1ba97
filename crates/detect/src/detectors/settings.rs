//! Settings that run something: of editors, agents, shells, Git and package managers, by one table
//! (`content/settings-that-run.txt`).
//!
//! Each row is a place, a name in it and what happens. The files are parsed, not searched: escapes, comments and names that come
//! twice hide nothing, and words in a comment are not settings. What systems know by its content rather than by its place
//! ([`systems`]), settings that texts give their editors ([`modelines`]), and code that programs run when they open a file of theirs
//! ([`projects`]), are looked at beside.

mod indexes;
mod modelines;
mod projects;
mod systems;

use crate::text::{cut, decode};
use crate::{DetectError, Detector, Findings, Reads, commands, flat};
use lazaret_model::{Class, Family, Finding, Part, Role, Severity};
use regex::Regex;
use std::collections::HashMap;
use std::sync::LazyLock;

const ID: &str = "settings";
/// Bytes of a member's name at the beginning of an archive (POSIX, "ustar Interchange Format").
const LONGEST_NAME: usize = 100;
const TABLE: &str = include_str!("../../content/settings-that-run.txt");

/// Settings of editors, agents, shells, Git, package managers, connections and systems.
pub(crate) struct Settings;

impl Detector for Settings {
    fn id(&self) -> &'static str {
        ID
    }

    fn summary(&self) -> &'static str {
        "settings of editors, agents, shells, Git, package managers, connections and systems that run something by themselves"
    }

    fn reads(&self) -> Reads {
        Reads::Everything
    }

    fn wants(&self, part: &Part) -> bool {
        let known = || part.named && rows(part).next().is_some();
        part.size > 0
            && part.role != Role::Command
            && (systems::wants(part) || projects::wants(part) || modelines::wants(part) || known())
    }

    fn inspect(&self, part: &Part, bytes: &[u8], offset: u64, findings: &mut Findings) -> Result<(), DetectError> {
        if modelines::wants(part) {
            modelines::look(part, bytes, offset, findings);
        }
        if systems::wants(part) {
            systems::look(part, bytes, offset, findings);
        }
        if projects::wants(part) {
            projects::look(part, bytes, offset, findings);
        }
        let rows: Vec<&Row> = if part.named { rows(part).collect() } else { Vec::new() };
        // Layers of images have no names of their own, and stand beside their settings; in front of an archive settings may stand.
        let packed = matches!(part.kind.class, Class::Archive | Class::DiskImage) && !begins_as_text(bytes);
        if rows.is_empty() || packed {
            return Ok(());
        }
        let text = decode(bytes);
        let whole = offset == 0 && bytes.len() as u64 >= part.size;
        if !whole && rows.iter().any(|row| row.may_be_in(&text)) {
            findings.incomplete("it is called like settings that run programs, and is too large to be read as such");
        }
        let mut found: Vec<(&Row, String)> = Vec::new();
        let mut meet = |row: &'static Row, path: &flat::Path, value: &str| {
            let known = found.iter().any(|(other, _)| other.what == row.what && other.finding == row.finding);
            if !known && row.value.fits(value) {
                let name = if path.is_empty() { String::new() } else { format!("{}: ", path.join(".")) };
                found.push((row, format!("{name}{value}")));
            }
        };
        for form in [Form::Json, Form::Yaml, Form::Toml, Form::Ini, Form::Words, Form::Lines, Form::Any] {
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
                Form::Words => {
                    words(&text, &mut each);
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
            let facts = own.iter().all(|row| matches!(row.finding, "container" | "plain-index"));
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

/// Whether lines of text stand before anything else, or so many letters that a shell no longer asks whether it is one: an archive may
/// hang behind settings of any length. Archives themselves begin with a mark or a name, and no line.
fn begins_as_text(bytes: &[u8]) -> bool {
    // LIMIT: headers of archives have other bytes among their first.
    let head = bytes.get(..512).unwrap_or(bytes);
    let is_text = |byte: &u8| *byte >= b' ' && *byte != 0x7f || byte.is_ascii_whitespace();
    let text = head.iter().take_while(|byte| is_text(byte)).count();
    let lines = head.get(..text).unwrap_or_default();
    text == head.len() || text > LONGEST_NAME || lines.contains(&b'\n') && !lines.starts_with(b"!<arch>")
}

/// Lines of a word and what follows it, as OpenSSH and OpenVPN have them: `Word value`, `word=value`, `"word" "value"`, `--word value`.
fn words(text: &str, each: &mut dyn FnMut(&flat::Path, &str)) {
    for line in text.lines().map(str::trim).filter(|line| !line.starts_with(['#', ';'])) {
        let line = line.trim_start_matches(['-', '"', '\'']);
        let end = line.find(|c: char| c.is_whitespace() || c == '=').unwrap_or(line.len());
        let (word, value) = line.split_at(end);
        let value = value.trim_start_matches(|c: char| c.is_whitespace() || c == '=').trim();
        let word: String = word.chars().filter(|c| !matches!(c, '"' | '\'' | '\\')).collect();
        if word.eq_ignore_ascii_case("match") {
            conditions(value).into_iter().for_each(|command| each(&[word.clone(), "exec".to_owned()], command));
        }
        if !word.is_empty() {
            each(&[word], value.trim_matches(['"', '\'']));
        }
    }
}

/// Commands by which OpenSSH finds out whether settings hold (`ssh_config(5)`, "Match"): the word `exec`, and the command in quotes
/// or up to a blank.
fn conditions(value: &str) -> Vec<&str> {
    let apart = |c: char| c.is_whitespace() || matches!(c, '"' | '\'' | '=' | '!');
    let begins = value.match_indices("exec").filter(|(at, _)| {
        let before = value.get(..*at).and_then(|before| before.chars().next_back());
        before.is_none_or(apart)
    });
    let commands = begins.filter_map(|(at, word)| {
        let rest = value.get(at + word.len()..)?;
        if !rest.starts_with(apart) {
            return None;
        }
        // The word may stand in quotes of its own.
        let quoted = value.get(..at).is_some_and(|before| before.ends_with(['"', '\'']));
        let rest = if quoted { rest.get(1..).unwrap_or_default() } else { rest };
        let rest = rest.trim_start_matches(|c: char| c.is_whitespace() || c == '=');
        match rest.strip_prefix('"') {
            Some(quoted) => quoted.split('"').next(),
            None => rest.split_whitespace().next(),
        }
    });
    commands.collect()
}

/// Lines that are no comments, each as a value without a name.
fn lines(text: &str, each: &mut dyn FnMut(&flat::Path, &str)) {
    let joined;
    let text = if text.contains("\\\n") || text.contains("\\\r\n") {
        joined = text.replace("\\\r\n", " ").replace("\\\n", " ");
        joined.as_str()
    } else {
        text
    };
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
    let last = name.rsplit('/').next().unwrap_or_default();
    let named = ROWS.named.get(last).map_or(&[][..], Vec::as_slice);
    let like = ROWS.like.iter().filter(|(start, end, _)| last.starts_with(start) && last.ends_with(end));
    let mut numbers: Vec<usize> = named.iter().copied().chain(like.map(|(.., number)| *number)).collect();
    numbers.sort_unstable();
    let rows = numbers.into_iter().filter_map(|number| ROWS.all.get(number));
    rows.filter(move |row| !example && row.place.fits(&name))
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
    Words,
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
            "words" => Form::Words,
            "lines" => Form::Lines,
            "any" => Form::Any,
            _ => return None,
        };
        let key = cells.next()?.split('.').filter(|name| !name.is_empty()).collect();
        let value = Value::read(cells.next()?);
        let (finding, what) = (cells.next()?, cells.next()?);
        Some(Self { place: Place(place.to_lowercase()), form, key, value, finding, what })
    }

    /// Whether names lead to this row's setting. Programs that write `a.b` as one name mean the same by it.
    fn leads(&self, path: &flat::Path) -> bool {
        let parted: Vec<&str> = path.iter().flat_map(|name| name.split('.')).collect();
        // A name that somebody chose may have dots, and is still one.
        let whole: Vec<&str> = path.iter().map(String::as_str).collect();
        leads(&self.key, &parted) || leads(&self.key, &whole)
    }

    /// Whether a piece of a file may say what this row is about: the names before it may stand in another piece.
    fn may_be_in(&self, text: &str) -> bool {
        let end = match self.form {
            Form::Json | Form::Yaml => "[\"']?\\s*:",
            Form::Toml | Form::Ini => "\\W",
            Form::Words | Form::Lines | Form::Any => return false,
        };
        // Values of lists have no names of their own.
        let last = self.key.iter().rev().copied().find(|name| !name.contains('*'));
        let named = |name: &str| {
            let pattern = format!("(?i)(?:^|\\W){}{end}", regex::escape(name));
            Regex::new(&pattern).is_ok_and(|pattern| pattern.is_match(text))
        };
        // Letters written as numbers may be any name.
        let hidden = || ["\\u004", "\\u005", "\\u006", "\\u007"].iter().any(|letter| text.contains(letter));
        let fact = matches!(self.finding, "container" | "extension" | "browser-extension" | "plain-index");
        !fact && last.is_some_and(|name| named(name) || self.form == Form::Json && hidden())
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
            // Mirrors of old and of distant projects are reached so every day: a fact for policies.
            "plain-index" => ("hooks.plain-index", Severity::Low, &["T1195.001"]),
            "connection" => ("hooks.connection", Severity::Medium, &["T1204.002", "T1059"]),
            "system" => ("hooks.system", Severity::Medium, &["T1204.002", "T1546"]),
            "key" => ("hooks.system", Severity::Medium, &["T1098.004"]),
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
            let begins = |start: &str| name.get(..start.len()).is_some_and(|own| own.eq_ignore_ascii_case(start));
            (first.strip_suffix('*').is_some_and(begins) || first.eq_ignore_ascii_case(name)) && leads(rest, names)
        }
        _ => false,
    }
}

/// The end of a path in lower case, with `*` for any letters of a name.
struct Place(String);

impl Place {
    /// Whether a name in lower case ends so; folders that it does not have are taken to fit.
    fn fits(&self, name: &str) -> bool {
        let mut names = name.rsplit('/');
        let mut own = self.0.rsplit('/');
        let (Some(last), Some(pattern)) = (names.next(), own.next()) else { return false };
        if !glob(pattern, last) {
            return false;
        }
        // A file alone is known by its name, if that says anything.
        let alone =
            !name.contains('/') && !pattern.starts_with('*') && pattern != "config" && pattern != "settings.json";
        alone || own.all(|pattern| names.next().is_some_and(|name| glob(pattern, name)))
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
    /// Commands that begin otherwise, or that have such a program run something else.
    Commands(Vec<&'static str>),
    /// Commands that begin otherwise and are no plain program either.
    Unplain(Vec<&'static str>),
    /// Commands that fetch or decode something and run it.
    Fetches,
    /// The same behind these letters.
    FetchesBehind(&'static str),
    /// The address, without TLS, of a machine outside of the house, or its name behind these letters.
    Plain(&'static str),
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
            Some('?') => Self::Commands(rest.split(',').collect()),
            Some('+') => Self::Unplain(rest.split(',').collect()),
            Some('@') => Self::Fetches,
            Some('&') => Self::FetchesBehind(rest),
            Some('%') => Self::Plain(rest),
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
            Self::Commands(usual) => !commands::are_usual(value, usual),
            Self::Unplain(usual) => !commands::are_plain(value, usual),
            Self::Fetches => commands::fetch(value),
            Self::Plain(mark) => indexes::without_tls(value, mark),
            Self::FetchesBehind(mark) => value.split_once(mark).is_some_and(|(_, command)| commands::fetch(command)),
        }
    }
}

/// The rows of the table, found by the last name of their place.
struct Rows {
    all: Vec<Row>,
    /// Numbers of rows whose place ends in this name.
    named: HashMap<String, Vec<usize>>,
    /// Those whose last name stands for several, with what is before and behind the star.
    like: Vec<(String, String, usize)>,
}

static ROWS: LazyLock<Rows> = LazyLock::new(|| {
    let all: Vec<Row> = table().filter_map(Row::read).collect();
    let (mut named, mut like) = (HashMap::<String, Vec<usize>>::new(), Vec::new());
    for (number, row) in all.iter().enumerate() {
        let last = row.place.0.rsplit('/').next().unwrap_or_default();
        match last.split_once('*') {
            Some((start, end)) => like.push((start.to_owned(), end.to_owned(), number)),
            None => named.entry(last.to_owned()).or_default().push(number),
        }
    }
    Rows { all, named, like }
});

fn table() -> impl Iterator<Item = &'static str> {
    TABLE.lines().filter(|line| !line.is_empty() && !line.starts_with('#'))
}

#[cfg(test)]
mod tests;
