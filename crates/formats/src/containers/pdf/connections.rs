//! Files on shares that a document or its forms name (ISO 32000-1, 7.11; XFA 3.3, "Connection Set", "Submit"; XML 1.0, 4.2.2): the
//! program that shows it asks for them.

use super::objects::Value;
use super::{Document, text};
use crate::containers::links::Links;
use crate::containers::shares::{is_share, leaves_house};
use crate::containers::xml::{Token, attribute, tokens, unescape};
use crate::{OpenError, Parts};

/// Keys of file specifications, and of what is one (7.11; 13.2.4.2, table 275; 12.5.6.15).
const FILES: [&str; 7] = ["F", "UF", "DOS", "Mac", "Unix", "FS", "D"];
/// What a share that is written with slashes is called: of an address, they would be another site's.
const FILE: &str = "file";

/// Elements whose text is a place.
const PLACES: [&str; 3] = ["uri", "wsdlAddress", "soapAddress"];
/// Attributes that are one.
const ATTRIBUTES: [&str; 2] = ["target", "href"];

impl<'d> Document<'d> {
    /// Shares in the file specifications of a dictionary, whatever they are for. What has the file itself needs none.
    pub(super) fn shares(&mut self, value: &'d Value, parts: &mut Parts<'_, '_>) -> Result<(), OpenError> {
        if ["EF", "RF"].iter().any(|key| value.get(key).is_some()) {
            return Ok(());
        }
        for key in FILES.into_iter().chain(["Base"]) {
            for file in value.get(key).map(|file| self.resolve(file)).unwrap_or_default() {
                let Value::Text(bytes) = file else { continue };
                parts.budget().step(64 + 2 * bytes.len() as u64).map_err(OpenError::Limit)?;
                let name = text(bytes);
                match () {
                    () if key != "Base" && is_machine(&name) => self.links.add_as(FILE, &format!("/{}", name.trim())),
                    () if !is_share(&name) => {}
                    () if key == "Base" => self.base = Some(name),
                    () if name.trim_start().starts_with("//") => self.links.add_as(FILE, &name),
                    () => self.links.add(&name),
                }
            }
        }
        Ok(())
    }
}

/// Whether a name begins with a machine and one of its shares behind a single slash, as file specifications write them (7.11.2.3). Paths
/// of other systems begin alike: only what is no folder's name counts, that of a machine outside of the house.
fn is_machine(name: &str) -> bool {
    let Some(path) = name.trim().strip_prefix('/').filter(|path| !path.starts_with('/')) else { return false };
    path.split('/').filter(|step| !step.is_empty()).count() > 2 && leaves_house(&format!("//{path}"))
}

/// Gathers the shares that a form names.
pub(in crate::containers) fn gather(form: &str, links: &mut Links, parts: &mut Parts<'_, '_>) -> Result<(), OpenError> {
    let mut add = |place: &str| {
        // Two slashes are how addresses on the web begin that leave their scheme out.
        if is_share(place) && !place.trim_start().starts_with("//") {
            links.add(place);
        }
    };
    let mut within = false;
    for (index, token) in tokens(form).enumerate() {
        if index % 1024 == 0 {
            parts.budget().check_time().map_err(OpenError::Limit)?;
        }
        match token {
            Token::Open(name, attributes) => {
                within = PLACES.contains(&name);
                ATTRIBUTES.iter().filter_map(|name| attribute(attributes, name)).for_each(|place| add(&place));
            }
            Token::Close(_) => within = false,
            Token::Text(text) if within => add(&unescape(text)),
            Token::Text(_) => {}
        }
    }
    // Style sheets and entities, which are no elements.
    for (begin, end) in [("<?xml-stylesheet", "?>"), ("<!ENTITY", ">")] {
        for (index, rest) in form.split(begin).skip(1).enumerate() {
            if index % 1024 == 0 {
                parts.budget().check_time().map_err(OpenError::Limit)?;
            }
            let rest = rest.split(end).next().unwrap_or_default();
            rest.split(['"', '\'']).skip(1).step_by(2).for_each(|place| add(&unescape(place)));
        }
    }
    Ok(())
}
