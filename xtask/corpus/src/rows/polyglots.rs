//! C4, C23: files that are more than one thing.

use crate::Standin;
use crate::build::archive::{rar, seven_zip};
use crate::build::compound::msi;
use crate::build::page::pdf;
use crate::build::program::{self, exe};
use crate::build::shortcut::Lnk;
use crate::build::{base64, eicar, image, zip};
use sevenz_rust2::EncoderMethod;

pub(super) fn all() -> Vec<Standin> {
    let payload = || zip::of(&[("a.com", &eicar())]);
    let seven = || seven_zip(&[("a.com", &eicar())], vec![EncoderMethod::LZMA2.into()], false);
    let five = || rar(rars::ArchiveVersion::Rar50, &[("a.com", &eicar())]).to_bytes().expect("memory");
    let new = |row, folder, name, what, bytes| Standin::new(row, folder, name, what, bytes);
    let document = || pdf(&["<< /Type /Catalog /Pages 2 0 R >>", "<< /Type /Pages /Kids [] /Count 0 >>"]);
    let application = b"<html><head><hta:application id=\"a\"/><script language=\"VBScript\">CreateObject(\"WScript.Shell\").Run \"calc\"</script></head></html>\r\n".to_vec();
    let gif_js = {
        let mut out = image::gif();
        // The width becomes the start of a comment that the rest of the picture lies in.
        crate::build::put(&mut out, 6, b"/*");
        [out, b"*/=1;var s = new ActiveXObject('WScript.Shell'); s.Run('calc'); WScript.Quit();\r\n".to_vec()].concat()
    };
    let jar = zip::of(&[
        ("META-INF/MANIFEST.MF", b"Manifest-Version: 1.0\r\nMain-Class: A\r\n\r\n"),
        ("A.class", &program::class()),
    ]);
    // The header of DOS programs as linkers write it.
    let header = [&b"MZ\x90\0\x03\0\0\0\x04\0\0\0\xff\xff\0\0\xb8\0\0\0"[..], &[0; 108], b"a stand-in"].concat();
    let backwards: Vec<u8> = base64(&header).into_bytes().into_iter().rev().collect();
    let carried = |name, what, bytes: Vec<u8>| new("C4", "detect/rules/carried", name, what, bytes).suspicious();
    vec![
        carried(
            "photo.jpg",
            "a program in Base64 behind a JPEG",
            [image::jpeg(), b"<<START>>".to_vec(), base64(&header).into_bytes()].concat(),
        )
        .held(),
        carried("photo.jpg", "a program in Base64 backwards behind a JPEG", [image::jpeg(), backwards].concat()).held(),
        // Long enough to be taken for a program.
        new(
            "C4",
            "detect/rules/carried",
            "photo.png",
            "a program behind a PNG",
            [
                b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR\0\0\0\x01\0\0\0\x01\x08\x02\0\0\0\x90wS\xde\0\0\0\0IEND\xaeB`\x82"
                    .to_vec(),
                exe(),
            ]
            .concat(),
        )
        .blocked(),
        carried(
            "server.cer",
            "a program that is called a certificate",
            format!("-----BEGIN CERTIFICATE-----\r\n{}\r\n-----END CERTIFICATE-----\r\n", base64(&header)).into_bytes(),
        )
        .blocked(),
        carried("readme.txt", "a program in Base64 that is called a text", base64(&header).into_bytes()).blocked(),
        new("C4", "formats/zip", "photo.jpg", "a ZIP behind a JPEG", [image::jpeg(), payload()].concat())
            .payload("a.com"),
        new("C4", "formats/sevenz", "photo.gif", "a 7z behind a GIF", [image::gif(), seven()].concat())
            .payload("a.com"),
        new("C4", "formats/rar", "photo.gif", "a RAR behind a GIF", [image::gif(), five()].concat()).payload("a.com"),
        new("C4", "formats/rar", "sfx.exe", "a self-extracting RAR", [exe(), five()].concat()).payload("a.com"),
        new("C4", "formats/pdf", "scan.pdf", "a ZIP behind a PDF", [document(), payload()].concat()).payload("a.com"),
        new(
            "C4",
            "formats/zip",
            "front.zip",
            "text before a ZIP",
            [b"some text before the archive\r\n".repeat(9), payload()].concat(),
        )
        .payload("a.com"),
        new(
            "C4",
            "formats/zip",
            "back.zip",
            "a program behind a ZIP",
            [zip::of(&[("a.txt", b"hello")]), exe()].concat(),
        )
        .blocked(),
        new("C23", "formats/pdf", "both.pdf", "a ZIP that begins as a PDF", [document(), payload()].concat())
            .kind("pdf")
            .kind("zip")
            .payload("a.com"),
        new("C23", "formats/script", "picture.gif", "a GIF that is JavaScript", gif_js)
            .kind("gif")
            .kind("js")
            .blocked(),
        new(
            "C23",
            "formats/html",
            "page.lnk",
            "an HTML application behind a shortcut",
            [Lnk { target: "..\\mshta.exe", arguments: "page.lnk", ..Lnk::default() }.build(), application.clone()]
                .concat(),
        )
        .kind("lnk")
        .part("appended", "hta")
        .blocked(),
        new("C23", "formats/html", "page.exe", "an HTML application behind a program", [exe(), application].concat())
            .kind("hta")
            .blocked(),
        new(
            "C23",
            "formats/cfb",
            "setup.msi",
            "a JAR behind an installer",
            [msi(("a.exe", ""), b"nothing"), jar].concat(),
        )
        .kind("msi")
        .part("//after-the-end", "jar")
        .blocked(),
        new(
            "C23",
            "formats/zip",
            "page.html",
            "a ZIP that begins as a page",
            [crate::build::page::html("", "<p>hello</p>"), payload()].concat(),
        )
        .payload("a.com"),
    ]
}
