//! Safari's saved pages (`WebArchive` of WebKit): a property list, binary or as XML, of a page and what belongs to it.

mod list;

use super::xml::{self, Token};
use super::{decode, warc};
use crate::{Content, Format, Member, OpenError, Parts, encoding};
use lazaret_model::Role;
use list::{List, Object};
use std::collections::HashSet;

/// Bytes of a list that are read where it is XML.
const MOST: u64 = 64 << 20;
/// Bytes of a key; those that matter are shorter.
const MOST_KEY: u64 = 64;
/// Frames within one another.
const MOST_DEPTH: usize = 64;
/// Bytes of an address or a media type.
const MOST_TEXT: u64 = 64 << 10;

/// Opens saved pages; other property lists have nothing in them.
pub(super) struct WebArchive;

impl Format for WebArchive {
    fn id(&self) -> &'static str {
        "webarchive"
    }

    fn kinds(&self) -> &'static [&'static str] {
        &["webarchive", "plist-binary", "plist", "webloc", "terminal-settings"]
    }

    fn summary(&self) -> &'static str {
        "pages that Safari saved, with their frames, scripts and pictures"
    }

    fn open(&self, input: &Content, parts: &mut Parts<'_, '_>) -> Result<(), OpenError> {
        if input.window(0, 8)?.starts_with(b"bplist0") {
            let list = List::new(input)?;
            return page(&list, list.top(), 0, &mut HashSet::new(), parts);
        }
        let bytes = super::text_of(input, MOST, parts)?;
        marked_up(&encoding::decode(&bytes), parts)
    }
}

/// A page or a file that belongs to one.
#[derive(Default)]
struct Resource {
    address: String,
    media_type: String,
    data: Option<Content>,
}

impl Resource {
    fn hand_over(self, parts: &mut Parts<'_, '_>) -> Result<(), OpenError> {
        let Some(data) = self.data else { return Ok(()) };
        // A script of a page is judged by what it does.
        let script = self.media_type.to_ascii_lowercase().ends_with("javascript");
        let role = if script { Role::Script } else { Role::Embedded };
        let mut member = Member::unnamed(role, warc::name(&self.address));
        if self.media_type.contains('/') {
            member = member.declared(self.media_type);
        }
        parts.add_content(member, data)
    }
}

/// The resources of a page, and of the frames in it. Objects that were `known` already, as frames or as resources, were handed
/// over.
fn page(
    list: &List<'_>,
    at: u64,
    depth: usize,
    known: &mut HashSet<(u64, bool)>,
    parts: &mut Parts<'_, '_>,
) -> Result<(), OpenError> {
    parts.budget().check_time().map_err(OpenError::Limit)?;
    if depth > MOST_DEPTH {
        return Err(OpenError::malformed(format!("it has more than {MOST_DEPTH} frames within one another"), 0));
    }
    if !known.insert((at, true)) {
        parts.incomplete("a frame stands in it more than once");
        return Ok(());
    }
    for (key, value) in list.dictionary(at, parts)? {
        parts.budget().check_time().map_err(OpenError::Limit)?;
        match (&*list.text(key, MOST_KEY)?, list.object(value)?) {
            ("WebMainResource", Object::Dictionary { .. }) => resource(list, value, known, parts)?,
            ("WebSubresources", Object::Array { .. }) => {
                for value in list.array(value, parts)? {
                    resource(list, value, known, parts)?;
                }
            }
            ("WebSubframeArchives", Object::Array { .. }) => {
                for value in list.array(value, parts)? {
                    page(list, value, depth + 1, known, parts)?;
                }
            }
            _ => {}
        }
    }
    Ok(())
}

fn resource(
    list: &List<'_>,
    at: u64,
    known: &mut HashSet<(u64, bool)>,
    parts: &mut Parts<'_, '_>,
) -> Result<(), OpenError> {
    parts.budget().step(64).map_err(OpenError::Limit)?;
    if !known.insert((at, false)) {
        return Ok(());
    }
    let mut found = Resource::default();
    for (key, value) in list.dictionary(at, parts)? {
        parts.budget().check_time().map_err(OpenError::Limit)?;
        match &*list.text(key, MOST_KEY)? {
            "WebResourceData" => found.data = list.data(value)?,
            "WebResourceURL" => found.address = list.text(value, MOST_TEXT)?,
            "WebResourceMIMEType" => found.media_type = list.text(value, MOST_TEXT)?,
            _ => {}
        }
    }
    found.hand_over(parts)
}

/// A list as XML: a resource is what stands before the end of a dictionary, with the data of one.
fn marked_up(text: &str, parts: &mut Parts<'_, '_>) -> Result<(), OpenError> {
    let mut resource = Resource::default();
    let (mut key, mut value) = (String::new(), String::new());
    for token in xml::tokens(text) {
        match token {
            Token::Open(..) => value.clear(),
            Token::Text(piece) => value.push_str(piece),
            Token::Close("key") => key = xml::unescape(value.trim()),
            Token::Close("dict") => {
                parts.budget().check_time().map_err(OpenError::Limit)?;
                std::mem::take(&mut resource).hand_over(parts)?;
            }
            Token::Close(element) if matches!(element, "data" | "string") => match &*key {
                "WebResourceData" => {
                    if resource.data.is_some() {
                        std::mem::take(&mut resource).hand_over(parts)?;
                    }
                    let plain = xml::unescape(&value);
                    let bytes = if element == "data" { decode::base64(plain.as_bytes()) } else { plain.into_bytes() };
                    resource.data = Some(Content::from(bytes));
                }
                "WebResourceURL" => resource.address = xml::unescape(value.trim()),
                "WebResourceMIMEType" => resource.media_type = xml::unescape(value.trim()),
                _ => {}
            },
            Token::Close(_) => {}
        }
    }
    resource.hand_over(parts)
}

#[cfg(test)]
mod tests {
    use crate::testing::{Recorded, walk};
    use lazaret_model::Role;

    /// A binary list of few objects: every reference and offset has one byte. The first object is the top.
    fn binary(objects: &[Vec<u8>]) -> Vec<u8> {
        let mut out = b"bplist00".to_vec();
        let mut offsets = Vec::new();
        for object in objects {
            offsets.push(out.len() as u8);
            out.extend(object);
        }
        let table = out.len() as u64;
        out.extend(offsets);
        out.extend([0, 0, 0, 0, 0, 0, 1, 1]);
        out.extend((objects.len() as u64).to_be_bytes());
        out.extend(0_u64.to_be_bytes());
        out.extend(table.to_be_bytes());
        out
    }

    fn string(text: &str) -> Vec<u8> {
        [&[0x5f, 0x10, text.len() as u8][..], text.as_bytes()].concat()
    }

    fn data(bytes: &[u8]) -> Vec<u8> {
        [&[0x40 | bytes.len() as u8][..], bytes].concat()
    }

    fn saved() -> Vec<Vec<u8>> {
        vec![
            // The page, and the array of one script and an array of frames, which holds the page once more.
            vec![0xd3, 1, 2, 12, 3, 4, 13],
            string("WebMainResource"),
            string("WebSubresources"),
            vec![0xd2, 5, 6, 7, 8],
            vec![0xa1, 9],
            string("WebResourceData"),
            string("WebResourceURL"),
            data(b"<p>LAZARET</p>"),
            string("http://host.invalid/"),
            vec![0xd2, 5, 10, 11, 14],
            string("WebResourceMIMEType"),
            data(b"alert(1)"),
            string("WebSubframeArchives"),
            vec![0xa0],
            string("text/javascript"),
        ]
    }

    fn check(bytes: &[u8]) -> Recorded {
        walk(bytes, "page.webarchive")
    }

    #[test]
    fn resources_of_a_binary_list_are_parts() {
        let found = check(&binary(&saved()));
        assert_eq!(found.parts[0].kind.id, "webarchive");
        assert_eq!(found.bytes("//index"), b"<p>LAZARET</p>");
        assert_eq!((found.part("//index#2").role, found.bytes("//index#2")), (Role::Script, &b"alert(1)"[..]));
        assert!(found.complete());
    }

    #[test]
    fn a_list_that_holds_itself_ends_and_says_so() {
        let mut objects = saved();
        objects[13] = vec![0xa3, 0, 0, 0];
        assert!(!check(&binary(&objects)).complete());
    }

    #[test]
    fn resources_of_a_list_as_xml_are_parts() {
        for key in ["WebResourceData", "WebRe&#115;ourceData"] {
            let xml = format!(
                "<?xml version=\"1.0\"?><!DOCTYPE plist><plist version=\"1.0\"><dict><key>WebMainResource</key><dict>\
                 <key>{key}</key><data>\nTEFa\nQVJFVA==</data><key>WebResourceURL</key>\
                 <string>http://host.invalid/a.htm?x=1&amp;y=2</string></dict></dict></plist>"
            );
            let found = check(xml.as_bytes());
            assert_eq!(found.bytes("//a.htm"), b"LAZARET");
            assert!(found.complete());
        }
    }

    #[test]
    fn other_lists_have_nothing_in_them_and_broken_ones_say_so() {
        let other = binary(&[vec![0xd1, 1, 1], string("Name")]);
        let found = check(&other);
        assert!(found.parts.len() == 1 && found.complete() && found.parts[0].kind.id == "plist-binary");
        let whole = binary(&saved());
        assert!(!check(&whole[..whole.len() - 40]).complete());
    }
}
