//! The house's rules.

#![allow(clippy::expect_used, clippy::panic, reason = "a test fails by panicking, also where it asks a helper")]

mod circles;
mod fuzzing;
mod house;
mod limits;
mod named;
