//! Messages as text: in PEM armor (RFC 7468, 5.1 and 9.1), or in Base64 alone, as mail programs save `smime.p7m`.

use super::{is_message, open_message};
use crate::containers::{decode, text_of};
use crate::{Content, Member, OpenError, Parts, encoding};
use lazaret_model::Role;

/// Bytes of text that are read.
const MOST: u64 = 256 << 20;
/// Characters by which Base64 is told to be a message.
const JUDGED: usize = 64;
/// What PEM lines begin with.
const BEGIN: &str = "-----BEGIN ";
/// The labels of messages: RFC 7468, 8 and 9, and what older programs write.
const LABELS: [&str; 4] = ["PKCS7", "PKCS #7", "PKCS#7", "CMS"];

/// Opens every message of a text.
pub(super) fn open(input: &Content, parts: &mut Parts<'_, '_>) -> Result<(), OpenError> {
    let bytes = text_of(input, MOST, parts)?;
    let text = encoding::decode(&bytes);
    let (mut block, mut blocks) = (None::<String>, 0_u64);
    for line in text.lines() {
        let line = line.trim();
        if is_begin(line) {
            blocks += 1;
            if let Some(cut) = block.replace(String::new()) {
                open_block(&cut, parts)?;
            }
        } else if line.starts_with("-----END") {
            if let Some(whole) = block.take() {
                open_block(&whole, parts)?;
            }
        } else if let Some(block) = block.as_mut().filter(|_| !line.contains(':')) {
            block.push_str(line);
        }
    }
    if let Some(cut) = block {
        parts.incomplete("a message in it has no end");
        open_block(&cut, parts)?;
    }
    if blocks == 0 { open_block(&text, parts) } else { Ok(()) }
}

fn open_block(encoded: &str, parts: &mut Parts<'_, '_>) -> Result<(), OpenError> {
    let bytes = decode::base64(encoded.as_bytes());
    parts.budget().charge_output(bytes.len() as u64).map_err(OpenError::Limit)?;
    if is_message(&bytes) {
        return open_message(&Content::from(bytes), parts);
    }
    // Whatever it is, it is no message.
    parts.add_content(Member::unnamed(Role::Payload, "decoded"), Content::from(bytes))
}

fn is_begin(line: &str) -> bool {
    let label = line.strip_prefix(BEGIN).unwrap_or_default();
    LABELS.iter().any(|known| label.starts_with(known))
}

/// Whether text is a message in Base64 and nothing else.
pub(crate) fn is_encoded(text: &str) -> bool {
    // The first letter holds most of a sequence's identifier.
    if !text.starts_with('M') {
        return false;
    }
    let start = text.get(..text.floor_char_boundary(JUDGED)).unwrap_or_default().as_bytes();
    decode::is_base64(start) && is_message(&decode::base64(start))
}

/// Whether a message in armor stands in a text, perhaps behind other lines, which programs skip.
pub(crate) fn is_in_text(text: &str) -> bool {
    let mut lines = text.lines();
    while lines.any(is_begin) {
        if lines.clone().next().is_some_and(|line| is_encoded(line.trim())) {
            return true;
        }
    }
    false
}
