//! VBA projects ([MS-OVBA]): the source of every module.

use super::bytes::{u16_le, u32_le, utf16_le};
use super::cfb::{Compound, Entry};
use crate::{Content, Member, OpenError, Parts};
use lazaret_model::{Family, Finding, Role, Severity};
use std::collections::{HashMap, HashSet};

/// Decompressed bytes of one source, at most.
const MOST_SOURCE: usize = 16 << 20;
/// Compressed bytes of one stream that are read.
const MOST_STREAM: u64 = 32 << 20;
/// Bytes that are read and written while sources are searched for in one stream.
const MOST_SEARCHED: usize = 64 << 20;
/// P-code of a module that truly has no source is smaller than this.
const MOST_EMPTY_PCODE: usize = 8 << 10;

/// One module as the dir stream describes it ([MS-OVBA] 2.3.4.2.3.2).
#[derive(Debug, Default)]
struct Module {
    name: String,
    stream: String,
    offset: usize,
}

/// What a compressed container holds, and why that is not all of it, if it is not.
#[derive(Debug, Default)]
struct Source {
    bytes: Vec<u8>,
    problem: Option<&'static str>,
    /// Bytes of the container that were read.
    read: usize,
    /// Where its pieces begin, after the first.
    pieces: Vec<usize>,
}

/// What VBA projects were found in a compound file.
#[derive(Debug, Default)]
pub(super) struct Projects {
    pub(super) found: bool,
    /// Streams that were handed over as modules.
    pub(super) modules: HashSet<*const Entry>,
}

/// Whether the compound file holds a VBA project, whatever its storage is called.
pub(super) fn has_project(compound: &Compound) -> bool {
    compound.streams().any(gives_away)
}

/// The storage is named `VBA` by rule and anything by malice: a `dir` stream or `_VBA_PROJECT` gives it away.
fn gives_away(entry: &Entry) -> bool {
    entry.name.eq_ignore_ascii_case("dir") || entry.name.eq_ignore_ascii_case("_VBA_PROJECT")
}

/// Hands the modules of every VBA project in the compound file over.
pub(super) fn add_projects(compound: &Compound, parts: &mut Parts<'_, '_>) -> Result<Projects, OpenError> {
    let mut projects = Projects::default();
    for siblings in compound.by_storage().values().filter(|streams| streams.iter().any(|entry| gives_away(entry))) {
        parts.budget().check_time().map_err(OpenError::Limit)?;
        projects.found |= add_project(compound, siblings, &mut projects.modules, parts)?;
    }
    Ok(projects)
}

/// The streams of this name, of which a broken directory may have several.
fn named<'e>(streams: &[&'e Entry], name: &str) -> Vec<&'e Entry> {
    streams.iter().copied().filter(|entry| entry.name.eq_ignore_ascii_case(name)).collect()
}

fn add_project(
    compound: &Compound,
    streams: &[&Entry],
    done: &mut HashSet<*const Entry>,
    parts: &mut Parts<'_, '_>,
) -> Result<bool, OpenError> {
    let mut code_page = None;
    let mut modules = Vec::new();
    for entry in named(streams, "dir") {
        let dir = decompress(&compound.read(entry, MOST_STREAM, parts));
        if let Some(problem) = dir.problem {
            parts.incomplete(format!("the directory of a VBA project: {problem}"));
        }
        parts.budget().charge_output(dir.bytes.len() as u64).map_err(OpenError::Limit)?;
        let (own, listed) = parse_dir(&dir.bytes);
        code_page.get_or_insert(own);
        modules.extend(listed.into_iter().map(|module| (own, module)));
    }
    let mut by_name: HashMap<String, Vec<&Entry>> = HashMap::new();
    for entry in streams {
        by_name.entry(entry.name.to_ascii_lowercase()).or_default().push(entry);
    }
    let mut found = false;
    for (code_page, module) in &modules {
        parts.budget().check_time().map_err(OpenError::Limit)?;
        found = true;
        let entries = by_name.get(&module.stream.to_ascii_lowercase()).map(Vec::as_slice).unwrap_or_default();
        if entries.is_empty() {
            let member = Member::named(Role::Macro, module.name.clone()).of_kind("vba");
            parts.add_content(member.incomplete("the module's stream is missing"), Content::from(&b""[..]))?;
        }
        for entry in entries.iter().copied() {
            done.insert(entry);
            let bytes = compound.read(entry, MOST_STREAM, parts);
            let source = bytes.get(module.offset..).map(decompress).unwrap_or_default();
            parts.budget().charge_output(source.bytes.len() as u64).map_err(OpenError::Limit)?;
            // The offset may lie.
            let mut sources = if source.bytes.is_empty() { search(&bytes, parts)? } else { vec![source] };
            if sources.is_empty() {
                sources.push(Source::default());
            }
            for source in sources {
                add_module(&module.name, &source, module.offset.min(bytes.len()), *code_page, parts)?;
            }
        }
    }
    // Modules that the dir stream does not tell of, or all of them when it is broken.
    for entry in streams.iter().copied() {
        let lower = entry.name.to_ascii_lowercase();
        let entry_at: *const Entry = entry;
        if done.contains(&entry_at) || lower == "dir" || lower == "_vba_project" || lower.starts_with("__srp_") {
            continue;
        }
        let bytes = compound.read(entry, MOST_STREAM, parts);
        for source in search(&bytes, parts)? {
            found = true;
            done.insert(entry);
            add_module(&entry.name, &source, 0, code_page.unwrap_or_default(), parts)?;
        }
    }
    if !found && !named(streams, "_VBA_PROJECT").is_empty() {
        parts.incomplete("a VBA project has no module that can be read");
        return Ok(true);
    }
    Ok(found)
}

fn add_module(
    name: &str,
    source: &Source,
    pcode: usize,
    code_page: u16,
    parts: &mut Parts<'_, '_>,
) -> Result<(), OpenError> {
    let text = decode(&source.bytes, code_page);
    let code = text.lines().any(|line| !line.trim().is_empty() && !line.starts_with("Attribute "));
    let stomped = source.bytes.is_empty() && pcode > 0 || !code && pcode > MOST_EMPTY_PCODE;
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
    if let Some(problem) = source.problem {
        member = member.incomplete(problem);
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

/// Finds compressed sources by how every module begins: `Attribute VB_Name`, whose first eight bytes are literal. The
/// longest comes first.
fn search(bytes: &[u8], parts: &mut Parts<'_, '_>) -> Result<Vec<Source>, OpenError> {
    let mut found: Vec<Source> = Vec::new();
    let mut left = MOST_SEARCHED;
    // Where pieces of what was read begin: what begins there as well is the end of it.
    let mut known: HashSet<usize> = HashSet::new();
    for (index, at) in memchr::memmem::find_iter(bytes, b"\0Attribut").enumerate() {
        if index % 1024 == 0 {
            parts.budget().check_time().map_err(OpenError::Limit)?;
        }
        parts.budget().step(64).map_err(OpenError::Limit)?;
        if left == 0 {
            parts.incomplete("a stream has so many compressed sources that more than 64 MiB would have to be read");
            break;
        }
        let Some(start) = at.checked_sub(3).filter(|start| !known.contains(&start.saturating_add(1))) else { continue };
        let source = decompress(bytes.get(start..).unwrap_or_default());
        known.extend(source.pieces.iter().map(|piece| start.saturating_add(*piece)));
        let cost = source.read.saturating_add(source.bytes.len());
        parts.budget().step(cost as u64).map_err(OpenError::Limit)?;
        left = left.saturating_sub(cost);
        if !source.bytes.is_empty() {
            found.push(source);
        }
    }
    found.sort_by(|a, b| b.bytes.len().cmp(&a.bytes.len()).then_with(|| a.bytes.cmp(&b.bytes)));
    found.dedup_by(|a, b| a.bytes == b.bytes);
    Ok(found)
}

/// Decompresses a container ([MS-OVBA] 2.4.1); what stands before damage.
fn decompress(container: &[u8]) -> Source {
    // LIMIT: `decompress_within` says that there was too much.
    decompress_within(container, MOST_SOURCE)
}

fn decompress_within(container: &[u8], most: usize) -> Source {
    let mut source = Source::default();
    if container.first() != Some(&1) {
        return source;
    }
    let mut at = 1;
    while let Some(header) = u16_le(container, at) {
        // 2.4.1.1.5: three bits of signature, the size less three, and whether it is compressed.
        if header & 0x7000 != 0x3000 {
            let rest = container.get(at..).unwrap_or_default();
            if rest.iter().any(|byte| *byte != 0) {
                source.problem = Some("its compressed source is damaged, and read only so far");
            }
            break;
        }
        if source.bytes.len() > most {
            source.problem = Some("its source is larger than 16 MiB, and only so much is read");
            break;
        }
        if at > 1 {
            source.pieces.push(at);
        }
        let stated = at + usize::from(header & 0x0fff) + 3;
        let end = stated.min(container.len());
        let chunk = container.get(at + 2..end).unwrap_or_default();
        at = end;
        let whole = if header & 0x8000 == 0 {
            source.bytes.extend_from_slice(chunk);
            true
        } else {
            decompress_chunk(chunk, &mut source.bytes)
        };
        if !whole || stated > end {
            source.problem = Some("its compressed source is damaged or ends early");
        }
    }
    source.read = at;
    source
}

/// Whether all of it could be decompressed.
fn decompress_chunk(chunk: &[u8], out: &mut Vec<u8>) -> bool {
    let start = out.len();
    let mut at = 0;
    while let Some(flags) = chunk.get(at) {
        at += 1;
        for bit in 0..8 {
            if flags >> bit & 1 == 0 {
                let Some(byte) = chunk.get(at) else { return true };
                out.push(*byte);
                at += 1;
                continue;
            }
            let Some(token) = u16_le(chunk, at) else { return at >= chunk.len() };
            at += 2;
            // 2.4.1.3.19.1: the further in, the more bits the offset has.
            let done = out.len() - start;
            let bits = usize::BITS - done.saturating_sub(1).leading_zeros();
            let bits = bits.clamp(4, 12);
            let length = usize::from(token & (0xffff >> bits)) + 3;
            let offset = usize::from(token >> (16 - bits)) + 1;
            if offset > done || done + length > 8192 {
                return false;
            }
            for _ in 0..length {
                let byte = out.get(out.len() - offset).copied().unwrap_or_default();
                out.push(byte);
            }
        }
    }
    true
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
    fn a_source_that_is_larger_than_is_read_or_damaged_says_so() {
        let large = compress(&b"Attribute VB_Name\r\n".repeat(1_000));
        assert_eq!(decompress_within(&large, 20_000).problem, None);
        let cut = decompress_within(&large, 7_000);
        assert!(cut.problem.is_some_and(|problem| problem.contains("16 MiB")) && cut.bytes.len() < 12_000);
        let module = compress(SOURCE.as_bytes());
        for behind in [&b""[..], &[0; 40]] {
            let recorded = check(project("/VBA", &compress(&dir("Module1", 0)), &[&module[..], behind].concat()));
            assert!(recorded.complete(), "{:?}", recorded.parts);
        }
        for damaged in [[&module[..], b"\x01\x02\x03"].concat(), module[..module.len() - 5].to_vec()] {
            let recorded = check(project("/VBA", &compress(&dir("Module1", 0)), &damaged));
            assert!(recorded.contains(b"AutoOpen") && !recorded.complete());
        }
    }

    #[test]
    fn a_longer_source_hides_no_other() {
        let long = format!("Attribute VB_Name = \"Module1\"\r\n{}", "' harmless\r\n".repeat(100));
        // The directory is broken, and the stream holds two sources.
        let module = [compress(long.as_bytes()), vec![0xee; 9], compress(SOURCE.as_bytes())].concat();
        let recorded = check(project("/VBA", b"broken", &module));
        assert!(recorded.contains(b"harmless") && recorded.contains(b"LAZARET-MARKER"));
    }

    #[test]
    fn what_is_no_module_of_a_project_is_a_part_all_the_same() {
        let mut file = cfb::CompoundFile::create(Cursor::new(Vec::new())).unwrap();
        file.create_storage_all("/VBA").unwrap();
        let module = compress(SOURCE.as_bytes());
        let dir = compress(&dir("Module1", 0));
        let names = ["dir", "Module1", "_VBA_PROJECT", "other"];
        for (name, bytes) in names.into_iter().zip([&dir[..], &module, b"\xcc\x61\0\0", b"LAZARET-OTHER"]) {
            file.create_stream(format!("/VBA/{name}")).unwrap().write_all(bytes).unwrap();
        }
        file.flush().unwrap();
        let recorded = check(file.into_inner().into_inner());
        assert_eq!(recorded.bytes("//VBA/other"), b"LAZARET-OTHER");
        assert_eq!(recorded.parts.len(), 3);
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
            String::from_utf8_lossy(&decompress(&container).bytes),
            "#aaabcdefaaaaghijaaaaaklaaamnopqaaaaaaaaaaaarstuvwxyzaaa"
        );
    }
}
