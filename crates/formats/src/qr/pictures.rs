//! What looking at pictures has cost, and those that may be halves of a code.

use super::Luma;
use lazaret_model::PartId;

/// Pixels looked at in one sample: some twenty photos. Pictures in mail, which people scan at once, have four times as many.
const MOST_PIXELS: u64 = 256 << 20;
/// Pictures with corners and without a code that wait for their other half.
const MOST_HALVES: usize = 8;

/// What the pictures of one sample have cost, and those that may be halves of a code.
#[derive(Default)]
pub(crate) struct Pictures {
    pixels: u64,
    halves: Vec<(Option<PartId>, Luma)>,
}

impl Pictures {
    /// Counts a picture of so many pixels; says whether there was room for it.
    pub(crate) fn take(&mut self, pixels: u64, in_mail: bool) -> bool {
        // LIMIT: who asks says what was left out, where it is not ordinary.
        let most = if in_mail { MOST_PIXELS * 4 } else { MOST_PIXELS };
        let pixels = self.pixels.saturating_add(pixels);
        if pixels > most {
            return false;
        }
        self.pixels = pixels;
        true
    }

    /// Every picture that a half and earlier halves of the same parent make, side by side and on top of each other.
    pub(crate) fn join(&mut self, parent: Option<PartId>, half: Luma) -> Vec<Luma> {
        self.halves.retain(|(other, _)| *other == parent);
        let mut joined = Vec::new();
        for (_, other) in &self.halves {
            for [first, second] in [[other, &half], [&half, other]] {
                joined.extend(Luma::beside(first, second));
                joined.extend(Luma::below(first, second));
            }
        }
        // LIMIT: the latest wait; halves stand next to each other.
        if self.halves.len() >= MOST_HALVES {
            self.halves.remove(0);
        }
        self.halves.push((parent, half));
        joined
    }
}
