//! Binary workbooks ([MS-XLSB]): programs that they ask for data, and formulas of cells and names that call a library or start a
//! program. Sheets of macros are recognised elsewhere and not read.

use super::Found;
use crate::containers::bytes::{u16_le, u32_le, utf16_le};
use crate::{OpenError, Parts};

/// How the parts of a workbook begin that are read: the workbook, a sheet, and what it takes from elsewhere (2.3.2: records 131, 129
/// and 360).
const BEGINNINGS: [&[u8]; 3] = [&[0x83, 1], &[0x81, 1], &[0xe8, 2]];
/// Bytes before a cell's value (2.5.9), and before the formula of several cells (2.4.6 and 2.4.804: a range, and of the former a byte).
const CELL: usize = 8;
const RANGE: usize = 16;
/// Functions of Excel's own that call a library or start a program, by number (2.5.97.10).
const FUNCTIONS: [(u16, &str); 4] = [(110, "EXEC"), (149, "REGISTER"), (150, "CALL"), (267, "REGISTER.ID")];
/// Programs of the office, asked for a part of another document.
const OFFICE: [&str; 3] = ["excel", "winword", "powerpnt"];

/// Whether bytes begin as a part of a binary workbook does.
pub(super) fn begins(head: &[u8]) -> bool {
    BEGINNINGS.iter().any(|mark| head.starts_with(mark))
}

/// Looks at the records of a part.
pub(super) fn look(bytes: &[u8], found: &mut Found, parts: &mut Parts<'_, '_>) -> Result<(), OpenError> {
    parts.budget().step(bytes.len() as u64).map_err(OpenError::Limit)?;
    let mut at = 0;
    while let Some((id, data)) = record(bytes, &mut at) {
        parts.budget().step(8).map_err(OpenError::Limit)?;
        let formula = match id {
            // BrtFmlaString, BrtFmlaNum, BrtFmlaBool, BrtFmlaError: a cell, its value, two bytes of flags and a formula.
            8 => text(data, CELL).and_then(|(_, end)| formula(data, end + 2)),
            9 => formula(data, CELL + 8 + 2),
            10 | 11 => formula(data, CELL + 1 + 2),
            // BrtArrFmla, BrtShrFmla.
            426 => formula(data, RANGE + 1),
            427 => formula(data, RANGE),
            // BrtName: four bytes of flags, a key, a sheet, the name and what it stands for.
            39 => text(data, 9).and_then(|(_, end)| formula(data, end)),
            // BrtBeginSupBook: of what kind it is, and for DDE the program and its topic.
            360 if u16_le(data, 0) == Some(1) => {
                if let Some((program, end)) = text(data, 2)
                    && !OFFICE.contains(&&*program.to_ascii_lowercase())
                {
                    let topic = text(data, end).map(|(topic, _)| topic).unwrap_or_default();
                    found.command(format!("{program} {topic}"));
                }
                None
            }
            _ => None,
        };
        if let Some(calls) = formula.and_then(calls) {
            found.calls_library(calls);
        }
    }
    Ok(())
}

/// The next record (2.1.4): its number of up to two bytes and its size of up to four, with seven bits in each byte.
fn record<'b>(bytes: &'b [u8], at: &mut usize) -> Option<(usize, &'b [u8])> {
    let id = number(bytes, at, 2)?;
    let size = number(bytes, at, 4)?;
    let end = at.checked_add(size)?.min(bytes.len());
    let data = bytes.get(*at..end)?;
    *at = end;
    Some((id, data))
}

fn number(bytes: &[u8], at: &mut usize, longest: u32) -> Option<usize> {
    let mut value = 0;
    for index in 0..longest {
        let byte = *bytes.get(*at)?;
        *at += 1;
        value |= usize::from(byte & 0x7f) << (7 * index);
        if byte & 0x80 == 0 {
            break;
        }
    }
    Some(value)
}

/// A text with its length in characters before it, and where it ends.
fn text(data: &[u8], at: usize) -> Option<(String, usize)> {
    let count = usize::try_from(u32_le(data, at)?).ok()?;
    let start = at.checked_add(4)?;
    let end = start.checked_add(count.checked_mul(2)?)?;
    Some((utf16_le(data.get(start..end)?), end))
}

/// The tokens of a formula, with their length before them.
fn formula(data: &[u8], at: usize) -> Option<&[u8]> {
    let length = usize::try_from(u32_le(data, at)?).ok()?;
    let tokens = data.get(at.checked_add(4)?..)?;
    Some(tokens.get(..length).unwrap_or(tokens))
}

/// Texts and calls of a formula (2.5.97.16), if one of them calls a library or starts a program. A token that does not exist ends it,
/// as it does for Excel.
fn calls(tokens: &[u8]) -> Option<String> {
    let (mut out, mut called, mut at) = (Vec::new(), false, 0);
    while let Some(token) = tokens.get(at) {
        at += 1;
        // Values, references and arrays of one token differ in two bits.
        let plain = if token & 0x40 != 0 { (token | 0x20) & 0x3f } else { *token };
        at += match plain {
            0x03..=0x16 => 0,
            0x17 => {
                let count = 2 * usize::from(u16_le(tokens, at)?);
                let text = tokens.get(at + 2..at + 2 + count)?;
                out.push(format!("\"{}\"", utf16_le(text)));
                2 + count
            }
            // A column of a table, and a name of a pivot table.
            0x18 if tokens.get(at) == Some(&0x1d) => 5,
            0x18 => 13,
            // A choice has an offset for every case and one more.
            0x19 if tokens.get(at).is_some_and(|kind| kind & 4 != 0) => {
                3 + 2 * (usize::from(u16_le(tokens, at + 1)?) + 1)
            }
            0x19 => 3,
            0x1c | 0x1d => 1,
            0x1e | 0x29 => 2,
            0x1f | 0x3a | 0x3c => 8,
            0x20 | 0x3b | 0x3d => 14,
            0x21 | 0x22 => {
                let number = u16_le(tokens, if plain == 0x21 { at } else { at + 1 })?;
                let name = FUNCTIONS.iter().find(|(known, _)| *known == number).map(|(_, name)| *name);
                if let Some(name) = name {
                    called = true;
                    out.push(format!("{name}()"));
                }
                if plain == 0x21 { 2 } else { 3 }
            }
            0x01 | 0x23 => 4,
            0x24 | 0x26..=0x28 | 0x2a | 0x2c | 0x39 => 6,
            0x25 | 0x2b | 0x2d => 12,
            _ => break,
        };
    }
    called.then(|| out.join(" "))
}

#[cfg(test)]
mod tests {
    use crate::containers::ooxml::tests::package;
    use crate::testing::{Recorded, walk_with};
    use lazaret_model::Limits;

    fn record(id: u16, data: &[u8]) -> Vec<u8> {
        let mut out = if id < 128 { vec![id as u8] } else { vec![(id & 0x7f) as u8 | 0x80, (id >> 7) as u8] };
        out.extend([(data.len() & 0x7f) as u8 | 0x80, (data.len() >> 7) as u8]);
        [out, data.to_vec()].concat()
    }

    fn text(text: &str) -> Vec<u8> {
        let units: Vec<u8> = text.encode_utf16().flat_map(u16::to_le_bytes).collect();
        [(text.len() as u32).to_le_bytes().to_vec(), units].concat()
    }

    fn formula(tokens: &[u8]) -> Vec<u8> {
        [&(tokens.len() as u32).to_le_bytes()[..], tokens, &[0; 4]].concat()
    }

    #[track_caller]
    fn ids(name: &str, bytes: &[u8]) -> Vec<String> {
        let bytes = package(&[("[Content_Types].xml", b"<Types/>"), (name, bytes)]);
        let found: Recorded = walk_with(bytes, "a.xlsb", Some("xlsb"), &[], Limits::default());
        found.findings.iter().map(|finding| finding.id.to_string()).filter(|id| id.starts_with("ooxml.")).collect()
    }

    #[test]
    fn formulas_of_a_binary_workbook_that_call_a_library_are_told() {
        // "a" in the cell of the first row, a reference to it, and a function with two arguments.
        let called = |number: u16| {
            let [low, high] = number.to_le_bytes();
            formula(&[0x17, 1, 0, b'a', 0, 0x44, 0, 0, 0, 0, 0, 0, 0x42, 2, low, high])
        };
        for (number, told) in [(150, true), (110, true), (149, true), (267, true), (4, false), (255, false)] {
            let expected: &[&str] = if told { &["ooxml.library-formula"] } else { &[] };
            for (id, before) in [
                (9, vec![0; 18]),
                (8, [vec![0; 8], text("b"), vec![0; 2]].concat()),
                (10, vec![0; 11]),
                (426, vec![0; 17]),
                (427, vec![0; 16]),
            ] {
                let sheet = [record(129, &[]), record(id, &[before, called(number)].concat())].concat();
                assert_eq!(ids("xl/worksheets/sheet1.bin", &sheet), expected, "{id} {number}");
            }
            let name = record(39, &[vec![0; 9], text("a"), called(number)].concat());
            let book = [record(131, &[]), name].concat();
            assert_eq!(ids("xl/workbook.bin", &book), expected, "{number}");
        }
    }

    #[test]
    fn a_binary_workbook_that_asks_a_program_for_data_is_told() {
        for (kind, program, told) in [(1_u16, "cmd", true), (0, "rId1", false), (2, "rId1", false), (1, "Excel", false)]
        {
            let link = record(360, &[kind.to_le_bytes().to_vec(), text(program), text("/c calc")].concat());
            let expected: &[&str] = if told { &["ooxml.dde"] } else { &[] };
            assert_eq!(ids("xl/externalLinks/externalLink1.bin", &link), expected, "{kind} {program}");
        }
    }
}
