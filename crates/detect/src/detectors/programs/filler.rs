//! Bytes that are there for their number: padding past the sizes that scanners look at.

/// Bytes of a window from which it is judged; honest gaps are smaller.
const LEAST: usize = 8 << 20;
/// Repetitions that are looked for, in bytes.
const PERIODS: &[usize] = &[1, 2, 4, 8, 16, 32, 64, 128, 256, 512, 1024, 2048, 4096, 65536];
/// Places of a window that are compared.
const SAMPLES: usize = 4096;
/// Of those, how many may differ, in a hundred.
const MAY_DIFFER: usize = 1;

/// What a window is filled with, where it is nearly nothing else: the bytes after which it repeats.
pub(super) fn of(window: &[u8]) -> Option<usize> {
    if window.len() < LEAST {
        return None;
    }
    // An odd step meets every place of a repetition, whose length is a power of two.
    let step = (window.len() / SAMPLES) | 1;
    PERIODS.iter().copied().find(|period| {
        let last = window.len().saturating_sub(period.saturating_add(1));
        let differs = (0..SAMPLES)
            .map(|sample| sample.saturating_mul(step).min(last))
            .filter(|at| window.get(*at) != window.get(at.saturating_add(*period)))
            .count();
        differs.saturating_mul(100) <= SAMPLES.saturating_mul(MAY_DIFFER)
    })
}

/// Shannon entropy in bits a byte.
pub(super) fn entropy(bytes: &[u8]) -> f64 {
    let mut counts = [0_u32; 256];
    for byte in bytes {
        if let Some(count) = counts.get_mut(usize::from(*byte)) {
            *count = count.saturating_add(1);
        }
    }
    let total = bytes.len().max(1) as f64;
    let shares = counts.iter().filter(|count| **count > 0).map(|count| f64::from(*count) / total);
    shares.map(|share| -share * share.log2()).sum()
}

#[cfg(test)]
mod tests {
    use super::{entropy, of};

    #[test]
    fn repetitions_are_found_whatever_repeats() {
        let noise = |len: usize| -> Vec<u8> {
            let mut state = 7_u64;
            let mut next = || {
                state = state.wrapping_mul(6364136223846793005).wrapping_add(1442695040888963407);
                (state >> 56) as u8
            };
            (0..len).map(|_| next()).collect()
        };
        let size = 9 << 20;
        assert_eq!(of(&vec![0; size]), Some(1));
        assert_eq!(of(&noise(256).repeat(size / 256)), Some(256));
        assert_eq!(of(&noise(size)), None);
        assert_eq!(of(&[vec![0; size / 2], noise(size / 2)].concat()), None);
        // Pages that only begin alike are not filler.
        let pages: Vec<u8> =
            noise(size).iter().enumerate().map(|(at, b)| if at % 4096 < 64 { 0 } else { *b }).collect();
        assert_eq!(of(&pages), None);
        assert_eq!(of(&vec![0; 1 << 20]), None);
        assert!(entropy(&noise(65536)) > 7.9 && entropy(&[1; 999]) == 0.0 && entropy(&[]) == 0.0);
    }
}
