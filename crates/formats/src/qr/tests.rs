//! Codes as they are shown to people: small, large, turned, coloured, taken from the side, several at once.

use super::{Codes, Luma, is_address};
use crate::testing::walk_with;
use lazaret_model::Limits;
use qrcode::{Color, QrCode};

/// A code with a white border of four modules, a pixel a module.
fn modules(text: &str) -> (usize, Vec<bool>) {
    let code = QrCode::new(text).unwrap();
    let (width, colors) = (code.width(), code.to_colors());
    let side = width + 8;
    let dark = |x: usize, y: usize| {
        let inside = (4..width + 4).contains(&x) && (4..width + 4).contains(&y);
        inside && colors[(y - 4) * width + x - 4] == Color::Dark
    };
    (side, (0..side * side).map(|at| dark(at % side, at / side)).collect())
}

/// A picture whose pixels are looked up in a code, at a place in modules for each; light outside of it.
fn draw(text: &str, width: usize, height: usize, [dark, light]: [u8; 2], at: impl Fn(f64, f64) -> (f64, f64)) -> Luma {
    let (side, modules) = modules(text);
    let mut picture = Luma::white(width, height).unwrap();
    for y in 0..height {
        for x in 0..width {
            let (across, down) = at(x as f64 + 0.5, y as f64 + 0.5);
            let inside = (0.0..side as f64).contains(&across) && (0.0..side as f64).contains(&down);
            let black = inside && modules[down as usize * side + across as usize];
            picture.paint(x, y, 1, 1, if black { dark } else { light });
        }
    }
    picture
}

/// A Windows bitmap of a picture, which an opener reads.
pub(crate) fn bmp(picture: &Luma) -> Vec<u8> {
    let stride = (picture.width() * 3).div_ceil(4) * 4;
    let mut out = b"BM".to_vec();
    out.extend((54 + stride * picture.height()).to_le_bytes().iter().take(4));
    out.extend([0; 4]);
    out.extend(54_u32.to_le_bytes());
    out.extend(40_u32.to_le_bytes());
    out.extend((picture.width() as u32).to_le_bytes());
    // Rows from the top down.
    out.extend((-(picture.height() as i32)).to_le_bytes());
    out.extend([1, 0, 24, 0]);
    out.extend([0; 24]);
    for row in picture.rows() {
        let mut line: Vec<u8> = row.iter().flat_map(|value| [*value; 3]).collect();
        line.resize(stride, 0);
        out.extend(line);
    }
    out
}

/// A code of so many pixels a module, as a picture.
pub(crate) fn code(text: &str, pixels: usize) -> Luma {
    let side = modules(text).0 * pixels;
    draw(text, side, side, [0, 255], |x, y| (x / pixels as f64, y / pixels as f64))
}

#[track_caller]
fn check(picture: &Luma, expected: &[&str]) {
    let found = walk_with(bmp(picture), "x.bmp", Some("bmp"), &[], Limits::default());
    let mut texts: Vec<_> =
        found.parts[1..].iter().map(|part| String::from_utf8_lossy(&found.bytes[&part.id]).into_owned()).collect();
    texts.sort();
    assert_eq!(texts, expected);
    assert!(found.complete());
}

#[test]
fn codes_of_all_sizes_are_read() {
    for length in [1, 20, 60, 200, 700] {
        let text = format!("https://host.invalid/{}", "a".repeat(length));
        for pixels in [2, 3, 7] {
            check(&code(&text, pixels), &[&text]);
        }
    }
    check(&code("https://host.invalid/", 40), &["https://host.invalid/"]);
}

#[test]
fn turned_mirrored_and_coloured_codes_are_read() {
    let text = "https://host.invalid/LAZARET-MARKER";
    let half = modules(text).0 as f64 / 2.0;
    for degrees in [0.0_f64, 7.0, 30.0, 45.0, 90.0, 180.0, 260.0] {
        let (sine, cosine) = degrees.to_radians().sin_cos();
        let turned = |x: f64, y: f64| {
            let (x, y) = ((x - 250.0) / 6.0, (y - 250.0) / 6.0);
            (x * cosine - y * sine + half, x * sine + y * cosine + half)
        };
        check(&draw(text, 500, 500, [0, 255], turned), &[text]);
    }
    let side = half * 2.0;
    let flat = |x: f64, y: f64| (x / 6.0 - 4.0, y / 6.0 - 4.0);
    check(&draw(text, 400, 400, [0, 255], |x, y| (side - flat(x, y).0, flat(x, y).1)), &[text]);
    for colours in [[255, 0], [90, 160], [160, 90], [0, 120]] {
        check(&draw(text, 400, 400, colours, flat), &[text]);
    }
    // From the side: what is further down is larger.
    let side_view = |x: f64, y: f64| {
        let near = 1.0 / (1.0 + y / 2500.0);
        ((x - 250.0) * near / 7.0 + half, y * near / 7.0 - 2.0)
    };
    check(&draw(text, 500, 500, [0, 255], side_view), &[text]);
}

#[test]
fn every_code_of_a_picture_counts() {
    let mut sheet = Luma::white(900, 600).unwrap();
    let texts: Vec<String> = (0..6).map(|number| format!("https://host{number}.invalid/")).collect();
    for (number, text) in texts.iter().enumerate() {
        let small = code(text, 5);
        for (y, row) in small.rows().enumerate() {
            for (x, value) in row.iter().enumerate() {
                sheet.paint(number % 3 * 300 + 20 + x, number / 3 * 300 + 20 + y, 1, 1, *value);
            }
        }
    }
    check(&sheet, &texts.iter().map(String::as_str).collect::<Vec<_>>());
}

#[test]
fn pictures_without_a_code_have_nothing_in_them() {
    let mut noise = Luma::white(600, 400).unwrap();
    let mut state = 1_u32;
    for at in 0..600 * 400 {
        state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        noise.paint(at % 600, at / 600, 1, 1, (state >> 24) as u8);
    }
    check(&noise, &[]);
    let mut shades = Luma::white(600, 400).unwrap();
    (0..600).for_each(|x| shades.paint(x, 0, 1, 400, (x * 255 / 600) as u8));
    check(&shades, &[]);
}

#[test]
fn a_code_among_many_corners_is_found() {
    let corner = |x: usize, y: usize| {
        let ring = (x as i32 - 3).abs().max((y as i32 - 3).abs());
        ring <= 1 || ring == 3
    };
    let mut picture = Luma::white(2 * 8 * 40, 2 * 8 * 40).unwrap();
    for at in 0..320 * 320 {
        let (x, y) = (at % 320, at / 320);
        if x % 8 < 7 && y % 8 < 7 && corner(x % 8, y % 8) {
            picture.paint(2 * x, 2 * y, 2, 2, 0);
        }
    }
    let own = code("https://host.invalid/LAZARET", 5);
    for (y, row) in own.rows().enumerate() {
        for (x, value) in row.iter().enumerate() {
            picture.paint(200 + x, 200 + y, 1, 1, *value);
        }
    }
    check(&picture, &["https://host.invalid/LAZARET"]);
}

#[test]
fn what_a_phone_would_open_is_an_address() {
    for (text, expected) in [
        ("https://host.invalid/", true),
        ("HTTPS://HOST.INVALID/X", true),
        ("ms-word:ofe|u|https://host.invalid/a.docm", true),
        ("otpauth://totp/x?secret=AAAA", true),
        ("tel:+15550100", true),
        ("host.invalid/path", true),
        ("www.host.invalid", true),
        ("BEGIN:VCARD\nFN:A\nEND:VCARD", false),
        ("WIFI:S:net;P:word;;", false),
        ("a note: bring milk", false),
        ("4006381333931", false),
        ("a@host.invalid", false),
        ("", false),
    ] {
        assert_eq!(is_address(text.as_bytes()), expected, "{text}");
    }
    assert!(Codes::default().is_empty());
}
