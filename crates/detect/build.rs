//! Lists the built-in YARA rules: every `rules/*.yar` becomes part of the executable.

#![allow(
    clippy::disallowed_methods,
    clippy::expect_used,
    reason = "it runs while building: it reads files, and ends the build where it cannot"
)]

use std::fmt::Write as _;
use std::path::Path;
use std::{env, fs};

fn main() {
    println!("cargo::rerun-if-changed=rules");
    let root = env::var("CARGO_MANIFEST_DIR").expect("cargo sets CARGO_MANIFEST_DIR");
    let mut files: Vec<_> = fs::read_dir(Path::new(&root).join("rules"))
        .expect("crates/detect/rules can be read")
        .map(|entry| entry.expect("crates/detect/rules can be read").path())
        .filter(|path| path.extension().is_some_and(|extension| extension == "yar"))
        .collect();
    files.sort();
    let mut list = String::from("&[\n");
    for file in files {
        let name = file.file_name().expect("a file has a name").to_string_lossy().into_owned();
        writeln!(list, "    ({name:?}, include_str!({:?})),", file.display()).expect("writing to a string works");
    }
    list.push(']');
    let out = env::var("OUT_DIR").expect("cargo sets OUT_DIR");
    fs::write(Path::new(&out).join("rules.rs"), list).expect("OUT_DIR can be written");
}
