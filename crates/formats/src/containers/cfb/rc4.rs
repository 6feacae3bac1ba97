//! Encryption with RC4 ([MS-OFFCRYPTO] 2.3.5 and 2.3.6), as workbooks of Excel 97 have it ([MS-XLS] 2.2.10), and presentations.

use super::encrypted::DEFAULT;
use crate::containers::bytes::{array, u16_le, u32_le};
use crate::{OpenError, Parts};
use md5::Md5;
use sha1::Sha1;
use sha2::Digest;
use std::sync::Arc;

/// [MS-XLS] 2.2.10: bytes of the stream that one key encrypts.
const BLOCK: usize = 1024;
/// Records that are never encrypted: BOF, FilePass, UsrExcl, FileLock, InterfaceHdr, RRDInfo, RRDHead.
const PLAIN: [u16; 7] = [0x0809, 0x2f, 0x0194, 0x0195, 0xe1, 0x0196, 0x0138];
const BOUND_SHEET: u16 = 0x85;

/// The stream of a workbook decrypted, its FilePass record taken out, by the first password that fits.
///
/// `file_pass` is the body of that record.
pub(super) fn decrypt(
    stream: &[u8],
    file_pass: &[u8],
    parts: &mut Parts<'_, '_>,
) -> Result<Option<Vec<u8>>, OpenError> {
    match unlock(file_pass, &[DEFAULT], parts)? {
        Some(key) => key.stream(stream, parts).map(Some),
        None => Ok(None),
    }
}

/// The key by the first password that fits a description, the known ones tried before others.
pub(super) fn unlock(description: &[u8], known: &[&str], parts: &mut Parts<'_, '_>) -> Result<Option<Key>, OpenError> {
    let Some(scheme) = Scheme::read(description) else { return Ok(None) };
    let candidates: Vec<Arc<str>> = known.iter().map(|word| Arc::from(*word)).chain(parts.passwords()).collect();
    for password in candidates {
        if !parts.may_try(&password, 1 << 12)? {
            break;
        }
        let key = scheme.key(&password);
        if key.fits(&scheme) {
            parts.opened_with(&password);
            return Ok(Some(key));
        }
    }
    Ok(None)
}

/// What the FilePass record says ([MS-XLS] 2.4.117).
struct Scheme {
    /// Bytes of a key by the interfaces of Windows, or the older scheme, which has no choice.
    key_bytes: Option<usize>,
    salt: [u8; 16],
    verifier: [u8; 16],
    hash: Vec<u8>,
}

impl Scheme {
    fn read(file_pass: &[u8]) -> Option<Self> {
        match (u16_le(file_pass, 0)?, u16_le(file_pass, 2)?, u16_le(file_pass, 4)?) {
            // 2.3.6.1: salt, verifier, hash of the verifier.
            (1, 1, 1) => Some(Self {
                key_bytes: None,
                salt: array(file_pass, 6)?,
                verifier: array(file_pass, 22)?,
                hash: file_pass.get(38..54)?.to_vec(),
            }),
            // 2.3.5.1: flags, size of a header, header, size of the salt, salt, verifier, size of the hash, hash.
            (1, 2..=4, 2) => {
                let bits = u32_le(file_pass, 14 + 16)?;
                let header = usize::try_from(u32_le(file_pass, 10)?).ok()?;
                let rest = file_pass.get(14usize.checked_add(header)?..)?;
                // RC4 is 0x6801; no bits at all stand for 40.
                let bytes = match (u32_le(file_pass, 14 + 8)?, bits) {
                    (0x6801, 0) => 5,
                    (0x6801, 40..=128) => usize::try_from(bits / 8).ok()?,
                    _ => return None,
                };
                Some(Self {
                    key_bytes: Some(bytes),
                    salt: array(rest, 4)?,
                    verifier: array(rest, 20)?,
                    hash: rest.get(40..60)?.to_vec(),
                })
            }
            _ => None,
        }
    }

    fn key(&self, password: &str) -> Key {
        let wide: Vec<u8> = password.encode_utf16().flat_map(u16::to_le_bytes).collect();
        let Some(bytes) = self.key_bytes else {
            // 2.3.6.2: 40 bits of the password's hash, then of the hash of that with the salt, sixteen times over.
            let short = |hash: &[u8]| hash.get(..5).unwrap_or_default().to_vec();
            let all = [short(&Md5::digest(&wide)), self.salt.to_vec()].concat().repeat(16);
            return Key { state: short(&Md5::digest(all)), bytes: None };
        };
        // 2.3.5.2.
        let state = Sha1::digest([&self.salt[..], &wide].concat()).to_vec();
        Key { state, bytes: Some(bytes) }
    }
}

/// What the keys of all blocks come from.
pub(super) struct Key {
    state: Vec<u8>,
    bytes: Option<usize>,
}

impl Key {
    /// The cipher of one block.
    pub(super) fn block(&self, number: u32) -> Rc4 {
        let input = [&self.state[..], &number.to_le_bytes()].concat();
        match self.bytes {
            None => Rc4::new(&Md5::digest(input)),
            Some(bytes) => {
                let hash = Sha1::digest(input);
                let mut key = hash.get(..bytes).unwrap_or_default().to_vec();
                // 2.3.5.2: keys of 40 bits are filled up with zeros.
                if bytes == 5 {
                    key.resize(16, 0);
                }
                Rc4::new(&key)
            }
        }
    }

    fn fits(&self, scheme: &Scheme) -> bool {
        let mut cipher = self.block(0);
        let (mut verifier, mut hash) = (scheme.verifier, scheme.hash.clone());
        cipher.apply(&mut verifier);
        cipher.apply(&mut hash);
        match self.bytes {
            None => Md5::digest(verifier)[..] == hash,
            Some(_) => Sha1::digest(verifier)[..] == hash,
        }
    }

    /// Decrypts everything, then puts back what is not encrypted: heads of records, some records, and where sheets are.
    fn stream(&self, stream: &[u8], parts: &mut Parts<'_, '_>) -> Result<Vec<u8>, OpenError> {
        let mut out = stream.to_vec();
        for (number, block) in out.chunks_mut(BLOCK).enumerate() {
            if number % 1024 == 0 {
                parts.budget().check_time().map_err(OpenError::Limit)?;
            }
            self.block(u32::try_from(number).unwrap_or(u32::MAX)).apply(block);
        }
        let mut at = 0usize;
        while let (Some(id), Some(length)) = (u16_le(stream, at), u16_le(stream, at + 2)) {
            let plain = match id {
                id if PLAIN.contains(&id) => 4 + usize::from(length),
                BOUND_SHEET => 4 + usize::from(length).min(4),
                _ => 4,
            };
            let end = (at + plain).min(stream.len());
            if let (Some(to), Some(from)) = (out.get_mut(at..end), stream.get(at..end)) {
                to.copy_from_slice(from);
            }
            // Without this record nothing says that the stream is encrypted.
            if let (0x2f, Some(to)) = (id, out.get_mut(at..at + 2)) {
                to.copy_from_slice(&[0, 0]);
            }
            at += 4 + usize::from(length);
        }
        Ok(out)
    }
}

/// The cipher itself: a permutation of all bytes that every byte of the key stream stirs.
pub(super) struct Rc4 {
    state: [u8; 256],
    i: u8,
    j: u8,
}

#[expect(clippy::indexing_slicing, reason = "a byte cannot point outside of 256 entries")]
impl Rc4 {
    fn new(key: &[u8]) -> Self {
        let mut state: [u8; 256] = std::array::from_fn(|at| at as u8);
        let mut j = 0u8;
        for (i, byte) in (0..=255u8).zip(key.iter().cycle()) {
            j = j.wrapping_add(state[usize::from(i)]).wrapping_add(*byte);
            state.swap(i.into(), j.into());
        }
        Self { state, i: 0, j: 0 }
    }

    /// Encrypts or decrypts what comes next.
    pub(super) fn apply(&mut self, bytes: &mut [u8]) {
        for byte in bytes {
            self.i = self.i.wrapping_add(1);
            let first = self.state[usize::from(self.i)];
            self.j = self.j.wrapping_add(first);
            let second = self.state[usize::from(self.j)];
            self.state.swap(self.i.into(), self.j.into());
            *byte ^= self.state[usize::from(first.wrapping_add(second))];
        }
    }
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;
    use crate::containers::cfb::tests::build;
    use crate::testing::{Recorded, walk_with};
    use lazaret_model::Limits;

    fn record(id: u16, data: &[u8]) -> Vec<u8> {
        [&id.to_le_bytes()[..], &(data.len() as u16).to_le_bytes(), data].concat()
    }

    /// A description of the encryption, and the key that belongs to it.
    pub(in crate::containers::cfb) fn sealed(password: &str, key_bytes: Option<usize>) -> (Vec<u8>, Key) {
        let mut scheme = Scheme { key_bytes, salt: *b"salt of the test", verifier: [7; 16], hash: Vec::new() };
        let key = scheme.key(password);
        let mut cipher = key.block(0);
        scheme.hash =
            if key_bytes.is_some() { Sha1::digest([7; 16])[..].into() } else { Md5::digest([7; 16])[..].into() };
        cipher.apply(&mut scheme.verifier);
        cipher.apply(&mut scheme.hash);
        let pass = match key_bytes {
            None => [&[1, 0, 1, 0, 1, 0][..], &scheme.salt, &scheme.verifier, &scheme.hash].concat(),
            Some(bytes) => {
                let header = [4, 0, 0x6801, 0x8004, bytes as u32 * 8, 1, 0, 0].map(u32::to_le_bytes).concat();
                let header = [header, vec![0; 2]].concat();
                let head =
                    [&[1, 0, 2, 0, 2, 0, 4, 0, 0, 0][..], &(header.len() as u32).to_le_bytes(), &header].concat();
                [&head[..], &[16, 0, 0, 0], &scheme.salt, &scheme.verifier, &[20, 0, 0, 0], &scheme.hash].concat()
            }
        };
        (pass, key)
    }

    /// A workbook with one macro sheet, more than a block long.
    fn workbook(password: &str, key_bytes: Option<usize>) -> Vec<u8> {
        let (pass, key) = sealed(password, key_bytes);
        let globals = |start: usize| {
            let sheet = [&(start as u32).to_le_bytes()[..], &[0, 1, 6, 0], b"Macro1"].concat();
            let filler = record(0x3c, &[5; 1500]);
            [record(0x809, &[6; 16]), record(0x2f, &pass), filler, record(0x85, &sheet), record(0x0a, &[])].concat()
        };
        let label = [&[0, 0, 0, 0, 0, 0, 14, 0, 0][..], b"LAZARET-MARKER"].concat();
        let start = globals(0).len();
        let sheet = [record(0x809, &[6; 16]), record(0x0204, &label), record(0x0a, &[])].concat();
        let mut out = [globals(start), sheet].concat();
        // The cipher is its own inverse but for the record that is taken out.
        let plain = out.clone();
        for (number, block) in out.chunks_mut(BLOCK).enumerate() {
            key.block(number as u32).apply(block);
        }
        let mut at = 0;
        while let (Some(id), Some(length)) = (u16_le(&plain, at), u16_le(&plain, at + 2)) {
            let keep = if PLAIN.contains(&id) { length.into() } else { if id == BOUND_SHEET { 4 } else { 0 } };
            out[at..at + 4 + keep].copy_from_slice(&plain[at..at + 4 + keep]);
            at += 4 + usize::from(length);
        }
        out
    }

    fn check(stream: &[u8], passwords: &[&str]) -> Recorded {
        walk_with(build(&[("/Workbook", stream)]), "report.xls", Some("xls"), passwords, Limits::default())
    }

    #[test]
    fn workbooks_open_with_either_scheme() {
        for key_bytes in [None, Some(5), Some(16)] {
            for (password, given) in [("infected", &["wrong", "infected"][..]), (DEFAULT, &[])] {
                let recorded = check(&workbook(password, key_bytes), given);
                assert_eq!(recorded.bytes("//Macro1"), b"\"LAZARET-MARKER\"\n", "{key_bytes:?}");
                assert!(recorded.complete() && recorded.parts[0].macros);
                assert_eq!(recorded.parts[0].password.as_deref(), Some(password));
            }
        }
    }

    #[test]
    fn a_wrong_password_leaves_it_locked() {
        for key_bytes in [None, Some(16)] {
            let recorded = check(&workbook("infected", key_bytes), &["wrong"]);
            assert!(recorded.parts.len() == 1 && recorded.parts[0].locked);
        }
    }

    #[test]
    fn the_cipher_is_rc4() {
        // RFC 6229, 2: the first bytes for the key 0x0102030405.
        let mut stream = [0; 8];
        Rc4::new(&[1, 2, 3, 4, 5]).apply(&mut stream);
        assert_eq!(stream, [0xb2, 0x39, 0x63, 0x05, 0xf0, 0x3d, 0xc0, 0x27]);
    }
}
