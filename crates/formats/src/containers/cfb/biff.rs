//! Workbooks of Excel 97 ([MS-XLS]): macro sheets and encryption.

use crate::containers::bytes::{u16_le, u32_le, utf8_or_cp437, utf16_le};
use crate::{Content, Member, OpenError, Parts};
use lazaret_model::Role;
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
];

/// Hands the formulas of every Excel 4.0 macro sheet over, as far as they can be read.
pub(super) fn add_macros(stream: &[u8], parts: &mut Parts<'_, '_>) -> Result<(), OpenError> {
    let mut at = 0usize;
    let mut sheets = Vec::new();
    while let (Some(id), Some(len)) = (u16_le(stream, at), u16_le(stream, at + 2)) {
        parts.budget().check_time().map_err(OpenError::Limit)?;
        let data = stream.get(at + 4..at + 4 + usize::from(len)).unwrap_or_default();
        at += 4 + usize::from(len);
        match id {
            // FilePass: what follows is encrypted.
            0x2f => {
                parts.lock("the workbook is encrypted, and encrypted Office documents are not opened");
                return Ok(());
            }
            // BoundSheet8: position, state, kind, name.
            0x85 if data.get(5) == Some(&1) => {
                let count = usize::from(data.get(6).copied().unwrap_or_default());
                let wide = data.get(7).is_some_and(|flags| flags & 1 != 0);
                let rest = data.get(8..).unwrap_or_default();
                let name = if wide {
                    utf16_le(rest.get(..count * 2).unwrap_or(rest))
                } else {
                    utf8_or_cp437(rest.get(..count).unwrap_or(rest))
                };
                sheets.push((u32_le(data, 0).unwrap_or_default() as usize, name));
            }
            _ => {}
        }
    }
    for (start, name) in sheets {
        parts.has_macros();
        let text = sheet(stream, start, parts)?;
        let member = Member::named(Role::Macro, name).of_kind("excel4-macro");
        parts.add_content(member, Content::from(text.into_bytes()))?;
    }
    Ok(())
}

/// The cells of one sheet, a line each.
fn sheet(stream: &[u8], mut at: usize, parts: &mut Parts<'_, '_>) -> Result<String, OpenError> {
    let mut out = String::new();
    let mut depth = 0;
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
            // Formula: row, column, format, value, flags, length, tokens.
            0x06 => {
                let (row, column) = (u16_le(data, 0).unwrap_or_default(), u16_le(data, 2).unwrap_or_default());
                let tokens = data.get(22..).unwrap_or_default();
                let _ = writeln!(out, "R{}C{}: ={}", row.saturating_add(1), column.saturating_add(1), formula(tokens));
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

/// Strings and calls of a formula, in the order of evaluation ([MS-XLS] 2.5.198).
fn formula(tokens: &[u8]) -> String {
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
            0x19 => at += 3,
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
            _ => break,
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
