//! A forgiving reader of markup: what a strict parser refuses, an Office program may still open.

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
    let mut rest = text;
    std::iter::from_fn(move || {
        loop {
            if rest.is_empty() {
                return None;
            }
            let Some(tail) = rest.strip_prefix('<') else {
                let end = rest.find('<').unwrap_or(rest.len());
                let (piece, after) = rest.split_at(end);
                rest = after;
                return Some(Token::Text(piece));
            };
            if let Some(comment) = tail.strip_prefix("!--") {
                rest = comment.split_once("-->").map_or("", |(_, after)| after);
                continue;
            }
            if let Some(data) = tail.strip_prefix("![CDATA[") {
                let (piece, after) = data.split_once("]]>").unwrap_or((data, ""));
                rest = after;
                return Some(Token::Text(piece));
            }
            let end = tag_end(tail);
            let tag = tail.get(..end).unwrap_or(tail);
            rest = tail.get(end + 1..).unwrap_or_default();
            if tag.starts_with(['!', '?']) {
                continue;
            }
            if let Some(name) = tag.strip_prefix('/') {
                return Some(Token::Close(local(name.trim())));
            }
            let tag = tag.strip_suffix('/').unwrap_or(tag);
            let split = tag.find(char::is_whitespace).unwrap_or(tag.len());
            let (name, attributes) = tag.split_at(split);
            return Some(Token::Open(local(name), attributes));
        }
    })
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

/// The value of an attribute by its local name, entities resolved.
pub(super) fn attribute(attributes: &str, name: &str) -> Option<String> {
    let mut rest = attributes;
    while let Some((key, after)) = rest.split_once('=') {
        let after = after.trim_start();
        let (value, next) = match after.chars().next()? {
            quote @ ('"' | '\'') => after.get(1..)?.split_once(quote)?,
            _ => after.split_once(char::is_whitespace).unwrap_or((after, "")),
        };
        if local(key.trim()) == name {
            return Some(unescape(value));
        }
        rest = next;
    }
    None
}

/// Resolves the five named entities and numeric ones.
pub(super) fn unescape(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    let mut rest = text;
    while let Some((before, after)) = rest.split_once('&') {
        out.push_str(before);
        let resolved = after.split_once(';').filter(|(name, _)| name.len() <= 10).and_then(|(name, after)| {
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
        });
        match resolved {
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
    fn broken_markup_ends() {
        for text in ["<", "<a", "<a b='", "<!--", "<![CDATA[x", "&", "&#x110000;", "<a b=", "</"] {
            assert!(tokens(text).count() < 3);
            attribute(text, "b");
            unescape(text);
        }
    }
}
