//! Why something could not be inspected completely, in a few words for people; the exact reason is in the console.

/// What kept something from being inspected.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Incomplete {
    /// It needs a password.
    Locked,
    /// It is one of several pieces.
    Pieces,
    /// It has more, or is more deeply nested, than what is inspected.
    Limit,
    /// It ends early or is damaged.
    Cut,
    /// It is of a form that is not opened.
    Unopened,
}

impl Incomplete {
    /// Every one, in the order of [`super::Texts::incomplete`].
    #[cfg(test)]
    pub(crate) const ALL: [Self; 5] = [Self::Locked, Self::Pieces, Self::Limit, Self::Cut, Self::Unopened];

    /// What a reason is about, as an opener or the engine gives it.
    pub(crate) fn of(reason: &str) -> Self {
        const PIECES: [&str; 4] = ["not given", "in another volume", "other volumes", "in several pieces"];
        const LIMITS: [&str; 9] = [
            "limit of",
            "more than",
            "only the first",
            "only its first",
            "only so many",
            "so many",
            "no time",
            " than are ",
            "contains itself",
        ];
        const CUTS: [&str; 13] = [
            "ends early",
            "ends before",
            "ends within",
            "ends inside",
            "ends in ",
            "ends without",
            "is cut",
            "missing",
            "damaged",
            "no end",
            "shorter",
            "end early",
            "is wrong",
        ];
        let says = |words: &[&str]| words.iter().any(|word| reason.contains(word));
        if says(&["password", "encrypted"]) {
            Self::Locked
        } else if says(&PIECES) {
            Self::Pieces
        } else if says(&LIMITS) {
            Self::Limit
        } else if says(&CUTS) {
            Self::Cut
        } else {
            Self::Unopened
        }
    }
}

#[cfg(test)]
mod tests {
    use super::Incomplete;

    #[test]
    fn a_reason_is_told_in_the_words_of_its_kind() {
        for (reason, kind) in [
            ("stopped at the limit of 2000 parts", Incomplete::Limit),
            ("`a.zip` was not opened: 12 levels deep, the limit of it", Incomplete::Limit),
            ("it has more than 64 objects, and only so many are looked at", Incomplete::Limit),
            ("it ends early or is damaged: unexpected end of file", Incomplete::Cut),
            ("the archive ends before it does", Incomplete::Cut),
            ("its central directory is missing", Incomplete::Cut),
            ("it continues in another volume, which was not given", Incomplete::Pieces),
            ("it is in several pieces, of which this is one", Incomplete::Pieces),
            ("no password opens it", Incomplete::Locked),
            ("a packed stream of RAR 2 is recognised and not opened", Incomplete::Unopened),
            ("something that nobody has thought of", Incomplete::Unopened),
        ] {
            assert_eq!(Incomplete::of(reason), kind, "{reason}");
        }
    }
}
