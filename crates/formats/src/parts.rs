//! What an opener is given to hand over what it finds. Every byte that passes here is charged to the budget.

use crate::budget::limit_finding;
use crate::content::Spooled;
use crate::state::State;
use crate::{Budget, Content, Member, OpenError, words};
use lazaret_model::{Child, Finding, Limit, Part, Severity};
use std::borrow::Cow;
use std::collections::{HashMap, HashSet};
use std::io::{self, Read};
use std::sync::Arc;

/// Reasons of incompleteness kept per part.
const MOST_REASONS: usize = 8;
/// What trying passwords may cost in one sample, in steps: about ten seconds.
const MOST_TRYING: u64 = 10_000_000_000;
/// Findings of one sort that an opener may report about one part.
const MOST_FINDINGS: u32 = 64;

/// A locked child that is opened again once more passwords are known.
pub struct Retry {
    pub(crate) part: Part,
    pub(crate) content: Content,
    pub(crate) tried: HashSet<Arc<str>>,
    pub(crate) known: usize,
}

/// Collects what one opener finds in one part. See [`crate::Format::open`].
pub struct Parts<'w, 'v> {
    pub(crate) state: &'w mut State<'v>,
    pub(crate) part: &'w mut Part,
    pub(crate) children: &'w mut Vec<Child>,
    pub(crate) names: &'w mut HashMap<String, u32>,
    pub(crate) retries: &'w mut Vec<Retry>,
    pub(crate) tried: &'w mut HashSet<Arc<str>>,
    pub(crate) ancestors: &'w [String],
    pub(crate) locked_members: &'w mut bool,
    /// How many findings were reported, by their ids and severities.
    pub(crate) findings: HashMap<(Cow<'static, str>, Severity), u32>,
}

impl Parts<'_, '_> {
    /// The part being opened.
    pub fn part(&self) -> &Part {
        self.part
    }

    /// The budget, for loops that add no parts and for decoders that allocate by what the input says.
    pub fn budget(&mut self) -> &mut Budget {
        &mut self.state.budget
    }

    /// What the pictures of the sample have cost, and halves of codes among them.
    pub(crate) fn pictures(&mut self) -> &mut crate::qr::Pictures {
        &mut self.state.pictures
    }

    /// Passwords to try, the likeliest first; at most as many as the limits allow. Those that failed on this part in
    /// an earlier attempt are left out.
    pub fn passwords(&mut self) -> Vec<Arc<str>> {
        let most = self.state.budget.limits().passwords as usize;
        let mut candidates: Vec<Arc<str>> = self.state.worked.clone();
        self.state.tried_at = None;
        // LIMIT: what no password opens stays locked, and says so.
        if self.state.tries > MOST_TRYING {
            // LIMIT: as below.
            candidates.truncate(most);
            return candidates;
        }
        let mut known: HashSet<Arc<str>> = candidates.iter().cloned().collect();
        for candidate in self.state.passwords().candidates() {
            if candidates.len() >= most {
                break;
            }
            if !self.tried.contains(&candidate) && known.insert(candidate.clone()) {
                candidates.push(candidate);
            }
        }
        // LIMIT: what no password opens stays locked, and says so.
        candidates.truncate(most);
        candidates
    }

    /// Whether one more password may be tried, which takes about so many steps: keys are made slow to derive, so that a small archive
    /// of many members could keep everybody waiting. What opened something before may always be tried.
    ///
    /// # Errors
    /// [`OpenError::Limit`] when the budget is exhausted.
    pub(crate) fn may_try(&mut self, password: &Arc<str>, steps: u64) -> Result<bool, OpenError> {
        self.state.budget.check_time().map_err(OpenError::Limit)?;
        // Formats let archives choose how slow: what the last one took may be more than what it was taken for.
        let now = self.state.budget.elapsed();
        let last = self.state.tried_at.replace(now).map_or(0, |last| now.saturating_sub(last).as_nanos());
        let cost = steps.max(u64::try_from(last).unwrap_or(u64::MAX));
        self.state.tries = self.state.tries.saturating_add(cost);
        // LIMIT: what no password opens stays locked, and says so.
        Ok(self.state.tries <= MOST_TRYING || self.state.worked.contains(password))
    }

    /// Keeps a text that people read beside the part, such as a subject or an archive's comment, for the passwords in it.
    pub fn hint(&mut self, text: &str) {
        self.state.hint(text);
    }

    /// Adds a member: reads `data` to its end, inspects it, and opens it in turn before returning.
    ///
    /// An error while reading does not end the container: what was read is inspected and the member is marked
    /// incomplete with the error's text, so decoders report a wrong checksum as a read error after the last byte.
    ///
    /// # Errors
    /// [`OpenError::Limit`] when the budget is exhausted; pass it on with `?`.
    pub fn add(&mut self, mut member: Member, data: &mut dyn Read) -> Result<(), OpenError> {
        if !self.admit(&member)? {
            return Ok(());
        }
        let top = self.state.spool_top;
        let content = self.state.read(&self.part.path, &mut member, data);
        self.visit(member, content);
        self.state.spool_top = top;
        self.result()
    }

    /// Adds a member whose bytes are a range of the part being opened or are at hand already.
    ///
    /// # Errors
    /// As [`Parts::add`].
    pub fn add_content(&mut self, member: Member, content: Content) -> Result<(), OpenError> {
        if !self.admit(&member)? {
            return Ok(());
        }
        // An exhausted budget ends the walk after this part, whose bytes are already here.
        let _ = self.state.budget.charge_output(content.len());
        self.visit(member, content);
        self.result()
    }

    /// A writer for decoders that push bytes instead of being read; hand it back with [`Parts::add_collected`].
    pub(crate) fn collector(&self) -> Collector {
        let limits = self.state.budget.limits();
        let left = self.state.budget.output_left();
        Collector {
            spool: self.state.spool.clone(),
            base: self.state.spool_top,
            memory: Vec::new(),
            spooled: 0,
            most: limits.part_bytes.min(left),
            limit: if limits.part_bytes <= left { Limit::PartSize } else { Limit::Ratio },
            refused: 0,
            in_memory: limits.in_memory_part_bytes,
            budget: self.state.budget.for_decoder(),
            stopped: None,
        }
    }

    /// Adds a member whose bytes were written to a [`Collector`] since the last part was added.
    ///
    /// # Errors
    /// As [`Parts::add`].
    pub(crate) fn add_collected(&mut self, mut member: Member, collector: Collector) -> Result<(), OpenError> {
        if !self.admit(&member)? {
            return Ok(());
        }
        if let Some(reason) = &collector.stopped {
            member.incomplete.push(reason.clone());
        }
        let top = self.state.spool_top;
        let (refused, limit) = (collector.refused, collector.limit);
        let (content, end) = collector.finish(&mut member);
        self.state.spool_top = end;
        // An exhausted budget ends the walk after this part, whose bytes are already here.
        let charged = if limit == Limit::PartSize { content.len() } else { content.len().saturating_add(refused) };
        let _ = self.state.budget.charge_output(charged);
        self.visit(member, content);
        self.state.spool_top = top;
        self.result()
    }

    /// Adds a member that is encrypted and that no password opens. It has no bytes and is `locked`.
    ///
    /// # Errors
    /// As [`Parts::add`].
    pub fn add_locked(&mut self, member: Member) -> Result<(), OpenError> {
        if !self.admit(&member)? {
            return Ok(());
        }
        *self.locked_members = true;
        let mut part = self.child(&member);
        part.locked = true;
        part.complete = false;
        let reason = if self.state.passwords().is_empty() {
            "encrypted, and there was no password to try"
        } else {
            "encrypted, and none of the passwords tried opens it"
        };
        part.incomplete.push(reason.to_owned());
        self.state.visitor.begin(&part);
        // Its name can be read, and may say enough.
        for reason in self.state.visitor.inspect(&part, &Content::from(Vec::new())) {
            mark_incomplete(&mut part, reason);
        }
        self.state.visitor.end(&part, &[]);
        self.children.push(Child::of(&part));
        self.result()
    }

    /// Marks the part being opened as encrypted and not opened, as a whole.
    pub fn lock(&mut self, reason: impl Into<String>) {
        *self.locked_members = true;
        self.part.locked = true;
        self.incomplete(reason);
    }

    /// Marks the part being opened as not completely inspected.
    pub fn incomplete(&mut self, reason: impl Into<String>) {
        mark_incomplete(self.part, reason);
    }

    /// Records the password that opened the part as a whole, such as an archive with encrypted headers.
    pub fn opened_with(&mut self, password: &Arc<str>) {
        self.part.password = Some(password.to_string());
        self.state.remember(password);
    }

    /// Records that the part being opened holds macros.
    pub fn has_macros(&mut self) {
        self.part.macros = true;
    }

    /// Reports something about how the part is built, such as headers that disagree. At most 64 of one sort and severity are
    /// kept, and no number of one keeps another from being told.
    pub fn finding(&mut self, mut finding: Finding) {
        let count = self.findings.entry((finding.id.clone(), finding.severity)).or_default();
        *count += 1;
        // LIMIT: each further one says what sixty-four have said.
        if *count <= MOST_FINDINGS {
            finding.part.clone_from(&self.part.path);
            self.state.visitor.finding(self.part, finding);
        }
    }

    /// Whether there is room for one more part; marks the opened part where there is none.
    fn admit(&mut self, member: &Member) -> Result<bool, OpenError> {
        if self.part.depth >= self.state.budget.limits().depth {
            self.reached(Limit::Depth, &member.name);
            return Ok(false);
        }
        // Its name, and the way to it, are copied a few times.
        let names = member.name.len().saturating_add(self.part.path.len()) as u64;
        self.state.budget.step(names.saturating_mul(16)).map_err(OpenError::Limit)?;
        match self.state.budget.charge_part() {
            Ok(()) => Ok(true),
            Err(limit) => Err(OpenError::Limit(limit)),
        }
    }

    fn result(&self) -> Result<(), OpenError> {
        self.state.budget.exhausted().map_or(Ok(()), |limit| Err(OpenError::Limit(limit)))
    }

    fn reached(&mut self, limit: Limit, member: &str) {
        let reason = format!("`{member}` was not opened: {}", limit.describe(self.state.budget.limits()));
        let first = !self.part.incomplete.iter().any(|r| r.ends_with(&limit.describe(self.state.budget.limits())));
        if first {
            self.incomplete(reason);
            let finding = limit_finding(limit, self.state.budget.limits());
            self.finding(finding);
        }
    }

    fn visit(&mut self, member: Member, content: Content) {
        if let Some(password) = &member.password {
            self.state.remember(password);
        }
        let part = self.child(&member);
        let child = self.state.visit(part, member.kind, content, self.ancestors, self.retries);
        self.children.push(child);
    }

    /// A part for a member, with everything but what its bytes say.
    fn child(&mut self, member: &Member) -> Part {
        let base = format!("{}//{}", self.part.path, member.name);
        let count = self.names.entry(member.name.clone()).or_insert(0);
        *count += 1;
        let path = if *count == 1 { base } else { format!("{base}#{count}") };
        Part {
            id: self.state.next_id(),
            parent: Some(self.part.id),
            path,
            name: member.name.clone(),
            named: member.named,
            role: member.role,
            depth: self.part.depth + 1,
            within: self.part.kinds().map(|kind| kind.id.clone()).collect(),
            declared_type: member.declared_type.clone(),
            password: member.password.as_ref().map(ToString::to_string),
            complete: member.incomplete.is_empty(),
            incomplete: member.incomplete.iter().map(|reason| words::plain(reason).into_owned()).collect(),
            ..Part::sample("", 0)
        }
    }
}

/// Holds what a decoder writes, in memory or, once it is large, in the spool.
pub(crate) struct Collector {
    spool: Option<Arc<dyn crate::Spool>>,
    base: u64,
    memory: Vec<u8>,
    spooled: u64,
    most: u64,
    /// What `most` stands for.
    limit: Limit,
    /// Bytes that did not fit.
    refused: u64,
    in_memory: u64,
    budget: Budget,
    stopped: Option<String>,
}

impl Collector {
    fn finish(mut self, member: &mut Member) -> (Content, u64) {
        if self.spooled == 0 {
            return (self.memory.into(), self.base);
        }
        if let Err(error) = io::Write::flush(&mut self) {
            member.incomplete.push(format!("the spool could not take it: {error}"));
        }
        let end = self.base + self.spooled;
        match self.spool {
            Some(spool) => (Content::stored(Arc::new(Spooled(spool)), self.base, self.spooled), end),
            None => (self.memory.into(), end),
        }
    }

    fn stop(&mut self, limit: Limit) -> io::Error {
        let reason = format!("stopped at the limit of {}", limit.describe(self.budget.limits()));
        self.stopped = Some(reason.clone());
        io::Error::other(reason)
    }
}

impl io::Write for Collector {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        if self.spooled.saturating_add(self.memory.len() as u64).saturating_add(bytes.len() as u64) > self.most {
            self.refused = self.refused.saturating_add(bytes.len() as u64).saturating_add(1);
            return Err(self.stop(self.limit));
        }
        if let Err(limit) = self.budget.check_time() {
            return Err(self.stop(limit));
        }
        self.memory.extend_from_slice(bytes);
        if self.memory.len() as u64 > self.in_memory {
            if self.spool.is_none() {
                return Err(self.stop(Limit::Memory));
            }
            self.flush()?;
        }
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        if let Some(spool) =
            self.spool.as_ref().filter(|_| self.spooled > 0 || self.memory.len() as u64 > self.in_memory)
        {
            spool.write_all_at(&self.memory, self.base + self.spooled)?;
            self.spooled += self.memory.len() as u64;
            self.memory.clear();
        }
        Ok(())
    }
}

pub(crate) fn mark_incomplete(part: &mut Part, reason: impl Into<String>) {
    part.complete = false;
    let reason: String = reason.into();
    let reason = words::plain(&reason).into_owned();
    if part.incomplete.len() < MOST_REASONS && !part.incomplete.contains(&reason) {
        part.incomplete.push(reason);
    }
}
