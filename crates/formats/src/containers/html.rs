//! Web pages, SVG and script components (WHATWG HTML): scripts, event handlers, `data:` addresses, inner pages and the
//! places they lead to.

mod entities;

use super::decode;
use super::links::Links;
use crate::qr::{Cells, Codes, Rectangles};
use crate::{Budget, Content, Format, Member, OpenError, Parts, encoding, identify, qr};
use html5gum::emitters::default::DefaultEmitter;
use html5gum::{Token, Tokenizer};
use lazaret_model::{Part, Role};
use std::borrow::Cow;
use std::io::Read as _;

/// Bytes of a page that are read.
const MOST: u64 = if cfg!(test) { 4 << 20 } else { 32 << 20 };
/// Comments within comments that are followed.
const MOST_COMMENTS: u32 = 8;
/// Letters of Base64 between tags from which they are decoded.
const LARGE_TEXT: usize = 256;
/// Bytes of packed numbers in XML that are looked at.
const MOST_NUMBERS: u64 = 4 << 20;
/// Letters of Base64 from which they are decoded in a page whose scripts decode something.
const SHORT: usize = 16;
/// Letters of Base64 in an attribute from which they are decoded; tokens and digests are shorter.
const LARGE_VALUE: usize = 128;

/// Bytes of text that may be drawn.
const MOST_DRAWN: usize = 1 << 20;
/// Bytes looked through at a time.
const CHUNK: u64 = 1 << 20;

/// Opens pages.
pub(super) struct Html;

impl Format for Html {
    fn id(&self) -> &'static str {
        "html"
    }

    fn kinds(&self) -> &'static [&'static str] {
        &[
            "html",
            "hta",
            "svg",
            "wsf",
            "sct",
            "xslt",
            "xml",
            "msc",
            "php",
            "contact",
            "chemdraw-xml",
            // Markup in which a page may stand, see `is_page`.
            "abw",
            "amf",
            "asx",
            "atom",
            "dae",
            "drawio",
            "fb2",
            "gml",
            "gpx",
            "kml",
            "mathml",
            "mpd",
            "musicxml",
            "plist",
            "rss",
            "soap",
            "tcx",
            "tiled-map",
            "ttml",
            "wpl",
            "x3d",
            "xliff",
            "xspf",
        ]
    }

    fn summary(&self) -> &'static str {
        "scripts, handlers, data addresses, inner pages, links and QR codes of pages, SVG, HTA, WSF and scriptlets"
    }

    fn open(&self, input: &Content, parts: &mut Parts<'_, '_>) -> Result<(), OpenError> {
        let known = is_page(parts.part());
        if !known && input.len() > MOST && !may_hold_page(input, parts)? {
            return Ok(());
        }
        let bytes = super::text_of(input, MOST, parts)?;
        let text = encoding::decode(&bytes);
        // A page inside a picture or program starts somewhere in it.
        let text = match text.find('<') {
            Some(start) => text.get(start..).unwrap_or_default(),
            None => return Ok(()),
        };
        let text = entities::replaced(text, parts)?;
        let runs = || identify::runs_in_markup(text.as_bytes()) || identify::runs_as_application(text.as_bytes());
        if !known && !runs() {
            return Ok(());
        }
        let mut page = Page::default();
        page.read(&text, 0, parts)?;
        page.finish(parts)
    }
}

/// What a page was found to hold and is handed over at its end.
#[derive(Default)]
struct Page {
    /// Event handlers and `javascript:` addresses, a line each.
    handlers: String,
    links: Links,
    /// The open script: its kind and text.
    script: Option<(&'static str, String)>,
    comments: Vec<String>,
    /// Whether a script decodes something, and whether one turns something around.
    decodes: bool,
    reverses: bool,
    /// Texts and values that are nothing but Base64, too short to be decoded without a reason.
    short: Vec<Vec<u8>>,
    /// Such texts of elements that follow each other, as they come.
    run: Vec<Vec<u8>>,
    /// What may be a QR code: the table that is open, shapes, and text whose lines may be one.
    codes: Codes,
    cells: Cells,
    shapes: Rectangles,
    drawing: String,
    /// Elements around the text that keep its lines.
    kept: u32,
}

impl Page {
    /// Reads a page, or what `depth` comments around each other hold.
    fn read(&mut self, text: &str, depth: u32, parts: &mut Parts<'_, '_>) -> Result<(), OpenError> {
        let mut emitter = DefaultEmitter::default();
        emitter.naively_switch_states(true);
        for (index, token) in Tokenizer::new_with_emitter(text, emitter).flatten().enumerate() {
            if index % 1024 == 0 {
                parts.budget().check_time().map_err(OpenError::Limit)?;
            }
            match token {
                Token::StartTag(tag) => {
                    let name = String::from_utf8_lossy(&tag.name).to_ascii_lowercase();
                    let attributes: Vec<(String, String)> =
                        tag.attributes.iter().map(|(k, v)| (lossy(k).to_ascii_lowercase(), lossy(&v.value))).collect();
                    self.tag(&name, &attributes, parts)?;
                    let local = name.rsplit(':').next().unwrap_or_default();
                    self.shape(local, &attributes, parts)?;
                    if local == "script" && !tag.self_closing {
                        self.close(parts)?;
                        self.script = Some((language(&attributes), String::new()));
                    }
                }
                Token::EndTag(tag) => {
                    let name = lossy(&tag.name).to_ascii_lowercase();
                    if name.ends_with("script") {
                        self.close(parts)?;
                    }
                    match name.as_str() {
                        "table" => self.end_table(parts)?,
                        "pre" | "code" | "samp" | "tt" => self.kept = self.kept.saturating_sub(1),
                        _ => {}
                    }
                    self.end_line(&name);
                }
                Token::String(text) => match &mut self.script {
                    Some((_, script)) => script.push_str(&lossy(&text.value)),
                    None => {
                        self.draw(&text.value);
                        self.between_tags(&text.value, parts)?;
                    }
                },
                Token::Comment(text) => {
                    let text = lossy(&text.value);
                    // XML keeps scripts in CDATA sections, old pages in comments.
                    if let Some((_, script)) = &mut self.script {
                        script.push_str(text.strip_prefix("[CDATA[").unwrap_or(&text).trim_end_matches("]]"));
                    } else if text.to_ascii_lowercase().contains("<script") {
                        if depth < MOST_COMMENTS {
                            self.comments.push(text);
                        } else {
                            parts.incomplete(format!("more than {MOST_COMMENTS} comments stand within each other"));
                        }
                    } else {
                        self.between_tags(text.as_bytes(), parts)?;
                    }
                }
                _ => {}
            }
        }
        self.close(parts)?;
        for comment in std::mem::take(&mut self.comments) {
            if let Some(start) = comment.find('<') {
                let mut inner = Page::default();
                inner.read(comment.get(start..).unwrap_or_default(), depth + 1, parts)?;
                inner.finish(parts)?;
            }
        }
        Ok(())
    }

    fn tag(&mut self, name: &str, attributes: &[(String, String)], parts: &mut Parts<'_, '_>) -> Result<(), OpenError> {
        let refresh =
            name == "meta" && attributes.iter().any(|(k, v)| k == "http-equiv" && v.eq_ignore_ascii_case("refresh"));
        let stored = attributes.iter().find(|(k, v)| k == "download" && !v.is_empty()).map(|(_, file)| file.as_str());
        for (key, value) in attributes {
            parts.budget().step(value.len() as u64).map_err(OpenError::Limit)?;
            // In code a line's end parts what stands before it from what follows.
            let value = if key.starts_with("on") { Cow::Borrowed(value.trim()) } else { address(value) };
            let value = &*value;
            if key.starts_with("on") && key.len() > 2 && !value.is_empty() {
                self.handlers.push_str(value);
                self.handlers.push('\n');
            } else if begins(value, "javascript:") || begins(value, "vbscript:") {
                let code = value.split_once(':').map_or("", |(_, code)| code);
                self.handlers.push_str(&String::from_utf8_lossy(&decode::percent(code.as_bytes())));
                self.handlers.push('\n');
            } else if key == "srcdoc" {
                let member = Member::unnamed(Role::Embedded, "srcdoc").of_kind("html");
                parts.add_content(member, Content::from(value.as_bytes()))?;
            } else if begins(value, "data:") {
                self.data(name, value, stored, parts)?;
            } else if refresh && key == "content" {
                refreshed(value).into_iter().for_each(|target| self.links.add_as("refresh", target));
            } else if matches!(name, "iframe" | "frame" | "embed" | "object") && matches!(key.as_str(), "src" | "data")
            {
                // Nobody has to click for it.
                self.links.add_as("frame", value);
            } else if matches!(name, "script" | "iframe" | "frame" | "embed" | "object" | "base")
                && matches!(key.as_str(), "src" | "data" | "href" | "codebase")
            {
                self.links.add(value);
            } else if matches!(
                key.as_str(),
                "href"
                    | "src"
                    | "action"
                    | "formaction"
                    | "data"
                    | "xlink:href"
                    | "background"
                    | "poster"
                    | "code"
                    | "lowsrc"
                    | "dynsrc"
                    | "longdesc"
            ) {
                self.links.add_unusual(value);
            } else if matches!(key.as_str(), "srcset" | "imagesrcset") {
                value.split(',').filter_map(|one| one.split_whitespace().next()).for_each(|one| {
                    self.links.add_unusual(one);
                });
            }
            if let Some(bytes) = hidden(value.as_bytes(), LARGE_VALUE) {
                parts.add_content(Member::unnamed(Role::Payload, "value"), Content::from(bytes))?;
            } else if key != "class" && key != "id" {
                self.remember(value.as_bytes());
            }
        }
        Ok(())
    }

    /// A `data:` address, named by the `download` attribute beside it.
    fn data(
        &mut self,
        name: &str,
        value: &str,
        stored: Option<&str>,
        parts: &mut Parts<'_, '_>,
    ) -> Result<(), OpenError> {
        let Some((media_type, bytes)) = decode::data_address(value.as_bytes()) else { return Ok(()) };
        if is_template(value) {
            return Ok(());
        }
        // Pictures in pages are the rule; what claims to be one and is not, is handed over.
        let found = crate::identify_head(&bytes);
        let picture = matches!(found.kind.class, lazaret_model::Class::Image | lazaret_model::Class::Font)
            && found.also.is_empty();
        if picture && name != "a" {
            super::picture::look(&bytes, u64::MAX, false, &mut self.codes, parts)?;
        }
        if bytes.is_empty() || picture && found.kind.id != "svg" && name != "a" {
            return Ok(());
        }
        // What a link leads to, a person saves and opens; everything else the page takes for itself.
        let role = if matches!(name, "a" | "area") { Role::Embedded } else { Role::Payload };
        let member = match stored {
            Some(file) => Member::named(role, file),
            None => Member::unnamed(role, "data"),
        };
        parts.add_content(member.declared(media_type), Content::from(bytes))
    }

    /// Notes what an element draws, for codes that are made of many.
    fn shape(
        &mut self,
        name: &str,
        attributes: &[(String, String)],
        parts: &mut Parts<'_, '_>,
    ) -> Result<(), OpenError> {
        match name {
            "table" => self.end_table(parts)?,
            "tr" => self.cells.row(),
            "td" | "th" => self.cells.cell(attributes),
            "rect" | "use" | "path" => qr::element(name, attributes, &mut self.shapes),
            "pre" | "code" | "samp" | "tt" => self.kept = self.kept.saturating_add(1),
            _ => {}
        }
        self.end_line(name);
        Ok(())
    }

    fn end_table(&mut self, parts: &mut Parts<'_, '_>) -> Result<(), OpenError> {
        for picture in std::mem::take(&mut self.cells).pictures() {
            self.codes.look(&picture, parts)?;
        }
        Ok(())
    }

    /// Keeps text whose lines may be drawn: with blocks anywhere, with other characters where lines are kept as they are.
    fn draw(&mut self, text: &[u8]) {
        // LIMIT: a code is small; a page that draws more shows none that is scanned.
        if self.drawing.len() < MOST_DRAWN && (self.kept > 0 || qr::draws(text)) {
            // Outside of kept lines, those of the page's source are blanks.
            let text = lossy(text);
            if self.kept > 0 {
                self.drawing.push_str(&text);
            } else {
                self.drawing.push_str(text.trim_matches(['\r', '\n']));
            }
        }
    }

    fn end_line(&mut self, name: &str) {
        let ends = matches!(name, "br" | "div" | "p" | "tr" | "li" | "pre" | "h1" | "h2" | "h3" | "blockquote");
        if ends && !self.drawing.is_empty() && !self.drawing.ends_with('\n') {
            self.drawing.push('\n');
        }
    }

    fn hand_over_codes(&mut self, parts: &mut Parts<'_, '_>) -> Result<(), OpenError> {
        self.end_table(parts)?;
        let mut codes = std::mem::take(&mut self.codes);
        for picture in self.shapes.picture().into_iter().chain(qr::pictures_of(&self.drawing)) {
            codes.look(&picture, parts)?;
        }
        codes.hand_over(parts)
    }

    fn close(&mut self, parts: &mut Parts<'_, '_>) -> Result<(), OpenError> {
        let Some((kind, text)) = self.script.take() else { return Ok(()) };
        let text = text.trim().trim_start_matches("<![CDATA[").trim_end_matches("]]>");
        if text.is_empty() {
            return Ok(());
        }
        self.weigh(text);
        parts.add_content(Member::unnamed(Role::Script, "script").of_kind(kind), Content::from(text.as_bytes()))
    }

    /// Bytes kept as Base64 in the text of a page.
    fn between_tags(&mut self, text: &[u8], parts: &mut Parts<'_, '_>) -> Result<(), OpenError> {
        let trimmed = text.trim_ascii();
        if trimmed.is_empty() {
            return Ok(());
        }
        if decode::is_base64(trimmed) {
            self.run.push(trimmed.to_vec());
        } else {
            self.end_run();
        }
        match hidden(text, LARGE_TEXT) {
            Some(bytes) if is_data(parts.part()) && packed_numbers(&bytes, parts.budget()) => Ok(()),
            Some(bytes) => parts.add_content(Member::unnamed(Role::Payload, "text"), Content::from(bytes)),
            None => {
                self.remember(trimmed);
                Ok(())
            }
        }
    }

    fn end_run(&mut self) {
        let run = std::mem::take(&mut self.run);
        // Words of the page may stand before and behind: a title, a button.
        for (front, back) in [(0, 0), (1, 0), (0, 1), (1, 1), (2, 0), (0, 2), (2, 1), (1, 2), (2, 2)] {
            let pieces = run.get(front..run.len().saturating_sub(back)).unwrap_or_default();
            if pieces.len() > 1 {
                self.remember(&pieces.concat());
            }
        }
    }

    fn remember(&mut self, text: &[u8]) {
        let text = text.trim_ascii();
        let turned =
            || text.iter().skip_while(|byte| **byte == b'=').all(u8::is_ascii_graphic) && text.first() == Some(&b'=');
        if text.len() >= SHORT && (decode::is_base64(text) || turned()) {
            self.short.push(text.to_vec());
        }
    }

    /// Notes what a script does to texts.
    fn weigh(&mut self, script: &str) {
        let lower = script.to_ascii_lowercase();
        self.decodes |= ["atob", "frombase64", "base64", "uint8array"].iter().any(|word| lower.contains(word));
        self.reverses |= lower.contains("reverse");
    }

    /// Hands over what short texts decode to, where a script decodes something and it is of a kind that has a form.
    fn decode_short(&mut self, parts: &mut Parts<'_, '_>) -> Result<(), OpenError> {
        self.end_run();
        let handlers = std::mem::take(&mut self.handlers);
        self.weigh(&handlers);
        self.handlers = handlers;
        if !self.decodes {
            return Ok(());
        }
        let mut known = std::collections::HashSet::new();
        for text in std::mem::take(&mut self.short) {
            parts.budget().check_time().map_err(OpenError::Limit)?;
            let turned = self.reverses.then(|| text.iter().rev().copied().collect::<Vec<u8>>());
            for text in [Some(text), turned].into_iter().flatten() {
                if !known.insert(text.clone()) || !decode::is_base64(&text) {
                    continue;
                }
                let bytes = decode::base64(&text);
                let found = crate::identify_head(&bytes);
                if !found.kind.is_unknown() {
                    parts.add_content(Member::unnamed(Role::Payload, "text"), Content::from(bytes))?;
                }
            }
        }
        Ok(())
    }

    fn finish(mut self, parts: &mut Parts<'_, '_>) -> Result<(), OpenError> {
        self.decode_short(parts)?;
        if !self.handlers.is_empty() {
            let member = Member::unnamed(Role::Script, "handlers").of_kind("js-embedded");
            parts.add_content(member, Content::from(std::mem::take(&mut self.handlers).into_bytes()))?;
        }
        self.hand_over_codes(parts)?;
        self.links.hand_over(parts)
    }
}

/// What a script element is written in; data blocks are treated as JavaScript, since their text is looked at alike.
fn language(attributes: &[(String, String)]) -> &'static str {
    let says = |word: &str| {
        attributes
            .iter()
            .any(|(k, v)| matches!(k.as_str(), "language" | "type") && v.to_ascii_lowercase().contains(word))
    };
    if says("vbscript") || says("vbs") { "vbs" } else { "js-embedded" }
}

/// What a text that is nothing but Base64 decodes to, where that is of a kind that has a form.
fn hidden(text: &[u8], least: usize) -> Option<Vec<u8>> {
    let text = text.trim_ascii();
    if text.len() < least || !decode::is_base64(text) {
        return None;
    }
    let bytes = decode::base64(text);
    let found = crate::identify_head(&bytes);
    (!found.kind.is_unknown() && found.kind.id != "text").then_some(bytes)
}

/// Whether a `data:` address in Base64 is a place for one: what templates are filled in at. No browser decodes what has a brace in it
/// (WHATWG Infra, "forgiving-base64 decode").
fn is_template(address: &str) -> bool {
    let encoded = address.split_once(',').filter(|(head, _)| head.to_ascii_lowercase().contains("base64"));
    encoded.is_some_and(|(_, body)| {
        let body = body.trim();
        body.len() < 128
            && (body.starts_with("{{") && body.ends_with("}}") || body.starts_with("${") && body.ends_with('}'))
    })
}

/// Whether a part is XML that nothing shows as a page.
fn is_data(part: &Part) -> bool {
    part.is("xml") && !["html", "svg", "hta", "wsf", "sct", "xslt"].iter().any(|kind| part.is(kind))
}

/// Whether a part is read as a page whatever stands in it; other markup is one where a script of a page or picture stands in it, however
/// far from its beginning: browsers run that in any markup (HTML, 14.2).
fn is_page(part: &Part) -> bool {
    const PAGES: &[&str] =
        &["html", "hta", "svg", "wsf", "sct", "xslt", "xml", "msc", "php", "contact", "chemdraw-xml"];
    PAGES.iter().any(|kind| part.is(kind))
}

/// Whether something of a page may stand in markup of another kind that is too long to be read whole: maps and lists have gigabytes.
fn may_hold_page(input: &Content, parts: &mut Parts<'_, '_>) -> Result<bool, OpenError> {
    const MARKS: &[&str] = &["<script", ":script", "javascript:", "<hta:", " onload=", " onerror=", "<!entity"];
    let mut at = 0;
    while at < input.len() {
        parts.budget().check_time().map_err(OpenError::Limit)?;
        // A little more, so that a word across the border is seen.
        let window = input.window(at, CHUNK as usize + 64)?;
        let text = encoding::decode(&window).to_ascii_lowercase();
        if MARKS.iter().any(|mark| memchr::memmem::find(text.as_bytes(), mark.as_bytes()).is_some()) {
            return Ok(true);
        }
        at += CHUNK;
    }
    Ok(false)
}

/// Whether bytes are numbers that are packed, as data of sciences is kept in XML (GIFTI, mzML, VTK): one stream of zlib in which no file
/// begins, with nothing behind it.
fn packed_numbers(bytes: &[u8], budget: &mut Budget) -> bool {
    if bytes.first() != Some(&0x78) {
        return false;
    }
    let (mut decoder, mut numbers) = (flate2::bufread::ZlibDecoder::new(bytes), Vec::new());
    // LIMIT: what is longer is handed over as the stream that it is.
    let read = decoder.by_ref().take(MOST_NUMBERS + 1).read_to_end(&mut numbers);
    // An exhausted budget shows at the next step.
    let _ = budget.charge_output(numbers.len() as u64);
    // LIMIT: as above.
    read.is_ok()
        && numbers.len() as u64 <= MOST_NUMBERS
        && decoder.into_inner().is_empty()
        && crate::identify_head(&numbers).kind.is_unknown()
        && !crate::extent::holds_a_file(&numbers, budget)
}

/// A value as browsers read an address: without what cannot be seen around it, and without tabs and line ends in its scheme
/// (WHATWG URL, 4.4).
fn address(value: &str) -> Cow<'_, str> {
    const DROPPED: [char; 3] = ['\t', '\n', '\r'];
    let value = value.trim().trim_matches(|c: char| c <= ' ');
    let scheme = value.split(':').next().unwrap_or_default();
    let named = |c: char| c.is_ascii_alphanumeric() || matches!(c, '+' | '-' | '.') || DROPPED.contains(&c);
    if value.len() > scheme.len() && scheme.contains(DROPPED) && scheme.chars().all(named) {
        Cow::Owned(value.replace(DROPPED, ""))
    } else {
        Cow::Borrowed(value)
    }
}

/// Where a page goes by itself: behind the seconds, with or without `url=` (WHATWG HTML, "shared declarative refresh steps").
fn refreshed(content: &str) -> Option<&str> {
    let rest = content.trim_start_matches(|c: char| c.is_ascii_digit() || c == '.').trim_start();
    let rest = rest.strip_prefix([';', ',']).unwrap_or(rest).trim_start();
    let named = rest.get(..3).filter(|word| word.eq_ignore_ascii_case("url"));
    let named = named.and_then(|_| rest.get(3..)?.trim_start().strip_prefix('='));
    let place = named.unwrap_or(rest).trim();
    let place = match place.strip_prefix(['"', '\'']) {
        Some(quoted) => quoted.split(['"', '\'']).next().unwrap_or_default(),
        None => place,
    };
    (!place.is_empty()).then_some(place)
}

/// Whether an address begins with a scheme, in letters of any size.
fn begins(address: &str, scheme: &str) -> bool {
    address.get(..scheme.len()).is_some_and(|start| start.eq_ignore_ascii_case(scheme))
}

fn lossy(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

#[cfg(test)]
mod tests;
