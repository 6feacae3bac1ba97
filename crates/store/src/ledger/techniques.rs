//! Techniques of ATT&CK that events are about: to find events by, and how many there were, which is kept when they are forgotten.

use super::{Event, Ledger};
use crate::StoreError;
use lazaret_model::TechniqueId;
use serde::Serialize;
use sqlx::{Any, AssertSqlSafe, Row, Transaction};
use std::borrow::Cow;
use std::cmp::Reverse;
use std::collections::{BTreeMap, BTreeSet};

/// Milliseconds of a day.
const DAY: i64 = 86_400_000;
/// Rows of one statement.
pub(super) const ROWS: usize = 200;
/// The decision of what was delivered.
const DELIVERED: &str = "deliver";

/// What events said about a technique, those about its sub-techniques among them.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Sightings {
    /// Days since 1970, with the number of all events and of those that were stopped; days without any are left out.
    pub days: Vec<(i64, i64, i64)>,
    /// What stopped how many on these days, most first.
    pub controls: Vec<TechniqueControl>,
    /// The last day on which there was any, however long ago.
    pub last: Option<i64>,
}

/// What stopped something: a policy at a gate.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct TechniqueControl {
    /// The gate.
    pub gate: String,
    /// The policy; empty where none decided.
    pub policy: String,
    /// How often.
    pub number: i64,
}

impl Ledger {
    /// What was seen of a technique since a day (days since 1970).
    ///
    /// # Errors
    /// When the ledger does not answer.
    pub async fn sightings(&self, technique: &TechniqueId, since_day: i64) -> Result<Sightings, StoreError> {
        let rows = sqlx::query(
            "SELECT day, gate, decision, policy, number FROM technique_tallies WHERE technique = $1 AND day >= $2",
        )
        .bind(technique.0.to_string())
        .bind(since_day)
        .fetch_all(&self.read)
        .await?;
        let mut days: BTreeMap<i64, (i64, i64)> = BTreeMap::new();
        let mut controls: BTreeMap<(String, String), i64> = BTreeMap::new();
        for row in rows {
            let (day, number): (i64, i64) = (row.try_get("day")?, row.try_get("number")?);
            let of_day = days.entry(day).or_default();
            of_day.0 += number;
            if row.try_get::<String, _>("decision")? != DELIVERED {
                of_day.1 += number;
                *controls.entry((row.try_get("gate")?, row.try_get("policy")?)).or_default() += number;
            }
        }
        let last = sqlx::query("SELECT day FROM technique_tallies WHERE technique = $1 ORDER BY day DESC LIMIT 1")
            .bind(technique.0.to_string())
            .fetch_optional(&self.read)
            .await?;
        let controls = controls.into_iter().map(|((gate, policy), number)| TechniqueControl { gate, policy, number });
        let mut controls: Vec<_> = controls.collect();
        controls.sort_by_key(|control| Reverse(control.number));
        Ok(Sightings {
            days: days.into_iter().map(|(day, (all, stopped))| (day, all, stopped)).collect(),
            controls,
            last: last.map(|row| row.try_get("day")).transpose()?,
        })
    }
}

/// What is to be counted of the events of one transaction: technique, day, gate, decision and policy.
#[derive(Default)]
pub(super) struct Seen {
    /// Techniques and numbers of the events that are about them.
    pairs: Vec<(String, i64)>,
    tallies: BTreeMap<(TechniqueId, i64, String, String, String), i64>,
}

impl Seen {
    /// Counts an event that was written under this number, and makes it one that is found by its techniques.
    pub(super) fn add(&mut self, id: i64, event: &Event) {
        for technique in with_parents(&event.techniques) {
            self.pairs.push((technique.0.to_string(), id));
            let day = event.at.div_euclid(DAY);
            let key = (technique, day, event.gate.clone(), event.decision.clone(), event.policy.clone());
            *self.tallies.entry(key).or_default() += 1;
        }
    }

    /// Writes it, and adds the numbers to those of other transactions: many rows at once, since an event has as many techniques as
    /// whoever made the file likes, and everybody's events wait.
    pub(super) async fn write(self, transaction: &mut Transaction<'_, Any>) -> Result<(), sqlx::Error> {
        for pairs in self.pairs.chunks(ROWS) {
            let sql = format!("INSERT INTO event_techniques (technique, event) VALUES {}", places(pairs.len(), 2));
            let mut query = sqlx::query(AssertSqlSafe(sql));
            for (technique, event) in pairs {
                query = query.bind(technique.clone()).bind(*event);
            }
            query.execute(&mut **transaction).await?;
        }
        let tallies: Vec<_> = self.tallies.into_iter().collect();
        for tallies in tallies.chunks(ROWS) {
            let sql = format!(
                "INSERT INTO technique_tallies (technique, day, gate, decision, policy, number) VALUES {} \
                 ON CONFLICT (technique, day, gate, decision, policy) \
                 DO UPDATE SET number = technique_tallies.number + excluded.number",
                places(tallies.len(), 6)
            );
            let mut query = sqlx::query(AssertSqlSafe(sql));
            for ((technique, day, gate, decision, policy), number) in tallies {
                query = query.bind(technique.0.to_string()).bind(*day).bind(gate.clone());
                query = query.bind(decision.clone()).bind(policy.clone()).bind(*number);
            }
            query.execute(&mut **transaction).await?;
        }
        Ok(())
    }
}

/// The places of so many rows' values in a statement: `($1, $2), ($3, $4)`.
pub(super) fn places(rows: usize, columns: usize) -> String {
    let row = |row: usize| {
        let places: Vec<_> = (1..=columns).map(|column| format!("${}", row * columns + column)).collect();
        format!("({})", places.join(", "))
    };
    (0..rows).map(row).collect::<Vec<_>>().join(", ")
}

/// Techniques as the column has them.
pub(super) fn written(techniques: &[TechniqueId]) -> String {
    let techniques: Vec<&str> = techniques.iter().map(|id| id.0.as_ref()).collect();
    techniques.join(" ")
}

/// The same, read.
pub(super) fn read(text: &str) -> Vec<TechniqueId> {
    text.split_ascii_whitespace().map(|id| TechniqueId(Cow::Owned(id.to_owned()))).collect()
}

/// Each once, with the techniques that sub-techniques belong to: an event about two of them is one about the technique.
fn with_parents(techniques: &[TechniqueId]) -> BTreeSet<TechniqueId> {
    let parents = techniques.iter().filter_map(TechniqueId::parent);
    techniques.iter().cloned().chain(parents).collect()
}

#[cfg(test)]
pub(super) mod tests;
