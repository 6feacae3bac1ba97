//! Whether bytes are OpenPGP packets. A tag and a length fit many bytes by chance, so fields of the first packet must make sense
//! (RFC 9580, 5 and 9), and what follows it must be able to follow it.

use super::packets::{Length, header};
use std::io::Read;

/// Bytes that are decompressed to see whether packets are packed.
const PACKED: u64 = 32;
/// What can stand at the beginning of packed packets, so that packed packets in packed ones need no end.
const MOST_LEVELS: u32 = 2;

/// The first packet of what is OpenPGP.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct First {
    tag: u8,
    /// Where it ends, if its length says so.
    pub(crate) end: Option<u64>,
    /// Whether nothing in it tells it from other bytes but that it ends where the file does.
    pub(crate) only_by_end: bool,
}

impl First {
    /// Whether what begins so can follow it.
    pub(crate) fn may_precede(self, next: &[u8]) -> bool {
        // What was packed was looked into.
        if self.tag == 8 {
            return true;
        }
        let Some((next, ..)) = header(next) else { return false };
        match self.tag {
            // 10.3: keys and what belongs to them.
            5 | 6 | 7 | 14 => matches!(next, 2 | 5 | 6 | 7 | 12 | 13 | 14 | 17 | 21),
            // A session key stands before other ones and what is encrypted with it.
            1 | 3 => matches!(next, 1 | 3 | 9 | 10 | 18 | 20 | 21),
            _ => matches!(next, 1..=14 | 17..=21),
        }
    }
}

/// The first packet, if these bytes begin with one.
pub(crate) fn first_packet(bytes: &[u8]) -> Option<First> {
    first_within(bytes, 0)
}

fn first_within(bytes: &[u8], level: u32) -> Option<First> {
    let (tag, length, octets) = header(bytes)?;
    let body = bytes.get(octets..)?;
    let (end, room) = match length {
        Length::Whole(length) => (Some((octets as u64).saturating_add(length)), length),
        Length::Piece(length) => (None, length),
        Length::Rest => (None, u64::MAX),
    };
    let body = body.get(..usize::try_from(room).unwrap_or(usize::MAX).min(body.len()))?;
    // 4.2.1.4: only what holds data comes in pieces.
    let short = matches!(length, Length::Whole(_));
    let fits = match tag {
        1 => short && session_key(body),
        2 => short && signature(body),
        3 => short && room <= 1024 && password_key(body),
        4 => short && one_pass(body),
        5 | 6 | 7 | 14 => short && key(body),
        8 => packed(body, level),
        10 => short && body == b"PGP",
        11 => literal(body, room),
        // 5.13 and 5.16: a version. 5.7 has not even that.
        18 | 20 => short && matches!(body.first(), Some(1 | 2)),
        9 => short && room >= 20,
        _ => false,
    };
    fits.then_some(First { tag, end, only_by_end: matches!(tag, 9 | 18 | 20) })
}

/// 9.1.
fn is_public_key_algorithm(number: u8) -> bool {
    matches!(number, 1..=3 | 16..=36)
}

/// 9.5.
fn is_hash(number: u8) -> bool {
    matches!(number, 1..=14)
}

/// 9.3.
fn is_cipher(number: u8) -> bool {
    matches!(number, 0..=13)
}

/// 5.2.1.
fn is_signature_type(number: u8) -> bool {
    matches!(number, 0..=2 | 0x10..=0x13 | 0x16 | 0x18 | 0x19 | 0x1f | 0x20 | 0x28 | 0x30 | 0x40 | 0x50)
}

/// 5.1: version, identifier of a key, algorithm; version 6 has the length of a fingerprint.
fn session_key(body: &[u8]) -> bool {
    match body {
        [2 | 3, _, _, _, _, _, _, _, _, algorithm, _, ..] => is_public_key_algorithm(*algorithm),
        [6, length, ..] => matches!(length, 0 | 21 | 33),
        _ => false,
    }
}

/// 5.2.2 and 5.2.3.
fn signature(body: &[u8]) -> bool {
    match body {
        [2 | 3, 5, kind, _, _, _, _, _, _, _, _, _, _, _, _, algorithm, hash, ..] => {
            is_signature_type(*kind) && is_public_key_algorithm(*algorithm) && is_hash(*hash)
        }
        [4..=6, kind, algorithm, hash, ..] => {
            is_signature_type(*kind) && is_public_key_algorithm(*algorithm) && is_hash(*hash)
        }
        _ => false,
    }
}

/// 5.3: version, cipher, and how the password becomes a key (3.7.1).
fn password_key(body: &[u8]) -> bool {
    match body {
        [4, cipher, 0 | 1 | 3, hash, ..] => is_cipher(*cipher) && is_hash(*hash),
        [4, cipher, 4, ..] => is_cipher(*cipher),
        [5, cipher, 1..=3, 0 | 1 | 3 | 4, ..] => is_cipher(*cipher),
        [6, _, cipher, 1..=3, ..] => is_cipher(*cipher),
        _ => false,
    }
}

/// 5.4.
fn one_pass(body: &[u8]) -> bool {
    match body {
        [3, kind, hash, algorithm, _, _, _, _, _, _, _, _, 0 | 1] | [6, kind, hash, algorithm, ..] => {
            is_signature_type(*kind) && is_public_key_algorithm(*algorithm) && is_hash(*hash)
        }
        _ => false,
    }
}

/// 5.5.2: version, time, days in old versions, algorithm.
fn key(body: &[u8]) -> bool {
    match body {
        [2 | 3, _, _, _, _, _, _, algorithm, ..] => matches!(algorithm, 1..=3),
        [4..=6, _, _, _, _, algorithm, ..] => is_public_key_algorithm(*algorithm),
        _ => false,
    }
}

/// 5.6: an algorithm, and packets that come out.
fn packed(body: &[u8], level: u32) -> bool {
    let Some((algorithm, data)) = body.split_first() else { return false };
    let mut start = Vec::new();
    // What could be decoded before an error counts.
    // LIMIT: the head of the first packet inside tells.
    match algorithm {
        0 => start.extend_from_slice(data),
        1 => _ = flate2::bufread::DeflateDecoder::new(data).take(PACKED).read_to_end(&mut start),
        2 => _ = flate2::bufread::ZlibDecoder::new(data).take(PACKED).read_to_end(&mut start),
        // A block is larger than what is at hand, so its mark has to do.
        3 => return matches!(data, [b'B', b'Z', b'h', b'1'..=b'9', 0x31, 0x41, 0x59, 0x26, 0x53, 0x59, ..]),
        _ => return false,
    }
    // LIMIT: what is packed deeper is unknown, and held as that.
    level < MOST_LEVELS && first_within(&start, level + 1).is_some()
}

/// 5.9: format, name, time.
fn literal(body: &[u8], room: u64) -> bool {
    let [b'b' | b't' | b'u' | b'l' | b'1' | b'm', length, rest @ ..] = body else { return false };
    let name = rest.get(..usize::from(*length).min(rest.len())).unwrap_or_default();
    room >= 6 + u64::from(*length) && !name.iter().any(|byte| *byte < b' ')
}
