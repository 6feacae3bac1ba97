//! Prints what is inside files: `cargo run -p lazaret-formats --example walk -- FILE...`, for those who write openers.

#![allow(
    clippy::disallowed_methods,
    clippy::expect_used,
    clippy::unwrap_used,
    reason = "a tool for whoever works on this crate"
)]

use lazaret_formats::{Content, ReadAt, Setup, Visitor, walk};
use lazaret_model::{Child, Finding, Limits, Part, PartId};
use std::fs::File;
use std::io;
use std::os::unix::fs::FileExt as _;
use std::sync::Arc;
use std::time::Instant;

struct OnDisk(File);

impl ReadAt for OnDisk {
    fn read_at(&self, buffer: &mut [u8], offset: u64) -> io::Result<usize> {
        self.0.read_at(buffer, offset)
    }
}

impl lazaret_formats::Spool for OnDisk {
    fn write_all_at(&self, bytes: &[u8], offset: u64) -> io::Result<()> {
        self.0.write_all_at(bytes, offset)
    }
}

struct Print;

impl Visitor for Print {
    fn begin(&mut self, _part: &Part) {}
    fn inspect(&mut self, _part: &Part, _content: &Content) -> Vec<String> {
        Vec::new()
    }
    fn finding(&mut self, part: &Part, finding: Finding) {
        println!("  ! {} {}: {}", finding.id, part.path, finding.message);
    }
    fn end(&mut self, part: &Part, _children: &[Child]) {
        let state = if part.locked { "locked" } else { "" };
        println!("{} [{}] {} {state} {}", part.path, part.kind.id, part.size, part.incomplete.join("; "));
    }
    fn withdraw_below(&mut self, _part: PartId) {}
}

fn main() -> io::Result<()> {
    for path in std::env::args().skip(1) {
        let file = File::open(&path)?;
        let len = file.metadata()?.len();
        let spool = std::env::temp_dir().join(format!("walk-{}", std::process::id()));
        let scratch = File::options().read(true).write(true).create(true).truncate(true).open(&spool)?;
        std::fs::remove_file(&spool)?;
        let start = Instant::now();
        let setup = Setup {
            limits: Limits::default(),
            clock: Arc::new(move || start.elapsed()),
            spool: Some(Arc::new(OnDisk(scratch))),
            passwords: vec!["infected".to_owned()],
            legacy_hashes: false,
            declared_type: None,
            codings: Vec::new(),
        };
        walk(&Content::stored(Arc::new(OnDisk(file)), 0, len), &path, setup, &mut Print);
        println!("= {path}: {:.1} ms", start.elapsed().as_secs_f64() * 1e3);
    }
    Ok(())
}
