//! Outlook messages ([MS-OXMSG]).

use super::{Compound, Entry};
use crate::containers::bytes::{utf8_or_cp437, utf16_le};
use crate::{Content, Member, OpenError, Parts};
use lazaret_model::Role;

/// Hands bodies and attachments over.
pub(super) fn add_all(compound: &Compound, parts: &mut Parts<'_, '_>) -> Result<(), OpenError> {
    // Bodies first: they may tell the password of an attachment.
    for entry in compound.streams() {
        let tag = entry.name.strip_prefix("__substg1.0_").unwrap_or_default().to_ascii_uppercase();
        let body = match tag.get(..4).unwrap_or_default() {
            "1000" => "body.txt",
            "1013" => "body.html",
            "1009" => {
                // [MS-OXRTFCP]: compressed RTF.
                parts.add(Member::unnamed(Role::Body, "body.rtf.compressed"), &mut compound.reader(entry))?;
                continue;
            }
            _ => continue,
        };
        let member = Member::unnamed(Role::Body, body);
        if tag.ends_with("001F") {
            let text = utf16_le(&compound.read(entry, 16 << 20));
            parts.add_content(member, Content::from(text.into_bytes()))?;
        } else {
            parts.add(member, &mut compound.reader(entry))?;
        }
    }
    for entry in compound.streams() {
        // 3701: PidTagAttachDataBinary; its siblings 3707 and 3704 are the long and the short name.
        let upper = entry.name.to_ascii_uppercase();
        if upper.starts_with("__SUBSTG1.0_37010102") {
            let name = ["3707", "3704", "3001"].iter().find_map(|tag| sibling(compound, entry, tag));
            let member = match name {
                Some(name) => Member::named(Role::Attachment, name),
                None => Member::unnamed(Role::Attachment, "attachment"),
            };
            let member = match sibling(compound, entry, "370E") {
                Some(declared) => member.declared(declared),
                None => member,
            };
            parts.add(member, &mut compound.reader(entry))?;
        } else if entry.path.to_ascii_uppercase().contains("__SUBSTG1.0_3701000D/")
            && !upper.starts_with("__SUBSTG1.0_")
            && !upper.starts_with("__PROPERTIES")
            && entry.size > 0
        {
            // An OLE object stored as a storage.
            parts.add(Member::named(Role::Embedded, entry.name.clone()), &mut compound.reader(entry))?;
        }
    }
    Ok(())
}

/// A text property beside this one.
fn sibling(compound: &Compound, entry: &Entry, tag: &str) -> Option<String> {
    let prefix = format!("__SUBSTG1.0_{tag}");
    let found = compound
        .streams()
        .find(|other| other.parent == entry.parent && other.name.to_ascii_uppercase().starts_with(&prefix))?;
    let bytes = compound.read(found, 4096);
    let text = if found.name.to_ascii_uppercase().ends_with("001F") { utf16_le(&bytes) } else { utf8_or_cp437(&bytes) };
    let text = text.trim_end_matches('\0').to_owned();
    (!text.is_empty()).then_some(text)
}
