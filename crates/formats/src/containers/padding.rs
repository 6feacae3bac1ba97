//! Zeros behind a file, with which tapes and disks are filled up.

use crate::{Content, OpenError, Parts};
use std::io::BufRead as _;

/// Whether there is nothing but zeros.
pub(super) fn only_zeros(content: &Content, parts: &mut Parts<'_, '_>) -> Result<bool, OpenError> {
    let mut reader = content.reader();
    loop {
        parts.budget().check_time().map_err(OpenError::Limit)?;
        let chunk = reader.fill_buf()?;
        if chunk.is_empty() {
            return Ok(true);
        }
        if chunk.iter().any(|byte| *byte != 0) {
            return Ok(false);
        }
        let n = chunk.len();
        reader.consume(n);
    }
}
