//! Documents built by the test.

use crate::testing::{walk, walk_with};
use data_encoding::HEXLOWER;
use lazaret_model::Limits;

fn object(class: &str, native: &[u8]) -> Vec<u8> {
    let mut out = vec![1, 5, 0, 0, 2, 0, 0, 0];
    out.extend((class.len() as u32 + 1).to_le_bytes().iter().chain(class.as_bytes()).chain(&[0; 9]));
    out.extend((native.len() as u32).to_le_bytes().iter().chain(native));
    out
}

fn package(name: &str, data: &[u8]) -> Vec<u8> {
    let mut out = vec![2, 0];
    out.extend(name.as_bytes().iter().chain(b"\0C:\\x\0\0\0\x03\0\x02\0\0\0y\0"));
    out.extend((data.len() as u32).to_le_bytes().iter().chain(data));
    out
}

#[test]
fn packages_and_compound_files_are_parts() {
    let data = HEXLOWER.encode(&object("Package", &package("a.bat", b"@echo off\r\necho LAZARET\r\n")));
    let found = walk(format!("{{\\rtf1{{\\object\\objemb{{\\*\\objdata {data}}}}}}}").as_bytes(), "x");
    assert_eq!(found.part("//a.bat").kind.id, "bat");
    assert!(found.findings.is_empty() && found.part("x").complete);
    let spread: String = data.chars().map(|c| format!("{c} {{\\x1 }}\r\n\\y2 ")).collect();
    let found = walk(format!("{{\\rt{{\\object\\objupdate{{\\*\\objdata {spread}}}}}}}").as_bytes(), "x");
    assert_eq!(found.part("//a.bat").kind.id, "bat");
    assert_eq!(found.findings[0].id, "rtf.automatic-object");
    let inner = crate::testing::build::compound(&[("LAZARET", b"x")]);
    let found = walk(
        format!("{{\\rtf1{{\\*\\objdata {}}}}}", HEXLOWER.encode(&object("Word.Document.8", &inner))).as_bytes(),
        "x",
    );
    assert_eq!(found.part("//object").kind.id, "cfb");
}

#[test]
fn binary_data_and_damaged_headers_are_handed_over() {
    let bytes = object("Package", &package("a.bat", b"LAZARET"));
    let document = [format!("{{\\rtf1{{\\*\\objdata\\bin{} ", bytes.len()).as_bytes(), &bytes, b"}}"].concat();
    assert_eq!(walk(document, "x").bytes("//a.bat"), b"LAZARET");
    let found = walk(&b"{\\rtf1{\\*\\objdata 4c415a41524554"[..], "x");
    assert!(found.contains(b"LAZARET") && !found.part("x").complete);
}

#[test]
fn templates_fields_and_what_follows_are_parts() {
    let document = "{\\rtf1{\\*\\template http://host.invalid/t.dotm}{\\field{\\*\\fldinst DDEAUTO c:\\\\windows\\\\cmd.exe \"/c echo LAZARET\"}}}LAZARET-APPENDED-DATA";
    let found = walk(document.as_bytes(), "x");
    assert_eq!(found.bytes("//link"), b"http://host.invalid/t.dotm");
    assert_eq!(found.bytes("//dde"), b"c:\\windows\\cmd.exe \"/c echo LAZARET\"");
    assert_eq!(found.bytes("//appended"), b"LAZARET-APPENDED-DATA");
}

#[test]
fn fields_are_read_whatever_parts_their_words_and_however_their_backslashes_are_doubled() {
    for (field, name, expected) in [
        (r#"{DDE"C:\\\\cmd.exe" "/c calc"}"#, "dde", r#""C:\\cmd.exe" "/c calc""#),
        (r"DDE\tab cmd", "dde", "cmd"),
        (r"DDE\~cmd", "dde", "cmd"),
        (r"DDE{\field{\*\fldinst REF c}}", "dde", "REF c"),
        (r#"HYPERLINK "\\\\\\\\host.invalid\\\\s\\\\a.exe""#, "link", r"\\host.invalid\s\a.exe"),
        (r#"HYPERLINK "\\\\host.invalid\\s\\a.exe""#, "link", r"\\host.invalid\s\a.exe"),
        (r"HYPERLINK \\\\\\\\host.invalid\\\\a.exe", "link", r"\\host.invalid\a.exe"),
        (r#"HYPERLINK "https://host.invalid/""#, "link", "https://host.invalid/"),
    ] {
        let found = walk(format!(r"{{\rtf1{{\field{{\*\fldinst {field}}}}}}}").as_bytes(), "x");
        assert_eq!(String::from_utf8_lossy(found.bytes(&format!("//{name}"))), expected, "{field}");
    }
    for field in [r#"XE "DDE and OLE""#, "PAGE", "ADDED x"] {
        let found = walk(format!(r"{{\rtf1{{\field{{\*\fldinst {field}}}}}}}").as_bytes(), "x");
        assert_eq!(found.parts.len(), 1, "{field}");
    }
}

#[test]
fn no_number_of_templates_fields_or_groups_hides_one() {
    let evil = "{\\*\\template http://host.invalid/LAZARET-MARKER}";
    let templates: String = (0..150).map(|at| format!("{{\\*\\template http://host.invalid/{at}}}")).collect();
    let fields = "{\\field{\\*\\fldinst PAGE}}".repeat(11_000);
    let (opened, closed) = ("{".repeat(5000), "}".repeat(5000));
    let dde = "{\\field{\\*\\fldinst DDEAUTO LAZARET-MARKER}}";
    for document in [
        format!("{{\\rtf1{templates}{evil}}}"),
        format!("{{\\rtf1{fields}{dde}}}"),
        format!("{{\\rtf1{opened}{evil}{closed}}}"),
    ] {
        let found = walk(document.as_bytes(), "x");
        let held = |part: &lazaret_model::Part| found.bytes[&part.id].ends_with(b"LAZARET-MARKER");
        assert!(found.parts[1..].iter().any(held) && found.complete());
    }
}

#[test]
fn a_group_that_nobody_closes_is_no_damage_and_one_that_breaks_off_is() {
    for (document, complete) in [
        ("{\\rtf1{\\b hello}", true),
        ("{\\rtf1{\\pict\\bin3 }}}{\\b hello}}\r\n", true),
        ("{\\rtf1{\\b hello", false),
        ("{\\rtf1{\\*\\objdata {\\b 00}", false),
    ] {
        assert_eq!(walk(document.as_bytes(), "x.rtf").complete(), complete, "{document}");
    }
}

#[test]
fn long_texts_are_whole() {
    let long = " ".repeat(70_000);
    let template = format!("{{\\rtf1{{\\*\\template{long}http://host.invalid/t.dotm}}}}");
    assert_eq!(walk(template.as_bytes(), "x").bytes("//link"), b"http://host.invalid/t.dotm");
    let field = format!("{{\\rtf1{{\\field{{\\*\\fldinst DDE x{long}LAZARET-MARKER}}}}}}");
    assert!(walk(field.as_bytes(), "x").bytes("//dde").ends_with(b"LAZARET-MARKER"));
}

#[test]
fn more_objects_or_fields_than_are_opened_are_said() {
    let limits = Limits { parts: 20, ..Limits::default() };
    let object = "{\\*\\objdata 00}".repeat(super::MOST_OBJECTS);
    let field = "{\\*\\fldinst LINK}".repeat(super::MOST_FIELDS);
    for (more, reason) in [
        (format!("{object}{{\\*\\objdata 4c415a41524554}}"), "it has more than 5000 objects"),
        (format!("{field}{{\\*\\fldinst DDE LAZARET}}"), "it has more than 100000 fields"),
    ] {
        let found = walk_with(format!("{{\\rtf1{more}}}").as_bytes(), "x", Some("rtf"), &[], limits.clone());
        assert!(found.parts[0].incomplete.iter().any(|given| given.starts_with(reason)), "{reason}");
    }
}

#[test]
fn a_group_that_becomes_something_else_loses_nothing() {
    let found = walk(&b"{\\rtf1{\\*\\objdata 4c415a41524554\\template x}{\\*\\objdata 00}}"[..], "x");
    assert_eq!((found.bytes("//object"), found.bytes("//link")), (&b"LAZARET"[..], &b"x"[..]));
    let found = walk(&b"{\\rtf1{\\*\\template http://host.invalid/t\\fldinst x}}"[..], "x");
    assert_eq!(found.bytes("//link"), b"http://host.invalid/t");
    // Groups within an object's data are passed over.
    let found = walk(&b"{\\rtf1{\\*\\objdata 4c415a{\\*\\template x}41524554}}"[..], "x");
    assert_eq!(found.bytes("//object"), b"LAZARET");
}

#[test]
fn what_stands_before_a_compound_file_is_a_part() {
    let inner = crate::testing::build::compound(&[("LAZARET", b"x")]);
    let data = HEXLOWER.encode(&[&b"LAZARET-MARKER"[..], &inner].concat());
    let found = walk(format!("{{\\rtf1{{\\*\\objdata {data}}}}}").as_bytes(), "x");
    assert_eq!((&*found.part("//object").kind.id, found.bytes("//before-object")), ("cfb", &b"LAZARET-MARKER"[..]));
}

#[test]
fn files_elsewhere_that_the_document_names_are_found_wherever_they_stand() {
    for (words, reported) in [
        (r"{\*\nextfile \\\\host.invalid\\a.rtf}", true),
        (r"{\*\filetbl {\file\fid0 \\\\host.invalid\\a}}", true),
        (r"{\*\xform \\\\host.invalid\\a.xsl}", true),
        (r"{\*\mailmerge{\mmdatasource file:///\\\\host.invalid\\a.csv}}", true),
        (r"{\shp{\*\shpinst{\sp{\sn pibName}{\sv \\\\host.invalid\\a.png}}}}", true),
        (r"{\shp{\*\shpinst{\sp{\sn pibName}{\sv C:\\a.png}}{\sp{\sn wzName}{\sv Picture 1: x}}}}", false),
        (r"{\*\filetbl {\file\fid0 C:\\a.doc}}", false),
        (r"{\*\mailmerge{\*\mmdatasource https://host.invalid/a.mdb}}", true),
        (r"{\*\mailmerge{\*\mmconnectstr Provider=x;Data Source=\\\\host.invalid\\s}}", true),
        (r"{\*\mailmerge{\*\mmconnectstr Provider=x;Data Source=C:\\a.mdb}{\*\mmdatasource C:\\a.mdb}}", false),
        (r"{\*\xsltransform https://host.invalid/a.xsl}", true),
        (r"{\b see \\\\host.invalid\\a}", false),
    ] {
        let found = walk(format!(r"{{\rtf1{words}}}").as_bytes(), "x");
        assert_eq!(found.findings.iter().any(|f| f.id == "rtf.remote-place"), reported, "{words}");
        assert!(found.complete(), "{words}");
    }
    let shape = r"{\rtf1{\shp{\*\shpinst{\sp{\sn pihlShape}{\sv {\*\hl{\hlsrc odd:LAZARET}{\hlfr here}}}}}}}";
    assert_eq!(walk(shape.as_bytes(), "x").bytes("//link"), b"odd:LAZARET");
}

#[test]
fn packages_and_objects_in_digits_are_parts_whatever_word_they_stand_behind() {
    let theme = crate::containers::ooxml::tests::package(&[("theme/a.txt", b"LAZARET-MARKER")]);
    let inner = crate::testing::build::compound(&[("LAZARET", b"LAZARET-MARKER")]);
    for (word, data) in [("themedata", theme), ("datastore", object("Msxml2.SAXXMLReader.6.0", &inner))] {
        let found = walk(format!("{{\\rtf1{{\\*\\{word} {}}}}}", HEXLOWER.encode(&data)).as_bytes(), "x");
        assert!(found.parts.len() > 2 && found.contains(b"LAZARET-MARKER"), "{word}: {:?}", found.parts);
        assert!(found.complete(), "{word}: {:?}", found.parts);
    }
    let mapping = HEXLOWER.encode(b"<?xml version=\"1.0\"?><a:clrMap xmlns:a=\"x\" bg1=\"lt1\"/>");
    let found = walk(format!("{{\\rtf1{{\\*\\colorschememapping {mapping}}}{{\\*\\datastore }}}}").as_bytes(), "x");
    assert!(found.parts.len() == 2 && found.complete(), "{:?}", found.parts);
}

#[test]
fn a_page_that_was_written_down_as_rich_text_is_looked_at_as_a_page() {
    let text =
        r#"{\rtf1\ansi\fromhtml1{\*\htmltag64 <a href="odd:LAZARET">}\htmlrtf {\b \htmlrtf0 here{\*\htmltag72 </a>}}}"#;
    let found = walk(text.as_bytes(), "x");
    assert_eq!(found.part("//page").kind.id, "html");
    assert_eq!(found.bytes("//page//link"), b"odd:LAZARET");
}
