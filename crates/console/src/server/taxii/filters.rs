//! What clients ask of a collection (TAXII 2.1, 3.4): which objects, how many, and from where on.

use super::{Wrong, added, hash};
use axum::extract::Query;
use axum::extract::rejection::QueryRejection;
use axum::http::StatusCode;
use lazaret_attack::{View, kind_of};
use lazaret_store::{Release, Version};
use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;

/// Objects of an answer.
const MOST: usize = 1_000;
/// What can be asked.
const NAMES: [&str; 7] =
    ["added_after", "limit", "next", "match[id]", "match[type]", "match[version]", "match[spec_version]"];

/// The names and values of a query, in their order.
pub(super) type Questions = Result<Query<Vec<(String, String)>>, QueryRejection>;

/// What is asked for.
#[derive(Debug, Default)]
pub(super) struct Asked {
    added_after: Option<OffsetDateTime>,
    limit: usize,
    next: String,
    ids: Vec<String>,
    kinds: Vec<String>,
    versions: Vec<Wanted>,
    spec_versions: Vec<String>,
    /// Everything but how many and from where on, to know a filter by.
    filters: Vec<String>,
}

/// A version of an object.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Wanted {
    /// `first`, `last` or `all`: a collection has one version of each object, which is all of them.
    TheOnly,
    /// The one of this time.
    Of(OffsetDateTime),
}

/// A page of a collection.
pub(super) struct Page<'a> {
    /// Objects with their places in the collection.
    pub(super) entries: Vec<(usize, &'a Version)>,
    /// What the next page is asked for with.
    pub(super) next: Option<String>,
}

fn wrong(sentence: impl Into<String>) -> Wrong {
    Wrong(StatusCode::BAD_REQUEST, sentence.into())
}

fn time(text: &str) -> Option<OffsetDateTime> {
    OffsetDateTime::parse(text, &Rfc3339).ok()
}

impl Asked {
    /// Reads a query. What the specification does not name is passed over.
    ///
    /// # Errors
    /// When a value is not what it should be, or a name stands twice.
    pub(super) fn read(questions: Questions) -> Result<Self, Wrong> {
        let Query(pairs) = questions.map_err(|error| wrong(error.body_text()))?;
        let mut asked = Self { limit: MOST, ..Self::default() };
        let mut seen: Vec<&str> = Vec::new();
        for (name, value) in &pairs {
            if !NAMES.contains(&name.as_str()) {
                if name.starts_with("match[") {
                    return Err(wrong("only `id`, `type`, `version` and `spec_version` can be matched"));
                }
                continue;
            }
            // 3.4: each field once.
            if seen.contains(&name.as_str()) {
                return Err(wrong(format!("`{name}` is given twice; give several values in one, separated by commas")));
            }
            seen.push(name);
            asked.take(name, value)?;
        }
        asked.filters.sort();
        Ok(asked)
    }

    fn take(&mut self, name: &str, value: &str) -> Result<(), Wrong> {
        if value.is_empty() {
            return Ok(());
        }
        let list = || value.split(',').filter(|one| !one.is_empty()).map(str::to_owned).collect::<Vec<_>>();
        match name {
            "limit" => {
                let limit: usize = value.parse().map_err(|_| wrong("`limit` must be a whole number"))?;
                // Clients ask for 0 when they have no wish.
                self.limit = if limit == 0 { MOST } else { limit.min(MOST) };
            }
            "next" => value.clone_into(&mut self.next),
            "added_after" => {
                let after = time(value);
                let sentence = "`added_after` must be a timestamp, such as 2026-01-31T12:00:00Z";
                self.added_after = Some(after.ok_or_else(|| wrong(sentence))?);
            }
            "match[id]" => self.ids = list(),
            "match[type]" => self.kinds = list(),
            "match[spec_version]" => self.spec_versions = list(),
            _ => {
                for one in list() {
                    self.versions.push(match one.as_str() {
                        "first" | "last" | "all" => Wanted::TheOnly,
                        text => Wanted::Of(time(text).ok_or_else(|| {
                            wrong("`match[version]` must be `first`, `last`, `all` or the timestamp of a version")
                        })?),
                    });
                }
            }
        }
        if !["limit", "next"].contains(&name) {
            self.filters.push(format!("{name}={value}"));
        }
        Ok(())
    }

    /// The objects that are asked for, of those that a release has; `only` one of them.
    ///
    /// # Errors
    /// When `next` is none of ours, or was made for another release or another filter.
    pub(super) fn page<'a>(&self, view: &'a View, only: Option<&str>) -> Result<Page<'a>, Wrong> {
        let mark = self.mark(&view.release, only);
        let from: usize = match self.next.as_str() {
            "" => 0,
            text => {
                let (known, place) =
                    text.split_once('-').ok_or_else(|| wrong("`next` must be a value from an earlier response"))?;
                if known != mark {
                    let sentence = "`next` belongs to another release or other filters; start again without it";
                    return Err(wrong(sentence));
                }
                place.parse().map_err(|_| wrong("`next` must be a value from an earlier response"))?
            }
        };
        let after = self.added_after.map(OffsetDateTime::unix_timestamp_nanos);
        let is_new = |place: usize| after.is_none_or(|after| added(&view.release, place) * 1_000 > after);
        let own = if view.release.feed == "stix-2.1" { "2.1" } else { "2.0" };
        let is_spoken = self.spec_versions.is_empty() || self.spec_versions.iter().any(|one| one == own);
        let mut entries: Vec<(usize, &Version)> = Vec::new();
        let mut next = None;
        if is_spoken {
            let found = view.entries().enumerate().filter(|(place, _)| is_new(*place));
            let mut found = found.filter(|(_, entry)| self.fits(entry, only)).skip(from);
            entries.extend(found.by_ref().take(self.limit));
            next = found.next().map(|_| format!("{mark}-{}", from + entries.len()));
        }
        Ok(Page { entries, next })
    }

    fn fits(&self, entry: &Version, only: Option<&str>) -> bool {
        let is_version = |wanted: &Wanted| match wanted {
            Wanted::TheOnly => true,
            Wanted::Of(at) => time(stamp(entry)).as_ref() == Some(at),
        };
        only.is_none_or(|id| id == entry.stix_id)
            && (self.ids.is_empty() || self.ids.contains(&entry.stix_id))
            && (self.kinds.is_empty() || self.kinds.iter().any(|kind| kind == kind_of(&entry.stix_id)))
            && (self.versions.is_empty() || self.versions.iter().any(is_version))
    }

    /// What tells one list of objects from another: the release, and the filters.
    fn mark(&self, release: &Release, only: Option<&str>) -> String {
        let Release { feed, domain, name, sha256, .. } = release;
        let only = only.unwrap_or_default();
        let digits = hash(&[feed, domain, name, sha256, only, &self.filters.join("&")].join("\n"));
        data_encoding::HEXLOWER.encode(&digits[..10])
    }
}

/// What tells an object's versions apart: when it was changed, or made (3.4.1).
pub(super) fn stamp(entry: &Version) -> &str {
    if entry.modified.is_empty() { &entry.created } else { &entry.modified }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(pairs: &[(&str, &str)]) -> Result<Asked, String> {
        let pairs = pairs.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
        Asked::read(Ok(Query(pairs))).map_err(|Wrong(_, sentence)| sentence)
    }

    #[test]
    fn filters_are_those_of_the_specification() {
        let asked =
            read(&[("match[type]", "tool,malware"), ("match[version]", "last,2020-01-01T00:00:00Z"), ("x", "y")]);
        let asked = asked.unwrap();
        assert_eq!((asked.kinds.len(), asked.versions.len(), asked.limit), (2, 2, MOST));
        assert_eq!(read(&[("limit", "0")]).unwrap().limit, MOST);
        for (pairs, sentence) in [
            (&[("match[type]", "tool"), ("match[type]", "malware")][..], "`match[type]` is given twice"),
            (&[("limit", "1"), ("limit", "2")], "`limit` is given twice"),
            (&[("limit", "-1")], "whole number"),
            (&[("match[name]", "x")], "can be matched"),
            (&[("match[version]", "newest")], "`match[version]` must be"),
            (&[("added_after", "yesterday")], "a timestamp"),
        ] {
            assert!(read(pairs).unwrap_err().contains(sentence), "{pairs:?}");
        }
    }
}
