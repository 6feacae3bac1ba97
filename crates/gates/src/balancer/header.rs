//! Headers of the PROXY protocol, out of bytes alone.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::str::FromStr;
use std::time::Duration;
use thiserror::Error;

/// How long a header may take. A balancer writes it at once, and what is lost on the way is sent again after three seconds.
pub(super) const TIME: Duration = Duration::from_secs(5);
/// How version 2 begins (2.2).
pub(super) const SIGNATURE: &[u8] = b"\r\n\r\n\0\r\nQUIT\n";
/// How version 1 begins (2.1).
const WORD: &[u8] = b"PROXY ";
/// Bytes of a header of version 1, its end included (2.1).
pub(super) const MOST_LINE: usize = 107;
/// The kind of the field that has a checksum (2.2.3, `PP2_TYPE_CRC32C`).
pub(super) const CHECKSUM: u8 = 0x03;

/// Why a balancer's connection is not served.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
pub(crate) enum HeaderError {
    /// It begins with something else.
    #[error("it does not begin with a PROXY header")]
    Missing,
    /// The header breaks the protocol.
    #[error("its PROXY header is malformed: {0}")]
    Malformed(&'static str),
    /// The header takes too long.
    #[error("its PROXY header did not arrive within {} s", TIME.as_secs())]
    Slow,
    /// The connection ended within the header.
    #[error("it ended within the PROXY header")]
    Cut,
}

/// Whom a balancer connects for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum For {
    Client(SocketAddr),
    /// For itself, such as to see whether anybody is there; or for somebody whose address it does not know.
    Itself,
}

/// What the bytes so far come to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Step {
    /// So many more belong to the header at the least.
    More(usize),
    /// All of it is there.
    All(For),
}

/// Looks at the bytes so far, of which none is behind the header.
pub(super) fn step(bytes: &[u8]) -> Result<Step, HeaderError> {
    // The shortest header of either version is longer than this.
    let missing = SIGNATURE.len().saturating_sub(bytes.len());
    if bytes.starts_with(SIGNATURE) {
        binary(bytes)
    } else if bytes.starts_with(WORD) && missing == 0 {
        line(bytes)
    } else if SIGNATURE.starts_with(bytes) || WORD.starts_with(bytes) || bytes.starts_with(WORD) {
        Ok(Step::More(missing))
    } else {
        Err(HeaderError::Missing)
    }
}

/// Version 1 (2.1): one line.
fn line(bytes: &[u8]) -> Result<Step, HeaderError> {
    let malformed = |why| Err(HeaderError::Malformed(why));
    let Some(text) = bytes.strip_suffix(b"\r\n") else {
        return match bytes.len() {
            _ if bytes.contains(&b'\n') => malformed("a line ending in it is not CR LF, or not at its end"),
            MOST_LINE.. => malformed("its line is longer than 107 bytes"),
            _ => Ok(Step::More(1)),
        };
    };
    if text.iter().any(|byte| !(b' '..=b'~').contains(byte)) {
        return malformed("its line contains something other than ASCII text");
    }
    let text = String::from_utf8_lossy(text);
    let words: Vec<&str> = text.split(' ').skip(1).collect();
    match words.as_slice() {
        // What follows is ignored.
        ["UNKNOWN", ..] => Ok(Step::All(For::Itself)),
        ["TCP4", rest @ ..] => written::<Ipv4Addr>(rest),
        ["TCP6", rest @ ..] => written::<Ipv6Addr>(rest),
        _ => malformed("its protocol is neither TCP4, TCP6 nor UNKNOWN"),
    }
}

/// The client in the words of a line: both addresses, then both ports.
fn written<A: FromStr + Into<IpAddr>>(words: &[&str]) -> Result<Step, HeaderError> {
    let &[source, destination, source_port, destination_port] = words else {
        return Err(HeaderError::Malformed("it does not contain two addresses and two ports"));
    };
    match (source.parse::<A>(), destination.parse::<A>(), port(source_port), port(destination_port)) {
        (Ok(source), Ok(_), Some(port), Some(_)) => machine(SocketAddr::new(source.into(), port)),
        _ => Err(HeaderError::Malformed("it contains an invalid address or port")),
    }
}

/// A port: decimal digits, without zeros in front.
fn port(text: &str) -> Option<u16> {
    let plain = text.bytes().all(|byte| byte.is_ascii_digit()) && (text == "0" || !text.starts_with('0'));
    text.parse().ok().filter(|_| plain)
}

/// Version 2 (2.2).
fn binary(bytes: &[u8]) -> Result<Step, HeaderError> {
    let malformed = |why| Err(HeaderError::Malformed(why));
    let Some((&[.., command, family, high, low], block)) = bytes.split_first_chunk::<16>() else {
        return Ok(Step::More(16 - bytes.len()));
    };
    match command {
        0x20 | 0x21 => {}
        _ if command >> 4 != 2 => return malformed("its version is neither 1 nor 2"),
        _ => return malformed("its command is neither LOCAL nor PROXY"),
    }
    match family {
        // LOCAL: whatever else is in it is ignored.
        _ if command == 0x20 => {}
        0x00 | 0x11 | 0x21 => {}
        0x12 | 0x22 | 0x31 | 0x32 => return malformed("it is not about a TCP connection"),
        _ => return malformed("its protocol is unknown"),
    }
    let missing = usize::from(u16::from_be_bytes([high, low])).saturating_sub(block.len());
    if missing > 0 {
        return Ok(Step::More(missing));
    }
    let (step, fields) = match family {
        _ if command == 0x20 => return Ok(Step::All(For::Itself)),
        0x11 => addressed::<4>(block)?,
        0x21 => addressed::<16>(block)?,
        _ => return Ok(Step::All(For::Itself)),
    };
    whole(bytes, fields)?;
    Ok(step)
}

/// The client in a block of both addresses and both ports, and what follows them.
fn addressed<const N: usize>(block: &[u8]) -> Result<(Step, &[u8]), HeaderError>
where
    IpAddr: From<[u8; N]>,
{
    match (block.first_chunk::<N>(), block.get(2 * N..2 * N + 2), block.get(2 * N + 4..)) {
        (Some(source), Some(&[high, low]), Some(fields)) => {
            let client = SocketAddr::new(IpAddr::from(*source), u16::from_be_bytes([high, low]));
            Ok((machine(client)?, fields))
        }
        _ => Err(HeaderError::Malformed("it is shorter than its addresses")),
    }
}

/// An address that a machine can have.
fn machine(client: SocketAddr) -> Result<Step, HeaderError> {
    match client.ip().to_canonical() {
        ip if ip.is_unspecified() || ip.is_multicast() || ip == IpAddr::V4(Ipv4Addr::BROADCAST) => {
            Err(HeaderError::Malformed("the address in it cannot be that of a machine"))
        }
        _ => Ok(Step::All(For::Client(client))),
    }
}

/// Looks at the fields behind the addresses (2.2): each must be whole, and a checksum right.
fn whole(header: &[u8], mut fields: &[u8]) -> Result<(), HeaderError> {
    let malformed = |why| Err(HeaderError::Malformed(why));
    let mut checked = false;
    while let Some((&[kind, high, low], after)) = fields.split_first_chunk::<3>() {
        let length = usize::from(u16::from_be_bytes([high, low]));
        let Some((value, after)) = after.split_at_checked(length) else {
            return malformed("a field in it is longer than the rest of the header");
        };
        if kind == CHECKSUM {
            let at = header.len() - after.len() - value.len();
            let right = <[u8; 4]>::try_from(value).is_ok_and(|sum| u32::from_be_bytes(sum) == checksum(header, at));
            if checked || !right {
                return malformed("its checksum is wrong");
            }
            checked = true;
        }
        fields = after;
    }
    if fields.is_empty() { Ok(()) } else { malformed("a field in it is truncated") }
}

/// CRC-32C (RFC 3309) of a header, where four bytes at `at` count as zero.
pub(super) fn checksum(header: &[u8], at: usize) -> u32 {
    let bytes = header.iter().enumerate().map(|(i, byte)| if (at..at + 4).contains(&i) { 0 } else { *byte });
    !bytes.fold(u32::MAX, |sum, byte| {
        (0..8).fold(sum ^ u32::from(byte), |sum, _| if sum & 1 == 1 { (sum >> 1) ^ 0x82f6_3b78 } else { sum >> 1 })
    })
}
