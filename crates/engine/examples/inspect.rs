//! How long files take in one process, and what that process holds: for whoever works on detectors and openers.
//!
//!     cargo run --release -p lazaret-engine --example inspect -- FILE...
//!
//! Each file is looked at as often as is said by `ROUNDS` below: the first time is what a process of its own takes, without fork and sandbox.

#![allow(
    clippy::disallowed_methods,
    clippy::expect_used,
    clippy::unwrap_used,
    reason = "a tool for whoever works on this crate"
)]

use lazaret_detect::{Inspector, Signatures, built_in_rules, compile};
use lazaret_formats::{Content, Setup, Visitor, walk};
use lazaret_model::{Child, Finding, Limits, Part, PartId};
use std::sync::Arc;
use std::time::{Duration, Instant};

/// How often each file is looked at.
const ROUNDS: usize = 5;

struct Silent<'a>(&'a Inspector);

impl Visitor for Silent<'_> {
    fn begin(&mut self, _: &Part) {}
    fn inspect(&mut self, part: &Part, content: &Content) -> Vec<String> {
        self.0.inspect(part, |offset, len| content.window(offset, len)).incomplete
    }
    fn finding(&mut self, _: &Part, _: Finding) {}
    fn end(&mut self, part: &Part, children: &[Child]) {
        let _ = self.0.conclude(part, children);
    }
    fn withdraw_below(&mut self, _: PartId) {}
}

/// Private memory of this process in KiB (proc(5), `smaps_rollup`).
fn memory() -> String {
    let text = std::fs::read_to_string("/proc/self/smaps_rollup").unwrap_or_default();
    let line = text.lines().find(|line| line.starts_with("Anonymous:"));
    line.unwrap_or_default().split_whitespace().nth(1).unwrap_or("?").to_owned()
}

fn look(inspector: &Inspector, name: &str, bytes: &[u8]) -> Duration {
    let start = Instant::now();
    let setup = Setup {
        limits: Limits::default(),
        clock: Arc::new(move || start.elapsed()),
        spool: None,
        passwords: Vec::new(),
        legacy_hashes: inspector.wants_legacy_hashes(),
        declared_type: None,
        codings: Vec::new(),
    };
    walk(&bytes.to_vec().into(), name, setup, &mut Silent(inspector));
    start.elapsed()
}

fn main() {
    let compiled = compile(&built_in_rules()).expect("the built-in rules");
    let signatures = Signatures::load(&compiled.bytes).expect("compiled rules");
    drop(compiled);
    println!("{} KiB with the rules", memory());
    let inspector = Inspector::new(Some(signatures), Vec::new());
    let start = Instant::now();
    lazaret_detect::warm_up();
    println!("{} KiB after the warm-up of {:.0} ms", memory(), start.elapsed().as_secs_f64() * 1e3);
    let mut sums = [Duration::ZERO; ROUNDS];
    for path in std::env::args().skip(1) {
        let bytes = std::fs::read(&path).expect("a file that can be read");
        for sum in &mut sums {
            *sum += look(&inspector, &path, &bytes);
        }
    }
    for (round, sum) in sums.iter().enumerate() {
        println!("round {}: {:.2} ms", round + 1, sum.as_secs_f64() * 1e3);
    }
    println!("{} KiB at the end", memory());
}
