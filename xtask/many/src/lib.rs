//! Rules, hashes and signatures by the thousand, the same every time: what benchmarks of Lazaret, and of what it is held
//! against, are run with. None of them is about anything that exists.

use std::fmt::Write as _;
use std::io::{self, Write};

/// YARA rules as they are written for families: a text, a pattern of bytes with gaps, and every tenth a regular expression.
pub fn rules(number: usize) -> String {
    let mut out = String::new();
    for number in 0..number {
        let mixed = mixed(number as u64);
        let [a, b, c, d, e, f, g, h] = mixed.to_be_bytes();
        let _ = write!(
            out,
            "rule many_{number} {{ strings: $text = \"marker-{mixed:016x}\" wide ascii nocase \
             $bytes = {{ {a:02x} {b:02x} {c:02x} ?? {d:02x} [2-6] {e:02x} {f:02x} {g:02x} {h:02x} }}"
        );
        let expression = number % 10 == 0;
        if expression {
            let _ = write!(out, " $address = /https?:\\/\\/[a-z0-9]{{4,12}}-{mixed:08x}\\.invalid\\//");
        }
        let condition = if expression { "$address or all of ($text, $bytes)" } else { "all of them" };
        let _ = writeln!(out, " condition: {condition} }}");
    }
    out
}

/// Writes a list of different SHA-256, one a line in no order, as reputation services publish them: 65 bytes each.
///
/// # Errors
/// What writing fails with.
pub fn write_hashes(number: u64, out: &mut dyn Write) -> io::Result<()> {
    for number in 0..number {
        // The first quarter alone differs from that of every other number: the mixing is a permutation.
        let (a, b, c, d) = (mixed(number), mixed(!number), mixed(number << 32 | 1), mixed(number << 32 | 2));
        writeln!(out, "{a:016x}{b:016x}{c:016x}{d:016x}")?;
    }
    Ok(())
}

/// Signatures of ClamAV in its extended form (`.ndb`): 16 bytes anywhere in any file.
pub fn signatures(number: usize) -> String {
    let mut out = String::new();
    for number in 0..number {
        let (a, b) = (mixed(number as u64), mixed(!(number as u64)));
        let _ = writeln!(out, "Many-{number}:0:*:{a:016x}{b:016x}");
    }
    out
}

/// Bits that look like chance, different for each number (the finalizer of SplitMix64; Steele, Lea and Flood, 2014).
fn mixed(number: u64) -> u64 {
    let mut bits = number.wrapping_add(1).wrapping_mul(0x9e37_79b9_7f4a_7c15);
    bits = (bits ^ (bits >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    bits = (bits ^ (bits >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    bits ^ (bits >> 31)
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "a test fails by it")]
mod tests {
    use super::*;
    use std::collections::BTreeSet;

    #[test]
    fn there_are_as_many_as_were_asked_for_and_all_are_different() {
        let mut hashes = Vec::new();
        write_hashes(5_000, &mut hashes).unwrap();
        let hashes = String::from_utf8(hashes).unwrap();
        for text in [rules(5_000), hashes.clone(), signatures(5_000)] {
            assert_eq!((text.lines().count(), text.lines().collect::<BTreeSet<_>>().len()), (5_000, 5_000));
        }
        assert!(hashes.lines().all(|line| line.len() == 64 && line.bytes().all(|byte| byte.is_ascii_hexdigit())));
    }
}
