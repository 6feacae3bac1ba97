//! Prints the kind of every file below the given paths: `cargo run --release --example identify -- /usr/share`.

#![allow(
    clippy::disallowed_methods,
    clippy::expect_used,
    clippy::unwrap_used,
    reason = "a tool for whoever works on this crate"
)]

use lazaret_formats::{Content, identify};
use std::io::Write;
use std::path::Path;
use std::time::Instant;

fn main() {
    let mut out = std::io::BufWriter::new(std::io::stdout().lock());
    let mut times = Vec::new();
    for root in std::env::args().skip(1) {
        visit(Path::new(&root), &mut out, &mut times);
    }
    times.sort_unstable();
    if let (Some(half), Some(most)) = (times.get(times.len() / 2), times.get(times.len() * 99 / 100)) {
        eprintln!("{} files, p50 {:.1} us, p99 {:.1} us", times.len(), *half as f64 / 1e3, *most as f64 / 1e3);
    }
}

fn visit(path: &Path, out: &mut impl Write, times: &mut Vec<u128>) {
    let Ok(metadata) = std::fs::symlink_metadata(path) else { return };
    if metadata.is_dir() {
        for entry in std::fs::read_dir(path).into_iter().flatten().flatten() {
            visit(&entry.path(), out, times);
        }
    } else if metadata.is_file()
        && metadata.len() < 64 << 20
        && let Ok(bytes) = std::fs::read(path)
    {
        let content = Content::from(bytes);
        let start = Instant::now();
        let found = identify(&content).expect("memory can be read");
        times.push(start.elapsed().as_nanos());
        let also: Vec<_> = found.also.iter().map(|kind| kind.id.as_ref()).collect();
        let _ = writeln!(out, "{}\t{}\t{}", found.kind, also.join(","), path.display());
    }
}
