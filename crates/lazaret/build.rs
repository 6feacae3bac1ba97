//! Lists the stored stand-ins of the corpus for `lazaret demo`: they become part of the executable as they are stored,
//! encoded.

#![allow(clippy::expect_used, reason = "it runs while building, and ends the build where it cannot")]

use std::fmt::Write as _;
use std::path::Path;
use std::{env, fs};

fn main() {
    let root = env::var("CARGO_MANIFEST_DIR").expect("cargo sets CARGO_MANIFEST_DIR");
    let mut list = String::from("&[\n");
    for corpus in ["formats", "detect"] {
        let corpus = Path::new(&root).join("..").join(corpus).join("corpus");
        println!("cargo::rerun-if-changed={}", corpus.display());
        let mut files = Vec::new();
        collect(&corpus, &mut files);
        files.sort();
        for file in files {
            let folder = file.parent().and_then(Path::file_name).unwrap_or_default().to_string_lossy().into_owned();
            let name = file.file_stem().unwrap_or_default().to_string_lossy().into_owned();
            writeln!(list, "    ({folder:?}, {name:?}, include_bytes!({:?})),", file.display())
                .expect("writing to a string works");
        }
    }
    list.push(']');
    let out = env::var("OUT_DIR").expect("cargo sets OUT_DIR");
    fs::write(Path::new(&out).join("standins.rs"), list).expect("OUT_DIR can be written");
}

fn collect(folder: &Path, files: &mut Vec<std::path::PathBuf>) {
    for entry in fs::read_dir(folder).expect("the corpus can be read") {
        let path = entry.expect("the corpus can be read").path();
        if path.is_dir() {
            collect(&path, files);
        } else if path.extension().is_some_and(|extension| extension == "standin") {
            files.push(path);
        }
    }
}
