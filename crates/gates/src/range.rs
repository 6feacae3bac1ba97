//! Pieces of a file (RFC 9110, 14): what is asked for, and how a whole that was inspected is cut.

use bytes::Bytes;
use http::header::{
    CONTENT_RANGE, CONTENT_TYPE, ETAG, IF_MATCH, IF_MODIFIED_SINCE, IF_NONE_MATCH, IF_RANGE, IF_UNMODIFIED_SINCE,
    LAST_MODIFIED, RANGE,
};
use http::{HeaderMap, HeaderName, HeaderValue, StatusCode};

/// Ranges of one request; who asks for more gets the whole (RFC 9110, 14.2 and 17.15).
const MOST_RANGES: usize = 16;
/// Bytes between two ranges that are sent as one, since a part of its own costs about as many (RFC 9110, 15.3.7.2).
const GAP: u64 = 80;

/// One range as it was asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Spec {
    /// From a byte to another one, or to the end.
    From(u64, Option<u64>),
    /// So many last bytes.
    Last(u64),
}

/// What a request asks for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Asked {
    specs: Vec<Spec>,
    /// The version that the client has a part of already.
    version: Option<HeaderValue>,
}

/// Bytes of a file: the first, and the one behind the last.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Piece {
    pub(crate) start: u64,
    pub(crate) end: u64,
}

/// What an answer's body is made of.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Segment {
    /// These bytes, which are ours.
    Between(Bytes),
    /// Bytes of the file.
    Piece(Piece),
}

/// An answer to a request for pieces.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Plan {
    pub(crate) status: StatusCode,
    pub(crate) fields: Vec<(HeaderName, HeaderValue)>,
    pub(crate) segments: Vec<Segment>,
}

impl Piece {
    /// All of a file.
    pub(crate) fn all(len: u64) -> Self {
        Self { start: 0, end: len }
    }

    /// The same without its first bytes.
    pub(crate) fn from(self, count: u64) -> Self {
        Self { start: self.start.saturating_add(count), end: self.end }
    }

    pub(crate) fn len(self) -> u64 {
        self.end.saturating_sub(self.start)
    }

    /// The `Content-Range` field of a file of `whole` bytes.
    pub(crate) fn field(self, whole: u64) -> Option<HeaderValue> {
        let last = self.end.checked_sub(1)?;
        HeaderValue::try_from(format!("bytes {}-{last}/{whole}", self.start)).ok()
    }
}

impl Segment {
    /// Bytes of it.
    pub(crate) fn len(&self) -> u64 {
        match self {
            Self::Between(bytes) => bytes.len() as u64,
            Self::Piece(piece) => piece.len(),
        }
    }
}

impl Asked {
    /// What a request with these fields asks for; nothing where it makes no sense (RFC 9110, 14.2: then it is for the whole).
    pub(crate) fn of(headers: &HeaderMap) -> Option<Self> {
        let mut fields = headers.get_all(RANGE).iter();
        let field = fields.next()?.to_str().ok()?;
        if fields.next().is_some() {
            return None;
        }
        let (unit, set) = field.split_once('=')?;
        if !unit.trim().eq_ignore_ascii_case("bytes") {
            return None;
        }
        let specs: Vec<_> = set.split(',').map(str::trim).filter(|spec| !spec.is_empty()).collect();
        if specs.is_empty() || specs.len() > MOST_RANGES {
            return None;
        }
        let specs = specs.into_iter().map(spec).collect::<Option<Vec<_>>>()?;
        Some(Self { specs, version: headers.get(IF_RANGE).cloned() })
    }

    /// Whether the client says of which version it has a part.
    pub(crate) fn names_a_version(&self) -> bool {
        self.version.is_some()
    }

    /// Whether pieces of this version will do (RFC 9110, 13.1.5): the client has none, or has a part of the very same.
    pub(crate) fn applies_to(&self, headers: &HeaderMap) -> bool {
        let Some(version) = &self.version else { return true };
        if version.as_bytes().starts_with(b"\"") {
            return strong(headers) == Some(version);
        }
        !version.as_bytes().starts_with(b"W/") && headers.get(LAST_MODIFIED) == Some(version)
    }

    /// The pieces of a file of `len` bytes, in order and apart; none where it has nothing of what is asked for.
    pub(crate) fn pieces(&self, len: u64) -> Vec<Piece> {
        let piece = |spec: &Spec| {
            let (start, end) = match *spec {
                Spec::From(start, last) => (start, last.map_or(len, |last| last.saturating_add(1).min(len))),
                Spec::Last(count) => (len.saturating_sub(count), len),
            };
            (start < end).then_some(Piece { start, end })
        };
        let mut found: Vec<_> = self.specs.iter().filter_map(piece).collect();
        found.sort_by_key(|piece| piece.start);
        let mut apart: Vec<Piece> = Vec::new();
        for piece in found {
            match apart.last_mut() {
                Some(last) if piece.start <= last.end.saturating_add(GAP) => last.end = last.end.max(piece.end),
                _ => apart.push(piece),
            }
        }
        apart
    }

    /// The one piece that is asked for of a file of `len` bytes.
    pub(crate) fn one(&self, len: u64) -> Option<Piece> {
        match self.pieces(len)[..] {
            [one] => Some(one),
            _ => None,
        }
    }

    /// Where the first range begins, as far as that is known without the length.
    pub(crate) fn start(&self) -> Option<u64> {
        match self.specs[..] {
            [Spec::From(start, _)] => Some(start),
            _ => None,
        }
    }

    /// How to answer from a file of `len` bytes whose answer has these fields; nothing where the whole is to be sent.
    pub(crate) fn plan(&self, headers: &HeaderMap, len: u64) -> Option<Plan> {
        if len == 0 || !self.applies_to(headers) {
            return None;
        }
        let pieces = self.pieces(len);
        match pieces[..] {
            [] => {
                // RFC 9110, 15.5.17.
                let field = HeaderValue::try_from(format!("bytes */{len}")).ok()?;
                let status = StatusCode::RANGE_NOT_SATISFIABLE;
                Some(Plan { status, fields: vec![(CONTENT_RANGE, field)], segments: Vec::new() })
            }
            [one] => Some(Plan {
                status: StatusCode::PARTIAL_CONTENT,
                fields: vec![(CONTENT_RANGE, one.field(len)?)],
                segments: vec![Segment::Piece(one)],
            }),
            _ => multipart(&pieces, headers, len),
        }
    }
}

/// RFC 9110, 14.6: each piece with its place, between borders that nobody can foresee.
fn multipart(pieces: &[Piece], headers: &HeaderMap, len: u64) -> Option<Plan> {
    let border = format!("{}-{}", lazaret_model::reference(), lazaret_model::reference());
    let mut segments = Vec::new();
    for (number, piece) in pieces.iter().enumerate() {
        let mut between = if number == 0 { String::new() } else { "\r\n".to_owned() };
        between += &format!("--{border}\r\n");
        if let Some(declared) = headers.get(CONTENT_TYPE).and_then(|declared| declared.to_str().ok()) {
            between += &format!("Content-Type: {declared}\r\n");
        }
        between += &format!("Content-Range: {}\r\n\r\n", piece.field(len)?.to_str().ok()?);
        segments.extend([Segment::Between(between.into()), Segment::Piece(*piece)]);
    }
    segments.push(Segment::Between(format!("\r\n--{border}--\r\n").into()));
    let declared = HeaderValue::try_from(format!("multipart/byteranges; boundary={border}")).ok()?;
    Some(Plan { status: StatusCode::PARTIAL_CONTENT, fields: vec![(CONTENT_TYPE, declared)], segments })
}

fn spec(text: &str) -> Option<Spec> {
    let (first, last) = text.split_once('-')?;
    let number = |text: &str| {
        let digits = !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
        // A number that is too large is still one: it is behind every end.
        digits.then(|| text.parse::<u64>().unwrap_or(u64::MAX))
    };
    match (first.trim(), last.trim()) {
        ("", last) => number(last).map(Spec::Last),
        (first, "") => Some(Spec::From(number(first)?, None)),
        (first, last) => {
            let (first, last) = (number(first)?, number(last)?);
            (first <= last).then_some(Spec::From(first, Some(last)))
        }
    }
}

/// The strong entity tag of an answer (RFC 9110, 8.8.1).
pub(crate) fn strong(headers: &HeaderMap) -> Option<&HeaderValue> {
    headers.get(ETAG).filter(|tag| tag.as_bytes().starts_with(b"\""))
}

/// Whether an answer can be told from a later version of itself.
pub(crate) fn has_validator(headers: &HeaderMap) -> bool {
    strong(headers).is_some() || headers.contains_key(LAST_MODIFIED)
}

/// What the conditions of a request come to for an answer with these fields (RFC 9110, 13.2.2); nothing where it is to be sent.
pub(crate) fn condition(request: &HeaderMap, answer: &HeaderMap) -> Option<StatusCode> {
    let date = |headers: &HeaderMap, name: &HeaderName| {
        headers.get(name).and_then(|value| httpdate::parse_http_date(value.to_str().ok()?).ok())
    };
    let modified = date(answer, &LAST_MODIFIED);
    let raw = |value: &HeaderValue| String::from_utf8_lossy(value.as_bytes()).into_owned();
    let tags = |name: &HeaderName| {
        let fields: Vec<_> = request.get_all(name).iter().map(raw).collect();
        fields.join(",").split(',').map(|tag| tag.trim().to_owned()).collect::<Vec<_>>()
    };
    let own = answer.get(ETAG).map(raw).unwrap_or_default();
    let weakly = |tag: &str| tag.trim_start_matches("W/").to_owned();
    if request.contains_key(IF_MATCH) {
        let matches = |tag: &String| tag == "*" || *tag == own && own.starts_with('"');
        if !tags(&IF_MATCH).iter().any(matches) {
            return Some(StatusCode::PRECONDITION_FAILED);
        }
    } else if let (Some(known), Some(modified)) = (date(request, &IF_UNMODIFIED_SINCE), modified)
        && modified > known
    {
        return Some(StatusCode::PRECONDITION_FAILED);
    }
    if request.contains_key(IF_NONE_MATCH) {
        let matches = |tag: &String| tag == "*" || !own.is_empty() && weakly(tag) == weakly(&own);
        return tags(&IF_NONE_MATCH).iter().any(matches).then_some(StatusCode::NOT_MODIFIED);
    }
    let unchanged =
        matches!((date(request, &IF_MODIFIED_SINCE), modified), (Some(known), Some(modified)) if modified <= known);
    unchanged.then_some(StatusCode::NOT_MODIFIED)
}

/// Whether an answer to a request for `piece` of a file of `whole` bytes is that piece (RFC 9110, 14.4).
pub(crate) fn is_that(piece: Piece, whole: u64, status: StatusCode, headers: &HeaderMap) -> bool {
    let mut fields = headers.get_all(CONTENT_RANGE).iter();
    let field = fields.next().map(HeaderValue::as_bytes);
    let expected = piece.field(whole);
    status == StatusCode::PARTIAL_CONTENT
        && fields.next().is_none()
        && field.is_some_and(|field| expected.is_some_and(|expected| expected.as_bytes().eq_ignore_ascii_case(field)))
}

/// Lets through those bytes of a file, passed piece by piece, that belong to a piece.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Cut {
    at: u64,
    piece: Piece,
}

impl Cut {
    /// From byte `at` of the file on.
    pub(crate) fn new(at: u64, piece: Piece) -> Self {
        Self { at, piece }
    }

    /// What of the next bytes belongs to it.
    pub(crate) fn of(&mut self, bytes: &Bytes) -> Bytes {
        let (from, to) = (self.at, self.at + bytes.len() as u64);
        self.at = to;
        let within = |at: u64| usize::try_from(at.clamp(from, to) - from).unwrap_or(0);
        let (start, end) = (within(self.piece.start), within(self.piece.end));
        if start < end { bytes.slice(start..end) } else { Bytes::new() }
    }

    /// Whether nothing more belongs to it.
    pub(crate) fn is_over(&self) -> bool {
        self.at >= self.piece.end
    }
}

#[cfg(test)]
mod tests;
