//! Windows Installer packages: streams, embedded cabinets and the commands of custom actions.

use super::{Compound, Entry};
use crate::containers::bytes::{u16_le, utf8_or_cp437};
use crate::{Content, Member, OpenError, Parts};
use lazaret_model::Role;

/// Bytes of the string pool and of tables that are read.
const MOST_TABLE: u64 = 32 << 20;

/// Whether it is an installer, a patch or a transform.
pub(super) fn is_one(compound: &Compound) -> bool {
    // {000C1084-0000-0000-C000-000000000046} and its siblings 1082 and 1086.
    let class = matches!(compound.class, [0x82 | 0x84 | 0x86, 0x10, 0x0c, 0, 0, 0, 0, 0, 0xc0, 0, 0, 0, 0, 0, 0, 0x46]);
    class || compound.streams().any(|entry| entry.name.starts_with('\u{4840}'))
}

/// Undoes the packing of two characters into one; true when the stream is a table.
fn decode(name: &str) -> (String, bool) {
    const DIGITS: &[u8; 64] = b"0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz._";
    #[expect(clippy::indexing_slicing, reason = "six bits cannot count past 64 digits")]
    let digit = |value: u32| char::from(DIGITS[(value & 63) as usize]);
    let mut out = String::new();
    let (rest, table) = name.strip_prefix('\u{4840}').map_or((name, false), |rest| (rest, true));
    for c in rest.chars() {
        match u32::from(c) {
            value @ 0x3800..0x4800 => {
                out.push(digit(value - 0x3800));
                out.push(digit((value - 0x3800) >> 6));
            }
            value @ 0x4800..0x4840 => out.push(digit(value - 0x4800)),
            _ => out.push(c),
        }
    }
    (out, table)
}

/// Hands every stream that is no table over, and the commands of the CustomAction table.
pub(super) fn add_all(compound: &Compound, parts: &mut Parts<'_, '_>) -> Result<(), OpenError> {
    let mut tables: Vec<(String, &Entry)> = Vec::new();
    for entry in compound.streams() {
        let (name, table) = decode(&entry.name);
        if table {
            tables.push((name, entry));
            continue;
        }
        if entry.size == 0 || name.starts_with('\u{5}') {
            continue;
        }
        parts.add(Member::named(Role::Embedded, name), &mut compound.reader(entry))?;
    }
    let mut read = |name: &str| named(&tables, name).first().map(|entry| compound.read(entry, MOST_TABLE, parts));
    let (pool, data, columns) = (read("_StringPool"), read("_StringData"), read("_Columns"));
    let (Some(pool), Some(data)) = (pool, data) else {
        parts.incomplete("the installer's strings are missing");
        return Ok(());
    };
    let strings = strings(&pool, &data);
    let long = pool.get(3).is_some_and(|flags| flags & 0x80 != 0);
    let columns = columns.map(|columns| count_columns(&columns, &strings, long)).filter(|count| *count > 0);
    for entry in named(&tables, "CustomAction") {
        let actions = compound.read(entry, MOST_TABLE, parts);
        add_actions(&actions, &strings, long, columns, parts)?;
    }
    Ok(())
}

/// The tables of this name, of which a broken directory may have several.
fn named<'e>(tables: &[(String, &'e Entry)], name: &str) -> Vec<&'e Entry> {
    tables.iter().filter(|(found, _)| found == name).map(|(_, entry)| *entry).collect()
}

/// How many columns the CustomAction table has, by the table of all columns: the table's name, the column's number (16
/// bits), its name and its type (16 bits).
fn count_columns(columns: &[u8], strings: &[String], long: bool) -> usize {
    let index = if long { 3 } else { 2 };
    let rows = columns.len() / (2 * index + 4);
    (0..rows).filter(|row| text(columns, row * index, strings, long).is_some_and(|name| name == "CustomAction")).count()
}

/// The string that a table refers to at `at`.
fn text<'s>(table: &[u8], at: usize, strings: &'s [String], long: bool) -> Option<&'s String> {
    let low = u16_le(table, at)?;
    let high = if long { *table.get(at + 2)? } else { 0 };
    strings.get(usize::from(low) | usize::from(high) << 16)
}

/// Strings by number: the pool holds lengths and counts of uses, four bytes each; the first is the code page.
fn strings(pool: &[u8], data: &[u8]) -> Vec<String> {
    let mut out = vec![String::new()];
    let (mut at, mut i) = (0usize, 4);
    while let (Some(len), Some(uses)) = (u16_le(pool, i), u16_le(pool, i + 2)) {
        i += 4;
        let mut len = usize::from(len);
        if len == 0 && uses != 0 {
            // A long string: the next entry holds its length.
            len = u16_le(pool, i).map_or(0, usize::from) | u16_le(pool, i + 2).map_or(0, usize::from) << 16;
            i += 4;
        }
        let end = at.saturating_add(len).min(data.len());
        out.push(utf8_or_cp437(data.get(at..end).unwrap_or_default()));
        at = end;
    }
    out
}

/// Columns of CustomAction: Action, Type (16 bits), Source, Target and, since 5.0, ExtendedType (32 bits). A table is
/// stored column by column.
///
/// Where nothing says which it is and the table's size fits both, it is read both ways.
fn add_actions(
    table: &[u8],
    strings: &[String],
    long: bool,
    columns: Option<usize>,
    parts: &mut Parts<'_, '_>,
) -> Result<(), OpenError> {
    let index = if long { 3 } else { 2 };
    let mut widths = vec![index * 3 + 2 + 4, index * 3 + 2];
    widths.retain(|width| table.len().is_multiple_of(*width));
    if let (2, Some(columns @ (4 | 5))) = (widths.len(), columns) {
        widths.retain(|width| (*width == index * 3 + 2) == (columns == 4));
    }
    if widths.is_empty() {
        parts.incomplete("the table of custom actions is damaged");
    }
    for width in widths {
        add_rows(table, table.len() / width, strings, long, parts)?;
    }
    Ok(())
}

fn add_rows(
    table: &[u8],
    rows: usize,
    strings: &[String],
    long: bool,
    parts: &mut Parts<'_, '_>,
) -> Result<(), OpenError> {
    let index = if long { 3 } else { 2 };
    let text = |column: usize, row: usize| {
        let found = text(table, column + row * index, strings, long);
        found.cloned().unwrap_or_default()
    };
    let (kinds, sources, targets) = (rows * index, rows * (index + 2), rows * (2 * index + 2));
    for row in 0..rows {
        parts.budget().check_time().map_err(OpenError::Limit)?;
        let Some(kind) = u16_le(table, kinds + row * 2) else { continue };
        // Integers are stored with the top bit flipped. The low six bits say what is run and where it comes from.
        let (role, of_kind) = match (kind ^ 0x8000) & 0x3f {
            2 | 18 | 34 | 50 => (Role::Command, Some("command-line")),
            5 | 6 | 21 | 22 | 37 | 38 | 53 | 54 => (Role::Script, None),
            _ => continue,
        };
        let (action, source, target) = (text(0, row), text(sources, row), text(targets, row));
        let code = if role == Role::Command { format!("{source} {target}") } else { target };
        let mut member = Member::named(role, action);
        if let Some(kind) = of_kind {
            member = member.of_kind(kind);
        }
        parts.add_content(member, Content::from(code.trim().as_bytes()))?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::decode;

    #[test]
    fn names_are_unpacked() {
        // `_StringPool` as installers store it.
        assert_eq!(decode("\u{4840}\u{3f3f}\u{4577}\u{446c}\u{3e6a}\u{44b2}\u{482f}"), ("_StringPool".into(), true));
    }
}
