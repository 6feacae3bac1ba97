//! The list of detectors. To add one: a file in `detectors/`, a line in [`DETECTORS`], a folder in `corpus/`.

use crate::Detector;

mod documents;
mod macros;
mod pages;
mod pdfs;
mod scripts;
#[cfg(test)]
mod test_part;

/// Every detector that needs no configuration; signatures and hash lists come on top, see [`crate::Inspector`].
pub static DETECTORS: &[&(dyn Detector + Sync)] =
    &[&scripts::Scripts, &macros::Macros, &pages::Pages, &pdfs::Pdfs, &documents::Documents];
