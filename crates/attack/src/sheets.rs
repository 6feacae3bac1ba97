//! A release, or what somebody chose of it, as tables: with the sheets and columns of the spreadsheets that MITRE publishes.
//!
//! Those hold what is neither revoked nor deprecated. Whoever names entries gets exactly those, whatever their standing.

mod columns;
mod selection;
mod write;

pub use selection::{ids_of, selected_bundle};
pub use write::{sheet_csv, sheets_json, workbook};

use crate::{ATTACK_SOURCES, AttackError, Catalog, Reference, View, is_live, parse, references, text_of};
use columns::{Context, cell, day};
use lazaret_store::Version;
use selection::picked;
use serde_json::{Map, Value};
use std::collections::{BTreeMap, BTreeSet, HashMap};

/// Objects whose texts are read at once.
const BATCH: usize = 2_000;

/// One table.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Sheet {
    /// Its name.
    pub name: &'static str,
    /// The heads of its columns.
    pub head: &'static [&'static str],
    /// Its rows, each with as many cells as there are columns.
    pub rows: Vec<Vec<String>>,
}

/// Sheets with their columns and the STIX types that they hold, in the order of the official files.
#[rustfmt::skip]
const SHEETS: [(&str, &[&str], &[&str]); 11] = [
    ("techniques", &["attack-pattern"], &["ID", "STIX ID", "name", "description", "url", "created", "last modified", "domain", "version",
        "tactics", "detection", "platforms", "data sources", "is sub-technique", "sub-technique of", "contributors", "supports remote",
        "impact type", "system requirements", "effective permissions", "permissions required", "defenses bypassed", "relationship citations"]),
    ("tactics", &["x-mitre-tactic"], &["ID", "STIX ID", "name", "description", "url", "created", "last modified", "domain", "version"]),
    ("software", &["malware", "tool"], &["ID", "STIX ID", "name", "description", "url", "created", "last modified", "domain", "version",
        "contributors", "platforms", "aliases", "type", "relationship citations"]),
    ("groups", &["intrusion-set"], &["ID", "STIX ID", "name", "description", "url", "created", "last modified", "domain", "version",
        "contributors", "associated groups", "relationship citations"]),
    ("campaigns", &["campaign"], &["ID", "STIX ID", "name", "description", "url", "created", "last modified", "domain", "version",
        "contributors", "associated campaigns", "first seen", "first seen citation", "last seen", "last seen citation", "relationship citations"]),
    ("assets", &["x-mitre-asset"], &["ID", "STIX ID", "name", "description", "url", "created", "last modified", "domain", "version",
        "platforms", "sectors"]),
    ("mitigations", &["course-of-action"], &["ID", "STIX ID", "name", "description", "url", "created", "last modified", "domain", "version",
        "relationship citations"]),
    ("datasources", &["x-mitre-data-source"], &["ID", "STIX ID", "name", "description", "url", "created", "last modified", "domain", "version",
        "collection layers", "platforms", "contributors"]),
    ("datacomponents", &["x-mitre-data-component"], &["ID", "STIX ID", "name", "description", "url", "created", "last modified", "domain",
        "version", "data source"]),
    ("detectionstrategies", &["x-mitre-detection-strategy"], &["ID", "STIX ID", "name", "description", "url", "created", "last modified",
        "domain", "version", "contributors"]),
    ("analytics", &["x-mitre-analytic"], &["ID", "STIX ID", "name", "description", "url", "created", "last modified", "domain", "version",
        "platforms"]),
];
const RELATIONSHIPS: &[&str] = &[
    "source ID",
    "source name",
    "source ref",
    "source type",
    "mapping type",
    "target ID",
    "target name",
    "target ref",
    "target type",
    "mapping description",
    "STIX ID",
    "created",
    "last modified",
];
const CITATIONS: &[&str] = &["reference", "citation", "url"];

/// The sheets of a release, those without rows left out; with ids only what has them, and the relationships that it is an end of.
///
/// # Errors
/// When the release has no entry with one of the ids, or the library cannot be read.
pub async fn sheets(catalog: &Catalog, view: &View, ids: &[String]) -> Result<Vec<Sheet>, AttackError> {
    let picked = picked(view, ids)?;
    // It takes memory: two at once.
    let _turn = catalog.turn().await?;
    let is_in = |entry: &Version| match &picked {
        Some(picked) => picked.contains(&entry.object),
        None => is_live(entry),
    };
    let is_told = |relation: &Version| {
        let ends = [relation.from_object, relation.to_object].map(|end| view.object(end));
        match &picked {
            Some(_) => ends.iter().flatten().any(|end| is_in(end)),
            None => is_live(relation) && ends.iter().all(|end| end.is_some_and(is_live)),
        }
    };
    let mut sources: BTreeMap<String, (String, String)> = BTreeMap::new();
    // Relationships first: entries name what is cited there.
    let (mut relationships, mut cited): (Vec<_>, HashMap<i64, BTreeSet<String>>) = Default::default();
    let told: Vec<&Version> = view.entries().filter(|entry| !entry.relation.is_empty() && is_told(entry)).collect();
    for (relation, fields) in texts_of(catalog, &told).await? {
        note(&mut sources, references(&fields));
        let description = text_of(&fields, "description");
        for end in [relation.from_object, relation.to_object] {
            cited.entry(end).or_default().extend(citations(&description));
        }
        relationships.push(relationship(view, relation, description));
    }
    let mut all = Vec::new();
    for (name, kinds, head) in SHEETS {
        let entries: Vec<&Version> =
            kinds.iter().flat_map(|kind| view.of_kind(kind)).filter(|entry| is_in(entry)).collect();
        let mut rows = Vec::with_capacity(entries.len());
        for (entry, fields) in texts_of(catalog, &entries).await? {
            note(&mut sources, references(&fields));
            let context = Context { view, entry, fields: &fields, cited: cited.get(&entry.object) };
            rows.push(head.iter().map(|column| cell(column, &context)).collect::<Vec<_>>());
        }
        rows.sort();
        all.push(Sheet { name, head, rows });
    }
    relationships.sort();
    all.push(Sheet { name: "relationships", head: RELATIONSHIPS, rows: relationships });
    let sources = sources.into_iter().map(|(name, (told, url))| vec![name, told, url]);
    all.push(Sheet { name: "citations", head: CITATIONS, rows: sources.collect() });
    all.retain(|sheet| !sheet.rows.is_empty());
    Ok(all)
}

/// What objects say, in their order.
async fn texts_of<'v>(
    catalog: &Catalog,
    entries: &[&'v Version],
) -> Result<Vec<(&'v Version, Map<String, Value>)>, AttackError> {
    let mut read = Vec::with_capacity(entries.len());
    for some in entries.chunks(BATCH) {
        let ids: Vec<i64> = some.iter().map(|entry| entry.id).collect();
        let mut texts = catalog.library().bodies(&ids).await?;
        for entry in some {
            let text = texts.remove(&entry.id).unwrap_or_default();
            // What was imported can be read.
            let Ok(Value::Object(fields)) = parse(&text) else { continue };
            read.push((*entry, fields));
        }
    }
    Ok(read)
}

fn relationship(view: &View, relation: &Version, description: String) -> Vec<String> {
    let end = |object: i64| match view.object(object) {
        Some(end) => (end.attack_id.clone(), end.name.clone(), end.stix_id.clone()),
        None => (String::new(), String::new(), view.absent(object).to_owned()),
    };
    let kind = |stix_id: &str| kind_title(crate::kind_of(stix_id)).to_owned();
    let (source, target) = (end(relation.from_object), end(relation.to_object));
    let (source_kind, target_kind) = (kind(&source.2), kind(&target.2));
    vec![
        source.0,
        source.1,
        source.2,
        source_kind,
        relation.relation.clone(),
        target.0,
        target.1,
        target.2,
        target_kind,
        description,
        relation.stix_id.clone(),
        day(&relation.created),
        day(&relation.modified),
    ]
}

/// What the official tables call a STIX type.
fn kind_title(kind: &str) -> &str {
    match kind {
        "attack-pattern" => "technique",
        "malware" | "tool" => "software",
        "intrusion-set" => "group",
        "course-of-action" => "mitigation",
        kind => kind.strip_prefix("x-mitre-").unwrap_or(kind),
    }
}

/// Notes references to what others wrote; of several under one name, one that says where it is.
fn note(sources: &mut BTreeMap<String, (String, String)>, references: Vec<Reference>) {
    for reference in references {
        if !ATTACK_SOURCES.contains(&reference.source_name.as_str()) && !reference.description.is_empty() {
            let known = sources.entry(reference.source_name).or_default();
            if known.1.is_empty() {
                *known = (reference.description, reference.url);
            }
        }
    }
}

/// Citations in a text, as they stand there: `(Citation: Name)`.
fn citations(text: &str) -> Vec<String> {
    let pieces = text.split("(Citation: ").skip(1);
    pieces.filter_map(|piece| Some(format!("(Citation: {})", piece.split_once(')')?.0))).collect()
}
