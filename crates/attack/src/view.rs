//! One release in memory: its objects, and what leads from and to each of them.

use crate::addresses::Shadowed;
use crate::object::texts;
use crate::{AttackError, is_live, kind_of, parse};
use lazaret_store::{Library, Release, Version};
use serde_json::{Map, Value};
use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;
use tokio::sync::OnceCell;

/// What an object says about another without a relationship: an analytic's log sources, a matrix's tactics.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Link {
    /// A detection strategy has this analytic.
    Analytic,
    /// An analytic rests on this data component.
    LogSource,
    /// A data component belongs to this data source.
    DataSource,
    /// A matrix has this tactic.
    Tactic,
}

impl Link {
    /// What the object that says so does with the other.
    pub fn forward(self) -> &'static str {
        match self {
            Self::Analytic | Self::Tactic => "has",
            Self::LogSource => "rests on",
            Self::DataSource => "belongs to",
        }
    }

    /// The same from the other end.
    pub fn backward(self) -> &'static str {
        match self {
            Self::Analytic | Self::Tactic => "part of",
            Self::LogSource => "used by",
            Self::DataSource => "has",
        }
    }
}

/// Who says what about whom, by object.
#[derive(Debug, Default)]
struct Links {
    forward: HashMap<i64, Vec<(Link, i64)>>,
    backward: HashMap<i64, Vec<(Link, i64)>>,
}

/// A release in memory.
pub struct View {
    /// The release.
    pub release: Release,
    entries: Vec<Arc<Version>>,
    by_object: HashMap<i64, usize>,
    by_stix_id: HashMap<String, usize>,
    by_attack_id: HashMap<String, Vec<usize>>,
    /// By STIX type.
    by_kind: HashMap<String, Vec<usize>>,
    /// Relationships by the object that they start at, and by the one that they lead to.
    from: HashMap<i64, Vec<usize>>,
    to: HashMap<i64, Vec<usize>>,
    /// STIX ids of ends of relationships that are not in the release.
    absent: HashMap<i64, String>,
    links: OnceCell<Links>,
}

impl View {
    /// Reads a release. Versions that releases in memory have as well are shared with them.
    ///
    /// # Errors
    /// When the database does not answer.
    pub(crate) async fn load(
        library: &Library,
        release: &Release,
        others: &[Arc<Self>],
        shadowed: &Shadowed,
    ) -> Result<Self, AttackError> {
        let members = library.counted(release.id).await?;
        // The first and the last release of an object depend on the track.
        let others = others.iter().filter(|other| other.release.track == release.track);
        let mut known: HashMap<i64, Arc<Version>> = HashMap::new();
        for entry in others.flat_map(|other| &other.entries) {
            known.entry(entry.id).or_insert_with(|| Arc::clone(entry));
        }
        let missing: Vec<i64> = members.iter().copied().filter(|id| !known.contains_key(id)).collect();
        for mut version in library.versions(&missing, release.track).await? {
            shadowed.mark(&mut version);
            known.insert(version.id, Arc::new(version));
        }
        let entries: Vec<Arc<Version>> = members.iter().filter_map(|id| known.get(id).cloned()).collect();
        let mut view = Self {
            release: release.clone(),
            by_object: HashMap::with_capacity(entries.len()),
            by_stix_id: HashMap::with_capacity(entries.len()),
            by_attack_id: HashMap::new(),
            by_kind: HashMap::new(),
            from: HashMap::new(),
            to: HashMap::new(),
            entries,
            absent: HashMap::new(),
            links: OnceCell::new(),
        };
        for (place, entry) in view.entries.iter().enumerate() {
            view.by_object.insert(entry.object, place);
            view.by_stix_id.insert(entry.stix_id.clone(), place);
            let kind = kind_of(&entry.stix_id);
            match view.by_kind.get_mut(kind) {
                Some(places) => places.push(place),
                None => drop(view.by_kind.insert(kind.to_owned(), vec![place])),
            }
            if !entry.attack_id.is_empty() {
                view.by_attack_id.entry(entry.attack_id.clone()).or_default().push(place);
            }
            if !entry.relation.is_empty() {
                view.from.entry(entry.from_object).or_default().push(place);
                view.to.entry(entry.to_object).or_default().push(place);
            }
        }
        let ends = view.entries.iter().filter(|entry| !entry.relation.is_empty());
        let ends = ends.flat_map(|entry| [entry.from_object, entry.to_object]);
        let absent: Vec<i64> = ends.filter(|number| !view.by_object.contains_key(number)).collect();
        if !absent.is_empty() {
            view.absent = library.stix_ids(&absent).await?;
        }
        Ok(view)
    }

    /// The STIX id of an object that relationships of the release name and that is not in it; empty for any other.
    pub fn absent(&self, object: i64) -> &str {
        self.absent.get(&object).map_or("", String::as_str)
    }

    fn entry(&self, place: usize) -> Option<&Version> {
        self.entries.get(place).map(Arc::as_ref)
    }

    /// Every object, in the order of the bundle.
    pub fn entries(&self) -> impl Iterator<Item = &Version> {
        self.entries.iter().map(Arc::as_ref)
    }

    /// Every object that is no relationship.
    pub fn nouns(&self) -> impl Iterator<Item = &Version> {
        self.entries().filter(|entry| entry.relation.is_empty())
    }

    /// An object by its number.
    pub fn object(&self, object: i64) -> Option<&Version> {
        self.by_object.get(&object).and_then(|place| self.entry(*place))
    }

    /// An object by its number, to keep.
    pub fn shared(&self, object: i64) -> Option<Arc<Version>> {
        self.by_object.get(&object).and_then(|place| self.entries.get(*place)).cloned()
    }

    /// Relationships of an object, to keep: those that start at it (`true`), then those that lead to it.
    pub fn relations(&self, object: i64) -> impl Iterator<Item = (&Arc<Version>, bool)> {
        let list = |map: &'_ HashMap<i64, Vec<usize>>| map.get(&object).cloned().unwrap_or_default();
        let both = list(&self.from).into_iter().map(|place| (place, true));
        let both = both.chain(list(&self.to).into_iter().map(|place| (place, false)));
        both.filter_map(|(place, outward)| Some((self.entries.get(place)?, outward)))
    }

    /// An object by its STIX id.
    pub fn stix_id(&self, stix_id: &str) -> Option<&Version> {
        self.by_stix_id.get(stix_id).and_then(|place| self.entry(*place))
    }

    /// Objects by their ATT&CK id: several can have the same.
    pub fn attack_id(&self, attack_id: &str) -> impl Iterator<Item = &Version> {
        let places = self.by_attack_id.get(attack_id).map_or(&[][..], Vec::as_slice);
        places.iter().filter_map(|place| self.entry(*place))
    }

    /// Relationships that start at an object.
    pub fn from(&self, object: i64) -> impl Iterator<Item = &Version> {
        let places = self.from.get(&object).map_or(&[][..], Vec::as_slice);
        places.iter().filter_map(|place| self.entry(*place))
    }

    /// Relationships that lead to an object.
    pub fn to(&self, object: i64) -> impl Iterator<Item = &Version> {
        let places = self.to.get(&object).map_or(&[][..], Vec::as_slice);
        places.iter().filter_map(|place| self.entry(*place))
    }

    /// How many objects of each STIX type there are, and how many of them are neither revoked nor deprecated.
    pub fn counts(&self) -> BTreeMap<String, (usize, usize)> {
        let mut counts = BTreeMap::new();
        for entry in self.entries() {
            let count: &mut (usize, usize) = counts.entry(kind_of(&entry.stix_id).to_owned()).or_default();
            count.0 += 1;
            count.1 += usize::from(is_live(entry));
        }
        counts
    }

    /// Objects of a STIX type.
    pub fn of_kind(&self, kind: &str) -> impl Iterator<Item = &Version> {
        let places = self.by_kind.get(kind).map_or(&[][..], Vec::as_slice);
        places.iter().filter_map(|place| self.entry(*place))
    }

    /// Techniques that serve a tactic, by its short name.
    pub fn techniques_of<'a>(&'a self, tactic: &'a str) -> impl Iterator<Item = &'a Version> {
        self.of_kind("attack-pattern").filter(move |entry| entry.tactics.lines().any(|line| line == tactic))
    }

    /// A tactic by its short name.
    pub fn tactic(&self, short_name: &str) -> Option<&Version> {
        self.of_kind("x-mitre-tactic").find(|entry| entry.tactics == short_name)
    }

    /// What an object says about others without a relationship, and what others say about it: `true` for its own words.
    ///
    /// # Errors
    /// When the database does not answer.
    pub async fn links(&self, library: &Library, object: i64) -> Result<Vec<(Link, bool, i64)>, AttackError> {
        let links = self.links.get_or_try_init(|| self.read_links(library)).await?;
        let list = |map: &HashMap<i64, Vec<(Link, i64)>>, own| {
            let found = map.get(&object).map_or(&[][..], Vec::as_slice).iter();
            found.map(|(link, other)| (*link, own, *other)).collect::<Vec<_>>()
        };
        let mut found = list(&links.forward, true);
        found.extend(list(&links.backward, false));
        Ok(found)
    }

    /// Reads what objects say about each other without relationships now, and not when it is first asked for.
    ///
    /// # Errors
    /// When the database does not answer.
    pub async fn prepare(&self, library: &Library) -> Result<(), AttackError> {
        self.links.get_or_try_init(|| self.read_links(library)).await.map(drop)
    }

    async fn read_links(&self, library: &Library) -> Result<Links, AttackError> {
        const TALKERS: [&str; 4] =
            ["x-mitre-detection-strategy", "x-mitre-analytic", "x-mitre-data-component", "x-mitre-matrix"];
        let talkers: Vec<_> = TALKERS.iter().flat_map(|kind| self.of_kind(kind)).collect();
        let ids: Vec<i64> = talkers.iter().map(|entry| entry.id).collect();
        let texts = library.bodies(&ids).await?;
        let mut links = Links::default();
        for entry in talkers {
            let Some(Ok(Value::Object(object))) = texts.get(&entry.id).map(|text| parse(text)) else { continue };
            for (link, other) in said(&object) {
                let Some(other) = self.stix_id(other) else { continue };
                let known = links.forward.entry(entry.object).or_default();
                if !known.contains(&(link, other.object)) {
                    known.push((link, other.object));
                    links.backward.entry(other.object).or_default().push((link, entry.object));
                }
            }
        }
        Ok(links)
    }
}

/// What an object says about others in its own fields.
fn said(object: &Map<String, Value>) -> Vec<(Link, &str)> {
    let mut found = Vec::new();
    for (field, link) in [("x_mitre_analytic_refs", Link::Analytic), ("tactic_refs", Link::Tactic)] {
        found.extend(texts(object, field).into_iter().map(|id| (link, id)));
    }
    if let Some(id) = object.get("x_mitre_data_source_ref").and_then(Value::as_str) {
        found.push((Link::DataSource, id));
    }
    let sources = object.get("x_mitre_log_source_references").and_then(Value::as_array);
    for source in sources.into_iter().flatten() {
        if let Some(id) = source.get("x_mitre_data_component_ref").and_then(Value::as_str) {
            found.push((Link::LogSource, id));
        }
    }
    found
}
