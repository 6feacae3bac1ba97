//! Authenticode signatures (Authenticode PE format specification, RFC 2315) by keys that everybody knows.

use p256::ecdsa::signature::hazmat::PrehashSigner;
use rsa::{BoxedUint, Pkcs1v15Sign, PrivateKey, traits::PublicKeyParts};
use sha2::Digest;

const SEQUENCE: u8 = 0x30;
const SET: u8 = 0x31;
const INTEGER: u8 = 2;
const OCTETS: u8 = 4;
const OID: u8 = 6;

/// The digest that is signed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Hash {
    /// SHA-1, as old programs have it.
    Sha1,
    /// SHA-256.
    Sha256,
    /// SHA-384.
    Sha384,
    /// SHA-512.
    Sha512,
}

impl Hash {
    fn digest(self, pieces: &[&[u8]]) -> Vec<u8> {
        let bytes = pieces.concat();
        match self {
            Self::Sha1 => sha1::Sha1::digest(bytes).to_vec(),
            Self::Sha256 => sha2::Sha256::digest(bytes).to_vec(),
            Self::Sha384 => sha2::Sha384::digest(bytes).to_vec(),
            Self::Sha512 => sha2::Sha512::digest(bytes).to_vec(),
        }
    }
}

/// Who signs, with what.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Key {
    /// RSASSA-PKCS1-v1_5 with this digest.
    Rsa(Hash),
    /// ECDSA on P-256 with SHA-256.
    P256,
    /// ECDSA on P-384 with SHA-256.
    P384,
    /// RSASSA-PSS, which is named and not checked.
    Pss,
}

/// What is wrong with a signature, or unusual about it.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Flaw {
    /// Nothing.
    None,
    /// The signer issued the certificate itself.
    SelfSigned,
    /// The signature's own bytes.
    Signature,
    /// The attributes hold the digest of something else.
    Attribute,
    /// Another certificate than the signer's comes along.
    Certificate,
    /// A text behind the message, inside the table.
    Behind,
}

/// Appends a certificate table with a signature and enters it in the header.
///
/// # Panics
/// When the bytes are no PE file of a multiple of eight bytes: a mistake of the caller.
pub fn sign(mut bytes: Vec<u8>, key: Key, flaw: Flaw) -> Vec<u8> {
    let header = u32::from_le_bytes([bytes[0x3c], bytes[0x3d], bytes[0x3e], bytes[0x3f]]) as usize + 24;
    let directories = header + if bytes[header..header + 2] == [0x0b, 2] { 112 } else { 96 };
    let (checksum, entry) = (header + 64, directories + 32);
    let hash = if let Key::Rsa(hash) = key { hash } else { Hash::Sha256 };
    let digest = hash.digest(&[&bytes[..checksum], &bytes[checksum + 4..entry], &bytes[entry + 8..]]);
    let message = message(key, hash, &digest, flaw);
    let behind: &[u8] = if flaw == Flaw::Behind { b"LAZARET" } else { &[] };
    let length = (8 + message.len() + behind.len()) as u32;
    let start = bytes.len() as u32;
    bytes[entry..entry + 4].copy_from_slice(&start.to_le_bytes());
    bytes[entry + 4..entry + 8].copy_from_slice(&length.next_multiple_of(8).to_le_bytes());
    bytes.extend(length.to_le_bytes());
    bytes.extend([0, 2, 2, 0]);
    bytes.extend(message.iter().chain(behind));
    bytes.resize(bytes.len().next_multiple_of(8), 0);
    bytes
}

fn der(tag: u8, pieces: &[&[u8]]) -> Vec<u8> {
    let value = pieces.concat();
    let mut out = vec![tag];
    match value.len() {
        length @ 0..0x80 => out.push(length as u8),
        length @ 0x80..0x100 => out.extend([0x81, length as u8]),
        length => out.extend([&[0x82][..], &(length as u16).to_be_bytes()].concat()),
    }
    out.extend(value);
    out
}

/// An `AlgorithmIdentifier` from hexadecimal digits of its identifier.
fn algorithm(oid: &str) -> Vec<u8> {
    der(SEQUENCE, &[&der(OID, &[&hex(oid)])])
}

fn hex(digits: &str) -> Vec<u8> {
    data_encoding::HEXLOWER.decode(digits.as_bytes()).expect("hexadecimal digits")
}

fn hash_algorithm(hash: Hash) -> Vec<u8> {
    algorithm(match hash {
        Hash::Sha1 => "2b0e03021a",
        Hash::Sha256 => "608648016503040201",
        Hash::Sha384 => "608648016503040202",
        Hash::Sha512 => "608648016503040203",
    })
}

fn name(text: &str) -> Vec<u8> {
    let attribute = der(SEQUENCE, &[&der(OID, &[&[0x55, 4, 3]]), &der(0x0c, &[text.as_bytes()])]);
    der(SEQUENCE, &[&der(SET, &[&attribute])])
}

fn message(key: Key, hash: Hash, digest: &[u8], flaw: Flaw) -> Vec<u8> {
    let (public, oid) = match key {
        Key::Rsa(_) | Key::Pss => {
            let rsa = rsa();
            let number = |n: &BoxedUint| der(INTEGER, &[&[0], &n.to_be_bytes_trimmed_vartime()]);
            let numbers = der(SEQUENCE, &[&number(rsa.n()), &number(rsa.e())]);
            let public = der(SEQUENCE, &[&algorithm("2a864886f70d010101"), &der(3, &[&[0], &numbers])]);
            (public, if key == Key::Pss { "2a864886f70d01010a" } else { "2a864886f70d010101" })
        }
        Key::P256 => {
            let point = p256().verifying_key().to_sec1_point(false);
            (elliptic("2a8648ce3d030107", point.as_ref()), "2a8648ce3d040302")
        }
        Key::P384 => {
            let point = p384().verifying_key().to_sec1_point(false);
            (elliptic("2b81040022", point.as_ref()), "2a8648ce3d040302")
        }
    };
    let subject = name("LAZARET test");
    let issuer = if flaw == Flaw::SelfSigned { subject.clone() } else { name("LAZARET issuer") };
    let serial = der(INTEGER, &[&[7]]);
    let named = if flaw == Flaw::Certificate { der(INTEGER, &[&[8]]) } else { serial.clone() };
    let validity = der(SEQUENCE, &[]);
    let version = der(0xa0, &[&der(INTEGER, &[&[2]])]);
    let body =
        der(SEQUENCE, &[&version, &named, &algorithm("2a864886f70d01010b"), &issuer, &validity, &subject, &public]);
    let certificate = der(SEQUENCE, &[&body, &algorithm("2a864886f70d01010b"), &der(3, &[&[0]])]);

    let info = der(SEQUENCE, &[&hash_algorithm(hash), &der(OCTETS, &[digest])]);
    let content = [der(SEQUENCE, &[&der(OID, &[&hex("2b060104018237020115")])]), info].concat();
    let noted = hash.digest(&[if flaw == Flaw::Attribute { b"another" } else { &content }]);
    let attribute = der(SEQUENCE, &[&der(OID, &[&hex("2a864886f70d010904")]), &der(SET, &[&der(OCTETS, &[&noted])])]);
    let mut signature = signature(key, hash, &hash.digest(&[&der(SET, &[&attribute])]));
    if let (Flaw::Signature, Some(last)) = (flaw, signature.last_mut()) {
        *last ^= 1;
    }
    let signer = der(
        SEQUENCE,
        &[
            &der(INTEGER, &[&[1]]),
            &der(SEQUENCE, &[&issuer, &serial]),
            &hash_algorithm(hash),
            &der(0xa0, &[&attribute]),
            &algorithm(oid),
            &der(OCTETS, &[&signature]),
        ],
    );
    let encapsulated = [der(OID, &[&hex("2b060104018237020104")]), der(0xa0, &[&der(SEQUENCE, &[&content])])].concat();
    let signed = der(
        SEQUENCE,
        &[
            &der(INTEGER, &[&[1]]),
            &der(SET, &[&hash_algorithm(hash)]),
            &der(SEQUENCE, &[&encapsulated]),
            &der(0xa0, &[&certificate]),
            &der(SET, &[&signer]),
        ],
    );
    der(SEQUENCE, &[&der(OID, &[&hex("2a864886f70d010702")]), &der(0xa0, &[&signed])])
}

fn elliptic(curve: &str, point: &[u8]) -> Vec<u8> {
    let algorithm = der(SEQUENCE, &[&der(OID, &[&hex("2a8648ce3d0201")]), &der(OID, &[&hex(curve)])]);
    der(SEQUENCE, &[&algorithm, &der(3, &[&[0], point])])
}

fn signature(key: Key, hash: Hash, digest: &[u8]) -> Vec<u8> {
    match key {
        Key::Rsa(_) | Key::Pss => {
            let padding = match hash {
                Hash::Sha1 => Pkcs1v15Sign::new::<sha1::Sha1>(),
                Hash::Sha256 => Pkcs1v15Sign::new::<sha2::Sha256>(),
                Hash::Sha384 => Pkcs1v15Sign::new::<sha2::Sha384>(),
                Hash::Sha512 => Pkcs1v15Sign::new::<sha2::Sha512>(),
            };
            rsa().sign(padding, digest).expect("a digest is signed")
        }
        Key::P256 => {
            let signed: p256::ecdsa::Signature = p256().sign_prehash(digest).expect("a digest is signed");
            signed.to_der().as_bytes().to_vec()
        }
        Key::P384 => {
            let signed: p384::ecdsa::Signature = p384().sign_prehash(digest).expect("a digest is signed");
            signed.to_der().as_bytes().to_vec()
        }
    }
}

/// A key made from a fixed seed, which protects nothing.
fn rsa() -> PrivateKey {
    let number = |digits: &str| BoxedUint::from_be_slice_vartime(&hex(digits));
    let modulus = "bd385872c2e93625aae89c854953bf188f536270cd0f7ccc6af2714537764a9ee523b0007641c7ebba877274994c5fbc\
        853a2de7a1377aca6fdc80f2f2eea992365a91564cb21ef909ab776ed04517c75e93896c7bc21ebd6c8b465bfd924c2f8b5f0de4ca5c\
        6cf4f3e852cd5738b13938652f6cc480ff72248f58a90cd4c093";
    let secret = "9a0e7c04c3a8788b6681089e843b090507fc4dd3a5410ccca9ee4646a2874eeddb8598d06777db3b939c9f954b12a187a\
        db8d69315f143a9fa353f4f8e76bddb81db81a09681d90a475fde89bab8fca35c681959526ecacdc8ad343cb6d5171c62d83b9c3fa87\
        85e2b4459b7b6e29ec8094716f9e3ed76fd4604a133c13a6f51";
    let primes = [
        "f9d90d767c05a41b96333d2758e18b6d11a7bb65045985740b2d5c752e7c51e19b7d58b5f696c7e8f2a11fa1633be66d7b76973cc7704e57\
         5ace12548e43db17",
        "c1e11e41bf2dcfa4276a1ceda2e1d1bf0523a967dadb400e03dcea8909350508e82294c6c1dd000c52ca38fa08b8ccb3c49cd6cdab06b7b6\
         6289362b564383e5",
    ];
    let primes = primes.map(number).to_vec();
    PrivateKey::from_components(number(modulus), number("010001"), number(secret), primes).expect("a key")
}

fn p256() -> p256::ecdsa::SigningKey {
    p256::ecdsa::SigningKey::from_slice(&[7; 32]).expect("a key")
}

fn p384() -> p384::ecdsa::SigningKey {
    p384::ecdsa::SigningKey::from_slice(&[7; 48]).expect("a key")
}
