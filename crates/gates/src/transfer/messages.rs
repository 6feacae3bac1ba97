//! Messages of programs, each behind a byte of flags and its length (gRPC over HTTP/2, "Length-Prefixed-Message").

use super::{Step, Transfer, WHOLE};
use bytes::{Bytes, BytesMut};
use lazaret_engine::Engine;
use lazaret_model::Class;

/// Bytes before a message.
const PREFIX: usize = 5;
/// Bytes of one message.
const MOST_MESSAGE: usize = 16 << 20;
/// Bytes of messages that are inspected together.
const SMALL: usize = 4 << 10;
/// The flag of a message that is packed, and the one of the fields at the end (gRPC-Web, "Message framing").
const PACKED: u8 = 1;
const FIELDS: u8 = 0x80;

/// Where a message is in what came, and its flags.
struct Message {
    flags: u8,
    start: usize,
    end: usize,
}

impl Transfer {
    pub(super) fn message(&mut self) -> Step {
        let Some(first) = message_at(&self.pending, 0) else {
            // What ends in the middle of a message is broken, and nobody reads it.
            let cut = self.ended || too_large(&self.pending);
            return if cut { Step::Reset("a message is too large or incomplete") } else { Step::Wait };
        };
        if first.flags & !(PACKED | FIELDS) != 0 {
            return if self.passed_some { Step::Reset("not a sequence of messages") } else { Step::Leave };
        }
        if first.start == first.end {
            return self.pass(first.end);
        }
        if first.flags & PACKED != 0 || !is_small(&self.pending, &first) {
            self.inspecting = first.end;
            let window = Bytes::copy_from_slice(self.pending.get(first.start..first.end).unwrap_or_default());
            return Step::Inspect { window, packed: first.flags & PACKED != 0 };
        }
        let (mut window, mut end) = (BytesMut::new(), 0);
        while let Some(message) = message_at(&self.pending, end)
            && message.flags & !FIELDS == 0
            && window.len() < WHOLE
            && is_small(&self.pending, &message)
        {
            window.extend_from_slice(self.pending.get(message.start..message.end).unwrap_or_default());
            end = message.end;
        }
        self.inspect(window.freeze(), end)
    }
}

/// The message that begins at a place, when all of it came.
fn message_at(pending: &[u8], at: usize) -> Option<Message> {
    let (flags, length) = prefix(pending, at)?;
    let (start, end) = (at + PREFIX, (at + PREFIX).checked_add(length)?);
    (length <= MOST_MESSAGE && end <= pending.len()).then_some(Message { flags, start, end })
}

fn too_large(pending: &[u8]) -> bool {
    prefix(pending, 0).is_some_and(|(_, length)| length > MOST_MESSAGE)
}

fn prefix(pending: &[u8], at: usize) -> Option<(u8, usize)> {
    match pending.get(at..at.checked_add(PREFIX)?)? {
        &[flags, a, b, c, d] => Some((flags, usize::try_from(u32::from_be_bytes([a, b, c, d])).ok()?)),
        _ => None,
    }
}

/// Whether a message is of those that are inspected together: what it begins as is nothing in particular.
fn is_small(pending: &[u8], message: &Message) -> bool {
    let bytes = pending.get(message.start..message.end).unwrap_or_default();
    bytes.len() <= SMALL
        && (bytes.is_empty() || matches!(Engine::kind_of(bytes).class, Class::Unknown | Class::Data | Class::Text))
}
