//! Finds any of a few short marks in bytes, many at a time where the processor can: an automaton looks at each byte.

use aho_corasick::packed::Searcher;
use aho_corasick::{AhoCorasick, Input, Match, MatchKind, Span};

/// A list of marks, none of which begins with another.
pub(crate) struct Marks {
    fast: Option<Searcher>,
    /// For processors that cannot.
    slow: Option<AhoCorasick>,
}

impl Marks {
    pub(crate) fn new<'m>(list: impl IntoIterator<Item = &'m [u8]> + Clone) -> Self {
        let fast = Searcher::new(list.clone());
        let slow = if fast.is_none() { automaton(list) } else { None };
        Self { fast, slow }
    }

    /// Where they are, in order, those that overlap as well: a mark before another one would hide it.
    pub(crate) fn find<'a>(&'a self, bytes: &'a [u8]) -> impl Iterator<Item = Match> + 'a {
        let mut from = 0;
        std::iter::from_fn(move || {
            let span = Span::from(from..bytes.len());
            let found = match (&self.fast, &self.slow) {
                (Some(searcher), _) => searcher.find_in(bytes, span),
                (None, Some(automaton)) => automaton.find(Input::new(bytes).span(span)),
                (None, None) => None,
            }?;
            from = found.start() + 1;
            Some(found)
        })
    }

    /// Whether anything would be found at all.
    #[cfg(test)]
    pub(crate) fn work(&self) -> bool {
        self.fast.is_some() || self.slow.is_some()
    }
}

/// What begins first is found first, as by the other way.
fn automaton<'m>(list: impl IntoIterator<Item = &'m [u8]>) -> Option<AhoCorasick> {
    AhoCorasick::builder().match_kind(MatchKind::LeftmostFirst).build(list).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_ways_find_the_same() {
        let list: [&[u8]; 4] = [b"ab", b"bcd", b"\x00\xff\x00", b"x"];
        let (marks, automaton) = (Marks::new(list), AhoCorasick::new(list).unwrap());
        let slow = Marks { fast: None, slow: super::automaton(list) };
        let pieces: [&[u8]; 6] =
            [b"ab", b"bcd", b"\x00\xff", b"\x00", b"x", b"........................................"];
        let mut bytes = Vec::new();
        for step in 0..2_000_usize {
            bytes.extend_from_slice(pieces[step * step % 7 % 6]);
        }
        for from in 0..40 {
            let bytes = &bytes[from..];
            let places = |hits: Vec<Match>| hits.iter().map(|hit| (hit.pattern(), hit.start())).collect::<Vec<_>>();
            let mut expected = places(automaton.find_overlapping_iter(bytes).collect());
            expected.sort_by_key(|(_, start)| *start);
            assert!(expected.len() > 100);
            assert_eq!(places(marks.find(bytes).collect()), expected);
            assert_eq!(places(slow.find(bytes).collect()), expected);
        }
        assert!(marks.work() && slow.work());
        for marks in [marks, slow] {
            let starts = |bytes: &'static [u8]| marks.find(bytes).map(|hit| hit.start()).collect::<Vec<_>>();
            assert_eq!(starts(b"abcd"), [0, 1]);
            assert_eq!(starts(b"....................\x00\xff\x00\xff\x00...................."), [20, 22]);
            assert!(starts(b"").is_empty());
        }
    }
}
