//! A child: walks a sample, shows every part to the detectors, says what was seen, and ends or waits for the next.

use crate::protocol::{Answer, MOST_MESSAGE, MOST_PATH, MOST_REASONS, MOST_TEXT, Task, cut};
use crate::sandbox::{self, Baseline, Filters};
use crate::seats::SHARED;
use crate::system;
use crate::worker::say;
use lazaret_detect::Inspector;
use lazaret_formats::{Clock, Content, ReadAt, Setup, Spool, Visitor, walk};
use lazaret_model::{Child, Finding, Limits, Part, PartId};
use rustix::fd::{AsFd, BorrowedFd, OwnedFd};
use std::io;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::{Arc, OnceLock};
use std::time::Instant;

/// Bytes of a reason: as many as there may be must fit into one message.
const MOST_REASON: usize = MOST_MESSAGE / MOST_REASONS / 2;
/// Samples up to this size are read into memory at once.
const IN_MEMORY: u64 = 16 << 20;

/// Bytes of the stack that a sample can have used: what the zygote leaves its children.
const STACK: usize = 96 << 20;

/// Waits for a sample, analyses it and answers, over one socket; after one that is shared, for the next. The result is the
/// process's exit status.
pub(crate) fn run(
    inspector: &Inspector,
    filters: &Filters,
    baseline: Baseline,
    limits: &Limits,
    answers: &OwnedFd,
) -> i32 {
    // Twice the configured time and memory is what no input can exceed; the budget inside stops earlier.
    let seconds = (limits.time_ms.saturating_mul(2) / 1_000).max(1) + 1 + SHARED.as_secs();
    let locked = sandbox::limit_child(limits.memory_bytes, baseline, seconds, limits.output_bytes)
        .and_then(|()| filters.lock_child());
    if let Err(why) = locked {
        let _ = say(answers.as_fd(), &Answer::Panic(why));
        return 2;
    }
    loop {
        // Whoever hears nothing any more is not needed any more.
        let Some((task, sample)) = hear(answers.as_fd()) else { return 0 };
        let shared = task.shared;
        if shared {
            system::wipe_what_is_freed();
        }
        let status = answer(inspector, task, sample, answers);
        if !shared || status != 0 {
            return status;
        }
        system::forget_stack(STACK);
    }
}

/// The next task and its sample.
fn hear(socket: BorrowedFd<'_>) -> Option<(Task, OwnedFd)> {
    let mut buffer = vec![0; system::next_length(socket).ok().filter(|length| *length <= MOST_MESSAGE)?];
    let (n, descriptors) = system::receive(socket, &mut buffer).ok()?;
    let task = serde_json::from_slice(buffer.get(..n)?).ok()?;
    Some((task, descriptors.into_iter().next()?))
}

/// Analyses one sample; nothing of it is left when this returns but what was said.
fn answer(inspector: &Inspector, task: Task, sample: OwnedFd, answers: &OwnedFd) -> i32 {
    if let Some(probe) = task.probe {
        if probe == crate::Probe::Stay {
            let _ = say(answers.as_fd(), &Answer::Done);
        }
        let _ = say(answers.as_fd(), &Answer::Probed(probe.attempt(sample.as_fd()).err()));
        return 0;
    }
    let mut reporter = Reporter { answers: answers.as_fd(), inspector, failed: false };
    let shared = task.shared;
    let outcome = catch_unwind(AssertUnwindSafe(|| -> io::Result<()> {
        analyse(&mut reporter, task, sample)?;
        if shared {
            inspector.forget();
        }
        Ok(())
    }));
    let last = match outcome {
        Ok(Ok(())) => Answer::Done,
        Ok(Err(error)) => Answer::Panic(format!("the sample could not be read: {error}")),
        Err(panic) => {
            let text = panic.downcast_ref::<String>().cloned();
            let text = text.or_else(|| panic.downcast_ref::<&str>().map(ToString::to_string));
            Answer::Panic(cut(text.unwrap_or_else(|| "it panicked".to_owned()), MOST_TEXT))
        }
    };
    let failed = !matches!(last, Answer::Done) || reporter.failed;
    let _ = say(answers.as_fd(), &last);
    i32::from(failed)
}

fn analyse(reporter: &mut Reporter<'_>, task: Task, sample: OwnedFd) -> io::Result<()> {
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
        spool: Some(Arc::new(AskedFor { file: OnceLock::new() })),
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

/// A file that is asked for when something is to be put into it.
struct AskedFor {
    file: OnceLock<Option<Descriptor>>,
}

impl AskedFor {
    fn file(&self) -> io::Result<&Descriptor> {
        let file = self.file.get_or_init(|| {
            // The zygote made the socket its standard input.
            let answers = rustix::stdio::stdin();
            say(answers, &Answer::Spool).ok()?;
            let (_, descriptors) = system::receive(answers, &mut [0; 16]).ok()?;
            descriptors.into_iter().next().map(Descriptor)
        });
        file.as_ref().ok_or_else(|| io::Error::other("there is no file for what is too large for memory"))
    }
}

impl ReadAt for AskedFor {
    fn read_at(&self, buffer: &mut [u8], offset: u64) -> io::Result<usize> {
        self.file()?.read_at(buffer, offset)
    }
}

impl Spool for AskedFor {
    fn write_all_at(&self, bytes: &[u8], offset: u64) -> io::Result<()> {
        self.file()?.write_all_at(bytes, offset)
    }
}

impl Descriptor {
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

    fn say_finding(&mut self, of: PartId, mut finding: Finding) {
        finding.message = cut(finding.message, MOST_TEXT);
        finding.part.clear();
        let evidence: usize = finding.evidence.values().map(|value| value.to_string().len()).sum();
        if evidence > MOST_MESSAGE / 4 {
            finding.evidence.clear();
        }
        self.say(&Answer::Finding { of, finding });
    }
}

impl Visitor for Reporter<'_> {
    fn begin(&mut self, part: &Part) {
        let mut part = part.clone();
        part.name = cut(part.name, MOST_TEXT);
        part.path = cut(part.path, MOST_PATH);
        part.declared_type = part.declared_type.map(|text| cut(text, MOST_TEXT));
        part.incomplete = reasons(part.incomplete);
        self.say(&Answer::Begin(part));
    }

    fn inspect(&mut self, part: &Part, content: &Content) -> Vec<String> {
        let observed = self.inspector.inspect(part, |offset, len| content.window(offset, len));
        for finding in observed.findings {
            self.say_finding(part.id, finding);
        }
        observed.incomplete
    }

    fn finding(&mut self, part: &Part, finding: Finding) {
        self.say_finding(part.id, finding);
    }

    fn end(&mut self, part: &Part, children: &[Child]) {
        let observed = self.inspector.conclude(part, children);
        for finding in observed.findings {
            self.say_finding(part.id, finding);
        }
        let mut incomplete = reasons(part.incomplete.iter().cloned().chain(observed.incomplete).collect());
        if !part.complete && incomplete.is_empty() {
            incomplete.push("not everything in it was inspected".to_owned());
        }
        self.say(&Answer::End {
            id: part.id,
            locked: part.locked,
            incomplete,
            password: part.password.clone().map(|text| cut(text, MOST_TEXT)),
            macros: part.macros,
        });
    }

    fn withdraw_below(&mut self, part: PartId) {
        self.say(&Answer::WithdrawBelow(part));
    }
}

/// Reasons as many and as long as one message holds; the last says if there are more.
fn reasons(mut all: Vec<String>) -> Vec<String> {
    if all.len() > MOST_REASONS {
        all.truncate(MOST_REASONS - 1);
        all.push(format!("there are more than {MOST_REASONS} such reasons"));
    }
    all.into_iter().map(|reason| cut(reason, MOST_REASON)).collect()
}
