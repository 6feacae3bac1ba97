//! The languages that people are spoken to in, chosen from `Accept-Language` (RFC 9110, 12.5.4).

/// A language that every text exists in.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Language {
    /// English, where nothing else was asked for.
    #[default]
    English,
    /// German.
    German,
    /// French.
    French,
    /// Spanish.
    Spanish,
}

impl Language {
    /// Every language.
    pub const ALL: [Self; 4] = [Self::English, Self::German, Self::French, Self::Spanish];

    /// Its place in [`Language::ALL`].
    pub(crate) const fn index(self) -> usize {
        self as usize
    }

    /// The tag for `lang` and `Content-Language` (RFC 5646).
    pub const fn tag(self) -> &'static str {
        match self {
            Self::English => "en",
            Self::German => "de",
            Self::French => "fr",
            Self::Spanish => "es",
        }
    }

    /// The language of `Accept-Language` with the highest weight; of equal ones the first.
    pub fn accepted(field: &str) -> Self {
        let mut best = (0.0, Self::default());
        for entry in field.split(',') {
            let mut pieces = entry.split(';').map(str::trim);
            let tag = pieces.next().unwrap_or_default().to_ascii_lowercase();
            let weight = pieces.find_map(|piece| piece.strip_prefix("q=")).map_or(1.0, |q| q.parse().unwrap_or(0.0));
            let primary = tag.split('-').next().unwrap_or_default();
            if let Some(language) = Self::ALL.into_iter().find(|language| language.tag() == primary)
                && weight > best.0
            {
                best = (weight, language);
            }
        }
        best.1
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_language_with_the_highest_weight_is_spoken() {
        for (field, language) in [
            ("", Language::English),
            ("de-CH,de;q=0.9,en;q=0.8", Language::German),
            ("en;q=0.2, fr-FR;q=0.7", Language::French),
            ("ja, es;q=0.1", Language::Spanish),
            ("ja", Language::English),
            ("de;q=0, en;q=0.5", Language::English),
            ("de;q=nonsense", Language::English),
        ] {
            assert_eq!(Language::accepted(field), language, "{field}");
        }
    }
}
