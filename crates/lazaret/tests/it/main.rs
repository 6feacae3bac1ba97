//! Everything that is tested through the executable: commands, gates, console, library, faults.

#![allow(
    clippy::expect_used,
    clippy::panic,
    clippy::unwrap_used,
    reason = "a test fails by panicking, also where it asks a helper"
)]

mod account;
mod analyst;
mod asked;
mod authority;
mod beside;
mod browser;
mod command;
mod console;
mod demo;
mod described;
mod faults;
mod folder;
mod framing;
mod gate;
mod icap;
mod isolation;
mod kept;
mod morning;
mod passed;
mod process;
mod properties;
mod proxy;
mod quantum;
mod ranges;
mod senders;
mod shelf;
mod shelf_commands;
mod shelf_pages;
mod sites;
mod squid;
mod standins;
mod streams;
mod unit;
mod ways;
