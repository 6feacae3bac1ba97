//! The list of detectors. To add one: a file in `detectors/`, a line in [`DETECTORS`], a folder in `corpus/`.

mod bombs;
mod clipboard;
mod documents;
mod hooks;
mod instructions;
mod macros;
mod masquerade;
mod pages;
mod pdfs;
mod programs;
mod schemes;
mod scripts;
mod settings;
mod shortcuts;
#[cfg(test)]
mod test_part;

use crate::Detector;

/// Every detector that needs no configuration; signatures and hash lists come on top, see [`crate::Inspector`].
pub static DETECTORS: &[&(dyn Detector + Sync)] = &[
    &masquerade::Masquerade,
    &clipboard::Clipboard,
    &documents::Documents,
    &hooks::Hooks,
    &instructions::Instructions,
    &macros::Macros,
    &pages::Pages,
    &pdfs::Pdfs,
    &schemes::Schemes,
    &scripts::Scripts,
    &settings::Settings,
    &shortcuts::Shortcuts,
    &bombs::Bombs,
    &programs::Programs,
];

/// Has what texts, pages and scripts need built: children that are forked later share it. Patterns for other kinds are left, since
/// every fork costs by what the process holds.
pub(crate) fn warm_up() {
    // Whoever starts waits for this: it is done by all processors. No thread is left when it returns.
    std::thread::scope(|scope| {
        scope.spawn(clipboard::build_tables);
        scope.spawn(|| {
            pages::build();
            pages::build_below();
            scripts::build();
        });
        clipboard::build();
        crate::commands::build();
        crate::text::build();
        instructions::build();
        schemes::build();
    });
}

#[cfg(test)]
mod tests {
    use super::DETECTORS;
    use std::path::Path;

    #[test]
    fn every_detector_has_a_corpus_folder() {
        for detector in DETECTORS {
            let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("corpus").join(detector.id());
            assert!(folder.is_dir(), "`{}` is missing", folder.display());
        }
    }

    #[test]
    fn every_detector_has_a_fuzz_target() {
        let fuzz = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../fuzz");
        let manifest = std::fs::read_to_string(fuzz.join("Cargo.toml")).unwrap();
        for detector in DETECTORS {
            let path = format!("fuzz_targets/detect_{}.rs", detector.id());
            assert!(fuzz.join(&path).is_file() && manifest.contains(&path), "`fuzz/{path}` is missing");
        }
    }
}
