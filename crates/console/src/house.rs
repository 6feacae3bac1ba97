//! Whose console this is, and whom people may turn to: what every page says that stops somebody, and the console's head.

use data_encoding::BASE64;
use std::fmt;

/// Bytes of a logo: it is part of every page that stops somebody.
const MOST_LOGO: usize = 64 << 10;
/// Pixels of a picture's side.
const MOST_SIDE: u32 = 2_048;

/// The organisation that people belong to.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct House {
    /// Its name; empty for none.
    pub organisation: String,
    /// Whom people may turn to: an address of mail or the web, a number, or a sentence; empty for nobody.
    pub contact: String,
    /// Whom people may turn to in a security incident; empty for the contact.
    pub incident_contact: String,
    /// Where the console takes up an incident; empty where there is no console.
    pub response: String,
    /// Its logo.
    pub logo: Option<Logo>,
}

/// A picture that runs nothing and fetches nothing.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Logo {
    media_type: &'static str,
    bytes: Vec<u8>,
}

/// Why a file is no logo.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum LogoError {
    /// It has more bytes than are sent with every page.
    TooLarge(usize),
    /// It has more pixels than are shown.
    TooWide(u32, u32),
    /// It is neither a PNG nor an SVG picture.
    NeitherPngNorSvg,
    /// It runs or fetches something.
    Active(&'static str),
}

impl fmt::Display for LogoError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::TooLarge(bytes) => write!(f, "it is {bytes} bytes; a logo may be at most {MOST_LOGO}"),
            Self::TooWide(width, height) => {
                write!(f, "it is {width} × {height} pixels; each side may be at most {MOST_SIDE}")
            }
            Self::NeitherPngNorSvg => f.write_str("it is neither a PNG nor an SVG image"),
            Self::Active(what) => write!(f, "it contains {what}; a logo must not run or fetch anything"),
        }
    }
}

impl std::error::Error for LogoError {}

impl Logo {
    /// A logo from a file's bytes.
    ///
    /// # Errors
    /// When it is no PNG or SVG picture, is too large, or runs or fetches something.
    pub fn of(bytes: Vec<u8>) -> Result<Self, LogoError> {
        if bytes.len() > MOST_LOGO {
            return Err(LogoError::TooLarge(bytes.len()));
        }
        if let Some((width, height)) = png_size(&bytes) {
            if width > MOST_SIDE || height > MOST_SIDE {
                return Err(LogoError::TooWide(width, height));
            }
            return Ok(Self { media_type: "image/png", bytes });
        }
        let text = std::str::from_utf8(&bytes).map_err(|_| LogoError::NeitherPngNorSvg)?;
        if !text.contains("<svg") || !text.trim_start_matches('\u{feff}').trim_start().starts_with('<') {
            return Err(LogoError::NeitherPngNorSvg);
        }
        match active(&text.to_ascii_lowercase()) {
            Some(what) => Err(LogoError::Active(what)),
            None => Ok(Self { media_type: "image/svg+xml", bytes }),
        }
    }

    /// Its media type and bytes.
    pub(crate) fn picture(&self) -> (&'static str, &[u8]) {
        (self.media_type, &self.bytes)
    }

    /// As an address that holds it (RFC 2397), for pages that stand in for another site's.
    fn address(&self) -> String {
        format!("data:{};base64,{}", self.media_type, BASE64.encode(&self.bytes))
    }
}

impl House {
    /// The logo as an address that holds it; empty for none.
    pub(crate) fn logo_address(&self) -> String {
        self.logo.as_ref().map(Logo::address).unwrap_or_default()
    }

    /// Where the contact leads; empty where it is no address.
    pub(crate) fn contact_address(&self) -> String {
        address_of(&self.contact)
    }

    /// Whom to turn to in an incident; empty for nobody.
    pub(crate) fn responder(&self) -> &str {
        if self.incident_contact.trim().is_empty() { &self.contact } else { &self.incident_contact }
    }

    /// Where that leads; empty where it is no address.
    pub(crate) fn responder_address(&self) -> String {
        address_of(self.responder())
    }
}

/// Where a contact leads; empty where it is no address.
fn address_of(contact: &str) -> String {
    let contact = contact.trim();
    let plain = !contact.contains(|c: char| c.is_whitespace() || c.is_control());
    if plain && (contact.starts_with("https://") || contact.starts_with("http://")) {
        contact.to_owned()
    } else if plain && contact.split_once('@').is_some_and(|(user, host)| !user.is_empty() && host.contains('.')) {
        format!("mailto:{contact}")
    } else if contact.starts_with('+') && contact.chars().skip(1).all(|c| c.is_ascii_digit() || " -()".contains(c)) {
        format!("tel:{}", contact.chars().filter(|c| c.is_ascii_digit() || *c == '+').collect::<String>())
    } else {
        String::new()
    }
}

/// Width and height of a PNG picture (PNG, 5.2 and 11.2.1); none of anything else.
fn png_size(bytes: &[u8]) -> Option<(u32, u32)> {
    let head = bytes.strip_prefix(b"\x89PNG\r\n\x1a\n")?;
    let size = head.get(4..)?.strip_prefix(b"IHDR")?;
    let (width, rest) = size.split_first_chunk::<4>()?;
    let (height, _) = rest.split_first_chunk::<4>()?;
    Some((u32::from_be_bytes(*width), u32::from_be_bytes(*height)))
}

/// What a drawing has that runs or fetches something. `text` is in lower case. Browsers run nothing in a picture; this is for
/// whoever opens the file by itself.
fn active(text: &str) -> Option<&'static str> {
    for (word, what) in [
        ("<script", "a script"),
        ("javascript:", "a script"),
        ("<foreignobject", "a foreign object"),
        ("<!entity", "an entity"),
        ("@import", "a style import"),
        ("<iframe", "a frame"),
        ("<?xml-stylesheet", "a linked style sheet"),
    ] {
        if text.contains(word) {
            return Some(what);
        }
    }
    // `href` of links and pictures: places in the drawing itself, and pictures that stand in it.
    for rest in text.split("href").skip(1) {
        let Some(value) = rest.trim_start().strip_prefix('=') else { continue };
        let value = value.trim_start().trim_start_matches(['"', '\'']).trim_start();
        if !(value.starts_with('#') || value.starts_with("data:image/png") || value.starts_with("data:image/jpeg")) {
            return Some("an address");
        }
    }
    if text.split("url(").skip(1).any(|rest| !rest.trim_start().trim_start_matches(['"', '\'']).starts_with('#')) {
        return Some("an address");
    }
    // Attributes such as `onload`.
    let words = text.split(|c: char| c.is_whitespace() || matches!(c, '"' | '\'' | '/'));
    let runs = |word: &str| {
        let name = word.split('=').next().unwrap_or_default();
        word.contains('=') && name.len() > 2 && name.starts_with("on") && name.chars().all(|c| c.is_ascii_alphabetic())
    };
    words.into_iter().any(runs).then_some("a script")
}

#[cfg(test)]
mod tests {
    use super::*;

    const DRAWING: &str = "<?xml version=\"1.0\"?>\n<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 1 1\">\
        <defs><path id=\"p\" d=\"M0 0h1v1z\"/></defs><use href=\"#p\" fill=\"url(#g)\"/></svg>";

    fn png(width: u32, height: u32) -> Vec<u8> {
        let mut bytes = b"\x89PNG\r\n\x1a\n\0\0\0\x0dIHDR".to_vec();
        bytes.extend(width.to_be_bytes());
        bytes.extend(height.to_be_bytes());
        bytes
    }

    #[test]
    fn a_logo_is_a_picture_that_runs_and_fetches_nothing() {
        assert_eq!(Logo::of(png(64, 64)).unwrap().media_type, "image/png");
        assert_eq!(Logo::of(DRAWING.into()).unwrap().media_type, "image/svg+xml");
        assert_eq!(Logo::of(png(64, 4_000)), Err(LogoError::TooWide(64, 4_000)));
        assert_eq!(Logo::of(vec![b'x'; MOST_LOGO + 1]), Err(LogoError::TooLarge(MOST_LOGO + 1)));
        for other in [&b"GIF89a"[..], b"", b"\xff\xfe<svg", b"text with <svg> in it", b"<html></html>"] {
            assert_eq!(Logo::of(other.to_vec()), Err(LogoError::NeitherPngNorSvg), "{other:?}");
        }
        for active in [
            "<script>x</script>",
            "<g onload=\"x\"/>",
            "<g\nonClick='x'/>",
            "<a href=\"https://a.example/\"/>",
            "<image xlink:href = 'http://a.example/x.png'/>",
            "<a href=\"JavaScript:x\"/>",
            "<g style=\"fill:url(https://a.example/x)\"/>",
            "<style>@import 'x';</style>",
            "<foreignObject/>",
        ] {
            let drawing = DRAWING.replace("<defs>", &format!("{active}<defs>"));
            assert!(matches!(Logo::of(drawing.into()), Err(LogoError::Active(_))), "{active}");
        }
    }

    #[test]
    fn a_contact_leads_where_it_says_and_nowhere_else() {
        for (contact, address) in [
            ("it@site.example", "mailto:it@site.example"),
            ("https://help.site.example/new", "https://help.site.example/new"),
            ("+49 30 123-456", "tel:+4930123456"),
            ("Room 12, or call 4711", ""),
            ("javascript:alert(1)", ""),
            ("write to it@site.example", ""),
            ("", ""),
        ] {
            let house = House { contact: contact.to_owned(), ..House::default() };
            assert_eq!(house.contact_address(), address, "{contact}");
            assert_eq!(
                (house.responder(), house.responder_address().as_str()),
                (contact, address),
                "nobody else is named"
            );
        }
        let urgent = House {
            contact: "it@site.example".to_owned(),
            incident_contact: "+49 30 110".to_owned(),
            ..House::default()
        };
        assert_eq!((urgent.responder(), urgent.responder_address().as_str()), ("+49 30 110", "tel:+4930110"));
    }
}
