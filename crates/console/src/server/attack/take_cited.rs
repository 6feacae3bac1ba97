//! What the form of a take shows of its entry: its text, and its relationships and references, to pick evidence from.

use super::facts::named;
use super::take_form::{CITATION, ClaimFields, RELATIONSHIP};
use super::{MOST_PROSE, Where, steady};
use crate::prose::start_of;
use crate::server::Refused;
use lazaret_attack::{
    AttackError, Catalog, Choice, Effective, Found, Reference, Related, binding, kind_of, references, related,
    section_of, text_of,
};
use serde_json::{Map, Value};
use std::collections::HashSet;

/// Rows of a list beside those that are ticked. A hub has thousands of relationships; whoever looks for one narrows the list.
const MOST_LISTED: usize = 100;
/// Letters of a reference's description that a row shows.
const MOST_DESCRIPTION: usize = 300;

/// The entry that a take is about, in the release that its document names, with what can be cited.
pub(super) struct Entry {
    /// What people call it.
    name: String,
    stix_id: String,
    release: String,
    description: String,
    /// Relationships, each once.
    related: Vec<Related>,
    /// References, each name once.
    references: Vec<Reference>,
    /// The newest release, where it says something else than the document is bound to; empty otherwise.
    newest: String,
}

/// What the form shows of it.
pub(super) struct Subject {
    pub(super) name: String,
    pub(super) stix_id: String,
    pub(super) path: String,
    pub(super) release: String,
    pub(super) description: String,
    /// Only the beginning of the description is shown.
    pub(super) is_cut: bool,
    pub(super) newest: String,
    pub(super) lists: [Listed; 2],
    /// Words that narrow the lists.
    pub(super) sought: String,
}

/// A list to pick from.
pub(super) struct Listed {
    pub(super) title: &'static str,
    /// Those that are ticked, then the first of the others.
    pub(super) rows: Vec<Row>,
    /// All that the entry has.
    pub(super) all: usize,
    /// Those that the words fit and for which there is no room.
    pub(super) more: usize,
}

/// A piece of evidence to pick.
pub(super) struct Row {
    pub(super) value: String,
    pub(super) told: String,
    pub(super) more: String,
    pub(super) picks: Vec<Pick>,
}

/// A box to tick: this evidence, for this claim.
pub(super) struct Pick {
    /// Of the field.
    pub(super) name: String,
    /// Of the claim, as people count.
    pub(super) claim: usize,
    pub(super) is_ticked: bool,
}

impl Entry {
    /// What a document is about; `None` where it does not say, or nothing like that was ever imported.
    pub(super) async fn read(catalog: &Catalog, text: &str) -> Result<Option<Self>, Refused> {
        let Ok(Value::Object(document)) = serde_json::from_str(text) else { return Ok(None) };
        let Some((found, newest)) = find(catalog, &document).await? else { return Ok(None) };
        let bound = binding(&newest);
        let says = |name: &str, value: &str| text_of(&document, name) == value;
        let is_current = says("source_sha256", &bound.source_sha256)
            && says("relationships_sha256", &bound.relationships_sha256)
            && says("release", &found.view.release.name);
        let fields = catalog.fields(&found.version).await?;
        let mut related = related(&found.view, &found.version);
        let (mut ids, mut names) = (HashSet::new(), HashSet::new());
        // A relationship from an entry to itself is met twice.
        related.retain(|one| ids.insert(one.relation.stix_id.clone()));
        let mut references = references(&fields);
        references.retain(|one| !one.source_name.is_empty() && names.insert(one.source_name.clone()));
        Ok(Some(Self {
            name: named(&found.version),
            stix_id: found.version.stix_id.clone(),
            release: found.view.release.name.clone(),
            description: text_of(&fields, "description"),
            related,
            references,
            newest: if is_current { String::new() } else { bound.release },
        }))
    }

    /// Everything that the form can list, by kind and value.
    pub(super) fn citable(&self) -> HashSet<(&str, &str)> {
        let relationships = self.related.iter().map(|one| (RELATIONSHIP, one.relation.stix_id.as_str()));
        relationships.chain(self.references.iter().map(|one| (CITATION, one.source_name.as_str()))).collect()
    }

    /// What the form shows of it, with a box for each claim beside everything that can be cited.
    pub(super) fn shown(&self, claims: &[ClaimFields], sought: &str) -> Subject {
        let words: Vec<String> = sought.split_whitespace().map(str::to_lowercase).collect();
        let description = start_of(&self.description, MOST_PROSE);
        let relationships = Candidates {
            title: "Relationships",
            kind: RELATIONSHIP,
            all: &self.related,
            value: |one: &Related| one.relation.stix_id.as_str(),
            told: |one: &Related| (both_ends(&self.name, one), standing(one)),
        };
        let references = Candidates {
            title: "References",
            kind: CITATION,
            all: &self.references,
            value: |one: &Reference| one.source_name.as_str(),
            told: |one: &Reference| (one.source_name.clone(), source(one)),
        };
        Subject {
            name: self.name.clone(),
            stix_id: self.stix_id.clone(),
            path: object_path(&self.stix_id),
            release: self.release.clone(),
            is_cut: description.len() < self.description.len(),
            description: description.to_owned(),
            newest: self.newest.clone(),
            lists: [relationships.listed(claims, &words), references.listed(claims, &words)],
            sought: sought.to_owned(),
        }
    }
}

/// The document bound to what the newest release says of the same entry, which whoever asks for this reads in the form.
pub(super) async fn bound_to_newest(catalog: &Catalog, text: String) -> Result<String, Refused> {
    let Ok(Value::Object(mut document)) = serde_json::from_str(&text) else { return Ok(text) };
    let Some((_, newest)) = find(catalog, &document).await? else { return Ok(text) };
    let bound = binding(&newest);
    for (name, value) in [
        ("release", bound.release),
        ("source_sha256", bound.source_sha256),
        ("relationships_sha256", bound.relationships_sha256),
    ] {
        document.insert(name.to_owned(), value.into());
    }
    serde_json::to_string_pretty(&document).map_err(|error| Refused::Broken(error.to_string()))
}

/// The entry of a document in the release that it names, or where that has none in the newest one, and in the newest one.
async fn find(catalog: &Catalog, document: &Map<String, Value>) -> Result<Option<(Found, Found)>, Refused> {
    let field = |name: &str| text_of(document, name);
    let place = Where { feed: field("feed"), domain: field("domain"), release: field("release") };
    let Ok(choice) = place.choice() else { return Ok(None) };
    let object = field("object");
    let newest = match catalog.find(None, &object, &Choice { release: None, ..choice.clone() }).await {
        Ok(newest) => newest,
        Err(AttackError::Unknown(_)) => return Ok(None),
        Err(error) => return Err(error.into()),
    };
    match catalog.find(None, &object, &choice).await {
        Ok(found) if found.missing_in.is_none() => Ok(Some((found, newest))),
        Ok(_) | Err(AttackError::Unknown(_)) => Ok(Some((newest.clone(), newest))),
        Err(error) => Err(error.into()),
    }
}

/// What can be cited, of one kind: by what the document names it, and what people are told of it.
struct Candidates<'a, T, W> {
    title: &'static str,
    kind: &'static str,
    all: &'a [T],
    value: fn(&T) -> &str,
    told: W,
}

impl<T, W: Fn(&T) -> (String, String)> Candidates<'_, T, W> {
    /// Those that are ticked, and the first of the others that have every word.
    fn listed(&self, claims: &[ClaimFields], words: &[String]) -> Listed {
        let ticked: HashSet<&str> =
            claims.iter().flat_map(|claim| claim.ticked(self.kind)).map(String::as_str).collect();
        let (mut rows, mut others, mut more) = (Vec::new(), Vec::new(), 0);
        for one in self.all {
            let value = (self.value)(one);
            if ticked.contains(value) {
                rows.push(self.row(one, claims));
                continue;
            }
            if !words.is_empty() && !has(&(self.told)(one), value, words) {
                continue;
            }
            if others.len() < MOST_LISTED {
                others.push(self.row(one, claims));
            } else {
                more += 1;
            }
        }
        rows.append(&mut others);
        Listed { title: self.title, rows, all: self.all.len(), more }
    }

    fn row(&self, one: &T, claims: &[ClaimFields]) -> Row {
        let (value, (told, more)) = ((self.value)(one), (self.told)(one));
        let pick = |(claim, number): (&ClaimFields, usize)| Pick {
            name: format!("{}.{}", claim.name, self.kind),
            claim: number,
            is_ticked: claim.ticked(self.kind).contains(value),
        };
        let picks = claims.iter().zip(1..).map(pick).collect();
        // The form gives back values as they are, and shows names like any other page.
        Row { value: value.to_owned(), told: steady(told), more: steady(more), picks }
    }
}

/// Whether something that can be cited has every word, in whatever is told of it.
fn has((told, more): &(String, String), value: &str, words: &[String]) -> bool {
    let text = format!("{told}\n{more}\n{value}").to_lowercase();
    words.iter().all(|word| text.contains(word))
}

/// A relationship by its two ends: `M1047 Audit mitigates T1123 Audio Capture`.
fn both_ends(own: &str, one: &Related) -> String {
    let other = one.other.as_ref().map_or_else(Clone::clone, |other| named(other));
    let kind = one.relation.relation.replace('-', " ");
    if one.outward { format!("{own} {kind} {other}") } else { format!("{other} {kind} {own}") }
}

/// Why a relationship does not hold; empty for one that does.
fn standing(one: &Related) -> String {
    if one.status == Effective::Live { String::new() } else { one.status.told().to_owned() }
}

/// Where a reference leads, as its row says it.
fn source(one: &Reference) -> String {
    let description = start_of(&one.description, MOST_DESCRIPTION);
    let cut = if description.len() < one.description.len() { "…" } else { "" };
    let parts = [one.external_id.as_str(), &format!("{description}{cut}"), &one.url].map(str::to_owned);
    parts.into_iter().filter(|part| !part.is_empty()).collect::<Vec<_>>().join(" · ")
}

/// The page of an object, by its STIX id.
pub(super) fn object_path(stix_id: &str) -> String {
    format!("/{}/{stix_id}", section_of(kind_of(stix_id)).path)
}

#[cfg(test)]
mod tests {
    use super::super::take_form::Fields;
    use super::*;
    use serde_json::json;

    /// What the form lists of `all`, where the first claim of two rests on `ticked`.
    fn listed(all: &[String], ticked: &str, sought: &str) -> Listed {
        let claims = json!([{ "evidence": [{ "kind": RELATIONSHIP, "id": ticked }] }]);
        let fields = Fields::of(&json!({ "claims": claims }).to_string(), |_, _| true).unwrap();
        let candidates = Candidates {
            title: "Relationships",
            kind: RELATIONSHIP,
            all,
            value: |one: &String| one.as_str(),
            told: |one: &String| (format!("Group {one} uses it"), String::new()),
        };
        let words: Vec<String> = sought.split_whitespace().map(str::to_lowercase).collect();
        candidates.listed(fields.claims.get(..2).unwrap(), &words)
    }

    fn values(listed: &Listed) -> Vec<&str> {
        listed.rows.iter().map(|row| row.value.as_str()).collect()
    }

    #[test]
    fn a_hub_is_listed_in_part_and_what_is_ticked_always() {
        let all: Vec<String> = (0..250).map(|number| format!("n{number:03}")).collect();
        let list = listed(&all, "n200", "");
        assert_eq!((list.rows.len(), list.all, list.more), (MOST_LISTED + 1, 250, 149));
        assert_eq!(values(&list)[..3], ["n200", "n000", "n001"]);
        let ticks: Vec<_> =
            list.rows[0].picks.iter().map(|pick| (pick.name.as_str(), pick.claim, pick.is_ticked)).collect();
        assert_eq!(ticks, [("claim0.relationship", 1, true), ("claim1.relationship", 2, false)]);
        assert!(list.rows[1].picks.iter().all(|pick| !pick.is_ticked));
        let list = listed(&all, "n200", "USES n24");
        assert_eq!(list.more, 0);
        let mut expected = vec!["n200"];
        expected.extend(all[240..].iter().map(String::as_str));
        assert_eq!(values(&list), expected);
        assert_eq!(values(&listed(&all, "none of them", "n24 n25")), Vec::<&str>::new());
    }

    #[test]
    fn a_name_is_given_back_as_it_is_and_shown_so_that_it_steers_nothing() {
        let list = listed(&["a\u{202e}b".to_owned()], "", "");
        let row = &list.rows[0];
        assert_eq!((row.value.as_str(), row.told.as_str()), ("a\u{202e}b", "Group a\\u{202e}b uses it"));
    }
}
