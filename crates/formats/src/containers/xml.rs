//! A forgiving reader of markup: what a strict parser refuses, an Office program may still open.

use std::ops::Range;

/// A start tag, an end tag or a piece of text.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Token<'x> {
    /// Local name and the raw text of the attributes.
    Open(&'x str, &'x str),
    /// Local name.
    Close(&'x str),
    /// Text, entities not resolved.
    Text(&'x str),
}

/// Tokens of `text`, comments and instructions left out.
pub(super) fn tokens(text: &str) -> impl Iterator<Item = Token<'_>> {
    spans(text).map(|(_, token)| token)
}

/// The same, each with the place in `text` that it takes.
pub(super) fn spans(text: &str) -> impl Iterator<Item = (Range<usize>, Token<'_>)> {
    let mut rest = text;
    let mut comments_end = true;
    std::iter::from_fn(move || {
        loop {
            if rest.is_empty() {
                return None;
            }
            let start = text.len() - rest.len();
            let Some(tail) = rest.strip_prefix('<') else {
                let end = rest.find('<').unwrap_or(rest.len());
                let (piece, after) = rest.split_at(end);
                rest = after;
                return Some((start..text.len() - rest.len(), Token::Text(piece)));
            };
            if let Some(comment) = tail.strip_prefix("!--") {
                // What has no end is no comment, and neither is what follows.
                let after = if comments_end { comment.split_once("-->") } else { None };
                comments_end = after.is_some();
                rest = after.map_or(comment, |(_, after)| after);
                continue;
            }
            if let Some(data) = tail.strip_prefix("![CDATA[") {
                let (piece, after) = data.split_once("]]>").unwrap_or((data, ""));
                rest = after;
                return Some((start..text.len() - rest.len(), Token::Text(piece)));
            }
            let end = tag_end(tail);
            let tag = tail.get(..end).unwrap_or(tail);
            rest = tail.get(end + 1..).unwrap_or_default();
            if tag.starts_with(['!', '?']) {
                continue;
            }
            let place = start..text.len() - rest.len();
            if let Some(name) = tag.strip_prefix('/') {
                return Some((place, Token::Close(local(name.trim()))));
            }
            let tag = tag.strip_suffix('/').unwrap_or(tag);
            let split = tag.find(char::is_whitespace).unwrap_or(tag.len());
            let (name, attributes) = tag.split_at(split);
            return Some((place, Token::Open(local(name), attributes)));
        }
    })
}

/// Whether the tag at a place of `text` is one of an element without content, which no end tag follows.
pub(super) fn is_empty(text: &str, place: Range<usize>) -> bool {
    text.get(place).is_some_and(|tag| tag.ends_with("/>"))
}

/// Whether the last end tag is that of the root element: what was cut has none.
pub(super) fn is_whole(text: &str) -> bool {
    let root = tokens(text).find_map(|token| match token {
        Token::Open(name, _) => Some(name),
        _ => None,
    });
    let last = text.rfind("</").and_then(|at| text.get(at + 2..)).and_then(|rest| rest.split_once('>'));
    match (root, last) {
        (Some(root), Some((name, _))) => local(name.trim()) == root,
        // An element without content.
        (Some(_), None) => text.trim_end().ends_with("/>"),
        (None, _) => false,
    }
}

/// Where the tag ends, quotes heeded.
fn tag_end(tail: &str) -> usize {
    let mut quote = None;
    for (at, byte) in tail.bytes().enumerate() {
        match (quote, byte) {
            (None, b'>') => return at,
            (None, b'"' | b'\'') => quote = Some(byte),
            (Some(open), byte) if open == byte => quote = None,
            _ => {}
        }
    }
    tail.find('>').unwrap_or(tail.len())
}

fn local(name: &str) -> &str {
    name.rsplit(':').next().unwrap_or(name)
}

/// The value of an attribute, entities resolved: of the one that is called so, else of the first with that local name.
pub(super) fn attribute(attributes: &str, name: &str) -> Option<String> {
    let mut like = None;
    for (key, value) in pairs(attributes) {
        if key == name {
            return Some(unescape(value));
        }
        if like.is_none() && local(key) == name {
            like = Some(value);
        }
    }
    like.map(unescape)
}

/// The values of all attributes with a local name, entities resolved: which of them counts, their prefixes say.
pub(super) fn values(attributes: &str, name: &str) -> impl Iterator<Item = String> {
    pairs(attributes).filter(move |(key, _)| local(key) == name).map(|(_, value)| unescape(value))
}

/// Names and raw values of attributes.
fn pairs(attributes: &str) -> impl Iterator<Item = (&str, &str)> {
    let mut rest = attributes;
    std::iter::from_fn(move || {
        let (key, after) = rest.split_once('=')?;
        let after = after.trim_start();
        let (value, next) = match after.chars().next()? {
            quote @ ('"' | '\'') => after.get(1..)?.split_once(quote)?,
            _ => after.split_once(char::is_whitespace).unwrap_or((after, "")),
        };
        rest = next;
        Some((key.trim(), value))
    })
}

/// Resolves the five named entities and numeric ones.
pub(super) fn unescape(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    let mut rest = text;
    while let Some((before, after)) = rest.split_once('&') {
        out.push_str(before);
        match reference(after) {
            Some((c, after)) => {
                out.push(c);
                rest = after;
            }
            None => {
                out.push('&');
                rest = after;
            }
        }
    }
    out.push_str(rest);
    out
}

/// What a reference stands for, and what follows it. Numbers may have any number of zeros before them.
fn reference(text: &str) -> Option<(char, &str)> {
    let len = text.bytes().take_while(|byte| byte.is_ascii_alphanumeric() || *byte == b'#').count();
    let (name, after) = text.split_at(len);
    let after = after.strip_prefix(';')?;
    let c = match name {
        "lt" => '<',
        "gt" => '>',
        "amp" => '&',
        "quot" => '"',
        "apos" => '\'',
        _ => {
            let digits = name.strip_prefix('#')?;
            let code = match digits.strip_prefix(['x', 'X']) {
                Some(hex) => u32::from_str_radix(hex, 16),
                None => digits.parse(),
            };
            char::from_u32(code.ok()?)?
        }
    };
    Some((c, after))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tags_texts_and_attributes_are_told_apart() {
        let text = "<?x?><a:b c='1>2' n:d=\"&lt;&#65;\"/>t<!-- <no/> --></a:b>";
        let found: Vec<_> = tokens(text).collect();
        assert_eq!(found, [Token::Open("b", " c='1>2' n:d=\"&lt;&#65;\""), Token::Text("t"), Token::Close("b")]);
        assert_eq!(attribute(" c='1>2' n:d=\"&lt;&#65;\"", "d").as_deref(), Some("<A"));
        assert_eq!(attribute(" c='1>2'", "x"), None);
    }

    #[test]
    fn places_are_those_of_the_tokens_and_what_was_cut_is_not_whole() {
        let text = "<?x?><a:b>t<!-- c --><![CDATA[<]]><c/></a:b >\n";
        let found: Vec<_> = spans(text).map(|(place, _)| &text[place]).collect();
        assert_eq!(found, ["<a:b>", "t", "<![CDATA[<]]>", "<c/>", "</a:b >", "\n"]);
        assert!(is_whole(text) && is_whole("<a/>") && is_whole("<x:a><x:a/></x:a>"));
        for cut in ["", "<a", "<a><b></b>", "<a><b></b></a", "text"] {
            assert!(!is_whole(cut), "{cut}");
        }
    }

    #[test]
    fn broken_markup_ends() {
        for text in ["<", "<a", "<a b='", "<!--", "<![CDATA[x", "&", "&#x110000;", "<a b=", "</"] {
            assert!(tokens(text).count() < 3);
            attribute(text, "b");
            unescape(text);
        }
    }

    #[test]
    fn attributes_that_only_look_alike_hide_none() {
        assert_eq!(attribute(" x:Target='a' Target='b'", "Target").as_deref(), Some("b"));
        assert_eq!(attribute(" x:instr='a' w:instr='b'", "instr").as_deref(), Some("a"));
        assert_eq!(values(" x:instr='a' w:instr='&#98;' o='c'", "instr").collect::<Vec<_>>(), ["a", "b"]);
    }

    #[test]
    fn numbers_with_many_zeros_and_comments_without_an_end_hide_nothing() {
        let zeros = "0".repeat(100);
        assert_eq!(unescape(&format!("&#x{zeros}44;&#{zeros}68;E &#0; &;&lt")), "DDE \0 &;&lt");
        assert_eq!(tokens("<a>t<!-- <b/>").collect::<Vec<_>>()[2..], [Token::Text(" "), Token::Open("b", "")]);
        // Neither takes longer than it is long.
        unescape(&"&".repeat(1 << 20));
        assert_eq!(tokens(&"<!--".repeat(1 << 18)).count(), 0);
    }
}
