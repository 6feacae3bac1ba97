//! What an authority signs with: a key in a file, or one in a token that signs itself and never gives it away.

use super::der;
use super::kind::KeyKind;
use super::name::KeyName;
use super::tokens::Tokens;
use crate::GateError;
use rcgen::{KeyPair, PublicKeyData, SignatureAlgorithm, SigningKey};
use rustls_pki_types::alg_id;
use sha2::{Digest, Sha256, Sha384};
use std::sync::{Mutex, PoisonError};

/// What is signed to see whether a key can: no certificate begins so.
const TRIAL: &[u8] = b"lazaret: whether this key signs";

/// The key.
pub(super) enum Key {
    File(Box<KeyPair>),
    Token(Box<TokenKey>),
}

impl Key {
    /// Why no certificate came of it.
    pub(super) fn failed(&self, error: rcgen::Error) -> GateError {
        let kept = match self {
            Self::Token(key) if error == rcgen::Error::RemoteKeyError => {
                key.trouble.lock().unwrap_or_else(PoisonError::into_inner).take()
            }
            _ => None,
        };
        kept.unwrap_or_else(|| super::tls(error))
    }

    /// What it is called in its token; nothing for one in a file.
    pub(super) fn name(&self) -> Option<&KeyName> {
        match self {
            Self::File(_) => None,
            Self::Token(key) => Some(&key.name),
        }
    }
}

impl PublicKeyData for Key {
    fn der_bytes(&self) -> &[u8] {
        match self {
            Self::File(key) => key.der_bytes(),
            Self::Token(key) => &key.public,
        }
    }

    fn algorithm(&self) -> &'static SignatureAlgorithm {
        match self {
            Self::File(key) => key.algorithm(),
            Self::Token(key) => match key.kind {
                KeyKind::P256 => &rcgen::PKCS_ECDSA_P256_SHA256,
                KeyKind::P384 => &rcgen::PKCS_ECDSA_P384_SHA384,
                KeyKind::Rsa => &rcgen::PKCS_RSA_SHA256,
            },
        }
    }
}

impl SigningKey for Key {
    fn sign(&self, message: &[u8]) -> Result<Vec<u8>, rcgen::Error> {
        match self {
            Self::File(key) => key.sign(message),
            Self::Token(key) => key.sign(message).map_err(|error| {
                // rcgen has no place for it.
                *key.trouble.lock().unwrap_or_else(PoisonError::into_inner) = Some(error);
                rcgen::Error::RemoteKeyError
            }),
        }
    }
}

/// A key in a token.
pub(super) struct TokenKey {
    tokens: Tokens,
    name: KeyName,
    kind: KeyKind,
    public: Vec<u8>,
    /// Why it did not sign last.
    trouble: Mutex<Option<GateError>>,
}

impl TokenKey {
    /// Finds a key, and has it sign something. Some tokens keep no public keys: then it is the one of the certificate, if the
    /// signature says so as well. Blocks.
    pub(super) fn open(tokens: &Tokens, name: KeyName, certified: Option<Vec<u8>>) -> Result<Self, GateError> {
        let (kind, public) = tokens.describe(&name)?;
        let Some(public) = public.or(certified) else {
            let why = "its token has no matching public key, which the certificate needs: add it to the token, with the \
                    same `id`";
            return Err(GateError::Token { key: name.to_string(), why: why.to_owned() });
        };
        let key = Self { tokens: tokens.clone(), name, kind, public, trouble: Mutex::default() };
        let signature = key.sign(TRIAL)?;
        if !key.verifies(TRIAL, &signature) {
            let why = match kind {
                KeyKind::Rsa => "its signatures do not match its public key, or it has fewer than 2048 bits",
                _ => "its signatures do not match its public key",
            };
            return Err(GateError::Token { key: key.name.to_string(), why: why.to_owned() });
        }
        Ok(key)
    }

    pub(super) fn kind(&self) -> KeyKind {
        self.kind
    }

    fn sign(&self, message: &[u8]) -> Result<Vec<u8>, GateError> {
        let bytes = match self.kind {
            KeyKind::P256 => Sha256::digest(message).to_vec(),
            KeyKind::P384 => Sha384::digest(message).to_vec(),
            KeyKind::Rsa => message.to_vec(),
        };
        let raw = self.tokens.sign(&self.name, bytes)?;
        if self.kind == KeyKind::Rsa {
            return Ok(raw);
        }
        der::signature(&raw, self.kind).ok_or_else(|| GateError::Token {
            key: self.name.to_string(),
            why: format!("its token returned {} bytes for a signature of {}", raw.len(), self.kind.name()),
        })
    }

    /// Whether clients will take what it signs.
    fn verifies(&self, message: &[u8], signature: &[u8]) -> bool {
        let (key, signed) = match self.kind {
            KeyKind::P256 => (alg_id::ECDSA_P256, alg_id::ECDSA_SHA256),
            KeyKind::P384 => (alg_id::ECDSA_P384, alg_id::ECDSA_SHA384),
            KeyKind::Rsa => (alg_id::RSA_ENCRYPTION, alg_id::RSA_PKCS1_SHA256),
        };
        crate::tls::provider().signature_verification_algorithms.all.iter().any(|algorithm| {
            algorithm.public_key_alg_id() == key
                && algorithm.signature_alg_id() == signed
                && algorithm.verify_signature(&self.public, message, signature).is_ok()
        })
    }
}
