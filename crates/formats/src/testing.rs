//! For tests: takes bytes apart and remembers everything the walk says.

use crate::{Content, Setup, Visitor};
use lazaret_model::{Child, Finding, Limits, Part, PartId};
use std::collections::HashMap;
use std::sync::Arc;
use std::time::Instant;

/// What a walk said.
#[derive(Debug, Default)]
pub(crate) struct Recorded {
    pub(crate) parts: Vec<Part>,
    pub(crate) findings: Vec<Finding>,
    pub(crate) bytes: HashMap<PartId, Vec<u8>>,
}

impl Recorded {
    /// The part whose path ends so; panics with the list of parts when there is none.
    #[track_caller]
    pub(crate) fn part(&self, path_end: &str) -> &Part {
        self.parts.iter().find(|p| p.path.ends_with(path_end)).unwrap_or_else(|| {
            panic!(
                "no part ends in `{path_end}`: {:#?}",
                self.parts.iter().map(|p| (&p.path, &p.kind.id)).collect::<Vec<_>>()
            )
        })
    }

    /// The bytes of the part whose path ends so.
    #[track_caller]
    pub(crate) fn bytes(&self, path_end: &str) -> &[u8] {
        &self.bytes[&self.part(path_end).id]
    }

    /// Whether some part holds these bytes, such as a marker.
    pub(crate) fn contains(&self, marker: &[u8]) -> bool {
        self.parts.iter().filter_map(|p| self.bytes.get(&p.id)).any(|b| memchr::memmem::find(b, marker).is_some())
    }

    /// Whether nothing was left out.
    pub(crate) fn complete(&self) -> bool {
        self.parts.iter().all(|p| p.complete && !p.locked)
    }
}

impl Visitor for Recorded {
    fn begin(&mut self, part: &Part) {
        self.parts.push(part.clone());
    }

    fn inspect(&mut self, part: &Part, content: &Content) {
        self.bytes.insert(part.id, content.window(0, 64 << 20).expect("test content is readable").into_owned());
    }

    fn finding(&mut self, _part: &Part, finding: Finding) {
        self.findings.push(finding);
    }

    fn end(&mut self, part: &Part, _children: &[Child]) {
        let slot = self.parts.iter_mut().find(|p| p.id == part.id).expect("every end has a begin");
        slot.clone_from(part);
    }

    fn withdraw_below(&mut self, part: PartId) {
        let mut gone = vec![part];
        while let Some(parent) = gone.pop() {
            gone.extend(self.parts.iter().filter(|p| p.parent == Some(parent)).map(|p| p.id));
            self.parts.retain(|p| p.parent != Some(parent));
        }
    }
}

#[allow(dead_code)]
/// Walks `bytes` under the default limits.
pub(crate) fn walk(bytes: impl Into<Content>, name: &str) -> Recorded {
    walk_with(bytes, name, None, &[], Limits::default())
}

/// Walks `bytes`; `kind` skips identification of the sample itself.
pub(crate) fn walk_with(
    bytes: impl Into<Content>,
    name: &str,
    kind: Option<&'static str>,
    passwords: &[&str],
    limits: Limits,
) -> Recorded {
    let start = Instant::now();
    let setup = Setup {
        limits,
        clock: Arc::new(move || start.elapsed()),
        spool: None,
        passwords: passwords.iter().map(ToString::to_string).collect(),
        legacy_hashes: false,
        declared_type: None,
    };
    let mut recorded = Recorded::default();
    crate::walk::walk_as(&bytes.into(), name, kind, setup, &mut recorded);
    recorded
}
