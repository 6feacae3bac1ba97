//! Texts in which a QR code is drawn with characters (ISO/IEC 18004; Unicode, block elements).

use crate::qr::{self, Codes};
use crate::{Content, Format, OpenError, Parts, encoding};

/// Bytes of a text that are looked at.
const MOST: usize = 4 << 20;
/// Bytes of a text without block elements; drawings of other characters stand near the beginning of a mail.
const MOST_LETTERS: usize = 256 << 10;

/// Opens them.
pub(super) struct Drawing;

impl Format for Drawing {
    fn id(&self) -> &'static str {
        "drawing"
    }

    fn kinds(&self) -> &'static [&'static str] {
        &["text", "mail-body", "markdown", "rst"]
    }

    fn summary(&self) -> &'static str {
        "QR codes that texts draw with characters"
    }

    fn open(&self, input: &Content, parts: &mut Parts<'_, '_>) -> Result<(), OpenError> {
        // LIMIT: nobody scrolls so far to scan a code.
        let bytes = input.window(0, MOST)?;
        let utf_16 = matches!(bytes.get(..2), Some([0xff, 0xfe] | [0xfe, 0xff]));
        let drawn = utf_16 || qr::draws(&bytes);
        let bytes = if drawn { &*bytes } else { bytes.get(..MOST_LETTERS).unwrap_or(&bytes) };
        let text = encoding::decode(bytes);
        let mut codes = Codes::default();
        for picture in qr::pictures_of(&text) {
            codes.look(&picture, parts)?;
        }
        codes.hand_over(parts)
    }
}

#[cfg(test)]
mod tests {
    use crate::testing::walk_with;
    use lazaret_model::Limits;
    use qrcode::{Color, QrCode};

    /// The modules of a code and a white border, row by row.
    fn modules(text: &str) -> Vec<Vec<bool>> {
        let code = QrCode::new(text).unwrap();
        let width = code.width();
        let colors = code.to_colors();
        let row = |y: usize| (0..width + 4).map(|x| dark(&colors, width, x, y)).collect::<Vec<bool>>();
        (0..width + 4).map(row).collect()
    }

    fn dark(colors: &[Color], width: usize, x: usize, y: usize) -> bool {
        let inside = (2..width + 2).contains(&x) && (2..width + 2).contains(&y);
        inside && colors[(y - 2) * width + x - 2] == Color::Dark
    }

    fn blocks(rows: &[Vec<bool>]) -> String {
        let line =
            |row: &Vec<bool>| row.iter().map(|dark| if *dark { "\u{2588}\u{2588}" } else { "  " }).collect::<String>();
        rows.iter().map(line).collect::<Vec<_>>().join("\n")
    }

    fn halves(rows: &[Vec<bool>]) -> String {
        let line = |pair: &[Vec<bool>]| {
            let below = |x: usize| pair.get(1).is_some_and(|row| row[x]);
            let half = |x: usize| match (pair[0][x], below(x)) {
                (true, true) => '\u{2588}',
                (true, false) => '\u{2580}',
                (false, true) => '\u{2584}',
                (false, false) => ' ',
            };
            (0..pair[0].len()).map(half).collect::<String>()
        };
        rows.chunks(2).map(line).collect::<Vec<_>>().join("\n")
    }

    #[test]
    fn codes_drawn_with_characters_are_links() {
        let rows = modules("https://host.invalid/LAZARET");
        let light: Vec<Vec<bool>> = rows.iter().map(|row| row.iter().map(|dark| !dark).collect()).collect();
        for (what, drawing) in [
            ("blocks", blocks(&rows)),
            ("blocks, light on dark", blocks(&light)),
            ("half blocks", halves(&rows)),
            ("half blocks, light on dark", halves(&light)),
            ("letters", blocks(&rows).replace('\u{2588}', "#")),
            ("large squares", blocks(&rows).replace("\u{2588}\u{2588}", "\u{2b1b}").replace("  ", "\u{2b1c}")),
        ] {
            for kind in ["text", "mail-body", "markdown"] {
                let text = format!("Please scan:\n\n{drawing}\n\nThank you.\n");
                let found = walk_with(text.as_bytes(), "x", Some(kind), &[], Limits::default());
                assert_eq!(found.bytes("//qr-code"), b"https://host.invalid/LAZARET", "{what}");
                assert!(found.complete(), "{what}");
            }
        }
        for page in [
            format!("<html><pre>{}</pre></html>", halves(&rows)),
            format!("<html><div>{}</div></html>", blocks(&rows).replace('\n', "<br>").replace(' ', "&nbsp;")),
        ] {
            let found = walk_with(page.as_bytes(), "x.html", Some("html"), &[], Limits::default());
            assert_eq!(found.bytes("//qr-code"), b"https://host.invalid/LAZARET", "{page}");
        }
    }

    #[test]
    fn other_texts_have_no_codes() {
        for text in
            ["\u{2588}\u{2588}  \u{2588}\u{2588}  \u{2588}\u{2588}\n".repeat(40), "----------------\n".repeat(40)]
        {
            let found = walk_with(text.as_bytes(), "x", Some("text"), &[], Limits::default());
            assert!(found.parts.len() == 1 && found.complete());
        }
    }
}
