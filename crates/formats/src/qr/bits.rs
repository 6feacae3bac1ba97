//! A picture in black and white, each pixel judged by its surroundings: shades, colours and shadows differ over a page.

use super::Luma;

/// Pixels on each side of a tile that shares one threshold.
const TILE: usize = 32;
/// The least contrast of a code, and of a tile that tells black from white by itself.
const LEAST_CONTRAST: u8 = 40;

/// Black and white pixels.
pub(super) struct Bits {
    width: usize,
    height: usize,
    black: Vec<bool>,
}

impl Bits {
    /// Black and white of a picture; none where everything in it is about alike.
    pub(super) fn of(picture: &Luma) -> Option<Self> {
        let (width, height) = (picture.width(), picture.height());
        let across = width.div_ceil(TILE).max(1);
        let mut tiles = vec![(u8::MAX, u8::MIN); across.checked_mul(height.div_ceil(TILE))?];
        for (y, row) in picture.rows().enumerate() {
            for (x, values) in row.chunks(TILE).enumerate() {
                if let Some((low, high)) = tiles.get_mut(y / TILE * across + x) {
                    for value in values {
                        *low = (*low).min(*value);
                        *high = (*high).max(*value);
                    }
                }
            }
        }
        let (low, high) =
            tiles.iter().fold((u8::MAX, u8::MIN), |(low, high), tile| (low.min(tile.0), high.max(tile.1)));
        if high.saturating_sub(low) < LEAST_CONTRAST {
            return None;
        }
        let thresholds = thresholds(&tiles, across, middle(low, high));
        let mut black = Vec::with_capacity(width.checked_mul(height)?);
        for (y, row) in picture.rows().enumerate() {
            for (x, values) in row.chunks(TILE).enumerate() {
                let threshold = thresholds.get(y / TILE * across + x).copied().unwrap_or(u8::MAX / 2);
                black.extend(values.iter().map(|value| *value <= threshold));
            }
        }
        Some(Self { width, height, black })
    }

    pub(super) fn height(&self) -> usize {
        self.height
    }

    /// One row, from the left.
    pub(super) fn row(&self, y: usize) -> &[bool] {
        let start = y.saturating_mul(self.width);
        self.black.get(start..start.saturating_add(self.width)).unwrap_or_default()
    }

    /// Whether a pixel is black; outside of the picture all is white.
    pub(super) fn black(&self, x: i64, y: i64) -> bool {
        let (Ok(x), Ok(y)) = (usize::try_from(x), usize::try_from(y)) else { return false };
        if x >= self.width {
            return false;
        }
        self.black.get(y.saturating_mul(self.width).saturating_add(x)).copied().unwrap_or(false)
    }

    /// Turns black and white round.
    pub(super) fn invert(&mut self) {
        self.black.iter_mut().for_each(|black| *black = !*black);
    }
}

/// What is black in each tile: darker than the middle between what it and its neighbours have, or of the whole picture where
/// those are about alike.
fn thresholds(tiles: &[(u8, u8)], across: usize, whole: u8) -> Vec<u8> {
    let place = |place: usize| {
        let (x, y) = (place % across, place / across);
        let (mut low, mut high) = (u8::MAX, u8::MIN);
        for row in y.saturating_sub(1)..=y + 1 {
            for column in x.saturating_sub(1)..=(x + 1).min(across - 1) {
                if let Some(tile) = tiles.get(row * across + column) {
                    low = low.min(tile.0);
                    high = high.max(tile.1);
                }
            }
        }
        if high.saturating_sub(low) < LEAST_CONTRAST { whole } else { middle(low, high) }
    };
    (0..tiles.len()).map(place).collect()
}

fn middle(low: u8, high: u8) -> u8 {
    low.midpoint(high)
}
