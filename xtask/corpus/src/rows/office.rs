//! A8, A9, A11, A12, C19, C20: documents of Office.

use crate::Standin;
use crate::build::compound::{self, MACRO, compound, doc, vba_project, xls, xls4};
use crate::build::ooxml::{Package, docm, odt, pptm, text, xlsm};
use crate::build::page::{ole1, onenote, package, rtf_object};
use crate::build::{eicar, put, replace, zip};

const MACROS: &str = "detect/macros";
const DOCUMENTS: &str = "detect/documents";
/// A source that starts nothing, for a module whose compiled form says something else.
const INNOCENT: &str = "Attribute VB_Name = \"Module1\"\r\n";

pub(super) fn all() -> Vec<Standin> {
    let with_macro = |name, what, bytes| {
        Standin::new("A8", MACROS, name, what, bytes)
            .finds("macros.auto-run")
            .finds("macros.runs-program")
            .suspicious()
            .held()
    };
    let stomped = {
        let compiled = [&b"\x16\x01"[..], &[0; 30], &b"AutoOpen\0Shell\0calc"[..], &[0; 9000]].concat();
        let streams = compound::vba_streams("/Macros/VBA", INNOCENT, &compiled);
        let mut all: Vec<(&str, &[u8])> =
            streams.iter().map(|(path, bytes)| (path.as_str(), bytes.as_slice())).collect();
        let mut block = vec![0; 4096];
        put(&mut block, 0, &[0xec, 0xa5, 0xc1, 0]);
        all.push(("/WordDocument", &block));
        compound(&all)
    };
    let word = |relations, xml| Package { relations, xml, ..Package::default() }.build();
    let plain = || text("Nothing to see.");
    let field = text("x").replace(
        "<w:r>",
        "<w:r><w:instrText>DDEAUTO c:\\\\windows\\\\system32\\\\cmd.exe \"/c calc\"</w:instrText></w:r><w:r>",
    );
    let outside = |name, what, relations, xml| Standin::new("A9", "formats/ooxml", name, what, word(relations, xml));
    // The class of the Equation Editor, {0002CE02-0000-0000-C000-000000000046}.
    let equation = ole1("Equation.3", &[&b"\x02\xce\x02\0\0\0\0\0\xc0\0\0\0\0\0\0\x46"[..], &[0; 40]].concat());
    let rich = |name, what, text: &str, finding| {
        Standin::new("A11", "detect/documents", name, what, text.as_bytes().to_vec()).finds(finding).held()
    };
    let table = |name, what, text: &str| {
        Standin::new("A9", "detect/documents", name, what, text.as_bytes().to_vec()).finds("document.dde-cell").held()
    };
    let mut all = vec![
        rich(
            "letter.rtf",
            "a Rich Text document with a remote template",
            "{\\rtf1{\\*\\template \\'68ttps://host.invalid/a.dotm}Hello}",
            "document.remote-template",
        ),
        rich(
            "letter.rtf",
            "a Rich Text document with a field that runs a program",
            "{\\rtf1{\\field{\\*\\fldinst{ DDEAUTO c:\\\\\\\\windows\\\\\\\\system32\\\\\\\\cmd.exe \"/k calc\"}}}}",
            "document.dde-field",
        ),
        table("prices.csv", "a table with a cell that runs a command", "item,price\r\n=cmd|'/c calc'!A1,2\r\n"),
        with_macro("a.docm", "a Word document with a macro", docm(MACRO)).kind("docm"),
        with_macro("a.xlsm", "an Excel workbook with a macro", xlsm(MACRO)).kind("xlsm"),
        with_macro("a.pptm", "a PowerPoint presentation with a macro", pptm(MACRO)).kind("pptm"),
        with_macro("a.doc", "a Word 97 document with a macro", doc(MACRO)).kind("doc"),
        with_macro("a.xls", "an Excel 97 workbook with a macro", xls(MACRO)).kind("xls"),
        with_macro("b.docx", "a macro document that is called docx", docm(MACRO)).kind("docm"),
        Standin::new("A8", MACROS, "sheet.xls", "an Excel 4 macro sheet", xls4())
            .kind("xls")
            .finds("macros.runs-program")
            .finds("macros.auto-run")
            .held(),
        Standin::new("A8", "formats/cfb", "stomped.doc", "a macro whose source was emptied", stomped)
            .technique("T1564.007")
            .held(),
        Standin::new(
            "A8",
            "formats/odf",
            "a.odt",
            "an OpenDocument text with Basic",
            odt("Sub AutoOpen\n Shell(\"calc\")\nEnd Sub\n"),
        )
        .part("", "vba")
        .held(),
        outside(
            "template.docx",
            "a remote template",
            vec![("attachedTemplate", "https://host.invalid/t.dotm", true)],
            plain(),
        )
        .technique("T1221")
        .held(),
        outside("link.docx", "a linked object", vec![("oleObject", "https://host.invalid/a.htm!", true)], plain())
            .held(),
        outside(
            "share.docx",
            "a picture on a share",
            vec![("image", "file://host.invalid/share/i.png", true)],
            plain(),
        )
        .technique("T1187")
        .held(),
        outside("dde.docx", "a field that runs a program", vec![], field).technique("T1559.002").held(),
        outside("frame.docx", "a remote frame", vec![("frame", "https://host.invalid/f.htm", true)], plain()).held(),
        Standin::new(
            "A11",
            DOCUMENTS,
            "package.rtf",
            "an RTF with a packaged script",
            rtf_object("\\objemb", &ole1("Package", &package("a.bat", b"@echo off\r\necho hello\r\n"))),
        )
        .kind("rtf")
        .part("a.bat", "bat")
        .blocked(),
        Standin::new(
            "A11",
            "formats/rtf",
            "payload.rtf",
            "an RTF with a packaged payload",
            rtf_object("\\objemb", &ole1("Package", &package("a.com", &eicar()))),
        )
        .payload("a.com"),
        Standin::new(
            "A11",
            DOCUMENTS,
            "link.rtf",
            "an RTF with a linked object that updates itself",
            rtf_object(
                "\\objautlink\\objupdate",
                &ole1("OLE2Link", &compound(&[("/\u{1}Ole", b"\x01\0\0\x02\x09\0\0\0\x01\0\0\0")])),
            ),
        )
        .technique("T1203")
        .held(),
        Standin::new(
            "A11",
            DOCUMENTS,
            "equation.rtf",
            "an RTF with an object of the Equation Editor",
            rtf_object("\\objemb\\objupdate", &equation),
        )
        .technique("T1203")
        .blocked(),
        Standin::new(
            "A12",
            "formats/onenote",
            "notes.one",
            "a OneNote section with a batch file",
            onenote(&[b"@echo off\r\necho hello\r\n"]),
        )
        .kind("one")
        .part("file-1", "bat")
        .blocked(),
        Standin::new("A12", DOCUMENTS, "program.one", "a OneNote section with a payload", onenote(&[&eicar()]))
            .payload("file-1"),
    ];
    let damaged = |name, what, bytes| Standin::new("C19", "formats/cfb", name, what, bytes);
    let mut chain = {
        // The compiled part makes the module larger than the sectors of small streams.
        let streams = compound::vba_streams("/Macros/VBA", MACRO, &[0xee; 9000]);
        let mut all: Vec<(&str, &[u8])> =
            streams.iter().map(|(path, bytes)| (path.as_str(), bytes.as_slice())).collect();
        let mut block = vec![0; 4096];
        put(&mut block, 0, &[0xec, 0xa5, 0xc1, 0]);
        all.push(("/WordDocument", &block));
        compound(&all)
    };
    // Every chain of the allocation table (MS-CFB 2.3) now runs in a circle; where it stands, the header says.
    let size = 1usize << chain[30];
    let table = (chain[76] as usize + 1) * size;
    for sector in 2..size / 4 {
        let at = table + 4 * sector;
        if chain[at + 3] == 0 {
            put(&mut chain, at, &(sector as u32).to_le_bytes());
        }
    }
    let renamed = {
        let streams = compound::vba_streams("/Makros/WBA", MACRO, &[0xee; 40]);
        let mut all: Vec<(&str, &[u8])> =
            streams.iter().map(|(path, bytes)| (path.as_str(), bytes.as_slice())).collect();
        let mut block = vec![0; 4096];
        put(&mut block, 0, &[0xec, 0xa5, 0xc1, 0]);
        all.push(("/WordDocument", &block));
        compound(&all)
    };
    let mut twice = compound(&[("/First1", &eicar()), ("/Second", b"nothing")]);
    let (from, to): (Vec<u8>, Vec<u8>) = (crate::build::utf16("First1"), crate::build::utf16("Second"));
    replace(&mut twice, &from, &to);
    all.extend([
        damaged("chain.doc", "a chain of sectors that runs in a circle", chain).incomplete("").held(),
        damaged("renamed.doc", "a VBA project under another name", renamed).finds("macros.auto-run").held(),
        damaged("twice.doc", "two streams of one name", twice).payload("Second"),
    ]);
    let tricky = |name, what, bytes| Standin::new("C20", "formats/ooxml", name, what, bytes);
    let renamed = Package {
        content_type: "application/vnd.ms-word.document.macroEnabled.main+xml",
        main: "lorem/ipsum.xml",
        relations: vec![("vbaProject", "dolor.jpg", false)],
        parts: vec![("lorem/dolor.jpg", vba_project(MACRO))],
        ..Package::default()
    };
    let wrong_type = Package {
        relations: vec![("vbaProject", "vbaProject.bin", false)],
        parts: vec![("word/vbaProject.bin", vba_project(MACRO))],
        ..Package::default()
    };
    let strict = Package {
        xml: text("x").replace(
            "http://schemas.openxmlformats.org/wordprocessingml/2006/main",
            "http://purl.oclc.org/ooxml/wordprocessingml/main",
        ),
        parts: vec![("word/embeddings/oleObject1.bin", eicar())],
        ..Package::default()
    };
    let mut unlisted = Package::default().members();
    unlisted.push(zip::Entry { listed: false, ..zip::deflated("word/embeddings/a.com", &eicar()) });
    all.extend([
        tricky("renamed.docm", "parts under other names", renamed.build()).finds("macros.auto-run").suspicious().held(),
        tricky("type.docx", "a macro that the content types deny", wrong_type.build())
            .finds("macros.auto-run")
            .suspicious()
            .held(),
        tricky("strict.docx", "the strict namespace", strict.build()).payload("oleObject1.bin"),
        tricky("unlisted.docx", "a part that the directory does not list", zip::archive(&unlisted)).payload("a.com"),
    ]);
    all
}
