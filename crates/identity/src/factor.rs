//! One-time passwords by the clock (RFC 6238) with HMAC-SHA-1 and six digits, as every authenticator has them.

use crate::IdentityError;
use data_encoding::BASE32_NOPAD;
use hmac::{Hmac, KeyInit, Mac};
use sha1::Sha1;

/// Seconds of a time step (RFC 6238, 4.1).
const STEP: i64 = 30;
/// Steps before and after the present one that count, for clocks that are a little off (RFC 6238, 5.2).
const AROUND: i64 = 1;
/// Bytes of a secret: as many as the hash has (RFC 4226, 4: 160 bits recommended).
const SECRET: usize = 20;
/// Recovery codes that somebody is given, and characters of each: 50 bits.
const CODES: usize = 8;
const CODE: usize = 10;

/// A new secret, in Base32.
pub(crate) fn new_secret() -> Result<String, IdentityError> {
    Ok(BASE32_NOPAD.encode(&random()?))
}

/// New recovery codes, as people are shown them.
pub(crate) fn new_codes() -> Result<Vec<String>, IdentityError> {
    let code = || -> Result<String, IdentityError> {
        let text = BASE32_NOPAD.encode(&random()?).to_lowercase();
        let (first, second) = (text.get(..CODE / 2), text.get(CODE / 2..CODE));
        Ok(format!("{}-{}", first.unwrap_or_default(), second.unwrap_or_default()))
    };
    (0..CODES).map(|_| code()).collect()
}

/// A recovery code as it is kept, however it was typed; `None` when it cannot be one.
pub(crate) fn recovery_code(typed: &str) -> Option<String> {
    let code: String = typed.chars().filter(char::is_ascii_alphanumeric).collect::<String>().to_lowercase();
    (code.len() == CODE).then_some(code)
}

fn random() -> Result<[u8; SECRET], IdentityError> {
    let mut bytes = [0; SECRET];
    lazaret_store::random(&mut bytes)?;
    Ok(bytes)
}

/// The time step whose one-time password was typed, at a time in milliseconds; `None` when it fits none.
pub(crate) fn step_of(secret: &str, typed: &str, at: i64) -> Option<i64> {
    let digits: String = typed.chars().filter(|c| !c.is_whitespace()).collect();
    if digits.len() != 6 {
        return None;
    }
    let key = BASE32_NOPAD.decode(secret.as_bytes()).ok().filter(|key| !key.is_empty())?;
    let now = at.div_euclid(1_000).div_euclid(STEP);
    (now - AROUND..=now + AROUND).find(|step| {
        let code =
            u64::try_from(*step).ok().and_then(|step| code(&key, step)).map(|code| format!("{:06}", code % 1_000_000));
        // Comparing hashes takes as long wherever the digits differ.
        code.is_some_and(|code| lazaret_store::fingerprint(&code) == lazaret_store::fingerprint(&digits))
    })
}

/// The truncated hash of a counter (RFC 4226, 5.3), of which a one-time password is the last digits.
fn code(key: &[u8], counter: u64) -> Option<u32> {
    let mut mac = Hmac::<Sha1>::new_from_slice(key).ok()?;
    mac.update(&counter.to_be_bytes());
    let hash = mac.finalize().into_bytes();
    let offset = usize::from(hash.last()? & 0xf);
    let word: [u8; 4] = hash.get(offset..offset + 4)?.try_into().ok()?;
    Some(u32::from_be_bytes(word) & 0x7fff_ffff)
}

/// The address that authenticators take, as a link or in a QR code (the `otpauth` scheme of Google Authenticator).
pub(crate) fn address(name: &str, secret: &str) -> String {
    let encoded = |text: &str| -> String {
        text.bytes()
            .map(|b| if b.is_ascii_alphanumeric() { char::from(b).to_string() } else { format!("%{b:02X}") })
            .collect()
    };
    format!("otpauth://totp/Lazaret:{}?secret={secret}&issuer=Lazaret&algorithm=SHA1&digits=6&period=30", encoded(name))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// `12345678901234567890`, the secret of the RFCs' tables.
    const RFC: &[u8] = b"12345678901234567890";

    #[test]
    fn the_table_of_rfc_4226_holds() {
        let expected = [755_224, 287_082, 359_152, 969_429, 338_314, 254_676, 287_922, 162_583, 399_871, 520_489];
        for (counter, expected) in (0..).zip(expected) {
            assert_eq!(code(RFC, counter).unwrap() % 1_000_000, expected, "RFC 4226, appendix D, {counter}");
        }
    }

    #[test]
    fn the_table_of_rfc_6238_holds() {
        let secret = BASE32_NOPAD.encode(RFC);
        for (seconds, expected) in [
            (59, 94_287_082),
            (1_111_111_109, 7_081_804),
            (1_111_111_111, 14_050_471),
            (1_234_567_890, 89_005_924),
            (2_000_000_000, 69_279_037),
            (20_000_000_000, 65_353_130),
        ] {
            let step = seconds / STEP;
            let code = code(RFC, u64::try_from(step).unwrap()).unwrap();
            assert_eq!(code % 100_000_000, expected, "RFC 6238, appendix B, {seconds}");
            let typed = format!("{:06}", expected % 1_000_000);
            assert_eq!(step_of(&secret, &typed, seconds * 1_000), Some(step));
            assert_eq!(step_of(&secret, &typed, (seconds + STEP) * 1_000), Some(step), "a slow clock");
            assert_eq!(step_of(&secret, &typed, (seconds + 3 * STEP) * 1_000), None, "an old code");
        }
    }

    #[test]
    fn what_is_no_code_fits_nothing() {
        let secret = BASE32_NOPAD.encode(RFC);
        for typed in ["", "28708", "2870822", "abcdef", "-28708"] {
            assert_eq!(step_of(&secret, typed, 59_000), None, "{typed}");
        }
        assert_eq!(step_of("", "287082", 59_000), None);
        assert_eq!(step_of(&secret, " 287 082 ", 59_000), Some(1), "people type spaces");
    }

    #[test]
    fn recovery_codes_differ_and_are_known_however_they_are_typed() {
        let codes = new_codes().unwrap();
        assert_eq!(codes.iter().collect::<std::collections::BTreeSet<_>>().len(), CODES);
        let kept = recovery_code(&codes[0]).unwrap();
        assert_eq!(recovery_code(&format!(" {} ", codes[0].to_uppercase())), Some(kept));
        assert_eq!(recovery_code("123456"), None);
    }
}
