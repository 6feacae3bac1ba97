//! One tar header block.

use crate::containers::bytes::until_nul;

/// Bytes of a block.
pub(super) const BLOCK: u64 = 512;

/// What a header block says.
#[derive(Debug)]
pub(super) struct Header {
    pub(super) name: Vec<u8>,
    pub(super) link: Vec<u8>,
    pub(super) size: u64,
    pub(super) kind: u8,
    /// The checksum is right.
    pub(super) exact: bool,
    pub(super) sparse_map: Vec<u64>,
    pub(super) sparse_more: bool,
    pub(super) sparse_size: u64,
}

impl Header {
    /// Reads a block whose checksum is right, or that is a header beyond doubt all the same.
    pub(super) fn parse(block: &[u8]) -> Option<Self> {
        let field = |at: usize, len: usize| block.get(at..at + len);
        let stated = number(field(148, 8)?);
        let sum = |signed: fn(u8) -> i64| -> i64 {
            block.iter().enumerate().map(|(i, b)| if (148..156).contains(&i) { 32 } else { signed(*b) }).sum()
        };
        // Some writers summed signed bytes, and every reader allows that.
        let sums = [sum(i64::from), sum(|byte| i64::from(byte.cast_signed()))];
        let exact = stated.and_then(|n| i64::try_from(n).ok()).is_some_and(|stated| sums.contains(&stated));
        let ustar = field(257, 5)? == b"ustar";
        let size = number(field(124, 12)?);
        let beyond_doubt = ustar && size.is_some() && block.first() != Some(&0);
        if !exact && !beyond_doubt {
            return None;
        }
        let gnu = field(257, 8)? == b"ustar  \0";
        let mut name = until_nul(field(0, 100)?).to_vec();
        let prefix = until_nul(field(345, 155)?);
        if ustar && !gnu && !prefix.is_empty() {
            name = [prefix, b"/", &name].concat();
        }
        let kind = match *block.get(156)? {
            0 | b'0' | b'7' if name.ends_with(b"/") && size == Some(0) => b'5',
            0 | b'0' | b'7' => b'0',
            kind => kind,
        };
        let (mut sparse_map, mut sparse_more, mut sparse_size) = (Vec::new(), false, 0);
        if kind == b'S' {
            let entries = field(386, 96)?;
            sparse_map = entries.as_chunks::<12>().0.iter().filter(|f| f[0] != 0).filter_map(|f| number(f)).collect();
            sparse_more = *block.get(482)? != 0;
            sparse_size = number(field(483, 12)?).unwrap_or_default();
        }
        Some(Self {
            name,
            link: until_nul(field(157, 100)?).to_vec(),
            size: size.unwrap_or_default(),
            kind,
            exact,
            sparse_map,
            sparse_more,
            sparse_size,
        })
    }
}

/// Octal digits, or base 256 where the top bit is set (GNU).
pub(super) fn number(field: &[u8]) -> Option<u64> {
    let (first, rest) = field.split_first()?;
    if *first == 0x80 {
        return rest.iter().try_fold(0u64, |n, byte| n.checked_mul(256)?.checked_add(u64::from(*byte)));
    }
    let text = field.iter().copied().skip_while(|b| *b == b' ' || *b == 0).take_while(|b| *b != b' ' && *b != 0);
    let mut digits = 0;
    let value = text.into_iter().try_fold(0u64, |n, byte| {
        digits += 1;
        if !(b'0'..=b'7').contains(&byte) {
            return None;
        }
        n.checked_mul(8)?.checked_add(u64::from(byte - b'0'))
    })?;
    // An empty field is zero.
    Some(if digits == 0 { 0 } else { value })
}
