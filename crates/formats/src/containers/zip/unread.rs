//! What of an archive belongs to none of its members: gaps between them, extra fields, comments, and what stands beside the directory.
//!
//! No reader of archives shows it, and a script that knows where to look runs it.

use super::Structure;
use crate::containers::skipped::search;
use crate::{Content, OpenError, Parts};

/// Bytes that descriptors and padding take between two members (APPNOTE 4.3.9; 4 KiB where programs are aligned), in which no
/// program has room.
const LEAST: u64 = 64;

/// Hands over what is hidden there and is a file by its signature.
pub(super) fn add(input: &Content, structure: &Structure, parts: &mut Parts<'_, '_>) -> Result<(), OpenError> {
    let mut ranges: Vec<(u64, u64)> = Vec::new();
    let mut fields: Vec<(u64, u64)> = Vec::new();
    for listed in structure.members.iter().filter(|listed| !listed.headless) {
        let entry = &listed.entry;
        ranges.push((entry.header_at, entry.end()));
        fields.push((entry.header_at.saturating_add(30 + entry.raw_name.len() as u64), entry.data_at));
    }
    ranges.sort_unstable();
    let mut at = structure.first;
    for (start, end) in ranges {
        fields.push((at, start));
        at = at.max(end);
    }
    fields.push((at, structure.last));
    fields.sort_unstable();
    // Many members may name one header.
    fields.dedup();
    for (from, to) in fields {
        parts.budget().check_time().map_err(OpenError::Limit)?;
        if to.saturating_sub(from) < LEAST {
            continue;
        }
        search(&input.slice(from, to - from), "between its members", parts)?;
    }
    Ok(())
}
