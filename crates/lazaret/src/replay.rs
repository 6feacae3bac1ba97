//! What other policies would have decided about what the ledger knows.

use lazaret_console::{Replayed, Simulation};
use lazaret_engine::{Grounds, decide_again};
use lazaret_formats::kind;
use lazaret_model::{Basis, Decision, Direction, Finding, Gate, Kind, Known, Origin, Part, ScanReport, plain};
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
        let Some(Again { before, after, policies, guessed, partial, known }) = again(in_force, others, event) else {
            simulation.left_out += 1;
            continue;
        };
        simulation.replayed += 1;
        simulation.guessed += usize::from(guessed);
        simulation.partial += usize::from(partial);
        // Of what was refused before its end nobody could have known it.
        simulation.uncounted += usize::from(known == Known::Inspection && others.ask_ledger());
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

/// How an event is decided by the policies in force and by others.
struct Again {
    before: Decision,
    after: Decision,
    /// The ids of those of the others that decide.
    policies: Vec<String>,
    /// What it was judged by was not kept, and is guessed.
    guessed: bool,
    /// More parts than are kept: what is kept was decided about.
    partial: bool,
    /// How much was known when it was decided.
    known: Known,
}

fn again(in_force: &Policies, others: &Policies, event: &Event) -> Option<Again> {
    // What was refused without an inspection was not decided by a policy.
    if !event.reason.is_empty() {
        return None;
    }
    let Some(grounds) = Grounds::parse(&event.judged) else { return guessed(in_force, others, event) };
    let known = grounds.basis().known;
    // The report has more parts than the grounds, and the grounds have where it came from.
    if grounds.left_out() > 0
        && let Some((parts, findings)) = stopped(event)
    {
        let decided = |policies| decide_again(policies, &event.name, &parts, &findings, grounds.basis()).ok();
        let ((before, _), (after, policies)) = (decided(in_force)?, decided(others)?);
        return Some(Again { before, after, policies, guessed: false, partial: false, known });
    }
    let decided = |policies| grounds.decide(policies, &event.name).ok();
    let ((before, _), (after, policies)) = (decided(in_force)?, decided(others)?);
    Some(Again { before, after, policies, guessed: false, partial: grounds.left_out() > 0, known })
}

/// The same for an event of an older version, of which nobody knows whether a person navigated there, nor always what the site
/// declared. Of what may have been, that is taken under which the policies in force decide as was decided.
fn guessed(in_force: &Policies, others: &Policies, event: &Event) -> Option<Again> {
    let (parts, findings) = seen(event)?;
    let bases = bases(event, parts.first()?);
    let decided = |policies, basis| decide_again(policies, &event.name, &parts, &findings, basis).ok();
    let fitting = bases.iter().find_map(|basis| {
        let (decision, _) = decided(in_force, basis)?;
        (decision.name() == event.decision).then_some((basis, decision))
    });
    let (basis, before) = match fitting {
        Some(found) => found,
        None => (bases.first()?, decided(in_force, bases.first()?)?.0),
    };
    let (after, policies) = decided(others, basis)?;
    Some(Again { before, after, policies, guessed: true, partial: false, known: basis.known })
}

/// The parts and findings of an event; of what was delivered, only the whole is known, and that nothing spoke against it.
fn seen(event: &Event) -> Option<(Vec<Part>, Vec<Finding>)> {
    if event.report.is_empty() {
        return (event.decision == Decision::Deliver.name()).then(|| (vec![whole(event)], Vec::new()));
    }
    stopped(event)
}

/// The parts and findings that are kept of what was stopped.
fn stopped(event: &Event) -> Option<(Vec<Part>, Vec<Finding>)> {
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
        kind: kind(&event.kind).map_or(Kind::UNKNOWN, |row| row.kind()),
        sha256: event.sha256.clone(),
        ..Part::sample(&event.name, u64::try_from(event.size).unwrap_or(0))
    }
}

fn bases(event: &Event, part: &Part) -> [Basis; 3] {
    let known = if event.sha256.is_empty() { Known::FirstBytes } else { Known::Inspection };
    let basis =
        |navigation, declared_type| Basis { origin: origin(event, navigation, declared_type), prevalence: 0, known };
    let declared = part.declared_type.clone();
    let usual = declared.clone().or_else(|| Some(part.kind.media_type.to_string()));
    [basis(true, declared.clone()), basis(false, declared), basis(false, usual)]
}

fn origin(event: &Event, navigation: bool, declared_type: Option<String>) -> Origin {
    let known = |text: &str| Some(text.to_owned()).filter(|text| !text.is_empty());
    let gates = [Gate::Scan, Gate::Proxy, Gate::Icap, Gate::Api, Gate::Guard];
    Origin {
        gate: gates.into_iter().find(|gate| gate.name() == event.gate).unwrap_or_default(),
        direction: if event.direction == Direction::Upload.name() { Direction::Upload } else { Direction::Download },
        person: known(&event.person),
        host: known(&event.host),
        domain: known(&event.domain),
        navigation,
        declared_type,
        ..Origin::default()
    }
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
        assert_eq!(same.guessed, 3, "of events of an older version it is said that their origin is guessed");
        let changed = compare(&policies(&built_in), &policies(&stricter), &events);
        assert_eq!(changed.counts, [("deliver", "block", 1)]);
        assert_eq!(
            (changed.changes[0].reference.as_str(), changed.changes[0].policies[0].as_str()),
            ("a.zip", "no-zip")
        );
    }

    #[test]
    fn an_event_is_tried_by_the_origin_it_had_and_by_no_other() {
        let built_in = built_in_policies().text;
        let judged = |fields: &str| {
            let part = format!(
                "{{\"origin\":{{\"gate\":\"proxy\",{fields}}},\"parts\":[{{\"part\":\"a.txt\",\"name\":\"a.txt\",\
                 \"extension\":\"txt\",\"kind\":\"text\",\"class\":\"text\",\"kinds\":[\"text\"],\"classes\":[\"text\"]}}]}}"
            );
            assert!(Grounds::parse(&part).is_some(), "{part}");
            let mut event = event("a.txt", "text", "deliver");
            event.event.judged = part;
            event
        };
        let events = [
            judged("\"direction\":\"upload\""),
            judged("\"navigation\":true"),
            judged("\"navigation\":false,\"person\":\"ada\",\"groups\":[\"staff\"]"),
        ];
        for (condition, changed) in [
            ("context.direction == \"upload\"", 1),
            ("context.navigation", 1),
            ("principal in Lazaret::Group::\"staff\"", 1),
            ("context.direction == \"download\" && !context.navigation", 1),
            ("context.declared_type == \"text/plain\"", 0),
            ("context.gate == \"icap\"", 0),
        ] {
            let stricter = format!(
                "{built_in}\n@id(\"own\") @title(\"Own\")\nforbid (principal, action, resource) when {{ {condition} }};"
            );
            let tried = compare(&policies(&built_in), &policies(&stricter), &events);
            assert_eq!((tried.changes.len(), tried.guessed, tried.drifted), (changed, 0, 0), "{condition}");
        }
    }
}
