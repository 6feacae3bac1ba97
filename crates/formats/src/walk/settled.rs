//! What a part is by its name and declared type, where its bytes leave that open.

use crate::kinds::{self, KindRow};
use lazaret_model::{Class, Kind, Part, Role};

/// Bytes of what is no text up to which its name makes a page of it.
const LARGEST_PAGE: u64 = 16 << 20;

/// Browsers run what is declared as a script and show what is declared as a page, and desktops open a page by its name, however
/// long its first comment is: a text whose words do not tell is judged as what it is declared or called.
pub fn settle(part: &mut Part) {
    const DATA: &[&str] = &["json", "css", "csv", "xml", "vtt"];
    let declared = part.declared_type.as_deref().unwrap_or_default();
    let essence = declared.split(';').next().unwrap_or_default().trim().to_ascii_lowercase();
    if is_javascript(&essence) && runs_as_javascript(&part.kind) {
        let guess = std::mem::replace(&mut part.kind, kinds::kind("js").map_or(Kind::UNKNOWN, KindRow::kind));
        if !guess.is_unknown() && guess.id != "text" {
            part.also.push(guess);
        }
        return;
    }
    let text = part.kind.class == Class::Text && !DATA.contains(&&*part.kind.id);
    let runs = part.kind.class.runs() || part.kind.class == Class::DiskImage;
    // LIMIT: what is larger than any page is read as what its bytes are (LIMITATIONS.md).
    let may_be = text || !runs && part.kind.id != "empty" && part.size <= LARGEST_PAGE;
    // Data of services is often declared so, and nobody opens it.
    let shown = may_be && !DATA.contains(&&*part.kind.id);
    if shown && matches!(essence.as_str(), "text/html" | "application/xhtml+xml") && !part.is("html") {
        part.also.extend(kinds::kind("html").map(KindRow::kind));
    }
    // A browser that opens a file goes by its name, whatever stands before the first tag; where a site says what it sends, by that.
    let told = ["image/", "audio/", "video/", "font/", "application/json", "application/pdf"];
    let told = part.role == Role::Sample && told.iter().any(|start| essence.starts_with(start));
    if !may_be || part.kind.id == "empty" || !text && told {
        return;
    }
    let called = match part.extension().as_str() {
        "html" | "htm" | "xhtml" | "shtml" | "xht" => "html",
        "svg" => "svg",
        "mht" | "mhtml" if text => "mht",
        "eml" if text => "eml",
        // Their readers look further for the line with which they begin.
        "vcf" | "vcard" if text => "vcard",
        "ics" | "ical" | "ifb" | "vcs" if text => "ics",
        "ps" | "eps" | "epsf" if text => "postscript",
        "uu" | "uue" if text => "uuencode",
        _ => return,
    };
    if !part.is(called) {
        part.also.extend(kinds::kind(called).map(KindRow::kind));
    }
}

/// WHATWG MIME Sniffing, "JavaScript MIME type".
fn is_javascript(essence: &str) -> bool {
    let minor = essence.strip_prefix("text/").or_else(|| essence.strip_prefix("application/")).unwrap_or_default();
    matches!(minor.strip_prefix("x-").unwrap_or(minor), "javascript" | "ecmascript")
        || matches!(essence, "text/jscript" | "text/livescript")
}

/// Whether a browser that was told it is JavaScript would run what it was taken for: any words, and bytes that nobody knows.
fn runs_as_javascript(kind: &Kind) -> bool {
    match kind.class {
        Class::Text => !matches!(&*kind.id, "json" | "xml" | "vtt"),
        Class::Script => !matches!(&*kind.id, "js" | "js-embedded"),
        _ => kind.is_unknown(),
    }
}
