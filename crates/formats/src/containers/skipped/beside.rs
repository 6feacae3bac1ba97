//! Hands over what is a file among what decoders pass over. Beside them, since whoever looks for hidden files decodes as well.

use super::{MOST, Skipped};
use crate::{Content, Member, OpenError, Parts, extent, identify, kinds};
use lazaret_model::Role;

impl Skipped {
    /// Hands over what is a file, or holds one; words and tables are none.
    pub(crate) fn hand_over(self, parts: &mut Parts<'_, '_>) -> Result<(), OpenError> {
        if self.more {
            parts.incomplete(format!("only {MOST} bytes of what stands beside its data were looked at"));
        }
        for bytes in self.kept {
            // As much as it takes to identify it.
            parts.budget().step(16 << 10).map_err(OpenError::Limit)?;
            let content = Content::from(bytes);
            let kind = identify(&content)?.kind;
            if kind.class.runs() || kinds::kind(&kind.id).is_some_and(|row| row.container) {
                parts.add_content(Member::unnamed(Role::Appended, "beside-the-data"), content)?;
                continue;
            }
            search(&content, "beside its data", parts)?;
        }
        Ok(())
    }
}

/// Hands over what is hidden in bytes that no reader of a format looks at, and is a file by its signature.
pub(in crate::containers) fn search(
    content: &Content,
    place: &str,
    parts: &mut Parts<'_, '_>,
) -> Result<(), OpenError> {
    let (found, more) = extent::unread(content, parts.budget())?;
    if more {
        parts.incomplete(format!("more is hidden {place} than is looked at"));
    }
    for (name, content) in found {
        parts.add_content(Member::unnamed(Role::Appended, name), content)?;
    }
    Ok(())
}
