//! Documents that are one text (A8, A9, A13, H), what lies in them, and documents of less usual programs (A9, H).

use crate::Standin;
use crate::build::compound::{MACRO, compound, vba_project};
use crate::build::page::pdf;
use crate::build::{base64_lines, eicar, image, zip};
use std::io::Write as _;

const LETTER: &[u8] = b"See you on Monday.\n";

/// A document of Word 2003.
fn word(attributes: &str, body: &str) -> Vec<u8> {
    format!("<?xml version=\"1.0\" encoding=\"UTF-8\" standalone=\"yes\"?>\r\n<?mso-application progid=\"Word.Document\"?>\r\n<w:wordDocument xmlns:w=\"http://schemas.microsoft.com/office/word/2003/wordml\" xmlns:v=\"urn:schemas-microsoft-com:vml\"{attributes}><w:body>{body}<w:p><w:r><w:t>See you on Monday.</w:t></w:r></w:p></w:body></w:wordDocument>").into_bytes()
}

/// A workbook of Excel 2003 with one formula.
fn workbook(formula: &str) -> Vec<u8> {
    format!("<?xml version=\"1.0\"?>\r\n<?mso-application progid=\"Excel.Sheet\"?>\r\n<Workbook xmlns=\"urn:schemas-microsoft-com:office:spreadsheet\" xmlns:ss=\"urn:schemas-microsoft-com:office:spreadsheet\"><Worksheet ss:Name=\"Prices\"><Table><Row><Cell><Data ss:Type=\"Number\">2</Data></Cell><Cell ss:Formula=\"{formula}\"><Data ss:Type=\"Number\">2</Data></Cell></Row></Table></Worksheet></Workbook>\r\n").into_bytes()
}

/// A flat OpenDocument text.
fn open_document(body: &str) -> Vec<u8> {
    format!("<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<office:document xmlns:office=\"urn:oasis:names:tc:opendocument:xmlns:office:1.0\" xmlns:draw=\"urn:oasis:names:tc:opendocument:xmlns:drawing:1.0\" xmlns:script=\"urn:oasis:names:tc:opendocument:xmlns:script:1.0\" office:version=\"1.3\" office:mimetype=\"application/vnd.oasis.opendocument.text\">{body}</office:document>\n").into_bytes()
}

/// A form with a PDF in it.
fn form(document: &[u8]) -> Vec<u8> {
    format!("<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<xdp:xdp xmlns:xdp=\"http://ns.adobe.com/xdp/\"><pdf xmlns=\"http://ns.adobe.com/xdp/pdf/\"><document><chunk>{}</chunk></document></pdf></xdp:xdp>\n", base64_lines(document)).into_bytes()
}

/// A compound file as Office keeps it in ActiveMime.
fn active_mime(object: &[u8]) -> Vec<u8> {
    let mut head = b"ActiveMime\0\0\x01\xf0\x04\0\0\0\xff\xff\xff\xff\0\0\x07\xf0".to_vec();
    head.resize(0x32, 0);
    let mut encoder = flate2::write::ZlibEncoder::new(head, flate2::Compression::best());
    encoder.write_all(object).expect("memory can be written");
    encoder.finish().expect("memory can be written")
}

/// A file as AppleSingle: its name, an empty resource fork and its data fork (RFC 1740, appendix A).
fn apple_single(name: &str, data: &[u8]) -> Vec<u8> {
    let entries: [(u32, &[u8]); 3] = [(3, name.as_bytes()), (2, &[]), (1, data)];
    let mut out = b"\0\x05\x16\0\0\x02\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\x03".to_vec();
    let mut at = 26 + 12 * entries.len();
    for (id, bytes) in entries {
        out.extend(id.to_be_bytes());
        out.extend((at as u32).to_be_bytes());
        out.extend((bytes.len() as u32).to_be_bytes());
        at += bytes.len();
    }
    entries.iter().for_each(|(_, bytes)| out.extend(*bytes));
    out
}

/// A Hangul document with this embedded.
fn hangul(embedded: &[u8]) -> Vec<u8> {
    let mut header = b"HWP Document File".to_vec();
    header.resize(36, 0);
    // What is in it is compressed.
    header.push(1);
    header.resize(256, 0);
    let mut encoder = flate2::write::DeflateEncoder::new(Vec::new(), flate2::Compression::best());
    encoder.write_all(embedded).expect("memory can be written");
    let packed = encoder.finish().expect("memory can be written");
    compound(&[
        ("/FileHeader", &header),
        ("/DocInfo", b"\x03\0"),
        ("/\u{5}HwpSummaryInformation", b"\x03\0"),
        ("/BodyText/Section0", b"\x03\0"),
        ("/BinData/BIN0001.gif", &packed),
    ])
}

#[rustfmt::skip]
pub(super) fn all() -> Vec<Standin> {
    let honest = |folder, name, what, bytes| Standin::new("H", folder, name, what, bytes).delivered();
    let with_macro = |folder, name, what, bytes| Standin::new("A8", folder, name, what, bytes).finds("macros.auto-run").finds("macros.runs-program").suspicious().held();
    let editdata = format!("<w:docSuppData><w:binData w:name=\"editdata.mso\">{}</w:binData></w:docSuppData>", base64_lines(&active_mime(&vba_project(MACRO))));
    let picture = base64_lines(&image::gif());
    let template = "<?xml version=\"1.0\" encoding=\"UTF-8\" standalone=\"yes\"?>\r\n<pkg:package xmlns:pkg=\"http://schemas.microsoft.com/office/2006/xmlPackage\"><pkg:part pkg:name=\"/word/_rels/settings.xml.rels\" pkg:contentType=\"application/vnd.openxmlformats-package.relationships+xml\"><pkg:xmlData><Relationships xmlns=\"http://schemas.openxmlformats.org/package/2006/relationships\"><Relationship Id=\"rId1\" Type=\"http://schemas.openxmlformats.org/officeDocument/2006/relationships/attachedTemplate\" Target=\"https://host.invalid/t.dotm\" TargetMode=\"External\"/></Relationships></pkg:xmlData></pkg:part></pkg:package>";
    let basic = "<office:scripts><office:script script:language=\"ooo:Basic\"><ooo:libraries xmlns:ooo=\"http://openoffice.org/2004/office\"><ooo:library-embedded ooo:name=\"Standard\"><ooo:module ooo:name=\"Module1\"><ooo:source-code>Sub AutoOpen\n Shell(&quot;calc&quot;)\nEnd Sub\n</ooo:source-code></ooo:module></ooo:library-embedded></ooo:libraries></office:script></office:scripts>";
    let plain = pdf(&["<< /Type /Catalog /Pages 2 0 R >>", "<< /Type /Pages /Kids [] /Count 0 >>"]);
    vec![
        with_macro("formats/wordml", "letter.xml", "a Word 2003 document with a macro", word(" w:macrosPresent=\"yes\"", &editdata)).kind("word-xml"),
        with_macro("formats/activemime", "editdata.mso", "a macro as Office keeps it in a text", active_mime(&vba_project(MACRO))).kind("activemime"),
        Standin::new("A8", "formats/fodt", "letter.fodt", "a flat OpenDocument text with Basic", open_document(basic)).part("", "vba").held(),
        Standin::new("A9", "formats/wordml", "template.xml", "a flat package with a remote template", template.into()).kind("word-xml").finds("ooxml.external-template").technique("T1221").held(),
        Standin::new("A9", "formats/spreadsheetml", "prices.xml", "an Excel 2003 workbook with a formula that runs a program", workbook("=cmd|'/c calc'!A0")).kind("excel-xml").finds("ooxml.dde").held(),
        Standin::new("A13", "formats/xdp", "form.xdp", "a form with a payload in place of its PDF", form(&eicar())).payload("//document"),
        honest("formats/wordml", "letter.xml", "a letter of Word 2003 with a picture", word("", &format!("<w:p><w:r><w:pict><w:binData w:name=\"wordml://01000001.gif\">{picture}</w:binData><v:imagedata src=\"wordml://01000001.gif\"/></w:pict></w:r></w:p>"))).kind("word-xml").part("//01000001.gif", "gif"),
        honest("formats/spreadsheetml", "prices.xml", "prices of Excel 2003", workbook("=R1C1*2")).kind("excel-xml"),
        honest("formats/fodt", "letter.fodt", "a flat OpenDocument text with a picture", open_document(&format!("<office:body><office:text><draw:frame><draw:image><office:binary-data>{picture}</office:binary-data></draw:image></draw:frame></office:text></office:body>"))).kind("fodt").part("//binary-data", "gif"),
        honest("formats/xdp", "form.xdp", "a form with its PDF", form(&plain)).kind("xdp").part("//document", "pdf"),
        Standin::new("A9", "formats/cfb", "letter.hwp", "a Hangul document with a payload", hangul(&eicar())).kind("hwp").payload("//BinData/BIN0001.gif"),
        honest("formats/cfb", "letter.hwp", "a Hangul document with a picture", hangul(&image::gif())).kind("hwp").part("//BinData/BIN0001.gif", "gif"),
        honest("formats/zip", "letter.pages", "a letter of Pages", zip::of(&[("Index/Document.iwa", b"\0\x07\0\0\x05\x10Hello"), ("Metadata/DocumentIdentifier", b"7C0A2B5E-0000-4000-8000-000000000001"), ("preview.gif", &image::gif())])).kind("iwork"),
        honest("formats/applesingle", "letter.as", "a letter as a Mac packs it", apple_single("letter.txt", LETTER)).kind("applesingle").part("//letter.txt", "text"),
    ]
}
