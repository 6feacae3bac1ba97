//! ICAP requests (RFC 3507, 4.3 and 4.4).

use super::wire::Fault;
use bytes::Bytes;
use data_encoding::BASE64;
use http::{HeaderMap, HeaderName, HeaderValue, Method, StatusCode, Uri};
use std::net::IpAddr;

/// Header fields of one message.
const MOST_FIELDS: usize = 500;

/// What a client wants done.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Verb {
    /// What a service can do.
    Options,
    /// A request on its way to a site.
    Request,
    /// A site's answer.
    Response,
}

/// The head of an ICAP request.
#[derive(Debug)]
pub(super) struct Head {
    pub(super) verb: Verb,
    /// The last component of the service's path, lower case.
    pub(super) service: String,
    pub(super) headers: HeaderMap,
}

/// A section of the encapsulated message.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Section {
    RequestHead,
    ResponseHead,
    /// A body, and whether there is one.
    Body,
    NoBody,
}

impl Head {
    /// Reads a head.
    pub(super) fn parse(bytes: &[u8]) -> Result<Self, Fault> {
        let end = memchr::memmem::find(bytes, b"\r\n").ok_or(Fault::Status(400, "Bad Request"))?;
        let (line, fields) = bytes.split_at(end + 2);
        let line = std::str::from_utf8(line).map_err(|_| Fault::Status(400, "Bad Request"))?.trim_end();
        let mut words = line.split(' ');
        let (Some(verb), Some(address), Some(version), None) = (words.next(), words.next(), words.next(), words.next())
        else {
            return Err(Fault::Status(400, "Bad Request"));
        };
        if version != "ICAP/1.0" {
            let status =
                if version.starts_with("ICAP/") { (505, "ICAP Version Not Supported") } else { (400, "Bad Request") };
            return Err(Fault::Status(status.0, status.1));
        }
        let verb = match verb {
            "OPTIONS" => Verb::Options,
            "REQMOD" => Verb::Request,
            "RESPMOD" => Verb::Response,
            _ => return Err(Fault::Status(501, "Method Not Implemented")),
        };
        // Gateways are known that send the path alone, or another scheme.
        let path =
            address.split_once("://").map_or(address, |(_, rest)| rest.split_once('/').map_or("", |(_, path)| path));
        let path = path.split(['?', '#']).next().unwrap_or_default().trim_end_matches('/');
        let service = path.rsplit('/').next().unwrap_or_default().to_ascii_lowercase();
        let headers = fields_of(fields)?;
        // Two readers of a field that stands there twice may read two different things.
        for name in ["encapsulated", "preview"] {
            if headers.get_all(name).iter().count() > 1 {
                return Err(Fault::Status(400, "Field Given Twice"));
            }
        }
        Ok(Self { verb, service, headers })
    }

    /// A field's text, spaces trimmed.
    pub(super) fn text(&self, name: &str) -> Option<String> {
        Some(String::from_utf8_lossy(self.headers.get(name)?.as_bytes()).trim().to_owned())
    }

    /// Whether `Allow` names a status (RFC 3507, 4.6).
    pub(super) fn allows(&self, status: &str) -> bool {
        let fields = self.headers.get_all("allow").iter();
        fields
            .into_iter()
            .any(|field| String::from_utf8_lossy(field.as_bytes()).split(',').any(|allowed| allowed.trim() == status))
    }

    /// Bytes of the preview that the client announces.
    pub(super) fn preview(&self) -> Result<Option<u64>, Fault> {
        let Some(text) = self.text("preview") else { return Ok(None) };
        text.parse().map(Some).map_err(|_| Fault::Status(400, "Bad Preview"))
    }

    /// Whether the client will close the connection.
    pub(super) fn closes(&self) -> bool {
        self.text("connection").is_some_and(|field| field.to_ascii_lowercase().contains("close"))
    }

    /// The address of the client's client.
    pub(super) fn client(&self) -> Option<IpAddr> {
        self.text("x-client-ip")?.parse().ok()
    }

    /// The address of the site's machine.
    pub(super) fn server(&self) -> Option<IpAddr> {
        self.text("x-server-ip")?.parse().ok()
    }

    /// Who that is, as the client authenticated them: `WinNT://domain/user` and the like, mostly in Base64.
    pub(super) fn person(&self) -> Option<String> {
        let text = self.text("x-authenticated-user").or_else(|| self.text("x-client-username"))?;
        let name = decoded(&text);
        let name = name.split_once("://").map_or(name.as_str(), |(_, rest)| rest);
        Some(name.to_owned()).filter(|name| !name.is_empty())
    }

    /// The groups of that person.
    pub(super) fn groups(&self) -> Vec<String> {
        let text = self.text("x-authenticated-groups").unwrap_or_default();
        let groups = text.split(',').map(|group| decoded(group.trim()));
        groups.map(|group| group.rsplit('/').next().unwrap_or_default().to_owned()).filter(|g| !g.is_empty()).collect()
    }

    /// What is encapsulated: sections with their offsets, in order (RFC 3507, 4.4.1).
    pub(super) fn sections(&self) -> Result<Vec<(Section, usize)>, Fault> {
        const BAD: Fault = Fault::Status(400, "Bad Encapsulated Field");
        let Some(field) = self.text("encapsulated") else {
            return if self.verb == Verb::Options { Ok(vec![(Section::NoBody, 0)]) } else { Err(BAD) };
        };
        let mut sections: Vec<(Section, usize)> = Vec::new();
        for entry in field.split(',') {
            let Some((name, offset)) = entry.trim().split_once('=') else { return Err(BAD) };
            let section = match (name.trim(), self.verb) {
                ("req-hdr", Verb::Request | Verb::Response) => Section::RequestHead,
                ("res-hdr", Verb::Response) => Section::ResponseHead,
                ("req-body", Verb::Request) | ("res-body", Verb::Response) | ("opt-body", Verb::Options) => {
                    Section::Body
                }
                ("null-body", _) => Section::NoBody,
                _ => return Err(BAD),
            };
            let offset = offset.trim().parse().map_err(|_| BAD)?;
            match sections.last() {
                None if offset != 0 => return Err(BAD),
                // In order, each of some length, and nothing after a body.
                Some((before, at))
                    if offset <= *at
                        || matches!(before, Section::Body | Section::NoBody)
                        || *before == Section::ResponseHead && section == Section::RequestHead
                        || *before == section =>
                {
                    return Err(BAD);
                }
                _ => {}
            }
            sections.push((section, offset));
        }
        match sections.last() {
            Some((Section::Body | Section::NoBody, _)) => Ok(sections),
            _ => Err(BAD),
        }
    }
}

/// Base64 undone where it is some; else the text as it is.
fn decoded(text: &str) -> String {
    let plain = BASE64.decode(text.as_bytes()).ok().and_then(|bytes| String::from_utf8(bytes).ok());
    match plain {
        // A bare name may look like Base64 by chance; an identity that was encoded names its realm.
        Some(plain) if plain.contains("://") => plain,
        _ => text.to_owned(),
    }
}

/// The fields of a head, the empty line after them included.
fn fields_of(bytes: &[u8]) -> Result<HeaderMap, Fault> {
    const BAD: Fault = Fault::Status(400, "Bad Header");
    let mut fields = [httparse::EMPTY_HEADER; MOST_FIELDS];
    let httparse::Status::Complete((_, fields)) = httparse::parse_headers(bytes, &mut fields).map_err(|_| BAD)? else {
        return Err(BAD);
    };
    map_of(fields)
}

fn map_of(fields: &[httparse::Header<'_>]) -> Result<HeaderMap, Fault> {
    const BAD: Fault = Fault::Status(400, "Bad Header");
    let mut map = HeaderMap::with_capacity(fields.len());
    for field in fields {
        let name = HeaderName::from_bytes(field.name.as_bytes()).map_err(|_| BAD)?;
        map.append(name, HeaderValue::from_bytes(field.value).map_err(|_| BAD)?);
    }
    Ok(map)
}

/// An encapsulated request's head.
#[derive(Debug)]
pub(super) struct WebRequest {
    pub(super) method: Method,
    pub(super) uri: Uri,
    pub(super) headers: HeaderMap,
    /// As it came.
    pub(super) raw: Bytes,
}

/// Characters that stand in addresses all the same, though they must not, beside those that no address has.
const ODD: &percent_encoding::AsciiSet = &percent_encoding::CONTROLS
    .add(b' ')
    .add(b'"')
    .add(b'<')
    .add(b'>')
    .add(b'`')
    .add(b'{')
    .add(b'}')
    .add(b'|')
    .add(b'^')
    .add(b'\\');
/// Characters of an address that can be parsed at all.
const MOST_ADDRESS: usize = u16::MAX as usize - 1_024;

/// The address that a request is for. What is odd about it is the site's and the browser's business, and costs neither
/// its host nor its name here.
fn address(target: &str, host: Option<&str>) -> Option<Uri> {
    let (head, rest) = match target.split_once("://") {
        Some((scheme, rest)) if !scheme.contains(['/', '?']) => {
            let end = rest.find(['/', '?', '#']).unwrap_or(rest.len());
            let (authority, path) = rest.split_at(end);
            // Names and passwords are not for us.
            let authority = authority.rsplit('@').next().unwrap_or_default();
            (format!("{scheme}://{authority}"), path)
        }
        _ if target.starts_with('/') => (host.map(|host| format!("http://{host}")).unwrap_or_default(), target),
        // `CONNECT host:port`, `OPTIONS *`
        _ => return target.parse().ok(),
    };
    let mut path = percent_encoding::utf8_percent_encode(rest, ODD).to_string();
    if !path.starts_with('/') {
        path.insert(0, '/');
    }
    if path.len() > MOST_ADDRESS {
        // The name is at the end of the path; what follows it is left out first.
        path.truncate(path.find(['?', '#']).unwrap_or(path.len()));
        if path.len() > MOST_ADDRESS {
            let name = path.rsplit('/').next().unwrap_or_default();
            path = format!("/{}", name.get(name.len().saturating_sub(MOST_ADDRESS / 2)..).unwrap_or_default());
        }
    }
    format!("{head}{path}").parse().ok()
}

impl WebRequest {
    pub(super) fn parse(raw: Bytes) -> Result<Self, Fault> {
        const BAD: Fault = Fault::Status(400, "Bad Encapsulated Request");
        let mut fields = [httparse::EMPTY_HEADER; MOST_FIELDS];
        let mut request = httparse::Request::new(&mut fields);
        if !matches!(request.parse(&raw), Ok(httparse::Status::Complete(_))) {
            return Err(BAD);
        }
        let method = request.method.and_then(|method| Method::from_bytes(method.as_bytes()).ok()).ok_or(BAD)?;
        let headers = map_of(request.headers)?;
        let target = request.path.unwrap_or_default();
        let mut hosts = headers.get_all(http::header::HOST).iter();
        let host = hosts.next().and_then(|host| host.to_str().ok());
        // Two readers may take two different ones (RFC 9112, 3.2).
        if hosts.next().is_some() {
            return Err(Fault::Status(400, "More Than One Host"));
        }
        let uri = address(target, host).ok_or(BAD)?;
        Ok(Self { method, uri, headers, raw })
    }

    /// The head without the fields that ask for a piece of a file, when it has any.
    pub(super) fn without_range(&self) -> Option<Vec<u8>> {
        if !self.headers.contains_key(http::header::RANGE) {
            return None;
        }
        let mut kept = Vec::with_capacity(self.raw.len());
        let mut dropping = false;
        for line in self.raw.split_inclusive(|byte| *byte == b'\n') {
            // A folded line belongs to the one before it.
            if !matches!(line.first(), Some(b' ' | b'\t')) {
                let name = line.split(|byte| *byte == b':').next().unwrap_or_default();
                dropping = [&b"range"[..], b"if-range"].iter().any(|field| name.eq_ignore_ascii_case(field));
            }
            if !dropping {
                kept.extend_from_slice(line);
            }
        }
        Some(kept)
    }
}

/// An encapsulated answer's head.
#[derive(Debug)]
pub(super) struct WebResponse {
    pub(super) status: StatusCode,
    pub(super) headers: HeaderMap,
    /// As it came.
    pub(super) raw: Bytes,
}

impl WebResponse {
    pub(super) fn parse(raw: Bytes) -> Result<Self, Fault> {
        const BAD: Fault = Fault::Status(400, "Bad Encapsulated Response");
        let mut fields = [httparse::EMPTY_HEADER; MOST_FIELDS];
        let mut response = httparse::Response::new(&mut fields);
        let mut config = httparse::ParserConfig::default();
        config.allow_spaces_after_header_name_in_responses(true).allow_obsolete_multiline_headers_in_responses(true);
        if !matches!(config.parse_response(&mut response, &raw), Ok(httparse::Status::Complete(_))) {
            return Err(BAD);
        }
        let status = response.code.and_then(|code| StatusCode::from_u16(code).ok()).ok_or(BAD)?;
        Ok(Self { status, headers: map_of(response.headers)?, raw })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn head(text: &str) -> Result<Head, Fault> {
        Head::parse(text.replace('\n', "\r\n").as_bytes())
    }

    fn status(result: Result<impl std::fmt::Debug, Fault>) -> u16 {
        match result {
            Err(Fault::Status(status, _)) => status,
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn two_hosts_in_a_request_are_none() {
        let parse = |fields: &str| {
            let raw = format!("GET /a HTTP/1.1\r\n{fields}\r\n");
            WebRequest::parse(Bytes::from(raw))
        };
        assert_eq!(parse("Host: a.example\r\n").unwrap().uri.host(), Some("a.example"));
        assert_eq!(status(parse("Host: a.example\r\nHost: b.example\r\n")), 400);
    }

    #[test]
    fn an_odd_address_keeps_its_host_and_its_name() {
        let long = format!("http://a.example/x.bat?{}", "y".repeat(70_000));
        let deep = format!("http://a.example/{}/x.bat", "y".repeat(70_000));
        for (target, host, path) in [
            ("http://a.example/x.bat", "a.example", "/x.bat"),
            ("http://a.example/<x.bat", "a.example", "/%3Cx.bat"),
            ("http://a.example/{|}^\\x.bat", "a.example", "/%7B%7C%7D%5E%5Cx.bat"),
            ("http://ada%zz:{@a.example/x.bat", "a.example", "/x.bat"),
            ("http://a.example:81/`\"x>.bat?q=<\"", "a.example", "/%60%22x%3E.bat"),
            ("http://a.example/\u{fc}.bat", "a.example", "/%C3%BC.bat"),
            ("http://a.example?q=<", "a.example", "/"),
            ("/<x.bat", "h.example", "/%3Cx.bat"),
            (&long, "a.example", "/x.bat"),
            (&deep, "a.example", "/x.bat"),
        ] {
            let uri = address(target, Some("h.example")).expect(target);
            assert_eq!((uri.host(), uri.path()), (Some(host), path));
        }
        assert_eq!(address("/x.bat", None).unwrap().path(), "/x.bat");
        assert_eq!(address("a.example:443", None).unwrap().host(), Some("a.example"));
        assert_eq!(address("http://<a>/x", None), None);
    }

    #[test]
    fn a_request_line_names_verb_and_service() {
        for (address, service) in [
            ("icap://gate.example:1344/respmod?profile=1", "respmod"),
            ("icaps://gate.example/a/AVSCAN/", "avscan"),
            ("/respmod", "respmod"),
            ("icap://gate.example", ""),
        ] {
            let head = head(&format!("RESPMOD {address} ICAP/1.0\nHost: x\n\n")).unwrap();
            assert_eq!((head.verb, head.service.as_str()), (Verb::Response, service));
        }
        assert_eq!(status(head("RESPMOD icap://x/respmod ICAP/2.0\n\n")), 505);
        assert_eq!(status(head("RESPMOD icap://x/respmod HTTP/1.1\n\n")), 400);
        assert_eq!(status(head("DELETE icap://x/respmod ICAP/1.0\n\n")), 501);
        for twice in ["Preview: 0\nPreview: 4", "Encapsulated: null-body=0\nENCAPSULATED: res-body=0"] {
            assert_eq!(status(head(&format!("RESPMOD icap://x/respmod ICAP/1.0\n{twice}\n\n"))), 400, "{twice}");
        }
        assert_eq!(status(head("RESPMOD  icap://x/respmod ICAP/1.0\n\n")), 400);
        assert_eq!(status(head("RESPMOD icap://x/respmod ICAP/1.0\nno field\n\n")), 400);
    }

    #[test]
    fn offsets_must_be_possible() {
        let sections = |verb: &str, field: &str| {
            head(&format!("{verb} icap://x/y ICAP/1.0\nEncapsulated: {field}\n\n")).unwrap().sections()
        };
        for (verb, field) in [
            ("RESPMOD", "req-hdr=0, res-hdr=137, res-body=296"),
            ("RESPMOD", "res-hdr=0,res-body=5"),
            ("RESPMOD", "res-body=0"),
            ("RESPMOD", "req-hdr=0, res-hdr=10, null-body=20"),
            ("REQMOD", "req-hdr=0, null-body=170"),
            ("REQMOD", "req-hdr=0, req-body=147"),
            ("OPTIONS", "opt-body=0"),
        ] {
            assert!(sections(verb, field).is_ok(), "{verb} {field}");
        }
        for (verb, field) in [
            ("RESPMOD", ""),
            ("RESPMOD", "res-hdr=0"),
            ("RESPMOD", "res-hdr=5, res-body=10"),
            ("RESPMOD", "res-hdr=0, res-body=-1"),
            ("RESPMOD", "res-hdr=0, res-body=0"),
            ("RESPMOD", "res-hdr=0, req-hdr=5, res-body=9"),
            ("RESPMOD", "res-hdr=0, res-hdr=5, res-body=9"),
            ("RESPMOD", "req-hdr=0, req-body=9"),
            ("RESPMOD", "req-hdr=0, null-body=9, null-body=11"),
            ("RESPMOD", "req-hdr=0, res-body=99999999999999999999999"),
            ("REQMOD", "req-hdr=0, res-body=9"),
            ("OPTIONS", "req-hdr=0, null-body=1"),
        ] {
            assert_eq!(status(sections(verb, field)), 400, "{verb} {field}");
        }
        assert_eq!(status(head("RESPMOD icap://x/y ICAP/1.0\n\n").unwrap().sections()), 400);
    }

    #[test]
    fn people_are_read_in_the_ways_that_gateways_write_them() {
        for (field, name) in [
            ("V2luTlQ6Ly9leGFtcGxlL2FubmE=", "example/anna"),
            ("Local://anna", "anna"),
            ("anna", "anna"),
            ("karl", "karl"),
        ] {
            let head = head(&format!("REQMOD icap://x/y ICAP/1.0\nX-Authenticated-User: {field}\n\n")).unwrap();
            assert_eq!(head.person().as_deref(), Some(name));
        }
    }

    #[test]
    fn a_request_loses_only_what_asks_for_pieces() {
        let raw =
            b"GET http://a.example/x HTTP/1.1\r\nRange: bytes=0-1,\r\n 5-6\r\nAccept: */*\r\nIF-RANGE: \"x\"\r\n\r\n";
        let request = WebRequest {
            method: Method::GET,
            uri: Uri::default(),
            headers: [(http::header::RANGE, HeaderValue::from_static("x"))].into_iter().collect(),
            raw: Bytes::from_static(raw),
        };
        let kept = request.without_range().unwrap();
        assert_eq!(kept, b"GET http://a.example/x HTTP/1.1\r\nAccept: */*\r\n\r\n");
    }
}
