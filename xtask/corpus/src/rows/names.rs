//! B1–B5, B8: names that hide what a file is.

use crate::Standin;
use crate::build::program::exe;
use crate::build::zip::{self, stored};
use crate::build::{image, page};

const MASQUERADE: &str = "detect/masquerade";

pub(super) fn all() -> Vec<Standin> {
    let program = |row, name, what| Standin::new(row, MASQUERADE, name, what, exe()).blocked();
    let member = |what, name: &str| {
        Standin::new("B8", MASQUERADE, "files.zip", what, zip::archive(&[stored(name, b"hello")]))
            .finds("masquerade.path")
            .blocked()
    };
    let climbing = |what, name: &str| {
        Standin::new("B8", MASQUERADE, "files.zip", what, zip::archive(&[stored(name, b"hello")]))
            .finds("archive.path-escapes")
            .held()
    };
    let symlink = {
        let mut link = stored("docs", b"/etc");
        link.attributes = 0o120_777 << 16;
        zip::archive(&[link, stored("docs/passwd", b"hello")])
    };
    vec![
        program("B1", "invoice.pdf.exe", "a program with two extensions")
            .finds("masquerade.double-extension")
            .technique("T1036.007"),
        Standin::new(
            "B1",
            MASQUERADE,
            "letter.docx.js",
            "a script with two extensions",
            b"WScript.Echo('hello');\r\nWScript.Quit();\r\n".to_vec(),
        )
        .finds("masquerade.double-extension")
        .blocked(),
        program("B2", "invoice_\u{202e}fdp.exe", "a right-to-left override")
            .finds("masquerade.bidi")
            .technique("T1036.002"),
        program("B2", "invoice_\u{2067}fdp.exe", "an isolate from right to left").finds("masquerade.bidi"),
        program("B3", "photo.jpg", "a program called a picture").finds("masquerade.content").technique("T1036.008"),
        program("B3", "letter.txt", "a program called a text").finds("masquerade.content"),
        Standin::new("B3", MASQUERADE, "letter.pdf", "a page called a PDF", page::html("", "<p>hello</p>"))
            .finds("masquerade.content")
            .blocked(),
        Standin::new("B3", MASQUERADE, "photo.png", "a ZIP called a picture", zip::of(&[("a.exe", &exe())]))
            .finds("masquerade.content")
            .blocked(),
        program("B4", "invoice.exe ", "a space at the end").finds("masquerade.trailing"),
        program("B4", "invoice.exe.", "a dot at the end").finds("masquerade.trailing"),
        program("B4", "invoice.exe::$DATA", "the name of a stream").finds("masquerade.trailing"),
        program("B4", "invoice.pdf%00.exe", "an encoded NUL").finds("masquerade.trailing"),
        program("B4", "invoice\u{ff0e}pdf\u{ff0e}exe", "full-width dots").finds("masquerade.trailing"),
        program("B4", "invoice.\u{435}\u{445}\u{435}", "an extension in look-alike letters")
            .finds("masquerade.homoglyph"),
        Standin::new(
            "B4",
            MASQUERADE,
            "files.zip",
            "a member with a NUL in its name",
            zip::archive(&[stored("invoice.pdf\0.exe", &exe())]),
        )
        .finds("masquerade.trailing")
        .blocked(),
        program("B5", &format!("invoice.pdf{}.exe", " ".repeat(80)), "eighty spaces before the extension")
            .finds("masquerade.padding"),
        climbing("a name that climbs", "../../evil.txt"),
        member("a name that climbs to where programs start", "../../.config/autostart/evil.txt"),
        member("an absolute name", "/etc/passwd"),
        member("a name with a drive", "C:\\Windows\\win.ini"),
        Standin::new(
            "B8",
            MASQUERADE,
            "files.zip",
            "a device of Windows",
            zip::archive(&[stored("con.txt", b"hello")]),
        )
        .finds("masquerade.path"),
        climbing("a name that climbs with backslashes", "..\\..\\evil.txt"),
        Standin::new("B8", "formats/zip", "link.zip", "a link that leads out", symlink)
            .finds("archive.link-escapes")
            .held(),
        Standin::new(
            "B8",
            "formats/iso9660",
            "names.iso",
            "an image with a name that climbs",
            image::iso_of(&[("../EVIL.TXT", b"hello")]),
        )
        .finds("archive.path-escapes")
        .blocked(),
    ]
}
