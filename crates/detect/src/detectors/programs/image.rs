//! What a program's headers say: its pieces, where it starts, what it imports and exports.
//!
//! PE (Microsoft, "PE Format"), ELF (System V ABI), Mach-O (Apple, `mach-o/loader.h`). Names and tables are followed
//! within bounds of our own, since their lengths and numbers are the file's choice.

use object::read::elf::{FileHeader, ProgramHeader};
use object::read::macho::{LoadCommandVariant, MachHeader};
use object::read::pe::{ImageNtHeaders, ImageOptionalHeader, PeFile};
use object::{Endianness, LittleEndian, elf, macho, pe};

/// Sections and segments that are looked at; Windows itself loads 96 of old and few programs have 40.
const MOST_SECTIONS: usize = 128;
/// Libraries whose imports are read.
const MOST_LIBRARIES: usize = 4096;
/// Imported or exported names that are read.
const MOST_NAMES: usize = 128 << 10;
/// Bytes of a name: names that say something are shorter, and what is longer is none of them.
const MOST_NAME: usize = 128;

/// A program's headers, read.
#[derive(Debug, Default)]
pub(super) struct Image<'b> {
    /// Its sections (PE) or segments (ELF, Mach-O).
    pub(super) sections: Vec<Section<'b>>,
    /// Where it starts, as an address of its own counting; none where it does not start by itself.
    pub(super) entry: Option<u64>,
    /// Names of imported functions, in lower case.
    pub(super) imports: Vec<String>,
    /// Exported names.
    pub(super) exports: Vec<String>,
    /// Whether so little is imported that it must find most functions by itself.
    pub(super) imports_little: bool,
    /// .NET: what runs is not machine code.
    pub(super) managed: bool,
    /// PE, whose loader maps nothing but sections.
    pub(super) windows: bool,
    /// What there is more of than was read.
    pub(super) more: Option<&'static str>,
}

/// A piece of a program as it is mapped.
#[derive(Debug)]
pub(super) struct Section<'b> {
    /// Its name, empty for ELF.
    pub(super) name: String,
    /// The first address.
    pub(super) address: u64,
    /// Bytes in memory.
    pub(super) length: u64,
    /// What the file holds of it, as far as it was shown.
    pub(super) bytes: &'b [u8],
    /// Mapped writable.
    pub(super) writes: bool,
    /// Mapped executable.
    pub(super) runs: bool,
}

/// What there is more of where not all sections or segments were read.
const SECTIONS: &str = "sections";

/// Imports below which a program of Windows cannot do much that it does openly.
const LITTLE: usize = 30;

impl<'b> Image<'b> {
    /// Reads headers; none where they cannot be followed.
    pub(super) fn read(bytes: &'b [u8]) -> Option<Self> {
        match bytes.get(..4)? {
            [b'M', b'Z', ..] => match object::read::pe::optional_header_magic(bytes).ok()? {
                pe::IMAGE_NT_OPTIONAL_HDR64_MAGIC => Self::windows::<pe::ImageNtHeaders64>(bytes),
                _ => Self::windows::<pe::ImageNtHeaders32>(bytes),
            },
            [0x7f, b'E', b'L', b'F'] if bytes.get(4) == Some(&elf::ELFCLASS64) => {
                Self::elf::<elf::FileHeader64<Endianness>>(bytes)
            }
            [0x7f, b'E', b'L', b'F'] => Self::elf::<elf::FileHeader32<Endianness>>(bytes),
            [0xcf, 0xfa, 0xed, 0xfe] | [0xfe, 0xed, 0xfa, 0xcf] => {
                Self::macho::<macho::MachHeader64<Endianness>>(bytes)
            }
            [0xce, 0xfa, 0xed, 0xfe] | [0xfe, 0xed, 0xfa, 0xce] => {
                Self::macho::<macho::MachHeader32<Endianness>>(bytes)
            }
            // A universal program: big-endian, the offset of its first slice at 16. Slices hold no further ones.
            [0xca, 0xfe, 0xba, 0xbe] => {
                let at = u32::from_be_bytes(bytes.get(16..20)?.try_into().ok()?);
                let slice = bytes.get(usize::try_from(at).ok()?..)?;
                if matches!(slice.first()?, 0xcf | 0xce | 0xfe) { Self::read(slice) } else { None }
            }
            _ => None,
        }
    }

    fn windows<Pe: ImageNtHeaders>(bytes: &'b [u8]) -> Option<Self> {
        let file = PeFile::<Pe>::parse(bytes).ok()?;
        let mut image = Self { windows: true, ..Self::default() };
        image.more = (file.section_table().iter().count() > MOST_SECTIONS).then_some(SECTIONS);
        for header in file.section_table().iter().take(MOST_SECTIONS) {
            let raw = header.name.split(|byte| *byte == 0).next().unwrap_or_default();
            let (size, start) =
                (header.size_of_raw_data.get(LittleEndian), header.pointer_to_raw_data.get(LittleEndian));
            let flags = header.characteristics.get(LittleEndian);
            let virtual_size = header.virtual_size.get(LittleEndian);
            image.sections.push(Section {
                name: String::from_utf8_lossy(raw).into_owned(),
                address: header.virtual_address.get(LittleEndian).into(),
                // Linkers that leave the size in memory out mean the size in the file.
                length: if virtual_size == 0 { size } else { virtual_size.max(size) }.into(),
                bytes: range(bytes, start.into(), size.into()),
                writes: flags & pe::IMAGE_SCN_MEM_WRITE != 0,
                runs: flags & pe::IMAGE_SCN_MEM_EXECUTE != 0,
            });
        }
        let entry = file.nt_headers().optional_header().address_of_entry_point();
        image.entry = (entry != 0).then_some(entry.into());
        let directory = |at: usize| {
            let directory = file.data_directory(at)?;
            Some((directory.virtual_address.get(LittleEndian), directory.size.get(LittleEndian)))
        };
        image.managed = directory(pe::IMAGE_DIRECTORY_ENTRY_COM_DESCRIPTOR).is_some_and(|(at, _)| at != 0);
        let wide = file.nt_headers().is_type_64();
        if let Some((at, _)) = directory(pe::IMAGE_DIRECTORY_ENTRY_IMPORT).filter(|(at, _)| *at != 0) {
            image.read_imports(at.into(), wide);
        }
        if let Some((at, _)) = directory(pe::IMAGE_DIRECTORY_ENTRY_EXPORT).filter(|(at, _)| *at != 0) {
            image.read_exports(at.into());
        }
        image.imports_little = image.imports.len() < LITTLE;
        Some(image)
    }

    /// The import directory: 20 bytes a library, each with a table of names or ordinals.
    fn read_imports(&mut self, at: u64, wide: bool) {
        let width = if wide { 8 } else { 4 };
        let mut names = Vec::new();
        for (place, library) in self.at(at).chunks_exact(20).enumerate() {
            let (lookup, table) = (u32_at(library, 0), u32_at(library, 16));
            let table = if lookup == 0 { table } else { lookup };
            if table == 0 || u32_at(library, 12) == 0 {
                break;
            }
            if place >= MOST_LIBRARIES || names.len() >= MOST_NAMES {
                self.more = Some("imports");
                break;
            }
            for entry in self.at(table.into()).chunks_exact(width) {
                let (low, high) = (u32_at(entry, 0), if wide { u32_at(entry, 4) } else { 0 });
                if low == 0 && high == 0 {
                    break;
                }
                if names.len() >= MOST_NAMES {
                    self.more = Some("imports");
                    break;
                }
                let by_ordinal = if wide { high >> 31 == 1 } else { low >> 31 == 1 };
                // A hint of two bytes goes before the name.
                let name = if by_ordinal { String::new() } else { name(self.at(u64::from(low).saturating_add(2))) };
                names.push(name.to_ascii_lowercase());
            }
        }
        self.imports = names;
    }

    /// The export directory: a count of names at 24, a table of their addresses at 32.
    fn read_exports(&mut self, at: u64) {
        let directory = self.at(at);
        let count = u32_at(directory, 24) as usize;
        let table = self.at(u32_at(directory, 32).into());
        if count.min(table.len() / 4) > MOST_NAMES {
            self.more = Some("exports");
        }
        let count = count.min(MOST_NAMES);
        self.exports = table.chunks_exact(4).take(count).map(|entry| name(self.at(u32_at(entry, 0).into()))).collect();
    }

    /// The bytes at an address, to the end of their section.
    fn at(&self, address: u64) -> &'b [u8] {
        let holds = |s: &&Section<'_>| address >= s.address && address - s.address < s.bytes.len() as u64;
        let Some(section) = self.sections.iter().find(holds) else { return &[] };
        section.bytes.get((address - section.address) as usize..).unwrap_or_default()
    }

    fn elf<Elf: FileHeader<Endian = Endianness>>(bytes: &'b [u8]) -> Option<Self> {
        let header = Elf::parse(bytes).ok()?;
        let endian = header.endian().ok()?;
        let mut image = Self { imports_little: true, ..Self::default() };
        let segments = header.program_headers(endian, bytes).ok()?;
        image.more = (segments.len() > MOST_SECTIONS).then_some(SECTIONS);
        for segment in segments.iter().take(MOST_SECTIONS) {
            match segment.p_type(endian) {
                elf::PT_LOAD => image.sections.push(Section {
                    name: String::new(),
                    address: segment.p_vaddr(endian).into(),
                    length: segment.p_memsz(endian).into(),
                    bytes: range(bytes, segment.p_offset(endian).into(), segment.p_filesz(endian).into()),
                    writes: segment.p_flags(endian) & elf::PF_W != 0,
                    runs: segment.p_flags(endian) & elf::PF_X != 0,
                }),
                // The loader resolves imports of what has an interpreter or a dynamic section.
                elf::PT_INTERP | elf::PT_DYNAMIC => image.imports_little = false,
                _ => {}
            }
        }
        Some(image)
    }

    fn macho<Mach: MachHeader<Endian = Endianness>>(bytes: &'b [u8]) -> Option<Self> {
        let header = Mach::parse(bytes, 0).ok()?;
        let endian = header.endian().ok()?;
        let mut image = Self { imports_little: true, ..Self::default() };
        let mut commands = header.load_commands(endian, bytes, 0).ok()?;
        let mut rest = MOST_SECTIONS;
        while let Ok(Some(command)) = commands.next() {
            let Some(left) = rest.checked_sub(1) else {
                image.more = Some(SECTIONS);
                break;
            };
            rest = left;
            match command.variant().ok()? {
                LoadCommandVariant::Segment32(s, _) => image.sections.push(Section {
                    name: text(&s.segname),
                    address: s.vmaddr.get(endian).into(),
                    length: s.vmsize.get(endian).into(),
                    bytes: range(bytes, s.fileoff.get(endian).into(), s.filesize.get(endian).into()),
                    writes: s.initprot.get(endian) & macho::VM_PROT_WRITE != 0,
                    runs: s.initprot.get(endian) & macho::VM_PROT_EXECUTE != 0,
                }),
                LoadCommandVariant::Segment64(s, _) => image.sections.push(Section {
                    name: text(&s.segname),
                    address: s.vmaddr.get(endian),
                    length: s.vmsize.get(endian),
                    bytes: range(bytes, s.fileoff.get(endian), s.filesize.get(endian)),
                    writes: s.initprot.get(endian) & macho::VM_PROT_WRITE != 0,
                    runs: s.initprot.get(endian) & macho::VM_PROT_EXECUTE != 0,
                }),
                LoadCommandVariant::Dylib(_) | LoadCommandVariant::Symtab(_) => image.imports_little = false,
                _ => {}
            }
        }
        Some(image)
    }
}

/// The part of a range that was shown.
fn range(bytes: &[u8], start: u64, length: u64) -> &[u8] {
    let most = bytes.len() as u64;
    let (start, end) = (start.min(most), start.saturating_add(length).min(most));
    bytes.get(start as usize..end as usize).unwrap_or_default()
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes.split(|byte| *byte == 0).next().unwrap_or_default()).into_owned()
}

fn name(bytes: &[u8]) -> String {
    // LIMIT: no name that says something is as long.
    text(bytes.get(..MOST_NAME.min(bytes.len())).unwrap_or_default())
}

fn u32_at(bytes: &[u8], at: usize) -> u32 {
    let field = at.checked_add(4).and_then(|end| bytes.get(at..end)).and_then(|field| field.try_into().ok());
    field.map_or(0, u32::from_le_bytes)
}
