//! The pipeline: a sample goes to a sandboxed worker, comes back as parts and findings, earns a verdict, meets policy.
//!
//! Hostile bytes are never parsed in this process: it opens the file, hands the descriptor to the worker, and checks
//! every word that comes back.
#![deny(clippy::indexing_slicing)]

mod apart;
mod assembly;
mod cache;
mod child;
mod clamd;
mod confine;
mod emitters;
mod engine;
mod error;
mod fair;
mod grounds;
mod heartbeat;
mod judged;
mod lists;
mod pool;
mod probe;
mod protocol;
mod remembered;
mod replay;
mod request;
mod ruled;
mod sample;
mod sandbox;
mod seats;
mod system;
mod together;
mod unopened;
mod warm;
mod worker;

pub use apart::{Allowance, Apart, apart_main};
pub use clamd::{Clamd, ClamdError};
pub use confine::confine;
pub use emitters::{By, EMITTERS, Emitter};
pub use engine::{Engine, Explained, Isolation, Notice, Settings};
pub use error::EngineError;
pub use fair::{Client, Pace, QueueFull, Turn, Turns, Waiting};
pub use grounds::Grounds;
pub use lists::HashListFile;
pub use pool::WORKER_ARGUMENT;
pub use probe::Probe;
pub use replay::decide_again;
pub use request::{Expected, Request};
pub use sample::SampleBytes;
pub use system::{Wiping, give_memory_back};
pub use worker::worker_main;
