//! Every byte, part, depth, second and megabyte has a limit, and reaching it is visible.

use serde::{Deserialize, Serialize};
use std::fmt;

crate::settings! {
    /// Limits on the inspection of one sample. When a limit is reached, the part is marked incomplete, and policy
    /// decides.
    pub struct Limits {
        /// Total bytes that may be unpacked.
        pub output_bytes: u64 = 8 << 30;
        /// Maximum bytes of one part.
        pub part_bytes: u64 = 4 << 30;
        /// Maximum ratio of unpacked bytes to the sample's size, applied once more than 128 MiB have been unpacked.
        pub ratio: u64 = 250;
        /// Maximum number of parts, including the sample.
        pub parts: u32 = 100_000;
        /// Maximum nesting depth of parts.
        pub depth: u32 = 32;
        /// Maximum time in milliseconds (wall clock).
        pub time_ms: u64 = 120_000;
        /// Maximum steps of work, of about a nanosecond each, in addition to 64 for each byte of the sample and of
        /// what is unpacked from it.
        pub steps: u64 = 4 << 30;
        /// Maximum bytes of memory used at once.
        pub memory_bytes: u64 = 256 << 20;
        /// Parts up to this size are held in memory; larger ones are spooled to the temporary folder.
        pub in_memory_part_bytes: u64 = 16 << 20;
        /// Maximum number of passwords tried on one encrypted part.
        pub passwords: u32 = 200;
    }
}

/// Which limit was reached.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Limit {
    /// [`Limits::output_bytes`].
    Output,
    /// [`Limits::part_bytes`].
    PartSize,
    /// [`Limits::ratio`].
    Ratio,
    /// [`Limits::parts`].
    Parts,
    /// [`Limits::depth`].
    Depth,
    /// [`Limits::time_ms`].
    Time,
    /// [`Limits::steps`].
    Steps,
    /// [`Limits::memory_bytes`].
    Memory,
}

impl Limit {
    /// The name used in JSON and in the ids of findings, such as `part-size`.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Output => "output",
            Self::PartSize => "part-size",
            Self::Ratio => "ratio",
            Self::Parts => "parts",
            Self::Depth => "depth",
            Self::Time => "time",
            Self::Steps => "steps",
            Self::Memory => "memory",
        }
    }

    /// The limit with its configured value, for people: `100000 parts`.
    pub fn describe(self, limits: &Limits) -> String {
        match self {
            Self::Output => format!("{} bytes unpacked in all", limits.output_bytes),
            Self::PartSize => format!("{} bytes in one part", limits.part_bytes),
            Self::Ratio => format!("{} times the sample's size", limits.ratio),
            Self::Parts => format!("{} parts", limits.parts),
            Self::Depth => format!("{} levels deep", limits.depth),
            Self::Time => format!("{} ms", limits.time_ms),
            Self::Steps => format!("{} steps of work beyond those that its size accounts for", limits.steps),
            Self::Memory => format!("{} bytes of memory", limits.memory_bytes),
        }
    }
}

impl fmt::Display for Limit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.name())
    }
}
