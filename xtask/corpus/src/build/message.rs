//! Messages that are signed or encrypted: CMS (RFC 5652) and OpenPGP (RFC 9580). Nothing is truly signed or encrypted.

const SEQUENCE: u8 = 0x30;
const SET: u8 = 0x31;
const OCTETS: u8 = 4;
const EXPLICIT: u8 = 0xa0;

fn der(tag: u8, pieces: &[&[u8]]) -> Vec<u8> {
    let value = pieces.concat();
    let length = (value.len() as u32).to_be_bytes();
    [&[tag, 0x84][..], &length, &value].concat()
}

/// A value with its type: 1.2.840.113549.1.7 and this number.
fn typed(number: u8, value: &[u8]) -> Vec<u8> {
    let identifier = [6, 9, 0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 1, 7, number];
    der(SEQUENCE, &[&identifier, &der(EXPLICIT, &[value])])
}

/// A CMS message that says to be signed, and has no signer.
pub fn signed(content: &[u8]) -> Vec<u8> {
    let encapsulated = typed(1, &der(OCTETS, &[content]));
    typed(2, &der(SEQUENCE, &[&[2, 1, 1], &der(SET, &[]), &encapsulated, &der(SET, &[])]))
}

/// A CMS message that says to sign something that lies elsewhere, and has no signer (RFC 5652, 5.2).
pub fn detached() -> Vec<u8> {
    let absent = der(SEQUENCE, &[&[6, 9, 0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 1, 7, 1]]);
    typed(2, &der(SEQUENCE, &[&[2, 1, 1], &der(SET, &[]), &absent, &der(SET, &[])]))
}

/// A CMS message that says to be encrypted.
pub fn enveloped() -> Vec<u8> {
    let content = typed(1, &der(OCTETS, &[&super::noise(200)]));
    typed(3, &der(SEQUENCE, &[&[2, 1, 0], &der(SET, &[]), &content]))
}

fn packet(tag: u8, body: &[u8]) -> Vec<u8> {
    [&[0xc0 | tag, 0xff][..], &(body.len() as u32).to_be_bytes(), body].concat()
}

/// An OpenPGP message whose literal data lies in packed packets, which are packed with nothing.
pub fn literal(name: &str, content: &[u8]) -> Vec<u8> {
    let head = [&[b'b', name.len() as u8][..], name.as_bytes(), &[0x65, 0, 0, 1]].concat();
    packet(8, &[&[0_u8][..], &packet(11, &[&head[..], content].concat())].concat())
}

/// An OpenPGP message that says to be encrypted with a password.
pub fn encrypted() -> Vec<u8> {
    let key = packet(3, &[4, 9, 3, 8, 1, 2, 3, 4, 5, 6, 7, 8, 0x60]);
    [key, packet(18, &[&[1_u8][..], &super::noise(200)].concat())].concat()
}
