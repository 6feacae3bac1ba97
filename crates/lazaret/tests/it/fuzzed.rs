//! Every opener and every detector is fuzzed by a target of its own, which is written here.

use lazaret_detect::DETECTORS;
use lazaret_formats::FORMATS;
use std::path::Path;

/// What is between the targets of `fuzz/Cargo.toml`.
const ROW: &str = "[[bin]]\n";

/// With `LAZARET_BLESS=1` in its environment it writes what is missing.
#[test]
fn every_opener_and_every_detector_has_a_fuzz_target() {
    let fuzz = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../fuzz");
    let manifest = fuzz.join("Cargo.toml");
    let text = std::fs::read_to_string(&manifest).expect("a manifest");
    let (head, rows) = text.split_once(ROW).expect("targets");
    let mut rows: Vec<String> = rows.split(ROW).map(|row| format!("{}\n", row.trim_end())).collect();

    let openers = FORMATS.iter().map(|format| ("open", format.id(), "Walks any bytes as"));
    let detectors = DETECTORS.iter().map(|detector| ("detect", detector.id(), "Shows any bytes to the detector"));
    let mut targets = Vec::new();
    for (how, id, about) in openers.chain(detectors) {
        let name = format!("{how}_{id}");
        let target = format!(
            "//! {about} `{id}`.\n\n#![no_main]\n\nlibfuzzer_sys::fuzz_target!(|data: &[u8]| fuzz::{how}(\"{id}\", data));\n"
        );
        targets.push((fuzz.join(format!("fuzz_targets/{name}.rs")), target));
        let row = format!(
            "name = \"{name}\"\npath = \"fuzz_targets/{name}.rs\"\nrequired-features = [\"targets\"]\n\
             test = false\ndoc = false\nbench = false\n"
        );
        if !rows.contains(&row) {
            rows.push(row);
        }
    }
    rows.sort();
    let rows: Vec<_> = rows.iter().map(|row| format!("{ROW}{row}")).collect();
    targets.push((manifest, format!("{head}{}", rows.join("\n"))));

    for (path, expected) in targets {
        if std::env::var_os("LAZARET_BLESS").is_some() {
            std::fs::write(&path, &expected).expect("it can be written");
        }
        let written = std::fs::read_to_string(&path).unwrap_or_default();
        assert!(written == expected, "`{}`: run this test with LAZARET_BLESS=1", path.display());
    }
}
