//! Writers of small, harmless files of every format, some honest and some with the lies that scanners are misled by.

pub mod archive;
pub mod compound;
pub mod image;
pub mod mail;
pub mod message;
pub mod ooxml;
pub mod page;
pub mod program;
pub mod shortcut;
pub mod signed;
pub mod zip;

/// The industry's harmless test file, put together here so that this source is not itself taken for it.
pub fn eicar() -> Vec<u8> {
    [&br"X5O!P%@AP[4\PZX54(P^)7CC)7}$EICAR-STANDARD"[..], b"-ANTIVIRUS-TEST-FILE!$H+H*"].concat()
}

/// UTF-16, little-endian, without a byte order mark.
pub fn utf16(text: &str) -> Vec<u8> {
    text.encode_utf16().flat_map(u16::to_le_bytes).collect()
}

/// Base64 in lines of 76 characters (RFC 2045, 6.8).
pub fn base64_lines(bytes: &[u8]) -> String {
    let text = base64(bytes);
    let lines: Vec<&str> =
        text.as_bytes().chunks(76).map(|line| std::str::from_utf8(line).expect("base64 is ASCII")).collect();
    lines.join("\r\n")
}

/// Base64 in one line.
pub fn base64(bytes: &[u8]) -> String {
    data_encoding::BASE64.encode(bytes)
}

/// Hexadecimal, lower case.
pub fn hex(bytes: &[u8]) -> String {
    data_encoding::HEXLOWER.encode(bytes)
}

/// Bytes that do not compress and are the same every time (xorshift64, Marsaglia 2003).
pub fn noise(length: usize) -> Vec<u8> {
    let mut state = 0x9e37_79b9_7f4a_7c15u64;
    let next = || {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        state.to_le_bytes()[3]
    };
    std::iter::repeat_with(next).take(length).collect()
}

/// Overwrites bytes in place.
///
/// # Panics
/// When they reach past the end: a mistake in the generator.
pub fn put(target: &mut [u8], at: usize, bytes: &[u8]) {
    target[at..at + bytes.len()].copy_from_slice(bytes);
}

/// Replaces the first occurrence.
///
/// # Panics
/// When there is none: a mistake in the generator.
pub fn replace(target: &mut [u8], from: &[u8], to: &[u8]) {
    assert_eq!(from.len(), to.len(), "a replacement keeps the length");
    let at = target.windows(from.len()).position(|window| window == from).expect("the bytes to replace are there");
    put(target, at, to);
}
