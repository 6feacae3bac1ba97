//! Header fields that a proxy takes out or puts in.

use http::header::{
    ACCEPT, ACCEPT_ENCODING, ALT_SVC, CONNECTION, CONTENT_LENGTH, CONTENT_TYPE, COOKIE, HOST, IF_RANGE,
    PROXY_AUTHENTICATE, PROXY_AUTHORIZATION, RANGE, TE, TRAILER, TRANSFER_ENCODING, UPGRADE, VIA,
};
use http::{HeaderMap, HeaderName, HeaderValue};
use lazaret_model::ContentCoding;

/// What a proxy calls itself in `Via` (RFC 9110, 7.6.3): another name at every start, so that one of ours may stand behind
/// another.
#[derive(Debug, Clone)]
pub(super) struct Via(HeaderValue);

impl Via {
    pub(super) fn new() -> Self {
        let name = format!("1.1 lazaret-{}", lazaret_model::reference());
        Self(HeaderValue::try_from(name).unwrap_or(HeaderValue::from_static("1.1 lazaret")))
    }

    /// Whether a request has come through here before.
    pub(super) fn loops(&self, headers: &HeaderMap) -> bool {
        let name = self.0.as_bytes();
        headers.get_all(VIA).iter().any(|field| {
            field.as_bytes().split(|byte| *byte == b',').any(|hop| hop.trim_ascii().eq_ignore_ascii_case(name))
        })
    }

    fn add(&self, headers: &mut HeaderMap) {
        headers.append(VIA, self.0.clone());
    }
}

/// Fields that concern one connection only (RFC 9110, 7.6.1), whether `Connection` names them or not.
const HOP_BY_HOP: [HeaderName; 7] =
    [CONNECTION, PROXY_AUTHENTICATE, PROXY_AUTHORIZATION, TE, TRAILER, TRANSFER_ENCODING, UPGRADE];
const OLD_HOP_BY_HOP: [&str; 2] = ["keep-alive", "proxy-connection"];

/// Makes a client's fields fit to be sent to the site.
pub(super) fn outbound(headers: &mut HeaderMap, via: &Via) {
    strip(headers);
    headers.remove(CONTENT_LENGTH);
    headers.remove(HOST);
    // Pieces are cut out of what was inspected: the site is asked for all of it (RFC 9110, 14.2 lets it answer so).
    headers.remove(RANGE);
    headers.remove(IF_RANGE);
    // Only what can be undone here is asked for.
    if let Some(field) = headers.get(ACCEPT_ENCODING).and_then(|field| field.to_str().ok()) {
        let known = |entry: &&str| {
            let name = entry.split(';').next().unwrap_or_default().trim().to_ascii_lowercase();
            name == "identity" || name == "x-gzip" || ContentCoding::ALL.iter().any(|coding| coding.token() == name)
        };
        let kept: Vec<_> = field.split(',').map(str::trim).filter(known).collect();
        let kept = if kept.is_empty() { "identity".to_owned() } else { kept.join(", ") };
        if let Ok(kept) = HeaderValue::from_str(&kept) {
            headers.insert(ACCEPT_ENCODING, kept);
        }
    }
    // RFC 9113, 8.2.3: HTTP/2 may carry cookies in several fields, HTTP/1.1 in one.
    let cookies: Vec<_> = headers.get_all(COOKIE).iter().map(|cookie| cookie.as_bytes().to_vec()).collect();
    if cookies.len() > 1
        && let Ok(joined) = HeaderValue::from_bytes(&cookies.join(&b"; "[..]))
    {
        headers.insert(COOKIE, joined);
    }
    via.add(headers);
}

/// Whether a client waits for a stream of text, and says so.
pub(super) fn wants_stream(headers: &HeaderMap) -> bool {
    let accept = crate::exchange::text(headers, ACCEPT.as_str());
    let listed = |kind: &str| accept.split(',').any(|one| one.split(';').next().is_some_and(|one| one.trim() == kind));
    ["text/event-stream", "application/x-ndjson", "application/jsonl"].into_iter().any(listed)
}

/// Whether both sides exchange messages of gRPC.
pub(super) fn is_grpc(headers: &HeaderMap) -> bool {
    crate::exchange::text(headers, CONTENT_TYPE.as_str()).starts_with("application/grpc")
        && crate::exchange::text(headers, TE.as_str()).split(',').any(|one| one.trim() == "trailers")
}

/// Makes a site's fields fit to be sent to the client.
pub(super) fn inbound(headers: &mut HeaderMap, via: &Via) {
    strip(headers);
    // The length of what is sent is ours to say (RFC 9112, 6.3).
    headers.remove(CONTENT_LENGTH);
    // HTTP/3 would go around this proxy.
    headers.remove(ALT_SVC);
    // Whether pieces may be had is ours to say.
    headers.remove(http::header::ACCEPT_RANGES);
    via.add(headers);
}

fn strip(headers: &mut HeaderMap) {
    let named: Vec<_> = headers
        .get_all(CONNECTION)
        .iter()
        .filter_map(|field| field.to_str().ok())
        .flat_map(|field| field.split(','))
        .filter_map(|name| HeaderName::from_bytes(name.trim().as_bytes()).ok())
        .collect();
    for name in named.iter().chain(&HOP_BY_HOP) {
        headers.remove(name);
    }
    for name in OLD_HOP_BY_HOP {
        headers.remove(name);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn via() -> Via {
        Via(HeaderValue::from_static("1.1 lazaret-1"))
    }

    fn headers(fields: &[(&'static str, &'static str)]) -> HeaderMap {
        fields.iter().map(|(name, value)| (HeaderName::from_static(name), HeaderValue::from_static(value))).collect()
    }

    #[test]
    fn what_concerns_one_connection_or_asks_for_pieces_is_not_passed_on() {
        let mut fields = headers(&[
            ("host", "a.example"),
            ("connection", "x-secret, keep-alive"),
            ("x-secret", "1"),
            ("keep-alive", "300"),
            ("proxy-authorization", "Basic eA=="),
            ("range", "bytes=0-1"),
            ("if-range", "\"x\""),
            ("accept-encoding", "gzip;q=0.8, sdch, br"),
            ("accept", "*/*"),
            ("content-length", "5"),
        ]);
        outbound(&mut fields, &via());
        let left = [("accept-encoding", "gzip;q=0.8, br"), ("accept", "*/*"), ("via", "1.1 lazaret-1")];
        assert_eq!(fields, headers(&left));
        assert!(via().loops(&fields) && !Via::new().loops(&fields));
        assert!(via().loops(&headers(&[("via", "1.0 x, 1.1 Lazaret-1")])));
    }

    #[test]
    fn a_client_that_takes_nothing_known_gets_it_unpacked() {
        let mut fields = headers(&[("accept-encoding", "sdch")]);
        outbound(&mut fields, &via());
        assert_eq!(fields.get("accept-encoding").unwrap(), "identity");
    }

    #[test]
    fn cookies_in_pieces_are_joined() {
        let mut fields = HeaderMap::new();
        fields.append(COOKIE, HeaderValue::from_static("a=1"));
        fields.append(COOKIE, HeaderValue::from_static("b=2"));
        outbound(&mut fields, &via());
        assert_eq!(fields.get(COOKIE).unwrap(), "a=1; b=2");
    }

    #[test]
    fn no_site_steers_around_the_proxy() {
        let mut fields = headers(&[
            ("alt-svc", "h3=\":443\""),
            ("accept-ranges", "bytes"),
            ("etag", "\"1\""),
            ("content-length", "5"),
        ]);
        inbound(&mut fields, &via());
        assert_eq!(fields, headers(&[("etag", "\"1\""), ("via", "1.1 lazaret-1")]));
    }
}
