//! From three corners to the modules between them, and to what they say.

use super::bits::Bits;
use super::corners::Corner;
use crate::Budget;
use lazaret_model::Limit;

/// Corners around one that may belong to the same code.
const MOST_NEAR: usize = 64;
/// Triples of corners in the right places that are tried, and grids that are read.
const MOST_TRIES: usize = 20_000;
const MOST_READS: usize = 512;
/// Modules on each side of the smallest and the largest code (ISO/IEC 18004, 6.1).
const SIDES: (usize, usize) = (21, 177);
/// The share of right modules between the corners from which they are taken for the timing pattern (6.3.5).
const LEAST_TIMING: f64 = 0.75;

/// Reads the codes that corners belong to, and hands what they say to `each`.
pub(super) fn read(
    bits: &Bits,
    corners: &[Corner],
    budget: &mut Budget,
    each: &mut dyn FnMut(Vec<u8>),
) -> Result<(), Limit> {
    let mut used = vec![false; corners.len()];
    let is_used = |used: &[bool], place: usize| used.get(place).copied().unwrap_or(true);
    let (mut tries, mut reads) = (0_usize, 0_usize);
    for (place, corner) in corners.iter().enumerate() {
        budget.check_time()?;
        if is_used(&used, place) {
            continue;
        }
        let near = near(corner, place, corners);
        'pairs: for (index, (first, from_first)) in near.iter().enumerate() {
            for (second, from_second) in near.get(index + 1..).unwrap_or_default() {
                if is_used(&used, place) {
                    break 'pairs;
                }
                if is_used(&used, *first) || is_used(&used, *second) {
                    continue;
                }
                let (Some(one), Some(other)) = (corners.get(*first), corners.get(*second)) else { continue };
                let Some((right, below)) = square(corner, (one, *from_first), (other, *from_second)) else { continue };
                tries += 1;
                // LIMIT: the largest corners come first; a pattern of so many is no code that somebody scans.
                if tries > MOST_TRIES || reads > MOST_READS {
                    return Ok(());
                }
                if tries % 64 == 0 {
                    budget.check_time()?;
                }
                if let Some(text) = attempt(bits, [corner, right, below], &mut reads, budget)? {
                    each(text);
                    for place in [place, *first, *second] {
                        if let Some(used) = used.get_mut(place) {
                            *used = true;
                        }
                    }
                }
            }
        }
    }
    Ok(())
}

/// Corners that may stand at the other ends of a code's sides, the nearest first, with their distances.
fn near(corner: &Corner, place: usize, corners: &[Corner]) -> Vec<(usize, f64)> {
    let mut near = Vec::new();
    for (other_place, other) in corners.iter().enumerate() {
        let distance = (other.x - corner.x).hypot(other.y - corner.y);
        // 14 modules in the smallest code; turned by 45 degrees, modules are measured too large.
        let modules = distance / corner.module;
        if other_place != place && corner.is_like(other) && (8.0..200.0).contains(&modules) {
            near.push((other_place, distance));
        }
    }
    near.sort_by(|one, other| one.1.total_cmp(&other.1));
    // LIMIT: a code's own corners are among the nearest; more would have to lie within the code.
    near.truncate(MOST_NEAR);
    near
}

/// The corners at the right and below one, if the three make half a square.
fn square<'c>(
    corner: &Corner,
    (one, from_one): (&'c Corner, f64),
    (other, from_other): (&'c Corner, f64),
) -> Option<(&'c Corner, &'c Corner)> {
    if !(0.7..1.43).contains(&(from_one / from_other)) {
        return None;
    }
    let (ax, ay, bx, by) = (one.x - corner.x, one.y - corner.y, other.x - corner.x, other.y - corner.y);
    if ((ax * bx + ay * by) / (from_one * from_other)).abs() > 0.35 {
        return None;
    }
    // Rows count downwards: from the right to what is below is clockwise.
    Some(if ax * by - ay * bx > 0.0 { (one, other) } else { (other, one) })
}

/// Reads the code with these corners: at the top left, at its right and below it.
fn attempt(
    bits: &Bits,
    corners: [&Corner; 3],
    reads: &mut usize,
    budget: &mut Budget,
) -> Result<Option<Vec<u8>>, Limit> {
    let [corner, right, below] = corners;
    let module = (corner.module + right.module + below.module) / 3.0;
    let side =
        f64::midpoint((right.x - corner.x).hypot(right.y - corner.y), (below.x - corner.x).hypot(below.y - corner.y));
    let estimate = side / module + 7.0;
    let mut sizes = Vec::new();
    for size in (SIDES.0..=SIDES.1).step_by(4) {
        // Turned by 45 degrees, modules are measured 1.4 times too large.
        if (estimate * 0.85 - 4.0..=estimate * 1.45 + 4.0).contains(&(size as f64)) {
            // Five points in each of the modules between two corners, twice.
            budget.step(40 * size as u64)?;
            let map = Map::new(corners, size);
            let score = timing(bits, &map, size);
            if score >= LEAST_TIMING {
                sizes.push((score, size, map));
            }
        }
    }
    sizes.sort_by(|one, other| other.0.total_cmp(&one.0));
    // LIMIT: the right size fits best, or nearly so.
    for (_, size, map) in sizes.into_iter().take(2) {
        *reads += 1;
        // Five points of every module, and what stands beside the alignment pattern.
        budget.step(40 * (size * size) as u64 + 50_000)?;
        let text =
            modules(bits, &map, size).or_else(|| aligned(bits, &map, size).and_then(|map| modules(bits, &map, size)));
        if text.is_some() {
            return Ok(text);
        }
    }
    Ok(None)
}

/// Where the modules of a code lie in the picture.
#[derive(Clone, Copy)]
struct Map {
    corner: (f64, f64),
    right: (f64, f64),
    below: (f64, f64),
    /// Modules between the middles of two corners.
    span: f64,
    /// How much nearer than the first corner the others are to whoever took the picture.
    weights: (f64, f64),
}

impl Map {
    fn new([corner, right, below]: [&Corner; 3], size: usize) -> Self {
        let place = |corner: &Corner| (corner.x + 0.5, corner.y + 0.5);
        Self {
            corner: place(corner),
            right: place(right),
            below: place(below),
            span: size as f64 - 7.0,
            weights: (1.0, 1.0),
        }
    }

    /// The point of the picture at so many modules from the left and from the top.
    fn place(&self, across: f64, down: f64) -> (f64, f64) {
        // The middle of a corner is three and a half modules from either edge.
        let (s, t) = ((across - 3.5) / self.span, (down - 3.5) / self.span);
        let (first, second, third) = (1.0 - s - t, self.weights.0 * s, self.weights.1 * t);
        let all = first + second + third;
        let all = if all.abs() < 1e-9 { 1e-9 } else { all };
        (
            (self.corner.0 * first + self.right.0 * second + self.below.0 * third) / all,
            (self.corner.1 * first + self.right.1 * second + self.below.1 * third) / all,
        )
    }

    fn black(&self, bits: &Bits, across: f64, down: f64) -> bool {
        let (x, y) = self.place(across, down);
        bits.black(x.floor() as i64, y.floor() as i64)
    }

    /// Whether a module is black, by most of five points in it.
    fn module(&self, bits: &Bits, across: f64, down: f64) -> bool {
        let points = [(0.0, 0.0), (-0.2, 0.0), (0.2, 0.0), (0.0, -0.2), (0.0, 0.2)];
        points.into_iter().filter(|(x, y)| self.black(bits, across + x, down + y)).count() >= 3
    }
}

/// The share of modules between the corners that are black and white by turns.
fn timing(bits: &Bits, map: &Map, size: usize) -> f64 {
    let (mut right, mut all) = (0_u32, 0_u32);
    for module in 8..size - 8 {
        let middle = module as f64 + 0.5;
        for black in [map.module(bits, middle, 6.5), map.module(bits, 6.5, middle)] {
            right += u32::from(black == (module % 2 == 0));
            all += 1;
        }
    }
    f64::from(right) / f64::from(all.max(1))
}

/// The map after looking for the alignment pattern near the fourth corner (6.3.6), for pictures taken from the side.
fn aligned(bits: &Bits, map: &Map, size: usize) -> Option<Map> {
    if size < 25 {
        return None;
    }
    let expected = size as f64 - 6.5;
    let mut best: Option<(f64, f64, f64)> = None;
    for steps_down in -10..=10_i32 {
        for steps_across in -10..=10_i32 {
            let (by_x, by_y) = (f64::from(steps_across) / 2.0, f64::from(steps_down) / 2.0);
            let (x, y) = (expected + by_x, expected + by_y);
            let mut right = 0_u32;
            for row in -2..=2_i32 {
                for column in -2..=2_i32 {
                    let ring = row.abs().max(column.abs());
                    let black = map.black(bits, x + f64::from(column), y + f64::from(row));
                    right += u32::from(black == (ring != 1));
                }
            }
            // The nearest of those that fit alike.
            let score = f64::from(right) - by_x.hypot(by_y) / 10.0;
            if right >= 21 && best.is_none_or(|(known, ..)| score > known) {
                best = Some((score, x, y));
            }
        }
    }
    let (_, x, y) = best?;
    let found = map.place(x, y);
    // The weights that lead from the expected place to the one found: two equations with two unknowns.
    let k = (expected - 3.5) / map.span;
    let (ax, ay) = (k * (found.0 - map.right.0), k * (found.1 - map.right.1));
    let (bx, by) = (k * (found.0 - map.below.0), k * (found.1 - map.below.1));
    let (cx, cy) = ((1.0 - 2.0 * k) * (map.corner.0 - found.0), (1.0 - 2.0 * k) * (map.corner.1 - found.1));
    let determinant = ax * by - ay * bx;
    if determinant.abs() < 1e-6 {
        return None;
    }
    let weights = ((cx * by - cy * bx) / determinant, (ax * cy - ay * cx) / determinant);
    let sound = |weight: f64| (0.3..3.0).contains(&weight);
    (sound(weights.0) && sound(weights.1)).then_some(Map { weights, ..*map })
}

/// What the modules say, after correction.
fn modules(bits: &Bits, map: &Map, size: usize) -> Option<Vec<u8>> {
    let module = |x: usize, y: usize| map.module(bits, x as f64 + 0.5, y as f64 + 0.5);
    let grid = rqrr::Grid::new(rqrr::SimpleGrid::from_func(size, module));
    let mut text = Vec::new();
    grid.decode_to(&mut text).ok()?;
    (!text.is_empty()).then_some(text)
}
