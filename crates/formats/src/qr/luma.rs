//! Pictures as brightness, a byte a pixel, made smaller while they are read.

/// Pixels of a picture that is searched; a larger one is averaged to fewer.
const MOST_PIXELS: usize = 4 << 20;
/// Pixels of a picture that is read at all.
const MOST_READ: usize = 64 << 20;
/// The least modules of a code on each side (ISO/IEC 18004, 6.1).
const LEAST_SIDE: usize = 21;
/// White, the paper around a code.
const WHITE: u8 = 255;

/// A picture in shades of grey: 0 is black, 255 white.
#[derive(Debug, Clone)]
pub(crate) struct Luma {
    width: usize,
    height: usize,
    pixels: Vec<u8>,
}

impl Luma {
    /// A white picture; none where it would be larger than what is searched.
    pub(crate) fn white(width: usize, height: usize) -> Option<Self> {
        // LIMIT: drawings that large show no code to scan.
        let count = width.checked_mul(height).filter(|count| *count > 0 && *count <= MOST_PIXELS)?;
        Some(Self { width, height, pixels: vec![WHITE; count] })
    }

    pub(crate) fn width(&self) -> usize {
        self.width
    }

    pub(crate) fn height(&self) -> usize {
        self.height
    }

    pub(crate) fn pixels(&self) -> u64 {
        self.pixels.len() as u64
    }

    /// The rows from the top.
    pub(crate) fn rows(&self) -> impl Iterator<Item = &[u8]> {
        self.pixels.chunks(self.width.max(1))
    }

    /// Paints a rectangle, cut where it leaves the picture.
    pub(crate) fn paint(&mut self, left: usize, top: usize, width: usize, height: usize, value: u8) {
        let (right, bottom) = (left.saturating_add(width).min(self.width), top.saturating_add(height).min(self.height));
        for y in top..bottom {
            let start = y.saturating_mul(self.width);
            if let Some(row) = self.pixels.get_mut(start.saturating_add(left)..start.saturating_add(right)) {
                row.fill(value);
            }
        }
    }

    /// Two pictures as one, the second to the right of the first; none where they are not equally high.
    pub(super) fn beside(first: &Self, second: &Self) -> Option<Self> {
        let (width, height) = (first.width.checked_add(second.width)?, first.height);
        // LIMIT: halves that large are photos.
        if second.height != height || width.checked_mul(height)? > MOST_PIXELS {
            return None;
        }
        let pixels = first.rows().zip(second.rows()).flat_map(|(left, right)| [left, right].concat()).collect();
        Some(Self { width, height, pixels })
    }

    /// Two pictures as one, the second below the first; none where they are not equally wide.
    pub(super) fn below(first: &Self, second: &Self) -> Option<Self> {
        let (width, height) = (first.width, first.height.checked_add(second.height)?);
        // LIMIT: halves that large are photos.
        if second.width != width || width.checked_mul(height)? > MOST_PIXELS {
            return None;
        }
        Some(Self { width, height, pixels: [first.pixels.as_slice(), second.pixels.as_slice()].concat() })
    }
}

/// Takes a picture row by row and keeps it small enough to be searched.
pub(crate) struct Rows {
    width: usize,
    /// Pixels on each side that become one.
    factor: usize,
    /// What the columns of the rows since the last one kept add up to.
    sums: Vec<u32>,
    added: usize,
    kept: Luma,
}

impl Rows {
    /// For a picture of this size; none where it holds no code that anybody scans: it is too small, or so large that it is a
    /// photo or a plan.
    pub(crate) fn new(width: usize, height: usize) -> Option<Self> {
        // LIMIT: nothing is said about larger pictures: photos and plans of so many pixels are ordinary.
        let count = width.checked_mul(height).filter(|count| *count <= MOST_READ)?;
        if width.min(height) < LEAST_SIDE / 2 || width.max(height) < LEAST_SIDE {
            return None;
        }
        let mut factor = 1_usize;
        // LIMIT: the whole picture is kept, smaller.
        while count / (factor * factor) > MOST_PIXELS {
            factor += 1;
        }
        let kept = Luma { width: width / factor, height: 0, pixels: Vec::with_capacity(count / (factor * factor)) };
        Some(Self { width, factor, sums: vec![0; width / factor], added: 0, kept })
    }

    /// Adds a row; one that is too short is white at its end.
    pub(crate) fn push(&mut self, row: impl Iterator<Item = u8>) {
        // LIMIT: a row is as wide as the picture.
        let row = row.chain(std::iter::repeat(WHITE)).take(self.width);
        if self.factor == 1 {
            self.kept.pixels.extend(row);
            self.kept.height += 1;
            return;
        }
        for (x, value) in row.enumerate() {
            if let Some(sum) = self.sums.get_mut(x / self.factor) {
                *sum = sum.saturating_add(u32::from(value));
            }
        }
        self.added += 1;
        if self.added == self.factor {
            let area = u32::try_from(self.factor * self.factor).unwrap_or(u32::MAX);
            self.kept.pixels.extend(self.sums.iter().map(|sum| u8::try_from(sum / area).unwrap_or(WHITE)));
            self.kept.height += 1;
            self.sums.fill(0);
            self.added = 0;
        }
    }

    /// The rows that came, as a picture.
    pub(crate) fn finish(self) -> Luma {
        self.kept
    }
}
