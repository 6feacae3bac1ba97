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
    let read =
        |name: &str| tables.iter().find(|(found, _)| found == name).map(|(_, entry)| compound.read(entry, MOST_TABLE));
    let (Some(pool), Some(data)) = (read("_StringPool"), read("_StringData")) else {
        parts.incomplete("the installer's strings are missing");
        return Ok(());
    };
    let strings = strings(&pool, &data);
    if let Some(actions) = read("CustomAction") {
        add_actions(&actions, &strings, pool.get(3).is_some_and(|flags| flags & 0x80 != 0), parts)?;
    }
    Ok(())
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
fn add_actions(table: &[u8], strings: &[String], long: bool, parts: &mut Parts<'_, '_>) -> Result<(), OpenError> {
    let index = if long { 3 } else { 2 };
    let candidates = [index * 3 + 2 + 4, index * 3 + 2];
    let Some(width) = candidates.into_iter().find(|width| table.len().is_multiple_of(*width)) else {
        parts.incomplete("the table of custom actions is damaged");
        return Ok(());
    };
    let rows = table.len() / width;
    let text = |column: usize, row: usize| {
        let at = column + row * index;
        let low = u16_le(table, at)?;
        let high = if long { *table.get(at + 2)? } else { 0 };
        strings.get(usize::from(low) | usize::from(high) << 16)
    };
    let (kinds, sources, targets) = (rows * index, rows * (index + 2), rows * (2 * index + 2));
    for row in 0..rows {
        parts.budget().check_time().map_err(OpenError::Limit)?;
        let (Some(action), Some(kind)) = (text(0, row), u16_le(table, kinds + row * 2)) else { continue };
        let source = text(sources, row).cloned().unwrap_or_default();
        let target = text(targets, row).cloned().unwrap_or_default();
        // Integers are stored with the top bit flipped. The low six bits say what is run and where it comes from.
        let (role, of_kind) = match (kind ^ 0x8000) & 0x3f {
            2 | 18 | 34 | 50 => (Role::Command, Some("command-line")),
            5 | 6 | 21 | 22 | 37 | 38 | 53 | 54 => (Role::Script, None),
            _ => continue,
        };
        let code = if role == Role::Command { format!("{source} {target}") } else { target };
        let mut member = Member::named(role, action.clone());
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
