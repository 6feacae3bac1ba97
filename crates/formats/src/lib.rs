//! Says what bytes are ([`identify()`]) and takes apart whatever holds other files ([`walk()`]).
//!
//! Everything here is synchronous and pure: bytes in, parts out. There is no file, no socket and no clock; the caller
//! lends a [`Clock`] and, for parts too large for memory, a [`Spool`]. Hostile input meets this code only inside a
//! sandboxed worker, except for [`identify_head`], which allocates nothing by what the input says.
#![deny(clippy::indexing_slicing)]
#![cfg_attr(test, allow(clippy::disallowed_methods, reason = "tests read files and clocks"))]

mod budget;
mod codings;
mod containers;
mod content;
mod encoding;
mod error;
mod extent;
mod identify;
mod kinds;
mod marks;
mod member;
mod pack;
mod parts;
mod passwords;
mod qr;
mod state;
#[cfg(test)]
#[allow(dead_code, reason = "every opener uses what it needs")]
mod testing;
mod visitor;
mod walk;
mod words;

pub use budget::{Budget, Clock};
pub use containers::{FORMATS, Format};
pub use content::{Content, ContentReader, ReadAt, Spool};
pub use error::OpenError;
pub use identify::{Identified, identify, identify_head, identify_head_by_structure};
pub use kinds::{KINDS, KindRow, kind};
pub use member::Member;
pub use pack::{PASSWORD, bundle, pack};
pub use parts::{Parts, Retry};
pub use passwords::Passwords;
pub use visitor::Visitor;
pub use walk::{Setup, settle, walk, walk_as};
