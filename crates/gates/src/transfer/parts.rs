//! Pictures that replace each other, as cameras send them (`multipart/x-mixed-replace`): each goes on when it was looked at whole.

use super::marks::marked;
use super::{Step, Transfer};
use bytes::Bytes;
use lazaret_engine::Engine;
use lazaret_model::Class;
use memchr::memmem;
use std::time::Duration;

/// Bytes of the fields of one picture, and of one picture.
const MOST_FIELDS: usize = 4 << 10;
const MOST_PICTURE: usize = 8 << 20;
/// How often a picture is inspected whole; of those between, only the kind and what hides in film are looked at.
const EVERY: Duration = Duration::from_secs(1);

/// What is found of the next picture.
enum Next {
    /// It has not come whole.
    Later,
    /// Bytes before it and of it, where the picture begins among them, and whether it is declared as one.
    Whole { end: usize, body: usize, is_picture: bool },
    /// These bytes are not one.
    Wrong(&'static str),
}

/// The border that a declared type names (RFC 2046, 5.1.1), with its dashes. Many cameras write the dashes into the name.
pub(crate) fn border(declared: &str) -> Option<Vec<u8>> {
    let (kind, parameters) = declared.split_once(';')?;
    if !kind.trim().eq_ignore_ascii_case("multipart/x-mixed-replace") {
        return None;
    }
    let value = parameters.split(';').find_map(|parameter| {
        let (name, value) = parameter.split_once('=')?;
        name.trim().eq_ignore_ascii_case("boundary").then(|| value.trim().trim_matches('"'))
    })?;
    let value = value.trim_start_matches("--");
    (!value.is_empty() && value.len() <= 70).then(|| format!("--{value}").into_bytes())
}

impl Transfer {
    pub(super) fn picture(&mut self, border: &[u8], now: Duration) -> Step {
        match next(&self.pending, border, self.ended) {
            Next::Later if self.ended => {
                // Behind the last border there is nothing that anybody shows.
                let rest = self.pending.len();
                if rest > MOST_FIELDS {
                    Step::Reset("a stream of images ended with something else")
                } else {
                    self.pass(rest)
                }
            }
            Next::Later => Step::Wait,
            Next::Wrong(_) if !self.passed_some => Step::Leave,
            Next::Wrong(why) => Step::Reset(why),
            Next::Whole { is_picture: false, .. } if !self.passed_some => Step::Leave,
            Next::Whole { is_picture: false, .. } => Step::Reset("a stream of images continued with something else"),
            Next::Whole { end, body, .. } => {
                let picture = self.pending.get(body..end).unwrap_or_default();
                let picture = Bytes::copy_from_slice(picture.strip_suffix(b"\r\n").unwrap_or(picture));
                if self.last.is_none_or(|last| now.saturating_sub(last) >= EVERY) {
                    return self.inspect(picture, end);
                }
                if Engine::kind_of(&picture).class != Class::Image || marked(&picture).is_some() {
                    return Step::Reset("a stream of images continued with something else");
                }
                self.pass(end)
            }
        }
    }
}

/// Looks for the next picture in what came.
fn next(pending: &[u8], border: &[u8], ended: bool) -> Next {
    let Some(at) = memmem::find(pending, border) else {
        return if pending.len() > MOST_FIELDS {
            Next::Wrong("a stream of images has no boundary")
        } else {
            Next::Later
        };
    };
    if at > MOST_FIELDS {
        return Next::Wrong("there is data before an image");
    }
    let fields = at + border.len();
    let after = pending.get(fields..).unwrap_or_default();
    if after.starts_with(b"--") {
        return Next::Later;
    }
    let (blank, width) = match (memmem::find(after, b"\r\n\r\n"), memmem::find(after, b"\n\n")) {
        (Some(one), Some(other)) if other < one => (other, 2),
        (Some(one), _) => (one, 4),
        (None, Some(other)) => (other, 2),
        (None, None) if after.len() > MOST_FIELDS => return Next::Wrong("the header fields of an image do not end"),
        (None, None) => return Next::Later,
    };
    if blank > MOST_FIELDS {
        return Next::Wrong("the header fields of an image are too long");
    }
    let text = String::from_utf8_lossy(after.get(..blank).unwrap_or_default()).to_ascii_lowercase();
    let field = |name: &str| text.lines().filter_map(|line| line.split_once(':')).find(|(key, _)| key.trim() == name);
    let is_picture = field("content-type").is_some_and(|(_, declared)| declared.trim().starts_with("image/"));
    let body = fields + blank + width;
    let rest = pending.get(body..).unwrap_or_default();
    let announced = field("content-length").and_then(|(_, length)| length.trim().parse::<usize>().ok());
    let length = match announced {
        Some(length) if length > MOST_PICTURE => return Next::Wrong("an image is too large"),
        Some(length) if rest.len() >= length => Some(length),
        Some(_) => None,
        // Up to the line end before the next border.
        None => memmem::find(rest, border).or(ended.then_some(rest.len())),
    };
    match length {
        Some(length) => Next::Whole { end: body + length, body, is_picture },
        None if rest.len() > MOST_PICTURE => Next::Wrong("an image is too large"),
        None => Next::Later,
    }
}
