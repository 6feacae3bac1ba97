//! Documents encrypted by the test, and one by `msoffcrypto-tool`.

use super::*;
use crate::containers::cfb::tests::build;
use crate::containers::ooxml::tests::package;
use crate::testing::{Recorded, walk_with};
use aes::cipher::BlockCipherEncrypt;
use data_encoding::BASE64;
use lazaret_model::Limits;

const SALT: [u8; 16] = *b"salt of the test";
const KEY: [u8; 32] = *b"the key that opens this package.";

fn check(info: &[u8], encrypted: &[u8], passwords: &[&str]) -> Recorded {
    let bytes = build(&[("/EncryptionInfo", info), ("/EncryptedPackage", encrypted)]);
    walk_with(bytes, "report.docx", None, passwords, Limits::default())
}

fn document() -> Vec<u8> {
    // Longer than a segment.
    let long: Vec<u8> = (0..4000u32).flat_map(|i| (i * i).to_le_bytes()).collect();
    package(&[("word/document.xml", b"<w:document>LAZARET-MARKER</w:document>"), ("word/media/long", &long)])
}

fn encrypt(key: &[u8], vector: Option<&[u8]>, plain: &[u8]) -> Vec<u8> {
    let mut out = plain.to_vec();
    out.resize(plain.len().next_multiple_of(16), 0);
    let mut previous = vector.map(<[u8]>::to_vec);
    for block in out.as_chunks_mut::<16>().0 {
        if let Some(previous) = &previous {
            block.iter_mut().zip(previous).for_each(|(byte, before)| *byte ^= before);
        }
        match key.len() {
            16 => aes::Aes128::new_from_slice(key).unwrap().encrypt_block((&mut *block).into()),
            24 => aes::Aes192::new_from_slice(key).unwrap().encrypt_block((&mut *block).into()),
            _ => aes::Aes256::new_from_slice(key).unwrap().encrypt_block((&mut *block).into()),
        }
        if let Some(previous) = &mut previous {
            previous.copy_from_slice(&*block);
        }
    }
    out
}

fn iterated(hash: Hash, password: &str, rounds: u32) -> Vec<u8> {
    let wide: Vec<u8> = password.encode_utf16().flat_map(u16::to_le_bytes).collect();
    (0..rounds).fold(hash.of(&[&SALT, &wide]), |state, round| hash.of(&[&round.to_le_bytes(), &state]))
}

/// EncryptionInfo and EncryptedPackage.
fn agile(hash: (&str, Hash), key_bytes: usize, password: &str, plain: &[u8]) -> (Vec<u8>, Vec<u8>) {
    let (name, hash) = hash;
    let state = iterated(hash, password, 10);
    let seal = |block: [u8; 8], bytes: &[u8]| {
        let key = Parameters::fit(hash.of(&[&state, &block]), key_bytes);
        BASE64.encode(&encrypt(&key, Some(&SALT), bytes))
    };
    let data = Parameters { hash, salt: SALT.to_vec(), key_bytes };
    let key = &KEY[..key_bytes];
    let mut encrypted = (plain.len() as u64).to_le_bytes().to_vec();
    for (index, segment) in plain.chunks(SEGMENT).enumerate() {
        encrypted.extend(encrypt(key, Some(&data.vector(&(index as u32).to_le_bytes())), segment));
    }
    let length = hash.of(&[]).len();
    let hmac_key = vec![9; length];
    let mut hmac = Hmac::new(hash, &hmac_key, Vec::new());
    hmac.inner.update(&encrypted);
    let value = hash.of(&[&hmac.outer, &hmac.inner.finalize()]);
    let common = format!(
        r#"saltSize="16" blockSize="16" keyBits="{}" hashSize="{length}" cipherAlgorithm="AES" cipherChaining="ChainingModeCBC" hashAlgorithm="{name}" saltValue="{}""#,
        key_bytes * 8,
        BASE64.encode(&SALT)
    );
    let xml = format!(
        r#"<encryption><keyData {common}/><dataIntegrity encryptedHmacKey="{}" encryptedHmacValue="{}"/><keyEncryptors><keyEncryptor><p:encryptedKey spinCount="10" {common} encryptedVerifierHashInput="{}" encryptedVerifierHashValue="{}" encryptedKeyValue="{}"/></keyEncryptor></keyEncryptors></encryption>"#,
        BASE64.encode(&encrypt(key, Some(&data.vector(&HMAC_KEY)), &hmac_key)),
        BASE64.encode(&encrypt(key, Some(&data.vector(&HMAC_VALUE)), &value)),
        seal(VERIFIER_INPUT, b"sixteen bytes ok"),
        seal(VERIFIER_HASH, &hash.of(&[b"sixteen bytes ok"])),
        seal(KEY_VALUE, key),
    );
    ([&[4, 0, 4, 0, 0x40, 0, 0, 0], xml.as_bytes()].concat(), encrypted)
}

fn standard(key_bytes: usize, password: &str, plain: &[u8]) -> (Vec<u8>, Vec<u8>) {
    let last = Hash::Sha1.of(&[&iterated(Hash::Sha1, password, STANDARD_ROUNDS), &[0; 4]]);
    let half = |pad: u8| {
        let block: Vec<u8> = (0..64).map(|i| pad ^ last.get(i).copied().unwrap_or(0)).collect();
        Hash::Sha1.of(&[&block])
    };
    let key = &[half(0x36), half(0x5c)].concat()[..key_bytes];
    let cipher = match key_bytes {
        16 => 0x660eu32,
        24 => 0x660f,
        _ => 0x6610,
    };
    let header = [0x24, 0, cipher, 0x8004, key_bytes as u32 * 8, 0x18, 0, 0].map(u32::to_le_bytes).concat();
    let provider: Vec<u8> = "Provider\0".encode_utf16().flat_map(u16::to_le_bytes).collect();
    let header = [header, provider].concat();
    let info = [
        &[4, 0, 2, 0, 0x24, 0, 0, 0][..],
        &(header.len() as u32).to_le_bytes(),
        &header,
        &16u32.to_le_bytes(),
        &SALT,
        &encrypt(key, None, b"sixteen bytes ok"),
        &20u32.to_le_bytes(),
        &encrypt(key, None, &Hash::Sha1.of(&[b"sixteen bytes ok"])),
    ]
    .concat();
    (info, [(plain.len() as u64).to_le_bytes().to_vec(), encrypt(key, None, plain)].concat())
}

#[track_caller]
fn opens(recorded: &Recorded, password: &str, plain: &[u8]) {
    assert!(recorded.complete(), "{:#?}", recorded.parts);
    assert_eq!(recorded.parts[0].password.as_deref(), Some(password));
    assert_eq!(recorded.parts[0].kind.id, "ooxml-encrypted");
    let inner = &recorded.parts[1];
    assert_eq!((inner.kind.id.as_ref(), inner.password.as_deref()), ("docx", Some(password)));
    assert!(recorded.bytes[&inner.id] == plain && recorded.contains(b"LAZARET-MARKER"));
}

#[test]
fn agile_documents_open_with_every_hash_and_key() {
    let plain = document();
    let hashes = [("SHA1", Hash::Sha1), ("SHA256", Hash::Sha256), ("SHA384", Hash::Sha384), ("SHA512", Hash::Sha512)];
    for hash in hashes {
        for key_bytes in [16, 24, 32] {
            let (info, encrypted) = agile(hash, key_bytes, "infected", &plain);
            opens(&check(&info, &encrypted, &["wrong", "infected"]), "infected", &plain);
        }
    }
}

#[test]
fn standard_documents_open() {
    let plain = document();
    for key_bytes in [16, 24, 32] {
        let (info, encrypted) = standard(key_bytes, "infected", &plain);
        opens(&check(&info, &encrypted, &["infected"]), "infected", &plain);
    }
}

#[test]
fn the_password_that_excel_knows_needs_not_be_given() {
    let plain = document();
    let (info, encrypted) = agile(("SHA512", Hash::Sha512), 32, DEFAULT, &plain);
    opens(&check(&info, &encrypted, &[]), DEFAULT, &plain);
}

#[test]
fn a_wrong_password_leaves_it_locked() {
    let plain = document();
    for (info, encrypted) in
        [agile(("SHA1", Hash::Sha1), 16, "infected", &plain), standard(16, "infected", &plain), (vec![9; 80], plain)]
    {
        let recorded = check(&info, &encrypted, &["wrong"]);
        assert!(recorded.parts[0].locked && !recorded.parts[0].complete);
    }
}

#[test]
fn truncation_and_noise_never_pass_for_whole() {
    let (info, encrypted) = agile(("SHA256", Hash::Sha256), 16, DEFAULT, &document());
    for sixteenth in 1..16 {
        let cut = &encrypted[..encrypted.len() * sixteenth / 16];
        assert!(!check(&info, cut, &[]).complete(), "cut at {sixteenth}/16");
    }
    for at in (0..encrypted.len()).step_by(397) {
        let mut noisy = encrypted.clone();
        noisy[at] ^= 0x41;
        assert!(!check(&info, &noisy, &[]).complete(), "flipped at {at}");
    }
    for at in 0..info.len() {
        let mut noisy = info.clone();
        noisy[at] ^= 0x41;
        let recorded = check(&noisy, &encrypted, &[]);
        assert!(recorded.contains(b"LAZARET-MARKER") || !recorded.complete(), "flipped at {at}");
    }
}

/// Rounds beyond what one document may cost are not begun.
#[test]
fn rounds_without_end_are_refused() {
    let (info, encrypted) = agile(("SHA1", Hash::Sha1), 16, "infected", b"x");
    let info = String::from_utf8(info).unwrap().replace(r#"spinCount="10""#, r#"spinCount="4000000000""#);
    assert!(check(info.as_bytes(), &encrypted, &["infected"]).parts[0].locked);
}

/// Made with `msoffcrypto-tool` 6.1, 2,000 rounds, by the password that Excel knows.
#[test]
fn what_another_program_encrypted_opens() {
    let xml = r#"<?xml version="1.0" encoding="UTF-8" standalone="yes"?><encryption xmlns="http://schemas.microsoft.com/office/2006/encryption" xmlns:p="http://schemas.microsoft.com/office/2006/keyEncryptor/password" xmlns:c="http://schemas.microsoft.com/office/2006/keyEncryptor/certificate"><keyData saltSize="16" blockSize="16" keyBits="256" hashSize="64" cipherAlgorithm="AES" cipherChaining="ChainingModeCBC" hashAlgorithm="SHA512" saltValue="nqeUfV0oj4Af9I+OnNIlkA==" /><dataIntegrity encryptedHmacKey="hf+fnwMfgCpeMPv6GfE77LOPyGCC5pGG2iNW/gBrl1cQCnMB3qqyFrBhoNTj2HRyEBmvueV439XdvdUVQQvfkw==" encryptedHmacValue="gJpBdNGdMUgaC6X2BA/sc5kRll/XIcGFwAOZ0qSjMkMicWTRQLR4mA/Nfh/fySlA/ckOhqjvJyNyt0e/XqX7Lw==" /><keyEncryptors><keyEncryptor uri="http://schemas.microsoft.com/office/2006/keyEncryptor/password"><p:encryptedKey spinCount="2000" saltSize="16" blockSize="16" keyBits="256" hashSize="64" cipherAlgorithm="AES" cipherChaining="ChainingModeCBC" hashAlgorithm="SHA512" saltValue="HYckI6cK/glPdODuBytG6g==" encryptedVerifierHashInput="doUrCFt3PaZL0EpheH9VeA==" encryptedVerifierHashValue="NAG5cuApAs1KFPG2A9BBZ1+I7Fi8E2WPra562BOkBpSfiKPZXDaacQOZkflcA2SXMNUmiARjKF8WruPTZzRP7A==" encryptedKeyValue="H5sPGF/bkDJpAH/iqlGVtopMtfmICau3kY7qpD6nvUI=" /></keyEncryptor></keyEncryptors></encryption>"#;
    let encrypted = "\
jQEAAAAAAAAwDdqfBFKYw8yqBBTlIk6wIYuL807QrMGMcjFieB05zVs4aX7Ih2rcQNDnrJKw2nFeR1+xzA50iKuLvac0ay6i3ra9bQ1HGC0tdb\
FSw2qz7H9HWmOsLHUjBF2vdccdOsXVhD9JZ4Rp2pWxcKghtjnuCo4qwHJxFzKPjF5x0D/bQvWgtDyLXodYqPUlGcqB5AjIhs/Ovl7p+krNdrGW\
9+OO9uOk4lJW9Y+w44qyO/hFJydle5ItPzxYs4U0iNw7O/W3CwIwZhpzYZK2b2099DmNeRRNh+8M6wGevGWoodJBqxNE5GjTR868vQS3EeyBj5\
BxoQViHmclrWBH1rN1VaEklr8WWPPLyh7FqLpDvtdczaQ2ZW2yYgg3DyY17Lp8iXyh4TsuPVcBGdHl6L1OJ4i25BmXmYqbC4a1UCYqSOFkr8TF\
lh8bApVV3Hp8qpIfgCBQhOMYfSOQJaNqkWVX9EIdrU4F7WmKl+es3ArubKrY6hlMJ2ef9pNP4mybm2SVQtsyRxZg3eFPqKDIRzBCmZy/";
    let info = [&[4, 0, 4, 0, 0x40, 0, 0, 0], xml.as_bytes()].concat();
    let recorded = check(&info, &BASE64.decode(encrypted.as_bytes()).unwrap(), &[]);
    assert!(recorded.contains(b"LAZARET-MARKER") && recorded.complete(), "{:#?}", recorded.parts);
}
