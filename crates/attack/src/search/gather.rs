//! What a search looks through: the newest version of every object that is no relationship.

use super::Hit;
use crate::catalog::{Catalog, fields};
use crate::choice::{Choice, rank};
use crate::fields::text_of;
use crate::gone::{Gone, gone, is_today, standing};
use crate::{AttackError, attack_id, kind_of, path_of, texts};
use lazaret_store::{Release, Span, Version};
use std::collections::{BTreeMap, HashMap};

/// Objects whose texts are read at once.
const BATCH: usize = 2_000;

/// An object as it is looked for.
pub(super) struct Entry {
    pub(super) hit: Hit,
    pub(super) platforms: Vec<String>,
    pub(super) tactics: Vec<String>,
    pub(super) body: String,
}

/// The newest version of every object that is no relationship.
pub(super) async fn gather(catalog: &Catalog, releases: &[Release]) -> Result<Vec<Entry>, AttackError> {
    let mut best: HashMap<String, (Version, &Release, Vec<Span>)> = HashMap::new();
    let mut tracks: BTreeMap<i64, &Release> = BTreeMap::new();
    for release in releases {
        tracks.insert(release.track, release);
    }
    let shadowed = catalog.shadowed().await?;
    for (track, newest) in tracks {
        let find = |place| releases.iter().find(|release| release.track == track && release.place == place);
        for mut version in catalog.library().newest(track).await? {
            shadowed.mark(&mut version);
            let Some(release) = find(version.last) else { continue };
            let (feed, domain) = (newest.feed.clone(), newest.domain.clone());
            let span = Span { track, feed, domain, first: version.first, last: version.last };
            match best.get_mut(&version.stix_id) {
                None => {
                    best.insert(version.stix_id.clone(), (version, release, vec![span]));
                }
                Some((known, last, spans)) => {
                    let today = |place: &Span| is_today(releases, place);
                    let is_known = spans.iter().any(|span| span.track == last.track && today(span));
                    if (today(&span), release.place, &release.feed) > (is_known, last.place, &last.feed) {
                        (*known, *last) = (version, release);
                    }
                    spans.push(span);
                }
            }
        }
    }
    let best: Vec<_> = best.into_values().collect();
    let mut entries = Vec::with_capacity(best.len());
    for some in best.chunks(BATCH) {
        let ids: Vec<i64> = some.iter().map(|(version, ..)| version.id).collect();
        let texts = catalog.library().bodies(&ids).await?;
        for (version, release, spans) in some {
            let Some(text) = texts.get(&version.id) else { continue };
            let gone = gone(releases, spans, &release.domain, &Choice::default());
            let domains = spans.iter().map(|span| span.domain.clone()).collect();
            entries.push(entry(version, release, domains, gone, &fields(text)?));
        }
    }
    Ok(entries)
}

fn entry(
    version: &Version,
    release: &Release,
    mut domains: Vec<String>,
    gone: Option<Gone>,
    fields: &serde_json::Map<String, serde_json::Value>,
) -> Entry {
    let mut aliases: Vec<String> = Vec::new();
    for name in ["aliases", "x_mitre_aliases"].iter().flat_map(|field| texts(fields, field)) {
        if name != version.name && !aliases.iter().any(|known| known == name) {
            aliases.push(name.to_owned());
        }
    }
    domains.sort_by_key(|domain| rank(domain));
    domains.dedup();
    let hit = Hit {
        id: version.stix_id.clone(),
        attack_id: attack_id(fields).unwrap_or_default().to_owned(),
        name: version.name.clone(),
        section: crate::section_of(kind_of(&version.stix_id)).path.to_owned(),
        path: path_of(version),
        aliases,
        status: standing(version, gone.as_ref()).to_owned(),
        gone,
        domains,
        release: release.name.clone(),
        feed: release.feed.clone(),
        text: String::new(),
    };
    Entry {
        hit,
        platforms: version.platforms.lines().map(str::to_owned).collect(),
        tactics: version.tactics.lines().map(str::to_owned).collect(),
        body: plain(&text_of(fields, "description")),
    }
}

/// A description as text to search and to show: links by their words, and no citations.
fn plain(description: &str) -> String {
    let mut out = String::with_capacity(description.len());
    let mut rest = description;
    while let Some(place) = rest.find(['(', '[', ']']) {
        let (before, after) = rest.split_at(place);
        out.push_str(before);
        rest = if after.starts_with("(Citation: ") {
            after.split_once(')').map_or("", |(_, rest)| rest)
        } else if let Some(target) = after.strip_prefix("](http") {
            target.split_once(')').map_or("", |(_, rest)| rest)
        } else if let Some(rest) = after.strip_prefix('(') {
            out.push('(');
            rest
        } else {
            &after[1..]
        };
    }
    out.push_str(rest);
    for mark in ["<code>", "</code>", "**", "`"] {
        out = out.replace(mark, "");
    }
    // Headings, lists and quotations begin with marks (CommonMark, 4 and 5).
    let lines = out.replace("<br>", "\n").replace("</br>", "\n");
    let lines = lines.lines().map(|line| line.trim_start_matches(['#', '*', '-', '+', '>', ' ', '\t']).trim_end());
    lines.filter(|line| !line.is_empty()).collect::<Vec<_>>().join(" ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn texts_are_searched_by_what_they_say() {
        let text = "The [Obfuscated Files](https://attack.mitre.org/techniques/T1027) (or zip) of <code>a.exe</code>.(Citation: A)";
        assert_eq!(plain(text), "The Obfuscated Files (or zip) of a.exe.");
        let text = "### A heading\n\n* **First:** `cmd`\n* second<br>third\n\n> said - so";
        assert_eq!(plain(text), "A heading First: cmd second third said - so");
        assert_eq!(plain("(Citation: open"), "");
        assert_eq!(plain("[x](https://open"), "x");
    }
}
