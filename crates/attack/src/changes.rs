//! What changed between two releases: the sections of MITRE's `diff_stix` with its meaning (mitreattack-python, `diffStix`), and
//! what that leaves out: relationships, tactics and matrices, and changes to what is revoked or deprecated.

use crate::catalog::fields;
use crate::compare::{Change, compare};
use crate::fields::text_of;
use crate::relations::heir;
use crate::{
    ATTRIBUTION, AttackError, Catalog, DOMAINS, Feed, Number, SECTIONS, Section, View, is_live, kind_of, path_of,
    section_of, texts,
};
use lazaret_store::{Release, Version};
use serde::Serialize;
use serde_json::{Map, Value};
use std::collections::{BTreeMap, BTreeSet};

/// What became of an object; the names are those of `diff_stix`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Kind {
    /// Only the new release has it.
    Additions,
    /// The version went to the next whole number: 1.3 → 2.0.
    MajorVersionChanges,
    /// The version went up by a tenth: 1.3 → 1.4.
    MinorVersionChanges,
    /// The version changed in another way.
    OtherVersionChanges,
    /// The same version, with another date of change or another description.
    Patches,
    /// Revoked now and not before, and something live takes its place.
    Revocations,
    /// Deprecated now and not before.
    Deprecations,
    /// Only the old release has it.
    Deletions,
    /// Changed in a way that is none of these.
    Unlisted,
}

impl Kind {
    /// Every kind that is counted for each type, in the order in which they are listed.
    pub const COUNTED: [Self; 8] = [
        Self::Additions,
        Self::MajorVersionChanges,
        Self::MinorVersionChanges,
        Self::OtherVersionChanges,
        Self::Patches,
        Self::Revocations,
        Self::Deprecations,
        Self::Deletions,
    ];

    /// Its name in JSON.
    pub fn name(self) -> &'static str {
        match self {
            Self::Additions => "additions",
            Self::MajorVersionChanges => "major_version_changes",
            Self::MinorVersionChanges => "minor_version_changes",
            Self::OtherVersionChanges => "other_version_changes",
            Self::Patches => "patches",
            Self::Revocations => "revocations",
            Self::Deprecations => "deprecations",
            Self::Deletions => "deletions",
            Self::Unlisted => "unlisted",
        }
    }

    /// A heading.
    pub fn title(self) -> &'static str {
        match self {
            Self::Additions => "Additions",
            Self::MajorVersionChanges => "Major version changes",
            Self::MinorVersionChanges => "Minor version changes",
            Self::OtherVersionChanges => "Other version changes",
            Self::Patches => "Patches",
            Self::Revocations => "Revocations",
            Self::Deprecations => "Deprecations",
            Self::Deletions => "Deletions",
            Self::Unlisted => "Other changes",
        }
    }
}

/// An object as a change names it.
#[derive(Debug, Clone, Default, PartialEq, Eq, PartialOrd, Ord, Serialize)]
pub struct Named {
    /// STIX id.
    pub id: String,
    /// ATT&CK id, empty for none.
    pub attack_id: String,
    /// Name, empty for none.
    pub name: String,
    /// Its address in the library.
    pub path: String,
}

impl Named {
    /// The names of a version.
    pub fn of(version: &Version) -> Self {
        Self {
            id: version.stix_id.clone(),
            attack_id: version.attack_id.clone(),
            name: version.name.clone(),
            path: path_of(version),
        }
    }

    /// What people call it: `T1204 User Execution`.
    pub fn told(&self) -> String {
        match (self.attack_id.as_str(), self.name.as_str()) {
            ("", "") => self.id.clone(),
            ("", name) => name.to_owned(),
            (id, name) => format!("{id} {name}"),
        }
    }
}

/// One object that changed.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Changed {
    /// The object.
    #[serde(flatten)]
    pub named: Named,
    /// `x_mitre_version` in the old release.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub old_version: String,
    /// The same in the new one.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub new_version: String,
    /// For a revocation, what takes its place.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub revoked_by: Option<Named>,
    /// For a relationship: its type and ends.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub relation: Option<Ends>,
    /// The fields that differ.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub fields: Vec<Change>,
}

/// What a relationship connects.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Ends {
    /// Its type.
    #[serde(rename = "type")]
    pub kind: String,
    /// Where it starts.
    pub source: Named,
    /// Where it leads.
    pub target: Named,
}

/// What changed in one domain.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct DomainChanges {
    /// Changed objects by section of the library and by kind, by name.
    pub changes: BTreeMap<&'static str, BTreeMap<Kind, Vec<Changed>>>,
    /// Objects that say the same and are written otherwise, by section.
    pub rewritten: BTreeMap<&'static str, usize>,
    /// Objects that are neither revoked nor deprecated, by section: before and now.
    pub live: BTreeMap<&'static str, (usize, usize)>,
    /// People who are named as contributors of an object and were not before.
    pub contributors: BTreeSet<String>,
}

impl DomainChanges {
    /// How many changes of a kind there are.
    pub fn count(&self, section: &str, kind: Kind) -> usize {
        self.changes.get(section).and_then(|kinds| kinds.get(&kind)).map_or(0, Vec::len)
    }
}

/// What changed between two releases, by domain.
#[derive(Debug, Clone, PartialEq)]
pub struct Changes {
    /// The old release.
    pub from: String,
    /// The new one.
    pub to: String,
    /// The feed.
    pub feed: String,
    /// By domain.
    pub domains: Vec<(String, DomainChanges)>,
}

impl Changes {
    /// As one JSON document.
    pub fn json(&self) -> Value {
        let mut domains = Map::new();
        for (domain, changes) in &self.domains {
            let mut counts = Map::new();
            let mut listed = Map::new();
            let mut unlisted = Map::new();
            let mut unlisted_counts = Map::new();
            for section in order() {
                let mut by_kind = Map::new();
                let mut entries = Map::new();
                for kind in Kind::COUNTED {
                    by_kind.insert(kind.name().to_owned(), changes.count(section.path, kind).into());
                }
                for (kind, list) in changes.changes.get(section.path).into_iter().flatten() {
                    let list = serde_json::to_value(list).unwrap_or_default();
                    if *kind == Kind::Unlisted {
                        unlisted.insert(section.path.to_owned(), list);
                    } else {
                        entries.insert(kind.name().to_owned(), list);
                    }
                }
                counts.insert(section.path.to_owned(), by_kind.into());
                listed.insert(section.path.to_owned(), entries.into());
                let number = changes.count(section.path, Kind::Unlisted);
                unlisted_counts.insert(section.path.to_owned(), number.into());
            }
            counts.insert("unlisted".to_owned(), unlisted_counts.into());
            listed.insert("unlisted".to_owned(), unlisted.into());
            let live: Map<String, Value> = changes
                .live
                .iter()
                .map(|(section, (old, new))| ((*section).to_owned(), serde_json::json!({ "from": old, "to": new })))
                .collect();
            domains.insert(
                domain.clone(),
                serde_json::json!({
                    "counts": counts,
                    "live": live,
                    "rewritten": changes.rewritten,
                    "new_contributors": changes.contributors,
                    "changes": listed,
                }),
            );
        }
        serde_json::json!({
            "from": self.from,
            "to": self.to,
            "feed": self.feed,
            "domains": domains,
            "attribution": ATTRIBUTION,
        })
    }
}

/// Sections in the order of the answer: those that `diff_stix` has, then ours.
pub fn order() -> impl Iterator<Item = &'static Section> {
    let ours = SECTIONS.iter().filter(|section| !section.compared);
    SECTIONS.iter().filter(|section| section.compared).chain(ours)
}

/// What changed between two releases in several domains: in all that have both releases, where none are named. Without a feed,
/// the one in which more domains have both releases, STIX 2.1 where they are as many.
///
/// # Errors
/// When a release is missing, or the database does not answer.
pub async fn changes_between(
    catalog: &Catalog,
    from: Number,
    to: Number,
    domains: &[String],
    feed: Option<Feed>,
) -> Result<Changes, AttackError> {
    let (_, releases) = catalog.releases().await?;
    let find = |feed: Feed, domain: &str, number: Number| {
        let is = |release: &&Release| {
            release.feed == feed.name() && release.domain == domain && release.place == number.place()
        };
        releases.iter().find(is)
    };
    let pairs = |feed: Feed| -> Vec<(&Release, &Release)> {
        let wanted =
            DOMAINS.iter().map(|(id, _)| *id).filter(|id| domains.is_empty() || domains.iter().any(|one| one == id));
        wanted.filter_map(|domain| Some((find(feed, domain, from)?, find(feed, domain, to)?))).collect()
    };
    let candidates = match feed {
        Some(feed) => vec![feed],
        None => vec![Feed::Stix20, Feed::Stix21],
    };
    let (feed, pairs) = candidates
        .into_iter()
        .map(|feed| (feed, pairs(feed)))
        .max_by_key(|(feed, pairs)| (pairs.len(), *feed))
        .unwrap_or((Feed::Stix21, Vec::new()));
    if pairs.is_empty() || pairs.len() < domains.len() {
        return Err(AttackError::Unknown(format!(
            "not every requested domain has both {from} and {to} in one feed; `lazaret library releases` lists the \
                imported releases"
        )));
    }
    let mut found = Vec::new();
    for (old, new) in pairs {
        found.push((new.domain.clone(), changes(catalog, old, new).await?));
    }
    Ok(Changes { from: from.to_string(), to: to.to_string(), feed: feed.name().to_owned(), domains: found })
}

/// What changed between two releases of a domain, which are in one feed.
///
/// # Errors
/// When the database does not answer or is damaged.
pub async fn changes(catalog: &Catalog, old: &Release, new: &Release) -> Result<DomainChanges, AttackError> {
    let _turn = catalog.turn().await?;
    let (old, new) = (catalog.view(old).await?, catalog.view(new).await?);
    let mut found = DomainChanges::default();
    for (view, is_new) in [(&old, false), (&new, true)] {
        for entry in view.entries().filter(|entry| is_live(entry)) {
            let live = found.live.entry(section_of(kind_of(&entry.stix_id)).path).or_default();
            let count = if is_new { &mut live.1 } else { &mut live.0 };
            *count += 1;
        }
    }
    let mut pairs = Vec::new();
    let mut wanted = Vec::new();
    for entry in new.entries() {
        match old.object(entry.object) {
            None => {
                found.add(Kind::Additions, changed(&old, &new, None, Some(entry)));
                if section_of(kind_of(&entry.stix_id)).compared {
                    wanted.push(entry.id);
                }
            }
            Some(before) if before.canonical == entry.canonical => {
                if before.raw != entry.raw {
                    *found.rewritten.entry(section_of(kind_of(&entry.stix_id)).path).or_default() += 1;
                }
            }
            Some(before) => {
                wanted.extend([before.id, entry.id]);
                pairs.push((before, entry));
            }
        }
    }
    for entry in old.entries().filter(|entry| new.object(entry.object).is_none()) {
        found.add(Kind::Deletions, changed(&old, &new, Some(entry), None));
    }
    let texts = catalog.library().bodies(&wanted).await?;
    let read = |version: &Version| -> Result<Map<String, Value>, AttackError> {
        fields(texts.get(&version.id).map_or(&[][..], Vec::as_slice))
    };
    for (before, after) in pairs {
        let (was, is) = (read(before)?, read(after)?);
        let mut entry = changed(&old, &new, Some(before), Some(after));
        let kind = judge(&new, before, after, &was, &is, &mut entry);
        if section_of(kind_of(&after.stix_id)).compared && is_live(after) {
            let known: BTreeSet<_> = self::texts(&was, "x_mitre_contributors").into_iter().collect();
            found.credit(&is, |name| !known.contains(name));
        }
        entry.fields = compare(&was, &is);
        found.add(kind, entry);
    }
    for entry in new.entries().filter(|entry| old.object(entry.object).is_none()) {
        if section_of(kind_of(&entry.stix_id)).compared {
            found.credit(&read(entry)?, |_| true);
        }
    }
    for list in found.changes.values_mut().flat_map(BTreeMap::values_mut) {
        list.sort_by(|a, b| (&a.named.name, &a.named.id).cmp(&(&b.named.name, &b.named.id)));
    }
    Ok(found)
}

impl DomainChanges {
    fn add(&mut self, kind: Kind, changed: Changed) {
        let section = section_of(kind_of(&changed.named.id)).path;
        self.changes.entry(section).or_default().entry(kind).or_default().push(changed);
    }

    fn credit(&mut self, fields: &Map<String, Value>, is_new: impl Fn(&str) -> bool) {
        let names = texts(fields, "x_mitre_contributors").into_iter();
        self.contributors.extend(names.filter(|name| is_new(name) && *name != "ATT&CK").map(str::to_owned));
    }
}

/// What became of an object that both releases have, and that differs.
fn judge(
    view: &View,
    before: &Version,
    after: &Version,
    was: &Map<String, Value>,
    is: &Map<String, Value>,
    entry: &mut Changed,
) -> Kind {
    let has = |version: &Version, flag| version.flags & flag != 0;
    if has(after, Version::REVOKED) {
        if has(before, Version::REVOKED) {
            return Kind::Unlisted;
        }
        if !after.relation.is_empty() {
            return Kind::Revocations;
        }
        let section = section_of(kind_of(&after.stix_id));
        let heir = heir(view, after);
        let heir = heir.filter(|heir| is_live(heir) && section.types.contains(&kind_of(&heir.stix_id)));
        entry.revoked_by = heir.map(Named::of);
        return if entry.revoked_by.is_some() { Kind::Revocations } else { Kind::Unlisted };
    }
    if has(after, Version::DEPRECATED) {
        return if has(before, Version::DEPRECATED) { Kind::Unlisted } else { Kind::Deprecations };
    }
    let (old, new) = (number(&before.version), number(&after.version));
    if old != new {
        return match (old, new) {
            (Some(old), Some(new)) if new == (old.0 + 1, 0) => Kind::MajorVersionChanges,
            (Some(old), Some(new)) if new == (old.0, old.1 + 1) => Kind::MinorVersionChanges,
            _ => Kind::OtherVersionChanges,
        };
    }
    // In the comparison of descriptions a line's end is a space.
    let prose = |fields: &Map<String, Value>| text_of(fields, "description").replace('\n', " ");
    let described = was.contains_key("description") && is.contains_key("description");
    let redated = instant(&before.modified) != instant(&after.modified);
    if redated || (described && prose(was) != prose(is)) { Kind::Patches } else { Kind::Unlisted }
}

/// An object's version; none at all is 0.0.
fn number(version: &str) -> Option<(u64, u64)> {
    if version.is_empty() {
        return Some((0, 0));
    }
    let (major, minor) = version.split_once('.')?;
    Some((major.parse().ok()?, minor.parse().ok()?))
}

/// A time stamp (STIX 2.1, 3.16) without ends that mean nothing: `12.500Z` is `12.5Z`.
fn instant(stamp: &str) -> &str {
    let plain = stamp.strip_suffix('Z').unwrap_or(stamp);
    if plain.contains('.') { plain.trim_end_matches('0').trim_end_matches('.') } else { plain }
}

/// What a relationship connects, as its release has it; none for what is no relationship.
pub fn ends(view: &View, one: &Version) -> Option<Ends> {
    let end = |number: i64| match view.object(number) {
        Some(other) => Named::of(other),
        None => {
            let id = view.absent(number).to_owned();
            Named { path: crate::path(&id, ""), id, ..Named::default() }
        }
    };
    let ends = || Ends { kind: one.relation.clone(), source: end(one.from_object), target: end(one.to_object) };
    (!one.relation.is_empty()).then(ends)
}

fn changed(old: &View, new: &View, before: Option<&Version>, after: Option<&Version>) -> Changed {
    let version = |version: Option<&Version>| version.map(|version| version.version.clone()).unwrap_or_default();
    let (view, one) = match (before, after) {
        (_, Some(after)) => (new, Some(after)),
        (before, None) => (old, before),
    };
    let relation = one.and_then(|one| ends(view, one));
    Changed {
        named: one.map(Named::of).unwrap_or_default(),
        old_version: version(before),
        new_version: version(after),
        revoked_by: None,
        relation,
        fields: Vec::new(),
    }
}
