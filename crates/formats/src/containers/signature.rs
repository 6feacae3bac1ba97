//! Where an archive begins in a file that starts with something else, such as a self-extractor's program.

use crate::{Content, OpenError, Parts};

/// Bytes looked through at a time.
const CHUNK: u64 = 1 << 20;

/// Offsets of `signature`, at most `most` of them; one more than are tried tells the caller that there are more.
pub(super) fn find_all(
    input: &Content,
    signature: &[u8],
    most: usize,
    parts: &mut Parts<'_, '_>,
) -> Result<Vec<u64>, OpenError> {
    let finder = memchr::memmem::Finder::new(signature);
    let mut found = Vec::new();
    let mut at = 0;
    while at < input.len() && found.len() < most {
        parts.budget().check_time().map_err(OpenError::Limit)?;
        let window = input.window(at, CHUNK as usize + signature.len().saturating_sub(1))?;
        found.extend(finder.find_iter(&window).map(|i| at + i as u64).take_while(|i| *i < at + CHUNK));
        at += CHUNK;
    }
    found.truncate(most);
    Ok(found)
}
