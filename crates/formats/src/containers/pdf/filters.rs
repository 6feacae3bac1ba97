//! Stream filters (ISO 32000-1, 7.4). What can be decoded before an error is kept.

use super::objects::{Index, Value};
use crate::containers::decode;
use flate2::{Decompress, FlushDecompress, Status};
use std::cell::Cell;

/// Bytes one stream may decode to.
pub(super) const MOST: usize = 64 << 20;
/// Filters of one stream that are undone.
const MOST_FILTERS: usize = 32;

/// Said where a stream holds more than [`MOST`].
const TOO_LARGE: &str = "it unpacks to more than 64 MiB, and only so much is looked at";
const DAMAGED: &str = "its compressed data is damaged or ends early";

/// A stream's bytes after its filters, and why they are not all where they are not.
#[derive(Debug)]
pub(super) struct Decoded {
    pub(super) bytes: Vec<u8>,
    pub(super) problem: Option<String>,
    /// Bytes that the filters gave, each of them.
    pub(super) unpacked: u64,
}

/// Applies the filters that the dictionary names, by themselves or as objects elsewhere.
pub(super) fn decode<'d>(dictionary: &'d Value, encoded: &[u8], index: &Index<'d>) -> Decoded {
    // LIMIT: `decode_within` says what it leaves out.
    decode_within(dictionary, encoded, index, MOST)
}

fn decode_within<'d>(dictionary: &'d Value, encoded: &[u8], index: &Index<'d>, most: usize) -> Decoded {
    let lookup = Lookup { index, unsure: Cell::new(false) };
    let of = |key: &str| dictionary.get(key).map(|value| lookup.direct(value));
    // In full, `F` is a file elsewhere.
    let short = of("F").filter(|value| matches!(value, Value::Name(_) | Value::Array(_)));
    let filters = lookup.list(of("Filter").or(short));
    let settings = lookup.list(of("DecodeParms").or_else(|| of("DP")));
    let mut bytes = encoded.to_vec();
    let mut unpacked = bytes.len() as u64;
    let mut problem = None;
    for (place, filter) in filters.iter().enumerate() {
        if place >= MOST_FILTERS {
            problem = Some(format!("it has more than {MOST_FILTERS} filters, and only so many are undone"));
            break;
        }
        let name = match filter {
            Value::Name(name) => name,
            Value::Reference(_) => {
                problem = Some("its filters are said to be elsewhere, and are not there".to_owned());
                break;
            }
            _ => continue,
        };
        let settings = Settings { value: settings.get(place).copied(), lookup: &lookup };
        bytes = match name.as_str() {
            "FlateDecode" | "Fl" => predict(flate(&bytes, most, &mut problem), &settings, &mut problem),
            "LZWDecode" | "LZW" => predict(lzw(&bytes, most, &settings, &mut problem), &settings, &mut problem),
            "ASCIIHexDecode" | "AHx" => {
                let end = memchr::memchr(b'>', &bytes).unwrap_or(bytes.len());
                let mut digits: Vec<u8> = bytes.iter().take(end).copied().filter(u8::is_ascii_hexdigit).collect();
                if !digits.len().is_multiple_of(2) {
                    digits.push(b'0');
                }
                decode::hex(&digits)
            }
            "ASCII85Decode" | "A85" => ascii85(&bytes),
            "RunLengthDecode" | "RL" => run_length(&bytes, most, &mut problem),
            "Crypt" => bytes,
            other => {
                problem = Some(format!("its filter `{other}` is not decoded"));
                break;
            }
        };
        unpacked = unpacked.saturating_add(bytes.len() as u64);
    }
    if lookup.unsure.get() {
        problem = problem.or(Some("revisions differ in what its filters are".to_owned()));
    }
    Decoded { bytes, problem, unpacked }
}

/// Follows references, and remembers whether another revision would have led elsewhere.
struct Lookup<'d, 'i> {
    index: &'i Index<'d>,
    unsure: Cell<bool>,
}

impl<'d> Lookup<'d, '_> {
    fn direct(&self, value: &'d Value) -> &'d Value {
        if self.index.differs(value) {
            self.unsure.set(true);
        }
        self.index.direct(value)
    }

    /// One value or an array of them, each where it leads; one more than are needed tells that there are more.
    fn list(&self, value: Option<&'d Value>) -> Vec<&'d Value> {
        match value {
            Some(Value::Array(values)) => {
                // LIMIT: one more than are undone, which `decode_within` says.
                values.iter().take(MOST_FILTERS + 1).map(|value| self.direct(value)).collect()
            }
            Some(value) => vec![value],
            None => Vec::new(),
        }
    }
}

/// The parameters of one filter.
struct Settings<'d, 'l> {
    value: Option<&'d Value>,
    lookup: &'l Lookup<'d, 'l>,
}

impl Settings<'_, '_> {
    fn number(&self, key: &str) -> Option<i64> {
        self.value.and_then(|value| value.get(key)).map(|value| self.lookup.direct(value)).and_then(Value::integer)
    }
}

/// zlib, or deflate without a header where the header is damaged.
fn flate(bytes: &[u8], most: usize, problem: &mut Option<String>) -> Vec<u8> {
    let (out, end) = inflate(bytes, most, true);
    if end == End::Whole {
        return out;
    }
    let (raw, raw_end) = inflate(bytes.get(2..).unwrap_or_default(), most, false);
    if raw_end == End::Whole {
        return raw;
    }
    let (out, end) = if raw.len() > out.len() { (raw, raw_end) } else { (out, end) };
    *problem = Some(if end == End::TooLarge { TOO_LARGE } else { DAMAGED }.to_owned());
    out
}

/// How compressed data ended.
#[derive(Clone, Copy, PartialEq, Eq)]
enum End {
    Whole,
    TooLarge,
    Damaged,
}

fn inflate(bytes: &[u8], most: usize, header: bool) -> (Vec<u8>, End) {
    let mut decoder = Decompress::new(header);
    let mut out = Vec::new();
    loop {
        let (read, written) = (decoder.total_in(), out.len());
        out.reserve(64 << 10);
        let rest = usize::try_from(read).ok().and_then(|at| bytes.get(at..)).unwrap_or_default();
        match decoder.decompress_vec(rest, &mut out, FlushDecompress::None) {
            Ok(Status::StreamEnd) => return (out, End::Whole),
            Ok(_) if decoder.total_in() == read && out.len() == written => return (out, End::Damaged),
            Ok(_) if out.len() < most => {}
            Ok(_) => return (out, End::TooLarge),
            Err(_) => return (out, End::Damaged),
        }
    }
}

fn lzw(bytes: &[u8], most: usize, settings: &Settings<'_, '_>, problem: &mut Option<String>) -> Vec<u8> {
    let early = settings.number("EarlyChange") != Some(0);
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
            Ok(weezl::LzwStatus::Ok) if result.consumed_in > 0 || result.consumed_out > 0 => {
                if out.len() >= most {
                    *problem = Some(TOO_LARGE.to_owned());
                    break;
                }
            }
            _ => {
                *problem = Some(DAMAGED.to_owned());
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
fn run_length(bytes: &[u8], most: usize, problem: &mut Option<String>) -> Vec<u8> {
    let mut out = Vec::new();
    let mut rest = bytes;
    while let Some((length, tail)) = rest.split_first() {
        if out.len() > most {
            *problem = Some(TOO_LARGE.to_owned());
            break;
        }
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
    }
    out
}

/// 7.4.4.4: PNG predictors, a type byte before each row, and the one of TIFF.
fn predict(bytes: Vec<u8>, settings: &Settings<'_, '_>, problem: &mut Option<String>) -> Vec<u8> {
    let number = |key: &str, default: i64| settings.number(key).unwrap_or(default);
    let predictor = number("Predictor", 1);
    if predictor < 10 && predictor != 2 {
        return bytes;
    }
    let component = number("BitsPerComponent", 8).max(1);
    let bits = number("Colors", 1).max(1).saturating_mul(component);
    let row = bits.saturating_mul(number("Columns", 1).max(1));
    // A row longer than all data is as long as all data.
    let whole = |bits: i64| usize::try_from(bits.saturating_add(7) / 8).unwrap_or(usize::MAX).min(bytes.len().max(1));
    let (pixel, width) = (whole(bits), whole(row));
    if predictor == 2 {
        if component != 8 {
            *problem = Some(format!("its predictor of {component} bits is not undone"));
            return bytes;
        }
        return predict_tiff(bytes, pixel, width);
    }
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

/// TIFF 6.0, section 14: every byte is the difference to that of the pixel on its left.
fn predict_tiff(mut bytes: Vec<u8>, pixel: usize, width: usize) -> Vec<u8> {
    for row in bytes.chunks_mut(width) {
        for at in pixel..row.len() {
            let left = row.get(at - pixel).copied().unwrap_or(0);
            if let Some(byte) = row.get_mut(at) {
                *byte = byte.wrapping_add(left);
            }
        }
    }
    bytes
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
        assert_eq!(run_length(&[2, b'a', b'b', b'c', 254, b'x', 128, 9], MOST, &mut None), b"abcxxx");
    }

    fn names(filters: &[&str]) -> Value {
        let filters = filters.iter().map(|name| Value::Name((*name).to_owned())).collect();
        Value::Dictionary([("Filter".to_owned(), Value::Array(filters))].into())
    }

    #[test]
    fn what_is_larger_than_is_unpacked_is_said() {
        let plain = vec![b'a'; 100_000];
        let mut zlib = flate2::write::ZlibEncoder::new(Vec::new(), flate2::Compression::default());
        std::io::Write::write_all(&mut zlib, &plain).unwrap();
        let lzw = weezl::encode::Encoder::with_tiff_size_switch(weezl::BitOrder::Msb, 8).encode(&plain).unwrap();
        let index = Index::new(&[]);
        for (name, packed) in [("Fl", zlib.finish().unwrap()), ("LZW", lzw), ("RL", [129, b'a'].repeat(800))] {
            let dictionary = names(&[name]);
            let whole = decode_within(&dictionary, &packed, &index, 200_000);
            assert!(whole.problem.is_none() && whole.bytes.len() >= 100_000, "{name}: {:?}", whole.problem);
            let cut = decode_within(&dictionary, &packed, &index, 50_000);
            assert_eq!(cut.problem.as_deref(), Some(TOO_LARGE), "{name}");
        }
    }

    #[test]
    fn damage_behind_a_damaged_header_is_said() {
        let mut zlib = flate2::write::ZlibEncoder::new(Vec::new(), flate2::Compression::default());
        std::io::Write::write_all(&mut zlib, &(0..=255).collect::<Vec<u8>>()).unwrap();
        let mut packed = zlib.finish().unwrap();
        packed[0] ^= 0x41;
        let (index, dictionary) = (Index::new(&[]), names(&["Fl"]));
        assert_eq!(decode(&dictionary, &packed, &index).problem, None);
        assert!(decode(&dictionary, &packed[..packed.len() - 30], &index).problem.is_some());
    }

    #[test]
    fn the_predictor_of_tiff_is_undone() {
        let settings = [("Predictor", 2), ("Columns", 3)].map(|(key, n)| (key.to_owned(), Value::Integer(n)));
        let settings = Value::Dictionary(settings.into());
        let index = Index::new(&[]);
        let lookup = Lookup { index: &index, unsure: Cell::new(false) };
        let settings = Settings { value: Some(&settings), lookup: &lookup };
        assert_eq!(predict(vec![b'a', 1, 1, b'x', 1, 1], &settings, &mut None), b"abcxyz");
    }
}
