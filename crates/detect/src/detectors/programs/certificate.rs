//! DER (X.690) as far as signatures need it, and signatures checked with the key of a certificate (RFC 5280).
//!
//! Nothing here says whom to trust: there is no root, and the chain above the signer is not followed.

use p256::ecdsa::signature::hazmat::PrehashVerifier;
use rsa::{BoxedUint, Pkcs1v15Sign, PublicKey};
use sha2::Digest;

/// Sizes of RSA keys that are verified, in bits; smaller ones are worthless and larger ones costly.
const RSA_BITS: std::ops::RangeInclusive<usize> = 1024..=8192;
/// Certificates that are looked through for the signer's.
const MOST_CERTIFICATES: usize = 64;

/// Object identifiers as they are stored, without tag and length.
const RSA: &[u8] = &[0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 1, 1, 1];
/// 1.2.840.113549.1.1: the RSA signature algorithms, one byte more says which.
const PKCS1: &[u8] = &[0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 1, 1];
/// RSASSA-PSS and RSAES-OAEP below the same arc; their signatures are built in another way.
const NOT_V15: &[u8] = &[7, 8, 9, 10];
const ELLIPTIC: &[u8] = &[0x2a, 0x86, 0x48, 0xce, 0x3d, 2, 1];
const P256: &[u8] = &[0x2a, 0x86, 0x48, 0xce, 0x3d, 3, 1, 7];
const P384: &[u8] = &[0x2b, 0x81, 4, 0, 0x22];
const COMMON_NAME: &[u8] = &[0x55, 4, 3];
const SHA1: &[u8] = &[0x2b, 0x0e, 3, 2, 0x1a];
/// 2.16.840.1.101.3.4.2: SHA-2, one byte more says which.
const SHA2: &[u8] = &[0x60, 0x86, 0x48, 1, 0x65, 3, 4, 2];

pub(super) const SEQUENCE: u8 = 0x30;
pub(super) const SET: u8 = 0x31;
pub(super) const INTEGER: u8 = 2;
pub(super) const OCTETS: u8 = 4;
pub(super) const OID: u8 = 6;

/// One element: its tag, its value, and both with the length between.
#[derive(Debug, Clone, Copy)]
pub(super) struct Element<'b> {
    pub(super) tag: u8,
    pub(super) value: &'b [u8],
    pub(super) whole: &'b [u8],
}

/// Reads elements one after the other.
#[derive(Debug, Clone, Copy)]
pub(super) struct Elements<'b>(pub(super) &'b [u8]);

impl<'b> Iterator for Elements<'b> {
    type Item = Element<'b>;

    fn next(&mut self) -> Option<Element<'b>> {
        let (tag, first) = (*self.0.first()?, *self.0.get(1)?);
        // X.690, 8.1.3: short and long form; DER has no indefinite one. Tags of several bytes are not used here.
        let (header, length) = match first {
            ..=0x7f => (2, usize::from(first)),
            0x81..=0x84 => {
                let end = usize::from(first & 0x7f).checked_add(2)?;
                let digits = self.0.get(2..end)?;
                (end, digits.iter().fold(0_usize, |sum, digit| sum << 8 | usize::from(*digit)))
            }
            _ => return None,
        };
        let end = header.checked_add(length)?;
        let element = Element { tag, value: self.0.get(header..end)?, whole: self.0.get(..end)? };
        self.0 = self.0.get(end..).unwrap_or_default();
        Some(element)
    }
}

impl<'b> Elements<'b> {
    /// The next element's value, if it has this tag.
    pub(super) fn value(&mut self, tag: u8) -> Option<&'b [u8]> {
        self.next().filter(|element| element.tag == tag).map(|element| element.value)
    }

    /// The next element, if it has this tag; what else is there stays.
    pub(super) fn optional(&mut self, tag: u8) -> Option<Element<'b>> {
        let found = self.0.first() == Some(&tag);
        if found { self.next() } else { None }
    }
}

/// A hash function that signatures name.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Hash {
    Sha1,
    Sha256,
    Sha384,
    Sha512,
}

impl Hash {
    /// From the value of an `AlgorithmIdentifier`.
    pub(super) fn of(algorithm: &[u8]) -> Option<Self> {
        match Elements(algorithm).value(OID)? {
            SHA1 => Some(Self::Sha1),
            oid => match oid.strip_prefix(SHA2)? {
                [1] => Some(Self::Sha256),
                [2] => Some(Self::Sha384),
                [3] => Some(Self::Sha512),
                _ => None,
            },
        }
    }

    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Sha1 => "SHA-1",
            Self::Sha256 => "SHA-256",
            Self::Sha384 => "SHA-384",
            Self::Sha512 => "SHA-512",
        }
    }

    /// The digest of pieces one after the other.
    pub(super) fn digest(self, pieces: &[&[u8]]) -> Vec<u8> {
        fn digest<D: Digest>(pieces: &[&[u8]]) -> Vec<u8> {
            let mut hash = D::new();
            pieces.iter().for_each(|piece| hash.update(piece));
            hash.finalize().to_vec()
        }
        match self {
            Self::Sha1 => digest::<sha1::Sha1>(pieces),
            Self::Sha256 => digest::<sha2::Sha256>(pieces),
            Self::Sha384 => digest::<sha2::Sha384>(pieces),
            Self::Sha512 => digest::<sha2::Sha512>(pieces),
        }
    }
}

/// What checking a signature came to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Check {
    Fits,
    Differs,
    /// An algorithm or a key that is not checked here.
    Unknown,
}

/// A certificate, as far as its signatures need it (RFC 5280, 4.1).
#[derive(Debug, Clone, Copy)]
pub(super) struct Certificate<'b> {
    whole: &'b [u8],
    serial: &'b [u8],
    issuer: &'b [u8],
    subject: &'b [u8],
    /// The value of the `SubjectPublicKeyInfo`.
    key: &'b [u8],
}

impl<'b> Certificate<'b> {
    /// Reads one from an element.
    pub(super) fn read(element: Element<'b>) -> Option<Self> {
        let mut fields = Elements(Elements(element.value).value(SEQUENCE)?);
        fields.optional(0xa0);
        let serial = fields.value(INTEGER)?;
        fields.value(SEQUENCE)?;
        let issuer = fields.next()?.whole;
        fields.value(SEQUENCE)?;
        let subject = fields.next()?.whole;
        let key = fields.value(SEQUENCE)?;
        Some(Self { whole: element.whole, serial, issuer, subject, key })
    }

    /// The certificate that a `SignerIdentifier` names (RFC 5652, 5.3).
    pub(super) fn find(certificates: &'b [u8], signer: Element<'_>) -> Option<Self> {
        // LIMIT: a signer that is not found vouches for nothing.
        let mut all = Elements(certificates).take(MOST_CERTIFICATES).filter_map(Self::read);
        if signer.tag != SEQUENCE {
            // The key's identifier stands in an extension, which is found by its bytes.
            return all.find(|own| memchr::memmem::find(own.whole, signer.value).is_some() && !signer.value.is_empty());
        }
        let mut fields = Elements(signer.value);
        let (issuer, serial) = (fields.next()?.whole, fields.value(INTEGER)?);
        all.find(|own| own.issuer == issuer && own.serial == serial)
    }

    /// Whether it names itself as the one who vouches for it.
    pub(super) fn is_self_signed(&self) -> bool {
        self.issuer == self.subject
    }

    /// The subject's common name.
    pub(super) fn name(&self) -> String {
        let sets = Elements(Elements(self.subject).value(SEQUENCE).unwrap_or_default());
        let names = sets.flat_map(|set| Elements(set.value)).filter_map(|attribute| {
            let mut fields = Elements(attribute.value);
            (fields.value(OID)? == COMMON_NAME).then(|| fields.next())?
        });
        let Some(name) = names.last() else { return "an unnamed signer".to_owned() };
        // BMPString is UTF-16; the others are read as UTF-8.
        if name.tag == 0x1e {
            let units = name.value.as_chunks::<2>().0.iter().map(|pair| u16::from_be_bytes(*pair));
            return char::decode_utf16(units).map(|c| c.unwrap_or(char::REPLACEMENT_CHARACTER)).collect();
        }
        String::from_utf8_lossy(name.value).into_owned()
    }

    /// Checks a signature over a digest; `algorithm` is the value of the `AlgorithmIdentifier` of the signature.
    pub(super) fn verify(&self, algorithm: &[u8], hash: Hash, digest: &[u8], signature: &[u8]) -> Check {
        self.try_verify(algorithm, hash, digest, signature).unwrap_or(Check::Unknown)
    }

    fn try_verify(&self, algorithm: &[u8], hash: Hash, digest: &[u8], signature: &[u8]) -> Option<Check> {
        let signed_with = Elements(algorithm).value(OID)?;
        let mut fields = Elements(self.key);
        let mut key_algorithm = Elements(fields.value(SEQUENCE)?);
        // A BIT STRING begins with the number of bits that its last byte does not use: none.
        let key = fields.value(3)?.strip_prefix(&[0])?;
        let fits = match key_algorithm.value(OID)? {
            RSA => {
                if signed_with.strip_prefix(PKCS1).is_none_or(|which| NOT_V15.contains(which.first().unwrap_or(&7))) {
                    return None;
                }
                let mut numbers = Elements(Elements(key).value(SEQUENCE)?);
                let (modulus, exponent) = (number(numbers.value(INTEGER)?)?, number(numbers.value(INTEGER)?)?);
                // Only public keys and public data are used, so that no timing can give a secret away.
                let key = PublicKey::new_with_size_limits(modulus, exponent, RSA_BITS).ok()?;
                let padding = match hash {
                    Hash::Sha1 => Pkcs1v15Sign::new::<sha1::Sha1>(),
                    Hash::Sha256 => Pkcs1v15Sign::new::<sha2::Sha256>(),
                    Hash::Sha384 => Pkcs1v15Sign::new::<sha2::Sha384>(),
                    Hash::Sha512 => Pkcs1v15Sign::new::<sha2::Sha512>(),
                };
                key.verify(padding, digest, signature).is_ok()
            }
            ELLIPTIC => match key_algorithm.value(OID)? {
                P256 => {
                    let key = p256::ecdsa::VerifyingKey::from_sec1_bytes(key).ok()?;
                    p256::ecdsa::Signature::from_der(signature).is_ok_and(|s| key.verify_prehash(digest, &s).is_ok())
                }
                P384 => {
                    let key = p384::ecdsa::VerifyingKey::from_sec1_bytes(key).ok()?;
                    p384::ecdsa::Signature::from_der(signature).is_ok_and(|s| key.verify_prehash(digest, &s).is_ok())
                }
                _ => return None,
            },
            _ => return None,
        };
        Some(if fits { Check::Fits } else { Check::Differs })
    }
}

/// A positive integer, of bounded length so that nobody computes with megabytes.
fn number(bytes: &[u8]) -> Option<BoxedUint> {
    (bytes.len() <= RSA_BITS.end() / 8 + 1).then(|| BoxedUint::from_be_slice_vartime(bytes))
}
