//! What follows the inspected beginning of film or sound. It passes as it comes, but for its end, which is held back until
//! it is seen to be no archive or disk: those are found from their end, whatever stands before.

use crate::Exchange;
use crate::desk::{Cargo, Desk};
use crate::refusal::Reason;
use crate::spool::Spooled;
use crate::transfer::{hung_behind, marked};
use bytes::{Bytes, BytesMut};
use std::io;
use std::sync::Arc;

/// Bytes held back: a ZIP archive's last record with the longest comment (APPNOTE, 4.3.16).
const TAIL: usize = 22 + u16::MAX as usize;
/// Bytes of the longest beginning that is looked for, but one, and a few more.
const CARRY: usize = 40;

/// The rest of a film.
pub(crate) struct Following {
    desk: Arc<Desk>,
    exchange: Arc<Exchange>,
    cargo: Cargo,
    /// The last bytes that came.
    held: BytesMut,
    /// How many of them belong to the beginning, which is handed over by itself.
    before: usize,
}

impl Following {
    /// What follows a beginning, across whose end something may lie.
    ///
    /// # Errors
    /// When the beginning cannot be read again.
    pub(crate) async fn after(
        beginning: &Spooled,
        desk: Arc<Desk>,
        exchange: Arc<Exchange>,
        cargo: Cargo,
    ) -> io::Result<Self> {
        let last = beginning.read(beginning.len().saturating_sub(TAIL as u64), TAIL).await?;
        Ok(Self { desk, exchange, cargo, before: last.len(), held: BytesMut::from(&last[..]) })
    }

    /// What follows no beginning: a piece from the middle of film of which the beginning was inspected before.
    pub(crate) fn piece(desk: Arc<Desk>, exchange: Arc<Exchange>, cargo: Cargo) -> Self {
        Self { desk, exchange, cargo, before: 0, held: BytesMut::new() }
    }

    /// Takes a piece and gives what may go on.
    ///
    /// # Errors
    /// Why nothing more may, which is recorded.
    pub(crate) async fn push(&mut self, data: &[u8]) -> Result<Bytes, String> {
        let seen = self.held.len().saturating_sub(CARRY);
        self.held.extend_from_slice(data);
        let new = self.held.get(seen..).unwrap_or_default();
        if let Some(what) = marked(new) {
            return Err(self.refuse(what).await);
        }
        // An incident may begin while somebody watches.
        if let Some(refusal) = self.desk.contains(&self.exchange, &self.cargo) {
            self.desk.settle(&self.exchange, &refusal).await;
            return Err(format!("refused, reference {}", refusal.reference));
        }
        Ok(self.hand_over(self.held.len().saturating_sub(TAIL)))
    }

    /// Gives what was held back, after the last piece.
    ///
    /// # Errors
    /// Why it may not go on, which is recorded.
    pub(crate) async fn end(mut self) -> Result<Bytes, String> {
        match hung_behind(&self.held) {
            Some(what) => Err(self.refuse(what).await),
            None => Ok(self.hand_over(self.held.len())),
        }
    }

    /// Gives the first of the bytes that are held, without those of the beginning.
    fn hand_over(&mut self, count: usize) -> Bytes {
        let mut first = self.held.split_to(count).freeze();
        let before = self.before.min(count);
        self.before -= before;
        first.split_off(before)
    }

    async fn refuse(&self, what: &str) -> String {
        let why = format!("{what} follows the inspected beginning of video or audio");
        let refusal = self.desk.refuse(&self.exchange, &self.cargo, Reason::Failed(why));
        self.desk.settle(&self.exchange, &refusal).await;
        format!("refused, reference {}", refusal.reference)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_found_from_its_end_is_found_there() {
        let zip = |comment: usize, announced: u16| {
            let mut tail = vec![7; 1_000];
            tail.extend_from_slice(b"PK\x05\x06\0\0\0\0\x01\0\x01\0\x2e\0\0\0\0\x10\0\0");
            tail.extend_from_slice(&announced.to_le_bytes());
            tail.resize(tail.len() + comment, b'c');
            tail
        };
        assert_eq!(hung_behind(&zip(0, 0)), Some("a ZIP archive"));
        assert_eq!(hung_behind(&zip(60_000, 60_000)), Some("a ZIP archive"));
        // Junk after the end is borne by most programs.
        assert_eq!(hung_behind(&zip(100, 0)), Some("a ZIP archive"));
        assert_eq!(hung_behind(&zip(0, 1)), None);
        let footer = |start: &[u8]| [&[0; 3_000][..], start, &vec![0; 512 - start.len()]].concat();
        assert_eq!(hung_behind(&footer(b"koly\0\0\0\x04\0\0\x02\0")), Some("a macOS disk image"));
        assert_eq!(hung_behind(&footer(b"conectix")), Some("a virtual disk"));
        for none in [&b""[..], b"PK\x05\x06", &[0; 70_000], b"PK\x05\x06\0\0\0\0\x01\0\x02\0\0\0\0\0\0\0\0\0\0\0"] {
            assert_eq!(hung_behind(none), None);
        }
    }
}
