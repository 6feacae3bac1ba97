//! Word documents as one XML file: those of Word 2003 (WordprocessingML), and Office Open XML without its ZIP (Flat OPC).

use super::ooxml::{self, Found};
use super::xml::{Token, attribute, is_empty, is_whole, spans, tokens, unescape, values};
use super::{Format, decode};
use crate::{Content, Member, OpenError, Parts, encoding};
use lazaret_model::Role;
use std::borrow::Cow;

/// The opener.
pub(super) struct WordMl;

/// Bytes of a document that are read.
const MOST: u64 = 128 << 20;

impl Format for WordMl {
    fn id(&self) -> &'static str {
        "wordml"
    }

    fn kinds(&self) -> &'static [&'static str] {
        &["word-xml"]
    }

    fn summary(&self) -> &'static str {
        "pictures, objects and macros of Word 2003 XML, every part of flat Office Open XML; DDE, and what it would fetch"
    }

    fn open(&self, input: &Content, parts: &mut Parts<'_, '_>) -> Result<(), OpenError> {
        let bytes = super::text_of(input, MOST, parts)?;
        let text = encoding::decode(&bytes);
        parts.budget().step(4 * text.len() as u64).map_err(OpenError::Limit)?;
        if !is_whole(&text) {
            parts.incomplete("it ends before its last element does");
        }
        let root = tokens(&text).find_map(|token| if let Token::Open(name, _) = token { Some(name) } else { None });
        let mut found = Found::new("ooxml");
        if root != Some("package") {
            found.look("document", &text, false);
        }
        let reader = Reader { text: &text, part: Part::default(), markup: None, data: None };
        let read = reader.read(&mut found, parts);
        found.tell(parts);
        read?;
        found.hand_over(parts)
    }
}

/// A part of a package, as its element describes it (`pkg:part`).
#[derive(Debug, Default)]
struct Part {
    name: String,
    content_type: String,
}

struct Reader<'t> {
    text: &'t str,
    /// The part that is being read; Word 2003 knows none.
    part: Part,
    /// Where the markup of a part begins.
    markup: Option<usize>,
    /// The Base64 of what is no markup, with its name.
    data: Option<(String, String)>,
}

impl Reader<'_> {
    fn read(mut self, found: &mut Found, parts: &mut Parts<'_, '_>) -> Result<(), OpenError> {
        for (index, (place, token)) in spans(self.text).enumerate() {
            if index % 1024 == 0 {
                parts.budget().check_time().map_err(OpenError::Limit)?;
            }
            match token {
                Token::Open("part", attributes) => {
                    let of = |name: &str| attribute(attributes, name).unwrap_or_default();
                    self.part = Part { name: of("name"), content_type: of("contentType") };
                }
                Token::Open("xmlData", _) if self.markup.is_none() && !is_empty(self.text, place.clone()) => {
                    self.markup = Some(place.end);
                }
                Token::Close("xmlData") => self.end_markup(place.start, found, parts)?,
                Token::Open("binData" | "binaryData", attributes) => {
                    self.end_data(false, found, parts)?;
                    let name = attribute(attributes, "name").unwrap_or_else(|| self.part.name.clone());
                    self.data = (!is_empty(self.text, place)).then(|| (name, String::new()));
                }
                Token::Close("binData" | "binaryData") => self.end_data(true, found, parts)?,
                Token::Text(text) => {
                    if let Some((_, data)) = &mut self.data {
                        let text = if text.contains('&') { Cow::Owned(unescape(text)) } else { Cow::Borrowed(text) };
                        data.push_str(&text);
                    }
                }
                Token::Open(name, attributes) => element(name, attributes, found),
                Token::Close(_) => {}
            }
        }
        self.end_data(false, found, parts)?;
        self.end_markup(self.text.len(), found, parts)
    }

    fn end_markup(&mut self, end: usize, found: &mut Found, parts: &mut Parts<'_, '_>) -> Result<(), OpenError> {
        let Some(markup) = self.markup.take().and_then(|start| self.text.get(start..end)) else { return Ok(()) };
        parts.budget().step(8 * markup.len() as u64).map_err(OpenError::Limit)?;
        found.look(&self.part.name, markup, self.part.name.to_ascii_lowercase().contains("macrosheets/"));
        parts.add_content(member(&self.part.name, "markup"), Content::from(markup.as_bytes()))
    }

    fn end_data(&mut self, whole: bool, found: &mut Found, parts: &mut Parts<'_, '_>) -> Result<(), OpenError> {
        let Some((name, text)) = self.data.take() else { return Ok(()) };
        let bytes = Content::from(decode::base64(text.as_bytes()));
        let lower = name.to_ascii_lowercase();
        // What Word calls the macros of a document, and what says of itself that it is some.
        found.macros |= lower.ends_with("editdata.mso")
            || lower.ends_with("vbaproject.bin")
            || self.part.content_type.to_ascii_lowercase().contains("vbaproject")
            || ooxml::holds_project(&bytes, parts);
        let mut member = member(&name, "data");
        if bytes.window(0, 10)?.as_ref() == b"ActiveMime" {
            member = member.of_kind("activemime");
        }
        if !whole {
            member = member.incomplete("the document ends before it does");
        }
        parts.add_content(member, bytes)
    }
}

/// A member under the name that it has in a package, which begins with a slash, or in Word 2003, which puts a scheme before it.
fn member(name: &str, otherwise: &'static str) -> Member {
    let name = name.strip_prefix("wordml://").unwrap_or(name).trim_start_matches('/');
    if name.is_empty() { Member::unnamed(Role::Member, otherwise) } else { Member::named(Role::Member, name) }
}

/// What an element of Word 2003 has the program fetch, or run.
fn element(name: &str, attributes: &str, found: &mut Found) {
    let (kind, attribute_name) = match name {
        "wordDocument" => {
            found.macros |= attribute(attributes, "macrosPresent").is_some_and(|value| value == "yes");
            return;
        }
        "attachedTemplate" => ("attachedTemplate", "val"),
        "sourceFileName" => ("frame", "val"),
        "subDoc" => ("subDocument", "link"),
        "imagedata" | "fill" | "stroke" => ("image", "src"),
        _ => return,
    };
    for target in values(attributes, attribute_name) {
        found.outside(kind, target, "document");
    }
}

#[cfg(test)]
mod tests {
    use crate::containers::vba::tests::{SOURCE, compress, dir, project};
    use crate::testing::{Recorded, build, walk};
    use data_encoding::BASE64;
    use std::io::Write as _;

    fn document(attributes: &str, body: &str) -> String {
        format!(
            "<?xml version=\"1.0\"?><?mso-application progid=\"Word.Document\"?><w:wordDocument \
             xmlns:w=\"http://schemas.microsoft.com/office/word/2003/wordml\"{attributes}>{body}</w:wordDocument>"
        )
    }

    fn package(parts: &str) -> String {
        format!("<pkg:package xmlns:pkg=\"http://schemas.microsoft.com/office/2006/xmlPackage\">{parts}</pkg:package>")
    }

    fn vba() -> Vec<u8> {
        project("/VBA", &compress(&dir("Module1", 0)), &compress(SOURCE.as_bytes()))
    }

    #[track_caller]
    fn check(text: &str) -> Recorded {
        let recorded = walk(text.as_bytes(), "letter.xml");
        assert_eq!(recorded.parts[0].kind.id, "word-xml");
        for end in [text.len() / 2, text.len() / 4 * 3, text.len() - 3] {
            let cut = walk(&text.as_bytes()[..end], "letter.xml");
            assert!(!cut.complete(), "{end} of {}: {:?}", text.len(), cut.parts);
        }
        recorded
    }

    #[test]
    fn a_letter_with_a_picture_is_whole_and_its_picture_a_part() {
        let picture = BASE64.encode(b"GIF89a\x01\0\x01\0\0\0\0,\0\0\0\0\x01\0\x01\0\0\x02\x02D\x01\0;");
        let text = document(
            "",
            &format!("<w:attachedTemplate w:val=\"\"/><w:binData w:name=\"wordml://01.gif\">\n{picture}\n</w:binData>"),
        );
        let recorded = check(&text);
        assert_eq!(recorded.part("//01.gif").kind.id, "gif");
        assert!(recorded.complete() && recorded.findings.is_empty(), "{:?}", recorded.parts);
        assert!(!recorded.parts[0].macros);
    }

    #[test]
    fn macros_come_out_of_their_active_mime() {
        let mut object = b"ActiveMime\0\0\x01\xf0\x04\0\0\0\xff\xff\xff\xff\0\0\x07\xf0".to_vec();
        object.resize(0x32, 0);
        let mut packed = flate2::write::ZlibEncoder::new(object, flate2::Compression::default());
        packed.write_all(&vba()).unwrap();
        let data = BASE64.encode(&packed.finish().unwrap());
        let recorded = check(&document(
            " w:macrosPresent=\"yes\"",
            &format!("<w:binData w:name=\"editdata.mso\">{data}</w:binData>"),
        ));
        assert!(recorded.parts[0].macros);
        assert_eq!(recorded.part("//editdata.mso").kind.id, "activemime");
        assert_eq!(recorded.part("//Module1").kind.id, "vba");
        assert!(recorded.complete(), "{:?}", recorded.parts);
    }

    #[test]
    fn objects_are_unpacked_from_their_streams() {
        let object = build::compound(&[("LAZARET", b"marker of an object")]);
        let length = (object.len() as u32).to_le_bytes();
        let mut packed = flate2::write::ZlibEncoder::new(length.to_vec(), flate2::Compression::default());
        packed.write_all(&object).unwrap();
        let packed = packed.finish().unwrap();
        let data = |stream: &[u8]| {
            let data = BASE64.encode(&build::compound(&[("_1523270608", stream)]));
            format!("<w:docOleData><w:binData w:name=\"oledata.mso\">{data}</w:binData></w:docOleData>")
        };
        let recorded = check(&document("", &data(&packed)));
        assert_eq!(recorded.bytes("//oledata.mso//_1523270608"), object);
        assert!(recorded.contains(b"marker of an object") && recorded.complete(), "{:?}", recorded.parts);
        assert!(!check(&document("", &data(&packed[..packed.len() - 6]))).complete());
    }

    #[test]
    fn a_flat_package_is_judged_as_the_packed_one_is() {
        let relations = "<pkg:part pkg:name=\"/word/_rels/settings.xml.rels\" pkg:contentType=\"application/xml\"><pkg:xmlData>\
            <Relationships xmlns=\"x\"><Relationship Id=\"r\" Type=\"http://x/relationships/attachedTemplate\" \
            Target=\"https://host.invalid/a.dotm\" TargetMode=\"External\"/></Relationships></pkg:xmlData></pkg:part>";
        let recorded = check(&package(relations));
        assert!(recorded.findings.iter().any(|finding| finding.id == "ooxml.external-template"));
        assert!(recorded.bytes("//word/_rels/settings.xml.rels").starts_with(b"<Relationships"));

        let data = BASE64.encode(&vba());
        let macros = format!(
            "<pkg:part pkg:name=\"/word/x.bin\" pkg:contentType=\"application/octet-stream\"><pkg:binaryData>{data}</pkg:binaryData></pkg:part>"
        );
        let recorded = check(&package(&macros));
        assert!(recorded.parts[0].macros);
        assert_eq!(recorded.part("//Module1").kind.id, "vba");
    }

    #[test]
    fn what_word_2003_fetches_and_runs_is_told() {
        for (body, id) in [
            ("<w:attachedTemplate w:val=\"https://host.invalid/a.dot\"/>", "ooxml.external-template"),
            ("<w:sourceFileName w:val=\"https://host.invalid/a.htm\"/>", "ooxml.external-template"),
            ("<v:imagedata src=\"file://host.invalid/a.png\"/>", "ooxml.external-image"),
            ("<w:instrText>DDEAUTO cmd \"/c calc\"</w:instrText>", "ooxml.dde"),
            ("<w:fldSimple w:instr=\"DDE cmd x\"/>", "ooxml.dde"),
        ] {
            let recorded = check(&document("", body));
            assert!(recorded.findings.iter().any(|finding| finding.id == id), "{body}");
        }
        let local = check(&document("", "<w:attachedTemplate w:val=\"C:\\Users\\a\\Letter.dot\"/>"));
        assert!(local.findings.is_empty());
    }
}
