//! Programs made for tests: a small PE file. What signs it is in the generator of the corpus.

/// Section flags: code that runs and is read, data, and both written and run.
pub(super) const CODE: u32 = 0x6000_0020;
pub(super) const DATA: u32 = 0xc000_0040;
pub(super) const BOTH: u32 = 0xe000_0020;

/// A PE file to be.
pub(super) struct Pe {
    pub(super) wide: bool,
    /// Name, bytes and flags; each gets 0x100000 addresses of its own from 0x100000 on.
    pub(super) sections: Vec<(&'static str, Vec<u8>, u32)>,
    pub(super) imports: Vec<&'static str>,
    pub(super) exports: Vec<&'static str>,
    pub(super) entry: u32,
    pub(super) managed: bool,
}

/// Addresses between the starts of sections.
const APART: u32 = 0x10_0000;

impl Pe {
    /// A program with one section of code.
    pub(super) fn plain() -> Self {
        let code = [&b"\x55\x48\x89\xe5\xc3\x90\x90\x90"[..]; 1024].concat();
        let sections = vec![(".text", code, CODE)];
        Self { wide: true, sections, imports: Vec::new(), exports: Vec::new(), entry: APART, managed: false }
    }

    pub(super) fn bytes(mut self) -> Vec<u8> {
        let own = APART * (self.sections.len() as u32 + 1);
        let width = if self.wide { 8 } else { 4 };
        // Library, lookup table, names; then exports.
        let names = own + 64 + (self.imports.len() as u32 + 1) * width;
        let mut tables = Vec::new();
        let mut texts = Vec::new();
        for import in &self.imports {
            tables.extend((names + texts.len() as u32).to_le_bytes());
            tables.resize(tables.len().next_multiple_of(width as usize), 0);
            texts.extend([0, 0]);
            texts.extend(import.as_bytes());
            texts.push(0);
        }
        tables.extend(vec![0; width as usize]);
        let mut data: Vec<u8> = [own + 64, 0, 0, own, 0].into_iter().flat_map(u32::to_le_bytes).collect();
        data.resize(64, 0);
        data.extend(tables.into_iter().chain(texts));
        let exports = own + data.len() as u32;
        let count = self.exports.len() as u32;
        data.extend([0; 24]);
        data.extend([count, 0, exports + 40, 0].into_iter().flat_map(u32::to_le_bytes));
        let mut at = exports + 40 + 4 * count;
        let mut texts = Vec::new();
        for export in &self.exports {
            data.extend(at.to_le_bytes());
            texts.extend(export.bytes().chain([0]));
            at += export.len() as u32 + 1;
        }
        data.extend(texts);
        if !self.imports.is_empty() || !self.exports.is_empty() {
            self.sections.push((".idata", data, DATA));
        }

        let mut out = b"MZ".to_vec();
        out.resize(0x3c, 0);
        out.extend(0x40_u32.to_le_bytes());
        out.extend(b"PE\0\0");
        out.extend(if self.wide { 0x8664_u16 } else { 0x14c }.to_le_bytes());
        out.extend((self.sections.len() as u16).to_le_bytes());
        out.extend([0; 12]);
        let optional = if self.wide { 240_u16 } else { 224 };
        out.extend(optional.to_le_bytes());
        out.extend(0x22_u16.to_le_bytes());
        let start = out.len();
        out.extend(if self.wide { 0x20b_u16 } else { 0x10b }.to_le_bytes());
        out.resize(start + 16, 0);
        out.extend(self.entry.to_le_bytes());
        out.resize(start + if self.wide { 108 } else { 92 }, 0);
        out.extend(16_u32.to_le_bytes());
        let mut directories = [0_u32; 32];
        directories[0] = if count > 0 { exports } else { 0 };
        directories[2] = if self.imports.is_empty() { 0 } else { own };
        directories[28] = u32::from(self.managed);
        out.extend(directories.into_iter().flat_map(u32::to_le_bytes));
        let mut raw = 0x1000_u32;
        for (index, (name, bytes, flags)) in self.sections.iter().enumerate() {
            let size = bytes.len() as u32;
            // LIMIT: a field of eight bytes.
            out.extend(name.bytes().chain([0; 8]).take(8));
            out.extend([size, APART * (index as u32 + 1), size, raw].into_iter().flat_map(u32::to_le_bytes));
            out.extend([0; 12]);
            out.extend(flags.to_le_bytes());
            raw += size;
        }
        out.resize(0x1000, 0);
        self.sections.into_iter().for_each(|(_, bytes, _)| out.extend(bytes));
        out.resize(out.len().next_multiple_of(8), 0);
        out
    }
}
