//! The table of kinds, one row a line, in one file for each group of classes.
//!
//! A row says what policy and people need to know. How bytes are recognised is in `identify`; nothing here ever looks
//! at a file name, extensions only say what an honest name would look like.

mod archives;
mod data;
mod documents;
mod media;
mod programs;
mod science;
mod text;

use lazaret_model::{Class, Kind};
use std::collections::HashMap;
use std::sync::LazyLock;

/// One kind of file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct KindRow {
    /// Stable short id.
    pub id: &'static str,
    /// Policy's class.
    pub class: Class,
    /// IANA media type, or the customary one.
    pub media_type: &'static str,
    /// Usual extensions, lower case, without dots; the first is the most usual.
    pub extensions: &'static [&'static str],
    /// For people: `ZIP archive`.
    pub description: &'static str,
    /// Whether it holds other files or anything that can run, so that not opening it leaves it incomplete.
    pub container: bool,
}

impl KindRow {
    /// The kind as the rest of Lazaret speaks of it.
    pub const fn kind(&self) -> Kind {
        Kind::new(self.id, self.class, self.media_type)
    }
}

/// Every kind.
pub static KINDS: &[KindRow] = &ALL;

const GROUPS: &[&[KindRow]] =
    &[programs::ROWS, archives::ROWS, documents::ROWS, text::ROWS, media::ROWS, data::ROWS, science::ROWS];

static ALL: [KindRow; count(GROUPS)] = join(GROUPS);

/// The row of a kind, by id.
pub fn kind(id: &str) -> Option<&'static KindRow> {
    static INDEX: LazyLock<HashMap<&'static str, &'static KindRow>> =
        LazyLock::new(|| KINDS.iter().map(|row| (row.id, row)).collect());
    INDEX.get(id).copied()
}

/// A row for a file that holds nothing which runs by itself, or that is the program itself.
const fn leaf(
    id: &'static str,
    class: Class,
    media_type: &'static str,
    extensions: &'static [&'static str],
    description: &'static str,
) -> KindRow {
    KindRow { id, class, media_type, extensions, description, container: false }
}

/// A row for a file that holds other files, or things that run.
const fn holder(
    id: &'static str,
    class: Class,
    media_type: &'static str,
    extensions: &'static [&'static str],
    description: &'static str,
) -> KindRow {
    KindRow { id, class, media_type, extensions, description, container: true }
}

const fn count(mut groups: &[&[KindRow]]) -> usize {
    let mut total = 0;
    while let [group, rest @ ..] = groups {
        total += group.len();
        groups = rest;
    }
    total
}

const fn join<const N: usize>(mut groups: &[&[KindRow]]) -> [KindRow; N] {
    let mut all = [leaf("", Class::Unknown, "", &[], ""); N];
    let mut free: &mut [KindRow] = &mut all;
    while let [group, rest @ ..] = groups {
        let (rows, after) = free.split_at_mut(group.len());
        rows.copy_from_slice(group);
        free = after;
        groups = rest;
    }
    all
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::HashSet;

    #[test]
    fn every_id_is_used_once_and_every_row_is_well_formed() {
        let mut seen = HashSet::new();
        for row in KINDS {
            assert!(seen.insert(row.id), "`{}` has two rows", row.id);
            assert!(row.id.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-'), "{}", row.id);
            assert_eq!(row.media_type.split('/').count(), 2, "{}", row.id);
            assert!(row.extensions.iter().all(|e| !e.starts_with('.') && **e == e.to_lowercase()), "{}", row.id);
            assert!(!row.description.is_empty(), "{}", row.id);
        }
        assert!(KINDS.len() >= 220, "{}", KINDS.len());
    }

    #[test]
    fn the_kinds_of_the_openers_have_rows() {
        for id in [
            "vba",
            "excel4-macro",
            "command-line",
            "js-embedded",
            "url-target",
            "mail-body",
            "zip",
            "7z",
            "rar4",
            "rar5",
            "tar",
            "gzip",
            "bzip2",
            "xz",
            "lzma",
            "zstd",
            "lz4",
            "brotli",
            "cab",
            "iso9660",
            "cfb",
            "doc",
            "xls",
            "ppt",
            "msi",
            "msg",
            "unknown",
            "empty",
            "text",
        ] {
            assert!(kind(id).is_some(), "{id}");
        }
        assert_eq!(kind("unknown").map(KindRow::kind), Some(Kind::UNKNOWN));
    }
}
