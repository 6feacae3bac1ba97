//! Flat OpenDocument (OpenDocument 1.3, part 3, 2.2.1): a document as one XML file.

use super::odf::Markup;
use super::xml::{Token, is_empty, is_whole, spans, unescape};
use super::{Format, decode};
use crate::{Content, Member, OpenError, Parts, encoding};
use lazaret_model::Role;

/// The opener.
pub(super) struct Fodt;

/// Bytes of a document that are read.
const MOST: u64 = 128 << 20;

impl Format for Fodt {
    fn id(&self) -> &'static str {
        "fodt"
    }

    fn kinds(&self) -> &'static [&'static str] {
        &["fodt"]
    }

    fn summary(&self) -> &'static str {
        "pictures and objects, Basic modules and scripts, DDE, and what it would fetch"
    }

    fn open(&self, input: &Content, parts: &mut Parts<'_, '_>) -> Result<(), OpenError> {
        let bytes = super::text_of(input, MOST, parts)?;
        let text = encoding::decode(&bytes);
        parts.budget().step(4 * text.len() as u64).map_err(OpenError::Limit)?;
        if !is_whole(&text) {
            parts.incomplete("it ends before its last element does");
        }
        let mut markup = Markup::default();
        markup.look("document", &text, parts)?;
        markup.tell(parts);
        let mut data = None::<String>;
        for (index, (place, token)) in spans(&text).enumerate() {
            if index % 1024 == 0 {
                parts.budget().check_time().map_err(OpenError::Limit)?;
            }
            match token {
                Token::Open("binary-data", _) => {
                    add(data.take(), parts)?;
                    data = (!is_empty(&text, place)).then(String::new);
                }
                Token::Close("binary-data") => add(data.take(), parts)?,
                Token::Text(text) => {
                    if let Some(data) = &mut data {
                        data.push_str(text);
                    }
                }
                Token::Open(..) | Token::Close(_) => {}
            }
        }
        add(data, parts)?;
        markup.hand_over(parts)
    }
}

/// Hands over a picture or an object, which stands there in Base64.
fn add(data: Option<String>, parts: &mut Parts<'_, '_>) -> Result<(), OpenError> {
    let Some(data) = data.filter(|data| !data.is_empty()) else { return Ok(()) };
    let bytes = decode::base64(unescape(&data).as_bytes());
    parts.add_content(Member::unnamed(Role::Member, "binary-data"), Content::from(bytes))
}

#[cfg(test)]
mod tests {
    use crate::testing::{Recorded, walk};
    use data_encoding::BASE64;

    #[track_caller]
    fn check(body: &str) -> Recorded {
        let text = format!(
            "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<office:document \
             xmlns:office=\"urn:oasis:names:tc:opendocument:xmlns:office:1.0\" office:version=\"1.3\">{body}</office:document>\n"
        );
        let recorded = walk(text.as_bytes(), "letter.fodt");
        assert_eq!(recorded.parts[0].kind.id, "fodt");
        assert!(!walk(&text.as_bytes()[..text.len() - 5], "letter.fodt").complete());
        recorded
    }

    #[test]
    fn a_letter_with_a_picture_is_whole_and_its_picture_a_part() {
        let picture = BASE64.encode(b"GIF89a\x01\0\x01\0\0\0\0,\0\0\0\0\x01\0\x01\0\0\x02\x02D\x01\0;");
        let recorded = check(&format!(
            "<office:body><draw:image><office:binary-data>{picture}\n</office:binary-data></draw:image></office:body>"
        ));
        assert_eq!(recorded.part("//binary-data").kind.id, "gif");
        assert!(recorded.complete() && recorded.findings.is_empty(), "{:?}", recorded.parts);
    }

    #[test]
    fn basic_modules_are_parts() {
        let recorded = check(
            "<office:scripts><office:script script:language=\"ooo:Basic\"><ooo:libraries><ooo:library-embedded ooo:name=\"Standard\">\
             <ooo:module ooo:name=\"test\"><ooo:source-code>Sub Main&#10;  Shell(&quot;calc&quot;)</ooo:source-code></ooo:module>\
             </ooo:library-embedded></ooo:libraries></office:script></office:scripts>",
        );
        assert!(recorded.parts[0].macros);
        assert_eq!(recorded.bytes("//test"), b"Sub Main\n  Shell(\"calc\")");
        assert_eq!(recorded.part("//test").kind.id, "vba");
    }

    #[test]
    fn an_object_elsewhere_is_told() {
        let recorded = check("<draw:object xlink:href=\"https://host.invalid/a.ods\"/>");
        assert!(recorded.findings.iter().any(|finding| finding.id == "odf.external-object"));
    }
}
