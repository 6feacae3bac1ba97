//! Puts a child's answers together, and believes none of them.
//!
//! A child may have been taken over by the sample it reads. The worst it can do is to lie about what is inside that sample:
//! what the sample itself is called, how large it is and where it came from is known here and not asked. A child cannot make
//! the engine allocate without bound, loop, or refer to what does not exist.
//!
//! The protocol is strict, as the walk is: parts are begun and ended like brackets, so that one line of parts is open at any
//! time, and a part is opened again only after it ended.

use crate::protocol::{Answer, MOST_PATH, MOST_REASONS, MOST_TEXT};
use lazaret_formats::{KindRow, kind};
use lazaret_model::{Family, Finding, Kind, Limits, Part, PartId, Role, Severity};
use serde_json::Value;
use std::collections::HashMap;

/// Findings of one severity that are kept per sample. Weak ones, however many, leave the place of strong ones alone.
const MOST_FINDINGS: usize = 20_000;
/// Bytes of names, sentences and evidence that are kept per sample: 640 for each of 100,000 parts.
const MOST_HELD: usize = 64 << 20;
/// Bytes of answers that are listened to per sample, those that are withdrawn again included.
const MOST_HEARD: usize = 4 * MOST_HELD;
/// What each piece of evidence, reason or further kind counts beside its text: about what holding it takes.
const PIECE: usize = 64;
/// Pieces of evidence, techniques and further kinds of one thing.
const MOST_EACH: usize = 64;
/// Bytes of an id or of a name of evidence.
const MOST_ID: usize = 128;

/// What is known of one sample so far.
#[derive(Debug)]
pub(crate) struct Assembly {
    /// The sample as the engine knows it.
    sample: Part,
    /// The sample is what is under a content coding, so that only the child knows how large it is, and its hash.
    packed: bool,
    entries: Vec<Entry>,
    /// Findings with the place of the part that each is about.
    findings: Vec<(usize, Finding)>,
    index: HashMap<PartId, usize>,
    /// The line of parts that have begun and not ended, each deeper than the one before.
    open: Vec<usize>,
    most_parts: usize,
    most_depth: u32,
    /// Findings by severity.
    seen: [usize; 5],
    too_many_findings: bool,
    held: usize,
    heard: usize,
    finished: bool,
}

/// A part, and what is needed to forget what lies in it.
#[derive(Debug)]
struct Entry {
    part: Part,
    children: Vec<usize>,
    held: usize,
    withdrawn: bool,
}

/// What one sample turned out to hold.
#[derive(Debug)]
pub(crate) struct Analysis {
    pub(crate) parts: Vec<Part>,
    pub(crate) findings: Vec<Finding>,
    /// About the bytes that their names, sentences and evidence take.
    pub(crate) held: usize,
}

impl Assembly {
    /// For a sample that is known as `sample`; `packed` tells that it is under a content coding.
    pub(crate) fn new(limits: &Limits, sample: Part, packed: bool) -> Self {
        // Locked containers that are opened again number their members anew.
        let most_parts = (limits.parts as usize).saturating_mul(2).saturating_add(16);
        Self {
            sample,
            packed,
            entries: Vec::new(),
            findings: Vec::new(),
            index: HashMap::new(),
            open: Vec::new(),
            most_parts,
            most_depth: limits.depth,
            seen: [0; 5],
            too_many_findings: false,
            held: 0,
            heard: 0,
            finished: false,
        }
    }

    /// Takes one answer, which came as so many bytes.
    ///
    /// # Errors
    /// When it breaks the protocol; the child is then not to be listened to any more.
    pub(crate) fn take(&mut self, answer: Answer, bytes: usize) -> Result<(), &'static str> {
        if self.finished {
            return Err("it continued after its end");
        }
        self.heard = self.heard.saturating_add(bytes);
        if self.heard > MOST_HEARD {
            return Err("it sent more than 256 MiB");
        }
        match answer {
            Answer::Begin(part) => self.begin(part),
            Answer::Finding { of, finding } => self.finding(of, finding),
            Answer::End { id, locked, incomplete, password, macros } => {
                let at = self.open.last().copied().filter(|at| self.index.get(&id) == Some(at));
                let at = at.ok_or("it ended a part other than the current one")?;
                check_reasons(&incomplete)?;
                if password.as_ref().is_some_and(|password| password.len() > MOST_TEXT) {
                    return Err("a password is longer than agreed");
                }
                let more = incomplete.len() * PIECE + sum(incomplete.iter().chain(&password));
                let entry = self.entries.get_mut(at).ok_or("it ended a part that never began")?;
                let part = &mut entry.part;
                part.locked = locked;
                part.complete = incomplete.is_empty() && !locked;
                part.incomplete = incomplete;
                part.password = password;
                part.macros = macros;
                entry.held += more;
                self.open.pop();
                self.hold(more)
            }
            Answer::WithdrawBelow(id) => self.withdraw_below(id),
            Answer::Done => {
                if self.entries.is_empty() || !self.open.is_empty() {
                    return Err("it ended before its parts did");
                }
                self.finished = true;
                Ok(())
            }
            // The first time is none of its business.
            Answer::Spool => Err("it asked for a second file"),
            Answer::Panic(_) | Answer::Gone(_) | Answer::Probed(_) => Ok(()),
        }
    }

    /// Whether the child reached its end.
    pub(crate) fn finished(&self) -> bool {
        self.finished
    }

    /// What came of it. `failure` says why the analysis did not reach its end; then every part that was still being
    /// worked on is incomplete, and nothing of what was found is lost.
    pub(crate) fn conclude(mut self, failure: Option<&str>) -> Analysis {
        if self.entries.is_empty() {
            let part = self.sample.clone();
            self.entries.push(Entry { part, children: Vec::new(), held: 0, withdrawn: false });
        }
        let culprit = self.open.last().copied().unwrap_or(0);
        if let Some(why) = failure {
            let reason = format!("the analysis failed: {why}");
            for at in self.open.clone().into_iter().chain([0]) {
                self.incomplete(at, &reason);
            }
            let mut finding = Finding::new("analysis-failed", "engine", Severity::Info, Family::Analysis, reason);
            finding.part = self.entries.get(culprit).map(|entry| entry.part.path.clone()).unwrap_or_default();
            self.findings.push((culprit, finding));
        }
        if self.too_many_findings {
            self.incomplete(0, &format!("more than {MOST_FINDINGS} findings of one severity: the others were dropped"));
        }
        let entries = &self.entries;
        let stays = |at: usize| entries.get(at).is_some_and(|entry| !entry.withdrawn);
        let findings = self.findings.into_iter().filter(|(at, _)| stays(*at)).map(|(_, finding)| finding).collect();
        let parts = self.entries.into_iter().filter(|entry| !entry.withdrawn).map(|entry| entry.part).collect();
        Analysis { parts, findings, held: self.held }
    }

    fn begin(&mut self, part: Part) -> Result<(), &'static str> {
        if self.entries.len() >= self.most_parts {
            return Err("it reported more parts than the limit allows");
        }
        if self.index.contains_key(&part.id) {
            return Err("two parts have the same number");
        }
        check_words(&part)?;
        let id = part.id;
        let part = match part.parent {
            None => self.sample_of(part)?,
            Some(parent) => self.member_of(parent, part)?,
        };
        let texts = [&part.path, &part.name, &part.sha256].into_iter().chain(&part.declared_type);
        let lists = (part.also.len() + part.incomplete.len()) * PIECE;
        let held = lists + sum(texts.chain(&part.sha1).chain(&part.md5).chain(&part.incomplete));
        let at = self.entries.len();
        if let Some(parent) = self.open.last().and_then(|parent| self.entries.get_mut(*parent)) {
            parent.children.push(at);
        }
        self.index.insert(id, at);
        self.open.push(at);
        self.entries.push(Entry { part, children: Vec::new(), held, withdrawn: false });
        self.hold(held)
    }

    /// The sample itself: of what the child says, only what it is.
    fn sample_of(&self, said: Part) -> Result<Part, &'static str> {
        if !self.entries.is_empty() {
            return Err("it reported two samples");
        }
        if said.id != self.sample.id {
            return Err("the sample is not the first of its parts");
        }
        let known = self.sample.clone();
        let part = Part {
            kind: known_kind(&said.kind)?,
            also: known_kinds(&said.also)?,
            incomplete: said.incomplete,
            ..known
        };
        Ok(if self.packed {
            Part { size: said.size, sha256: said.sha256, sha1: said.sha1, md5: said.md5, ..part }
        } else {
            part
        })
    }

    /// A part in the one that is being worked on. Where it lies is computed; how it ended is said at its end.
    fn member_of(&self, parent: PartId, said: Part) -> Result<Part, &'static str> {
        let at = self.open.last().filter(|at| self.index.get(&parent) == Some(*at));
        let above = at.and_then(|at| self.entries.get(*at)).map(|entry| &entry.part);
        let above = above.ok_or("a part's parent is not the current one")?;
        let depth = above.depth.saturating_add(1);
        if depth > self.most_depth {
            return Err("its parts nest deeper than the limit allows");
        }
        if said.role == Role::Sample {
            return Err("it reported two samples");
        }
        // Paths that had to be cut may lack the whole of what they begin with.
        let below = said.path.strip_prefix(above.path.as_str()).is_some_and(|rest| rest.starts_with("//"));
        if !below && said.path.len() < MOST_PATH - 8 {
            return Err("a part's path does not lead through its parent");
        }
        Ok(Part {
            kind: known_kind(&said.kind)?,
            also: known_kinds(&said.also)?,
            depth,
            within: Vec::new(),
            locked: false,
            complete: false,
            password: None,
            macros: false,
            ..said
        })
    }

    fn finding(&mut self, of: PartId, mut finding: Finding) -> Result<(), &'static str> {
        let at = *self.index.get(&of).ok_or("a finding is about a part that does not exist")?;
        let entry = self.entries.get(at).filter(|entry| !entry.withdrawn);
        let entry = entry.ok_or("a finding is about a part that does not exist")?;
        if !is_id(&finding.id) || !is_id(&finding.detector) {
            return Err("a finding has an invalid ID");
        }
        let techniques = &finding.techniques;
        if techniques.len() > MOST_EACH || !techniques.iter().all(lazaret_model::TechniqueId::is_well_formed) {
            return Err("a finding names an invalid technique");
        }
        if finding.message.len() > MOST_TEXT {
            return Err("a finding's message is longer than agreed");
        }
        if finding.evidence.len() > MOST_EACH || finding.evidence.keys().any(|name| name.len() > MOST_ID) {
            return Err("a finding has more evidence than agreed");
        }
        let Some(seen) = self.seen.get_mut(finding.severity as usize) else {
            return Err("a finding has an invalid \
            severity");
        };
        if *seen >= MOST_FINDINGS {
            self.too_many_findings = true;
            return Ok(());
        }
        *seen += 1;
        finding.part.clone_from(&entry.part.path);
        let evidence: usize = finding.evidence.iter().map(|(name, value)| name.len() + weight(value)).sum();
        let held = finding.part.len() + finding.message.len() + evidence + (1 + finding.techniques.len()) * PIECE;
        self.findings.push((at, finding));
        self.hold(held)
    }

    fn withdraw_below(&mut self, id: PartId) -> Result<(), &'static str> {
        let at = *self.index.get(&id).ok_or("it reopened a part that does not exist")?;
        let depth_at = |at: usize| self.entries.get(at).map(|entry| entry.part.depth);
        let line = self.open.last().and_then(|last| depth_at(*last));
        let entry = self.entries.get_mut(at).filter(|entry| !entry.withdrawn);
        let entry = entry.ok_or("it reopened a part that does not exist")?;
        // What is at work lies above it, if anything is; so nothing of what is forgotten is at work.
        if line.is_some_and(|depth| depth >= entry.part.depth) {
            return Err("it reopened a part that is not finished");
        }
        let mut gone = std::mem::take(&mut entry.children);
        self.open.push(at);
        // Each part is forgotten once, so that all of this together is linear in the parts that ever were.
        while let Some(at) = gone.pop() {
            let Some(entry) = self.entries.get_mut(at) else { continue };
            gone.append(&mut entry.children);
            self.held = self.held.saturating_sub(entry.held);
            let part = &mut entry.part;
            (part.path, part.name, part.sha256) = (String::new(), String::new(), String::new());
            (part.sha1, part.md5, part.declared_type, part.password) = (None, None, None, None);
            (part.also, part.incomplete) = (Vec::new(), Vec::new());
            (entry.held, entry.withdrawn) = (0, true);
        }
        Ok(())
    }

    /// Counts what is kept.
    fn hold(&mut self, bytes: usize) -> Result<(), &'static str> {
        self.held = self.held.saturating_add(bytes);
        if self.held > MOST_HELD { Err("it sent more than 64 MiB of names and findings") } else { Ok(()) }
    }

    fn incomplete(&mut self, at: usize, reason: &str) {
        let Some(entry) = self.entries.get_mut(at) else { return };
        entry.part.complete = false;
        if !entry.part.incomplete.iter().any(|known| known == reason) {
            entry.part.incomplete.push(reason.to_owned());
        }
    }
}

/// The kind as the table of kinds has it, so that id, class and media type belong together.
fn known_kind(said: &Kind) -> Result<Kind, &'static str> {
    kind(&said.id).map(KindRow::kind).ok_or("a part has an unknown file type")
}

fn known_kinds(said: &[Kind]) -> Result<Vec<Kind>, &'static str> {
    if said.len() > MOST_EACH {
        return Err("a part has more file types than agreed");
    }
    said.iter().map(known_kind).collect()
}

/// What a part is called, its hashes and its reasons.
fn check_words(part: &Part) -> Result<(), &'static str> {
    let declared = part.declared_type.as_ref().map_or(0, String::len);
    if part.path.len() > MOST_PATH || part.name.len() > MOST_TEXT || declared > MOST_TEXT {
        return Err("a part's name is longer than agreed");
    }
    // Bytes that could not be read have no hash.
    let sha256 = part.sha256.is_empty() || is_hash(&part.sha256, 64);
    let legacy = [(&part.sha1, 40), (&part.md5, 32)];
    if !sha256 || !legacy.iter().all(|(hash, digits)| hash.as_ref().is_none_or(|hash| is_hash(hash, *digits))) {
        return Err("a part has an invalid hash");
    }
    check_reasons(&part.incomplete)
}

fn check_reasons(reasons: &[String]) -> Result<(), &'static str> {
    if reasons.len() > MOST_REASONS || reasons.iter().any(|reason| reason.len() > MOST_TEXT) {
        return Err("a part has more reasons than agreed");
    }
    Ok(())
}

fn is_hash(text: &str, digits: usize) -> bool {
    text.len() == digits && text.bytes().all(|byte| byte.is_ascii_digit() || (b'a'..=b'f').contains(&byte))
}

fn is_id(text: &str) -> bool {
    let fine = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'-' | b'_');
    !text.is_empty() && text.len() <= MOST_ID && text.bytes().all(fine)
}

fn sum<'t>(texts: impl Iterator<Item = &'t String>) -> usize {
    texts.map(String::len).sum()
}

/// About what a piece of evidence takes. The parser that made it bounds how deep it nests.
fn weight(value: &Value) -> usize {
    PIECE
        + match value {
            Value::String(text) => text.len(),
            Value::Array(values) => values.iter().map(weight).sum(),
            Value::Object(values) => values.iter().map(|(name, value)| PIECE + name.len() + weight(value)).sum(),
            Value::Null | Value::Bool(_) | Value::Number(_) => 0,
        }
}

#[cfg(test)]
mod tests;
