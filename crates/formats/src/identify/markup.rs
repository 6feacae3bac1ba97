//! Markup: HTML and what runs as HTML, SVG, and XML by its root element.

use super::probe::{Found, has_any_case};

/// Bytes of a page that are searched for what makes it an HTML application.
const PAGE: usize = 64 << 10;

/// The kind of markup, if the text is any.
pub(super) fn look(text: &str, found: &mut Found) -> Option<&'static str> {
    let start = text.trim_start();
    if !start.starts_with('<') {
        return later_page(text);
    }
    if start.starts_with("<?php") || start.starts_with("<?=") {
        return Some("php");
    }
    if start.starts_with("<#@") || start.starts_with("<%@") {
        return Some("text");
    }
    let bytes = text.as_bytes();
    // LIMIT: what is declared as a page is opened as one whatever stands in front (`walk.rs`, `settle`); what is not is shown as text.
    let page = bytes.get(..PAGE).unwrap_or(bytes);
    let declared = start.starts_with("<?xml");
    let root = Root::find(start);
    if let Some(root) = &root {
        if let Some(id) = by_root(root, page) {
            if id == "html" {
                return Some(page_kind(page, found));
            }
            if id == "svg" && has_any_case(page, b"<hta:application") {
                found.add("hta");
            }
            // A browser runs the scripts of pages and pictures in any markup (HTML, 14.2: "XML documents").
            if !PAGES.contains(&id) && runs_in_markup(page) {
                found.add("html");
            }
            return Some(id);
        }
        if is_page_element(&root.name) {
            return Some(page_kind(page, found));
        }
    }
    if has_any_case(page, b"<hta:application") || has_any_case(page, b"<html") && !declared {
        return Some(page_kind(page, found));
    }
    if start.starts_with("<!")
        && (start.contains("<!ELEMENT") || start.contains("<!ENTITY") || start.contains("<!ATTLIST"))
    {
        return Some("dtd");
    }
    if declared || root.is_some_and(|root| root.is_xml(start)) {
        return Some("xml");
    }
    if has_any_case(page, b"<script") { Some(page_kind(page, found)) } else { None }
}

/// Markup that has an opener which looks for scripts, and documents that say by the same names what they do themselves.
const PAGES: &[&str] =
    &["html", "svg", "hta", "wsf", "sct", "xslt", "msc", "contact", "fodt", "word-xml", "excel-xml", "xdp"];

/// Whether markup of another kind holds a script or a handler of a page or picture.
fn runs_in_markup(page: &[u8]) -> bool {
    let names = [&b"www.w3.org/1999/xhtml"[..], b"www.w3.org/2000/svg"];
    names.iter().any(|name| has_any_case(page, name))
        && [&b":script"[..], b"<script", b" onload=", b" onerror=", b"javascript:"]
            .iter()
            .any(|mark| has_any_case(page, mark))
}

/// A page after something else, as `mshta` reads it: only what no prose has.
fn later_page(text: &str) -> Option<&'static str> {
    let bytes = text.as_bytes();
    // LIMIT: what is declared as a page is opened as one whatever stands in front (`walk.rs`, `settle`); what is not is shown as text.
    let page = bytes.get(..PAGE).unwrap_or(bytes);
    // Source code that writes about HTA has it in quotes; a page does not.
    has_tag(page, b"\n<hta:application").then_some("hta")
}

fn has_tag(page: &[u8], tag: &[u8]) -> bool {
    has_any_case(page, tag)
}

/// A page is an HTML application when it says so or when its script asks for what browsers refuse.
fn page_kind(page: &[u8], found: &mut Found) -> &'static str {
    const REFUSED: &[&[u8]] =
        &[b"wscript.shell", b"shell.application", b"scripting.filesystemobject", b"adodb.stream", b"winmgmts:"];
    if has_any_case(page, b"<hta:application") {
        return "hta";
    }
    let scripted = has_any_case(page, b"<script")
        && (has_any_case(page, b"activexobject(") || has_any_case(page, b"createobject("));
    if scripted && REFUSED.iter().any(|object| has_any_case(page, object)) {
        found.add("html");
        found.add("hta");
    }
    "html"
}

/// The root element of XML, or the first tag of a page.
struct Root<'t> {
    name: String,
    /// The start tag, from `<` to `>`.
    tag: &'t str,
    /// What comes after it.
    rest: &'t str,
    doctype: bool,
}

impl<'t> Root<'t> {
    /// Skips the declaration, processing instructions, comments and the document type.
    fn find(text: &'t str) -> Option<Self> {
        let mut rest = text;
        let mut doctype = false;
        for _ in 0..64 {
            rest = rest.trim_start();
            let after = rest.strip_prefix('<')?;
            if after.starts_with('?') {
                rest = rest.split_once("?>")?.1;
            } else if after.starts_with("!--") {
                rest = rest.split_once("-->")?.1;
            } else if let Some(declaration) = after.strip_prefix('!') {
                doctype = true;
                if declaration.get(..12).is_some_and(|d| d.eq_ignore_ascii_case("doctype html")) {
                    return Some(Self { name: "html".into(), tag: "", rest, doctype });
                }
                let end = rest.find('>')?;
                // An internal subset ends in `]>`.
                rest = match rest.find('[').filter(|at| *at < end) {
                    Some(_) => rest.split_once("]>").or_else(|| rest.split_once("]\n>"))?.1,
                    None => rest.get(end + 1..)?,
                };
            } else {
                let end = after.find('>').unwrap_or(after.len());
                let tag = after.get(..end)?;
                let len = tag
                    .find(|c: char| !(c.is_alphanumeric() || matches!(c, ':' | '-' | '_' | '.')))
                    .unwrap_or(tag.len());
                let name = tag.get(..len)?;
                if !name.starts_with(|c: char| c.is_alphabetic() || c == '_') {
                    return None;
                }
                return Some(Self { name: name.to_ascii_lowercase(), tag, rest: after.get(end..)?, doctype });
            }
        }
        None
    }

    /// The name without its prefix.
    fn local(&self) -> &str {
        self.name.rsplit(':').next().unwrap_or_default()
    }

    /// Without a declaration, XML shows in its namespaces or in that the root element is closed.
    fn is_xml(&self, text: &str) -> bool {
        self.tag.contains("xmlns")
            || self.doctype
            || self.tag.ends_with('/') && text.trim_end().ends_with("/>")
            || text.trim_end().to_ascii_lowercase().ends_with(&format!("</{}>", self.name))
            || text.len() > 60_000 && self.rest.contains("</")
    }
}

fn by_root(root: &Root<'_>, page: &[u8]) -> Option<&'static str> {
    let id = match root.local() {
        "html" => "html",
        "svg" => "svg",
        "rss" | "rdf" if root.local() == "rss" || has_any_case(page, b"purl.org/rss") => "rss",
        "feed" if has_any_case(page, b"w3.org/2005/atom") => "atom",
        "plist" if has_any_case(page, b"<key>url</key>") && page.len() < 8192 => "webloc",
        "plist" if has_any_case(page, b"<key>commandstring</key>") => "terminal-settings",
        "plist"
            if has_any_case(page, b"<key>payloadcontent</key>")
                && has_any_case(page, b"<key>payloadtype</key>")
                && has_any_case(page, b">configuration<") =>
        {
            "mobileconfig"
        }
        "plist" if has_any_case(page, b"<key>webmainresource</key>") => "webarchive",
        "plist" => "plist",
        "librarydescription" => "library-ms",
        "searchconnectordescription" => "searchconnector-ms",
        "persistedquery" => "search-ms",
        "contact" if has_any_case(page, b"schemas.microsoft.com/contact") => "contact",
        "pcsettings" => "settingcontent-ms",
        "job" | "package" if has_any_case(page, b"<script") && has_any_case(page, b"<job") => "wsf",
        "job" if has_any_case(page, b"<script") => "wsf",
        "scriptlet" | "component"
            if has_any_case(page, b"<script")
                && (has_any_case(page, b"<registration")
                    || has_any_case(page, b"<public")
                    || has_any_case(page, b"<implements")
                    || root.local() == "scriptlet") =>
        {
            "sct"
        }
        "stylesheet" | "transform" if has_any_case(page, b"xsl/transform") => "xslt",
        "project" if has_any_case(page, b"<usingtask") && has_any_case(page, b"<code") => "msbuild",
        "project"
            if has_any_case(page, b"<exec ") && has_any_case(page, b"schemas.microsoft.com/developer/msbuild") =>
        {
            "msbuild"
        }
        "mmc_consolefile" => "msc",
        "assembly" if has_any_case(page, b"<deployment") || has_any_case(page, b":deployment") => "clickonce",
        "appinstaller" => "appinstaller",
        "jnlp" => "jnlp",
        "worddocument" => "word-xml",
        "package" if has_any_case(page, b"schemas.microsoft.com/office/2006/xmlpackage") => "word-xml",
        "workbook" if has_any_case(page, b"schemas-microsoft-com:office:spreadsheet") => "excel-xml",
        "document" if has_any_case(page, b"opendocument:xmlns:office") => "fodt",
        "xdp" => "xdp",
        "xfdf" => "xdp",
        "envelope" if has_any_case(page, b"soap") => "soap",
        "xliff" => "xliff",
        "math" => "mathml",
        "score-partwise" | "score-timewise" => "musicxml",
        "map" | "tileset" if has_any_case(page, b"tilewidth") => "tiled-map",
        "kml" => "kml",
        "gpx" => "gpx",
        "trainingcenterdatabase" => "tcx",
        "fictionbook" => "fb2",
        "collada" => "dae",
        "x3d" => "x3d",
        "amf" => "amf",
        "mpd" => "mpd",
        "playlist" if has_any_case(page, b"xspf.org") => "xspf",
        "asx" => "asx",
        "smil" if has_any_case(page, b"<media") => "wpl",
        "tt" if has_any_case(page, b"ns/ttml") => "ttml",
        "mxfile" => "drawio",
        "featurecollection" if has_any_case(page, b"opengis.net/gml") => "gml",
        "abiword" => "abw",
        _ => return None,
    };
    Some(id)
}

/// Elements by which browsers tell HTML (WHATWG MIME Sniffing, 7.1), and a few that pages of droppers start with.
fn is_page_element(name: &str) -> bool {
    matches!(
        name,
        "html"
            | "head"
            | "script"
            | "iframe"
            | "h1"
            | "h2"
            | "h3"
            | "div"
            | "font"
            | "table"
            | "a"
            | "style"
            | "title"
            | "b"
            | "body"
            | "br"
            | "p"
            | "meta"
            | "link"
            | "img"
            | "form"
            | "center"
            | "span"
            | "object"
            | "embed"
            | "frameset"
            | "hta:application"
            | "base"
            | "button"
            | "input"
            | "ul"
            | "section"
            | "main"
            | "article"
            | "header"
            | "nav"
    )
}
