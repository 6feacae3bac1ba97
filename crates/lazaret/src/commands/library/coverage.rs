//! `lazaret library coverage`: what this installation saw of a technique, and what stands for it here.

use crate::cli::{Common, CoverageOptions};
use crate::config::Config;
use crate::control::policies_in_force;
use crate::display::{self, plain};
use crate::failure::Failure;
use crate::record;
use lazaret_console::Coverage;
use lazaret_model::DAY;
use lazaret_store::{EventFilter, LoggedEvent, Sightings, now};
use std::process::ExitCode;

/// Events that are shown.
const MOST_EVENTS: i64 = 10;

pub(crate) async fn run(common: &Common, options: &CoverageOptions) -> Result<ExitCode, Failure> {
    let config = Config::load(common.config.as_deref())?;
    let data = super::data(common);
    let today = now().div_euclid(DAY);
    let technique = options.technique.clone();
    // Whoever asks leaves no empty ledger behind.
    let known = !config.ledger.address.is_empty() || data.join(record::LEDGER).exists();
    let (sightings, events, saved) = if known {
        let ledger = record::open(&config, &data).await?;
        let filter = EventFilter { technique: technique.0.to_string(), ..EventFilter::default() };
        let sightings = ledger.sightings(&technique, Coverage::since(today)).await?;
        (sightings, ledger.events(&filter, None, MOST_EVENTS).await?, ledger.newest_policies().await?)
    } else {
        (Sightings::default(), Vec::new(), None)
    };
    let policies = policies_in_force(&config, saved.as_ref())?;
    let coverage = Coverage::of(technique, sightings, &policies, today);
    if options.json {
        let events: Vec<_> = events
            .iter()
            .map(|LoggedEvent { event, .. }| {
                serde_json::json!({
                    "reference": event.reference, "at": event.at, "gate": event.gate, "decision": event.decision,
                    "policy": event.policy, "name": event.name, "techniques": event.techniques,
                })
            })
            .collect();
        display::pretty_json(&serde_json::json!({ "coverage": coverage, "events": events }))?;
    } else {
        tell(&coverage, &events);
    }
    Ok(ExitCode::SUCCESS)
}

fn tell(coverage: &Coverage, events: &[LoggedEvent]) {
    let bold = anstyle::Style::new().bold();
    anstream::println!("{bold}{}{bold:#}", coverage.technique);
    anstream::println!("{}", coverage.said());
    for week in coverage.weeks.iter().filter(|week| week.seen > 0) {
        anstream::println!("  7 days from {}: {} seen, {} stopped", week.from, week.seen, week.stopped);
    }
    for control in &coverage.controls {
        let policy = if control.policy.is_empty() { "no policy permits it" } else { &control.policy };
        anstream::println!("  stopped {} times by {} ({})", control.number, plain(policy), plain(&control.gate));
    }
    for LoggedEvent { event, .. } in events {
        anstream::println!("  {} {} {}", plain(&event.reference), plain(&event.decision), plain(&event.name));
    }
    if coverage.policies.is_empty() && coverage.emitters.is_empty() {
        anstream::println!("No policy in force and no part of the inspection refers to this technique.");
    }
    for policy in &coverage.policies {
        let (decision, technique) = (policy.decision.name(), plain(&policy.technique));
        anstream::println!("policy {} ({technique}, {decision}): {}", plain(&policy.id), plain(&policy.title));
    }
    for said in &coverage.emitters {
        anstream::println!("{} {}: {}", said.by.name(), said.name, said.techniques.join(", "));
    }
    for (id, title) in &coverage.lessons {
        anstream::println!("lesson {} {}", plain(id), plain(title));
    }
}
