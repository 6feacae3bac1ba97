//! Words that pages share.

use crate::Language;
use crate::texts::texts;
use lazaret_model::{ScanReport, plain};

/// The part of a report at a path, in English words: `x.txt in locked.zip`.
pub(crate) fn nested(report: &ScanReport, path: &str) -> String {
    let names: Vec<_> = report.names(path).into_iter().map(plain).collect();
    texts(Language::English).nested(&names)
}

/// A number of bytes in the units of IEC 80000-13, as a language writes them: `1.5 MiB`, `1,5 Mio`.
pub(crate) fn size(language: Language, bytes: u64) -> String {
    let units = match language {
        Language::English | Language::Spanish => ["bytes", "KiB", "MiB", "GiB", "TiB"],
        Language::German => ["Byte", "KiB", "MiB", "GiB", "TiB"],
        Language::French => ["octets", "Kio", "Mio", "Gio", "Tio"],
    };
    let (mut unit, mut tenths) = (0, u128::from(bytes) * 10);
    while tenths >= 10_240 && unit + 1 < units.len() {
        // To the nearest tenth.
        tenths = (tenths + 512) / 1_024;
        unit += 1;
    }
    let point = if language == Language::English { '.' } else { ',' };
    let name = units.get(unit).copied().unwrap_or_default();
    let number = if unit == 0 { bytes.to_string() } else { format!("{}{point}{}", tenths / 10, tenths % 10) };
    format!("{number}\u{a0}{name}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_size_is_said_in_the_same_units_everywhere_and_as_each_language_writes_numbers() {
        for (bytes, said) in [
            (0, ["0 bytes", "0 Byte", "0 octets", "0 bytes"]),
            (1_023, ["1023 bytes", "1023 Byte", "1023 octets", "1023 bytes"]),
            (1_024, ["1.0 KiB", "1,0 KiB", "1,0 Kio", "1,0 KiB"]),
            ((1 << 20) - 1, ["1.0 MiB", "1,0 MiB", "1,0 Mio", "1,0 MiB"]),
            (3 << 19, ["1.5 MiB", "1,5 MiB", "1,5 Mio", "1,5 MiB"]),
            (5_000_000_000, ["4.7 GiB", "4,7 GiB", "4,7 Gio", "4,7 GiB"]),
        ] {
            for (language, said) in Language::ALL.into_iter().zip(said) {
                assert_eq!(size(language, bytes), said.replace(' ', "\u{a0}"), "{bytes}");
            }
        }
        assert!(size(Language::English, u64::MAX).ends_with("TiB"));
    }
}
