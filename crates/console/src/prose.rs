//! Official texts as HTML: Markdown (CommonMark) with citations as numbered references, links kept inside the library, and
//! nothing of it trusted. Tags that are no formatting stand there as they were written: `<username>` is a placeholder.

use lazaret_attack::Reference;
use pulldown_cmark::{CowStr, Event, HeadingLevel, Options, Parser, Tag, TagEnd, html};
use std::collections::HashMap;

/// Stand for what Markdown must not see: `<`, the beginning and end of a citation's number, a line's end, and tags. None of them
/// is a character (Unicode 16, 23.7), so no text has them.
const LESS: char = '\u{fdd0}';
const CITED: char = '\u{fdd1}';
const CITED_END: char = '\u{fdd2}';
const BREAK: char = '\u{fdd3}';
const TAG: char = '\u{fdd4}';
const TAG_END: char = '\u{fdd5}';
/// Tags of formatting that official texts use in pairs.
const PAIRED: [&str; 5] = ["b", "i", "u", "sub", "sup"];

/// Bytes between a tag and the one that closes it, and of a citation's name: what is further away is not looked for.
const MOST_SPAN: usize = if cfg!(test) { 2 << 10 } else { 16 << 10 };
const MOST_NAME: usize = 1_000;

/// The references of a page, numbered as they are cited.
#[derive(Debug, Default)]
pub(crate) struct Citations {
    known: HashMap<String, Reference>,
    numbers: HashMap<String, usize>,
    order: Vec<String>,
}

/// A reference as a page lists it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Listed {
    /// Its number; 0 for one that is not cited.
    pub(crate) number: usize,
    pub(crate) name: String,
    pub(crate) external_id: String,
    pub(crate) description: String,
    /// Empty for none that could be followed.
    pub(crate) url: String,
    /// Whether anything is known but the name.
    pub(crate) is_known: bool,
}

impl Citations {
    /// Makes references known. The first one of a name counts.
    pub(crate) fn learn(&mut self, references: &[Reference]) {
        for reference in references {
            self.known.entry(reference.source_name.clone()).or_insert_with(|| reference.clone());
        }
    }

    fn number(&mut self, name: &str) -> usize {
        if let Some(number) = self.numbers.get(name) {
            return *number;
        }
        self.order.push(name.to_owned());
        self.numbers.insert(name.to_owned(), self.order.len());
        self.order.len()
    }

    /// The references that were cited, by number, then those of `also` that were not.
    pub(crate) fn listed(&self, also: &[Reference]) -> Vec<Listed> {
        let cited = self.order.iter().zip(1..).map(|(name, number)| match self.known.get(name) {
            Some(reference) => listed(reference, number),
            None => Listed {
                number,
                name: name.clone(),
                external_id: String::new(),
                description: String::new(),
                url: String::new(),
                is_known: false,
            },
        });
        let others = also.iter().filter(|reference| !self.numbers.contains_key(&reference.source_name));
        cited.chain(others.map(|reference| listed(reference, 0))).collect()
    }
}

fn listed(reference: &Reference, number: usize) -> Listed {
    Listed {
        number,
        name: reference.source_name.clone(),
        external_id: reference.external_id.clone(),
        description: reference.description.clone(),
        url: if is_web(&reference.url) { reference.url.clone() } else { String::new() },
        is_known: true,
    }
}

/// Whether an address may be followed from a page.
fn is_web(address: &str) -> bool {
    let start = address.get(..8).unwrap_or(address).to_ascii_lowercase();
    start.starts_with("http://") || start.starts_with("https://")
}

/// A text as HTML. `inside` says where an official address leads in the library.
pub(crate) fn render(text: &str, citations: &mut Citations, inside: &dyn Fn(&str) -> Option<String>) -> String {
    let text: String = text.chars().filter(|letter| !('\u{fdd0}'..='\u{fdef}').contains(letter)).collect();
    let mut names = Vec::new();
    let marked = cite(&text, citations, &mut names);
    let marked = tags(&marked);
    let mut events = Vec::new();
    // Whether each link that is open is shown as one.
    let mut open: Vec<bool> = Vec::new();
    for event in Parser::new_ext(&marked, Options::ENABLE_TABLES) {
        match event {
            Event::Text(text) => spread(&text, &names, &mut events),
            Event::Code(text) => events.push(Event::Code(restored(&text, &names).into())),
            Event::Html(text) | Event::InlineHtml(text) => spread(&text, &names, &mut events),
            Event::Start(Tag::Link { dest_url, .. } | Tag::Image { dest_url, .. }) => {
                let address = restored(&dest_url, &names);
                let shown = match inside(&address) {
                    Some(path) => Some(format!("<a href=\"{}\">", escaped(&path))),
                    None if is_web(&address) => Some(format!("<a href=\"{}\" rel=\"noreferrer\">", escaped(&address))),
                    None => None,
                };
                open.push(shown.is_some());
                events.extend(shown.map(|html| Event::InlineHtml(html.into())));
            }
            Event::End(TagEnd::Link | TagEnd::Image) => {
                if open.pop() == Some(true) {
                    events.push(Event::InlineHtml("</a>".into()));
                }
            }
            // The page has its own headings.
            Event::Start(Tag::Heading { .. }) => events.push(Event::Start(Tag::Heading {
                level: HeadingLevel::H4,
                id: None,
                classes: Vec::new(),
                attrs: Vec::new(),
            })),
            Event::End(TagEnd::Heading(_)) => events.push(Event::End(TagEnd::Heading(HeadingLevel::H4))),
            Event::Start(Tag::CodeBlock(_)) => {
                events.push(Event::Start(Tag::CodeBlock(pulldown_cmark::CodeBlockKind::Indented)));
            }
            event => events.push(event),
        }
    }
    let mut out = String::with_capacity(text.len() * 2);
    html::push_html(&mut out, events.into_iter());
    out
}

/// Replaces citations by marks with their place in `names`: the citation as it is written, and its number.
fn cite(text: &str, citations: &mut Citations, names: &mut Vec<(String, usize)>) -> String {
    const BEGIN: &str = "(Citation: ";
    let mut out = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(place) = rest.find(BEGIN) {
        let (before, after) = rest.split_at(place);
        out.push_str(before);
        let after = &after[BEGIN.len()..];
        // A name may have brackets in it: the longest one that is known and stands here counts.
        let near = start_of(after, MOST_NAME);
        let known = bracketed(near).find(|name| citations.known.contains_key(*name)).map(str::to_owned);
        let name = known.or_else(|| {
            let (name, _) = near.split_once(')')?;
            (name.len() <= 300 && !name.is_empty()).then(|| name.to_owned())
        });
        match name {
            Some(name) => {
                rest = &after[name.len() + 1..];
                let number = citations.number(&name);
                names.push((name, number));
                out.push(CITED);
                out.push_str(&(names.len() - 1).to_string());
                out.push(CITED_END);
            }
            None => {
                out.push_str(BEGIN);
                rest = after;
            }
        }
    }
    out.push_str(rest);
    out
}

/// What stands before each closing bracket, the longest first.
fn bracketed(text: &str) -> impl Iterator<Item = &str> {
    text.rmatch_indices(')').filter_map(|(at, _)| text.get(..at)).inspect(|name| looked_at(name.len()))
}

/// Counts bytes that are looked at ahead of the place where a text is read, for the test that they are bounded.
fn looked_at(bytes: usize) {
    #[cfg(test)]
    tests::LOOKED_AT.with(|all| all.set(all.get() + bytes));
    #[cfg(not(test))]
    let _ = bytes;
}

/// The first bytes of a text, up to the end of a character.
pub(crate) fn start_of(text: &str, most: usize) -> &str {
    let start = text.get(..text.floor_char_boundary(most)).unwrap_or(text);
    looked_at(start.len());
    start
}

/// Makes `<code>` code, keeps tags of formatting that come in pairs, and hides every other `<` from Markdown.
fn tags(text: &str) -> String {
    let mut out = String::with_capacity(text.len() + 64);
    let mut rest = text;
    // Tags that were opened, which must be closed before the paragraph ends.
    let mut open: Vec<&str> = Vec::new();
    while let Some(place) = rest.find('<') {
        let (before, after) = rest.split_at(place);
        out.push_str(before);
        if let Some((code, end)) = after.strip_prefix("<code>").and_then(closed_code) {
            out.push_str(&code_span(code));
            rest = end;
        } else if let Some(end) = ["<br>", "<br/>", "<br />"].iter().find_map(|tag| after.strip_prefix(tag)) {
            out.push(BREAK);
            rest = end;
        } else if let Some((tag, end)) = PAIRED.iter().find_map(|tag| {
            let end = after.strip_prefix('<')?.strip_prefix(tag)?.strip_prefix('>')?;
            let paragraph = start_of(end, MOST_SPAN).split("\n\n").next()?;
            paragraph.contains(&format!("</{tag}>")).then_some((*tag, end))
        }) {
            open.push(tag);
            out.push_str(&format!("{TAG}{tag}{TAG_END}"));
            rest = end;
        } else if let Some((tag, end)) =
            open.last().and_then(|tag| Some((*tag, after.strip_prefix("</")?.strip_prefix(tag)?.strip_prefix('>')?)))
        {
            open.pop();
            out.push_str(&format!("{TAG}/{tag}{TAG_END}"));
            rest = end;
        } else {
            out.push(LESS);
            rest = &after[1..];
        }
    }
    out.push_str(rest);
    out
}

/// Code and what follows its closing tag, where that is near.
fn closed_code(code: &str) -> Option<(&str, &str)> {
    const CLOSE: &str = "</code>";
    let at = start_of(code, MOST_SPAN).find(CLOSE)?;
    Some((code.get(..at)?, code.get(at + CLOSE.len()..)?))
}

/// A code span (CommonMark 0.31, 6.1) that holds a text as it is; a block where it has empty lines.
fn code_span(code: &str) -> String {
    let hidden = code.replace('<', &LESS.to_string());
    let longest = hidden.split(|letter| letter != '`').map(str::len).max().unwrap_or(0);
    if hidden.contains("\n\n") {
        let fence = "`".repeat(longest.max(2) + 1);
        return format!("\n\n{fence}\n{hidden}\n{fence}\n\n");
    }
    if hidden.trim().is_empty() {
        return hidden;
    }
    let fence = "`".repeat(longest + 1);
    // Spaces on both sides are taken off again.
    format!("{fence} {hidden} {fence}")
}

/// Puts a text back as it was, with citations as they were written.
fn restored(text: &str, names: &[(String, usize)]) -> String {
    let mut out = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(place) = rest.find([LESS, CITED, BREAK, TAG]) {
        let (before, after) = rest.split_at(place);
        out.push_str(before);
        let mut letters = after.chars();
        match letters.next() {
            Some(LESS) => {
                out.push('<');
                rest = letters.as_str();
            }
            Some(BREAK) => {
                out.push_str("<br>");
                rest = letters.as_str();
            }
            Some(CITED) => {
                let (place, end) = letters.as_str().split_once(CITED_END).unwrap_or((letters.as_str(), ""));
                if let Some((name, _)) = place.parse::<usize>().ok().and_then(|place| names.get(place)) {
                    out.push_str(&format!("(Citation: {name})"));
                }
                rest = end;
            }
            _ => {
                let (tag, end) = letters.as_str().split_once(TAG_END).unwrap_or((letters.as_str(), ""));
                out.push_str(&format!("<{tag}>"));
                rest = end;
            }
        }
    }
    out.push_str(rest);
    out
}

/// A text as events: what was hidden becomes what it stands for.
fn spread<'a>(text: &str, names: &[(String, usize)], events: &mut Vec<Event<'a>>) {
    let mut plain = String::new();
    let mut rest = text;
    let flush = |plain: &mut String, events: &mut Vec<Event<'a>>| {
        if !plain.is_empty() {
            events.push(Event::Text(CowStr::from(std::mem::take(plain))));
        }
    };
    while let Some(place) = rest.find([LESS, CITED, BREAK, TAG]) {
        let (before, after) = rest.split_at(place);
        plain.push_str(before);
        let mut letters = after.chars();
        match letters.next() {
            Some(LESS) => {
                plain.push('<');
                rest = letters.as_str();
            }
            Some(BREAK) => {
                flush(&mut plain, events);
                events.push(Event::InlineHtml("<br>".into()));
                rest = letters.as_str();
            }
            Some(CITED) => {
                let (place, end) = letters.as_str().split_once(CITED_END).unwrap_or((letters.as_str(), ""));
                if let Some((name, number)) = place.parse::<usize>().ok().and_then(|place| names.get(place)) {
                    flush(&mut plain, events);
                    let name = escaped(name);
                    let html =
                        format!("<a class=\"cited\" href=\"#reference-{number}\" title=\"{name}\">[{number}]</a>");
                    events.push(Event::InlineHtml(html.into()));
                }
                rest = end;
            }
            _ => {
                let (tag, end) = letters.as_str().split_once(TAG_END).unwrap_or((letters.as_str(), ""));
                flush(&mut plain, events);
                if PAIRED.contains(&tag.trim_start_matches('/')) {
                    events.push(Event::InlineHtml(format!("<{tag}>").into()));
                }
                rest = end;
            }
        }
    }
    plain.push_str(rest);
    flush(&mut plain, events);
}

fn escaped(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for letter in text.chars() {
        match letter {
            '&' => out.push_str("&amp;"),
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '"' => out.push_str("&quot;"),
            '\'' => out.push_str("&#39;"),
            letter => out.push(letter),
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(text: &str) -> String {
        let mut citations = Citations::default();
        citations.learn(&[Reference { source_name: "A (b)".to_owned(), ..Reference::default() }]);
        let inside = |address: &str| address.strip_prefix("https://attack.mitre.org").map(str::to_owned);
        render(text, &mut citations, &inside).trim().to_owned()
    }

    #[test]
    fn placeholders_stay_and_code_is_literal() {
        assert_eq!(check("in C:\\Users\\<username>\\x"), "<p>in C:\\Users\\&lt;username&gt;\\x</p>");
        assert_eq!(check("<username> begins"), "<p>&lt;username&gt; begins</p>");
        assert_eq!(
            check("run <code>\\\\server\\*_a_* `x` <name></code> now"),
            "<p>run <code>\\\\server\\*_a_* `x` &lt;name&gt;</code> now</p>"
        );
        assert_eq!(check("`a <b> c`"), "<p><code>a &lt;b&gt; c</code></p>");
        assert_eq!(check("one<br>two <u>three</u> <b>four"), "<p>one<br>two <u>three</u> &lt;b&gt;four</p>");
        assert_eq!(check("<code>open"), "<p>&lt;code&gt;open</p>");
        assert_eq!(check("a <code>one\n\ntwo</code> b").matches("<pre>").count(), 1);
    }

    #[test]
    fn citations_are_numbered_in_the_order_of_their_use() {
        assert_eq!(
            check("x(Citation: A (b)) y(Citation: C) z(Citation: A (b))"),
            "<p>x<a class=\"cited\" href=\"#reference-1\" title=\"A (b)\">[1]</a> \
             y<a class=\"cited\" href=\"#reference-2\" title=\"C\">[2]</a> \
             z<a class=\"cited\" href=\"#reference-1\" title=\"A (b)\">[1]</a></p>"
        );
        assert_eq!(check("(Citation: open"), "<p>(Citation: open</p>");
        assert_eq!(check("`(Citation: C)`"), "<p><code>(Citation: C)</code></p>");
        let hostile = check("(Citation: \"><script>alert(1)</script>)");
        assert!(
            hostile.contains("title=\"&quot;&gt;&lt;script&gt;alert(1\"") && !hostile.contains("<script"),
            "{hostile}"
        );
    }

    #[test]
    fn links_stay_inside_and_hostile_ones_are_no_links() {
        assert_eq!(
            check("[Files](https://attack.mitre.org/techniques/T1027)"),
            "<p><a href=\"/techniques/T1027\">Files</a></p>"
        );
        assert_eq!(
            check("[x](https://a.invalid/?a=1&b=2)"),
            "<p><a href=\"https://a.invalid/?a=1&amp;b=2\" rel=\"noreferrer\">x</a></p>"
        );
        assert_eq!(check("[x](javascript:alert(1))"), "<p>x</p>");
        assert_eq!(check("[x](JaVaScRiPt:alert(1)) [y](data:text/html,z)"), "<p>x y</p>");
        assert_eq!(
            check("![x](https://a.invalid/p.png)"),
            "<p><a href=\"https://a.invalid/p.png\" rel=\"noreferrer\">x</a></p>"
        );
        assert!(!check("[x](https://a.invalid/\"onmouseover=alert(1))").contains("\"onmouseover"));
    }

    #[test]
    fn hostile_html_is_text() {
        for text in [
            "<script>alert(1)</script>",
            "<img src=x onerror=alert(1)>",
            "</main><style>*{display:none}</style>",
            "<svg/onload=alert(1)>",
            "<b onclick=alert(1)>x</b>",
            "<!-- <a href='javascript:x'> -->",
            "\u{fdd4}script\u{fdd5}alert(1)\u{fdd4}/script\u{fdd5}",
            "&lt;script&gt;",
            "# <script>",
            "| <script> | b |\n|---|---|\n| <iframe src=x> | c |",
            "```<script>\n<script>\n```",
        ] {
            let html = check(text).to_lowercase();
            for tag in ["<script", "<img", "<style", "<svg", "<b ", "<iframe", "</main", "<!--"] {
                assert!(!html.contains(tag), "{text}: {html}");
            }
        }
    }

    thread_local! {
        pub(super) static LOOKED_AT: std::cell::Cell<usize> = const { std::cell::Cell::new(0) };
    }

    #[test]
    fn hostile_texts_take_no_longer_than_they_are_long() {
        let mut citations = Citations::default();
        let known: Vec<_> =
            (0..2_000).map(|n| Reference { source_name: format!("name {n}"), ..Reference::default() }).collect();
        citations.learn(&known);
        for text in
            ["<code>", "<b>", "<b>x</i>", "(Citation: a", "(Citation: a)", "(Citation: ", "<code><b>", "<b></b>"]
        {
            let mut looked_at = |len: usize| {
                let text = text.repeat(len / text.len());
                LOOKED_AT.set(0);
                let _ = render(&text, &mut citations, &|_| None);
                LOOKED_AT.get()
            };
            let (short, long) = (looked_at(2 * MOST_SPAN), looked_at(4 * MOST_SPAN));
            // Twice as long: what grows with the square would be four times as much.
            assert!(short > 0 && long < 3 * short, "{text}: {short} and {long} bytes");
        }
    }

    /// Whatever is put together of what Markdown, citations and HTML are made of, only tags of formatting come out, and only
    /// addresses that may be followed.
    #[test]
    fn nothing_that_is_put_together_makes_markup_of_its_own() {
        const PIECES: [&str; 38] = [
            "<",
            ">",
            "</",
            "/>",
            "<code>",
            "</code>",
            "<b>",
            "</b>",
            "<br>",
            "<script>",
            "<img src=x onerror=",
            "(Citation: ",
            "(Citation: A (b))",
            ")",
            "(",
            "[",
            "](",
            "![",
            "]",
            "https://a.invalid/",
            "javascript:alert(1)",
            "data:text/html,",
            "`",
            "```",
            "\n",
            "\n\n",
            "* ",
            "1. ",
            "# ",
            "|",
            "|---|---|",
            "&lt;",
            "&#60;",
            "\"",
            "'",
            "\\",
            "\u{fdd4}b\u{fdd5}",
            " x ",
        ];
        const TAGS: [&str; 24] = [
            "p",
            "a",
            "code",
            "pre",
            "em",
            "strong",
            "ul",
            "ol",
            "li",
            "h4",
            "br",
            "blockquote",
            "hr",
            "table",
            "thead",
            "tbody",
            "tr",
            "th",
            "td",
            "b",
            "i",
            "u",
            "sub",
            "sup",
        ];
        let mut state = 0x2545_f491_4f6c_dd1d_u64;
        let mut next = |most: usize| {
            state ^= state << 13;
            state ^= state >> 7;
            state ^= state << 17;
            (state >> 33) as usize % most
        };
        for _ in 0..20_000 {
            let text: String = (0..1 + next(14)).map(|_| PIECES[next(PIECES.len())]).collect();
            let html = check(&text);
            for piece in html.split('<').skip(1) {
                let (tag, _) = piece.split_once('>').unwrap_or_else(|| panic!("{text:?}: {html}"));
                let name = tag.trim_start_matches('/').split([' ', '/']).next().unwrap_or_default();
                assert!(TAGS.contains(&name), "{text:?}: <{tag}> in {html}");
                let mut rest = tag;
                while let Some((before, after)) = rest.split_once("=\"") {
                    let attribute = before.rsplit(' ').next().unwrap_or_default();
                    let (value, end) = after.split_once('"').unwrap_or_else(|| panic!("{text:?}: {html}"));
                    let is_known = ["href", "class", "title", "rel", "start", "style"].contains(&attribute);
                    assert!(is_known && attribute != "style", "{text:?}: {attribute} in {html}");
                    let leads = attribute != "href"
                        || ["/", "#", "http://", "https://"].iter().any(|start| value.starts_with(start));
                    assert!(leads, "{text:?}: {value} in {html}");
                    rest = end;
                }
            }
        }
    }
}
