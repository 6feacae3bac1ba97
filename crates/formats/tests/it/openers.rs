//! Every opener has stand-ins in `corpus/<id>/`, and opens at least one of them.

use lazaret_formats::{Content, FORMATS, Format, Setup, Visitor, walk_as};
use lazaret_model::{Child, Finding, Limits, Part, PartId};
use std::path::Path;
use std::sync::Arc;
use std::time::Instant;

/// Remembers which kinds of parts had something in them.
#[derive(Default)]
struct Opened {
    kinds: Vec<Vec<String>>,
}

impl Visitor for Opened {
    fn begin(&mut self, _part: &Part) {}

    fn inspect(&mut self, _part: &Part, _content: &Content) -> Vec<String> {
        Vec::new()
    }

    fn finding(&mut self, _part: &Part, _finding: Finding) {}

    fn end(&mut self, part: &Part, children: &[Child]) {
        if !children.is_empty() {
            self.kinds.push(part.kinds().map(|kind| kind.id.to_string()).collect());
        }
    }

    fn withdraw_below(&mut self, _part: PartId) {}
}

fn opens(format: &dyn Format, name: &str, bytes: Vec<u8>) -> bool {
    let start = Instant::now();
    let setup = Setup {
        limits: Limits::default(),
        clock: Arc::new(move || start.elapsed()),
        spool: None,
        passwords: vec!["infected".into()],
        legacy_hashes: false,
        declared_type: None,
        codings: Vec::new(),
    };
    let mut opened = Opened::default();
    // Brotli has no mark (RFC 7932): it is opened where something else says that it is Brotli.
    let kind = (format.id() == "brotli").then_some("brotli");
    walk_as(&Content::from(bytes), name, kind, setup, &mut opened);
    opened.kinds.iter().flatten().any(|kind| format.kinds().contains(&kind.as_str()))
}

#[test]
fn every_opener_opens_a_stand_in_of_its_own() {
    for format in FORMATS {
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("corpus").join(format.id());
        let stored = corpus::stored(&folder).unwrap_or_else(|error| panic!("{error}; `cargo xtask corpus` makes it"));
        // Those of more than a few megabytes say nothing more about the opener.
        let mut small = stored.into_iter().filter(|(_, bytes)| bytes.len() < 4 << 20);
        let id = format.id();
        assert!(small.any(|(name, bytes)| opens(*format, &name, bytes)), "no stand-in is opened by `{id}`");
    }
}
