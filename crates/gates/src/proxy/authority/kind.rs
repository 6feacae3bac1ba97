//! What there is to tell of an authority: what it is at a time, and what kind of key signs.

use serde::{Deserialize, Serialize};

/// What an authority is at a time.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum AuthorityRole {
    /// Sites' certificates are signed by it.
    Present,
    /// It will sign them; clients are told of it until then.
    Next,
    /// It did; it is kept so that a change can be taken back.
    Previous,
}

impl AuthorityRole {
    /// All of them.
    pub const ALL: [Self; 3] = [Self::Present, Self::Next, Self::Previous];

    /// What it is called.
    pub fn name(self) -> &'static str {
        match self {
            Self::Present => "present",
            Self::Next => "next",
            Self::Previous => "previous",
        }
    }

    /// What its files are called.
    pub(super) fn stem(self) -> &'static str {
        match self {
            Self::Present => "ca",
            Self::Next => "next",
            Self::Previous => "previous",
        }
    }
}

/// What kind of key signs.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum KeyKind {
    /// ECDSA with P-256 and SHA-256.
    P256,
    /// ECDSA with P-384 and SHA-384.
    P384,
    /// RSASSA-PKCS1-v1_5 with SHA-256.
    Rsa,
}

impl KeyKind {
    /// What it is called.
    pub fn name(self) -> &'static str {
        match self {
            Self::P256 => "EC P-256",
            Self::P384 => "EC P-384",
            Self::Rsa => "RSA",
        }
    }
}
