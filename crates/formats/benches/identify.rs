//! How long identification takes, beside plain `file-format` on the same bytes.

#![allow(clippy::disallowed_methods, clippy::expect_used, clippy::unwrap_used, reason = "it reads what it measures")]

use divan::{Bencher, black_box};
use lazaret_formats::{Content, identify};

fn main() {
    divan::main();
}

/// Files as they are downloaded, made here.
fn samples() -> Vec<Vec<u8>> {
    let text = "A line of prose, as there are many of them in every file that people read.\n".repeat(60);
    let script = "function load(name) {\n  var node = document.createElement('p');\n  return node;\n}\n".repeat(60);
    let page = format!("<!DOCTYPE html><html><body>{}</body></html>", "<p>Some words.</p>\n".repeat(300));
    let json = format!("[{}{{}}]", "{\"name\": \"value\", \"number\": 12},\n".repeat(150));
    let mut picture = b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR".to_vec();
    picture.resize(60_000, 0xa7);
    let mut program = b"MZ".to_vec();
    program.resize(60_000, 0);
    program.splice(0x3c..0x40, [0x80, 0, 0, 0]);
    program.splice(0x80..0x84, *b"PE\0\0");
    vec![text.into_bytes(), script.into_bytes(), page.into_bytes(), json.into_bytes(), picture, program]
}

const NAMES: [&str; 6] = ["prose", "script", "page", "json", "picture", "program"];

#[divan::bench(args = 0..NAMES.len())]
fn lazaret(bencher: Bencher<'_, '_>, index: usize) {
    let content = Content::from(samples().swap_remove(index));
    bencher.bench_local(|| identify(black_box(&content)).expect("memory can be read"));
}

#[divan::bench(args = 0..NAMES.len())]
fn file_format(bencher: Bencher<'_, '_>, index: usize) {
    let bytes = samples().swap_remove(index);
    bencher.bench_local(|| file_format::FileFormat::from_bytes(black_box(&bytes)));
}
