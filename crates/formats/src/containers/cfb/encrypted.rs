//! Encrypted Office documents ([MS-OFFCRYPTO]): agile (2.3.4.10 to 15) and standard encryption (2.3.4.5 to 9).

#[cfg(test)]
mod tests;

use super::reader::Compound;
use crate::containers::bytes::{u16_le, u32_le, u64_le};
use crate::containers::xml::{Token, attribute, tokens};
use crate::{Member, OpenError, Parts};
use aes::cipher::{BlockCipherDecrypt, KeyInit};
use lazaret_model::Role;
use sha2::digest::{Digest as _, DynDigest};
use std::io::{self, Read};
use std::sync::Arc;

/// The password with which Excel protects documents so that it can open them without asking.
pub(super) const DEFAULT: &str = "VelvetSweatshop";
/// Bytes of the description that are read.
const MOST_INFO: u64 = 1 << 20;
/// Rounds of hashing that one document may cost, over all passwords.
const MOST_ROUNDS: u64 = 20_000_000;
/// 2.3.4.15: bytes that are encrypted with one initialisation vector.
const SEGMENT: usize = 4096;
/// 2.3.4.7: rounds of hashing of standard encryption.
const STANDARD_ROUNDS: u32 = 50_000;
/// 2.3.4.13 and 2.3.4.14: what the uses of one password are told apart by.
const VERIFIER_INPUT: [u8; 8] = [0xfe, 0xa7, 0xd2, 0x76, 0x3b, 0x4b, 0x9e, 0x79];
const VERIFIER_HASH: [u8; 8] = [0xd7, 0xaa, 0x0f, 0x6d, 0x30, 0x61, 0x34, 0x4e];
const KEY_VALUE: [u8; 8] = [0x14, 0x6e, 0x0b, 0xe7, 0xab, 0xac, 0xd0, 0xd6];
const HMAC_KEY: [u8; 8] = [0x5f, 0xb2, 0xad, 0x01, 0x0c, 0xb9, 0xe1, 0xf6];
const HMAC_VALUE: [u8; 8] = [0xa0, 0x67, 0x7f, 0x02, 0xb2, 0x2c, 0x84, 0x33];

/// Hands the package inside over, decrypted, or marks the document locked.
pub(super) fn add_package(compound: &Compound, parts: &mut Parts<'_, '_>) -> Result<(), OpenError> {
    let Some(package) = compound.stream("EncryptedPackage") else { return Ok(()) };
    let info = compound.stream("EncryptionInfo").map(|entry| compound.read(entry, MOST_INFO, parts));
    let info = info.unwrap_or_default();
    let Some(scheme) = Scheme::read(&info) else {
        parts.lock("the document is encrypted in a way that is not read");
        return Ok(());
    };
    let mut tried = 0;
    let mut rounds = 0;
    let candidates: Vec<Arc<str>> = std::iter::once(DEFAULT.into()).chain(parts.passwords()).collect();
    for password in candidates {
        rounds += u64::from(scheme.rounds());
        if rounds > MOST_ROUNDS {
            break;
        }
        // A round is a hash of some dozen bytes.
        if !parts.may_try(&password, 256 * u64::from(scheme.rounds()))? {
            break;
        }
        tried += 1;
        let Some(key) = scheme.key(&password, parts)? else { continue };
        parts.opened_with(&password);
        let mut data = Decrypted::new(compound.reader(package), scheme, key);
        let name = parts.part().name.clone();
        return parts.add(Member::unnamed(Role::Stream, name).opened_with(password), &mut data);
    }
    Err(OpenError::Locked { tried })
}

/// How the package is encrypted.
enum Scheme {
    Agile(Box<Agile>),
    Standard(Standard),
}

impl Scheme {
    /// 2.3.4.10: version 4.4 is agile; 2.3.4.5: 2.2 to 4.2 are standard.
    fn read(info: &[u8]) -> Option<Self> {
        match (u16_le(info, 0)?, u16_le(info, 2)?) {
            (4, 4) => Agile::read(info.get(8..)?).map(|agile| Self::Agile(Box::new(agile))),
            (2..=4, 2) => Standard::read(info).map(Self::Standard),
            _ => None,
        }
    }

    fn rounds(&self) -> u32 {
        match self {
            Self::Agile(agile) => agile.rounds,
            Self::Standard(_) => STANDARD_ROUNDS,
        }
    }

    /// The key of the package, if the password fits.
    fn key(&self, password: &str, parts: &mut Parts<'_, '_>) -> Result<Option<Aes>, OpenError> {
        let (hash, salt) = match self {
            Self::Agile(agile) => (agile.password.hash, &agile.password.salt),
            Self::Standard(standard) => (Hash::Sha1, &standard.salt),
        };
        // 2.3.4.7 and 2.3.4.11: the same loop in both.
        let wide: Vec<u8> = password.encode_utf16().flat_map(u16::to_le_bytes).collect();
        let mut state = hash.of(&[salt, &wide]);
        for round in 0..self.rounds() {
            if round % 4096 == 0 {
                parts.budget().check_time().map_err(OpenError::Limit)?;
            }
            state = hash.of(&[&round.to_le_bytes(), &state]);
        }
        Ok(match self {
            Self::Agile(agile) => agile.key(&state),
            Self::Standard(standard) => standard.key(&state),
        })
    }
}

/// A salt and what goes with it: the attributes of `keyData` and `encryptedKey`.
struct Parameters {
    hash: Hash,
    salt: Vec<u8>,
    key_bytes: usize,
}

impl Parameters {
    fn read(attributes: &str) -> Option<Self> {
        let chaining = attribute(attributes, "cipherChaining")?;
        if attribute(attributes, "cipherAlgorithm")? != "AES" || chaining != "ChainingModeCBC" {
            return None;
        }
        let key_bits: usize = attribute(attributes, "keyBits")?.parse().ok()?;
        Some(Self {
            hash: Hash::named(&attribute(attributes, "hashAlgorithm")?)?,
            salt: base64(attributes, "saltValue")?,
            key_bytes: matches!(key_bits, 128 | 192 | 256).then_some(key_bits / 8)?,
        })
    }

    /// 2.3.4.11 and 2.3.4.12: a hash cut or filled up to a length.
    fn fit(mut bytes: Vec<u8>, length: usize) -> Vec<u8> {
        bytes.resize(length, 0x36);
        bytes
    }

    /// 2.3.4.12: an initialisation vector.
    fn vector(&self, block: &[u8]) -> Vec<u8> {
        Self::fit(self.hash.of(&[&self.salt, block]), 16)
    }
}

/// 2.3.4.10.
struct Agile {
    data: Parameters,
    password: Parameters,
    rounds: u32,
    verifier_input: Vec<u8>,
    verifier_hash: Vec<u8>,
    key_value: Vec<u8>,
    hmac: Option<(Vec<u8>, Vec<u8>)>,
}

impl Agile {
    fn read(xml: &[u8]) -> Option<Self> {
        let text = String::from_utf8_lossy(xml);
        let (mut data, mut hmac, mut key) = (None, None, None);
        for token in tokens(&text) {
            match token {
                Token::Open("keyData", attributes) => data = Parameters::read(attributes),
                Token::Open("dataIntegrity", attributes) => {
                    hmac = base64(attributes, "encryptedHmacKey").zip(base64(attributes, "encryptedHmacValue"));
                }
                // The one for passwords; others are for certificates and have no rounds.
                Token::Open("encryptedKey", attributes) if attribute(attributes, "spinCount").is_some() => {
                    key = Some(attributes);
                }
                _ => {}
            }
        }
        let key = key?;
        Some(Self {
            data: data?,
            password: Parameters::read(key)?,
            rounds: attribute(key, "spinCount")?.parse().ok()?,
            verifier_input: base64(key, "encryptedVerifierHashInput")?,
            verifier_hash: base64(key, "encryptedVerifierHashValue")?,
            key_value: base64(key, "encryptedKeyValue")?,
            hmac,
        })
    }

    /// 2.3.4.13: the password fits where the hash of the verifier is the one that is stored.
    fn key(&self, state: &[u8]) -> Option<Aes> {
        let open = |block: [u8; 8], bytes: &[u8]| {
            let key = Parameters::fit(self.password.hash.of(&[state, &block]), self.password.key_bytes);
            Some(Aes::new(&key)?.chained(&Parameters::fit(self.password.salt.clone(), 16), bytes))
        };
        let input = open(VERIFIER_INPUT, &self.verifier_input)?;
        let expected = open(VERIFIER_HASH, &self.verifier_hash)?;
        let found = self.password.hash.of(&[input.get(..self.password.salt.len())?]);
        if expected.get(..found.len())? != found {
            return None;
        }
        let key = open(KEY_VALUE, &self.key_value)?;
        Aes::new(key.get(..self.data.key_bytes)?)
    }
}

/// 2.3.4.5.
struct Standard {
    salt: Vec<u8>,
    key_bytes: usize,
    verifier: Vec<u8>,
    verifier_hash: Vec<u8>,
}

impl Standard {
    fn read(info: &[u8]) -> Option<Self> {
        // 2.3.2: flags, extra size, cipher, hash, bits of the key.
        let header = usize::try_from(u32_le(info, 8)?).ok()?;
        let key_bytes = match u32_le(info, 20)? {
            0x660e => 16,
            0x660f => 24,
            0x6610 => 32,
            _ => return None,
        };
        // 2.3.3: size of the salt, salt, verifier, size of the hash, hash.
        let verifier = info.get(12usize.checked_add(header)?..)?;
        Some(Self {
            salt: verifier.get(4..20)?.to_vec(),
            key_bytes,
            verifier: verifier.get(20..36)?.to_vec(),
            verifier_hash: verifier.get(40..72)?.to_vec(),
        })
    }

    /// 2.3.4.7 and 2.3.4.9.
    fn key(&self, state: &[u8]) -> Option<Aes> {
        let last = Hash::Sha1.of(&[state, &[0; 4]]);
        let half = |pad: u8| {
            let mut block = [pad; 64];
            block.iter_mut().zip(&last).for_each(|(byte, hash)| *byte ^= hash);
            Hash::Sha1.of(&[&block])
        };
        let key = [half(0x36), half(0x5c)].concat();
        let aes = Aes::new(key.get(..self.key_bytes)?)?;
        let (mut input, mut expected) = (self.verifier.clone(), self.verifier_hash.clone());
        aes.blocks(&mut input);
        aes.blocks(&mut expected);
        (expected.get(..20)? == Hash::Sha1.of(&[&input])).then_some(aes)
    }
}

/// The hashes that Office offers and this reads.
#[derive(Debug, Clone, Copy)]
enum Hash {
    Sha1,
    Sha256,
    Sha384,
    Sha512,
}

impl Hash {
    fn named(name: &str) -> Option<Self> {
        match name {
            "SHA1" | "SHA-1" => Some(Self::Sha1),
            "SHA256" | "SHA-256" => Some(Self::Sha256),
            "SHA384" | "SHA-384" => Some(Self::Sha384),
            "SHA512" | "SHA-512" => Some(Self::Sha512),
            _ => None,
        }
    }

    fn start(self) -> Box<dyn DynDigest> {
        match self {
            Self::Sha1 => Box::new(sha1::Sha1::new()),
            Self::Sha256 => Box::new(sha2::Sha256::new()),
            Self::Sha384 => Box::new(sha2::Sha384::new()),
            Self::Sha512 => Box::new(sha2::Sha512::new()),
        }
    }

    fn of(self, pieces: &[&[u8]]) -> Vec<u8> {
        let mut digest = self.start();
        pieces.iter().for_each(|piece| digest.update(piece));
        digest.finalize().into_vec()
    }

    /// Bytes that one round takes in, which HMAC needs to know (RFC 2104, 2).
    fn block(self) -> usize {
        if matches!(self, Self::Sha1 | Self::Sha256) { 64 } else { 128 }
    }
}

/// HMAC (RFC 2104) over bytes that come in pieces.
struct Hmac {
    hash: Hash,
    inner: Box<dyn DynDigest>,
    outer: Vec<u8>,
    expected: Vec<u8>,
}

impl Hmac {
    fn new(hash: Hash, key: &[u8], expected: Vec<u8>) -> Self {
        let mut key = if key.len() > hash.block() { hash.of(&[key]) } else { key.to_vec() };
        key.resize(hash.block(), 0);
        let mut inner = hash.start();
        inner.update(&key.iter().map(|byte| byte ^ 0x36).collect::<Vec<_>>());
        Self { hash, inner, outer: key.iter().map(|byte| byte ^ 0x5c).collect(), expected }
    }

    fn fits(self) -> bool {
        let found = self.hash.of(&[&self.outer, &self.inner.finalize()]);
        self.expected.get(..found.len()) == Some(&found)
    }
}

/// AES with a key of any of its lengths.
enum Aes {
    Of128(aes::Aes128),
    Of192(aes::Aes192),
    Of256(aes::Aes256),
}

impl Aes {
    fn new(key: &[u8]) -> Option<Self> {
        match key.len() {
            16 => aes::Aes128::new_from_slice(key).ok().map(Self::Of128),
            24 => aes::Aes192::new_from_slice(key).ok().map(Self::Of192),
            32 => aes::Aes256::new_from_slice(key).ok().map(Self::Of256),
            _ => None,
        }
    }

    /// Decrypts whole blocks in place, each alone; a piece of one at the end is left as it is.
    fn blocks(&self, bytes: &mut [u8]) {
        for block in bytes.as_chunks_mut::<16>().0 {
            match self {
                Self::Of128(aes) => aes.decrypt_block(block.into()),
                Self::Of192(aes) => aes.decrypt_block(block.into()),
                Self::Of256(aes) => aes.decrypt_block(block.into()),
            }
        }
    }

    /// Decrypts cipher-block chaining; the vector has 16 bytes.
    fn chained(&self, vector: &[u8], bytes: &[u8]) -> Vec<u8> {
        let mut out = bytes.to_vec();
        self.blocks(&mut out);
        out.iter_mut().zip(vector.iter().chain(bytes)).for_each(|(byte, previous)| *byte ^= previous);
        out
    }
}

/// Decrypts the package as it is read: the size of the content, then the content (2.3.4.4).
struct Decrypted<R> {
    input: R,
    scheme: Scheme,
    key: Aes,
    hmac: Option<Hmac>,
    left: Option<u64>,
    segment: u32,
    ready: io::Cursor<Vec<u8>>,
}

impl<R: Read> Decrypted<R> {
    fn new(input: R, scheme: Scheme, key: Aes) -> Self {
        let hmac = match &scheme {
            Scheme::Agile(agile) => agile.hmac.as_ref().map(|(hmac_key, value)| {
                let length = agile.data.hash.of(&[]).len();
                let hmac_key = key.chained(&agile.data.vector(&HMAC_KEY), hmac_key);
                let value = key.chained(&agile.data.vector(&HMAC_VALUE), value);
                Hmac::new(agile.data.hash, hmac_key.get(..length).unwrap_or(&hmac_key), value)
            }),
            Scheme::Standard(_) => None,
        };
        Self { input, scheme, key, hmac, left: None, segment: 0, ready: io::Cursor::new(Vec::new()) }
    }

    fn fill(&mut self, most: usize) -> io::Result<Vec<u8>> {
        let mut bytes = Vec::new();
        self.input.by_ref().take(most as u64).read_to_end(&mut bytes)?;
        if let Some(hmac) = &mut self.hmac {
            hmac.inner.update(&bytes);
        }
        Ok(bytes)
    }
}

impl<R: Read> Decrypted<R> {
    /// Decrypts the next segment; false at the end.
    fn advance(&mut self) -> io::Result<bool> {
        let invalid = |what: &str| io::Error::new(io::ErrorKind::InvalidData, what.to_owned());
        let left = match self.left {
            Some(left) => left,
            None => u64_le(&self.fill(8)?, 0).ok_or_else(|| invalid("the package has no size"))?,
        };
        let bytes = self.fill(SEGMENT)?;
        if bytes.is_empty() {
            self.left = Some(0);
            if left > 0 {
                return Err(invalid("the package ends early"));
            }
            let whole = self.hmac.take().is_none_or(Hmac::fits);
            return if whole { Ok(false) } else { Err(invalid("the package was changed after it was encrypted")) };
        }
        let mut plain = match &self.scheme {
            Scheme::Agile(agile) => self.key.chained(&agile.data.vector(&self.segment.to_le_bytes()), &bytes),
            Scheme::Standard(_) => {
                let mut plain = bytes;
                self.key.blocks(&mut plain);
                plain
            }
        };
        // Padding up to the last block's end, and whatever else follows the content, is not part of it.
        plain.truncate(usize::try_from(left).unwrap_or(usize::MAX));
        self.left = Some(left.saturating_sub(plain.len() as u64));
        self.segment = self.segment.wrapping_add(1);
        self.ready = io::Cursor::new(plain);
        Ok(true)
    }
}

impl<R: Read> Read for Decrypted<R> {
    fn read(&mut self, out: &mut [u8]) -> io::Result<usize> {
        loop {
            let n = self.ready.read(out)?;
            // What follows the content is read as well, since it is authenticated.
            if n > 0 || out.is_empty() || !self.advance()? {
                return Ok(n);
            }
        }
    }
}

fn base64(attributes: &str, name: &str) -> Option<Vec<u8>> {
    data_encoding::BASE64.decode(attribute(attributes, name)?.as_bytes()).ok()
}
