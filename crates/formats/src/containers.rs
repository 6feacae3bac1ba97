//! The list of openers. To add one: a file in `containers/`, a line in [`FORMATS`], a folder in `corpus/`.

mod activemime;
mod applesingle;
mod ar;
mod bytes;
mod cab;
mod calendar;
pub(crate) mod cfb;
pub(crate) mod cms;
mod compress;
mod cpio;
mod decode;
mod decoders;
mod drawing;
mod encoded;
pub(crate) mod encoder;
mod fodt;
mod form;
mod gzip;
mod html;
mod iso9660;
mod json;
mod links;
mod literals;
mod lnk;
mod lzfu;
mod mail;
mod matroska;
mod notebook;
mod odf;
mod onenote;
mod ooxml;
pub(crate) mod openpgp;
mod outlook;
mod package;
mod padding;
mod pdf;
mod pickle;
mod picture;
mod rar;
mod rpm;
mod rtf;
mod scene;
mod script;
mod sevenz;
mod shares;
mod shortcut;
mod signature;
mod skipped;
mod spreadsheetml;
mod streams;
mod tar;
mod tnef;
mod vba;
mod warc;
mod webarchive;
mod wordml;
mod xdp;
mod xml;
mod zip;
mod zisofs;

pub(crate) use decoders::{Codec, decoder};
pub(crate) use form::border;
pub(crate) use gzip::Members as GzipMembers;

use crate::{Content, OpenError, Parts};
use std::borrow::Cow;

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
#[rustfmt::skip]
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
    &tnef::Tnef,
    &warc::Warc,
    &form::Form,
    &encoded::Encoded,
    &cab::Cab,
    &iso9660::Iso9660,
    &zisofs::Zisofs,
    &cfb::Cfb,
    &cms::Cms,
    &ooxml::Ooxml,
    &odf::Odf,
    &fodt::Fodt,
    &wordml::WordMl,
    &spreadsheetml::SpreadsheetMl,
    &activemime::ActiveMime,
    &xdp::Xdp,
    &applesingle::AppleSingle,
    &ar::Ar,
    &calendar::Calendar,
    &cpio::Cpio,
    &drawing::Drawing,
    &rpm::Rpm,
    &html::Html,
    &lnk::Lnk,
    &mail::Mail,
    &matroska::Matroska,
    &notebook::Notebook,
    &onenote::OneNote,
    &openpgp::OpenPgp,
    &package::Package,
    &pdf::Pdf,
    &pickle::Pickle,
    &picture::Picture,
    &rtf::Rtf,
    &scene::Scene,
    &script::Script,
    &shortcut::Shortcut,
    &webarchive::WebArchive,
];

/// The bytes of a part for a parser that needs them as one slice; the part is incomplete where it has more.
fn text_of<'c>(input: &'c Content, most: u64, parts: &mut Parts<'_, '_>) -> Result<Cow<'c, [u8]>, OpenError> {
    if input.len() > most {
        parts.incomplete(format!("only its first {most} bytes were looked at"));
    }
    Ok(input.window(0, usize::try_from(most).unwrap_or(usize::MAX))?)
}

/// A little-endian number of eight bytes.
fn u64_at(bytes: &[u8], at: usize) -> Option<u64> {
    bytes.get(at..at.checked_add(8)?)?.try_into().ok().map(u64::from_le_bytes)
}

#[cfg(test)]
mod tests {
    use super::FORMATS;
    use crate::kinds::kind;

    #[test]
    fn whatever_is_opened_is_a_kind() {
        for format in FORMATS {
            for id in format.kinds() {
                assert!(kind(id).is_some(), "`{}` opens `{id}`, which has no row", format.id());
            }
        }
    }
}
