//! Finds any of a few short marks in bytes, many at a time where the processor can: an automaton looks at each byte.

use aho_corasick::packed::Searcher;
use aho_corasick::{AhoCorasick, Match};

/// A list of marks, none of which begins with another.
pub(crate) struct Marks {
    fast: Option<Searcher>,
    /// For processors that cannot.
    slow: Option<AhoCorasick>,
}

impl Marks {
    pub(crate) fn new<'m>(list: impl IntoIterator<Item = &'m [u8]> + Clone) -> Self {
        let fast = Searcher::new(list.clone());
        let slow = if fast.is_none() { AhoCorasick::new(list).ok() } else { None };
        Self { fast, slow }
    }

    /// Where they are, in order; of two that overlap only the first.
    pub(crate) fn find<'a>(&'a self, bytes: &'a [u8]) -> impl Iterator<Item = Match> + 'a {
        let fast = self.fast.iter().flat_map(move |searcher| searcher.find_iter(bytes));
        fast.chain(self.slow.iter().flat_map(move |automaton| automaton.find_iter(bytes)))
    }

    /// Whether anything would be found at all.
    #[cfg(test)]
    pub(crate) fn work(&self) -> bool {
        self.fast.is_some() || self.slow.is_some()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_ways_find_the_same() {
        let list: [&[u8]; 4] = [b"ab", b"bcd", b"\x00\xff\x00", b"x"];
        let (marks, automaton) = (Marks::new(list), AhoCorasick::new(list).unwrap());
        let slow = Marks { fast: None, slow: AhoCorasick::new(list).ok() };
        let pieces: [&[u8]; 6] =
            [b"ab", b"bcd", b"\x00\xff", b"\x00", b"x", b"........................................"];
        let mut bytes = Vec::new();
        for step in 0..2_000_usize {
            bytes.extend_from_slice(pieces[step * step % 7 % 6]);
        }
        for from in 0..40 {
            let bytes = &bytes[from..];
            let places = |hits: Vec<Match>| hits.iter().map(|hit| (hit.pattern(), hit.start())).collect::<Vec<_>>();
            let expected = places(automaton.find_iter(bytes).collect());
            assert!(expected.len() > 100);
            assert_eq!(places(marks.find(bytes).collect()), expected);
            assert_eq!(places(slow.find(bytes).collect()), expected);
        }
        assert!(marks.work() && slow.work());
    }
}
