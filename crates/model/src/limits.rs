//! Every byte, part, depth, second and megabyte has a limit, and reaching it is visible.

use serde::{Deserialize, Serialize};
use std::fmt;

/// What one sample may cost. One budget is shared by everything inside the sample.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Limits {
    /// Bytes that openers may produce in all. Default 8 GiB.
    pub output_bytes: u64,
    /// Bytes one part may have. Default 4 GiB.
    pub part_bytes: u64,
    /// Output divided by the sample's size, judged once more than 128 MiB have been produced. Default 250.
    pub ratio: u64,
    /// Parts in all, the sample included. Default 100,000.
    pub parts: u32,
    /// Nesting of parts. Default 32.
    pub depth: u32,
    /// Wall-clock milliseconds. Default 120,000.
    pub time_ms: u64,
    /// Steps of work, of about a nanosecond each, beyond 64 for each byte of the sample and of what is unpacked of it. Default
    /// 4,294,967,296.
    pub steps: u64,
    /// Bytes of memory that the analysis may hold at once. Default 256 MiB.
    pub memory_bytes: u64,
    /// Parts up to this size are held in memory; larger ones go to the spool. Default 16 MiB.
    pub in_memory_part_bytes: u64,
    /// Passwords tried on one locked part, at most. Default 200.
    pub passwords: u32,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            output_bytes: 8 << 30,
            part_bytes: 4 << 30,
            ratio: 250,
            parts: 100_000,
            depth: 32,
            time_ms: 120_000,
            steps: 4 << 30,
            memory_bytes: 256 << 20,
            in_memory_part_bytes: 16 << 20,
            passwords: 200,
        }
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
