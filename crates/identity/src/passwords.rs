//! Passwords: what one must be like, and how they are kept (Argon2id with the crate's defaults, RFC 9106).

use crate::{IdentityError, Refusal};
use argon2::password_hash::{PasswordHasher, PasswordVerifier};
use argon2::{Argon2, PasswordHash};
use std::sync::LazyLock;
use tokio::sync::Semaphore;

/// Characters that a password must have (NIST SP 800-63B, 3.1.1.2: at least 15 where it stands alone).
const LEAST: usize = 15;
/// Bytes that one may have.
const MOST: usize = 1_000;
/// Characters of a name.
const MOST_NAME: usize = 64;
/// Passwords hashed at once: each takes 19 MiB of memory and a processor.
const AT_ONCE: usize = 2;

/// A hash that no password fits.
static NOBODY: LazyLock<String> = LazyLock::new(|| {
    let unknown = lazaret_store::secret().unwrap_or_default();
    Argon2::default().hash_password(unknown.as_bytes()).map(|hash| hash.to_string()).unwrap_or_default()
});

/// Hashes passwords, few at once, on threads that may take their time.
pub(crate) struct Passwords(Semaphore);

impl Passwords {
    pub(crate) const fn new() -> Self {
        Self(Semaphore::const_new(AT_ONCE))
    }

    /// A password as it is kept.
    pub(crate) async fn hashed(&self, password: String) -> Result<String, IdentityError> {
        let _place = self.0.acquire().await.map_err(hashing)?;
        let hash = tokio::task::spawn_blocking(move || {
            Argon2::default().hash_password(password.as_bytes()).map(|hash| hash.to_string())
        });
        hash.await.map_err(hashing)?.map_err(hashing)
    }

    /// Whether a password is the one that is kept. Whoever does not exist, or has none, takes as long as whoever does.
    pub(crate) async fn fits(&self, password: String, kept: Option<String>) -> Result<bool, IdentityError> {
        let _place = self.0.acquire().await.map_err(hashing)?;
        let right = tokio::task::spawn_blocking(move || {
            let text = kept.as_deref().unwrap_or(NOBODY.as_str());
            let fits = PasswordHash::new(text)
                .is_ok_and(|hash| Argon2::default().verify_password(password.as_bytes(), &hash).is_ok());
            fits && kept.is_some()
        });
        right.await.map_err(hashing)
    }
}

fn hashing(error: impl std::fmt::Display) -> IdentityError {
    IdentityError::Hashing(error.to_string())
}

/// Refuses what cannot be a name.
pub(crate) fn fit_name(name: &str) -> Result<(), Refusal> {
    // What stands in addresses of mail, by which organisations call people (RFC 5322, 3.2.3), as far as it stands in paths as well.
    let fine = |c: char| c.is_alphanumeric() || matches!(c, '.' | '-' | '_' | '@' | '+' | '\'');
    if name.is_empty() || name.chars().count() > MOST_NAME || !name.chars().all(fine) {
        return Err(Refusal::Name);
    }
    Ok(())
}

/// Refuses what may not be a password.
pub(crate) fn fit_password(password: &str) -> Result<(), Refusal> {
    if password.chars().count() < LEAST || password.len() > MOST {
        return Err(Refusal::Password);
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_and_passwords_that_cannot_be_are_refused() {
        for (name, fit) in [
            ("anna", Ok(())),
            ("o'neill+x@b.c", Ok(())),
            ("", Err(Refusal::Name)),
            ("ä@b.c", Ok(())),
            ("a/b", Err(Refusal::Name)),
        ] {
            assert_eq!(fit_name(name), fit, "{name}");
        }
        assert_eq!(fit_name(&"a".repeat(MOST_NAME + 1)), Err(Refusal::Name));
        assert_eq!(fit_password("fourteen chars"), Err(Refusal::Password));
        assert_eq!(fit_password("fifteen charact"), Ok(()));
        assert_eq!(fit_password(&"a".repeat(MOST + 1)), Err(Refusal::Password));
    }

    #[tokio::test]
    async fn nothing_fits_whoever_has_no_password() {
        let passwords = Passwords::new();
        let kept = passwords.hashed("correct horse battery".to_owned()).await.unwrap();
        assert!(passwords.fits("correct horse battery".to_owned(), Some(kept.clone())).await.unwrap());
        assert!(!passwords.fits("correct horse".to_owned(), Some(kept)).await.unwrap());
        for typed in ["", "correct horse battery"] {
            assert!(!passwords.fits(typed.to_owned(), None).await.unwrap());
            assert!(!passwords.fits(typed.to_owned(), Some(String::new())).await.unwrap());
        }
    }
}
