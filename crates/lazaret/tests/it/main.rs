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
mod balanced;
mod beside;
mod browser;
mod closing;
mod command;
mod console;
mod demo;
mod described;
mod documented;
mod export;
mod faults;
mod folder;
mod framing;
mod fuzzed;
mod gate;
mod icap;
mod icaps;
mod incident;
mod incident_walk;
mod isolation;
mod kept;
mod kerberos;
mod looks;
mod morning;
mod network;
mod oidc;
mod operations;
mod package;
mod passed;
mod process;
mod properties;
mod proxy;
mod quantum;
mod ranges;
mod refusals;
mod rooms;
mod rspamd;
mod senders;
mod shelf;
mod shelf_commands;
mod shelf_export;
mod shelf_here;
mod shelf_layers;
mod shelf_pages;
mod shelf_reading;
mod shelf_takes;
mod shelf_unpacking;
mod sites;
mod squid;
mod standins;
mod streams;
mod token;
mod unit;
mod ways;
