//! Reads a list in whichever format it is.

use super::entries::Entries;
use super::{rpz, stix};
use crate::settings::ListFormat;

impl Entries {
    /// Reads a list.
    ///
    /// # Errors
    /// When the text is no list: what cannot be understood is more than what can.
    pub(super) fn parse(text: &str, format: ListFormat) -> Result<Self, String> {
        let text = text.strip_prefix('\u{feff}').unwrap_or(text);
        let format = if format == ListFormat::Auto { ListFormat::of(text) } else { format };
        let mut entries = Self::default();
        match format {
            ListFormat::Stix => stix::read(text, &mut entries)?,
            ListFormat::Rpz => rpz::read(text, &mut entries),
            ListFormat::Urlhaus => entries.csv(text),
            ListFormat::Auto | ListFormat::Hosts | ListFormat::Domains => entries.lines(text),
        }
        match &entries.left_out_first {
            Some(first) if entries.left_out > entries.len() => Err(format!(
                "not a list of sites: {} of its entries are invalid and {} valid; the first invalid one: {first}",
                entries.left_out,
                entries.len()
            )),
            _ => Ok(entries),
        }
    }
}
