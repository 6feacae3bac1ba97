//! One child, one sample: walk it, show every part to the detectors, say what was seen, end.

use crate::protocol::{Answer, MOST_MESSAGE, Task};
use crate::sandbox::{self, Filters};
use crate::worker::say;
use lazaret_detect::Inspector;
use lazaret_formats::{Clock, Content, ReadAt, Setup, Spool, Visitor, walk};
use lazaret_model::{Child, Finding, Part, PartId};
use rustix::fd::{AsFd, BorrowedFd, OwnedFd};
use std::io;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::time::Instant;

/// Characters of a name or a sentence that are reported; the rest is cut.
const MOST_TEXT: usize = 4_096;
/// Samples up to this size are read into memory at once.
const IN_MEMORY: u64 = 16 << 20;

/// Analyses one sample and answers over `answers`. The result is the process's exit status.
pub(crate) fn run(
    inspector: &Inspector,
    filters: &Filters,
    baseline: u64,
    task: Task,
    sample: OwnedFd,
    answers: &OwnedFd,
    spool: Option<OwnedFd>,
) -> i32 {
    let limits = &task.limits;
    // Twice the configured time and memory is what no input can exceed; the budget inside stops earlier.
    let seconds = (limits.time_ms.saturating_mul(2) / 1_000).max(1) + 1;
    let locked = sandbox::limit_child(limits.memory_bytes, baseline, seconds, limits.output_bytes)
        .and_then(|()| filters.lock_child());
    if let Err(why) = locked {
        let _ = say(answers.as_fd(), &Answer::Panic(why));
        return 2;
    }
    if let Some(probe) = task.probe {
        if probe == crate::Probe::Stay {
            let _ = say(answers.as_fd(), &Answer::Done);
        }
        let _ = say(answers.as_fd(), &Answer::Probed(probe.attempt().err()));
        return 0;
    }
    let mut reporter = Reporter { answers: answers.as_fd(), inspector, failed: false };
    let outcome = catch_unwind(AssertUnwindSafe(|| analyse(&mut reporter, task, sample, spool)));
    let last = match outcome {
        Ok(Ok(())) => Answer::Done,
        Ok(Err(error)) => Answer::Panic(format!("the sample could not be read: {error}")),
        Err(panic) => {
            let text = panic.downcast_ref::<String>().cloned();
            let text = text.or_else(|| panic.downcast_ref::<&str>().map(ToString::to_string));
            Answer::Panic(cut(text.unwrap_or_else(|| "it panicked".to_owned())))
        }
    };
    let _ = say(answers.as_fd(), &last);
    i32::from(reporter.failed)
}

fn analyse(reporter: &mut Reporter<'_>, task: Task, sample: OwnedFd, spool: Option<OwnedFd>) -> io::Result<()> {
    let file = Arc::new(Descriptor(sample));
    let content = if task.size <= IN_MEMORY.min(task.limits.in_memory_part_bytes) {
        let mut bytes = vec![0; usize::try_from(task.size).unwrap_or(0)];
        let mut at = 0;
        while let Some(rest) = bytes.get_mut(at..).filter(|rest| !rest.is_empty()) {
            match file.read_at(rest, at as u64)? {
                0 => break,
                n => at += n,
            }
        }
        bytes.truncate(at);
        Content::from(bytes)
    } else {
        Content::stored(file, 0, task.size)
    };
    let setup = Setup {
        limits: task.limits,
        clock: clock(),
        spool: spool.map(|file| Arc::new(Descriptor(file)) as Arc<dyn Spool>),
        passwords: task.passwords,
        legacy_hashes: reporter.inspector.wants_legacy_hashes(),
        declared_type: task.declared_type,
        codings: task.codings,
    };
    walk(&content, &task.name, setup, reporter);
    Ok(())
}

/// A clock that starts now.
pub(crate) fn clock() -> Clock {
    let start = Instant::now();
    Arc::new(move || start.elapsed())
}

struct Descriptor(OwnedFd);

impl ReadAt for Descriptor {
    fn read_at(&self, buffer: &mut [u8], offset: u64) -> io::Result<usize> {
        Ok(rustix::io::pread(&self.0, buffer, offset)?)
    }
}

impl Spool for Descriptor {
    fn write_all_at(&self, bytes: &[u8], offset: u64) -> io::Result<()> {
        let mut done = 0;
        while let Some(rest) = bytes.get(done..).filter(|rest| !rest.is_empty()) {
            match rustix::io::pwrite(&self.0, rest, offset + done as u64) {
                Ok(n) => done += n,
                Err(rustix::io::Errno::INTR) => {}
                Err(error) => return Err(error.into()),
            }
        }
        Ok(())
    }
}

/// Tells the engine what the walk says.
struct Reporter<'a> {
    answers: BorrowedFd<'a>,
    inspector: &'a Inspector,
    failed: bool,
}

impl Reporter<'_> {
    fn say(&mut self, answer: &Answer) {
        self.failed |= say(self.answers, answer).is_err();
    }

    fn say_finding(&mut self, mut finding: Finding) {
        finding.message = cut(finding.message);
        finding.part = cut(finding.part);
        let evidence: usize = finding.evidence.values().map(|value| value.to_string().len()).sum();
        if evidence > MOST_MESSAGE / 4 {
            finding.evidence.clear();
        }
        self.say(&Answer::Finding(finding));
    }
}

impl Visitor for Reporter<'_> {
    fn begin(&mut self, part: &Part) {
        let mut part = part.clone();
        part.name = cut(part.name);
        part.path = cut(part.path);
        part.declared_type = part.declared_type.map(cut);
        self.say(&Answer::Begin(part));
    }

    fn inspect(&mut self, part: &Part, content: &Content) -> Vec<String> {
        let observed = self.inspector.inspect(part, |offset, len| content.window(offset, len));
        for finding in observed.findings {
            self.say_finding(finding);
        }
        observed.incomplete
    }

    fn finding(&mut self, _part: &Part, finding: Finding) {
        self.say_finding(finding);
    }

    fn end(&mut self, part: &Part, children: &[Child]) {
        let observed = self.inspector.conclude(part, children);
        for finding in observed.findings {
            self.say_finding(finding);
        }
        let mut incomplete: Vec<_> = part.incomplete.iter().cloned().chain(observed.incomplete).map(cut).collect();
        if !part.complete && incomplete.is_empty() {
            incomplete.push("not everything in it was inspected".to_owned());
        }
        self.say(&Answer::End {
            id: part.id,
            locked: part.locked,
            incomplete,
            password: part.password.clone().map(cut),
            macros: part.macros,
        });
    }

    fn withdraw_below(&mut self, part: PartId) {
        self.say(&Answer::WithdrawBelow(part));
    }
}

fn cut(mut text: String) -> String {
    if text.len() > MOST_TEXT {
        text.truncate(text.floor_char_boundary(MOST_TEXT));
        text.push('…');
    }
    text
}
