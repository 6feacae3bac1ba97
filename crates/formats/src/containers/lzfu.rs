//! Compressed Rich Text of Outlook ([MS-OXRTFCP]).

use super::bytes::u32_le;

/// What the dictionary holds at first ([MS-OXRTFCP] 2.1.3.1.5): words that most documents have.
const WORDS: &[u8] = b"{\\rtf1\\ansi\\mac\\deff0\\deftab720{\\fonttbl;}{\\f0\\fnil \\froman \\fswiss \\fmodern \\fscript \\fdecor MS Sans SerifSymbolArialTimes New RomanCourier{\\colortbl\\red0\\green0\\blue0\r\n\\par \\pard\\plain\\f0\\fs20\\b\\i\\u\\tab\\tx";
/// Bytes of the dictionary, which is a ring.
const RING: usize = 4096;
/// Bytes of the header.
const HEADER: usize = 16;

/// The text, and whether it is whole.
///
/// No more comes out than 17 bytes for two that go in, so that the input bounds the memory.
pub(super) fn unpack(bytes: &[u8]) -> (Vec<u8>, bool) {
    let size = u32_le(bytes, 4).unwrap_or_default() as usize;
    let data = bytes.get(HEADER..).unwrap_or_default();
    match bytes.get(8..12) {
        Some(b"MELA") => (data.get(..size).unwrap_or(data).to_vec(), data.len() >= size),
        Some(b"LZFu") => {
            let (out, ended) = decode(data);
            let whole = ended && out.len() >= size;
            (out, whole)
        }
        _ => (Vec::new(), false),
    }
}

/// Tokens, eight to a byte that says which are references ([MS-OXRTFCP] 3.1.3.1), up to the reference that ends them.
fn decode(data: &[u8]) -> (Vec<u8>, bool) {
    let mut ring = [b' '; RING];
    for (slot, byte) in ring.iter_mut().zip(WORDS) {
        *slot = *byte;
    }
    let (mut at, mut out) = (WORDS.len(), Vec::new());
    let mut bytes = data.iter().copied();
    while let Some(control) = bytes.next() {
        for bit in 0..8 {
            if control >> bit & 1 == 0 {
                let Some(byte) = bytes.next() else { return (out, false) };
                put(&mut ring, &mut at, &mut out, byte);
                continue;
            }
            let (Some(high), Some(low)) = (bytes.next(), bytes.next()) else { return (out, false) };
            let from = usize::from(high) << 4 | usize::from(low >> 4);
            if from == at {
                return (out, true);
            }
            for step in 0..usize::from(low & 15) + 2 {
                let byte = ring.get((from + step) % RING).copied().unwrap_or_default();
                put(&mut ring, &mut at, &mut out, byte);
            }
        }
    }
    (out, false)
}

fn put(ring: &mut [u8; RING], at: &mut usize, out: &mut Vec<u8>, byte: u8) {
    if let Some(slot) = ring.get_mut(*at) {
        *slot = byte;
    }
    *at = (*at + 1) % RING;
    out.push(byte);
}

#[cfg(test)]
pub(super) mod tests {
    use super::{WORDS, unpack};

    /// Compressed text that has no references but the last.
    pub(crate) fn pack(text: &[u8]) -> Vec<u8> {
        let mut data = Vec::new();
        let (mut at, mut rest) = (WORDS.len(), text);
        while let Some((eight, behind)) = rest.split_at_checked(8) {
            data.push(0);
            data.extend(eight);
            (at, rest) = (at + 8, behind);
        }
        data.push(1 << rest.len());
        data.extend(rest);
        at += rest.len();
        data.extend([(at >> 4) as u8, (at << 4) as u8]);
        let mut out = (data.len() as u32 + 12).to_le_bytes().to_vec();
        out.extend((text.len() as u32).to_le_bytes());
        out.extend(b"LZFu\0\0\0\0");
        out.extend(data);
        out
    }

    #[test]
    fn the_dictionary_is_that_of_the_document() {
        assert_eq!(WORDS.len(), 207);
    }

    #[test]
    fn text_comes_back_and_what_is_cut_says_so() {
        let text = b"{\\rtf1 LAZARET-MARKER of a test}";
        let packed = pack(text);
        assert_eq!(unpack(&packed), (text.to_vec(), true));
        assert!(!unpack(&packed[..packed.len() - 2]).1);
        assert_eq!(unpack(b"short"), (Vec::new(), false));
        let plain = [&[0; 4][..], &4u32.to_le_bytes(), b"MELA\0\0\0\0{\\r}more"].concat();
        assert_eq!(unpack(&plain), (b"{\\r}".to_vec(), true));
    }

    // [MS-OXRTFCP] 4.1: "{\rtf1\ansi\ansicpg1252\pard hello world}" by references to the dictionary and to itself.
    #[test]
    fn references_lead_into_the_dictionary_and_the_text_itself() {
        let packed = [
            0x2d, 0, 0, 0, 0x2b, 0, 0, 0, 0x4c, 0x5a, 0x46, 0x75, 0xf1, 0xc5, 0xc7, 0xa7, 0x03, 0, 0x0a, 0, 0x72, 0x63,
            0x70, 0x67, 0x31, 0x32, 0x35, 0x42, 0x32, 0x0a, 0xf3, 0x20, 0x68, 0x65, 0x6c, 0x09, 0, 0x20, 0x62, 0x77,
            0x05, 0xb0, 0x6c, 0x64, 0x7d, 0x0a, 0x80, 0x0f, 0xa0,
        ];
        let (text, whole) = unpack(&packed);
        assert_eq!(String::from_utf8_lossy(&text), "{\\rtf1\\ansi\\ansicpg1252\\pard hello world}\r\n");
        assert!(whole);
    }
}
