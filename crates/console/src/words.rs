//! Words that pages share.

use crate::Language;
use crate::texts::texts;
use lazaret_model::{ScanReport, plain};

/// The part of a report at a path, in English words: `x.txt in locked.zip`.
pub(crate) fn nested(report: &ScanReport, path: &str) -> String {
    let names: Vec<_> = report.names(path).into_iter().map(plain).collect();
    texts(Language::English).nested(&names)
}
