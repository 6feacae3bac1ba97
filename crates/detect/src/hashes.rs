//! Lists of known-bad hashes: plain text, CSV, MISP and abuse.ch exports.
//!
//! Recognised without being told which format it is:
//! - plain: one hash a line, anything after it is its label; `#` and `;` start comments (also `sha256sum` output);
//! - CSV with or without quotes and header: every field that is a hash, labelled by the column named `signature`,
//!   `malware`, `malware_printable`, `name`, `comment` or `tags` (abuse.ch MalwareBazaar and ThreatFox, MISP's CSV export);
//! - JSON: every string that is a hash, or `name|hash`, labelled by the nearest `comment`, `signature`,
//!   `malware_printable` or `info` (MISP events and feeds, abuse.ch's JSON exports).
//!
//! A list is compiled once ([`compile_hash_list`]) and then looked up where it lies ([`HashList`]), so that one of millions takes no
//! time at a start and no memory.

mod compiled;
#[cfg(test)]
mod tests;
mod text;

use crate::Findings;
use compiled::Layout;
use lazaret_model::{Family, Finding, Part, Severity};
use std::fmt;
use std::io::{BufRead, Write};
use thiserror::Error;

/// Characters of a label that are kept.
const LABEL_LENGTH: usize = 80;

/// Why a list could not be used.
#[derive(Debug, Error, PartialEq, Eq)]
pub enum HashListError {
    /// It holds no SHA-256, SHA-1 or MD5 at all.
    #[error("`{list}` holds no SHA-256, SHA-1 or MD5")]
    Empty {
        /// The list's file name.
        list: String,
    },
    /// It starts like JSON and is not.
    #[error("`{list}` line {line}, column {column}: {what}")]
    Json {
        /// The list's file name.
        list: String,
        /// Line, from 1.
        line: usize,
        /// Column, from 1.
        column: usize,
        /// What the JSON reader says.
        what: String,
    },
    /// It could not be read.
    #[error("`{list}`: {why}")]
    Read {
        /// The list's file name.
        list: String,
        /// What went wrong.
        why: String,
    },
    /// It could not be written in its compiled form.
    #[error("`{list}` cannot be compiled: {why}")]
    Write {
        /// The list's file name.
        list: String,
        /// What went wrong.
        why: String,
    },
    /// What should be a compiled list is none.
    #[error("the compiled form of `{list}` is damaged")]
    Damaged {
        /// The list's file name.
        list: String,
    },
}

/// Compiles a list, named for errors, and answers how many hashes it holds, those that are there twice counted twice.
///
/// # Errors
/// When nothing in it is a hash, when it starts like JSON and does not parse, and when it cannot be read or written.
pub fn compile_hash_list(list: &str, from: &mut dyn BufRead, to: &mut dyn Write) -> Result<usize, HashListError> {
    let mut hashes = Hashes::default();
    text::read(list, from, &mut hashes)?;
    let number = hashes.sha256.len() + hashes.sha1.len() + hashes.md5.len();
    if number == 0 {
        return Err(HashListError::Empty { list: list.to_owned() });
    }
    let written = compiled::write(hashes, to);
    written.map_err(|error| HashListError::Write { list: list.to_owned(), why: error.to_string() })?;
    Ok(number)
}

/// Hashes of one list, as they come.
#[derive(Default)]
struct Hashes {
    sha256: Vec<([u8; 32], u32)>,
    sha1: Vec<([u8; 20], u32)>,
    md5: Vec<([u8; 16], u32)>,
    /// Labels, one after the other, and where each ends.
    labels: String,
    ends: Vec<usize>,
}

impl Hashes {
    /// Adds `hash` or `name|hash`; anything else is none.
    fn add_text(&mut self, text: &str, label: &str) {
        let text = text.rsplit('|').next().unwrap_or(text).trim();
        if text::is_hash(text.as_bytes()) {
            self.add(text.as_bytes(), label);
        }
    }

    fn add(&mut self, hexadecimal: &[u8], label: &str) {
        let mut bytes = [0; 32];
        let Some(hash) = bytes.get_mut(..hexadecimal.len() / 2) else { return };
        if data_encoding::HEXLOWER_PERMISSIVE.decode_mut(hexadecimal, hash).is_err() {
            return;
        }
        let label = self.label(label);
        match hash.len() {
            32 => self.sha256.extend(hash.first_chunk().map(|hash| (*hash, label))),
            20 => self.sha1.extend(hash.first_chunk().map(|hash| (*hash, label))),
            _ => self.md5.extend(hash.first_chunk().map(|hash| (*hash, label))),
        }
    }

    fn label(&mut self, label: &str) -> u32 {
        let before = self.labels.len();
        // LIMIT: a label for people.
        self.labels.extend(label.trim().chars().filter(|c| !c.is_control()).take(LABEL_LENGTH));
        let last = self.ends.len().checked_sub(2).and_then(|at| self.ends.get(at)).copied().unwrap_or(0);
        // Lists are usually sorted by time, so a label often repeats the one before it.
        let repeats = !self.ends.is_empty() && self.labels.get(last..before) == self.labels.get(before..);
        if repeats {
            self.labels.truncate(before);
        } else {
            self.ends.push(self.labels.len());
        }
        u32::try_from(self.ends.len() - 1).unwrap_or(u32::MAX)
    }
}

/// A compiled list, looked up where its bytes are.
pub struct HashList {
    name: String,
    bytes: Box<dyn AsRef<[u8]> + Send + Sync>,
    layout: Layout,
}

impl fmt::Debug for HashList {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("HashList").field("name", &self.name).field("layout", &self.layout).finish_non_exhaustive()
    }
}

impl HashList {
    /// A list over what [`compile_hash_list`] wrote.
    ///
    /// # Errors
    /// When that is something else, or not all of it.
    pub fn over(name: &str, bytes: impl AsRef<[u8]> + Send + Sync + 'static) -> Result<Self, HashListError> {
        let layout = Layout::of(bytes.as_ref()).ok_or_else(|| HashListError::Damaged { list: name.to_owned() })?;
        Ok(Self { name: name.to_owned(), bytes: Box::new(bytes), layout })
    }

    /// How many different hashes it holds.
    pub fn len(&self) -> usize {
        self.layout.numbers().into_iter().sum()
    }

    /// Whether it holds none.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The label of a hash in hexadecimal that is on it; empty where it has none.
    pub fn look_up(&self, hash: &str) -> Option<&str> {
        let hash = data_encoding::HEXLOWER.decode(hash.as_bytes()).ok()?;
        self.layout.look_up((*self.bytes).as_ref(), &hash)
    }

    /// Whether some are SHA-1 or MD5.
    pub(crate) fn has_legacy(&self) -> bool {
        let [_, sha1, md5] = self.layout.numbers();
        sha1 > 0 || md5 > 0
    }
}

/// Reports a part whose hash is on a list; of several lists the first that has its strongest hash.
pub(crate) fn inspect(lists: &[HashList], part: &Part, findings: &mut Findings) {
    let hashes = [
        ("SHA-256", part.sha256.as_str()),
        ("SHA-1", part.sha1.as_deref().unwrap_or_default()),
        ("MD5", part.md5.as_deref().unwrap_or_default()),
    ];
    let found = hashes.into_iter().filter(|(_, hash)| !hash.is_empty()).find_map(|(algorithm, hash)| {
        lists.iter().find_map(|list| Some((algorithm, hash, list.name.as_str(), list.look_up(hash)?)))
    });
    let Some((algorithm, hash, list, label)) = found else { return };
    let known_as = if label.is_empty() { String::new() } else { format!(" as `{label}`") };
    findings.add(
        Finding::new(
            "reputation.known-bad",
            "hash-lists",
            Severity::Critical,
            Family::Reputation,
            format!("its {algorithm} is on the list `{list}`{known_as}"),
        )
        .technique("T1204.002")
        .with("algorithm", algorithm)
        .with("hash", hash)
        .with("list", list)
        .with("label", label),
    );
}
