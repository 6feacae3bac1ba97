//! Browsers in which somebody signed in before: strangers' failed attempts are not held against them. A mark opens no door.

use crate::{Identity, IdentityError, Place};
use lazaret_store::{User, fingerprint, now};

/// Milliseconds for which a browser is known.
pub const KNOWN_FOR: i64 = 180 * 86_400_000;

impl Identity {
    /// The mark of a browser in which somebody has just signed in; none where nothing can be signed.
    pub(crate) fn new_mark(&self, user: &User) -> Result<Option<String>, IdentityError> {
        let (made, browser) = (now(), lazaret_store::secret()?);
        let signature = self.ledger.sign(&text(user, made, &browser));
        Ok((!signature.is_empty()).then(|| format!("{made}.{browser}.{signature}")))
    }

    /// The browser that brought a mark, where the person signed in with it, with the password that they still have.
    pub(crate) fn known(&self, place: &impl Place, user: &User) -> Option<String> {
        let mark = place.mark(user)?;
        let mut words = mark.splitn(3, '.');
        let (made, browser, signature) = (words.next()?, words.next()?, words.next()?);
        let made: i64 = made.parse().ok()?;
        let fresh = made <= now() && now().saturating_sub(made) < KNOWN_FOR;
        (fresh && self.ledger.is_signed(&text(user, made, browser), signature)).then(|| browser.to_owned())
    }
}

fn text(user: &User, made: i64, browser: &str) -> String {
    format!("known browser of {}: {made} {browser} {}", user.id, fingerprint(&user.password))
}
