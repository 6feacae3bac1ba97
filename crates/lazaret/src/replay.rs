//! What other policies would have decided about what the ledger knows.

use lazaret_console::{Replayed, Simulation};
use lazaret_engine::decide_again;
use lazaret_formats::kind;
use lazaret_model::{Decision, Direction, Finding, Gate, Kind, Origin, Part, PartId, Role, ScanReport, plain};
use lazaret_policy::Policies;
use lazaret_store::{Event, LoggedEvent};
use std::collections::BTreeMap;
use std::time::{Duration, Instant};

/// How long a comparison may take; events of thousands of parts cost seconds each.
const TIME: Duration = Duration::from_secs(20);

/// Decides about every event with the policies in force and with others, and compares; about as many as there is time for.
pub(crate) fn compare(in_force: &Policies, others: &Policies, events: &[LoggedEvent]) -> Simulation {
    let end = Instant::now() + TIME;
    let mut simulation = Simulation::default();
    let mut counts: BTreeMap<(Decision, Decision), usize> = BTreeMap::new();
    for (at, logged) in events.iter().enumerate() {
        if Instant::now() > end {
            simulation.out_of_time = events.len() - at;
            break;
        }
        let event = &logged.event;
        let Some((before, after, policies)) = again(in_force, others, event) else {
            simulation.left_out += 1;
            continue;
        };
        simulation.replayed += 1;
        if before.name() != event.decision {
            simulation.drifted += 1;
        }
        if before != after {
            *counts.entry((before, after)).or_default() += 1;
            simulation.changes.push(Replayed {
                reference: event.reference.clone(),
                name: plain(&event.name),
                kind: event.kind.clone(),
                before: before.name(),
                after: after.name(),
                policies,
            });
        }
    }
    simulation.counts =
        counts.into_iter().map(|((before, after), number)| (before.name(), after.name(), number)).collect();
    simulation
}

fn again(in_force: &Policies, others: &Policies, event: &Event) -> Option<(Decision, Decision, Vec<String>)> {
    // What was refused without an inspection was not decided by a policy.
    if !event.reason.is_empty() {
        return None;
    }
    let (parts, findings) = seen(event)?;
    // The ledger does not keep whether a person navigated there, nor always what the site declared. Of what may have been,
    // that is taken under which the policies in force decide as was decided.
    let origins = origins(event, &parts[0]);
    let decided = |policies, origin| decide_again(policies, &event.name, &parts, &findings, origin).ok();
    let fitting = origins.iter().find_map(|origin| {
        let (decision, _) = decided(in_force, origin)?;
        (decision.name() == event.decision).then_some((origin, decision))
    });
    let (origin, before) = match fitting {
        Some(found) => found,
        None => (origins.first()?, decided(in_force, origins.first()?)?.0),
    };
    let (after, policies) = decided(others, origin)?;
    Some((before, after, policies))
}

/// The parts and findings of an event; of what was delivered, only the whole is known, and that nothing spoke against it.
fn seen(event: &Event) -> Option<(Vec<Part>, Vec<Finding>)> {
    if event.report.is_empty() {
        return (event.decision == Decision::Deliver.name()).then(|| (vec![whole(event)], Vec::new()));
    }
    let mut report: ScanReport = serde_json::from_str(&event.report).ok()?;
    if report.sha256.is_empty() {
        // Only its first bytes were seen, and decided about as if they were all.
        if let Some(part) = report.parts.first_mut() {
            part.complete = true;
        }
    }
    (!report.parts.is_empty()).then_some((report.parts, report.findings))
}

fn whole(event: &Event) -> Part {
    Part {
        id: PartId(0),
        parent: None,
        path: event.name.clone(),
        name: event.name.rsplit('/').next().unwrap_or_default().to_owned(),
        named: true,
        role: Role::Sample,
        depth: 0,
        kind: kind(&event.kind).map_or(Kind::UNKNOWN, |row| row.kind()),
        also: Vec::new(),
        size: u64::try_from(event.size).unwrap_or(0),
        sha256: event.sha256.clone(),
        sha1: None,
        md5: None,
        within: Vec::new(),
        declared_type: None,
        locked: false,
        complete: true,
        incomplete: Vec::new(),
        password: None,
        macros: false,
    }
}

fn origins(event: &Event, part: &Part) -> [Origin; 3] {
    let known = |text: &str| Some(text.to_owned()).filter(|text| !text.is_empty());
    let gates = [Gate::Scan, Gate::Proxy, Gate::Icap, Gate::Api, Gate::Guard];
    let origin = |navigation, declared_type| Origin {
        gate: gates.into_iter().find(|gate| gate.name() == event.gate).unwrap_or_default(),
        direction: if event.direction == Direction::Upload.name() { Direction::Upload } else { Direction::Download },
        person: known(&event.person),
        host: known(&event.host),
        domain: known(&event.domain),
        navigation,
        declared_type,
        ..Origin::default()
    };
    let declared = part.declared_type.clone();
    let usual = declared.clone().or_else(|| Some(part.kind.media_type.to_string()));
    [origin(true, declared.clone()), origin(false, declared), origin(false, usual)]
}

#[cfg(test)]
mod tests {
    use super::*;
    use lazaret_policy::{PolicyFile, built_in_policies};

    fn policies(text: &str) -> Policies {
        Policies::parse(&[PolicyFile { name: "x".into(), text: text.into() }]).unwrap()
    }

    fn event(name: &str, kind: &str, decision: &str) -> LoggedEvent {
        let event = Event {
            name: name.into(),
            reference: name.into(),
            kind: kind.into(),
            decision: decision.into(),
            gate: "proxy".into(),
            ..Event::default()
        };
        LoggedEvent { id: 1, event }
    }

    #[test]
    fn a_change_is_compared_with_what_is_in_force() {
        let built_in = built_in_policies().text;
        let stricter = format!(
            "{built_in}\n@id(\"no-zip\") @title(\"No archives\")\n\
             forbid (principal, action, resource) when {{ resource.kind == \"zip\" }};"
        );
        let mut failed = event("d.zip", "zip", "hold");
        failed.event.reason = "the worker died".into();
        let events = [
            event("a.zip", "zip", "deliver"),
            event("b.pdf", "pdf", "deliver"),
            // Only a page's own script is delivered: that is how it must have been.
            event("c.js", "js", "deliver"),
            failed,
        ];
        let same = compare(&policies(&built_in), &policies(&built_in), &events);
        assert_eq!((same.replayed, same.left_out, same.drifted, same.changes.len()), (3, 1, 0, 0));
        let changed = compare(&policies(&built_in), &policies(&stricter), &events);
        assert_eq!(changed.counts, [("deliver", "block", 1)]);
        assert_eq!(
            (changed.changes[0].reference.as_str(), changed.changes[0].policies[0].as_str()),
            ("a.zip", "no-zip")
        );
    }
}
