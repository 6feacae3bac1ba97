//! Text that comes slowly: events, lines of JSON, answers that are written word by word.

use super::{MOST_WITHHELD, OVERLAP, Step, Transfer, WHOLE};
use bytes::BytesMut;
use std::time::Duration;

impl Transfer {
    pub(super) fn text(&mut self, now: Duration) -> Step {
        if !self.withheld && !is_text(&self.pending) {
            if !self.passed_some {
                return Step::Leave;
            }
            // What is no text is judged whole, together with what stands before it.
            self.withheld = true;
        }
        if self.withheld && !self.ended {
            let too_much = self.pending.len() > MOST_WITHHELD;
            return if too_much { Step::Reset("a stream of text continued with a large file") } else { Step::Wait };
        }
        if self.is_early(now) {
            return Step::Wait;
        }
        let count = if self.withheld { self.pending.len() } else { self.pending.len().min(WHOLE) };
        let mut window = BytesMut::with_capacity(self.seen.len() + count);
        window.extend_from_slice(&self.seen);
        window.extend_from_slice(self.pending.get(..count).unwrap_or_default());
        self.inspect(window.freeze(), count)
    }

    /// Keeps what went on for the next window: all of it while it is little, then the last lines.
    pub(super) fn remember(&mut self, passed: &[u8]) {
        self.seen.extend_from_slice(passed);
        if self.seen.len() <= WHOLE {
            return;
        }
        let from = self.seen.len() - OVERLAP;
        let rest = self.seen.get(from..).unwrap_or_default();
        // A window begins with a line, since much that is looked for does.
        let line = memchr::memchr(b'\n', rest).map_or(0, |at| at + 1);
        let line = if line < rest.len() { line } else { 0 };
        self.seen = BytesMut::from(rest.get(line..).unwrap_or_default());
    }
}

/// Whether bytes may stand in a text of an encoding that has ASCII's controls: UTF-8, and the older ones of one or two bytes.
fn is_text(bytes: &[u8]) -> bool {
    let control = |byte: &u8| matches!(byte, 0..=8 | 0x0e..=0x1a | 0x1c..=0x1f | 0x7f);
    !bytes.iter().any(control)
}
