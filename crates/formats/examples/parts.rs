//! Prints what every file is taken apart into: `cargo run --release --example parts -- FILE...`.

#![allow(
    clippy::disallowed_methods,
    clippy::expect_used,
    clippy::unwrap_used,
    reason = "a tool for whoever works on this crate"
)]

use lazaret_formats::{Content, Setup, Visitor, walk};
use lazaret_model::{Child, Finding, Limits, Part, PartId};
use std::sync::Arc;
use std::time::Instant;

struct Printer;

impl Visitor for Printer {
    fn begin(&mut self, part: &Part) {
        println!("{:indent$}{} [{}] {} bytes", "", part.path, part.kind, part.size, indent = part.depth as usize * 2);
    }

    fn inspect(&mut self, _part: &Part, _content: &Content) -> Vec<String> {
        Vec::new()
    }

    fn finding(&mut self, part: &Part, finding: Finding) {
        println!("{:indent$}! {}", "", finding.message, indent = part.depth as usize * 2);
    }

    fn end(&mut self, part: &Part, _children: &[Child]) {
        for reason in &part.incomplete {
            println!("{:indent$}? {reason}", "", indent = part.depth as usize * 2);
        }
    }

    fn withdraw_below(&mut self, _part: PartId) {}
}

fn main() {
    for path in std::env::args().skip(1) {
        let Ok(bytes) = std::fs::read(&path) else { continue };
        let start = Instant::now();
        let setup = Setup {
            limits: Limits::default(),
            clock: Arc::new(move || start.elapsed()),
            spool: None,
            passwords: Vec::new(),
            legacy_hashes: false,
            declared_type: None,
            codings: Vec::new(),
        };
        walk(&Content::from(bytes), &path, setup, &mut Printer);
        if start.elapsed().as_millis() > 200 {
            println!("slow: {path} took {} ms", start.elapsed().as_millis());
        }
    }
}
