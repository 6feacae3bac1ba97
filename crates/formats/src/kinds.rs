//! The table of kinds.

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
pub static KINDS: &[KindRow] = &[KindRow {
    id: "zip",
    class: Class::Archive,
    media_type: "application/zip",
    extensions: &["zip"],
    description: "ZIP archive",
    container: true,
}];

/// The row of a kind, by id.
pub fn kind(id: &str) -> Option<&'static KindRow> {
    static INDEX: LazyLock<HashMap<&'static str, &'static KindRow>> =
        LazyLock::new(|| KINDS.iter().map(|row| (row.id, row)).collect());
    INDEX.get(id).copied()
}
