//! Says what bytes are, from content and never from a name.
//!
//! Structure decides before text, and text before single words: a ZIP is looked into for what kind of package it is,
//! a program's headers are read, and only what is neither is judged as text. Every look is bounded, so the time does
//! not depend on what the input says.

mod compound;
mod disks;
mod forms;
mod git;
mod instruments;
mod magic;
mod mails;
mod marks;
mod markup;
mod measured;
mod numbers;
mod polyglots;
mod probe;
mod programs;
mod prolog;
mod scripts;
mod settings;
mod texts;
mod tokens;
mod zips;

#[cfg(test)]
mod tests;

use crate::{Content, kinds};
use lazaret_model::Kind;
use probe::{Found, Probe};
use std::io;

pub(crate) use markup::{runs_as_application, runs_in_markup};

/// Where the data behind a program's last section starts, if it is one of Windows and has any.
///
/// # Errors
/// Whatever reading reports.
pub(crate) fn overlay(content: &Content) -> io::Result<Option<u64>> {
    let head = content.window(0, HEAD)?;
    let probe = Probe::over(&head, content);
    let overlay = programs::Pe::of(&probe).and_then(|pe| pe.overlay(probe.len()));
    probe.finish().map(|()| overlay.map(|(start, _)| start))
}

/// Where a ZIP begins and ends whose end record is among the last bytes, if one of its members stands where it says.
///
/// # Errors
/// Whatever reading reports.
pub(crate) fn zip_at_the_end(content: &Content) -> io::Result<Option<(u64, u64)>> {
    let head = content.window(0, HEAD)?;
    let probe = Probe::over(&head, content);
    let place = zips::place(&probe);
    probe.finish().map(|()| place)
}

/// Bytes of the head that are looked at.
const HEAD: usize = 64 << 10;

/// What bytes are.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Identified {
    /// The kind that fits best.
    pub kind: Kind,
    /// Other kinds the same bytes open as.
    pub also: Vec<Kind>,
    /// Why it may be something else as well, where not all was looked at that tells.
    pub doubts: Vec<&'static str>,
}

/// Identifies a part; looks at its head, its tail and, where the kind needs it, at a directory in between.
///
/// # Errors
/// Whatever reading reports.
pub fn identify(content: &Content) -> io::Result<Identified> {
    let head = content.window(0, HEAD)?;
    let probe = Probe::over(&head, content);
    let identified = look(&probe, Words::Read);
    probe.finish().map(|()| identified)
}

/// Identifies by a bounded head alone, for gates; a kind that needs more than the head comes out as its base kind.
pub fn identify_head(head: &[u8]) -> Identified {
    look(&Probe::of_head(head.get(..HEAD).unwrap_or(head)), Words::Read)
}

/// The same, with what has no structure of its own left unknown: the words of a text say what it is, and to weigh them takes longer
/// than everything else.
pub fn identify_head_by_structure(head: &[u8]) -> Identified {
    look(&Probe::of_head(head.get(..HEAD).unwrap_or(head)), Words::Unread)
}

/// Whether the words of texts are weighed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Words {
    Read,
    Unread,
}

fn look(probe: &Probe<'_>, words: Words) -> Identified {
    let mut found = Found::default();
    if probe.head().is_empty() {
        found.add("empty");
    } else {
        structure(probe, &mut found);
        if found.is_empty() && words == Words::Unread {
            return Identified { kind: Kind::UNKNOWN, also: Vec::new(), doubts: probe.doubts() };
        }
        if found.is_empty() {
            texts::look(probe, &mut found);
        }
        if found.is_empty() {
            magic::weak(probe, &mut found);
        }
        polyglots::look(probe, &mut found);
    }
    debug_assert!(found.ids().all(|id| kinds::kind(id).is_some()), "no row for one of {found:?}");
    let mut kinds = found.ids().filter_map(kinds::kind).map(kinds::KindRow::kind);
    let kind = kinds.next().unwrap_or(Kind::UNKNOWN);
    Identified { kind, also: kinds.collect(), doubts: probe.doubts() }
}

/// Whatever has a structure of its own.
fn structure(probe: &Probe<'_>, found: &mut Found) {
    programs::look(probe, found);
    if found.is_empty() {
        zips::look(probe, found);
    }
    if found.is_empty() {
        compound::look(probe, found);
    }
    if found.is_empty() {
        forms::look(probe, found);
    }
    if found.is_empty() {
        git::look(probe, found);
    }
    if found.is_empty() {
        magic::strong(probe, found);
    }
    if found.has("iso9660") {
        disks::optical(probe, found);
    }
    if found.is_empty() {
        disks::look(probe, found);
    }
}
