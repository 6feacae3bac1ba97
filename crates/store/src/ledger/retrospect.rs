//! Looking back: what met the same file, site, person or machine, however long ago, and who met it.

use super::Ledger;
use super::events::{EventFilter, LoggedEvent};
use crate::StoreError;
use lazaret_model::{Subject, SubjectKind};
use serde::Serialize;
use std::cmp::Reverse;
use std::collections::{BTreeMap, BTreeSet};

/// Events that are looked at in all.
const MOST_FOUND: usize = 50_000;

/// What was found when somebody looked back.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Retrospect {
    /// Events about anything of it, the newest first, each once.
    pub events: Vec<LoggedEvent>,
    /// There are more than were looked at.
    pub more: bool,
    /// Who met a file or a site of it, those whom something of it reached first.
    pub met: Vec<Met>,
}

/// Somebody who met something.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Met {
    /// The person; empty where nobody knows.
    pub person: String,
    /// The address of their machine; empty where nobody knows.
    pub client: String,
    /// When they met it first and last, in milliseconds since 1970.
    pub first: i64,
    /// When they met it last.
    pub last: i64,
    /// How often.
    pub number: u64,
    /// How often it was delivered to them.
    pub delivered: u64,
}

impl Ledger {
    /// Looks back for everything of a scope; of each part of it, at so many events at the most.
    ///
    /// # Errors
    /// When the ledger does not answer.
    pub async fn look_back(&self, scope: &[Subject], most: i64) -> Result<Retrospect, StoreError> {
        let (mut found, mut met): (BTreeMap<i64, LoggedEvent>, BTreeSet<i64>) = Default::default();
        let mut more = false;
        for subject in scope {
            for filter in filters(subject) {
                if found.len() >= MOST_FOUND {
                    more = true;
                    break;
                }
                let events = self.events(&filter, None, most).await?;
                more |= i64::try_from(events.len()).is_ok_and(|number| number >= most);
                if matches!(subject.kind, SubjectKind::Hash | SubjectKind::Site) {
                    met.extend(events.iter().map(|logged| logged.id));
                }
                found.extend(events.into_iter().map(|logged| (logged.id, logged)));
            }
        }
        let who = who_met(met.iter().filter_map(|id| found.get(id)));
        Ok(Retrospect { events: found.into_values().rev().collect(), more, met: who })
    }
}

/// The questions by which events about something are found; none where events do not say.
fn filters(subject: &Subject) -> Vec<EventFilter> {
    let (value, any) = (subject.value.clone(), EventFilter::default);
    match subject.kind {
        SubjectKind::Hash => vec![EventFilter { sha256: value, ..any() }],
        // A registered domain, or one of its hosts.
        SubjectKind::Site => {
            vec![EventFilter { domain: value.clone(), ..any() }, EventFilter { host: value, ..any() }]
        }
        SubjectKind::Person => vec![EventFilter { person: value, ..any() }],
        SubjectKind::Client => vec![EventFilter { client: value, ..any() }],
        SubjectKind::Group | SubjectKind::Technique => Vec::new(),
    }
}

fn who_met<'a>(events: impl Iterator<Item = &'a LoggedEvent>) -> Vec<Met> {
    let mut all: BTreeMap<(&str, &str), Met> = BTreeMap::new();
    for LoggedEvent { event, .. } in events {
        let met = all.entry((&event.person, &event.client)).or_insert_with(|| Met {
            person: event.person.clone(),
            client: event.client.clone(),
            first: event.at,
            last: event.at,
            number: 0,
            delivered: 0,
        });
        (met.first, met.last) = (met.first.min(event.at), met.last.max(event.at));
        met.number += 1;
        met.delivered += u64::from(event.decision == "deliver");
    }
    let mut all: Vec<_> = all.into_values().collect();
    all.sort_by_key(|met| (Reverse(met.delivered > 0), Reverse(met.last)));
    all
}
