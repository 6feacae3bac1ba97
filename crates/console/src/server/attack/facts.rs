//! What an entry says in its own fields, and how to use its page.

use super::{day, inside, prose};
use crate::prose::Citations;
use lazaret_attack::{Found, Link, Linked, Named, View, ends, is_live, path_of, text_of, texts};
use lazaret_store::Version;
use serde_json::{Map, Value};

/// One line of what an entry says about itself.
pub(super) struct Fact {
    pub(super) label: &'static str,
    pub(super) values: Vec<Piece>,
}

/// A value, with where it leads.
pub(super) struct Piece {
    pub(super) text: String,
    pub(super) path: String,
}

/// A longer text that an entry has beside its description.
pub(super) struct Section {
    pub(super) title: &'static str,
    pub(super) html: String,
}

/// Fields that are lists of texts.
const LISTS: [(&str, &str); 14] = [
    ("x_mitre_platforms", "Platforms"),
    ("aliases", "Also known as"),
    ("x_mitre_aliases", "Also known as"),
    ("labels", "Labels"),
    ("x_mitre_permissions_required", "Permissions required"),
    ("x_mitre_effective_permissions", "Effective permissions"),
    ("x_mitre_system_requirements", "System requirements"),
    ("x_mitre_defense_bypassed", "Defences bypassed"),
    ("x_mitre_impact_type", "Impact type"),
    ("x_mitre_data_sources", "Data sources"),
    ("x_mitre_collection_layers", "Collection layers"),
    ("x_mitre_sectors", "Sectors"),
    ("x_mitre_contributors", "Contributors"),
    ("x_mitre_tactic_type", "Tactic type"),
];
/// Fields that are one text.
const TEXTS: [(&str, &str); 5] = [
    ("x_mitre_shortname", "Short name"),
    ("x_mitre_detectable_by_common_defenses", "Detectable by common defences"),
    ("x_mitre_difficulty_for_adversary", "Difficulty for the adversary"),
    ("x_mitre_old_attack_id", "Former ID"),
    ("identity_class", "Identity class"),
];
/// Fields that are long texts.
const PROSE: [(&str, &str); 4] = [
    ("x_mitre_detection", "Detection"),
    ("x_mitre_detectable_by_common_defenses_explanation", "Detectable by common defences: explanation"),
    ("x_mitre_difficulty_for_adversary_explanation", "Difficulty for the adversary: explanation"),
    ("x_mitre_deprecation_reason", "Why it was deprecated"),
];

/// What an entry says about itself.
pub(super) fn facts(found: &Found, fields: &Map<String, Value>, linked: &[Linked]) -> Vec<Fact> {
    let mut facts = Vec::new();
    let mut add = |label, values: Vec<Piece>| {
        if !values.is_empty() {
            facts.push(Fact { label, values });
        }
    };
    let entries = |entries: Vec<&Version>| -> Vec<Piece> { entries.into_iter().map(piece).collect() };
    let view = &found.view;
    if let Some(ends) = ends(view, &found.version) {
        let end = |object: i64, named: &Named| match view.object(object) {
            Some(other) => piece(other),
            None => {
                let text = format!("{} (not in this release)", named.told());
                Piece { text, path: named.path.clone() }
            }
        };
        add("From", vec![end(found.version.from_object, &ends.source)]);
        add("Type", vec![plain(&ends.kind)]);
        add("To", vec![end(found.version.to_object, &ends.target)]);
    }
    if found.version.stix_id.starts_with("attack-pattern--") {
        let tactics = found.version.tactics.lines().map(|name| match view.tactic(name) {
            Some(tactic) => piece(tactic),
            None => plain(name),
        });
        add("Tactics", tactics.collect());
        let parent = view.from(found.version.object).find(|relation| relation.relation == "subtechnique-of");
        let parent = parent.and_then(|relation| view.object(relation.to_object));
        add("Sub-technique of", entries(parent.into_iter().collect()));
        let others = parent.into_iter().flat_map(|parent| view.to(parent.object));
        let others = others.filter(|one| one.relation == "subtechnique-of" && is_live(one));
        let others = others.filter_map(|one| view.object(one.from_object));
        let mut others: Vec<&Version> =
            others.filter(|other| other.object != found.version.object && is_live(other)).collect();
        others.sort_by(|a, b| a.attack_id.cmp(&b.attack_id));
        add("Other sub-techniques of that", entries(others));
    }
    for (link, own, label) in [
        (Link::DataSource, true, "Data source"),
        (Link::DataSource, false, "Data components"),
        (Link::Analytic, true, "Analytics"),
        (Link::Analytic, false, "Detection strategy"),
        (Link::LogSource, false, "Used by analytics"),
        (Link::Tactic, false, "Matrix"),
    ] {
        let mut those: Vec<_> =
            linked.iter().filter(|one| one.link == link && one.own == own).map(|one| &*one.other).collect();
        if label == "Used by analytics" && those.len() > 12 {
            those.truncate(12);
            let mut some = entries(those);
            some.push(plain("and others, listed under relationships"));
            add(label, some);
            continue;
        }
        add(label, entries(those));
    }
    for (field, label) in LISTS {
        let own = found.version.name.as_str();
        let values = texts(fields, field).into_iter().filter(|text| !(label == "Also known as" && *text == own));
        add(label, values.map(plain).collect());
    }
    for (field, label) in TEXTS {
        let text = text_of(fields, field);
        add(label, if text.is_empty() { Vec::new() } else { vec![plain(&text)] });
    }
    for (field, cited, label) in [
        ("first_seen", "x_mitre_first_seen_citation", "First seen"),
        ("last_seen", "x_mitre_last_seen_citation", "Last seen"),
    ] {
        let stamp = text_of(fields, field);
        if !stamp.is_empty() {
            let source = text_of(fields, cited);
            let source = source.trim_start_matches("(Citation: ").trim_end_matches(')');
            let source = if source.is_empty() { String::new() } else { format!(" ({source})") };
            add(label, vec![plain(&format!("{}{source}", stamp.get(..7).unwrap_or(&stamp)))]);
        }
    }
    for (field, label) in [("x_mitre_remote_support", "Remote"), ("x_mitre_network_requirements", "Requires network")] {
        if let Some(Value::Bool(value)) = fields.get(field) {
            add(label, vec![plain(if *value { "yes" } else { "no" })]);
        }
    }
    facts
}

fn plain(text: &str) -> Piece {
    Piece { text: text.to_owned(), path: String::new() }
}

fn piece(version: &Version) -> Piece {
    let mut text = named(version);
    if !is_live(version) {
        text.push_str(" (no longer in use)");
    }
    Piece { text, path: path_of(version) }
}

/// What people call an entry: `T1204 User Execution`.
pub(super) fn named(version: &Version) -> String {
    lazaret_attack::Named::of(version).told()
}

/// The longer texts of an entry beside its description, and tables of what detection needs.
pub(super) fn sections(fields: &Map<String, Value>, citations: &mut Citations) -> Vec<Section> {
    let mut sections = Vec::new();
    for (field, title) in PROSE {
        let text = text_of(fields, field);
        if !text.is_empty() {
            sections.push(Section { title, html: prose(&text, citations) });
        }
    }
    sections
}

/// A table of things that an entry lists: log sources, what can be tuned, related assets.
pub(super) struct Table {
    pub(super) title: &'static str,
    pub(super) heads: Vec<&'static str>,
    pub(super) rows: Vec<Vec<Piece>>,
}

pub(super) fn tables(view: &View, fields: &Map<String, Value>) -> Vec<Table> {
    let list = |name: &str| fields.get(name).and_then(Value::as_array).map_or(&[][..], Vec::as_slice).to_vec();
    let text = |value: &Value, name: &str| plain(value.get(name).and_then(Value::as_str).unwrap_or_default());
    let component = |value: &Value| {
        let id = value.get("x_mitre_data_component_ref").and_then(Value::as_str).unwrap_or_default();
        view.stix_id(id).map_or_else(|| plain(id), piece)
    };
    let tables = [
        Table { title: "Names and who uses them", heads: vec!["Name", "Source"], rows: named_by(fields) },
        Table {
            title: "Log sources",
            heads: vec!["Data component", "Name", "Channel"],
            rows: list("x_mitre_log_source_references")
                .iter()
                .map(|one| vec![component(one), text(one, "name"), text(one, "channel")])
                .collect(),
        },
        Table {
            title: "Log sources",
            heads: vec!["Name", "Channel"],
            rows: list("x_mitre_log_sources").iter().map(|one| vec![text(one, "name"), text(one, "channel")]).collect(),
        },
        Table {
            title: "Tunable values",
            heads: vec!["Field", "Description"],
            rows: list("x_mitre_mutable_elements")
                .iter()
                .map(|one| vec![text(one, "field"), text(one, "description")])
                .collect(),
        },
        Table {
            title: "Related assets",
            heads: vec!["Name", "Sectors", "Description"],
            rows: list("x_mitre_related_assets")
                .iter()
                .map(|one| {
                    let sectors = one.get("related_asset_sectors").and_then(Value::as_array);
                    let sectors: Vec<&str> = sectors.into_iter().flatten().filter_map(Value::as_str).collect();
                    vec![text(one, "name"), plain(&sectors.join(", ")), text(one, "description")]
                })
                .collect(),
        },
    ];
    tables.into_iter().filter(|table| !table.rows.is_empty()).collect()
}

/// Other names of an entry that its references tell the source of.
fn named_by(fields: &Map<String, Value>) -> Vec<Vec<Piece>> {
    let names = ["aliases", "x_mitre_aliases"].iter().flat_map(|field| texts(fields, field));
    let references = lazaret_attack::references(fields);
    let row = |name: &str| {
        let own = references.iter().find(|one| one.source_name == name && !one.description.is_empty())?;
        let said = own.description.replace("(Citation: ", "; ").replace(')', "");
        Some(vec![plain(name), plain(said.trim_start_matches([';', ' ']))])
    };
    names.filter_map(row).collect()
}

/// The address of an entry on the official site.
pub(super) fn official(version: &Version, fields: &Map<String, Value>) -> String {
    let own = lazaret_attack::references(fields).into_iter().find(|reference| {
        lazaret_attack::ATTACK_SOURCES.contains(&reference.source_name.as_str()) && !reference.url.is_empty()
    });
    // Old forms of addresses lead nowhere any more, or to what has the same number today.
    let own = own.map(|reference| reference.url).filter(|url| {
        url.starts_with("https://attack.mitre.org/")
            && (inside(url).is_some_and(|path| path == path_of(version))
                || url.contains("/detectionstrategies/") && url.contains('#'))
    });
    match own {
        Some(url) => url,
        // What the id leads to there may be the other one that has it.
        None if version.attack_id.is_empty() || version.is_shadowed => String::new(),
        None => format!("https://attack.mitre.org{}", path_of(version)),
    }
}

/// How to use the page, for whoever defends something.
pub(super) fn guidance(found: &Found, live_relations: usize) -> Vec<String> {
    let version = &found.version;
    let kind = lazaret_attack::kind_of(&version.stix_id);
    let mut lines: Vec<String> = Vec::new();
    if version.flags & Version::REVOKED != 0 {
        lines.push(
            "Use its replacement for anything new: in today's ATT&CK, detections, coverage and reports that name this \
                ID count for nothing. Keep this page for reading what was written with the old ID."
                .to_owned(),
        );
    } else if version.flags & Version::DEPRECATED != 0 {
        lines.push(
            "It is deprecated and has no direct replacement: its advice may still be useful, but base today's \
                coverage on active entries."
                .to_owned(),
        );
        if kind == "course-of-action" {
            let techniques = found
                .view
                .attack_id(&version.attack_id)
                .filter(|other| other.object != version.object && is_live(other));
            for technique in techniques {
                let mitigations =
                    found.view.to(technique.object).filter(|one| one.relation == "mitigates" && is_live(one));
                let names: Vec<String> =
                    mitigations.filter_map(|one| found.view.object(one.from_object)).map(named).collect();
                if !names.is_empty() {
                    lines.push(format!(
                        "The technique with the same number, {}, is mitigated today by {}.",
                        named(technique),
                        names.join(", ")
                    ));
                }
            }
        }
    }
    if let Some(gone) = &found.gone {
        lines.push(format!(
            "It is not in {}, the newest release of {}: anything that names only this entry does not count towards \
                today's coverage.",
            gone.newest,
            gone.domain_title()
        ));
    }
    let by_kind: &[&str] = match kind {
        "attack-pattern" => &[
            "Start with the mitigations below. For each, ask whether it is in place here, on which systems, and what \
                proves it.",
            "Before writing a detection, read how groups and software use the technique: the procedures show what \
                would have been visible.",
        ],
        "course-of-action" => &[
            "A mitigation is a claim: record where it is in place, since when, and how you would notice if it were \
                not.",
            "It means something different for each technique: read the text of the relationship, not just the name.",
        ],
        "intrusion-set" | "campaign" => &[
            "Only what was reported is listed: a technique that is missing may still have been used.",
            "Vendors' group names overlap; the references show who meant what.",
        ],
        "malware" | "tool" => &[
            "Look for behaviour (the techniques below) rather than for this name: files change within hours.",
            "Tools that administrators also use need context before they are blocked.",
        ],
        "x-mitre-detection-strategy" | "x-mitre-analytic" => &[
            "First check that the log sources are collected where it matters and kept long enough.",
            "Test it on ordinary days before it alerts anyone; the values that can be tuned are listed.",
        ],
        "x-mitre-data-component" | "x-mitre-data-source" => {
            &["What is not collected cannot be detected: record which systems deliver this data, and since when."]
        }
        "x-mitre-tactic" | "x-mitre-matrix" => {
            &["A tactic is a goal, not a step: a single intrusion uses techniques from several tactics at once."]
        }
        _ => &[],
    };
    lines.extend(by_kind.iter().map(|line| (*line).to_owned()));
    if live_relations > 0 {
        lines.push("Cite the release and the source hash below so that others can see what you read.".to_owned());
    } else {
        lines.push("Nothing in this release is related to it. Cite the release and the source hash below.".to_owned());
    }
    lines
}

/// Days on which an entry was made and changed, as it says.
pub(super) fn days(version: &Version) -> (String, String) {
    (day(&version.created), day(&version.modified))
}
