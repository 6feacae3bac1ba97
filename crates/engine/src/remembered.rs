//! Reports that are remembered: the same bytes under the same name from the same place are judged once.
//!
//! Rules, policies and version need no place in the key, since every engine has a memory of its own.

use crate::{Request, SampleBytes};
use lazaret_model::{Origin, ScanReport};
use sha2::{Digest, Sha256};
use std::collections::{HashMap, VecDeque};
use std::sync::{Mutex, PoisonError};

/// Reports that are remembered, and bytes of their texts: about as many pieces as hundred people's pages have in an hour.
const MOST: usize = 16_384;
const MOST_TEXTS: usize = 16 << 20;
/// Parts and findings of a report that is worth it.
const MOST_PARTS: usize = 64;
const MOST_FINDINGS: usize = 64;
/// Bytes of names, sentences and evidence of such a report: what a worker says is not to fill this process's memory.
const MOST_HELD: usize = 64 << 10;

/// What a report depends on.
pub(crate) type Key = [u8; 32];

/// The reports, the oldest first, with about what each one's texts take.
#[derive(Default)]
pub(crate) struct Remembered(Mutex<Reports>);

#[derive(Default)]
struct Reports {
    known: HashMap<Key, ScanReport>,
    order: VecDeque<(Key, usize)>,
    texts: usize,
}

impl Remembered {
    /// The key of a request; none for bytes that are not in memory.
    pub(crate) fn key(request: &Request<'_>) -> Option<Key> {
        let SampleBytes::Memory(bytes) = &request.bytes else { return None };
        let codings: Vec<_> = request.codings.iter().map(|coding| coding.token()).collect();
        // Who asked, and for which page, matters only for what came before: `together` is asked about that each time.
        let origin = Origin { client: None, page: None, ..request.origin.clone() };
        // As JSON, so that no two requests can be written the same way.
        let about = serde_json::to_vec(&(request.name, origin, request.passwords, codings)).ok()?;
        let mut hash = Sha256::new();
        hash.update((about.len() as u64).to_le_bytes());
        hash.update(&about);
        hash.update(bytes);
        Some(hash.finalize().into())
    }

    pub(crate) fn recall(&self, key: &Key) -> Option<ScanReport> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).known.get(key).cloned()
    }

    /// Remembers a report, if another look could come to no other one. `held` is about what its texts take, in bytes.
    pub(crate) fn keep(&self, key: Key, report: &ScanReport, held: usize) {
        let many = report.parts.len() > MOST_PARTS || report.findings.len() > MOST_FINDINGS;
        if !report.complete || many || held > MOST_HELD {
            return;
        }
        let mut reports = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if reports.known.insert(key, report.clone()).is_none() {
            reports.order.push_back((key, held));
            reports.texts += held;
        }
        while reports.order.len() > MOST || reports.texts > MOST_TEXTS {
            let Some((oldest, held)) = reports.order.pop_front() else { break };
            reports.known.remove(&oldest);
            reports.texts = reports.texts.saturating_sub(held);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use lazaret_model::{ContentCoding, Direction};

    fn key(name: &str, bytes: &[u8], origin: &Origin, codings: &[ContentCoding]) -> Option<Key> {
        let bytes = SampleBytes::Memory(bytes.to_vec());
        Remembered::key(&Request { name, bytes, origin, passwords: &[], codings, prevalence: None })
    }

    #[test]
    fn everything_that_could_change_a_report_changes_the_key() {
        let origin = Origin::default();
        let one = key("a.txt", b"hello", &origin, &[]);
        assert_eq!(one, key("a.txt", b"hello", &origin.clone(), &[]));
        let asked = Origin { client: "192.0.2.1".parse().ok(), page: Some("host.invalid".into()), ..Origin::default() };
        assert_eq!(one, key("a.txt", b"hello", &asked, &[]));
        let upload = Origin { direction: Direction::Upload, ..Origin::default() };
        let listed = Origin { suspicious: true, ..Origin::default() };
        for other in [
            key("b.txt", b"hello", &origin, &[]),
            key("a.txt", b"hullo", &origin, &[]),
            key("a.txt", b"hello", &upload, &[]),
            key("a.txt", b"hello", &listed, &[]),
            key("a.txt", b"hello", &origin, &[ContentCoding::Gzip]),
        ] {
            assert!(other.is_some() && other != one);
        }
    }

    #[test]
    fn what_was_not_inspected_completely_is_looked_at_again() {
        let remembered = Remembered::default();
        let report = |complete| ScanReport {
            schema: String::new(),
            path: String::new(),
            sha256: String::new(),
            size: 0,
            kind: lazaret_model::Kind::UNKNOWN,
            verdict: lazaret_model::Verdict::Benign,
            decision: lazaret_model::Decision::Deliver,
            policies: Vec::new(),
            complete,
            elapsed_ms: 0.0,
            rulings: Vec::new(),
            parts: Vec::new(),
            findings: Vec::new(),
            basis: None,
        };
        remembered.keep([1; 32], &report(true), 100);
        remembered.keep([2; 32], &report(false), 100);
        remembered.keep([3; 32], &report(true), MOST_HELD + 1);
        assert!(remembered.recall(&[1; 32]).is_some());
        assert!(remembered.recall(&[2; 32]).is_none() && remembered.recall(&[3; 32]).is_none());
        let key_of = |n: usize| {
            let mut key = [3; 32];
            key[..8].copy_from_slice(&n.to_le_bytes());
            key
        };
        for n in 0..=MOST {
            remembered.keep(key_of(n), &report(true), 0);
        }
        assert!(remembered.recall(&[1; 32]).is_none(), "the oldest is forgotten");
        assert!(remembered.recall(&key_of(MOST)).is_some());
        let large = MOST_TEXTS / MOST_HELD + 1;
        for n in 0..=large {
            remembered.keep(key_of(MOST + 1 + n), &report(true), MOST_HELD);
        }
        assert!(
            remembered.recall(&key_of(MOST)).is_none() && remembered.recall(&key_of(MOST + 1)).is_none(),
            "for texts"
        );
        assert!(remembered.recall(&key_of(MOST + 1 + large)).is_some());
    }
}
