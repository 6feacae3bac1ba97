//! XDP and XFDF (XFA 3.3, "XDP"; ISO 19444-1): forms and form data as XML, which may hold a PDF or lead to one.

use super::links::Links;
use super::xml::{Token, attribute, is_whole, tokens, unescape};
use super::{Format, decode, pdf, shares};
use crate::{Content, Member, OpenError, Parts, encoding};
use lazaret_model::Role;

/// The opener.
pub(super) struct Xdp;

/// Bytes of a form that are read.
const MOST: u64 = 128 << 20;

impl Format for Xdp {
    fn id(&self) -> &'static str {
        "xdp"
    }

    fn kinds(&self) -> &'static [&'static str] {
        &["xdp"]
    }

    fn summary(&self) -> &'static str {
        "the PDF in it, scripts of forms, and the document that it leads to"
    }

    fn open(&self, input: &Content, parts: &mut Parts<'_, '_>) -> Result<(), OpenError> {
        let bytes = super::text_of(input, MOST, parts)?;
        let text = encoding::decode(&bytes);
        parts.budget().step(4 * text.len() as u64).map_err(OpenError::Limit)?;
        if !is_whole(&text) {
            parts.incomplete("it ends before its last element does");
        }
        let (mut links, mut chunk, mut script) = (Links::default(), None::<String>, None::<String>);
        for (index, token) in tokens(&text).enumerate() {
            if index % 1024 == 0 {
                parts.budget().check_time().map_err(OpenError::Limit)?;
            }
            match token {
                Token::Open("chunk", _) => chunk = Some(chunk.take().unwrap_or_default()),
                Token::Close("chunk") => document(chunk.take(), parts)?,
                // Scripts of form data, which run when they are imported (ISO 19444-1, 6.3).
                Token::Open("JavaScript" | "javascript", _) => script = Some(String::new()),
                Token::Close("JavaScript" | "javascript") => {
                    if let Some(script) = script.take() {
                        let member = Member::unnamed(Role::Script, "opening-script").of_kind("js-embedded");
                        parts.add_content(member, Content::from(script.into_bytes()))?;
                    }
                }
                // The document that belongs to them: a program fetches it.
                Token::Open("f" | "pdf", attributes) => {
                    if let Some(place) = attribute(attributes, "href").filter(|place| shares::is_remote(place)) {
                        links.add_as("opening-link", &place);
                    }
                }
                Token::Text(text) => {
                    if let Some(chunk) = &mut chunk {
                        chunk.push_str(text);
                    }
                    if let Some(script) = &mut script {
                        script.push_str(&unescape(text));
                    }
                }
                Token::Open(..) | Token::Close(_) => {}
            }
        }
        document(chunk, parts)?;
        pdf::each_script(&text, parts, &mut |name, script, parts| {
            let member = Member::unnamed(Role::Script, name).of_kind("js-embedded");
            parts.add_content(member, Content::from(script.into_bytes()))
        })?;
        pdf::connections::gather(&text, &mut links, parts)?;
        links.hand_over(parts)
    }
}

/// Hands over the document whose Base64 stands in a chunk.
fn document(chunk: Option<String>, parts: &mut Parts<'_, '_>) -> Result<(), OpenError> {
    let Some(chunk) = chunk else { return Ok(()) };
    let bytes = decode::base64(unescape(&chunk).as_bytes());
    parts.add_content(Member::unnamed(Role::Embedded, "document"), Content::from(bytes))
}

#[cfg(test)]
mod tests {
    use crate::testing::{Recorded, walk};
    use data_encoding::BASE64;

    #[track_caller]
    fn check(body: &str) -> Recorded {
        let text = format!("<?xml version=\"1.0\"?><xdp:xdp xmlns:xdp=\"http://ns.adobe.com/xdp/\">{body}</xdp:xdp>");
        let recorded = walk(text.as_bytes(), "form.xdp");
        assert_eq!(recorded.parts[0].kind.id, "xdp");
        for end in [text.len() - 2, text.len() / 2] {
            assert!(!walk(&text.as_bytes()[..end], "form.xdp").complete(), "{end}");
        }
        recorded
    }

    #[test]
    fn a_form_is_whole_and_its_pdf_a_part() {
        let pdf = b"%PDF-1.4\n1 0 obj<</Type/Catalog/OpenAction<</S/JavaScript/JS(LAZARET)>>>>endobj\ntrailer<</Root 1 0 R>>\n%%EOF\n";
        let recorded = check(&format!("<pdf><document><chunk>{}</chunk></document></pdf>", BASE64.encode(pdf)));
        assert_eq!(recorded.part("//document").kind.id, "pdf");
        assert_eq!(recorded.bytes("//opening-script"), b"LAZARET");
        assert!(recorded.complete(), "{:?}", recorded.parts);
        assert!(check("<config xmlns=\"x\"></config>").complete());
    }

    #[test]
    fn scripts_and_the_document_elsewhere_are_parts() {
        let event = "<template><event activity=\"initialize\"><script>LAZARET</script></event></template>";
        assert_eq!(check(event).bytes("//opening-script"), b"LAZARET");
        assert_eq!(
            check("<pdf href=\"\\\\host.invalid\\a.pdf\"/>").bytes("//opening-link"),
            b"\\\\host.invalid\\a.pdf"
        );
        let connection = "<connectionSet><xsdConnection name=\"a\"><uri>\\\\host.invalid\\a.xsd</uri></xsdConnection></connectionSet>";
        assert_eq!(check(connection).bytes("//link"), b"\\\\host.invalid\\a.xsd");
        let local = check("<pdf href=\"form.pdf\"/>");
        assert_eq!(local.parts.len(), 1);
    }
}
