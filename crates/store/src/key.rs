//! The key of the ledger: what must not be read from a copy of the database is encrypted with it (ChaCha20-Poly1305, RFC 8439),
//! and what the console must know again is signed with it (HMAC-SHA-256, RFC 2104). It is in a file of its own.

use crate::StoreError;
use data_encoding::{BASE64, HEXLOWER};
use ring::aead::{Aad, CHACHA20_POLY1305, LessSafeKey, NONCE_LEN, Nonce, UnboundKey};
use ring::hmac;
use std::fs;
use std::io::{ErrorKind, Write};
use std::os::unix::fs::PermissionsExt;
use std::path::Path;

/// What encrypted texts begin with. No secret in Base32 does.
const SEALED: &str = "sealed-1:";
/// Bytes of a key.
const LENGTH: usize = 32;
/// Bytes of the names that tell what a derived key is for.
const FOR_SEALING: &[u8] = b"lazaret ledger sealing 1";
const FOR_SIGNING: &[u8] = b"lazaret ledger signing 1";

/// The key of a ledger.
pub(crate) struct Key {
    sealing: LessSafeKey,
    signing: hmac::Key,
}

impl Key {
    /// The key in a file; `None` when there is no such file.
    pub(crate) fn read(path: &Path) -> Result<Option<Self>, StoreError> {
        let failed = |source| StoreError::KeyFile { path: path.to_owned(), step: "read", source };
        let text = match fs::read_to_string(path) {
            Ok(text) => text,
            Err(error) if error.kind() == ErrorKind::NotFound => return Ok(None),
            Err(error) => return Err(failed(error)),
        };
        let mode = fs::metadata(path).map_err(failed)?.permissions().mode() & 0o777;
        if mode & 0o077 != 0 {
            return Err(StoreError::KeyMode { path: path.to_owned(), mode });
        }
        let bytes = HEXLOWER.decode(text.trim().as_bytes()).ok().filter(|bytes| bytes.len() == LENGTH);
        let bytes = bytes.ok_or_else(|| StoreError::KeyText { path: path.to_owned() })?;
        Self::of(&bytes).map(Some)
    }

    /// Makes a key in a file that is not there yet; where another process was faster, its key is the one.
    pub(crate) fn make(path: &Path) -> Result<Self, StoreError> {
        let failed = |source| StoreError::KeyFile { path: path.to_owned(), step: "made", source };
        let mut bytes = [0; LENGTH];
        crate::random(&mut bytes)?;
        let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
        // Temporary files have mode 0600.
        let mut file = tempfile::NamedTempFile::new_in(folder).map_err(failed)?;
        file.write_all(format!("{}\n", HEXLOWER.encode(&bytes)).as_bytes()).map_err(failed)?;
        file.as_file().sync_all().map_err(failed)?;
        match file.persist_noclobber(path) {
            Ok(_) => Self::of(&bytes),
            Err(error) if error.error.kind() == ErrorKind::AlreadyExists => {
                Self::read(path)?.ok_or_else(|| StoreError::KeyMissing { path: path.to_owned() })
            }
            Err(error) => Err(failed(error.error)),
        }
    }

    fn of(bytes: &[u8]) -> Result<Self, StoreError> {
        let whole = hmac::Key::new(hmac::HMAC_SHA256, bytes);
        let derived = |purpose: &[u8]| hmac::sign(&whole, purpose);
        // Never so: the hash is as long as the cipher's key.
        let sealing = UnboundKey::new(&CHACHA20_POLY1305, derived(FOR_SEALING).as_ref())
            .map_err(|_| StoreError::Random("the cipher does not take its key".to_owned()))?;
        let signing = hmac::Key::new(hmac::HMAC_SHA256, derived(FOR_SIGNING).as_ref());
        Ok(Self { sealing: LessSafeKey::new(sealing), signing })
    }

    /// Whether a text is encrypted.
    pub(crate) fn is_sealed(text: &str) -> bool {
        text.starts_with(SEALED)
    }

    /// Encrypts a text that belongs to `owner`, and is worth nothing elsewhere.
    pub(crate) fn seal(&self, owner: &str, text: &str) -> Result<String, StoreError> {
        let mut nonce = [0; NONCE_LEN];
        crate::random(&mut nonce)?;
        let mut bytes = text.as_bytes().to_vec();
        // Random nonces of 96 bits do not meet among the few secrets that a ledger has.
        self.sealing
            .seal_in_place_append_tag(Nonce::assume_unique_for_key(nonce), Aad::from(owner.as_bytes()), &mut bytes)
            .map_err(|_| StoreError::Random("nothing can be encrypted".to_owned()))?;
        Ok(format!("{SEALED}{}{}", BASE64.encode(&nonce), BASE64.encode(&bytes)))
    }

    /// The text that was encrypted for `owner`; `None` when it was not, or with another key.
    pub(crate) fn unseal(&self, owner: &str, text: &str) -> Option<String> {
        let encoded = text.strip_prefix(SEALED)?;
        // Twelve bytes are sixteen characters of Base64, without padding.
        let (nonce, bytes) = encoded.split_at_checked(NONCE_LEN / 3 * 4)?;
        let nonce: [u8; NONCE_LEN] = BASE64.decode(nonce.as_bytes()).ok()?.try_into().ok()?;
        let mut bytes = BASE64.decode(bytes.as_bytes()).ok()?;
        let nonce = Nonce::assume_unique_for_key(nonce);
        let plain = self.sealing.open_in_place(nonce, Aad::from(owner.as_bytes()), &mut bytes).ok()?;
        String::from_utf8(plain.to_vec()).ok()
    }

    /// What shows that a text came from us.
    pub(crate) fn sign(&self, text: &str) -> String {
        HEXLOWER.encode(hmac::sign(&self.signing, text.as_bytes()).as_ref())
    }

    /// Whether a text came from us.
    pub(crate) fn is_signed(&self, text: &str, signature: &str) -> bool {
        let signature = HEXLOWER.decode(signature.as_bytes());
        signature.is_ok_and(|signature| hmac::verify(&self.signing, text.as_bytes(), &signature).is_ok())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_sealed_opens_with_its_key_for_its_owner_only() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("ledger.key");
        assert!(Key::read(&path).unwrap().is_none());
        let key = Key::make(&path).unwrap();
        assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
        let sealed = key.seal("1", "GEZDGNBV").unwrap();
        assert!(
            Key::is_sealed(&sealed) && !sealed.contains("GEZDGNBV") && sealed != key.seal("1", "GEZDGNBV").unwrap()
        );
        let again = Key::read(&path).unwrap().unwrap();
        assert_eq!(again.unseal("1", &sealed).as_deref(), Some("GEZDGNBV"));
        assert_eq!(again.unseal("2", &sealed), None, "somebody else's");
        assert_eq!(again.unseal("1", "GEZDGNBV"), None);
        assert_eq!(again.unseal("1", "sealed-1:x"), None);
        let other = Key::make(&folder.path().join("other.key")).unwrap();
        assert_eq!(other.unseal("1", &sealed), None, "another key");
        assert!(again.is_signed("text", &key.sign("text")) && !again.is_signed("text", &other.sign("text")));
        assert!(!again.is_signed("other", &key.sign("text")) && !again.is_signed("text", "00"));
        // Whoever comes second takes the first one's key.
        assert_eq!(Key::make(&path).unwrap().unseal("1", &sealed).as_deref(), Some("GEZDGNBV"));
    }

    #[test]
    fn a_key_that_cannot_be_used_is_named_with_the_reason() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("ledger.key");
        Key::make(&path).unwrap();
        fs::set_permissions(&path, fs::Permissions::from_mode(0o640)).unwrap();
        assert!(matches!(Key::read(&path), Err(StoreError::KeyMode { mode: 0o640, .. })));
        fs::write(&path, "nonsense").unwrap();
        fs::set_permissions(&path, fs::Permissions::from_mode(0o600)).unwrap();
        assert!(matches!(Key::read(&path), Err(StoreError::KeyText { .. })));
    }
}
