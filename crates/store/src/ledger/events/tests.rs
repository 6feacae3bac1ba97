//! What is written together is numbered in its order and counted, whatever statements it takes.

use super::writing::write;
use super::*;
use std::collections::BTreeMap;

/// Milliseconds of a day, and a day on which nothing else happens.
const DAY: i64 = 86_400_000;
const FIRST_DAY: i64 = 15_000;
const TECHNIQUE: &str = "T9301.001";

/// Some are about techniques, four of them in a row: between them are runs for statements of every size.
fn mixed(gate: &str, number: i64) -> Event {
    let is_about_one = number % 50 == 7 || (100..104).contains(&number);
    let is_stopped = number % 4 == 0;
    Event {
        at: (FIRST_DAY + number / 200) * DAY + number,
        reference: format!("{gate}-{number}"),
        gate: gate.to_owned(),
        domain: if number % 10 == 9 { String::new() } else { format!("{gate}{}.example", number % 7) },
        name: format!("{number}.bin"),
        size: number,
        decision: if is_stopped { "block".into() } else { "deliver".into() },
        policy: if is_stopped { format!("policy {}", number % 3) } else { String::new() },
        techniques: if is_about_one { vec![TECHNIQUE.into()] } else { Vec::new() },
        ..Event::default()
    }
}

/// What both databases must do.
pub(in crate::ledger) async fn suite(ledger: &Ledger) {
    let at_once: Vec<Event> = (0..300).map(|number| mixed("batch", number)).collect();
    write(&ledger.write, &at_once.iter().collect::<Vec<_>>()).await.unwrap();
    check(ledger, &at_once, &at_once).await;
    // The same through the queue, with one among them that is there already.
    let mut waiting: Vec<Event> = (0..300).map(|number| mixed("queue", number)).collect();
    waiting[33].reference = "batch-5".to_owned();
    let mut outcomes = Vec::new();
    for event in &waiting {
        let (done, outcome) = oneshot::channel();
        assert!(ledger.appends.send(Append::new(event.clone(), done)).await.is_ok());
        outcomes.push(outcome);
    }
    for (number, outcome) in outcomes.into_iter().enumerate() {
        match outcome.await.unwrap() {
            Ok(()) => assert!(number != 33, "what is there already was written again"),
            Err(error) => assert!(number == 33 && matches!(error, StoreError::Record(_)), "{number}: {error}"),
        }
    }
    waiting.remove(33);
    let all: Vec<Event> = at_once.into_iter().chain(waiting.iter().cloned()).collect();
    check(ledger, &waiting, &all).await;
    late(ledger).await;
}

/// What was recorded hours late, behind what came after it, hides nothing from questions about times, and is found by them.
async fn late(ledger: &Ledger) {
    let (then, hour) = ((FIRST_DAY + 50) * DAY, 3_600_000);
    for (reference, at) in [("late-in-time", then + 5 * hour), ("late-by-hours", then)] {
        let (reference, gate) = (reference.to_owned(), "late".to_owned());
        ledger.record(Event { at, reference, gate, decision: "block".into(), ..Event::default() }).await.unwrap();
    }
    for (from, to, expected) in [
        (Some(then + hour), None, "late-in-time"),
        (None, Some(then + 2 * hour), "late-by-hours"),
        (Some(then), Some(then + 2 * hour), "late-by-hours"),
    ] {
        let filter = EventFilter { from, to, gate: "late".into(), ..EventFilter::default() };
        let found = ledger.events(&filter, None, 10).await.unwrap();
        let found: Vec<&str> = found.iter().map(|logged| logged.event.reference.as_str()).collect();
        assert_eq!(found, [expected], "{from:?} {to:?}");
        assert_eq!(ledger.count_events(&filter, i64::MAX).await.unwrap(), 1, "{from:?} {to:?}");
    }
}

/// That events of one gate are there in their order, and that all of them were counted.
async fn check(ledger: &Ledger, of_gate: &[Event], all: &[Event]) {
    let filter = EventFilter { gate: of_gate[0].gate.clone(), ..EventFilter::default() };
    let mut found = ledger.events(&filter, None, 1_000).await.unwrap();
    found.reverse();
    assert!(found.windows(2).all(|pair| pair[0].id < pair[1].id));
    let found: Vec<Event> = found.into_iter().map(|logged| logged.event).collect();
    assert!(found == of_gate, "{} events of {} came back, or in another order", found.len(), of_gate.len());

    let mut expected: BTreeMap<(i64, String, String), i64> = BTreeMap::new();
    let mut sites: BTreeMap<&str, (i64, i64)> = BTreeMap::new();
    for event in all {
        let mut count = |topic: &str, entry: &String| {
            *expected.entry((event.at / DAY, topic.to_owned(), entry.clone())).or_default() += 1;
        };
        count("decision", &event.decision);
        if event.decision == "block" {
            count("domain", &event.domain);
            count("policy", &event.policy);
        }
        if !event.domain.is_empty() {
            sites.entry(&event.domain).or_insert((event.at, 0)).1 += 1;
        }
    }
    let tallies = ledger.tallies(0).await.unwrap().into_iter().filter(|tally| tally.day <= FIRST_DAY + 1);
    let tallies: BTreeMap<_, _> = tallies.map(|tally| ((tally.day, tally.topic, tally.entry), tally.number)).collect();
    assert_eq!(tallies, expected);
    for (domain, (first_seen, number)) in sites {
        assert_eq!(ledger.site(domain).await.unwrap(), Some(SiteHistory { first_seen, number }), "{domain}");
    }

    let about: Vec<&Event> = all.iter().filter(|event| !event.techniques.is_empty()).collect();
    let filter = EventFilter { technique: TECHNIQUE.into(), ..EventFilter::default() };
    let found = ledger.events(&filter, None, 1_000).await.unwrap();
    let found: Vec<&str> = found.iter().rev().map(|logged| logged.event.reference.as_str()).collect();
    assert_eq!(found, about.iter().map(|event| event.reference.as_str()).collect::<Vec<_>>());
    let of_day = |day: i64| {
        let those: Vec<_> = about.iter().filter(|event| event.at / DAY == day).collect();
        let stopped = those.iter().filter(|event| event.decision == "block").count();
        (day, those.len() as i64, stopped as i64)
    };
    let sightings = ledger.sightings(&TECHNIQUE.into(), 0).await.unwrap();
    assert_eq!(sightings.days, [of_day(FIRST_DAY), of_day(FIRST_DAY + 1)]);
}

#[tokio::test]
async fn an_event_that_cannot_be_written_leaves_nothing_of_its_transaction() {
    let folder = tempfile::tempdir().unwrap();
    let address = format!("sqlite:{}", folder.path().join("ledger.sqlite").display());
    let ledger = Ledger::open(&address).await.unwrap();
    let mut events: Vec<Event> = (0..300).map(|number| mixed("batch", number)).collect();
    events[250].reference = "batch-5".to_owned();
    assert!(write(&ledger.write, &events.iter().collect::<Vec<_>>()).await.is_err());
    let (left, counted) = (ledger.recent(10).await.unwrap(), ledger.tallies(0).await.unwrap());
    assert!(left.is_empty() && counted.is_empty() && ledger.site("batch1.example").await.unwrap().is_none());
}
