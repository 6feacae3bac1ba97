//! What engine, zygote and child say to each other, over `SOCK_SEQPACKET` sockets: one message, one packet.
//!
//! A packet is whole or absent, so a child that dies in the middle of a word cannot confuse its reader. Everything a
//! child says is hostile until checked: lengths, counts and references are validated in `assembly.rs`.

use lazaret_model::{ContentCoding, Finding, Limits, Part, PartId};
use serde::{Deserialize, Serialize};

/// Bytes of the largest message. The kernel's default send buffer takes 208 KiB; larger messages are cut down first.
pub(crate) const MOST_MESSAGE: usize = 96 << 10;

/// Bytes of a name or a sentence; the rest is cut.
pub(crate) const MOST_TEXT: usize = 4 << 10;
/// Bytes of a path; the rest is cut.
pub(crate) const MOST_PATH: usize = 8 << 10;
/// Reasons why one part is not complete; the last says that there are more.
pub(crate) const MOST_REASONS: usize = 64;

/// A text of so many bytes at the most, with a sign where something is cut off.
pub(crate) fn cut(mut text: String, most: usize) -> String {
    const SIGN: char = '…';
    if text.len() > most {
        text.truncate(text.floor_char_boundary(most.saturating_sub(SIGN.len_utf8())));
        text.push(SIGN);
    }
    text
}

/// From the engine to the zygote.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) enum Order {
    /// The first order. File descriptor: compiled rules.
    Start {
        /// Bytes of compiled rules; 0 for none.
        rules: u64,
        /// Hash lists that follow, each in an order of its own.
        hash_lists: usize,
        /// Whether to build what samples need before they come.
        warm_up: bool,
    },
    /// A hash list. File descriptor: its compiled form.
    HashList {
        /// What findings call it.
        name: String,
        /// Its length.
        bytes: u64,
    },
    /// Fork a child that waits for its first task. File descriptor: the socket over which it gets tasks and answers.
    Fork {
        /// The engine's number for it.
        number: u64,
        /// What it may cost, of which memory, output and time bound the process.
        limits: Limits,
    },
    /// Let others go before this child from now on.
    StepBack {
        /// Its number.
        number: u64,
    },
    /// Say that you listen.
    Ping {
        /// Comes back in the answer.
        number: u64,
    },
    /// Kill this child.
    Kill {
        /// Its number.
        number: u64,
    },
}

/// One sample to analyse, from the engine to a child, over the child's own socket. File descriptor: the sample.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct Task {
    /// Whether the child may get another one after it, so that nothing of it may stay in memory.
    pub(crate) shared: bool,
    /// What the sample is called.
    pub(crate) name: String,
    /// Bytes.
    pub(crate) size: u64,
    /// What it may cost.
    pub(crate) limits: Limits,
    /// Passwords to try.
    pub(crate) passwords: Vec<String>,
    /// The media type the origin declared.
    pub(crate) declared_type: Option<String>,
    /// How the bytes are packed, in the order in which that was done.
    pub(crate) codings: Vec<ContentCoding>,
    /// Try this instead of analysing.
    pub(crate) probe: Option<crate::Probe>,
}

/// From the zygote to the engine, over the control socket.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) enum Report {
    /// Rules are loaded and the doors are closed.
    Ready {
        /// Rules loaded.
        rules: usize,
        /// Protections that the kernel did not grant.
        missing: Vec<String>,
    },
    /// The answer to [`Order::Ping`].
    Alive {
        /// Its number.
        number: u64,
    },
    /// The zygote cannot work.
    Failed {
        /// Why.
        why: String,
    },
}

/// From a child, and at last from the zygote, to the engine, over a task's own socket.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) enum Answer {
    /// A part was found.
    Begin(Part),
    /// Something was seen in a part. Which one is said by number; the finding's own words for it are not listened to.
    Finding {
        /// The part.
        of: PartId,
        /// What was seen.
        finding: Finding,
    },
    /// A part is done; these fields of it are final.
    End {
        /// Which.
        id: PartId,
        /// [`Part::locked`].
        locked: bool,
        /// [`Part::incomplete`]; the part is complete when this is empty.
        incomplete: Vec<String>,
        /// [`Part::password`].
        password: Option<String>,
        /// [`Part::macros`].
        macros: bool,
    },
    /// Forget what is below this part.
    WithdrawBelow(PartId),
    /// A part is too large for memory: a file to put it into is needed. It is the next thing that is sent, if there is one.
    Spool,
    /// The child reached its end.
    Done,
    /// The child failed and says why.
    Panic(String),
    /// The probe was refused with this error, or (`None`) it succeeded.
    Probed(Option<String>),
    /// From the zygote: the child is gone. `None`: it exited with status 0.
    Gone(Option<String>),
}
