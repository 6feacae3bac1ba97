//! Pictures that are pages (SVG 2): with scripts, and with what needs none to ask for a password or to lead away.

use super::{Page, finding};
use crate::Findings;
use crate::text::{cut, excerpt, patterns};
use lazaret_model::Severity;
use std::cell::LazyCell;

patterns! {
    LEADS_ON = r"location\b|\bfetch\s*\(|\batob\s*\(|xmlhttprequest|window\s*\.\s*open|\beval\s*\(|document\s*\.\s*write|\.src\s*=|createelement|fromcharcode|insertadjacenthtml";
    FOREIGN_PAGE = r"(?s)<(?:\w+:)?foreignobject\b.*?<(?:\w+:)?(?:iframe|form|embed|object|meta)\b";

    // SVG 2, 12.2: a page of HTML within the picture. Diagrams keep their labels so, without any of these.
    INNER_PAGE = r#"(?s)<(?:\w+:)?foreignobject\b.*?(?P<what><(?:\w+:)?(?:iframe|frame|embed|object|form)\b[^<>]*|<(?:\w+:)?input\b[^<>]*\btype\s*=\s*["']?password[^<>]*)"#;
    // Elements of HTML do what they do by their namespace, wherever they stand.
    REFRESH = r#"<(?:\w+:)?meta\b[^<>]*\bhttp-equiv\s*=\s*["']?\s*refresh[^<>]*"#;
    // SMIL Animation, 3.1: what a link leads to may be animated, too.
    ANIMATION = r#"(?s)<(?:\w+:)?(?:animate|set)\b(?:[^<>"']|"[^"]*"|'[^']*')*>"#;
    OF_ADDRESS = r#"\battributename\s*=\s*["']?\s*(?:\w+:)?href\b"#;
    TO_CODE = r#"["';=\s](?:(?:java|vb)script:|data:(?:text/(?:html|xml|javascript)|application/|image/svg))"#;
    TO_SITE = r#"\b(?:to|values|from|by)\s*=\s*["']?[^"'<>]*(?:https?:|//)[^"'<>\s]*"#;
    LINK = r"<(?:\w+:)?a[\s>]";
    // SVG 2, 5.6: what is used may be another picture, kept in the address.
    USED = r#"<(?:\w+:)?use\b[^<>]*\bhref\s*=\s*["']?\s*data:[^<>]*"#;
    // XML entities that hold elements. Drawing programs declare names of namespaces so.
    ENTITY = r#"<!entity\s+[^<>]*["'][^"'<>]*(?:<|&#(?:x0*3c|0*60);)[^\r\n]{0,120}"#;
    // A picture that is turned into something else before it is shown (XML stylesheets).
    TRANSFORMED = r#"<\?xml-stylesheet\b[^<>]*(?:text/xsl|application/xslt)[^<>]*"#;

    // The first thing in the picture is a link that ends with it.
    ALL_IS_LINK = r#"(?s)<(?:\w+:)?svg\b[^<>]*>\s*(?:<(title|desc|style)\b[^<>]*>[^<]*</(?:title|desc|style)>\s*)*<(?:\w+:)?a\b[^<>]*\bhref\s*=\s*["']?\s*(?:https?:)?//[^<>]*>.*</(?:\w+:)?a>\s*</(?:\w+:)?svg>\s*\z"#;
}

/// What a picture does beside being shown.
pub(super) fn acts(page: &Page, findings: &mut Findings) {
    if page.handlers || page.scripts {
        let leads = excerpt(&LEADS_ON, &page.plain).or_else(|| excerpt(&FOREIGN_PAGE, &page.markup));
        let severity = if leads.is_some() { Severity::Medium } else { Severity::Low };
        let value = leads.unwrap_or_else(|| page.plain.clone());
        let message = "the picture carries a script";
        findings.add(finding("page.script-in-image", severity, message, &value).technique("T1027.017"));
    }
    let inner = || INNER_PAGE.captures(&page.tags).and_then(|found| found.name("what")).map(|what| cut(what.as_str()));
    let active = inner()
        .map(|value| ("the picture shows a page that asks for something or comes from elsewhere", value))
        .or_else(|| excerpt(&REFRESH, &page.tags).map(|value| ("the picture leads to another page by itself", value)))
        .or_else(|| animated(page).map(|value| ("the picture changes where its link leads", value)))
        .or_else(|| excerpt(&USED, &page.tags).map(|value| ("the picture shows another one that it hides", value)))
        .or_else(|| excerpt(&ENTITY, &page.markup).map(|value| ("the picture hides elements in entities", value)))
        .or_else(|| excerpt(&TRANSFORMED, &page.markup).map(|value| ("the picture is made into another page", value)));
    if let Some((message, value)) = active {
        findings.add(finding("page.active-image", Severity::Medium, message, &value).technique("T1027.017"));
    } else if let Some(value) = excerpt(&ALL_IS_LINK, &page.markup) {
        let message = "all of the picture is a link";
        findings.add(finding("page.image-link", Severity::Low, message, &value).technique("T1204.001"));
    }
}

/// An address that the picture animates: of a link to another site, or of anything to code.
fn animated(page: &Page) -> Option<String> {
    // Asked for once, however many animations there are.
    let links = LazyCell::new(|| LINK.is_match(&page.tags));
    ANIMATION.find_iter(&page.tags).find_map(|found| {
        // Browsers drop tabs and line ends in addresses (WHATWG URL, 4.4).
        let tag: String = found.as_str().chars().filter(|c| !matches!(c, '\t' | '\r' | '\n')).collect();
        let of_address = || OF_ADDRESS.is_match(found.as_str());
        let leads = || TO_CODE.is_match(&tag) || TO_SITE.is_match(&tag) && *links;
        (of_address() && leads()).then(|| cut(&tag))
    })
}

#[cfg(test)]
mod tests {
    use super::super::Pages;
    use crate::detectors::test_part::check;

    const ACTIVE: &[&str] = &["page.active-image medium"];

    #[test]
    fn pictures_that_act_without_a_script_are_told() {
        for inner in [
            "<foreignObject><form xmlns='http://www.w3.org/1999/xhtml' action='https://host.invalid/'><input name='a'/></form></foreignObject>",
            "<foreignObject><x:input type=\"password\"/></foreignObject>",
            "<foreignObject width='9'><iframe src='https://host.invalid/'/></foreignObject>",
            "<svg:foreignObject><div><embed src='https://host.invalid/'/></div></svg:foreignObject>",
            "<meta xmlns='http://www.w3.org/1999/xhtml' http-equiv='refresh' content='0;url=https://host.invalid/'/>",
            "<a><animate attributeName='href' values='https://host.invalid/'/><rect/></a>",
            "<a><set attributeName=\"xlink:href\" to=\"java&#10;script:x()\"/><rect/></a>",
            "<a><animate attributeName=\"h&#114;ef\" begin=\"0s\" to=\"data:text/html,x\"/><rect/></a>",
            "<use href='data:image/svg+xml;base64,PHN2Zz4=#x'/>",
            "<use xlink:href=\"data:image/svg+xml,x#x\"/>",
        ] {
            check(&Pages, "svg", &format!("<svg xmlns='http://www.w3.org/2000/svg'>{inner}</svg>"), ACTIVE);
        }
        for start in
            ["<!DOCTYPE svg [<!ENTITY x \"&#60;foreignObject&#62;\">]>", "<?xml-stylesheet type='text/xsl' href='#x'?>"]
        {
            check(&Pages, "svg", &format!("{start}<svg xmlns='http://www.w3.org/2000/svg'>&x;</svg>"), ACTIVE);
        }
    }

    #[test]
    fn honest_pictures_are_left_alone() {
        for inner in [
            "<foreignObject><div xmlns='http://www.w3.org/1999/xhtml'><p>label</p><span>x</span></div></foreignObject>",
            "<g><a href='https://host.invalid/'><rect/></a><text>x</text></g>",
            "<a xlink:href='https://host.invalid/'><rect/></a><rect/>",
            "<animate attributeName='opacity' values='0;1'/>",
            "<image><animate attributeName='href' values='#a;#b'/></image>",
            "<image><animate attributeName='href' values='data:image/png;base64,AA==;data:image/png;base64,AB=='/></image>",
            "<use href='#icon'/><use xlink:href='icons.svg#icon'/>",
            "<style>a { color: red }</style><title>form iframe password</title>",
        ] {
            check(&Pages, "svg", &format!("<svg xmlns='http://www.w3.org/2000/svg'>{inner}</svg>"), &[]);
        }
        let drawn =
            "<!DOCTYPE svg [<!ENTITY ns_svg \"http://www.w3.org/2000/svg\">]><svg xmlns='&ns_svg;'><rect/></svg>";
        check(&Pages, "svg", drawn, &[]);
        let badge = "<svg width='9'><title>x</title><a href='https://host.invalid/'><rect/></a></svg>";
        check(&Pages, "svg", badge, &["page.image-link low"]);
    }
}
