//! What is known about an entry, and what changed between releases, as JSON and as text: the same for the command line and the
//! API.

use crate::changes::{Changed, Changes, Kind, order};
use crate::history::{Detail, Row};
use crate::relations::{Effective, Related, hex, related, relationships_hash, replacements};
use crate::{
    ATTRIBUTION, AttackError, Catalog, Found, Named, Number, ends, history, kind_of, path_of, section_of, status,
};
use lazaret_store::Version;
use serde_json::{Value, json};
use std::collections::HashMap;

/// Everything about an entry in one document: its fields, its hashes in every release, what replaces it.
///
/// # Errors
/// When the database does not answer or is damaged.
pub async fn summary(catalog: &Catalog, found: &Found) -> Result<Value, AttackError> {
    let (version, view) = (&found.version, &found.view);
    let fields = catalog.fields(version).await?;
    let relations = related(view, version);
    let (_, releases) = catalog.releases().await?;
    let appearances = catalog.library().appearances(&version.stix_id).await?;
    let mut rows = Vec::new();
    for appearance in &appearances {
        let Some(release) = releases.iter().find(|release| release.id == appearance.release) else { continue };
        let one = &appearance.version;
        rows.push(json!({
            "feed": release.feed,
            "domain": release.domain,
            "release": release.name,
            "raw": hex(&one.raw),
            "source": hex(&one.source),
            "canonical": hex(&one.canonical),
            "bytes": one.bytes,
            "version": one.version,
            "modified": one.modified,
            "status": status(one),
        }));
    }
    let chain = replacements(view, version);
    Ok(json!({
        "schema": "lazaret.attack-object/1",
        "id": version.stix_id,
        "attack_id": version.attack_id,
        "name": version.name,
        "type": kind_of(&version.stix_id),
        "section": section_of(kind_of(&version.stix_id)).path,
        "path": path_of(version),
        "status": found.standing(),
        "gone": found.gone,
        "feed": view.release.feed,
        "domain": view.release.domain,
        "release": view.release.name,
        "missing_in": found.missing_in,
        "hashes": hashes(version, &relations),
        "relation": ends(view, version),
        "replaced_by": chain.chain.iter().map(|heir| Named::of(heir)).collect::<Vec<_>>(),
        "replacement_loop": chain.is_loop,
        "namesakes": found.namesakes.iter().map(Named::of).collect::<Vec<_>>(),
        "relationships": {
            "total": relations.len(),
            "live": relations.iter().filter(|one| one.status == Effective::Live).count(),
        },
        "object": fields,
        "releases": rows,
        "attribution": ATTRIBUTION,
    }))
}

fn hashes(version: &Version, relations: &[Related]) -> Value {
    json!({
        "raw": hex(&version.raw),
        "source": hex(&version.source),
        "canonical": hex(&version.canonical),
        "relationships": hex(&relationships_hash(relations)),
    })
}

/// An entry's history in the track that it was found in, the newest release first.
///
/// # Errors
/// When the database does not answer or is damaged.
pub async fn history_json(catalog: &Catalog, found: &Found) -> Result<Value, AttackError> {
    let rows = history(catalog, &found.version.stix_id, found.view.release.track, Detail::Fields).await?;
    let rows: Vec<Value> = rows.iter().map(history_row).collect();
    Ok(json!({
        "id": found.version.stix_id,
        "attack_id": found.version.attack_id,
        "name": found.version.name,
        "feed": found.view.release.feed,
        "domain": found.view.release.domain,
        "releases": rows,
        "attribution": ATTRIBUTION,
    }))
}

fn history_row(row: &Row) -> Value {
    let version = row.version.as_deref();
    json!({
        "release": row.release.name,
        "imported_at": row.release.imported_at,
        "present": version.is_some(),
        "version": version.map(|version| &version.version),
        "modified": version.map(|version| &version.modified),
        "status": version.map(status),
        "raw": version.map(|version| hex(&version.raw)),
        "source": version.map(|version| hex(&version.source)),
        "canonical": version.map(|version| hex(&version.canonical)),
        "label": row.label.map(crate::Label::name),
        "fields": row.changes,
    })
}

/// A relationship as JSON; its own text is added by whoever has it.
/// `missing` are the releases between its first and its last one that do not have it.
pub fn relation_json(one: &Related, missing: &[String]) -> Value {
    let other = match &one.other {
        Ok(other) => json!(Named::of(other)),
        Err(id) => json!({ "id": id }),
    };
    json!({
        "id": one.relation.stix_id,
        "type": one.relation.relation,
        "direction": if one.outward { "out" } else { "in" },
        "other": other,
        "other_type": one.other.as_ref().map_or_else(|id| kind_of(id), |other| kind_of(&other.stix_id)),
        "status": one.status.name(),
        "created": one.relation.created,
        "modified": one.relation.modified,
        "first_release": Number::at(one.relation.first).to_string(),
        "last_release": Number::at(one.relation.last).to_string(),
        "missing_releases": missing,
    })
}

/// Relationships as a table (RFC 4180). `gaps` has the releases between first and last that lack one; `words` gives what each says.
pub fn relations_csv(
    related: &[Related],
    gaps: &HashMap<i64, Vec<String>>,
    words: &dyn Fn(&Version) -> (String, String),
) -> String {
    let mut out = String::from(
        "relationship,direction,type,other_id,other_attack_id,other_name,status,created,modified,first_release,last_release,\
         missing_releases,description,citations\r\n",
    );
    for one in related {
        let (id, attack_id, name) = match &one.other {
            Ok(other) => (other.stix_id.clone(), other.attack_id.clone(), other.name.clone()),
            Err(id) => (id.clone(), String::new(), String::new()),
        };
        let (description, citations) = words(&one.relation);
        let cells = [
            one.relation.stix_id.clone(),
            if one.outward { "out" } else { "in" }.to_owned(),
            one.relation.relation.clone(),
            id,
            attack_id,
            name,
            one.status.name().to_owned(),
            one.relation.created.clone(),
            one.relation.modified.clone(),
            Number::at(one.relation.first).to_string(),
            Number::at(one.relation.last).to_string(),
            gaps.get(&one.relation.object).map_or_else(String::new, |names| names.join("; ")),
            description,
            citations,
        ];
        let cells: Vec<String> = cells.iter().map(|cell| cell_text(cell)).collect();
        out.push_str(&cells.join(","));
        out.push_str("\r\n");
    }
    out
}

/// A cell; what a spreadsheet would take for a formula begins with an apostrophe.
pub(crate) fn cell_text(text: &str) -> String {
    let guarded = if text.starts_with(['=', '+', '-', '@', '\t', '\r']) { format!("'{text}") } else { text.to_owned() };
    if guarded.contains(['"', ',', '\n', '\r']) { format!("\"{}\"", guarded.replace('"', "\"\"")) } else { guarded }
}

/// A changelog in Markdown, as complete as the JSON but for the fields' values.
pub fn markdown(changes: &Changes) -> String {
    let mut out = format!("# ATT&CK {} → {} ({})\n\n{ATTRIBUTION}\n", changes.from, changes.to, changes.feed);
    for (domain, found) in &changes.domains {
        out.push_str(&format!("\n## {}\n\n", crate::domain_title(domain)));
        out.push_str("| | active before | active now |");
        for kind in Kind::COUNTED {
            out.push_str(&format!(" {} |", kind.title().to_lowercase()));
        }
        out.push_str(" other changes |\n|---|---|---|");
        out.push_str(&"---|".repeat(Kind::COUNTED.len() + 1));
        out.push('\n');
        for section in order() {
            let (old, new) = found.live.get(section.path).copied().unwrap_or_default();
            out.push_str(&format!("| {} | {old} | {new} |", section.title));
            for kind in Kind::COUNTED.into_iter().chain([Kind::Unlisted]) {
                out.push_str(&format!(" {} |", found.count(section.path, kind)));
            }
            out.push('\n');
        }
        for section in order() {
            let Some(kinds) = found.changes.get(section.path) else { continue };
            out.push_str(&format!("\n### {}\n", section.title));
            for (kind, list) in kinds {
                out.push_str(&format!("\n#### {}\n\n", kind.title()));
                for changed in list {
                    out.push_str(&markdown_line(changed));
                }
            }
        }
        if !found.contributors.is_empty() {
            out.push_str("\n### New contributors\n\n");
            for name in &found.contributors {
                out.push_str(&format!("- {}\n", begun(name)));
            }
        }
    }
    out
}

fn markdown_line(changed: &Changed) -> String {
    let mut line = String::from("- ");
    match &changed.relation {
        Some(ends) => {
            let (source, target) = (begun(&ends.source.told()), escaped(&ends.target.told()));
            let kind = escaped(&ends.kind);
            line.push_str(&format!("{source} *{kind}* {target} ({})", escaped(&changed.named.id)));
        }
        None => line.push_str(&begun(&changed.named.told())),
    }
    match (changed.old_version.as_str(), changed.new_version.as_str()) {
        (old, new) if old == new || old.is_empty() || new.is_empty() => {
            let one = if new.is_empty() { old } else { new };
            if !one.is_empty() {
                line.push_str(&format!(" (v{})", escaped(one)));
            }
        }
        (old, new) => line.push_str(&format!(" (v{} → v{})", escaped(old), escaped(new))),
    }
    if let Some(heir) = &changed.revoked_by {
        line.push_str(&format!(", revoked by {}", escaped(&heir.told())));
    }
    let mut names: Vec<&str> =
        changed.fields.iter().map(|change| change.field.split(['[', '.']).next().unwrap_or("")).collect();
    names.dedup();
    if !names.is_empty() {
        line.push_str(&format!(": {}", escaped(&names.join(", "))));
    }
    line.push('\n');
    line
}

/// A text that stays text at the beginning of a list's item, where it could begin another list (CommonMark, 5.2).
fn begun(text: &str) -> String {
    let text = escaped(text);
    let digits = text.bytes().take_while(u8::is_ascii_digit).count();
    let begins = if digits > 0 { text[digits..].starts_with(['.', ')']) } else { text.starts_with(['-', '+']) };
    if begins { format!("{}\\{}", &text[..digits], &text[digits..]) } else { text }
}

/// A text that stays text in Markdown.
fn escaped(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for letter in text.chars() {
        if "\\`*_[]<>|#&~".contains(letter) {
            out.push('\\');
        }
        out.push(if letter.is_control() { ' ' } else { letter });
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Ends;

    #[test]
    fn cells_are_no_formulas_and_stay_one_cell() {
        assert_eq!(cell_text("a,\"b\"\nc"), "\"a,\"\"b\"\"\nc\"");
        assert_eq!(cell_text("=1+1"), "'=1+1");
        assert_eq!(cell_text("plain"), "plain");
    }

    #[test]
    fn names_are_no_markdown() {
        assert_eq!(escaped("a*b|<c>\n"), "a\\*b\\|\\<c\\> ");
        assert_eq!(begun("- 1. &amp; ~x~"), "\\- 1. \\&amp; \\~x\\~");
        assert_eq!(begun("12. a. b)"), "12\\. a. b)");
        assert_eq!((escaped("1.0"), begun("T1 + x")), ("1.0".to_owned(), "T1 + x".to_owned()));
    }

    #[test]
    fn nothing_of_a_changelog_s_line_is_markdown() {
        let named = |text: &str| Named { name: text.to_owned(), ..Named::default() };
        let ends = Ends { kind: "u*se*s".to_owned(), source: named("<a>"), target: named("[b](c)") };
        let changed = Changed {
            named: Named { id: "relationship--`0`".to_owned(), ..Named::default() },
            old_version: "1.0*".to_owned(),
            new_version: "<script>".to_owned(),
            revoked_by: None,
            relation: Some(ends),
            fields: Vec::new(),
        };
        assert_eq!(
            markdown_line(&changed),
            "- \\<a\\> *u\\*se\\*s* \\[b\\](c) (relationship--\\`0\\`) (v1.0\\* → v\\<script\\>)\n"
        );
        let one = Changed { new_version: "1.0*".to_owned(), relation: None, named: named("+ x"), ..changed };
        assert_eq!(markdown_line(&one), "- \\+ x (v1.0\\*)\n");
    }
}
