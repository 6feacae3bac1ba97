//! Workbooks of Excel 97 ([MS-XLS]): macro sheets and encryption.

use super::rc4;
use crate::containers::bytes::{u16_le, u32_le, utf8_or_cp437, utf16_le};
use crate::{Content, Member, OpenError, Parts};
use lazaret_model::{Bounded, Family, Finding, Role, Severity};
use std::fmt::Write as _;

/// Functions whose calls say what a macro does ([MS-XLS] 2.5.198.17), by number.
const FUNCTIONS: &[(u16, &str)] = &[
    (17, "RUN"),
    (54, "HALT"),
    (55, "RETURN"),
    (96, "FORMULA"),
    (108, "SET.VALUE"),
    (110, "EXEC"),
    (111, "CHAR"),
    (113, "DISABLE.INPUT"),
    (118, "ALERT"),
    (132, "FOPEN"),
    (137, "FWRITE"),
    (133, "FCLOSE"),
    (149, "REGISTER"),
    (150, "CALL"),
    (186, "GET.WORKSPACE"),
    (255, "USER"),
    (267, "REGISTER.ID"),
];

/// Those of them that call a library or start a program outside of macros as well.
const LIBRARY: [&str; 4] = ["EXEC()", "REGISTER()", "CALL()", "REGISTER.ID()"];

/// Defined names that are read.
const MOST_NAMES: usize = 10_000;
/// Programs that a workbook asks for data.
const MOST_ASKED: usize = 256;
/// Programs of the office that run already, asked for a part of another document.
const OFFICE: &[&str] = &["excel", "winword", "powerpnt", "soffice", "package"];
/// Said where a formula has something that is not understood.
const CUT: &str = "a formula of a macro sheet is not read to its end";

/// Hands the formulas of every Excel 4.0 macro sheet over, as far as they can be read.
pub(super) fn add_macros(stream: &[u8], parts: &mut Parts<'_, '_>) -> Result<(), OpenError> {
    let mut at = 0usize;
    let (mut sheets, mut places, mut names) = (Vec::new(), Vec::new(), Vec::new());
    let mut asked = Bounded::new("programs that it asks for data", MOST_ASKED);
    let (mut within_macros, mut library) = (false, None);
    while let (Some(id), Some(len)) = (u16_le(stream, at), u16_le(stream, at + 2)) {
        parts.budget().check_time().map_err(OpenError::Limit)?;
        let data = stream.get(at + 4..at + 4 + usize::from(len)).unwrap_or_default();
        at += 4 + usize::from(len);
        match id {
            // FilePass: what follows is encrypted.
            0x2f => {
                return match rc4::decrypt(stream, data, parts)? {
                    Some(plain) => add_macros(&plain, parts),
                    None => {
                        parts.lock("the workbook is encrypted, and no password at hand opens it");
                        Ok(())
                    }
                };
            }
            // BoundSheet8: position, state, kind, name.
            0x85 => {
                let count = usize::from(data.get(6).copied().unwrap_or_default());
                let wide = data.get(7).is_some_and(|flags| flags & 1 != 0);
                let rest = data.get(8..).unwrap_or_default();
                let name = if wide {
                    utf16_le(rest.get(..count * 2).unwrap_or(rest))
                } else {
                    utf8_or_cp437(rest.get(..count).unwrap_or(rest))
                };
                let macros = data.get(5) == Some(&1);
                sheets.push((u32_le(data, 0).unwrap_or_default() as usize, name, macros));
            }
            // ExternSheet: a count, then the book, the first and the last sheet of every place that formulas name.
            0x17 => places.extend(
                data.get(2..)
                    .unwrap_or_default()
                    .as_chunks::<6>()
                    .0
                    .iter()
                    .map(|[_, _, low, high, ..]| u16::from_le_bytes([*low, *high])),
            ),
            0x18 => names.push(data),
            // BOF: of what (2.4.21); a sheet of macros is handed over whole.
            0x0809 => within_macros = u16_le(data, 2) == Some(0x40),
            0x06 | 0x0221 | 0x04bc if !within_macros && library.is_none() => {
                library = Some(formula(tokens_of(id, data), &mut true)).filter(|formula| calls_library(formula));
            }
            // SupBook: a count of sheets, then the program and the topic of a link, with a character 3 between them
            // (2.4.271, 2.5.277). What is embedded has the name of a class, with dots, in place of a program's; the path of a workbook
            // begins with a character 1, and has the same mark between its folders.
            0x01ae => {
                let path = string(data.get(2..).unwrap_or_default(), 2);
                if let Some((program, topic)) = path.split_once('\u{3}')
                    && !program.contains(|c: char| c == '.' || c.is_control())
                    && !OFFICE.contains(&&*program.to_ascii_lowercase())
                {
                    asked.push(format!("{program} {topic}"));
                }
            }
            _ => {}
        }
    }
    ask(asked, parts)?;
    let titles: Vec<&str> =
        places.iter().map(|place| sheets.get(usize::from(*place)).map_or("?", |(_, name, _)| name)).collect();
    let (mut names_text, mut whole) = (String::new(), true);
    for data in names.iter().take(MOST_NAMES) {
        names_text.extend(defined_name(data, &titles, &mut whole));
    }
    if !sheets.iter().any(|(_, _, macros)| *macros) {
        library = library.or_else(|| Some(names_text.clone()).filter(|names| calls_library(names)));
    }
    if let Some(formula) = library {
        let message = "a formula calls a library of the machine, or starts a program";
        let finding = Finding::new("ooxml.library-formula", "cfb", Severity::High, Family::Behaviour, message);
        parts.finding(finding.technique("T1204.002").technique("T1559.001").with("formula", formula));
    }
    for (start, name, _) in sheets.iter().filter(|(_, _, macros)| *macros) {
        parts.has_macros();
        if names.len() > MOST_NAMES {
            parts.incomplete(format!("it has more than {MOST_NAMES} defined names, and only so many are read"));
        }
        if !whole {
            parts.incomplete(CUT);
        }
        // What starts by itself is told by names that belong to the whole workbook; the first sheet bears them.
        let text = std::mem::take(&mut names_text) + &sheet(stream, *start, parts)?;
        let member = Member::named(Role::Macro, name.clone()).of_kind("excel4-macro");
        parts.add_content(member, Content::from(text.into_bytes()))?;
    }
    Ok(())
}

/// Says which programs are asked for data, and hands over what they are told.
fn ask(asked: Bounded<String>, parts: &mut Parts<'_, '_>) -> Result<(), OpenError> {
    let (commands, overflow) = asked.into_parts();
    if let Some(reason) = overflow {
        parts.incomplete(reason);
    }
    for command in commands {
        let message = "the document asks another program for data by DDE, which runs a command";
        let finding = Finding::new("ooxml.dde", "cfb", Severity::High, Family::Behaviour, message);
        parts.finding(finding.technique("T1559.002").with("command", command.clone()));
        let member = Member::unnamed(Role::Command, "dde").of_kind("command-line");
        parts.add_content(member, Content::from(command.into_bytes()))?;
    }
    Ok(())
}

/// A defined name with what it stands for, such as `Auto_Open: =Macro1!R1C1` ([MS-XLS] 2.4.150, Lbl).
fn defined_name(data: &[u8], titles: &[&str], whole: &mut bool) -> Option<String> {
    // Flags, key, length of the name, length of the formula, 8 bytes of no use here; then a byte of flags and the name.
    let (flags, length) = (u16_le(data, 0)?, usize::from(*data.get(3)?));
    let wide = data.get(14)? & 1 != 0;
    let bytes = if wide { length.checked_mul(2)? } else { length };
    let raw = data.get(15..15usize.checked_add(bytes)?)?;
    let mut name = if wide { utf16_le(raw) } else { utf8_or_cp437(raw) };
    // 2.5.66: bit 5 of the flags marks a built-in name, which is one character.
    if flags & 0x20 != 0 {
        name = match if wide { u16_le(raw, 0)? } else { u16::from(*raw.first()?) } {
            1 => "Auto_Open".into(),
            2 => "Auto_Close".into(),
            10 => "Auto_Activate".into(),
            11 => "Auto_Deactivate".into(),
            _ => return None,
        };
    }
    let tokens = cut(data.get(15 + bytes..).unwrap_or_default(), u16_le(data, 4));
    // 2.5.198.85 and 2.5.198.28: a reference to another sheet, which is how a macro is named.
    let target = match tokens.first().map(|token| token & 0x1f) {
        Some(kind @ (0x1a | 0x1b)) => {
            let title = titles.get(usize::from(u16_le(tokens, 1)?)).copied().unwrap_or("?");
            let (row, column) = (u16_le(tokens, 3)?, u16_le(tokens, if kind == 0x1a { 5 } else { 7 })?);
            format!("{title}!R{}C{}", u32::from(row) + 1, (column & 0x3fff) + 1)
        }
        _ => formula(tokens, whole),
    };
    Some(format!("{name}: ={target}\n"))
}

/// The tokens of a record with a formula. Formula: row, column, format, value, flags, length, tokens. Array: rows, columns of a byte
/// each, flags, length, tokens, for formulas of several cells; ShrFmla: the same for those that cells share.
fn tokens_of(id: u16, data: &[u8]) -> &[u8] {
    let length = match id {
        0x06 => 20,
        0x0221 => 12,
        _ => 8,
    };
    cut(data.get(length + 2..).unwrap_or_default(), u16_le(data, length))
}

/// Whether a formula, as it is written out here, calls a library or starts a program outside of its texts.
fn calls_library(formula: &str) -> bool {
    formula
        .split('"')
        .step_by(2)
        .any(|outside| outside.split_whitespace().any(|call| LIBRARY.contains(&call.trim_start_matches('='))))
}

/// The tokens of a formula, without what stands behind them.
fn cut(tokens: &[u8], length: Option<u16>) -> &[u8] {
    length.and_then(|length| tokens.get(..usize::from(length))).unwrap_or(tokens)
}

/// The cells of one sheet, a line each.
fn sheet(stream: &[u8], mut at: usize, parts: &mut Parts<'_, '_>) -> Result<String, OpenError> {
    let mut out = String::new();
    let (mut depth, mut whole) = (0, true);
    while let (Some(id), Some(len)) = (u16_le(stream, at), u16_le(stream, at + 2)) {
        parts.budget().check_time().map_err(OpenError::Limit)?;
        let data = stream.get(at + 4..at + 4 + usize::from(len)).unwrap_or_default();
        at += 4 + usize::from(len);
        match id {
            0x0809 => depth += 1,
            0x0a => {
                depth -= 1;
                if depth <= 0 {
                    break;
                }
            }
            0x06 | 0x0221 | 0x04bc => {
                let column = if id == 0x06 { u16_le(data, 2) } else { data.get(4).copied().map(u16::from) };
                let (row, column) = (u16_le(data, 0).unwrap_or_default(), column.unwrap_or_default());
                let formula = formula(tokens_of(id, data), &mut whole);
                let _ = writeln!(out, "R{}C{}: ={formula}", row.saturating_add(1), column.saturating_add(1));
            }
            // String: the last formula's value.
            0x0207 => {
                let _ = writeln!(out, "  \"{}\"", string(data, 2));
            }
            // Label: a constant in a cell.
            0x0204 => {
                let _ = writeln!(out, "\"{}\"", string(data.get(6..).unwrap_or_default(), 2));
            }
            _ => {}
        }
    }
    if !whole {
        parts.incomplete(CUT);
    }
    Ok(out)
}

/// A string with a length of one or two bytes and a byte of flags.
fn string(data: &[u8], length: usize) -> String {
    let count = if length == 1 { data.first().copied().map(u16::from) } else { u16_le(data, 0) };
    let count = usize::from(count.unwrap_or_default());
    let wide = data.get(length).is_some_and(|flags| flags & 1 != 0);
    let rest = data.get(length + 1..).unwrap_or_default();
    if wide {
        utf16_le(rest.get(..count * 2).unwrap_or(rest))
    } else {
        utf8_or_cp437(rest.get(..count).unwrap_or(rest))
    }
}

/// Strings and calls of a formula, in the order of evaluation ([MS-XLS] 2.5.198); not `whole` where it has a token that
/// does not exist.
fn formula(tokens: &[u8], whole: &mut bool) -> String {
    let mut out: Vec<String> = Vec::new();
    let mut at = 0;
    while let Some(token) = tokens.get(at) {
        at += 1;
        let plain = if token & 0x40 != 0 { (token | 0x20) & 0x3f } else { *token };
        match plain {
            0x17 => {
                let rest = tokens.get(at..).unwrap_or_default();
                let count = usize::from(rest.first().copied().unwrap_or_default());
                let wide = rest.get(1).is_some_and(|flags| flags & 1 != 0);
                out.push(format!("\"{}\"", string(rest, 1)));
                at += 2 + if wide { count * 2 } else { count };
            }
            0x1e => {
                out.push(u16_le(tokens, at).unwrap_or_default().to_string());
                at += 2;
            }
            0x08 => out.push("&".into()),
            0x03..=0x07 | 0x09..=0x16 => {}
            0x1c | 0x1d => at += 1,
            0x1f => at += 8,
            // PtgAttrChoose: an offset for every choice and one more.
            0x19 if tokens.get(at).is_some_and(|kind| kind & 4 != 0) => {
                at += 3 + 2 * (usize::from(u16_le(tokens, at + 1).unwrap_or_default()) + 1);
            }
            0x19 => at += 3,
            // Where the formula of several cells stands; an extended token; an array; references in memory.
            0x01 | 0x02 => at += 4,
            0x18 => at += 5,
            0x20 => at += 7,
            0x26..=0x28 => at += 6,
            0x29 | 0x2e | 0x2f => at += 2,
            0x21 => {
                out.push(function(u16_le(tokens, at)));
                at += 2;
            }
            0x22 => {
                out.push(function(u16_le(tokens, at + 1)));
                at += 3;
            }
            0x23 => at += 4,
            0x24 | 0x2a | 0x2c => at += 4,
            0x25 | 0x2b | 0x2d => at += 8,
            0x39 | 0x3a | 0x3c => at += 6,
            0x3b | 0x3d => at += 10,
            _ => {
                *whole = false;
                out.push("...".into());
                break;
            }
        }
    }
    out.join(" ")
}

fn function(number: Option<u16>) -> String {
    let number = number.unwrap_or_default() & 0x7fff;
    FUNCTIONS
        .iter()
        .find(|(id, _)| *id == number)
        .map_or_else(|| format!("F{number}()"), |(_, name)| format!("{name}()"))
}
