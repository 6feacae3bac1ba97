//! Small files stop nobody: what repeats itself twice as often takes about twice the steps, whatever it is taken for.

use crate::testing::{build, steps, steps_of, walk_with};
use crate::{Content, FORMATS, Visitor};
use data_encoding::BASE64;
use lazaret_model::{Child, Finding, Limits, Part, PartId};
use std::collections::HashSet;

/// Steps that little may take: tables and decoders that are made, whatever there is to read.
const FEW: u64 = 1 << 19;
/// Objects of a PDF that overlap are read again up to 64 MiB, and each byte is two steps or more.
const FEW_OF_PDF: u64 = 256 << 20;

/// Keeps nothing: only what the walk itself takes is asked for.
struct Nobody;

impl Visitor for Nobody {
    fn begin(&mut self, _part: &Part) {}

    fn inspect(&mut self, _part: &Part, _content: &Content) -> Vec<String> {
        Vec::new()
    }

    fn finding(&mut self, _part: &Part, _finding: Finding) {}

    fn end(&mut self, _part: &Part, _children: &[Child]) {}

    fn withdraw_below(&mut self, _part: PartId) {}
}

/// Asserts that twice as much takes at most about twice the steps; `few` are not looked at closely.
#[track_caller]
fn grows(what: &str, kind: Option<&'static str>, few: u64, once: &[u8], twice: &[u8]) {
    let (before, after) = (steps(once, "x", kind, &mut Nobody), steps(twice, "x", kind, &mut Nobody));
    let kind = kind.unwrap_or("none");
    assert!(after <= before.max(few) / 10 * 26, "{what} as {kind}: {before} steps, then {after}");
    assert!(after <= few + 8_192 * twice.len() as u64, "{what} as {kind}: {after} steps for {} bytes", twice.len());
}

/// A pattern over and over, cut at so many bytes.
fn filled(pattern: &[u8], length: usize) -> Vec<u8> {
    pattern.iter().copied().cycle().take(length).collect()
}

/// Whether a pattern is tried as a kind: all where nothing is said about the kind; of the others a quarter each, in turn, unless
/// `LAZARET_TEST_EVERYTHING` asks for all.
fn tried(turn: usize, pattern: usize) -> bool {
    turn == 0 || turn % 4 == pattern % 4 || std::env::var_os("LAZARET_TEST_EVERYTHING").is_some()
}

/// Kinds that something opens, and none, which is to be identified. Of archives that the same readers open, one each.
fn kinds() -> Vec<Option<&'static str>> {
    let mut seen = HashSet::new();
    let mut kinds = vec![None];
    for format in FORMATS {
        for kind in format.kinds() {
            let by: Vec<&str> = FORMATS.iter().filter(|f| f.kinds().contains(kind)).map(|f| f.id()).collect();
            let form = format.id() == "encoded" && !["uuencode", "yenc", "binhex", "pem", "text"].contains(kind);
            let alike = form || matches!(format.id(), "zip" | "ooxml" | "odf" | "cfb");
            if seen.insert((by, if alike { "" } else { *kind })) {
                kinds.push(Some(*kind));
            }
        }
    }
    kinds
}

/// What notations open something with, and what they are escaped with.
const TEXTS: &[&str] = &[
    // Markup.
    "<",
    "</",
    "<a ",
    "<a b=\"",
    "<!--",
    "<!--x",
    "<!-- <",
    "<![CDATA[",
    "<!DOCTYPE a [",
    "<?xml ",
    "<script>",
    "<svg><style>",
    "<a href='data:text/html,<a>'>",
    "<url><![CDATA[a:",
    "<meta http-equiv=refresh content=a=b>",
    "&#",
    "&#x41;",
    "&amp",
    // Scripts.
    "\"",
    "\\\"",
    "'",
    "\\'",
    "`",
    "\\`",
    "(",
    "[",
    "{",
    "{[",
    "[{\"a\":",
    "/*",
    "//",
    "a+=a;",
    "a='b';",
    "'a'+",
    "[1,",
    "atob(",
    "atob('QUFBQUFBQUE='",
    "eval(",
    "a.split(/[",
    "a.replace(/(a|b)*/,",
    "['a','b'].join(",
    "'a'.split('').reverse().join('')+",
    "unescape('%u",
    "%u",
    "%41",
    "\\x41",
    "-enc ",
    "-enc QQBBAEEA ",
    "#@~^",
    "#@~^AAAAAA==",
    "^#~@",
    "<#",
    "#>",
    "^",
    // Mail, calendars and what is armored.
    "a:",
    "a\n",
    "\n ",
    "=\n",
    "From a\n",
    "Content-Type:",
    "Content-Type: multipart/mixed; boundary=b\n\n--b\n",
    "Content-Type: message/rfc822\n\n",
    "Content-Type: multipart/mixed; boundary=\"",
    "--b\r\n",
    "=?utf-8?q?",
    "=?utf-8?q?a?= ",
    "begin 644 a\n",
    "begin-base64 644 a\n",
    "=ybegin name=a\n",
    "(This file must be converted with BinHex 4.0)\n:",
    "with BinHex",
    "-----BEGIN CERTIFICATE-----\n",
    "-----BEGIN PKCS7-----\n",
    "-----BEGIN PGP A:\n",
    "-----BEGIN PGP MESSAGE-----\n",
    "-----BEGIN PGP SIGNED MESSAGE-----\n",
    "BEGIN:VCARD\n",
    "BEGIN:VALARM\nACTION:PROCEDURE\n",
    "A;B=\"",
    "NOTE;QUOTED-PRINTABLE:a=\n",
    "WARC/1.0\r\nContent-Length: 0\r\n\r\n\r\n\r\n",
    // Documents.
    "{\\rtf",
    "{\\rtf1{\\*\\objdata 00",
    "{\\object",
    "\\bin",
    "\\bin9 ",
    "\\'41",
    "%PDF-1.4\n",
    "1 0 obj<<(",
    "1 0 obj<</Length 1 0 R>>stream\n",
    "<<",
    "trailer<<",
    "xref\n0 1\n",
    "startxref\n0\n",
    "stream\n",
    "endobj\n",
    // Settings.
    "- &a [*a,*a]\n",
    "[InternetShortcut]\nURL=a:\n",
    "C;K\"a\"\n",
    "ID;P\n",
    "bplist00",
    "cos\nsystem\n(",
    "(S'a'\n",
    "\u{2588}\u{2588}  ",
];

/// What files begin with, and records of theirs.
const BYTES: &[&[u8]] = &[
    b"\0",
    b"\xff",
    b"\x01",
    b"MZ",
    b"\x7fELF",
    b"PK\x03\x04",
    b"PK\x01\x02",
    b"PK\x05\x06",
    b"PK\x05\x06\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0",
    b"PK\x07\x08",
    b"PK\x03\x04\x14\0\0\0\0\0\0\0\0\0\0\0\0\0\x04\0\0\0\x04\0\0\0\x01\0\0\0a",
    b"Rar!\x1a\x07\x00",
    b"Rar!\x1a\x07\x01\x00",
    b"7z\xbc\xaf\x27\x1c",
    b"MSCF\0\0\0\0",
    b"\x1f\x8b\x08\0\0\0\0\0\0\xff",
    b"\x1f\x8b\x08\0\0\0\0\0\0\xff\x03\0\0\0\0\0\0\0\0\0",
    b"\x1f\x9d\x90",
    b"BZh9",
    b"BZh9\x17\x72\x45\x38\x50\x90\0\0\0\0",
    b"\xfd7zXZ\0",
    b"LZIP\x01\x0c",
    b"\x28\xb5\x2f\xfd",
    b"\x50\x2a\x4d\x18\0\0\0\0",
    b"\x04\x22\x4d\x18",
    b"ustar",
    b"070701",
    b"!<arch>\n",
    b"\x01CD001",
    b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1",
    b"\0Attribut",
    b"\x01\x08\xb0\0Attribut",
    b"L\0\0\0\x01\x14\x02\0\0\0\0\0\xc0\0\0\0\0\0\0F",
    b"\xe4\x52\x5c\x7b\x8c\xd8\xa7\x4d",
    b"\x89PNG\r\n\x1a\n",
    b"\0\0\0\0IDAT\0\0\0\0",
    b"\xff\xd8\xff\xe0\0\x02",
    b"\xff\xd8\xff\xd9",
    b"GIF89a",
    b"!\xfe\x01a\0",
    b"RIFF\0\0\0\0WEBP",
    b"ID3\x03\0\0\0\0\0\0",
    b"\x1a\x45\xdf\xa3",
    b"\x19\x41\xa4\x69\x80",
    b"\x30\x80",
    b"\x30\x80\x06\x09\x2a\x86\x48\x86\xf7\x0d\x01\x07\x02\xa0\x80",
    b"\x24\x80",
    b"\x80\x04.",
    b"\xed\xab\xee\xdb",
    b"BLENDER",
    b"\xc1\xc0",
    b"\xa3\x00",
];

#[test]
fn no_text_that_repeats_itself_takes_longer_than_its_length_says() {
    for (turn, kind) in kinds().into_iter().enumerate() {
        let few = if kind == Some("pdf") { FEW_OF_PDF } else { FEW };
        for pattern in TEXTS.iter().enumerate().filter(|(at, _)| tried(turn, *at)).map(|(_, pattern)| pattern) {
            let of = |length| filled(pattern.as_bytes(), length);
            grows(&format!("{pattern:?}"), kind, few, &of(4 << 10), &of(8 << 10));
        }
    }
}

#[test]
fn no_bytes_that_repeat_themselves_take_longer_than_their_length_says() {
    for (turn, kind) in kinds().into_iter().enumerate() {
        let few = if kind == Some("pdf") { FEW_OF_PDF } else { FEW };
        for pattern in BYTES.iter().enumerate().filter(|(at, _)| tried(turn, *at)).map(|(_, pattern)| pattern) {
            let of = |length| filled(pattern, length);
            grows(&pattern.escape_ascii().to_string(), kind, few, &of(4 << 10), &of(8 << 10));
        }
    }
}

#[test]
fn what_is_numbered_or_stands_behind_a_beginning_takes_no_longer_than_its_length_says() {
    type Make = fn(usize) -> String;
    let cases: &[(&'static str, u64, usize, Make)] = &[
        ("js", FEW, 10_000, |count| format!("var a = '{}';{}", "word ".repeat(200), "b=a;f(a);".repeat(count))),
        ("js", FEW, 10_000, |count| format!("{}\n'a'", "'\\'".repeat(count))),
        ("js", FEW, 3_000, |count| {
            (0..count).map(|at| format!("var a{at}='a'+a{};", at.saturating_sub(1) / 2)).collect()
        }),
        ("js", FEW, 3_000, |count| format!("a=[{}];{}", "'b',".repeat(50), "a.join('c');".repeat(count))),
        ("ps1", FEW, 2_000, |count| {
            let command = |at: usize| format!("a{at}").encode_utf16().flat_map(u16::to_le_bytes).collect::<Vec<u8>>();
            (0..count)
                .map(|at| format!("-enc {} ", BASE64.encode(&[command(at), vec![b'a', 0, b'a', 0]].concat())))
                .collect()
        }),
        ("eml", FEW, 10_000, |count| {
            let fields: String = (0..count).map(|at| format!("Content-Transfer-Encoding: a{at}\n")).collect();
            format!("From: a\n{fields}\nbody\n")
        }),
        ("eml", FEW, 2_000, |count| {
            let borders: String = (0..count).map(|at| format!("--b{at}\n\na\n")).collect();
            format!("From: a\nContent-Type: multipart/mixed; boundary=b\n\n{borders}--b--\n")
        }),
        ("library-ms", 16 << 20, 1_000, |count| format!("<libraryDescription>{}]]>", "<url><![CDATA[a:".repeat(count))),
        ("html", FEW, 2_000, |count| format!("{}{}", "<!--<a>".repeat(count), "-->".repeat(count))),
        ("html", FEW, 2_000, |count| (0..count).map(|at| format!("<a href='search-ms:{at}' download=b>")).collect()),
        ("rtf", FEW, 2_000, |count| {
            format!("{{\\rtf1{}{}}}", "{\\object{\\*\\objdata 0105".repeat(count), "}}".repeat(count))
        }),
        ("pdf", FEW_OF_PDF, 5_000, |count| format!("%PDF-1.4\n{}", "1 0 obj<<(".repeat(count))),
        // Every action leads to the next one twice, and every page to the next level twice.
        ("pdf", 16 << 20, 1_000, |count| {
            let action = |at: usize| format!("{at} 0 obj<</S/JavaScript/JS(a)/Next[{0} 0 R {0} 0 R]>>endobj\n", at + 1);
            let actions: String = (2..count).map(action).collect();
            format!("%PDF-1.4\n1 0 obj<</Type/Catalog/OpenAction 2 0 R>>endobj\n{actions}trailer<</Root 1 0 R>>")
        }),
        ("pdf", 16 << 20, 1_000, |count| {
            let page = |at: usize| format!("{at} 0 obj<</Type/Pages/Kids[{0} 0 R {0} 0 R]>>endobj\n", at + 1);
            let pages: String = (2..count).map(page).collect();
            format!("%PDF-1.4\n1 0 obj<</Type/Catalog/Pages 2 0 R>>endobj\n{pages}trailer<</Root 1 0 R>>")
        }),
        ("pdf", 16 << 20, 1_000, |count| {
            let length = |at: usize| format!("{at} 0 obj<</Length {} 0 R>>stream\na\nendstream\nendobj\n", at + 1);
            format!("%PDF-1.4\n{}trailer<</Root 1 0 R>>", (2..count).map(length).collect::<String>())
        }),
    ];
    for (index, (kind, few, count, make)) in cases.iter().enumerate() {
        let (once, twice) = (make(*count), make(2 * count));
        grows(&format!("case {index}"), Some(*kind), *few, once.as_bytes(), twice.as_bytes());
    }
}

#[test]
fn a_module_that_begins_everywhere_is_not_read_from_each_beginning_to_the_end() {
    // Pieces of 36 bytes, so that each beginning leads through the whole stream.
    let file = |count: usize| {
        let module = b"\x01\x21\x30\0Attribut".repeat(count);
        build::compound(&[("dir", &b"broken"[..]), ("_VBA_PROJECT", b"\xcc\x61\0\0"), ("Module1", &module)])
    };
    grows("modules", Some("cfb"), 32 << 20, &file(5_000), &file(10_000));
}

#[test]
fn a_value_that_is_doubled_again_and_again_takes_no_more_than_its_script() {
    let script = format!("var a = 'QUFBQUFB';{}", "a+=a;".repeat(60));
    let (steps, recorded) = steps_of(script.as_bytes(), "a.js", Some("js"));
    assert!(steps < 1 << 25 && recorded.complete(), "{steps} {:?}", recorded.parts[0].incomplete);
}

#[test]
fn a_large_value_that_is_joined_again_and_again_is_given_up_and_says_so() {
    let large = "QUFBQUFB".repeat(100_000);
    let script = format!("var a = '{large}';{}", "b = a + 'QUFB';".repeat(2_000));
    let (steps, recorded) = steps_of(script.as_bytes(), "a.js", Some("js"));
    assert!(steps < 1 << 30, "{steps}");
    let reasons = &recorded.parts[0].incomplete;
    assert!(reasons.iter().any(|reason| reason.contains("64 MiB")), "{reasons:?}");
}

#[test]
fn more_steps_than_a_sample_may_take_make_it_incomplete_and_name_the_limit() {
    let script = format!("var a = '{}';{}", "QUFBQUFB".repeat(10_000), "b = a + 'QUFB';".repeat(20));
    let found = |steps: u64| {
        let limits = Limits { steps, ..Limits::default() };
        walk_with(script.as_bytes(), "a.js", Some("js"), &[], limits)
    };
    let (few, enough) = (found(1_000_000), found(1 << 32));
    let reasons = &few.parts[0].incomplete;
    assert!(!few.complete() && reasons.iter().any(|reason| reason.contains("1000000 steps")), "{reasons:?}");
    assert!(few.findings.iter().any(|finding| finding.id == "limit.steps"), "{:?}", few.findings);
    assert!(enough.complete(), "{:?}", enough.parts[0].incomplete);
}
