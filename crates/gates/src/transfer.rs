//! A body that is passed on while it still comes: streams of text, film and sound without end, pictures one after another, messages
//! of programs. It does no I/O: it is told what came and how late it is, and says what to have inspected and what may go on.
//!
//! What was inspected is exactly what goes on: bytes leave in the order in which they came, after the window that they are in was
//! passed.

mod marks;
mod messages;
mod parts;
mod text;

use bytes::{Bytes, BytesMut};
use std::time::Duration;

pub(crate) use marks::{hung_behind, marked};
pub(crate) use parts::border;

/// Bytes of the whole text so far that are inspected together; of a longer one, the last bytes before what is new.
const WHOLE: usize = 1 << 20;
const OVERLAP: usize = 64 << 10;
/// How long what came waits for more to be inspected with, and how many times as long as an inspection took.
const PAUSE: Duration = Duration::from_millis(200);
const PAUSES: u32 = 3;
/// The longest that such a wait may become, so that what came goes on within a second.
const LONGEST_PAUSE: Duration = Duration::from_millis(600);
/// Bytes that are withheld until the end where they are no text.
const MOST_WITHHELD: usize = 16 << 20;

/// What such a body is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Mode {
    /// Text that comes slowly.
    Text,
    /// Film or sound, whose first frame begins behind so many bytes: who tunes in to a station may do so in the middle of one.
    Media(usize),
    /// Pictures, each in the place of the one before (`multipart/x-mixed-replace`), with the border between them.
    Pictures(Vec<u8>),
    /// Messages, each behind its length (gRPC).
    Messages,
}

/// What is to be done next.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Step {
    /// Nothing, until more comes or it is later.
    Wait,
    /// Have these bytes inspected and say that they [passed](Transfer::passed), or end it. Of `packed` ones the coding is the one that
    /// the messages are declared to have.
    Inspect { window: Bytes, packed: bool },
    /// These bytes may go on.
    Pass(Bytes),
    /// It is not what it was taken for, and nothing of it went on: it is to be judged as a file.
    Leave,
    /// It has to be broken off.
    Reset(&'static str),
}

/// The machine.
#[derive(Debug)]
pub(crate) struct Transfer {
    mode: Mode,
    /// What came and did not go on.
    pending: BytesMut,
    /// What went on, as far as it is inspected again with what follows.
    seen: BytesMut,
    /// Bytes of what is pending that are being inspected.
    inspecting: usize,
    /// When the last inspection ended, and how long to wait after it.
    last: Option<Duration>,
    pause: Duration,
    began: Duration,
    /// Bytes of plain text on end that went on last, of film.
    ascii: usize,
    /// Something went on.
    passed_some: bool,
    /// Nothing goes on before the end.
    withheld: bool,
    ended: bool,
}

impl Transfer {
    /// A body of which nothing came so far.
    pub(crate) fn new(mode: Mode) -> Self {
        Self {
            mode,
            pending: BytesMut::new(),
            seen: BytesMut::new(),
            inspecting: 0,
            last: None,
            pause: Duration::ZERO,
            began: Duration::ZERO,
            ascii: 0,
            passed_some: false,
            withheld: false,
            ended: false,
        }
    }

    /// These bytes came.
    pub(crate) fn came(&mut self, bytes: &[u8]) {
        self.pending.extend_from_slice(bytes);
    }

    /// Nothing more comes.
    pub(crate) fn end(&mut self) {
        self.ended = true;
    }

    /// Whether all that came went on, and nothing more comes.
    pub(crate) fn is_over(&self) -> bool {
        self.ended && self.pending.is_empty()
    }

    /// What is to be done at this time, counted from the beginning.
    pub(crate) fn step(&mut self, now: Duration) -> Step {
        if self.pending.is_empty() {
            return Step::Wait;
        }
        self.began = now;
        match &self.mode {
            Mode::Text => self.text(now),
            Mode::Media(skip) => {
                let skip = *skip;
                self.media(skip)
            }
            Mode::Pictures(border) => {
                let border = border.clone();
                self.picture(&border, now)
            }
            Mode::Messages => self.message(),
        }
    }

    /// The window that was inspected last may pass: these bytes go on.
    pub(crate) fn passed(&mut self, now: Duration) -> Bytes {
        let count = std::mem::take(&mut self.inspecting).min(self.pending.len());
        let passed = self.pending.split_to(count).freeze();
        self.passed_some |= !passed.is_empty();
        self.last = Some(now);
        self.pause = (now.saturating_sub(self.began) * PAUSES).clamp(PAUSE, LONGEST_PAUSE);
        if self.mode == Mode::Text {
            self.remember(&passed);
        }
        passed
    }

    /// Bytes of memory that it takes.
    pub(crate) fn len(&self) -> u64 {
        (self.pending.len() + self.seen.len()) as u64
    }

    /// Whether it is too early for another inspection.
    fn is_early(&self, now: Duration) -> bool {
        let is_much = self.pending.len() >= WHOLE;
        !self.ended && !is_much && self.last.is_some_and(|last| now.saturating_sub(last) < self.pause)
    }

    /// Lets so many bytes go on that need no inspection of their own.
    fn pass(&mut self, count: usize) -> Step {
        self.passed_some = true;
        Step::Pass(self.pending.split_to(count.min(self.pending.len())).freeze())
    }

    fn inspect(&mut self, window: Bytes, count: usize) -> Step {
        self.inspecting = count;
        Step::Inspect { window, packed: false }
    }
}

#[cfg(test)]
mod tests;
