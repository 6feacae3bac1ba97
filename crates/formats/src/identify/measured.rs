//! Kinds whose magic number is short or missing, and whose own numbers must add up instead.

use super::probe::{Probe, be32_at, u16_at, u32_at};

/// What bytes are that are no text.
pub(super) fn kind(probe: &Probe<'_>) -> Option<&'static str> {
    let head = probe.head();
    if dbf(probe) {
        return Some("dbf");
    }
    if tfm(probe) {
        return Some("tfm");
    }
    match head {
        // GIMP `devel-docs/gbr.txt`: header size, version, width, height, bytes a pixel, "GIMP".
        [0, 0, 0, 28..=u8::MAX, ..] if head.get(20..24) == Some(b"GIMP") && matches!(be32_at(head, 4), Some(1..=3)) => {
            Some("gbr")
        }
        // ISO 13818-7, 1.2: no text, or it would not come here.
        [b'A', b'D', b'I', b'F', ..] => Some("adif"),
        // Stata `dta` 113 to 115: release, byte order, file type 1, unused.
        [113..=115, 1 | 2, 1, 0, ..] if head.len() > 109 => Some("dta"),
        _ => None,
    }
}

/// dBASE table: a version, a date, and lengths that the file has (dBASE 7 "Table File Format"; xBase).
fn dbf(probe: &Probe<'_>) -> bool {
    let head = probe.head();
    let Some(&[version, _, month, day]) = head.first_chunk() else { return false };
    let known = matches!(
        version,
        0x02..=0x05 | 0x30..=0x32 | 0x43 | 0x63 | 0x83 | 0x8b | 0x8c | 0xcb | 0xe5 | 0xf5 | 0xfb
    );
    if !known || month > 12 || day > 31 {
        return false;
    }
    let (Some(records), Some(header), Some(record)) = (u32_at(head, 4), u16_at(head, 8), u16_at(head, 10)) else {
        return false;
    };
    let end = u64::from(header) + u64::from(records) * u64::from(record);
    // The end mark may be missing, and may be followed by what an editor cut off.
    if header < 65 || record < 2 || probe.sees_all() && (end > probe.len() || end + 2 + u64::from(record) < probe.len())
    {
        return false;
    }
    // Fields of 32 bytes up to a mark: a name, a type, and lengths that come to that of a record.
    let mut fields = head.get(32..usize::from(header).min(head.len())).unwrap_or_default();
    let mut length = 1;
    while let Some((field, rest)) = fields.split_first_chunk::<32>() {
        if field[0] == 0x0d {
            break;
        }
        let named = field.iter().take(10).take_while(|byte| **byte != 0).all(|byte| *byte >= b' ');
        if !named || !field[11].is_ascii_uppercase() && !matches!(field[11], b'@' | b'+' | b'0') {
            return false;
        }
        length += u32::from(field[16]);
        // Characters may be longer than 255, with the number of decimals as the upper half.
        if field[11] == b'C' {
            length += u32::from(field[17]) << 8;
        }
        fields = rest;
    }
    length == u32::from(record)
}

/// TeX font metrics: twelve numbers, of which eleven make the first (TeX: The Program, 540 to 541).
fn tfm(probe: &Probe<'_>) -> bool {
    let mut numbers = probe.head().as_chunks::<2>().0.iter().map(|pair| u32::from(u16::from_be_bytes(*pair)));
    let numbers: [Option<u32>; 12] = std::array::from_fn(|_| numbers.next());
    let [Some(all), Some(header), Some(first), Some(last), tables @ ..] = numbers else { return false };
    let Some(sum) = tables.into_iter().try_fold(6 + header, |sum, table| Some(sum + table?)) else { return false };
    let Some(characters) = (last + 1).checked_sub(first) else { return false };
    header >= 2 && last < 256 && sum + characters == all && (!probe.sees_all() || u64::from(all) * 4 == probe.len())
}

/// Whether bytes are values of DER one behind the other, each as long as it says (X.690, 8.1), as far as they are at hand.
/// `whole` is how many there are in all.
pub(super) fn values(mut bytes: &[u8], mut whole: u64) -> bool {
    let mut any = false;
    while whole > 0 {
        let Some((tag, skip, length)) = value(bytes) else { return any && bytes.is_empty() };
        let Some(rest) = whole.checked_sub(skip as u64 + length) else { return false };
        let inner = bytes.get(skip..).unwrap_or_default();
        let length = usize::try_from(length).unwrap_or(usize::MAX);
        // What is made of other values must hold some, one step down; strings hold anything.
        if tag & 0x20 != 0 && length > 0 && value(inner).is_none() && !inner.is_empty() {
            return false;
        }
        bytes = inner.get(length..).unwrap_or_default();
        whole = rest;
        any = true;
    }
    any
}

/// A value's tag, the bytes before its content, and those of its content.
fn value(bytes: &[u8]) -> Option<(u8, usize, u64)> {
    let (tag, length) = (*bytes.first()?, *bytes.get(1)?);
    // No value has a long tag in what is told here, and the end mark of BER is none.
    if tag == 0 || tag & 0x1f == 0x1f {
        return None;
    }
    match length {
        0..=0x7f => Some((tag, 2, u64::from(length))),
        0x81..=0x84 => {
            let count = usize::from(length & 0x7f);
            let digits = bytes.get(2..2 + count)?;
            let length = digits.iter().fold(0u64, |sum, digit| sum << 8 | u64::from(*digit));
            Some((tag, 2 + count, length))
        }
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use crate::{Content, identify};

    fn is(bytes: &[u8]) -> String {
        identify(&Content::from(bytes)).unwrap().kind.id.to_string()
    }

    fn table() -> Vec<u8> {
        let mut out = vec![3, 121, 7, 26, 2, 0, 0, 0, 65, 0, 11, 0];
        out.resize(32, 0);
        out.extend(b"NAME\0\0\0\0\0\0\0C\0\0\0\0\x0a\0");
        out.resize(64, 0);
        out.push(0x0d);
        out.extend(b" Lazaret    Lazaretto \x1a");
        out
    }

    #[test]
    fn tables_are_told_by_lengths_that_add_up() {
        assert_eq!(is(&table()), "dbf");
        for (at, byte) in [(10, 12), (8, 97), (2, 13), (43, b'\x01'), (4, 9)] {
            let mut odd = table();
            odd[at] = byte;
            assert_ne!(is(&odd), "dbf", "{at}");
        }
    }

    #[test]
    fn metrics_of_tex_are_told_by_lengths_that_add_up() {
        let numbers: [u16; 12] = [6 + 2 + 1 + 7, 2, 65, 65, 1, 1, 1, 1, 0, 0, 0, 3];
        let mut out: Vec<u8> = numbers.iter().flat_map(|number| number.to_be_bytes()).collect();
        out.resize(64, 0x81);
        assert_eq!(is(&out), "tfm");
        out.extend([0x81; 4]);
        assert_ne!(is(&out), "tfm");
    }

    #[test]
    fn der_is_told_by_values_that_fill_it() {
        // An OCSP answer that says "try later", a key, and an answer with a long body.
        assert_eq!(is(&[0x30, 3, 0x0a, 1, 3]), "der");
        let key = [&[0x30, 0x2e, 2, 1, 0, 0x30, 5, 6, 3, 0x2b, 0x65, 0x70, 4, 0x22, 4, 0x20][..], &[0x9d; 32]].concat();
        assert_eq!(is(&key), "der");
        let body = [&[0x0a, 1, 0, 0xa0, 0x82, 1, 4, 0x30, 0x82, 1, 0][..], &[0x82; 256]].concat();
        let answer = [&[0x30, 0x82, 1, 11][..], &body].concat();
        assert_eq!(is(&answer), "der");
        for odd in [&[0x30, 4, 0x0a, 1, 3, 0][..], &[0x30, 3, 0x0a, 7, 3], &key[..40], &[0x30, 0x10, 0xff, 0xfe]] {
            assert_ne!(is(odd), "der", "{odd:x?}");
        }
    }

    #[test]
    fn what_the_finder_leaves_is_known() {
        let double =
            [&[0, 5, 0x16, 7, 0, 2, 0, 0][..], &[0; 16], &[0, 1, 0, 0, 0, 9, 0, 0, 0, 0x26, 0, 0, 0, 32]].concat();
        assert_eq!(is(&[&double[..], &[0; 32]].concat()), "appledouble");
        assert_eq!(is(&[&b"\0\0\0\x01Bud1"[..], &[0; 40]].concat()), "ds-store");
    }
}
