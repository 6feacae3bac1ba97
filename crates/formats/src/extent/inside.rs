//! What openers ask about bytes that no reader of their format looks at: whether files are hidden in them, and which.

use super::disguised::{Wanted, disguised};
use super::hidden::{self, hidden};
use crate::{Budget, Content, identify};
use std::io;

/// Whether something that is a file of another kind begins anywhere in bytes, told by a signature and by what else must be so. Where
/// the budget is exhausted, only what comes before counts: whoever asks next is told.
pub(crate) fn holds_a_file(bytes: &[u8], budget: &mut Budget) -> bool {
    hidden(&Content::from(bytes), true, |_| Ok(true), budget).is_ok_and(|(found, more)| more || !found.is_empty())
}

/// What is hidden in bytes that no reader of a format looks at, such as what stands between the members of an archive: each with what
/// it is called, and whether there was more. Where the budget is exhausted, only what comes before.
pub(crate) fn unread(content: &Content, budget: &mut Budget) -> io::Result<(Vec<(String, Content)>, bool)> {
    let known =
        |at: u64| -> io::Result<bool> { Ok(!identify(&content.slice(at, content.len() - at))?.kind.is_unknown()) };
    let mut parts = Vec::new();
    // Some patterns count only behind something else; what is a file from its first byte is one as well.
    let first = content.window(0, 8 << 10)?;
    if hidden::begins_a_file(&first) && known(0)? {
        return Ok((vec![("unread".to_owned(), content.clone())], false));
    }
    let (places, mut more) = hidden(content, true, known, budget)?;
    for at in places {
        parts.push((format!("hidden-at-{at}"), content.slice(at, content.len() - at)));
    }
    let all = Wanted { streams: true, archives: true, texts: true };
    let (programs, others) = disguised(content, all, budget)?;
    more |= others;
    parts.extend(programs.into_iter().map(|(at, inner)| (format!("disguised-at-{at}"), inner)));
    Ok((parts, more))
}
