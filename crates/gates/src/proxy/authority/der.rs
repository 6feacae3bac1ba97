//! What tokens give and certificates want in DER (X.690): signatures and keys of two numbers, points of curves.

use super::kind::KeyKind;

/// `SEQUENCE { INTEGER, INTEGER }`: the form of `ECDSA-Sig-Value` (RFC 3279, 2.2.3) and of `RSAPublicKey` (RFC 8017, A.1.1). Both
/// are numbers without a sign, the most significant byte first.
pub(super) fn integers(first: &[u8], second: &[u8]) -> Vec<u8> {
    let both = [integer(first), integer(second)].concat();
    element(0x30, &both)
}

/// The signature of a curve in DER, made of `r` and `s`, which are as long as each other; nothing where they are not.
pub(super) fn signature(raw: &[u8], kind: KeyKind) -> Option<Vec<u8>> {
    let length = length(kind).filter(|length| raw.len() == 2 * length)?;
    let (r, s) = raw.split_at_checked(length)?;
    Some(integers(r, s))
}

/// The uncompressed point of a curve (SEC 1, 2.3.3), which PKCS #11 has packed in an `OCTET STRING` (2.3.3), and some tokens bare.
pub(super) fn point(value: &[u8], kind: KeyKind) -> Option<Vec<u8>> {
    let whole = 2 * length(kind)? + 1;
    let bare = match value {
        [0x04, length, rest @ ..] if rest.len() == whole && usize::from(*length) == whole => rest,
        value => value,
    };
    (bare.len() == whole && bare.first() == Some(&0x04)).then(|| bare.to_vec())
}

/// Bytes of a coordinate, and of half a signature.
fn length(kind: KeyKind) -> Option<usize> {
    match kind {
        KeyKind::P256 => Some(32),
        KeyKind::P384 => Some(48),
        KeyKind::Rsa => None,
    }
}

/// A number in as few bytes as it takes, of which the first is no sign (X.690, 8.3).
fn integer(number: &[u8]) -> Vec<u8> {
    let start = number.iter().position(|byte| *byte != 0).unwrap_or(number.len());
    let digits = number.get(start..).unwrap_or_default();
    let mut content = Vec::with_capacity(digits.len() + 1);
    if digits.first().is_none_or(|byte| *byte >= 0x80) {
        content.push(0);
    }
    content.extend_from_slice(digits);
    element(0x02, &content)
}

/// A tag, the length (X.690, 8.1.3) and the content.
fn element(tag: u8, content: &[u8]) -> Vec<u8> {
    let mut out = vec![tag];
    match u8::try_from(content.len()) {
        Ok(short @ ..0x80) => out.push(short),
        _ => {
            let length = content.len().to_be_bytes();
            let digits: Vec<u8> = length.into_iter().skip_while(|byte| *byte == 0).collect();
            // At the most eight.
            out.push(0x80 | u8::try_from(digits.len()).unwrap_or_default());
            out.extend(digits);
        }
    }
    out.extend_from_slice(content);
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_signature_of_a_token_becomes_the_one_that_certificates_have() {
        let half = |bytes: &[u8]| [vec![0; 32 - bytes.len()], bytes.to_vec()].concat();
        for (r, s, expected) in [
            (&[1][..], &[0x7f][..], &[0x30, 6, 2, 1, 1, 2, 1, 0x7f][..]),
            // Without a further byte it would be a negative number.
            (&[0x80], &[0xff, 0], &[0x30, 8, 2, 2, 0, 0x80, 2, 3, 0, 0xff, 0][..]),
            (&[], &[1, 0], &[0x30, 7, 2, 1, 0, 2, 2, 1, 0][..]),
        ] {
            let mut expected = expected.to_vec();
            expected[1] = u8::try_from(expected.len() - 2).unwrap();
            assert_eq!(signature(&[half(r), half(s)].concat(), KeyKind::P256), Some(expected));
        }
        let longest = signature(&[0xff; 96], KeyKind::P384).unwrap();
        assert_eq!((&longest[..4], longest.len()), (&[0x30, 102, 2, 49][..], 104));
    }

    #[test]
    fn a_signature_of_another_length_is_none() {
        for (length, kind) in
            [(0, KeyKind::P256), (63, KeyKind::P256), (96, KeyKind::P256), (64, KeyKind::P384), (64, KeyKind::Rsa)]
        {
            assert_eq!(signature(&vec![1; length], kind), None, "{length} {kind:?}");
        }
    }

    #[test]
    fn a_key_with_a_long_number_has_a_long_length() {
        let key = integers(&[0xff; 256], &[1, 0, 1]);
        assert_eq!(&key[..9], [0x30, 0x82, 0x01, 0x0a, 0x02, 0x82, 0x01, 0x01, 0x00]);
        assert_eq!(&key[key.len() - 5..], [2, 3, 1, 0, 1]);
        let key = integers(&[0x7f; 128], &[1]);
        assert_eq!(&key[..6], [0x30, 0x81, 0x86, 0x02, 0x81, 0x80]);
    }

    #[test]
    fn a_point_is_found_packed_and_bare() {
        let bare = [&[4][..], &[7; 64]].concat();
        let packed = [&[4, 65][..], &bare].concat();
        assert_eq!(point(&bare, KeyKind::P256), Some(bare.clone()));
        assert_eq!(point(&packed, KeyKind::P256), Some(bare.clone()));
        for wrong in [&bare[1..], &packed[..66], &[3; 65][..], &[]] {
            assert_eq!(point(wrong, KeyKind::P256), None);
        }
        assert_eq!(point(&bare, KeyKind::P384), None);
    }
}
