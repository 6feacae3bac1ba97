//! The three corners of QR codes: squares in squares, which any line through the middle cuts into 1, 1, 3, 1 and 1 parts
//! (ISO/IEC 18004, 6.3.3).

use super::bits::Bits;
use crate::Budget;
use lazaret_model::Limit;

/// Corners of one picture that are looked at, the largest ones: people scan what they see at once, and the noise of photos and
/// the dots of printed ones look like corners of single pixels.
const MOST_CORNERS: usize = 512;
/// Pixels on each side of a picture in which a module may be a single pixel: whoever shows a code so enlarges it.
const SMALL: usize = 256;
/// Pixels of a module elsewhere: smaller ones are no code that a phone reads.
const LEAST_MODULE: f64 = 1.75;

/// The middle of a corner, in pixels, and how large a module is there.
#[derive(Debug, Clone, Copy)]
pub(super) struct Corner {
    pub(super) x: f64,
    pub(super) y: f64,
    pub(super) module: f64,
}

impl Corner {
    /// Whether another one is about as large.
    pub(super) fn is_like(&self, other: &Self) -> bool {
        let ratio = self.module / other.module;
        (0.6..1.67).contains(&ratio)
    }
}

/// The corners in a picture, the largest first.
pub(super) fn find(bits: &Bits, budget: &mut Budget) -> Result<Vec<Corner>, Limit> {
    let mut corners = Vec::new();
    let least = if bits.height().max(bits.row(0).len()) <= SMALL { 0.0 } else { LEAST_MODULE };
    // The middle of a corner is three modules high: every second row meets it.
    let step = if bits.height() > 1000 { 2 } else { 1 };
    for y in (0..bits.height()).step_by(step) {
        if y % 64 == 0 {
            budget.check_time()?;
        }
        // The last five runs of one colour, the newest last.
        let mut runs = [0_usize; 5];
        let (mut colour, mut length) = (false, 0_usize);
        for (x, black) in bits.row(y).iter().copied().chain(std::iter::once(false)).enumerate() {
            if black == colour {
                length += 1;
                continue;
            }
            let [_, second, third, fourth, fifth] = runs;
            runs = [second, third, fourth, fifth, length];
            if colour
                && runs.iter().sum::<usize>() as f64 >= 7.0 * least
                && fits(&runs)
                && let Some(corner) = check(bits, &runs, x, y)
            {
                budget.step(corners.len() as u64)?;
                add(&mut corners, corner);
            }
            (colour, length) = (black, 1);
        }
    }
    corners.sort_by(|one: &Corner, other| other.module.total_cmp(&one.module));
    Ok(corners)
}

/// Whether runs are as long as those of a line through the middle of a corner.
fn fits(runs: &[usize; 5]) -> bool {
    let module = runs.iter().sum::<usize>() as f64 / 7.0;
    let near =
        |run: usize, modules: f64| (run as f64 - modules * module).abs() <= 0.6 * module.max(1.0) * modules.sqrt();
    let [first, second, third, fourth, fifth] = *runs;
    runs.iter().all(|run| *run > 0)
        && [first, second, fourth, fifth].into_iter().all(|run| near(run, 1.0))
        && near(third, 3.0)
}

/// Looks across the runs that end before `x`, and along them again through the middle that this finds.
fn check(bits: &Bits, runs: &[usize; 5], x: usize, y: usize) -> Option<Corner> {
    let total: usize = runs.iter().sum();
    let [_, _, third, fourth, fifth] = *runs;
    let middle = x.checked_sub(fifth)?.checked_sub(fourth)?.checked_sub(third.div_ceil(2))?;
    let (x, y) = (i64::try_from(middle).ok()?, i64::try_from(y).ok()?);
    let most = i64::try_from(total).ok()?;
    let (by, down) = across(bits, x, y, (0, 1), most)?;
    let y = y as f64 + by;
    let (by, along) = across(bits, x, y.round() as i64, (1, 0), most)?;
    // A corner is about as wide as high.
    if !(0.6..1.67).contains(&(along / down)) {
        return None;
    }
    Some(Corner { x: x as f64 + by, y, module: (along + down) / 14.0 })
}

/// The runs through a black pixel in one direction: how far from it the middle of its run is, and how long all five are.
fn across(bits: &Bits, x: i64, y: i64, step: (i64, i64), most: i64) -> Option<(f64, f64)> {
    let black = |by: i64| bits.black(x + step.0 * by, y + step.1 * by);
    // Counts pixels of one colour, from `at` in the direction of `sign`.
    let count = |at: i64, sign: i64, colour: bool| {
        let mut length = 0;
        while length < most && black((at + length) * sign) == colour {
            length += 1;
        }
        length
    };
    if !black(0) {
        return None;
    }
    let mut sides = [[0_i64; 3]; 2];
    for (side, (sign, first)) in sides.iter_mut().zip([(-1, 0), (1, 1)]) {
        let mut at = first;
        for (run, colour) in side.iter_mut().zip([true, false, true]) {
            *run = count(at, sign, colour);
            at += *run;
        }
    }
    let [[before, white_before, edge_before], [after, white_after, edge_after]] = sides;
    let runs = [edge_before, white_before, before + after, white_after, edge_after];
    let runs = runs.map(|run| usize::try_from(run).unwrap_or(0));
    let total = runs.iter().sum::<usize>() as f64;
    // `before` counts the pixel itself.
    fits(&runs).then_some(((after - before + 1) as f64 / 2.0, total))
}

/// Adds a corner, or makes a known one better. Where there are enough, the smallest makes room for a larger one.
fn add(corners: &mut Vec<Corner>, new: Corner) {
    for known in corners.iter_mut() {
        let near = (known.x - new.x).abs().max((known.y - new.y).abs()) < 2.0 * known.module;
        if near && known.is_like(&new) {
            known.x = f64::midpoint(known.x, new.x);
            known.y = f64::midpoint(known.y, new.y);
            known.module = f64::midpoint(known.module, new.module);
            return;
        }
    }
    // LIMIT: so many corners are no code but a pattern, and the largest of them are looked at.
    if corners.len() < MOST_CORNERS {
        corners.push(new);
        return;
    }
    let smallest = corners.iter_mut().min_by(|one, other| one.module.total_cmp(&other.module));
    if let Some(smallest) = smallest.filter(|smallest| smallest.module < new.module) {
        *smallest = new;
    }
}
