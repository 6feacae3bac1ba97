mod growth;

use super::{HEXLOWER, State};
use crate::testing::{Recorded, build::crc_less_zip, walk_with};
use crate::{Budget, Content, Passwords};
use lazaret_model::{Limits, Part};
use sha2::Digest;
use std::sync::Arc;

#[test]
fn a_text_is_also_what_its_name_or_declared_type_makes_of_it() {
    let long = format!("{}<script>LAZARET()</script>", "The harbour office keeps the books.\n".repeat(3_000));
    for (name, declared, kind) in [
        ("a.html", None, Some("html")),
        ("a.HTM", None, Some("html")),
        ("a.svg", None, Some("svg")),
        ("a.svg", Some("image/svg+xml"), Some("svg")),
        ("a.txt", Some("text/html; charset=utf-8"), Some("html")),
        ("a.txt", Some("Text/JavaScript"), Some("js")),
        ("a.txt", None, None),
        ("a.txt", Some("text/css"), None),
        ("a.vcf", None, Some("vcard")),
        ("a.ICS", None, Some("ics")),
        ("a.eps", None, Some("postscript")),
        ("a.uue", None, Some("uuencode")),
    ] {
        let mut part = Part { size: long.len() as u64, name: name.to_owned(), ..Part::sample("", 0) };
        part.declared_type = declared.map(str::to_owned);
        part.kind = crate::identify(&Content::from(long.as_bytes())).unwrap().kind;
        assert_eq!(part.kind.id, "text");
        super::settle(&mut part);
        let told =
            ["html", "svg", "js", "vcard", "ics", "postscript", "uuencode"].into_iter().find(|kind| part.is(kind));
        assert_eq!(told, kind, "{name} {declared:?}");
    }
    // Whatever its bytes are, a browser shows what is called a page as one.
    for (name, declared, kind, is_page) in [
        ("a.html", None, "json", true),
        ("a.html", None, "wav", true),
        ("a.xhtml", Some("application/octet-stream"), "der", true),
        ("a.html", Some("image/jpeg"), "jpeg", false),
        ("a.jpg", None, "jpeg", false),
        ("a.json", None, "json", false),
        ("a.html", None, "empty", false),
        // Nor does it ask what a page is called.
        ("a.bin", Some("text/html"), "sqlite", true),
        ("a.bin", Some("text/html"), "pe32", false),
        ("a.csv", Some("text/html"), "csv", false),
        ("a.gpx", Some("text/html"), "gpx", true),
        ("a.xml", Some("application/xhtml+xml"), "plist", true),
        ("a.gpx", Some("application/gpx+xml"), "gpx", false),
    ] {
        let mut part = Part { name: name.to_owned(), ..Part::sample("", 0) };
        part.kind = crate::kind(kind).unwrap().kind();
        part.declared_type = declared.map(str::to_owned);
        super::settle(&mut part);
        assert_eq!(part.is("html"), is_page, "{name} {kind}");
    }
    // Data is what it is.
    let mut json = Part { name: "a.json".to_owned(), ..Part::sample("", 0) };
    json.kind = crate::kind("json").unwrap().kind();
    json.declared_type = Some("text/html".to_owned());
    super::settle(&mut json);
    assert!(!json.is("html"));
}

#[test]
fn what_the_budget_leaves_unopened_says_so() {
    let inner = crc_less_zip(&[("a.txt", b"LAZARET")]);
    let limits = Limits { output_bytes: 10, ..Limits::default() };
    let recorded = walk_with(crc_less_zip(&[("inner.zip", &inner)]), "x.zip", None, &[], limits);
    let reasons = &recorded.part("//inner.zip").incomplete;
    assert!(reasons.iter().any(|reason| reason.contains("was not opened")), "{reasons:?}");
}

#[test]
fn what_contains_itself_is_reported_and_not_opened_again() {
    let bytes = crc_less_zip(&[("a.txt", b"LAZARET")]);
    let own = HEXLOWER.encode(&sha2::Sha256::digest(&bytes));
    for (ancestors, ids, parts) in [(vec![own], vec!["bomb.contains-itself"], 1), (vec![], vec![], 2)] {
        let mut recorded = Recorded::default();
        let clock: crate::Clock = Arc::new(std::time::Duration::default);
        let mut state = State {
            budget: Budget::new(Limits::default(), clock, bytes.len() as u64),
            spool: None,
            spool_top: 0,
            passwords: Passwords::new(Vec::new()),
            unread: Vec::new(),
            unread_bytes: 0,
            worked: Vec::new(),
            visitor: &mut recorded,
            pending: Vec::new(),
            next_id: 0,
            legacy_hashes: false,
            retry_bytes: 0,
            pictures: crate::qr::Pictures::default(),
            tries: 0,
            tried_at: None,
            hidden: Vec::new(),
            twins: std::collections::HashMap::new(),
        };
        let part = Part { id: state.next_id(), ..Part::sample("", 0) };
        state.visit(part, None, Content::from(bytes.clone()), &ancestors, &mut Vec::new());
        assert_eq!(recorded.findings.iter().map(|f| &*f.id).collect::<Vec<_>>(), ids);
        assert_eq!(recorded.parts.len(), parts);
        assert_eq!(recorded.parts[0].incomplete.len(), ids.len());
    }
}

#[test]
fn a_text_that_is_called_a_mail_is_read_as_one_or_incomplete() {
    let mail = "From: a@host.invalid\r\nTo: b@host.invalid\r\nSubject: x\r\nMIME-Version: 1.0\r\n\
                Content-Type: multipart/mixed; boundary=q\r\n\r\n--q\r\nContent-Type: application/octet-stream; name=a.bin\r\n\
                Content-Transfer-Encoding: base64\r\n\r\nTEFaQVJFVC1NQVJLRVI=\r\n--q--\r\n";
    let bare = mail.split_once("MIME-Version: 1.0\r\n").unwrap().1;
    let read = walk_with(bare.as_bytes(), "a.eml", None, &[], Limits::default());
    assert!(read.contains(b"LAZARET-MARKER"), "{:?}", read.parts);
    // Lines that end as on old Macs, which some programs read.
    let old = walk_with(mail.replace("\r\n", "\r").as_bytes(), "a.eml", None, &[], Limits::default());
    assert!(!old.complete(), "{:?}", old.parts);
    let note =
        walk_with(&b"Notes of the harbour\n\nThe ferry leaves at nine.\n"[..], "a.txt", None, &[], Limits::default());
    assert!(note.complete() && !note.parts[0].is("eml"), "{:?}", note.parts);
}
