//! The cells of an entry's row, by the heads of their columns.

use crate::{ATTACK_SOURCES, View, kind_of, text_of, texts};
use lazaret_store::Version;
use serde_json::{Map, Value};
use std::collections::BTreeSet;

const MONTHS: [&str; 12] = [
    "January",
    "February",
    "March",
    "April",
    "May",
    "June",
    "July",
    "August",
    "September",
    "October",
    "November",
    "December",
];

/// An entry with what its cells are made of.
pub(super) struct Context<'a> {
    pub(super) view: &'a View,
    pub(super) entry: &'a Version,
    pub(super) fields: &'a Map<String, Value>,
    /// What its relationships cite.
    pub(super) cited: Option<&'a BTreeSet<String>>,
}

/// A cell by the head of its column.
pub(super) fn cell(column: &str, of: &Context<'_>) -> String {
    let (entry, fields) = (of.entry, of.fields);
    let list = |name: &str| texts(fields, name).join(", ");
    match column {
        "ID" => entry.attack_id.clone(),
        "STIX ID" => entry.stix_id.clone(),
        "name" => entry.name.clone(),
        "description" => text_of(fields, "description"),
        "url" => url(fields),
        "created" => day(&entry.created),
        "last modified" => day(&entry.modified),
        "domain" => of.view.release.domain.clone(),
        "version" => entry.version.clone(),
        "tactics" => tactics(of.view, entry),
        "detection" => text_of(fields, "x_mitre_detection"),
        "platforms" => list("x_mitre_platforms"),
        "data sources" => list("x_mitre_data_sources"),
        "is sub-technique" => truth(entry.flags & Version::SUBTECHNIQUE != 0),
        "sub-technique of" => parent(entry),
        "contributors" => texts(fields, "x_mitre_contributors").join("; "),
        "supports remote" => {
            fields.get("x_mitre_remote_support").and_then(Value::as_bool).map(truth).unwrap_or_default()
        }
        "impact type" => list("x_mitre_impact_type"),
        "system requirements" => list("x_mitre_system_requirements"),
        "effective permissions" => list("x_mitre_effective_permissions"),
        "permissions required" => list("x_mitre_permissions_required"),
        "defenses bypassed" => list("x_mitre_defense_bypassed"),
        "aliases" | "associated groups" | "associated campaigns" => aliases(entry, fields),
        "type" => kind_of(&entry.stix_id).to_owned(),
        "first seen" => day(&text_of(fields, "first_seen")),
        "first seen citation" => text_of(fields, "x_mitre_first_seen_citation"),
        "last seen" => day(&text_of(fields, "last_seen")),
        "last seen citation" => text_of(fields, "x_mitre_last_seen_citation"),
        "sectors" => list("x_mitre_sectors"),
        "collection layers" => list("x_mitre_collection_layers"),
        "data source" => {
            let source = of.view.stix_id(&text_of(fields, "x_mitre_data_source_ref"));
            source.map(|source| source.name.clone()).unwrap_or_default()
        }
        "relationship citations" => {
            of.cited.map(|cited| cited.iter().map(String::as_str).collect::<Vec<_>>().join(",")).unwrap_or_default()
        }
        _ => String::new(),
    }
}

/// A day as the official tables write it: `05 March 2020`. What is no day stays as it is.
pub(super) fn day(stamp: &str) -> String {
    let told = || {
        let mut words = stamp.get(..10)?.split('-');
        let (year, month, day) = (words.next()?, words.next()?, words.next()?);
        let month = MONTHS.get(month.parse::<usize>().ok()?.checked_sub(1)?)?;
        Some(format!("{day} {month} {year}"))
    };
    told().unwrap_or_else(|| stamp.to_owned())
}

fn truth(is_so: bool) -> String {
    if is_so { "TRUE" } else { "FALSE" }.to_owned()
}

/// Where the official site has an entry.
fn url(fields: &Map<String, Value>) -> String {
    let references = fields.get("external_references").and_then(Value::as_array).into_iter().flatten();
    let own = references.filter(|reference| {
        reference.get("source_name").and_then(Value::as_str).is_some_and(|name| ATTACK_SOURCES.contains(&name))
    });
    own.filter_map(|reference| reference.get("url")?.as_str()).next().unwrap_or_default().to_owned()
}

/// Names of the tactics that a technique serves; short names of those that the release does not have.
fn tactics(view: &View, entry: &Version) -> String {
    let names: Vec<String> = entry
        .tactics
        .lines()
        .map(|short| view.tactic(short).map_or_else(|| short.to_owned(), |tactic| tactic.name.clone()))
        .collect();
    names.join(", ")
}

/// The id of the technique that a sub-technique belongs to; empty for a technique.
fn parent(entry: &Version) -> String {
    if entry.flags & Version::SUBTECHNIQUE == 0 {
        return String::new();
    }
    entry.attack_id.split_once('.').map(|(parent, _)| parent.to_owned()).unwrap_or_default()
}

/// Other names than its own.
fn aliases(entry: &Version, fields: &Map<String, Value>) -> String {
    let names = texts(fields, "x_mitre_aliases").into_iter().chain(texts(fields, "aliases"));
    let names: Vec<&str> = names.filter(|name| *name != entry.name).collect();
    names.join(", ")
}
