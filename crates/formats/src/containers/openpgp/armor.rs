//! OpenPGP as text: in armor (RFC 9580, 6), and text that is signed in clear (7).

use super::first::first_packet;
use super::open_packets;
use super::packets::header;
use crate::containers::{decode, streams, text_of};
use crate::{Content, Member, OpenError, Parts, encoding};
use lazaret_model::Role;

/// Bytes of text that are read.
const MOST: u64 = 256 << 20;
/// What a block begins with, and one of text that is signed in clear.
const BEGIN: &str = "-----BEGIN PGP ";
const CLEAR: &str = "-----BEGIN PGP SIGNED MESSAGE";
/// Lines of a block by which it is told to hold packets.
const JUDGED: usize = 16;
/// Lines between two looks at the clock.
const STEPS: u64 = 4096;

/// Where reading stands.
enum Place {
    Outside,
    /// In the header lines of a block, or in its data.
    Header(Block),
    Data(Block),
}

/// What was gathered of a block.
enum Block {
    Encoded(String),
    Clear(String),
}

/// Opens every block of a text.
pub(super) fn open(input: &Content, parts: &mut Parts<'_, '_>) -> Result<(), OpenError> {
    let bytes = text_of(input, MOST, parts)?;
    let text = encoding::decode(&bytes);
    let (mut place, mut steps) = (Place::Outside, 0_u64);
    for line in text.lines() {
        steps += 1;
        if steps.is_multiple_of(STEPS) {
            parts.budget().check_time().map_err(OpenError::Limit)?;
        }
        let marked = line.starts_with(BEGIN) || line.starts_with("-----END PGP ");
        place = match place {
            place if marked => {
                close(place, parts)?;
                match line {
                    line if line.starts_with(CLEAR) => Place::Header(Block::Clear(String::new())),
                    line if line.starts_with(BEGIN) => Place::Header(Block::Encoded(String::new())),
                    _ => Place::Outside,
                }
            }
            Place::Header(block) if line.trim().is_empty() => Place::Data(block),
            // 6.2.2 and 7: lines such as `Hash: SHA256`, then an empty one, which some leave out.
            Place::Header(block) if line.contains(':') => Place::Header(block),
            Place::Header(block) | Place::Data(block) => Place::Data(block.with(line)),
            Place::Outside => Place::Outside,
        };
    }
    close(place, parts)
}

impl Block {
    fn with(self, line: &str) -> Self {
        match self {
            // 6.1: a line of a checksum begins with what else only ends data.
            Self::Encoded(text) if line.trim_start().starts_with('=') => Self::Encoded(text),
            Self::Encoded(mut text) => {
                text.push_str(line.trim());
                Self::Encoded(text)
            }
            // 7.1: lines that begin with a dash have another one before it.
            Self::Clear(mut text) => {
                text.push_str(line.strip_prefix("- ").unwrap_or(line));
                text.push('\n');
                Self::Clear(text)
            }
        }
    }
}

/// Hands over what a block holds.
fn close(place: Place, parts: &mut Parts<'_, '_>) -> Result<(), OpenError> {
    let (Place::Header(block) | Place::Data(block)) = place else { return Ok(()) };
    match block {
        Block::Clear(text) if text.trim().is_empty() => Ok(()),
        Block::Clear(text) => {
            let name = streams::stem(&parts.part().name, super::SUFFIXES);
            parts.add_content(Member::unnamed(Role::Stream, name), Content::from(text.into_bytes()))
        }
        Block::Encoded(text) => {
            let bytes = decode::base64(text.as_bytes());
            parts.budget().charge_output(bytes.len() as u64).map_err(OpenError::Limit)?;
            // Texts about messages show where one would stand.
            if bytes.is_empty() {
                return Ok(());
            }
            // `gpg --enarmor` wraps anything.
            if header(&bytes).is_none() {
                return parts.add_content(Member::unnamed(Role::Payload, "decoded"), Content::from(bytes));
            }
            open_packets(&Content::from(bytes), parts)
        }
    }
}

/// Whether a text is one that is signed in clear.
pub(crate) fn is_clear(text: &str) -> bool {
    text.trim_start().starts_with(CLEAR)
}

/// Whether a message stands in a text, perhaps behind other lines: one that is signed in clear, or packets in armor.
pub(crate) fn is_in_text(text: &str) -> bool {
    // The first lines of the block at hand, behind its headers.
    let mut block: Option<(usize, String)> = None;
    let is_message = |block: Option<(usize, String)>| {
        block.is_some_and(|(_, encoded)| first_packet(&decode::base64(encoded.as_bytes())).is_some())
    };
    for line in text.lines() {
        if line.starts_with(BEGIN) {
            if line.starts_with(CLEAR) || is_message(block.take()) {
                return true;
            }
            let holds_message = !line.contains("KEY BLOCK") && !line.contains("SIGNATURE");
            block = holds_message.then(|| (0, String::new()));
            continue;
        }
        let Some((count, encoded)) = &mut block else { continue };
        if *count == 0 && (line.contains(':') || line.trim().is_empty()) {
            continue;
        }
        let ends = line.starts_with(['-', '=']);
        if !ends {
            encoded.push_str(line);
            *count += 1;
        }
        // LIMIT: the first packet's head stands in the first lines behind the headers.
        if (ends || *count >= JUDGED) && is_message(block.take()) {
            return true;
        }
    }
    is_message(block)
}
