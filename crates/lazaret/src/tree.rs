//! A report as a tree that a person enjoys reading.

use crate::display::{plain, size};
use anstyle::{AnsiColor, Style};
use lazaret_engine::Explained;
use lazaret_formats::kind;
use lazaret_model::{Decision, Finding, Part, PartId, Role, ScanReport, Severity, Verdict};
use std::collections::HashMap;
use std::io::{self, Write};

/// Parts that are drawn in one tree; the rest is counted.
const MOST_PARTS: usize = 400;
/// Findings that are drawn below one part.
const MOST_FINDINGS: usize = 12;

const DIM: Style = Style::new().dimmed();
const BOLD: Style = Style::new().bold();

/// Draws one line: the decision, the path, the kind.
pub(crate) fn line(out: &mut dyn Write, report: &ScanReport) -> io::Result<()> {
    let style = decision_style(report.decision);
    let (decision, path) = (report.decision, plain(&report.path));
    writeln!(
        out,
        "{style}{decision:<8}{style:#} {path}  {DIM}{}, {}{DIM:#}",
        describe(report.kind.id.as_ref()),
        size(report.size)
    )
}

/// Draws the tree of parts with their findings, and why it was decided so.
pub(crate) fn tree(out: &mut dyn Write, report: &ScanReport) -> io::Result<()> {
    line(out, report)?;
    let mut children: HashMap<PartId, Vec<&Part>> = HashMap::new();
    for part in &report.parts {
        if let Some(parent) = part.parent {
            children.entry(parent).or_default().push(part);
        }
    }
    let mut findings: HashMap<&str, Vec<&Finding>> = HashMap::new();
    for finding in &report.findings {
        findings.entry(&finding.part).or_default().push(finding);
    }
    let mut drawing = Drawing { out, children, findings, left: MOST_PARTS };
    if let Some(root) = report.parts.first() {
        drawing.remarks(root, "  ", !drawing.children.contains_key(&root.id))?;
        drawing.below(root, "  ")?;
    }
    let drawn = MOST_PARTS - drawing.left;
    if report.parts.len() > drawn + 1 {
        writeln!(out, "  {DIM}… {} more parts{DIM:#}", report.parts.len() - drawn - 1)?;
    }
    if report.decision != Decision::Deliver {
        because(out, report)?;
    }
    Ok(())
}

/// Says for each part that is not delivered what decided, and what would change it.
pub(crate) fn explanation(out: &mut dyn Write, explained: &[Explained], report: &ScanReport) -> io::Result<()> {
    if explained.is_empty() {
        let titles: Vec<_> = report.policies.iter().map(String::as_str).collect();
        return writeln!(out, "  {BOLD}delivered{BOLD:#} by {}: nothing in it is held or blocked", titles.join(", "));
    }
    for Explained { ruling, now, rests_on } in explained {
        let style = decision_style(ruling.decision);
        writeln!(out, "  {style}{}{style:#} {}", ruling.decision, plain(&ruling.part))?;
        for policy in &ruling.policies {
            writeln!(out, "    because: {} {DIM}({}){DIM:#}", plain(&policy.title), plain(&policy.id))?;
        }
        if !rests_on.is_empty() {
            let facts = rests_on.iter().map(|(path, value)| format!("{path} is {}", plain(value)));
            writeln!(out, "    {DIM}facts used: {}{DIM:#}", facts.collect::<Vec<_>>().join("; "))?;
        }
        let changes = now.iter().flat_map(|(_, changes)| changes);
        for change in changes.clone() {
            writeln!(out, "    {DIM}{}: {}{DIM:#}", change.condition, change.decision)?;
        }
        if changes.count() == 0 {
            writeln!(out, "    {DIM}no single change to what was found would alter this decision{DIM:#}")?;
        }
    }
    Ok(())
}

fn because(out: &mut dyn Write, report: &ScanReport) -> io::Result<()> {
    let mut seen: Vec<&str> = Vec::new();
    let decisive = report.rulings.iter().filter(|ruling| ruling.decision == report.decision);
    for policy in decisive.flat_map(|ruling| &ruling.policies) {
        if !seen.contains(&policy.id.as_str()) {
            seen.push(&policy.id);
            writeln!(out, "  because: {} {DIM}({}){DIM:#}", plain(&policy.title), plain(&policy.id))?;
        }
    }
    let style = verdict_style(report.verdict);
    writeln!(
        out,
        "  verdict: {style}{}{style:#}{}",
        report.verdict,
        if report.complete { "" } else { ", not inspected completely" }
    )
}

struct Drawing<'r, 'o> {
    out: &'o mut dyn Write,
    children: HashMap<PartId, Vec<&'r Part>>,
    findings: HashMap<&'r str, Vec<&'r Finding>>,
    left: usize,
}

impl Drawing<'_, '_> {
    fn below(&mut self, part: &Part, indent: &str) -> io::Result<()> {
        let Some(children) = self.children.get(&part.id).cloned() else { return Ok(()) };
        let last = children.len() - 1;
        for (at, child) in children.into_iter().enumerate() {
            if self.left == 0 {
                return Ok(());
            }
            self.left -= 1;
            let (branch, stem) = if at == last { ("└─ ", "   ") } else { ("├─ ", "│  ") };
            let name = if child.name.is_empty() { "(no name)".to_owned() } else { plain(&child.name) };
            let what = describe(child.kind.id.as_ref());
            writeln!(
                self.out,
                "{DIM}{indent}{branch}{DIM:#}{name}  {DIM}{what}{}, {}{DIM:#}",
                role(child),
                size(child.size)
            )?;
            let indent = format!("{indent}{stem}");
            self.remarks(child, &indent, !self.children.contains_key(&child.id))?;
            self.below(child, &indent)?;
        }
        Ok(())
    }

    /// What is to be said about a part, below its line.
    fn remarks(&mut self, part: &Part, indent: &str, leaf: bool) -> io::Result<()> {
        let stem = if leaf { "   " } else { "│  " };
        let say = |out: &mut dyn Write, mark: &str, style: Style, text: &str| {
            writeln!(out, "{DIM}{indent}{stem}{DIM:#}{style}{mark}{style:#} {text}")
        };
        for other in &part.also {
            say(self.out, "also", Style::new(), &describe(other.id.as_ref()))?;
        }
        if let Some(password) = &part.password {
            say(self.out, "opened", AnsiColor::Cyan.on_default(), &format!("with the password `{}`", plain(password)))?;
        }
        if part.locked {
            say(self.out, "locked", AnsiColor::Yellow.on_default(), "encrypted, not opened")?;
        }
        for reason in part.incomplete.iter().filter(|_| !part.locked) {
            say(self.out, "incomplete", AnsiColor::Yellow.on_default(), &plain(reason))?;
        }
        let mut findings = self.findings.get(part.path.as_str()).cloned().unwrap_or_default();
        findings.sort_by_key(|finding| std::cmp::Reverse(finding.severity));
        for finding in findings.iter().take(MOST_FINDINGS) {
            let techniques: Vec<_> = finding.techniques.iter().map(|technique| technique.0.as_ref()).collect();
            let techniques =
                if techniques.is_empty() { String::new() } else { format!(" {DIM}[{}]{DIM:#}", techniques.join(" ")) };
            let text = format!("{}{techniques}", plain(&finding.message));
            say(self.out, finding.severity.name(), severity_style(finding.severity), &text)?;
        }
        if findings.len() > MOST_FINDINGS {
            say(self.out, "…", DIM, &format!("{} more findings", findings.len() - MOST_FINDINGS))?;
        }
        Ok(())
    }
}

fn role(part: &Part) -> &'static str {
    match part.role {
        Role::Sample | Role::Member | Role::Stream => "",
        Role::Attachment => ", attached",
        Role::Body => ", body",
        Role::Embedded => ", embedded",
        Role::Macro => ", macro",
        Role::Script => ", script",
        Role::Command => ", would be run",
        Role::Link => ", linked",
        Role::Payload => ", assembled by its parent",
        Role::Appended => ", beside its parent's own format",
    }
}

fn describe(id: &str) -> String {
    kind(id).map_or_else(|| id.to_owned(), |row| row.description.to_owned())
}

fn decision_style(decision: Decision) -> Style {
    match decision {
        Decision::Deliver => AnsiColor::Green.on_default().bold(),
        Decision::Hold => AnsiColor::Yellow.on_default().bold(),
        Decision::Block => AnsiColor::Red.on_default().bold(),
    }
}

fn verdict_style(verdict: Verdict) -> Style {
    match verdict {
        Verdict::Benign => AnsiColor::Green.on_default(),
        Verdict::Unknown | Verdict::Suspicious => AnsiColor::Yellow.on_default(),
        Verdict::Malicious => AnsiColor::Red.on_default().bold(),
    }
}

fn severity_style(severity: Severity) -> Style {
    match severity {
        Severity::Info | Severity::Low => DIM,
        Severity::Medium => AnsiColor::Yellow.on_default(),
        Severity::High => AnsiColor::Red.on_default(),
        Severity::Critical => AnsiColor::Red.on_default().bold(),
    }
}
