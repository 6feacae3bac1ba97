//! Folders of honest files: how many are delivered, what is stopped and why, and what changed since a list that was kept.

mod registry;

use serde_json::Value;
use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;
use std::io::{BufRead, BufReader, Write as _};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

/// Files that are given to one process.
const BATCH: usize = 400;
/// Stopped files that are listed of one kind; the table counts them all.
const MOST_LISTED: usize = 12;

/// What is asked for.
#[derive(Debug, Default)]
pub(crate) struct Asked {
    executable: Option<PathBuf>,
    folders: Vec<PathBuf>,
    baseline: Option<PathBuf>,
    keep: Option<PathBuf>,
    registry: Option<PathBuf>,
}

impl Asked {
    /// # Errors
    /// A sentence when a word is not known or a value is missing.
    pub(crate) fn of(words: &[&str]) -> Result<Self, String> {
        let mut asked = Self::default();
        let mut words = words.iter();
        while let Some(word) = words.next() {
            let mut value = || words.next().map(PathBuf::from).ok_or(format!("`{word}` needs a path"));
            match *word {
                "--lazaret" => asked.executable = Some(value()?),
                "--baseline" => asked.baseline = Some(value()?),
                "--keep" => asked.keep = Some(value()?),
                "--registry" => asked.registry = Some(value()?),
                word if word.starts_with("--") => {
                    return Err(format!(
                        "`{word}` is not known; known are `--lazaret`, `--baseline`, `--keep` and `--registry`"
                    ));
                }
                folder => asked.folders.push(PathBuf::from(folder)),
            }
        }
        if asked.folders.is_empty() && asked.registry.is_none() {
            return Err("a folder of honest files is missing, or `--registry FOLDER`".to_owned());
        }
        Ok(asked)
    }
}

/// One file and what was decided about it.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Decided {
    /// Below its folder.
    path: String,
    kind: String,
    class: String,
    decision: String,
    suspicious: bool,
    why: String,
}

/// Scans, prints, compares; says whether nothing that was delivered before is stopped now.
///
/// # Errors
/// A sentence when something could not be read or run.
pub(crate) fn run(asked: Asked, beside: PathBuf) -> Result<bool, String> {
    let executable = asked.executable.unwrap_or(beside);
    let executable =
        std::fs::canonicalize(&executable).map_err(|error| format!("`{}`: {error}", executable.display()))?;
    let mut folders = asked.folders;
    if let Some(folder) = asked.registry {
        registry::fetch(&folder)?;
        folders.push(folder);
    }
    let mut decided = Vec::new();
    for folder in &folders {
        let files = files_in(folder)?;
        decided.extend(scan(&executable, folder, &files)?);
    }
    decided.sort_by(|a, b| (&a.kind, &a.path).cmp(&(&b.kind, &b.path)));
    print!("{}", table(&decided));
    print!("{}", stopped(&decided));
    let mut sound = true;
    if let Some(path) = asked.baseline {
        let (text, worse) = changes(&read_kept(&path)?, &decided);
        print!("{text}");
        sound = !worse;
    }
    if let Some(path) = asked.keep {
        let mut out = String::new();
        for one in &decided {
            let _ = writeln!(out, "{}\t{}", one.decision, one.path);
        }
        std::fs::write(&path, out).map_err(|error| format!("`{}`: {error}", path.display()))?;
    }
    Ok(sound)
}

/// Every file below a folder, in order; links are not followed.
fn files_in(folder: &Path) -> Result<Vec<PathBuf>, String> {
    let (mut files, mut waiting) = (Vec::new(), vec![folder.to_owned()]);
    while let Some(at) = waiting.pop() {
        let wrong = |error| format!("`{}`: {error}", at.display());
        for entry in std::fs::read_dir(&at).map_err(wrong)? {
            let entry = entry.map_err(wrong)?;
            let kind = entry.file_type().map_err(wrong)?;
            if kind.is_dir() {
                waiting.push(entry.path());
            } else if kind.is_file() {
                files.push(entry.path());
            }
        }
    }
    files.sort();
    Ok(files)
}

fn scan(executable: &Path, folder: &Path, files: &[PathBuf]) -> Result<Vec<Decided>, String> {
    let data = tempfile::tempdir().map_err(|error| error.to_string())?;
    let mut decided = Vec::new();
    for batch in files.chunks(BATCH) {
        let mut child = Command::new(executable)
            .args(["scan", "--json", "--data"])
            .arg(data.path())
            .arg("--")
            .args(batch)
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::inherit())
            .spawn()
            .map_err(|error| format!("`{}`: {error}", executable.display()))?;
        let lines = BufReader::new(child.stdout.take().expect("its output is ours")).lines();
        let before = decided.len();
        for line in lines {
            let line = line.map_err(|error| error.to_string())?;
            let report: Value = serde_json::from_str(&line).map_err(|error| format!("{error} in `{line:.200}`"))?;
            decided.push(of_report(&report, folder));
        }
        child.wait().map_err(|error| error.to_string())?;
        if decided.len() - before != batch.len() {
            return Err(format!("{} files were scanned and {} answers came", batch.len(), decided.len() - before));
        }
        let _ = write!(std::io::stderr(), "\r{} of {} files", decided.len(), files.len());
    }
    let _ = writeln!(std::io::stderr());
    Ok(decided)
}

fn of_report(report: &Value, folder: &Path) -> Decided {
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    let path = text(&report["path"]);
    let path = Path::new(&path).strip_prefix(folder).map_or(path.clone(), |below| below.display().to_string());
    let list = |value: &Value| value.as_array().cloned().unwrap_or_default();
    let policies: Vec<String> = list(&report["policies"]).iter().map(text).collect();
    let findings: BTreeSet<String> = list(&report["findings"])
        .iter()
        .filter(|finding| !matches!(finding["severity"].as_str(), Some("info" | "low")))
        .map(|finding| text(&finding["id"]))
        .collect();
    let parts = list(&report["parts"]);
    let incomplete = parts.iter().flat_map(|part| list(&part["incomplete"])).map(|reason| text(&reason)).next();
    let unknown = parts.iter().find(|part| part["kind"]["class"] == "unknown").map(|part| text(&part["path"]));
    let mut why = policies.join(", ");
    for (word, more) in [
        ("found", (!findings.is_empty()).then(|| findings.into_iter().collect::<Vec<_>>().join(", "))),
        ("not inspected", incomplete),
        ("unknown", unknown.map(|path| path.rsplit("//").next().unwrap_or_default().to_owned())),
    ] {
        if let Some(more) = more {
            let _ = write!(why, "; {word}: {more}");
        }
    }
    Decided {
        path,
        kind: text(&report["kind"]["id"]),
        class: text(&report["kind"]["class"]),
        decision: text(&report["decision"]),
        suspicious: matches!(report["verdict"].as_str(), Some("suspicious" | "malicious")),
        why,
    }
}

/// The group of the table that a kind belongs to.
fn group(one: &Decided) -> &'static str {
    const OOXML: &[&str] = &[
        "docx",
        "docm",
        "dotx",
        "dotm",
        "xlsx",
        "xlsm",
        "xlsb",
        "xltx",
        "xltm",
        "xlam",
        "pptx",
        "pptm",
        "ppsx",
        "ppsm",
        "potx",
        "potm",
        "ppam",
        "ooxml",
        "vsdx",
        "vsdm",
        "word-xml",
        "excel-xml",
    ];
    const ODF: &[&str] = &["odt", "ods", "odp", "odg", "odf", "odb", "odm", "ott", "ots", "otp", "sxw", "fodt"];
    match (one.kind.as_str(), one.class.as_str()) {
        ("eml" | "mbox" | "msg", _) => "ordinary mail",
        ("tnef", _) => "winmail.dat",
        (kind, _) if OOXML.contains(&kind) => "Office Open XML",
        ("doc" | "xls" | "ppt" | "ooxml-encrypted", _) => "Office 97",
        ("vsd" | "pub" | "mpp", _) => "Visio, Publisher, Project",
        (kind, _) if ODF.contains(&kind) => "OpenDocument",
        ("pdf", _) => "PDF",
        (_, "script") => "scripts (blocked by design)",
        // Sources in a language that is none of Windows', under a name that Windows runs.
        _ if one.why.starts_with("names-that-run") => "scripts (blocked by design)",
        (_, "executable" | "library" | "installer" | "shortcut" | "disk-image") => {
            "programs, installers, images (by design)"
        }
        (_, "archive") => "archives",
        (_, "document" | "mail") => "other documents",
        (_, "web" | "text" | "data" | "image" | "audio" | "video" | "font") => {
            "pages, text, data, pictures, sound, video"
        }
        _ => "unknown",
    }
}

fn table(decided: &[Decided]) -> String {
    let mut groups: BTreeMap<&str, [usize; 5]> = BTreeMap::new();
    for one in decided {
        let counts = groups.entry(group(one)).or_default();
        counts[0] += 1;
        let at = match one.decision.as_str() {
            "deliver" => 1,
            "block" => 3,
            _ => 2,
        };
        counts[at] += 1;
        counts[4] += usize::from(one.suspicious);
    }
    let kinds: BTreeSet<&str> = decided.iter().map(|one| &*one.kind).collect();
    let mut out = format!(
        "{} files of {} kinds\n\n| group | files | delivered | held | blocked | suspicious | delivered |\n|---|---|---|---|---|---|---|\n",
        decided.len(),
        kinds.len()
    );
    for (name, [all, delivered, held, blocked, suspicious]) in groups {
        let share = delivered as f64 * 100.0 / all as f64;
        let _ = writeln!(out, "| {name} | {all} | {delivered} | {held} | {blocked} | {suspicious} | {share:.1} % |");
    }
    out
}

/// What is not delivered, by kind, with the reasons. What is stopped by design is only counted.
fn stopped(decided: &[Decided]) -> String {
    let mut out = String::from("\n| kind | decision | file | why |\n|---|---|---|---|\n");
    let mut kinds: BTreeMap<&str, usize> = BTreeMap::new();
    for one in decided.iter().filter(|one| one.decision != "deliver" && !group(one).ends_with("by design)")) {
        let count = kinds.entry(&one.kind).or_default();
        *count += 1;
        if *count <= MOST_LISTED {
            let _ =
                writeln!(out, "| {} | {} | {} | {} |", one.kind, one.decision, one.path, one.why.replace('|', "\\|"));
        }
    }
    for (kind, count) in kinds.into_iter().filter(|(_, count)| *count > MOST_LISTED) {
        let _ = writeln!(out, "| {kind} | | and {} more | |", count - MOST_LISTED);
    }
    out
}

fn read_kept(path: &Path) -> Result<BTreeMap<String, String>, String> {
    let text = std::fs::read_to_string(path).map_err(|error| format!("`{}`: {error}", path.display()))?;
    let pairs = text.lines().filter_map(|line| line.split_once('\t'));
    Ok(pairs.map(|(decision, path)| (path.to_owned(), decision.to_owned())).collect())
}

/// What is decided otherwise than before, and whether something is stopped that was delivered.
fn changes(before: &BTreeMap<String, String>, decided: &[Decided]) -> (String, bool) {
    let (mut out, mut worse, mut better) = (String::new(), 0, 0);
    for one in decided {
        let Some(old) = before.get(&one.path).filter(|old| **old != one.decision) else { continue };
        worse += usize::from(old == "deliver");
        better += usize::from(one.decision == "deliver");
        let _ = writeln!(out, "{old} -> {}: {} ({}) {}", one.decision, one.path, one.kind, one.why);
    }
    (format!("\n{out}{better} more delivered, {worse} no more\n"), worse > 0)
}

#[cfg(test)]
mod tests {
    use super::{Asked, Decided, changes, group, of_report, stopped, table};
    use serde_json::json;
    use std::collections::BTreeMap;
    use std::path::Path;

    fn report(path: &str, kind: &str, class: &str, decision: &str) -> Decided {
        let report = json!({
            "path": path, "kind": {"id": kind, "class": class}, "decision": decision, "verdict": "benign",
            "policies": ["hold-unknown-kinds"],
            "findings": [{"id": "a.low", "severity": "low"}, {"id": "a.high", "severity": "high"}],
            "parts": [{"path": "x", "kind": {"class": class}}, {"path": "x//b.dat", "kind": {"class": "unknown"}, "incomplete": ["it ends early"]}],
        });
        of_report(&report, Path::new("/honest"))
    }

    #[test]
    fn a_stopped_file_is_listed_with_its_reasons_and_counted_in_its_group() {
        let held = report("/honest/a/letter.doc", "doc", "document", "hold");
        assert_eq!(held.path, "a/letter.doc");
        assert_eq!(held.why, "hold-unknown-kinds; found: a.high; not inspected: it ends early; unknown: b.dat");
        let sent = report("/honest/b.doc", "doc", "document", "deliver");
        let script = report("/honest/c.js", "js", "script", "block");
        let named = Decided { why: "names-that-run".to_owned(), ..report("/honest/d.js", "c", "text", "block") };
        assert_eq!(group(&named), "scripts (blocked by design)");
        let all = [held, sent, script];
        assert!(table(&all).contains("| Office 97 | 2 | 1 | 1 | 0 | 0 | 50.0 % |"), "{}", table(&all));
        let list = stopped(&all);
        assert!(list.contains("a/letter.doc") && !list.contains("c.js"), "{list}");
        assert_eq!(group(&all[2]), "scripts (blocked by design)");
    }

    #[test]
    fn what_was_delivered_and_is_stopped_now_fails() {
        let kept = BTreeMap::from([("a".to_owned(), "deliver".to_owned()), ("b".to_owned(), "hold".to_owned())]);
        let (text, worse) = changes(&kept, &[report("/honest/a", "doc", "document", "hold")]);
        assert!(worse && text.contains("deliver -> hold: a"), "{text}");
        assert!(!changes(&kept, &[report("/honest/b", "doc", "document", "deliver")]).1);
    }

    #[test]
    fn words_that_are_not_known_are_refused() {
        assert!(Asked::of(&[]).is_err() && Asked::of(&["--keep"]).is_err() && Asked::of(&["--colour", "x"]).is_err());
        assert!(Asked::of(&["folder", "--keep", "list"]).is_ok());
    }
}
