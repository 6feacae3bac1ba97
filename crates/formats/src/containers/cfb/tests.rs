//! Compound files built by the `cfb` crate.

use crate::containers::vba::tests::{SOURCE, compress, dir};
use crate::testing::{Recorded, walk_with};
use lazaret_model::Limits;
use std::io::{Cursor, Write as _};

const MARKER: &[u8] = b"LAZARET-MARKER in a compound file";

pub(crate) fn build(streams: &[(&str, &[u8])]) -> Vec<u8> {
    let mut file = cfb::CompoundFile::create(Cursor::new(Vec::new())).unwrap();
    for (path, bytes) in streams {
        if let Some((storage, _)) = path.rsplit_once('/').filter(|(storage, _)| !storage.is_empty()) {
            file.create_storage_all(storage).unwrap();
        }
        file.create_stream(path).unwrap().write_all(bytes).unwrap();
    }
    file.flush().unwrap();
    file.into_inner().into_inner()
}

fn check(bytes: Vec<u8>) -> Recorded {
    walk_with(bytes, "sample.doc", Some("cfb"), &[], Limits::default())
}

fn utf16(text: &str) -> Vec<u8> {
    text.encode_utf16().flat_map(u16::to_le_bytes).collect()
}

#[test]
fn streams_large_and_small_are_parts() {
    let large: Vec<u8> = (0..30_000u32).flat_map(u32::to_le_bytes).collect();
    let recorded = check(build(&[("/a/large", &large), ("/a/small", MARKER), ("/b", b"b")]));
    assert_eq!(recorded.bytes("//a/large"), large);
    assert_eq!(recorded.bytes("//a/small"), MARKER);
    assert!(recorded.complete());
}

/// A file as the Object Packager keeps it, under the name `C:\invoice.exe`.
fn packed(bytes: &[u8]) -> Vec<u8> {
    let mut package = vec![0, 0, 0, 0, 2, 0];
    package.extend(b"label\0C:\\invoice.exe\0\0\0\x03\0");
    package.extend(4u32.to_le_bytes());
    package.extend(b"tmp\0");
    package.extend((bytes.len() as u32).to_le_bytes());
    package.extend(bytes);
    package.extend(b"tail");
    package
}

#[test]
fn a_package_gives_its_file_and_name() {
    let package = packed(MARKER);
    let recorded = check(build(&[("/ObjectPool/_1/\u{1}Ole10Native", &package)]));
    assert_eq!(recorded.bytes("//C:\\invoice.exe"), MARKER);
}

#[test]
fn attachments_and_bodies_of_a_message_are_parts() {
    let recorded = check(build(&[
        ("/__properties_version1.0", b"p"),
        ("/__substg1.0_1000001F", &utf16("the password is infected")),
        ("/__substg1.0_0037001F", &utf16("an offer")),
        ("/__attach_version1.0_#00000000/__substg1.0_37010102", MARKER),
        ("/__attach_version1.0_#00000000/__substg1.0_3707001F", &utf16("invoice.exe")),
    ]));
    assert_eq!(recorded.bytes("//invoice.exe"), MARKER);
    assert_eq!(recorded.bytes("//body.txt"), b"the password is infected");
}

/// Numbers of a message or an attachment, which are its header and rows of sixteen bytes.
fn numbers(header: usize, rows: &[(u32, u32)]) -> Vec<u8> {
    let rows = rows.iter().flat_map(|(tag, value)| [*tag, 6, *value, 0].into_iter().flat_map(u32::to_le_bytes));
    std::iter::repeat_n(0, header).chain(rows).collect()
}

/// The findings of a message, and the places that are parts of it.
fn judged(streams: &[(&str, &[u8])]) -> (Vec<String>, Vec<String>) {
    let recorded = walk_with(build(streams), "sample.msg", Some("msg"), &[], Limits::default());
    let links = recorded.parts.iter().filter(|part| part.kind.id == "url-target");
    (
        recorded.findings.iter().map(|finding| finding.id.to_string()).collect(),
        links.map(|part| String::from_utf8_lossy(&recorded.bytes[&part.id]).into_owned()).collect(),
    )
}

#[test]
fn the_sound_of_a_reminder_on_a_share_is_told_and_one_of_this_machine_is_not() {
    // The second named property is the sound; the first is another one.
    let names = |sound: u32| {
        [0x8520, sound].into_iter().zip([0u16, 1]).fold(Vec::<u8>::new(), |mut out, (lid, index): (u32, u16)| {
            out.extend(lid.to_le_bytes());
            out.extend([6, 0]);
            out.extend(index.to_le_bytes());
            out
        })
    };
    for (lid, stream, place, told) in [
        (0x851f, "/__substg1.0_8001001F", r"\\203.0.113.5\s\a.wav", true),
        (0x851f, "/__substg1.0_8001001F", r"\\server\s\a.wav", true),
        (0x851e, "/__substg1.0_8001001F", r"\\host.invalid\s\a.wav", true),
        (0x851e, "/__substg1.0_8001001F", r"\\server\s\a.docx", false),
        (0x851f, "/__substg1.0_8001001F", "reminder.wav", false),
        (0x851f, "/__substg1.0_8001001F", r"C:\Windows\Media\a.wav", false),
        (0x851f, "/__substg1.0_0037001F", r"\\host.invalid\s\a.wav", false),
    ] {
        let (findings, _) = judged(&[
            ("/__properties_version1.0", &numbers(32, &[])),
            ("/__nameid_version1.0/__substg1.0_00030102", &names(lid)),
            (stream, &utf16(place)),
        ]);
        assert_eq!(findings.iter().any(|id| id == "mail.remote-property"), told, "{lid:x} {place}: {findings:?}");
    }
    let (findings, links) = judged(&[
        ("/__properties_version1.0", &numbers(32, &[])),
        ("/__nameid_version1.0/__substg1.0_00030102", &names(0x851f)),
        ("/__substg1.0_8001001E", br"\\server\s\a.wav"),
    ]);
    assert_eq!((findings, links), (vec!["mail.remote-property".to_owned()], vec![r"\\server\s\a.wav".to_owned()]));
}

#[test]
fn a_form_of_a_message_is_told_and_its_script_handed_over() {
    let (script, head) = (utf16("Function Item_Open()"), numbers(32, &[]));
    for (lid, told) in [(0x8541_u32, Some("mail.form-script")), (0x850f, Some("mail.form")), (0x8542, None)] {
        let names = [&lid.to_le_bytes()[..], &[6, 0, 1, 0]].concat();
        let message: [(&str, &[u8]); 3] = [
            ("/__properties_version1.0", &head),
            ("/__nameid_version1.0/__substg1.0_00030102", &names),
            ("/__substg1.0_80010102", &script),
        ];
        let (findings, _) = judged(&message);
        assert_eq!(findings.first().map(String::as_str), told, "{lid:x}");
        let recorded = walk_with(build(&message), "sample.msg", Some("msg"), &[], Limits::default());
        assert_eq!(recorded.parts.iter().any(|part| part.kind.id == "vbs"), lid == 0x8541, "{lid:x}");
    }
}

#[test]
fn attachments_that_are_elsewhere_are_told_where_they_are_shares_or_programs() {
    for (method, place, told) in [
        (4, r"\\host.invalid\s\invoice.pdf", true),
        (2, r"\\server\s\invoice.exe", true),
        (7, "https://host.invalid/invoice.exe?a", true),
        (7, "https://house.sharepoint.invalid/sites/a/Shared%20Documents/Plan.docx?web=1", false),
        (2, r"\\server\team\plan.docx", false),
        (1, r"\\server\team\plan.docx", false),
    ] {
        let (findings, links) = judged(&[
            ("/__properties_version1.0", &numbers(32, &[])),
            ("/__attach_version1.0_#00000000/__properties_version1.0", &numbers(8, &[(0x3705_0003, method)])),
            ("/__attach_version1.0_#00000000/__substg1.0_370D001F", &utf16(place)),
            ("/__attach_version1.0_#00000000/__substg1.0_3707001F", &utf16("invoice.pdf")),
        ]);
        assert_eq!(findings.iter().any(|id| id == "mail.external-body"), told, "{place}: {findings:?}");
        assert_eq!(links.iter().any(|link| link == place), method != 1, "{place}");
    }
}

#[test]
fn rich_text_of_a_message_is_unpacked_and_names_of_properties_are_none() {
    let rich = crate::containers::lzfu::tests::pack(b"{\\rtf1 LAZARET-MARKER}");
    let message = |rich: &[u8]| {
        check(build(&[
            ("/__properties_version1.0", b"p"),
            ("/__substg1.0_10090102", rich),
            ("/__nameid_version1.0/__substg1.0_10090102", b"\x59\xb8\x50\x04\x09\0\x04\0"),
        ]))
    };
    let recorded = message(&rich);
    assert_eq!(recorded.bytes("//body.rtf"), b"{\\rtf1 LAZARET-MARKER}");
    assert!(recorded.complete() && recorded.parts.len() == 2, "{:?}", recorded.parts);
    assert!(!message(&rich[..20]).complete());
}

#[test]
fn streams_that_only_the_document_reads_are_no_unknown_files() {
    let told = |bytes| walk_with(bytes, "sample", None, &[], Limits::default());
    let stream: &[u8] = &[0x9b, 0xfe, 0x13, 0x99, 0, 1, 0xe0, 0xbb];
    let kind_in = |own: &str| {
        let recorded = told(build(&[(own, b"x"), ("/ObjectPool/_1/CONTENTS", stream)]));
        recorded.part("//ObjectPool/_1/CONTENTS").kind.id.to_string()
    };
    assert_eq!(kind_in("/WordDocument"), "document-part");
    assert_eq!(kind_in("/VisioDocument"), "document-part");
    // Nothing is known about whoever reads this one.
    assert_eq!(kind_in("/Other"), "unknown");
    // A file that somebody packed is a file, whatever it is.
    let recorded = told(build(&[("/WordDocument", b"x"), ("/ObjectPool/_1/\u{1}Ole10Native", &packed(stream))]));
    assert_eq!(recorded.part("//C:\\invoice.exe").kind.id, "unknown");
    let recorded = told(build(&[("/WordDocument", b"x"), ("/ObjectPool/_1/Equation Native", stream)]));
    assert_eq!(recorded.part("Equation Native").kind.id, "equation");
}

#[test]
fn what_outlook_keeps_beside_an_object_is_no_unknown_file() {
    let notes: &[u8] = &[0x9b, 0xfe, 0x13, 0x99, 0, 1, 0xe0, 0xbb, 0, 0, 0, 1];
    let recorded = check(build(&[("/MailStream", notes), ("/RichEditFlags", notes), ("/\u{1}CompObj", b"x")]));
    assert_eq!(recorded.parts.len(), 1, "{:?}", recorded.parts);
    // There is no room for a file in them.
    let recorded = check(build(&[("/MailStream", &notes.repeat(20))]));
    assert_eq!(recorded.part("//MailStream").kind.id, "unknown");
}

#[test]
fn a_nul_hides_nothing_of_a_message() {
    let body = utf16("a\0LAZARET-MARKER\0");
    let recorded = check(build(&[("/__properties_version1.0", b"p"), ("/__substg1.0_1000001F", &body)]));
    assert_eq!(recorded.bytes("//body.txt"), b"a\0LAZARET-MARKER");
}

/// An installer with so many custom actions, all of them one command, and a table of columns if there is one.
fn installer(actions: usize, columns: &[u8]) -> Vec<u8> {
    let strings = ["run", "cmd.exe", "/c echo LAZARET-MARKER", "CustomAction"];
    let mut pool = vec![0; 4];
    for text in strings {
        pool.extend((text.len() as u16).to_le_bytes());
        pool.extend([1, 0]);
    }
    let kind = (50u16 ^ 0x8000).to_le_bytes();
    let actions = [[1, 0], kind, [2, 0], [3, 0]].map(|column| column.repeat(actions)).concat();
    let encode = |name: &str| {
        const DIGITS: &str = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz._";
        let mut out = String::from("/\u{4840}");
        let codes: Vec<u32> = name.chars().map(|c| DIGITS.find(c).unwrap() as u32).collect();
        for pair in codes.chunks(2) {
            let code = if pair.len() == 2 { 0x3800 + (pair[1] << 6) + pair[0] } else { 0x4800 + pair[0] };
            out.push(char::from_u32(code).unwrap());
        }
        out
    };
    let (pool_name, data_name) = (encode("_StringPool"), encode("_StringData"));
    let (actions_name, columns_name) = (encode("CustomAction"), encode("_Columns"));
    let text = strings.concat();
    let streams: [(&str, &[u8]); 5] = [
        (&pool_name, &pool),
        (&data_name, text.as_bytes()),
        (&actions_name, &actions),
        ("/Binary.payload", MARKER),
        (&columns_name, columns),
    ];
    build(&streams[..if columns.is_empty() { 4 } else { 5 }])
}

#[test]
fn an_installer_gives_streams_and_commands() {
    let recorded = check(installer(1, b""));
    assert_eq!(recorded.bytes("//run"), b"cmd.exe /c echo LAZARET-MARKER");
    assert_eq!(recorded.bytes("//Binary.payload"), MARKER);
}

#[test]
fn custom_actions_are_read_whatever_their_number() {
    // Three rows of four columns have the size of two rows of five.
    let command = b"cmd.exe /c echo LAZARET-MARKER";
    let commands = |columns: &[u8]| {
        let recorded = check(installer(3, columns));
        let commands = recorded.parts.iter().filter(|part| part.kind.id == "command-line");
        commands.map(|part| recorded.bytes[&part.id] == command).collect::<Vec<_>>()
    };
    assert_eq!(commands(b"").into_iter().filter(|found| *found).count(), 3);
    let columns = [[4, 0].repeat(4), vec![0; 24]].concat();
    assert_eq!(commands(&columns), [true; 3]);
}

#[test]
fn what_is_several_things_is_opened_as_all_of_them() {
    let (module, dir) = (compress(SOURCE.as_bytes()), compress(&dir("Module1", 0)));
    let project: [(&str, &[u8]); 4] =
        [("/VBA/dir", &dir), ("/VBA/Module1", &module), ("/VBA/_VBA_PROJECT", b"x"), ("/payload", MARKER)];
    for decoy in ["/EncryptedPackage", "/__properties_version1.0", "/\u{4840}\u{3f3f}"] {
        let recorded = check(build(&[&project[..], &[(decoy, &b"decoy"[..])]].concat()));
        assert!(recorded.contains(SOURCE.as_bytes()) && recorded.contains(MARKER), "{decoy}: {:#?}", recorded.parts);
        assert!(recorded.parts[0].macros, "{decoy}");
    }
}

#[test]
fn a_stream_that_is_not_parsed_to_its_end_is_said() {
    let mut bytes = build(&[("/Workbook", &[0; 5_000])]);
    let name = utf16("Workbook");
    let entry = bytes.windows(name.len()).position(|window| window == name).unwrap();
    bytes[entry + 120..entry + 128].copy_from_slice(&(70u64 << 20).to_le_bytes());
    let recorded = check(bytes);
    assert!(recorded.parts[0].incomplete.iter().any(|reason| reason.contains("the stream `Workbook`")));
}

fn record(id: u16, data: &[u8]) -> Vec<u8> {
    [&id.to_le_bytes()[..], &(data.len() as u16).to_le_bytes(), data].concat()
}

/// A workbook with one macro sheet.
fn macro_sheet(records: &[u8]) -> Vec<u8> {
    let globals = |start: usize| {
        let sheet = [&(start as u32).to_le_bytes()[..], &[0, 1, 6, 0], b"Macro1"].concat();
        [record(0x809, &[0; 16]), record(0x85, &sheet), record(0x0a, &[])].concat()
    };
    let sheet = [&record(0x809, &[0; 16])[..], records, &record(0x0a, &[])].concat();
    build(&[("/Workbook", &[globals(globals(0).len()), sheet].concat())])
}

#[test]
fn formulas_of_several_cells_are_read_and_strange_ones_said() {
    // A formula that says only where the array's is, and the array's.
    let cell = record(6, &[&[0; 20][..], &[5, 0, 1, 0, 0, 0, 0]].concat());
    let tokens = b"\x17\x04\0calc\x42\x01\x6e\0";
    let array = record(0x0221, &[&[0; 12][..], &[tokens.len() as u8, 0], tokens].concat());
    let recorded = check(macro_sheet(&[cell.clone(), array].concat()));
    assert!(recorded.contains(b"\"calc\" EXEC()") && recorded.complete(), "{:#?}", recorded.parts);
    let strange = record(6, &[&[0; 20][..], &[2, 0, 0x3f, 0]].concat());
    let recorded = check(macro_sheet(&[cell, strange].concat()));
    assert!(recorded.parts[0].incomplete.iter().any(|reason| reason.contains("a formula")));
}

#[test]
fn excel_4_macro_sheets_give_their_formulas() {
    let mut tokens = vec![0x17, 4, 0];
    tokens.extend(b"calc");
    tokens.extend([0x42, 1, 110, 0]);
    let mut formula = vec![0; 20];
    formula.extend((tokens.len() as u16).to_le_bytes());
    formula.extend(&tokens);
    let mut sheet = vec![0, 0, 0, 0, 0, 1, 6, 0];
    sheet.extend(b"Macro1");
    // A reference to row 1, column 2 of the first sheet, by built-in name 1 and by a name in full.
    let reference = [0x3a, 0, 0, 0, 0, 1, 0];
    let name = |flags: u8, name: &[u8]| {
        let head = [flags, 0, 0, name.len() as u8, 7, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0];
        record(0x18, &[&head[..], name, &reference].concat())
    };
    let places = record(0x17, &[1, 0, 0, 0, 0, 0, 0, 0]);
    let names = [places, name(0x20, &[1]), name(0, b"auto_close2")].concat();
    let globals = [record(0x809, &[0; 16]), record(0x85, &sheet), names.clone(), record(0x0a, &[])].concat();
    let start = globals.len() as u32;
    sheet[..4].copy_from_slice(&start.to_le_bytes());
    let workbook = [
        record(0x809, &[0; 16]),
        record(0x85, &sheet),
        names,
        record(0x0a, &[]),
        record(0x809, &[0; 16]),
        record(6, &formula),
        record(0x0a, &[]),
    ]
    .concat();
    let recorded = check(build(&[("/Workbook", &workbook)]));
    let text = String::from_utf8_lossy(recorded.bytes("//Macro1")).into_owned();
    assert!(text.contains("\"calc\" EXEC()"), "{text}");
    assert!(text.starts_with("Auto_Open: =Macro1!R1C2\nauto_close2: =Macro1!R1C2\n"), "{text}");
    assert!(recorded.parts[0].macros);
    let locked = [record(0x809, &[0; 16]), record(0x2f, &[0; 6])].concat();
    assert!(check(build(&[("/Workbook", &locked)])).parts[0].locked);
}

#[test]
fn encrypted_packages_are_locked() {
    let head = |flags: u16| [&[0; 10][..], &flags.to_le_bytes(), &[0; 20]].concat();
    let xor = [record(0x809, &[0; 16]), record(0x2f, &[0, 0, 1, 2, 3, 4])].concat();
    let old_xor = [record(0x809, &[0; 16]), record(0x2f, &[1, 2, 3, 4])].concat();
    for (name, stream) in [
        ("/WordDocument", head(0x0100)),
        ("/WordDocument", head(0x8100)),
        ("/Workbook", xor),
        ("/Book", old_xor),
        ("/\u{9}DRMContent", vec![7; 40]),
    ] {
        assert!(check(build(&[(name, &stream)])).parts[0].locked, "{name}");
    }
    assert!(check(build(&[("/WordDocument", &head(0))])).complete());
    assert!(check(build(&[("/EncryptedPackage", MARKER), ("/EncryptionInfo", b"x")])).parts[0].locked);
}

// Vectors C 19.
#[test]
fn truncation_and_noise_never_pass_for_whole() {
    let whole = build(&[("/a/first", MARKER), ("/second", &MARKER.repeat(300))]);
    for sixteenth in 1..16 {
        let recorded = check(whole[..whole.len() * sixteenth / 16].to_vec());
        let both = recorded.parts.len() == 3 && recorded.parts.iter().all(|p| p.complete);
        assert!(!recorded.complete() || both, "cut at {sixteenth}/16");
    }
    for at in (0..whole.len()).step_by(7) {
        let mut bytes = whole.clone();
        bytes[at] ^= 0x41;
        let recorded = check(bytes);
        assert!(recorded.contains(b"LAZARET-MARKER") || !recorded.complete(), "flipped at {at}");
    }
}

#[test]
fn a_link_to_a_program_is_reported_and_one_to_a_workbook_is_not() {
    let book = |path: &str| {
        let head = [1, 0, path.len() as u8, 0, 0];
        let globals =
            [record(0x809, &[0; 16]), record(0x1ae, &[&head[..], path.as_bytes()].concat()), record(0x0a, &[])];
        let recorded = check(build(&[("/Workbook", &globals.concat())]));
        recorded.findings.iter().map(|finding| finding.id.to_string()).collect::<Vec<_>>()
    };
    assert_eq!(book("cmd\u{3}/c calc!A0"), ["ooxml.dde"]);
    assert_eq!(book("MSEXCEL\u{3}..\\..\\Windows\\System32\\cmd.exe /c calc"), ["ooxml.dde"]);
    for path in [
        "\u{1}\u{1}@SERVER share\u{3}folder\u{3}a.xls",
        "\u{1}folder\u{3}a.xls",
        "Word.Document.8\u{3}a.doc",
        "\u{2}",
        "a.xls",
    ] {
        assert_eq!(book(path), Vec::<String>::new(), "{path:?}");
    }
}

#[test]
fn a_formula_of_an_old_workbook_that_calls_a_library_is_told() {
    let cell = |tokens: &[u8]| record(6, &[&[0; 20][..], &[tokens.len() as u8, 0], tokens].concat());
    let name = |tokens: &[u8]| {
        let head = [0, 0, 0, 1, tokens.len() as u8, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0];
        record(0x18, &[&head[..], b"a", tokens].concat())
    };
    for (tokens, told) in [
        (&b"\x17\x01\0a\x42\x01\x96\0"[..], true),
        (b"\x17\x01\0a\x42\x01\x6e\0", true),
        (b"\x42\x01\x0b\x01", true),
        (b"\x17\x06\0CALL()", false),
        (b"\x42\x01\x04\0", false),
    ] {
        let sheet = [&[0; 4][..], &[0, 0, 6, 0], b"Sheet1"].concat();
        for records in [cell(tokens), name(tokens)] {
            let book = [record(0x809, &[0; 16]), record(0x85, &sheet), records, record(0x0a, &[])].concat();
            let recorded = check(build(&[("/Workbook", &book)]));
            assert_eq!(recorded.findings.iter().any(|f| f.id == "ooxml.library-formula"), told, "{tokens:?}");
        }
    }
}
