//! The ATT&CK library from the outside.

#![allow(
    clippy::expect_used,
    clippy::panic,
    clippy::unwrap_used,
    reason = "a test fails by panicking, also where it asks a helper"
)]

mod gone;
mod importing;
mod library;
mod remove;
mod search;
mod tables;
mod takes;
mod world;
