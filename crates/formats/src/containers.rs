//! The list of openers. To add one: a file in `containers/`, a line in [`FORMATS`], a folder in `corpus/`.

mod ar;
mod bytes;
mod cab;
mod cfb;
mod compress;
mod cpio;
mod decoders;
mod gzip;
mod iso9660;
mod odf;
mod ooxml;
mod rar;
mod rpm;
mod sevenz;
mod signature;
mod streams;
mod tar;
mod vba;
mod xml;
mod zip;

use crate::{Content, OpenError, Parts};

/// Opens one container format.
pub trait Format: Sync {
    /// Stable id, the name of its file and of its corpus folder.
    fn id(&self) -> &'static str;

    /// Ids of the kinds it opens, from the table of kinds. A polyglot is opened by every format it fits.
    fn kinds(&self) -> &'static [&'static str];

    /// One line for `lazaret formats`: what is read, and what is recognised and not read.
    fn summary(&self) -> &'static str;

    /// Hands everything inside `input` to `parts`.
    ///
    /// Readable bytes are handed over even where the rest is damaged. What cannot be read is said with
    /// [`Parts::incomplete`], [`Parts::add_locked`] or an error; nothing is left out in silence.
    ///
    /// # Errors
    /// When nothing more can be read; parts added before stay in the answer.
    fn open(&self, input: &Content, parts: &mut Parts<'_, '_>) -> Result<(), OpenError>;
}

/// Every opener.
pub static FORMATS: &[&dyn Format] = &[
    &zip::Zip,
    &gzip::Gzip,
    &streams::BZIP2,
    &streams::XZ,
    &streams::LZMA,
    &streams::LZIP,
    &streams::ZSTD,
    &streams::LZ4,
    &streams::ZLIB,
    &streams::BROTLI,
    &compress::Compress,
    &sevenz::SevenZ,
    &rar::Rar,
    &tar::Tar,
    &cab::Cab,
    &iso9660::Iso9660,
    &cfb::Cfb,
    &ooxml::Ooxml,
    &odf::Odf,
    &ar::Ar,
    &cpio::Cpio,
    &rpm::Rpm,
];
