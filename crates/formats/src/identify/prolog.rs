//! Where a text begins: behind blanks, and in markup behind its declaration, instructions, remarks and type (XML 1.0, 2.8).
//!
//! Whoever opens a file reads over all of that, however long it is, so that it must not decide what the file is.

use super::probe::Probe;
use crate::encoding::{Encoding, decode_as};
use memchr::memmem;

/// Bytes of text that are judged.
pub(super) const JUDGED: usize = 64 << 10;
/// Bytes of blanks and remarks behind which a text is looked for.
const MOST: usize = if cfg!(test) { 2 << 20 } else { 32 << 20 };
/// Bytes of a first tag, which may have its namespaces at its end.
const MOST_TAG: usize = 1 << 20;
/// Declarations before the first element; XML has one of them.
const MOST_DECLARATIONS: usize = 64;

/// Who reads a prolog.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Reading {
    /// About as browsers do: a remark or a declaration ends where it first may.
    Loose,
    /// As XML has it (XML 1.0, 2.5 and 2.8): quotes and remarks within the document type hide what would end it.
    Exact,
}

/// What follows a prolog.
pub(super) struct Behind<'t> {
    /// From the first element, or whatever else stands there.
    pub(super) rest: &'t str,
    /// Whether a document type was declared.
    pub(super) doctype: bool,
}

/// What follows the prolog; none where the text ends before it does.
pub(super) fn behind(text: &str, reading: Reading) -> Option<Behind<'_>> {
    let mut rest = text;
    let mut declarations = 0;
    loop {
        rest = rest.trim_start();
        let here = Behind { rest, doctype: declarations > 0 };
        let Some(after) = rest.strip_prefix('<') else { return (!rest.is_empty()).then_some(here) };
        if after.starts_with("?php") || after.starts_with("?=") {
            return Some(here);
        }
        if after.starts_with('?') {
            rest = rest.split_once("?>")?.1;
        } else if let Some(remark) = after.strip_prefix("!--") {
            // Browsers take `<!-->` for a whole remark.
            let inner = if reading == Reading::Loose { rest } else { remark };
            rest = inner.split_once("-->")?.1;
        } else if let Some(declaration) = after.strip_prefix('!') {
            let is_page = declaration.get(..12).is_some_and(|start| start.eq_ignore_ascii_case("doctype html"));
            // LIMIT: no reader of XML takes a second declaration; what has so many is told by the words that follow.
            if declarations >= MOST_DECLARATIONS || is_page && reading == Reading::Loose {
                return Some(here);
            }
            declarations += 1;
            let end = if reading == Reading::Loose { loose_end(declaration) } else { exact_end(declaration) };
            rest = declaration.get(end?..)?;
        } else {
            return Some(here);
        }
    }
}

/// Where a declaration ends: at the first `>`, or behind the bracket that closes what is declared in it.
fn loose_end(text: &str) -> Option<usize> {
    let end = text.find('>')?;
    let Some(open) = text.get(..end).and_then(|before| before.find('[')) else { return Some(end + 1) };
    let inner = text.get(open..)?;
    inner.match_indices(']').find_map(|(at, _)| {
        let rest = inner.get(at + 1..)?.trim_start();
        rest.starts_with('>').then(|| text.len() - rest.len() + 1)
    })
}

/// Where a declaration ends whose quotes and remarks count.
fn exact_end(text: &str) -> Option<usize> {
    let bytes = text.as_bytes();
    let (mut at, mut inside) = (0, false);
    loop {
        let special = |byte: &u8| matches!(byte, b'"' | b'\'' | b'<' | b'[' | b']' | b'>');
        at += bytes.get(at..)?.iter().position(special)?;
        at += match bytes.get(at..)? {
            [b'>', ..] if !inside => return Some(at + 1),
            [quote @ (b'"' | b'\''), rest @ ..] => memchr::memchr(*quote, rest)? + 2,
            [b'<', b'!', b'-', b'-', rest @ ..] => memmem::find(rest, b"-->")? + 7,
            [b'<', b'?', rest @ ..] => memmem::find(rest, b"?>")? + 4,
            [b'[', ..] => {
                inside = true;
                1
            }
            [b']', ..] => {
                inside = false;
                1
            }
            _ => 1,
        };
    }
}

/// Whether a text ends before it begins, or within its first tag.
fn is_beyond(text: &str, reading: Reading) -> bool {
    behind(text, reading).is_none_or(|behind| first_tag(behind.rest).is_none())
}

/// The length of the tag that stands first, 0 where none does; none where it does not end.
fn first_tag(rest: &str) -> Option<usize> {
    let is_tag = rest.strip_prefix('<').is_some_and(|after| after.starts_with(|c: char| c.is_alphabetic() || c == '_'));
    if is_tag { rest.find('>') } else { Some(0) }
}

/// A text from where it begins, behind the word that it is XML if it says so, where that is further on than its first `JUDGED` bytes.
pub(super) fn further(probe: &Probe<'_>, encoding: Encoding, text: &str, reading: Reading) -> Option<String> {
    if probe.len() <= probe.head().len() as u64 || !is_beyond(text, reading) {
        return None;
    }
    let bytes = probe.at(0, MOST);
    let all = decode_as(&bytes, encoding);
    let all = all.trim_start_matches('\u{feff}');
    let Some(Behind { rest, .. }) = behind(all, reading) else {
        if probe.len() > MOST as u64 {
            probe
                .doubt("it begins with more than 32 MiB of blanks or remarks, and what follows them was not looked at");
        }
        return None;
    };
    let is_declared = all.trim_start().starts_with("<?xml");
    // LIMIT: a tag that does not end is none.
    let tag = first_tag(rest).unwrap_or(0);
    if tag > MOST_TAG && (is_declared || rest.get(..tag).is_some_and(|tag| tag.contains("xmlns"))) {
        probe.doubt("its first tag is longer than 1 MiB, and what follows was not looked at");
    }
    let end = rest.floor_char_boundary(tag.min(MOST_TAG) + JUDGED);
    let declared = if is_declared { "<?xml?>" } else { "" };
    Some(format!("{declared}{}", rest.get(..end).unwrap_or(rest)))
}

#[cfg(test)]
mod tests {
    use super::{Reading, behind};
    use crate::{Content, identify};

    fn kinds(bytes: impl AsRef<[u8]>) -> Vec<String> {
        let found = identify(&Content::from(bytes.as_ref())).unwrap();
        [&found.kind].into_iter().chain(&found.also).map(|kind| kind.id.to_string()).collect()
    }

    fn wide(text: &str) -> Vec<u8> {
        text.encode_utf16().flat_map(u16::to_le_bytes).collect()
    }

    #[test]
    fn markup_is_what_its_first_element_says_however_long_the_remarks_before_it_are() {
        let remarks = ["<!-- a remark -->\n".repeat(5_000), format!("<!--{}-->", "a -> ".repeat(20_000))];
        let blanks = [" ".repeat(70_000), "\r\n".repeat(40_000)];
        let subset = format!("<!DOCTYPE x [{}]\r\n>", "<!ENTITY a \"b\">".repeat(6_000));
        let asks = "<?target instruction?>".repeat(5_000);
        for filler in remarks.into_iter().chain(blanks).chain([subset, asks]) {
            for (markup, kind) in [
                ("<plist version='1.0'><dict/></plist>", "plist"),
                ("<asx version='3.0'></asx>", "asx"),
                ("<libraryDescription/>", "library-ms"),
                ("<svg xmlns='http://www.w3.org/2000/svg'/>", "svg"),
                ("<c:contact xmlns:c='http://schemas.microsoft.com/Contact'/>", "contact"),
                ("<xdp:xdp xmlns:xdp='http://ns.adobe.com/xdp/'/>", "xdp"),
                ("<rss version='2.0'/>", "rss"),
                ("<lazaret><b/></lazaret>", "xml"),
            ] {
                let text = format!("<?xml version='1.0'?>{filler}{markup}");
                assert_eq!(kinds(&text), [kind], "{}", filler.get(..20).unwrap_or_default());
            }
        }
        let text = format!("<?xml version='1.0'?>{}<plist version='1.0'><dict/></plist>", "<!-- a -->".repeat(9_000));
        assert_eq!(kinds(wide(&text)), ["plist"]);
    }

    #[test]
    fn a_text_is_what_stands_behind_its_blanks_however_many_they_are() {
        for (text, kind) in [
            ("{\"name\": \"a\", \"scripts\": {\"postinstall\": \"echo\"}}", "json"),
            ("BEGIN:VCARD\r\nVERSION:3.0\r\nFN:A\r\nEND:VCARD\r\n", "vcard"),
            ("[InternetShortcut]\r\nURL=https://host.invalid/\r\n", "url"),
            ("<html><head><title>A</title></head></html>", "html"),
            ("@echo off\r\necho LAZARET\r\n", "bat"),
        ] {
            for blank in [" ", "\n", "\r\n", "\t \n"] {
                let all = format!("{}{text}", blank.repeat(70_000));
                assert_eq!(kinds(&all), [kind], "{blank:?}");
                assert_eq!(kinds(wide(&all)), [kind], "{blank:?}");
            }
        }
        assert_eq!(kinds(" \n".repeat(70_000)), ["text"]);
    }

    #[test]
    fn a_first_tag_may_have_its_names_at_its_end() {
        let filler = "a".repeat(70_000);
        for (markup, kind) in [
            ("<c:contact f='…' xmlns:c='http://schemas.microsoft.com/Contact'/>", "contact"),
            ("<Workbook f='…' xmlns='urn:schemas-microsoft-com:office:spreadsheet'></Workbook>", "excel-xml"),
        ] {
            let text = format!("<?xml version='1.0'?>{}", markup.replace('…', &filler));
            assert_eq!(kinds(&text), [kind]);
        }
    }

    #[test]
    fn what_readers_of_xml_take_for_a_remark_hides_no_element_from_them() {
        let inner = "<plist version='1.0'><dict/></plist>";
        for text in [
            format!("<!--><gpx/>-->{inner}"),
            format!("<!--><gpx/>{}-->{inner}", " ".repeat(70_000)),
            format!("<!DOCTYPE a [<!-- ]><gpx/> -->]>{inner}"),
            format!("<!DOCTYPE a [<!ENTITY b \"]><gpx/>\">]>{inner}"),
            format!("<!DOCTYPE html>{inner}"),
        ] {
            assert!(kinds(&text).contains(&"plist".to_owned()), "{:?}", kinds(&text));
        }
        let page = "<!DOCTYPE html>\n<html><head><title>A</title></head><body><svg/></body></html>";
        assert_eq!(kinds(page), ["html"]);
    }

    #[test]
    fn a_project_is_judged_by_what_stands_behind_its_files() {
        let project = |inner: &str| {
            let files = "<ItemGroup><Compile Include=\"a.cs\"/></ItemGroup>\n".repeat(3_000);
            format!("<Project xmlns=\"http://schemas.microsoft.com/developer/msbuild/2003\">{files}{inner}</Project>")
        };
        let code =
            "<UsingTask TaskName=\"a\" TaskFactory=\"b\"><Task><Code Language=\"cs\">x</Code></Task></UsingTask>";
        assert_eq!(kinds(project(code)), ["xml", "msbuild"]);
        assert_eq!(kinds(project("<PropertyGroup/>")), ["xml"]);
        // However many there are, or it is said that not all were looked at.
        let many = |count: usize| project(&format!("{}{code}", "<Compile Include=\"a.cs\"/>\n".repeat(count)));
        assert_eq!(kinds(many(120_000)), ["xml", "msbuild"]);
        assert_eq!(identify(&Content::from(many(200_000).as_bytes())).unwrap().doubts.len(), 1);
    }

    #[test]
    fn more_than_is_looked_through_is_said() {
        let text = format!("{}<plist/>", " ".repeat(super::MOST + 1));
        assert_eq!(identify(&Content::from(text.as_bytes())).unwrap().doubts.len(), 1);
        let tag = format!("<?xml version='1.0'?><plist a='{}'/>", "a".repeat(super::MOST_TAG + 70_000));
        assert_eq!(identify(&Content::from(tag.as_bytes())).unwrap().doubts.len(), 1);
    }

    #[test]
    fn a_prolog_that_does_not_end_is_no_element() {
        for reading in [Reading::Loose, Reading::Exact] {
            for text in ["", "  ", "<?xml", "<!-- a", "<!DOCTYPE a [", "<!DOCTYPE a [<!ENTITY b 'c'> ]"] {
                assert!(behind(text, reading).is_none(), "{text}");
            }
            assert_eq!(behind("<?xml?><!-- > --> <a/>", reading).unwrap().rest, "<a/>");
            assert_eq!(behind("<!DOCTYPE a [<!ENTITY b 'c'>] >\n<a/>", reading).unwrap().rest, "<a/>");
            assert_eq!(behind(" words", reading).unwrap().rest, "words");
        }
    }
}
