//! H: honest files, which must pass.

use crate::Standin;
use crate::build::archive::{gzip, seven_zip, tar};
use crate::build::ooxml::Package;
use crate::build::page::{html, pdf};
use crate::build::{image, mail, zip};

pub(super) fn all() -> Vec<Standin> {
    let new = |folder, name, what, bytes| Standin::new("H", folder, name, what, bytes).delivered();
    let letter = b"Dear customer,\r\n\r\nthe meeting is on Monday at ten.\r\n\r\nKind regards\r\n".to_vec();
    let page = "<h1>Minutes</h1><p>Press the button to copy the link.</p><script>document.title = 'Minutes';</script><a href=\"https://www.example.invalid/\">more</a>";
    vec![
        new("detect/masquerade", "letter.2026.01.txt", "a text with dots in its name", letter.clone()),
        new("detect/documents", "letter.docx", "a Word document", Package::default().build()),
        new(
            "detect/pdfs",
            "letter.pdf",
            "a PDF document",
            pdf(&["<< /Type /Catalog /Pages 2 0 R >>", "<< /Type /Pages /Kids [] /Count 0 >>"]),
        ),
        new("detect/pages", "minutes.html", "a page with a script", html("", page)),
        new(
            "formats/zip",
            "letters.zip",
            "a ZIP of texts",
            zip::of(&[("letter.txt", &letter), ("photo.gif", &image::gif())]),
        ),
        new("formats/tar", "letters.tar.gz", "a tar of texts", gzip("letters.tar", &tar(&[("letter.txt", &letter)]))),
        new(
            "formats/sevenz",
            "letters.7z",
            "a 7z of texts",
            seven_zip(&[("letter.txt", &letter)], vec![sevenz_rust2::EncoderMethod::LZMA2.into()], false),
        ),
        new(
            "formats/mail",
            "letter.eml",
            "a mail with a text",
            mail::with_attachment("Hello, see the letter.", "letter.txt", &letter),
        ),
        new("formats/iso9660", "dot.gif", "a picture", image::gif()),
    ]
}
