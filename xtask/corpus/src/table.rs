//! Scans the stored stand-ins and compares what is found with what is expected.

use super::{Covered, EXTENSION, Expect, ROWS, Standin, decode};
use serde_json::Value;
use std::fmt::Write as _;
use std::path::Path;
use std::process::Command;

/// One stand-in with what a scan said about it.
#[derive(Debug)]
pub struct Line {
    /// The stand-in.
    pub standin: Standin,
    /// Bytes as stored.
    pub size: usize,
    /// SHA-256 of the bytes.
    pub sha256: String,
    /// What was expected and not found; empty when all is as expected.
    pub missing: Vec<Expect>,
    /// What was found, in short.
    pub found: String,
}

impl Line {
    /// Whether everything is as expected.
    pub fn as_expected(&self) -> bool {
        self.missing.is_empty()
    }
}

/// Scans one stored stand-in with this executable, in a folder of its own.
///
/// # Errors
/// When it is not stored, or the executable does not answer; the text names what.
pub fn check(executable: &Path, root: &Path, standin: Standin) -> Result<Line, String> {
    let path = root.join(standin.path());
    let advice = "`cargo xtask corpus` makes it";
    let stored = std::fs::read(&path).map_err(|error| format!("`{}`: {error}; {advice}", path.display()))?;
    let (name, bytes) = decode(&stored).ok_or_else(|| format!("`{}` is not a .{EXTENSION}", path.display()))?;
    let folder = tempfile::tempdir().map_err(|error| format!("no temporary folder: {error}"))?;
    let sample = folder.path().join(&name);
    std::fs::write(&sample, &bytes).map_err(|error| format!("`{}`: {error}", sample.display()))?;
    let output = Command::new(executable)
        .args(["scan", "--json", "--"])
        .arg(&sample)
        .current_dir(folder.path())
        .env_remove("LAZARET_CONFIG")
        .env("LAZARET_DATA", folder.path().join("lazaret-data"))
        .output()
        .map_err(|error| format!("`{}`: {error}", executable.display()))?;
    let answer: Value = serde_json::from_slice(&output.stdout).map_err(|error| {
        format!(
            "`{}` gave no answer about `{name}` ({error}): {}",
            executable.display(),
            String::from_utf8_lossy(&output.stderr)
        )
    })?;
    let missing = standin.expect.iter().filter(|expect| !expect.holds(&answer)).cloned().collect();
    let sha256 = answer["sha256"].as_str().unwrap_or_default().to_owned();
    Ok(Line { size: bytes.len(), sha256, missing, found: found(&answer), standin })
}

/// What an answer says, in one line: kind, decision, verdict, findings, and why it is incomplete.
fn found(answer: &Value) -> String {
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    let mut out = format!("{} {} {}", text(&answer["kind"]["id"]), text(&answer["decision"]), text(&answer["verdict"]));
    let mut ids: Vec<String> =
        answer["findings"].as_array().into_iter().flatten().map(|finding| text(&finding["id"])).collect();
    ids.sort();
    ids.dedup();
    for part in answer["parts"].as_array().into_iter().flatten() {
        if part["locked"] == true {
            ids.push("locked".into());
        }
        if let Some(password) = part["password"].as_str() {
            ids.push(format!("opened with {password}"));
        }
        ids.extend(part["incomplete"].as_array().into_iter().flatten().map(|why| format!("incomplete: {}", text(why))));
    }
    ids.dedup();
    if !ids.is_empty() {
        let _ = write!(out, ": {}", ids.join(", "));
    }
    out
}

/// The whole table as Markdown, row by row, and whether everything is as expected.
///
/// # Errors
/// When a stand-in cannot be scanned at all.
pub fn report(executable: &Path, root: &Path) -> Result<(String, bool), String> {
    let mut lines = Vec::new();
    for standin in super::all() {
        lines.push(check(executable, root, standin)?);
    }
    let mut out =
        String::from("| row | vector | stand-in | made | expected | found | |\n|---|---|---|---|---|---|---|\n");
    let mut good = true;
    for row in ROWS {
        let own: Vec<&Line> = lines.iter().filter(|line| line.standin.row == row.id).collect();
        if let Covered::Later(why) = row.covered {
            let _ = writeln!(out, "| {} | {} | – | – | – | {why} | later |", row.id, row.vector);
        } else if own.is_empty() {
            good = false;
            let _ = writeln!(out, "| {} | {} | – | – | a stand-in | none | **MISSING** |", row.id, row.vector);
        }
        for line in own {
            let expected: Vec<String> = line.standin.expect.iter().map(ToString::to_string).collect();
            let verdict = if line.as_expected() {
                "as expected".to_owned()
            } else {
                good = false;
                let missing: Vec<String> = line.missing.iter().map(ToString::to_string).collect();
                format!("**NOT FOUND: {}**", missing.join(", "))
            };
            let short = line.sha256.get(..12).unwrap_or_default();
            let (row, size, standin) = (row, line.size, &line.standin);
            let cells = [
                row.id,
                row.vector,
                standin.what,
                &format!("{size} B, {short}"),
                &expected.join(", "),
                &line.found,
                &verdict,
            ];
            let _ = writeln!(out, "| {} |", cells.map(|cell| cell.replace('|', "\\|")).join(" | "));
        }
    }
    let count = lines.iter().filter(|line| line.as_expected()).count();
    let _ = writeln!(out, "\n{count} of {} stand-ins as expected.", lines.len());
    Ok((out, good))
}
