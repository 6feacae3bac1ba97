//! Codes that are drawn of filled rectangles, such as in the content of a page or in a drawing.

use super::Luma;

/// Rectangles that are kept.
const MOST: usize = 200_000;
/// Rectangles from which they may be a code: the smallest has some hundred runs of black modules.
const LEAST: usize = 60;
/// Pixels that a module is given, and that the longer side has at most.
const MODULE: f64 = 4.0;
const LONGEST: f64 = 1600.0;
/// White modules around the code.
const BORDER: f64 = 4.0;

#[derive(Debug, Clone, Copy)]
struct Rectangle {
    left: f64,
    top: f64,
    width: f64,
    height: f64,
    value: u8,
}

impl Rectangle {
    fn side(&self) -> f64 {
        self.width.min(self.height)
    }
}

/// The outermost of some coordinate.
fn edge(all: &[&Rectangle], of: fn(&Rectangle) -> f64, pick: fn(f64, f64) -> f64) -> f64 {
    all.iter().map(|one| of(one)).reduce(pick).unwrap_or_default()
}

/// Filled rectangles in the order in which they are painted.
#[derive(Default)]
pub(crate) struct Rectangles {
    all: Vec<Rectangle>,
}

impl Rectangles {
    /// Adds one by two opposite corners and its brightness. Where rows count upwards, the picture is upside down, which is as
    /// good.
    pub(crate) fn add(&mut self, (x, y): (f64, f64), (to_x, to_y): (f64, f64), value: u8) {
        let sound = [x, y, to_x, to_y].iter().all(|number| number.is_finite() && number.abs() < 1e7);
        let (width, height) = ((to_x - x).abs(), (to_y - y).abs());
        // LIMIT: plans and maps have as many, and nobody scans those.
        if sound && width > 0.0 && height > 0.0 && self.all.len() < MOST {
            self.all.push(Rectangle { left: x.min(to_x), top: y.min(to_y), width, height, value });
        }
    }

    /// What they show, as far as it is drawn of small ones of about one height or width.
    pub(crate) fn picture(&self) -> Option<Luma> {
        if self.all.len() < LEAST {
            return None;
        }
        let mut sides: Vec<f64> = self.all.iter().map(Rectangle::side).collect();
        sides.sort_by(f64::total_cmp);
        let side = sides.get(sides.len() / 2).copied()?;
        let small: Vec<&Rectangle> = self
            .all
            .iter()
            .filter(|one| (0.6..1.6).contains(&(one.side() / side)) && one.width.max(one.height) < side * 200.0)
            .collect();
        if small.len() < LEAST {
            return None;
        }
        let border = side * BORDER;
        let (left, top) =
            (edge(&small, |one| one.left, f64::min) - border, edge(&small, |one| one.top, f64::min) - border);
        let right = edge(&small, |one| one.left + one.width, f64::max) + border;
        let bottom = edge(&small, |one| one.top + one.height, f64::max) + border;
        // LIMIT: the whole drawing is kept, smaller.
        let scale = (MODULE / side).min(LONGEST / (right - left).max(bottom - top));
        // A module of less than a pixel shows nothing.
        if scale * side < 1.0 {
            return None;
        }
        let place = |at: f64, from: f64| ((at - from) * scale).round().clamp(0.0, LONGEST + 1.0) as usize;
        let mut picture = Luma::white(place(right, left), place(bottom, top))?;
        for one in &self.all {
            let (x, y) = (place(one.left, left), place(one.top, top));
            let (to_x, to_y) = (place(one.left + one.width, left), place(one.top + one.height, top));
            picture.paint(x, y, to_x.saturating_sub(x), to_y.saturating_sub(y), one.value);
        }
        Some(picture)
    }
}
