//! Contacts of Windows (`.contact`): XML, whose addresses the system opens as it opens what is typed into its Run dialog.

use super::places;
use crate::OpenError;
use crate::containers::links::Links;
use crate::containers::xml::{Token, tokens, unescape};
use crate::{Content, Member, Parts};
use lazaret_model::Role;

/// Letters of Base64 from which a value is a file, and from which it is one where it decodes to something known: names and
/// addresses are written in the same letters.
const LARGE: usize = 128;
const SMALL: usize = 24;

/// Hands over the values of a contact that are files, and the places that it leads to.
pub(super) fn open(text: &str, links: &mut Links, parts: &mut Parts<'_, '_>) -> Result<(), OpenError> {
    let mut valued = false;
    for token in tokens(text) {
        parts.budget().check_time().map_err(OpenError::Limit)?;
        match token {
            Token::Open(name, _) => {
                valued = ["Value", "Address", "Url"].iter().any(|known| name.eq_ignore_ascii_case(known))
            }
            Token::Close(_) => valued = false,
            Token::Text(value) if valued => {
                let value = unescape(value);
                let value = value.trim();
                let encoded = value.len() >= SMALL && super::decode::is_base64(value.as_bytes());
                let bytes = if encoded { super::decode::base64(value.as_bytes()) } else { Vec::new() };
                if encoded && (value.len() >= LARGE || !crate::identify_head(&bytes).kind.is_unknown()) {
                    parts.add_content(Member::unnamed(Role::Attachment, "value"), Content::from(bytes))?;
                } else {
                    places::add(value, links);
                }
            }
            Token::Text(_) => {}
        }
    }
    Ok(())
}
