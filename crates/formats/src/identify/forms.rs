//! Forms that browsers send (RFC 7578): a border, then the head of a field.

use super::probe::{Found, Probe, has_any_case};
use crate::containers::border;

/// Bytes in which the head of the first field must name itself.
const HEAD: usize = 4 << 10;

pub(super) fn look(probe: &Probe<'_>, found: &mut Found) {
    let head = probe.head();
    let Some(border) = border(head) else { return };
    let rest = head.get(border.len() + 2..).unwrap_or_default();
    // LIMIT: a form begins at its beginning.
    let rest = rest.get(..rest.len().min(HEAD)).unwrap_or_default();
    let end = memchr::memmem::find(rest, b"\n\r\n").or_else(|| memchr::memmem::find(rest, b"\n\n"));
    let fields = rest.get(..end.unwrap_or(rest.len())).unwrap_or_default();
    if has_any_case(fields, b"\ncontent-disposition:") && has_any_case(fields, b"form-data") {
        found.add("form-data");
    }
}
