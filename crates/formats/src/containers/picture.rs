//! Pictures: the QR codes in them, since people scan what they see (ISO/IEC 18004), and what only programs see beside the pixels;
//! the tags of sounds for the same reason.
//!
//! A picture that cannot be decoded shows nobody a code, and nothing is said about it.

mod pixels;
mod words;

use crate::qr::{Codes, Luma};
use crate::{Content, Format, Member, OpenError, Parts, kinds};
use lazaret_model::{Class, Role};

/// Bytes of a picture that are read.
const MOST_BYTES: u64 = 64 << 20;
/// Pixels of a picture that is the sample itself: pages load photos by the hundred, and codes are small.
const MOST_ALONE: u64 = 4 << 20;
/// Pixels of a picture in an archive; photos of cameras have as many.
const MOST_IN_ARCHIVE: u64 = 16 << 20;
/// Corners that half a code has; a few more may be seen in its modules.
const CORNERS_OF_HALF: std::ops::RangeInclusive<usize> = 1..=4;

/// Opens pictures.
pub(super) struct Picture;

impl Format for Picture {
    fn id(&self) -> &'static str {
        "picture"
    }

    fn kinds(&self) -> &'static [&'static str] {
        &["png", "apng", "jpeg", "gif", "bmp", "webp", "mp3-id3"]
    }

    fn summary(&self) -> &'static str {
        "QR codes in PNG, JPEG, GIF, BMP and WebP, also in two halves; commands in their comments and in the tags of MP3"
    }

    fn open(&self, input: &Content, parts: &mut Parts<'_, '_>) -> Result<(), OpenError> {
        // LIMIT: a picture of so many bytes is a photo or a plan.
        let Some(bytes) = input.whole(MOST_BYTES)? else { return Ok(()) };
        let (texts, overflow) = words::find(&bytes, parts.budget()).into_parts();
        if let Some(reason) = overflow {
            parts.incomplete(reason);
        }
        for (text, is_command) in texts {
            let member = Member::unnamed(Role::Embedded, "comment");
            let member = if is_command { member.of_kind("command-line") } else { member };
            parts.add_content(member, Content::from(text))?;
        }
        let within =
            |class: Class| parts.part().within.iter().filter_map(|id| kinds::kind(id)).any(|row| row.class == class);
        let (mail, archive) = (within(Class::Mail), within(Class::Archive));
        let most = match parts.part().depth {
            0 => MOST_ALONE,
            _ if archive => MOST_IN_ARCHIVE,
            _ => u64::MAX,
        };
        let mut codes = Codes::default();
        let seen = look(&bytes, most, mail, &mut codes, parts)?;
        if seen.code {
            return codes.hand_over(parts);
        }
        let parent = parts.part().parent;
        if let Some(half) = seen.last.filter(|_| CORNERS_OF_HALF.contains(&seen.corners) && parent.is_some()) {
            for joined in parts.pictures().join(parent, half) {
                codes.look(&joined, parts)?;
            }
        }
        codes.hand_over(parts)
    }
}

/// What a look at a picture showed.
#[derive(Default)]
pub(super) struct Seen {
    code: bool,
    corners: usize,
    last: Option<Luma>,
}

/// Looks for codes in a picture of at most so many pixels, by its first bytes whatever it is called.
pub(super) fn look(
    bytes: &[u8],
    most: u64,
    in_mail: bool,
    codes: &mut Codes,
    parts: &mut Parts<'_, '_>,
) -> Result<Seen, OpenError> {
    let mut seen = Seen::default();
    let Some(size) = pixels::size(bytes).filter(|size| size.pixels <= most) else { return Ok(seen) };
    // LIMIT: photos in archives and documents are ordinary in any number; a mail with so many says so.
    if !parts.pictures().take(size.pixels, in_mail) {
        if in_mail {
            parts.incomplete("the mail holds more pictures than are searched for QR codes: over 1024 megapixels");
        }
        return Ok(seen);
    }
    if parts.budget().check_memory(size.memory).is_err() {
        // LIMIT: decoders that need as much memory at once are those of photos.
        return Ok(seen);
    }
    let frames = pixels::decode(bytes);
    let mut frames = frames.into_iter().peekable();
    while let Some(frame) = frames.next() {
        let corners = codes.look(&frame, parts)?;
        seen.corners = seen.corners.max(corners);
        if frames.peek().is_none() {
            seen.last = Some(frame);
        }
    }
    seen.code = !codes.is_empty();
    Ok(seen)
}

#[cfg(test)]
mod tests;
