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

/// Scans stored stand-ins with this executable, each in a folder of its own, all at once.
///
/// # Errors
/// When one is not stored, or the executable does not answer about it; the text names what.
pub fn check(executable: &Path, root: &Path, standins: Vec<Standin>) -> Result<Vec<Line>, String> {
    let folder = tempfile::tempdir().map_err(|error| format!("no temporary folder: {error}"))?;
    let advice = "`cargo xtask corpus` makes it";
    let (mut sizes, mut samples) = (Vec::new(), Vec::new());
    for (number, standin) in standins.iter().enumerate() {
        let path = root.join(standin.path());
        let stored = std::fs::read(&path).map_err(|error| format!("`{}`: {error}; {advice}", path.display()))?;
        let (name, bytes) = decode(&stored).ok_or_else(|| format!("`{}` is not a .{EXTENSION}", path.display()))?;
        let own = folder.path().join(number.to_string());
        let sample = own.join(&name);
        std::fs::create_dir(&own)
            .and_then(|()| std::fs::write(&sample, &bytes))
            .map_err(|error| format!("`{}`: {error}", sample.display()))?;
        sizes.push(bytes.len());
        samples.push(sample);
    }
    let output = Command::new(executable)
        // Of a slow machine nothing is to be said here.
        .args(["scan", "--json", "--time-limit", "600000", "--"])
        .args(&samples)
        .current_dir(folder.path())
        .env_remove("LAZARET_CONFIG")
        .env("LAZARET_DATA", folder.path().join("lazaret-data"))
        .output()
        .map_err(|error| format!("`{}`: {error}", executable.display()))?;
    let text = String::from_utf8_lossy(&output.stdout);
    let answers: Vec<Value> = text.lines().filter_map(|line| serde_json::from_str(line).ok()).collect();
    let mut lines = Vec::new();
    for ((standin, sample), size) in standins.into_iter().zip(samples).zip(sizes) {
        let own = sample.to_string_lossy();
        let answer = answers.iter().find(|answer| answer["path"].as_str() == Some(&*own)).ok_or_else(|| {
            let complaint = String::from_utf8_lossy(&output.stderr);
            format!("`{}` gave no answer about `{own}`: {complaint}", executable.display())
        })?;
        let missing = standin.expect.iter().filter(|expect| !expect.holds(answer)).cloned().collect();
        let sha256 = answer["sha256"].as_str().unwrap_or_default().to_owned();
        lines.push(Line { size, sha256, missing, found: found(answer), standin });
    }
    Ok(lines)
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
    let lines = check(executable, root, super::all())?;
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
