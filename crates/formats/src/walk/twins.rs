//! Members of one parent that have the same bytes under many names: they are opened a few times, and not as often as they are named.

use crate::Format;
use crate::parts::mark_incomplete;
use crate::state::{State, Twin};
use lazaret_model::{Child, Part, PartId};
use sha2::Digest;

/// Members of one parent with the same bytes that are opened; what others hold was looked at in these.
const MOST_TWINS: u32 = 8;
/// Formats that name what they hold after themselves.
const NAMING: &[&str] = &[
    "gzip", "bzip2", "xz", "lzma", "lzip", "zstd", "lz4", "zlib", "brotli", "compress", "openpgp", "cms", "cfb",
    "zisofs",
];

impl State<'_> {
    /// Ends a part of which so many are alike that it is not opened; none where it is to be.
    pub(super) fn known_twin(&mut self, part: &mut Part, twin: Option<&(PartId, Twin)>) -> Option<Child> {
        let (parent, twin) = twin?;
        // LIMIT: what is in it was looked at in the others, whose verdicts count for all that is around them.
        let known = self.twins.get(parent)?.get(twin).filter(|known| known.times >= MOST_TWINS)?;
        part.macros |= known.macros;
        known.incomplete.iter().for_each(|reason| mark_incomplete(part, reason.as_str()));
        let child = Child::of(part);
        self.visitor.end(part, &[]);
        Some(child)
    }

    /// Remembers what opening a part gave, of which the reasons of incompleteness from `before` on came about.
    pub(super) fn remember_twin(&mut self, part: &Part, twin: Option<(PartId, Twin)>, before: usize) {
        self.twins.remove(&part.id);
        // What is locked is tried each time: its password may be known by then.
        if let Some((parent, twin)) = twin.filter(|_| !part.locked && part.password.is_none()) {
            let opened = self.twins.entry(parent).or_default().entry(twin).or_default();
            opened.times = opened.times.saturating_add(1);
            opened.macros |= part.macros;
            opened.incomplete = part.incomplete.get(before..).unwrap_or_default().to_vec();
        }
    }
}

/// What tells a member from others of its parent that would give something else.
pub(super) fn twin_of(part: &Part, formats: &[&&dyn Format]) -> Twin {
    let mut hasher = sha2::Sha256::new();
    let mut add = |text: &str| {
        hasher.update((text.len() as u64).to_le_bytes());
        hasher.update(text);
    };
    add(&part.sha256);
    part.kinds().for_each(|kind| add(&kind.id));
    add(&format!("{:?} {}", part.role, part.named));
    add(part.declared_type.as_deref().unwrap_or_default());
    let by_name = formats.iter().any(|format| NAMING.contains(&format.id()));
    add(if by_name { part.name.as_str() } else { "" });
    add(&part.extension());
    hasher.finalize().into()
}
