//! QR codes (ISO/IEC 18004): people scan them and follow what they say, so what they say is a part.
//!
//! Codes are looked for in pictures, and in what is drawn of rectangles, of the cells of tables and of characters, which becomes
//! a picture first. Corners and the grid between them are found here, in bounded steps; `rqrr` corrects and reads the grid.

mod bits;
mod cells;
mod characters;
mod corners;
mod grid;
mod luma;
mod paths;
mod pictures;
mod rectangles;

pub(crate) use cells::{Cells, brightness, of_rgb};
pub(crate) use characters::{draws, pictures_of};
pub(crate) use luma::{Luma, Rows};
pub(crate) use paths::element;
pub(crate) use pictures::Pictures;
pub(crate) use rectangles::Rectangles;

use crate::{Content, Member, OpenError, Parts};
use bits::Bits;
use lazaret_model::{Bounded, Role};
use std::collections::HashSet;

/// Codes of one file that are handed over; a sheet of labels has some dozens.
const MOST_CODES: usize = 256;

/// What the codes of one file say, once each.
pub(crate) struct Codes {
    found: Bounded<Vec<u8>>,
    known: HashSet<Vec<u8>>,
}

impl Default for Codes {
    fn default() -> Self {
        Self { found: Bounded::new("QR codes", MOST_CODES), known: HashSet::new() }
    }
}

impl Codes {
    /// Looks for codes in a picture, dark on light and light on dark; answers how many corners were seen where no code was read.
    ///
    /// # Errors
    /// [`OpenError::Limit`] when the budget is exhausted.
    pub(crate) fn look(&mut self, picture: &Luma, parts: &mut Parts<'_, '_>) -> Result<usize, OpenError> {
        // One bit a pixel is what the search keeps.
        let _ = parts.budget().charge_output(picture.pixels() / 8);
        parts.budget().check_time().map_err(OpenError::Limit)?;
        let Some(mut bits) = Bits::of(picture) else { return Ok(0) };
        let (mut seen, mut read) = (0, 0_usize);
        for _ in 0..2 {
            let corners = corners::find(&bits, parts.budget()).map_err(OpenError::Limit)?;
            if corners.len() >= 3 {
                let mut each = |text: Vec<u8>| {
                    read = read.saturating_add(1);
                    if !self.known.contains(&text) && self.found.push(text.clone()) {
                        self.known.insert(text);
                    }
                };
                grid::read(&bits, &corners, parts.budget(), &mut each).map_err(OpenError::Limit)?;
            }
            seen = seen.max(corners.len());
            bits.invert();
        }
        Ok(if read == 0 { seen } else { 0 })
    }

    /// Whether no code was read.
    pub(crate) fn is_empty(&self) -> bool {
        self.found.is_empty()
    }

    /// Hands over what the codes say: addresses as links, anything else as text.
    ///
    /// # Errors
    /// As [`Parts::add`].
    pub(crate) fn hand_over(self, parts: &mut Parts<'_, '_>) -> Result<(), OpenError> {
        let (found, overflow) = self.found.into_parts();
        if let Some(reason) = overflow {
            parts.incomplete(reason);
        }
        for text in found {
            let member = if is_address(&text) {
                Member::unnamed(Role::Link, "qr-code").of_kind("url-target")
            } else {
                Member::unnamed(Role::Embedded, "qr-text")
            };
            parts.add_content(member, Content::from(text))?;
        }
        Ok(())
    }
}

/// Whether a phone would offer to open it: a scheme (RFC 3986, 3.1), or the name of a site alone.
fn is_address(text: &[u8]) -> bool {
    let text = String::from_utf8_lossy(text);
    let text = text.trim();
    if text.is_empty() || text.contains(char::is_whitespace) && !text.contains("://") {
        return false;
    }
    if let Some((scheme, rest)) = text.split_once(':') {
        let letters = scheme.starts_with(|c: char| c.is_ascii_alphabetic())
            && scheme.chars().all(|c| c.is_ascii_alphanumeric() || matches!(c, '+' | '-' | '.'));
        // Cards, dates and networks are texts in forms of their own.
        let form =
            ["BEGIN", "WIFI", "MECARD", "BIZCARD", "MATMSG"].iter().any(|form| scheme.eq_ignore_ascii_case(form));
        return letters && !form && scheme.len() > 1 && !rest.is_empty();
    }
    let host = text.split(['/', '?', '#']).next().unwrap_or_default();
    let top = host.rsplit_once('.').map_or("", |(_, top)| top);
    top.len() >= 2 && top.chars().all(|c| c.is_ascii_alphabetic()) && !host.contains('@')
}

#[cfg(test)]
pub(crate) mod tests;
