//! VBA projects ([MS-OVBA]): the source of every module.

use super::bytes::{u16_le, u32_le, utf16_le};
use super::cfb::{Compound, Entry};
use crate::{Content, Member, OpenError, Parts};
use lazaret_model::{Family, Finding, Role, Severity};

/// Decompressed bytes of one stream, at most.
const MOST_SOURCE: usize = 16 << 20;
/// Compressed bytes of one stream that are read.
const MOST_STREAM: u64 = 32 << 20;
/// P-code of a module that truly has no source is smaller than this.
const MOST_EMPTY_PCODE: usize = 8 << 10;

/// One module as the dir stream describes it ([MS-OVBA] 2.3.4.2.3.2).
#[derive(Debug, Default)]
struct Module {
    name: String,
    stream: String,
    offset: usize,
}

/// Whether the compound file holds a VBA project, whatever its storage is called.
pub(super) fn has_project(compound: &Compound) -> bool {
    compound.streams().any(gives_away)
}

/// The storage is named `VBA` by rule and anything by malice: a `dir` stream or `_VBA_PROJECT` gives it away.
fn gives_away(entry: &Entry) -> bool {
    entry.name.eq_ignore_ascii_case("dir") || entry.name.eq_ignore_ascii_case("_VBA_PROJECT")
}

/// Hands the modules of every VBA project in the compound file over; true when there is one.
pub(super) fn add_projects(compound: &Compound, parts: &mut Parts<'_, '_>) -> Result<bool, OpenError> {
    let mut found = false;
    let mut storages: Vec<usize> =
        compound.streams().filter(|entry| gives_away(entry)).map(|entry| entry.parent).collect();
    storages.sort_unstable();
    storages.dedup();
    for storage in storages {
        parts.budget().check_time().map_err(OpenError::Limit)?;
        let siblings: Vec<&Entry> = compound.streams().filter(|entry| entry.parent == storage).collect();
        found |= add_project(compound, &siblings, parts)?;
    }
    Ok(found)
}

fn add_project(compound: &Compound, streams: &[&Entry], parts: &mut Parts<'_, '_>) -> Result<bool, OpenError> {
    let named = |name: &str| streams.iter().find(|entry| entry.name.eq_ignore_ascii_case(name));
    let dir = named("dir").map(|entry| decompress(&compound.read(entry, MOST_STREAM)));
    let (code_page, modules) = dir.as_deref().map(parse_dir).unwrap_or_default();
    let mut done: Vec<&str> = Vec::new();
    let mut found = false;
    for module in &modules {
        parts.budget().check_time().map_err(OpenError::Limit)?;
        found = true;
        let Some(entry) = named(&module.stream) else {
            let member = Member::named(Role::Macro, module.name.clone()).of_kind("vba");
            parts.add_content(member.incomplete("the module's stream is missing"), Content::from(&b""[..]))?;
            continue;
        };
        done.push(&entry.name);
        let bytes = compound.read(entry, MOST_STREAM);
        let mut source = bytes.get(module.offset..).map(decompress).unwrap_or_default();
        if source.is_empty() {
            // The offset may lie.
            source = search(&bytes);
        }
        add_module(&module.name, &source, module.offset.min(bytes.len()), code_page, parts)?;
    }
    // Modules that the dir stream does not tell of, or all of them when it is broken.
    for entry in streams {
        let lower = entry.name.to_ascii_lowercase();
        if done.contains(&&*entry.name) || lower == "dir" || lower == "_vba_project" || lower.starts_with("__srp_") {
            continue;
        }
        let bytes = compound.read(entry, MOST_STREAM);
        let source = search(&bytes);
        if !source.is_empty() {
            found = true;
            add_module(&entry.name, &source, 0, code_page, parts)?;
        }
    }
    if !found && named("_VBA_PROJECT").is_some() {
        parts.incomplete("a VBA project has no module that can be read");
        return Ok(true);
    }
    Ok(found)
}

fn add_module(
    name: &str,
    source: &[u8],
    pcode: usize,
    code_page: u16,
    parts: &mut Parts<'_, '_>,
) -> Result<(), OpenError> {
    let text = decode(source, code_page);
    let code = text.lines().any(|line| !line.trim().is_empty() && !line.starts_with("Attribute "));
    let stomped = source.is_empty() && pcode > 0 || !code && pcode > MOST_EMPTY_PCODE;
    if stomped {
        let finding = Finding::new(
            "macro.stomped",
            "vba",
            Severity::High,
            Family::Structure,
            format!("the macro module `{name}` has compiled code and no source, so what it does is hidden"),
        )
        .technique("T1564.007");
        parts.finding(finding.with("module", name).with("compiled_bytes", pcode));
    }
    let mut member = Member::named(Role::Macro, name).of_kind("vba");
    if stomped {
        member = member.incomplete("only compiled code is there, which is not read");
    }
    parts.add_content(member, Content::from(text.into_bytes()))
}

/// Text of a module by its project's code page.
fn decode(bytes: &[u8], code_page: u16) -> String {
    let encoding = match code_page {
        874 => encoding_rs::WINDOWS_874,
        932 => encoding_rs::SHIFT_JIS,
        936 => encoding_rs::GBK,
        949 => encoding_rs::EUC_KR,
        950 => encoding_rs::BIG5,
        1250 => encoding_rs::WINDOWS_1250,
        1251 => encoding_rs::WINDOWS_1251,
        1253 => encoding_rs::WINDOWS_1253,
        1254 => encoding_rs::WINDOWS_1254,
        1255 => encoding_rs::WINDOWS_1255,
        1256 => encoding_rs::WINDOWS_1256,
        1257 => encoding_rs::WINDOWS_1257,
        1258 => encoding_rs::WINDOWS_1258,
        10000 => encoding_rs::MACINTOSH,
        65001 => encoding_rs::UTF_8,
        _ => encoding_rs::WINDOWS_1252,
    };
    encoding.decode_without_bom_handling(bytes).0.into_owned()
}

/// Code page and modules of a decompressed dir stream ([MS-OVBA] 2.3.4.2); what stands before damage.
fn parse_dir(dir: &[u8]) -> (u16, Vec<Module>) {
    let (mut code_page, mut modules, mut current) = (1252, Vec::new(), Module::default());
    let mut at = 0usize;
    while let (Some(id), Some(size)) = (u16_le(dir, at), u32_le(dir, at + 2)) {
        // PROJECTVERSION states 4 bytes and has 6 (2.3.4.2.1.11).
        let size = if id == 9 { 6 } else { size as usize };
        let Some(data) = (at + 6).checked_add(size).and_then(|end| dir.get(at + 6..end)) else { break };
        at += 6 + size;
        match id {
            3 => code_page = u16_le(data, 0).unwrap_or(code_page),
            0x19 => current.name = decode(data, code_page),
            0x47 => current.name = utf16_le(data),
            0x1a => current.stream = decode(data, code_page),
            0x32 if !data.is_empty() => current.stream = utf16_le(data),
            0x31 => current.offset = u32_le(data, 0).unwrap_or_default() as usize,
            0x2b => {
                let mut module = std::mem::take(&mut current);
                if module.stream.is_empty() {
                    module.stream.clone_from(&module.name);
                }
                modules.push(module);
            }
            _ => {}
        }
    }
    (code_page, modules)
}

/// Finds a compressed source by how every module begins: `Attribute VB_Name`, whose first eight bytes are literal.
fn search(bytes: &[u8]) -> Vec<u8> {
    let finder = memchr::memmem::Finder::new(b"\0Attribut");
    finder
        .find_iter(bytes)
        .filter_map(|at| bytes.get(at.checked_sub(3)?..))
        .map(decompress)
        .max_by_key(Vec::len)
        .unwrap_or_default()
}

/// Decompresses a container ([MS-OVBA] 2.4.1); what stands before damage.
pub(super) fn decompress(container: &[u8]) -> Vec<u8> {
    let mut out = Vec::new();
    if container.first() != Some(&1) {
        return out;
    }
    let mut at = 1;
    while let Some(header) = u16_le(container, at) {
        // 2.4.1.1.5: three bits of signature, the size less three, and whether it is compressed.
        if header & 0x7000 != 0x3000 || out.len() > MOST_SOURCE {
            break;
        }
        let end = (at + usize::from(header & 0x0fff) + 3).min(container.len());
        let chunk = container.get(at + 2..end).unwrap_or_default();
        at = end;
        if header & 0x8000 == 0 {
            out.extend_from_slice(chunk);
        } else {
            decompress_chunk(chunk, &mut out);
        }
    }
    out
}

fn decompress_chunk(chunk: &[u8], out: &mut Vec<u8>) {
    let start = out.len();
    let mut at = 0;
    while let Some(flags) = chunk.get(at) {
        at += 1;
        for bit in 0..8 {
            if flags >> bit & 1 == 0 {
                let Some(byte) = chunk.get(at) else { return };
                out.push(*byte);
                at += 1;
                continue;
            }
            let Some(token) = u16_le(chunk, at) else { return };
            at += 2;
            // 2.4.1.3.19.1: the further in, the more bits the offset has.
            let done = out.len() - start;
            let bits = usize::BITS - done.saturating_sub(1).leading_zeros();
            let bits = bits.clamp(4, 12);
            let length = usize::from(token & (0xffff >> bits)) + 3;
            let offset = usize::from(token >> (16 - bits)) + 1;
            if offset > done || done + length > 8192 {
                return;
            }
            for _ in 0..length {
                let byte = out.get(out.len() - offset).copied().unwrap_or_default();
                out.push(byte);
            }
        }
    }
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;
    use crate::testing::{Recorded, walk_with};
    use lazaret_model::Limits;
    use std::io::{Cursor, Write as _};

    pub(crate) const SOURCE: &str =
        "Attribute VB_Name = \"Module1\"\r\nSub AutoOpen()\r\n  ' LAZARET-MARKER\r\n  Shell \"calc\"\r\nEnd Sub\r\n";

    /// A container of literals only.
    pub(crate) fn compress(plain: &[u8]) -> Vec<u8> {
        let mut out = vec![1];
        for chunk in plain.chunks(3600) {
            let mut data = Vec::new();
            for eight in chunk.chunks(8) {
                data.push(0);
                data.extend(eight);
            }
            out.extend(((data.len() + 2 - 3) as u16 | 0xb000).to_le_bytes());
            out.extend(data);
        }
        out
    }

    pub(crate) fn dir(name: &str, offset: u32) -> Vec<u8> {
        let mut out = Vec::new();
        let mut record = |id: u16, data: &[u8]| {
            out.extend(id.to_le_bytes());
            out.extend((if id == 9 { 4 } else { data.len() as u32 }).to_le_bytes());
            out.extend(data);
        };
        record(3, &1252u16.to_le_bytes());
        record(9, &[0; 6]);
        record(0x19, name.as_bytes());
        record(0x1a, name.as_bytes());
        record(0x31, &offset.to_le_bytes());
        record(0x2b, &[]);
        out
    }

    /// A project in a compound file, in the storage of this path.
    pub(crate) fn project(storage: &str, dir_stream: &[u8], module: &[u8]) -> Vec<u8> {
        let mut file = cfb::CompoundFile::create(Cursor::new(Vec::new())).unwrap();
        file.create_storage_all(storage).unwrap();
        for (name, bytes) in [("dir", dir_stream), ("Module1", module), ("_VBA_PROJECT", &b"\xcc\x61\0\0"[..])] {
            file.create_stream(format!("{storage}/{name}")).unwrap().write_all(bytes).unwrap();
        }
        file.flush().unwrap();
        file.into_inner().into_inner()
    }

    fn check(bytes: Vec<u8>) -> Recorded {
        walk_with(bytes, "vbaProject.bin", Some("cfb"), &[], Limits::default())
    }

    #[test]
    fn modules_become_parts() {
        let module = [vec![0xee; 100], compress(SOURCE.as_bytes())].concat();
        for storage in ["/VBA", "/Macros/VBA", "/_VBA_PROJECT_CUR/VBA", "/renamed"] {
            let recorded = check(project(storage, &compress(&dir("Module1", 100)), &module));
            assert_eq!(recorded.bytes("//Module1"), SOURCE.as_bytes(), "{storage}");
            assert_eq!(recorded.part("//Module1").kind.id, "vba");
            assert!(recorded.parts[0].macros && recorded.findings.is_empty());
        }
    }

    #[test]
    fn a_broken_directory_or_offset_hides_nothing() {
        let module = [vec![0xee; 100], compress(SOURCE.as_bytes())].concat();
        for directory in [b"broken".to_vec(), compress(&dir("Module1", 7)), compress(b"\xff\xff\xff\xff")] {
            let recorded = check(project("/VBA", &directory, &module));
            assert_eq!(recorded.bytes("//Module1"), SOURCE.as_bytes());
            assert!(recorded.parts[0].macros);
        }
    }

    #[test]
    fn a_stomped_module_is_reported() {
        let recorded = check(project("/VBA", &compress(&dir("Module1", 100)), &[0xee; 100]));
        assert!(recorded.findings.iter().any(|f| f.id == "macro.stomped"));
        assert!(!recorded.complete() && recorded.parts[0].macros);
    }

    #[test]
    fn copies_are_resolved() {
        // [MS-OVBA] 3.2.2, the example with copies.
        let container = [
            0x01, 0x2f, 0xb0, 0x00, 0x23, 0x61, 0x61, 0x61, 0x62, 0x63, 0x64, 0x65, 0x82, 0x66, 0x00, 0x70, 0x61, 0x67,
            0x68, 0x69, 0x6a, 0x01, 0x38, 0x08, 0x61, 0x6b, 0x6c, 0x00, 0x30, 0x6d, 0x6e, 0x6f, 0x70, 0x06, 0x71, 0x02,
            0x70, 0x04, 0x10, 0x72, 0x73, 0x74, 0x75, 0x76, 0x10, 0x77, 0x78, 0x79, 0x7a, 0x00, 0x3c,
        ];
        assert_eq!(
            String::from_utf8_lossy(&decompress(&container)),
            "#aaabcdefaaaaghijaaaaaklaaamnopqaaaaaaaaaaaarstuvwxyzaaa"
        );
    }
}
