//! What this installation saw of a technique of ATT&CK, and what stands for it here: for the technique's page and the command.

use super::shown_time;
use crate::Language;
use crate::texts::texts;
use lazaret_engine::{By, EMITTERS};
use lazaret_model::{DAY, TechniqueId};
use lazaret_policy::PolicyDescription;
use lazaret_store::{Sightings, TechniqueControl};
use serde::Serialize;
use std::borrow::Cow;
use std::collections::BTreeSet;

/// Weeks that are told apart, the last of them up to today.
const WEEKS: i64 = 12;
const DAYS_OF_A_WEEK: i64 = 7;

/// What was seen of a technique, and what stands for it. A sub-technique counts for its technique.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Coverage {
    /// The technique.
    pub technique: TechniqueId,
    /// Events of the last weeks, the oldest week first.
    pub weeks: Vec<Week>,
    /// The last day with an event; empty for never.
    pub last: String,
    /// What stopped how many in these weeks, most first.
    pub controls: Vec<TechniqueControl>,
    /// Policies in force that name it, one of its sub-techniques, or the technique that it belongs to.
    pub policies: Vec<NamedBy>,
    /// What says of things it finds that they are a sign of it, of one of its sub-techniques, or of the technique that it belongs to.
    pub emitters: Vec<SaidBy>,
    /// Lessons of those policies: id and title.
    pub lessons: Vec<(String, String)>,
}

/// Events of seven days.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Week {
    /// The first of the days.
    pub from: String,
    /// Events that are about the technique.
    pub seen: i64,
    /// Those of them that were held or blocked.
    pub stopped: i64,
}

/// A policy that names a technique.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct NamedBy {
    /// Its `@id`.
    pub id: String,
    /// Its `@title`.
    pub title: String,
    /// The technique that it names.
    pub technique: String,
    /// What it leads to by itself.
    pub decision: lazaret_model::Decision,
}

/// A part of the inspection that says a technique.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct SaidBy {
    /// What it is.
    pub by: By,
    /// Its name.
    pub name: &'static str,
    /// The techniques that it says.
    pub techniques: Vec<&'static str>,
}

impl Coverage {
    /// The first day (days since 1970) that counts, where today is another.
    pub const fn since(today: i64) -> i64 {
        today - WEEKS * DAYS_OF_A_WEEK + 1
    }

    /// What the ledger saw since then and what policies and the inspection say, put together.
    pub fn of(technique: TechniqueId, sightings: Sightings, policies: &[PolicyDescription], today: i64) -> Self {
        let since = Self::since(today);
        let weeks = (0..WEEKS).map(|week| {
            let from = since + week * DAYS_OF_A_WEEK;
            let days = sightings.days.iter().filter(|(day, ..)| (from..from + DAYS_OF_A_WEEK).contains(day));
            let (seen, stopped) = days.fold((0, 0), |sum, (_, all, stopped)| (sum.0 + all, sum.1 + stopped));
            Week { from: day(from), seen, stopped }
        });
        let weeks = weeks.collect();
        let naming = policies.iter().filter(|policy| names(policy, &technique));
        let policies: Vec<_> = naming.clone().filter_map(NamedBy::of).collect();
        let lessons: BTreeSet<_> = naming.filter(|policy| !policy.lesson.is_empty()).map(|p| &p.lesson).collect();
        let title = |id: &String| texts(Language::English).lesson(id).map_or("", |(title, _)| title).to_owned();
        let emitters = EMITTERS.iter().map(|emitter| SaidBy {
            by: emitter.by,
            name: emitter.name,
            techniques: emitter.kin_of(&technique),
        });
        Self {
            weeks,
            last: sightings.last.map(day).unwrap_or_default(),
            controls: sightings.controls,
            emitters: emitters.filter(|said| !said.techniques.is_empty()).collect(),
            lessons: lessons.into_iter().map(|id| (id.clone(), title(id))).collect(),
            policies,
            technique,
        }
    }

    /// Events of all these weeks, and those of them that were stopped.
    pub fn sum(&self) -> (i64, i64) {
        self.weeks.iter().fold((0, 0), |sum, week| (sum.0 + week.seen, sum.1 + week.stopped))
    }

    /// What was seen, in a sentence.
    pub fn said(&self) -> String {
        let weeks = WEEKS;
        match (self.sum(), self.last.as_str()) {
            ((0, _), "") => "Nothing about it has been seen here.".to_owned(),
            ((0, _), last) => format!(
                "Nothing about it has been seen here in the last {weeks} weeks; the latest event was on {last}."
            ),
            ((1, stopped), last) => {
                let done = if stopped == 1 { "which was stopped" } else { "which was delivered" };
                format!("1 event in the last {weeks} weeks, on {last}, {done}.")
            }
            ((seen, stopped), last) => {
                format!("{seen} events in the last {weeks} weeks, {stopped} of them stopped; the latest on {last}.")
            }
        }
    }
}

impl NamedBy {
    /// None for what nothing asks for: it stands for no technique.
    fn of(policy: &PolicyDescription) -> Option<Self> {
        Some(Self {
            id: policy.id.clone(),
            title: policy.title.clone(),
            technique: policy.technique.clone(),
            decision: policy.decision?,
        })
    }
}

/// Whether a policy names a technique, one of its sub-techniques, or the technique that it belongs to.
fn names(policy: &PolicyDescription, technique: &TechniqueId) -> bool {
    TechniqueId(Cow::Owned(policy.technique.clone())).is_kin(technique)
}

fn day(day: i64) -> String {
    shown_time(day.saturating_mul(DAY)).split(' ').next().unwrap_or_default().to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;
    use lazaret_model::Decision;

    fn policy(id: &str, technique: &str, lesson: &str) -> PolicyDescription {
        PolicyDescription {
            id: id.to_owned(),
            title: format!("About {id}"),
            forbids: true,
            decision: Some(Decision::Block),
            technique: technique.to_owned(),
            lesson: lesson.to_owned(),
            text: String::new(),
        }
    }

    #[test]
    fn a_technique_is_covered_by_what_names_it_and_its_sub_techniques_and_weeks_end_today() {
        let today = 20_000;
        let sightings = Sightings {
            days: vec![(today - 83, 1, 0), (today - 7, 2, 2), (today - 6, 4, 1), (today, 3, 0)],
            controls: Vec::new(),
            last: Some(today),
        };
        let unasked = PolicyDescription { decision: None, ..policy("unasked", "T1204", "") };
        let policies =
            [policy("sub", "T1204.002", "programs"), policy("other", "T1027", ""), policy("none", "", ""), unasked];
        let covered = Coverage::of("T1204".into(), sightings, &policies, today);
        let weeks: Vec<_> = covered.weeks.iter().map(|week| (week.seen, week.stopped)).collect();
        assert_eq!(weeks.len(), 12);
        assert_eq!((weeks[0], weeks[10], weeks[11]), ((1, 0), (2, 2), (7, 1)));
        assert_eq!(covered.said(), "10 events in the last 12 weeks, 3 of them stopped; the latest on 2024-10-04.");
        assert_eq!(covered.policies.iter().map(|policy| policy.id.as_str()).collect::<Vec<_>>(), ["sub"]);
        assert_eq!(covered.lessons.len(), 1);
        assert!(!covered.lessons[0].1.is_empty(), "the lesson has a title");
        assert!(covered.emitters.iter().any(|said| said.name == "clipboard" && said.techniques == ["T1204.004"]));
    }

    #[test]
    fn what_was_never_seen_is_said_plainly() {
        let never = Coverage::of("T1000".into(), Sightings::default(), &[], 20_000);
        assert_eq!(never.said(), "Nothing about it has been seen here.");
        let long_ago = Sightings { last: Some(10_000), ..Sightings::default() };
        let long_ago = Coverage::of("T1000".into(), long_ago, &[], 20_000);
        assert_eq!(
            long_ago.said(),
            "Nothing about it has been seen here in the last 12 weeks; the latest event was on 1997-05-19."
        );
        assert!(long_ago.policies.is_empty() && long_ago.emitters.is_empty() && long_ago.lessons.is_empty());
    }
}
