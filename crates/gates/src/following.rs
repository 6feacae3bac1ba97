//! What follows the inspected beginning of film or sound. It passes as it comes, but for its end, which is held back until
//! it is seen to be no archive or disk: those are found from their end, whatever stands before.

use crate::Exchange;
use crate::desk::{Cargo, Desk};
use crate::refusal::Reason;
use crate::spool::Spooled;
use bytes::{Bytes, BytesMut};
use memchr::memmem;
use std::io;
use std::sync::Arc;

/// Bytes held back: a ZIP archive's last record with the longest comment (APPNOTE, 4.3.16).
const TAIL: usize = 22 + u16::MAX as usize;
/// Bytes of the longest beginning that is looked for, but one.
const CARRY: usize = 7;
/// Beginnings of archives that programs look for anywhere in a file. Each is so long that film has it by chance once in
/// hundreds of terabytes.
const BEGINNINGS: [(&[u8], &str); 3] = [
    (b"Rar!\x1a\x07\x00", "a RAR archive"),
    (b"Rar!\x1a\x07\x01\x00", "a RAR archive"),
    (b"7z\xbc\xaf\x27\x1c", "a 7z archive"),
];

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

    /// Takes a piece and gives what may go on.
    ///
    /// # Errors
    /// Why nothing more may, which is recorded.
    pub(crate) async fn push(&mut self, data: &[u8]) -> Result<Bytes, String> {
        let seen = self.held.len().saturating_sub(CARRY);
        self.held.extend_from_slice(data);
        let new = self.held.get(seen..).unwrap_or_default();
        let found = BEGINNINGS.iter().find(|(beginning, _)| memmem::find(new, beginning).is_some());
        if let Some((_, what)) = found {
            return Err(self.refuse(what).await);
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
        let why = format!("{what} hangs behind the inspected beginning of film or sound");
        let refusal = self.desk.refuse(&self.exchange, &self.cargo, Reason::Failed(why));
        self.desk.settle(&self.exchange, &refusal).await;
        format!("refused, reference {}", refusal.reference)
    }
}

/// What the last bytes of a file belong to, where it is found from its end.
fn hung_behind(tail: &[u8]) -> Option<&'static str> {
    // APPNOTE, 4.3.16: the only disk, its entries twice the same, and a comment that fits.
    let zip = memmem::rfind_iter(tail, b"PK\x05\x06").any(|at| {
        let record = tail.get(at..).unwrap_or_default();
        let number =
            |at: usize| record.get(at..at + 2).map(|bytes| usize::from(u16::from_le_bytes([bytes[0], bytes[1]])));
        number(8) == number(10)
            && number(4) == number(6)
            && number(20).is_some_and(|comment| 22 + comment <= record.len())
    });
    let last = tail.get(tail.len().saturating_sub(512)..).unwrap_or_default();
    if zip {
        Some("a ZIP archive")
    } else if last.starts_with(b"koly\0\0\0\x04\0\0\x02\0") {
        Some("a macOS disk image")
    } else if last.starts_with(b"conectix") {
        Some("a virtual disk")
    } else {
        None
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
