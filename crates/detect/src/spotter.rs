//! Finds words of a list in bytes, in one pass whose tables stay in the nearest cache: an automaton of as many words does not fit
//! there, and takes several times as long.

use std::collections::HashMap;

/// Bits of the table that tells most places from those where a word may be.
const BITS: u32 = 15;
/// Letters by how often they are in texts of European languages, the most frequent first.
const FREQUENT: &[u8] = b"etaoinsrlducmphgbfvywkxzjq";

/// A list of words, without regard to the case of ASCII letters.
pub(crate) struct Spotter {
    /// Hashes of three bytes, the rarest of each word.
    maybe: Box<[u64; 1 << (BITS - 6)]>,
    /// Words by those bytes, and how many bytes of each are before the end of these.
    words: HashMap<u32, Vec<Word>>,
    /// Words of less than three bytes.
    short: Vec<memchr::memmem::Finder<'static>>,
}

type Word = (Box<[u8]>, usize);

impl Spotter {
    /// Words are in lower case; one without a byte is none, and one of less than three bytes is found as it is written.
    pub(crate) fn new<W: AsRef<[u8]>>(list: impl IntoIterator<Item = W>) -> Self {
        let (mut words, mut short) = (HashMap::<u32, Vec<_>>::new(), Vec::new());
        let mut maybe = Box::new([0; 1 << (BITS - 6)]);
        for word in list {
            let word = word.as_ref().to_ascii_lowercase();
            let threes = word.windows(3).enumerate();
            let Some((at, three)) = threes.min_by_key(|(_, three)| three.iter().map(|b| frequency(*b)).sum::<usize>())
            else {
                short.extend((!word.is_empty()).then(|| memchr::memmem::Finder::new(&word).into_owned()));
                continue;
            };
            let three = three.iter().fold(0, |so_far, byte| so_far << 8 | u32::from(*byte));
            let (place, bit) = place(three);
            if let Some(bits) = maybe.get_mut(place) {
                *bits |= bit;
            }
            words.entry(three).or_default().push((word.into_boxed_slice(), at + 3));
        }
        Self { maybe, words, short }
    }

    /// Where words are, from which byte on and up to which; those of a list that begin within each other are found all.
    pub(crate) fn spots<'a>(&'a self, bytes: &'a [u8]) -> impl Iterator<Item = (usize, usize)> + 'a {
        let mut three = 0_u32;
        let likely = bytes.iter().enumerate().filter_map(move |(at, byte)| {
            three = (three << 8 | u32::from(byte.to_ascii_lowercase())) & 0x00ff_ffff;
            let (place, bit) = place(three);
            let may = self.maybe.get(place).is_some_and(|bits| bits & bit != 0);
            (may && at >= 2).then_some((at, three))
        });
        let long = likely.flat_map(move |(at, three)| {
            let words = self.words.get(&three).map_or(&[][..], Vec::as_slice);
            words.iter().filter_map(move |(word, before)| {
                let start = (at + 1).checked_sub(*before)?;
                let end = start + word.len();
                bytes.get(start..end).filter(|found| found.eq_ignore_ascii_case(word)).map(|_| (start, end))
            })
        });
        let short = self.short.iter().flat_map(move |word| {
            let length = word.needle().len();
            word.find_iter(bytes).map(move |start| (start, start + length))
        });
        long.chain(short)
    }
}

/// Where the bit of three bytes is.
fn place(three: u32) -> (usize, u64) {
    let hash = three.wrapping_mul(0x9e37_79b1) >> (32 - BITS);
    ((hash >> 6) as usize, 1 << (hash & 63))
}

fn frequency(byte: u8) -> usize {
    FREQUENT.iter().position(|letter| *letter == byte).map_or(8, |rank| FREQUENT.len() - rank)
}

#[cfg(test)]
mod tests {
    use super::Spotter;
    use std::collections::BTreeSet;

    #[test]
    fn every_word_of_a_list_is_found_wherever_it_stands_and_nothing_else() {
        let list = ["abc", "bca", "cab", "abcabc", "aabb", "a\0b", "\u{44f}", "bb", "", "ccc", "x^y"];
        let words: BTreeSet<&str> = list.iter().copied().filter(|word| !word.is_empty()).collect();
        let spotter = Spotter::new(list);
        // All texts of few letters, so that words touch, overlap, begin and end the text.
        let letters = ['a', 'B', 'c', '\0', 'b', 'A', 'x', '^', 'y', '\u{44f}'];
        let mut state = 7_u64;
        for length in (0..400).chain([5_000]) {
            let text: String = (0..length % 60 + length / 100)
                .map(|_| {
                    state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
                    letters[(state >> 33) as usize % letters.len()]
                })
                .collect();
            let expected: BTreeSet<(usize, usize)> = words
                .iter()
                .flat_map(|word| {
                    let lower = text.to_ascii_lowercase();
                    let text = if word.len() < 3 { text.clone() } else { lower };
                    let starts: Vec<usize> =
                        (0..text.len()).filter(|at| text.as_bytes()[*at..].starts_with(word.as_bytes())).collect();
                    starts.into_iter().map(|at| (at, at + word.len())).collect::<Vec<_>>()
                })
                .collect();
            // Of a short word only those are found that do not overlap, which is enough to know that it is there.
            let found: BTreeSet<(usize, usize)> = spotter.spots(text.as_bytes()).collect();
            let long =
                |set: &BTreeSet<(usize, usize)>| set.iter().copied().filter(|s| s.1 - s.0 > 2).collect::<Vec<_>>();
            assert_eq!(long(&found), long(&expected), "{text:?}");
            assert!(found.is_subset(&expected), "{text:?}");
            let short = |set: &BTreeSet<(usize, usize)>| set.iter().any(|s| s.1 - s.0 <= 2);
            assert_eq!(short(&found), short(&expected), "{text:?}");
        }
    }
}
