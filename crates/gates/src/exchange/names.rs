//! What an answer is called, and whether it is saved under that name.

mod disposition;

use super::Exchange;
pub(super) use disposition::declared_type as declared;
pub(crate) use disposition::is_attachment;
use disposition::stated_name;
use http::{HeaderMap, Method, StatusCode};
use lazaret_model::Direction;
use percent_encoding::percent_decode_str;

/// Characters of a file name that are kept.
const MOST_NAME: usize = 255;

/// Types of what is run, and the extensions that browsers give to a file without one that is declared so (Windows keeps them below
/// `HKEY_CLASSES_ROOT\MIME`, desktops of Linux in the shared database of MIME types).
const RUN: &[(&str, &str)] = &[
    ("application/hta", "hta"),
    ("application/x-hta", "hta"),
    ("text/hta", "hta"),
    ("text/scriptlet", "wsc"),
    ("text/vbscript", "vbs"),
    ("application/vbscript", "vbs"),
    ("application/x-vbs", "vbs"),
    ("text/vbscript.encode", "vbe"),
    ("text/javascript", "js"),
    ("application/javascript", "js"),
    ("application/x-javascript", "js"),
    ("text/jscript", "js"),
    ("text/jscript.encode", "jse"),
    ("application/x-wsf", "wsf"),
    ("application/x-wsh", "wsh"),
    ("application/bat", "bat"),
    ("application/x-bat", "bat"),
    ("text/x-bat", "bat"),
    ("text/x-msdos-batch", "bat"),
    ("application/cmd", "cmd"),
    ("application/x-cmd", "cmd"),
    ("text/x-powershell", "ps1"),
    ("application/x-powershell", "ps1"),
    ("application/x-ms-shortcut", "lnk"),
    ("application/x-mswinurl", "url"),
    ("application/internet-shortcut", "url"),
    ("application/x-mswebsite", "website"),
    ("application/x-ms-application", "application"),
    ("application/x-ms-xbap", "xbap"),
    ("application/windows-library+xml", "library-ms"),
    ("application/windows-search-connector+xml", "searchconnector-ms"),
    ("application/windows-appcontent+xml", "appcontent-ms"),
    ("application/appinstaller", "appinstaller"),
    ("application/x-java-jnlp-file", "jnlp"),
    ("application/rdp", "rdp"),
    ("application/x-rdp", "rdp"),
    ("text/x-ms-iqy", "iqy"),
    ("text/x-ms-odc", "odc"),
    ("text/x-ms-rqy", "rqy"),
    ("application/x-ms-reg", "reg"),
    ("text/x-ms-regedit", "reg"),
    ("application/x-setupscript", "inf"),
    ("application/x-desktop", "desktop"),
    ("application/x-shellscript", "sh"),
    ("text/x-shellscript", "sh"),
    ("application/x-sh", "sh"),
    ("text/x-sh", "sh"),
    ("text/x-python", "py"),
    ("application/x-python", "py"),
    ("application/x-perl", "pl"),
    ("text/x-perl", "pl"),
    ("application/x-apple-aspen-config", "mobileconfig"),
];

/// Whether a file is run by this extension.
fn runs(extension: &str) -> bool {
    RUN.iter().any(|(_, one)| *one == extension)
}

impl Exchange {
    /// The name under which a browser would save an answer with this status and these headers.
    pub(crate) fn file_name(&self, status: StatusCode, headers: &HeaderMap) -> String {
        let saved = self.is_saved(headers) && self.direction == Direction::Download;
        let stated = stated_name(headers).map(|name| clean(&name)).filter(|name| !name.is_empty());
        let name = stated.unwrap_or_else(|| clean(&self.name_of_address(status, headers, saved)));
        if !name.is_empty() {
            // What has no extension is given one by its type.
            let declared = declared(headers);
            let given = RUN.iter().find(|(kind, _)| saved && *kind == declared);
            let given = given.filter(|_| lazaret_model::extension(&name).is_empty());
            return match given {
                Some((_, extension)) => format!("{}.{extension}", name.trim_end_matches('.')),
                None => name,
            };
        }
        // Browsers save what has no other name under that of the host. What is shown or goes to a program is no file of that name,
        // though names of hosts end in `.com`, `.sh` and `.app`: it is told by its address.
        let host = self.host();
        if host.is_empty() || self.downloads || is_attachment(headers) { host } else { format!("{host}/") }
    }

    /// Whether an answer with these headers is saved as a file, and not shown.
    pub(super) fn is_saved(&self, headers: &HeaderMap) -> bool {
        self.downloads || is_attachment(headers) || self.saves && !is_shown(&declared(headers))
    }

    /// The name that an address gives to what is there; empty where it gives none.
    fn name_of_address(&self, status: StatusCode, headers: &HeaderMap, saved: bool) -> String {
        // An error and a redirection are shown, unless they say that they are files, and so is what other methods say about a file
        // (WebDAV, RFC 4918).
        let is_file = matches!(self.method, Method::GET | Method::HEAD | Method::POST | Method::PUT);
        let is_shown = !is_file || status.is_client_error() || status.is_server_error() || status.is_redirection();
        if is_shown && !saved {
            return String::new();
        }
        let last = self.uri.path().rsplit('/').next().unwrap_or_default();
        let last = percent_decode_str(last).decode_utf8_lossy().into_owned();
        if self.uri.query().is_none() {
            return last;
        }
        // An address with a query is that of a program on the site, which says what it made: browsers save it by that type.
        let declared = declared(headers);
        let Some(stem) = last.rsplit_once('.').map(|(stem, _)| stem).filter(|stem| !stem.is_empty()) else {
            return last;
        };
        let run = RUN.iter().find(|(kind, _)| saved && *kind == declared);
        if let Some((_, extension)) = run {
            return format!("{stem}.{extension}");
        }
        let is_made = is_made_by(&lazaret_model::extension(&last), &declared, saved);
        if is_made && !stem.contains('.') { stem.to_owned() } else { last }
    }
}

/// Whether a program on a site with such an extension made what is declared as this type, so that the name says nothing about it. A
/// type that may be anything says nothing either, nor does text that is saved: some browsers keep its name.
fn is_made_by(extension: &str, declared: &str, saved: bool) -> bool {
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
    // Types by which every browser changes the name of what it saves: interpreters of the others read any text.
    const CHANGED: &[&str] =
        &["application/pdf", "application/msword", "application/vnd.ms-excel", "application/vnd.ms-powerpoint"];
    let grouped = GROUPS.iter().any(|group| declared.starts_with(group));
    if saved && matches!(extension, "pl" | "py" | "rb") && !grouped && !CHANGED.contains(&declared) {
        return false;
    }
    let words = !saved && declared == "text/plain" && !matches!(extension, "exe" | "dll");
    PROGRAMS.contains(&extension) && (words || TYPES.contains(&declared) || grouped)
}

/// Whether every browser shows what is declared as this type, or looks at its bytes where none is; they save what they do not show.
fn is_shown(declared: &str) -> bool {
    const TEXT: &[&str] = &[
        "html",
        "plain",
        "xml",
        "xsl",
        "css",
        "javascript",
        "x-javascript",
        "ecmascript",
        "vtt",
        "event-stream",
        "cache-manifest",
    ];
    const PICTURES: &[&str] = &[
        "png",
        "apng",
        "gif",
        "jpeg",
        "jpg",
        "pjpeg",
        "webp",
        "avif",
        "svg+xml",
        "bmp",
        "x-ms-bmp",
        "x-bmp",
        "x-icon",
        "vnd.microsoft.icon",
        "x-xbitmap",
        "jxl",
    ];
    const OTHERS: &[&str] = &[
        "xml",
        "json",
        "pdf",
        "javascript",
        "x-javascript",
        "ecmascript",
        "ogg",
        "xhtml+xml",
        "atom+xml",
        "rss+xml",
        "rdf+xml",
        "mathml+xml",
    ];
    match declared.split_once('/') {
        Some(("text", minor)) => TEXT.contains(&minor),
        Some(("image", minor)) => PICTURES.contains(&minor),
        Some(("audio" | "video", _) | ("multipart", "x-mixed-replace")) => true,
        Some(("application", minor)) => OTHERS.contains(&minor) || minor.ends_with("+json"),
        _ => declared.is_empty(),
    }
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
    fn an_error_that_is_a_file_is_called_like_one() {
        let page = [("sec-fetch-dest", "document"), ("sec-fetch-mode", "navigate")];
        for (fields, status, declared, disposition, name) in [
            (&page[..], 404, "text/html", "attachment", "x.hta"),
            (&page[..], 404, "application/octet-stream", "", "x.hta"),
            (&page[..], 500, "text/plain", "attachment; filename=y.bat", "y.bat"),
            (&page[..], 302, "text/plain", "attachment", "x.hta"),
            (&page[..], 404, "text/html", "", "a.example/"),
            (&[][..], 404, "application/octet-stream", "", "a.example/"),
        ] {
            let exchange = exchange("http://a.example/x.hta", fields);
            let fields = headers(&[("content-type", declared), ("content-disposition", disposition)]);
            let status = StatusCode::from_u16(status).unwrap();
            assert_eq!(exchange.file_name(status, &fields), name, "{status} {declared}");
        }
    }

    #[test]
    fn what_is_saved_without_an_extension_has_that_of_its_type() {
        for (uri, declared, disposition, name) in [
            ("http://a.example/invoice", "application/hta", "attachment", "invoice.hta"),
            ("http://a.example/x.php?a", "application/hta", "attachment", "x.hta"),
            ("http://a.example/x.y.php?a", "text/vbscript", "attachment", "x.y.vbs"),
            ("http://a.example/x", "application/bat", "attachment; filename=invoice", "invoice.bat"),
            ("http://a.example/x.txt", "application/hta", "attachment", "x.txt"),
            ("http://a.example/x", "application/hta", "", "x"),
            // Some browsers keep a name that is that of an interpreter's file.
            ("http://a.example/x.py?a", "text/csv", "attachment", "x.py"),
            ("http://a.example/x.py?a", "application/pdf", "attachment", "x"),
            ("http://a.example/x.aspx?a", "text/csv", "attachment", "x"),
        ] {
            let fields = headers(&[("content-type", declared), ("content-disposition", disposition)]);
            assert_eq!(exchange(uri, &[]).file_name(StatusCode::OK, &fields), name, "{uri} {declared}");
        }
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
            ("text/html, text/plain", false),
            // Chromium shows it; others save it.
            ("text/x-unheard-of", true),
            ("application/x-unheard-of+xml", true),
            ("application/problem+json", false),
            ("text/html, application/octet-stream", true),
            ("application/octet-stream (+json", true),
            ("image/tiff", true),
            ("multipart/mixed", true),
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
