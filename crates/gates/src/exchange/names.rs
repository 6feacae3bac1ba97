//! What an answer is called, and whether it is saved under that name.

use super::{Exchange, text};
use http::header::{CONTENT_DISPOSITION, CONTENT_TYPE};
use http::{HeaderMap, Method, StatusCode};
use percent_encoding::percent_decode_str;

/// Characters of a file name that are kept.
const MOST_NAME: usize = 255;

impl Exchange {
    /// The name under which a browser would save an answer with this status and these headers.
    pub(crate) fn file_name(&self, status: StatusCode, headers: &HeaderMap) -> String {
        let stated = headers.get_all(CONTENT_DISPOSITION).iter().find_map(|value| disposition_name(value.as_bytes()));
        let name = clean(&stated.unwrap_or_else(|| self.name_of_address(status, headers)));
        if !name.is_empty() {
            return name;
        }
        // Browsers save what has no other name under that of the host. What is shown or goes to a program is no file of that name,
        // though names of hosts end in `.com`, `.sh` and `.app`: it is told by its address.
        let host = self.host();
        if host.is_empty() || self.downloads || is_attachment(headers) { host } else { format!("{host}/") }
    }

    /// The name that an address gives to what is there; empty where it gives none.
    fn name_of_address(&self, status: StatusCode, headers: &HeaderMap) -> String {
        // An error and a redirection are shown, not saved, and so is what other methods say about a file (WebDAV, RFC 4918).
        let is_file = matches!(self.method, Method::GET | Method::HEAD | Method::POST | Method::PUT);
        if !is_file || status.is_client_error() || status.is_server_error() || status.is_redirection() {
            return String::new();
        }
        let last = self.uri.path().rsplit('/').next().unwrap_or_default();
        let last = percent_decode_str(last).decode_utf8_lossy().into_owned();
        // An address with a query is that of a program on the site, which says what it made: browsers save it by that type.
        let attached = self.downloads || is_attachment(headers);
        let is_made =
            self.uri.query().is_some() && is_made_by(&lazaret_model::extension(&last), &declared(headers), attached);
        let stem = last.rsplit_once('.').map(|(stem, _)| stem);
        let stem = stem.filter(|stem| is_made && !stem.is_empty() && !stem.contains('.'));
        stem.map_or_else(|| last.clone(), str::to_owned)
    }
}

/// The media type that an answer declares, in lower case and without parameters.
pub(super) fn declared(headers: &HeaderMap) -> String {
    let declared = text(headers, CONTENT_TYPE.as_str());
    declared.split(';').next().unwrap_or_default().trim().to_owned()
}

/// Whether a program on a site with such an extension made what is declared as this type, so that the name says nothing about it. A
/// type that may be anything says nothing either, nor does text that is saved: some browsers keep its name.
fn is_made_by(extension: &str, declared: &str, attached: bool) -> bool {
    const PROGRAMS: &[&str] = &[
        "php", "phtml", "asp", "aspx", "ashx", "asmx", "jsp", "jspx", "cgi", "fcgi", "pl", "py", "rb", "cfm", "do",
        "action", "exe", "dll",
    ];
    const TYPES: &[&str] = &[
        "text/html",
        "text/xml",
        "text/csv",
        "text/calendar",
        "text/vcard",
        "text/x-vcard",
        "application/gpx+xml",
        "application/vnd.google-earth.kml+xml",
        "application/vnd.google-earth.kmz",
        "application/xhtml+xml",
        "application/xml",
        "application/json",
        "application/pdf",
        "application/zip",
        "application/msword",
        "application/vnd.ms-excel",
        "application/vnd.ms-powerpoint",
        "application/rtf",
        "text/rtf",
        "application/epub+zip",
        "message/rfc822",
        "application/x-www-form-urlencoded",
    ];
    const GROUPS: &[&str] =
        &["image/", "audio/", "video/", "application/vnd.openxmlformats-", "application/vnd.oasis.opendocument."];
    let words = !attached && declared == "text/plain" && !matches!(extension, "exe" | "dll");
    PROGRAMS.contains(&extension)
        && (words || TYPES.contains(&declared) || GROUPS.iter().any(|group| declared.starts_with(group)))
}

/// Whether browsers show what is declared as this type, or look at its bytes where none is; they save what they do not show.
pub(super) fn is_shown(declared: &str) -> bool {
    // Text that is saved all the same, or handed to another program.
    const SAVED: &[&str] = &[
        "calendar",
        "x-calendar",
        "vcalendar",
        "x-vcalendar",
        "vcard",
        "x-vcard",
        "x-vcf",
        "directory",
        "csv",
        "x-csv",
        "comma-separated-values",
        "tsv",
        "tab-separated-values",
        "rtf",
        "ldif",
        "qif",
        "x-qif",
        "ofx",
    ];
    match declared.split_once('/') {
        Some(("text", minor)) => !SAVED.contains(&minor),
        Some(("image" | "audio" | "video" | "multipart", _)) => true,
        Some(("application", minor)) => {
            matches!(minor, "xml" | "json" | "pdf" | "javascript" | "x-javascript" | "ecmascript")
                || minor.ends_with("+xml")
                || minor.ends_with("+json")
        }
        _ => declared.is_empty(),
    }
}

/// The file name in a `Content-Disposition` field (RFC 6266, 4.3): the extended form is preferred.
fn disposition_name(field: &[u8]) -> Option<String> {
    let field = match std::str::from_utf8(field) {
        Ok(text) => text.to_owned(),
        // ISO 8859-1, as HTTP once had it.
        Err(_) => field.iter().map(|byte| char::from(*byte)).collect(),
    };
    let mut plain = None;
    for (name, value) in parameters(&field) {
        match name.as_str() {
            "filename*" => {
                // RFC 8187, 3.2: charset'language'value.
                let mut pieces = value.splitn(3, '\'');
                let (Some(charset), Some(_), Some(encoded)) = (pieces.next(), pieces.next(), pieces.next()) else {
                    continue;
                };
                let bytes: Vec<u8> = percent_decode_str(encoded).collect();
                return Some(match charset.to_ascii_lowercase().as_str() {
                    "iso-8859-1" => bytes.iter().map(|byte| char::from(*byte)).collect(),
                    _ => String::from_utf8_lossy(&bytes).into_owned(),
                });
            }
            // Browsers undo percent signs here too, although the RFC has none.
            "filename" => plain = plain.or_else(|| Some(percent_decode_str(&value).decode_utf8_lossy().into_owned())),
            _ => {}
        }
    }
    plain
}

/// The parameters of a field, names in lower case, quoted strings undone (RFC 9110, 5.6.6).
fn parameters(field: &str) -> Vec<(String, String)> {
    let mut found = Vec::new();
    let mut rest = field.split_once(';').map_or("", |(_, rest)| rest);
    while let Some((name, after)) = rest.split_once('=') {
        let name = name.rsplit(';').next().unwrap_or_default().trim().to_ascii_lowercase();
        let after = after.trim_start();
        let mut value = String::new();
        let mut end = after.len();
        if let Some(quoted) = after.strip_prefix('"') {
            let mut escaped = false;
            for (at, c) in quoted.char_indices() {
                match c {
                    '\\' if !escaped => escaped = true,
                    '"' if !escaped => {
                        end = at + 2;
                        break;
                    }
                    c => {
                        value.push(c);
                        escaped = false;
                    }
                }
            }
        } else {
            end = after.find(';').unwrap_or(after.len());
            value.push_str(after.get(..end).unwrap_or_default().trim());
        }
        found.push((name, value));
        rest = after.get(end..).unwrap_or_default().trim_start().trim_start_matches(';');
    }
    found
}

/// Whether an answer with these headers asks to be saved as a file, whoever fetched it (RFC 6266, 4.2: what is neither
/// `inline` nor empty is treated as `attachment`).
pub(crate) fn is_attachment(headers: &HeaderMap) -> bool {
    headers.get_all(CONTENT_DISPOSITION).iter().any(|value| {
        let value = String::from_utf8_lossy(value.as_bytes());
        let kind = value.split(';').next().unwrap_or_default().trim();
        !kind.is_empty() && !kind.contains('=') && !kind.eq_ignore_ascii_case("inline")
    })
}

/// The last component of a name. What is odd about it stays: detectors look at it.
fn clean(name: &str) -> String {
    let kept = name.rsplit(['/', '\\']).next().unwrap_or_default();
    // What is cut is the middle: the end says how it would be opened.
    let long: Vec<char> = kept.chars().collect();
    if long.len() <= MOST_NAME {
        return kept.to_owned();
    }
    let (start, end) = (long.iter().take(MOST_NAME - 65), long.iter().skip(long.len() - 64));
    start.chain(['…'].iter()).chain(end).collect()
}

#[cfg(test)]
mod tests {
    use super::super::tests::{exchange, headers};
    use super::*;
    use lazaret_model::Gate;

    #[test]
    fn a_file_is_called_what_a_browser_would_call_it() {
        for (uri, disposition, name) in [
            ("http://a.example/files/report.pdf?x=1", None, "report.pdf"),
            ("http://a.example/", None, "a.example/"),
            ("http://www.acme.com", Some("inline"), "www.acme.com/"),
            ("http://www.acme.com", Some("attachment"), "www.acme.com"),
            ("http://a.example/in%76oice%2eexe", None, "invoice.exe"),
            ("http://a.example/x", Some("attachment; filename=a.exe"), "a.exe"),
            ("http://a.example/x", Some("attachment; filename=\"a \\\"b\\\"; c.exe\"; size=1"), "a \"b\"; c.exe"),
            ("http://a.example/x", Some("attachment; filename=\"a.txt\"; filename*=UTF-8''b%E2%82%AC.exe"), "b€.exe"),
            ("http://a.example/x", Some("attachment; FILENAME*=iso-8859-1'de'%FCbung.pdf"), "übung.pdf"),
            ("http://a.example/x", Some("attachment; filename=\"..\\\\..\\\\evil.exe\""), "evil.exe"),
            ("http://a.example/x", Some("attachment; filename=\"a%2Eexe\""), "a.exe"),
            ("http://a.example/x", Some("attachment; filename=\"run.exe. . \""), "run.exe. . "),
            ("http://a.example/x", Some("attachment; filename=\"never closed.exe"), "never closed.exe"),
            ("http://a.example/x.zip", Some("inline"), "x.zip"),
        ] {
            let fields: Vec<_> = disposition.map(|value| ("content-disposition", value)).into_iter().collect();
            assert_eq!(exchange(uri, &[]).file_name(StatusCode::OK, &headers(&fields)), name, "{disposition:?}");
        }
        let long = format!("attachment; filename=\"{}.exe\"", "a".repeat(2_000));
        let name =
            exchange("http://a.example/x", &[]).file_name(StatusCode::OK, &headers(&[("content-disposition", &long)]));
        assert_eq!(
            exchange("http://a.example/x.vbs", &[]).file_name(StatusCode::NOT_FOUND, &headers(&[])),
            "a.example/"
        );
        assert_eq!(
            exchange("http://a.example/x.js", &[]).file_name(StatusCode::MOVED_PERMANENTLY, &headers(&[])),
            "a.example/"
        );
        assert!(name.ends_with(".exe") && name.chars().count() <= MOST_NAME, "{name}");
    }

    #[test]
    fn what_a_program_on_a_site_makes_is_not_called_like_the_program() {
        for (uri, declared, disposition, name) in [
            ("http://a.example/report.aspx?id=7", "application/pdf", "attachment", "report"),
            ("http://a.example/mapserv.exe?map=1", "image/png", "", "mapserv"),
            ("http://a.example/status.py?a", "text/plain; charset=utf-8", "", "status"),
            ("http://a.example/status.py?a", "text/plain", "attachment", "status.py"),
            ("http://a.example/status.py", "application/json", "", "status.py"),
            ("http://a.example/report.aspx?id=7", "application/octet-stream", "attachment", "report.aspx"),
            ("http://a.example/a.exe?b", "text/plain", "", "a.exe"),
            ("http://a.example/a.bat?b", "image/png", "attachment", "a.bat"),
            ("http://a.example/a.pdf.php?b", "image/png", "", "a.pdf.php"),
            ("http://a.example/.php?b", "image/png", "", ".php"),
        ] {
            let fields = headers(&[("content-type", declared), ("content-disposition", disposition)]);
            assert_eq!(exchange(uri, &[]).file_name(StatusCode::OK, &fields), name, "{uri} {declared}");
        }
        let asks = |method| {
            let uri = "http://a.example/dav/setup.exe".parse().unwrap();
            Exchange::of(Gate::Proxy, None, method, uri, &headers(&[])).file_name(StatusCode::OK, &headers(&[]))
        };
        let listing = Method::from_bytes(b"PROPFIND").unwrap();
        assert_eq!((asks(Method::GET), asks(listing)), ("setup.exe".to_owned(), "a.example/".to_owned()));
    }

    #[test]
    fn what_browsers_do_not_show_is_saved() {
        let page = exchange("http://a.example/x", &[("sec-fetch-dest", "document"), ("sec-fetch-mode", "navigate")]);
        let program = exchange("http://a.example/x", &[("accept", "*/*")]);
        for (declared, saved) in [
            ("text/html; charset=utf-8", false),
            ("text/plain", false),
            ("Application/JSON", false),
            ("application/atom+xml", false),
            ("application/pdf", false),
            ("image/png", false),
            ("text/csv", true),
            ("text/calendar; method=REQUEST", true),
            ("application/octet-stream", true),
            ("application/zip", true),
            ("", false),
        ] {
            let fields = headers(&[("content-type", declared)]);
            assert_eq!(page.origin(&fields).attached, saved, "{declared}");
            // A program does with it what it wants.
            assert!(!program.origin(&fields).attached, "{declared}");
        }
    }
}
