//! A sign-in under way: everything about it is derived from a secret that only the browser has that began it. Nothing is kept here
//! for those who begin and never come back.

use super::OidcError;
use data_encoding::{BASE64URL_NOPAD, HEXLOWER};
use lazaret_store::{fingerprint, now, secret};
use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};

/// Milliseconds that somebody has for signing in at the provider.
const PATIENCE: i64 = 10 * 60_000;
/// Sign-ins that are remembered as used.
const MOST_USED: usize = 10_000;

/// A sign-in.
pub(super) struct Journey {
    /// What the browser keeps: until when, a secret, and where they want to go.
    pub(super) browser: String,
    /// The path where they want to go.
    pub(super) to: String,
    until: i64,
}

impl Journey {
    /// A new one.
    pub(super) fn begun(to: &str) -> Result<Self, OidcError> {
        let until = now() + PATIENCE;
        let browser = format!("{until}.{}{}.{}", secret()?, secret()?, BASE64URL_NOPAD.encode(to.as_bytes()));
        Ok(Self { browser, to: to.to_owned(), until })
    }

    /// The one that a browser comes back from, where this is its `state` and its time is not over. Whoever makes one up for their own
    /// browser has begun it.
    pub(super) fn returned(browser: &str, state: &str) -> Option<Self> {
        let mut words = browser.splitn(3, '.');
        let (until, _, to) = (words.next()?, words.next()?, words.next()?);
        let until: i64 = until.parse().ok()?;
        let to = String::from_utf8(BASE64URL_NOPAD.decode(to.as_bytes()).ok()?).ok()?;
        let journey = Self { browser: browser.to_owned(), to, until };
        let (present, own) = (now(), fingerprint(&journey.state()));
        // Comparing hashes takes as long wherever they differ.
        (until > present && until <= present + PATIENCE && own == fingerprint(state)).then_some(journey)
    }

    /// What the provider sends back, and others may see.
    pub(super) fn state(&self) -> String {
        self.derived("state")
    }

    /// What the ID token must name.
    pub(super) fn nonce(&self) -> String {
        self.derived("nonce")
    }

    /// What proves to the provider that we began it: 64 characters (RFC 7636, 4.1: 43 to 128).
    pub(super) fn verifier(&self) -> String {
        self.derived("verifier")
    }

    /// The challenge of the verifier.
    pub(super) fn challenge(&self) -> String {
        challenge(&self.verifier())
    }

    /// One of them says nothing about another, or about what the browser has.
    fn derived(&self, name: &str) -> String {
        fingerprint(&format!("sign-in through a provider: {name} of {}", self.browser))
    }
}

/// The challenge of a verifier (RFC 7636, 4.2): the SHA-256, in Base64 for addresses.
fn challenge(verifier: &str) -> String {
    let digest = HEXLOWER.decode(fingerprint(verifier).as_bytes()).unwrap_or_default();
    BASE64URL_NOPAD.encode(&digest)
}

/// Sign-ins that came to their end, by their `state`, with until when they could be tried again.
#[derive(Default)]
pub(super) struct Used(Mutex<HashMap<String, i64>>);

impl Used {
    /// Whether a sign-in ends for the first time, which is remembered.
    pub(super) fn is_first(&self, journey: &Journey) -> bool {
        let mut used = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let state = journey.state();
        if used.contains_key(&state) {
            return false;
        }
        if used.len() >= MOST_USED {
            used.retain(|_, until| *until > now());
        }
        // LIMIT: what is forgotten still needs the browser's secret, and a code that the provider takes once.
        if used.len() >= MOST_USED
            && let Some(oldest) = used.iter().min_by_key(|(_, until)| **until).map(|(state, _)| state.clone())
        {
            used.remove(&oldest);
        }
        used.insert(state, journey.until);
        true
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_challenge_is_the_one_of_rfc_7636() {
        let challenge = challenge("dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk");
        assert_eq!(challenge, "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM", "RFC 7636, appendix B");
    }

    #[test]
    fn a_sign_in_is_known_again_by_the_browser_that_began_it_while_its_time_lasts() {
        let begun = Journey::begun("/events?a=b;c").unwrap();
        assert!((43..=128).contains(&begun.verifier().len()), "RFC 7636, 4.1");
        assert!(begun.browser.bytes().all(|b| b.is_ascii_alphanumeric() || b".-_".contains(&b)), "{}", begun.browser);
        let own = Journey::returned(&begun.browser, &begun.state()).unwrap();
        assert_eq!((own.to.as_str(), own.nonce(), own.verifier()), ("/events?a=b;c", begun.nonce(), begun.verifier()));
        let other = Journey::begun("/").unwrap();
        let changed = begun.browser.replacen(|c: char| c.is_ascii_digit(), "", 1);
        for (browser, state) in [
            ("", begun.state()),
            ("", String::new()),
            (&*other.browser, begun.state()),
            (&*begun.browser, other.state()),
            (&*begun.browser, begun.nonce()),
            (&*begun.browser, String::new()),
            (&*changed, begun.state()),
        ] {
            assert!(Journey::returned(browser, &state).is_none(), "{browser} {state}");
        }
        for until in [now() - 1, now() + 2 * PATIENCE] {
            let late = Journey { browser: format!("{until}.x."), to: String::new(), until };
            assert!(Journey::returned(&late.browser, &late.state()).is_none(), "{until}");
        }
    }

    #[test]
    fn an_end_is_an_end_and_the_table_of_ends_is_bounded() {
        let used = Used::default();
        let one = Journey::begun("/").unwrap();
        assert!(used.is_first(&one) && !used.is_first(&one));
        for _ in 0..=MOST_USED {
            assert!(used.is_first(&Journey::begun("/").unwrap()));
        }
        assert_eq!(used.0.lock().unwrap().len(), MOST_USED);
    }
}
