//! Documents made here, one for each way to hide something in a PDF.

use crate::testing::walk;
use std::io::Write;

fn pdf(objects: &[&str]) -> Vec<u8> {
    let mut out = b"%PDF-1.7\n".to_vec();
    for (index, object) in objects.iter().enumerate() {
        out.extend(format!("{} 0 obj\n{object}\nendobj\n", index + 1).bytes());
    }
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
    check(&["<</OpenAction<</S/JavaScript/JS(app.alert\\('LAZARET'\\))>>>>"], "//script", "app.alert('LAZARET')");
    check(&["<</S/J#61vaScript/J#53 <4c415a 41524554>>>"], "//script", "LAZARET");
    check(&["<</S/JavaScript/JS<FEFF004C0041005A>>>"], "//script", "LAZ");
    check(&["<</AA<</O<</S/JavaScript/JS 2 0 R>>>>>>", "(LAZARET)"], "//script", "LAZARET");
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

#[test]
fn an_encrypted_document_that_stays_shut_is_locked() {
    let mut bytes = pdf(&["<</JS(x)>>", "<</Filter/Standard/V 9/R 9>>"]);
    bytes.extend(b"trailer\n<</Root 1 0 R/Encrypt 2 0 R>>\n%%EOF\n");
    let found = walk(bytes, "x.pdf");
    assert!(found.part("x.pdf").locked && found.parts.len() == 1);
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
