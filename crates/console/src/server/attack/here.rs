//! What this installation saw of a technique and what stands for it here, for the technique's page: apart from what MITRE says.

use super::Reader;
use crate::server::coverage::Coverage;
use crate::server::events::{Row, Tick, scale};
use crate::server::session::May;
use crate::server::{Refused, parts};
use lazaret_model::{DAY, TechniqueId};
use lazaret_store::{EventFilter, Version, now};
use std::borrow::Cow;

/// Events that are shown.
const NEWEST: i64 = 10;
/// Units of the chart from one bar to the next.
const STEP: i64 = 23;

/// The section of a page.
pub(super) struct Here {
    /// None for whoever may not view events.
    pub(super) seen: Option<Seen>,
}

pub(super) struct Seen {
    pub(super) coverage: Coverage,
    pub(super) said: String,
    pub(super) bars: Vec<Bar>,
    pub(super) ticks: Vec<Tick>,
    /// The newest events.
    pub(super) rows: Vec<Row>,
}

/// A week of the chart, in its units.
pub(super) struct Bar {
    pub(super) from: String,
    pub(super) delivered: i64,
    pub(super) stopped: i64,
    pub(super) x: i64,
    pub(super) delivered_y: i64,
    pub(super) delivered_height: i64,
    pub(super) stopped_y: i64,
    pub(super) stopped_height: i64,
}

/// What is known of an entry here; none where it is no technique.
pub(super) async fn here(
    console: &parts::Library,
    version: &Version,
    reader: &Reader,
) -> Result<Option<Here>, Refused> {
    let technique = TechniqueId(Cow::Owned(version.attack_id.clone()));
    if !version.stix_id.starts_with("attack-pattern--") || !technique.is_well_formed() {
        return Ok(None);
    }
    if reader.who.as_ref().is_none_or(|who| !who.may(May::View)) {
        return Ok(Some(Here { seen: None }));
    }
    let today = now().div_euclid(DAY);
    let sightings = console.ledger.sightings(&technique, Coverage::since(today)).await?;
    let filter = EventFilter { technique: technique.0.to_string(), ..EventFilter::default() };
    let newest = console.ledger.events(&filter, None, NEWEST).await?;
    let coverage = Coverage::of(technique, sightings, &console.control.policies().list, today);
    let (bars, ticks) = chart(&coverage);
    let (said, rows) = (coverage.said(), newest.into_iter().map(Row::of).collect());
    Ok(Some(Here { seen: Some(Seen { said, coverage, bars, ticks, rows }) }))
}

/// A bar for each week, and the scale, whose top is 100 units high.
fn chart(coverage: &Coverage) -> (Vec<Bar>, Vec<Tick>) {
    let top = scale(coverage.weeks.iter().map(|week| week.seen).max().unwrap_or(0));
    // What there was is seen, however much more there was in another week.
    let height = |number: i64| if number > 0 { (number * 100 / top).max(1) } else { 0 };
    let bars = coverage.weeks.iter().zip(0..).map(|(week, at): (_, i64)| {
        let delivered = week.seen - week.stopped;
        let (stopped_height, delivered_height) = (height(week.stopped), height(delivered));
        Bar {
            from: week.from.clone(),
            delivered,
            stopped: week.stopped,
            x: at * STEP,
            stopped_y: 100 - stopped_height,
            stopped_height,
            delivered_y: 100 - stopped_height - delivered_height,
            delivered_height,
        }
    });
    let ticks = [(0, 100), (top / 2, 50), (top, 0)].map(|(number, y)| Tick { number, y });
    (bars.collect(), ticks.into())
}
