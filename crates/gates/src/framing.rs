//! How long a message says that its body is (RFC 9112, 6), and that what is sent has that length: what was inspected goes out
//! under a length of our own, or under one that was found to be true.

use http::HeaderMap;
use http::header::{CONTENT_LENGTH, CONTENT_RANGE, CONTENT_TYPE, TRANSFER_ENCODING};

/// What a message's fields say about the length of its body.
///
/// # Errors
/// When they say two things at once, or something that nobody asked for; the sentence goes on after "the site sent".
pub(crate) fn announced(headers: &HeaderMap) -> Result<Option<u64>, &'static str> {
    let mut codings = headers.get_all(TRANSFER_ENCODING).iter();
    if let Some(coding) = codings.next() {
        // RFC 9112, 6.1: without `TE`, a recipient can be sent `chunked` alone, and that once.
        let chunked = coding.as_bytes().trim_ascii().eq_ignore_ascii_case(b"chunked");
        if !chunked || codings.next().is_some() {
            return Err("an unrequested transfer coding");
        }
        // RFC 9112, 6.3: `Content-Length` beside it counts for nothing, and is not passed on.
        return Ok(None);
    }
    let mut length = None;
    for field in headers.get_all(CONTENT_LENGTH) {
        // RFC 9110, 8.6: a list of the same number several times is that number.
        for value in field.as_bytes().split(|byte| *byte == b',').map(<[u8]>::trim_ascii) {
            let digits = !value.is_empty() && value.iter().all(u8::is_ascii_digit);
            let value = std::str::from_utf8(value).ok().filter(|_| digits).and_then(|text| text.parse::<u64>().ok());
            let value = value.ok_or("a length that is not a number")?;
            if length.is_some_and(|known| known != value) {
                return Err("conflicting lengths");
            }
            length = Some(value);
        }
    }
    Ok(length)
}

/// Whether a message is framed twice or oddly: what comes behind it must not meet its fields as they are.
pub(crate) fn is_odd(headers: &HeaderMap) -> bool {
    let lengths = headers.get_all(CONTENT_LENGTH).iter().count();
    announced(headers).is_err() || lengths > 1 || lengths == 1 && headers.contains_key(TRANSFER_ENCODING)
}

/// Whether a body is a piece of a file, or pieces of one: `Content-Range` of less than all of it, with whatever status, or
/// `multipart/byteranges` (RFC 9110, 14.4 and 14.6). Nobody was asked for any.
pub(crate) fn is_piece(headers: &HeaderMap) -> bool {
    let declared = crate::exchange::text(headers, CONTENT_TYPE.as_str());
    let multipart = declared.split([';', ',']).any(|one| one.trim() == "multipart/byteranges");
    multipart || headers.contains_key(CONTENT_RANGE) && !crate::exchange::is_all(headers)
}

/// A message's head with another length, or with none; everything else stays as it is.
pub(crate) fn reframed(raw: &[u8], length: Option<u64>) -> Vec<u8> {
    let mut out = Vec::with_capacity(raw.len() + 32);
    let mut dropped = false;
    for line in raw.split_inclusive(|byte| *byte == b'\n') {
        let name = line.split(|byte| *byte == b':').next().unwrap_or_default().trim_ascii();
        let folded = line.first().is_some_and(|first| matches!(first, b' ' | b'\t'));
        dropped = if folded {
            dropped
        } else {
            [&b"content-length"[..], b"transfer-encoding"].iter().any(|known| name.eq_ignore_ascii_case(known))
        };
        if line.trim_ascii().is_empty() {
            if let Some(length) = length {
                out.extend(format!("Content-Length: {length}\r\n").into_bytes());
            }
            out.extend(line);
        } else if !dropped {
            out.extend(line);
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;
    use http::{HeaderName, HeaderValue};

    fn headers(fields: &[(&'static str, &'static str)]) -> HeaderMap {
        let mut map = HeaderMap::new();
        for (name, value) in fields {
            map.append(HeaderName::from_static(name), HeaderValue::from_static(value));
        }
        map
    }

    #[test]
    fn a_body_is_as_long_as_one_field_says() {
        for (fields, expected) in [
            (&[][..], Ok(None)),
            (&[("content-length", "7")], Ok(Some(7))),
            (&[("content-length", "7, 7")], Ok(Some(7))),
            (&[("content-length", "7"), ("content-length", "7")], Ok(Some(7))),
            (&[("transfer-encoding", "Chunked")], Ok(None)),
            (&[("transfer-encoding", "chunked"), ("content-length", "7")], Ok(None)),
            (&[("content-length", "7"), ("content-length", "8")], Err("conflicting lengths")),
            (&[("content-length", "7, 8")], Err("conflicting lengths")),
            (&[("content-length", "+7")], Err("a length that is not a number")),
            (&[("content-length", "")], Err("a length that is not a number")),
            (&[("content-length", "99999999999999999999")], Err("a length that is not a number")),
            (&[("transfer-encoding", "gzip, chunked")], Err("an unrequested transfer coding")),
            (&[("transfer-encoding", "identity")], Err("an unrequested transfer coding")),
            (&[("transfer-encoding", "xchunked")], Err("an unrequested transfer coding")),
            (&[("transfer-encoding", "chunked, chunked")], Err("an unrequested transfer coding")),
            (
                &[("transfer-encoding", "chunked"), ("transfer-encoding", "identity")],
                Err("an unrequested transfer coding"),
            ),
        ] {
            assert_eq!(announced(&headers(fields)), expected, "{fields:?}");
        }
    }

    #[test]
    fn a_piece_is_told_whatever_the_status_says() {
        for (fields, expected) in [
            (&[("content-type", "text/plain")][..], false),
            (&[("content-range", "bytes 0-9/10")], false),
            (&[("content-range", "bytes 0-9/20")], true),
            (&[("content-range", "bytes 5-9/10")], true),
            (&[("content-range", "bytes 0-9/*")], true),
            (&[("content-range", "nonsense")], true),
            (&[("content-type", "multipart/byteranges; boundary=x")], true),
            (&[("content-type", "text/html"), ("content-type", "Multipart/ByteRanges")], true),
        ] {
            assert_eq!(is_piece(&headers(fields)), expected, "{fields:?}");
        }
    }

    #[test]
    fn a_head_is_given_another_length_and_keeps_everything_else() {
        let raw =
            b"HTTP/1.1 200 OK\r\nContent-length : 5\r\nX: a: b\r\nTRANSFER-ENCODING: gzip,\r\n chunked\r\nY: z\r\n\r\n";
        let expected = "HTTP/1.1 200 OK\r\nX: a: b\r\nY: z\r\nContent-Length: 9\r\n\r\n";
        assert_eq!(String::from_utf8(reframed(raw, Some(9))).unwrap(), expected);
        assert_eq!(String::from_utf8(reframed(raw, None)).unwrap(), "HTTP/1.1 200 OK\r\nX: a: b\r\nY: z\r\n\r\n");
    }
}
