//! OpenDocument 1.3: a ZIP with macros of its own.

use super::xml::{Token, attribute, tokens, unescape};
use super::{Format, zip};
use crate::{Content, Member, OpenError, Parts, identify};
use lazaret_model::Role;

/// The opener.
pub struct Odf;

/// Bytes of one XML part that are looked at.
const MOST_XML: u64 = if cfg!(test) { 1 << 20 } else { 32 << 20 };

impl Format for Odf {
    fn id(&self) -> &'static str {
        "odf"
    }

    fn kinds(&self) -> &'static [&'static str] {
        &["odt", "ott", "odm", "ods", "ots", "odp", "otp", "odg", "odf", "odb", "sxw"]
    }

    fn summary(&self) -> &'static str {
        "every part; Basic modules and scripts; encrypted documents stay locked"
    }

    fn open(&self, input: &Content, parts: &mut Parts<'_, '_>) -> Result<(), OpenError> {
        let structure = zip::read_structure(input, parts)?;
        let mut modules = Vec::new();
        for entry in structure.members.iter().flat_map(|listed| [Some(&listed.entry), listed.other.as_ref()]).flatten()
        {
            parts.budget().check_time().map_err(OpenError::Limit)?;
            let lower = entry.name.to_ascii_lowercase();
            if entry.encrypted() || !lower.ends_with(".xml") {
                if lower.starts_with("scripts/") && !lower.ends_with('/') {
                    parts.has_macros();
                }
                continue;
            }
            let bytes = zip::read_member(input, entry, MOST_XML + 1, parts);
            if bytes.len() as u64 > MOST_XML {
                parts.incomplete(format!("only {MOST_XML} bytes of a part of XML are searched for macros"));
            }
            let text = identify::decode_text(&bytes);
            if lower == "meta-inf/manifest.xml" && text.contains("encryption-data") {
                // ODF 1.3, part 2, 3.4: parts are encrypted one by one, and the manifest says how.
                parts.lock("the document is encrypted, and encrypted OpenDocument files are not opened");
            }
            // <script:module script:name="Module1">source</script:module>
            if text.contains("module") && (lower.starts_with("basic/") || text.contains("script:module")) {
                let mut module: Option<(String, String)> = None;
                for token in tokens(&text) {
                    match token {
                        Token::Open("module", attributes) => {
                            let name = attribute(attributes, "name").unwrap_or_else(|| entry.name.clone());
                            modules.extend(module.replace((name, String::new())));
                        }
                        Token::Text(text) => {
                            if let Some((_, source)) = &mut module {
                                source.push_str(&unescape(text));
                            }
                        }
                        Token::Close("module") => modules.extend(module.take()),
                        _ => {}
                    }
                }
                modules.extend(module);
            }
        }
        if !modules.is_empty() {
            parts.has_macros();
        }
        zip::add_all(input, &structure, parts)?;
        for (name, source) in modules {
            parts.add_content(Member::named(Role::Macro, name).of_kind("vba"), Content::from(source.into_bytes()))?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use crate::containers::ooxml::tests::package;
    use crate::testing::walk_with;
    use lazaret_model::Limits;

    #[test]
    fn basic_modules_are_parts() {
        let module =
            r#"<!DOCTYPE x><script:module script:name="M">Sub Main&#10;  Shell(&quot;calc&quot;)</script:module>"#;
        let bytes = package(&[("content.xml", b"<x/>"), ("Basic/Standard/M.xml", module.as_bytes())]);
        let recorded = walk_with(bytes, "a.odt", Some("odt"), &[], Limits::default());
        assert_eq!(recorded.bytes("//M"), b"Sub Main\n  Shell(\"calc\")");
        assert!(recorded.parts[0].macros);
    }

    #[test]
    fn an_encrypted_document_is_locked() {
        let manifest = "<manifest:manifest><manifest:encryption-data/></manifest:manifest>";
        let bytes = package(&[("META-INF/manifest.xml", manifest.as_bytes()), ("content.xml", b"\x01\x02")]);
        assert!(walk_with(bytes, "a.odt", Some("odt"), &[], Limits::default()).parts[0].locked);
    }

    #[test]
    fn a_module_within_another_is_read_as_well() {
        let module = r#"<script:module script:name="A">LAZARET-A<script:module script:name="B">LAZARET-B"#;
        let bytes = package(&[("content.xml", b"<x/>"), ("Basic/Standard/M.xml", module.as_bytes())]);
        let recorded = walk_with(bytes, "a.odt", Some("odt"), &[], Limits::default());
        assert_eq!((recorded.bytes("//A"), recorded.bytes("//B")), (&b"LAZARET-A"[..], &b"LAZARET-B"[..]));
    }

    #[test]
    fn a_module_behind_the_limit_is_said() {
        for (padding, complete) in [(1000, true), (super::MOST_XML as usize, false)] {
            let module = format!(
                r#"<script:module script:name="M">{}Shell(&quot;LAZARET&quot;)</script:module>"#,
                " ".repeat(padding)
            );
            let bytes = package(&[("content.xml", b"<x/>"), ("Basic/Standard/M.xml", module.as_bytes())]);
            let recorded = walk_with(bytes, "a.odt", Some("odt"), &[], Limits::default());
            assert_eq!(recorded.bytes("//M").ends_with(b"Shell(\"LAZARET\")"), complete, "{padding}");
            let said = recorded.parts[0].incomplete.iter().any(|given| given.contains("searched for macros"));
            assert!(recorded.parts[0].macros && said != complete, "{padding}");
        }
    }
}
