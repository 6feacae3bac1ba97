//! For tests: takes bytes apart and remembers everything the walk says.

use crate::{Budget, Content, Setup, Visitor};
use lazaret_model::{Child, ContentCoding, Finding, Limits, Part, PartId};
use std::collections::HashMap;
use std::sync::Arc;
use std::time::Instant;

/// What a walk said.
#[derive(Debug, Default)]
pub(crate) struct Recorded {
    pub(crate) parts: Vec<Part>,
    pub(crate) findings: Vec<Finding>,
    pub(crate) bytes: HashMap<PartId, Vec<u8>>,
}

impl Recorded {
    /// The part whose path ends so; panics with the list of parts when there is none.
    #[track_caller]
    pub(crate) fn part(&self, path_end: &str) -> &Part {
        self.parts.iter().find(|p| p.path.ends_with(path_end)).unwrap_or_else(|| {
            panic!(
                "no part ends in `{path_end}`: {:#?}",
                self.parts.iter().map(|p| (&p.path, &p.kind.id)).collect::<Vec<_>>()
            )
        })
    }

    /// The bytes of the part whose path ends so.
    #[track_caller]
    pub(crate) fn bytes(&self, path_end: &str) -> &[u8] {
        &self.bytes[&self.part(path_end).id]
    }

    /// Whether some part holds these bytes, such as a marker.
    pub(crate) fn contains(&self, marker: &[u8]) -> bool {
        self.parts.iter().filter_map(|p| self.bytes.get(&p.id)).any(|b| memchr::memmem::find(b, marker).is_some())
    }

    /// Whether nothing was left out.
    pub(crate) fn complete(&self) -> bool {
        self.parts.iter().all(|p| p.complete && !p.locked)
    }
}

impl Visitor for Recorded {
    fn begin(&mut self, part: &Part) {
        self.parts.push(part.clone());
    }

    fn inspect(&mut self, part: &Part, content: &Content) -> Vec<String> {
        self.bytes.insert(part.id, content.window(0, 64 << 20).expect("test content is readable").into_owned());
        Vec::new()
    }

    fn finding(&mut self, _part: &Part, finding: Finding) {
        self.findings.push(finding);
    }

    fn end(&mut self, part: &Part, _children: &[Child]) {
        let slot = self.parts.iter_mut().find(|p| p.id == part.id).expect("every end has a begin");
        slot.clone_from(part);
    }

    fn withdraw_below(&mut self, part: PartId) {
        let mut gone = vec![part];
        while let Some(parent) = gone.pop() {
            gone.extend(self.parts.iter().filter(|p| p.parent == Some(parent)).map(|p| p.id));
            self.parts.retain(|p| p.parent != Some(parent));
        }
    }
}

#[allow(dead_code)]
/// Walks `bytes` under the default limits.
pub(crate) fn walk(bytes: impl Into<Content>, name: &str) -> Recorded {
    walk_with(bytes, name, None, &[], Limits::default())
}

/// Walks `bytes`; `kind` skips identification of the sample itself.
pub(crate) fn walk_with(
    bytes: impl Into<Content>,
    name: &str,
    kind: Option<&'static str>,
    passwords: &[&str],
    limits: Limits,
) -> Recorded {
    let setup = setup(passwords, limits);
    let mut recorded = Recorded::default();
    let content = bytes.into();
    if let Some(folder) = std::env::var_os("LAZARET_SEEDS") {
        seed(std::path::Path::new(&folder), kind, &content);
    }
    crate::walk::walk_as(&content, name, kind, setup, &mut recorded);
    recorded
}

/// Walks `bytes` that travel under `codings`.
pub(crate) fn walk_packed(bytes: &[u8], codings: &[ContentCoding]) -> Recorded {
    let mut recorded = Recorded::default();
    let setup = Setup { codings: codings.to_vec(), ..setup(&[], Limits::default()) };
    crate::walk::walk(&Content::from(bytes), "page", setup, &mut recorded);
    recorded
}

/// A budget of the default limits whose clock stands still.
pub(crate) fn budget() -> Budget {
    Budget::new(Limits::default(), Arc::new(std::time::Duration::default), 1 << 20)
}

/// The steps that a walk of `bytes` takes, on a clock that stands still, and what it says.
pub(crate) fn steps_of(bytes: &[u8], name: &str, kind: Option<&'static str>) -> (u64, Recorded) {
    let mut recorded = Recorded::default();
    (steps(bytes, name, kind, &mut recorded), recorded)
}

/// As [`steps_of`], of many parts that need not be kept.
pub(crate) fn steps(bytes: &[u8], name: &str, kind: Option<&'static str>, visitor: &mut dyn Visitor) -> u64 {
    let setup = Setup { clock: Arc::new(std::time::Duration::default), ..setup(&[], Limits::default()) };
    crate::walk::walk_counting(&Content::from(bytes), name, kind, setup, visitor)
}

fn setup(passwords: &[&str], limits: Limits) -> Setup {
    let start = Instant::now();
    Setup {
        limits,
        clock: Arc::new(move || start.elapsed()),
        spool: None,
        passwords: passwords.iter().map(ToString::to_string).collect(),
        legacy_hashes: false,
        declared_type: None,
        codings: Vec::new(),
    }
}

/// Keeps what the tests build as seeds for the fuzz targets, a few files a test: most others differ in one byte.
fn seed(folder: &std::path::Path, kind: Option<&'static str>, content: &Content) {
    let Some(bytes) = content.as_slice().filter(|bytes| bytes.len() < 32 << 10) else { return };
    let identified = crate::identify(content).expect("memory can be read").kind.id;
    let kind = kind.unwrap_or(&identified);
    let test = std::thread::current().name().unwrap_or("main").replace("::", "-");
    let formats = crate::FORMATS.iter().filter(|f| f.kinds().contains(&kind)).map(|f| format!("open_{}", f.id()));
    for target in formats.chain(["identify".to_owned(), "identify_head".to_owned()]) {
        let folder = folder.join(target);
        std::fs::create_dir_all(&folder).expect("seeds can be written");
        if let Some(free) = (0..6).map(|n| folder.join(format!("{test}-{n}"))).find(|path| !path.exists()) {
            std::fs::write(free, bytes).expect("seeds can be written");
        }
    }
}

/// Small files made by hand.
pub(crate) mod build {
    /// A ZIP of stored members whose checksums are zero.
    pub(crate) fn crc_less_zip(members: &[(&str, &[u8])]) -> Vec<u8> {
        let mut out: Vec<u8> = Vec::new();
        let mut directory: Vec<u8> = Vec::new();
        for (name, bytes) in members {
            let at = out.len() as u32;
            let sizes = [(bytes.len() as u32).to_le_bytes(), (bytes.len() as u32).to_le_bytes()].concat();
            let name_len = (name.len() as u16).to_le_bytes();
            out.extend(
                b"PK\x03\x04\x14\0\0\0\0\0\0\0\0\0\0\0\0\0".iter().chain(&sizes).chain(&name_len).chain(&[0, 0]),
            );
            out.extend(name.as_bytes().iter().chain(*bytes));
            directory.extend(b"PK\x01\x02\x14\0\x14\0\0\0\0\0\0\0\0\0\0\0\0\0".iter().chain(&sizes).chain(&name_len));
            directory.extend([0; 12].iter().chain(&at.to_le_bytes()).chain(name.as_bytes()));
        }
        let (start, size, count) = (out.len() as u32, directory.len() as u32, members.len() as u16);
        out.extend(directory);
        out.extend(b"PK\x05\x06\0\0\0\0");
        out.extend(count.to_le_bytes().iter().chain(&count.to_le_bytes()));
        out.extend(size.to_le_bytes().iter().chain(&start.to_le_bytes()).chain(&[0, 0]));
        out
    }

    /// A compound file with these streams in its root.
    pub(crate) fn compound(streams: &[(&str, &[u8])]) -> Vec<u8> {
        use std::io::Write;
        let mut file = cfb::CompoundFile::create(std::io::Cursor::new(Vec::new())).expect("memory can be written");
        for (name, bytes) in streams {
            file.create_stream(name).and_then(|mut s| s.write_all(bytes)).expect("memory can be written");
        }
        file.into_inner().into_inner()
    }

    /// A PE file with one section, which holds an export table.
    pub(crate) fn pe(wide: bool, characteristics: u16, subsystem: u16, exports: &[&str]) -> Vec<u8> {
        let mut out = vec![0; 1024];
        let mut put = |at: usize, bytes: &[u8]| out[at..at + bytes.len()].copy_from_slice(bytes);
        put(0, b"MZ");
        put(0x3c, &0x80u32.to_le_bytes());
        let optional: u16 = if wide { 240 } else { 224 };
        put(0x80, b"PE\0\0");
        put(0x84, &if wide { 0x8664u16 } else { 0x14c }.to_le_bytes());
        put(0x86, &1u16.to_le_bytes());
        put(0x80 + 20, &optional.to_le_bytes());
        put(0x80 + 22, &characteristics.to_le_bytes());
        put(0x80 + 24, &if wide { 0x20bu16 } else { 0x10b }.to_le_bytes());
        put(0x80 + 24 + 68, &subsystem.to_le_bytes());
        let directories = 0x80 + 24 + if wide { 112 } else { 96 };
        let section = 0x80 + 24 + usize::from(optional);
        put(section, b".text\0\0\0");
        for (index, value) in [0x1000u32, 0x1000, 0x200, 0x200].into_iter().enumerate() {
            put(section + 8 + 4 * index, &value.to_le_bytes());
        }
        if !exports.is_empty() {
            put(directories, &0x1000u32.to_le_bytes());
            put(directories + 4, &40u32.to_le_bytes());
            put(0x200 + 24, &(exports.len() as u32).to_le_bytes());
            put(0x200 + 32, &0x1040u32.to_le_bytes());
            for (index, name) in exports.iter().enumerate() {
                let address = 0x1080 + 32 * index as u32;
                put(0x240 + 4 * index, &address.to_le_bytes());
                put(0x280 + 32 * index, name.as_bytes());
            }
        }
        out
    }
}
