//! Programs that parse and do nothing: PE (Microsoft PE/COFF), ELF (System V gABI), Mach-O, Java classes.

use super::put;

/// IMAGE_FILE_EXECUTABLE_IMAGE.
pub const PROGRAM: u16 = 0x0002;
/// IMAGE_FILE_EXECUTABLE_IMAGE and IMAGE_FILE_DLL.
pub const LIBRARY: u16 = 0x2002;
/// IMAGE_SUBSYSTEM_NATIVE: drivers.
pub const NATIVE: u16 = 1;
/// IMAGE_SUBSYSTEM_WINDOWS_GUI.
pub const WINDOWS: u16 = 2;
/// IMAGE_SUBSYSTEM_WINDOWS_CUI.
pub const CONSOLE: u16 = 3;

/// What a PE file says of itself.
#[derive(Clone)]
pub struct Pe {
    /// PE32+ (64 bits) when true.
    pub wide: bool,
    /// COFF characteristics.
    pub characteristics: u16,
    /// Windows subsystem.
    pub subsystem: u16,
    /// Names of exported functions, all of which return at once.
    pub exports: Vec<&'static str>,
    /// Imports: a library and its functions.
    pub imports: Vec<(&'static str, Vec<&'static str>)>,
    /// Name of the section, at most eight bytes.
    pub section: &'static str,
    /// Bytes after the tables, in the section.
    pub content: Vec<u8>,
}

impl Default for Pe {
    fn default() -> Self {
        Self {
            wide: true,
            characteristics: PROGRAM,
            subsystem: WINDOWS,
            exports: Vec::new(),
            imports: vec![("KERNEL32.dll", vec!["ExitProcess", "GetLastError", "GetStdHandle", "WriteFile"])],
            section: ".text",
            content: Vec::new(),
        }
    }
}

/// Address of the only section, and where its bytes lie in the file.
const ADDRESS: u32 = 0x1000;
const RAW: usize = 0x400;

impl Pe {
    /// The file. The entry point is a `ret`.
    pub fn build(&self) -> Vec<u8> {
        let mut section = vec![0xc3; 16];
        let exports = self.exports(&mut section);
        let imports = self.imports(&mut section);
        section.extend(&self.content);
        let used = section.len() as u32;
        section.resize(section.len().next_multiple_of(0x200), 0);

        let mut out = vec![0; RAW];
        put(&mut out, 0, b"MZ\x90\0\x03\0\0\0\x04\0\0\0\xff\xff");
        put(&mut out, 0x3c, &0x80u32.to_le_bytes());
        put(&mut out, 0x40, b"This program does nothing.\r\n$");
        put(&mut out, 0x80, b"PE\0\0");
        put(&mut out, 0x84, &if self.wide { 0x8664u16 } else { 0x14c }.to_le_bytes());
        put(&mut out, 0x86, &1u16.to_le_bytes());
        let optional = if self.wide { 240u16 } else { 224 };
        put(&mut out, 0x94, &optional.to_le_bytes());
        put(&mut out, 0x96, &(self.characteristics | if self.wide { 0x20 } else { 0x100 }).to_le_bytes());
        let header = 0x98;
        put(&mut out, header, &if self.wide { 0x20bu16 } else { 0x10b }.to_le_bytes());
        put(&mut out, header + 4, &(section.len() as u32).to_le_bytes());
        put(&mut out, header + 16, &ADDRESS.to_le_bytes());
        put(&mut out, header + 20, &ADDRESS.to_le_bytes());
        if self.wide {
            put(&mut out, header + 24, &0x1_4000_0000u64.to_le_bytes());
        } else {
            put(&mut out, header + 28, &0x40_0000u32.to_le_bytes());
        }
        put(&mut out, header + 32, &0x1000u32.to_le_bytes());
        put(&mut out, header + 36, &0x200u32.to_le_bytes());
        put(&mut out, header + 40, &6u16.to_le_bytes());
        put(&mut out, header + 48, &6u16.to_le_bytes());
        put(&mut out, header + 56, &(ADDRESS + used.next_multiple_of(0x1000)).to_le_bytes());
        put(&mut out, header + 60, &(RAW as u32).to_le_bytes());
        put(&mut out, header + 68, &self.subsystem.to_le_bytes());
        put(&mut out, header + 70, &0x8140u16.to_le_bytes());
        let directories = header + if self.wide { 112 } else { 96 };
        put(&mut out, directories - 4, &16u32.to_le_bytes());
        for (index, (address, size)) in [exports, imports].into_iter().enumerate() {
            put(&mut out, directories + 8 * index, &address.to_le_bytes());
            put(&mut out, directories + 8 * index + 4, &size.to_le_bytes());
        }
        let table = header + usize::from(optional);
        put(&mut out, table, self.section.as_bytes());
        let fields = [used, ADDRESS, section.len() as u32, RAW as u32];
        for (index, field) in fields.into_iter().enumerate() {
            put(&mut out, table + 8 + 4 * index, &field.to_le_bytes());
        }
        // Code, readable and executable.
        put(&mut out, table + 36, &0x6000_0020u32.to_le_bytes());
        out.extend(section);
        out
    }

    fn exports(&self, section: &mut Vec<u8>) -> (u32, u32) {
        if self.exports.is_empty() {
            return (0, 0);
        }
        let start = section.len();
        let count = self.exports.len();
        let (functions, names) = (start + 40, start + 40 + 4 * count);
        let ordinals = names + 4 * count;
        let mut text = ordinals + 2 * count;
        section.resize(text, 0);
        let address = |at: usize| (ADDRESS + at as u32).to_le_bytes();
        put(section, start + 12, &address(text));
        put(section, start + 16, &1u32.to_le_bytes());
        put(section, start + 20, &(count as u32).to_le_bytes());
        put(section, start + 24, &(count as u32).to_le_bytes());
        for (field, at) in [(28, functions), (32, names), (36, ordinals)] {
            put(section, start + field, &address(at));
        }
        section.extend(b"module.dll\0");
        text = section.len();
        for (index, name) in self.exports.iter().enumerate() {
            put(section, functions + 4 * index, &ADDRESS.to_le_bytes());
            put(section, names + 4 * index, &address(text));
            put(section, ordinals + 2 * index, &(index as u16).to_le_bytes());
            section.extend(name.as_bytes());
            section.push(0);
            text = section.len();
        }
        (ADDRESS + start as u32, (text - start) as u32)
    }

    fn imports(&self, section: &mut Vec<u8>) -> (u32, u32) {
        if self.imports.is_empty() {
            return (0, 0);
        }
        let width = if self.wide { 8 } else { 4 };
        section.resize(section.len().next_multiple_of(8), 0);
        let start = section.len();
        section.resize(start + 20 * (self.imports.len() + 1), 0);
        for (index, (library, functions)) in self.imports.iter().enumerate() {
            let thunks = section.len().next_multiple_of(8);
            let lookup = thunks + width * (functions.len() + 1);
            section.resize(lookup + width * (functions.len() + 1), 0);
            for (number, function) in functions.iter().enumerate() {
                let at = (ADDRESS + section.len() as u32).to_le_bytes();
                section.extend([0, 0]);
                section.extend(function.as_bytes());
                section.push(0);
                put(section, thunks + width * number, &at);
                put(section, lookup + width * number, &at);
            }
            let name = section.len();
            section.extend(library.as_bytes());
            section.push(0);
            for (field, at) in [(0, lookup), (12, name), (16, thunks)] {
                put(section, start + 20 * index + field, &(ADDRESS + at as u32).to_le_bytes());
            }
        }
        (ADDRESS + start as u32, 20 * (self.imports.len() as u32 + 1))
    }
}

/// A 64-bit Windows program with a window.
pub fn exe() -> Vec<u8> {
    Pe::default().build()
}

/// A library with these exports.
pub fn dll(exports: &[&'static str]) -> Vec<u8> {
    Pe { characteristics: LIBRARY, exports: exports.to_vec(), ..Pe::default() }.build()
}

/// A 64-bit ELF program for x86-64 with one loadable segment, which ends at once.
pub fn elf() -> Vec<u8> {
    let mut out = vec![0; 120];
    put(&mut out, 0, b"\x7fELF\x02\x01\x01");
    put(&mut out, 16, &[2, 0, 62, 0, 1, 0, 0, 0]);
    put(&mut out, 24, &0x40_0078u64.to_le_bytes());
    put(&mut out, 32, &64u64.to_le_bytes());
    put(&mut out, 52, &[64, 0, 56, 0, 1, 0, 64, 0]);
    put(&mut out, 64, &[1, 0, 0, 0, 5, 0, 0, 0]);
    put(&mut out, 80, &0x40_0000u64.to_le_bytes());
    put(&mut out, 88, &0x40_0000u64.to_le_bytes());
    // mov eax, 60; xor edi, edi; syscall
    out.extend([0xb8, 60, 0, 0, 0, 0x31, 0xff, 0x0f, 0x05]);
    let size = out.len() as u64;
    put(&mut out, 96, &size.to_le_bytes());
    put(&mut out, 104, &size.to_le_bytes());
    put(&mut out, 112, &0x1000u64.to_le_bytes());
    out
}

/// An AppImage of type 2: ELF with its mark in the padding of the identification.
pub fn app_image() -> Vec<u8> {
    let mut out = elf();
    put(&mut out, 8, b"AI\x02");
    out
}

/// A 64-bit Mach-O program for x86-64 with one empty segment.
pub fn mach_o() -> Vec<u8> {
    let mut out = 0xfeed_facfu32.to_le_bytes().to_vec();
    for field in [0x0100_0007u32, 3, 2, 1, 72, 0x85, 0] {
        out.extend(field.to_le_bytes());
    }
    out.extend(0x19u32.to_le_bytes());
    out.extend(72u32.to_le_bytes());
    out.extend(b"__PAGEZERO\0\0\0\0\0\0");
    out.extend([0; 48]);
    out
}

/// A universal binary with one architecture.
pub fn universal() -> Vec<u8> {
    let program = mach_o();
    let mut out = 0xcafe_babeu32.to_be_bytes().to_vec();
    for field in [1u32, 0x0100_0007, 3, 4096, program.len() as u32, 12] {
        out.extend(field.to_be_bytes());
    }
    out.resize(4096, 0);
    out.extend(program);
    out
}

/// The head of a Java class (JVM specification, 4.1).
pub fn class() -> Vec<u8> {
    let mut out = b"\xca\xfe\xba\xbe\0\0\0\x34\0\x05\x07\0\x02\x01\0\x01A\x07\0\x04\x01\0\x10java/lang/Object".to_vec();
    out.extend(b"\0\x21\0\x01\0\x03\0\0\0\0\0\0\0\0");
    out
}
