//! Compound files (MS-CFB) and what lies in them: VBA projects (MS-OVBA), Excel sheets (MS-XLS), messages (MS-OXMSG),
//! installers.

use super::utf16;
use std::io::Write as _;

const WRITES: &str = "memory can be written";

/// A macro that starts by itself and starts a program.
pub const MACRO: &str = "Attribute VB_Name = \"Module1\"\r\nSub AutoOpen()\r\n  Shell \"calc\"\r\nEnd Sub\r\nSub Workbook_Open()\r\n  AutoOpen\r\nEnd Sub\r\n";

/// A compound file with these streams; storages are made where a path names them.
pub fn compound(streams: &[(&str, &[u8])]) -> Vec<u8> {
    let mut file = cfb::CompoundFile::create(std::io::Cursor::new(Vec::new())).expect(WRITES);
    // The crate writes the time of creation, which would make every corpus a new one.
    for (path, bytes) in streams {
        if let Some((storage, _)) = path.rsplit_once('/').filter(|(storage, _)| !storage.is_empty()) {
            file.create_storage_all(storage).expect(WRITES);
            let mut at = String::new();
            for name in storage.split('/').filter(|name| !name.is_empty()) {
                at = format!("{at}/{name}");
                file.set_created_time(&at, std::time::UNIX_EPOCH).expect(WRITES);
                file.set_modified_time(&at, std::time::UNIX_EPOCH).expect(WRITES);
            }
        }
        file.create_stream(path).expect(WRITES).write_all(bytes).expect(WRITES);
    }
    file.flush().expect(WRITES);
    file.into_inner().into_inner()
}

/// A container of MS-OVBA 2.4.1 in which everything is literal.
pub fn vba_compress(plain: &[u8]) -> Vec<u8> {
    let mut out = vec![1];
    for chunk in plain.chunks(3600) {
        let data: Vec<u8> = chunk.chunks(8).flat_map(|eight| [&[0], eight].concat()).collect();
        out.extend(((data.len() - 1) as u16 | 0xb000).to_le_bytes());
        out.extend(data);
    }
    out
}

/// The streams of a VBA project with one module, below a storage.
pub fn vba_streams(storage: &str, source: &str, compiled: &[u8]) -> Vec<(String, Vec<u8>)> {
    let mut dir = Vec::new();
    let mut record = |id: u16, size: u32, data: &[u8]| {
        dir.extend(id.to_le_bytes());
        dir.extend(size.to_le_bytes());
        dir.extend(data);
    };
    record(3, 2, &1252u16.to_le_bytes());
    // PROJECTVERSION: its size is always 4, though six bytes follow (MS-OVBA 2.3.4.2.1.11).
    record(9, 4, &[0; 6]);
    record(0x19, 7, b"Module1");
    record(0x1a, 7, b"Module1");
    record(0x31, 4, &(compiled.len() as u32).to_le_bytes());
    record(0x2b, 0, &[]);
    let module = [compiled, &vba_compress(source.as_bytes())].concat();
    vec![
        (format!("{storage}/dir"), vba_compress(&dir)),
        (format!("{storage}/Module1"), module),
        (format!("{storage}/_VBA_PROJECT"), b"\xcc\x61\0\0".to_vec()),
    ]
}

/// `vbaProject.bin` with this module.
pub fn vba_project(source: &str) -> Vec<u8> {
    of(&[], &vba_streams("/VBA", source, &[0xee; 100]))
}

/// A Word 97 document with this macro.
pub fn doc(source: &str) -> Vec<u8> {
    // The File Information Block begins with its mark and version (MS-DOC 2.5.2).
    let mut block = vec![0; 4096];
    block[..4].copy_from_slice(&[0xec, 0xa5, 0xc1, 0]);
    of(&[("/WordDocument", &block), ("/1Table", &[0; 64])], &vba_streams("/Macros/VBA", source, &[0xee; 100]))
}

/// An Excel 97 workbook with this macro.
pub fn xls(source: &str) -> Vec<u8> {
    of(&[("/Workbook", &workbook(&[]))], &vba_streams("/_VBA_PROJECT_CUR/VBA", source, &[0xee; 100]))
}

/// A PowerPoint 97 presentation with nothing but its streams.
pub fn ppt() -> Vec<u8> {
    compound(&[("/PowerPoint Document", &[0; 64]), ("/Current User", &[0; 32])])
}

fn of(fixed: &[(&str, &[u8])], streams: &[(String, Vec<u8>)]) -> Vec<u8> {
    let mut all = fixed.to_vec();
    all.extend(streams.iter().map(|(path, bytes)| (path.as_str(), bytes.as_slice())));
    compound(&all)
}

fn record(id: u16, data: &[u8]) -> Vec<u8> {
    [&id.to_le_bytes()[..], &(data.len() as u16).to_le_bytes(), data].concat()
}

/// A `Workbook` stream with one macro sheet of these formulas (MS-XLS 2.4).
fn workbook(formulas: &[Vec<u8>]) -> Vec<u8> {
    let sheet = |start: u32| {
        let mut data = start.to_le_bytes().to_vec();
        data.extend([0, u8::from(!formulas.is_empty()), 6, 0]);
        data.extend(b"Macro1");
        record(0x85, &data)
    };
    // A defined name that is the built-in `Auto_Open` (MS-XLS 2.4.150): one character, whose code is 1.
    let mut name = vec![0x20, 0, 0, 1, 7, 0, 0, 0, 1, 0, 0, 0, 0, 0, 0, 1];
    name.extend([0x3a, 0, 0, 0, 0, 0, 0]);
    let name = if formulas.is_empty() { Vec::new() } else { record(0x18, &name) };
    let globals = |start| {
        [
            record(0x809, &[0, 6, 5, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0]),
            sheet(start),
            name.clone(),
            record(0x0a, &[]),
        ]
        .concat()
    };
    let start = globals(0).len() as u32;
    let cells: Vec<u8> = formulas.iter().flat_map(|formula| record(6, formula)).collect();
    [globals(start), record(0x809, &[0; 16]), cells, record(0x0a, &[])].concat()
}

/// A workbook whose macro sheet of Excel 4.0 starts by itself and runs `calc`.
pub fn xls4() -> Vec<u8> {
    // ptgStr "calc", ptgFuncVar with one argument and the number of EXEC (MS-XLS 2.5.198).
    let mut tokens = vec![0x17, 4, 0];
    tokens.extend(b"calc");
    tokens.extend([0x42, 1, 110, 0]);
    let mut formula = vec![0; 20];
    formula.extend((tokens.len() as u16).to_le_bytes());
    formula.extend(&tokens);
    compound(&[("/Workbook", &workbook(&[formula]))])
}

/// An Outlook message with a text and one attachment.
pub fn msg(text: &str, name: &str, attachment: &[u8]) -> Vec<u8> {
    compound(&[
        ("/__properties_version1.0", &[0; 32]),
        ("/__substg1.0_1000001F", &utf16(text)),
        ("/__attach_version1.0_#00000000/__substg1.0_37010102", attachment),
        ("/__attach_version1.0_#00000000/__substg1.0_3707001F", &utf16(name)),
    ])
}

/// An installer of Windows with one custom action and one binary.
pub fn msi(command: (&str, &str), binary: &[u8]) -> Vec<u8> {
    let strings = ["run", command.0, command.1];
    let mut pool = vec![0; 4];
    for text in strings {
        pool.extend((text.len() as u16).to_le_bytes());
        pool.extend([1, 0]);
    }
    // Type 50: a program with a command line; numbers are stored with the highest bit turned.
    let actions = [&[1, 0][..], &(50u16 ^ 0x8000).to_le_bytes(), &[2, 0, 3, 0]].concat();
    compound(&[
        (&msi_name("_StringPool"), &pool),
        (&msi_name("_StringData"), strings.concat().as_bytes()),
        (&msi_name("CustomAction"), &actions),
        ("/Binary.payload", binary),
    ])
}

/// The name of a table's stream: two characters in one code unit.
fn msi_name(name: &str) -> String {
    const DIGITS: &str = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz._";
    let codes: Vec<u32> = name.chars().map(|c| DIGITS.find(c).expect("a character of a name") as u32).collect();
    let units = codes.chunks(2).map(|pair| match pair {
        [first, second] => 0x3800 + (second << 6) + first,
        _ => 0x4800 + pair[0],
    });
    ["/\u{4840}".to_owned(), units.map(|unit| char::from_u32(unit).expect("a character")).collect()].concat()
}
