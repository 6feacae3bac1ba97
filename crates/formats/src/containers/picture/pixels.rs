//! Brightness from PNG (ISO/IEC 15948), JPEG (ITU-T T.81), GIF 89a, BMP and WebP.

use crate::qr::{Luma, Rows, of_rgb};
use std::io::Cursor;

/// Frames of a moving GIF that are looked at.
const MOST_FRAMES: usize = 8;
/// Pixels of a picture that has to be in memory as a whole: interlaced PNG, GIF and WebP.
const MOST_WHOLE: u64 = 16 << 20;
/// Passes over a progressive JPEG; encoders write about ten.
const MOST_SCANS: usize = 40;
const WHITE: u8 = 255;

/// What a picture costs.
#[derive(Debug, Clone, Copy)]
pub(super) struct Size {
    pub(super) pixels: u64,
    /// Bytes that its decoder holds at once, about.
    pub(super) memory: u64,
}

/// What a picture says of its size.
pub(super) fn size(bytes: &[u8]) -> Option<Size> {
    let (width, height, bytes_of_pixel) = match bytes {
        [0x89, b'P', b'N', b'G', ..] => (big(bytes, 16, 4)?, big(bytes, 20, 4)?, u64::from(*bytes.get(28)? != 0)),
        [0xff, 0xd8, ..] => frame_of_jpeg(bytes)?,
        [b'G', b'I', b'F', ..] => (little(bytes, 6, 2)?, little(bytes, 8, 2)?, 6),
        [b'B', b'M', ..] => bitmap(bytes).map(|map| (map.width as u64, map.height as u64, 1))?,
        [b'R', b'I', b'F', b'F', ..] => {
            let (width, height) = image_webp::WebPDecoder::new(Cursor::new(bytes)).ok()?.dimensions();
            (u64::from(width), u64::from(height), 8)
        }
        _ => return None,
    };
    let pixels = width.checked_mul(height).filter(|pixels| *pixels > 0)?;
    Some(Size { pixels, memory: pixels.saturating_mul(bytes_of_pixel) })
}

/// What a picture shows, a moving one more than once. Nothing where it cannot be decoded: then nobody sees a code.
pub(super) fn decode(bytes: &[u8]) -> Vec<Luma> {
    let one = match bytes {
        [0x89, ..] => png(bytes),
        [0xff, ..] => jpeg(bytes),
        [b'B', ..] => bmp(bytes),
        [b'R', ..] => webp(bytes),
        [b'G', ..] => return gif(bytes),
        _ => None,
    };
    one.into_iter().collect()
}

fn big(bytes: &[u8], at: usize, count: usize) -> Option<u64> {
    Some(bytes.get(at..at + count)?.iter().fold(0, |number, byte| (number << 8) | u64::from(*byte)))
}

fn little(bytes: &[u8], at: usize, count: usize) -> Option<u64> {
    Some(bytes.get(at..at + count)?.iter().rev().fold(0, |number, byte| (number << 8) | u64::from(*byte)))
}

/// The brightness of a pixel of one to four samples, on white paper where it is transparent.
fn pixel(samples: &[u8]) -> u8 {
    let on_white = |value: u8, alpha: u8| {
        let sum = u32::from(value) * u32::from(alpha) + u32::from(WHITE) * u32::from(WHITE - alpha);
        u8::try_from(sum / 255).unwrap_or(WHITE)
    };
    match *samples {
        [grey] => grey,
        [grey, alpha] => on_white(grey, alpha),
        [red, green, blue] => of_rgb([red, green, blue]),
        [red, green, blue, alpha] => on_white(of_rgb([red, green, blue]), alpha),
        _ => WHITE,
    }
}

/// Rows of pixels of so many samples, as a picture.
fn gather(pixels: &[u8], width: usize, height: usize, samples: usize) -> Option<Luma> {
    let mut rows = Rows::new(width, height)?;
    for row in pixels.chunks(width.checked_mul(samples)?.max(1)) {
        rows.push(row.chunks(samples).map(pixel));
    }
    Some(rows.finish())
}

fn png(bytes: &[u8]) -> Option<Luma> {
    let mut decoder = png::Decoder::new_with_limits(Cursor::new(bytes), png::Limits { bytes: 64 << 20 });
    // Viewers show pictures whose checksums are wrong.
    decoder.ignore_checksums(true);
    decoder.set_ignore_text_chunk(true);
    decoder.set_ignore_iccp_chunk(true);
    decoder.set_transformations(png::Transformations::normalize_to_color8());
    let mut reader = decoder.read_info().ok()?;
    let (width, height) = (usize::try_from(reader.info().width).ok()?, usize::try_from(reader.info().height).ok()?);
    let interlaced = reader.info().interlaced;
    let samples = reader.output_color_type().0.samples();
    if !interlaced {
        let mut rows = Rows::new(width, height)?;
        // What stands before the first damage is shown.
        while let Ok(Some(row)) = reader.next_row() {
            rows.push(row.data().chunks(samples).map(pixel));
        }
        return Some(rows.finish());
    }
    // LIMIT: larger ones that cannot be read row by row are photos.
    let count = width.checked_mul(height).filter(|count| *count as u64 <= MOST_WHOLE)?;
    let mut whole = vec![WHITE; count];
    while let Ok(Some(row)) = reader.next_interlaced_row() {
        let values: Vec<u8> = row.data().chunks(samples).map(pixel).collect();
        if let png::InterlaceInfo::Adam7(place) = row.interlace() {
            png::expand_interlaced_row(&mut whole, width, &values, place, 8);
        }
    }
    gather(&whole, width, height, 1)
}

/// The width, height and bytes in memory a pixel, of the first frame header (T.81, B.2.2).
fn frame_of_jpeg(bytes: &[u8]) -> Option<(u64, u64, u64)> {
    let mut at = 2_usize;
    loop {
        let marker = *bytes.get(at + 1)?;
        match (*bytes.get(at)?, marker) {
            (0xff, 0xff) => at += 1,
            (0xff, 0x01 | 0xd0..=0xd9) => at += 2,
            (0xff, 0xc0..=0xc3 | 0xc5..=0xc7 | 0xc9..=0xcb | 0xcd..=0xcf) => {
                // A progressive one is held as coefficients of two bytes for each component.
                let memory = if marker == 0xc2 { 8 } else { 2 };
                return Some((big(bytes, at + 7, 2)?, big(bytes, at + 5, 2)?, memory));
            }
            (0xff, _) => at = at.checked_add(2)?.checked_add(usize::try_from(big(bytes, at + 2, 2)?).ok()?)?,
            _ => at += 1,
        }
    }
}

fn jpeg(bytes: &[u8]) -> Option<Luma> {
    use zune_jpeg::zune_core::colorspace::ColorSpace;
    use zune_jpeg::zune_core::options::DecoderOptions;
    // LIMIT: no encoder writes more passes; viewers give up as well.
    let options = DecoderOptions::default().jpeg_set_max_scans(MOST_SCANS);
    let mut decoder = zune_jpeg::JpegDecoder::new_with_options(Cursor::new(bytes), options);
    decoder.decode_headers().ok()?;
    if matches!(decoder.input_colorspace()?, ColorSpace::YCbCr | ColorSpace::Luma) {
        decoder.set_options(options.jpeg_set_out_colorspace(ColorSpace::Luma));
    }
    let (width, height) = decoder.dimensions()?;
    // Refuses what is too large before anything is decoded.
    Rows::new(width, height)?;
    let pixels = decoder.decode().ok()?;
    let samples = pixels.len().checked_div(width.checked_mul(height)?)?;
    gather(&pixels, width, height, samples.clamp(1, 4))
}

fn gif(bytes: &[u8]) -> Vec<Luma> {
    let mut options = gif::DecodeOptions::new();
    options.set_color_output(gif::ColorOutput::RGBA);
    // LIMIT: as for the canvas below, of four bytes a pixel.
    if let Some(most) = std::num::NonZeroU64::new(MOST_WHOLE * 4) {
        options.set_memory_limit(gif::MemoryLimit::Bytes(most));
    }
    let Ok(mut decoder) = options.read_info(bytes) else { return Vec::new() };
    let (width, height) = (usize::from(decoder.width()), usize::from(decoder.height()));
    let mut frames = Vec::new();
    // LIMIT: a drawing that large is no code to scan.
    let Some(count) = width.checked_mul(height).filter(|count| *count as u64 <= MOST_WHOLE) else { return frames };
    let mut canvas = vec![WHITE; count];
    // LIMIT: nobody scans a picture that is shown for a moment; what moves shows its code early and again.
    for _ in 0..MOST_FRAMES {
        let Ok(Some(frame)) = decoder.read_next_frame() else { break };
        let (left, top) = (usize::from(frame.left), usize::from(frame.top));
        let across = usize::from(frame.width).max(1);
        for (y, row) in frame.buffer.chunks(across * 4).enumerate() {
            for (x, rgba) in row.chunks(4).enumerate() {
                let (x, y) = (left + x, top + y);
                let opaque = rgba.get(3).is_some_and(|alpha| *alpha >= 128);
                if opaque
                    && x < width
                    && let Some(slot) = canvas.get_mut(y * width + x)
                {
                    *slot = pixel(rgba);
                }
            }
        }
        frames.extend(gather(&canvas, width, height, 1));
    }
    frames
}

fn webp(bytes: &[u8]) -> Option<Luma> {
    let mut decoder = image_webp::WebPDecoder::new(Cursor::new(bytes)).ok()?;
    let (width, height) = decoder.dimensions();
    // LIMIT: larger ones are photos.
    if u64::from(width) * u64::from(height) > MOST_WHOLE {
        return None;
    }
    let samples = if decoder.has_alpha() { 4 } else { 3 };
    let mut pixels = vec![0; decoder.output_buffer_size()?];
    decoder.read_image(&mut pixels).ok()?;
    gather(&pixels, usize::try_from(width).ok()?, usize::try_from(height).ok()?, samples)
}

/// The header of a Windows bitmap (`BITMAPFILEHEADER`, `BITMAPINFOHEADER`).
struct Bitmap {
    width: usize,
    height: usize,
    upwards: bool,
    bits: usize,
    pixels: usize,
    palette: usize,
}

fn bitmap(bytes: &[u8]) -> Option<Bitmap> {
    let number = |at: usize| usize::try_from(little(bytes, at, 4)?).ok();
    let signed = |at: usize| little(bytes, at, 4).and_then(|number| u32::try_from(number).ok()).map(u32::cast_signed);
    let header = number(14)?;
    let (width, height) = (signed(18)?, signed(22)?);
    // Only what is not compressed (0), or has its colours in masks (3): Windows writes nothing else.
    if header < 40 || width <= 0 || height == 0 || !matches!(number(30)?, 0 | 3) {
        return None;
    }
    Some(Bitmap {
        width: usize::try_from(width).ok()?,
        height: usize::try_from(height.unsigned_abs()).ok()?,
        upwards: height > 0,
        bits: usize::try_from(little(bytes, 28, 2)?).ok()?,
        pixels: number(10)?,
        palette: header.checked_add(14)?,
    })
}

fn bmp(bytes: &[u8]) -> Option<Luma> {
    let map = bitmap(bytes)?;
    let mut rows = Rows::new(map.width, map.height)?;
    let stride = map.width.checked_mul(map.bits)?.div_ceil(32).checked_mul(4)?;
    let colour = |index: usize| {
        let entry = bytes.get(map.palette..)?.chunks(4).nth(index)?;
        entry.get(..3).map(|bgr| bgr.iter().rev().copied().collect::<Vec<u8>>())
    };
    let palette: Vec<u8> = match map.bits {
        1 | 4 | 8 => (0..1_usize << map.bits).map(|index| colour(index).map_or(WHITE, |rgb| pixel(&rgb))).collect(),
        24 | 32 => Vec::new(),
        _ => return None,
    };
    for row in 0..map.height {
        let row = if map.upwards { map.height - 1 - row } else { row };
        let start = map.pixels.checked_add(row.checked_mul(stride)?)?;
        let line = bytes.get(start..start.checked_add(stride)?).unwrap_or_default();
        match map.bits {
            24 | 32 => rows.push(line.chunks_exact(map.bits / 8).map(|bgr| match *bgr {
                [blue, green, red, ..] => of_rgb([red, green, blue]),
                _ => WHITE,
            })),
            bits => {
                let each = 8 / bits;
                let value = |at: usize| {
                    let byte = line.get(at / each).copied().unwrap_or(0);
                    let shifted = usize::from(byte) >> (8 - bits * (at % each + 1));
                    palette.get(shifted & ((1 << bits) - 1)).copied().unwrap_or(WHITE)
                };
                rows.push((0..map.width).map(value));
            }
        }
    }
    Some(rows.finish())
}
