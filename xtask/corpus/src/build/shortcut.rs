//! Windows shortcuts (MS-SHLLINK).

use super::utf16;

/// What a shortcut says; empty texts are left out.
#[derive(Default)]
pub struct Lnk<'a> {
    /// The relative path of the target.
    pub target: &'a str,
    /// Its arguments.
    pub arguments: &'a str,
    /// Where its icon lies.
    pub icon: &'a str,
    /// Whether the window starts minimised.
    pub minimised: bool,
}

impl Lnk<'_> {
    /// The file.
    pub fn build(&self) -> Vec<u8> {
        let mut out = b"L\0\0\0\x01\x14\x02\0\0\0\0\0\xc0\0\0\0\0\0\0\x46".to_vec();
        let texts = [(3, self.target), (5, self.arguments), (6, self.icon)];
        let unicode = 1u32 << 7;
        let flags = texts.iter().filter(|(_, text)| !text.is_empty()).fold(unicode, |flags, (bit, _)| flags | 1 << bit);
        out.extend(flags.to_le_bytes());
        out.resize(60, 0);
        // SW_SHOWMINNOACTIVE or SW_SHOWNORMAL (MS-SHLLINK 2.1, ShowCommand).
        out.extend(if self.minimised { 7u32 } else { 1 }.to_le_bytes());
        out.resize(76, 0);
        for (_, text) in texts.iter().filter(|(_, text)| !text.is_empty()) {
            out.extend((text.encode_utf16().count() as u16).to_le_bytes());
            out.extend(utf16(text));
        }
        out.extend([0; 4]);
        out
    }
}
