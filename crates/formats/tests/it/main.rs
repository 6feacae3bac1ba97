//! The openers from the outside.

#![allow(
    clippy::disallowed_methods,
    clippy::panic,
    reason = "a test fails by panicking, also where it asks a helper; it reads files and clocks"
)]

mod openers;
mod words;
