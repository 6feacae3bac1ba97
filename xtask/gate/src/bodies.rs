//! Bodies of what pages are made of: text of any length, and pictures and fonts of some lengths, each with a number of its own.
//!
//! Pictures can be decoded and have about as many pixels for their bytes as those of real pages; the font has the table of one
//! and noise in it. What most of the bytes are is made before the clock starts.

use crate::load::words;

/// Bytes of the largest body.
pub(crate) const MOST: usize = 4_000_000;
/// Bytes of the smallest picture or font, and how many times as large each next one is.
const LEAST: f64 = 512.0;
const STEP: f64 = 1.25;
/// Bytes of a stored block of deflate at the most (RFC 1951, 3.2.4).
const STORED: usize = 65_535;
/// The letters of the number that each body has.
const DIGITS: usize = 16;

/// What a body is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Form {
    Page,
    Script,
    Sheet,
    Data,
    Photo,
    Graphic,
    Font,
}

impl Form {
    /// Every form with its share of a hundred answers, about as pages ask for them.
    pub(crate) const SHARES: [(Self, u64); 7] = [
        (Self::Page, 8),
        (Self::Script, 30),
        (Self::Sheet, 10),
        (Self::Data, 14),
        (Self::Photo, 20),
        (Self::Graphic, 14),
        (Self::Font, 4),
    ];

    /// Media type and the end of the name.
    pub(crate) fn media_type(self) -> (&'static str, &'static str) {
        match self {
            Self::Page => ("text/html; charset=utf-8", "html"),
            Self::Script => ("text/javascript", "js"),
            Self::Sheet => ("text/css", "css"),
            Self::Data => ("application/json", "json"),
            Self::Photo => ("image/jpeg", "jpg"),
            Self::Graphic => ("image/png", "png"),
            Self::Font => ("font/woff2", "woff2"),
        }
    }
}

/// What bodies are put together from.
pub(crate) struct Bodies {
    page: Vec<u8>,
    script: Vec<u8>,
    sheet: Vec<u8>,
    data: Vec<u8>,
    photos: Vec<Cut>,
    graphics: Vec<Cut>,
    fonts: Vec<Cut>,
}

/// A body that is the same each time but for the number between these.
struct Cut {
    before: Vec<u8>,
    after: Vec<u8>,
    /// Begins a checksum over the number, for which there is room behind it.
    checked: Option<[u8; 4]>,
}

impl Bodies {
    pub(crate) fn new() -> Self {
        let text = words(MOST);
        let text: Vec<&str> =
            text.split(|byte| *byte == b'\n').map(|line| str::from_utf8(line).unwrap_or_default()).collect();
        let lines = |write: fn(usize, &str) -> String| {
            let mut out = String::with_capacity(MOST + 256);
            for (number, line) in text.iter().cycle().enumerate() {
                out += &write(number, line);
                if out.len() >= MOST {
                    break;
                }
            }
            out.into_bytes()
        };
        let sizes = std::iter::successors(Some(LEAST), |size| Some(size * STEP));
        let sizes: Vec<usize> = sizes.map(|size| size as usize).take_while(|size| *size <= MOST).collect();
        Self {
            page: lines(|number, line| format!("<p id=\"line-{number}\">{line}</p>\n")),
            script: lines(|number, line| {
                format!("function line{number}(letters) {{ return letters.size > {number} ? \"{line}\" : letters; }}\n")
            }),
            sheet: lines(|number, _| {
                format!(".line-{number} {{ margin: 0 {}px 4px; color: #{:06x}; }}\n", number % 64, number % 0x00ff_ffff)
            }),
            data: lines(|number, line| format!("{{\"id\":{number},\"title\":\"{line}\",\"done\":false}},\n")),
            photos: sizes.iter().map(|size| photo(*size)).collect(),
            graphics: sizes.iter().map(|size| graphic(*size)).collect(),
            fonts: sizes.iter().map(|size| font(*size)).collect(),
        }
    }

    /// Writes the body with this number of about so many bytes: to the end of a line, or of a picture that there is.
    pub(crate) fn write(&self, form: Form, number: u64, size: usize, out: &mut Vec<u8>) {
        out.clear();
        let (before, lines, after) = match form {
            Form::Page => (
                format!("<!doctype html>\n<html lang=\"en\"><head><title>Letter {number:016}</title></head>\n<body>\n"),
                &self.page,
                "</body></html>\n",
            ),
            Form::Script => (format!("// Build {number:016}.\n\"use strict\";\n"), &self.script, "// The end.\n"),
            Form::Sheet => {
                (format!("/* Build {number:016} */\nbody {{ margin: 0; }}\n"), &self.sheet, "/* The end */\n")
            }
            Form::Data => (format!("{{\"build\":\"{number:016}\",\"letters\":[\n"), &self.data, "{\"id\":0}]}\n"),
            Form::Photo => return cut(&self.photos, number, size, out),
            Form::Graphic => return cut(&self.graphics, number, size, out),
            Form::Font => return cut(&self.fonts, number, size, out),
        };
        let most = size.saturating_sub(before.len() + after.len()).min(lines.len());
        let end = lines[..most].iter().rposition(|byte| *byte == b'\n').map_or(0, |at| at + 1);
        out.extend_from_slice(before.as_bytes());
        out.extend_from_slice(&lines[..end]);
        out.extend_from_slice(after.as_bytes());
    }
}

/// Writes the largest that is not larger, or the smallest, with a number in it.
fn cut(ladder: &[Cut], number: u64, size: usize, out: &mut Vec<u8>) {
    let above = ladder.partition_point(|cut| cut.before.len() + DIGITS + cut.after.len() <= size);
    let Some(cut) = ladder.get(above.saturating_sub(1)) else { return };
    let number = format!("{number:016}");
    out.extend_from_slice(&cut.before);
    out.extend_from_slice(number.as_bytes());
    let room = out.len();
    out.extend_from_slice(&cut.after);
    if let Some(begun) = cut.checked {
        out[room..room + 4].copy_from_slice(&checksum(&[&begun[..], number.as_bytes()].concat()));
    }
}

/// Bits that look like chance (xorshift64, Marsaglia 2003).
pub(crate) struct Chance(u64);

impl Chance {
    pub(crate) fn new(seed: u64) -> Self {
        // Zero would stay zero, and small seeds would be alike for some time.
        Self(seed.wrapping_add(1).wrapping_mul(0x9e37_79b9_7f4a_7c15).max(1))
    }

    fn draw(&mut self) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0
    }

    /// One of so many numbers, from 0.
    pub(crate) fn below(&mut self, number: u64) -> u64 {
        (self.draw() >> 11) % number.max(1)
    }

    /// Above 0 and at most 1.
    pub(crate) fn share(&mut self) -> f64 {
        ((self.draw() >> 11) + 1) as f64 / (1_u64 << 53) as f64
    }
}

/// A grey photo (ITU-T T.81, baseline) of about so many bytes: smooth blocks with a little texture, about nine bits in eight
/// pixels. The number is application data of its own.
fn photo(size: usize) -> Cut {
    const HEAD: usize = 200;
    /// Bits of a block: what differs from the one before, then waves, then its end.
    const BLOCK_BITS: usize = 8 + 4 * WAVES + 2;
    const WAVES: usize = 16;
    let blocks = size.saturating_sub(HEAD) * 8 / BLOCK_BITS;
    let side = blocks.isqrt().max(1);
    // The number's segment (B.2.4.6): a length that counts itself.
    let before =
        [&b"\xff\xd8\xff\xe0\0\x10JFIF\0\x01\x01\0\0\x01\0\x01\0\0\xff\xef"[..], &[0, 2 + DIGITS as u8]].concat();
    let mut after = b"\xff\xdb\0\x43\0\x01".to_vec();
    after.extend([4; 63]);
    let pixels = (side as u16 * 8).to_be_bytes();
    after.extend([0xff, 0xc0, 0, 11, 8, pixels[0], pixels[1], pixels[0], pixels[1], 1, 1, 0x11, 0]);
    // One code for differences, of seven bits; two for waves: `0` for one of three bits, `10` for no more of them.
    after.extend([0xff, 0xc4, 0, 20, 0x00, 1]);
    after.extend([0; 15]);
    after.push(7);
    after.extend([0xff, 0xc4, 0, 21, 0x10, 1, 1]);
    after.extend([0; 14]);
    after.extend([3, 0]);
    after.extend(b"\xff\xda\0\x08\x01\x01\0\0\x3f\0");
    let (mut chance, mut bits, mut level) = (Chance::new(size as u64), Bits::default(), 0_i64);
    for _ in 0..side * side {
        let by = 64 + chance.below(64) as i64;
        let up = if level.abs() > 400 { level < 0 } else { chance.below(2) == 0 };
        level += if up { by } else { -by };
        // F.1.2.1.1: negative differences are written as what they are less one, in as many bits.
        let written = if up { by } else { 127 - by };
        bits.push(written as u32, 8);
        for _ in 0..WAVES {
            bits.push(chance.below(8) as u32, 4);
        }
        bits.push(0b10, 2);
    }
    bits.finish(&mut after);
    after.extend(b"\xff\xd9");
    Cut { before, after, checked: None }
}

/// Bits of a photo, the first the highest.
#[derive(Default)]
struct Bits {
    bytes: Vec<u8>,
    waiting: u32,
    number: u32,
}

impl Bits {
    fn push(&mut self, value: u32, bits: u32) {
        self.waiting = (self.waiting << bits) | value;
        self.number += bits;
        while self.number >= 8 {
            self.number -= 8;
            let byte = (self.waiting >> self.number) as u8;
            self.waiting &= (1 << self.number) - 1;
            self.bytes.push(byte);
            // B.1.1.5: what would be a marker is none with a zero behind it.
            if byte == 0xff {
                self.bytes.push(0);
            }
        }
    }

    /// Fills the last byte with ones (F.1.2.3).
    fn finish(mut self, out: &mut Vec<u8>) {
        let open = (8 - self.number) % 8;
        self.push((1 << open) - 1, open);
        out.extend(self.bytes);
    }
}

/// A graphic in colours (ISO/IEC 15948) of about so many bytes, its pixels stored as they are. The number is a chunk of its own.
fn graphic(size: usize) -> Cut {
    let side = (size.saturating_sub(128) / 3).isqrt().max(1);
    let mut chance = Chance::new(size as u64);
    let mut rows = Vec::with_capacity(side * (side * 3 + 1));
    for y in 0..side {
        rows.push(0);
        for x in 0..side {
            let noise = chance.draw().to_le_bytes();
            let slope = |at: usize, noise: u8| ((at * 200 / side) as u8).wrapping_add(noise % 8);
            rows.extend([slope(x, noise[0]), slope(y, noise[1]), slope((x + y) / 2, noise[2])]);
        }
    }
    let side = (side as u32).to_be_bytes();
    let head = [&side[..], &side, &[8, 2, 0, 0, 0]].concat();
    let mut before = b"\x89PNG\r\n\x1a\n".to_vec();
    chunk(&mut before, b"IHDR", &head);
    let mut after = Vec::new();
    chunk(&mut after, b"IDAT", &zlib(&rows));
    chunk(&mut after, b"IEND", b"");
    // A private chunk that may be left out and copied (4.7.2).
    let name = *b"lzNr";
    before.extend((DIGITS as u32).to_be_bytes());
    before.extend(name);
    Cut { before, after: [vec![0; 4], after].concat(), checked: Some(name) }
}

fn chunk(out: &mut Vec<u8>, name: &[u8; 4], content: &[u8]) {
    out.extend((content.len() as u32).to_be_bytes());
    let start = out.len();
    out.extend_from_slice(name);
    out.extend_from_slice(content);
    let sum = checksum(&out[start..]);
    out.extend(sum);
}

/// CRC-32 of ISO 3309, over a chunk's name and content.
fn checksum(bytes: &[u8]) -> [u8; 4] {
    let sum = bytes.iter().fold(u32::MAX, |sum, byte| {
        (0..8).fold(sum ^ u32::from(*byte), |sum, _| if sum & 1 == 1 { (sum >> 1) ^ 0xedb8_8320 } else { sum >> 1 })
    });
    (!sum).to_be_bytes()
}

/// Stored blocks of deflate (RFC 1951, 3.2.4) in zlib (RFC 1950).
fn zlib(bytes: &[u8]) -> Vec<u8> {
    let mut out = vec![0x78, 0x01];
    let mut blocks = bytes.chunks(STORED).peekable();
    while let Some(block) = blocks.next() {
        let length = block.len() as u16;
        out.push(u8::from(blocks.peek().is_none()));
        out.extend(length.to_le_bytes());
        out.extend((!length).to_le_bytes());
        out.extend_from_slice(block);
    }
    let (a, b) = bytes.iter().fold((1_u32, 0_u32), |(a, b), byte| {
        let a = (a + u32::from(*byte)) % 65_521;
        (a, (b + a) % 65_521)
    });
    out.extend(((b << 16) | a).to_be_bytes());
    out
}

/// A font (WOFF File Format 2.0, 4) with one table, of exactly so many bytes; the number is the beginning of its noise.
fn font(size: usize) -> Cut {
    const HEAD: usize = 48;
    /// The directory (4.1): `glyf`, not transformed, and its length in three digits of base 128.
    const TABLES: usize = 4;
    let packed = (size - HEAD - TABLES) as u32;
    let unpacked = (packed * 2).clamp(1 << 14, (1 << 21) - 1);
    let mut before = b"wOF2\0\x01\0\0".to_vec();
    before.extend((size as u32).to_be_bytes());
    before.extend([0, 1, 0, 0]);
    before.extend(unpacked.to_be_bytes());
    before.extend(packed.to_be_bytes());
    before.extend([0, 1, 0, 0]);
    before.resize(HEAD, 0);
    before.push(0b1100_1010);
    before.extend([14, 7].map(|by| ((unpacked >> by) & 0x7f) as u8 | 0x80));
    before.push((unpacked & 0x7f) as u8);
    let mut chance = Chance::new(size as u64);
    let after = std::iter::repeat_with(|| chance.draw() as u8).take(packed as usize - DIGITS).collect();
    Cut { before, after, checked: None }
}

#[cfg(test)]
mod tests {
    use super::*;
    use lazaret_formats::{Content, identify};

    #[test]
    fn each_body_is_told_as_what_it_is_and_has_about_the_size_that_was_asked_for() {
        let bodies = Bodies::new();
        let mut body = Vec::new();
        for (form, _) in Form::SHARES {
            let (_, kind) = form.media_type();
            let kind = if kind == "jpg" { "jpeg" } else { kind };
            for size in [600, 12_000, 300_000, MOST] {
                bodies.write(form, 7, size, &mut body);
                assert_eq!(identify(&Content::from(body.as_slice())).unwrap().kind.id, kind, "{size}");
                assert!(body.len() <= size && body.len() * 3 >= size * 2, "{kind}: {} of {size}", body.len());
                let first = body.clone();
                bodies.write(form, 8, size, &mut body);
                assert!(first != body && first.len() == body.len(), "{kind}");
                bodies.write(form, 7, size, &mut body);
                assert!(first == body, "{kind}");
            }
        }
    }
}
