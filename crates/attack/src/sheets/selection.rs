//! What somebody chose of a release: as a bundle of its own, each object as it was published.

use crate::{AttackError, Catalog, View, domain_title};
use lazaret_store::Version;
use sha2::{Digest, Sha256};
use std::collections::{BTreeSet, HashSet};

/// Entries that may be chosen.
pub(super) const MOST_IDS: usize = 10_000;

/// Objects with one of the ids, ATT&CK's or STIX's; none where no id is given.
pub(super) fn picked(view: &View, ids: &[String]) -> Result<Option<HashSet<i64>>, AttackError> {
    if ids.is_empty() {
        return Ok(None);
    }
    if ids.len() > MOST_IDS {
        return Err(AttackError::Named(format!("more than {MOST_IDS} ids were given")));
    }
    let mut found = HashSet::new();
    for id in ids {
        let id = id.trim();
        let before = found.len();
        let wanted = id.to_ascii_uppercase();
        found.extend(view.attack_id(&wanted).map(|entry| entry.object));
        found.extend(view.stix_id(id).map(|entry| entry.object));
        if found.len() == before && view.attack_id(&wanted).next().is_none() && view.stix_id(id).is_none() {
            let release = &view.release;
            let (domain, id) = (domain_title(&release.domain), crate::bundle::shortened(id));
            return Err(AttackError::Unknown(format!(
                "{domain} {} ({}) has no entry `{id}`",
                release.name, release.feed
            )));
        }
    }
    Ok(Some(found))
}

/// A bundle of the entries with these ids, the relationships between them, and what says whose they are. Objects are as they were
/// published, to the byte; the bundle's own id comes from what it holds.
///
/// # Errors
/// When no id is given, the release has no entry with one of them, or the library cannot be read.
pub async fn selected_bundle(catalog: &Catalog, view: &View, ids: &[String]) -> Result<Vec<u8>, AttackError> {
    let Some(picked) = picked(view, ids)? else {
        return Err(AttackError::Named("a bundle of selected entries needs IDs".to_owned()));
    };
    // Who made it and under which terms it may be shared goes with it.
    let goes_along =
        |entry: &Version| ["identity--", "marking-definition--"].iter().any(|kind| entry.stix_id.starts_with(kind));
    let is_in = |entry: &&Version| match entry.relation.as_str() {
        "" => picked.contains(&entry.object) || goes_along(entry),
        _ => picked.contains(&entry.from_object) && picked.contains(&entry.to_object),
    };
    let members: Vec<i64> = view.entries().filter(is_in).map(|entry| entry.id).collect();
    let mut texts = catalog.library().bodies(&members).await?;
    let (mut hash, mut objects) = (Sha256::new(), Vec::new());
    for id in members {
        let text = texts.remove(&id).unwrap_or_default();
        hash.update(&text);
        if !objects.is_empty() {
            objects.extend_from_slice(b",\n");
        }
        objects.extend_from_slice(&text);
    }
    // STIX 2.1, 8: bundles of STIX 2.0 say so, those of 2.1 leave it to their objects.
    let version = if view.release.feed == "stix-2.0" { "\"spec_version\": \"2.0\", " } else { "" };
    let mut bundle =
        format!("{{\"type\": \"bundle\", \"id\": \"bundle--{}\", {version}\"objects\": [\n", uuid(&hash.finalize()));
    bundle.reserve(objects.len());
    let mut bundle = bundle.into_bytes();
    bundle.extend_from_slice(&objects);
    bundle.extend_from_slice(b"\n]}\n");
    Ok(bundle)
}

/// A UUID of a hash (RFC 9562, 5.8: version 8).
fn uuid(hash: &[u8]) -> String {
    let mut bytes = [0_u8; 16];
    bytes.iter_mut().zip(hash).for_each(|(to, from)| *to = *from);
    bytes[6] = (bytes[6] & 0x0f) | 0x80;
    bytes[8] = (bytes[8] & 0x3f) | 0x80;
    let digits: String = bytes.iter().map(|byte| format!("{byte:02x}")).collect();
    let pieces = [(0, 8), (8, 12), (12, 16), (16, 20), (20, 32)].map(|(from, to)| &digits[from..to]);
    pieces.join("-")
}

/// Ids as people write them: separated by commas, spaces or lines, each once.
pub fn ids_of(text: &str) -> Vec<String> {
    let ids = text.split([',', ' ', '\n', '\r', '\t']).filter(|id| !id.is_empty());
    ids.map(str::to_owned).collect::<BTreeSet<_>>().into_iter().collect()
}
