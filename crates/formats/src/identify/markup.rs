//! Markup: HTML and what runs as HTML, SVG, and XML by its root element.

use super::probe::{Found, has_any_case};
use super::prolog::{self, Behind, Reading};
use html5gum::emitters::default::DefaultEmitter;
use html5gum::{Token, Tokenizer};

/// Bytes of a page that are searched for what makes it an HTML application: a long first tag, and what is judged of a text.
const PAGE: usize = 2 << 20;
/// Bytes of a call in which a text that it runs is named.
const CALL: usize = 64;

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
            // A browser runs the scripts of pages and pictures in any markup (HTML, 14.2: "XML documents"), and `mshta` takes any for a page.
            if !PAGES.contains(&id) {
                if runs_in_markup(page) {
                    found.add("html");
                }
                if page_kind(page, found) == "hta" {
                    found.add("html");
                    found.add("hta");
                }
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

/// Whether a text is a project that is built, or called like one.
pub(super) fn is_project(text: &str) -> bool {
    Root::find(text).is_some_and(|root| root.local() == "project")
}

/// Whether a project has code of its own, or a command, that is run when it is built.
pub(super) fn runs_when_built(project: &[u8]) -> bool {
    has_any_case(project, b"<usingtask") && has_any_case(project, b"<code")
        || has_any_case(project, b"<exec ") && has_any_case(project, b"schemas.microsoft.com/developer/msbuild")
}

/// What readers of XML take a text for, where they see another first element than browsers do; `further` is what they see where that
/// stands beyond what was read.
pub(super) fn for_xml(text: &str, further: Option<&str>) -> Option<&'static str> {
    let begins = |reading| prolog::behind(text, reading).map(|behind| behind.rest.len());
    if further.is_none() && begins(Reading::Loose) == begins(Reading::Exact) {
        return None;
    }
    let text = further.unwrap_or(text);
    let root = Root::read(prolog::behind(text, Reading::Exact)?)?;
    // Pages may begin with a drawing or a formula.
    by_root(&root, text.as_bytes()).filter(|id| !matches!(*id, "html" | "svg" | "mathml"))
}

/// Whether markup of another kind holds a script or a handler of a page or picture.
pub(crate) fn runs_in_markup(page: &[u8]) -> bool {
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
    if has_any_case(page, b"<hta:application") {
        return "hta";
    }
    if runs_what_browsers_refuse(page) {
        found.add("html");
        found.add("hta");
    }
    "html"
}

/// Whether `mshta`, which takes any markup for a page, runs something of it with the rights of a program.
pub(crate) fn runs_as_application(page: &[u8]) -> bool {
    has_any_case(page, b"<hta:application") || runs_what_browsers_refuse(page)
}

fn runs_what_browsers_refuse(page: &[u8]) -> bool {
    // A manual may show such a script for its readers to copy; one whose script runs the text of its page shows its own.
    let runs = |asks: fn(&[u8]) -> bool| {
        asks(page) && {
            let unshown = unshown(page);
            asks(&unshown) || runs_text(&unshown)
        }
    };
    has_any_case(page, b"<script") && (runs(asks) || runs(is_encoded) || runs(is_refused))
}

/// Whether something asks for an object that browsers refuse.
fn asks(bytes: &[u8]) -> bool {
    const REFUSED: &[&[u8]] = &[
        b"wscript.shell",
        b"shell.application",
        b"scripting.filesystemobject",
        b"adodb.stream",
        b"winmgmts:",
        b"schedule.service",
        b"mmc20.application",
    ];
    (has_any_case(bytes, b"activexobject(")
        || has_any_case(bytes, b"createobject(")
        || has_any_case(bytes, b"getobject(\"")
        || has_any_case(bytes, b"getobject('"))
        && REFUSED.iter().any(|object| has_any_case(bytes, object))
}

/// Whether something asks for an object that has no name, or by the number of its class: the shells of scripts and of Windows, its
/// files and streams.
fn is_refused(bytes: &[u8]) -> bool {
    const REFUSED: &[&[u8]] = &[
        b"getobject(\"script:",
        b"getobject('script:",
        b"getobject(\"new:",
        b"getobject('new:",
        b"clsid:72c24dd5-d70a-438b-8a42-98424b88afb8",
        b"clsid:f935dc22-1cf0-11d0-adb9-00c04fd58a0b",
        b"clsid:13709620-c279-11ce-a49e-444553540000",
        b"clsid:0d43fe01-f093-11cf-8940-00a0c9054228",
        b"clsid:9ba05972-f6a8-11cf-a442-00a0c90a8f39",
        b"clsid:c08afd90-f2a1-11d1-8455-00a0c91f3880",
        b"clsid:00000566-0000-0010-8000-00aa006d2ea4",
    ];
    REFUSED.iter().any(|object| has_any_case(bytes, object))
}

/// Whether a script is written in a code that browsers read no more.
fn is_encoded(bytes: &[u8]) -> bool {
    (has_any_case(bytes, b"jscript.encode") || has_any_case(bytes, b"vbscript.encode")) && has_any_case(bytes, b"#@~^")
}

/// Whether a script runs a text of the page that it is in.
fn runs_text(scripts: &[u8]) -> bool {
    const RUNS: &[&[u8]] = &[b"eval(", b"execscript", b"execute(", b"executeglobal", b"new function"];
    // What else does so is used for much besides.
    const MAY_RUN: &[&[u8]] = &[b"execute ", b"settimeout(", b"setinterval("];
    const TEXTS: &[&[u8]] =
        &[b"innertext", b"innerhtml", b"outertext", b"outerhtml", b"textcontent", b"nodevalue", b".text)", b".data)"];
    let lower = scripts.to_ascii_lowercase();
    let names_text = |bytes: &[u8]| TEXTS.iter().any(|text| memchr::memmem::find(bytes, text).is_some());
    // LIMIT: of a call only the beginning of its first argument; more is told by the words that have no other use.
    let given = |at: usize, word: &[u8]| {
        let call = lower.get(at + word.len()..).unwrap_or_default();
        let call = call.get(..CALL).unwrap_or(call);
        names_text(call.split(|byte| matches!(byte, b'{' | b'>' | b',')).next().unwrap_or_default())
    };
    // The constructor of functions is called by its name, with a capital letter, and without `new` as well.
    memchr::memmem::find_iter(scripts, b"Function(").any(|at| given(at, b"Function("))
        || MAY_RUN.iter().any(|word| memchr::memmem::find_iter(&lower, word).any(|at| given(at, word)))
        || RUNS.iter().any(|word| memchr::memmem::find(&lower, word).is_some()) && names_text(&lower)
}

/// A page without the text that it shows: its scripts, attributes, remarks, and whatever an element holds that has no tags in it.
fn unshown(page: &[u8]) -> Vec<u8> {
    const RAW: &[&[u8]] = &[
        b"script",
        b"style",
        b"title",
        b"textarea",
        b"xmp",
        b"iframe",
        b"noembed",
        b"noframes",
        b"noscript",
        b"plaintext",
    ];
    let is_raw = |name: &[u8]| {
        let local = name.rsplit(|byte| *byte == b':').next().unwrap_or_default();
        RAW.iter().any(|raw| local.eq_ignore_ascii_case(raw))
    };
    let text = String::from_utf8_lossy(page);
    let (mut all, mut raw) = (Vec::new(), false);
    let mut emitter = DefaultEmitter::default();
    emitter.naively_switch_states(true);
    for token in Tokenizer::new_with_emitter(&*text, emitter).flatten() {
        match token {
            Token::StartTag(tag) => {
                let mut attributes = tag.attributes.iter().map(|(key, value)| (key.as_slice(), value.value.as_slice()));
                raw |= is_raw(&tag.name) && !is_data(&mut attributes);
                for value in tag.attributes.values() {
                    all.extend_from_slice(&value.value);
                    all.push(b'\n');
                }
            }
            Token::EndTag(tag) => raw &= !is_raw(&tag.name),
            Token::String(text) if raw => all.extend_from_slice(&text.value),
            Token::Comment(text) => all.extend_from_slice(&text.value),
            _ => {}
        }
    }
    all
}

/// Whether an element with these attributes holds data for scripts, which nothing runs (HTML, 4.12.1, "data block"): sites that show
/// source code keep it so. What runs the text of such an element says so itself.
fn is_data<'a>(attributes: &mut dyn Iterator<Item = (&'a [u8], &'a [u8])>) -> bool {
    const DATA: &[&[u8]] = &[b"application/json", b"application/ld+json", b"importmap", b"speculationrules"];
    let mut data = false;
    for (key, value) in attributes {
        // Old readers of pages go by this as well.
        if key.eq_ignore_ascii_case(b"language") {
            return false;
        }
        data |=
            key.eq_ignore_ascii_case(b"type") && DATA.iter().any(|kind| value.trim_ascii().eq_ignore_ascii_case(kind));
    }
    data
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
    fn find(text: &'t str) -> Option<Self> {
        Self::read(prolog::behind(text, Reading::Loose)?)
    }

    /// Reads what stands behind a prolog.
    fn read(Behind { rest, doctype }: Behind<'t>) -> Option<Self> {
        let after = rest.strip_prefix('<')?;
        // Of declarations only that of a page is left.
        if after.get(..13).is_some_and(|start| start.eq_ignore_ascii_case("!doctype html")) {
            return Some(Self { name: "html".into(), tag: "", rest, doctype: true });
        }
        let end = after.find('>').unwrap_or(after.len());
        let tag = after.get(..end)?;
        let len = tag.find(|c: char| !(c.is_alphanumeric() || matches!(c, ':' | '-' | '_' | '.'))).unwrap_or(tag.len());
        let name = tag.get(..len)?;
        if !name.starts_with(|c: char| c.is_alphabetic() || c == '_') {
            return None;
        }
        Some(Self { name: name.to_ascii_lowercase(), tag, rest: after.get(end..)?, doctype })
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
        "project" if runs_when_built(page) => "msbuild",
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
        "cdxml" => "chemdraw-xml",
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
