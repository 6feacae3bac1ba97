//! Stream filters (ISO 32000-1, 7.4). What can be decoded before an error is kept.

use super::objects::Value;
use crate::containers::decode;
use flate2::{Decompress, FlushDecompress, Status};

/// Bytes one stream may decode to.
const MOST: usize = 64 << 20;

/// A stream's bytes after its filters, and why they are not all where they are not.
pub(super) struct Decoded {
    pub(super) bytes: Vec<u8>,
    pub(super) problem: Option<String>,
}

/// Applies the filters that the dictionary names.
pub(super) fn decode(dictionary: &Value, encoded: &[u8]) -> Decoded {
    let of = |long: &str, short: &str| dictionary.get(long).or_else(|| dictionary.get(short)).cloned();
    let list = |value: Option<Value>| match value {
        Some(Value::Array(values)) => values,
        Some(value) => vec![value],
        None => Vec::new(),
    };
    let filters = list(of("Filter", "F").filter(|v| matches!(v, Value::Name(_) | Value::Array(_))));
    let settings = list(of("DecodeParms", "DP"));
    let mut bytes = encoded.to_vec();
    let mut problem = None;
    for (index, filter) in filters.iter().take(32).enumerate() {
        let Value::Name(name) = filter else { continue };
        let settings = settings.get(index);
        bytes = match name.as_str() {
            "FlateDecode" | "Fl" => predict(flate(&bytes, &mut problem), settings),
            "LZWDecode" | "LZW" => predict(lzw(&bytes, settings, &mut problem), settings),
            "ASCIIHexDecode" | "AHx" => {
                let end = memchr::memchr(b'>', &bytes).unwrap_or(bytes.len());
                let mut digits: Vec<u8> = bytes.iter().take(end).copied().filter(u8::is_ascii_hexdigit).collect();
                if !digits.len().is_multiple_of(2) {
                    digits.push(b'0');
                }
                decode::hex(&digits)
            }
            "ASCII85Decode" | "A85" => ascii85(&bytes),
            "RunLengthDecode" | "RL" => run_length(&bytes),
            "Crypt" => bytes,
            other => {
                problem = Some(format!("its filter `{other}` is not decoded"));
                break;
            }
        };
    }
    Decoded { bytes, problem }
}

/// zlib, or deflate without a header where the header is damaged.
fn flate(bytes: &[u8], problem: &mut Option<String>) -> Vec<u8> {
    let (out, complete) = inflate(bytes, true);
    if complete {
        return out;
    }
    let (raw, raw_complete) = inflate(bytes.get(2..).unwrap_or_default(), false);
    if raw_complete || raw.len() > out.len() {
        return raw;
    }
    *problem = Some("its compressed data is damaged or ends early".to_owned());
    out
}

fn inflate(bytes: &[u8], header: bool) -> (Vec<u8>, bool) {
    let mut decoder = Decompress::new(header);
    let mut out = Vec::new();
    loop {
        let (read, written) = (decoder.total_in(), out.len());
        out.reserve(64 << 10);
        let rest = usize::try_from(read).ok().and_then(|at| bytes.get(at..)).unwrap_or_default();
        match decoder.decompress_vec(rest, &mut out, FlushDecompress::None) {
            Ok(Status::StreamEnd) => return (out, true),
            Ok(_) if decoder.total_in() == read && out.len() == written => return (out, false),
            Ok(_) if out.len() < MOST => {}
            _ => return (out, false),
        }
    }
}

fn lzw(bytes: &[u8], settings: Option<&Value>, problem: &mut Option<String>) -> Vec<u8> {
    let early = settings.and_then(|s| s.get("EarlyChange")).and_then(Value::integer) != Some(0);
    let mut decoder = if early {
        weezl::decode::Decoder::with_tiff_size_switch(weezl::BitOrder::Msb, 8)
    } else {
        weezl::decode::Decoder::new(weezl::BitOrder::Msb, 8)
    };
    let mut out = Vec::new();
    let mut chunk = vec![0; 64 << 10];
    let mut rest = bytes;
    loop {
        let result = decoder.decode_bytes(rest, &mut chunk);
        out.extend(chunk.iter().take(result.consumed_out));
        rest = rest.get(result.consumed_in..).unwrap_or_default();
        match result.status {
            Ok(weezl::LzwStatus::Done) => break,
            Ok(weezl::LzwStatus::Ok) if out.len() < MOST && (result.consumed_in > 0 || result.consumed_out > 0) => {}
            _ => {
                *problem = Some("its compressed data is damaged or ends early".to_owned());
                break;
            }
        }
    }
    out
}

/// 7.4.3: groups of five characters, `z` for four zeros, `~>` at the end.
fn ascii85(bytes: &[u8]) -> Vec<u8> {
    let mut out = Vec::with_capacity(bytes.len() / 5 * 4);
    let (mut value, mut count) = (0u32, 0usize);
    for byte in bytes.strip_prefix(b"<~").unwrap_or(bytes) {
        match byte {
            b'~' => break,
            b'z' if count == 0 => out.extend([0; 4]),
            b'!'..=b'u' => {
                value = value.wrapping_mul(85).wrapping_add(u32::from(byte - b'!'));
                count += 1;
                if count == 5 {
                    out.extend(value.to_be_bytes());
                    (value, count) = (0, 0);
                }
            }
            _ => {}
        }
    }
    if count > 1 {
        for _ in count..5 {
            value = value.wrapping_mul(85).wrapping_add(84);
        }
        out.extend(value.to_be_bytes().iter().take(count - 1));
    }
    out
}

/// 7.4.5.
fn run_length(bytes: &[u8]) -> Vec<u8> {
    let mut out = Vec::new();
    let mut rest = bytes;
    while let Some((length, tail)) = rest.split_first() {
        let count = usize::from(*length);
        match count {
            128 => break,
            0..128 => {
                out.extend(tail.iter().take(count + 1));
                rest = tail.get(count + 1..).unwrap_or_default();
            }
            _ => {
                out.extend(tail.first().into_iter().flat_map(|byte| std::iter::repeat_n(*byte, 257 - count)));
                rest = tail.get(1..).unwrap_or_default();
            }
        }
        if out.len() > MOST {
            break;
        }
    }
    out
}

/// 7.4.4.4: PNG predictors, a type byte before each row.
fn predict(bytes: Vec<u8>, settings: Option<&Value>) -> Vec<u8> {
    let number =
        |key: &str, default: i64| settings.and_then(|s| s.get(key)).and_then(Value::integer).unwrap_or(default);
    if number("Predictor", 1) < 10 {
        return bytes;
    }
    let bits = number("Colors", 1).clamp(1, 32) * number("BitsPerComponent", 8).clamp(1, 16);
    let pixel = usize::try_from((bits + 7) / 8).unwrap_or(1);
    let width = usize::try_from((bits * number("Columns", 1).clamp(1, 1 << 20) + 7) / 8).unwrap_or(1);
    let mut out: Vec<u8> = Vec::with_capacity(bytes.len());
    let mut above = vec![0u8; width];
    for row in bytes.chunks(width + 1) {
        let Some((kind, values)) = row.split_first() else { break };
        let mut line = vec![0u8; width];
        for (index, value) in values.iter().enumerate() {
            let at = |row: &[u8], back: usize| index.checked_sub(back).and_then(|i| row.get(i)).copied().unwrap_or(0);
            let (left, up, corner) = (at(&line, pixel), at(&above, 0), at(&above, pixel));
            let predicted = match kind {
                1 => left,
                2 => up,
                3 => ((u16::from(left) + u16::from(up)) / 2) as u8,
                4 => paeth(left, up, corner),
                _ => 0,
            };
            if let Some(slot) = line.get_mut(index) {
                *slot = value.wrapping_add(predicted);
            }
        }
        out.extend(line.iter().take(values.len()));
        above = line;
    }
    out
}

/// PNG (Third Edition), 9.4.
fn paeth(left: u8, up: u8, corner: u8) -> u8 {
    let estimate = i16::from(left) + i16::from(up) - i16::from(corner);
    let distance = |value: u8| (estimate - i16::from(value)).abs();
    if distance(left) <= distance(up) && distance(left) <= distance(corner) {
        left
    } else if distance(up) <= distance(corner) {
        up
    } else {
        corner
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_filters_decode() {
        assert_eq!(ascii85(b"9jqo^~>"), b"Man ");
        assert_eq!(ascii85(b"9jqo^BlbD-~>"), b"Man is d");
        assert_eq!(run_length(&[2, b'a', b'b', b'c', 254, b'x', 128, 9]), b"abcxxx");
    }
}
