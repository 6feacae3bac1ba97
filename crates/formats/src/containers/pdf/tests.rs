//! Documents made here, one for each way to hide something in a PDF.

use crate::testing::{walk, walk_with};
use lazaret_model::Limits;
use std::io::Write;

/// Without a trailer.
fn body(objects: &[&str]) -> Vec<u8> {
    let mut out = b"%PDF-1.7\n".to_vec();
    for (index, object) in objects.iter().enumerate() {
        out.extend(format!("{} 0 obj\n{object}\nendobj\n", index + 1).bytes());
    }
    out
}

fn pdf(objects: &[&str]) -> Vec<u8> {
    let mut out = body(objects);
    out.extend(b"trailer\n<</Root 1 0 R>>\n%%EOF\n");
    out
}

fn flate(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = flate2::write::ZlibEncoder::new(Vec::new(), flate2::Compression::default());
    encoder.write_all(bytes).unwrap();
    encoder.finish().unwrap()
}

#[track_caller]
fn check(objects: &[&str], name: &str, expected: &str) {
    let found = walk(pdf(objects), "x.pdf");
    assert_eq!(String::from_utf8_lossy(found.bytes(name)), expected);
}

#[test]
fn scripts_are_found_however_they_are_written() {
    check(
        &["<</OpenAction<</S/JavaScript/JS(app.alert\\('LAZARET'\\))>>>>"],
        "//opening-script",
        "app.alert('LAZARET')",
    );
    check(&["<</S/J#61vaScript/J#53 <4c415a 41524554>>>"], "//script", "LAZARET");
    check(&["<</S/JavaScript/JS<FEFF004C0041005A>>>"], "//script", "LAZ");
    check(&["<</AA<</O<</S/JavaScript/JS 2 0 R>>>>>>", "(LAZARET)"], "//opening-script", "LAZARET");
    check(
        &["<</JS 2 0 R>>", "<</Filter/ASCIIHexDecode/Length 99>>stream\n4c415a41524554>\nendstream"],
        "//script",
        "LAZARET",
    );
    check(&["<</JS 2 0 R>>", "<</Filter[/AHx/RL]>>stream\n064c415a4152455480>endstream"], "//script", "LAZARET");
}

#[test]
fn every_revision_counts() {
    let mut bytes = pdf(&["<</S/JavaScript/JS 2 0 R>>", "(LAZARET-OLD)"]);
    bytes.extend(b"2 0 obj\n(LAZARET-NEW)\nendobj\n%%EOF\n");
    let found = walk(bytes, "x.pdf");
    assert!(found.contains(b"LAZARET-OLD") && found.contains(b"LAZARET-NEW"));
}

#[test]
fn object_streams_are_unpacked_even_when_damaged() {
    let packed = flate(b"7 0 <</S/JavaScript/JS(LAZARET)>>");
    let build = |data: &[u8]| {
        let head =
            format!("%PDF-1.7\n1 0 obj\n<</Type/ObjStm/N 1/First 4/Filter/FlateDecode/Length {}>>stream\n", data.len());
        [head.as_bytes(), data, b"\nendstream\nendobj\n"].concat()
    };
    let found = walk(build(&packed), "x.pdf");
    assert_eq!(found.bytes("//script"), b"LAZARET");
    assert!(found.complete());
    let found = walk(build(&packed[..packed.len() - 6]), "x.pdf");
    assert!(!found.complete());
}

#[test]
fn attachments_and_actions_are_parts() {
    let objects = [
        "<</Type/Filespec/F(a.bat)/EF<</F 2 0 R>>>>",
        "<</Type/EmbeddedFile/Length 17>>stream\n@echo off\r\npause\r\nendstream",
        "<</S/Launch/Win<</F(cmd.exe)/P(/c echo LAZARET)>>>>",
        "<</S/URI/URI(https://host.invalid/a)>>",
        "<</S/GoToR/F(\\\\\\\\host.invalid\\\\s)>>",
        "<</Type/EmbeddedFile/Filter/DCTDecode>>stream\nLAZARET-JPEG\nendstream",
    ];
    let found = walk(pdf(&objects), "x.pdf");
    assert_eq!(found.part("//a.bat").kind.id, "bat");
    assert_eq!(found.bytes("//launch"), b"cmd.exe /c echo LAZARET");
    assert_eq!(found.bytes("//link"), b"https://host.invalid/a");
    assert_eq!(found.bytes("//link#2"), b"\\\\host.invalid\\s");
    assert!(!found.part("//attachment").complete && found.part("//a.bat").complete);
}

/// The places that a document leads to, with what they are to it.
fn places(objects: &[&str]) -> Vec<String> {
    let found = walk(pdf(objects), "x.pdf");
    let links = found.parts.iter().filter(|part| part.kind.id == "url-target");
    links.map(|part| format!("{} {}", part.name, String::from_utf8_lossy(&found.bytes[&part.id]))).collect()
}

#[test]
fn shares_are_places_whatever_the_file_is_to_the_document() {
    const SHARE: &str = r"link \\host.invalid\s\a";
    for (object, expected) in [
        (r"<</S/Rendition/R<</S/MR/C<</S/MCD/D<</F(\\\\host.invalid\\s\\a)>>>>>>>>", SHARE),
        (r"<</S/MCD/D(\\\\host.invalid\\s\\a)>>", SHARE),
        (r"<</Subtype/Movie/Movie<</F(\\\\host.invalid\\s\\a)>>>>", SHARE),
        (r"<</Subtype/FileAttachment/FS<</Type/Filespec/F(\\\\host.invalid\\s\\a)>>>>", SHARE),
        (r"<</Subtype/FileAttachment/FS(\\\\host.invalid\\s\\a)>>", SHARE),
        ("<</Subtype/Form/Ref<</F(//host.invalid/s/a)/Page 0>>>>", "file //host.invalid/s/a"),
        ("<</Subtype/Form/Ref<</F(/host.invalid/s/a.pdf)/Page 0>>>>", "file //host.invalid/s/a.pdf"),
        ("<</Subtype/Form/Ref<</F(/203.0.113.5/s/a.pdf)/Page 0>>>>", "file //203.0.113.5/s/a.pdf"),
        (
            "<</Subtype/Form/Ref<</F(file:/\\\\\\\\host.invalid\\\\s\\\\a.pdf)>>>>",
            "link file:/\\\\host.invalid\\s\\a.pdf",
        ),
    ] {
        assert_eq!(places(&[object]), [expected], "{object}");
    }
    assert!(places(&["<</S/GoToR/F(//host.invalid/s/a)>>"]).contains(&"file //host.invalid/s/a".to_owned()));
    for object in [
        r"<</Type/Filespec/F(\\\\server\\team\\a.xlsx)/EF<<>>>>",
        "<</Subtype/Movie/Movie<</F(a.avi)>>>>",
        "<</S/MCD/D<</F(media/a.mp4)>>>>",
        "<</Subtype/FileAttachment/FS<</Type/Filespec/FS/URL/F(https://host.invalid/a)>>>>",
        "<</S/GoTo/D(chapter 1)>>",
        "<</Subtype/Form/Ref<</F(/c/data/a.pdf)>>>>",
        "<</Subtype/Form/Ref<</F(/Users/a.b/Documents/a.pdf)>>>>",
        "<</Subtype/Form/Ref<</F(/server/team/a.pdf)>>>>",
        "<</Subtype/Form/Ref<</F(/a.pdf)>>>>",
    ] {
        assert!(places(&[object]).is_empty(), "{object}");
    }
}

#[test]
fn names_that_begin_from_a_share_lead_there() {
    let base = "<</Type/Catalog/URI<</Base(file://host.invalid/s/)>>>>";
    assert_eq!(places(&[base, "<</S/URI/URI(a.exe)>>"]), ["link a.exe", "link file://host.invalid/s/"]);
    assert_eq!(places(&[base, "<</S/URI/URI(https://host.invalid/)>>"]), ["link https://host.invalid/"]);
    let web = "<</Type/Catalog/URI<</Base(https://host.invalid/)>>>>";
    assert_eq!(places(&[web, "<</S/URI/URI(a.pdf)>>"]), ["link a.pdf"]);
}

#[test]
fn shares_that_a_form_asks_are_places() {
    for (form, expected) in [
        (r"<xsdConnection><uri>\\host.invalid\a.xsd</uri></xsdConnection>", Some(r"link \\host.invalid\a.xsd")),
        (r#"<event><submit target="file://host.invalid/a"/></event>"#, Some("link file://host.invalid/a")),
        (r#"<?xml-stylesheet href="\\host.invalid\a.xslt" type="text/xsl"?>"#, Some(r"link \\host.invalid\a.xslt")),
        (r#"<!DOCTYPE a [<!ENTITY x SYSTEM "file://host.invalid/a">]>"#, Some("link file://host.invalid/a")),
        (r#"<event><submit target="https://host.invalid/"/></event><uri>https://host.invalid/a</uri>"#, None),
        (r#"<image href="a.png"/><uri>//host.invalid/a</uri>"#, None),
    ] {
        let stream = format!("<<>>stream\n<xdp:xdp xmlns:xdp=\"http://ns.adobe.com/xdp/\">{form}</xdp:xdp>\nendstream");
        assert_eq!(places(&["<</XFA 2 0 R>>", &stream]).first().map(String::as_str), expected, "{form}");
    }
}

#[test]
fn an_encrypted_document_that_stays_shut_is_locked() {
    let mut bytes = body(&["<</JS(x)>>", "<</Filter/Standard/V 9/R 9>>"]);
    bytes.extend(b"trailer\n<</Root 1 0 R/Encrypt 2 0 R>>\n%%EOF\n");
    let found = walk(bytes, "x.pdf");
    assert!(found.part("x.pdf").locked && found.parts.len() == 1);
}

/// Revision 2 of the standard security handler (ISO 32000-1, 7.6.3): RC4 with a 40-bit key.
fn encrypted_pdf(password: &str, script: &[u8]) -> Vec<u8> {
    use md5::{Digest, Md5};
    const PADDING: &[u8] =
        b"\x28\xbf\x4e\x5e\x4e\x75\x8a\x41\x64\x00\x4e\x56\xff\xfa\x01\x08\x2e\x2e\x00\xb6\xd0\x68\x3e\x80\x2f\x0c\xa9\xfe\x64\x53\x69\x7a";
    fn rc4(key: &[u8], data: &[u8]) -> Vec<u8> {
        let mut state: Vec<u8> = (0..=255).collect();
        let mut j = 0usize;
        for i in 0..256 {
            j = (j + usize::from(state[i]) + usize::from(key[i % key.len()])) % 256;
            state.swap(i, j);
        }
        let (mut i, mut j) = (0usize, 0usize);
        data.iter()
            .map(|byte| {
                i = (i + 1) % 256;
                j = (j + usize::from(state[i])) % 256;
                state.swap(i, j);
                byte ^ state[(usize::from(state[i]) + usize::from(state[j])) % 256]
            })
            .collect()
    }
    let padded: Vec<u8> = password.bytes().chain(PADDING.iter().copied()).take(32).collect();
    let owner = rc4(&Md5::digest(&padded)[..5], &padded);
    let key =
        Md5::digest([padded.as_slice(), &owner, &[0xfc, 0xff, 0xff, 0xff], b"0123456789abcdef"].concat())[..5].to_vec();
    let user = rc4(&key, PADDING);
    let object_key = |number: u8| Md5::digest([key.as_slice(), &[number, 0, 0, 0, 0]].concat())[..10].to_vec();
    let hex = |bytes: &[u8]| data_encoding::HEXLOWER.encode(bytes);
    let mut out = body(&[
        "<</Type/Catalog/Pages 2 0 R/OpenAction 4 0 R>>",
        "<</Type/Pages/Kids[3 0 R]/Count 1>>",
        "<</Type/Page/Parent 2 0 R/MediaBox[0 0 9 9]>>",
        &format!("<</S/JavaScript/JS<{}>>>", hex(&rc4(&object_key(4), script))),
        &format!("<</Filter/Standard/V 1/R 2/P -4/O<{}>/U<{}>>>", hex(&owner), hex(&user)),
    ]);
    let offsets: Vec<usize> =
        (1..=5).map(|n| memchr::memmem::find(&out, format!("{n} 0 obj").as_bytes()).expect("it is there")).collect();
    let table = out.len();
    out.extend(b"xref\n0 6\n0000000000 65535 f \n");
    offsets.iter().for_each(|at| out.extend(format!("{at:010} 00000 n \n").bytes()));
    let id = hex(b"0123456789abcdef");
    out.extend(
        format!("trailer\n<</Root 1 0 R/Size 6/Encrypt 5 0 R/ID[<{id}><{id}>]>>\nstartxref\n{table}\n%%EOF\n").bytes(),
    );
    out
}

#[test]
fn encrypted_documents_open_with_the_empty_or_a_given_password() {
    let found = walk(encrypted_pdf("", b"LAZARET"), "x.pdf");
    assert_eq!(found.bytes("//opening-script"), b"LAZARET");
    let bytes = encrypted_pdf("infected", b"LAZARET");
    let found = walk_with(bytes.as_slice(), "x.pdf", None, &["wrong", "infected"], Limits::default());
    assert_eq!(found.bytes("//opening-script"), b"LAZARET");
    assert_eq!(found.part("x.pdf").password.as_deref(), Some("infected"));
    let found = walk_with(encrypted_pdf("unheard-of-0815", b"x"), "x.pdf", None, &[], Limits::default());
    assert!(found.part("x.pdf").locked && found.parts.len() == 1);
}

#[test]
fn a_table_that_is_not_to_the_letter_makes_no_damage_of_a_password() {
    // Lines of nineteen bytes, which readers mend.
    let short = |password: &str| {
        let bytes = encrypted_pdf(password, b"LAZARET");
        let at = memchr::memmem::find(&bytes, b"xref\n0 6").unwrap();
        let table: Vec<u8> = String::from_utf8(bytes[at..].to_vec()).unwrap().replace(" \n", "\n").into_bytes();
        [&bytes[..at], &table].concat()
    };
    let found = walk_with(short("infected"), "x.pdf", None, &["infected"], Limits::default());
    assert_eq!(found.bytes("//opening-script"), b"LAZARET");
    assert_eq!(walk(short(""), "x.pdf").bytes("//opening-script"), b"LAZARET");
    let found = walk_with(short("unheard-of-0815"), "x.pdf", None, &[], Limits::default());
    let reasons = &found.part("x.pdf").incomplete;
    assert!(found.part("x.pdf").locked && reasons.iter().all(|reason| !reason.contains("damaged")), "{reasons:?}");
}

/// Something in the document is not complete, and says so.
#[track_caller]
fn check_said(bytes: Vec<u8>, reason: &str) {
    let found = walk(bytes, "x.pdf");
    let reasons: Vec<_> = found.parts.iter().filter(|part| !part.complete).flat_map(|part| &part.incomplete).collect();
    assert!(reasons.iter().any(|said| said.contains(reason)), "{reason}: {reasons:?}");
}

#[test]
fn no_number_of_revisions_hides_a_script() {
    let revised = |decoys: usize| {
        let mut bytes = pdf(&["<</S/JavaScript/JS 2 0 R>>"]);
        (0..decoys).for_each(|_| bytes.extend(b"2 0 obj(app)endobj\n"));
        bytes.extend(b"2 0 obj(LAZARET)endobj\n");
        bytes
    };
    let found = walk(revised(100), "x.pdf");
    assert!(found.contains(b"app") && found.complete());
    assert!(found.parts.iter().any(|part| found.bytes[&part.id] == b"LAZARET"));
    check_said(revised(super::objects::MOST_REVISIONS), "1000 revisions");
}

#[test]
fn no_number_of_trailers_hides_that_it_is_encrypted() {
    let mut bytes = body(&["<</JS(x)>>", "<</Filter/Standard/V 9/R 9>>"]);
    bytes.extend(b"trailer<<>>\n".repeat(1_100));
    bytes.extend(b"trailer\n<</Root 1 0 R/Encrypt 2 0 R>>\n%%EOF\n");
    assert!(walk(bytes, "x.pdf").part("x.pdf").locked);
}

#[test]
fn no_number_of_entries_hides_a_script() {
    let many = format!("<</A[{}]/S/JavaScript/JS(LAZARET)>>", "/".repeat(200_001));
    check(&[&many], "//script", "LAZARET");
}

#[test]
fn what_nests_too_deep_or_has_too_many_filters_is_said() {
    let deep = format!("{}<</JS(LAZARET)>>{}", "[".repeat(60), "]".repeat(60));
    check_said(pdf(&[&deep]), "more than 48 arrays");
    let filters = format!("<</Filter[{}/AHx]>>stream\n4c415a41524554>\nendstream", "/Crypt".repeat(32));
    check_said(pdf(&["<</JS 2 0 R>>", &filters]), "more than 32 filters");
    let nowhere = "<</Filter 9 0 R>>stream\n4c415a41524554>\nendstream";
    check_said(pdf(&["<</JS 2 0 R>>", nowhere]), "are not there");
    let short = "<</Type/ObjStm/N 2/First 4>>stream\n7 0 <</JS(LAZARET)>>\nendstream";
    check_said(pdf(&[short]), "ends early");
}

#[test]
fn what_is_told_elsewhere_is_looked_up() {
    let hex = "<</Filter 3 0 R/Length 99>>stream\n4c415a41524554>\nendstream";
    check(&["<</JS 2 0 R>>", hex, "[/ASCIIHexDecode]"], "//script", "LAZARET");
    let packed = "<</Type/ObjStm/N 2 0 R/First 4>>stream\n7 0 <</S/JavaScript/JS(LAZARET)>>\nendstream";
    check(&[packed, "1"], "//script", "LAZARET");
    check(&["<</S 2 0 R/F(calc.exe)>>", "/Launch"], "//launch", "calc.exe");
    check(&["<</XFA 2 0 R>>", "[(a) 3 0 R]", "<<>>stream\n<x>LAZARET</x>\nendstream"], "//form", "<x>LAZARET</x>\n");
    check(&["<</F(a.txt)/RF<</F[(a.txt) 2 0 R]>>>>", "<<>>stream\nLAZARET\nendstream"], "//a.txt", "LAZARET\n");
    let twice = "<</Length 3 0 R>>stream\nx//endstream\nLAZARET\nendstream";
    check(&["<</JS 2 0 R>>", twice, "20"], "//script", "x//endstream\nLAZARET");
}

#[test]
fn no_amount_of_space_hides_an_object() {
    let space = " ".repeat(100);
    let bytes = format!("%PDF-1.7\n1{space}0{space}obj{space}<</S/JavaScript/JS(LAZARET)>>");
    assert_eq!(walk(bytes.into_bytes(), "x.pdf").bytes("//script"), b"LAZARET");
}

#[test]
fn a_revision_that_misleads_is_said() {
    let hex = "<</Filter 3 0 R>>stream\n4c415a41524554>\nendstream";
    let mut bytes = pdf(&["<</JS 2 0 R>>", hex, "/ASCIIHexDecode"]);
    bytes.extend(b"3 0 obj/Crypt endobj\n");
    check_said(bytes, "revisions differ");
    let mut bytes = pdf(&["<</Type/ObjStm/N 2 0 R/First 4>>stream\n7 0 <</JS(LAZARET)>>\nendstream", "1"]);
    bytes.extend(b"2 0 obj 0 endobj\n");
    check_said(bytes, "revisions differ");
}

#[test]
fn entries_of_one_name_are_all_looked_at() {
    for object in ["<</S/JavaScript/JS(LAZARET)/JS(other)>>", "<</A[<</JS(other)/JS(LAZARET)>>]>>"] {
        let found = walk(pdf(&[object]), "x.pdf");
        let holds = |script: &[u8]| found.parts.iter().any(|part| found.bytes[&part.id] == script);
        assert!(holds(b"LAZARET") && holds(b"other") && found.complete(), "{object}");
    }
}

#[test]
fn one_stream_may_be_several_things() {
    let found = walk(pdf(&["<</XFA 2 0 R>>", "<</Type/EmbeddedFile>>stream\n<x>LAZARET</x>\nendstream"]), "x.pdf");
    assert_eq!(found.bytes("//form"), found.bytes("//attachment"));
    let mut bytes = pdf(&["<</S/Launch/Win<</F(cmd.exe)/P 2 0 R>>>>", "(/c one)"]);
    bytes.extend(b"2 0 obj(/c LAZARET)endobj\n");
    assert!(walk(bytes, "x.pdf").contains(b"cmd.exe /c LAZARET"));
}

#[test]
fn hostile_documents_do_not_panic() {
    let seed = pdf(&[
        "<</JS 2 0 R/EF<</F 2 0 R>>>>",
        "<</Filter[/FlateDecode/LZWDecode]/Length -1>>stream\nx\nendstream",
        "[[[<</A(\\",
    ]);
    for cut in 5..seed.len() {
        walk(&seed[..cut], "x.pdf");
    }
    walk([b"%PDF-1.4\n1 0 obj ".as_slice(), &vec![b'['; 100_000]].concat(), "x.pdf");
    assert!(!walk(&b"%PDF-1.4\nnothing"[..], "x.pdf").complete());
}

mod codes {
    use super::{flate, pdf};
    use crate::qr::tests::code;
    use crate::testing::walk;
    use qrcode::{Color, QrCode};

    const TEXT: &str = "https://host.invalid/LAZARET";

    /// A document whose second object is this stream.
    fn with_stream(dictionary: &str, data: &[u8]) -> Vec<u8> {
        let mut out = pdf(&["<</Type/Page/Contents 2 0 R>>"]);
        out.extend(format!("2 0 obj\n<<{dictionary}/Length {}>>\nstream\n", data.len()).bytes());
        out.extend(data);
        out.extend(b"\nendstream\nendobj\n%%EOF\n");
        out
    }

    #[track_caller]
    fn check(dictionary: &str, data: &[u8]) {
        let found = walk(with_stream(dictionary, data), "x.pdf");
        assert_eq!(found.bytes("//qr-code"), TEXT.as_bytes(), "{dictionary}");
        assert!(found.complete(), "{:?}", found.parts[0].incomplete);
    }

    #[test]
    fn codes_in_pictures_are_read() {
        let picture = code(TEXT, 4);
        let (width, height) = (picture.width(), picture.height());
        let size = format!("/Subtype/Image/Width {width}/Height {height}");
        let gray: Vec<u8> = picture.rows().flatten().copied().collect();
        check(&format!("{size}/BitsPerComponent 8/ColorSpace/DeviceGray/Filter/FlateDecode"), &flate(&gray));
        let rgb: Vec<u8> = gray.iter().flat_map(|value| [*value; 3]).collect();
        check(&format!("{size}/BitsPerComponent 8/ColorSpace/DeviceRGB/Filter/FlateDecode"), &flate(&rgb));
        let indexes: Vec<u8> = gray.iter().map(|value| value / 255).collect();
        let space = "/ColorSpace[/Indexed/DeviceRGB 1<000000FFFFFF>]";
        check(&format!("{size}/BitsPerComponent 8{space}/Filter/FlateDecode"), &flate(&indexes));
        let bits: Vec<u8> = picture
            .rows()
            .flat_map(|row| {
                row.chunks(8).map(|byte| byte.iter().enumerate().map(|(at, v)| (v & 1) << (7 - at)).sum::<u8>())
            })
            .collect();
        check(&format!("{size}/ImageMask true/Filter/FlateDecode"), &flate(&bits));
    }

    #[test]
    fn codes_drawn_of_shapes_are_read() {
        let code = QrCode::new(TEXT).unwrap();
        let (width, colors) = (code.width(), code.to_colors());
        let dark =
            (0..width * width).filter(|at| colors[*at] == Color::Dark).map(|at| (at % width, width - at / width));
        let squares: String =
            dark.clone().map(|(x, y)| format!("{} {} 3 3 re f\n", 100 + x * 3, 200 + y * 3)).collect();
        let moved: String = dark.clone().map(|(x, y)| format!("q 1 0 0 1 {x} {y} cm 0 0 1 1 re f Q\n")).collect();
        let paths: String =
            dark.map(|(x, y)| format!("{x} {y} m {0} {y} l {0} {1} l {x} {1} l h\n", x + 1, y + 1)).collect();
        for content in [
            format!("1 g 0 0 600 800 re f 0 g\n{squares}"),
            format!("3 0 0 3 90 90 cm\n{moved}"),
            format!("0 0 0 rg\n{paths}f"),
        ] {
            check("/Filter/FlateDecode", &flate(content.as_bytes()));
        }
    }
}
