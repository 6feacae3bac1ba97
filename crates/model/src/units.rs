//! Units that are counted everywhere.

/// A day in milliseconds.
pub const DAY: i64 = 86_400_000;
