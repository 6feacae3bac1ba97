//! Which feed, domain and release a bundle is.

use crate::AttackError;
use crate::bundle::shortened;
use std::fmt;
use std::str::FromStr;

/// Domains of ATT&CK, with what people call them.
pub const DOMAINS: [(&str, &str); 4] = [
    ("enterprise-attack", "Enterprise"),
    ("mobile-attack", "Mobile"),
    ("ics-attack", "ICS"),
    ("pre-attack", "PRE-ATT&CK"),
];

/// What people call a domain.
pub fn domain_title(domain: &str) -> &str {
    DOMAINS.iter().find(|(id, _)| *id == domain).map_or(domain, |(_, title)| title)
}

/// A domain by its id or what people call it.
pub fn domain_named(text: &str) -> Option<&'static str> {
    let text = text.to_ascii_lowercase();
    let found = DOMAINS.iter().find(|(id, title)| {
        *id == text || id.trim_end_matches("-attack") == text || title.to_ascii_lowercase() == text
    });
    found.map(|(id, _)| *id)
}

/// The two forms in which ATT&CK is published. Their histories never mix.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Feed {
    /// STIX 2.0.
    Stix20,
    /// STIX 2.1.
    Stix21,
}

impl Feed {
    /// Its name.
    pub fn name(self) -> &'static str {
        match self {
            Self::Stix20 => "stix-2.0",
            Self::Stix21 => "stix-2.1",
        }
    }
}

impl fmt::Display for Feed {
    fn fmt(&self, formatter: &mut fmt::Formatter) -> fmt::Result {
        formatter.write_str(self.name())
    }
}

impl FromStr for Feed {
    type Err = AttackError;

    fn from_str(text: &str) -> Result<Self, AttackError> {
        match text {
            "stix-2.0" | "2.0" => Ok(Self::Stix20),
            "stix-2.1" | "2.1" => Ok(Self::Stix21),
            _ => Err(AttackError::Named(format!("`{}` is not a feed; use `stix-2.0` or `stix-2.1`", shortened(text)))),
        }
    }
}

/// A release's number, such as 17.1; that of a beta, such as `11.0-beta`, comes before it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Number {
    major: u16,
    minor: u16,
    /// Whether it is the release itself, and not its beta.
    is_final: bool,
}

/// What the number of a beta ends with.
const BETA: &str = "-beta";

impl Number {
    /// Its place among releases: betas stand before the release that they became.
    pub fn place(self) -> i64 {
        i64::from(self.major) * 10_000 + i64::from(self.minor) * 10 + if self.is_final { 9 } else { 0 }
    }

    /// The number before its first full stop.
    pub(crate) fn major(self) -> u16 {
        self.major
    }

    /// The same as a beta.
    pub(crate) fn beta(self) -> Self {
        Self { is_final: false, ..self }
    }

    /// The number at a place.
    pub fn at(place: i64) -> Self {
        let part = |number: i64| u16::try_from(number).unwrap_or(0);
        Self { major: part(place / 10_000), minor: part(place % 10_000 / 10), is_final: place % 10 != 0 }
    }
}

impl fmt::Display for Number {
    fn fmt(&self, formatter: &mut fmt::Formatter) -> fmt::Result {
        write!(formatter, "{}.{}{}", self.major, self.minor, if self.is_final { "" } else { BETA })
    }
}

impl FromStr for Number {
    type Err = AttackError;

    /// Such as `17.1`, `v17.1`, `17` or `11.0-beta`.
    fn from_str(text: &str) -> Result<Self, AttackError> {
        let wrong = || AttackError::Named(format!("`{}` is not a release such as `17.1`", shortened(text)));
        let digits = text.strip_prefix('v').unwrap_or(text);
        let (digits, is_final) = digits.strip_suffix(BETA).map_or((digits, true), |digits| (digits, false));
        let (major, minor) = digits.split_once('.').unwrap_or((digits, "0"));
        let number = |digits: &str| {
            let plain = !digits.is_empty() && digits.len() <= 3 && digits.bytes().all(|byte| byte.is_ascii_digit());
            if plain { digits.parse().map_err(|_| wrong()) } else { Err(wrong()) }
        };
        Ok(Self { major: number(major)?, minor: number(minor)?, is_final })
    }
}

/// What a file's name says: `enterprise-attack-17.1.json`, `ics-attack.json`, `enterprise-attack-v8.2.json.gz`.
pub fn from_file_name(name: &str) -> (Option<&'static str>, Option<Number>) {
    let base = name.rsplit(['/', '\\']).next().unwrap_or(name);
    let found = DOMAINS.iter().filter_map(|(id, _)| Some((base.find(id)?, *id))).min();
    let Some((place, domain)) = found else { return (None, None) };
    let rest = base[place + domain.len()..].trim_start_matches(['-', '_', 'v']);
    let digits: String = rest.chars().take_while(|letter| letter.is_ascii_digit() || *letter == '.').collect();
    let number = digits.trim_end_matches('.');
    // `mobile-attack-11.0-beta.json` is no 11.0.
    let beta = rest.get(number.len()..).is_some_and(|rest| rest.starts_with(BETA));
    let whole = format!("{number}{}", if beta { BETA } else { "" });
    (Some(domain), whole.parse().ok().filter(|_| number.contains('.')))
}

/// What an `x-mitre-collection` says: `Enterprise ATT&CK`.
pub fn from_collection_name(name: &str) -> Option<&'static str> {
    let word = name.split_whitespace().next()?;
    domain_named(word)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn file_names_say_domain_and_release() {
        let check = |name: &str| {
            let (domain, number) = from_file_name(name);
            format!("{} {}", domain.unwrap_or("-"), number.map_or("-".to_owned(), |number| number.to_string()))
        };
        assert_eq!(check("enterprise-attack-17.1.json"), "enterprise-attack 17.1");
        assert_eq!(check("/a/stix21-ics-attack-18.1.json.zst"), "ics-attack 18.1");
        assert_eq!(check("synth21-enterprise-attack-18.0.json"), "enterprise-attack 18.0");
        assert_eq!(check("enterprise-attack-v8.2.json.gz"), "enterprise-attack 8.2");
        assert_eq!(check("mobile-attack/mobile-attack.json"), "mobile-attack -");
        assert_eq!(check("mobile-attack-11.0-beta.json.gz"), "mobile-attack 11.0-beta");
        assert_eq!(check("cti-17.1.json"), "- -");
        assert_eq!(check("pre-attack-17.json"), "pre-attack -");
    }

    #[test]
    fn releases_stand_in_their_order() {
        let number = |text: &str| text.parse::<Number>().unwrap();
        assert!(number("9.0") < number("10.0") && number("10.1") < number("10.2"));
        assert_eq!(number("v17"), number("17.0"));
        // A beta is a release of its own, after every earlier one and before the release that it became.
        let betas = ["10.999", "11.0-beta", "11.0", "11.1-beta", "11.1", "12-beta", "12.0"].map(number);
        assert!(betas.windows(2).all(|two| two[0] < two[1] && two[0].place() < two[1].place()), "{betas:?}");
        for one in ["17.1", "0.0", "999.999", "11.0-beta", "999.999-beta"].map(number) {
            assert_eq!((Number::at(one.place()), one.to_string().parse().ok()), (one, Some(one)));
        }
        for wrong in ["", "17.", ".1", "a", "17.1.2", "9999", "-1", "-beta", "11.0-beta2", "11.0-rc1"] {
            assert!(wrong.parse::<Number>().is_err(), "{wrong}");
        }
    }
}
