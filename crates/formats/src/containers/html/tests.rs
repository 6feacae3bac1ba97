//! Pages built by the test.

use crate::testing::walk;

#[test]
fn scripts_handlers_and_payloads_are_parts() {
    let page = "<!DOCTYPE html><body onload=\"go('LAZARET-HANDLER')\"><script>var a = atob('TEFaQVJFVC1NQVJLRVI=');</script>\
        <script language=vbscript>MsgBox \"LAZARET-BASIC\"</script><a href=\"data:application/zip;base64,UEsFBgAAAAAAAAAA\" download=\"a.zip\">x</a>\
        <a href='javascript:alert(%22LAZARET-LINK%22)'>x</a><iframe srcdoc=\"&lt;script&gt;LAZARET_INNER()&lt;/script&gt;\"></iframe>\
        <meta http-equiv=refresh content='0; url=https://host.invalid/next'><a href='search-ms:query=x&crumb=location:\\\\host.invalid\\s'>x</a></body>";
    let found = walk(page.as_bytes(), "page");
    for marker in ["LAZARET-HANDLER", "LAZARET-MARKER", "LAZARET-BASIC", "LAZARET-LINK", "LAZARET_INNER"] {
        assert!(found.contains(marker.as_bytes()), "{marker}");
    }
    assert_eq!(found.part("a.zip").kind.id, "zip");
    assert_eq!(found.part("//script").kind.id, "js-embedded");
    assert_eq!(found.part("//script#2").kind.id, "vbs");
    let links: Vec<_> =
        found.parts.iter().filter(|p| p.kind.id == "url-target").map(|p| found.bytes[&p.id].clone()).collect();
    assert_eq!(
        links,
        [b"https://host.invalid/next".to_vec(), b"search-ms:query=x&crumb=location:\\\\host.invalid\\s".to_vec()]
    );
}

#[test]
fn places_that_a_page_goes_to_by_itself_have_names_of_their_own() {
    let page =
        "<html><meta http-equiv=refresh content='0;url=odd:a'><iframe src='odd:b'></iframe><a href='odd:c'>x</a>";
    let found = walk(page.as_bytes(), "page");
    for (name, place) in [("//refresh", "odd:a"), ("//frame", "odd:b"), ("//link", "odd:c")] {
        assert_eq!(found.bytes(name), place.as_bytes());
    }
}

#[test]
fn svg_wsf_and_comments_keep_their_scripts() {
    for page in [
        "<svg xmlns=\"http://www.w3.org/2000/svg\"><script><![CDATA[LAZARET_SVG()]]></script></svg>",
        "<svg xmlns=\"http://www.w3.org/2000/svg\"><foreignObject><body onload='LAZARET_SVG()'/></foreignObject></svg>",
        "<job><script language=\"JScript\"><![CDATA[LAZARET_SVG();]]></script></job>",
        "<html><!--[if IE]><script>LAZARET_SVG()</script><![endif]--></html>",
        "<html><script>LAZARET_SVG()",
    ] {
        let found = walk(page.as_bytes(), "page");
        assert!(
            found.parts.len() > 1 && found.parts[1..].iter().any(|p| found.bytes[&p.id].starts_with(b"LAZARET_SVG()")),
            "{page}"
        );
    }
}

#[test]
fn what_a_link_saves_is_a_file_and_no_piece_of_the_page() {
    use lazaret_model::Role;
    let data = data_encoding::BASE64.encode(b"var a = new ActiveXObject('WScript.Shell');");
    for (element, role) in [
        ("<a download=invoice.js href=", Role::Embedded),
        ("<a download href=", Role::Embedded),
        ("<area href=", Role::Embedded),
        ("<script src=", Role::Payload),
    ] {
        let page = format!("<html><body>{element}\"data:text/javascript;base64,{data}\">x</html>");
        let found = walk(page.as_bytes(), "page");
        let roles: Vec<_> = found.parts.iter().filter(|part| part.is("js")).map(|part| part.role).collect();
        assert_eq!(roles, [role], "{element}");
    }
}

#[test]
fn short_payloads_are_found_where_a_script_decodes() {
    let page = "<html><script>LAZARET_INNER()</script></html>";
    let text = data_encoding::BASE64.encode(page.as_bytes());
    let turned: String = text.chars().rev().collect();
    let spans: String =
        text.as_bytes().chunks(7).map(|piece| format!("<span>{}</span>\n", String::from_utf8_lossy(piece))).collect();
    let script = "<script>go(atob(x.textContent.split('').reverse().join('')))</script>";
    for hidden in [
        format!("<div hidden id=x>{text}</div>"),
        format!("<div data-x='{text}'></div>"),
        format!("<textarea>{text}</textarea>"),
        format!("<div hidden>{turned}</div>"),
        format!("<input type=hidden value='{turned}'>"),
        format!("<!-- {text} -->"),
        spans.clone(),
        format!("<title>Offer</title>{spans}<b>Word</b>"),
    ] {
        let found = walk(format!("<html><body>{hidden}{script}</body></html>").as_bytes(), "page");
        assert!(found.parts.iter().any(|part| found.bytes[&part.id] == page.as_bytes()), "{hidden}");
        // Nothing decodes it: it is a token.
        let found = walk(format!("<html><body>{hidden}<script>go()</script></body></html>").as_bytes(), "page");
        assert_eq!(found.parts.len(), 2, "{hidden}");
    }
}

#[test]
fn pictures_in_pages_are_not_parts() {
    let found = walk(&b"<html><img src=\"data:image/png;base64,iVBORw0KGgoAAAANSUhEUg==\"></html>"[..], "page");
    assert_eq!(found.parts.len(), 1);
    assert!(found.complete());
}

#[test]
fn no_number_of_comments_hides_a_script() {
    let comments = "<!-- <script>old()</script> -->".repeat(30);
    let page = format!("<html>{comments}<!--[if IE]><script>LAZARET_SCRIPT()</script><![endif]--></html>");
    let found = walk(page.as_bytes(), "page");
    assert!(found.complete());
    assert!(found.parts[1..].iter().any(|p| found.bytes[&p.id].starts_with(b"LAZARET_SCRIPT()")));
    // As many within each other as one likes: those that are not followed are said.
    for (depth, complete) in [(3, true), (5000, false)] {
        let page = format!("<html>{}<script>LAZARET_SCRIPT()</script>--></html>", "<!--".repeat(depth));
        let found = walk(page.as_bytes(), "page");
        assert_eq!(found.parts.len() > 1, complete, "{depth}");
        assert_eq!(found.complete(), complete, "{depth}");
    }
}

#[test]
fn letters_of_any_script_may_follow_a_scheme() {
    let page =
        "<html><a href='vbscript:a\u{e9} LAZARET-BASIC'>x</a><a href='data:,abcd\u{e9} LAZARET-DATA'>x</a></html>";
    let found = walk(page.as_bytes(), "page");
    assert!(found.bytes("//handlers").ends_with(b"LAZARET-BASIC\n"));
    assert!(found.bytes("//data").ends_with(b"LAZARET-DATA"));
}

#[test]
fn codes_drawn_of_cells_and_shapes_are_links() {
    let text = "https://host.invalid/LAZARET";
    let code = qrcode::QrCode::new(text).unwrap();
    let (width, colors) = (code.width(), code.to_colors());
    let dark = |x: usize, y: usize| colors[y * width + x] == qrcode::Color::Dark;
    let all = |each: &dyn Fn(usize, usize) -> String, end: &str| -> String {
        (0..width).map(|y| (0..width).map(|x| each(x, y)).collect::<String>() + end).collect()
    };
    let cells = |dark_cell: &str, light_cell: &str| {
        let cell = |x: usize, y: usize| String::from(if dark(x, y) { dark_cell } else { light_cell });
        all(&cell, "</tr><tr>")
    };
    let shapes =
        |form: &dyn Fn(usize, usize) -> String| all(&|x, y| if dark(x, y) { form(x, y) } else { String::new() }, "");
    for page in [
        format!("<table><tr>{}</tr></table>", cells("<td bgcolor=black></td>", "<td bgcolor=white></td>")),
        format!("<table><tr>{}</tr></table>", cells("<td style='background:#001;width:4px'>", "<td>")),
        format!("<table><tr>{}</tr></table>", cells("<td class=b></td>", "<td class=a></td>")),
        format!("<svg>{}</svg>", shapes(&|x, y| format!("<rect x='{x}' y='{y}' width='1' height='1' fill='#000'/>"))),
        format!("<svg><path d='{}'/></svg>", shapes(&|x, y| format!("M{x} {y}h1v1h-1z"))),
        format!("<svg><path stroke='#000' d='{}'/></svg>", shapes(&|x, y| format!("M{x} {y}.5h1"))),
    ] {
        let found = walk(format!("<!DOCTYPE html><html><body>{page}</body></html>").as_bytes(), "page");
        assert_eq!(found.bytes("//qr-code"), text.as_bytes(), "{}", &page[..60]);
        assert!(found.complete());
    }
}

#[test]
fn neither_tabs_nor_a_missing_word_hide_where_a_page_goes() {
    for (element, name, place) in [
        ("<meta http-equiv=refresh content='0;odd:LAZARET'>", "//refresh", "odd:LAZARET"),
        ("<meta content='0.5 , URL = \"odd:LAZARET\" ' http-equiv=Refresh>", "//refresh", "odd:LAZARET"),
        ("<img srcset='a.png, odd:LAZARET 2x'>", "//link", "odd:LAZARET"),
        ("<button formaction=' &#1;odd:LAZARET'>", "//link", "odd:LAZARET"),
        ("<a href='o\td\nd:LAZARET'>", "//link", "odd:LAZARET"),
    ] {
        let found = walk(format!("<html>{element}x</html>").as_bytes(), "page");
        assert_eq!(found.bytes(name), place.as_bytes(), "{element}");
    }
    let data = data_encoding::BASE64.encode(b"PK\x05\x06\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0");
    let page = format!(
        "<html><a download=a.zip href='da\tta:application/zip;base64,{data}'>x</a><a href='java\nscript:LAZARET()'>y</a>"
    );
    let found = walk(page.as_bytes(), "page");
    assert_eq!(found.part("a.zip").kind.id, "zip");
    assert!(found.contains(b"LAZARET()"));
    // Seconds alone lead nowhere.
    assert_eq!(walk(&b"<html><meta http-equiv=refresh content=30></html>"[..], "page").parts.len(), 1);
}

#[test]
fn packed_numbers_of_an_xml_file_are_no_unknown_files_and_a_program_there_is_one() {
    use std::io::Write as _;
    let packed = |bytes: &[u8]| {
        let mut encoder = flate2::write::ZlibEncoder::new(Vec::new(), flate2::Compression::best());
        encoder.write_all(bytes).unwrap();
        data_encoding::BASE64.encode(&encoder.finish().unwrap())
    };
    let file =
        |text: &str| format!("<?xml version=\"1.0\"?>\n<GIFTI><DataArray><Data>{text}</Data></DataArray></GIFTI>");
    let numbers: Vec<u8> = (0..2000_u32).flat_map(|n| (n as f32 * 1.7).sin().to_be_bytes()).collect();
    let found = walk(file(&packed(&numbers)).as_bytes(), "lh.gii");
    assert!(found.parts.len() == 1 && found.complete(), "{:?}", found.parts);
    let program = crate::testing::build::pe(true, 0x0022, 2, &[]);
    for hidden in [[&program[..], &numbers].concat(), [&numbers[..], &program].concat()] {
        let found = walk(file(&packed(&hidden)).as_bytes(), "lh.gii");
        assert!(found.parts.iter().any(|part| part.is("zlib")), "{:?}", found.parts);
    }
    // A script of a page may unpack what nobody knows.
    let page = format!("<!DOCTYPE html><html><body><p>{}</p></body></html>", packed(&numbers));
    assert!(walk(page.as_bytes(), "a.html").parts.iter().any(|part| part.is("zlib")));
}

#[test]
fn places_that_a_template_fills_in_are_no_files() {
    let page =
        "<div><img src=\"data:image/png;base64,{{ picture }}\"><img src=\"data:image/png;base64,${picture}\"></div>";
    assert_eq!(walk(page.as_bytes(), "a.jinja").parts.len(), 1);
    let page = "<div><a href=\"data:application/zip;base64,{UEsFBgAAAAAAAAAA}\" download=\"a.zip\">x</a></div>";
    assert_eq!(walk(page.as_bytes(), "a.html").parts.len(), 2);
}

#[test]
fn a_script_far_behind_the_beginning_of_any_markup_is_one() {
    let script = "<script xmlns='http://www.w3.org/1999/xhtml'>LAZARET_MARKUP()</script>";
    let filler = "<wpt lat='1' lon='2'/>\n".repeat(5_000);
    for (root, kind) in
        [("gpx", "gpx"), ("kml", "kml"), ("rss", "rss"), ("plist", "plist"), ("math", "mathml"), ("x3d", "x3d")]
    {
        let markup = |inner: &str| format!("<?xml version='1.0'?><{root}>{filler}{inner}</{root}>");
        let found = walk(markup(script).as_bytes(), "a.xml");
        assert_eq!(found.parts[0].kind.id, kind);
        assert!(found.contains(b"LAZARET_MARKUP()"), "{root}: {:?}", found.parts);
        // `mshta` asks for no namespace.
        for application in [
            "<script>new ActiveXObject('WScript.Shell').Run('LAZARET_MARKUP()')</script>",
            "<hta:application id='a'/><script>LAZARET_MARKUP()</script>",
        ] {
            let found = walk(markup(application).as_bytes(), "a.xml");
            let is_script = |part: &lazaret_model::Part| part.role == lazaret_model::Role::Script;
            assert!(found.parts.iter().any(is_script), "{root}: {application} {:?}", found.parts);
        }
        // What only names a page is data.
        let harmless = walk(markup("<p xmlns='http://www.w3.org/1999/xhtml'>text</p>").as_bytes(), "a.xml");
        assert!(harmless.parts.len() == 1 && harmless.complete(), "{root}: {:?}", harmless.parts);
    }
}

#[test]
fn markup_that_is_too_long_to_be_read_is_whole_unless_something_of_a_page_stands_in_it() {
    let filler = "<wpt lat='1' lon='2'/>\n".repeat(super::MOST as usize / 22);
    for (inner, complete) in [("<desc>a description</desc>", true), ("<x:script/>", false)] {
        let markup = format!("<?xml version='1.0'?><gpx>{filler}{inner}</gpx>");
        assert_eq!(walk(markup.as_bytes(), "a.gpx").complete(), complete, "{inner}");
    }
}
