//! Scenes of modellers that carry code to be run when they are opened: Blender's texts, Maya's script nodes.

mod blend;
mod maya;

use crate::{Content, Format, OpenError, Parts, encoding};

/// Bytes of a scene as text that are read.
const MOST: u64 = 64 << 20;

/// Opens scenes.
pub(super) struct Scene;

impl Format for Scene {
    fn id(&self) -> &'static str {
        "scene"
    }

    fn kinds(&self) -> &'static [&'static str] {
        &["blend", "ma"]
    }

    fn summary(&self) -> &'static str {
        "texts in Blender files, script nodes and commands in Maya ASCII; Maya binary is recognised and not opened"
    }

    fn open(&self, input: &Content, parts: &mut Parts<'_, '_>) -> Result<(), OpenError> {
        if parts.part().is("blend") {
            return blend::open(input, parts);
        }
        let bytes = super::text_of(input, MOST, parts)?;
        maya::open(&encoding::decode(&bytes), parts)
    }
}
